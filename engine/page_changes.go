package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"rouse/rosters"
)

// PageChange is a span in which an alert would page others at a rung than before, or at another time.
type PageChange struct {
	rosters.Span
	Service    ServiceID      // "" for the catch-all, whatever the alert
	Severities []Severity     // in order: 1 and 2, and 3 if the change concerns it in a part of the span; or 3 alone
	Minor      []rosters.Span // when within the span the change concerns severity 3, in order
	Level      int            // of the ladder as it is after, or was if it has the level or the service no more; from 1
	CatchAll   bool           // the rung is the catch-all, in which every ladder ends
	Before     Rung
	After      Rung
}

// Rung is whom a level pages, and when. It is zero if it pages nobody: the ladder has no such level, nobody
// of it can be paged, or the severity waits for working hours.
type Rung struct {
	People []rosters.PersonID // who can be paged, in the order of their handles
	Names  []string           // what they are called, beside People
	After  time.Duration      // since the alert began to page
}

// PageChanges tells what a change to people, rosters, policies or services means to those who are paged:
// when, within [from, to), an alert would page others than before, or later or sooner. It is nil if nothing
// is. The order is that of the services' slugs, of each by time, and then up its ladder; spans are as long
// as they can be. Times are UTC. People count who can be paged: that have a contact which is not disabled, on
// a channel that the server has.
//
// A rung tells whom it pages when it is asked at that instant (rule 15), as levels do in Holes, though one
// that comes after an hour will be asked an hour later. It comes after what the levels before it wait that
// have somebody just then: an empty one is passed over (rule 3). Levels are held against those of the same
// number, the catch-all against the catch-all. What a ladder pages when it begins again is left out.
//
// Whom the catch-all pages is told once, first, under no service, and After is then that of an alert which
// goes there at once; its people are the last resort where nobody of its roster can be paged (rule 4). A
// service tells its catch-all only if that comes at another time, or newly, or not any more.
//
// Severity 3 pages in working hours only (rule 9), so that a change of these is one for severity 3, to or
// from a rung that pages nobody. A service that is new or gone had, or has, no rungs.
//
// Each roster is gone through once on either side, and once for both if they share its Calendar. The work and
// the number of changes grow with the span: MaxCoverage is for callers of this too. Lists are shared between
// changes: read them only.
func PageChanges(before, after Coverage, from, to time.Time) []PageChange {
	if !from.Before(to) {
		return nil
	}
	span, walks := rosters.Span{From: from.UTC(), To: to.UTC()}, map[*rosters.Calendar][]rosters.Manned{}
	was, is := newProof(before, span), newProof(after, span)
	c := newComparison(was, is, walks)
	if c.minor = c; was.minor != was || is.minor != is {
		c.minor = newComparison(was.minor, is.minor, walks)
	}
	changes := [][]PageChange{c.catchAll()}
	for _, id := range c.services() {
		changes = append(changes, c.service(id))
	}
	return slices.Concat(changes...)
}

// Covers reports whether the change concerns an alert of a severity at an instant.
func (c PageChange) Covers(at time.Time, s Severity) bool {
	if s == Minor {
		return slices.ContainsFunc(c.Minor, func(part rosters.Span) bool { return contains(part, at) })
	}
	return slices.Contains(c.Severities, s) && contains(c.Span, at)
}

// comparison is two outlooks, with what was found to differ so far.
type comparison struct {
	span    rosters.Span
	minor   *comparison // of severity 3; this one if plans to tell are no others
	was, is *outlook
	ladders map[[2]*climb][]held
	found   []PageChange // of one service, not in order yet
}

func newComparison(was, is *proof, walks map[*rosters.Calendar][]rosters.Manned) *comparison {
	return &comparison{span: was.span, was: newOutlook(was, walks), is: newOutlook(is, walks), ladders: map[[2]*climb][]held{}}
}

// held is a rung held against what it was.
type held struct {
	level    int
	catchAll bool // of a service: whom it pages is told once for all
	both     timeline[change]
	major    timeline[change] // what is to be told of severities 1 and 2
}

// change is what a rung was and is.
type change struct {
	before, after standing
}

// working is whether a severity pages.
type working struct {
	before, after bool
}

func (c *comparison) services() []ServiceID {
	all := maps.Clone(c.was.services)
	maps.Copy(all, c.is.services)
	return slices.Sorted(maps.Keys(all))
}

// catchAll concerns every service at once, so that no working hours bound it.
func (c *comparison) catchAll() []PageChange {
	end := func(c *comparison) timeline[change] {
		return c.hold(held{}, c.was.unknown().end, c.is.unknown().end).major
	}
	c.found = c.found[:0]
	c.merge(PageChange{Level: 1, CatchAll: true}, end(c), end(c.minor))
	return inOrder(c.found)
}

func (c *comparison) service(id ServiceID) []PageChange {
	rungs := c.ladder(c.was.climb(id), c.is.climb(id))
	minor := c.minor.ladder(c.minor.was.climb(id), c.minor.is.climb(id))
	hours := zip(c.was.hours(id), c.is.hours(id), func(before, after bool) working { return working{before, after} }, equal)
	moved := slices.ContainsFunc(hours, func(s stretch[working]) bool { return s.is.before != s.is.after })
	if !moved && !slices.ContainsFunc(slices.Concat(rungs, minor), func(h held) bool { return len(h.major) > 0 }) {
		return nil
	}
	c.found = c.found[:0]
	for i, h := range rungs {
		c.merge(PageChange{Service: id, Level: h.level, CatchAll: h.catchAll}, h.major, minor[i].during(hours))
	}
	return inOrder(c.found)
}

// inOrder leaves what it is given: changes are large, and sorting moves each many times.
func inOrder(found []PageChange) []PageChange {
	order := make([]*PageChange, len(found))
	for i := range found {
		order[i] = &found[i]
	}
	slices.SortFunc(order, comparePageChanges)
	changes := make([]PageChange, len(found))
	for i, c := range order {
		changes[i] = *c
	}
	return changes
}

// ladder holds one against another, once for all services that went from the one to the other.
func (c *comparison) ladder(was, is *climb) []held {
	key := [2]*climb{was, is}
	found, ok := c.ladders[key]
	if ok {
		return found
	}
	for i := range max(len(was.levels), len(is.levels)) {
		found = append(found, c.hold(held{level: i + 1}, c.level(was, i), c.level(is, i)))
	}
	last := is
	if is == c.is.absent {
		last = was
	}
	found = append(found, c.hold(held{level: len(last.levels) + 1, catchAll: true}, was.end, is.end))
	c.ladders[key] = found
	return found
}

func (c *comparison) level(l *climb, i int) timeline[standing] {
	if i < len(l.levels) {
		return l.levels[i]
	}
	return c.is.absent.end
}

func (c *comparison) hold(h held, before, after timeline[standing]) held {
	h.both = zip(before, after, func(before, after standing) change { return change{before, after} }, sameChange)
	h.major = h.during(always(c.span, working{true, true}))
	return h
}

// during is what is to be told of a severity that pages at some times only.
func (h held) during(hours timeline[working]) timeline[change] {
	found := zip(h.both, hours, func(c change, pages working) change {
		if !pages.before {
			c.before = standing{}
		}
		if !pages.after {
			c.after = standing{}
		}
		return h.told(c)
	}, sameChange)
	return slices.DeleteFunc(found, func(s stretch[change]) bool { return s.is == change{} })
}

// told is zero if there is nothing to tell: where nobody is paged it does not matter when.
func (h held) told(c change) change {
	stays := c.before.there == c.after.there
	if c = (change{c.before.shown(), c.after.shown()}); sameStanding(c.before, c.after) {
		return change{}
	}
	if h.catchAll && stays && !c.moves() { // told once for all services
		return change{}
	}
	return c
}

// moves reports whether somebody is paged before and after, at another time.
func (c change) moves() bool {
	return c.before.paged != nil && c.after.paged != nil && c.before.after != c.after.after
}

func (s standing) shown() standing {
	if s.paged == nil {
		return standing{}
	}
	return s
}

func sameChange(a, b change) bool {
	return sameStanding(a.before, b.before) && sameStanding(a.after, b.after)
}

// merge makes one change of what is the same for every severity; what severity 3 alone meets is told beside it.
func (c *comparison) merge(rung PageChange, major, minor timeline[change]) {
	first := len(c.found)
	for _, m := range major {
		c.found = append(c.found, c.tell(rung, m, Critical, Major))
	}
	next := 0 // of major, that has not ended
	for _, m := range minor {
		for next < len(major) && !major[next].To.After(m.From) {
			next++
		}
		alone := []rosters.Span{m.Span}
		for i := next; i < len(major) && major[i].From.Before(m.To); i++ {
			if sameChange(major[i].is, m.is) {
				part := overlap(major[i].Span, m.Span)
				c.found[first+i].concerns(part)
				alone = without(alone, []rosters.Span{part})
			}
		}
		for _, span := range alone {
			told := c.tell(rung, stretch[change]{span, m.is})
			told.concerns(span)
			c.found = append(c.found, told)
		}
	}
}

// tell fills in what changed, and for whom.
func (c *comparison) tell(rung PageChange, s stretch[change], of ...Severity) PageChange {
	rung.Span, rung.Before, rung.After, rung.Severities = s.Span, c.was.rung(s.is.before), c.is.rung(s.is.after), of
	return rung
}

// concerns adds a part of the span in which severity 3 meets the same.
func (c *PageChange) concerns(part rosters.Span) {
	if len(c.Minor) == 0 {
		c.Severities = append(c.Severities, Minor)
	}
	c.Minor = append(c.Minor, part)
}

// comparePageChanges is the order of those of one service.
func comparePageChanges(a, b *PageChange) int {
	return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Level, b.Level), compareBools(a.CatchAll, b.CatchAll), slices.Compare(a.Severities, b.Severities))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
