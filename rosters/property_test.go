package rosters

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Property: at every instant, the persons on call are those whose shifts cover it; no two shifts
// of a rotation overlap; and gaps are where there are none.
func TestOnCallAgreesWithShifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawInstant(t, "from")
		roster := drawRoster(t, from)
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
			if s := calendar.eras[0].places[0].turns.at(at); s.Turn != turn {
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

// drawRoster draws overrides for the forty days from an instant.
func drawRoster(t *rapid.T, begin time.Time) Roster {
	var r Roster
	for i := range rapid.IntRange(0, 3).Draw(t, "rotations") {
		rotation := drawRotation(t).rotation(fmt.Sprintf("r%d", i))
		if rotation.Validate() == nil {
			r.Rotations = append(r.Rotations, rotation)
		}
	}
	for i := range rapid.IntRange(0, 15).Draw(t, "overrides") {
		from := begin.Add(time.Duration(rapid.IntRange(-10*24, 40*24).Draw(t, "override")) * time.Hour)
		r.Overrides = append(r.Overrides, Override{
			ID:       fmt.Sprintf("o%d", i),
			Rotation: rapid.SampledFrom([]string{"", "", "r0", "r1", "r9"}).Draw(t, "rotation"),
			Replaces: rapid.SampledFrom([]PersonID{"", "ann", "bob", "xia", "yan", "zoe"}).Draw(t, "replaces"),
			Person:   rapid.SampledFrom([]PersonID{"xia", "yan", "zoe", "ann"}).Draw(t, "person"),
			From:     from, To: from.Add(time.Duration(rapid.IntRange(-10, 20*24).Draw(t, "hours")) * time.Hour),
		})
	}
	return r
}
