package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/ntfy"
	"rouse/rosters"
)

// CheckCanary says what is wrong with a robot's address on a channel, "" if nothing is.
func CheckCanary(channel notifiers.Channel, to string) (problem string) {
	switch channel {
	case notifiers.SMS, notifiers.Voice:
		if !notifiers.IsE164(to) {
			return "is not a robot's phone number: +, country code and number, such as +4915112345678"
		}
	case notifiers.Push:
		if !ntfy.IsTopic(to) {
			return "is not a topic: 1 to 64 letters, digits, - and _"
		}
	case notifiers.WebPush:
		return "is not offered: a push to a browser comes back only from a browser that is open"
	case notifiers.Email, notifiers.Webhook:
		return "is not offered: nothing tells Rouse whether an e-mail was delivered, and a webhook's own answer says what it took"
	default:
		return "is no channel: use sms, voice or push"
	}
	return ""
}

func readCanary(setting json.RawMessage) (map[notifiers.Channel]string, error) {
	if setting == nil {
		return nil, nil
	}
	var robots map[notifiers.Channel]string
	if err := json.Unmarshal(setting, &robots); err != nil {
		return nil, wrong("/settings/canary", "", `must be a robot's address for each channel: {"sms": "+4915112345678", "push": "a-topic"}`)
	}
	var problems rosters.FieldErrors
	for _, channel := range slices.Sorted(maps.Keys(robots)) {
		if problem := CheckCanary(channel, robots[channel]); problem != "" {
			problems = append(problems, rosters.FieldError{Field: "/settings/canary/" + string(channel), Value: notifiers.MaskNumbers(robots[channel]), Problem: problem})
		}
	}
	if problems != nil {
		return nil, problems
	}
	return robots, nil
}

// fitCanary says which robots a provider cannot send to, or would never hear of.
func (c common) fitCanary(kind Kind, made outlet) error {
	for _, channel := range slices.Sorted(maps.Keys(c.Canary)) {
		field := "/settings/canary/" + string(channel)
		if _, ok := made.channels[channel]; !ok {
			return wrong(field, "", fmt.Sprintf("is no channel of a provider of kind %s: it has %v", kind, slices.Sorted(maps.Keys(made.channels))))
		}
		if made.gateway != nil && !made.gateway.Hears() {
			return wrong(field, "", "would never come back: describe the provider's receipts (receipt), or the texts that come in (reply)")
		}
	}
	return nil
}

// Canaries are the robots that messages are to be sent to, of the providers that can be used.
func (r *Registry) Canaries() (all []pager.Canary) {
	for _, p := range r.each() {
		if p.err != nil || p.Disabled {
			continue
		}
		for channel, to := range p.Canary {
			all = append(all, pager.Canary{Provider: p.Name, Channel: channel, To: to, Notifier: p.channels[channel]})
		}
	}
	return all
}

// lookAtCanaries learns which came back, and has the providers asked last whose do not.
func (r *Registry) lookAtCanaries(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	stored, err := enginedb.New(r.cfg.DB).Canaries(ctx)
	if err != nil {
		return err
	}
	known := map[enginedb.CanaryRef]enginedb.Canary{}
	for _, c := range stored {
		known[c.CanaryRef] = c
	}
	r.canaries.Store(&known)
	for _, p := range r.each() {
		for channel, b := range p.breakers {
			c := r.canary(p, channel)
			b.MarkDown(c != nil && !c.DownSince.IsZero())
		}
	}
	return nil
}

// canary is how that of a provider on a channel did lately; nil if it has none.
func (r *Registry) canary(p ready, channel notifiers.Channel) *enginedb.Canary {
	if p.Canary[channel] == "" {
		return nil
	}
	c := enginedb.Canary{CanaryRef: enginedb.CanaryRef{Provider: p.Name, Channel: string(channel)}}
	if known := r.canaries.Load(); known != nil {
		if stored, ok := (*known)[c.CanaryRef]; ok {
			c = stored
		}
	}
	return &c
}

// Down reports whether the channel's canary does not come back.
func (c ChannelView) Down() bool { return c.Canary != nil && !c.Canary.DownSince.IsZero() }

var (
	canaryUpDesc = prometheus.NewDesc("rouse_canary_up",
		"1: the last message to the provider's robot came back, or it is too early to say; 0: two in a row did not, and the provider is asked last.", []string{"provider", "channel"}, nil)
	canaryTookDesc = prometheus.NewDesc("rouse_canary_seconds",
		"Seconds until the last message to the provider's robot that came back was back.", []string{"provider", "channel"}, nil)
)

func (r *Registry) collectCanaries(ch chan<- prometheus.Metric) {
	for _, p := range r.each() {
		if p.err != nil || p.Disabled {
			continue
		}
		for channel := range p.Canary {
			c, up := r.canary(p, channel), 1.0
			if !c.DownSince.IsZero() {
				up = 0
			}
			ch <- prometheus.MustNewConstMetric(canaryUpDesc, prometheus.GaugeValue, up, p.Name, string(channel))
			if !c.CameAt.IsZero() {
				ch <- prometheus.MustNewConstMetric(canaryTookDesc, prometheus.GaugeValue, c.Took.Seconds(), p.Name, string(channel))
			}
		}
	}
}

// told remembers of which messages it is known how they ended: providers tell it twice.
type told struct {
	mu     sync.Mutex
	nonces map[string]bool
}

const toldLimit = 10_000

// first reports whether the end of a message is news. It forgets everything now and then rather than to grow for ever.
func (t *told) first(nonce string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nonces[nonce] {
		return false
	}
	if t.nonces == nil || len(t.nonces) >= toldLimit {
		t.nonces = map[string]bool{}
	}
	t.nonces[nonce] = true
	return true
}

// Heard takes in what a provider says of a message of a page that it took: what does not arrive is a failure of the
// provider's, as what it refuses is, unless the person or the address is why.
func (r *Registry) Heard(nonce string, receipt notifiers.Receipt) {
	if receipt.State == notifiers.Sent || receipt.Channel == "" {
		return
	}
	for _, p := range r.each() {
		if b := p.breakers[receipt.Channel]; b != nil && p.Name == receipt.Provider && p.err == nil && r.told.first(nonce) {
			b.Told(time.Now(), receipt)
		}
	}
}
