package pager

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
)

// startTicks lets time pass for incidents, so many together, beside the others. There is a free ticker: the
// sweeper asked for no more incidents than there are places.
func (p *Pager) startTicks(ctx context.Context, due []int64) {
	due = slices.DeleteFunc(due, func(id int64) bool { return !p.busy.begin(id) })
	free := max(1, cap(p.tickers)-len(p.tickers))
	share := min(together, max(fewTicks, (len(due)+free-1)/free))
	for ids := range slices.Chunk(due, share) {
		p.tickers <- struct{}{}
		p.sweeping.Go(func() {
			defer func() {
				<-p.tickers
				if len(p.tickers) == cap(p.tickers)-1 {
					p.wake()
				}
			}()
			p.tick(ctx, ids)
		})
	}
}

// tick lets time pass for incidents in one transaction, and one by one if that fails. Those that somebody
// else is at work on, and that are still due then, a later sweep sees.
func (p *Pager) tick(ctx context.Context, ids []int64) {
	p.reach(TickDue)
	locked, err := p.tickTogether(ctx, ids)
	p.reach(TickCommitted)
	if err != nil && len(ids) > 1 && refused(err) {
		for _, id := range ids {
			p.tick(ctx, []int64{id})
		}
		return
	}
	for _, id := range ids {
		switch {
		case err != nil:
			p.busy.end(id, err)
		case slices.Contains(locked, id):
			p.busy.end(id, enginedb.ErrLocked)
		default:
			p.busy.end(id, nil)
		}
	}
	if err != nil && ctx.Err() == nil {
		p.log.Error("tick failed", "incidents", ids, "err", err)
	}
}

func (p *Pager) tickTogether(ctx context.Context, ids []int64) (locked []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	in := p.inTx
	if len(ids) > 1 {
		in = p.inOneTx
	}
	err = recovered(func() error {
		return in(ctx, p.cfg.DB, func(tx pgx.Tx, digits int) (func(), error) {
			locked = slices.Clone(ids)
			return p.tickIn(ctx, tx, &locked, digits)
		})
	})
	return locked, err
}

// tickIn takes out of ids those for which time has passed.
func (p *Pager) tickIn(ctx context.Context, tx pgx.Tx, ids *[]int64, digits int) (func(), error) {
	wants := make([]enginedb.Want, 0, len(*ids))
	for _, id := range *ids {
		wants = append(wants, enginedb.Want{ID: id})
	}
	found, err := enginedb.New(tx).Lock(ctx, wants, p.Offset(), true)
	if err != nil {
		return nil, err
	}
	now := time.Time{}
	var levels []engine.Level
	for _, inc := range found {
		now = later(now, inc.Now)
		levels = append(levels, nextLevels(inc.Incident)...)
	}
	w := p.work(ctx, tx, digits, now)
	if err := w.world.look(levels); err != nil {
		return nil, err
	}
	for _, inc := range found {
		*ids = slices.DeleteFunc(*ids, func(id int64) bool { return id == inc.ID })
		if err := w.step(w.draft(inc), engine.Tick{}); err != nil {
			return nil, err
		}
	}
	return w.save()
}

// nextLevels are the levels that a tick is likeliest to begin.
func nextLevels(inc engine.Incident) (levels []engine.Level) {
	for _, e := range inc.Escalations {
		next := e.Level
		switch e.State {
		case engine.Climbing:
			next = (e.Level + 1) % len(e.Ladder.Levels)
		case engine.Waiting:
		default:
			continue
		}
		levels = append(levels, e.Ladder.Levels[next])
	}
	return levels
}
