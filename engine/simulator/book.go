package simulator

import (
	"slices"
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
	unwanted []time.Duration // by attempt: since when nobody wants what was sent, or it failed, else 0
	forced   bool            // something was written since the last commit, and the engine was not told
	stops    int             // how many of the stops it was told of, or need not be
	missed   bool            // it was held when the others were told
	ladders  []climbed       // by escalation
	toldWhy  bool            // the timeline says why nobody is paged
}

// climbed is how an escalation's ladder was climbed.
type climbed struct {
	since   time.Duration   // since when it has been climbed without a break
	visited []time.Duration // by level: when it was last paged, or seen to have nobody
}

// tells finds an attempt among those that a call told, -1 if it did not.
func (k *call) tells(r *incidentRow, attempt int) int { return k.by.index(r, attempt) }

// calls lists the calls that told an attempt.
func (r *incidentRow) calls(attempt int) (calls []*call) {
	for _, k := range r.book.calls {
		if k.tells(r, attempt) >= 0 {
			calls = append(calls, k)
		}
	}
	return calls
}

// arrived counts the messages of an attempt that providers have.
func (r *incidentRow) arrived(attempt int) (n int) {
	for _, k := range r.book.calls {
		if k.landed > 0 && k.tells(r, attempt) >= 0 {
			n++
		}
	}
	return n
}

// landed is when a provider last took an attempt.
func (r *incidentRow) landed(attempt int) (at time.Duration) {
	for _, k := range r.book.calls {
		if k.tells(r, attempt) >= 0 {
			at = max(at, k.landed)
		}
	}
	return at
}

// interrupted reports whether it stayed open, for an attempt that it told, what became of a call: nobody
// heard, or could write down what was heard.
func (k *call) interrupted(r *incidentRow, attempt int) bool {
	written := false
	if i := k.tells(r, attempt); i >= 0 {
		written = slices.Contains(k.reported, i)
	}
	return !written && (!k.heard || k.taken)
}

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
