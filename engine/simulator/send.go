package simulator

import (
	"time"

	"rouse/engine"
)

// Times of the worker, as in pager.
const (
	lease      = 5 * time.Second
	renewEvery = 1500 * time.Millisecond
	sendWithin = 25 * time.Second
	claimTries = 3
	claimWait  = 300 * time.Millisecond
	reportFor  = 30 * time.Second
	forceAfter = 3
)

// sending is pager.claimed: an attempt in the hands of a node, for as long as its lease can be kept.
type sending struct {
	s         *sim
	n         *node
	row       *incidentRow
	ref       attemptRef
	takenOver bool
	again     bool          // an earlier worker had it: the provider is asked first
	claimedAt time.Duration // when it was claimed
	held      time.Duration // when the lease was last known to be ours, before the database was asked
	looked    time.Duration // when the worker last saw that the message is wanted
	begins    time.Duration // when it began to send
	fresh     bool          // it has looked since it last called a provider
	asked     []question    // to providers, whether they have the message
	over      bool          // the worker has ended
	under     *chain        // what is under way at the providers, if anything
	poisoned  bool          // the database will not take its report
}

// send is pager.send: claim, notify, report.
func (n *node) send(r *incidentRow, ref attemptRef) { n.sendAs(r, ref, false) }

func (n *node) sendAs(r *incidentRow, ref attemptRef, left bool) {
	x := &sending{s: n.s, n: n, row: r, ref: ref, takenOver: left}
	p := jobFetched
	if left {
		p = takenOver
	}
	n.after(n.s.latency(), p, func() { x.claim(1) })
}

// claim is pager.claim: while somebody else is at work on the incident the worker waits for its turn, for a
// moment, and then leaves the attempt to the next sweep.
func (x *sending) claim(try int) {
	s := x.s
	if s.databaseIsAway() {
		s.tell(x.n, "cannot claim attempt %s: no database", x)
		return
	}
	x.held = s.now
	if x.take() != isLocked || try == claimTries {
		return
	}
	// enginedb.ClaimInTurn
	s.wait(&waiter{row: x.row, node: x.n, life: x.n.life, point: jobFetched,
		granted: func() { x.take() }, failed: func() { x.claim(try + 1) }}, claimWait)
}

// take is the claim's statement, and what the worker does when it hears of it.
func (x *sending) take() found {
	s := x.s
	got, first := s.claim(x.row, x.ref)
	switch got {
	case isLocked:
		return got
	case notFound:
		s.tell(x.n, "finds nothing to do about attempt %s", x)
		return got
	case ours:
	}
	s.tell(x.n, "claims attempt %s", x)
	x.looked, x.fresh, x.claimedAt, x.again = s.now, true, s.now, !first
	x.poisoned = s.dice.chance(s.faults.poison)
	if s.dice.chance(s.faults.unlearnt) {
		s.tally.Unlearnt++
		s.tell(x.n, "never learns of it")
		return got
	}
	x.n.sends = append(x.n.sends, x)
	x.n.after(s.latency(), leaseTaken, x.notify)
	return got
}

// notify is pager.notify: one claimed attempt goes out on its channel, outside any transaction.
func (x *sending) notify() {
	s := x.s
	x.begins = s.now
	x.n.afterUnless(&x.over, renewEvery, leaseRenewed, x.keepLease)
	switch {
	case s.now-x.held > lease-renewEvery && !s.broken.sendsWithoutLease:
		s.tell(x.n, "was kept too long: it leaves attempt %s to the next", x)
		x.over = true
		return
	case x.n.leaving && !x.takenOver: // its context is over
		x.over = true
		return
	}
	x.n.afterUnless(&x.over, sendWithin, providerCalled, func() {
		if x.under != nil {
			x.cutOff(tooLong)
		}
	})
	x.notifyOnce(x.again, func(r receipt) {
		// Looked up first, where it can be; else rather twice than never.
		if r == unknown && x.stillWanted() {
			x.notifyOnce(true, x.report)
			return
		}
		x.report(r)
	})
}

func (x *sending) notifyOnce(again bool, then func(receipt)) {
	x.under = &chain{x: x, providers: x.s.world.providers[x.channel()], then: func(r receipt) { x.under = nil; then(r) }}
	x.under.notify(again)
}

// stillWanted is claimed.wanted: asked before a message is tried once more. A database that does not
// answer leaves it wanted.
func (x *sending) stillWanted() bool {
	s := x.s
	if s.broken.neverAsksWanted {
		return true
	}
	if s.databaseIsAway() {
		x.looked, x.fresh = 0, true // it could not look: rather twice than never
		return true
	}
	wanted := s.wanted(x.row, x.ref)
	if wanted {
		x.looked, x.fresh = s.now, true
	}
	return wanted
}

// why is why a send is cut off.
type why uint8

const (
	leaseLost why = iota
	tooLong
	leaving
)

// cutOff ends what is under way at a provider, which may take the message all the same.
func (x *sending) cutOff(because why) {
	x.under.over = true
	x.under = nil
	switch because {
	case tooLong:
		x.report(failedReceipt)
	case leaseLost, leaving: // whoever has the attempt next decides what becomes of it
		x.s.tell(x.n, "lets go of attempt %s", x)
		x.over = true
	}
}

// keepLease is claimed.keepLease: until the worker has ended, or the lease cannot be kept.
func (x *sending) keepLease() {
	s := x.s
	asked := s.now
	away := s.databaseIsAway()
	switch held := !away && s.renew(x.row, x.ref); {
	case held:
		x.held = asked
	case !away, s.now-x.held > lease-renewEvery:
		s.tell(x.n, "has lost the lease of attempt %s", x)
		if x.under != nil {
			x.cutOff(leaseLost)
		}
		return
	}
	x.n.afterUnless(&x.over, renewEvery, leaseRenewed, x.keepLease)
}

// report is pager.reportSurely: what the provider said is written down under the worker's generation,
// through a database that may be away for a while.
func (x *sending) report(r receipt) {
	if x.s.broken.callsAllSent {
		r = sentReceipt
	}
	x.tryReport(r, x.s.now, 50*time.Millisecond, 0)
}

func (x *sending) tryReport(r receipt, since, wait time.Duration, tries int) {
	s := x.s
	again := func(tries int) {
		if s.now-since > reportFor {
			s.tell(x.n, "gives up reporting attempt %s", x)
			x.over = true
			return
		}
		x.n.after(wait, reportDecided, func() { x.tryReport(r, since, min(2*wait, time.Second), tries) })
	}
	if x.poisoned {
		if tries++; tries < forceAfter {
			again(tries)
			return
		}
		s.tell(x.n, "forces the report that attempt %s is %s", x, r.state())
		s.tally.Forced++
		s.force(x.row, x.ref, r.state())
		x.over = true
		return
	}
	s.reportTo(x.n, x.row, x.ref, r, x, reportDecided, func(o outcome) {
		switch o {
		case failed:
			again(tries)
			return
		case refused:
			s.tally.Stale++
			s.tell(x.n, "has its report on attempt %s refused as stale", x)
		default:
			s.tell(x.n, "has reported that attempt %s is %s", x, r.state())
		}
		x.over = true
	})
}

// reportTo is pager.report: a receipt for the engine. A worker's carries its generation, a provider's 0.
func (s *sim) reportTo(n *node, r *incidentRow, ref attemptRef, what receipt, by *sending, p point, then func(outcome)) {
	s.handle(n, happening{row: r, event: engine.Reported{Attempt: ref.attempt, State: what.state()}, named: named{attempt: ref.attempt},
		first: func(c *change) outcome {
			if !s.settle(c, ref) {
				return refused
			}
			c.reporter = by
			return goOn
		},
		then: then, deciding: p, committing: p + 1, ending: p + 2})
}
