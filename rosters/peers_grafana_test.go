package rosters_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// Grafana OnCall's schedules: shifts as the public API gives them, web overrides among them, or overrides as a calendar
// file.

type grafana struct {
	excerpt
	Schedule struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		TimeZone string `json:"time_zone"`
	} `json:"schedule"`
	Shifts        []grafanaShift `json:"on_call_shifts"`
	IcalOverrides string         `json:"ical_overrides"`
	Final         []struct {
		User  string    `json:"user_pk"`
		Start time.Time `json:"shift_start"`
		End   time.Time `json:"shift_end"`
	} `json:"final_shifts"`
}

type grafanaShift struct {
	ID            string     `json:"id"`
	Type          string     `json:"type"`
	TimeZone      string     `json:"time_zone"`
	Level         int        `json:"level"`
	Start         string     `json:"start"` // local
	Duration      int        `json:"duration"`
	RotationStart string     `json:"rotation_start"` // local
	Until         string     `json:"until"`          // UTC
	Frequency     string     `json:"frequency"`
	Interval      int        `json:"interval"`
	WeekStart     string     `json:"week_start"`
	ByDay         []string   `json:"by_day"`
	Users         []string   `json:"users"`
	Rolling       [][]string `json:"rolling_users"`
	From          int        `json:"start_rotation_from_user_index"`
}

const localTime = "2006-01-02T15:04:05"

func (s grafanaShift) length() time.Duration { return time.Duration(s.Duration) * time.Second }
func (s grafanaShift) interval() int         { return max(1, s.Interval) }

// zone is the shift's own, or else the schedule's.
func (s grafanaShift) zone(schedule string) string {
	if s.TimeZone != "" {
		return s.TimeZone
	}
	return schedule
}

// groups are those that take turns, from the one on with which it starts. Empty ones do not keep their place: theirs are
// the last turns of each round.
func (s grafanaShift) groups() (groups [][]string) {
	for _, g := range slices.Concat(s.Rolling[s.From:], s.Rolling[:s.From]) {
		if len(g) > 0 {
			groups = append(groups, g)
		}
	}
	for len(groups) < len(s.Rolling) {
		groups = append(groups, nil)
	}
	return groups
}

// firstDay is on which shifts begin: the start's, or if that is none of the shift's days, the first of them in a
// week that begins on week_start.
func (s grafanaShift) firstDay(start time.Time) time.Time {
	if len(s.ByDay) == 0 || slices.Contains(s.ByDay, dayNames[start.Weekday()]) {
		return start
	}
	first := slices.MinFunc(weekdays(strings.Join(s.ByDay, ","), start), func(a, b time.Weekday) int {
		return s.inWeek(a) - s.inWeek(b)
	})
	return start.AddDate(0, 0, (int(first-start.Weekday())+7)%7)
}

// inWeek is which day of the week a day is, 0 that on which weeks begin.
func (s grafanaShift) inWeek(d time.Weekday) int {
	return (int(d) - slices.Index(dayNames, s.WeekStart) + 7) % 7
}

// topRank is above all levels: there are calendars' overrides.
const topRank = 1000

// roster translates a schedule. A level is a rank: the highest that has anybody covers, and all of one add up.
func (p grafana) roster() (rosters.Roster, error) {
	r := rosters.Roster{ID: rosters.RosterID(strings.ToLower(p.Schedule.ID)), Name: p.Schedule.Name}
	for _, s := range p.Shifts {
		if s.Type == "override" {
			continue
		}
		rotations, err := s.rotations(s.zone(p.Schedule.TimeZone))
		if err != nil {
			return r, fmt.Errorf("shift %s: %w", s.ID, err)
		}
		r.Rotations = append(r.Rotations, rotations...)
	}
	events, err := readCalendar(p.IcalOverrides)
	if err != nil {
		return r, err
	}
	for _, e := range events {
		r.Rotations = append(r.Rotations, e.rotation())
	}
	r.Overrides, err = p.overrides()
	return r, err
}

func (s grafanaShift) rotations(zone string) ([]rosters.Rotation, error) {
	start, err := time.Parse(localTime, s.Start)
	if err != nil {
		return nil, err
	}
	r := rosters.Rotation{ID: strings.ToLower(s.ID), Rank: s.Level, Zone: zone, Start: s.Start, Length: s.length()}
	switch s.Type {
	case "single_event":
		r.Rule = "FREQ=DAILY;COUNT=1"
		return []rosters.Rotation{everyone(r, s.Users)}, nil
	case "recurrent_event":
		r.Rule = s.rule(strings.ToUpper(s.Frequency), s.interval())
		return []rosters.Rotation{everyone(r, s.Users)}, nil
	}
	r.Start = s.firstDay(start).Format(localTime)
	if err := s.roll(&r, s.firstDay(start)); err != nil {
		return nil, err
	}
	if r.From, err = s.covers(zone); err != nil {
		return nil, err
	}
	on, off := s.turn()
	var all []rosters.Rotation
	for _, place := range seated(r, s.groups(), on, off) {
		dealt, err := untangled(place, recurrence{rule: ruleParts(r.Rule)}, s.firstDay(start))
		if err != nil {
			return nil, err
		}
		all = append(all, dealt...)
	}
	return all, nil
}

func everyone(r rosters.Rotation, users []string) rosters.Rotation {
	r.Everyone = true
	for _, u := range users {
		r.Participants = append(r.Participants, person(u))
	}
	return r
}

func (s grafanaShift) rule(frequency string, interval int) string {
	rule := fmt.Sprintf("FREQ=%s;INTERVAL=%d", frequency, interval)
	if len(s.ByDay) > 0 {
		rule += ";BYDAY=" + strings.Join(s.ByDay, ",")
	}
	if frequency == "WEEKLY" && s.WeekStart != "" {
		rule += ";WKST=" + s.WeekStart
	}
	if until, err := time.Parse(localTime, s.Until); err == nil {
		rule += ";UNTIL=" + until.Format("20060102T150405Z")
	}
	return rule
}

// roll sets when a rolling shift begins and how many shifts on end each group has.
func (s grafanaShift) roll(r *rosters.Rotation, first time.Time) error {
	switch {
	case s.Frequency == "monthly", s.Frequency == "hourly" && s.length() > time.Duration(s.interval())*time.Hour:
		return fmt.Errorf("%s turns of %v", s.Frequency, s.length())
	case s.Frequency == "daily" && len(s.ByDay) > 0: // each interval of the days is a group's
		r.Rule, r.Each = s.rule("WEEKLY", 1), s.interval()
	case s.Frequency == "weekly" && len(s.ByDay) > 0: // all days of a week are one group's; the first week may lack some
		r.Rule, r.Each = s.rule("WEEKLY", s.interval()), len(s.ByDay)
		for _, d := range weekdays(strings.Join(s.ByDay, ","), first) {
			if s.inWeek(d) < s.inWeek(first.Weekday()) {
				r.Ahead++
			}
		}
	case s.Frequency == "hourly" && 24%s.interval() != 0: // an hour on end after the other
		r.Rule, r.Length = s.rule("HOURLY", 1), 0
	default:
		r.Rule = s.rule(strings.ToUpper(s.Frequency), s.interval())
	}
	return nil
}

// turn is in how many shifts of a turn a group is on call, and in how many nobody is.
func (s grafanaShift) turn() (on, off int) {
	if s.Frequency == "hourly" && 24%s.interval() != 0 {
		on = int(s.length() / time.Hour)
		return on, s.interval() - on
	}
	return 1, 0
}

// covers is from when on the shift covers, zero for ever.
func (s grafanaShift) covers(zone string) (time.Time, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || s.RotationStart == "" || s.RotationStart == s.Start {
		return time.Time{}, err
	}
	return time.ParseInLocation(localTime, s.RotationStart, loc)
}

// seated makes a rotation for each place in a group: where all of a group are on call at once, each place has a
// rotation of its own, and in a smaller group the last places stay empty.
func seated(r rosters.Rotation, groups [][]string, on, off int) (all []rosters.Rotation) {
	largest := slices.MaxFunc(groups, func(a, b []string) int { return len(a) - len(b) })
	for place := range largest {
		one := r
		one.ID = fmt.Sprintf("%s-%d", r.ID, place+1)
		for _, g := range groups {
			var p rosters.PersonID
			if place < len(g) {
				p = person(g[place])
			}
			one.Participants = append(one.Participants, slices.Repeat([]rosters.PersonID{p}, on)...)
			one.Participants = append(one.Participants, make([]rosters.PersonID, off)...)
		}
		all = append(all, one)
	}
	return all
}

// overrides are the web ones. They take everybody off and add up among themselves.
func (p grafana) overrides() (all []rosters.Override, err error) {
	var added []rosters.Override
	for _, s := range p.Shifts {
		if s.Type != "override" {
			continue
		}
		from, err := s.begins(p.Schedule.TimeZone)
		if err != nil {
			return nil, err
		}
		id, to := strings.ToLower(s.ID), from.Add(s.length())
		all = append(all, rosters.Override{ID: id, Kind: rosters.TakeOff, From: from, To: to})
		for i, u := range s.Rolling[0] {
			added = append(added, rosters.Override{ID: fmt.Sprintf("%s-%d", id, i+1), Kind: rosters.Add, Person: person(u), From: from, To: to})
		}
	}
	return append(all, added...), nil
}

func (s grafanaShift) begins(schedule string) (time.Time, error) {
	loc, err := time.LoadLocation(s.zone(schedule))
	if err != nil {
		return time.Time{}, err
	}
	return time.ParseInLocation(localTime, s.Start, loc)
}

// calendarEvent is a VEVENT of a calendar of overrides: whoever its summary names is on call.
type calendarEvent struct {
	uid        string
	names      []string
	start, end time.Time // in their zone
	rule       string
}

// readCalendar reads as much of RFC 5545 as overrides need.
func readCalendar(text string) (events []calendarEvent, err error) {
	var e calendarEvent
	for line := range strings.Lines(text) {
		head, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		name, parameters, _ := strings.Cut(head, ";")
		switch name {
		case "BEGIN":
			e = calendarEvent{}
		case "UID":
			e.uid = value
		case "SUMMARY":
			e.names = strings.Split(strings.ReplaceAll(value, " ", ""), ",")
		case "DTSTART":
			e.start, err = readDate(value, parameters, time.UTC)
		case "DTEND":
			e.end, err = readDate(value, parameters, time.UTC)
		case "RRULE":
			e.rule = value
		case "END":
			if value == "VEVENT" {
				events = append(events, e)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// rotation of an event is above all levels, and adds up with others of its kind. An event that does not repeat is one
// that occurs once.
func (e calendarEvent) rotation() rosters.Rotation {
	r := rosters.Rotation{
		ID: strings.ToLower(e.uid), Rank: topRank, Zone: e.start.Location().String(), Start: reading(e.start, e.start.Location()),
		Rule: e.rule, Length: lengthOf(e.start, e.end),
	}
	if r.Rule == "" {
		r.Rule = "FREQ=DAILY;COUNT=1"
	}
	return everyone(r, e.names)
}

// rendered is the product's arithmetic: all shifts with their levels, going through the calendar day by day or hour by
// hour.
func (p grafana) rendered(t *testing.T, until time.Time) func(time.Time) []string {
	all := map[int]timeline{}
	for _, s := range p.Shifts {
		loc := mustZone(t, s.zone(p.Schedule.TimeZone))
		level := s.Level
		if s.Type == "override" {
			level = topRank
		}
		all[level] = append(all[level], s.shifts(t, loc, until)...)
	}
	events, err := readCalendar(p.IcalOverrides)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		all[topRank] = append(all[topRank], e.shifts(until)...)
	}
	var levels []func(time.Time) []string // the highest first
	for _, level := range slices.Backward(slices.Sorted(maps.Keys(all))) {
		levels = append(levels, all[level].asked(p.Since.Add(-day), until))
	}
	return func(at time.Time) []string {
		for _, onCall := range levels {
			if names := onCall(at); names != nil {
				return names
			}
		}
		return nil
	}
}

// shifts are those of an event: its first, and each that its rule repeats.
func (e calendarEvent) shifts(until time.Time) (all timeline) {
	rec := recurrence{rule: ruleParts(e.rule)}
	for at := e.start; at.Before(until); at = at.AddDate(0, 0, 1) {
		if at.Equal(e.start) || e.rule != "" && rec.takesPlace(at, e.start) {
			for _, name := range e.names {
				all = append(all, entry{at, later(at, lengthOf(e.start, e.end)), name})
			}
		}
	}
	return all
}

func (s grafanaShift) shifts(t *testing.T, loc *time.Location, until time.Time) (all timeline) {
	start, err := time.ParseInLocation(localTime, s.Start, loc)
	if err != nil {
		t.Fatal(err)
	}
	add := func(at time.Time, users []string) {
		for _, u := range users {
			all = append(all, entry{at, later(at, s.length()), who(u)})
		}
	}
	switch s.Type {
	case "override":
		add(start, s.Rolling[0])
		return all
	case "single_event":
		add(start, s.Users)
		return all
	}
	first, count := s.firstDay(start), 0
	for at := first; at.Before(until) && !s.over(at); at = s.next(at) {
		group, takesPlace := s.period(first, at, &count)
		if !takesPlace || at.Format(localTime) < s.RotationStart {
			continue
		}
		if s.Type == "recurrent_event" {
			add(at, s.Users)
			continue
		}
		groups := s.groups()
		add(at, groups[group%len(groups)])
	}
	return all
}

func (s grafanaShift) over(at time.Time) bool {
	until, err := time.Parse(localTime, s.Until)
	return err == nil && at.After(until)
}

func (s grafanaShift) next(at time.Time) time.Time {
	if s.Frequency == "hourly" {
		return at.Add(time.Hour)
	}
	return at.AddDate(0, 0, 1)
}

// period counts in which turn of the shift an hour or a day lies, and tells whether a shift begins then. The count is of
// the hours or days there were that the shift may begin on.
func (s grafanaShift) period(first, at time.Time, count *int) (turn int, takesPlace bool) {
	passed := int(shown(at, at.Location()).Sub(shown(first, first.Location())) / day)
	selected := len(s.ByDay) == 0 || slices.Contains(s.ByDay, dayNames[at.Weekday()])
	switch {
	case s.Frequency == "weekly":
		weeks := (passed + s.inWeek(first.Weekday())) / 7
		if len(s.ByDay) == 0 {
			selected = at.Weekday() == first.Weekday()
		}
		return weeks / s.interval(), selected && weeks%s.interval() == 0
	case !selected:
		return 0, false
	}
	n := *count
	*count++
	return n / s.interval(), len(s.ByDay) > 0 || n%s.interval() == 0
}

func TestPeersGrafana(t *testing.T) {
	for _, name := range []string{
		"grafana-levels",         // groups of several, an empty one whose gaps the level below fills, overlapping overrides
		"grafana-days",           // chosen days: a group keeps the week, or a day, or two days
		"grafana-hours",          // five hours each, and six of each twelve
		"grafana-ical-overrides", // once and each week, in a zone whose clocks change
	} {
		t.Run(name, func(t *testing.T) {
			var p grafana
			readPeer(t, name, &p)
			r, err := p.roster()
			c := mustTake(t, r, err)
			var want timeline
			for _, f := range p.Final {
				want = append(want, entry{f.Start, f.End, who(f.User)})
			}
			sameAsTold(t, c, p.excerpt, want, p.Schedule.TimeZone)
			sameAllYear(t, c, p.Since, p.rendered(t, twoYears(p.Since)))
		})
	}
}
