package pager

import (
	"errors"
	"sync"
	"time"

	"rouse/engine/enginedb"
)

// busy are the incidents that the sweeper leaves alone: those that are being ticked, those that somebody
// else holds just now, and those whose tick failed, which are tried again a little later each time. Left
// in the query they would, in numbers, hide the others.
type busy struct {
	mu      sync.Mutex
	ticks   map[int64]bool
	resting map[int64]rest
}

type rest struct {
	until time.Time
	wait  time.Duration
}

const (
	heldRest  = 100 * time.Millisecond // somebody else is at work on it
	firstRest = 500 * time.Millisecond
	longRest  = 30 * time.Second
)

func newBusy() *busy { return &busy{ticks: map[int64]bool{}, resting: map[int64]rest{}} }

// begin marks an incident as being ticked, unless it is already.
func (b *busy) begin(id int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ticks[id] {
		return false
	}
	b.ticks[id] = true
	return true
}

// end takes the mark off. An incident that could not be ticked is given a rest.
func (b *busy) end(id int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ticks, id)
	switch {
	case err == nil:
		delete(b.resting, id)
	case errors.Is(err, enginedb.ErrLocked):
		b.resting[id] = rest{until: time.Now().Add(heldRest)}
	case !refused(err): // the database's own trouble: every incident has it, and none may be late for it afterwards
		b.resting[id] = rest{until: time.Now().Add(firstRest), wait: firstRest}
	default:
		wait := min(max(2*b.resting[id].wait, firstRest), longRest)
		b.resting[id] = rest{until: time.Now().Add(wait), wait: wait}
	}
}

// left lists the incidents to leave out of the search.
func (b *busy) left() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]int64, 0, len(b.ticks))
	for id := range b.ticks {
		ids = append(ids, id)
	}
	now := time.Now()
	for id, r := range b.resting {
		switch {
		case now.After(r.until.Add(longRest)): // not due any more, or another node's by now
			delete(b.resting, id)
		case now.Before(r.until) && !b.ticks[id]:
			ids = append(ids, id)
		}
	}
	return ids
}
