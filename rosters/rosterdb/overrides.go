package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"rouse/rosters"
)

// Override is an override as stored.
type Override struct {
	rosters.Override
	Version int // from 1
}

const overrideColumns = `id, kind, rotation, replaces, person, from_at, to_at`

func overrideFields(o *rosters.Override) []any {
	return []any{(*overrideID)(&o.ID), &o.Kind, &o.Rotation, &o.Replaces, &o.Person, &o.From, &o.To}
}

func (s Store) overrides(ctx context.Context, where string, args ...any) ([]rosters.Override, error) {
	rows, _ := s.db.Query(ctx, `select `+overrideColumns+` from override `+where, args...)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o rosters.Override, err error) {
		return o, row.Scan(overrideFields(&o)...)
	})
}

// Overrides lists a roster's overrides that overlap [from, to), in the order in which they were made
// and apply, those after the given id ("" is the first), at most limit; of a person who is put on call or taken
// off by name, or "" for all.
func (s Store) Overrides(ctx context.Context, id rosters.RosterID, from, to time.Time, who rosters.PersonID, after string, limit int) ([]Override, error) {
	last, _ := rowID(after)
	found, err := s.storedOverrides(ctx, `where roster = $1 and to_at > $2 and from_at < $3 and id > $4 and ($6 = '' or $6 in (person, replaces))
		order by id limit $5`, id, from, to, last, limit, who)
	if err != nil {
		return nil, fmt.Errorf("listing overrides of roster %s: %w", id, err)
	}
	return found, nil
}

func (s Store) storedOverrides(ctx context.Context, where string, args ...any) ([]Override, error) {
	rows, _ := s.db.Query(ctx, `select `+overrideColumns+`, version from override `+where, args...)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Override, err error) {
		return o, row.Scan(append(overrideFields(&o.Override), &o.Version)...)
	})
}

// Override reads one override of a roster.
func (s Store) Override(ctx context.Context, roster rosters.RosterID, id string) (Override, error) {
	return s.oneOverride(ctx, roster, id, "")
}

// LockOverride is Override for a change in the same transaction: nobody else changes it until that ends.
func (s Store) LockOverride(ctx context.Context, roster rosters.RosterID, id string) (Override, error) {
	return s.oneOverride(ctx, roster, id, " for update")
}

func (s Store) oneOverride(ctx context.Context, roster rosters.RosterID, id, lock string) (Override, error) {
	row, err := rowID(id)
	var found []Override
	if err == nil {
		found, err = s.storedOverrides(ctx, `where roster = $1 and id = $2`+lock, roster, row)
	}
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Override{}, fmt.Errorf("reading override %s of roster %s: %w", id, roster, err)
	}
	return found[0], nil
}

// OverrideMadeBy tells who made an override, "" if that was no person.
func (s Store) OverrideMadeBy(ctx context.Context, roster rosters.RosterID, id string) (by rosters.PersonID, err error) {
	row, err := rowID(id)
	if err == nil {
		err = mapped(s.db.QueryRow(ctx, `select made_by from override where roster = $1 and id = $2`, roster, row).Scan(&by), nil)
	}
	if err != nil {
		return "", fmt.Errorf("looking for who made override %s of roster %s: %w", id, roster, err)
	}
	return by, nil
}

// CreateOverride stores a new override, made by somebody or "", and gives it its id. ErrNotFound if there is no such roster,
// MissingError if the person is not there, ErrRotation if it names a rotation that is not there.
func (s Store) CreateOverride(ctx context.Context, roster rosters.RosterID, o rosters.Override, by rosters.PersonID) (rosters.Override, error) {
	err := s.writeOverride(ctx, roster, o, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `insert into override (roster, kind, rotation, replaces, person, from_at, to_at, made_by)
			values ($1, $2, $3, $4, $5, $6, $7, $8) returning id`, roster, o.Kind, o.Rotation, o.Replaces, o.Person, o.From, o.To, by).Scan((*overrideID)(&o.ID))
	})
	if err != nil {
		return o, fmt.Errorf("creating an override of roster %s: %w", roster, err)
	}
	return o, nil
}

// UpdateOverride replaces an override; its place in the order stays. The errors are those of
// CreateOverride.
func (s Store) UpdateOverride(ctx context.Context, roster rosters.RosterID, o rosters.Override) error {
	id, err := rowID(o.ID)
	if err == nil {
		err = s.writeOverride(ctx, roster, o, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `update override set kind = $3, rotation = $4, replaces = $5, person = $6, from_at = $7, to_at = $8, version = version + 1
				where roster = $1 and id = $2 returning id`, roster, id, o.Kind, o.Rotation, o.Replaces, o.Person, o.From, o.To).Scan((*overrideID)(&o.ID))
		})
	}
	if err != nil {
		return fmt.Errorf("updating override %s of roster %s: %w", o.ID, roster, err)
	}
	return nil
}

// ErrRotation says that an override names a rotation which its roster does not have.
var ErrRotation = errors.New("no such rotation in the roster")

// writeOverride writes while nobody changes the rotations of the roster.
func (s Store) writeOverride(ctx context.Context, roster rosters.RosterID, o rosters.Override, write func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var has bool
		err := tx.QueryRow(ctx, `select $2 = '' or exists (select from rotation where roster = $1 and id = $2) from roster where id = $1 for share`,
			roster, o.Rotation).Scan(&has)
		if err != nil {
			return mapped(err, err)
		}
		if !has {
			return ErrRotation
		}
		if o.Kind != rosters.TakeOff { // nobody deletes the person meanwhile
			err := tx.QueryRow(ctx, `select id from person where id = $1 for share`, o.Person).Scan(&o.Person)
			if errors.Is(err, pgx.ErrNoRows) {
				return &MissingError{People: []rosters.PersonID{o.Person}}
			}
			if err != nil {
				return err
			}
		}
		return mapped(write(tx), ErrNotFound)
	})
	return err
}

// EndOverride ends an override that is under way, at an instant, and keeps the rest of it restorably for KeptFor.
// By is who does it.
func (s Store) EndOverride(ctx context.Context, roster rosters.RosterID, o rosters.Override, at time.Time, by string) error {
	id, rest := o.ID, o
	rest.From = at
	row, err := rowID(id)
	if err == nil {
		err = s.Keep(ctx, TrashedOverride, string(roster)+"/"+id, rest, by)
	}
	if err == nil {
		var tag pgconn.CommandTag
		if tag, err = s.db.Exec(ctx, `update override set to_at = $3, version = version + 1 where roster = $1 and id = $2 and from_at < $3`, roster, row, at); err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
	}
	if err != nil {
		return fmt.Errorf("ending override %s of roster %s: %w", id, roster, err)
	}
	return nil
}

// rowID reads the number that an override's id is; anything else names no override.
func rowID(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 || n == math.MaxInt64 {
		return 0, ErrNotFound
	}
	return n, nil
}

// overrideID scans the number that an override's id is in the database.
type overrideID string

// ScanInt64 implements pgtype.Int64Scanner.
func (id *overrideID) ScanInt64(v pgtype.Int8) error {
	*id = overrideID(strconv.FormatInt(v.Int64, 10))
	return nil
}
