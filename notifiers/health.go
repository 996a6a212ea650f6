package notifiers

import (
	"errors"
	"time"
)

// Record is what is kept of a provider on one channel where it outlives a restart, and other nodes see it.
type Record struct {
	Health     // FailingSince also of a row of failures that is too short to count yet
	Faults int // failures of the row
}

// Record is what is remembered, but for messages that did not arrive: what became of those is known elsewhere.
func (b *Breaker) Record() Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Record{Health: b.health, Faults: b.faults}
}

// Ended is a record in which the row of failures is over.
func (r Record) Ended() Record {
	r.FailingSince, r.Faults = time.Time{}, 0
	return r
}

// Restore remembers what was kept instead of a Record, and reports whether it did: not if there was news meanwhile. It has
// no say in whom to ask first: what failed long ago may be well.
func (b *Breaker) Restore(instead, kept Record) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if (Record{Health: b.health, Faults: b.faults}) != instead {
		return false
	}
	b.health, b.faults = kept.Health, kept.Faults
	return true
}

// Wrote takes in how writing a post into a chat by the name of provider ended, nil being that it is there. Each refusal
// counts as the chat's: where it posts to is the operator's setting, not somebody's address.
func (b *Breaker) Wrote(now time.Time, provider string, err error) {
	if err == nil {
		b.succeeded(now)
		return
	}
	f := &Failure{Kind: Unknown, Detail: "the post could not be written", Err: err}
	if known, ok := errors.AsType[*Failure](err); ok {
		copied := *known
		f = &copied
	}
	f.Provider, f.Elsewhere = provider, true
	b.failed(now, f)
}
