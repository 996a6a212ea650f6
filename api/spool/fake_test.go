package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine"
	"rouse/engine/pager"
)

// soon is how long a test waits for what happens at once, on a machine that is busy with others.
const soon = time.Minute

var (
	errAway  = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}                      // as from a database that is not there
	errTaken = &pgconn.PgError{Code: "22P05", Message: "a character that the database cannot keep"} // as about an alert
)

// database stores alerts as the pager does: each Once counts once. How it is can be changed at any time.
type database struct {
	mu      sync.Mutex
	away    error                                     // what it answers instead; nil: it answers
	hangs   bool                                      // it answers nobody
	late    bool                                      // it stores, and the answer is lost
	judge   func(engine.Alert) error                  // what it thinks of an alert, nil: nothing
	gate    func(ctx context.Context, a engine.Alert) // is run before an alert is stored, without the lock
	stored  []engine.Alert                            // in their order
	seen    map[string]bool                           // by Once
	asked   int                                       // times
	changed chan struct{}                             // closed when something was stored or asked
}

func (d *database) Receive(ctx context.Context, a engine.Alert) (pager.Received, error) {
	d.mu.Lock()
	d.asked++
	d.tell()
	away, hangs, late, judge, gate := d.away, d.hangs, d.late, d.judge, d.gate
	d.mu.Unlock()
	if gate != nil {
		gate(ctx, a)
	}
	switch {
	case away != nil:
		return pager.Received{}, fmt.Errorf("receiving an alert: %w", away)
	case hangs:
		<-ctx.Done()
		return pager.Received{}, fmt.Errorf("receiving an alert: %w", ctx.Err())
	}
	if judge != nil {
		if err := judge(a); err != nil {
			return pager.Received{}, fmt.Errorf("receiving an alert: %w", err)
		}
	}
	got := d.store(a)
	if late {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return pager.Received{}, fmt.Errorf("receiving an alert: %w", ctx.Err())
	}
	return got, nil
}

func (d *database) store(a engine.Alert) pager.Received {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	if d.seen[a.Once] && a.Once != "" {
		return pager.Received{Key: "HOT-1", Outcome: pager.Repeated, DedupKey: a.DedupKey}
	}
	d.seen[a.Once] = true
	d.stored = append(d.stored, a)
	d.tell()
	return pager.Received{Key: "HOT-1", Outcome: pager.Opened, DedupKey: a.DedupKey}
}

func (d *database) tell() {
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *database) set(change func(*database)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *database) goAway() { d.set(func(d *database) { d.away = errAway }) }
func (d *database) comeBack() {
	d.set(func(d *database) { d.away, d.hangs, d.late = nil, false, false })
}

func (d *database) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *database) summaries() (all []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.stored {
		all = append(all, a.Summary)
	}
	return all
}

// until waits for something to be true of the database.
func (d *database) until(t testing.TB, what string, ok func(*database) bool) {
	t.Helper()
	limit := time.After(soon)
	for {
		d.mu.Lock()
		if ok(d) {
			d.mu.Unlock()
			return
		}
		if d.changed == nil {
			d.changed = make(chan struct{})
		}
		changed := d.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never: %s; stored is %q", what, d.summaries())
		}
	}
}

// journal is a log that can be looked through.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// node is a spool with what belongs to it.
type node struct {
	*Spool
	t     testing.TB
	db    *database
	log   *journal
	waits time.Duration // how long senders wait
	end   context.CancelFunc
	run   sync.WaitGroup
}

// newNode has a spool, which is not run yet. The database answers.
func newNode(t testing.TB, change ...func(*Config)) *node {
	t.Helper()
	n := &node{t: t, db: &database{}, log: &journal{}, waits: 2 * time.Second}
	c := Config{Dir: t.TempDir(), Limit: DefaultLimit, Next: n.db, Patience: 200 * time.Millisecond, Probe: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(n.log, nil))}
	for _, f := range change {
		f(&c)
	}
	n.Spool = New(c)
	t.Cleanup(n.stop)
	return n
}

// start runs the spool until stop.
func (n *node) start() *node {
	ctx, cancel := context.WithCancel(context.Background())
	n.end = cancel
	n.run.Go(func() { n.Run(ctx) })
	return n
}

func (n *node) stop() {
	if n.end != nil {
		n.end()
	}
	n.run.Wait()
	if err := n.Close(); err != nil {
		n.t.Error(err)
	}
}

// again is the next process on the same folder, with the same database.
func (n *node) again(change ...func(*Config)) *node {
	n.t.Helper()
	n.stop()
	db := n.db
	return newNode(n.t, append([]func(*Config){func(c *Config) { c.Dir, c.Next = n.cfg.Dir, db }}, change...)...).with(db)
}

func (n *node) with(db *database) *node { n.db = db; return n }

func trouble(i int) engine.Alert {
	return engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Summary: fmt.Sprintf("Shard %d is down", i), DedupKey: fmt.Sprintf("shard-%d", i)}
}

func summariesOf(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, trouble(i).Summary)
	}
	return all
}

// send hands an alert to the spool, as the intake does.
func (n *node) send(a engine.Alert) (pager.Received, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.waits)
	defer cancel()
	return n.Receive(ctx, a)
}

// want sends an alert and checks what becomes of it.
func (n *node) want(a engine.Alert, outcome pager.ReceiveOutcome) {
	n.t.Helper()
	got, err := n.send(a)
	if err != nil || got.Outcome != outcome || got.DedupKey != a.DedupKey {
		n.t.Fatalf("%s: got %+v, %v; want it %s", a.Summary, got, err, outcome)
	}
}

// refuses sends an alert that must not be accepted.
func (n *node) refuses(a engine.Alert, because error) {
	n.t.Helper()
	began := time.Now()
	got, err := n.send(a)
	if !errors.Is(err, because) || got != (pager.Received{}) {
		n.t.Fatalf("%s: got %+v, %v; want %v", a.Summary, got, err, because)
	}
	if took := time.Since(began); took > n.waits+5*time.Second { // a machine may be busy
		n.t.Errorf("the sender waited %s for its refusal", took)
	}
}

// becomes waits for a phase.
func (n *node) becomes(want phase) {
	n.t.Helper()
	limit := time.After(soon)
	for {
		n.mu.Lock()
		now, turned := n.phase, n.turned
		n.mu.Unlock()
		if now == want {
			return
		}
		select {
		case <-turned:
		case <-limit:
			n.t.Fatalf("it is %s and never %s: %+v\n%s", now, want, n.State(), n.log)
		}
	}
}

func (n *node) stored(want []string) {
	n.t.Helper()
	if got := n.db.summaries(); !slices.Equal(got, want) {
		n.t.Errorf("stored is %q\nwant %q", got, want)
	}
}
