package rosters

import (
	"iter"
	"time"
)

// The limits of Every: it hands over at most 24 times a day, as rules do.
const (
	minEvery = time.Hour
	maxEvery = 366 * day
)

// steady is a recurrence that the clocks on the wall do not concern: a hand-over each time so much time has
// passed since the first.
type steady struct {
	start time.Time
	every time.Duration
}

func newSteady(r Rotation, start wall, loc *time.Location) (*handovers, error) {
	var errs FieldErrors
	if r.Every < minEvery || r.Every > maxEvery || r.Every%time.Second != 0 {
		errs.refuse("/every", r.Every, "must be %v to %v, in whole seconds", minEvery, maxEvery)
	}
	if r.Rule != "" {
		errs.refuse("/rule", r.Rule, "does not go with every; say in one place when it hands over")
	}
	for _, other := range []struct {
		field string
		given int
	}{{"/times", len(r.Times)}, {"/without", len(r.Without)}, {"/besides", len(r.Besides)}} {
		if other.given > 0 {
			errs.refuse(other.field, other.given, "does not go with every; say in one place when it hands over")
		}
	}
	return &handovers{rule: steady{resolve(start, loc).UTC(), r.Every}}, errs.orNil()
}

// turn is the turn of the last hand-over at or before an instant; negative before the first.
func (s steady) turn(at time.Time) int {
	if at.Before(s.start) {
		return -1
	}
	// In seconds: a Duration ends after 292 years.
	return int((at.Unix() - s.start.Unix()) / int64(s.every/time.Second))
}

func (s steady) nth(turn int) (time.Time, bool) {
	return time.Unix(s.start.Unix()+int64(turn)*int64(s.every/time.Second), 0).UTC(), true
}

func (s steady) from(at time.Time) iter.Seq[handover] {
	return func(yield func(handover) bool) {
		for n := max(0, s.turn(at)); ; n++ {
			if t, _ := s.nth(n); !yield(handover{n, t}) {
				return
			}
		}
	}
}

// readings has none: dates are left out of rules only.
func (s steady) readings(wall) walls { return func() (wall, bool) { return 0, false } }
