package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Names in the folder.
const (
	lockName     = "lock"
	segmentEnd   = ".spool"
	damagedEnd   = ".damaged"
	nameDigits   = 20
	keptDamaged  = 4 // files that were set aside; of more, the oldest are removed
	parentAccess = 0o755
	ownAccess    = 0o700
	fileAccess   = 0o600
)

// errInUse says that another process has the folder.
var errInUse = errors.New("another process has it: give each node a folder of its own")

// folder is Config.Dir, held by this process.
type folder struct {
	dir  string
	lock *os.File
}

// holdFolder makes the folder where it is absent and takes it for this process, until it ends or closes it.
// The kernel gives it free after a SIGKILL, too.
func holdFolder(dir string) (*folder, error) {
	if err := makeFolder(dir, ownAccess); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, fileAccess)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errInUse
		}
		return nil, fmt.Errorf("locking it: %w", err)
	}
	f := &folder{dir: dir, lock: lock}
	if err := errors.Join(f.check(), f.sync()); err != nil { // a folder that cannot be synced keeps nothing
		lock.Close()
		return nil, err
	}
	return f, nil
}

// makeFolder makes a folder, and those above it, so that a power cut does not take them back together with
// what was synced in them.
func makeFolder(dir string, access os.FileMode) error {
	err := os.Mkdir(dir, access)
	if errors.Is(err, os.ErrNotExist) && filepath.Dir(dir) != dir {
		if err = makeFolder(filepath.Dir(dir), parentAccess); err == nil {
			err = os.Mkdir(dir, access)
		}
	}
	switch {
	case errors.Is(err, os.ErrExist):
		return nil // one that is no folder is found out soon
	case err != nil:
		return err
	}
	return syncFolder(filepath.Dir(dir))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f *folder) sync() error { return syncFolder(f.dir) }

func (f *folder) close() error { return f.lock.Close() }

// check writes something that nobody needs, to see whether that can be done.
func (f *folder) check() error {
	if _, err := f.lock.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), 0); err != nil {
		return err
	}
	return f.lock.Sync()
}

// holds reports whether there is a file in a folder, as far as one can see; pattern is filepath.Match's.
func holds(dir, pattern string) bool {
	found, _ := filepath.Glob(filepath.Join(escaped(dir), pattern)) // the only error is a bad pattern
	return len(found) > 0
}

// escaped makes a path one that filepath.Glob takes literally.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// create makes a segment that is named after now, or after the newest one if the clock is behind that.
func (f *folder) create(newest int64) (file *os.File, name int64, err error) {
	name = max(time.Now().UnixNano(), newest+1)
	file, err = os.OpenFile(f.segment(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileAccess)
	if err != nil {
		return nil, name, err
	}
	if _, err = file.Write([]byte(segmentHead)); err == nil {
		err = f.sync()
	}
	if err != nil {
		file.Close()
		_ = os.Remove(file.Name()) // it is empty
		return nil, name, err
	}
	return file, name, nil
}

func (f *folder) segment(name int64) string {
	return filepath.Join(f.dir, fmt.Sprintf("%0*d%s", nameDigits, name, segmentEnd))
}

// nameOf is the name of a segment's file, false for another file.
func nameOf(file string) (name int64, ok bool) {
	digits, ok := strings.CutSuffix(file, segmentEnd)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	name, err := strconv.ParseInt(digits, 10, 64)
	return name, err == nil && name > 0
}

// found is what lies in a folder that is opened.
type found struct {
	segments []*segment // oldest first
	newest   int64      // name of the last one
	waiting  int        // records
	oldest   time.Time  // when the first one was received; zero if there is none that can be read
	cut      int64      // bytes of the last one that were not written to the end
	damaged  int        // files that were set aside
}

// look reads all segments, cuts off what was not written to the end, and removes what is empty.
func (f *folder) look() (all found, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return all, err
	}
	var names []int64
	for _, e := range entries {
		if name, ok := nameOf(e.Name()); ok && e.Type().IsRegular() {
			names = append(names, name)
		}
		if strings.HasSuffix(e.Name(), damagedEnd) {
			all.damaged++
		}
	}
	slices.Sort(names)
	for i, name := range names {
		all.newest = name
		g, cut, err := lookAt(f.segment(name), i == len(names)-1)
		if err != nil {
			return all, err
		}
		all.cut += cut
		if g == nil {
			continue
		}
		if all.waiting == 0 {
			all.oldest = receivedFirst(g)
		}
		all.segments, all.waiting = append(all.segments, g), all.waiting+g.count
	}
	return all, nil
}

// lookAt reads one segment; nil if there is nothing in it, and it was removed. One that cannot be read counts
// as one alert: the replay will say what became of it.
func lookAt(path string, last bool) (g *segment, cut int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	g = &segment{path: path, sealed: true, size: info.Size()}
	file, err := os.Open(path)
	if err != nil {
		g.count, g.size = 1, max(g.size, 1)
		return g, 0, nil
	}
	defer file.Close()
	s := surveyOf(file, g.size)
	if s.count == 0 && (last || g.size <= int64(len(segmentHead))) {
		return nil, max(0, g.size-s.first), os.Remove(path)
	}
	g.off, g.count = s.first, max(s.count, 1)
	if last && s.end < g.size {
		cut, g.size = g.size-s.end, s.end
		// If that fails, it is what the segment's size says that counts until the next start.
		if err := os.Truncate(path, g.size); err == nil {
			_ = syncFile(path)
		}
	}
	return g, cut, nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

func receivedFirst(g *segment) time.Time {
	file, err := os.Open(g.path)
	if err != nil {
		return time.Time{}
	}
	defer file.Close()
	text, _ := nextRecord(file, g.off, g.size)
	var first struct {
		Received time.Time `json:"received"`
	}
	_ = json.Unmarshal(text, &first) // what cannot be read has no time
	return first.Received
}

// clear removes segments that are over; one that is damaged is set aside instead. It says how many were.
func (f *folder) clear(some []*segment) (aside int, err error) {
	var errs []error
	for _, g := range some {
		if g.file != nil {
			_ = g.file.Close() // what counts in it is synced
		}
		if !g.bad {
			errs = append(errs, os.Remove(g.path))
			continue
		}
		aside++
		errs = append(errs, os.Rename(g.path, g.path+damagedEnd))
	}
	if aside > 0 {
		errs = append(errs, f.forgetDamaged())
	}
	return aside, errors.Join(append(errs, f.sync())...)
}

// forgetDamaged removes the oldest files that were set aside, so that they do not fill the disk.
func (f *folder) forgetDamaged() error {
	kept, _ := filepath.Glob(filepath.Join(escaped(f.dir), "*"+damagedEnd)) // sorted, and so by age
	var errs []error
	for _, path := range kept[:max(0, len(kept)-keptDamaged)] {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// open takes the folder and what is in it. It is tried again by Run if that fails.
func (s *Spool) open() bool {
	f, err := holdFolder(s.cfg.Dir)
	var all found
	if err == nil {
		if all, err = f.look(); err != nil {
			f.close()
		}
	}
	if err != nil {
		s.mu.Lock()
		told := s.trouble == err.Error()
		s.trouble = err.Error()
		s.mu.Unlock()
		if !told {
			s.log.Error("the spool cannot be used: alerts that come while the database is away will be refused. It is tried again", "dir", s.cfg.Dir, "error", err)
		}
		return false
	}
	if all.cut > 0 {
		s.log.Warn("the spool's end was not written when the process died, and nobody was told that it is kept: it was cut off", "bytes", all.cut)
	}
	if all.waiting > 0 {
		s.log.Warn("alerts of before wait on disk; they are replayed now", "alerts", all.waiting, "oldest", all.oldest, "dir", f.dir)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.folder, s.trouble = f, ""
	s.segments, s.lastName, s.waiting, s.oldest, s.damaged = all.segments, all.newest, all.waiting, all.oldest, all.damaged
	s.refused = countSetAside(f.dir)
	if s.waiting > 0 {
		s.turn(away)
	}
	return true
}
