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

// checkTake: an attempt is claimed only by who it was given to, and never while another worker's lease
// runs; not once it ended, and not after an answer, unless it goes with what is still wanted. In a calm night
// nobody takes over what the queue has.
func (s *sim) checkTake(x *sending, i int, begun bool) {
	t := &x.tells[i]
	r, a, ref := t.row, t.attempt(), t.ref
	b := &r.book
	late := a.State == engine.Queued && a.handed && a.leaseUntil.Before(s.clock())
	switch {
	case x.takenOver && a.generation >= ref.generation && !s.broken.sameGeneration, !x.takenOver && a.generation != ref.generation:
		s.fail("fencing", "attempt %d is claimed under generation %d, and is given to %d", a.No, ref.generation, a.generation)
	case a.State == engine.Sending && a.leaseUntil.After(s.clock()):
		s.fail("fencing", "attempt %d is claimed from a worker whose lease runs", a.No)
	case len(b.ended) >= a.No && b.ended[a.No-1]:
		s.fail("duplicates", "attempt %d is claimed though it has ended", a.No)
	case x.unneeded() != 0 && x.known == unknown:
		s.fail("silence", "attempt %s is claimed after its page was answered", x)
	case s.calm && x.takenOver && (begun || late):
		s.fail("calm", "attempt %d has to be taken over", a.No)
	}
	for _, earlier := range b.claims {
		if earlier == ref {
			s.fail("fencing", "attempt %d is claimed twice under generation %d", a.No, ref.generation)
		}
	}
	b.claims = append(b.claims, ref)
	s.checkAwake(r, a)
	s.checkWait(r, a)
}

// unneeded is since when every page that the message tells is closed, 0 if one is open.
func (x *sending) unneeded() (at time.Duration) {
	for i := range x.tells {
		t := &x.tells[i]
		closed := t.row.book.closed[t.attempt().page-1]
		if closed == 0 {
			return 0
		}
		at = max(at, closed)
	}
	return at
}

// checkRenewal: a worker whose generation is over keeps no lease.
func (s *sim) checkRenewal(a *attemptRow, ref attemptRef) {
	if a.generation != ref.generation {
		s.fail("fencing", "generation %d renews the lease of attempt %d, which generation %d has", ref.generation, a.No, a.generation)
	}
}

// checkNews: what was heard of an attempt never goes back.
func (s *sim) checkNews(r *incidentRow, a *attemptRow, to engine.AttemptState) {
	if rank(to) < rank(a.State) {
		s.fail("news", "attempt %d of %s goes from %s to %s", a.No, r.inc.Key, a.State, to)
	}
}

// rank orders what may be heard of an attempt.
func rank(st engine.AttemptState) int {
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

// checkReport: a worker whose generation is over writes nothing.
func (s *sim) checkReport(c *change) {
	if c.reporter == nil {
		return
	}
	if has := c.row.attempt(c.reports.attempt).generation; has != c.reports.generation {
		s.fail("fencing", "generation %d reports attempt %d, which generation %d has", c.reports.generation, c.reports.attempt, has)
	}
}

// checkCall looks at a send that is about to begin.
func (s *sim) checkCall(x *sending, p *provider) {
	if !x.fresh {
		s.fail("silence", "attempt %s is sent once more, and nobody looked whether it is wanted", x)
	}
	x.fresh = false
	slept := x.looked == x.claimedAt && x.n.stoppedUntil > x.looked && s.now <= x.held+lease-renewEvery
	slept = slept || x.looked == 0 // its database did not answer
	if at := x.unneeded(); at != 0 && (at < x.looked || s.now > at+silentIn && !slept) {
		s.fail("silence", "attempt %s is sent, and its page was answered at %s", x, at)
	}
	switch over := s.now > x.held+lease; {
	case over && (x.looked == s.now || x.looked == 0): // nobody else had it by then, or it could not ask
		s.tally.Late++
	case over:
		s.fail("leases", "attempt %s is sent under a lease that was over at %s", x, x.held+lease)
	}
	for i := range x.tells {
		s.checkAgain(x, &x.tells[i], p)
	}
}

// checkAgain: what was reported is not sent again, and what may have been sent is asked for first.
func (s *sim) checkAgain(x *sending, t *told, p *provider) {
	for _, k := range t.row.calls(t.ref.attempt) {
		same := k.by.nonce() == x.nonce()
		switch {
		case same && len(k.reported) > 0 && (k.by == x || k.since < x.claimedAt):
			s.fail("duplicates", "attempt %s is sent after it was reported that the message is", x)
		case k.begun < t.attempt().parted: // nobody remembers
		case k.provider == p && p.canBeAsked && k.interrupted(t.row, t.ref.attempt) && !(same && x.askedSince(k)):
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

// checkHangUp: no call is hung up that is still wanted for anything that it told.
func (s *sim) checkHangUp(r *incidentRow, a *attemptRow) {
	for _, t := range s.toldBy(r.message(a.No)) {
		o := t.row.attempt(t.attempt)
		if !o.Unwanted && (o.State == engine.Sending || o.State == engine.Sent || o.State == engine.Delivered) {
			s.fail("hung up", "attempt %d of %s is hung up, and attempt %d of %s is still wanted", a.No, r.inc.Key, o.No, t.row.inc.Key)
		}
	}
}

// unneeded is since when nothing is wanted that a call told.
func (s *sim) unneeded(r *incidentRow, attempt int) (at time.Duration) {
	for _, t := range s.toldBy(r.message(attempt)) {
		if o := t.row.attempt(t.attempt); !o.Unwanted && o.State != engine.Failed && o.State != engine.Withdrawn {
			return s.ends // until then
		}
		at = max(at, t.row.book.unwanted[t.attempt-1])
	}
	return at
}

// checkHungUp: where nothing goes wrong it does not ring long.
func (s *sim) checkHungUp(r *incidentRow, a *attemptRow) {
	if since := max(s.unneeded(r, a.No), r.landed(a.No)); s.calm && !a.hungUp && s.now-since > hungUpIn {
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
func (s *sim) checkTold(p *part) {
	switch p.verdict.Outcome {
	case engine.OutcomeAcknowledged, engine.OutcomeManager, engine.OutcomeStillOn, engine.OutcomeDeclined, engine.OutcomeHandedBack:
		if !p.stored {
			s.fail("told is stored", "%s is told %q, and nothing is committed", describe(p.event), p.verdict.Outcome)
		}
	}
}

// checkRepair: there is never a deadline to repair.
func (s *sim) checkRepair(n int) {
	if n > 0 {
		s.fail("no dead end", "a node that starts finds %d incidents without a deadline", n)
	}
}
