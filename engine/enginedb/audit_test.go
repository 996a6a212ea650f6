package enginedb_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

func TestLatenessIsAskedOfTheDatabase(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	s := enginedb.New(db)
	if got, err := s.Lateness(ctx, 0, 5*time.Second); err != nil || got != (enginedb.Lateness{}) {
		t.Fatalf("of an empty database: %+v, %v", got, err)
	}
	mustExec(t, db, `insert into incident (key, severity, summary, status, opened_at, alerted_at, deadline)
		select 'HOT-' || n, 1, 'x', 'new', now(), now(), clock_timestamp() - n * interval '10 seconds' from generate_series(-1, 2) n`)
	mustExec(t, db, `insert into incident (key, severity, summary, status, opened_at, alerted_at) values ('HOT-9', 1, 'x', 'resolved', now(), now())`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until)
		select 1, row_number() over (), 1, 0, 'push', 'ann', state, '', now(), state, clock_timestamp() - interval '30 seconds'
		from unnest(array['queued', 'sending', 'sent', 'failed']) s (state)`)
	got, err := s.Lateness(ctx, 0, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Deadlines; d.N != 2 || d.Oldest < 20*time.Second || d.Oldest > time.Minute {
		t.Errorf("deadlines: %+v, want 2, the oldest by 20 s", d)
	}
	if l := got.Leases; l.N != 2 || l.Oldest < 30*time.Second || l.Oldest > time.Minute {
		t.Errorf("leases: %+v, want 2, the oldest by 30 s", l)
	}
	if got, err = s.Lateness(ctx, time.Hour, 5*time.Second); err != nil || got.Deadlines.N != 4 || got.Leases.N != 2 {
		t.Errorf("an hour later by the incidents' clock: %+v, %v; want 4 deadlines and 2 leases", got, err)
	}
}

// The audit is asked every second: with a million open incidents it reads an index, and no table.
func TestLatenessReadsTheIndexes(t *testing.T) {
	db := dbtest.New(t)
	mustExec(t, db, `insert into incident (key, severity, summary, status, opened_at, alerted_at, deadline)
		select 'HOT-' || n, 1, 'x', 'new', now(), now(), now() + n * interval '1 second' from generate_series(1, 20000) n`)
	mustExec(t, db, `insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, nonce, lease_until)
		select n, 1, 1, 0, 'push', 'ann', 'sent', '', now(), n, now() from generate_series(1, 20000) n`)
	mustExec(t, db, `analyze`)
	err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
		before := rowsRead(t, tx) // by this session, lately
		if _, err := enginedb.New(tx).Lateness(t.Context(), 0, 5*time.Second); err != nil {
			return err
		}
		if n := rowsRead(t, tx) - before; n > 10 {
			t.Errorf("%d rows were read to find that nothing is overdue", n)
		}
		if _, err := tx.Exec(t.Context(), `select count(detail) from attempt`); err != nil {
			return err
		}
		if n := rowsRead(t, tx) - before; n < 20000 {
			t.Errorf("%d rows were read to count 20,000: this is no measure", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// rowsRead counts what was read in this session and is not yet told to the others.
func rowsRead(t *testing.T, tx pgx.Tx) (n int64) {
	t.Helper()
	err := tx.QueryRow(t.Context(), `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
		where relname in ('incident', 'attempt')`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A full disk is noticed by what makes a file grow: each try needs a page of its own, and vacuum gives
// them back.
func TestATryNeedsRoomEachTime(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	s := enginedb.New(db)
	size := func() (n int64) {
		t.Helper()
		if err := db.QueryRow(ctx, `select pg_relation_size('probe')`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for want := int64(1); want <= 12; want++ {
		if err := s.TryWrite(ctx); err != nil {
			t.Fatal(err)
		}
		if got := size() / 8192; got != want {
			t.Fatalf("after %d tries the table has %d pages", want, got)
		}
	}
	var rows int
	if err := db.QueryRow(ctx, `select count(*) from probe`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

func TestADatabaseThatIsReadOnlyIsNoticed(t *testing.T) {
	cfg := dbtest.New(t).Config()
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	db, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got, err := enginedb.New(db).Lateness(t.Context(), 0, time.Second); err != nil || !got.ReadOnly {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := enginedb.New(db).TryWrite(t.Context()); err == nil || !strings.Contains(err.Error(), "25006") {
		t.Errorf("writing gave %v", err)
	}
}

func mustExec(t *testing.T, db *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}
