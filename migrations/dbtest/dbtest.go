// Package dbtest gives each test a Postgres database of its own, so that no test needs a mock, an order or a clean-up.
//
// The first call in a test process starts a private server without durability (see localpg) and migrates a template; each
// test then gets a copy of it, in about 30 ms. Server and folder are gone when the process is, however it ends, and no
// TestMain is needed. Where ROUSE_TEST_DATABASE_URL, or else ROUSE_DATABASE_URL, is set, the databases are made on that
// server instead: nothing on it is touched but databases whose names begin with rouse_test_ and rouse_template_.
package dbtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// New returns a pool of up to 20 connections to a migrated database that nobody else uses. When the test ends, the
// database is dropped and the pool closed; a connection that was never given back to it is an error of the test.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, URL(t))
}

// URL returns the address of such a database, for tests that start the real program. It is dropped when the test ends,
// whoever is still connected.
func URL(t testing.TB) string {
	t.Helper()
	s := use(t)
	template, err := s.template()
	if err != nil {
		t.Fatal(err)
	}
	return s.create(t, template)
}

// Empty is New without the migrations: for tests of the migrations. Its address is Empty(t).Config().ConnString().
func Empty(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, use(t).create(t, "template0"))
}

// Dir names a folder, not made yet, for tests that start and kill a server of their own with localpg.Start: unlike one
// below t.TempDir, it can be reached by the account that server runs as, and its path is short. It is removed when the test
// ends.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rouse-dir-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "pg")
}

func use(t testing.TB) *server {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes a database, drops it when the test ends, and returns its address.
func (s *server) create(t testing.TB, template string) string {
	t.Helper()
	name := databaseName(t.Name())
	sql := "create database " + name + " template " + template
	if s.version >= 15_00_00 {
		sql += " strategy wal_log" // a copy without the checkpoints that the older strategy takes
	}
	if err := s.exec(sql); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.exec("drop database " + name + " with (force)"); err != nil {
			t.Errorf("dbtest: %v", err)
		}
	})
	url, err := withDatabase(s.url, name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName says in the server's log whose database it is, and differs from all others.
func databaseName(test string) string {
	plain := notPlain.ReplaceAllString(strings.ToLower(test), "_")
	return fmt.Sprintf("rouse_test_%.36s_%s", plain, strings.ToLower(rand.Text()[:10])) // at most 58 of 63 bytes
}

// withDatabase returns the address dsn, in either form that libpq knows, with another database.
func withDatabase(dsn, name string) (string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " dbname=" + name, nil // the last one counts
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "", fmt.Errorf("dbtest: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

func open(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePool(t, pool) })
	return pool
}

// closePool does not wait for ever, as pool.Close does, for what a test has forgotten to give back.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Errorf("dbtest: the test ended %v ago and still has %d connections of its pool: rows not closed, a transaction "+
			"not ended, or something not stopped", patience, pool.Stat().AcquiredConns())
	}
}

// patience is how long after its end a test may still be giving its connections back.
var patience = 5 * time.Second

// exec runs a statement that cannot run in a transaction.
func (s *server) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err := s.admin.Exec(ctx, sql)
	if err != nil {
		return fmt.Errorf("dbtest: %s: %w", sql, err)
	}
	return nil
}
