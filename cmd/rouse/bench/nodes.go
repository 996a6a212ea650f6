package bench

import (
	"context"
	"fmt"
)

func measureNodes(ctx context.Context, r *rig) ([]Figure, error) {
	service, err := r.busyService(ctx)
	if err != nil {
		return nil, err
	}
	servers := []*client{r.client}
	var all []Figure
	for n := 1; ; n++ {
		name := fmt.Sprintf("%d servers", n)
		if n == 1 {
			name = "1 server"
		}
		r.o.Say("  " + name)
		opened, after, err := r.ingestNew(ctx, service, clients, servers)
		if err != nil {
			return all, err
		}
		if err := r.forget(ctx); err != nil {
			return all, err
		}
		storm, err := r.storm(ctx, name+": storm of 1,000", r.size(1000), "≤ 3", servers)
		if err != nil {
			return all, err
		}
		all = append(append(all, Figure{Name: name + ": new alerts, 32 clients", Value: opened.perSecond(), Unit: "/s", N: opened.done},
			Figure{Name: name + ": new alerts: last answer to last first page", Value: after.Seconds(), Unit: "s", N: opened.done}), storm...)
		if n == 3 {
			return all, nil
		}
		more, err := r.newNode(fmt.Sprintf("server-%d", n+1), r.pg.URL())
		if err != nil {
			return all, err
		}
		if _, err := more.Start(ctx); err != nil {
			return all, err
		}
		defer more.Stop() // two at most
		to, err := newClient(more.URL(), r.key, clients)
		if err != nil {
			return all, err
		}
		servers = append(servers, to)
	}
}
