package rosters

import (
	"slices"
	"time"
)

// Handoff is whether those who come on call in a roster, and those who go off, are told in ordinary words. The
// zero value tells them when it happens.
type Handoff struct {
	Silent bool          `json:"silent,omitempty"` // nobody is told
	Ahead  time.Duration `json:"ahead,omitempty"`  // whoever comes on is told so long before as well; 0: not
}

const (
	minTellAhead = time.Hour
	maxTellAhead = 14 * day
)

func (h Handoff) validate() error {
	var errs FieldErrors
	if h.Ahead != 0 && (h.Ahead < minTellAhead || h.Ahead > maxTellAhead) {
		errs.refuse("/ahead", h.Ahead, "must be 1h to 336h, or 0 to tell nobody ahead")
	}
	return errs.orNil()
}

// Relief is an instant from which on others are on call than just before.
type Relief struct {
	At      time.Time
	On, Off []PersonID // who comes, and who goes
}

// Reliefs lists those within (from, to), in order.
func (c *Calendar) Reliefs(from, to time.Time) (all []Relief) {
	spans := c.Spans(from, to)
	for i := 1; i < len(spans); i++ {
		before, after := spans[i-1].Persons, spans[i].Persons
		r := Relief{At: spans[i].From, On: lacking(after, before), Off: lacking(before, after)}
		if len(r.On)+len(r.Off) > 0 { // the same people in another order are no relief
			all = append(all, r)
		}
	}
	return all
}

// lacking lists who of some people is not among others.
func lacking(people, others []PersonID) (found []PersonID) {
	for _, p := range people {
		if !slices.Contains(others, p) && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}

// OnUntil is when somebody who is on call at an instant goes off; to, if that is not before it.
func (c *Calendar) OnUntil(who PersonID, at, to time.Time) time.Time {
	for _, s := range c.Spans(at, to) {
		if !slices.Contains(s.Persons, who) {
			return s.From
		}
	}
	return to
}
