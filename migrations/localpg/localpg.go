// Package localpg starts a private Postgres server from binaries that are on the machine, so that Rouse can be tried, and
// its tests can run, with nothing set up by hand: on a Unix socket only, in a data folder of its own, also when the caller
// is root, and gone when the caller is gone.
//
// It never listens on a port, never touches a server that somebody else started, and never reads the environment itself.
// A private server is for trying Rouse and for one small node: it has no replica and no backup.
//
// # The folder
//
// Options.Dir holds everything: data (the cluster), s (the socket, unless the path would be too long for one), lock (held
// by the process that started the server), postgres.log, pg_hba.conf and pg_ident.conf. Postgres refuses to run as root,
// so when the caller is root the server runs as the account postgres, else nobody, and only data and s belong to it.
//
// # Who can connect
//
// The socket's folder has mode 0700, and the server asks the kernel who is calling (peer authentication): root and the
// user who started it get in, as the superuser postgres, without a password. Nobody else does, not even the account the
// server runs as.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	// ErrNoBinaries means that this machine has no Postgres to run. The message says what to install or to set.
	ErrNoBinaries = errors.New("no Postgres binaries found")
	// ErrInUse means that a server is running on the folder already, or that another process is starting one.
	ErrInUse = errors.New("the folder is in use")
	// ErrOtherVersion means that the data folder was made by a major version of Postgres that is not installed here.
	ErrOtherVersion = errors.New("the data folder is from another version of Postgres")
	// ErrUnreachable means that the account the server must run as may not enter the folder.
	ErrUnreachable = errors.New("the folder cannot be reached by the server's account")
)

// Options say where and how to run a server. Dir is required; the zero value of everything else is usable.
type Options struct {
	// Dir is the folder that holds the server. It is made when absent and reused when it is there.
	Dir string
	// Temporary removes Dir when the server ends, however this process ends. Dir must not exist yet.
	Temporary bool
	// Fast gives up durability for speed: a crash of the machine loses the data. For tests only.
	Fast bool
	// Bin is the folder with the binaries initdb and postgres. Empty looks for one (see Find) whose version suits the
	// data folder, and downloads one if there is none.
	Bin string
	// Getenv is asked for PG_BIN, PATH, HOME and XDG_CACHE_HOME. Nil is an empty environment.
	Getenv func(string) string
	// Log hears of starts, stops and downloads. Nil is silence. The server's own log is Dir/postgres.log.
	Log *slog.Logger
	// Params are server settings that go before this package's own, such as "max_connections": "300".
	Params map[string]string
}

// Server is a running Postgres.
type Server struct {
	dir    folder
	lock   *os.File // nil until the folder is ours
	remove []string // folders that go when the server goes
	log    *slog.Logger

	cmd   *exec.Cmd
	done  chan struct{} // closed when the postmaster is gone
	guard *guard        // nil if the kernel ends the server with us, and no folder has to go

	up   atomic.Bool // set when Start returns, unset by Stop: an end in between is the server's own doing
	stop sync.Once
}

// Start runs a server and returns when it takes connections: after about half a second on a new folder, 50 ms on an
// existing one. ctx bounds the start, not the server's life.
//
// A folder whose server, or whole machine, has crashed is recovered. Where the last owner was killed a moment ago, Start
// waits for its server to finish. Errors wrap ErrNoBinaries, ErrInUse, ErrOtherVersion or ErrUnreachable where one of them
// is the cause, and otherwise carry the last lines of the server's log.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Getenv == nil {
		opts.Getenv = func(string) string { return "" }
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: opts.Log}
	if err := s.start(ctx, opts); err != nil {
		s.Stop()
		return nil, fmt.Errorf("starting a private Postgres in %s: %w", opts.Dir, err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, opts Options) (err error) {
	began := time.Now()
	if s.dir, err = openFolder(opts.Dir, opts.Temporary); err != nil {
		return err
	}
	if s.lock, err = s.dir.lock(); err != nil {
		return err
	}
	if opts.Temporary {
		s.remove = append(s.remove, s.dir.path)
	}
	if err := s.dir.waitFree(ctx); err != nil {
		return err
	}
	bin, err := binaries(ctx, opts, s.dir.version())
	if err != nil {
		return err
	}
	if err := s.dir.initialise(ctx, bin, opts.Fast); err != nil {
		return err
	}
	if err := s.dir.writeAccess(); err != nil {
		return err
	}
	if err := s.dir.makeSocketFolder(); err != nil {
		return err
	}
	if s.dir.socketOutside() {
		s.remove = append(s.remove, s.dir.socket)
	}
	if err := s.launch(ctx, bin, settings(opts)); err != nil {
		return err
	}
	if opts.Temporary || !diesWithParent {
		if s.guard, err = startGuard(s.PID(), s.dir.data, s.remove); err != nil {
			return err
		}
	}
	s.up.Store(true)
	s.log.Info("private Postgres is up", "dir", s.dir.path, "binaries", bin, "process", s.PID(),
		"account", s.dir.account.name, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// URL is the address of the server's database postgres, for pgx.Connect and pgxpool.New. It stays the same when the same
// folder is started again.
func (s *Server) URL() string {
	// Everything that PGPORT, PGDATABASE and their like could change is named.
	q := url.Values{"host": {s.dir.socket}, "port": {port}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Host: "", Path: "/postgres", RawQuery: q.Encode()}
	return u.String()
}

// PID is the process that crash tests kill: the postmaster.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Done is closed when the server is gone, whether it was stopped, killed or crashed.
func (s *Server) Done() <-chan struct{} { return s.done }

// Stop disconnects every client, ends the server and gives the folder free; a temporary one is removed. It returns when
// the server is gone, usually within 100 ms. It may be called again, and after the server has crashed.
func (s *Server) Stop() { s.stop.Do(s.shutdown) }

func (s *Server) shutdown() {
	s.up.Store(false)
	if s.done != nil {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
			if s.end(sig, 10*time.Second) {
				break
			}
		}
		s.log.Info("private Postgres is stopped", "dir", s.dir.path)
	}
	if s.guard != nil {
		defer s.guard.dismiss() // last: until the folders are gone, it is there to remove them
	}
	if s.lock == nil { // the folder never was ours
		return
	}
	for _, dir := range s.remove {
		if err := os.RemoveAll(dir); err != nil {
			s.log.Warn("private Postgres left a folder behind", "dir", dir, "error", err)
		}
	}
	s.lock.Close()
}

// end sends sig to the postmaster (SIGINT: fast shutdown, SIGQUIT: immediate) and reports whether it is gone within d.
func (s *Server) end(sig syscall.Signal, d time.Duration) bool {
	_ = s.cmd.Process.Signal(sig) // fails only if the process is gone, which is what the caller wants
	select {
	case <-s.done:
		return true
	case <-time.After(d):
		return false
	}
}

// DefaultDir is where serve keeps its private server: $XDG_STATE_HOME/rouse/pg, else ~/.local/state/rouse/pg; for root
// /var/lib/rouse/pg, because the account the server runs as may not enter root's home. Empty if there is no home.
func DefaultDir(getenv func(string) string) string {
	if os.Geteuid() == 0 {
		return "/var/lib/rouse/pg"
	}
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "rouse", "pg")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "rouse", "pg")
	}
	return ""
}
