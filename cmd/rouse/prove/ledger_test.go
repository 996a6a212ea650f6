package prove

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// A ledger that cannot fail proves nothing: each test tells a story that went well, spoils it in one way,
// and says what has to be noticed.

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// after is an instant of the story.
func after(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

// smallWorld has one service: Ann is pushed, three seconds later Bob is texted, then IMOC.
func smallWorld() *world {
	w := newWorld(5 * time.Second)
	for id, how := range map[rosters.PersonID]plan{"ann": pushed, "bob": texted, "ida": pushed, "cleo": called, "dan": pushedSMS} {
		w.addPerson(id, how, manager)
		w.addRoster(rosters.Roster{ID: rosters.RosterID(id), Rotations: []rosters.Rotation{{ID: "r", Zone: "UTC", Start: "2024-01-01T09:00:00",
			Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{id}}}})
	}
	w.addRoster(rosters.Roster{ID: "imoc", Rotations: w.rosters["ida"].Rotations})
	w.addService("checkout", w.rung("ann"), w.rung("bob"))
	w.addService("payments", w.rung("cleo"), w.rung("bob"))
	w.addService("builds", w.rung("dan"), w.rung("bob"))
	return w
}

func (w *world) rung(who rosters.RosterID) engine.Level {
	return engine.Level{Targets: []engine.Target{{Roster: who}}, Wait: 3 * time.Second}
}

// addressOf is a person's address on a channel.
func (w *world) addressOf(who rosters.PersonID, channel rosters.Channel) string {
	for _, c := range w.people[who].Contacts {
		if c.Channel == channel {
			return c.Address
		}
	}
	return ""
}

// story is a record under construction.
type story struct {
	record
	inc *incident
}

// paged adds a page with one attempt, and the level's beginning, all of which went well.
func (s *story) paged(no, level int, at float64, who rosters.PersonID, channel rosters.Channel) {
	address := s.world.addressOf(who, channel)
	s.inc.lines = append(s.inc.lines, line{at: after(at), committed: after(at), reason: engine.ReasonLevelBegins, escalation: 1, level: level, round: 1})
	s.inc.pages = append(s.inc.pages, page{no: no, escalation: 1, person: who, level: level, round: 1, state: engine.PageCovered, startedAt: after(at),
		attempts: []attempt{{no: no, channel: channel, address: address, state: engine.Sent, nonce: "nonce-" + string(rune('0'+no)),
			queuedAt: after(at), claimedAt: after(at + 0.01)}}})
	s.sends(no, "a", at+0.02)
}

// sends adds a message for an attempt, and the report about it if it is the first.
func (s *story) sends(no int, node string, at float64) {
	a := s.inc.pages[no-1].attempts[0]
	m := sent{node: node, channel: a.channel, address: a.address, key: string(s.inc.key), began: after(at), ended: after(at + 0.1), accepted: true, id: a.nonce}
	switch a.channel {
	case rosters.Push:
		m.incident, m.attempt, m.names = s.inc.id, no, []string{m.key}
	case rosters.SMS:
		m.nonce, m.names = a.nonce, []string{m.key}
	default:
		m.nonce, m.key = a.nonce, ""
	}
	s.sent = append(s.sent, m)
	if s.inc.settled(no).IsZero() {
		s.line(at+0.2, engine.ReasonSent, func(l *line) { l.attempt = no })
	}
}

func (s *story) line(at float64, reason engine.Reason, change func(*line)) {
	l := line{at: after(at), committed: after(at), reason: reason, escalation: 1}
	if change != nil {
		change(&l)
	}
	s.inc.lines = append(s.inc.lines, l)
}

// acknowledges has somebody answer the last message.
func (s *story) acknowledges(who rosters.PersonID, at float64) {
	s.line(at, engine.ReasonAcknowledged, func(l *line) { l.person = who })
	s.inc.holder, s.inc.status = who, engine.Fixing
	s.answers = append(s.answers, answered{person: who, do: acknowledges, sent: s.sent[len(s.sent)-1], at: after(at - 0.1), heard: after(at + 0.1)})
}

// begin is an incident that was accepted.
func begin(service engine.ServiceID) *story {
	s := &story{record: record{world: smallWorld(), until: after(60), book: book{ended: map[string]time.Time{}}}}
	s.incidents = []incident{{id: 7, key: "HOT-7", trouble: "t-7", service: service, status: engine.New, openedAt: after(0)}}
	s.inc = &s.incidents[0]
	s.accepted = []accepted{{alert: alert{trouble: "t-7", service: service, severity: 1}, key: "HOT-7", posted: after(-0.1), at: after(0.1)}}
	return s
}

// goodStory is Ann not answering, and Bob.
func goodStory() *story {
	s := begin("checkout")
	s.paged(1, 0, 0, "ann", rosters.Push)
	s.paged(2, 1, 3, "bob", rosters.SMS)
	s.acknowledges("bob", 4)
	return s
}

var usual = limits{late: 2 * time.Second}

func TestAStoryThatWentWellIsNoBreach(t *testing.T) {
	r := compare(goodStory().record, usual)
	if len(r.Breaches) > 0 || r.N != 1 || r.Pages != 2 || r.Sent != 2 || r.Answers != 1 || r.Late.N != 2 || r.Late.Max != 0.02 {
		t.Errorf("%+v", r)
	}
}

func TestHalfOfThePagesAreLate(t *testing.T) {
	s := goodStory()
	for i := range s.sent {
		s.sent[i].began = s.sent[i].began.Add(500 * time.Millisecond)
	}
	if r := compare(s.record, limits{late: 2 * time.Second, median: 300 * time.Millisecond}); r.TooLate != 1 || len(r.Breaches) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestEveryBreachIsNoticed(t *testing.T) {
	counts := map[string]func(Result) int{
		"lost": func(r Result) int { return r.Lost }, "duplicated": func(r Result) int { return r.Duplicated },
		"wrong": func(r Result) int { return r.WrongPerson }, "after ack": func(r Result) int { return r.SentAfterAck },
		"early": func(r Result) int { return r.Early }, "late": func(r Result) int { return r.TooLate },
		"stray": func(r Result) int { return r.Strays }, "back": func(r Result) int { return r.Regress },
	}
	for _, test := range []struct {
		name, count, says string
		spoil             func(s *story)
	}{
		{"accepted and not there", "lost", "was accepted, and is not there", func(s *story) {
			s.accepted = append(s.accepted, accepted{alert: alert{trouble: "t-8"}, key: "HOT-8"})
		}},
		{"accepted without a key", "lost", "is not there", func(s *story) { s.accepted[0].key = "" }},
		{"accepted as another", "lost", "which is t-7", func(s *story) {
			s.accepted = append(s.accepted, accepted{alert: alert{trouble: "t-8", service: "checkout"}, key: "HOT-7"})
		}},
		{"opened twice", "duplicated", "is HOT-7 already", func(s *story) {
			s.incidents = append(s.incidents, incident{id: 8, key: "HOT-8", trouble: "t-7", service: "none"})
		}},
		{"no provider saw it", "lost", "no provider saw it", func(s *story) { s.sent = s.sent[1:] }},
		{"a provider refused it", "lost", "no provider saw it", func(s *story) { s.sent[0].accepted = false }},
		{"never sent", "lost", "attempt 1 to ann was waited for 4s, and is queued", func(s *story) {
			s.sent, s.inc.pages[0].attempts[0].state = s.sent[1:], engine.Queued
		}},
		{"withdrawn after a long time", "lost", "attempt 1 to ann was waited for 4s, and is withdrawn", func(s *story) {
			s.sent, s.inc.pages[0].attempts[0].state = s.sent[1:], engine.Withdrawn
		}},
		{"left lying", "lost", "attempt 2 to bob is sending since 57s", func(s *story) {
			s.sent, s.inc.pages[1].attempts[0].state = s.sent[:1], engine.Sending
		}},
		{"withdrawn without reason", "lost", "though nobody answered", func(s *story) {
			s.sent = s.sent[1:]
			s.inc.pages[0].state, s.inc.pages[0].attempts[0].state = engine.PageOpen, engine.Withdrawn
		}},
		{"failed without reason", "lost", "attempt 1 to ann failed", func(s *story) {
			s.sent, s.inc.pages[0].attempts[0].state = s.sent[1:], engine.Failed
		}},
		{"first level never began", "lost", "level 1, round 1, was due at 12:00:00.000 and never began", func(s *story) {
			s.inc.lines = s.inc.lines[1:]
		}},
		{"nobody is paged at all", "lost", "never began", func(s *story) { s.inc.lines, s.inc.pages, s.sent, s.answers, s.inc.holder = nil, nil, nil, nil, "" }},
		{"next level never began", "lost", "level 2, round 1, was due at 12:00:03.000", func(s *story) {
			s.inc.lines, s.inc.pages, s.sent = s.inc.lines[:2], s.inc.pages[:1], s.sent[:1]
			s.inc.holder, s.answers = "", nil
		}},
		{"the ladder does not begin again", "lost", "level 1, round 2, was due at 12:01:00.000", func(s *story) {
			s.inc.lines, s.inc.holder, s.answers, s.until = s.inc.lines[:4], "", nil, after(90)
			s.paged(3, 2, 6, "ida", rosters.Push)
		}},
		{"a page without a message", "lost", "page 1 to ann has none", func(s *story) { s.inc.pages[0].attempts, s.sent = nil, s.sent[1:] }},
		{"somebody on call is left out", "lost", "without ann", func(s *story) { s.inc.pages, s.sent = s.inc.pages[1:], s.sent[1:] }},
		{"somebody else is paged", "wrong", "paged cleo", func(s *story) { s.inc.pages[0].person = "cleo" }},
		{"a level begins too soon", "early", "was due at 12:00:03.000 and began at 12:00:02.500", func(s *story) {
			s.inc.lines[2].at = after(2.5)
		}},
		{"a message goes elsewhere", "wrong", "its push went to", func(s *story) { s.sent[0].address = s.world.addressOf("ida", rosters.Push) }},
		{"a message speaks of another", "wrong", "was told in a message about [HOT-9]", func(s *story) {
			s.sent[1].key, s.sent[1].names = "HOT-9", []string{"HOT-9"}
		}},
		{"sent twice", "duplicated", "sent 2 times, 1 more", func(s *story) { s.sends(1, "b", 0.5) }},
		{"sent twice, and the other node died", "duplicated", "1 more", func(s *story) {
			s.sends(1, "b", 0.5)
			s.faults = []fault{{kind: killed, node: "c", from: after(0.1), to: after(0.1)}}
		}},
		{"sent twice, and the node died after its report", "duplicated", "1 more", func(s *story) {
			s.sends(1, "b", 0.5)
			s.faults = []fault{{kind: killed, node: "a", from: after(0.3), to: after(0.3)}}
		}},
		{"sent three times for one death", "duplicated", "sent 3 times, 1 more", func(s *story) {
			s.sends(1, "b", 0.5)
			s.sends(1, "b", 0.6)
			s.faults = []fault{{kind: killed, node: "a", from: after(0.1), to: after(0.1)}}
		}},
		{"paged twice", "duplicated", "ann was paged again", func(s *story) {
			p := s.inc.pages[0]
			p.no, p.attempts = 3, []attempt{{no: 3, channel: rosters.Push, state: engine.Withdrawn}}
			s.inc.pages = append(s.inc.pages, p)
		}},
		{"a contact tried twice", "duplicated", "tried by push again", func(s *story) {
			p := &s.inc.pages[0]
			p.attempts = append(p.attempts, attempt{no: 3, channel: rosters.Push, state: engine.Withdrawn})
		}},
		{"a message that nobody asked for", "stray", "is for none", func(s *story) {
			s.sent = append(s.sent, sent{channel: rosters.SMS, nonce: "unknown", began: after(5)})
		}},
		{"begun after the acknowledgement", "after ack", "began 1.2s after it, from node b", func(s *story) {
			s.sends(1, "b", 5.2)
			s.faults = []fault{{kind: killed, node: "a", from: after(0.1), to: after(0.1)}}
		}},
		{"a stale report is written", "back", "attempt 1 is failed, after it was more", func(s *story) {
			for _, reason := range []engine.Reason{engine.ReasonDelivered, engine.ReasonFailed} {
				s.line(1, reason, func(l *line) { l.attempt = 1 })
			}
		}},
		{"a report is written twice", "back", "attempt 2 is sent, after it was more", func(s *story) {
			s.line(4, engine.ReasonSent, func(l *line) { l.attempt = 2 })
		}},
		{"a page far too late", "late", "began 2.4s late", func(s *story) { s.sent[0].began = after(2.4) }},
		{"the holder did not answer", "wrong", "ann holds it, and did not answer", func(s *story) { s.inc.holder = "ann" }},
		{"the holder answered something else", "wrong", "bob holds it, and did not answer", func(s *story) { s.answers[0].sent.nonce = "nonce-9" }},
		{"an answer is forgotten", "lost", "that theirs was", func(s *story) {
			s.inc.lines = s.inc.lines[:len(s.inc.lines)-1]
			s.inc.holder, s.until = "", after(5)
		}},
		{"an answer is confirmed before it is there", "lost", "bob was told", func(s *story) { s.answers[0].heard = after(3.9) }},
		{"a dead node's message is found too late", "late", "was so after 5.9s", func(s *story) {
			s.sent[0].began = after(0)
			s.inc.lines[1].committed = after(6)
			s.faults = []fault{{kind: killed, node: "a", from: after(0.1), to: after(0.1)}}
		}},
	} {
		s := goodStory()
		test.spoil(s)
		r := compare(s.record, usual)
		said := strings.Join(Below([]Result{r}), "\n")
		if counts[test.count](r) == 0 || !strings.Contains(said, test.says) || Breaches([]Result{r}) == 0 {
			t.Errorf("%s: not noticed as %q. It says:\n%s", test.name, test.says, said)
		}
	}
}

func TestWhatTheFaultsExcuseIsNoBreach(t *testing.T) {
	for name, f := range map[string]fault{
		"killed before its report":  {kind: killed, node: "a", from: after(0.15), to: after(0.15)},
		"killed as it sent":         {kind: killed, node: "a", from: after(0.015), to: after(0.015)},
		"asleep meanwhile":          {kind: asleep, node: "a", from: after(0.015), to: after(9)},
		"all of them, in one fault": {from: after(0.1), to: after(0.1)},
	} {
		s := goodStory()
		s.sends(1, "b", 0.5)
		s.faults = []fault{f}
		if r := compare(s.record, usual); r.Duplicated != 1 || r.InFlight != 1 || len(r.Breaches) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// inBundle is two incidents that were told to Ann in one message, which the first leads.
func inBundle() *story {
	s := goodStory()
	other := s.incidents[0]
	other.id, other.key, other.trouble = 8, "HOT-8", "t-8"
	other.pages = slices.Clone(other.pages[:1])
	other.pages[0].attempts = slices.Clone(other.pages[0].attempts)
	other.pages[0].attempts[0].nonce = "nonce-8"
	other.lines = slices.Clone(other.lines[:2])
	other.holder = ""
	s.incidents = append(s.incidents, other)
	s.inc = &s.incidents[0]
	s.until = after(4.5) // the second level of the other is due, and has time until 5
	for i := range s.incidents {
		s.incidents[i].pages[0].attempts[0].bundle = "nonce-1"
	}
	s.sent[0].names = append(s.sent[0].names, "HOT-8")
	return s
}

func TestABundleTellsWhatItNames(t *testing.T) {
	s := inBundle()
	if r := compare(s.record, usual); len(r.Breaches) > 0 || r.Sent != 2 || r.Bundled != 1 || r.Duplicated != 0 || r.Pages != 3 {
		t.Errorf("%+v", r)
	}
	s.sent[0].names = s.sent[0].names[:1]
	if r := compare(s.record, usual); r.Lost != 1 || r.Breaches[0].Found[0] != "HOT-8: attempt 1 to ann is called sent, and no provider saw it" {
		t.Errorf("not named: %+v", r)
	}
	s = inBundle()
	s.sends(1, "b", 0.5)
	s.sent[2].names = []string{"HOT-7", "HOT-8"}
	if r := compare(s.record, usual); r.Duplicated != 1 || len(r.Breaches) != 1 || r.Breaches[0].N != 2 {
		t.Errorf("sent again: %+v", r)
	}
}

// A bundle goes out as long as somebody waits for one of its incidents.
func TestABundleIsSilentWhenAllOfItIs(t *testing.T) {
	s := inBundle()
	s.faults = []fault{{kind: killed, node: "a", from: after(0.1), to: after(0.1)}}
	for i := range s.incidents { // nobody could say that it was sent
		s.incidents[i].lines = slices.DeleteFunc(s.incidents[i].lines, func(l line) bool { return l.reason == engine.ReasonSent && l.attempt == 1 })
	}
	s.sends(1, "b", 5.2)
	s.sent[2].names, s.until = []string{"HOT-7", "HOT-8"}, after(5.4)
	patient := limits{late: 5 * time.Second}
	if r := compare(s.record, patient); r.SentAfterAck > 0 {
		t.Errorf("%+v", r)
	}
	s.incidents[1].lines = append(s.incidents[1].lines, line{at: after(4.1), committed: after(4.1), reason: engine.ReasonAcknowledged, escalation: 1, person: "bob"})
	if r := compare(s.record, patient); r.SentAfterAck != 1 {
		t.Errorf("all are acknowledged: %+v", r)
	}
}

func TestKeysInAText(t *testing.T) {
	got := keysIn("HOT-9 SEV1 x (+4)\nAll: HOT-9, HOT-12–HOT-14, OPS-3. Reply 482913-7")
	if want := []string{"HOT-9", "HOT-12", "HOT-13", "HOT-14", "OPS-3"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestAnUnheardAnswerExcusesOneMore(t *testing.T) {
	s := goodStory()
	s.sent[0].unheard = true
	s.sends(1, "a", 0.5)
	if r := compare(s.record, usual); r.Duplicated != 1 || len(r.Breaches) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestADeclineMovesOnAtOnce(t *testing.T) {
	declined := func(next float64) Result {
		s := begin("checkout")
		s.paged(1, 0, 0, "ann", rosters.Push)
		s.line(1, engine.ReasonDeclined, func(l *line) { l.person = "ann" })
		s.paged(2, 1, next, "bob", rosters.SMS)
		s.acknowledges("bob", next+1)
		return compare(s.record, usual)
	}
	if r := declined(1); len(r.Breaches) > 0 {
		t.Errorf("at once: %+v", r.Breaches)
	}
	if r := declined(3.5); r.TooLate != 1 {
		t.Errorf("2.5 s later: %+v", r)
	}
}

func TestACallEndsSoonAfterAnAcknowledgement(t *testing.T) {
	rings := func(until float64) Result {
		s := begin("payments")
		s.paged(1, 0, 0, "cleo", rosters.Voice)
		s.paged(2, 1, 3, "bob", rosters.SMS)
		s.acknowledges("bob", 4)
		s.ended["nonce-1"] = after(until)
		return compare(s.record, usual)
	}
	if r := rings(6.9); len(r.Breaches) > 0 {
		t.Errorf("2.9 s: %+v", r.Breaches)
	}
	if r := rings(7.1); r.RangOn != 1 || r.Breaches[0].Found[0] != "HOT-7: the call to cleo ended 3.1s after it" {
		t.Errorf("3.1 s: %+v", r)
	}
}

func TestEveryContactIsTriedWhenItIsDue(t *testing.T) {
	s := begin("builds")
	s.paged(1, 0, 0, "dan", rosters.Push)
	s.paged(2, 1, 3, "bob", rosters.SMS)
	s.acknowledges("bob", 4)
	if r := compare(s.record, limits{late: 10 * time.Second}); len(r.Breaches) > 0 {
		t.Errorf("a second contact that is due 2.5 s before the end may come within 10 s: %+v", r.Breaches)
	}
	if r := compare(s.record, usual); r.Lost != 1 || !strings.Contains(r.Breaches[0].Found[0], "page 1 to dan was due by sms at 12:00:01.500") {
		t.Errorf("within 2 s: %+v", r)
	}
}

func TestWhatComesAfterTheEndIsNotJudged(t *testing.T) {
	s := goodStory()
	s.accepted = append(s.accepted, accepted{alert: alert{trouble: "t-8"}, key: "HOT-8", at: after(60.1)})
	s.sent = append(s.sent, sent{channel: rosters.SMS, nonce: "unknown", began: after(60.2)})
	if r := compare(s.record, usual); len(r.Breaches) > 0 || r.N != 1 {
		t.Errorf("%+v", r)
	}
}
