package migrations

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// row is what a database says of one migration that it has seen: of ours, or, with an empty name, of River's.
type row struct {
	Version        int
	Name, Checksum string
}

const (
	ourRows = "select version, name, checksum from schema_migration"
	// River's table has the column line only since its fifth version; other lines belong to its other products.
	riverRows = "select version::integer, '', '' from river.river_migration m where coalesce(to_jsonb(m)->>'line', 'main') = 'main'"
)

// querier is a pool or a connection.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// comparison is a Status, and the files behind its names.
type comparison struct {
	Status
	files []file // pending ones of ours, in order
}

// check compares the database with River's migrations and the files known.
func check(ctx context.Context, db querier, known []file) (comparison, error) {
	needed, err := riverVersions()
	if err != nil {
		return comparison{}, err
	}
	rows, err := seen(ctx, db)
	if err != nil {
		return comparison{}, fmt.Errorf("reading what is applied: %w", err)
	}
	var c comparison
	ours := map[int]row{}
	for _, r := range rows {
		switch {
		case r.Name != "":
			ours[r.Version] = r
		case slices.Contains(needed, r.Version):
			needed = slices.DeleteFunc(slices.Clone(needed), func(v int) bool { return v == r.Version })
		default:
			c.Newer = append(c.Newer, riverName(r.Version))
		}
	}
	for _, version := range needed {
		c.Pending = append(c.Pending, riverName(version))
	}
	return c, c.addFiles(ours, known)
}

// addFiles adds to c what is to say of our own files, or returns ErrDiverged.
func (c *comparison) addFiles(ours map[int]row, known []file) error {
	var last row // the highest that is applied
	for version, r := range ours {
		if version > last.Version {
			last = r
		}
		if !slices.ContainsFunc(known, func(f file) bool { return f.version == version }) {
			c.Newer = append(c.Newer, r.Name)
		}
	}
	slices.Sort(c.Newer)
	for _, f := range known {
		r, applied := ours[f.version]
		switch {
		case !applied && f.version < last.Version:
			return fmt.Errorf("%w: %s is new, but %s, which comes after it, is applied already: give the new one a higher number",
				ErrDiverged, f.name, last.Name)
		case !applied:
			c.Pending, c.files = append(c.Pending, f.name), append(c.files, f)
		case r.Name != f.name:
			return fmt.Errorf("%w: number %d is %s in the database and %s here", ErrDiverged, f.version, r.Name, f.name)
		case r.Checksum != f.checksum:
			return fmt.Errorf("%w: %s was changed after it was applied (SHA-256 %.8s… in the database, %.8s… here): "+
				"leave it as it was and put the change into a new file", ErrDiverged, f.name, r.Checksum, f.checksum)
		}
	}
	return nil
}

// seen reads what the database has seen: with one query, unless one of the tables does not exist yet.
func seen(ctx context.Context, db querier) ([]row, error) {
	rows, err := collect(ctx, db, ourRows+" union all "+riverRows)
	if !undefined(err) {
		return rows, err
	}
	var all []row
	for _, sql := range []string{ourRows, riverRows} {
		rows, err := collect(ctx, db, sql)
		if err != nil && !undefined(err) {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

func collect(ctx context.Context, db querier, sql string) ([]row, error) {
	rows, err := db.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

// undefined reports whether err says that a table does not exist.
func undefined(err error) bool {
	const undefinedTable = "42P01"
	return sqlState(err) == undefinedTable
}
