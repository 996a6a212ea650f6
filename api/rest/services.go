package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// serviceOf is a service of the wire as the cores have it.
func serviceOf(s Service, slug string) (engine.Service, error) {
	if s.Slug != "" && slug != "" && s.Slug != slug {
		return engine.Service{}, wrong("/slug", s.Slug, "is not that of the path; a slug never changes")
	}
	s.Slug = orElse(slug, s.Slug)
	svc := wholeService(s)
	return svc, validService(svc)
}

// wholeService fills in what may be missing.
func wholeService(s Service) engine.Service {
	return engine.Service{ID: engine.ServiceID(s.Slug), Name: orElse(s.Name, s.Slug), Policy: engine.PolicyID(s.Policy), Hours: hoursOf(s.Hours), Noise: noiseOf(s.Noise)}
}

func validService(s engine.Service) error { return renamed(s.Validate(), "/id", "/slug") }

// days are the wire's names of weekdays, in time.Weekday's order.
var days = []Day{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func hoursOf(h Hours) rosters.Hours {
	return rosters.Hours{Zone: h.Zone, Windows: windowsOf(h.Windows)}
}

func hoursOut(h rosters.Hours) Hours { return Hours{Zone: h.Zone, Windows: windowsOut(h.Windows)} }

func windowsOf(windows []Window) (of []rosters.Window) {
	for _, w := range windows {
		of = append(of, rosters.Window{From: w.From, To: w.To,
			Days: mapped(w.Days, func(d Day) time.Weekday { return time.Weekday(slices.Index(days, d)) })})
	}
	return of
}

func windowsOut(windows []rosters.Window) (out []Window) {
	for _, w := range windows {
		out = append(out, Window{From: w.From, To: w.To, Days: mapped(w.Days, func(d time.Weekday) Day { return days[d] })})
	}
	return out
}

func serviceOut(s enginedb.Service) Service {
	return Service{Slug: string(s.ID), Name: s.Name, Team: string(s.Team), Policy: string(s.Policy), Hours: hoursOut(s.Hours), Noise: noiseOut(s.Noise),
		Version: s.Version, CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC()}
}

// writtenService says that the policy is not there.
func writtenService(s engine.Service, err error) error {
	if _, ok := errors.AsType[*enginedb.MissingError](err); ok {
		return wrong("/policy", string(s.Policy), "there is no such policy")
	}
	return aboutService(string(s.ID), err)
}

func aboutService(slug string, err error) error { return about("service "+slug, err) }

func (h handlers) ListServices(ctx context.Context, r ListServicesRequestObject) (ListServicesResponseObject, error) {
	limit := h.limit(r.Params.Limit)
	found, err := h.incidents.Services(ctx, rosters.TeamID(r.Params.Team), engine.ServiceID(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(s enginedb.Service) string { return string(s.ID) })
	return ListServices200JSONResponse{Items: mapped(found, serviceOut), Next: next}, nil
}

func (h handlers) readService(ctx context.Context, slug string) (enginedb.Service, error) {
	s, err := h.incidents.StoredService(ctx, engine.ServiceID(slug))
	return s, aboutService(slug, err)
}

func (h handlers) CreateService(ctx context.Context, r CreateServiceRequestObject) (CreateServiceResponseObject, error) {
	s, err := serviceOf(*r.Body, "")
	if err != nil {
		return nil, err
	}
	if err := h.incidents.CreateService(ctx, s); err != nil {
		return nil, writtenService(s, err)
	}
	if err := h.give(ctx, rosterdb.OwnedService, string(s.ID)); err != nil {
		return nil, err
	}
	stored, err := h.readService(ctx, string(s.ID))
	if err != nil {
		return nil, err
	}
	return CreateService201JSONResponse{serviceOut(stored), CreateService201ResponseHeaders{etag(stored.Version), "/v1/services/" + string(s.ID)}}, nil
}

func (h handlers) GetService(ctx context.Context, r GetServiceRequestObject) (GetServiceResponseObject, error) {
	s, err := h.readService(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return GetService200JSONResponse{serviceOut(s), GetService200ResponseHeaders{etag(s.Version)}}, nil
}

func (h handlers) ReplaceService(ctx context.Context, r ReplaceServiceRequestObject) (ReplaceServiceResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	s, err := serviceOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.UpdateService(ctx, s, version); err != nil {
		if stored, gone := h.readService(ctx, r.Slug); gone == nil && errors.Is(err, enginedb.ErrVersion) {
			return nil, changed("service "+r.Slug, stored.Version, stored.UpdatedAt, serviceOut(stored), *r.Body)
		}
		return nil, writtenService(s, err)
	}
	if err := h.give(ctx, rosterdb.OwnedService, string(s.ID)); err != nil {
		return nil, err
	}
	stored, err := h.readService(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return ReplaceService200JSONResponse{serviceOut(stored), ReplaceService200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeleteService(ctx context.Context, r DeleteServiceRequestObject) (DeleteServiceResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if !r.Params.Force {
		uses, err := h.incidents.ServiceUses(ctx, engine.ServiceID(r.Slug))
		if err != nil {
			return nil, err
		}
		reasons := mapped(uses.Open, func(k engine.Key) string { return fmt.Sprintf("has the open incident %s", k) })
		reasons = append(reasons, mapped(uses.Keys, func(p string) string {
			return fmt.Sprintf("has the key %s…, which a sender used within the last week and which would be refused from then on", p)
		})...)
		if len(reasons) > 0 {
			return nil, inUse("service "+r.Slug, reasons, "With force=true it is deleted all the same, with its keys, and cannot be restored.")
		}
	}
	if err := h.incidents.DeleteService(ctx, engine.ServiceID(r.Slug), version); err != nil {
		return nil, aboutService(r.Slug, err)
	}
	return DeleteService204Response{}, nil
}
