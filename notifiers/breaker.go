package notifiers

import (
	"cmp"
	"sync"
	"time"
)

const (
	breakAfter = 3 // failures without a success between them
	breakFor   = 10 * time.Second
	// lostFor is for how long a message that did not arrive counts: not every provider says that one did.
	lostFor = time.Hour
)

// Breaker remembers how a provider fared on one channel, and so whether it seems to be out of order. A
// ready-made one would refuse calls while it is open; this one is only ever asked for an opinion. The zero
// Breaker is new; it may be used by many at once.
type Breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time

	down bool // its canary does not come back

	lost      int       // messages that it took and that did not arrive, without one that did between them
	lostAt    time.Time // when the first of them was
	lostLast  time.Time // and the last
	lostUntil time.Time // it is asked last for them until then

	faults int // of the provider's own, also those that say nothing against trying it first, without a success between them
	health Health
}

// Health is how a provider fared on one channel, as far as this process knows.
type Health struct {
	FailingSince time.Time // when the first failure of an unbroken row was, or the first message of one that did not arrive; zero if that is no row yet
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
	if b.lost >= breakAfter && time.Since(b.lostLast) < lostFor && (h.FailingSince.IsZero() || b.lostAt.Before(h.FailingSince)) {
		h.FailingSince = b.lostAt
	}
	return h
}

// MarkDown says whether the provider's canary does not come back: then it is asked last until it does.
func (b *Breaker) MarkDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

// Told takes in what the provider says of a message that it took. One that did not arrive is a failure as one that it
// refused is, unless the person, or the address, is why (see Receipt.Elsewhere, Gone).
func (b *Breaker) Told(now time.Time, r Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.State == Delivered:
		b.lost, b.lostUntil = 0, time.Time{}
	case r.State == Failed && r.Elsewhere && !r.Gone:
		if now.Sub(b.lostLast) >= lostFor {
			b.lost = 0
		}
		if b.lost++; b.lost == 1 {
			b.lostAt = now
		}
		b.lostLast = now
		if b.lost >= breakAfter {
			b.lostUntil = now.Add(breakFor)
		}
		b.health.LastFailure, b.health.Failure = now, MaskNumbers(cmp.Or(r.Detail, "not delivered"))
	}
}

// open reports whether a message is better sent otherwise. After breakFor one message finds it closed, and shows whether
// the provider works again: the others do not wait for that with it.
func (b *Breaker) open(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || now.Before(b.until) || now.Before(b.lostUntil) {
		return true
	}
	if b.failures >= breakAfter {
		b.until = now.Add(breakFor)
	}
	return false
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
