package enginedb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Provider is who carries messages, as it was set up through the API.
type Provider struct {
	Name      string
	Kind      string
	Position  int             // the first that can is asked first
	Settings  json.RawMessage // as its kind has them
	Sealed    []byte          // what is secret, sealed; empty: nothing
	Disabled  bool
	Version   int
	CreatedAt time.Time
	UpdatedAt time.Time
}

const providerColumns = `name, kind, position, settings, sealed, disabled, version, created_at, updated_at`

func scanProvider(row pgx.CollectableRow) (p Provider, err error) {
	return p, row.Scan(&p.Name, &p.Kind, &p.Position, &p.Settings, &p.Sealed, &p.Disabled, &p.Version, &p.CreatedAt, &p.UpdatedAt)
}

// Providers lists all in their order, with the version of the whole.
func (s Store) Providers(ctx context.Context) (all []Provider, version int64, err error) {
	// One statement: what is listed is what the version counts.
	rows, _ := s.db.Query(ctx, `select v.version, p.* from providers v left join lateral (select `+providerColumns+` from provider) p on true
		order by p.position, p.name`)
	all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Provider, err error) {
		var name, kind *string
		var position, own *int
		var disabled *bool
		var created, updated *time.Time
		err = row.Scan(&version, &name, &kind, &position, &p.Settings, &p.Sealed, &disabled, &own, &created, &updated)
		if err == nil && name != nil {
			p.Name, p.Kind, p.Position, p.Disabled, p.Version, p.CreatedAt, p.UpdatedAt = *name, *kind, *position, *disabled, *own, *created, *updated
		}
		return p, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing providers: %w", err)
	}
	if len(all) == 1 && all[0].Name == "" {
		all = nil
	}
	return all, version, nil
}

// ProvidersVersion is the version of what Providers would read.
func (s Store) ProvidersVersion(ctx context.Context) (version int64, err error) {
	if err = s.db.QueryRow(ctx, `select version from providers`).Scan(&version); err != nil {
		return 0, fmt.Errorf("asking for the version of the providers: %w", err)
	}
	return version, nil
}

// Provider reads one, or gives ErrNotFound.
func (s Store) Provider(ctx context.Context, name string) (Provider, error) {
	rows, _ := s.db.Query(ctx, `select `+providerColumns+` from provider where name = $1`, name)
	p, err := pgx.CollectExactlyOneRow(rows, scanProvider)
	return p, notFound(err, "reading a provider")
}

// AddProvider stores a new provider, behind the others if it has no position; false if there is one of the name.
func (s Store) AddProvider(ctx context.Context, p Provider) (added bool, err error) {
	added, err = s.changeProviders(ctx, `insert into provider (name, kind, position, settings, sealed, disabled)
		values ($1, $2, case when $3 > 0 then $3 else (select coalesce(max(position), 0) + 10 from provider) end, $4, $5, $6)
		on conflict (name) do nothing`, p.Name, p.Kind, p.Position, orEmptyObject(p.Settings), orEmpty(p.Sealed), p.Disabled)
	if err != nil {
		return false, fmt.Errorf("adding provider %s: %w", p.Name, err)
	}
	return added, nil
}

// ReplaceProvider puts p in the place of the one of its name and version. ErrNotFound, or ErrVersion if that is
// another one by now.
func (s Store) ReplaceProvider(ctx context.Context, p Provider) error {
	done, err := s.changeProviders(ctx, `update provider set kind = $2, position = $3, settings = $4, sealed = $5, disabled = $6, version = version + 1, updated_at = now()
		where name = $1 and version = $7`, p.Name, p.Kind, p.Position, orEmptyObject(p.Settings), orEmpty(p.Sealed), p.Disabled, p.Version)
	return s.changedProvider(ctx, p.Name, done, err)
}

// DeleteProvider takes one away. ErrNotFound, or ErrVersion if it is another one by now.
func (s Store) DeleteProvider(ctx context.Context, name string, version int) error {
	done, err := s.changeProviders(ctx, `delete from provider where name = $1 and version = $2`, name, version)
	return s.changedProvider(ctx, name, done, err)
}

// ResealProvider puts something else in the place of what is sealed of a provider; false if that is not there
// any more. It changes nothing that a node has to read anew.
func (s Store) ResealProvider(ctx context.Context, name string, from, to []byte) (bool, error) {
	tag, err := s.db.Exec(ctx, `update provider set sealed = $3 where name = $1 and sealed = $2`, name, from, to)
	if err != nil {
		return false, fmt.Errorf("sealing provider %s anew: %w", name, err)
	}
	return tag.RowsAffected() == 1, nil
}

// changeProviders makes a change that every node has to know of, and reports whether it changed anything.
func (s Store) changeProviders(ctx context.Context, sql string, args ...any) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update providers set version = version + 1`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		done = tag.RowsAffected() == 1
		return err
	})
	return done, err
}

func (s Store) changedProvider(ctx context.Context, name string, done bool, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("changing provider %s: %w", name, err)
	case done:
		return nil
	}
	if _, err := s.Provider(ctx, name); err != nil {
		return err
	}
	return ErrVersion
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func orEmptyObject(j json.RawMessage) json.RawMessage {
	if len(j) == 0 {
		return json.RawMessage("{}")
	}
	return j
}
