package engine

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

// Property: a change is told of a rung at an instant if and only if it pages others then than before, or
// at another time, by what the rosters answer for that instant alone; and it names the right people.
func TestPageChanges_AgreeWithEveryInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawOracle(t)
		before.drawWaits(t)
		after := before.copied()
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			after.changeAnything(t)
		}
		before.compile(t)
		after.compile(t)
		changes := PageChanges(before.Coverage, after.Coverage, before.from, before.to)
		checkChanges(t, before, changes)
		for _, at := range changeInstants(t, before, after, changes) {
			before.moment, after.moment = before.ask(at), after.ask(at)
			left := coveringRungs(t, at, changes)
			for at, want := range expected(at, before, after) {
				if got := left[at]; !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v: got %+v, want %+v", at, got, want)
				}
				delete(left, at)
			}
			if len(left) > 0 {
				t.Fatalf("told and not true: %+v", left)
			}
		}
	})
}

// Property: a ladder that is climbed while nobody answers pages at each rung, after as long, whom the naive
// walk says that it does. So the changes are those of what the engine really does.
func TestPageChanges_AskWhatTheEngineDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		o.drawWaits(t)
		o.compile(t)
		at := rapid.SampledFrom(o.instants(t, nil)).Draw(t, "instant")
		o.moment = o.ask(at)
		for _, svc := range append([]*Service{nil}, pointers(o.Services)...) {
			for _, s := range []Severity{Critical, Minor} {
				got, want := o.engineClimb(t, at, svc, s), o.naiveClimb(at, svc, s)
				want = slices.DeleteFunc(want, func(r naiveRung) bool { return len(r.People) == 0 })
				if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
					t.Fatalf("severity %d of %v at %v: the engine pages %+v, the walk %+v", s, svc, at, got, want)
				}
			}
		}
	})
}

// rungAt is a rung at an instant; of the catch-all, whose number changes, level is 0.
type rungAt struct {
	at      time.Time
	service ServiceID
	s       Severity
	level   int
}

// told is what a change says of it.
type told struct {
	Level         int
	Before, After Rung
}

// naiveRung is one that the ladder has, whether it pages somebody or not.
type naiveRung struct {
	Number   int
	CatchAll bool
	Rung
}

// naiveClimb goes up the ladder of a service, rung by rung, at the instant of o.moment.
func (o *oracle) naiveClimb(at time.Time, svc *Service, s Severity) []naiveRung {
	var hours rosters.Hours
	var levels []Level
	if svc != nil {
		hours = svc.Hours
		if i := slices.IndexFunc(o.Policies, func(p Policy) bool { return p.ID == svc.Policy }); i >= 0 {
			levels = o.Policies[i].Levels
		}
	}
	if o.severity = s; s == Minor && !o.anyHour && !hours.Contains(at) {
		return nil
	}
	var all []naiveRung
	var after time.Duration
	add := func(catchAll bool, people []rosters.PersonID, wait time.Duration) {
		all = append(all, naiveRung{len(all) + 1, catchAll, Rung{People: people, After: after}})
		if len(people) > 0 && wait == 0 {
			wait = 5 * time.Minute
		}
		if len(people) > 0 {
			after += wait
		}
	}
	for _, l := range levels {
		add(false, o.reached(l.Targets...), l.Wait)
	}
	last := o.reached(Target{Roster: o.CatchAll.Roster})
	for _, id := range o.CatchAll.LastResort {
		if len(o.reached(Target{Roster: o.CatchAll.Roster})) == 0 {
			last = append(last, o.reached(Target{Person: id})...)
		}
	}
	slices.Sort(last)
	add(true, slices.Compact(last), 0)
	return all
}

// naiveEnd is the catch-all, whatever the hour.
func (o *oracle) naiveEnd(at time.Time, s Severity) naiveRung {
	o.anyHour = true
	defer func() { o.anyHour = false }()
	return o.naiveClimb(at, nil, s)[0]
}

// reached are those of some targets who can be paged.
func (o *oracle) reached(targets ...Target) []rosters.PersonID {
	var found []rosters.PersonID
	for _, t := range targets {
		for _, id := range o.named(t) {
			if len(o.plan(id)) > 0 && !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	slices.Sort(found)
	return found
}

// engineClimb lets time pass, with the rosters as they are, until the ladder begins again.
func (o *oracle) engineClimb(t *rapid.T, at time.Time, svc *Service, s Severity) []naiveRung {
	var policy *Policy
	inc := Incident{ID: 1, Key: "HOT-1", Severity: s, Summary: "down", Status: New}
	if svc != nil {
		inc.Service, inc.Hours = svc.ID, svc.Hours
		if i := slices.IndexFunc(o.Policies, func(p Policy) bool { return p.ID == svc.Policy }); i >= 0 {
			policy = &o.Policies[i]
		}
	}
	env := Env{Now: at, OnCall: o.named, Plan: func(id rosters.PersonID, s Severity) []rosters.Contact {
		o.severity = s
		plan := o.plan(id)
		return plan[:min(len(plan), 1)] // nothing that fails meanwhile
	}}
	ladder, why := Route(svc, policy, o.CatchAll)
	inc, _ = Step(inc, Alerted{Severity: s, Ladder: ladder, Routed: why}, env)
	if inc.Escalations[0].State == Waiting {
		return nil
	}
	inc.Hours = rosters.Hours{Windows: []rosters.Window{{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, From: "00:00", To: "24:00"}}}
	for inc.Escalations[0].Round == 1 {
		env.Now = inc.Deadline()
		inc, _ = Step(inc, Tick{}, env)
	}
	var all []naiveRung
	for _, p := range inc.Escalations[0].Pages {
		if p.Round > 1 {
			continue
		}
		if n := len(all); n == 0 || all[n-1].Number != p.Level+1 {
			all = append(all, naiveRung{p.Level + 1, ladder.Levels[p.Level].CatchAll, Rung{After: p.StartedAt.Sub(at)}})
		}
		last := &all[len(all)-1]
		last.People = append(last.People, p.Person)
		slices.Sort(last.People)
	}
	return all
}

// expected is what is to be told at an instant.
func expected(at time.Time, before, after *oracle) map[rungAt]told {
	all := map[rungAt]told{}
	for _, s := range []Severity{Critical, Major, Minor} {
		was, is := before.naiveEnd(at, s), after.naiveEnd(at, s)
		if !slices.Equal(was.People, is.People) {
			all[rungAt{at, "", s, 0}] = told{1, before.shown(was), after.shown(is)}
		}
		for _, id := range slices.Sorted(maps.Keys(serviceIDs(before, after))) {
			expectService(all, rungAt{at: at, service: id, s: s}, before, after)
		}
	}
	return all
}

func serviceIDs(worlds ...*oracle) map[ServiceID]bool {
	all := map[ServiceID]bool{}
	for _, o := range worlds {
		for _, svc := range o.Services {
			all[svc.ID] = true
		}
	}
	return all
}

func expectService(all map[rungAt]told, where rungAt, before, after *oracle) {
	was, is := before.climbOf(where), after.climbOf(where)
	for level := range 30 {
		where.level = level
		w, wasThere := was[level]
		i, isThere := is[level]
		b, a := before.shown(w), after.shown(i)
		switch {
		case slices.Equal(b.People, a.People) && b.After == a.After:
		case level == 0 && wasThere && isThere && (len(b.People) == 0 || len(a.People) == 0 || b.After == a.After): // told once
		default:
			all[where] = told{number(where, before, after), b, a}
		}
	}
}

// climbOf is by level, the catch-all as 0; nothing for a service that is not there.
func (o *oracle) climbOf(where rungAt) map[int]naiveRung {
	all := map[int]naiveRung{}
	for _, svc := range o.Services {
		if svc.ID != where.service {
			continue
		}
		for _, r := range o.naiveClimb(where.at, &svc, where.s) {
			if r.CatchAll {
				all[0] = r
			} else {
				all[r.Number] = r
			}
		}
	}
	return all
}

// number of a rung is as it is after, of a service that went as it was; whatever the hours.
func number(where rungAt, before, after *oracle) int {
	if where.level > 0 {
		return where.level
	}
	where.s = Critical
	if last, ok := after.climbOf(where)[0]; ok {
		return last.Number
	}
	return before.climbOf(where)[0].Number
}

func (o *oracle) shown(r naiveRung) Rung {
	if len(r.People) == 0 {
		return Rung{}
	}
	for _, id := range r.People {
		r.Names = append(r.Names, string(id)) // nobody has a name in random worlds
	}
	return r.Rung
}

// coveringRungs is what the changes say of an instant.
func coveringRungs(t *rapid.T, at time.Time, changes []PageChange) map[rungAt]told {
	all := map[rungAt]told{}
	for _, c := range changes {
		for _, s := range []Severity{Critical, Major, Minor} {
			if !c.Covers(at, s) {
				continue
			}
			where := rungAt{at, c.Service, s, c.Level}
			if c.CatchAll {
				where.level = 0
			}
			if other, ok := all[where]; ok {
				t.Fatalf("%+v is told twice: %+v and %+v", where, other, c)
			}
			all[where] = told{c.Level, c.Before, c.After}
		}
	}
	return all
}

// checkChanges: they are in order, within the span, as long as they can be, and of one piece with their
// severities.
func checkChanges(t *rapid.T, o *oracle, changes []PageChange) {
	if len(changes) == 0 && changes != nil {
		t.Fatal("none, and not nil")
	}
	if !slices.IsSortedFunc(changes, func(a, b PageChange) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.From.Compare(b.From), cmp.Compare(a.Level, b.Level))
	}) {
		t.Fatalf("not in order: %+v", changes)
	}
	for i, c := range changes {
		if !c.From.Before(c.To) || c.From.Before(o.from) || c.To.After(o.to) || c.From.Location() != time.UTC {
			t.Fatalf("impossible: %+v", c)
		}
		for j, m := range c.Minor {
			if m.From.Before(c.From) || m.To.After(c.To) || !m.From.Before(m.To) || j > 0 && !c.Minor[j-1].To.Before(m.From) {
				t.Fatalf("impossible times for severity 3: %+v", c)
			}
		}
		if slices.Contains(c.Severities, Minor) != (len(c.Minor) > 0) || !slices.Contains(c.Severities, Major) && !slices.Equal(c.Minor, []rosters.Span{c.Span}) {
			t.Fatalf("impossible severities: %+v", c)
		}
		for _, other := range changes[:i] {
			checkApart(t, other, c)
		}
	}
}

func checkApart(t *rapid.T, a, b PageChange) {
	if a.Service != b.Service || a.Level != b.Level || a.CatchAll != b.CatchAll || !reflect.DeepEqual(a.Before, b.Before) || !reflect.DeepEqual(a.After, b.After) {
		return
	}
	if slices.Contains(a.Severities, Major) == slices.Contains(b.Severities, Major) && !a.To.Before(b.From) {
		t.Fatalf("%+v and %+v should be one", a, b)
	}
	if s := overlap(a.Span, b.Span); s.From.Before(s.To) {
		t.Fatalf("%+v and %+v should be one", a, b)
	}
}

// changeInstants are those of either world, with the edges of the changes and of working hours.
func changeInstants(t *rapid.T, before, after *oracle, changes []PageChange) []time.Time {
	edges := slices.Concat(before.instants(t, nil), after.instants(t, nil))
	for _, o := range []*oracle{before, after} {
		for _, svc := range o.Services {
			edges = append(edges, svc.Hours.NextOpen(edges[len(edges)/2]))
		}
	}
	var told []time.Time
	for _, c := range changes {
		told = append(told, c.From, c.To)
		for _, m := range c.Minor {
			told = append(told, m.From, m.To)
		}
	}
	for range min(len(told), 12) {
		edges = append(edges, rapid.SampledFrom(told).Draw(t, "edge of a change"))
	}
	for _, at := range slices.Clone(edges) {
		edges = append(edges, at.Add(-1))
	}
	edges = slices.DeleteFunc(edges, func(at time.Time) bool { return at.Before(before.from) || !at.Before(before.to) })
	slices.SortFunc(edges, time.Time.Compare)
	return slices.CompactFunc(edges, time.Time.Equal)
}

func (o *oracle) drawWaits(t *rapid.T) {
	for _, p := range o.Policies {
		for i := range p.Levels {
			p.Levels[i].Wait = rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute, 5 * time.Minute, time.Hour}).Draw(t, "wait")
		}
	}
}

// copied is a world that changes apart.
func (o *oracle) copied() *oracle {
	c := *o
	c.teams, c.People, c.Channels = maps.Clone(o.teams), maps.Clone(o.People), maps.Clone(o.Channels)
	c.Services, c.Policies = slices.Clone(o.Services), slices.Clone(o.Policies)
	for i := range c.Policies {
		c.Policies[i].Levels = slices.Clone(c.Policies[i].Levels)
	}
	return &c
}

// compile makes the calendars.
func (o *oracle) compile(t *rapid.T) {
	o.Calendars = map[rosters.RosterID]*rosters.Calendar{}
	for id, r := range o.teams {
		calendar, err := r.Compile()
		if err != nil {
			t.Fatal(err)
		}
		o.Calendars[id] = calendar
	}
}

// changeAnything changes what change does, and ladders, services and their end.
func (o *oracle) changeAnything(t *rapid.T) {
	policy := &o.Policies[rapid.IntRange(0, 1).Draw(t, "of policies")]
	last := len(o.Services) - 1
	switch rapid.IntRange(0, 11).Draw(t, "change anything") {
	case 0:
		policy.Levels = append([]Level{{Targets: []Target{drawTarget(t)}}}, policy.Levels...)
	case 1:
		policy.Levels = policy.Levels[:len(policy.Levels)/2]
	case 2:
		o.drawWaits(t)
	case 3:
		slices.Reverse(policy.Levels)
	case 4:
		o.Services = slices.DeleteFunc(o.Services, func(s Service) bool { return s.ID == "new" })
		o.Services = append(o.Services, Service{ID: "new", Policy: policy.ID, Hours: drawHours(t)})
	case 5:
		o.Services = o.Services[min(last, 1):] // one stays
	case 6:
		o.Services[last].Policy = policy.ID
	case 7:
		o.CatchAll.Roster = rapid.SampledFrom(drawnTeams).Draw(t, "catch-all")
		o.CatchAll.LastResort = []rosters.PersonID{"eve"}
	case 8, 9:
		o.Services[last].Hours = drawHours(t)
	default:
		o.change(t)
	}
}
