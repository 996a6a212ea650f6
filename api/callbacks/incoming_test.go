package callbacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// callsIn is what Twilio posts of a call to Rouse's number; path goes on behind /callbacks/twilio/incoming.
func (d *desk) callsIn(from, path, digits string) *httptest.ResponseRecorder {
	params := url.Values{"CallSid": {callSID}, "From": {from}, "To": {"+4930123456"}, "CallStatus": {"in-progress"}}
	if digits != "" {
		params.Set("Digits", digits)
	}
	return d.twilioPosts(twilio.IncomingPath+path, params)
}

var second = pager.OpenPage{Nonce: "second", Message: notifiers.Message{Key: "HOT-2", Severity: 2, Summary: "Replica lag"}}

func TestACallerHearsWhatIsOpen(t *testing.T) {
	d := newDesk(t)
	d.open = []pager.OpenPage{second}
	w := d.callsIn(annNumber, "", "")
	wantText(t, w, 200, "2 incidents are open for you", "H, O, T, 1. Severity 1. Disk full.", "3 for the next", "0 to acknowledge all 2")
	if doc := parse(t, w.Body.Bytes()); len(doc.Gather) != 2 || !strings.HasPrefix(doc.Gather[0].Action, publicURL+twilio.IncomingPath+"/"+nonce) {
		t.Errorf("keys go to %+v", doc.Gather)
	}
	wantText(t, d.callsIn(annNumber, "/"+nonce, "3"), 200, "H, O, T, 2. Severity 2. Replica lag.")
	wantText(t, d.callsIn(annNumber, "/second", "3"), 200, "H, O, T, 1.")
	wantText(t, d.callsIn(annNumber, "/second", "9"), 200, "H, O, T, 2.")
	wantText(t, d.callsIn(annNumber, "/second", "7"), 200, "That was not understood.", "H, O, T, 2.")
	d.wantEffects(t)
	wantText(t, d.callsIn(annNumber, "/"+nonce, "1"), 200, "Acknowledged. You are now the incident manager.", "H, O, T, 2.")
	d.wantEffects(t, "acknowledged by call-in")
	d.open = nil
	wantText(t, d.callsIn(annNumber, "/second", "9"), 200, "Nothing else is open for you.", "<Hangup>")
}

func TestACallerDeclinesAndTakesAll(t *testing.T) {
	d := newDesk(t)
	wantText(t, d.callsIn(annNumber, "/"+nonce, "2"), 200, "Declined.", "Nothing else is open")
	d.wantEffects(t, "declined by call-in")
	d = newDesk(t)
	d.language, d.tally = "de", pager.Tally{Done: 3, Barred: 1}
	wantText(t, d.callsIn(annNumber, "/"+nonce, "0"), 200, "3 übernommen, 1 nur mit ihren Codes.")
	d.wantEffects(t, "acknowledged by call-in")
}

// Whoever forges a number learns nothing: nobody's, and somebody's for whom nothing is open, hear the same.
func TestStrangersWhoCallLearnNothing(t *testing.T) {
	d := newDesk(t)
	d.nothing, d.language = true, "de"
	want := d.callsIn(annNumber, "", "").Body.String()
	wantText(t, d.callsIn(annNumber, "", ""), 200, nothingKnown, "<Hangup>")
	for _, from := range []string{"+15555550100", "anonymous", "", "+266696687"} {
		for _, path := range []string{"", "/" + nonce, "/" + nonce + "/1"} {
			if got := d.callsIn(from, path, "1").Body.String(); got != want {
				t.Errorf("%q at %s hears %s", from, path, got)
			}
		}
	}
	d.wantEffects(t)
}

func TestACallerTypesTheCode(t *testing.T) {
	d := newDesk(t)
	d.needsCode = true
	w := d.callsIn(annNumber, "/"+nonce, "1")
	wantText(t, w, 200, "Please type the code", `finishOnKey="#"`)
	if doc := parse(t, w.Body.Bytes()); !strings.HasPrefix(doc.Gather[0].Action, publicURL+twilio.IncomingPath+"/"+nonce+"/1") || strings.Contains(w.Body.String(), "numDigits") {
		t.Errorf("the code goes to %s", w.Body)
	}
	d.wantEffects(t)
	wantText(t, d.callsIn(annNumber, "/"+nonce+"/1", "111111"), 200, "That is not the code.", "H, O, T, 1.")
	wantText(t, d.callsIn(annNumber, "/"+nonce+"/1", ""), 200, "That is not the code.")
	wantText(t, d.callsIn(annNumber, "/"+nonce+"/7", code), 200, "That is not the code.")
	d.wantEffects(t)
	wantText(t, d.callsIn(annNumber, "/"+nonce+"/2", code), 200, "Declined.")
	d.wantEffects(t, "declined by call-in")
}

// Codes that are typed and codes that are texted are counted together.
func TestGuessingByPhoneIsCutShort(t *testing.T) {
	d := newDesk(t)
	d.needsCode = true
	for i := range maxGuesses {
		d.callsIn(annNumber, "/"+nonce+"/1", fmt.Sprintf("%06d", i))
	}
	wantText(t, d.callsIn(annNumber, "/"+nonce+"/1", code), 200, "Too many wrong codes.", "<Hangup>")
	wantText(t, d.text(annNumber, code, textSID), 200, "Too many wrong codes.")
	d.wantEffects(t)
}

// S1: what Twilio did not sign is refused; what is repeated is not done again.
func TestCallsThatNobodyMade(t *testing.T) {
	d := newDesk(t)
	for _, path := range []string{"", "/" + nonce, "/" + nonce + "/1"} {
		for _, token := range []string{"guessed", ""} {
			r := signed(twilio.IncomingPath+path, token, url.Values{"CallSid": {callSID}, "From": {annNumber}, "Digits": {"1"}})
			wantText(t, d.do(r), http.StatusForbidden)
		}
		wantText(t, d.twilioPosts(twilio.IncomingPath+path, url.Values{"CallSi": {"d" + callSID}, "From": {annNumber}, "Digits": {"1"}}), http.StatusForbidden)
	}
	d.wantEffects(t)
	for range 1000 {
		d.callsIn(annNumber, "/"+nonce, "1")
	}
	d.wantEffects(t, "acknowledged by call-in")
}

// The caller's wrong codes count wherever they come in.
func TestGuessesAreSharedByNodes(t *testing.T) {
	shared := &fakeGuesses{}
	one, other := newDesk(t), newDesk(t)
	one.h.guesses.shared, other.h.guesses.shared = shared, shared
	for i := range maxGuesses {
		d := []*desk{one, other}[i%2]
		wantText(t, d.text(annNumber, fmt.Sprintf("%06d", i), fmt.Sprintf("SM%032d", i)), 200, "That was not understood.")
	}
	for _, d := range []*desk{one, other, newDesk(t)} {
		d.h.guesses.shared = shared // the last one was just started
		wantText(t, d.text(annNumber, code, textSID), 200, "Too many wrong codes.")
		d.wantEffects(t)
	}

	t.Log("while the database is away each node counts its own")
	shared.away = true
	fresh := newDesk(t)
	fresh.h.guesses.shared = shared
	wantText(t, fresh.text(annNumber, code, textSID), 200, "HOT-1: Acknowledged.")
	for i := range maxGuesses {
		fresh.text(annNumber, fmt.Sprintf("%06d", i), fmt.Sprintf("SM%032d", i))
	}
	wantText(t, fresh.text(annNumber, code, textSID), 200, "Too many wrong codes.")
}

// fakeGuesses counts for everybody.
type fakeGuesses struct {
	mu          sync.Mutex
	away        bool
	last, wrong int
}

func (g *fakeGuesses) BeginGuess(_ context.Context, _ string, limit int, _ time.Duration) (enginedb.Guess, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away {
		return enginedb.Guess{}, errors.New("no connection")
	}
	if g.wrong >= limit {
		return enginedb.Guess{Wrong: g.wrong}, nil
	}
	g.last++
	return enginedb.Guess{ID: int64(g.last), Wrong: g.wrong}, nil
}

func (g *fakeGuesses) EndGuess(_ context.Context, _ int64, wrong bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wrong {
		g.wrong++
	}
	return nil
}

// A reply is in the language of who is known by the number, also when it asks back.
func TestRepliesAreInThePersonsLanguage(t *testing.T) {
	d := newDesk(t)
	d.language = "de"
	for text, want := range map[string]string{
		"help":                   "Antwort mit Code: übernehmen",
		"ok":                     "Welche? Offen: HOT-1.",
		"who broke the database": "Das wurde nicht verstanden.",
		"111111":                 "Das wurde nicht verstanden.",
	} {
		wantText(t, d.text(annNumber, text, textSID), 200, want)
	}
	wantText(t, d.text("+15555550100", "help", textSID), 200, "Reply with the code")
}
