package enginedb

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
)

// Arrivals says where alerts belong, and how what they open is to be paged.
type Arrivals struct {
	Now      time.Time
	Open     []int64 // of each alert: the open incident that it belongs to, or 0
	Services map[engine.ServiceID]engine.Service
	Policies map[engine.PolicyID]engine.Policy // of these services
}

// Arrivals finds the open incidents that alerts belong to, by service and the sender's key, or by service
// and dedup key, and what their services say, in one round trip. A key leads only to an incident of that
// service that a sender gave it to: Rouse may have given the same key to another trouble. The time is the
// database's.
func (s Store) Arrivals(ctx context.Context, alerts []engine.Alert, offset time.Duration) (Arrivals, error) {
	a := Arrivals{Open: make([]int64, 0, len(alerts)), Services: map[engine.ServiceID]engine.Service{}, Policies: map[engine.PolicyID]engine.Policy{}}
	var keys, services, dedups []string
	for _, al := range alerts {
		keys, services, dedups = append(keys, string(al.Key)), append(services, string(al.Service)), append(dedups, al.DedupKey)
	}
	var b pgx.Batch
	b.Queue(`select clock_timestamp() + $4::interval, coalesce(
			(select id from incident i where a.key <> '' and i.key = a.key and i.sender_key and i.service = a.service and i.status <> 'resolved'),
			(select id from incident i where a.dedup <> '' and i.service = a.service and i.dedup_key = a.dedup and i.dedup_key <> '' and i.status <> 'resolved'), 0)
		from unnest($1::text[], $2::text[], $3::text[]) with ordinality a (key, service, dedup, n) order by n`, keys, services, dedups, offset).
		Query(func(rows pgx.Rows) error {
			var id int64
			_, err := pgx.ForEachRow(rows, []any{&a.Now, &id}, func() error { a.Open = append(a.Open, id); return nil })
			return err
		})
	b.Queue(`select `+serviceColumns+` from service where id = any($1)`, services).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanService)
		for _, svc := range found {
			a.Services[svc.ID] = svc.Service
		}
		return err
	})
	b.Queue(selectPolicies(`where p.id in (select policy from service where id = any($1))`), services).Query(func(rows pgx.Rows) error {
		found, err := collectPolicies(rows)
		for _, p := range found {
			a.Policies[p.ID] = p.Policy
		}
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return a, fmt.Errorf("looking for the open incidents of %d alerts: %w", len(alerts), err)
	}
	return a, nil
}

// Number is what a new incident is called, inside and outside.
type Number struct {
	ID  int64
	Key engine.Key
}

// Numbers draws numbers for new incidents. Each is given the key that it wants, if no other incident has
// it; "" wants the next number after the prefix.
func (s Store) Numbers(ctx context.Context, prefix string, wanted []engine.Key) ([]Number, error) {
	// The next number is taken anew for each row, as it refers to it; until one is found that is free, as
	// a sender may have used it.
	rows, _ := s.db.Query(ctx, `select nextval('incident_id_seq'), case
			when w.key <> '' and not exists (select from incident i where i.key = w.key) then w.key
			else (select k from (select $2 || '-' || nextval('incident_number') from (select generate_series(w.n, w.n + 10000000)) g) n (k)
				where not exists (select from incident i where i.key = n.k) limit 1) end
		from unnest($1::text[]) with ordinality w (key, n) order by n`, wanted, prefix)
	numbers, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Number])
	if err != nil {
		return nil, fmt.Errorf("drawing %d incident numbers: %w", len(wanted), err)
	}
	return numbers, nil
}

// KeepAlert stores an alert that belongs to no incident, as it came.
func (s Store) KeepAlert(ctx context.Context, a engine.Alert, now time.Time) error {
	var w writer
	w.alert(0, a, now)
	if err := s.db.SendBatch(ctx, w.batch()).Close(); err != nil {
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
