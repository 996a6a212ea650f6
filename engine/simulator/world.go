package simulator

import (
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// world is what a run is about: people with their plans, rosters with their hand-overs, services, and the
// providers of each channel. Nothing in it changes but with time, and maintenances.
type world struct {
	base      time.Time // when the run begins
	people    []rosters.PersonID
	plans     [][]plan // by person
	rosters   []roster
	services  []service
	end       engine.CatchAll
	room      int      // how many further incidents a text or push can name
	dead      []string // addresses that no provider reaches
	providers map[rosters.Channel][]*provider
}

type plan struct {
	from     time.Time
	contacts []rosters.Contact
}

type roster struct {
	id     rosters.RosterID
	shifts []shift // in order
}

type shift struct {
	from   time.Time
	people []rosters.PersonID
}

type service struct {
	known  *engine.Service // nil: nobody knows it
	policy *engine.Policy

	held    engine.Held // the maintenance, as it is committed
	edition int64       // counts them
}

// The moments that runs begin at: within working hours, outside them, and about their beginning and end.
var beginnings = []time.Time{
	time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC), // a Monday
	time.Date(2026, 1, 17, 10, 0, 0, 0, time.UTC),
	time.Date(2026, 1, 19, 8, 57, 0, 0, time.UTC),
	time.Date(2026, 1, 16, 16, 58, 0, 0, time.UTC),
}

var (
	handles = []rosters.PersonID{"ann", "bob", "cat", "dan", "eve"}
	plans   = [][]rosters.Contact{
		{{Channel: rosters.Push}, {Channel: rosters.SMS, After: 30 * time.Second}, {Channel: rosters.Voice, After: time.Minute}},
		{{Channel: rosters.SMS}, {Channel: rosters.Voice}},
		{{Channel: rosters.Voice}, {Channel: rosters.SMS, After: 20 * time.Second}},
		{{Channel: rosters.Push}},
		{{Channel: rosters.SMS}},
		{},
	}
)

func newWorld(d *dice) world {
	w := world{base: pick(d, beginnings...), people: handles[:2+d.below(4)], providers: map[rosters.Channel][]*provider{}}
	w.base = w.base.Add(d.between(0, time.Minute))
	for _, p := range w.people {
		w.plans = append(w.plans, w.newPlans(d, p))
	}
	for _, id := range []rosters.RosterID{"first", "second", "dba", "imoc"} {
		w.rosters = append(w.rosters, roster{id, w.newShifts(d)})
	}
	w.end = engine.CatchAll{Roster: "imoc", Wait: w.wait(d)}
	if d.chance(0.7) {
		w.end.LastResort = []rosters.PersonID{pick(d, w.people...)}
	}
	w.room = pick(d, 1, 3, 100)
	for range 1 + d.below(2) {
		w.services = append(w.services, w.newService(d))
	}
	for _, c := range []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice} {
		names := [2]string{string(c) + " provider", string(c) + "'s other provider"}
		for i := range 1 + d.below(2) {
			w.providers[c] = append(w.providers[c], &provider{name: names[i], canBeAsked: d.chance(0.5)})
		}
	}
	return w
}

// newPlans gives a person a plan, and perhaps another one later.
func (w *world) newPlans(d *dice, p rosters.PersonID) []plan {
	list := []plan{{w.base.Add(-time.Hour), w.newPlan(d, p)}}
	if d.chance(0.2) {
		list = append(list, plan{w.base.Add(d.between(0, 8*time.Minute)), w.newPlan(d, p)})
	}
	return list
}

func (w *world) newPlan(d *dice, p rosters.PersonID) []rosters.Contact {
	var contacts []rosters.Contact
	for _, c := range pick(d, plans...) {
		c.Address = string(p) + "'s " + string(c.Channel)
		if c.Channel == rosters.Push && d.chance(0.1) {
			c.Address = "everybody's push"
		}
		if d.chance(0.08) {
			w.dead = append(w.dead, c.Address)
		}
		contacts = append(contacts, c)
	}
	return contacts
}

func (w *world) newShifts(d *dice) []shift {
	list := []shift{{w.base.Add(-time.Hour), w.newTeam(d)}}
	at := w.base
	for range d.below(4) {
		at = at.Add(d.between(0, 4*time.Minute))
		list = append(list, shift{at, w.newTeam(d)})
	}
	return list
}

// newTeam is who is on call during a shift: mostly one, sometimes more, now and then nobody.
func (w *world) newTeam(d *dice) (team []rosters.PersonID) {
	for range pick(d, 0, 1, 1, 1, 2, 3) {
		team = append(team, pick(d, w.people...)) // who stands in it twice is paged once
	}
	return team
}

func (w *world) newService(d *dice) service {
	if d.chance(0.1) {
		return service{}
	}
	svc := service{known: &engine.Service{ID: "db", Policy: "db"}}
	if d.chance(0.1) {
		return svc
	}
	svc.policy = &engine.Policy{ID: "db"}
	for range 1 + d.below(3) {
		l := engine.Level{Wait: w.wait(d)}
		for range 1 + d.below(2) {
			l.Targets = append(l.Targets, w.newTarget(d))
		}
		svc.policy.Levels = append(svc.policy.Levels, l)
	}
	if d.chance(0.6) {
		svc.policy.AckExpiry = map[engine.Severity]time.Duration{engine.Critical: time.Minute, engine.Major: 2 * time.Minute}
	}
	return svc
}

func (w *world) newTarget(d *dice) engine.Target {
	if d.chance(0.3) {
		return engine.Target{Person: pick(d, w.people...)}
	}
	return engine.Target{Roster: pick(d, "first", "second", rosters.RosterID("gone"))}
}

func (w *world) wait(d *dice) time.Duration {
	return pick(d, 30*time.Second, time.Minute, 90*time.Second)
}

// callsAgain is how often somebody is called again: ann whatever pages her, bob at severity 1, the others never.
func callsAgain(p rosters.PersonID, s engine.Severity) time.Duration {
	switch {
	case p == "ann" && s <= engine.Major:
		return 40 * time.Second
	case p == "bob" && s == engine.Critical:
		return time.Minute
	default:
		return 0
	}
}

// onCall is who is on call for a target at a moment; a roster that is gone has nobody.
func (w *world) onCall(t engine.Target, at time.Time) []rosters.PersonID {
	if t.Roster == "" {
		return []rosters.PersonID{t.Person}
	}
	for i := range w.rosters {
		if r := &w.rosters[i]; r.id == t.Roster {
			for j := len(r.shifts) - 1; j >= 0; j-- {
				if !r.shifts[j].from.After(at) {
					return r.shifts[j].people
				}
			}
		}
	}
	return nil
}

// plan is how somebody can be reached at a moment.
func (w *world) plan(p rosters.PersonID, at time.Time) []rosters.Contact {
	for i, id := range w.people {
		if id != p {
			continue
		}
		for j := len(w.plans[i]) - 1; j >= 0; j-- {
			if !w.plans[i][j].from.After(at) {
				return w.plans[i][j].contacts
			}
		}
	}
	return nil
}

func (w *world) isDead(address string) bool {
	for _, a := range w.dead {
		if a == address {
			return true
		}
	}
	return false
}
