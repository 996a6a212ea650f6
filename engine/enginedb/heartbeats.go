package enginedb

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"rouse/engine"
)

// MaxHeartbeats is how many a service may have: an integration key makes them, too.
const MaxHeartbeats = 1000

// ErrFull says that there are as many of something as there may be.
var ErrFull = errors.New("there are too many")

// Heartbeat is a heartbeat as stored, with what was heard of its sources.
type Heartbeat struct {
	engine.Heartbeat
	Sources []engine.HeartbeatSource // by name
	Stamp
}

const heartbeatColumns = `id, service, name, about, every, grace, severity, word, max_run, by_label, disabled, message, tags`

// into are the places of heartbeatColumns.
func heartbeatInto(h *engine.Heartbeat) []any {
	return []any{&h.ID, &h.Service, &h.Name, &h.About, &h.Every, &h.Grace, &h.Severity, &h.Word, &h.MaxRun, &h.ByLabel, &h.Disabled, &h.Message, &h.Tags}
}

// Heartbeats reads the heartbeats of a service in the order in which they were made, those after the given
// one, at most limit.
func (s Store) Heartbeats(ctx context.Context, service engine.ServiceID, after int64, limit int) ([]Heartbeat, error) {
	found, err := s.heartbeats(ctx, `service = $1 and id > $2 order by id limit $3`, service, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing the heartbeats of %s: %w", service, err)
	}
	return found, nil
}

// Heartbeat reads a heartbeat of a service.
func (s Store) Heartbeat(ctx context.Context, service engine.ServiceID, id int64) (Heartbeat, error) {
	found, err := s.heartbeats(ctx, `service = $1 and id = $2`, service, id)
	return theOnly(found, err)
}

// HeartbeatNamed reads a heartbeat of a service by its name, whatever the case of its letters.
func (s Store) HeartbeatNamed(ctx context.Context, service engine.ServiceID, name string) (Heartbeat, error) {
	found, err := s.heartbeats(ctx, `service = $1 and lower(name) = lower($2)`, service, name)
	return theOnly(found, err)
}

func theOnly(found []Heartbeat, err error) (Heartbeat, error) {
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Heartbeat{}, fmt.Errorf("reading a heartbeat: %w", err)
	}
	return found[0], nil
}

func (s Store) heartbeats(ctx context.Context, where string, args ...any) ([]Heartbeat, error) {
	rows, _ := s.db.Query(ctx, `select `+heartbeatColumns+`, version, created_at, updated_at from heartbeat where `+where, args...)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h Heartbeat, err error) {
		return h, row.Scan(append(heartbeatInto(&h.Heartbeat), &h.Version, &h.CreatedAt, &h.UpdatedAt)...)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	place, ids := map[int64]int{}, make([]int64, 0, len(found))
	for i, h := range found {
		place[h.ID], ids = i, append(ids, h.ID)
	}
	rows, _ = s.db.Query(ctx, `select heartbeat, `+sourceColumns+` from heartbeat_source where heartbeat = any($1) and not gone order by heartbeat, name`, ids)
	var id int64
	var src sourceRow
	_, err = pgx.ForEachRow(rows, append([]any{&id}, src.into()...), func() error {
		read, err := src.source()
		found[place[id]].Sources = append(found[place[id]].Sources, read)
		return err
	})
	return found, err
}

// sourceRow is a source as it stands in the table.
type sourceRow struct {
	name           string
	lastAt, since  time.Time
	silent, failed bool
	runs           []byte
}

const sourceColumns = `name, last_at, since, silent, failed, runs`

// into are the places of sourceColumns.
func (r *sourceRow) into() []any {
	return []any{&r.name, &r.lastAt, &r.since, &r.silent, &r.failed, &r.runs}
}

func (r *sourceRow) source() (engine.HeartbeatSource, error) {
	src := engine.HeartbeatSource{Name: r.name, LastAt: r.lastAt, Since: r.since, Silent: r.silent, Failed: r.failed}
	return src, json.Unmarshal(r.runs, &src.Runs)
}

// newSecret makes the secret of an address, 260 random bits: a plain hash is enough to keep of it.
func newSecret() string { return rand.Text() + rand.Text() }

// CreateHeartbeat stores a new heartbeat, and returns the secret of the address that it is pinged by, which
// is not kept. ErrExists if the service has one of that name, ErrNotFound if there is no such service, ErrFull
// if that has MaxHeartbeats.
func (s Store) CreateHeartbeat(ctx context.Context, h engine.Heartbeat) (secret string, id int64, err error) {
	secret = newSecret()
	err = s.db.QueryRow(ctx, `insert into heartbeat (service, name, about, every, grace, severity, word, max_run, by_label, disabled, message, tags, hash)
		select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 where (select count(*) from heartbeat where service = $1) < $14 returning id`,
		h.Service, h.Name, h.About, h.Every, h.Grace, h.Severity, h.Word, h.MaxRun, h.ByLabel, h.Disabled, h.Message, notNil(h.Tags), HashKey(secret), MaxHeartbeats).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrFull
	}
	if err != nil {
		return "", 0, fmt.Errorf("creating heartbeat %q of %s: %w", h.Name, h.Service, mapped(err, ErrNotFound))
	}
	return secret, id, nil
}

func notNil(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}

// lookNow is a deadline for which somebody looks at a source at once, whatever the clock is.
const lookNow = `to_timestamp(0)`

// UpdateHeartbeat replaces a heartbeat; ErrVersion if the stored version is another than the given one,
// ErrExists if another one of the service has the name. What was heard of it still counts, unless it is
// disabled, or its sources are told apart by another label from now on.
func (s Store) UpdateHeartbeat(ctx context.Context, h engine.Heartbeat, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		was, err := lockHeartbeat(ctx, tx, h.Service, h.ID, version)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update heartbeat set name = $2, about = $3, every = $4, grace = $5, severity = $6, word = $7, max_run = $8, by_label = $9,
				disabled = $10, message = $11, tags = $12, version = version + 1, updated_at = now() where id = $1`,
			h.ID, h.Name, h.About, h.Every, h.Grace, h.Severity, h.Word, h.MaxRun, h.ByLabel, h.Disabled, h.Message, notNil(h.Tags))
		if err != nil {
			return mapped(err, err)
		}
		_, err = tx.Exec(ctx, `update heartbeat_source set deadline = `+lookNow+`, gone = gone or $2 where heartbeat = $1`, h.ID, h.Disabled || was.ByLabel != h.ByLabel)
		return err
	})
	if err != nil {
		return fmt.Errorf("updating heartbeat %d of %s: %w", h.ID, h.Service, err)
	}
	return nil
}

// lockHeartbeat locks a heartbeat for a change.
func lockHeartbeat(ctx context.Context, tx pgx.Tx, service engine.ServiceID, id int64, version int) (h Heartbeat, err error) {
	err = tx.QueryRow(ctx, `select `+heartbeatColumns+`, version from heartbeat where service = $1 and id = $2 for update`, service, id).
		Scan(append(heartbeatInto(&h.Heartbeat), &h.Version)...)
	if err != nil {
		return h, mapped(err, err)
	}
	if version != AnyVersion && version != h.Version {
		return h, ErrVersion
	}
	return h, nil
}

// DeleteHeartbeat deletes a heartbeat; ErrVersion if the stored version is another than the given one.
func (s Store) DeleteHeartbeat(ctx context.Context, service engine.ServiceID, id int64, version int) error {
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := lockHeartbeat(ctx, tx, service, id, version); err != nil {
			return err
		}
		var b pgx.Batch
		b.Queue(`delete from heartbeat where id = $1`, id)
		b.Queue(`update heartbeat_source set deadline = `+lookNow+` where heartbeat = $1`, id)
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("deleting heartbeat %d of %s: %w", id, service, err)
	}
	return nil
}

// ChangeHeartbeatSecret gives a heartbeat another address: from the commit on the one before is nobody's.
func (s Store) ChangeHeartbeatSecret(ctx context.Context, service engine.ServiceID, id int64) (secret string, err error) {
	secret = newSecret()
	tag, err := s.db.Exec(ctx, `update heartbeat set hash = $3, updated_at = now() where service = $1 and id = $2`, service, id, HashKey(secret))
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("changing the address of heartbeat %d of %s: %w", id, service, err)
	}
	return secret, nil
}

// HeartbeatRef names a heartbeat: by the secret of its address, or if that is "" by service and name.
type HeartbeatRef struct {
	Secret  string
	Service engine.ServiceID
	Name    string
}

// HoldHeartbeat reads a heartbeat that a sign has come for, in the transaction that takes the sign in: nobody
// deletes or changes it before that ends.
func (s Store) HoldHeartbeat(ctx context.Context, ref HeartbeatRef) (h engine.Heartbeat, err error) {
	const read = `select ` + heartbeatColumns + ` from heartbeat where `
	var row pgx.Row
	if ref.Secret != "" {
		row = s.db.QueryRow(ctx, read+`hash = $1 for key share`, HashKey(ref.Secret))
	} else {
		row = s.db.QueryRow(ctx, read+`service = $1 and lower(name) = lower($2) for key share`, ref.Service, ref.Name)
	}
	if err := row.Scan(heartbeatInto(&h)...); err != nil {
		return h, fmt.Errorf("reading a heartbeat: %w", mapped(err, err))
	}
	return h, nil
}

// LockedSource is a source under its lock.
type LockedSource struct {
	engine.HeartbeatSource
	Heartbeat engine.Heartbeat
	Now       time.Time // taken when the lock was held
	ResumedAt time.Time // the end of a time in which nobody watched, which it was not told of; zero: there was none
	Gone      bool      // it is not watched any more
	Deleted   bool      // nor is its heartbeat there, of which only ID and Service are known
}

// LockSource locks a source of a heartbeat that is held, or makes place for it: it is not stored then before
// SaveSources. ErrFull if the heartbeat has engine.MaxSources others.
func (s Store) LockSource(ctx context.Context, h engine.Heartbeat, name string, offset time.Duration) (LockedSource, error) {
	src, err := s.lockSource(ctx, h, name, offset)
	if errors.Is(err, ErrNotFound) { // whoever brings a new one waits for the others who do
		var n int
		if err = s.db.QueryRow(ctx, `select 1 from heartbeat where id = $1 for no key update`, h.ID).Scan(&n); err == nil {
			src, err = s.lockSource(ctx, h, name, offset)
		}
		if errors.Is(err, ErrNotFound) {
			err = s.db.QueryRow(ctx, `select count(*), clock_timestamp() + $2::interval from heartbeat_source where heartbeat = $1 and not gone`, h.ID, offset).Scan(&n, &src.Now)
			src.Heartbeat, src.Name = h, name
			if err == nil && n >= engine.MaxSources {
				err = ErrFull
			}
		}
	}
	if err != nil {
		return src, fmt.Errorf("locking a source of heartbeat %d: %w", h.ID, err)
	}
	return src, nil
}

func (s Store) lockSource(ctx context.Context, h engine.Heartbeat, name string, offset time.Duration) (LockedSource, error) {
	src := LockedSource{Heartbeat: h}
	var row sourceRow
	// The clock is read in the outer select, after the lock was given.
	err := s.db.QueryRow(ctx, `with s as materialized (select `+sourceColumns+`, resumed_at, gone from heartbeat_source where heartbeat = $1 and name = $2 for update)
		select `+sourceColumns+`, resumed_at, gone, clock_timestamp() + $3::interval from s`, h.ID, name, offset).
		Scan(append(row.into(), (*zeronull.Timestamptz)(&src.ResumedAt), &src.Gone, &src.Now)...)
	if err != nil {
		return src, mapped(err, err)
	}
	src.HeartbeatSource, err = row.source()
	return src, err
}

// DueSources locks the sources at which somebody has to look, the longest overdue first, at most limit. Those
// that somebody else holds are left out.
func (s Store) DueSources(ctx context.Context, limit int, offset time.Duration) ([]LockedSource, error) {
	rows, _ := s.db.Query(ctx, `with due as materialized (
			select heartbeat, service as was_of, name as source, last_at, since, silent, failed, runs, resumed_at, gone, deadline from heartbeat_source
			where deadline <= (select clock_timestamp() + $1::interval) order by deadline limit $2 for update skip locked)
		select due.heartbeat, due.was_of, due.source, due.last_at, due.since, due.silent, due.failed, due.runs, due.resumed_at, due.gone,
			clock_timestamp() + $1::interval, h.id is null, h.name, h.about, h.every, h.grace, h.severity, h.word, h.max_run, h.by_label, h.disabled, h.message, h.tags
		from due left join heartbeat h on h.id = due.heartbeat order by due.deadline, due.heartbeat, due.source`, offset, limit)
	found, err := pgx.CollectRows(rows, scanDueSource)
	if err != nil {
		return nil, fmt.Errorf("looking for silent heartbeats: %w", err)
	}
	return found, nil
}

func scanDueSource(row pgx.CollectableRow) (src LockedSource, err error) {
	var r sourceRow
	h := &src.Heartbeat
	into := append([]any{&h.ID, &h.Service}, r.into()...)
	into = append(into, (*zeronull.Timestamptz)(&src.ResumedAt), &src.Gone, &src.Now, &src.Deleted)
	var name, about, word, label, message *string // null if the heartbeat is not there
	var every, grace, run *time.Duration
	var severity *engine.Severity
	var disabled *bool
	if err := row.Scan(append(into, &name, &about, &every, &grace, &severity, &word, &run, &label, &disabled, &message, &h.Tags)...); err != nil {
		return src, err
	}
	if !src.Deleted {
		h.Name, h.About, h.Every, h.Grace, h.Severity, h.Word = *name, *about, *every, *grace, *severity, *word
		h.MaxRun, h.ByLabel, h.Disabled, h.Message = *run, *label, *disabled, *message
	}
	src.HeartbeatSource, err = r.source()
	return src, err
}

// SaveSources writes what became of sources, each with the moment at which somebody has to look at it again:
// zero if nothing is expected. They are told of any time in which nobody watched.
func (s Store) SaveSources(ctx context.Context, sources []SourceChange) error {
	var b pgx.Batch
	for _, c := range sources {
		switch {
		case c.PutOff:
			b.Queue(`update heartbeat_source set deadline = $3 where heartbeat = $1 and name = $2`, c.Heartbeat.ID, c.Name, c.Deadline)
			continue
		case c.Forget:
			b.Queue(`delete from heartbeat_source where heartbeat = $1 and name = $2`, c.Heartbeat.ID, c.Name)
			continue
		}
		if c.Runs == nil {
			c.Runs = map[string]engine.HeartbeatRun{}
		}
		b.Queue(`insert into heartbeat_source (heartbeat, name, service, last_at, since, silent, failed, runs, deadline)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			on conflict (heartbeat, name) do update set last_at = $4, since = $5, silent = $6, failed = $7, runs = $8, deadline = $9, resumed_at = null, gone = false`,
			c.Heartbeat.ID, c.Name, c.Heartbeat.Service, c.LastAt, c.Since, c.Silent, c.Failed, asJSON(c.Runs), zeronull.Timestamptz(c.Deadline))
	}
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("saving %d sources of heartbeats: %w", len(sources), err)
	}
	return nil
}

// SourceChange is what became of a source.
type SourceChange struct {
	Heartbeat engine.Heartbeat
	engine.HeartbeatSource
	Deadline time.Time
	PutOff   bool // nothing but the deadline is written: somebody looks later
	Forget   bool // it is not watched any more, and nothing is open about it
}

// FindOrphans lets somebody look at sources whose heartbeat was deleted together with its service.
func (s Store) FindOrphans(ctx context.Context) error {
	if _, err := s.db.Exec(ctx, `update heartbeat_source s set deadline = `+lookNow+`
			where deadline is null and not exists (select from heartbeat h where h.id = s.heartbeat)`); err != nil {
		return fmt.Errorf("looking for heartbeats that are gone: %w", err)
	}
	return nil
}

// How it is known that somebody watches.
const (
	watchedEvery = 2 * time.Second  // so often it is written in the whole instance
	unwatched    = 10 * time.Second // a longer gap is a time in which nobody watched
)

// Watch is what a look at the heartbeats finds.
type Watch struct {
	Unwatched bool          // nobody has looked for long, or ever: see ResumeHeartbeats
	Pending   bool          // there is a deadline
	Next      time.Duration // until the next one; negative if it has passed
}

// WatchHeartbeats asks when somebody has to look at a heartbeat, and writes that somebody watches. The
// deadlines run on the clock with the offset; that somebody watches is told by the one with the offset pulse.
func (s Store) WatchHeartbeats(ctx context.Context, offset, pulse time.Duration) (w Watch, err error) {
	var b pgx.Batch
	b.Queue(`select coalesce(at < clock_timestamp() + $1::interval - $2::interval, true) from heartbeat_watch`, pulse, unwatched).
		QueryRow(func(row pgx.Row) error { return row.Scan(&w.Unwatched) })
	b.Queue(`select extract(epoch from (select min(deadline) from heartbeat_source) - (clock_timestamp() + $1::interval))::float8`, offset).
		QueryRow(func(row pgx.Row) error {
			var next *float64
			err := row.Scan(&next)
			if next != nil {
				w.Pending, w.Next = true, time.Duration(max(*next, -1e6)*float64(time.Second))
			}
			return err
		})
	b.Queue(`update heartbeat_watch set at = c.now from (select clock_timestamp() + $1::interval) c (now)
		where at between c.now - $2::interval and c.now - $3::interval`, pulse, unwatched, watchedEvery)
	if err := s.db.SendBatch(ctx, &b).Close(); err != nil {
		return w, fmt.Errorf("looking at the heartbeats: %w", err)
	}
	return w, nil
}

// ResumeHeartbeats ends a time in which nobody watched: every source of which something is expected is looked
// at now, and told of it. One node does so; the others wait until it has, and find nothing to do. What somebody
// holds is having a sign taken in, which is as good. It says since when nobody had watched, zero if somebody
// did, or nobody ever had.
func (s Store) ResumeHeartbeats(ctx context.Context, offset, pulse time.Duration) (since time.Time, sources int64, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var at, now time.Time
		err := tx.QueryRow(ctx, `with w as materialized (select at from heartbeat_watch for update) select at, clock_timestamp() + $1::interval from w`, pulse).
			Scan((*zeronull.Timestamptz)(&at), &now)
		if err != nil || !at.IsZero() && now.Sub(at) < unwatched {
			return err
		}
		tag, err := tx.Exec(ctx, `update heartbeat_source s set resumed_at = clock_timestamp() + $1::interval, deadline = `+lookNow+`
			from (select heartbeat, name from heartbeat_source where deadline is not null order by heartbeat, name for update skip locked) w
			where s.heartbeat = w.heartbeat and s.name = w.name`, offset)
		if err != nil {
			return err
		}
		if sources = tag.RowsAffected(); !at.IsZero() {
			since = at.Add(offset - pulse)
		}
		_, err = tx.Exec(ctx, `update heartbeat_watch set at = $1`, now)
		return err
	})
	if err != nil {
		return time.Time{}, 0, fmt.Errorf("taking up the watch of heartbeats: %w", err)
	}
	return since, sources, nil
}

// CountHeartbeats counts what is watched, by how it is: sources, and heartbeats of which none was heard yet.
func (s Store) CountHeartbeats(ctx context.Context) (map[engine.HeartbeatState]int, error) {
	rows, _ := s.db.Query(ctx, `select h.disabled, s.name is not null, coalesce(s.silent, false), coalesce(s.failed, false),
			coalesce(jsonb_path_exists(s.runs, '$.* ? (@.late == true)'), false), count(*)
		from heartbeat h left join heartbeat_source s on s.heartbeat = h.id and not s.gone group by 1, 2, 3, 4, 5`)
	counts := map[engine.HeartbeatState]int{}
	var h engine.Heartbeat
	var src engine.HeartbeatSource
	var heard, late bool
	var n int
	_, err := pgx.ForEachRow(rows, []any{&h.Disabled, &heard, &src.Silent, &src.Failed, &late, &n}, func() error {
		var sources []engine.HeartbeatSource
		if heard {
			src.Runs = map[string]engine.HeartbeatRun{"": {Late: late}}
			sources = append(sources, src)
		}
		counts[h.Worst(sources)] += n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting heartbeats: %w", err)
	}
	return counts, nil
}
