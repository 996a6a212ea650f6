package rosters

import "time"

// RosterID is a roster's slug, "bitbucket-im".
type RosterID string

// Roster is a schedule of who is on call: rotations, in ranks, and overrides on top. Its Calendar answers
// questions; see Compile.
//
// The rotations of the highest rank that has anybody on call cover, all of that rank together; a roster
// whose rotations have one rank lets all of them add up.
type Roster struct {
	ID        RosterID
	Name      string
	Revision  int        // counts up from 1 as the rotations are changed
	Since     time.Time  // from when on Rotations count; zero: ever
	Rotations []Rotation // as they were planned last
	Earlier   []Revision // what they replaced, oldest first
	Overrides []Override // where they overlap, the later one wins
	Handoff   Handoff    // who is told when they change over
}

// Revision is rotations that others replaced. They count from Since until the next revision's.
type Revision struct {
	Revision  int
	Since     time.Time // zero: ever
	Rotations []Rotation
}

// Rotation is one repeating turn: an RFC 5545 rule in a zone says when hand-overs happen, and the
// participants take turns in order, or are on call all at once.
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
	ID           string        `json:"id"`                 // slug, unique within the roster
	Rank         int           `json:"rank,omitempty"`     // the highest that has anybody covers
	Zone         string        `json:"zone"`               // IANA name
	Start        string        `json:"start"`              // local wall-clock time from which on the rule hands over, "2026-01-05T09:00:00"
	Rule         string        `json:"rule,omitempty"`     // one RRULE value, "FREQ=WEEKLY"; no DTSTART
	Every        time.Duration `json:"every,omitempty"`    // instead of a rule: it hands over each time so long has passed since the start, whatever the clocks show
	Times        []string      `json:"times,omitempty"`    // of day, "06:30", at which it hands over on each day of the rule; none: at the start's
	Without      []string      `json:"without,omitempty"`  // hand-overs of the rule that do not take place (EXDATE): local time, or a date for all of a day
	Besides      []string      `json:"besides,omitempty"`  // further hand-overs (RDATE), local
	Length       time.Duration `json:"length,omitempty"`   // of a shift; whole days by the wall clock, the rest as it passes. 0: until the next hand-over
	Participants []PersonID    `json:"participants"`       // in order; a person may stand in it more than once; "" is an empty seat
	Everyone     bool          `json:"everyone,omitempty"` // all participants are on call in each shift
	Each         int           `json:"each,omitempty"`     // shifts on end that each has before the next one's turn; 0 is 1
	Ahead        int           `json:"ahead,omitempty"`    // turns by which the order is ahead: turn 0 is the participant's whose it would be after so many
	Hours        []Window      `json:"hours,omitempty"`    // of the week in which it covers; none: always
	From         time.Time     `json:"from,omitzero"`      // it covers nothing before; zero: no bound
	Until        time.Time     `json:"until,omitzero"`     // it covers nothing from then on; zero: no bound
}

// OverrideKind is what an override does.
type OverrideKind string

// The kinds of overrides.
const (
	// Replace puts Person on call instead of whoever is: of Replaces, while that person would be on call;
	// or of everybody, and then also while nobody is: it fills gaps in each rotation that it covers.
	Replace OverrideKind = ""
	// Add puts Person on call besides whoever is: an extra shift. In a rotation, the person has its rank.
	Add OverrideKind = "add"
	// TakeOff leaves the place of Replaces empty, or of everybody.
	TakeOff OverrideKind = "take_off"
)

// Override changes for a span who is on call.
type Override struct {
	ID       string // slug, unique within the roster
	Kind     OverrideKind
	Rotation string   // the rotation it covers; "" for the whole roster
	Replaces PersonID // the person who is taken off; "" for everybody
	Person   PersonID // who is on call instead, or besides
	From, To time.Time
}

// Shift is a resolved span: Person is on call from From until To, not included.
type Shift struct {
	Person   PersonID
	From, To time.Time
	Rotation string   // "" when an override put the person there
	Turn     int      // which occurrence of the rotation, from 0
	Override string   // the override that put the person there, or ""
	Instead  PersonID // whose place it was in the rotation before overrides, "" if it was nobody's
	Revision int      // of the roster's rotations
}
