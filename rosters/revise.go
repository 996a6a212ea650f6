package rosters

import (
	"slices"
	"time"
)

// Revised returns the roster with other rotations from an instant on. What was before stays answered as
// it was; a revision that has not begun by then is dropped. The number of the new one is not the roster's
// to choose: it is the present one's and one more.
//
// A rotation that goes on (with the same id and start) goes on with whoever is on call then, or with whose
// turn is next if that person is gone: its Ahead is worked out, whatever it says.
func (r Roster) Revised(rotations []Rotation, at time.Time) Roster {
	at = at.UTC()
	history := append(slices.Clip(r.Earlier), Revision{r.Revision, r.Since, r.Rotations})
	kept := history[:0:0]
	for _, past := range history {
		if past.Since.Before(at) {
			kept = append(kept, past)
		}
	}
	r.Earlier, r.Since, r.Revision = kept, at, r.Revision+1
	r.Rotations = slices.Clone(rotations)
	if len(kept) == 0 {
		return r
	}
	for i, t := range r.Rotations {
		before := kept[len(kept)-1].Rotations
		if j := slices.IndexFunc(before, func(b Rotation) bool { return b.ID == t.ID }); j >= 0 {
			r.Rotations[i].Ahead = t.following(before[j], at)
		}
	}
	return r
}

// following is how far the order of r must be ahead so that it goes on at an instant where before was.
func (r Rotation) following(before Rotation, at time.Time) int {
	if r.Start != before.Start || len(r.Participants) == 0 || len(before.Participants) == 0 {
		return r.Ahead
	}
	old, errOld := before.compile()
	now, errNow := r.compile()
	if errOld != nil || errNow != nil {
		return r.Ahead
	}
	turn, seat, served := old.standing(at)
	if next, _, _ := now.standing(at); next >= 0 {
		turn = next
	}
	if turn < 0 {
		return r.Ahead
	}
	wanted, goesOn := successor(before.Participants, seat, r.Participants)
	each := max(1, r.Each)
	if goesOn {
		served = min(served, each-1)
	} else {
		served = 0
	}
	round := each * len(r.Participants)
	return ((wanted*each+served-turn)%round + round) % round
}

// standing tells which turn it is at an instant, or the first after it, whose, and how many of their turns
// on end that participant has had before; -1 if there is none any more.
func (t *turns) standing(at time.Time) (turn, seat, served int) {
	for s := range t.shifts(at) {
		return s.Turn, t.seat(s.Turn), max(0, s.Turn+t.Ahead) % max(1, t.Each)
	}
	return -1, 0, 0
}

// successor finds the place in the new order of who had a place in the old one; if that person is gone,
// of who would have come next of those who stay. goesOn tells that it is the same person.
func successor(before []PersonID, seat int, after []PersonID) (at int, goesOn bool) {
	for i := range before {
		person := before[(seat+i)%len(before)]
		nth := 0 // among the places of a person who has several
		for _, p := range before[:(seat+i)%len(before)] {
			if p == person {
				nth++
			}
		}
		last := -1
		for j, p := range after {
			if p == person {
				if last = j; nth == 0 {
					break
				}
				nth--
			}
		}
		if last >= 0 {
			return last, i == 0
		}
	}
	return 0, false
}
