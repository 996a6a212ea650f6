package prove

import (
	"context"
	"sync/atomic"
	"time"
)

// stall is the longest time for which the machine let the experiment itself wait for its turn: nobody can be
// asked to be quicker than that.
type stall struct{ longest atomic.Int64 }

func (s *stall) watch(ctx context.Context) {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if d := int64(now.Sub(last) - every); d > s.longest.Load() {
			s.longest.Store(d)
		}
		last = now
	}
}

func (s *stall) was() time.Duration { return time.Duration(s.longest.Load()) }
