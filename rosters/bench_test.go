package rosters

import (
	"fmt"
	"runtime"
	"slices"
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

// grown is a roster as ten years leave it: a hundred revisions of two crews by day and night and a higher rank for
// the last Friday of the month, and fifty overrides.
func grown() (Roster, time.Time) {
	r, now := tenYears("FREQ=DAILY")
	crew := func(id, from, to string) Rotation {
		c := r.Rotations[0]
		c.ID, c.Rule, c.Hours = id, "FREQ=WEEKLY", []Window{{everyDay, from, to}}
		return c
	}
	last := r.Rotations[0]
	last.ID, last.Rank, last.Rule, last.Length = "last", 1, "FREQ=MONTHLY;BYDAY=-1FR", day
	r.Rotations = []Rotation{crew("day", "08:00", "20:00"), crew("night", "20:00", "08:00"), last}
	people := [][]PersonID{{"ann", "bob", "cat"}, {"ann", "bob"}, {"ann", "bob", "cat", "dan"}}
	for i := range 100 {
		rotations := slices.Clone(r.Rotations)
		rotations[i%2].Participants = people[i%3]
		r = r.Revised(rotations, now.AddDate(0, 0, -36*(100-i)))
	}
	for i := range 50 {
		from := now.AddDate(0, 0, 8*(i-25))
		r.Overrides = append(r.Overrides, Override{ID: fmt.Sprint("o", i), Replaces: people[0][i%3], Person: "zoe", From: from, To: from.AddDate(0, 0, 2)})
	}
	return r, now
}

func BenchmarkOnCallOfAGrownRoster(b *testing.B) {
	r, now := grown()
	calendar, err := r.Compile()
	if err != nil {
		b.Fatal(err)
	}
	for name, ask := range map[string]func(){
		"ready": func() { calendar.OnCall(now) },
		"anew":  func() { r.OnCall(now) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

func BenchmarkShiftsOfAYearOfAGrownRoster(b *testing.B) {
	r, now := grown()
	daily, _ := tenYears("FREQ=DAILY")
	r.Rotations[0] = daily.Rotations[0]
	r.Rotations[0].Rank = 1
	r.Rotations[0].Hours = []Window{{everyDay[1:6], "09:00", "17:00"}}
	r.Earlier, r.Overrides = nil, r.Overrides[:20]
	calendar, err := r.Compile()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("daily, weekly and monthly", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			calendar.Shifts(now, now.AddDate(1, 0, 0))
		}
	})
}

// A thousand rosters kept ready, as those of a large company.
func BenchmarkMemoryOfAThousandRosters(b *testing.B) {
	for _, rule := range []string{"FREQ=WEEKLY", "FREQ=MONTHLY;BYDAY=-1FR"} {
		b.Run(rule, func(b *testing.B) {
			r, now := tenYears(rule)
			heap := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			var ready [1000]*Calendar
			for b.Loop() {
				clear(ready[:])
				before := heap()
				for i := range ready {
					ready[i], _ = r.Compile()
					ready[i].OnCall(now)
				}
				b.ReportMetric(float64(heap()-before)/1000, "B/roster")
			}
			runtime.KeepAlive(ready)
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
