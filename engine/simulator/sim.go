package simulator

import (
	"fmt"
	"time"

	"rouse/engine"
)

// sim is one run under way.
type sim struct {
	seed   uint64
	dice   *dice
	world  world
	faults faults
	broken breaks
	calm   bool // nothing goes wrong in this run, ever

	now    time.Duration // since the run began: no node's clock is wrong about how much time has passed
	skew   time.Duration // by which the database's clock has jumped on
	jumped time.Duration // when it did
	heals  time.Duration // when all faults end
	ends   time.Duration
	agenda agenda
	nodes  []*node

	// What is committed, but for what belongs to an incident's row; and how long the database is away.
	rows      []*incidentRow
	kept      []kept // table alert
	seen      []seen // table seen
	away      time.Duration
	pulse     time.Time // table pulse: when time was last kept
	resumedAt time.Time // when the last stop was noticed
	noted     time.Time // by the timeline's last line
	bundlings []*bundling

	halt      halt
	armed     int           // after so many steps the system stands still; 0: not now
	dark      time.Duration // until when the system stands still
	keptAt    time.Time     // when time was kept, in truth
	keptSince time.Duration
	gaps      []gap

	alerts  []*alert
	ids     int
	tally   Tally
	failure *Failure
	story   []string
	telling bool
}

// mostSteps is far more than any run takes.
const mostSteps = 50_000

// play takes a run from its beginning to its end.
func play(seed uint64, broken breaks, telling bool) (s *sim) {
	s = &sim{seed: seed, dice: newDice(seed), broken: broken, telling: telling}
	defer func() {
		if p := recover(); p != nil {
			s.fail("an end", "panic: %v", p)
		}
	}()
	s.world = newWorld(s.dice)
	s.begin()
	for s.failure == nil && s.next() {
		if s.tally.Steps > mostSteps {
			s.fail("an end", "the run does not come to one")
		}
	}
	if s.failure == nil {
		s.now = s.ends
		s.checkEnd()
	}
	s.sum()
	return s
}

// begin draws what will happen.
func (s *sim) begin() {
	d := s.dice
	s.faults = newFaults(d)
	s.calm = s.faults == faults{acknowledges: s.faults.acknowledges, declines: s.faults.declines}
	s.heals = d.between(90*time.Second, 5*time.Minute)
	if !s.calm {
		s.newHalt()
	}
	s.ends = s.heals + 24*time.Hour // until it is known how long the ladders are
	s.pulse, s.keptAt = s.clock(), s.clock()
	for i := range 2 + d.below(2) {
		n := &node{s: s, name: string(rune('A' + i)), life: 1}
		n.begin()
		s.nodes = append(s.nodes, n)
	}
	s.kept = make([]kept, 1)
	troubles, within := 1+d.below(3), time.Minute
	if d.chance(0.1) { // a storm
		troubles, within = 4+d.below(4), pick(d, 100*time.Millisecond, 5*time.Second)
	}
	for i := range troubles {
		s.trouble(i, d.between(0, within))
	}
	for range d.below(4) {
		s.at(s.sometime(10*time.Second), s.command)
	}
	if !s.calm {
		s.misfortunes()
	}
	s.newQuiet()
	s.newDrills()
	s.at(s.heals, s.heal)
	s.tell(nil, "%s, nodes: %d, calm: %t", s.world.base.Format("Monday 15:04:05"), len(s.nodes), s.calm)
}

// trouble draws the alerts about one trouble: mostly it is reported more than once.
func (s *sim) trouble(i int, at time.Duration) {
	d := s.dice
	sv, dedup := d.below(len(s.world.services)), "trouble "+string(rune('1'+i))
	severity := pick(d, engine.Critical, engine.Critical, engine.Major, engine.Minor)
	report := func(at time.Duration, action engine.Action) {
		s.report(at, &alert{service: sv, dedup: dedup, severity: severity, action: action})
	}
	if h := s.halt; h.long > 0 && d.chance(0.3) { // it is over while the system stands still, or as soon as it is back
		report(d.between(h.at, h.at+h.long+2*time.Second), engine.Resolve)
	}
	for {
		action := engine.Trigger
		if len(s.alerts) > 0 && d.chance(0.1) {
			action = engine.Resolve
		}
		report(at, action)
		if !d.chance(0.4) {
			return
		}
		at += d.between(0, pick(d, 20*time.Millisecond, time.Minute, time.Minute))
		severity = pick(d, severity, engine.Critical, engine.Minor)
	}
}

// report has a sender report something.
func (s *sim) report(at time.Duration, a *alert) {
	a.id = len(s.kept)
	s.kept = append(s.kept, kept{})
	s.alerts = append(s.alerts, a)
	s.at(at, func() { s.post(a) })
}

// misfortunes are what befalls more than one step of one node.
func (s *sim) misfortunes() {
	d := s.dice
	some := func(most int, what func()) {
		for range d.below(most + 1) {
			s.at(s.sometime(0), what)
		}
	}
	some(1, func() {
		long := d.between(time.Second, 12*time.Second)
		s.tell(nil, "the database is away for %s", long)
		s.databaseGoes(s.now + long)
		s.tally.Outages++
	})
	some(1, func() {
		s.tell(nil, "all nodes are killed")
		for _, n := range s.nodes {
			if n.up {
				s.kill(n, d.between(5*time.Second, time.Minute))
			}
		}
	})
	some(1, func() {
		by := d.between(time.Second, pick(d, 20*time.Second, 10*time.Minute, 3*time.Hour))
		s.tell(nil, "the database's clock jumps on by %s", by)
		s.skew, s.jumped = s.skew+by, s.now
		s.tally.Jumps++
	})
	some(1, func() { s.leave(s.nodes[d.below(len(s.nodes))]) })
}

// heal ends all faults, and nobody answers from now on.
func (s *sim) heal() {
	s.tell(nil, "all faults end, and nobody answers any more")
	s.faults, s.away, s.dark, s.armed = faults{}, s.now, min(s.dark, s.now), 0
	for _, n := range s.nodes {
		n.stoppedUntil = min(n.stoppedUntil, s.now)
		s.wake(n)
		if !n.started {
			n.life++
			n.begin()
		}
	}
	// Long enough for every ladder to be climbed once.
	longest := engine.LadderRest
	for _, r := range s.rows {
		for _, e := range r.inc.Escalations {
			longest = max(longest, climb(e.Ladder))
		}
	}
	s.ends = s.now + promptly + longest + 2*time.Second
}

// climb is how long a ladder takes from any of its levels to the same one again, at the most.
func climb(l engine.Ladder) time.Duration {
	sum := engine.LadderRest + 2*time.Second // a round that was short, as all contacts failed, is followed by a rest
	for _, lv := range l.Levels {
		sum += lv.Wait + time.Second
	}
	return sum
}

// next lets the next thing happen; false when nothing is left, or the time is over.
func (s *sim) next() bool {
	at, planned := s.agenda.next()
	due, n := s.nextSweep()
	switch {
	case n != nil && (!planned || due <= at):
		at = due
	case !planned:
		return false
	}
	if at > s.ends {
		return false
	}
	s.keepTime(at)
	s.now = max(s.now, at)
	if n != nil && due == at {
		s.perform(event{node: n, life: n.life, point: sweeping, do: n.sweep})
	} else {
		s.perform(s.agenda.pop())
	}
	s.checkPrompt()
	return true
}

// after plans something of the world outside.
func (s *sim) after(d time.Duration, do func()) { s.at(s.now+d, do) }

func (s *sim) at(at time.Duration, do func()) { s.agenda.add(event{at: at, do: do}) }

// clock is the database's, the only one by which anything is decided.
func (s *sim) clock() time.Time { return s.world.base.Add(s.now + s.skew) }

// latency is what a statement, or a step between two of them, takes.
func (s *sim) latency() time.Duration { return s.dice.between(time.Millisecond, 8*time.Millisecond) }

// fail ends the run: an invariant does not hold.
func (s *sim) fail(invariant, format string, args ...any) {
	if s.failure != nil {
		return
	}
	what := fmt.Sprintf(format, args...)
	s.tell(nil, "NOT SO: %s: %s", invariant, what)
	s.failure = &Failure{Seed: s.seed, Invariant: invariant, What: what}
}
