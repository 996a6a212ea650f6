package pager

import (
	"context"
	"time"

	"rouse/engine"
)

// Margin is how long after its claim a worker still begins to send.
const Margin = lease - renewEvery

// Sweepers is how many attempts of one channel the sweeper sends at the same time.
const Sweepers = sweepers

// CutOff is Stop, with its patience over at once: sends under way are cancelled.
func (p *Pager) CutOff(ctx context.Context) error {
	p.stop()
	p.sweeping.Wait()
	return p.jobs.StopAndCancel(ctx)
}

// TellNow is one round of TellNotices.
func (p *Pager) TellNow(ctx context.Context) error { return p.tellNotices(ctx) }

// WatchNow is one round of WatchCoverage.
func (p *Pager) WatchNow(ctx context.Context) error { return p.watchCoverage(ctx) }

// Swept is when the last sweep was done, in a unit that only grows.
func (p *Pager) Swept() int64 { return p.swept.Load() }

// HandOffNow is one round of TellHandoffs.
func (p *Pager) HandOffNow(ctx context.Context) error { return p.tellHandoffs(ctx) }

// PretendLastLook says when this node last looked at the heartbeats.
func (p *Pager) PretendLastLook(at time.Time) { p.watched.Store(at.UnixNano()) }

// LastLook is when this node last looked at the heartbeats, in a unit that only grows.
func (p *Pager) LastLook() int64 { return p.watched.Load() }

// TellMaintenanceNow is one round of TellMaintenance.
func (p *Pager) TellMaintenanceNow(ctx context.Context) error { return p.tellMaintenance(ctx) }

// ReceiveTogether takes alerts in that came at the same moment, each while its context lasts (nil: for ever),
// and gives what waits for the answer of each.
func (p *Pager) ReceiveTogether(ctxs []context.Context, alerts ...engine.Alert) (answers []func() (Received, error)) {
	var some []*arrival
	for i, a := range alerts {
		in := &arrival{ctx: context.Background(), alert: storable(a), done: make(chan struct{})}
		if ctxs != nil {
			in.ctx = ctxs[i]
		}
		some = append(some, in)
		answers = append(answers, func() (Received, error) { <-in.done; return in.result, in.err })
	}
	go p.receive(some)
	return answers
}

// Waiting is how many alerts wait, each by itself, for what somebody else has.
func (p *Pager) Waiting() (n int) {
	p.waits.mu.Lock()
	defer p.waits.mu.Unlock()
	for _, of := range p.waits.turns {
		n += of.waiting
	}
	return n
}
