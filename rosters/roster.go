package rosters

import "time"

// RosterID is a roster's slug, "bitbucket-im".
type RosterID string

// Roster is a schedule of who is on call: rotations whose shifts add up, and overrides on top.
// Its Calendar answers questions; see Compile.
type Roster struct {
	ID        RosterID
	Name      string
	Rotations []Rotation
	Overrides []Override // where they overlap, the later one wins
}

// Rotation is one repeating turn: an RFC 5545 rule in a zone says when hand-overs happen, and the
// participants take turns in order, one shift each.
//
// Hand-overs are at the same time of the wall clock all the year. One at a time that the clock skips
// is read with the offset from before (02:30 becomes 03:30); one at a time that it shows twice is at
// the first. Hand-overs that meet at one instant by that are one, and one turn.
//
// A Rule may have FREQ=HOURLY (by the wall clock, so at the same times each day), DAILY, WEEKLY,
// MONTHLY or YEARLY; INTERVAL; COUNT or UNTIL, which bound hand-overs: the last shift lasts until the
// next would have been; WKST, BYDAY, BYMONTH, BYMONTHDAY, BYHOUR, BYMINUTE, BYSECOND and BYSETPOS. It
// hands over at most 24 times a day.
type Rotation struct {
	ID           string        // slug, unique within the roster
	Zone         string        // IANA name
	Start        string        // local wall-clock time from which on the rule hands over, "2026-01-05T09:00:00"
	Rule         string        // one RRULE value, "FREQ=WEEKLY"; no DTSTART.
	Length       time.Duration // of a shift; whole days by the wall clock, the rest as it passes. 0: until the next hand-over
	Participants []PersonID    // in order; a person may stand in it more than once
}

// Override replaces whoever is on call for a span.
//
// Replacing everybody, it puts Person on call in each rotation that it covers, also while nobody was:
// it fills gaps. Replacing one person, it counts only while that person would be on call.
type Override struct {
	ID       string   // slug, unique within the roster
	Rotation string   // the rotation it covers; "" for the whole roster
	Replaces PersonID // the person who is taken off; "" for everybody
	Person   PersonID // who is on call instead
	From, To time.Time
}

// Shift is a resolved span: Person is on call from From until To, not included.
type Shift struct {
	Person   PersonID
	From, To time.Time
	Rotation string // "" when an override put the person there
	Turn     int    // which occurrence of the rotation, from 0
	Override string // the override that put the person there, or ""
}
