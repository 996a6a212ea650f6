package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// begin begins a ladder, or has it wait for the end of a maintenance or of a delay first.
func (s *stepper) begin(e *Escalation, start Start) {
	switch {
	case start.Held.Until.After(s.now):
		s.hold(e, start.Held)
	case start.Delay > 0:
		e.State, e.WaitFor, e.WaitUntil = Waiting, ReasonDelayed, s.now.Add(start.Delay)
		s.note(Note{Reason: ReasonDelayed, Escalation: e.No, Level: e.Level,
			Text:  fmt.Sprintf("Paging waits for %s: it may be over by then.", inWords(start.Delay)),
			Basis: map[string]string{"delay": start.Delay.String()}})
	default:
		s.beginLevel(e)
	}
}

// hold has an escalation wait for the end of a maintenance.
func (s *stepper) hold(e *Escalation, held Held) {
	e.State, e.WaitFor, e.WaitUntil = Waiting, ReasonMaintenance, held.Until
	s.note(Note{Reason: ReasonMaintenance, Escalation: e.No, Level: e.Level,
		Text:  sentence("The service is being worked on: paging waits for the end of the maintenance", held.Why),
		Basis: map[string]string{"maintenance": strconv.FormatInt(held.Maintenance, 10), "until": held.Until.UTC().Format(time.RFC3339)}})
}

// waits goes on waiting, or ends that. A maintenance is asked about each time: it may have been extended or
// cut short, or another one begun, also while the escalation waited for something else.
func (s *stepper) waits(e *Escalation) (over bool) {
	over = (e.WaitFor == ReasonMaintenance || s.due(e.WaitUntil)) && !s.heldOn(e)
	if over {
		s.waited(e)
	}
	return over
}

// waited is the end of what an escalation waited for.
func (s *stepper) waited(e *Escalation) {
	reason, text := ReasonHoursOpen, "Working hours have begun: paging."
	switch e.WaitFor {
	case ReasonDelayed:
		reason, text = ReasonDelayOver, "It is not over: paging."
	case ReasonMaintenance:
		reason, text = ReasonMaintenanceOver, "The maintenance is over, and this is not: paging."
	}
	s.note(Note{Reason: reason, Escalation: e.No, Level: e.Level, Text: text})
	s.beginLevel(e)
}

// heldOn asks whether a maintenance holds back an escalation that waits, and has it wait for that.
func (s *stepper) heldOn(e *Escalation) bool {
	if s.env.Held == nil {
		return e.WaitFor == ReasonMaintenance && !s.due(e.WaitUntil)
	}
	held := s.held()
	if !held.Until.After(s.now) {
		return false
	}
	if e.WaitFor != ReasonMaintenance || !held.Until.Equal(e.WaitUntil) {
		s.hold(e, held)
	}
	return true
}

// held is the maintenance that the incident falls into now, as far as anybody knows.
func (s *stepper) held() Held {
	if s.env.Held == nil {
		return Held{}
	}
	return s.env.Held(*s.inc)
}

// returned opens an incident again whose trouble is back.
func (s *stepper) returned(ev Returned) {
	inc := s.inc
	calm := s.now.Sub(inc.EndedAt)
	inc.Status, inc.EndedAt, inc.AckedAt, inc.Manager, inc.CalmUntil = New, time.Time{}, time.Time{}, "", time.Time{}
	inc.AlertN, inc.AlertedAt, inc.ReturnN, inc.Calm = inc.AlertN+1, s.now, inc.ReturnN+1, ev.Calm
	s.note(Note{Reason: ReasonReturned, Text: fmt.Sprintf("Came back %s after it was resolved, for the %s time: open again.", inWords(calm), ordinal(inc.ReturnN)),
		Basis: map[string]string{"returns": strconv.Itoa(inc.ReturnN), "calm": calm.Round(time.Second).String()}})
	if ev.Severity.Valid() && ev.Severity < inc.Severity {
		inc.Severity = ev.Severity
		s.note(Note{Reason: ReasonSeverityRaised, Text: fmt.Sprintf("Severity raised to %d. The alert says so.", ev.Severity)})
	}
	start := Start{Delay: ev.Delay, Held: s.held()}
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		if !e.comesBack() {
			continue
		}
		e.Why = fmt.Sprintf("came back, %s time", ordinal(inc.ReturnN))
		e.Holder = ""
		s.newRound(e)
		s.begin(e, start)
	}
}

// closeInTime resolves what was calm for long enough, and what closes by itself.
func (s *stepper) closeInTime() {
	switch {
	case s.inc.Status == Resolved:
	case s.due(s.inc.CalmUntil):
		s.end(Note{Reason: ReasonResolved, Text: fmt.Sprintf("Resolved. It was calm for %s.", inWords(s.inc.Calm))})
	case s.inc.Drill && s.due(s.inc.closesAt()):
		s.failDrill("No answer within " + inWords(s.inc.AutoClose) + ".")
	case s.due(s.inc.closesAt()):
		s.end(Note{Reason: ReasonAutoClosed, Text: fmt.Sprintf("Closed by itself: no alert for %s, as the service wants it.", inWords(s.inc.AutoClose))})
	}
}

// timeIsUp reports whether closeInTime will resolve the incident at the end of the step: whatever happened in
// it, nobody is paged about what is over by now.
func (s *stepper) timeIsUp() bool { return s.due(s.inc.CalmUntil) || s.due(s.inc.closesAt()) }

// released takes the manager's escalation from its holder (Released).
func (s *stepper) released(ev Released) {
	e := s.inc.Escalation(1)
	if e == nil || e.State != Acknowledged && e.State != Asking {
		s.told(Told{By: ev.By, Text: "The acknowledgement is withdrawn; nobody had it."})
		return
	}
	s.resume(e, ReasonReleased, closed(sentence(s.by(ev.By)+" takes it from "+s.name(e.Holder), ev.Why)))
}

// snoozed takes the manager's escalation until a time.
func (s *stepper) snoozed(ev Snoozed) {
	a := Answer{Person: ev.Person, Escalation: 1, Via: ev.Via}
	e := s.inc.Escalation(1)
	if e == nil {
		return
	}
	switch e.judge(a) {
	case OutcomeManager, OutcomeStillOn, OutcomeAcknowledged:
	default:
		return // somebody else has it
	}
	s.take(e, ev.Person, a)
	e.AckUntil = ev.Until
	s.note(Note{Reason: ReasonSnoozed, Escalation: 1, Person: ev.Person, By: string(ev.Person),
		Text: fmt.Sprintf("%s snoozes it until %s.", s.name(ev.Person), ev.Until.UTC().Format("2006-01-02 15:04 MST"))})
}

// escalated moves the manager's escalation on.
func (s *stepper) escalated(ev Escalated) {
	e := s.inc.Escalation(1)
	if e == nil {
		return
	}
	s.urgent = e.No
	why := sentence(s.by(ev.By)+" escalates", ev.Why)
	said := Note{Reason: ReasonEscalated, Escalation: e.No, Level: max(e.Level, 0), By: ev.By, Text: why}
	switch e.State {
	case Waiting:
		s.note(said)
		s.beginLevel(e)
	case Climbing:
		if e.Level < 0 { // it rests between two rounds
			s.note(said)
			s.beginRound(e)
			return
		}
		s.nextLevel(e, ReasonEscalated, why)
	case Acknowledged, Asking:
		s.resume(e, ReasonEscalated, closed(why))
	case Stopped:
	}
}

// closed gives a sentence that ends in somebody's words its full stop.
func closed(sentence string) string { return strings.TrimRight(sentence, ". ") + "." }

func (s *stepper) told(ev Told) {
	if ev.Why == "" {
		ev.Why = ReasonSourceSays
	}
	s.note(Note{Reason: ev.Why, By: ev.By, Text: ev.Text})
}

// ordinal is "1st", "2nd", "3rd", "4th".
func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
