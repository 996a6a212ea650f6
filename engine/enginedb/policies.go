package enginedb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// Policy is a policy as stored.
type Policy struct {
	engine.Policy
	Stamp
}

// Policy reads a policy with its levels.
func (s Store) Policy(ctx context.Context, id engine.PolicyID) (engine.Policy, error) {
	p, err := s.StoredPolicy(ctx, id)
	return p.Policy, err
}

// StoredPolicy reads a policy with what the database knows beside.
func (s Store) StoredPolicy(ctx context.Context, id engine.PolicyID) (Policy, error) {
	found, err := s.policies(ctx, `where p.id = $1`, id)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Policy{}, fmt.Errorf("reading policy %s: %w", id, err)
	}
	return found[0], nil
}

// Policies reads policies in the order of their slugs, those after the given one, at most limit; of a team,
// or with "" all.
func (s Store) Policies(ctx context.Context, team rosters.TeamID, after engine.PolicyID, limit int) ([]Policy, error) {
	found, err := s.policies(ctx, `where p.id in (select id from policy where id > $1 and ($3 = '' or team = $3) order by id limit $2)`, after, limit, team)
	if err != nil {
		return nil, fmt.Errorf("listing policies: %w", err)
	}
	return found, nil
}

// policies reads policies with one statement, so that levels and targets belong together even while
// somebody writes.
func (s Store) policies(ctx context.Context, where string, args ...any) ([]Policy, error) {
	rows, err := s.db.Query(ctx, selectPolicies(where), args...)
	if err != nil {
		return nil, err
	}
	return collectPolicies(rows)
}

func selectPolicies(where string) string {
	const targets = `from policy_target t where t.policy = l.policy and t.level = l.position order by t.position`
	return `select p.id, p.name, p.ack_expiry, p.version, coalesce(p.team, ''), p.created_at, p.updated_at, l.position is not null, coalesce(l.wait, '0'),
			array(select coalesce(t.person, '') ` + targets + `), array(select coalesce(t.roster, '') ` + targets + `)
		from policy p left join policy_level l on l.policy = p.id ` + where + ` order by p.id, l.position`
}

func collectPolicies(rows pgx.Rows) ([]Policy, error) {
	var policies []Policy
	var p Policy
	var expiry []byte
	var hasLevel bool
	var l engine.Level
	var people []rosters.PersonID
	var teams []rosters.RosterID
	_, err := pgx.ForEachRow(rows, []any{&p.ID, &p.Name, &expiry, &p.Version, &p.Team, &p.CreatedAt, &p.UpdatedAt, &hasLevel, &l.Wait, &people, &teams}, func() error {
		if len(policies) == 0 || policies[len(policies)-1].ID != p.ID {
			p.AckExpiry = nil
			if err := json.Unmarshal(expiry, &p.AckExpiry); err != nil {
				return err
			}
			policies = append(policies, p)
		}
		if !hasLevel {
			return nil
		}
		l.Targets = nil
		for i := range people {
			l.Targets = append(l.Targets, engine.Target{Person: people[i], Roster: teams[i]})
		}
		last := &policies[len(policies)-1]
		last.Levels = append(last.Levels, l)
		return nil
	})
	return policies, err
}

// CreatePolicy stores a new policy; ErrExists if the slug is taken, MissingError for people and rosters
// who are not there.
func (s Store) CreatePolicy(ctx context.Context, p engine.Policy) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into policy (id, name, ack_expiry) values ($1, $2, $3)`, p.ID, p.Name, expiryJSON(p))
		if err != nil {
			return mapped(err, errForeignKey)
		}
		return saveLevels(ctx, tx, p)
	})
	return s.policyWritten(ctx, "creating", p, err)
}

// UpdatePolicy replaces a policy; ErrVersion if the stored version is another than the given one.
// Escalations under way keep the ladder they began with (rule 15).
func (s Store) UpdatePolicy(ctx context.Context, p engine.Policy, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, "policy", string(p.ID), version); err != nil {
			return err
		}
		var b pgx.Batch
		b.Queue(`update policy set name = $2, ack_expiry = $3, version = version + 1, updated_at = now() where id = $1`, p.ID, p.Name, expiryJSON(p))
		b.Queue(`delete from policy_level where policy = $1`, p.ID)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return saveLevels(ctx, tx, p)
	})
	return s.policyWritten(ctx, "updating", p, err)
}

func expiryJSON(p engine.Policy) []byte {
	if p.AckExpiry == nil {
		return []byte("{}")
	}
	return asJSON(p.AckExpiry)
}

func saveLevels(ctx context.Context, tx pgx.Tx, p engine.Policy) error {
	var b pgx.Batch
	for i, l := range p.Levels {
		b.Queue(`insert into policy_level (policy, position, wait) values ($1, $2, $3)`, p.ID, i, l.Wait)
		for j, t := range l.Targets {
			b.Queue(`insert into policy_target (policy, level, position, person, roster) values ($1, $2, $3, $4, $5)`,
				p.ID, i, j, zeronull.Text(t.Person), zeronull.Text(t.Roster))
		}
	}
	return mapped(tx.SendBatch(ctx, &b).Close(), errForeignKey)
}

// policyWritten tells, if a foreign key was in the way, what is not there; the transaction is over then.
func (s Store) policyWritten(ctx context.Context, doing string, p engine.Policy, err error) error {
	if errors.Is(err, errForeignKey) {
		err = s.missingTargets(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("%s policy %s: %w", doing, p.ID, err)
	}
	return nil
}

func (s Store) missingTargets(ctx context.Context, p engine.Policy) error {
	var people []rosters.PersonID
	var teams []rosters.RosterID
	for _, l := range p.Levels {
		for _, t := range l.Targets {
			if t.Person != "" {
				people = append(people, t.Person)
			} else {
				teams = append(teams, t.Roster)
			}
		}
	}
	people, err := absent(ctx, s, "person", people)
	if err != nil {
		return err
	}
	teams, err = absent(ctx, s, "roster", teams)
	if err != nil {
		return err
	}
	return &MissingError{People: people, Rosters: teams}
}

// DeletePolicy deletes a policy. ErrInUse if a service names it: ServicesWithPolicy says which.
func (s Store) DeletePolicy(ctx context.Context, id engine.PolicyID, version int) error {
	return s.delete(ctx, "policy", string(id), version)
}

// PoliciesNaming lists the policies that name a person or a roster.
func (s Store) PoliciesNaming(ctx context.Context, t engine.Target) ([]engine.PolicyID, error) {
	rows, _ := s.db.Query(ctx, `select distinct policy from policy_target where person = $1 or roster = $2 order by policy`,
		zeronull.Text(t.Person), zeronull.Text(t.Roster))
	found, err := pgx.CollectRows(rows, pgx.RowTo[engine.PolicyID])
	if err != nil {
		return nil, fmt.Errorf("looking for policies that name %s: %w", t, err)
	}
	return found, nil
}
