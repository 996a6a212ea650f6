package demo

import (
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// The first of every rotation is on call whenever the demo is played, and stays so for a day.
func TestTheFirstOfARotationIsOnCallAtAnyTime(t *testing.T) {
	const start = "2006-01-02T15:04:05"
	for _, team := range teams {
		for now := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC); now.Month() < time.May; now = now.Add(97 * time.Minute) {
			var r rosters.Roster
			var want []string
			for _, turn := range team.rotations {
				begin, err := handOver(now, turn.zone, len(turn.turns))
				if err != nil {
					t.Fatal(err)
				}
				rotation := rosters.Rotation{ID: turn.id, Zone: turn.zone, Start: begin, Rule: "FREQ=WEEKLY"}
				for _, p := range turn.turns {
					rotation.Participants = append(rotation.Participants, rosters.PersonID(p))
				}
				r.Rotations = append(r.Rotations, rotation)
				want = append(want, turn.turns[0])
			}
			for _, at := range []time.Time{now, now.Add(24 * time.Hour)} {
				if got := strings.Join(handles(r.OnCall(at)), " "); got != strings.Join(want, " ") {
					t.Fatalf("%s: seeded at %s, %q is on call at %s, want %q", team.id, now.Format(start), got, at.Format(start), want)
				}
			}
		}
	}
}

func handles(ids []rosters.PersonID) (list []string) {
	for _, id := range ids {
		list = append(list, string(id))
	}
	return list
}

func TestEverybodyWhoIsNamedIsThere(t *testing.T) {
	for _, team := range teams {
		for _, turn := range team.rotations {
			for _, handle := range turn.turns {
				mustFind(t, handle)
			}
		}
	}
	for _, s := range services {
		for _, level := range s.levels {
			if _, ok := rosterByID(level); !ok {
				t.Errorf("%s pages %s, which is no roster", s.id, level)
			}
		}
	}
}
