package pager

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
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
	look := enginedb.Search{Offset: p.Offset(), Ticks: cap(p.tickers) - len(p.tickers), Leave: p.busy.left(), Sends: map[rosters.Channel]int{}}
	for c, slots := range p.slots {
		look.Sends[c] = cap(slots) - len(slots) // more are left to the queue, and to other nodes
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
	p.sweptNow(w.Overdue)
	for _, u := range w.Unsent {
		p.takeOver(ctx, u)
	}
	for _, ref := range w.Ringing {
		p.sends.Go(func() {
			p.survive("hanging up", ref, func() error { return p.withdraw(context.WithoutCancel(ctx), ref.Incident, ref.Attempt) })
		})
	}
	for _, id := range w.Due {
		p.startTick(ctx, id)
	}
	switch {
	case look.Ticks > 0 && len(w.Due) == look.Ticks:
		return 0 // there may be more, and some of these are done already
	case w.Next >= 0:
		return min(sweepEvery, w.Next)
	default:
		return sweepEvery
	}
}

func (p *Pager) sweptNow(overdue time.Duration) {
	p.swept.Store(time.Now().UnixNano())
	p.overdue.Store(int64(overdue))
	p.metrics.overdue.Set(overdue.Seconds())
	p.firstSweep.Do(func() { close(p.ready) })
}

// takeOver sends an attempt that its worker, or the queue, left.
func (p *Pager) takeOver(ctx context.Context, u enginedb.Unsent) {
	slots := p.slots[u.Channel]
	slots <- struct{}{} // free: only the sweeper takes one, and it asked for no more than there are
	p.metrics.takenOver.Inc()
	p.reach(TakenOver)
	p.log.Warn("taking over a send", "incident", u.Incident, "attempt", u.Attempt, "generation", u.Generation)
	p.sends.Go(func() {
		defer func() {
			<-slots
			if len(slots) == cap(slots)-1 {
				p.wake() // it was full: there may be more
			}
		}()
		p.survive("sending what was taken over", u.AttemptRef, func() error { return p.send(context.WithoutCancel(ctx), u.AttemptRef) })
	})
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

// startTick lets time pass for one incident, beside the others.
func (p *Pager) startTick(ctx context.Context, id int64) {
	if !p.busy.begin(id) {
		return
	}
	p.tickers <- struct{}{} // free: the sweeper asked for no more than there are
	p.sweeping.Go(func() {
		defer func() {
			<-p.tickers
			if len(p.tickers) == cap(p.tickers)-1 {
				p.wake()
			}
		}()
		err := recovered(func() error { return p.tick(ctx, id) })
		p.busy.end(id, err)
		if err != nil && !errors.Is(err, enginedb.ErrLocked) && ctx.Err() == nil {
			p.log.Error("tick failed", "incident", id, "err", err)
		}
	})
}

// tick gives ErrLocked when somebody else is at work on the incident: if it is still due then, a later
// sweep sees it.
func (p *Pager) tick(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p.reach(TickDue)
	err := p.handle(ctx, happening{id: id, event: engine.Tick{}, skip: true})
	p.reach(TickCommitted)
	return err
}
