package localpg

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestANewFolderBecomesAServerAndKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	dir := place(t)

	began := time.Now()
	s := start(t, Options{Dir: dir})
	t.Logf("new folder, durable: %v", time.Since(began))
	url := s.URL()
	query(t, s, "create table kept (n int)")
	query(t, s, "insert into kept values (7)")
	for setting, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "TimeZone": "UTC",
		"server_encoding": "UTF8", "max_connections": "100",
	} {
		if got := query(t, s, "select current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	began = time.Now()
	s.Stop()
	t.Logf("stopped: %v", time.Since(began))
	s.Stop() // twice does no harm

	began = time.Now()
	s = start(t, Options{Dir: dir})
	t.Logf("existing folder: %v", time.Since(began))
	if got := query(t, s, "select n::text from kept"); got != "7" {
		t.Errorf("after a restart the row reads %q", got)
	}
	if s.URL() != url {
		t.Errorf("the address has changed from %s to %s", url, s.URL())
	}
}

func TestAServerKilledAtWorkRecoversWhatWasCommitted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	opts := Options{Dir: cluster(t), Log: slog.New(slog.NewTextHandler(&log, nil))}
	s := start(t, opts)
	query(t, s, "create table kept as select 7 as n")
	busy := connect(t, s.URL())
	if _, err := busy.Exec(t.Context(), "begin; insert into kept values (8)"); err != nil {
		t.Fatal(err)
	}

	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Second, "the server is gone", s.Done())
	s.Stop()

	s = start(t, opts)
	if got := query(t, s, "select string_agg(n::text, ' ') from kept"); got != "7" {
		t.Errorf("recovered %q, want the committed row only", got)
	}
	s.Stop()
	if !strings.Contains(log.String(), "ended by itself") {
		t.Errorf("nothing tells the operator that the server died:\n%s", &log)
	}
}

func TestAFolderTakesOneServerAtATime(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: cluster(t), Fast: true})

	_, err := Start(t.Context(), fast(s.dir.path))
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("a second server on the folder: %v", err)
	}
	if got := query(t, s, "select 'alive'"); got != "alive" {
		t.Errorf("the first server says %q", got)
	}
}

func TestAServerThatSomebodyElseRunsOnTheFolderIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: cluster(t), Fast: true})
	s.lock.Close() // as if nobody had started it through this package

	second := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := Start(ctx, fast(s.dir.path))
		return err
	}
	err := second()
	for until := time.Now().Add(10 * time.Second); errors.Is(err, ErrInUse) && strings.Contains(err.Error(), "has a server on it") && time.Now().Before(until); {
		err = second() // a process that a test beside this one forks holds the lock until it is another program
	}
	if err == nil || !strings.Contains(err.Error(), "process id "+strconv.Itoa(s.PID())) {
		t.Errorf("a second server on the folder: %v", err)
	}
	if got := query(t, s, "select 'alive'"); got != "alive" {
		t.Errorf("the first server says %q", got)
	}
}

// A container that starts again gives the dead server's number to some other process.
func TestTheNumberOfADeadServerMayBelongToAnotherProcessNow(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: cluster(t), Fast: true})
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	within(t, 2*time.Second, "the server is gone", s.Done())
	s.Stop()

	other := exec.Command("sleep", "60")
	other.SysProcAttr = s.dir.account.attr() // the same user: that is when Postgres takes it for a server
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	file := filepath.Join(s.dir.data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(strconv.Itoa(s.PID())), []byte(strconv.Itoa(other.Process.Pid)), 1)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}

	s = start(t, fast(s.dir.path))
	if got := query(t, s, "select 'alive'"); got != "alive" {
		t.Errorf("the server says %q", got)
	}
}

func TestDataOfAnotherMajorVersionIsNamedNotTouched(t *testing.T) {
	t.Parallel()
	dir := place(t)
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("11\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bin, err := Find(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	have, err := majorVersion(t.Context(), bin)
	if err != nil {
		t.Fatal(err)
	}

	_, err = Start(t.Context(), fast(dir))
	if !errors.Is(err, ErrOtherVersion) || !strings.Contains(err.Error(), "Postgres 11") || !strings.Contains(err.Error(), have+" (") {
		t.Errorf("the error should name 11 and %s: %v", have, err)
	}
}

func TestAnInterruptedFirstStartIsRepeated(t *testing.T) {
	t.Parallel()
	dir := place(t)
	// What initdb leaves when it is killed: a folder with a version, and little else.
	unfinished := filepath.Join(dir, "data.new")
	if err := os.MkdirAll(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(unfinished, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, fast(dir))
	if got := query(t, s, "select 'alive'"); got != "alive" {
		t.Errorf("the server says %q", got)
	}
}

func TestAStartThatIsCancelledLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	dir := place(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, fast(dir)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled start: %v", err)
	}
	start(t, fast(dir)) // the folder is free again, and whole
}

func TestAFolderWithALongPathHasItsSocketElsewhere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(cluster(t), strings.Repeat("long", 30))
	if err := os.Mkdir(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(filepath.Dir(dir), "data"), filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	s := start(t, fast(dir))
	socket, url := s.dir.socket, s.URL()
	if len(s.dir.socketFile()) > maxSocketPath || !strings.HasPrefix(socket, "/tmp/rouse-pg-") {
		t.Errorf("the socket is %s", s.dir.socketFile())
	}
	query(t, s, "select 'alive'")
	s.Stop()
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's folder is still there: %v", err)
	}
	if s = start(t, fast(dir)); s.URL() != url {
		t.Errorf("the address has changed from %s to %s", url, s.URL())
	}
	s.Stop()

	if err := os.Symlink(t.TempDir(), socket); err != nil { // another user has guessed the name
		t.Fatal(err)
	}
	defer os.Remove(socket)
	if _, err := Start(t.Context(), fast(dir)); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("a socket's folder made by another: %v", err)
	}
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("what belongs to another was removed: %v", err)
	}
}

func TestOtherUsersOfTheMachineCannotConnect(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("takes root, to become another user")
	}
	s := start(t, Options{Dir: cluster(t), Fast: true})
	bin, err := Find(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	psql := filepath.Join(bin, "psql")
	if _, err := os.Stat(psql); err != nil {
		t.Skip("takes psql: ", err)
	}
	try := func(uid, gid uint32) string {
		cmd := exec.Command(psql, "-XAtc", "select 'came in'", s.URL())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
		cmd.Dir = "/"
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := try(0, 0); !strings.Contains(out, "came in") {
		t.Errorf("root: %s", out)
	}
	if out := try(12345, 12345); !strings.Contains(out, "Permission denied") {
		t.Errorf("a stranger: %s", out)
	}
	if out := try(s.dir.account.uid, s.dir.account.gid); !strings.Contains(out, "Peer authentication failed") {
		t.Errorf("%s, as which other programs may run: %s", s.dir.account.name, out)
	}
}

func TestRootIsToldWhichFolderTheServerCannotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root's servers run as somebody else")
	}
	home := place(t)
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), fast(filepath.Join(home, "pg")))
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), home+" has mode 0700") || !strings.Contains(err.Error(), "/var/lib/rouse/pg") {
		t.Errorf("below a closed folder: %v", err)
	}
	if left, _ := os.ReadDir(home); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestATemporaryServerTakesNoFolderThatWasThere(t *testing.T) {
	t.Parallel()
	dir := place(t)
	precious := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := fast(dir)
	opts.Temporary = true
	if _, err := Start(t.Context(), opts); !errors.Is(err, os.ErrExist) {
		t.Errorf("temporary server on an existing folder: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestDefaultDir(t *testing.T) {
	want := map[string]string{"HOME": "/home/ann/.local/state/rouse/pg", "XDG_STATE_HOME": "/state/rouse/pg", "": ""}
	if os.Geteuid() == 0 {
		want = map[string]string{"HOME": "/var/lib/rouse/pg", "XDG_STATE_HOME": "/var/lib/rouse/pg", "": "/var/lib/rouse/pg"}
	}
	env := map[string]string{"HOME": "/home/ann", "XDG_STATE_HOME": "/state"}
	for name, dir := range want {
		getenv := func(n string) string {
			if n == name {
				return env[n]
			}
			return ""
		}
		if got := DefaultDir(getenv); got != dir {
			t.Errorf("with %s set: %q, want %q", name, got, dir)
		}
	}
}

// place is a folder that a server's account can reach, unlike t.TempDir, and whose path is short.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lpg")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// cluster is a place with a cluster in it that is made already, which is most of the work of a first start.
func cluster(t *testing.T) string {
	t.Helper()
	dir := place(t)
	made, err := firstCluster()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", made, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

var firstCluster = sync.OnceValues(func() (data string, err error) {
	dir, err := os.MkdirTemp("", "lpg")
	if err != nil {
		return "", err
	}
	atExit = append(atExit, func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", err
	}
	s, err := Start(context.Background(), fast(dir))
	if err != nil {
		return "", err
	}
	s.Stop()
	return s.dir.data, nil
})

func fast(dir string) Options { return Options{Dir: dir, Fast: true, Getenv: os.Getenv} }

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	opts.Getenv = os.Getenv
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// query returns the only value of a query, "" for a statement without one.
func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	conn := connect(t, s.URL())
	defer conn.Close(t.Context())
	var value string
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func within(t *testing.T, d time.Duration, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("not within %v: %s", d, what)
	}
}
