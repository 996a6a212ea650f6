package rosterdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// Person is a person as stored. ContactIDs belong to Contacts, one each.
type Person struct {
	rosters.Person
	ContactIDs []int64
	Stamp
}

// Person reads a person with the contacts, in order of After.
func (s Store) Person(ctx context.Context, id rosters.PersonID) (rosters.Person, error) {
	p, err := s.StoredPerson(ctx, id)
	return p.Person, err
}

// People reads several people at once; whoever is not there is not in the map.
func (s Store) People(ctx context.Context, ids []rosters.PersonID) (map[rosters.PersonID]rosters.Person, error) {
	found, err := s.people(ctx, `where p.id = any($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading people: %w", err)
	}
	people := make(map[rosters.PersonID]rosters.Person, len(found))
	for _, p := range found {
		people[p.ID] = p.Person
	}
	return people, nil
}

// PeopleByAddress finds everybody who has a contact with the address, on whatever channel, disabled
// or not: whoever sends a text message is known by its number.
func (s Store) PeopleByAddress(ctx context.Context, address string) ([]rosters.PersonID, error) {
	rows, _ := s.db.Query(ctx, `select distinct person from contact where address = $1 order by person`, address)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[rosters.PersonID])
	if err != nil {
		return nil, fmt.Errorf("looking for people by address: %w", err)
	}
	return ids, nil
}

// StoredPerson reads a person with what the database knows beside.
func (s Store) StoredPerson(ctx context.Context, id rosters.PersonID) (Person, error) {
	found, err := s.people(ctx, `where p.id = $1`, id)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Person{}, fmt.Errorf("reading person %s: %w", id, err)
	}
	return found[0], nil
}

// StoredPeople reads people in the order of their handles, those after the given one, at most limit.
func (s Store) StoredPeople(ctx context.Context, after rosters.PersonID, limit int) ([]Person, error) {
	return s.FindPeople(ctx, Search{}, after, limit)
}

// FindPeople is StoredPeople of those that are wanted.
func (s Store) FindPeople(ctx context.Context, w Search, after rosters.PersonID, limit int) ([]Person, error) {
	found, err := s.people(ctx, `where p.id in (select t.id from person t where t.id > $1 and `+fmt.Sprintf(named, "$3")+`
		and ($4 = '' or exists (select from member m where m.team = $4 and m.person = t.id)) order by t.id limit $2)`, after, limit, w.Text, w.Team)
	if err != nil {
		return nil, fmt.Errorf("listing people: %w", err)
	}
	return found, nil
}

func (s Store) people(ctx context.Context, where string, args ...any) ([]Person, error) {
	rows, _ := s.db.Query(ctx, `
		select p.id, p.name, p.zone, p.language, p.call_again, p.call_again_for, p.quiet_from, p.quiet_to, p.version, p.created_at, p.updated_at,
			coalesce(c.id, 0), coalesce(c.channel, ''), coalesce(c.address, ''), coalesce(c.after, '0'), coalesce(c.disabled, false), coalesce(c.dead, ''),
			coalesce(c.plan, ''), c.verified_at
		from person p left join contact c on c.person = p.id `+where+`
		order by p.id, c.after, c.id`, args...)
	var people []Person
	var p Person
	var contact int64
	var c rosters.Contact
	_, err := pgx.ForEachRow(rows, []any{&p.ID, &p.Name, &p.Zone, &p.Language, &p.CallAgain, &p.CallAgainFor, &p.Quiet.From, &p.Quiet.To, &p.Version, &p.CreatedAt, &p.UpdatedAt,
		&contact, &c.Channel, &c.Address, &c.After, &c.Disabled, &c.Dead, &c.Plan, (*zeronull.Timestamptz)(&c.VerifiedAt)}, func() error {
		if len(people) == 0 || people[len(people)-1].ID != p.ID {
			people = append(people, p)
		}
		if contact != 0 {
			c.VerifiedAt = inUTC(c.VerifiedAt)
			last := &people[len(people)-1]
			last.Contacts = append(last.Contacts, c)
			last.ContactIDs = append(last.ContactIDs, contact)
		}
		return nil
	})
	return people, err
}

// inUTC is the same for the same instant, as the database's is not.
func inUTC(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}

// CreatePerson stores a new person. ErrExists if the handle is taken, ErrGone if it was another person's.
func (s Store) CreatePerson(ctx context.Context, p rosters.Person) error {
	var gone bool
	err := s.db.QueryRow(ctx, `select exists (select from trash where kind = $1 and slug = $2)`, TrashedPerson, p.ID).Scan(&gone)
	if err == nil && gone {
		err = ErrGone
	}
	if err != nil {
		return fmt.Errorf("creating person %s: %w", p.ID, err)
	}
	return s.createPerson(ctx, p)
}

func (s Store) createPerson(ctx context.Context, p rosters.Person) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `insert into person (id, name, zone, language, call_again, call_again_for, quiet_from, quiet_to)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, p.ID, p.Name, p.Zone, p.Language, p.CallAgain, p.CallAgainFor, p.Quiet.From, p.Quiet.To)
		if err != nil {
			return mapped(err, ErrNotFound)
		}
		return saveContacts(ctx, tx, p)
	})
	if err != nil {
		return fmt.Errorf("creating person %s: %w", p.ID, err)
	}
	return nil
}

// UpdatePerson replaces a person and all contacts; a contact that stays as it was keeps its id.
// ErrVersion if the stored version is another than the given one.
func (s Store) UpdatePerson(ctx context.Context, p rosters.Person, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := lockVersion(ctx, tx, toChange, "person", string(p.ID), version); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update person set name = $2, zone = $3, language = $4, call_again = $5, call_again_for = $6, quiet_from = $7, quiet_to = $8,
			version = version + 1, updated_at = now() where id = $1`, p.ID, p.Name, p.Zone, p.Language, p.CallAgain, p.CallAgainFor, p.Quiet.From, p.Quiet.To)
		if err != nil {
			return err
		}
		return saveContacts(ctx, tx, p)
	})
	if err != nil {
		return fmt.Errorf("updating person %s: %w", p.ID, err)
	}
	return nil
}

// saveContacts makes the person's contacts those given. What was verified stays so for as long as there is a
// contact with the same channel and address.
func saveContacts(ctx context.Context, tx pgx.Tx, p rosters.Person) error {
	channels, addresses, afters := []string{}, []string{}, []time.Duration{}
	for _, c := range p.Contacts {
		channels, addresses, afters = append(channels, string(c.Channel)), append(addresses, c.Address), append(afters, c.After)
	}
	var b pgx.Batch
	for _, c := range p.Contacts {
		b.Queue(`insert into contact (person, channel, address, after, disabled, plan, verified_at)
			select $1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, max(verified_at)) from contact where person = $1 and channel = $2 and address = $3
			on conflict (person, channel, address, after) do update set disabled = excluded.disabled, plan = excluded.plan,
				dead = case when excluded.disabled then contact.dead else '' end`,
			p.ID, c.Channel, c.Address, c.After, c.Disabled, c.Plan, zeronull.Timestamptz(c.VerifiedAt))
	}
	b.Queue(`delete from contact where person = $1 and (channel, address, after) not in (select * from unnest($2::text[], $3::text[], $4::interval[]))`,
		p.ID, channels, addresses, afters)
	return tx.SendBatch(ctx, &b).Close()
}

// EndContacts disables what somebody has at an address on a channel, because a provider says why nothing reaches it
// any more, and reports whether anything was in use.
func (s Store) EndContacts(ctx context.Context, who rosters.PersonID, channel rosters.Channel, address, why string) (ended bool, err error) {
	return s.switchContacts(ctx, who, `update contact set disabled = true, dead = $4 where person = $1 and channel = $2 and address = $3 and not disabled`,
		who, channel, address, why)
}

// ReviveContacts uses again what somebody has at an address on a channel, if it was a provider that ended it.
func (s Store) ReviveContacts(ctx context.Context, who rosters.PersonID, channel rosters.Channel, address string) (revived bool, err error) {
	return s.switchContacts(ctx, who, `update contact set disabled = false, dead = '' where person = $1 and channel = $2 and address = $3 and dead <> ''`,
		who, channel, address)
}

func (s Store) switchContacts(ctx context.Context, who rosters.PersonID, sql string, args ...any) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from person where id = $1 for update`, who); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql, args...)
		if done = tag.RowsAffected() > 0; err != nil || !done {
			return err
		}
		_, err = tx.Exec(ctx, `update person set version = version + 1, updated_at = now() where id = $1`, who)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("switching contacts of %s: %w", who, err)
	}
	return done, nil
}

// Use is one place of a roster that names somebody: a rotation, or an override with its span.
type Use struct {
	Roster   rosters.RosterID
	Rotation string // "" if it is an override
	Override rosters.Override
}

// PersonUses lists where a person is named by what is not over at now: the rotations in which the person
// stands, and the overrides that put the person on call.
func (s Store) PersonUses(ctx context.Context, id rosters.PersonID, now time.Time) ([]Use, error) {
	rows, _ := s.db.Query(ctx, `
		select distinct v.roster, t->>'id', 0::bigint, ''::text, 'epoch'::timestamptz, 'epoch'::timestamptz
			from roster_revision v, jsonb_array_elements(v.rotations) t
			where (v.until_at is null or v.until_at > $2) and v.rotations @> jsonb_build_array(jsonb_build_object('participants', jsonb_build_array($1::text)))
				and t->'participants' ? $1::text and (t->>'until' is null or (t->>'until')::timestamptz > $2)
		union all
		select roster, '', id, rotation, from_at, to_at from override where person = $1 and to_at > $2
		order by 1, 2, 3`, id, now)
	var uses []Use
	var u Use
	_, err := pgx.ForEachRow(rows, []any{&u.Roster, &u.Rotation, (*overrideID)(&u.Override.ID), &u.Override.Rotation, &u.Override.From, &u.Override.To},
		func() error {
			u.Override.Person = id
			uses = append(uses, u)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("looking for what names %s: %w", id, err)
	}
	return uses, nil
}

// MissingPeople tells which of the people are not there, in the order given.
func (s Store) MissingPeople(ctx context.Context, ids []rosters.PersonID) ([]rosters.PersonID, error) {
	rows, _ := s.db.Query(ctx, `select id from unnest($1::text[]) with ordinality as named(id, no)
		where not exists (select from person where person.id = named.id) group by id order by min(no)`, ids)
	missing, err := pgx.CollectRows(rows, pgx.RowTo[rosters.PersonID])
	if err != nil {
		return nil, fmt.Errorf("looking for people who are not there: %w", err)
	}
	return missing, nil
}

// lockVersion locks the row of a person or roster for a change of it or of what belongs to it.
func lockVersion(ctx context.Context, tx pgx.Tx, how lock, table, id string, version int) error {
	var is int
	err := tx.QueryRow(ctx, `select version from `+table+` where id = $1 `+string(how), id).Scan(&is)
	if err != nil {
		return mapped(err, err)
	}
	if version != AnyVersion && version != is {
		return ErrVersion
	}
	return nil
}

// lock is what a row is locked for. While it is changed others may name it, such as a notice to a person.
type lock string

const (
	toChange lock = "for no key update"
	toDelete lock = "for update"
)

// missingPeople is the error for a write that names people who are not there.
func (s Store) missingPeople(ctx context.Context, ids []rosters.PersonID) error {
	missing, err := s.MissingPeople(ctx, ids)
	return errors.Join(&MissingError{People: missing}, err)
}

// MissingError says which people were named by a write though they are not there.
type MissingError struct{ People []rosters.PersonID }

func (e *MissingError) Error() string {
	return fmt.Sprintf("names people who are not there: %v", e.People)
}
