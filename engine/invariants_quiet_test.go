package engine

// What holds of what keeps quiet: delays, maintenance, what comes back, and what senders ask for.

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

// snoozes reports whether the person could take the manager's escalation.
func (x *edge) snoozes(s Snoozed) bool {
	switch x.before.Judge(Answer{Person: s.Person, Escalation: 1}).Outcome {
	case OutcomeManager, OutcomeStillOn, OutcomeAcknowledged:
		return true
	}
	return false
}

// keptBack: an escalation that waits for the end of a delay or of a maintenance pages nobody, and waits just
// so long.
func (x *edge) keptBack(was, e *Escalation) {
	switch e.WaitFor {
	case ReasonDelayed:
		if fresh := was == nil || was.State != Waiting; fresh && !x.starts() {
			x.fault("rule 9", "escalation %d begins to wait for a delay, by %T", e.No, x.ev)
		}
	case ReasonMaintenance:
		if held := x.env.Held(x.after); !held.Until.Equal(e.WaitUntil) {
			x.fault("rule 9", "escalation %d waits until %v, and the maintenance ends at %v", e.No, e.WaitUntil, held.Until)
		}
	default:
		x.fault("rule 17", "escalation %d waits for %q", e.No, e.WaitFor)
	}
	for i := range e.Pages {
		if p := &e.Pages[i]; x.begun(p) || p.State == PageOpen {
			x.fault("rule 9", "page %d is open though escalation %d waits for %q", p.No, e.No, e.WaitFor)
		}
	}
}

// starts reports whether the event begins ladders.
func (x *edge) starts() bool {
	ev, first := x.ev.(Alerted)
	return first && len(x.before.Escalations) == 0 && ev.Start.Delay > 0 || x.reopened()
}
