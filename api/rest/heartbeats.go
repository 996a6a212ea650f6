package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
)

// heartbeatOf is a heartbeat of the wire as the cores have it.
func heartbeatOf(b Heartbeat, service string) (engine.Heartbeat, error) {
	hb := engine.Heartbeat{Service: engine.ServiceID(service), Name: b.Name, About: b.Description, Every: time.Duration(b.Every), Grace: time.Duration(b.Grace),
		Severity: engine.Severity(b.Severity), MaxRun: time.Duration(b.MaxRun), ByLabel: b.ByLabel, Disabled: b.Disabled, Message: b.Message, Tags: b.Tags}
	if hb.Severity == 0 {
		hb.Severity = engine.Major
	}
	return hb, hb.Validate()
}

func heartbeatOut(hb enginedb.Heartbeat) Heartbeat {
	out := Heartbeat{ID: hb.ID, Name: hb.Name, Description: hb.About, Every: Duration(hb.Every), Grace: Duration(hb.Grace), Severity: int(hb.Severity),
		MaxRun: Duration(hb.MaxRun), ByLabel: hb.ByLabel, Disabled: hb.Disabled, Message: hb.Message, Tags: hb.Tags, State: string(hb.Worst(hb.Sources)),
		Version: hb.Version, CreatedAt: hb.CreatedAt.UTC(), UpdatedAt: hb.UpdatedAt.UTC()}
	for _, src := range hb.Sources {
		if src.LastAt.After(out.LastAt) {
			out.LastAt = src.LastAt.UTC()
		}
		out.Sources = append(out.Sources, HeartbeatSource{Name: src.Name, State: string(hb.State(src)), LastAt: src.LastAt.UTC(), DueAt: utc(hb.Deadline(src)), Runs: runsOut(src.Runs)})
	}
	return out
}

func runsOut(runs map[string]engine.HeartbeatRun) (out []HeartbeatRun) {
	for id, r := range runs {
		out = append(out, HeartbeatRun{ID: id, StartedAt: r.StartedAt.UTC(), Late: r.Late})
	}
	slices.SortFunc(out, func(a, b HeartbeatRun) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), strings.Compare(a.ID, b.ID))
	})
	return out
}

// addressed is a heartbeat with the address that it is pinged by, of which only a hash is kept.
func (h handlers) addressed(hb enginedb.Heartbeat, secret string) Heartbeat {
	out := heartbeatOut(hb)
	out.URL = strings.TrimSuffix(h.publicURL, "/") + "/beat/" + secret
	return out
}

func aboutHeartbeat(slug string, id int64, err error) error {
	return about(fmt.Sprintf("heartbeat %d of service %s", id, slug), err)
}

// namedHeartbeat says of a write that another one has the name.
func namedHeartbeat(hb engine.Heartbeat, err error) error {
	if errors.Is(err, enginedb.ErrExists) {
		return problem.Conflict.Because("Service %s has a heartbeat called %q already.", hb.Service, hb.Name)
	}
	return err
}

func (h handlers) readHeartbeat(ctx context.Context, slug string, id int64) (enginedb.Heartbeat, error) {
	hb, err := h.incidents.Heartbeat(ctx, engine.ServiceID(slug), id)
	return hb, aboutHeartbeat(slug, id, err)
}

func (h handlers) ListHeartbeats(ctx context.Context, r ListHeartbeatsRequestObject) (ListHeartbeatsResponseObject, error) {
	if _, err := h.readService(ctx, r.Slug); err != nil {
		return nil, err
	}
	after, err := rowCursor(r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := h.limit(r.Params.Limit)
	found, err := h.incidents.Heartbeats(ctx, engine.ServiceID(r.Slug), after, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(hb enginedb.Heartbeat) string { return strconv.FormatInt(hb.ID, 10) })
	return ListHeartbeats200JSONResponse{Items: mapped(found, heartbeatOut), Next: next}, nil
}

func (h handlers) CreateHeartbeat(ctx context.Context, r CreateHeartbeatRequestObject) (CreateHeartbeatResponseObject, error) {
	hb, err := heartbeatOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	secret, id, err := h.incidents.CreateHeartbeat(ctx, hb)
	switch {
	case errors.Is(err, enginedb.ErrFull):
		return nil, problem.Conflict.Because("Service %s has %d heartbeats already. Delete those that nobody needs, or watch several by one with by_label.", r.Slug, enginedb.MaxHeartbeats)
	case errors.Is(err, enginedb.ErrNotFound):
		return nil, aboutService(r.Slug, err)
	case err != nil:
		return nil, namedHeartbeat(hb, err)
	}
	stored, err := h.readHeartbeat(ctx, r.Slug, id)
	if err != nil {
		return nil, err
	}
	return CreateHeartbeat201JSONResponse{h.addressed(stored, secret),
		CreateHeartbeat201ResponseHeaders{etag(stored.Version), fmt.Sprintf("/v1/services/%s/heartbeats/%d", r.Slug, id)}}, nil
}

func (h handlers) GetHeartbeat(ctx context.Context, r GetHeartbeatRequestObject) (GetHeartbeatResponseObject, error) {
	hb, err := h.readHeartbeat(ctx, r.Slug, r.ID)
	if err != nil {
		return nil, err
	}
	return GetHeartbeat200JSONResponse{heartbeatOut(hb), GetHeartbeat200ResponseHeaders{etag(hb.Version)}}, nil
}

func (h handlers) ReplaceHeartbeat(ctx context.Context, r ReplaceHeartbeatRequestObject) (ReplaceHeartbeatResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	hb, err := heartbeatOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	stored, err := h.readHeartbeat(ctx, r.Slug, r.ID)
	if err != nil {
		return nil, err
	}
	if hb.ID = stored.ID; hb.Severity == stored.Severity {
		hb.Word = stored.Word // whoever made it had a word of their own for that
	}
	if err := h.incidents.UpdateHeartbeat(ctx, hb, version); err != nil {
		if errors.Is(err, enginedb.ErrVersion) {
			return nil, changed(fmt.Sprintf("heartbeat %d of service %s", r.ID, r.Slug), stored.Version, stored.UpdatedAt, heartbeatOut(stored), *r.Body)
		}
		return nil, aboutHeartbeat(r.Slug, r.ID, namedHeartbeat(hb, err))
	}
	if stored, err = h.readHeartbeat(ctx, r.Slug, r.ID); err != nil {
		return nil, err
	}
	return ReplaceHeartbeat200JSONResponse{heartbeatOut(stored), ReplaceHeartbeat200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeleteHeartbeat(ctx context.Context, r DeleteHeartbeatRequestObject) (DeleteHeartbeatResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	if err := h.incidents.DeleteHeartbeat(ctx, engine.ServiceID(r.Slug), r.ID, version); err != nil {
		return nil, aboutHeartbeat(r.Slug, r.ID, err)
	}
	return DeleteHeartbeat204Response{}, nil
}

func (h handlers) ChangeHeartbeatURL(ctx context.Context, r ChangeHeartbeatURLRequestObject) (ChangeHeartbeatURLResponseObject, error) {
	secret, err := h.incidents.ChangeHeartbeatSecret(ctx, engine.ServiceID(r.Slug), r.ID)
	if err != nil {
		return nil, aboutHeartbeat(r.Slug, r.ID, err)
	}
	hb, err := h.readHeartbeat(ctx, r.Slug, r.ID)
	if err != nil {
		return nil, err
	}
	return ChangeHeartbeatURL200JSONResponse{h.addressed(hb, secret), ChangeHeartbeatURL200ResponseHeaders{etag(hb.Version)}}, nil
}
