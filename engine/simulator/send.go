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

// sending is pager.claimed: a message in the hands of a node, for as long as its lease can be kept.
type sending struct {
	s         *sim
	n         *node
	tells     []told // the attempts that it tells, at least one; the first leads
	known     receipt
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
}

// told is an attempt that a message tells.
type told struct {
	row      *incidentRow
	ref      attemptRef
	poisoned bool // the database will not take its report
	over     bool // its report is written, or will not be
}

func (x *sending) lead() *told { return &x.tells[0] }

func (t *told) attempt() *attemptRow { return t.row.attempt(t.ref.attempt) }

// nonce is what providers know the message by.
func (x *sending) nonce() nonce { return nonce{x.tells[0].row, x.tells[0].ref.attempt} }

// index finds an attempt among those that the message tells, -1 if it is not.
func (x *sending) index(r *incidentRow, attempt int) int {
	for i := range x.tells {
		if x.tells[i].row == r && x.tells[i].ref.attempt == attempt {
			return i
		}
	}
	return -1
}

// send is pager.send: claim, notify, report.
func (n *node) send(r *incidentRow, ref attemptRef) {
	x := &sending{s: n.s, n: n, tells: []told{{row: r, ref: ref}}}
	n.after(n.s.latency(), jobFetched, func() {
		n.awake(jobFetched, func(ok bool) {
			if ok {
				x.claim(1)
			}
		})
	})
}

// claim is pager.claim: while somebody else is at work on the incident the worker waits for its turn, for a
// moment, and then leaves the attempt to the next sweep.
func (x *sending) claim(try int) {
	s := x.s
	if s.databaseIsAway() {
		s.tell(x.n, "cannot claim attempt %s: no database", x)
		return
	}
	asked := s.now
	if x.take(asked) != isLocked || try == claimTries {
		return
	}
	// enginedb.ClaimInTurn
	s.wait(&waiter{row: x.lead().row, node: x.n, life: x.n.life, point: jobFetched,
		granted: func() { x.take(asked) }, failed: func() { x.claim(try + 1) }}, claimWait)
}

// take is the claim's statement, and what the worker does when it hears of it.
func (x *sending) take(asked time.Duration) found {
	got, first := x.s.claim(x)
	switch got {
	case isLocked:
		return got
	case notFound:
		x.s.tell(x.n, "finds nothing to do about attempt %s", x)
		return got
	case ours:
	}
	x.again = !first
	x.claimed(asked)
	return got
}

// claimed is what a worker does once its claim is committed, if it learns of it.
func (x *sending) claimed(asked time.Duration) {
	s := x.s
	s.tell(x.n, "claims attempt %s", x)
	x.held, x.looked, x.fresh, x.claimedAt = asked, s.now, true, s.now
	for i := range x.tells {
		x.tells[i].poisoned = s.dice.chance(s.faults.poison)
	}
	if s.dice.chance(s.faults.unlearnt) {
		s.tally.Unlearnt++
		s.tell(x.n, "never learns of it")
		return
	}
	x.n.storm.told[x.lead().attempt().Address] = s.now
	x.n.sends = append(x.n.sends, x)
	if x.known != unknown {
		x.n.after(s.latency(), leaseTaken, func() { x.report(x.known) })
		return
	}
	x.n.after(s.latency(), leaseTaken, x.notify)
}

// notify is pager.notify: one claimed message goes out on its channel, outside any transaction.
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

// stillWanted is claimed.wanted: asked before a message is tried once more, and after it was looked up. A
// database that does not answer leaves it wanted.
func (x *sending) stillWanted() bool {
	s := x.s
	if s.broken.neverAsksWanted {
		return true
	}
	if s.databaseIsAway() {
		x.looked, x.fresh = 0, true // it could not look: rather twice than never
		return true
	}
	wanted := s.wanted(x)
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
	switch held := !away && s.renew(x); {
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

// report is pager.reportAll: what the provider said is written down for every attempt that the message
// told, each by itself.
func (x *sending) report(r receipt) {
	if x.s.broken.callsAllSent {
		r = sentReceipt
	}
	for i := range x.tells {
		if i > 0 && x.s.broken.reportsTheFirst {
			x.reported(i)
			continue
		}
		x.tryReport(i, r, x.s.now, 50*time.Millisecond, 0)
	}
}

// reported ends the report about one of the attempts.
func (x *sending) reported(i int) {
	x.tells[i].over = true
	for i := range x.tells {
		if !x.tells[i].over {
			return
		}
	}
	x.over = true
}

// tryReport is pager.reportSurely: it writes under the worker's generation, through a database that may be
// away for a while.
func (x *sending) tryReport(i int, r receipt, since, wait time.Duration, tries int) {
	s, t := x.s, &x.tells[i]
	again := func(tries int) {
		if s.now-since > reportFor {
			s.tell(x.n, "gives up reporting attempt %s", t)
			x.reported(i)
			return
		}
		x.n.after(wait, reportDecided, func() { x.tryReport(i, r, since, min(2*wait, time.Second), tries) })
	}
	if t.poisoned {
		if tries++; tries < forceAfter {
			again(tries)
			return
		}
		x.force(i, r)
		return
	}
	s.reportTo(x.n, t.row, t.ref, r, x, reportDecided, func(o outcome) {
		switch o {
		case failed:
			again(tries)
			return
		case refused:
			s.tally.Stale++
			s.tell(x.n, "has its report on attempt %s refused as stale", t)
		default:
			s.tell(x.n, "has reported that attempt %s is %s", t, r.state())
		}
		x.reported(i)
	})
}

// force is enginedb.Force, which waits for the incident's lock. If it waits in vain, the lease runs out.
func (x *sending) force(i int, r receipt) {
	s, t := x.s, &x.tells[i]
	then := func() {
		s.tell(x.n, "forces the report that attempt %s is %s", t, r.state())
		s.tally.Forced++
		s.force(t, r.state())
		x.n.after(s.latency(), reportLearnt, func() { x.reported(i) })
	}
	switch {
	case s.databaseIsAway():
		x.reported(i)
	case t.row.holder == nil || s.broken.ignoresLocks:
		then()
	default:
		s.wait(&waiter{row: t.row, node: x.n, life: x.n.life, point: reportLearnt, granted: then, failed: func() { x.reported(i) }}, lockTimeout)
	}
}

// reportTo is pager.report: a receipt for the engine. A worker's carries its generation, a provider's 0.
func (s *sim) reportTo(n *node, r *incidentRow, ref attemptRef, what receipt, by *sending, p point, then func(outcome)) {
	s.handle(n, happening{row: r, event: engine.Reported{Attempt: ref.attempt, State: what.state()}, named: named{attempt: ref.attempt},
		first: func(c *change) outcome {
			if !s.settle(c, ref) {
				return refused
			}
			c.reporter, c.reports = by, ref
			return goOn
		},
		then: then, deciding: p, committing: p + 1, ending: p + 2})
}
