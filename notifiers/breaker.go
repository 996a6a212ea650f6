package notifiers

import (
	"sync"
	"time"
)

const (
	breakAfter = 3 // failures without a success between them
	breakFor   = 10 * time.Second
)

// breaker remembers whether a provider seems to be out of order. A ready-made one would refuse
// calls while it is open; this one is only ever asked for an opinion.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
}

func (b *breaker) open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.until = 0, time.Time{}
}

func (b *breaker) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures++; b.failures >= breakAfter {
		b.until = now.Add(breakFor)
	}
}
