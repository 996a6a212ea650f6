package rosters

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/teambition/rrule-go"
)

// cycle is a recurrence whose readings of the wall clock repeat after a whole number of days, as those
// of nearly all rotations do. Any turn is found by arithmetic, however long ago the start is.
type cycle struct {
	loc     *time.Location
	start   wall
	period  wall   // in seconds
	offsets []wall // of the hand-overs in the first period, from start, in order
	nearest wall   // the shortest time between two hand-overs
}

// cyclePeriod returns after what time a pattern repeats, 0 if months stand in the way.
func cyclePeriod(p rrule.ROption) time.Duration {
	if len(p.Bymonth)+len(p.Bymonthday) > 0 {
		return 0
	}
	interval := time.Duration(p.Interval) * day
	switch {
	case p.Freq == rrule.DAILY && len(p.Byweekday) > 0 && p.Interval%7 != 0:
		return 7 * interval
	case p.Freq == rrule.DAILY:
		return interval
	case p.Freq == rrule.WEEKLY:
		return 7 * interval
	}
	return 0
}

func newCycle(p pattern, start wall, loc *time.Location, period time.Duration) *cycle {
	c := &cycle{loc: loc, start: start, period: wall(period / time.Second)}
	next := p.walls(start)
	for w, ok := next(); ok && w-start < c.period; w, ok = next() {
		c.offsets = append(c.offsets, w-start)
	}
	c.nearest = c.offsets[0] + c.period - c.offsets[len(c.offsets)-1]
	for i := 1; i < len(c.offsets); i++ {
		c.nearest = min(c.nearest, c.offsets[i]-c.offsets[i-1])
	}
	return c
}

// wall returns the nth reading, from 0.
func (c *cycle) wall(n int) wall {
	return c.start + wall(n/len(c.offsets))*c.period + c.offsets[n%len(c.offsets)]
}

// count returns how many readings lie before w.
func (c *cycle) count(w wall) int {
	if w <= c.start {
		return 0
	}
	periods, rest := (w-c.start)/c.period, (w-c.start)%c.period
	return int(periods)*len(c.offsets) + sort.Search(len(c.offsets), func(i int) bool { return c.offsets[i] >= rest })
}

func (c *cycle) from(at time.Time) iter.Seq[handover] {
	return func(yield func(handover) bool) {
		// The last reading that the clocks showed before at; if they skipped it, quiet goes back farther.
		n := c.quiet(max(0, c.count(wallOf(at, c.loc))-1))
		last := handover{turn: n - c.merged(n) - 1}
		s := instants{next: c.walls(n), loc: c.loc}
		for t, ok := s.pull(); ok; t, ok = s.pull() {
			if t.After(at) && !last.at.IsZero() && !yield(last) {
				return
			}
			last = handover{last.turn + 1, t}
		}
	}
}

// nth finds a turn from where it would be if no clock had ever moved two hand-overs together.
func (c *cycle) nth(turn int) (time.Time, bool) {
	for h := range c.from(resolve(c.wall(turn), c.loc)) {
		if h.turn >= turn {
			return h.at, true
		}
	}
	return time.Time{}, false
}

func (c *cycle) readings(from wall) walls { return c.walls(c.count(from)) }

func (c *cycle) walls(n int) walls {
	return func() (wall, bool) {
		n++
		return c.wall(n - 1), true
	}
}

// quiet goes back from the nth reading to one that no clock change moved past another, so that
// those before it and those from it on can be counted apart.
func (c *cycle) quiet(n int) int {
	for n > 0 {
		t := resolve(c.wall(n), c.loc)
		changed, _ := evenly(t.In(c.loc))
		if changed.IsZero() || t.Sub(changed) > longestJump {
			return n
		}
		n = c.count(wallOf(changed.Add(-time.Second), c.loc)) - 1
	}
	return 0
}

// merged returns by how many the first n readings exceed the instants they resolve to. Only a clock
// that jumps at least as far as two hand-overs lie apart moves one onto another; for daily ones that
// is the date line, for hourly ones every spring.
func (c *cycle) merged(n int) int {
	if c.nearest > wall(longestJump/time.Second) || n == 0 {
		return 0
	}
	end := resolve(c.wall(n), c.loc)
	at, total := resolve(c.wall(0), c.loc).Add(-2*longestJump).In(c.loc), 0
	for {
		_, change := evenly(at)
		if change.IsZero() || !change.Before(end) {
			return total
		}
		_, before := at.Zone()
		_, after := change.Zone()
		if jump := wall(after - before); jump >= c.nearest {
			total += c.mergedBy(wall(change.Unix()+int64(before)), jump)
		}
		at = change
	}
}

// mergedBy counts them for one jump: readings in the gap resolve to the same instants as those in
// the time of the same length after it.
func (c *cycle) mergedBy(gap, jump wall) int {
	first, end := c.count(gap), c.count(gap+2*jump)
	var resolved []time.Time
	for n := first; n < end; n++ {
		resolved = append(resolved, resolve(c.wall(n), c.loc))
	}
	slices.SortFunc(resolved, time.Time.Compare)
	return end - first - len(slices.CompactFunc(resolved, time.Time.Equal))
}
