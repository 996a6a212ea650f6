package engine

import (
	"fmt"
	"slices"
	"time"

	"rouse/rosters"
)

// Outcome is what became of an answer, for the reply that says so.
type Outcome string

// The outcomes.
const (
	OutcomeAcknowledged Outcome = "acknowledged"
	OutcomeManager      Outcome = "incident_manager" // acknowledged, and the incident manager by it
	OutcomeStillOn      Outcome = "still_on"         // the holder keeps it
	OutcomeTaken        Outcome = "taken"            // somebody else holds it
	OutcomeDeclined     Outcome = "declined"
	OutcomeHandedBack   Outcome = "handed_back" // the holder gave it up; the ladder resumes
	OutcomeResolved     Outcome = "resolved"    // the incident is over
	OutcomeDrilled      Outcome = "drilled"     // it was a drill: the page reached them, and it is over
	OutcomeNothing      Outcome = "nothing"     // there is nothing this person could answer
)

// Verdict is what an answer would do.
type Verdict struct {
	Outcome     Outcome
	Escalations []int            // the escalations it changes or asks about
	Holder      rosters.PersonID // with OutcomeTaken
	Role        string
}

// Judge says what an answer does to the incident; Step does just that.
func (inc Incident) Judge(a Answer) Verdict {
	if inc.Status == Resolved {
		return Verdict{Outcome: OutcomeResolved}
	}
	if inc.Drill {
		return inc.judgeDrill(a)
	}
	var v Verdict
	for _, no := range inc.answered(a) {
		e := inc.Escalation(no)
		o := e.judge(a)
		if o == OutcomeNothing {
			continue
		}
		if v.Outcome == "" || v.Outcome == OutcomeTaken && o != OutcomeTaken {
			v.Outcome, v.Role, v.Holder = o, e.Role, ""
			if o == OutcomeTaken {
				v.Holder = e.Holder
			}
		}
		v.Escalations = append(v.Escalations, no)
	}
	if v.Outcome == "" {
		v.Outcome = OutcomeNothing
	}
	return v
}

// answered lists the escalations that an answer is about.
func (inc Incident) answered(a Answer) []int {
	if a.Page != 0 {
		e, p := inc.Page(a.Page)
		if p == nil || p.Person != a.Person || a.Decline && p.State == PageDeclined {
			return nil // told twice, it is not about a page that was begun since
		}
		return []int{e.No}
	}
	if a.Escalation != 0 {
		if inc.Escalation(a.Escalation) == nil {
			return nil
		}
		return []int{a.Escalation}
	}
	var paged, held []int
	for i := range inc.Escalations {
		e := &inc.Escalations[i]
		if e.Holder == a.Person && e.State != Stopped {
			held = append(held, e.No)
		}
		if slices.ContainsFunc(e.Pages, func(p Page) bool { return p.Person == a.Person && p.State == PageOpen }) {
			paged = append(paged, e.No)
		}
	}
	switch {
	case len(paged) > 0:
		return paged
	case len(held) > 0:
		return held
	case len(inc.Escalations) > 0:
		return []int{1} // anybody may step forward as the incident manager
	default:
		return nil
	}
}

func (e *Escalation) judge(a Answer) Outcome {
	holds := e.Holder == a.Person
	switch {
	case e.State == Stopped:
		return OutcomeNothing
	case a.Decline && holds:
		return OutcomeHandedBack
	case e.State == Acknowledged && !holds:
		return OutcomeTaken
	case a.Decline && slices.ContainsFunc(e.Pages, func(p Page) bool { return p.Person == a.Person && p.State == PageOpen }):
		return OutcomeDeclined
	case a.Decline:
		return OutcomeNothing
	case holds:
		return OutcomeStillOn
	case e.No == 1:
		return OutcomeManager
	default:
		return OutcomeAcknowledged
	}
}

func (s *stepper) answered(a Answer) {
	v := s.inc.Judge(a)
	if s.inc.Drill {
		s.answerDrill(a, v)
		return
	}
	for _, no := range v.Escalations {
		e := s.inc.Escalation(no)
		switch e.judge(a) {
		case OutcomeAcknowledged, OutcomeManager, OutcomeStillOn:
			s.take(e, a.Person, a)
		case OutcomeDeclined:
			s.decline(e, a)
		case OutcomeHandedBack:
			s.handBack(e, a)
		case OutcomeTaken, OutcomeResolved, OutcomeNothing: // changes nothing; the reply says why
		}
	}
}

// take gives the escalation to a person, or lets its holder keep it: everybody else it paged is left
// in peace (rule 5).
func (s *stepper) take(e *Escalation, who rosters.PersonID, a Answer) {
	kept := e.Holder == who
	asked := e.State == Asking
	e.State, e.Holder = Acknowledged, who
	e.LevelUntil, e.WaitUntil, e.WaitFor, e.AskUntil = time.Time{}, time.Time{}, "", time.Time{}
	s.extend()
	if kept && !asked {
		return // told twice
	}
	reason, text := ReasonAcknowledged, fmt.Sprintf("%s acknowledged as %s.", s.name(who), e.Role)
	if kept {
		reason, text = ReasonStillOn, s.name(who)+" still has it in hand."
	}
	s.note(Note{Reason: reason, Escalation: e.No, Level: e.Level, Person: who, Attempt: a.Attempt, By: string(who),
		Text: text, Basis: map[string]string{"via": a.Via}})
	s.closePages(e, PageAcknowledged, ReasonAcknowledged, func(p *Page) bool { return p.Person == who }, a.Attempt)
	s.closePages(e, PageCovered, ReasonAcknowledged, func(p *Page) bool { return p.Person != who }, a.Attempt)
	if e.No == 1 {
		s.manage(who)
	}
}

// manage makes who the incident manager (rule 6).
func (s *stepper) manage(who rosters.PersonID) {
	if s.inc.Manager != who {
		s.inc.Manager = who
		s.note(Note{Reason: ReasonManager, Escalation: 1, Person: who, Text: s.name(who) + " is the incident manager."})
	}
	if s.inc.Status == New {
		s.inc.Status = Fixing
	}
	if s.inc.AckedAt.IsZero() {
		s.inc.AckedAt = s.now
	}
}

// decline ends the person's pages; if one of them was of the current level, the ladder moves on at
// once (rule 8).
func (s *stepper) decline(e *Escalation, a Answer) {
	current := false
	for _, p := range e.Pages {
		if p.Person == a.Person && p.State == PageOpen && p.Level == e.Level && p.Round == e.Round {
			current = true
		}
	}
	if !slices.Contains(e.Declined, a.Person) {
		e.Declined = append(e.Declined, a.Person)
	}
	s.note(Note{Reason: ReasonDeclined, Escalation: e.No, Level: e.Level, Person: a.Person, Attempt: a.Attempt, By: string(a.Person),
		Text: s.name(a.Person) + " declined.", Basis: map[string]string{"via": a.Via}})
	s.closePages(e, PageDeclined, ReasonDeclined, func(p *Page) bool { return p.Person == a.Person }, a.Attempt)
	if _, p := s.inc.Page(a.Page); p != nil {
		p.State = PageDeclined // though it was superseded: told twice, it is no to nothing more
	}
	if current && e.State == Climbing && e.Level >= 0 {
		s.nextLevel(e, ReasonDeclined, s.name(a.Person)+" declined.")
	}
}

// handBack takes the escalation from a holder who gives it up.
func (s *stepper) handBack(e *Escalation, a Answer) {
	s.closePages(e, PageDeclined, ReasonHandedBack, func(p *Page) bool { return p.Person == a.Person }, a.Attempt)
	who := e.Holder
	s.note(Note{Reason: ReasonHandedBack, Escalation: e.No, Person: who, Attempt: a.Attempt, By: string(who),
		Text: s.name(who) + " hands it back. The ladder resumes.", Basis: map[string]string{"via": a.Via}})
	if e.No == 1 {
		s.inc.Manager = ""
	}
	s.closePages(e, PageSuperseded, ReasonHandedBack, func(*Page) bool { return true }, a.Attempt)
	e.Holder, e.AckUntil, e.AskUntil = "", time.Time{}, time.Time{}
	s.newRound(e)
	e.Declined = []rosters.PersonID{who}
	s.beginLevel(e)
}
