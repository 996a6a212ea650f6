package pager

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestACrowdDoesEverythingOnce(t *testing.T) {
	const most, leaders, all = 7, 2, 1000
	var mu sync.Mutex
	var leading, largest, crowded atomic.Int64
	done := map[int]int{}
	var finished sync.WaitGroup
	finished.Add(all)
	c := newCrowd(most, leaders, func(some []int) {
		largest.Store(max(largest.Load(), int64(len(some))))
		crowded.Store(max(crowded.Load(), leading.Add(1)))
		mu.Lock()
		for _, x := range some {
			done[x]++
			finished.Done()
		}
		mu.Unlock()
		leading.Add(-1)
	})
	var joining sync.WaitGroup
	for i := range all {
		joining.Go(func() { c.join(i) })
	}
	joining.Wait()
	finished.Wait()
	for i := range all {
		if done[i] != 1 {
			t.Errorf("%d was done %d times", i, done[i])
		}
	}
	if largest.Load() > most || crowded.Load() > leaders {
		t.Errorf("%d were done together, %d at the same time; want %d and %d at the most", largest.Load(), crowded.Load(), most, leaders)
	}
}
