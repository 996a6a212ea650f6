package simulator

import (
	"time"
)

// node is one process of rouse. What it does is a chain of events; it may be killed, or stopped as SIGSTOP
// does, before any of them.
type node struct {
	s            *sim
	name         string
	life         int // counts its starts: what an earlier life had planned never happens
	up           bool
	begun        time.Duration // when it started
	started      bool          // it takes part
	kept         time.Duration // when it last knew that time is kept
	storm        storm
	leaving      bool          // it was told to end, and takes up nothing new
	stoppedUntil time.Duration // nothing of it moves before
	sweepAt      time.Duration // it does not sweep before
	asleep       []event       // what it will go on with when it wakes up
	jitter       time.Duration // how long after something is due its sweep comes
	rests        []rest        // pager.busy, by incident
	sends        []*sending    // what it holds
}

// rest is the rest that pager.busy gives an incident whose tick failed.
type rest struct {
	ticking bool
	until   time.Duration
	wait    time.Duration
}

// after plans what the node does next; p is what that is.
func (n *node) after(d time.Duration, p point, do func()) { n.afterIn(n.life, d, p, do) }

// afterIn is after for what an earlier life of the node may have begun: then it never happens.
func (n *node) afterIn(life int, d time.Duration, p point, do func()) {
	n.s.agenda.add(event{at: n.s.now + d, node: n, life: life, point: p, do: do})
}

// afterUnless is after, unless there is nothing to do any more by then.
func (n *node) afterUnless(moot *bool, d time.Duration, p point, do func()) {
	n.s.agenda.add(event{at: n.s.now + d, node: n, life: n.life, point: p, moot: moot, do: do})
}

// works reports whether the node takes up something new.
func (n *node) works() bool { return n.up && n.started && !n.leaving && n.stoppedUntil <= n.s.now }

func (n *node) rest(r *incidentRow) *rest {
	for len(n.rests) <= r.no {
		n.rests = append(n.rests, rest{})
	}
	return &n.rests[r.no]
}

// perform lets an event happen, unless its node is dead, or stopped, or dies of it.
func (s *sim) perform(e event) {
	n := e.node
	if n == nil {
		e.do()
		return
	}
	if n.life != e.life || e.moot != nil && *e.moot {
		return
	}
	if s.armed > 0 {
		if s.armed--; s.armed == 0 {
			s.stand()
		}
		if n.life != e.life {
			return
		}
	}
	if n.stoppedUntil > s.now {
		n.asleep = append(n.asleep, e)
		return
	}
	switch {
	case s.dice.chance(s.faults.kill):
		s.tally.KilledBefore[e.point]++
		s.tell(n, "is killed before %s", pointNames[e.point])
		s.kill(n, s.dice.between(200*time.Millisecond, 15*time.Second))
		return
	case s.dice.chance(s.faults.stop):
		s.stop(n, s.dice.between(100*time.Millisecond, 20*time.Second), pointNames[e.point])
		n.asleep = append(n.asleep, e)
		return
	}
	s.tally.Steps++
	e.do()
}

// kill is SIGKILL: the database rolls back what the node had not committed.
func (s *sim) kill(n *node, down time.Duration) {
	s.tally.Kills++
	n.life++
	n.up, n.started = false, false
	for _, r := range s.rows {
		if r.holder != nil && r.holder.node == n {
			s.release(r.holder)
		}
	}
	life := n.life
	s.after(down, func() {
		if n.life == life && !n.up {
			n.begin()
		}
	})
}

// begin is pager.Start, which is tried again until there is a database.
func (n *node) begin() {
	s := n.s
	if s.now < s.dark && s.halt.how != noDatabase {
		life := n.life
		s.after(s.patiently(s.dice.between(0, time.Second)), func() {
			if n.life == life && !n.up {
				n.begin()
			}
		})
		return
	}
	*n = node{s: s, name: n.name, life: n.life, up: true, begun: s.now, jitter: s.jitter(), storm: newStorm()}
	n.after(s.latency(), start, n.start)
}

func (n *node) start() {
	s := n.s
	again := func() { n.after(s.patiently(s.dice.between(200*time.Millisecond, time.Second)), start, n.start) }
	if s.now < s.away {
		again()
		return
	}
	s.checkRepair(s.repair())
	n.awake(start, func(ok bool) {
		if !ok {
			again()
			return
		}
		s.tell(n, "starts")
		n.started, n.begun = true, s.now
	})
}

// stop is SIGSTOP: the node does nothing for a while and knows of nothing. The database bears it for a time
// that it holds a lock.
func (s *sim) stop(n *node, long time.Duration, before string) {
	s.tally.Stops++
	s.tell(n, "is stopped before %s, for %s", before, long.Round(time.Millisecond))
	n.stoppedUntil = s.now + long
	s.after(long, func() { s.wake(n) })
	for _, r := range s.rows {
		if c := r.holder; c != nil && c.node == n {
			s.bear(c)
		}
	}
}

// wake lets go on what the node was about to do; its threads wake up in any order.
func (s *sim) wake(n *node) {
	if n.stoppedUntil > s.now {
		return
	}
	for _, e := range n.asleep {
		e.at = s.now + s.dice.between(0, 10*time.Millisecond)
		s.agenda.add(e)
	}
	n.asleep = nil
}

// bear is the database's patience with a node that has a lock and sleeps: it ends a transaction in which
// nothing was asked for so long.
func (s *sim) bear(c *change) {
	if c.node.stoppedUntil <= s.now {
		return
	}
	s.at(max(s.now, c.asked+idleInChange), func() {
		if !c.over && c.node.stoppedUntil > s.now {
			s.tell(nil, "the database ends what node %s had begun about %s", c.node.name, c.row.inc.Key)
			s.release(c)
		}
	})
}

// leave is pager.Stop with a context that does not wait for ever: what the node is sending is cut off.
func (s *sim) leave(n *node) {
	if !n.works() {
		return
	}
	s.tally.Leaves++
	s.tell(n, "is told to end")
	n.leaving = true
	for _, x := range n.sends {
		if !x.takenOver && !x.over && x.under != nil { // what was taken over has a context that goes on
			x.cutOff(leaving)
		}
	}
	life := n.life
	s.after(s.dice.between(100*time.Millisecond, 3*time.Second), func() {
		if n.life == life {
			s.kill(n, s.dice.between(200*time.Millisecond, 5*time.Second))
		}
	})
}
