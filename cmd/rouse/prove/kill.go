package prove

import (
	"context"
	"fmt"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers/fake"
)

const killedMayBeLate = 10 * time.Second

// proveKill kills nodes while alerts come in, pages go out and people answer. Each trial kills one at a
// random moment, and lets it die once more, after it was started again, at one of the points of its work.
//
// Many trials are made in parts, each with a house of its own: in one that stood for longer, acknowledgements
// would run out, and more and more would be asked about them.
func proveKill(ctx context.Context, t *trial) (Result, error) {
	const atOnce = 250
	trials := t.size(2*len(pager.Points()), 1500)
	if trials <= atOnce {
		return proveKills(ctx, t, trials, usualRate)
	}
	var all []part
	for left := trials; left > 0; left -= atOnce {
		all = append(all, part{fmt.Sprint(len(all) + 1), func(ctx context.Context, t *trial) (Result, error) {
			return proveKills(ctx, t, min(left, atOnce), 2*usualRate)
		}})
	}
	return t.parts(ctx, all...)
}

func proveKills(ctx context.Context, t *trial, trials int, perSecond float64) (Result, error) {
	r, err := t.newRig(ctx, layout{nodes: 2, world: usualWorld(t.rand, brisk, time.Duration(trials)*10*time.Second+5*time.Minute)})
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	stop := r.usualLoadOf(perSecond)
	passed, said := map[pager.Point]int{}, time.Now()
	var order []int
	for i := 0; i < trials && ctx.Err() == nil; i++ {
		if i%len(pager.Points()) == 0 {
			order = t.rand.Perm(len(pager.Points()))
		}
		at := pager.Points()[order[i%len(order)]]
		if r.killAt(ctx, at) {
			passed[at]++
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			t.say("%d of %d trials done", i+1, trials)
		}
	}
	result, err := r.finish(ctx, stop, limits{late: killedMayBeLate, median: halfLate})
	deaths, points := len(r.ledger.read().faults), 0
	for _, n := range passed {
		points += n
	}
	result.note("%d kills, %d of them at a point of the work; of %d points %d were reached", deaths, points, len(pager.Points()), len(passed))
	result.note("what a killed node was sending was sent again, or found, after p50 %.2f, p99 %.2f, max %.2f s (%d)",
		result.Rescued.P50, result.Rescued.P99, result.Rescued.Max, result.Rescued.N)
	return result, err
}

// killAt kills some node at some moment, and again at a point; it tells whether the node came to that.
func (r *rig) killAt(ctx context.Context, at pager.Point) bool {
	n := r.nodes[r.t.rand.IntN(len(r.nodes))]
	times := 1 + r.t.rand.IntN(6)
	if at == pager.TakenOver {
		times = 1
	}
	moment, after := between(r.t.rand, 50*time.Millisecond, 600*time.Millisecond), between(r.t.rand, 0, 400*time.Millisecond)
	if !n.up(20*time.Second) || !fake.Sleep(ctx, moment) {
		return false
	}
	n.falls(ctx, 0) // nothing of before is waited for
	n.kill(dieAt(at, times))
	if at == pager.TakenOver { // it takes over only what another has left
		r.leaveSomething(ctx, n)
	}
	reached := n.falls(ctx, 8*time.Second)
	if !reached {
		n.kill()
	}
	fake.Sleep(ctx, after)
	return reached
}

// leaveSomething kills the other nodes when the one is up.
func (r *rig) leaveSomething(ctx context.Context, survivor *engineNode) {
	if !survivor.up(20 * time.Second) {
		return
	}
	for _, n := range r.nodes {
		if n == survivor || ctx.Err() != nil {
			continue
		}
		n.mu.Lock()
		n.pause = 4 * time.Second // or it would be back to take its own up
		n.mu.Unlock()
		n.kill()
	}
}
