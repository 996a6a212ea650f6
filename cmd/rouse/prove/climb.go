package prove

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// rung is one beginning of a level, as it should be.
type rung struct {
	level, round int
	due          time.Time
	roundAt      time.Time // when its round began
}

// climb goes up the ladder of the manager's escalation as the policy says, and checks that every level
// that fell due before an answer was paged: in time, not before its time, and to the right people.
func (c *comparison) climb(inc *incident) {
	ladder, known := c.world.ladders[inc.service]
	if !known {
		return
	}
	end := c.until
	if at, ok := inc.silent(1); ok {
		end = at
	}
	next := rung{round: 1, due: inc.openedAt, roundAt: inc.openedAt}
	for {
		began, ok := inc.begins(next)
		if !ok {
			if c.missed(next.due, end) {
				c.found(&c.result.Lost, inc.key, "every level that falls due before an answer is paged", "level %d, round %d, was due at %s and never began; observed until %s",
					next.level+1, next.round, next.due.Format(clock), end.Format(clock))
			}
			return
		}
		if began.at.After(end) {
			return // whoever had answered has handed it back: the ladder begins again, at once
		}
		if began.at.Before(next.due.Add(-early)) {
			c.found(&c.result.Early, inc.key, "no level begins before its time", "level %d, round %d, was due at %s and began at %s",
				next.level+1, next.round, next.due.Format(clock), began.at.Format(clock))
		}
		c.level(inc, next, began, ladder.Levels[next.level])
		next = inc.after(next, began.at, ladder)
	}
}

// begins finds when a level began in a round.
func (i *incident) begins(r rung) (line, bool) {
	for _, l := range i.lines {
		if l.escalation == 1 && l.reason == engine.ReasonLevelBegins && l.level == r.level && l.round == r.round {
			return l, true
		}
	}
	return line{}, false
}

// after is the level that follows one that began at an instant: when its time is up, or as soon as
// somebody on it has declined, or nobody on it can be reached.
func (i *incident) after(r rung, began time.Time, ladder engine.Ladder) rung {
	over := began.Add(ladder.Levels[r.level].Wait)
	for _, l := range i.lines {
		if l.escalation != 1 || l.at.Before(began) || !l.at.Before(over) {
			continue
		}
		declined := l.reason == engine.ReasonDeclined && l.person != "" && i.paged(r, l.person)
		if declined || l.reason == engine.ReasonLevelFailed && l.level == r.level {
			over = l.at
		}
	}
	if r.level == 0 {
		r.roundAt = began
	}
	next := rung{level: r.level + 1, round: r.round, due: over, roundAt: r.roundAt}
	if next.level == len(ladder.Levels) {
		next.level, next.round = 0, r.round+1
		if rested := r.roundAt.Add(engine.LadderRest); rested.After(next.due) {
			next.due = rested
		}
	}
	return next
}

func (i *incident) paged(r rung, who rosters.PersonID) bool {
	return slices.ContainsFunc(i.pages, func(p page) bool {
		return p.escalation == 1 && p.level == r.level && p.round == r.round && p.person == who
	})
}

// level checks whom a level paged: everybody who was on call when it began, and nobody else.
func (c *comparison) level(inc *incident, r rung, began line, level engine.Level) {
	right := c.world.onCall(level.Targets, began.at)
	for _, who := range right {
		if !inc.paged(r, who) && !inc.declinedBefore(who, r.roundAt, began.at) {
			c.found(&c.result.Lost, inc.key, "everybody on call for a level is paged by it", "level %d, round %d, began at %s without %s",
				r.level+1, r.round, began.at.Format(clock), who)
		}
	}
	for i := range inc.pages {
		p := &inc.pages[i]
		if p.escalation != 1 || p.level != r.level || p.round != r.round {
			continue
		}
		if !slices.Contains(right, p.person) {
			c.found(&c.result.WrongPerson, inc.key, "nobody is paged who is not on call", "level %d, round %d, paged %s at %s; on call were %v",
				r.level+1, r.round, p.person, began.at.Format(clock), right)
		}
		if len(p.attempts) == 0 {
			c.found(&c.result.Lost, inc.key, "every page has a message", "page %d to %s has none", p.no, p.person)
			continue
		}
		c.begun(r.due, inc, p, &p.attempts[0])
	}
}

// declinedBefore reports whether somebody had declined in the round that was under way.
func (i *incident) declinedBefore(who rosters.PersonID, from, to time.Time) bool {
	return slices.ContainsFunc(i.lines, func(l line) bool {
		return l.reason == engine.ReasonDeclined && l.person == who && !l.at.Before(from) && !l.at.After(to)
	})
}
