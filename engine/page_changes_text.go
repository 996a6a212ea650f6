package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Text is the change in one line, for people, in the zone of whoever reads it: when, where, and who instead
// of whom. It has no full stop.
func (c PageChange) Text(zone *time.Location) string {
	return c.hole().When(zone) + ", " + c.Where() + ": " + c.What()
}

// Where is whose alerts the change concerns, and on which rung, "bitbucket, severity 1 and 2, level 2 (after
// 5 min)". The time is told here unless it changes.
func (c PageChange) Where() string {
	where := c.hole().Where()
	if c.Service != "" && c.CatchAll {
		where += ", the catch-all"
	}
	after := max(c.Before.After, c.After.After)  // they are the same, or one pages nobody
	if c.moves() || c.Level == 1 && after == 0 { // as the first always is
		return where
	}
	return where + " (" + whenPaged(after) + ")"
}

// What is who is paged instead of whom, "Ann instead of Bob", and when if that changes.
func (c PageChange) What() string {
	before, after := listed(c.Before.Names), listed(c.After.Names)
	if before == after && !slices.Equal(c.Before.People, c.After.People) { // two are called the same
		before, after = listed(c.Before.handles()), listed(c.After.handles())
	}
	switch {
	case !c.moves():
		return after + " instead of " + before
	case before == after:
		return after + " " + whenPaged(c.After.After) + " instead of " + whenPaged(c.Before.After)
	default:
		return after + " " + whenPaged(c.After.After) + " instead of " + before + " " + whenPaged(c.Before.After)
	}
}

// hole is one in the same place, which is called the same.
func (c PageChange) hole() Hole {
	h := Hole{Span: c.Span, Service: c.Service, Severities: c.Severities, Minor: c.Minor, Level: c.Level, Kind: HoleLevel}
	switch {
	case c.Service == "":
		h.Kind = HoleCatchAll
	case c.CatchAll:
		h.Kind = HoleNobody // which names no level
	}
	return h
}

// moves reports whether somebody is paged before and after, at another time.
func (c PageChange) moves() bool {
	return len(c.Before.People) > 0 && len(c.After.People) > 0 && c.Before.After != c.After.After
}

func (r Rung) handles() []string {
	var all []string
	for _, id := range r.People {
		all = append(all, string(id))
	}
	return all
}

// listed is "Ann, Bob and Cat".
func listed(names []string) string {
	switch n := len(names); n {
	case 0:
		return "nobody"
	case 1:
		return names[0]
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// whenPaged is "after 1 h 30 min".
func whenPaged(after time.Duration) string {
	said := "after"
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := after / unit.of; n > 0 {
			said += fmt.Sprintf(" %d %s", n, unit.name)
			after -= n * unit.of
		}
	}
	if said == "after" {
		return "at once"
	}
	return said
}
