package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/rosters"
)

// Text is the hole in one line, for people, in the zone of whoever reads it: when, where, what is wrong,
// and what to do.
func (h Hole) Text(zone *time.Location) string {
	return h.When(zone) + ", " + h.Where() + ": " + h.Problem() + ". " + h.Remedy() + "."
}

// When is the span in the zone of whoever reads it, "Sat 2026-01-17 14:00 – Sun 2026-01-18 02:00
// Europe/Berlin". If the clocks change within it, the offsets are told.
func (h Hole) When(zone *time.Location) string {
	const day, clock, offset = "Mon 2006-01-02 ", "15:04", " -07:00"
	from, to := h.From.In(zone), h.To.In(zone)
	first, last := day+clock, day+clock
	if from.Format(day) == to.Format(day) {
		last = clock
	}
	if from.Format(offset) != to.Format(offset) {
		first, last = first+offset, last+offset
	}
	name := zone.String()
	if name == "" || name == "Local" { // the machine's own, which has no name that others know
		name = from.Format("MST")
	}
	return from.Format(first) + " – " + to.Format(last) + " " + name
}

// Where is whose alerts fall into it, "bitbucket, severity 1 and 2, level 1".
func (h Hole) Where() string {
	service := string(h.Service)
	if service == "" {
		service = "alerts of an unknown service"
	}
	switch h.Kind {
	case HoleCatchAll:
		return "the catch-all, " + h.severities()
	case HoleLevel:
		return fmt.Sprintf("%s, %s, level %d", service, h.severities(), h.Level)
	default:
		return service + ", " + h.severities()
	}
}

func (h Hole) severities() string {
	switch {
	case len(h.Severities) == 1:
		return fmt.Sprintf("severity %d", h.Severities[0])
	case len(h.Minor) == 0:
		return "severity 1 and 2"
	case len(h.Minor) == 1 && h.Minor[0].From.Equal(h.From) && h.Minor[0].To.Equal(h.To):
		return "every severity"
	default:
		return "severity 1 and 2, and 3 in working hours"
	}
}

// shownTroubles is how many of them a line has room for.
const shownTroubles = 3

// Problem says why nobody can be paged, without a full stop.
func (h Hole) Problem() string {
	var why []string
	for _, t := range h.Troubles {
		if said := t.String(); !slices.Contains(why, said) {
			why = append(why, said)
		}
	}
	if n := len(why) - shownTroubles; n > 0 {
		why = append(why[:shownTroubles], fmt.Sprintf("and %d more", n))
	}
	said := strings.Join(why, "; ")
	if h.Kind == HoleNobody {
		return "nobody at all would be paged: every level and the catch-all are empty, and " + said
	}
	return said
}

// Remedy is one thing to do about it, without a full stop.
func (h Hole) Remedy() string {
	if h.Kind == HoleNobody {
		return "Put somebody who can be reached on call in the catch-all roster, or name a last resort who can be"
	}
	return h.Troubles[0].Remedy()
}

// String says what is wrong with the target, "Bob has only e-mail, which this server cannot send".
func (t Trouble) String() string {
	switch t.Cause {
	case CauseNoTarget:
		return "nobody is named"
	case CauseNoRoster:
		return t.Target.String() + " does not exist"
	case CauseNobodyOnCall:
		return "nobody is on call in " + t.Target.String()
	case CauseNoPerson:
		return t.who() + " does not exist"
	case CauseNoContact:
		return t.who() + " has no contact"
	case CauseNotToWake:
		return t.who() + " has no contact to wake, only such for severity 3 and notices"
	case CauseDisabled:
		return t.who() + " has " + t.channels("and") + " disabled"
	case CauseUnverified:
		return t.who() + " has not verified " + t.channels("and") + ", and this server uses only what is verified"
	case CauseNoChannel:
		return t.who() + " has only " + t.channels("and") + ", which this server cannot send"
	case CauseNoLastResort:
		return "no last resort is named"
	}
	return string(t.Cause)
}

// Remedy is what to do about it.
func (t Trouble) Remedy() string {
	switch t.Cause {
	case CauseNoTarget:
		return "Name a person or a roster"
	case CauseNoRoster:
		return "Make " + t.Target.String() + ", or name another"
	case CauseNobodyOnCall:
		if t.Rotation == "" {
			return "Put somebody on call in " + t.Target.String() + ", by a rotation or an override"
		}
		return fmt.Sprintf("Put somebody into rotation %s of %s, or override it", t.Rotation, t.Target)
	case CauseNoPerson:
		return "Make the person " + string(t.Person) + ", or name somebody else"
	case CauseNoContact:
		return "Give " + t.name() + " a contact"
	case CauseNotToWake:
		return "Give " + t.name() + " a contact with the plan wake, or both"
	case CauseUnverified:
		return "Have " + t.name() + " verify " + t.channels("or")
	case CauseDisabled:
		return "Enable " + t.channels("or") + " for " + t.name()
	case CauseNoChannel:
		return "Give " + t.name() + " a contact that this server can send to, or set it up to send " + t.channels("or")
	case CauseNoLastResort:
		return "Name a last resort"
	}
	return "See to it"
}

// who is the person, and where they are on call.
func (t Trouble) who() string {
	switch {
	case t.Target.Roster != "":
		return t.name() + " (" + t.Target.String() + ")"
	case t.Target == Target{}:
		return "last resort " + t.name()
	default:
		return t.name()
	}
}

func (t Trouble) name() string {
	if t.Name == "" {
		return string(t.Person)
	}
	return t.Name
}

func (t Trouble) channels(and string) string {
	var words []string
	for _, c := range t.Channels {
		words = append(words, plainly(c))
	}
	if n := len(words); n > 1 {
		words = append(words[:n-2], words[n-2]+" "+and+" "+words[n-1])
	}
	return strings.Join(words, ", ")
}

// plainly is what a channel is called where it is not about one message.
func plainly(c rosters.Channel) string {
	switch c {
	case rosters.Voice:
		return "calls"
	case rosters.WebPush:
		return "push to browsers"
	default:
		return medium(c)
	}
}
