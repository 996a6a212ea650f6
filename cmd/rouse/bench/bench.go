// Package bench measures Rouse as people run it: the real server as a child process, a Postgres with
// fsync on, pushes over HTTP. It prints figures and judges nothing.
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
	Only       []string // names of experiments; none: all
	Dir        string   // folder for database and logs, which is left as it is
	Getenv     func(string) string
	Say        func(string) // progress, a line at a time
}

// experiment is one thing to measure. Each begins with a server that is ready.
type experiment struct {
	name string
	what string
	run  func(ctx context.Context, r *rig) ([]Figure, error)
}

var experiments = []experiment{
	{"start", "from the start of the process to ready", measureStart},
	{"latency", "from the POST of an alert to the call of the provider, one at a time", measureLatency},
	{"timers", "how late deadlines are acted on", measureTimers},
	{"kill", "the server killed while it pages", measureKill},
	{"memory", "resident memory at rest, size of the program", measureMemory},
}

// Names lists the experiments.
func Names() []string {
	var names []string
	for _, e := range experiments {
		names = append(names, e.name)
	}
	return names
}

// Run measures and returns the figures in order.
func Run(ctx context.Context, o Options) ([]Figure, error) {
	r, err := newRig(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var all []Figure
	for _, e := range experiments {
		if len(o.Only) > 0 && !slices.Contains(o.Only, e.name) {
			continue
		}
		o.Say(fmt.Sprintf("%s: %s", e.name, e.what))
		figures, err := e.run(ctx, r)
		if err != nil {
			return all, fmt.Errorf("measuring %s: %w", e.name, err)
		}
		all = append(all, figures...)
	}
	return all, nil
}

// spread gives the figures of many durations, in milliseconds.
func spread(name, goal string, ds []time.Duration) []Figure {
	slices.Sort(ds)
	at := func(q float64) float64 {
		if len(ds) == 0 {
			return 0
		}
		return float64(ds[min(len(ds)-1, int(q*float64(len(ds))))]) / float64(time.Millisecond)
	}
	return []Figure{
		{Name: name + ", p50", Value: at(0.5), Unit: "ms", N: len(ds)},
		{Name: name + ", p99", Value: at(0.99), Unit: "ms", Goal: goal, N: len(ds)},
		{Name: name + ", max", Value: at(1), Unit: "ms", N: len(ds)},
	}
}
