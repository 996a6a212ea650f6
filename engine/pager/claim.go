package pager

import (
	"context"
	"errors"
	"time"

	"rouse/engine/enginedb"
)

// taking is an attempt on its way into the hands of this node.
type taking struct {
	take    enginedb.Take
	claimed *claimed // nil: it could not be had together with others
	err     error
	done    chan struct{} // closed when it is known
}

// claimWithin is how long claims that share a statement may take.
const claimWithin = 5 * time.Second

// lease is what a worker of this node takes attempts for.
func (p *Pager) lease() enginedb.Lease {
	return enginedb.Lease{For: lease, Offset: p.Offset(), Pulse: p.cfg.Offset}
}

// claim takes an attempt, together with others that are claimed at the same time. While somebody else is at
// work on its incident it waits for its turn, in a queue that takes up few connections, for a moment, and
// then leaves the attempt to the next sweep.
func (p *Pager) claim(ctx context.Context, ref enginedb.AttemptRef, hash []byte) (*claimed, error) {
	t := &taking{take: enginedb.Take{AttemptRef: ref, Token: hash}, done: make(chan struct{})}
	p.claims.join(t)
	select {
	case <-t.done:
	case <-ctx.Done():
		return nil, ctx.Err() // if it was claimed nevertheless, its lease runs out
	}
	if t.claimed != nil || t.err != nil {
		return t.claimed, t.err
	}
	return p.claimAlone(ctx, ref, hash)
}

// claimTogether claims what can be claimed without waiting.
func (p *Pager) claimTogether(some []*taking) {
	ctx, cancel := context.WithTimeout(context.Background(), claimWithin)
	defer cancel()
	takes := make([]enginedb.Take, 0, len(some))
	for _, t := range some {
		takes = append(takes, t.take)
	}
	asked := time.Now()
	found, err := enginedb.New(p.cfg.DB).Claims(ctx, takes, p.lease())
	claims := make(map[enginedb.AttemptRef]enginedb.Claim, len(found))
	for _, c := range found {
		claims[c.AttemptRef] = c
	}
	for _, t := range some {
		if c, ok := claims[t.take.AttemptRef]; ok {
			t.claimed = p.holds(c, asked)
			delete(claims, t.take.AttemptRef) // a job that came twice has it once
		} else if err != nil && !refused(err) {
			t.err = err
		}
		close(t.done)
	}
}

// claimAlone claims an attempt by itself.
func (p *Pager) claimAlone(ctx context.Context, ref enginedb.AttemptRef, hash []byte) (*claimed, error) {
	for try := 1; ; try++ {
		asked := time.Now()
		c, err := enginedb.New(p.cfg.DB).Claim(ctx, ref, hash, p.lease())
		if err == nil {
			return p.holds(c, asked), nil
		}
		if !errors.Is(err, enginedb.ErrLocked) || try == claimTries {
			return nil, err
		}
		select {
		case p.turns <- struct{}{}:
			asked = time.Now()
			c, err = enginedb.New(p.cfg.DB).ClaimInTurn(ctx, ref, hash, p.lease(), claimWait)
			<-p.turns
			if err == nil {
				return p.holds(c, asked), nil
			}
			if !errors.Is(err, enginedb.ErrLocked) {
				return nil, err
			}
		case <-time.After(claimWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
