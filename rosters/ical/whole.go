package ical

import (
	"slices"
	"time"

	"rouse/rosters"
)

// Reach is how far beyond a feed's span a shift is followed to its ends: a shift of a year is told whole.
const Reach = 400 * 24 * time.Hour

// usualReach is enough for nearly all shifts; looking far is work.
const usualReach = 35 * 24 * time.Hour

// Asked is the span whose overrides a roster must have been read with before Whole is asked about
// [from, to).
func Asked(from, to time.Time) rosters.Span { return widened(from, to, Reach) }

// Whole returns the shifts that overlap [from, to), each with the beginning and the end that it has, not
// those of the span: what a calendar program was told yesterday is still so today.
//
// A shift that reaches farther than Reach is cut, and at the same instant for 400 days on end. The work
// grows with the span, and if a shift is longer than a month, with two or three years on top.
func Whole(c *rosters.Calendar, from, to time.Time) []rosters.Shift {
	for _, reach := range []time.Duration{usualReach, Reach} {
		span := widened(from, to, reach)
		shifts := slices.DeleteFunc(c.Shifts(span.From, span.To), func(s rosters.Shift) bool {
			return !s.From.Before(to) || !from.Before(s.To)
		})
		isCut := func(s rosters.Shift) bool { return s.From.Equal(span.From) || s.To.Equal(span.To) }
		if reach == Reach || !slices.ContainsFunc(shifts, isCut) {
			return shifts
		}
	}
	panic("unreachable")
}

// widened has its ends on a grid, so that they stay where they are while the span moves on.
func widened(from, to time.Time, reach time.Duration) rosters.Span {
	return rosters.Span{From: from.UTC().Add(-reach).Truncate(reach), To: to.UTC().Add(2 * reach).Truncate(reach)}
}
