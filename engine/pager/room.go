package pager

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// Providers take so much from a sender and no more: what comes on top they refuse, or queue behind what is less bad.
// Rouse keeps to it instead, for all nodes together, and lets what is worst go first (see notifiers.Limit). What finds no
// room stays where it was, in the database, and the sweeper comes back to it.
const (
	jobWaitsForRoom    = 50 * time.Millisecond // then it leaves its place to others
	sweepWaitsForRoom  = 0                     // it comes back soon, and what is worse may be there by then
	noticeWaitsForRoom = time.Second
	noticeRestsForRoom = 10 * time.Second
	roomKnownFor       = time.Second // that there is none: a limit may be raised
)

// limited is of a channel whose providers may be.
type limited interface {
	Limited() bool
	Lanes(to string, avoid []string) []notifiers.Lane
	Prefixes() []string
}

// ticket is room for one message at a provider. The zero ticket is of what is not limited.
type ticket struct {
	via    string
	bucket *enginedb.Bucket
}

// bound is what is to be sent to an address.
type bound struct {
	place
	rank  notifiers.Rank
	avoid []string // providers it does not go through
}

// admit looks for room for one message, the preferred provider's first, and waits for it for a while. Without a database
// to ask there is room: whoever sends finds out.
func (p *Pager) admit(ctx context.Context, b bound, patience time.Duration) (ticket, bool) {
	chain, ok := p.cfg.Channels.On(notifiers.Channel(b.channel)).(limited)
	if !ok || !chain.Limited() {
		return ticket{}, true
	}
	keep := int(b.rank)
	lanes := chain.Lanes(b.address, b.avoid)
	until := time.Now().Add(patience)
	for {
		next := time.Hour
		for _, l := range lanes {
			if l.Limit.None() {
				return ticket{via: l.Provider}, true
			}
			t := ticket{l.Provider, &enginedb.Bucket{Provider: l.Provider, Sender: string(b.channel) + " " + l.Sender, Every: l.Limit.Every, Burst: l.Limit.Burst}}
			wait, err := p.rooms.take(ctx, enginedb.New(p.cfg.DB), *t.bucket, keep)
			if err != nil && ctx.Err() == nil {
				p.log.Warn("nobody knows how much room a provider has; sending all the same", "provider", l.Provider, "err", err)
			}
			if err != nil || wait == 0 {
				return t, true
			}
			next = min(next, wait)
		}
		if len(lanes) == 0 {
			return ticket{}, true // nobody can send it, and says so
		}
		if time.Until(until) < next {
			return ticket{}, false
		}
		select {
		case <-time.After(next):
		case <-ctx.Done():
			return ticket{}, false
		}
	}
}

// admitJob is admit for an attempt, whose address a job does not name: it would stand in the queue's table for an hour.
func (p *Pager) admitJob(ctx context.Context, ref enginedb.AttemptRef, channel rosters.Channel, rank notifiers.Rank) (t ticket, ok bool, err error) {
	if chain, ok := p.cfg.Channels.On(notifiers.Channel(channel)).(limited); !ok || !chain.Limited() {
		return ticket{}, true, nil
	}
	address, err := enginedb.New(p.cfg.DB).AttemptAddress(ctx, ref.Incident, ref.Attempt)
	if err != nil {
		return ticket{}, false, err
	}
	t, ok = p.admit(ctx, bound{place: place{channel, address}, rank: rank}, jobWaitsForRoom)
	return t, ok, nil
}

// elsewhere exchanges room at a provider that a message is not to go through, as it failed there, for room at another.
// Only the claim says so. What is late already does not wait for room.
func (p *Pager) elsewhere(ctx context.Context, c *claimed, rank notifiers.Rank, has ticket) ticket {
	if !slices.Contains(c.Avoid, has.via) {
		return has
	}
	p.unused(ctx, has)
	other, _ := p.admit(ctx, bound{place{c.Channel, c.Address}, rank, c.Avoid}, jobWaitsForRoom)
	return other
}

// unused gives room back that nothing was sent in.
func (p *Pager) unused(ctx context.Context, t ticket) {
	if t.bucket == nil {
		return
	}
	if err := enginedb.New(p.cfg.DB).GiveBack(context.WithoutCancel(ctx), *t.bucket); err != nil {
		p.log.Debug("room could not be given back", "err", err)
	}
}

// rooms spares the database questions: who has just heard that there is no room for the like of it for so long tells the
// others of this node.
type rooms struct {
	mu    sync.Mutex
	until map[room]time.Time
}

type room struct {
	enginedb.Bucket
	keep int
}

func (r *rooms) take(ctx context.Context, db enginedb.Store, b enginedb.Bucket, keep int) (time.Duration, error) {
	of := room{b, keep}
	r.mu.Lock()
	wait := time.Until(r.until[of])
	r.mu.Unlock()
	if wait > 0 {
		return wait, nil
	}
	wait, err := db.Take(ctx, b, keep)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || wait == 0 {
		return 0, err
	}
	if r.until == nil {
		r.until = map[room]time.Time{}
	}
	r.until[of] = time.Now().Add(min(wait, roomKnownFor))
	maps.DeleteFunc(r.until, func(_ room, until time.Time) bool { return time.Now().After(until) })
	return wait, nil
}

// searches are what the sweeper looks for on a channel, with so many places free: senders that are busy hold up no other.
func (p *Pager) searches(c rosters.Channel, free int) []enginedb.Room {
	chain, ok := p.cfg.Channels.On(notifiers.Channel(c)).(limited)
	if !ok || !chain.Limited() {
		return []enginedb.Room{{Channel: c, N: free}}
	}
	return enginedb.Rooms(c, chain.Prefixes(), free, int(p.turn.Add(1)))
}
