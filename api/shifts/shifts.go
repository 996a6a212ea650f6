// Package shifts lets people take shifts, and offer, accept and decline swaps, wherever they say so: over REST,
// and in a text to Rouse's number (text.go). A text changes nothing by itself: it is answered with what it
// would do and a code, and the code does it, so that whoever forges a number changes nothing.
//
// Whoever is put on call, or taken off, by somebody else is told in ordinary words.
package shifts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Book is the rosters as one transaction has them, at one instant. What it does counts when that commits.
type Book struct {
	Rosters rosterdb.Store
	Notices enginedb.Store
	Now     time.Time
}

// ever is later than any override.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Valid checks an override as part of its roster: FieldErrors from the override on, or rosterdb's ErrNotFound.
// One that is over cannot be made.
func (b Book) Valid(ctx context.Context, roster rosters.RosterID, o rosters.Override) error {
	stored, err := b.Rosters.RosterDuring(ctx, roster, b.Now, ever)
	if err != nil {
		return err
	}
	i := len(stored.Overrides)
	for j, other := range stored.Overrides {
		if other.ID == o.ID {
			i = j
		}
	}
	if o.ID == "" {
		o.ID = "new"
	}
	stored.Overrides = append(stored.Overrides[:i:i], o)
	if es, ok := errors.AsType[rosters.FieldErrors](stored.Validate()); ok {
		for j := range es {
			es[j].Field = strings.TrimPrefix(es[j].Field, fmt.Sprintf("/overrides/%d", i))
		}
		return es
	}
	if !o.To.After(b.Now) {
		return wrong("/to", o.To.UTC().Format(time.RFC3339), "is over; who was on call does not change any more")
	}
	return nil
}

func wrong(field, value, what string) error {
	return rosters.FieldErrors{{Field: field, Value: value, Problem: what}}
}

// Override makes an override, and tells whom it concerns. One that was to begin before now begins now: the
// past does not change (rule 16). The errors are those of Valid and of rosterdb's CreateOverride.
func (b Book) Override(ctx context.Context, roster rosters.RosterID, o rosters.Override, by rosters.PersonID) (rosters.Override, error) {
	if err := b.Valid(ctx, roster, o); err != nil {
		return o, err
	}
	if o.From.Before(b.Now) {
		o.From = b.Now.Truncate(time.Microsecond) // as the database keeps it
	}
	err := b.Telling(ctx, roster, rosters.Span{From: o.From, To: o.To}, by, func() (about string, err error) {
		o, err = b.Rosters.CreateOverride(ctx, roster, o, by)
		return AboutOverride(o.ID, 1), err
	})
	return o, err
}

// AboutOverride is what a notice about a version of an override is about; version 0 is its deletion.
func AboutOverride(id string, version int) string {
	return fmt.Sprintf("override %s, version %d", id, version)
}

// Telling makes a change of who is on call in a roster within a span, and tells those whom it concerns, but not
// the one who made it. The change says what it is about.
func (b Book) Telling(ctx context.Context, roster rosters.RosterID, span rosters.Span, by rosters.PersonID, change func() (about string, err error)) error {
	if span.From.Before(b.Now) {
		span.From = b.Now
	}
	before, err := b.calendar(ctx, roster, span.From, span.To)
	if err != nil {
		return err
	}
	about, err := change()
	if err != nil {
		return err
	}
	after, err := b.calendar(ctx, roster, span.From, span.To)
	if err != nil {
		return err
	}
	return b.tellOfChanges(ctx, roster, about, by, rosters.Changes(before, after, span.From, span.To))
}

// calendar is who is on call in a roster; what cannot be read has nobody.
func (b Book) calendar(ctx context.Context, roster rosters.RosterID, from, to time.Time) (*rosters.Calendar, error) {
	stored, err := b.Rosters.RosterDuring(ctx, roster, from, to)
	if err != nil {
		return nil, err
	}
	c, _ := stored.Compile()
	return c, nil
}

// people reads some; one who is not there has only a handle.
func (b Book) people(ctx context.Context, ids ...rosters.PersonID) (map[rosters.PersonID]rosters.Person, error) {
	people, err := b.Rosters.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if people[id].ID == "" {
			people[id] = rosters.Person{ID: id, Name: string(id)}
		}
	}
	return people, nil
}
