// Package devices keeps the browsers that people have subscribed to pushes with, as contacts of theirs.
package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine/enginedb"
	"rouse/notifiers/webpush"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Desk is where browsers are added.
type Desk struct {
	db     enginedb.DB
	offset func() time.Duration
}

// New makes a Desk. The offset is what is added to the database's clock.
func New(db enginedb.DB, offset func() time.Duration) *Desk { return &Desk{db, offset} }

// toldFor is how long somebody can still be told of new browsers, which they are once an hour at the most.
const toldFor = 7 * 24 * time.Hour

// ErrFull says that somebody has as many contacts as one may have.
var ErrFull = errors.New("as many contacts as a person may have")

const tries = 5 // while others change the same person

// Add makes a browser a contact of somebody, to be pushed to at once. Adding it again does nothing, but that
// one which had ended is used again; another subscription of the same browser takes the place of the old one.
// The person is told of a new one by another contact: whoever has the link of a page can add one, and it goes on getting
// pages when the link is long of no use. ErrFull: there is no room. rosterdb.ErrNotFound: there is no such person any more.
func (d *Desk) Add(ctx context.Context, who rosters.PersonID, subscription webpush.Subscription) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, d.db, func(tx pgx.Tx) error { return d.add(ctx, tx, who, subscription) })
		if err == nil || try == tries || !errors.Is(err, rosterdb.ErrVersion) {
			return err
		}
	}
}

func (d *Desk) add(ctx context.Context, tx pgx.Tx, who rosters.PersonID, subscription webpush.Subscription) error {
	people := rosterdb.New(tx)
	p, err := people.StoredPerson(ctx, who)
	if err != nil {
		return err
	}
	contact := rosters.Contact{Channel: rosters.WebPush, Address: subscription.String()}
	i := slices.IndexFunc(p.Contacts, func(c rosters.Contact) bool {
		old, err := webpush.ParseSubscription(c.Address)
		return c.Channel == rosters.WebPush && err == nil && old.Equal(subscription)
	})
	switch {
	case i < 0:
		p.Contacts = append(p.Contacts, contact)
	case p.Contacts[i].Address == contact.Address && !p.Contacts[i].Disabled:
		return nil
	default:
		p.Contacts[i].Address, p.Contacts[i].Disabled = contact.Address, false
	}
	if err := p.Person.Validate(); err != nil {
		var wrong rosters.FieldErrors
		if errors.As(err, &wrong) && slices.ContainsFunc(wrong, func(f rosters.FieldError) bool { return f.Field == "/contacts" }) {
			err = ErrFull
		}
		return fmt.Errorf("adding a browser to %s: %w", who, err)
	}
	if err := people.UpdatePerson(ctx, p.Person, p.Version); err != nil {
		return err
	}
	now, err := people.Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(d.offset())
	return enginedb.New(tx).AddNotices(ctx, []enginedb.Notice{{Person: who, Kind: enginedb.KindBrowserAdded, About: now.UTC().Truncate(time.Hour).Format(time.RFC3339), Until: now.Add(toldFor),
		Text: "A browser was added to what you are paged by, with the link of a page. If that was not you, remove it: rouse contact list " + string(who)}})
}
