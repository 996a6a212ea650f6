package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

const (
	abreast       = 32               // alerts that are replayed side by side
	windowItems   = 256              // alerts that are looked at together: one that has to wait holds up none of the others
	windowBytes   = 16 << 20         // of them, in memory
	withOthers    = time.Millisecond // in which the results of a transaction have all come
	fewLeft       = 64               // alerts for whose replay those that come are held back
	storeWithin   = 10 * time.Second // for one; the pager's own limit
	probeWithin   = 2 * time.Second  // for one while the database is away: it hangs, or comes back meanwhile
	overtakeAfter = time.Second      // for one that takes so long the others do not wait
	slowProbe     = 4                // one in so many has storeWithin: the database may be slow
	reopenEvery   = 5 * time.Second  // tries to open a folder that cannot be used
	watchEvery    = 30 * time.Second // tries to write to one that could be
	stuckAfter    = time.Second      // a write takes so long: the database is the faster of the two
	maxPause      = 5 * time.Second  // between two tries of an alert that others overtake
)

// item is something to store: an alert from disk, or word of one that cannot be stored or read.
type item struct {
	record
	seg   *segment
	size  int64
	names []string // alerts that share one keep their order
	word  bool     // it is no alert, but word of damage
	stage stage
	why   string // with a stage: why the alert itself was given up
	given int    // and how many others had been stored then

	running, done bool
	began         time.Time // the try that is running
	tries         int       // in all
	refusals      int       // tries, since the stage began, that the pager refused for good
	failures      int       // others, during which others could be stored
	before        int       // alerts that had been stored when the try began
	notBefore     time.Time
}

// result is what became of a try.
type result struct {
	*item
	err error
}

// replay hands on what lies on disk. It is one goroutine's.
type replay struct {
	s       *Spool
	window  []*item // oldest first
	bytes   int64   // in it
	running int
	results chan result
	stored  int           // so far
	probe   time.Time     // while the database is away: when it is asked again
	probes  int           // made so far
	rest    time.Time     // when those that come may be held back again
	restFor time.Duration // how long the last rest was; longer each time, as the database is slow
	closeBy time.Time     // while they are: until when, at the most
	reader  *os.File
	of      *segment // what reader reads
}

// Run replays what waits, until ctx ends; what is being stored then is waited for. It is to run once, all the
// time: what is appended stays on disk without it.
func (s *Spool) Run(ctx context.Context) {
	if s.off {
		return
	}
	for s.closedFolder() && !s.open() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(reopenEvery):
		}
	}
	r := &replay{s: s, results: make(chan result, abreast)}
	defer r.close()
	go s.watch(ctx) // not waited for: a disk may hang
	for ctx.Err() == nil {
		now := time.Now()
		r.load()
		r.face(now)
		r.begin(ctx, now)
		r.await(ctx, r.next(now))
	}
	for r.running > 0 {
		r.take(ctx, <-r.results)
	}
}

// watch writes to the folder now and then: it is to be known before the database goes away that the disk did.
func (s *Spool) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
		s.mu.Lock()
		f := s.folder
		s.mu.Unlock()
		if f == nil {
			return
		}
		err := f.check()
		s.mu.Lock()
		news := s.troubled(err)
		s.mu.Unlock()
		if news {
			s.log.Error("the spool cannot be written to: alerts that come while the database is away will be refused", "dir", f.dir, "error", err)
		}
	}
}

func (s *Spool) closedFolder() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.folder == nil && !s.closed
}

func (r *replay) close() {
	if r.reader != nil {
		r.reader.Close()
	}
	r.reader, r.of = nil, nil
}

// await returns when there is something to do, or may be.
func (r *replay) await(ctx context.Context, next time.Time) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case res := <-r.results:
		for _, res := range r.together(res) {
			r.take(ctx, res)
		}
	case <-r.s.wake:
	case <-due:
	case <-ctx.Done():
	}
}

// together are a result and those that come with it, as those of alerts do that shared a transaction: so those
// that are started next come to the pager together, and share one again. Started one by one, the first would
// have a transaction of its own each time, for which the others wait. What was stored comes before what failed
// meanwhile.
func (r *replay) together(first result) []result {
	all := []result{first}
	end := time.NewTimer(withOthers)
	defer end.Stop()
	for len(all) < r.running {
		select {
		case res := <-r.results:
			all = append(all, res)
			continue
		case <-end.C:
		}
		break
	}
	slices.SortStableFunc(all, func(a, b result) int {
		switch {
		case a.err == nil && b.err != nil:
			return -1
		case a.err != nil && b.err == nil:
			return 1
		}
		return 0
	})
	return all
}

// next is when time alone gives something to do that could not be done now; zero: never.
func (r *replay) next(now time.Time) (next time.Time) {
	later := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	r.s.mu.Lock()
	how, writing := r.s.phase, r.s.writing
	r.s.mu.Unlock()
	if how != direct && !writing.IsZero() {
		later(writing.Add(stuckAfter))
	}
	switch how {
	case away:
		later(r.probe)
		return next
	case closing:
		later(r.closeBy)
	case catching:
		later(r.rest)
	}
	for _, it := range r.window {
		switch {
		case it.running:
			later(it.began.Add(overtakeAfter))
		case !it.done:
			later(it.notBefore)
		}
	}
	return next
}

// face decides how those that come get to the database.
func (r *replay) face(now time.Time) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	stuck := !s.writing.IsZero() && now.Sub(s.writing) >= stuckAfter
	switch {
	case s.phase != direct && s.waiting == 0 && stuck:
		// Nobody was told that what is being written is kept, so that nothing is overtaken.
		s.turn(direct)
	case s.phase == catching && s.waiting+s.under <= fewLeft && !now.Before(r.rest):
		r.closeBy = now.Add(holdClosing)
		s.turn(closing)
	case s.phase == closing && !now.Before(r.closeBy):
		r.restFor = min(max(2*r.restFor, holdClosing), maxPause)
		r.rest = now.Add(r.restFor)
		s.turn(catching)
	case s.phase == direct:
		r.restFor = 0
	}
}

// begin starts the tries that may be made now. While the database is away that is one, of the alert that was
// tried least: it may be one alert alone that cannot be stored.
func (r *replay) begin(ctx context.Context, now time.Time) {
	r.s.mu.Lock()
	isAway := r.s.phase == away
	r.s.mu.Unlock()
	if isAway && (r.running > 0 || now.Before(r.probe)) {
		return
	}
	ready := r.ready(now, isAway)
	if !isAway {
		for _, it := range ready[:min(len(ready), abreast-r.running)] {
			r.start(ctx, it, r.s.within)
		}
		return
	}
	if len(ready) > 0 {
		it := slices.MinFunc(ready, func(a, b *item) int { return a.tries - b.tries })
		within := r.s.probes
		if r.probes++; r.probes%slowProbe == 0 {
			within = r.s.within
		}
		r.start(ctx, it, within)
	}
}

// ready are the items before which nothing of the same trouble waits, oldest first. None of them overtakes
// more than abreast others, unless these are slow; early says that all may be tried again.
func (r *replay) ready(now time.Time, early bool) (ready []*item) {
	taken := map[string]bool{}
	behind := 0 // items since the first that is not slow
	for _, it := range r.window {
		if behind > 0 || !it.done && !it.slow(now) {
			behind++
		}
		if behind > abreast {
			break
		}
		if it.done {
			continue
		}
		behindOther := slices.ContainsFunc(it.names, func(name string) bool { return taken[name] })
		for _, name := range it.names {
			taken[name] = true
		}
		if !behindOther && !it.running && (early || !now.Before(it.notBefore)) {
			ready = append(ready, it)
		}
	}
	return ready
}

// slow reports whether the others are not to wait for an item any more: it failed, or takes long.
func (it *item) slow(now time.Time) bool {
	return it.refusals+it.failures > 0 || it.stage != itself || it.running && now.Sub(it.began) >= overtakeAfter
}

func (r *replay) start(ctx context.Context, it *item, within time.Duration) {
	it.running, it.began, it.before = true, time.Now(), r.stored
	it.tries++
	r.running++
	under := make(chan struct{})
	go func() {
		close(under)
		r.results <- result{it, r.s.store(ctx, it, within)}
	}()
	<-under // so that they come to the pager in their order, or nearly so
}

// store hands an item on. A panic says that it cannot be done.
func (s *Spool) store(ctx context.Context, it *item, within time.Duration) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	a := s.toStore(it)
	a.Waited = max(time.Since(it.Received), time.Nanosecond) // also if the clock was set back
	_, err = s.cfg.Next.Receive(ctx, a)
	return err
}

// take learns what became of a try.
func (r *replay) take(ctx context.Context, res result) {
	it := res.item
	r.running--
	it.running = false
	switch {
	case res.err == nil:
		r.answered(it)
		r.finish(it)
	case ctx.Err() != nil: // it was cut off
	default:
		r.fail(it, res.err)
	}
}

// answered counts an item that was stored: the database answers.
func (r *replay) answered(it *item) {
	s := r.s
	r.stored++
	if it.stage == itself && !it.word {
		s.metrics.replayed.Inc()
	}
	if r.stored%2 == 0 {
		select {
		case s.tickets <- struct{}{}:
		default: // nobody waits for one
		}
	}
	s.mu.Lock()
	news := s.phase == away
	if news {
		s.turn(catching)
	}
	s.mu.Unlock()
	if news {
		s.log.Info("the database takes alerts in: what was kept on disk is replayed")
	}
}

// finish takes an item off.
func (r *replay) finish(it *item) {
	it.done = true
	for len(r.window) > 0 && r.window[0].done {
		r.bytes -= r.window[0].size
		r.window = r.window[1:]
	}
	s := r.s
	s.mu.Lock()
	it.seg.done++
	s.waiting--
	if len(r.window) > 0 {
		s.oldest = r.window[0].Received
	}
	last := s.waiting == 0
	s.mu.Unlock()
	s.settle()
	if last {
		s.log.Info("no alert waits on disk any more")
	}
}

// fail decides whether a failure is the database's or the alert's. It is the alert's if the pager says so,
// or if others could be stored during the try.
func (r *replay) fail(it *item, err error) {
	now := time.Now()
	r.probe = now.Add(r.s.cfg.Probe + rand.N(r.s.cfg.Probe))
	switch {
	case pager.Refused(err) || errors.Is(err, errPanic):
		it.refusals++
	case r.stored > it.before:
		it.failures++
	default:
		r.lose(err)
		return
	}
	it.notBefore = now.Add(min(r.s.cfg.Probe<<min(it.refusals+it.failures-1, 10), maxPause))
	if it.refusals >= refusals || it.failures >= failures {
		r.giveUp(it, err)
	}
}

// lose notes that the database does not answer.
func (r *replay) lose(err error) {
	s := r.s
	s.mu.Lock()
	news := s.phase == catching || s.phase == closing
	s.turn(away)
	s.mu.Unlock()
	if news {
		s.log.Error("the database does not take an alert in: those that come are kept on disk until it does", "error", masked(err))
	}
}

// load reads what is next on disk, as much as the window holds.
func (r *replay) load() {
	for len(r.window) < windowItems && r.bytes < windowBytes {
		if !r.loadOne() {
			return
		}
	}
}

// loadOne reads one record; false if there is none.
func (r *replay) loadOne() bool {
	s := r.s
	s.mu.Lock()
	i := slices.IndexFunc(s.segments, func(g *segment) bool { return g.off < g.size })
	if i < 0 {
		last := s.waiting == 0
		s.mu.Unlock()
		if last { // else its room is not free, though it was removed
			r.close()
		}
		return false
	}
	g := s.segments[i]
	size, count := g.size, g.count
	s.mu.Unlock()

	text, at := r.read(g, size)
	it := &item{seg: g, size: int64(len(text))}
	readable := text != nil && json.Unmarshal(text, &it.record) == nil

	s.mu.Lock()
	defer s.mu.Unlock()
	if at > g.off || text != nil && !readable {
		lost := s.damage(g, g.off, at)
		s.add(1, lost.Received)
		r.push(lost)
	}
	g.off = at
	if text != nil {
		g.off += recordHead + int64(len(text))
		g.read++
	}
	if readable {
		it.names = namesOf(it.Alert)
		r.push(it)
	} else if text != nil {
		s.waiting--
	}
	if missing := count - g.read; g.off >= size && missing > 0 { // there is word of them
		g.count -= missing
		s.waiting -= missing
	}
	return true
}

// push puts an item at the end of the window; with the lock held.
func (r *replay) push(it *item) {
	if len(r.window) == 0 {
		r.s.oldest = it.Received
	}
	it.seg.items++
	r.window, r.bytes = append(r.window, it), r.bytes+it.size
}

// read reads the next record of a segment, and says where it begins.
func (r *replay) read(g *segment, end int64) (text []byte, at int64) {
	if r.of != g {
		r.close()
		r.of = g
		if file, err := os.Open(g.path); err == nil {
			r.reader = file
		}
	}
	if r.reader == nil {
		return nil, end
	}
	return nextRecord(r.reader, g.off, end)
}

// namesOf are what an alert shares with others of the same trouble.
func namesOf(a engine.Alert) (names []string) {
	if a.DedupKey != "" {
		names = append(names, "dedup "+a.DedupKey)
	}
	for _, key := range []engine.Key{a.Key, a.Incident} {
		if key != "" {
			names = append(names, "key "+string(key))
		}
	}
	return names
}
