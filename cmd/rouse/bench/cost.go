package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// The cost is that of so many incidents and repeats, after so many that warm everything up. Each pass
// lasts as long, so that what goes on without them can be taken off.
const (
	costIncidents = 500
	costRepeats   = 1000
	costWarmUp    = 100
	costPass      = 8 * time.Second
	costClients   = 8
)

// costs is what is spent on: incidents of some people, and repeated alerts about those of others.
type costs struct {
	*rig
	incidents, repeats int
	people, others     crowd
}

// measureCost runs the server three times: with incidents, with repeated alerts, and left alone, which
// is taken off from the others. The statements are counted in a run of their own, as that is slow.
func measureCost(ctx context.Context, r *rig) (all []Figure, err error) {
	c := costs{rig: r, incidents: r.size(costIncidents), repeats: r.size(costRepeats)}
	if c.people, err = r.crowd(ctx, max(c.incidents, costWarmUp)); err != nil {
		return nil, err
	}
	if c.others, err = r.crowd(ctx, repeated); err != nil {
		return nil, err
	}
	r.o.Say(fmt.Sprintf("  %d incidents, opened, paged, acknowledged and resolved", c.incidents))
	opened, err := c.pass(ctx, func() error { return c.lives(ctx, "cost", c.incidents) })
	if err != nil {
		return nil, err
	}
	r.o.Say(fmt.Sprintf("  %d repeated alerts", c.repeats))
	again, err := c.pass(ctx, func() error { return c.repeat(ctx, c.repeats) })
	if err != nil {
		return nil, err
	}
	r.o.Say("  nothing, to take that off")
	idle, err := c.pass(ctx, func() error { return nil })
	if err != nil {
		return nil, err
	}
	r.o.Say("  statements")
	statements, err := c.statements(ctx)
	if err != nil {
		return nil, err
	}
	opened, again = opened.less(idle), again.less(idle)
	all = opened.figures("per incident", statements.incident, c.incidents)
	all = append(all, Figure{Name: "per incident: queue jobs", Value: opened.jobs / float64(c.incidents), N: c.incidents})
	all = append(all, again.figures("per repeated alert", statements.repeat, c.repeats)...)
	return append(all, Figure{Name: "left alone: statements", Value: statements.idle, Unit: "/s"}), nil
}

// spent is what a pass took of machine and database.
type spent struct {
	commits, inserted, updated, deleted, jobs float64 // of the server's whole run
	writes, wal, server, postgres             float64 // of the pass alone: transactions, bytes, ms, ms
}

func (a spent) less(b spent) spent {
	return spent{a.commits - b.commits, a.inserted - b.inserted, a.updated - b.updated, a.deleted - b.deleted, a.jobs - b.jobs,
		a.writes - b.writes, a.wal - b.wal, a.server - b.server, a.postgres - b.postgres}
}

func (a spent) figures(name string, statements float64, n int) []Figure {
	each := func(what string, value float64, unit string) Figure {
		return Figure{Name: name + ": " + what, Value: value / float64(n), Unit: unit, N: n}
	}
	return []Figure{
		{Name: name + ": statements", Value: statements, N: n},
		each("commits", a.commits, ""),
		each("commits of something written", a.writes, ""),
		each("rows inserted", a.inserted, ""),
		each("rows updated", a.updated, ""),
		each("rows deleted", a.deleted, ""),
		each("WAL", a.wal/1024, "KiB"),
		each("processor, server", a.server, "ms"),
		each("processor, Postgres", a.postgres, "ms"),
	}
}

// pass runs the server from start to stop with some work in it. Postgres's counters are read while it is
// down, as a connection hands its own in late, but when it ends always; they contain the warm-up, which
// is the same in every pass. Processor time and WAL are exact at any moment, and read around the work.
func (r *costs) pass(ctx context.Context, work func() error) (s spent, err error) {
	r.Stop()
	before, err := r.counters(ctx)
	if err != nil {
		return s, err
	}
	if _, err := r.Start(ctx); err != nil {
		return s, err
	}
	if err := r.warmUp(ctx); err != nil {
		return s, err
	}
	began, err := r.used(ctx)
	if err != nil {
		return s, err
	}
	end := time.Now().Add(r.span(costPass))
	if err := work(); err != nil {
		return s, err
	}
	if err := pause(ctx, time.Until(end)); err != nil {
		return s, err
	}
	ended, err := r.used(ctx)
	if err != nil {
		return s, err
	}
	r.Stop()
	after, err := r.counters(ctx)
	if err != nil {
		return s, err
	}
	_, err = r.Start(ctx)
	s = after.less(before)
	span := ended.less(began)
	s.writes, s.wal, s.server, s.postgres = span.writes, span.wal, span.server, span.postgres
	return s, err
}

// warmUp fills the caches of the server and of its connections, and leaves incidents that repeats can
// join. A checkpoint before keeps another one out of the pass: after each, pages are logged whole once.
func (r *costs) warmUp(ctx context.Context) error {
	if err := r.forget(ctx); err != nil {
		return err
	}
	if _, err := r.db.Exec(ctx, "checkpoint"); err != nil {
		return err
	}
	if err := r.lives(ctx, "warm-up", r.size(costWarmUp)); err != nil {
		return err
	}
	if err := r.repeat(ctx, repeated); err != nil {
		return err
	}
	if err := r.repeat(ctx, repeated); err != nil { // they join
		return err
	}
	return r.settle(ctx)
}

// lives opens n incidents, each of which pages another person, waits until everybody is paged and that is
// written down, lets each acknowledge, and resolves them all.
func (r *costs) lives(ctx context.Context, dedup string, n int) error {
	keys := make([]string, n)
	r.provider.forget()
	if _, err := drive(ctx, costClients, times(n), func(ctx context.Context, i int) (err error) {
		keys[i], err = r.client.send(ctx, newAlert(r.people.member(i), dedup))
		return err
	}); err != nil {
		return err
	}
	seen := 0
	if err := r.provider.follow(ctx, time.Minute, func(pushed) bool { seen++; return seen == n }); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	if _, err := drive(ctx, costClients, times(n), func(ctx context.Context, i int) error {
		return r.client.do(ctx, http.MethodPost, "/v1/incidents/"+keys[i]+"/acknowledge", map[string]string{"person": r.people.member(i)}, nil)
	}); err != nil {
		return err
	}
	_, err := drive(ctx, costClients, times(n), func(ctx context.Context, i int) error {
		return r.client.do(ctx, http.MethodPost, "/v1/incidents/"+keys[i]+"/resolve", struct{}{}, nil)
	})
	return err
}

// repeat sends n alerts about the same few incidents.
func (r *costs) repeat(ctx context.Context, n int) error {
	_, err := drive(ctx, costClients, times(n), func(ctx context.Context, i int) error {
		_, err := r.client.send(ctx, newAlert(r.others.member(i%repeated), "repeated"))
		return err
	})
	return err
}

// counters reads Postgres's statistics when nobody is connected any more.
func (r *rig) counters(ctx context.Context) (s spent, err error) {
	r.db.Reset() // ours, too, hand in what they counted
	conn, err := pgx.Connect(ctx, r.pg.URL())
	if err != nil {
		return s, err
	}
	defer conn.Close(ctx)
	for others := 1; others > 0; {
		err := conn.QueryRow(ctx, `select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`).Scan(&others)
		if err == nil && others > 0 {
			err = pause(ctx, 10*time.Millisecond)
		}
		if err != nil {
			return s, err
		}
	}
	err = conn.QueryRow(ctx, `select d.xact_commit, t.inserted, t.updated, t.deleted, t.jobs from pg_stat_database d, (
			select sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del), sum(n_tup_ins) filter (where relname = 'river_job') from pg_stat_user_tables
		) t (inserted, updated, deleted, jobs) where d.datname = current_database()`).
		Scan(&s.commits, &s.inserted, &s.updated, &s.deleted, &s.jobs)
	return s, err
}

// used reads how many transactions have written something, how far the WAL goes and how much processor
// time was used, all processes that Postgres has or had included.
func (r *rig) used(ctx context.Context) (s spent, err error) {
	all, err := processes()
	if err != nil {
		return s, err
	}
	s.server, s.postgres = milliseconds(treeTime(all, r.PID())), milliseconds(treeTime(all, r.pg.PID()))
	err = r.db.QueryRow(ctx, `select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_wal_insert_lsn() - '0/0'::pg_lsn`).
		Scan(&s.writes, &s.wal)
	return s, err
}
