package simulator

import (
	"slices"
	"time"

	"rouse/engine"
)

// checkBegins: what begins pages at once, but for a maintenance, which counts instead of a delay, and but for
// a delay.
func (s *sim) checkBegins(c *step, was, e *engine.Escalation) {
	severity := c.after.Severity
	switch ev := c.event.(type) {
	case engine.Alerted:
		if was != nil {
			return
		}
	case engine.Returned:
		if was == nil || was.State != engine.Stopped || e.Urgent {
			return
		}
		severity = ev.Severity
		s.tally.Returns++
	default:
		return
	}
	want, until := engine.Reason(""), time.Time{}
	if known := c.row.service.known; known != nil {
		if delay := known.Noise.Delay[severity]; delay > 0 {
			want, until = engine.ReasonDelayed, c.now.Add(delay)
		}
		if held := c.maintenance; held.Until.After(c.now) {
			want, until = engine.ReasonMaintenance, held.Until
		}
	}
	waits := e.State == engine.Waiting && e.WaitFor != engine.ReasonOutsideHours
	switch {
	case want == "" && waits, want != "" && !(waits && e.WaitFor == want && e.WaitUntil.Equal(until)):
		s.fail("held back", "escalation %d begins, is %s for %q until %s, and should wait for %q until %s", e.No, e.State, e.WaitFor, s.when(e.WaitUntil), want, s.when(until))
	case want == engine.ReasonDelayed:
		s.tally.Delayed++
	case want == engine.ReasonMaintenance:
		s.tally.HeldBack++
	}
}

// checkHeldBack: who waits for the end of a delay or of a maintenance waits just so long.
func (s *sim) checkHeldBack(c *step, was, e *engine.Escalation) {
	if e.State == engine.Waiting && e.WaitFor == engine.ReasonMaintenance && !e.WaitUntil.Equal(c.maintenance.Until) {
		s.fail("held back", "escalation %d waits until %s, and the maintenance lasts until %s", e.No, s.when(e.WaitUntil), s.when(c.maintenance.Until))
	}
	if was == nil || was.State != engine.Waiting || e.State != engine.Climbing || c.isUrgent(e) {
		return
	}
	switch {
	case c.maintenance.Until.After(c.now):
		s.fail("held back", "escalation %d pages, and the maintenance lasts until %s", e.No, s.when(c.maintenance.Until))
	case was.WaitFor == engine.ReasonDelayed && c.now.Before(was.WaitUntil) && c.after.Severity >= c.before.Severity:
		s.fail("held back", "escalation %d pages, and its delay lasts until %s", e.No, s.when(was.WaitUntil))
	}
}

// freed reports whether an escalation waited for a maintenance that is over: whatever happens, it pages.
func (c *step) freed() bool {
	return !c.maintenance.Until.After(c.now) && slices.ContainsFunc(c.before.Escalations, func(e engine.Escalation) bool {
		return e.State == engine.Waiting && e.WaitFor == engine.ReasonMaintenance
	})
}

// checkBack: what comes back soon after it was resolved is the same incident.
func (s *sim) checkBack(c *step) {
	svc := c.row.service.known
	if !c.opens || svc == nil || svc.Noise.Return.Within == 0 {
		return
	}
	since := c.after.OpenedAt.Add(-svc.Noise.Return.Within)
	for _, r := range s.rows {
		if r != c.row && r.isBack(c.after.DedupKey, since) && !r.inc.EndedAt.After(c.after.OpenedAt) {
			s.fail("comes back", "%s is opened, and %s was resolved at %s", c.after.Key, r.inc.Key, s.when(r.inc.EndedAt))
		}
	}
}

// checkFreed: at the end nobody waits for a maintenance that is over, or was taken away.
func (s *sim) checkFreed(r *incidentRow) {
	if r.waitsFor(engine.ReasonMaintenance) && !r.service.held.Until.After(s.clock()) {
		s.fail("held back", "%s waits for a maintenance that is over", r.inc.Key)
	}
}
