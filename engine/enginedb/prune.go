package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Prune is one batch of what is removed because it is old: what is older than Keep by the clock with the
// Offset, the oldest first, and no more rows than Limit.
//
// One node of the instance prunes at a time: while another does, each method gives ErrLocked. What somebody
// else has locked is left for a later batch, so that pruning waits for nobody.
type Prune struct {
	Offset time.Duration
	Keep   time.Duration
	Limit  int
}

// PruneSeen forgets callbacks that were acted on. A provider that repeated one after that would be believed.
func (s Store) PruneSeen(ctx context.Context, p Prune) (int64, error) {
	return s.prune(ctx, "callbacks that were acted on", `with old as materialized (
			select id from seen where at < (select clock_timestamp() + $1::interval - $2::interval)
			order by at limit $3 for update skip locked)
		delete from seen using old where seen.id = old.id`, p.Offset, p.Keep, p.Limit)
}

// PruneRaw empties the originals of alerts, as their senders wrote them. All that was read from them stays.
func (s Store) PruneRaw(ctx context.Context, p Prune) (int64, error) {
	return s.prune(ctx, "originals of alerts", `with old as materialized (
			select id from alert where raw <> '' and received_at < (select clock_timestamp() + $1::interval - $2::interval)
			order by received_at limit $3 for update skip locked)
		update alert set raw = '' from old where alert.id = old.id`, p.Offset, p.Keep, p.Limit)
}

// PruneStrays removes alerts that concerned no incident.
func (s Store) PruneStrays(ctx context.Context, p Prune) (int64, error) {
	return s.prune(ctx, "alerts without an incident", `with old as materialized (
			select id from alert where incident is null and received_at < (select clock_timestamp() + $1::interval - $2::interval)
			order by received_at limit $3 for update skip locked)
		delete from alert using old where alert.id = old.id`, p.Offset, p.Keep, p.Limit)
}

// PruneIncidents removes incidents that were resolved so long ago, with everything that hangs on them. Their
// numbers are not given again. An incident stays whose sender gave it a key that Rouse would otherwise come to
// give to another: one with this prefix, and a number that is still to come.
func (s Store) PruneIncidents(ctx context.Context, p Prune, prefix string) (int64, error) {
	return s.pruneTx(ctx, "resolved incidents", func(tx pgx.Tx) (int64, error) {
		rows, err := tx.Query(ctx, `select id from incident
			where status = 'resolved' and ended_at < (select clock_timestamp() + $1::interval - $2::interval)
				and case when sender_key and starts_with(key, $4 || '-')
					then substring(key from '[0-9]+$')::numeric < (select last_value from incident_number) else true end
			order by ended_at limit $3 for update skip locked`, p.Offset, p.Keep, p.Limit, prefix)
		if err != nil {
			return 0, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil || len(ids) == 0 {
			return 0, err
		}
		// Under the locks, so that nothing more is written about them. Parts have no foreign keys.
		var b pgx.Batch
		for _, part := range []string{"timeline", "alert", "grouped", "group_size", "attempt", "page", "escalation"} {
			b.Queue(`delete from `+part+` where incident = any($1)`, ids)
		}
		b.Queue(`delete from incident where id = any($1)`, ids)
		return int64(len(ids)), tx.SendBatch(ctx, &b).Close()
	})
}

// pruneLock is "prune" in ASCII. Advisory locks are per database; this one ends with its transaction.
const pruneLock = 0x7072756e65

func (s Store) prune(ctx context.Context, what, sql string, args ...any) (int64, error) {
	return s.pruneTx(ctx, what, func(tx pgx.Tx) (int64, error) {
		tag, err := tx.Exec(ctx, sql, args...)
		return tag.RowsAffected(), err
	})
}

func (s Store) pruneTx(ctx context.Context, what string, remove func(pgx.Tx) (int64, error)) (n int64, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock($1)`, int64(pruneLock)).Scan(&mine); err != nil {
			return err
		}
		if !mine {
			return ErrLocked
		}
		n, err = remove(tx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("pruning %s: %w", what, err)
	}
	return n, nil
}
