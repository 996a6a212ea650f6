package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// What keeps quiet: delays, maintenance, what comes back, what flaps, what closes by itself and groups; and
// what senders ask for. The nights are those of rules_test.go: ann is on call first, bob second after five
// minutes, and cat is the incident manager on call.

// delay gives every alert so long to be over by itself.
func (w *world) delay(after string) *world {
	d := w.duration(after)
	w.service.Noise.Delay = map[Severity]time.Duration{Critical: d, Major: d, Minor: d}
	return w
}

// maintenance is what everything falls into until so long after the beginning; "" ends it.
func (w *world) maintenance(until string) *world {
	w.held = Held{}
	if until != "" {
		w.held = Held{Maintenance: 1, Until: w.start.Add(w.duration(until)), Why: "new disks"}
	}
	return w
}

// returns has what comes back within ten minutes open its incident again.
func (w *world) returns(once bool) *world {
	w.service.Noise.Return = Return{Within: 10 * time.Minute, Once: once}
	return w
}

// beside has a rule page a roster beside the policy.
func (w *world) beside(r rosters.RosterID) *world {
	w.routing.Rules = append(w.routing.Rules, rule(when(func(*Facts) bool { return true }), Rule{ID: "beside", Page: []rosters.RosterID{r}}))
	return w
}

// over is the source saying that it is.
func (w *world) over() *world {
	w.t.Helper()
	return w.step(Ended{By: "zabbix", Source: true, Why: "The source says that it is over."})
}

func (w *world) release() *world {
	w.t.Helper()
	return w.step(Released{By: "zabbix", Why: "it was not her"})
}

func (w *world) snooze(p rosters.PersonID, until string) *world {
	w.t.Helper()
	return w.step(Snoozed{Person: p, Until: w.start.Add(w.duration(until)), Via: "opsgenie"})
}

func (w *world) escalate() *world {
	w.t.Helper()
	return w.step(Escalated{By: "zabbix", Why: "nobody moves"})
}

// wantStatus says where the incident stands.
func (w *world) wantStatus(want Status) *world {
	w.t.Helper()
	if w.inc.Status != want {
		w.t.Errorf("at %s the incident is %s, want %s", w.now.Sub(w.start), w.inc.Status, want)
	}
	return w
}

// wantLine says that the last step wrote a line of this reason, in these words.
func (w *world) wantLine(r Reason, text string) *world {
	w.t.Helper()
	for _, ef := range w.effects {
		if n, ok := ef.(Note); ok && n.Reason == r {
			if n.Text != text {
				w.t.Errorf("%q says\n\t%s\nwant\n\t%s", r, n.Text, text)
			}
			return w
		}
	}
	w.t.Errorf("the timeline does not say %q", r)
	return w
}

// wantSame says that since then nothing changed but the timeline.
func (w *world) wantSame(as Incident) *world {
	w.t.Helper()
	if !same(&as, &w.inc) {
		w.t.Errorf("at %s it became\n\t%+v\nof\n\t%+v", w.now.Sub(w.start), w.inc, as)
	}
	return w.want()
}

// seen forgets what was sent so far.
func (w *world) seen() *world {
	w.unseen = nil
	return w
}

func TestDelay_WhatIsOverInTimePagesNobody(t *testing.T) {
	w := night(t).delay("3m").alert(Major).want().wantReason(ReasonDelayed).wantState(1, "waiting").wantDeadline("3m")
	w.wantLine(ReasonDelayed, "Paging waits for 3m: it may be over by then.").wantBasis(ReasonDelayed, map[string]string{"delay": "3m0s"})
	w.at("2m59s").over().want().wantStatus(Resolved).wantDeadline("")
	w.at("3m").tick().want()
}

func TestDelay_WhatIsNotOverThenPages(t *testing.T) {
	w := night(t).delay("3m").alert(Major).at("2m59s").tick().want().wantState(1, "waiting")
	w.at("3m").tick().want("ann push: first page").wantReason(ReasonDelayOver, ReasonLevelBegins).wantState(1, "climbing level 1")
	w.wantLine(ReasonDelayOver, "It is not over: paging.").wantDeadline("5m") // ann's call
	w.at("8m").tick().want("bob push: first page", "ann voice: next contact") // the level has its full wait
}

func TestDelay_OverAtTheLastMomentIsInTime(t *testing.T) {
	night(t).delay("3m").alert(Major).at("3m").over().want().wantStatus(Resolved)
}

func TestDelay_IsThatOfTheSeverity(t *testing.T) {
	// Rule 9.
	for sev, want := range map[Severity]string{Critical: "", Major: "3m", Minor: "1h"} {
		w := night(t)
		w.service.Noise.Delay = map[Severity]time.Duration{Major: 3 * time.Minute, Minor: time.Hour}
		w.alert(sev)
		if want == "" {
			w.want("ann push: first page").wantState(1, "climbing level 1")
		} else {
			w.want().wantState(1, "waiting").wantDeadline(want)
		}
	}
}

func TestDelay_WhatGetsWorseDoesNotWait(t *testing.T) {
	// Rule 9.
	for name, worse := range map[string]func(*world){
		"by an alert": func(w *world) { w.alert(Critical) },
		"by a person": func(w *world) { w.severity(Critical, "eve") },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).delay("3m").alert(Major).at("1m")
			worse(w)
			w.want("ann push: first page").wantReason(ReasonSeverityRaised).wantState(1, "climbing level 1")
			w.at("3m").tick().want("ann voice: next contact") // the end of the delay means nothing any more
		})
	}
}

func TestDelay_WhatGetsBetterWaitsOn(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).delay("3m").alert(Critical).at("1m").severity(Minor, "eve").want().wantState(1, "waiting").wantDeadline("3m")
	w.at("3m").tick().want().wantReason(ReasonDelayOver, ReasonOutsideHours).wantState(1, "waiting").wantDeadline("47h")
	w.at("47h").tick().want("ann push: first page").wantReason(ReasonHoursOpen)
}

func TestDelay_IsCountedFromTheFirstAlert(t *testing.T) {
	// Rule 13.
	w := night(t).delay("3m").alert(Major).at("2m").alert(Major).want().wantReason(ReasonJoined).wantDeadline("3m")
	w.at("3m").tick().want("ann push: first page")
}

func TestDelay_WhatIsAcknowledgedMeanwhilePagesNobody(t *testing.T) {
	w := night(t).delay("3m").alert(Major).at("1m").ack("bob").want().wantState(1, "acknowledged by bob").wantDeadline("61m")
	w.at("3m").tick().want()
	if e := w.escalation(1); e.WaitFor != "" {
		t.Errorf("it still waits for %q", e.WaitFor)
	}
}

func TestDelay_WhatARulePagesBesideWaitsToo(t *testing.T) {
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").delay("3m")
	w.routing.Rules = []ReadyRule{{Rule{ID: "dba", Page: []rosters.RosterID{"dba"}}, certain(true)}}
	w.alert(Major).want().wantState(1, "waiting").wantState(2, "waiting")
	w.at("3m").tick().want("ann push: first page", "dan push: first page")
}

func TestDelay_ATeamThatAPersonPagesInIsNotHeldBack(t *testing.T) {
	w := night(t).delay("3m").alert(Major).pageIn("second", "eve").want("bob push: first page")
	w.wantState(1, "waiting").wantState(2, "climbing level 1")
}

func TestDelay_IsOverWhenRouseWasStopped(t *testing.T) {
	// Rule 18. Working hours, rests and delays are not put off: better a page too many.
	w := night(t).delay("3m").alert(Major).at("2h").resume("1h59m").want("ann push: first page").wantReason(ReasonDelayOver)
	w.wantState(1, "climbing level 1").wantDeadline("122m")

	night(t).delay("4h").alert(Major).at("2h").resume("2h").want().wantState(1, "waiting").wantDeadline("4h")
}

func TestMaintenance_PagesNobodyUntilItIsOver(t *testing.T) {
	w := night(t).maintenance("1h").at("5m").alert(Critical).want().wantState(1, "waiting").wantDeadline("1h")
	w.wantLine(ReasonMaintenance, "The service is being worked on: paging waits for the end of the maintenance: new disks")
	w.wantBasis(ReasonMaintenance, map[string]string{"maintenance": "1", "until": "2026-01-12T11:00:00Z"})
	before := w.inc
	w.at("59m59s").tick().wantSame(before)
	w.at("1h").tick().want("ann push: first page").wantReason(ReasonMaintenanceOver, ReasonLevelBegins).wantState(1, "climbing level 1")
	w.wantLine(ReasonMaintenanceOver, "The maintenance is over, and this is not: paging.").wantDeadline("62m")
}

func TestMaintenance_WhatIsOverByThenPagesNobody(t *testing.T) {
	night(t).maintenance("1h").alert(Critical).at("30m").over().want().wantStatus(Resolved).at("1h").tick().want()
}

func TestMaintenance_CountsInsteadOfADelay(t *testing.T) {
	w := night(t).delay("3m").maintenance("1h").alert(Major).want().wantReason(ReasonMaintenance).wantDeadline("1h")
	w.at("1h").tick().want("ann push: first page")

	// One that is over keeps nothing: the delay counts.
	w = night(t).delay("3m").maintenance("1h").at("1h").alert(Major).want().wantReason(ReasonDelayed).wantDeadline("63m")
	w.at("63m").tick().want("ann push: first page")
	night(t).maintenance("1h").at("1h").alert(Major).want("ann push: first page")
	night(t).maintenance("1h").at("59m59s").alert(Major).want().wantReason(ReasonMaintenance)
}

func TestMaintenance_HoldsBackHoweverBadItGets(t *testing.T) {
	// Rule 9.
	for name, worse := range map[string]func(*world){
		"by an alert": func(w *world) { w.alert(Critical) },
		"by a person": func(w *world) { w.severity(Critical, "eve") },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).maintenance("1h").alert(Major).at("10m")
			worse(w)
			w.want().wantReason(ReasonSeverityRaised).wantState(1, "waiting").wantDeadline("1h")
			w.at("1h").tick().want("ann push: first page")
		})
	}
}

func TestMaintenance_ThatIsExtendedIsWaitedFor(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical).maintenance("90m").at("30m").tick().want().wantReason(ReasonMaintenance).wantDeadline("90m")
	w.at("1h").tick().want().at("90m").maintenance("2h").tick().want().wantDeadline("2h") // and once more, at its very end
	w.at("2h").tick().want("ann push: first page")
}

func TestMaintenance_ThatIsCutShortPagesAtOnce(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical).maintenance("40m").at("30m").tick().want().wantReason(ReasonMaintenance).wantDeadline("40m")
	w.maintenance("").at("31m").tick().want("ann push: first page").wantReason(ReasonMaintenanceOver)

	w = night(t).maintenance("1h").alert(Critical).maintenance("30m").at("30m").tick().want("ann push: first page") // it ends just now
	w.wantState(1, "climbing level 1")
}

func TestMaintenance_IsAskedForWhateverHappens(t *testing.T) {
	for name, ev := range map[string]Event{
		"the alert repeats":    Alerted{Severity: Critical},
		"somebody is at work":  Active{By: "eve", What: "looks"},
		"the source says":      Told{By: "zabbix", Text: "it grows"},
		"a team is paged in":   PagedIn{By: "eve", Ladder: RouteTo(Target{Person: "bob"}, time.Minute, CatchAll{Roster: "imoc"})},
		"somebody declines":    Answer{Person: "eve", Decline: true},
		"nobody has it":        Released{By: "zabbix"},
		"the severity is less": SeverityChanged{To: Major, By: "eve"},
		"a stop":               Resumed{Stopped: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).maintenance("1h").alert(Critical).maintenance("").at("10m").step(ev)
			w.wantReason(ReasonMaintenanceOver).wantState(1, "climbing level 1")
		})
	}
}

func TestMaintenance_ThatMatchesNoLongerHoldsNothingBack(t *testing.T) {
	// It is about all but critical alerts.
	w := night(t).maintenance("1h")
	w.holds = func(inc Incident) bool { return inc.Severity > Critical }
	w.alert(Major).want().wantState(1, "waiting")
	w.at("10m").alert(Critical).want("ann push: first page").wantReason(ReasonMaintenanceOver).wantState(1, "climbing level 1")
}

func TestMaintenance_OfWhichNobodyKnowsIsOverInTime(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical)
	env := w.env()
	env.Held = nil
	for _, c := range []struct{ at, want string }{{"59m59s", "waiting"}, {"1h", "climbing level 1"}} {
		env.Now = w.start.Add(w.duration(c.at))
		after, _ := Step(w.inc, Tick{}, env)
		if got := after.Escalations[0].stands(); got != c.want {
			t.Errorf("at %s it is %s, want %s", c.at, got, c.want)
		}
	}
}

func TestMaintenance_BeginsNothingAnew(t *testing.T) {
	// It keeps ladders from beginning. What has begun goes on, and so do acknowledgements.
	w := night(t).alert(Critical).want("ann push: first page").maintenance("3h")
	w.at("5m").tick().want("bob push: first page", "ann voice: next contact")
	w.ack("bob").at("35m").tick().want("bob push: acknowledgement expired")
	w.at("37m").tick().want("bob voice: next contact").at("40m").tick().want("ann push: first page").wantReason(ReasonLadderAgain)
}

func TestMaintenance_ThatIsAcknowledgedHoldsNothing(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical).at("10m").ack("ann").want().wantState(1, "acknowledged by ann").wantDeadline("40m")
	if e := w.escalation(1); e.WaitFor != "" {
		t.Errorf("it still waits for %q", e.WaitFor)
	}
	w.at("20m").decline("ann").want("bob push: first page").wantReason(ReasonHandedBack) // she gives it to somebody
}

func TestMaintenance_AnIncidentThatIsOverWaitsForNothing(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical).resolve()
	if e := w.escalation(1); e.WaitFor != "" || e.State != Stopped {
		t.Errorf("it is %s, and waits for %q", e.State, e.WaitFor)
	}
}

func TestMaintenance_AfterItSeverityThreeWaitsForWorkingHours(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).maintenance("1h").alert(Minor).want().wantDeadline("1h")
	w.at("1h").tick().want().wantReason(ReasonMaintenanceOver, ReasonOutsideHours).wantState(1, "waiting").wantDeadline("47h")
	w.at("47h").tick().want("ann push: first page").wantReason(ReasonHoursOpen)
}

func TestMaintenance_ThatBeginsWhileSomethingElseIsWaitedForHoldsBack(t *testing.T) {
	// Rule 9. What would begin to page while it is on waits for its end.
	t.Run("a delay", func(t *testing.T) {
		w := night(t).delay("3m").alert(Major).maintenance("1h")
		w.at("3m").tick().want().wantReason(ReasonMaintenance).wantState(1, "waiting").wantDeadline("1h")
		w.at("1h").tick().want("ann push: first page").wantReason(ReasonMaintenanceOver)
	})
	t.Run("working hours", func(t *testing.T) {
		w := night(t).startAt(saturday10).alert(Minor).want().wantDeadline("47h").maintenance("50h")
		w.at("47h").tick().want().wantReason(ReasonMaintenance).wantDeadline("50h")
		w.at("50h").tick().want("ann push: first page").wantReason(ReasonMaintenanceOver)
	})
	t.Run("a delay, and the severity rises", func(t *testing.T) {
		w := night(t).delay("3m").alert(Major).maintenance("1h").at("1m").alert(Critical).want().wantReason(ReasonSeverityRaised, ReasonMaintenance)
		w.wantDeadline("1h").at("1h").tick().want("ann push: first page")
	})
	t.Run("a delay, and somebody escalates", func(t *testing.T) {
		night(t).delay("3m").alert(Major).maintenance("1h").at("1m").escalate().want("ann push: first page")
	})
	t.Run("one that is over by then", func(t *testing.T) {
		night(t).delay("3m").alert(Major).maintenance("2m").at("3m").tick().want("ann push: first page").wantReason(ReasonDelayOver)
	})
}

func TestMaintenance_ATeamThatAPersonPagesInIsNotHeldBack(t *testing.T) {
	w := night(t).maintenance("1h").alert(Critical).pageIn("second", "eve").want("bob push: first page")
	w.wantState(1, "waiting").wantState(2, "climbing level 1")
}

func TestMaintenance_IsNotPutOffByAStop(t *testing.T) {
	// Rule 18.
	w := night(t).maintenance("3h").alert(Critical).at("2h").resume("2h").want().wantState(1, "waiting").wantDeadline("3h")
	w.at("4h").resume("2h").want("ann push: first page").wantReason(ReasonMaintenanceOver)
}

// cameBack is an incident of ann's that was resolved after five minutes and is back after ten.
func cameBack(t *testing.T, once bool) *world {
	w := night(t).returns(once).alert(Major).at("1m").ack("ann").at("5m").over().wantStatus(Resolved).seen()
	return w.at("10m").alert(Major)
}

func TestReturn_OpensTheIncidentAgainAndPages(t *testing.T) {
	// Rule 13.
	w := cameBack(t, false)
	w.want("ann push: first page").wantStatus(New).wantState(1, "climbing level 1, round 2")
	w.wantReason(ReasonReturned, ReasonLadderAgain, ReasonLevelBegins)
	w.wantLine(ReasonReturned, "Came back 5m after it was resolved, for the 1st time: open again.")
	w.wantBasis(ReasonReturned, map[string]string{"returns": "1", "calm": "5m0s"})
	inc := w.inc
	if inc.Key != "HOT-1" || inc.Manager != "" || !inc.AckedAt.IsZero() || !inc.EndedAt.IsZero() || !inc.OpenedAt.Equal(w.start) {
		t.Errorf("it is %s of %q, acknowledged %v, ended %v, opened %v", inc.Key, inc.Manager, inc.AckedAt, inc.EndedAt, inc.OpenedAt)
	}
	if inc.AlertN != 2 || !inc.AlertedAt.Equal(w.now) || inc.ReturnN != 1 || inc.Calm != 0 {
		t.Errorf("%d alerts, the last at %v, %d returns, calm for %v", inc.AlertN, inc.AlertedAt, inc.ReturnN, inc.Calm)
	}
	if e := w.escalation(1); e.Holder != "" || e.Why != "came back, 1st time" {
		t.Errorf("held by %q, begun because it %s", e.Holder, e.Why)
	}
	w.at("15m").tick().want("bob push: first page", "ann voice: next contact") // its ladder is climbed as any other
	w.ack("bob")
	if w.inc.Manager != "bob" || !w.inc.AckedAt.Equal(w.now) {
		t.Errorf("the manager is %q since %v", w.inc.Manager, w.inc.AckedAt)
	}
}

func TestReturn_IsCounted(t *testing.T) {
	w := cameBack(t, false)
	for _, want := range []string{"2nd", "3rd", "4th"} {
		w.over().at((w.now.Sub(w.start) + time.Minute).String()).alert(Major)
		w.wantLine(ReasonReturned, "Came back 1m after it was resolved, for the "+want+" time: open again.")
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 14: "14th", 20: "20th",
		21: "21st", 22: "22nd", 23: "23rd", 100: "100th", 101: "101st", 111: "111th", 112: "112th", 113: "113th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestReturn_WhatComesBackWorseIsWorse(t *testing.T) {
	// Rules 9 and 13. What comes back milder is as bad as it was.
	resolved := func() *world { return night(t).returns(false).alert(Major).over().at("1m").seen() }
	resolved().alert(Critical).wantReason(ReasonReturned, ReasonSeverityRaised).want("ann push: first page")
	for sev, want := range map[Severity]Severity{Critical: Critical, Major: Major, Minor: Major, 0: Major} {
		w := resolved().step(Returned{Severity: sev})
		if w.inc.Severity != want {
			t.Errorf("of severity %d it comes back at %d, want %d", sev, w.inc.Severity, want)
		}
	}
}

func TestReturn_ToldTwiceIsOne(t *testing.T) {
	w := cameBack(t, false).seen()
	before := w.inc
	w.step(Returned{Severity: Critical, Calm: time.Minute}).wantSame(before)
	if len(w.effects) > 0 {
		t.Errorf("%v", w.effects)
	}
}

func TestReturn_MayHaveToWait(t *testing.T) {
	// Rule 9, delays and maintenances are the same as at the opening.
	resolved := func() *world { return night(t).returns(false).alert(Major).over().at("1m").seen() }
	w := resolved().delay("3m").alert(Major).want().wantReason(ReasonReturned, ReasonDelayed).wantState(1, "waiting").wantDeadline("4m")
	w.at("4m").tick().want("ann push: first page").wantReason(ReasonDelayOver)
	resolved().maintenance("1h").alert(Major).want().wantReason(ReasonReturned, ReasonMaintenance).wantState(1, "waiting").wantDeadline("1h")

	w = night(t).startAt(saturday10).returns(false).alert(Minor).over().at("1m").alert(Minor)
	w.want().wantReason(ReasonReturned, ReasonOutsideHours).wantState(1, "waiting").wantDeadline("47h")
}

func TestReturn_WhoDeclinedIsPagedAgain(t *testing.T) {
	// Rule 8. It is another round.
	w := night(t).returns(false).alert(Major).decline("ann").over().at("1m").seen()
	w.alert(Major).want("ann push: first page")
}

func TestReturn_APageOfBeforeMayBeAnswered(t *testing.T) {
	w := night(t).returns(false).alert(Major).over().at("1m").alert(Major)
	w.step(Answer{Person: "ann", Page: 1, Attempt: 1}).wantState(1, "acknowledged by ann")
}

func TestReturn_TeamsThatWerePagedInAreNotPagedAgain(t *testing.T) {
	// Rule 5. They came for what was; whoever needs them again pages them in again.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").returns(false).alert(Major).pageIn("dba", "bob").ack("dan").over().at("1m").seen()
	w.alert(Major).want("ann push: first page").wantState(2, "stopped, held by dan")
	w.pageIn("dba", "bob").want("dan push: first page").wantState(3, "climbing level 1")
	w.step(Answer{Person: "dan", Escalation: 2}).wantState(2, "stopped, held by dan").ack("ann").wantState(1, "acknowledged by ann")
}

func TestReturn_RostersThatARuleHasPagedArePagedAgain(t *testing.T) {
	// Rule 13. The alert brought them about, as it did the manager's ladder, whatever became of them.
	for name, became := range map[string]func(*world){
		"nobody answered":            func(*world) {},
		"somebody had it":            func(w *world) { w.ack("dan") },
		"somebody declined":          func(w *world) { w.decline("dan") },
		"every contact failed":       func(w *world) { w.hear("dan", rosters.Push, Failed) },
		"and a person paged them in": func(w *world) { w.ack("dan").pageIn("dba", "bob") },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).person("dan", "push@0s").onCall("dba", "dan").returns(false).beside("dba").alert(Major)
			became(w)
			w.over().at("5m").seen().alert(Major).want("ann push: first page", "dan push: first page")
			if e := w.escalation(2); e.State != Climbing || e.Level != 0 || e.Holder != "" || len(e.Declined) > 0 || e.Why != "came back, 1st time" {
				t.Errorf("it is %s on level %d of %q, begun because it %s", e.State, e.Level+1, e.Holder, e.Why)
			}
			if e := w.inc.Escalation(3); e != nil && e.State != Stopped {
				t.Errorf("what a person asked for is %s", e.State)
			}
			w.ack("dan").wantState(2, "acknowledged by dan").wantState(1, "climbing level 1, round 2")
		})
	}
}

func TestReturn_RostersThatARuleHasPagedWaitAsTheManagersLadderDoes(t *testing.T) {
	// Rule 9.
	back := func() *world {
		return night(t).person("dan", "push@0s").onCall("dba", "dan").returns(false).beside("dba").alert(Major).over().at("1m").seen()
	}
	back().delay("3m").alert(Major).want().wantState(2, "waiting").at("4m").tick().want("ann push: first page", "dan push: first page")
	back().maintenance("1h").alert(Major).want().wantState(2, "waiting").at("1h").tick().want("ann push: first page", "dan push: first page")
}

func TestReturn_IsBelievedToBeOver(t *testing.T) {
	// What has to hold is the word about what flaps, and nothing else.
	cameBack(t, false).at("11m").over().wantStatus(Resolved)
}

// flapping is an incident of ann's that came back at 10m, and of which the source says at 12m that it is
// over.
func flapping(t *testing.T) *world {
	w := cameBack(t, true).at("11m").ack("ann").at("12m").over().wantStatus(Fixing).wantReason(ReasonFlapping)
	w.wantLine(ReasonFlapping, "The source says that it is over, as before: believed if it stays calm for 10m.")
	return w.seen()
}

func TestFlapping_TheSourcesWordHasToHold(t *testing.T) {
	w := flapping(t).wantDeadline("22m").at("21m59s").tick().wantStatus(Fixing)
	w.at("22m").tick().want().wantStatus(Resolved).wantState(1, "stopped, held by ann").wantDeadline("")
	w.wantLine(ReasonResolved, "Resolved. It was calm for 10m.")
	if !w.inc.EndedAt.Equal(w.now) || !w.inc.CalmUntil.IsZero() {
		t.Errorf("it ended at %v, and is believed at %v", w.inc.EndedAt, w.inc.CalmUntil)
	}
}

func TestFlapping_TheSourcesWordToldAgainDoesNotPutItOff(t *testing.T) {
	w := flapping(t).at("15m")
	before := w.inc
	w.over().wantSame(before).wantDeadline("22m")
	if len(w.effects) > 0 {
		t.Errorf("%v", w.effects)
	}
}

func TestFlapping_WhatComesBackBeforeIsCountedAndPagesNobody(t *testing.T) {
	w := flapping(t).at("21m59s").alert(Major).want().wantStatus(Fixing).wantState(1, "acknowledged by ann")
	w.wantLine(ReasonFlapping, "Came back before it was calm for 10m, for the 2nd time; no new page.")
	if w.inc.ReturnN != 2 || w.inc.AlertN != 3 || !w.inc.CalmUntil.IsZero() {
		t.Errorf("%d returns, %d alerts, calm until %v", w.inc.ReturnN, w.inc.AlertN, w.inc.CalmUntil)
	}
	w.at("22m").tick().wantStatus(Fixing)                              // the word does not count any more
	w.alert(Major).wantReason(ReasonJoined)                            // what goes on is not back again
	w.at("23m").over().wantReason(ReasonFlapping).wantDeadline("33m")  // and has to hold anew
	w.at("33m").tick().wantStatus(Resolved).wantReason(ReasonResolved) // as it does
}

func TestFlapping_WhatGetsWorsePages(t *testing.T) {
	// Rules 9 and 13.
	flapping(t).at("15m").alert(Critical).want("ann push: severity raised").wantReason(ReasonFlapping, ReasonSeverityRaised)
}

func TestFlapping_APersonIsBelievedAtOnce(t *testing.T) {
	flapping(t).at("15m").resolve().wantStatus(Resolved).wantDeadline("")
	w := cameBack(t, true).at("11m").resolve().wantStatus(Resolved)
	if !w.inc.CalmUntil.IsZero() {
		t.Errorf("it is believed at %v", w.inc.CalmUntil)
	}
}

func TestFlapping_PagingGoesOnUntilItIsCalm(t *testing.T) {
	// Rules 2 and 4. Nobody has answered.
	w := cameBack(t, true).at("11m").over().wantStatus(New).seen()
	w.at("12m").tick().want("ann voice: next contact").at("15m").tick().want("bob push: first page")
	w.at("21m").tick().wantStatus(Resolved).want() // bob's call and cat's level were due as well
}

func TestFlapping_TheHolderIsAskedMeanwhile(t *testing.T) {
	// Rule 7.
	w := cameBack(t, true)
	w.policy.AckExpiry = nil
	w = w.at("11m").ack("ann").at("70m").over().seen()
	w.at("71m").tick().want("ann push: acknowledgement expired").wantState(1, "asked about by ann")
	w.at("73m").tick().at("76m").tick().at("80m").tick().wantStatus(Resolved)
}

func TestFlapping_PagesForTheFirstReturnAlone(t *testing.T) {
	w := cameBack(t, true).want("ann push: first page").at("11m").ack("ann")
	for range 3 {
		w.over().at((w.now.Sub(w.start) + time.Minute).String()).alert(Major).want()
	}
	if w.inc.ReturnN != 4 {
		t.Errorf("%d returns", w.inc.ReturnN)
	}
}

func TestFlapping_TimeInWhichRouseWasStoppedIsNotCalm(t *testing.T) {
	// Rule 18. Nobody could have told it that the trouble was back.
	w := flapping(t).at("2h13m").resume("2h").wantStatus(Fixing).wantDeadline("142m") // nine minutes to go
	w.at("142m").tick().wantStatus(Resolved)
}

// closing is a night whose incidents are closed an hour after their last alert.
func closing(t *testing.T) *world {
	w := night(t)
	w.service.Noise.AutoClose = time.Hour
	return w
}

func TestAutoClose_EndsWhateverTheIncidentDoes(t *testing.T) {
	for name, c := range map[string]struct {
		given func(*world)
		state string
	}{
		"nobody answers":            {func(w *world) { w.alert(Critical).at("2m").tick().hear("ann", rosters.Voice, Sent).at("57m").tick() }, "climbing level 2"},
		"acknowledged":              {func(w *world) { w.alert(Minor).ack("ann") }, "acknowledged by ann"},
		"its holder is asked":       {func(w *world) { w.alert(Critical).at("28m").ack("ann").at("58m").tick() }, "asked about by ann"},
		"waits for working hours":   {func(w *world) { w.startAt(saturday10).alert(Minor) }, "waiting"},
		"waits for a delay":         {func(w *world) { w.delay("2h").alert(Critical) }, "waiting"},
		"waits for a maintenance":   {func(w *world) { w.maintenance("2h").alert(Critical) }, "waiting"},
		"rests between two rounds":  {func(w *world) { w.onCall("first").onCall("second").onCall("imoc").alert(Critical).at("59m30s").tick() }, "resting"},
		"comes with working hours":  {func(w *world) { w.startAt(monday9.Add(-time.Hour)).alert(Minor) }, "waiting"},
		"comes with a level":        {func(w *world) { w.alert(Critical).at("55m").tick() }, "climbing level 2"},
		"comes with an expiry":      {func(w *world) { w.alert(Critical).at("30m").ack("ann") }, "acknowledged by ann"},
		"comes with a delay's end":  {func(w *world) { w.delay("1h").alert(Critical) }, "waiting"},
		"comes with the end of one": {func(w *world) { w.maintenance("1h").alert(Critical) }, "waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			w := closing(t)
			c.given(w)
			if got := w.escalation(1).stands(); !strings.HasPrefix(got, c.state) {
				t.Fatalf("it is %s, want %s", got, c.state)
			}
			w.seen().at("59m59s").tick()
			if w.inc.Status == Resolved {
				t.Fatal("it is closed already")
			}
			w.seen().at("1h").tick().wantStatus(Resolved).wantReason(ReasonAutoClosed).wantDeadline("")
			w.wantLine(ReasonAutoClosed, "Closed by itself: no alert for 1h, as the service wants it.")
			if sent := slices.DeleteFunc(w.unseen, func(s string) bool { return strings.HasPrefix(s, "hang up") }); len(sent) > 0 {
				t.Errorf("%q", sent)
			}
			for _, p := range w.escalation(1).Pages {
				if p.State == PageOpen {
					t.Errorf("page %d is open", p.No)
				}
			}
		})
	}
}

func TestAutoClose_IsCountedFromTheLastAlert(t *testing.T) {
	w := closing(t).alert(Major).ack("ann").wantDeadline("1h").at("59m").alert(Major).at("1h").tick().wantStatus(Fixing)
	if at := w.inc.closesAt(); !at.Equal(w.start.Add(119 * time.Minute)) {
		t.Errorf("it closes at %v", at)
	}
	// What people do, and what the source says beside, puts nothing off.
	w.step(Active{By: "ann", What: "looks"}).step(Told{By: "zabbix", Text: "it grows"}).severity(Critical, "ann").ack("ann")
	w.at("119m").tick().wantStatus(Resolved).wantReason(ReasonAutoClosed)
}

func TestAutoClose_AnAlertAtTheLastMomentKeepsItOpen(t *testing.T) {
	w := closing(t).alert(Major).ack("ann").at("1h").alert(Major).wantStatus(Fixing)
	w.at("2h").ack("ann").wantStatus(Resolved) // an acknowledgement does not
}

func TestAutoClose_WhatAPersonEndsAtThatMomentIsEndedOnce(t *testing.T) {
	w := closing(t).alert(Major).at("1h").resolve().wantReason(ReasonResolved)
	if len(w.effects) != 1 {
		t.Errorf("%v", w.effects)
	}
}

func TestAutoClose_NobodyIsPagedAboutWhatIsOverByNow(t *testing.T) {
	// Rule 5. Its time is up, and something happens that would page somebody.
	for name, c := range map[string]struct {
		given func(*world)
		ev    Event
	}{
		"somebody declines":    {func(*world) {}, Answer{Person: "bob", Decline: true}},
		"it gets worse":        {func(*world) {}, SeverityChanged{To: Critical, By: "eve"}},
		"a team is paged in":   {func(*world) {}, PagedIn{By: "eve", Ladder: RouteTo(Target{Roster: "imoc"}, time.Minute, CatchAll{Roster: "imoc"})}},
		"somebody escalates":   {func(*world) {}, Escalated{}},
		"it is handed back":    {func(w *world) { w.ack("ann") }, Answer{Person: "ann", Decline: true}},
		"it is taken away":     {func(w *world) { w.ack("ann") }, Released{}},
		"its holder's is over": {func(w *world) { w.ack("ann") }, SeverityChanged{To: Critical, By: "eve"}},
		"Rouse is back":        {func(*world) {}, Resumed{Stopped: time.Second}},
	} {
		for _, severity := range []Severity{Major, Minor} {
			w := closing(t).alert(severity).at("55m").tick()
			c.given(w)
			w.seen().at("1h1s").step(c.ev).want()
			if w.inc.Status != Resolved {
				t.Errorf("%s: the incident is %s", name, w.inc.Status)
			}
		}
	}
	flapping(t).at("22m").decline("ann").want().wantStatus(Resolved)
	flapping(t).at("22m").severity(Critical, "eve").want().wantStatus(Resolved)
}

func TestAutoClose_WhatSaysNothingOfItStaysOpen(t *testing.T) {
	night(t).alert(Minor).ack("ann").wantDeadline("").at("1000h").tick().wantStatus(Fixing)
}

func TestAutoClose_IsCountedFromAReturn(t *testing.T) {
	w := closing(t).returns(false).alert(Minor).over().at("9m").alert(Minor).ack("ann").at("1h").tick().wantStatus(Fixing)
	w.at("69m").tick().wantStatus(Resolved).wantReason(ReasonAutoClosed)
}

func TestAutoClose_WhatIsCalmAtThatMomentIsOver(t *testing.T) {
	w := closing(t).returns(true).alert(Minor).over().at("1m").alert(Minor).ack("ann").at("51m").over().wantDeadline("1h1m")
	w.at("1h1m").tick().wantStatus(Resolved).wantReason(ReasonResolved)
}

func TestAutoClose_TimeInWhichRouseWasStoppedIsNoSilence(t *testing.T) {
	// Rule 18. No alert could come in, and nobody was paged.
	w := closing(t).alert(Critical).seen().at("3h1m").resume("3h").want("ann push: first page").wantStatus(New).wantState(1, "climbing level 1")
	w.at("3h59m").tick().wantStatus(New).at("4h").tick().wantStatus(Resolved).wantReason(ReasonAutoClosed)

	w = night(t).alert(Critical).at("2h").resume("2h") // who closes nothing, has the last alert when it was
	if !w.inc.AlertedAt.Equal(w.start) {
		t.Errorf("the last alert came at %v", w.inc.AlertedAt)
	}
}

func TestGroup_WhatJoinsIsCountedAndPagesNobody(t *testing.T) {
	// Rule 13.
	w := night(t).alert(Major).seen().at("1m").step(Alerted{Severity: Major, Group: Group{Joined: "db2 full", All: 2, Firing: 2}}).want()
	w.wantLine(ReasonGrouped, `Joined by "db2 full": 2 alerts, 2 of them not over; no new page.`)
	if w.inc.AlertN != 2 || !w.inc.AlertedAt.Equal(w.now) {
		t.Errorf("%d alerts, the last at %v", w.inc.AlertN, w.inc.AlertedAt)
	}
	w.step(Alerted{Severity: Major, Group: Group{All: 2, Firing: 2}}).want().wantReason(ReasonJoined) // one that is known already
	w.step(Alerted{Severity: Critical, Group: Group{Joined: "db3 full", All: 3, Firing: 3}}).want("ann push: first page").wantReason(ReasonGrouped, ReasonSeverityRaised)
}

func TestGroup_IsOverWhenAllOfItIs(t *testing.T) {
	w := night(t).alert(Major).at("1m").ack("ann").seen().at("10m")
	before := w.inc
	w.step(Ended{By: "zabbix", Source: true, Over: "db1 full", Firing: 2}).wantSame(before)
	w.wantLine(ReasonEased, `"db1 full" is over; 2 alerts of the group are not.`)
	w.step(Ended{By: "zabbix", Source: true, Over: "db2 full", Firing: 1}).wantSame(before)
	w.wantLine(ReasonEased, `"db2 full" is over; 1 alert of the group is not.`)
	w.step(Ended{By: "zabbix", Source: true, Over: "db3 full"}).wantStatus(Resolved)
}

func TestGroup_APersonEndsAllOfIt(t *testing.T) {
	night(t).alert(Major).step(Ended{By: "ann", Firing: 3}).wantStatus(Resolved)
}

func TestGroup_PartOfWhatFlapsBeingOverIsNoCalm(t *testing.T) {
	w := cameBack(t, true).at("11m").step(Ended{By: "zabbix", Source: true, Over: "db1 full", Firing: 1})
	if !w.inc.CalmUntil.IsZero() {
		t.Errorf("it is believed at %v", w.inc.CalmUntil)
	}
}

func TestRelease_TakesItFromItsHolder(t *testing.T) {
	// Rule 7.
	for name, given := range map[string]func(*world){
		"who has it":   func(*world) {},
		"who is asked": func(w *world) { w.at("31m").tick().wantState(1, "asked about by ann") },
		"who snoozes":  func(w *world) { w.snooze("ann", "5h") },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).alert(Critical).at("1m").ack("ann")
			given(w)
			w.seen().release().want("ann push: first page").wantState(1, "climbing level 1, round 2").wantStatus(Fixing)
			w.wantLine(ReasonReleased, "zabbix takes it from ann: it was not her. The ladder resumes.").wantReason(ReasonLadderAgain)
			if w.inc.Manager != "" {
				t.Errorf("the manager is %q", w.inc.Manager)
			}
			before := w.inc
			w.release().wantSame(before).wantReason(ReasonSourceSays) // told twice, it is one
		})
	}
	night(t).alert(Critical).ack("ann").step(Released{}).wantLine(ReasonReleased, "Somebody takes it from ann. The ladder resumes.")
}

func TestRelease_OfWhatNobodyHasIsALine(t *testing.T) {
	for name, given := range map[string]func(*world){
		"climbing": func(w *world) { w.alert(Critical) },
		"resting":  func(w *world) { w.onCall("first").onCall("second").onCall("imoc").alert(Critical) },
		"waiting":  func(w *world) { w.delay("3m").alert(Critical) },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t)
			given(w)
			before := w.seen().inc
			w.at("30s").release().wantSame(before).wantLine(ReasonSourceSays, "The acknowledgement is withdrawn; nobody had it.")
		})
	}
}

func TestRelease_IsAboutTheManagersEscalation(t *testing.T) {
	// Rule 5.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob").ack("ann").ack("dan").at("1m").release()
	w.wantState(1, "climbing level 1, round 2").wantState(2, "acknowledged by dan")
}

func TestSnooze_IsAnAcknowledgementUntilATime(t *testing.T) {
	// Rule 7.
	w := night(t).alert(Critical).at("1m").snooze("ann", "3h").wantState(1, "acknowledged by ann").wantStatus(Fixing).wantDeadline("3h")
	w.wantReason(ReasonAcknowledged, ReasonManager).wantLine(ReasonSnoozed, "ann snoozes it until 2026-01-12 13:00 UTC.")
	w.wantBasis(ReasonAcknowledged, map[string]string{"via": "opsgenie"}).seen()
	before := w.inc
	w.snooze("ann", "3h").wantSame(before) // told twice
	w.at("2h59m59s").tick().wantSame(before)
	w.at("3h").tick().want("ann push: acknowledgement expired").wantState(1, "asked about by ann")
	w.snooze("ann", "4h").wantReason(ReasonStillOn, ReasonSnoozed).wantDeadline("4h") // it is an answer, too
}

func TestSnooze_OfTheHolderCountsInsteadOfWhatThereWas(t *testing.T) {
	// Rule 7.
	w := night(t).alert(Critical).ack("ann").wantDeadline("30m").at("1m").snooze("ann", "3h").wantDeadline("3h")
	w.snooze("ann", "10m").wantDeadline("10m")
}

func TestSnooze_OfAnotherThanTheHolderChangesNothing(t *testing.T) {
	// Rule 5.
	w := night(t).alert(Critical).ack("ann").at("10m").seen()
	before := w.inc
	w.snooze("bob", "3h").wantSame(before)
	if len(w.effects) > 0 {
		t.Errorf("%v", w.effects)
	}
	w.at("30m").tick().seen().snooze("bob", "3h").wantState(1, "acknowledged by bob").wantDeadline("3h") // ann is asked, and bob was first
}

func TestSnooze_IsNotCutShort(t *testing.T) {
	// Rule 7. Activity extends an acknowledgement.
	for name, c := range map[string]struct {
		happens func(*world)
		until   string
	}{
		"a comment":               {func(w *world) { w.step(Active{By: "bob", What: "looks"}) }, "3h"},
		"a team is paged in":      {func(w *world) { w.pageIn("second", "bob") }, "3h"},
		"a team acknowledges":     {func(w *world) { w.ack("dan") }, "3h"},
		"its holder says it anew": {func(w *world) { w.ack("ann") }, "3h"},
		"the alert repeats":       {func(w *world) { w.alert(Major) }, "3h"},
		"the source says":         {func(w *world) { w.step(Told{By: "zabbix", Text: "it grows"}) }, "3h"},
		"late activity":           {func(w *world) { w.at("150m").step(Active{By: "bob", What: "looks"}) }, "210m"},
		"another severity":        {func(w *world) { w.severity(Critical, "ann") }, "40m"}, // what it was snoozed for is something else now
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Major).pageIn("dba", "ann").snooze("ann", "3h").at("10m")
			c.happens(w)
			if got, want := w.escalation(1).AckUntil.Sub(w.start), w.duration(c.until); got != want {
				t.Errorf("it lasts until %s, want %s", got, want)
			}
		})
	}
}

func TestSnooze_OfSeverityThreeRunsOutToo(t *testing.T) {
	// Rule 7. Acknowledgements of severity 3 do not.
	w := night(t).alert(Minor).snooze("ann", "3h").wantDeadline("3h").at("1m").step(Active{By: "bob", What: "looks"}).wantDeadline("3h").seen()
	w.at("3h").tick().want("ann push: acknowledgement expired")

	night(t).alert(Minor).snooze("ann", "3h").at("3h1m").ack("ann").wantState(1, "acknowledged by ann").wantDeadline("") // she was not asked yet
}

func TestSnooze_IsActivity(t *testing.T) {
	// Rule 7.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob").ack("dan").at("10m").snooze("ann", "3h")
	if got := w.escalation(2).AckUntil.Sub(w.start); got != 40*time.Minute {
		t.Errorf("dan's acknowledgement lasts until %s", got)
	}
}

func TestSnooze_EndsAWait(t *testing.T) {
	night(t).delay("3m").alert(Critical).snooze("eve", "3h").want().wantState(1, "acknowledged by eve").wantDeadline("3h")
	night(t).maintenance("1h").alert(Critical).snooze("eve", "3h").want().wantState(1, "acknowledged by eve").at("1h").tick().want()
}

func TestEscalate_MovesOnAtOnce(t *testing.T) {
	// Rule 8, as if somebody had declined for all of them.
	w := night(t).alert(Critical).seen().at("1m").escalate().want("bob push: first page").wantState(1, "climbing level 2").wantDeadline("2m")
	w.wantLine(ReasonEscalated, "Level 1 is over. zabbix escalates: nobody moves")
	w.at("2m").tick().want("ann voice: next contact") // who was paged may still answer
	w.escalate().want("cat push: first page").wantState(1, "climbing level 3")
	w.escalate().want("ann push: first page").wantState(1, "climbing level 1, round 2") // rule 4
	w.ack("ann").wantState(1, "acknowledged by ann")
}

func TestEscalate_AnEmptyLevelIsPassedOver(t *testing.T) {
	// Rule 3.
	night(t).onCall("second").alert(Critical).seen().escalate().want("cat push: first page").wantReason(ReasonLevelEmpty).wantState(1, "climbing level 3")
}

func TestEscalate_AtTheEndTheLadderRests(t *testing.T) {
	// Rule 4.
	w := night(t).onCall("second").onCall("imoc").alert(Critical).seen().at("10s").escalate().want().wantState(1, "resting").wantDeadline("1m")
	// Who escalates in the rest does not wait for its end, and the timeline says who did (rule 17).
	w.at("20s").escalate().want("ann push: first page").wantState(1, "climbing level 1, round 2").wantReason(ReasonLadderAgain)
	w.wantLine(ReasonEscalated, "zabbix escalates: nobody moves")

	w = night(t).onCall("first").onCall("second").onCall("imoc").alert(Critical).at("20s").escalate().want() // nobody is there
	w.wantReason(ReasonNobody).wantState(1, "resting").wantDeadline("80s")
}

func TestEscalate_WaitsForNothing(t *testing.T) {
	for name, given := range map[string]func(*world){
		"a delay":         func(w *world) { w.delay("3m").alert(Critical) },
		"a maintenance":   func(w *world) { w.maintenance("1h").alert(Critical) },
		"working hours":   func(w *world) { w.startAt(saturday10).alert(Minor) },
		"working evening": func(w *world) { w.startAt(monday9.Add(-time.Hour)).alert(Minor) },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t)
			given(w)
			w.want().wantState(1, "waiting").at("1m").escalate().want("ann push: first page").wantState(1, "climbing level 1")
			w.wantLine(ReasonEscalated, "zabbix escalates: nobody moves")
			w.at("3m").tick().want("ann voice: next contact").wantState(1, "climbing level 1") // and it stays so
		})
	}
}

func TestEscalate_OfSeverityThreePagesOutsideWorkingHours(t *testing.T) {
	// Rule 9. Somebody asked for the next level, and for no other.
	w := night(t).startAt(saturday10).alert(Critical).severity(Minor, "eve").seen().at("1m").escalate().want("bob push: first page")
	w.at("6m").tick().wantState(1, "waiting").wantReason(ReasonOutsideHours)

	w = night(t).startAt(saturday10).alert(Minor).ack("ann").escalate().want("ann push: first page").wantState(1, "climbing level 1, round 2")
	w.at("5m").tick().wantState(1, "waiting")

	w = night(t).startAt(saturday10).person("dan", "push@0s").onCall("dba", "dan").delay("3m") // nor for another escalation
	w.routing.Rules = []ReadyRule{{Rule{ID: "dba", Page: []rosters.RosterID{"dba"}}, certain(true)}}
	w.alert(Minor).at("3m").escalate().want("ann push: first page").wantState(2, "waiting").wantReason(ReasonOutsideHours)
}

func TestEscalate_TakesItFromItsHolder(t *testing.T) {
	// Rule 7.
	for name, given := range map[string]func(*world){
		"who has it":   func(*world) {},
		"who is asked": func(w *world) { w.at("31m").tick().wantState(1, "asked about by ann") },
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).alert(Critical).at("1m").ack("ann")
			given(w)
			w.seen().escalate().want("ann push: first page").wantState(1, "climbing level 1, round 2").wantStatus(Fixing)
			w.wantLine(ReasonEscalated, "zabbix escalates: nobody moves. The ladder resumes.")
			if w.inc.Manager != "" {
				t.Errorf("the manager is %q", w.inc.Manager)
			}
		})
	}
}

func TestEscalate_IsAboutTheManagersEscalation(t *testing.T) {
	// Rule 5.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob").seen().escalate().want("bob push: first page")
	w.wantState(2, "climbing level 1")
}

func TestTold_IsALineAndNothingElse(t *testing.T) {
	// Rules 7 and 10. It is no sign of anybody at work.
	for name, given := range map[string]func(*world){
		"climbing":     func(w *world) { w.alert(Critical) },
		"waiting":      func(w *world) { w.delay("1h").alert(Critical) },
		"acknowledged": func(w *world) { w.alert(Critical).ack("ann") },
		"asked":        func(w *world) { w.alert(Critical).ack("ann").at("30m").tick() },
		"flapping": func(w *world) {
			w.returns(true).alert(Critical).over().at("1m").alert(Critical).ack("ann").over()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t)
			given(w)
			before := w.seen().inc
			w.step(Told{By: "ann", Text: "I am at it."}).wantSame(before).wantLine(ReasonSourceSays, "I am at it.")
			if len(w.effects) != 1 {
				t.Errorf("%v", w.effects)
			}
		})
	}
	night(t).alert(Critical).step(Told{By: "zabbix", Text: "Nobody is called that.", Why: ReasonResponders}).wantReason(ReasonResponders)
}

func TestTold_WhatIsOverIsNotTalkedAbout(t *testing.T) {
	w := night(t).alert(Critical).resolve().seen()
	before := w.inc
	for _, ev := range []Event{Told{Text: "it grows"}, Released{}, Escalated{}, Snoozed{Person: "ann", Until: w.now.Add(time.Hour)}, Ended{Source: true}} {
		w.step(ev).wantSame(before)
		if len(w.effects) > 0 {
			t.Errorf("%s: %v", describe(ev), w.effects)
		}
	}
}

func TestReasons_AnOpeningSaysWhatWasDecidedBefore(t *testing.T) {
	// Rule 17. In order, between the opening and whom it pages.
	w := night(t)
	w.routing.Rules = []ReadyRule{{Rule{ID: "one", Severity: Critical}, certain(true)}}
	w.sent.Waited = time.Minute
	w.alert(Major)
	var got []Reason
	for _, ef := range w.effects {
		if n, ok := ef.(Note); ok {
			got = append(got, n.Reason)
		}
	}
	want := []Reason{ReasonOpened, ReasonRule, ReasonKeptOnDisk, ReasonRouted, ReasonLevelBegins, ReasonFirstPage}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
