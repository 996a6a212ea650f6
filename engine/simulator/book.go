package simulator

import (
	"time"

	"rouse/engine"
)

// book is what is known of an incident from outside the database: what was seen to be committed, and what
// the providers saw.
type book struct {
	calls    []*call
	claims   []attemptRef    // as they were granted
	ended    []bool          // by attempt: its end was committed once
	closed   []time.Duration // by page: when its end was first committed, 0 while it is open
	unwanted []time.Duration // by attempt: when it was first committed that nobody wants it, 0 while it is wanted
	forced   bool            // the engine was not told something
	ladders  []climbed       // by escalation
	toldWhy  bool            // the timeline says why nobody is paged
}

// climbed is how an escalation's ladder was climbed.
type climbed struct {
	since   time.Duration   // since when it has been climbed without a break
	visited []time.Duration // by level: when it was last paged, or seen to have nobody
}

// holds reports whether a provider has an attempt.
func (b *book) holds(p *provider, attempt int) bool {
	for _, k := range b.calls {
		if k.provider == p && k.by.ref.attempt == attempt && k.landed > 0 {
			return true
		}
	}
	return false
}

// arrived counts the messages of an attempt that providers have.
func (b *book) arrived(attempt int) (n int) {
	for _, k := range b.calls {
		if k.by.ref.attempt == attempt && k.landed > 0 {
			n++
		}
	}
	return n
}

// landed is when a provider last took an attempt.
func (b *book) landed(attempt int) (at time.Duration) {
	for _, k := range b.calls {
		if k.by.ref.attempt == attempt {
			at = max(at, k.landed)
		}
	}
	return at
}

// interrupted reports whether it stayed open what became of a call: nobody heard, or could write down what
// was heard.
func (k *call) interrupted() bool { return !k.reported && (!k.heard || k.taken) }

// grown makes room for number n, counted from 1.
func grown[T any](s []T, n int) []T {
	for len(s) < n {
		s = append(s, *new(T))
	}
	return s
}

// ended reports whether nothing more becomes of an attempt by itself.
func ended(st engine.AttemptState) bool {
	return st == engine.Sent || st == engine.Delivered || st == engine.Failed || st == engine.Withdrawn
}

// visit marks a level as paged, or as seen to have nobody.
func (b *book) visit(e *engine.Escalation, level int, at time.Duration) {
	b.ladders = grown(b.ladders, e.No)
	l := &b.ladders[e.No-1]
	l.visited = grown(l.visited, len(e.Ladder.Levels))
	l.visited[level] = at
}
