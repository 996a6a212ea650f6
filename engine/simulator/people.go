package simulator

import (
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// answer is one thing that a person does about an incident, until they are told that it is done.
type answer struct {
	row     *incidentRow
	event   engine.Event
	id      int  // unique to what its provider may repeat (pager.From.Event); 0: a button, or REST
	repeats bool // the person, or the provider, asks again when nobody answers
	stored  bool // it is committed that it is theirs
}

// reach is a message on a phone: its person acknowledges, declines, or sleeps on.
func (s *sim) reach(k *call) {
	f, d := s.faults, s.dice
	if s.now >= s.heals {
		return
	}
	decline := d.chance(f.declines)
	if !decline && !d.chance(f.acknowledges) {
		return
	}
	r, no := k.by.row, k.by.ref.attempt
	p := r.page(no)
	a := engine.Answer{Person: p.Person, Decline: decline, Page: p.No, Attempt: no, Via: "push"}
	in, id := d.between(time.Second, 2*time.Minute), 0
	switch k.by.channel() {
	case rosters.SMS: // its code names the page only
		a.Attempt, a.Via, id = 0, "sms", s.nextID()
	case rosters.Voice: // while it rings
		in, a.Via, id = d.between(3*time.Second, 20*time.Second), "voice", s.nextID()
	}
	s.after(in, func() { s.say(&answer{row: r, event: a, id: id, repeats: true}, 0) })
	if id != 0 && d.chance(f.receiptTwice) {
		s.after(in+d.between(0, time.Minute), func() { s.say(&answer{row: r, event: a, id: id, repeats: true}, 0) })
	}
}

func (s *sim) nextID() int {
	s.ids++
	return s.ids
}

// say brings what a person does to some node.
func (s *sim) say(a *answer, try int) {
	if s.now >= s.heals || try == 4 {
		return
	}
	n := s.nodes[s.dice.below(len(s.nodes))]
	if !n.works() {
		if a.repeats {
			s.after(s.dice.between(time.Second, 4*time.Second), func() { s.say(a, try+1) })
		}
		return
	}
	told := false
	s.after(12*time.Second, func() {
		if !told && a.repeats {
			s.say(a, try+1)
		}
	})
	n.after(s.latency(), answerRead, func() {
		n.answer(a, func(o outcome, v engine.Verdict) {
			told = true
			if o == failed && a.repeats {
				s.after(s.dice.between(time.Second, 4*time.Second), func() { s.say(a, try+1) })
			}
			s.told(n, a, o, v)
		})
	})
}

// answer is pager.answer, and pager.onKey for what is not an answer.
func (n *node) answer(a *answer, reply func(outcome, engine.Verdict)) {
	s := n.s
	var v engine.Verdict
	h := happening{row: a.row, event: a.event, deciding: answerDecided, committing: answerCommitted, ending: answerAnswered,
		then: func(o outcome) { reply(o, v) }}
	ev, isAnswer := a.event.(engine.Answer)
	if isAnswer {
		h.named.page = ev.Page
	}
	h.first = func(c *change) outcome {
		s.tell(n, "hears: %s", describe(a.event))
		if !isAnswer {
			if _, ends := a.event.(engine.Ended); c.before.Status == engine.Resolved && !ends {
				return refused // pager.refuseResolved
			}
			return goOn
		}
		v = c.before.Judge(ev)
		if s.actedOn(c, a.id) {
			return refused // pager.ErrSeen, with the reply that the answer would get now
		}
		c.answer = a
		if s.broken.tellsBeforeCommit {
			s.told(n, a, committed, v)
		}
		return goOn
	}
	s.handle(n, h)
}

// told is a person reading the reply.
func (s *sim) told(n *node, a *answer, o outcome, v engine.Verdict) {
	ev, isAnswer := a.event.(engine.Answer)
	if !isAnswer || o != committed {
		return
	}
	s.tally.Answers++
	s.tell(n, "tells %s: %s", ev.Person, v.Outcome)
	s.checkTold(a, v)
}

// command is what somebody does without having been paged.
func (s *sim) command() {
	r := s.someOpen()
	if r == nil {
		return
	}
	d := s.dice
	who := pick(d, s.world.people...)
	a := &answer{row: r}
	switch d.below(10) {
	case 0, 1:
		a.event, a.repeats = engine.Answer{Person: who, Via: "rest"}, true
	case 2:
		a.event = engine.Answer{Person: who, Decline: true, Via: "rest"}
	case 3:
		a.event, a.repeats = engine.Active{By: string(who), What: "a comment"}, true
	case 4, 5:
		a.event, a.repeats = engine.SeverityChanged{To: pick(d, engine.Critical, engine.Major, engine.Minor), By: string(who)}, true
	case 6, 7:
		t := engine.Target{Roster: "dba"}
		if d.chance(0.3) {
			t = engine.Target{Person: pick(d, s.world.people...)}
		}
		a.event, a.repeats = engine.PagedIn{By: string(who), Ladder: engine.RouteTo(t, s.world.wait(d), s.world.end)}, true
	case 8:
		a.event, a.repeats = engine.Active{By: string(r.inc.Manager), What: "a comment"}, true
	default:
		a.event, a.repeats = engine.Ended{By: string(who)}, true
	}
	s.say(a, 0)
}

// someOpen picks an incident that is not over, nil if there is none.
func (s *sim) someOpen() *incidentRow {
	var open []*incidentRow
	for _, r := range s.rows {
		if r.committed && r.inc.Status != engine.Resolved {
			open = append(open, r)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return pick(s.dice, open...)
}
