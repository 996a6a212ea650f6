package pager

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine/enginedb"
)

// What an audit goes by. A node that gave no sign of life for nodeDead is not slow: a sweep is cut off after
// half of it, and a look into the queue takes milliseconds. What is tooLate has missed its time by ten times
// what any single failure costs.
const (
	nodeDead    = 10 * time.Second       // without a good sweep, or without a look into a queue that had room
	tooLate     = 5 * time.Second        // a deadline or a lease that nobody has looked after
	auditWithin = 2 * time.Second        // both questions to the database
	auditStands = 500 * time.Millisecond // how long an answer is good for: anybody may ask, as often as they like
	writeEvery  = 5 * time.Second        // at the most
)

// The checks, in the order in which they are told.
const (
	checkDatabase  = "database"
	checkSweeper   = "sweeper"
	checkQueue     = "queue"
	checkDeadlines = "deadlines"
	checkLeases    = "leases"
)

// Shared reports whether the check is about the whole instance, so that every node finds the same. Whoever
// chooses between nodes, as a load balancer does by /readyz, leaves such a check out: nothing would be less
// late without the node, and a storm that makes pages late would take every node away, and with them the
// alerts that are still to come. It is for the heartbeat, and for people.
func (c Check) Shared() bool { return c.Name == checkDeadlines || c.Name == checkLeases }

// audits keeps what the last audit found.
type audits struct {
	mu     sync.Mutex // held by the audit under way; who comes meanwhile gets its answer
	checks []Check
	at     time.Time
	wrote  time.Time // the last try that was committed
}

// Audit checks that everything that pages is alive. The database is asked what is overdue and, every few
// seconds, to commit something; sweeper and queue are this node's. An answer may be half a second old.
func (p *Pager) Audit(ctx context.Context) []Check {
	a := &p.audits
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.at) > auditStands {
		// Others wait for the answer, too, though whoever asked first may be gone.
		a.checks = p.audit(context.WithoutCancel(ctx))
		a.at = time.Now()
	}
	return slices.Clone(a.checks)
}

func (p *Pager) audit(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, auditWithin)
	defer cancel()
	late, err := enginedb.New(p.cfg.DB).Lateness(ctx, p.Offset(), tooLate)
	checks := []Check{p.auditDatabase(ctx, late, err), p.auditSweeper(), p.looks.audit()}
	if err != nil {
		const unknown = "not known while the database does not answer."
		return append(checks, Check{Name: checkDeadlines, Text: unknown}, Check{Name: checkLeases, Text: unknown})
	}
	return append(checks,
		auditOverdue(checkDeadlines, late.Deadlines, "Look for `tick failed` in the log; if there is none, there are too few nodes, or the database is too slow"),
		auditOverdue(checkLeases, late.Leases, "Look for `not sent` and `trying again` in the log: a provider or the database is slow, or there are too few nodes"))
}

func (p *Pager) auditDatabase(ctx context.Context, late enginedb.Lateness, err error) Check {
	c := Check{Name: checkDatabase}
	const primary = "is read-only: point ROUSE_DATABASE_URL at the primary (target_session_attrs=read-write)."
	switch {
	case err != nil:
		c.Text = fmt.Sprintf("does not answer: %s. Is Postgres up, and ROUSE_DATABASE_URL right?", reason(err))
		return c
	case late.ReadOnly:
		c.Text = primary
		return c
	}
	if time.Since(p.audits.wrote) >= writeEvery {
		err := enginedb.New(p.cfg.DB).TryWrite(ctx)
		switch sqlState(err) {
		case "25006": // read_only_sql_transaction
			c.Text = primary
			return c
		case "53100": // disk_full
			c.Text = "has no room left: free some of its disk. Until then no alert can be taken and nothing decided."
			return c
		}
		if err != nil {
			c.Text = fmt.Sprintf("answers, and a write does not commit: %s. See Postgres' log; is its disk full or slow, a synchronous standby away?", reason(err))
			return c
		}
		p.audits.wrote = time.Now()
	}
	c.OK, c.Text = true, "answers and can be written"
	return c
}

func (p *Pager) auditSweeper() Check {
	last := p.swept.Load()
	if last == 0 {
		return Check{Name: checkSweeper, Text: "has not run yet on this node: see its log if it stays so."}
	}
	if age := time.Since(time.Unix(0, last)); age > nodeDead {
		return Check{Name: checkSweeper, Text: fmt.Sprintf("last ran %s ago on this node: see its log, and restart it if the database answers.", age.Round(time.Second))}
	}
	if watched := p.watched.Load(); watched != 0 {
		if age := time.Since(time.Unix(0, watched)); age > nodeDead {
			return Check{Name: checkSweeper, Text: fmt.Sprintf("last looked at the heartbeats %s ago on this node: see its log, and restart it if the database answers.", age.Round(time.Second))}
		}
	}
	return Check{Name: checkSweeper, OK: true, Text: "runs"}
}

func auditOverdue(name string, o enginedb.Overdue, advice string) Check {
	if o.N == 0 {
		return Check{Name: name, OK: true, Text: "none overdue"}
	}
	number := fmt.Sprint(o.N)
	if o.N == enginedb.CountedOverdue {
		number += " or more"
	}
	return Check{Name: name, Text: fmt.Sprintf("%s overdue, the oldest by %s. %s.", number, o.Oldest.Round(time.Second), advice)}
}

// reason says why the database could not be asked. Anybody may read it, so it names no host and no user.
func reason(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name is not found"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("nothing came within %s", auditWithin)
	}
	return "no connection"
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
