package notifiers

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	tries      = 3 // at one provider, for one message
	minBackoff = 300 * time.Millisecond
	maxBackoff = time.Second
	// patience is the longest Retry-After that is waited for here; a longer one is left to whoever
	// called, who has other channels to try meanwhile.
	patience = 5 * time.Second
)

// Provider is a Notifier with the name it goes by in logs.
type Provider struct {
	Name     string
	Notifier Notifier
	// For are the beginnings of the numbers that it serves, "+49"; none: all, and whatever is no number.
	For []string
	// Limit is how much it takes from one sender. Whoever sends keeps to it, by Lanes.
	Limit Limit
	// Breaker is what is remembered of it; nil is a new one. With the one of an earlier chain it goes on.
	Breaker *Breaker
}

// serves reports whether the provider is for an address.
func (p Provider) serves(to string) bool {
	return len(p.For) == 0 || slices.ContainsFunc(p.For, func(prefix string) bool { return strings.HasPrefix(to, prefix) })
}

// Chain is one channel's providers in order of preference. It is a Notifier, Finder and Withdrawer
// itself, and may be used by many goroutines.
//
// What a Failure means to it:
//
//	Final            stop: no provider will reach that address
//	Final, Elsewhere the next provider
//	Passing          the same provider again, up to three times while ctx lasts, then the next; at
//	                 once, if this one took more than 5 s to fail, and once more at the end
//	Passing, Doubtful  likewise, after the provider's Finder was asked
//	Unknown          the provider's Finder is asked: found, done; surely not there, as Passing;
//	                 no telling, stop, so that whoever called decides between twice and never
//
// A provider that failed three times running is asked last for 10 s, but it is asked: a page is
// never held back for being unlikely to go through. After these one message asks it first again. One that is not for the message's address, or that
// the message is to avoid, is not.
type Chain struct {
	links []Provider
}

// NewChain is a Chain of the providers given, the preferred first. It panics without any.
func NewChain(providers ...Provider) *Chain {
	if len(providers) == 0 {
		panic("notifiers: a chain needs a provider")
	}
	c := &Chain{}
	for _, p := range providers {
		if p.Breaker == nil {
			p.Breaker = &Breaker{}
		}
		c.links = append(c.links, p)
	}
	return c
}

// Notify sends m with the first provider that takes it. If m.Since is set, the providers that can
// are asked first whether they have it already. The error wraps the Failure of the provider that
// leaves the most hope (Passing before Final) and those of the others.
func (c *Chain) Notify(ctx context.Context, m Message) (Receipt, error) {
	if !m.Since.IsZero() {
		if r, found, _ := c.Find(ctx, m); found { // no telling: rather twice than never
			return r, nil
		}
		if !m.stillWanted(ctx) { // looking took a while: somebody has answered, or this worker was asleep
			return Receipt{}, &Failure{Kind: Final, Detail: "nobody waits for it any more"}
		}
	}
	if m.Since.IsZero() {
		m.Since = orElse(m.At, time.Now())
	}
	var failures []error
	links := c.inOrder(m)
	if len(links) == 0 {
		detail := "no provider is set up for this number"
		if len(m.Avoid) > 0 {
			detail = "no other provider is set up for this number"
		}
		return Receipt{}, &Failure{Kind: Final, Detail: detail}
	}
	var left []Provider // before their tries were over, as others may be quicker
	for i := 0; i < len(links)+len(left); i++ {
		if i > 0 && !m.stillWanted(ctx) {
			break
		}
		last := i >= len(links)-1
		l := slices.Concat(links, left)[i]
		r, more, err := l.notify(ctx, m, last)
		if err == nil {
			return r, nil
		}
		if more {
			left = append(left, l)
		}
		failures = append(failures, err)
		if mustStop(err) {
			return Receipt{}, errors.Join(slices.Concat([]error{err}, failures[:len(failures)-1])...)
		}
	}
	slices.SortStableFunc(failures, func(a, b error) int { return hope(b) - hope(a) })
	return Receipt{}, errors.Join(failures...)
}

// Find asks every provider that can look. An error means that one could not be asked and none of
// the others has the message.
func (c *Chain) Find(ctx context.Context, m Message) (Receipt, bool, error) {
	var failures []error
	for _, l := range c.links {
		finder, ok := l.Notifier.(Finder)
		if !ok {
			continue
		}
		r, found, err := finder.Find(ctx, m)
		if found {
			r.Provider = l.Name
			return r, true, nil
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	return Receipt{}, false, errors.Join(failures...)
}

// Withdraw asks the providers that can until one has called the message back. Without any that
// can, there is nothing to withdraw and no error.
func (c *Chain) Withdraw(ctx context.Context, providerID string) error {
	var failures []error
	for _, l := range c.links {
		withdrawer, ok := l.Notifier.(Withdrawer)
		if !ok {
			continue
		}
		err := withdrawer.Withdraw(ctx, providerID)
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// Reaches is how many providers a message to an address can be sent with.
func (c *Chain) Reaches(to string) int {
	n := 0
	for _, l := range c.links {
		if l.serves(to) {
			n++
		}
	}
	return n
}

// inOrder is the providers for a message in order, those whose breaker is open behind the others.
func (c *Chain) inOrder(m Message) []Provider {
	now := time.Now()
	var closed, open []Provider
	for _, l := range c.links {
		switch {
		case !l.serves(m.To), slices.Contains(m.Avoid, l.Name):
		case l.Breaker.open(now):
			open = append(open, l)
		default:
			closed = append(closed, l)
		}
	}
	all := append(closed, open...)
	if i := slices.IndexFunc(all, func(l Provider) bool { return l.Name == m.Via }); i > 0 {
		first := all[i]
		all = slices.Insert(slices.Delete(all, i, i+1), 0, first)
	}
	return all
}

// notify tries one provider as often as makes sense: with another one behind it, not for longer than patience; then more
// is true, as further tries may help.
func (p Provider) notify(ctx context.Context, m Message, last bool) (r Receipt, more bool, err error) {
	began := time.Now()
	for try := 1; ; try++ {
		r, err := p.Notifier.Notify(ctx, m)
		if err == nil {
			p.Breaker.succeeded(time.Now())
			r.Provider = p.Name
			return r, false, nil
		}
		f, ok := errors.AsType[*Failure](err)
		if !ok {
			f = &Failure{Kind: Unknown, Provider: p.Name, Err: err}
			err = f
		} else if f.Provider != p.Name { // two of a kind have names of their own
			named := *f
			named.Provider = p.Name
			f, err = &named, &named
		}
		p.Breaker.failed(time.Now(), f)
		if f.Kind == Final {
			return Receipt{}, false, err
		}
		if f.Kind == Unknown || f.Doubtful {
			r, found, sure := p.find(ctx, m)
			switch {
			case found:
				return r, false, nil
			case f.Kind == Unknown && !sure:
				return Receipt{}, false, err
			case f.Kind == Unknown:
				notTaken := *f
				notTaken.Kind = Passing
				notTaken.Detail += ", and it has no such message"
				err = &notTaken
			}
		}
		if !last && time.Since(began) > patience && try < tries && f.RetryAfter <= patience {
			return Receipt{}, true, err
		}
		if try == tries || f.RetryAfter > patience || !pause(ctx, backoff(f.RetryAfter)) || !m.stillWanted(ctx) {
			return Receipt{}, false, err
		}
	}
}

func (p Provider) find(ctx context.Context, m Message) (r Receipt, found, sure bool) {
	finder, ok := p.Notifier.(Finder)
	if !ok {
		return Receipt{}, false, false
	}
	r, found, err := finder.Find(ctx, m)
	r.Provider = p.Name
	return r, found, err == nil
}

func (m Message) stillWanted(ctx context.Context) bool { return m.Wanted == nil || m.Wanted(ctx) }

func backoff(asked time.Duration) time.Duration {
	return max(asked, minBackoff+rand.N(maxBackoff-minBackoff))
}

// pause waits for d if ctx lasts longer than that, else it says so at once.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// mustStop tells whether the next provider must not be tried.
func mustStop(err error) bool {
	f, _ := errors.AsType[*Failure](err)
	return f.Kind == Unknown || f.Kind == Final && !f.Elsewhere
}

func hope(err error) int {
	if KindOf(err) == Passing {
		return 1
	}
	return 0
}
