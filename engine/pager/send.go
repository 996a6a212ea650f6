package pager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/riverqueue/river"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

const withdrawQueue = "withdraw"

// sendQueue is the queue of a channel's sends.
func sendQueue(c rosters.Channel) string { return "send_" + string(c) }

// sendArgs is the job of sending one attempt under one generation. A job whose generation is stale does
// nothing.
type sendArgs struct {
	Incident   int64 `json:"incident"`
	Attempt    int   `json:"attempt"`
	Generation int   `json:"generation"`
}

func (sendArgs) Kind() string { return "send" }

// InsertOpts: one try. The attempt's row is the truth, and the sweeper looks after it; a job that River
// gives up loses nothing. Its queue is its channel's.
func (sendArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1}
}

type sendWorker struct {
	river.WorkerDefaults[sendArgs]
	p *Pager
}

func (w *sendWorker) Work(ctx context.Context, job *river.Job[sendArgs]) error {
	return w.p.send(ctx, enginedb.AttemptRef(job.Args))
}

// withdrawArgs is the job of hanging up a call that nobody needs any more.
type withdrawArgs struct {
	Incident int64 `json:"incident"`
	Attempt  int   `json:"attempt"`
}

func (withdrawArgs) Kind() string { return "withdraw" }

func (withdrawArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: withdrawQueue, MaxAttempts: 3}
}

type withdrawWorker struct {
	river.WorkerDefaults[withdrawArgs]
	p *Pager
}

func (w *withdrawWorker) NextRetry(*river.Job[withdrawArgs]) time.Time {
	return time.Now().Add(time.Second) // a call rings for 25 s
}

func (w *withdrawWorker) Work(ctx context.Context, job *river.Job[withdrawArgs]) error {
	return w.p.withdraw(ctx, job.Args.Incident, job.Args.Attempt)
}

// send claims an attempt, lets its channel send it outside any transaction, and reports.
func (p *Pager) send(ctx context.Context, ref enginedb.AttemptRef) error {
	secret, hash := newToken()
	c, err := enginedb.New(p.cfg.DB).Claim(ctx, ref, hash, lease, p.Offset())
	if errors.Is(err, enginedb.ErrNotFound) {
		return nil // answered, resolved, or in other hands: nothing to do
	}
	if err != nil {
		return err
	}
	receipt, ok := p.notify(ctx, c, secret)
	if !ok {
		return nil // the lease was lost: whoever has it now decides what becomes of the attempt
	}
	return p.reportSurely(ctx, ref, receipt)
}

// notify sends one claimed attempt. ok is false when the lease could not be kept: then nobody may say
// what became of the message, and the next holder looks it up.
func (p *Pager) notify(ctx context.Context, c enginedb.Claim, secret string) (r notifiers.Receipt, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	lost := p.keepLease(ctx, cancel, c.AttemptRef)
	n := p.cfg.Channels[notifiers.Channel(c.Channel)]
	if n == nil {
		return notifiers.Receipt{State: notifiers.Failed, Detail: fmt.Sprintf("no provider for %s is configured", c.Channel)}, true
	}
	m := p.message(c, secret)
	if c.Before.IsZero() && c.First {
		p.metrics.toProvider.Observe(c.Claimed.Sub(c.OpenedAt).Seconds())
	}
	r, err := n.Notify(ctx, m)
	if err != nil && notifiers.KindOf(err) == notifiers.Unknown && ctx.Err() == nil {
		m.Since = c.Claimed // looked up first, where it can be; else rather twice than never
		r, err = n.Notify(ctx, m)
	}
	select {
	case <-lost:
		return r, false
	default:
	}
	if err != nil {
		p.log.Warn("not sent", "key", c.Key, "person", c.Person, "channel", c.Channel, "attempt", c.Attempt, "err", err)
		return failed(err), true
	}
	return r, true
}

// failed turns an error of a channel into a receipt.
func failed(err error) notifiers.Receipt {
	r := notifiers.Receipt{State: notifiers.Failed, Detail: "it could not be sent"}
	if f, ok := errors.AsType[*notifiers.Failure](err); ok {
		r.Provider, r.Code, r.Detail = f.Provider, f.Code, f.Detail
	}
	return r
}

// keepLease renews the lease while the message is being sent. When it cannot be kept, the send is
// cancelled and lost is closed: another node may have taken over.
func (p *Pager) keepLease(ctx context.Context, cancel context.CancelFunc, ref enginedb.AttemptRef) (lost chan struct{}) {
	lost = make(chan struct{})
	go func() {
		held := time.Now()
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			rctx, stop := context.WithTimeout(ctx, renewEvery)
			ok, err := enginedb.New(p.cfg.DB).Renew(rctx, ref, lease)
			stop()
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && ok:
				held = time.Now()
			case err == nil, time.Since(held) > lease-renewEvery:
				close(lost)
				cancel()
				return
			}
		}
	}()
	return lost
}

// reportSurely writes down what the provider said, through a database that may be away for a while. If it
// stays away, the lease runs out and the next holder looks the message up.
func (p *Pager) reportSurely(ctx context.Context, ref enginedb.AttemptRef, r notifiers.Receipt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportFor)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		held, err := p.report(ctx, ref, r)
		if err == nil {
			if !held {
				p.log.Warn("stale report refused", "incident", ref.Incident, "attempt", ref.Attempt, "generation", ref.Generation)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reporting attempt %d of incident %d: %w", ref.Attempt, ref.Incident, err)
		case <-time.After(wait):
			p.log.Warn("trying again to report", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
		}
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

func (p *Pager) withdraw(ctx context.Context, incident int64, attempt int) error {
	channel, id, err := enginedb.New(p.cfg.DB).ProviderID(ctx, incident, attempt)
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
	return nil
}
