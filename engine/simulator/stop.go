package simulator

import (
	"time"

	"rouse/engine"
)

// Times of the pulse, as in pager and in enginedb.
const (
	asleep     = time.Minute // how long a node may not have swept before it asks whether anybody did
	beatEvery  = 5 * time.Second
	resumeHold = 30 * time.Second // how long after a stop messages wait for each other at the most
	markFor    = 2 * time.Second  // how long incidents that somebody holds are waited for
)

// halt is a time in which the whole system stands still.
type halt struct {
	at, long time.Duration
	how      int
}

const (
	killed    = iota // all nodes are, and start again after it
	asleepAll        // all nodes are stopped, and go on where they were
	noDatabase
	ways
)

var halts = [ways]string{"all nodes are killed", "all nodes are stopped", "there is no database"}

// newHalt draws a time of standing still: short, as long as makes a stop, or longer.
func (s *sim) newHalt() {
	d := s.dice
	if !d.chance(0.3) {
		return
	}
	long := pick(d, time.Minute, engine.LongStop, 20*time.Minute, 3*time.Hour)
	s.halt = halt{at: d.between(20*time.Second, s.heals), long: d.between(max(long-6*time.Minute, 20*time.Second), long+20*time.Second), how: d.below(ways)}
	s.heals += s.halt.long
	s.at(s.halt.at, func() { s.armed = 1 + d.below(30) })
}

// sometime draws a moment of the night: mostly one at which the system does not stand still.
func (s *sim) sometime(from time.Duration) time.Duration {
	d, h := s.dice, s.halt
	t := d.between(from, s.heals-h.long)
	switch {
	case h.long == 0 || t < h.at:
		return t
	case d.chance(0.2):
		return d.between(h.at, h.at+h.long+2*time.Second)
	default:
		return t + h.long
	}
}

// stand lets the system stand still, when some node is about to do something.
func (s *sim) stand() {
	h := s.halt
	s.tally.Halts++
	s.dark = s.now + h.long
	s.tell(nil, "%s, for %s", halts[h.how], h.long.Round(time.Millisecond))
	if h.how == noDatabase {
		s.databaseGoes(s.dark)
		return
	}
	for _, n := range s.nodes {
		if h.how == killed || !n.up || n.leaving {
			s.kill(n, h.long+s.dice.between(0, 5*time.Second))
		} else {
			s.stop(n, h.long+s.dice.between(0, 100*time.Millisecond), "it")
		}
	}
}

// patiently is a pause before another try, which is pointless while the system stands still.
func (s *sim) patiently(d time.Duration) time.Duration { return max(0, s.dark-s.now) + d }

// gap is a time in which nobody kept time, by the database's clock.
type gap struct {
	from, to time.Time
	jump     bool // the clock jumped, and time was kept
}

// keepTime is what all the sweeps do that find nothing else to do, and are left out of the run: until the
// next event they bring the pulse up to date. A stop is noticed first.
func (s *sim) keepTime(until time.Duration) {
	from := until
	for _, n := range s.nodes {
		if f := max(s.now, n.stoppedUntil, s.away); n.sweeps() && f < until {
			from = min(from, f)
			if !s.stoppedAt(f) {
				n.kept = until
			}
		}
	}
	if from == until {
		return
	}
	if at := s.clockAt(from); at.Sub(s.keptAt) > beatEvery {
		s.gaps = append(s.gaps, gap{from: s.keptAt, to: at, jump: s.skew > 0 && s.jumped >= s.keptSince})
	}
	s.keptAt, s.keptSince = s.clockAt(until), until
	if !s.stoppedAt(from) && s.keptAt.Sub(s.pulse) >= beatEvery {
		s.pulse = s.keptAt
	}
}

// sweeps reports whether the node's sweeper is at work whenever the node is awake and has a database.
func (n *node) sweeps() bool { return n.up && n.started && !n.leaving }

func (s *sim) clockAt(at time.Duration) time.Time { return s.world.base.Add(at + s.skew) }

// isStopped is enginedb.isStopped.
func (s *sim) isStopped() bool { return s.stoppedAt(s.now) }

func (s *sim) stoppedAt(at time.Duration) bool {
	return s.clockAt(at).Sub(s.pulse) > engine.LongStop || s.broken.countsShortStops && s.clockAt(at).Sub(s.pulse) > 2*beatEvery
}

// awake is pager.awake: a node that has not swept for long asks for a stop before it decides anything.
func (n *node) awake(p point, then func(ok bool)) {
	if n.kept > 0 && n.s.now-n.kept < asleep || n.s.broken.neverAsksForStops {
		then(true)
		return
	}
	n.resume(p, n.s.now, then)
}

// resume is pager.resume and enginedb.Resume: every incident that waits for something is due now, and is
// told since when it was stopped. Those that somebody holds are waited for, but not for ever.
func (n *node) resume(p point, since time.Duration, then func(ok bool)) {
	s := n.s
	if s.databaseIsAway() || s.dice.chance(s.faults.lost) {
		n.after(connectionLost, p, func() { then(false) })
		return
	}
	if s.isStopped() && !s.broken.tellsNoStop {
		for _, r := range s.rows {
			if r.holder != nil && r.isToBeTold() && s.now < since+markFor {
				n.after(20*time.Millisecond, p, func() { n.resume(p, since, then) })
				return
			}
		}
		s.mark(n)
	}
	if s.isStopped() {
		s.pulse = s.clock()
	}
	if s.dice.chance(s.faults.unlearnt) {
		s.tally.Unlearnt++
		n.after(connectionLost, p, func() { then(false) })
		return
	}
	n.kept = s.now
	then(true)
}

func (r *incidentRow) isToBeTold() bool {
	return r.committed && !r.deadline.IsZero() && r.stoppedAt.IsZero()
}

// mark tells the incidents of the stop. A release that keeps no pulse may have kept time meanwhile, so the
// timeline is asked, too.
func (s *sim) mark(n *node) {
	now, since := s.clock(), s.pulse
	if s.noted.After(since) {
		since = s.noted
	}
	if now.Sub(since) < engine.LongStop && !s.broken.countsShortStops {
		return
	}
	s.resumedAt = now
	s.tell(n, "notices that nobody kept time for %s", now.Sub(since).Round(time.Millisecond))
	for _, r := range s.rows {
		switch {
		case !r.isToBeTold() || s.broken.tellsTheOverdue && r.deadline.After(now):
		case r.holder != nil:
			r.book.missed = true
		default:
			r.stoppedAt, r.moved = since, true
			if now.Before(r.deadline) {
				r.deadline = now
			}
		}
	}
}

// holdsBack is the condition under which sweeps send nothing: a stop that some incidents have not been told of.
func (s *sim) holdsBack(now time.Time) bool {
	if now.Sub(s.resumedAt) >= resumeHold {
		return false
	}
	for _, r := range s.rows {
		if !r.stoppedAt.IsZero() {
			return true
		}
	}
	return false
}
