package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// judge looks at what providers going wrong has led to.
func (p *providerProof) judge(c *comparison) {
	for i := range c.incidents {
		inc := &c.incidents[i]
		for j := range inc.pages {
			p.paths(c, inc, &inc.pages[j])
		}
		c.byPeople(inc)
		if it, one := p.of[rosters.PersonID(inc.service)]; one {
			p.judged++
			it.judge(c, inc)
		}
	}
	c.lookedUp()
}

// paths checks that every contact that failed, or of which nothing was heard, was followed by the next.
func (p *providerProof) paths(c *comparison, inc *incident, of *page) {
	for i := range of.attempts {
		a := &of.attempts[i]
		moved, quiet, ok := inc.over(a.no)
		if !ok || a.contact+1 >= len(c.world.people[of.person].Contacts) {
			continue
		}
		next := of.tried(a.contact + 1)
		if next == nil {
			if c.missed(moved, c.endOf(inc, of)) {
				c.found(&c.result.Lost, inc.key, "when a contact fails the next is tried", "%s's %s failed at %s, and nothing followed", of.person, a.channel, moved.Format(clock))
			}
			continue
		}
		first, second := c.byNo[attemptRef{inc.id, a.no}], c.byNo[attemptRef{inc.id, next.no}]
		if len(first.sent) == 0 || len(second.sent) == 0 {
			continue
		}
		took, within := second.sent[0].began.Sub(first.sent[0].began), otherPath
		if quiet {
			within = silentPath
			p.silent = append(p.silent, took)
		} else {
			p.failed = append(p.failed, took)
		}
		if took > within+c.hold(next, of) {
			c.found(&c.result.TooLate, inc.key, fmt.Sprintf("the next contact is tried within %s", within), "%s's %s followed the %s after %s",
				of.person, next.channel, a.channel, took.Round(time.Millisecond))
		}
	}
}

// over is when it was known that an attempt has failed, or that nothing was heard of it in time.
func (i *incident) over(attempt int) (at time.Time, quiet, ok bool) {
	for _, l := range i.lines {
		if l.attempt == attempt && (l.reason == engine.ReasonFailed || l.reason == engine.ReasonContactSilent) {
			return l.at, l.reason == engine.ReasonContactSilent, true
		}
	}
	return time.Time{}, false, false
}

// tried is a page's attempt at a contact, nil if there is none.
func (p *page) tried(contact int) *attempt {
	for i := range p.attempts {
		if p.attempts[i].contact == contact {
			return &p.attempts[i]
		}
	}
	return nil
}

// byPeople checks that an acknowledgement is a person's: a voicemail's, or a receipt's, is none.
func (c *comparison) byPeople(inc *incident) {
	acked, ok := inc.first(1, engine.ReasonAcknowledged)
	if !ok {
		return
	}
	for _, a := range c.answers[inc.id] {
		if a.do == acknowledges && !a.at.IsZero() && !a.at.After(acked.committed) {
			return
		}
	}
	c.found(&c.result.WrongPerson, inc.key, "nothing is acknowledged but by a person", "it was at %s, before anybody had answered", acked.committed.Format(clock))
}

// lookedUp checks that no text came twice: Twilio can be asked whether it has it, unless it was not to be
// reached just then.
func (c *comparison) lookedUp() {
	for _, of := range c.byNo {
		if of.attempt.channel == rosters.SMS && of.taken() > 1 && !c.unaskable(of) {
			c.found(&c.result.Duplicated, of.incident.key, "what can be looked up is sent once", "attempt %d to %s was sent %d times", of.attempt.no, of.page.person, of.taken())
		}
	}
}

// unaskable reports whether Twilio was not to be reached while an attempt was made, or had not begun with it when it
// was asked.
func (c *comparison) unaskable(of *sending) bool {
	const answer = 11 * time.Second // is waited for so long
	return slices.ContainsFunc(of.sent, func(m *message) bool { return m.slow || c.unreached(m.began, m.began.Add(answer)) })
}

// unreached reports whether a provider was not to be reached at some time between two instants, or had just
// become so again: what the network has held up comes then, whoever still wants it.
func (c *comparison) unreached(from, to time.Time) bool {
	const letGo = 2 * time.Second
	return slices.ContainsFunc(c.faults, func(f fault) bool {
		return f.kind == unreachable && f.from.Before(to) && f.to.Add(letGo).After(from)
	})
}

// judge checks that a case went as it should.
func (it providerCase) judge(c *comparison, inc *incident) {
	expected := fmt.Sprintf("a first message by %s, %s, goes as it should", it.on, it.name)
	if len(inc.pages) == 0 || len(inc.pages[0].attempts) == 0 {
		c.found(&c.result.Lost, inc.key, expected, "there was none")
		return
	}
	p := &inc.pages[0]
	first, second := c.byNo[attemptRef{inc.id, p.attempts[0].no}], p.tried(1)
	var wrong []string
	say := func(wrongly bool, format string, args ...any) {
		if wrongly {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	say(first.attempt.state != it.ends, "it is %s in the end, not %s", first.attempt.state, it.ends)
	say(first.taken() > max(1, it.twice), "it arrived %d times", first.taken())
	say(!it.moves && second != nil, "the second contact was tried")
	say(it.rests > 0 && len(first.sent) > 1 && first.sent[1].began.Sub(first.sent[0].began) < it.rests, "it was tried again too soon")
	say(it.rests > 0 && len(first.sent) < 2, "it was not tried again")
	if it.moves && (second == nil || len(c.byNo[attemptRef{inc.id, second.no}].sent) == 0) {
		c.found(&c.result.Lost, inc.key, expected, "the second contact was not tried")
		return
	}
	if it.moves {
		took := c.byNo[attemptRef{inc.id, second.no}].sent[0].began.Sub(first.sent[0].began)
		say(it.within == 0 && took > max(otherPath, it.due+backLate), "the second contact was tried after %s", took)
		say(took > silentPath, "the second contact was tried after %s", took)
		early := p.startedAt.Add(it.due - early).Sub(second.queuedAt)
		say(it.due > 0 && early > 0, "the second contact was tried %s before it was due", early)
	}
	acked, ok := inc.first(1, engine.ReasonAcknowledged)
	say(!ok, "nobody acknowledged")
	say(ok && inc.holder != p.person, "%s acknowledged at %s", inc.holder, acked.at.Format(clock))
	if len(wrong) > 0 {
		var n int // told in Found; the table counts what is lost, sent twice, or late
		c.found(&n, inc.key, expected, "%s", strings.Join(wrong, "; "))
	}
}
