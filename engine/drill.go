package engine

import (
	"time"

	"rouse/rosters"
)

// RoleDrill is what the only escalation of a drill is for.
const RoleDrill = "drill"

// How long a drill waits for an answer: this long after the last contact of the plan, but not less and not
// longer than that.
const (
	drillAfterLast = 2 * time.Minute
	minDrill       = 5 * time.Minute
	maxDrill       = 30 * time.Minute
)

// DrillFor is how long a drill over a plan may take.
func DrillFor(plan []rosters.Contact) time.Duration {
	last := time.Duration(0)
	for _, c := range plan {
		last = max(last, c.After)
	}
	return min(max(last+drillAfterLast, minDrill), maxDrill)
}

// NewDrill is a drill of one person (rule 19), without number and key, and its first event. It waits for an
// answer as long as DrillFor says of the person's plan to wake.
func NewDrill(who rosters.PersonID, plan []rosters.Contact, summary string, now time.Time) (Incident, Alerted) {
	takes := DrillFor(plan)
	inc := Incident{Drill: true, Severity: Major, Summary: summary, Status: New, OpenedAt: now, AlertedAt: now, AutoClose: takes}
	ladder := Ladder{Name: string(who), Levels: []Level{{Targets: []Target{{Person: who}}, Wait: takes}}}
	return inc, Alerted{Severity: Major, Ladder: ladder, Routed: ReasonDrill}
}

// ofDrill reports whether an event is one that a drill knows. It pages nobody but its person, so that whoever
// pages a team in, or wants it to move on, changes nothing.
func ofDrill(ev Event) bool {
	switch ev.(type) {
	case PagedIn, SeverityChanged, Released, Snoozed, Escalated:
		return false
	default:
		return true
	}
}

// Drilled is whose drill it is.
func (inc Incident) Drilled() rosters.PersonID {
	if !inc.Drill || len(inc.Escalations) == 0 {
		return ""
	}
	return inc.Escalations[0].Ladder.Levels[0].Targets[0].Person
}

// judgeDrill: a drill shows whether one person is reached, so that nobody answers it for them.
func (inc Incident) judgeDrill(a Answer) Verdict {
	if a.Person != inc.Drilled() {
		return Verdict{Outcome: OutcomeNothing}
	}
	return Verdict{Outcome: OutcomeDrilled, Escalations: []int{1}, Role: RoleDrill}
}

// answerDrill ends a drill by an answer, yes or no: either shows that the page arrived.
func (s *stepper) answerDrill(a Answer, v Verdict) {
	if v.Outcome != OutcomeDrilled {
		return
	}
	reason, text, to := ReasonDrillPassed, "Drill passed. "+s.name(a.Person)+" answered.", PageAcknowledged
	if a.Decline {
		reason, text, to = ReasonDrillDeclined, "Drill passed. "+s.name(a.Person)+" declined: the page arrived.", PageDeclined
	}
	s.closePages(&s.inc.Escalations[0], to, reason, func(*Page) bool { return true }, a.Attempt)
	s.through = a.Attempt
	s.end(Note{Reason: reason, Escalation: 1, Person: a.Person, Attempt: a.Attempt, By: string(a.Person), Text: text,
		Basis: map[string]string{"via": a.Via}})
}

// noneWorks ends a drill whose contacts have all failed, or that has none: there is nobody behind.
func (s *stepper) noneWorks() {
	s.failDrill("No contact of " + s.name(s.inc.Drilled()) + " works.")
}

func (s *stepper) failDrill(why string) {
	s.end(Note{Reason: ReasonDrillFailed, Escalation: 1, Person: s.inc.Drilled(), Text: "Drill failed. " + why})
}
