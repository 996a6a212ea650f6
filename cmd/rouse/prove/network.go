package prove

import (
	"context"
	"time"

	"rouse/notifiers/fake"
)

// proveNetwork cuts one node off from the database, while it still reaches the providers: with resets and
// refusals in turns with a silence in which nothing breaks and nothing comes. The other node takes over.
func proveNetwork(ctx context.Context, t *trial) (Result, error) {
	trials := t.size(4, 200)
	least, most := 7*time.Second, 9*time.Second
	r, err := t.newRig(ctx, layout{nodes: 2, transit: farAway, world: usualWorld(t.rand, leisurely, time.Duration(trials)*(most+5*time.Second)+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	stop := r.usualLoad()
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		n := r.nodes[t.rand.IntN(len(r.nodes))]
		away, rest := between(t.rand, least, most), between(t.rand, time.Second, 2*time.Second)
		if !n.up(20*time.Second) || !r.ledger.sending(ctx, n.name, 5*time.Second) {
			continue
		}
		how := "with resets"
		from := time.Now()
		if i%2 == 0 {
			n.database.cut()
		} else {
			how = "in silence"
			n.database.hang()
		}
		fake.Sleep(ctx, away)
		if err := n.database.heal(); err != nil {
			return Result{}, err
		}
		r.ledger.fault(fault{kind: alone, node: n.name, from: from, to: time.Now()})
		t.say("%d of %d: node %s was without its database for %.1f s, %s", i+1, trials, n.name, away.Seconds(), how)
		fake.Sleep(ctx, rest)
	}
	result, err := r.finish(ctx, stop, limits{late: takenOverLate, median: halfLate})
	result.note("%d times a node was cut off with messages in its hands; the other took over %d messages", len(r.ledger.read().faults), r.logged("taking over a send"))
	return result, err
}
