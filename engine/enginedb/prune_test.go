package enginedb_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

const month = 30 * 24 * time.Hour

func TestWhatIsOldIsRemovedInBatches(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	s := enginedb.New(db)
	mustExec(t, db, `insert into incident (key, severity, summary, status, opened_at, alerted_at) values ('HOT-1', 1, 'x', 'new', now(), now())`)
	mustExec(t, db, `insert into seen (id, at) select n, now() - n * interval '1 day' from generate_series(26, 35) n`)
	mustExec(t, db, `insert into alert (incident, received_at, action, source, severity, summary, raw)
		select case when n % 2 = 0 then 1 end, now() - n * interval '1 day', 'trigger', '', 1, n, '{}' from generate_series(26, 35) n`)
	for _, test := range []struct {
		what   string
		remove func(context.Context, enginedb.Prune) (int64, error)
		left   string
		want   []string
	}{
		{"callbacks", s.PruneSeen, `select id from seen order by id`, []string{"26", "27", "28", "29"}},
		{"originals", s.PruneRaw, `select summary from alert where raw <> '' order by id`, []string{"26", "27", "28", "29"}},
		{"strays", s.PruneStrays, `select summary from alert order by id`, []string{"26", "27", "28", "29", "30", "32", "34"}},
	} {
		// A minute less, so that what is just a month old is not on the brink.
		batch := enginedb.Prune{Keep: month - time.Minute, Limit: 2}
		for n := int64(2); n == 2; {
			var err error
			if n, err = test.remove(ctx, batch); err != nil || n > 2 {
				t.Fatalf("%s: a batch of %d rows, %v", test.what, n, err)
			}
		}
		if got := list(t, db, test.left); !slices.Equal(got, test.want) {
			t.Errorf("%s: left are %v, want %v", test.what, got, test.want)
		}
	}
	if n, err := s.PruneSeen(ctx, enginedb.Prune{Offset: month, Keep: month, Limit: 100}); err != nil || n != 4 {
		t.Errorf("a month later %d callbacks went, %v; want 4", n, err)
	}
}

func TestOnlyIncidentsThatWereResolvedLongAgoGo(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	s := enginedb.New(db)
	mustExec(t, db, `select setval('incident_number', 6)`)
	mustExec(t, db, `insert into incident (key, sender_key, severity, summary, status, opened_at, alerted_at, ended_at) values
		('HOT-1', false, 1, 'old', 'resolved', now() - interval '99 days', now(), now() - interval '31 days'),
		('HOT-2', false, 1, 'resolved just now', 'resolved', now() - interval '99 days', now(), now() - interval '1 day'),
		('HOT-3', false, 1, 'open', 'fixing', now() - interval '99 days', now(), null),
		('HOT-5', true,  1, 'the sender gave a number that is over', 'resolved', now() - interval '99 days', now(), now() - interval '31 days'),
		('HOT-7', true,  1, 'the sender gave a number that is to come', 'resolved', now() - interval '99 days', now(), now() - interval '31 days'),
		('OPS-7', true,  1, 'the sender gave another key', 'resolved', now() - interval '99 days', now(), now() - interval '31 days')`)
	mustExec(t, db, `insert into alert (incident, received_at, action, source, severity, summary) select id, now(), 'trigger', '', 1, key from incident`)
	mustExec(t, db, `insert into timeline (incident, at, reason, text) select id, now(), 'opened', key from incident`)
	n, err := s.PruneIncidents(ctx, enginedb.Prune{Keep: month, Limit: 10}, "HOT")
	if err != nil || n != 3 {
		t.Errorf("%d incidents went, %v; want 3", n, err)
	}
	if got, want := list(t, db, `select key from incident order by key`), []string{"HOT-2", "HOT-3", "HOT-7"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	for _, rest := range []string{`select summary from alert order by 1`, `select text from timeline order by 1`} {
		if got, want := list(t, db, rest), []string{"HOT-2", "HOT-3", "HOT-7"}; !slices.Equal(got, want) {
			t.Errorf("%s: left are %v, want %v", rest, got, want)
		}
	}
}

func TestOneNodePrunesAndWaitsForNobody(t *testing.T) {
	ctx, db := t.Context(), dbtest.New(t)
	s := enginedb.New(db)
	mustExec(t, db, `insert into seen (id, at) select n, now() - interval '1 year' from generate_series(1, 3) n`)
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from seen where id = '2' for update`); err != nil {
			return err
		}
		if n, err := s.PruneSeen(ctx, enginedb.Prune{Keep: month, Limit: 10}); err != nil || n != 2 {
			t.Errorf("beside a locked row %d went, %v; want the other 2", n, err)
		}
		if n, err := enginedb.New(tx).PruneSeen(ctx, enginedb.Prune{Keep: month, Limit: 10}); err != nil || n != 1 {
			t.Errorf("then %d went, %v; want 1", n, err)
		}
		if _, err := s.PruneRaw(ctx, enginedb.Prune{Keep: month, Limit: 10}); !errors.Is(err, enginedb.ErrLocked) {
			t.Errorf("a second node was told %v, want that another is at it", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, db *pgxpool.Pool, sql string) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}
