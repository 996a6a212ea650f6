package engine

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

// Property: a hole covers an instant if and only if nobody can be paged then, by what the rosters answer
// for that instant alone and by what Step does with an alert.
func TestCoverage_AgreesWithEveryInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		holes := o.holes(t)
		for _, at := range o.instants(t, holes) {
			o.moment = o.ask(at)
			o.checkCatchAll(t, at, holes)
			for _, svc := range append([]*Service{nil}, pointers(o.Services)...) {
				for _, s := range []Severity{Critical, Major, Minor} {
					o.checkService(t, at, svc, s, holes)
				}
			}
		}
	})
}

// Property: what a change opens is what was no hole before and is one after it, at every instant.
func TestCoverage_ComparisonAgreesWithEveryInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		before := o.holes(t)
		o.change(t)
		after := o.holes(t)
		opened, closed := CompareHoles(before, after)
		for _, at := range o.instants(t, slices.Concat(before, after)) {
			for place := range places(before, after) {
				was, is := place.covered(before, at), place.covered(after, at)
				if got := place.covered(opened, at); got != (is && !was) {
					t.Fatalf("%v at %v: hole before %v, after %v, opened %v", place, at, was, is, got)
				}
				if got := place.covered(closed, at); got != (was && !is) {
					t.Fatalf("%v at %v: hole before %v, after %v, closed %v", place, at, was, is, got)
				}
			}
		}
	})
}

// oracle is a random world, and who is on call at one instant of it.
type oracle struct {
	Coverage
	teams    map[rosters.RosterID]rosters.Roster
	from, to time.Time
	moment   map[rosters.RosterID][]rosters.PersonID
	severity Severity // that plans are asked for
	anyHour  bool     // working hours do not count
}

// holes checks that they are in order, do not overlap, and are as long as they can be.
func (o *oracle) holes(t *rapid.T) []Hole {
	o.Calendars = map[rosters.RosterID]*rosters.Calendar{}
	for id, r := range o.teams {
		calendar, err := r.Compile()
		if err != nil {
			t.Fatal(err)
		}
		o.Calendars[id] = calendar
	}
	holes := slices.Collect(o.Holes(o.from, o.to))
	if !slices.IsSortedFunc(holes, compareHoles) {
		t.Fatalf("not in order: %+v", holes)
	}
	last := map[rung]Hole{}
	for _, h := range holes {
		if !h.From.Before(h.To) || h.From.Before(o.from) || h.To.After(o.to) || len(h.Troubles) == 0 || (len(h.Minor) > 0) != slices.Contains(h.Severities, Minor) {
			t.Fatalf("impossible: %+v", h)
		}
		before, ok := last[h.rungs()[0]]
		if ok && (h.From.Before(before.To) || h.From.Equal(before.To) && reflect.DeepEqual(h.Troubles, before.Troubles)) {
			t.Fatalf("%+v should be one with, or later than, %+v", h, before)
		}
		last[h.rungs()[0]] = h
	}
	return holes
}

// instants are some at which something may change, and just before, and some others.
func (o *oracle) instants(t *rapid.T, holes []Hole) []time.Time {
	edges := []time.Time{o.from, o.to}
	for _, h := range holes {
		edges = append(edges, h.From, h.To)
		for _, m := range h.Minor {
			edges = append(edges, m.From, m.To)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.Calendars)) {
		for _, m := range o.Calendars[id].Spans(o.from, o.to) {
			edges = append(edges, m.From)
		}
	}
	var all []time.Time
	for range 12 {
		edge := rapid.SampledFrom(edges).Draw(t, "edge")
		all = append(all, edge, edge.Add(-1))
	}
	for range 12 {
		minutes := rapid.IntRange(0, int(o.to.Sub(o.from)/time.Minute)-1).Draw(t, "minute")
		all = append(all, o.from.Add(time.Duration(minutes)*time.Minute))
	}
	return slices.DeleteFunc(all, func(at time.Time) bool { return at.Before(o.from) || !at.Before(o.to) })
}

// ask asks every roster anew, without its calendar.
func (o *oracle) ask(at time.Time) map[rosters.RosterID][]rosters.PersonID {
	found := map[rosters.RosterID][]rosters.PersonID{}
	for id, r := range o.teams {
		found[id] = r.OnCall(at)
	}
	return found
}

func (o *oracle) named(t Target) []rosters.PersonID {
	if t.Roster != "" {
		return o.moment[t.Roster]
	}
	return []rosters.PersonID{t.Person}
}

func (o *oracle) plan(id rosters.PersonID) []rosters.Contact {
	var wake, tell []rosters.Contact
	for _, c := range o.People[id].Contacts {
		if !o.Channels[c.Channel] || c.Disabled || o.VerifiedOnly && c.VerifiedAt.IsZero() {
			continue
		}
		if c.Plan != rosters.Tell {
			wake = append(wake, c)
		}
		if c.Plan != rosters.Wake {
			tell = append(tell, c)
		}
	}
	if o.severity == Minor && len(tell) > 0 {
		return tell
	}
	return wake
}

// unreached reports whether nobody of some targets can be paged.
func (o *oracle) unreached(targets ...Target) bool {
	for _, t := range targets {
		for _, id := range o.named(t) {
			if len(o.plan(id)) > 0 {
				return false
			}
		}
	}
	return true
}

func (o *oracle) checkCatchAll(t *rapid.T, at time.Time, holes []Hole) {
	for _, s := range []Severity{Critical, Major, Minor} {
		o.severity = s
		want := o.unreached(Target{Roster: o.CatchAll.Roster})
		if got := (place{HoleCatchAll, "", 0, s}).covered(holes, at); got != want {
			t.Fatalf("catch-all, severity %d at %v: hole %v, want %v", s, at, got, want)
		}
	}
}

func (o *oracle) checkService(t *rapid.T, at time.Time, svc *Service, s Severity, holes []Hole) {
	var named Service
	var policy *Policy
	o.severity = s
	if svc != nil {
		named = *svc
		if i := slices.IndexFunc(o.Policies, func(p Policy) bool { return p.ID == svc.Policy }); i >= 0 {
			policy = &o.Policies[i]
		}
	}
	pages := s != Minor || named.Hours.Contains(at)
	var lastResort []Target
	for _, id := range o.CatchAll.LastResort {
		lastResort = append(lastResort, Target{Person: id})
	}
	nobody := o.unreached(append(lastResort, Target{Roster: o.CatchAll.Roster})...)
	if policy != nil {
		for i, l := range policy.Levels {
			empty := o.unreached(l.Targets...)
			nobody = nobody && empty
			where := place{HoleLevel, named.ID, i + 1, s}
			if got := where.covered(holes, at); got != (empty && pages) {
				t.Fatalf("%v at %v: hole %v, empty %v, pages %v", where, at, got, empty, pages)
			}
			if empty && pages {
				o.checkTroubles(t, at, where, l, holes)
			}
		}
	}
	where := place{HoleNobody, named.ID, 0, s}
	if got := where.covered(holes, at); got != (nobody && pages) {
		t.Fatalf("%v at %v: hole %v, nobody %v, pages %v", where, at, got, nobody, pages)
	}
	if pages {
		o.checkStep(t, at, svc, policy, s, holes)
	}
}

// checkTroubles looks whether a hole blames those who are on call at the instant, and everybody.
func (o *oracle) checkTroubles(t *rapid.T, at time.Time, where place, l Level, holes []Hole) {
	var want, got []string
	for _, target := range l.Targets {
		people := o.named(target)
		for _, id := range people {
			want = append(want, fmt.Sprint(target, " ", id))
		}
		if len(people) == 0 {
			want = append(want, fmt.Sprint(target, " "))
		}
	}
	for _, h := range holes {
		if where.covers(h, at) {
			for _, trouble := range h.Troubles {
				got = append(got, fmt.Sprint(trouble.Target, " ", trouble.Person))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(l.Targets) > 0 && !slices.Equal(got, want) {
		t.Fatalf("%v at %v: blames %q, want %q", where, at, got, want)
	}
}

// checkStep lets the engine page: the level it begins with is the first that is not in a hole, and it
// pages nobody if all are.
func (o *oracle) checkStep(t *rapid.T, at time.Time, svc *Service, policy *Policy, s Severity, holes []Hole) {
	ladder, why := Route(svc, policy, o.CatchAll)
	inc := Incident{ID: 1, Key: "HOT-1", Severity: s, Summary: "down", Status: New}
	if svc != nil {
		inc.Service, inc.Hours = svc.ID, svc.Hours
	}
	inc, effects := Step(inc, Alerted{Severity: s, Ladder: ladder, Routed: why}, Env{Now: at, OnCall: o.named,
		Plan: func(id rosters.PersonID, _ Severity) []rosters.Contact { return o.plan(id) }})
	paged := slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Send); return ok })
	if nobody := (place{HoleNobody, inc.Service, 0, s}).covered(holes, at); paged == nobody {
		t.Fatalf("severity %d of %q at %v: paged %v, and nobody by the holes %v", s, inc.Service, at, paged, nobody)
	}
	if !paged {
		return
	}
	first := 0
	for (place{HoleLevel, inc.Service, first + 1, s}).covered(holes, at) {
		first++
	}
	if got := inc.Escalations[0].Level; got != first {
		t.Fatalf("severity %d of %q at %v: level %d is paged, by the holes %d", s, inc.Service, at, got+1, first+1)
	}
}

// place is where a hole may be.
type place struct {
	kind    HoleKind
	service ServiceID
	level   int
	s       Severity
}

func (p place) covers(h Hole, at time.Time) bool {
	return h.Kind == p.kind && h.Service == p.service && h.Level == p.level && h.Covers(at, p.s)
}

func (p place) covered(holes []Hole, at time.Time) bool {
	return slices.ContainsFunc(holes, func(h Hole) bool { return p.covers(h, at) })
}

func places(lists ...[]Hole) map[place]bool {
	all := map[place]bool{}
	for _, holes := range lists {
		for _, h := range holes {
			for _, s := range h.Severities {
				all[place{h.Kind, h.Service, h.Level, s}] = true
			}
		}
	}
	return all
}

func pointers(services []Service) []*Service {
	var all []*Service
	for i := range services {
		all = append(all, &services[i])
	}
	return all
}

// What the random worlds are made of. Nobody has the handle "gone", and no roster the slug "lost".
var (
	drawnPeople   = []rosters.PersonID{"ann", "bob", "cat", "dan", "eve"}
	drawnTeams    = []rosters.RosterID{"dba", "dbb", "imoc"}
	drawnZones    = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"}
	drawnChannels = []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice, "email"}
)

func drawOracle(t *rapid.T) *oracle {
	o := &oracle{teams: map[rosters.RosterID]rosters.Roster{}}
	// The clocks change in Berlin, New York and on Lord Howe Island, or not at all.
	first := rapid.SampledFrom([]string{"2026-03-27", "2026-03-05", "2026-04-02", "2026-10-22", "2026-10-30", "2026-01-12"}).Draw(t, "first day")
	o.from, _ = time.Parse(time.DateOnly, first)
	o.from = o.from.Add(time.Duration(rapid.IntRange(0, 24*60).Draw(t, "minutes")) * time.Minute)
	o.to = o.from.Add(time.Duration(rapid.IntRange(1, 15*24*60).Draw(t, "length")) * time.Minute)
	o.Channels = map[rosters.Channel]bool{rosters.Push: rapid.Bool().Draw(t, "push"), rosters.SMS: rapid.Bool().Draw(t, "sms")}
	o.VerifiedOnly = rapid.IntRange(0, 3).Draw(t, "verified only") == 0
	o.People = drawPeople(t)
	for _, id := range drawnTeams {
		o.teams[id] = drawTeam(t, o.from, id)
	}
	for _, id := range []PolicyID{"one", "two"} {
		p := Policy{ID: id}
		for range rapid.IntRange(0, 3).Draw(t, "levels") {
			p.Levels = append(p.Levels, Level{Targets: rapid.SliceOfN(rapid.Custom(drawTarget), 0, 3).Draw(t, "targets")})
		}
		o.Policies = append(o.Policies, p)
	}
	for _, id := range []ServiceID{"wiki", "admin", "bitbucket"} {
		o.Services = append(o.Services, Service{ID: id, Policy: rapid.SampledFrom([]PolicyID{"one", "one", "two", "", "lost"}).Draw(t, "policy"), Hours: drawHours(t)})
	}
	o.CatchAll.Roster = rapid.SampledFrom([]rosters.RosterID{"imoc", "imoc", "imoc", "lost", ""}).Draw(t, "catch-all")
	o.CatchAll.LastResort = rapid.SliceOfN(rapid.SampledFrom(append(drawnPeople, "gone")), 0, 2).Draw(t, "last resort")
	return o
}

// change leaves the policies: which levels are the same is told in stories.
func (o *oracle) change(t *rapid.T) {
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		o.People = drawPeople(t)
	case 1:
		id := rapid.SampledFrom(drawnTeams).Draw(t, "team")
		o.teams[id] = drawTeam(t, o.from, id)
	case 2:
		delete(o.teams, rapid.SampledFrom(drawnTeams).Draw(t, "team"))
	case 3:
		o.Channels[rosters.Push] = !o.Channels[rosters.Push]
	case 4:
		o.Services[0].Hours = drawHours(t)
	}
}

func drawPeople(t *rapid.T) map[rosters.PersonID]rosters.Person {
	people := map[rosters.PersonID]rosters.Person{}
	for _, id := range drawnPeople {
		p := rosters.Person{ID: id}
		for range rapid.IntRange(0, 2).Draw(t, "contacts") {
			p.Contacts = append(p.Contacts, rosters.Contact{Channel: rapid.SampledFrom(drawnChannels).Draw(t, "channel"), Disabled: rapid.Bool().Draw(t, "disabled"),
				Plan:       rapid.SampledFrom([]rosters.Plan{rosters.Wake, rosters.Wake, rosters.Tell, rosters.Both}).Draw(t, "plan"),
				VerifiedAt: rapid.SampledFrom([]time.Time{{}, monday10}).Draw(t, "verified")})
		}
		people[id] = p
	}
	return people
}

func drawTarget(t *rapid.T) Target {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return Target{Person: rapid.SampledFrom(append(drawnPeople, "gone")).Draw(t, "person")}
	case 1:
		return Target{Roster: "lost", Person: rapid.SampledFrom([]rosters.PersonID{"", "ann"}).Draw(t, "besides")} // the roster counts
	default:
		return Target{Roster: rapid.SampledFrom(drawnTeams).Draw(t, "roster")}
	}
}

func drawTeam(t *rapid.T, from time.Time, id rosters.RosterID) rosters.Roster {
	r := rosters.Roster{ID: id}
	seats := append(drawnPeople, "", "gone")
	for i := range rapid.IntRange(0, 3).Draw(t, "rotations") {
		rotation := rosters.Rotation{ID: fmt.Sprint("r", i), Rank: rapid.IntRange(0, 1).Draw(t, "rank"), Zone: rapid.SampledFrom(drawnZones).Draw(t, "zone"),
			Start: rapid.SampledFrom([]string{"2026-01-05T09:00:00", "2025-06-02T02:30:00", "2026-03-30T00:00:00"}).Draw(t, "start"),
			Rule:  rapid.SampledFrom([]string{"FREQ=DAILY", "FREQ=WEEKLY", "FREQ=DAILY;INTERVAL=2", "FREQ=WEEKLY;BYDAY=MO,SA", "FREQ=HOURLY;BYHOUR=1,2,3"}).Draw(t, "rule"),
			// Whole days, and less than a turn.
			Length:       rapid.SampledFrom([]time.Duration{0, 0, 24 * time.Hour, 10 * time.Hour}).Draw(t, "length"),
			Participants: rapid.SliceOfN(rapid.SampledFrom(seats), 1, 4).Draw(t, "participants")}
		if rapid.Bool().Draw(t, "in hours") {
			rotation.Hours = drawHours(t).Windows
		}
		r.Rotations = append(r.Rotations, rotation)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "overrides") {
		begins := from.Add(time.Duration(rapid.IntRange(-48, 14*24).Draw(t, "hour")) * time.Hour)
		o := rosters.Override{ID: fmt.Sprint("o", i), From: begins, To: begins.Add(time.Duration(rapid.IntRange(1, 80).Draw(t, "hours")) * time.Hour)}
		o.Kind = rapid.SampledFrom([]rosters.OverrideKind{rosters.Replace, rosters.Add, rosters.TakeOff}).Draw(t, "kind")
		if o.Kind != rosters.TakeOff {
			o.Person = rapid.SampledFrom(drawnPeople).Draw(t, "person")
		}
		r.Overrides = append(r.Overrides, o)
	}
	return r
}

func drawHours(t *rapid.T) rosters.Hours {
	h := rosters.Hours{Zone: rapid.SampledFrom(append(drawnZones, "", "Nowhere/Land")).Draw(t, "hours' zone")}
	for range rapid.IntRange(0, 2).Draw(t, "windows") {
		h.Windows = append(h.Windows, rosters.Window{
			Days: rapid.SampledFrom([][]time.Weekday{{1, 2, 3, 4, 5}, {0, 6}, {0}, {0, 1, 2, 3, 4, 5, 6}}).Draw(t, "days"),
			From: rapid.SampledFrom([]string{"00:00", "01:30", "02:30", "09:00", "22:00"}).Draw(t, "opens"),
			To:   rapid.SampledFrom([]string{"02:00", "03:00", "17:00", "24:00"}).Draw(t, "shuts"),
		})
	}
	return h
}
