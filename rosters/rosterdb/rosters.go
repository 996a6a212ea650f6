package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// Roster is a roster as stored.
type Roster struct {
	rosters.Roster
	Stamp
}

// recent is how far back Roster looks for overrides: long enough for a clock that a rehearsal set back.
const recent = 7 * 24 * time.Hour

// Roster reads a roster as it is needed to page now: with its rotations, and the overrides that are
// not over or were not a week ago. RosterDuring answers about other times.
func (s Store) Roster(ctx context.Context, id rosters.RosterID) (rosters.Roster, error) {
	found, err := s.rosters(ctx, since("now() - $2::interval"), []rosters.RosterID{id}, recent)
	r, err := only(found, err)
	if err != nil {
		return rosters.Roster{}, fmt.Errorf("reading roster %s: %w", id, err)
	}
	return r.Roster, nil
}

// RosterDuring reads a roster with the overrides that overlap [from, to).
func (s Store) RosterDuring(ctx context.Context, id rosters.RosterID, from, to time.Time) (Roster, error) {
	found, err := s.RostersDuring(ctx, []rosters.RosterID{id}, from, to)
	r, err := only(found, err)
	if err != nil {
		return Roster{}, fmt.Errorf("reading roster %s: %w", id, err)
	}
	return r, nil
}

// RostersDuring reads several rosters with the overrides that overlap [from, to), in the order of their
// slugs; one that is not there is left out.
func (s Store) RostersDuring(ctx context.Context, ids []rosters.RosterID, from, to time.Time) ([]Roster, error) {
	return s.rosters(ctx, since("$2")+` and from_at < $3`, ids, from, to)
}

// RosterIDs lists slugs in order, those after the given one, at most limit.
func (s Store) RosterIDs(ctx context.Context, after rosters.RosterID, limit int) ([]rosters.RosterID, error) {
	rows, _ := s.db.Query(ctx, `select id from roster where id > $1 order by id limit $2`, after, limit)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[rosters.RosterID])
	if err != nil {
		return nil, fmt.Errorf("listing rosters: %w", err)
	}
	return ids, nil
}

func since(bound string) string { return `where roster = any($1) and to_at > ` + bound }

func only(found []Roster, err error) (Roster, error) {
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Roster{}, err
	}
	return found[0], nil
}

// rosters reads rosters in one round trip. A rotation and its participants come from one statement, so
// that they belong together even while somebody writes.
func (s Store) rosters(ctx context.Context, overrides string, ids []rosters.RosterID, args ...any) ([]Roster, error) {
	var found []Roster
	place := map[rosters.RosterID]int{}
	var b pgx.Batch
	b.Queue(`select r.id, r.name, r.version, r.created_at, r.updated_at,
			coalesce(t.id, ''), coalesce(t.zone, ''), coalesce(t.start, ''), coalesce(t.rule, ''), coalesce(t.length, '0'),
			array(select p.person from participant p where p.roster = t.roster and p.rotation = t.id order by p.position)
		from roster r left join rotation t on t.roster = r.id
		where r.id = any($1) order by r.id, t.position`, ids).
		Query(func(rows pgx.Rows) error {
			var r Roster
			var t rosters.Rotation
			_, err := pgx.ForEachRow(rows, []any{&r.ID, &r.Name, &r.Version, &r.CreatedAt, &r.UpdatedAt,
				&t.ID, &t.Zone, &t.Start, &t.Rule, &t.Length, &t.Participants}, func() error {
				if _, ok := place[r.ID]; !ok {
					place[r.ID] = len(found)
					found = append(found, r)
				}
				if t.ID != "" {
					last := &found[len(found)-1]
					last.Rotations = append(last.Rotations, t)
				}
				t.Participants = nil // the next row has its own
				return nil
			})
			return err
		})
	b.Queue(`select roster, `+overrideColumns+` from override `+overrides+` order by roster, id`, append([]any{ids}, args...)...).
		Query(func(rows pgx.Rows) error {
			var id rosters.RosterID
			var o rosters.Override
			_, err := pgx.ForEachRow(rows, append([]any{&id}, overrideFields(&o)...), func() error {
				if i, ok := place[id]; ok {
					found[i].Overrides = append(found[i].Overrides, o)
				}
				return nil
			})
			return err
		})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("reading rosters: %w", err)
	}
	return found, nil
}

// CreateRoster stores a new roster with its rotations; its overrides are not looked at. ErrExists if the
// slug is taken, MissingError for participants who are not there.
func (s Store) CreateRoster(ctx context.Context, r rosters.Roster) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into roster (id, name) values ($1, $2)`, r.ID, r.Name); err != nil {
			return mapped(err, ErrNotFound)
		}
		return saveRotations(ctx, tx, r)
	})
	return s.rosterWritten(ctx, "creating", r, err)
}

// UpdateRoster replaces a roster and all its rotations; its overrides stay as they are. ErrVersion if
// the stored version is another than the given one, ErrInUse if it would take away a rotation that an
// override names which is not over at now: RotationUses says which.
func (s Store) UpdateRoster(ctx context.Context, r rosters.Roster, version int, now time.Time) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, "roster", string(r.ID), version); err != nil {
			return err
		}
		uses, err := New(tx).RotationUses(ctx, r, now)
		if err != nil {
			return err
		}
		if len(uses) > 0 {
			return ErrInUse
		}
		var b pgx.Batch
		b.Queue(`update roster set name = $2, version = version + 1, updated_at = now() where id = $1`, r.ID, r.Name)
		b.Queue(`delete from rotation where roster = $1`, r.ID)
		if err := tx.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		return saveRotations(ctx, tx, r)
	})
	return s.rosterWritten(ctx, "updating", r, err)
}

// rosterWritten tells, if a foreign key was in the way, who is not there; the transaction is over then.
func (s Store) rosterWritten(ctx context.Context, doing string, r rosters.Roster, err error) error {
	if errors.Is(err, errForeignKey) {
		var named []rosters.PersonID
		for _, t := range r.Rotations {
			named = append(named, t.Participants...)
		}
		err = s.missingPeople(ctx, named)
	}
	if err != nil {
		return fmt.Errorf("%s roster %s: %w", doing, r.ID, err)
	}
	return nil
}

var errForeignKey = errors.New("names something that is not there")

func saveRotations(ctx context.Context, tx pgx.Tx, r rosters.Roster) error {
	var b pgx.Batch
	for i, t := range r.Rotations {
		b.Queue(`insert into rotation (roster, id, position, zone, start, rule, length) values ($1, $2, $3, $4, $5, $6, $7)`,
			r.ID, t.ID, i, t.Zone, t.Start, t.Rule, t.Length)
		b.Queue(`insert into participant (roster, rotation, position, person)
			select $1, $2, no, person from unnest($3::text[]) with ordinality as turn(person, no)`, r.ID, t.ID, t.Participants)
	}
	return mapped(tx.SendBatch(ctx, &b).Close(), errForeignKey)
}

// RotationUses lists the overrides, not over at now, that name a rotation which r does not have.
func (s Store) RotationUses(ctx context.Context, r rosters.Roster, now time.Time) ([]rosters.Override, error) {
	kept := []string{}
	for _, t := range r.Rotations {
		kept = append(kept, t.ID)
	}
	uses, err := s.overrides(ctx, `where roster = $1 and rotation <> '' and rotation <> all($2) and to_at > $3 order by id`, r.ID, kept, now)
	if err != nil {
		return nil, fmt.Errorf("looking for overrides of rotations: %w", err)
	}
	return uses, nil
}

// DeleteRoster deletes a roster with its rotations and overrides. ErrInUse if a policy names it.
func (s Store) DeleteRoster(ctx context.Context, id rosters.RosterID, version int) error {
	return s.delete(ctx, "roster", string(id), version)
}
