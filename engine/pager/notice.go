package pager

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	noticeEvery  = 5 * time.Second
	noticeLease  = time.Minute // sending included, which begins at once
	noticesAtOne = answerers
	noticeWithin = 30 * time.Second // a provider has to take it
	// A notice that could not be told rests a minute for each time, and takes the person's next contact.
	noticeRest = time.Minute
	noticeRuns = 10
)

// errNoRoom says that providers are busy with pages.
var errNoRoom = errors.New("no provider has room for it now")

// TellNotices tells people what is kept for them in ordinary words, until ctx ends. Any number of nodes
// may do it. Pages go their own way and never wait for it.
func (p *Pager) TellNotices(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(noticeEvery):
		}
		if err := p.tellNotices(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("notices could not be told; trying again", "err", err)
		}
	}
}

func (p *Pager) tellNotices(ctx context.Context) error {
	db := enginedb.New(p.cfg.DB)
	for {
		due, err := db.ClaimNotices(ctx, noticesAtOne, enginedb.Lease{For: noticeLease, Offset: p.Offset()})
		if err != nil || len(due) == 0 {
			return err
		}
		if due, err = gathered(ctx, db, due); err != nil {
			return err
		}
		errs := make([]error, len(due))
		each(len(due), func(i int) { errs[i] = recovered(func() error { return p.tryNotice(ctx, due[i]) }) })
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
}

// tryNotice tells a notice, or lets it rest. A node that dies in between leaves it to the next one when the
// lease is over, so that a person may be told twice, but not never.
func (p *Pager) tryNotice(ctx context.Context, n enginedb.Notice) error {
	db := enginedb.New(p.cfg.DB)
	who, err := rosterdb.New(p.cfg.DB).Person(ctx, n.Person)
	if err == nil {
		rest, err := p.quietFor(ctx, who, n)
		if err != nil {
			return err
		}
		if rest > 0 {
			return db.PutOffNotice(ctx, n.ID, enginedb.Lease{For: rest, Offset: p.Offset()})
		}
	}
	var via rosters.Channel
	if err == nil {
		via, err = p.tellNotice(ctx, who, n)
	}
	p.reach(NoticeSent)
	switch {
	case err == nil:
		return db.NoticeTold(ctx, n.ID, via)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errNoRoom):
		return db.PutOffNotice(ctx, n.ID, enginedb.Lease{For: noticeRestsForRoom, Offset: p.Offset()})
	}
	why := notifiers.MaskNumbers(err.Error())
	p.log.Warn("a notice could not be told", "person", n.Person, "kind", n.Kind, "try", n.Tries, "err", why)
	return db.NoticeRests(ctx, n.ID, enginedb.Lease{For: min(time.Duration(n.Tries), noticeRuns) * noticeRest, Offset: p.Offset()}, why)
}

// quietFor is how long a notice waits for the end of its person's quiet hours: not at all if it is of no use by
// then.
func (p *Pager) quietFor(ctx context.Context, who rosters.Person, n enginedb.Notice) (time.Duration, error) {
	if who.Quiet == (rosters.Quiet{}) {
		return 0, nil
	}
	now, err := rosterdb.New(p.cfg.DB).Now(ctx)
	if err != nil {
		return 0, err
	}
	now = now.Add(p.Offset())
	until := who.QuietUntil(now)
	if !until.Before(n.Until) {
		return 0, nil
	}
	return until.Sub(now), nil
}

// tellNotice sends to one of the person's contacts that wake nobody, each time to the next.
func (p *Pager) tellNotice(ctx context.Context, who rosters.Person, n enginedb.Notice) (via rosters.Channel, err error) {
	quiet := who.Hears(p.usable)
	if len(quiet) == 0 {
		return "", errors.New("there is no contact to tell it to: a push or an SMS")
	}
	if others := slices.DeleteFunc(slices.Clone(quiet), func(c rosters.Contact) bool { return c.Channel == rosters.WebPush }); n.Kind == enginedb.KindBrowserAdded && len(others) > 0 {
		quiet = others
	}
	slices.SortStableFunc(quiet, func(a, b rosters.Contact) int { return cmp.Compare(a.After, b.After) })
	c := quiet[(n.Tries-1)%len(quiet)]
	if c.Channel == rosters.SMS && n.Reply != "" {
		n.Text = n.Reply + " " + n.Text // what is too long is cut at its end
	}
	ctx, cancel := context.WithTimeout(ctx, noticeWithin)
	defer cancel()
	room, ok := p.admit(ctx, bound{place: place{c.Channel, c.Address}, rank: notifiers.RankLast}, noticeWaitsForRoom)
	if !ok {
		return "", errNoRoom
	}
	r, err := p.cfg.Channels.On(notifiers.Channel(c.Channel)).Notify(ctx, notifiers.Message{
		Nonce: rand.Text(), Channel: notifiers.Channel(c.Channel), Purpose: notifiers.Notice, To: c.Address, Language: who.Language, Text: n.Text, Via: room.via})
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.Channel, err)
	}
	if r.State == notifiers.Failed {
		return "", fmt.Errorf("%s: %s", c.Channel, cmp.Or(r.Detail, "refused"))
	}
	return c.Channel, nil
}
