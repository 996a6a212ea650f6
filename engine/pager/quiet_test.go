package pager_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

func TestARosterThatARuleHasPagedIsPagedAgainWithWhatComesBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Return: engine.Return{Within: 10 * time.Minute}})
	h.rules(engine.Rule{ID: "databases", When: `true`, Page: []rosters.RosterID{"dba"}})
	h.told()
	h.phones.expect(t, "+491700000003", 1) // Carl, the DBA
	h.want("its end", h.told(over), pager.Closed, "HOT-1")
	h.want("its return", h.told(), pager.Reopened, "HOT-1")
	if m := h.phones.expect(t, "+491700000003", 2); m.Key != "HOT-1" || m.Reason != "came back, 1st time" {
		t.Errorf("Carl's second call says %+v", m)
	}
}

// workedOn puts a service into maintenance for ten hours.
func (h *house) workedOn(service engine.ServiceID) enginedb.Maintenance {
	h.t.Helper()
	now := ask[time.Time](h, `select clock_timestamp()`).Add(h.Offset())
	m, err := enginedb.New(h.db).CreateMaintenance(h.t.Context(), engine.Maintenance{Service: service, From: now, To: now.Add(10 * time.Hour), Reason: "new disks"})
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func TestWhatComesBackIsHeldBackByAMaintenanceOfItsOwnService(t *testing.T) {
	// Rules send its alerts to another service by now.
	t.Parallel()
	h := newHouse(t)
	returns := engine.Noise{Return: engine.Return{Within: 10 * time.Minute}}
	h.noise(returns)
	if err := enginedb.New(h.db).CreateService(h.t.Context(), engine.Service{ID: "web", Name: "Web", Policy: "bitbucket", Noise: returns}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"db-1", "db-2"} {
		h.told(keyed(key))
		h.told(keyed(key), over)
	}
	h.rules(engine.Rule{ID: "moved", When: `true`, Service: "web"})
	other := h.workedOn("web")
	h.want("what is of no service in maintenance", h.told(), pager.Reopened, "HOT-1")
	h.eventually("HOT-1", "paging", func(inc engine.Incident) bool { return inc.Escalations[0].State == engine.Climbing })
	if got := h.reasons("HOT-1"); slices.Contains(got, engine.ReasonMaintenance) {
		t.Errorf("the timeline of HOT-1 says %q", got)
	}
	if err := enginedb.New(h.db).DeleteMaintenance(t.Context(), "web", other.ID, other.Version); err != nil {
		t.Fatal(err)
	}
	h.workedOn("bitbucket")
	h.want("what is of the one in maintenance", h.told(keyed("db-2")), pager.Reopened, "HOT-2")
	if inc := h.incident("HOT-2"); inc.Escalations[0].WaitFor != engine.ReasonMaintenance {
		t.Errorf("HOT-2 is %s", inc.Escalations[0].State)
	}
}

func TestADelayThatEndsInAMaintenanceWaitsForTheEndOfThat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Delay: map[engine.Severity]time.Duration{engine.Critical: 3 * time.Minute}})
	h.told()
	m := h.workedOn("bitbucket")
	h.MoveClock(3*time.Minute + time.Second)
	h.eventually("HOT-1", "waiting for the maintenance", func(inc engine.Incident) bool { return inc.Escalations[0].WaitFor == engine.ReasonMaintenance })
	if err := enginedb.New(h.db).DeleteMaintenance(t.Context(), "bitbucket", m.ID, m.Version); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 1)
	h.wantReasons("HOT-1", engine.ReasonDelayed, engine.ReasonMaintenance, engine.ReasonMaintenanceOver)
}

func TestAMaintenanceThatIsTakenAwayIsNotWaitedForByWhoHadNotSeenThat(t *testing.T) {
	// A tick ends a delay, sees the maintenance, and commits after somebody began to take it away.
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Delay: map[engine.Severity]time.Duration{engine.Critical: time.Hour}})
	h.told()
	m := h.workedOn("bitbucket")
	tick, err := h.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tick.Rollback(t.Context())
	for _, sql := range []string{`update incident set deadline = clock_timestamp() + interval '10 hours'`,
		`update escalation set wait_for = 'maintenance', wait_until = clock_timestamp() + interval '10 hours'`} {
		if _, err := tick.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	gone := make(chan error, 1)
	go func() {
		gone <- enginedb.New(h.db).DeleteMaintenance(t.Context(), "bitbucket", m.ID, m.Version)
	}()
	for ask[int](h, `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 0 {
		select {
		case err := <-gone:
			t.Fatalf("it did not wait for the tick: %v", err)
		default:
		}
	}
	if err := tick.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 1)
}

func TestWhoWouldBePagedSaysWhatElseToKnow(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) { sendBy(c, notifiers.Voice, nil) })
	h.noise(engine.Noise{Return: engine.Return{Within: 10 * time.Minute}})
	remarks := func(a engine.Alert) string {
		t.Helper()
		a.Severity, a.Summary = engine.Critical, "x"
		f, err := h.Foretell(t.Context(), a, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if f.Incident.OpenedAt.Nanosecond() != 0 {
			t.Errorf("it comes at %v, which is no full second", f.Incident.OpenedAt)
		}
		return strings.Join(f.Remarks, "\n")
	}
	const unsendable = "Ann has a contact of channel voice, but no provider of it is configured: nothing is sent there."
	if got := remarks(engine.Alert{Service: "bitbucket"}); strings.Count(got, unsendable) != 1 || strings.Contains(got, "\n") {
		t.Errorf("it remarks %q", got)
	}
	if got := remarks(engine.Alert{Service: "bitbuckett"}); got != `Service "bitbuckett" is not known: paging the catch-all roster.` {
		t.Errorf("of an unknown service it remarks %q", got)
	}
	h.told()
	h.told(over)
	if got := remarks(engine.Alert{Service: "bitbucket", DedupKey: "db-1"}); !strings.HasPrefix(got, "HOT-1 is over, but not for long: it would be opened again") {
		t.Errorf("of what comes back it remarks %q", got)
	}
	m := h.workedOn("bitbucket")
	want := "The service is being worked on: paging waits for the end of the maintenance: new disks, " + m.To.UTC().Format("2006-01-02 15:04 MST") + "."
	if got := remarks(engine.Alert{Service: "bitbucket"}); !strings.Contains(got, want) || strings.Count(got, "worked on") != 1 {
		t.Errorf("in a maintenance it remarks %q, want %q", got, want)
	}
	h.rules(engine.Rule{ID: "broken", When: `int(summary) > 1`})
	if got := remarks(engine.Alert{Service: "bitbucket"}); !strings.Contains(got, "Rule broken failed") {
		t.Errorf("of a rule that fails it remarks %q", got)
	}
}
