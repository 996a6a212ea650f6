package prove

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"rouse/migrations/localpg"
	"rouse/notifiers/fake"
)

// runPostgres starts the rig's Postgres, for the first time or again: one that keeps what it says it has,
// and that knows when each transaction committed.
func (r *rig) runPostgres(ctx context.Context) error {
	params := map[string]string{"track_commit_timestamp": "on", "max_connections": "200"}
	for name, value := range r.layout.params {
		params[name] = value
	}
	pg, err := localpg.Start(ctx, localpg.Options{Dir: r.pgDir(), Getenv: r.t.o.Getenv, Params: params})
	if err == nil {
		r.pg = pg
	}
	return err
}

func (r *rig) pgDir() string { return filepath.Join(r.t.dir, "pg") }

// dropPostgres stops Postgres at once, without a checkpoint, as `pg_ctl stop -m immediate` does.
func (r *rig) dropPostgres() error {
	if err := syscall.Kill(r.pg.PID(), syscall.SIGQUIT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	select {
	case <-r.pg.Done():
	case <-time.After(20 * time.Second):
		return errors.New("Postgres did not stop within 20 s")
	}
	r.pg.Stop() // gives its folder free
	return nil
}

// withoutPostgres stops Postgres for a while. It is there again when this returns, also if ctx has ended.
func (r *rig) withoutPostgres(ctx context.Context, d time.Duration) error {
	from := time.Now()
	if err := r.dropPostgres(); err != nil {
		return err
	}
	fake.Sleep(ctx, d)
	ctx = context.WithoutCancel(ctx)
	if err := r.runPostgres(ctx); err != nil {
		return err
	}
	if err := r.answers(ctx, 20*time.Second); err != nil {
		return err
	}
	r.ledger.fault(fault{kind: away, from: from, to: time.Now()})
	return nil
}

// answers waits until the database has committed something.
func (r *rig) answers(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		r.db.Reset() // what it has is broken
		_, err := r.db.Exec(ctx, `select pg_logical_emit_message(true, 'prove', 'there')`)
		if err == nil {
			return nil
		}
		if !fake.Sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("the database does not answer: %w", err)
		}
	}
}
