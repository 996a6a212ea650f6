package engine

import (
	"maps"
	"testing"
	"time"

	"rouse/rosters"
)

// The goal is 200 ms for 300 services in 14 days, whatever changes. Calendars are compiled anew after a
// change, as whoever reads them from a database does, so that none is shared.
func BenchmarkPageChanges(b *testing.B) {
	from := time.Date(2026, 3, 16, 12, 34, 56, 0, time.UTC)
	before := largeHouse(300, true)
	for _, story := range []struct {
		name  string
		after func(*Coverage)
	}{
		{"nothing", func(*Coverage) {}},
		{"a contact", func(c *Coverage) { c.People["p-7-3"] = rosters.Person{ID: "p-7-3"} }},
		{"the catch-all", func(c *Coverage) { c.CatchAll.Roster = "roster-1" }},
		{"all hours", func(c *Coverage) {
			for i := range c.Services {
				c.Services[i].Hours.Windows = []rosters.Window{{Days: weekdays.Days, From: "08:00", To: "16:00"}}
			}
		}},
		{"all services", func(c *Coverage) { c.Services = nil }},
		{"everything", func(c *Coverage) {
			c.Channels = map[rosters.Channel]bool{rosters.SMS: true}
			for i := range c.Services {
				c.Services[i].Hours.Windows = []rosters.Window{{Days: weekdays.Days, From: "08:00", To: "16:00"}}
				c.Policies[i].Levels[0].Wait = time.Minute
				c.Policies[i].Levels[1].Targets[1].Roster = "roster-0"
			}
		}},
	} {
		after := largeHouse(300, true)
		after.People = maps.Clone(after.People)
		story.after(&after)
		b.Run(story.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n = len(PageChanges(before, after, from, from.AddDate(0, 0, 14)))
			}
			b.ReportMetric(float64(n), "changes")
		})
	}
	b.Run("nothing, calendars shared", func(b *testing.B) {
		for b.Loop() {
			if got := PageChanges(before, before, from, from.AddDate(0, 0, 14)); got != nil {
				b.Fatal(got)
			}
		}
	})
}
