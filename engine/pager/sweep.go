package pager

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// sweepUntil keeps time for every incident of the instance, as every other node does. It sleeps until
// the next deadline it knows of, and never longer than sweepEvery.
func (p *Pager) sweepUntil(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.poke:
		}
		timer.Reset(p.sweep(ctx))
	}
}

// sweep starts what is overdue and says how long to sleep. It waits for nothing but the database: what
// takes long, or cannot be done at all, does not hold the rest up.
func (p *Pager) sweep(ctx context.Context) time.Duration {
	look := enginedb.Search{Offset: p.Offset(), Pulse: p.cfg.Offset, Ticks: together * (cap(p.tickers) - len(p.tickers)), Leave: p.busy.left(), Caps: p.cfg.Caps, RingFor: p.cfg.ringing()}
	for c, slots := range p.slots {
		look.Sends = append(look.Sends, p.searches(c, cap(slots)-len(slots))...) // more are left to the queue, and to other nodes
	}
	sctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	w, err := enginedb.New(p.cfg.DB).Sweep(sctx, look)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("sweep failed; trying again", "err", err)
		}
		return sweepEvery
	}
	if w.Stopped {
		return p.resumeNow(ctx)
	}
	p.sweptNow(w.Overdue)
	p.takeOver(ctx, w.Waiting)
	for _, ref := range w.Ringing {
		p.sends.Go(func() {
			p.survive("hanging up", ref, func() error { return p.withdraw(context.WithoutCancel(ctx), ref.Incident, ref.Attempt) })
		})
	}
	p.startTicks(ctx, w.Due)
	switch {
	case look.Ticks > 0 && len(w.Due) == look.Ticks:
		return 0 // there may be more, and some of these are done already
	case w.Next >= 0:
		return min(sweepEvery, w.Next)
	default:
		return sweepEvery
	}
}

// resumeNow takes up what was stopped and says how long to sleep.
func (p *Pager) resumeNow(ctx context.Context) time.Duration {
	if err := p.resume(ctx); err != nil && ctx.Err() == nil {
		p.log.Error("what was stopped could not be taken up; trying again", "err", err)
		return sweepEvery
	}
	return 0
}

func (p *Pager) sweptNow(overdue time.Duration) {
	p.swept.Store(time.Now().UnixNano())
	p.kept.Store(time.Now().UnixNano())
	p.overdue.Store(int64(overdue))
	p.metrics.overdue.Set(overdue.Seconds())
	p.firstSweep.Do(func() { close(p.ready) })
}

// takeOver sends what was left: by a worker, by the queue, or to be sent together.
func (p *Pager) takeOver(ctx context.Context, waiting []enginedb.Waiting) {
	for _, w := range waiting {
		to := place{w.Channel, w.Address}
		if wait := p.storm.wait(w); wait > 0 {
			if w.First && w.Capped == 0 {
				p.storm.hold(to, wait)
			}
			p.postpone(ctx, w, wait)
			continue
		}
		if !p.storm.begin(to) {
			continue
		}
		slots := p.slots[w.Channel]
		slots <- struct{}{} // free: only the sweeper takes one, and it asked for no more than there are
		p.sends.Go(func() {
			err := recovered(func() error { return p.sendWaiting(context.WithoutCancel(ctx), w) })
			<-slots
			noRoom := errors.Is(err, errNoRoom)
			if len(slots) == cap(slots)-1 && !noRoom {
				p.wake() // it was full: there may be more
			}
			if err != nil && !noRoom {
				p.log.Error("sending what was left failed", "channel", w.Channel, "err", err)
			}
		})
	}
}

// postpone lets a message wait for more that goes to the same address. If it cannot, it goes out when the
// next sweep finds it due.
func (p *Pager) postpone(ctx context.Context, w enginedb.Waiting, by time.Duration) {
	if by < sweepEvery {
		return
	}
	if err := enginedb.New(p.cfg.DB).Postpone(ctx, w, by); err != nil && ctx.Err() == nil {
		p.log.Warn("a message could not be put off", "channel", w.Channel, "err", err)
	}
}

// sendWaiting sends what waits for an address, as one message.
func (p *Pager) sendWaiting(ctx context.Context, w enginedb.Waiting) error {
	p.reach(TakenOver)
	rank := notifiers.Rank(w.Need - 1)
	room, ok := p.admit(ctx, bound{place: place{w.Channel, w.Address}, rank: rank}, sweepWaitsForRoom)
	if !ok {
		p.storm.end(place{w.Channel, w.Address})
		return errNoRoom // the next sweep finds it, behind what is worse
	}
	secret, hash := newToken()
	c, err := p.claimWaiting(ctx, w, hash)
	if err != nil || c.Known != nil {
		p.unused(ctx, room)
	}
	if errors.Is(err, enginedb.ErrNotFound) || errors.Is(err, enginedb.ErrLocked) {
		return nil // another node was there before, or the next sweep finds it
	}
	if err != nil {
		return err
	}
	p.metrics.bundled.Add(float64(len(c.Others)))
	if w.Begun {
		p.metrics.takenOver.Inc()
		p.log.Warn("taking over a send", "key", c.Key, "attempt", c.Attempt, "generation", c.Generation, "others", len(c.Others))
	}
	if c.Known != nil {
		return p.reportAll(ctx, c.Claim, notifiers.Receipt{State: notifiers.State(c.Known.State), Provider: c.Known.Provider,
			ProviderID: c.Known.ProviderID, Detail: c.Known.Detail})
	}
	c.via = p.elsewhere(ctx, c, rank, room).via
	return p.deliver(ctx, c, secret)
}

func (p *Pager) claimWaiting(ctx context.Context, w enginedb.Waiting, hash []byte) (*claimed, error) {
	to := place{w.Channel, w.Address}
	defer p.storm.end(to)
	w.Cap = p.cfg.Caps[w.Channel]
	db := enginedb.New(p.cfg.DB)
	asked := time.Now()
	c, err := db.ClaimWaiting(ctx, w, hash, p.lease(), 0, p.fits)
	if errors.Is(err, enginedb.ErrLocked) { // as in claim
		p.turns <- struct{}{}
		asked = time.Now()
		c, err = db.ClaimWaiting(ctx, w, hash, p.lease(), claimWait, p.fits)
		<-p.turns
	}
	if err != nil {
		return nil, err
	}
	return p.holds(c, asked), nil
}

// survive logs an error, and a panic, which is a bug: neither may stop the pages of other incidents.
func (p *Pager) survive(doing string, ref enginedb.AttemptRef, f func() error) {
	if err := recovered(f); err != nil {
		p.log.Error(doing+" failed", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
	}
}

// recovered turns a panic into an error.
func recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return f()
}
