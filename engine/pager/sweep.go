package pager

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// sweepUntil keeps time for every incident of the instance, as every other node does. It sleeps until
// the next deadline it knows of, and never longer than sweepEvery.
func (p *Pager) sweepUntil(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
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

// sweep does what is overdue and says how long to sleep.
func (p *Pager) sweep(ctx context.Context) time.Duration {
	sctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	// Only as many sends are taken over as can begin now: the others stay with the queue.
	w, err := enginedb.New(p.cfg.DB).Sweep(sctx, p.Offset(), sweepLimit, cap(p.slots)-len(p.slots))
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("sweep failed; trying again", "err", err)
		}
		return sweepEvery
	}
	p.swept.Store(time.Now().UnixNano())
	p.overdue.Store(int64(w.Overdue))
	p.metrics.overdue.Set(w.Overdue.Seconds())
	for _, ref := range w.Unsent {
		p.takeOver(ctx, ref)
	}
	p.tickAll(ctx, w.Due)
	switch {
	case len(w.Due) == sweepLimit:
		return 0 // there is more
	case w.Next >= 0:
		return min(sweepEvery, w.Next)
	default:
		return sweepEvery
	}
}

// takeOver sends an attempt that its worker, or the queue, left.
func (p *Pager) takeOver(ctx context.Context, ref enginedb.AttemptRef) {
	p.slots <- struct{}{} // free: only the sweeper takes one
	p.metrics.takenOver.Inc()
	p.log.Warn("taking over a send", "incident", ref.Incident, "attempt", ref.Attempt, "generation", ref.Generation)
	p.sends.Go(func() {
		defer func() { <-p.slots }()
		if err := p.send(context.WithoutCancel(ctx), ref); err != nil {
			p.log.Error("taken-over send failed", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
		}
	})
}

// tickAll ticks the incidents that are due, several at a time. It does not wait for them: one that takes
// long, or cannot be ticked at all, does not hold the others up.
func (p *Pager) tickAll(ctx context.Context, ids []int64) {
	for _, id := range ids {
		if _, busy := p.ticking.LoadOrStore(id, true); busy {
			continue
		}
		if p.isTripped(id) {
			p.ticking.Delete(id)
			continue
		}
		p.tickers <- struct{}{}
		p.sweeping.Go(func() {
			defer func() { p.ticking.Delete(id); <-p.tickers }()
			if err := p.tick(ctx, id); err != nil && ctx.Err() == nil {
				p.log.Error("tick failed", "incident", id, "err", err)
				p.trip(id)
			}
		})
	}
}

// tick lets time pass for one incident. A panic of the engine is a bug; it must not stop the pages of
// every other incident.
func (p *Pager) tick(ctx context.Context, id int64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = p.handle(ctx, happening{id: id, event: engine.Tick{}, skip: true})
	if errors.Is(err, enginedb.ErrLocked) {
		return nil // somebody is at work on it; if it is still due then, the next sweep sees it
	}
	return err
}
