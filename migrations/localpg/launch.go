package localpg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// settings are the server's, in the order given to it: a small server, durable unless told otherwise.
func settings(opts Options) []string {
	set := map[string]string{
		"listen_addresses":        "",
		"port":                    port,
		"unix_socket_permissions": "0700",
		"max_connections":         "100",
		"shared_buffers":          "64MB",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"log_destination":         "stderr",
		"logging_collector":       "off",
		"log_checkpoints":         "off",
		"jit":                     "off",

		// In the cluster, not in /dev/shm: of a server that is killed nothing stays outside its folder.
		"dynamic_shared_memory_type": "mmap",
	}
	if opts.Fast {
		maps.Copy(set, map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off",
			"wal_level": "minimal", "max_wal_senders": "0", "checkpoint_timeout": "1h",
		})
	}
	maps.Copy(set, opts.Params)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

// environment is all that a Postgres binary gets of ours.
func environment(bin string) []string {
	return []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// launch runs the postmaster and returns when it takes connections. A predecessor that was killed with -9 leaves
// backends, and shared memory that they hold, for a moment: until they have noticed, Postgres refuses, and is asked again.
func (s *Server) launch(ctx context.Context, bin string, settings []string) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := s.try(ctx, bin, settings)
		var ended *endedError
		if !errors.As(err, &ended) || !strings.Contains(ended.log, "is still in use") || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// endedError says that the server ended before it took a connection, and what it had logged.
type endedError struct{ log string }

func (e *endedError) Error() string { return "the server ended at once: " + e.log }

func (s *Server) try(ctx context.Context, bin string, settings []string) error {
	out, from, err := s.openLog()
	if err != nil {
		return err
	}
	defer out.Close()
	args := append([]string{"-D", s.dir.data, "-k", s.dir.socket}, settings...)
	args = append(args, "-c", "hba_file="+s.dir.hba(), "-c", "ident_file="+s.dir.ident())
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), args...)
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Env = s.dir.account.attr(), "/", environment(bin)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	dieWithParent(s.cmd.SysProcAttr)

	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the death signal follows the thread that forked: it must live as long as the server
		err := s.cmd.Start()
		started <- err
		if err == nil {
			how := s.cmd.Wait()
			if s.up.Load() {
				s.log.Error("the private Postgres ended by itself", "dir", s.dir.path, "error", how, "log", s.logFile())
			}
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("as %s: %w", s.dir.account.name, err)
	}
	s.done = done
	if err := s.waitReady(ctx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %s", context.Cause(ctx), s.logged(from))
		}
		select {
		case <-done:
			s.done = nil
			return &endedError{log: s.logged(from)}
		default:
			return err
		}
	}
	return nil
}

// waitReady returns when the server says in postmaster.pid that it is ready, and a connection proves it.
func (s *Server) waitReady(ctx context.Context) error {
	poll := time.NewTicker(5 * time.Millisecond) // the file is the only sign that a postmaster gives
	defer poll.Stop()
	for !s.ready() {
		select {
		case <-s.done:
			return errors.New("the server ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// ready reads the file by which pg_ctl, too, knows: the process in its first line, its state in the eighth.
func (s *Server) ready() bool {
	text, err := os.ReadFile(filepath.Join(s.dir.data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) >= 8 && lines[0] == strconv.Itoa(s.PID()) && strings.TrimSpace(lines[7]) == "ready"
}

func (s *Server) logFile() string { return filepath.Join(s.dir.path, "postgres.log") }

// openLog opens the server's log, the last one set aside when it has grown to 8 MiB, and says where this run begins in it.
func (s *Server) openLog() (file *os.File, from int64, err error) {
	const full = 8 << 20
	if info, err := os.Stat(s.logFile()); err == nil && info.Size() > full {
		if err := os.Rename(s.logFile(), s.logFile()+".1"); err != nil {
			return nil, 0, err
		}
	}
	file, err = os.OpenFile(s.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// logged is what the server has written since from, at most its last 2,000 bytes.
func (s *Server) logged(from int64) string {
	text, err := os.ReadFile(s.logFile())
	if err != nil || int64(len(text)) <= from {
		return "it logged nothing"
	}
	text = text[from:]
	return strings.TrimSpace(string(text[max(0, len(text)-2000):]))
}
