package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// seed makes the people who are paged when many incidents are to page the same ones; each has a topic of
// their own.
func (r *rig) seed(ctx context.Context) error {
	people := rosterdb.New(r.db)
	for _, name := range []rosters.PersonID{"first", "second", "imoc"} {
		if err := people.CreatePerson(ctx, rosters.Person{ID: name, Name: string(name), Zone: "UTC", Language: "en",
			Contacts: []rosters.Contact{{Channel: rosters.Push, Address: string(name)}}}); err != nil {
			return err
		}
		if err := people.CreateRoster(ctx, rosters.Roster{ID: rosters.RosterID(name), Name: string(name), Rotations: []rosters.Rotation{{
			ID: "weekly", Zone: "Europe/Berlin", Start: "2024-01-01T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{name}}}}, "bench"); err != nil {
			return err
		}
	}
	secret, _, err := enginedb.New(r.db).CreateKey(ctx, enginedb.Key{Name: "bench", Scopes: []enginedb.Scope{
		enginedb.ScopeIntake, enginedb.ScopeRespond, enginedb.ScopeRead}})
	r.key = secret
	return err
}

// service makes a service with two levels, of which the first waits that long.
func (r *rig) service(ctx context.Context, wait time.Duration, first, second engine.Target) (string, error) {
	r.services++
	name := fmt.Sprintf("bench-%d", r.services)
	admin := enginedb.New(r.db)
	if err := admin.CreatePolicy(ctx, engine.Policy{ID: engine.PolicyID(name), Name: name, Levels: []engine.Level{
		{Targets: []engine.Target{first}, Wait: wait}, {Targets: []engine.Target{second}, Wait: time.Hour}}}); err != nil {
		return "", err
	}
	return name, admin.CreateService(ctx, engine.Service{ID: engine.ServiceID(name), Name: name, Policy: engine.PolicyID(name)})
}

// busyService is one whose incidents page the same person, by way of a roster, however many they are: in a
// storm they are bundled, and the last of them are paged for up to two seconds later.
func (r *rig) busyService(ctx context.Context) (string, error) {
	return r.service(ctx, time.Hour, engine.Target{Roster: "first"}, engine.Target{Roster: "second"})
}

// ladder is a service of which each level pages a person who is paged for nothing else.
type ladder struct{ service, first, second string }

// ladders makes one for each wait of a first level.
func (r *rig) ladders(ctx context.Context, waits ...time.Duration) (all []ladder, err error) {
	people, err := r.crowd(ctx, 2*len(waits))
	if err != nil {
		return nil, err
	}
	for i, wait := range waits {
		l := ladder{first: people.member(2 * i), second: people.member(2*i + 1)}
		if l.service, err = r.service(ctx, wait, engine.Target{Person: rosters.PersonID(l.first)}, engine.Target{Person: rosters.PersonID(l.second)}); err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// crowd is people who are paged for nothing else: who is paged more than a few times in ten seconds gets
// the rest bundled, which takes up to two seconds on purpose.
type crowd struct{ from int }

// member is the name of one of them, and of the person's topic, policy and service.
func (c crowd) member(i int) string { return fmt.Sprintf("crowd-%d", c.from+i) }

// number is the phone of one of them.
func (c crowd) number(i int) string { return fmt.Sprintf("+4917%09d", 600_000_000+c.from+i) }

// mail is the e-mail address of one of them.
func (c crowd) mail(i int) string { return c.member(i) + "@example.com" }

// crowd makes n people, each with a topic, a policy and a service of their own.
func (r *rig) crowd(ctx context.Context, n int) (crowd, error) {
	return r.crowdOn(ctx, n, rosters.Push, crowd.member)
}

// crowdOn makes n people who are reached on one channel: by COPY, into what rosterdb.CreatePerson,
// enginedb.CreatePolicy and CreateService write.
func (r *rig) crowdOn(ctx context.Context, n int, channel rosters.Channel, address func(crowd, int) string) (crowd, error) {
	c := crowd{from: r.people}
	for _, t := range []struct {
		table   string
		columns []string
		row     func(name, address string) []any
	}{
		{"person", []string{"id", "name", "zone", "language"}, func(name, _ string) []any { return []any{name, name, "UTC", "en"} }},
		{"contact", []string{"person", "channel", "address", "after"}, func(name, to string) []any { return []any{name, string(channel), to, time.Duration(0)} }},
		{"policy", []string{"id", "name"}, func(name, _ string) []any { return []any{name, name} }},
		{"policy_level", []string{"policy", "position", "wait"}, func(name, _ string) []any { return []any{name, 0, time.Hour} }},
		{"policy_target", []string{"policy", "level", "position", "person"}, func(name, _ string) []any { return []any{name, 0, 0, name} }},
		{"service", []string{"id", "name", "policy"}, func(name, _ string) []any { return []any{name, name, name} }},
	} {
		_, err := r.db.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			return t.row(c.member(i), address(c, i)), nil
		}))
		if err != nil {
			return c, fmt.Errorf("seeding %s: %w", t.table, err)
		}
		if _, err := r.db.Exec(ctx, "analyze "+t.table); err != nil { // people who have been there for long
			return c, err
		}
	}
	r.people += n
	return c, nil
}
