package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/rosters"
)

// Notice is ordinary words for a person, which wake nobody.
type Notice struct {
	ID     int64
	Person rosters.PersonID
	Kind   string
	About  string // of one thing a person is told once
	Text   string
	Until  time.Time // from then on it is of no use
	Tries  int       // this one included
	Due    time.Time `db:"-"` // not told earlier; zero: at once
}

// AddNotices keeps what is to be told. What somebody was told, or is to be, is not told again. People who
// are not there are left out.
func (s Store) AddNotices(ctx context.Context, notices []Notice) error {
	var b pgx.Batch
	for _, n := range notices {
		b.Queue(`insert into notice (person, kind, about, text, until_at, lease_until) select id, $2, $3, $4, $5, coalesce($6::timestamptz, '-infinity') from person
			where id = $1 on conflict (person, kind, about) do nothing`, n.Person, n.Kind, n.About, n.Text, n.Until, zeronull.Timestamptz(n.Due))
	}
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("keeping notices: %w", err)
	}
	return nil
}

// ClaimNotices takes what is to be told now, for the time of a lease.
func (s Store) ClaimNotices(ctx context.Context, limit int, lease Lease) ([]Notice, error) {
	rows, _ := s.db.Query(ctx, `update notice n set lease_until = clock_timestamp() + $3::interval + $2::interval, tries = n.tries + 1
		from (select id from notice where told_at is null and lease_until <= clock_timestamp() + $3::interval and until_at > clock_timestamp() + $3::interval
			order by lease_until, id limit $1 for update skip locked) due
		where n.id = due.id returning n.id, n.person, n.kind, n.about, n.text, n.until_at, n.tries`, limit, lease.For, lease.Offset)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Notice])
	if err != nil {
		return nil, fmt.Errorf("claiming notices: %w", err)
	}
	return found, nil
}

// NoticeTold notes that a notice is with a provider.
func (s Store) NoticeTold(ctx context.Context, id int64) error {
	if _, err := s.db.Exec(ctx, `update notice set told_at = clock_timestamp(), detail = '' where id = $1`, id); err != nil {
		return fmt.Errorf("noting that a notice was told: %w", err)
	}
	return nil
}

// NoticeRests lets a notice that could not be told rest for the time of a lease, and keeps why.
func (s Store) NoticeRests(ctx context.Context, id int64, rest Lease, why string) error {
	if _, err := s.db.Exec(ctx, `update notice set lease_until = clock_timestamp() + $3::interval + $2::interval, detail = $4 where id = $1`, id, rest.For, rest.Offset, why); err != nil {
		return fmt.Errorf("letting a notice rest: %w", err)
	}
	return nil
}

// PruneNotices forgets what was told, or is of no use any more, and with it that it was.
func (s Store) PruneNotices(ctx context.Context, p Prune) (int64, error) {
	return s.prune(ctx, "notices", `with old as materialized (
			select id from notice where until_at < (select clock_timestamp() + $1::interval - $2::interval)
			order by id limit $3 for update skip locked)
		delete from notice using old where notice.id = old.id`, p.Offset, p.Keep, p.Limit)
}
