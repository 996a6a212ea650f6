package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Opening is all that decides how an incident begins.
type Opening struct {
	Routed
	Service  *Service // of the routed alert, nil if it is not known
	Policy   *Policy  // the routed one, else the service's; nil if it is gone
	CatchAll CatchAll

	Named   []Target // the alert's responders, as far as they are known
	Unknown []string // the others, by the names the sender gives them

	Held    Held  // a maintenance that the alert falls into
	Doubted error // why the condition of a maintenance could not be told
}

// Incident is the incident before its first event, without number and key.
func (o Opening) Incident(origin ServiceID, now time.Time) Incident {
	inc := Incident{Service: o.Routed.Service, Origin: origin, Severity: o.Severity, Summary: o.Summary, Status: New, DedupKey: o.DedupKey,
		OpenedAt: now, AlertedAt: now}
	if o.Service != nil {
		inc.Hours, inc.AutoClose = o.Service.Hours, o.Service.Noise.AutoClose
		inc.Group = o.Service.Noise.Grouping.Of(o.Alert)
	}
	return inc
}

// Event is the first event of the incident.
func (o Opening) Event() Alerted {
	ladder, why := Route(o.Service, o.Policy, o.CatchAll)
	ev := Alerted{Severity: o.Severity, Ladder: ladder, Routed: why, Start: o.Start(), Notes: slices.Clone(o.Decisions)}
	o.respond(&ev)
	if o.Failed != "" { // at once, whomever the source names
		ev.Ladder.join(0, Target{Roster: o.CatchAll.Roster})
	}
	for _, id := range o.Page {
		ev.Also = append(ev.Also, Also{Ladder: RouteTo(Target{Roster: id}, 0, o.CatchAll), Why: "a routing rule has it paged"})
	}
	if o.Waited > 0 {
		ev.Notes = append(ev.Notes, Note{Reason: ReasonKeptOnDisk,
			Text: fmt.Sprintf("The alert lay on a node's disk for %s, as the database did not answer.", inWords(o.Waited))})
	}
	if o.Doubted != nil {
		ev.Notes = append(ev.Notes, Note{Reason: ReasonMaintenance,
			Text: fmt.Sprintf("The condition of a maintenance failed (%v): it holds nothing back.", o.Doubted)})
	}
	return ev
}

// Start is what keeps the incident's ladders from beginning at once.
func (o Opening) Start() Start {
	if o.Raised != nil { // somebody is there, and wants others
		return Start{}
	}
	start := Start{Held: o.Held}
	if o.Service != nil {
		start.Delay = o.Service.Noise.Delay[o.Severity]
	}
	return start
}

// Calm is how long the word of the source has to hold once the trouble has come back; 0: it is believed.
func (o Opening) Calm() time.Duration {
	if o.Service == nil || !o.Service.Noise.Return.Once {
		return 0
	}
	return o.Service.Noise.Return.Within
}

// respond puts those whom the sender names before the levels of the policy.
func (o Opening) respond(ev *Alerted) {
	if len(o.Unknown) > 0 {
		ev.Notes = append(ev.Notes, Note{Reason: ReasonResponders, Text: fmt.Sprintf("The source wants %s paged, whom nobody here is called by.", strings.Join(o.Unknown, ", "))})
	}
	if len(o.Named) == 0 {
		return
	}
	var names []string
	for _, t := range o.Named {
		names = append(names, t.String())
	}
	ev.Notes = append(ev.Notes, Note{Reason: ReasonResponders, Text: "The source wants " + strings.Join(names, ", ") + " paged first."})
	ev.Ladder.Levels = slices.Insert(ev.Ladder.Levels, 0, Level{Targets: o.Named, Wait: ev.Ladder.Levels[0].Wait})
}

// join adds a target to a level, unless it stands there.
func (l *Ladder) join(level int, t Target) {
	if have := l.Levels[level].Targets; !slices.Contains(have, t) {
		l.Levels[level].Targets = append(slices.Clone(have), t)
	}
}

// Levels are those that its ladders begin with, for whoever has to look up their people before.
func (a Alerted) Levels() []Level {
	levels := []Level{a.Ladder.Levels[0]}
	for _, also := range a.Also {
		levels = append(levels, also.Ladder.Levels[0])
	}
	return levels
}
