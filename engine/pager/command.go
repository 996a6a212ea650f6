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
		if inc.Drill {
			return false, fmt.Errorf("paging into %s: %w", key, ErrDrill)
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
	return p.onKey(ctx, key, engine.SeverityChanged{To: to, By: by, Why: why}, refuseDrill)
}

// Describe writes down what is known.
func (p *Pager) Describe(ctx context.Context, key engine.Key, d engine.Described) error {
	return p.onKey(ctx, key, d, func(ctx context.Context, tx pgx.Tx, inc engine.Incident, _ time.Time) (bool, error) {
		if inc.Drill {
			return false, fmt.Errorf("%s: %w", key, ErrDrill)
		}
		if d.Service != nil && *d.Service != "" {
			if _, err := enginedb.New(tx).Service(ctx, *d.Service); err != nil {
				if errors.Is(err, enginedb.ErrNotFound) {
					err = rosters.FieldErrors{{Field: "/service", Value: string(*d.Service), Problem: "there is no such service; empty is one that nobody knows"}}
				}
				return false, err
			}
		}
		return true, d.To(inc).Describable()
	})
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

func refuseDrill(ctx context.Context, tx pgx.Tx, inc engine.Incident, now time.Time) (bool, error) {
	if inc.Drill {
		return false, fmt.Errorf("%s: %w", inc.Key, ErrDrill)
	}
	return refuseResolved(ctx, tx, inc, now)
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
