package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// rosterOf is a roster of the wire as the cores have it.
func rosterOf(r Roster, slug string) (rosters.Roster, error) {
	if r.Slug != "" && slug != "" && r.Slug != slug {
		return rosters.Roster{}, wrong("/slug", r.Slug, "is not that of the path; a slug never changes")
	}
	r.Slug = orElse(slug, r.Slug)
	roster := wholeRoster(r)
	return roster, validRoster(roster)
}

// wholeRoster fills in what may be missing.
func wholeRoster(r Roster) rosters.Roster {
	return rosters.Roster{ID: rosters.RosterID(r.Slug), Name: orElse(r.Name, r.Slug), Rotations: mapped(r.Rotations, rotationOf),
		Handoff: handoffOf(r.Handoff)}
}

func validRoster(r rosters.Roster) error { return renamed(r.Validate(), "/id", "/slug") }

func handoffOf(h Handoff) rosters.Handoff {
	return rosters.Handoff{Silent: h.Silent, Ahead: time.Duration(h.Ahead)}
}

func handoffOut(h rosters.Handoff) Handoff {
	return Handoff{Silent: h.Silent, Ahead: Duration(h.Ahead)}
}

func rotationOf(r Rotation) rosters.Rotation {
	return rosters.Rotation{ID: r.ID, Rank: r.Rank, Zone: r.Zone, Start: r.Start, Rule: r.Rule, Every: time.Duration(r.Every), Times: r.Times, Without: r.Without, Besides: r.Besides,
		Length: time.Duration(r.Length), Participants: mapped(r.Participants, func(s Seat) rosters.PersonID { return rosters.PersonID(s) }),
		Everyone: r.Everyone, Each: r.ShiftsEach, Ahead: r.Ahead, Hours: windowsOf(r.Hours), From: utc(r.From), Until: utc(r.Until)}
}

// utc is t as it is stored and answered; zero stays zero.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

func rosterOut(r rosterdb.Roster) Roster {
	return Roster{Slug: string(r.ID), Name: r.Name, Team: string(r.Team), Rotations: mapped(r.Rotations, rotationOut), Handoff: handoffOut(r.Handoff), Revision: r.Revision, EffectiveFrom: utc(r.Since),
		Version: r.Version, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC()}
}

func rotationOut(r rosters.Rotation) Rotation {
	return Rotation{ID: r.ID, Rank: r.Rank, Zone: r.Zone, Start: r.Start, Rule: r.Rule, Every: Duration(r.Every), Times: r.Times, Without: r.Without, Besides: r.Besides,
		Length: Duration(r.Length), Participants: mapped(r.Participants, func(p rosters.PersonID) Seat { return string(p) }),
		Everyone: r.Everyone, ShiftsEach: r.Each, Ahead: r.Ahead, Hours: windowsOut(r.Hours), From: utc(r.From), Until: utc(r.Until)}
}

func aboutRoster(slug string, err error) error { return about("roster "+slug, err) }

// writtenRoster says which participants are not there, at their places in the body.
func writtenRoster(r rosters.Roster, err error) error {
	missing, ok := errors.AsType[*rosterdb.MissingError](err)
	if !ok {
		return aboutRoster(string(r.ID), err)
	}
	var fields []problem.Field
	for i, t := range r.Rotations {
		for j, p := range t.Participants {
			if p != "" && slices.Contains(missing.People, p) {
				fields = append(fields, problem.Field{Pointer: fmt.Sprintf("/rotations/%d/participants/%d", i, j), Value: string(p), Detail: "there is no such person"})
			}
		}
	}
	if len(fields) == 0 { // created in this moment
		return err
	}
	return invalid(fields)
}

func (h handlers) ListRosters(ctx context.Context, r ListRostersRequestObject) (ListRostersResponseObject, error) {
	limit := h.limit(r.Params.Limit)
	ids, err := h.rosters.FindRosters(ctx, rosterdb.Search{Text: r.Params.Q, Team: rosters.TeamID(r.Params.Team), Person: rosters.PersonID(r.Params.Person)}, rosters.RosterID(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, err
	}
	ids, next := part(ids, limit, func(id rosters.RosterID) string { return string(id) })
	found, err := h.rosters.RostersDuring(ctx, ids, never, never)
	if err != nil {
		return nil, err
	}
	wanted, err := h.incidents.RosterDrills(ctx)
	items := mapped(found, rosterOut)
	for i, r := range found {
		items[i].Drill = drillWish(wanted[r.ID])
	}
	return ListRosters200JSONResponse{Items: items, Next: next}, err
}

// never is a time at which no override begins: rosters are read without any.
var never = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

func (h handlers) CreateRoster(ctx context.Context, r CreateRosterRequestObject) (CreateRosterResponseObject, error) {
	roster, err := rosterOf(*r.Body, "")
	if err != nil {
		return nil, err
	}
	if err := validDrill("/drill", r.Body.Drill); err != nil {
		return nil, err
	}
	if err := h.rosters.CreateRoster(ctx, roster, h.caller.Name); err != nil {
		return nil, writtenRoster(roster, err)
	}
	if err := h.give(ctx, rosterdb.OwnedRoster, string(roster.ID)); err != nil {
		return nil, err
	}
	if err := h.wantDrill(ctx, roster.ID, r.Body.Drill); err != nil {
		return nil, err
	}
	stored, err := h.readRoster(ctx, string(roster.ID))
	if err != nil {
		return nil, err
	}
	view, err := h.rosterView(ctx, stored)
	return CreateRoster201JSONResponse{view, CreateRoster201ResponseHeaders{etag(stored.Version), "/v1/rosters/" + string(roster.ID)}}, err
}

func (h handlers) readRoster(ctx context.Context, slug string) (rosterdb.Roster, error) {
	r, err := h.rosters.RosterDuring(ctx, rosters.RosterID(slug), never, never)
	return r, aboutRoster(slug, err)
}

func (h handlers) GetRoster(ctx context.Context, r GetRosterRequestObject) (GetRosterResponseObject, error) {
	roster, err := h.readRoster(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	view, err := h.rosterView(ctx, roster)
	return GetRoster200JSONResponse{view, GetRoster200ResponseHeaders{etag(roster.Version)}}, err
}

func (h handlers) ReplaceRoster(ctx context.Context, r ReplaceRosterRequestObject) (ReplaceRosterResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	roster, err := rosterOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	if err := validDrill("/drill", r.Body.Drill); err != nil {
		return nil, err
	}
	err = editing(version, func() error {
		stored, err := h.readRoster(ctx, r.Slug)
		if err != nil {
			return err
		}
		if version != rosterdb.AnyVersion && version != stored.Version {
			return rosterdb.ErrVersion
		}
		stored.Name, stored.Handoff = roster.Name, roster.Handoff
		return h.reviseRoster(ctx, stored, roster.Rotations, r.Params.EffectiveFrom)
	})
	if stored, gone := h.readRoster(ctx, r.Slug); gone == nil && errors.Is(err, rosterdb.ErrVersion) {
		view, err := h.rosterView(ctx, stored)
		if err != nil {
			return nil, err
		}
		return nil, changed("roster "+r.Slug, stored.Version, stored.UpdatedAt, view, *r.Body)
	}
	if err != nil {
		return nil, writtenRoster(roster, err)
	}
	if err := h.give(ctx, rosterdb.OwnedRoster, r.Slug); err != nil {
		return nil, err
	}
	if err := h.wantDrill(ctx, roster.ID, r.Body.Drill); err != nil {
		return nil, err
	}
	stored, err := h.readRoster(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	view, err := h.rosterView(ctx, stored)
	return ReplaceRoster200JSONResponse{view, ReplaceRoster200ResponseHeaders{etag(stored.Version)}}, err
}

// reviseRoster stores a roster with other rotations from an instant on, if they are others.
func (h handlers) reviseRoster(ctx context.Context, stored rosterdb.Roster, rotations []rosters.Rotation, from time.Time) error {
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	r, at := stored.Roster, from.UTC().Truncate(time.Microsecond) // as the database keeps it
	if at.Before(now) {
		at = now
	}
	if !sameRotations(rotations, r.Rotations) || at.Before(r.Since) {
		// The newest may count later: it is revised from what counts until then.
		until, err := h.rosters.RosterDuring(ctx, r.ID, at.Add(-time.Microsecond), at)
		if err != nil {
			return err
		}
		if until.Version != stored.Version {
			return rosterdb.ErrVersion
		}
		r.Earlier = until.Earlier
		r = r.Revised(rotations, at)
	}
	return h.updateRoster(ctx, r, stored.Version)
}

// sameRotations compares them as values: what is missing is what it means.
func sameRotations(a, b []rosters.Rotation) bool {
	one, errOne := json.Marshal(a)
	other, errOther := json.Marshal(b)
	return errOne == nil && errOther == nil && bytes.Equal(one, other)
}

func (h handlers) ListRevisions(ctx context.Context, r ListRevisionsRequestObject) (ListRevisionsResponseObject, error) {
	roster, err := h.rosters.WholeRoster(ctx, rosters.RosterID(r.Slug))
	if err != nil {
		return nil, aboutRoster(r.Slug, err)
	}
	var items []Revision
	for _, v := range append(roster.Earlier, rosters.Revision{Revision: roster.Revision, Since: roster.Since, Rotations: roster.Rotations}) {
		if n := len(items); n > 0 {
			items[n-1].EffectiveUntil = utc(v.Since)
		}
		items = append(items, Revision{Revision: v.Revision, EffectiveFrom: utc(v.Since), Rotations: mapped(v.Rotations, rotationOut)})
	}
	return ListRevisions200JSONResponse{Items: items}, nil
}

// updateRoster stores a roster, or tells which overrides are in the way of a rotation's going.
func (h handlers) updateRoster(ctx context.Context, r rosters.Roster, version int) error {
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	err = h.rosters.UpdateRoster(ctx, r, version, now, h.caller.Name)
	if !errors.Is(err, rosterdb.ErrInUse) {
		return err
	}
	uses, err := h.rosters.RotationUses(ctx, r, now)
	if err != nil {
		return err
	}
	reasons := mapped(uses, func(o rosters.Override) string {
		return fmt.Sprintf("would lose rotation %s, which override %s names, %s to %s", o.Rotation, o.ID, clock(o.From), clock(o.To))
	})
	return inUse("roster "+string(r.ID), reasons, "Delete the override first.")
}

func (h handlers) DeleteRoster(ctx context.Context, r DeleteRosterRequestObject) (DeleteRosterResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	id := rosters.RosterID(r.Slug)
	if id == h.catchAll.Roster {
		return nil, problem.InUse.Because("roster %s is the catch-all roster of this server's configuration.", id)
	}
	err = h.rosters.DeleteRoster(ctx, id, version, h.caller.Name)
	if errors.Is(err, rosterdb.ErrInUse) {
		policies, err := h.incidents.PoliciesNaming(ctx, engine.Target{Roster: id})
		if err != nil {
			return nil, err
		}
		reasons := mapped(policies, func(p engine.PolicyID) string { return fmt.Sprintf("is named by policy %s", p) })
		return nil, inUse("roster "+r.Slug, reasons, "Change the policy first.")
	}
	if err != nil {
		return nil, aboutRoster(r.Slug, err)
	}
	return DeleteRoster204Response{}, nil
}

// editRoster changes a roster's rotations and stores the whole. If somebody else was faster it begins
// anew, unless the caller named a version. The change returns the place of the rotation it is about, -1
// for none.
func (h handlers) editRoster(ctx context.Context, slug, ifMatch string, from time.Time, change func(*rosters.Roster) (int, error)) (rosterdb.Roster, error) {
	version, err := wanted(ifMatch)
	if err != nil {
		return rosterdb.Roster{}, err
	}
	err = editing(version, func() error {
		stored, err := h.readRoster(ctx, slug)
		if err != nil {
			return err
		}
		if version != rosterdb.AnyVersion && version != stored.Version {
			return rosterdb.ErrVersion
		}
		changed := stored.Roster
		changed.Rotations = slices.Clone(changed.Rotations)
		i, err := change(&changed)
		if err != nil {
			return err
		}
		place := fmt.Sprintf("/rotations/%d", i)
		if err := changed.Validate(); err != nil {
			return below(place, err)
		}
		err = h.reviseRoster(ctx, stored, changed.Rotations, from)
		return withoutPlace(place, writtenRosterVersion(changed, err))
	})
	if err != nil {
		return rosterdb.Roster{}, aboutRoster(slug, err)
	}
	return h.readRoster(ctx, slug)
}

// writtenRosterVersion leaves a lost race to whoever tries again.
func writtenRosterVersion(r rosters.Roster, err error) error {
	if errors.Is(err, rosterdb.ErrVersion) {
		return err
	}
	return writtenRoster(r, err)
}

// withoutPlace is a problem with the pointers of a part that was sent alone.
func withoutPlace(place string, err error) error {
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || len(p.Errors) == 0 || p.Name != problem.Validation.Name {
		return err
	}
	fields := slices.Clone(p.Errors)
	for i := range fields {
		fields[i].Pointer = strings.TrimPrefix(fields[i].Pointer, place)
	}
	return invalid(fields)
}

func rotationIndex(r rosters.Roster, id string) int {
	return slices.IndexFunc(r.Rotations, func(t rosters.Rotation) bool { return t.ID == id })
}

func noRotation(slug, id string) error {
	return problem.NotFound.Because("There is no rotation %s in roster %s.", id, slug)
}

func (h handlers) ListRotations(ctx context.Context, r ListRotationsRequestObject) (ListRotationsResponseObject, error) {
	roster, err := h.readRoster(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return ListRotations200JSONResponse{Rotations{mapped(roster.Rotations, rotationOut)}, ListRotations200ResponseHeaders{etag(roster.Version)}}, nil
}

func (h handlers) GetRotation(ctx context.Context, r GetRotationRequestObject) (GetRotationResponseObject, error) {
	roster, err := h.readRoster(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	i := rotationIndex(roster.Roster, r.ID)
	if i < 0 {
		return nil, noRotation(r.Slug, r.ID)
	}
	return GetRotation200JSONResponse{rotationOut(roster.Rotations[i]), GetRotation200ResponseHeaders{etag(roster.Version)}}, nil
}

func (h handlers) CreateRotation(ctx context.Context, r CreateRotationRequestObject) (CreateRotationResponseObject, error) {
	t := rotationOf(*r.Body)
	roster, err := h.editRoster(ctx, r.Slug, r.Params.IfMatch, r.Params.EffectiveFrom, func(stored *rosters.Roster) (int, error) {
		if rotationIndex(*stored, t.ID) >= 0 {
			return 0, problem.Conflict.Because("There is a rotation %s in roster %s already.", t.ID, r.Slug)
		}
		stored.Rotations = append(stored.Rotations, t)
		return len(stored.Rotations) - 1, nil
	})
	if err != nil {
		return nil, err
	}
	return CreateRotation201JSONResponse{rotationOut(roster.Rotations[rotationIndex(roster.Roster, t.ID)]), CreateRotation201ResponseHeaders{etag(roster.Version), "/v1/rosters/" + r.Slug + "/rotations/" + t.ID}}, nil
}

func (h handlers) ReplaceRotation(ctx context.Context, r ReplaceRotationRequestObject) (ReplaceRotationResponseObject, error) {
	t := rotationOf(*r.Body)
	if t.ID != "" && t.ID != r.ID {
		return nil, wrong("/id", t.ID, "is not that of the path; an id never changes")
	}
	t.ID = r.ID
	roster, err := h.editRoster(ctx, r.Slug, r.Params.IfMatch, r.Params.EffectiveFrom, func(stored *rosters.Roster) (int, error) {
		i := rotationIndex(*stored, r.ID)
		if i < 0 {
			return 0, noRotation(r.Slug, r.ID)
		}
		stored.Rotations[i] = t
		return i, nil
	})
	if err != nil {
		return nil, err
	}
	return ReplaceRotation200JSONResponse{rotationOut(roster.Rotations[rotationIndex(roster.Roster, t.ID)]), ReplaceRotation200ResponseHeaders{etag(roster.Version)}}, nil
}

func (h handlers) DeleteRotation(ctx context.Context, r DeleteRotationRequestObject) (DeleteRotationResponseObject, error) {
	_, err := h.editRoster(ctx, r.Slug, r.Params.IfMatch, r.Params.EffectiveFrom, func(stored *rosters.Roster) (int, error) {
		i := rotationIndex(*stored, r.ID)
		if i < 0 {
			return 0, noRotation(r.Slug, r.ID)
		}
		if len(stored.Rotations) == 1 {
			return 0, problem.InUse.Because("Rotation %s is the only one of roster %s, in which nobody would be on call without it.", r.ID, r.Slug)
		}
		gone := stored.Rotations[i]
		stored.Rotations = slices.Delete(stored.Rotations, i, i+1)
		return -1, h.rosters.Keep(ctx, rosterdb.TrashedRotation, r.Slug+"/"+r.ID, gone, h.caller.Name)
	})
	if err != nil {
		return nil, err
	}
	return DeleteRotation200JSONResponse{}, nil
}
