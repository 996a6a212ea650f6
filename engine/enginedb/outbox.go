package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
// It takes the incident's lock, so that it either comes before an acknowledgement or sees it. While
// somebody else holds it, it gives ErrLocked instead of waiting with a connection in its hand.
func (s Store) Claim(ctx context.Context, ref AttemptRef, token []byte, lease, offset time.Duration) (Claim, error) {
	return s.claim(ctx, ref, token, lease, offset, "for update skip locked")
}

// ClaimInTurn is Claim, but waits for the lock: where many want it one after the other, who does not
// stand in the queue never gets it. After wait it gives ErrLocked.
func (s Store) ClaimInTurn(ctx context.Context, ref AttemptRef, token []byte, lease, offset, wait time.Duration) (c Claim, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true)`, fmt.Sprintf("%dms", wait.Milliseconds())); err != nil {
			return fmt.Errorf("limiting the wait for a lock: %w", err)
		}
		c, err = New(tx).claim(ctx, ref, token, lease, offset, "for update")
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
		return c, ErrLocked
	}
	return c, err
}

func (s Store) claim(ctx context.Context, ref AttemptRef, token []byte, lease, offset time.Duration, mode string) (Claim, error) {
	c := Claim{AttemptRef: ref}
	err := s.db.QueryRow(ctx, `with inc as materialized (select * from incident where id = $1 `+mode+`),
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
		return c, s.whyNoClaim(ctx, ref)
	}
	if err != nil {
		return c, fmt.Errorf("claiming attempt %d of incident %d: %w", ref.Attempt, ref.Incident, err)
	}
	return c, nil
}

// whyNoClaim tells an attempt that is still to be sent from one that is not.
func (s Store) whyNoClaim(ctx context.Context, ref AttemptRef) error {
	var open bool
	err := s.db.QueryRow(ctx, `select exists (select from attempt
		where incident = $1 and no = $2 and generation = $3 and state = 'queued' and not unwanted)`,
		ref.Incident, ref.Attempt, ref.Generation).Scan(&open)
	switch {
	case err != nil:
		return fmt.Errorf("claiming attempt %d of incident %d: %w", ref.Attempt, ref.Incident, err)
	case open:
		return ErrLocked
	default:
		return ErrNotFound
	}
}

// Wanted reports whether a claim is still held and its message still wanted.
func (s Store) Wanted(ctx context.Context, ref AttemptRef) (wanted bool, err error) {
	err = s.db.QueryRow(ctx, `select exists (select from attempt
		where incident = $1 and no = $2 and generation = $3 and state = 'sending' and not unwanted)`,
		ref.Incident, ref.Attempt, ref.Generation).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("asking whether a message is still wanted: %w", err)
	}
	return wanted, nil
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

// Force writes down what became of an attempt without asking the engine, for a report that cannot be
// brought to it: so that at least the message is not sent again and again.
func (s Store) Force(ctx context.Context, ref AttemptRef, state engine.AttemptState, provider, providerID string) error {
	_, err := s.db.Exec(ctx, `update attempt set state = $4, provider = $5, provider_id = $6
		where incident = $1 and no = $2 and generation = $3 and state = 'sending'`,
		ref.Incident, ref.Attempt, ref.Generation, string(state), provider, providerID)
	if err != nil {
		return fmt.Errorf("forcing a report: %w", err)
	}
	return nil
}
