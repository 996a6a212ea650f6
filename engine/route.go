package engine

import (
	"maps"
	"slices"
	"time"

	"rouse/rosters"
)

// CatchAll is where every ladder ends.
type CatchAll struct {
	Roster     rosters.RosterID   // IMOC
	Wait       time.Duration      // 0: DefaultWait
	LastResort []rosters.PersonID // when nobody in the roster can be paged (rule 4)
}

// Ladder is a policy as one escalation climbs it: frozen when the escalation begins (rule 15), with
// the catch-all as its last rung.
type Ladder struct {
	Name       string                     `json:"name"` // of the policy, roster or person it was made from
	Levels     []Level                    `json:"levels"`
	LastResort []rosters.PersonID         `json:"last_resort,omitempty"`
	AckExpiry  map[Severity]time.Duration `json:"ack_expiry,omitempty"`
}

// Route finds the ladder of an alert's service. A service that is not known (nil), or whose policy is
// gone or empty (nil), goes to the catch-all roster alone; the reason says which it was.
func Route(svc *Service, policy *Policy, end CatchAll) (Ladder, Reason) {
	switch {
	case svc == nil:
		return end.ladder("imoc", nil, nil), ReasonUnknownService
	case policy == nil || len(policy.Levels) == 0:
		return end.ladder("imoc", nil, nil), ReasonNoPolicy
	default:
		return end.ladder(string(policy.ID), policy.Levels, policy.AckExpiry), ReasonRouted
	}
}

// RouteTo makes the ladder for a team or person that is paged in: the target alone, then the catch-all.
func RouteTo(t Target, wait time.Duration, end CatchAll) Ladder {
	name := string(t.Roster)
	if name == "" {
		name = string(t.Person)
	}
	return end.ladder(name, []Level{{Targets: []Target{t}, Wait: wait}}, nil)
}

func (c CatchAll) ladder(name string, levels []Level, expiry map[Severity]time.Duration) Ladder {
	l := Ladder{Name: name, LastResort: slices.Clone(c.LastResort), AckExpiry: maps.Clone(expiry)}
	for _, lv := range levels {
		lv.CatchAll, lv.Targets = false, slices.Clone(lv.Targets)
		l.Levels = append(l.Levels, lv.withWait())
	}
	imoc := Level{Targets: []Target{{Roster: c.Roster}}, Wait: c.Wait, CatchAll: true}
	l.Levels = append(l.Levels, imoc.withWait())
	return l
}

func (l Level) withWait() Level {
	if l.Wait <= 0 {
		l.Wait = DefaultWait
	}
	return l
}

// expiry is how long an acknowledgement counts at a severity; 0 is for ever.
func (l Ladder) expiry(s Severity) time.Duration {
	if d, ok := l.AckExpiry[s]; ok {
		return d
	}
	return DefaultAckExpiry(s)
}
