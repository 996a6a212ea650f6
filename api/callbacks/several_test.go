package callbacks

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// An answer to a message about several incidents says how many of them it did what to, whatever way it came.
func TestAnAnswerAboutSeveralIsCounted(t *testing.T) {
	d := newDesk(t)
	d.tally = pager.Tally{Done: 34, Taken: 2, Over: 1}
	wantText(t, d.text(annNumber, code, textSID), http.StatusOK, "HOT-1 and 36 more: 34 acknowledged, 2 taken by others before, 1 over.")
	wantText(t, d.do(httptest.NewRequest(http.MethodPost, "/a/"+annToken+"/ack", nil)), http.StatusOK, "34 acknowledged, 2 taken")
	wantText(t, d.press("1"), http.StatusOK, "34 acknowledged, 2 taken")

	d = newDesk(t)
	d.tally, d.language = pager.Tally{Done: 5}, "de"
	wantText(t, d.text(annNumber, code+" nein", textSID), http.StatusOK, "HOT-1 und 4 weitere: 5 abgelehnt.")

	d = newDesk(t)
	d.tally, d.outcome, d.holder = pager.Tally{Taken: 3}, engine.OutcomeTaken, "Bob"
	wantText(t, d.text(annNumber, code, textSID), http.StatusOK, "HOT-1 and 2 more: 3 taken by others before.")
}

// What could not be stored for some of them is said, with what was; the person may answer again.
func TestAnAnswerThatFailedForSomeSaysSo(t *testing.T) {
	some := pager.Tally{Done: 4, Failed: 1}
	d := newDesk(t)
	d.tally = some
	wantText(t, d.text(annNumber, code, textSID), http.StatusOK, "4 acknowledged, 1 could not be taken in: please answer again.")
	if d.calls < 2 {
		t.Error("it was not tried again")
	}
	d = newDesk(t)
	d.tally = some
	wantText(t, d.do(httptest.NewRequest(http.MethodPost, "/a/"+annToken+"/ack", nil)), http.StatusServiceUnavailable, "4 acknowledged, 1 could not")
	wantText(t, d.press("1"), http.StatusOK, "4 acknowledged, 1 could not")

	d = newDesk(t)
	d.tally = pager.Tally{Failed: 5}
	wantText(t, d.text(annNumber, code, textSID), http.StatusOK, "could not be taken in right now")
}

// A call about several reads the worst and asks for one answer.
func TestACallAboutSeveralAsksOnce(t *testing.T) {
	d := newDesk(t)
	d.also = []notifiers.Named{{Key: "HOT-2", Severity: 2, Summary: "Replica lag"}}
	wantText(t, d.twilioPosts(twilio.VoicePath+nonce, url.Values{"CallSid": {callSID}, "From": {"+4930123456"}, "To": {annNumber}}), http.StatusOK,
		"H, O, T, 1.", "And 1 more.", "H, O, T, 2. Severity 2. Replica lag.", "Press 1 to acknowledge all 2, 2 to decline them")
}
