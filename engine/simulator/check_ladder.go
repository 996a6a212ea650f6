package simulator

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// checkClimb: a ladder skips no level but one on which nobody could be paged at that moment, and begins
// again only after its end.
func (s *sim) checkClimb(c *step, was, e *engine.Escalation) {
	if e.State != engine.Climbing && e.State != engine.Waiting {
		return
	}
	from, end := 0, e.Level
	if e.Level < 0 { // between two rounds
		end = len(e.Ladder.Levels)
	}
	switch {
	case was == nil:
	case was.State == engine.Stopped: // it came back
		if _, back := c.event.(engine.Returned); !back || e.Round != was.Round+1 {
			s.fail("level by level", "escalation %d was stopped, and is %s in round %d after %d", e.No, e.State, e.Round, was.Round)
		}
	case was.State == engine.Acknowledged, was.State == engine.Asking: // it resumes from its first level
		if e.Round != was.Round+1 {
			s.fail("level by level", "escalation %d resumes in round %d after %d", e.No, e.Round, was.Round)
		}
	case e.Round == was.Round && was.Level < 0 && e.Level < 0:
		return
	case e.Round == was.Round:
		if from = was.Level + 1; c.after.Severity < c.before.Severity || c.anew(was) || was.State == engine.Waiting { // the level may have begun anew
			from = max(was.Level, 0)
		}
		if e.Level >= 0 && e.Level < was.Level {
			s.fail("level by level", "escalation %d went from level %d to %d", e.No, was.Level+1, e.Level+1)
		}
	case e.Round == was.Round+1:
		if was.Level >= 0 {
			next := was.Level + 1
			if c.anew(was) {
				next = was.Level
			}
			s.passedOver(c, was, e, next, len(e.Ladder.Levels))
		}
		if rests := was.State == engine.Climbing && was.Level < 0; c.now.Before(was.RoundAt.Add(engine.LadderRest)) && !(rests && c.isUrgent(e)) {
			s.fail("level by level", "escalation %d begins again %s after it began", e.No, c.now.Sub(was.RoundAt))
		}
	default:
		s.fail("level by level", "escalation %d went from round %d to %d", e.No, was.Round, e.Round)
	}
	s.passedOver(c, was, e, from, end)
}

// passedOver: nobody on these levels could be paged.
func (s *sim) passedOver(c *step, was, e *engine.Escalation, from, end int) {
	for l := from; l < end; l++ {
		declined := slices.Clone(e.Declined)
		if was != nil {
			declined = append(declined, was.Declined...)
		}
		if a, ok := c.event.(engine.Answer); ok && a.Decline {
			declined = append(declined, a.Person)
		}
		if left := s.pageable(e, l, declined, c.now); len(left) > 0 {
			s.fail("level by level", "level %d of escalation %d is passed over, and %v can be paged", l+1, e.No, left)
		}
		c.row.book.visit(e, l, s.now)
	}
}

// pageable lists, in order, who is to be paged on a level at a moment.
func (s *sim) pageable(e *engine.Escalation, level int, declined []rosters.PersonID, at time.Time) []rosters.PersonID {
	can := func(people, to []rosters.PersonID) []rosters.PersonID {
		for _, p := range people {
			if !slices.Contains(declined, p) && !slices.Contains(to, p) && len(s.world.plan(p, at)) > 0 {
				to = append(to, p)
			}
		}
		return to
	}
	var people []rosters.PersonID
	lv := e.Ladder.Levels[level]
	for _, t := range lv.Targets {
		people = can(s.world.onCall(t, at), people)
	}
	if len(people) == 0 && lv.CatchAll {
		return can(e.Ladder.LastResort, nil)
	}
	return people
}

// checkPaged: who is paged was on call at that moment, could be reached and had not declined, and nobody
// who was is left out. Severity 3 pages within working hours only.
func (s *sim) checkPaged(c *step, was, e *engine.Escalation) {
	var got []rosters.PersonID
	for i := range e.Pages {
		p := &e.Pages[i]
		switch {
		case p.No <= c.before.PageN:
		case !p.Ask:
			got = append(got, p.Person)
		case e.State != engine.Asking || p.Person != e.Holder:
			s.fail("right people", "%s is asked, and does not hold escalation %d", p.Person, e.No)
		}
	}
	begins := e.State == engine.Climbing && e.Level >= 0 &&
		(was == nil || was.State != engine.Climbing || was.Level != e.Level || was.Round != e.Round || len(got) > 0 || c.anew(was))
	if !begins {
		if len(got) > 0 {
			s.fail("right people", "%v are paged, and escalation %d is %s", got, e.No, e.State)
		}
		return
	}
	if want := s.pageable(e, e.Level, e.Declined, c.now); !slices.Equal(got, want) {
		s.fail("right people", "level %d of escalation %d pages %v, and should page %v", e.Level+1, e.No, got, want)
	}
	if c.after.Severity == engine.Minor && !e.Urgent && !c.isUrgent(e) && !working(c.now) {
		s.fail("working hours", "%v are paged outside them", got)
	}
	c.row.book.visit(e, e.Level, s.now)
}

// working reports whether it is Monday to Friday from nine to five: no service has other hours.
func working(at time.Time) bool {
	return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday && at.Hour() >= 9 && at.Hour() < 17
}

// checkDeclined: who declines the level that is being paged moves the ladder on; a drill has none, and ends.
func (s *sim) checkDeclined(c *step, was, e *engine.Escalation) {
	a, ok := c.event.(engine.Answer)
	if c.row.isDrill() || !ok || !a.Decline || was == nil || was.State != engine.Climbing || !slices.Contains(c.before.Judge(a).Escalations, e.No) {
		return
	}
	moved := e.State == engine.Waiting || e.Round > was.Round || e.Level > was.Level || e.Level < 0
	for _, p := range was.Pages {
		if p.Person == a.Person && p.State == engine.PageOpen && p.Level == was.Level && p.Round == was.Round && !moved {
			s.fail("level by level", "%s declines, and escalation %d stays on level %d", a.Person, e.No, e.Level+1)
		}
	}
}
