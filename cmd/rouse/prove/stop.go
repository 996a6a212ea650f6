package prove

import (
	"context"
	"fmt"
	"time"

	"rouse/notifiers/fake"
)

// How long the database lets a silent node hold a lock, and the other node a message: what is in the hands
// of a node that is asleep, or cut off, cannot come sooner.
const takenOverLate = 12 * time.Second

// farAway has providers take their time, so that a node has several messages in its hands at any moment.
const farAway = 600 * time.Millisecond

// proveStop stops a node in the middle of sends, for longer than it may hold them, and lets it go on: as a
// virtual machine does that is moved, or a laptop that is closed. Another node sends meanwhile, and what
// the sleeper then says is of yesterday.
func proveStop(ctx context.Context, t *trial) (Result, error) {
	trials := t.size(3, 120)
	least, most := 8*time.Second, 9*time.Second
	if t.o.Full {
		least, most = 25*time.Second, 35*time.Second
	}
	r, err := t.newRig(ctx, layout{nodes: 2, transit: farAway, world: usualWorld(t.rand, leisurely, time.Duration(trials)*(most+5*time.Second)+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	stop := r.usualLoad()
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		n := r.nodes[t.rand.IntN(len(r.nodes))]
		sleep, rest := between(t.rand, least, most), between(t.rand, time.Second, 2*time.Second)
		if !n.up(20*time.Second) || !r.ledger.sending(ctx, n.name, 5*time.Second) {
			continue
		}
		if err := r.sleeps(ctx, n, sleep); err != nil {
			return Result{}, err
		}
		t.say("%d of %d: node %s slept for %.1f s", i+1, trials, n.name, sleep.Seconds())
		fake.Sleep(ctx, rest)
	}
	result, err := r.finish(ctx, stop, limits{late: takenOverLate, median: halfLate})
	result.note("%d times a node slept with messages in its hands; it was refused %d stale reports, the other took over %d messages",
		len(r.ledger.read().faults), r.logged("stale report refused"), r.logged("taking over a send"))
	return result, err
}

// sleeps stops a node for a while.
func (r *rig) sleeps(ctx context.Context, n *engineNode, d time.Duration) error {
	from := time.Now()
	if err := n.Pause(); err != nil {
		return fmt.Errorf("stopping node %s: %w", n.name, err)
	}
	fake.Sleep(ctx, d)
	if err := n.Resume(); err != nil {
		return fmt.Errorf("letting node %s go on: %w", n.name, err)
	}
	r.ledger.fault(fault{kind: asleep, node: n.name, from: from, to: time.Now()})
	return nil
}
