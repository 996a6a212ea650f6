package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// via is how an answer came, for the timeline.
const via = "rest"

func aboutIncident(key string, err error) error { return about("incident "+key, err) }

func (h handlers) ListIncidents(ctx context.Context, r ListIncidentsRequestObject) (ListIncidentsResponseObject, error) {
	p := r.Params
	if _, err := strconv.ParseInt(p.Cursor, 36, 64); p.Cursor != "" && err != nil {
		return nil, wrongParameter("cursor", shortened(p.Cursor), "is not one that this list gave")
	}
	filter := enginedb.Filter{Cursor: p.Cursor, Limit: h.limit(p.Limit), Service: (*engine.ServiceID)(p.Service),
		Status: mapped(p.Status, func(s Status) engine.Status { return engine.Status(s) }), Drills: p.Drills}
	found, next, err := h.incidents.Incidents(ctx, filter)
	if err != nil {
		return nil, err
	}
	return ListIncidents200JSONResponse{Next: next, Items: mapped(found, func(s enginedb.Summary) IncidentSummary {
		return IncidentSummary{Key: string(s.Key), Service: string(s.Service), Severity: int(s.Severity), Summary: s.Summary, Status: string(s.Status),
			Manager: string(s.Manager), Alerts: s.AlertN, OpenedAt: s.OpenedAt.UTC(), NextAt: s.Deadline.UTC()}
	})}, nil
}

func (h handlers) GetIncident(ctx context.Context, r GetIncidentRequestObject) (GetIncidentResponseObject, error) {
	inc, err := h.incidents.Incident(ctx, engine.Key(r.Key))
	if err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	lines, err := h.incidents.Timeline(ctx, inc.ID)
	if err != nil {
		return nil, err
	}
	reports, err := h.incidents.Reports(ctx, inc.ID)
	if err != nil {
		return nil, err
	}
	out := incidentOut(inc, lines)
	out.Reports = mapped(reports, reportOut)
	return GetIncident200JSONResponse(out), nil
}

func reportOut(r enginedb.Report) Report {
	return Report{ID: r.Last, FirstID: r.First, DedupKey: r.DedupKey, Source: r.Source, Service: string(r.Service), Summary: r.Summary, Severity: int(r.Severity),
		Word: r.Word, Firing: r.Firing, Count: r.Count, FirstAt: r.FirstAt.UTC(), LastAt: r.LastAt.UTC(), Cut: r.Cut, Labels: r.Labels, Details: r.Details,
		Links: mapped(r.Links, linkOut)}
}

func linkOut(l engine.Link) Link { return Link{Href: l.Href, Text: l.Text} }

func linkIn(l Link) engine.Link { return engine.Link{Href: l.Href, Text: l.Text} }

// GetOriginal answers with what is JSON or text as such, and never with what a browser would show as a page.
func (h handlers) GetOriginal(ctx context.Context, r GetOriginalRequestObject) (GetOriginalResponseObject, error) {
	raw, err := h.incidents.Original(ctx, engine.Key(r.Key), r.ID)
	if err != nil {
		return nil, about(fmt.Sprintf("alert %d of incident %s", r.ID, r.Key), err)
	}
	if len(raw) == 0 {
		return nil, problem.NotFound.Because("The original of alert %d is not kept any more, or there was none.", r.ID)
	}
	kind := "application/octet-stream"
	switch {
	case json.Valid(raw):
		kind = "application/json"
	case utf8.Valid(raw):
		kind = "text/plain; charset=utf-8"
	}
	return GetOriginal200AsteriskResponse{Body: bytes.NewReader(raw), ContentType: kind, ContentLength: int64(len(raw))}, nil
}

func incidentOut(inc engine.Incident, lines []enginedb.Line) Incident {
	k := inc.Particulars
	return Incident{Key: string(inc.Key), Service: string(inc.Service), Severity: int(inc.Severity), Summary: inc.Summary, Status: string(inc.Status),
		DedupKey: inc.DedupKey, Manager: string(inc.Manager), Alerts: inc.AlertN,
		OpenedAt: inc.OpenedAt.UTC(), AlertedAt: inc.AlertedAt.UTC(), AcknowledgedAt: inc.AckedAt.UTC(), ResolvedAt: inc.EndedAt.UTC(), NextAt: inc.Deadline().UTC(),
		Returns: inc.ReturnN, CalmUntil: inc.CalmUntil.UTC(), SeverityMeans: inc.Severity.Meaning(),
		Description: k.Description, Products: k.Products, Reporter: k.Reporter, ReporterContact: k.Contact, Stage: string(k.Stage),
		ImpactBeganAt: k.ImpactBegan, DetectedAt: k.DetectedAt, ImpactEndedAt: k.ImpactEnded, SupportCases: k.Cases, Links: mapped(k.Links, linkOut),
		Escalations: mapped(inc.Escalations, escalationOut), Timeline: mapped(lines, lineOut)}
}

func escalationOut(e engine.Escalation) Escalation {
	return Escalation{No: e.No, Role: e.Role, By: e.By, Why: e.Why, Ladder: e.Ladder.Name, State: string(e.State),
		Level: e.Level + 1, Round: e.Round, Holder: string(e.Holder),
		NextLevelAt: e.LevelUntil.UTC(), OpensAt: e.WaitUntil.UTC(), WaitsFor: string(e.WaitFor), AcknowledgedUntil: e.AckUntil.UTC(), AskedUntil: e.AskUntil.UTC(),
		Declined: mapped(e.Declined, func(p rosters.PersonID) string { return string(p) }),
		Levels: mapped(e.Ladder.Levels, func(l engine.Level) LadderLevel {
			return LadderLevel{Targets: mapped(l.Targets, targetOut), Wait: Duration(l.Wait), CatchAll: l.CatchAll}
		}),
		Pages: mapped(e.Pages, pageOut)}
}

func pageOut(p engine.Page) Page {
	return Page{No: p.No, Person: string(p.Person), Ask: p.Ask, Level: p.Level + 1, Round: p.Round, State: string(p.State),
		StartedAt: p.StartedAt.UTC(), NextAt: p.NextAt.UTC(), Attempts: mapped(p.Attempts, attemptOut)}
}

// attemptOut masks the address for everybody: an incident is widely read.
func attemptOut(a engine.Attempt) Attempt {
	return Attempt{No: a.No, Channel: string(a.Channel), Address: notifiers.MaskNumber(a.Address), State: string(a.State), Reason: string(a.Reason),
		QueuedAt: a.QueuedAt.UTC(), SentAt: a.SentAt.UTC()}
}

func lineOut(l enginedb.Line) TimelineLine {
	n := l.Note
	level := 0
	if n.Escalation != 0 {
		level = n.Level + 1
	}
	return TimelineLine{At: l.At.UTC(), Reason: string(n.Reason), Text: n.Text, Escalation: n.Escalation, Level: level, Person: string(n.Person),
		Channel: string(n.Channel), Attempt: n.Attempt, By: n.By, Basis: n.Basis}
}

func (h handlers) AcknowledgeIncident(ctx context.Context, r AcknowledgeIncidentRequestObject) (AcknowledgeIncidentResponseObject, error) {
	reply, err := h.answer(ctx, r.Key, r.Body, h.engine.Acknowledge)
	if err != nil {
		return nil, err
	}
	return AcknowledgeIncident200JSONResponse(reply), nil
}

func (h handlers) DeclineIncident(ctx context.Context, r DeclineIncidentRequestObject) (DeclineIncidentResponseObject, error) {
	reply, err := h.answer(ctx, r.Key, r.Body, h.engine.Decline)
	if err != nil {
		return nil, err
	}
	return DeclineIncident200JSONResponse(reply), nil
}

// answer gives a person's answer to the engine. What changed nothing because of how things stand is a
// problem, so that a script sees it by the status.
func (h handlers) answer(ctx context.Context, key string, a *Answer, give func(context.Context, pager.From, string) (pager.Reply, error)) (Reply, error) {
	if a == nil {
		a = &Answer{}
	}
	person, err := h.answering(ctx, a.Person)
	if err != nil {
		return Reply{}, err
	}
	reply, err := give(ctx, pager.From{Key: engine.Key(key), Person: person, Escalation: a.Escalation}, via)
	if err != nil {
		return Reply{}, aboutIncident(key, err)
	}
	switch reply.Outcome {
	case engine.OutcomeResolved:
		return Reply{}, problem.Resolved.Because("The incident %s is resolved.", key)
	case engine.OutcomeTaken:
		return Reply{}, problem.Taken.Because("%s has %s.", orElse(reply.Holder, "Somebody else"), key)
	case engine.OutcomeNothing:
		return Reply{}, problem.Nothing.Because("There is nothing in %s that %s could answer.", key, person)
	default:
		return Reply{Outcome: string(reply.Outcome), Key: string(reply.Key), Severity: int(reply.Severity), Summary: reply.Summary, Role: reply.Role, Person: string(person)}, nil
	}
}

// answering is the person who answers: the key's, else the one that is named.
func (h handlers) answering(ctx context.Context, named Slug) (rosters.PersonID, error) {
	if named == "" && h.caller.Person == "" {
		return "", wrong("/person", "", "is missing; the key is bound to nobody, so it has to be said who answers")
	}
	by, err := h.acting(ctx, "/person", named)
	return rosters.PersonID(by), err
}

// acting tells who does something: the key's person, else the one that is named, else the key. A key
// that is bound to a person acts as nobody else.
func (h handlers) acting(ctx context.Context, pointer string, named Slug) (string, error) {
	bound := string(h.caller.Person)
	switch {
	case bound != "" && named != "" && named != bound:
		return "", problem.Forbidden.Because("The key is bound to %s and cannot act as %s.", bound, named)
	case bound != "":
		return bound, nil
	case named == "":
		return "key " + h.caller.Name, nil // no handle has a space in it
	}
	return named, h.personIsThere(ctx, pointer, named)
}

func (h handlers) personIsThere(ctx context.Context, pointer string, handle Slug) error {
	_, err := h.rosters.Person(ctx, rosters.PersonID(handle))
	if errors.Is(err, rosterdb.ErrNotFound) {
		return wrong(pointer, handle, "there is no such person")
	}
	return err
}

func (h handlers) ResolveIncident(ctx context.Context, r ResolveIncidentRequestObject) (ResolveIncidentResponseObject, error) {
	if r.Body == nil {
		r.Body = &Resolution{}
	}
	by, err := h.acting(ctx, "/by", r.Body.By)
	if err != nil {
		return nil, err
	}
	if err := h.engine.Resolve(ctx, engine.Key(r.Key), by, r.Body.Why); err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	return ResolveIncident204Response{}, nil
}

func (h handlers) PageIn(ctx context.Context, r PageInRequestObject) (PageInResponseObject, error) {
	in := *r.Body
	if err := h.validTarget(ctx, in); err != nil {
		return nil, err
	}
	by, err := h.acting(ctx, "/by", in.By)
	if err != nil {
		return nil, err
	}
	no, err := h.engine.PageIn(ctx, engine.Key(r.Key), pager.PageIn{Target: targetOf(Target{Person: in.Person, Roster: in.Roster}),
		Role: in.Role, Wait: time.Duration(in.Wait), By: by, Why: in.Why})
	if err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	return PageIn201JSONResponse{Escalation: no}, nil
}

func (h handlers) validTarget(ctx context.Context, in PageIn) error {
	wait := time.Duration(in.Wait)
	switch {
	case (in.Person == "") == (in.Roster == ""):
		return wrong("", "", "exactly one of person and roster must be named")
	case wait != 0 && (wait < engine.MinWait || wait > engine.MaxWait):
		return wrong("/wait", in.Wait.String(), fmt.Sprintf("must be %v to %v", Duration(engine.MinWait), Duration(engine.MaxWait)))
	case in.Person != "":
		return h.personIsThere(ctx, "/person", in.Person)
	}
	_, err := h.rosters.Roster(ctx, rosters.RosterID(in.Roster))
	if errors.Is(err, rosterdb.ErrNotFound) {
		return wrong("/roster", in.Roster, "there is no such roster")
	}
	return err
}

func (h handlers) SetSeverity(ctx context.Context, r SetSeverityRequestObject) (SetSeverityResponseObject, error) {
	by, err := h.acting(ctx, "/by", r.Body.By)
	if err != nil {
		return nil, err
	}
	if err := h.engine.SetSeverity(ctx, engine.Key(r.Key), engine.Severity(r.Body.Severity), by, r.Body.Why); err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	return SetSeverity204Response{}, nil
}

func (h handlers) AddNote(ctx context.Context, r AddNoteRequestObject) (AddNoteResponseObject, error) {
	by, err := h.acting(ctx, "/by", r.Body.By)
	if err != nil {
		return nil, err
	}
	if err := h.engine.Active(ctx, engine.Key(r.Key), by, r.Body.Text); err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	return AddNote204Response{}, nil
}
