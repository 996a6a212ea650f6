package spool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/notifiers"
)

const (
	maxBatch  = 4 << 20  // bytes that are written and synced together; one record may be as large by itself
	maxQueued = 32 << 20 // bytes in memory that wait for a disk that does not keep up

	// A spool is cut into about so many segments, of so many bytes at the least and the most: what is replayed
	// takes room until its segment is.
	segmentsPerSpool = 8
	minSegment       = 64 << 10
	maxSegment       = 8 << 20
)

// write is a record on its way to the disk.
type write struct {
	ctx      context.Context // of whoever waits for it
	frame    []byte
	received time.Time
	err      error
	done     chan struct{} // closed when it is on disk, or err says why it is not
}

// errSlowDisk says that the disk is behind.
var errSlowDisk = errors.New("the disk does not keep up")

// keep appends an alert, and returns when it is on the disk for good. cause is why the database did not take
// it in, nil if it was not asked.
func (s *Spool) keep(ctx context.Context, r record, cause error) error {
	frame, err := r.frame()
	if err != nil {
		return err
	}
	w := &write{ctx: ctx, frame: frame, received: r.Received, done: make(chan struct{})}
	first, err := s.line(w)
	switch {
	case errors.Is(err, ErrFull) && first:
		s.log.Error("the spool is full: alerts are refused until the database answers", "dir", s.cfg.Dir, "limit", s.cfg.Limit)
	case first:
		s.log.Error("the database does not take an alert in: this one and those that follow are kept on disk until it does", "dir", s.cfg.Dir, "error", masked(cause))
	}
	if err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the disk: %w", ctx.Err()) // it may be kept nevertheless
	}
}

// masked is the text of an error for the log.
func masked(err error) string {
	if err == nil {
		return ""
	}
	return notifiers.MaskNumbers(err.Error())
}

// line puts a record into the queue if there is room. first says that it is the first for which there is
// none or, without an error, that all went straight through until now.
func (s *Spool) line(w *write) (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := int64(len(w.frame))
	switch {
	case s.closed:
		return false, ErrClosed
	case s.folder == nil:
		return false, fmt.Errorf("%w: %s", errNoFolder, s.trouble)
	case s.bytes()+size > s.cfg.Limit:
		first, s.full = !s.full, true
		return first, ErrFull
	case s.queued+size > maxQueued:
		return false, errSlowDisk
	}
	s.queue, s.queued, s.under = append(s.queue, w), s.queued+size, s.under+1
	if first = s.phase == direct; first {
		s.turn(away)
	}
	if !s.writer {
		s.writer = true
		go s.write()
	}
	return first, nil
}

// bytes is what lies on disk, and what is on its way there; with the lock held.
func (s *Spool) bytes() int64 {
	sum := s.queued
	for _, g := range s.segments {
		sum += g.size
	}
	return sum
}

// write writes what waits until nothing does: what comes while a batch is being written makes up the next one.
func (s *Spool) write() {
	for batch, bytes := s.batch(); batch != nil; batch, bytes = s.batch() {
		g, err := s.append(batch)
		s.written(batch, bytes, g, err)
	}
	s.settle()
}

// batch takes records from the queue that somebody still waits for; nil if there are none.
func (s *Spool) batch() (batch []*write, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		w := s.queue[0]
		size := int64(len(w.frame))
		if len(batch) > 0 && bytes+size > maxBatch {
			break
		}
		s.queue = s.queue[1:]
		if w.ctx.Err() != nil { // its sender was told to come again
			s.queued, s.under = s.queued-size, s.under-1
			continue
		}
		batch, bytes = append(batch, w), bytes+size
	}
	if batch == nil {
		s.queue, s.writer = nil, false
		return nil, 0
	}
	s.writing = time.Now()
	s.poke() // it may take long
	return batch, bytes
}

// append writes a batch to the newest segment, and syncs it. After an error that segment is sealed.
func (s *Spool) append(batch []*write) (g *segment, err error) {
	if g, err = s.toAppendTo(); err != nil {
		return nil, err
	}
	frames := make([][]byte, 0, len(batch))
	for _, w := range batch {
		frames = append(frames, w.frame)
	}
	if _, err = g.file.WriteAt(slices.Concat(frames...), g.size); err == nil {
		err = s.sync(g.file)
	}
	if err != nil {
		_ = g.file.Truncate(g.size) // else it is damage for whoever opens the folder next
		return g, fmt.Errorf("writing %s: %w", g.path, err)
	}
	return g, nil
}

// toAppendTo is the newest segment, or a new one. Only the writer calls it: while something is being written,
// nobody else takes the segment away.
func (s *Spool) toAppendTo() (*segment, error) {
	s.mu.Lock()
	g, f, newest := s.active, s.folder, s.lastName
	s.mu.Unlock()
	if g != nil {
		return g, nil
	}
	file, name, err := f.create(newest)
	if err != nil {
		return nil, fmt.Errorf("beginning a file in %s: %w", f.dir, err)
	}
	g = &segment{path: file.Name(), file: file, size: int64(len(segmentHead)), off: int64(len(segmentHead))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active, s.lastName, s.segments = g, name, append(s.segments, g)
	return g, nil
}

// written tells whoever waits what became of a batch.
func (s *Spool) written(batch []*write, bytes int64, g *segment, err error) {
	s.mu.Lock()
	s.queued, s.under, s.writing = s.queued-bytes, s.under-len(batch), time.Time{}
	if err == nil {
		g.size, g.count = g.size+bytes, g.count+len(batch)
		s.add(len(batch), batch[0].received)
	}
	if g != nil && (err != nil || g.size >= s.segmentSize()) {
		g.sealed, s.active = true, nil
	}
	news := s.troubled(err)
	s.mu.Unlock()
	if news {
		s.log.Error("alerts cannot be kept on disk, and are refused", "dir", s.cfg.Dir, "error", err)
	}
	if err == nil {
		s.metrics.spooled.Add(float64(len(batch)))
		s.poke()
	} else {
		s.settle()
	}
	for _, w := range batch {
		w.err = err
		close(w.done)
	}
}

// add counts things that wait to be stored; with the lock held. What went straight through until now does so
// no more: a writer may have been kept waiting so long that the others did not wait for it.
func (s *Spool) add(n int, received time.Time) {
	if s.waiting == 0 {
		s.oldest = received
	}
	s.waiting += n
	if s.phase == direct {
		s.turn(away)
	}
}

// troubled notes whether the disk can be written to, and reports whether that it cannot is news; with the
// lock held.
func (s *Spool) troubled(err error) (news bool) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	news = text != "" && s.trouble == ""
	s.trouble = text
	return news
}

// settle removes what is over. If nothing waits any more, all go straight through from now on.
func (s *Spool) settle() {
	s.mu.Lock()
	if s.waiting == 0 && s.under == 0 {
		if s.active != nil {
			s.active.sealed, s.active = true, nil
		}
		s.oldest, s.full = time.Time{}, false
		s.turn(direct)
	}
	var over []*segment
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if g.over() {
			over = append(over, g)
		}
		return g.over()
	})
	f := s.folder
	s.mu.Unlock()
	if len(over) == 0 {
		return
	}
	aside, err := f.clear(over)
	if err != nil { // what is left is replayed again after the next start, and counts once
		s.log.Error("what was replayed cannot be removed from disk", "dir", f.dir, "error", err)
	}
	s.mu.Lock()
	s.damaged = min(s.damaged+aside, keptDamaged)
	s.mu.Unlock()
}

func (s *Spool) segmentSize() int64 {
	return min(max(s.cfg.Limit/segmentsPerSpool, minSegment), maxSegment)
}

// poke lets the replay look.
func (s *Spool) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
