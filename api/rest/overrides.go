package rest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rouse/api/problem"
	"rouse/api/shifts"
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
	found, err := h.rosters.Overrides(ctx, rosters.RosterID(r.Slug), from, to, rosters.PersonID(r.Params.Person), r.Params.Cursor, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(o rosterdb.Override) string { return o.ID })
	return ListOverrides200JSONResponse{Items: mapped(found, storedOut), Next: next}, nil
}

func (h handlers) GetOverride(ctx context.Context, r GetOverrideRequestObject) (GetOverrideResponseObject, error) {
	o, err := h.rosters.Override(ctx, rosters.RosterID(r.Slug), strconv.FormatInt(r.ID, 10))
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	return GetOverride200JSONResponse{storedOut(o), GetOverride200ResponseHeaders{etag(o.Version)}}, nil
}

func storedOut(o rosterdb.Override) Override {
	out := overrideOut(o.Override)
	out.Version = o.Version
	return out
}

func aboutOverride(slug string, id int64, err error) error {
	return about(fmt.Sprintf("override %d of roster %s", id, slug), err)
}

// CreateOverride lets one that was to begin before now begin now: the past does not change (rule 16).
func (h handlers) CreateOverride(ctx context.Context, r CreateOverrideRequestObject) (CreateOverrideResponseObject, error) {
	book, err := h.book(ctx)
	if err != nil {
		return nil, err
	}
	o := overrideOf(*r.Body)
	if o.Person == "" && o.Kind != rosters.TakeOff {
		if o.Person = h.caller.Person; o.Person == "" {
			return nil, wrong("/person", "", "must say who is on call: the key acts as nobody, so that nobody is meant by leaving it out")
		}
	}
	o, err = book.Override(ctx, rosters.RosterID(r.Slug), o, h.caller.Person)
	if err != nil {
		return nil, aboutRoster(r.Slug, writtenOverride(o, err))
	}
	made := storedOut(rosterdb.Override{Override: o, Version: 1})
	return CreateOverride201JSONResponse{made, CreateOverride201ResponseHeaders{etag(made.Version), "/v1/rosters/" + r.Slug + "/overrides/" + o.ID}}, nil
}

func (h handlers) ReplaceOverride(ctx context.Context, r ReplaceOverrideRequestObject) (ReplaceOverrideResponseObject, error) {
	book, err := h.book(ctx)
	if err != nil {
		return nil, err
	}
	o, now := overrideOf(*r.Body), book.Now
	o.ID = strconv.FormatInt(r.ID, 10)
	stored, err := h.lockOverride(ctx, r.Slug, r.ID, r.Params.IfMatch, *r.Body)
	if err != nil {
		return nil, err
	}
	if err := book.Valid(ctx, rosters.RosterID(r.Slug), o); err != nil {
		return nil, aboutRoster(r.Slug, err)
	}
	switch {
	case !stored.To.After(now):
		return nil, problem.Past.Because("Override %d of roster %s is over since %s; who was on call does not change any more.", r.ID, r.Slug, clock(stored.To))
	case stored.From.After(now):
		if o.From.Before(now) {
			o.From = now.Truncate(time.Microsecond)
		}
	case !sameButEnd(o, stored.Override):
		return nil, problem.Past.Because("Override %d of roster %s is under way since %s: only its end can be changed. End it, and make another one.", r.ID, r.Slug, clock(stored.From))
	}
	err = book.Telling(ctx, rosters.RosterID(r.Slug), both(stored.Override, o), h.caller.Person, func() (string, error) {
		if err := h.forget(ctx, stored); err != nil {
			return "", err
		}
		return shifts.AboutOverride(o.ID, stored.Version+1), h.rosters.UpdateOverride(ctx, rosters.RosterID(r.Slug), o)
	})
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, writtenOverride(o, err))
	}
	written := storedOut(rosterdb.Override{Override: o, Version: stored.Version + 1})
	return ReplaceOverride200JSONResponse{written, ReplaceOverride200ResponseHeaders{etag(written.Version)}}, nil
}

// both is the time that two overrides are about.
func both(a, b rosters.Override) rosters.Span {
	s := rosters.Span{From: a.From, To: a.To}
	if b.From.Before(s.From) {
		s.From = b.From
	}
	if b.To.After(s.To) {
		s.To = b.To
	}
	return s
}

// forget gives up telling people of a version of an override.
func (h handlers) forget(ctx context.Context, o rosterdb.Override) error {
	return h.incidents.DropNotices(ctx, "", "shift changed", shifts.AboutOverride(o.ID, o.Version))
}

// lockOverride reads an override for a change, unless it is another version than the caller named.
func (h handlers) lockOverride(ctx context.Context, slug string, id int64, ifMatch string, sent any) (rosterdb.Override, error) {
	version, err := wanted(ifMatch)
	if err != nil {
		return rosterdb.Override{}, err
	}
	stored, err := h.rosters.LockOverride(ctx, rosters.RosterID(slug), strconv.FormatInt(id, 10))
	if err != nil {
		return stored, aboutOverride(slug, id, err)
	}
	if version != rosterdb.AnyVersion && version != stored.Version {
		return stored, changedOverride(slug, stored, sent)
	}
	return stored, nil
}

// changedOverride says what is otherwise than it was sent.
func changedOverride(slug string, stored rosterdb.Override, sent any) error {
	return changed(fmt.Sprintf("override %s of roster %s", stored.ID, slug), stored.Version, time.Time{}, storedOut(stored), sent)
}

// sameButEnd reports whether two overrides differ in nothing but when they end.
func sameButEnd(a, b rosters.Override) bool {
	return a.From.Equal(b.From) && a.Kind == b.Kind && a.Rotation == b.Rotation && a.Replaces == b.Replaces && a.Person == b.Person
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
	book, err := h.book(ctx)
	if err != nil {
		return nil, err
	}
	roster, id, now := rosters.RosterID(r.Slug), strconv.FormatInt(r.ID, 10), book.Now
	o, err := h.lockOverride(ctx, r.Slug, r.ID, r.Params.IfMatch, nil)
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	if !o.To.After(now) {
		return nil, problem.Past.Because("Override %d of roster %s is over since %s; who was on call does not change any more.", r.ID, r.Slug, clock(o.To))
	}
	err = book.Telling(ctx, roster, both(o.Override, o.Override), h.caller.Person, func() (string, error) {
		if err := h.forget(ctx, o); err != nil {
			return "", err
		}
		if o.From.Before(now) {
			return shifts.AboutOverride(id, 0), h.rosters.EndOverride(ctx, roster, o.Override, now, h.caller.Name)
		}
		return shifts.AboutOverride(id, 0), h.rosters.DeleteOverride(ctx, roster, id, h.caller.Name)
	})
	if err != nil {
		return nil, aboutOverride(r.Slug, r.ID, err)
	}
	return DeleteOverride200JSONResponse{}, nil
}
