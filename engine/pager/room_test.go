package pager_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// limitedTo has texts go through a provider that takes so many at once, and then one an hour.
func limitedTo(burst int, behind ...notifiers.Provider) func(*pager.Config) {
	return func(c *pager.Config) {
		phones := c.Channels.On(notifiers.Push)
		first := notifiers.Provider{Name: "limited", Notifier: phones, Limit: notifiers.Limit{Every: time.Hour, Burst: burst}}
		sendBy(c, notifiers.SMS, notifiers.NewChain(append([]notifiers.Provider{first}, behind...)...))
	}
}

// trouble has one of the services of many in trouble.
func (h *house) troubleWith(i int, s engine.Severity) engine.Key {
	h.t.Helper()
	r, err := h.Receive(h.t.Context(), engine.Alert{Service: engine.ServiceID(fmt.Sprintf("p-%d", i)), Severity: s, Summary: "Texts fail"})
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Key
}

// textedTo are the addresses that were sent a text, in order.
func (h *house) textedTo() (all []string) {
	h.phones.mu.Lock()
	defer h.phones.mu.Unlock()
	for _, m := range h.phones.got {
		all = append(all, m.To)
	}
	return all
}

// What a limited provider has room for goes to the worst: lesser trouble leaves the last of it, and waits, though it came
// first.
func TestTheWorstGetsTheLastRoomAtAProvider(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", limitedTo(4))
	numbers := h.many(6)
	for i := range 4 {
		h.troubleWith(i, engine.Major)
	}
	h.until("three are texted", func() bool { return len(h.textedTo()) == 3 })
	h.swept(5) // the fourth is looked at again and again
	h.troubleWith(4, engine.Critical)
	h.phones.expect(t, numbers[4], 1)
	h.troubleWith(5, engine.Critical)
	h.swept(5)
	if got := h.textedTo(); len(got) != 4 {
		t.Errorf("texts went to %v: there was room for four", got)
	}
	h.exec(`update sender_load set free_at = free_at - interval '1 hour'`) // room for one more, as in an hour
	h.Forget()
	h.phones.expect(t, numbers[5], 1)
	h.swept(5)
	left := slices.DeleteFunc(slices.Clone(numbers), func(n string) bool { return slices.Contains(h.textedTo(), n) })
	if len(left) != 1 || !slices.Contains(numbers[:4], left[0]) {
		t.Fatalf("%v wait, want one of the lesser troubles", left)
	}
	h.exec(`delete from sender_load`)
	h.Forget()
	h.phones.expect(t, left[0], 1)
}

// A provider that has room takes what the preferred one has not.
func TestAnotherProvidersRoomIsUsed(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	other := newPhones()
	h.Pager = h.node("node-a", limitedTo(4, notifiers.Provider{Name: "other", Notifier: other}))
	numbers := h.many(6)
	h.alertEach(0, 6)
	h.until("six are texted", func() bool {
		n := len(h.textedTo())
		other.mu.Lock()
		defer other.mu.Unlock()
		return n+len(other.got) == len(numbers)
	})
	if n := len(h.textedTo()); n != 4 {
		t.Errorf("the preferred provider, which has room for four, was given %d", n)
	}
}

// What the next provider brings takes no room at the one that failed: others need it.
func TestWhatIsBroughtByTheNextProviderTakesNoRoomAtTheFirst(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	other := newPhones()
	h.Pager = h.node("node-a", limitedTo(3, notifiers.Provider{Name: "other", Notifier: other}))
	numbers := h.many(3)
	key := h.troubleWith(0, engine.Critical)
	m := h.phones.expect(t, numbers[0], 1)
	h.eventually(key, "sent", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	if err := h.Report(t.Context(), m.Nonce, notifiers.Receipt{State: notifiers.Failed, Detail: "not delivered", Elsewhere: true}); err != nil {
		t.Fatal(err)
	}
	other.expect(t, numbers[0], 1)
	h.troubleWith(1, engine.Critical)
	h.troubleWith(2, engine.Critical)
	h.phones.expect(t, numbers[1], 1)
	h.phones.expect(t, numbers[2], 1)
}

// Who waits for room when somebody answers is not texted any more, and takes none.
func TestWhatWaitsForRoomIsWithdrawn(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", limitedTo(4))
	numbers := h.many(6)
	for i := range 4 {
		h.troubleWith(i, engine.Critical)
	}
	h.until("four are texted", func() bool { return len(h.textedTo()) == 4 })
	key := h.troubleWith(4, engine.Critical)
	h.troubleWith(5, engine.Critical)
	h.swept(3)
	h.bobAcknowledges(key)
	h.exec(`update sender_load set free_at = free_at - interval '1 hour'`)
	h.Forget()
	h.phones.expect(t, numbers[5], 1)
	if slices.Contains(h.textedTo(), numbers[4]) {
		t.Errorf("who waited for room was texted after an answer")
	}
}

// A number that is sent to from another sender does not wait for the one that is busy.
func TestABusySenderHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) {
		limit := notifiers.Limit{Every: time.Hour, Burst: 4}
		sendBy(c, notifiers.SMS, notifiers.NewChain(notifiers.Provider{Name: "limited", Notifier: twoSenders{c.Channels.On(notifiers.Push)}, Limit: limit}))
	})
	h.many(60)
	h.alertEach(0, 60) // all to +49171, from one sender, more than the sweeper looks for at once
	h.until("four are texted", func() bool { return len(h.textedTo()) == 4 })
	h.bobIsPaged()
	h.phones.expect(t, bobsNumber, 1)
}

// twoSenders sends to +49171 from a number of its own.
type twoSenders struct{ notifiers.Notifier }

func (twoSenders) From(to string) string {
	return notifiers.Sender(map[string]string{"": "+1", "+49171": "+2"}, to)
}

func (twoSenders) Prefixes() []string { return []string{"+49171"} }

// bobIsPaged opens an incident that pages Bob, by text.
func (h *house) bobIsPaged() engine.Key {
	h.t.Helper()
	admin := enginedb.New(h.db)
	if err := admin.CreatePolicy(h.t.Context(), engine.Policy{ID: "bobs", Name: "Bob's", Levels: []engine.Level{{Targets: []engine.Target{{Person: "bob"}}, Wait: time.Hour}}}); err != nil {
		h.t.Fatal(err)
	}
	if err := admin.CreateService(h.t.Context(), engine.Service{ID: "bobs", Name: "Bob's", Policy: "bobs"}); err != nil {
		h.t.Fatal(err)
	}
	r, err := h.Receive(h.t.Context(), engine.Alert{Service: "bobs", Severity: engine.Critical, Summary: "Builds fail"})
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Key
}

// capped allows two texts, and one call, about what was told before.
func capped(c *pager.Config) {
	c.Caps = map[rosters.Channel]enginedb.Cap{rosters.SMS: {N: 2, Within: 10 * time.Minute}, rosters.Voice: {N: 1, Within: 10 * time.Minute}}
}

// Rule 12: in a storm somebody who was told of everything gets so many more texts and calls within ten minutes, the last
// of which names all; what is new is told at once, and names what waits.
func TestInAStormWhatWasToldIsToldAgainOnlySoOften(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", capped)
	var all []string
	for i := range 3 {
		all = append(all, string(h.pushed(fmt.Sprint("db-", i))))
	}
	h.MoveClock(time.Minute) // the texts are due
	if got := keys(h.arrives(1)); len(got) != 3 {
		t.Errorf("the text names %v, want all three", got)
	}
	for i := range 2 { // two more troubles, a little later: pushed at once, and texted once
		h.pushed(fmt.Sprint("later-", i))
	}
	h.MoveClock(time.Minute) // the call about the first three is due, too
	if two := []notifiers.Message{h.arrives(2), h.arrives(3)}; two[0].Channel == two[1].Channel {
		t.Errorf("Ann got two of %s, want a text and a call", two[0].Channel)
	}
	h.pushed("more") // its text would be the third
	h.MoveClock(time.Minute)
	h.swept(6)
	if got := h.textedAndCalled(); len(got) != 3 {
		t.Fatalf("Ann got %v; want two texts and a call", got)
	}
	h.MoveClock(8 * time.Minute) // the first text is ten minutes old
	h.until("one more text names what waited", func() bool {
		h.leaseIsOver() // it is looked again
		all := h.phones.sentTo(annsNumber)
		return slices.ContainsFunc(all[3:], func(m notifiers.Message) bool { return m.Channel == notifiers.SMS && slices.Contains(keys(m), "HOT-6") })
	})
}

// arrives waits for the nth message to Ann's phone, and has it delivered.
func (h *house) arrives(n int) notifiers.Message {
	h.t.Helper()
	m := h.phones.expect(h.t, annsNumber, n)
	if err := h.Report(h.t.Context(), m.Nonce, notifiers.Receipt{Provider: "phones", ProviderID: "id-" + m.Nonce, State: notifiers.Delivered}); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// textedAndCalled is what Ann's phone got besides pushes.
func (h *house) textedAndCalled() (all []string) {
	for _, m := range h.phones.sentTo(annsNumber) {
		all = append(all, fmt.Sprint(m.Channel, " ", keys(m)))
	}
	return all
}

// A single trouble is no storm: whoever is paged for it is texted, called and called again as their plan says.
func TestASingleTroubleIsNotCapped(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", capped)
	h.annIs(func(ann *rosters.Person) {
		ann.Contacts, ann.CallAgain = []rosters.Contact{{Channel: rosters.Push, Address: "ann"}, {Channel: rosters.SMS, Address: annsNumber, After: time.Minute}}, time.Minute
	})
	h.pushed("db-1")
	for n := 1; n <= 4; n++ {
		h.MoveClock(time.Minute)
		h.phones.expect(t, annsNumber, n)
		h.untilQuiet() // it is known to be sent
	}
}

// Who was not reached is not held back: what failed is followed by the next contact, storm or not.
func TestWhoWasNotReachedIsNotCapped(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", capped)
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Detail: "no such topic"}
	named := map[string]bool{}
	for i := range 5 {
		key := string(h.alert(fmt.Sprint("db-", i)).Key)
		h.until(key+" is texted", func() bool {
			for _, m := range h.phones.sentTo(annsNumber) {
				for _, k := range keys(m) {
					named[k] = true
				}
			}
			return named[key]
		})
	}
}

// Whoever shares a phone with somebody who is spared is not: their first page goes out.
func TestACapHoldsNobodyElseAtThePhone(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", capped)
	h.exec(`update contact set address = $1 where person = 'bob'`, annsNumber)
	h.annWasToldTwice()
	h.pushed("db-1")
	h.MoveClock(time.Minute) // her text about it waits
	h.until("Ann's text waits", func() bool {
		return ask[bool](h, `select exists (select from attempt where channel = 'sms' and state = 'queued' and again)`)
	})
	h.swept(3)
	h.stopQueue() // as in a storm, Bob's page is the sweeper's
	key := h.bobIsPaged()
	if m := h.phones.expect(t, annsNumber, 1); m.Key != string(key) || len(m.Also) > 0 {
		t.Errorf("the phone got %v, want Bob's %s alone", keys(m), key)
	}
}

// What becomes worse is news: who was told of it is told at once, storm or not.
func TestWhatBecomesWorseIsNotCapped(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", capped)
	h.annIs(func(ann *rosters.Person) {
		ann.Contacts = []rosters.Contact{{Channel: rosters.SMS, Address: annsNumber}}
	})
	h.annWasToldTwice()
	got := h.told(func(a *engine.Alert) { a.Severity = engine.Major })
	h.arrives(1)
	h.told(func(a *engine.Alert) { a.Severity = engine.Critical })
	if m := h.phones.expect(t, annsNumber, 2); m.Key != string(got.Key) || m.Severity != 1 {
		t.Errorf("Ann was texted %+v", m)
	}
}

// annWasToldTwice of another incident, that she knew of: as often as the caps allow.
func (h *house) annWasToldTwice() {
	h.t.Helper()
	h.exec(`insert into incident (id, key, severity, summary, status, opened_at, alerted_at) overriding system value values (901, 'HOT-901', 1, 'x', 'resolved', now(), now())`)
	h.exec(`insert into attempt (incident, no, page, contact, channel, address, state, reason, queued_at, claimed_at, nonce, again, lease_until)
		select 901, n, 1, 0, 'sms', $1, 'sent', '', now(), now(), 'told ' || n, true, now() from generate_series(1, 2) n`, annsNumber)
}
