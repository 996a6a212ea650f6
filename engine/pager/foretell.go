package pager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// Foretold is what would become of an alert.
type Foretold struct {
	engine.Forecast
	Joins    engine.Key // the open incident that it would join, and page nobody anew; "": it would open one
	Unpaged  bool       // the operator has its word for the severity page nobody
	Names    map[rosters.PersonID]string
	PolicyID engine.PolicyID // whose levels are climbed; "": none
	Remarks  []string        // what whoever looks at the pages should know beside
}

// Foretell tells what would become of an alert that came at an instant, the zero time being the next full second:
// who would be paged, on which contacts and when, if nobody answered. Nothing is kept of it. It is told of a new
// incident, also if the alert would open another one again, which has the ladders that it had.
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
		at = r.arrivals.Now.Add(time.Second - 1).Truncate(time.Second) // so that spans are what the policy says
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
	if open := in.open; open != 0 {
		var key engine.Key
		if err := tx.QueryRow(ctx, `select key from incident where id = $1`, open).Scan(&key); err != nil {
			return f, fmt.Errorf("foretelling: %w", err)
		}
		if in.back {
			f.Remarks = append(f.Remarks, fmt.Sprintf("%s is over, but not for long: it would be opened again, and its own ladders climbed. A new incident would go so:", key))
		} else {
			f.Joins = key
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
	var asked []rosters.PersonID // for their contacts
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
		plan, onCall := env.Plan, env.OnCall
		env.Plan = func(id rosters.PersonID, s engine.Severity) []rosters.Contact {
			if !slices.Contains(asked, id) {
				asked = append(asked, id)
			}
			return plan(id, s)
		}
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
	f.remark()
	for _, id := range asked {
		f.Remarks = append(f.Remarks, p.unsendable(r.world.person(id))...)
	}
	if failed == nil {
		failed = r.world.err
	}
	return failed
}

// remark takes out of the timeline what is not to be overlooked.
func (f *Foretold) remark() {
	for _, l := range f.Lines {
		text := l.Note.Text
		switch l.Note.Reason {
		case engine.ReasonUnknownService, engine.ReasonNoPolicy, engine.ReasonRuleFailed:
		case engine.ReasonMaintenance:
			if until, err := time.Parse(time.RFC3339, l.Note.Basis["until"]); err == nil {
				text = strings.TrimSuffix(text, ".") + ", " + until.UTC().Format("2006-01-02 15:04 MST") + "."
			}
		default:
			continue
		}
		if !slices.Contains(f.Remarks, text) { // each of the ladders waits for it
			f.Remarks = append(f.Remarks, text)
		}
	}
}

// unsendable says which of a person's contacts nothing is sent to, as nobody could.
func (p *Pager) unsendable(who rosters.Person) (remarks []string) {
	var told []rosters.Channel
	for _, c := range who.Contacts {
		if p.cfg.Channels.Has(notifiers.Channel(c.Channel)) || c.Disabled || slices.Contains(told, c.Channel) {
			continue
		}
		told = append(told, c.Channel)
		remarks = append(remarks, fmt.Sprintf("%s has a contact of channel %s, but no provider of it is configured: nothing is sent there.", who.Name, c.Channel))
	}
	return remarks
}
