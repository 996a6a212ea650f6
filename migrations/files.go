package migrations

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// file is one migration of ours.
type file struct {
	version  int // its number
	name     string
	sql      string
	checksum string // SHA-256 of sql, in hexadecimal
}

var fileName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// read returns the migrations in fsys in their order. Files with the same number, and .sql files with other names than
// NNNN_what.sql, are errors: they would be applied in an order nobody meant, or not at all.
func read(fsys fs.FS) ([]file, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	var all []file
	for _, name := range names {
		m := fileName.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("%s is not named like 0001_what.sql", name)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		version, _ := strconv.Atoi(m[1]) // four digits
		sum := sha256.Sum256(text)
		all = append(all, file{version: version, name: name, sql: string(text), checksum: hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.version, b.version) })
	for i := 1; i < len(all); i++ {
		if all[i-1].version == all[i].version {
			return nil, fmt.Errorf("%s and %s have the same number", all[i-1].name, all[i].name)
		}
	}
	return all, nil
}

// upFiles applies the files, which are pending, and returns the names of those it has applied.
func upFiles(ctx context.Context, conn *pgx.Conn, pending []file) ([]string, error) {
	// Names and types are never changed: every release reads this table before it knows how old the database is.
	_, err := conn.Exec(ctx, `create table if not exists schema_migration (
		version    integer     primary key,
		name       text        not null,
		checksum   text        not null,
		applied_at timestamptz not null default now()
	)`)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range pending {
		if err := f.apply(ctx, conn); err != nil {
			return names, fmt.Errorf("%s: %w", f.name, err)
		}
		names = append(names, f.name)
	}
	return names, nil
}

// apply runs the file and notes that it did, in one transaction.
func (f file) apply(ctx context.Context, conn *pgx.Conn) error {
	return patiently(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, f.sql); err != nil {
			return f.at(err)
		}
		_, err := tx.Exec(ctx, "insert into schema_migration (version, name, checksum) values ($1, $2, $3)",
			f.version, f.name, f.checksum)
		return err
	})
}

// at adds to an error of Postgres the line of the file where it arose, if Postgres says so.
func (f file) at(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Position < 1 {
		return err
	}
	before := []rune(f.sql) // Postgres counts characters, from one
	before = before[:min(int(pg.Position)-1, len(before))]
	return fmt.Errorf("line %d: %w", 1+strings.Count(string(before), "\n"), err)
}

// Fingerprint is the same for two binaries that bring an empty database to the same schema: eight hexadecimal digits made
// from River's versions and the files here.
func Fingerprint() string {
	known, err := embedded()
	if err != nil {
		panic(err) // a test of this package reads the same files
	}
	all := sha256.New()
	river, _ := riverVersions()
	fmt.Fprintln(all, river)
	for _, f := range known {
		fmt.Fprintln(all, f.name, f.checksum)
	}
	return hex.EncodeToString(all.Sum(nil))[:8]
}
