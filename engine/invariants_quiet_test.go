package engine

import (
	"slices"
	"time"
)

// What holds of what keeps quiet: delays, maintenance, what comes back, flaps or closes by itself, and what
// senders ask for.

// quietly asks for all of it.
func (x *edge) quietly() {
	x.alerts()
	x.returned()
	x.ended()
	x.calmed()
	x.senders()
	for i := range x.after.Escalations {
		e := &x.after.Escalations[i]
		was := x.before.Escalation(e.No)
		x.starting(was, e)
		x.waited(was, e)
	}
}

// reopened reports whether the step opened a resolved incident again.
func (x *edge) reopened() bool {
	_, back := x.ev.(Returned)
	return back && x.before.Status == Resolved
}

// takenAway reports whether the event takes an escalation from its holder by itself.
func (x *edge) takenAway(e *Escalation) bool {
	switch x.ev.(type) {
	case Released, Escalated:
		return e.No == 1
	}
	return x.reopened()
}

// escalates reports whether somebody wants the escalation to move on, whatever the hour.
func (x *edge) escalates(e *Escalation) bool {
	_, ok := x.ev.(Escalated)
	return ok && e.No == 1
}

// snoozes reports whether the person could take the manager's escalation.
func (x *edge) snoozes(s Snoozed) bool {
	switch x.before.Judge(Answer{Person: s.Person, Escalation: 1}).Outcome {
	case OutcomeManager, OutcomeStillOn, OutcomeAcknowledged:
		return true
	}
	return false
}

// start is what keeps an escalation from beginning, if the event begins it.
func (x *edge) start(was *Escalation) (Start, bool) {
	switch ev := x.ev.(type) {
	case Alerted:
		return ev.Start, was == nil
	case Returned:
		start := Start{Delay: ev.Delay}
		if x.asked.held != nil {
			start.Held = *x.asked.held
		}
		return start, was != nil && !was.Urgent && x.reopened()
	}
	return Start{}, false
}

// held reports whether a maintenance holds back now, and whether that was asked for at all.
func (x *edge) held() (held, asked bool) {
	if x.asked.held == nil {
		return false, false
	}
	return x.asked.held.Until.After(x.now), true
}

// freed reports whether an escalation waited for a maintenance that turned out to be over.
func (x *edge) freed() bool {
	held, asked := x.held()
	return asked && !held && slices.ContainsFunc(x.before.Escalations, func(e Escalation) bool { return e.State == Waiting && e.WaitFor == ReasonMaintenance })
}

// due reports whether a moment that is set has come.
func (x *edge) due(t time.Time) bool { return !t.IsZero() && !x.now.Before(t) }

// starting: rule 9. What begins pages at once, but for a maintenance, which counts instead of a delay, and
// but for a delay.
func (x *edge) starting(was, e *Escalation) {
	start, begins := x.start(was)
	if !begins || x.after.Status == Resolved {
		return
	}
	want, until := Reason(""), time.Time{}
	held, _ := x.held()
	switch {
	case start.Held.Until.After(x.now) && (held || x.env.Held == nil):
		want, until = ReasonMaintenance, start.Held.Until
		if x.asked.held != nil {
			until = x.asked.held.Until
		}
	case start.Held.Until.After(x.now): // it is over by now
	case start.Delay > 0:
		want, until = ReasonDelayed, x.now.Add(start.Delay)
	}
	switch {
	case want != "" && (e.State != Waiting || e.WaitFor != want || !e.WaitUntil.Equal(until)):
		x.fault("rule 9", "escalation %d begins with %+v, and is %s for %q until %v", e.No, start, e.State, e.WaitFor, e.WaitUntil)
	case want == "" && e.State == Waiting && e.WaitFor != ReasonOutsideHours:
		x.fault("rule 9", "escalation %d begins with %+v, and waits for %q", e.No, start, e.WaitFor)
	}
}

// waited: rules 2, 9 and 17. Who waits goes on waiting until that is over, or until somebody answers,
// escalates or resolves; a severity that rises ends it, but for a maintenance.
func (x *edge) waited(was, e *Escalation) {
	if (e.State == Waiting) != (e.WaitFor != "") {
		x.fault("rule 17", "escalation %d is %s, and waits for %q", e.No, e.State, e.WaitFor)
	}
	if was == nil || was.State != Waiting {
		return
	}
	held, asked := x.held()
	ends := x.due(was.WaitUntil) // unless a maintenance has begun meanwhile
	if was.WaitFor == ReasonMaintenance {
		ends = asked
	}
	over := ends && !held
	raised := x.raised() && was.WaitFor != ReasonMaintenance
	says := map[Reason]Reason{ReasonOutsideHours: ReasonHoursOpen, ReasonDelayed: ReasonDelayOver, ReasonMaintenance: ReasonMaintenanceOver}
	for waits, reason := range says {
		said := slices.ContainsFunc(x.notes, func(n Note) bool { return n.Reason == reason && n.Escalation == e.No })
		if said && !(waits == was.WaitFor && over) {
			x.fault("rule 17", "%q, says the timeline of escalation %d, which waited for %q", reason, e.No, was.WaitFor)
		}
	}
	answered := e.State == Stopped || e.State == Acknowledged || x.escalates(e)
	ended := answered || raised && !held
	stays := e.State == Waiting && (e.WaitFor == was.WaitFor || e.WaitFor == ReasonMaintenance && held && (ends || raised))
	switch {
	case held && (ends || raised) && !answered && !(e.State == Waiting && e.WaitFor == ReasonMaintenance):
		x.fault("rule 9", "escalation %d waited for %q, and is %s in a maintenance", e.No, was.WaitFor, e.State)
	case x.env.Held != nil && (ends || raised) && !asked && !answered:
		x.fault("rule 9", "escalation %d waited for %q, and nobody asked whether a maintenance has begun", e.No, was.WaitFor)
	case !over && !ended && !stays:
		x.fault("rule 9", "escalation %d waits for %q no longer, though it is not over, by %T", e.No, was.WaitFor, x.ev)
	case over && stays && was.WaitFor != ReasonOutsideHours:
		x.fault("rule 9", "escalation %d waits for %q, which is over", e.No, was.WaitFor)
	case was.WaitFor == ReasonMaintenance && !asked && e.State != Stopped && e.State != Acknowledged && !x.escalates(e):
		x.fault("rule 9", "nobody asked whether the maintenance that escalation %d waits for goes on", e.No)
	}
}

// keptBack: an escalation that waits for the end of a delay or of a maintenance pages nobody, and waits just
// so long.
func (x *edge) keptBack(was, e *Escalation) {
	fresh := was == nil || was.State != Waiting || was.WaitFor != e.WaitFor
	_, begins := x.start(was)
	if was != nil && was.State == Waiting && e.WaitFor == ReasonMaintenance { // it has begun while the escalation waited for something else
		begins = begins || x.due(was.WaitUntil) || x.raised()
	}
	if fresh && !begins {
		x.fault("rule 9", "escalation %d begins to wait for %q, by %T", e.No, e.WaitFor, x.ev)
	}
	switch e.WaitFor {
	case ReasonDelayed:
		if !fresh && !e.WaitUntil.Equal(was.WaitUntil) {
			x.fault("rule 9", "the delay of escalation %d is put off from %v to %v", e.No, was.WaitUntil, e.WaitUntil)
		}
	case ReasonMaintenance:
		if h := x.asked.held; x.env.Held != nil && (h == nil || !h.Until.Equal(e.WaitUntil)) {
			x.fault("rule 9", "escalation %d waits until %v, and the maintenance is %+v", e.No, e.WaitUntil, h)
		}
		if fresh || !e.WaitUntil.Equal(was.WaitUntil) {
			x.wantNote("rule 17", "there is a maintenance, or it has another end", func(n Note) bool { return n.Reason == ReasonMaintenance && n.Escalation == e.No })
		}
	default:
		x.fault("rule 17", "escalation %d waits for %q", e.No, e.WaitFor)
	}
	for i := range e.Pages {
		_, was := x.before.Page(e.Pages[i].No)
		if p := &e.Pages[i]; x.begun(p) || p.State == PageOpen && was.State != PageOpen { // those of earlier levels go on
			x.fault("rule 9", "page %d is begun though escalation %d waits for %q", p.No, e.No, e.WaitFor)
		}
	}
}

// alerts: rule 13. Every alert is counted once, and nothing else is.
func (x *edge) alerts() {
	b, a := &x.before, &x.after
	n, at := b.AlertN, b.AlertedAt
	if _, alerted := x.ev.(Alerted); alerted && b.Status != Resolved || x.reopened() {
		n, at = n+1, x.now
	} else if b.AutoClose > 0 && b.Status != Resolved && !b.Drill { // which ends by a stop
		at = x.putOff(at)
	}
	if a.AlertN != n || !a.AlertedAt.Equal(at) {
		x.fault("rule 13", "after %T there are %d alerts, and the last came at %v", x.ev, a.AlertN, a.AlertedAt)
	}
}

// returned: rule 13. What comes back is the same incident, open again, to be answered anew. Nothing else
// opens a resolved incident, and an open one cannot come back.
func (x *edge) returned() {
	b, a := &x.before, &x.after
	ev, _ := x.ev.(Returned)
	switch {
	case !x.reopened():
		if _, told := x.ev.(Returned); told {
			x.merely(Tick{}, 0)
		}
		again := 0
		if _, alerted := x.ev.(Alerted); alerted && !b.CalmUntil.IsZero() {
			again = 1
		}
		if a.ReturnN != b.ReturnN+again || a.Calm != b.Calm {
			x.fault("rule 13", "%T has it come back %d times, and be calm for %s", x.ev, a.ReturnN, a.Calm)
		}
		if b.Status == Resolved && a.Status != Resolved {
			x.fault("rule 13", "%T opened it again", x.ev)
		}
		return
	case a.Status != New || a.Manager != "" || !a.AckedAt.IsZero() || a.ReturnN != b.ReturnN+1 || a.Calm != ev.Calm:
		x.fault("rule 13", "it came back, and is %s of %q, acknowledged at %v, for the %d. time, calm for %s", a.Status, a.Manager, a.AckedAt, a.ReturnN, a.Calm)
	}
	want := b.Severity
	if ev.Severity.Valid() && ev.Severity < want {
		want = ev.Severity
	}
	if a.Severity != want {
		x.fault("rule 9", "it came back at severity %d, and was %d", a.Severity, b.Severity)
	}
	x.wantNote("rule 17", "it came back", func(n Note) bool { return n.Reason == ReasonReturned })
	for i := range b.Escalations {
		was, e := &b.Escalations[i], &a.Escalations[i]
		var p, q print
		p.escalation(was)
		q.escalation(e)
		if was.Urgent && !slices.Equal(p, q) {
			x.fault("rule 5", "it came back, and escalation %d, which a person asked for, began again", e.No)
		}
		if !was.Urgent && (e.Round <= was.Round || len(e.Declined) > 0 || e.State != Climbing && e.State != Waiting) {
			x.fault("rule 13", "it came back, and escalation %d is %s in round %d after %d", e.No, e.State, e.Round, was.Round)
		}
	}
}

// ended: what resolves an incident is the word of a person, or of a source that needs not hold, or the time
// for which it had to; and an incident that closes by itself does so in its time.
func (x *edge) ended() {
	b, a := &x.before, &x.after
	if (a.Status == Resolved) != !a.EndedAt.IsZero() || a.Status == Resolved && !a.CalmUntil.IsZero() {
		x.fault("contract", "the incident is %s, ended at %v, and believed to be over at %v", a.Status, a.EndedAt, a.CalmUntil)
	}
	if b.Status == Resolved {
		return
	}
	if b.Drill {
		x.drilled()
		return
	}
	ev, word := x.ev.(Ended)
	word = word && !(ev.Source && (ev.Firing > 0 || b.Calm > 0))
	_, alerted := x.ev.(Alerted)
	calm := x.due(x.putOff(b.CalmUntil)) && !alerted
	closed := b.AutoClose > 0 && !alerted && x.due(x.putOff(b.AlertedAt).Add(b.AutoClose))
	if over := word || calm || closed; over != (a.Status == Resolved) {
		x.fault("rule 13", "after %T the incident is %s", x.ev, a.Status)
	}
	if a.Status != Resolved {
		return
	}
	if !a.EndedAt.Equal(x.now) {
		x.fault("contract", "the incident ended at %v", a.EndedAt)
	}
	why := ReasonResolved
	if !word && !calm {
		why = ReasonAutoClosed
	}
	x.wantNote("rule 17", "the incident is resolved", func(n Note) bool { return n.Reason == why })
}

// calmed: the source's word about what flaps is believed when it has held for so long, from when it was first
// told; an alert takes it back.
func (x *edge) calmed() {
	b, a := &x.before, &x.after
	if a.Status == Resolved {
		return
	}
	want := x.putOff(b.CalmUntil)
	switch ev := x.ev.(type) {
	case Alerted, Returned:
		if _, told := ev.(Alerted); told || x.reopened() {
			want = time.Time{}
		}
	case Ended:
		if want.IsZero() && ev.Source && ev.Firing == 0 && b.Calm > 0 {
			want = x.now.Add(b.Calm)
		}
	}
	if !a.CalmUntil.Equal(want) {
		x.fault("rule 13", "after %T the source's word is believed at %v, and should be at %v", x.ev, a.CalmUntil, want)
	}
}

// senders: what they may ask for, and what is a line in the timeline and nothing else.
func (x *edge) senders() {
	if x.before.Status == Resolved || len(x.before.Escalations) == 0 {
		return
	}
	was, e := &x.before.Escalations[0], &x.after.Escalations[0]
	holds := was.State == Acknowledged || was.State == Asking
	switch ev := x.ev.(type) {
	case Told:
		x.merely(Tick{}, 1)
	case Ended:
		if ev.Source && ev.Firing > 0 {
			x.merely(Tick{}, 1)
		}
	case Released:
		if !holds {
			x.merely(Tick{}, 1)
			return
		}
		x.givenUp(was, e, ReasonReleased)
	case Snoozed:
		if !x.snoozes(ev) {
			x.merely(Tick{}, 0)
			return
		}
		if ended := x.after.Status == Resolved; !ended && (e.State != Acknowledged || e.Holder != ev.Person || x.after.Manager != ev.Person) {
			x.fault("rule 6", "%s snoozed, and escalation 1 is %s by %q", ev.Person, e.State, e.Holder)
		}
		x.wantNote("rule 17", "it is snoozed", func(n Note) bool { return n.Reason == ReasonSnoozed && n.Person == ev.Person })
	case Escalated:
		if holds {
			x.givenUp(was, e, ReasonEscalated)
			return
		}
		x.wantNote("rule 17", "it is escalated", func(n Note) bool { return n.Reason == ReasonEscalated && n.Escalation == 1 })
		moved := e.Level > was.Level || e.Round > was.Round || e.Level < 0 && was.Level >= 0
		if was.State == Waiting {
			moved = e.State == Climbing
		}
		if x.after.Status != Resolved && (!moved || e.State != Climbing) {
			x.fault("rule 8", "somebody escalated, and escalation 1 went from %s on level %d to %s on level %d", was.State, was.Level, e.State, e.Level)
		}
	}
}

// givenUp: the ladder resumes, from its first level, and nobody holds it.
func (x *edge) givenUp(was, e *Escalation, why Reason) {
	x.wantNote("rule 17", "it is taken from "+string(was.Holder), func(n Note) bool { return n.Reason == why && n.Person == was.Holder })
	if x.after.Status != Resolved && (e.Holder != "" || e.Round <= was.Round || e.State != Climbing && e.State != Waiting) {
		x.fault("rule 7", "%T, and escalation 1 is %s by %q in round %d after %d", x.ev, e.State, e.Holder, e.Round, was.Round)
	}
}

// merely: the event did what another one does, but for so many lines in the timeline.
func (x *edge) merely(ev Event, lines int) {
	other, effects := Step(x.before, ev, x.env)
	if !same(&other, &x.after) || len(effects)+lines != len(x.effects) {
		x.fault("contract", "%T does more than %T and %d lines", x.ev, ev, lines)
	}
}
