package engine

import (
	"fmt"
	"strconv"
	"time"

	"rouse/rosters"
)

// Env is what a decision may know of the world.
type Env struct {
	Now time.Time

	// OnCall answers who is on call for a target at Now, in the order they are to be paged.
	OnCall func(Target) []rosters.PersonID

	// Plan answers the contacts of a person that can be used now for an incident of a severity.
	Plan func(rosters.PersonID, Severity) []rosters.Contact

	// CallAgain answers how often a person wants to be tried again, once the plan for a severity is at its end,
	// until they answer; 0: not at all. nil: nobody does.
	CallAgain func(rosters.PersonID, Severity) time.Duration

	// Providers answers how many providers can send to a contact; nil: one each.
	Providers func(rosters.Contact) int

	// ReceiptWithin is how long a message may stay without a receipt before the next contact is tried (rule 11), by
	// channel; one that is missing has its default: SMS 30 s, a call 40 s (25 s of ringing and RingMargin), a push to a
	// browser 20 s. A channel without receipts has none, whatever stands here.
	ReceiptWithin map[rosters.Channel]time.Duration

	// Name is how a person is called in the timeline; nil: by handle.
	Name func(rosters.PersonID) string

	// Held finds the maintenance that the incident falls into at Now; nil: there is none.
	Held func(Incident) Held
}

// Step is the only way an incident changes. It decides what follows from an event and from the time
// that has passed, and returns the incident as it is then, with what is to be done about it. The
// incident it was given is not touched.
//
// An early tick, an event told twice, and news of a resolved incident page nobody and change no
// course: callers may retry freely. The caller saves the incident and records the effects in one
// transaction, and sends nothing before that has committed.
func Step(inc Incident, ev Event, env Env) (Incident, []Effect) {
	inc = inc.clone()
	s := &stepper{inc: &inc, env: env, now: env.Now}
	if r, ok := ev.(Reported); ok { // a record of what happened, wanted of resolved incidents too
		s.reported(r)
	}
	if d, ok := ev.(Described); ok && !inc.Drill { // what is learned afterwards is wanted too
		s.described(d)
	}
	if r, ok := ev.(Returned); ok && inc.Status == Resolved {
		s.returned(r)
	}
	if inc.Status == Resolved {
		return inc, s.effects
	}
	if inc.Drill && !ofDrill(ev) {
		ev = Tick{} // it changes nothing, but time passes
	}
	switch ev := ev.(type) {
	case Alerted:
		s.alerted(ev)
	case Answer:
		s.answered(ev)
	case PagedIn:
		s.pagedIn(ev)
	case SeverityChanged:
		s.severity(ev.To, ev.By, ev.Why)
	case Active:
		s.active(ev)
	case Ended:
		s.ended(ev)
	case Resumed:
		s.resumed(ev)
	case Released:
		s.released(ev)
	case Snoozed:
		s.snoozed(ev)
	case Escalated:
		s.escalated(ev)
	case Told:
		s.told(ev)
	case Reported, Tick, Returned, Described:
	default:
		panic(fmt.Sprintf("engine: unknown event %T", ev))
	}
	s.closeInTime()
	for i := range inc.Escalations {
		s.settle(&inc.Escalations[i])
	}
	return inc, s.effects
}

// stepper is one Step under way.
type stepper struct {
	inc     *Incident
	env     Env
	now     time.Time
	effects []Effect
	urgent  int // the escalation that somebody wants to move on now, whatever the hour

	through int // the attempt through which an answer ended the incident: not called back
}

func (s *stepper) note(n Note) { s.effects = append(s.effects, n) }

// due reports whether a moment that is set has come.
func (s *stepper) due(t time.Time) bool { return !t.IsZero() && !s.now.Before(t) }

func (s *stepper) name(p rosters.PersonID) string {
	if s.env.Name != nil {
		if n := s.env.Name(p); n != "" {
			return n
		}
	}
	return string(p)
}

func (s *stepper) alerted(ev Alerted) {
	s.inc.AlertN++
	s.inc.AlertedAt = s.now
	if len(s.inc.Escalations) > 0 {
		s.joined(ev)
		return
	}
	s.note(Note{Reason: ReasonOpened, Text: fmt.Sprintf("Opened at severity %d: %s", s.inc.Severity, s.inc.Summary),
		Basis: map[string]string{"severity": strconv.Itoa(int(s.inc.Severity)), "service": string(s.inc.Service)}})
	for _, n := range ev.Notes {
		s.note(n)
	}
	s.note(Note{Reason: ev.Routed, Escalation: 1, Text: routedText(ev.Routed, s.inc.Service, ev.Ladder.Name),
		Basis: map[string]string{"service": string(s.inc.Service), "ladder": ev.Ladder.Name}})
	role := RoleManager
	if s.inc.Drill {
		role = RoleDrill
	}
	s.climb(Escalation{Role: role, Ladder: ev.Ladder}, ev.Start)
	for _, also := range ev.Also {
		s.climb(Escalation{Role: also.Ladder.Name, Ladder: also.Ladder, Why: also.Why}, ev.Start)
	}
}

// joined counts an alert of an incident that is open (rule 13).
func (s *stepper) joined(ev Alerted) {
	reason, text := ReasonJoined, fmt.Sprintf("Reported again, %d times now; no new page.", s.inc.AlertN)
	if ev.Group.Joined != "" {
		reason, text = ReasonGrouped, fmt.Sprintf("Joined by %q: %d alerts, %d of them not over; no new page.", ev.Group.Joined, ev.Group.All, ev.Group.Firing)
	}
	if !s.inc.CalmUntil.IsZero() {
		s.inc.CalmUntil = time.Time{}
		s.inc.ReturnN++
		reason, text = ReasonFlapping, fmt.Sprintf("Came back before it was calm for %s, for the %s time; no new page.", inWords(s.inc.Calm), ordinal(s.inc.ReturnN))
	}
	s.note(Note{Reason: reason, Text: text, Basis: map[string]string{"alerts": strconv.Itoa(s.inc.AlertN), "dedup_key": s.inc.DedupKey}})
	if ev.Severity.Valid() && ev.Severity < s.inc.Severity {
		s.severity(ev.Severity, "", "A later alert says so.")
	}
}

func routedText(r Reason, svc ServiceID, ladder string) string {
	switch r {
	case ReasonUnknownService:
		if svc == "" {
			return "The alert names no service: paging the catch-all roster."
		}
		return fmt.Sprintf("Service %q is not known: paging the catch-all roster.", svc)
	case ReasonDrill:
		return fmt.Sprintf("A drill: %s alone is paged, over the plan to wake.", ladder)
	case ReasonNoPolicy:
		return fmt.Sprintf("Service %q has no policy with levels: paging the catch-all roster.", svc)
	default:
		return fmt.Sprintf("Service %s is paged by policy %s.", svc, ladder)
	}
}

func (s *stepper) pagedIn(ev PagedIn) {
	if ev.Role == "" {
		ev.Role = ev.Ladder.Name
	}
	if no := s.inc.Searching(ev.Role, ev.Ladder.Name); no <= len(s.inc.Escalations) { // told twice, or asked for while it is being looked for
		s.note(Note{Reason: ReasonAlreadyPaging, Escalation: no, By: ev.By,
			Text: asRole(ev.Ladder.Name, ev.Role) + " is being paged already: that goes on."})
		return
	}
	s.activity(ev.By)
	s.note(Note{Reason: ReasonPagedIn, Escalation: len(s.inc.Escalations) + 1, By: ev.By,
		Text: sentence(fmt.Sprintf("%s pages in %s", s.by(ev.By), asRole(ev.Ladder.Name, ev.Role)), ev.Why)})
	s.climb(Escalation{Role: ev.Role, By: ev.By, Why: ev.Why, Ladder: ev.Ladder, Urgent: true}, Start{})
}

// by names whoever caused something: a person, or what the caller says.
func (s *stepper) by(who string) string {
	if who == "" {
		return "Somebody"
	}
	return s.name(rosters.PersonID(who))
}

func asRole(ladder, role string) string {
	if ladder == role {
		return ladder
	}
	return ladder + " as " + role
}

// sentence joins what happened with a line of why, which may be empty.
func sentence(what, why string) string {
	if why == "" {
		return what + "."
	}
	return what + ": " + why
}

// climb adds an escalation and begins its ladder, at once if nothing keeps it from that.
func (s *stepper) climb(e Escalation, start Start) {
	e.No = len(s.inc.Escalations) + 1
	e.State, e.Round, e.RoundAt = Climbing, 1, s.now
	s.inc.Escalations = append(s.inc.Escalations, e)
	s.begin(&s.inc.Escalations[e.No-1], start)
}

func (s *stepper) active(ev Active) {
	s.activity(ev.By)
	s.note(Note{Reason: ReasonActivity, By: ev.By, Text: ev.What})
}

// activity is a sign of somebody at work on the incident: acknowledgements count anew, and a holder who
// is being asked has answered by it (rule 7).
func (s *stepper) activity(by string) {
	for i := range s.inc.Escalations {
		e := &s.inc.Escalations[i]
		if e.State == Asking && string(e.Holder) == by {
			s.take(e, e.Holder, Answer{Person: e.Holder})
		}
	}
	s.extend()
}

// extend lets every acknowledgement count anew: somebody is at work on the incident (rule 7).
func (s *stepper) extend() {
	for i := range s.inc.Escalations {
		s.extendOne(&s.inc.Escalations[i])
	}
}

// extendOne makes no acknowledgement shorter: it may be snoozed.
func (s *stepper) extendOne(e *Escalation) {
	if e.State != Acknowledged {
		return
	}
	if d := e.Ladder.expiry(s.inc.Severity); d > 0 {
		e.AckUntil = latest(e.AckUntil, s.now.Add(d))
	} else if s.due(e.AckUntil) {
		e.AckUntil = time.Time{}
	}
}

// countAnew lets acknowledgements count as the severity says that it is now, those that are snoozed too.
func (s *stepper) countAnew() {
	for i := range s.inc.Escalations {
		s.inc.Escalations[i].AckUntil = time.Time{}
	}
}

func (s *stepper) severity(to Severity, by, why string) {
	from := s.inc.Severity
	if !to.Valid() || to == from {
		return
	}
	s.inc.Severity = to
	reason, word := ReasonSeverityRaised, "raised"
	if to > from {
		reason, word = ReasonSeverityLowered, "lowered"
	}
	s.note(Note{Reason: reason, By: by, Text: fmt.Sprintf("Severity %s from %d to %d. %s", word, from, to, why),
		Basis: map[string]string{"from": strconv.Itoa(int(from)), "to": strconv.Itoa(int(to))}})
	s.countAnew()
	s.activity(by)
	if to > from {
		return // rule 9: nothing that was begun is withdrawn
	}
	for i := range s.inc.Escalations {
		s.raised(&s.inc.Escalations[i], by)
	}
}

// raised pages at once because the severity rose (rule 9): the level again while nobody has it, the
// holder once somebody does, unless it was the holder who raised it.
func (s *stepper) raised(e *Escalation, by string) {
	switch e.State {
	case Waiting, Climbing:
		if e.State == Waiting && (e.WaitFor == ReasonMaintenance || s.heldOn(e)) {
			return // it is being worked on, however bad it gets
		}
		e.Level = max(e.Level, 0)
		s.beginLevel(e)
	case Acknowledged:
		if string(e.Holder) != by {
			s.ask(e, ReasonSeverityRaised)
		}
	case Asking, Stopped: // being asked already; over
	}
}

func (s *stepper) ended(ev Ended) {
	switch {
	case ev.Source && ev.Firing > 0:
		left := "1 alert of the group is not"
		if ev.Firing > 1 {
			left = fmt.Sprintf("%d alerts of the group are not", ev.Firing)
		}
		s.note(Note{Reason: ReasonEased, By: ev.By, Text: fmt.Sprintf("%q is over; %s.", ev.Over, left)})
		return
	case ev.Source && s.inc.Calm > 0:
		if s.inc.CalmUntil.IsZero() {
			s.inc.CalmUntil = s.now.Add(s.inc.Calm)
			s.note(Note{Reason: ReasonFlapping, By: ev.By,
				Text: fmt.Sprintf("The source says that it is over, as before: believed if it stays calm for %s.", inWords(s.inc.Calm))})
		}
		return
	}
	s.end(Note{Reason: ReasonResolved, By: ev.By, Text: "Resolved. " + ev.Why})
}

func (s *stepper) end(why Note) {
	s.inc.Status, s.inc.EndedAt, s.inc.CalmUntil = Resolved, s.now, time.Time{}
	s.note(why)
	for i := range s.inc.Escalations {
		e := &s.inc.Escalations[i]
		e.State = Stopped
		e.LevelUntil, e.WaitUntil, e.WaitFor, e.AckUntil, e.AskUntil = time.Time{}, time.Time{}, "", time.Time{}, time.Time{}
		s.closePages(e, PageCovered, ReasonResolved, func(*Page) bool { return true }, s.through)
	}
}
