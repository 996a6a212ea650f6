package pager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// claimed is an attempt in the hands of this node, with those that go out together with it, for as long as
// their lease can be kept.
type claimed struct {
	enginedb.Claim
	p    *Pager
	held time.Time     // when the lease was last known to be ours, before the database was asked
	lost chan struct{} // closed when it could not be kept
	via  string        // the provider that has room for it; "": any
}

func (p *Pager) holds(c enginedb.Claim, since time.Time) *claimed {
	p.storm.tell(place{c.Channel, c.Address})
	return &claimed{Claim: c, p: p, held: since, lost: make(chan struct{})}
}

// send claims an attempt and delivers it.
func (p *Pager) send(ctx context.Context, ref enginedb.AttemptRef, channel rosters.Channel, rank notifiers.Rank) error {
	p.reach(JobFetched)
	if err := p.awake(ctx); err != nil {
		return err
	}
	room, ok, err := p.admitJob(ctx, ref, channel, rank)
	if err != nil {
		return err
	}
	if !ok {
		return nil // left to the next sweep
	}
	secret, hash := newToken()
	c, err := p.claim(ctx, ref, hash)
	if err != nil {
		p.unused(ctx, room)
	}
	if errors.Is(err, enginedb.ErrNotFound) || errors.Is(err, enginedb.ErrLocked) {
		return nil // answered, resolved, in other hands, or left to the next sweep
	}
	if err != nil {
		return err
	}
	c.via = p.elsewhere(ctx, c, rank, room).via
	return p.deliver(ctx, c, secret)
}

// deliver lets a claim's channel send it outside any transaction, and reports. The lease is kept until the
// report is written, so that nobody sends it once more meanwhile.
func (p *Pager) deliver(ctx context.Context, c *claimed, secret string) error {
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
		err := p.reportAll(ctx, c.Claim, receipt)
		p.buried(ctx, c.AttemptRef, receipt)
		p.reach(ReportCommitted)
		return err
	}
}

// notify sends one claimed attempt. ok is false when the lease could not be kept: then nobody may say
// what became of the message.
func (p *Pager) notify(ctx context.Context, c *claimed, secret string) (r notifiers.Receipt, ok bool) {
	n := p.cfg.Channels.On(notifiers.Channel(c.Channel))
	if n == nil {
		return notifiers.Receipt{State: notifiers.Failed, Detail: fmt.Sprintf("no provider for %s is configured", c.Channel)}, true
	}
	if time.Since(c.held) > lease-renewEvery {
		return r, false // stopped, or kept waiting, since it was claimed: another node may have it
	}
	m := p.message(c.Claim, secret)
	m.Wanted, m.Foreign, m.Via = c.wanted, c.foreign, c.via
	p.observe(c.Claim)
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

// observe measures how long incidents waited for their first message.
func (p *Pager) observe(c enginedb.Claim) {
	if !c.Before.IsZero() {
		return
	}
	if c.First {
		p.metrics.toProvider.Observe(c.Claimed.Sub(c.OpenedAt).Seconds())
	}
	for _, m := range c.Others {
		if m.First {
			p.metrics.toProvider.Observe(c.Claimed.Sub(m.OpenedAt).Seconds())
		}
	}
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
		r.Provider, r.Code, r.Detail, r.Gone = f.Provider, f.Code, f.Detail, f.Gone
		r.Elsewhere = f.Kind == notifiers.Unknown // else every provider was asked, or none can
	}
	return r
}

// wanted reports, before a message is tried once more, whether anybody still waits for it. A database
// that does not answer leaves it wanted: rather twice than never.
func (c *claimed) wanted(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	wanted, err := enginedb.New(c.p.cfg.DB).Wanted(ctx, c.Refs())
	return err != nil || wanted
}

// foreign reports whether a call that the provider has is another attempt's. A database that does not answer
// leaves it so: rather two calls than none.
func (c *claimed) foreign(ctx context.Context, providerID string) bool {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	foreign, err := enginedb.New(c.p.cfg.DB).IsOthers(ctx, c.Nonce, c.Address, providerID)
	return err != nil || foreign
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
		ok, err := enginedb.New(c.p.cfg.DB).Renew(rctx, c.Refs(), lease)
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

// reportAll writes down what the provider said for every page that the message told, each by itself: one that
// cannot be written down holds up no other.
func (p *Pager) reportAll(ctx context.Context, c enginedb.Claim, r notifiers.Receipt) error {
	refs := c.Refs()
	errs := make([]error, len(refs))
	var reporting sync.WaitGroup
	for i, ref := range refs[1:] {
		reporting.Go(func() { errs[1+i] = p.reportSurely(ctx, ref, r) })
	}
	errs[0] = p.reportSurely(ctx, refs[0], r)
	reporting.Wait()
	return errors.Join(errs...)
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
			return enginedb.New(p.cfg.DB).Force(ctx, ref, engine.AttemptState(r.State), r.Provider, r.ProviderID, p.Offset())
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
	token := strconv.FormatInt(c.Incident, 36) + "-" + strconv.FormatInt(int64(c.Attempt), 36) + "-" + secret
	button, page := p.cfg.PublicURL+"/a/"+token, p.cfg.PublicURL+"/p/"+token
	m := notifiers.Message{Nonce: c.Nonce, Channel: notifiers.Channel(c.Channel), Purpose: notifiers.Page, To: c.Address, Language: c.Language, Wording: p.cfg.Wording,
		Key: string(c.Key), Severity: int(c.Severity), Summary: c.Summary, Service: string(c.Service), Role: c.Role, Reason: c.Why,
		Code: c.Code, Avoid: c.Avoid, AckURL: button + "/ack", DeclineURL: button + "/decline", PageURL: page, SeenURL: page + "/seen", Since: c.Before, At: c.Claimed}
	if c.Role == engine.RoleDrill { // the summary says it
		m.Role = ""
	}
	asks := c.Ask
	named := map[engine.Key]bool{c.Key: true}
	for _, o := range c.Others {
		asks = asks && o.Ask
		if !named[o.Key] { // else paged in two roles at once
			named[o.Key] = true
			m.Also = append(m.Also, notifiers.Named{Key: string(o.Key), Severity: int(o.Severity), Summary: o.Summary})
		}
	}
	if asks {
		m.Purpose = notifiers.StillOn
	}
	return m
}

// fits is how many of a claim's others its message can name.
func (p *Pager) fits(c enginedb.Claim) int {
	m := p.message(c, "")
	room := notifiers.Fits(m)
	if room == len(m.Also) {
		return len(c.Others)
	}
	tooMuch := m.Also[room].Key
	return slices.IndexFunc(c.Others, func(o enginedb.Member) bool { return string(o.Key) == tooMuch })
}

// withdraw hangs up a call that nobody needs any more. One that told of several incidents goes on as long as
// one of them is to be answered.
func (p *Pager) withdraw(ctx context.Context, incident int64, attempt int) error {
	db := enginedb.New(p.cfg.DB)
	call, err := db.Call(ctx, incident, attempt)
	if errors.Is(err, enginedb.ErrNotFound) || err == nil && (call.ProviderID == "" || call.Wanted) {
		return nil // not with a provider yet: its report asks again; nor over: who answers the rest of it asks again
	}
	if err != nil {
		return err
	}
	w, ok := p.cfg.Channels.On(notifiers.Channel(call.Channel)).(notifiers.Withdrawer)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	if err := w.Withdraw(ctx, call.ProviderID); err != nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "could not hang up", slog.Int64("incident", incident), slog.Int("attempt", attempt), slog.Any("err", err))
		return fmt.Errorf("hanging up attempt %d of incident %d: %w", attempt, incident, err)
	}
	return db.HungUp(ctx, incident, attempt)
}
