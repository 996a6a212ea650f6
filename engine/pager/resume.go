package pager

import (
	"context"
	"time"

	"rouse/engine/enginedb"
)

// asleep is how long a node may not have swept before it asks, before it decides anything, whether anybody
// kept time meanwhile.
const asleep = time.Minute

// awake makes sure that a long stop was noticed before something is decided (rule 18): a tick of time that
// nobody kept would end levels, and so would any other event. A node that sweeps need not ask.
func (p *Pager) awake(ctx context.Context) error {
	if kept := p.kept.Load(); kept != 0 && time.Since(time.Unix(0, kept)) < asleep {
		return nil
	}
	p.waking.Lock() // one asks, the others wait for the answer
	defer p.waking.Unlock()
	if kept := p.kept.Load(); kept != 0 && time.Since(time.Unix(0, kept)) < asleep {
		return nil
	}
	stopped, err := enginedb.New(p.cfg.DB).Stopped(ctx, p.cfg.Offset)
	if err != nil {
		return err
	}
	if stopped {
		return p.resume(ctx)
	}
	p.kept.Store(time.Now().UnixNano())
	return nil
}

// resume takes up the incidents after a time in which no node kept time. The pulse is kept by the
// database's clock with the offset that was configured: a clock that MoveClock moves stops nobody.
func (p *Pager) resume(ctx context.Context) error {
	moved := time.Duration(p.moved.Load())
	stop, err := enginedb.New(p.cfg.DB).Resume(ctx, p.cfg.Offset, moved)
	if err != nil {
		return err
	}
	p.kept.Store(time.Now().UnixNano())
	if !stop.Since.IsZero() {
		p.log.Warn("nobody kept time: that counts for no level, and for nobody who was asked",
			"since", stop.Since, "for", stop.Now.Sub(stop.Since).Round(time.Second), "incidents", stop.Incidents)
	}
	if stop.Held > 0 {
		p.log.Error("somebody holds incidents that were to be told of the stop; they go on as if there had been none", "incidents", stop.Held)
	}
	return nil
}
