package notifiers

import (
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"
)

func TestACanaryIsKnownAgain(t *testing.T) {
	nonce := rand.Text()
	text := CanaryText(nonce)
	for _, came := range []string{text, "Rouse: " + text, "Sent from your account - " + text, text[:len("Rouse canary ")+26]} {
		if got := CanaryNonce(came); got != nonce {
			t.Errorf("of %q: %q", came, got)
		}
	}
	for _, other := range []string{"", "ack", "canary " + nonce, "Rouse canary", "Rouse canary " + nonce[:25], "Rouse canary " + nonce + "A", "HOT-12 SEV1 Rouse canaryABC"} {
		if got := CanaryNonce(other); got != "" {
			t.Errorf("of %q: %q", other, got)
		}
	}
	if s := SMSText(Message{Channel: SMS, Purpose: Notice, Text: text}); CanaryNonce(s) != nonce || len(s) > 160 {
		t.Errorf("as a text: %q", s)
	}
}

// A provider whose canary does not come back is asked last, but asked, until one does.
func TestAProviderThatIsDownIsAskedLast(t *testing.T) {
	first, second := provider("first", nil), provider("second", nil)
	breaker := &Breaker{}
	c := NewChain(Provider{Name: "first", Notifier: first, Breaker: breaker}, Provider{Name: "second", Notifier: second})
	send := func() string {
		r, err := c.Notify(t.Context(), Message{})
		if err != nil {
			t.Fatal(err)
		}
		return r.Provider
	}
	breaker.MarkDown(true)
	if by := send(); by != "second" {
		t.Errorf("sent by %s", by)
	}
	second.answers = []error{failure(Final)}
	second.answers[0].(*Failure).Elsewhere = true
	if by := send(); by != "first" {
		t.Errorf("with nobody else, sent by %s", by)
	}
	second.answers = []error{nil}
	if by := send(); by != "second" {
		t.Errorf("that it took a message makes it well: sent by %s", by)
	}
	breaker.MarkDown(false)
	if by := send(); by != "first" {
		t.Errorf("well again: sent by %s", by)
	}
}

// What a provider takes and does not bring counts against it as what it refuses does: after three it fails, and is asked
// last for a while. A dead number, somebody who does not pick up, and what another provider could not bring either count
// for nothing.
func TestWhatDoesNotArriveIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := provider("first", nil), provider("second", nil)
		b := &Breaker{}
		c := NewChain(Provider{Name: "first", Notifier: first, Breaker: b}, Provider{Name: "second", Notifier: second})
		sentBy := func(want string) {
			t.Helper()
			if r, err := c.Notify(t.Context(), Message{}); err != nil || r.Provider != want {
				t.Errorf("sent by %s, %v; want %s", r.Provider, err, want)
			}
		}
		lost := Receipt{State: Failed, Elsewhere: true, Detail: "filtered by the carrier of +4917012345678"}
		for range 5 {
			b.Told(time.Now(), Receipt{State: Failed, Gone: true, Detail: "no such number"})
			b.Told(time.Now(), Receipt{State: Failed, Detail: "nobody answered"})
		}
		if h := b.Health(); h != (Health{}) {
			t.Errorf("of dead numbers: %+v", h)
		}
		b.Told(time.Now(), lost)
		b.Told(time.Now(), lost)
		b.Told(time.Now(), Receipt{State: Delivered})
		since := time.Now()
		b.Told(since, lost)
		b.Told(since, lost)
		sentBy("first")
		if h := b.Health(); !h.FailingSince.IsZero() || h.Failure == "" || h.LastFailure != since {
			t.Errorf("after two that are lost: %+v", h)
		}
		time.Sleep(time.Minute) // of the bubble
		b.Told(time.Now(), lost)
		sentBy("second")
		if h := b.Health(); h.FailingSince != since || MaskNumbers(h.Failure) != h.Failure {
			t.Errorf("after three that are lost: %+v", h)
		}
		time.Sleep(breakFor)
		sentBy("first") // it is tried again, and that it takes messages does not make it well
		if h := b.Health(); h.FailingSince.IsZero() {
			t.Errorf("well, though nothing has arrived: %+v", h)
		}
		b.Told(time.Now(), lost)
		sentBy("second")
		b.Told(time.Now(), Receipt{State: Delivered})
		if h := b.Health(); !h.FailingSince.IsZero() {
			t.Errorf("after one has arrived: %+v", h)
		}
		for range 3 {
			b.Told(time.Now(), lost)
		}
		time.Sleep(lostFor)
		if h := b.Health(); !h.FailingSince.IsZero() {
			t.Errorf("an hour later, of a provider that never says that one arrived: %+v", h)
		}
		b.Told(time.Now(), lost)
		sentBy("first")
	})
}
