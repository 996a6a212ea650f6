package rosters

import "fmt"

// TeamID is a team's slug, "bitbucket".
type TeamID string

// Team is people who look after rosters, policies and services together.
type Team struct {
	ID      TeamID
	Name    string
	Members []Member
}

// Member is what a person may do in a team.
type Member struct {
	Person PersonID
	Role   Role
}

// Role is what a member may do. An owner changes all that the team owns, and the team; a member takes
// shifts and swaps own ones; a viewer looks.
type Role string

// The roles, each with all that the next one may.
const (
	Owner      Role = "owner"
	TeamMember Role = "member"
	Viewer     Role = "viewer"
)

const maxMembers = 1000

// Validate reports all that keeps a team from being saved, as FieldErrors. Whether the persons exist is
// not for a team to know.
func (t Team) Validate() error {
	var errs FieldErrors
	errs.slug("/id", string(t.ID))
	errs.name("/name", t.Name)
	errs.limit("/members", len(t.Members), maxMembers)
	seen := map[PersonID]bool{}
	for i, m := range t.Members {
		path := fmt.Sprintf("/members/%d", i)
		errs.slug(path+"/person", string(m.Person))
		if seen[m.Person] {
			errs.refuse(path+"/person", m.Person, "is named twice; give each person one role")
		}
		seen[m.Person] = true
		switch m.Role {
		case Owner, TeamMember, Viewer:
		default:
			errs.refuse(path+"/role", m.Role, "must be owner, member or viewer")
		}
	}
	return errs.orNil()
}

// RoleOf is what a person may do in the team, "" if nothing.
func (t Team) RoleOf(p PersonID) Role {
	for _, m := range t.Members {
		if m.Person == p {
			return m.Role
		}
	}
	return ""
}
