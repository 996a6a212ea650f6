package pager_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/rosters"
)

// noise has the house's service keep quiet about something.
func (h *house) noise(n engine.Noise) {
	h.t.Helper()
	if err := enginedb.New(h.db).UpdateService(h.t.Context(), engine.Service{ID: "bitbucket", Name: "Bitbucket", Policy: "bitbucket", Noise: n}, enginedb.AnyVersion); err != nil {
		h.t.Fatal(err)
	}
}

// told brings an alert of the house's service, with changes.
func (h *house) told(changes ...func(*engine.Alert)) pager.Received {
	h.t.Helper()
	a := engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Summary: "Pushes fail", DedupKey: "db-1", Source: "test"}
	for _, change := range changes {
		change(&a)
	}
	r, err := h.Receive(h.t.Context(), a)
	if err != nil {
		h.t.Fatalf("an alert was not accepted: %v", err)
	}
	return r
}

// over is the source's word that a trouble is over.
func over(a *engine.Alert) { a.Action = engine.Resolve }

func keyed(dedup string) func(*engine.Alert) { return func(a *engine.Alert) { a.DedupKey = dedup } }

func from(service engine.ServiceID) func(*engine.Alert) {
	return func(a *engine.Alert) { a.Service = service }
}

func labelled(name, value string) func(*engine.Alert) {
	return func(a *engine.Alert) { a.Labels = map[string]string{name: value} }
}

func (h *house) want(what string, got pager.Received, outcome pager.ReceiveOutcome, key engine.Key) {
	h.t.Helper()
	if got.Outcome != outcome || got.Key != key {
		h.t.Errorf("%s was answered %+v, want %s %s", what, got, key, outcome)
	}
}

// wantReasons says that an incident's timeline gives them.
func (h *house) wantReasons(key engine.Key, want ...engine.Reason) {
	h.t.Helper()
	got := h.reasons(key)
	for _, r := range want {
		if !slices.Contains(got, r) {
			h.t.Errorf("the timeline of %s says %q, and not %q", key, got, r)
		}
	}
}

func TestAnAlertToldTwiceWithOneIDCountsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	once := func(a *engine.Alert) { a.Once, a.DedupKey = "jira:1:abc", "" }
	h.want("the first", h.told(once), pager.Opened, "HOT-1")
	h.want("the same again", h.told(once), pager.Repeated, "HOT-1")
	if n := ask[int](h, `select count(*) from incident`); n != 1 {
		t.Errorf("%d incidents are open", n)
	}
	results := make(chan pager.Received, 16)
	for range cap(results) { // as a sender that does not wait for its answer
		go func() { results <- h.told(func(a *engine.Alert) { a.Once, a.DedupKey = "jira:1:def", "" }) }()
	}
	opened := 0
	for range cap(results) {
		if r := <-results; r.Outcome == pager.Opened {
			opened++
		} else if r.Outcome != pager.Repeated {
			t.Errorf("one was answered %+v", r)
		}
	}
	if opened != 1 {
		t.Errorf("%d incidents were opened", opened)
	}
}

func TestADelayGivesTheSourceTimeToSayThatItIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Delay: map[engine.Severity]time.Duration{engine.Critical: 3 * time.Minute}})
	h.want("an alert", h.told(), pager.Opened, "HOT-1")
	h.want("its end", h.told(over), pager.Closed, "HOT-1")
	h.want("another", h.told(keyed("db-2")), pager.Opened, "HOT-2")
	h.MoveClock(3*time.Minute + time.Second)
	if m := h.phones.expect(t, "ann", 1); m.Key != "HOT-2" {
		t.Errorf("Ann was paged for %s", m.Key)
	}
	if inc := h.incident("HOT-1"); inc.PageN != 0 || inc.Status != engine.Resolved {
		t.Errorf("HOT-1 is %s, with %d pages", inc.Status, inc.PageN)
	}
	h.wantReasons("HOT-1", engine.ReasonDelayed, engine.ReasonResolved)
	h.wantReasons("HOT-2", engine.ReasonDelayed, engine.ReasonDelayOver)
}

func TestWhatComesBackSoonIsOpenedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Return: engine.Return{Within: 10 * time.Minute}})
	h.told()
	h.phones.expect(t, "ann", 1)
	h.want("its end", h.told(over), pager.Closed, "HOT-1")
	h.MoveClock(5 * time.Minute)
	h.want("its return", h.told(), pager.Reopened, "HOT-1")
	if m := h.phones.expect(t, "ann", 2); m.Key != "HOT-1" || m.Reason != "came back, 1st time" {
		t.Errorf("Ann's second push says %+v", m)
	}
	h.want("the second end", h.told(over), pager.Closed, "HOT-1")
	h.MoveClock(11 * time.Minute)
	h.want("a late return", h.told(), pager.Opened, "HOT-2")
}

func TestWhatFlapsPagesOnceMoreAndIsOverWhenItStaysCalm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Return: engine.Return{Within: 10 * time.Minute, Once: true}})
	h.told()
	h.phones.expect(t, "ann", 1)
	h.told(over)
	for i := range 3 {
		h.MoveClock(time.Minute)
		outcome := pager.Joined
		if i == 0 {
			outcome = pager.Reopened
		}
		h.want("a return", h.told(), outcome, "HOT-1")
		r := h.told(over)
		h.want("an end", r, pager.Noted, "HOT-1")
		if !strings.HasPrefix(r.Why, "it comes and goes: the incident closes if it stays calm until ") {
			t.Errorf("the source hears %q", r.Why)
		}
	}
	if inc := h.incident("HOT-1"); inc.Status == engine.Resolved || inc.ReturnN != 3 {
		t.Errorf("HOT-1 is %s after %d returns", inc.Status, inc.ReturnN)
	}
	h.MoveClock(10*time.Minute + time.Second)
	h.eventually("HOT-1", "resolved", func(inc engine.Incident) bool { return inc.Status == engine.Resolved })
}

func TestAlertsOfOneClusterAreOneIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: engine.Grouping{By: []string{"cluster"}, Within: time.Hour}})
	prod := labelled("cluster", "prod")
	h.want("the first", h.told(keyed("db-1"), prod), pager.Opened, "HOT-1")
	h.want("the second", h.told(keyed("db-2"), prod), pager.Joined, "HOT-1")
	h.want("the first again", h.told(keyed("db-1"), prod), pager.Joined, "HOT-1")
	h.want("one of another cluster", h.told(keyed("db-3"), labelled("cluster", "test")), pager.Opened, "HOT-2")
	r := h.told(keyed("db-1"), over)
	h.want("the first's end", r, pager.Noted, "HOT-1")
	if r.Why != "others of its group go on" {
		t.Errorf("the source hears %q", r.Why)
	}
	if inc := h.incident("HOT-1"); inc.Status == engine.Resolved || inc.PageN != 1 {
		t.Errorf("HOT-1 is %s, with %d pages", inc.Status, inc.PageN)
	}
	h.want("the second's end", h.told(keyed("db-2"), over), pager.Closed, "HOT-1")
	if inc := h.incident("HOT-1"); inc.Status != engine.Resolved {
		t.Errorf("HOT-1 is %s", inc.Status)
	}
	h.wantReasons("HOT-1", engine.ReasonGrouped, engine.ReasonEased, engine.ReasonResolved)
	h.want("a third, when that is over", h.told(keyed("db-4"), prod), pager.Opened, "HOT-3")
	h.MoveClock(time.Hour + time.Second)
	h.want("a fourth, after an hour", h.told(keyed("db-5"), prod), pager.Opened, "HOT-4")
	h.want("the third once more", h.told(keyed("db-4"), prod), pager.Joined, "HOT-3")
}

func TestManySendersOfOneGroupOpenOneIncident(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{Grouping: engine.Grouping{Within: time.Hour}})
	second := h.node("node-b")
	keys := make(chan engine.Key, 64)
	for i := range cap(keys) {
		node := h.Pager
		if i%2 == 0 {
			node = second
		}
		go func() {
			r, err := node.Receive(t.Context(), engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Summary: "x",
				DedupKey: fmt.Sprint("db-", i), Source: "test"})
			if err != nil {
				t.Error(err)
			}
			keys <- r.Key
		}()
	}
	for range cap(keys) {
		if k := <-keys; k != "HOT-1" {
			t.Errorf("a sender was told %s", k)
		}
	}
	if inc := h.incident("HOT-1"); inc.AlertN != cap(keys) {
		t.Errorf("HOT-1 counts %d alerts, want %d", inc.AlertN, cap(keys))
	}
}

func TestAServiceThatClosesByItselfDoesSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.noise(engine.Noise{AutoClose: 4 * time.Hour})
	h.told()
	h.phones.expect(t, "ann", 1)
	h.MoveClock(4*time.Hour + time.Second)
	h.eventually("HOT-1", "closed", func(inc engine.Incident) bool { return inc.Status == engine.Resolved })
	h.wantReasons("HOT-1", engine.ReasonAutoClosed)
}

// maintain puts the house's service into maintenance.
func (h *house) maintain(for_ time.Duration, when string) enginedb.Maintenance {
	h.t.Helper()
	now := ask[time.Time](h, `select clock_timestamp()`).Add(h.Offset())
	m, err := enginedb.New(h.db).CreateMaintenance(h.t.Context(), engine.Maintenance{Service: "bitbucket", From: now, To: now.Add(for_), When: when, Reason: "new disks"})
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

func TestWhatStillBurnsPagesAtTheEndOfTheMaintenance(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.maintain(time.Hour, `labels.host == "db1"`)
	h.told(keyed("in-time"), labelled("host", "db1"))
	h.told(keyed("in-time"), over)
	h.want("what the maintenance is about", h.told(labelled("host", "db1")), pager.Opened, "HOT-2")
	h.want("what it is not about", h.told(keyed("other"), labelled("host", "db2")), pager.Opened, "HOT-3")
	if m := h.phones.expect(t, "ann", 1); m.Key != "HOT-3" {
		t.Errorf("Ann was paged for %s", m.Key)
	}
	h.MoveClock(time.Hour + time.Second)
	h.eventually("HOT-2", "paged", func(inc engine.Incident) bool { return inc.PageN > 0 })
	h.wantReasons("HOT-2", engine.ReasonMaintenance, engine.ReasonMaintenanceOver)
	if inc := h.incident("HOT-1"); inc.PageN != 0 {
		t.Errorf("HOT-1 was over in time, and paged %d times", inc.PageN)
	}
}

func TestAMaintenanceThatIsTakenAwayPagesWhatItHeldBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.maintain(10*time.Hour, "")
	h.told()
	longer := m.Maintenance
	longer.To = longer.To.Add(time.Hour)
	if err := enginedb.New(h.db).UpdateMaintenance(t.Context(), longer, m.Version); err != nil {
		t.Fatal(err)
	}
	h.eventually("HOT-1", "waiting for the new end", func(inc engine.Incident) bool {
		return inc.Escalations[0].WaitUntil.Equal(longer.To) && inc.PageN == 0
	})
	if err := enginedb.New(h.db).DeleteMaintenance(t.Context(), "bitbucket", m.ID, m.Version+1); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 1)
}

// rules replaces the rules for all alerts.
func (h *house) rules(rules ...engine.Rule) {
	h.t.Helper()
	if err := enginedb.New(h.db).ReplaceRules(h.t.Context(), "", rules, enginedb.AnyVersion); err != nil {
		h.t.Fatal(err)
	}
}

func TestTheFirstRuleThatMatchesSendsAnAlertElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	second := h.node("node-b")
	h.rules(
		engine.Rule{ID: "off", When: `true`, Off: true, Severity: engine.Minor},
		engine.Rule{ID: "databases", When: `labels.tier == "db" && severity == 1`, Page: []rosters.RosterID{"dba"}},
		engine.Rule{ID: "nameless", When: `service == ""`, Service: "bitbucket"},
		engine.Rule{ID: "rest", When: `true`, Severity: engine.Major})
	h.want("an alert of no service", h.told(from("")), pager.Opened, "HOT-1")
	if inc := h.incident("HOT-1"); inc.Service != "bitbucket" || inc.Severity != engine.Critical {
		t.Errorf("HOT-1 is of %q, severity %d", inc.Service, inc.Severity)
	}
	h.rules() // the rule is gone, and its incident is found all the same
	r, err := second.Receive(t.Context(), engine.Alert{Action: engine.Resolve, Severity: engine.Critical, Summary: "x", DedupKey: "db-1", Source: "test"})
	if err != nil || r.Key != "HOT-1" || r.Outcome != pager.Closed {
		t.Errorf("the end was answered %+v, %v", r, err)
	}
	h.rules(engine.Rule{ID: "databases", When: `labels.tier == "db"`, Page: []rosters.RosterID{"dba"}})
	h.want("one of a database", h.told(labelled("tier", "db")), pager.Opened, "HOT-2")
	h.phones.expect(t, "+491700000003", 1) // Carl, the DBA
	h.wantReasons("HOT-2", engine.ReasonRule)
	if inc := h.incident("HOT-2"); len(inc.Escalations) != 2 || inc.Escalations[1].Ladder.Name != "dba" {
		t.Errorf("HOT-2 has %d escalations", len(inc.Escalations))
	}
}

func TestARuleThatFailsPagesTheCatchAllToo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(engine.Rule{ID: "broken", When: `int(summary) > 3`, Service: "nowhere"})
	h.told()
	h.phones.expect(t, "ann", 1)
	h.phones.expect(t, "dora", 1)
	h.wantReasons("HOT-1", engine.ReasonRuleFailed)
}

func TestARuleThatLeadsNowherePagesTheCatchAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(engine.Rule{ID: "lost", When: `true`, Service: "nowhere"})
	h.told()
	h.phones.expect(t, "dora", 1)
	h.wantReasons("HOT-1", engine.ReasonRule, engine.ReasonUnknownService)
}

func TestTheOperatorsWordsDecideHowBadItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := enginedb.New(h.db).ReplaceWords(t.Context(), engine.Words{"": {"p4": engine.Unpaged}, "zabbix": {"p4": 1}}, enginedb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	word := func(a *engine.Alert) { a.Word, a.Severity = "P-4", engine.Minor }
	if r := h.told(word); r.Outcome != pager.Noted || r.Key != "" {
		t.Errorf("a word that pages nobody was answered %+v", r)
	}
	if n := ask[int](h, `select count(*) from alert where incident is null and word = 'P-4'`); n != 1 {
		t.Errorf("%d alerts are kept", n)
	}
	h.want("zabbix's own", h.told(word, func(a *engine.Alert) { a.Source = "zabbix" }), pager.Opened, "HOT-1")
	if inc := h.incident("HOT-1"); inc.Severity != engine.Critical {
		t.Errorf("it has severity %d", inc.Severity)
	}
}

func TestSendersChangeAnIncidentThatIsOpen(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.told()
	h.phones.expect(t, "ann", 1)
	act := func(action engine.Action, change func(*engine.Alert)) pager.Received {
		return h.told(func(a *engine.Alert) { a.Action = action; change(a) })
	}
	nothing := func(*engine.Alert) {}
	if r := act(engine.Acknowledge, nothing); r.Outcome != pager.Noted {
		t.Errorf("an acknowledgement by a machine was answered %+v", r)
	}
	h.want("a comment", act(engine.Comment, func(a *engine.Alert) { a.By, a.Note = "Ann", "I look" }), pager.Amended, "HOT-1")
	h.want("a call for the DBA", act(engine.PageMore, func(a *engine.Alert) {
		a.Responders = []engine.Responder{{Kind: "schedule", Name: "DBA"}, {Kind: "user", Name: "nobody@example.com"}}
	}), pager.Amended, "HOT-1")
	h.phones.expect(t, "+491700000003", 1)
	h.want("a snooze", act(engine.Snooze, func(a *engine.Alert) { a.By, a.Until = "ann@example.com", time.Now().Add(2*time.Hour) }), pager.Answered, "HOT-1")
	if e := h.incident("HOT-1").Escalations[0]; e.Holder != "ann" || e.AckUntil.Sub(time.Now()) < time.Hour {
		t.Errorf("%s holds it until %s", e.Holder, e.AckUntil)
	}
	h.want("its end", act(engine.Unacknowledge, func(a *engine.Alert) { a.By = "zabbix" }), pager.Amended, "HOT-1")
	h.want("an escalation", act(engine.Escalate, nothing), pager.Amended, "HOT-1")
	h.phones.expect(t, "+491700000002", 1) // Bob, of the second level
	h.want("news", act(engine.Amend, func(a *engine.Alert) { a.Summary = "All pushes fail" }), pager.Amended, "HOT-1")
	h.wantReasons("HOT-1", engine.ReasonSourceSays, engine.ReasonActivity, engine.ReasonPagedIn, engine.ReasonResponders, engine.ReasonSnoozed,
		engine.ReasonReleased, engine.ReasonEscalated)
	h.want("a comment that names the incident", act(engine.Comment, func(a *engine.Alert) { a.DedupKey, a.Incident, a.Note = "HOT-1", "HOT-1", "still" }), pager.Amended, "HOT-1")
	if r := act(engine.Comment, func(a *engine.Alert) { a.DedupKey, a.Incident, a.Service = "HOT-1", "HOT-1", "other" }); r.Outcome != pager.Noted {
		t.Errorf("a comment of another service was answered %+v", r)
	}
	if r := act(engine.Record, func(a *engine.Alert) { a.DedupKey = "" }); r.Outcome != pager.Noted || r.Key != "" {
		t.Errorf("a record was answered %+v", r)
	}
}

func TestRespondersThatTheSenderNamesArePagedFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.told(func(a *engine.Alert) {
		a.Responders = []engine.Responder{{Kind: "user", Name: "Bob"}, {Kind: "team", Name: "nobody"}}
	})
	h.phones.expect(t, "+491700000002", 1)
	inc := h.incident("HOT-1")
	if levels := inc.Escalations[0].Ladder.Levels; len(levels) != 4 || levels[0].Targets[0].Person != "bob" {
		t.Errorf("the ladder is %+v", levels)
	}
}

func TestWhoWouldBePagedIsToldByTheSameSteps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(engine.Rule{ID: "databases", When: `labels.tier == "db"`, Page: []rosters.RosterID{"dba"}})
	at := time.Date(2026, 12, 25, 3, 0, 0, 0, time.UTC)
	f, err := h.Foretell(t.Context(), engine.Alert{Service: "bitbucket", Severity: engine.Critical, Summary: "x", Labels: map[string]string{"tier": "db"}}, at)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range f.Pages {
		line := fmt.Sprintf("+%s %s level %d:", p.At.Sub(at), p.Person, p.Level+1)
		for _, c := range p.Contacts {
			line += fmt.Sprintf(" %s+%s", c.Channel, c.At.Sub(at))
		}
		got = append(got, line)
	}
	want := []string{"+0s ann level 1: push+0s sms+1m0s voice+2m0s", "+0s carl level 1: voice+0s", "+5m0s bob level 2: sms+5m0s", "+5m0s dora level 2: push+5m0s", "+10m0s dora level 3: push+10m0s", "+10m0s carl level 1: voice+10m0s"}
	if !slices.Equal(got, want) || f.PolicyID != "bitbucket" || !f.Again.Equal(at.Add(15*time.Minute)) {
		t.Errorf("got %q, policy %s, again at %s", got, f.PolicyID, f.Again)
	}
	if n := ask[int](h, `select count(*) from incident`); n != 0 {
		t.Errorf("%d incidents were opened by asking", n)
	}
	// Severity 3 at night waits for the morning.
	if f, err = h.Foretell(t.Context(), engine.Alert{Service: "bitbucket", Severity: engine.Minor, Summary: "x"}, at.AddDate(0, 0, 1)); err != nil || len(f.Pages) == 0 ||
		!f.Pages[0].At.Equal(time.Date(2026, 12, 28, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("severity 3: %+v, %v", f.Pages, err)
	}
}

func TestWhoeverIsOnCallIsToldOnceOfAMaintenance(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tell := func() {
		t.Helper()
		if err := h.TellMaintenanceNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.maintain(time.Hour, "")
	tell()
	tell()
	if n := ask[string](h, `select string_agg(person, ',' order by person) from notice where kind = 'maintenance'`); n != "ann,bob" {
		t.Errorf("%s were told", n)
	}
	text := ask[string](h, `select text from notice where kind = 'maintenance' and person = 'ann'`)
	if !strings.HasPrefix(text, "Bitbucket is being worked on (new disks). Its alerts page nobody until ") || !strings.Contains(text, " CE") {
		t.Errorf("Ann is told %q", text)
	}
	h.exec(`delete from policy_target`) // nobody stands on the ladder
	h.exec(`delete from notice`)
	tell()
	if n := ask[string](h, `select string_agg(person, ',' order by person) from notice`); n != "dora" {
		t.Errorf("%s were told", n)
	}
}
