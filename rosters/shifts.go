package rosters

import (
	"slices"
	"sort"
	"time"
)

// Shifts returns who is on call when within [from, to): the rotations' shifts, split by overrides,
// clipped to the span, sorted by From and then in the order of the rotations. At every instant the
// persons of the shifts that cover it are those of OnCall. Times are UTC.
//
// A shift of a lower rank is told as far as no higher one covers. A shift that an override put in place
// names the override, not the rotation, and no turn; one that
// covers several rotations, or several shifts on end, is one. The work grows with the span: whoever
// takes it from a request bounds it.
func (r Roster) Shifts(from, to time.Time) []Shift {
	c, _ := r.Compile()
	return c.Shifts(from, to)
}

// Shifts is Roster.Shifts.
func (c *Calendar) Shifts(from, to time.Time) []Shift {
	from, to = from.UTC(), to.UTC()
	var found []Shift // of one revision after the other, in the order of the places, which sorting keeps
	for i, e := range c.eras {
		begins, ends := later(from, e.Since.UTC()), to
		if i+1 < len(c.eras) {
			ends = earlier(to, c.eras[i+1].Since.UTC())
		}
		if begins.Before(ends) {
			found = append(found, c.during(e, begins, ends)...)
		}
	}
	if len(c.overrides) > 0 {
		found = joinStandIns(found)
	}
	if len(c.eras) > 1 {
		found = joinTurns(found)
	}
	slices.SortStableFunc(found, func(a, b Shift) int { return a.From.Compare(b.From) })
	return found
}

// ranked is a shift of a place that may not count.
type ranked struct {
	Shift
	rank   int
	always bool // whatever its rank
}

// during is Shifts within the time of one revision.
func (c *Calendar) during(e era, from, to time.Time) []Shift {
	var all []ranked
	var duties []duty // of one place after the other
	look := func(p place) {
		duties = c.duties(duties[:0], p, from, to)
		all = slices.Grow(all, len(duties))
		for _, d := range duties {
			if d.Person != "" {
				d.Revision = e.Revision.Revision
				all = append(all, ranked{d.Shift, p.rank, p.besides(e)})
			}
		}
	}
	for _, p := range e.places {
		look(p)
	}
	for _, i := range c.extra {
		look(c.added(i, e))
	}
	return uncovered(all)
}

// uncovered returns of shifts what no higher rank covers.
func uncovered(all []ranked) []Shift {
	var ranks []int
	for _, s := range all {
		if !s.always && !slices.Contains(ranks, s.rank) {
			ranks = append(ranks, s.rank)
		}
	}
	slices.Sort(ranks)
	above := map[int][]Span{} // what is covered by higher ranks than this
	var covered []Span
	for _, rank := range slices.Backward(ranks) {
		above[rank] = covered
		if rank == ranks[0] {
			break
		}
		spans := slices.Clone(covered)
		for _, s := range all {
			if !s.always && s.rank == rank {
				spans = append(spans, Span{s.From, s.To})
			}
		}
		covered = union(spans)
	}
	found := make([]Shift, 0, len(all))
	for _, s := range all {
		if s.always {
			found = append(found, s.Shift)
		} else {
			found = s.without(above[s.rank], found)
		}
	}
	return found
}

// without appends to parts those of a shift that lie outside of spans, which are in order.
func (s Shift) without(spans []Span, parts []Shift) []Shift {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].To.After(s.From) })
	rest := s
	for ; i < len(spans) && spans[i].From.Before(s.To); i++ {
		if part := rest.clipped(rest.From, spans[i].From); !part.empty() {
			parts = append(parts, part)
		}
		rest.From = spans[i].To
	}
	if !rest.empty() {
		parts = append(parts, rest)
	}
	return parts
}

// duties appends who stands in a place, without a hole, from from until to.
func (c *Calendar) duties(duties []duty, p place, from, to time.Time) []duty {
	duties = p.duties(duties, from, to)
	for i, o := range c.overrides {
		if o.valid() && o.From.Before(o.To) && (p.added == nil || i > p.after) {
			o.From, o.To = o.From.UTC(), o.To.UTC()
			duties = splitBy(duties, o, p)
		}
	}
	return duties
}

func (p place) duties(duties []duty, from, to time.Time) []duty {
	reached := from
	add := func(s Shift) {
		if d := (duty{Shift: s}).clipped(reached, to); !d.empty() {
			duties = append(duties, d)
			reached = d.To
		}
	}
	switch {
	case p.added != nil:
		o := p.added
		add(Shift{From: reached, To: o.From.UTC()})
		add(Shift{Person: o.Person, From: o.From.UTC(), To: o.To.UTC(), Override: o.ID})
	case p.turns != nil:
		for s := range p.turns.between(from, to) {
			add(Shift{From: reached, To: s.From})
			add(p.seated(s))
		}
	}
	add(Shift{From: reached, To: to})
	return duties
}

// joinTurns makes one shift of the parts that a new revision left as they were.
func joinTurns(shifts []Shift) []Shift {
	type turn struct {
		person   PersonID
		rotation string
		turn     int
	}
	last := map[turn]int{} // where it stands in joined
	var joined []Shift
	for _, s := range shifts {
		if s.Override == "" {
			key := turn{s.Person, s.Rotation, s.Turn}
			if i, ok := last[key]; ok && joined[i].To.Equal(s.From) {
				joined[i].To = s.To
				continue
			}
			last[key] = len(joined)
		}
		joined = append(joined, s)
	}
	return joined
}

// joinStandIns makes one shift of those that the same override put next to each other, in one place
// after the other or in several at once. It stands where the first of them stood.
func joinStandIns(shifts []Shift) []Shift {
	type stand struct {
		override string
		person   PersonID
	}
	spans := map[stand][]Span{}
	for _, s := range shifts {
		if s.Override != "" {
			key := stand{s.Override, s.Person}
			spans[key] = append(spans[key], Span{s.From, s.To})
		}
	}
	for key := range spans {
		spans[key] = union(spans[key])
	}
	joined := make([]Shift, 0, len(shifts))
	for _, s := range shifts {
		if s.Override == "" {
			joined = append(joined, s)
			continue
		}
		// The first shift within a joined span takes it; the others find it gone.
		key := stand{s.Override, s.Person}
		i := slices.IndexFunc(spans[key], func(span Span) bool { return !s.From.Before(span.From) && s.From.Before(span.To) })
		if i >= 0 {
			s.From, s.To = spans[key][i].From, spans[key][i].To
			spans[key] = slices.Delete(spans[key], i, i+1)
			joined = append(joined, s)
		}
	}
	return joined
}
