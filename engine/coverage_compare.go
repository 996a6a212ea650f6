package engine

import (
	"fmt"
	"slices"

	"rouse/rosters"
)

// CompareHoles tells what a change does: the holes that are there after it and were not before, and those
// that were and are not any more, of the same span of time. Of a hole that was there in part, only the
// parts that are new are told. Where nothing but working hours changed, that is a hole for severity 3 alone,
// whose Span goes from the first to the last of its Minor. Either list may be in any order.
//
// What counts is when nobody can be paged, not why: a hole whose cause changes is no new one. A level is
// the same if it has the same number, or names the same targets: one that is put in front of it opens
// nothing.
func CompareHoles(before, after []Hole) (opened, closed []Hole) {
	return newHoles(before, after), newHoles(after, before)
}

func newHoles(old, found []Hole) []Hole {
	were := map[rung]*times{}
	for _, h := range old {
		for _, at := range h.rungs() {
			if were[at] == nil {
				were[at] = &times{}
			}
			were[at].add(h)
		}
	}
	for _, e := range were {
		e.major, e.minor = joined(e.major), joined(e.minor)
	}
	var fresh []Hole
	for _, h := range found {
		var now times
		now.add(h)
		for _, at := range h.rungs() {
			if e := were[at]; e != nil {
				now.major, now.minor = without(now.major, e.major), without(now.minor, e.minor)
			}
		}
		fresh = append(fresh, now.holes(h)...)
	}
	slices.SortStableFunc(fresh, compareHoles)
	return fresh
}

// rung is what a hole is one of; by number or by targets, the other is empty.
type rung struct {
	kind    HoleKind
	service ServiceID
	level   int
	targets string
}

func (h Hole) rungs() []rung {
	at := []rung{{kind: h.Kind, service: h.Service, level: h.Level}}
	if h.Kind == HoleLevel {
		at = append(at, rung{kind: h.Kind, service: h.Service, targets: fmt.Sprint(h.targets())})
	}
	return at
}

// times are when there is nobody, for severities 1 and 2 and for 3.
type times struct {
	major, minor []rosters.Span
}

func (e *times) add(h Hole) {
	if slices.Contains(h.Severities, Critical) {
		e.major = append(e.major, h.Span)
	}
	e.minor = append(e.minor, h.Minor...)
}

// holes are the parts of a hole that e leaves.
func (e *times) holes(h Hole) []Hole {
	var parts []Hole
	for _, s := range e.major {
		part := h
		part.Span = s
		parts = append(parts, part.during(intersect([]rosters.Span{s}, e.minor)))
	}
	if rest := without(e.minor, e.major); len(rest) > 0 {
		h.Span = rosters.Span{From: rest[0].From, To: rest[len(rest)-1].To}
		h.Severities, h.Minor = []Severity{Minor}, rest
		parts = append(parts, h)
	}
	return parts
}
