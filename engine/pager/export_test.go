package pager

import (
	"context"
	"sync"
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

// KeepDrillsNow is what KeepDrills does each time.
func (p *Pager) KeepDrillsNow(ctx context.Context) error {
	if err := p.interruptDrills(ctx); err != nil {
		return err
	}
	return p.drillBeforeShifts(ctx)
}

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

// Forget has the node ask how much room providers have, as if it had never heard.
func (p *Pager) Forget() {
	p.rooms.mu.Lock()
	defer p.rooms.mu.Unlock()
	clear(p.rooms.until)
}

// SendCanariesNow is one round of SendCanaries, until what it sent is back or is not waited for here.
func (p *Pager) SendCanariesNow(ctx context.Context) error {
	var out sync.WaitGroup
	defer out.Wait()
	return p.sendCanaries(ctx, &out)
}

// WatchBudgetsNow is one round of WatchBudgets.
func (p *Pager) WatchBudgetsNow(ctx context.Context) error { return p.watchBudgets(ctx) }
