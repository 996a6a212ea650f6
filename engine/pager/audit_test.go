package pager_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine/pager"
)

// checks are what an audit says, by name.
func checks(t *testing.T, p *pager.Pager) map[string]pager.Check {
	t.Helper()
	all := map[string]pager.Check{}
	for _, c := range p.Audit(t.Context()) {
		all[c.Name] = c
	}
	return all
}

// unstarted is a node that looks after nothing: what is late stays so.
func unstarted(t *testing.T, db *pgxpool.Pool) *pager.Pager {
	t.Helper()
	p, err := pager.New(pager.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestANodeThatHasJustStartedPassesItsAudit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	all := h.Audit(t.Context())
	if len(all) != 5 {
		t.Errorf("the audit has %d checks", len(all))
	}
	for _, c := range all {
		if !c.OK {
			t.Errorf("%s: %s", c.Name, c.Text)
		}
	}
}

func TestWhatIsOverdueIsToldByEveryNode(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	p := unstarted(t, h.db)
	h.exec(`insert into incident (key, severity, summary, status, opened_at, alerted_at, deadline)
		select 'HOT-' || n, 1, 'x', 'new', now(), now(), now() - interval '34 seconds' from generate_series(1, 1200) n`)
	h.exec(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until)
		values (1, 1, 1, 0, 'push', 'ann', 'queued', '', now(), 'x', now() - interval '1 minute')`)
	all := checks(t, p)
	for name, says := range map[string]string{
		"deadlines": "1000 or more overdue, the oldest by 34s",
		"leases":    "1 overdue, the oldest by 1m0s",
		"sweeper":   "has not run yet on this node",
	} {
		if c := all[name]; c.OK || !strings.Contains(c.Text, says) {
			t.Errorf("%s: %+v, want %q", name, c, says)
		}
		if c := all[name]; c.Shared() != (name != "sweeper") {
			t.Errorf("%s is shared: %v", name, c.Shared())
		}
	}
	if c := all["database"]; !c.OK || c.Shared() {
		t.Errorf("database: %+v", c)
	}
}

func TestADatabaseThatDoesNotAnswerFailsTheAudit(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	cfg := h.db.Config()
	cfg.ConnConfig.Host, cfg.ConnConfig.Port, cfg.ConnConfig.User = "127.0.0.1", 1, "secret"
	away, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	all := checks(t, unstarted(t, away))
	if c := all["database"]; c.OK || !strings.Contains(c.Text, "does not answer: connection refused. Is Postgres up") ||
		strings.Contains(c.Text, "127.0.0.1") || strings.Contains(c.Text, "secret") {
		t.Errorf("got %+v", c)
	}
	for _, name := range []string{"deadlines", "leases"} {
		if c := all[name]; c.OK || !strings.Contains(c.Text, "not known") {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

func TestADatabaseThatTakesNoWritesFailsTheAudit(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.exec(`create function refuse() returns trigger language plpgsql as
		'begin raise exception ''could not extend file'' using errcode = tg_argv[0]; end'`)
	for state, says := range map[string]string{
		"53100": "no room left: free some of its disk",
		"25006": "is read-only: point ROUSE_DATABASE_URL at the primary",
		"58030": "could not extend file (SQLSTATE 58030). See Postgres' log",
	} {
		h.exec(`create or replace trigger refuse before insert on probe for each row execute function refuse('` + state + `')`)
		p := unstarted(t, h.db)
		if c := checks(t, p)["database"]; c.OK || !strings.Contains(c.Text, says) {
			t.Errorf("%s: got %+v", state, c)
		}
		if state == "53100" { // it is tried again at once, not as seldom as one that went well
			h.exec(`drop trigger refuse on probe`)
			h.until("it can be written again", func() bool { return checks(t, p)["database"].OK })
		}
	}
	// A statement that hangs, as with a synchronous standby away, is not waited for.
	h.exec(`drop trigger if exists refuse on probe`)
	unlock := h.lock(`lock table probe`)
	defer unlock()
	began := time.Now()
	if c := checks(t, unstarted(t, h.db))["database"]; c.OK || !strings.Contains(c.Text, "nothing came within 2s") {
		t.Errorf("got %+v", c)
	}
	h.inTime("the audit of a database that hangs", began)
}

// counter counts statements.
type counter struct {
	of string // a part of them
	n  atomic.Int32
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (c *counter) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	if strings.Contains(d.SQL, c.of) {
		c.n.Add(1)
	}
}
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

func TestAFloodOfQuestionsCostsTheDatabaseLittle(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	asked, written := &counter{of: "transaction_read_only"}, &counter{of: "insert into probe"}
	began := time.Now()
	for _, c := range []*counter{asked, written} {
		p := unstarted(t, h.pool(8, c))
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { p.Audit(t.Context()) })
		}
		wg.Wait()
	}
	took := time.Since(began)
	if n, most := asked.n.Load(), 1+took/(500*time.Millisecond); n < 1 || n > int32(most) {
		t.Errorf("200 questions within %s were brought to the database %d times", took, n)
	}
	if n := written.n.Load(); n != 1 && took < 5*time.Second {
		t.Errorf("within %s it was written %d times", took, n)
	}
}

// A queue that has stopped is noticed without any work in it, and by what it does, not by how much there is.
func TestAQueueThatStopsFailsTheAudit(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.ForgetLooks()
	h.until("the queues are looked into again", func() bool { return checks(t, h.Pager)["queue"].OK })
	if err := h.CutOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.ForgetLooks()
	h.until("the audit says so", func() bool {
		c := checks(t, h.Pager)["queue"]
		return !c.OK && strings.Contains(c.Text, "send_email, send_push, send_sms, send_voice, withdraw")
	})
}
