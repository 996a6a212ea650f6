package dbtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/migrations"
	"rouse/migrations/localpg"
)

// server is where this process makes its databases.
type server struct {
	url      string
	version  int           // server_version_num: 150018
	admin    *pgxpool.Pool // on the server's own database, for creating and dropping
	template func() (string, error)
}

// shared is the server of this process, started by the first test that needs it. Nobody stops it: the end of the process
// does. To have one for every package costs half a second of each, and there is no state that packages could share by
// mistake, no count of users to keep, and nobody to wait for.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // a Postgres may have to be downloaded
	defer cancel()
	s := &server{url: cmp.Or(os.Getenv("ROUSE_TEST_DATABASE_URL"), os.Getenv("ROUSE_DATABASE_URL"))}
	if s.url == "" {
		private, err := startPrivate(ctx)
		if err != nil {
			return nil, fmt.Errorf("dbtest: %w", err)
		}
		s.url = private.URL()
	}
	var err error
	if s.admin, err = pgxpool.New(ctx, s.url); err != nil {
		return nil, fmt.Errorf("dbtest: %w", err)
	}
	if err := s.admin.QueryRow(ctx, "select current_setting('server_version_num')::integer").Scan(&s.version); err != nil {
		return nil, fmt.Errorf("dbtest: %w", err)
	}
	s.template = sync.OnceValues(s.makeTemplate)
	return s, nil
})

// startPrivate starts a server in memory, or else in the first temporary folder that its account can reach: TMPDIR may be
// closed to others. What dead test processes left in any of them is removed first.
func startPrivate(ctx context.Context) (*localpg.Server, error) {
	places := []string{os.TempDir(), "/tmp", "/var/tmp"}
	if memory := memoryFolder(); memory != "" {
		places = append([]string{memory}, places...)
	}
	for _, dir := range places {
		localpg.Sweep(filepath.Join(dir, "rouse-test-*"))
	}
	var all error
	for _, dir := range places {
		s, err := localpg.Start(ctx, localpg.Options{
			Dir:       filepath.Join(dir, "rouse-test-"+rand.Text()[:10]),
			Temporary: true,
			Fast:      true,
			Getenv:    os.Getenv,
			Params:    map[string]string{"max_connections": "300", "min_wal_size": "32MB", "max_wal_size": "128MB"},
		})
		if !errors.Is(err, localpg.ErrUnreachable) {
			return s, err
		}
		all = errors.Join(all, err)
	}
	return nil, all
}

// makeTemplate returns the name of a database that is migrated and has no connections. It gets its name when it is
// finished, so one that has the name is whole; on a server that processes share, one makes it and the others wait.
func (s *server) makeTemplate() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := "rouse_template_" + migrations.Fingerprint()
	err := pgx.BeginFunc(ctx, s.admin, func(tx pgx.Tx) error { // holds the lock; the work is done beside it
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtext($1))", name); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", name).Scan(&exists); err != nil || exists {
			return err
		}
		return s.migrateNew(ctx, name)
	})
	if err != nil {
		return "", fmt.Errorf("dbtest: making the template: %w", err)
	}
	return name, nil
}

func (s *server) migrateNew(ctx context.Context, name string) error {
	unfinished := name + "_new"
	for _, sql := range []string{"drop database if exists " + unfinished + " with (force)", "create database " + unfinished + " template template0"} {
		if err := s.exec(sql); err != nil {
			return err
		}
	}
	url, err := withDatabase(s.url, unfinished)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	_, err = migrations.Up(ctx, pool)
	pool.Close()
	if err != nil {
		return err
	}
	if err := s.waitUnused(ctx, unfinished); err != nil {
		return err
	}
	return s.exec("alter database " + unfinished + " rename to " + name)
}

// waitUnused returns when the server has noticed that the last connection to a database is closed. Statements that need it
// unused would wait, too, but look only ten times a second.
func (s *server) waitUnused(ctx context.Context, name string) error {
	for {
		var used bool
		err := s.admin.QueryRow(ctx, "select exists (select from pg_stat_activity where datname = $1)", name).Scan(&used)
		if err != nil || !used {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}
