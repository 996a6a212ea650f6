package keys

import (
	"errors"
	"testing"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestTwoWhoMakeTheTenthKeyDoSoOneAfterTheOther(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	if err := enginedb.New(db).CreateService(ctx, engine.Service{ID: "bitbucket"}); err != nil {
		t.Fatal(err)
	}
	wish := Wish{Key: enginedb.Key{Name: "x", Service: "bitbucket", Scopes: []enginedb.Scope{enginedb.ScopeIntake}}}
	for range MaxOfService - 1 {
		if _, _, err := (Maker{}).Make(ctx, enginedb.New(db), wish); err != nil {
			t.Fatal(err)
		}
	}
	first, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Rollback(ctx)
	if _, _, err := (Maker{}).Make(ctx, enginedb.New(first), wish); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		second, err := db.Begin(ctx)
		if err == nil {
			defer second.Rollback(ctx)
			_, _, err = Maker{}.Make(ctx, enginedb.New(second), wish)
		}
		done <- err
	}()
	for waits := false; !waits && len(done) == 0; {
		if err := db.QueryRow(ctx, `select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, full := errors.AsType[*LimitError](<-done); !full {
		t.Error("the second one made an eleventh")
	}
}
