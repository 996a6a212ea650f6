package pager_test

import (
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
)

// Rule 11: how long a text waits for its receipt, and a call rings, is a setting.
func TestRule11_ReceiptsAreWaitedForAsLongAsIsSet(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.Pager = h.node("node-a", func(c *pager.Config) {
		c.ReceiptWithin, c.RingFor = map[rosters.Channel]time.Duration{rosters.SMS: 7 * time.Minute}, 100*time.Second
	})
	wait := func(to string, key engine.Key) time.Duration {
		t.Helper()
		h.phones.expect(t, to, 1)
		inc := h.eventually(key, "a receipt is waited for", func(inc engine.Incident) bool { return !inc.Escalations[0].Pages[0].Attempts[0].ReceiptBy.IsZero() })
		a := inc.Escalations[0].Pages[0].Attempts[0]
		return a.ReceiptBy.Sub(a.SentAt)
	}
	h.texts()
	if got := wait(bobsNumber, h.alert("db-1").Key); got != 7*time.Minute {
		t.Errorf("a text waits for %s", got)
	}
	h.calls()
	if got := wait("+491700000003", h.alert("db-2").Key); got != 100*time.Second+engine.RingMargin {
		t.Errorf("a call waits for %s", got)
	}
}

// A number that is no more is known not to be its provider's failure.
func TestADeadNumberIsNotItsProvidersFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.texts()
	key := h.alert("db-1").Key
	m := h.phones.expect(t, bobsNumber, 1)
	h.eventually(key, "the text is sent", func(inc engine.Incident) bool { return inc.Escalations[0].Pages[0].Attempts[0].State == engine.Sent })
	if err := h.Report(t.Context(), m.Nonce, notifiers.Receipt{Provider: "phones", State: notifiers.Failed, Gone: true, Detail: "no such number"}); err != nil {
		t.Fatal(err)
	}
	if !ask[bool](h, `select gone from attempt where nonce = $1`, m.Nonce) {
		t.Error("its provider is to blame")
	}
}
