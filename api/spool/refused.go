package spool

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"rouse/engine"
)

// When an alert is given up: after so many tries that the pager refused for good, or failed while others
// could be stored.
const (
	refusals = 3
	failures = 10
)

// stage is what is handed on of an alert. An alert that was accepted pages somebody: where it cannot be
// stored, another one says so.
type stage int

const (
	itself   stage = iota
	instead        // one that tells of it, to those whom it would have paged
	lastWord       // one that has nothing of it, as that may be what is refused
)

var errPanic = errors.New("handing the alert on panicked")

// giveUp goes on to the next stage. What cannot be told to anybody is given up for good only if others could
// be stored: else it stands in nobody's way.
func (r *replay) giveUp(it *item, err error) {
	s := r.s
	it.refusals, it.failures = 0, 0
	it.why = masked(err)
	switch it.stage {
	case itself:
		s.log.Error("an alert that was accepted cannot be stored: it is set aside, and somebody is told", "source", it.Alert.Source, "service", it.Alert.Service,
			"received", it.Received, "error", it.why, "file", filepath.Join(s.cfg.Dir, asideName))
		s.setAside(it)
		it.stage, it.given = instead, r.stored
		if !pages(it.Alert.Action) {
			r.finish(it)
		}
	case instead:
		it.stage = lastWord
	case lastWord:
		if r.stored == it.given {
			it.notBefore = time.Now().Add(maxPause)
			return
		}
		s.log.Error("nobody could be told of an alert that is lost", "received", it.Received, "error", it.why)
		r.finish(it)
	}
}

// pages reports whether an action may page somebody.
func pages(a engine.Action) bool {
	switch a {
	case engine.Acknowledge, engine.Resolve, engine.Snooze, engine.Comment, engine.Record, engine.Ping:
		return false
	}
	return true
}

// toStore is the alert that is handed on for an item.
func (s *Spool) toStore(it *item) engine.Alert {
	once := fmt.Sprintf("%x", sha256.Sum256([]byte(it.Alert.Once))) // which may be as long as one may be
	told := engine.Alert{Action: engine.Trigger, Source: "rouse", At: it.Received, Severity: engine.Critical}
	switch it.stage {
	case instead:
		told.Service, told.Severity = it.Alert.Service, it.Alert.Severity
		told.Summary = "An alert cannot be stored: " + cut(it.Alert.Summary, 200)
		told.Once = "refused:" + once
	case lastWord:
		told.Summary = "An alert that was accepted cannot be stored"
		told.Once = "refused-bare:" + once
	default:
		return it.Alert
	}
	told.DedupKey = told.Once
	told.Details = fmt.Sprintf("%s accepted it at %s, while the database was away, and it is refused now: %s. All of it lies in %s there; look at it, and then remove it from that file.",
		host(), it.Received.UTC().Format(time.RFC3339), cut(it.why, 500), filepath.Join(s.cfg.Dir, asideName))
	return told
}

// damage makes word of a place in a segment that cannot be read; with the lock held.
func (s *Spool) damage(g *segment, from, to int64) *item {
	g.bad = true
	s.metrics.refused.Inc()
	name := filepath.Base(g.path)
	s.log.Error("the spool is damaged: alerts that were accepted may be lost. The file is kept", "file", g.path+damagedEnd, "from_byte", from, "to_byte", to)
	made := time.Now()
	if nanoseconds, ok := nameOf(name); ok {
		made = time.Unix(0, nanoseconds)
	}
	once := fmt.Sprintf("damaged:%s:%d", name, from)
	return &item{seg: g, word: true, record: record{Received: made, Alert: engine.Alert{
		Action: engine.Trigger, Source: "rouse", Severity: engine.Critical, Once: once, DedupKey: once,
		Summary: "Alerts that were accepted may be lost: a file of the spool is damaged",
		Details: fmt.Sprintf("%s kept alerts on disk from %s on, while the database was away. From byte %d on %s cannot be read. What could be read is replayed; the file is kept as %s there.",
			host(), made.UTC().Format(time.RFC3339), from, name, g.path+damagedEnd),
	}}}
}

func host() string {
	name, _ := os.Hostname() // without one it is still this text that is read
	return "The node " + cmp.Or(name, "without a name")
}

// cut shortens a text for people to at most so many bytes, at a whole character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// Where alerts that were set aside lie: one JSON object a line. A file that is full is kept until the next
// one is.
const (
	asideName    = "refused.jsonl"
	asideOldName = "refused.old.jsonl"
	maxAside     = 8 << 20 // bytes
)

// setAside keeps an alert that was given up. If it cannot be written, the segment that it lies in is kept.
func (s *Spool) setAside(it *item) {
	s.metrics.refused.Inc()
	line, err := json.Marshal(struct {
		At    time.Time `json:"at"`
		Error string    `json:"error"`
		record
	}{time.Now(), it.why, it.record})
	if err == nil {
		err = appendLine(s.cfg.Dir, append(line, '\n'))
	}
	s.mu.Lock()
	if err == nil {
		s.refused++
	} else {
		it.seg.bad = true
	}
	s.mu.Unlock()
	if err != nil {
		s.log.Error("the alert cannot be set aside: the file that it lies in is kept", "file", it.seg.path+damagedEnd, "error", err)
	}
}

func appendLine(dir string, line []byte) error {
	path := filepath.Join(dir, asideName)
	if info, err := os.Stat(path); err == nil && info.Size()+int64(len(line)) > maxAside {
		if err := os.Rename(path, filepath.Join(dir, asideOldName)); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileAccess)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(line); err != nil {
		return err
	}
	return errors.Join(file.Sync(), syncFolder(dir))
}

// countSetAside is how many alerts were set aside and not looked at, as people empty the files then.
func countSetAside(dir string) (n int) {
	for _, name := range []string{asideOldName, asideName} {
		text, _ := os.ReadFile(filepath.Join(dir, name)) // nothing is there, usually
		n += bytes.Count(text, []byte("\n"))
	}
	return n
}
