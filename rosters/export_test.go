package rosters

import "time"

// What tests from outside, which may ask the clerk, look at of the inside.

func Resolve(reading time.Time, loc *time.Location) time.Time {
	return resolve(wall(reading.Unix()), loc)
}
