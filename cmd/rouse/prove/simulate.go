package prove

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"rouse/engine/simulator"
)

// proveSimulator runs the engine itself with a model of all that is around it, each time with another seed:
// nights with kills, sleeps, outages and unkind providers, as many in a minute as the experiments with real
// processes would take weeks for.
func proveSimulator(ctx context.Context, t *trial) (Result, error) {
	runs := t.size(20_000, 1_000_000)
	first := t.o.Seed
	said := time.Now()
	sum := simulator.Many(ctx.Done(), first, runs, runtime.NumCPU(), func(done, found int) {
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			t.say("%d of %d nights, %d of them went wrong", done, runs, found)
		}
	})
	r := Result{N: sum.Runs, Unit: "nights", Pages: sum.Pages, Sent: sum.Sends, Answers: sum.Answers, Duplicated: sum.Duplicates, InFlight: sum.Interrupted}
	r.note("seeds %d to %d: %d incidents, %d decisions, %d kills, %d nodes that slept, %d outages, %d sends taken over, %d stale reports refused",
		first, first+uint64(max(sum.Runs-1, 0)), sum.Incidents, sum.Decisions, sum.Kills, sum.Stops, sum.Outages, sum.TakenOver, sum.Stale)
	r.Lost = sum.Found
	told := map[string]int{} // index of its breach
	for _, f := range sum.Failures {
		at, ok := told[f.Invariant]
		if !ok {
			at = len(r.Breaches)
			told[f.Invariant], r.Breaches = at, append(r.Breaches, Breach{Expected: f.Invariant})
		}
		b := &r.Breaches[at]
		b.N++
		if len(b.Found) < maxFound {
			b.Found = append(b.Found, fmt.Sprintf("seed %d: %s", f.Seed, f.What))
		}
		if runs == 1 { // it was asked for to be looked at
			r.note("%s", f.Story)
		}
	}
	return r, nil
}
