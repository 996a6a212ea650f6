package simulator

import (
	"time"

	"rouse/rosters"
)

// reaction is what a caller hears from a provider.
type reaction uint8

const (
	takes       reaction = iota
	refuses              // for good: the address does not work
	refusesHere          // for good, but another provider may do it
	refusesNow           // 429
	ownError             // an error of its own: it may have the message all the same
	silent               // no answer: likewise
)

var reactionNames = [...]string{"taken", "refused", "refused here", "refused for now", "an error of its own", "nothing"}

func (x *sending) channel() rosters.Channel { return x.lead().attempt().Channel }

// call sends the message to the provider whose turn it is.
func (c *chain) call() {
	x, s, p := c.x, c.x.s, c.providers[c.link]
	s.checkCall(x, p)
	if s.failure != nil {
		return
	}
	k := &call{by: x, provider: p, begun: s.now}
	for i := range x.tells {
		b := &x.tells[i].row.book
		if len(b.calls) == 0 || b.calls[len(b.calls)-1] != k { // else paged in two roles at once
			b.calls = append(b.calls, k)
		}
	}
	s.tally.Sends++
	s.tell(x.n, "calls %s with attempt %s, %s to %s", p.name, x, x.channel(), x.lead().row.page(x.lead().ref.attempt).Person)
	a, lands, answers := s.react(x.lead().attempt().Address)
	if lands > 0 {
		s.after(lands, func() { s.land(k) })
	}
	x.n.after(answers, providerCalled, func() {
		if c.over {
			return
		}
		k.heard, k.taken = a != silent && a != ownError, a == takes
		c.heard(k, a)
	})
}

// react decides what a provider does: what its caller hears after how long, and after how long it has the
// message, 0 if it never does.
func (s *sim) react(address string) (a reaction, lands, answers time.Duration) {
	f, d := s.faults, s.dice
	soon := d.between(20*time.Millisecond, 200*time.Millisecond)
	later := soon + d.between(10*time.Millisecond, 200*time.Millisecond)
	switch {
	case s.world.isDead(address):
		return refuses, 0, later
	case d.chance(f.hangs):
		if d.chance(0.5) {
			lands = d.between(time.Millisecond, 30*time.Second)
		}
		return silent, lands, noAnswerIn
	case d.chance(f.answerLost):
		return silent, soon, later
	case d.chance(f.neverArrives):
		return silent, 0, later
	case d.chance(f.refusesNow):
		return refusesNow, 0, later
	case d.chance(f.refusesHere):
		return refusesHere, 0, later
	case d.chance(f.breaks):
		if d.chance(0.5) {
			lands = soon
		}
		return ownError, lands, later
	default:
		return takes, soon, later
	}
}

// land is the provider having the message: it reaches a phone, and sooner or later there is a receipt.
func (s *sim) land(k *call) {
	k.landed = s.now
	for _, t := range k.by.tells {
		if t.row.arrived(t.ref.attempt) > 1 {
			s.tally.Duplicates++
			break
		}
	}
	s.tell(nil, "%s has attempt %s", k.provider.name, k.by)
	s.receipts(k)
	s.reach(k)
}

// receipts plans what the provider will tell: late, twice, in any order, or never.
func (s *sim) receipts(k *call) {
	f, d := s.faults, s.dice
	r := deliveredReceipt
	var in time.Duration
	switch k.by.channel() {
	case rosters.SMS:
		in = d.between(time.Second, 8*time.Second)
	case rosters.Voice: // nobody answers, or only voicemail
		in = d.between(20*time.Second, 26*time.Second)
		r = pick(d, deliveredReceipt, failedReceipt)
	default:
		return
	}
	if d.chance(f.undelivered) {
		r = failedReceipt
	}
	if d.chance(f.receiptNever) {
		return
	}
	if d.chance(f.receiptLate) {
		in = d.between(in, 2*time.Minute)
	}
	s.callback(k, r, in, 0)
	if d.chance(f.receiptTwice) {
		s.callback(k, r, d.between(0, time.Minute), 0)
		s.callback(k, sentReceipt, d.between(0, time.Minute), 0)
	}
	if d.chance(f.receiptWrong) { // both ends of it
		s.callback(k, pick(d, failedReceipt, deliveredReceipt), d.between(0, time.Minute), 0)
	}
}

// callback is a provider's request with news: api/callbacks and pager.Report. It is told again a few times
// when nobody takes it.
func (s *sim) callback(k *call, r receipt, in time.Duration, try int) {
	if try == 3 {
		return
	}
	s.after(in, func() {
		again := func() { s.callback(k, r, s.dice.between(time.Second, 5*time.Second), try+1) }
		n := s.nodes[s.dice.below(len(s.nodes))]
		if !n.works() {
			again()
			return
		}
		n.after(s.latency(), receiptRead, func() { n.receipt(k, r, again) })
	})
}

// receipt is pager.Report: news about a message is news about all that it told.
func (n *node) receipt(k *call, r receipt, again func()) {
	s := n.s
	told := s.toldBy(k.by.nonce())
	left, bad := len(told), false
	for i, t := range told {
		if i > 0 && s.broken.newsOfTheFirst {
			left--
			continue
		}
		s.tell(n, "reads a receipt: attempt %d of %s is %s", t.attempt, t.row.inc.Key, r.state())
		s.reportTo(n, t.row, attemptRef{attempt: t.attempt}, r, nil, receiptDecided, func(o outcome) {
			left, bad = left-1, bad || o == failed
			if left > 0 {
				return
			}
			if bad {
				again()
			} else {
				s.checkFate(k, r)
			}
			if r != sentReceipt && k.by.channel() == rosters.Voice && !s.databaseIsAway() {
				n.callOver(told)
			}
		})
	}
}

// callOver is pager.callOver.
func (n *node) callOver(told []nonce) {
	for _, t := range told {
		t.row.attempt(t.attempt).hungUp, t.row.moved = true, true
	}
	n.storm.free(told[0].row.attempt(told[0].attempt).Address)
}

// withdraw is pager.withdraw: a call that nobody needs any more is hung up.
func (n *node) withdraw(r *incidentRow, attempt int) {
	s := n.s
	n.after(s.latency(), hangingUp, func() {
		a := r.attempt(attempt)
		if s.databaseIsAway() || !a.providerID || s.wantedBeside(a) && !s.broken.hangsUpSomeWanted {
			return // not with a provider yet: its report asks again; nor over: who answers the rest of it asks again
		}
		s.checkHangUp(r, a)
		if s.dice.chance(s.faults.hangUpFails) || s.broken.hangsUpNobody {
			return
		}
		n.after(s.dice.between(20*time.Millisecond, 300*time.Millisecond), hungUp, func() {
			if !s.databaseIsAway() {
				s.tell(n, "has hung up attempt %d of %s", attempt, r.inc.Key)
				s.checkHungUp(r, r.attempt(attempt))
				for _, t := range s.toldBy(r.message(attempt)) {
					t.row.attempt(t.attempt).hungUp, t.row.moved = true, true
				}
			}
		})
	})
}
