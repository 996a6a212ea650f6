package pager

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	watchFirst = 5 * time.Minute // after the start, and up to twice that
	watchEvery = time.Hour       // more or less
	watchAhead = 7 * 24 * time.Hour
	dayAhead   = 24 * time.Hour
	// So many holes are told of in one go: whoever has more has a roster that was never filled.
	watchMost = 100
)

// WatchCoverage looks once an hour whether in the next seven days some alert would find nobody to page, until
// ctx ends: the owners of the service and whoever is on call at the catch-all are told seven days and one
// day ahead. Any number of nodes may do it: nobody is told twice.
func (p *Pager) WatchCoverage(ctx context.Context) {
	wait := watchFirst + rand.N(watchFirst)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := p.watchCoverage(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("looking for holes failed; trying again later", "err", err)
		}
		wait = watchEvery*3/4 + rand.N(watchEvery/2)
	}
}

func (p *Pager) watchCoverage(ctx context.Context) error {
	channels := map[rosters.Channel]bool{}
	for _, c := range p.cfg.Channels.All() {
		channels[rosters.Channel(c)] = true
	}
	who := rosterdb.New(p.cfg.DB)
	now, err := who.Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(p.Offset())
	c, err := ReadCoverage(ctx, p.cfg.DB, p.cfg.CatchAll, Usable{channels, p.cfg.VerifiedOnly}, now, now.Add(watchAhead))
	if err != nil {
		return err
	}
	var notices []enginedb.Notice
	uncovered, told := time.Duration(0), 0
	owners := map[engine.ServiceID][]rosters.PersonID{}
	for h := range c.Holes(now, now.Add(watchAhead)) {
		uncovered += h.To.Sub(h.From)
		if told++; told > watchMost {
			continue
		}
		if _, known := owners[h.Service]; !known && h.Service != "" {
			if owners[h.Service], err = p.ownersOf(ctx, h.Service); err != nil {
				return err
			}
		}
		notices = append(notices, p.warnings(c, h, now, owners[h.Service])...)
	}
	p.metrics.uncovered.Set(uncovered.Seconds())
	return enginedb.New(p.cfg.DB).AddNotices(ctx, notices)
}

// warnings are what is to be told of a hole by now.
func (p *Pager) warnings(c engine.Coverage, h engine.Hole, now time.Time, owners []rosters.PersonID) (all []enginedb.Notice) {
	kind, horizon := "hole in a week", now.Add(watchAhead)
	if h.From.Sub(now) <= dayAhead {
		kind = "hole in a day"
	}
	people := slices.Clone(owners)
	if imoc := c.Calendars[c.CatchAll.Roster]; imoc != nil {
		people = append(people, imoc.OnCall(now)...)
	} else {
		people = append(people, c.CatchAll.LastResort...)
	}
	slices.Sort(people)
	for _, id := range slices.Compact(people) {
		who := c.People[id]
		// A hole is known by where it is and when it ends: one that has begun begins anew each time it is looked at, and
		// one that ends later than is looked does not end yet.
		ends := "further notice"
		if h.To.Before(horizon) {
			ends = h.To.UTC().Format(time.RFC3339)
		}
		latest := h.From
		if !latest.After(now) {
			latest = h.To
		}
		all = append(all, enginedb.Notice{Person: id, Kind: kind, About: fmt.Sprintf("%s until %s", h.Where(), ends),
			Text: "An alert would find nobody: " + h.Text(who.Location()), Due: rosters.NextDaytime(who.Zone, now, latest), Until: h.To})
	}
	return all
}

// ownersOf lists the owners of the team that owns a service.
func (p *Pager) ownersOf(ctx context.Context, service engine.ServiceID) (owners []rosters.PersonID, err error) {
	who := rosterdb.New(p.cfg.DB)
	teams, err := who.Owners(ctx, rosterdb.OwnedService, []string{string(service)})
	if err != nil || teams[string(service)] == "" {
		return nil, err
	}
	team, err := who.Team(ctx, teams[string(service)])
	for _, m := range team.Members {
		if m.Role == rosters.Owner {
			owners = append(owners, m.Person)
		}
	}
	return owners, err
}
