package bench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"
)

// counted is how many statements the server makes.
type counted struct{ incident, repeat, idle float64 } // each, each, in a second

// statements counts them in Postgres's log, in a run whose connections have every one logged.
func (r *costs) statements(ctx context.Context) (c counted, err error) {
	logged, err := r.newNode("logged", r.pg.URL()+"&log_statement=all")
	if err != nil {
		return c, err
	}
	toLogged, err := newClient(logged.URL(), r.key, costClients)
	if err != nil {
		return c, err
	}
	r.Stop()
	usual, toUsual := r.Process, r.client
	defer func() {
		logged.Stop()
		r.Process, r.client = usual, toUsual
		if _, again := r.Start(ctx); err == nil {
			err = again
		}
	}()
	r.Process, r.client = logged, toLogged
	if _, err := r.Start(ctx); err != nil {
		return c, err
	}
	if err := r.warmUp(ctx); err != nil {
		return c, err
	}
	idle, took, err := r.logged(func() error { return pause(ctx, r.span(costPass)/2) })
	if err != nil {
		return c, err
	}
	c.idle = idle / took.Seconds()
	n, took, err := r.logged(func() error { return r.lives(ctx, "statements", r.incidents) })
	if err != nil {
		return c, err
	}
	c.incident = (n - c.idle*took.Seconds()) / float64(r.incidents)
	n, took, err = r.logged(func() error { return r.repeat(ctx, r.repeats) })
	c.repeat = (n - c.idle*took.Seconds()) / float64(r.repeats)
	return c, err
}

// logged counts the statements in Postgres's log that work adds to it.
func (r *rig) logged(work func() error) (n float64, took time.Duration, err error) {
	file := filepath.Join(r.o.Dir, "pg", "postgres.log")
	info, err := os.Stat(file)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := work(); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	return float64(countStatements(text[info.Size():])), took, nil
}

// countStatements counts them as log_statement writes them: one by one in a batch, too, and not what is
// only prepared.
func countStatements(log []byte) (n int) {
	for line := range bytes.Lines(log) {
		if _, text, ok := bytes.Cut(line, []byte("LOG:  ")); ok && (bytes.HasPrefix(text, []byte("execute ")) || bytes.HasPrefix(text, []byte("statement: "))) {
			n++
		}
	}
	return n
}
