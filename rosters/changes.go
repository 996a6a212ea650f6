package rosters

import (
	"slices"
	"time"
)

// Change is a span in which other people are on call than were to be.
type Change struct {
	Span
	Before, After []PersonID // nobody is none
}

// Changes compares two calendars: when, within [from, to), others are on call, in order and in spans as
// long as they can be. It is what a change to a roster means to people.
func Changes(before, after *Calendar, from, to time.Time) []Change {
	var changes []Change
	a, b := before.Spans(from, to), after.Spans(from, to)
	for at := from.UTC(); at.Before(to); {
		until := earlier(a[0].To, b[0].To)
		if !slices.Equal(sorted(a[0].Persons), sorted(b[0].Persons)) {
			if n := len(changes); n > 0 && changes[n-1].To.Equal(at) && slices.Equal(changes[n-1].Before, a[0].Persons) && slices.Equal(changes[n-1].After, b[0].Persons) {
				changes[n-1].To = until
			} else {
				changes = append(changes, Change{Span{at, until}, a[0].Persons, b[0].Persons})
			}
		}
		if at = until; a[0].To.Equal(at) {
			a = a[1:]
		}
		if b[0].To.Equal(at) {
			b = b[1:]
		}
	}
	return changes
}

func sorted(people []PersonID) []PersonID { return slices.Sorted(slices.Values(people)) }

// Manned is a span in which the same people are on call.
type Manned struct {
	Span
	Persons []PersonID // in the order in which their shifts are told; nobody is none
}

// Spans tells without a hole who is on call from from until to, in order; neighbours differ. Where nobody
// is, that is said as well. At every instant the persons are those of OnCall.
func (c *Calendar) Spans(from, to time.Time) []Manned {
	from, to = from.UTC(), to.UTC()
	if !from.Before(to) {
		return nil
	}
	shifts := c.Shifts(from, to)
	turns := []time.Time{from, to}
	for _, s := range shifts {
		turns = append(turns, s.From, s.To)
	}
	turns = inOrder(turns)
	var all []Manned
	var active []Shift
	for i, at := range turns[:len(turns)-1] {
		active = slices.DeleteFunc(active, func(s Shift) bool { return !at.Before(s.To) })
		for len(shifts) > 0 && !at.Before(shifts[0].From) {
			active = append(active, shifts[0])
			shifts = shifts[1:]
		}
		var persons []PersonID
		for _, s := range active {
			if !slices.Contains(persons, s.Person) {
				persons = append(persons, s.Person)
			}
		}
		if n := len(all); n > 0 && slices.Equal(sorted(all[n-1].Persons), sorted(persons)) {
			all[n-1].To = turns[i+1]
			continue
		}
		all = append(all, Manned{Span{at, turns[i+1]}, persons})
	}
	return all
}

// Next returns the next shift of a person that begins at or after an instant, or is under way then, as far as it
// lies before an end; false if there is none.
func (c *Calendar) Next(person PersonID, from, to time.Time) (Shift, bool) {
	for step := 14 * day; from.Before(to); step *= 2 { // most come soon, and looking far is work
		until := earlier(from.Add(step), to)
		shifts := c.Shifts(from, until)
		i := slices.IndexFunc(shifts, func(s Shift) bool { return s.Person == person })
		switch {
		case i < 0:
			from = until
		case shifts[i].To.Before(until) || until.Equal(to):
			return shifts[i], true
		} // else it may go on: look farther
	}
	return Shift{}, false
}
