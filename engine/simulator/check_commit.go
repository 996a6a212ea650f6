package simulator

import (
	"slices"

	"rouse/engine"
)

// checkCommit looks at what a transaction has just committed. It is written from the rules, not from the
// code, and knows the rosters itself.
func (s *sim) checkCommit(c *change) {
	s.checkDeadline(c)
	s.checkReport(c)
	s.checkStop(c)
	for i := range c.steps {
		s.checkStep(&c.steps[i])
	}
	for i := range c.after.Escalations {
		e := &c.after.Escalations[i]
		s.checkAlive(c, e)
		s.checkPeace(e)
		s.checkContacts(c, e)
	}
	if c.seen != (seen{}) && slices.Index(s.seen, c.seen) < len(s.seen)-1 {
		s.fail("acted on once", "%s was acted on before", describe(c.event))
	}
	s.record(c)
	s.checkDrill(c)
}

// checkStep looks at what followed from one event.
func (s *sim) checkStep(c *step) {
	s.checkOne(c)
	if c.after.Status == engine.Resolved && (c.after.AttemptN > c.before.AttemptN || !c.after.Deadline().IsZero()) {
		s.fail("peace", "%s is resolved, and goes on", c.row.inc.Key)
	}
	for i := range c.after.Escalations {
		e := &c.after.Escalations[i]
		was := c.before.Escalation(e.No)
		s.checkBegins(c, was, e)
		s.checkHeldBack(c, was, e)
		s.checkClimb(c, was, e)
		s.checkPaged(c, was, e)
		s.checkDeclined(c, was, e)
		s.checkHolder(c, was, e)
		s.checkResumed(c, was, e)
	}
}

// checkOne: one trouble has one open incident, and an alert that joins it pages nobody if it is no worse.
func (s *sim) checkOne(c *step) {
	_, returned := c.event.(engine.Returned)
	if _, alerted := c.event.(engine.Alerted); !alerted && !returned {
		return
	}
	s.checkBack(c)
	quiet := c.before.Deadline().After(c.now) && !c.row.book.forced && !returned && !c.freed()
	if c.row.isDrill() {
		return
	}
	if !c.opens && quiet && c.after.Severity == c.before.Severity && c.after.PageN > c.before.PageN {
		s.fail("one incident", "%s is reported again, and pages somebody by that", c.row.inc.Key)
	}
	for _, r := range s.rows {
		if r != c.row && r.committed && r.inc.Status != engine.Resolved && r.inc.DedupKey == c.after.DedupKey && c.after.Status != engine.Resolved {
			s.fail("one incident", "%s and %s are both open for %s", r.inc.Key, c.row.inc.Key, r.inc.DedupKey)
		}
	}
}

// checkDeadline: the deadline that is stored is what Deadline says of all that is stored, whatever a
// transaction had loaded of it. Closed pages wait for nothing.
func (s *sim) checkDeadline(c *change) {
	all := c.row.with(func(p *pageRow) bool { return p.State == engine.PageOpen })
	if want := all.Deadline(); !c.row.deadline.Equal(want) {
		s.fail("deadline", "%s is due at %s, and %s is stored", c.row.inc.Key, s.when(want), s.when(c.row.deadline))
	}
	if d := c.after.Deadline(); !d.IsZero() && !d.After(c.now) {
		s.fail("deadline", "%s has one that has passed already when it is decided", c.row.inc.Key)
	}
}

// checkAlive: an escalation that nobody holds has a time at which it goes on, and so has an acknowledgement
// that can run out.
func (s *sim) checkAlive(c *change, e *engine.Escalation) {
	until := e.LevelUntil
	switch e.State {
	case engine.Waiting:
		until = e.WaitUntil
		if e.WaitFor == engine.ReasonOutsideHours && (c.after.Severity != engine.Minor || e.Urgent) {
			s.fail("working hours", "escalation %d waits for them at severity %d", e.No, c.after.Severity)
		}
	case engine.Asking:
		until = e.AskUntil
	case engine.Acknowledged:
		if until = e.AckUntil; until.IsZero() && !expires(e, c.after.Severity) {
			return
		}
	case engine.Stopped:
		if was := c.before.Escalation(e.No); c.after.Status != engine.Resolved && (was == nil || was.State != engine.Stopped) { // else it came back without them
			s.fail("no dead end", "escalation %d is stopped, and %s is not resolved", e.No, c.after.Key)
		}
		return
	case engine.Climbing:
	}
	if d := c.row.deadline; !until.After(c.now) || d.IsZero() || d.After(until) {
		s.fail("no dead end", "escalation %d is %s until %s, and %s is stored", e.No, e.State, s.when(until), s.when(d))
	}
}

// expires reports whether an acknowledgement can run out at a severity.
func expires(e *engine.Escalation, sev engine.Severity) bool {
	if d, ok := e.Ladder.AckExpiry[sev]; ok {
		return d > 0
	}
	return engine.DefaultAckExpiry(sev) > 0
}

// checkHolder: only who has answered holds an escalation, and nobody takes it from who holds it.
func (s *sim) checkHolder(c *step, was, e *engine.Escalation) {
	if e.Holder == "" || was != nil && was.Holder == e.Holder {
		return
	}
	if taker(c.event) != e.Holder {
		s.fail("an answer of their own", "%s holds escalation %d, after %s", e.Holder, e.No, describe(c.event))
	}
	if was != nil && was.State == engine.Acknowledged {
		s.fail("an answer of their own", "%s takes escalation %d from %s, who holds it", e.Holder, e.No, was.Holder)
	}
}

// whyNobody are the reasons for which nobody is paged about an incident that is open.
var whyNobody = []engine.Reason{engine.ReasonNobody, engine.ReasonOutsideHours, engine.ReasonDelayed, engine.ReasonMaintenance}

// record keeps what was committed, for what is checked later.
func (s *sim) record(c *change) {
	b := &c.row.book
	b.ended = grown(b.ended, len(c.row.attempts))
	b.unwanted = grown(b.unwanted, len(c.row.attempts))
	for i := range c.row.attempts {
		b.ended[i] = b.ended[i] || ended(c.row.attempts[i].State)
		switch a := &c.row.attempts[i]; {
		case !a.Unwanted && a.State != engine.Failed, a.unsent(): // wanted, perhaps by news that came late, or not to be hung up yet
			b.unwanted[i] = 0
		case b.unwanted[i] == 0:
			b.unwanted[i] = s.now
		}
	}
	b.closed = grown(b.closed, len(c.row.pages))
	for i := range c.row.pages {
		if b.closed[i] == 0 && c.row.pages[i].State != engine.PageOpen {
			b.closed[i] = s.now
		}
	}
	b.ladders = grown(b.ladders, len(c.after.Escalations))
	for i := range c.after.Escalations {
		if c.after.Escalations[i].State != engine.Climbing {
			b.ladders[i].since = 0
		} else if b.ladders[i].since == 0 {
			b.ladders[i].since = s.now
		}
	}
	for _, st := range c.steps {
		for _, ef := range st.effects {
			if n, ok := ef.(engine.Note); ok && slices.Contains(whyNobody, n.Reason) {
				b.toldWhy = true
			}
		}
	}
	if c.reporter != nil {
		for _, k := range b.calls {
			if k.by == c.reporter && k.heard && k.taken {
				if len(k.reported) == 0 {
					k.since = s.now
				}
				k.reported = append(k.reported, k.tells(c.row, c.reports.attempt))
			}
		}
	}
	b.forced, b.missed = false, false
	if c.answer != nil {
		c.answer.stored = true
	}
}
