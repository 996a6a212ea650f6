package simulator

import (
	"slices"
	"testing"
)

// A simulator that cannot fail proves nothing: each of these bugs in the shell is noticed, and by an
// invariant that names it.
func TestEveryBreakIsNoticed(t *testing.T) {
	for _, b := range []struct {
		what   string
		broken breaks
		by     []string // the invariants that may be the first to notice
	}{
		{"sweeps take nothing over", breaks{noTakeover: true}, []string{"in time", "prompt"}},
		{"the queue loses every job", breaks{losesJobs: true}, []string{"calm", "let go"}},
		{"the queue loses every job, and sweeps take nothing over", breaks{losesJobs: true, noTakeover: true}, []string{"in time", "prompt"}},
		{"sweeps let no time pass", breaks{noTicks: true}, []string{"in time", "prompt"}},
		{"sweeps do not look at leases", breaks{takesOverHeld: true}, []string{"fencing"}},
		{"sweeps do not count the generation up", breaks{sameGeneration: true}, []string{"fencing"}},
		{"sweeps give out again what nobody wants", breaks{takesOverUnwanted: true}, []string{"peace", "final"}},
		// Alone it is not noticed: but for the sweep's care nothing is queued and unwanted.
		{"and workers take it", breaks{takesOverUnwanted: true, claimsUnwanted: true}, []string{"silence", "peace"}},
		{"claims do not look at the state", breaks{claimsAnyState: true}, []string{"fencing"}},
		{"claims do not look at the generation", breaks{claimsAnyGeneration: true}, []string{"fencing"}},
		{"leases are renewed for any generation", breaks{renewsAnyGeneration: true}, []string{"fencing"}},
		{"reports are taken from any generation", breaks{reportsAnyGeneration: true}, []string{"fencing"}},
		{"workers do not look at their clock", breaks{sendsWithoutLease: true}, []string{"leases"}},
		{"workers do not ask providers", breaks{neverLooks: true}, []string{"asked first"}},
		{"workers do not ask whether a message is wanted", breaks{neverAsksWanted: true}, []string{"silence"}},
		{"workers call everything sent", breaks{callsAllSent: true}, []string{"final"}},
		{"calls are not hung up", breaks{hangsUpNobody: true}, []string{"let go"}},
		{"sends are handed over before the commit", breaks{handsOverBeforeCommit: true}, []string{"calm", "hung up"}},
		{"senders are answered before the commit", breaks{answersBeforeCommit: true}, []string{"accepted"}},
		{"people are answered before the commit", breaks{tellsBeforeCommit: true}, []string{"told is stored"}},
		{"repeated answers are acted on", breaks{forgetsSeen: true}, []string{"acted on once"}},
		{"two open an incident for one trouble", breaks{noUniqueIndex: true}, []string{"one incident"}},
		{"the deadline is stored once", breaks{staleDeadline: true}, []string{"deadline"}},
		{"rosters are asked once", breaks{staleRosters: true}, []string{"right people", "level by level"}},
		{"transactions do not wait for one another", breaks{ignoresLocks: true}, []string{"deadline", "duplicates", "fencing", "an end"}},
		{"open pages are not loaded", breaks{leavesOutPages: true}, []string{"deadline", "peace"}},
	} {
		t.Run(b.what, func(t *testing.T) {
			f := firstFailure(b.broken, 1500)
			if f == nil {
				t.Fatal("not noticed in 1500 nights")
			}
			if !slices.Contains(b.by, f.Invariant) {
				t.Errorf("noticed by %q, want one of %q: %s", f.Invariant, b.by, f.What)
			}
			t.Logf("seed %d: %s: %s", f.Seed, f.Invariant, f.What)
		})
	}
}
