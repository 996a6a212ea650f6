package pager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Receive opens an incident, joins one, or ends one (rules 1, 13).
func (p *Pager) Receive(ctx context.Context, a engine.Alert) (Received, error) {
	a = storable(a)
	p.reach(AlertRead)
	r := Received{DedupKey: a.DedupKey}
	err := p.inTx(ctx, p.cfg.Intake, func(tx pgx.Tx, digits int) (func(), error) {
		id, now, err := enginedb.New(tx).OpenIncident(ctx, a, p.Offset())
		switch {
		case err != nil:
			return nil, err
		case id != 0:
			return p.join(ctx, tx, id, a, digits, &r)
		case a.Action == engine.Resolve || a.Action == engine.Acknowledge:
			r.Key, r.Outcome, r.Why = "", Noted, "no incident is open for it"
			return nil, enginedb.New(tx).KeepAlert(ctx, 0, a, now)
		default:
			return p.open(ctx, tx, a, now, digits, &r)
		}
	})
	if err != nil {
		return Received{}, fmt.Errorf("receiving an alert: %w", err)
	}
	p.reach(AlertCommitted)
	p.metrics.alerts.WithLabelValues(a.Source, string(r.Outcome)).Inc()
	return r, nil
}

func (p *Pager) open(ctx context.Context, tx pgx.Tx, a engine.Alert, now time.Time, digits int, r *Received) (func(), error) {
	svc, policy, err := p.serviceOf(ctx, tx, a.Service)
	if err != nil {
		return nil, err
	}
	ladder, why := engine.Route(svc, policy, p.cfg.CatchAll)
	inc := engine.Incident{Key: a.Key, Service: a.Service, Severity: a.Severity, Summary: a.Summary, Status: engine.New,
		DedupKey: a.DedupKey, OpenedAt: now, AlertedAt: now}
	if svc != nil {
		inc.Hours = svc.Hours
	}
	db := enginedb.New(tx)
	if err := db.Insert(ctx, &inc, p.cfg.KeyPrefix); errors.Is(err, enginedb.ErrNotFound) {
		return nil, fmt.Errorf("opening an incident: %w", errMet) // the other one is there to join now
	} else if err != nil {
		return nil, err
	}
	if err := db.KeepAlert(ctx, inc.ID, a, now); err != nil {
		return nil, err
	}
	r.Key, r.Outcome = inc.Key, Opened
	after, err := p.step(ctx, tx, enginedb.Locked{Incident: inc, Now: now}, engine.Alerted{Severity: a.Severity, Ladder: ladder, Routed: why}, digits)
	p.reach(AlertDecided)
	return after, err
}

// serviceOf finds a service and its policy; nil where there is none.
func (p *Pager) serviceOf(ctx context.Context, tx pgx.Tx, id engine.ServiceID) (*engine.Service, *engine.Policy, error) {
	if id == "" {
		return nil, nil, nil
	}
	db := enginedb.New(tx)
	svc, err := db.Service(ctx, id)
	if errors.Is(err, enginedb.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil || svc.Policy == "" {
		return &svc, nil, err
	}
	policy, err := db.Policy(ctx, svc.Policy)
	if err != nil {
		return nil, nil, err
	}
	return &svc, &policy, nil
}

func (p *Pager) join(ctx context.Context, tx pgx.Tx, id int64, a engine.Alert, digits int, r *Received) (func(), error) {
	db := enginedb.New(tx)
	inc, err := db.Lock(ctx, id, enginedb.Named{}, p.Offset(), false)
	if err != nil {
		return nil, err
	}
	if inc.Status == engine.Resolved { // resolved while we waited for the lock
		return nil, fmt.Errorf("joining %s: %w", inc.Key, errMet)
	}
	if err := db.KeepAlert(ctx, id, a, inc.Now); err != nil {
		return nil, err
	}
	r.Key = inc.Key
	var ev engine.Event
	switch a.Action {
	case engine.Resolve:
		r.Outcome = Closed
		ev = engine.Ended{By: a.Source, Why: "The source says that it is over."}
	case engine.Acknowledge:
		ev, err = p.acknowledgedAtSource(ctx, tx, inc.Incident, a, r)
		if err != nil {
			return nil, err
		}
	default:
		r.Outcome = Joined
		ev = engine.Alerted{Severity: a.Severity}
	}
	return p.step(ctx, tx, inc, ev, digits)
}

// acknowledgedAtSource takes the word of the sender's system for it if it names a person of ours;
// a machine alone acknowledges nothing (rule 10).
func (p *Pager) acknowledgedAtSource(ctx context.Context, tx pgx.Tx, inc engine.Incident, a engine.Alert, r *Received) (engine.Event, error) {
	r.Outcome = Noted
	if a.By == "" {
		r.Why = "an acknowledgement counts only if `by` names the person who gave it"
		return engine.Tick{}, nil
	}
	_, err := rosterdb.New(tx).Person(ctx, a.By)
	if errors.Is(err, rosterdb.ErrNotFound) {
		r.Why = fmt.Sprintf("no person has the handle %q", a.By)
		return engine.Tick{}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := engine.Answer{Person: a.By, Via: a.Source}
	switch v := inc.Judge(answer); v.Outcome {
	case engine.OutcomeTaken:
		r.Why = "held by " + string(v.Holder)
	default:
		r.Outcome = Answered
	}
	return answer, nil
}

// PageIn pages a person or roster into an incident.
func (p *Pager) PageIn(ctx context.Context, key engine.Key, in PageIn) (int, error) {
	if (in.Target.Person == "") == (in.Target.Roster == "") {
		return 0, fmt.Errorf("paging in: name a person or a roster, one of them: %w", ErrNotFound)
	}
	ev := engine.PagedIn{By: in.By, Role: in.Role, Why: in.Why, Ladder: engine.RouteTo(in.Target, in.Wait, p.cfg.CatchAll)}
	if ev.Role == "" {
		ev.Role = ev.Ladder.Name
	}
	no := 0
	err := p.onKey(ctx, key, ev, func(ctx context.Context, tx pgx.Tx, inc engine.Incident, _ time.Time) (bool, error) {
		if inc.Status == engine.Resolved {
			return false, fmt.Errorf("paging into %s: %w", key, ErrResolved)
		}
		no = inc.Searching(ev.Role, ev.Ladder.Name)
		return true, targetExists(ctx, tx, in.Target)
	})
	return no, err
}

func targetExists(ctx context.Context, tx pgx.Tx, t engine.Target) error {
	var err error
	if t.Roster != "" {
		_, err = rosterdb.New(tx).Roster(ctx, t.Roster)
	} else {
		_, err = rosterdb.New(tx).Person(ctx, t.Person)
	}
	if errors.Is(err, rosterdb.ErrNotFound) {
		return fmt.Errorf("%s: %w", t, ErrNotFound)
	}
	return err
}

// SetSeverity changes the severity (rule 9).
func (p *Pager) SetSeverity(ctx context.Context, key engine.Key, to engine.Severity, by, why string) error {
	return p.onKey(ctx, key, engine.SeverityChanged{To: to, By: by, Why: why}, refuseResolved)
}

// Active tells of work on the incident (rule 7).
func (p *Pager) Active(ctx context.Context, key engine.Key, by, what string) error {
	return p.onKey(ctx, key, engine.Active{By: by, What: what}, refuseResolved)
}

// Resolve ends an incident.
func (p *Pager) Resolve(ctx context.Context, key engine.Key, by, why string) error {
	return p.onKey(ctx, key, engine.Ended{By: by, Why: why}, nil)
}

func refuseResolved(_ context.Context, _ pgx.Tx, inc engine.Incident, _ time.Time) (bool, error) {
	if inc.Status == engine.Resolved {
		return false, fmt.Errorf("%s: %w", inc.Key, ErrResolved)
	}
	return true, nil
}

func (p *Pager) onKey(ctx context.Context, key engine.Key, ev engine.Event,
	first func(context.Context, pgx.Tx, engine.Incident, time.Time) (bool, error)) error {
	id, err := enginedb.New(p.cfg.DB).IncidentID(ctx, key)
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("incident %s: %w", key, ErrNotFound)
	}
	if err != nil {
		return err
	}
	return p.handle(ctx, happening{id: id, event: ev, first: first})
}

// name is how a person is called, the handle if the person is gone.
func (p *Pager) name(ctx context.Context, db rosterdb.Store, id rosters.PersonID) string {
	if person, err := db.Person(ctx, id); err == nil && person.Name != "" {
		return person.Name
	}
	return string(id)
}
