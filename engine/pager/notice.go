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
	noticeLease  = time.Minute // for one, sending included
	noticesAtOne = 20
	noticeWithin = 30 * time.Second // a provider has to take it
	// A notice that could not be told rests a minute for each time, and takes the person's next contact.
	noticeRest = time.Minute
	noticeRuns = 10
)

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
		for _, n := range due {
			if err := p.tellNotice(ctx, n); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				p.log.Warn("a notice could not be told", "person", n.Person, "kind", n.Kind, "try", n.Tries, "err", notifiers.MaskNumbers(err.Error()))
				if err := db.NoticeRests(ctx, n.ID, min(time.Duration(n.Tries), noticeRuns)*noticeRest, notifiers.MaskNumbers(err.Error())); err != nil {
					return err
				}
				continue
			}
			if err := db.NoticeTold(ctx, n.ID); err != nil {
				return err
			}
		}
	}
}

// tellNotice sends to one of the person's contacts that wake nobody, each time to the next.
func (p *Pager) tellNotice(ctx context.Context, n enginedb.Notice) error {
	who, err := rosterdb.New(p.cfg.DB).Person(ctx, n.Person)
	if err != nil {
		return err
	}
	var quiet []rosters.Contact
	for _, c := range who.Contacts {
		if _, ok := p.cfg.Channels[notifiers.Channel(c.Channel)]; ok && !c.Disabled && c.Channel != rosters.Voice {
			quiet = append(quiet, c)
		}
	}
	if len(quiet) == 0 {
		return errors.New("there is no contact to tell it to: a push or an SMS")
	}
	slices.SortStableFunc(quiet, func(a, b rosters.Contact) int { return cmp.Compare(a.After, b.After) })
	c := quiet[(n.Tries-1)%len(quiet)]
	ctx, cancel := context.WithTimeout(ctx, noticeWithin)
	defer cancel()
	r, err := p.cfg.Channels[notifiers.Channel(c.Channel)].Notify(ctx, notifiers.Message{
		Nonce: rand.Text(), Channel: notifiers.Channel(c.Channel), Purpose: notifiers.Notice, To: c.Address, Language: who.Language, Text: n.Text})
	if err != nil {
		return fmt.Errorf("%s: %w", c.Channel, err)
	}
	if r.State == notifiers.Failed {
		return fmt.Errorf("%s: %s", c.Channel, cmp.Or(r.Detail, "refused"))
	}
	return nil
}
