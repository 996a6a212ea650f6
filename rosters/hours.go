package rosters

import "time"

// Hours are a service's working hours: weekly windows of wall-clock time in one zone. The zero
// value is Monday to Friday, 09:00 to 17:00, UTC; those are the windows wherever there are none.
//
// The clock on the wall decides: an hour that it skips has no working time, one that it shows twice
// has it twice. Hours that Validate refuses are always open: too early a page is better than none.
type Hours struct {
	Zone    string   `json:"zone,omitempty"` // IANA name; "" is UTC
	Windows []Window `json:"windows,omitempty"`
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
	loc, week, err := h.compile()
	if err != nil || len(week) == 0 {
		return at
	}
	for open, phase := range week.phases(loc, at) {
		if open {
			return phase.From.In(at.Location())
		}
	}
	return at
}

// Open lists when working hours are within [from, to), in order, each as long as it can be.
func (h Hours) Open(from, to time.Time) (all []Span) {
	loc, week, err := h.compile()
	if err != nil || len(week) == 0 {
		return []Span{{from.UTC(), to.UTC()}}
	}
	for open, phase := range week.phases(loc, from) {
		if !phase.From.Before(to) {
			break
		}
		s := Span{phase.From.UTC(), earlier(phase.To, to).UTC()}
		switch last := len(all) - 1; {
		case !open:
		case last >= 0 && all[last].To.Equal(s.From):
			all[last].To = s.To
		default:
			all = append(all, s)
		}
	}
	return all
}

func (h Hours) compile() (*time.Location, week, error) {
	var errs FieldErrors
	loc, err := loadZone(h.Zone)
	errs.field("/zone", h.Zone, err)
	windows := h.Windows
	if len(windows) == 0 {
		windows = officeHours
	}
	open, err := compileWeek(windows)
	errs.below("/windows", err)
	return loc, open, errs.orNil()
}

// Validate reports all that keeps working hours from being saved, as FieldErrors.
func (h Hours) Validate() error {
	var errs FieldErrors
	errs.limit("/windows", len(h.Windows), maxWindows)
	_, _, err := h.compile()
	errs.below("", err)
	return errs.orNil()
}
