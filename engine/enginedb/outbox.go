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

// Claim is an attempt that a worker holds, with all that its message says, and the others that it tells.
type Claim struct {
	AttemptRef
	Others   []Member
	Avoid    []string // providers that sent the same contact of the page before in vain, if another one is to
	Known    *Known   // nil: it is to be sent
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
	First    bool      // the incident's first attempt, and that no drill
}

// Refs are the attempts of the message, the one that leads first.
func (c Claim) Refs() []AttemptRef {
	refs := []AttemptRef{c.AttemptRef}
	for _, m := range c.Others {
		refs = append(refs, m.AttemptRef)
	}
	return refs
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
func (s Store) Claim(ctx context.Context, ref AttemptRef, token []byte, lease Lease) (Claim, error) {
	return s.claim(ctx, ref, token, lease, "for update skip locked")
}

// ClaimInTurn is Claim, but waits for the lock: where many want it one after the other, who does not
// stand in the queue never gets it. After wait it gives ErrLocked.
func (s Store) ClaimInTurn(ctx context.Context, ref AttemptRef, token []byte, lease Lease, wait time.Duration) (c Claim, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select set_config('lock_timeout', $1, true)`, fmt.Sprintf("%dms", wait.Milliseconds())); err != nil {
			return fmt.Errorf("limiting the wait for a lock: %w", err)
		}
		c, err = New(tx).claim(ctx, ref, token, lease, "for update")
		return err
	})
	if isLockTimeout(err) {
		return c, ErrLocked
	}
	return c, err
}

// isLockTimeout tells a lock that was waited for in vain.
func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03" // lock_not_available
}

func (s Store) claim(ctx context.Context, ref AttemptRef, token []byte, lease Lease, mode string) (Claim, error) {
	found, err := s.claims(ctx, []Take{{ref, token}}, lease, mode)
	if err != nil {
		return Claim{}, err
	}
	if len(found) == 0 {
		return Claim{AttemptRef: ref}, s.whyNoClaim(ctx, ref)
	}
	return found[0], nil
}

// Lease is for how long attempts are claimed, by the clock with the Offset. Nothing is claimed after a long
// stop by the clock that the pulse is kept by, which is the one with the offset Pulse: what waits is told of
// the stop first.
type Lease struct{ For, Offset, Pulse time.Duration }

// Take is an attempt to be claimed, and the hash of the secret that its buttons will carry.
type Take struct {
	AttemptRef
	Token []byte
}

// Claims is Claim for several attempts at once: those that cannot be claimed, for whatever reason, are
// left out.
func (s Store) Claims(ctx context.Context, takes []Take, lease Lease) ([]Claim, error) {
	return s.claims(ctx, takes, lease, "for update skip locked")
}

// tried are, in a query with an attempt a, the providers that sent the same contact before in vain, since it was last begun
// anew: for an attempt that is made because there is another one.
const tried = `case when a.reason = '` + string(engine.ReasonNextProvider) + `' then (select array_agg(distinct b.provider) from attempt b
	where b.incident = a.incident and b.page = a.page and b.contact = a.contact and b.no < a.no and b.provider <> ''
		and b.no >= coalesce((select max(c.no) from attempt c where c.incident = a.incident and c.page = a.page and c.contact = a.contact
			and c.no < a.no and c.reason = '` + string(engine.ReasonCallAgain) + `'), 0)) end`

func (s Store) claims(ctx context.Context, takes []Take, lease Lease, mode string) ([]Claim, error) {
	var incidents []int64
	var no, generation []int
	var tokens [][]byte
	for _, t := range takes {
		incidents, no, generation = append(incidents, t.Incident), append(no, t.Attempt), append(generation, t.Generation)
		tokens = append(tokens, t.Token)
	}
	// The clock is read after the locks were given: the count makes it wait for all of them.
	rows, _ := s.db.Query(ctx, `with inc as materialized (select * from incident where id = any($1) and stopped_at is null
			and not `+isStopped("$7", "$8")+` order by id `+mode+`),
		t as materialized (select clock_timestamp() + $6::interval as now from (select count(*) from inc) x),
		take as materialized (select r.*, a.claimed_at as before
			from unnest($1::bigint[], $2::int[], $3::int[], $4::bytea[]) r (incident, no, generation, token)
			join inc on inc.id = r.incident join attempt a on a.incident = r.incident and a.no = r.no),
		a as (update attempt set state = 'sending', lease_until = clock_timestamp() + $5::interval, claimed_at = coalesce(claimed_at, t.now),
				tokens = array_append(tokens, take.token)
			from t, take where attempt.incident = take.incident and attempt.no = take.no and attempt.generation = take.generation
				and attempt.state = 'queued' and not attempt.unwanted
			returning attempt.*)
		select a.incident, a.no, a.generation, t.now, take.before, a.nonce, a.channel, a.address, page.code, page.ask, page.person,
			coalesce(person.language, ''), inc.key, inc.severity, inc.summary, inc.service, escalation.role, escalation.why, inc.opened_at, a.no = 1 and not inc.drill,
			`+tried+`
		from a cross join t join take on take.incident = a.incident and take.no = a.no join inc on inc.id = a.incident
		join page on page.incident = a.incident and page.no = a.page
		join escalation on escalation.incident = a.incident and escalation.no = page.escalation
		left join person on person.id = page.person`,
		incidents, no, generation, tokens, lease.For, lease.Offset, lease.Pulse, engine.LongStop)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Claim, err error) {
		return c, row.Scan(&c.Incident, &c.Attempt, &c.Generation, &c.Claimed, (*zeronull.Timestamptz)(&c.Before), &c.Nonce, &c.Channel,
			&c.Address, &c.Code, &c.Ask, &c.Person, &c.Language, &c.Key, &c.Severity, &c.Summary, &c.Service, &c.Role, &c.Why,
			&c.OpenedAt, &c.First, &c.Avoid)
	})
	if err != nil {
		return nil, fmt.Errorf("claiming %d attempts, %d of incident %d among them: %w", len(takes), takes[0].Attempt, takes[0].Incident, err)
	}
	return found, nil
}

// whyNoClaim tells an attempt that is still to be sent from one that is not. After a stop none is before its
// incident was ticked, and then it goes out with others: see Resume.
func (s Store) whyNoClaim(ctx context.Context, ref AttemptRef) error {
	var open bool
	err := s.db.QueryRow(ctx, `select exists (select from attempt a join incident i on i.id = a.incident
		where a.incident = $1 and a.no = $2 and a.generation = $3 and a.state = 'queued' and not a.unwanted and i.stopped_at is null)`,
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

// Wanted reports whether any of the claims is still held and its message still wanted.
func (s Store) Wanted(ctx context.Context, refs []AttemptRef) (wanted bool, err error) {
	incidents, no, generation := columns(refs)
	err = s.db.QueryRow(ctx, `select exists (select from unnest($1::bigint[], $2::int[], $3::int[]) r (incident, no, generation)
		join attempt a using (incident, no, generation) where a.state = 'sending' and not a.unwanted)`, incidents, no, generation).Scan(&wanted)
	if err != nil {
		return false, fmt.Errorf("asking whether a message is still wanted: %w", err)
	}
	return wanted, nil
}

// IsOthers reports whether a provider's id of a call to a number is that of another message than the one
// with the nonce.
func (s Store) IsOthers(ctx context.Context, nonce, number, providerID string) (others bool, err error) {
	err = s.db.QueryRow(ctx, `select exists (select from attempt
		where channel = 'voice' and address = $2 and provider_id = $3 and nonce <> $1 and bundle <> $1)`, nonce, number, providerID).Scan(&others)
	if err != nil {
		return false, fmt.Errorf("asking whose call one is: %w", err)
	}
	return others, nil
}

// Renew prolongs the leases of the claims of one message and reports whether any of them is still held.
func (s Store) Renew(ctx context.Context, refs []AttemptRef, lease time.Duration) (bool, error) {
	incidents, no, generation := columns(refs)
	tag, err := s.db.Exec(ctx, `update attempt a set lease_until = clock_timestamp() + $4::interval
		from unnest($1::bigint[], $2::int[], $3::int[]) r (incident, no, generation)
		where a.incident = r.incident and a.no = r.no and a.generation = r.generation and a.state = 'sending'`,
		incidents, no, generation, lease)
	if err != nil {
		return false, fmt.Errorf("renewing a lease: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

func columns(refs []AttemptRef) (incidents []int64, no, generation []int) {
	for _, r := range refs {
		incidents, no, generation = append(incidents, r.Incident), append(no, r.Attempt), append(generation, r.Generation)
	}
	return incidents, no, generation
}

// Force writes down what became of an attempt without asking the engine, for a report that cannot be
// brought to it: so that at least the message is not sent again and again. It takes the incident's lock, so
// that it comes before an answer or after it.
func (s Store) Force(ctx context.Context, ref AttemptRef, state engine.AttemptState, provider, providerID string, offset time.Duration) error {
	_, err := s.db.Exec(ctx, `with inc as materialized (select id from incident where id = $1 for update)
		update attempt set state = $4, provider = $5, provider_id = $6, sent_at = coalesce(sent_at, clock_timestamp() + $7::interval)
		from inc where incident = inc.id and no = $2 and generation = $3 and state = 'sending'`,
		ref.Incident, ref.Attempt, ref.Generation, string(state), provider, providerID, offset)
	if err != nil {
		return fmt.Errorf("forcing a report: %w", err)
	}
	return nil
}
