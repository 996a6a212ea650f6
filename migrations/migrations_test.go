package migrations_test

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"rouse/migrations"
	"rouse/migrations/dbtest"
)

func TestAnEmptyDatabaseGetsRiversTablesAndAllOfOurs(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	pending, err := migrations.Pending(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil || !slices.Equal(pending[len(pending)-len(files):], files) || pending[0] != "river 001" {
		t.Errorf("pending on an empty database: %v", pending)
	}

	result, err := migrations.Up(t.Context(), pool)
	if err != nil || !slices.Equal(result.Applied, pending) || len(result.Newer) != 0 {
		t.Errorf("Up: %v, %v; want %v", result, err, pending)
	}
	noLockIsHeld(t, pool)
	if status, err := migrations.Check(t.Context(), pool); err != nil || len(status.Pending)+len(status.Newer) != 0 {
		t.Errorf("afterwards: %v, %v", status, err)
	}
	river, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: migrations.RiverSchema})
	if err != nil {
		t.Fatal(err)
	}
	if valid, err := river.Validate(t.Context(), nil); err != nil || !valid.OK {
		t.Errorf("River says: %v, %v", valid, err)
	}
}

func TestAMigratedDatabaseCostsOneQuery(t *testing.T) {
	t.Parallel()
	config := dbtest.New(t).Config()
	var queries counter
	config.ConnConfig.Tracer = &queries
	pool := open(t, config)
	for name, call := range map[string]func() error{
		"Up":      func() error { _, err := migrations.Up(t.Context(), pool); return err },
		"Pending": func() error { _, err := migrations.Pending(t.Context(), pool); return err },
	} {
		queries.Store(0)
		if err := call(); err != nil || queries.Load() != 1 {
			t.Errorf("%s took %d queries (%v)", name, queries.Load(), err)
		}
	}
}

func TestAPoolOfOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	config := dbtest.Empty(t).Config()
	config.MaxConns = 1
	pool := open(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if result, err := migrations.Up(ctx, pool); err != nil || len(result.Applied) == 0 {
		t.Errorf("Up: %v, %v", result, err)
	}
	if err := pool.Ping(ctx); err != nil {
		t.Errorf("the pool afterwards: %v", err)
	}
}

func TestFilesRunOnceInTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	first := dir("0001_a.sql", "create table story (line text)", "0002_b.sql", "insert into story values ('b')")
	if result, err := migrations.UpFrom(t.Context(), pool, first); err != nil || ours(result.Applied) != "0001_a.sql 0002_b.sql" {
		t.Fatalf("first: %v, %v", result, err)
	}
	later := dir("0010_d.sql", "insert into story values ('d')", "0009_c.sql", "insert into story values ('c')")
	for name, file := range first {
		later[name] = file
	}
	if result, err := migrations.UpFrom(t.Context(), pool, later); err != nil || strings.Join(result.Applied, " ") != "0009_c.sql 0010_d.sql" {
		t.Errorf("later: %v, %v", result, err)
	}
	if got := text(t, pool, "select string_agg(line, '' order by ctid) from story"); got != "bcd" {
		t.Errorf("they ran as %q", got)
	}
}

func TestAFileThatFailsLeavesTheVersionBeforeIt(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	files := dir(
		"0001_good.sql", "create table good ()",
		"0002_bad.sql", "create table half ();\n\n-- Größe\nalter table nowhere add column n int;\n",
		"0003_never.sql", "create table never ()")
	result, err := migrations.UpFrom(t.Context(), pool, files)
	noLockIsHeld(t, pool)
	if got := ours(result.Applied); got != "0001_good.sql" {
		t.Errorf("applied: %s", got)
	}
	if err == nil || !strings.Contains(err.Error(), "0002_bad.sql") || !strings.Contains(err.Error(), `relation "nowhere" does not exist`) {
		t.Errorf("the error should name the file and say what Postgres said: %v", err)
	}
	if pg := new(pgconn.PgError); !errors.As(err, &pg) || pg.Code != "42P01" {
		t.Errorf("Postgres's error is lost: %v", err)
	}
	if got := text(t, pool, "select coalesce(string_agg(relname, ' '), '') from pg_class where relname in ('good', 'half', 'never')"); got != "good" {
		t.Errorf("tables: %s", got)
	}

	files["0002_bad.sql"] = &fstest.MapFile{Data: []byte("create table half ()")} // nobody has applied it: it may be mended
	if result, err := migrations.UpFrom(t.Context(), pool, files); err != nil || strings.Join(result.Applied, " ") != "0002_bad.sql 0003_never.sql" {
		t.Errorf("after mending: %v, %v", result, err)
	}
}

func TestAnErrorOfSyntaxNamesItsLine(t *testing.T) {
	t.Parallel()
	_, err := migrations.UpFrom(t.Context(), dbtest.Empty(t), dir("0001_typo.sql", "-- Größe\n\ncreate table a ();\ncreate tabel b ();\n"))
	if err == nil || !strings.Contains(err.Error(), "0001_typo.sql: line 4: ") {
		t.Errorf("error: %v", err)
	}
}

func TestHistoryThatWasRewrittenIsRefusedBeforeAnythingIsApplied(t *testing.T) {
	t.Parallel()
	const a, b, c = "create table a ()", "create table b ()", "create table c ()"
	pool := dbtest.Empty(t)
	if _, err := migrations.UpFrom(t.Context(), pool, dir("0001_a.sql", a, "0003_b.sql", b)); err != nil {
		t.Fatal(err)
	}
	for what, now := range map[string]struct {
		files fstest.MapFS
		names string
	}{
		"changed":          {dir("0001_a.sql", a+";", "0003_b.sql", b, "0004_c.sql", c), "0001_a.sql was changed"},
		"renamed":          {dir("0001_aa.sql", a, "0003_b.sql", b, "0004_c.sql", c), "0001_aa.sql"},
		"put in before it": {dir("0001_a.sql", a, "0002_c.sql", c, "0003_b.sql", b), "0002_c.sql"},
	} {
		_, err := migrations.UpFrom(t.Context(), pool, now.files)
		if !errors.Is(err, migrations.ErrDiverged) || !strings.Contains(err.Error(), now.names) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := text(t, pool, "select count(*)::text from pg_class where relname = 'c'"); got != "0" {
		t.Error("the new file was applied all the same")
	}
}

// During an upgrade the release before runs beside the new one.
func TestADatabaseNewerThanTheBinaryIsReportedAndNoError(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	old := dir("0001_a.sql", "create table a ()")
	if _, err := migrations.UpFrom(t.Context(), pool, dir("0001_a.sql", "create table a ()", "0002_b.sql", "create table b ()")); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "insert into river.river_migration (line, version) values ('main', 99)"); err != nil {
		t.Fatal(err)
	}
	result, err := migrations.UpFrom(t.Context(), pool, old)
	if err != nil || len(result.Applied) != 0 || strings.Join(result.Newer, " ") != "0002_b.sql river 099" {
		t.Errorf("the older binary: %+v, %v", result, err)
	}
}

func TestFilesThatCannotBeOrderedAreRefused(t *testing.T) {
	t.Parallel()
	for _, files := range []fstest.MapFS{
		dir("0001_a.sql", "", "0001_b.sql", ""),
		dir("1_a.sql", ""),
		dir("later.sql", ""),
	} {
		if _, err := migrations.ReadFrom(files); err == nil {
			t.Errorf("no error for %v", files)
		}
	}
}

// The runner's promises, one transaction for each file, and no rule hidden in the database, hold only if the files agree.
func TestFilesLeaveTransactionsToTheRunnerAndRulesToTheCode(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`(?im)^\s*(begin|commit|rollback|start transaction)\b.*;|\bconcurrently\b|^\s*create\s+(or\s+replace\s+)?(function|procedure|trigger)\b`)
	names, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("files: %v, %v", names, err)
	}
	for _, name := range names {
		sql, err := fs.ReadFile(migrations.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		if found := forbidden.Find(sql); found != nil {
			t.Errorf("%s has %q", name, found)
		}
	}
}

func TestTimeLimitsOfOrdinaryWorkDoNotApply(t *testing.T) {
	t.Parallel()
	config := dbtest.Empty(t).Config()
	config.ConnConfig.RuntimeParams["statement_timeout"] = "100ms"
	pool := open(t, config)
	if _, err := migrations.UpFrom(t.Context(), pool, dir("0001_long.sql", "select pg_sleep(0.2)")); err != nil {
		t.Error(err)
	}
	if got := text(t, pool, "show statement_timeout"); got != "100ms" {
		t.Errorf("the pool's limit is %s now", got)
	}
}

// Where an administrator made the schema river, the role that Rouse has need not be allowed to make schemas.
func TestARoleThatMayNotMakeSchemasIsEnoughWhereRiversIsThere(t *testing.T) {
	t.Parallel()
	admin := dbtest.Empty(t)
	config := admin.Config()
	role := strings.Replace(config.ConnConfig.Database, "rouse_test_", "rouse_role_", 1)
	for _, sql := range []string{
		"create role " + role, "grant create on schema public to " + role, "create schema river authorization " + role,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "drop owned by "+role+"; drop role "+role); err != nil {
			t.Error(err)
		}
	})
	config.ConnConfig.RuntimeParams["role"] = role
	if result, err := migrations.Up(t.Context(), open(t, config)); err != nil || len(result.Applied) == 0 {
		t.Errorf("Up: %v, %v", result, err)
	}
}

func noLockIsHeld(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	held := text(t, pool, `select count(*)::text from pg_locks where locktype = 'advisory'
		and database = (select oid from pg_database where datname = current_database())`)
	if held != "0" {
		t.Errorf("%s advisory locks are held when Up has returned", held)
	}
}

// dir is a folder of migrations: names and contents in turn.
func dir(namesAndContents ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for pair := range slices.Chunk(namesAndContents, 2) {
		files[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
	}
	return files
}

// ours leaves out River's.
func ours(applied []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(applied), func(name string) bool { return strings.HasPrefix(name, "river ") }), " ")
}

func open(t *testing.T, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func text(t *testing.T, pool *pgxpool.Pool, sql string) string {
	t.Helper()
	var value string
	if err := pool.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// counter counts queries.
type counter struct{ atomic.Int32 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
