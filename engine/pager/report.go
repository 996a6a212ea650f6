package pager

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// news is what a provider said about an attempt, on its way to the engine.
type news struct {
	settle enginedb.Settlement
	state  engine.AttemptState
	other  bool // of one that failed: another provider may bring it
	held   bool // it was written: the attempt was not given to another worker
	alone  bool // it needs a transaction of its own
	err    error
	done   chan struct{} // closed when held or err is there
}

// reportWithin is how long news that shares a transaction may take.
const reportWithin = 5 * time.Second

// report brings a receipt to the engine, together with others that come at the same time. A worker's
// carries its generation; false says that the attempt was given to another worker, and nothing was written.
func (p *Pager) report(ctx context.Context, ref enginedb.AttemptRef, r notifiers.Receipt) (bool, error) {
	n := &news{state: engine.AttemptState(r.State), other: r.Elsewhere, done: make(chan struct{}), settle: enginedb.Settlement{AttemptRef: ref,
		Provider: text(r.Provider, maxWord), ProviderID: text(r.ProviderID, maxWord), Detail: text(r.Detail, maxSummary)}}
	p.reports.join(n)
	select {
	case <-n.done:
		return n.held, n.err
	case <-ctx.Done():
		return false, fmt.Errorf("reporting attempt %d of incident %d: %w", ref.Attempt, ref.Incident, ctx.Err())
	}
}

// reportTogether brings news to the engine in one transaction, and by itself what could not be.
func (p *Pager) reportTogether(some []*news) {
	ctx, cancel := context.WithTimeout(context.Background(), reportWithin)
	defer cancel()
	err := p.inOneTx(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (func(), error) {
		return p.reportIn(ctx, tx, some, digits, false)
	})
	for _, n := range some {
		switch {
		case err != nil && !refused(err):
			n.held, n.err = false, err
			close(n.done)
		case err != nil || n.alone:
			go p.reportAlone(n)
		default:
			close(n.done)
		}
	}
}

func (p *Pager) reportAlone(n *news) {
	ctx, cancel := context.WithTimeout(context.Background(), reportWithin)
	defer cancel()
	n.err = p.inTx(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (func(), error) {
		return p.reportIn(ctx, tx, []*news{n}, digits, true)
	})
	close(n.done)
}

// reportIn brings news to the engine. News about incidents that somebody else holds, and all but the first
// about one incident, is left and marked; one that is alone waits for its incident.
func (p *Pager) reportIn(ctx context.Context, tx pgx.Tx, some []*news, digits int, alone bool) (func(), error) {
	var wants []enginedb.Want
	mine := map[int64]*news{}
	for _, n := range some {
		n.held, n.alone = false, mine[n.settle.Incident] != nil
		if n.alone {
			continue
		}
		mine[n.settle.Incident] = n
		wants = append(wants, enginedb.Want{ID: n.settle.Incident, Named: enginedb.Named{Attempt: n.settle.Attempt}, Settle: &n.settle})
	}
	found, err := enginedb.New(tx).Lock(ctx, wants, p.Offset(), !alone)
	if err != nil {
		return nil, err
	}
	now := time.Time{}
	for _, inc := range found {
		now = later(now, inc.Now)
	}
	w := p.work(ctx, tx, digits, now)
	for _, inc := range found {
		n := mine[inc.ID]
		delete(mine, inc.ID)
		if n.held = inc.Settled; !n.held {
			continue
		}
		d := w.draft(inc)
		d.Settle = &n.settle
		if err := w.step(d, engine.Reported{Attempt: n.settle.Attempt, State: n.state, Detail: n.settle.Detail, Elsewhere: n.other}); err != nil {
			return nil, err
		}
	}
	for _, n := range mine {
		if alone {
			return nil, fmt.Errorf("incident %d: %w", n.settle.Incident, enginedb.ErrNotFound)
		}
		n.alone = true
	}
	return w.save()
}
