package pager

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

const (
	maintenanceEvery = 30 * time.Second // more or less
	kindMaintenance  = "maintenance"
)

// TellMaintenance tells whoever is on call for a service that it is being worked on, and so pages nobody,
// until ctx ends. Any number of nodes may do it: nobody is told twice of one occurrence.
func (p *Pager) TellMaintenance(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(maintenanceEvery*3/4 + rand.N(maintenanceEvery/2)):
		}
		if err := p.tellMaintenance(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("maintenances could not be told; trying again", "err", err)
		}
	}
}

func (p *Pager) tellMaintenance(ctx context.Context) error {
	db, who := enginedb.New(p.cfg.DB), rosterdb.New(p.cfg.DB)
	now, err := who.Now(ctx)
	if err != nil {
		return err
	}
	now = now.Add(p.Offset()).UTC()
	version, err := db.RoutingVersion(ctx)
	if err != nil {
		return err
	}
	routing, err := p.routing.at(ctx, db, version)
	if err != nil {
		return err
	}
	var notices []enginedb.Notice
	for service, windows := range routing.Windows {
		for _, w := range windows {
			spans, err := w.Between(now, now.Add(engine.MaxMaintenance))
			if err != nil || len(spans) == 0 || spans[0].From.After(now) {
				continue
			}
			found, err := p.maintenanceNotices(ctx, service, w.Maintenance, spans[0], now)
			if err != nil {
				return err
			}
			notices = append(notices, found...)
		}
	}
	if notices == nil {
		return nil
	}
	if notices, err = db.NotTold(ctx, notices); err != nil || len(notices) == 0 {
		return err
	}
	return db.AddNotices(ctx, notices)
}

// maintenanceNotices are for those on call on the levels of the service's policy; without any, for those of
// the catch-all roster.
func (p *Pager) maintenanceNotices(ctx context.Context, service engine.ServiceID, m engine.Maintenance, s rosters.Span, now time.Time) (notices []enginedb.Notice, err error) {
	db := enginedb.New(p.cfg.DB)
	svc, err := db.Service(ctx, service)
	if err != nil {
		return nil, err
	}
	w := p.worldAt(ctx, p.cfg.DB, now)
	var people []rosters.PersonID
	if svc.Policy != "" {
		policy, err := db.StoredPolicy(ctx, svc.Policy)
		if err != nil {
			return nil, err
		}
		for _, level := range policy.Levels {
			for _, t := range level.Targets {
				people = append(people, w.targeted(t)...)
			}
		}
	}
	if len(people) == 0 {
		people = w.targeted(engine.Target{Roster: p.cfg.CatchAll.Roster})
	}
	slices.Sort(people)
	for _, id := range slices.Compact(people) {
		notices = append(notices, enginedb.Notice{Person: id, Kind: kindMaintenance, Until: s.To,
			About: fmt.Sprintf("%d at %s", m.ID, s.From.UTC().Format(time.RFC3339)), Text: maintenanceText(svc, m, s.To.In(w.person(id).Location()))})
	}
	return notices, w.err
}

func maintenanceText(svc engine.Service, m engine.Maintenance, until time.Time) string {
	what := "Its alerts"
	if m.When != "" {
		what = "Some of its alerts"
	}
	var about []string
	if m.By != "" {
		about = append(about, "by "+m.By)
	}
	if m.Reason != "" {
		about = append(about, m.Reason)
	}
	text := svc.Name + " is being worked on"
	if about != nil {
		text += " (" + strings.Join(about, ": ") + ")"
	}
	return fmt.Sprintf("%s. %s page nobody until %s; what still burns does then.", text, what, until.Format("Mon 2 Jan 15:04 MST"))
}
