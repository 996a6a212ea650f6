package rosters

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bitbucket is a roster of two rotations: ann, bob and cat a week each from Monday nine o'clock in
// Berlin, and dan and eve on the weekends from Saturday, for 48 hours.
func bitbucket(overrides ...Override) Roster {
	return Roster{
		ID: "bitbucket-im",
		Rotations: []Rotation{
			{ID: "week", Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: []PersonID{"ann", "bob", "cat"}},
			{ID: "weekend", Zone: "Europe/Berlin", Start: "2026-01-10T09:00:00", Rule: "FREQ=WEEKLY;BYDAY=SA", Length: 48 * time.Hour, Participants: []PersonID{"dan", "eve"}},
		},
		Overrides: overrides,
	}
}

// berlin reads "Jan 5 09:00" of the winter of 2026, when Berlin is an hour ahead of UTC.
func berlin(s string) time.Time {
	for _, layout := range []string{"2006 Jan 2 15:04:05 -0700", "2006 Jan 2 15:04 -0700"} {
		if t, err := time.Parse(layout, "2026 "+s+" +0100"); err == nil {
			return t.UTC()
		}
	}
	panic("not a time: " + s)
}

func names(persons []PersonID) string {
	var s []string
	for _, p := range persons {
		s = append(s, string(p))
	}
	return strings.Join(s, " ")
}

func TestHandoverSecond(t *testing.T) {
	for at, want := range map[string]string{
		"Jan 5 08:59:59":  "",
		"Jan 5 09:00:00":  "ann",
		"Jan 12 08:59:59": "ann dan",
		"Jan 12 09:00:00": "bob",
		"Jan 12 09:00:01": "bob",
		"Jan 10 08:59:59": "ann",
		"Jan 10 09:00:00": "ann dan",
		"Jan 19 09:00:00": "cat",
		"Jan 26 09:00:00": "ann",
	} {
		if got := names(bitbucket().OnCall(berlin(at))); got != want {
			t.Errorf("at %s %q is on call, want %q", at, got, want)
		}
	}
	// One person is on call at every instant, to the nanosecond.
	before := berlin("Jan 12 09:00").Add(-1)
	if got := names(bitbucket().OnCall(before)); got != "ann dan" {
		t.Errorf("a nanosecond before the hand-over %q is on call", got)
	}
}

// Each story overrides the weeks of January 2026 and says who is on call when.
func TestOverrides(t *testing.T) {
	tests := []struct {
		name      string
		overrides []Override
		want      string
	}{
		{"none",
			nil,
			"Jan 7 12:00 ann | Jan 10 12:00 ann dan | Jan 14 12:00 bob"},
		{"the whole roster for an hour",
			[]Override{{Person: "zoe", From: berlin("Jan 10 12:00"), To: berlin("Jan 10 13:00")}},
			"Jan 10 11:59:59 ann dan | Jan 10 12:00 zoe | Jan 10 12:59:59 zoe | Jan 10 13:00 ann dan"},
		{"one rotation, whoever is in it",
			[]Override{{Rotation: "week", Person: "zoe", From: berlin("Jan 10 00:00"), To: berlin("Jan 13 00:00")}},
			"Jan 10 12:00 zoe dan | Jan 12 12:00 zoe | Jan 13 00:00 bob"},
		{"one person, only while on call",
			[]Override{{Replaces: "bob", Person: "zoe", From: berlin("Jan 10 00:00"), To: berlin("Jan 30 00:00")}},
			"Jan 10 12:00 ann dan | Jan 12 09:00 zoe | Jan 19 08:59:59 zoe eve | Jan 19 09:00 cat"},
		{"it fills a gap",
			[]Override{{Rotation: "weekend", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 5 23:59:59 ann | Jan 6 00:00 ann zoe | Jan 7 00:00 ann"},
		{"it fills a gap before the roster begins",
			[]Override{{Person: "zoe", From: berlin("Jan 1 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 2 00:00 zoe | Jan 6 00:00 zoe | Jan 7 00:00 ann"},
		{"replacing one person fills none",
			[]Override{{Rotation: "weekend", Replaces: "dan", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 6 00:00 ann"},
		{"a person in another rotation is not meant",
			[]Override{{Rotation: "weekend", Replaces: "ann", Person: "zoe", From: berlin("Jan 5 00:00"), To: berlin("Jan 19 00:00")}},
			"Jan 10 12:00 ann dan"},
		{"nobody is named twice",
			[]Override{{Replaces: "dan", Person: "ann", From: berlin("Jan 5 00:00"), To: berlin("Jan 19 00:00")}},
			"Jan 10 12:00 ann"},
		{"of two, the later in the list",
			[]Override{
				{Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 8 00:00")},
				{Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 9 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 zoe | Jan 9 12:00 ann"},
		{"of two for the same person, the later in the list",
			[]Override{
				{Replaces: "ann", Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 8 00:00")},
				{Replaces: "ann", Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 9 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 zoe | Jan 9 12:00 ann"},
		{"the stand-in is replaced in turn",
			[]Override{
				{Replaces: "ann", Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 9 00:00")},
				{Replaces: "yan", Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 8 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 yan"},
		{"one place given to somebody else after all were replaced",
			[]Override{
				{Person: "yan", From: berlin("Jan 10 09:00"), To: berlin("Jan 11 09:00")},
				{Replaces: "dan", Person: "zoe", From: berlin("Jan 10 12:00"), To: berlin("Jan 10 13:00")},
			},
			"Jan 10 11:00 yan | Jan 10 12:00 yan zoe | Jan 10 13:00 yan"},
		{"one that ends before it begins",
			[]Override{{Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 6 00:00")}},
			"Jan 6 12:00 ann"},
		{"one without a person takes nobody off",
			[]Override{{From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 6 12:00 ann"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.overrides {
				tt.overrides[i].ID = fmt.Sprintf("o%d", i)
			}
			roster := bitbucket(tt.overrides...)
			var got []string
			for _, moment := range strings.Split(tt.want, " | ") {
				fields := strings.Fields(moment)
				at := strings.Join(fields[:3], " ")
				got = append(got, strings.TrimSpace(at+" "+names(roster.OnCall(berlin(at)))))
			}
			if all := strings.Join(got, " | "); all != tt.want {
				t.Errorf("\n got %s\nwant %s", all, tt.want)
			}
		})
	}
}

// The pager must not fail at night on what an older version saved.
func TestBrokenRotationLeavesItsPlaceEmpty(t *testing.T) {
	at := berlin("Jan 10 12:00")
	for name, breakIt := range map[string]func(*Rotation){
		"zone":  func(r *Rotation) { r.Zone = "Atlantis/Harbour" },
		"start": func(r *Rotation) { r.Start = "yesterday" },
		"rule":  func(r *Rotation) { r.Rule = "FREQ=MONTHLY;BYDAY=53MO" },
	} {
		r := bitbucket()
		breakIt(&r.Rotations[0])
		if got := names(r.OnCall(at)); got != "dan" {
			t.Errorf("with a broken %s %q is on call, want dan", name, got)
		}
		c, err := r.Compile()
		if err == nil || !strings.Contains(err.Error(), "/rotations/0/"+name) {
			t.Errorf("the error %v does not name the %s", err, name)
		}
		if len(c.Shifts(at, at.Add(time.Hour))) != 1 {
			t.Errorf("with a broken %s the other rotation has no shift", name)
		}
		r.Overrides = []Override{{Rotation: "week", Person: "zoe", From: at, To: at.Add(time.Hour)}}
		if got := names(r.OnCall(at)); got != "zoe dan" {
			t.Errorf("with a broken %s and an override %q is on call, want zoe and dan", name, got)
		}
	}
	broken := bitbucket()
	broken.Rotations[0].Participants = nil
	if got := names(broken.OnCall(at)); got != "dan" {
		t.Errorf("without participants %q is on call, want dan", got)
	}
	if got := (Roster{}).OnCall(at); got != nil {
		t.Errorf("in an empty roster %v is on call", got)
	}
	only := Roster{Overrides: []Override{{Person: "zoe", From: at, To: at.Add(time.Hour)}}}
	if got := names(only.OnCall(at)); got != "zoe" {
		t.Errorf("in a roster of one override %q is on call, want zoe", got)
	}
}

func TestLengthOfShifts(t *testing.T) {
	tests := []struct {
		name, start, rule string
		length            time.Duration
		first             string // the first shift at or after the start
	}{
		{"a day is a day of the wall clock", "2026-03-28T12:00:00", "FREQ=WEEKLY", 24 * time.Hour, "2026-03-28T12:00:00+01:00 2026-03-29T12:00:00+02:00"},
		{"hours are hours", "2026-03-28T20:00:00", "FREQ=WEEKLY", 12 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-29T09:00:00+02:00"},
		{"days first, then hours", "2026-03-28T20:00:00", "FREQ=WEEKLY", 36 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-30T08:00:00+02:00"},
		{"never past the next hand-over", "2026-03-28T20:00:00", "FREQ=DAILY", 36 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-29T20:00:00+02:00"},
		{"the last shift ends when the next would have begun", "2026-03-28T20:00:00", "FREQ=WEEKLY;COUNT=1", 0, "2026-03-28T20:00:00+01:00 2026-04-04T20:00:00+02:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Roster{Rotations: []Rotation{{ID: "r", Zone: "Europe/Berlin", Start: tt.start, Rule: tt.rule, Length: tt.length, Participants: []PersonID{"ann"}}}}
			shift := r.Shifts(berlin("Mar 1 00:00"), berlin("May 1 00:00"))[0]
			loc, _ := loadZone("Europe/Berlin")
			if got := shift.From.In(loc).Format(time.RFC3339) + " " + shift.To.In(loc).Format(time.RFC3339); got != tt.first {
				t.Errorf("got %s, want %s", got, tt.first)
			}
		})
	}
}

// Property: at every instant, the persons on call are those whose shifts cover it; no two shifts
// of a rotation overlap; and gaps are where there are none.
func TestOnCallAgreesWithShifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roster := drawRoster(t)
		from := drawInstant(t, "from")
		to := from.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(t, "minutes")) * time.Minute)
		calendar, err := roster.Compile()
		if err != nil {
			t.Fatal(err)
		}
		shifts, gaps := calendar.Shifts(from, to), calendar.Gaps(from, to)

		moments := []time.Time{from, to.Add(-1)}
		for i, s := range shifts {
			if s.empty() || s.From.Before(from) || s.To.After(to) {
				t.Fatalf("%v is not within %v and %v", s, from, to)
			}
			if i > 0 && s.From.Before(shifts[i-1].From) {
				t.Fatalf("%v comes after %v", s, shifts[i-1])
			}
			moments = append(moments, s.From, s.From.Add(-1), s.To, s.To.Add(-1), s.From.Add(s.To.Sub(s.From)/2))
		}
		for _, at := range moments {
			if at.Before(from) || !at.Before(to) {
				continue
			}
			covering := map[PersonID]bool{}
			rotations := map[string]bool{}
			for _, s := range shifts {
				if !at.Before(s.From) && at.Before(s.To) {
					covering[s.Person] = true
					if rotations[s.Rotation] && s.Rotation != "" {
						t.Fatalf("at %v rotation %s has two shifts: %v", at, s.Rotation, shifts)
					}
					rotations[s.Rotation] = true
				}
			}
			persons := calendar.OnCall(at)
			for _, p := range persons {
				if !covering[p] {
					t.Fatalf("at %v %s is on call without a shift: %v", at, p, shifts)
				}
			}
			if len(persons) != len(covering) {
				t.Fatalf("at %v %v are on call, shifts have %v", at, persons, covering)
			}
			inGap := slices.ContainsFunc(gaps, func(g Span) bool { return !at.Before(g.From) && at.Before(g.To) })
			if inGap != (len(persons) == 0) {
				t.Fatalf("at %v %v are on call, the gaps are %v", at, persons, gaps)
			}
		}
	})
}

// Property: each rotation's person and turn are those that the clerk finds who goes through the
// calendar day by day.
func TestOnCallAgreesWithOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawRotation(t)
		roster := Roster{Rotations: []Rotation{o.rotation("r")}}
		calendar, err := roster.Compile()
		if err != nil {
			if strings.Contains(err.Error(), "never occurs") {
				t.Skip("a rule that never occurs")
			}
			t.Fatal(err)
		}
		for i := range 10 {
			at := o.begin().Add(time.Duration(rapid.IntRange(-24, 4*365*24).Draw(t, "hour")) * time.Hour)
			if i > 4 { // close to a hand-over
				o.walk()
				k := rapid.IntRange(0, len(o.instants)-1).Draw(t, "turn")
				at = o.instants[k].Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "second")) * time.Second)
			}
			want, turn := o.onCall(at)
			got := calendar.OnCall(at)
			if want == "" && len(got) == 0 {
				continue
			}
			if len(got) != 1 || got[0] != want {
				t.Fatalf("%+v\nat %v %v is on call, want %q", roster.Rotations[0], at, got, want)
			}
			if s := calendar.places[0].turns.at(at); s.Turn != turn {
				t.Fatalf("%+v\nat %v turn %d, want %d", roster.Rotations[0], at, s.Turn, turn)
			}
		}
	})
}

// The zones are those that try a roster: gaps at midnight, of half an hour, of two hours, of a day.
var drawnZones = []string{
	"UTC", "America/New_York", "America/Santiago", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe",
	"Pacific/Apia", "Antarctica/Troll", "Africa/Casablanca", "Asia/Kathmandu", "Europe/Dublin", "Asia/Gaza",
}

// drawInstant draws from around Samoa's change of the date line, or from years that matter now.
func drawInstant(t *rapid.T, label string) time.Time {
	year := rapid.SampledFrom([]int{2011, 2024, 2025, 2026, 2027, 2038}).Draw(t, label+" year")
	first := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
	if year == 2011 {
		first = time.Date(2011, 12, 20, 0, 0, 0, 0, time.UTC)
		return first.Add(time.Duration(rapid.IntRange(0, 20*24*60).Draw(t, label)) * time.Minute)
	}
	return first.Add(time.Duration(rapid.IntRange(0, 365*24*60).Draw(t, label)) * time.Minute)
}

func drawRotation(t *rapid.T) *oracle {
	people := []PersonID{"ann", "bob", "cat", "dan", "eve"}
	start := time.Date(rapid.SampledFrom([]int{2008, 2011, 2023, 2025}).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC).
		Add(time.Duration(rapid.IntRange(0, 365*24*4).Draw(t, "start")) * 15 * time.Minute)
	o := &oracle{
		zone:     rapid.SampledFrom(drawnZones).Draw(t, "zone"),
		start:    start.Format(startLayout),
		freq:     rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY"}).Draw(t, "freq"),
		interval: rapid.SampledFrom([]int{1, 1, 1, 2, 3, 5}).Draw(t, "interval"),
		hours:    rapid.SampledFrom([][]int{nil, nil, {0}, {2}, {9, 21}, {1, 2, 3}, {0, 1, 23}}).Draw(t, "hours"),
		minutes:  rapid.SampledFrom([][]int{nil, nil, {0, 30}}).Draw(t, "minutes"),
		length:   rapid.SampledFrom([]time.Duration{0, 0, time.Hour, 12 * time.Hour, 24 * time.Hour, 60 * time.Hour}).Draw(t, "length"),
		people:   people[:rapid.IntRange(1, len(people)).Draw(t, "people")],
	}
	weekdays := []time.Weekday{time.Monday, time.Saturday, time.Sunday}
	switch rapid.IntRange(0, 5).Draw(t, "days") {
	case 0:
		o.weekdays = weekdays
	case 1:
		o.weekdays = weekdays[2:]
		if o.freq == "MONTHLY" {
			o.nth = rapid.SampledFrom([]int{1, 2, -1}).Draw(t, "nth")
		}
	case 2:
		o.months = []int{3, 11, 12}
	case 3:
		if o.freq != "WEEKLY" {
			o.monthDays = []int{1, 13, 31, -1}
		}
	}
	switch rapid.IntRange(0, 5).Draw(t, "end") {
	case 0:
		o.count = rapid.IntRange(1, 500).Draw(t, "count")
	case 1:
		o.until = start.AddDate(0, rapid.IntRange(1, 30).Draw(t, "months"), 0)
	}
	return o
}

func drawRoster(t *rapid.T) Roster {
	var r Roster
	for i := range rapid.IntRange(0, 3).Draw(t, "rotations") {
		rotation := drawRotation(t).rotation(fmt.Sprintf("r%d", i))
		if rotation.Validate() == nil {
			r.Rotations = append(r.Rotations, rotation)
		}
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "overrides") {
		from := drawInstant(t, "override")
		r.Overrides = append(r.Overrides, Override{
			ID:       fmt.Sprintf("o%d", i),
			Rotation: rapid.SampledFrom([]string{"", "", "r0", "r1", "r9"}).Draw(t, "rotation"),
			Replaces: rapid.SampledFrom([]PersonID{"", "", "ann", "bob", "yan", "zoe"}).Draw(t, "replaces"),
			Person:   rapid.SampledFrom([]PersonID{"yan", "zoe", "ann"}).Draw(t, "person"),
			From:     from, To: from.Add(time.Duration(rapid.IntRange(-10, 20*24).Draw(t, "hours")) * time.Hour),
		})
	}
	return r
}
