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
	idleInChange   = 5 * time.Second // idle_in_transaction_session_timeout
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
func (s *sim) claim(r *incidentRow, ref attemptRef) (got found, first bool) {
	a := r.attempt(ref.attempt)
	if a == nil {
		return notFound, false
	}
	b := s.broken
	fits := (a.State == engine.Queued || b.claimsAnyState && a.State == engine.Sending) && (!a.Unwanted || b.claimsUnwanted) &&
		(a.generation == ref.generation || b.claimsAnyGeneration)
	if !fits {
		return notFound, false
	}
	if r.holder != nil && !b.ignoresLocks {
		return isLocked, false
	}
	s.checkClaim(r, a, ref)
	first = a.claimedAt.IsZero()
	a.State, a.leaseUntil = engine.Sending, s.clock().Add(lease)
	if first {
		a.claimedAt = s.clock()
	}
	r.moved = true
	return ours, first
}

// wanted is enginedb.Wanted.
func (s *sim) wanted(r *incidentRow, ref attemptRef) bool {
	a := r.attempt(ref.attempt)
	return a.generation == ref.generation && a.State == engine.Sending && !a.Unwanted
}

// renew is enginedb.Renew.
func (s *sim) renew(r *incidentRow, ref attemptRef) bool {
	a := r.attempt(ref.attempt)
	if a.State != engine.Sending || a.generation != ref.generation && !s.broken.renewsAnyGeneration {
		return false
	}
	s.checkRenewal(a, ref)
	a.leaseUntil = s.clock().Add(lease)
	r.moved = true
	return true
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
func (s *sim) force(r *incidentRow, ref attemptRef, state engine.AttemptState) {
	a := r.attempt(ref.attempt)
	if a.generation == ref.generation && a.State == engine.Sending {
		s.checkNews(r, a, state)
		a.State, a.providerID, a.forced, r.book.forced, r.moved = state, true, true, true, true
	}
}

// leftOver is an attempt that a sweep has found.
type leftOver struct {
	row *incidentRow
	ref attemptRef
}

// sweepUnsent takes over what was left queued, or in the hands of a worker whose lease is over:
// enginedb.queueUnsent.
func (s *sim) sweepUnsent() (unsent []leftOver) {
	now := s.clock()
	for _, r := range s.rows {
		for i := range r.attempts {
			a := &r.attempts[i]
			over := a.leaseUntil.Before(now) || s.broken.takesOverHeld && a.State == engine.Sending
			if !r.committed || a.State != engine.Queued && a.State != engine.Sending || !over || a.locked != nil || s.broken.noTakeover {
				continue
			}
			r.moved = true
			s.checkTakeover(a)
			if !s.broken.sameGeneration {
				a.generation++
			}
			a.leaseUntil, a.State = now.Add(patience), engine.Queued
			if a.Unwanted && !s.broken.takesOverUnwanted {
				a.State = engine.Withdrawn
				continue
			}
			unsent = append(unsent, leftOver{r, attemptRef{a.No, a.generation}})
		}
	}
	return unsent
}

// sweepRinging finds calls that nobody needs and nobody has hung up: enginedb.queueRinging.
func (s *sim) sweepRinging() (ringing []leftOver) {
	now := s.clock()
	for _, r := range s.rows {
		for i := range r.attempts {
			if a := &r.attempts[i]; r.committed && a.ringing(now) && a.leaseUntil.Before(now) && a.locked == nil {
				a.leaseUntil, r.moved = now.Add(hangUpAgain), true
				ringing = append(ringing, leftOver{r, attemptRef{a.No, a.generation}})
			}
		}
	}
	return ringing
}

func (a *attemptRow) ringing(now time.Time) bool {
	return a.Unwanted && a.Channel == rosters.Voice && (a.State == engine.Sent || a.State == engine.Delivered) && !a.hungUp &&
		a.SentAt.After(now.Add(-hangUpWithin))
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
