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

// Valid reports whether s is one of the three.
func (s Severity) Valid() bool { return s >= Critical && s <= Minor }

// Action is what an alert asks for.
type Action string

// The actions. Anything else that a sender says is a trigger: better one page too many.
const (
	Trigger     Action = "trigger"
	Acknowledge Action = "acknowledge"
	Resolve     Action = "resolve"
)

// Alert is one report from outside: one HTTP request's content, or one part of it. The intake
// fills it and decides nothing.
type Alert struct {
	Action   Action
	Service  ServiceID // as the sender names it; "" when it does not
	Severity Severity
	Summary  string
	DedupKey string // "" never joins another incident
	Key      Key    // the sender's own key for the incident, or ""
	Details  string
	Links    []Link
	By       rosters.PersonID // with Acknowledge: the person who answered in the sender's own system
	Source   string           // which dialect, "alertmanager"
	At       time.Time        // when the sender says it happened; zero if it does not
	Raw      []byte           // the request as it came, kept beside the incident
}

// Link is something to open: a dashboard, a runbook.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text,omitempty"`
}
