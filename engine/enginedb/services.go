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

// Service is a service as stored.
type Service struct {
	engine.Service
	Stamp
}

const serviceColumns = `id, name, coalesce(policy, ''), hours, version, coalesce(team, ''), created_at, updated_at, noise`

func scanService(row pgx.CollectableRow) (svc Service, err error) {
	var hours, noise []byte
	err = row.Scan(&svc.ID, &svc.Name, &svc.Policy, &hours, &svc.Version, &svc.Team, &svc.CreatedAt, &svc.UpdatedAt, &noise)
	if err != nil {
		return svc, err
	}
	svc.Owner = svc.Team
	return svc, errors.Join(json.Unmarshal(hours, &svc.Hours), json.Unmarshal(noise, &svc.Noise))
}

// Service reads a service.
func (s Store) Service(ctx context.Context, id engine.ServiceID) (engine.Service, error) {
	svc, err := s.StoredService(ctx, id)
	return svc.Service, err
}

// StoredService reads a service with what the database knows beside.
func (s Store) StoredService(ctx context.Context, id engine.ServiceID) (Service, error) {
	rows, _ := s.db.Query(ctx, `select `+serviceColumns+` from service where id = $1`, id)
	svc, err := pgx.CollectExactlyOneRow(rows, scanService)
	if err != nil {
		return svc, fmt.Errorf("reading service %s: %w", id, mapped(err, err))
	}
	return svc, nil
}

// Services reads services in the order of their slugs, those after the given one, at most limit; of a team,
// or with "" all.
func (s Store) Services(ctx context.Context, team rosters.TeamID, after engine.ServiceID, limit int) ([]Service, error) {
	rows, _ := s.db.Query(ctx, `select `+serviceColumns+` from service where id > $1 and ($3 = '' or team = $3) order by id limit $2`, after, limit, team)
	found, err := pgx.CollectRows(rows, scanService)
	if err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	return found, nil
}

// CreateService stores a new service; ErrExists if the slug is taken, MissingError if the policy is not
// there.
func (s Store) CreateService(ctx context.Context, svc engine.Service) error {
	_, err := s.db.Exec(ctx, `insert into service (id, name, policy, hours, noise) values ($1, $2, $3, $4, $5)`,
		svc.ID, svc.Name, zeronull.Text(svc.Policy), asJSON(svc.Hours), asJSON(svc.Noise))
	if err = s.serviceWritten(svc, mapped(err, errForeignKey)); err != nil {
		return fmt.Errorf("creating service %s: %w", svc.ID, err)
	}
	return nil
}

// UpdateService replaces a service; ErrVersion if the stored version is another than the given one.
// Incidents that are open keep the policy and the hours they began with.
func (s Store) UpdateService(ctx context.Context, svc engine.Service, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, "service", string(svc.ID), version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update service set name = $2, policy = $3, hours = $4, noise = $5, version = version + 1, updated_at = now() where id = $1`,
			svc.ID, svc.Name, zeronull.Text(svc.Policy), asJSON(svc.Hours), asJSON(svc.Noise))
		return mapped(err, errForeignKey)
	})
	if err = s.serviceWritten(svc, err); err != nil {
		return fmt.Errorf("updating service %s: %w", svc.ID, err)
	}
	return nil
}

func (s Store) serviceWritten(svc engine.Service, err error) error {
	if errors.Is(err, errForeignKey) {
		return &MissingError{Policies: []engine.PolicyID{svc.Policy}}
	}
	return err
}

// Uses is what would miss a service that is deleted.
type Uses struct {
	Open []engine.Key // incidents of it that are not resolved, ten at most
	Keys []string     // prefixes of its keys that senders used within the last week
}

// ServiceUses looks for what would miss a service.
func (s Store) ServiceUses(ctx context.Context, id engine.ServiceID) (u Uses, err error) {
	err = s.db.QueryRow(ctx, `select array(select key from incident where service = $1 and status <> 'resolved' order by id limit 10),
		array(select prefix from api_key where service = $1 and revoked_at is null and last_used_at > clock_timestamp() - interval '7 days' order by id)`, id).Scan(&u.Open, &u.Keys)
	if err != nil {
		return Uses{}, fmt.Errorf("looking for what uses service %s: %w", id, err)
	}
	return u, nil
}

// DeleteService deletes a service and its keys; alerts that name it go to the catch-all from then on.
func (s Store) DeleteService(ctx context.Context, id engine.ServiceID, version int) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := touchRouting(ctx, tx, "", AnyVersion); err != nil { // its maintenances go with it
			return fmt.Errorf("deleting service %s: %w", id, err)
		}
		if err := askAnew(ctx, tx, id); err != nil { // what they hold back pages from then on
			return fmt.Errorf("deleting service %s: %w", id, err)
		}
		return New(tx).delete(ctx, "service", string(id), version)
	})
}

// ServicesWithPolicy lists the services that a policy is for.
func (s Store) ServicesWithPolicy(ctx context.Context, id engine.PolicyID) ([]engine.ServiceID, error) {
	rows, _ := s.db.Query(ctx, `select id from service where policy = $1 order by id`, id)
	found, err := pgx.CollectRows(rows, pgx.RowTo[engine.ServiceID])
	if err != nil {
		return nil, fmt.Errorf("looking for the services of policy %s: %w", id, err)
	}
	return found, nil
}
