package simulator

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// answer is one thing that a person does about an incident, or about a message, until they are told that it
// is done.
type answer struct {
	row     *incidentRow
	event   engine.Event
	to      *call // the message that is answered, if any
	id      int   // unique to what its provider may repeat (pager.From.Event); 0: a button, or REST
	repeats bool  // the person, or the provider, asks again when nobody answers
}

// part is what an answer says about one incident.
type part struct {
	row     *incidentRow
	event   engine.Event
	once    seen
	verdict engine.Verdict
	outcome outcome
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
	r, no := k.by.lead().row, k.by.lead().ref.attempt
	p := r.page(no)
	a := engine.Answer{Person: p.Person, Decline: decline, Page: p.No, Attempt: no, Via: "push"}
	in, id := d.between(time.Second, 2*time.Minute), 0
	switch k.by.channel() {
	case rosters.SMS: // its code names the page only
		a.Attempt, a.Via, id = 0, "sms", s.nextID()
	case rosters.Voice: // while it rings
		in, a.Via, id = d.between(3*time.Second, 20*time.Second), "voice", s.nextID()
	}
	s.after(in, func() { s.say(&answer{row: r, event: a, to: k, id: id, repeats: true}, 0) })
	if id != 0 && d.chance(f.receiptTwice) {
		s.after(in+d.between(0, time.Minute), func() { s.say(&answer{row: r, event: a, to: k, id: id, repeats: true}, 0) })
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
		n.answer(a, func(parts []*part) {
			told = true
			if slices.ContainsFunc(parts, func(p *part) bool { return p.outcome == failed }) && a.repeats {
				s.after(s.dice.between(time.Second, 4*time.Second), func() { s.say(a, try+1) })
			}
			s.told(n, a, parts)
		})
	})
}

// answer is pager.answer: an answer to a message is one about each page that it told, each in a transaction
// of its own.
func (n *node) answer(a *answer, reply func([]*part)) {
	parts := n.s.meant(a)
	left := len(parts)
	for _, p := range parts {
		n.answerOne(a, p, func(o outcome) {
			p.outcome = o
			if left--; left == 0 {
				reply(parts)
			}
		})
	}
}

// meant is pager.meant: the pages that an answer is about.
func (s *sim) meant(a *answer) (parts []*part) {
	if a.to == nil {
		return []*part{{row: a.row, event: a.event, once: seen{id: a.id}}}
	}
	ev, _ := a.event.(engine.Answer)
	if s.broken.answersAny {
		parts = s.allOf(ev, a.id)
	}
	m := a.to.by.nonce()
	own := m.row.attempt(m.attempt).bundle
	alone := ev.Via == "push" && own != m // enginedb.PageWithTokens
	if ev.Via == "sms" {
		alone = s.lastText(m) == (nonce{})
	}
	if alone || s.broken.answersTheFirst {
		return append(parts, &part{row: a.row, event: a.event, once: seen{id: a.id}})
	}
	for i, t := range s.toldBy(m) {
		p := t.row.page(t.attempt)
		q := &part{row: t.row, event: engine.Answer{Person: p.Person, Decline: ev.Decline, Page: p.No, Attempt: t.attempt, Via: ev.Via}, once: seen{id: a.id}}
		if i > 0 {
			q.once.row, q.once.page = t.row, p.No
		}
		parts = append(parts, q)
	}
	return parts
}

// allOf is every page that waits for an answer of somebody, drill or not: what no answer is about.
func (s *sim) allOf(ev engine.Answer, id int) (parts []*part) {
	for _, r := range s.rows {
		for i := range r.pages {
			if p := &r.pages[i]; r.committed && p.Person == ev.Person && p.State == engine.PageOpen && p.No != ev.Page {
				parts = append(parts, &part{row: r, event: engine.Answer{Person: p.Person, Decline: ev.Decline, Page: p.No, Via: ev.Via}, once: seen{id: id, row: r, page: p.No}})
			}
		}
	}
	return parts
}

// lastText is enginedb.PageByCode: the bundle of the last text that quoted the page's code, if it was one.
func (s *sim) lastText(m nonce) (last nonce) {
	var at time.Time
	for _, no := range m.row.page(m.attempt).attempts {
		a := m.row.attempt(no)
		quoted := a.bundle == (nonce{}) || a.bundle == (nonce{m.row, no})
		if a.Channel == rosters.SMS && !a.claimedAt.IsZero() && quoted && a.claimedAt.After(at) {
			last, at = a.bundle, a.claimedAt
		}
	}
	return last
}

// answerOne is pager.answerOne, and pager.onKey for what is not an answer.
func (n *node) answerOne(a *answer, p *part, then func(outcome)) {
	s := n.s
	h := happening{row: p.row, event: p.event, deciding: answerDecided, committing: answerCommitted, ending: answerAnswered, then: then}
	ev, isAnswer := p.event.(engine.Answer)
	if isAnswer {
		h.named.page = ev.Page
	}
	h.first = func(c *change) outcome {
		s.tell(n, "hears about %s: %s", p.row.inc.Key, describe(p.event))
		if !isAnswer {
			if _, ends := p.event.(engine.Ended); c.after.Status == engine.Resolved && !ends {
				return refused // pager.refuseResolved
			}
			return goOn
		}
		p.verdict = c.after.Judge(ev)
		if s.actedOn(c, p.once) {
			return refused // pager.ErrSeen, with the reply that the answer would get now
		}
		c.answer = p
		if s.broken.tellsBeforeCommit {
			p.outcome = committed
			s.told(n, a, []*part{p})
		}
		return goOn
	}
	s.handle(n, h)
}

// told is a person reading the reply.
func (s *sim) told(n *node, a *answer, parts []*part) {
	s.checkAnswered(a, parts)
	for _, p := range parts {
		ev, isAnswer := p.event.(engine.Answer)
		if !isAnswer || p.outcome != committed {
			continue
		}
		s.tally.Answers++
		s.tell(n, "tells %s about %s: %s", ev.Person, p.row.inc.Key, p.verdict.Outcome)
		s.checkTold(p)
	}
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
