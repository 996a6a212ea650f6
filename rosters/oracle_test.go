package rosters_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
	"rouse/rosters/clerk"
)

// Whatever the roster, those are on call whom the clerk finds who goes through the calendar day by day, and shifts,
// gaps and spans say the same. `rouse prove rosters` does it a million times.
func TestRostersAgreeWithTheClerk(t *testing.T) {
	const each = 20 // instants of a roster
	asked, manned := 0, 0
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(1+seed%2, seed/2))
		drawn := clerk.Draw(dice)
		worked, err := drawn.Work()
		if err != nil {
			t.Fatal(err)
		}
		calendar, err := drawn.Compile()
		mayNotBe(t, err)
		for range each {
			at := worked.Moment(dice, drawn.From, drawn.To)
			if wrong := worked.Compare(calendar, at); wrong != "" {
				t.Fatalf("roster %d: %s\n%+v", seed, wrong, drawn.Roster)
			}
			asked++
			if len(worked.OnCall(at)) > 0 {
				manned++
			}
		}
		from := worked.Moment(dice, drawn.From, drawn.To)
		if wrong := worked.CompareSpan(calendar, from, from.Add(time.Duration(1+dice.IntN(20*24))*time.Hour)); wrong != "" {
			t.Fatalf("roster %d: %s\n%+v", seed, wrong, drawn.Roster)
		}
	}
	if manned < asked/2 {
		t.Errorf("at %d of %d instants somebody is on call; that proves little", manned, asked)
	}
}

// mayNotBe lets pass what rightly is no rule: one that never hands over.
func mayNotBe(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, "never occurs") && !strings.Contains(line, "leave no hand-over") {
			t.Errorf("the roster is refused: %s", line)
		}
	}
}

var _ rosters.Roster
