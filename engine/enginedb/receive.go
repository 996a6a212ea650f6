package enginedb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rouse/engine"
)

// Arrivals says where alerts belong, and what their services say.
type Arrivals struct {
	Now      time.Time
	Routing  int64      // version of rules, words and maintenances
	Open     []int64    // of each alert: the open incident that it belongs to, or 0
	Before   []Repeated // of each alert: what became of it when it was told before
	Services map[engine.ServiceID]engine.Service
	Policies map[engine.PolicyID]engine.Policy // of these services
}

// Repeated is what became of an alert with the same Once.
type Repeated struct {
	Told bool
	Key  engine.Key // of its incident, or ""
}

// Arrivals finds the open incidents that alerts belong to: by service and the incident's key where the alert
// names that, by service and the sender's key, or by service and dedup key, the incident's own or that of an alert that it grouped; and what their services say, in one
// round trip. The service is the one that the alert names: rules may send it elsewhere, and its incident is
// found all the same. A key leads only to an incident that a sender gave it to: Rouse may have given the same
// key to another trouble. The time is the database's.
func (s Store) Arrivals(ctx context.Context, alerts []engine.Alert, offset time.Duration) (Arrivals, error) {
	a := Arrivals{Open: make([]int64, 0, len(alerts)), Services: map[engine.ServiceID]engine.Service{}, Policies: map[engine.PolicyID]engine.Policy{}}
	var keys, services, dedups, onces, incidents []string
	for _, al := range alerts {
		keys, services, dedups = append(keys, string(al.Key)), append(services, string(al.Service)), append(dedups, al.DedupKey)
		onces, incidents = append(onces, al.Once), append(incidents, string(al.Incident))
	}
	var b pgx.Batch
	b.Queue(`select clock_timestamp() + $4::interval, coalesce(
			(select id from incident i where a.incident <> '' and i.key = a.incident and coalesce(i.origin, i.service) = a.service and i.status <> 'resolved' and not i.drill),
			(select id from incident i where a.key <> '' and i.key = a.key and i.sender_key and coalesce(i.origin, i.service) = a.service and i.status <> 'resolved'),
			(select id from incident i where a.dedup <> '' and coalesce(i.origin, i.service) = a.service and i.dedup_key = a.dedup and i.dedup_key <> ''
				and i.status <> 'resolved'),
			(select i.id from grouped m join incident i on i.id = m.incident
				where a.dedup <> '' and m.origin = a.service and m.dedup_key = a.dedup and i.status <> 'resolved' order by i.id desc limit 1), 0),
			(select coalesce(i.key, '') from alert t left join incident i on i.id = t.incident where a.once <> '' and t.once = a.once),
			(select version from routing)
		from unnest($1::text[], $2::text[], $3::text[], $5::text[], $6::text[]) with ordinality a (key, service, dedup, once, incident, n) order by n`,
		keys, services, dedups, offset, onces, incidents).
		Query(func(rows pgx.Rows) error {
			var id int64
			var key *string
			_, err := pgx.ForEachRow(rows, []any{&a.Now, &id, &key, &a.Routing}, func() error {
				before := Repeated{Told: key != nil}
				if before.Told {
					before.Key = engine.Key(*key)
				}
				a.Open, a.Before = append(a.Open, id), append(a.Before, before)
				return nil
			})
			return err
		})
	a.queueServices(&b, services)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return a, fmt.Errorf("looking for the open incidents of %d alerts: %w", len(alerts), err)
	}
	return a, nil
}

func (a *Arrivals) queueServices(b *pgx.Batch, services []string) {
	b.Queue(`select `+serviceColumns+` from service where id = any($1)`, services).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanService)
		for _, svc := range found {
			a.Services[svc.ID] = svc.Service
		}
		return err
	})
	a.queuePolicies(b, `where p.id in (select policy from service where id = any($1))`, services)
}

func (a *Arrivals) queuePolicies(b *pgx.Batch, where string, ids []string) {
	b.Queue(selectPolicies(where), ids).Query(func(rows pgx.Rows) error {
		found, err := collectPolicies(rows)
		for _, p := range found {
			a.Policies[p.ID] = p.Policy
		}
		return err
	})
}

// Also reads services and policies that rules send alerts to.
func (s Store) Also(ctx context.Context, a *Arrivals, services []engine.ServiceID, policies []engine.PolicyID) error {
	var b pgx.Batch
	a.queueServices(&b, asTexts(services))
	a.queuePolicies(&b, `where p.id = any($1)`, asTexts(policies))
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("reading where rules lead: %w", err)
	}
	return nil
}

func asTexts[T ~string](ids []T) []string {
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		texts = append(texts, string(id))
	}
	return texts
}

// Kin is what an alert may belong to though no open incident has its key: the open one that groups alerts
// like it, or the one of the same trouble that was resolved not long ago.
type Kin struct {
	Origin, Service engine.ServiceID
	DedupKey        string
	Group           string        // "": it is not grouped
	GroupedWithin   time.Duration // how old the group may be; 0: as old as it is
	ReturnWithin    time.Duration // how long ago the other may have been resolved; 0: it does not matter
}

// Relative is an incident that an alert belongs to.
type Relative struct {
	ID   int64 // 0: there is none
	Back bool  // it was resolved not long ago, and so comes back
}

// LockGroups makes the transaction alone with the groups of alerts until it ends, so that none is opened twice.
// It waits for others no longer than so long; after that it fails (SQLSTATE 55P03), as everything else in the
// transaction does that would wait longer.
func (s Store) LockGroups(ctx context.Context, kin []Kin, within time.Duration) error {
	var b pgx.Batch
	queueLocks(&b, kin, within)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("locking the groups of %d alerts: %w", len(kin), err)
	}
	return nil
}

// LockFreeGroups is LockGroups without those that others still have after that time: locked says of each alert
// whether the transaction has its group.
func (s Store) LockFreeGroups(ctx context.Context, kin []Kin, within time.Duration) (locked []bool, err error) {
	var b pgx.Batch
	b.Queue(`savepoint groups`)
	queueLocks(&b, kin, within)
	err = s.db.SendBatch(ctx, &b).Close()
	if err == nil {
		return slices.Repeat([]bool{true}, len(kin)), nil
	}
	if said, ok := errors.AsType[*pgconn.PgError](err); !ok || said.Code != lockNotAvailable {
		return nil, fmt.Errorf("locking the groups of %d alerts: %w", len(kin), err)
	}
	services, groups := groupsOf(kin)
	// By itself: of a batch all statements are prepared first, where the connection does not know them yet, and in a
	// transaction that has failed none can be.
	if _, err := s.db.Exec(ctx, `rollback to savepoint groups`); err != nil {
		return nil, fmt.Errorf("giving up groups that are not free: %w", err)
	}
	b = pgx.Batch{}
	queuePatience(&b, within)
	b.Queue(`select pg_try_advisory_xact_lock(`+groupHash+`) from unnest($1::text[], $2::text[]) with ordinality k (service, group_key, n) order by n`,
		services, groups).Query(func(rows pgx.Rows) error {
		locked, err = pgx.CollectRows(rows, pgx.RowTo[bool])
		return err
	})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("locking those of %d groups that are free: %w", len(kin), err)
	}
	return locked, nil
}

const (
	groupHash        = `hashtextextended(k.service || ':' || k.group_key, 1)`
	lockNotAvailable = "55P03"
)

func queueLocks(b *pgx.Batch, kin []Kin, within time.Duration) {
	services, groups := groupsOf(kin)
	queuePatience(b, within)
	// In one order, so that two who ask about several never wait for each other.
	b.Queue(`select pg_advisory_xact_lock(h) from (select distinct `+groupHash+` h
		from unnest($1::text[], $2::text[]) k (service, group_key) order by h) l`, services, groups)
}

func groupsOf(kin []Kin) (services, groups []string) {
	for _, k := range kin {
		services, groups = append(services, string(k.Service)), append(groups, k.Group)
	}
	return services, groups
}

// HoldRouting keeps rules, words and maintenances as they are until the transaction ends, and says which version
// they are of. It is to come before incidents are locked, as it does where these are changed. It waits as
// LockGroups does.
func (s Store) HoldRouting(ctx context.Context, within time.Duration) (version int64, err error) {
	var b pgx.Batch
	queuePatience(&b, within)
	b.Queue(`select version from routing for share`).QueryRow(func(row pgx.Row) error { return row.Scan(&version) })
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return 0, fmt.Errorf("holding the routing: %w", err)
	}
	return version, nil
}

// queuePatience has the transaction wait for no lock longer than so long.
func queuePatience(b *pgx.Batch, within time.Duration) {
	b.Queue(`select set_config('lock_timeout', $1, true)`, fmt.Sprint(max(1, within.Milliseconds())))
}

// Kin finds the incident that each belongs to. What it says of groups holds for whoever has locked them.
func (s Store) Kin(ctx context.Context, kin []Kin, now time.Time) (found []Relative, err error) {
	var origins, services, dedups, groups []string
	var grouped, returned []time.Duration
	for _, k := range kin {
		origins, services = append(origins, string(k.Origin)), append(services, string(k.Service))
		dedups, groups = append(dedups, k.DedupKey), append(groups, k.Group)
		grouped, returned = append(grouped, k.GroupedWithin), append(returned, k.ReturnWithin)
	}
	var b pgx.Batch
	b.Queue(`select coalesce(open, back, 0), open is null and back is not null
		from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::interval[], $6::interval[]) with ordinality
			k (origin, service, dedup, group_key, grouped, returned, n),
		lateral (select
			(select id from incident i where k.group_key <> '' and i.service = k.service and i.group_key = k.group_key and i.status <> 'resolved'
				and (k.grouped = '0' or i.opened_at > $7::timestamptz - k.grouped) order by id desc limit 1) open,
			coalesce(
				(select id from incident i where k.returned > '0' and k.group_key <> '' and i.service = k.service and i.group_key = k.group_key
					and i.status = 'resolved' and i.ended_at > $7::timestamptz - k.returned order by ended_at desc limit 1),
				(select id from incident i where k.returned > '0' and k.dedup <> '' and coalesce(i.origin, i.service) = k.origin and i.dedup_key = k.dedup
					and i.dedup_key <> '' and i.status = 'resolved' and i.ended_at > $7::timestamptz - k.returned order by ended_at desc limit 1)) back) f
		order by n`, origins, services, dedups, groups, grouped, returned, now).
		Query(func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Relative])
			return err
		})
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return nil, fmt.Errorf("looking for groups and for what came back: %w", err)
	}
	return found, nil
}

// Grouped is an alert of an incident that groups them.
type Grouped struct {
	Incident int64
	Origin   engine.ServiceID
	DedupKey string
	Summary  string
	Severity engine.Severity
	Over     bool
	Anew     bool // the incident was over: so is all that it had before
}

// Join notes that an alert of a group was told, or that it is over, and says how the group stands then, and with
// which summary the alert was told first, "" if it was not. One that is over, and that the incident never had, is
// nothing to it.
func (s Store) Join(ctx context.Context, m Grouped, now time.Time) (g engine.Group, summary string, err error) {
	var b pgx.Batch
	if m.Anew {
		b.Queue(`update grouped set firing = false where incident = $1 and firing`, m.Incident)
		b.Queue(`update group_size set firing = 0 where incident = $1`, m.Incident)
	}
	var fresh bool
	if m.Over {
		b.Queue(`with told as (update grouped set firing = false where incident = $1 and origin = $2 and dedup_key = $3 and firing returning 1)
			update group_size set firing = firing - 1 where incident = $1 and exists (select from told)`, m.Incident, m.Origin, m.DedupKey)
	} else {
		b.Queue(`with fired as (select from grouped where incident = $1 and origin = $2 and dedup_key = $3 and firing),
			told as (insert into grouped (incident, origin, dedup_key, summary, severity, firing, first_at, last_at) values ($1, $2, $3, $4, $5, true, $6, $6)
				on conflict (incident, origin, dedup_key) do update set firing = true, n = grouped.n + 1, last_at = excluded.last_at,
					severity = least(grouped.severity, excluded.severity)
				returning n = 1 fresh)
			insert into group_size as s (incident, n, firing) values ($1, 1, 1)
			on conflict (incident) do update set n = s.n + (select fresh::integer from told),
				firing = s.firing + (select (not exists (select from fired))::integer)
			returning (select fresh from told)`, m.Incident, m.Origin, m.DedupKey, m.Summary, m.Severity, now).
			QueryRow(func(row pgx.Row) error { return row.Scan(&fresh) })
	}
	b.Queue(`select coalesce(max(s.n), 0), coalesce(max(s.firing), 0),
			coalesce((select summary from grouped where incident = $1 and origin = $2 and dedup_key = $3), '')
		from group_size s where s.incident = $1`, m.Incident, m.Origin, m.DedupKey).
		QueryRow(func(row pgx.Row) error { return row.Scan(&g.All, &g.Firing, &summary) })
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return g, "", fmt.Errorf("joining the group of incident %d: %w", m.Incident, err)
	}
	if fresh {
		g.Joined = m.Summary
	}
	return g, summary, nil
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
