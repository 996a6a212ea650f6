package rosters

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Calendar is a Roster made ready to be asked: its rules read, its zones found. It does not change,
// and many goroutines may ask it at once.
//
// An answer takes microseconds, however long ago the rotations began. Making a Calendar takes some
// ten more, and the first question about a rule by months ("the last Friday") a fraction of a
// millisecond for ten years behind it: keep a Calendar as long as the roster stays the same.
type Calendar struct {
	eras      []era // in order of time, never none
	overrides []Override
	extra     []int // indexes of the overrides that add a shift
}

// era is the time of one revision. It ends with the next one's beginning.
type era struct {
	Revision
	places []place
	ranks  map[string]int // of the rotations
}

// place is what a rotation fills: at any instant one person or nobody stands in it. A rotation that has
// everyone on call fills as many as it has participants; a roster without rotations has one place, for
// its overrides.
type place struct {
	rotation string
	rank     int
	turns    *turns // nil: nobody ever, unless an override
	seat     int    // the participant who always stands here; -1: they take turns

	added *Override // the place is that of an extra shift
	after int       // index of the override that made the place: only later ones change who stands in it
}

// besides reports whether who stands here is on call whatever ranks cover.
func (p place) besides(e era) bool {
	_, ranked := e.ranks[p.rotation]
	return p.added != nil && !ranked
}

// Compile makes a Calendar. It always returns one: a rotation that cannot be read leaves its place
// empty, to be filled by overrides, and is named in the error, which is a FieldErrors. It asks less
// than Validate: limits that only saving needs to keep do not take anybody off call.
func (r Roster) Compile() (*Calendar, error) {
	var errs FieldErrors
	c := &Calendar{overrides: slices.Clone(r.Overrides)}
	for i, o := range c.overrides {
		if o.Kind == Add && o.valid() {
			c.extra = append(c.extra, i)
		}
	}
	for i, past := range r.Earlier {
		e, err := past.compile()
		errs.below(fmt.Sprintf("/earlier/%d", i), err)
		c.eras = append(c.eras, e)
	}
	e, err := Revision{r.Revision, r.Since, r.Rotations}.compile()
	errs.below("", err)
	c.eras = append(c.eras, e)
	if !c.eras[0].Since.IsZero() { // before, only overrides put anybody on call
		c.eras = slices.Insert(c.eras, 0, era{places: []place{{seat: -1}}})
	}
	return c, errs.orNil()
}

func (r Revision) compile() (era, error) {
	var errs FieldErrors
	e := era{Revision: r, ranks: map[string]int{}}
	for i, rotation := range r.Rotations {
		turns, err := rotation.compile()
		errs.below(fmt.Sprintf("/rotations/%d", i), err)
		e.ranks[rotation.ID] = rotation.Rank
		p := place{rotation: rotation.ID, rank: rotation.Rank, turns: turns, seat: -1}
		if !rotation.Everyone || turns == nil {
			e.places = append(e.places, p)
			continue
		}
		for p.seat = range rotation.Participants {
			e.places = append(e.places, p)
		}
	}
	if len(e.places) == 0 {
		e.places = []place{{seat: -1}}
	}
	return e, errs.orNil()
}

// eraAt returns the revision that counts at an instant.
func (c *Calendar) eraAt(at time.Time) era {
	for _, e := range slices.Backward(c.eras[1:]) {
		if !at.Before(e.Since) {
			return e
		}
	}
	return c.eras[0]
}

// added is the place of an extra shift.
func (c *Calendar) added(i int, e era) place {
	o := &c.overrides[i]
	return place{rotation: o.Rotation, rank: e.ranks[o.Rotation], seat: -1, added: o, after: i}
}

// turns is a compiled rotation.
type turns struct {
	Rotation
	loc       *time.Location
	handovers *handovers
	hours     week // none: always
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
	hours, err := compileWeek(r.Hours)
	errs.below("/hours", err)
	if loc == nil {
		loc = time.UTC // so that all else that is wrong is told as well
	}
	h, err := r.handovers(loc)
	errs.below("", err)
	if len(errs) > 0 {
		return nil, errs
	}
	return &turns{Rotation: r, loc: loc, handovers: h, hours: hours}, nil
}

// shifts yields the shift whose hand-over was the last at or before an instant, if there is one, and
// all that follow, whatever the rotation's hours and bounds. A shift ends Length after it began, and at
// the next hand-over in any case. COUNT and UNTIL bound hand-overs: the last shift lasts until the
// hand-over that would have been next.
func (t *turns) shifts(at time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		var last handover
		for next := range t.handovers.from(at) {
			if !last.at.IsZero() && !yield(t.shift(last, next.at)) {
				return
			}
			last = next
		}
		if !last.at.IsZero() && last.turn >= 0 { // the library's calendar ends here, two centuries after the start
			yield(t.shift(last, forever))
		}
	}
}

func (t *turns) shift(h handover, next time.Time) Shift {
	s := Shift{From: h.at, To: next, Rotation: t.ID, Turn: h.turn}
	if n := len(t.Participants); n > 0 {
		s.Person = t.Participants[t.seat(h.turn)]
	}
	if t.Length > 0 {
		if end := addDays(h.at, t.Length, t.loc); end.Before(next) {
			s.To = end
		}
	}
	return s
}

// seat is whose turn it is, of the participants.
func (r Rotation) seat(turn int) int {
	return max(0, turn+r.Ahead) / max(1, r.Each) % len(r.Participants)
}

// at returns the shift that covers an instant, as far as the rotation's bounds go; its hours are not
// told, but heeded.
func (t *turns) at(at time.Time) Shift {
	for s := range t.shifts(at) {
		s = s.clipped(t.bounds())
		if at.Before(s.From) || !at.Before(s.To) || !t.open(at) {
			break
		}
		return s
	}
	return Shift{}
}

func (t *turns) open(at time.Time) bool {
	if len(t.hours) == 0 {
		return true
	}
	open, _ := t.hours.at(wallOf(at, t.loc))
	return open
}

// between yields what of the shifts lies within a span, and within the rotation's hours and bounds.
func (t *turns) between(from, to time.Time) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		first, last := t.bounds()
		from, to := later(from, first), earlier(to, last)
		for s := range t.shifts(from) {
			if !s.From.Before(to) {
				return
			}
			for part := range t.covered(s.clipped(from, to)) {
				if !yield(part) {
					return
				}
			}
		}
	}
}

// forever is later than all that anybody asks about.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (r Rotation) bounds() (from, to time.Time) {
	if r.Until.IsZero() {
		return r.From, forever
	}
	return r.From, r.Until
}

// covered yields the parts of a shift that lie within the rotation's hours.
func (t *turns) covered(s Shift) iter.Seq[Shift] {
	return func(yield func(Shift) bool) {
		if s.empty() {
			return
		}
		if len(t.hours) == 0 {
			yield(s)
			return
		}
		var part Span // open, and not yet known to be shut at its end
		for open, phase := range t.hours.phases(t.loc, s.From) {
			if !open || !part.To.Equal(phase.From) {
				if c := s.clipped(part.From, part.To); !c.empty() && !yield(c) {
					return
				}
				part = Span{phase.From, phase.From}
			}
			if open {
				part.To = phase.To
			}
			if !phase.To.Before(s.To) {
				break
			}
		}
		if c := s.clipped(part.From, part.To); !c.empty() {
			yield(c)
		}
	}
}
