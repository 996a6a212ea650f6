package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
	"rouse/rosters"
)

// AttemptRef names an attempt and the generation under which a worker may act on it.
type AttemptRef struct {
	Incident   int64
	Attempt    int
	Generation int
}

// Claim is an attempt that a worker holds, with all that its message says.
type Claim struct {
	AttemptRef
	Nonce    string
	Channel  rosters.Channel
	Address  string
	Code     string
	Ask      bool
	Person   rosters.PersonID
	Language string
	Key      engine.Key
	Severity engine.Severity
	Summary  string
	Service  engine.ServiceID
	Role     string
	Why      string
	OpenedAt time.Time
	Claimed  time.Time // now, by the database's clock
	Before   time.Time // when an earlier worker took it; zero if this is the first
	First    bool      // the incident's first attempt
}

// Patience is how long an attempt may stay queued before a sweep takes it over from the queue. Leases
// and patience are about workers, not incidents: they run on the database's own clock, without an offset.
const Patience = time.Second

// Claim takes a queued attempt for the time of a lease, or gives ErrNotFound when it is no longer
// wanted, is held by somebody else, or has been given to a later generation. token is the hash of the
// secret that its buttons will carry.
//
// It takes the incident's lock, so that it either comes before an acknowledgement or sees it.
func (s Store) Claim(ctx context.Context, ref AttemptRef, token []byte, lease, offset time.Duration) (Claim, error) {
	c := Claim{AttemptRef: ref}
	err := s.db.QueryRow(ctx, `with inc as materialized (select * from incident where id = $1 for update),
		t as materialized (select clock_timestamp() + $6::interval as now from inc),
		old as (select claimed_at from attempt where incident = $1 and no = $2),
		a as (update attempt set state = 'sending', lease_until = clock_timestamp() + $5::interval, claimed_at = coalesce(claimed_at, t.now),
				tokens = array_append(tokens, $4)
			from t where incident = $1 and no = $2 and generation = $3 and state = 'queued' and not unwanted
			returning attempt.*)
		select t.now, old.claimed_at, a.nonce, a.channel, a.address, page.code, page.ask, page.person, coalesce(person.language, ''),
			inc.key, inc.severity, inc.summary, inc.service, escalation.role, escalation.why, inc.opened_at, a.no = 1
		from a cross join inc cross join t cross join old
		join page on page.incident = $1 and page.no = a.page
		join escalation on escalation.incident = $1 and escalation.no = page.escalation
		left join person on person.id = page.person`,
		ref.Incident, ref.Attempt, ref.Generation, token, lease, offset).
		Scan(&c.Claimed, (*zeronull.Timestamptz)(&c.Before), &c.Nonce, &c.Channel, &c.Address, &c.Code, &c.Ask, &c.Person, &c.Language,
			&c.Key, &c.Severity, &c.Summary, &c.Service, &c.Role, &c.Why, &c.OpenedAt, &c.First)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("claiming attempt %d of incident %d: %w", ref.Attempt, ref.Incident, err)
	}
	return c, nil
}

// Renew prolongs the lease of a claim and reports whether it is still held.
func (s Store) Renew(ctx context.Context, ref AttemptRef, lease time.Duration) (bool, error) {
	tag, err := s.db.Exec(ctx, `update attempt set lease_until = clock_timestamp() + $4::interval
		where incident = $1 and no = $2 and generation = $3 and state = 'sending'`,
		ref.Incident, ref.Attempt, ref.Generation, lease)
	if err != nil {
		return false, fmt.Errorf("renewing a lease: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// Settle records what a provider said about an attempt, before Step is told. A worker gives the
// generation it holds, and 0 rows means that it is stale; a provider's callback gives 0. An empty
// provider id leaves the known one.
func (s Store) Settle(ctx context.Context, ref AttemptRef, provider, providerID, detail string) (bool, error) {
	tag, err := s.db.Exec(ctx, `update attempt set provider = coalesce(nullif($4, ''), provider),
			provider_id = coalesce(nullif($5, ''), provider_id), detail = coalesce(nullif($6, ''), detail)
		where incident = $1 and no = $2 and ($3 = 0 or generation = $3)`,
		ref.Incident, ref.Attempt, ref.Generation, provider, providerID, detail)
	if err != nil {
		return false, fmt.Errorf("recording a receipt: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// Sweep is what a node finds to do.
type Sweep struct {
	Due     []int64       // incidents whose deadline has passed, the longest overdue first
	Unsent  []AttemptRef  // attempts that nobody is sending, to be sent under these generations
	Next    time.Duration // until the next deadline of any incident; negative if there is none
	Overdue time.Duration // how long the oldest deadline has passed
}

// Sweep looks for incidents to tick, at most limit, and takes over at most take attempts that were left: queued longer than Patience,
// or in the hands of a worker whose lease has run out. A taken-over attempt gets a new generation, so
// that the old worker can write nothing; one that nobody wants any more is withdrawn.
func (s Store) Sweep(ctx context.Context, offset time.Duration, limit, take int) (Sweep, error) {
	var w Sweep
	w.Next = -1
	var b pgx.Batch
	b.Queue(`select id from incident where deadline <= clock_timestamp() + $1::interval order by deadline limit $2`, offset, limit).
		Query(func(rows pgx.Rows) (err error) {
			w.Due, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	b.Queue(`with left_over as (
			select incident, no from attempt
			where state in ('queued', 'sending') and lease_until < clock_timestamp()
			order by lease_until limit $2 for update skip locked)
		update attempt a set generation = generation + 1,
			lease_until = clock_timestamp() + $1::interval, -- for the node that takes it now
			state = case when unwanted then 'withdrawn' else 'queued' end
		from left_over l where a.incident = l.incident and a.no = l.no
		returning a.incident, a.no, a.generation, a.unwanted`, Patience, take).
		Query(func(rows pgx.Rows) error {
			var r AttemptRef
			var unwanted bool
			_, err := pgx.ForEachRow(rows, []any{&r.Incident, &r.Attempt, &r.Generation, &unwanted}, func() error {
				if !unwanted {
					w.Unsent = append(w.Unsent, r)
				}
				return nil
			})
			return err
		})
	b.Queue(`select extract(epoch from min(deadline) filter (where deadline > n) - n)::float8, extract(epoch from n - min(deadline))::float8
		from (select deadline from incident where deadline is not null order by deadline limit $2) d, (select clock_timestamp() + $1::interval n) c
		group by n`, offset, limit+1).
		QueryRow(func(row pgx.Row) error {
			var next, overdue *float64
			if err := row.Scan(&next, &overdue); err != nil {
				if errors.Is(err, pgx.ErrNoRows) {
					return nil
				}
				return err
			}
			if next != nil {
				w.Next = time.Duration(*next * float64(time.Second))
			}
			if overdue != nil && *overdue > 0 {
				w.Overdue = time.Duration(*overdue * float64(time.Second))
			}
			return nil
		})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return w, fmt.Errorf("sweeping: %w", err)
	}
	return w, nil
}
