package pager_test

import (
	"context"
	"strings"
	"testing"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// A contact that a provider calls dead is used no longer; its owner is told another way, and whoever owns the
// roster.
func TestADeadContactIsUsedNoLonger(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	people := rosterdb.New(h.db)
	for _, err := range []error{
		people.CreateTeam(t.Context(), rosters.Team{ID: "git", Name: "Git", Members: []rosters.Member{{Person: "carl", Role: rosters.Owner}}}),
		people.SetOwner(t.Context(), rosterdb.OwnedRoster, "bitbucket-im", "git"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	h.phones.refuse["ann"] = &notifiers.Failure{Kind: notifiers.Final, Gone: true, Provider: "phones", Detail: "no such topic"}
	key := h.alert("db-1").Key
	h.phones.expect(t, annsNumber, 1) // at once, by the next contact
	h.until("Ann's push is out of use", func() bool {
		ann, err := people.Person(t.Context(), "ann")
		if err != nil {
			t.Fatal(err)
		}
		return ann.Contacts[0].Disabled && ann.Contacts[0].Dead == "no such topic" && !ann.Contacts[1].Disabled
	})
	h.until("both are told", func() bool {
		return h.count(`select count(*) from notice where kind = 'contact ended' and person in ('ann', 'carl')`) == 2
	})
	if err := h.Resolve(t.Context(), key, "dora", ""); err != nil {
		t.Fatal(err)
	}
	before := len(h.phones.sentTo("ann"))
	h.alert("db-2")
	h.phones.expect(t, annsNumber, 2)
	if n := len(h.phones.sentTo("ann")); n != before {
		t.Errorf("it was used again: %d messages, before %d", n, before)
	}
	if revived, err := people.ReviveContacts(t.Context(), "ann", rosters.Push, "ann"); err != nil || !revived {
		t.Errorf("it cannot be used again: %t, %v", revived, err)
	}
	if ann, err := people.Person(t.Context(), "ann"); err != nil || ann.Contacts[0].Disabled || ann.Contacts[0].Dead != "" {
		t.Errorf("it is not used again: %+v, %v", ann.Contacts[0], err)
	}
}

// What one provider took and could not deliver, the next one brings (rule 11).
func TestTheNextProviderBringsWhatOneCouldNot(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	first, second := newPhones(), newPhones()
	chain := notifiers.NewChain(notifiers.Provider{Name: "first", Notifier: first}, notifiers.Provider{Name: "second", Notifier: second})
	h.phones = first
	h.Pager = h.node("node-a", func(c *pager.Config) {
		for _, channel := range []notifiers.Channel{notifiers.Push, notifiers.SMS, notifiers.Voice} {
			sendBy(c, channel, chain)
		}
	})
	key := h.alert("db-1").Key
	m := first.expect(t, "ann", 1)
	h.eventually(key, "sent", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	if err := h.Report(t.Context(), m.Nonce, notifiers.Receipt{State: notifiers.Failed, Detail: "not delivered", Elsewhere: true}); err != nil {
		t.Fatal(err)
	}
	again := second.expect(t, "ann", 1)
	if strings.Join(again.Avoid, " ") != "first" || again.Nonce == m.Nonce {
		t.Errorf("the second one was told to avoid %v", again.Avoid)
	}
	first.expect(t, annsNumber, 1) // and the next contact is tried by the first provider
	h.eventually(key, "sent by the second", func(inc engine.Incident) bool {
		_, _, a := inc.Attempt(2)
		return a != nil && a.Reason == engine.ReasonNextProvider && a.State == engine.Sent
	})
	if provider := h.text(`select provider from attempt where no = 2`); provider != "second" {
		t.Errorf("by %q", provider)
	}
}

// The page of a link tells how things stand, and that it is shown is a receipt that acknowledges nothing.
func TestThePageOfALink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.alert("db-1").Key
	m := h.phones.expect(t, "ann", 1)
	token := m.PageURL[strings.LastIndex(m.PageURL, "/")+1:]
	if m.SeenURL != m.PageURL+"/seen" || !strings.Contains(m.AckURL, token) {
		t.Fatalf("links %s, %s, %s", m.PageURL, m.SeenURL, m.AckURL)
	}
	v, err := h.View(t.Context(), token)
	if err != nil || v.Message.Key != string(key) || v.Message.Summary != "Pushes fail" || v.Person.ID != "ann" || !v.Open || v.Holder != "" || len(v.Paged) != 1 || !v.Paged[0].You {
		t.Fatalf("it shows %+v, %v", v, err)
	}
	if err := h.Seen(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	inc := h.eventually(key, "delivered", func(inc engine.Incident) bool {
		return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Delivered
	})
	if inc.Status != engine.New {
		t.Errorf("a receipt made it %s", inc.Status)
	}
	for _, wrong := range []string{"", "x", token[:len(token)-1] + "!", "1-1-" + strings.Repeat("A", 22)} {
		if _, err := h.View(t.Context(), wrong); err == nil {
			t.Errorf("%q shows something", wrong)
		}
		if err := h.Seen(t.Context(), wrong); err == nil {
			t.Errorf("%q is a receipt", wrong)
		}
	}
	if _, err := h.Acknowledge(t.Context(), pager.From{Token: token}, "button"); err != nil {
		t.Fatal(err)
	}
	if v, err = h.View(t.Context(), token); err != nil || v.Open || !v.Mine || v.Holder != "Ann" || v.Manager != "Ann" || v.Status != engine.Fixing {
		t.Errorf("then it shows %+v, %v", v, err)
	}
}

func (h *house) count(sql string) (n int) {
	h.t.Helper()
	if err := h.db.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *house) text(sql string) (s string) {
	h.t.Helper()
	if err := h.db.QueryRow(context.Background(), sql).Scan(&s); err != nil {
		h.t.Fatal(err)
	}
	return s
}
