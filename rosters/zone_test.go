package rosters_test

import (
	"fmt"
	"testing"
	"time"

	"rouse/rosters"
	"rouse/rosters/clerk"
)

// everyClockChange calls f for each change of the clocks in a span of years, once for zones that go the same.
func everyClockChange(t *testing.T, from, to int, f func(zone string, loc *time.Location, c clerk.Jump)) {
	t.Helper()
	seen, total := map[string]bool{}, 0
	for _, zone := range clerk.Zones() {
		changes := clerk.Jumps(zone, time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC))
		key := fmt.Sprint(changes)
		if seen[key] {
			continue
		}
		seen[key] = true
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			f(zone, loc, c)
			total++
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
	everyClockChange(t, 2020, 2042, func(zone string, loc *time.Location, c clerk.Jump) {
		jump := (c.After - c.Before).Abs()
		shown := c.At.Add(c.Before) // when the old clock would show the change
		for _, d := range []time.Duration{-jump - time.Second, -jump, -jump / 2, -time.Second, 0, time.Second, jump / 2, jump - time.Second, jump, jump + time.Second} {
			read := shown.Add(d)
			if got, want := rosters.Resolve(read, loc), clerk.FirstShown(zone, read); !got.Equal(want) {
				t.Errorf("%s, %s: %v, want %v", zone, read.Format(time.DateTime), got, want)
			}
		}
	})
}

// At every change of every zone the hand-over of that day happens in its second, and the turns
// before and after it are whose they are.
func TestHandoverAtEveryClockChange(t *testing.T) {
	people := []rosters.PersonID{"ann", "bob", "cat", "dan", "eve"}
	everyClockChange(t, 2024, 2038, func(zone string, loc *time.Location, c clerk.Jump) {
		jump := c.After - c.Before
		for _, d := range []time.Duration{0, jump / 2, jump} {
			shown := c.At.Add(c.Before + d)
			start := shown.AddDate(-1, 0, -1)
			r := rosters.Roster{Rotations: []rosters.Rotation{{ID: "r", Zone: zone, Start: start.Format("2006-01-02T15:04:05"), Rule: "FREQ=DAILY", Participants: people}}}
			calendar, err := r.Compile()
			if err != nil {
				t.Fatal(err)
			}
			turn := int(shown.Sub(start) / (24 * time.Hour))
			at := clerk.FirstShown(zone, shown)
			for seconds, want := range map[time.Duration]int{-1: turn - 1, 0: turn, 1: turn, 21 * 3600: turn, 26 * 3600: turn + 1} {
				if got := calendar.OnCall(at.Add(seconds * time.Second)); len(got) != 1 || got[0] != people[want%len(people)] {
					t.Errorf("%s: hand-over %d at %s, %v after: %v is on call, want %s", zone, turn, shown.Format(time.DateTime), seconds*time.Second, got, people[want%len(people)])
				}
			}
		}
	})
}
