package rosters

import "time"

// Ordinary words wake nobody: they are told by day, which is every day from 08:00 to 20:00 by the clocks of
// the person's zone.
var daytime = Window{
	Days: []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday},
	From: "08:00", To: "20:00",
}

// NextDaytime is the first instant of somebody's day from at on, but never after latest: what is of no use
// any later is told at night. In a zone that is not known it is always day.
func NextDaytime(zone string, at, latest time.Time) time.Time {
	next := Hours{Zone: zone, Windows: []Window{daytime}}.NextOpen(at)
	if next.After(latest) {
		next = later(at, latest)
	}
	return next
}

// LastDaytime is the last instant of somebody's day up to at; at itself by day.
func LastDaytime(zone string, at time.Time) time.Time {
	loc, open, err := Hours{Zone: zone, Windows: []Window{daytime}}.compile()
	if err != nil {
		return at
	}
	last := at
	for day, phase := range open.phases(loc, at.Add(-36*time.Hour)) { // a day that the clock skips is 24 h at most
		if phase.From.After(at) {
			break
		}
		if day {
			last = earlier(phase.To, at)
		}
	}
	return last.In(at.Location())
}
