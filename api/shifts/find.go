package shifts

import (
	"fmt"
	"time"

	"rouse/rosters"
)

// shiftFinder finds the shift that is meant.
type shiftFinder struct {
	who      rosters.Person // who asks, in whose zone and language all is said
	roster   rosters.RosterID
	calendar *rosters.Calendar
	now      time.Time
}

// around is how far before and after a day its shifts may begin and end.
const around = 40 * 24 * time.Hour

func (f shiftFinder) shift(whose rosters.Person, w when) (rosters.Span, string) {
	say := in(f.who.Language)
	if w.timed {
		at := w.after(f.now)
		for _, s := range f.shifts(whose.ID, at) {
			if !s.From.After(at) && s.To.After(at) {
				return s, ""
			}
		}
		return rosters.Span{}, fmt.Sprintf(say.noShift, whose.Name, f.roster, short(f.who, at))
	}
	day := w.day(today(f.now))
	meant := f.ofDay(whose.ID, day)
	if len(meant) == 0 && w.weekly && !today(f.now).Before(day) { // what began already is nothing to give or take
		day = day.AddDate(0, 0, 7)
		meant = f.ofDay(whose.ID, day)
	}
	switch len(meant) {
	case 0:
		return rosters.Span{}, fmt.Sprintf(say.noShift, whose.Name, f.roster, dayText(f.who, day))
	case 1:
		return meant[0], ""
	default:
		return rosters.Span{}, fmt.Sprintf(say.which, whose.Name, f.roster, dayText(f.who, day), meant[0].From.In(day.Location()).Format("2006-01-02 15:04"))
	}
}

// ofDay are somebody's shifts to come that begin on a day, or last all of it.
func (f shiftFinder) ofDay(whose rosters.PersonID, day time.Time) (meant []rosters.Span) {
	from, to := begin(day), begin(day.AddDate(0, 0, 1))
	for _, s := range f.shifts(whose, day) {
		begins := !s.From.Before(from) && s.From.Before(to)
		if s.From.After(f.now) && (begins || s.From.Before(from) && !s.To.Before(to)) {
			meant = append(meant, s)
		}
	}
	return meant
}

// shifts are somebody's around an instant, those that follow without a pause as they are told.
func (f shiftFinder) shifts(whose rosters.PersonID, at time.Time) (found []rosters.Span) {
	for _, s := range f.calendar.Shifts(at.Add(-around), at.Add(around)) {
		if s.Person == whose {
			found = append(found, rosters.Span{From: s.From, To: s.To})
		}
	}
	return found
}
