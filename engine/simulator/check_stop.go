package simulator

import (
	"slices"
	"time"

	"rouse/engine"
)

// unsure is by how much the stop that an incident is told of may differ from the time in which nobody kept
// time: the pulse is written each beatEvery, and a node that ends still answers.
const unsure = 10 * time.Second

// stopsOf lists the stops that an incident may have to be told of, until a moment by the database's clock, and
// reports whether it has to be.
func (r *incidentRow) stopsOf(gaps []gap, at time.Time) (may []gap, must bool) {
	for _, g := range gaps[min(r.book.stops, len(gaps)):] {
		long := g.to.Sub(g.from)
		if g.to.After(at) || long < engine.LongStop-beatEvery {
			continue
		}
		may, must = append(may, g), must || long > engine.LongStop+unsure && !g.jump && !r.book.missed
	}
	return may, must
}

// checkStop: an incident that waited for something through a long stop is told of it before anything else
// happens to it, once, and of no other.
func (s *sim) checkStop(c *change) {
	may, must := c.row.stopsOf(s.gaps, c.now)
	var ev engine.Resumed
	was := false
	for i, st := range c.steps {
		if r, ok := st.event.(engine.Resumed); ok {
			ev, was = r, true
			if i > 0 {
				s.fail("after a stop", "%s is told of it after %s", c.row.inc.Key, describe(c.steps[0].event))
			}
		}
	}
	for b := &c.row.book; b.stops < len(s.gaps); b.stops++ {
		g := s.gaps[b.stops]
		if g.to.After(c.now) || g.jump && !was && s.resumedAt.Before(g.to) { // nodes that keep time do not ask, and the next sweep tells
			break
		}
	}
	waited := !c.opens && !c.before.Deadline().IsZero()
	switch {
	case was && (len(may) == 0 || !waited):
		s.fail("after a stop", "%s is told of a stop of %s that was none", c.row.inc.Key, ev.Stopped)
	case !was && must && waited:
		s.fail("after a stop", "%s is not told that nobody kept time from %s to %s", c.row.inc.Key, s.when(may[0].from), s.when(may[0].to))
	case was:
		s.tally.Resumed++
		fits := func(g gap) bool { return g.jump || (ev.Stopped-c.now.Sub(g.from)).Abs() <= unsure }
		if !slices.ContainsFunc(may, fits) {
			s.fail("after a stop", "%s is told of a stop of %s, and nobody kept time since %s", c.row.inc.Key, ev.Stopped, s.when(may[0].from))
		}
	}
}

// checkAwake: nothing that waited through a stop is claimed before its incident was told of it.
func (s *sim) checkAwake(r *incidentRow, a *attemptRow) {
	_, must := r.stopsOf(s.gaps, s.clock())
	if !r.stoppedAt.IsZero() || must && !r.deadline.IsZero() {
		s.fail("after a stop", "attempt %d of %s is claimed, which was not told of it", a.No, r.inc.Key)
	}
}

// anew reports whether the event begins the level anew that an escalation stood on.
func (c *step) anew(was *engine.Escalation) bool {
	_, resumed := c.event.(engine.Resumed)
	return resumed && was != nil && was.State == engine.Climbing && was.Level >= 0
}

// checkResumed: after a stop a level has its full wait, a holder who was being asked their full time, and
// what was put off is later by just as much. checkClimb and checkPaged see to it that nobody is left out.
func (s *sim) checkResumed(c *step, was, e *engine.Escalation) {
	ev, resumed := c.event.(engine.Resumed)
	if !resumed || was == nil || e.State == engine.Stopped { // its time was up before
		return
	}
	wrong := func(what string) {
		s.fail("after a stop", "of %s: escalation %d was %s, is %s, and %s", ev.Stopped, e.No, was.State, e.State, what)
	}
	putOff := was.AckUntil.Add(ev.Stopped)
	switch {
	case c.anew(was) && e.State == engine.Climbing && e.Level >= 0 && !e.LevelUntil.Equal(c.now.Add(e.Ladder.Levels[e.Level].Wait)):
		wrong("its level has not its full wait")
	case was.State == engine.Asking && e.State == engine.Asking && !e.AskUntil.Equal(c.now.Add(engine.AskFor)):
		wrong("its holder has not the full time")
	case was.State == engine.Asking && e.State == engine.Asking && !asked(c, e), was.State == engine.Asking && e.State == engine.Acknowledged:
		wrong("its holder is not asked anew")
	case was.State == engine.Asking && e.State == engine.Climbing && len(s.world.plan(was.Holder, c.now)) > 0:
		wrong("its holder could be asked")
	case was.State == engine.Acknowledged && e.State == engine.Acknowledged && !was.AckUntil.IsZero() && !e.AckUntil.Equal(putOff):
		wrong("the acknowledgement is not put off by that")
	case was.State == engine.Acknowledged && e.State != engine.Acknowledged && (was.AckUntil.IsZero() || putOff.After(c.now)):
		wrong("the acknowledgement had not run out")
	case was.State == engine.Waiting && e.State == engine.Waiting && e.WaitFor == was.WaitFor && was.WaitFor != engine.ReasonMaintenance && !e.WaitUntil.Equal(was.WaitUntil):
		wrong("what it waits for is put off")
	}
	for i := range was.Pages {
		s.checkPutOff(c, &was.Pages[i], ev.Stopped)
	}
}

func asked(c *step, e *engine.Escalation) bool {
	for _, p := range e.Pages {
		if p.Ask && p.No > c.before.PageN && p.State == engine.PageOpen {
			return true
		}
	}
	return false
}

// checkPutOff: what is left of the plan of a page that stays open comes as much later.
func (s *sim) checkPutOff(c *step, was *engine.Page, by time.Duration) {
	_, p := c.after.Page(was.No)
	if was.State != engine.PageOpen || p.State != engine.PageOpen {
		return
	}
	due := was.Attempts[len(was.Attempts)-1].State == engine.Failed || !was.NextAt.IsZero() && !was.NextAt.Add(by).After(c.now)
	for _, a := range was.Attempts {
		due = due || !a.ReceiptBy.IsZero() && !a.ReceiptBy.Add(by).After(c.now)
	}
	switch {
	case due:
	case len(p.Attempts) > len(was.Attempts):
		s.fail("after a stop", "of %s: the next contact of page %d is tried for the time of it", by, p.No)
	case !was.NextAt.IsZero() && !p.NextAt.Equal(was.NextAt.Add(by)):
		s.fail("after a stop", "of %s: the next contact of page %d is due at %s", by, p.No, s.when(p.NextAt))
	}
}
