package callbacks

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// every is a genuine callback at each of Twilio's paths.
func every() map[string]url.Values {
	return map[string]url.Values{
		twilio.StatusPath + nonce: {"MessageSid": {textSID}, "MessageStatus": {"delivered"}},
		twilio.VoicePath + nonce:  {"CallSid": {callSID}, "CallStatus": {"in-progress"}},
		twilio.KeyPath + nonce:    {"CallSid": {callSID}, "Digits": {"1"}},
		twilio.SMSPath:            {"From": {annNumber}, "Body": {"ack " + code}, "MessageSid": {textSID}},
	}
}

// S1: what Twilio did not sign is refused, and the engine hears nothing of it.
func TestForgedCallbacks(t *testing.T) {
	for path, params := range every() {
		for name, forge := range map[string]func() *http.Request{
			"no signature": func() *http.Request {
				r := signed(path, authToken, params)
				r.Header.Del("X-Twilio-Signature")
				return r
			},
			"empty signature": func() *http.Request {
				r := signed(path, authToken, params)
				r.Header.Set("X-Twilio-Signature", "")
				return r
			},
			"another token": func() *http.Request { return signed(path, "guessed", params) },
			"another path":  func() *http.Request { r := signed(path, authToken, params); r.RequestURI += "x"; return r },
			"a query":       func() *http.Request { r := signed(path, authToken, params); r.RequestURI += "?try=1"; return r },
			"one more parameter": func() *http.Request {
				more := url.Values{"Digits": {"1"}, "AccountSid": {account}}
				r := signed(path, authToken, more)
				r.Header.Set("X-Twilio-Signature", twilio.Signature(authToken, publicURL+path, params))
				return r
			},
			"JSON": func() *http.Request {
				r := signed(path, authToken, params)
				r.Header.Set("Content-Type", "application/json")
				return r
			},
			"behind the host it names": func() *http.Request {
				r := signed(path, authToken, params)
				r.Host = "evil.example"
				r.Header.Set("X-Forwarded-Host", "evil.example")
				r.Header.Set("X-Twilio-Signature", twilio.Signature(authToken, "https://evil.example"+path, params))
				return r
			},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				d := newDesk(t)
				wantText(t, d.do(forge()), http.StatusForbidden)
				if d.calls != 0 {
					t.Error("the engine was asked")
				}
			})
		}
	}
}

func TestForwardedHeadersChangeNothing(t *testing.T) {
	for path, params := range every() {
		d := newDesk(t)
		r := signed(path, authToken, params)
		r.Host = "10.0.0.7:8080"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("X-Forwarded-Proto", "http")
		r.Header.Set("Forwarded", "host=evil.example")
		if w := d.do(r); w.Code >= 300 || d.calls != 1 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// F28: while the token is being changed both count, afterwards the new one alone.
func TestTokenRotation(t *testing.T) {
	for path, params := range every() {
		both, after := newDesk(t, authToken, otherToken), newDesk(t, otherToken)
		for token, want := range map[string][2]bool{authToken: {true, false}, otherToken: {true, true}, "third": {false, false}} {
			for i, d := range []*desk{both, after} {
				if got := d.do(signed(path, token, params)).Code; (got != http.StatusForbidden) != want[i] {
					t.Errorf("%s: %d for one of the tokens, desk %d", path, got, i)
				}
			}
		}
	}
}

// Twilio signs names and values in one run: parted elsewhere they are signed as well, and would pass
// for something new without the id that says it is old.
func TestPartedElsewhere(t *testing.T) {
	for path, params := range map[string]url.Values{
		twilio.SMSPath:         {"From": {annNumber}, "Body": {code}, "MessageSi": {"d" + textSID}},
		twilio.KeyPath + nonce: {"CallSi": {"d" + callSID}, "Digits": {"1"}},
	} {
		d := newDesk(t)
		wantText(t, d.twilioPosts(path, params), http.StatusForbidden)
		d.wantEffects(t)
	}
}

func TestWithoutTwilio(t *testing.T) {
	d := newDesk(t)
	d.h.twilio = func() []*twilio.Twilio { return nil }
	for path, params := range every() {
		wantText(t, d.twilioPosts(path, params), http.StatusNotFound)
	}
}

// F21: receipts reach the engine as they come, in whatever order and however often.
func TestReceiptsInAnyOrder(t *testing.T) {
	d := newDesk(t)
	states := map[string]notifiers.State{"sent": notifiers.Sent, "delivered": notifiers.Delivered, "undelivered": notifiers.Failed}
	order := []string{"delivered", "sent", "undelivered", "sent", "delivered"}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, status := range order {
		w := d.twilioPosts(twilio.StatusPath+nonce, url.Values{"MessageSid": {textSID}, "MessageStatus": {status}})
		wantText(t, w, http.StatusNoContent)
	}
	for i, status := range order {
		if got := d.receipts[i]; got.State != states[status] || got.ProviderID != textSID {
			t.Errorf("%d: got %+v for %s", i, got, status)
		}
	}
	wantText(t, d.twilioPosts(twilio.StatusPath+nonce, url.Values{"MessageSid": {textSID}, "MessageStatus": {"queued"}}), http.StatusNoContent)
	if len(d.receipts) != len(order) {
		t.Error("a status without news was reported")
	}
}

func TestReceiptNotTaken(t *testing.T) {
	params := func() url.Values { return url.Values{"CallSid": {callSID}, "CallStatus": {"completed"}} }
	d := newDesk(t)
	wantText(t, d.twilioPosts(twilio.StatusPath+"another", params()), http.StatusNotFound)
	d.broken = 1
	w := d.twilioPosts(twilio.StatusPath+nonce, params())
	wantText(t, w, http.StatusServiceUnavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantText(t, d.twilioPosts(twilio.StatusPath+nonce, params()), http.StatusNoContent)
}

// S1: a recorded callback that is sent again, 1,000 times and at the same time, has no second effect.
func TestReplays(t *testing.T) {
	for path, params := range every() {
		if strings.Contains(path, "/status/") || strings.Contains(path, "/voice/") {
			continue
		}
		d := newDesk(t)
		d.h.patience = 30 * time.Second
		first := d.twilioPosts(path, params)
		wantText(t, first, http.StatusOK, "You are now the incident manager.")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 100 {
					again := d.do(signed(path, authToken, url.Values(http.Header(params).Clone())))
					switch {
					case path == twilio.SMSPath && strings.Contains(again.Body.String(), "<Message>"), again.Code != http.StatusOK:
						t.Errorf("a text is answered again: %d %s", again.Code, again.Body)
					case path != twilio.SMSPath && !strings.Contains(again.Body.String(), "taken in already"):
						t.Errorf("a call is told %s", again.Body)
					}
				}
			})
		}
		wg.Wait()
		if len(d.effects) != 1 {
			t.Errorf("%s: effects %v", path, d.effects)
		}
	}
}

// twiml is the answer to a call.
type twiml struct {
	Say    []string `xml:"Say"`
	Gather []struct {
		Action string `xml:"action,attr"`
	}
	Redirect string
	Hangup   *struct{}
}

func parse(t *testing.T, body []byte) twiml {
	t.Helper()
	var doc twiml
	if err := xml.Unmarshal(body, &doc); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return doc
}

func (d *desk) answerCall(query string) *http.Request {
	return signed(twilio.VoicePath+nonce+query, authToken, url.Values{"CallSid": {callSID}, "CallStatus": {"in-progress"}})
}

// Rule 10: that a call is answered is no acknowledgement.
func TestCallIsRead(t *testing.T) {
	d := newDesk(t)
	w := d.do(d.answerCall(""))
	wantText(t, w, 200, "H, O, T, 1. Severity 1. Disk full.", "Press 1 to acknowledge")
	if doc := parse(t, w.Body.Bytes()); len(doc.Gather) == 0 || !strings.HasPrefix(doc.Gather[0].Action, publicURL+twilio.KeyPath+nonce) {
		t.Errorf("keys go to %+v", doc.Gather)
	}
	d.wantEffects(t)
	if ct := w.Header().Get("Content-Type"); ct != twilio.ContentType {
		t.Errorf("Content-Type %q", ct)
	}

	d.holder = "Bob"
	wantText(t, d.do(d.answerCall("")), 200, "H, O, T, 1. Already acknowledged by Bob.", "<Hangup>")
	d.holder, d.effects, d.language = "", []string{"answered by push"}, "de"
	wantText(t, d.do(d.answerCall("")), 200, "Es ist keine Antwort mehr nötig.", "<Hangup>")
	wantText(t, d.twilioPosts(twilio.VoicePath+"another", url.Values{"CallSid": {callSID}}), 200, "No answer is needed any more.")
}

// While the database is away a call is kept, not left in silence.
func TestCallWhileTheEngineIsAway(t *testing.T) {
	d := newDesk(t)
	d.broken = maxMoments
	path := twilio.VoicePath + nonce
	for range maxMoments {
		doc := parse(t, d.twilioPosts(path, url.Values{"CallSid": {callSID}}).Body.Bytes())
		if len(doc.Say) != 1 || !strings.Contains(doc.Say[0], "One moment, please.") || doc.Redirect == "" {
			t.Fatalf("got %+v", doc)
		}
		path = resolved(t, path, doc.Redirect)
	}
	wantText(t, d.twilioPosts(path, url.Values{"CallSid": {callSID}}), 200, "Press 1 to acknowledge")

	d.broken = 1
	w := d.twilioPosts(path, url.Values{"CallSid": {callSID}})
	wantText(t, w, 200, "Rouse cannot read the page", "<Hangup>")
	if strings.Contains(w.Body.String(), "<Redirect") {
		t.Error("it goes on for ever")
	}
}

func resolved(t *testing.T, base, reference string) string {
	t.Helper()
	b, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Parse(reference)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

func TestKeys(t *testing.T) {
	for _, tt := range []struct{ digit, effect, said string }{
		{"1", "acknowledged by voice", "Acknowledged. You are now the incident manager."},
		{"2", "declined by voice", "Declined. Somebody else is being paged."},
		{"9", "", "Press 1 to acknowledge"},
		{"", "", "Press 1 to acknowledge"},
		{"11", "", "Press 1 to acknowledge"},
		{"w", "", "Press 1 to acknowledge"},
		{"0", "", "That was not understood."},
		{"#", "", "That was not understood."},
	} {
		d := newDesk(t)
		wantText(t, d.press(tt.digit), 200, tt.said)
		if tt.effect == "" {
			d.wantEffects(t)
		} else {
			d.wantEffects(t, tt.effect)
		}
	}
}

func TestKeyOutcomes(t *testing.T) {
	for _, tt := range []struct {
		outcome  engine.Outcome
		language string
		said     string
	}{
		{engine.OutcomeAcknowledged, "", "Acknowledged. You are on it as dba."},
		{engine.OutcomeStillOn, "", "It stays with you."},
		{engine.OutcomeTaken, "", "Already acknowledged by Bob."},
		{engine.OutcomeHandedBack, "", "Understood. Somebody else is being paged."},
		{engine.OutcomeResolved, "", "This is over."},
		{engine.OutcomeNothing, "", "This is over."},
		{engine.OutcomeManager, "de-AT", "Sie sind jetzt Incident Manager."},
	} {
		d := newDesk(t)
		d.outcome, d.language, d.holder = tt.outcome, tt.language, "Bob"
		wantText(t, d.press("1"), 200, tt.said, "<Hangup>")
	}
}

// A key that could not be stored is asked for again; one that was is not.
func TestKeyWhileTheEngineIsAway(t *testing.T) {
	d := newDesk(t)
	d.broken = 1
	doc := parse(t, d.press("1").Body.Bytes())
	if len(doc.Say) != 1 || !strings.Contains(doc.Say[0], "could not be taken in") || doc.Redirect == "" {
		t.Fatalf("got %+v", doc)
	}
	path := resolved(t, twilio.KeyPath+nonce, doc.Redirect)
	wantText(t, d.twilioPosts(path, url.Values{"CallSid": {callSID}}), 200, "Press 1 to acknowledge")
	d.wantEffects(t)
	wantText(t, d.press("1"), 200, "Acknowledged.")
}

func TestTexts(t *testing.T) {
	const howTo = "That was not understood. Reply with the code of a page"
	for _, tt := range []struct{ from, body, effect, reply string }{
		{annNumber, "ack " + code, "acknowledged by sms", "HOT-1: Acknowledged. You are now the incident manager."},
		{annNumber, code, "acknowledged by sms", "HOT-1: Acknowledged."},
		{annNumber, code + " no", "declined by sms", "HOT-1: Declined."},
		{annNumber, "ok", "", "Which one? Open: HOT-1. Reply with its code, or &#34;ack HOT-1&#34;."},
		{annNumber, "help", "", "Reply with the code of a page"},
		{annNumber, "who broke the database this time", "", howTo},
		{annNumber, "", "", howTo},
		{annNumber, "111111", "", howTo},
		{"+15555550100", code, "", howTo},
		{"+15555550100", "ack", "", howTo},
	} {
		d := newDesk(t)
		wantText(t, d.text(tt.from, tt.body, textSID), 200, "<Message>"+tt.reply)
		if tt.effect == "" {
			d.wantEffects(t)
		} else {
			d.wantEffects(t, tt.effect)
		}
	}
}

// A number that nobody has cannot be told from a code that nobody was given.
func TestStrangersLearnNothing(t *testing.T) {
	d := newDesk(t)
	known := d.text(annNumber, "111111", textSID).Body.String()
	if stranger := d.text("+15555550100", code, textSID).Body.String(); stranger != known {
		t.Errorf("%s\n%s", stranger, known)
	}
	for _, from := range []string{"TWILIO", "12345", ""} {
		if w := d.text(from, code, textSID); strings.Contains(w.Body.String(), "Message") {
			t.Errorf("%q is answered: %s", from, w.Body)
		}
	}
}

func TestTextWhileTheEngineIsAway(t *testing.T) {
	d := newDesk(t)
	d.broken = 1
	wantText(t, d.text(annNumber, code, textSID), 200, "HOT-1: Acknowledged.")
	d.broken = 100
	wantText(t, d.text(annNumber, code, textSID), 200, "Please try again in a minute.")
}

// A try that failed may have been taken in all the same.
func TestTextTakenInByATryThatFailed(t *testing.T) {
	d := newDesk(t)
	d.h.engine = &forgetful{fakeEngine: d.fakeEngine}
	wantText(t, d.text(annNumber, code, textSID), 200, "Your answer was taken in already.")
	d.wantEffects(t, "acknowledged by sms")
}

type forgetful struct {
	*fakeEngine
	told bool
}

func (e *forgetful) Acknowledge(ctx context.Context, from pager.From, via string) (pager.Reply, error) {
	reply, err := e.fakeEngine.Acknowledge(ctx, from, via)
	if !e.told {
		e.told = true
		return pager.Reply{}, context.DeadlineExceeded
	}
	return reply, err
}

// F19: a code cannot be guessed by trying.
func TestGuessing(t *testing.T) {
	d := newDesk(t)
	now := time.Now()
	d.h.guesses.here.now = func() time.Time { return now }
	for i := range 50 {
		d.text(annNumber, fmt.Sprintf("%06d", i), fmt.Sprintf("SM%032d", i))
	}
	if d.calls != maxGuesses {
		t.Errorf("%d codes were tried", d.calls)
	}
	now = now.Add(tryFor)
	wantText(t, d.text(annNumber, code, textSID), 200, "HOT-1: Acknowledged.")
	for i := range 20 { // right answers are no guesses
		d.text(annNumber, code, fmt.Sprintf("SM%032d", i))
	}
	if len(d.effects) != 21 {
		t.Errorf("%d answers counted", len(d.effects))
	}
}

// Many right codes at a time are no guesses, many wrong ones at a time are not more guesses.
func TestManyTextsAtOnce(t *testing.T) {
	d := newDesk(t)
	d.h.patience = 10 * time.Second
	atOnce := func(body string, from int) {
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() { d.text(annNumber, body, fmt.Sprintf("SM%032d", from+i)) })
		}
		wg.Wait()
	}
	atOnce(code, 0)
	if len(d.effects) != 30 {
		t.Errorf("%d of 30 answers counted", len(d.effects))
	}
	d.calls = 0
	atOnce("111111", 100)
	if d.calls != maxGuesses {
		t.Errorf("%d codes were tried", d.calls)
	}
}

// Two machines that do not understand each other fall silent.
func TestAdviceEnds(t *testing.T) {
	d := newDesk(t)
	replies := 0
	for i := range 50 {
		if w := d.text(annNumber, "I am out of office", fmt.Sprintf("SM%032d", i)); strings.Contains(w.Body.String(), "<Message>") {
			replies++
		}
	}
	if replies != maxReplies {
		t.Errorf("%d replies", replies)
	}
	wantText(t, d.text(annNumber, code, textSID), 200, "HOT-1: Acknowledged.")
}
