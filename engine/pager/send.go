package pager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// claimed is an attempt in the hands of this node, for as long as its lease can be kept.
type claimed struct {
	enginedb.Claim
	p    *Pager
	held time.Time     // when the lease was last known to be ours, before the database was asked
	lost chan struct{} // closed when it could not be kept
}

// send claims an attempt, lets its channel send it outside any transaction, and reports. The lease is
// kept until the report is written, so that nobody sends it once more meanwhile.
func (p *Pager) send(ctx context.Context, ref enginedb.AttemptRef) error {
	p.reach(JobFetched)
	secret, hash := newToken()
	c, err := p.claim(ctx, ref, hash)
	if errors.Is(err, enginedb.ErrNotFound) || errors.Is(err, enginedb.ErrLocked) {
		return nil // answered, resolved, in other hands, or left to the next sweep
	}
	if err != nil {
		return err
	}
	p.reach(LeaseTaken)
	kept, release := context.WithCancel(ctx)
	defer release()
	sending, cancel := context.WithTimeout(kept, sendWithin)
	defer cancel()
	go c.keepLease(context.WithoutCancel(ctx), kept.Done(), cancel)
	receipt, ok := p.notify(sending, c, secret)
	p.reach(ProviderCalled)
	switch {
	case ctx.Err() != nil && receipt.State == notifiers.Failed:
		return nil // this node is stopping and cannot know: the next one looks the message up
	case !ok:
		return nil // the lease was lost: whoever has it now decides what becomes of the attempt
	default:
		err := p.reportSurely(ctx, ref, receipt)
		p.reach(ReportCommitted)
		return err
	}
}

// claim takes an attempt. While somebody else is at work on its incident it waits for its turn, in a
// queue that takes up few connections, for a moment, and then leaves the attempt to the next sweep.
func (p *Pager) claim(ctx context.Context, ref enginedb.AttemptRef, hash []byte) (*claimed, error) {
	for try := 1; ; try++ {
		asked := time.Now()
		c, err := enginedb.New(p.cfg.DB).Claim(ctx, ref, hash, lease, p.Offset())
		if err == nil {
			return &claimed{Claim: c, p: p, held: asked, lost: make(chan struct{})}, nil
		}
		if !errors.Is(err, enginedb.ErrLocked) || try == claimTries {
			return nil, err
		}
		select {
		case p.turns <- struct{}{}:
			asked = time.Now()
			c, err = enginedb.New(p.cfg.DB).ClaimInTurn(ctx, ref, hash, lease, p.Offset(), claimWait)
			<-p.turns
			if err == nil {
				return &claimed{Claim: c, p: p, held: asked, lost: make(chan struct{})}, nil
			}
			if !errors.Is(err, enginedb.ErrLocked) {
				return nil, err
			}
		case <-time.After(claimWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// notify sends one claimed attempt. ok is false when the lease could not be kept: then nobody may say
// what became of the message.
func (p *Pager) notify(ctx context.Context, c *claimed, secret string) (r notifiers.Receipt, ok bool) {
	n := p.cfg.Channels[notifiers.Channel(c.Channel)]
	if n == nil {
		return notifiers.Receipt{State: notifiers.Failed, Detail: fmt.Sprintf("no provider for %s is configured", c.Channel)}, true
	}
	if time.Since(c.held) > lease-renewEvery {
		return r, false // stopped, or kept waiting, since it was claimed: another node may have it
	}
	m := p.message(c.Claim, secret)
	m.Wanted = c.wanted
	if c.Before.IsZero() && c.First {
		p.metrics.toProvider.Observe(c.Claimed.Sub(c.OpenedAt).Seconds())
	}
	r, err := guarded(ctx, n, m)
	if err != nil && notifiers.KindOf(err) == notifiers.Unknown && ctx.Err() == nil && c.wanted(ctx) {
		m.Since = c.Claimed // looked up first, where it can be; else rather twice than never
		r, err = guarded(ctx, n, m)
	}
	select {
	case <-c.lost:
		return r, false
	default:
	}
	if err != nil {
		p.log.Warn("not sent", "key", c.Key, "person", c.Person, "channel", c.Channel, "attempt", c.Attempt, "err", err)
		return failed(err), true
	}
	return r, true
}

// guarded turns a channel's panic, which is a bug, into a failure: the next contact is tried, and the
// node lives on.
func guarded(ctx context.Context, n notifiers.Notifier, m notifiers.Message) (r notifiers.Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &notifiers.Failure{Kind: notifiers.Final, Detail: "a bug in Rouse: see its log", Err: fmt.Errorf("panic: %v\n%s", v, debug.Stack())}
		}
	}()
	return n.Notify(ctx, m)
}

// failed turns an error of a channel into a receipt.
func failed(err error) notifiers.Receipt {
	r := notifiers.Receipt{State: notifiers.Failed, Detail: "it could not be sent"}
	if f, ok := errors.AsType[*notifiers.Failure](err); ok {
		r.Provider, r.Code, r.Detail = f.Provider, f.Code, f.Detail
	}
	return r
}

// wanted reports, before a message is tried once more, whether anybody still waits for it. A database
// that does not answer leaves it wanted: rather twice than never.
func (c *claimed) wanted(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	wanted, err := enginedb.New(c.p.cfg.DB).Wanted(ctx, c.AttemptRef)
	return err != nil || wanted
}

// keepLease renews the lease until done. When it cannot be kept, the send is cancelled and lost is
// closed: another node may have taken over.
func (c *claimed) keepLease(ctx context.Context, done <-chan struct{}, cancel context.CancelFunc) {
	held := c.held
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		asked := time.Now()
		rctx, stop := context.WithTimeout(ctx, renewEvery)
		ok, err := enginedb.New(c.p.cfg.DB).Renew(rctx, c.AttemptRef, lease)
		stop()
		switch {
		case err == nil && ok:
			held = asked
		case err == nil, time.Since(held) > lease-renewEvery:
			close(c.lost)
			cancel()
			return
		}
	}
}

// reportSurely writes down what the provider said, through a database that may be away for a while. If it
// stays away, the lease runs out and the next holder looks the message up. A report that the engine
// cannot be brought to take is forced into the attempt's row.
func (p *Pager) reportSurely(ctx context.Context, ref enginedb.AttemptRef, r notifiers.Receipt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportFor)
	defer cancel()
	refused := 0
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		held, err := p.report(ctx, ref, r)
		switch {
		case err == nil && !held:
			p.log.Warn("stale report refused", "incident", ref.Incident, "attempt", ref.Attempt, "generation", ref.Generation)
			return nil
		case err == nil:
			return nil
		case !passing(err):
			refused++
		}
		if refused == 3 {
			p.log.Error("a report is forced", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
			return enginedb.New(p.cfg.DB).Force(ctx, ref, engine.AttemptState(r.State), r.Provider, r.ProviderID)
		}
		p.log.Warn("trying again to report", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("reporting attempt %d of incident %d: %w", ref.Attempt, ref.Incident, err)
		case <-time.After(wait):
		}
	}
}

// passing tells an error that time mends (no connection, a lock, a database that is shutting down) from
// one that comes back with the same report.
func passing(err error) bool {
	if errors.Is(err, errDecision) {
		return false
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return true
	}
	switch pg.Code[:2] { // classes 22 data, 23 constraint, 42 syntax and names
	case "22", "23", "42":
		return false
	default:
		return true
	}
}

func (p *Pager) message(c enginedb.Claim, secret string) notifiers.Message {
	base := p.cfg.PublicURL + "/a/" + strconv.FormatInt(c.Incident, 36) + "-" + strconv.FormatInt(int64(c.Attempt), 36) + "-" + secret
	m := notifiers.Message{Nonce: c.Nonce, Channel: notifiers.Channel(c.Channel), Purpose: notifiers.Page, To: c.Address, Language: c.Language,
		Key: string(c.Key), Severity: int(c.Severity), Summary: c.Summary, Service: string(c.Service), Role: c.Role, Reason: c.Why,
		Code: c.Code, AckURL: base + "/ack", DeclineURL: base + "/decline", Since: c.Before, At: c.Claimed}
	if c.Ask {
		m.Purpose = notifiers.StillOn
	}
	return m
}

// withdraw hangs up a call that nobody needs any more.
func (p *Pager) withdraw(ctx context.Context, incident int64, attempt int) error {
	db := enginedb.New(p.cfg.DB)
	channel, id, err := db.ProviderID(ctx, incident, attempt)
	if errors.Is(err, enginedb.ErrNotFound) || err == nil && id == "" {
		return nil // not with a provider yet: its report asks again
	}
	if err != nil {
		return err
	}
	w, ok := p.cfg.Channels[notifiers.Channel(channel)].(notifiers.Withdrawer)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := w.Withdraw(ctx, id); err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "could not hang up", slog.Int64("incident", incident), slog.Int("attempt", attempt), slog.Any("err", err))
		return fmt.Errorf("hanging up attempt %d of incident %d: %w", attempt, incident, err)
	}
	return db.HungUp(ctx, incident, attempt)
}
