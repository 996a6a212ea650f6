package notifiers

import (
	"sync"
	"time"
)

const (
	breakAfter = 3 // failures without a success between them
	breakFor   = 10 * time.Second
)

// Breaker remembers how a provider fared on one channel, and so whether it seems to be out of order. A
// ready-made one would refuse calls while it is open; this one is only ever asked for an opinion. The zero
// Breaker is new; it may be used by many at once.
type Breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time

	faults int // of the provider's own, also those that say nothing against trying it first, without a success between them
	health Health
}

// Health is how a provider fared on one channel, as far as this process knows.
type Health struct {
	FailingSince time.Time // when the first failure of an unbroken row was; zero if that is no row yet
	LastSuccess  time.Time // when it last took a message; zero: never
	LastFailure  time.Time // when it last could not, though the address was none to blame; zero: never
	Failure      string    // what that was, in plain words without numbers and secrets
}

// Health is what is remembered.
func (b *Breaker) Health() Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.health
	if b.faults < breakAfter {
		h.FailingSince = time.Time{}
	}
	return h
}

func (b *Breaker) open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.until)
}

func (b *Breaker) succeeded(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.until = 0, time.Time{}
	b.faults, b.health.FailingSince, b.health.LastSuccess = 0, time.Time{}, now
}

// failed takes in what a provider could not do, or would not.
func (b *Breaker) failed(now time.Time, f *Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.Kind == Final { // it works, it just will not do this
		b.failures, b.until = 0, time.Time{}
		if !f.Elsewhere { // nor would any other
			b.faults, b.health.FailingSince = 0, time.Time{}
			return
		}
	} else if b.failures++; b.failures >= breakAfter {
		b.until = now.Add(breakFor)
	}
	if b.faults++; b.faults == 1 {
		b.health.FailingSince = now
	}
	b.health.LastFailure, b.health.Failure = now, f.Error()
}
