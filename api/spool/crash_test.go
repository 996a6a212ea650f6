package spool

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// A process that is told by its environment to be a child does what a node does, until it is killed. It
// tells what it knows in lines: "kept" or "stored", the trouble, and which of its alerts.
const (
	childFolder = "SPOOL_TEST_FOLDER"
	childLife   = "SPOOL_TEST_LIFE"  // distinguishes troubles of one child from those of another
	childLimit  = "SPOOL_TEST_FSIZE" // bytes that a file may have, as "ulimit -f" says it
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		beChild(dir)
	}
	os.Exit(m.Run())
}

// flaky is a database that tells what it stores, and goes away and comes back as it likes.
type flaky struct {
	mu   sync.Mutex
	away int // times that it will not answer
}

func (f *flaky) Receive(_ context.Context, a engine.Alert) (pager.Received, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away == 0 && rand.IntN(200) == 0 {
		f.away = 1 + rand.IntN(30)
	}
	if f.away > 0 {
		f.away--
		return pager.Received{}, errAway
	}
	say("stored", a)
	return pager.Received{Outcome: pager.Opened}, nil
}

func say(what string, a engine.Alert) {
	_, _ = os.Stdout.WriteString(fmt.Sprintf("%s %s %s\n", what, a.DedupKey, a.Summary)) // one write, and so one line
}

func beChild(dir string) {
	if limit, err := strconv.ParseUint(os.Getenv(childLimit), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	s := New(Config{Dir: dir, Limit: DefaultLimit, Next: &flaky{}, Probe: time.Millisecond})
	if s.folder == nil {
		panic(s.trouble)
	}
	// What was written is there after a kill, synced or not. A sync that takes a while, so that what comes
	// meanwhile is written together, is enough, and a disk that others keep busy does not hold the test up.
	s.sync = func(*os.File) error { <-time.After(rand.N(200 * time.Microsecond)); return nil }
	go s.Run(context.Background())
	var sending sync.WaitGroup
	for i := range 8 {
		sending.Go(func() {
			for no := 1; ; no++ {
				a := step(fmt.Sprintf("%s-%d", os.Getenv(childLife), i), no)
				a.Raw = make([]byte, rand.IntN(3000))
				got, err := s.Receive(context.Background(), a)
				switch {
				case errors.Is(err, syscall.EFBIG):
					no-- // its sender comes again
				case err != nil:
					panic(err)
				case got.Outcome == pager.Spooled:
					say("kept", a)
				}
			}
		})
	}
	sending.Wait()
}

// ledger is what children told.
type ledger struct {
	t      *testing.T
	kept   map[string]int   // the last one of each trouble
	stored map[string][]int // in their order
	cut    int
}

func (l *ledger) line(text string) {
	var what, trouble string
	var no int
	if _, err := fmt.Sscanf(text, "%s %s %d\n", &what, &trouble, &no); err != nil {
		l.t.Fatalf("the child says %q", text)
	}
	switch what {
	case "kept":
		l.kept[trouble] = max(l.kept[trouble], no)
	case "stored":
		l.stored[trouble] = append(l.stored[trouble], no)
	}
}

// live runs a child until it told so many lines, and kills it. What it said until then counts.
func (l *ledger) live(dir string, life, lines int, environ ...string) {
	l.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childFolder+"="+dir, fmt.Sprintf("%s=life-%d", childLife, life)), environ...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	stuck := time.AfterFunc(soon, func() { _ = cmd.Process.Kill() }) // it says nothing any more
	defer stuck.Stop()
	reader := bufio.NewReader(out)
	for n := 0; ; n++ {
		text, err := reader.ReadString('\n')
		stuck.Reset(soon)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				l.t.Error(err)
			}
			if n < lines {
				l.t.Fatalf("the child ended after %d lines: %s", n, said.String())
			}
			break
		}
		l.line(text)
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
}

// judge replays what is left, and checks that all that was kept came to the database, in order.
func (l *ledger) judge(dir string) {
	l.t.Helper()
	n := newNode(l.t, func(c *Config) { c.Dir = dir }).start()
	n.becomes(direct)
	for _, a := range n.db.stored {
		if a.Source == "rouse" {
			l.t.Errorf("damage is told of: %s", a.Details)
			continue
		}
		no, _ := strconv.Atoi(a.Summary)
		l.stored[a.DedupKey] = append(l.stored[a.DedupKey], no)
	}
	for trouble, stored := range l.stored {
		seen := 0
		for _, no := range stored { // what came before comes again after a crash, with the same Once
			if no > seen+1 {
				l.t.Fatalf("%s: %d came after %d", trouble, no, seen)
			}
			seen = max(seen, no)
		}
		if seen < l.kept[trouble] {
			l.t.Errorf("%s: %d were kept, %d came", trouble, l.kept[trouble], seen)
		}
	}
	for trouble := range l.kept {
		if len(l.stored[trouble]) == 0 {
			l.t.Errorf("%s never came", trouble)
		}
	}
}

// Rule 1, F13: a node is killed at any moment while it keeps alerts, replays them and removes what it replayed.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := &ledger{t: t, kept: map[string]int{}, stored: map[string][]int{}}
	lives := 25
	if testing.Short() {
		lives = 5
	}
	for life := range lives {
		l.live(dir, life, rand.IntN(1500))
	}
	l.judge(dir)
	kept := 0
	for _, n := range l.kept {
		kept += n
	}
	t.Logf("%d alerts were kept by %d processes", kept, lives)
}

// The disk takes no more, in the middle of a record: what is kept is whole, and a new file is begun.
func TestAFileCannotGrow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := &ledger{t: t, kept: map[string]int{}, stored: map[string][]int{}}
	for life := range 3 {
		l.live(dir, life, 3000, fmt.Sprintf("%s=%d", childLimit, 50_000))
	}
	l.judge(dir)
}

// The real thing: a disk that is full.
func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if said, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("that takes the right to mount a tmpfs: %v: %s", err, bytes.TrimSpace(said))
	}
	t.Cleanup(func() {
		if said, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	})
	n := newNode(t, func(c *Config) { c.Dir = filepath.Join(dir, "spool") })
	n.db.goAway()
	large := trouble(0)
	large.Raw = make([]byte, 10<<10)
	kept := 0
	for ; ; kept++ {
		large.Summary = trouble(kept).Summary
		if got, err := n.send(large); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		} else if got.Outcome != pager.Spooled {
			t.Fatalf("got %+v", got)
		}
	}
	if kept < 8 {
		t.Errorf("%d alerts fit", kept)
	}
	large.Summary = "later"
	n.refuses(large, syscall.ENOSPC)
	if st := n.State(); st.Well() || st.Alerts != kept || !strings.Contains(st.Trouble, "no space left") {
		t.Errorf("%+v", st)
	}
	n = n.again()
	if st := n.State(); st.Alerts != kept || st.Well() || st.Free > 32<<10 {
		t.Errorf("the next process finds %+v", st)
	}
	n.db.comeBack()
	n.start().becomes(direct)
	n.stored(summariesOf(0, kept))
	n.eventually("there is room again", func() bool { return freeOn(dir) > 128<<10 })
	n.db.goAway()
	n.want(large, pager.Spooled)
}
