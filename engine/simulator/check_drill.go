package simulator

import (
	"slices"

	"rouse/engine"
)

// checkDrill: a drill pages its person and nobody else, has one escalation, and nobody manages it; nobody has two
// at once.
func (s *sim) checkDrill(c *change) {
	s.lookForDrills()
	d := c.row.drill
	if d == nil {
		return
	}
	if c.after.Manager != "" || len(c.after.Escalations) > 1 {
		s.fail("drills apart", "%s has %d escalations, and its manager is %q", c.row.inc.Key, len(c.after.Escalations), c.after.Manager)
	}
	for i := range c.row.pages {
		if p := &c.row.pages[i]; p.Person != d.person {
			s.fail("drills apart", "%s is of %s, and pages %s", c.row.inc.Key, d.person, p.Person)
		}
	}
	for _, ev := range c.steps {
		if a, ok := ev.event.(engine.Answer); ok && a.Person == d.person && ev.after.Status == engine.Resolved && ev.before.Status != engine.Resolved {
			s.tally.DrillsAnswered++
		}
	}
	if !c.opens {
		return
	}
	s.tally.Drills++
	for _, r := range s.rows {
		if r != c.row && r.isUnderWay() && r.drill.person == d.person && c.row.isUnderWay() {
			s.fail("one drill", "%s and %s are both of %s, and under way", r.inc.Key, c.row.inc.Key, d.person)
		}
	}
}

// lookForDrills notes since when drills are in the way of a page.
func (s *sim) lookForDrills() {
	for _, r := range s.rows {
		switch {
		case !r.isDrill():
		case !r.isUnderWay() || !s.isPaged(r.drill.person):
			r.drill.inTheWay = 0
		case r.drill.inTheWay == 0:
			r.drill.inTheWay = s.now
			s.tally.DrillsInTheWay++
		}
	}
}

// checkDrillsEnd: a drill is over in time, and soon after its person is paged, while some node is fit.
func (s *sim) checkDrillsEnd() {
	if !slices.ContainsFunc(s.rows, (*incidentRow).isUnderWay) {
		return
	}
	since, fit := s.fit()
	for _, r := range s.rows {
		switch {
		case !fit || !r.isUnderWay():
		case r.drill.inTheWay > 0 && max(since, r.drill.inTheWay) < s.now-inTime:
			s.fail("drills end", "%s goes on, and %s is paged since %s", r.inc.Key, r.drill.person, r.drill.inTheWay)
		case max(since, s.jumped, r.drill.until.Sub(s.world.base)-s.skew) < s.now-inTime:
			s.fail("drills end", "%s was to be over at %s", r.inc.Key, s.when(r.drill.until))
		}
	}
}

// checkRoom: what drills sent takes the room of no page.
func (s *sim) checkRoom(r *incidentRow, a *attemptRow, calm, alone bool) {
	if alone && !calm {
		s.fail("drills give way", "attempt %d of %s, %s, waits, and without drills it would not", a.No, r.inc.Key, a.Reason)
	}
}

// checkOrder: of what waits for an address a drill goes last.
func (s *sim) checkOrder(chosen left, wanted []left) {
	for _, l := range wanted {
		if chosen.row.isDrill() && !l.row.isDrill() {
			s.fail("drills give way", "attempt %d of %s goes out before attempt %d of %s", chosen.ref.attempt, chosen.row.inc.Key, l.ref.attempt, l.row.inc.Key)
		}
	}
}

// checkAlone: no message tells of a drill and of anything else.
func (s *sim) checkAlone(x *sending) {
	for i := range x.tells {
		if len(x.tells) > 1 && x.tells[i].row.isDrill() {
			s.fail("drills apart", "one message is to tell attempts %s", x)
		}
	}
}

// checkMeant: an answer to a drill is none to an incident, and the other way round.
func (s *sim) checkMeant(a *answer, parts []*part) {
	if a.to == nil {
		return
	}
	for _, p := range parts {
		if about := a.to.by.lead().row; p.row.isDrill() != about.isDrill() {
			s.fail("drills apart", "%s is an answer to a message about %s, and is taken for one about %s", describe(p.event), about.inc.Key, p.row.inc.Key)
		}
	}
}
