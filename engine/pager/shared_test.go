package pager_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// of is an alert of the house's service, with changes.
func of(changes ...func(*engine.Alert)) engine.Alert {
	a := trouble("bitbucket", "db-1")
	a.Action, a.Source = engine.Trigger, "test"
	for _, change := range changes {
		change(&a)
	}
	return a
}

func (h *house) wantStatus(key engine.Key, want engine.Status) {
	h.t.Helper()
	if inc := h.incident(key); inc.Status != want {
		h.t.Errorf("%s is %s, want %s", key, inc.Status, want)
	}
}

var hourly = engine.Grouping{Within: time.Hour}

// Rule 1: of an alert that is told twice, the second is accepted only once one of them is stored.
func TestWhatIsToldTwiceAtOnceIsAcceptedWhenItIsStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	unlock := h.lock(`select from incident where key = 'HOT-1' for update`)
	gone, cancel := context.WithCancel(t.Context())
	cancel() // the first sender hung up, as a spool that keeps the alert on disk does
	end := of(over, func(a *engine.Alert) { a.Once = "spool:1" })
	answers := h.ReceiveTogether([]context.Context{gone, t.Context()}, end, end)
	if r, err := answers[0](); err == nil {
		t.Errorf("the first was answered %+v", r)
	}
	h.untilWaiting(1)
	unlock()
	r, err := answers[1]()
	if err != nil {
		t.Fatal(err)
	}
	h.want("the second", r, pager.Closed, "HOT-1")
	h.wantStatus("HOT-1", engine.Resolved)
}

// wantAnswers checks what became of alerts about HOT-1 that came together.
func (h *house) wantAnswers(about string, answers []func() (pager.Received, error), outcomes ...pager.ReceiveOutcome) {
	h.t.Helper()
	for i, outcome := range outcomes {
		r, err := answers[i]()
		if err != nil {
			h.t.Fatal(err)
		}
		h.want(about, r, outcome, "HOT-1")
	}
}

func TestTheEndOfWhatJoinedAGroupAtTheSameMomentIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	answers := h.ReceiveTogether(nil, of(keyed("db-2")), of(keyed("db-2"), over))
	h.wantAnswers("db-2", answers, pager.Joined, pager.Noted)
	h.told(over)
	h.wantStatus("HOT-1", engine.Resolved)
}

func TestTheEndOfWhatCameBackAtTheSameMomentIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Return: engine.Return{Within: time.Hour}})
	h.told()
	h.told(over)
	answers := h.ReceiveTogether(nil, of(), of(over))
	h.wantAnswers("db-1", answers, pager.Reopened, pager.Closed)
	h.wantStatus("HOT-1", engine.Resolved)
}

// The beginning waits for an incident that somebody else has; its end waits behind it, and does not find nothing to end.
func TestTheEndOfWhatHadToWaitIsNotLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Return: engine.Return{Within: time.Hour}})
	h.told()
	h.told(over)
	unlock := h.lock(`select from incident where key = 'HOT-1' for update`)
	answers := h.ReceiveTogether(nil, of(), of(over))
	h.untilWaiting(1)
	unlock()
	h.wantAnswers("db-1", answers, pager.Reopened, pager.Closed)
	h.wantStatus("HOT-1", engine.Resolved)
}

// Rule 1: a group that another transaction has, and does not let go, is nobody else's trouble.
func TestAGroupThatIsHeldHoldsUpNoOtherAlert(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	unlock := h.lock(`select from incident where key = 'HOT-1' for update`)
	joins := h.ReceiveTogether(nil, of(keyed("db-2")))[0] // has the group, and waits for its incident
	h.untilWaiting(1)
	began := time.Now()
	answers := h.ReceiveTogether(nil, of(keyed("db-3")), trouble("other", "db-4"))
	if r, err := answers[1](); err != nil || r.Outcome != pager.Opened {
		t.Errorf("an alert of another service was answered %+v, %v", r, err)
	}
	h.inTime("an alert of another service", began)
	unlock()
	for _, answer := range []func() (pager.Received, error){joins, answers[0]} {
		r, err := answer()
		if err != nil {
			t.Fatal(err)
		}
		h.want("an alert of the group", r, pager.Joined, "HOT-1")
	}
}

// Rule 1: alerts of a group that is stuck leave the others their connections, also those that have to wait for
// something of their own.
func TestAStuckGroupLeavesOthersTheirConnections(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	requests := h.pool(10, nil)
	h.Pager = h.node("node-a", func(c *pager.Config) { c.Intake = requests })
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	h.want("another service's", h.told(from("other"), keyed("other-1")), pager.Opened, "HOT-2")
	unlock := h.lock(`select from incident where key = 'HOT-1' for update`)
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	defer senders.Wait()
	defer cancel()
	for i := range 40 {
		senders.Go(func() {
			for ctx.Err() == nil { // they try again, as senders do
				_, _ = h.Receive(ctx, of(keyed(fmt.Sprint("stuck-", i))))
			}
		})
	}
	h.until("the group's alerts wait", func() bool { return h.Waiting() >= 20 })
	release := h.lock(`select from incident where key = 'HOT-2' for update`)
	again := h.ReceiveTogether(nil, of(from("other"), keyed("other-1")))[0]
	h.untilWaiting(2)
	if n := requests.Stat().AcquiredConns(); n > 5 {
		t.Errorf("alerts that wait hold %d connections of 10", n)
	}
	began := time.Now()
	h.want("another trouble", h.told(from("other"), keyed("other-2")), pager.Opened, "HOT-3")
	release()
	r, err := again()
	if err != nil {
		t.Fatal(err)
	}
	h.want("what waited for its own incident", r, pager.Joined, "HOT-2")
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("others took %v while a group was stuck", d)
	}
	unlock()
}

// The source of an end may say nothing but the key.
func TestTheEndOfAPartIsToldByWhatThePartSaidFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	h.told(keyed("db-2"), func(a *engine.Alert) { a.Summary = "Disk full on db2" })
	h.told(keyed("db-2"), over, func(a *engine.Alert) { a.Summary = "" })
	lines := ask[[]string](h, `select array_agg(text order by id) from timeline where reason = 'part of the group is over'`)
	if want := `"Disk full on db2" is over; 1 alert of the group is not.`; !slices.Equal(lines, []string{want}) {
		t.Errorf("the timeline says %q, want %q", lines, want)
	}
}

// An alert without a key is never over by its source's word.
func TestAGroupIsNotOverWhileAnAlertWithoutAKeyIsInIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly, Delay: map[engine.Severity]time.Duration{engine.Critical: 3 * time.Minute}})
	h.told()
	h.want("one without a key", h.told(keyed("")), pager.Joined, "HOT-1")
	h.want("the other's end", h.told(over), pager.Noted, "HOT-1")
	h.wantStatus("HOT-1", engine.New)
	h.MoveClock(3*time.Minute + time.Second)
	h.phones.expect(t, "ann", 1)
}

func TestAGroupThatAPersonResolvedEndsWithWhatCameBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly, Return: engine.Return{Within: time.Hour}})
	h.told()
	h.told(keyed("db-2"))
	if err := h.Resolve(t.Context(), "HOT-1", "ann", "turned it off and on"); err != nil {
		t.Fatal(err)
	}
	if r := h.told(keyed("db-2"), over); r.Outcome != pager.Noted {
		t.Errorf("an end after the end was answered %+v", r)
	}
	h.want("its return", h.told(), pager.Reopened, "HOT-1")
	h.told(over)
	h.wantStatus("HOT-1", engine.Resolved)
}

// A sender that names the incident ends all of it.
func TestTheEndOfAnIncidentByItsKeyIsTheEndOfItsGroup(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	h.told(keyed("db-2"))
	h.want("the end", h.told(over, func(a *engine.Alert) { a.DedupKey, a.Incident = "HOT-1", "HOT-1" }), pager.Closed, "HOT-1")
	h.wantStatus("HOT-1", engine.Resolved)
}

func TestWhatAServiceHoldsBackPagesWhenItIsDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.maintain(10*time.Hour, "")
	h.told()
	if n := h.incident("HOT-1").PageN; n != 0 {
		t.Fatalf("it paged %d times in the maintenance", n)
	}
	if err := enginedb.New(h.db).DeleteService(t.Context(), "bitbucket", enginedb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 1)
}

// Whoever takes a maintenance away cannot see an incident that is being opened, which it holds back.
func TestAMaintenanceThatIsTakenAwayWhileItHoldsAnIncidentBack(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	decided, goOn := make(chan bool, 1), make(chan bool)
	h.Pager = h.node("node-a", func(c *pager.Config) {
		c.Reached = func(p pager.Point) {
			if p == pager.AlertDecided {
				decided <- true
				<-goOn
			}
		}
	})
	m := h.maintain(10*time.Hour, "")
	opened, deleted := make(chan pager.Received, 1), make(chan error, 1)
	go func() { opened <- h.told() }()
	await(h, "the decision", decided)
	go func() { deleted <- enginedb.New(h.db).DeleteMaintenance(t.Context(), "bitbucket", m.ID, m.Version) }()
	h.until("the deletion is done, or waits", func() bool {
		return len(deleted) > 0 || ask[bool](h, `select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`)
	})
	close(goOn)
	h.want("the alert", await(h, "its answer", opened), pager.Opened, "HOT-1")
	if err := await(h, "the deletion", deleted); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 1)
}

func TestARuleLeadsToAServiceWhoseTeamsRuleLeadsOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := rosterdb.New(h.db).CreateTeam(t.Context(), rosters.Team{ID: "dba", Name: "DBA"}); err != nil {
		t.Fatal(err)
	}
	db := enginedb.New(h.db)
	if err := db.CreatePolicy(t.Context(), engine.Policy{ID: "dba", Name: "DBA", Levels: []engine.Level{{Targets: []engine.Target{{Roster: "dba"}}, Wait: time.Minute}}}); err != nil {
		t.Fatal(err)
	}
	h.exec(`insert into service (id, name, policy, team) values ('postgres', 'Postgres', 'bitbucket', 'dba')`)
	h.exec(`insert into service (id, name, policy) values ('replica', 'Replica', 'dba')`)
	h.rules(engine.Rule{ID: "databases", When: `labels.tier == "db"`, Service: "postgres"})
	for i, to := range []engine.Rule{{Policy: "dba"}, {Service: "replica"}} {
		to.ID, to.When = "own", `true`
		if err := db.ReplaceRules(t.Context(), "dba", []engine.Rule{to}, enginedb.AnyVersion); err != nil {
			t.Fatal(err)
		}
		key := h.told(keyed(fmt.Sprint(i)), labelled("tier", "db")).Key
		if inc := h.incident(key); inc.Escalations[0].Ladder.Name != "dba" {
			t.Errorf("%s, of %s, is paged by %q: %q", key, inc.Service, inc.Escalations[0].Ladder.Name, h.reasons(key))
		}
	}
}

func TestWhatWouldJoinAGroupIsForetold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: hourly})
	h.told()
	f, err := h.Foretell(t.Context(), of(keyed("db-2")), time.Time{})
	if err != nil || f.Joins != "HOT-1" {
		t.Errorf("it would join %q, %v", f.Joins, err)
	}
}

// A bug that panics must not end the process: its sender tells the alert again, and all pages would end again.
func TestAPanicWhileAnAlertIsTakenInIsAnError(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) {
		c.Reached = func(p pager.Point) {
			if p == pager.AlertDecided {
				panic("a bug")
			}
		}
	})
	if _, err := h.Receive(t.Context(), of()); !pager.Refused(err) {
		t.Errorf("got %v", err)
	}
}

func TestWhateverASenderWritesIsStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.want("a name that is none", h.told(func(a *engine.Alert) { a.Responders = []engine.Responder{{Kind: "user", Name: "a\x00b\xff"}} }), pager.Opened, "HOT-1")
	long := func(end string) func(*engine.Alert) {
		return func(a *engine.Alert) { a.DedupKey, a.Once = end, fmt.Sprintf("%0300d%s", 1, end) }
	}
	h.want("one of a long id", h.told(long("a")), pager.Opened, "HOT-2")
	h.want("another, which begins alike", h.told(long("b")), pager.Opened, "HOT-3")
}
