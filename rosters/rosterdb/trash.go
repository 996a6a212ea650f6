package rosterdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// KeptFor is how long what was deleted can be restored.
const KeptFor = 30 * 24 * time.Hour

// TrashKind is what kind of thing was deleted.
type TrashKind string

// The kinds. Of an override the slug is that of its roster, a stroke and its id.
const (
	TrashedPerson   TrashKind = "person"
	TrashedRoster   TrashKind = "roster"
	TrashedOverride TrashKind = "override"
)

// Trashed is something that was deleted and can be restored.
type Trashed struct {
	Kind TrashKind
	Slug string
	By   string
	At   time.Time
}

// Trash lists what can be restored, the last deleted first.
func (s Store) Trash(ctx context.Context, kind TrashKind, limit int) ([]Trashed, error) {
	rows, _ := s.db.Query(ctx, `select kind, slug, deleted_by, deleted_at from trash
		where ($1 = '' or kind = $1) and body is not null and deleted_at > now() - $2::interval order by id desc limit $3`, kind, KeptFor, limit)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Trashed])
	if err != nil {
		return nil, fmt.Errorf("listing what was deleted: %w", err)
	}
	return found, nil
}

// EmptyTrash forgets what was deleted so long ago that it cannot be restored.
func (s Store) EmptyTrash(ctx context.Context) (int64, error) {
	done, err := s.db.Exec(ctx, `update trash set body = null where body is not null and deleted_at <= now() - $1::interval`, KeptFor)
	if err != nil {
		return 0, fmt.Errorf("forgetting what was deleted: %w", err)
	}
	return done.RowsAffected(), nil
}

// DeletePerson deletes a person, the contacts and the keys bound to the person, for KeptFor restorably but
// for the keys. ErrInUse if a rotation or an override that is not over at now, or a policy, names the person;
// PersonUses says which of the first two.
func (s Store) DeletePerson(ctx context.Context, id rosters.PersonID, version int, now time.Time, by string) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, "person", string(id), version); err != nil {
			return err
		}
		tied := New(tx)
		uses, err := tied.PersonUses(ctx, id, now)
		if err != nil {
			return err
		}
		if len(uses) > 0 {
			return ErrInUse
		}
		p, err := tied.Person(ctx, id)
		if err != nil {
			return err
		}
		return throwAway(ctx, tx, TrashedPerson, "person", string(id), p, by)
	})
	if err != nil {
		return fmt.Errorf("deleting person %s: %w", id, err)
	}
	return nil
}

// DeleteRoster deletes a roster with its rotations and overrides, for KeptFor restorably. ErrInUse if a
// policy names it.
func (s Store) DeleteRoster(ctx context.Context, id rosters.RosterID, version int, by string) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, "roster", string(id), version); err != nil {
			return err
		}
		r, err := New(tx).WholeRoster(ctx, id)
		if err != nil {
			return err
		}
		return throwAway(ctx, tx, TrashedRoster, "roster", string(id), r.Roster, by)
	})
	if err != nil {
		return fmt.Errorf("deleting roster %s: %w", id, err)
	}
	return nil
}

func throwAway(ctx context.Context, tx pgx.Tx, kind TrashKind, table, slug string, body any, by string) error {
	if _, err := tx.Exec(ctx, `insert into trash (kind, slug, body, deleted_by) values ($1, $2, $3, $4)`, kind, slug, body, by); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `delete from `+table+` where id = $1`, slug)
	return mapped(err, ErrInUse)
}

// RestorePerson brings a deleted person back, with the contacts. ErrNotFound if none was deleted within
// KeptFor, ErrExists if there is one of that handle.
func (s Store) RestorePerson(ctx context.Context, id rosters.PersonID) error {
	return restore(ctx, s, TrashedPerson, string(id), func(tx Store, p rosters.Person) error { return tx.createPerson(ctx, p) })
}

// RestoreRoster brings a deleted roster back, with all revisions and overrides. The errors are those of
// RestorePerson, and MissingError for people who are gone and named by what is not over.
func (s Store) RestoreRoster(ctx context.Context, id rosters.RosterID, by string) error {
	return restore(ctx, s, TrashedRoster, string(id), func(tx Store, r rosters.Roster) error {
		return s.rosterWritten(ctx, "restoring", r, tx.putBack(ctx, r, by))
	})
}

// putBack stores a roster with all that it was. People who are gone may stand in what is over.
func (s Store) putBack(ctx context.Context, r rosters.Roster, by string) error {
	now, err := s.Now(ctx)
	if err != nil {
		return err
	}
	var b pgx.Batch
	b.Queue(`insert into roster (id, name) values ($1, $2)`, r.ID, r.Name)
	revisions := append(slices.Clip(r.Earlier), rosters.Revision{Revision: r.Revision, Since: r.Since, Rotations: r.Rotations})
	for i, v := range revisions {
		var until *time.Time
		if i+1 < len(revisions) {
			until = instant(revisions[i+1].Since)
		}
		insertRevision(&b, r.ID, v, until, by)
	}
	mirror(&b, r)
	var named []rosters.PersonID
	for _, o := range r.Overrides {
		if o.Kind != rosters.TakeOff && o.To.After(now) {
			named = append(named, o.Person)
		}
		b.Queue(`insert into override (id, roster, kind, rotation, replaces, person, from_at, to_at) overriding system value
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, o.ID, r.ID, o.Kind, o.Rotation, o.Replaces, o.Person, o.From, o.To)
	}
	missing, err := s.MissingPeople(ctx, named)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &MissingError{People: missing}
	}
	return mapped(s.db.SendBatch(ctx, &b).Close(), errForeignKey)
}

// restore takes the last that was deleted out of the trash, and makes it anew.
func restore[T any](ctx context.Context, s Store, kind TrashKind, slug string, remake func(Store, T) error) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var body []byte
		err := tx.QueryRow(ctx, `delete from trash where id = (select id from trash where kind = $1 and slug = $2 and body is not null
			and deleted_at > now() - $3::interval order by id desc limit 1) returning body`, kind, slug, KeptFor).Scan(&body)
		if err != nil {
			return mapped(err, err)
		}
		var was T
		if err := json.Unmarshal(body, &was); err != nil {
			return err
		}
		return remake(New(tx), was)
	})
	if err != nil {
		return fmt.Errorf("restoring %s %s: %w", kind, slug, err)
	}
	return nil
}
