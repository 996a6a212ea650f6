package engine

import (
	"slices"
	"sort"

	"rouse/rosters"
)

// Lists of spans, and of pieces, are in order of time and do not overlap.

// both is where two lists of pieces overlap, with the troubles of both.
func both(a, b []piece) []piece {
	var found []piece
	for len(a) > 0 && len(b) > 0 {
		if s := overlap(a[0].Span, b[0].Span); s.From.Before(s.To) {
			found = append(found, piece{s, slices.Concat(a[0].why, b[0].why)})
		}
		if a[0].To.Before(b[0].To) {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return found
}

// spansOf is when pieces are, whatever their troubles, so that those which touch are one.
func spansOf(pieces []piece) []rosters.Span {
	var spans []rosters.Span
	for _, p := range pieces {
		spans = append(spans, p.Span)
	}
	return joined(spans)
}

// joined sorts spans and makes one of those that overlap or touch.
func joined(spans []rosters.Span) []rosters.Span {
	slices.SortFunc(spans, func(a, b rosters.Span) int { return a.From.Compare(b.From) })
	var all []rosters.Span
	for _, s := range spans {
		if n := len(all); n > 0 && !s.From.After(all[n-1].To) {
			all[n-1].To = latest(all[n-1].To, s.To)
			continue
		}
		all = append(all, s)
	}
	return all
}

// intersect is what two lists have in common.
func intersect(a, b []rosters.Span) []rosters.Span {
	var found []rosters.Span
	for _, s := range a {
		for _, other := range b[firstAfter(b, s):] {
			if !other.From.Before(s.To) {
				break
			}
			found = append(found, overlap(s, other))
		}
	}
	return found
}

// without is what of a list lies outside another.
func without(a, b []rosters.Span) []rosters.Span {
	var left []rosters.Span
	for _, s := range a {
		for _, other := range b[firstAfter(b, s):] {
			if !other.From.Before(s.To) {
				break
			}
			if s.From.Before(other.From) {
				left = append(left, rosters.Span{From: s.From, To: other.From})
			}
			s.From = other.To
		}
		if s.From.Before(s.To) {
			left = append(left, s)
		}
	}
	return left
}

// firstAfter is the index of the first span that ends after another begins.
func firstAfter(spans []rosters.Span, s rosters.Span) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].To.After(s.From) })
}

// overlap is empty or the wrong way round if there is none.
func overlap(a, b rosters.Span) rosters.Span {
	s := rosters.Span{From: latest(a.From, b.From), To: a.To}
	if b.To.Before(s.To) {
		s.To = b.To
	}
	return s
}
