package enginedb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lateness is what an audit finds late.
type Lateness struct {
	ReadOnly  bool    // a standby, or a primary that was told to be
	Deadlines Overdue // of incidents
	Leases    Overdue // of attempts that nobody is sending
}

// Overdue is how many have passed, CountedOverdue at the most, and how long ago the oldest has.
type Overdue struct {
	N      int
	Oldest time.Duration
}

// CountedOverdue is where counting ends: a higher number would say nothing more, and cost more to find.
const CountedOverdue = 1000

// Lateness asks what has been overdue for longer than grace, in one round trip, whatever a node remembers.
// Deadlines run on the clock with the offset, leases on the database's own.
func (s Store) Lateness(ctx context.Context, offset, grace time.Duration) (l Lateness, err error) {
	var b pgx.Batch
	b.Queue(`select current_setting('transaction_read_only')::bool`).
		QueryRow(func(row pgx.Row) error { return row.Scan(&l.ReadOnly) })
	queueOverdue(&b, `select deadline from incident where deadline < (select clock_timestamp() + $1::interval - $2::interval)
		order by deadline limit $3`, offset, grace, &l.Deadlines)
	queueOverdue(&b, `select lease_until from attempt where state in ('queued', 'sending')
		and lease_until < (select clock_timestamp() + $1::interval - $2::interval) order by lease_until limit $3`, 0, grace, &l.Leases)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return l, fmt.Errorf("asking what is overdue: %w", err)
	}
	return l, nil
}

func queueOverdue(b *pgx.Batch, sql string, offset, grace time.Duration, into *Overdue) {
	b.Queue(`select count(*), coalesce(extract(epoch from clock_timestamp() + $1::interval - min(late.at)), 0)::float8
		from (`+sql+`) late (at)`, offset, grace, CountedOverdue).
		QueryRow(func(row pgx.Row) error {
			var seconds float64
			err := row.Scan(&into.N, &seconds)
			into.Oldest = time.Duration(seconds * float64(time.Second))
			return err
		})
}

// probeSize is more than half a page: no two probes fit on one.
const probeSize = 5000

// TryWrite commits a row, deleted again in the same transaction, to see whether the database can be written.
// It needs a new page each time, so that a full disk is noticed (see migration 0004).
func (s Store) TryWrite(ctx context.Context) error {
	var b pgx.Batch // one transaction
	id := rand.Int64()
	b.Queue(`insert into probe (id, filler) values ($1, $2)`, id, strings.Repeat(".", probeSize))
	b.Queue(`delete from probe where id = $1`, id)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("writing for a try: %w", err)
	}
	return nil
}
