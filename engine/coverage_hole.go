package engine

import (
	"cmp"
	"slices"
	"time"

	"rouse/rosters"
)

// Hole is a span in which a rung of a ladder, or all of it, has nobody who can be paged.
type Hole struct {
	rosters.Span
	Kind       HoleKind
	Service    ServiceID      // "" for alerts of an unknown service, and for the catch-all
	Severities []Severity     // in order: 1 and 2, and 3 if the span meets working hours and has nobody to tell either. See CompareHoles for 3 alone
	Minor      []rosters.Span // when within the span severity 3 pages, and would page nobody; in order
	Level      int            // of the service's policy, from 1; 0 for the other kinds
	Troubles   []Trouble      // why nobody can be paged, target by target; never none
}

// HoleKind says what is empty.
type HoleKind string

// The kinds of holes, the worst first.
const (
	// HoleNobody: the whole ladder, so that an alert pages nobody until that changes. Troubles are those
	// of the last resort; levels and catch-all have holes of their own.
	HoleNobody HoleKind = "nobody"
	// HoleCatchAll: the roster where every ladder ends. The last resort is paged instead, if it can be.
	HoleCatchAll HoleKind = "catch_all"
	// HoleLevel: one level, which is passed over at once (rule 3).
	HoleLevel HoleKind = "level"
)

// Trouble is why one target, or one person of it, cannot be paged.
type Trouble struct {
	Target   Target // whom the level names; none for the last resort
	Cause    Cause
	Person   rosters.PersonID  // who cannot be reached, or ""
	Name     string            // of that person, "" if it is not known
	Channels []rosters.Channel // CauseDisabled, CauseUnverified, CauseNoChannel: on which the contacts in question are
	Rotation string            // CauseNobodyOnCall: the one that was on call last before the gap, else the next, or ""
}

// Cause is what is wrong with a target. The list is closed.
type Cause string

// The causes.
const (
	CauseNoTarget     Cause = "no_target"      // the level names nobody
	CauseNoRoster     Cause = "no_roster"      // the roster does not exist
	CauseNobodyOnCall Cause = "nobody_on_call" // in the roster
	CauseNoPerson     Cause = "no_person"      // the person does not exist
	CauseNoContact    Cause = "no_contact"     // the person has none at all
	CauseNotToWake    Cause = "not_to_wake"    // the person has contacts, all of them for severity 3 and notices only
	CauseUnverified   Cause = "unverified"     // no contact that the server could use is verified, and only such are used
	CauseDisabled     Cause = "disabled"       // every contact that the server could use is
	CauseNoChannel    Cause = "no_channel"     // the person has only channels that the server cannot send on
	CauseNoLastResort Cause = "no_last_resort" // nobody is named
)

// Covers reports whether an alert of a severity falls into the hole at an instant. Outside working hours
// severity 3 falls into none: it waits.
func (h Hole) Covers(at time.Time, s Severity) bool {
	if s == Minor {
		return slices.ContainsFunc(h.Minor, func(part rosters.Span) bool { return contains(part, at) })
	}
	return slices.Contains(h.Severities, s) && contains(h.Span, at)
}

func contains(s rosters.Span, at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

// during sets the severities that a hole concerns: 1 and 2 in all of it, 3 in some parts.
func (h Hole) during(minor []rosters.Span) Hole {
	h.Severities, h.Minor = []Severity{Critical, Major}, minor
	if len(minor) > 0 {
		h.Severities = append(h.Severities, Minor)
	}
	return h
}

// targets are those of the level.
func (h Hole) targets() []Target {
	var all []Target
	for _, t := range h.Troubles {
		if !slices.Contains(all, t.Target) {
			all = append(all, t.Target)
		}
	}
	return all
}

// compareHoles is the order that Holes tells them in.
func compareHoles(a, b Hole) int {
	return cmp.Or(
		cmp.Compare(a.Kind.group(), b.Kind.group()),
		cmp.Compare(a.Service, b.Service),
		a.From.Compare(b.From),
		cmp.Compare(a.Level, b.Level), // that of HoleNobody is 0
		a.To.Compare(b.To),
		slices.Compare(a.Severities, b.Severities))
}

// group is 0 for what is told once for all services, else 1.
func (k HoleKind) group() int {
	if k == HoleCatchAll {
		return 0
	}
	return 1
}
