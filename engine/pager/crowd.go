package pager

import "sync"

// crowd lets things that come at the same time be done together. Nothing waits for company: what comes
// alone is done alone, and while that is under way the next gather.
type crowd[T any] struct {
	do      func([]T)
	most    int // done together
	leaders int // times that do runs at the same time, at most

	mu      sync.Mutex
	waiting []T
	leading int
}

func newCrowd[T any](most, leaders int, do func([]T)) *crowd[T] {
	return &crowd[T]{do: do, most: most, leaders: leaders}
}

// join adds something to be done.
func (c *crowd[T]) join(x T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, x)
	if c.leading < c.leaders {
		c.leading++
		go c.lead()
	}
}

// lead does what waits until nothing does.
func (c *crowd[T]) lead() {
	for {
		some := c.take()
		if some == nil {
			return
		}
		c.do(some)
	}
}

func (c *crowd[T]) take() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), c.most)
	if n == 0 {
		c.leading--
		return nil
	}
	some := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if len(c.waiting) == 0 {
		c.waiting = nil // what was done is not kept alive
	}
	return some
}
