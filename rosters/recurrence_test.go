package rosters

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// handoverTimes returns the instants of a rotation's hand-overs in [from, to), in the zone's own time.
func handoverTimes(t *testing.T, zone, start, rule string, from, to time.Time) []time.Time {
	t.Helper()
	turns, err := Rotation{Zone: zone, Start: start, Rule: rule, Participants: []PersonID{"ann"}}.compile()
	if err != nil {
		t.Fatalf("%s in %s from %s: %v", rule, zone, start, err)
	}
	var found []time.Time
	for s := range turns.shifts(from) {
		if !s.From.Before(to) {
			break
		}
		if !s.From.Before(from) {
			found = append(found, s.From.In(turns.loc))
		}
	}
	return found
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The shared cases were expanded by python-dateutil and zoneinfo.
func TestRecurrenceCases(t *testing.T) {
	total := 0
	for _, file := range []string{"testdata/recurrence-dst.json", "testdata/recurrence-midnight-dst.json"} {
		var data struct {
			Cases []struct {
				ID, TZ, Scenario, RRule string
				Start                   string `json:"dtstart_local"`
				Window                  struct {
					From time.Time `json:"from_inclusive"`
					To   time.Time `json:"to_exclusive"`
				} `json:"window_utc"`
				Expected []time.Time
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &data); err != nil {
			t.Fatal(err)
		}
		for _, c := range data.Cases {
			total++
			t.Run(c.ID, func(t *testing.T) {
				got := handoverTimes(t, c.TZ, c.Start, c.RRule, c.Window.From, c.Window.To)
				if !slices.EqualFunc(got, c.Expected, time.Time.Equal) {
					t.Errorf("%s, %s: %s from %s\n got %v\nwant %v", c.TZ, c.Scenario, c.RRule, c.Start, got, c.Expected)
				}
			})
		}
	}
	if total != 124 {
		t.Errorf("%d cases were run, there are 124", total)
	}
}

// Each story is what the clocks of a place did to a rotation; times with their offset, as they were
// or will be shown there.
func TestHandoversWhereClocksChange(t *testing.T) {
	tests := []struct{ name, zone, start, rule, from, to, want string }{
		{"Santiago skips midnight and still hands over at nine",
			"America/Santiago", "2026-08-30T09:00:00", "FREQ=DAILY", "2026-09-05T00:00:00-04:00", "2026-09-08T00:00:00-03:00",
			"2026-09-05T09:00:00-04:00 2026-09-06T09:00:00-03:00 2026-09-07T09:00:00-03:00"},
		{"Santiago: Sunday midnight does not come, so Sunday begins at one",
			"America/Santiago", "2026-08-23T00:00:00", "FREQ=WEEKLY;BYDAY=SU", "2026-08-30T00:00:00-04:00", "2026-09-14T00:00:00-03:00",
			"2026-08-30T00:00:00-04:00 2026-09-06T01:00:00-03:00 2026-09-13T00:00:00-03:00"},
		{"Havana skips midnight",
			"America/Havana", "2026-03-01T00:00:00", "FREQ=DAILY", "2026-03-07T00:00:00-05:00", "2026-03-10T00:00:00-04:00",
			"2026-03-07T00:00:00-05:00 2026-03-08T01:00:00-04:00 2026-03-09T00:00:00-04:00"},
		{"Cairo skips half past midnight",
			"Africa/Cairo", "2026-04-01T00:30:00", "FREQ=DAILY", "2026-04-23T00:00:00+02:00", "2026-04-26T00:00:00+03:00",
			"2026-04-23T00:30:00+02:00 2026-04-24T01:30:00+03:00 2026-04-25T00:30:00+03:00"},
		{"New York skips half past two",
			"America/New_York", "2026-03-01T02:30:00", "FREQ=DAILY", "2026-03-07T00:00:00-05:00", "2026-03-10T00:00:00-04:00",
			"2026-03-07T02:30:00-05:00 2026-03-08T03:30:00-04:00 2026-03-09T02:30:00-04:00"},
		{"New York shows half past one twice: the first counts",
			"America/New_York", "2026-10-01T01:30:00", "FREQ=DAILY", "2026-10-31T00:00:00-04:00", "2026-11-03T00:00:00-05:00",
			"2026-10-31T01:30:00-04:00 2026-11-01T01:30:00-04:00 2026-11-02T01:30:00-05:00"},
		{"New York hourly in spring: three o'clock comes once",
			"America/New_York", "2026-03-07T00:00:00", "FREQ=HOURLY", "2026-03-08T01:00:00-05:00", "2026-03-08T05:00:00-04:00",
			"2026-03-08T01:00:00-05:00 2026-03-08T03:00:00-04:00 2026-03-08T04:00:00-04:00"},
		{"New York hourly in autumn: one o'clock lasts two hours",
			"America/New_York", "2026-10-31T00:00:00", "FREQ=HOURLY", "2026-11-01T00:00:00-04:00", "2026-11-01T03:00:00-05:00",
			"2026-11-01T00:00:00-04:00 2026-11-01T01:00:00-04:00 2026-11-01T02:00:00-05:00"},
		{"New York: half past two comes after three o'clock",
			"America/New_York", "2026-03-07T00:00:00", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;BYSETPOS=2,3", "2026-03-07T00:00:00-05:00", "2026-03-09T00:00:00-04:00",
			"2026-03-07T02:30:00-05:00 2026-03-07T03:00:00-05:00 2026-03-08T03:00:00-04:00 2026-03-08T03:30:00-04:00"},
		{"Lord Howe moves its clocks by half an hour",
			"Australia/Lord_Howe", "2026-10-01T02:15:00", "FREQ=DAILY", "2026-10-03T00:00:00+10:30", "2026-10-06T00:00:00+11:00",
			"2026-10-03T02:15:00+10:30 2026-10-04T02:45:00+11:00 2026-10-05T02:15:00+11:00"},
		{"Troll moves its clocks by two hours",
			"Antarctica/Troll", "2026-03-20T01:30:00", "FREQ=DAILY", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00+02:00",
			"2026-03-28T01:30:00Z 2026-03-29T03:30:00+02:00 2026-03-30T01:30:00+02:00"},
		{"Apia had no 30 December 2011: its hand-over is the next day's",
			"Pacific/Apia", "2011-12-01T09:00:00", "FREQ=DAILY", "2011-12-28T00:00:00-10:00", "2012-01-02T00:00:00+14:00",
			"2011-12-28T09:00:00-10:00 2011-12-29T09:00:00-10:00 2011-12-31T09:00:00+14:00 2012-01-01T09:00:00+14:00"},
		{"Apia: a Friday that did not come is handed over on Saturday",
			"Pacific/Apia", "2011-12-02T09:00:00", "FREQ=WEEKLY;BYDAY=FR", "2011-12-20T00:00:00-10:00", "2012-01-07T00:00:00+14:00",
			"2011-12-23T09:00:00-10:00 2011-12-31T09:00:00+14:00 2012-01-06T09:00:00+14:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, at := range handoverTimes(t, tt.zone, tt.start, tt.rule, instant(t, tt.from), instant(t, tt.to)) {
				got = append(got, at.Format(time.RFC3339))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), tt.want)
			}
		})
	}
}

func TestUntilAndCount(t *testing.T) {
	tests := []struct{ name, zone, rule, last string }{
		{"UNTIL is the last hand-over, not the first that is none", "UTC", "FREQ=DAILY;UNTIL=20260110T090000Z", "2026-01-10T09:00:00Z"},
		{"and a second earlier it is not", "UTC", "FREQ=DAILY;UNTIL=20260110T085959Z", "2026-01-09T09:00:00Z"},
		{"without Z it is the zone's own time", "Asia/Tokyo", "FREQ=DAILY;UNTIL=20260110T090000", "2026-01-10T00:00:00Z"},
		{"with Z it is not", "Asia/Tokyo", "FREQ=DAILY;UNTIL=20260110T085959Z", "2026-01-10T00:00:00Z"},
		{"a date includes that day", "America/New_York", "FREQ=DAILY;UNTIL=20260110", "2026-01-10T14:00:00Z"},
		{"COUNT is how many", "UTC", "FREQ=DAILY;COUNT=10", "2026-01-14T09:00:00Z"},
		{"COUNT of one", "UTC", "FREQ=MONTHLY;BYDAY=1FR;COUNT=1", "2026-02-06T09:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := handoverTimes(t, tt.zone, "2026-01-05T09:00:00", tt.rule, time.Time{}, instant(t, "2030-01-01T00:00:00Z"))
			if last := got[len(got)-1].UTC().Format(time.RFC3339); last != tt.last {
				t.Errorf("%s: the last hand-over is %s, want %s", tt.rule, last, tt.last)
			}
		})
	}

	// The instant of 01:30 is the first of two; UNTIL lies between them.
	got := handoverTimes(t, "America/New_York", "2026-10-30T01:30:00", "FREQ=DAILY;UNTIL=20261101T060000Z", time.Time{}, instant(t, "2030-01-01T00:00:00Z"))
	if len(got) != 3 {
		t.Errorf("UNTIL between the two half past ones: %d hand-overs, want 3: %v", len(got), got)
	}
	// Apia's missing day is no turn, and does not count.
	got = handoverTimes(t, "Pacific/Apia", "2011-12-28T09:00:00", "FREQ=DAILY;COUNT=4", time.Time{}, instant(t, "2030-01-01T00:00:00Z"))
	if want := instant(t, "2012-01-01T09:00:00+14:00"); !got[len(got)-1].Equal(want) {
		t.Errorf("four days in Apia ended with %v, want %v", got[len(got)-1], want)
	}
}

// A rotation of many years is found by arithmetic; it must be what going through all of it finds.
func TestCycleAgreesWithHistory(t *testing.T) {
	rules := []string{
		"FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO",
		"FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,WE,SU", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=DAILY;INTERVAL=5;BYDAY=SA",
		"FREQ=DAILY;BYHOUR=2,3,14", "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=15,30;BYSETPOS=2,-1", "FREQ=HOURLY", "FREQ=HOURLY;INTERVAL=12",
		"FREQ=DAILY;BYHOUR=8,8,20", "FREQ=WEEKLY;BYDAY=MO,TH;BYSETPOS=1",
	}
	from := instant(t, "2006-01-01T00:00:00Z")
	for _, zone := range []string{"America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca"} {
		loc, _ := loadZone(zone)
		for _, text := range rules {
			r, err := parseRule(text)
			if err != nil {
				t.Fatal(err)
			}
			start, _ := parseStart("2006-01-05T02:30:00")
			p, err := r.daily(start)
			if err != nil {
				t.Fatal(err)
			}
			quick, err := newRecurrence(r, nil, start, loc)
			if err != nil {
				t.Fatal(err)
			}
			slow := &history{loc: loc, start: start, pattern: pattern{ROption: p}}
			for i := range 400 {
				at := from.Add(time.Duration(i) * 11 * 24 * time.Hour).Add(time.Duration(i%24) * time.Hour)
				if q, s := first(quick, at), first(slow, at); q != s {
					t.Fatalf("%s in %s at %v: by arithmetic %v, in order %v", text, zone, at, q, s)
				}
			}
			for turn := range 30 { // around Apia's jump, each hand-over
				at := instant(t, "2011-12-29T12:00:00Z").Add(time.Duration(turn) * time.Hour)
				if q, s := first(quick, at), first(slow, at); q != s {
					t.Fatalf("%s in %s at %v: by arithmetic %v, in order %v", text, zone, at, q, s)
				}
			}
		}
	}
}

func first(r recurrence, at time.Time) handover {
	for h := range r.from(at) {
		return h
	}
	return handover{}
}
