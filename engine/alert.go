package engine

import (
	"time"

	"rouse/rosters"
)

// Key names an incident to people, "HOT-1234". It never changes and is never given twice.
type Key string

// Severity says how bad it is, and so when to page (rule 9).
type Severity int

// The severities. 1 and 2 page at once; 3 waits for the service's working hours.
const (
	Critical Severity = 1
	Major    Severity = 2
	Minor    Severity = 3
)

// Meaning is what an incident of a severity is, as the handbook has it.
func (s Severity) Meaning() string {
	switch s {
	case Critical:
		return "critical, with very high impact: a service is down for all customers, or data is lost or disclosed"
	case Major:
		return "major, with significant impact: a service is down for some customers, or much of it does not work"
	case Minor:
		return "minor, with low impact: an inconvenience, which customers can work around"
	default:
		return ""
	}
}

// Valid reports whether s is one of the three.
func (s Severity) Valid() bool { return s >= Critical && s <= Minor }

// Action is what an alert asks for.
type Action string

// The actions. Anything else that a sender says is a trigger: better one page too many.
const (
	Trigger     Action = "trigger"
	Acknowledge Action = "acknowledge" // counts only if By names a person (rule 10)
	Resolve     Action = "resolve"
)

// What senders may ask for an incident that is open; without one they are kept, and nothing follows.
const (
	Unacknowledge Action = "unacknowledge" // the ladder resumes
	Snooze        Action = "snooze"        // an acknowledgement that counts until Until: By must name a person
	Escalate      Action = "escalate"      // to the next level, now
	PageMore      Action = "page"          // Responders are paged in
	Comment       Action = "comment"       // Note is a line for the timeline; of a person, it is activity
	Amend         Action = "amend"         // summary, details, labels or severity are others now
)

// What opens no incident either.
const (
	Record Action = "record" // a change that was made, a deployment: kept, pages nobody
	Ping   Action = "ping"   // a sign of life of the heartbeat that DedupKey names
)

// Known reports whether a is one of the actions.
func (a Action) Known() bool {
	switch a {
	case Trigger, Acknowledge, Resolve, Unacknowledge, Snooze, Escalate, PageMore, Comment, Amend, Record, Ping:
		return true
	}
	return false
}

// Alert is one report from outside: one HTTP request's content, or one part of it. The intake
// fills it and decides nothing.
type Alert struct {
	Action   Action
	Service  ServiceID // as the sender names it; "" when it does not
	Severity Severity
	Word     string // the sender's own word for the severity, "" if it has none; Severity is what the intake made of it
	Summary  string
	DedupKey string // "" never joins another incident
	Key      Key    // the sender's own key for the incident, or ""
	Incident Key    // Rouse's key for the incident it is about, of the same service and not resolved; "": found by DedupKey
	Details  string
	Links    []Link
	Labels   map[string]string // what the sender says beside, for rules to look at
	By       rosters.PersonID  // who did it in the sender's own system, as that calls them: handle, mail address, name
	Note     string            // what they said
	Until    time.Time         // of a Snooze

	// Responders are whom the sender wants paged: with Trigger instead of the service's policy, with
	// PageMore beside those who are paged already.
	Responders []Responder

	// Raised is what a person says who raises it: it opens an incident of its own, which nothing holds back. At severity 3 it
	// waits for working hours (rule 9), and for a maintenance that lasts into them.
	// nil: a machine tells.
	Raised *Described

	// Doubts are what the intake could not take as it was sent. They stand in the timeline, as the alert is not
	// what its sender meant, or not all of it.
	Doubts []Doubt

	// Once is unique to what happened: told twice with the same one, it counts once. "" if the sender has
	// nothing like it.
	Once   string
	Waited time.Duration // how long it lay on a node's disk before it could be stored; 0: it did not
	Source string        // which dialect, "alertmanager"
	At     time.Time     // when the sender says it happened; zero if it does not
	Raw    []byte        // the request as it came, kept beside the incident
}

// Responder is somebody whom a sender wants paged, as it names them.
type Responder struct {
	Kind string `json:"kind"` // "user", "team", "schedule" or "escalation"; "" is not known
	Name string `json:"name"`
}

// Doubt is one thing of a request that was not understood, or is missing.
type Doubt struct {
	Of   DoubtOf `json:"of"`
	Text string  `json:"text"` // a sentence that says what was made of it
}

// unread reports whether more than a word of the request was not understood.
func (d Doubt) unread() bool { return d.Of == DoubtRequest || d.Of == DoubtMapping }

// DoubtOf says which part of a request is in doubt.
type DoubtOf string

// The parts.
const (
	DoubtSeverity DoubtOf = "severity" // nobody knows the word; there is no doubt if the operator's Words do
	DoubtAction   DoubtOf = "action"   // likewise, of what the alert asks for
	DoubtRequest  DoubtOf = "request"  // it was cut, or is not what its dialect demands
	DoubtMapping  DoubtOf = "mapping"  // it fails
)

// Link is something to open: a dashboard, a runbook.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}
