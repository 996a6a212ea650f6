package enginedb_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
	"rouse/rosters"
)

// admin is a store with the people ann and bob and the roster dba.
func admin(t *testing.T) (enginedb.Store, *pgxpool.Pool) {
	t.Helper()
	db := dbtest.New(t)
	_, err := db.Exec(context.Background(), `insert into person (id, name) values ('ann', 'Ann'), ('bob', 'Bob')`)
	if err == nil {
		_, err = db.Exec(context.Background(), `insert into roster (id, name) values ('dba', 'DBA')`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return enginedb.New(db), db
}

var ladder = engine.Policy{ID: "bitbucket", Name: "Bitbucket", AckExpiry: map[engine.Severity]time.Duration{engine.Critical: 20 * time.Minute, engine.Minor: 0},
	Levels: []engine.Level{
		{Targets: []engine.Target{{Roster: "dba"}, {Person: "ann"}}, Wait: 5 * time.Minute},
		{Targets: []engine.Target{{Person: "bob"}}, Wait: 90 * time.Second},
	}}

func TestAPolicyComesBackAsStored(t *testing.T) {
	ctx := t.Context()
	s, _ := admin(t)
	if err := s.CreatePolicy(ctx, ladder); err != nil {
		t.Fatal(err)
	}
	got, err := s.Policy(ctx, "bitbucket")
	if err != nil || !reflect.DeepEqual(got, ladder) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.CreatePolicy(ctx, ladder); !errors.Is(err, enginedb.ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	changed := ladder
	changed.AckExpiry = map[engine.Severity]time.Duration{}
	changed.Levels = ladder.Levels[1:]
	if err := s.UpdatePolicy(ctx, changed, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdatePolicy(ctx, changed, 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("an update of version 1: %v", err)
	}
	all, err := s.Policies(ctx, "", "", 10)
	if err != nil || len(all) != 1 || all[0].Version != 2 || !reflect.DeepEqual(all[0].Policy, changed) {
		t.Errorf("got %+v, %v", all, err)
	}
	if all, err = s.Policies(ctx, "", "bitbucket", 10); err != nil || len(all) != 0 {
		t.Errorf("after the last: %+v, %v", all, err)
	}
	if err := s.DeletePolicy(ctx, "bitbucket", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Policy(ctx, "bitbucket"); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("a deleted policy: %v", err)
	}
}

func TestAPolicyNamesWhatIsNotThere(t *testing.T) {
	ctx := t.Context()
	s, _ := admin(t)
	bad := ladder
	bad.Levels = append([]engine.Level{{Targets: []engine.Target{{Roster: "gone"}, {Person: "carla"}, {Roster: "dba"}}, Wait: time.Minute}}, ladder.Levels...)
	missing, ok := errors.AsType[*enginedb.MissingError](s.CreatePolicy(ctx, bad))
	if !ok || !reflect.DeepEqual(missing.People, []rosters.PersonID{"carla"}) || !reflect.DeepEqual(missing.Rosters, []rosters.RosterID{"gone"}) {
		t.Errorf("got %+v", missing)
	}
	missing, ok = errors.AsType[*enginedb.MissingError](s.CreateService(ctx, engine.Service{ID: "bitbucket", Policy: "gone"}))
	if !ok || !reflect.DeepEqual(missing.Policies, []engine.PolicyID{"gone"}) {
		t.Errorf("got %+v", missing)
	}
}

func TestAServiceComesBackAsStored(t *testing.T) {
	ctx := t.Context()
	s, _ := admin(t)
	if err := s.CreatePolicy(ctx, ladder); err != nil {
		t.Fatal(err)
	}
	svc := engine.Service{ID: "bitbucket", Name: "Bitbucket", Policy: "bitbucket", Hours: rosters.Hours{Zone: "Europe/Berlin",
		Windows: []rosters.Window{{Days: []time.Weekday{time.Monday, time.Sunday}, From: "08:00", To: "24:00"}}}}
	if err := s.CreateService(ctx, svc); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateService(ctx, engine.Service{ID: "jira", Name: "Jira"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Service(ctx, "bitbucket")
	if err != nil || !reflect.DeepEqual(got, svc) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.DeletePolicy(ctx, "bitbucket", enginedb.AnyVersion); !errors.Is(err, enginedb.ErrInUse) {
		t.Errorf("deleting its policy: %v", err)
	}
	if uses, err := s.ServicesWithPolicy(ctx, "bitbucket"); err != nil || !reflect.DeepEqual(uses, []engine.ServiceID{"bitbucket"}) {
		t.Errorf("got %v, %v", uses, err)
	}
	svc.Policy = ""
	if err := s.UpdateService(ctx, svc, 1); err != nil {
		t.Fatal(err)
	}
	all, err := s.Services(ctx, "", "", 10)
	if err != nil || len(all) != 2 || all[0].Version != 2 || !reflect.DeepEqual(all[0].Service, svc) || all[1].ID != "jira" {
		t.Errorf("got %+v, %v", all, err)
	}
	if err := s.DeleteService(ctx, "jira", 2); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("deleting another version: %v", err)
	}
	if err := s.DeleteService(ctx, "jira", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Service(ctx, "jira"); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("a deleted service: %v", err)
	}
}

func TestPoliciesNaming(t *testing.T) {
	ctx := t.Context()
	s, _ := admin(t)
	if err := s.CreatePolicy(ctx, ladder); err != nil {
		t.Fatal(err)
	}
	for _, target := range []engine.Target{{Person: "ann"}, {Roster: "dba"}} {
		if got, err := s.PoliciesNaming(ctx, target); err != nil || !reflect.DeepEqual(got, []engine.PolicyID{"bitbucket"}) {
			t.Errorf("%s: %v, %v", target, got, err)
		}
	}
	if got, err := s.PoliciesNaming(ctx, engine.Target{Person: "dba"}); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAKeyIsFoundByItsHashAndNothingElseIsKept(t *testing.T) {
	ctx := t.Context()
	s, db := admin(t)
	secret, made, err := s.CreateKey(ctx, enginedb.Key{Name: "console", Scopes: []enginedb.Scope{enginedb.ScopeRespond, enginedb.ScopeIntake}, Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if len(secret) != 58 || !strings.HasPrefix(secret, made.Prefix) || len(made.Prefix) != 12 {
		t.Errorf("key %q, prefix %q", secret, made.Prefix)
	}
	got, err := s.KeyByHash(ctx, enginedb.HashKey(secret))
	if err != nil || got.ID != made.ID || got.Person != "ann" || !reflect.DeepEqual(got.Scopes, made.Scopes) {
		t.Errorf("got %+v, %v", got, err)
	}
	var row string
	if err := db.QueryRow(ctx, `select api_key::text from api_key`).Scan(&row); err != nil || strings.Contains(row, secret[12:]) {
		t.Errorf("the row is %s, %v", row, err)
	}
	if _, err := s.KeyByHash(ctx, enginedb.HashKey(secret+"x")); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := s.CreateKey(ctx, enginedb.Key{Name: "x", Scopes: []enginedb.Scope{"read"}, Person: "nobody"}); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("a key for nobody: %v", err)
	}
}

func TestARevokedKeyIsRefused(t *testing.T) {
	ctx := t.Context()
	s, _ := admin(t)
	if err := s.CreateService(ctx, engine.Service{ID: "bitbucket"}); err != nil {
		t.Fatal(err)
	}
	old, first, err := s.CreateKey(ctx, enginedb.Key{Name: "first", Scopes: []enginedb.Scope{"intake"}, Service: "bitbucket"})
	if err != nil {
		t.Fatal(err)
	}
	fresh, second, err := s.CreateKey(ctx, enginedb.Key{Name: "second", Scopes: []enginedb.Scope{"intake"}, Service: "bitbucket"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeKey(ctx, "", first.ID); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("revoked as a key of no service: %v", err)
	}
	if err := s.RevokeKey(ctx, "bitbucket", first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.KeyByHash(ctx, enginedb.HashKey(old)); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("the revoked key: %v", err)
	}
	if k, err := s.KeyByHash(ctx, enginedb.HashKey(fresh)); err != nil || k.Service != "bitbucket" {
		t.Errorf("the other one: %+v, %v", k, err)
	}
	keys, err := s.Keys(ctx, "bitbucket", 0, 10)
	if err != nil || len(keys) != 2 || keys[0].RevokedAt.IsZero() || !keys[1].RevokedAt.IsZero() {
		t.Errorf("got %+v, %v", keys, err)
	}
	if k, err := s.UpdateKey(ctx, enginedb.Key{Service: "bitbucket", ID: second.ID, Name: "eu-1"}); err != nil || k.Name != "eu-1" {
		t.Errorf("got %+v, %v", k, err)
	}
	if keys, err = s.Keys(ctx, "", 0, 10); err != nil || len(keys) != 0 {
		t.Errorf("keys of no service: %+v, %v", keys, err)
	}
}

func TestTheUseOfAKeyIsNotedOnceAMinuteAndWaitsForNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	s, db := admin(t)
	secret, made, err := s.CreateKey(ctx, enginedb.Key{Name: "console", Scopes: []enginedb.Scope{"read"}})
	if err != nil {
		t.Fatal(err)
	}
	lastUsed := func() time.Time {
		t.Helper()
		if _, err := s.KeyByHash(ctx, enginedb.HashKey(secret)); err != nil {
			t.Fatal(err)
		}
		k, err := s.Key(ctx, "", made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return k.LastUsedAt
	}
	if k, _ := s.Key(ctx, "", made.ID); !k.LastUsedAt.IsZero() {
		t.Errorf("used at %v though it never was", k.LastUsedAt)
	}
	first := lastUsed()
	if again := lastUsed(); first.IsZero() || !again.Equal(first) {
		t.Errorf("noted at %v, then at %v", first, again)
	}
	if _, err := db.Exec(ctx, `update api_key set last_used_at = now() - interval '61 seconds'`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, `select from api_key for update`); err != nil {
		t.Fatal(err)
	}
	if locked := lastUsed(); !locked.Before(first) {
		t.Errorf("noted at %v while the row was locked", locked)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if later := lastUsed(); later.Before(first) {
		t.Errorf("not noted after a minute: %v", later)
	}
}
