package dbtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/migrations"
)

func TestEachTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	began := time.Now()
	if _, err := shared(); err != nil {
		t.Fatal(err)
	}
	t.Logf("server: %v", time.Since(began))
	began = time.Now()
	if _, err := use(t).template(); err != nil {
		t.Fatal(err)
	}
	t.Logf("template: %v", time.Since(began))

	for _, name := range []string{"one", "another"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			pool := New(t)
			t.Logf("database: %v", time.Since(began))
			if pending, err := migrations.Pending(t.Context(), pool); err != nil || len(pending) != 0 {
				t.Errorf("pending: %v, %v", pending, err)
			}
			if _, err := pool.Exec(t.Context(), "create table mine ()"); err != nil {
				t.Error(err) // the other's table is here
			}
		})
	}
}

func TestADatabaseIsGoneAfterItsTest(t *testing.T) {
	var names []string
	t.Run("with databases", func(t *testing.T) {
		for _, address := range []string{URL(t), New(t).Config().ConnString(), Empty(t).Config().ConnString()} {
			config, err := pgx.ParseConfig(address)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, config.Database)
			conn, err := pgx.Connect(t.Context(), address) // and forgets it
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	var left int
	err := use(t).admin.QueryRow(t.Context(), "select count(*) from pg_database where datname = any ($1)", names).Scan(&left)
	if err != nil || left != 0 || len(names) != 3 {
		t.Errorf("%d of %s are still there (%v)", left, names, err)
	}
}

func TestAnEmptyDatabaseIsNotMigrated(t *testing.T) {
	pending, err := migrations.Pending(t.Context(), Empty(t))
	if err != nil || len(pending) == 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
}

func TestAConnectionThatATestKeepsIsTheTestsErrorNotAHang(t *testing.T) {
	old := patience
	patience = 50 * time.Millisecond
	defer func() { patience = old }()
	tb := &recorder{TB: t}
	conn, err := New(tb).Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	tb.end()
	if len(tb.errors) != 1 || !strings.Contains(tb.errors[0], "1 connections of its pool") {
		t.Errorf("reported: %q", tb.errors)
	}
}

// recorder is a test within a test, whose errors are looked at.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
func (r *recorder) end() {
	for len(r.cleanups) > 0 {
		last := len(r.cleanups) - 1
		f := r.cleanups[last]
		r.cleanups = r.cleanups[:last]
		f()
	}
}

func TestAddressesInBothFormsTakeAnotherDatabase(t *testing.T) {
	for _, dsn := range []string{
		"postgres://ann:secret@db.example:5433/postgres?sslmode=disable",
		"host=db.example port=5433 user=ann password=secret dbname=postgres sslmode=disable",
	} {
		other, err := withDatabase(dsn, "other")
		if err != nil {
			t.Fatal(err)
		}
		config, err := pgx.ParseConfig(other)
		if err != nil || config.Database != "other" || config.Host != "db.example" || config.Port != 5433 || config.User != "ann" {
			t.Errorf("%s became %s (%v)", dsn, other, err)
		}
	}
}
