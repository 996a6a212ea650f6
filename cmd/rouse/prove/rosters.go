package prove

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rouse/rosters"
	"rouse/rosters/clerk"
)

// proveRosters asks who is on call, and holds the answers against those of a clerk who goes through the calendar:
// rosters drawn by lot at instants drawn by lot, and plain ones at every change of the clocks of every zone.
func proveRosters(ctx context.Context, t *trial) (Result, error) {
	r := Result{Unit: "answers"}
	pairs := t.size(50_000, 1_000_000)
	drawn := t.drawnRosters(ctx, (pairs+asksOfARoster-1)/asksOfARoster)
	r.N = int(drawn.asked.Load())
	r.note("seeds %d to %d: %d instants in %d rosters, at %d of them somebody is on call",
		t.o.Seed, t.o.Seed+uint64(max(drawn.done.Load()-1, 0)), r.N, drawn.done.Load(), drawn.manned.Load())
	drawn.tell(&r, "the engine has those on call whom the clerk finds")
	if pairs <= asksOfARoster { // it was asked for to be looked at
		text, err := json.MarshalIndent(clerk.Draw(diceOf(t.o.Seed)).Roster, "", "  ")
		r.note("%s", text)
		return r, err
	}
	changes := t.clockChanges(ctx)
	r.note("%d zones: at %d changes of the clocks, 2020 to 2037, six shapes of rotation leave no gap and no overlap", changes.done.Load(), changes.asked.Load())
	changes.tell(&r, "one person is on call at every change of every clock, and all questions are answered alike")
	return r, nil
}

// asksOfARoster is how many instants a roster is asked about: working it out is most of the work.
const asksOfARoster = 20

func diceOf(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, hashOf("roster"))) }

// tally counts what many goroutines compare.
type tally struct {
	done, asked, manned, wrong atomic.Int64

	mu    sync.Mutex
	found []string // the first ones
}

func (c *tally) differ(format string, args ...any) {
	c.wrong.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.found) < maxFound {
		c.found = append(c.found, fmt.Sprintf(format, args...))
	}
}

func (c *tally) tell(r *Result, promise string) {
	n := int(c.wrong.Load())
	r.WrongPerson += n
	if n > 0 {
		r.Breaches = append(r.Breaches, Breach{Expected: promise, N: n, Found: c.found})
	}
}

// inParallel does n pieces of work on all cores, and tells every five seconds how far it is.
func (t *trial) inParallel(ctx context.Context, n int, what string, work func(i int, c *tally)) *tally {
	var c tally
	var next atomic.Int64
	var working sync.WaitGroup
	for range runtime.NumCPU() {
		working.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				work(int(i), &c)
				c.done.Add(1)
			}
		})
	}
	over := make(chan struct{})
	go func() {
		working.Wait()
		close(over)
	}()
	for tick := time.NewTicker(5 * time.Second); ; {
		select {
		case <-over:
			tick.Stop()
			return &c
		case <-tick.C:
			t.say("%d of %d %s, %d differences", c.done.Load(), n, what, c.wrong.Load())
		}
	}
}

func (t *trial) drawnRosters(ctx context.Context, n int) *tally {
	return t.inParallel(ctx, n, "rosters", func(i int, c *tally) {
		seed := t.o.Seed + uint64(i)
		if wrong := c.drawnRoster(diceOf(seed)); wrong != "" {
			c.differ("%s; this roster alone: rouse prove rosters --seed %d --trials 1", wrong, seed)
		}
	})
}

// drawnRoster tells the first difference.
func (c *tally) drawnRoster(dice *rand.Rand) (wrong string) {
	defer func() {
		if v := recover(); v != nil {
			wrong = fmt.Sprintf("it panics: %v", v)
		}
	}()
	drawn := clerk.Draw(dice)
	worked, err := drawn.Work()
	if err != nil {
		return "the clerk does not understand: " + err.Error()
	}
	calendar, err := drawn.Compile()
	if why := unjustly(err); why != "" {
		return why
	}
	for range asksOfARoster {
		at := worked.Moment(dice, drawn.From, drawn.To)
		c.asked.Add(1)
		if len(worked.OnCall(at)) > 0 {
			c.manned.Add(1)
		}
		if wrong := worked.Compare(calendar, at); wrong != "" {
			return wrong
		}
	}
	from := worked.Moment(dice, drawn.From, drawn.To)
	return worked.CompareSpan(calendar, from, from.Add(time.Duration(1+dice.IntN(20*24))*time.Hour))
}

// unjustly says what is refused without being a rule that never hands over, of which chance makes some.
func unjustly(err error) string {
	if err == nil {
		return ""
	}
	for line := range strings.Lines(err.Error()) {
		if !strings.Contains(line, "never occurs") && !strings.Contains(line, "leave no hand-over") {
			return "refused: " + line
		}
	}
	return ""
}

// shapes are rotations as many have them; in each, one person is on call at any time.
func shapes(zone string) (all []rosters.Roster) {
	one := func(start, rule string, more func(*rosters.Rotation)) rosters.Rotation {
		r := rosters.Rotation{ID: "r", Zone: zone, Start: start, Rule: rule, Participants: []rosters.PersonID{"ann", "bob", "cat"}}
		if more != nil {
			more(&r)
		}
		return r
	}
	crew := func(id, from, to string) rosters.Rotation {
		return one("2019-01-07T08:00:00", "FREQ=WEEKLY", func(r *rosters.Rotation) {
			r.ID, r.Hours = id, []rosters.Window{{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, From: from, To: to}}
		})
	}
	of := func(id rosters.RosterID, rotations ...rosters.Rotation) {
		all = append(all, rosters.Roster{ID: id, Rotations: rotations})
	}
	of("weekly-monday", one("2019-01-07T09:00:00", "FREQ=WEEKLY", nil))
	of("daily-midnight", one("2019-01-07T00:00:00", "FREQ=DAILY", nil))
	of("daily-half-past-two", one("2019-01-07T02:30:00", "FREQ=DAILY", nil))
	of("day-and-night", crew("day", "08:00", "20:00"), crew("night", "20:00", "08:00"))
	of("eight-hours", one("2019-01-07T06:00:00", "FREQ=DAILY", func(r *rosters.Rotation) { r.Times = []string{"06:00", "14:00", "22:00"} }))
	of("last-friday", one("2019-01-25T17:00:00", "FREQ=MONTHLY;BYDAY=-1FR", nil))
	return all
}

// clockChanges looks at every zone; done counts zones, asked their changes.
func (t *trial) clockChanges(ctx context.Context) *tally {
	zones := clerk.Zones()
	return t.inParallel(ctx, len(zones), "zones", func(i int, c *tally) {
		first, last := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
		jumps := clerk.Jumps(zones[i], first, last)
		c.asked.Add(int64(len(jumps)))
		if len(jumps) == 0 {
			jumps = []clerk.Jump{{At: first}} // nothing happens there, and somebody is on call nevertheless
		}
		for _, roster := range shapes(zones[i]) {
			if wrong := onePerson(roster, jumps, last); wrong != "" {
				c.differ("%s in %s: %s", roster.ID, zones[i], wrong)
			}
		}
	})
}

// onePerson tells where not exactly one person is on call in the days around the clocks' changes, or where the clerk
// finds another.
func onePerson(roster rosters.Roster, jumps []clerk.Jump, last time.Time) string {
	const around = 3 * 24 * time.Hour
	worked, err := clerk.New(roster, last.Add(around))
	if err != nil {
		return err.Error()
	}
	calendar, err := roster.Compile()
	if err != nil {
		return err.Error()
	}
	for _, jump := range jumps {
		from, to := jump.At.Add(-around), jump.At.Add(around)
		var manned time.Duration
		for _, s := range calendar.Shifts(from, to) {
			manned += s.To.Sub(s.From)
		}
		if gaps := calendar.Gaps(from, to); len(gaps) > 0 || manned != 2*around {
			return fmt.Sprintf("of %v from %v on somebody is on call for %v, with the gaps %v", 2*around, from, manned, gaps)
		}
		if wrong := worked.CompareSpan(calendar, from, to); wrong != "" {
			return wrong
		}
	}
	return ""
}
