package dbtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/migrations/localpg"
)

// TestChild is a test process as any package has one, without a TestMain. It says where its database is and ends when its
// standard input does.
func TestChild(t *testing.T) {
	if os.Getenv("DBTEST_CHILD") == "" {
		t.Skip("runs only as the child of another test")
	}
	pool := New(t)
	var pid int
	var dir string
	err := pool.QueryRow(t.Context(), "select pg_backend_pid(), current_setting('data_directory')").Scan(&pid, &dir)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("\nready", dir)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestAKilledTestProcessLeavesNoServerAndNoFolder(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait()
	c.leavesNothing(t)
}

func TestATestProcessThatEndsLeavesNoServerAndNoFolder(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the child failed: %v", err)
	}
	c.leavesNothing(t)
}

func TestWhatADeadProcessCouldNotRemoveIsRemovedByTheNext(t *testing.T) {
	t.Parallel()
	tmp, err := os.MkdirTemp("", "dbt")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o711); err != nil {
		t.Fatal(err)
	}
	abandoned, strange, fresh := folder(t, tmp, "rouse-test-a", "lock"), folder(t, tmp, "rouse-test-b", "thesis"), folder(t, tmp, "rouse-test-c", "lock")
	for _, dir := range []string{abandoned, strange} {
		hourAgo := time.Now().Add(-time.Hour)
		if err := os.Chtimes(dir, hourAgo, hourAgo); err != nil {
			t.Fatal(err)
		}
	}
	c := startChild(t, "TMPDIR="+tmp)
	if exists(abandoned) {
		t.Error("the abandoned folder is still there")
	}
	if !exists(strange) || !exists(fresh) || !exists(c.dir) {
		t.Errorf("there should be: a stranger's folder (%v), one being made (%v), the child's own (%v)", exists(strange), exists(fresh), exists(c.dir))
	}
}

// A server in CI, say: several test processes start on it at once, and only one makes the template.
func TestProcessesCanShareAServerThatIsNamedInTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := Dir(t)
	server, err := localpg.Start(t.Context(), localpg.Options{Dir: dir, Fast: true, Getenv: os.Getenv})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	children := make(chan *child, 3)
	for range cap(children) {
		go func() { children <- startChild(t, "ROUSE_TEST_DATABASE_URL="+server.URL()) }()
	}
	for range cap(children) {
		c := <-children
		if c.dir == "" {
			t.Error("a child is not on its feet")
			continue
		}
		if filepath.Dir(c.dir) != dir {
			t.Errorf("the child's database is in %s, not in %s", c.dir, dir)
		}
		c.stdin.Close()
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the child failed: %v", err)
		}
	}
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, _ := conn.Query(t.Context(), "select datname from pg_database where datname like 'rouse%'")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) != 1 || !strings.HasPrefix(names[0], "rouse_template_") {
		t.Errorf("the server is left with %v (%v), want the template alone", names, err)
	}
}

type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	dir   string // the data folder of its server
}

func startChild(t *testing.T, env ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")}
	c.cmd.Env = append(append(os.Environ(), "ROUSE_TEST_DATABASE_URL=", "ROUSE_DATABASE_URL=", "DBTEST_CHILD=1"), env...)
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Error(err)
		return c
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return c
	}
	if err := c.cmd.Start(); err != nil {
		t.Error(err)
		return c
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if dir, ready := strings.CutPrefix(lines.Text(), "ready "); ready {
			c.dir = dir
			return c
		}
	}
	t.Errorf("the child is not ready:\n%s", &said)
	return c
}

// leavesNothing waits for a server and a folder that give no sign when they go.
func (c *child) leavesNothing(t *testing.T) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 2*time.Second {
		if !exists(filepath.Dir(c.dir)) && !runs(c.dir) {
			t.Logf("gone after %v", time.Since(began))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("two seconds after the process, the folder exists: %v, a server runs on it: %v", exists(filepath.Dir(c.dir)), runs(c.dir))
}

// runs reports whether any process works in the folder dir, which may be gone already.
func runs(dir string) bool {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.TrimSuffix(at, " (deleted)") == dir {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func folder(t *testing.T, parent, name, file string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
