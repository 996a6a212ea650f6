// Package enginedb is all SQL for the engine: incidents with their escalations, pages and attempts, the
// timeline, what came in, services, policies and keys. It decides nothing: what a row may become is the
// engine's, and the only rules here are keys, foreign keys, checks and unique indexes.
package enginedb

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrNotFound says that there is no such row. It is wrapped with what was looked for.
var ErrNotFound = errors.New("not found")

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
