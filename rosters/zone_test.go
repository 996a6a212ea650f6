package rosters

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// change is a moment at which the clocks of a zone jump.
type change struct {
	at            time.Time
	before, after int // seconds ahead of UTC
}

// changes finds them by looking at a zone's clock every so often, then in between by halves.
func changes(loc *time.Location, from, to time.Time, every time.Duration) []change {
	offset := func(t time.Time) int {
		_, o := t.In(loc).Zone()
		return o
	}
	var found []change
	after := offset(from)
	for t := from; t.Before(to); t = t.Add(every) {
		low, high := t, t.Add(every)
		before := after
		if after = offset(high); before == after {
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

// clockChanges are those of each zone from 2020 to 2041, once for zones that go the same.
var clockChanges = sync.OnceValue(func() map[string][]change {
	list, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		panic(err)
	}
	found, seen := map[string][]change{}, map[string]bool{}
	for zone := range strings.FieldsSeq(string(list)) {
		loc, err := loadZone(zone)
		if err != nil {
			panic(zone + ": " + err.Error())
		}
		all := changes(loc, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2042, 1, 1, 0, 0, 0, 0, time.UTC), 48*time.Hour)
		if key := fmt.Sprint(all); !seen[key] {
			seen[key], found[zone] = true, all
		}
	}
	return found
})

// everyClockChange calls f for each change in a span of years.
func everyClockChange(t *testing.T, from, to int, f func(zone string, loc *time.Location, c change)) {
	t.Helper()
	total := 0
	for zone, all := range clockChanges() {
		loc, _ := loadZone(zone)
		for _, c := range all {
			if from <= c.at.Year() && c.at.Year() < to {
				f(zone, loc, c)
				total++
			}
		}
	}
	t.Logf("%d changes", total)
	if total < 800 {
		t.Errorf("only %d changes were looked at", total)
	}
}

// At every change of every zone, past 2037 where Go works zones out from a rule, each reading of
// the clock around the jump is the instant that looking at the clock finds.
func TestResolveAtEveryClockChange(t *testing.T) {
	everyClockChange(t, 2020, 2042, func(zone string, loc *time.Location, c change) {
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
	everyClockChange(t, 2024, 2038, func(zone string, loc *time.Location, c change) {
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
			for seconds, want := range map[time.Duration]int{-1: turn - 1, 0: turn, 1: turn, 21 * 3600: turn, 26 * 3600: turn + 1} {
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
