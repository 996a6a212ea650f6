package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/rosters"
)

// Roster is a roster as stored.
type Roster struct {
	rosters.Roster
	Team rosters.TeamID // that owns it, or ""
	Stamp
}

// recent is how far back Roster looks for overrides: long enough for a clock that a rehearsal set back.
const recent = 7 * 24 * time.Hour

// Roster reads a roster as it is needed to page now: with the revisions and overrides that are not over or
// were not a week ago. RosterDuring answers about other times.
func (s Store) Roster(ctx context.Context, id rosters.RosterID) (rosters.Roster, error) {
	found, err := s.rosters(ctx, []rosters.RosterID{id}, `now() - $2::interval`, "", recent)
	r, err := only(found, err)
	if err != nil {
		return rosters.Roster{}, fmt.Errorf("reading roster %s: %w", id, err)
	}
	return r.Roster, nil
}

// RosterDuring reads a roster with its newest revision, and with the earlier ones and the overrides that
// overlap [from, to).
func (s Store) RosterDuring(ctx context.Context, id rosters.RosterID, from, to time.Time) (Roster, error) {
	found, err := s.RostersDuring(ctx, []rosters.RosterID{id}, from, to)
	r, err := only(found, err)
	if err != nil {
		return Roster{}, fmt.Errorf("reading roster %s: %w", id, err)
	}
	return r, nil
}

// RostersDuring is RosterDuring for several, in the order of their slugs; one that is not there is left out.
func (s Store) RostersDuring(ctx context.Context, ids []rosters.RosterID, from, to time.Time) ([]Roster, error) {
	return s.rosters(ctx, ids, "$2", "$3", from, to)
}

// RosterIDs lists slugs in order, those after the given one, at most limit; of a team, or with "" all.
func (s Store) RosterIDs(ctx context.Context, team rosters.TeamID, after rosters.RosterID, limit int) ([]rosters.RosterID, error) {
	return s.FindRosters(ctx, Search{Team: team}, after, limit)
}

// FindRosters lists the slugs of those that are wanted, as RosterIDs does.
func (s Store) FindRosters(ctx context.Context, w Search, after rosters.RosterID, limit int) ([]rosters.RosterID, error) {
	rows, _ := s.db.Query(ctx, `select t.id from roster t where t.id > $1 and `+fmt.Sprintf(named, "$3")+` and ($4 = '' or t.team = $4)
		and ($5 = '' or exists (select from participant p where p.roster = t.id and p.person = $5)) order by t.id limit $2`, after, limit, w.Text, w.Team, w.Person)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[rosters.RosterID])
	if err != nil {
		return nil, fmt.Errorf("listing rosters: %w", err)
	}
	return ids, nil
}

// WholeRoster reads a roster with all that it ever was.
func (s Store) WholeRoster(ctx context.Context, id rosters.RosterID) (Roster, error) {
	found, err := s.rosters(ctx, []rosters.RosterID{id}, "", "")
	r, err := only(found, err)
	if err != nil {
		return Roster{}, fmt.Errorf("reading roster %s: %w", id, err)
	}
	return r, nil
}

func only(found []Roster, err error) (Roster, error) {
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Roster{}, err
	}
	return found[0], nil
}

// rosters reads rosters in one round trip: the newest revision of each, those before that count within
// [from, to), and overrides. Without from and to, which are expressions, that is all.
func (s Store) rosters(ctx context.Context, ids []rosters.RosterID, from, to string, args ...any) ([]Roster, error) {
	within := func(begins, ends string) string {
		where := `true`
		if from != "" {
			where = ends + ` > ` + from
		}
		if to != "" {
			where += ` and ` + begins + ` < ` + to
		}
		return where
	}
	args = append([]any{ids}, args...)
	var found []Roster
	place := map[rosters.RosterID]int{}
	var b pgx.Batch
	b.Queue(`select r.id, r.name, r.handoff_silent, r.handoff_ahead, coalesce(r.team, ''), r.version, r.created_at, r.updated_at, v.no, v.since, v.rotations
		from roster r join roster_revision v on v.roster = r.id
		where r.id = any($1) and (v.until_at is null or `+within(`coalesce(v.since, '-infinity')`, `v.until_at`)+`)
		order by r.id, v.no`, args...).
		Query(func(rows pgx.Rows) error {
			var r Roster
			var since *time.Time
			_, err := pgx.ForEachRow(rows, []any{&r.ID, &r.Name, &r.Handoff.Silent, &r.Handoff.Ahead, &r.Team, &r.Version, &r.CreatedAt, &r.UpdatedAt, &r.Revision, &since, &r.Rotations}, func() error {
				if since != nil {
					r.Since = since.UTC()
				}
				if i, ok := place[r.ID]; ok {
					older := &found[i]
					r.Earlier = append(older.Earlier, rosters.Revision{Revision: older.Revision, Since: older.Since, Rotations: older.Rotations})
					*older = r
				} else {
					place[r.ID] = len(found)
					found = append(found, r)
				}
				r.Rotations, r.Earlier, r.Since = nil, nil, time.Time{} // the next row has its own
				return nil
			})
			return err
		})
	b.Queue(`select roster, `+overrideColumns+` from override where roster = any($1) and `+within(`from_at`, `to_at`)+` order by roster, id`, args...).
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

// CreateRoster stores a new roster with its rotations, as its first revision; its overrides are not looked
// at. ErrExists if the slug is taken, MissingError for participants who are not there. By is who does it.
func (s Store) CreateRoster(ctx context.Context, r rosters.Roster, by string) error {
	r.Revision, r.Earlier = max(1, r.Revision), nil
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into roster (id, name, handoff_silent, handoff_ahead) values ($1, $2, $3, $4)`, r.ID, r.Name, r.Handoff.Silent, r.Handoff.Ahead); err != nil {
			return mapped(err, ErrNotFound)
		}
		return saveRevision(ctx, tx, r, by)
	})
	return s.rosterWritten(ctx, "creating", r, err)
}

// UpdateRoster stores a roster that was revised (rosters.Roster.Revised) after it was read with this
// version: its name and hand-off, and its newest revision if that is a new one. Revisions that begin no earlier than that
// are gone; its overrides stay as they are. ErrVersion if the stored version is another than the given one,
// ErrInUse if it would take away a rotation that an override names which is not over at now: RotationUses
// says which. By is who does it.
func (s Store) UpdateRoster(ctx context.Context, r rosters.Roster, version int, now time.Time, by string) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, toChange, "roster", string(r.ID), version); err != nil {
			return err
		}
		uses, err := New(tx).RotationUses(ctx, r, now)
		if err != nil {
			return err
		}
		if len(uses) > 0 {
			return ErrInUse
		}
		if _, err := tx.Exec(ctx, `update roster set name = $2, handoff_silent = $3, handoff_ahead = $4, version = version + 1, updated_at = now() where id = $1`,
			r.ID, r.Name, r.Handoff.Silent, r.Handoff.Ahead); err != nil {
			return err
		}
		var newest int
		if err := tx.QueryRow(ctx, `select max(no) from roster_revision where roster = $1`, r.ID).Scan(&newest); err != nil {
			return err
		}
		if newest >= r.Revision {
			return nil
		}
		return saveRevision(ctx, tx, r, by)
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
		named = slices.DeleteFunc(named, func(p rosters.PersonID) bool { return p == "" })
		err = s.missingPeople(ctx, named)
	}
	if err != nil {
		return fmt.Errorf("%s roster %s: %w", doing, r.ID, err)
	}
	return nil
}

var errForeignKey = errors.New("names something that is not there")

// saveRevision makes the rotations of a roster its newest revision, in place of all that begin no earlier.
func saveRevision(ctx context.Context, tx pgx.Tx, r rosters.Roster, by string) error {
	since := instant(r.Since)
	var b pgx.Batch
	b.Queue(`delete from roster_revision where roster = $1 and coalesce(since, '-infinity') >= coalesce($2, '-infinity'::timestamptz)`, r.ID, since)
	b.Queue(`update roster_revision set until_at = $2 where roster = $1 and (until_at is null or until_at > $2)`, r.ID, since)
	insertRevision(&b, r.ID, rosters.Revision{Revision: r.Revision, Since: r.Since, Rotations: r.Rotations}, nil, by)
	mirror(&b, r)
	return mapped(tx.SendBatch(ctx, &b).Close(), errForeignKey)
}

// instant is how a time that may be without bound is stored.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func insertRevision(b *pgx.Batch, id rosters.RosterID, v rosters.Revision, until *time.Time, by string) {
	if v.Rotations == nil {
		v.Rotations = []rosters.Rotation{}
	}
	b.Queue(`insert into roster_revision (roster, no, since, until_at, rotations, made_by) values ($1, $2, $3, $4, $5, $6)`,
		id, v.Revision, instant(v.Since), until, v.Rotations, by)
}

// mirror keeps the tables rotation and participant as the newest revision is: see the migration.
func mirror(b *pgx.Batch, r rosters.Roster) {
	b.Queue(`delete from rotation where roster = $1`, r.ID)
	for i, t := range r.Rotations {
		b.Queue(`insert into rotation (roster, id, position, zone, start, rule, length) values ($1, $2, $3, $4, $5, $6, $7)`,
			r.ID, t.ID, i, t.Zone, t.Start, t.Rule, t.Length)
		b.Queue(`insert into participant (roster, rotation, position, person)
			select $1, $2, no, person from unnest($3::text[]) with ordinality as turn(person, no) where person <> ''`, r.ID, t.ID, t.Participants)
	}
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
