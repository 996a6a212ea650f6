package rosters

import "time"

// PersonID is a person's handle: a slug, unique, lower case, never reused for somebody else
// while anything refers to it. "ann".
type PersonID string

// Channel is a way to reach a person.
type Channel string

// The channels. Their words are those of the REST API.
const (
	Push  Channel = "push"
	SMS   Channel = "sms"
	Voice Channel = "voice"
)

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
	Address  string        `json:"address"` // E.164 for sms and voice, a topic for push
	After    time.Duration `json:"after"`   // since the page began
	Disabled bool          `json:"disabled,omitempty"`
}
