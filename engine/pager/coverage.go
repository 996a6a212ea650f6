package pager

import (
	"context"
	"fmt"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// everything is more than there is of anything that admins keep.
const everything = 1_000_000

// Usable says on which contacts a server sends.
type Usable struct {
	Channels     map[rosters.Channel]bool
	VerifiedOnly bool // not to those that were not verified
}

// ReadCoverage reads all that says who is paged for what within [from, to). What cannot be read of a roster
// has nobody on call, as when it is paged.
func ReadCoverage(ctx context.Context, db rosterdb.DB, catchAll engine.CatchAll, usable Usable, from, to time.Time) (engine.Coverage, error) {
	c := engine.Coverage{CatchAll: catchAll, Channels: usable.Channels, VerifiedOnly: usable.VerifiedOnly,
		Calendars: map[rosters.RosterID]*rosters.Calendar{}, People: map[rosters.PersonID]rosters.Person{}}
	who, what := rosterdb.New(db), enginedb.New(db)
	services, err := what.Services(ctx, "", "", everything)
	if err != nil {
		return c, err
	}
	for _, s := range services {
		c.Services = append(c.Services, s.Service)
	}
	policies, err := what.Policies(ctx, "", "", everything)
	if err != nil {
		return c, err
	}
	for _, p := range policies {
		c.Policies = append(c.Policies, p.Policy)
	}
	ids, err := who.RosterIDs(ctx, "", "", everything)
	if err != nil {
		return c, err
	}
	found, err := who.RostersDuring(ctx, ids, from, to)
	if err != nil {
		return c, fmt.Errorf("reading all rosters: %w", err)
	}
	for _, r := range found {
		c.Calendars[r.ID], _ = r.Compile()
	}
	if c.Failed, err = FailedDrills(ctx, what); err != nil {
		return c, err
	}
	people, err := who.StoredPeople(ctx, "", everything)
	for _, p := range people {
		c.People[p.ID] = p.Person
	}
	return c, err
}

// FailedDrills says whose last drill failed, and when it was.
func FailedDrills(ctx context.Context, db enginedb.Store) (map[rosters.PersonID]time.Time, error) {
	last, err := db.LastDrills(ctx, nil)
	if err != nil {
		return nil, err
	}
	failed := map[rosters.PersonID]time.Time{}
	for who, d := range last {
		if d.Result == enginedb.DrillFailed {
			failed[who] = d.At
		}
	}
	return failed, nil
}
