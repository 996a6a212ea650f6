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

func deletedOut(t rosterdb.Trashed) Deleted {
	return Deleted{ID: t.ID, Kind: DeletedKind(t.Kind), Name: t.Slug, DeletedAt: t.At.UTC(), DeletedBy: t.By}
}

func (h handlers) ListDeleted(ctx context.Context, r ListDeletedRequestObject) (ListDeletedResponseObject, error) {
	before, err := rowCursor(r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := h.limit(r.Params.Limit)
	found, err := h.rosters.Trash(ctx, rosterdb.TrashKind(r.Params.Kind), before, limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(t rosterdb.Trashed) string { return strconv.FormatInt(t.ID, 10) })
	return ListDeleted200JSONResponse{Items: mapped(found, deletedOut), Next: next}, nil
}

func (h handlers) Restore(ctx context.Context, r RestoreRequestObject) (RestoreResponseObject, error) {
	t, err := h.rosters.Deleted(ctx, r.ID)
	if errors.Is(err, rosterdb.ErrNotFound) {
		return nil, problem.NotFound.Because("Nothing of number %d can be restored: GET /v1/deleted lists what can.", r.ID)
	}
	if err != nil {
		return nil, err
	}
	owner, id := t.Owned()
	place := ""
	switch t.Kind {
	case rosterdb.TrashedPerson:
		place, err = "/v1/people/"+t.Slug, aboutPerson(t.Slug, h.rosters.RestorePerson(ctx, t.ID))
	case rosterdb.TrashedTeam:
		place, err = "/v1/teams/"+t.Slug, aboutTeam(t.Slug, h.rosters.RestoreTeam(ctx, t.ID))
	case rosterdb.TrashedRoster:
		place, err = "/v1/rosters/"+t.Slug, aboutRoster(t.Slug, named(h.rosters.RestoreRoster(ctx, t.ID, h.caller.Name)))
	case rosterdb.TrashedContact:
		place, err = "/v1/people/"+owner, h.restoreContact(ctx, owner, t.ID)
	case rosterdb.TrashedRotation:
		place, err = "/v1/rosters/"+owner+"/rotations/"+id, h.restoreRotation(ctx, owner, t.ID)
	case rosterdb.TrashedOverride:
		place, err = h.restoreOverride(ctx, owner, t.ID)
	}
	if err != nil {
		return nil, err
	}
	return Restore200JSONResponse{deletedOut(t), Restore200ResponseHeaders{place}}, nil
}

// named says who is named and not there any more.
func named(err error) error {
	missing, ok := errors.AsType[*rosterdb.MissingError](err)
	if !ok {
		return err
	}
	return problem.Conflict.Because("It names people who are not there: %v. Restore them first.", missing.People)
}

func (h handlers) restoreContact(ctx context.Context, handle string, id int64) error {
	var c rosters.Contact
	if err := h.rosters.Unkeep(ctx, id, &c); err != nil {
		return err
	}
	_, err := h.editPerson(ctx, handle, "", func(p *rosters.Person, _ []int64) error {
		p.Contacts = append(p.Contacts, c)
		return validContact(*p, len(p.Contacts)-1)
	})
	return err
}

func (h handlers) restoreRotation(ctx context.Context, slug string, id int64) error {
	var t rosters.Rotation
	if err := h.rosters.Unkeep(ctx, id, &t); err != nil {
		return err
	}
	_, err := h.editRoster(ctx, slug, "", time.Time{}, func(stored *rosters.Roster) (int, error) {
		if rotationIndex(*stored, t.ID) >= 0 {
			return 0, problem.Conflict.Because("There is a rotation %s in roster %s already.", t.ID, slug)
		}
		stored.Rotations = append(stored.Rotations, t)
		return len(stored.Rotations) - 1, nil
	})
	return err
}

// restoreOverride makes what of an override is still to come anew.
func (h handlers) restoreOverride(ctx context.Context, slug string, id int64) (place string, err error) {
	var o rosters.Override
	if err := h.rosters.Unkeep(ctx, id, &o); err != nil {
		return "", err
	}
	now, err := h.now(ctx)
	if err != nil {
		return "", err
	}
	if !o.To.After(now) {
		return "", problem.Past.Because("The override was for %s to %s, and that is over.", clock(o.From), clock(o.To))
	}
	if o.From.Before(now) {
		o.From = now.Truncate(time.Microsecond)
	}
	o, err = h.rosters.CreateOverride(ctx, rosters.RosterID(slug), o, h.caller.Person)
	if err != nil {
		return "", aboutRoster(slug, named(writtenOverrideAgain(o, err)))
	}
	return fmt.Sprintf("/v1/rosters/%s/overrides/%s", slug, o.ID), nil
}

func writtenOverrideAgain(o rosters.Override, err error) error {
	if errors.Is(err, rosterdb.ErrRotation) {
		return problem.Conflict.Because("The roster has no rotation %s any more, which the override was for. Restore that first.", o.Rotation)
	}
	return err
}
