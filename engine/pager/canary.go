package pager

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// A canary is a message to a robot's number or topic, with a nonce. That it comes back, as a text, a receipt or read
// from the topic, proves that its provider delivers; that two in a row do not makes the provider one that is asked last.
// It is no page: it stands in a table of its own. All that is known stands in the database, so that one node sends
// and any may hear; a node that dies in between costs one canary.
const (
	canaryLook    = time.Second
	canaryWithin  = 20 * time.Second // a provider has to take it
	canaryReading = 500 * time.Millisecond
	canaryRests   = 5 * time.Second // between two readings, at the most
	canaryTellFor = 24 * time.Hour
	kindCanary    = "canary"

	// What is known of one that is out.
	canaryTaken  = "the provider took it, and it has not come back"
	canaryAbsent = "the provider took it, and it is not where it was sent to"
)

// Canary is a robot's address at which the messages of a provider have to arrive.
type Canary struct {
	Provider string
	Channel  notifiers.Channel
	To       string
	Notifier notifiers.Notifier // of this provider alone
}

// SendCanaries sends those that are due, until ctx ends. Any number of nodes may do it: one of them sends each.
func (p *Pager) SendCanaries(ctx context.Context) {
	var out sync.WaitGroup
	defer out.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(canaryLook):
		}
		if err := p.sendCanaries(ctx, &out); err != nil && ctx.Err() == nil {
			p.log.Warn("canaries could not be sent; trying again", "err", notifiers.MaskNumbers(err.Error()))
		}
	}
}

// sendCanaries begins to send what is due; out counts what is under way.
func (p *Pager) sendCanaries(ctx context.Context, out *sync.WaitGroup) error {
	if p.cfg.Canaries == nil {
		return nil
	}
	byRef := map[enginedb.CanaryRef]Canary{}
	var wanted []enginedb.WantedCanary
	for _, c := range p.cfg.Canaries() {
		ref := enginedb.CanaryRef{Provider: c.Provider, Channel: string(c.Channel)}
		byRef[ref] = c
		wanted = append(wanted, enginedb.WantedCanary{CanaryRef: ref, Nonce: rand.Text()})
	}
	if wanted == nil {
		return nil
	}
	var due []enginedb.DueCanary
	err := pgx.BeginFunc(ctx, p.cfg.DB, func(tx pgx.Tx) (err error) {
		if due, err = enginedb.New(tx).ClaimCanaries(ctx, wanted, p.canaryEvery(), p.Offset()); err != nil {
			return err
		}
		for _, d := range due {
			if d.Fell {
				err = errors.Join(err, p.tellIMOC(ctx, tx, d.At, enginedb.Notice{Kind: kindCanary, About: about(d.CanaryRef, "down", d.At), Text: fellText(d), Until: d.At.Add(canaryTellFor)}))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range due {
		if d.Fell {
			p.log.Error("a provider does not deliver, and is asked last until a canary comes back", "provider", d.Provider, "channel", d.Channel, "misses", d.Misses, "why", d.Detail)
		}
		out.Go(func() {
			err := recovered(func() error { return p.sendCanary(ctx, byRef[d.CanaryRef], d) })
			if err != nil && ctx.Err() == nil {
				p.log.Warn("a canary could not be followed", "provider", d.Provider, "channel", d.Channel, "err", notifiers.MaskNumbers(err.Error()))
			}
		})
	}
	return nil
}

func (p *Pager) canaryEvery() time.Duration { return cmp.Or(p.cfg.CanaryEvery, time.Minute) }

func about(ref enginedb.CanaryRef, what string, at time.Time) string {
	return fmt.Sprintf("%s %s %s at %s", ref.Provider, ref.Channel, what, at.UTC().Format(time.RFC3339Nano))
}

func fellText(d enginedb.DueCanary) string {
	why := ""
	if d.Detail != "" {
		why = " (" + d.Detail + ")"
	}
	return fmt.Sprintf("Provider %s does not deliver on %s: %d test messages in a row did not come back%s. The others are asked first until one does.", d.Provider, d.Channel, d.Misses, why)
}

// sendCanary sends one, and reads it back where that can be done. What comes back otherwise comes to any node.
func (p *Pager) sendCanary(ctx context.Context, c Canary, d enginedb.DueCanary) error {
	m := notifiers.Message{Nonce: d.Nonce, Channel: c.Channel, Purpose: notifiers.Notice, To: c.To, Text: notifiers.CanaryText(d.Nonce), Tracked: true, At: d.At}
	sending, cancel := context.WithTimeout(ctx, canaryWithin)
	defer cancel()
	r, err := guarded(sending, c.Notifier, m)
	if err != nil {
		r = failed(err)
	}
	if err := p.CanaryTold(ctx, d.Nonce, r); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if r.State != notifiers.Sent {
		return nil
	}
	if err := enginedb.New(p.cfg.DB).CanaryTaken(ctx, d.Nonce, canaryTaken); err != nil {
		return err
	}
	listener, ok := c.Notifier.(notifiers.Listener)
	if !ok {
		return nil
	}
	reading, over := context.WithTimeout(ctx, p.canaryEvery())
	defer over()
	return p.readBack(reading, listener, m)
}

// readBack looks for a canary where it was sent to, until it is there or the next is due.
func (p *Pager) readBack(ctx context.Context, l notifiers.Listener, m notifiers.Message) error {
	known := ""
	for rest := canaryReading; ; rest = min(2*rest, canaryRests) {
		arrived, err := l.Arrived(ctx, m)
		now := canaryAbsent
		switch {
		case ctx.Err() != nil:
			return nil // the next round counts it as missed
		case arrived:
			return p.CanaryCame(ctx, m.Nonce)
		case err != nil:
			now = "the provider took it, and it cannot be read where it was sent to: " + failed(err).Detail
		}
		if now != known {
			known = now
			if err := p.CanaryTold(ctx, m.Nonce, notifiers.Receipt{State: notifiers.Failed, Detail: now}); err != nil && !errors.Is(err, ErrNotFound) { // the next one is out
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
	}
}

// CanaryCame takes in that a canary is back. ErrNotFound: none of the nonce was the last one sent.
func (p *Pager) CanaryCame(ctx context.Context, nonce string) error {
	var back enginedb.CameBack
	err := pgx.BeginFunc(ctx, p.cfg.DB, func(tx pgx.Tx) (err error) {
		if back, err = enginedb.New(tx).CanaryCame(ctx, nonce, p.Offset()); err != nil || back.Again || back.DownSince.IsZero() {
			return err
		}
		return p.tellIMOC(ctx, tx, back.At, enginedb.Notice{Kind: kindCanary, About: about(back.CanaryRef, "well", back.At), Until: back.At.Add(canaryTellFor),
			Text: fmt.Sprintf("Provider %s delivers on %s again. It did not for %s.", back.Provider, back.Channel, back.At.Sub(back.DownSince).Round(time.Second))})
	})
	if errors.Is(err, enginedb.ErrNotFound) {
		return fmt.Errorf("canary: %w", ErrNotFound)
	}
	if err == nil && !back.Again && !back.DownSince.IsZero() {
		p.log.Info("a provider delivers again", "provider", back.Provider, "channel", back.Channel, "after", back.At.Sub(back.DownSince).Round(time.Second))
	}
	return err
}

// CanaryTold takes in what a provider says of a canary: that it was delivered means that it is back. ErrNotFound: none of
// the nonce was the last one sent.
func (p *Pager) CanaryTold(ctx context.Context, nonce string, r notifiers.Receipt) error {
	db := enginedb.New(p.cfg.DB)
	switch r.State {
	case notifiers.Delivered:
		return p.CanaryCame(ctx, nonce)
	case notifiers.Failed:
		err := db.CanaryFailed(ctx, nonce, text(notifiers.MaskNumbers(cmp.Or(r.Detail, "not delivered")), maxSummary))
		if errors.Is(err, enginedb.ErrNotFound) {
			return fmt.Errorf("canary: %w", ErrNotFound)
		}
		return err
	}
	known, _, err := db.CanaryKnown(ctx, nonce)
	if err == nil && !known {
		return fmt.Errorf("canary: %w", ErrNotFound)
	}
	return err
}

// tellIMOC keeps a notice for everybody who is on call for what has no owner; for those of the last resort if nobody is.
func (p *Pager) tellIMOC(ctx context.Context, tx pgx.Tx, now time.Time, n enginedb.Notice) error {
	w := p.worldAt(ctx, tx, now)
	people := slices.Clone(w.targeted(engine.Target{Roster: p.cfg.CatchAll.Roster}))
	if w.err != nil {
		return w.err
	}
	if len(people) == 0 {
		people = slices.Clone(p.cfg.CatchAll.LastResort)
	}
	slices.Sort(people)
	var notices []enginedb.Notice
	for _, id := range slices.Compact(people) {
		n.Person = id
		notices = append(notices, n)
	}
	return enginedb.New(tx).AddNotices(ctx, notices)
}
