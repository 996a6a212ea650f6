package simulator

import (
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// drillLook is how often nodes look for drills that are in the way of a page, as in pager.
const drillLook = time.Second

// drill is a row of table drill: its incident is one of its own kind (rule 19).
type drill struct {
	person   rosters.PersonID
	until    time.Time
	inTheWay time.Duration // since when its person is paged for an incident; 0: is not
}

// newDrills draws, for three nights of ten, who is drilled when, now and then by two at once, and what trouble comes
// of all moments then. It has dice of its own: the other nights are what they would be without.
func (s *sim) newDrills() {
	d := newDice(s.seed ^ 0x6472696c6c)
	if !d.chance(0.3) {
		return
	}
	for range 1 + d.below(3) {
		who, at := pick(d, s.world.people...), d.between(0, s.heals)
		for range pick(d, 1, 1, 2) {
			s.at(at, func() { s.askForDrill(who) })
		}
		for i := range pick(d, 0, 0, 1, 5) { // which then come at once
			s.report(at+d.between(0, 2*time.Second), &alert{service: d.below(len(s.world.services)), dedup: fmt.Sprintf("trouble of %s, %d", at, i),
				severity: pick(d, engine.Critical, engine.Major, engine.Minor), action: engine.Trigger})
		}
	}
	s.after(drillLook, s.keepDrills)
}

// askForDrill is somebody who wants a drill, and does not ask again.
func (s *sim) askForDrill(who rosters.PersonID) {
	n := s.nodes[s.dice.below(len(s.nodes))]
	if !n.works() {
		return
	}
	n.after(s.latency(), answerRead, func() {
		n.awake(answerAnswered, func(ok bool) {
			if ok && !s.databaseIsAway() {
				n.drill(who)
			}
		})
	})
}

// drill is pager.startDrill: nobody is drilled twice at once, or while they are paged.
func (n *node) drill(who rosters.PersonID) {
	s := n.s
	if s.isDrilled(who) || s.isPaged(who) {
		return
	}
	now := s.clock()
	inc, first := engine.NewDrill(who, s.world.plan(who, now), "TEST", now)
	until := now.Add(inc.AutoClose)
	if s.broken.drillsForEver {
		inc.AutoClose, first.Ladder.Levels[0].Wait = 0, time.Hour
	}
	inc.ID, inc.Key = int64(len(s.rows)+1), engine.Key(fmt.Sprintf("TEST-%d", len(s.rows)+1))
	r := &incidentRow{inc: inc, no: len(s.rows), service: &service{}, drill: &drill{person: who, until: until}}
	s.rows = append(s.rows, r)
	s.grant(&change{node: n, life: n.life, before: inc, opens: true, happening: happening{row: r, event: first, then: func(outcome) {},
		deciding: answerDecided, committing: answerCommitted, ending: answerAnswered}})
}

// isDrilled is enginedb.OpenDrill, and the unique index that keeps two from beginning at once.
func (s *sim) isDrilled(who rosters.PersonID) bool {
	return slices.ContainsFunc(s.rows, func(r *incidentRow) bool {
		hidden := r.gone || !r.committed && s.broken.drillsAtOnce
		return r.isDrill() && r.drill.person == who && r.inc.Status != engine.Resolved && !hidden
	})
}

// isPaged is enginedb.PagedFor: whether somebody is to answer a page of an incident that is no drill.
func (s *sim) isPaged(who rosters.PersonID) bool {
	for _, r := range s.rows {
		if !r.isDrill() && r.committed && r.inc.Status != engine.Resolved && r.isOpenFor(who) {
			return true
		}
	}
	return false
}

func (r *incidentRow) isOpenFor(who rosters.PersonID) bool {
	return slices.ContainsFunc(r.pages, func(p pageRow) bool { return p.Person == who && p.State == engine.PageOpen })
}

func (r *incidentRow) isDrill() bool { return r.drill != nil }

// isUnderWay reports whether it is a drill that is committed and not over.
func (r *incidentRow) isUnderWay() bool {
	return r.isDrill() && r.committed && r.inc.Status != engine.Resolved
}

// keepDrills is pager.interruptDrills, on every node.
func (s *sim) keepDrills() {
	s.after(drillLook, s.keepDrills)
	for _, r := range s.rows {
		if !r.isUnderWay() || !s.isPaged(r.drill.person) || s.broken.drillsGoOn {
			continue
		}
		for _, n := range s.nodes {
			if n.works() && !s.databaseIsAway() {
				n.after(s.latency(), answerRead, func() { n.interrupt(r) })
			}
		}
	}
}

// interrupt is pager.Resolve.
func (n *node) interrupt(r *incidentRow) {
	n.s.handle(n, happening{row: r, event: engine.Ended{Why: "an incident came, and goes first"}, then: func(outcome) {},
		deciding: answerDecided, committing: answerCommitted, ending: answerAnswered,
		first: func(c *change) outcome {
			if c.after.Status == engine.Resolved {
				return refused
			}
			return goOn
		}})
}

// atOnce is pager.calm: a drill takes the room of no page; only its call, which keeps the phone busy, is counted.
func (n *node) atOnce(r *incidentRow, a *attemptRow) bool {
	s := n.s
	uncounted := a.Channel != rosters.Voice && !s.broken.drillsTakeRoom
	if r.isDrill() && uncounted {
		return true
	}
	calm := n.storm.calm(a, s.now)
	if !r.isDrill() && a.Channel != rosters.Voice {
		s.checkRoom(r, a, calm, n.storm.calmAlone(a, s.now))
	}
	return calm
}
