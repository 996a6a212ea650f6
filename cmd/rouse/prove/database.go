package prove

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"rouse/notifiers/fake"
)

// proveDatabase takes the database away in every way in which databases go: stopped at once and started
// again, with its connections cut, replaced by its standby, full.
func proveDatabase(ctx context.Context, t *trial) (Result, error) {
	result, err := t.parts(ctx, part{"away", proveAway}, part{"standby", proveStandby}, part{"full", proveFull})
	result.note("answered 2xx and not in the database: %d of %d", result.breached(acceptedIsThere), result.N)
	result.note("what fell due while the database was away was with a provider p50 %.2f, p99 %.2f, max %.2f s after it answered again (%d)",
		result.Overdue.P50, result.Overdue.P99, result.Overdue.Max, result.Overdue.N)
	return result, err
}

// backLate is how late a page may be, counted from when the database answers again.
const backLate = 5 * time.Second

// blow is one time that the database is taken away, and how long it is left in peace afterwards.
type blow struct {
	what  string
	lasts time.Duration
	rest  time.Duration
	do    func(r *rig, ctx context.Context, d time.Duration) error
}

// proveAway stops the database for seconds and for a minute, and cuts its connections again and again.
func proveAway(ctx context.Context, t *trial) (Result, error) {
	blows := t.blows()
	var takes time.Duration
	for _, b := range blows {
		takes += b.lasts + b.rest + 5*time.Second
	}
	r, err := t.newRig(ctx, layout{nodes: 2, world: usualWorld(t.rand, brisk, takes+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	told := r.listen()
	stop := r.usualLoad()
	fake.Sleep(ctx, 2*time.Second)
	for i, b := range blows {
		if ctx.Err() != nil {
			break
		}
		if err := b.do(r, ctx, b.lasts); err != nil {
			return Result{}, err
		}
		if b.lasts >= time.Second {
			t.say("%d of %d: %s for %s", i+1, len(blows), b.what, b.lasts.Round(100*time.Millisecond))
		}
		fake.Sleep(ctx, b.rest)
	}
	result, err := r.finish(ctx, stop, limits{late: backLate})
	told.into(&result)
	result.note("%s", counted(blows))
	return result, err
}

// blows are what is done to the database, in an order that chance gives.
func (t *trial) blows() (all []blow) {
	times := func(quick, full int, what string, lasts func(*rand.Rand) time.Duration, do func(*rig, context.Context, time.Duration) error) {
		for range t.size(quick, full) {
			d := lasts(t.rand)
			all = append(all, blow{what, d, between(t.rand, 700*time.Millisecond, 1500*time.Millisecond) + d/4, do})
		}
	}
	long := 60 * time.Second
	if !t.o.Full {
		long = 14 * time.Second
	}
	exactly := func(d time.Duration) func(*rand.Rand) time.Duration {
		return func(*rand.Rand) time.Duration { return d }
	}
	blip := func(r *rand.Rand) time.Duration { return between(r, 50*time.Millisecond, 800*time.Millisecond) }
	times(1, 100, "stopped", exactly(5*time.Second), (*rig).withoutPostgres)
	times(1, 20, "stopped", exactly(long), (*rig).withoutPostgres)
	times(4, 200, "connections cut", blip, (*rig).cutConnections)
	times(4, 200, "backends terminated", exactly(0), (*rig).terminateBackends)
	t.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func counted(blows []blow) (text string) {
	n := map[string]int{}
	for _, b := range blows {
		name := b.what
		if b.lasts >= time.Second {
			name += fmt.Sprintf(" for %s", b.lasts)
		}
		n[name]++
	}
	for _, name := range slices.Sorted(maps.Keys(n)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", name, times(n[name]))
	}
	return text
}

// cutConnections resets every connection between the nodes and the database, and refuses others for a while.
func (r *rig) cutConnections(ctx context.Context, d time.Duration) error {
	from := time.Now()
	for _, n := range r.nodes {
		n.database.cut()
	}
	fake.Sleep(ctx, d)
	for _, n := range r.nodes {
		if err := n.database.heal(); err != nil {
			return err
		}
	}
	r.ledger.fault(fault{kind: away, from: from, to: time.Now()})
	return nil
}

// terminateBackends has Postgres end every connection of a node, whatever it is at.
func (r *rig) terminateBackends(ctx context.Context, _ time.Duration) error {
	from := time.Now()
	_, err := r.db.Exec(context.WithoutCancel(ctx), `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rouse'`)
	if err != nil {
		return fmt.Errorf("terminating backends: %w", err)
	}
	r.ledger.fault(fault{kind: away, from: from, to: time.Now()})
	return nil
}
