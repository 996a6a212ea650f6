package rosters

import (
	"errors"
	"time"
)

// Recurring is a span of time that comes again and again: by a rule as a rotation has it, on the wall clock
// of a zone, each time for Length.
type Recurring struct {
	Zone   string        `json:"zone"`           // IANA name
	Start  string        `json:"start"`          // local wall-clock time from which on the rule counts, "2026-01-05T22:00:00"
	Rule   string        `json:"rule"`           // one RRULE value, "FREQ=WEEKLY;BYDAY=SA"
	Length time.Duration `json:"length"`         // whole days by the wall clock, the rest as it passes
	Until  time.Time     `json:"until,omitzero"` // it does not come from then on; zero: no end
}

// it is whom the rotation that a Recurring is made of has on call.
const it PersonID = "it"

// Compile prepares the span for questions. The error is FieldErrors, with the names of the fields as in JSON.
func (r Recurring) Compile() (*Occurrences, error) {
	var errs FieldErrors
	if r.Length <= 0 {
		errs.refuse("/length", r.Length, "must be longer than nothing, such as 2h")
	}
	calendar, err := Roster{ID: "recurring", Rotations: []Rotation{{ID: "recurring", Zone: r.Zone, Start: r.Start, Rule: r.Rule, Length: r.Length,
		Until: r.Until, Participants: []PersonID{it}}}}.Compile()
	var found FieldErrors
	if errors.As(err, &found) {
		for _, e := range found {
			const part = "/rotations/0"
			if len(e.Field) > len(part) && e.Field[:len(part)] == part {
				e.Field = e.Field[len(part):]
			}
			errs = append(errs, e)
		}
	}
	return &Occurrences{calendar}, errs.orNil()
}

// Occurrences are the times at which a Recurring takes place.
type Occurrences struct{ calendar *Calendar }

// Between lists them within [from, to), in order; those that touch are one.
func (o *Occurrences) Between(from, to time.Time) (all []Span) {
	for _, s := range o.calendar.Spans(from, to) {
		if len(s.Persons) > 0 {
			all = append(all, s.Span)
		}
	}
	return all
}
