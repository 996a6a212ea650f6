package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// ProviderHealth is how a provider fared on a channel, as the node saw it that used it last, by that node's clock.
type ProviderHealth struct {
	Provider, Channel string
	Version           int       // of the provider's settings; 0: the environment's
	FailingSince      time.Time // of a row of failures, however short; zero: there is none
	LastSuccess       time.Time // zero: never
	LastFailure       time.Time // zero: never
	Failure           string    // the last one, masked
	Faults            int       // failures of the row
}

// ProvidersHealth is what is kept of all providers, also of settings that were changed since.
func (s Store) ProvidersHealth(ctx context.Context) ([]ProviderHealth, error) {
	rows, _ := s.db.Query(ctx, `select provider, channel, version, failing_since, last_success, last_failure, failure, faults from provider_health order by provider, channel`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h ProviderHealth, err error) {
		return h, row.Scan(&h.Provider, &h.Channel, &h.Version, (*zeronull.Timestamptz)(&h.FailingSince), (*zeronull.Timestamptz)(&h.LastSuccess),
			(*zeronull.Timestamptz)(&h.LastFailure), &h.Failure, &h.Faults)
	})
	if err != nil {
		return nil, fmt.Errorf("reading how providers fared: %w", err)
	}
	return all, nil
}

// KeepProvidersHealth keeps how providers fared, in the place of what was kept.
func (s Store) KeepProvidersHealth(ctx context.Context, all []ProviderHealth) error {
	var b pgx.Batch
	for _, h := range all {
		b.Queue(`insert into provider_health (provider, channel, version, failing_since, last_success, last_failure, failure, faults) values ($1, $2, $3, $4, $5, $6, $7, $8)
			on conflict (provider, channel) do update set version = excluded.version, failing_since = excluded.failing_since, last_success = excluded.last_success,
				last_failure = excluded.last_failure, failure = excluded.failure, faults = excluded.faults`,
			h.Provider, h.Channel, h.Version, zeronull.Timestamptz(h.FailingSince), zeronull.Timestamptz(h.LastSuccess), zeronull.Timestamptz(h.LastFailure), h.Failure, h.Faults)
	}
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("keeping how providers fared: %w", err)
	}
	return nil
}

// ForgetProviderHealth forgets how a provider fared: another one may get its name.
func (s Store) ForgetProviderHealth(ctx context.Context, provider string) error {
	if _, err := s.db.Exec(ctx, `delete from provider_health where provider = $1`, provider); err != nil {
		return fmt.Errorf("forgetting how provider %s fared: %w", provider, err)
	}
	return nil
}
