package rosters

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

const (
	secondsADay  = wall(day / time.Second)
	secondsAWeek = 7 * secondsADay
)

// Window is one weekly span of wall-clock time. To "24:00" is the end of the day; a window that does not
// end later than it begins goes on until To of the next day.
type Window struct {
	Days []time.Weekday `json:"days"` // on which it begins
	From string         `json:"from"` // "09:00", or "09:00:30"
	To   string         `json:"to"`   // "17:00"
}

// week is what of each week of the wall clock is open: spans in order that do not touch, in seconds from
// Sunday, 00:00. One that goes on over the end of the week is two.
type week []struct{ from, to wall }

// compileWeek reads windows. What cannot be read is left out, and named in the error.
func compileWeek(windows []Window) (week, error) {
	var errs FieldErrors
	var open week
	for i, w := range windows {
		errs.below(fmt.Sprintf("/%d", i), w.compile(&open))
	}
	slices.SortFunc(open, func(a, b struct{ from, to wall }) int { return cmp.Compare(a.from, b.from) })
	joined := open[:0]
	for _, s := range open {
		if n := len(joined); n > 0 && s.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined, errs.orNil()
}

func (w Window) compile(open *week) error {
	var errs FieldErrors
	from, err := parseClock(w.From)
	if err == nil && from == secondsADay {
		err = errClock
	}
	errs.field("/from", w.From, err)
	to, err := parseClock(w.To)
	errs.field("/to", w.To, err)
	if len(w.Days) == 0 || len(w.Days) > 7 {
		errs.refuse("/days", len(w.Days), "must name 1 to 7 days")
	}
	for i, d := range w.Days {
		if d < time.Sunday || d > time.Saturday {
			errs.refuse(fmt.Sprintf("/days/%d", i), int(d), "must be 0 (Sunday) to 6 (Saturday)")
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if to <= from {
		to += secondsADay
	}
	for _, d := range w.Days {
		begins, ends := wall(d)*secondsADay+from, wall(d)*secondsADay+to
		*open = append(*open, struct{ from, to wall }{begins, min(ends, secondsAWeek)})
		if ends > secondsAWeek {
			*open = append(*open, struct{ from, to wall }{0, ends - secondsAWeek})
		}
	}
	return nil
}

var errClock = errors.New(`must be a time of day such as "09:00" or "09:00:30", in 24 hours; "24:00" is the end of the day`)

// parseClock reads a time of day, "00:00" to "24:00", with seconds or without.
func parseClock(s string) (wall, error) {
	if s == "24:00" {
		return secondsADay, nil
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Format(layout) == s {
			return wall(t.Hour()*3600 + t.Minute()*60 + t.Second()), nil
		}
	}
	return 0, errClock
}

// at tells whether it is open when the clock shows w, and what the clock shows, going on evenly, when
// that may be another way.
func (k week) at(w wall) (open bool, until wall) {
	inWeek := w.inWeek()
	i, _ := slices.BinarySearchFunc(k, inWeek, func(s struct{ from, to wall }, at wall) int {
		if s.to <= at {
			return -1
		}
		return 1
	})
	switch sunday := w - inWeek; {
	case i == len(k): // shut for the rest of the week
		return false, sunday + secondsAWeek
	case inWeek < k[i].from:
		return false, sunday + k[i].from
	default:
		return true, sunday + k[i].to
	}
}

// timeOfDay is w without its date, in seconds from midnight.
func (w wall) timeOfDay() wall { return (w%secondsADay + secondsADay) % secondsADay }

// inWeek is how long ago Sunday, 00:00, was.
func (w wall) inWeek() wall {
	const sunday = 3 * secondsADay // 1970-01-04
	return ((w-sunday)%secondsAWeek + secondsAWeek) % secondsAWeek
}

// phases yields from an instant on, without end, until when it is open or shut by the clocks of a zone.
// Two that follow each other may be alike.
func (k week) phases(loc *time.Location, from time.Time) iter.Seq2[bool, Span] {
	return func(yield func(bool, Span) bool) {
		for t := from.In(loc); ; {
			_, end := evenly(t)
			now := wallOf(t, loc)
			open, until := k.at(now)
			next := time.Unix(t.Unix()+int64(until-now), 0).In(loc)
			if !end.IsZero() && end.Before(next) { // the clock changes before
				next = end
			}
			if !yield(open, Span{t.UTC(), next.UTC()}) {
				return
			}
			t = next
		}
	}
}
