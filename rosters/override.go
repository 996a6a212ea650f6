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

// covers reports whether the override can have an effect at an instant. One that puts nobody on call
// without saying that it means to has none: it must not empty a place.
func (o Override) covers(at time.Time) bool {
	return o.valid() && !at.Before(o.From) && at.Before(o.To)
}

func (o Override) valid() bool {
	switch o.Kind {
	case Replace, Add:
		return o.Person != ""
	case TakeOff:
		return true
	}
	return false
}

// under returns d as an override leaves it, and whether it is another person's then.
//
// Overrides are applied in their order in the roster. A later one may therefore replace the
// stand-in of an earlier one, or the person whom the rotation named and an earlier one took off:
// either way the later one wins.
func (d duty) under(o Override, p place) (duty, bool) {
	switch {
	case o.Kind == Add: // has a place of its own
		return d, false
	case o.Rotation != "" && o.Rotation != p.rotation:
		return d, false
	case o.Replaces != "" && o.Replaces != d.Person && !slices.Contains(d.relieved, o.Replaces):
		return d, false
	case d.Person == "" && len(d.relieved) == 0 && (o.Kind == TakeOff || p.added != nil): // nobody stands here
		return d, false
	}
	stand := duty{Shift: Shift{Person: o.Person, From: d.From, To: d.To, Override: o.ID, Instead: d.Instead, Revision: d.Revision}, relieved: d.relieved}
	if o.Kind == TakeOff {
		stand.Person = ""
	}
	if d.Person != "" {
		stand.relieved = append(slices.Clip(d.relieved), d.Person)
		if d.Override == "" {
			stand.Instead = d.Person
		}
	}
	return stand, true
}

// clipped returns the part of d within [from, to), empty if there is none.
func (d duty) clipped(from, to time.Time) duty {
	d.Shift = d.Shift.clipped(from, to)
	return d
}

func (s Shift) clipped(from, to time.Time) Shift {
	s.From, s.To = later(s.From, from), earlier(s.To, to)
	return s
}

// splitBy applies an override to the duties of one place, which follow each other without a hole, and
// splits those that it covers in part.
func splitBy(duties []duty, o Override, p place) []duty {
	first := sort.Search(len(duties), func(i int) bool { return duties[i].To.After(o.From) })
	var parts []duty
	end := first
	for ; end < len(duties) && duties[end].From.Before(o.To); end++ {
		d := duties[end]
		stand, changed := d.under(o, p)
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
