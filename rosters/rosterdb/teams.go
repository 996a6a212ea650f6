package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// Team is a team as stored; its members are in the order of their handles.
type Team struct {
	rosters.Team
	Stamp
}

// Owned is a kind of thing that a team can own.
type Owned string

// The kinds, named as their tables.
const (
	OwnedRoster  Owned = "roster"
	OwnedPolicy  Owned = "policy"
	OwnedService Owned = "service"
)

// Team reads a team.
func (s Store) Team(ctx context.Context, id rosters.TeamID) (Team, error) {
	found, err := s.teams(ctx, `where t.id = $1`, id)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Team{}, fmt.Errorf("reading team %s: %w", id, err)
	}
	return found[0], nil
}

// Teams reads teams in the order of their slugs, those after the given one, at most limit.
func (s Store) Teams(ctx context.Context, after rosters.TeamID, limit int) ([]Team, error) {
	return s.FindTeams(ctx, Search{}, after, limit)
}

// FindTeams is Teams of those that are wanted.
func (s Store) FindTeams(ctx context.Context, w Search, after rosters.TeamID, limit int) ([]Team, error) {
	found, err := s.teams(ctx, `where t.id in (select t.id from team t where t.id > $1 and `+fmt.Sprintf(named, "$3")+`
		and ($4 = '' or exists (select from member m where m.team = t.id and m.person = $4)) order by t.id limit $2)`, after, limit, w.Text, w.Person)
	if err != nil {
		return nil, fmt.Errorf("listing teams: %w", err)
	}
	return found, nil
}

func (s Store) teams(ctx context.Context, where string, args ...any) ([]Team, error) {
	rows, _ := s.db.Query(ctx, `select t.id, t.name, t.version, t.created_at, t.updated_at, coalesce(m.person, ''), coalesce(m.role, '')
		from team t left join member m on m.team = t.id `+where+` order by t.id, m.person`, args...)
	var found []Team
	var t Team
	var m rosters.Member
	_, err := pgx.ForEachRow(rows, []any{&t.ID, &t.Name, &t.Version, &t.CreatedAt, &t.UpdatedAt, &m.Person, &m.Role}, func() error {
		if len(found) == 0 || found[len(found)-1].ID != t.ID {
			found = append(found, t)
		}
		if m.Person != "" {
			last := &found[len(found)-1]
			last.Members = append(last.Members, m)
		}
		return nil
	})
	return found, err
}

// CreateTeam stores a new team. ErrExists if the slug is taken, MissingError for members who are not there.
func (s Store) CreateTeam(ctx context.Context, t rosters.Team) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into team (id, name) values ($1, $2)`, t.ID, t.Name); err != nil {
			return mapped(err, ErrNotFound)
		}
		return saveMembers(ctx, tx, t)
	})
	return s.teamWritten(ctx, "creating", t, err)
}

// UpdateTeam replaces a team and its members; ErrVersion if the stored version is another than the given one.
func (s Store) UpdateTeam(ctx context.Context, t rosters.Team, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, toChange, "team", string(t.ID), version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update team set name = $2, version = version + 1, updated_at = now() where id = $1`, t.ID, t.Name); err != nil {
			return err
		}
		return saveMembers(ctx, tx, t)
	})
	return s.teamWritten(ctx, "updating", t, err)
}

func saveMembers(ctx context.Context, tx pgx.Tx, t rosters.Team) error {
	people, roles := []string{}, []string{}
	for _, m := range t.Members {
		people, roles = append(people, string(m.Person)), append(roles, string(m.Role))
	}
	var b pgx.Batch
	b.Queue(`delete from member where team = $1`, t.ID)
	b.Queue(`insert into member (team, person, role) select $1, * from unnest($2::text[], $3::text[])`, t.ID, people, roles)
	return mapped(tx.SendBatch(ctx, &b).Close(), errForeignKey)
}

func (s Store) teamWritten(ctx context.Context, doing string, t rosters.Team, err error) error {
	if errors.Is(err, errForeignKey) {
		var named []rosters.PersonID
		for _, m := range t.Members {
			named = append(named, m.Person)
		}
		err = s.missingPeople(ctx, named)
	}
	if err != nil {
		return fmt.Errorf("%s team %s: %w", doing, t.ID, err)
	}
	return nil
}

// DeleteTeam deletes a team, for KeptFor restorably. ErrInUse if it owns something.
func (s Store) DeleteTeam(ctx context.Context, id rosters.TeamID, version int, by string) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, toDelete, "team", string(id), version); err != nil {
			return err
		}
		t, err := New(tx).Team(ctx, id)
		if err != nil {
			return err
		}
		return throwAway(ctx, tx, TrashedTeam, "team", string(id), t.Team, by)
	})
	if err != nil {
		return fmt.Errorf("deleting team %s: %w", id, err)
	}
	return nil
}

// RestoreTeam brings a deleted team back, with those of its members who are there still.
func (s Store) RestoreTeam(ctx context.Context, id int64) error {
	return restore(ctx, s, id, func(tx Store, t rosters.Team) error {
		var named []rosters.PersonID
		for _, m := range t.Members {
			named = append(named, m.Person)
		}
		missing, err := tx.MissingPeople(ctx, named)
		if err != nil {
			return err
		}
		t.Members = slices.DeleteFunc(t.Members, func(m rosters.Member) bool { return slices.Contains(missing, m.Person) })
		return tx.CreateTeam(ctx, t)
	})
}

// Owner tells which team owns a thing, "" if none does. ErrNotFound if there is no such thing.
func (s Store) Owner(ctx context.Context, kind Owned, slug string) (team rosters.TeamID, err error) {
	err = s.db.QueryRow(ctx, `select coalesce(team, '') from `+string(kind)+` where id = $1`, slug).Scan(&team)
	if err != nil {
		return "", fmt.Errorf("looking for who owns %s %s: %w", kind, slug, mapped(err, err))
	}
	return team, nil
}

// Owners tells which teams own things; those that none owns are not in the map.
func (s Store) Owners(ctx context.Context, kind Owned, slugs []string) (map[string]rosters.TeamID, error) {
	rows, _ := s.db.Query(ctx, `select id, team from `+string(kind)+` where id = any($1) and team is not null`, slugs)
	owners := map[string]rosters.TeamID{}
	var slug string
	var team rosters.TeamID
	_, err := pgx.ForEachRow(rows, []any{&slug, &team}, func() error {
		owners[slug] = team
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for who owns what: %w", err)
	}
	return owners, nil
}

// SetOwner gives a thing to a team, or with "" to none. ErrNotFound if there is no such team.
func (s Store) SetOwner(ctx context.Context, kind Owned, slug string, team rosters.TeamID) error {
	_, err := s.db.Exec(ctx, `update `+string(kind)+` set team = $2 where id = $1`, slug, zeronull.Text(team))
	if err != nil {
		return fmt.Errorf("giving %s %s to team %s: %w", kind, slug, team, mapped(err, ErrNotFound))
	}
	return nil
}

// Holdings lists what a team owns, each as its kind and slug.
func (s Store) Holdings(ctx context.Context, team rosters.TeamID) ([]string, error) {
	rows, _ := s.db.Query(ctx, `select 'roster ' || id from roster where team = $1 union all select 'policy ' || id from policy where team = $1
		union all select 'service ' || id from service where team = $1 order by 1`, team)
	held, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking for what team %s owns: %w", team, err)
	}
	return held, nil
}

// RoleOf tells what a person may do in a team, "" if nothing.
func (s Store) RoleOf(ctx context.Context, team rosters.TeamID, person rosters.PersonID) (role rosters.Role, err error) {
	err = s.db.QueryRow(ctx, `select role from member where team = $1 and person = $2`, team, person).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the role of %s in team %s: %w", person, team, err)
	}
	return role, nil
}
