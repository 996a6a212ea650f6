package simulator

import (
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// checkTogether: what one message tells is for one person at one place, and nothing is told twice in it.
func (s *sim) checkTogether(x *sending) {
	s.checkAlone(x)
	lead := x.lead()
	for i := range x.tells {
		t := &x.tells[i]
		if t.attempt().Address != lead.attempt().Address || t.row.page(t.ref.attempt).Person != lead.row.page(lead.ref.attempt).Person {
			s.fail("together", "attempt %s to %s at %s goes out with attempt %s to %s at %s", t, t.row.page(t.ref.attempt).Person,
				t.attempt().Address, lead, lead.row.page(lead.ref.attempt).Person, lead.attempt().Address)
		}
		if x.index(t.row, t.ref.attempt) != i {
			s.fail("together", "attempt %s is told twice in one message", t)
		}
	}
}

// checkFate: news of a message that was taken is known of all that it told.
func (s *sim) checkFate(k *call, r receipt) {
	for i := range k.by.tells {
		t := &k.by.tells[i]
		if a := t.attempt(); a.parted <= k.begun && rank(a.State) < rank(r.state()) {
			s.fail("one fate", "a message is %s, and attempt %s, which it told, is %s", r.state(), t, a.State)
		}
	}
}

// checkAnswered: an answer to a message answers every page that the message named, unless it was given up
// since, and its parts went their own way, or the person was called again by a text, which the code is about
// since.
func (s *sim) checkAnswered(a *answer, parts []*part) {
	s.checkMeant(a, parts)
	if a.to == nil || quotedAgain(a.to.by.nonce()) {
		return
	}
	for _, p := range parts {
		if p.outcome == failed {
			return // it is given again, or its sender is told
		}
	}
	for i := range a.to.by.tells {
		t := &a.to.by.tells[i]
		answered := t.attempt().parted > a.to.begun
		for _, p := range parts {
			if ev, ok := p.event.(engine.Answer); ok && p.row == t.row && ev.Page == t.attempt().page {
				answered = true
			}
		}
		if !answered {
			s.fail("all that it names", "%s to a message that names attempt %s, which is not answered by it", describe(a.event), t)
		}
	}
}

// quotedAgain reports whether the code of a text was told again, because nobody had answered.
func quotedAgain(m nonce) bool {
	for _, no := range m.row.page(m.attempt).attempts {
		a := m.row.attempt(no)
		if no > m.attempt && a.Channel == rosters.SMS && a.Reason == engine.ReasonCallAgain && !a.claimedAt.IsZero() {
			return true
		}
	}
	return false
}

// patienceWith is how long an attempt may wait for others, or for its phone to be free: it is not said for
// how long a phone rings at the most, as other nodes may call it meanwhile.
func (s *sim) patienceWith(a *attemptRow) time.Duration {
	gap := firstGap
	if a.Reason == engine.ReasonNextContact {
		gap = laterGap
	}
	others, rings := 0, a.QueuedAt // more than one message can name wait for another one
	for _, r := range s.rows {
		for i := range r.attempts {
			switch b := &r.attempts[i]; {
			case b == a || b.Address != a.Address:
			case a.Channel == rosters.Voice && !b.claimedAt.IsZero() && b.claimedAt.Add(ringFor).After(rings):
				rings = b.claimedAt.Add(ringFor)
			case !b.QueuedAt.Before(a.QueuedAt.Add(-gap)):
				others++
			}
		}
	}
	if a.Channel == rosters.Voice {
		return rings.Sub(a.QueuedAt)
	}
	return gap*time.Duration(1+others/(1+s.world.room)) + calmSends*firstGap // which the queue may send there meanwhile
}

// checkWait: in a calm night nothing waits for others longer than it may (rule 12).
func (s *sim) checkWait(r *incidentRow, a *attemptRow) {
	if waited := s.clock().Sub(a.QueuedAt); s.calm && waited > 2*patience+s.patienceWith(a) {
		s.fail("calm", "attempt %d of %s, %s, waited for %s", a.No, r.inc.Key, a.Reason, waited)
	}
}

// checkPostponed: only next contacts wait for others longer than a moment.
func (s *sim) checkPostponed(r *incidentRow, a *attemptRow, by time.Duration) {
	if a.Reason != engine.ReasonNextContact && by > firstGap {
		s.fail("first pages first", "attempt %d of %s, %s, is to wait for %s", a.No, r.inc.Key, a.Reason, by)
	}
}
