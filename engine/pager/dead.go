package pager

import (
	"context"
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
	kindDead      = "contact ended"
	deadNoticeFor = 7 * 24 * time.Hour
)

// buried takes a contact that a provider calls dead out of use, and has its owner told another way, and those
// who own the rosters the person stands in. If this node dies before, the next message to it fails likewise.
func (p *Pager) buried(ctx context.Context, ref enginedb.AttemptRef, r notifiers.Receipt) {
	if !r.Gone {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer cancel()
	if err := p.bury(ctx, ref, r.Detail); err != nil {
		p.log.Warn("a dead contact is still in use", "incident", ref.Incident, "attempt", ref.Attempt, "err", notifiers.MaskNumbers(err.Error()))
	}
}

func (p *Pager) bury(ctx context.Context, ref enginedb.AttemptRef, why string) error {
	db, people := enginedb.New(p.cfg.DB), rosterdb.New(p.cfg.DB)
	if err := db.AttemptGone(ctx, ref.Incident, ref.Attempt); err != nil {
		return err
	}
	who, contact, err := db.AttemptedContact(ctx, ref.Incident, ref.Attempt)
	if err != nil {
		return err
	}
	ended, err := people.EndContacts(ctx, who, contact.Channel, contact.Address, why)
	if err != nil || !ended {
		return err
	}
	p.log.Warn("a contact is used no longer: a provider says that nothing reaches it", "person", who, "channel", contact.Channel, "why", why)
	notices, err := p.obituary(ctx, people, who, contact, why)
	if err != nil {
		return err
	}
	return db.AddNotices(ctx, notices)
}

// obituary says to whom what is to be told of a contact that has ended.
func (p *Pager) obituary(ctx context.Context, people rosterdb.Store, who rosters.PersonID, contact rosters.Contact, why string) ([]enginedb.Notice, error) {
	person, err := people.Person(ctx, who)
	if errors.Is(err, rosterdb.ErrNotFound) {
		return nil, nil // taken off meanwhile
	}
	if err != nil {
		return nil, err
	}
	now, err := people.Now(ctx)
	if err != nil {
		return nil, err
	}
	now = now.Add(p.Offset())
	about := fmt.Sprintf("%s of %s at %s", contact.Channel, who, now.UTC().Format(time.RFC3339))
	told := func(id rosters.PersonID, text string) enginedb.Notice {
		return enginedb.Notice{Person: id, Kind: kindDead, About: about, Text: text, Until: now.Add(deadNoticeFor)}
	}
	end := fmt.Sprintf("nothing reaches %%s %s (%s) any more: %s. Rouse uses it no longer", contact.Channel, shown(contact), why)
	notices := []enginedb.Notice{told(who, fmt.Sprintf(end, "your")+"; see to another one.")}
	owners, err := p.ownersOver(ctx, people, who, now)
	if err != nil {
		return nil, err
	}
	for _, id := range owners {
		if id != who {
			notices = append(notices, told(id, fmt.Sprintf(end, person.Name+"'s")+"."))
		}
	}
	return notices, nil
}

// shown is as much of an address as others may see.
func shown(c rosters.Contact) string {
	switch c.Channel {
	case rosters.SMS, rosters.Voice:
		return notifiers.MaskNumber(c.Address)
	default:
		return "…"
	}
}

// ownersOver lists the owners of the teams that own the rosters somebody stands in.
func (p *Pager) ownersOver(ctx context.Context, people rosterdb.Store, who rosters.PersonID, now time.Time) (owners []rosters.PersonID, err error) {
	uses, err := people.PersonUses(ctx, who, now)
	if err != nil {
		return nil, err
	}
	var slugs []string
	for _, u := range uses {
		slugs = append(slugs, string(u.Roster))
	}
	teams, err := people.Owners(ctx, rosterdb.OwnedRoster, slugs)
	if err != nil {
		return nil, err
	}
	seen := map[rosters.TeamID]bool{}
	for _, id := range teams {
		if seen[id] {
			continue
		}
		seen[id] = true
		team, err := people.Team(ctx, id)
		if err != nil && !errors.Is(err, rosterdb.ErrNotFound) {
			return nil, err
		}
		for _, m := range team.Members {
			if m.Role == rosters.Owner {
				owners = append(owners, m.Person)
			}
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners), nil
}
