package rest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rouse/api/problem"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// teamOf is a team of the wire as the cores have it.
func teamOf(t Team, slug string) (rosters.Team, error) {
	if t.Slug != "" && slug != "" && t.Slug != slug {
		return rosters.Team{}, wrong("/slug", t.Slug, "is not that of the path; a slug never changes")
	}
	t.Slug = orElse(slug, t.Slug)
	team := wholeTeam(t)
	return team, validTeam(team)
}

// wholeTeam fills in what may be missing.
func wholeTeam(t Team) rosters.Team {
	return rosters.Team{ID: rosters.TeamID(t.Slug), Name: orElse(t.Name, t.Slug), Members: mapped(t.Members, func(m Member) rosters.Member {
		return rosters.Member{Person: rosters.PersonID(m.Person), Role: rosters.Role(m.Role)}
	})}
}

func validTeam(t rosters.Team) error { return renamed(t.Validate(), "/id", "/slug") }

func teamOut(t rosterdb.Team) Team {
	return Team{Slug: string(t.ID), Name: t.Name, Members: mapped(t.Members, func(m rosters.Member) Member { return Member{Person: string(m.Person), Role: string(m.Role)} }),
		Version: t.Version, CreatedAt: t.CreatedAt.UTC(), UpdatedAt: t.UpdatedAt.UTC()}
}

func aboutTeam(slug string, err error) error { return about("team "+slug, err) }

// writtenTeam says which members are not there, at their places in the body.
func writtenTeam(t rosters.Team, err error) error {
	missing, ok := errors.AsType[*rosterdb.MissingError](err)
	if !ok {
		return aboutTeam(string(t.ID), err)
	}
	var fields []problem.Field
	for i, m := range t.Members {
		if slices.Contains(missing.People, m.Person) {
			fields = append(fields, problem.Field{Pointer: fmt.Sprintf("/members/%d/person", i), Value: string(m.Person), Detail: "there is no such person"})
		}
	}
	if len(fields) == 0 { // created in this moment
		return err
	}
	return invalid(fields)
}

func (h handlers) ListTeams(ctx context.Context, r ListTeamsRequestObject) (ListTeamsResponseObject, error) {
	limit := h.limit(r.Params.Limit)
	found, err := h.rosters.FindTeams(ctx, rosterdb.Search{Text: r.Params.Q, Person: rosters.PersonID(r.Params.Person)}, rosters.TeamID(r.Params.Cursor), limit+1)
	if err != nil {
		return nil, err
	}
	found, next := part(found, limit, func(t rosterdb.Team) string { return string(t.ID) })
	return ListTeams200JSONResponse{Items: mapped(found, teamOut), Next: next}, nil
}

func (h handlers) readTeam(ctx context.Context, slug string) (rosterdb.Team, error) {
	t, err := h.rosters.Team(ctx, rosters.TeamID(slug))
	return t, aboutTeam(slug, err)
}

func (h handlers) CreateTeam(ctx context.Context, r CreateTeamRequestObject) (CreateTeamResponseObject, error) {
	t, err := teamOf(*r.Body, "")
	if err != nil {
		return nil, err
	}
	if err := h.rosters.CreateTeam(ctx, t); err != nil {
		return nil, writtenTeam(t, err)
	}
	stored, err := h.readTeam(ctx, string(t.ID))
	if err != nil {
		return nil, err
	}
	return CreateTeam201JSONResponse{teamOut(stored), CreateTeam201ResponseHeaders{etag(stored.Version), "/v1/teams/" + string(t.ID)}}, nil
}

func (h handlers) GetTeam(ctx context.Context, r GetTeamRequestObject) (GetTeamResponseObject, error) {
	t, err := h.readTeam(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return GetTeam200JSONResponse{teamOut(t), GetTeam200ResponseHeaders{etag(t.Version)}}, nil
}

func (h handlers) ReplaceTeam(ctx context.Context, r ReplaceTeamRequestObject) (ReplaceTeamResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	t, err := teamOf(*r.Body, r.Slug)
	if err != nil {
		return nil, err
	}
	if err := h.rosters.UpdateTeam(ctx, t, version); err != nil {
		if stored, gone := h.readTeam(ctx, r.Slug); gone == nil && errors.Is(err, rosterdb.ErrVersion) {
			return nil, changed("team "+r.Slug, stored.Version, stored.UpdatedAt, teamOut(stored), *r.Body)
		}
		return nil, writtenTeam(t, err)
	}
	stored, err := h.readTeam(ctx, r.Slug)
	if err != nil {
		return nil, err
	}
	return ReplaceTeam200JSONResponse{teamOut(stored), ReplaceTeam200ResponseHeaders{etag(stored.Version)}}, nil
}

func (h handlers) DeleteTeam(ctx context.Context, r DeleteTeamRequestObject) (DeleteTeamResponseObject, error) {
	version, err := wanted(r.Params.IfMatch)
	if err != nil {
		return nil, err
	}
	err = h.rosters.DeleteTeam(ctx, rosters.TeamID(r.Slug), version, h.caller.Name)
	if errors.Is(err, rosterdb.ErrInUse) {
		held, err := h.rosters.Holdings(ctx, rosters.TeamID(r.Slug))
		if err != nil {
			return nil, err
		}
		reasons := mapped(held, func(what string) string { return "owns " + what })
		return nil, inUse("team "+r.Slug, reasons, "Give it to another team first.")
	}
	if err != nil {
		return nil, aboutTeam(r.Slug, err)
	}
	return DeleteTeam204Response{}, nil
}
