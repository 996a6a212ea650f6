package pager

import (
	"maps"
	"sync"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
)

// What makes a storm (rule 12). An address that is sent no more than this gets every message at once; what
// comes on top is left to the sweeper, which sends all that waits for the address as one.
const (
	calmSends = 3 // within calmFor
	calmFor   = 10 * time.Second
	calmCalls = 1 // within callFor, or until it is over
	callFor   = 30 * time.Second

	firstGap = 2 * time.Second  // between two messages
	laterGap = 30 * time.Second // after one about several, before one about nothing but next contacts
	ringGap  = time.Second      // until it is looked again whether a phone that rings is free

	maxPlaces = 10_000 // addresses that are remembered
)

// storm remembers what this node decided to send where lately, what it sent, and where it is about to. Other
// nodes have a memory of their own: they may send an address as much again at once, but of what was bundled
// they know.
type storm struct {
	mu       sync.Mutex
	decided  map[place][]time.Time // to be sent at once: the last ones, the oldest first
	told     map[place]time.Time   // when a message was last claimed
	claiming map[place]bool
	waiting  map[place]time.Time // until when a first page waits there: nothing overtakes it
}

type place struct {
	channel rosters.Channel
	address string
}

func newStorm() *storm {
	return &storm{decided: map[place][]time.Time{}, told: map[place]time.Time{}, claiming: map[place]bool{}, waiting: map[place]time.Time{}}
}

// calm reports whether one more message may go to an address at once, and counts it if so.
func (s *storm) calm(to place) bool {
	limit, within := calmSends, calmFor
	if to.channel == rosters.Voice {
		limit, within = calmCalls, callFor
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.decided[to]
	if len(all) >= limit && time.Since(all[0]) < within || time.Now().Before(s.waiting[to]) {
		return false
	}
	all = append(all, time.Now())
	s.decided[to] = all[max(0, len(all)-limit):]
	if len(s.decided) > maxPlaces {
		maps.DeleteFunc(s.decided, func(_ place, all []time.Time) bool { return old(all[len(all)-1]) })
	}
	return true
}

// tell notes that a message is on its way.
func (s *storm) tell(to place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[to] = time.Now()
	if len(s.told) > maxPlaces {
		maps.DeleteFunc(s.told, func(_ place, at time.Time) bool { return old(at) })
	}
}

// free notes that a call is over.
func (s *storm) free(phone place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.decided, phone)
	delete(s.told, phone)
}

// old is what decides nothing any more.
func old(at time.Time) bool { return time.Since(at) > max(calmFor, callFor) }

// wait is how much longer what waits for an address is to wait: not at all if a worker has lost some of it.
func (s *storm) wait(w enginedb.Waiting) time.Duration {
	s.mu.Lock()
	here, ok := s.told[place{w.Channel, w.Address}]
	s.mu.Unlock()
	told := w.Told
	if since := time.Since(here); ok && (told < 0 || since < told) {
		told = since
	}
	switch {
	case w.Begun:
		return 0
	case w.Ringing:
		return ringGap
	case w.Capped > 0:
		return min(w.Capped, laterGap) // then it is looked again
	case told < 0:
		return 0
	case !w.First && w.Told >= 0 && w.Told < laterGap:
		return laterGap - w.Told
	default:
		return max(0, firstGap-told)
	}
}

// hold notes that a first page waits at an address, until the sweep after that.
func (s *storm) hold(to place, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[to] = time.Now().Add(wait + 2*sweepEvery)
	if len(s.waiting) > maxPlaces {
		maps.DeleteFunc(s.waiting, func(_ place, until time.Time) bool { return time.Now().After(until) })
	}
}

// begin marks an address as being claimed, unless it is already; what waits there waits no longer.
func (s *storm) begin(to place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claiming[to] {
		return false
	}
	s.claiming[to] = true
	delete(s.waiting, to)
	return true
}

func (s *storm) end(to place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claiming, to)
}
