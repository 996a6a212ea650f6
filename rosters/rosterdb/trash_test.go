package rosterdb_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"rouse/migrations/dbtest"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// trashed finds what was deleted last, 4711 if it is not there any more.
func trashed(t *testing.T, s rosterdb.Store, slug string) int64 {
	t.Helper()
	list, err := s.Trash(ctx, "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range list {
		if found.Slug == slug {
			return found.ID
		}
	}
	return 4711
}

func TestADeletedRosterComesBackAsItWas(t *testing.T) {
	s := store(t, "ann", "bob", "carla")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	now, err := s.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.Roster(ctx, "dba")
	if err != nil {
		t.Fatal(err)
	}
	// A person who is deleted later has stood in what is over.
	over := rosters.Override{Person: "carla", Rotation: "nights", From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)}
	ahead := rosters.Override{Kind: rosters.TakeOff, Replaces: "ann", From: now.Add(time.Hour), To: now.Add(2 * time.Hour)}
	for _, o := range []rosters.Override{over, ahead} {
		if _, err := s.CreateOverride(ctx, "dba", o, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.UpdateRoster(ctx, first.Revised(weekly.Rotations[:1], now), 1, now, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePerson(ctx, "carla", rosterdb.AnyVersion, now, "test"); err != nil {
		t.Fatalf("carla stands only in what is over: %v", err)
	}
	before, err := s.WholeRoster(ctx, "dba")
	if err != nil || len(before.Earlier) != 1 || len(before.Overrides) != 2 {
		t.Fatalf("got %+v, %v", before, err)
	}
	if err := s.DeleteRoster(ctx, "dba", 2, "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WholeRoster(ctx, "dba"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("a deleted roster: %v", err)
	}
	list, err := s.Trash(ctx, rosterdb.TrashedRoster, 0, 10)
	if err != nil || len(list) != 1 || list[0].Slug != "dba" || list[0].By != "ann" {
		t.Errorf("got %+v, %v", list, err)
	}
	if err := s.RestoreRoster(ctx, trashed(t, s, "dba"), "bob"); err != nil {
		t.Fatal(err)
	}
	after, err := s.WholeRoster(ctx, "dba")
	if err != nil || !reflect.DeepEqual(after.Roster, before.Roster) {
		t.Errorf("was %+v\n is %+v, %v", before.Roster, after.Roster, err)
	}
	if err := s.RestoreRoster(ctx, trashed(t, s, "dba"), "bob"); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("restored twice: %v", err)
	}
}

func TestARosterComesBackOnlyWithItsPeople(t *testing.T) {
	s := store(t, "ann", "bob", "carla")
	if err := s.CreateRoster(ctx, weekly, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRoster(ctx, "dba", rosterdb.AnyVersion, "test"); err != nil {
		t.Fatal(err)
	}
	now, _ := s.Now(ctx)
	if err := s.DeletePerson(ctx, "carla", rosterdb.AnyVersion, now, "test"); err != nil {
		t.Fatal(err)
	}
	missing, ok := errors.AsType[*rosterdb.MissingError](s.RestoreRoster(ctx, trashed(t, s, "dba"), "test"))
	if !ok || !reflect.DeepEqual(missing.People, []rosters.PersonID{"carla"}) {
		t.Errorf("got %v", missing)
	}
	if list, err := s.Trash(ctx, "", 0, 10); err != nil || len(list) != 2 {
		t.Errorf("after a restoration that failed there is %v, %v", list, err)
	}
	if err := s.RestorePerson(ctx, trashed(t, s, "carla")); err != nil {
		t.Fatal(err)
	}
	if err := s.RestoreRoster(ctx, trashed(t, s, "dba"), "test"); err != nil {
		t.Error(err)
	}
}

func TestAHandleIsNobodyElsesAfterwards(t *testing.T) {
	s := store(t, "ann")
	now, _ := s.Now(ctx)
	before, err := s.StoredPerson(ctx, "ann")
	if err != nil {
		t.Fatal(err)
	}
	before.Contacts = []rosters.Contact{{Channel: rosters.SMS, Address: "+4915112345678", After: time.Minute, Disabled: true}}
	if err := s.UpdatePerson(ctx, before.Person, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.DeletePerson(ctx, "ann", 2, now, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.CreatePerson(ctx, rosters.Person{ID: "ann"}); !errors.Is(err, rosterdb.ErrGone) {
		t.Errorf("another ann: %v", err)
	}
	if n, err := s.EmptyTrash(ctx); n != 0 || err != nil {
		t.Errorf("forgot %d that were deleted just now, %v", n, err)
	}
	if err := s.RestorePerson(ctx, trashed(t, s, "ann")); err != nil {
		t.Fatal(err)
	}
	if after, err := s.Person(ctx, "ann"); err != nil || !reflect.DeepEqual(after, before.Person) {
		t.Errorf("was %+v, is %+v, %v", before.Person, after, err)
	}
}

func TestWhatWasDeletedLongAgoIsForgotten(t *testing.T) {
	db := dbtest.New(t)
	s := rosterdb.New(db)
	if err := s.CreatePerson(ctx, rosters.Person{ID: "ann"}); err != nil {
		t.Fatal(err)
	}
	now, _ := s.Now(ctx)
	if err := s.DeletePerson(ctx, "ann", rosterdb.AnyVersion, now, "test"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, `update trash set deleted_at = now() - interval '30 days'`); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Trash(ctx, "", 0, 10); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
	if n, err := s.EmptyTrash(ctx); n != 1 || err != nil {
		t.Errorf("forgot %d, %v; want 1", n, err)
	}
	if err := s.RestorePerson(ctx, trashed(t, s, "ann")); !errors.Is(err, rosterdb.ErrNotFound) {
		t.Errorf("restored what is forgotten: %v", err)
	}
	if err := s.CreatePerson(ctx, rosters.Person{ID: "ann"}); !errors.Is(err, rosterdb.ErrGone) {
		t.Errorf("another ann: %v", err)
	}
}
