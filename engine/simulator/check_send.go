package simulator

import (
	"time"

	"rouse/engine"
)

// What has to hold when an attempt is taken, kept, sent, reported or hung up.
const (
	silentIn = time.Second     // how long after an answer a send may still begin
	hungUpIn = 3 * time.Second // how long a call that nobody needs may ring on in a calm night
)

// checkClaim: an attempt is claimed only by who it was given to, and never while another worker's lease
// runs; not once it ended, and not after an answer.
func (s *sim) checkClaim(r *incidentRow, a *attemptRow, ref attemptRef) {
	b := &r.book
	switch {
	case a.generation != ref.generation:
		s.fail("fencing", "attempt %d is claimed under generation %d, and is given to %d", a.No, ref.generation, a.generation)
	case a.State == engine.Sending && a.leaseUntil.After(s.clock()):
		s.fail("fencing", "attempt %d is claimed from a worker whose lease runs", a.No)
	case len(b.ended) >= a.No && b.ended[a.No-1]:
		s.fail("duplicates", "attempt %d is claimed though it has ended", a.No)
	case b.closed[a.page-1] != 0:
		s.fail("silence", "attempt %d is claimed after its page was answered", a.No)
	case r.inc.Status == engine.Resolved:
		s.fail("peace", "attempt %d is claimed, and %s is resolved", a.No, r.inc.Key)
	}
	for _, earlier := range b.claims {
		if earlier == ref {
			s.fail("fencing", "attempt %d is claimed twice under generation %d", a.No, ref.generation)
		}
	}
	b.claims = append(b.claims, ref)
}

// checkRenewal: a worker whose generation is over keeps no lease.
func (s *sim) checkRenewal(a *attemptRow, ref attemptRef) {
	if a.generation != ref.generation {
		s.fail("fencing", "generation %d renews the lease of attempt %d, which generation %d has", ref.generation, a.No, a.generation)
	}
}

// checkTakeover: nobody takes an attempt from a worker whose lease runs, and in a calm night nobody takes
// one at all.
func (s *sim) checkTakeover(a *attemptRow) {
	switch {
	case a.State == engine.Sending && a.leaseUntil.After(s.clock()):
		s.fail("fencing", "attempt %d is taken from a worker whose lease runs", a.No)
	case s.calm:
		s.fail("calm", "attempt %d has to be taken over", a.No)
	}
}

// checkNews: what was heard of an attempt never goes back.
func (s *sim) checkNews(r *incidentRow, a *attemptRow, to engine.AttemptState) {
	rank := func(st engine.AttemptState) int {
		switch st {
		case engine.Sent:
			return 1
		case engine.Failed:
			return 2
		case engine.Delivered:
			return 3
		default:
			return 0
		}
	}
	if rank(to) < rank(a.State) && !a.forced { // enginedb.Force takes no lock, and Save may write over it
		s.fail("news", "attempt %d of %s goes from %s to %s", a.No, r.inc.Key, a.State, to)
	}
}

// checkReport: a worker whose generation is over writes nothing.
func (s *sim) checkReport(c *change) {
	if x := c.reporter; x != nil && c.row.attempt(x.ref.attempt).generation != x.ref.generation {
		s.fail("fencing", "generation %d reports attempt %d, which generation %d has", x.ref.generation, x.ref.attempt, c.row.attempt(x.ref.attempt).generation)
	}
}

// checkCall looks at a send that is about to begin.
func (s *sim) checkCall(x *sending, p *provider) {
	b, a := &x.row.book, x.row.attempt(x.ref.attempt)
	if !x.fresh {
		s.fail("silence", "attempt %s is sent once more, and nobody looked whether it is wanted", x)
	}
	x.fresh = false
	slept := x.n.stoppedUntil > x.looked || x.looked == 0 // or its database did not answer
	if at := b.closed[a.page-1]; at != 0 && (at < x.looked || s.now > at+silentIn && !slept) {
		s.fail("silence", "attempt %s is sent, and its page was answered at %s", x, at)
	}
	switch over := s.now > x.held+lease; {
	case over && x.n.stoppedUntil > x.begins: // it slept since it last looked, and cannot know
		s.tally.Late++
	case over:
		s.fail("leases", "attempt %s is sent under a lease that was over at %s", x, x.held+lease)
	}
	for _, k := range b.calls {
		if k.by.ref.attempt != a.No {
			continue
		}
		switch {
		case k.by == x && k.reported:
			s.fail("duplicates", "attempt %s is sent after its worker reported it sent", x)
		case k.provider == p && p.canBeAsked && k.interrupted() && !x.askedSince(k):
			s.fail("asked first", "attempt %s is sent, and %s was not asked whether it has the message of %s", x, p.name, k.begun)
		}
	}
}

// askedSince reports whether the worker asked the provider about an earlier call, or could not know of it:
// it began after the claim, by a worker that was believed dead.
func (x *sending) askedSince(k *call) bool {
	if k.by != x && k.begun > x.claimedAt {
		return true
	}
	for _, q := range x.asked {
		if q.provider == k.provider && (k.by != x || q.at >= k.begun) {
			return true
		}
	}
	return false
}

// checkHangUp: no call is hung up that is still wanted.
func (s *sim) checkHangUp(r *incidentRow, a *attemptRow) {
	if !a.Unwanted {
		s.fail("hung up", "attempt %d of %s is hung up, and is still wanted", a.No, r.inc.Key)
	}
}

// checkHungUp: where nothing goes wrong it does not ring long.
func (s *sim) checkHungUp(r *incidentRow, a *attemptRow) {
	if since := max(r.book.unwanted[a.No-1], r.book.landed(a.No)); s.calm && !a.hungUp && s.now-since > hungUpIn {
		s.fail("calm", "attempt %d of %s rings for %s, and nobody needs it", a.No, r.inc.Key, s.now-since)
	}
}

// checkAccepted: an alert whose sender was told so is stored, with the incident it went to.
func (s *sim) checkAccepted(a *alert) {
	k := s.kept[a.id]
	if !k.stored || k.row != nil && !k.row.committed {
		s.fail("accepted", "alert %d is accepted, and not stored", a.id)
	}
}

// checkTold: who was told that it is theirs holds it by what is committed.
func (s *sim) checkTold(a *answer, v engine.Verdict) {
	switch v.Outcome {
	case engine.OutcomeAcknowledged, engine.OutcomeManager, engine.OutcomeStillOn, engine.OutcomeDeclined, engine.OutcomeHandedBack:
		if !a.stored {
			s.fail("told is stored", "%s is told %q, and nothing is committed", describe(a.event), v.Outcome)
		}
	}
}

// checkRepair: there is never a deadline to repair.
func (s *sim) checkRepair(n int) {
	if n > 0 {
		s.fail("no dead end", "a node that starts finds %d incidents without a deadline", n)
	}
}
