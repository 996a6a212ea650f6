package rosters

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// change is a moment at which the clocks of a zone jump.
type change struct {
	at            time.Time
	before, after int // seconds ahead of UTC
}

// changes finds them by looking at a zone's clock every three hours, then every second by halves.
func changes(loc *time.Location, from, to time.Time) []change {
	offset := func(t time.Time) int {
		_, o := t.In(loc).Zone()
		return o
	}
	var found []change
	for t := from; t.Before(to); t = t.Add(3 * time.Hour) {
		low, high := t, t.Add(3*time.Hour)
		before, after := offset(low), offset(high)
		if before == after {
			continue
		}
		for high.Sub(low) > time.Second {
			if middle := low.Add(high.Sub(low) / 2).Truncate(time.Second); offset(middle) == before {
				low = middle
			} else {
				high = middle
			}
		}
		found = append(found, change{high, before, after})
	}
	return found
}

// everyClockChange calls f for each change of each zone in years when zones still differ, once for
// zones that go the same.
func everyClockChange(t *testing.T, from, to int, f func(t *testing.T, zone string, loc *time.Location, c change)) {
	t.Helper()
	list, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	total := 0
	for zone := range strings.FieldsSeq(string(list)) {
		loc, err := loadZone(zone)
		if err != nil {
			t.Fatalf("%s: %v", zone, err)
		}
		all := changes(loc, time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC))
		if key := fmt.Sprint(all); seen[key] || len(all) == 0 {
			continue
		} else {
			seen[key] = true
		}
		for _, c := range all {
			f(t, zone, loc, c)
			total++
		}
	}
	t.Logf("%d changes in %d zones", total, len(seen))
	if total < 1000 {
		t.Errorf("only %d changes were looked at", total)
	}
}

// At every change of every zone, past 2037 where Go works zones out from a rule, each reading of
// the clock around the jump is the instant that looking at the clock finds.
func TestResolveAtEveryClockChange(t *testing.T) {
	everyClockChange(t, 2020, 2042, func(t *testing.T, zone string, loc *time.Location, c change) {
		jump := time.Duration(max(c.after-c.before, c.before-c.after)) * time.Second
		shown := time.Unix(c.at.Unix()+int64(c.before), 0).UTC() // when the old clock would show the change
		for _, d := range []time.Duration{-jump - time.Second, -jump, -jump / 2, -time.Second, 0, time.Second, jump / 2, jump - time.Second, jump, jump + time.Second} {
			read := shown.Add(d)
			want := clockShows(read.Format("2006-01-02 15:04:05"), loc)
			if got := resolve(wall(read.Unix()), loc); !got.Equal(want) {
				t.Errorf("%s, %s: %v, want %v", zone, read.Format(time.DateTime), got, want)
			}
		}
	})
}

// At every change of every zone the hand-over of that day happens in its second, and the turns
// before and after it are whose they are.
func TestHandoverAtEveryClockChange(t *testing.T) {
	people := []PersonID{"ann", "bob", "cat", "dan", "eve"}
	everyClockChange(t, 2024, 2038, func(t *testing.T, zone string, loc *time.Location, c change) {
		jump := time.Duration(c.after-c.before) * time.Second
		for _, d := range []time.Duration{0, jump / 2, jump} {
			shown := time.Unix(c.at.Unix()+int64(c.before), 0).UTC().Add(d)
			start := shown.AddDate(-1, 0, -1)
			r := Roster{Rotations: []Rotation{{ID: "r", Zone: zone, Start: start.Format(startLayout), Rule: "FREQ=DAILY", Participants: people}}}
			calendar, err := r.Compile()
			if err != nil {
				t.Fatal(err)
			}
			turn := int(shown.Sub(start) / (24 * time.Hour))
			at := clockShows(shown.Format("2006-01-02 15:04:05"), loc)
			for seconds, want := range map[time.Duration]int{-1: turn - 1, 0: turn, 1: turn, 22 * 3600: turn, 26 * 3600: turn + 1} {
				if got := calendar.OnCall(at.Add(seconds * time.Second)); len(got) != 1 || got[0] != people[want%len(people)] {
					t.Errorf("%s: hand-over %d at %s, %v after: %v is on call, want %s", zone, turn, shown.Format(time.DateTime), seconds*time.Second, got, people[want%len(people)])
				}
			}
		}
	})
}

func TestZoneNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "UTC": true, "Europe/Berlin": true, "America/Argentina/Buenos_Aires": true, "Etc/GMT+5": true,
		"Local": false, "local": false, "localtime": false, "Atlantis/Harbour": false, "europe/berlin ": false,
		"../etc/passwd": false, "/etc/localtime": false, "Europe//Berlin": false, "right/Europe/Berlin": false, "CET-1CEST": false,
	} {
		if _, err := loadZone(name); (err == nil) != ok {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}
