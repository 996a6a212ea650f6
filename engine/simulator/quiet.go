package simulator

import (
	"slices"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// editAgain is after how long a change of a maintenance that waits for a lock is tried again.
const editAgain = 20 * time.Millisecond

// newQuiet draws, for two nights of five, how services keep quiet and what senders ask for. It has dice of its
// own: the other nights are what they would be without.
func (s *sim) newQuiet() {
	d := newDice(^s.seed)
	if !d.chance(0.4) {
		return
	}
	for i := range s.world.services {
		svc := &s.world.services[i]
		if svc.known == nil {
			continue
		}
		svc.known.Noise = newNoise(d)
		for range d.below(4) {
			until := pick(d, 0, 20*time.Second, 2*time.Minute, time.Hour)
			s.at(d.between(0, s.heals), func() { s.maintain(svc, until) })
		}
	}
	s.comeAndGo(d)
	for range d.below(3) {
		s.at(d.between(10*time.Second, s.heals), func() { s.ask(d) })
	}
}

func newNoise(d *dice) (n engine.Noise) {
	if d.chance(0.5) {
		n.Delay = map[engine.Severity]time.Duration{engine.Critical: pick(d, 0, 10*time.Second), engine.Major: pick(d, 10*time.Second, time.Minute)}
	}
	if d.chance(0.6) {
		n.Return = engine.Return{Within: pick(d, 20*time.Second, 2*time.Minute), Once: d.chance(0.5)}
	}
	if d.chance(0.1) {
		n.AutoClose = pick(d, time.Minute, 3*time.Minute)
	}
	return n
}

// comeAndGo draws, for troubles that may come back, that they are over and do.
func (s *sim) comeAndGo(d *dice) {
	for _, a := range append([]*alert(nil), s.alerts...) {
		svc := s.world.services[a.service].known
		if svc == nil || svc.Noise.Return.Within == 0 || d.chance(0.5) {
			continue
		}
		at := d.between(5*time.Second, s.heals)
		for range 1 + d.below(3) {
			s.report(at, &alert{service: a.service, dedup: a.dedup, severity: a.severity, action: engine.Resolve})
			at += d.between(0, 2*svc.Noise.Return.Within)
			s.report(at, &alert{service: a.service, dedup: a.dedup, severity: pick(d, a.severity, a.severity, engine.Critical), action: engine.Trigger})
			at += d.between(0, time.Minute)
		}
	}
}

// ask is what a sender may ask for beside.
func (s *sim) ask(d *dice) {
	r := s.someOpenBy(d)
	if r == nil {
		return
	}
	who := pick(d, s.world.people...)
	a := &answer{row: r}
	switch d.below(3) {
	case 0:
		a.event = engine.Escalated{By: string(who)}
	case 1:
		a.event = engine.Released{By: string(who)}
	default:
		a.event = engine.Snoozed{Person: who, Until: s.clock().Add(pick(d, 10*time.Second, 5*time.Minute)), Via: "rest"}
	}
	s.say(a, 0)
}

// maintain is a maintenance that begins, is changed, or is taken away: enginedb.CreateMaintenance,
// UpdateMaintenance and DeleteMaintenance. Who waits is due now, and waits for it no longer than it lasts.
func (s *sim) maintain(svc *service, until time.Duration) {
	again := func(d time.Duration) { s.after(s.patiently(d), func() { s.maintain(svc, until) }) }
	if s.databaseIsAway() {
		again(time.Second)
		return
	}
	var waiting []*incidentRow
	for _, r := range s.rows {
		waits := r.service == svc && r.waits() && !s.broken.asksNobodyAnew
		if c := r.holder; c != nil && (waits || c.begins) { // enginedb.askAnew and HoldRouting: it waits
			again(editAgain)
			return
		}
		if waits {
			waiting = append(waiting, r)
		}
	}
	svc.held = engine.Held{}
	if until > 0 {
		svc.edition++
		svc.held = engine.Held{Maintenance: svc.edition, Until: s.clock().Add(until)}
	}
	s.tell(nil, "the maintenance lasts until %s", s.when(svc.held.Until))
	for _, r := range waiting {
		if now := s.clock(); now.Before(r.deadline) {
			r.deadline, r.moved = now, true
		}
	}
}

// waits reports whether it is committed that an escalation does, whatever for: it may be about to wait for a
// maintenance that somebody changes meanwhile.
func (r *incidentRow) waits() bool {
	return r.committed && slices.ContainsFunc(r.inc.Escalations, func(e engine.Escalation) bool { return e.State == engine.Waiting })
}

// waitsFor reports whether it is committed that an escalation does.
func (r *incidentRow) waitsFor(why engine.Reason) bool {
	for i := range r.inc.Escalations {
		if e := &r.inc.Escalations[i]; r.committed && e.State == engine.Waiting && e.WaitFor == why {
			return true
		}
	}
	return false
}

// heldAt is the maintenance of a service at a moment: engine.Routing.Held.
func (svc *service) heldAt(now time.Time) engine.Held {
	if svc.held.Until.After(now) {
		return svc.held
	}
	return engine.Held{}
}

// opening is pager.opening.
func (s *sim) opening(a *alert, now time.Time) engine.Opening {
	svc := &s.world.services[a.service]
	o := engine.Opening{Service: svc.known, Policy: svc.policy, CatchAll: s.world.end, Held: svc.heldAt(now)}
	o.Alert = engine.Alert{Severity: a.severity, Summary: "disk full", DedupKey: a.dedup}
	if svc.known != nil {
		o.Alert.Service = svc.known.ID
	}
	return o
}

// kin is enginedb.Kin: the incident of the same trouble that was resolved not long ago.
func (s *sim) kin(a *alert) (back *incidentRow) {
	svc := s.world.services[a.service].known
	if svc == nil || a.action != engine.Trigger || s.broken.bringsNothingBack {
		return nil
	}
	since := s.clock().Add(-svc.Noise.Return.Within)
	for _, r := range s.rows {
		if svc.Noise.Return.Within > 0 && r.isBack(a.dedup, since) && (back == nil || r.inc.EndedAt.After(back.inc.EndedAt)) {
			back = r
		}
	}
	return back
}

// comesBack reports whether a transaction that has not committed opens it again.
func (r *incidentRow) comesBack() bool {
	if r.holder == nil {
		return false
	}
	_, back := r.holder.event.(engine.Returned)
	return back
}

func (r *incidentRow) isBack(dedup string, since time.Time) bool {
	return r.committed && r.inc.DedupKey == dedup && r.inc.Status == engine.Resolved && r.inc.EndedAt.After(since)
}

// someOpenBy picks an incident that is not over by other dice, nil if there is none.
func (s *sim) someOpenBy(d *dice) *incidentRow {
	main := s.dice
	s.dice = d
	defer func() { s.dice = main }()
	return s.someOpen()
}

// isUrgent reports whether somebody wants the escalation to move on, whatever the hour.
func (c *step) isUrgent(e *engine.Escalation) bool {
	_, ok := c.event.(engine.Escalated)
	return ok && e.No == 1
}

// taker is who may hold an escalation by the event, "" if nobody.
func taker(ev engine.Event) rosters.PersonID {
	switch ev := ev.(type) {
	case engine.Answer:
		if !ev.Decline {
			return ev.Person
		}
	case engine.Snoozed:
		return ev.Person
	}
	return ""
}
