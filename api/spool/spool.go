// Package spool keeps alerts on this node's disk while the database is away, and hands them on when it
// answers again: in order, each counting once. It stands between the intake and the pager, decides nothing
// about an alert, and knows nothing of HTTP.
//
// As long as the database answers, an alert goes straight through and nothing is written. One that could not
// be stored within Config.Patience is appended to a file, and its sender told so once it is on the disk: a
// power cut does not lose it (rule 1). From then on every alert is appended, without asking the database, so
// that none overtakes another; the replay asks it several times a second. When all but a few are replayed,
// those that come are held for a moment until the last one is, and go straight through again.
//
// An alert whose first try was cut off may have been stored nevertheless, and what was replayed since the
// last file was removed is replayed again after a crash. Both count once: each alert has an Alert.Once before
// it is tried at all, and the pager drops one that it has stored. So nothing has to be noted down about how
// far the replay is.
//
// Order is kept between alerts of the same trouble, which are those with the same dedup key or the same key.
// Of different troubles a few are replayed side by side, begun in the order in which they came.
//
// # On disk
//
// The folder is one process's, which holds a lock (flock) on the file "lock" in it. Alerts lie in segments,
// named after the moment at which they were begun (nanoseconds since 1970, 20 digits, ".spool"): the oldest
// name is replayed first. A segment is appended to by the process that made it, and by no other; it is removed
// when all that is in it has been stored. All files are the owner's alone, as they hold what senders sent.
//
// A segment begins with 16 bytes that name the format. Then come records, each of them
//
//	4 bytes  F5 72 65 63: the marker. JSON is UTF-8, in which no byte F5 occurs, so that no alert can
//	         contain it, and the next record is found again behind any damage
//	4 bytes  length of the JSON, little endian
//	4 bytes  CRC-32C (RFC 3720 appendix B.4) of the length's 4 bytes and the JSON, little endian
//	n bytes  JSON: {"received": when this node got it, by its own clock, "alert": {…}}
//
// Appends that come at the same time share one write and one fsync, and are answered after it. What follows
// the last good record of the newest segment was being written when the process died, was answered to nobody,
// and is cut off when the folder is opened. Damage anywhere else may have been an alert that was accepted:
// what is readable behind it is replayed, the file is kept with ".damaged" behind its name, and somebody is
// paged. A segment whose write or fsync failed is not written to again, as the kernel may have thrown the
// pages away that it could not write (https://wiki.postgresql.org/wiki/Fsync_Errors).
//
// The format is our own because no library that we found has what is asked for: tidwall/wal stores no checksums,
// nsqio/go-diskqueue neither these nor an answer after an fsync, and hashicorp/raft-wal, which calls itself
// experimental, brings a second database along.
package spool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// Receiver stores alerts, as pager.Engine does.
type Receiver interface {
	Receive(ctx context.Context, a engine.Alert) (pager.Received, error)
}

// Config is what a Spool needs.
type Config struct {
	Dir   string // made if it is not there; "": nothing is kept
	Limit int64  // bytes that may lie in it; 0 or less: nothing is added, and what lies there already is replayed
	Next  Receiver
	Log   *slog.Logger // nil discards

	// Patience is how long the database may take to store an alert before that is kept on disk; 0 is 1 s.
	// It is never more than half of what the caller's context leaves, so that the disk has its time too.
	Patience time.Duration

	// Probe is how long a database that did not answer is left alone, at least, and twice that at most; 0 is
	// 250 ms.
	Probe time.Duration
}

// DefaultLimit is what a spool holds unless somebody says otherwise, in bytes.
const DefaultLimit = 100 << 20

// How long an alert is held back so that the replay may catch up, before it is appended nevertheless: a
// request may bring many of them, one after the other.
const (
	holdCatching = 100 * time.Millisecond
	holdClosing  = 250 * time.Millisecond
)

// Errors that callers tell apart.
var (
	ErrFull   = errors.New("the spool is full")
	ErrClosed = errors.New("the spool is closed")
)

// errNoFolder says that there is nowhere to keep an alert just now.
var errNoFolder = errors.New("the spool's folder cannot be used")

// phase is how alerts get to the database.
type phase string

const (
	direct   phase = "direct"   // nothing waits: they go straight through
	away     phase = "away"     // the database does not answer: they are appended, and it is asked again and again
	catching phase = "catching" // it answers: they are appended, at half of the pace at which others are replayed
	closing  phase = "closing"  // the last few are being replayed: they are held until these are
)

// Spool is a Receiver in front of another one. Fill it by New, and keep it running with Run.
type Spool struct {
	cfg     Config
	log     *slog.Logger
	off     bool // there is no folder, or nothing is to be added and nothing waits in it
	metrics metrics
	sync    func(*os.File) error // File.Sync, outside tests
	within  time.Duration        // storeWithin, and
	probes  time.Duration        // probeWithin, outside tests

	wake    chan struct{} // something was appended, for the replay
	tickets chan struct{} // while catching up: each lets one alert in

	mu      sync.Mutex
	phase   phase
	turned  chan struct{} // closed, and replaced, when the phase changes
	folder  *folder       // nil: cannot be used, and trouble says why
	trouble string
	closed  bool

	segments []*segment // with something that is not stored yet, oldest first
	active   *segment   // the one that is appended to, or nil; the writer's
	lastName int64      // of the newest segment so far

	queue   []*write  // to be appended
	queued  int64     // bytes of those, and of the batch that is being written
	under   int       // writes in queue and batch
	writing time.Time // when the batch that is being written was begun; zero: none is
	writer  bool      // somebody takes from the queue

	waiting int       // alerts on disk that are not stored
	oldest  time.Time // when the oldest of them was received
	full    bool      // an alert was turned away since there was room last
	refused int       // alerts that lie in the file of those that were set aside
	damaged int       // files that were set aside
}

// New makes a Spool and opens its folder. A folder that cannot be used keeps nobody from starting: it is
// logged, shown by State, and tried again by Run; alerts go straight through meanwhile.
func New(c Config) *Spool {
	if c.Patience <= 0 {
		c.Patience = time.Second
	}
	if c.Probe <= 0 {
		c.Probe = 250 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Spool{cfg: c, log: c.Log, phase: direct, turned: make(chan struct{}), wake: make(chan struct{}, 1), tickets: make(chan struct{}, abreast),
		sync: (*os.File).Sync, within: storeWithin, probes: probeWithin}
	s.metrics = s.newMetrics()
	s.off = c.Dir == "" || c.Limit <= 0 && !holds(c.Dir, "*"+segmentEnd)
	if !s.off {
		s.open()
	}
	return s
}

// Receive stores an alert: in the database if that answers in time, else on disk; the outcome is then
// pager.Spooled, and no incident is known yet. With an error it is not stored, as far as is known, and its
// sender must be told to come again; ErrFull if there was no room.
func (s *Spool) Receive(ctx context.Context, a engine.Alert) (pager.Received, error) {
	if s.off || s.cfg.Limit <= 0 {
		return s.cfg.Next.Receive(ctx, a)
	}
	if a.Once == "" { // also for the first try: nobody knows what became of one that was cut off
		a.Once = "spool:" + rand.Text()
	}
	received := time.Now()
	var cause error
	if s.straight(ctx) {
		got, err := s.try(ctx, a)
		if err == nil || pager.Refused(err) {
			return got, err
		}
		cause = err
	}
	if err := s.keep(ctx, record{Received: received, Alert: a}, cause); err != nil {
		if cause != nil {
			err = fmt.Errorf("%w, and the database did not take it: %w", err, cause)
		}
		return pager.Received{}, fmt.Errorf("keeping an alert on disk: %w", err)
	}
	return pager.Received{Outcome: pager.Spooled, DedupKey: a.DedupKey}, nil
}

// straight reports whether an alert is to go straight to the database. It holds the alert back for a moment
// while the replay catches up: in the end until the last one before it is stored, before that until two
// others are, so that the replay is faster than any number of senders.
func (s *Spool) straight(ctx context.Context) bool {
	var hold <-chan time.Time
	for {
		s.mu.Lock()
		now, turned := s.phase, s.turned
		s.mu.Unlock()
		switch now {
		case direct:
			return true
		case away:
			return false
		}
		var tickets <-chan struct{}
		limit := holdClosing
		if now == catching {
			tickets, limit = s.tickets, holdCatching
		}
		if hold == nil {
			hold = time.After(limit)
		}
		select {
		case <-turned:
			continue
		case <-tickets:
		case <-hold:
		case <-ctx.Done():
		}
		return false
	}
}

// try hands an alert on, with as much patience as leaves the disk its time.
func (s *Spool) try(ctx context.Context, a engine.Alert) (pager.Received, error) {
	s.mu.Lock()
	usable := s.folder != nil && !s.closed
	s.mu.Unlock()
	if !usable { // then there is nothing to save the time for
		return s.cfg.Next.Receive(ctx, a)
	}
	patience := s.cfg.Patience
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/2)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.cfg.Next.Receive(ctx, a)
}

// turn changes the phase, and tells those who wait for that; with the lock held.
func (s *Spool) turn(to phase) {
	if s.phase == to {
		return
	}
	s.phase = to
	close(s.turned)
	s.turned = make(chan struct{})
	s.poke()
}

// Close gives the folder to whoever wants it. What waits stays in it. Run must have ended; Receive fails from
// now on when the database does not answer.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.folder == nil || s.under > 0 { // a write that does not end keeps the folder until the process does
		return nil
	}
	f := s.folder
	s.folder, s.trouble = nil, ErrClosed.Error()
	for _, g := range s.segments {
		if g.file != nil {
			_ = g.file.Close() // what counts in it is synced
		}
	}
	s.segments, s.active = nil, nil
	return f.close()
}
