package pager_test

import (
	"fmt"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// taken are the words that somebody was told without being asked anything.
func (h *house) taken(to string) (all []string) {
	h.t.Helper()
	h.MoveClock(3 * time.Second)
	if err := h.TellNow(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	for _, m := range h.phones.sentTo(to) {
		if m.Purpose == notifiers.Notice {
			if m.Channel == notifiers.Voice {
				h.t.Errorf("%s was called to be told %q", to, m.Text)
			}
			all = append(all, m.Text)
		}
	}
	return all
}

// Rule 5: whoever was paged hears once who has it now, in their language, and not by a call.
func TestTheOthersHearWhoHasIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`update person set language = 'de' where id = 'ann'`)
	key := h.pushed("db-1")
	h.MoveClock(5 * time.Minute)
	h.phones.expect(t, bobsNumber, 1)
	h.bobAcknowledges(key)
	for range 2 {
		if got := h.taken("ann"); len(got) != 1 || got[0] != "HOT-1: Bob hat es." {
			t.Errorf("Ann was told %q", got)
		}
	}
	if got := h.taken(bobsNumber); len(got) != 0 {
		t.Errorf("Bob, who has it, was told %q", got)
	}
	if _, err := h.Decline(t.Context(), pager.From{Key: key, Person: "bob"}, "rest"); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, "ann", 3) // the page, the notice, and the page of the new round
	h.eventually(key, "paged anew", func(inc engine.Incident) bool { return inc.Escalations[0].Round == 2 })
	if _, err := h.Acknowledge(t.Context(), pager.From{Key: key, Person: "dora"}, "rest"); err != nil {
		t.Fatal(err)
	}
	if got := h.taken("ann"); len(got) != 1 {
		t.Errorf("of one incident Ann was told %q", got)
	}
}

// Rule 8: who declined is told of nothing else; nor is who was sent nothing yet, nor anybody when it is over.
func TestWhoDeclinedIsLeftInPeace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	if _, err := h.Decline(t.Context(), pager.From{Key: key, Person: "ann"}, "rest"); err != nil {
		t.Fatal(err)
	}
	h.phones.expect(t, bobsNumber, 1)
	h.bobAcknowledges(key)
	second := h.pushed("db-2")
	if err := h.Resolve(t.Context(), second, "bob", ""); err != nil {
		t.Fatal(err)
	}
	h.stopQueue()
	release := h.phones.holdUp("ann")
	defer release()
	third := h.alert("db-3").Key
	h.exec(`update attempt set lease_until = now() + interval '1 hour' where state = 'queued'`)
	h.bobAcknowledges(third)
	if got := h.taken("ann"); len(got) != 0 {
		t.Errorf("Ann was told %q", got)
	}
}

// Who has it is not told any more when it is no longer true.
func TestWhatIsNoLongerTrueIsNotTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.bobAcknowledges(key)
	if _, err := h.Decline(t.Context(), pager.From{Key: key, Person: "bob"}, "rest"); err != nil {
		t.Fatal(err)
	}
	if got := h.taken("ann"); len(got) != 0 {
		t.Errorf("Ann was told %q, and nobody has it", got)
	}
}

// Rule 12: somebody who takes many incidents makes one message of it for each of the others.
func TestManyThatAreTakenAreToldTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const n = 30
	for i := range n {
		h.alert(fmt.Sprint("db-", i))
	}
	h.phones.expectTold(t, "ann", n)
	for i := range n {
		h.bobAcknowledges(engine.Key(fmt.Sprintf("HOT-%d", i+1)))
	}
	if got := h.taken("ann"); len(got) != 1 || got[0] != "HOT-1–HOT-30: Bob has it." {
		t.Errorf("Ann was told %q", got)
	}
}
