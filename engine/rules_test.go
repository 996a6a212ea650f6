package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rouse/rosters"
)

// The rules of doc.go, one or more tests each. In a night (world_test.go) ann is on call first, bob
// second after five minutes, and cat is the incident manager on call; each has a push at once and a call
// after two minutes.

// The promise of the README: an accepted alert pages somebody, or says why it could not.
func TestPromise_AnAcceptedAlertPagesSomebodyOrSaysWhy(t *testing.T) {
	for name, at := range map[string]time.Time{"on Monday": monday10, "on Saturday": saturday10} {
		for _, sev := range []Severity{Critical, Major, Minor} {
			for what, given := range map[string]func(*world){
				"known service":        func(*world) {},
				"unknown service":      func(w *world) { w.service, w.policy = nil, nil },
				"service without one":  func(w *world) { w.policy = nil },
				"policy without level": func(w *world) { w.policy.Levels = nil },
				"nobody on call":       func(w *world) { w.onCall("first").onCall("second").onCall("imoc") },
				"nobody reachable":     func(w *world) { w.person("ann", "").person("bob", "").person("cat", "") },
				"a delay":              func(w *world) { w.delay("3m") },
				"a maintenance":        func(w *world) { w.maintenance("1h") },
				"a rule that fails":    func(w *world) { w.routing.Rules = []ReadyRule{{Rule{ID: "broken"}, certain(false)}} },
				"unknown responders":   func(w *world) { w.sent.Responders = []Responder{{Name: "the boss"}} },
			} {
				t.Run(fmt.Sprintf("%s, severity %d, %s", what, sev, name), func(t *testing.T) {
					w := night(t).startAt(at)
					given(w)
					w.alert(sev)
					why := slices.ContainsFunc(w.effects, func(ef Effect) bool {
						n, _ := ef.(Note)
						return slices.Contains([]Reason{ReasonNobody, ReasonOutsideHours, ReasonDelayed, ReasonMaintenance}, n.Reason)
					})
					if len(w.unseen) == 0 && !why {
						t.Error("nobody is paged, and nothing says why")
					}
					if w.inc.Deadline().IsZero() {
						t.Error("and it is forgotten")
					}
				})
			}
		}
	}
}

func TestRule2_AnEscalationNobodyAcknowledgedAlwaysHasADeadline(t *testing.T) {
	// Rule 2.
	w := night(t).alert(Critical).wantDeadline("2m") // ann's call
	w.at("2m").tick().wantDeadline("5m")             // the end of the level
	w.at("5m").tick().wantDeadline("7m")             // bob's call
	w.at("7m").tick().wantDeadline("10m")            // the end of the second level
	w.at("10m").tick().wantDeadline("12m")           // cat's call
	w.at("12m").tick().wantDeadline("15m")           // the end of the ladder
	w.at("15m").tick().wantDeadline("17m")           // and again
	w.ack("ann").wantDeadline("45m")                 // the acknowledgement runs out
	w.at("45m").tick().wantDeadline("47m")           // ann is called, being asked
	w.at("47m").tick().wantDeadline("50m")           // the ladder resumes
	w.at("50m").tick().wantDeadline("52m")
	w.resolve().wantDeadline("")
}

func TestRule2_AnEscalationThatPagesNobodyHasADeadlineToo(t *testing.T) {
	// Rule 2.
	night(t).startAt(saturday10).alert(Minor).wantDeadline("47h") // working hours begin

	w := night(t).onCall("first").onCall("second").onCall("imoc")
	w.alert(Critical).want().wantReason(ReasonNobody).wantDeadline("1m")
	w.at("1m").tick().want().wantReason(ReasonNobody).wantDeadline("2m")
	w.onCall("second", "bob").at("2m").tick().want("bob push: first page")
}

func TestRule3_AnEmptyLevelIsPassedOverAtOnce(t *testing.T) {
	// Rule 3.
	for name, c := range map[string]struct {
		given func(*world)
		why   Reason
	}{
		"nobody on call":    {func(w *world) { w.onCall("first") }, ReasonNobodyOnCall},
		"no usable contact": {func(w *world) { w.person("ann", "") }, ReasonNoContact},
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t)
			c.given(w)
			w.alert(Critical).want("bob push: first page").wantReason(c.why, ReasonLevelEmpty).wantState(1, "climbing level 2")
		})
	}
}

func TestRule3_ALevelIsNotEmptyWhileOneOfItsPeopleCanBePaged(t *testing.T) {
	// Rule 3.
	w := night(t).person("dan", "").person("eve", "sms@0s").onCall("first", "dan", "eve").levels("nobody,first,eve wait=5m | second wait=5m")
	w.alert(Critical).want("eve sms: first page").wantReason(ReasonNobodyOnCall, ReasonNoContact).wantState(1, "climbing level 1")
}

func TestRule3_EverybodyOnALevelIsPagedOnce(t *testing.T) {
	// Rule 3.
	w := night(t).onCall("first", "ann", "bob").levels("first,bob,second,ann wait=5m")
	w.alert(Critical).want("ann push: first page", "bob push: first page")
}

func TestRule4_TheLadderEndsAtTheIncidentManagerOnCall(t *testing.T) {
	// Rule 4.
	w := night(t).alert(Critical).want("ann push: first page")
	w.at("5m").tick().want("bob push: first page", "ann voice: next contact")
	w.at("10m").tick().want("cat push: first page", "bob voice: next contact").wantState(1, "climbing level 3")
}

func TestRule4_AnEmptyIMOCIsTheLastResort(t *testing.T) {
	// Rule 4.
	w := night(t).person("dan", "push@0s").person("eve", "").onCall("first").onCall("second").onCall("imoc")
	w.end.LastResort = []rosters.PersonID{"eve", "dan", "dan"}
	w.alert(Critical).want("dan push: last resort").wantReason(ReasonLastResort, ReasonNoContact).wantState(1, "climbing level 3")
}

func TestRule4_TheLastResortIsForAnEmptyIMOCOnly(t *testing.T) {
	// Rule 4.
	w := night(t).person("dan", "push@0s").onCall("first").onCall("second")
	w.end.LastResort = []rosters.PersonID{"dan"}
	w.alert(Critical).want("cat push: first page")
	w.at("5m").tick().want("cat push: first page").wantReason(ReasonLadderAgain) // unanswered, it begins again
}

func TestRule4_TheLadderRepeatsUntilAcknowledgedWithoutACap(t *testing.T) {
	// Rule 4.
	w := night(t).person("ann", "push@0s").person("bob", "push@0s").person("cat", "push@0s").alert(Critical).want("ann push: first page")
	for round := 2; round <= 300; round++ {
		minutes := (round - 1) * 15
		w.at(fmt.Sprintf("%dm", minutes-10)).tick().want("bob push: first page")
		w.at(fmt.Sprintf("%dm", minutes-5)).tick().want("cat push: first page")
		w.at(fmt.Sprintf("%dm", minutes)).tick().want("ann push: first page").wantReason(ReasonLadderAgain)
	}
	w.ack("ann").wantDeadline("75h15m") // 299 rounds of a quarter of an hour, and the half hour of an acknowledgement
}

func TestRule4_ALadderThatFailsAtOnceRestsForTheRestOfItsMinute(t *testing.T) {
	// Rule 4.
	w := night(t).person("ann", "push@0s").onCall("second").onCall("imoc").alert(Critical).want("ann push: first page")
	w.at("10s").hear("ann", rosters.Push, Failed).want().wantState(1, "resting").wantDeadline("1m")
	w.at("1m").tick().want("ann push: first page").wantState(1, "climbing level 1, round 2")
	w.at("3m").hear("ann", rosters.Push, Failed).want("ann push: first page").wantState(1, "climbing level 1, round 3")
}

func TestRule5_OneAcknowledgementStopsTheEscalationForEverybody(t *testing.T) {
	// Rule 5.
	w := night(t).alert(Critical).at("2m").tick()
	w.hear("ann", rosters.Push, Sent).hear("ann", rosters.Voice, Sent)
	w.at("5m").tick()
	w.unseen = nil

	w.at("6m").ack("bob")

	w.want("hang up ann voice: acknowledged").wantState(1, "acknowledged by bob")
	if got := w.attempt("bob", rosters.Push).State; got != Withdrawn {
		t.Errorf("bob's push, which nobody had sent yet, is %s", got)
	}
	if a, b := w.page("ann").State, w.page("bob").State; a != PageCovered || b != PageAcknowledged {
		t.Errorf("ann's page is %s, bob's %s", a, b)
	}
	w.at("7m").tick().at("20m").tick().want() // neither bob's call nor the next level
}

func TestRule5_OtherEscalationsGoOn(t *testing.T) {
	// Rule 5.
	w := night(t).person("dan", "push@0s voice@2m").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob")
	w.want("ann push: first page", "dan push: first page")
	w.at("1m").ack("ann").wantState(1, "acknowledged by ann").wantState(2, "climbing level 1")
	w.at("2m").tick().want("dan voice: next contact")
	w.at("3m").ack("dan").wantState(1, "acknowledged by ann").wantState(2, "acknowledged by dan")
}

func TestRule5_AnAcknowledgementIsAboutWhatThePersonWasPagedFor(t *testing.T) {
	// Rule 5.
	both := func() *world { return night(t).onCall("dba", "ann").alert(Critical).pageIn("dba", "bob") }

	both().ack("ann").wantState(1, "acknowledged by ann").wantState(2, "acknowledged by ann")
	w := both()
	w.step(Answer{Person: "ann", Page: w.page("ann").No}).wantState(1, "climbing level 1").wantState(2, "acknowledged by ann")
	both().step(Answer{Person: "ann", Escalation: 2}).wantState(1, "climbing level 1").wantState(2, "acknowledged by ann")
	w = both()
	w.step(Answer{Person: "bob", Page: w.page("ann").No}).wantState(2, "climbing level 1") // that page is not bob's
}

func TestRule5_TheCallThatWasAnsweredGoesOn(t *testing.T) {
	// Rule 5.
	w := night(t).person("ann", "voice@0s voice@1m").alert(Critical).hear("ann", rosters.Voice, Sent)
	first := w.attempt("ann", rosters.Voice)
	w.at("1m").tick().hear("ann", rosters.Voice, Sent).hear("ann", rosters.Voice, Delivered)
	second := w.attempt("ann", rosters.Voice)
	w.unseen = nil

	w.step(Answer{Person: "ann", Page: w.page("ann").No, Attempt: second.No})

	w.want("hang up ann voice: acknowledged")
	if _, _, a := w.inc.Attempt(first.No); !a.Unwanted {
		t.Error("the other call rings on")
	}
	w.at("2m").resolve().want() // and nobody hangs up a call that ended long ago
}

func TestRule5_ACallThatBeginsToRingTooLateIsHungUp(t *testing.T) {
	// Rule 5.
	w := night(t).person("ann", "voice@0s").alert(Critical)
	_, _, a := w.inc.Attempt(1)
	a.State = Sending // a worker has it
	w.at("1m").ack("bob").want("ann voice: first page")
	w.hear("ann", rosters.Voice, Sent).want("hang up ann voice: acknowledged")
}

func TestRule5_AMessageThatWasAnsweredIsNotSentAgain(t *testing.T) {
	// Rule 5. A worker sent it and died: the attempt is queued again when the answer comes.
	for _, answer := range []Answer{{Person: "ann", Page: 1, Attempt: 1}, {Person: "ann", Page: 1, Attempt: 1, Decline: true}} {
		w := night(t).alert(Critical).step(answer)
		if got := w.attempt("ann", rosters.Push).State; got != Delivered {
			t.Errorf("the push that was answered is %s", got)
		}
	}
}

func TestRule5_WhoComesSecondIsToldWhoHasIt(t *testing.T) {
	// Rule 5.
	w := night(t).alert(Critical).at("5m").tick().ack("bob")
	v := w.inc.Judge(Answer{Person: "ann"})
	if want := (Verdict{Outcome: OutcomeTaken, Escalations: []int{1}, Holder: "bob", Role: RoleManager}); !equalVerdicts(v, want) {
		t.Errorf("got %+v, want %+v", v, want)
	}
	w.ack("ann").wantState(1, "acknowledged by bob")
}

func TestRule5_AResolvedIncidentIsSilent(t *testing.T) {
	// Rule 5.
	w := night(t).alert(Critical).at("2m").tick().hear("ann", rosters.Voice, Sent)
	w.unseen = nil
	w.resolve().want("hang up ann voice: resolved").wantDeadline("")
	before := w.inc
	w.at("3m").alert(Critical).ack("ann").decline("ann").severity(Major, "ann").pageIn("dba", "ann").tick().want()
	if !same(&before, &w.inc) {
		t.Error("something changed it")
	}
	w.hear("ann", rosters.Push, Failed).want() // is kept, as a record
	if got := w.attempt("ann", rosters.Push).State; got != Withdrawn && got != Failed {
		t.Errorf("the push is %s", got)
	}
}

func TestRule6_TheFirstToAcknowledgeIsTheIncidentManager(t *testing.T) {
	// Rule 6.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob")
	if w.inc.Status != New || w.inc.Manager != "" {
		t.Fatalf("the incident is %s under %q", w.inc.Status, w.inc.Manager)
	}
	w.at("1m").ack("dan")
	if w.inc.Status != New || w.inc.Manager != "" {
		t.Errorf("a team's acknowledgement makes the incident %s under %q", w.inc.Status, w.inc.Manager)
	}
	w.at("2m").ack("ann").wantReason(ReasonAcknowledged, ReasonManager)
	if w.inc.Status != Fixing || w.inc.Manager != "ann" || !w.inc.AckedAt.Equal(w.now) {
		t.Errorf("the incident is %s under %q since %v", w.inc.Status, w.inc.Manager, w.inc.AckedAt)
	}
	w.at("3m").ack("bob")
	if w.inc.Manager != "ann" {
		t.Errorf("the second to acknowledge became the manager: %s", w.inc.Manager)
	}
}

func TestRule6_AnybodyMayStepForward(t *testing.T) {
	// Rule 6.
	w := night(t).alert(Critical).ack("eve").wantState(1, "acknowledged by eve")
	if w.inc.Manager != "eve" {
		t.Errorf("the manager is %q", w.inc.Manager)
	}
}

func TestRule6_ANewHolderIsTheNewManager(t *testing.T) {
	// Rule 6.
	w := night(t).alert(Critical).at("1m").ack("ann").at("31m").tick().at("36m").tick()
	if w.inc.Manager != "" || w.inc.Status != Fixing {
		t.Errorf("while the ladder resumes, the incident is %s under %q", w.inc.Status, w.inc.Manager)
	}
	w.ack("bob")
	if w.inc.Manager != "bob" || !w.inc.AckedAt.Equal(w.start.Add(time.Minute)) {
		t.Errorf("the manager is %q; first acknowledged at %v", w.inc.Manager, w.inc.AckedAt)
	}
}

func TestRule7_HolderIsAskedBeforeTheLadderResumes(t *testing.T) {
	// Rule 7.
	w := night(t).alert(Critical).at("5m").tick().at("6m").ack("bob")
	w.unseen = nil
	w.at("36m").tick().want("bob push: acknowledgement expired").wantState(1, "asked about by bob")
	w.at("38m").tick().want("bob voice: next contact")
	w.at("40m59s").tick().want().wantState(1, "asked about by bob")
	w.at("41m").tick().want("ann push: first page").wantReason(ReasonAskUnanswered, ReasonLadderAgain)
	w.wantState(1, "climbing level 1, round 2") // from the first level, not from bob's
}

func TestRule7_AHolderWhoAnswersKeepsIt(t *testing.T) {
	// Rule 7.
	w := night(t).alert(Critical).ack("ann").at("30m").tick().at("32m").tick().hear("ann", rosters.Voice, Sent)
	w.unseen = nil
	w.at("33m").step(Answer{Person: "ann", Page: w.page("ann").No, Attempt: w.attempt("ann", rosters.Voice).No})
	w.want().wantReason(ReasonStillOn).wantState(1, "acknowledged by ann").wantDeadline("63m")
}

func TestRule7_AnAcknowledgementCountsAsLongAsSeverityAndPolicySay(t *testing.T) {
	// Rule 7.
	for _, c := range []struct {
		severity Severity
		policy   map[Severity]time.Duration
		until    string
	}{
		{Critical, nil, "30m"},
		{Major, nil, "60m"},
		{Minor, nil, ""},
		{Critical, map[Severity]time.Duration{Critical: 10 * time.Minute}, "10m"},
		{Major, map[Severity]time.Duration{Critical: 10 * time.Minute}, "60m"},
		{Critical, map[Severity]time.Duration{Critical: 0}, ""},
		{Minor, map[Severity]time.Duration{Minor: 2 * time.Hour}, "2h"},
	} {
		w := night(t)
		w.policy.AckExpiry = c.policy
		w.alert(c.severity).ack("ann").wantDeadline(c.until)
	}
}

func TestRule7_OnlyPeoplesActivityExtendsAnAcknowledgement(t *testing.T) {
	// Rule 7.
	for name, c := range map[string]struct {
		happens func(*world)
		until   string
	}{
		"a comment":                {func(w *world) { w.step(Active{By: "bob", What: "Rebooted it."}) }, "40m"},
		"a team is paged in":       {func(w *world) { w.pageIn("dba", "bob") }, "40m"},
		"a team acknowledges":      {func(w *world) { w.ack("dan") }, "40m"},
		"the severity is lowered":  {func(w *world) { w.severity(Major, "bob") }, "70m"},
		"the holder says it twice": {func(w *world) { w.ack("ann") }, "40m"},
		"a team declines":          {func(w *world) { w.decline("dan") }, "30m"},
		"somebody else is late":    {func(w *world) { w.step(Answer{Person: "bob", Escalation: 1}) }, "30m"},
		"the alert repeats":        {func(w *world) { w.alert(Critical) }, "30m"},
		"a receipt":                {func(w *world) { w.hear("dan", rosters.Push, Delivered) }, "30m"},
		"the source says":          {func(w *world) { w.step(Told{By: "bob", Text: "it grows"}) }, "30m"},
		"part of it is over":       {func(w *world) { w.step(Ended{By: "zabbix", Source: true, Over: "db1", Firing: 1}) }, "30m"},
		"somebody snoozes late":    {func(w *world) { w.snooze("bob", "5h") }, "30m"},
		"time":                     {func(w *world) { w.tick() }, "30m"},
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).person("dan", "push@0s").onCall("net", "dan").onCall("dba", "dan").alert(Critical).pageIn("net", "ann").ack("ann")
			w.at("10m").tick()
			c.happens(w)
			if got, want := w.escalation(1).AckUntil.Sub(w.start), w.duration(c.until); got != want {
				t.Errorf("the acknowledgement lasts until %s, want %s", got, want)
			}
		})
	}
}

func TestRule7_AHolderWhoIsAskedAndSeenAtWorkHasAnswered(t *testing.T) {
	// Rule 7.
	for name, ev := range map[string]Event{
		"a comment":         Active{By: "ann", What: "Still at it."},
		"paging in a team":  PagedIn{By: "ann", Ladder: RouteTo(Target{Roster: "second"}, time.Minute, CatchAll{Roster: "imoc"})},
		"lowering severity": SeverityChanged{To: Major, By: "ann"},
	} {
		t.Run(name, func(t *testing.T) {
			w := night(t).alert(Critical).ack("ann").at("30m").tick().at("31m").step(ev)
			w.wantReason(ReasonStillOn).wantState(1, "acknowledged by ann")
		})
	}
	w := night(t).alert(Critical).ack("ann").at("30m").tick().step(Active{By: "bob", What: "Where is ann?"})
	w.wantState(1, "asked about by ann")
}

func TestRule7_AnybodyMayTakeItWhileTheHolderIsAsked(t *testing.T) {
	// Rule 7.
	w := night(t).alert(Critical).ack("ann").at("30m").tick().hear("ann", rosters.Push, Sent)
	w.at("31m").ack("bob").wantState(1, "acknowledged by bob").at("40m").tick()
	if w.inc.Manager != "bob" || w.page("ann").State != PageCovered {
		t.Errorf("the manager is %q, and ann's page %s", w.inc.Manager, w.page("ann").State)
	}
}

func TestRule7_AHolderWhoCannotBeReachedIsNotWaitedFor(t *testing.T) {
	// Rule 7, and rule 11: with no contact left there is nothing to wait for.
	w := night(t).alert(Critical).ack("ann").want("ann push: first page").person("ann", "").onCall("first", "bob")
	w.at("30m").tick().want("bob push: first page").wantReason(ReasonNoContact, ReasonLadderAgain)

	w = night(t).alert(Critical).ack("ann").at("30m").tick().want("ann push: first page", "ann push: acknowledgement expired")
	w.hear("ann", rosters.Push, Failed).want("ann voice: contact failed")
	w.onCall("first", "bob").hear("ann", rosters.Voice, Failed).want("bob push: first page").wantReason(ReasonContactFailed)
}

func TestRule8_DecliningMovesOnAtOnce(t *testing.T) {
	// Rule 8.
	w := night(t).alert(Critical).want("ann push: first page").at("1m").decline("ann")
	w.want("bob push: first page").wantReason(ReasonDeclined).wantState(1, "climbing level 2")
	if got := w.page("ann").State; got != PageDeclined {
		t.Errorf("ann's page is %s", got)
	}
	w.at("2m").tick().want() // ann is not called
}

func TestRule8_WhoDeclinedIsLeftInPeaceForTheRound(t *testing.T) {
	// Rule 8.
	w := night(t).levels("ann wait=5m | ann,bob wait=5m").onCall("imoc", "ann").alert(Critical).want("ann push: first page")
	w.at("1m").decline("ann").want("bob push: first page").wantReason(ReasonDeclinedBefore)
	w.at("6m").tick().want("ann push: first page", "bob voice: next contact") // IMOC is ann as well: a new round
	w.wantReason(ReasonDeclinedBefore, ReasonLadderAgain)
}

func TestRule8_EveryDeclineOfTheCurrentLevelMovesOn(t *testing.T) {
	// Rule 8.
	w := night(t).onCall("first", "ann", "dan").person("dan", "push@0s voice@2m").alert(Critical)
	w.want("ann push: first page", "dan push: first page")
	w.decline("ann").want("bob push: first page")
	w.decline("dan").want().wantState(1, "climbing level 2") // dan's level is over already
	w.decline("bob").want("cat push: first page").wantState(1, "climbing level 3")
}

func TestRule8_WhoDidNotDeclineStaysPaged(t *testing.T) {
	// Rule 8.
	w := night(t).onCall("first", "ann", "dan").person("dan", "push@0s voice@2m").alert(Critical)
	w.at("1m").decline("ann").at("2m").tick()
	w.want("ann push: first page", "dan push: first page", "bob push: first page", "dan voice: next contact")
	w.ack("dan").wantState(1, "acknowledged by dan")
}

func TestRule8_TheEndOfTheLadderIsReachedByDecliningToo(t *testing.T) {
	// Rules 4 and 8.
	w := night(t).alert(Critical).decline("ann").decline("bob").decline("cat").wantState(1, "resting").wantDeadline("1m")
	w.unseen = nil
	w.at("1m").tick().want("ann push: first page")
}

func TestRule8_ADeclineToldTwiceIsOne(t *testing.T) {
	// Rule 8. Ann is alone, and by the end of the ladder she is paged again at once.
	w := night(t).onCall("second").onCall("imoc").alert(Critical).at("4m").tick()
	no := Answer{Person: "ann", Decline: true, Page: w.page("ann").No}
	w.unseen = nil
	w.step(no).want("ann push: first page").wantState(1, "climbing level 1, round 2")
	w.step(no).want().wantState(1, "climbing level 1, round 2")
}

func TestRule8_AHolderMayHandItBack(t *testing.T) {
	// Rule 8.
	w := night(t).alert(Critical).at("1m").ack("ann").at("10m").decline("ann")
	w.want("ann push: first page", "bob push: first page").wantReason(ReasonHandedBack, ReasonLadderAgain, ReasonDeclinedBefore)
	if w.inc.Manager != "" || w.inc.Status != Fixing {
		t.Errorf("the incident is %s under %q", w.inc.Status, w.inc.Manager)
	}
}

func TestRule9_SeverityOneAndTwoPageAtAnyTime(t *testing.T) {
	// Rule 9.
	for _, sev := range []Severity{Critical, Major} {
		night(t).startAt(saturday10).alert(sev).want("ann push: first page")
	}
}

func TestRule9_SeverityThreeWaitsForWorkingHours(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).alert(Minor).want().wantReason(ReasonOutsideHours).wantState(1, "waiting").wantDeadline("47h")
	w.at("46h59m").tick().want()
	w.at("47h").tick().want("ann push: first page").wantReason(ReasonHoursOpen)
	night(t).alert(Minor).want("ann push: first page") // in working hours it does not wait
}

func TestRule9_TheWorkingHoursAreTheServices(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10)
	w.service.Hours = rosters.Hours{Zone: "Europe/Berlin", Windows: []rosters.Window{{Days: []time.Weekday{time.Saturday}, From: "12:00", To: "13:00"}}}
	w.alert(Minor).want().wantDeadline("1h")
}

func TestRule9_SeverityThreeAsksForTheHoursAtEveryLevel(t *testing.T) {
	// Rule 9. It is five to five on Monday when ann is paged.
	w := night(t).startAt(monday10.Add(6*time.Hour + 57*time.Minute)).alert(Minor).want("ann push: first page")
	w.at("5m").tick().want("ann voice: next contact").wantState(1, "waiting").wantReason(ReasonOutsideHours)
	w.at("16h3m").tick().want("bob push: first page").wantState(1, "climbing level 2")
}

func TestRule9_RaisingPagesAtOnce(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).alert(Minor).want()
	w.at("1h").severity(Major, "eve").want("ann push: first page").wantReason(ReasonSeverityRaised).wantState(1, "climbing level 1")

	w = night(t).alert(Major).at("4m").tick()
	w.unseen = nil
	w.severity(Critical, "eve").want("ann push: first page").wantDeadline("6m") // the level begins anew
}

func TestRule9_RaisingAsksWhoeverHoldsIt(t *testing.T) {
	// Rule 9.
	w := night(t).alert(Major).ack("ann").want("ann push: first page")
	w.at("1m").severity(Critical, "eve").want("ann push: severity raised").wantState(1, "asked about by ann")

	w = night(t).alert(Major).ack("ann").want("ann push: first page")
	w.at("1m").severity(Critical, "ann").want().wantState(1, "acknowledged by ann").wantDeadline("31m") // who raised it knows
}

func TestRule9_RaisingInTheRestBetweenTwoRoundsPages(t *testing.T) {
	// Rule 9.
	w := night(t).person("ann", "push@0s").onCall("second").onCall("imoc").alert(Major).hear("ann", rosters.Push, Failed)
	w.wantState(1, "resting").want("ann push: first page")
	w.at("10s").severity(Critical, "eve").want("ann push: first page").wantState(1, "climbing level 1")
}

func TestRule9_LoweringWithdrawsNothing(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).alert(Critical).want("ann push: first page")
	w.at("1m").severity(Minor, "eve").want().wantReason(ReasonSeverityLowered).wantState(1, "climbing level 1")
	w.at("2m").tick().want("ann voice: next contact") // what was begun goes on
	w.at("5m").tick().want().wantState(1, "waiting")  // the next level waits for Monday

	w = night(t).alert(Critical).alert(Minor) // no alert lowers it
	if w.inc.Severity != Critical {
		t.Errorf("the severity is %d", w.inc.Severity)
	}

	w = night(t).startAt(saturday10).alert(Critical).ack("ann")
	w.severity(Minor, "ann").wantState(1, "acknowledged by ann").wantDeadline("")
}

func TestRule9_ATeamPagedInByAPersonIsNotPutOff(t *testing.T) {
	// Rule 9.
	w := night(t).startAt(saturday10).alert(Minor).pageIn("second", "eve").want("bob push: first page")
	w.wantState(1, "waiting").wantState(2, "climbing level 1")
}

func TestRule10_AMachineNeverAcknowledges(t *testing.T) {
	// Rule 10. A voicemail takes the call, a phone gets the message: delivered, and not acknowledged.
	w := night(t).person("ann", "push@0s sms@0s voice@0s").alert(Critical)
	for _, st := range []AttemptState{Sent, Delivered} {
		for _, c := range []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice} {
			w.hear("ann", c, st).wantState(1, "climbing level 1")
		}
	}
	w.alert(Critical).tick().step(Active{By: "jenkins", What: "build failed"}).severity(Major, "").wantState(1, "climbing level 1")
	w.unseen = nil
	w.at("5m").tick().want("bob push: first page")
}

func TestRule10_DeliveryDoesNotKeepAHolder(t *testing.T) {
	// Rule 10.
	w := night(t).alert(Critical).ack("ann").at("30m").tick().hear("ann", rosters.Push, Delivered).wantState(1, "asked about by ann")
	w.alert(Critical).wantState(1, "asked about by ann") // nor does an alert that repeats
	w.at("35m").tick().wantState(1, "climbing level 1, round 2")
}

func TestRule11_AFailedContactIsFollowedByTheNextNow(t *testing.T) {
	// Rule 11.
	for _, before := range [][]AttemptState{nil, {Sent}} { // rejected at once; undelivered later
		w := night(t).person("ann", "sms@0s voice@3m push@4m").alert(Critical).want("ann sms: first page")
		for _, st := range before {
			w.hear("ann", rosters.SMS, st)
		}
		w.at("10s").hear("ann", rosters.SMS, Failed).want("ann voice: contact failed")
		w.at("3m").tick().want()
		w.at("4m").tick().want("ann push: next contact")
	}
}

func TestRule11_ASilentMessageIsFollowedByTheNextNow(t *testing.T) {
	// Rule 11.
	for channel, within := range map[rosters.Channel]string{rosters.SMS: "40s", rosters.Voice: "50s"} {
		w := night(t).person("ann", string(channel)+"@0s push@4m").alert(Critical)
		w.at("10s").hear("ann", channel, Sent).wantDeadline(within)
		w.unseen = nil
		w.at(within).tick().want("ann push: no receipt in time").wantReason(ReasonContactSilent)
	}
}

func TestRule11_AReceiptInTimeIsWaitedForNoLonger(t *testing.T) {
	// Rule 11.
	w := night(t).person("ann", "sms@0s push@4m").alert(Critical).hear("ann", rosters.SMS, Sent).hear("ann", rosters.SMS, Delivered)
	w.wantDeadline("4m")
}

func TestRule11_APushIsNotWaitedFor(t *testing.T) {
	// Rule 11. It gives no receipts.
	night(t).alert(Critical).hear("ann", rosters.Push, Sent).wantDeadline("2m")
}

func TestRule11_ThereIsNoHurryWhileALaterContactIsUnderWay(t *testing.T) {
	// Rule 11.
	w := night(t).person("ann", "push@0s sms@1m voice@4m").alert(Critical).at("1m").tick().want("ann push: first page", "ann sms: next contact")
	w.hear("ann", rosters.Push, Failed).want()
	w.hear("ann", rosters.SMS, Failed).want("ann voice: contact failed")

	w = night(t).person("ann", "sms@0s push@10s voice@4m").alert(Critical).hear("ann", rosters.SMS, Sent).at("10s").tick()
	w.unseen = nil
	w.at("30s").tick().want().wantReason(ReasonContactSilent)
}

func TestRule11_AnotherProviderTriesAtOnce(t *testing.T) {
	// Rule 11. What one provider could not deliver the next one tries, beside the next contact.
	w := night(t).person("ann", "sms@0s push@4m").alert(Critical)
	w.providers = 2
	w.hear("ann", rosters.SMS, Sent).unseen = nil
	w.at("5s").undelivered("ann", rosters.SMS).want("ann sms: next provider", "ann push: contact failed")
	w.hear("ann", rosters.Push, Failed).want()
	w.undelivered("ann", rosters.SMS).want("bob push: first page").wantReason(ReasonLevelFailed) // there is no third

	// As long as another one tries the last contact of a level, the level is not over.
	w = night(t).person("ann", "sms@0s").alert(Critical)
	w.providers = 2
	w.hear("ann", rosters.SMS, Sent).unseen = nil
	w.at("5s").undelivered("ann", rosters.SMS).want("ann sms: next provider")
	w.undelivered("ann", rosters.SMS).want("bob push: first page").wantReason(ReasonLevelFailed)

	// Silence counts as well; what arrives late does no harm.
	w = night(t).person("ann", "sms@0s push@4m").alert(Critical)
	w.providers = 2
	first := w.hear("ann", rosters.SMS, Sent).attempt("ann", rosters.SMS).No
	w.unseen = nil
	w.at("30s").tick().want("ann sms: next provider", "ann push: no receipt in time")
	w.step(Reported{Attempt: first, State: Failed, Elsewhere: true}).want()

	// A number that is dead, and a person who does not pick up, are so with every provider.
	w = night(t).person("ann", "sms@0s push@4m").alert(Critical)
	w.providers = 2
	w.hear("ann", rosters.SMS, Failed).want("ann sms: first page", "ann push: contact failed")

	// Whoever has answered is left alone.
	w = night(t).person("ann", "sms@0s push@4m").alert(Critical)
	w.providers = 2
	w.hear("ann", rosters.SMS, Sent).ack("ann").unseen = nil
	w.undelivered("ann", rosters.SMS).want()
}

func TestRule11_WhenEveryContactOfALevelFailedItIsOver(t *testing.T) {
	// Rule 11.
	w := night(t).onCall("first", "ann", "dan").person("ann", "push@0s").person("dan", "push@0s").alert(Critical)
	w.want("ann push: first page", "dan push: first page")
	w.hear("ann", rosters.Push, Failed).want()
	w.hear("dan", rosters.Push, Failed).want("bob push: first page").wantReason(ReasonLevelFailed)

	// Pages that the raised severity replaced are not waited for either.
	w = night(t).person("ann", "push@0s").alert(Major).severity(Critical, "eve").want("ann push: first page", "ann push: first page")
	w.hear("ann", rosters.Push, Failed).want("bob push: first page").wantReason(ReasonLevelFailed)
}

func TestRule11_SilenceOfTheLastContactDoesNotEndTheLevel(t *testing.T) {
	// Rule 11. It may have arrived all the same.
	w := night(t).person("ann", "sms@0s").alert(Critical).hear("ann", rosters.SMS, Sent).at("30s").tick()
	w.want("ann sms: first page").wantState(1, "climbing level 1").wantDeadline("5m")
}

func TestRule11_WhoDoesNotAnswerIsCalledAgain(t *testing.T) {
	w := night(t).person("ann", "voice@0s sms@1m").levels("first wait=30m")
	w.again["ann"] = 5 * time.Minute
	w.alert(1).at("1m").tick().at("6m").tick().at("10m59s").tick().at("11m").tick().
		want("ann voice: first page", "ann sms: next contact", "ann voice: call again", "ann voice: call again")
	w.at("12m").ack("ann").at("16m").tick().at("25m").tick().want()
}

func TestRule11_WithoutACallTheLastContactIsTriedAgain(t *testing.T) {
	w := night(t).person("ann", "push@0s sms@1m").levels("first wait=30m")
	w.again["ann"] = 5 * time.Minute
	w.alert(1).at("1m").tick().at("6m").tick().want("ann push: first page", "ann sms: next contact", "ann sms: call again")
}

func TestRule11_CallingAgainKeepsNoLevelFromEnding(t *testing.T) {
	w := night(t).person("ann", "voice@0s")
	w.again["ann"] = 2 * time.Minute
	w.alert(1).at("2m").tick().want("ann voice: first page", "ann voice: call again")
	w.step(Reported{Attempt: 1, State: Failed}).want("bob push: first page") // the first call: the plan is at its end
	w.at("4m").tick().want("ann voice: call again", "bob voice: next contact")
	w.at("7m").tick().want("cat push: first page", "ann voice: call again")
}

func TestRule11_ASevereIncidentThatIsLoweredToThreeCallsNobodyAgain(t *testing.T) {
	w := night(t).person("ann", "voice@0s").levels("first wait=30m")
	w.again["ann"] = 5 * time.Minute
	w.alert(1).at("5m").tick().want("ann voice: first page", "ann voice: call again")
	w.at("6m").step(SeverityChanged{To: Minor, By: "bob"}).at("10m").tick().at("20m").tick().want()
}

func TestRule11_OnlyWhoWantsItForTheSeverityIsCalledAgain(t *testing.T) {
	w := night(t).person("ann", "voice@0s").levels("first wait=30m")
	w.again["ann"] = 5 * time.Minute
	w.alert(2).at("5m").tick().at("20m").tick().want("ann voice: first page")
}

func TestRule11_ACallAgainGoesThroughTheProvidersAnew(t *testing.T) {
	w := night(t).person("ann", "voice@0s").levels("first wait=30m")
	w.again["ann"], w.providers = 5*time.Minute, 2
	w.alert(1).at("5m").tick().want("ann voice: first page", "ann voice: call again")
	w.step(Reported{Attempt: 2, State: Failed, Elsewhere: true}).want("ann voice: next provider")
	w.step(Reported{Attempt: 3, State: Failed, Elsewhere: true}).want()
}

func TestRule11_TheFirstContactDoesNotWait(t *testing.T) {
	// Rule 11.
	w := night(t).person("ann", "voice@3m push@1m").alert(Critical).want("ann push: first page")
	w.at("3m").tick().want("ann voice: next contact")
}

func TestRule13_ARepeatedAlertJoins(t *testing.T) {
	// Rule 13.
	w := night(t).alert(Major).want("ann push: first page")
	w.at("1m").alert(Major).want().wantReason(ReasonJoined).alert(Minor).want()
	if w.inc.AlertN != 3 || !w.inc.AlertedAt.Equal(w.now) || w.inc.Severity != Major || len(w.inc.Escalations) != 1 {
		t.Errorf("%d alerts, the last at %v, severity %d, %d escalations", w.inc.AlertN, w.inc.AlertedAt, w.inc.Severity, len(w.inc.Escalations))
	}
}

func TestRule13_ARepeatedAlertThatIsWorseRaisesTheSeverity(t *testing.T) {
	// Rules 9 and 13.
	w := night(t).startAt(saturday10).alert(Minor).want()
	w.at("1m").alert(Critical).want("ann push: first page").wantReason(ReasonJoined, ReasonSeverityRaised)
}

func TestRule13_AResolvedIncidentIsNotJoined(t *testing.T) {
	// Rule 13. The pager opens another one.
	w := night(t).alert(Major).resolve().at("1m").alert(Critical)
	if w.inc.AlertN != 1 || w.inc.Severity != Major {
		t.Errorf("%d alerts, severity %d", w.inc.AlertN, w.inc.Severity)
	}
}

func TestRule14_WhatAMessageSaysStaysTheSame(t *testing.T) {
	// Rule 14. Key and summary are those of the opening; only the severity changes, when it is changed.
	w := night(t).alert(Major).at("5m").tick().alert(Major).ack("bob").severity(Critical, "eve").at("12m").tick()
	if w.inc.Key != "HOT-1" || w.inc.Summary != "disk full" || w.inc.Severity != Critical {
		t.Errorf("%s, severity %d: %s", w.inc.Key, w.inc.Severity, w.inc.Summary)
	}
}

func TestRule15_ThePolicyIsFrozenWhenTheEscalationBegins(t *testing.T) {
	// Rule 15.
	w := night(t)
	w.policy.AckExpiry = map[Severity]time.Duration{Critical: 20 * time.Minute}
	w.end.LastResort = []rosters.PersonID{"cat"}
	w.alert(Critical)
	w.policy.Levels[1].Targets[0] = Target{Roster: "other"}
	w.policy.Levels[0].Wait = time.Hour
	w.policy.AckExpiry[Critical] = time.Hour
	w.end.LastResort[0] = "eve"

	w.at("5m").tick().want("ann push: first page", "bob push: first page", "ann voice: next contact")
	w.ack("bob").wantDeadline("25m")
	if got := w.escalation(1).Ladder.LastResort; got[0] != "cat" {
		t.Errorf("the last resort is %s", got)
	}
}

func TestRule15_TheContactPlanIsFrozenWhenThePageBegins(t *testing.T) {
	// Rule 15.
	w := night(t).alert(Critical).want("ann push: first page").person("ann", "sms@0s sms@1m push@2m")
	w.at("2m").tick().want("ann voice: next contact")
	w.onCall("second", "ann").at("5m").tick().want("ann sms: first page") // a new page has the new plan

	w = night(t).person("ann", "voice@2m push@0s")
	given := w.plans["ann"]
	w.alert(Critical).want("ann push: first page")
	if given[0].Channel != rosters.Voice {
		t.Error("the plan was put in order in the hands of whoever gave it")
	}
	given[0].Channel, given[1].Channel = rosters.SMS, rosters.SMS
	w.at("2m").tick().want("ann voice: next contact")
}

func TestRule15_WhoIsOnCallIsAskedAtTheMomentOfPaging(t *testing.T) {
	// Rule 15.
	w := night(t).alert(Critical).want("ann push: first page")
	w.onCall("second", "dan").person("dan", "push@0s").onCall("first", "bob") // handover
	w.at("2m").tick().want("ann voice: next contact")                         // ann's page goes on
	w.at("5m").tick().want("dan push: first page")
	w.onCall("imoc").at("10m").tick().want("bob push: first page") // first again, and that is bob now
}

func TestRule17_EveryLineSaysWhatItWasDecidedFrom(t *testing.T) {
	// Rule 17. That no decision is without a line is an invariant (edge.reasons, edge.sent).
	w := night(t).startAt(saturday10).alert(Minor)
	for reason, basis := range map[Reason]map[string]string{
		ReasonOpened:       {"severity": "3", "service": "db"},
		ReasonRouted:       {"service": "db", "ladder": "db"},
		ReasonOutsideHours: {"opens": "2026-01-19T09:00:00Z"},
	} {
		w.wantBasis(reason, basis)
	}
	w.severity(Critical, "eve").wantBasis(ReasonSeverityRaised, map[string]string{"from": "3", "to": "1"})
	w.wantBasis(ReasonLevelBegins, map[string]string{"round": "1", "wait": "5m0s"})
	w.onCall("second").at("5m").tick().wantBasis(ReasonNobodyOnCall, map[string]string{"target": "roster second"})
	w.ack("cat").wantBasis(ReasonAcknowledged, map[string]string{"via": "test"})
}

func TestRule17_NothingHappensWithoutALine(t *testing.T) {
	// Rule 17.
	w := night(t).startAt(saturday10)
	w.alert(Minor).wantReason(ReasonOpened, ReasonRouted, ReasonOutsideHours)
	w.at("47h").tick().wantReason(ReasonHoursOpen, ReasonLevelBegins, ReasonFirstPage)
	w.hear("ann", rosters.Push, Sent).wantReason(ReasonSent).hear("ann", rosters.Push, Delivered).wantReason(ReasonDelivered)
	w.at("47h2m").tick().wantReason(ReasonNextContact)
	w.hear("ann", rosters.Voice, Failed).wantReason(ReasonFailed)
	w.at("47h5m").tick().wantReason(ReasonLevelOver, ReasonLevelBegins, ReasonFirstPage)
	w.onCall("first").onCall("second").onCall("imoc").at("47h10m").tick().wantReason(ReasonLevelOver, ReasonNobodyOnCall, ReasonLevelEmpty, ReasonNobody)
	w.ack("bob").wantReason(ReasonAcknowledged, ReasonManager).decline("bob").wantReason(ReasonHandedBack)
	w.resolve().wantReason(ReasonResolved)
}

func TestRule17_TheReasonsAreThoseOfTheList(t *testing.T) {
	// Rule 17.
	w := night(t).alert(Critical)
	for _, then := range []func() *world{
		func() *world { return w.at("2m").tick() },
		func() *world { return w.hear("ann", rosters.Voice, Sent) },
		func() *world { return w.at("5m").tick() },
		func() *world { return w.ack("bob") },
		func() *world { return w.resolve() },
	} {
		for _, ef := range then().effects {
			var r Reason
			switch ef := ef.(type) {
			case Send:
				r = ef.Reason
			case Withdraw:
				r = ef.Reason
			case Note:
				r = ef.Reason
			}
			if !closedList()[r] {
				t.Errorf("%+v has another reason", ef)
			}
		}
	}
}

func TestRule17_PeopleAreNamedAsTheyAreCalled(t *testing.T) {
	// Rule 17.
	w := night(t)
	w.inc = Incident{Status: New, Severity: Critical, Summary: "disk full", OpenedAt: w.now}
	ladder, routed := Route(w.service, w.policy, w.end)
	env := w.env()
	env.Name = func(p rosters.PersonID) string { return map[rosters.PersonID]string{"ann": "Ann Archer"}[p] }
	_, effects := Step(w.inc, Alerted{Ladder: ladder, Routed: routed}, env)
	for _, ef := range effects {
		if n, ok := ef.(Note); ok && n.Reason == ReasonLevelBegins && n.Text != "Level 1 begins: paging Ann Archer." {
			t.Errorf("got %q", n.Text)
		}
	}
}

func TestStep_AnEarlyTickChangesNothing(t *testing.T) {
	w := night(t).alert(Critical)
	before := w.inc
	w.at("1m59s").tick()
	if len(w.effects) > 0 || !same(&before, &w.inc) {
		t.Errorf("%v", w.effects)
	}
}

func TestStep_ALateTickCatchesUp(t *testing.T) {
	w := night(t).alert(Critical).want("ann push: first page")
	w.at("3h").tick().want("bob push: first page", "ann voice: next contact").wantDeadline("3h2m")
}

func TestStep_NothingIsSentForAPageThatEndsInTheSameStep(t *testing.T) {
	// Ann's call would be due, but she is paged anew.
	w := night(t).onCall("second", "ann").alert(Critical).want("ann push: first page")
	w.at("5m").tick().want("ann push: first page")
	// Her push failed, but the level is over.
	w.at("11m").onCall("imoc", "ann").hear("ann", rosters.Push, Failed).want("ann push: first page")
}

func TestStep_LeavesTheIncidentItWasGivenAlone(t *testing.T) {
	w := night(t).person("dan", "push@0s").person("eve", "push@0s voice@1m").person("fay", "push@0s")
	w.onCall("first", "ann", "bob", "dan", "eve", "fay").alert(Critical).at("1m").tick().decline("ann").decline("bob").decline("dan")
	events := []Event{Tick{}, Answer{Person: "eve"}, Answer{Person: "eve", Decline: true}, Answer{Person: "fay", Decline: true}, Reported{Attempt: 2, State: Failed},
		Reported{Attempt: 4, State: Sent}, Ended{}, Alerted{}, SeverityChanged{To: Major}, PagedIn{Ladder: RouteTo(Target{Person: "bob"}, 0, w.end)}, Active{},
		Resumed{Stopped: time.Hour}, Returned{Calm: time.Minute, Delay: time.Minute}, Ended{Source: true}, Ended{Source: true, Firing: 1}, Released{}, Escalated{},
		Snoozed{Person: "eve", Until: w.now.Add(time.Hour)}, Told{}}
	env := w.env()
	env.Now = w.now.Add(time.Minute)
	given := fingerprint(&w.inc)
	for _, one := range events {
		after, _ := Step(w.inc, one, env)
		then := fingerprint(&after)
		for _, other := range events {
			Step(w.inc, other, env)
			if !slices.Equal(given, fingerprint(&w.inc)) {
				t.Fatalf("%s changed it", describe(other))
			}
			if !slices.Equal(then, fingerprint(&after)) {
				t.Fatalf("%s changed what had come of %s", describe(other), describe(one))
			}
		}
	}
}

func TestStep_ATeamThatIsBeingPagedIsNotPagedAgain(t *testing.T) {
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob").want("ann push: first page", "dan push: first page")
	w.at("1m").pageIn("dba", "eve").want().wantReason(ReasonAlreadyPaging)
	if n := len(w.inc.Escalations); n != 2 {
		t.Errorf("%d escalations", n)
	}
	w.at("1m30s").ack("dan").pageIn("dba", "bob").want("dan push: first page").wantState(3, "climbing level 1") // once they are found, more may be asked for
}

func TestStep_AnUnknownEventIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a panic was wanted")
		}
	}()
	Step(Incident{}, nil, Env{})
}

func TestJudge(t *testing.T) {
	climbing := func() *world {
		return night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob")
	}
	held := func() *world { return climbing().ack("ann") }
	asked := func() *world { return held().at("30m").tick() }
	for _, c := range []struct {
		name string
		w    *world
		a    Answer
		want Verdict
	}{
		{"who is paged", climbing(), Answer{Person: "ann"}, Verdict{Outcome: OutcomeManager, Escalations: []int{1}, Role: RoleManager}},
		{"who is paged as a team", climbing(), Answer{Person: "dan"}, Verdict{Outcome: OutcomeAcknowledged, Escalations: []int{2}, Role: "dba"}},
		{"anybody", climbing(), Answer{Person: "eve"}, Verdict{Outcome: OutcomeManager, Escalations: []int{1}, Role: RoleManager}},
		{"anybody, for a team", climbing(), Answer{Person: "eve", Escalation: 2}, Verdict{Outcome: OutcomeAcknowledged, Escalations: []int{2}, Role: "dba"}},
		{"declines", climbing(), Answer{Person: "ann", Decline: true}, Verdict{Outcome: OutcomeDeclined, Escalations: []int{1}, Role: RoleManager}},
		{"declines without a page", climbing(), Answer{Person: "eve", Decline: true}, Verdict{Outcome: OutcomeNothing}},
		{"somebody else's page", climbing(), Answer{Person: "eve", Page: 1}, Verdict{Outcome: OutcomeNothing}},
		{"no such page", climbing(), Answer{Person: "ann", Page: 99}, Verdict{Outcome: OutcomeNothing}},
		{"no such escalation", climbing(), Answer{Person: "ann", Escalation: 99}, Verdict{Outcome: OutcomeNothing}},
		{"the holder", held(), Answer{Person: "ann"}, Verdict{Outcome: OutcomeStillOn, Escalations: []int{1}, Role: RoleManager}},
		{"the holder hands back", held(), Answer{Person: "ann", Decline: true}, Verdict{Outcome: OutcomeHandedBack, Escalations: []int{1}, Role: RoleManager}},
		{"too late", held(), Answer{Person: "bob"}, Verdict{Outcome: OutcomeTaken, Escalations: []int{1}, Role: RoleManager, Holder: "ann"}},
		{"declines too late", held(), Answer{Person: "bob", Decline: true}, Verdict{Outcome: OutcomeTaken, Escalations: []int{1}, Role: RoleManager, Holder: "ann"}},
		{"the holder, asked", asked(), Answer{Person: "ann"}, Verdict{Outcome: OutcomeStillOn, Escalations: []int{1}, Role: RoleManager}},
		{"the holder, asked, hands back", asked(), Answer{Person: "ann", Decline: true}, Verdict{Outcome: OutcomeHandedBack, Escalations: []int{1}, Role: RoleManager}},
		{"somebody else while the holder is asked", asked(), Answer{Person: "bob"}, Verdict{Outcome: OutcomeManager, Escalations: []int{1}, Role: RoleManager}},
		{"after the end", climbing().resolve(), Answer{Person: "ann"}, Verdict{Outcome: OutcomeResolved}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.w.inc.Judge(c.a); !equalVerdicts(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
			c.w.step(c.a)
		})
	}
}

// An answer that settles one thing and comes too late for another tells of what it settled.
func TestJudge_TellsOfWhatItSettledFirst(t *testing.T) {
	w := night(t).person("dan", "push@0s").onCall("dba", "ann").alert(Critical).pageIn("dba", "bob").step(Answer{Person: "bob", Escalation: 1})
	if got, want := w.inc.Judge(Answer{Person: "ann"}), (Verdict{Outcome: OutcomeAcknowledged, Escalations: []int{2}, Role: "dba"}); !equalVerdicts(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func equalVerdicts(a, b Verdict) bool {
	return a.Outcome == b.Outcome && a.Holder == b.Holder && a.Role == b.Role && slices.Equal(a.Escalations, b.Escalations)
}

func TestRoute(t *testing.T) {
	end := CatchAll{Roster: "imoc", Wait: 3 * time.Minute, LastResort: []rosters.PersonID{"zoe"}}
	imoc := Level{Targets: []Target{{Roster: "imoc"}}, Wait: 3 * time.Minute, CatchAll: true}
	first := Level{Targets: []Target{{Roster: "first"}}, CatchAll: true} // a policy cannot claim to be the end
	policy := &Policy{ID: "db", Levels: []Level{first}, AckExpiry: map[Severity]time.Duration{Critical: time.Hour}}
	for _, c := range []struct {
		name   string
		svc    *Service
		policy *Policy
		want   Ladder
		reason Reason
	}{
		{"a service with a policy", &Service{ID: "db"}, policy, Ladder{Name: "db", LastResort: end.LastResort, AckExpiry: policy.AckExpiry,
			Levels: []Level{{Targets: first.Targets, Wait: DefaultWait}, imoc}}, ReasonRouted},
		{"no service", nil, policy, Ladder{Name: "imoc", LastResort: end.LastResort, Levels: []Level{imoc}}, ReasonUnknownService},
		{"no policy", &Service{ID: "db"}, nil, Ladder{Name: "imoc", LastResort: end.LastResort, Levels: []Level{imoc}}, ReasonNoPolicy},
		{"a policy without levels", &Service{ID: "db"}, &Policy{ID: "db"}, Ladder{Name: "imoc", LastResort: end.LastResort, Levels: []Level{imoc}}, ReasonNoPolicy},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, reason := Route(c.svc, c.policy, end); !sameLadder(got, c.want) || reason != c.reason {
				t.Errorf("got  %+v: %s\nwant %+v: %s", got, reason, c.want, c.reason)
			}
		})
	}
	for _, to := range []Target{{Roster: "dba"}, {Person: "dba"}} {
		got := RouteTo(to, 0, CatchAll{Roster: "imoc"})
		want := Ladder{Name: "dba", Levels: []Level{{Targets: []Target{to}, Wait: DefaultWait}, {Targets: imoc.Targets, Wait: DefaultWait, CatchAll: true}}}
		if !sameLadder(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}
