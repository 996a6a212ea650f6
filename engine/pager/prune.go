package pager

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters/rosterdb"
)

// Keep is how long what grows is kept. Zero is for ever.
type Keep struct {
	Raw       time.Duration // the originals of alerts; and alerts that concerned no incident, as a whole
	Incidents time.Duration // resolved incidents, from then on, with all that hangs on them; MinKeepIncidents at least
}

// MinKeepIncidents is how long the codes of an incident's pages, which go with it, are not given again: a
// reply that comes late must not answer another page.
const MinKeepIncidents = 30 * 24 * time.Hour

// keepSeen is how long callbacks that were acted on are remembered: far longer than any provider repeats one.
const keepSeen = 30 * 24 * time.Hour

// keepWishes is how long no other wish gets the code of one that counts no more.
const keepWishes = 30 * 24 * time.Hour

const (
	pruneFirst = 3 * time.Minute // after the start, and up to twice that: starting is busy enough
	pruneEvery = time.Hour       // more or less, so that nodes that started together do not meet
	pruneBatch = 1000            // rows of one transaction
	prunePause = 200 * time.Millisecond
	// An incident takes some thirty rows with it.
	pruneIncidents = 100
)

// Pruned is how much was removed.
type Pruned struct{ Seen, Requests, Notices, Wishes, Deleted, Originals, Strays, Incidents int64 }

// PruneHourly removes what is no longer to be kept, until ctx ends. Any number of nodes may do it: one works
// at a time.
func (p *Pager) PruneHourly(ctx context.Context, keep Keep) {
	wait := pruneFirst + rand.N(pruneFirst)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if _, err := p.Prune(ctx, keep); err != nil && ctx.Err() == nil {
			p.log.Error("pruning failed; trying again later", "err", err)
		}
		wait = pruneEvery*3/4 + rand.N(pruneEvery/2)
	}
}

// Prune removes, now, what is no longer to be kept, in small transactions with pauses between, and logs what
// it was. It does nothing that another node is doing, and waits for no lock that a page needs.
func (p *Pager) Prune(ctx context.Context, keep Keep) (Pruned, error) {
	var done Pruned
	db := enginedb.New(p.cfg.DB)
	removeIncidents := func(ctx context.Context, b enginedb.Prune) (int64, error) {
		return db.PruneIncidents(ctx, b, p.cfg.KeyPrefix)
	}
	forgetWishes := func(ctx context.Context, b enginedb.Prune) (int64, error) {
		now, err := rosterdb.New(p.cfg.DB).Now(ctx)
		if err != nil {
			return 0, err
		}
		return rosterdb.New(p.cfg.DB).PruneWishes(ctx, now.Add(b.Offset-b.Keep), b.Limit)
	}
	emptyTrash := func(ctx context.Context, _ enginedb.Prune) (int64, error) {
		return rosterdb.New(p.cfg.DB).EmptyTrash(ctx)
	}
	var err error
	for _, kind := range []struct {
		name   string
		keep   time.Duration
		batch  int
		remove func(context.Context, enginedb.Prune) (int64, error)
		n      *int64
	}{
		{"seen", keepSeen, pruneBatch, db.PruneSeen, &done.Seen},
		{"requests", enginedb.RequestsKept, pruneBatch, db.PruneRequests, &done.Requests},
		{"notices", keepSeen, pruneBatch, db.PruneNotices, &done.Notices},
		{"wishes", keepWishes, pruneBatch, forgetWishes, &done.Wishes},
		{"deleted", rosterdb.KeptFor, pruneBatch, emptyTrash, &done.Deleted},
		{"originals", keep.Raw, pruneBatch, db.PruneRaw, &done.Originals},
		{"strays", keep.Raw, pruneBatch, db.PruneStrays, &done.Strays},
		{"incidents", keep.Incidents, pruneIncidents, removeIncidents, &done.Incidents},
	} {
		if kind.keep == 0 {
			continue
		}
		*kind.n, err = p.pruneAll(ctx, enginedb.Prune{Offset: p.Offset(), Keep: kind.keep, Limit: kind.batch}, kind.remove)
		p.metrics.pruned.WithLabelValues(kind.name).Add(float64(*kind.n))
		if err != nil {
			break
		}
	}
	if done != (Pruned{}) {
		p.log.Info("pruned what was old", "callbacks", done.Seen, "requests", done.Requests, "notices", done.Notices, "wishes", done.Wishes, "deleted", done.Deleted, "originals_of_alerts", done.Originals,
			"alerts_without_incident", done.Strays, "incidents", done.Incidents)
	}
	if errors.Is(err, enginedb.ErrLocked) {
		return done, nil // another node is at it
	}
	return done, err
}

// pruneAll removes batch after batch, until one is not full.
func (p *Pager) pruneAll(ctx context.Context, b enginedb.Prune, remove func(context.Context, enginedb.Prune) (int64, error)) (total int64, err error) {
	for {
		n, err := remove(ctx, b)
		total += n
		if err != nil || n < int64(b.Limit) {
			return total, err
		}
		select {
		case <-ctx.Done():
			return total, ctx.Err()
		case <-time.After(prunePause):
		}
	}
}
