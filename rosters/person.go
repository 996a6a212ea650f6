package rosters

import "time"

// PersonID is a person's handle: a slug, unique, lower case, never reused for somebody else
// while anything refers to it. "ann".
type PersonID string

// Channel is a way to reach a person.
type Channel string

// The channels. Their words are those of the REST API.
const (
	Push    Channel = "push"     // to an app
	WebPush Channel = "web_push" // to a browser
	SMS     Channel = "sms"
	Voice   Channel = "voice"
	Email   Channel = "email"
	Webhook Channel = "webhook" // to a program of somebody's own
)

// Channels are all of them.
var Channels = []Channel{Push, WebPush, SMS, Voice, Email, Webhook}

// Person is somebody who can be on call.
type Person struct {
	ID       PersonID
	Name     string
	Zone     string // IANA name, "Europe/Berlin"; "" is UTC
	Language string // BCP 47, "en", "de"; "" is English
	Contacts []Contact

	// Who does not answer a page is called again so often once all contacts were tried; 0: never.
	CallAgain    time.Duration
	CallAgainFor int   // the least bad severity for which that is done, 1 or 2; 0 is 1
	Quiet        Quiet // when notices wait
}

// DefaultCallAgain is what people get who say nothing else.
const DefaultCallAgain = 5 * time.Minute

// Plan says what a contact is for.
type Plan string

// The plans.
const (
	Wake Plan = ""     // pages of severity 1 and 2; the REST API calls it wake
	Tell Plan = "tell" // pages of severity 3, and notices
	Both Plan = "both"
)

// Location is where the person's clocks are; UTC if the zone is not known.
func (p Person) Location() *time.Location {
	if zone, err := loadZone(p.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// Contact is one line of a person's paging plan: after how long, on which channel, at which address.
type Contact struct {
	Channel  Channel       `json:"channel"`
	Address  string        `json:"address"` // E.164 for sms and voice, a topic for push, a subscription for web_push, else an e-mail or web address
	After    time.Duration `json:"after"`   // since the page began
	Disabled bool          `json:"disabled,omitempty"`
	Dead     string        `json:"dead,omitempty"` // of a disabled one: why a provider says that nothing reaches it
	Plan     Plan          `json:"plan,omitempty"`

	VerifiedAt time.Time `json:"verified_at,omitzero"` // when a code that was sent there came back; see Verified
}

// Verified reports whether the contact is known to reach its owner. A browser's subscription is made in that
// browser, on a page that was sent to the owner, and nobody reads what is sent to a program: neither needs a
// code.
func (c Contact) Verified() bool { return !c.NeedsCode() || !c.VerifiedAt.IsZero() }

// NeedsCode reports whether a code can show that the contact reaches its owner.
func (c Contact) NeedsCode() bool { return c.Channel != WebPush && c.Channel != Webhook }

// Wakes are the contacts for a page of severity 1 or 2, of those that can be used.
func (p Person) Wakes(usable func(Contact) bool) []Contact {
	return p.contacts(func(c Contact) bool { return c.Plan != Tell && usable(c) })
}

// Tells are the contacts for a page of severity 3, of those that can be used: without any that is meant for it,
// those that wake.
func (p Person) Tells(usable func(Contact) bool) []Contact {
	if plan := p.contacts(func(c Contact) bool { return (c.Plan == Tell || c.Plan == Both) && usable(c) }); len(plan) > 0 {
		return plan
	}
	return p.Wakes(usable)
}

// Hears are the contacts for a notice, of those that can be used: Tells without calls, which wake.
func (p Person) Hears(usable func(Contact) bool) []Contact {
	return p.Tells(func(c Contact) bool { return c.Channel != Voice && usable(c) })
}

func (p Person) contacts(wanted func(Contact) bool) (plan []Contact) {
	for _, c := range p.Contacts {
		if wanted(c) {
			plan = append(plan, c)
		}
	}
	return plan
}

// CallsAgain is how often somebody who does not answer a page of a severity is called again; 0: never.
func (p Person) CallsAgain(severity int) time.Duration {
	if severity > max(p.CallAgainFor, 1) {
		return 0
	}
	return p.CallAgain
}

// Quiet is a time of every day, by the clocks of the person's zone: from 22:00 to 07:00. The zero value is none.
type Quiet struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// QuietUntil is when somebody's quiet hours end that at lies in, and at itself outside of them.
func (p Person) QuietUntil(at time.Time) time.Time {
	if p.Quiet == (Quiet{}) {
		return at
	}
	rest := Window{Days: daytime.Days, From: p.Quiet.To, To: p.Quiet.From}
	return Hours{Zone: p.Location().String(), Windows: []Window{rest}}.NextOpen(at)
}
