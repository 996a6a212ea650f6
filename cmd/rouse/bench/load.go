package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// load is what clients did side by side.
type load struct {
	done int
	took time.Duration // from the first call to the last answer
}

func (l load) perSecond() float64 { return float64(l.done) / l.took.Seconds() }

// drive lets clients make calls, each one after the other, as long as more says so; i counts the calls
// of all. The first error ends it.
func drive(ctx context.Context, clients int, more func(i int) bool, call func(ctx context.Context, i int) error) (load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var next, done atomic.Int64
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if ctx.Err() != nil || !more(i) {
					return
				}
				if err := call(ctx, i); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return load{done: int(done.Load()), took: time.Since(began)}, context.Cause(ctx)
}

// times is a drive of n calls, lasting one that makes no new calls after d.
func times(n int) func(int) bool { return func(i int) bool { return i < n } }

func lasting(d time.Duration) func(int) bool {
	end := time.Now().Add(d)
	return func(int) bool { return time.Now().Before(end) }
}

// onSchedule makes n calls, one each interval, whether the earlier ones were answered or not, and
// returns when all were. Clients that wait for answers would send less just when the server is slow,
// and not see how slow it is. due is when the call was to be made, though it may be made later.
func onSchedule(ctx context.Context, n int, every time.Duration, call func(i int, due time.Time) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * every)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			wg.Wait()
			return context.Cause(ctx)
		}
		wg.Go(func() {
			if err := call(i, due); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
