// Package migrations brings a database to the schema this binary needs: River's tables in the schema river, then the
// files of this folder, in the order of their numbers. It only goes forward.
//
// A file is named NNNN_what.sql and runs once, in a transaction of its own, together with the row in schema_migration that
// says so. It never commits by itself, and once it is released it is never changed: what is wrong with it is put right by
// the next one. Since the previous release runs beside the new one during an upgrade, a file only adds: columns are
// dropped and renamed one release after the last code that knew them.
//
// Every node migrates when it starts; a session advisory lock lets one of them work and the others wait. Nodes behind a
// pgbouncer in transaction mode have no sessions: they need a direct address to migrate.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed *.sql
var files embed.FS

// ErrDiverged means that the database was not made by the files in this binary or an earlier or later release of them: one
// that is applied was changed, renamed or removed from its place, or a new one was put in before it. The message names it.
var ErrDiverged = errors.New("the database and this binary disagree about an applied migration")

// Result says what Up found and did.
type Result struct {
	// Applied are the migrations that this call applied, in order, such as "river 008" and "0001_rosters.sql". Empty if
	// the database was up to date, or another node was faster.
	Applied []string
	// Newer are migrations in the database that this binary does not know. That is no error: a newer release is running,
	// or has run, beside this one.
	Newer []string
}

// Status is how a database compares with this binary.
type Status struct {
	Pending []string // what Up would apply, in order
	Newer   []string // see Result.Newer
}

// Up applies what is pending. It may be called by many nodes at once: one of them works, the others wait for it, and where
// nothing is pending it costs one query. It uses one connection of the pool at a time; if there is work, it closes the one
// it did it on.
//
// When it fails, or is cancelled, or its process is killed, each migration is applied either wholly or not at all, and Up
// can be called again; Result says what was applied. An error of a file names the file, the line and what Postgres said
// (*pgconn.PgError). ErrDiverged is reported before anything is applied.
//
// A statement that has waited two seconds for a lock on a table gives up and is tried again, ten times in all: the pager's
// own work on that table must not queue up behind it.
func Up(ctx context.Context, pool *pgxpool.Pool) (Result, error) { return up(ctx, pool, files) }

// Pending returns what Up would apply, in order, with one query (three on a database that was never migrated). Newer
// migrations are not in it: while a newer release comes up, this one is still ready. The error may wrap ErrDiverged.
func Pending(ctx context.Context, pool *pgxpool.Pool) ([]string, error) {
	status, err := Check(ctx, pool)
	return status.Pending, err
}

// Check is Pending with the newer migrations: for people who look after a database.
func Check(ctx context.Context, pool *pgxpool.Pool) (Status, error) {
	known, err := embedded()
	if err != nil {
		return Status{}, fmt.Errorf("migrations: %w", err)
	}
	found, err := check(ctx, pool, known)
	if err != nil {
		return Status{}, fmt.Errorf("migrations: %w", err)
	}
	return found.Status, nil
}

var embedded = sync.OnceValues(func() ([]file, error) { return read(files) })

// up is Up with the files of fsys.
func up(ctx context.Context, pool *pgxpool.Pool, fsys fs.FS) (result Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrations: %w", err)
		}
	}()
	known, err := read(fsys)
	if err != nil {
		return Result{}, err
	}
	found, err := check(ctx, pool, known)
	if err != nil || len(found.Pending) == 0 {
		return Result{Newer: found.Newer}, err
	}
	conn, err := lock(ctx, pool)
	if err != nil {
		return Result{}, fmt.Errorf("taking the lock: %w", err)
	}
	defer unlock(ctx, conn)

	found, err = check(ctx, conn, known) // while this one waited, another node may have done the work
	if err != nil || len(found.Pending) == 0 {
		return Result{Newer: found.Newer}, err
	}
	result.Newer = found.Newer
	if result.Applied, err = upRiver(ctx, conn); err != nil {
		return result, err
	}
	applied, err := upFiles(ctx, conn, found.files)
	result.Applied = append(result.Applied, applied...)
	return result, err
}

// lockKey is "rouse" in ASCII. Advisory locks are per database.
const lockKey = 0x726f757365

// lock takes one connection out of the pool for good and the lock on it: the lock lives as long as the connection, and all
// work is done on it, so that no node can be at work without holding the lock.
func lock(ctx context.Context, pool *pgxpool.Pool) (*pgx.Conn, error) {
	pooled, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	conn := pooled.Hijack()
	// Time limits are for ordinary work, not for waiting here or for rewriting a table.
	_, err = conn.Exec(ctx, "set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0")
	if err != nil {
		unlock(ctx, conn)
		return nil, err
	}
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(lockKey)); err != nil {
		unlock(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// unlock ends the session, and with it the lock and whatever transaction was left open. Unlocking by hand first spares the
// next node the moment until the server has noticed.
func unlock(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if !conn.IsClosed() {
		_, _ = conn.Exec(ctx, "select pg_advisory_unlock_all()") // if it fails, closing does it
	}
	_ = conn.Close(ctx)
}

// Variables only so that a test need not wait for them.
var (
	lockTimeout = 2 * time.Second // how long others may have to wait behind us for a table
	lockPause   = 1 * time.Second // how long they may then work
)

const lockTries = 10

// patiently runs work in a transaction of its own, again and again while others hold the tables it needs.
func patiently(ctx context.Context, conn *pgx.Conn, work func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", lockTimeout.Milliseconds())); err != nil {
				return err
			}
			return work(tx)
		})
		const lockNotAvailable, deadlock = "55P03", "40P01"
		if state := sqlState(err); state != lockNotAvailable && state != deadlock || try == lockTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// sqlState is the code of an error of Postgres, empty for any other.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
