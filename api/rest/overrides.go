package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/api/problem"
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

// CreateOverride lets one that was to begin before now begin now: the past does not change (rule 16).
func (h handlers) CreateOverride(ctx context.Context, r CreateOverrideRequestObject) (CreateOverrideResponseObject, error) {
	now, err := h.now(ctx)
	if err != nil {
		return nil, err
	}
	o := overrideOf(*r.Body)
	if o.Person == "" && o.Kind != rosters.TakeOff {
		o.Person = h.caller.Person
	}
	if err := h.validOverride(ctx, r.Slug, o, now); err != nil {
		return nil, err
	}
	if o.From.Before(now) {
		o.From = now.Truncate(time.Microsecond) // as the database keeps it
	}
	o, err = h.rosters.CreateOverride(ctx, rosters.RosterID(r.Slug), o, h.caller.Person)
	if err != nil {
		return nil, aboutRoster(r.Slug, writtenOverride(o, err))
	}
	return CreateOverride201JSONResponse{overrideOut(o), CreateOverride201ResponseHeaders{"/v1/rosters/" + r.Slug + "/overrides/" + o.ID}}, nil
}

func (h handlers) ReplaceOverride(ctx context.Context, r ReplaceOverrideRequestObject) (ReplaceOverrideResponseObject, error) {
	now, err := h.now(ctx)
	if err != nil {
		return nil, err
	}
	o := overrideOf(*r.Body)
	o.ID = strconv.FormatInt(r.ID, 10)
	stored, err := h.rosters.Override(ctx, rosters.RosterID(r.Slug), o.ID)
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	if err := h.validOverride(ctx, r.Slug, o, now); err != nil {
		return nil, err
	}
	switch {
	case !stored.To.After(now):
		return nil, problem.Past.Because("Override %d of roster %s is over since %s; who was on call does not change any more.", r.ID, r.Slug, clock(stored.To))
	case stored.From.After(now):
		if o.From.Before(now) {
			o.From = now.Truncate(time.Microsecond)
		}
	case !sameButEnd(o, stored):
		return nil, problem.Past.Because("Override %d of roster %s is under way since %s: only its end can be changed. End it, and make another one.", r.ID, r.Slug, clock(stored.From))
	}
	if err := h.rosters.UpdateOverride(ctx, rosters.RosterID(r.Slug), o); err != nil {
		return nil, aboutOverride(r.Slug, r.ID, writtenOverride(o, err))
	}
	return ReplaceOverride200JSONResponse(overrideOut(o)), nil
}

// sameButEnd reports whether two overrides differ in nothing but when they end.
func sameButEnd(a, b rosters.Override) bool {
	return a.From.Equal(b.From) && a.Kind == b.Kind && a.Rotation == b.Rotation && a.Replaces == b.Replaces && a.Person == b.Person
}

// validOverride checks an override as part of its roster. One that is over cannot be made.
func (h handlers) validOverride(ctx context.Context, slug string, o rosters.Override, now time.Time) error {
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

// DeleteOverride ends one that is under way, and deletes one that is to come.
func (h handlers) DeleteOverride(ctx context.Context, r DeleteOverrideRequestObject) (DeleteOverrideResponseObject, error) {
	now, err := h.now(ctx)
	if err != nil {
		return nil, err
	}
	roster, id := rosters.RosterID(r.Slug), strconv.FormatInt(r.ID, 10)
	o, err := h.rosters.Override(ctx, roster, id)
	switch {
	case err != nil:
	case !o.To.After(now):
		err = problem.Past.Because("Override %d of roster %s is over since %s; who was on call does not change any more.", r.ID, r.Slug, clock(o.To))
	case o.From.Before(now):
		err = h.rosters.EndOverride(ctx, roster, id, now)
	default:
		err = h.rosters.DeleteOverride(ctx, roster, id, h.caller.Name)
	}
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	return DeleteOverride200JSONResponse{}, nil
}
