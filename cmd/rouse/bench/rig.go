package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/cmd/rouse/node"
	"rouse/migrations"
	"rouse/migrations/localpg"
)

// clients is how many connections a storm comes over.
const clients = 32

// rig is a server under measurement with what it needs: a database, and a provider that says when it
// was called.
type rig struct {
	*node.Process
	o        Options
	pg       *localpg.Server
	db       *pgxpool.Pool
	provider *provider
	key      string
	client   *client

	services, people int                          // made so far
	crashed          atomic.Pointer[node.Process] // a server that ended by itself: what was measured since is worth nothing
}

func newRig(ctx context.Context, o Options) (_ *rig, err error) {
	r := &rig{o: o}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	o.Say("starting a Postgres, a provider and a server")
	if r.pg, err = localpg.Start(ctx, localpg.Options{Dir: filepath.Join(o.Dir, "pg"), Getenv: o.Getenv,
		Params: map[string]string{"max_connections": "200"}}); err != nil { // three servers, and 32 clients of its own
		return nil, err
	}
	if r.db, err = pgxpool.New(ctx, r.pg.URL()); err != nil {
		return nil, err
	}
	if _, err = migrations.Up(ctx, r.db); err != nil {
		return nil, err
	}
	if err = r.seed(ctx); err != nil {
		return nil, err
	}
	if r.provider, err = startProvider(); err != nil {
		return nil, err
	}
	if r.Process, err = r.newNode("server", r.pg.URL()); err != nil {
		return nil, err
	}
	if r.client, err = newClient(r.URL(), r.key, clients); err != nil {
		return nil, err
	}
	_, err = r.Start(ctx)
	return r, err
}

// instead runs a server with more settings in the place of the usual one, until back is called.
func (r *rig) instead(ctx context.Context, name string, settings ...string) (to *client, back func() error, err error) {
	other, err := r.newNode(name, r.pg.URL())
	if err != nil {
		return nil, nil, err
	}
	other.Environ = append(other.Environ, settings...)
	r.Stop()
	back = func() error {
		other.Stop()
		_, err := r.Start(context.WithoutCancel(ctx))
		return err
	}
	if _, err = other.Start(ctx); err == nil {
		to, err = newClient(other.URL(), r.key, clients)
	}
	if err != nil {
		return nil, nil, errors.Join(err, back())
	}
	return to, back, nil
}

// newNode is a server on a database, not started yet.
func (r *rig) newNode(name, database string) (*node.Process, error) {
	address, err := node.FreeAddress()
	if err != nil {
		return nil, err
	}
	n := &node.Process{Executable: r.o.Executable, Address: address, Log: filepath.Join(r.o.Dir, name+".log"), Environ: []string{
		"ROUSE_DATABASE_URL=" + database, "ROUSE_LISTEN=" + address, "ROUSE_PUBLIC_URL=http://" + address, "ROUSE_NTFY_URL=" + r.provider.URL(),
		"ROUSE_ALLOW_PRIVATE_ADDRESSES=true", "ROUSE_SPOOL_LIMIT=0", "ROUSE_LOG_FORMAT=json", "PATH=" + r.o.Getenv("PATH"), "HOME=" + r.o.Getenv("HOME")}}
	n.Crashed = func() { r.crashed.Store(n) }
	return n, nil
}

func (r *rig) close() {
	if r.Process != nil {
		r.Stop()
	}
	if r.provider != nil {
		r.provider.Close()
	}
	if r.db != nil {
		r.db.Close()
	}
	if r.pg != nil {
		r.pg.Stop()
	}
}

// settle returns when nothing is being sent any more and every report is written.
func (r *rig) settle(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); ; {
		var busy int
		if err := r.db.QueryRow(ctx, `select count(*) from attempt where state in ('queued', 'sending')`).Scan(&busy); err != nil || busy == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d attempts are still queued or being sent a minute after the last page", busy)
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// drop withdraws what is still to be sent, where only intake is measured: one person is told of no more than a few
// hundred incidents a second.
func (r *rig) drop(ctx context.Context) error {
	_, err := r.db.Exec(ctx, `update attempt set state = 'withdrawn', unwanted = true where state = 'queued'`)
	return err
}

// forget begins an experiment without the pushes of the one before, and with nothing open: the tables
// that grow with incidents are as small as on the first day.
func (r *rig) forget(ctx context.Context) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	if _, err := r.db.Exec(ctx, `truncate incident, escalation, page, attempt, alert, timeline, seen, post, river.river_job cascade`); err != nil {
		return err
	}
	r.provider.forget()
	return nil
}

// saying reports every few seconds, until the function that it returns is called.
func (r *rig) saying(what func() string) (stop func()) {
	done := make(chan struct{})
	go func() {
		for tick := time.NewTicker(5 * time.Second); ; {
			select {
			case <-tick.C:
				r.o.Say("  " + what())
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	return func() { close(done) }
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
