package pager

import (
	"fmt"
	"strings"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// maxSnooze is how long a sender may have an incident snoozed.
const maxSnooze = 7 * 24 * time.Hour

// take takes in one alert.
func (r *reception) take(in *arrival) error {
	a := in.alert
	if done, err := r.repeated(in); done || err != nil {
		return err
	}
	d := r.byID[in.open]
	if in.open == 0 && a.Key == "" {
		d = r.openedHere(in)
	}
	back := d != nil && d.After.Status == engine.Resolved && in.back
	switch {
	case a.Action == engine.Record:
		return r.keep(in, "kept on record")
	case in.open != 0 && d == nil, d != nil && d.After.Status == engine.Resolved && !back:
		in.leave(fmt.Sprint("incident\x00", in.open))
		return nil
	case back:
		if err := r.comeBack(d, in); err != nil {
			return err
		}
		return r.tellDoubts(d, in)
	case d != nil:
		if err := r.tellDoubts(d, in); err != nil { // before it may be over
			return err
		}
		return r.join(d, in)
	case a.Action != engine.Trigger:
		return r.keep(in, "no incident is open for it")
	case in.routed.Unpaged:
		return r.keep(in, fmt.Sprintf("the word %q of %s pages nobody here", a.Word, a.Source))
	default:
		return r.open(in)
	}
}

// repeated drops what was told before.
func (r *reception) repeated(in *arrival) (bool, error) {
	once := in.alert.Once
	if once == "" {
		return false, nil
	}
	if before := r.knownBefore[in]; before.Told {
		in.result.Outcome, in.result.Key, in.result.Why = Repeated, before.Key, "it was told before"
		return true, nil
	}
	if first := r.told[once]; first != nil { // twice in one transaction
		if first.alone { // and left out of it: nothing is stored yet
			in.leave(first.behind)
			return true, nil
		}
		in.result = first.result
		in.result.Outcome, in.result.Why = Repeated, "it was told before"
		return true, nil
	}
	r.told[once] = in
	return false, nil
}

// openedHere is an incident that another alert of this transaction brought about, which this one belongs to.
func (r *reception) openedHere(in *arrival) *draft {
	for _, name := range r.namesOf(in) {
		if d := r.byName[name]; d != nil {
			return d
		}
	}
	return nil
}

// namesOf are what makes an alert belong to an open incident.
func (r *reception) namesOf(in *arrival) (names []string) {
	if name := in.trouble(); name != "" {
		names = append(names, name)
	}
	if svc := r.service(in.routed.Service); svc != nil && in.alert.Action == engine.Trigger {
		if group := svc.Noise.Grouping.Of(in.routed.Alert); group != "" {
			names = append(names, groupName(svc.ID, group))
		}
	}
	return names
}

func groupName(service engine.ServiceID, group string) string {
	return "group\x00" + string(service) + "\x00" + group
}

// keep stores an alert that changes no incident.
func (r *reception) keep(in *arrival, why string) error {
	in.result.Outcome, in.result.Why = Noted, why
	return r.db.KeepAlert(r.ctx, in.alert, r.world.now)
}

func (r *reception) open(in *arrival) error {
	o, number := r.openings[in], r.numbers[in]
	d := r.draft(enginedb.Locked{})
	d.Alerts = []engine.Alert{in.alert}
	d.After = o.Incident(in.alert.Service, r.world.now)
	d.After.ID, d.After.Key = number.ID, number.Key
	if d.After.Group != "" {
		d.After.DedupKey = "" // each of its alerts has its own
	}
	in.result.Key, in.result.Outcome = number.Key, Opened
	r.name(d, in)
	ev := o.Event()
	if _, err := r.group(d, in, &ev.Group); err != nil {
		return err
	}
	if err := r.step(d, ev); err != nil || in.alert.Raised == nil {
		return err
	}
	return r.step(d, *in.alert.Raised)
}

// name has the alerts that follow in this transaction find the incident that one belongs to.
func (r *reception) name(d *draft, in *arrival) {
	for _, name := range r.namesOf(in) {
		r.byName[name] = d
	}
}

// group notes an alert of an incident that groups them, and how the group stands then; summary is what the alert
// said first, "" if nothing is noted. An alert without a key is never over by its source's word, and so neither
// is the group.
func (r *reception) group(d *draft, in *arrival, g *engine.Group) (summary string, err error) {
	over := in.alert.Action == engine.Resolve
	if d.After.Group == "" || over && (in.alert.DedupKey == "" || in.alert.Incident == d.After.Key) { // the end of all of it
		return "", nil
	}
	*g, summary, err = r.db.Join(r.ctx, enginedb.Grouped{Incident: d.After.ID, Origin: in.alert.Service, DedupKey: in.alert.DedupKey,
		Summary: in.alert.Summary, Severity: in.routed.Severity, Over: over, Anew: d.After.Status == engine.Resolved}, r.world.now)
	return summary, err
}

// comeBack opens an incident again.
func (r *reception) comeBack(d *draft, in *arrival) error {
	r.attach(d, in)
	in.result.Outcome = Reopened
	r.name(d, in)
	o := r.openings[in]
	var g engine.Group
	if _, err := r.group(d, in, &g); err != nil {
		return err
	}
	return r.step(d, engine.Returned{Severity: o.Severity, Calm: o.Calm(), Delay: o.Start().Delay})
}

func (r *reception) attach(d *draft, in *arrival) {
	d.Alerts = append(d.Alerts, in.alert)
	in.result.Key = d.After.Key
}

// remark tells the sender what of the alert was not understood.
func (in *arrival) remark() string {
	var texts []string
	for _, n := range in.routed.Decisions {
		if n.Reason == engine.ReasonDoubt {
			texts = append(texts, n.Text)
		}
	}
	return strings.Join(texts, " ")
}

// tellDoubts has the timeline say what of an alert was not understood; of the one that opens the incident,
// Opening says it.
func (r *reception) tellDoubts(d *draft, in *arrival) error {
	for _, n := range in.routed.Decisions {
		if n.Reason != engine.ReasonDoubt {
			continue
		}
		if err := r.step(d, engine.Told{By: in.alert.Source, Text: n.Text, Why: n.Reason}); err != nil {
			return err
		}
	}
	return nil
}

// join brings an alert to its open incident.
func (r *reception) join(d *draft, in *arrival) error {
	r.attach(d, in)
	a, source := in.alert, in.alert.Source
	by, known := r.people[string(a.By)]
	who := source // who did it, for the timeline
	if a.By != "" {
		who = string(a.By)
	}
	if known {
		who = string(by)
	}
	switch a.Action {
	case engine.Resolve:
		return r.end(d, in, engine.Ended{By: who, Why: closing(a), Source: !known})
	case engine.Acknowledge, engine.Snooze:
		if err := r.answeredAtSource(d, in, by, known); err != nil || a.Note == "" {
			return err
		}
		return r.step(d, engine.Told{By: who, Text: who + ": " + a.Note})
	case engine.Unacknowledge:
		in.result.Outcome = Amended
		return r.step(d, engine.Released{By: who, Why: a.Note})
	case engine.Escalate:
		in.result.Outcome = Amended
		return r.step(d, engine.Escalated{By: who, Why: a.Note})
	case engine.PageMore:
		return r.pageMore(d, in, who)
	case engine.Comment:
		in.result.Outcome = Amended
		if known {
			return r.step(d, engine.Active{By: who, What: a.Note})
		}
		return r.step(d, engine.Told{By: who, Text: who + ": " + a.Note})
	case engine.Amend:
		return r.amend(d, in, who)
	default:
		in.result.Outcome = Joined
		r.name(d, in)
		ev := engine.Alerted{Severity: in.routed.Severity}
		if in.routed.Unpaged {
			ev.Severity = 0
		}
		if _, err := r.group(d, in, &ev.Group); err != nil {
			return err
		}
		return r.step(d, ev)
	}
}

// end brings the source's word that its trouble is over. Others of its group may go on, and what flaps has to
// stay calm first: then nothing is resolved yet, and the source hears why.
func (r *reception) end(d *draft, in *arrival, ev engine.Ended) error {
	var g engine.Group
	summary, err := r.group(d, in, &g)
	if err != nil {
		return err
	}
	ev.Firing, ev.Over = g.Firing, summary
	if ev.Over == "" {
		ev.Over = in.alert.Summary
	}
	if err := r.step(d, ev); err != nil {
		return err
	}
	in.result.Outcome = Noted
	switch {
	case d.After.Status == engine.Resolved:
		in.result.Outcome = Closed
	case !d.After.CalmUntil.IsZero():
		in.result.Why = "it comes and goes: the incident closes if it stays calm until " + d.After.CalmUntil.UTC().Format(time.RFC3339)
	default:
		in.result.Why = "others of its group go on"
	}
	return nil
}

// closing says why a source's word ends an incident.
func closing(a engine.Alert) string {
	if a.Note != "" {
		return "The source says that it is over: " + a.Note
	}
	return "The source says that it is over."
}

// answeredAtSource takes the word of the sender's system for it if it names a person of ours; a machine
// alone acknowledges nothing (rule 10).
func (r *reception) answeredAtSource(d *draft, in *arrival, by rosters.PersonID, known bool) error {
	a := in.alert
	in.result.Outcome = Noted
	switch {
	case a.By == "":
		in.result.Why = "an acknowledgement counts only if `by` names the person who gave it"
	case !known:
		in.result.Why = fmt.Sprintf("nobody here is called %q", a.By)
	}
	if in.result.Why != "" {
		return r.step(d, engine.Told{By: a.Source, Text: "The source says that it is acknowledged: " + in.result.Why + "."})
	}
	answer := engine.Answer{Person: by, Via: a.Source}
	switch v := d.After.Judge(answer); v.Outcome {
	case engine.OutcomeTaken:
		in.result.Why = "held by " + string(v.Holder)
	default:
		in.result.Outcome = Answered
	}
	if a.Action == engine.Acknowledge || a.Until.IsZero() {
		return r.step(d, answer)
	}
	until := a.Until
	if latest := r.world.now.Add(maxSnooze); until.After(latest) {
		until = latest
	}
	if !until.After(r.world.now) {
		return r.step(d, answer)
	}
	return r.step(d, engine.Snoozed{Person: by, Until: until, Via: a.Source})
}

// pageMore pages in those whom the sender names.
func (r *reception) pageMore(d *draft, in *arrival, who string) error {
	in.result.Outcome = Amended
	named, _, unknown, err := r.responders(in.alert.Responders)
	if err != nil {
		return err
	}
	for _, t := range named {
		if err := r.step(d, engine.PagedIn{By: who, Why: in.alert.Note, Ladder: engine.RouteTo(t, 0, r.p.cfg.CatchAll)}); err != nil {
			return err
		}
	}
	if len(unknown) > 0 {
		in.result.Why = "nobody here is called " + strings.Join(unknown, ", ")
		return r.step(d, engine.Told{By: who, Text: "The source wants " + strings.Join(unknown, ", ") + " paged, whom nobody here is called by.", Why: engine.ReasonResponders})
	}
	return nil
}

// amend notes what the source says anew; what it says of the severity counts if it is worse.
func (r *reception) amend(d *draft, in *arrival, who string) error {
	in.result.Outcome = Amended
	a := in.alert
	text := "The source says now: " + a.Summary
	if a.Note != "" {
		text += ". " + a.Note
	}
	if err := r.step(d, engine.Told{By: who, Text: text}); err != nil {
		return err
	}
	if a.Word == "" || in.routed.Unpaged || in.routed.Severity >= d.After.Severity {
		return nil
	}
	return r.step(d, engine.SeverityChanged{To: in.routed.Severity, Why: fmt.Sprintf("The source says %q.", a.Word)})
}
