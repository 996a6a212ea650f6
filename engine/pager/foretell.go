package pager

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// Foretold is what would become of an alert.
type Foretold struct {
	engine.Forecast
	Joins    engine.Key // the open incident that it would join, and page nobody anew; "": it would open one
	Unpaged  bool       // the operator has its word for the severity page nobody
	Names    map[rosters.PersonID]string
	PolicyID engine.PolicyID // whose levels are climbed; "": none
}

// Foretell tells what would become of an alert that came at an instant, the zero time being now: who would be
// paged, on which contacts and when, if nobody answered. Nothing is kept of it.
func (p *Pager) Foretell(ctx context.Context, a engine.Alert, at time.Time) (f Foretold, err error) {
	in := &arrival{ctx: ctx, alert: storable(a)}
	in.alert.Action, in.alert.Key = engine.Trigger, ""
	tx, err := p.cfg.Intake.Begin(ctx)
	if err != nil {
		return f, fmt.Errorf("foretelling: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // nothing was to be written
	r := newReception(enginedb.New(tx))
	if r.arrivals, err = r.db.Arrivals(ctx, []engine.Alert{in.alert}, p.Offset()); err != nil {
		return f, err
	}
	if at.IsZero() {
		at = r.arrivals.Now
	}
	r.arrivals.Now = at
	if r.routing, err = p.routing.at(ctx, r.db, r.arrivals.Routing); err != nil {
		return f, err
	}
	if err := r.route(ctx, []*arrival{in}); err != nil {
		return f, err
	}
	if err := r.findPeople(ctx, tx, []*arrival{in}); err != nil {
		return f, err
	}
	in.open = r.arrivals.Open[0]
	if err := r.findKin(ctx, []*arrival{in}); err != nil { // its groups are not locked: nobody waits for whoever asks
		return f, err
	}
	if open := in.open; open != 0 && !in.back {
		if err := tx.QueryRow(ctx, `select key from incident where id = $1`, open).Scan(&f.Joins); err != nil {
			return f, fmt.Errorf("foretelling: %w", err)
		}
	}
	return f, p.foretell(ctx, tx, r, in, at, &f)
}

func (p *Pager) foretell(ctx context.Context, tx pgx.Tx, r *reception, in *arrival, at time.Time, f *Foretold) error {
	r.work = p.work(ctx, tx, 0, at)
	o, err := r.opening(in)
	if err != nil {
		return err
	}
	f.Unpaged, f.Names = in.routed.Unpaged, map[rosters.PersonID]string{}
	if o.Policy != nil {
		f.PolicyID = o.Policy.ID
	}
	var failed error
	f.Forecast = o.Foretell(in.alert.Service, at, func(now time.Time) engine.Env {
		w := p.worldAt(ctx, tx, now)
		w.people = r.world.people
		env := w.env()
		env.Held = func(engine.Incident) engine.Held {
			if o.Service == nil {
				return engine.Held{}
			}
			held, _ := r.routing.Held(o.Service.ID, &engine.Facts{Alert: in.routed.Alert, Team: o.Service.Owner, Now: now})
			return held
		}
		onCall := env.OnCall
		env.OnCall = func(t engine.Target) []rosters.PersonID {
			found := onCall(t)
			if w.err != nil && failed == nil {
				failed = w.err
			}
			return found
		}
		return env
	})
	for _, page := range f.Pages {
		f.Names[page.Person] = r.world.person(page.Person).Name
	}
	if failed == nil {
		failed = r.world.err
	}
	return failed
}
