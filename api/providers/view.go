package providers

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// State is how a provider does.
type State string

// The states.
const (
	Well     State = "well"
	Failing  State = "failing" // three times running, or its canary does not come back, on one of its channels at least
	Broken   State = "broken"  // it cannot be used as it is set up
	Disabled State = "disabled"
)

// View is a provider as it may be shown: nothing in it is secret but the CallbackURL.
type View struct {
	enginedb.Provider // without what is sealed
	Given             bool
	State             State
	Why               string   // it is broken
	Secrets           []string // names
	CallbackURL       string   // of a gateway
	Channels          []ChannelView
}

// ChannelView is how a provider does on one channel.
type ChannelView struct {
	Channel             notifiers.Channel // or Chat
	notifiers.Health                      // as the node knows it that used it last
	enginedb.Deliveries                   // of the last 24 hours, of all nodes
	LastHour            enginedb.Carried
	Canary              *enginedb.Canary // nil: it has no robot's address
}

// Views are all providers, in the order in which they are asked, as they are now.
func (r *Registry) Views(ctx context.Context) ([]View, error) {
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	arrived, err := r.deliveries(ctx, 0)
	if err != nil {
		return nil, err
	}
	carried, err := enginedb.New(r.cfg.DB).Carried(ctx, carriedWithin, r.cfg.Offset)
	if err != nil {
		return nil, err
	}
	if err := r.lookAtCanaries(ctx); err != nil {
		return nil, err
	}
	var all []View
	for _, p := range r.each() {
		v := r.view(p)
		for i, c := range v.Channels {
			for _, d := range arrived {
				if d.Provider == v.Name && d.Channel == string(c.Channel) {
					v.Channels[i].Deliveries = d
				}
			}
			for _, last := range carried {
				if last.Provider == v.Name && last.Channel == string(c.Channel) {
					v.Channels[i].LastHour = last
				}
			}
		}
		all = append(all, v)
	}
	return all, nil
}

// View is the provider of a name, or gives enginedb.ErrNotFound. If the environment has one of the name, it is that.
func (r *Registry) View(ctx context.Context, name string) (View, error) {
	all, err := r.Views(ctx)
	if err != nil {
		return View{}, err
	}
	for _, v := range all {
		if v.Name == name {
			return v, nil
		}
	}
	return View{}, enginedb.ErrNotFound
}

func (r *Registry) view(p ready) View {
	v := View{Provider: p.Provider, Given: p.given, State: Well, CallbackURL: p.callback}
	v.Sealed = nil
	if secrets, err := r.open(p.Provider); err == nil {
		v.Secrets = slices.DeleteFunc(slices.Sorted(maps.Keys(secrets)), func(name string) bool { return name == callbackKey })
	}
	for _, channel := range slices.Sorted(maps.Keys(p.breakers)) {
		c := ChannelView{Channel: channel, Health: p.breakers[channel].Health(), Canary: r.canary(p, channel)}
		if !c.FailingSince.IsZero() || c.Down() {
			v.State = Failing
		}
		v.Channels = append(v.Channels, c)
	}
	if p.err != nil {
		v.State, v.Why = Broken, notifiers.MaskNumbers(p.err.Error())
	}
	if p.Disabled {
		v.State = Disabled
	}
	return v
}

const (
	carriedWithin = time.Hour
	arrivedWithin = 24 * time.Hour
	arrivedAgain  = 15 * time.Second // how old that may be in metrics, which anybody may ask for
)

// arrived is what was last heard of deliveries.
type arrived struct {
	mu  sync.Mutex
	at  time.Time
	all []enginedb.Deliveries
}

// deliveries are as they were no longer ago than that.
func (r *Registry) deliveries(ctx context.Context, ago time.Duration) ([]enginedb.Deliveries, error) {
	r.arrived.mu.Lock()
	defer r.arrived.mu.Unlock()
	if time.Since(r.arrived.at) < ago {
		return r.arrived.all, nil
	}
	all, err := enginedb.New(r.cfg.DB).Deliveries(ctx, arrivedWithin, r.cfg.Offset)
	if err == nil {
		r.arrived.at, r.arrived.all = time.Now(), all
	}
	return all, err
}

var (
	upDesc = prometheus.NewDesc("rouse_provider_up",
		"1: the provider takes messages; 0: it failed three times running (a chat: to write a post), its canary does not come back, or it cannot be used as it is set up. None of those that are disabled.", []string{"provider", "kind"}, nil)
	arrivedDesc = prometheus.NewDesc("rouse_provider_delivered",
		"Messages of the last 24 hours that the provider is known to have delivered, of all nodes.", []string{"provider", "channel"}, nil)
	tookDesc = prometheus.NewDesc("rouse_provider_delivery_seconds",
		"Seconds from a message's being given to the provider until it was known to be delivered, of the last 24 hours and all nodes.", []string{"provider", "channel", "quantile"}, nil)
)

// Collectors are the metrics, for the registry that serves them.
func (r *Registry) Collectors() []prometheus.Collector { return []prometheus.Collector{collector{r}} }

// collector asks when it is asked.
type collector struct{ r *Registry }

func (collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- upDesc
	ch <- arrivedDesc
	ch <- tookDesc
	ch <- canaryUpDesc
	ch <- canaryTookDesc
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, p := range c.r.each() {
		v, up := c.r.view(p), 0.0
		switch v.State {
		case Disabled:
			continue
		case Well:
			up = 1
		}
		if p.err != ErrGiven { // else the other one of the name is counted
			ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, up, v.Name, v.Kind)
		}
	}
	c.r.collectCanaries(ch)
	ctx, cancel := context.WithTimeout(context.Background(), lookEvery)
	defer cancel()
	all, err := c.r.deliveries(ctx, arrivedAgain)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(arrivedDesc, err)
		return
	}
	for _, d := range all {
		ch <- prometheus.MustNewConstMetric(arrivedDesc, prometheus.GaugeValue, float64(d.Count), d.Provider, d.Channel)
		ch <- prometheus.MustNewConstMetric(tookDesc, prometheus.GaugeValue, d.P50.Seconds(), d.Provider, d.Channel, "0.5")
		ch <- prometheus.MustNewConstMetric(tookDesc, prometheus.GaugeValue, d.P95.Seconds(), d.Provider, d.Channel, "0.95")
	}
}
