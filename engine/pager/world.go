package pager

import (
	"context"
	"errors"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// world answers what Step asks of the rosters, inside a transaction, at one instant. What several
// incidents ask is read once. Step knows no errors: the first one is kept, and the transaction is given
// up.
type world struct {
	ctx       context.Context
	db        rosterdb.Store
	incidents enginedb.Store
	routing   *routing
	usable    func(rosters.Contact) bool
	channels  *notifiers.Channels
	receipts  map[rosters.Channel]time.Duration
	now       time.Time
	people    map[rosters.PersonID]rosters.Person
	onCall    map[rosters.RosterID][]rosters.PersonID
	err       error
}

func (w *world) env() engine.Env {
	return engine.Env{
		Now:       w.now,
		OnCall:    w.targeted,
		Plan:      w.plan,
		CallAgain: func(p rosters.PersonID, s engine.Severity) time.Duration { return w.person(p).CallsAgain(int(s)) },
		Providers: func(c rosters.Contact) int { return w.channels.Reaches(notifiers.Channel(c.Channel), c.Address) },
		Name:      func(p rosters.PersonID) string { return w.person(p).Name },

		ReceiptWithin: w.receipts,
	}
}

// held asks whether a maintenance keeps an incident from paging, by the alert that opened it; nil is one
// that is stored.
func (w *world) held(inc engine.Incident, first *engine.Alert) engine.Held {
	version, err := w.incidents.RoutingVersion(w.ctx)
	if err != nil {
		w.fail(err)
		return engine.Held{}
	}
	routing, err := w.routing.at(w.ctx, w.incidents, version)
	if err != nil {
		w.fail(err)
		return engine.Held{}
	}
	if len(routing.Windows[inc.Service]) == 0 {
		return engine.Held{}
	}
	facts := engine.Facts{Alert: engine.Alert{Summary: inc.Summary}, Now: w.now}
	if first != nil {
		facts.Alert = *first
	} else if facts.Alert, err = w.incidents.FirstAlert(w.ctx, inc.ID); err != nil && !errors.Is(err, enginedb.ErrNotFound) { // it may be pruned
		w.fail(err)
		return engine.Held{}
	}
	facts.Service, facts.Severity = inc.Service, inc.Severity
	svc, err := w.incidents.Service(w.ctx, inc.Service)
	if err != nil && !errors.Is(err, enginedb.ErrNotFound) {
		w.fail(err)
		return engine.Held{}
	}
	facts.Team = svc.Owner
	held, _ := routing.Held(inc.Service, &facts) // a condition that fails holds nothing back
	return held
}

// look reads the rosters and the people that levels name, and who is on call there, in two round trips:
// Step will ask for them one by one. What it asks beyond them is read then.
func (w *world) look(levels []engine.Level) error {
	var teams []rosters.RosterID
	var people []rosters.PersonID
	for _, lv := range levels {
		for _, t := range lv.Targets {
			switch {
			case t.Roster == "":
				people = append(people, t.Person)
			case w.onCall[t.Roster] == nil && !slices.Contains(teams, t.Roster):
				teams = append(teams, t.Roster)
			}
		}
	}
	if err := w.readRosters(teams); err != nil {
		return err
	}
	for _, id := range teams {
		people = append(people, w.onCall[id]...)
	}
	slices.Sort(people)
	people = slices.DeleteFunc(slices.Compact(people), func(id rosters.PersonID) bool { _, known := w.people[id]; return known })
	if len(people) == 0 {
		return nil
	}
	found, err := w.db.People(w.ctx, people)
	for id, p := range found {
		w.people[id] = p
	}
	return err
}

func (w *world) readRosters(ids []rosters.RosterID) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := w.db.RostersDuring(w.ctx, ids, w.now, w.now.Add(time.Second))
	if err != nil {
		return err
	}
	for _, id := range ids {
		w.onCall[id] = []rosters.PersonID{} // also if it is gone: nobody is on call there
	}
	for _, r := range found {
		w.onCall[r.ID] = append(w.onCall[r.ID], r.OnCall(w.now)...)
	}
	return nil
}

func (w *world) targeted(t engine.Target) []rosters.PersonID {
	if t.Roster == "" {
		return []rosters.PersonID{t.Person}
	}
	if w.onCall[t.Roster] == nil {
		w.fail(w.readRosters([]rosters.RosterID{t.Roster}))
	}
	return w.onCall[t.Roster]
}

// plan is the person's plan for a severity, as it is frozen into a page.
func (w *world) plan(id rosters.PersonID, s engine.Severity) []rosters.Contact {
	plan := w.person(id).Wakes
	if s == engine.Minor {
		plan = w.person(id).Tells
	}
	contacts := plan(w.usable)
	for i := range contacts {
		contacts[i].Plan, contacts[i].VerifiedAt = "", time.Time{} // they decided
	}
	return contacts
}

// usable reports whether something can be sent to a contact by now: it is not disabled, its channel has a
// provider, and it was verified if only such are used.
func (p *Pager) usable(c rosters.Contact) bool {
	return !c.Disabled && p.cfg.Channels.Has(notifiers.Channel(c.Channel)) && (c.Verified() || !p.cfg.VerifiedOnly)
}

// person gives somebody who is gone the handle as name, and no contact.
func (w *world) person(id rosters.PersonID) rosters.Person {
	if p, ok := w.people[id]; ok {
		return p
	}
	p, err := w.db.Person(w.ctx, id)
	if err != nil {
		if !errors.Is(err, rosterdb.ErrNotFound) {
			w.fail(err)
		}
		p = rosters.Person{ID: id, Name: string(id)}
	}
	w.people[id] = p
	return p
}

func (w *world) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
