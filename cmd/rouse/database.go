package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/migrations"
	"rouse/migrations/localpg"
)

// postgres is a pool and, if that is a private one, the server behind it.
type postgres struct {
	*pgxpool.Pool
	private *localpg.Server // nil if somebody else runs it
}

// openDatabase connects to the database that is set, else to a private one, which it starts unless
// it runs already.
func openDatabase(ctx context.Context, cfg config, getenv func(string) string, log *slog.Logger) (postgres, error) {
	if cfg.databaseURL != "" {
		pool, err := connect(ctx, cfg.databaseURL)
		return postgres{Pool: pool}, err
	}
	dir := privateDir(cfg, getenv)
	if dir == "" {
		return postgres{}, errors.New("there is no folder for a private Postgres, as HOME is not set: set ROUSE_DATABASE_URL or ROUSE_DATA")
	}
	server, err := localpg.Start(ctx, localpg.Options{Dir: dir, Getenv: getenv, Log: log})
	if errors.Is(err, localpg.ErrInUse) {
		if address, ok := runningIn(dir); ok {
			pool, err := connect(ctx, address)
			return postgres{Pool: pool}, err
		}
	}
	if err != nil {
		return postgres{}, err
	}
	pool, err := connect(ctx, server.URL())
	if err != nil {
		server.Stop()
		return postgres{}, err
	}
	return postgres{Pool: pool, private: server}, nil
}

// openTold is openDatabase for commands, whose caller is told if it is not a database that they named: nothing else
// would tell that what they change is elsewhere than where they look for it.
func (c *cli) openTold(ctx context.Context, cfg config) (postgres, error) {
	if dir := privateDir(cfg, c.getenv); cfg.databaseURL == "" && dir != "" {
		fmt.Fprintf(c.stderr, "rouse: this is the private trial database in %s: set ROUSE_DATABASE_URL to use another\n", clean(dir))
	}
	return openDatabase(ctx, cfg, c.getenv, c.quietLog(cfg))
}

// privateDir is the folder of a private database; "" if there is none to be had.
func privateDir(cfg config, getenv func(string) string) string {
	if cfg.data != "" {
		return cfg.data
	}
	return localpg.DefaultDir(getenv)
}

// noAnswerError says that the database may come yet: after a power cut it starts together with Rouse.
type noAnswerError struct {
	where  string // host and port
	cause  string
	public string // the cause as anybody may read it: it names no host and no user
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("no answer from the database at %s (%s): is Postgres running there? Check ROUSE_DATABASE_URL", e.where, e.cause)
}

// How a server waits for its database.
const (
	askEvery  = time.Second // it is asked
	waitsSaid = time.Minute // the log is told
)

// awaitDatabase opens the database and brings it to this binary's schema. One that does not answer, or goes
// away meanwhile, is asked again every second until it does; absent is told each time, anew.
func awaitDatabase(ctx context.Context, cfg config, getenv func(string) string, log *slog.Logger, absent func(why string)) (postgres, error) {
	began := time.Now()
	var said time.Time
	for {
		db, err := openMigrated(ctx, cfg, getenv, log)
		if err == nil && !said.IsZero() {
			log.Info("the database answers", "waited", time.Since(began).Round(time.Second))
		}
		why, ok := errors.AsType[*noAnswerError](err)
		if !ok {
			return db, err
		}
		absent(why.public)
		if time.Since(said) >= waitsSaid {
			said = time.Now()
			log.Error("waiting for the database; no alert is taken and nobody is paged until it answers", "error", err, "since", began, "tried_every", askEvery)
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return db, err
		}
	}
}

// openMigrated is openDatabase with the schema that this binary needs.
func openMigrated(ctx context.Context, cfg config, getenv func(string) string, log *slog.Logger) (postgres, error) {
	db, err := openDatabase(ctx, cfg, getenv, log)
	if err != nil {
		return db, err
	}
	migrated, err := migrations.Up(ctx, db.Pool)
	for _, name := range migrated.Applied {
		log.Info("migration applied", "name", name)
	}
	if err == nil {
		return db, nil
	}
	if mayCome(err) {
		err = noDatabase(ctx, db.Config(), err)
	}
	db.Close()
	return postgres{}, err
}

// another opens a second pool on the same database, with at most so many connections: what it carries
// keeps nothing waiting that goes through the first.
func (p postgres) another(ctx context.Context, connections int32) (*pgxpool.Pool, error) {
	cfg := p.Config() // a copy
	cfg.MaxConns = min(cfg.MaxConns, connections)
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	return pgxpool.NewWithConfig(ctx, cfg)
}

// Close gives all connections back and ends a private server. A pool waits for whoever still uses a
// connection; that may be a send that was cut off, and the end of the program does not wait for it.
func (p postgres) Close() {
	closed := make(chan struct{})
	go func() { p.Pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(2 * time.Second):
	}
	if p.private != nil {
		p.private.Stop()
	}
}

// runningIn finds the address of the private Postgres that another process of ours, usually `rouse
// serve`, has on a folder: in postmaster.pid, whose fourth and fifth lines are port and socket folder
// (https://www.postgresql.org/docs/current/storage-file-layout.html).
func runningIn(dir string) (address string, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return "", false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 || lines[4] == "" {
		return "", false
	}
	query := url.Values{"host": {lines[4]}, "port": {lines[3]}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: query.Encode()}
	return u.String(), true
}

// limits are set for each connection unless the address says otherwise: no statement, lock or idle
// transaction may hold pages up for long, and the server notices soon that a node is dead.
var limits = map[string]string{
	"application_name":                    "rouse",
	"statement_timeout":                   "20s",
	"lock_timeout":                        "3s",
	"idle_in_transaction_session_timeout": "3s",
	"tcp_keepalives_idle":                 "5",
	"tcp_keepalives_interval":             "2",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "10s",
}

// planning is set for each connection: everything asked for is few rows by their keys. Planning a claim anew
// costs more than the claim, so a plan is made once; and, as it may be made while the tables are empty and be
// used when they are large, it goes by the indexes from the beginning.
var planning = map[string]string{
	"jit":              "off", // a plan that goes by an index at any price looks expensive enough to be compiled
	"plan_cache_mode":  "force_generic_plan",
	"enable_seqscan":   "off",
	"enable_hashjoin":  "off",
	"enable_mergejoin": "off",
}

// connect opens a pool and makes sure that the database answers.
func connect(ctx context.Context, address string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the address of the database cannot be read: set ROUSE_DATABASE_URL to postgres://user:password@host:5432/rouse")
	}
	for _, settings := range []map[string]string{limits, planning} {
		for name, value := range settings {
			if _, set := cfg.ConnConfig.RuntimeParams[name]; !set {
				cfg.ConnConfig.RuntimeParams[name] = value
			}
		}
	}
	if !strings.Contains(address, "pool_max_conns") {
		cfg.MaxConns = 20
	}
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}}
	cfg.ConnConfig.DialFunc = dialer.DialContext
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, noDatabase(ctx, cfg, err)
	}
	return pool, nil
}

// noDatabase says in one line what is wrong; pgx's own error goes on over several, one for each
// address that it tried.
func noDatabase(ctx context.Context, cfg *pgxpool.Config, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := net.JoinHostPort(cfg.ConnConfig.Host, fmt.Sprint(cfg.ConnConfig.Port))
	name := cfg.ConnConfig.Database
	said, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && mayCome(err):
		return &noAnswerError{where, said.Message, said.Message}
	case ok:
		switch said.Code {
		case "28P01", "28000": // invalid password, invalid authorisation
			return fmt.Errorf("the database at %s refuses user %s: check user and password in ROUSE_DATABASE_URL", where, cfg.ConnConfig.User)
		case "08P01": // protocol violation: what pgbouncer says to parameters that it does not pass on
			return fmt.Errorf("the database at %s says: %s. Behind a pgbouncer, give Rouse the address of Postgres itself in ROUSE_DATABASE_URL", where, said.Message)
		case "3D000": // invalid catalog name
			return fmt.Errorf("there is no database %s at %s: make it (createdb %s) or name another in ROUSE_DATABASE_URL", name, where, name)
		}
		return fmt.Errorf("the database %s at %s says: %s (SQLSTATE %s)", name, where, said.Message, said.Code)
	}
	cause := err
	for inner := errors.Unwrap(cause); inner != nil; inner = errors.Unwrap(cause) {
		cause = inner
	}
	text, _, _ := strings.Cut(cause.Error(), "\n")
	public := "no connection"
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		public = errno.Error()
	}
	return &noAnswerError{where, text, public}
}

// mayCome reports whether a database that fails so is likely to answer later: it is not reached, the
// connection broke, or it is starting, stopping or out of connections.
func mayCome(err error) bool {
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, said.Code)
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// gone is closed when a private server has ended by itself; without one it never is.
func (p postgres) gone() <-chan struct{} {
	if p.private == nil {
		return nil
	}
	return p.private.Done()
}
