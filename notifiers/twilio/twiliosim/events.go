package twiliosim

import (
	"slices"
	"time"
)

// EventKind is what happened.
type EventKind string

// The kinds. What Phone, SID, Text and Status hold is said with each; the rest is empty.
const (
	Requested   EventKind = "requested"   // an API request: Text "POST Messages", HTTP Status; Phone, SID if it made something
	Texted      EventKind = "texted"      // a text arrived at a phone: Text
	Undelivered EventKind = "undelivered" // a text did not arrive: Text is the error code
	Ringing     EventKind = "ringing"
	Answered    EventKind = "answered" // Text "voicemail" when it was a machine
	Said        EventKind = "said"     // Text was read out on the call
	Pressed     EventKind = "pressed"  // Text is what a <Gather> collected
	Ignored     EventKind = "ignored"  // Text is a key or tone that no <Gather> listened to
	Ended       EventKind = "ended"    // a call: Text is its final status
	Replied     EventKind = "replied"  // a phone sent a text: Text
	Called      EventKind = "called"   // a phone called the account's number
	CalledBack  EventKind = "callback" // one try of a callback: Text "MessageStatus=sent", URL, HTTP Status (0: no connection)
	Failed      EventKind = "failed"   // a call could not go on: Text says why
)

// Event is one thing that happened.
type Event struct {
	At     time.Time
	Kind   EventKind
	Phone  string // its number, in full
	SID    string // of the text or call
	Text   string
	URL    string
	Status int
}

// Events is everything that happened so far, in order.
func (s *Sim) Events() []Event {
	s.state.Lock()
	defer s.state.Unlock()
	return slices.Clone(s.events)
}

// record adds an event.
func (s *Sim) record(e Event) { s.update(func() { s.note(e) }) }

// note is record for callers inside update.
func (s *Sim) note(e Event) {
	e.At = time.Now()
	s.events = append(s.events, e)
}

// report hands events to OnEvent, without the lock.
func (s *Sim) report() {
	next := 0
	for {
		var fresh []Event
		if !s.await(s.ctx, func() bool {
			fresh = slices.Clone(s.events[next:])
			return len(fresh) > 0
		}) {
			return
		}
		next += len(fresh)
		for _, e := range fresh {
			s.cfg.OnEvent(e)
		}
	}
}
