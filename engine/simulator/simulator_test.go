package simulator

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	seeds = flag.Int("seeds", 1000, "how many nights TestNights runs")
	most  = flag.Int("most", 1500, "how many nights TestEveryBreakIsNoticed takes to find a break")
	seed  = flag.Int64("seed", -1, "a seed to replay with its story (with -v); -1: none")
)

// I1 to I8, F1 to F4, F9 to F11, F21: the engine and the model of its shell go through nights that go wrong,
// and everything that the package comment lists holds at every step.
func TestNights(t *testing.T) {
	if *seed >= 0 {
		replay(t, uint64(*seed))
		return
	}
	n := *seeds
	if underRace {
		n = min(n, 300) // no run shares anything with another: a look is enough
	}
	sum := Many(nil, 1, n, 2, nil)
	for _, f := range sum.Failures {
		t.Errorf("%s", f)
	}
	if sum.Found > 0 {
		t.Errorf("%d of %d nights failed", sum.Found, sum.Runs)
	}
	t.Logf("%+v", sum.Tally)
	if n < 2000 {
		return
	}
	for _, got := range sum.all() {
		if *got == 0 {
			t.Errorf("something never happened in %d nights: %+v", n, sum.Tally)
		}
	}
	for p, n := range sum.KilledBefore {
		if n == 0 {
			t.Errorf("no node was ever killed before %s", pointNames[p])
		}
	}
}

func replay(t *testing.T, seed uint64) {
	r, story := Replay(seed)
	t.Logf("seed %d\n%s\n%+v", seed, story, r.Tally)
	if f := r.Failure; f != nil {
		t.Errorf("%s: %s", f.Invariant, f.What)
	}
}

func TestTheSameSeedIsTheSameNight(t *testing.T) {
	for seed := range uint64(50) {
		told, first := Replay(seed)
		_, second := Replay(seed)
		if first != second {
			t.Fatalf("seed %d has two stories:\n%s\n\n%s", seed, first, second)
		}
		if untold := Run(seed); !reflect.DeepEqual(untold, told) {
			t.Fatalf("seed %d is\n%+v when it is told, else\n%+v", seed, told, untold)
		}
	}
}

func TestManyNights(t *testing.T) {
	const n = 150
	var told []int
	one := Many(nil, 7, n, 1, func(done, _ int) { told = append(told, done) })
	if two := Many(nil, 7, n, 2, nil); !reflect.DeepEqual(one, two) || one.Runs != n {
		t.Errorf("one worker comes to\n%+v\ntwo come to\n%+v", one, two)
	}
	if !slices.Equal(told, []int{n}) {
		t.Errorf("progress was told after %v runs, want %d", told, n)
	}
	stop := make(chan struct{})
	close(stop)
	if sum := Many(stop, 0, 1000, 2, nil); sum.Runs != 0 {
		t.Errorf("%d runs after it was stopped", sum.Runs)
	}
}

// A story is read by people: it says who does what when, and what was decided.
func TestAFailureTellsItsStory(t *testing.T) {
	r := firstFailure(breaks{sameGeneration: true}, 1, 1000)
	if r == nil {
		t.Fatal("nothing failed")
	}
	text := r.String()
	for _, want := range []string{"fencing", "node A: claims attempt ", "(generation 1)", "takes over attempt", "begins: paging", "NOT SO: fencing"} {
		if !strings.Contains(text, want) {
			t.Errorf("the story does not say %q:\n%s", want, text)
		}
	}
}

// firstFailure is the first of so many nights, from a seed on, in which a broken model is noticed.
func firstFailure(b breaks, from uint64, most int) *Failure {
	for seed := from; seed < from+uint64(most); seed++ {
		if r := run(seed, b); r.Failure != nil {
			return r.Failure
		}
	}
	return nil
}

func BenchmarkRun(b *testing.B) {
	steps := 0
	for i := range b.N {
		steps += Run(uint64(i)).Tally.Steps
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
	b.ReportMetric(float64(steps)/float64(b.N), "steps/seed")
}
