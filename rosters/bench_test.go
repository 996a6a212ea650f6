package rosters

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// tenYears is a roster that began ten years before now, a moment in 2026.
func tenYears(rule string) (Roster, time.Time) {
	return Roster{Rotations: []Rotation{{
		ID: "r", Zone: "America/New_York", Start: "2016-01-04T09:00:00", Rule: rule, Participants: []PersonID{"ann", "bob", "cat"},
	}}}, time.Date(2026, 7, 1, 12, 34, 56, 0, time.UTC)
}

var benchmarkedRules = []string{
	"FREQ=DAILY", "FREQ=WEEKLY", "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=DAILY;BYHOUR=8,20", "FREQ=HOURLY", "FREQ=WEEKLY;COUNT=10000",
	"FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,8",
}

// Ready is a calendar that is kept, anew a roster that is read each time.
func BenchmarkOnCall(b *testing.B) {
	for _, rule := range benchmarkedRules {
		r, now := tenYears(rule)
		calendar, err := r.Compile()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(rule+"/ready", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				calendar.OnCall(now)
			}
		})
		b.Run(rule+"/anew", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.OnCall(now)
			}
		})
	}
}

func BenchmarkShiftsOfAYear(b *testing.B) {
	for _, rule := range []string{"FREQ=DAILY", "FREQ=WEEKLY"} {
		r, now := tenYears(rule)
		for i := range 20 {
			from := now.AddDate(0, 0, 10*i)
			r.Overrides = append(r.Overrides, Override{ID: fmt.Sprint("o", i), Person: "zoe", From: from, To: from.Add(36 * time.Hour)})
		}
		calendar, _ := r.Compile()
		b.Run(rule, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				calendar.Shifts(now, now.AddDate(1, 0, 0))
			}
		})
	}
}

// One calendar is asked by many at once; the race detector watches.
func TestCalendarIsSafeForManyGoroutines(t *testing.T) {
	for _, rule := range benchmarkedRules {
		r, now := tenYears(rule)
		calendar, err := r.Compile()
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for i := range 8 {
			at := now.AddDate(0, 0, 40*i)
			asking.Go(func() {
				if got := calendar.OnCall(at); len(got) != 1 && rule != benchmarkedRules[len(benchmarkedRules)-1] {
					t.Errorf("%s at %v: %v is on call", rule, at, got)
				}
				calendar.Shifts(at, at.AddDate(0, 1, 0))
			})
		}
		asking.Wait()
	}
}
