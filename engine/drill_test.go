package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

// drill begins one of Ann, whose push comes at once and whose call after two minutes.
func drill(t tester) *world {
	t.Helper()
	return night(t).drill("ann")
}

func (w *world) drill(who rosters.PersonID) *world {
	w.t.Helper()
	inc, first := NewDrill(who, w.plans[who], "TEST", w.now)
	inc.ID, inc.Key, w.inc = 1, "TEST-1", inc
	return w.step(first)
}

func (w *world) wantOver(reason Reason) *world {
	w.t.Helper()
	w.wantReason(reason).wantDeadline("").wantState(1, "stopped")
	if w.inc.Status != Resolved || w.inc.Manager != "" {
		w.t.Errorf("the drill is %s, managed by %q", w.inc.Status, w.inc.Manager)
	}
	return w
}

func TestRule19_ADrillPagesOnePersonOverTheirPlanAndNobodyBehind(t *testing.T) {
	// Rule 19.
	w := drill(t).want("ann push: first page").wantReason(ReasonDrill)
	w.at("2m").tick().want("ann voice: next contact").wantDeadline("5m").hear("ann", rosters.Voice, Sent)
	w.at("5m").tick().want("hang up ann voice: resolved").wantOver(ReasonDrillFailed)
	w.at("2h").tick().want()
}

func TestRule19_AnyAnswerPassesADrillAndEndsIt(t *testing.T) {
	// Rule 19.
	drill(t).at("14s").ack("ann").wantOver(ReasonDrillPassed).wantBasis(ReasonDrillPassed, map[string]string{"via": "test"})
	drill(t).at("14s").decline("ann").want("ann push: first page").wantOver(ReasonDrillDeclined)
}

func TestRule19_TheCallThroughWhichADrillIsAnsweredIsNotHungUp(t *testing.T) {
	// Rule 19: what it says then is heard to its end.
	w := drill(t).at("2m").tick().hear("ann", rosters.Voice, Sent)
	call := w.attempt("ann", rosters.Voice)
	w.unseen = nil
	w.step(Answer{Person: "ann", Page: 1, Attempt: call.No, Via: "voice"}).want().wantOver(ReasonDrillPassed)
}

func TestRule19_NobodyAnswersADrillForAnother(t *testing.T) {
	// Rule 19.
	w := drill(t).ack("bob").wantState(1, "climbing level 1")
	if v := w.inc.Judge(Answer{Person: "bob"}); v.Outcome != OutcomeNothing {
		t.Errorf("Bob's answer is %s", v.Outcome)
	}
	if v := w.inc.Judge(Answer{Person: "ann"}); v.Outcome != OutcomeDrilled {
		t.Errorf("Ann's answer is %s", v.Outcome)
	}
}

func TestRule19_NobodyElseIsBroughtIntoADrill(t *testing.T) {
	// Rule 19.
	w := drill(t).want("ann push: first page")
	w.pageIn("second", "bob").severity(Critical, "bob").step(Escalated{By: "bob"}).step(Snoozed{Person: "ann", Until: w.now.Add(time.Hour)}).step(Released{})
	w.want().wantState(1, "climbing level 1")
}

// What a drill does not know lets time pass all the same: nothing stays overdue.
func TestRule19_ADrillEndsInTimeWhateverComes(t *testing.T) {
	for _, ev := range []Event{SeverityChanged{To: Critical, By: "bob"}, Escalated{By: "bob"}, Released{By: "bob"}, Snoozed{Person: "ann", Until: monday10.Add(time.Hour)}} {
		drill(t).at("2m").tick().hear("ann", rosters.Voice, Sent).at("6m").step(ev).wantOver(ReasonDrillFailed)
	}
}

// TestRule19_RandomDrills takes drills through random nights: every invariant holds on every step, and at its time
// each is over.
func TestRule19_RandomDrills(t *testing.T) {
	// Rule 19.
	rapid.Check(t, func(rt *rapid.T) {
		w := randomWorld(rt)
		w.drill(rapid.SampledFrom(everybody).Draw(rt, "whose"))
		until := w.now.Add(w.inc.AutoClose)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			randomRosters(rt, w)
			w.now = w.now.Add(randomWait(rt, w))
			ev := randomEvent(rt, w)
			word, _ := ev.(Ended)
			_, alerted := ev.(Alerted)
			if _, back := ev.(Returned); alerted || back || word.Source { // what a service reports; a drill is of none
				continue
			}
			if !ofDrill(ev) { // it is a tick
				got, _ := Step(w.inc, ev, w.env())
				ev = Tick{}
				if want, _ := Step(w.inc, ev, w.env()); !same(&got, &want) {
					rt.Fatalf("a word that a drill does not know leads it to\n%+v\nand a tick to\n%+v", got, want)
				}
			}
			if w.step(ev); !w.now.Before(until) && w.inc.Status != Resolved {
				rt.Fatalf("after %s the drill goes on, and was to be over at %s", describe(ev), until)
			}
		}
	})
}

func TestRule19_ADrillWithoutAContactThatWorksFailsAtOnce(t *testing.T) {
	// Rule 19.
	night(t).person("ann", "").drill("ann").want().wantOver(ReasonDrillFailed)

	w := drill(t).hear("ann", rosters.Push, Failed).want("ann push: first page", "ann voice: contact failed")
	w.hear("ann", rosters.Voice, Failed).want().wantOver(ReasonDrillFailed)
}

// After a stop nobody knows whether it is still an hour at which people are drilled: a drill does not go on.
func TestRule19_AStopEndsADrill(t *testing.T) {
	drill(t).at("8h").step(Resumed{Stopped: 8 * time.Hour}).want("ann push: first page").wantOver(ReasonResolved)
}

func TestADrillWaitsTwoMinutesAfterTheLastContactWithinLimits(t *testing.T) {
	for last, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, 4 * time.Minute: 6 * time.Minute, time.Hour: 30 * time.Minute} {
		if got := DrillFor([]rosters.Contact{{After: 0}, {After: last}}); got != want {
			t.Errorf("with a last contact after %v it waits %v, want %v", last, got, want)
		}
	}
}

// drilled: rule 19. A drill is over by an answer of its person, by a word, in time, by a stop, or when no contact is left; and
// by nothing else.
func (x *edge) drilled() {
	b, a := &x.before, &x.after
	answer, answered := x.ev.(Answer)
	answered = answered && answer.Person == b.Drilled()
	_, word := x.ev.(Ended)
	_, stop := x.ev.(Resumed)
	closed := stop || x.due(b.AlertedAt.Add(b.AutoClose))
	left := false
	for _, p := range a.Escalations[0].Pages {
		left = left || !p.spent()
	}
	if over := answered || word || closed || !left; over != (a.Status == Resolved) {
		x.fault("rule 19", "after %T the drill is %s", x.ev, a.Status)
	}
	if len(a.Escalations) != 1 || a.Manager != "" || !a.AckedAt.IsZero() {
		x.fault("rule 19", "the drill has %d escalations, and is %q's, acknowledged at %v", len(a.Escalations), a.Manager, a.AckedAt)
	}
}
