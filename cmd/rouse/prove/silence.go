package prove

import (
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// silence checks that nothing is begun any more once somebody has acknowledged, and that calls end. A
// message about several incidents is wanted as long as one of them is.
func (c *comparison) silence(m *message) {
	var from time.Time
	for _, of := range m.told {
		at, ok := of.incident.silent(of.page.escalation)
		if !ok || of.incident.broken(of.page.escalation, at) {
			return
		}
		from = latest(from, at)
	}
	if c.unreached(m.began, m.began) {
		return // it was on its way before
	}
	c.afterAck(m, from)
}

// broken reports whether an acknowledgement was taken back: then there is no silence to keep.
func (i *incident) broken(escalation int, from time.Time) bool {
	return slices.ContainsFunc(i.lines, func(l line) bool {
		again := l.reason == engine.ReasonHandedBack || l.reason == engine.ReasonAckExpired || l.reason == engine.ReasonSeverityRaised
		return again && l.escalation == escalation && l.at.After(from)
	})
}

func (c *comparison) afterAck(m *message, from time.Time) {
	key, who := m.told[0].incident.key, m.told[0].page.person
	since := m.began.Sub(from)
	c.result.AfterAckMax = max(c.result.AfterAckMax, seconds(since))
	if since > c.limits.afterAck {
		c.found(&c.result.SentAfterAck, key, fmt.Sprintf("nothing is begun more than %s after an acknowledgement", c.limits.afterAck),
			"%s to %s began %s after it, from node %s", m.channel, who, since.Round(time.Millisecond), m.node)
	}
	if m.channel != rosters.Voice || !m.accepted || m.lied || m.id == "" || c.talked[m.id] { // who talks is not cut off
		return
	}
	ended, over := c.ended[m.id]
	if !over {
		ended = c.until
	}
	if ended.After(from) {
		c.result.HungUp++
	}
	if rang := ended.Sub(latest(from, m.began)); rang > c.limits.hangUp && !c.unreached(from, ended) {
		c.found(&c.result.RangOn, key, fmt.Sprintf("a call ends within %s of an acknowledgement", c.limits.hangUp),
			"the call to %s ended %s after it", who, rang.Round(time.Millisecond))
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// takers checks that whoever holds an incident has answered it.
func (c *comparison) takers(inc *incident) {
	if inc.holder == "" {
		return
	}
	if !slices.ContainsFunc(c.answers[inc.id], func(a answered) bool { return a.person == inc.holder && a.do == acknowledges }) {
		c.found(&c.result.WrongPerson, inc.key, "whoever holds an incident has acknowledged it", "%s holds it, and did not answer", inc.holder)
	}
}

// answered checks that what Rouse said it took in is there.
func (c *comparison) answered() {
	for i := range c.incidents {
		inc := &c.incidents[i]
		for _, a := range c.answers[inc.id] {
			if a.heard.IsZero() || a.heard.After(c.until) || a.do != acknowledges {
				continue
			}
			c.result.Answers++
			if at, ok := inc.silent(1); !ok || at.After(a.heard) {
				c.found(&c.result.Lost, inc.key, "an acknowledgement that was taken in is there", "%s was told at %s that theirs was", a.person, a.heard.Format(clock))
			}
		}
	}
}

// grace is how long a message is on its way from a node that died to the provider's door.
const grace = 100 * time.Millisecond

// excuses reports whether a message may be followed by another one about an attempt: its answer was kept
// from the node, or something broke while the message was in the hands of the node that it happened to.
func (c *comparison) excuses(m *message, of *sending) bool {
	settled := of.incident.settled(of.attempt.no)
	return m.unheard || c.unreached(m.began, m.began) || slices.ContainsFunc(c.faults, func(f fault) bool { return f.excuses(of.attempt.claimedAt, m.sent, settled) })
}

// excuses reports whether a fault came between a message and the report about it.
func (f fault) excuses(claimed time.Time, s sent, settled time.Time) bool {
	hit := f.node == "" || f.node == s.node
	held := !claimed.After(f.from.Add(grace)) && !s.began.After(f.to.Add(grace))
	told := !settled.IsZero() && !settled.After(f.from)
	return hit && held && !told
}

// rescues measures how long after a node's death each message that it had in its hands was sent again, or
// found.
func (c *comparison) rescues() {
	for _, m := range c.messages {
		of := m.told[0]
		settled := of.incident.settled(of.attempt.no)
		for _, f := range c.faults {
			if f.kind != killed || m.began.After(f.from) || !f.excuses(of.attempt.claimedAt, m.sent, settled) {
				continue
			}
			again := settled
			for _, other := range of.sent {
				if other.began.After(f.to.Add(grace)) && (again.IsZero() || other.began.Before(again)) {
					again = other.began
				}
			}
			if !again.IsZero() {
				c.rescue(of, again.Sub(f.from))
			}
		}
	}
}

func (c *comparison) rescue(of *sending, after time.Duration) {
	c.rescued = append(c.rescued, after)
	// Each generation but the first is one that took it over; all but the last died of it as well.
	if taken := max(1, of.attempt.generation-1); after > time.Duration(taken)*c.limits.rescue {
		c.found(&c.result.TooLate, of.incident.key, fmt.Sprintf("what a dead node was sending is sent again, or found, within %s", c.limits.rescue),
			"attempt %d to %s was so after %s", of.attempt.no, of.page.person, after.Round(time.Millisecond))
	}
}
