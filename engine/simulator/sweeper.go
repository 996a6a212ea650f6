package simulator

import (
	"time"

	"rouse/engine"
)

// Times of the sweeper, as in pager.
const (
	sweepEvery = 250 * time.Millisecond
	heldRest   = 100 * time.Millisecond
	firstRest  = 500 * time.Millisecond
	longRest   = 30 * time.Second
)

// jitter is how long after something is due a node's sweeper looks.
func (s *sim) jitter() time.Duration { return s.dice.between(time.Millisecond, sweepEvery) }

// nextSweep is the next look of any node's sweeper that finds something: pager.sweepUntil.
func (s *sim) nextSweep() (at time.Duration, n *node) {
	due, any := s.nextDue()
	if s.isStopped() { // any sweep notices
		due, any = s.now, true
	}
	if !any {
		return 0, nil
	}
	for _, m := range s.nodes {
		if !m.sweeps() {
			continue
		}
		t := max(due+m.jitter, m.sweepAt, s.now, m.stoppedUntil, s.away)
		if n == nil || t < at {
			at, n = t, m
		}
	}
	return at, n
}

// nextDue is when the next thing falls due, as the run counts time.
func (s *sim) nextDue() (due time.Duration, any bool) {
	now := s.clock()
	for _, r := range s.rows {
		if t := s.nextLook(r, now); !t.IsZero() {
			if d := t.Sub(s.world.base) - s.skew; !any || d < due {
				due, any = d, true
			}
		}
	}
	return due, any
}

// sweep is pager.sweep.
func (n *node) sweep() {
	s := n.s
	n.sweepAt, n.jitter = s.now+sweepEvery, s.jitter()
	if s.databaseIsAway() {
		return
	}
	if s.isStopped() {
		n.resume(sweeping, s.now, func(ok bool) {
			if ok {
				n.sweepAt, n.jitter = s.now, 0
			}
		})
		return
	}
	due, left, ringing := s.sweepDue(), s.sweepWaiting(), s.sweepRinging()
	n.after(s.latency(), swept, func() {
		n.takeOver(left)
		for _, r := range ringing {
			n.withdraw(r.row, r.attempt)
		}
		for _, r := range due {
			n.startTick(r)
		}
	})
}

// startTick is pager.startTick and pager.tick: time passes for one incident, unless somebody else is at
// work on it, or its last tick failed a moment ago.
func (n *node) startTick(r *incidentRow) {
	s := n.s
	if b := n.rest(r); b.ticking || b.until > s.now || s.broken.noTicks {
		return
	}
	n.rest(r).ticking = true
	n.after(s.latency(), tickDue, func() {
		s.handle(n, happening{row: r, event: engine.Tick{}, skip: true, deciding: tickDecided, committing: tickCommitted, ending: tickLearnt,
			then: func(o outcome) { n.rest(r).end(s.now, o) }})
	})
}

// end is pager.busy.end.
func (b *rest) end(now time.Duration, o outcome) {
	b.ticking = false
	switch o {
	case failed:
		b.wait = min(max(2*b.wait, firstRest), longRest)
		b.until = now + b.wait
	case isHeld:
		b.until, b.wait = now+heldRest, 0
	default:
		b.until, b.wait = 0, 0
	}
}
