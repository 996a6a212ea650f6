package enginedb_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// Of groups that others hold, those that are free are had all the same, also by a connection that has never asked before.
func TestGroupsThatAreFreeAreHadBesideOneThatIsNot(t *testing.T) {
	db := dbtest.New(t)
	held, free := enginedb.Kin{Service: "bitbucket", Group: "held"}, enginedb.Kin{Service: "bitbucket", Group: "free"}
	other, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback(t.Context())
	if err := enginedb.New(other).LockGroups(t.Context(), []enginedb.Kin{held}, time.Second); err != nil {
		t.Fatal(err)
	}
	err = pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error { // the other connection is taken: this one is new
		locked, err := enginedb.New(tx).LockFreeGroups(t.Context(), []enginedb.Kin{held, free}, 20*time.Millisecond)
		if err == nil && (len(locked) != 2 || locked[0] || !locked[1]) {
			t.Errorf("locked are %v", locked)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
