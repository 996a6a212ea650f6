package pager_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// heartbeat makes one of bitbucket, a sign of which is to come every five minutes.
func (h *house) heartbeat(changes ...func(*engine.Heartbeat)) engine.Heartbeat {
	h.t.Helper()
	h.until("a node watches: what there is before gets its time again", func() bool { return ask[bool](h, `select at is not null from heartbeat_watch`) })
	hb := engine.Heartbeat{Service: "bitbucket", Name: "backup", Every: 5 * time.Minute, Severity: engine.Critical}
	for _, change := range changes {
		change(&hb)
	}
	var err error
	if _, hb.ID, err = enginedb.New(h.db).CreateHeartbeat(h.t.Context(), hb); err != nil {
		h.t.Fatal(err)
	}
	return hb
}

// beat gives a sign of a heartbeat, of sources with these values of its label.
func (h *house) beat(hb engine.Heartbeat, sign engine.Sign, sources ...string) pager.Received {
	h.t.Helper()
	b := pager.Beat{HeartbeatRef: enginedb.HeartbeatRef{Service: hb.Service, Name: hb.Name}, Sign: sign}
	for _, name := range sources {
		b.Labels = append(b.Labels, map[string]string{hb.ByLabel: name})
	}
	r, err := h.Beat(h.t.Context(), b)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// state is how a heartbeat is.
func (h *house) state(hb engine.Heartbeat) engine.HeartbeatState {
	h.t.Helper()
	found, err := enginedb.New(h.db).Heartbeat(h.t.Context(), hb.Service, hb.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return found.Worst(found.Sources)
}

func (h *house) untilHeartbeat(hb engine.Heartbeat, is engine.HeartbeatState) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s is %s", hb.Name, is), func() bool { return h.state(hb) == is })
}

// looked waits until the node has looked at the heartbeats, from now on.
func (h *house) looked() {
	h.t.Helper()
	for range 2 { // the first look may have been under way
		last := h.LastLook()
		h.until("a look at the heartbeats", func() bool { h.MoveClock(0); return h.LastLook() > last })
	}
}

var alive = engine.Sign{Kind: engine.SignAlive}

// incidents are the summaries of all incidents, with their status.
func (h *house) incidents() (all []string) {
	h.t.Helper()
	rows, _ := h.db.Query(h.t.Context(), `select status || ': ' || summary from incident order by id`)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *house) wantIncidents(want ...string) {
	h.t.Helper()
	got := h.incidents()
	if len(got) != len(want) {
		h.t.Fatalf("the incidents are %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			h.t.Errorf("incident %d is %q, want %q", i+1, got[i], want[i])
		}
	}
}

func TestASilentHeartbeatPagesUntilItComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	h.MoveClock(time.Hour)
	if is := h.state(hb); is != "waiting" {
		t.Errorf("before its first sign it is %s", is)
	}
	if r := h.beat(hb, alive); r.Outcome != pager.Noted || r.Key != "" || r.Why != `a sign of life of heartbeat "backup"` {
		t.Errorf("its first sign was answered %+v", r)
	}
	h.MoveClock(4 * time.Minute)
	h.beat(hb, alive)
	h.MoveClock(4*time.Minute + 30*time.Second)
	h.looked()
	h.wantIncidents()

	h.MoveClock(time.Minute)
	m := h.phones.expect(t, "ann", 1)
	if m.Severity != 1 || !strings.HasPrefix(m.Summary, "Heartbeat backup is silent: last seen ") || !strings.HasSuffix(m.Summary, ", 5 min ago; it should come every 5 min") {
		t.Errorf("Ann's push says %+v", m)
	}
	h.untilHeartbeat(hb, "silent")
	h.MoveClock(time.Minute)
	h.looked()
	h.wantIncidents("new: Heartbeat backup is silent")

	r := h.beat(hb, alive)
	if r.Key != "HOT-1" || r.Outcome != pager.Closed {
		t.Errorf("its sign was answered %+v, want HOT-1 resolved", r)
	}
	if inc := h.incident("HOT-1"); inc.Status != engine.Resolved || h.state(hb) != "alive" {
		t.Errorf("the incident is %s, the heartbeat %s", inc.Status, h.state(hb))
	}
	if n := ask[int](h, `select count(*) from alert where source = 'heartbeat' and note like 'It came back after 6 min%'`); n != 1 {
		t.Errorf("%d alerts say that it came back", n)
	}
	h.MoveClock(6 * time.Minute)
	h.untilHeartbeat(hb, "silent")
	h.wantIncidents("resolved: Heartbeat backup is silent", "new: Heartbeat backup is silent")
}

func TestARunThatFailsOrTakesTooLongPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat(func(hb *engine.Heartbeat) {
		hb.Every, hb.MaxRun, hb.Message = 24*time.Hour, time.Hour, "The backup is broken"
	})
	h.beat(hb, engine.Sign{Kind: engine.SignStarted, Run: "a"})
	r := h.beat(hb, engine.Sign{Kind: engine.SignFailed, Run: "a", Exit: "exit status 3", Output: "disk\x00 full"})
	if r.Key != "HOT-1" || r.Outcome != pager.Opened {
		t.Errorf("the failure was answered %+v", r)
	}
	if m := h.phones.expect(t, "ann", 1); m.Summary != "The backup is broken (heartbeat backup failed: exit status 3)" {
		t.Errorf("Ann's push says %+v", m)
	}
	if details := ask[string](h, `select details from alert`); !strings.HasSuffix(details, "The end of what it wrote:\n\ndisk full") {
		t.Errorf("the details are %q", details)
	}
	if r := h.beat(hb, engine.Sign{Kind: engine.SignFailed}); r.Outcome != pager.Joined || r.Key != "HOT-1" {
		t.Errorf("the second failure was answered %+v", r)
	}
	if r := h.beat(hb, engine.Sign{Kind: engine.SignStarted, Run: "b"}); r.Outcome != pager.Noted || h.state(hb) != "failed" {
		t.Errorf("the next beginning was answered %+v", r)
	}
	if r := h.beat(hb, engine.Sign{Kind: engine.SignSucceeded, Run: "b"}); r.Outcome != pager.Closed {
		t.Errorf("the success was answered %+v", r)
	}
	h.beat(hb, engine.Sign{Kind: engine.SignStarted, Run: "c"})
	h.MoveClock(time.Hour + time.Second)
	h.untilHeartbeat(hb, "late")
	h.wantIncidents("resolved: The backup is broken (heartbeat backup failed: exit status 3)", "new: The backup is broken (heartbeat backup runs longer than 1 h: it began ")
	h.beat(hb, engine.Sign{Kind: engine.SignSucceeded, Run: "c"})
	if inc := h.incident("HOT-2"); inc.Status != engine.Resolved {
		t.Errorf("after it ended the incident is %s", inc.Status)
	}
}

// watchdog makes the heartbeat of Prometheus' Watchdog, by cluster.
func (h *house) watchdog() engine.Heartbeat {
	h.t.Helper()
	return h.heartbeat(func(hb *engine.Heartbeat) { hb.Name, hb.ByLabel = "Watchdog", "cluster" })
}

// ping is what Alertmanager's dialect makes of the Watchdog of a cluster.
func (h *house) ping(cluster string) pager.Received {
	h.t.Helper()
	r, err := h.Receive(h.t.Context(), engine.Alert{Action: engine.Ping, Service: "bitbucket", Severity: engine.Minor, Summary: "Watchdog", DedupKey: "watchdog",
		Source: "alertmanager", Labels: map[string]string{"alertname": "Watchdog", "cluster": cluster}})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func TestTheWatchdogOfEachClusterIsWatchedByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if r := h.ping("eu-1"); r.Outcome != pager.Noted || r.Why != `service "bitbucket" has no heartbeat "watchdog"` {
		t.Errorf("without a heartbeat it was answered %+v", r)
	}
	hb := h.watchdog()
	for _, cluster := range []string{"eu-1", "us-1"} {
		if r := h.ping(cluster); r.Outcome != pager.Noted || r.Why != `a sign of life of heartbeat "Watchdog"` {
			t.Errorf("it was answered %+v", r)
		}
	}
	h.MoveClock(3 * time.Minute)
	h.ping("eu-1")
	h.MoveClock(3 * time.Minute)
	h.untilHeartbeat(hb, "silent")
	h.wantIncidents("new: Heartbeat Watchdog of us-1 is silent")
	h.ping("eu-1")
	h.wantIncidents("new: Heartbeat Watchdog of us-1 is silent")
	h.ping("us-1")
	h.wantIncidents("resolved: Heartbeat Watchdog of us-1 is silent")
	if n := ask[int](h, `select count(*) from alert where source = 'alertmanager'`); n > 0 {
		t.Errorf("%d signs of life are kept as alerts", n)
	}
	if h.beat(hb, alive, "eu-1", "us-1", "eu-1"); ask[int](h, `select count(*) from heartbeat_source`) != 2 {
		t.Error("a request with both of them brought a third")
	}
}

func TestASignOfNoHeartbeat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	for name, ref := range map[string]enginedb.HeartbeatRef{"another name": {Service: "bitbucket", Name: "backups"}, "another service": {Service: "jira", Name: hb.Name},
		"an address that was made up": {Secret: "x"}, "nothing": {}} {
		if _, err := h.Beat(t.Context(), pager.Beat{HeartbeatRef: ref, Sign: alive}); !errors.Is(err, pager.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsOpenAboutAHeartbeatEndsWithIt(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*house, engine.Heartbeat){
		"disabled": func(h *house, hb engine.Heartbeat) {
			hb.Disabled = true
			if err := enginedb.New(h.db).UpdateHeartbeat(h.t.Context(), hb, enginedb.AnyVersion); err != nil {
				h.t.Fatal(err)
			}
		},
		"deleted": func(h *house, hb engine.Heartbeat) {
			if err := enginedb.New(h.db).DeleteHeartbeat(h.t.Context(), hb.Service, hb.ID, enginedb.AnyVersion); err != nil {
				h.t.Fatal(err)
			}
		},
		"changed and begins anew": func(h *house, hb engine.Heartbeat) {
			hb.ByLabel = "host"
			if err := enginedb.New(h.db).UpdateHeartbeat(h.t.Context(), hb, enginedb.AnyVersion); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			hb := h.heartbeat()
			h.beat(hb, engine.Sign{Kind: engine.SignFailed})
			end(h, hb)
			h.eventually("HOT-1", "resolved", func(inc engine.Incident) bool { return inc.Status == engine.Resolved })
			if note := ask[string](h, `select note from alert where action = 'resolve'`); note != "The heartbeat was "+name+"." {
				t.Errorf("it says %q", note)
			}
			if n := ask[int](h, `select count(*) from heartbeat_source`); n > 0 {
				t.Errorf("%d sources are left", n)
			}
			if name == "disabled" {
				if r := h.beat(hb, alive); r.Why != `heartbeat "backup" is disabled` || ask[int](h, `select count(*) from heartbeat_source`) > 0 {
					t.Errorf("its sign was answered %+v", r)
				}
			}
		})
	}
}

func TestASignOfWhatWasForgottenBeginsAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat(func(hb *engine.Heartbeat) { hb.ByLabel = "host" })
	h.beat(hb, engine.Sign{Kind: engine.SignFailed}, "db1")
	h.exec(`update heartbeat_source set gone = true, deadline = null`) // and nobody has looked yet
	if r := h.beat(hb, engine.Sign{Kind: engine.SignStarted}, "db1"); r.Outcome != pager.Closed || h.state(hb) != "alive" {
		t.Errorf("the sign was answered %+v, the heartbeat is %s", r, h.state(hb))
	}
}

func TestMoreSourcesThanAreWatched(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.watchdog()
	var all []string
	for i := range engine.MaxSources {
		all = append(all, fmt.Sprint("c-", i))
	}
	h.beat(hb, alive, all...)
	if r := h.beat(hb, alive, "one more"); r.Outcome != pager.Noted || !strings.Contains(r.Why, "has 100 sources already") {
		t.Errorf("it was answered %+v", r)
	}
	h.MoveClock(6 * time.Minute)
	h.until("all are silent", func() bool { return ask[int](h, `select count(*) from incident`) == engine.MaxSources })
}

// Rule 18: a heartbeat whose signs could not arrive is not silent.
func TestAHeartbeatHasItsTimeAgainAfterAStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	h.beat(hb, alive)
	h.stop()
	h.Pager = h.node("ten minutes later", later(10*time.Minute))
	h.until("it has its time again", func() bool {
		return ask[bool](h, `select deadline > clock_timestamp() + interval '14 minutes' from heartbeat_source`)
	})
	h.wantIncidents()
	h.MoveClock(4 * time.Minute)
	h.looked()
	h.wantIncidents()
	h.MoveClock(time.Minute + time.Second)
	h.untilHeartbeat(hb, "silent")
	h.wantIncidents("new: Heartbeat backup is silent: last seen")
}

// Rule 18: nor is one that falls due just after it.
func TestAHeartbeatThatFallsDueJustAfterAStopHasItsUsualGap(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	h.beat(hb, alive)
	h.stop()
	h.Pager = h.node("four and a half minutes later", later(4*time.Minute+30*time.Second))
	h.until("it has its gap again", func() bool {
		return ask[bool](h, `select deadline > clock_timestamp() + interval '8 minutes 50 seconds' from heartbeat_source`)
	})
	h.MoveClock(4 * time.Minute)
	h.looked()
	h.wantIncidents()
}

// A node that is replaced within seconds is no stop.
func TestAShortStopPutsNoHeartbeatOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat(func(hb *engine.Heartbeat) { hb.Every = engine.MinEvery })
	h.beat(hb, alive)
	h.exec(`update heartbeat_source set since = since - interval '25 seconds', deadline = deadline - interval '25 seconds'`)
	h.stop()
	h.Pager = h.node("five seconds later", later(5*time.Second))
	h.untilHeartbeat(hb, "silent")
}

func TestAMovedClockPutsNoHeartbeatOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	h.beat(hb, alive)
	h.MoveClock(2 * time.Hour)
	h.untilHeartbeat(hb, "silent")
	h.wantIncidents("new: Heartbeat backup is silent: last seen")
}

// Many nodes and many heartbeats: each silence is told once, each return ends it.
func TestManyHeartbeatsAndTwoNodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.node("node-b")
	const n = 300
	var all []engine.Heartbeat
	for i := range n {
		hb := h.heartbeat(func(hb *engine.Heartbeat) { hb.Name, hb.Severity = fmt.Sprint("hb-", i), engine.Minor })
		all = append(all, hb)
	}
	beat := func() {
		var senders sync.WaitGroup
		for sender := range 8 {
			senders.Go(func() {
				for i := sender; i < n; i += 8 {
					h.beat(all[i], alive)
				}
			})
		}
		senders.Wait()
	}
	beat()
	began := time.Now()
	h.MoveClock(6 * time.Minute)
	other.MoveClock(6 * time.Minute)
	h.until("all are silent", func() bool { return ask[int](h, `select count(*) from heartbeat_source where silent`) == n })
	t.Logf("%d silences took %s", n, time.Since(began))
	if got := ask[int](h, `select count(*) from incident where status = 'new' and alert_n = 1`); got != n {
		t.Errorf("%d incidents were opened by one alert each, want %d", got, n)
	}
	beat()
	if got := ask[int](h, `select count(*) from incident where status = 'resolved'`); got != n {
		t.Errorf("%d incidents are resolved, want %d", got, n)
	}
}

// A sign and the look that finds it too late never pass each other: whatever comes first, an incident is open
// if and only if the heartbeat is silent.
func TestASignThatComesWhileItIsMissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.heartbeat()
	h.beat(hb, alive)
	for range 30 {
		var both sync.WaitGroup
		h.MoveClock(5 * time.Minute)
		for range 3 {
			both.Go(func() { h.beat(hb, alive) })
		}
		both.Wait()
		h.looked()
		open := ask[int](h, `select count(*) from incident where status <> 'resolved'`)
		if is := h.state(hb); is != "alive" || open > 0 {
			t.Fatalf("it is %s, and %d incidents are open", is, open)
		}
	}
}

// F11: somebody holds the incident of one; the others are looked after, and that one later.
func TestAHeldIncidentKeepsNoOtherHeartbeatWaiting(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	held, free := h.heartbeat(), h.heartbeat(func(hb *engine.Heartbeat) { hb.Name = "free" })
	h.beat(held, engine.Sign{Kind: engine.SignFailed})
	h.beat(free, alive)
	unlock := h.lock(`select from incident where key = 'HOT-1' for update`)
	h.MoveClock(6 * time.Minute)
	h.untilHeartbeat(free, "silent")
	if is := h.state(held); is != "failed" {
		t.Errorf("the one that is held is %s", is)
	}
	unlock()
	h.untilHeartbeat(held, "silent")
	h.eventually("HOT-1", "told of it", func(inc engine.Incident) bool { return inc.AlertN == 2 })
}

// F12: one of which nothing can be made is nobody else's trouble.
func TestAHeartbeatOfWhichNothingCanBeMade(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bad, good := h.heartbeat(), h.heartbeat(func(hb *engine.Heartbeat) { hb.Name = "good" })
	h.beat(bad, alive)
	h.beat(good, alive)
	h.exec(`create function refuse() returns trigger language plpgsql as $$ begin
		if new.dedup_key = 'heartbeat:` + fmt.Sprint(bad.ID) + `' then raise exception 'no'; end if; return new; end $$`)
	h.exec(`create trigger refuse before insert on incident for each row execute function refuse()`)
	h.MoveClock(6 * time.Minute)
	h.untilHeartbeat(good, "silent")
	h.until("the bad one rests", func() bool {
		return ask[bool](h, `select deadline > clock_timestamp() + interval '6 minutes' from heartbeat_source where heartbeat = $1`, bad.ID)
	})
	h.exec(`drop trigger refuse on incident`)
	h.MoveClock(time.Minute)
	h.untilHeartbeat(bad, "silent")
	h.wantIncidents("new: Heartbeat good", "new: Heartbeat backup")
}

// A node dies between what it wrote of a heartbeat and of its incident: neither is there, and another does both.
func TestANodeDiesWhileItTellsOfASilence(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	stopped := &stall{after: "incident_number", stalled: make(chan struct{}), goOn: make(chan struct{})}
	h.Pager = h.node("node-a", func(c *pager.Config) { c.DB = h.pool(10, stopped) })
	hb := h.heartbeat()
	h.beat(hb, alive)
	h.MoveClock(6 * time.Minute)
	await(h, "the incident is being written", stopped.stalled)
	other := h.node("node-b")
	other.MoveClock(6 * time.Minute)
	if h.wantIncidents(); h.state(hb) != "alive" {
		t.Errorf("before the commit it is %s", h.state(hb))
	}
	h.exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%incident_number%' and pid <> pg_backend_pid()`)
	close(stopped.goOn)
	h.untilHeartbeat(hb, "silent")
	h.wantIncidents("new: Heartbeat backup is silent")
}

func TestHeartbeatsInTheMetrics(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hb := h.watchdog()
	h.heartbeat()
	h.beat(hb, alive, "eu-1")
	h.beat(hb, engine.Sign{Kind: engine.SignFailed}, "us-1")
	registry := prometheus.NewRegistry()
	registry.MustRegister(h.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "rouse_heartbeats":
				got = append(got, fmt.Sprint(m.GetLabel()[0].GetValue(), " ", m.GetGauge().GetValue()))
			case "rouse_heartbeat_signs_total":
				got = append(got, fmt.Sprint("sign ", m.GetLabel()[0].GetValue(), " ", m.GetCounter().GetValue()))
			}
		}
	}
	slices.Sort(got)
	if want := "alive 1, disabled 0, failed 1, late 0, sign alive 1, sign failed 1, silent 0, waiting 1"; strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}

// The watch over heartbeats is part of what /readyz looks at.
func TestANodeThatDoesNotLookAtHeartbeatsIsNotWell(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`alter table heartbeat_watch rename to elsewhere`)
	h.until("the audit says that nobody looks at heartbeats", func() bool {
		h.PretendLastLook(time.Now().Add(-time.Minute)) // again: a look that began before the table was gone may just have ended
		return slices.ContainsFunc(h.Audit(t.Context()), func(c pager.Check) bool {
			return c.Name == "sweeper" && !c.OK && strings.Contains(c.Text, "last looked at the heartbeats 1m")
		})
	})
}
