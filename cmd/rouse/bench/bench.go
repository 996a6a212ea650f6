// Package bench measures Rouse as people run it: the real server as a child process, a Postgres with
// fsync on, pushes over HTTP. It prints figures with their goals and judges nothing.
//
// Clients, provider, server and database share the machine, so that all but the latencies of a quiet
// server are figures of the whole: what the measuring costs itself is part of them.
package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Figure is one line of the result.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  string  `json:"goal,omitempty"` // in words, "≤ 50"
	N     int     `json:"n,omitempty"`    // how many were measured
}

// Options say what to measure and where.
type Options struct {
	Executable string   // the server's program
	Only       []string // names of experiments; none: all that are not Long
	Full       bool     // the long ones, too
	Quick      bool     // a tenth of everything: shows that it works, and little else
	Dir        string   // folder for database and logs, which is left as it is
	Getenv     func(string) string
	Say        func(string) // progress, a line at a time
}

// Experiment is one thing to measure.
type Experiment struct {
	Name  string
	What  string // in a sentence
	Takes string // on two cores
	Long  bool   // runs only when it is named, or with Options.Full

	// run begins with a server that is ready.
	run func(ctx context.Context, r *rig) ([]Figure, error)
}

// Experiments lists them in the order in which they run.
func Experiments() []Experiment {
	return []Experiment{
		{"start", "from the start of the process to ready: on a migrated database, on an empty one", "10 s", false, measureStart},
		{"latency", "from the POST of an alert to the provider: one at a time, and at 50 a second", "35 s", false, measureLatency},
		{"storm", "1,000 incidents to 1,000 people at once, then 10,000 to 10,000; memory meanwhile", "40 s", false, measureStorm},
		{"delivery", "from the decision to the call of the provider, by channel, 1,000 people at once", "10 s", false, measureDelivery},
		{"limit", "a provider that takes 10 texts a second, while more than that are wanted", "70 s", false, measureLimit},
		{"ingest", "alerts taken from 1, 8 and 32 clients, new and repeated, beside plain inserts", "90 s", false, measureIngest},
		{"dialects", "new alerts from 32 clients in every dialect, each beside our own format", "70 s", false, measureDialects},
		{"rules", "what 500 routing rules cost an alert", "3 s", false, measureRules},
		{"spool", "alerts of 32 senders kept on disk while the database is away", "5 s", false, measureSpool},
		{"timers", "how late 200 deadlines are acted on: alone, and among 100,000 open incidents", "75 s", false, measureTimers},
		{"timers-million", "the same among 1,000,000 open incidents", "2 min", true, measureTimersMillion},
		{"queries", "who is on call for a service, the open incidents, one incident, over REST", "25 s", false, measureQueries},
		{"memory", "memory and processor of a server that is left alone; size of the program", "35 s", false, measureMemory},
		{"cost", "statements, rows, WAL and processor of one incident, and of one repeated alert", "40 s", false, measureCost},
		{"kill", "the server killed while it pages: what is lost, what comes twice", "10 s", false, measureKill},
		{"nodes", "new alerts and a storm of 1,000, with 1, 2 and 3 servers on one database", "2 min", true, measureNodes},
	}
}

// Names lists the experiments' names.
func Names() []string {
	var names []string
	for _, e := range Experiments() {
		names = append(names, e.Name)
	}
	return names
}

// Run measures and returns the figures in order, with an error those found until then.
func Run(ctx context.Context, o Options) (all []Figure, err error) {
	r, err := newRig(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for _, e := range Experiments() {
		if len(o.Only) == 0 && e.Long && !o.Full || len(o.Only) > 0 && !slices.Contains(o.Only, e.Name) {
			continue
		}
		o.Say(fmt.Sprintf("%s: %s (%s)", e.Name, e.What, e.Takes))
		if err := r.forget(ctx); err != nil {
			return all, err
		}
		figures, err := e.run(ctx, r)
		if n := r.crashed.Load(); n != nil {
			return all, fmt.Errorf("measuring %s: a server ended by itself, or somebody else ended it; the log ends with: %s", e.Name, n.LastWords())
		}
		all = append(all, figures...)
		if err != nil {
			return all, fmt.Errorf("measuring %s: %w; the server's log ends with: %s", e.Name, err, r.LastWords())
		}
	}
	return all, nil
}

// size is how many of n there are to be, span how much of d: a tenth with Options.Quick.
func (r *rig) size(n int) int {
	if r.o.Quick {
		return max(1, n/10)
	}
	return n
}

func (r *rig) span(d time.Duration) time.Duration {
	if r.o.Quick {
		return d / 10
	}
	return d
}
