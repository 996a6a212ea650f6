package simulator

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Report is what became of one run.
type Report struct {
	Seed    uint64
	Tally   Tally
	Failure *Failure // nil: everything held
}

// Failure is an invariant that did not hold, and how it came to that.
type Failure struct {
	Seed      uint64
	Invariant string // its name, as the package comment lists it
	What      string // what was found
	Story     string // the whole run, a line for everything that happened
}

func (f Failure) String() string {
	return fmt.Sprintf("seed %d: %s: %s\n%s", f.Seed, f.Invariant, f.What, f.Story)
}

// Tally is what runs went through.
type Tally struct {
	Runs                           int
	Calm                           int // runs in which nothing went wrong
	Steps                          int // of nodes: a crash was possible before each
	Decisions                      int // transactions that committed
	Incidents                      int
	Accepted                       int // alerts
	Pages                          int
	Attempts                       int
	Sends                          int // calls of providers
	Interrupted                    int // sends of which it stayed open what became of them
	Duplicates                     int // messages that arrived though another of the same attempt had
	TakenOver                      int // attempts that sweeps took from dead workers and lost jobs
	Late                           int // sends begun under a lease that was over, by workers that slept
	Stale                          int // reports refused because the attempt was given to another worker
	Forced                         int // reports written without the engine
	Bundles                        int // messages that told several attempts
	Bundled                        int // attempts that were told in the message of another
	Known                          int // messages of which another worker had reported a part
	Parted                         int // messages that were given up because somebody held a part of them
	Lookups                        int // questions to providers whether they have a message
	Answers                        int // that people gave and were told of
	Ladders                        int // escalations that were climbed to the end after the faults
	Kills                          int
	Stops                          int // nodes that slept and woke up
	Leaves                         int // nodes that were told to end
	Lost                           int // transactions rolled back
	Unlearnt                       int // transactions and claims committed without their caller knowing
	Outages                        int // of the database
	Jumps                          int // of the database's clock
	Halts                          int // times in which the whole system stood still
	Resumed                        int // incidents that were told of a long stop
	Delayed                        int // escalations that waited for a delay
	HeldBack                       int // escalations that waited for a maintenance
	Returns                        int // incidents that came back
	Drills                         int
	DrillsAnswered, DrillsInTheWay int // of their person; and those whose person was paged meanwhile
	KilledBefore                   [points]int
}

// Points names what nodes were about to do when they were killed, in the order of KilledBefore.
func Points() []string { return slices.Clone(pointNames[:]) }

// add sums up two tallies.
func (t *Tally) add(o Tally) {
	for i, n := range o.all() {
		*t.all()[i] += *n
	}
	for i, n := range o.KilledBefore {
		t.KilledBefore[i] += n
	}
}

func (t *Tally) all() []*int {
	return []*int{&t.Runs, &t.Calm, &t.Steps, &t.Decisions, &t.Incidents, &t.Accepted, &t.Pages, &t.Attempts, &t.Sends, &t.Interrupted,
		&t.Duplicates, &t.TakenOver, &t.Late, &t.Stale, &t.Forced, &t.Lookups, &t.Answers, &t.Ladders, &t.Kills, &t.Stops, &t.Leaves, &t.Lost,
		&t.Unlearnt, &t.Outages, &t.Jumps, &t.Bundles, &t.Bundled, &t.Known, &t.Parted, &t.Halts, &t.Resumed, &t.Delayed, &t.HeldBack, &t.Returns,
		&t.Drills, &t.DrillsAnswered, &t.DrillsInTheWay}
}

// Run takes the world of a seed through its night. The same seed gives the same run. If it fails, the
// failure tells its story.
func Run(seed uint64) Report { return run(seed, breaks{}) }

func run(seed uint64, broken breaks) Report {
	s := play(seed, broken, false)
	if s.failure != nil {
		s = play(seed, broken, true)
		s.failure.Story = s.text()
	}
	return Report{Seed: seed, Tally: s.tally, Failure: s.failure}
}

// Replay is Run with its story, whether it fails or not.
func Replay(seed uint64) (Report, string) {
	s := play(seed, breaks{}, true)
	if s.failure != nil {
		s.failure.Story = s.text()
	}
	return Report{Seed: seed, Tally: s.tally, Failure: s.failure}, s.text()
}

// Summary is what became of many runs.
type Summary struct {
	Tally
	Found    int       // runs that failed
	Failures []Failure // the first of them by seed, with their stories: at most mostStories
}

const (
	mostStories   = 20
	progressEvery = 1000 // runs
)

// Many runs n seeds from first on, with so many workers (at least one), until stop is closed; nil never
// is. Every thousand runs, and at the end, progress (which may be nil) is told how many are done and how
// many of them failed; never by two at the same time.
func Many(stop <-chan struct{}, first uint64, n, workers int, progress func(done, found int)) Summary {
	var (
		sum   Summary
		taken atomic.Int64
		mu    sync.Mutex
		work  sync.WaitGroup
	)
	for range max(workers, 1) {
		work.Go(func() {
			for i := taken.Add(1) - 1; i < int64(n) && !closed(stop); i = taken.Add(1) - 1 {
				r := Run(first + uint64(i))
				mu.Lock()
				sum.take(r)
				if progress != nil && sum.Runs%progressEvery == 0 {
					progress(sum.Runs, sum.Found)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if progress != nil && sum.Runs%progressEvery != 0 {
		progress(sum.Runs, sum.Found)
	}
	return sum
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func (sum *Summary) take(r Report) {
	sum.add(r.Tally)
	if r.Failure == nil {
		return
	}
	sum.Found++
	sum.Failures = append(sum.Failures, *r.Failure)
	slices.SortFunc(sum.Failures, func(a, b Failure) int { return cmp.Compare(a.Seed, b.Seed) })
	sum.Failures = sum.Failures[:min(len(sum.Failures), mostStories)]
}

// sum counts what is in the database when a run is over.
func (s *sim) sum() {
	t := &s.tally
	t.Runs = 1
	if s.calm {
		t.Calm = 1
	}
	for _, a := range s.alerts {
		if a.accepted {
			t.Accepted++
		}
	}
	for _, r := range s.rows {
		if r.committed {
			t.Incidents++
			t.Pages += r.inc.PageN
			t.Attempts += r.inc.AttemptN
		}
	}
}
