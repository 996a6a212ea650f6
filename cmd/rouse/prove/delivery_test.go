package prove

import (
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// judged has one of the proofs of delivery look at a story.
func (s *story) judged(also func(*comparison)) (Result, string) {
	c := newComparison(s.record, limits{late: 2 * time.Second, mayFail: true, spare: true})
	c.index()
	c.match()
	also(c)
	for _, what := range c.order {
		c.result.Breaches = append(c.result.Breaches, *c.breach[what])
	}
	return c.result, strings.Join(Below([]Result{c.result}), "\n")
}

// next adds the next contact to the first page.
func (s *story) next(at float64, channel rosters.Channel) {
	p := &s.inc.pages[0]
	a := attempt{no: 2, contact: 1, channel: channel, address: s.world.addressOf(p.person, channel), state: engine.Sent, nonce: "nonce-2", queuedAt: after(at)}
	p.attempts = append(p.attempts, a)
	s.sent = append(s.sent, sent{channel: a.channel, address: a.address, key: "HOT-7", nonce: "nonce-2", incident: 7, attempt: 2, names: []string{"HOT-7"},
		began: after(at + 0.01), ended: after(at + 0.1), accepted: true, id: "nonce-2"})
}

func TestWhoeverIsNotReachedWhileAProviderFailsIsNoticed(t *testing.T) {
	for _, test := range []struct {
		name    string
		arrives float64 // 0: never
		lied    bool
		acked   bool
		says    string // "": all is well
	}{
		{"at once", 0.1, false, true, ""},
		{"just in time", 29.9, false, true, ""},
		{"too late after an error", 30.2, false, true, "dan was reached by sms after 30.2s, while providers were slow"},
		{"in time after silence", 74.9, true, true, ""},
		{"too late after silence", 75.3, true, true, "dan was reached by sms after 1m15.3s"},
		{"never", 0, false, true, "dan was not, while providers were slow"},
		{"acknowledged by nobody", 0.1, false, false, "nothing is acknowledged but by a person"},
	} {
		s := begin("builds")
		s.until = after(200)
		s.paged(1, 0, 0, "dan", rosters.SMS)
		s.sent[0].lied = test.lied
		s.next(1, rosters.SMS)
		s.acknowledges("dan", 100)
		if !test.acked {
			s.answers = nil
		}
		p := &deliveryProof{arrived: arrivals{{false, "something else"}: after(0)}, gone: []spell{{name: "slow", from: after(-1), to: after(10)}}}
		if test.arrives > 0 {
			p.arrived[arrival{false, "nonce-2"}] = after(test.arrives)
		}
		r, said := s.judged(p.judge)
		if (len(r.Breaches) > 0) != (test.says != "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: want %q, it says:\n%s", test.name, test.says, said)
		}
		if p.gone[0].n != 1 {
			t.Errorf("%s: not counted", test.name)
		}
	}
}

// Two providers may have the same id for different messages.
func TestAnArrivalIsOfTheProviderThatTookTheMessage(t *testing.T) {
	m := &message{sent: sent{id: "m1", spare: true}}
	if _, ok := (arrivals{{false, "m1"}: after(0)}).of(m); ok {
		t.Error("the first provider's message is taken for the second's")
	}
	if _, ok := (arrivals{{true, "m1"}: after(0)}).of(m); !ok {
		t.Error("it did not come")
	}
}

func TestATextThatWasNotDeliveredIsFollowedByAnotherWay(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(s *story, p *undeliveredProof)
		says  string
	}{
		{"well", func(*story, *undeliveredProof) {}, ""},
		{"nothing followed", func(s *story, p *undeliveredProof) { p.arrived = arrivals{{false, "x"}: after(0)} }, "dan was not"},
		{"too late", func(s *story, p *undeliveredProof) { p.arrived[arrival{false, "nonce-2"}] = after(41) }, "dan was reached 40.98s after the text was sent"},
		{"taken for sent", func(s *story, p *undeliveredProof) { s.inc.pages[0].attempts[0].state = engine.Sent }, "dan's is sent"},
		{"acknowledged by nobody", func(s *story, p *undeliveredProof) { s.answers = nil }, "nothing is acknowledged but by a person"},
		{"the network delivered it", func(s *story, p *undeliveredProof) { p.arrived[arrival{false, "nonce-1"}] = after(0.1) }, "dan got a text"},
	} {
		s := begin("builds")
		s.paged(1, 0, 0, "dan", rosters.SMS)
		s.inc.pages[0].attempts[0].state = engine.Failed
		s.next(10, rosters.Push)
		s.acknowledges("dan", 12)
		p := &undeliveredProof{fate: map[rosters.PersonID]fate{"dan": {true, 10 * time.Second}}, arrived: arrivals{{false, "nonce-2"}: after(10.1)}}
		test.spoil(s, p)
		r, said := s.judged(p.judge)
		if (len(r.Breaches) > 0) != (test.says != "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: want %q, it says:\n%s", test.name, test.says, said)
		}
	}
}

func TestAMachineThatAnswersIsNobody(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(s *story, p *voicemailProof)
		says  string
	}{
		{"well", func(*story, *voicemailProof) {}, ""},
		{"the call acknowledged", func(s *story, _ *voicemailProof) {
			s.line(1, engine.ReasonAcknowledged, func(l *line) { l.person, l.via = "cleo", "voice" })
		}, "a machine never acknowledges"},
		{"before anybody had answered", func(s *story, _ *voicemailProof) {
			s.line(1, engine.ReasonAcknowledged, func(l *line) { l.person, l.via = "cleo", "sms" })
			s.inc.lines[len(s.inc.lines)-2], s.inc.lines[len(s.inc.lines)-1] = s.inc.lines[len(s.inc.lines)-1], s.inc.lines[len(s.inc.lines)-2]
		}, "nothing is acknowledged but by a person"},
		{"nothing followed", func(s *story, _ *voicemailProof) { s.inc.pages[0].attempts = s.inc.pages[0].attempts[:1] }, "cleo had none"},
		{"what followed did not come", func(_ *story, p *voicemailProof) { delete(p.arrived, arrival{false, "nonce-2"}) }, "cleo's sms did not come to the phone"},
	} {
		s := begin("payments")
		s.paged(1, 0, 0, "cleo", rosters.Voice)
		s.next(8, rosters.SMS)
		s.acknowledges("cleo", 10)
		p := &voicemailProof{arrived: arrivals{{false, "nonce-1"}: after(0.2), {false, "nonce-2"}: after(8.1)}}
		test.spoil(s, p)
		r, said := s.judged(p.judge)
		if (len(r.Breaches) > 0) != (test.says != "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: want %q, it says:\n%s", test.name, test.says, said)
		}
	}
}

// Bob was texted about HOT-7 and replies.
func TestAWrongAcknowledgementIsNoticed(t *testing.T) {
	code := word{person: "bob", form: byCode, text: "482913", nonce: "nonce-1", wants: []string{"nonce-1"}, from: after(0.9), to: after(1.1)}
	for _, test := range []struct {
		name  string
		spoil func(s *story, w *word)
		says  string
	}{
		{"well", func(*story, *word) {}, ""},
		{"nobody said anything", func(_ *story, w *word) { w.from, w.to, w.wants = after(5), after(6), nil }, "what they said was: nothing"},
		{"another code", func(_ *story, w *word) { w.nonce, w.wants = "nonce-9", nil }, "what they said was: 482913"},
		{"another key", func(_ *story, w *word) { w.nonce, w.keys, w.wants = "", []string{"HOT-8"}, nil }, "escalation 1 was in bob's name"},
		{"one of several", func(_ *story, w *word) { w.nonce, w.form, w.wants = "", bare, nil }, "escalation 1 was in bob's name"},
		{"another escalation", func(s *story, w *word) { s.inc.lines[len(s.inc.lines)-1].escalation, w.wants = 2, nil }, "escalation 2 was in bob's name"},
		{"somebody else's name", func(s *story, w *word) { s.inc.lines[len(s.inc.lines)-1].person, w.wants = "ann", nil }, "escalation 1 was in ann's name"},
		{"from another phone", func(_ *story, w *word) { w.person, w.wants = "", nil }, "escalation 1 was in bob's name"},
		{"a reply that did nothing", func(s *story, _ *word) { s.inc.lines = s.inc.lines[:len(s.inc.lines)-1] }, `bob said "482913"`},
		{"a reply that did it late", func(s *story, _ *word) { s.inc.lines[len(s.inc.lines)-1].at = after(2) }, `bob said "482913"`},
	} {
		s := begin("checkout")
		s.paged(1, 0, 0, "bob", rosters.SMS)
		s.line(1, engine.ReasonAcknowledged, func(l *line) { l.person, l.via = "bob", "sms" })
		w := code
		test.spoil(s, &w)
		p := &repliesProof{words: []word{w}}
		r, said := s.judged(func(c *comparison) { p.judge(c) })
		if (len(r.Breaches) > 0) != (test.says != "") || !strings.Contains(said, test.says) {
			t.Errorf("%s: want %q, it says:\n%s", test.name, test.says, said)
		}
	}
}
