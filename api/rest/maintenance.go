package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

// maintenanceOf is a maintenance of the wire as the core has it.
func (h handlers) maintenanceOf(ctx context.Context, m Maintenance, service string) (engine.Maintenance, error) {
	out := engine.Maintenance{Service: engine.ServiceID(service), Reason: m.Reason, When: m.When, From: m.From, To: m.To, By: orElse(string(h.caller.Person), h.caller.Name)}
	if m.Again != nil {
		out.Again = &rosters.Recurring{Zone: orElse(m.Again.Zone, "UTC"), Start: m.Again.Start, Rule: m.Again.Rule, Length: time.Duration(m.Again.Length), Until: m.Again.Until}
	}
	now, err := h.now(ctx)
	if err != nil {
		return out, err
	}
	if out.From.IsZero() && !out.To.IsZero() {
		out.From = now
	}
	if err := out.Validate(); err != nil {
		return out, err
	}
	if out.Again == nil && !out.To.After(now) {
		return out, wrong("/to", clock(out.To), "has passed already")
	}
	if out.When != "" {
		if err := pager.CheckMaintenance(out.When); err != nil {
			return out, wrong("/when", shortened(out.When), err.Error())
		}
	}
	return out, nil
}

func maintenanceOut(m enginedb.Maintenance) Maintenance {
	out := Maintenance{ID: m.ID, Reason: m.Reason, By: m.By, When: m.When, Version: m.Version, CreatedAt: m.CreatedAt.UTC(), UpdatedAt: m.UpdatedAt.UTC()}
	if m.Again != nil {
		out.Again = &Recurring{Zone: m.Again.Zone, Start: m.Again.Start, Rule: m.Again.Rule, Length: Duration(m.Again.Length), Until: m.Again.Until}
		return out
	}
	out.From, out.To = m.From.UTC(), m.To.UTC()
	return out
}

func aboutMaintenance(id int64, err error) error {
	return about(fmt.Sprintf("maintenance %d", id), err)
}

func (h handlers) ListMaintenance(ctx context.Context, r ListMaintenanceRequestObject) (ListMaintenanceResponseObject, error) {
	if _, err := h.readService(ctx, r.Slug); err != nil {
		return nil, err
	}
	limit := h.limit(r.Params.Limit)
	after, err := strconv.ParseInt(orElse(r.Params.Cursor, "0"), 10, 64)
	if err != nil {
		return nil, wrongParameter("cursor", r.Params.Cursor, "is not one that was given here")
	}
	now, err := h.now(ctx)
	if err != nil {
		return nil, err
	}
	found, err := h.incidents.Maintenances(ctx, engine.ServiceID(r.Slug), now, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(m enginedb.Maintenance) string { return strconv.FormatInt(m.ID, 10) })
	return ListMaintenance200JSONResponse{Items: mapped(found, maintenanceOut), Next: next}, nil
}

func (h handlers) CreateMaintenance(ctx context.Context, r CreateMaintenanceRequestObject) (CreateMaintenanceResponseObject, error) {
	m, err := h.maintenanceOf(ctx, *r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	stored, err := h.incidents.CreateMaintenance(ctx, m)
	if err != nil {
		return nil, aboutService(r.Slug, err)
	}
	return CreateMaintenance201JSONResponse{maintenanceOut(stored),
		CreateMaintenance201ResponseHeaders{etag(stored.Version), fmt.Sprintf("/v1/services/%s/maintenance/%d", r.Slug, stored.ID)}}, nil
}

func (h handlers) GetMaintenance(ctx context.Context, r GetMaintenanceRequestObject) (GetMaintenanceResponseObject, error) {
	m, err := h.incidents.Maintenance(ctx, engine.ServiceID(r.Slug), r.ID)
	if err != nil {
		return nil, aboutMaintenance(r.ID, err)
	}
	return GetMaintenance200JSONResponse{maintenanceOut(m), GetMaintenance200ResponseHeaders{etag(m.Version)}}, nil
}

func (h handlers) ReplaceMaintenance(ctx context.Context, r ReplaceMaintenanceRequestObject) (ReplaceMaintenanceResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	m, err := h.maintenanceOf(ctx, *r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	m.ID = r.ID
	err = h.incidents.UpdateMaintenance(ctx, m, version)
	if errors.Is(err, enginedb.ErrVersion) {
		if stored, gone := h.incidents.Maintenance(ctx, m.Service, m.ID); gone == nil {
			return nil, changed(fmt.Sprintf("maintenance %d", m.ID), stored.Version, stored.UpdatedAt, maintenanceOut(stored), *r.Body)
		}
	}
	if err != nil {
		return nil, aboutMaintenance(r.ID, err)
	}
	stored, err := h.incidents.Maintenance(ctx, m.Service, m.ID)
	if err != nil {
		return nil, aboutMaintenance(r.ID, err)
	}
	return ReplaceMaintenance200JSONResponse{maintenanceOut(stored), ReplaceMaintenance200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeleteMaintenance(ctx context.Context, r DeleteMaintenanceRequestObject) (DeleteMaintenanceResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.DeleteMaintenance(ctx, engine.ServiceID(r.Slug), r.ID, version); err != nil {
		return nil, aboutMaintenance(r.ID, err)
	}
	return DeleteMaintenance204Response{}, nil
}
