package engine

import (
	"time"

	"rouse/rosters"
)

// ServiceID is a service's slug, "bitbucket".
type ServiceID string

// PolicyID is a policy's slug.
type PolicyID string

// Service is a thing that can break.
type Service struct {
	ID     ServiceID
	Name   string
	Owner  rosters.TeamID // the team whose it is, or ""
	Policy PolicyID
	Hours  rosters.Hours // when severity 3 may page; zero: office hours in UTC
	Noise  Noise         // what need not wake anybody
}

// Target is whom a level names: a person or a roster, exactly one of them.
type Target struct {
	Person rosters.PersonID `json:"person,omitempty"`
	Roster rosters.RosterID `json:"roster,omitempty"`
}

func (t Target) String() string {
	if t.Roster != "" {
		return "roster " + string(t.Roster)
	}
	return "person " + string(t.Person)
}

// Level is one rung of a ladder: whom to page, and how long to wait for an answer before the next.
type Level struct {
	Targets  []Target      `json:"targets"`
	Wait     time.Duration `json:"wait"`
	CatchAll bool          `json:"catch_all,omitempty"` // the rung that Route puts at the end: IMOC
}

// Policy is what a service's manager escalation climbs.
type Policy struct {
	ID     PolicyID
	Name   string
	Levels []Level

	// AckExpiry is how long an acknowledgement counts before its holder is asked again, by
	// severity; 0 is for ever. A severity that is absent has DefaultAckExpiry.
	AckExpiry map[Severity]time.Duration
}

// The times of the rules, where policy and service say nothing else.
const (
	// DefaultWait is how long a level waits for an answer.
	DefaultWait = 5 * time.Minute
	// AskFor is how long the holder of an expired acknowledgement has to answer (rule 7).
	AskFor = 5 * time.Minute
	// LadderRest is the least time between two beginnings of one ladder that came to its end, so
	// that a ladder without anybody on it does not spin (rule 4).
	LadderRest = time.Minute
	// MaxLevels bounds a policy; MinWait and MaxWait bound a level's wait.
	MaxLevels = 20
	MinWait   = time.Second
	MaxWait   = 24 * time.Hour
)

// DefaultAckExpiry is how long an acknowledgement counts where the policy does not say: severity 1
// half an hour, severity 2 an hour, severity 3 for ever.
func DefaultAckExpiry(s Severity) time.Duration {
	switch s {
	case Critical:
		return 30 * time.Minute
	case Major:
		return time.Hour
	default:
		return 0
	}
}
