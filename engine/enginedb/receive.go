package enginedb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
)

// OpenIncident finds the open incident that an alert belongs to, by service and the sender's key, or by
// service and dedup key; 0 if there is none. A key leads only to an incident of that service that a sender
// gave it to: Rouse may have given the same key to another trouble. The time is the database's.
func (s Store) OpenIncident(ctx context.Context, a engine.Alert, offset time.Duration) (id int64, now time.Time, err error) {
	err = s.db.QueryRow(ctx, `select clock_timestamp() + $4::interval, coalesce(
			(select id from incident where $1 <> '' and key = $1 and sender_key and service = $2 and status <> 'resolved'),
			(select id from incident where $3 <> '' and service = $2 and dedup_key = $3 and status <> 'resolved'), 0)`,
		string(a.Key), string(a.Service), a.DedupKey, offset).Scan(&now, &id)
	if err != nil {
		return 0, now, fmt.Errorf("looking for the open incident of an alert: %w", err)
	}
	return id, now, nil
}

// Insert makes the incident's row, gives it a number and, unless it brings one that is free, a key.
// Another open incident with the same service and dedup key gives ErrNotFound: look for it again.
func (s Store) Insert(ctx context.Context, inc *engine.Incident, prefix string) error {
	insert := func(key string) error {
		return s.db.QueryRow(ctx, `insert into incident (key, sender_key, service, severity, summary, status, dedup_key, hours, opened_at, alerted_at)
			values (coalesce(nullif($1, ''), (select k from (select $2 || '-' || nextval('incident_number') from (select generate_series(1, 10000000)) g) n (k)
				where not exists (select from incident i where i.key = n.k) limit 1)), $1 <> '', $3, $4, $5, $6, $7, $8, $9, $10)
			on conflict do nothing returning id, key`,
			key, prefix, string(inc.Service), inc.Severity, inc.Summary, string(inc.Status), inc.DedupKey, asJSON(inc.Hours),
			inc.OpenedAt, inc.AlertedAt).Scan(&inc.ID, &inc.Key)
	}
	err := insert(string(inc.Key))
	if errors.Is(err, pgx.ErrNoRows) && inc.Key != "" { // the sender's key names an older incident
		inc.Key = ""
		err = insert("")
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("opening an incident: %w", err)
	}
	return nil
}

// KeepAlert stores an alert as it came, with the incident it went to (0: none).
func (s Store) KeepAlert(ctx context.Context, incident int64, a engine.Alert, now time.Time) error {
	if a.Links == nil {
		a.Links = []engine.Link{}
	}
	if a.Raw == nil {
		a.Raw = []byte{}
	}
	_, err := s.db.Exec(ctx, `insert into alert (incident, received_at, action, source, service, severity, summary, dedup_key, details, links, raw)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		zeronull.Int8(incident), now, string(a.Action), a.Source, string(a.Service), a.Severity, a.Summary, a.DedupKey, a.Details,
		asJSON(a.Links), a.Raw)
	if err != nil {
		return fmt.Errorf("keeping an alert: %w", err)
	}
	return nil
}

// Seen marks a callback as acted on and reports whether it was already.
func (s Store) Seen(ctx context.Context, id string, now time.Time) (bool, error) {
	tag, err := s.db.Exec(ctx, `insert into seen (id, at) values ($1, $2) on conflict do nothing`, id, now)
	if err != nil {
		return false, fmt.Errorf("marking a callback: %w", err)
	}
	return tag.RowsAffected() == 0, nil
}
