// Package rosterdb is all SQL for who is on call: people and their contacts, rosters, rotations and
// overrides. It decides nothing and checks no values: that is rosters'. What Postgres refuses comes
// back as one of the errors below.
//
// A person with contacts, and a roster with rotations, are each read and written whole: a row of
// theirs never changes without the version of its owner going up.
package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The errors that callers tell apart. They are wrapped with what was looked for.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrVersion  = errors.New("was changed in the meantime")
	ErrInUse    = errors.New("is in use")
	ErrGone     = errors.New("was another's, whom the past still names")
)

// DB is a pool, or a transaction under way.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Store reads and writes through one DB.
type Store struct{ db DB }

// New gives a Store on a pool, or on the transaction in which its work is to be done.
func New(db DB) Store { return Store{db: db} }

// Stamp is what the database keeps of a row beside its content. Version goes up with each change.
type Stamp struct {
	Version              int
	CreatedAt, UpdatedAt time.Time
}

// AnyVersion is given to an update or a deletion that is to happen whatever the version.
const AnyVersion = 0

// Now is the database's time.
func (s Store) Now(ctx context.Context) (now time.Time, err error) {
	if err = s.db.QueryRow(ctx, `select clock_timestamp()`).Scan(&now); err != nil {
		return now, fmt.Errorf("asking the database for the time: %w", err)
	}
	return now, nil
}

// mapped turns what Postgres refuses into the errors of this package. When a row is written a foreign
// key means that something named is not there, when one is deleted that something names it: inUse says
// which.
func mapped(err error, foreignKey error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case !errors.As(err, &pg):
		return err
	case pg.Code == "23505": // unique_violation
		return ErrExists
	case pg.Code == "23503": // foreign_key_violation
		return foreignKey
	default:
		return err
	}
}
