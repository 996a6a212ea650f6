package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rouse/migrations/localpg"
	"rouse/notifiers/fake"
)

// standby is a second Postgres that gets every commit of the rig's before it is answered, and can take its
// place. It runs as the same account, on a socket of its own.
type standby struct {
	bin    string // folder of the binaries
	data   string
	socket string // folder
	log    string
	uid    uint32 // of the account; the caller's own unless that is root
	gid    uint32
	done   chan struct{} // closed when it is gone; nil: it never ran
	pid    int
}

// newStandby copies the rig's Postgres, has the copy follow it, and has it wait for the copy from then on.
func (r *rig) newStandby(ctx context.Context) (s *standby, err error) {
	if s, err = r.placeStandby(); err != nil {
		return nil, err
	}
	if err := r.letIn(ctx, s); err != nil {
		return s, err
	}
	primary, err := pgconn.ParseConfig(r.pg.URL())
	if err != nil {
		return s, err
	}
	from := fmt.Sprintf("host=%s port=%d user=postgres application_name=standby", primary.Host, primary.Port)
	if err := s.run(ctx, "pg_basebackup", "-D", s.data, "-R", "-X", "stream", "-c", "fast", "-d", from); err != nil {
		return s, err
	}
	if err := s.start(r.pgDir()); err != nil {
		return s, err
	}
	if err := r.follows(ctx, "state = 'streaming'"); err != nil {
		return s, fmt.Errorf("%w: %s", err, s.lastWords())
	}
	for _, statement := range []string{`alter system set synchronous_standby_names = 'standby'`, `select pg_reload_conf()`} {
		if _, err := r.db.Exec(ctx, statement); err != nil {
			return s, fmt.Errorf("having Postgres wait for its standby: %w", err)
		}
	}
	return s, r.follows(ctx, "sync_state = 'sync'")
}

// placeStandby makes the folders, for the account that the rig's Postgres runs as.
func (r *rig) placeStandby() (*standby, error) {
	bin, err := localpg.Find(r.t.o.Getenv)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"pg_basebackup", "pg_ctl"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, &skipped{fmt.Sprintf("there is no %s beside postgres in %s: install it", name, bin)}
		}
	}
	info, err := os.Stat(filepath.Join(r.pgDir(), "data"))
	if err != nil {
		return nil, err
	}
	owner := info.Sys().(*syscall.Stat_t)
	dir := filepath.Join(r.t.dir, "standby")
	s := &standby{bin: bin, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "postgres.log"), uid: owner.Uid, gid: owner.Gid}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if s.socket, err = os.MkdirTemp("/tmp", "rouse-standby-"); err != nil { // a socket's path has to be short
		return nil, err
	}
	if err := os.Mkdir(s.data, 0o700); err != nil {
		return s, err
	}
	for _, own := range []string{s.data, s.socket} {
		if err := os.Lchown(own, int(s.uid), int(s.gid)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// letIn has the rig's Postgres let its own account follow it, which localpg lets nobody.
func (r *rig) letIn(ctx context.Context, s *standby) error {
	account, err := user.LookupId(strconv.Itoa(int(s.uid)))
	if err != nil {
		return err
	}
	for name, line := range map[string]string{
		"pg_hba.conf":   "local replication postgres peer map=rouse\n",
		"pg_ident.conf": fmt.Sprintf("rouse %q postgres\n", account.Username),
	} {
		file, err := os.OpenFile(filepath.Join(r.pgDir(), name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteString(line)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	_, err = r.db.Exec(ctx, `select pg_reload_conf()`)
	return err
}

// follows waits until the standby is as far as a condition of pg_stat_replication says.
func (r *rig) follows(ctx context.Context, condition string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		there := false
		err := r.db.QueryRow(ctx, `select exists (select from pg_stat_replication where application_name = 'standby' and `+condition+`)`).Scan(&there)
		if err == nil && there {
			return nil
		}
		if !fake.Sleep(ctx, 50*time.Millisecond) {
			return errors.Join(fmt.Errorf("the standby does not come to %s", condition), err)
		}
	}
}

// attr makes a child run as the account, out of reach of the terminal's Ctrl-C.
func (s *standby) attr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		attr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.gid}
	}
	return attr
}

func (s *standby) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir, cmd.Env = s.attr(), "/", []string{"PATH=" + s.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	return cmd
}

func (s *standby) run(ctx context.Context, name string, args ...string) error {
	if said, err := s.command(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(said))
	}
	return nil
}

// start runs the copy, with the access rules of the original, which lie in its folder. It dies with us. What
// is not set here is as Postgres comes, where localpg is kinder: jit, for one, is on.
func (s *standby) start(original string) error {
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	args := []string{"-D", s.data, "-k", s.socket}
	for _, set := range []string{"listen_addresses=", "port=5432", "unix_socket_permissions=0700", "max_connections=200", "shared_buffers=64MB",
		"track_commit_timestamp=on", "dynamic_shared_memory_type=mmap", "log_timezone=UTC", "timezone=UTC", "logging_collector=off",
		"hba_file=" + filepath.Join(original, "pg_hba.conf"), "ident_file=" + filepath.Join(original, "pg_ident.conf")} {
		args = append(args, "-c", set)
	}
	cmd := s.command(context.Background(), "postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd.SysProcAttr)
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the death signal follows the thread that forked
		defer runtime.UnlockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("starting the standby: %w", err)
	}
	s.pid, s.done = cmd.Process.Pid, done
	return nil
}

// promote makes the standby the database, and returns when it takes writes.
func (s *standby) promote(ctx context.Context) error {
	if err := s.run(ctx, "pg_ctl", "promote", "-w", "-D", s.data); err != nil {
		return err
	}
	db, err := pgx.Connect(ctx, s.url())
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	for {
		var waits bool
		if err := db.QueryRow(ctx, `select pg_is_in_recovery()`).Scan(&waits); err != nil || !waits {
			return err
		}
		if !fake.Sleep(ctx, 10*time.Millisecond) {
			return ctx.Err()
		}
	}
}

func (s *standby) url() string {
	return fmt.Sprintf("host=%s port=5432 user=postgres dbname=postgres sslmode=disable", s.socket)
}

// dial connects to its socket, for proxies.
func (s *standby) dial() (net.Conn, error) { return to(pgconn.NetworkAddress(s.socket, 5432))() }

func (s *standby) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

func (s *standby) close() {
	if s.done != nil {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
			_ = syscall.Kill(s.pid, signal) // fails only if it is gone
			select {
			case <-s.done:
			case <-time.After(5 * time.Second):
				continue
			}
			break
		}
	}
	_ = os.RemoveAll(s.socket) // empty, or useless
}
