package twilio_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
)

// quick makes a second of ringing and pausing short. Nobody who presses a key in these stories
// needs longer: their keys wait for the question.
var quick = twiliosim.Config{Second: 10 * time.Millisecond}

func TestPersonAcknowledgesByKey(t *testing.T) {
	r := start(t, quick)
	r.ann.WillPress("1")
	receipt := r.call(page("n1"))
	if receipt.State != notifiers.Sent || !strings.HasPrefix(receipt.ProviderID, "CA") {
		t.Errorf("receipt %+v", receipt)
	}
	r.ann.ExpectSaid(t, soon, "H, O, T, 1. Severity 1. Disk full on db1. Service bitbucket.")
	r.ann.ExpectSaid(t, soon, "Press 1 to acknowledge")
	r.ann.ExpectSaid(t, soon, "You are now the incident manager")
	r.ann.ExpectEnd(t, soon, "completed")
	news := r.settle()
	var states []notifiers.State
	for _, n := range news {
		if n.ProviderID != receipt.ProviderID || n.At.IsZero() {
			t.Errorf("news %+v is not about call %s, or has no date", n, receipt.ProviderID)
		}
		states = append(states, n.State)
	}
	if want := []notifiers.State{notifiers.Sent, notifiers.Sent, notifiers.Delivered, notifiers.Delivered}; !slices.Equal(states, want) {
		t.Errorf("told %v, want %v", states, want)
	}
}

func TestPersonRepeatsThenMistypesThenDeclines(t *testing.T) {
	r := start(t, quick)
	r.ann.WillPress("9", "7", "2")
	r.call(page("n1"))
	r.ann.ExpectSaid(t, soon, "Press 1")
	r.ann.ExpectSaid(t, soon, "Press 1") // 9
	r.ann.ExpectSaid(t, soon, "That was not understood.")
	r.ann.ExpectSaid(t, soon, "H, O, T, 1")
	r.ann.ExpectSaid(t, soon, "Declined. Somebody else is being paged.")
	r.await("three keys", func() bool { return slices.Equal(r.keys, []string{"9", "7", "2"}) })
}

func TestPersonIsToldThatBobWasQuicker(t *testing.T) {
	r := start(t, quick)
	r.by = "Bob"
	r.call(page("n1"))
	r.ann.ExpectCall(t, soon)
	if err := r.ann.Answer(); err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectSaid(t, soon, "Already acknowledged by Bob.")
	call := r.ann.ExpectEnd(t, soon, "completed")
	if len(call.Said) != 1 {
		t.Errorf("said %q", call.Said)
	}
}

func TestGermanIsReadInGerman(t *testing.T) {
	r := start(t, quick)
	r.ann.WillPress("1")
	m := page("n1")
	m.Language, m.Purpose = "de-AT", notifiers.StillOn
	r.call(m)
	r.ann.ExpectSaid(t, soon, "H, O, T, 1. Schweregrad 1. Disk full on db1. Dienst bitbucket.")
	r.ann.ExpectSaid(t, soon, "Sind Sie noch dran? Drücken Sie 1 zum Behalten")
	r.ann.ExpectSaid(t, soon, "Es bleibt bei Ihnen")
}

// Rule 10: a machine never acknowledges. Whatever tones are in the greeting before the question.
func TestVoicemailPressesNothing(t *testing.T) {
	for _, tones := range []string{"", "1", "1111", "#1*2"} {
		r := start(t, twiliosim.Config{Second: time.Millisecond})
		r.ann.WillGoToVoicemail(tones)
		r.call(page("n1"))
		call := r.ann.ExpectEnd(t, soon, "completed")
		if len(r.keys) != 0 || call.Pressed != "" {
			t.Errorf("tones %q became the keys %q", tones, r.keys)
		}
		if n := len(call.Said); n != 5 || call.Said[n-1] != "No key was pressed. Goodbye." {
			t.Errorf("the machine recorded %q, want the message twice and goodbye", call.Said)
		}
	}
}

// Rule 10: tones that come while the message is being said are lost, too; only what comes with and
// after the question counts.
func TestTonesDuringTheMessageAreLost(t *testing.T) {
	r := start(t, twiliosim.Config{Second: time.Millisecond, SayFor: 50 * time.Millisecond})
	r.ann.OnCall(twiliosim.CallPlan{Do: twiliosim.Voicemail})
	r.call(page("n1"))
	r.ann.ExpectSaid(t, soon, "Severity 1")
	r.ann.Tones("1")
	r.ann.ExpectEnd(t, soon, "completed")
	if len(r.keys) != 0 {
		t.Errorf("keys %q", r.keys)
	}
	if !slices.ContainsFunc(r.sim.Events(), func(e twiliosim.Event) bool { return e.Kind == twiliosim.Ignored && e.Text == "1" }) {
		t.Error("the tone came too late for this test to mean anything")
	}
}

func TestCallsThatReachNobody(t *testing.T) {
	for reaction, want := range map[twiliosim.Reaction]struct{ status, detail string }{
		twiliosim.NoAnswer: {"no-answer", "nobody answered"},
		twiliosim.Busy:     {"busy", "busy"},
		twiliosim.Fail:     {"failed", "the call could not be connected"},
	} {
		r := start(t, twiliosim.Config{Second: time.Millisecond})
		r.ann.OnCall(twiliosim.CallPlan{Do: reaction})
		r.call(page("n1"))
		r.ann.ExpectEnd(t, soon, want.status)
		news := r.settle()
		if last := news[len(news)-1]; last.State != notifiers.Failed || last.Detail != want.detail {
			t.Errorf("%s: told %+v, want failed: %s", reaction, last, want.detail)
		}
	}
}

func TestAnswerThenHangUpIsNoAcknowledgement(t *testing.T) {
	r := start(t, quick)
	r.ann.OnCall(twiliosim.CallPlan{Do: twiliosim.HangUp})
	r.call(page("n1"))
	r.ann.ExpectEnd(t, soon, "completed")
	if r.settle(); len(r.keys) != 0 {
		t.Errorf("keys %q", r.keys)
	}
}

// F4: a page that somebody else has answered stops ringing.
func TestWithdrawEndsRinging(t *testing.T) {
	r := start(t, twiliosim.Config{})
	withdraw := r.twilio.Voice().(notifiers.Withdrawer).Withdraw
	receipt := r.call(page("n1"))
	r.ann.ExpectCall(t, soon)
	if err := withdraw(t.Context(), receipt.ProviderID); err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectEnd(t, soon, "canceled")
	if err := withdraw(t.Context(), receipt.ProviderID); err != nil {
		t.Errorf("withdrawing what is over: %v", err)
	}
	if news := r.settle(); news[len(news)-1].State != notifiers.Failed {
		t.Errorf("told %+v", news)
	}
}

func TestWithdrawEndsConversation(t *testing.T) {
	r := start(t, twiliosim.Config{Second: 50 * time.Millisecond})
	receipt := r.call(page("n1"))
	r.ann.ExpectCall(t, soon)
	if err := r.ann.Answer(); err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectSaid(t, soon, "Severity 1")
	if err := r.twilio.Voice().(notifiers.Withdrawer).Withdraw(t.Context(), receipt.ProviderID); err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectEnd(t, soon, "completed")
}

// F2: a call that another node placed for another message is not taken for this one.
func TestFindLeavesOutWhatIsKnownToBeAnothers(t *testing.T) {
	r := start(t, twiliosim.Config{})
	m := page("n1")
	m.Since = time.Now()
	if err := r.sim.Fault(fake.Fault{Kind: fake.Fail, Times: 1}); err != nil { // placed, and the node never heard so
		t.Fatal(err)
	}
	if _, err := r.twilio.Voice().Notify(t.Context(), page("by another node")); err == nil {
		t.Fatal("wanted a 500")
	}
	finder := r.twilio.Voice().(notifiers.Finder)
	m.Foreign = func(_ context.Context, id string) bool { return id != "" }
	if receipt, found, err := finder.Find(t.Context(), m); found || err != nil {
		t.Errorf("found %+v, %v", receipt, err)
	}
}

// F2: a call whose fate is unknown is found, but not one that was placed for another message.
func TestFindCall(t *testing.T) {
	r := start(t, twiliosim.Config{})
	finder := r.twilio.Voice().(notifiers.Finder)
	m := page("n1")
	m.Since = time.Now()
	if _, found, err := finder.Find(t.Context(), m); found || err != nil {
		t.Fatalf("found %v, %v before any call", found, err)
	}
	r.call(page("for another incident"))
	if _, found, err := finder.Find(t.Context(), m); found || err != nil {
		t.Fatalf("found %v, %v: that call is another message's", found, err)
	}
	if err := r.sim.Fault(fake.Fault{Kind: fake.Fail, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.twilio.Voice().Notify(t.Context(), m); err == nil {
		t.Fatal("wanted a 500")
	}
	receipt, found, err := finder.Find(t.Context(), m)
	if err != nil || !found || receipt.State != notifiers.Sent || receipt.ProviderID == "" {
		t.Fatalf("found %v %+v, %v", found, receipt, err)
	}
	r.call(page("n4"))
	r.call(page("n4 again, elsewhere"))
	own := page("n4")
	own.Since = m.Since
	if _, found, _ := finder.Find(t.Context(), own); !found {
		t.Error("did not find the call that it placed itself, among others")
	}
	late := m
	late.Nonce, late.Since = "n2", time.Now().Add(time.Minute)
	if _, found, _ := finder.Find(t.Context(), late); found {
		t.Error("found a call from before Since")
	}
	if _, found, _ := finder.Find(t.Context(), page("n3")); found {
		t.Error("found a call that is known to be another's")
	}
}
