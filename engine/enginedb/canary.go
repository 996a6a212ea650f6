package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// MissesUntilDown is how many canaries in a row must not come back for their provider to be down.
const MissesUntilDown = 2

// CanaryRef names the canary of a provider on a channel.
type CanaryRef struct{ Provider, Channel string }

// Canary is how the messages of a provider to a robot fare.
type Canary struct {
	CanaryRef
	SentAt    time.Time     // the last one; zero: never
	CameAt    time.Time     // when one last came back; zero: never
	Took      time.Duration // from being sent until that one was back
	Misses    int           // that did not come back, since one did
	DownSince time.Time     // since when the provider is down; zero: it is not
	Detail    string        // what is known last of one that is not back; "" if all are
}

// Canaries are all that there ever were: also of providers that have no robot's address any more.
func (s Store) Canaries(ctx context.Context) ([]Canary, error) {
	rows, _ := s.db.Query(ctx, `select provider, channel, sent_at, came_at, took, misses, down_since, detail from canary order by provider, channel`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Canary, err error) {
		var sent, came, down *time.Time
		var took *time.Duration
		if err = row.Scan(&c.Provider, &c.Channel, &sent, &came, &took, &c.Misses, &down, &c.Detail); err != nil {
			return c, err
		}
		c.SentAt, c.CameAt, c.DownSince = orZero(sent), orZero(came), orZero(down)
		c.Took = orZero(took)
		return c, nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading canaries: %w", err)
	}
	return all, nil
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// WantedCanary is one that is to be sent when it is due, with the nonce that it would have.
type WantedCanary struct {
	CanaryRef
	Nonce string
}

// DueCanary is one that is to be sent now.
type DueCanary struct {
	WantedCanary
	At     time.Time
	Misses int    // that of the one before included
	Fell   bool   // that made its provider down
	Detail string // what the provider said of that one
}

// ClaimCanaries takes the canaries that are due, and with them the time until the next: one node sends each. One
// that is out still when the next is due has missed, unless nobody was there to send the next for so long that
// nobody may have been there to hear it. By the clock with the offset.
func (s Store) ClaimCanaries(ctx context.Context, wanted []WantedCanary, every, offset time.Duration) ([]DueCanary, error) {
	var provider, channel, nonce []string
	for _, w := range wanted {
		provider, channel, nonce = append(provider, w.Provider), append(channel, w.Channel), append(nonce, w.Nonce)
	}
	var b pgx.Batch
	b.Queue(`insert into canary (provider, channel) select * from unnest($1::text[], $2::text[]) w (provider, channel)
		where not exists (select from canary c where c.provider = w.provider and c.channel = w.channel) on conflict do nothing`, provider, channel)
	var due []DueCanary
	b.Queue(`with clock as materialized (select clock_timestamp() + $4::interval as now),
		due as materialized (select c.provider, c.channel, w.nonce, clock.now,
				case when not c.is_out then c.misses when c.sent_at > clock.now - 3 * $5::interval then c.misses + 1 else 0 end as misses
			from clock cross join canary c join unnest($1::text[], $2::text[], $3::text[]) w (provider, channel, nonce) using (provider, channel)
			where c.due_at <= clock.now order by c.provider, c.channel for update of c skip locked)
		update canary c set due_at = due.now + $5::interval, nonce = due.nonce, is_out = true, sent_at = due.now, misses = due.misses,
			down_since = coalesce(c.down_since, case when due.misses >= $6 then due.now end)
		from due where c.provider = due.provider and c.channel = due.channel
		returning c.provider, c.channel, c.nonce, c.sent_at, c.misses, c.down_since is not distinct from due.now, c.detail`,
		provider, channel, nonce, offset, every, MissesUntilDown).Query(func(rows pgx.Rows) (err error) {
		due, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DueCanary, err error) {
			return d, row.Scan(&d.Provider, &d.Channel, &d.Nonce, &d.At, &d.Misses, &d.Fell, &d.Detail)
		})
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("claiming canaries: %w", err)
	}
	return due, nil
}

// CameBack is a canary that is back.
type CameBack struct {
	CanaryRef
	At        time.Time
	DownSince time.Time // its provider was down since then; zero: it was not
	Again     bool      // it was back already
}

// CanaryCame notes that the last canary, if it has the nonce, is back. ErrNotFound: it has another.
func (s Store) CanaryCame(ctx context.Context, nonce string, offset time.Duration) (b CameBack, err error) {
	var down *time.Time
	err = s.db.QueryRow(ctx, `with was as materialized (select provider, channel, is_out, down_since, clock_timestamp() + $2::interval as now
			from canary where nonce = $1 and nonce <> '' for update),
		came as (update canary c set is_out = false, came_at = was.now, took = greatest(was.now - c.sent_at, interval '0'), misses = 0, down_since = null, detail = ''
			from was where c.provider = was.provider and c.channel = was.channel and c.nonce = $1 and was.is_out)
		select provider, channel, now, down_since, not is_out from was`, nonce, offset).Scan(&b.Provider, &b.Channel, &b.At, &down, &b.Again)
	b.DownSince = orZero(down)
	return b, notFound(err, "noting that a canary is back")
}

// CanaryFailed notes what a provider says of the last canary, if it has the nonce and is not back. ErrNotFound: it has
// another.
func (s Store) CanaryFailed(ctx context.Context, nonce, why string) error {
	tag, err := s.db.Exec(ctx, `update canary set detail = case when is_out then $2 else detail end, detail_of = nonce where nonce = $1 and nonce <> ''`, nonce, why)
	if err != nil {
		return fmt.Errorf("noting that a canary failed: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return nil
}

// CanaryTaken notes that the provider took the last canary, if it has the nonce, and what that means until it is back; what
// was said of it meanwhile stays.
func (s Store) CanaryTaken(ctx context.Context, nonce, means string) error {
	if _, err := s.db.Exec(ctx, `update canary set detail = $2, detail_of = nonce where nonce = $1 and nonce <> '' and is_out and detail_of <> nonce`, nonce, means); err != nil {
		return fmt.Errorf("noting that a canary was taken: %w", err)
	}
	return nil
}

// CanaryKnown reports whether the last canary has the nonce, and whether it is waited for.
func (s Store) CanaryKnown(ctx context.Context, nonce string) (known, out bool, err error) {
	err = s.db.QueryRow(ctx, `select count(*) > 0, coalesce(bool_or(is_out), false) from canary where nonce = $1 and nonce <> ''`, nonce).Scan(&known, &out)
	if err != nil {
		return false, false, fmt.Errorf("looking for a canary: %w", err)
	}
	return known, out, nil
}

// Carried is what became of the messages that a provider was given on a channel.
type Carried struct {
	Provider, Channel string
	Sent              int // that it took
	Delivered         int // of them
	Failed            int // refused, or taken and not delivered; without those to addresses that nothing reaches any more
}

// Carried counts what became of what was given to providers in the time before now, by the clock with the offset:
// messages, however many pages one told.
func (s Store) Carried(ctx context.Context, within, offset time.Duration) ([]Carried, error) {
	rows, _ := s.db.Query(ctx, `select provider, channel, count(*) filter (where state = $3 or state = $4 or state = $5 and sent_at is not null),
			count(*) filter (where state = $4), count(*) filter (where state = $5 and not gone)
		from attempt where claimed_at > (select clock_timestamp() + $1::interval - $2::interval) and provider <> '' and bundle in ('', nonce)
		group by provider, channel order by provider, channel`, offset, within, string(engine.Sent), string(engine.Delivered), string(engine.Failed))
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Carried])
	if err != nil {
		return nil, fmt.Errorf("counting what providers carried: %w", err)
	}
	return all, nil
}

// AttemptGone notes that a message failed as nothing will ever reach its address.
func (s Store) AttemptGone(ctx context.Context, incident int64, attempt int) error {
	if _, err := s.db.Exec(ctx, `update attempt set gone = true where incident = $1 and no = $2`, incident, attempt); err != nil {
		return fmt.Errorf("noting that an address is no more: %w", err)
	}
	return nil
}
