package bench

import (
	"context"
	"math/rand/v2"
	"time"
)

// The load of a busy day's worst seconds, and for how long.
const (
	latencyEvery = time.Second / 50
	latencyFor   = 20 * time.Second
)

func measureLatency(ctx context.Context, r *rig) ([]Figure, error) {
	alone, err := r.alone(ctx, r.size(200))
	if err != nil {
		return nil, err
	}
	if err := r.forget(ctx); err != nil {
		return nil, err
	}
	r.o.Say("  50 alerts a second")
	answered, called, err := r.onSchedule(ctx, r.size(int(latencyFor/latencyEvery)))
	if err != nil {
		return nil, err
	}
	all := spread("one at a time: POST to provider called", "≤ 10", "≤ 50", alone)
	all = append(all, spread("50 alerts/s: due to answered", "", "", answered)...)
	return append(all, spread("50 alerts/s: due to provider called", "", "", called)...), nil
}

// alone sends n alerts one at a time, each about another person's service. Where nothing else happens
// they do not follow each other at once: the queue, which looks at most every 10 ms, would add the rest
// of that to each.
func (r *rig) alone(ctx context.Context, n int) (all []time.Duration, err error) {
	people, err := r.crowd(ctx, n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := pause(ctx, latencyEvery+rand.N(latencyEvery)); err != nil {
			return nil, err
		}
		took, err := r.sendAndPush(ctx, newAlert(people.member(i), "alone"))
		if err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	return all, nil
}

// sendAndPush sends an alert and waits for its push: from the POST to the provider's being called.
func (r *rig) sendAndPush(ctx context.Context, a alert) (took time.Duration, err error) {
	began := time.Now()
	key, err := r.client.send(ctx, a)
	if err != nil {
		return 0, err
	}
	err = r.provider.follow(ctx, 20*time.Second, func(p pushed) bool {
		took = p.at.Sub(began)
		return p.key == key
	})
	return took, err
}

// onSchedule sends n alerts on schedule, each about another person's service, and says how long after each was due to be sent it was answered,
// and the provider called: a sender that is late makes both late.
func (r *rig) onSchedule(ctx context.Context, n int) (answered, called []time.Duration, err error) {
	people, err := r.crowd(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	due, keys := make([]time.Time, n), make([]string, n)
	answered = make([]time.Duration, n)
	if err := onSchedule(ctx, n, latencyEvery, func(i int, at time.Time) (err error) {
		due[i] = at
		keys[i], err = r.client.send(ctx, newAlert(people.member(i), "scheduled"))
		answered[i] = time.Since(at)
		return err
	}); err != nil {
		return nil, nil, err
	}
	at := make(map[string]time.Time, n)
	for i, key := range keys {
		at[key] = due[i]
	}
	err = r.provider.follow(ctx, time.Minute, func(p pushed) bool {
		if was, ok := at[p.key]; ok {
			called = append(called, p.at.Sub(was))
			delete(at, p.key)
		}
		return len(at) == 0
	})
	return answered, called, err
}
