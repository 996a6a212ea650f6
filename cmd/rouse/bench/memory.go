package bench

import (
	"context"
	"fmt"
	"os"
	"time"
)

// How long a server is left alone before it is looked at, and while it is.
const (
	restBefore = 10 * time.Second
	restFor    = 20 * time.Second
)

func measureMemory(ctx context.Context, r *rig) ([]Figure, error) {
	r.Stop()
	if _, err := r.Start(ctx); err != nil {
		return nil, err
	}
	r.o.Say("  leaving the server alone for half a minute")
	if err := pause(ctx, r.span(restBefore)); err != nil {
		return nil, err
	}
	resident, err := statusMiB(r.PID(), "VmRSS")
	if err != nil {
		return nil, err
	}
	before, err := processes()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause(ctx, r.span(restFor)); err != nil {
		return nil, err
	}
	after, err := processes()
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	share := func(root int) float64 { // in percent of one processor
		return 100 * float64(treeTime(after, root)-treeTime(before, root)) / float64(took)
	}
	server, postgres := share(r.PID()), share(r.pg.PID())
	program, err := os.Stat(r.Executable)
	if err != nil {
		return nil, fmt.Errorf("measuring the program: %w", err)
	}
	return []Figure{
		{Name: "resident memory at rest", Value: resident, Unit: "MiB", Goal: "≤ 45"},
		{Name: "processor at rest, server", Value: server, Unit: "%"},
		{Name: "processor at rest, Postgres", Value: postgres, Unit: "%"},
		{Name: "processor at rest, both", Value: server + postgres, Unit: "%", Goal: "≤ 1"},
		{Name: "size of the program", Value: float64(program.Size()) / (1 << 20), Unit: "MiB"},
	}, nil
}
