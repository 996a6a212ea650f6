package pager_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// Alerts that wait have as many connections of the intake as they may, and queue for more. Timers, sends and
// answers have their own.
func TestAFloodAtTheIntakeMakesNoTimerLate(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) { c.DB, c.Intake = h.pool(8, nil), h.pool(4, nil) })
	quiet, loud := h.pushed("db-1"), h.pushed("db-2")
	unlock := h.lock(`select from incident where key = '` + string(loud) + `' for update`) // so that nothing flows off
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	var senders sync.WaitGroup
	for range 50 {
		senders.Go(func() {
			_, _ = h.Receive(ctx, engine.Alert{Service: "bitbucket", Severity: engine.Critical, Summary: "Pushes fail", DedupKey: "db-2"})
		})
	}
	defer senders.Wait()
	defer cancel()
	defer unlock()
	h.until("the alerts wait", func() bool { return h.Waiting() >= 40 })
	h.untilWaiting(1)
	since := time.Now()
	h.MoveClock(time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(quiet) {
		t.Errorf("Ann was texted about %s, want %s", m.Key, quiet)
	}
	h.inTime("the text", since)
	since = time.Now()
	h.bobAcknowledges(quiet)
	h.inTime("the acknowledgement", since)
}

// F26: incidents that cannot be read, and such that no decision can be made about, are far longer overdue
// than the one that can, and many times more than the sweeper ticks at once.
func TestIncidentsThatCannotBeTickedHoldUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.exec(`insert into incident (key, severity, summary, status, opened_at, alerted_at, deadline)
		select 'BAD-' || n, 1, 's', 'new', now(), now(), now() - interval '1 hour' from generate_series(1, 150) n`)
	h.exec(`insert into escalation (incident, no, role, ladder, state, level, round, round_at, level_until)
		select i.id, 1, 'r', case when i.id % 3 = 0 then e.ladder else '"no ladder"' end, 'climbing', 0, 1, now(), now() + interval '1 day'
		from incident i, escalation e where i.key like 'BAD-%' and e.incident = (select id from incident where key = $1)`, string(key))
	h.exec(`insert into page (incident, no, escalation, person, level, round, state, started_at, contacts, next, code, live)
		select id, 1, 1, 'carl', 0, 1, 'open', now(), '[]', 0, 'bad-' || id, true from incident where key like 'BAD-%'`) // without any attempt
	since := time.Now()
	h.MoveClock(time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(key) {
		t.Errorf("Ann was texted about %s, want %s", m.Key, key)
	}
	h.inTime("the text", since)
	h.exec(`delete from incident where key like 'BAD-%'`) // ends what they log
}

// F11, F12: a stopped node, or somebody with psql, holds an incident on which there is much to do. What can
// be done about the others is done, with fewer connections than there are sends in its way.
func TestALockedIncidentHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	few := h.pool(6, nil)
	h.Pager = h.node("node-a", func(c *pager.Config) { c.DB, c.Intake = few, few })
	locked := h.pushed("db-1")
	const sends = 12
	for i := 1; i < sends; i++ {
		in := pager.PageIn{Target: engine.Target{Person: "dora"}, Role: fmt.Sprint("role ", i)}
		if _, err := h.PageIn(t.Context(), locked, in); err != nil {
			t.Fatal(err)
		}
	}
	allSent := func() bool {
		return ask[int](h, `select count(*) from attempt where state = 'sent' and incident = 1 and no <= $1`, sends) == sends
	}
	h.until("all are sent", allSent)
	unlock := h.lock(`select from incident where key = '` + string(locked) + `' for update`)
	h.exec(`update attempt set state = 'queued', lease_until = clock_timestamp()`) // left by a dead node
	h.untilWaiting(1)
	since := time.Now()
	other := h.alert("db-2").Key
	h.eventually(other, "pushed", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	h.MoveClock(time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(other) {
		t.Errorf("Ann was texted about %s, want %s", m.Key, other)
	}
	h.bobAcknowledges(other)
	h.inTime("all that there is to do about another incident", since)
	unlock()
	h.until("what waited is sent", allSent)
}

// The same with so many locked incidents that the sweeper could tick none beside them.
func TestLockedIncidentsDoNotHideTheOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const many = 30
	for i := range many {
		h.alert(fmt.Sprint("locked ", i))
	}
	h.phones.expectTold(t, "ann", many)
	h.MoveClock(time.Second) // overdue for longer than the other
	other := h.pushed("db-1")
	h.lock(`select from incident where dedup_key like 'locked %' for update`)
	since := time.Now()
	h.MoveClock(time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(other) {
		t.Errorf("Ann was texted about %s, want %s", m.Key, other)
	}
	h.inTime("the text", since)
}

// F22: senders that repeat one alert without a pause hand the lock of its incident from one to the next. What
// is to be sent about it is sent all the same.
func TestAnIncidentThatIsNeverFreeIsPagedAllTheSame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.passOnTheLock()
	h.exec(`update attempt set state = 'queued', lease_until = clock_timestamp()`) // left by a dead node
	since := time.Now()
	h.phones.expect(t, "ann", 2)
	h.inTime("the push", since)
}

// passOnTheLock keeps the incidents locked to the end of the test: each holder takes its time, and lets go
// when the next one queues.
func (h *house) passOnTheLock() {
	h.t.Helper()
	const lock = `begin; select from incident for update`
	var conns [2]*pgx.Conn
	for i := range conns {
		c, err := h.db.Acquire(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		conns[i] = c.Hijack()
	}
	if _, err := conns[0].Exec(h.t.Context(), lock); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	var passing sync.WaitGroup
	passing.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			holder, next := conns[(i+1)%2], conns[i%2]
			var queued sync.WaitGroup
			queued.Go(func() { _, _ = next.Exec(ctx, lock) })
			for waits := false; !waits && ctx.Err() == nil; {
				_ = h.db.QueryRow(ctx, `select wait_event_type = 'Lock' from pg_stat_activity where pid = $1`, next.PgConn().PID()).Scan(&waits)
			}
			_, _ = holder.Exec(ctx, `select pg_sleep(0.05); commit`)
			queued.Wait()
		}
	})
	h.t.Cleanup(func() {
		cancel()
		passing.Wait()
		for _, c := range conns {
			_ = c.Close(context.Background())
		}
	})
}

// F15: without the queue the sweeper sends. All that it sends at once by text hangs, and more is left; what
// is pushed goes out.
func TestTheSlotsOfTwoChannelsAreIndependent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const left = 8
	var release []func()
	numbers := h.many(pager.Sweepers + left)
	for _, number := range numbers {
		release = append(release, h.phones.holdUp(number))
	}
	h.stopQueue()
	h.alertEach(0, len(numbers))
	texts := func() int { return len(h.phones.all()) - len(h.phones.sentTo("ann")) }
	h.until("the sweeper sends all that it can", func() bool { return texts() >= pager.Sweepers })
	since := time.Now()
	h.alert("db-1")
	if m := h.phones.expect(t, "ann", 1); m.Channel != notifiers.Push {
		t.Errorf("Ann got a %s", m.Channel)
	}
	h.inTime("the push", since)
	if n := texts(); n != pager.Sweepers {
		t.Errorf("%d texts are under way at once, want %d", n, pager.Sweepers)
	}
	for _, let := range release {
		let()
	}
	h.until("the others are texted", func() bool { return texts() == len(numbers) })
}

// many makes so many people, each with a number of their own and a service of the same name that pages them
// by text.
func (h *house) many(n int) (numbers []string) {
	h.t.Helper()
	people, admin := rosterdb.New(h.db), enginedb.New(h.db)
	for i := range n {
		name := fmt.Sprintf("p-%d", i)
		number := fmt.Sprintf("+49171%07d", i)
		person := rosters.Person{ID: rosters.PersonID(name), Name: name, Zone: "UTC", Contacts: []rosters.Contact{{Channel: rosters.SMS, Address: number}}}
		if err := people.CreatePerson(h.t.Context(), person); err != nil {
			h.t.Fatal(err)
		}
		policy := engine.Policy{ID: engine.PolicyID(name), Name: name, Levels: []engine.Level{{Targets: []engine.Target{{Person: person.ID}}, Wait: time.Hour}}}
		if err := admin.CreatePolicy(h.t.Context(), policy); err != nil {
			h.t.Fatal(err)
		}
		if err := admin.CreateService(h.t.Context(), engine.Service{ID: engine.ServiceID(name), Name: name, Policy: policy.ID}); err != nil {
			h.t.Fatal(err)
		}
		numbers = append(numbers, number)
	}
	return numbers
}

// alertEach reports trouble with each of the services of many, from one on to before another.
func (h *house) alertEach(from, to int) {
	h.t.Helper()
	for i := from; i < to; i++ {
		service := engine.ServiceID(fmt.Sprintf("p-%d", i))
		if _, err := h.Receive(h.t.Context(), engine.Alert{Service: service, Severity: engine.Critical, Summary: "Texts fail"}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// F24: a job that is stamped by a node whose clock is ahead waits for that time.
func TestJobsTakeTheirTimeFromTheDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`create table stamped (own boolean)`)
	h.exec(`create function look() returns trigger language plpgsql as
		'begin insert into public.stamped values (new.scheduled_at = now()); return null; end'`)
	h.exec(`create trigger look after insert on river.river_job for each row execute function look()`)
	h.pushed("db-1")
	h.MoveClock(time.Minute)
	h.phones.expect(t, annsNumber, 1)
	if jobs, own := ask[int](h, `select count(*) from stamped`), ask[int](h, `select count(*) from stamped where own`); own != jobs || own < 2 {
		t.Errorf("%d of %d jobs have the database's time, want all of at least 2", own, jobs)
	}
}
