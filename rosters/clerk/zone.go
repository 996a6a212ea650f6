package clerk

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// zone is a place's clock, and when somebody moved its hands.
type zone struct {
	location *time.Location
	jumps    []jump
}

// jump is a moment at which the hands are moved, in Unix time; how far the clock is ahead of UTC, before and after.
type jump struct{ at, before, after int64 }

// The years whose jumps are known.
const (
	firstYear = 2003
	lastYear  = 2052
)

var known sync.Map // name of a zone → func() *zone

func zoneOf(name string) (*zone, error) {
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("zone %s: %w", name, err)
	}
	look, _ := known.LoadOrStore(name, sync.OnceValue(func() *zone {
		first, last := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC)
		z := &zone{location: location}
		z.jumps = z.watch(first.Unix(), last.Unix())
		return z
	}))
	return look.(func() *zone)(), nil
}

// watch looks at the clock every twenty hours, and where it was moved in between, ever closer.
func (z *zone) watch(from, to int64) (jumps []jump) {
	after := z.offset(from)
	for t := from; t < to; t += 20 * 3600 {
		early, late, before := t, t+20*3600, after
		if after = z.offset(late); after == before {
			continue
		}
		for late-early > 1 {
			if middle := (early + late) / 2; z.offset(middle) == before {
				early = middle
			} else {
				late = middle
			}
		}
		jumps = append(jumps, jump{late, before, after})
	}
	return jumps
}

func (z *zone) offset(at int64) int64 {
	_, offset := time.Unix(at, 0).In(z.location).Zone()
	return int64(offset)
}

// shown is what the clock shows, as if it were UTC.
func (z *zone) shown(at int64) int64 { return at + z.offset(at) }

// instant finds when the clock shows a reading for the first time; if it never does, when it would have, had nobody
// moved its hands (RFC 5545 §3.3.5).
func (z *zone) instant(reading int64) int64 {
	const near = 40 * 3600
	i, _ := slices.BinarySearchFunc(z.jumps, reading-near, func(j jump, at int64) int { return int(j.at - at) })
	jumps := z.jumps[i:]
	for n, j := range jumps {
		if j.at > reading+near {
			jumps = jumps[:n]
			break
		}
	}
	if len(jumps) == 0 {
		return reading - z.offset(reading)
	}
	first, found := int64(0), false
	for _, j := range jumps {
		for _, t := range []int64{reading - j.before, reading - j.after} {
			if z.shown(t) == reading && (!found || t < first) {
				first, found = t, true
			}
		}
	}
	for _, j := range jumps {
		if t := reading - j.before; !found && t >= j.at && reading-j.after < j.at {
			first, found = t, true
		}
	}
	if !found {
		panic(fmt.Sprint("no clock in ", z.location, " shows or skips ", time.Unix(reading, 0).UTC()))
	}
	return first
}

// FirstShown is the instant at which a zone's clock shows a reading for the first time, or would have had it not
// been moved. Of the reading, only date and time of day count.
func FirstShown(name string, reading time.Time) time.Time {
	z, err := zoneOf(name)
	if err != nil {
		panic(err)
	}
	_, offset := reading.Zone()
	return time.Unix(z.instant(reading.Unix()+int64(offset)), 0).UTC()
}

// Jump is a moment at which a zone's clock is moved: how far it is ahead of UTC before and after.
type Jump struct {
	At            time.Time
	Before, After time.Duration
}

// Jumps are those of a zone in [from, to), in the years 2003 to 2052.
func Jumps(name string, from, to time.Time) (all []Jump) {
	z, err := zoneOf(name)
	if err != nil {
		panic(err)
	}
	for _, j := range z.jumps {
		if at := time.Unix(j.at, 0).UTC(); !at.Before(from) && at.Before(to) {
			all = append(all, Jump{at, time.Duration(j.before) * time.Second, time.Duration(j.after) * time.Second})
		}
	}
	return all
}
