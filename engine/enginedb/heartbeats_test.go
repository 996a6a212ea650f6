package enginedb_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/engine"
	"rouse/engine/enginedb"
)

var backup = engine.Heartbeat{Service: "bitbucket", Name: "Nightly Backup", About: "of db1", Every: 24 * time.Hour, Grace: time.Hour, Severity: engine.Minor,
	Word: "P4", MaxRun: 90 * time.Minute, ByLabel: "host", Message: "No backup", Tags: []string{"db", "cron"}}

// watched is a store with the services bitbucket and jira, and the heartbeat backup, whose address has the
// secret.
func watched(t *testing.T) (s enginedb.Store, db *pgxpool.Pool, h engine.Heartbeat, secret string) {
	t.Helper()
	s, db = admin(t)
	for _, id := range []engine.ServiceID{"bitbucket", "jira"} {
		if err := s.CreateService(t.Context(), engine.Service{ID: id, Name: string(id)}); err != nil {
			t.Fatal(err)
		}
	}
	secret, id, err := s.CreateHeartbeat(t.Context(), backup)
	if err != nil {
		t.Fatal(err)
	}
	h = backup
	h.ID = id
	return s, db, h, secret
}

func TestAHeartbeatComesBackAsStored(t *testing.T) {
	ctx := t.Context()
	s, _, h, secret := watched(t)
	for name, read := range map[string]func() (enginedb.Heartbeat, error){
		"by id":   func() (enginedb.Heartbeat, error) { return s.Heartbeat(ctx, "bitbucket", h.ID) },
		"by name": func() (enginedb.Heartbeat, error) { return s.HeartbeatNamed(ctx, "bitbucket", "nightly backup") },
	} {
		if got, err := read(); err != nil || !reflect.DeepEqual(got.Heartbeat, h) || got.Version != 1 || got.CreatedAt.IsZero() || got.Sources != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for name, ref := range map[string]enginedb.HeartbeatRef{"by its secret": {Secret: secret}, "by service and name": {Service: "bitbucket", Name: "NIGHTLY BACKUP"}} {
		if got, err := s.HoldHeartbeat(ctx, ref); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for name, ref := range map[string]enginedb.HeartbeatRef{"by another secret": {Secret: secret + "x"}, "of another service": {Service: "jira", Name: h.Name}, "by no name": {Service: "bitbucket"}} {
		if _, err := s.HoldHeartbeat(ctx, ref); !errors.Is(err, enginedb.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Heartbeat(ctx, "jira", h.ID); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("as another service's: %v", err)
	}
	if all, err := s.Heartbeats(ctx, "bitbucket", 0, 10); err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v", all, err)
	}
	if all, err := s.Heartbeats(ctx, "bitbucket", h.ID, 10); err != nil || len(all) != 0 {
		t.Errorf("after the last: %+v, %v", all, err)
	}
}

func TestAHeartbeatThatCannotBeMade(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	again := h
	again.Name = "nightly BACKUP"
	if _, _, err := s.CreateHeartbeat(ctx, again); !errors.Is(err, enginedb.ErrExists) {
		t.Errorf("one of the same name: %v", err)
	}
	again.Service = "nothing"
	if _, _, err := s.CreateHeartbeat(ctx, again); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("of a service that is not there: %v", err)
	}
	if _, err := db.Exec(ctx, `insert into heartbeat (service, name, every, severity, hash) select 'jira', n::text, '1 hour', 1, n::text::bytea from generate_series(1, 1000) n`); err != nil {
		t.Fatal(err)
	}
	again.Service = "jira"
	if _, _, err := s.CreateHeartbeat(ctx, again); !errors.Is(err, enginedb.ErrFull) {
		t.Errorf("one too many: %v", err)
	}
}

func TestAHeartbeatIsChanged(t *testing.T) {
	ctx := t.Context()
	s, _, h, secret := watched(t)
	h.Every, h.Tags, h.Name = time.Hour, nil, "backup"
	if err := s.UpdateHeartbeat(ctx, h, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateHeartbeat(ctx, h, 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("version 1 again: %v", err)
	}
	h.Tags = []string{}
	if got, err := s.Heartbeat(ctx, "bitbucket", h.ID); err != nil || !reflect.DeepEqual(got.Heartbeat, h) || got.Version != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	fresh, err := s.ChangeHeartbeatSecret(ctx, "bitbucket", h.ID)
	if err != nil || fresh == secret {
		t.Fatal(fresh, err)
	}
	if _, err := s.HoldHeartbeat(ctx, enginedb.HeartbeatRef{Secret: secret}); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("by the address before: %v", err)
	}
	if _, err := s.HoldHeartbeat(ctx, enginedb.HeartbeatRef{Secret: fresh}); err != nil {
		t.Errorf("by its new address: %v", err)
	}
	if _, err := s.ChangeHeartbeatSecret(ctx, "jira", h.ID); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("as another service's: %v", err)
	}
	if err := s.DeleteHeartbeat(ctx, "bitbucket", h.ID, 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("deleting another version: %v", err)
	}
	if err := s.DeleteHeartbeat(ctx, "bitbucket", h.ID, 2); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteHeartbeat(ctx, "bitbucket", h.ID, enginedb.AnyVersion); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("deleting it again: %v", err)
	}
	if err := s.UpdateHeartbeat(ctx, h, enginedb.AnyVersion); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("changing what is deleted: %v", err)
	}
}

var at = time.Date(2026, 11, 21, 10, 0, 0, 123000, time.UTC)

// source is one that was heard a day before the year 2027, and is due then.
func source(h engine.Heartbeat, name string) enginedb.SourceChange {
	return enginedb.SourceChange{Heartbeat: h, Deadline: at.Add(time.Hour), HeartbeatSource: engine.HeartbeatSource{Name: name, LastAt: at, Since: at.Add(time.Second),
		Silent: true, Failed: true, Runs: map[string]engine.HeartbeatRun{"a": {StartedAt: at, Since: at.Add(time.Second), Late: true}}}}
}

func save(t *testing.T, s enginedb.Store, changes ...enginedb.SourceChange) {
	t.Helper()
	if err := s.SaveSources(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// inUTC is a source with the zone of its times as the test writes it.
func inUTC(src engine.HeartbeatSource) engine.HeartbeatSource {
	src.LastAt, src.Since = src.LastAt.UTC(), src.Since.UTC()
	return src
}

func TestASourceComesBackAsStored(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	src, err := s.LockSource(ctx, h, "db1", time.Hour)
	if err != nil || !reflect.DeepEqual(src.HeartbeatSource, engine.HeartbeatSource{Name: "db1"}) || time.Until(src.Now) < 50*time.Minute {
		t.Fatalf("before its first sign: %+v, %v", src, err)
	}
	want := source(h, "db1")
	save(t, s, want, source(h, "db0"))
	src, err = s.LockSource(ctx, h, "db1", 0)
	if err != nil || !reflect.DeepEqual(inUTC(src.HeartbeatSource), want.HeartbeatSource) || !src.ResumedAt.IsZero() || src.Gone || src.Deleted {
		t.Errorf("got %+v, %v", src, err)
	}
	if got, err := s.Heartbeat(ctx, "bitbucket", h.ID); err != nil || len(got.Sources) != 2 || got.Sources[0].Name != "db0" || !reflect.DeepEqual(inUTC(got.Sources[1]), want.HeartbeatSource) {
		t.Errorf("got %+v, %v", got, err)
	}
	want.Silent, want.Failed, want.Runs = false, false, nil
	save(t, s, want)
	if src, err = s.LockSource(ctx, h, "db1", 0); err != nil || src.Silent || src.Failed || len(src.Runs) > 0 {
		t.Errorf("got %+v, %v", src, err)
	}
	want.Forget = true
	save(t, s, want)
	var n int
	if err := db.QueryRow(ctx, `select count(*) from heartbeat_source`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d are left, %v", n, err)
	}
}

func TestAHeartbeatHasSoManySourcesAndNoMore(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	var adding sync.WaitGroup
	var mu sync.Mutex
	full := 0
	for i := range engine.MaxSources + 5 {
		adding.Go(func() {
			err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
				s := enginedb.New(tx)
				held, err := s.HoldHeartbeat(ctx, enginedb.HeartbeatRef{Service: "bitbucket", Name: h.Name})
				if err != nil {
					return err
				}
				src, err := s.LockSource(ctx, held, fmt.Sprint(i), 0)
				if err != nil {
					return err
				}
				return s.SaveSources(ctx, []enginedb.SourceChange{{Heartbeat: h, HeartbeatSource: engine.HeartbeatSource{Name: src.Name, LastAt: src.Now, Since: src.Now}}})
			})
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, enginedb.ErrFull) {
				full++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	adding.Wait()
	var n int
	if err := db.QueryRow(ctx, `select count(*) from heartbeat_source`).Scan(&n); err != nil || n != engine.MaxSources || full != 5 {
		t.Errorf("%d sources, %d too many, %v", n, full, err)
	}
	var name string
	if err := db.QueryRow(ctx, `select name from heartbeat_source limit 1`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LockSource(ctx, h, name, 0); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

func TestTwoWhoBringTheSameSourceWaitForEachOther(t *testing.T) {
	ctx := t.Context()
	_, db, h, _ := watched(t)
	var signs sync.WaitGroup
	for i := range 8 {
		signs.Go(func() {
			err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
				s := enginedb.New(tx)
				if _, err := s.HoldHeartbeat(ctx, enginedb.HeartbeatRef{Service: "bitbucket", Name: h.Name}); err != nil {
					return err
				}
				src, err := s.LockSource(ctx, h, "db1", 0)
				if err != nil {
					return err
				}
				runs := src.Runs
				if runs == nil {
					runs = map[string]engine.HeartbeatRun{}
				}
				runs[fmt.Sprint(i)] = engine.HeartbeatRun{}
				src.Runs = runs
				return s.SaveSources(ctx, []enginedb.SourceChange{{Heartbeat: h, HeartbeatSource: src.HeartbeatSource}})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	signs.Wait()
	if src, err := enginedb.New(db).LockSource(ctx, h, "db1", 0); err != nil || len(src.Runs) != 8 {
		t.Errorf("got %+v, %v", src, err)
	}
}

// due are the names of the sources at which somebody has to look.
func due(t *testing.T, s enginedb.Store, offset time.Duration) (names []string) {
	t.Helper()
	found, err := s.DueSources(t.Context(), 10, offset)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range found {
		names = append(names, src.Name)
	}
	return names
}

func TestWhatIsDueIsFoundByOneNode(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	var now time.Time
	if err := db.QueryRow(ctx, `select now()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"later", "second", "first"} {
		src := source(h, name)
		src.Deadline = now.Add(30*time.Minute - time.Duration(i)*time.Hour)
		save(t, s, src)
	}
	save(t, s, enginedb.SourceChange{Heartbeat: h, HeartbeatSource: engine.HeartbeatSource{Name: "never", LastAt: at, Since: at}})
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	found, err := enginedb.New(tx).DueSources(ctx, 1, 0)
	if err != nil || len(found) != 1 || found[0].Name != "first" || !reflect.DeepEqual(found[0].Heartbeat, h) || found[0].Deleted || time.Since(found[0].Now) > time.Minute ||
		!reflect.DeepEqual(inUTC(found[0].HeartbeatSource), source(h, "first").HeartbeatSource) {
		t.Errorf("got %+v, %v", found, err)
	}
	if got := due(t, s, 0); !reflect.DeepEqual(got, []string{"second"}) {
		t.Errorf("the other node finds %v", got)
	}
	if got := due(t, s, time.Hour); !reflect.DeepEqual(got, []string{"second", "later"}) {
		t.Errorf("an hour later it finds %v", got)
	}
}

func TestWhoeverIsNotWatchedAnyMoreIsLookedAt(t *testing.T) {
	ctx := t.Context()
	s, _, h, _ := watched(t)
	never := source(h, "db1")
	never.Deadline = time.Time{}
	look := func() (src enginedb.LockedSource) {
		t.Helper()
		if found, err := s.DueSources(ctx, 10, 0); err != nil || len(found) > 1 {
			t.Fatalf("%+v, %v", found, err)
		} else if len(found) == 1 {
			src = found[0]
		}
		return src
	}
	change := func(change func(*engine.Heartbeat)) {
		t.Helper()
		if change(&h); s.UpdateHeartbeat(ctx, h, enginedb.AnyVersion) != nil {
			t.Fatal("not changed")
		}
	}
	save(t, s, never)
	change(func(h *engine.Heartbeat) { h.Every = time.Minute })
	if src := look(); src.Name != "db1" || src.Gone {
		t.Errorf("of a heartbeat that was changed: %+v", src)
	}
	save(t, s, never)
	change(func(h *engine.Heartbeat) { h.ByLabel = "instance" })
	if src := look(); !src.Gone || src.Deleted {
		t.Errorf("whose label is another: %+v", src)
	}
	if got, err := s.Heartbeat(ctx, "bitbucket", h.ID); err != nil || len(got.Sources) > 0 {
		t.Errorf("it is shown still: %+v, %v", got, err)
	}
	save(t, s, never)
	if src := look(); src.Name != "" {
		t.Errorf("heard again: %+v", src)
	}
	change(func(h *engine.Heartbeat) { h.Disabled = true })
	if src := look(); !src.Gone || !src.Heartbeat.Disabled {
		t.Errorf("of one that is disabled: %+v", src)
	}
	save(t, s, never)
	if err := s.DeleteHeartbeat(ctx, "bitbucket", h.ID, enginedb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	if src := look(); !src.Deleted || src.Heartbeat.ID != h.ID || src.Heartbeat.Service != "bitbucket" {
		t.Errorf("of one that was deleted: %+v", src)
	}
	save(t, s, never)
	if err := s.DeleteService(ctx, "bitbucket", enginedb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	if err := s.FindOrphans(ctx); err != nil {
		t.Fatal(err)
	}
	if src := look(); !src.Deleted {
		t.Errorf("of a service that was deleted: %+v", src)
	}
}

func TestATimeInWhichNobodyWatchedIsNoticedOnce(t *testing.T) {
	ctx := t.Context()
	s, _, h, _ := watched(t)
	look := func(offset, pulse time.Duration) enginedb.Watch {
		t.Helper()
		w, err := s.WatchHeartbeats(ctx, offset, pulse)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if w := look(0, 0); !w.Unwatched || w.Pending {
		t.Errorf("the first look ever: %+v", w)
	}
	if since, n, err := s.ResumeHeartbeats(ctx, 0, 0); !since.IsZero() || n != 0 || err != nil {
		t.Errorf("before anybody ever watched: %v, %d, %v", since, n, err)
	}
	if w := look(0, 0); w.Unwatched {
		t.Errorf("the second look: %+v", w)
	}
	never := source(h, "silent")
	never.Deadline = time.Time{}
	save(t, s, source(h, "db1"), never)
	if w := look(2*time.Hour, 0); w.Unwatched || !w.Pending {
		t.Errorf("a clock that was moved: %+v", w)
	}
	if _, n, err := s.ResumeHeartbeats(ctx, 0, 0); n != 0 || err != nil {
		t.Errorf("somebody watched: %d, %v", n, err)
	}
	if w := look(8*time.Second, 8*time.Second); w.Unwatched {
		t.Errorf("eight seconds later: %+v", w)
	}
	if w := look(time.Minute, time.Minute); !w.Unwatched {
		t.Errorf("a minute later: %+v", w)
	}
	var nodes sync.WaitGroup
	var mu sync.Mutex
	total := int64(0)
	for range 4 {
		nodes.Go(func() {
			since, n, err := s.ResumeHeartbeats(ctx, 3*time.Hour, time.Minute)
			mu.Lock()
			defer mu.Unlock()
			if total += n; err != nil || n > 0 && time.Until(since) < 2*time.Hour {
				t.Errorf("since %v, %d, %v", since, n, err)
			}
		})
	}
	nodes.Wait()
	if total != 1 {
		t.Errorf("%d sources were told of it, want one", total)
	}
	if w := look(time.Minute, time.Minute); w.Unwatched || !w.Pending || w.Next > 0 {
		t.Errorf("afterwards: %+v", w)
	}
	found, err := s.DueSources(ctx, 10, 3*time.Hour)
	if err != nil || len(found) != 1 || time.Until(found[0].ResumedAt) < 2*time.Hour {
		t.Fatalf("got %+v, %v", found, err)
	}
	save(t, s, source(h, "db1"))
	if src, err := s.LockSource(ctx, h, "db1", 0); err != nil || !src.ResumedAt.IsZero() {
		t.Errorf("it is told again: %+v, %v", src, err)
	}
}

// Two nodes notice at the same moment that nobody watched.
func TestWhoeverTakesUpTheWatchSecondFindsNothingToDo(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	save(t, s, source(h, "db1"))
	tx, err := db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, n, err := enginedb.New(tx).ResumeHeartbeats(ctx, 0, 0); n != 1 || err != nil {
		t.Fatalf("the first: %d, %v", n, err)
	}
	second := make(chan int64)
	go func() {
		_, n, err := s.ResumeHeartbeats(ctx, 0, 0)
		if err != nil {
			t.Error(err)
		}
		second <- n
	}()
	for waits := false; !waits; {
		if err := db.QueryRow(ctx, `select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case n := <-second:
			t.Fatalf("the second did not wait, and told %d", n)
		default:
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := <-second; n != 0 {
		t.Errorf("the second told %d sources", n)
	}
}

func TestTheNextDeadline(t *testing.T) {
	ctx := t.Context()
	s, db, h, _ := watched(t)
	src := source(h, "db1")
	if err := db.QueryRow(ctx, `select now() + interval '1 minute'`).Scan(&src.Deadline); err != nil {
		t.Fatal(err)
	}
	save(t, s, src)
	for offset, late := range map[time.Duration]bool{0: false, time.Hour: true} {
		w, err := s.WatchHeartbeats(ctx, offset, 0)
		if until := time.Minute - offset; err != nil || !w.Pending || (w.Next < 0) != late || w.Next > until || w.Next < until-30*time.Second {
			t.Errorf("with offset %s: %+v, %v", offset, w, err)
		}
	}
}

func TestHeartbeatsAreCountedByHowTheyAre(t *testing.T) {
	ctx := t.Context()
	s, _, h, _ := watched(t)
	count := func() map[engine.HeartbeatState]int {
		t.Helper()
		counts, err := s.CountHeartbeats(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	if got := count(); !reflect.DeepEqual(got, map[engine.HeartbeatState]int{"waiting": 1}) {
		t.Errorf("got %v", got)
	}
	for name, change := range map[string]func(*engine.HeartbeatSource){
		"alive":  func(s *engine.HeartbeatSource) { s.Silent, s.Failed, s.Runs = false, false, nil },
		"late":   func(s *engine.HeartbeatSource) { s.Silent, s.Failed = false, false },
		"failed": func(s *engine.HeartbeatSource) { s.Silent = false },
		"silent": func(*engine.HeartbeatSource) {},
	} {
		c := source(h, name)
		change(&c.HeartbeatSource)
		save(t, s, c)
	}
	if got := count(); !reflect.DeepEqual(got, map[engine.HeartbeatState]int{"alive": 1, "late": 1, "failed": 1, "silent": 1}) {
		t.Errorf("got %v", got)
	}
	if h.Disabled = true; s.UpdateHeartbeat(ctx, h, enginedb.AnyVersion) != nil {
		t.Fatal("not disabled")
	}
	if got := count(); !reflect.DeepEqual(got, map[engine.HeartbeatState]int{"disabled": 1}) {
		t.Errorf("got %v", got)
	}
}
