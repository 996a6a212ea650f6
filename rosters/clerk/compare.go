package clerk

import (
	"fmt"
	"slices"
	"time"

	"rouse/rosters"
)

// Answers are what is held against the clerk's: a rosters.Calendar's.
type Answers interface {
	OnCall(at time.Time) []rosters.PersonID
	Shifts(from, to time.Time) []rosters.Shift
	Gaps(from, to time.Time) []rosters.Span
	Spans(from, to time.Time) []rosters.Manned
}

// Compare says in what way others are on call at an instant than the clerk finds, "" if it is the same people.
func (c *Clerk) Compare(a Answers, at time.Time) string {
	if got, want := a.OnCall(at), c.OnCall(at); !slices.Equal(got, want) {
		return fmt.Sprintf("at %s on call are %v, by the clerk %v", at.Format(time.RFC3339Nano), got, want)
	}
	return ""
}

// mostEdges bounds the work of one CompareSpan.
const mostEdges = 100

// CompareSpan says where the shifts, gaps and spans from one instant to another are not what the clerk finds, or do
// not agree with each other, "" if all is well. It looks at the edges of all of them.
func (c *Clerk) CompareSpan(a Answers, from, to time.Time) string {
	from, to = from.UTC(), to.UTC()
	shifts, gaps, spans := a.Shifts(from, to), a.Gaps(from, to), a.Spans(from, to)
	edges := []time.Time{from, to}
	reached := from
	for i, s := range spans {
		if !s.From.Equal(reached) || !s.From.Before(s.To) {
			return fmt.Sprintf("a hole in the spans: %v", spans)
		}
		if i > 0 && same(s.Persons, spans[i-1].Persons) {
			return fmt.Sprintf("two spans that are one: %v and %v", spans[i-1], s)
		}
		reached = s.To
		edges = append(edges, s.From)
	}
	if !reached.Equal(to) {
		return fmt.Sprintf("the spans end before %v: %v", to, spans)
	}
	for i, s := range shifts {
		if s.From.Before(from) || s.To.After(to) || !s.From.Before(s.To) || i > 0 && s.From.Before(shifts[i-1].From) {
			return fmt.Sprintf("out of place or of order: %v", s)
		}
		edges = append(edges, s.From, s.To)
	}
	for _, g := range gaps {
		edges = append(edges, g.From, g.To)
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	for _, edge := range edges[:min(len(edges), mostEdges)] {
		for _, at := range []time.Time{edge.Add(-1), edge} {
			if at.Before(from) || !at.Before(to) {
				continue
			}
			if wrong := c.compareAt(a, at, shifts, gaps, spans); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// compareAt looks at one instant of all that was told about a span.
func (c *Clerk) compareAt(a Answers, at time.Time, shifts []rosters.Shift, gaps []rosters.Span, spans []rosters.Manned) string {
	if wrong := c.Compare(a, at); wrong != "" {
		return wrong
	}
	within := func(from, to time.Time) bool { return !at.Before(from) && at.Before(to) }
	var told []Stand
	for _, s := range shifts {
		if within(s.From, s.To) {
			told = append(told, Stand{s.Person, s.Rotation, s.Turn, s.Override})
		}
	}
	want := c.Standing(at)
	if !same(told, want) {
		return fmt.Sprintf("at %s the shifts have %v, the clerk %v", at.Format(time.RFC3339Nano), told, want)
	}
	if gap := slices.ContainsFunc(gaps, func(g rosters.Span) bool { return within(g.From, g.To) }); gap != (len(want) == 0) {
		return fmt.Sprintf("at %s there is a gap: %v, on call are %v", at.Format(time.RFC3339Nano), gap, want)
	}
	i := slices.IndexFunc(spans, func(s rosters.Manned) bool { return within(s.From, s.To) })
	if on := c.OnCall(at); !same(spans[i].Persons, on) || len(spans[i].Persons) != len(on) {
		return fmt.Sprintf("at %s the span has %v, on call are %v", at.Format(time.RFC3339Nano), spans[i], on)
	}
	return ""
}

// same tells whether two lists name the same, in whatever order.
func same[T comparable](a, b []T) bool { return allIn(a, b) && allIn(b, a) }

func allIn[T comparable](a, b []T) bool {
	return !slices.ContainsFunc(a, func(x T) bool { return !slices.Contains(b, x) })
}
