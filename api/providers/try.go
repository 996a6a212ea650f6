package providers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// tryWithin is how long a provider may take to take a test.
const tryWithin = 12 * time.Second

// ErrBroken says that a provider cannot be tried, as it cannot be used. It is wrapped with why.
var ErrBroken = errors.New("the provider cannot be used")

// ErrNoChannel says that a provider does not send on a channel.
var ErrNoChannel = errors.New("the provider does not send on this channel")

// Try sends one message, which says that it is a test, with one provider and no other; also with one that is
// disabled. What the provider says of it later is read with enginedb's Test. enginedb.ErrNotFound, ErrBroken or
// ErrNoChannel if it cannot be sent at all; what the provider refuses is no error.
func (r *Registry) Try(ctx context.Context, name string, channel notifiers.Channel, to string) (enginedb.ProviderTest, error) {
	none := enginedb.ProviderTest{}
	p, err := r.one(ctx, name)
	switch {
	case err != nil:
		return none, err
	case p.err != nil:
		return none, fmt.Errorf("%w: %w", ErrBroken, p.err)
	case p.channels[channel] == nil:
		return none, ErrNoChannel
	}
	db := enginedb.New(r.cfg.DB)
	nonce := rand.Text()
	if err := db.BeginTest(ctx, enginedb.ProviderTest{Nonce: nonce, Provider: name, Channel: string(channel)}); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryWithin)
	defer cancel()
	alone := notifiers.NewChain(notifiers.Provider{Name: p.Name, Notifier: p.channels[channel], Breaker: p.breakers[channel]})
	receipt, err := alone.Notify(ctx, notifiers.Message{Nonce: nonce, Channel: channel, Purpose: notifiers.Notice, To: to,
		Text: "TEST of provider " + name + ". It works, and nothing has to be done."})
	if err != nil {
		receipt = notifiers.Receipt{State: notifiers.Failed, Detail: notifiers.MaskNumbers(err.Error())}
	}
	if err := r.Told(ctx, nonce, receipt); err != nil {
		return none, err
	}
	return db.Test(ctx, name, nonce)
}

// one is the provider of a name as it is now, or gives enginedb.ErrNotFound.
func (r *Registry) one(ctx context.Context, name string) (ready, error) {
	if err := r.look(ctx); err != nil {
		return ready{}, err
	}
	for _, p := range r.each() {
		if p.Name == name {
			return p, nil
		}
	}
	return ready{}, enginedb.ErrNotFound
}

// Told takes in what a provider says of a test, or gives enginedb.ErrNotFound if there is none of the nonce.
func (r *Registry) Told(ctx context.Context, nonce string, receipt notifiers.Receipt) error {
	return enginedb.New(r.cfg.DB).TellTest(ctx, nonce, engine.AttemptState(receipt.State), receipt.Detail)
}

// ChannelsOf are the channels that a provider sends on, or gives enginedb.ErrNotFound. There are none of one that
// is broken.
func (r *Registry) ChannelsOf(ctx context.Context, name string) ([]notifiers.Channel, error) {
	p, err := r.one(ctx, name)
	return channelsOf(p), err
}
