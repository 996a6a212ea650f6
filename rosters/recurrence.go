package rosters

import (
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/teambition/rrule-go"
)

// handover is one occurrence of a rule. Turns count from 0 without a hole: occurrences that a clock
// change moves onto the same instant are one.
type handover struct {
	turn int
	at   time.Time
}

// recurrence is a rule applied to a start in a zone, as if it had neither COUNT nor UNTIL. It may be
// asked by many goroutines at once.
type recurrence interface {
	// from yields the last hand-over at or before an instant, if there is one, and all that follow.
	from(at time.Time) iter.Seq[handover]
	// nth finds the instant of a turn, false if there is none.
	nth(turn int) (time.Time, bool)
	// readings yields what the wall clock reads at hand-overs, from a reading on.
	readings(from wall) walls
}

// newRecurrence prepares a rule that hands over for the first time at start or later, and fails if
// it never does.
//
// Rules are iterated on the wall clock, where no hour is missing and none comes twice; what a reading
// means as an instant is resolve's to say. The library itself mixes the two and loses or moves
// hand-overs near clock changes.
func newRecurrence(r rule, times []wall, start wall, loc *time.Location) (recurrence, error) {
	option, err := r.daily(start)
	if err != nil {
		return nil, err
	}
	p := pattern{option, times}
	if next := p.walls(start); next == nil {
		return nil, errors.New("cannot be computed")
	} else if _, ok := next(); !ok {
		return nil, errors.New("never occurs; check INTERVAL and the BY… parts against each other and the start")
	}
	if period := cyclePeriod(option); period > 0 {
		return newCycle(p, start, loc, period), nil
	}
	return &history{loc: loc, start: start, pattern: p}, nil
}

// pattern is what the library iterates, and the times of day at which it hands over on each of the days
// that come of it; with none, at what comes.
type pattern struct {
	rrule.ROption
	times []wall
}

// walls is nil if the library refuses the pattern.
func (p pattern) walls(start wall) walls {
	if len(p.times) == 0 {
		return rfcWalls(p.ROption, start)
	}
	days := rfcWalls(p.ROption, start-start.timeOfDay())
	if days == nil {
		return nil
	}
	date, rest := wall(0), []wall(nil)
	return func() (wall, bool) {
		for {
			if len(rest) == 0 {
				d, ok := days()
				if !ok {
					return 0, false
				}
				date, rest = d, p.times
			}
			w := date + rest[0]
			if rest = rest[1:]; w >= start {
				return w, true
			}
		}
	}
}

// walls yields ever later readings of the wall clock.
type walls func() (wall, bool)

// ahead moves a start by 19 times 400 years, after which every date falls on the same weekday again.
// The library gives up looking in the year 9999: starting close to it, a fruitless search takes
// milliseconds, not a tenth of a second. For starts up to 2199 two centuries are left.
const ahead = 19 * 146_097 * wall(day/time.Second)

// libraryWalls lets the library iterate. Each call makes a rule of its own: the library's iterators
// write to theirs. nil if the library refuses the pattern.
func libraryWalls(p rrule.ROption, start wall) walls {
	p.Dtstart = (start + ahead).date()
	compiled, err := rrule.NewRRule(p)
	if err != nil {
		return nil
	}
	next := compiled.Iterator()
	return func() (w wall, ok bool) {
		defer func() { // it indexes tables with what it is given; a pager must not fall over that at night
			if recover() != nil {
				w, ok = 0, false
			}
		}()
		t, ok := next()
		return wall(t.Unix()) - ahead, ok
	}
}

// rfcWalls is libraryWalls but for BYSETPOS in weeks: positions count from the beginning of each week (RFC 5545
// §3.3.10), and the library counts those of the first one from the start. So it begins with that whole week.
func rfcWalls(p rrule.ROption, start wall) walls {
	if p.Freq != rrule.WEEKLY || len(p.Bysetpos) == 0 {
		return libraryWalls(p, start)
	}
	today := (int(start.date().Weekday()) + 6) % 7 // since Monday, as the library counts
	if len(p.Byweekday) == 0 {
		p.Byweekday = []rrule.Weekday{rrule.MO, rrule.TU, rrule.WE, rrule.TH, rrule.FR, rrule.SA, rrule.SU}[today : today+1]
	}
	next := libraryWalls(p, start-wall((today-p.Wkst.Day()+7)%7)*secondsADay)
	if next == nil {
		return nil
	}
	return func() (wall, bool) {
		for {
			if w, ok := next(); !ok || w >= start {
				return w, ok
			}
		}
	}
}

// instants resolves walls, in order of time and each instant once. Around a gap readings are resolved
// out of order (02:30 becomes 03:30, 03:00 stays) and onto each other (02:00 becomes 03:00).
type instants struct {
	next walls
	loc  *time.Location
	held []time.Time // resolved, in order, not yet known to be next
	read wall        // the last reading taken
	done bool
}

func (s *instants) pull() (time.Time, bool) {
	for !s.done && !s.ready() {
		w, ok := s.next()
		if !ok {
			s.done = true
			break
		}
		s.read = w
		t := resolve(w, s.loc)
		if i, double := slices.BinarySearchFunc(s.held, t, time.Time.Compare); !double {
			s.held = slices.Insert(s.held, i, t)
		}
	}
	if len(s.held) == 0 {
		return time.Time{}, false
	}
	t := s.held[0]
	s.held = slices.Delete(s.held, 0, 1)
	return t, true
}

// ready reports whether no later reading can resolve to the first instant held, or before it: no
// zone is farther ahead of UTC.
func (s *instants) ready() bool {
	return len(s.held) > 0 && s.held[0].Unix() <= int64(s.read.plus(-farthest))
}

// history is a recurrence without a short cycle, such as "the last Friday of each month": it is
// iterated from its start once, as far as it was asked about, and remembered.
type history struct {
	loc     *time.Location
	start   wall
	pattern pattern

	mu    sync.Mutex
	known []time.Time
	more  *instants // nil: not begun
}

func (h *history) nth(turn int) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.known) <= turn {
		if !h.grow() {
			return time.Time{}, false
		}
	}
	return h.known[turn], true
}

func (h *history) readings(from wall) walls {
	next := h.pattern.walls(h.start)
	return func() (wall, bool) {
		for {
			if w, ok := next(); !ok || w >= from {
				return w, ok
			}
		}
	}
}

// turnAt returns the turn of the last hand-over at or before an instant, -1 if there was none.
func (h *history) turnAt(at time.Time) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.known) == 0 || !h.known[len(h.known)-1].After(at) {
		if !h.grow() {
			break
		}
	}
	i, exact := slices.BinarySearchFunc(h.known, at, time.Time.Compare)
	if exact {
		return i
	}
	return i - 1
}

func (h *history) grow() bool {
	if h.more == nil {
		h.more = &instants{next: h.pattern.walls(h.start), loc: h.loc}
	}
	t, ok := h.more.pull()
	if ok {
		h.known = append(h.known, t)
	}
	return ok
}

func (h *history) from(at time.Time) iter.Seq[handover] {
	return func(yield func(handover) bool) {
		for turn := max(0, h.turnAt(at)); ; turn++ {
			t, ok := h.nth(turn)
			if !ok || !yield(handover{turn, t}) {
				return
			}
		}
	}
}
