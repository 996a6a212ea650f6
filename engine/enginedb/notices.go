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
	Reply  string    // what stands before it in a text message: how to answer; "": nothing
	Until  time.Time // from then on it is of no use
	Tries  int       // this one included
	Due    time.Time `db:"-"` // not told earlier; zero: at once
}

// The kinds of the notices that somebody comes on call in a roster, or goes off; whoever tells that earlier, or for
// another reason, says so with the same kind and AboutRelief, so that it is told once.
const (
	OnCallNotice  = "on call"
	OffCallNotice = "off call"
)

// AboutRelief is what a notice about a relief is about.
func AboutRelief(roster rosters.RosterID, at time.Time) string {
	return fmt.Sprintf("%s at %s", roster, at.UTC().Format(time.RFC3339Nano))
}

// NotTold leaves of some notices those that nobody was told yet, nor is to be.
func (s Store) NotTold(ctx context.Context, notices []Notice) ([]Notice, error) {
	var person, kind, about []string
	for _, n := range notices {
		person, kind, about = append(person, string(n.Person)), append(kind, n.Kind), append(about, n.About)
	}
	rows, _ := s.db.Query(ctx, `select no::int from unnest($1::text[], $2::text[], $3::text[]) with ordinality as n(person, kind, about, no)
		where not exists (select from notice t where t.person = n.person and t.kind = n.kind and t.about = n.about) order by no`, person, kind, about)
	left, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("looking for notices: %w", err)
	}
	var found []Notice
	for _, no := range left {
		found = append(found, notices[no-1])
	}
	return found, nil
}

// KindBrowserAdded is of a notice that is told by another contact than a browser, as it is about one.
const KindBrowserAdded = "browser added"

// AddNotices keeps what is to be told. What somebody was told, or is to be, is not told again. People who
// are not there are left out.
func (s Store) AddNotices(ctx context.Context, notices []Notice) error {
	var b pgx.Batch
	for _, n := range notices {
		b.Queue(`insert into notice (person, kind, about, text, reply, until_at, lease_until) select id, $2, $3, $4, $5, $6, coalesce($7::timestamptz, '-infinity') from person
			where id = $1 on conflict (person, kind, about) do nothing`, n.Person, n.Kind, n.About, n.Text, n.Reply, n.Until, zeronull.Timestamptz(n.Due))
	}
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("keeping notices: %w", err)
	}
	return nil
}

// AskedLast reports whether the last text to a number was a notice that one of some people may answer, told
// within the last day or being told, and no page.
func (s Store) AskedLast(ctx context.Context, people []rosters.PersonID, number string) (asked bool, err error) {
	err = s.db.QueryRow(ctx, `select exists (select from notice n where n.person = any($1) and n.reply <> '' and (n.told_at is null and n.tries > 0 and n.detail = ''
			or n.told_at > clock_timestamp() - interval '1 day' and n.detail = 'sms'
			and not exists (select from attempt a where a.channel = 'sms' and a.address = $2 and a.claimed_at > n.told_at)))`, people, number).Scan(&asked)
	if err != nil {
		return false, fmt.Errorf("looking for what was asked: %w", err)
	}
	return asked, nil
}

// DropNotices gives up what was not told yet of a thing, to a person or with "" to anybody.
func (s Store) DropNotices(ctx context.Context, who rosters.PersonID, kind, about string) error {
	if _, err := s.db.Exec(ctx, `delete from notice where ($1 = '' or person = $1) and kind = $2 and about = $3 and told_at is null`, who, kind, about); err != nil {
		return fmt.Errorf("dropping notices: %w", err)
	}
	return nil
}

// ClaimNotices takes what is to be told now, for the time of a lease.
func (s Store) ClaimNotices(ctx context.Context, limit int, lease Lease) ([]Notice, error) {
	rows, _ := s.db.Query(ctx, `update notice n set lease_until = clock_timestamp() + $3::interval + $2::interval, tries = n.tries + 1, detail = ''
		from (select id from notice where told_at is null and lease_until <= clock_timestamp() + $3::interval and until_at > clock_timestamp() + $3::interval
			order by lease_until, id limit $1 for update skip locked) due
		where n.id = due.id returning n.id, n.person, n.kind, n.about, n.text, n.reply, n.until_at, n.tries`, limit, lease.For, lease.Offset)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Notice])
	if err != nil {
		return nil, fmt.Errorf("claiming notices: %w", err)
	}
	return found, nil
}

// NoticeTold notes that a notice is with a provider of a channel.
func (s Store) NoticeTold(ctx context.Context, id int64, via rosters.Channel) error {
	if _, err := s.db.Exec(ctx, `update notice set told_at = clock_timestamp(), detail = $2 where id = $1`, id, via); err != nil {
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

// PutOffNotice lets a notice that was not tried yet wait for the time of a lease.
func (s Store) PutOffNotice(ctx context.Context, id int64, wait Lease) error {
	if _, err := s.db.Exec(ctx, `update notice set lease_until = clock_timestamp() + $3::interval + $2::interval, tries = tries - 1, detail = 'put off' where id = $1`, id, wait.For, wait.Offset); err != nil {
		return fmt.Errorf("putting a notice off: %w", err)
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
