package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rouse/rosters"
)

// measureDelivery pages 1,000 people at once, on one channel after the other: how long it takes from when it was
// decided that somebody is to be told until the provider is called.
func measureDelivery(ctx context.Context, r *rig) (all []Figure, err error) {
	l := startLine()
	defer l.Close()
	to, back, err := r.instead(ctx, "delivery", l.settings()...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, back()) }()
	n := r.size(1000)
	for _, channel := range []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice} {
		r.o.Say(fmt.Sprintf("  %d people by %s", n, channel))
		if err := r.forget(ctx); err != nil {
			return all, err
		}
		waits, err := r.deliver(ctx, to, l, channel, n)
		if err != nil {
			return all, err
		}
		name := fmt.Sprintf("%d people by %s: decided to provider called", n, channel)
		all = append(append(all, spread(name, "", "", waits)...), Figure{Name: name + ", lost", Value: float64(n - len(waits)), Goal: "0", N: n})
	}
	return all, nil
}

// deliver opens n incidents over 32 connections, each about another person's service, and says how long each waited
// for its provider.
func (r *rig) deliver(ctx context.Context, to *client, l *line, channel rosters.Channel, n int) (waits []time.Duration, err error) {
	address := crowd.number
	if channel == rosters.Push {
		address = crowd.member
	}
	people, err := r.crowdOn(ctx, n, channel, address)
	if err != nil {
		return nil, err
	}
	before := len(l.await(ctx, 0, time.Second))
	if _, err = drive(ctx, clients, times(n), func(ctx context.Context, i int) error {
		_, _, err := to.sendSurely(ctx, newAlert(people.member(i), "delivery"))
		return err
	}); err != nil {
		return nil, err
	}
	called := map[string]time.Time{}
	first := func(address string, at time.Time) {
		if called[address].IsZero() {
			called[address] = at
		}
	}
	if channel == rosters.Push {
		err := r.provider.follow(ctx, stormWithin, func(p pushed) bool {
			first(p.topic, p.at)
			return len(called) == n
		})
		if ctx.Err() != nil {
			return nil, err
		} // else some are lost
	} else {
		for _, a := range l.await(ctx, before+n, stormWithin)[before:] {
			if a.channel == channel {
				first(a.number, a.at)
			}
		}
	}
	decided, err := r.decided(ctx, channel)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if at := called[address(people, i)]; !at.IsZero() {
			waits = append(waits, at.Sub(decided[address(people, i)]))
		}
	}
	return waits, nil
}

// decided is when the first message to each address was decided on, by the database's clock, which is this machine's.
func (r *rig) decided(ctx context.Context, channel rosters.Channel) (map[string]time.Time, error) {
	rows, err := r.db.Query(ctx, `select address, min(queued_at) from attempt where channel = $1 group by address`, string(channel))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var address string
		var at time.Time
		if err := rows.Scan(&address, &at); err != nil {
			return nil, err
		}
		all[address] = at
	}
	return all, rows.Err()
}

// What the provider of measureLimit takes.
const (
	limitRate  = 10 // a second
	limitBurst = 10
)

// measureLimit has more people to be texted than a provider takes: how much of what it allows is used.
func measureLimit(ctx context.Context, r *rig) (all []Figure, err error) {
	l := startLine()
	defer l.Close()
	to, back, err := r.instead(ctx, "limit", append(l.settings(), fmt.Sprintf("ROUSE_TWILIO_SMS_LIMIT=%d/s burst %d", limitRate, limitBurst))...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, back()) }()
	lasts := time.Minute
	if r.o.Quick {
		lasts = 20 * time.Second
	}
	allowed := limitBurst + limitRate*int(lasts/time.Second)
	people, err := r.crowdOn(ctx, allowed+100, rosters.SMS, crowd.number)
	if err != nil {
		return nil, err
	}
	if _, err = drive(ctx, clients, times(allowed+100), func(ctx context.Context, i int) error {
		_, _, err := to.sendSurely(ctx, newAlert(people.member(i), "limit"))
		return err
	}); err != nil {
		return nil, err
	}
	texts := l.await(ctx, allowed+100, lasts+30*time.Second)
	if err := r.drop(ctx); err != nil {
		return nil, err
	}
	n, most := busy(texts, lasts)
	return []Figure{
		{Name: fmt.Sprintf("a provider limited to %d/s is busy", limitRate), Value: 100 * float64(n) / float64(allowed), Unit: "%", Goal: "≥ 95", N: n},
		{Name: fmt.Sprintf("a provider limited to %d/s, most in one second", limitRate), Value: float64(most), Goal: fmt.Sprintf("≤ %d", limitRate+limitBurst), N: len(texts)},
	}, nil
}

// busy counts the messages within a time of the first, and the most in any second.
func busy(all []asked, within time.Duration) (n, most int) {
	for i, a := range all {
		if a.at.Sub(all[0].at) < within {
			n++
		}
		in := 0
		for _, b := range all[i:] {
			if b.at.Sub(a.at) < time.Second {
				in++
			}
		}
		most = max(most, in)
	}
	return n, most
}
