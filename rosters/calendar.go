package rosters

import (
	"errors"
	"fmt"
	"iter"
	"time"
)

// Calendar is a Roster made ready to be asked: its rules read, its zones found. It does not change,
// and many goroutines may ask it at once.
//
// An answer takes microseconds, however long ago the rotations began. Making a Calendar takes some
// ten more, and the first question about a rule by months ("the last Friday") a fraction of a
// millisecond for ten years behind it: keep a Calendar as long as the roster stays the same.
type Calendar struct {
	places    []place
	overrides []Override
}

// place is what a rotation fills: at any instant one person or nobody stands in it. A roster without
// rotations has one place, for its overrides.
type place struct {
	rotation string
	turns    *turns // nil: nobody ever, unless an override
}

// Compile makes a Calendar. It always returns one: a rotation that cannot be read leaves its place
// empty, to be filled by overrides, and is named in the error, which is a FieldErrors. It asks less
// than Validate: limits that only saving needs to keep do not take anybody off call.
func (r Roster) Compile() (*Calendar, error) {
	var errs FieldErrors
	c := &Calendar{overrides: make([]Override, len(r.Overrides))}
	copy(c.overrides, r.Overrides)
	for i, rotation := range r.Rotations {
		turns, err := rotation.compile()
		errs.below(fmt.Sprintf("/rotations/%d", i), err)
		c.places = append(c.places, place{rotation.ID, turns})
	}
	if len(c.places) == 0 {
		c.places = []place{{}}
	}
	return c, errs.orNil()
}

// turns is a compiled rotation.
type turns struct {
	Rotation
	loc     *time.Location
	handing recurrence
	count   int
	until   *time.Time // nil: no end
}

var errStart = errors.New(`must be local wall-clock time such as "2026-01-05T09:00:00", without an offset, in the years 1970 to 2199`)

// startLayout is RFC 3339 without an offset.
const startLayout = "2006-01-02T15:04:05"

func parseStart(s string) (wall, error) {
	t, err := time.Parse(startLayout, s)
	if err != nil || t.Format(startLayout) != s || t.Year() < 1970 || t.Year() > 2199 {
		return 0, errStart
	}
	return wall(t.Unix()), nil
}

func (r Rotation) compile() (*turns, error) {
	var errs FieldErrors
	loc, err := loadZone(r.Zone)
	errs.field("/zone", r.Zone, err)
	start, err := parseStart(r.Start)
	errs.field("/start", r.Start, err)
	rule, err := parseRule(r.Rule)
	errs.field("/rule", r.Rule, err)
	if len(errs) > 0 {
		return nil, errs
	}
	t := &turns{Rotation: r, loc: loc, count: rule.count}
	if rule.until != nil {
		t.until = new(rule.until.instant(loc))
	}
	if t.handing, err = newRecurrence(rule, start, loc); err == nil && !t.begins() {
		err = errors.New("never occurs: UNTIL lies before the first hand-over")
	}
	if err != nil {
		errs.field("/rule", r.Rule, err)
		return nil, errs
	}
	return t, nil
}

// begins reports whether there is a first shift.
func (t *turns) begins() bool {
	for range t.shifts(time.Time{}) {
		return true
	}
	return false
}

// shifts yields the shift whose hand-over was the last at or before an instant, if there is one, and
// all that follow. A shift ends Length after it began, and at the next hand-over in any case. COUNT
// and UNTIL bound hand-overs: the last shift lasts until the hand-over that would have been next.
func (t *turns) shifts(at time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		var last handover
		for next := range t.handing.from(at) {
			if !last.at.IsZero() && !yield(t.shift(last, next.at)) {
				return
			}
			if t.ended(next) {
				return
			}
			last = next
		}
		if !last.at.IsZero() { // the library's calendar ends here, two centuries after the start
			yield(t.shift(last, last.at.AddDate(1, 0, 0)))
		}
	}
}

func (t *turns) ended(h handover) bool {
	return t.count > 0 && h.turn >= t.count || t.until != nil && h.at.After(*t.until)
}

func (t *turns) shift(h handover, next time.Time) Shift {
	s := Shift{From: h.at, To: next, Rotation: t.ID, Turn: h.turn}
	if n := len(t.Participants); n > 0 {
		s.Person = t.Participants[h.turn%n]
	}
	if t.Length > 0 {
		if end := addDays(h.at, t.Length, t.loc); end.Before(next) {
			s.To = end
		}
	}
	return s
}

// at returns the shift that covers an instant.
func (t *turns) at(at time.Time) Shift {
	for s := range t.shifts(at) {
		if at.Before(s.From) || !at.Before(s.To) {
			break
		}
		return s
	}
	return Shift{}
}
