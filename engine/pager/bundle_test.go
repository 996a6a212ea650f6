package pager_test

import (
	"errors"
	"fmt"
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

// In calm, one page is one message.
func TestInCalmOnePageIsOneMessage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	since := time.Now()
	for n := 1; n <= 3; n++ {
		r := h.alert(fmt.Sprint("db-", n))
		if m := h.phones.expect(t, "ann", n); m.Key != string(r.Key) || len(m.Also) > 0 {
			t.Errorf("message %d is about %v, want %s alone", n, keys(m), r.Key)
		}
	}
	if took := time.Since(since); took > enginedb.Patience {
		t.Errorf("three pages took %s: one of them waited", took)
	}
	h.untilQuiet()
	if ask[bool](h, `select exists (select from attempt where bundle <> '' or generation <> 1)`) {
		t.Error("the sweeper had a hand in it")
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

// F11: somebody holds one of the incidents of a bundle that a worker lost, and does not let go. The others
// are told at last, and the one when it is free.
func TestAHeldIncidentDoesNotKeepALostBundle(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	_, all := h.stuck(3, false)
	unlock := h.lock(`select from incident where key = '` + string(all[1]) + `' for update`)
	h.exec(`update attempt set generation = generation + 1, lease_until = clock_timestamp() - interval '1 millisecond'`) // it cannot renew it
	if m := h.phones.expect(t, "ann", 2); len(keys(m)) != 2 {
		t.Errorf("the second message is about %v, want the two that are free", keys(m))
	}
	unlock()
	if m := h.phones.expect(t, "ann", 3); m.Key != string(all[1]) {
		t.Errorf("the third message is about %v, want %s", keys(m), all[1])
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

// texts makes Bob, who is reached by text, the first on call for bitbucket.
func (h *house) texts() {
	h.exec(`update policy_target set roster = 'backup' where policy = 'bitbucket' and level = 0`)
}

// calls makes Carl, who is reached by call, the first on call for bitbucket.
func (h *house) calls() {
	h.exec(`update policy_target set roster = 'dba' where policy = 'bitbucket' and level = 0`)
}

const carlsNumber = "+491700000003"

// tokenOf is the secret part of a message's buttons.
func tokenOf(m notifiers.Message) string {
	return strings.TrimSuffix(strings.TrimPrefix(m.AckURL, "https://rouse.test/a/"), "/ack")
}

// Whatever way a bundle is answered, the answer is for all of it. One was resolved meanwhile, and one taken.
func TestAnAnswerToABundleIsForAllOfIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given func(*house)
		to    string
		who   rosters.PersonID
		from  func(notifiers.Message) pager.From
	}{
		"a button": {func(*house) {}, "ann", "ann", func(m notifiers.Message) pager.From { return pager.From{Token: tokenOf(m)} }},
		"a code": {(*house).texts, bobsNumber, "bob", func(m notifiers.Message) pager.From {
			return pager.From{Number: bobsNumber, Code: m.Code, Event: "SM1"}
		}},
		"a bare word": {(*house).texts, bobsNumber, "bob", func(notifiers.Message) pager.From { return pager.From{Number: bobsNumber, Event: "SM1"} }},
		"a key":       {(*house).calls, carlsNumber, "carl", func(m notifiers.Message) pager.From { return pager.From{CallNonce: m.Nonce, Event: "CA1:1"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newStorm(t)
			c.given(h)
			m, all := h.bundle("bitbucket", c.to, 7)
			h.untilQuiet()
			if err := h.Resolve(t.Context(), all[2], "", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Acknowledge(t.Context(), pager.From{Key: all[3], Person: "dora"}, "rest"); err != nil {
				t.Fatal(err)
			}
			r, err := h.Acknowledge(t.Context(), c.from(m), "test")
			if want := (pager.Tally{Done: 5, Taken: 1, Over: 1}); err != nil || r.Tally != want || r.Outcome != engine.OutcomeManager || r.Key != all[0] {
				t.Errorf("the answer did %+v, %v; want %+v", r, err, want)
			}
			for i, key := range all {
				want := c.who
				if i == 2 {
					continue
				} else if i == 3 {
					want = "dora"
				}
				if inc := h.incident(key); inc.Manager != want {
					t.Errorf("%s is managed by %q, want %s", key, inc.Manager, want)
				}
			}
			if again, err := h.Acknowledge(t.Context(), c.from(m), "test"); c.from(m).Code+c.from(m).CallNonce != "" && (!errors.Is(err, pager.ErrSeen) || again.Tally != r.Tally) {
				t.Errorf("told twice: %+v, %v", again, err)
			}
			if n := ask[int](h, `select count(*) from timeline where reason = 'acknowledged'`); n != 6 {
				t.Errorf("%d acknowledgements, want 6", n)
			}
		})
	}
}

// Rule 8.
func TestDecliningABundleMovesOnForAllOfIt(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	m, all := h.bundle("bitbucket", "ann", 5)
	r, err := h.Decline(t.Context(), pager.From{Token: tokenOf(m)}, "push")
	if err != nil || r.Tally != (pager.Tally{Done: 5}) || r.Outcome != engine.OutcomeDeclined {
		t.Errorf("declining did %+v, %v", r, err)
	}
	if bobs := h.phones.expect(t, bobsNumber, 1); len(keys(bobs)) != len(all) {
		t.Errorf("Bob was texted about %v", keys(bobs))
	}
}

// The code of a page that was told in the message of another answers for that page.
func TestACodeOfOneInABundleAnswersForThatOne(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.texts()
	_, all := h.bundle("bitbucket", bobsNumber, 3)
	code := ask[string](h, `select code from page p join incident i on i.id = p.incident where i.key = $1`, string(all[1]))
	r, err := h.Acknowledge(t.Context(), pager.From{Number: bobsNumber, Code: code}, "sms")
	if err != nil || r.Key != all[1] || r.Tally != (pager.Tally{}) {
		t.Errorf("the code of %s did %+v, %v", all[1], r, err)
	}
	for _, key := range []engine.Key{all[0], all[2]} {
		if inc := h.incident(key); inc.Manager != "" {
			t.Errorf("it made %q the manager of %s", inc.Manager, key)
		}
	}
}

// An answer that cannot be stored for one of them is stored for the others, and may be given again.
func TestAnAnswerThatFailsForOneStopsNoOther(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.texts()
	m, all := h.bundle("bitbucket", bobsNumber, 5)
	h.untilQuiet()
	h.exec(`create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused'' using errcode = ''57P03''; end'`)
	h.exec(`create trigger refuse before insert on timeline for each row when (new.reason = 'acknowledged' and new.incident = 2) execute function refuse()`)
	from := pager.From{Number: bobsNumber, Code: m.Code, Event: "SM1"}
	r, err := h.Acknowledge(t.Context(), from, "sms")
	if err == nil || errors.Is(err, pager.ErrSeen) || r.Tally != (pager.Tally{Done: 4, Failed: 1}) {
		t.Errorf("the answer did %+v, %v; want four done and one failed", r, err)
	}
	h.exec(`drop trigger refuse on timeline`)
	r, err = h.Acknowledge(t.Context(), from, "sms") // as its provider repeats it
	if err != nil || r.Tally != (pager.Tally{Done: 5}) {
		t.Errorf("told again it did %+v, %v; want all five done", r, err)
	}
	if n := ask[int](h, `select count(*) from timeline where reason = 'acknowledged'`); n != len(all) {
		t.Errorf("%d acknowledgements, want %d", n, len(all))
	}
}

// Rule 5: a call about several goes on until nothing of it is left to answer; then it is hung up, once.
func TestACallAboutSeveralIsHungUpWithTheLast(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.calls()
	m, all := h.bundle("bitbucket", carlsNumber, 3)
	h.untilQuiet()
	h.exec(`drop trigger nothing on river.river_job`) // the queue hangs up, too
	for _, key := range all[:2] {
		h.bobAcknowledges(key)
	}
	h.until("the queue has looked at both", func() bool {
		return ask[int](h, `select count(*) from river.river_job where kind = 'withdraw' and state = 'completed'`) == 2
	})
	view, err := h.Call(t.Context(), m.Nonce)
	if err != nil || view.Over || view.Message.Key != string(all[2]) || len(view.Message.Also) > 0 {
		t.Errorf("with one left the call reads %+v, %v", view, err)
	}
	// The sweeper has looked for calls to hang up if it saw this one.
	h.exec(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, sent_at, unwanted, nonce, lease_until, provider_id)
		select incident, 99, page, contact, channel, address, state, reason, queued_at, sent_at, true, 'other', clock_timestamp(), 'other' from attempt where nonce = $1`, m.Nonce)
	h.exec(`update attempt set lease_until = clock_timestamp()`)
	if id := await(h, "hanging up the other", h.phones.withdraw); id != "other" {
		t.Errorf("hung up %q, which somebody is still to answer", id)
	}
	h.bobAcknowledges(all[2])
	h.exec(`update attempt set lease_until = clock_timestamp()`)
	if id := await(h, "hanging up", h.phones.withdraw); id != "id-"+m.Nonce {
		t.Errorf("hung up %q, want the call", id)
	}
	h.until("the call is known to be over, for all", func() bool {
		return ask[int](h, `select count(*) from attempt where bundle = $1 and hung_up`, m.Nonce) == 3
	})
	if view, err := h.Call(t.Context(), m.Nonce); err != nil || !view.Over {
		t.Errorf("with none left the call reads %+v, %v", view, err)
	}
}

// What a call about several says: those that are still to be answered, the worst first.
func TestACallReadsAllThatIsLeft(t *testing.T) {
	t.Parallel()
	h := newStorm(t)
	h.calls()
	m, all := h.bundle("bitbucket", carlsNumber, 5)
	if err := h.Resolve(t.Context(), all[0], "", ""); err != nil {
		t.Fatal(err)
	}
	view, err := h.Call(t.Context(), m.Nonce)
	if err != nil || view.Over || !slices.Equal(keys(view.Message), asStrings(all[1:])) || view.Message.Purpose != notifiers.Page {
		t.Errorf("the call reads %+v, %v; want %v", view, err, all[1:])
	}
}

func asStrings(all []engine.Key) []string {
	out := make([]string, 0, len(all))
	for _, k := range all {
		out = append(out, string(k))
	}
	return out
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
		return enginedb.New(h.db).ClaimWaiting(t.Context(), enginedb.Waiting{Channel: rosters.Push, Address: "ann"}, []byte("x"), time.Minute, 0, 0,
			func(c enginedb.Claim) int { return len(c.Others) })
	}
	unlock := h.lock(`select pg_advisory_xact_lock(hashtextextended('push ann', 0))`)
	if c, err := claim(); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("while another node is at it: %+v, %v", c, err)
	}
	unlock()
	h.until("the other node has let go", func() bool { return !ask[bool](h, `select exists (select from pg_locks where locktype = 'advisory' and objsubid = 1 and database = (select oid from pg_database where datname = current_database()))`) })
	if c, err := claim(); err != nil || len(c.Others) != 2 || c.Nonce != ask[string](h, `select min(bundle) from attempt`) {
		t.Errorf("claimed: %+v, %v; want all three", c, err)
	}
	if c, err := claim(); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("claimed twice: %+v, %v", c, err)
	}
}
