package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine"
	"rouse/rosters"
)

// The errors of administration that callers tell apart. They are wrapped with what was looked for.
var (
	ErrExists  = errors.New("exists already")
	ErrVersion = errors.New("was changed in the meantime")
	ErrInUse   = errors.New("is in use")
)

// MissingError says what was named by a write though it is not there.
type MissingError struct {
	People   []rosters.PersonID
	Rosters  []rosters.RosterID
	Policies []engine.PolicyID
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("names what is not there: people %v, rosters %v, policies %v", e.People, e.Rosters, e.Policies)
}

// Stamp is what the database keeps of a row beside its content. Version goes up with each change.
type Stamp struct {
	Version              int
	Team                 rosters.TeamID // that owns it, or ""
	CreatedAt, UpdatedAt time.Time
}

// AnyVersion is given to an update or a deletion that is to happen whatever the version.
const AnyVersion = 0

var errForeignKey = errors.New("names something that is not there")

// mapped turns what Postgres refuses into the errors of this package. When a row is written a foreign
// key means that something named is not there, when one is deleted that something names it.
func mapped(err error, foreignKey error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case !errors.As(err, &pg):
		return err
	case pg.Code == "23505": // unique_violation
		return ErrExists
	case pg.Code == "23503": // foreign_key_violation
		return foreignKey
	default:
		return err
	}
}

// lockVersion locks the row of a service or policy for a change.
func lockVersion(ctx context.Context, tx pgx.Tx, table, id string, version int) error {
	var is int
	err := tx.QueryRow(ctx, `select version from `+table+` where id = $1 for update`, id).Scan(&is)
	if err != nil {
		return mapped(err, errForeignKey)
	}
	if version != AnyVersion && version != is {
		return ErrVersion
	}
	return nil
}

func (s Store) delete(ctx context.Context, table, id string, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, table, id, version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from `+table+` where id = $1`, id)
		return mapped(err, ErrInUse)
	})
	if err != nil {
		return fmt.Errorf("deleting %s %s: %w", table, id, err)
	}
	return nil
}

// absent tells which of the ids are not in a table, in the order given.
func absent[T ~string](ctx context.Context, s Store, table string, ids []T) ([]T, error) {
	rows, _ := s.db.Query(ctx, `select id from unnest($1::text[]) with ordinality as named(id, no)
		where not exists (select from `+table+` t where t.id = named.id) group by id order by min(no)`, ids)
	missing, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		return nil, fmt.Errorf("looking for what is not there: %w", err)
	}
	return missing, nil
}
