package simulator

import (
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// Times of the database's statements, as in enginedb and in the parameters that every session begins with.
const (
	patience       = time.Second // enginedb.Patience
	hangUpWithin   = 4 * time.Minute
	hangUpAgain    = 3 * time.Second
	lockTimeout    = 3 * time.Second
	idleInChange   = 3 * time.Second // idle_in_transaction_session_timeout
	noticesAtOnce  = 5 * time.Millisecond
	connectionLost = 200 * time.Millisecond // until a caller sees that there is no database
)

// found is what a claim comes to.
type found uint8

const (
	ours     found = iota
	notFound       // no longer wanted, in other hands, or given to a later generation
	isLocked       // somebody is at work on the incident
)

// claim takes a queued attempt: enginedb.Claim with whyNoClaim. first is whether no worker had it before.
func (s *sim) claim(x *sending) (got found, first bool) {
	t, b := x.lead(), s.broken
	r, a := t.row, t.attempt()
	if a == nil {
		return notFound, false
	}
	fits := (a.State == engine.Queued || b.claimsAnyState && a.State == engine.Sending) && !a.Unwanted &&
		(a.generation == t.ref.generation || b.claimsAnyState) && (r.stoppedAt.IsZero() || b.claimsStopped) && (!s.isStopped() || b.claimsAsleep)
	if !fits {
		return notFound, false
	}
	if r.holder != nil && !b.ignoresLocks {
		return isLocked, false
	}
	s.checkTake(x, 0, false)
	first = a.claimedAt.IsZero()
	a.State, a.leaseUntil = engine.Sending, s.clock().Add(lease)
	if first {
		a.claimedAt = s.clock()
	}
	r.moved = true
	return ours, first
}

// wanted is enginedb.Wanted: whether any of what the message tells is.
func (s *sim) wanted(x *sending) bool {
	for i := range x.tells {
		a := x.tells[i].attempt()
		if a.generation == x.tells[i].ref.generation && a.State == engine.Sending && !a.Unwanted {
			return true
		}
	}
	return false
}

// renew is enginedb.Renew: false if nothing is held any more.
func (s *sim) renew(x *sending) (held bool) {
	for i := range x.tells {
		t := &x.tells[i]
		a := t.attempt()
		if a.State != engine.Sending || a.generation != t.ref.generation && !s.broken.renewsAnyGeneration {
			continue
		}
		s.checkRenewal(a, t.ref)
		a.leaseUntil = s.clock().Add(lease)
		t.row.moved, held = true, true
	}
	return held
}

// settle is enginedb.Settle: 0 rows, and the worker is stale. It holds the attempt's row until the commit.
func (s *sim) settle(c *change, ref attemptRef) bool {
	a := c.row.attempt(ref.attempt)
	if ref.generation != 0 && a.generation != ref.generation && !s.broken.reportsAnyGeneration {
		return false
	}
	a.locked = c
	c.settled = ref.attempt
	return true
}

// force is enginedb.Force.
func (s *sim) force(t *told, state engine.AttemptState) {
	a := t.attempt()
	if a.generation != t.ref.generation || a.State != engine.Sending {
		return
	}
	s.checkNews(t.row, a, state)
	a.State, a.providerID, a.forced, t.row.book.forced, t.row.moved = state, true, true, true, true
	if a.SentAt.IsZero() {
		a.SentAt = s.clock()
	}
}

// ringingCall is a call that a sweep has found.
type ringingCall struct {
	row     *incidentRow
	attempt int
}

// sweepRinging finds calls that nobody needs and nobody has hung up: enginedb.queueRinging.
func (s *sim) sweepRinging() (ringing []ringingCall) {
	now := s.clock()
	for _, r := range s.rows {
		for i := range r.attempts {
			if a := &r.attempts[i]; r.committed && s.rings(a, now) && a.leaseUntil.Before(now) && a.locked == nil {
				a.leaseUntil, r.moved = now.Add(hangUpAgain), true
				ringing = append(ringing, ringingCall{r, a.No})
			}
		}
	}
	return ringing
}

// rings reports whether a call is to be hung up.
func (s *sim) rings(a *attemptRow, now time.Time) bool {
	return a.Unwanted && a.Channel == rosters.Voice && (a.State == engine.Sent || a.State == engine.Delivered) && !a.hungUp &&
		a.SentAt.After(now.Add(-hangUpWithin)) && !s.wantedBeside(a)
}

// wantedBeside is the condition that a message told another attempt that is still wanted.
func (s *sim) wantedBeside(a *attemptRow) bool {
	if a.bundle == (nonce{}) {
		return false
	}
	for _, r := range s.rows {
		for i := range r.attempts {
			if o := &r.attempts[i]; o.bundle == a.bundle && !o.Unwanted && (o.State == engine.Sending || o.State == engine.Sent || o.State == engine.Delivered) {
				return true
			}
		}
	}
	return false
}

// toldBy is enginedb.ToldBy: what a message told, as far as is known, the attempt that leads it first.
func (s *sim) toldBy(m nonce) []nonce {
	all := []nonce{m}
	for _, r := range s.rows {
		for i := range r.attempts {
			if own := (nonce{r, i + 1}); own != m && r.attempts[i].bundle == m {
				all = append(all, own)
			}
		}
	}
	return all
}

// sweepDue lists the incidents whose deadline has passed: enginedb.Sweep.
func (s *sim) sweepDue() (due []*incidentRow) {
	now := s.clock()
	for _, r := range s.rows {
		if r.committed && !r.deadline.IsZero() && !r.deadline.After(now) {
			due = append(due, r)
		}
	}
	return due
}

// repair is enginedb.Repair. Only a hand in the tables gives it something to do.
func (s *sim) repair() (n int) {
	for _, r := range s.rows {
		if !r.committed || r.inc.Status == engine.Resolved || !r.deadline.IsZero() {
			continue
		}
		for _, e := range r.inc.Escalations {
			if e.State == engine.Waiting || e.State == engine.Climbing || e.State == engine.Asking {
				r.deadline, r.moved = s.clock(), true
				n++
				break
			}
		}
	}
	return n
}
