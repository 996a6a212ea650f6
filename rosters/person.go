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
}

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
}
