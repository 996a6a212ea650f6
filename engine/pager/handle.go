package pager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
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
		found, err := enginedb.New(tx).Lock(ctx, []enginedb.Want{{ID: h.id, Named: h.named}}, p.Offset(), h.skip)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 0 && h.skip:
			return nil, enginedb.ErrLocked
		case len(found) == 0:
			return nil, fmt.Errorf("incident %d: %w", h.id, enginedb.ErrNotFound)
		}
		w := p.work(ctx, tx, digits, found[0].Now)
		d := w.draft(found[0])
		if err := w.resume(d); err != nil {
			return nil, err
		}
		if h.first != nil {
			if goOn, err := h.first(ctx, tx, d.After, found[0].Now); err != nil || !goOn {
				return nil, err
			}
		}
		if err := w.step(d, h.event); err != nil {
			return nil, err
		}
		return w.save()
	})
}

// work is what one transaction does to incidents, at one instant.
type work struct {
	p      *Pager
	ctx    context.Context
	tx     pgx.Tx
	digits int
	world  *world
	drafts []*draft
}

// draft is one of its incidents: as it was, and as the events so far have made it.
type draft struct {
	enginedb.Change
	resumed bool // it was told of the stop that it went through, if any
}

// first is the alert that opened the incident in this transaction, nil if that was in an earlier one.
func (d *draft) first() *engine.Alert {
	if d.Before.ID != 0 || len(d.Alerts) == 0 {
		return nil
	}
	return &d.Alerts[0]
}

func (p *Pager) work(ctx context.Context, tx pgx.Tx, digits int, now time.Time) *work {
	return &work{p: p, ctx: ctx, tx: tx, digits: digits, world: p.worldAt(ctx, tx, now)}
}

// worldAt is the world at an instant.
func (p *Pager) worldAt(ctx context.Context, db enginedb.DB, now time.Time) *world {
	return &world{ctx: ctx, db: rosterdb.New(db), incidents: enginedb.New(db), routing: &p.routing, channels: p.cfg.Channels, usable: p.usable, receipts: p.receipts, now: now,
		people: map[rosters.PersonID]rosters.Person{}, onCall: map[rosters.RosterID][]rosters.PersonID{}}
}

func (w *work) draft(inc enginedb.Locked) *draft {
	d := &draft{Change: enginedb.Change{Before: inc, After: inc.Incident}}
	d.Before.Now = w.world.now
	w.drafts = append(w.drafts, d)
	return d
}

// resume tells an incident of a stop before anything else happens to it (rule 18).
func (w *work) resume(d *draft) error {
	if d.resumed || d.Before.StoppedAt.IsZero() {
		return nil
	}
	d.resumed = true
	return w.step(d, engine.Resumed{Stopped: w.world.now.Sub(d.Before.StoppedAt)})
}

// step lets the engine decide.
func (w *work) step(d *draft, ev engine.Event) error {
	if err := w.resume(d); err != nil {
		return err
	}
	var effects []engine.Effect
	env := w.world.env()
	env.Held = func(inc engine.Incident) engine.Held { return w.world.held(inc, d.first()) }
	err := recovered(func() error { d.After, effects = engine.Step(d.After, ev, env); return nil })
	if err != nil {
		return fmt.Errorf("%w about %s: %w", errDecision, d.After.Key, err)
	}
	if w.world.err != nil {
		return fmt.Errorf("deciding about %s: %w", d.After.Key, w.world.err)
	}
	d.Effects = append(d.Effects, effects...)
	return nil
}

// save writes what was decided, and hands the sends to the queue. The function it returns is for after
// the commit.
func (w *work) save() (func(), error) {
	changes := make([]enginedb.Change, 0, len(w.drafts))
	for _, d := range w.drafts {
		changes = append(changes, d.Change)
	}
	if err := enginedb.New(w.tx).Save(w.ctx, changes, w.digits); err != nil {
		return nil, err
	}
	if err := w.p.carry(w.ctx, w.tx, changes); err != nil {
		return nil, err
	}
	if err := w.p.tellTaken(w.ctx, w.tx, changes); err != nil {
		return nil, err
	}
	if err := endDrills(w.ctx, w.tx, changes); err != nil {
		return nil, err
	}
	return func() {
		for _, c := range changes {
			w.p.tell(c.Before, c.After, c.Effects)
			w.p.hurry(c.After, c.Before.Now)
		}
	}, nil
}

// carry hands what is to be sent or hung up to the queue, in the same transaction.
func (p *Pager) carry(ctx context.Context, tx pgx.Tx, changes []enginedb.Change) error {
	var jobs []river.InsertManyParams
	for _, c := range changes {
		crowded, err := p.crowded(ctx, tx, c)
		if err != nil {
			return err
		}
		jobs = append(jobs, p.jobsFor(c, crowded)...)
	}
	if len(jobs) == 0 {
		return nil
	}
	// Not the fast way, which knows no databaseTime.
	if _, err := p.jobs.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("queueing %d sends, of %s among others: %w", len(jobs), changes[0].After.Key, err)
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
		return fmt.Errorf("waking the queue for %s: %w", changes[0].After.Key, err)
	}
	return nil
}

// crowded are the addresses of those who were told of the incident before and may be told no more for now.
func (p *Pager) crowded(ctx context.Context, tx pgx.Tx, c enginedb.Change) ([]enginedb.Address, error) {
	var to []enginedb.Address
	for _, ef := range c.Effects {
		send, ok := ef.(engine.Send)
		if !ok {
			continue
		}
		_, _, a := c.After.Attempt(send.Attempt)
		if p.cfg.Caps[a.Channel].N > 0 && c.Again(send.Attempt) {
			to = append(to, enginedb.Address{Channel: a.Channel, Address: a.Address})
		}
	}
	if to == nil {
		return nil, nil
	}
	return enginedb.New(tx).Crowded(ctx, c.After.ID, to, p.cfg.Caps, p.Offset())
}

// jobsFor leaves to the sweeper what is to be sent together: in a storm, and after a stop (rule 12).
func (p *Pager) jobsFor(c enginedb.Change, crowded []enginedb.Address) (jobs []river.InsertManyParams) {
	resumed := !c.Before.StoppedAt.IsZero()
	for _, ef := range c.Effects {
		switch ef := ef.(type) {
		case engine.Send:
			_, _, a := c.After.Attempt(ef.Attempt)
			if a.State != engine.Queued || resumed { // not queued: answered in the same step
				continue
			}
			rank := notifiers.RankOf(int(c.After.Severity), c.Again(ef.Attempt), c.After.Drill)
			if slices.Contains(crowded, enginedb.Address{Channel: a.Channel, Address: a.Address}) || !p.calm(c.After, a) {
				continue
			}
			jobs = append(jobs, river.InsertManyParams{
				Args:       sendArgs{Incident: c.After.ID, Attempt: ef.Attempt, Generation: 1, Channel: a.Channel, Rank: rank},
				InsertOpts: &river.InsertOpts{Queue: sendQueue(a.Channel), Priority: 1 + min(int(rank), 3)}})
		case engine.Withdraw:
			jobs = append(jobs, river.InsertManyParams{Args: withdrawArgs{Incident: c.After.ID, Attempt: ef.Attempt}})
		case engine.Note: // saved with the incident
		}
	}
	return jobs
}

// calm reports whether an attempt may go out at once. A drill takes the room of no page: only its call, which keeps
// the phone busy, is counted.
func (p *Pager) calm(inc engine.Incident, a *engine.Attempt) bool {
	return inc.Drill && a.Channel != rosters.Voice || p.storm.calm(place{a.Channel, a.Address})
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
			if send, ok := ef.(engine.Send); ok && !after.Drill {
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
		if _, _, a := before.Attempt(n.Attempt); !after.Drill {
			p.metrics.decided(n, a != nil)
		}
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

// meetings is how often a transaction is tried when it meets others.
const meetings = 20

// inTx runs f in a transaction, again when two of them met. What f returns runs after the commit. digits
// is the length of the codes that f may give out.
func (p *Pager) inTx(ctx context.Context, db *pgxpool.Pool, f func(tx pgx.Tx, digits int) (func(), error)) error {
	for try := 1; ; try++ {
		digits := shortCode
		if try > 2 {
			digits = longCode
		}
		after, err := p.once(ctx, db, digits, f)
		switch {
		case err == nil:
			if after != nil {
				after()
			}
			return nil
		case try == meetings || !worthAnotherTry(err):
			return err
		}
		select { // who met once meets again, unless they part
		case <-time.After(rand.N(time.Duration(try) * 2 * time.Millisecond)):
		case <-ctx.Done():
			return err
		}
	}
}

// inOneTx is inTx without another try: what several things were to share is tried again for each by itself.
func (p *Pager) inOneTx(ctx context.Context, db *pgxpool.Pool, f func(tx pgx.Tx, digits int) (func(), error)) error {
	after, err := p.once(ctx, db, shortCode, f)
	if after != nil {
		after()
	}
	return err
}

// once runs f in a transaction and returns what is to be done after the commit.
func (p *Pager) once(ctx context.Context, db *pgxpool.Pool, digits int, f func(tx pgx.Tx, digits int) (func(), error)) (after func(), err error) {
	if err := p.awake(ctx); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) (err error) {
		after, err = f(tx, digits)
		return err
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

var (
	errMet      = errors.New("met another transaction")
	errDecision = errors.New("deciding") // a bug in the engine, or what it was given
)

// refused tells an error about what is in a transaction, which others beside it need not share, from a
// database that does not answer, shuts down (57), is full (53) or is not to be reached (08).
func refused(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return !slices.Contains([]string{"08", "53", "57"}, pg.Code[:2])
	}
	for _, away := range []error{context.DeadlineExceeded, context.Canceled, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, away) {
			return false
		}
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return !network && !connecting && !pgconn.SafeToRetry(err)
}

// worthAnotherTry: deadlocks, serialisation failures, and a unique index hit by a code or an incident
// that somebody made at the same moment.
func worthAnotherTry(err error) bool {
	if errors.Is(err, errMet) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "23505")
}
