package rosters

import (
	"slices"
	"time"
)

// OnCall returns who is on call at an instant, each person once, in the order of the rotations;
// whoever an override puts on call stands where the person stood who is taken off. Nobody is nil.
//
// It reads the rules anew each time; to ask often, Compile once. A rotation that cannot be read has
// nobody on call: whoever pages at night must not fail on it. Compile and Validate say what is wrong.
func (r Roster) OnCall(at time.Time) []PersonID {
	c, _ := r.Compile()
	return c.OnCall(at)
}

// OnCall is Roster.OnCall.
func (c *Calendar) OnCall(at time.Time) []PersonID {
	var active []Override
	for _, o := range c.overrides {
		if o.covers(at) {
			active = append(active, o)
		}
	}
	var persons []PersonID
	for _, p := range c.places {
		d := p.dutyAt(at)
		for _, o := range active {
			d, _ = d.under(o, p.rotation)
		}
		if d.Person != "" && !slices.Contains(persons, d.Person) {
			persons = append(persons, d.Person)
		}
	}
	return persons
}

func (p place) dutyAt(at time.Time) duty {
	if p.turns == nil {
		return duty{}
	}
	return duty{Shift: p.turns.at(at)}
}
