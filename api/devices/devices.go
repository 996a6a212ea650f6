// Package devices keeps the browsers that people have subscribed to pushes with, as contacts of theirs.
package devices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"rouse/notifiers/webpush"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Desk is where browsers are added.
type Desk struct {
	rosters rosterdb.Store
	log     *slog.Logger
}

// New makes a Desk.
func New(store rosterdb.Store, log *slog.Logger) *Desk { return &Desk{store, log} }

// ErrFull says that somebody has as many contacts as one may have.
var ErrFull = errors.New("as many contacts as a person may have")

const tries = 5 // while others change the same person

// Add makes a browser a contact of somebody, to be pushed to at once. Adding it again does nothing, but that
// one which had ended is used again; another subscription of the same browser takes the place of the old one.
// ErrFull: there is no room. rosterdb.ErrNotFound: there is no such person any more.
func (d *Desk) Add(ctx context.Context, who rosters.PersonID, subscription webpush.Subscription) error {
	for try := 1; ; try++ {
		err := d.add(ctx, who, subscription)
		if err == nil || try == tries || !errors.Is(err, rosterdb.ErrVersion) {
			return err
		}
	}
}

func (d *Desk) add(ctx context.Context, who rosters.PersonID, subscription webpush.Subscription) error {
	p, err := d.rosters.StoredPerson(ctx, who)
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
	return d.rosters.UpdatePerson(ctx, p.Person, p.Version)
}
