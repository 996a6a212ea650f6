package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Ingest is measured for so long each, repeats on so many open incidents.
const (
	ingestFor = 4 * time.Second
	repeated  = 100
)

func measureIngest(ctx context.Context, r *rig) ([]Figure, error) {
	service, err := r.busyService(ctx)
	if err != nil {
		return nil, err
	}
	var all []Figure
	for _, n := range []int{1, 8, 32} {
		figures, err := r.ingest(ctx, service, n)
		if err != nil {
			return all, err
		}
		all = append(all, figures...)
	}
	return all, nil
}

// ingest measures with so many clients. Postgres, new alerts and repeats take turns, so that a machine
// that becomes slower for a while is slow for all three.
func (r *rig) ingest(ctx context.Context, service string, n int) ([]Figure, error) {
	with, goalNew, goalRepeats := ", "+clientsOf(n), "", ""
	if n == 32 {
		goalNew, goalRepeats = "≥ 0.5", "≥ 1"
	}
	r.o.Say("  " + clientsOf(n))
	postgres, by, err := r.inserts(ctx, n, r.span(ingestFor))
	if err != nil {
		return nil, err
	}
	opened, after, err := r.ingestNew(ctx, service, n, []*client{r.client})
	if err != nil {
		return nil, err
	}
	repeats, err := r.ingestRepeats(ctx, service, n)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: by + ", rows inserted" + with, Value: postgres, Unit: "/s"},
		{Name: "new alerts" + with, Value: opened.perSecond(), Unit: "/s", N: opened.done},
		{Name: "new alerts to rows inserted" + with, Value: opened.perSecond() / postgres, Unit: "×", Goal: goalNew},
		{Name: "new alerts: last answer to last first page" + with, Value: after.Seconds(), Unit: "s", N: opened.done},
		{Name: "repeated alerts" + with, Value: repeats.perSecond(), Unit: "/s", N: repeats.done},
		{Name: "repeated alerts to rows inserted" + with, Value: repeats.perSecond() / postgres, Unit: "×", Goal: goalRepeats},
	}, nil
}

// ingestNew opens incidents, each of which pages the one person on call by push, and says how long
// after the last answer the last of them was paged for.
func (r *rig) ingestNew(ctx context.Context, service string, n int, servers []*client) (done load, after time.Duration, err error) {
	if err := r.forget(ctx); err != nil {
		return done, 0, err
	}
	done, err = drive(ctx, n, lasting(r.span(ingestFor)), func(ctx context.Context, i int) error {
		_, _, err := servers[i%len(servers)].sendSurely(ctx, newAlert(service, "new-"+strconv.Itoa(i)))
		return err
	})
	if err != nil {
		return done, 0, err
	}
	answered := time.Now()
	defer r.saying(func() string { return fmt.Sprintf("%d of %d paged", len(r.provider.all()), done.done) })()
	paged, last := map[string]bool{}, answered
	err = r.provider.follow(ctx, stormWithin, func(p pushed) bool {
		paged[p.key], last = true, p.at
		return len(paged) == done.done
	})
	return done, max(0, last.Sub(answered)), err
}

// ingestRepeats sends alerts again whose incidents are open: the clients go through them in turn.
func (r *rig) ingestRepeats(ctx context.Context, service string, n int) (load, error) {
	if err := r.forget(ctx); err != nil {
		return load{}, err
	}
	send := func(ctx context.Context, i int) error {
		_, _, err := r.client.sendSurely(ctx, newAlert(service, "repeated-"+strconv.Itoa(i%repeated)))
		return err
	}
	if _, err := drive(ctx, 8, times(repeated), send); err != nil {
		return load{}, err
	}
	if err := r.settle(ctx); err != nil {
		return load{}, err
	}
	return drive(ctx, n, lasting(r.span(ingestFor)), send)
}

func clientsOf(n int) string {
	if n == 1 {
		return "1 client"
	}
	return strconv.Itoa(n) + " clients"
}
