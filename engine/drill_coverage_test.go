package engine

import (
	"testing"
	"time"

	"rouse/rosters"
)

// Somebody whose last drill failed is warned of where they are to be paged, and nowhere else.
func TestCoverageWarnsOfWhomTheLastDrillDidNotReach(t *testing.T) {
	calendar := func(who rosters.PersonID) *rosters.Calendar {
		c, err := rosters.Roster{ID: "dba", Rotations: []rosters.Rotation{{ID: "week", Zone: "UTC", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY",
			Participants: []rosters.PersonID{who}}}}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := Coverage{Calendars: map[rosters.RosterID]*rosters.Calendar{"dba": calendar("ann"), "backup": calendar("bob")},
		People:   map[rosters.PersonID]rosters.Person{"ann": {ID: "ann", Name: "Ann"}},
		Policies: []Policy{{Levels: []Level{{Targets: []Target{{Person: "carl"}, {Roster: "dba"}}}}}}, CatchAll: CatchAll{LastResort: []rosters.PersonID{"ann"}}}
	from, to := monday10, monday10.Add(30*24*time.Hour)
	if all := c.Unreached(from, to); len(all) != 0 {
		t.Errorf("without drills: %v", all)
	}
	c.Failed = map[rosters.PersonID]time.Time{"ann": monday10.Add(-time.Hour), "carl": monday10, "dora": monday10}
	var said []string
	for _, u := range c.Unreached(from, to) {
		said = append(said, u.Text(time.UTC))
	}
	want := []string{
		"the drill of Ann on Mon 2026-01-12 09:00 UTC failed, who is paged by name. Make a contact of Ann work, then try again: `rouse drill --person ann`.",
		"the drill of Ann on Mon 2026-01-12 09:00 UTC failed, who is on call in roster dba from Mon 2026-01-12 10:00 UTC. Make a contact of Ann work, then try again: `rouse drill --person ann`.",
		"the drill of carl on Mon 2026-01-12 10:00 UTC failed, who is paged by name. Make a contact of carl work, then try again: `rouse drill --person carl`.",
	}
	if len(said) != len(want) {
		t.Fatalf("warned of are %q", said)
	}
	for i := range want {
		if said[i] != want[i] {
			t.Errorf("got  %s\nwant %s", said[i], want[i])
		}
	}
}
