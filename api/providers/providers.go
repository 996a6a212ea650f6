// Package providers keeps who carries messages: those that the environment sets up, and behind them those that
// were set up through the API, which are in the database. Every node reads them anew within seconds of a
// change; what is under way goes on with what was there. What is secret of them is sealed.
package providers

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/notifiers/gateway"
	"rouse/notifiers/twilio"
	"rouse/rosters"
)

// callbackKey is the secret that a gateway's callbacks come with. Rouse makes it.
const callbackKey = "callback_key"

const lookEvery = 2 * time.Second

// Given is a provider that the environment sets up.
type Given struct {
	Name     string
	Kind     Kind
	Channels map[notifiers.Channel]notifiers.Notifier
	Twilio   *twilio.Twilio // of one of kind Twilio
	Limits   map[notifiers.Channel]notifiers.Limit
	Canary   map[notifiers.Channel]string // robots' addresses; see CheckCanary
}

// Config is what a Registry needs.
type Config struct {
	DB      enginedb.DB
	Secrets *seal.Box // nil: nothing secret can be kept
	Given   []Given   // they come first
	Outside Outside
	Offset  time.Duration // added to the database's clock, as the pager's
	Log     *slog.Logger
}

// Registry keeps the providers. Its Channels are for whoever sends.
type Registry struct {
	cfg      Config
	given    []ready
	channels *notifiers.Channels

	looking sync.Mutex // what was read later is put to work later
	mu      sync.Mutex
	version int64
	all     []ready

	arrived  arrived
	canaries atomic.Pointer[map[enginedb.CanaryRef]enginedb.Canary] // of those that have a robot's address, as they were lately
	told     told

	sharing sync.Mutex
	heard   map[*notifiers.Breaker]notifiers.Record // as they were when their health was last shared
}

// ready is a provider, and its outlet unless there is something wrong with it.
type ready struct {
	enginedb.Provider
	outlet
	given bool // by the environment
	err   error
}

// New makes a Registry of what the environment sets up. Load adds the others.
func New(cfg Config) *Registry {
	r := &Registry{cfg: cfg, channels: notifiers.NewChannels(nil)}
	for i, g := range cfg.Given {
		breakers := map[notifiers.Channel]*notifiers.Breaker{}
		for channel := range g.Channels {
			breakers[channel] = &notifiers.Breaker{}
		}
		r.given = append(r.given, ready{Provider: enginedb.Provider{Name: g.Name, Kind: string(g.Kind), Position: i - len(cfg.Given)},
			outlet: outlet{channels: g.Channels, breakers: breakers, twilio: g.Twilio, common: common{Limits: g.Limits, Canary: g.Canary}}, given: true})
	}
	r.set(nil, 0)
	return r
}

// Channels are what messages can be sent on. They change as the providers do.
func (r *Registry) Channels() *notifiers.Channels { return r.channels }

// Load reads the providers from the database. Before that it makes the keys that this Rouse signs pushes to
// browsers and webhooks with, if there are none and secrets can be kept.
func (r *Registry) Load(ctx context.Context) error {
	if err := r.makeKeys(ctx); err != nil {
		return err
	}
	return r.Read(ctx)
}

// Read is Load for who only looks: it makes nothing.
func (r *Registry) Read(ctx context.Context) error {
	if err := r.look(ctx); err != nil {
		return err
	}
	return r.shareHealth(ctx)
}

// Keep reads the providers anew whenever they have changed, until ctx ends.
func (r *Registry) Keep(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := errors.Join(r.look(ctx), r.lookAtCanaries(ctx), r.shareHealth(ctx)); err != nil && ctx.Err() == nil {
			r.cfg.Log.Debug("the providers could not be looked after; trying again", "err", err)
		}
	}
}

func (r *Registry) look(ctx context.Context) error {
	r.looking.Lock()
	defer r.looking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	db := enginedb.New(r.cfg.DB)
	version, err := db.ProvidersVersion(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	known := r.version
	r.mu.Unlock()
	if version == known {
		return nil
	}
	stored, version, err := db.Providers(ctx)
	if err != nil {
		return err
	}
	r.set(stored, version)
	return nil
}

// set puts the providers to work.
func (r *Registry) set(stored []enginedb.Provider, version int64) {
	all := slices.Clone(r.given)
	before := r.each()
	for _, p := range stored {
		one := r.ready(p, before)
		if one.err != nil && !p.Disabled {
			r.cfg.Log.Warn("a provider cannot be used", "provider", p.Name, "err", notifiers.MaskNumbers(one.err.Error()))
		}
		all = append(all, one)
	}
	chains := map[notifiers.Channel]notifiers.Notifier{}
	for channel, providers := range links(all) {
		chains[channel] = notifiers.NewChain(providers...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all, r.version = all, version
	r.channels.Set(chains)
}

// ready makes a stored provider ready to be used. One that is among those before stays as it is, with what is
// remembered of it.
func (r *Registry) ready(p enginedb.Provider, before []ready) ready {
	one := ready{Provider: p}
	if slices.ContainsFunc(r.given, func(g ready) bool { return g.Name == p.Name }) {
		one.err = ErrGiven
		return one
	}
	for _, b := range before {
		if b.Name == p.Name && b.Kind == p.Kind && b.err == nil && bytes.Equal(b.Settings, p.Settings) && bytes.Equal(b.Sealed, p.Sealed) {
			one.outlet = b.outlet
			return one
		}
	}
	secrets, err := r.open(p)
	if err == nil {
		one.outlet, err = build(r.cfg.Outside, p.Name, Kind(p.Kind), p.Settings, secrets)
	}
	one.err = err
	return one
}

// links are the providers of each channel that can be used, in their order.
func links(all []ready) map[notifiers.Channel][]notifiers.Provider {
	links := map[notifiers.Channel][]notifiers.Provider{}
	for _, p := range all {
		if p.err != nil || p.Disabled {
			continue
		}
		for channel, n := range p.channels {
			links[channel] = append(links[channel], notifiers.Provider{Name: p.Name, Notifier: n, For: p.numbers, Limit: p.Limits[channel], Breaker: p.breakers[channel]})
		}
	}
	return links
}

// open gives what is secret of a provider.
func (r *Registry) open(p enginedb.Provider) (map[string]string, error) {
	secrets := map[string]string{}
	if len(p.Sealed) == 0 {
		return secrets, nil
	}
	text, err := r.cfg.Secrets.Open(sealedFor(p.Name), p.Sealed)
	if err != nil {
		return nil, fmt.Errorf("its secrets cannot be read: %w", err)
	}
	if err := json.Unmarshal(text, &secrets); err != nil {
		return nil, errors.New("its secrets are damaged")
	}
	return secrets, nil
}

func (r *Registry) seal(name string, secrets map[string]string) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return nil, err
	}
	return r.cfg.Secrets.Seal(sealedFor(name), text)
}

func sealedFor(name string) string { return "provider " + name }

// makeKeys makes the keys of what needs nobody's account: Web Push and webhooks. Any number of nodes may.
func (r *Registry) makeKeys(ctx context.Context) error {
	if _, ok := r.cfg.Secrets.First(); !ok {
		return nil
	}
	db := enginedb.New(r.cfg.DB)
	for name, kind := range map[string]Kind{"webpush": WebPush, "webhook": Webhook} {
		if _, err := db.Provider(ctx, name); !errors.Is(err, enginedb.ErrNotFound) {
			if err != nil {
				return err
			}
			continue
		}
		secret, err := kinds[kind].newOwn()
		if err != nil {
			return err
		}
		sealed, err := r.seal(name, map[string]string{kinds[kind].own: secret})
		if err != nil {
			return err
		}
		if _, err := db.AddProvider(ctx, enginedb.Provider{Name: name, Kind: string(kind), Sealed: sealed}); err != nil {
			return err
		}
	}
	return nil
}

// each is what is in use.
func (r *Registry) each() []ready {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// Twilios are the accounts whose callbacks may come: also of providers that are switched off, as calls are
// under way.
func (r *Registry) Twilios() []*twilio.Twilio {
	var all []*twilio.Twilio
	for _, p := range r.each() {
		if p.twilio != nil {
			all = append(all, p.twilio)
		}
	}
	return all
}

// Gateway is the one of a name if key is what its callbacks come with.
func (r *Registry) Gateway(name, key string) (*gateway.Gateway, bool) {
	for _, p := range r.each() {
		if p.Name != name || p.gateway == nil {
			continue
		}
		secrets, err := r.open(p.Provider)
		if want := secrets[callbackKey]; err == nil && want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(key)) == 1 {
			return p.gateway, true
		}
	}
	return nil, false
}

// Usable are the channels that messages can be sent on now.
func (r *Registry) Usable() map[rosters.Channel]bool {
	usable := map[rosters.Channel]bool{}
	for _, channel := range r.channels.All() {
		usable[rosters.Channel(channel)] = true
	}
	return usable
}

// PushKey is what browsers subscribe to pushes with; "" if there are none.
func (r *Registry) PushKey() string {
	for _, p := range r.each() {
		if p.webpush != nil && !p.Disabled {
			return p.webpush.PublicKey()
		}
	}
	return ""
}

const replyWithin = 20 * time.Second

// Reply sends an answer to somebody's text. That it could not be sent is logged: the answer itself was taken in.
func (r *Registry) Reply(ctx context.Context, m notifiers.Message) {
	if err := r.Send(ctx, m); err != nil {
		r.cfg.Log.Warn("an answer to a text could not be sent", "err", notifiers.MaskNumbers(err.Error()))
	}
}

// Send sends a message that is no page, once, with the first provider that takes it. The error has numbers in it.
func (r *Registry) Send(ctx context.Context, m notifiers.Message) error {
	n := r.channels.On(m.Channel)
	if n == nil {
		return fmt.Errorf("no provider sends on %s any more", m.Channel)
	}
	m.Nonce = rand.Text()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replyWithin)
	defer cancel()
	_, err := n.Notify(ctx, m)
	return err
}
