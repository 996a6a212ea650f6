package bench

import (
	"context"
	"slices"
	"sync"
	"time"
)

// measureKill kills the server while the second level of fifty incidents is being paged, starts it
// again, and compares what was accepted with what was pushed.
func measureKill(ctx context.Context, r *rig) ([]Figure, error) {
	const n = 50
	ladders, err := r.ladders(ctx, slices.Repeat([]time.Duration{3 * time.Second}, n)...)
	if err != nil {
		return nil, err
	}
	accepted := r.fire(ctx, ladders, n+n/2)
	if _, err := r.Start(ctx); err != nil {
		return nil, err
	}
	ready := time.Now()
	next, told := time.Duration(-1), map[pushed]bool{}
	err = r.provider.follow(ctx, time.Minute, func(p pushed) bool {
		if next < 0 && p.at.After(ready) {
			next = p.at.Sub(ready)
		}
		if accepted[p.key] {
			told[pushed{key: p.key, topic: p.topic}] = true
		}
		return len(told) == 2*len(accepted)
	})
	if err != nil && ctx.Err() != nil {
		return nil, err
	} // else some are lost
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	pushes := r.provider.all()
	all := []Figure{
		{Name: "killed while paging: incidents accepted", Value: float64(len(accepted)), N: n},
		{Name: "killed while paging: pages lost", Value: float64(2*len(accepted) - len(told)), Goal: "0", N: 2 * len(accepted)},
		{Name: "killed while paging: duplicates", Value: float64(duplicates(pushes)), N: len(pushes)},
	}
	if next >= 0 {
		all = append(all, Figure{Name: "killed while paging: ready again to next page", Value: next.Seconds(), Unit: "s"})
	}
	return all, nil
}

// fire sends an alert for each ladder from eight senders and kills the server after so many pushes. It returns the keys
// that were given out: what was not answered was not accepted.
func (r *rig) fire(ctx context.Context, ladders []ladder, pushes int) map[string]bool {
	var mu sync.Mutex
	var killed sync.WaitGroup
	accepted, came := map[string]bool{}, 0
	killed.Go(func() {
		if r.provider.follow(ctx, 20*time.Second, func(pushed) bool { came++; return came == pushes }) == nil {
			r.Kill()
		}
	})
	_, _ = drive(ctx, 8, times(len(ladders)), func(ctx context.Context, i int) error {
		if key, err := r.client.send(ctx, newAlert(ladders[i].service, "kill")); err == nil {
			mu.Lock()
			accepted[key] = true
			mu.Unlock()
		}
		return nil // one that was not answered is not counted
	})
	killed.Wait()
	return accepted
}
