package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rouse/rosters"
)

// largeHouse has as many services as rosters, each roster of three rotations. Without holes somebody can
// be paged at any time; with them each roster has a gap every night and every weekend, and every tenth
// person no contact.
func largeHouse(n int, holes bool) Coverage {
	c := Coverage{CatchAll: CatchAll{Roster: "roster-0", LastResort: []rosters.PersonID{"p-0-0"}},
		Calendars: map[rosters.RosterID]*rosters.Calendar{}, People: map[rosters.PersonID]rosters.Person{}, Channels: map[rosters.Channel]bool{rosters.Push: true}}
	zones := []string{"Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"}
	for i := range n {
		roster := rosters.RosterID(fmt.Sprint("roster-", i))
		zone := zones[i%len(zones)]
		var people []rosters.PersonID
		for j := range 8 {
			id := rosters.PersonID(fmt.Sprintf("p-%d-%d", i, j))
			person := rosters.Person{ID: id, Contacts: []rosters.Contact{{Channel: rosters.SMS}, {Channel: rosters.Push}}}
			if holes && (i+j)%10 == 1 {
				person.Contacts = person.Contacts[:1]
			}
			people, c.People[id] = append(people, id), person
		}
		r := rosters.Roster{ID: roster, Rotations: []rosters.Rotation{
			{ID: "week", Zone: zone, Start: "2023-01-02T09:00:00", Rule: "FREQ=WEEKLY", Participants: people},
			{ID: "day", Rank: 1, Zone: zone, Start: "2023-01-02T09:00:00", Rule: "FREQ=DAILY", Participants: people[2:], Hours: officeHours},
			{ID: "night", Rank: 1, Zone: zone, Start: "2023-01-02T18:00:00", Rule: "FREQ=DAILY", Length: 12 * time.Hour, Participants: people[:4]},
		}}
		if holes {
			r.Rotations[0].Hours = officeHours
			r.Rotations[2].Hours = []rosters.Window{{Days: officeHours[0].Days, From: "18:00", To: "23:00"}}
		}
		calendar, err := r.Compile()
		if err != nil {
			panic(err)
		}
		c.Calendars[roster] = calendar
		id := fmt.Sprint("service-", i)
		next := rosters.RosterID(fmt.Sprint("roster-", (i+1)%n))
		c.Policies = append(c.Policies, Policy{ID: PolicyID(id), Levels: []Level{
			{Targets: []Target{{Roster: roster}}}, {Targets: []Target{{Roster: roster}, {Roster: next}}}, {Targets: []Target{{Person: people[0]}}}}})
		c.Services = append(c.Services, Service{ID: ServiceID(id), Policy: PolicyID(id), Hours: rosters.Hours{Zone: zone}})
	}
	return c
}

// The goal is 2 s for 300 services on 300 rosters in 30 days.
func BenchmarkCoverage(b *testing.B) {
	from := time.Date(2026, 3, 16, 12, 34, 56, 0, time.UTC)
	for _, kind := range []string{"covered", "holes"} {
		c := largeHouse(300, kind == "holes")
		for _, days := range []int{30, 92} {
			b.Run(fmt.Sprintf("300 services, %d days, %s", days, kind), func(b *testing.B) {
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					n = 0
					for range c.Holes(from, from.AddDate(0, 0, days)) {
						n++
					}
				}
				b.ReportMetric(float64(n), "holes")
			})
		}
	}
}

func BenchmarkCoverageCompare(b *testing.B) {
	from := time.Date(2026, 3, 16, 12, 34, 56, 0, time.UTC)
	c := largeHouse(300, true)
	before := slices.Collect(c.Holes(from, from.AddDate(0, 0, 30)))
	c.Channels = map[rosters.Channel]bool{rosters.SMS: true, rosters.Push: true}
	after := slices.Collect(c.Holes(from, from.AddDate(0, 0, 30)))
	b.ReportAllocs()
	closed := 0
	for b.Loop() {
		_, gone := CompareHoles(before, after)
		closed = len(gone)
	}
	b.ReportMetric(float64(len(before)), "holes")
	b.ReportMetric(float64(closed), "closed")
}
