package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"rouse/rosters"
)

// Unreached is somebody who is to be paged, and whose last drill failed: no hole, as there is a contact, but a page
// may reach nobody all the same.
type Unreached struct {
	Person   rosters.PersonID
	Name     string
	Roster   rosters.RosterID // in which the person is on call; "" if a policy, or the last resort, names the person
	At       time.Time        // since when
	FailedAt time.Time        // when the drill began
}

// Unreached lists those who are to be paged within [from, to) and whose last drill failed, each once for each roster:
// in the order of people and rosters.
func (c Coverage) Unreached(from, to time.Time) (all []Unreached) {
	add := func(who rosters.PersonID, roster rosters.RosterID, at time.Time) {
		failed, there := c.Failed[who]
		known := slices.ContainsFunc(all, func(u Unreached) bool { return u.Person == who && u.Roster == roster })
		if there && !known {
			all = append(all, Unreached{Person: who, Name: cmp.Or(c.People[who].Name, string(who)), Roster: roster, At: at, FailedAt: failed})
		}
	}
	if len(c.Failed) == 0 {
		return nil
	}
	for roster, calendar := range c.Calendars {
		for _, shift := range calendar.Shifts(from, to) {
			add(shift.Person, roster, shift.From)
		}
	}
	for _, policy := range c.Policies {
		for _, level := range policy.Levels {
			for _, target := range level.Targets {
				add(target.Person, "", from)
			}
		}
	}
	for _, who := range c.CatchAll.LastResort {
		add(who, "", from)
	}
	slices.SortFunc(all, func(a, b Unreached) int {
		return cmp.Or(cmp.Compare(a.Person, b.Person), cmp.Compare(a.Roster, b.Roster))
	})
	return all
}

// Text is all of it in one line, in the zone of whoever reads it.
func (u Unreached) Text(zone *time.Location) string {
	return fmt.Sprintf("%s, %s. %s.", u.Problem(zone), u.when(zone), u.Remedy())
}

// Problem says what is wrong, without a full stop.
func (u Unreached) Problem(zone *time.Location) string {
	return fmt.Sprintf("the drill of %s on %s failed", u.Name, u.FailedAt.In(zone).Format("Mon 2006-01-02 15:04 MST"))
}

func (u Unreached) when(zone *time.Location) string {
	if u.Roster == "" {
		return "who is paged by name"
	}
	return fmt.Sprintf("who is on call in roster %s from %s", u.Roster, u.At.In(zone).Format("Mon 2006-01-02 15:04 MST"))
}

// Remedy is what to do about it, without a full stop.
func (u Unreached) Remedy() string {
	return fmt.Sprintf("Make a contact of %s work, then try again: `rouse drill --person %s`", u.Name, u.Person)
}
