package rosters

import (
	"slices"
	"sort"
	"time"
)

// duty is who stands in a place for a span; nobody if Person is "".
type duty struct {
	Shift
	relieved []PersonID // who would stand here but for overrides
}

// covers reports whether the override can have an effect at an instant. One without a person has
// none: it must not empty a place.
func (o Override) covers(at time.Time) bool {
	return o.Person != "" && !at.Before(o.From) && at.Before(o.To)
}

// under returns d as an override leaves it, and whether it is another person's then.
//
// Overrides are applied in their order in the roster. A later one may therefore replace the
// stand-in of an earlier one, or the person whom the rotation named and an earlier one took off:
// either way the later one wins.
func (d duty) under(o Override, rotation string) (duty, bool) {
	if o.Rotation != "" && o.Rotation != rotation {
		return d, false
	}
	if o.Replaces != "" && o.Replaces != d.Person && !slices.Contains(d.relieved, o.Replaces) {
		return d, false
	}
	stand := duty{Shift: Shift{Person: o.Person, From: d.From, To: d.To, Override: o.ID}, relieved: d.relieved}
	if d.Person != "" {
		stand.relieved = append(slices.Clip(d.relieved), d.Person)
	}
	return stand, true
}

// clipped returns the part of d within [from, to), empty if there is none.
func (d duty) clipped(from, to time.Time) duty {
	d.From, d.To = later(d.From, from), earlier(d.To, to)
	return d
}

// splitBy applies an override to the duties of one place, which follow each other without a hole, and
// splits those that it covers in part.
func splitBy(duties []duty, o Override, rotation string) []duty {
	first := sort.Search(len(duties), func(i int) bool { return duties[i].To.After(o.From) })
	var parts []duty
	end := first
	for ; end < len(duties) && duties[end].From.Before(o.To); end++ {
		d := duties[end]
		stand, changed := d.under(o, rotation)
		if !changed {
			parts = append(parts, d)
			continue
		}
		for _, part := range []duty{d.clipped(d.From, o.From), stand.clipped(o.From, o.To), d.clipped(o.To, d.To)} {
			if !part.empty() {
				parts = append(parts, part)
			}
		}
	}
	return slices.Replace(duties, first, end, parts...)
}

func (s Shift) empty() bool { return !s.From.Before(s.To) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
