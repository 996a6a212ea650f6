package pager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters/rosterdb"
)

// arrival is an alert on its way in.
type arrival struct {
	ctx    context.Context // of whoever waits for the answer
	alert  engine.Alert
	open   int64 // the incident that it belongs to, as far as the database knew; 0: none
	result Received
	alone  bool // it needs a transaction of its own
	err    error
	done   chan struct{} // closed when result or err is there
}

// receiveWithin is how long alerts that share a transaction may take.
const receiveWithin = 10 * time.Second

// Receive opens an incident, joins one, or ends one (rules 1, 13). Alerts that come at the same time share
// a transaction, each with its own answer.
func (p *Pager) Receive(ctx context.Context, a engine.Alert) (Received, error) {
	p.reach(AlertRead)
	in := &arrival{ctx: ctx, alert: storable(a), done: make(chan struct{})}
	p.arrivals.join(in)
	select {
	case <-in.done:
	case <-ctx.Done():
		return Received{}, fmt.Errorf("receiving an alert: %w", ctx.Err()) // it may be stored nevertheless
	}
	p.reach(AlertCommitted)
	if in.err != nil {
		return Received{}, fmt.Errorf("receiving an alert: %w", in.err)
	}
	p.metrics.alerts.WithLabelValues(in.alert.Source, string(in.result.Outcome)).Inc()
	return in.result, nil
}

// receive takes in alerts in one transaction, and by themselves those that could not be: so that one that
// cannot be stored, or waits for a lock, is nobody else's trouble.
func (p *Pager) receive(some []*arrival) {
	ctx, cancel := whileWaitedFor(some)
	defer cancel()
	err := p.inOneTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
		return p.receiveIn(ctx, tx, some, digits, false)
	})
	for _, in := range some {
		switch {
		case err != nil && !refused(err): // no database: each would wait for it once more
			in.err = err
			close(in.done)
		case err != nil || in.alone:
			go p.receiveAlone(in)
		default:
			close(in.done)
		}
	}
}

// whileWaitedFor ends when nobody waits any more for what becomes of the alerts: an alert whose sender was
// turned away is not stored behind its back, unless it shares a transaction with others.
func whileWaitedFor(some []*arrival) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), receiveWithin)
	var gone atomic.Int64
	stops := make([]func() bool, 0, len(some))
	for _, in := range some {
		stops = append(stops, context.AfterFunc(in.ctx, func() {
			if gone.Add(1) == int64(len(some)) {
				cancel()
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

func (p *Pager) receiveAlone(in *arrival) {
	ctx, cancel := context.WithTimeout(in.ctx, receiveWithin)
	defer cancel()
	in.err = p.inTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
		return p.receiveIn(ctx, tx, []*arrival{in}, digits, true)
	})
	close(in.done)
}

// receiveIn takes in alerts in one transaction. One that is alone waits for its incident; of several,
// those whose incident somebody else holds, and those that do not go together, are left and marked.
func (p *Pager) receiveIn(ctx context.Context, tx pgx.Tx, some []*arrival, digits int, alone bool) (func(), error) {
	for _, in := range some {
		in.result, in.alone = Received{DedupKey: in.alert.DedupKey}, false
	}
	r, err := p.gather(ctx, tx, some, digits, alone)
	if err != nil {
		return nil, err
	}
	for _, in := range some {
		if err := r.take(in); err != nil {
			return nil, err
		}
		if in.alone && alone { // its incident was resolved while it waited for the lock
			return nil, fmt.Errorf("joining an incident: %w", errMet)
		}
	}
	after, err := r.save()
	p.reach(AlertDecided)
	return after, err
}

// reception is a transaction that takes in alerts.
type reception struct {
	*work
	arrivals enginedb.Arrivals
	numbers  map[*arrival]enginedb.Number // for those that may open an incident
	byID     map[int64]*draft             // incidents that are locked
	byName   map[string]*draft            // incidents that were opened here, by service and dedup key
}

// gather finds and locks the incidents that alerts belong to, draws numbers for those that belong to none,
// and reads whom they will page.
func (p *Pager) gather(ctx context.Context, tx pgx.Tx, some []*arrival, digits int, alone bool) (*reception, error) {
	db := enginedb.New(tx)
	alerts := make([]engine.Alert, 0, len(some))
	for _, in := range some {
		alerts = append(alerts, in.alert)
	}
	found, err := db.Arrivals(ctx, alerts, p.Offset())
	if err != nil {
		return nil, err
	}
	r := &reception{arrivals: found, numbers: map[*arrival]enginedb.Number{}, byID: map[int64]*draft{}, byName: map[string]*draft{}}
	var wants []enginedb.Want
	var fresh []*arrival
	for i, in := range some {
		in.open = found.Open[i]
		switch {
		case in.open == 0 && in.alert.Action == engine.Trigger:
			fresh = append(fresh, in)
		case in.open != 0 && !slices.ContainsFunc(wants, func(w enginedb.Want) bool { return w.ID == in.open }):
			wants = append(wants, enginedb.Want{ID: in.open})
		}
	}
	now := found.Now
	var locked []enginedb.Locked
	if len(wants) > 0 {
		if locked, err = db.Lock(ctx, wants, p.Offset(), !alone); err != nil {
			return nil, err
		}
	}
	for _, inc := range locked {
		now = later(now, inc.Now)
	}
	r.work = p.work(ctx, tx, digits, now)
	for _, inc := range locked {
		r.byID[inc.ID] = r.draft(inc)
	}
	return r, r.prepare(fresh)
}

// prepare draws numbers for what will open an incident, and reads whom its first level names.
func (r *reception) prepare(fresh []*arrival) error {
	if len(fresh) == 0 {
		return nil
	}
	var levels []engine.Level
	wanted := make([]engine.Key, 0, len(fresh))
	for _, in := range fresh {
		ladder, _, _ := r.route(in.alert.Service)
		levels = append(levels, ladder.Levels[0])
		wanted = append(wanted, in.alert.Key)
	}
	numbers, err := enginedb.New(r.tx).Numbers(r.ctx, r.p.cfg.KeyPrefix, wanted)
	if err != nil {
		return err
	}
	for i, in := range fresh {
		r.numbers[in] = numbers[i]
	}
	return r.world.look(levels)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// route finds the ladder of a service, by what was read of it.
func (r *reception) route(id engine.ServiceID) (engine.Ladder, engine.Reason, *engine.Service) {
	svc, known := r.arrivals.Services[id]
	if !known || id == "" {
		ladder, why := engine.Route(nil, nil, r.p.cfg.CatchAll)
		return ladder, why, nil
	}
	var policy *engine.Policy
	if found, ok := r.arrivals.Policies[svc.Policy]; ok {
		policy = &found
	}
	ladder, why := engine.Route(&svc, policy, r.p.cfg.CatchAll)
	return ladder, why, &svc
}

// take takes in one alert.
func (r *reception) take(in *arrival) error {
	a, d := in.alert, r.byID[in.open]
	name := string(a.Service) + "\x00" + a.DedupKey
	if in.open == 0 && a.Key == "" && a.DedupKey != "" {
		d = r.byName[name]
	}
	switch {
	case in.open != 0 && d == nil, d != nil && d.After.Status == engine.Resolved:
		in.alone = true
		return nil
	case d != nil:
		return r.join(d, in)
	case a.Action != engine.Trigger:
		in.result.Outcome, in.result.Why = Noted, "no incident is open for it"
		return enginedb.New(r.tx).KeepAlert(r.ctx, a, r.world.now)
	default:
		d, err := r.open(in)
		if a.DedupKey != "" {
			r.byName[name] = d
		}
		return err
	}
}

func (r *reception) open(in *arrival) (*draft, error) {
	a, number := in.alert, r.numbers[in]
	ladder, why, svc := r.route(a.Service)
	d := r.draft(enginedb.Locked{})
	d.Alerts = []engine.Alert{a}
	d.After = engine.Incident{ID: number.ID, Key: number.Key, Service: a.Service, Severity: a.Severity, Summary: a.Summary, Status: engine.New,
		DedupKey: a.DedupKey, OpenedAt: r.world.now, AlertedAt: r.world.now}
	if svc != nil {
		d.After.Hours = svc.Hours
	}
	in.result.Key, in.result.Outcome = number.Key, Opened
	return d, r.step(d, engine.Alerted{Severity: a.Severity, Ladder: ladder, Routed: why})
}

func (r *reception) join(d *draft, in *arrival) error {
	a := in.alert
	d.Alerts = append(d.Alerts, a)
	in.result.Key = d.After.Key
	switch a.Action {
	case engine.Resolve:
		in.result.Outcome = Closed
		return r.step(d, engine.Ended{By: a.Source, Why: "The source says that it is over."})
	case engine.Acknowledge:
		ev, err := r.acknowledgedAtSource(d.After, a, &in.result)
		if err != nil {
			return err
		}
		return r.step(d, ev)
	default:
		in.result.Outcome = Joined
		return r.step(d, engine.Alerted{Severity: a.Severity})
	}
}

// acknowledgedAtSource takes the word of the sender's system for it if it names a person of ours;
// a machine alone acknowledges nothing (rule 10).
func (r *reception) acknowledgedAtSource(inc engine.Incident, a engine.Alert, said *Received) (engine.Event, error) {
	said.Outcome = Noted
	if a.By == "" {
		said.Why = "an acknowledgement counts only if `by` names the person who gave it"
		return engine.Tick{}, nil
	}
	_, err := rosterdb.New(r.tx).Person(r.ctx, a.By)
	if errors.Is(err, rosterdb.ErrNotFound) {
		said.Why = fmt.Sprintf("no person has the handle %q", a.By)
		return engine.Tick{}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := engine.Answer{Person: a.By, Via: a.Source}
	switch v := inc.Judge(answer); v.Outcome {
	case engine.OutcomeTaken:
		said.Why = "held by " + string(v.Holder)
	default:
		said.Outcome = Answered
	}
	return answer, nil
}
