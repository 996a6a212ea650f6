package rosterdb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// configurationLock is the advisory lock of all that admins keep: "config" in ASCII.
const configurationLock = 0x636f6e666967

// What whoever changes the whole configuration may need, beyond what a connection grants.
const (
	configurationWait = 20 * time.Second // for changes that are under way
	configurationIdle = time.Minute      // between two statements, while what comes of it is worked out
)

// ShareConfiguration lets the transaction change things that admins keep: others may as well, nobody the whole
// configuration. It waits while somebody does.
//
// Who is paged is read without any such lock, so that no page waits for either.
func (s Store) ShareConfiguration(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `select pg_advisory_xact_lock_shared($1)`, int64(configurationLock)); err != nil {
		return fmt.Errorf("waiting for a change of the whole configuration: %w", err)
	}
	return nil
}

// Unhurried lets the transaction work out what comes of a change between two statements, for longer than a
// connection grants.
func (s Store) Unhurried(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `select set_config('idle_in_transaction_session_timeout', $1, true)`, milliseconds(configurationIdle)); err != nil {
		return fmt.Errorf("taking time: %w", err)
	}
	return nil
}

// TakeConfiguration lets the transaction alone change things that admins keep: what it reads from now on stays
// as it is. It waits for changes that are under way.
func (s Store) TakeConfiguration(ctx context.Context) error {
	var b pgx.Batch
	b.Queue(`select set_config('lock_timeout', $1, true)`, milliseconds(configurationWait))
	b.Queue(`select pg_advisory_xact_lock($1)`, int64(configurationLock))
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("waiting for changes of the configuration: %w", err)
	}
	return nil
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// Snapshot lets a transaction that has not asked anything yet read all as it is at one instant, and write
// nothing.
func (s Store) Snapshot(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `set transaction isolation level repeatable read, read only`); err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	return nil
}

// LockRosters locks rosters that are going to be changed together with people: whoever puts somebody on call
// locks the roster first, and then the person.
func (s Store) LockRosters(ctx context.Context, ids []rosters.RosterID) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := s.db.Exec(ctx, `select from roster where id = any($1) order by id for update`, ids); err != nil {
		return fmt.Errorf("locking rosters: %w", err)
	}
	return nil
}

// Touched is a change of something that admins keep.
type Touched struct {
	Kind    string // "person", "team", "roster", "policy" or "service"
	Slug    string
	At      time.Time
	Deleted bool // what is not kept after it was deleted is not told
}

// LastTouched lists what was changed last of all that admins keep, the last first, at most so many.
func (s Store) LastTouched(ctx context.Context, limit int) ([]Touched, error) {
	rows, _ := s.db.Query(ctx, `
		select 'team', id, updated_at, false from team
		union all select 'person', id, updated_at, false from person
		union all select 'roster', id, updated_at, false from roster
		union all select 'policy', id, updated_at, false from policy
		union all select 'service', id, updated_at, false from service
		union all select kind, slug, deleted_at, true from trash where kind in ('team', 'person', 'roster')
		order by 3 desc, 1, 2 limit $1`, limit)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Touched])
	if err != nil {
		return nil, fmt.Errorf("looking for what was changed last: %w", err)
	}
	return found, nil
}
