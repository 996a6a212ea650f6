package rosterdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// KeptFor is how long what was deleted can be restored.
const KeptFor = 30 * 24 * time.Hour

// TrashKind is what kind of thing was deleted.
type TrashKind string

// The kinds. Of what belongs to a person or a roster, the slug is the owner's, a stroke and its own id.
const (
	TrashedTeam     TrashKind = "team"
	TrashedPerson   TrashKind = "person"
	TrashedContact  TrashKind = "contact"
	TrashedRoster   TrashKind = "roster"
	TrashedRotation TrashKind = "rotation"
	TrashedOverride TrashKind = "override"
)

// Trashed is something that was deleted and can be restored.
type Trashed struct {
	ID   int64
	Kind TrashKind
	Slug string
	By   string
	At   time.Time
}

// Owned reads the slug of what belongs to another thing.
func (t Trashed) Owned() (owner, id string) {
	owner, id, _ = strings.Cut(t.Slug, "/")
	return owner, id
}

// Trash lists what can be restored, of a kind or with "" of all, the last deleted first: those deleted before
// the given one, or all with 0, at most limit.
func (s Store) Trash(ctx context.Context, kind TrashKind, before int64, limit int) ([]Trashed, error) {
	rows, _ := s.db.Query(ctx, `select id, kind, slug, deleted_by, deleted_at from trash
		where ($1 = '' or kind = $1) and ($2 = 0 or id < $2) and body is not null and deleted_at > now() - $3::interval
		order by id desc limit $4`, kind, before, KeptFor, limit)
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
		if err := lockVersion(ctx, tx, toDelete, "person", string(id), version); err != nil {
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
		if err := lockVersion(ctx, tx, toDelete, "roster", string(id), version); err != nil {
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
	if err := New(tx).Keep(ctx, kind, slug, body, by); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `delete from `+table+` where id = $1`, slug)
	return mapped(err, ErrInUse)
}

// Keep puts into the trash what is being deleted.
func (s Store) Keep(ctx context.Context, kind TrashKind, slug string, body any, by string) error {
	if _, err := s.db.Exec(ctx, `insert into trash (kind, slug, body, deleted_by) values ($1, $2, $3, $4)`, kind, slug, body, by); err != nil {
		return fmt.Errorf("keeping what is deleted: %w", err)
	}
	return nil
}

// DeleteOverride deletes an override, for KeptFor restorably.
func (s Store) DeleteOverride(ctx context.Context, roster rosters.RosterID, id string, by string) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		tied := New(tx)
		o, err := tied.Override(ctx, roster, id)
		if err != nil {
			return err
		}
		if err := tied.Keep(ctx, TrashedOverride, string(roster)+"/"+id, o.Override, by); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from override where roster = $1 and id = $2::bigint`, roster, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting override %s of roster %s: %w", id, roster, err)
	}
	return nil
}

// Unkeep takes something out of the trash, in the transaction that makes it anew, and reads it into body.
func (s Store) Unkeep(ctx context.Context, id int64, body any) error {
	var text []byte
	err := s.db.QueryRow(ctx, `delete from trash where id = $1 and body is not null and deleted_at > now() - $2::interval returning body`, id, KeptFor).Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, body)
	}
	if err != nil {
		return fmt.Errorf("taking back what was deleted: %w", mapped(err, err))
	}
	return nil
}

// Deleted finds something in the trash.
func (s Store) Deleted(ctx context.Context, id int64) (Trashed, error) {
	rows, _ := s.db.Query(ctx, `select id, kind, slug, deleted_by, deleted_at from trash
		where id = $1 and body is not null and deleted_at > now() - $2::interval`, id, KeptFor)
	t, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Trashed])
	if err != nil {
		return t, fmt.Errorf("looking for what was deleted: %w", mapped(err, err))
	}
	return t, nil
}

// DeletedPerson finds somebody who was deleted and can be restored, by handle; ErrNotFound if there is nobody.
func (s Store) DeletedPerson(ctx context.Context, handle rosters.PersonID) (id int64, err error) {
	err = s.db.QueryRow(ctx, `select id from trash where kind = $1 and slug = $2 and body is not null and deleted_at > now() - $3::interval
		order by id desc limit 1`, TrashedPerson, handle, KeptFor).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("looking for person %s among the deleted: %w", handle, mapped(err, err))
	}
	return id, nil
}

// RestorePerson brings a deleted person back, with the contacts. ErrNotFound if it is not in the trash any
// more, ErrExists if there is one of that handle.
func (s Store) RestorePerson(ctx context.Context, id int64) error {
	return restore(ctx, s, id, func(tx Store, p rosters.Person) error { return tx.createPerson(ctx, p) })
}

// RestoreRoster brings a deleted roster back, with all revisions and overrides. The errors are those of
// RestorePerson, and MissingError for people who are gone and named by what is not over.
func (s Store) RestoreRoster(ctx context.Context, id int64, by string) error {
	return restore(ctx, s, id, func(tx Store, r rosters.Roster) error {
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
	b.Queue(`insert into roster (id, name, handoff_silent, handoff_ahead) values ($1, $2, $3, $4)`, r.ID, r.Name, r.Handoff.Silent, r.Handoff.Ahead)
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

func restore[T any](ctx context.Context, s Store, id int64, remake func(Store, T) error) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var was T
		if err := New(tx).Unkeep(ctx, id, &was); err != nil {
			return err
		}
		return remake(New(tx), was)
	})
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	return nil
}
