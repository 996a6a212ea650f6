package rosterdb_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"rouse/migrations/dbtest"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

var ctx = context.Background()

func store(t *testing.T, people ...rosters.PersonID) rosterdb.Store {
	t.Helper()
	s := rosterdb.New(dbtest.New(t))
	for _, id := range people {
		if err := s.CreatePerson(ctx, rosters.Person{ID: id, Name: "Name of " + string(id), Zone: "UTC", Language: "en"}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

var ann = rosters.Person{ID: "ann", Name: "Ann Example", Zone: "Europe/Berlin", Language: "de", Contacts: []rosters.Contact{
	{Channel: rosters.Push, Address: "ann-phone"},
	{Channel: rosters.SMS, Address: "+4915112345617", After: time.Minute},
	{Channel: rosters.Voice, Address: "+4915112345617", After: 26*time.Hour + 90*time.Millisecond, Disabled: true},
}}

func TestAPersonComesBackAsStored(t *testing.T) {
	s := store(t, "bob")
	if err := s.CreatePerson(ctx, ann); err != nil {
		t.Fatal(err)
	}
	got, err := s.Person(ctx, "ann")
	if err != nil || !reflect.DeepEqual(got, ann) {
		t.Errorf("got %+v, %v", got, err)
	}
	people, err := s.People(ctx, []rosters.PersonID{"bob", "nobody", "ann"})
	if err != nil || len(people) != 2 || !reflect.DeepEqual(people["ann"], ann) || people["bob"].Name != "Name of bob" {
		t.Errorf("got %+v, %v", people, err)
	}
	if _, err := s.Person(ctx, "nobody"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("somebody who is not there: %v", err)
	}
	if err := s.CreatePerson(ctx, rosters.Person{ID: "ann"}); !errors.Is(err, rosterdb.ErrExists) {
		t.Errorf("a second ann: %v", err)
	}
}

func TestPeopleByAddress(t *testing.T) {
	s := store(t)
	bob := rosters.Person{ID: "bob", Contacts: []rosters.Contact{{Channel: rosters.Voice, Address: "+4915112345617", Disabled: true}}}
	for _, p := range []rosters.Person{bob, ann} {
		if err := s.CreatePerson(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.PeopleByAddress(ctx, "+4915112345617")
	if err != nil || !reflect.DeepEqual(got, []rosters.PersonID{"ann", "bob"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err = s.PeopleByAddress(ctx, "+4915100000000"); err != nil || len(got) != 0 {
		t.Errorf("a number of nobody: %v, %v", got, err)
	}
}

func TestPeopleAreListedInParts(t *testing.T) {
	s := store(t, "dan", "bob", "carla")
	if err := s.CreatePerson(ctx, ann); err != nil {
		t.Fatal(err)
	}
	var got []rosters.PersonID
	for after := rosters.PersonID(""); ; after = got[len(got)-1] {
		part, err := s.StoredPeople(ctx, after, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(part) == 0 {
			break
		}
		for _, p := range part {
			got = append(got, p.ID)
		}
	}
	if want := []rosters.PersonID{"ann", "bob", "carla", "dan"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestUpdatingAPersonKeepsContactsThatStay(t *testing.T) {
	s := store(t)
	if err := s.CreatePerson(ctx, ann); err != nil {
		t.Fatal(err)
	}
	before, err := s.StoredPerson(ctx, "ann")
	if err != nil || before.Version != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	p := before.Person
	p.Name = "Ann Other"
	p.Contacts = []rosters.Contact{p.Contacts[1], p.Contacts[2], {Channel: rosters.Push, Address: "ann-watch"}}
	p.Contacts[0].Disabled = true
	if err := s.UpdatePerson(ctx, p, before.Version); err != nil {
		t.Fatal(err)
	}
	after, err := s.StoredPerson(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	if after.Version != 2 || after.Name != "Ann Other" || len(after.Contacts) != 3 || !after.Contacts[1].Disabled {
		t.Errorf("got %+v", after)
	}
	if after.ContactIDs[1] != before.ContactIDs[1] || after.ContactIDs[2] != before.ContactIDs[2] {
		t.Errorf("ids were %v, are %v", before.ContactIDs, after.ContactIDs)
	}
	if err := s.UpdatePerson(ctx, p, before.Version); !errors.Is(err, rosterdb.ErrVersion) {
		t.Errorf("an update of version 1: %v", err)
	}
	if err := s.DeletePerson(ctx, "ann", before.Version, time.Now(), "test"); !errors.Is(err, rosterdb.ErrVersion) {
		t.Errorf("a deletion of version 1: %v", err)
	}
	p.Contacts = nil
	if err := s.UpdatePerson(ctx, p, rosterdb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	if after, err = s.StoredPerson(ctx, "ann"); err != nil || len(after.Contacts) != 0 {
		t.Errorf("got %+v, %v", after, err)
	}
	if err := s.UpdatePerson(ctx, rosters.Person{ID: "nobody"}, rosterdb.AnyVersion); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("an update of nobody: %v", err)
	}
}

func TestOneOfTwoUpdatesAtOnceWins(t *testing.T) {
	s := store(t, "ann")
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := s.UpdatePerson(ctx, rosters.Person{ID: "ann", Name: fmt.Sprint(i)}, 1)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, rosterdb.ErrVersion):
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != 7 {
		t.Errorf("%d won, %d lost", won, lost)
	}
}

var weekly = rosters.Roster{ID: "dba", Name: "DBA", Rotations: []rosters.Rotation{
	{ID: "primary", Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{"ann", "bob", "ann"}},
	{ID: "nights", Zone: "America/New_York", Start: "2026-01-05T18:00:00", Rule: "FREQ=DAILY", Length: 12 * time.Hour, Participants: []rosters.PersonID{"carla"}},
}}

func TestARosterComesBackAsStored(t *testing.T) {
	s := store(t, "ann", "bob", "carla")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Roster(ctx, "dba")
	want := weekly
	want.Revision = 1
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Roster(ctx, "nothing"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("a roster that is not there: %v", err)
	}
	if err := s.CreateRoster(ctx, weekly, "test"); !errors.Is(err, rosterdb.ErrExists) {
		t.Errorf("a second one: %v", err)
	}

	changed := got.Revised([]rosters.Rotation{weekly.Rotations[1], weekly.Rotations[0]}, time.Now().Truncate(time.Microsecond))
	if err := s.UpdateRoster(ctx, changed, 1, time.Now(), "test"); err != nil {
		t.Fatal(err)
	}
	stored, err := s.WholeRoster(ctx, "dba")
	if err != nil || stored.Version != 2 || !reflect.DeepEqual(stored.Roster, changed) {
		t.Errorf("got %+v, %v", stored, err)
	}
	if err := s.DeleteRoster(ctx, "dba", 2, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Roster(ctx, "dba"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("a deleted roster: %v", err)
	}
}

func TestARosterNamesWhoIsNotThere(t *testing.T) {
	s := store(t, "bob")
	err := s.CreateRoster(ctx, weekly, "test")
	missing, ok := errors.AsType[*rosterdb.MissingError](err)
	if !ok || !reflect.DeepEqual(missing.People, []rosters.PersonID{"ann", "carla"}) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Roster(ctx, "dba"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("part of it was stored: %v", err)
	}
}

func TestOverridesThatMatter(t *testing.T) {
	s := store(t, "ann", "bob", "carla")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Truncate(time.Second)
	override := func(from, to time.Duration) rosters.Override {
		o, err := s.CreateOverride(ctx, "dba", rosters.Override{Rotation: "primary", Replaces: "ann", Person: "carla", From: now.Add(from), To: now.Add(to)}, "")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	day := 24 * time.Hour
	longAgo, running, ahead := override(-40*day, -30*day), override(-day, day), override(300*day, 301*day)
	r, err := s.Roster(ctx, "dba")
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Overrides {
		r.Overrides[i].From, r.Overrides[i].To = r.Overrides[i].From.In(now.Location()), r.Overrides[i].To.In(now.Location())
	}
	if !reflect.DeepEqual(r.Overrides, []rosters.Override{running, ahead}) {
		t.Errorf("to page now: got %+v", r.Overrides)
	}
	during, err := s.RosterDuring(ctx, "dba", now.Add(-35*day), now.Add(-day))
	if err != nil || len(during.Overrides) != 1 || during.Overrides[0].ID != longAgo.ID {
		t.Errorf("of last month: got %+v, %v", during.Overrides, err)
	}
	list, err := s.Overrides(ctx, "dba", now, now.Add(1000*day), "", running.ID, 10)
	if err != nil || len(list) != 1 || list[0].ID != ahead.ID {
		t.Errorf("after the first: got %+v, %v", list, err)
	}
}

func TestAnOverrideIsWritten(t *testing.T) {
	s := store(t, "ann", "bob", "carla")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	o := rosters.Override{Person: "bob", From: time.Unix(1800000000, 0), To: time.Unix(1800003600, 0)}
	o, err := s.CreateOverride(ctx, "dba", o, "")
	if err != nil {
		t.Fatal(err)
	}
	o.Rotation, o.To = "nights", time.Unix(1800007200, 0)
	if err := s.UpdateOverride(ctx, "dba", o); err != nil {
		t.Fatal(err)
	}
	got, err := s.Override(ctx, "dba", o.ID)
	if err != nil || got.Rotation != "nights" || !got.To.Equal(o.To) {
		t.Errorf("got %+v, %v", got, err)
	}

	refused := func(what string, want error, change func(*rosters.Override), roster rosters.RosterID) {
		t.Helper()
		bad := o
		change(&bad)
		if err := s.UpdateOverride(ctx, roster, bad); !errors.Is(err, want) {
			t.Errorf("update with %s: %v", what, err)
		}
		if _, err := s.CreateOverride(ctx, roster, bad, ""); !errors.Is(err, want) && what != "another id" && what != "no id" {
			t.Errorf("create with %s: %v", what, err)
		}
	}
	refused("another roster", rosterdb.ErrNotFound, func(*rosters.Override) {}, "nothing")
	refused("another rotation", rosterdb.ErrRotation, func(o *rosters.Override) { o.Rotation = "days" }, "dba")
	refused("another id", rosterdb.ErrNotFound, func(o *rosters.Override) { o.ID = "4711" }, "dba")
	refused("no id", rosterdb.ErrNotFound, func(o *rosters.Override) { o.ID = "x" }, "dba")
	o.Person = "nobody"
	if _, ok := errors.AsType[*rosterdb.MissingError](s.UpdateOverride(ctx, "dba", o)); !ok {
		t.Error("an override with nobody was stored")
	}

	if err := s.DeleteOverride(ctx, "dba", o.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteOverride(ctx, "dba", o.ID, "test"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestWhatIsInUseStays(t *testing.T) {
	s := store(t, "ann", "bob", "carla", "dan")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	now, _ := s.Now(ctx)
	if _, err := s.CreateOverride(ctx, "dba", rosters.Override{Rotation: "nights", Person: "dan", From: now, To: now.Add(time.Hour)}, ""); err != nil {
		t.Fatal(err)
	}
	for _, id := range []rosters.PersonID{"ann", "dan"} {
		if err := s.DeletePerson(ctx, id, rosterdb.AnyVersion, now, "test"); !errors.Is(err, rosterdb.ErrInUse) {
			t.Errorf("deleting %s: %v", id, err)
		}
	}
	uses, err := s.PersonUses(ctx, "ann", now)
	if err != nil || len(uses) != 1 || uses[0].Roster != "dba" || uses[0].Rotation != "primary" {
		t.Errorf("ann: %+v, %v", uses, err)
	}
	uses, err = s.PersonUses(ctx, "dan", now)
	if err != nil || len(uses) != 1 || uses[0].Rotation != "" || uses[0].Override.ID == "0" || uses[0].Override.Rotation != "nights" {
		t.Errorf("dan: %+v, %v", uses, err)
	}

	stored, err := s.Roster(ctx, "dba")
	if err != nil {
		t.Fatal(err)
	}
	without := stored.Revised(weekly.Rotations[:1], now)
	if err := s.UpdateRoster(ctx, without, rosterdb.AnyVersion, now, "test"); !errors.Is(err, rosterdb.ErrInUse) {
		t.Errorf("taking away a rotation with an override: %v", err)
	}
	if err := s.UpdateRoster(ctx, without, rosterdb.AnyVersion, now.Add(2*time.Hour), "test"); err != nil {
		t.Errorf("once the override is over: %v", err)
	}
	if err := s.DeletePerson(ctx, "carla", rosterdb.AnyVersion, now.Add(2*time.Hour), "test"); err != nil {
		t.Errorf("deleting somebody who is nowhere any more: %v", err)
	}
}
