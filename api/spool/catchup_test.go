package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// step is the nth thing that happens to a trouble.
func step(trouble string, n int) engine.Alert {
	return engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Summary: strconv.Itoa(n), DedupKey: trouble}
}

// inOrder checks that all that senders were told is stored came to the database, in their order and once.
func (n *node) inOrder(told map[string]int) {
	n.t.Helper()
	n.db.mu.Lock()
	defer n.db.mu.Unlock()
	last := map[string]int{}
	for _, a := range n.db.stored {
		no, _ := strconv.Atoi(a.Summary)
		if no != last[a.DedupKey]+1 {
			n.t.Fatalf("%s: %d came after %d", a.DedupKey, no, last[a.DedupKey])
		}
		last[a.DedupKey] = no
	}
	for trouble, no := range told {
		if last[trouble] != no {
			n.t.Errorf("%s: %d were accepted, %d came", trouble, no, last[trouble])
		}
	}
}

// senders send without a pause, each about a trouble of its own, until they are told to end.
type senders struct {
	n     *node
	ended atomic.Bool
	wait  sync.WaitGroup
	mu    sync.Mutex
	told  map[string]int
	ways  map[pager.ReceiveOutcome]int
}

func (n *node) sendOn(number int) *senders {
	s := &senders{n: n, told: map[string]int{}, ways: map[pager.ReceiveOutcome]int{}}
	for i := range number {
		s.wait.Go(func() {
			name := fmt.Sprint("trouble-", i)
			for no := 1; !s.ended.Load(); no++ {
				got, err := n.send(step(name, no))
				if err != nil {
					n.t.Errorf("%s: %d is refused: %v", name, no, err)
					return
				}
				s.mu.Lock()
				s.told[name] = no
				s.ways[got.Outcome]++
				s.mu.Unlock()
			}
		})
	}
	n.t.Cleanup(s.end)
	return s
}

func (s *senders) end() {
	s.ended.Store(true)
	s.wait.Wait()
}

// The database goes and comes while senders never pause: it is caught up with, and then all goes straight
// through again, without a gap and without one overtaking another.
func TestCatchingUpWhileSendersGoOn(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *Config) { c.Patience = time.Second })
	n.db.gate = func(context.Context, engine.Alert) { <-time.After(time.Millisecond) } // a commit
	n.start()
	s := n.sendOn(32)
	for range 3 {
		n.db.goAway()
		n.becomes(away)
		already := n.metric("rouse_spooled_total")
		n.eventually("hundreds are kept", func() bool { return n.waiting > 500 })
		n.db.comeBack()
		n.becomes(direct)
		stored := len(n.db.summaries())
		n.db.until(t, "hundreds went straight through", func(d *database) bool { return len(d.stored) > stored+500 })
		if n.metric("rouse_spooled_total") == already {
			t.Error("nothing was kept")
		}
	}
	s.end()
	n.becomes(direct)
	n.inOrder(s.told)
	if s.ways[pager.Opened] == 0 || s.ways[pager.Spooled] == 0 || n.State().Alerts != 0 {
		t.Errorf("%v, %+v", s.ways, n.State())
	}
}

// Whenever the database fails, whomever it fails, and whatever it has stored by then.
func TestOrderIsKeptWhateverFails(t *testing.T) {
	t.Parallel()
	n := newNode(t, func(c *Config) { c.Patience = 20 * time.Millisecond })
	n.within, n.probes = 50*time.Millisecond, 20*time.Millisecond
	var quiet atomic.Bool
	n.db.gate = func(ctx context.Context, a engine.Alert) {
		if quiet.Load() {
			return
		}
		switch rand.IntN(100) {
		case 0:
			n.db.set(func(d *database) { d.away = errAway })
		case 1, 2:
			n.db.comeBack()
		case 3:
			<-ctx.Done() // it is stored, and nobody hears of it
		case 4:
			<-time.After(rand.N(3 * time.Millisecond))
		}
	}
	n.start()
	s := n.sendOn(16)
	n.db.until(t, "thousands were tried", func(d *database) bool { return d.asked > 2000 })
	s.end()
	quiet.Store(true)
	n.db.comeBack()
	n.becomes(direct)
	n.inOrder(s.told)
}

// Of one trouble one alert is under way at a time, of several many.
func TestAFewAreReplayedSideBySide(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.db.goAway()
	for no := 1; no <= 3; no++ {
		for i := range 2 * abreast {
			n.want(step(fmt.Sprint("trouble-", i), no), pager.Spooled)
		}
	}
	var mu sync.Mutex
	under, most := map[string]bool{}, 0
	n.db.comeBack()
	n.db.gate = func(_ context.Context, a engine.Alert) {
		mu.Lock()
		if under[a.DedupKey] {
			t.Errorf("two of %s are under way", a.DedupKey)
		}
		under[a.DedupKey] = true
		most = max(most, len(under))
		mu.Unlock()
		<-time.After(time.Millisecond)
		mu.Lock()
		delete(under, a.DedupKey)
		mu.Unlock()
	}
	n.start().becomes(direct)
	if most < abreast/2 || most > abreast {
		t.Errorf("at most %d were under way", most)
	}
	told := map[string]int{}
	for i := range 2 * abreast {
		told[fmt.Sprint("trouble-", i)] = 3
	}
	n.inOrder(told)
}

// The first pages go out in the order in which the alerts came, but for those that were under way together.
func TestTroublesComeInTheirOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.db.goAway()
	const all = 400
	for i := range all {
		n.want(trouble(i), pager.Spooled)
	}
	n.db.comeBack()
	n.start().becomes(direct)
	for at, a := range n.db.stored {
		no, err := strconv.Atoi(strings.TrimPrefix(a.DedupKey, "shard-"))
		if err != nil || no > at+abreast || no < at-abreast {
			t.Errorf("%s was stored as number %d", a.DedupKey, at)
		}
	}
}

// A key names a trouble, too, whosever it is.
func TestAlertsOfOneKeyKeepTheirOrder(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.db.goAway()
	var want []string
	for i := range 60 {
		a := trouble(i)
		a.DedupKey = ""
		if i%3 != 0 {
			a.Key = "HOT-7"
		}
		if i%3 != 1 {
			a.Incident = "HOT-7"
		}
		n.want(a, pager.Spooled)
		want = append(want, a.Summary)
	}
	n.db.comeBack()
	n.start().becomes(direct)
	n.stored(want)
}

// While the last few are being replayed, those that come are held; but not for longer than a moment.
func TestHeldBackForAMomentOnly(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.db.goAway()
	for i := range fewLeft / 2 {
		n.want(trouble(i), pager.Spooled)
	}
	release := make(chan struct{})
	n.db.comeBack()
	n.db.gate = func(ctx context.Context, a engine.Alert) { // the others take long
		if a.Summary != trouble(0).Summary {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
	}
	n.start()
	n.becomes(closing)
	n.want(trouble(100), pager.Spooled)
	n.becomes(catching)
	n.becomes(closing)
	held := make(chan pager.ReceiveOutcome)
	go func() {
		got, _ := n.send(trouble(101))
		held <- got.Outcome
	}()
	close(release)
	n.becomes(direct)
	if outcome := <-held; outcome != pager.Opened && outcome != pager.Spooled {
		t.Errorf("the alert that was held is %q", outcome)
	}
	n.becomes(direct)
	if got := n.db.summaries(); !slices.Equal(sorted(got), sorted(append(summariesOf(0, fewLeft/2), summariesOf(100, 102)...))) {
		t.Errorf("stored is %q", got)
	}
}

// What is replayed does not run away from one that takes a moment.
func TestFewOvertakeOneThatTakesAMoment(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.db.goAway()
	for i := range 3 * abreast {
		n.want(trouble(i), pager.Spooled)
	}
	n.db.comeBack()
	begun := make(chan time.Time, 1)
	release, let := make(chan struct{}), sync.Once{}
	t.Cleanup(func() { let.Do(func() { close(release) }) })
	n.db.gate = func(ctx context.Context, a engine.Alert) {
		if a.Summary == trouble(1).Summary {
			begun <- time.Now()
			<-release
		}
	}
	n.start()
	at := <-begun
	n.db.until(t, "those beside it are stored", func(d *database) bool { return len(d.stored) >= abreast })
	<-time.After(50 * time.Millisecond) // in which the others would be
	n.db.mu.Lock()
	stored := len(n.db.stored)
	n.db.mu.Unlock()
	if time.Since(at) < overtakeAfter && stored > abreast {
		t.Errorf("%d overtook it", stored-1)
	}
	n.db.until(t, "the others did not wait for ever", func(d *database) bool { return len(d.stored) == 3*abreast-1 })
	let.Do(func() { close(release) })
	n.becomes(direct)
}

// A disk that hung made way for the database. What it took in the end is not overtaken.
func TestWhatWasWrittenLateKeepsItsPlace(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	goOn := make(chan struct{})
	n.Spool.sync = func(f *os.File) error { <-goOn; return f.Sync() }
	n.waits = soon
	n.db.goAway()
	late := make(chan pager.ReceiveOutcome)
	go func() {
		got, _ := n.send(step("pushes", 1))
		late <- got.Outcome
	}()
	n.becomes(away)
	n.db.comeBack()
	n.start().becomes(direct) // by the database, as nothing is on disk
	release, let := make(chan struct{}), sync.Once{}
	t.Cleanup(func() { let.Do(func() { close(release) }) })
	n.db.set(func(d *database) {
		d.gate = func(_ context.Context, a engine.Alert) {
			if a.Summary == "1" {
				<-release
			}
		}
	})
	close(goOn)
	if outcome := <-late; outcome != pager.Spooled {
		t.Fatalf("the first is %q", outcome)
	}
	n.want(step("pushes", 2), pager.Spooled)
	let.Do(func() { close(release) })
	n.becomes(direct)
	n.inOrder(map[string]int{"pushes": 2})
}
