package rosters

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	day = 24 * time.Hour

	// farthest is more than any zone was ever away from UTC, to either side: local mean time
	// reached 15:56 h in Manila, standard time 14 h in Kiritimati.
	farthest = 16 * time.Hour

	// longestJump is the farthest a clock ever jumped: over the date line, as Samoa's in 2011.
	longestJump = 24 * time.Hour
)

var (
	errZoneName  = errors.New(`is not the name of a zone; use one of the IANA database, such as "Europe/Berlin" or "UTC"`)
	errZoneLocal = errors.New(`names whatever zone the server is in; use one of the IANA database, such as "Europe/Berlin" or "UTC"`)

	zoneName = regexp.MustCompile(`^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$`)
	zones    sync.Map // name → *time.Location: reading one costs more than all the rest of an answer
)

// loadZone finds a zone by its IANA name; "" is UTC.
func loadZone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if loc, ok := zones.Load(name); ok {
		return loc.(*time.Location), nil
	}
	switch {
	case strings.EqualFold(name, "local"), name == "localtime":
		return nil, errZoneLocal
	// The two folders hold the same zones again; those below right/ count leap seconds.
	case !zoneName.MatchString(name), strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		return nil, errZoneName
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errZoneName
	}
	zones.Store(name, loc)
	return loc, nil
}

// evenly returns the bounds of the time around t in which its zone's clocks run evenly, zero if there
// are none. It may stop short of a bound where nothing changes.
func evenly(t time.Time) (start, end time.Time) {
	start, end = t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		// Beyond a zone's table, which ends in 2037, Go works out each UTC year from the zone's rule
		// and takes it for 365 days long: on 31 December of a leap year the end is in the past.
		end = time.Date(t.UTC().Year()+1, time.January, 1, 0, 0, 0, 0, time.UTC).In(t.Location())
	}
	return start, end
}

// wall is what a clock on the wall shows, date and time, as seconds since it showed
// 1970-01-01T00:00:00. Without a zone it is no instant; some walls are none in any case.
type wall int64

// wallOf is what the clocks of a zone show at an instant.
func wallOf(at time.Time, loc *time.Location) wall {
	_, offset := at.In(loc).Zone()
	return wall(at.Unix() + int64(offset))
}

// date is w as a time whose calendar fields can be read; that it is UTC says nothing.
func (w wall) date() time.Time { return time.Unix(int64(w), 0).UTC() }

// plus moves the hands; it does not let time go by.
func (w wall) plus(d time.Duration) wall { return w + wall(d/time.Second) }

// resolve finds the instant at which the clocks of a zone show w. If they show it twice, the
// first time counts. If they jump over it, it is read with the offset from before the jump
// (RFC 5545 §3.3.5): 02:30 becomes 03:30.
//
// It walks the zone's periods of even time in order, so that it does not matter how far a
// clock jumps or how soon it jumps again.
func resolve(w wall, loc *time.Location) time.Time {
	period := time.Unix(int64(w.plus(-farthest)), 0).In(loc)
	last := int64(w.plus(farthest))
	var jumped time.Time
	before := 0
	for {
		_, offset := period.Zone()
		start, end := evenly(period)
		t := time.Unix(int64(w)-int64(offset), 0).UTC()
		if t.Before(start) { // the clock was already later when this period began
			if jumped.IsZero() {
				jumped = time.Unix(int64(w)-int64(before), 0).UTC()
			}
		} else if end.IsZero() || t.Before(end) {
			return t
		}
		if end.IsZero() || end.Unix() > last {
			return jumped
		}
		period, before = end, offset
	}
}

// addDays goes on to the same time of day, days later, and lets the rest of d go by: a day of the
// wall clock has 23 or 25 hours when the clock changes, an hour always has 60 minutes.
func addDays(t time.Time, d time.Duration, loc *time.Location) time.Time {
	days, rest := d.Truncate(day), d%day
	if days == 0 {
		return t.Add(rest)
	}
	return resolve(wallOf(t, loc).plus(days), loc).Add(rest)
}
