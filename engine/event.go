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
	Ladder   Ladder // used by the first only
	Routed   Reason // what Route said, used by the first only
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

// Ended resolves the incident.
type Ended struct{ By, Why string }

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
