package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Remote is a Rouse that is there already, and what may be done to it.
type Remote struct {
	URL     string
	Key     string // with the scopes intake and read
	Service string // whose incidents are opened
	Say     func(string)
}

// What is done to it at the most: somebody's phone is at the end.
const (
	remoteNew      = 250 // incidents, with each number of clients
	remoteFor      = 3 * time.Second
	remoteQueries  = 300
	remoteSettles  = 30 * time.Second
	remoteResolves = 2 * time.Minute
)

// RemoteClients are the numbers of clients that it is tried with.
var RemoteClients = []int{1, 8, 32}

// RemoteIncidents is how many incidents AgainstRemote opens at the most.
func RemoteIncidents() int { return remoteNew * len(RemoteClients) }

// remote is one measurement of a Remote.
type remote struct {
	Remote
	client *client
	run    string // what all dedup keys of this run begin with

	mu   sync.Mutex
	open []string // dedup keys
}

// AgainstRemote measures a Rouse that is there already: it opens incidents that page whoever is on call,
// and resolves them afterwards, also when it fails or is interrupted.
func AgainstRemote(ctx context.Context, m Remote) (all []Figure, err error) {
	to, err := newClient(m.URL, m.Key, slices.Max(RemoteClients))
	if err != nil {
		return nil, err
	}
	r := &remote{Remote: m, client: to, run: "bench-" + rand.Text()[:8] + "-"}
	before, err := r.metrics(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.client.do(ctx, http.MethodGet, r.onCall(), nil, nil); err != nil {
		return nil, fmt.Errorf("asking who is on call for service %s, with a key that needs the scopes intake and read: %w", m.Service, err)
	}
	defer func() { err = errors.Join(err, r.resolve(context.WithoutCancel(ctx))) }()
	for _, n := range RemoteClients {
		m.Say("alerts from " + clientsOf(n))
		figures, err := r.ingest(ctx, n)
		all = append(all, figures...)
		if err != nil {
			return all, err
		}
	}
	m.Say("questions")
	figures, err := r.queries(ctx)
	all = append(all, figures...)
	if err != nil {
		return all, err
	}
	m.Say("waiting for the pages to go out")
	figures, err = r.paging(ctx, before)
	return append(all, figures...), err
}

func (r *remote) onCall() string { return "/v1/oncall?service=" + url.QueryEscape(r.Service) }

// ingest opens incidents, and then sends the same alerts again.
func (r *remote) ingest(ctx context.Context, n int) ([]Figure, error) {
	with := ", " + clientsOf(n)
	from := len(r.open)
	soon := lasting(remoteFor)
	fresh, err := drive(ctx, n, func(i int) bool { return i < remoteNew && soon(i) }, func(ctx context.Context, i int) error {
		dedup := fmt.Sprintf("%s%d-%d", r.run, n, i)
		r.mu.Lock()
		r.open = append(r.open, dedup) // before it is sent: it is resolved even if the answer is lost
		r.mu.Unlock()
		_, _, err := r.client.sendSurely(ctx, newAlert(r.Service, dedup))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sending alerts, which needs the scope intake: %w", err)
	}
	again := r.open[from:]
	repeats, err := drive(ctx, n, lasting(remoteFor), func(ctx context.Context, i int) error {
		_, _, err := r.client.sendSurely(ctx, newAlert(r.Service, again[i%len(again)]))
		return err
	})
	return []Figure{
		{Name: "new alerts" + with, Value: fresh.perSecond(), Unit: "/s", N: fresh.done},
		{Name: "repeated alerts" + with, Value: repeats.perSecond(), Unit: "/s", N: repeats.done},
	}, err
}

func (r *remote) queries(ctx context.Context) (all []Figure, err error) {
	for _, q := range []struct{ name, goal, path string }{
		{"who is on call for " + r.Service, "≤ 5", r.onCall()},
		{"open incidents, 50 at the most", "", "/v1/incidents?status=new&status=fixing"},
	} {
		took, err := ask(ctx, r.client, remoteQueries, func(int) string { return q.path })
		if err != nil {
			return all, err
		}
		all = append(all, spread(q.name, "", q.goal, took)...)
	}
	return all, nil
}

// The histograms of /metrics that tell of paging.
const (
	toProvider    = "rouse_accept_to_provider_seconds"
	timerLateness = "rouse_timer_lateness_seconds"
)

// metrics reads them by name. Anybody may read /metrics, unless a proxy keeps it inside.
func (r *remote) metrics(ctx context.Context) (map[string]histogram, error) {
	got, err := r.client.ask(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: is Rouse running there? Set --url", err)
	}
	all := map[string]histogram{}
	for _, name := range []string{toProvider, timerLateness} {
		if all[name], err = parseHistogram(got.body, name); err != nil {
			return nil, fmt.Errorf("%s/metrics: %w: give the address of a server itself, not of a proxy before it", r.URL, err)
		}
	}
	return all, nil
}

// paging waits until no page went out for a while, and says what the server itself measured meanwhile.
func (r *remote) paging(ctx context.Context, before map[string]histogram) (all []Figure, err error) {
	var after map[string]histogram
	for end, count := time.Now().Add(remoteSettles), -1; ; {
		if after, err = r.metrics(ctx); err != nil {
			return nil, err
		}
		now := after[toProvider].count()
		if now == count || time.Now().After(end) {
			break
		}
		count = now
		if err := pause(ctx, 2*time.Second); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct{ metric, name, goal string }{
		{toProvider, "accepted to provider called, by this server, all for one service", ""}, // a storm: pages are bundled
		{timerLateness, "timer lateness, decided by this server", "≤ 150"},
	} {
		fresh, err := after[f.metric].less(before[f.metric])
		if err != nil {
			return all, err
		}
		all = append(all, fresh.figures(f.name, f.goal)...)
	}
	return all, nil
}

// resolve ends every incident that was opened, as its monitoring system would.
func (r *remote) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, remoteResolves)
	defer cancel()
	r.Say(fmt.Sprintf("resolving %d incidents", len(r.open)))
	_, err := drive(ctx, 8, times(len(r.open)), func(ctx context.Context, i int) error {
		a := newAlert(r.Service, r.open[i])
		a.Action = "resolve"
		_, _, err := r.client.sendSurely(ctx, a)
		return err
	})
	if err != nil {
		err = fmt.Errorf("not all incidents were resolved: resolve those of service %s whose summary begins with %q: %w",
			r.Service, newAlert("", r.run).Summary, err)
		r.Say(err.Error()) // an interrupted command says no more than that it was
	}
	return err
}
