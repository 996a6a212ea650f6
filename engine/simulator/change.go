package simulator

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// outcome is what a transaction came to, for whoever asked for it.
type outcome uint8

const (
	goOn      outcome = iota
	committed         // and its caller knows
	refused           // what is looked at first said no: nothing is written
	isHeld            // enginedb.ErrLocked
	met               // pager.errMet: another transaction was first, try again
	failed            // an error: it was rolled back, or committed without its caller learning of it
)

// happening is pager.happening: one event for one incident, and what its transaction does besides.
type happening struct {
	row   *incidentRow
	event engine.Event
	named named
	skip  bool

	first func(c *change) outcome // under the lock, before Step; anything but goOn leaves all as it was
	then  func(outcome)           // afterwards, in the node

	deciding, committing, ending point
}

// change is one transaction that changes an incident.
type change struct {
	happening
	node     *node
	life     int
	now      time.Time
	stopped  time.Time // since when nobody kept time for the incident, zero if somebody does
	before   engine.Incident
	after    engine.Incident // as the events so far have made it
	steps    []step
	asked    time.Duration // when the database was last asked for something in it
	settled  int           // the attempt whose row it has written to
	alert    int           // the alert that it keeps
	seen     seen          // the answer that it marks as acted on
	reporter *sending      // the worker whose report it is
	reports  attemptRef    // what it is about
	answer   *part
	opens    bool // it makes the incident's row
	begins   bool // it may begin ladders: enginedb.HoldRouting
	over     bool // committed or rolled back
}

// step is one event of a change.
type step struct {
	*change
	event         engine.Event
	before, after engine.Incident
	effects       []engine.Effect
	maintenance   engine.Held // as it was
}

// notes reports whether the timeline has something to say of it.
func (st step) notes() bool {
	return slices.ContainsFunc(st.effects, func(ef engine.Effect) bool { _, ok := ef.(engine.Note); return ok })
}

// handle is pager.handle: lock, step, save, hand the sends to the queue, commit.
func (s *sim) handle(n *node, h happening) {
	n.awake(h.ending, func(ok bool) {
		if !ok {
			h.then(failed)
			return
		}
		s.begins(n, h)
	})
}

func (s *sim) begins(n *node, h happening) {
	c := &change{happening: h, node: n, life: n.life}
	switch {
	case s.databaseIsAway():
		n.after(connectionLost, h.ending, func() { h.then(failed) })
	case h.row.holder == nil || s.broken.ignoresLocks:
		s.grant(c)
	case h.skip:
		n.after(s.latency(), h.ending, func() { h.then(isHeld) })
	default:
		s.wait(&waiter{row: h.row, node: n, life: n.life, point: h.ending,
			granted: func() { s.grant(c) }, failed: func() { h.then(failed) }}, lockTimeout)
	}
}

// waiter is a statement that waits for an incident's lock.
type waiter struct {
	row     *incidentRow
	node    *node
	life    int
	point   point // at which its node hears that it waited in vain
	over    bool
	granted func() // in the database, when it is its turn
	failed  func() // in its node
}

// wait puts a statement into the queue for a lock, for so long.
func (s *sim) wait(w *waiter, most time.Duration) {
	w.row.waiting = append(w.row.waiting, w)
	s.after(most, func() { w.giveUp() })
}

func (w *waiter) giveUp() {
	if !w.over {
		w.over = true
		w.node.afterIn(w.life, noticesAtOnce, w.point, w.failed)
	}
}

// grant gives the row's lock: enginedb.Lock. The clock is read and the rows are loaded when it is held.
func (s *sim) grant(c *change) {
	c.row.holder = c
	c.now, c.asked = s.clock(), s.now
	if !c.opens {
		c.before = c.row.load(c.named)
		c.stopped = c.row.stoppedAt
	}
	c.after = c.before
	s.bear(c)
	c.node.afterIn(c.life, s.latency(), c.deciding, func() { s.decide(c) })
}

// decide is pager.step: the engine decides, under the lock. What is written is seen once it is committed.
func (s *sim) decide(c *change) {
	if c.over {
		c.then(failed)
		return
	}
	if !c.stopped.IsZero() { // it is told of a stop before anything else (rule 18)
		s.step(c, engine.Resumed{Stopped: c.now.Sub(c.stopped)})
	}
	if c.first != nil {
		if o := c.first(c); o != goOn {
			s.release(c)
			c.then(o)
			return
		}
	}
	s.step(c, c.event)
	if s.broken.handsOverBeforeCommit {
		s.carry(c)
	}
	took := s.latency()
	c.asked = s.now
	if s.faults.slowCommit > 0 && s.dice.chance(s.faults.slowCommit) {
		took = s.dice.between(500*time.Millisecond, 4*time.Second)
	}
	c.node.after(took, c.committing, func() { s.commit(c) })
}

func (s *sim) step(c *change, ev engine.Event) {
	st := step{change: c, event: ev, before: c.after, maintenance: c.row.service.heldAt(c.now)}
	if _, ok := ev.(engine.Resumed); ok && s.broken.ticksAfterStops {
		ev = engine.Tick{}
	} else if ok && s.broken.putsNothingOff {
		ev = engine.Resumed{}
	}
	env := s.env(c.now)
	if !s.broken.asksForMaintenanceOnce {
		env.Held = func(engine.Incident) engine.Held { return st.maintenance }
	}
	st.after, st.effects = engine.Step(c.after, ev, env)
	c.after, c.steps = st.after, append(c.steps, st)
	s.tellDecision(&st)
}

func (s *sim) commit(c *change) {
	switch {
	case c.over:
		c.then(failed)
		return
	case s.dice.chance(s.faults.lost):
		s.tell(c.node, "loses its connection before the commit about %s", c.row.inc.Key)
		s.tally.Lost++
		s.release(c)
		c.node.after(connectionLost, c.ending, func() { c.then(failed) })
		return
	}
	s.write(c)
	s.release(c)
	if s.dice.chance(s.faults.unlearnt) {
		s.tell(c.node, "loses its connection in the commit about %s, which is done", c.row.inc.Key)
		s.tally.Unlearnt++
		c.node.after(connectionLost, c.ending, func() { c.then(failed) })
		return
	}
	c.node.after(s.latency(), c.ending, func() { c.then(committed) })
}

// write is the commit itself: everything of the transaction at once.
func (s *sim) write(c *change) {
	r := c.row
	r.committed = true
	if c.alert != 0 {
		s.kept[c.alert] = kept{true, r}
	}
	if c.seen != (seen{}) {
		s.seen = append(s.seen, c.seen)
	}
	if c.settled != 0 {
		r.attempts[c.settled-1].providerID = true
	}
	s.save(r, c.before, c.after)
	if slices.ContainsFunc(c.steps, step.notes) {
		s.noted = c.now
	}
	s.tally.Decisions++
	s.checkCommit(c)
	if !s.broken.handsOverBeforeCommit {
		s.carry(c)
	}
}

// release ends a transaction's hold on its row, committed or not, and gives it to who waits.
func (s *sim) release(c *change) {
	c.over = true
	r := c.row
	if c.settled != 0 && r.attempts[c.settled-1].locked == c {
		r.attempts[c.settled-1].locked = nil
	}
	if r.holder != c {
		return
	}
	r.holder = nil
	if !r.committed {
		r.gone = true
	}
	for len(r.waiting) > 0 && r.holder == nil {
		next := r.waiting[0]
		r.waiting = r.waiting[1:]
		if !next.over && next.life == next.node.life {
			next.over = true
			next.granted()
		}
	}
}

// carry is pager.carry: what is to be sent or hung up goes to the queue, with the commit.
func (s *sim) carry(c *change) {
	for _, st := range c.steps {
		for _, ef := range st.effects {
			switch ef := ef.(type) {
			case engine.Send:
				s.handOver(c, ef.Attempt)
			case engine.Withdraw:
				s.queue(func(n *node) { n.withdraw(c.row, ef.Attempt) })
			case engine.Note: // saved with the incident
			}
		}
	}
}

// handOver is pager.jobsFor: what is to be sent together, in a storm and after a stop, is left to sweeps.
func (s *sim) handOver(c *change, attempt int) {
	_, _, a := c.after.Attempt(attempt)
	if a.State != engine.Queued || !c.stopped.IsZero() || !c.node.atOnce(c.row, &attemptRow{Attempt: *a}) { // not queued: answered in the same step
		return
	}
	if row := c.row.attempt(attempt); row != nil {
		row.handed = true
	}
	s.queue(func(n *node) { n.send(c.row, attemptRef{attempt, 1}) })
}

// queue is River: a job is fetched by some node. It may be late, come twice, or be lost with its node, and
// nobody tries it again (pager.sendArgs.InsertOpts).
func (s *sim) queue(work func(n *node)) {
	f := s.faults
	switch {
	case s.broken.losesJobs || s.dice.chance(f.jobLost):
		return
	case s.dice.chance(f.jobTwice):
		s.fetch(s.dice.between(time.Millisecond, 3*time.Second), work)
	case s.dice.chance(f.jobLate):
		s.fetch(s.dice.between(500*time.Millisecond, 30*time.Second), work)
		return
	}
	s.fetch(s.dice.between(2*time.Millisecond, 40*time.Millisecond), work)
}

func (s *sim) fetch(after time.Duration, work func(n *node)) {
	s.after(after, func() {
		n := s.nodes[s.dice.below(len(s.nodes))]
		if !n.works() || s.databaseIsAway() {
			s.fetch(s.patiently(500*time.Millisecond), work) // the next poll
			return
		}
		work(n)
	})
}

// env is pager.world: the rosters are asked in the transaction, as they are at its time.
func (s *sim) env(now time.Time) engine.Env {
	asked := now
	if s.broken.staleRosters {
		asked = s.world.base
	}
	return engine.Env{Now: now,
		OnCall:    func(t engine.Target) []rosters.PersonID { return s.world.onCall(t, asked) },
		Plan:      func(p rosters.PersonID, _ engine.Severity) []rosters.Contact { return s.world.plan(p, now) },
		CallAgain: callsAgain,
	}
}

// databaseIsAway is a database that restarts, or cannot be reached.
func (s *sim) databaseIsAway() bool { return s.now < s.away || s.dice.chance(s.faults.unreachable) }

// databaseGoes ends every transaction, and who waits for one.
func (s *sim) databaseGoes(until time.Duration) {
	s.away = max(s.away, until)
	for _, r := range s.rows {
		for _, w := range r.waiting {
			w.giveUp()
		}
		r.waiting = nil
		if r.holder != nil {
			s.release(r.holder)
		}
	}
	for _, b := range s.bundlings {
		b.over = true
	}
}

// seen names an answer that its provider may repeat, and the page that it is about: none for the first of
// those that a message told.
type seen struct {
	id   int
	row  *incidentRow
	page int
}

// actedOn is enginedb.Seen: whether an answer that its provider may repeat was acted on.
func (s *sim) actedOn(c *change, once seen) bool {
	if once.id == 0 {
		return false
	}
	c.seen = once
	return slices.Contains(s.seen, once) && !s.broken.forgetsSeen
}
