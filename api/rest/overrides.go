package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

func overrideOf(o Override) rosters.Override {
	kind := rosters.OverrideKind(o.Kind)
	if o.Kind == replaceKind {
		kind = rosters.Replace
	}
	return rosters.Override{Kind: kind, Rotation: o.Rotation, Replaces: rosters.PersonID(o.Replaces), Person: rosters.PersonID(o.Person), From: o.From.UTC(), To: o.To.UTC()}
}

func overrideOut(o rosters.Override) Override {
	return Override{ID: overrideNumber(o.ID), Kind: orElse(string(o.Kind), replaceKind), Rotation: o.Rotation, Replaces: string(o.Replaces), Person: string(o.Person),
		From: o.From.UTC(), To: o.To.UTC()}
}

// replaceKind is the kind of most overrides as the wire names it.
const replaceKind = "replace"

// overrideNumber is an override's id as the wire has it.
func overrideNumber(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64) // it comes from a bigint, or is ""
	return n
}

// farOff is later than any override.
var farOff = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func (h handlers) ListOverrides(ctx context.Context, r ListOverridesRequestObject) (ListOverridesResponseObject, error) {
	if _, err := h.readRoster(ctx, r.Slug); err != nil {
		return nil, err
	}
	from, to := r.Params.From, r.Params.To
	if from.IsZero() {
		now, err := h.now(ctx)
		if err != nil {
			return nil, err
		}
		from = now
	}
	if to.IsZero() {
		to = farOff
	}
	if _, err := rowCursor(r.Params.Cursor); err != nil {
		return nil, err
	}
	limit := h.limit(r.Params.Limit)
	found, err := h.rosters.Overrides(ctx, rosters.RosterID(r.Slug), from, to, r.Params.Cursor, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(o rosters.Override) string { return o.ID })
	return ListOverrides200JSONResponse{Items: mapped(found, overrideOut), Next: next}, nil
}

func (h handlers) GetOverride(ctx context.Context, r GetOverrideRequestObject) (GetOverrideResponseObject, error) {
	o, err := h.rosters.Override(ctx, rosters.RosterID(r.Slug), strconv.FormatInt(r.ID, 10))
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	return GetOverride200JSONResponse(overrideOut(o)), nil
}

func aboutOverride(slug string, id int64, err error) error {
	return about(fmt.Sprintf("override %d of roster %s", id, slug), err)
}

func (h handlers) CreateOverride(ctx context.Context, r CreateOverrideRequestObject) (CreateOverrideResponseObject, error) {
	o := overrideOf(*r.Body)
	if err := h.validOverride(ctx, r.Slug, o); err != nil {
		return nil, err
	}
	o, err := h.rosters.CreateOverride(ctx, rosters.RosterID(r.Slug), o)
	if err != nil {
		return nil, aboutRoster(r.Slug, writtenOverride(o, err))
	}
	return CreateOverride201JSONResponse{overrideOut(o), CreateOverride201ResponseHeaders{"/v1/rosters/" + r.Slug + "/overrides/" + o.ID}}, nil
}

func (h handlers) ReplaceOverride(ctx context.Context, r ReplaceOverrideRequestObject) (ReplaceOverrideResponseObject, error) {
	o := overrideOf(*r.Body)
	o.ID = strconv.FormatInt(r.ID, 10)
	if _, err := h.rosters.Override(ctx, rosters.RosterID(r.Slug), o.ID); err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	if err := h.validOverride(ctx, r.Slug, o); err != nil {
		return nil, err
	}
	if err := h.rosters.UpdateOverride(ctx, rosters.RosterID(r.Slug), o); err != nil {
		return nil, aboutOverride(r.Slug, r.ID, writtenOverride(o, err))
	}
	return ReplaceOverride200JSONResponse(overrideOut(o)), nil
}

// validOverride checks an override as part of its roster. One that is over cannot be made: the past
// does not change (rule 16).
func (h handlers) validOverride(ctx context.Context, slug string, o rosters.Override) error {
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	stored, err := h.rosters.RosterDuring(ctx, rosters.RosterID(slug), now, farOff)
	if err != nil {
		return aboutRoster(slug, err)
	}
	i := len(stored.Overrides)
	for j, other := range stored.Overrides {
		if other.ID == o.ID {
			i = j
		}
	}
	if o.ID == "" {
		o.ID = "new"
	}
	stored.Overrides = append(stored.Overrides[:i:i], o)
	if err := stored.Validate(); err != nil {
		return below(fmt.Sprintf("/overrides/%d", i), err)
	}
	if !o.To.After(now) {
		return wrong("/to", clock(o.To), "is over; who was on call does not change any more")
	}
	return nil
}

// writtenOverride says what an override names that is not there.
func writtenOverride(o rosters.Override, err error) error {
	if _, ok := errors.AsType[*rosterdb.MissingError](err); ok {
		return wrong("/person", string(o.Person), "there is no such person")
	}
	if errors.Is(err, rosterdb.ErrRotation) {
		return wrong("/rotation", o.Rotation, "the roster has no such rotation; leave it empty to cover the whole roster")
	}
	return err
}

func (h handlers) DeleteOverride(ctx context.Context, r DeleteOverrideRequestObject) (DeleteOverrideResponseObject, error) {
	err := h.rosters.DeleteOverride(ctx, rosters.RosterID(r.Slug), strconv.FormatInt(r.ID, 10))
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	return DeleteOverride204Response{}, nil
}
