package demo

import (
	"context"
	"slices"
	"time"

	"rouse/notifiers/fake"
)

// kind is what an event is about; it colours the line, and the story looks for it.
type kind string

// The kinds.
const (
	posted  kind = "posted"  // Alertmanager posted an alert
	decided kind = "decided" // a line of an incident's timeline; detail is its reason
	receipt kind = "receipt" // likewise: how far a message got

	pushed    kind = "pushed"    // a push is on a phone
	texted    kind = "texted"    // a text is on a phone
	rings     kind = "rings"     // a phone rings
	answered  kind = "answered"  // a person picked up
	voicemail kind = "voicemail" // a machine picked up
	heard     kind = "heard"     // something was read out in a call
	callOver  kind = "call over" // detail is Twilio's status
	did       kind = "did"       // a person used the phone: key, text or button

	provider kind = "provider" // something is wrong at a provider, or between it and Rouse
	server   kind = "server"   // the server was killed or started
	passed   kind = "passed"   // a check of the story came true
	failed   kind = "failed"   // ... or did not
)

// event is one thing that happened.
type event struct {
	at     time.Time
	kind   kind
	key    string // of the incident; "" if there is none, or none is known
	who    string // as shown: "ann's phone", "decided"
	person string // handle, or ""
	call   bool   // of a timeline: about a call to the person
	detail string // see the kinds; of a phone, the message that it is about
	text   string // in plain words
}

// journal is everything that happened, in the order in which it was heard of.
type journal struct {
	state  fake.State // around events
	events []event
}

// add adds an event; one without a time happened just now.
func (j *journal) add(e event) {
	if e.at.IsZero() {
		e.at = time.Now()
	}
	j.state.Update(func() { j.events = append(j.events, e) })
}

// since is what was added after the first n events.
func (j *journal) since(n int) []event {
	j.state.Lock()
	defer j.state.Unlock()
	return slices.Clone(j.events[n:])
}

func (j *journal) len() int {
	j.state.Lock()
	defer j.state.Unlock()
	return len(j.events)
}

// has reports whether an event of that kind with that detail was added.
func (j *journal) has(k kind, detail string) bool {
	return slices.ContainsFunc(j.since(0), func(e event) bool { return e.kind == k && e.detail == detail })
}

// await waits for an event after the first n that matches, and tells whether it came before ctx ended.
func (j *journal) await(ctx context.Context, n int, match func(event) bool) (found event, ok bool) {
	ok = j.state.Await(ctx, func() bool {
		i := slices.IndexFunc(j.events[n:], match)
		if i >= 0 {
			found = j.events[n+i]
		}
		return i >= 0
	})
	return found, ok
}
