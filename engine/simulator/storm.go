package simulator

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// Times of storms, as in pager and in enginedb's bundles.
const (
	calmSends = 3
	calmFor   = 10 * time.Second
	calmCalls = 1
	callFor   = 30 * time.Second
	firstGap  = 2 * time.Second
	laterGap  = 30 * time.Second
	ringGap   = time.Second
	atLeast   = 500 * time.Millisecond // pager.sweepEvery: who waits for less is looked for again
	ringFor   = 45 * time.Second
	talkFor   = 30 * time.Second
)

// storm is pager.storm: what one node remembers of where it sent lately, by address. An address has one
// channel.
type storm struct {
	decided  map[string][]time.Duration
	alone    map[string][]time.Duration // as decided would be without drills: only to check
	told     map[string]time.Duration
	claiming map[string]bool
	waiting  map[string]time.Duration // until when a first page waits there
}

func newStorm() storm {
	return storm{decided: map[string][]time.Duration{}, alone: map[string][]time.Duration{}, told: map[string]time.Duration{}, claiming: map[string]bool{}, waiting: map[string]time.Duration{}}
}

// calm reports whether one more message may go to an address at once, and counts it if so.
func (m *storm) calm(a *attemptRow, now time.Duration) bool { return m.room(m.decided, a, now) }

func (m *storm) calmAlone(a *attemptRow, now time.Duration) bool { return m.room(m.alone, a, now) }

func (m *storm) room(decided map[string][]time.Duration, a *attemptRow, now time.Duration) bool {
	limit, within := calmSends, calmFor
	if a.Channel == rosters.Voice {
		limit, within = calmCalls, callFor
	}
	all := decided[a.Address]
	if len(all) >= limit && now-all[0] < within || now < m.waiting[a.Address] {
		return false
	}
	all = append(all, now)
	decided[a.Address] = all[max(0, len(all)-limit):]
	return true
}

// free notes that a call is over.
func (m *storm) free(phone string) {
	delete(m.decided, phone)
	delete(m.told, phone)
}

// wait is how much longer what waits for an address is to wait.
func (m *storm) wait(w waiting, now time.Duration) time.Duration {
	told := w.told
	if here, ok := m.told[w.address]; ok && (told < 0 || now-here < told) {
		told = now - here
	}
	switch {
	case w.begun:
		return 0
	case w.ringing:
		return ringGap
	case told < 0:
		return 0
	case !w.first && w.told >= 0 && w.told < laterGap:
		return laterGap - w.told
	default:
		return max(0, firstGap-told)
	}
}

// waiting is enginedb.Waiting: an address to which something is to be sent that nobody is sending.
type waiting struct {
	address               string
	begun, first, ringing bool
	told                  time.Duration // since one message told several there; negative: none did
	since                 time.Time
}

// sweepWaiting is enginedb.queueWaiting. After a stop nothing is found, as long as some incidents have not
// been taken up.
func (s *sim) sweepWaiting() (found []waiting) {
	now := s.clock()
	if s.broken.noTakeover || s.holdsBack(now) {
		return nil
	}
	for _, r := range s.rows {
		for i := range r.attempts {
			a := &r.attempts[i]
			if !r.committed || !a.unsent() || !a.leaseUntil.Before(now) && (a.State == engine.Queued || !s.broken.takesOverHeld) {
				continue
			}
			at := slices.IndexFunc(found, func(w waiting) bool { return w.address == a.Address })
			if at < 0 {
				at, found = len(found), append(found, waiting{address: a.Address, since: a.leaseUntil, told: -1})
			}
			w := &found[at]
			w.begun = w.begun || !a.claimedAt.IsZero()
			w.first = w.first || a.Reason != engine.ReasonNextContact
			if a.leaseUntil.Before(w.since) {
				w.since = a.leaseUntil
			}
		}
	}
	for i := range found {
		s.lookAbout(&found[i], now)
	}
	slices.SortStableFunc(found, func(a, b waiting) int {
		if a.begun != b.begun {
			if a.begun {
				return -1
			}
			return 1
		}
		return a.since.Compare(b.since)
	})
	return found
}

// lookAbout asks what went to the address before.
func (s *sim) lookAbout(w *waiting, now time.Time) {
	for _, r := range s.rows {
		for i := range r.attempts {
			a := &r.attempts[i]
			if a.Address != w.address || a.claimedAt.IsZero() {
				continue
			}
			since := now.Sub(a.claimedAt)
			if a.bundle != (nonce{}) && (w.told < 0 || since < w.told) {
				w.told = since
			}
			out := (a.State == engine.Sending || a.State == engine.Sent) && since < ringFor || a.State == engine.Delivered && since < talkFor
			w.ringing = w.ringing || a.Channel == rosters.Voice && out && !a.hungUp
		}
	}
}

// takeOver is pager.takeOver: it sends what was left by a worker, by the queue, or to be sent together.
func (n *node) takeOver(found []waiting) {
	for _, w := range found {
		if by := n.storm.wait(w, n.s.now); by > 0 {
			if w.first {
				n.storm.waiting[w.address] = n.s.now + by + 2*atLeast
			}
			n.postpone(w, by)
			continue
		}
		if n.storm.claiming[w.address] {
			continue
		}
		n.storm.claiming[w.address] = true
		delete(n.storm.waiting, w.address)
		b := &bundling{s: n.s, n: n, life: n.life, to: w}
		n.after(n.s.latency(), takenOver, b.begin)
	}
}

// postpone is enginedb.Postpone. What fell due since the sweep looked may be more than a next contact: it
// does not wait with those.
func (n *node) postpone(w waiting, by time.Duration) {
	s := n.s
	if by < atLeast || s.databaseIsAway() {
		return
	}
	now := s.clock()
	s.tell(n, "lets %s wait for %s", w.address, by.Round(time.Millisecond))
	for _, r := range s.rows {
		for i := range r.attempts {
			a := &r.attempts[i]
			fresh := a.State == engine.Queued && a.claimedAt.IsZero() && a.Address == w.address && a.leaseUntil.Before(now)
			if r.committed && fresh && (w.first || a.Reason == engine.ReasonNextContact || s.broken.postponesAll) {
				s.checkPostponed(r, a, by)
				a.leaseUntil, r.moved = now.Add(by), true
			}
		}
	}
}
