package engine

import (
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

// TestMain lets rapid draw more histories than it does by default, and keep no files of failed ones: the
// seed that it prints is enough.
func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": "300", "rapid.nofailfile": "true"} {
		if !given[name] && !(name == "rapid.checks" && (underRace || testing.Short())) {
			if err := flag.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	os.Exit(m.Run())
}

// TestRandomHistories takes worlds that are too large to search through random nights: five people, up
// to four levels, three teams to page in, at any time of the week. Every invariant holds on every step.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		w.alert(rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "severity"))
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			randomRosters(rt, w)
			w.now = w.now.Add(randomWait(rt, w))
			w.step(randomEvent(rt, w))
		}
	})
}

// TestEssenceDecides shows that the model check may compare states by essence: an incident and its
// essence go the same ways.
func TestEssenceDecides(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		w.alert(rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "severity"))
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			randomRosters(rt, w)
			w.now = w.now.Add(randomWait(rt, w))
			ev := randomEvent(rt, w)
			short, known := w.essentially(ev)
			before := essence(w.inc, w.now, w.now, -1)
			for i := range before.Escalations { // essence leaves open how long working hours are waited for
				if e := &before.Escalations[i]; e.WaitFor == ReasonOutsideHours {
					e.WaitUntil = w.inc.Escalations[i].WaitUntil
				}
			}
			w.step(ev)
			if !known {
				continue
			}
			after, _ := Step(before, short, w.env())
			after, want := essence(after, w.now, w.now, -1), essence(w.inc, w.now, w.now, -1)
			if !same(&after, &want) {
				rt.Fatalf("%s leads the incident to\n%+v\nand its essence to\n%+v", describe(ev), want, after)
			}
		}
	})
}

// essentially gives an event the numbers that pages and attempts have in the essence of the incident;
// false if it is about a page that is not in it.
func (w *world) essentially(ev Event) (Event, bool) {
	switch e := ev.(type) {
	case Answer:
		if e.Page == 0 {
			return e, true
		}
		no, p := w.inc.Page(e.Page)
		if p.State != PageOpen {
			return e, false
		}
		short := essence(w.inc, w.now, w.now, -1)
		for _, q := range short.Escalation(no.No).Pages {
			if q.State == PageOpen && q.Person == p.Person {
				n := slices.IndexFunc(p.Attempts, func(a Attempt) bool { return a.No == e.Attempt })
				e.Page = q.No
				if n >= 0 {
					e.Attempt = q.Attempts[n].No
				}
				return e, true
			}
		}
		return e, false
	case Reported:
		no, p, _ := w.inc.Attempt(e.Attempt)
		if p.State != PageOpen {
			return e, false
		}
		short := essence(w.inc, w.now, w.now, -1)
		for _, q := range short.Escalation(no.No).Pages {
			if q.State == PageOpen && q.Person == p.Person {
				e.Attempt = q.Attempts[slices.IndexFunc(p.Attempts, func(a Attempt) bool { return a.No == e.Attempt })].No
				return e, true
			}
		}
		return e, false
	default:
		return ev, true
	}
}

var (
	everybody = []rosters.PersonID{"ann", "bob", "cat", "dan", "eve"}
	teams     = []rosters.RosterID{"first", "second", "dba", "net", "imoc"}
)

func randomWorld(rt *rapid.T) *world {
	w := empty(rt)
	w.invariants = true
	w.startAt(monday10.Add(time.Duration(rapid.IntRange(0, 7*24*12).Draw(rt, "start")) * 5 * time.Minute))
	for _, p := range everybody {
		w.person(p, rapid.SampledFrom([]string{"push@0s sms@1m voice@3m", "sms@0s push@10s voice@1m", "sms@0s voice@0s", "voice@2m push@4m", "push@0s", ""}).Draw(rt, string(p)))
	}
	for _, p := range everybody {
		w.again[p] = rapid.SampledFrom([]time.Duration{0, time.Minute, 5 * time.Minute}).Draw(rt, "again")
	}
	randomRosters(rt, w)
	minutes := rapid.IntRange(1, 12)
	w.policy = &Policy{ID: "db"}
	for range rapid.IntRange(0, 4).Draw(rt, "levels") {
		l := Level{Wait: time.Duration(minutes.Draw(rt, "wait")) * time.Minute}
		for range rapid.IntRange(1, 3).Draw(rt, "targets") {
			l.Targets = append(l.Targets, randomTarget(rt))
		}
		w.policy.Levels = append(w.policy.Levels, l)
	}
	if rapid.Bool().Draw(rt, "own expiry") {
		w.policy.AckExpiry = map[Severity]time.Duration{Critical: time.Duration(minutes.Draw(rt, "expiry")) * time.Minute, Minor: time.Hour}
	}
	w.end.LastResort = rapid.SliceOfN(rapid.SampledFrom(everybody), 0, 2).Draw(rt, "last resort")
	randomNoise(rt, w)
	randomMaintenance(rt, w)
	return w
}

// randomNoise is how the service keeps quiet, and whom a rule has paged beside.
func randomNoise(rt *rapid.T, w *world) {
	some := func(name string, d ...time.Duration) time.Duration {
		return rapid.SampledFrom(append(d, 0, 0)).Draw(rt, name)
	}
	w.service.Noise = Noise{
		Delay:     map[Severity]time.Duration{Critical: some("delay", time.Minute), Major: some("delay", 3*time.Minute), Minor: some("delay", time.Hour)},
		AutoClose: some("auto-close", 20*time.Minute, 3*time.Hour),
	}
	if rapid.IntRange(0, 3).Draw(rt, "rule") == 0 {
		w.routing.Rules = []ReadyRule{{Rule{ID: "beside", Page: []rosters.RosterID{rapid.SampledFrom(teams).Draw(rt, "beside")}}, certain(rapid.Bool().Draw(rt, "works"))}}
	}
}

// randomMaintenance begins one, changes it or ends it.
func randomMaintenance(rt *rapid.T, w *world) {
	until := rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Minute, 2 * time.Hour}).Draw(rt, "maintenance")
	if w.held, w.holds = (Held{}), nil; until > 0 {
		w.held = Held{Maintenance: 1, Until: w.now.Add(until), Why: "new disks"}
	}
	if rapid.Bool().Draw(rt, "of some") {
		w.holds = func(inc Incident) bool { return inc.Severity > Critical }
	}
}

func randomTarget(rt *rapid.T) Target {
	if rapid.Bool().Draw(rt, "by name") {
		return Target{Person: rapid.SampledFrom(everybody).Draw(rt, "target")}
	}
	return Target{Roster: rapid.SampledFrom(teams).Draw(rt, "target")}
}

// randomRosters is the change of a shift: one roster has others on call, and perhaps somebody's plan changed.
func randomRosters(rt *rapid.T, w *world) {
	if rapid.IntRange(0, 3).Draw(rt, "handover") == 0 {
		w.onCall(rapid.SampledFrom(teams).Draw(rt, "roster"), rapid.SliceOfNDistinct(rapid.SampledFrom(everybody), 0, 3, rapid.ID).Draw(rt, "on call")...)
	}
	if rapid.IntRange(0, 4).Draw(rt, "new plan") == 0 {
		w.person(rapid.SampledFrom(everybody).Draw(rt, "who"), rapid.SampledFrom([]string{"push@0s", "sms@0s voice@1m", "push@0s push@1m push@2m", ""}).Draw(rt, "plan"))
	}
	if rapid.IntRange(0, 9).Draw(rt, "other maintenance") == 0 {
		randomMaintenance(rt, w)
	}
}

// randomWait is how long nothing happens: not at all, a little, until the deadline or beyond it.
func randomWait(rt *rapid.T, w *world) time.Duration {
	d := w.inc.Deadline()
	if d.Before(w.now) {
		d = w.now
	}
	left := d.Sub(w.now)
	return rapid.SampledFrom([]time.Duration{0, 0, 0, 10 * time.Second, time.Minute, left / 2, left, left, left + time.Second, left + 20*time.Minute}).Draw(rt, "wait")
}

func randomEvent(rt *rapid.T, w *world) Event {
	who := rapid.SampledFrom(everybody).Draw(rt, "who")
	inc := &w.inc
	if inc.Status == Resolved && rapid.Bool().Draw(rt, "back") {
		return Returned{Severity: rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "severity"), Calm: rapid.SampledFrom([]time.Duration{0, 5 * time.Minute}).Draw(rt, "calm"),
			Delay: w.service.Noise.Delay[inc.Severity]}
	}
	switch kind := rapid.IntRange(0, 27).Draw(rt, "event"); {
	case kind < 6 && inc.AttemptN > 0:
		return Reported{Attempt: rapid.IntRange(1, inc.AttemptN).Draw(rt, "attempt"),
			State: rapid.SampledFrom([]AttemptState{Sent, Delivered, Failed}).Draw(rt, "news")}
	case kind < 10 && inc.PageN > 0:
		_, p := inc.Page(rapid.IntRange(1, inc.PageN).Draw(rt, "page"))
		a := rapid.SampledFrom(p.Attempts).Draw(rt, "through")
		return Answer{Person: p.Person, Decline: rapid.Bool().Draw(rt, "decline"), Page: p.No, Attempt: a.No}
	case kind < 12:
		return Answer{Person: who, Decline: rapid.Bool().Draw(rt, "decline"), Escalation: rapid.IntRange(0, len(inc.Escalations)).Draw(rt, "escalation")}
	case kind == 12:
		return SeverityChanged{To: rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "to"), By: string(who)}
	case kind == 13 && len(inc.Escalations) < 4:
		t := randomTarget(rt)
		return PagedIn{By: string(who), Role: rapid.SampledFrom([]string{"", "scribe"}).Draw(rt, "role"), Ladder: RouteTo(t, 3*time.Minute, w.end)}
	case kind == 14:
		return Active{By: string(who), What: "a comment"}
	case kind == 15:
		return Alerted{Severity: rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "severity")}
	case kind == 17:
		return Resumed{Stopped: rapid.SampledFrom([]time.Duration{time.Second, time.Minute, LongStop, 2 * time.Hour, 3 * 24 * time.Hour}).Draw(rt, "stopped")}
	case kind == 16 && rapid.IntRange(0, 5).Draw(rt, "end") == 0:
		return Ended{By: string(who)}
	case kind == 20:
		return Ended{By: "zabbix", Source: true, Over: "db1", Firing: rapid.IntRange(0, 1).Draw(rt, "firing")}
	case kind == 21 && rapid.IntRange(0, 2).Draw(rt, "release") == 0:
		return Released{By: string(who)}
	case kind == 22:
		return Snoozed{Person: who, Until: w.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 5 * time.Hour}).Draw(rt, "snooze"))}
	case kind == 23:
		return Escalated{By: string(who)}
	case kind == 24:
		return Told{By: string(who), Text: "it grows"}
	case kind == 25:
		return Alerted{Severity: inc.Severity, Group: Group{Joined: "db2", All: 2, Firing: rapid.IntRange(1, 2).Draw(rt, "firing")}}
	case kind == 26:
		return randomDescription(rt, string(who))
	default:
		return Tick{}
	}
}

// TestRule11_ReceiptsInAnyOrder: whatever news of an attempt comes, late, twice and in any order, the
// attempt ends in the same state: the furthest of those that were told.
func TestRule11_ReceiptsInAnyOrder(t *testing.T) {
	// Rule 11.
	news := []AttemptState{Sent, Delivered, Failed}
	var sets [][]AttemptState
	for n := 1; n <= 4; n++ {
		for i := range pow(len(news), n) {
			var set []AttemptState
			for range n {
				set = append(set, news[i%len(news)])
				i /= len(news)
			}
			sets = append(sets, set)
		}
	}
	for _, channel := range []string{"push", "sms", "voice"} {
		for _, order := range sets { // every order of every set is among them
			w := night(t).person("ann", channel+"@0s push@4m").alert(Critical)
			for _, st := range order {
				w.step(Reported{Attempt: 1, State: st})
			}
			want := Sent
			if slices.Contains(order, Failed) {
				want = Failed
			}
			if slices.Contains(order, Delivered) {
				want = Delivered
			}
			if _, _, a := w.inc.Attempt(1); a.State != want {
				t.Errorf("%s %s: the attempt is %s, want %s", channel, order, a.State, want)
			}
		}
	}
}

func pow(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}
