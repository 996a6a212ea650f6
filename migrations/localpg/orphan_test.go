package localpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play the process that owns a server, and is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCALPG_TEST_OWN"); dir != "" {
		own(dir)
	}
	code := m.Run()
	for _, f := range atExit {
		f()
	}
	os.Exit(code)
}

var atExit []func()

func own(dir string) {
	opts := fast(dir)
	opts.Temporary = os.Getenv("LOCALPG_TEST_TEMPORARY") != ""
	s, err := Start(context.Background(), opts)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv("LOCALPG_TEST_GUARD") != "" { // what systems without a death signal do
		if s.guard, err = startGuard(s.PID(), s.dir.data, nil); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println(s.PID())
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed
	os.Exit(0)
}

func TestAKilledOwnerTakesItsServerAlong(t *testing.T) {
	t.Parallel()
	dir := cluster(t)
	owner := ownServer(t, dir)
	owner.kill(t)

	// Whoever restarts at once finds the folder free, or waits until it is.
	s := start(t, fast(dir))
	if owner.serverLives() {
		t.Error("the old server still runs")
	}
	if got := query(t, s, "select 'alive'"); got != "alive" {
		t.Errorf("the server says %q", got)
	}
}

func TestAKilledOwnersTemporaryServerLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := place(t) + "/pg"
	owner := ownServer(t, dir, "LOCALPG_TEST_TEMPORARY=1")
	owner.kill(t)
	owner.goneIn(t, 2*time.Second, dir)
}

func TestAGuardEndsTheServerOfAKilledOwner(t *testing.T) {
	t.Parallel()
	owner := ownServer(t, cluster(t), "LOCALPG_TEST_GUARD=1")
	owner.kill(t)
	owner.goneIn(t, 2*time.Second, "")
}

// owner is a process that owns a server.
type owner struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	server int
	data   string
}

func ownServer(t *testing.T, dir string, env ...string) owner {
	t.Helper()
	o := owner{cmd: exec.Command(os.Args[0]), data: dir + "/data"}
	o.cmd.Env = append(append(os.Environ(), "LOCALPG_TEST_OWN="+dir), env...)
	o.cmd.Stderr = os.Stderr
	var err error
	if o.stdin, err = o.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.cmd.Process.Kill(); _ = o.cmd.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	if o.server, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatalf("the owner says %q", line)
	}
	if !o.serverLives() {
		t.Fatal("there is no server to lose")
	}
	return o
}

func (o owner) kill(t *testing.T) {
	t.Helper()
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait()
}

func (o owner) serverLives() bool {
	return !errors.Is(syscall.Kill(o.server, 0), syscall.ESRCH) && runsOn(o.server, o.data)
}

// goneIn waits for a process and a folder that give no sign when they go.
func (o owner) goneIn(t *testing.T, d time.Duration, dir string) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < d {
		_, err := os.Stat(dir)
		if !o.serverLives() && errors.Is(err, os.ErrNotExist) {
			t.Logf("gone after %v", time.Since(began))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	_, err := os.Stat(dir)
	t.Errorf("%v after its owner: server runs: %v, folder: %v", d, o.serverLives(), err)
}
