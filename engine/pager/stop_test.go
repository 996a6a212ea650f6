package pager_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// teams makes n services t-0, t-1, … with a person of the same name each, who is paged by push; Eve stands
// behind all of them.
func (h *house) teams(n int) {
	h.t.Helper()
	people, admin := rosterdb.New(h.db), enginedb.New(h.db)
	must := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	person := func(name string) rosters.PersonID {
		must(people.CreatePerson(h.t.Context(), rosters.Person{ID: rosters.PersonID(name), Name: name, Zone: "UTC",
			Contacts: []rosters.Contact{{Channel: rosters.Push, Address: name}}}))
		return rosters.PersonID(name)
	}
	eve := person("eve")
	for i := range n {
		name := team(i)
		must(admin.CreatePolicy(h.t.Context(), engine.Policy{ID: engine.PolicyID(name), Name: name, Levels: []engine.Level{
			{Targets: []engine.Target{{Person: person(name)}}, Wait: 5 * time.Minute}, {Targets: []engine.Target{{Person: eve}}, Wait: time.Hour}}}))
		must(admin.CreateService(h.t.Context(), engine.Service{ID: engine.ServiceID(name), Name: name, Policy: engine.PolicyID(name)}))
	}
}

func team(i int) string { return fmt.Sprint("t-", i) }

// storm opens so many incidents, one team after the other, from eight senders, and says whose each is.
func (h *house) storm(incidents, teams int) map[string]string {
	h.t.Helper()
	var mu sync.Mutex
	var sending sync.WaitGroup
	whose := map[string]string{}
	for sender := range 8 {
		sending.Go(func() {
			for i := sender; i < incidents; i += 8 {
				r, err := h.Receive(h.t.Context(), engine.Alert{Service: engine.ServiceID(team(i % teams)), Severity: engine.Severity(1 + i%2), Summary: fmt.Sprint("Trouble ", i)})
				if err != nil {
					h.t.Error(err)
					return
				}
				mu.Lock()
				whose[string(r.Key)] = team(i % teams)
				mu.Unlock()
			}
		})
	}
	sending.Wait()
	return whose
}

// untilQuiet waits until nothing is to be sent any more.
func (h *house) untilQuiet() {
	h.t.Helper()
	h.until("nothing is to be sent any more", func() bool {
		return !ask[bool](h, `select exists (select from attempt where state in ('queued', 'sending'))`)
	})
}

// stop ends the node, as if for so long: whoever is started by restart then comes that much later. What
// was sent is forgotten.
func (h *house) stop() {
	h.t.Helper()
	if err := h.Stop(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	h.phones.got = nil
}

func later(by time.Duration) func(*pager.Config) { return func(c *pager.Config) { c.Offset = by } }

// R13, rule 18: Rouse is stopped for two hours with 300 incidents open.
func TestAfterALongStopEachPersonIsToldOnceOfAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const incidents, people = 300, 6
	h.teams(people)
	open := h.storm(incidents, people)
	h.untilQuiet()
	settled := 0
	for key := range open {
		switch settled++; {
		case settled <= 30:
			if err := h.Resolve(t.Context(), engine.Key(key), "bob", ""); err != nil {
				t.Fatal(err)
			}
			delete(open, key)
		case settled <= 60:
			h.bobAcknowledges(engine.Key(key))
			delete(open, key)
		}
	}
	h.stop()

	h.Pager = h.node("two hours later", later(2*time.Hour))

	h.until("all are told", func() bool { return h.toldOf(people) >= len(open) })
	h.untilQuiet()
	for i := range people {
		if n := len(h.phones.sentTo(team(i))); n != 1 {
			t.Errorf("%s got %d messages, want one", team(i), n)
		}
	}
	h.rightlyTold(open)
	if n := len(h.phones.all()); n != people {
		t.Errorf("%d messages went out, want %d", n, people)
	}
	if n := ask[int](h, `select count(*) from escalation where state = 'climbing' and (level <> 0 or round <> 1)`); n > 0 {
		t.Errorf("%d ladders moved on by the stop", n)
	}
	if n := ask[int](h, `select count(*) from incident where stopped_at is not null`); n > 0 {
		t.Errorf("%d incidents are still stopped", n)
	}
	if n := ask[int](h, `select count(*) from timeline where reason = 'level over' or reason = 'acknowledgement expired'`); n > 0 {
		t.Errorf("%d lines of timelines say that time was up", n)
	}

	h.MoveClock(5*time.Minute + 10*time.Second) // their time is up, for all of them
	h.phones.expectTold(t, "eve", len(open))
	h.untilQuiet()
	if n := len(h.phones.sentTo("eve")); n > 6 {
		t.Errorf("Eve got %d messages about the %d incidents of the second level", n, len(open))
	}
}

// toldOf counts the incidents that teams were told of.
func (h *house) toldOf(teams int) (n int) {
	for i := range teams {
		n += len(h.phones.told(team(i)))
	}
	return n
}

// rightlyTold complains of everybody who was not told, or not once, of what is theirs, or of something else.
func (h *house) rightlyTold(whose map[string]string) {
	h.t.Helper()
	told := map[string]int{}
	for i := range len(whose) {
		for key, n := range h.phones.told(team(i)) {
			if told[key] += n; whose[key] != team(i) {
				h.t.Errorf("%s was told of %s, which is %q's", team(i), key, whose[key])
			}
		}
	}
	for key, who := range whose {
		if told[key] != 1 {
			h.t.Errorf("%s was told of %s %d times", who, key, told[key])
		}
	}
}

// Rule 18: two nodes come up at the same moment, and one of them takes up what was stopped.
func TestALongStopIsNoticedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const incidents, people = 40, 2
	h.teams(people)
	open := h.storm(incidents, people)
	h.untilQuiet()
	h.stop()
	var starting sync.WaitGroup
	for _, name := range []string{"one", "other"} {
		starting.Go(func() { h.node(name, later(2*time.Hour)) })
	}
	starting.Wait()
	h.until("all are told", func() bool { return h.toldOf(people) >= len(open) })
	h.untilQuiet()
	h.rightlyTold(open)
	if n := ask[int](h, `select count(*) from timeline where reason = 'after a stop'`); n != incidents {
		t.Errorf("%d times an incident was told of the stop, want %d", n, incidents)
	}
}

// A database that is restarted, or a node that is replaced, is no long stop: what fell due is done at once.
func TestAShortStopIsNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.stop()
	h.Pager = h.node("four minutes later", later(4*time.Minute))
	h.phones.expect(t, annsNumber, 2) // her text and her call, due after one minute and after two
	if why := h.reasons(key); slices.Contains(why, engine.ReasonAfterStop) {
		t.Errorf("the timeline says %v", why)
	}
}

// A clock that a rehearsal moves is not a stop.
func TestAMovedClockIsNoStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.MoveClock(2 * time.Hour)
	h.eventually(key, "on its second level", func(inc engine.Incident) bool { return inc.Escalations[0].Level == 1 })
	if why := h.reasons(key); slices.Contains(why, engine.ReasonAfterStop) {
		t.Errorf("the timeline says %v", why)
	}
}

// The release before this one keeps no pulse. If it kept time while this one was rolled back, there was no
// stop.
func TestTimeThatAnotherReleaseKeptIsNoStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.stop()
	h.exec(`update pulse set at = clock_timestamp() - interval '1 day'`)
	h.Pager = h.node("node-b")
	h.until("time is kept again", func() bool { return ask[bool](h, `select at > clock_timestamp() - interval '1 minute' from pulse`) })
	if ask[bool](h, `select exists (select from incident where stopped_at is not null)`) || slices.Contains(h.reasons(key), engine.ReasonAfterStop) {
		t.Error("the incident was told of a stop")
	}
}

// stopped is the key of an incident that was told of a stop of two hours, which no tick has taken up.
func (h *house) stopped() engine.Key {
	h.t.Helper()
	key := h.pushed("db-1")
	h.exec(`update incident set stopped_at = clock_timestamp() - interval '2 hours', deadline = clock_timestamp() + interval '1 hour'`)
	return key
}

// Rule 18: whatever happens first to an incident after a stop is told of the stop before.
func TestAnyEventTakesAStoppedIncidentUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.stopped()
	r, err := h.Acknowledge(t.Context(), pager.From{Key: key, Person: "ann"}, "rest")
	if err != nil || r.Outcome != engine.OutcomeManager {
		t.Fatalf("Ann's answer did %+v, %v", r, err)
	}
	e := h.incident(key).Escalations[0]
	if left := time.Until(e.AckUntil); left > 30*time.Minute || left < 29*time.Minute {
		t.Errorf("the acknowledgement lasts %s, want half an hour", left)
	}
	if why := h.reasons(key); slices.Index(why, engine.ReasonAfterStop) < 0 || slices.Index(why, engine.ReasonAfterStop) > slices.Index(why, engine.ReasonAcknowledged) {
		t.Errorf("the timeline says %v", why)
	}
	if ask[bool](h, `select stopped_at is not null from incident`) {
		t.Error("the incident would be told of the stop again")
	}
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want none after her answer", n)
	}

	key = h.alert("db-2").Key
	h.untilQuiet()
	h.exec(`update incident set stopped_at = clock_timestamp() - interval '2 hours', deadline = clock_timestamp() + interval '1 hour' where key = $1`, string(key))
	h.alert("db-2")
	if why := h.reasons(key); !slices.Contains(why, engine.ReasonAfterStop) {
		t.Errorf("a repeated alert: the timeline says %v", why)
	}
}

// Rule 18: a node that was cut off from the database for hours, as every other one was, hears of something
// before its first sweep.
func TestAnEventThatComesBeforeTheFirstSweepEndsNoLevel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.stop()
	p, err := pager.New(pager.Config{DB: h.db, Offset: 2 * time.Hour, Log: h.log, // and not started
		Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.Push: h.phones})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Receive(t.Context(), engine.Alert{Action: engine.Trigger, Service: "bitbucket", Severity: engine.Critical, Summary: "x", DedupKey: "db-1"}); err != nil {
		t.Fatal(err)
	}
	if e := h.incident(key).Escalations[0]; e.Level != 0 || !slices.Contains(h.reasons(key), engine.ReasonAfterStop) {
		t.Errorf("the ladder stands on level %d; the timeline says %v", e.Level+1, h.reasons(key))
	}
}

// F11, F12: somebody holds an incident when Rouse comes back. The others do not wait for that one.
func TestAHeldIncidentKeepsNoOtherStopped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const people = 2
	h.teams(people)
	open := h.storm(4, people)
	h.untilQuiet()
	h.stop()
	held := slices.Sorted(func(yield func(string) bool) {
		for key := range open {
			if !yield(key) {
				return
			}
		}
	})[0]
	unlock := h.lock(`select from incident where key = '` + held + `' for update`)
	since := time.Now()
	h.Pager = h.node("two hours later", later(2*time.Hour))
	h.until("the others are told", func() bool { return h.toldOf(people) == len(open)-1 })
	h.inTime("taking up the others", since)
	unlock()
	h.until("the last one is paged, too", func() bool { return h.toldOf(people)+len(h.phones.told("eve")) == len(open) })
}

// What was queued before the stop is not sent by itself before the incident was taken up.
func TestAQueuedSendOfAStoppedIncidentIsNotClaimed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.stopped()
	h.exec(`update attempt set state = 'queued'`)
	ref := enginedb.AttemptRef{Incident: 1, Attempt: 1, Generation: 1}
	if _, err := enginedb.New(h.db).Claim(t.Context(), ref, []byte("x"), enginedb.Lease{For: time.Second}); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("claiming it gave %v, want that there is nothing to be sent", err)
	}
}

// Nor by a worker that wakes up before anybody has noticed that all slept.
func TestNothingIsClaimedBeforeAStopIsNoticed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.stop()
	h.exec(`update attempt set state = 'queued', claimed_at = null, lease_until = clock_timestamp()`)
	db, lease := enginedb.New(h.db), enginedb.Lease{For: time.Second}
	claims := map[string]func() error{
		"from the queue": func() error {
			_, err := db.Claim(t.Context(), enginedb.AttemptRef{Incident: 1, Attempt: 1, Generation: 1}, []byte("x"), lease)
			return err
		},
		"from the sweep": func() error {
			_, err := db.ClaimWaiting(t.Context(), enginedb.Waiting{Channel: rosters.Push, Address: "ann"}, []byte("x"), lease, 0, func(enginedb.Claim) int { return 0 })
			return err
		},
	}
	h.exec(`update pulse set at = clock_timestamp() - interval '6 minutes'`)
	for name, claim := range claims {
		if err := claim(); !errors.Is(err, enginedb.ErrNotFound) && !errors.Is(err, enginedb.ErrLocked) {
			t.Errorf("%s, six minutes after time was last kept, claiming gave %v", name, err)
		}
	}
	h.exec(`update pulse set at = clock_timestamp() - interval '4 minutes'`)
	if err := claims["from the sweep"](); err != nil {
		t.Errorf("four minutes are no stop, and claiming gave %v", err)
	}
}

// The pulse costs one write in five seconds, however many nodes there are.
func TestThePulseIsWrittenSeldom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.node("node-b")
	h.until("time is kept", func() bool { return ask[bool](h, `select at is not null from pulse`) })
	first := ask[string](h, `select xmin::text from pulse`)
	for range 3 { // each ends with a sweep
		h.MoveClock(time.Millisecond)
		h.alert("db-1")
		h.MoveClock(time.Minute)
	}
	h.phones.expect(t, annsNumber, 1)
	if now := ask[string](h, `select xmin::text from pulse where at > clock_timestamp() - interval '4 seconds'`); !strings.EqualFold(now, first) {
		t.Errorf("the pulse was written again within five seconds")
	}
}

// Rule 18: what was left of the plan of an earlier level comes as long after the stop as it would have come
// without.
func TestAPlanGoesOnAfterAStop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`delete from contact where person = 'ann' and channel = 'sms'`)
	h.exec(`update contact set after = interval '20 minutes' where person = 'ann' and channel = 'voice'`)
	key := h.pushed("db-1")
	h.MoveClock(5 * time.Minute)
	h.phones.expect(t, bobsNumber, 1)
	h.untilQuiet()
	began := h.incident(key).Escalations[0].Pages[0].StartedAt
	h.stop()
	h.Pager = h.node("two hours later", later(2*time.Hour))
	h.phones.expect(t, bobsNumber, 1)
	page := h.incident(key).Escalations[0].Pages[0]
	if by := page.StartedAt.Sub(began); by < 110*time.Minute || by > 2*time.Hour || !page.NextAt.Equal(page.StartedAt.Add(20*time.Minute)) {
		t.Errorf("Ann's plan was put off by %s, and her call is due at %v", by, page.NextAt)
	}
	h.MoveClock(20 * time.Minute)
	if m := h.phones.expect(t, annsNumber, 1); m.Channel != notifiers.Voice {
		t.Errorf("Ann got a %s", m.Channel)
	}
}

// What a sweep finds after a stop: nothing but that, until it is dealt with; then nothing to send as long as
// an incident is left that was not taken up, but not for ever.
func TestNothingIsSentBeforeAllIsTakenUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.pushed("db-2")
	h.stop()
	h.exec(`update attempt set state = 'queued', lease_until = clock_timestamp() - interval '1 second' where incident = 1`)
	h.exec(`update incident set deadline = clock_timestamp() where id = 1`)
	db := enginedb.New(h.db)
	look := func(offset time.Duration) enginedb.Sweep {
		t.Helper()
		w, err := db.Sweep(t.Context(), enginedb.Search{Offset: offset, Pulse: offset, Ticks: 10, Sends: []enginedb.Room{{Channel: rosters.Push, N: 10}}})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	if w := look(2 * time.Hour); !w.Stopped || len(w.Due) > 0 || len(w.Waiting) > 0 {
		t.Errorf("after the stop a sweep finds %+v", w)
	}
	if stop, err := db.Resume(t.Context(), 2*time.Hour, 0); err != nil || stop.Incidents != 2 {
		t.Fatalf("taken up: %+v, %v", stop, err)
	}
	if stop, err := db.Resume(t.Context(), 2*time.Hour, 0); err != nil || !stop.Since.IsZero() {
		t.Errorf("taken up again: %+v, %v", stop, err)
	}
	h.exec(`update incident set stopped_at = null where id = 1`) // was ticked
	if w := look(2 * time.Hour); w.Stopped || len(w.Due) != 2 || len(w.Waiting) > 0 {
		t.Errorf("with an incident that is not taken up a sweep finds %+v", w)
	}
	if w := look(2*time.Hour + time.Minute); len(w.Waiting) != 1 || w.Waiting[0].Address != "ann" {
		t.Errorf("a minute later it finds %+v", w)
	}
	h.exec(`update incident set stopped_at = null`)
	if w := look(2 * time.Hour); len(w.Waiting) != 1 {
		t.Errorf("with all taken up it finds %+v", w)
	}
}
