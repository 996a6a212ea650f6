package pager_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/notifiers"
	"rouse/rosters"
)

// bundle opens n incidents at the same moment, with nobody to send what they page but the sweeper, and
// waits for the one message that names them all. It gives the message and what it names.
func (h *house) bundle(service engine.ServiceID, to string, n int) (notifiers.Message, []engine.Key) {
	h.t.Helper()
	before := len(h.phones.sentTo(to))
	unlock := h.lock(`select pg_advisory_xact_lock(hashtextextended(c || ' ` + to + `', 0)) from unnest(array['push', 'sms', 'voice']) c`) // as another node that claims just now
	for i := range n {
		a := engine.Alert{Action: engine.Trigger, Service: service, Severity: engine.Severity(1 + (i+1)%3%2), Summary: fmt.Sprint("Trouble ", i)}
		if _, err := h.Receive(h.t.Context(), a); err != nil {
			h.t.Fatal(err)
		}
	}
	unlock()
	m := h.phones.expect(h.t, to, before+1)
	var all []engine.Key
	for _, key := range keys(m) {
		all = append(all, engine.Key(key))
	}
	if len(all) != n {
		h.t.Fatalf("%s got %v in one message, want %d incidents", to, all, n)
	}
	return m, all
}

// newStorm is a house in which nothing is handed to the queue, so that all that is sent goes by the sweeper.
func newStorm(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.stopQueue()
	return h
}

// In calm, one page is one message, which the queue carries at once.
func TestInCalmOnePageIsOneMessage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for n := 1; n <= 3; n++ {
		r := h.alert(fmt.Sprint("db-", n))
		if m := h.phones.expect(t, "ann", n); m.Key != string(r.Key) || len(m.Also) > 0 {
			t.Errorf("message %d is about %v, want %s alone", n, keys(m), r.Key)
		}
	}
	h.untilQuiet()
	if n := ask[int](h, `select count(*) from river.river_job where kind = 'send'`); n != 3 {
		t.Errorf("the queue was given %d sends, want 3", n)
	}
	if ask[bool](h, `select exists (select from attempt where bundle <> '')`) {
		t.Error("something was told in the message of another")
	}
}

// Rule 12: 300 alerts in a moment for six people, with two nodes.
func TestInAStormEverybodyIsToldOfAllInFewMessages(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.node("node-b")
	const incidents, people, nodes = 300, 6, 2
	h.teams(people)
	since := time.Now()
	whose := h.storm(incidents, people)
	h.until("all are told", func() bool { return h.toldOf(people) >= incidents })
	h.untilQuiet()
	most := nodes*3 + 1 + int(time.Since(since)/(2*time.Second)) // at once, and then one in two seconds
	for i := range people {
		if n := len(h.phones.sentTo(team(i))); n > most {
			t.Errorf("%s got %d messages, want %d at most", team(i), n, most)
		}
	}
	h.rightlyTold(whose)
}

// Rule 14: the worst one leads, and what it is about is answered with the others.
func TestABundleBeginsWithTheWorst(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, _ := h.bundle("bitbucket", "ann", 6)
	if m.Severity != 1 || !slices.IsSortedFunc(m.Also, func(a, b notifiers.Named) int { return a.Severity - b.Severity }) {
		t.Errorf("the message is about %s, severity %d, and %v", m.Key, m.Severity, m.Also)
	}
	if m.Code == "" || m.AckURL == "" || m.Purpose != notifiers.Page {
		t.Errorf("it cannot be answered: %+v", m)
	}
	if n := ask[int](h, `select count(*) from attempt where bundle = $1`, m.Nonce); n != 6 {
		t.Errorf("%d attempts carry the nonce of the message, want 6", n)
	}
}

// stuck is a bundle in the hands of a worker that will not move again: its lease is over, and the provider
// may have the message.
func (h *house) stuck(n int, found bool) (notifiers.Message, []engine.Key) {
	h.t.Helper()
	h.t.Cleanup(h.phones.holdUp("ann"))
	m, all := h.bundle("bitbucket", "ann", n)
	h.phones.pass("ann")
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	h.phones.found["ann"] = found
	return m, all
}

// F2: a worker dies with a bundle in its hands. The next one asks the provider for the very same message,
// and nothing is sent again; nor lost, if the provider has not got it.
func TestABundleThatAWorkerLostIsLookedUpAsOne(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]bool{"the provider has it": true, "the provider has not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newStorm(t)
			h.node("node-b")
			first, all := h.stuck(5, found)
			h.bobAcknowledges(all[1]) // is named all the same
			h.leaseIsOver()
			h.untilQuiet()
			sent := h.phones.sentTo("ann")
			if want := map[bool]int{true: 1, false: 2}[found]; len(sent) != want {
				t.Fatalf("Ann got %d pushes, want %d", len(sent), want)
			}
			h.phones.mu.Lock()
			asked := h.phones.looked
			h.phones.mu.Unlock()
			if len(asked) == 0 {
				t.Fatal("the provider was not asked")
			}
			for _, m := range append(asked, sent...) {
				if m.Nonce != first.Nonce || m.Code != first.Code || notifiers.SMSText(m) != notifiers.SMSText(first) {
					t.Errorf("the message is %s about %v, was %s about %v", m.Nonce, keys(m), first.Nonce, keys(first))
				}
			}
			if n := ask[int](h, `select count(*) from attempt where state = 'sent' and generation > 2`); n != 5 {
				t.Errorf("%d of 5 attempts are known to be sent", n)
			}
		})
	}
}

// F3: the worker dies in the middle of its reports. What is known for one of the incidents is true of all.
func TestWhatIsKnownOfABundleIsNotSentAgain(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, _ := h.stuck(4, false)
	h.exec(`update attempt set state = case when nonce = $1 then 'sent' else state end, provider = case when nonce = $1 then 'phones' else '' end,
		provider_id = case when nonce = $1 then 'the one' else '' end, lease_until = clock_timestamp() - interval '1 second'`, m.Nonce)
	h.untilQuiet()
	if n := ask[int](h, `select count(*) from attempt where state = 'sent' and provider_id = 'the one'`); n != 4 {
		t.Errorf("%d of 4 attempts are known to be sent as the first", n)
	}
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	if len(h.phones.looked) > 0 {
		t.Error("the provider was asked for what is known")
	}
}

// Rule 5: everybody has answered before the lease of a dead worker was over. Nothing is sent.
func TestALostBundleThatNobodyWantsIsWithdrawn(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	_, all := h.stuck(3, false)
	for _, key := range all {
		h.bobAcknowledges(key)
	}
	h.leaseIsOver()
	h.untilQuiet()
	if n := ask[int](h, `select count(*) from attempt where state = 'withdrawn'`); n != 3 || len(h.phones.sentTo("ann")) != 1 {
		t.Errorf("%d of 3 attempts are withdrawn; Ann got %d pushes", n, len(h.phones.sentTo("ann")))
	}
}

// A message that tells of several is withdrawn only if nobody wants any of it: somebody who answered the
// first of it meanwhile, while the others are held, takes nothing from them.
func TestABundleIsNotWithdrawnForItsFirstPart(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, all := h.stuck(3, true)
	h.bobAcknowledges(engine.Key(m.Key))
	unlock := h.lock(`select from incident where key <> '` + m.Key + `' and key in ('` + string(all[0]) + `', '` + string(all[1]) + `', '` + string(all[2]) + `') for update`)
	h.exec(`update attempt set generation = generation + 1, lease_until = clock_timestamp() - interval '1 millisecond'`) // it cannot renew it
	h.swept(3)                                                                                                           // the first may have begun before
	if state := ask[string](h, `select a.state from attempt a join incident i on i.id = a.incident where i.key = $1`, m.Key); state == "withdrawn" {
		t.Error("the part that was answered is withdrawn, and the message can be found no more")
	}
	unlock()
	h.untilQuiet()
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want the one that the provider has", n)
	}
}

// Rule 12: only next contacts are told to wait.
func TestAFirstPageIsNotPutOffWithNextContacts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.pushed("db-2")
	h.stop()
	h.exec(`update attempt set state = 'queued', claimed_at = null, lease_until = clock_timestamp() - interval '1 second',
		reason = case when incident = 1 then 'next contact' else reason end`)
	for first, want := range map[bool]string{false: "1", true: "1 2"} {
		h.exec(`update attempt set lease_until = clock_timestamp() - interval '1 second'`)
		w := enginedb.Waiting{Channel: rosters.Push, Address: "ann", First: first}
		if err := enginedb.New(h.db).Postpone(t.Context(), w, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := ask[string](h, `select string_agg(incident::text, ' ' order by incident) from attempt where lease_until > clock_timestamp()`); got != want {
			t.Errorf("with a first page found there: %v; put off are those of incidents %q, want %q", first, got, want)
		}
	}
}

// F11: somebody holds one of the incidents of a bundle that a worker lost, and does not let go. The others
// are told at last, and the one when it is free.
func TestAHeldIncidentDoesNotKeepALostBundle(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	_, all := h.stuck(3, false)
	unlock := h.lock(`select from incident where key = '` + string(all[1]) + `' for update`)
	h.exec(`update attempt set generation = generation + 1, lease_until = clock_timestamp() - interval '1 millisecond'`) // it cannot renew it
	// Each by itself: the provider may have the message that told all three, and is asked for each.
	told := []string{h.phones.expect(t, "ann", 2).Key, h.phones.expect(t, "ann", 3).Key}
	want := []string{string(all[0]), string(all[2])}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("told were %v, want the two that are free, %v", told, want)
	}
	if n := ask[int](h, `select count(*) from attempt where state in ('queued', 'sending') and claimed_at is null`); n != 0 {
		t.Errorf("%d are as if nobody had ever sent them", n)
	}
	unlock()
	if m := h.phones.expect(t, "ann", 4); m.Key != string(all[1]) {
		t.Errorf("the last message is about %v, want %s", keys(m), all[1])
	}
}

// F3: one of the incidents cannot take its report for a while. The others do not wait for it, and nothing is
// sent again.
func TestAReportThatFailsForOneHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	tries := h.refuseReports("57P03")
	h.exec(`drop trigger refuse on timeline`)
	h.exec(`create trigger refuse before insert on timeline for each row when (new.reason = 'sent' and new.incident = 2) execute function refuse()`)
	h.bundle("bitbucket", "ann", 5)
	h.until("the others are known to be sent", func() bool { return ask[int](h, `select count(*) from attempt where state = 'sent'`) == 4 })
	h.until("the one is tried again", func() bool { return tries() > 2 })
	h.exec(`drop trigger refuse on timeline`)
	h.untilQuiet()
	if n := len(h.phones.sentTo("ann")); n != 1 {
		t.Errorf("Ann got %d pushes, want 1", n)
	}
}

// A provider's news is about every page that the message told.
func TestNewsOfABundleReachesAll(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, _ := h.bundle("bitbucket", "ann", 5)
	if err := h.Report(t.Context(), m.Nonce, notifiers.Receipt{State: notifiers.Delivered}); err != nil {
		t.Fatal(err)
	}
	if n := ask[int](h, `select count(*) from attempt where state = 'delivered'`); n != 5 {
		t.Errorf("%d of 5 attempts are delivered", n)
	}
}

// The next contact after a message that failed for all is one message for all.
func TestABundleThatFailsMovesOnAsOne(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Provider: "phones", Detail: "no such topic"}
	_, all := h.bundle("bitbucket", "ann", 5)
	if m := h.phones.expect(t, annsNumber, 1); m.Channel != notifiers.SMS || len(keys(m)) != len(all) {
		t.Errorf("Ann got a %s about %v, want a text about all %d", m.Channel, keys(m), len(all))
	}
}

// Two people may share a phone. What the message asks of the one is not asked of the other.
func TestTwoPeopleWhoShareAPhoneGetMessagesOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.exec(`update contact set address = $1 where person = 'dora'`, "ann")
	unlock := h.lock(`select pg_advisory_xact_lock(hashtextextended('push ann', 0))`)
	for i := range 6 {
		service := engine.ServiceID("bitbucket")
		if i%2 == 1 {
			service = "unknown"
		}
		if _, err := h.Receive(t.Context(), engine.Alert{Service: service, Severity: engine.Critical, Summary: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	unlock()
	h.phones.expectTold(t, "ann", 6)
	for _, m := range h.phones.sentTo("ann") {
		n := ask[int](h, `select count(distinct p.person) from page p join incident i on i.id = p.incident where i.key = any($1)`, keys(m))
		if n != 1 {
			t.Errorf("%v are %d people's, in one message", keys(m), n)
		}
	}
}

// A text that cannot name them all is made shorter; the others come in the next.
func TestATextNamesWhatFits(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.texts()
	const n = 170
	unlock := h.lock(`select pg_advisory_xact_lock(hashtextextended('sms ` + bobsNumber + `', 0))`)
	for i := range n {
		key := engine.Key(fmt.Sprintf("LONGPROJECT-%d", 2*i+1000)) // no ranges
		if _, err := h.Receive(t.Context(), engine.Alert{Key: key, Service: "bitbucket", Severity: engine.Critical, Summary: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	unlock()
	told := h.phones.expectTold(t, bobsNumber, n)
	sent := h.phones.sentTo(bobsNumber)
	if len(sent) < 2 || len(sent) > 3 {
		t.Errorf("%d texts", len(sent))
	}
	for _, m := range sent {
		if text := notifiers.SMSText(m); len(text) > 1600 {
			t.Errorf("a text of %d characters", len(text))
		}
	}
	for key, times := range told {
		if times != 1 {
			t.Errorf("%s is named in %d texts", key, times)
		}
	}
}

// F11: somebody holds one of the incidents. The others go out without it, and it follows alone.
func TestAHeldIncidentIsLeftOutOfTheBundle(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	free := h.lock(`select pg_advisory_xact_lock(hashtextextended('push ann', 0))`)
	var all []engine.Key
	for i := range 4 {
		all = append(all, h.alert(fmt.Sprint("db-", i)).Key)
	}
	unlock := h.lock(`select from incident where key = '` + string(all[1]) + `' for update`)
	free()
	h.phones.expectTold(t, "ann", 3)
	unlock()
	h.phones.expectTold(t, "ann", 4)
	if m := h.phones.expect(t, "ann", 2); m.Key != string(all[1]) || len(m.Also) > 0 {
		t.Errorf("the second message is about %v", keys(m))
	}
}

// Nodes that look after one address at the same moment make one message, not one each.
func TestOneNodeAtATimeGathersForAnAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 3 {
		h.pushed(fmt.Sprint("db-", i))
	}
	h.stop()
	h.exec(`update attempt set state = 'queued', claimed_at = null, lease_until = clock_timestamp()`)
	claim := func() (enginedb.Claim, error) {
		return enginedb.New(h.db).ClaimWaiting(t.Context(), enginedb.Waiting{Channel: rosters.Push, Address: "ann"}, []byte("x"), enginedb.Lease{For: time.Minute}, 0,
			func(c enginedb.Claim) int { return len(c.Others) })
	}
	unlock := h.lock(`select pg_advisory_xact_lock(hashtextextended('push ann', 0))`)
	if c, err := claim(); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("while another node is at it: %+v, %v", c, err)
	}
	unlock()
	h.until("the other node has let go", func() bool {
		return !ask[bool](h, `select exists (select from pg_locks where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database()))`)
	})
	if c, err := claim(); err != nil || len(c.Others) != 2 || c.Nonce != ask[string](h, `select min(bundle) from attempt`) {
		t.Errorf("claimed: %+v, %v; want all three", c, err)
	}
	if c, err := claim(); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("claimed twice: %+v, %v", c, err)
	}
}

// Rule 12: a phone that rings would be busy for a second call. That waits until the first is over, and then
// comes at once.
func TestAPhoneRingsForOneCallAtATime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.calls()
	h.alert("db-1")
	first := h.phones.expect(t, carlsNumber, 1)
	h.untilQuiet()
	second := h.alert("db-2").Key
	h.until("the second call was put off, and put off again", func() bool {
		return ask[bool](h, `select lease_until > queued_at + interval '2.5 seconds' from attempt a join incident i on i.id = a.incident where i.key = $1`, string(second))
	})
	if n := len(h.phones.sentTo(carlsNumber)); n != 1 {
		t.Errorf("Carl was called %d times while his phone rang", n)
	}
	if err := h.Report(t.Context(), first.Nonce, notifiers.Receipt{State: notifiers.Delivered}); err != nil {
		t.Fatal(err)
	}
	if err := h.Report(t.Context(), first.Nonce, notifiers.Receipt{State: notifiers.Delivered, Over: true}); err != nil {
		t.Fatal(err)
	}
	if m := h.phones.expect(t, carlsNumber, 2); m.Key != string(second) {
		t.Errorf("the second call is about %v", keys(m))
	}
	if err := h.Report(t.Context(), h.phones.sentTo(carlsNumber)[1].Nonce, notifiers.Receipt{State: notifiers.Failed, Over: true}); err != nil {
		t.Fatal(err)
	}
	h.untilQuiet()
	h.alert("db-3")
	if n := ask[int](h, `select count(*) from river.river_job where queue = 'send_voice'`); n != 2 {
		t.Errorf("the queue was given %d calls, want the first and the third", n)
	}
}
