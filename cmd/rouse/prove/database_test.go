package prove

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// overdueStory is Ann being paged at once and Bob, who is due at 12:00:03, so many seconds later. The
// database was away from 12:00:02 to 12:00:10.
func overdueStory(bob float64) *story {
	s := begin("checkout")
	s.paged(1, 0, 0, "ann", rosters.Push)
	s.paged(2, 1, bob, "bob", rosters.SMS)
	s.acknowledges("bob", bob+1)
	s.faults = []fault{{kind: away, from: after(2), to: after(10)}}
	return s
}

func TestWhatFallsDueWhileTheDatabaseIsAwayIsCountedFromItsReturn(t *testing.T) {
	r := compare(overdueStory(13).record, limits{late: backLate})
	if len(r.Breaches) > 0 || r.Overdue.N != 1 || r.Overdue.Max != 3.02 || r.Late.N != 1 {
		t.Errorf("overdue %+v, late %+v, breaches %+v", r.Overdue, r.Late, r.Breaches)
	}
	if r := compare(overdueStory(15.5).record, limits{late: backLate}); r.TooLate == 0 {
		t.Error("5.5 s after the return was not too late")
	}
	s := overdueStory(13)
	s.faults[0].from = after(6) // it was there for 3 s when Bob was due
	if r := compare(s.record, limits{late: backLate}); r.TooLate == 0 {
		t.Error("what fell due long before is excused")
	}
}

func TestALevelThatFellDueWhileTheDatabaseWasAwayNeedNotBeginAfterAnAnswer(t *testing.T) {
	s := begin("checkout")
	s.paged(1, 0, 0, "ann", rosters.Push)
	s.acknowledges("ann", 12)
	s.faults = []fault{{kind: away, from: after(2), to: after(10)}}
	if r := compare(s.record, limits{late: backLate}); len(r.Breaches) > 0 {
		t.Errorf("%+v", r.Breaches)
	}
	s.faults = nil
	if r := compare(s.record, limits{late: backLate}); r.Lost == 0 {
		t.Error("without a fault it should have begun")
	}
}

func TestPartsAreToldTogether(t *testing.T) {
	dir := t.TempDir()
	its := newTrial(Options{Dir: dir, Seed: 1, Say: func(string) {}}, ".")
	found := func(late time.Duration, breaches ...Breach) func(context.Context, *trial) (Result, error) {
		return func(context.Context, *trial) (Result, error) {
			return Result{N: 10, Unit: "alerts", Lost: len(breaches), Notes: []string{"said"}, Breaches: breaches, raw: raw{late: []time.Duration{late}}}, nil
		}
	}
	r, err := its.parts(t.Context(),
		part{"one", found(time.Second, Breach{Expected: "all is well", N: 3, Found: []string{"a", "b", "c"}, Keys: []string{"HOT-1"}})},
		part{"two", func(context.Context, *trial) (Result, error) { return Result{}, &skipped{"no right to"} }},
		part{"three", found(3*time.Second, Breach{Expected: "all is well", N: 3, Found: []string{"d", "e", "f"}, Keys: []string{"HOT-2"}})})
	if err != nil || r.N != 20 || r.Lost != 2 || r.Late.N != 2 || r.Late.Max != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Breaches) != 1 || r.Breaches[0].N != 6 || len(r.Breaches[0].Found) != maxFound || r.breached("all is well") != 6 {
		t.Errorf("breaches %+v", r.Breaches)
	}
	if !slices.Contains(r.Notes, "two: not done: no right to") {
		t.Errorf("notes %q", r.Notes)
	}
	_, err = its.parts(t.Context(), part{"four", func(context.Context, *trial) (Result, error) { return Result{}, errors.New("broken") }})
	if err == nil || !strings.Contains(err.Error(), "four: broken") {
		t.Errorf("error %v", err)
	}
}

func TestSendersMayBeToldNothingBut2xxAnd503(t *testing.T) {
	l := &listener{statuses: map[int]int{0: 1, 202: 5, 503: 2}}
	var r Result
	if l.into(&r); len(r.Breaches) != 0 {
		t.Errorf("%+v", r.Breaches)
	}
	l.statuses[429] = 1
	if l.into(&r); len(r.Breaches) != 1 {
		t.Error("429 is taken for a good answer")
	}
}

// secondStory is Dan's push failing, and his SMS, which he answers.
func secondStory(failed, second float64) *story {
	s := begin("builds")
	s.paged(1, 0, 0, "dan", rosters.Push)
	s.inc.pages[0].attempts[0].state = engine.Failed
	s.inc.lines = slices.DeleteFunc(s.inc.lines, func(l line) bool { return l.reason == engine.ReasonSent })
	s.line(failed, engine.ReasonFailed, func(l *line) { l.attempt = 1 })
	s.inc.pages[0].attempts = append(s.inc.pages[0].attempts, attempt{no: 2, contact: 1, channel: rosters.SMS, state: engine.Delivered,
		address: s.world.addressOf("dan", rosters.SMS), nonce: "nonce-2", queuedAt: after(failed), claimedAt: after(second)})
	s.sent = append(s.sent, sent{node: "a", channel: rosters.SMS, address: s.world.addressOf("dan", rosters.SMS), nonce: "nonce-2", key: "HOT-7",
		names: []string{"HOT-7"}, began: after(second), ended: after(second), accepted: true})
	s.line(second, engine.ReasonDelivered, func(l *line) { l.attempt = 2 })
	s.acknowledges("dan", second+0.5)
	return s
}

func TestWhatFollowsAFailedContactIsJudged(t *testing.T) {
	judged := func(s *story) (Result, *providerProof) {
		p := &providerProof{}
		return compare(s.record, limits{late: time.Hour, mayFail: true, also: p.judge}), p
	}
	if r, p := judged(secondStory(1, 1.2)); len(r.Breaches) > 0 || len(p.failed) != 1 {
		t.Errorf("%+v, %v", r.Breaches, p.failed)
	}
	if r, _ := judged(secondStory(30, 30.5)); r.TooLate != 1 {
		t.Error("the next contact after 30.5 s is not too late")
	}
	s := secondStory(1, 1.2)
	s.inc.pages[0].attempts, s.sent, s.until = s.inc.pages[0].attempts[:1], s.sent[:1], after(7200)
	s.inc.lines, s.answers, s.inc.holder = s.inc.lines[:2], nil, ""
	if r, _ := judged(s); r.Lost == 0 {
		t.Error("a contact that failed is followed by none, and nothing is lost")
	}
	s = secondStory(1, 1.2)
	s.answers[0].at = after(10)
	if r, _ := judged(s); r.WrongPerson == 0 {
		t.Error("it was acknowledged before anybody answered")
	}
	s = secondStory(1, 1.2)
	again := s.sent[1]
	again.unheard = true
	s.sent = append(s.sent, again)
	if r, _ := judged(s); r.breached("what can be looked up is sent once") != 1 {
		t.Error("an SMS came twice, and Twilio could be asked")
	}
	s.faults = []fault{{kind: unreachable, from: after(1), to: after(2)}}
	if r, _ := judged(s); r.breached("what can be looked up is sent once") != 0 {
		t.Error("Twilio could not be asked")
	}
}

func TestAStormIsJudged(t *testing.T) {
	judged := func(spoil func(*story)) Result {
		s := goodStory()
		spoil(s)
		return compare(s.record, limits{late: time.Hour, also: (&stormProof{}).judge})
	}
	if r := judged(func(*story) {}); len(r.Breaches) != 1 || r.WrongPerson != 1 { // Bob is not the first level's
		t.Errorf("%+v", r.Breaches)
	}
	alone := func(s *story) { s.sent = s.sent[:1] }
	for name, spoil := range map[string]func(*story){
		"told too late":    func(s *story) { s.sent[0].began = after(40) },
		"never told":       func(s *story) { s.sent[0].names = nil },
		"told to another":  func(s *story) { s.sent[0].names = []string{"HOT-7", "HOT-8"} },
		"refused for good": func(s *story) { s.refused = []refused{{}} },
	} {
		before := judged(alone)
		after := judged(func(s *story) { alone(s); spoil(s) })
		if len(after.Breaches) <= len(before.Breaches) {
			t.Errorf("%s: %+v", name, after.Breaches)
		}
	}
}
