package engine

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

// What would become of an alert if nobody answered it.

// foretell asks for the opening of a world.
func (w *world) foretell(sev Severity) Forecast {
	a := w.sent
	a.Severity, a.Summary, a.DedupKey = sev, w.summary, "db-1"
	if w.service != nil {
		a.Service = w.service.ID
	}
	o := Opening{Routed: w.routing.Route(a, w.now, func(ServiceID) *Service { return w.service }), Service: w.service, Policy: w.policy, CatchAll: w.end, Held: w.held}
	return o.Foretell(a.Service, w.now, w.envAt)
}

func (w *world) envAt(at time.Time) Env {
	env := w.env()
	env.Now = at
	env.Held = func(inc Incident) Held {
		if held := w.heldBack(inc); held.Until.After(at) {
			return held
		}
		return Held{}
	}
	return env
}

// story is who is told what and when: "5m bob push" is level 2's.
func (f Forecast) story(from time.Time) (all []string) {
	for _, p := range f.Pages {
		for _, c := range p.Contacts {
			end := ""
			if p.CatchAll {
				end = " (catch-all)"
			}
			all = append(all, fmt.Sprintf("%s %s %s, level %d as %s%s", short(c.At.Sub(from)), p.Person, c.Channel, p.Level+1, p.Role, end))
		}
	}
	return all
}

func wantStory(t *testing.T, f Forecast, from time.Time, want ...string) {
	t.Helper()
	if got := f.story(from); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestForetell_TheWholeLadderOnce(t *testing.T) {
	w := night(t)
	f := w.foretell(Critical)
	wantStory(t, f, w.start,
		"0s ann push, level 1 as incident manager", "2m ann voice, level 1 as incident manager",
		"5m bob push, level 2 as incident manager", "7m bob voice, level 2 as incident manager",
		"10m cat push, level 3 as incident manager (catch-all)", "12m cat voice, level 3 as incident manager (catch-all)")
	if !f.Again.Equal(w.start.Add(15 * time.Minute)) {
		t.Errorf("it begins again at %v", f.Again)
	}
	if f.Pages[1].At != w.start.Add(5*time.Minute) || f.Pages[1].Escalation != 1 || f.Pages[1].Contacts[0].Address != "bob's push" {
		t.Errorf("got %+v", f.Pages[1])
	}
	if f.Incident.Status != New || f.Incident.Escalations != nil || f.Incident.Summary != "disk full" || f.Incident.Severity != Critical {
		t.Errorf("opened is %+v", f.Incident)
	}
	if first, last := f.Lines[0], f.Lines[len(f.Lines)-1]; first.Note.Reason != ReasonOpened || first.At != w.start || last.Note.Reason != ReasonNextContact ||
		last.At != w.start.Add(12*time.Minute) {
		t.Errorf("from %+v to %+v", first, last)
	}
}

func TestForetell_WhatHoldsItBack(t *testing.T) {
	w := night(t).delay("3m")
	wantStory(t, w.foretell(Critical), w.start.Add(3*time.Minute), night(t).foretell(Critical).story(w.start)...)

	w = night(t).maintenance("1h")
	f := w.foretell(Critical)
	wantStory(t, f, w.start.Add(time.Hour), night(t).foretell(Critical).story(w.start)...)
	if !slices.ContainsFunc(f.Lines, func(l ForecastLine) bool {
		return l.Note.Reason == ReasonMaintenanceOver && l.At.Equal(w.start.Add(time.Hour))
	}) {
		t.Error("nothing says that the maintenance is over")
	}

	w = night(t).startAt(saturday10).person("ann", "push@0s").onCall("second").onCall("imoc")
	wantStory(t, w.foretell(Minor), saturday10, "47h ann push, level 1 as incident manager")
}

func TestForetell_WhoIsOnCallThen(t *testing.T) {
	w := night(t).person("ann", "push@0s").person("bob", "push@0s").onCall("imoc")
	o := Opening{Routed: Routed{Alert: Alert{Service: "db", Severity: Critical}}, Service: w.service, Policy: w.policy, CatchAll: w.end}
	f := o.Foretell("db", w.now, func(at time.Time) Env {
		env := w.envAt(at)
		env.OnCall = func(target Target) []rosters.PersonID {
			if at.Before(w.start.Add(5*time.Minute)) || target.Roster != "second" {
				return w.rosters[target.Roster]
			}
			return []rosters.PersonID{"cat"} // the shift ends at five minutes past
		}
		return env
	})
	wantStory(t, f, w.start, "0s ann push, level 1 as incident manager", "5m cat push, level 2 as incident manager", "7m cat voice, level 2 as incident manager")
}

func TestForetell_WhatRulesPageBeside(t *testing.T) {
	w := night(t).person("ann", "push@0s").person("bob", "push@0s").person("cat", "push@0s").person("dan", "push@0s").onCall("dba", "dan")
	w.routing.Rules = []ReadyRule{rule(certain(true), Rule{ID: "dba", Page: []rosters.RosterID{"dba"}})}
	f := w.foretell(Critical)
	wantStory(t, f, w.start, "0s ann push, level 1 as incident manager", "0s dan push, level 1 as dba", "5m bob push, level 2 as incident manager",
		"5m cat push, level 2 as dba (catch-all)", "10m cat push, level 3 as incident manager (catch-all)", "10m dan push, level 1 as dba")
	if f.Pages[1].Escalation != 2 {
		t.Errorf("got %+v", f.Pages[1])
	}
}

func TestForetell_Nobody(t *testing.T) {
	w := night(t).onCall("first").onCall("second").onCall("imoc")
	f := w.foretell(Critical)
	if len(f.Pages) > 0 || !f.Again.Equal(w.start.Add(time.Minute)) || !slices.ContainsFunc(f.Lines, func(l ForecastLine) bool { return l.Note.Reason == ReasonNobody }) {
		t.Errorf("got %+v", f)
	}
}

func TestForetell_WhatClosesByItself(t *testing.T) {
	w := night(t).person("ann", "push@0s")
	w.service.Noise.AutoClose = 4 * time.Minute
	f := w.foretell(Critical)
	wantStory(t, f, w.start, "0s ann push, level 1 as incident manager")
	if last := f.Lines[len(f.Lines)-1]; last.Note.Reason != ReasonAutoClosed || last.At != w.start.Add(4*time.Minute) || !f.Again.IsZero() {
		t.Errorf("it ends with %+v, and begins again at %v", last, f.Again)
	}
}

func TestForetell_LooksNoFurtherThanItSays(t *testing.T) {
	w := night(t).maintenance("361h") // 15 days and an hour
	if f := w.foretell(Critical); len(f.Pages) > 0 || !f.Again.IsZero() {
		t.Errorf("got %+v", f.Pages)
	}
	w = night(t).maintenance("360h")
	if f := w.foretell(Critical); len(f.Pages) != 1 || len(f.Pages[0].Contacts) != 1 { // what falls due just then is told, and no more
		t.Errorf("got %+v", f.Pages)
	}
}

// A forecast is what Step does, step by step, while everything arrives and nobody answers.
func TestForetell_IsWhatStepDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		sev := rapid.SampledFrom([]Severity{1, 2, 3}).Draw(rt, "severity")
		begin := w.now
		f := w.foretell(sev)
		var got []string
		for _, p := range f.Pages {
			for _, c := range p.Contacts {
				got = append(got, fmt.Sprintf("%s %s %s for escalation %d as %s, level %d, catch-all: %t", c.At.Sub(begin), p.Person, c.Address, p.Escalation, p.Role, p.Level, p.CatchAll))
			}
		}
		lines, want, again := w.lived(sev, begin.Add(forecastSpan))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			rt.Fatalf("foretold\n%q\nhappened\n%q", got, want)
		}
		if !reflect.DeepEqual(f.Lines, lines) {
			rt.Fatalf("foretold\n%+v\nhappened\n%+v", f.Lines, lines)
		}
		if !f.Again.Equal(again) {
			rt.Fatalf("foretold to begin again at %v, and did at %v", f.Again, again)
		}
	})
}

// lived takes the world through what a forecast tells: until the manager's ladder begins again, or nothing
// falls due before an end.
func (w *world) lived(sev Severity, end time.Time) (lines []ForecastLine, sent []string, again time.Time) {
	begin := w.now
	w.alert(sev)
	for range forecastSteps + 1 {
		if w.inc.Escalations[0].Round > 1 {
			return lines, sent, w.now
		}
		effects := w.effects
		for _, ef := range effects {
			switch ef := ef.(type) {
			case Note:
				lines = append(lines, ForecastLine{w.now, ef})
			case Send:
				e, p, a := w.inc.Attempt(ef.Attempt)
				sent = append(sent, fmt.Sprintf("%s %s %s for escalation %d as %s, level %d, catch-all: %t", w.now.Sub(begin), p.Person, a.Address, e.No, e.Role,
					p.Level, e.Ladder.Levels[p.Level].CatchAll))
			}
		}
		for _, ef := range effects {
			if s, ok := ef.(Send); ok {
				w.step(Reported{Attempt: s.Attempt, State: Sent}).step(Reported{Attempt: s.Attempt, State: Delivered})
			}
		}
		d := w.inc.Deadline()
		if d.IsZero() || d.After(end) {
			break
		}
		w.now = d
		if !w.held.Until.After(w.now) {
			w.held = Held{}
		}
		w.tick()
	}
	return lines, sent, time.Time{}
}
