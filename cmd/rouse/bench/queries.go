package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// The rosters of a company, and how many incidents it has open on its worst day.
const (
	teams     = 50
	teamOf    = 6
	openOnes  = 1000
	questions = 1000 // of each kind
	homeZone  = "Europe/Berlin"
)

func measureQueries(ctx context.Context, r *rig) ([]Figure, error) {
	if err := r.teams(ctx); err != nil {
		return nil, err
	}
	key, err := r.open(ctx, openOnes)
	if err != nil {
		return nil, err
	}
	var all []Figure
	for _, q := range []struct {
		name, goal string
		path       func(i int) string
	}{
		{"who is on call for a service", "≤ 5", func(i int) string { return "/v1/oncall?service=" + team(i%teams) }},
		{"who is on call in all rosters", "", func(int) string { return "/v1/oncall" }},
		{"open incidents, 50 of 1,000", "", func(int) string { return "/v1/incidents?status=new&status=fixing" }},
		{"one incident", "", func(int) string { return "/v1/incidents/" + key }},
	} {
		took, err := ask(ctx, r.client, r.size(questions), q.path)
		if err != nil {
			return all, err
		}
		all = append(all, spread(q.name, "", q.goal, took)...)
	}
	return all, nil
}

// ask asks n times, one question after the other, and a few times before, uncounted: what a connection
// asks for the first time is planned.
func ask(ctx context.Context, c *client, n int, path func(i int) string) (took []time.Duration, err error) {
	for i := range n + 20 {
		began := time.Now()
		if err := c.do(ctx, http.MethodGet, path(i), nil, nil); err != nil {
			return nil, err
		}
		if i >= 20 {
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

func team(i int) string { return fmt.Sprintf("team-%d", i) }

// teams makes rosters as companies have them: some years old, by day, by night and at weekends, with an
// absence now and then; each team has a service, whose policy goes on to the next team.
func (r *rig) teams(ctx context.Context) error {
	people, admin := rosterdb.New(r.db), enginedb.New(r.db)
	for i := range teams {
		var members []rosters.PersonID
		for j := range teamOf {
			name := fmt.Sprintf("%s-%d", team(i), j)
			members = append(members, rosters.PersonID(name))
			if err := people.CreatePerson(ctx, rosters.Person{ID: rosters.PersonID(name), Name: name, Zone: homeZone, Language: "en",
				Contacts: []rosters.Contact{{Channel: rosters.Push, Address: name}}}); err != nil {
				return err
			}
		}
		started := fmt.Sprintf("%d-%02d-07T", 2019+i%6, 1+i%12)
		if err := people.CreateRoster(ctx, rosters.Roster{ID: rosters.RosterID(team(i)), Name: team(i), Rotations: []rosters.Rotation{
			{ID: "day", Zone: homeZone, Start: started + "09:00:00", Rule: "FREQ=DAILY", Length: 12 * time.Hour, Participants: members},
			{ID: "night", Zone: "America/New_York", Start: started + "15:00:00", Rule: "FREQ=DAILY", Length: 12 * time.Hour, Participants: members},
			{ID: "week", Zone: homeZone, Start: started + "09:00:00", Rule: "FREQ=WEEKLY;BYDAY=MO", Participants: members},
		}}, "bench"); err != nil {
			return err
		}
		now := time.Now()
		if _, err := people.CreateOverride(ctx, rosters.RosterID(team(i)), rosters.Override{Replaces: members[i%teamOf], Person: members[(i+1)%teamOf],
			From: now.AddDate(0, 0, i%7-7), To: now.AddDate(0, 0, 1+i%7)}, ""); err != nil {
			return err
		}
	}
	for i := range teams {
		if err := admin.CreatePolicy(ctx, engine.Policy{ID: engine.PolicyID(team(i)), Name: team(i), Levels: []engine.Level{
			{Targets: []engine.Target{{Roster: rosters.RosterID(team(i))}}, Wait: 5 * time.Minute},
			{Targets: []engine.Target{{Roster: rosters.RosterID(team((i + 1) % teams))}}, Wait: 5 * time.Minute}}}); err != nil {
			return err
		}
		if err := admin.CreateService(ctx, engine.Service{ID: engine.ServiceID(team(i)), Name: team(i), Policy: engine.PolicyID(team(i))}); err != nil {
			return err
		}
	}
	return nil
}
