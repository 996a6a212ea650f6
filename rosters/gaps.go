package rosters

import (
	"slices"
	"time"
)

// Span is a time from From until To, not included.
type Span struct {
	From, To time.Time
}

// Gaps returns the spans within [from, to) in which nobody is on call, in order and as long as they
// can be. Times are UTC.
func (r Roster) Gaps(from, to time.Time) []Span {
	c, _ := r.Compile()
	return c.Gaps(from, to)
}

// Gaps is Roster.Gaps.
func (c *Calendar) Gaps(from, to time.Time) []Span {
	var covered []Span
	for _, s := range c.Shifts(from, to) {
		covered = append(covered, Span{s.From, s.To})
	}
	var gaps []Span
	reached := from.UTC()
	for _, s := range append(union(covered), Span{to.UTC(), to.UTC()}) {
		if reached.Before(s.From) {
			gaps = append(gaps, Span{reached, s.From})
		}
		reached = s.To
	}
	return gaps
}

// union sorts spans and joins those that overlap or touch.
func union(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	var joined []Span
	for _, s := range spans {
		if n := len(joined); n > 0 && !s.From.After(joined[n-1].To) {
			joined[n-1].To = later(joined[n-1].To, s.To)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
