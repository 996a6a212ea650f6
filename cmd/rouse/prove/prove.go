// Package prove breaks Rouse and counts what was lost: the real server as child processes, on a real
// Postgres, with providers and phones that are made up. A ledger keeps what senders were promised, what
// the providers were called for, what phones got and who answered; at the end it is held against what
// the database says and against what should have come.
//
// It takes the engine as people run it and knows no way inside but the two settings for rehearsals. What
// it breaks, and when, comes from a seed: an experiment with the same seed breaks the same things in the
// same order, as far as a machine with other work lets it.
package prove

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options say what to break and where.
type Options struct {
	Executable string   // the server's program
	Only       []string // names of experiments; none: all
	Seed       uint64
	Previous   string // the previous release's program, or a commit; "": the commit before, if there are sources
	Trials     int    // how many, where an experiment counts trials; 0: as many as is usual
	Full       bool   // hours instead of minutes
	Dir        string // folder for databases and logs, which is left as it is
	Getenv     func(string) string
	Say        func(string) // progress, a line at a time
}

// experiment is one way to break things. run makes a rig, breaks it, and has the ledger judge.
type experiment struct {
	name string
	what string // a line
	run  func(ctx context.Context, t *trial) (Result, error)
}

// experiments are in the order in which they are run.
var experiments = []experiment{
	{"kill", "nodes killed with SIGKILL, at random moments and at every point of their work", proveKill},
	{"stop", "a node asleep in the middle of sends, which wakes when others have taken over", proveStop},
	{"database", "the database stopped, cut off, replaced by its standby, and with a full disk", proveDatabase},
	{"network", "a node cut off from the database, by resets and by silence", proveNetwork},
	{"clock", "a node whose own clock is wrong by an hour", proveClock},
	{"providers", "providers that refuse, hang, lie and go silent, and machines that answer", proveProviders},
	{"delivery", "providers dead, slow, throttling, failing after sending and lying, with a second one of each channel", proveDelivery},
	{"undelivered", "texts of which three in ten end undelivered, late and out of order", proveUndelivered},
	{"replies", "replies by text that come late and twice, to what others have answered and what was paged since", proveReplies},
	{"voicemail", "calls that machines answer: with tones, with silence, by hanging up", proveVoicemail},
	{"storm", "thousands of alerts in a minute, while everything that can be read is read", proveStorm},
	{"race", "acknowledgements that come at the moment of a page or of a level's end", proveRace},
	{"outage", "everything stopped for two hours with thousands of incidents open", proveOutage},
	{"spool", "the database away while alerts come in, kept on the disk of a node that is killed as it takes them in", proveSpool},
	{"dialects", "nodes killed while alerts come in from senders of every dialect", proveDialects},
	{"upgrade", "the previous release's program beside this one, exchanged both ways", proveUpgrade},
	{"rosters", "who is on call, against a clerk with a calendar, and at every change of every zone's clocks", proveRosters},
	{"simulator", "the engine with a model of everything around it, a crash possible at every step", proveSimulator},
}

// About is one experiment's name, and what it does in a line.
type About struct{ Name, What string }

// List tells the experiments, in their order.
func List() (all []About) {
	for _, e := range experiments {
		all = append(all, About{e.name, e.what})
	}
	return all
}

// Names lists the experiments.
func Names() (names []string) {
	for _, e := range experiments {
		names = append(names, e.name)
	}
	return names
}

// Run does the experiments and returns what each found. When ctx ends, it returns what was measured so
// far, the experiment under way included, and no error.
func Run(ctx context.Context, o Options) ([]Result, error) {
	var all []Result
	for _, e := range experiments {
		if len(o.Only) > 0 && !slices.Contains(o.Only, e.name) || ctx.Err() != nil {
			continue
		}
		o.Say(fmt.Sprintf("%s: %s", e.name, e.what))
		t := newTrial(o, e.name)
		if err := os.Mkdir(t.dir, 0o755); err != nil {
			return all, fmt.Errorf("making a folder for %s: %w", e.name, err)
		}
		began := time.Now()
		r, err := e.run(ctx, t)
		if err != nil && ctx.Err() != nil {
			break // it was not far enough to say anything
		}
		if skip, ok := errors.AsType[*skipped](err); ok {
			r.Skipped, err = skip.why, nil
		}
		if err != nil {
			return all, fmt.Errorf("experiment %s, seed %d: %w", e.name, o.Seed, err)
		}
		r.Experiment, r.Seed, r.Trials, r.Full = e.name, o.Seed, o.Trials, o.Full
		r.Took, r.Interrupted = seconds(time.Since(began)), ctx.Err() != nil
		all = append(all, r)
	}
	return all, nil
}

// skipped says that an experiment cannot be done on this machine.
type skipped struct{ why string }

func (s *skipped) Error() string { return s.why }

// trial is one run of an experiment: its seed, its size, its folder.
type trial struct {
	o    Options
	name string
	dir  string
	rand *rand.Rand // all that happens by chance; for the goroutine that runs the experiment only
}

func newTrial(o Options, name string) *trial {
	return &trial{o: o, name: name, dir: filepath.Join(o.Dir, name), rand: rand.New(rand.NewPCG(o.Seed, hashOf(name)))}
}

// chance is a stream of its own for something that is named, the same whenever it is asked for: for what
// happens by chance in many places at a time.
func (t *trial) chance(named ...string) *rand.Rand {
	return rand.New(rand.NewPCG(t.o.Seed, hashOf(append([]string{t.name}, named...)...)))
}

func hashOf(words ...string) uint64 {
	h := fnv.New64a()
	for _, w := range words {
		_, _ = h.Write(append([]byte(w), 0)) // never fails
	}
	return h.Sum64()
}

// say tells of progress.
func (t *trial) say(format string, args ...any) {
	t.o.Say(t.name + ": " + fmt.Sprintf(format, args...))
}

// size is how many of something there are: what the caller asked for, else few or many.
func (t *trial) size(quick, full int) int {
	switch {
	case t.o.Trials > 0:
		return t.o.Trials
	case t.o.Full:
		return full
	default:
		return quick
	}
}

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}
