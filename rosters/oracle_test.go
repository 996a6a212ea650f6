package rosters

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// oracle is a rotation as a diligent clerk would work it out: day after day through the calendar,
// minute hand in hand, with nothing but the time package. It shares no code with what it judges.
type oracle struct {
	zone      string
	start     string
	freq      string
	interval  int
	weekdays  []time.Weekday // BYDAY
	nth       int            // BYDAY's number, for MONTHLY with one weekday
	months    []int          // BYMONTH
	monthDays []int          // BYMONTHDAY
	hours     []int          // BYHOUR
	minutes   []int          // BYMINUTE
	count     int
	until     time.Time
	length    time.Duration
	people    []PersonID

	instants []time.Time // of the hand-overs of walkedYears, without COUNT and UNTIL
}

func (o *oracle) rotation(id string) Rotation {
	rule := []string{"FREQ=" + o.freq}
	part := func(name string, values []string) {
		if len(values) > 0 {
			rule = append(rule, name+"="+strings.Join(values, ","))
		}
	}
	ints := func(list []int) (s []string) {
		for _, n := range list {
			s = append(s, strconv.Itoa(n))
		}
		return s
	}
	if o.interval > 1 {
		part("INTERVAL", ints([]int{o.interval}))
	}
	var days []string
	for _, d := range o.weekdays {
		name := strings.ToUpper(d.String()[:2])
		if o.nth != 0 {
			name = strconv.Itoa(o.nth) + name
		}
		days = append(days, name)
	}
	part("BYDAY", days)
	part("BYMONTH", ints(o.months))
	part("BYMONTHDAY", ints(o.monthDays))
	part("BYHOUR", ints(o.hours))
	part("BYMINUTE", ints(o.minutes))
	if o.count > 0 {
		part("COUNT", ints([]int{o.count}))
	}
	if !o.until.IsZero() {
		part("UNTIL", []string{o.until.UTC().Format("20060102T150405Z")})
	}
	return Rotation{ID: id, Zone: o.zone, Start: o.start, Rule: strings.Join(rule, ";"), Length: o.length, Participants: o.people}
}

// onCall returns who is on call at an instant and which turn it is, "" if nobody.
func (o *oracle) onCall(at time.Time) (PersonID, int) {
	o.walk()
	turn := sort.Search(len(o.instants), func(i int) bool { return o.instants[i].After(at) }) - 1
	for turn >= 0 && !o.until.IsZero() && o.instants[turn].After(o.until) {
		turn-- // the last shift may reach beyond UNTIL, but not beyond the next hand-over
		if !o.instants[turn+1].After(at) {
			return "", 0
		}
	}
	if turn < 0 || o.count > 0 && turn >= o.count {
		return "", 0
	}
	if o.length > 0 {
		loc := o.location()
		began := o.instants[turn].In(loc)
		days := int(o.length / (24 * time.Hour))
		end := began.Add(o.length)
		if days > 0 {
			noon := time.Date(began.Year(), began.Month(), began.Day()+days, 12, 0, 0, 0, time.UTC)
			end = clockShows(noon.Format("2006-01-02")+began.Format(" 15:04:05"), loc).Add(o.length % (24 * time.Hour))
		}
		if !at.Before(end) {
			return "", 0
		}
	}
	return o.people[turn%len(o.people)], turn
}

func (o *oracle) location() *time.Location {
	loc, err := time.LoadLocation(o.zone)
	if err != nil {
		panic(err)
	}
	return loc
}

const walkedYears = 5

func (o *oracle) begin() time.Time {
	start, err := time.Parse("2006-01-02T15:04:05", o.start)
	if err != nil {
		panic(err)
	}
	return start
}

// walk lists all hand-overs, once.
func (o *oracle) walk() {
	if len(o.instants) > 0 {
		return
	}
	loc, start := o.location(), o.begin()
	hours, minutes := o.hours, o.minutes
	if len(hours) == 0 {
		hours = []int{start.Hour()}
	}
	if len(minutes) == 0 {
		minutes = []int{start.Minute()}
	}
	first := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC)
	for date := first; date.Before(first.AddDate(walkedYears, 0, 0)); date = date.AddDate(0, 0, 1) {
		if !o.matches(first, date) {
			continue
		}
		for _, h := range hours {
			for _, m := range minutes {
				shown := fmt.Sprintf("%s %02d:%02d:%02d", date.Format("2006-01-02"), h, m, start.Second())
				if shown >= start.Format("2006-01-02 15:04:05") {
					o.instants = append(o.instants, clockShows(shown, loc))
				}
			}
		}
	}
	slices.SortFunc(o.instants, time.Time.Compare)
	o.instants = slices.CompactFunc(o.instants, time.Time.Equal)
}

func (o *oracle) matches(first, date time.Time) bool {
	interval := max(1, o.interval)
	days := int(date.Sub(first) / (24 * time.Hour))
	onWeekday := slices.Contains(o.weekdays, date.Weekday())
	switch o.freq {
	case "DAILY":
		if days%interval != 0 || len(o.weekdays) > 0 && !onWeekday {
			return false
		}
	case "WEEKLY":
		sinceMonday := (int(first.Weekday()) + 6) % 7
		if (days+sinceMonday)/7%interval != 0 {
			return false
		}
		if len(o.weekdays) == 0 {
			onWeekday = date.Weekday() == first.Weekday()
		}
		if !onWeekday {
			return false
		}
	case "MONTHLY":
		months := (date.Year()-first.Year())*12 + int(date.Month()) - int(first.Month())
		if months%interval != 0 {
			return false
		}
		if len(o.weekdays) > 0 {
			week := (date.Day()-1)/7 + 1
			fromEnd := -((lastDay(date)-date.Day())/7 + 1)
			if !onWeekday || o.nth != 0 && o.nth != week && o.nth != fromEnd {
				return false
			}
		} else if len(o.monthDays) == 0 && date.Day() != first.Day() {
			return false
		}
	}
	if len(o.months) > 0 && !slices.Contains(o.months, int(date.Month())) {
		return false
	}
	return len(o.monthDays) == 0 || slices.Contains(o.monthDays, date.Day()) ||
		slices.Contains(o.monthDays, date.Day()-lastDay(date)-1)
}

func lastDay(date time.Time) int {
	return time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// clockShows finds an instant by looking at the zone's clock for two days: the first at which it
// shows the wanted time; or, if it never does, what the time would have been had the clock not jumped.
func clockShows(wanted string, loc *time.Location) time.Time {
	const layout = "2006-01-02 15:04:05"
	read, err := time.Parse(layout, wanted)
	if err != nil {
		panic(err)
	}
	had := func(offset int) time.Time { return read.Add(-time.Duration(offset) * time.Second) }
	jumps := changes(loc, read.Add(-26*time.Hour), read.Add(26*time.Hour), 4*time.Hour)
	if len(jumps) == 0 {
		_, offset := read.In(loc).Zone()
		return had(offset)
	}
	var shown []time.Time
	for _, c := range jumps {
		for _, t := range []time.Time{had(c.before), had(c.after)} {
			if t.In(loc).Format(layout) == wanted {
				shown = append(shown, t)
			}
		}
	}
	if len(shown) > 0 {
		return slices.MinFunc(shown, time.Time.Compare)
	}
	for _, c := range jumps {
		if t := had(c.before); !t.Before(c.at) && had(c.after).Before(c.at) {
			return t
		}
	}
	panic("no clock shows or skips " + wanted)
}
