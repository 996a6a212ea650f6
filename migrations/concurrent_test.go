package migrations_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/migrations"
	"rouse/migrations/dbtest"
)

// TestNode is a node that starts: it connects, waits for a line on standard input, migrates, and says what it applied.
func TestNode(t *testing.T) {
	address := os.Getenv("MIGRATIONS_NODE")
	if address == "" {
		t.Skip("runs only as the child of another test")
	}
	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("\nready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')

	var result migrations.Result
	if sql := os.Getenv("MIGRATIONS_FILE"); sql != "" {
		result, err = migrations.UpFrom(t.Context(), pool, dir("0001_file.sql", sql))
	} else {
		result, err = migrations.Up(t.Context(), pool)
	}
	fmt.Printf("\nup applied=%d err=%v\n", len(result.Applied), err)
}

func TestOfEightNodesThatStartAtOnceOneMigratesAndAllComeUp(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	pending, err := migrations.Pending(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*node
	for range 8 {
		nodes = append(nodes, startNode(t, pool))
	}
	for _, n := range nodes {
		n.waitFor(t, "ready")
	}
	for _, n := range nodes {
		n.goOn()
	}
	said := map[string]int{}
	for _, n := range nodes {
		said[n.waitFor(t, "up ")]++
	}
	if said[fmt.Sprintf("applied=%d err=<nil>", len(pending))] != 1 || said["applied=0 err=<nil>"] != 7 {
		t.Errorf("the nodes said, and how many of them: %v", said)
	}
	if pending, err := migrations.Pending(t.Context(), pool); err != nil || len(pending) != 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
}

func TestANodeKilledInTheMiddleOfAFileLeavesNothingOfIt(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	const file = "create table half (); select pg_advisory_xact_lock(7)"
	gate, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Exec(t.Context(), "select pg_advisory_xact_lock(7)"); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, pool, "MIGRATIONS_FILE="+file)
	n.waitFor(t, "ready")
	n.goOn()
	waitForWaiter(t, pool, 7) // the table is made, and not committed
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = n.cmd.Wait()
	if err := gate.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	result, err := migrations.UpFrom(t.Context(), pool, dir("0001_file.sql", file))
	if err != nil || strings.Join(result.Applied, " ") != "0001_file.sql" {
		t.Errorf("the next node: %v, %v", result, err)
	}
}

func TestANodeThatIsToldToStopWhileItWaitsStops(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	other, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), "select pg_advisory_lock($1)", int64(migrations.LockKey)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := migrations.Up(ctx, pool); done <- err }()
	waitForWaiter(t, pool, migrations.LockKey)
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Up: %v", err)
		}
	case <-time.After(2 * time.Second):
		t.Fatal("it waits on")
	}

	if _, err := other.Exec(t.Context(), "select pg_advisory_unlock($1)", int64(migrations.LockKey)); err != nil {
		t.Fatal(err)
	}
	if result, err := migrations.Up(t.Context(), pool); err != nil || len(result.Applied) == 0 {
		t.Errorf("the next call: %v, %v", result, err)
	}
}

func TestANodeThatIsToldToStopInTheMiddleOfAFileLeavesNothingAndNoLock(t *testing.T) {
	t.Parallel()
	pool := dbtest.Empty(t)
	ctx, cancel := context.WithCancel(t.Context())
	gate, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Exec(t.Context(), "select pg_advisory_xact_lock(7)"); err != nil {
		t.Fatal(err)
	}
	files := dir("0001_file.sql", "create table half (); select pg_advisory_xact_lock(7)")
	done := make(chan error, 1)
	go func() { _, err := migrations.UpFrom(ctx, pool, files); done <- err }()
	waitForWaiter(t, pool, 7)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0001_file.sql") {
		t.Errorf("Up: %v", err)
	}
	if err := gate.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if result, err := migrations.UpFrom(t.Context(), pool, files); err != nil || len(result.Applied) != 1 {
		t.Errorf("the next call: %v, %v", result, err)
	}
}

// What waits for a table in order to alter it keeps everybody else waiting, too. The pager must not wait for long.
func TestAFileThatWaitsForATableDoesNotHoldUpItsUsers(t *testing.T) {
	defer migrations.HurryLocks(50*time.Millisecond, 500*time.Millisecond)()
	pool := dbtest.Empty(t)
	if _, err := pool.Exec(t.Context(), "create table busy ()"); err != nil {
		t.Fatal(err)
	}
	reader, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), "select from busy"); err != nil { // and goes on reading
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := migrations.UpFrom(t.Context(), pool, dir("0001_alter.sql", "alter table busy add column n int"))
		done <- err
	}()
	waitFor(t, pool, "select exists (select from pg_locks where relation = 'busy'::regclass and not granted)")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // the first reader reads on meanwhile
	defer cancel()
	if _, err := pool.Exec(ctx, "select from busy"); err != nil {
		t.Errorf("another reader, behind the migration: %v", err)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the migration, when the table was free: %v", err)
	}
}

// node is another process, running TestNode.
type node struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startNode(t *testing.T, pool *pgxpool.Pool, env ...string) *node {
	t.Helper()
	n := &node{cmd: exec.Command(os.Args[0], "-test.run=^TestNode$", "-test.v")}
	n.cmd.Env = append(append(os.Environ(), "MIGRATIONS_NODE="+pool.Config().ConnString()), env...)
	var err error
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	n.lines = bufio.NewScanner(out)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.cmd.Process.Kill(); _ = n.cmd.Wait() })
	return n
}

func (n *node) goOn() { _, _ = io.WriteString(n.stdin, "\n") }

// waitFor returns what follows prefix on the first line that begins with it.
func (n *node) waitFor(t *testing.T, prefix string) string {
	t.Helper()
	var said strings.Builder
	for n.lines.Scan() {
		said.WriteString(n.lines.Text() + "\n")
		if rest, ok := strings.CutPrefix(n.lines.Text(), prefix); ok {
			return rest
		}
	}
	t.Fatalf("the node never said %q, but\n%s", prefix, &said)
	return ""
}

// waitForWaiter returns when somebody waits for the advisory lock of that key.
func waitForWaiter(t *testing.T, pool *pgxpool.Pool, key int64) {
	t.Helper()
	waitFor(t, pool, fmt.Sprintf(`select exists (select from pg_locks where locktype = 'advisory' and not granted
		and database = (select oid from pg_database where datname = current_database())
		and (classid::bigint << 32) + objid::bigint = %d)`, key))
}

// waitFor asks until the answer is yes: a lock gives no sign to those who do not hold it.
func waitFor(t *testing.T, pool *pgxpool.Pool, question string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		var yes bool
		if err := pool.QueryRow(t.Context(), question).Scan(&yes); err != nil {
			t.Fatal(err)
		}
		if yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("five seconds, and still not: %s", question)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
