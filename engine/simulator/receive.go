package simulator

import (
	"time"

	"rouse/engine"
)

// alert is what a sender reports until somebody tells it that it was accepted.
type alert struct {
	id       int
	service  int
	dedup    string
	severity engine.Severity
	action   engine.Action
	accepted bool
}

// kept is a row of table alert, with the incident that the alert went to, if any.
type kept struct {
	stored bool
	row    *incidentRow
}

// post is the sender's request. Without an answer in ten seconds it is made again, and with a 503 sooner.
func (s *sim) post(a *alert) {
	if a.accepted {
		return
	}
	n := s.nodes[s.dice.below(len(s.nodes))]
	if !n.works() {
		s.after(s.patiently(s.dice.between(200*time.Millisecond, 2*time.Second)), func() { s.post(a) })
		return
	}
	answered := false
	s.after(10*time.Second, func() {
		if !answered {
			s.post(a)
		}
	})
	n.after(s.latency(), alertRead, func() {
		s.tell(n, "reads alert %d: %s of %s, severity %d", a.id, a.action, a.dedup, a.severity)
		n.receive(a, 1, func(o outcome) {
			answered = true
			if o == failed {
				s.after(s.patiently(s.dice.between(200*time.Millisecond, 2*time.Second)), func() { s.post(a) })
				return
			}
			s.tell(n, "tells the sender that alert %d is accepted", a.id)
			a.accepted = true
			s.checkAccepted(a)
		})
	})
}

// receive is pager.Receive: it opens an incident, joins one, or ends one.
func (n *node) receive(a *alert, try int, reply func(outcome)) {
	s := n.s
	if s.databaseIsAway() {
		n.after(connectionLost, alertAnswered, func() { reply(failed) })
		return
	}
	if s.broken.answersBeforeCommit {
		reply(committed)
		reply = func(outcome) {}
	}
	then := func(o outcome) {
		if o == met && try < 5 {
			n.receive(a, try+1, reply)
			return
		}
		reply(o)
	}
	n.awake(alertAnswered, func(ok bool) {
		if !ok {
			then(failed)
			return
		}
		n.take(a, then, reply)
	})
}

func (n *node) take(a *alert, then, reply func(outcome)) {
	s := n.s
	r := s.openIncident(a)
	back := false
	if r == nil {
		r = s.kin(a)
		back = r != nil
	}
	switch {
	case r != nil:
		n.join(r, a, back, then)
	case a.action != engine.Trigger: // kept, and nothing else
		s.kept[a.id] = kept{stored: true}
		n.after(s.latency(), alertAnswered, func() { reply(committed) })
	default:
		n.open(a, then)
	}
}

// openIncident is enginedb.OpenIncident, and the unique index that keeps two from opening the same one: an
// incident that somebody is about to open, or to open again, is found, too, and waited for.
func (s *sim) openIncident(a *alert) *incidentRow {
	for _, r := range s.rows {
		hidden := r.gone || !r.committed && s.broken.noUniqueIndex
		if !hidden && r.inc.DedupKey == a.dedup && (r.inc.Status != engine.Resolved || r.comesBack() && !s.broken.noUniqueIndex) {
			return r
		}
	}
	return nil
}

// open is pager.open.
func (n *node) open(a *alert, then func(outcome)) {
	s := n.s
	now := s.clock()
	o := s.opening(a, now)
	inc := o.Incident(o.Alert.Service, now)
	inc.ID, inc.Key = int64(len(s.rows)+1), keyOf(len(s.rows)+1)
	r := &incidentRow{inc: inc, no: len(s.rows), service: &s.world.services[a.service]}
	s.rows = append(s.rows, r)
	first := func(c *change) outcome {
		o := s.opening(a, c.now)
		ev := o.Event()
		if s.broken.delaysNothing {
			ev.Start.Delay = 0
		}
		c.event = ev
		return goOn
	}
	s.grant(&change{node: n, life: n.life, before: inc, opens: true, begins: true, alert: a.id, happening: happening{row: r, first: first,
		then: then, deciding: alertDecided, committing: alertCommitted, ending: alertAnswered}})
}

// join is pager.join, and pager.comeBack of what was resolved not long ago.
func (n *node) join(r *incidentRow, a *alert, back bool, then func(outcome)) {
	s := n.s
	ev := engine.Event(engine.Alerted{Severity: a.severity})
	if a.action == engine.Resolve {
		ev = engine.Ended{By: "the source", Source: true}
	}
	s.handle(n, happening{row: r, event: ev, then: then, deciding: alertDecided, committing: alertCommitted, ending: alertAnswered,
		first: func(c *change) outcome {
			resolved := c.after.Status == engine.Resolved
			if !r.committed || resolved && (!back || s.openIncident(a) != nil) { // rolled back, resolved or opened anew while we waited for the lock
				return met
			}
			if resolved {
				o := s.opening(a, c.now)
				c.begins = true
				c.event = engine.Returned{Severity: a.severity, Calm: o.Calm(), Delay: o.Start().Delay}
			}
			c.alert = a.id
			return goOn
		}})
}

func keyOf(n int) engine.Key {
	return [...]engine.Key{"HOT-0", "HOT-1", "HOT-2", "HOT-3", "HOT-4", "HOT-5", "HOT-6", "HOT-7", "HOT-8", "HOT-9"}[min(n, 9)]
}
