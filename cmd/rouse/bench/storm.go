package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// stormWithin is how long a storm's pages are waited for. What has not come then is lost.
const stormWithin = 3 * time.Minute

func measureStorm(ctx context.Context, r *rig) ([]Figure, error) {
	var all []Figure
	for _, s := range []struct {
		n                  int
		pages, memory, nth string
	}{{1000, "≤ 3", "≤ 90", "1,000"}, {10_000, "≤ 30", "≤ 180", "10,000"}} {
		r.o.Say(fmt.Sprintf("  %s incidents, each for another person", s.nth))
		if err := r.forget(ctx); err != nil {
			return all, err
		}
		peak, err := r.watchPeak(ctx)
		if err != nil {
			return all, err
		}
		figures, err := r.storm(ctx, "storm of "+s.nth, r.size(s.n), s.pages, []*client{r.client})
		if err != nil {
			return all, err
		}
		mib, err := peak()
		if err != nil {
			return all, err
		}
		all = append(append(all, figures...), Figure{Name: "storm of " + s.nth + ": resident memory, peak", Value: mib, Unit: "MiB", Goal: s.memory})
	}
	return all, nil
}

// watchPeak begins to watch how large the server becomes. Where the kernel does not let it begin anew,
// the server does.
func (r *rig) watchPeak(ctx context.Context) (peak func() (float64, error), err error) {
	if err := resetPeak(r.PID()); err != nil {
		r.Stop()
		if _, err := r.Start(ctx); err != nil {
			return nil, err
		}
	}
	return func() (float64, error) { return statusMiB(r.PID(), "VmHWM") }, nil
}

// storm sends n alerts, each about another person's service, over 32 connections to the servers in turn.
func (r *rig) storm(ctx context.Context, name string, n int, goal string, servers []*client) ([]Figure, error) {
	people, err := r.crowd(ctx, n)
	if err != nil {
		return nil, err
	}
	defer r.saying(func() string { return fmt.Sprintf("%d of %d paged", len(r.provider.all()), n) })()
	sent, of := make([]time.Time, n), make([]string, n)
	var refused atomic.Int64
	began := time.Now()
	accepted, err := drive(ctx, clients, times(n), func(ctx context.Context, i int) (err error) {
		sent[i] = time.Now()
		var again int
		of[i], again, err = servers[i%len(servers)].sendSurely(ctx, newAlert(people.member(i), "storm"))
		refused.Add(int64(again))
		return err
	})
	if err != nil {
		return nil, err
	}
	pages, err := r.firstPages(ctx, people, of)
	if err != nil {
		return nil, err
	}
	var waits []time.Duration
	for i, at := range pages.first {
		waits = append(waits, at.Sub(sent[i]))
	}
	return append([]Figure{
		{Name: name + ": first POST to last first page", Value: pages.last.Sub(began).Seconds(), Unit: "s", Goal: goal, N: n},
		{Name: name + ": first POST to all accepted", Value: accepted.took.Seconds(), Unit: "s", N: n},
		{Name: name + ": refused, and sent again", Value: float64(refused.Load()), N: n},
		{Name: name + ": lost", Value: float64(n - len(pages.first)), Goal: "0", N: n},
		{Name: name + ": duplicated", Value: float64(pages.twice), Goal: "0", N: n},
	}, spread(name+": POST to first page", "", "", waits)...), nil
}

// paged is what came of a storm.
type paged struct {
	first map[int]time.Time // when the person of each incident was paged first
	last  time.Time         // of those
	twice int               // pages that told the same again
}

// firstPages waits until everybody is paged for the incident that has the key, but not for ever, and
// until nothing is being sent any more.
func (r *rig) firstPages(ctx context.Context, people crowd, keys []string) (p paged, err error) {
	number := make(map[string]int, len(keys))
	for i, key := range keys {
		number[key] = i
	}
	p.first = make(map[int]time.Time, len(keys))
	err = r.provider.follow(ctx, stormWithin, func(push pushed) bool {
		if i, ok := number[push.key]; ok && push.topic == people.member(i) && p.first[i].IsZero() {
			p.first[i], p.last = push.at, push.at
		}
		return len(p.first) == len(number)
	})
	if err != nil && ctx.Err() != nil {
		return p, err
	} // else some are lost
	if err := r.settle(ctx); err != nil {
		return p, err
	}
	p.twice = duplicates(r.provider.all())
	return p, nil
}

// duplicates counts the pushes that told a topic of an incident once more. No ladder begins again
// within an experiment.
func duplicates(pushes []pushed) (n int) {
	told := make(map[pushed]bool, len(pushes))
	for _, p := range pushes {
		p.at = time.Time{}
		if told[p] {
			n++
		}
		told[p] = true
	}
	return n
}
