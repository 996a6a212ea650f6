package pager

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
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

// sweep does what is overdue and says how long to sleep.
func (p *Pager) sweep(ctx context.Context) time.Duration {
	sctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	w, err := enginedb.New(p.cfg.DB).Sweep(sctx, p.offset(), sweepLimit)
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
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	p.metrics.takenOver.Inc()
	p.log.Warn("taking over a send", "incident", ref.Incident, "attempt", ref.Attempt, "generation", ref.Generation)
	p.sends.Go(func() {
		defer func() { <-p.slots }()
		if err := p.send(context.WithoutCancel(ctx), ref); err != nil {
			p.log.Error("taken-over send failed", "incident", ref.Incident, "attempt", ref.Attempt, "err", err)
		}
	})
}

// tickAll ticks the incidents that are due, several at a time. One that cannot be ticked does not hold
// the others up.
func (p *Pager) tickAll(ctx context.Context, ids []int64) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, tickers)
	for _, id := range ids {
		if p.isTripped(id) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := p.tick(ctx, id); err != nil && ctx.Err() == nil {
				p.log.Error("tick failed", "incident", id, "err", err)
				p.trip(id)
			}
		})
	}
	wg.Wait()
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
