package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/migrations/localpg"
)

// insert is a row as an application's log has them, in a transaction of its own: what this Postgres can
// take on this machine when nothing is decided.
const insert = `insert into bench.log (at, source, text) values (now(), 'bench', 'disk full on db-1: 97 % of 2 TB used, 3 % more than an hour ago');`

// inserts measures single-row transactions a second, with so many clients, and says with what: pgbench,
// or where that is not installed, a loop of our own.
func (r *rig) inserts(ctx context.Context, clients int, d time.Duration) (perSecond float64, by string, err error) {
	_, err = r.db.Exec(ctx, `create schema if not exists bench;
		create table if not exists bench.log (id bigint generated always as identity primary key, at timestamptz not null, source text not null, text text not null);
		truncate bench.log`)
	if err != nil {
		return 0, "", err
	}
	bin, err := localpg.Find(r.o.Getenv)
	if err != nil {
		return 0, "", err
	}
	pgbench := filepath.Join(bin, "pgbench")
	if _, err := os.Stat(pgbench); err == nil {
		perSecond, err = r.pgbench(ctx, pgbench, clients, d)
		return perSecond, "pgbench", err
	}
	perSecond, err = r.insertLoop(ctx, clients, d)
	return perSecond, "a loop of inserts (there is no pgbench)", err
}

func (r *rig) pgbench(ctx context.Context, program string, clients int, d time.Duration) (float64, error) {
	script := filepath.Join(r.o.Dir, "insert.sql")
	if err := os.WriteFile(script, []byte(insert+"\n"), 0o644); err != nil {
		return 0, err
	}
	seconds := max(1, int(d.Round(time.Second)/time.Second))
	cmd := exec.CommandContext(ctx, program, "-n", "-f", script, "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(seconds), r.pg.URL())
	cmd.Env = []string{"PATH=" + r.o.Getenv("PATH"), "HOME=" + r.o.Getenv("HOME"), "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return parsePgbench(out)
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

func parsePgbench(out []byte) (float64, error) {
	m := tps.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench says no tps: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

func (r *rig) insertLoop(ctx context.Context, clients int, d time.Duration) (float64, error) {
	cfg, err := pgxpool.ParseConfig(r.pg.URL())
	if err != nil {
		return 0, err
	}
	cfg.MinConns, cfg.MaxConns = int32(clients), int32(clients)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	done, err := drive(ctx, clients, lasting(d), func(ctx context.Context, _ int) error {
		_, err := pool.Exec(ctx, insert)
		return err
	})
	if err == nil && done.done == 0 {
		err = errors.New("no row was inserted")
	}
	return done.perSecond(), err
}
