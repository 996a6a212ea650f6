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
	o, err := r.startOutside()
	if err != nil {
		return nil, err
	}
	defer o.Close()
	to, back, err := r.instead(ctx, "delivery", o.settings()...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, back()) }()
	n := r.size(1000)
	for _, by := range o.reaches(n) {
		r.o.Say(fmt.Sprintf("  %d people by %s", n, by.channel))
		if err := r.forget(ctx); err != nil {
			return all, err
		}
		waits, err := r.deliver(ctx, to, by, n)
		if err != nil {
			return all, err
		}
		name := fmt.Sprintf("%d people by %s: decided to provider called", n, by.channel)
		all = append(append(all, spread(name, "", "", waits)...), Figure{Name: name + ", lost", Value: float64(n - len(waits)), Goal: "0", N: n})
	}
	return all, nil
}

// deliver opens n incidents over 32 connections, each about another person's service, and says how long each waited
// for its provider.
func (r *rig) deliver(ctx context.Context, to *client, by reach, n int) (waits []time.Duration, err error) {
	people, err := r.crowdOn(ctx, n, by.channel, by.address)
	if err != nil {
		return nil, err
	}
	if _, err = drive(ctx, clients, times(n), func(ctx context.Context, i int) error {
		_, _, err := to.sendSurely(ctx, newAlert(people.member(i), "delivery"))
		return err
	}); err != nil {
		return nil, err
	}
	called, err := by.calls(ctx, n)
	if err != nil {
		return nil, err
	}
	decided, err := r.decided(ctx, by.channel)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if at := called[by.address(people, i)]; !at.IsZero() {
			waits = append(waits, at.Sub(decided[by.address(people, i)]))
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
