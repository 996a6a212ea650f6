package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Bucket is how much a provider takes from one sender on all nodes together: Burst messages at once, and one more each
// Every.
type Bucket struct {
	Provider, Sender string
	Every            time.Duration
	Burst            int
}

// Take takes room for one message out of a bucket that holds that and keep more besides. If it does not, it says how
// long until it would, if nobody else took any; 0 means taken.
func (s Store) Take(ctx context.Context, b Bucket, keep int) (wait time.Duration, err error) {
	var seconds float64
	err = s.db.QueryRow(ctx, `with old as materialized (
			select coalesce((select free_at from sender_load where provider = $1 and sender = $2), clock_timestamp()) as free_at),
		taken as (
			insert into sender_load as l (provider, sender, free_at) values ($1, $2, clock_timestamp() + $3::interval)
			on conflict (provider, sender) do update set free_at = greatest(l.free_at, clock_timestamp()) + $3::interval
				where greatest(l.free_at, clock_timestamp()) + $3::interval * (1 + $5::integer) <= clock_timestamp() + $3::interval * $4::integer
			returning 1)
		select case when exists (select from taken) then 0
			else greatest(extract(epoch from old.free_at + $3::interval * (1 + $5::integer - $4::integer) - clock_timestamp()), 0.001) end::float8 from old`,
		b.Provider, b.Sender, b.Every, b.Burst, keep).Scan(&seconds)
	if err != nil {
		return 0, fmt.Errorf("asking for room at a provider: %w", err)
	}
	wait = time.Duration(seconds * float64(time.Second))
	if longest := b.Every * time.Duration(1+keep); wait > longest+time.Second { // it was smaller when it was taken from
		_, err := s.db.Exec(ctx, `update sender_load set free_at = clock_timestamp() + $3::interval * $4::integer
			where provider = $1 and sender = $2 and free_at > clock_timestamp() + $3::interval * $4::integer`, b.Provider, b.Sender, b.Every, b.Burst)
		if err != nil {
			return 0, fmt.Errorf("enlarging the room at a provider: %w", err)
		}
		wait = longest
	}
	return wait, nil
}

// GiveBack puts back what was taken and not used.
func (s Store) GiveBack(ctx context.Context, b Bucket) error {
	_, err := s.db.Exec(ctx, `update sender_load set free_at = free_at - $3::interval where provider = $1 and sender = $2`, b.Provider, b.Sender, b.Every)
	if err != nil {
		return fmt.Errorf("giving room at a provider back: %w", err)
	}
	return nil
}

// AttemptAddress is where an attempt goes. ErrNotFound if there is none.
func (s Store) AttemptAddress(ctx context.Context, incident int64, attempt int) (address string, err error) {
	err = s.db.QueryRow(ctx, `select address from attempt where incident = $1 and no = $2`, incident, attempt).Scan(&address)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("asking where attempt %d of incident %d goes: %w", attempt, incident, err)
	}
	return address, nil
}
