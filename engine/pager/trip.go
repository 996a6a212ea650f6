package pager

import "time"

// trip remembers an incident whose tick failed, so that it is tried again a little later each time and
// does not fill the sweep.
type trip struct {
	until time.Time
	wait  time.Duration
}

const maxTrip = 30 * time.Second

func (p *Pager) isTripped(id int64) bool {
	p.tripMu.Lock()
	defer p.tripMu.Unlock()
	t, ok := p.tripped[id]
	if !ok {
		return false
	}
	if now := time.Now(); now.After(t.until.Add(maxTrip)) {
		delete(p.tripped, id)
		return false
	} else {
		return now.Before(t.until)
	}
}

func (p *Pager) trip(id int64) {
	p.tripMu.Lock()
	defer p.tripMu.Unlock()
	wait := min(max(2*p.tripped[id].wait, 500*time.Millisecond), maxTrip)
	p.tripped[id] = trip{until: time.Now().Add(wait), wait: wait}
}
