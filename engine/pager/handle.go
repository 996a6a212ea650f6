package pager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// happening is one event for one incident, and what its transaction does besides.
type happening struct {
	id    int64
	event engine.Event
	named enginedb.Named
	skip  bool // leave an incident that somebody else holds: enginedb.ErrLocked

	// first runs under the lock, before Step; false leaves everything as it was.
	first func(ctx context.Context, tx pgx.Tx, inc engine.Incident, now time.Time) (bool, error)
}

// handle brings an event to its incident: one transaction locks, steps, saves, hands the sends to the
// queue and commits.
func (p *Pager) handle(ctx context.Context, h happening) error {
	return p.inTx(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (func(), error) {
		inc, err := enginedb.New(tx).Lock(ctx, h.id, h.named, p.Offset(), h.skip)
		if err != nil {
			return nil, err
		}
		if h.first != nil {
			if goOn, err := h.first(ctx, tx, inc.Incident, inc.Now); err != nil || !goOn {
				return nil, err
			}
		}
		return p.step(ctx, tx, inc, h.event, digits)
	})
}

// step lets the engine decide and carries out what it decided, inside the transaction. The function it
// returns is for after the commit.
func (p *Pager) step(ctx context.Context, tx pgx.Tx, inc enginedb.Locked, ev engine.Event, digits int) (func(), error) {
	w := world{ctx: ctx, db: rosterdb.New(tx), channels: p.cfg.Channels, people: map[rosters.PersonID]*rosters.Person{}}
	var after engine.Incident
	var effects []engine.Effect
	if err := recovered(func() error { after, effects = engine.Step(inc.Incident, ev, w.env(inc.Now)); return nil }); err != nil {
		return nil, fmt.Errorf("%w about %s: %w", errDecision, inc.Key, err)
	}
	if w.err != nil {
		return nil, fmt.Errorf("deciding about %s: %w", inc.Key, w.err)
	}
	if err := enginedb.New(tx).Save(ctx, inc, after, effects, digits); err != nil {
		return nil, err
	}
	if err := p.carry(ctx, tx, after, effects); err != nil {
		return nil, err
	}
	return func() {
		p.tell(inc, after, effects)
		p.hurry(after, inc.Now)
	}, nil
}

// carry hands what is to be sent or hung up to the queue, in the same transaction.
func (p *Pager) carry(ctx context.Context, tx pgx.Tx, inc engine.Incident, effects []engine.Effect) error {
	var jobs []river.InsertManyParams
	for _, ef := range effects {
		switch ef := ef.(type) {
		case engine.Send:
			if _, _, a := inc.Attempt(ef.Attempt); a.State == engine.Queued { // else answered in the same step
				jobs = append(jobs, river.InsertManyParams{Args: sendArgs{Incident: inc.ID, Attempt: ef.Attempt, Generation: 1},
					InsertOpts: &river.InsertOpts{Queue: sendQueue(a.Channel)}})
			}
		case engine.Withdraw:
			jobs = append(jobs, river.InsertManyParams{Args: withdrawArgs{Incident: inc.ID, Attempt: ef.Attempt}})
		case engine.Note: // saved with the incident
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := p.jobs.InsertManyFastTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("queueing %d sends of %s: %w", len(jobs), inc.Key, err)
	}
	// River leaves out its notification while another of the same queue, which may not be committed yet,
	// was made within FetchCooldown; the job would then wait for the next poll.
	var queues []string
	for _, j := range jobs {
		if q := queueOf(j); !slices.Contains(queues, q) {
			queues = append(queues, q)
		}
	}
	if _, err := tx.Exec(ctx, `select pg_notify('river.river_insert', json_build_object('queue', q)::text) from unnest($1::text[]) q`, queues); err != nil {
		return fmt.Errorf("waking the queue for %s: %w", inc.Key, err)
	}
	return nil
}

func queueOf(j river.InsertManyParams) string {
	if j.InsertOpts != nil {
		return j.InsertOpts.Queue
	}
	return withdrawQueue
}

// tell logs and counts what was decided; no numbers, no texts of alerts.
func (p *Pager) tell(before enginedb.Locked, after engine.Incident, effects []engine.Effect) {
	for _, ef := range effects {
		n, ok := ef.(engine.Note)
		if !ok {
			if send, ok := ef.(engine.Send); ok {
				_, _, a := after.Attempt(send.Attempt)
				p.metrics.attempts.WithLabelValues(string(a.Channel), "made").Inc()
			}
			continue
		}
		attrs := []slog.Attr{slog.String("key", string(after.Key)), slog.String("reason", string(n.Reason)), slog.Int("severity", int(after.Severity))}
		if n.Escalation > 0 {
			attrs = append(attrs, slog.Int("escalation", n.Escalation), slog.Int("level", n.Level+1))
		}
		if n.Person != "" {
			attrs = append(attrs, slog.String("person", string(n.Person)))
		}
		if n.Channel != "" {
			attrs = append(attrs, slog.String("channel", string(n.Channel)), slog.Int("attempt", n.Attempt))
		}
		level := slog.LevelInfo
		if n.Reason == engine.ReasonNobody {
			level = slog.LevelError
		}
		p.log.LogAttrs(context.Background(), level, "decided", attrs...)
		_, _, a := before.Attempt(n.Attempt)
		p.metrics.decided(n, a != nil)
	}
	if d := before.Deadline; !d.IsZero() && !d.After(before.Now) {
		p.metrics.lateness.Observe(before.Now.Sub(d).Seconds())
	}
}

// Codes are short, until they begin to run out: an alert is never refused for want of a code.
const (
	shortCode = 6
	longCode  = 8
)

// inTx runs f in a transaction, again when two of them met. What f returns runs after the commit. digits
// is the length of the codes that f may give out.
func (p *Pager) inTx(ctx context.Context, db *pgxpool.Pool, f func(tx pgx.Tx, digits int) (func(), error)) error {
	for try := 1; ; try++ {
		digits := shortCode
		if try > 2 {
			digits = longCode
		}
		var after func()
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
			after, err = f(tx, digits)
			return err
		})
		switch {
		case err == nil:
			if after != nil {
				after()
			}
			return nil
		case try < 5 && worthAnotherTry(err):
		default:
			return err
		}
	}
}

var (
	errMet      = errors.New("met another transaction")
	errDecision = errors.New("deciding") // a bug in the engine, or what it was given
)

// worthAnotherTry: deadlocks, serialisation failures, and a unique index hit by a code or an incident
// that somebody made at the same moment.
func worthAnotherTry(err error) bool {
	if errors.Is(err, errMet) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "23505")
}

// world answers what Step asks of the roster, inside the transaction. Step knows no errors: the first
// one is kept, and the transaction is given up.
type world struct {
	ctx      context.Context
	db       rosterdb.Store
	channels map[notifiers.Channel]notifiers.Notifier
	people   map[rosters.PersonID]*rosters.Person
	err      error
}

func (w *world) env(now time.Time) engine.Env {
	return engine.Env{
		Now:    now,
		OnCall: func(t engine.Target) []rosters.PersonID { return w.onCall(t, now) },
		Plan:   func(p rosters.PersonID, _ engine.Severity) []rosters.Contact { return w.usable(p) },
		Name:   func(p rosters.PersonID) string { return w.person(p).Name },
	}
}

func (w *world) onCall(t engine.Target, now time.Time) []rosters.PersonID {
	if t.Roster == "" {
		return []rosters.PersonID{t.Person}
	}
	r, err := w.db.RosterDuring(w.ctx, t.Roster, now, now.Add(time.Second))
	if err != nil {
		w.fail(err)
		return nil
	}
	return r.OnCall(now)
}

// usable is the person's plan without what is disabled or has no provider.
func (w *world) usable(id rosters.PersonID) []rosters.Contact {
	var plan []rosters.Contact
	for _, c := range w.person(id).Contacts {
		if _, ok := w.channels[notifiers.Channel(c.Channel)]; ok && !c.Disabled {
			plan = append(plan, c)
		}
	}
	return plan
}

func (w *world) person(id rosters.PersonID) *rosters.Person {
	if p, ok := w.people[id]; ok {
		return p
	}
	p, err := w.db.Person(w.ctx, id)
	if err != nil {
		w.fail(err)
		p = rosters.Person{ID: id, Name: string(id)}
	}
	w.people[id] = &p
	return &p
}

// fail keeps an error. A roster or person that is gone is no error: nobody is on call there.
func (w *world) fail(err error) {
	if w.err == nil && !errors.Is(err, rosterdb.ErrNotFound) {
		w.err = err
	}
}
