package rosters_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rouse/rosters"
	"rouse/rosters/clerk"
)

// A revision changes no answer from before it, whatever it is; and from it on, the answers are the clerk's.
func TestNoRevisionChangesThePast(t *testing.T) {
	for seed := range uint64(80) {
		dice := rand.New(rand.NewPCG(2, seed))
		drawn := clerk.Draw(dice)
		worked, err := drawn.Work()
		if err != nil {
			t.Fatal(err)
		}
		at := worked.Moment(dice, drawn.From.AddDate(0, 3, 0), drawn.To)
		revised := drawn
		revised.Roster = drawn.Revised(clerk.Edited(dice, at.Year(), drawn.Rotations), at)
		now, err := revised.Work()
		if err != nil {
			t.Fatal(err)
		}
		before, _ := drawn.Compile()
		after, _ := revised.Compile()
		month := at.AddDate(0, -1, 0)
		if was, is := before.Shifts(month, at), after.Shifts(month, at); !slices.Equal(was, is) {
			t.Fatalf("roster %d: the month before %v was %v and is %v", seed, at, was, is)
		}
		for range 20 {
			asked := worked.Moment(dice, drawn.From, drawn.To)
			if !asked.Before(at) {
				if wrong := now.Compare(after, asked); wrong != "" {
					t.Fatalf("roster %d, revised at %v: %s\n%+v", seed, at, wrong, revised.Roster)
				}
			} else if was, is := before.OnCall(asked), after.OnCall(asked); !slices.Equal(was, is) {
				t.Fatalf("roster %d, revised at %v: at %v %v were on call, and now it is %v", seed, at, asked, was, is)
			}
		}
	}
}

// A rotation that loses somebody goes on with whoever is on call.
func TestRevisedRotationGoesOn(t *testing.T) {
	went := 0
	for seed := range uint64(400) {
		dice := rand.New(rand.NewPCG(1, seed))
		drawn := clerk.Draw(dice)
		if len(drawn.Rotations) == 0 {
			continue
		}
		rotation := drawn.Rotations[0]
		r := rosters.Roster{Revision: 1, Rotations: []rosters.Rotation{rotation}}
		at := drawn.From.Add(time.Duration(dice.IntN(2*365*24)) * time.Hour)
		on := r.OnCall(at)
		leaves := rotation.Participants[dice.IntN(len(rotation.Participants))]
		if rotation.Everyone || len(on) == 0 || leaves == on[0] {
			continue
		}
		rotation.Participants = slices.DeleteFunc(slices.Clone(rotation.Participants), func(p rosters.PersonID) bool { return p == leaves })
		went++
		if now := r.Revised([]rosters.Rotation{rotation}, at).OnCall(at); !slices.Equal(now, on) {
			t.Errorf("roster %d: at %v %v was on call, and without %q it is %v: %+v", seed, at, on, leaves, now, r.Rotations[0])
		}
	}
	if went < 50 {
		t.Errorf("only %d rotations went on", went)
	}
}
