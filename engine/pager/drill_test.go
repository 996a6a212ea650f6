package pager_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// drill begins one of a person.
func (h *house) drill(who rosters.PersonID) enginedb.Drill {
	h.t.Helper()
	started, refused, err := h.StartDrills(h.t.Context(), pager.Drilling{Person: who, By: "carl"})
	if err != nil || len(started) != 1 {
		h.t.Fatalf("a drill of %s: began %v, refused %v, error %v", who, started, refused, err)
	}
	return started[0]
}

// showed is a drill as it is stored.
func (h *house) showed(key engine.Key) enginedb.Drill {
	h.t.Helper()
	d, err := enginedb.New(h.db).Drill(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// over waits for the end of a drill.
func (h *house) over(key engine.Key) (d enginedb.Drill) {
	h.t.Helper()
	h.until(string(key)+" is over", func() bool { d = h.showed(key); return !d.EndedAt.IsZero() })
	return d
}

// drills are those of the house, the newest first.
func (h *house) drills() []enginedb.Drill {
	h.t.Helper()
	list, _, err := enginedb.New(h.db).Drills(h.t.Context(), enginedb.DrillFilter{})
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// keep does what a node does about drills each minute.
func (h *house) keep(on *pager.Pager) {
	h.t.Helper()
	if err := on.KeepDrillsNow(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// Rule 19: a drill goes the way of every page, and any way to answer answers it.
func TestADrillIsPassedByATextsCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("bob")
	m := h.phones.expect(t, bobsNumber, 1)
	if text := notifiers.SMSText(m); d.Key != "TEST-1" || !strings.HasPrefix(text, "TEST-1 SEV2 TEST: no trouble.") || notifiers.Segments(text) != 1 ||
		strings.Contains(text, "drill") {
		t.Errorf("Bob got %q of %s", text, d.Key)
	}
	h.MoveClock(14 * time.Second)
	reply, err := h.Acknowledge(t.Context(), pager.From{Number: bobsNumber, Code: m.Code}, "sms")
	if err != nil || reply.Outcome != engine.OutcomeDrilled {
		t.Fatalf("his code did %+v, %v", reply, err)
	}
	got := h.showed(d.Key)
	if got.Result != enginedb.DrillPassed || got.Channel != "sms" || got.AnsweredAfter < 14*time.Second || got.AnsweredAfter > 2*time.Minute || got.EndedAt.IsZero() {
		t.Errorf("it showed %+v", got)
	}
	h.wantStatus(d.Key, engine.Resolved)
	last, err := enginedb.New(h.db).LastDrills(t.Context(), nil)
	if err != nil || last["bob"].Key != d.Key || len(last) != 1 {
		t.Errorf("the last drills are %+v, %v", last, err)
	}
}

func TestADrillThatIsDeclinedIsPassed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("ann")
	h.phones.expect(t, "ann", 1)
	if _, err := h.Decline(t.Context(), pager.From{Key: d.Key, Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	if got := h.showed(d.Key); got.Result != enginedb.DrillDeclined || !got.Result.Passed() || got.Channel != "rest" {
		t.Errorf("it showed %+v", got)
	}
}

// Rule 19: it fails at its end, whichever node is left to see that, and pages nobody else.
func TestADrillThatNobodyAnswersFailsThoughItsNodeDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("ann")
	h.phones.expect(t, "ann", 1)
	if err := h.CutOff(t.Context()); err != nil { // it sweeps no more
		t.Fatal(err)
	}
	h.Pager = h.node("node-b")
	h.MoveClock(time.Minute)
	h.phones.expect(t, annsNumber, 1)
	h.MoveClock(4 * time.Minute)
	got := h.over(d.Key)
	if got.Result != enginedb.DrillFailed || got.AnsweredAfter != 0 || got.Why != "Drill failed. No answer within 5m." {
		t.Errorf("it showed %+v", got)
	}
	h.wantStatus(d.Key, engine.Resolved)
	for _, other := range []string{bobsNumber, "dora"} {
		if sent := h.phones.sentTo(other); len(sent) > 0 {
			t.Errorf("%s was sent %v", other, sent)
		}
	}
}

func TestADrillOfSomebodyWithoutAContactFailsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`delete from contact where person = 'bob'`)
	if got := h.showed(h.drill("bob").Key); got.Result != enginedb.DrillFailed || !strings.Contains(got.Why, "No contact of Bob works") {
		t.Errorf("it showed %+v", got)
	}
}

// One per person at a time, however many ask for it at once.
func TestASecondDrillOfAPersonIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var mu sync.Mutex
	var began, refused int
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			yes, no, err := h.StartDrills(t.Context(), pager.Drilling{Roster: "bitbucket-im", By: "carl"})
			mu.Lock()
			defer mu.Unlock()
			if began, refused = began+len(yes), refused+len(no); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if began != 1 || refused != 7 {
		t.Errorf("%d began and %d were refused", began, refused)
	}
	_, no, err := h.StartDrills(t.Context(), pager.Drilling{Person: "ann"})
	if err != nil || len(no) != 1 || no[0].Key != h.drills()[0].Key || !strings.Contains(no[0].Why, "is under way until") {
		t.Errorf("the next is refused with %+v, %v", no, err)
	}
	if _, _, err := h.StartDrills(t.Context(), pager.Drilling{Person: "zoe"}); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
	if _, _, err := h.StartDrills(t.Context(), pager.Drilling{Roster: "nobodys"}); !errors.Is(err, pager.ErrNotFound) {
		t.Errorf("of no roster: %v", err)
	}
}

// Rule 12: a drill is never in the way of a page.
func TestAPageStopsTheDrillOfItsPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("ann")
	first := h.phones.expect(t, "ann", 1)
	real := h.alert("db-1").Key
	if m := h.phones.expect(t, "ann", 2); m.Key != string(real) || len(m.Also) > 0 {
		t.Errorf("the page says %v", keys(m))
	}
	h.keep(h.Pager)
	if got := h.showed(d.Key); got.Result != enginedb.DrillStopped || !strings.Contains(got.Why, string(real)+" came") {
		t.Errorf("the drill showed %+v", got)
	}
	token := strings.TrimSuffix(strings.TrimPrefix(first.AckURL, "https://rouse.test/a/"), "/ack")
	if _, err := h.Acknowledge(t.Context(), pager.From{Token: token}, "button"); err != nil {
		t.Fatal(err)
	}
	h.wantStatus(real, engine.New) // the drill's button is no answer to it
	_, no, err := h.StartDrills(t.Context(), pager.Drilling{Person: "ann"})
	if err != nil || len(no) != 1 || no[0].Key != real {
		t.Errorf("while Ann is paged a drill is refused with %+v, %v", no, err)
	}
}

// Rule 12: what waits for an address never tells a drill and a page in one message, whose answer would be for both;
// and the page goes first.
func TestADrillIsNeverBundledWithAPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stopQueue() // so that both wait for the sweeper
	d := h.drill("ann")
	r, err := h.Receive(t.Context(), of(func(a *engine.Alert) { a.Severity = engine.Major })) // no worse, and later
	if err != nil {
		t.Fatal(err)
	}
	real := r.Key
	h.phones.expectTold(t, "ann", 2)
	for i, m := range h.phones.sentTo("ann") {
		if want := []engine.Key{real, d.Key}[min(i, 1)]; len(m.Also) > 0 || m.Key != string(want) {
			t.Errorf("message %d tells of %v, want %s alone", i+1, keys(m), want)
		}
	}
}

// Rule 12: a drill takes no room from pages: the next three messages go out at once, as ever.
func TestADrillTakesNoRoomFromPages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`update contact set channel = 'push', address = 'ann', after = interval '1 ms' * id where person = 'ann'`)
	h.drill("ann")
	h.phones.expect(t, "ann", 3)
	h.exec(`update contact set after = '0' where person = 'ann' and id = (select min(id) from contact where person = 'ann')`)
	h.exec(`delete from contact where person = 'ann' and id <> (select min(id) from contact where person = 'ann')`)
	key := h.alert("db-1").Key
	jobs := ask[int](h, `select count(*) from river.river_job where kind = 'send' and args->>'incident' = (select id::text from incident where key = $1)`, key)
	if jobs != 1 {
		t.Errorf("the page is left to the sweeper: %d jobs", jobs)
	}
}

// Drills are no incidents to whoever looks after those.
func TestADrillIsInNoListOfIncidents(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.drill("ann")
	db := enginedb.New(h.db)
	if list, _, err := db.Incidents(t.Context(), enginedb.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("incidents: %v, %v", list, err)
	}
	if list, _, err := db.Incidents(t.Context(), enginedb.Filter{Drills: true}); err != nil || len(list) != 1 {
		t.Errorf("with drills: %v, %v", list, err)
	}
	if n, err := db.CountByStatus(t.Context()); err != nil || n[engine.New] != 0 {
		t.Errorf("counted are %v, %v", n, err)
	}
	if open, err := db.OpenIncidents(t.Context(), 10); err != nil || len(open) != 0 {
		t.Errorf("handed over are %v, %v", open, err)
	}
	if err := db.OpenPosts(t.Context(), "slack", map[engine.ServiceID]string{"": "#all"}, 0); err != nil || ask[int](h, `select count(*) from post`) != 0 {
		t.Errorf("it is posted, %v", err)
	}
}

func TestNobodyElseIsPagedIntoADrill(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("ann")
	if _, err := h.PageIn(t.Context(), d.Key, pager.PageIn{Target: engine.Target{Roster: "dba"}}); !errors.Is(err, pager.ErrDrill) {
		t.Errorf("paging in the DBA: %v", err)
	}
	if err := h.SetSeverity(t.Context(), d.Key, engine.Critical, "bob", ""); !errors.Is(err, pager.ErrDrill) {
		t.Errorf("another severity: %v", err)
	}
}

// A release that knows no drills may have ended one: it showed nothing, and is in nobody's way.
func TestADrillThatAnOlderReleaseEndedIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("ann")
	h.exec(`update incident set status = 'resolved', ended_at = now(), deadline = null where key = $1`, d.Key)
	h.exec(`update page set state = 'covered' where person = 'ann'`)
	h.keep(h.Pager)
	if got := h.showed(d.Key); got.Result != enginedb.DrillStopped || got.EndedAt.IsZero() {
		t.Errorf("it showed %+v", got)
	}
	h.drill("ann")
}

// "ack all" answers a drill as well.
func TestAckAllPassesADrill(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := h.drill("bob")
	h.phones.expect(t, bobsNumber, 1)
	if _, err := h.Acknowledge(t.Context(), pager.From{Number: bobsNumber, All: true}, "sms"); err != nil {
		t.Fatal(err)
	}
	if got := h.showed(d.Key); got.Result != enginedb.DrillPassed {
		t.Errorf("it showed %+v", got)
	}
}

// wantsDrills has the catch-all roster want a drill so long before each shift.
func (h *house) wantsDrills(before time.Duration) {
	h.t.Helper()
	if err := enginedb.New(h.db).SetRosterDrill(h.t.Context(), "imoc", before); err != nil {
		h.t.Fatal(err)
	}
}

func TestWhoComesOnCallIsDrilledOnceBeforeTheShift(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(3*time.Hour, rosters.Handoff{})
	h.noonIs("ann", at)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 0 {
		t.Fatalf("unasked there is a drill %+v", list)
	}
	h.wantsDrills(2 * time.Hour)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 0 {
		t.Fatalf("three hours before there is a drill %+v", list)
	}
	h.MoveClock(61 * time.Minute)
	second := h.node("node-b")
	second.MoveClock(61 * time.Minute)
	var both sync.WaitGroup
	for _, node := range []*pager.Pager{h.Pager, second} {
		both.Go(func() { h.keep(node) })
	}
	both.Wait()
	list := h.drills()
	if len(list) != 1 || list[0].Person != "ann" || list[0].Roster != "imoc" || !list[0].Shift.Equal(at) || list[0].StartedBy != "" {
		t.Fatalf("the drills are %+v", list)
	}
	h.phones.expect(t, "ann", 1)
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: list[0].Key, Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 1 {
		t.Errorf("once is %d times", len(list))
	}
}

func TestWhoWasReachedWithinAWeekIsNotDrilledBeforeTheShift(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(time.Hour, rosters.Handoff{})
	h.noonIs("ann", at)
	d := h.drill("ann")
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: d.Key, Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	h.wantsDrills(2 * time.Hour)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 1 {
		t.Fatalf("the drills are %+v", list)
	}
	h.exec(`update drill set at = at - interval '8 days'`)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 2 {
		t.Errorf("eight days after the last there are %d", len(list))
	}
}

// A shift that begins at night has its drill in the evening before.
func TestNobodyIsDrilledAtNight(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(7*time.Hour+30*time.Minute, rosters.Handoff{})
	h.noonIs("ann", at.Add(10*time.Hour)) // it begins at two, and now it is half past six in the evening, or later
	h.wantsDrills(time.Hour)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 0 {
		t.Fatalf("too early: %+v", list)
	}
	h.MoveClock(4 * time.Hour)
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 0 {
		t.Fatalf("at night: %+v", list)
	}
}

func TestAShiftAtNightIsDrilledInTheEveningBefore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(8*time.Hour+30*time.Minute, rosters.Handoff{})
	zone := h.noonIs("ann", at.Add(9*time.Hour)) // it begins at three
	h.wantsDrills(time.Hour)
	evening := time.Date(at.In(zone).Year(), at.In(zone).Month(), at.In(zone).Day()-1, 19, 55, 0, 0, zone)
	h.MoveClock(evening.Sub(ask[time.Time](h, `select clock_timestamp()`)))
	h.keep(h.Pager)
	if list := h.drills(); len(list) != 1 || !list[0].Shift.Equal(at) {
		t.Errorf("the drills are %+v", list)
	}
}
