package spool

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine"
	"rouse/engine/pager"
)

func TestWhileTheDatabaseAnswersNothingIsWritten(t *testing.T) {
	n := newNode(t).start()
	n.want(trouble(1), pager.Opened)
	n.stored(summariesOf(1, 2))
	if files := filesIn(t, n.cfg.Dir); !slices.Equal(files, []string{"lock"}) {
		t.Errorf("the folder has %q", files)
	}
	if a := n.db.stored[0]; a.Once == "" || a.Waited != 0 {
		t.Errorf("it was stored with Once %q, Waited %s", a.Once, a.Waited)
	}
}

// Rule 1.
func TestAlertsAreKeptWhileTheDatabaseIsAway(t *testing.T) {
	n := newNode(t).start()
	n.want(trouble(0), pager.Opened)
	n.db.goAway()
	for i := range 20 {
		n.want(trouble(1+i), pager.Spooled)
	}
	if st := n.State(); st.Alerts != 20 || st.Since.IsZero() || st.Bytes == 0 {
		t.Errorf("the state is %+v", st)
	}
	n.db.comeBack()
	n.becomes(direct)
	got := n.db.summaries()
	if slices.Sort(got[1:]); !slices.Equal(got, append(summariesOf(0, 1), sorted(summariesOf(1, 21))...)) {
		t.Errorf("stored is %q", got)
	}
	for _, a := range n.db.stored[1:] {
		if a.Waited <= 0 {
			t.Errorf("%s did not wait", a.Summary)
		}
	}
	n.want(trouble(21), pager.Opened)
	if st := n.State(); st.Alerts != 0 || st.Bytes != 0 || !st.Since.IsZero() {
		t.Errorf("the state is %+v", st)
	}
	n.stop()
	if files := filesIn(t, n.cfg.Dir); !slices.Equal(files, []string{"lock"}) {
		t.Errorf("the folder has %q", files)
	}
}

// Every other error than one about the alert, whatever the database means by it.
func TestAnyErrorOfTheDatabaseIsReasonEnough(t *testing.T) {
	n := newNode(t)
	n.db.set(func(d *database) { d.away = errors.New("cannot execute INSERT in a read-only transaction") })
	n.want(trouble(1), pager.Spooled)
}

func TestADatabaseThatHangsCostsOneAlertItsPatience(t *testing.T) {
	n := newNode(t)
	n.db.set(func(d *database) { d.hangs = true })
	began := time.Now()
	n.want(trouble(1), pager.Spooled)
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("the first sender waited %s", took)
	}
	asked := n.db.times()
	for i := range 10 {
		n.want(trouble(2+i), pager.Spooled)
	}
	if n.db.times() != asked { // nothing replays here
		t.Errorf("the database was asked %d times more", n.db.times()-asked)
	}
}

func TestTheDiskIsLeftItsTime(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Patience = time.Hour })
	n.db.set(func(d *database) { d.hangs = true })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if got, err := n.Receive(ctx, trouble(1)); err != nil || got.Outcome != pager.Spooled {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnAlertWhoseFirstTryWasCutOffCountsOnce(t *testing.T) {
	n := newNode(t)
	n.db.set(func(d *database) { d.late = true })
	theirs := trouble(1)
	theirs.Once = "evt-1"
	n.want(theirs, pager.Spooled)
	n.db.comeBack()
	n.start().becomes(direct)
	n.db.set(func(d *database) { d.late = true })
	n.want(trouble(2), pager.Spooled)
	n.db.comeBack()
	n.becomes(direct)
	n.stored(summariesOf(1, 3))
	if n.db.stored[0].Once != "evt-1" {
		t.Errorf("the sender's id became %q", n.db.stored[0].Once)
	}
}

// A decision about an alert is the pager's, and no reason to keep it.
func TestAnAlertThatIsRefusedIsNotKept(t *testing.T) {
	n := newNode(t).start()
	n.db.set(func(d *database) { d.judge = func(engine.Alert) error { return errTaken } })
	n.refuses(trouble(1), errTaken)
	if st := n.State(); st.Alerts != 0 {
		t.Errorf("the state is %+v", st)
	}
	if n.phase != direct {
		t.Errorf("it is %s", n.phase)
	}
}

func TestWhatLiesThereIsReplayedByTheNextProcess(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	for i := range 5 {
		n.want(trouble(i), pager.Spooled)
	}
	since := n.State().Since
	n = n.again()
	if st := n.State(); st.Alerts != 5 || !st.Since.Equal(since.Truncate(0)) {
		t.Errorf("the next process finds %+v", st)
	}
	n.want(trouble(5), pager.Spooled) // behind the others
	n.db.comeBack()
	n.start().becomes(direct)
	if got := n.db.summaries(); !slices.Equal(sorted(got), sorted(summariesOf(0, 6))) {
		t.Errorf("stored is %q", got)
	}
}

func TestAFullSpoolRefuses(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Limit = 64 << 10 })
	n.db.goAway()
	large := trouble(0)
	large.Raw = make([]byte, 10<<10)
	kept := 0
	for ; ; kept++ {
		got, err := n.send(large)
		if err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
		if got.Outcome != pager.Spooled {
			t.Fatalf("got %+v", got)
		}
	}
	n.refuses(large, ErrFull)
	if on := sizeOf(t, n.cfg.Dir); kept != 4 || on > n.cfg.Limit+100 {
		t.Errorf("%d alerts are kept in %d bytes", kept, on)
	}
	n.want(trouble(1), pager.Spooled) // for which there is room
	if c := strings.Count(n.log.String(), "the spool is full"); c != 1 {
		t.Errorf("that it is full is logged %d times", c)
	}
	if st := n.State(); st.Well() || !strings.Contains(st.String(), "FULL") {
		t.Errorf("the state is %q", st)
	}
	n.db.comeBack()
	n.start().becomes(direct)
	n.db.goAway()
	n.want(large, pager.Spooled)
}

func TestASpoolThatIsOffKeepsNothing(t *testing.T) {
	for _, off := range []func(*Config){
		func(c *Config) { c.Dir = "" },
		func(c *Config) { c.Limit = 0 },
	} {
		n := newNode(t, off).start()
		n.want(trouble(1), pager.Opened)
		n.db.goAway()
		n.refuses(trouble(2), errAway)
		if st := n.State(); !st.Off || !strings.HasPrefix(st.String(), "off:") {
			t.Errorf("the state is %+v", st)
		}
	}
}

// Whoever switches the spool off does not mean what was accepted.
func TestASpoolThatWasSwitchedOffIsEmptiedYet(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	n.want(trouble(1), pager.Spooled)
	n = n.again(func(c *Config) { c.Limit = 0 })
	n.refuses(trouble(2), errAway)
	n.db.comeBack()
	n.want(trouble(3), pager.Opened)
	n.start().becomes(direct)
	n.stored(append(summariesOf(3, 4), summariesOf(1, 2)...))
	n = n.again(func(c *Config) { c.Limit = 0 })
	if !n.State().Off {
		t.Error("it is not off")
	}
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	at := t.TempDir()
	file := filepath.Join(at, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "spool"), "/proc/spool", "/dev/null"} {
		n := newNode(t, func(c *Config) { c.Dir = dir })
		n.want(trouble(1), pager.Opened)
		n.db.goAway()
		n.refuses(trouble(2), errNoFolder)
		n.db.comeBack()
		n.want(trouble(3), pager.Opened)
		if st := n.State(); st.Off || st.Trouble == "" || st.Well() || st.Free != 0 {
			t.Errorf("%s: %+v", dir, st)
		}
	}
}

func TestTheFolderIsMade(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Dir = filepath.Join(c.Dir, "lib [1]*", "rouse", "spool") })
	n.db.goAway()
	n.want(trouble(1), pager.Spooled)
	for _, name := range append([]string{""}, filesIn(t, n.cfg.Dir)...) {
		info, err := os.Stat(filepath.Join(n.cfg.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[info.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%q is for %s", name, info.Mode())
		}
	}
	n = n.again(func(c *Config) { c.Limit = 0 })
	if n.State().Off {
		t.Error("what lies there is not seen")
	}
}

func TestAFolderIsOneProcesss(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	n.want(trouble(1), pager.Spooled)
	other := newNode(t, func(c *Config) { c.Dir = n.cfg.Dir })
	if st := other.State(); !strings.Contains(st.Trouble, "another process has it") || st.Alerts != 0 {
		t.Errorf("the other one's state is %+v", st)
	}
	other.db.goAway()
	other.refuses(trouble(2), errNoFolder)
	n.stop()
	if !other.open() {
		t.Fatal(other.State())
	}
	other.db.comeBack()
	other.start().becomes(direct)
	other.stored(summariesOf(1, 2))
}

// After an fsync that failed the kernel may have thrown the pages away, and the next one says that all is well.
func TestAfterAFailedSyncTheFileIsNotTrusted(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	n.want(trouble(1), pager.Spooled)
	working := n.Spool.sync
	n.Spool.sync = func(*os.File) error { return syscall.EIO }
	n.refuses(trouble(2), syscall.EIO)
	n.refuses(trouble(3), syscall.EIO)
	if st := n.State(); st.Well() || st.Trouble == "" || st.Alerts != 1 {
		t.Errorf("the state is %+v", st)
	}
	n.Spool.sync = working
	n.want(trouble(4), pager.Spooled)
	if st := n.State(); !st.Well() {
		t.Errorf("the state is %+v", st)
	}
	if c := strings.Count(n.log.String(), "cannot be kept on disk"); c != 1 {
		t.Errorf("that is logged %d times:\n%s", c, n.log)
	}
	if files := segmentsIn(t, n.cfg.Dir); len(files) != 2 {
		t.Errorf("the folder has %q", files)
	}
	n.db.comeBack()
	n = n.again().start()
	n.becomes(direct)
	n.stored([]string{trouble(1).Summary, trouble(4).Summary})
}

// The database is back, the disk hangs: that must not keep alerts from going straight through.
func TestADiskThatHangs(t *testing.T) {
	n := newNode(t)
	goOn := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(goOn) }) }
	t.Cleanup(release)
	n.Spool.sync = func(f *os.File) error { <-goOn; return f.Sync() }
	n.db.goAway()
	n.waits = 100 * time.Millisecond
	n.refuses(trouble(1), context.DeadlineExceeded)
	n.refuses(trouble(2), context.DeadlineExceeded)
	n.db.comeBack()
	n.start().becomes(direct)
	n.waits = soon
	n.want(trouble(3), pager.Opened)
	release()
	n.db.until(t, "what was written late is replayed", func(d *database) bool { return len(d.stored) == 2 })
	n.becomes(direct)
	n.stored([]string{trouble(3).Summary, trouble(1).Summary}) // nobody waited for 2 any more when its turn came
}

func TestWhatIsAppendedTogetherIsSyncedTogether(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	n.want(trouble(0), pager.Spooled)
	const senders = 50
	begun, goOn := make(chan struct{}), make(chan struct{})
	syncs := 0
	n.Spool.sync = func(f *os.File) error {
		if syncs++; syncs == 1 {
			close(begun)
			<-goOn
		}
		return f.Sync()
	}
	var sending sync.WaitGroup
	sending.Go(func() { n.want(trouble(1), pager.Spooled) })
	<-begun
	for i := range senders {
		sending.Go(func() { n.want(trouble(2+i), pager.Spooled) })
	}
	n.eventually("all are in the queue", func() bool { return n.under == senders+1 })
	close(goOn)
	sending.Wait()
	if syncs != 2 {
		t.Errorf("%d alerts cost %d syncs, want 2", senders+1, syncs)
	}
}

func TestAClosedSpool(t *testing.T) {
	n := newNode(t).start()
	n.stop()
	n.want(trouble(1), pager.Opened)
	n.db.goAway()
	n.refuses(trouble(2), ErrClosed)
}

func TestMetrics(t *testing.T) {
	n := newNode(t)
	n.db.goAway()
	for i := range 3 {
		n.want(trouble(i), pager.Spooled)
	}
	n.mu.Lock()
	n.oldest = time.Now().Add(-time.Minute)
	n.mu.Unlock()
	want := func(name string, from, to float64) {
		t.Helper()
		if got := n.metric(name); got < from || got > to {
			t.Errorf("%s is %g, want %g to %g", name, got, from, to)
		}
	}
	want("rouse_spool_alerts", 3, 3)
	want("rouse_spooled_total", 3, 3)
	want("rouse_spool_replayed_total", 0, 0)
	want("rouse_spool_refused_total", 0, 0)
	want("rouse_spool_bytes", 300, 3000)
	want("rouse_spool_free_bytes", DefaultLimit-3000, DefaultLimit-300)
	want("rouse_spool_oldest_seconds", 60, 90)
	n.db.comeBack()
	n.start().becomes(direct)
	want("rouse_spool_alerts", 0, 0)
	want("rouse_spooled_total", 3, 3)
	want("rouse_spool_replayed_total", 3, 3)
	want("rouse_spool_bytes", 0, 0)
	want("rouse_spool_oldest_seconds", 0, 0)
}

// metric is the value of one that has no labels.
func (n *node) metric(name string) float64 {
	n.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(n.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	n.t.Fatalf("there is no %s", name)
	return 0
}

func TestStateInWords(t *testing.T) {
	at := time.Date(2026, 11, 21, 15, 3, 7, 0, time.FixedZone("", 3600))
	well := State{Dir: "/var/lib/rouse/spool", Limit: DefaultLimit, Free: DefaultLimit}
	change := func(f func(*State)) State { st := well; f(&st); return st }
	for _, test := range []struct {
		st   State
		well bool
		want string
	}{
		{well, true, "empty, 100 MB free"},
		{change(func(st *State) { st.Alerts, st.Since, st.Free = 1, at, 99<<20 }), true, "1 alert since 2026-11-21 14:03:07 UTC wait for the database, 99 MB free"},
		{change(func(st *State) { st.Alerts, st.Since, st.Free = 20, at, 90<<10 }), false, "20 alerts since 2026-11-21 14:03:07 UTC wait for the database, 90 kB free: FULL, "},
		{change(func(st *State) { st.Refused, st.Damaged = 2, 1 }), false, "empty, 100 MB free; 2 alerts could not be stored: look at refused.jsonl, then remove it; 1 file damaged: look at *.damaged"},
		{change(func(st *State) { st.Trouble, st.Free = "permission denied", 0 }), false, "cannot be written to: "},
		{State{Off: true}, false, "off: "},
	} {
		if got := test.st.String(); !strings.HasPrefix(got, test.want) || test.st.Well() != test.well {
			t.Errorf("got %q, well %t\nwant %q", got, test.st.Well(), test.want)
		}
		if strings.Contains(test.st.String(), well.Dir) {
			t.Errorf("%q names the folder", test.st)
		}
	}
}

// eventually waits for something to be true of the spool, which must not be what it tells of by its phase.
func (n *node) eventually(what string, ok func() bool) {
	n.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	limit := time.After(soon)
	for {
		n.mu.Lock()
		is := ok()
		n.mu.Unlock()
		if is {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			n.t.Fatalf("never: %s", what)
		}
	}
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }

func filesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func segmentsIn(t testing.TB, dir string) (paths []string) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		if strings.HasSuffix(name, segmentEnd) {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths
}

func sizeOf(t testing.TB, dir string) (sum int64) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}
