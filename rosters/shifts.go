package rosters

import (
	"slices"
	"time"
)

// Shifts returns who is on call when within [from, to): the rotations' shifts, split by overrides,
// clipped to the span, sorted by From and then in the order of the rotations. At every instant the
// persons of the shifts that cover it are those of OnCall. Times are UTC.
//
// A shift that an override put in place names the override, not the rotation, and no turn; one that
// covers several rotations, or several shifts on end, is one. The work grows with the span: whoever
// takes it from a request bounds it.
func (r Roster) Shifts(from, to time.Time) []Shift {
	c, _ := r.Compile()
	return c.Shifts(from, to)
}

// Shifts is Roster.Shifts.
func (c *Calendar) Shifts(from, to time.Time) []Shift {
	from, to = from.UTC(), to.UTC()
	var found []Shift // in the order of the places, which sorting keeps
	for _, p := range c.places {
		for _, d := range c.duties(p, from, to) {
			if d.Person != "" {
				found = append(found, d.Shift)
			}
		}
	}
	found = joinStandIns(found)
	slices.SortStableFunc(found, func(a, b Shift) int { return a.From.Compare(b.From) })
	return found
}

// duties returns who stands in a place, without a hole, from from until to.
func (c *Calendar) duties(p place, from, to time.Time) []duty {
	duties := p.duties(from, to)
	for _, o := range c.overrides {
		if o.Person != "" && o.From.Before(o.To) {
			o.From, o.To = o.From.UTC(), o.To.UTC()
			duties = splitBy(duties, o, p.rotation)
		}
	}
	return duties
}

func (p place) duties(from, to time.Time) []duty {
	var duties []duty
	reached := from
	add := func(s Shift) {
		if d := (duty{Shift: s}).clipped(reached, to); !d.empty() {
			duties = append(duties, d)
			reached = d.To
		}
	}
	if p.turns != nil {
		for s := range p.turns.shifts(from) {
			add(Shift{From: reached, To: s.From})
			if !s.From.Before(to) {
				break
			}
			add(s)
		}
	}
	add(Shift{From: reached, To: to})
	return duties
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
	var joined []Shift
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
