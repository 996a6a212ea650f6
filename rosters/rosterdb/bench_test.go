package rosterdb_test

import (
	"fmt"
	"testing"
	"time"

	"rouse/migrations/dbtest"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// BenchmarkThousandRosters reads who is on call in 1,000 rosters, each with eight people who take weekly turns,
// two earlier revisions and an override: from the database to the names.
func BenchmarkThousandRosters(b *testing.B) {
	s := rosterdb.New(dbtest.New(b))
	ctx := b.Context()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	var people []rosters.PersonID
	for i := range 80 {
		id := rosters.PersonID(fmt.Sprintf("p%02d", i))
		must(s.CreatePerson(ctx, rosters.Person{ID: id, Name: string(id), Zone: "Europe/Berlin", Language: "en"}))
		people = append(people, id)
	}
	now := time.Now().UTC().Truncate(time.Second)
	var ids []rosters.RosterID
	for i := range 1000 {
		id := rosters.RosterID(fmt.Sprintf("roster-%04d", i))
		r := rosters.Roster{ID: id, Name: string(id), Rotations: []rosters.Rotation{{ID: "weekly", Zone: "Europe/Berlin", Start: "2020-01-06T09:00:00",
			Rule: "FREQ=WEEKLY", Participants: people[i%10*8 : i%10*8+8]}}}
		must(s.CreateRoster(ctx, r, "bench"))
		for n := range 2 {
			stored, err := s.RosterDuring(ctx, id, now, now)
			must(err)
			other := stored.Rotations[0]
			other.Each = n + 2
			must(s.UpdateRoster(ctx, stored.Revised([]rosters.Rotation{other}, now.Add(time.Duration(n-3)*24*time.Hour)), stored.Version, now, "bench"))
		}
		_, err := s.CreateOverride(ctx, id, rosters.Override{Person: people[0], From: now.Add(-time.Hour), To: now.Add(time.Hour)}, "")
		must(err)
		ids = append(ids, id)
	}
	b.ResetTimer()
	for b.Loop() {
		found, err := s.RostersDuring(ctx, ids, now, now.Add(time.Nanosecond))
		must(err)
		if len(found) != 1000 {
			b.Fatalf("%d rosters were found", len(found))
		}
		for _, r := range found {
			c, err := r.Compile()
			must(err)
			if len(c.OnCall(now)) != 1 {
				b.Fatalf("on call in %s: %v", r.ID, c.OnCall(now))
			}
		}
	}
}
