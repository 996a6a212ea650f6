package pager

import (
	"context"
	"errors"

	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// repliedStop is why a contact is dead whose owner wants no texts.
const repliedStop = "the person replied STOP"

// OptOut sends no more texts to a number whose owner wants none, and tells its owner so another way, and those who
// own the rosters the person stands in. It reports whether there was anything to end.
func (p *Pager) OptOut(ctx context.Context, number string) (ended bool, err error) {
	db, people := enginedb.New(p.cfg.DB), rosterdb.New(p.cfg.DB)
	return p.owners(ctx, number, func(who rosters.PersonID) (bool, error) {
		contact := rosters.Contact{Channel: rosters.SMS, Address: number}
		ended, err := people.EndContacts(ctx, who, contact.Channel, contact.Address, repliedStop)
		if err != nil || !ended {
			return false, err
		}
		p.log.Warn("no more texts go to a number: "+repliedStop, "person", who)
		notices, err := p.obituary(ctx, people, who, contact, repliedStop)
		if err == nil {
			err = db.AddNotices(ctx, notices)
		}
		return true, err
	})
}

// OptIn uses again what was dead at a number: whoever texts from it has it in hand. It reports whether there
// was anything.
func (p *Pager) OptIn(ctx context.Context, number string) (revived bool, err error) {
	people := rosterdb.New(p.cfg.DB)
	return p.owners(ctx, number, func(who rosters.PersonID) (done bool, err error) {
		for _, channel := range []rosters.Channel{rosters.SMS, rosters.Voice} {
			revived, err := people.ReviveContacts(ctx, who, channel, number)
			if err != nil {
				return done, err
			}
			done = done || revived
		}
		if done {
			p.log.Info("a number is used again: the person replied START", "person", who)
		}
		return done, nil
	})
}

// owners does something for everybody who has a contact at a number, and reports whether it did anything for
// somebody.
func (p *Pager) owners(ctx context.Context, number string, do func(rosters.PersonID) (bool, error)) (any bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	ids, err := rosterdb.New(p.cfg.DB).PeopleByAddress(ctx, number)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, id := range ids {
		done, err := do(id)
		any, errs = any || done, append(errs, err)
	}
	return any, errors.Join(errs...)
}
