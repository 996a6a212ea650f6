package engine

import (
	"time"

	"rouse/rosters"
)

// Event is something that happened to an incident. The types below are all there are.
type Event interface{ event() }

// Alerted is an alert of action trigger. The first one opens the incident and needs the ladder of
// the manager's escalation; later ones join (rule 13).
type Alerted struct {
	Severity Severity
	Ladder   Ladder // used by the first only, as all below
	Routed   Reason // what Route said
	Also     []Also // who is paged beside
	Start    Start
	Notes    []Note // what was decided before, in order
	Group    Group  // of every alert of an incident that groups
}

// Also is a ladder that is climbed beside the manager's.
type Also struct {
	Ladder Ladder
	Why    string
}

// Start is what keeps the ladders of an incident from beginning at once. The zero value is nothing.
type Start struct {
	Delay time.Duration // for the source to say that it is over
	Held  Held          // a maintenance; it counts instead of a delay
}

// Group is how an incident that groups alerts stands after one of them.
type Group struct {
	Joined string // the summary of the alert, if it is new to the incident
	All    int    // alerts that ever belonged to it
	Firing int    // those that are not over
}

// Returned says that the trouble of an incident that was resolved is back: it is opened again. What may keep
// its ladders from beginning besides, a maintenance, is asked of Env.
type Returned struct {
	Severity Severity
	Calm     time.Duration // if it is not 0 the incident flaps from now on, see Incident.Calm
	Delay    time.Duration // see Start
}

// Released takes the manager's escalation from whoever holds it; its ladder resumes.
type Released struct{ By, Why string }

// Snoozed is an acknowledgement that counts until a time.
type Snoozed struct {
	Person rosters.PersonID
	Until  time.Time
	Via    string
}

// Escalated moves the manager's escalation on to the next level at once.
type Escalated struct{ By, Why string }

// Told is a line for the timeline from a source: no sign of anybody at work.
type Told struct {
	By   string
	Text string
	Why  Reason // ReasonSourceSays if it is ""
}

// Answer is a person acknowledging or declining. Rule 10: only code that has seen a human's key,
// reply, button or sign-in makes one.
type Answer struct {
	Person     rosters.PersonID
	Decline    bool
	Page       int    // the page that is answered; 0: see Escalation
	Escalation int    // the escalation that is answered; 0: whatever the person was paged for, else the manager's
	Attempt    int    // the attempt it came through, whose call goes on; 0 if none
	Via        string // "sms", "voice", "push", "rest"; for the timeline
}

// Reported is news about an attempt, from a worker or a provider. News may come late, twice and in
// any order.
type Reported struct {
	Attempt int
	State   AttemptState // Sent, Delivered or Failed
	Detail  string       // the provider's words, without numbers and secrets

	// Elsewhere says of one that failed that another provider may still reach the person.
	Elsewhere bool
}

// PagedIn pages another team or person into the incident.
type PagedIn struct {
	By     string
	Role   string // "" is the ladder's name
	Ladder Ladder
	Why    string
}

// SeverityChanged sets the severity.
type SeverityChanged struct {
	To  Severity
	By  string
	Why string
}

// Active is any other sign of somebody working on the incident; it extends acknowledgements.
type Active struct{ By, What string }

// Ended resolves the incident. Its source's word may be one that has to hold (Incident.Calm), or be about a
// part of a group.
type Ended struct {
	By, Why string
	Source  bool // its source says so, not a person
	Firing  int  // alerts of its group that are not over; the incident stays open
	Over    string
}

// Tick says that time passed. It may come early.
type Tick struct{}

// Resumed is the first Tick after a time in which no node of Rouse kept time (rule 18). Told twice, it
// begins the level twice: whoever tells it makes sure that it is told once.
type Resumed struct {
	Stopped time.Duration // how long; what is not positive puts nothing off
}

// LongStop is how long nobody must have kept time for a Resumed instead of a Tick. A shorter gap, as a
// database that is restarted leaves, is none: what fell due in it is done at once.
const LongStop = 5 * time.Minute

func (Alerted) event()         {}
func (Answer) event()          {}
func (Reported) event()        {}
func (PagedIn) event()         {}
func (SeverityChanged) event() {}
func (Active) event()          {}
func (Ended) event()           {}
func (Tick) event()            {}
func (Resumed) event()         {}

func (Returned) event()  {}
func (Released) event()  {}
func (Snoozed) event()   {}
func (Escalated) event() {}
func (Told) event()      {}
