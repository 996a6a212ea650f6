package rosterdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// Feed is a calendar to subscribe to: of a roster, or of the shifts of a person. Whoever knows its secret
// may read it.
type Feed struct {
	ID        int64
	Roster    rosters.RosterID // or ""
	Person    rosters.PersonID // or ""
	CreatedAt time.Time
	UsedAt    time.Time // within an hour; zero: never
}

func hashFeed(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// CreateFeed makes a feed of a roster or of a person, one of which is "". The secret is shown once, and not
// kept. ErrNotFound if there is no such roster or person.
func (s Store) CreateFeed(ctx context.Context, roster rosters.RosterID, person rosters.PersonID) (secret string, f Feed, err error) {
	secret = rand.Text() + rand.Text() // 260 bits: a plain hash is enough
	f = Feed{Roster: roster, Person: person}
	err = s.db.QueryRow(ctx, `insert into feed (roster, person, hash) values ($1, $2, $3) returning id, created_at`,
		zeronull.Text(roster), zeronull.Text(person), hashFeed(secret)).Scan(&f.ID, &f.CreatedAt)
	if err != nil {
		return "", f, fmt.Errorf("making a feed: %w", mapped(err, ErrNotFound))
	}
	return secret, f, nil
}

const feedColumns = `id, coalesce(roster, ''), coalesce(person, ''), created_at, used_at`

func scanFeed(row pgx.CollectableRow) (f Feed, err error) {
	return f, row.Scan(&f.ID, &f.Roster, &f.Person, &f.CreatedAt, (*zeronull.Timestamptz)(&f.UsedAt))
}

// Feeds lists the feeds of a roster or of a person, one of which is "", in the order in which they were made.
func (s Store) Feeds(ctx context.Context, roster rosters.RosterID, person rosters.PersonID) ([]Feed, error) {
	rows, _ := s.db.Query(ctx, `select `+feedColumns+` from feed where coalesce(roster, '') = $1 and coalesce(person, '') = $2 order by id`, roster, person)
	found, err := pgx.CollectRows(rows, scanFeed)
	if err != nil {
		return nil, fmt.Errorf("listing feeds: %w", err)
	}
	return found, nil
}

// DeleteFeed revokes a feed of a roster or of a person: from the commit on its address shows nothing.
func (s Store) DeleteFeed(ctx context.Context, roster rosters.RosterID, person rosters.PersonID, id int64) error {
	tag, err := s.db.Exec(ctx, `delete from feed where coalesce(roster, '') = $1 and coalesce(person, '') = $2 and id = $3`, roster, person, id)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoking feed %d: %w", id, err)
	}
	return nil
}

// FeedBySecret finds a feed, and notes at most once an hour that it was used.
func (s Store) FeedBySecret(ctx context.Context, secret string) (Feed, error) {
	rows, _ := s.db.Query(ctx, `
		with used as (
			update feed set used_at = now() where id = (
				select id from feed where hash = $1 and (used_at is null or used_at < now() - interval '1 hour') for update skip locked))
		select `+feedColumns+` from feed where hash = $1`, hashFeed(secret))
	f, err := pgx.CollectExactlyOneRow(rows, scanFeed)
	if err != nil {
		return f, fmt.Errorf("looking for a feed: %w", mapped(err, err))
	}
	return f, nil
}

// RostersOf lists the rosters that have named a person within [from, to): in a rotation that counts then, or
// in an override.
func (s Store) RostersOf(ctx context.Context, person rosters.PersonID, from, to time.Time) ([]rosters.RosterID, error) {
	rows, _ := s.db.Query(ctx, `
		select roster from roster_revision where (until_at is null or until_at > $2) and coalesce(since, '-infinity') < $3
			and jsonb_path_exists(rotations, '$[*].participants[*] ? (@ == $p)', jsonb_build_object('p', $1::text))
		union select roster from override where person = $1 and to_at > $2 and from_at < $3
		order by 1`, person, from, to)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[rosters.RosterID])
	if err != nil {
		return nil, fmt.Errorf("looking for the rosters of %s: %w", person, err)
	}
	return ids, nil
}
