package rosters_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// PagerDuty's schedules of layers, API v2.

type pagerDutyV2 struct {
	excerpt
	Schedule struct {
		ID       string           `json:"id"`
		Name     string           `json:"name"`
		TimeZone string           `json:"time_zone"`
		Layers   []pagerDutyLayer `json:"schedule_layers"` // the highest first
		Final    struct {
			Entries []pagerDutyEntry `json:"rendered_schedule_entries"`
		} `json:"final_schedule"`
	} `json:"schedule"`
	Overrides []pagerDutyEntry `json:"overrides"` // as they were created
}

type pagerDutyUser struct {
	ID string `json:"id"`
}

type pagerDutyEntry struct {
	ID    string        `json:"id"`
	Start time.Time     `json:"start"`
	End   time.Time     `json:"end"`
	User  pagerDutyUser `json:"user"`
}

type pagerDutyLayer struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Start        time.Time  `json:"start"`
	End          *time.Time `json:"end"`
	VirtualStart time.Time  `json:"rotation_virtual_start"`
	TurnSeconds  int        `json:"rotation_turn_length_seconds"`
	Users        []struct {
		User pagerDutyUser `json:"user"`
	} `json:"users"`
	Restrictions []pagerDutyRestriction `json:"restrictions"`
}

type pagerDutyRestriction struct {
	Type      string `json:"type"`
	TimeOfDay string `json:"start_time_of_day"`
	Seconds   int    `json:"duration_seconds"`
	DayOfWeek int    `json:"start_day_of_week"` // 1 is Monday
}

func (l pagerDutyLayer) turn() time.Duration { return time.Duration(l.TurnSeconds) * time.Second }

func (r pagerDutyRestriction) from() (time.Duration, error) {
	t, err := time.Parse(time.TimeOnly, r.TimeOfDay)
	return sinceMidnight(t), err
}

func (r pagerDutyRestriction) length() time.Duration { return time.Duration(r.Seconds) * time.Second }

// roster translates a schedule. A layer is a rotation, and the highest has the highest rank: it covers those below
// while it has anybody on call.
func (p pagerDutyV2) roster() (rosters.Roster, error) {
	s := p.Schedule
	r := rosters.Roster{ID: rosters.RosterID(strings.ToLower(s.ID)), Name: s.Name}
	for i, layer := range s.Layers {
		rotation, err := layer.rotation(s.TimeZone)
		if err != nil {
			return r, fmt.Errorf("layer %s: %w", layer.Name, err)
		}
		rotation.Rank = len(s.Layers) - 1 - i
		r.Rotations = append(r.Rotations, rotation)
	}
	for _, o := range p.Overrides {
		for i, piece := range pieces(o.Start, o.End) {
			r.Overrides = append(r.Overrides, rosters.Override{
				ID: fmt.Sprintf("%s-%d", strings.ToLower(o.ID), i), Person: person(o.User.ID), From: piece.From, To: piece.To,
			})
		}
	}
	return r, nil
}

func (l pagerDutyLayer) rotation(zone string) (rosters.Rotation, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return rosters.Rotation{}, err
	}
	r, err := turns(l.begin(loc), l.turn(), zone)
	if err != nil {
		return r, err
	}
	r.ID, r.From = strings.ToLower(l.ID), l.Start
	if l.End != nil {
		r.Until = *l.End
	}
	for _, u := range l.Users {
		r.Participants = append(r.Participants, person(u.User.ID))
	}
	for _, restriction := range l.Restrictions {
		w, err := restriction.windows()
		if err != nil {
			return r, err
		}
		r.Hours = append(r.Hours, w...)
	}
	return r, nil
}

// begin is when turns are counted from. Where that is after the layer's start, whole rounds before it is the same.
func (l pagerDutyLayer) begin(loc *time.Location) time.Time {
	begin, round := l.VirtualStart, l.turn()*time.Duration(len(l.Users))
	for round > 0 && begin.After(l.Start) {
		if fitsTheClock(l.turn()) {
			b := shown(begin, loc).Add(-round)
			begin = time.Date(b.Year(), b.Month(), b.Day(), b.Hour(), b.Minute(), b.Second(), 0, loc)
		} else {
			begin = begin.Add(-round)
		}
	}
	return begin
}

// windows are those of a restriction. Its seconds are of the wall clock: 64 hours from Friday, 17:00, end on Monday at
// 09:00 in each week, as the product shows them.
func (r pagerDutyRestriction) windows() ([]rosters.Window, error) {
	from, err := r.from()
	days := everyDay
	if r.Type == "weekly_restriction" {
		days = []time.Weekday{time.Weekday(r.DayOfWeek % 7)}
	}
	return windows(days, from, r.length()), err
}

// onCall is the product's arithmetic: the last override, else the first layer that has anybody.
func (p pagerDutyV2) onCall(t *testing.T) func(time.Time) []string {
	loc := mustZone(t, p.Schedule.TimeZone)
	return func(at time.Time) []string {
		for _, o := range slices.Backward(p.Overrides) {
			if !at.Before(o.Start) && at.Before(o.End) {
				return []string{who(o.User.ID)}
			}
		}
		for _, l := range p.Schedule.Layers {
			if l.covers(at, loc) {
				turn := turnOf(at, l.VirtualStart, l.turn(), loc) % len(l.Users)
				return []string{who(l.Users[(turn+len(l.Users))%len(l.Users)].User.ID)}
			}
		}
		return nil
	}
}

func (l pagerDutyLayer) covers(at time.Time, loc *time.Location) bool {
	if at.Before(l.Start) || l.End != nil && !at.Before(*l.End) {
		return false
	}
	open := func(r pagerDutyRestriction) bool { return r.covers(shown(at, loc)) }
	return len(l.Restrictions) == 0 || slices.ContainsFunc(l.Restrictions, open)
}

func (r pagerDutyRestriction) covers(now time.Time) bool {
	from, err := r.from()
	if err != nil {
		return false
	}
	passed, period := sinceMidnight(now)-from, day
	if r.Type == "weekly_restriction" {
		passed += time.Duration(int(now.Weekday())-r.DayOfWeek) * day
		period = week
	}
	return (passed%period+period)%period < r.length()
}

func TestPeersOddPagerDutyLayers(t *testing.T) {
	var layers pagerDutyV2
	readPeer(t, "pagerduty-v2-odd", &layers)
	for _, layer := range layers.Schedule.Layers {
		t.Run(layer.Name, func(t *testing.T) {
			alone := layers
			alone.Schedule.Layers = []pagerDutyLayer{layer}
			r, err := alone.roster()
			sameAllYear(t, mustTake(t, r, err), layers.Since, alone.onCall(t))
		})
	}
}

func TestPeersPagerDutyLayers(t *testing.T) {
	for _, name := range []string{
		"pagerduty-v2-layers",       // several layers that fill each other's gaps over the start of summer time
		"pagerduty-v2-twelve-hours", // and the end of it, with overrides on top of each other
		"pagerduty-v2-seven-hours",
		"pagerduty-v2-36-hours",
	} {
		t.Run(name, func(t *testing.T) {
			var p pagerDutyV2
			readPeer(t, name, &p)
			r, err := p.roster()
			c := mustTake(t, r, err)
			var want timeline
			for _, e := range p.Schedule.Final.Entries {
				want = append(want, entry{e.Start, e.End, who(e.User.ID)})
			}
			sameAsTold(t, c, p.excerpt, want, p.Schedule.TimeZone)
			sameAllYear(t, c, p.Since, p.onCall(t))
		})
	}
}

// PagerDuty's schedules of shifts, API v3.

type pagerDutyV3 struct {
	excerpt
	Schedule struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		TimeZone  string `json:"time_zone"`
		Rotations []struct {
			ID     string           `json:"id"`
			Events []pagerDutyEvent `json:"events"`
		} `json:"rotations"`
		Final struct {
			Assignments []struct {
				Start  time.Time       `json:"start_time"`
				End    time.Time       `json:"end_time"`
				Member pagerDutyMember `json:"member"`
			} `json:"computed_shift_assignments"`
		} `json:"final_schedule"`
	} `json:"schedule"`
	CustomShifts []struct {
		ID          string    `json:"id"`
		Start       time.Time `json:"start_time"`
		End         time.Time `json:"end_time"`
		Assignments []struct {
			Member pagerDutyMember `json:"member"`
		} `json:"assignments"` // exactly one
	} `json:"custom_shifts"`
	Overrides []pagerDutyOverride `json:"overrides"`
}

type pagerDutyMember struct {
	Type   string `json:"type"`
	UserID string `json:"user_id"`
}

// name of the member; an empty seat has none.
func (m pagerDutyMember) name() string {
	if m.Type == "empty_member" {
		return ""
	}
	return who(m.UserID)
}

type zonedTime struct {
	At   time.Time `json:"date_time"`
	Zone string    `json:"time_zone"`
}

type pagerDutyEvent struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Start      zonedTime  `json:"start_time"`
	End        zonedTime  `json:"end_time"`
	Since      time.Time  `json:"effective_since"`
	Until      *time.Time `json:"effective_until"`
	Recurrence []string   `json:"recurrence"`
	Assignment struct {
		Type            string            `json:"type"`
		ShiftsPerMember int               `json:"shifts_per_member"`
		Members         []pagerDutyMember `json:"members"`
	} `json:"assignment_strategy"`
}

func (e pagerDutyEvent) everyone() bool {
	return e.Assignment.Type == "every_member_assignment_strategy"
}

type pagerDutyOverride struct {
	ID          string          `json:"id"`
	RotationID  string          `json:"rotation_id"`
	CustomShift string          `json:"custom_shift_id"`
	Start       time.Time       `json:"start_time"`
	End         time.Time       `json:"end_time"`
	Overridden  pagerDutyMember `json:"overridden_member"`
	Overriding  pagerDutyMember `json:"overriding_member"`
}

// recurrence is what a list of RFC 5545 properties says, with its dates in the event's zone.
type recurrence struct {
	rule    map[string]string
	without []time.Time // EXDATE with a time
	dates   []string    // EXDATE of whole days, "2026-12-25"
	besides []time.Time // RDATE
}

func readRecurrence(properties []string, loc *time.Location) (r recurrence, err error) {
	for _, line := range properties {
		head, value, _ := strings.Cut(line, ":")
		name, parameters, _ := strings.Cut(head, ";")
		if name == "RRULE" {
			r.rule = ruleParts(value)
			continue
		}
		for text := range strings.SplitSeq(value, ",") {
			if day, err := time.Parse("20060102", text); err == nil {
				r.dates = append(r.dates, day.Format(time.DateOnly))
				continue
			}
			at, err := readDate(text, parameters, loc)
			if err != nil {
				return r, err
			}
			if name == "EXDATE" {
				r.without = append(r.without, at)
			} else {
				r.besides = append(r.besides, at)
			}
		}
	}
	return r, err
}

func ruleParts(value string) map[string]string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(value, ";") {
		key, value, _ := strings.Cut(part, "=")
		parts[key] = value
	}
	return parts
}

// readDate reads a time of RFC 5545: in UTC, in the zone that is named, or else in the event's.
func readDate(text, parameters string, loc *time.Location) (time.Time, error) {
	if at, err := time.Parse("20060102T150405Z", text); err == nil {
		return at, nil
	}
	if _, zone, named := strings.Cut(parameters, "TZID="); named {
		var err error
		if loc, err = time.LoadLocation(zone); err != nil {
			return time.Time{}, err
		}
	}
	return time.ParseInLocation("20060102T150405", text, loc)
}

func (r recurrence) interval() int {
	n, _ := strconv.Atoi(r.rule["INTERVAL"])
	return max(1, n)
}

// nearest is the shortest time between two hand-overs; of a rule by months, four weeks.
func (r recurrence) nearest(start time.Time) time.Duration {
	interval := time.Duration(r.interval())
	switch r.rule["FREQ"] {
	case "HOURLY":
		return interval * time.Hour
	case "DAILY":
		return interval * day
	case "WEEKLY":
		days := weekdays(r.rule["BYDAY"], start)
		nearest := interval * week
		for i := 1; i < len(days); i++ {
			nearest = min(nearest, time.Duration(days[i]-days[i-1])*day)
		}
		return min(nearest, interval*week-time.Duration(days[len(days)-1]-days[0])*day)
	}
	return 4 * week
}

// even reports whether all shifts begin as far apart as the next.
func (r recurrence) even() bool {
	for key := range r.rule {
		if key != "FREQ" && key != "INTERVAL" && key != "WKST" {
			return false
		}
	}
	return r.rule["FREQ"] == "DAILY" || r.rule["FREQ"] == "WEEKLY"
}

var dayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// weekdays reads BYDAY; without one it is the day of the start. They are in order, Sunday first.
func weekdays(byDay string, start time.Time) (days []time.Weekday) {
	for i, name := range dayNames {
		if slices.Contains(strings.Split(byDay, ","), name) || byDay == "" && time.Weekday(i) == start.Weekday() {
			days = append(days, time.Weekday(i))
		}
	}
	return days
}

// roster translates a schedule. Rotations do not cover each other: all have one rank and add up. An event is a rotation,
// or several where its shifts overlap.
func (p pagerDutyV3) roster() (rosters.Roster, error) {
	s := p.Schedule
	r := rosters.Roster{ID: rosters.RosterID(strings.ToLower(s.ID)), Name: s.Name}
	of := map[string][]rosters.Rotation{}
	for _, rotation := range s.Rotations {
		for _, e := range rotation.Events {
			rotations, err := e.rotations()
			if err != nil {
				return r, fmt.Errorf("event %s: %w", e.Name, err)
			}
			of[rotation.ID] = append(of[rotation.ID], rotations...)
		}
		r.Rotations = append(r.Rotations, of[rotation.ID]...)
	}
	r.Overrides = p.extraShifts()
	for _, o := range p.Overrides {
		for _, rotation := range of[o.RotationID] {
			overrides, err := o.overrides(rotation)
			if err != nil {
				return r, err
			}
			r.Overrides = append(r.Overrides, overrides...)
		}
	}
	return r, nil
}

// rotations are those of an event. Turns are counted from its start, whenever it takes effect: an event that follows
// another with somebody else in a seat leaves everybody else their weeks.
func (e pagerDutyEvent) rotations() ([]rosters.Rotation, error) {
	loc, err := time.LoadLocation(e.Start.Zone)
	if err != nil {
		return nil, err
	}
	rec, err := readRecurrence(e.Recurrence, loc)
	if err != nil {
		return nil, err
	}
	r := rosters.Rotation{
		ID: strings.ToLower(e.ID), Zone: e.Start.Zone, Start: reading(e.Start.At, loc), Rule: rule(rec.rule),
		Without: append(readings(rec.without, loc), rec.dates...), Besides: readings(rec.besides, loc),
		Length: e.length(), Everyone: e.everyone(), Each: e.Assignment.ShiftsPerMember, From: e.Since,
	}
	if e.Until != nil {
		r.Until = *e.Until
	}
	for _, m := range e.Assignment.Members {
		if name := m.name(); name != "" || !r.Everyone {
			r.Participants = append(r.Participants, rosters.PersonID(name))
		}
	}
	return untangled(r, rec, e.begin())
}

// length of a shift is that of the first one.
func (e pagerDutyEvent) length() time.Duration { return lengthOf(e.begin(), e.End.At) }

// begin is the start in its zone.
func (e pagerDutyEvent) begin() time.Time {
	loc, err := time.LoadLocation(e.Start.Zone)
	if err != nil {
		loc = time.UTC
	}
	return e.Start.At.In(loc)
}

func rule(parts map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		all = append(all, key+"="+parts[key])
	}
	return strings.Join(all, ";")
}

func readings(times []time.Time, loc *time.Location) (all []string) {
	for _, at := range times {
		all = append(all, reading(at, loc))
	}
	return all
}

// untangled deals shifts that overlap out to several rotations, as those of one rotation end with the next hand-over:
// of two, the first has each other shift and the second those between.
func untangled(r rosters.Rotation, rec recurrence, start time.Time) ([]rosters.Rotation, error) {
	nearest := rec.nearest(start)
	n := int((r.Length + nearest - 1) / nearest)
	if n <= 1 {
		return []rosters.Rotation{r}, nil
	}
	if len(r.Without)+len(r.Besides) > 0 || !rec.even() {
		return nil, fmt.Errorf("shifts of %v overlap at uneven distances", r.Length)
	}
	var all []rosters.Rotation
	for i := range n {
		dealt := r
		parts := maps.Clone(rec.rule)
		parts["INTERVAL"] = strconv.Itoa(n * rec.interval())
		dealt.ID, dealt.Rule, dealt.Each = fmt.Sprintf("%s-%d", r.ID, i+1), rule(parts), 1
		dealt.Start = reading(start.AddDate(0, 0, i*int(nearest/day)), start.Location())
		if !r.Everyone {
			dealt.Participants = nil
			for turn := range len(r.Participants) * max(1, r.Each) {
				seat := (i + turn*n) / max(1, r.Each) % len(r.Participants)
				dealt.Participants = append(dealt.Participants, r.Participants[seat])
			}
		}
		all = append(all, dealt)
	}
	return all, nil
}

// extraShifts are the custom ones, which add up with all else. What overrides change about them is worked out here: an
// override of ours would also find the same person elsewhere.
func (p pagerDutyV3) extraShifts() (all []rosters.Override) {
	for _, s := range p.CustomShifts {
		parts := timeline{{s.Start, s.End, s.Assignments[0].Member.name()}}
		for _, o := range p.Overrides {
			if o.CustomShift == s.ID {
				parts = parts.replaced(o)
			}
		}
		for i, part := range parts {
			if part.name != "" {
				all = append(all, rosters.Override{
					ID: fmt.Sprintf("%s-%d", strings.ToLower(s.ID), i), Kind: rosters.Add, Person: rosters.PersonID(part.name), From: part.from, To: part.to,
				})
			}
		}
	}
	return all
}

// replaced is a timeline as an override leaves it.
func (l timeline) replaced(o pagerDutyOverride) (left timeline) {
	for _, e := range l {
		from, to := latest(e.from, o.Start), earliest(e.to, o.End)
		if e.name != o.Overridden.name() || !from.Before(to) {
			left = append(left, e)
			continue
		}
		for _, part := range []entry{{e.from, from, e.name}, {from, to, o.Overriding.name()}, {to, e.to, e.name}} {
			if part.from.Before(part.to) {
				left = append(left, part)
			}
		}
	}
	return left
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// overrides are what an override does to a rotation: somebody else for a member, nobody for a member, or somebody for
// an empty seat while it is that seat's turn.
func (o pagerDutyOverride) overrides(r rosters.Rotation) (all []rosters.Override, err error) {
	made := rosters.Override{
		ID: strings.ToLower(o.ID + "-" + r.ID), Rotation: r.ID, Replaces: rosters.PersonID(o.Overridden.name()),
		Person: rosters.PersonID(o.Overriding.name()), From: o.Start, To: o.End,
	}
	switch {
	case made.Replaces == "":
		turns, err := emptyTurns(r, o.Start, o.End)
		for i, turn := range turns {
			made.ID, made.From, made.To = fmt.Sprintf("%s-%s-%d", strings.ToLower(o.ID), r.ID, i), turn.From, turn.To
			all = append(all, made)
		}
		return all, err
	case made.Person == "":
		made.Kind = rosters.TakeOff
	}
	return []rosters.Override{made}, nil
}

// emptyTurns are when within a span it is an empty seat's turn, found by giving the seat to somebody.
func emptyTurns(r rosters.Rotation, from, to time.Time) (turns []rosters.Span, err error) {
	const somebody = "somebody"
	r.Participants = slices.Clone(r.Participants)
	for i, p := range r.Participants {
		if p == "" {
			r.Participants[i] = somebody
		}
	}
	c, err := rosters.Roster{Rotations: []rosters.Rotation{r}}.Compile()
	for _, s := range c.Shifts(from, to) {
		if s.Person == somebody {
			turns = append(turns, rosters.Span{From: s.From, To: s.To})
		}
	}
	return turns, err
}

// rendered is the product's arithmetic: the shifts of all rotations, replaced by the overrides of each, and the custom
// shifts, replaced by theirs.
func (p pagerDutyV3) rendered(t *testing.T, until time.Time) (all timeline) {
	for _, rotation := range p.Schedule.Rotations {
		var shifts timeline
		for _, e := range rotation.Events {
			shifts = append(shifts, e.shifts(t, until)...)
		}
		all = append(all, p.overridden(shifts, func(o pagerDutyOverride) bool { return o.RotationID == rotation.ID })...)
	}
	for _, s := range p.CustomShifts {
		shift := timeline{{s.Start, s.End, s.Assignments[0].Member.name()}}
		all = append(all, p.overridden(shift, func(o pagerDutyOverride) bool { return o.CustomShift == s.ID })...)
	}
	return slices.DeleteFunc(all, func(e entry) bool { return e.name == "" })
}

func (p pagerDutyV3) overridden(shifts timeline, applies func(pagerDutyOverride) bool) timeline {
	for _, o := range p.Overrides {
		if applies(o) {
			shifts = shifts.replaced(o)
		}
	}
	return shifts
}

// shifts are those of an event, going through the calendar day by day.
func (e pagerDutyEvent) shifts(t *testing.T, until time.Time) (all timeline) {
	loc := mustZone(t, e.Start.Zone)
	rec, err := readRecurrence(e.Recurrence, loc)
	if err != nil {
		t.Fatal(err)
	}
	count, members := 0, e.Assignment.Members
	for at := e.begin(); at.Before(until); at = at.AddDate(0, 0, 1) {
		if !rec.takesPlace(at, e.begin()) {
			continue
		}
		on := members
		if !e.everyone() {
			on = members[count/e.Assignment.ShiftsPerMember%len(members):][:1]
		}
		count++
		for _, m := range on {
			all = append(all, e.effective(at, later(at, e.length()), m.name())...)
		}
	}
	return all
}

// takesPlace tells whether a shift begins at an instant, whose time of day is the start's.
func (r recurrence) takesPlace(at, start time.Time) bool {
	same := func(date time.Time) bool { return date.Equal(at) }
	if slices.ContainsFunc(r.besides, same) {
		return true
	}
	if slices.ContainsFunc(r.without, same) || slices.Contains(r.dates, at.Format(time.DateOnly)) {
		return false
	}
	passed := int(shown(at, at.Location()).Sub(shown(start, start.Location())) / day)
	switch r.rule["FREQ"] {
	case "DAILY":
		return passed%r.interval() == 0
	case "MONTHLY": // such as 1MO, the first Monday
		return r.rule["BYDAY"] == strconv.Itoa((at.Day()+6)/7)+dayNames[at.Weekday()]
	}
	sinceMonday := (int(start.Weekday()) + 6) % 7
	weeks := (passed + sinceMonday) / 7
	return weeks%r.interval() == 0 && slices.Contains(weekdays(r.rule["BYDAY"], start), at.Weekday())
}

// effective is as much of a shift as the event was in effect.
func (e pagerDutyEvent) effective(from, to time.Time, name string) timeline {
	from = latest(from, e.Since)
	if e.Until != nil {
		to = earliest(to, *e.Until)
	}
	if !from.Before(to) {
		return nil
	}
	return timeline{{from, to, name}}
}

func TestPeersPagerDutyShifts(t *testing.T) {
	for _, name := range []string{
		"pagerduty-v3-workdays", // three working days each, dates left out and put in, everyone at once, an hour together
		"pagerduty-v3-leaving",  // somebody leaves in the middle of a week, and the seat stays empty
	} {
		t.Run(name, func(t *testing.T) {
			var p pagerDutyV3
			readPeer(t, name, &p)
			r, err := p.roster()
			c := mustTake(t, r, err)
			var want timeline
			for _, a := range p.Schedule.Final.Assignments {
				if a.Member.name() != "" {
					want = append(want, entry{a.Start, a.End, a.Member.name()})
				}
			}
			sameAsTold(t, c, p.excerpt, want, p.Schedule.TimeZone)
			sameAllYear(t, c, p.Since, p.rendered(t, twoYears(p.Since)).asked(p.Since.Add(-day), twoYears(p.Since)))
		})
	}
}
