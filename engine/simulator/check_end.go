package simulator

import (
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// promptly is how long after the faults everything that was overdue is done, and late how late a sweep may
// then be: what waits for less than atLeast is not put off. inTime is how long anything waits while a node
// is fit: two others that sleep may have the incident's row for idleInChange each, one after the other.
const (
	promptly = 10 * time.Second
	late     = time.Second + atLeast
	inTime   = 11 * time.Second
)

// checkPrompt: soon after the faults nothing is overdue, neither a deadline nor an attempt nor a call to
// hang up.
func (s *sim) checkPrompt() {
	s.checkDrillsEnd()
	due, any := s.nextDue()
	if !any || due >= s.now-late || s.failure != nil {
		return
	}
	if s.now >= s.heals+promptly {
		s.fail("prompt", "something was due at %s", due)
	}
	due = max(due, s.jumped) // it fell due by that
	if since, fit := s.fit(); fit && max(since, due) < s.now-inTime {
		s.fail("in time", "something was due at %s, and a node was fit from %s on", due, since)
	}
}

// fit is since when some node has done its work, with a database; false if none does.
func (s *sim) fit() (since time.Duration, any bool) {
	for _, n := range s.nodes {
		if n.works() && s.now >= s.away {
			if from := max(n.begun, n.stoppedUntil, s.away); !any || from < since {
				since, any = from, true
			}
		}
	}
	return since, any
}

// checkEnd looks at everything when the run is over.
func (s *sim) checkEnd() {
	s.checkPrompt()
	for _, a := range s.alerts {
		if a.accepted {
			s.checkAccepted(a)
		}
	}
	for _, r := range s.rows {
		if !r.committed {
			continue
		}
		s.checkPagedOrWhy(r)
		s.checkFreed(r)
		for i := range r.inc.Escalations {
			s.checkEveryLevel(r, &r.inc.Escalations[i])
		}
		for i := range r.attempts {
			s.checkFinal(r, &r.attempts[i])
			s.checkLetGo(r, &r.attempts[i])
			s.checkMessages(r, i+1)
		}
	}
}

// checkPagedOrWhy: every incident that is open called a provider, or its timeline says why it could not.
func (s *sim) checkPagedOrWhy(r *incidentRow) {
	if opened := r.inc.OpenedAt.Sub(s.world.base) - s.skew; opened > s.ends-5*time.Second {
		return
	}
	if r.inc.Status == engine.New && len(r.book.calls) == 0 && !r.book.toldWhy {
		s.fail("paged or told why", "%s pages nobody, and nothing says why", r.inc.Key)
	}
}

// checkEveryLevel: a ladder that was climbed all the time since the faults paged every level that fell due.
func (s *sim) checkEveryLevel(r *incidentRow, e *engine.Escalation) {
	l := r.book.ladders[e.No-1]
	from := s.ends - climb(e.Ladder)
	if l.since == 0 || l.since > from || s.heals+promptly > from {
		return
	}
	s.tally.Ladders++
	for level, at := range grown(l.visited, len(e.Ladder.Levels)) {
		if at < from {
			s.fail("every level", "level %d of escalation %d of %s was paged last at %s", level+1, e.No, r.inc.Key, at)
		}
	}
}

// checkFinal: every attempt has ended, but for what has only just begun.
func (s *sim) checkFinal(r *incidentRow, a *attemptRow) {
	queued := a.QueuedAt.Sub(s.world.base) - s.skew
	called, took := false, false
	for _, k := range r.calls(a.No) {
		called, took = true, took || k.landed > 0
	}
	p := r.page(a.No)
	switch {
	case !ended(a.State):
		if queued < s.ends-5*time.Second-s.patienceWith(a) {
			s.fail("final", "attempt %d of %s is %s since %s", a.No, r.inc.Key, a.State, queued)
		}
	case a.State == engine.Sent && !took:
		s.fail("final", "attempt %d of %s is called sent, and no provider took it", a.No, r.inc.Key)
	case a.State == engine.Withdrawn && p.State == engine.PageOpen:
		s.fail("final", "attempt %d of %s is withdrawn, and its page is open", a.No, r.inc.Key)
	case queued > s.heals && p.State == engine.PageOpen && !called:
		s.fail("final", "attempt %d of %s was never sent", a.No, r.inc.Key)
	}
}

// checkLetGo: no call still rings that nobody needs, if there was time to hang it up after the faults.
func (s *sim) checkLetGo(r *incidentRow, a *attemptRow) {
	out := a.State == engine.Sent || a.State == engine.Delivered
	if !a.Unwanted || a.Channel != rosters.Voice || !out || a.hungUp || s.unneeded(r, a.No) > s.ends-promptly {
		return
	}
	if placed := a.SentAt.Sub(s.world.base) - s.skew; placed+hangUpWithin > s.heals+promptly {
		s.fail("let go", "the call of attempt %d of %s, placed at %s, still rings", a.No, r.inc.Key, placed)
	}
}

// checkMessages: of an attempt no more messages arrive than one and those whose sending was interrupted;
// in a calm night, exactly one.
func (s *sim) checkMessages(r *incidentRow, attempt int) {
	arrived, interrupted := r.arrived(attempt), 0
	for _, k := range r.calls(attempt) {
		if k.interrupted(r, attempt) && k.begun < s.ends-5*time.Second {
			interrupted++
		}
	}
	s.tally.Interrupted += interrupted
	if arrived > 1+interrupted {
		s.fail("duplicates", "attempt %d of %s arrived %d times, and %d sends were interrupted", attempt, r.inc.Key, arrived, interrupted)
	}
	if s.calm && (arrived > 1 || interrupted > 0) {
		s.fail("calm", "attempt %d of %s arrived %d times, and %d sends were interrupted", attempt, r.inc.Key, arrived, interrupted)
	}
}
