package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"rouse/api/problem"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Need is what a caller must be, beside having a key with a fitting scope.
type Need string

// What routes ask for. Admins are all of it.
const (
	NeedNothing Need = ""
	NeedOwner   Need = "owner"  // of the team that owns what the request is about
	NeedMember  Need = "member" // of that team, for what concerns oneself; or its owner
	NeedSelf    Need = "self"   // the person that the request is about
)

// may refuses a caller who is not what a request asks for.
func (a *API) may(ctx context.Context, c Caller, need Need, r *http.Request) error {
	switch {
	case need == NeedNothing || c.Admin:
		return nil
	case c.Person == "":
		return problem.Forbidden.Because("The key acts as nobody, and this is for %s. Take a key that is bound to a person, or one with the scope admin.", whom[need])
	case need == NeedSelf:
		if handle := mux.Vars(r)["handle"]; handle != string(c.Person) {
			return problem.Forbidden.Because("The key acts as %s, who may change nobody but %s. An admin may.", c.Person, c.Person)
		}
		return nil
	}
	teams, what, err := a.ownersOf(ctx, r)
	if err != nil {
		return err
	}
	for _, team := range teams {
		if team == "" {
			return problem.Forbidden.Because("%s belongs to no team. An admin may change it, or give it to a team.", what)
		}
		role, err := a.rosters.RoleOf(ctx, team, c.Person)
		if err != nil {
			return err
		}
		if role == rosters.Owner || role == rosters.TeamMember && need == NeedMember {
			if role == rosters.Owner {
				continue
			}
			if err := a.own(ctx, c, r); err != nil {
				return err
			}
			continue
		}
		return problem.Forbidden.Because("%s belongs to team %s, of which %s is %s: it needs %s.", what, team, c.Person, orNothing(role), whom[need])
	}
	return nil
}

// whom says in words for whom something is.
var whom = map[Need]string{NeedOwner: "an owner of the team", NeedMember: "a member of the team", NeedSelf: "the person concerned"}

func orNothing(r rosters.Role) string {
	if r == "" {
		return "no member"
	}
	return string(r)
}

// owned are the paths below which a team's things stand.
var owned = map[string]rosterdb.Owned{"rosters": rosterdb.OwnedRoster, "policies": rosterdb.OwnedPolicy, "services": rosterdb.OwnedService}

// ownedBy reads from a path what a request is about: the kind and slug, "" for one that is to be made.
func ownedBy(r *http.Request) (kind rosterdb.Owned, slug string, ok bool) {
	part, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	kind, ok = owned[part]
	return kind, mux.Vars(r)["slug"], ok
}

// ownersOf lists the teams that a request concerns: the one that owns the thing, and the one that is to.
func (a *API) ownersOf(ctx context.Context, r *http.Request) (teams []rosters.TeamID, what string, err error) {
	kind, slug, ok := ownedBy(r)
	if !ok { // a team itself
		slug := mux.Vars(r)["slug"]
		return []rosters.TeamID{rosters.TeamID(slug)}, "It", nil
	}
	what = "The " + string(kind)
	if slug != "" {
		what = string(kind) + " " + slug
		team, err := a.rosters.Owner(ctx, kind, slug)
		if err != nil {
			return nil, "", about(what, err)
		}
		teams = append(teams, team)
	}
	if to := postedTeam(r); to != nil && (slug == "" || *to != teams[0]) {
		teams = append(teams, *to)
	}
	if len(teams) == 0 {
		teams = []rosters.TeamID{""}
	}
	return teams, what, nil
}

// postedTeam is the team that a roster, policy or service is given to, nil if the body does not say.
func postedTeam(r *http.Request) *rosters.TeamID {
	if _, _, ok := ownedBy(r); !ok || strings.Count(r.URL.Path, "/") > 3 { // it is about a part of one
		return nil
	}
	return posted[struct{ Team *rosters.TeamID }](r).Team
}

// own refuses a member's change of an override that is not for that member, or was made by another.
func (a *API) own(ctx context.Context, c Caller, r *http.Request) error {
	vars := mux.Vars(r)
	if !strings.Contains(r.URL.Path, "/overrides") {
		return nil
	}
	if r.Method != http.MethodDelete {
		body := posted[struct {
			Kind   string
			Person rosters.PersonID
		}](r)
		if body.Person != c.Person && (body.Person != "" || body.Kind == string(rosters.TakeOff)) {
			return problem.Forbidden.Because("A member puts nobody on call but oneself: person must be %s. An owner of the team may do more.", c.Person)
		}
	}
	if vars["id"] == "" {
		return nil
	}
	by, err := a.rosters.OverrideMadeBy(ctx, rosters.RosterID(vars["slug"]), vars["id"])
	if errors.Is(err, rosterdb.ErrNotFound) {
		return nil // the handler says so
	}
	if err != nil {
		return err
	}
	if by != c.Person {
		return problem.Forbidden.Because("Override %s was made by somebody else. An owner of the team may change it.", vars["id"])
	}
	return nil
}

// give lets a team own what was made or replaced, if the body says which.
func (h handlers) give(ctx context.Context, kind rosterdb.Owned, slug string) error {
	if h.team == nil {
		return nil
	}
	err := h.rosters.SetOwner(ctx, kind, slug, *h.team)
	if errors.Is(err, rosterdb.ErrNotFound) {
		return wrong("/team", string(*h.team), "there is no such team")
	}
	return err
}
