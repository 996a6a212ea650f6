package prove

import (
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// How long messages may wait for each other in a storm (rule 12 of package engine): a page behind others at
// the same address; a call behind another, as a phone rings for one at a time; and a next contact.
const (
	stormHold = 2500 * time.Millisecond
	queueHold = 31 * time.Second
)

// addressed checks that a message went to whom it was for, and speaks of what they are paged for.
func (c *comparison) addressed(m *message) {
	const expected = "every message goes to the person who is paged, about the incident that they are paged for"
	owner := c.world.owners[m.to()]
	for i, of := range m.told {
		key := of.incident.key
		switch {
		case m.channel != of.attempt.channel, m.address != of.attempt.address, owner != of.page.person:
			c.found(&c.result.WrongPerson, key, expected, "page %d is for %s, and its %s went to %s", of.page.no, of.page.person, m.channel, m.address)
		case i == 0 && m.channel != rosters.Voice && m.key != string(key):
			c.found(&c.result.WrongPerson, key, expected, "page %d, for %s, was told in a message about %v", of.page.no, of.page.person, m.names)
		}
	}
}

// again counts the messages that told what had been told before, and checks that something that broke
// excuses each.
func (c *comparison) again() {
	told := map[*sending]bool{}
	for _, m := range c.messages {
		inFlight := slices.ContainsFunc(m.told, func(of *sending) bool { return c.excuses(m, of) })
		if inFlight {
			c.result.InFlight++
		}
		if !m.accepted {
			continue
		}
		c.result.Sent++
		if len(m.told) > 1 {
			c.result.Bundled++
		}
		twice := false
		for _, of := range m.told {
			twice, told[of] = twice || told[of], true
		}
		if twice {
			c.result.Duplicated++
		}
	}
	for i := range c.incidents {
		for _, p := range c.incidents[i].pages {
			for _, a := range p.attempts {
				c.moreOften(c.byNo[attemptRef{c.incidents[i].id, a.no}])
			}
		}
	}
}

func (c *comparison) moreOften(of *sending) {
	excused := 0
	for _, m := range of.sent {
		if c.excuses(m, of) {
			excused++
		}
	}
	if more := of.taken() - 1 - excused; more > 0 {
		var n int // the table counts messages, in again
		c.found(&n, of.incident.key, "a message is sent again only if it was on its way when something broke",
			"attempt %d to %s was sent %d times, %d more than that excuses", of.attempt.no, of.page.person, of.taken(), more)
	}
}

// pages checks every page of an incident: there is one for each level and person, its contacts were tried,
// once each, and providers saw it.
func (c *comparison) pages(inc *incident) {
	type once struct {
		escalation, round, level int
		person                   rosters.PersonID
	}
	paged := map[once]bool{}
	for i := range inc.pages {
		p := &inc.pages[i]
		c.result.Pages++
		if o := (once{p.escalation, p.round, p.level, p.person}); paged[o] {
			c.found(&c.result.Duplicated, inc.key, "a level pages a person once", "%s was paged again by level %d, round %d", p.person, p.level+1, p.round)
		} else {
			paged[o] = true
		}
		c.contacts(inc, p)
		for j := range p.attempts {
			c.came(inc, p, &p.attempts[j])
		}
	}
}

// came checks that an attempt came to its provider, unless nobody needed it any more before it was late.
func (c *comparison) came(inc *incident, p *page, a *attempt) {
	if c.byNo[attemptRef{inc.id, a.no}].taken() > 0 {
		return
	}
	const expected = "every page comes to a provider, unless it was answered before"
	by := c.latest(a.queuedAt, c.hold(a, p))
	waited := c.endOf(inc, p).Sub(a.queuedAt)
	switch {
	case a.state == engine.Failed && c.mayFail:
	case a.state == engine.Failed:
		c.found(&c.result.Lost, inc.key, expected, "attempt %d to %s failed", a.no, p.person)
	case a.state == engine.Sent || a.state == engine.Delivered:
		c.found(&c.result.Lost, inc.key, expected, "attempt %d to %s is called %s, and no provider saw it", a.no, p.person, a.state)
	case a.state == engine.Withdrawn && p.state == engine.PageOpen:
		c.found(&c.result.Lost, inc.key, expected, "attempt %d to %s was withdrawn, though nobody answered", a.no, p.person)
	case c.missed(by, c.endOf(inc, p)):
		c.found(&c.result.Lost, inc.key, expected, "attempt %d to %s was waited for %s, and is %s", a.no, p.person, waited.Round(time.Millisecond), a.state)
	case a.state != engine.Withdrawn && c.missed(by, c.until):
		c.found(&c.result.Lost, inc.key, "no message is left lying", "attempt %d to %s is %s since %s", a.no, p.person, a.state,
			c.until.Sub(a.queuedAt).Round(time.Millisecond))
	}
}

// hold is how long a message may have to wait because of others to the same address: a call behind another
// one, anything else when three came within ten seconds.
func (c *comparison) hold(a *attempt, p *page) time.Duration {
	within, calm := 12*time.Second, 3
	if a.channel == rosters.Voice {
		within, calm = queueHold, 1
	}
	others := 0
	for _, m := range c.busy[place{a.channel, a.address}] {
		lead := m.told[0].attempt
		if lead != a && m.began.After(a.queuedAt.Add(-within)) && m.began.Before(a.queuedAt.Add(within)) {
			others++
		}
	}
	switch first := p.attempts[0].no == a.no; {
	case others < calm:
		return 0
	case a.channel == rosters.Voice, !first:
		return queueHold
	default:
		return stormHold
	}
}

// contacts checks that the contacts of a page were tried, each once, in time.
func (c *comparison) contacts(inc *incident, p *page) {
	tried := map[int]int{}
	for _, a := range p.attempts {
		if tried[a.contact]++; tried[a.contact] > 1 && (tried[a.contact] > 2 || !c.limits.spare) {
			c.found(&c.result.Duplicated, inc.key, "a page tries a contact once", "%s was tried by %s again", p.person, a.channel)
		}
	}
	end := c.endOf(inc, p)
	for i, contact := range c.world.people[p.person].Contacts {
		due := p.startedAt
		if i > 0 {
			due = due.Add(contact.After)
		}
		if tried[i] == 0 && c.missed(due, end) {
			c.found(&c.result.Lost, inc.key, "every contact of a page is tried when it is due", "page %d to %s was due by %s at %s", p.no, p.person,
				contact.Channel, due.Format(clock))
		}
		for j := range p.attempts {
			if p.attempts[j].contact == i && i > 0 {
				c.begun(due, inc, p, &p.attempts[j])
			}
		}
	}
}

// clock is how breaches show instants: as Postgres and the logs do.
const clock = "15:04:05.000"

// endOf is when a page needed no more contacts.
func (c *comparison) endOf(inc *incident, p *page) time.Time {
	end := c.until
	if at, ok := inc.silent(p.escalation); ok {
		end = at
	}
	for _, l := range inc.lines {
		ends := l.reason == engine.ReasonDeclined && l.person == p.person || l.reason == engine.ReasonLadderAgain && l.escalation == p.escalation
		if ends && l.at.After(p.startedAt) && l.at.Before(end) {
			end = l.at
		}
	}
	return end
}

// begun notes how late the first call of a provider for an attempt was. One that had to wait for others is
// counted apart.
func (c *comparison) begun(due time.Time, inc *incident, p *page, a *attempt) {
	of := c.byNo[attemptRef{inc.id, a.no}]
	if len(of.sent) == 0 {
		return
	}
	due, overdue := c.possible(due)
	late, hold := max(0, of.sent[0].began.Sub(due)), c.hold(a, p)
	switch {
	case hold > 0:
		c.result.HeldBack++
	case overdue && late > 0:
		c.result.raw.overdue = append(c.result.raw.overdue, late)
	default:
		c.result.raw.late = append(c.result.raw.late, late)
	}
	if c.missed(c.latest(due, hold), of.sent[0].began) {
		c.found(&c.result.TooLate, inc.key, fmt.Sprintf("a page is never later than %s", c.limits.late), "attempt %d to %s was due at %s and began %s late",
			a.no, p.person, due.Format(clock), late.Round(time.Millisecond))
	}
}

// news checks that what is known of a message never goes back: nobody whose time was over wrote it.
func (c *comparison) news(inc *incident) {
	rank := map[engine.Reason]int{engine.ReasonSent: 1, engine.ReasonFailed: 2, engine.ReasonDelivered: 3}
	last := map[int]int{}
	for _, l := range inc.lines {
		r := rank[l.reason]
		if r == 0 || l.attempt == 0 {
			continue
		}
		if r <= last[l.attempt] {
			c.found(&c.result.Regress, inc.key, "news of a message never goes back", "attempt %d is %s, after it was more", l.attempt, l.reason)
		}
		last[l.attempt] = max(last[l.attempt], r)
	}
}
