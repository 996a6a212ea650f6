package simulator

import (
	"cmp"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// straggle is how long a bundle that a worker lost waits for those of its incidents that somebody holds.
const straggle = 3 * time.Second

// bundling is enginedb.ClaimWaiting: a transaction that takes what goes out to an address as the next message.
type bundling struct {
	s      *sim
	n      *node
	life   int
	to     waiting
	inTurn bool          // it waits for the first incident's lock
	asked  time.Duration // when it began
	over   bool
	holds  []*change // the locks of the incidents
	found  []left
	writes []func()
}

// left is an attempt that nobody was sending when it was read.
type left struct {
	row      *incidentRow
	ref      attemptRef
	unwanted bool
	begun    bool // a worker took it
	message  nonce
	bundled  bool
	over     time.Duration // since its lease
}

func (l left) attempt() *attemptRow { return l.row.attempt(l.ref.attempt) }

// begin is the first statement: one at a time chooses for an address, and nobody before a stop is noticed.
func (b *bundling) begin() {
	s := b.s
	b.asked = s.now
	taken := slices.ContainsFunc(s.bundlings, func(o *bundling) bool { return o.to.address == b.to.address && o.lives() })
	if s.databaseIsAway() || taken || s.isStopped() && !s.broken.claimsAsleep {
		b.end()
		return
	}
	s.bundlings = append(slices.DeleteFunc(s.bundlings, func(o *bundling) bool { return !o.lives() }), b)
	b.over = false
	if first := b.first(); b.inTurn && first != nil && first.holder != nil && !s.broken.ignoresLocks {
		s.wait(&waiter{row: first, node: b.n, life: b.life, point: takenOver, granted: b.load, failed: b.end}, claimWait)
		return
	}
	b.load()
}

// lives reports whether the database still knows the transaction.
func (b *bundling) lives() bool {
	asleep := b.n.stoppedUntil > b.s.now && b.s.now > b.asked+idleInChange
	return !b.over && b.life == b.n.life && !asleep
}

// end rolls back what is not committed.
func (b *bundling) end() {
	for _, c := range b.holds {
		b.s.release(c)
	}
	b.over, b.holds = true, nil
	if b.life == b.n.life {
		delete(b.n.storm.claiming, b.to.address)
	}
}

// waits reports whether an attempt is among what the transaction looks for.
func (b *bundling) waits(r *incidentRow, a *attemptRow) bool {
	now := b.s.clock()
	if b.s.broken.takesOverHeld && a.State == engine.Sending {
		now = a.leaseUntil.Add(1)
	}
	return r.committed && a.unsent() && a.Address == b.to.address && r.stoppedAt.IsZero() &&
		(a.leaseUntil.Before(now) || a.State == engine.Queued && a.claimedAt.IsZero())
}

// inOrder lists what waits: what a worker lost comes first, then the worst.
func (b *bundling) inOrder() (all []left) {
	now := b.s.clock()
	for _, r := range b.s.rows {
		for i := range r.attempts {
			if a := &r.attempts[i]; b.waits(r, a) {
				all = append(all, left{row: r, ref: attemptRef{a.No, a.generation}, unwanted: a.Unwanted, begun: !a.claimedAt.IsZero(),
					message: r.message(a.No), bundled: a.bundle != nonce{}, over: now.Sub(a.leaseUntil)})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y left) int {
		switch {
		case x.begun != y.begun && x.begun:
			return -1
		case x.begun != y.begun:
			return 1
		}
		claimed := 0
		if x.begun {
			claimed = x.attempt().claimedAt.Compare(y.attempt().claimedAt)
		}
		if drills := x.row.isDrill(); claimed == 0 && drills != y.row.isDrill() && !b.s.broken.drillsFirst {
			if drills {
				return 1
			}
			return -1
		}
		return cmp.Or(claimed, cmp.Compare(x.row.inc.Severity, y.row.inc.Severity), x.row.inc.OpenedAt.Compare(y.row.inc.OpenedAt))
	})
	return all
}

func (b *bundling) first() *incidentRow {
	if all := b.inOrder(); len(all) > 0 {
		return all[0].row
	}
	return nil
}

// load locks the incidents, but for those that somebody else holds.
func (b *bundling) load() {
	s := b.s
	b.found, b.writes = nil, nil
	held := false
	for _, l := range b.inOrder() {
		mine := slices.ContainsFunc(b.holds, func(c *change) bool { return c == l.row.holder })
		if l.row.holder != nil && !mine && !s.broken.ignoresLocks {
			held = true
			continue
		}
		if !mine && !s.broken.ignoresLocks {
			c := &change{happening: happening{row: l.row}, node: b.n, life: b.life, asked: s.now}
			l.row.holder, b.holds = c, append(b.holds, c)
			s.bear(c)
		}
		b.found = append(b.found, l)
	}
	switch {
	case len(b.found) > 0:
		b.n.afterIn(b.life, s.latency(), choosing, b.choose)
	case held && !b.inTurn:
		b.over, b.inTurn = true, true
		b.n.afterIn(b.life, s.latency(), takenOver, b.begin)
	default:
		b.n.afterIn(b.life, s.latency(), takenOver, b.end)
	}
}

// choose is the rest of the transaction, to its commit.
func (b *bundling) choose() {
	s := b.s
	ended := slices.ContainsFunc(b.holds, func(c *change) bool { return c.over })
	if ended || b.over || s.databaseIsAway() || s.dice.chance(s.faults.lost) {
		b.end()
		return
	}
	x, ok := b.pick()
	if !ok {
		b.end()
		if !b.inTurn {
			b.inTurn, b.n.storm.claiming[b.to.address] = true, true
			b.n.after(s.latency(), takenOver, b.begin)
		}
		return
	}
	for _, write := range b.writes {
		write()
	}
	b.end()
	if x == nil {
		return
	}
	s.tally.Bundled += len(x.tells) - 1
	if len(x.tells) > 1 {
		s.tally.Bundles++
	}
	x.claimed(b.asked)
}

// pick chooses the next message: what a worker lost, message by message, as long as there is nothing to be
// sent; then what is queued. It is not ok if what it chose was changed meanwhile.
func (b *bundling) pick() (x *sending, ok bool) {
	var fresh []left
	var lost [][]left
	for _, l := range b.found {
		at := slices.IndexFunc(lost, func(some []left) bool { return some[0].message == l.message })
		switch {
		case !l.begun:
			fresh = append(fresh, l)
		case at < 0:
			lost = append(lost, []left{l})
		default:
			lost[at] = append(lost[at], l)
		}
	}
	for _, some := range lost {
		if x, ok := b.again(some[0].message, some); x != nil || !ok {
			return x, ok
		}
	}
	return b.anew(fresh)
}

// again takes up a message that a worker lost, with all that it told: nobody wants it only if nobody wants
// any of that.
func (b *bundling) again(message nonce, some []left) (x *sending, ok bool) {
	s := b.s
	unwanted := !slices.ContainsFunc(some, func(l left) bool { return !l.unwanted }) && !s.broken.takesOverUnwanted
	if unwanted && (!some[0].bundled || s.broken.withdrawsAPart) {
		b.withdraw(some)
		return nil, true
	}
	if !some[0].bundled || s.broken.forgetsBundles {
		return b.take(some[:1], nonce{}, unknown)
	}
	known, live, missing := b.rest(message, len(some))
	switch {
	case live:
		return nil, true // its worker is at it: it reports, one after the other
	case known != unknown && !s.broken.sendsWhatIsKnown:
		s.tally.Known++
		return b.take(some, message, known)
	case missing && some[0].over < straggle:
		return nil, true // somebody holds one of its incidents, for a moment as a rule
	case missing:
		b.part(message)
		return nil, true
	case unwanted:
		b.withdraw(some)
		return nil, true
	}
	leads := slices.IndexFunc(some, func(l left) bool { return l.own() == message })
	if leads < 0 { // withdrawn, and its message not sent
		leads = max(0, slices.IndexFunc(some, func(l left) bool { return !l.unwanted }))
		message = some[leads].own()
	}
	some[0], some[leads] = some[leads], some[0]
	return b.take(some, message, unknown)
}

func (l left) own() nonce { return nonce{l.row, l.ref.attempt} }

// rest asks for the attempts of a bundle that are not among those found.
func (b *bundling) rest(message nonce, found int) (known receipt, live, missing bool) {
	now, unsent := b.s.clock(), 0
	for _, r := range b.s.rows {
		for i := range r.attempts {
			a := &r.attempts[i]
			switch {
			case !r.committed || a.bundle != message:
			case a.unsent():
				unsent++
				live = live || a.State == engine.Sending && !a.leaseUntil.Before(now)
			case known == unknown:
				known = receiptOf(a.State)
			}
		}
	}
	return known, live, unsent > found
}

// part lets go of a bundle of which a part cannot be had: each attempt is looked up, and sent, by itself.
func (b *bundling) part(message nonce) {
	s := b.s
	b.writes = append(b.writes, func() {
		s.tally.Parted++
		for _, r := range s.rows {
			for i := range r.attempts {
				if a := &r.attempts[i]; a.bundle == message && a.unsent() && a.locked == nil {
					s.tell(b.n, "lets attempt %d of %s go its own way", a.No, r.inc.Key)
					a.bundle, a.parted, r.moved = nonce{}, s.now, true
					if s.broken.partsForgotten {
						a.claimedAt = time.Time{}
					}
					if !s.broken.partsUncounted {
						a.generation++ // a worker that is only asleep has it no more
					}
				}
			}
		}
	})
}

// anew takes what is queued for the person who has the worst of it, as much of it as one message can name.
func (b *bundling) anew(fresh []left) (x *sending, ok bool) {
	var unwanted, some []left
	for _, l := range fresh {
		switch {
		case l.unwanted && !b.s.broken.takesOverUnwanted:
			unwanted = append(unwanted, l)
		case len(some) == 0 || b.together(some[0], l):
			some = append(some, l)
		}
	}
	b.withdraw(unwanted)
	if len(some) == 0 {
		return nil, true
	}
	b.s.checkOrder(some[0], slices.DeleteFunc(fresh, func(l left) bool { return l.unwanted }))
	some = b.fitting(some)
	message := nonce{}
	if len(some) > 1 {
		message = some[0].own()
	}
	return b.take(some, message, unknown)
}

// together reports whether one message may tell both: they are for one person, and neither is a drill.
func (b *bundling) together(x, y left) bool {
	if (x.row.isDrill() || y.row.isDrill()) && !b.s.broken.bundlesDrills {
		return false
	}
	return x.row.page(x.ref.attempt).Person == y.row.page(y.ref.attempt).Person || b.s.broken.bundlesAnybody
}

// fitting is pager.fits: a call can be about any number, a text names so many incidents.
func (b *bundling) fitting(some []left) []left {
	if some[0].attempt().Channel == rosters.Voice {
		return some
	}
	var named []*incidentRow
	for i, l := range some {
		if slices.Contains(named, l.row) {
			continue
		}
		if named = append(named, l.row); len(named) > 1+b.s.world.room {
			return some[:i]
		}
	}
	return some
}

// take claims attempts as one message. Those that changed since they were read are left out; if it is the
// one that leads, nothing is claimed, unless it is known what became of the message.
func (b *bundling) take(some []left, bundle nonce, known receipt) (x *sending, ok bool) {
	s := b.s
	lead := some[0].own()
	some = slices.DeleteFunc(slices.Clone(some), func(l left) bool { return !b.unchanged(l) })
	if len(some) == 0 || known == unknown && some[0].own() != lead {
		return nil, false
	}
	if s.broken.forgetsBundles {
		bundle = nonce{}
	}
	x = &sending{s: s, n: b.n, takenOver: true, known: known, again: some[0].begun}
	for _, l := range some {
		ref := l.ref
		if !s.broken.sameGeneration {
			ref.generation++
		}
		x.tells = append(x.tells, told{row: l.row, ref: ref})
	}
	b.writes = append(b.writes, func() {
		if some[0].begun {
			s.tally.TakenOver += len(some)
			s.tell(b.n, "takes over attempt %s", x)
		}
		for i, l := range some {
			s.checkTake(x, i, l.begun)
			a := l.attempt()
			a.generation, a.State, a.leaseUntil, a.bundle, l.row.moved = x.tells[i].ref.generation, engine.Sending, s.clock().Add(lease), bundle, true
			if a.claimedAt.IsZero() {
				a.claimedAt = s.clock()
			}
		}
		s.checkTogether(x)
	})
	return x, true
}

// unchanged reports whether an attempt still is as it was read: a worker may have renewed its lease.
func (b *bundling) unchanged(l left) bool {
	a := l.attempt()
	if b.s.broken.takesUnseen {
		return a.unsent()
	}
	return a.generation == l.ref.generation && a.Unwanted == l.unwanted && a.claimedAt.IsZero() != l.begun && b.waits(l.row, a)
}

func (b *bundling) withdraw(some []left) {
	for _, l := range some {
		b.writes = append(b.writes, func() {
			if a := l.attempt(); b.unchanged(l) {
				a.generation++
				a.State, l.row.moved = engine.Withdrawn, true
			}
		})
	}
}
