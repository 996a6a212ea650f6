package ntfy_test

import (
	"strings"
	"testing"

	"rouse/notifiers"
	"rouse/notifiers/ntfy"
)

// What was published to a topic is read back from it, by its nonce, with a token that may read it.
func TestArrivedReadsTheTopic(t *testing.T) {
	sim, n, client := start(t)
	m := notifiers.Message{Nonce: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Channel: notifiers.Push, Purpose: notifiers.Notice, To: "robot-x7", Tracked: true}
	m.Text = notifiers.CanaryText(m.Nonce)
	arrived := func(want bool) {
		t.Helper()
		if got, err := n.Arrived(t.Context(), m); err != nil || got != want {
			t.Errorf("arrived: %v, %v; want %v", got, err, want)
		}
	}
	arrived(false)
	other := m
	other.Text = notifiers.CanaryText("ZZZZZZZZZZZZZZZZZZZZZZZZZZ")
	for _, m := range []notifiers.Message{other, m} {
		arrived(false)
		if _, err := n.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	arrived(true)

	stranger, err := ntfy.New(ntfy.Config{BaseURL: sim.URL(), Token: "tk_another", HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Arrived(t.Context(), m); err == nil || !strings.Contains(err.Error(), "may not read this topic") {
		t.Errorf("with a token that may not read: %v", err)
	}
	m.To = "../v1/account"
	if _, err := n.Arrived(t.Context(), m); err == nil {
		t.Error("what is no topic was asked for")
	}
}
