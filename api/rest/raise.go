package rest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
)

// RaiseIncident opens an incident in the words of a person.
func (h handlers) RaiseIncident(ctx context.Context, r RaiseIncidentRequestObject) (RaiseIncidentResponseObject, error) {
	b := r.Body
	by, err := h.acting(ctx, "/by", b.By)
	if err != nil {
		return nil, err
	}
	said := engine.Described{By: by, Description: &b.Description, Products: &b.Products, Reporter: &b.Reporter, Contact: &b.ReporterContact, Stage: (*engine.Stage)(&b.Stage),
		Cases: &b.SupportCases}
	links := mapped(b.Links, linkIn)
	said.Links = &links
	if err := times(&said, &b.ImpactBeganAt, &b.DetectedAt, &b.ImpactEndedAt); err != nil {
		return nil, err
	}
	if err := said.To(engine.Incident{Summary: b.Summary}).Describable(); err != nil {
		return nil, err
	}
	if err := h.serviceIsThere(ctx, b.Service); err != nil {
		return nil, err
	}
	a := engine.Alert{Action: engine.Trigger, Service: engine.ServiceID(b.Service), Severity: engine.Severity(b.Severity), Summary: b.Summary, Details: b.Description,
		Source: "person", Raised: &said}
	if id := r.Params.IdempotencyKey; id != "" {
		a.Once = fmt.Sprintf("raise:%d:%s", h.caller.Key, id)
	}
	got, err := h.engine.Receive(ctx, a)
	if err != nil {
		return nil, problem.Unavailable.Because("The incident could not be stored. Raise it again.")
	}
	return RaiseIncident201JSONResponse{Key: string(got.Key), Outcome: string(got.Outcome), Why: got.Why}, nil
}

// DescribeIncident writes down what is known.
func (h handlers) DescribeIncident(ctx context.Context, r DescribeIncidentRequestObject) (DescribeIncidentResponseObject, error) {
	b := r.Body
	by, err := h.acting(ctx, "/by", b.By)
	if err != nil {
		return nil, err
	}
	d := engine.Described{By: by, Why: b.Why, Summary: b.Summary, Service: (*engine.ServiceID)(b.Service), Description: b.Description, Products: b.Products,
		Reporter: b.Reporter, Contact: b.ReporterContact, Stage: (*engine.Stage)(b.Stage), Cases: b.SupportCases}
	if b.Links != nil {
		links := mapped(*b.Links, linkIn)
		d.Links = &links
	}
	if err := times(&d, b.ImpactBeganAt, b.DetectedAt, b.ImpactEndedAt); err != nil {
		return nil, err
	}
	if err := h.engine.Describe(ctx, engine.Key(r.Key), d); err != nil {
		return nil, aboutIncident(r.Key, err)
	}
	return DescribeIncident204Response{}, nil
}

// times reads those of the impact; nil is not spoken of, "" not known.
func times(d *engine.Described, began, detected, ended *string) error {
	var wrong rosters.FieldErrors
	for _, t := range []struct {
		field string
		text  *string
		into  **time.Time
	}{{"/impact_began_at", began, &d.ImpactBegan}, {"/detected_at", detected, &d.DetectedAt}, {"/impact_ended_at", ended, &d.ImpactEnded}} {
		if t.text == nil {
			continue
		}
		at := time.Time{}
		if *t.text != "" {
			var err error
			if at, err = time.Parse(time.RFC3339, *t.text); err != nil {
				wrong = append(wrong, rosters.FieldError{Field: t.field, Value: shortened(*t.text), Problem: "must be a time as 2026-11-20T09:12:00Z, or empty"})
				continue
			}
			at = at.UTC()
		}
		*t.into = &at
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

func (h handlers) serviceIsThere(ctx context.Context, slug string) error {
	if slug == "" {
		return nil
	}
	_, err := h.incidents.Service(ctx, engine.ServiceID(slug))
	if errors.Is(err, enginedb.ErrNotFound) {
		return wrong("/service", slug, "there is no such service; leave it out if nobody knows which one is at fault")
	}
	return err
}
