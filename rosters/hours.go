package rosters

import (
	"errors"
	"fmt"
	"time"
)

// Hours are a service's working hours: weekly windows of wall-clock time in one zone. The zero
// value is Monday to Friday, 09:00 to 17:00, UTC; those are the windows wherever there are none.
//
// The clock on the wall decides: an hour that it skips has no working time, one that it shows twice
// has it twice. Hours that Validate refuses are always open: too early a page is better than none.
type Hours struct {
	Zone    string   `json:"zone,omitempty"` // IANA name; "" is UTC
	Windows []Window `json:"windows,omitempty"`
}

// Window is one weekly span of wall-clock time. To "24:00" is the end of the day. A window does not
// cross midnight; two do.
type Window struct {
	Days []time.Weekday `json:"days"`
	From string         `json:"from"` // "09:00"
	To   string         `json:"to"`   // "17:00", later than From
}

var officeHours = []Window{{
	Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
	From: "09:00", To: "17:00",
}}

// Contains reports whether an instant is within working hours.
func (h Hours) Contains(at time.Time) bool {
	return h.NextOpen(at).Equal(at)
}

// NextOpen returns the first instant within working hours, not before at; at itself if it is one.
func (h Hours) NextOpen(at time.Time) time.Time {
	loc, windows, err := h.compile()
	if err != nil {
		return at
	}
	// While the clock runs evenly, the next opening is as far away as it shows. If it changes before
	// that, the search goes on from there, by the clock as it shows then.
	for t := at.In(loc); ; {
		_, end := evenly(t)
		now := wallOf(t, loc)
		opens := nextOpen(windows, now)
		if opens == now {
			return t.In(at.Location())
		}
		next := time.Unix(t.Unix()+int64(opens-now), 0).In(loc)
		if end.IsZero() || next.Before(end) {
			return next.In(at.Location())
		}
		t = end
	}
}

// window is a Window of one day, in seconds from midnight.
type window struct {
	day      time.Weekday
	from, to wall
}

const secondsADay = wall(day / time.Second)

// nextOpen returns the first reading within a window, not before now.
func nextOpen(windows []window, now wall) wall {
	midnight := now - now.timeOfDay()
	weekday := now.date().Weekday()
	best := now + 8*secondsADay
	for _, w := range windows {
		opens := midnight + wall((w.day-weekday+7)%7)*secondsADay + w.from
		if shuts := opens - w.from + w.to; shuts <= now {
			opens += 7 * secondsADay
		}
		best = min(best, max(opens, now))
	}
	return best
}

// timeOfDay is w without its date, in seconds from midnight.
func (w wall) timeOfDay() wall { return (w%secondsADay + secondsADay) % secondsADay }

func (h Hours) compile() (*time.Location, []window, error) {
	var errs FieldErrors
	loc, err := loadZone(h.Zone)
	errs.field("/zone", h.Zone, err)
	given := h.Windows
	if len(given) == 0 {
		given = officeHours
	}
	var windows []window
	for i, w := range given {
		days, err := w.compile()
		errs.below(fmt.Sprintf("/windows/%d", i), err)
		windows = append(windows, days...)
	}
	return loc, windows, errs.orNil()
}

func (w Window) compile() ([]window, error) {
	var errs FieldErrors
	from, err := parseClock(w.From)
	errs.field("/from", w.From, err)
	to, err := parseClock(w.To)
	errs.field("/to", w.To, err)
	if len(errs) == 0 && to <= from {
		errs.refuse("/to", w.To, "must be later than from, which is %s; for hours past midnight add a window from 00:00 on the next day", w.From)
	}
	if len(w.Days) == 0 || len(w.Days) > 7 {
		errs.refuse("/days", len(w.Days), "must name 1 to 7 days")
	}
	var days []window
	for i, d := range w.Days {
		if d < time.Sunday || d > time.Saturday {
			errs.refuse(fmt.Sprintf("/days/%d", i), int(d), "must be 0 (Sunday) to 6 (Saturday)")
		}
		days = append(days, window{d, from, to})
	}
	return days, errs.orNil()
}

// parseClock reads a time of day, "00:00" to "24:00".
func parseClock(s string) (wall, error) {
	if s == "24:00" {
		return secondsADay, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || t.Format("15:04") != s {
		return 0, errors.New(`must be a time of day such as "09:00", in 24 hours; "24:00" is the end of the day`)
	}
	return wall(t.Hour()*3600 + t.Minute()*60), nil
}

// Validate reports all that keeps working hours from being saved, as FieldErrors.
func (h Hours) Validate() error {
	var errs FieldErrors
	errs.limit("/windows", len(h.Windows), maxWindows)
	_, _, err := h.compile()
	errs.below("", err)
	return errs.orNil()
}
