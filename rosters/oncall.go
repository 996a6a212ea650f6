package rosters

import (
	"slices"
	"time"
)

// OnCall returns who is on call at an instant, each person once, in the order of the rotations, those with
// an extra shift last; whoever an override puts on call stands where the person stood who is taken off.
// Nobody is nil.
//
// It reads the rules anew each time; to ask often, Compile once. A rotation that cannot be read has
// nobody on call: whoever pages at night must not fail on it. Compile and Validate say what is wrong.
func (r Roster) OnCall(at time.Time) []PersonID {
	c, _ := r.Compile()
	return c.OnCall(at)
}

// OnCall is Roster.OnCall.
func (c *Calendar) OnCall(at time.Time) []PersonID {
	e := c.eraAt(at)
	type stand struct {
		person PersonID
		rank   int
		always bool
	}
	var standing []stand
	highest, covered := 0, false
	look := func(p place) {
		d := p.dutyAt(at)
		for i, o := range c.overrides {
			if o.covers(at) && (p.added == nil || i > p.after) {
				d, _ = d.under(o, p)
			}
		}
		if d.Person == "" {
			return
		}
		s := stand{d.Person, p.rank, p.besides(e)}
		if !s.always && (!covered || p.rank > highest) {
			highest, covered = p.rank, true
		}
		standing = append(standing, s)
	}
	for _, p := range e.places {
		look(p)
	}
	for _, i := range c.extra {
		if c.overrides[i].covers(at) {
			look(c.added(i, e))
		}
	}
	var persons []PersonID
	for _, s := range standing {
		if (s.always || s.rank == highest) && !slices.Contains(persons, s.person) {
			persons = append(persons, s.person)
		}
	}
	return persons
}

func (p place) dutyAt(at time.Time) duty {
	if p.added != nil {
		return duty{Shift: Shift{Person: p.added.Person, Override: p.added.ID}}
	}
	if p.turns == nil {
		return duty{}
	}
	return duty{Shift: p.seated(p.turns.at(at))}
}

// seated is a shift of the rotation as far as the place goes.
func (p place) seated(s Shift) Shift {
	if p.seat >= 0 && s.Rotation != "" {
		s.Person = p.turns.Participants[p.seat]
	}
	return s
}
