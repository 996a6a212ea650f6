package rosters

import (
	"fmt"
	"time"
)

// Swap is an offer between two people: the proposer gives a span of shifts to the partner, and takes one of
// the partner's for it, or none.
type Swap struct {
	Rotation string // within it; "" for the whole roster
	Proposer PersonID
	Partner  PersonID
	Give     Span
	Take     Span // zero: for nothing
}

// Overrides are what a swap that was accepted does to the roster.
func (s Swap) Overrides() []Override {
	all := []Override{{Rotation: s.Rotation, Replaces: s.Proposer, Person: s.Partner, From: s.Give.From, To: s.Give.To}}
	if s.Take != (Span{}) {
		all = append(all, Override{Rotation: s.Rotation, Replaces: s.Partner, Person: s.Proposer, From: s.Take.From, To: s.Take.To})
	}
	return all
}

// Validate reports all that keeps a swap from being offered or accepted at an instant, as FieldErrors: what
// is given must be the proposer's shifts throughout, what is taken the partner's, and all of it to come.
func (s Swap) Validate(c *Calendar, now time.Time) error {
	var errs FieldErrors
	errs.slug("/proposer", string(s.Proposer))
	errs.slug("/partner", string(s.Partner))
	if s.Proposer == s.Partner && s.Partner != "" {
		errs.refuse("/partner", s.Partner, "is the proposer; name somebody else")
	}
	errs.offered("/give", c, s.Give, s.Proposer, s.Rotation, now)
	if s.Take != (Span{}) {
		errs.offered("/take", c, s.Take, s.Partner, s.Rotation, now)
		if s.Give.From.Before(s.Take.To) && s.Take.From.Before(s.Give.To) {
			errs.refuse("/take", s.Take.From.Format(time.RFC3339), "overlaps with what is given; swap shifts of different times")
		}
	}
	return errs.orNil()
}

func (es *FieldErrors) offered(path string, c *Calendar, span Span, of PersonID, rotation string, now time.Time) {
	before := len(*es)
	es.below(path, spanErrors(span))
	if len(*es) > before {
		return
	}
	if span.From.Before(now) {
		es.refuse(path+"/from", span.From.Format(time.RFC3339), "is past; who was on call does not change any more")
		return
	}
	reached := span.From.UTC()
	for _, s := range c.Shifts(span.From, span.To) {
		if s.Person == of && !s.From.After(reached) && (rotation == "" || s.Override != "" || s.Rotation == rotation) {
			reached = later(reached, s.To)
		}
	}
	if reached.Before(span.To) {
		es.refuse(path, fmt.Sprintf("%s – %s", span.From.Format(time.RFC3339), span.To.Format(time.RFC3339)),
			"must be a time in which %s is on call throughout; from %s on %s is not", of, reached.Format(time.RFC3339), of)
	}
}

func spanErrors(s Span) error {
	var errs FieldErrors
	errs.span(s.From, s.To)
	return errs.orNil()
}
