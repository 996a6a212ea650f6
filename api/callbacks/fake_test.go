package callbacks

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
	"rouse/rosters"
)

// What must never be in the log.
const (
	annNumber  = "+4917012345617"
	annToken   = "1a-2-c2VjcmV0LXNlY3JldC0wMQ"
	nonce      = "n0nce-of-an-attempt"
	code       = "482913"
	account    = "AC0123456789abcdef0123456789abcdef"
	authToken  = "auth-token-that-is-used-now"
	otherToken = "auth-token-that-comes-next"
	callSID    = "CA0123456789abcdef0123456789abcdef"
	textSID    = "SM0123456789abcdef0123456789abcdef"
	publicURL  = "https://rouse.example.com"
)

// fakeEngine has one page, Ann's, which is answered once.
type fakeEngine struct {
	pager.Engine
	outcome  engine.Outcome // of an answer; "" by what is asked
	language string
	holder   string // somebody else has it
	broken   int    // so many calls fail first
	also     []notifiers.Named
	tally    pager.Tally // of an answer, if it is about several

	needsCode bool             // Ann's number alone answers nothing
	open      []pager.OpenPage // for Ann, besides HOT-1
	nothing   bool             // is open for Ann

	mu       sync.Mutex
	calls    int // of any method
	effects  []string
	seen     map[string]bool
	receipts []notifiers.Receipt
}

func (e *fakeEngine) failing() error {
	e.calls++
	if e.broken > 0 {
		e.broken--
		return fmt.Errorf("asking for %s: no connection", annNumber)
	}
	return nil
}

func (e *fakeEngine) Acknowledge(_ context.Context, from pager.From, via string) (pager.Reply, error) {
	return e.answer(from, "acknowledged by "+via, engine.OutcomeManager)
}

func (e *fakeEngine) Decline(_ context.Context, from pager.From, via string) (pager.Reply, error) {
	return e.answer(from, "declined by "+via, engine.OutcomeDeclined)
}

// Caller knows Ann, and that HOT-1 is open for her.
func (e *fakeEngine) Caller(_ context.Context, number, _ string) (pager.Caller, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if number != annNumber {
		return pager.Caller{}, pager.ErrNotFound
	}
	c := pager.Caller{Person: rosters.Person{ID: "ann", Name: "Ann", Language: e.language}}
	if !e.nothing && e.effects == nil {
		c.Open = []pager.OpenPage{{Nonce: nonce, Message: notifiers.Message{Nonce: nonce, Key: "HOT-1", Severity: 1, Summary: "Disk full", Language: e.language}}}
	}
	c.Open = append(c.Open, e.open...)
	return c, nil
}

// View shows Ann's page, with Bob beside her, as it is after what was answered.
func (e *fakeEngine) View(_ context.Context, token string) (pager.PageView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.broken > 0 {
		e.broken--
		return pager.PageView{}, fmt.Errorf("asking for %s: no connection", annNumber)
	}
	if token != annToken {
		return pager.PageView{}, fmt.Errorf("looking: %w", pager.ErrNotFound)
	}
	v := pager.PageView{Person: rosters.Person{ID: "ann", Name: "Ann", Zone: "Europe/Berlin", Language: e.language}, Status: engine.New, Open: true,
		OpenedAt: time.Date(2026, 11, 20, 2, 0, 0, 0, time.UTC), Holder: e.holder,
		Message: notifiers.Message{Purpose: notifiers.Page, Key: "HOT-1", Severity: 1, Summary: "Disk full <b>now</b>", Service: "bitbucket", Role: "incident manager", Also: e.also},
		Paged:   []pager.PagedView{{Name: "Ann", Role: "incident manager", State: engine.PageOpen, You: true}, {Name: "Bob", Role: "dba", State: engine.PageDeclined}}}
	if e.holder != "" {
		v.Open, v.Status, v.Manager = false, engine.Fixing, e.holder
	}
	if len(e.effects) > 0 {
		v.Open, v.Status, v.Holder, v.Mine = false, engine.Fixing, "Ann", true
	}
	return v, nil
}

// Seen takes a receipt of Ann's page.
func (e *fakeEngine) Seen(_ context.Context, token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.failing(); err != nil {
		return err
	}
	if token != annToken {
		return fmt.Errorf("seeing: %w", pager.ErrNotFound)
	}
	e.receipts = append(e.receipts, notifiers.Receipt{State: notifiers.Delivered})
	return nil
}

func (e *fakeEngine) answer(from pager.From, what string, outcome engine.Outcome) (pager.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.failing(); err != nil {
		return pager.Reply{}, err
	}
	switch {
	case from.Number == annNumber && (from.Read == nonce || from.All) && e.needsCode && from.Code == "":
		return pager.Reply{}, fmt.Errorf("calling: %w", pager.ErrNeedsCode)
	case from.Number == annNumber && (from.Read == nonce || from.All) && (from.Code == "" || from.Code == code):
	case from.CallNonce == nonce, from.Token == annToken, from.Number == annNumber && from.Code == code:
	case from.Number == annNumber && from.Code == "":
		return pager.Reply{}, fmt.Errorf("texting: %w", pager.ErrAmbiguous)
	default:
		return pager.Reply{}, fmt.Errorf("what is answered: %w", pager.ErrNotFound)
	}
	if from.Event != "" && e.seen[from.Event] && e.tally.Failed == 0 {
		return pager.Reply{}, pager.ErrSeen
	}
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	e.seen[from.Event] = true
	e.effects = append(e.effects, what)
	if e.outcome != "" {
		outcome = e.outcome
	}
	var err error
	if e.tally.Failed > 0 {
		err = fmt.Errorf("answering for %s: no connection", annNumber)
	}
	return pager.Reply{Outcome: outcome, Key: "HOT-1", Severity: 1, Summary: "Disk full", Role: "dba", Holder: e.holder, Tally: e.tally,
		Person: rosters.Person{ID: "ann", Name: "Ann", Language: e.language}}, err
}

func (e *fakeEngine) Report(_ context.Context, n string, r notifiers.Receipt) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.failing(); err != nil {
		return err
	}
	if n != nonce {
		return fmt.Errorf("attempt: %w", pager.ErrNotFound)
	}
	e.receipts = append(e.receipts, r)
	return nil
}

func (e *fakeEngine) Call(_ context.Context, n string) (pager.CallView, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.failing(); err != nil {
		return pager.CallView{}, err
	}
	if n != nonce {
		return pager.CallView{}, fmt.Errorf("attempt: %w", pager.ErrNotFound)
	}
	return pager.CallView{Message: notifiers.Message{Key: "HOT-1", Severity: 1, Summary: "Disk full", Role: "incident manager", Language: e.language, Also: e.also},
		Over: e.holder != "" || len(e.effects) > 0, Holder: e.holder}, nil
}

// desk is a Handler at its paths, with a fake behind it. When the test ends its log is looked through.
type desk struct {
	*fakeEngine
	h   *Handler
	mux *http.ServeMux
}

func newDesk(t *testing.T, tokens ...string) *desk {
	if len(tokens) == 0 {
		tokens = []string{authToken}
	}
	tw, err := twilio.New(twilio.Config{AccountSID: account, AuthTokens: tokens, From: "+4930123456", CallbackBase: publicURL})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := &desk{fakeEngine: &fakeEngine{}, mux: http.NewServeMux()}
	d.h = New(Config{Engine: d.fakeEngine, Twilio: func() []*twilio.Twilio { return []*twilio.Twilio{tw} }, Patience: 300 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	d.route()
	t.Cleanup(func() {
		for _, secret := range []string{annNumber, annNumber[1:], annToken, "c2VjcmV0", nonce, code, authToken, otherToken, "Disk full", "who broke", "HTTP/"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, log.String())
			}
		}
	})
	return d
}

func (d *desk) route() {
	d.mux.HandleFunc("POST /callbacks/twilio/status/{nonce}", d.h.TwilioStatus)
	d.mux.HandleFunc("POST /callbacks/twilio/voice/{nonce}", d.h.TwilioVoice)
	d.mux.HandleFunc("POST /callbacks/twilio/key/{nonce}", d.h.TwilioKey)
	d.mux.HandleFunc("POST /callbacks/twilio/sms", d.h.TwilioSMS)
	d.mux.HandleFunc("POST /callbacks/twilio/incoming", d.h.TwilioIncoming)
	d.mux.HandleFunc("POST /callbacks/twilio/incoming/{nonce}", d.h.TwilioIncomingKey)
	d.mux.HandleFunc("POST /callbacks/twilio/incoming/{nonce}/{answer}", d.h.TwilioIncomingCode)
	d.mux.HandleFunc("GET /a/{token}", d.h.ViewPage)
	d.mux.HandleFunc("GET /a/{token}/{answer}", d.h.ViewPage)
	d.mux.HandleFunc("POST /a/{token}/{answer}", d.h.AnswerButton)
	d.mux.HandleFunc("GET /p/{token}", d.h.ViewPage)
	d.mux.HandleFunc("POST /p/{token}/seen", d.h.Seen)
	d.mux.HandleFunc("POST /p/{token}/push", d.h.Subscribe)
	d.mux.HandleFunc("POST /p/{token}/{answer}", d.h.AnswerPage)
	d.mux.HandleFunc("GET /app", d.h.App)
	d.mux.HandleFunc("GET /{asset}", d.h.Asset)
}

func (d *desk) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w
}

// signed is a callback as Twilio posts it.
func signed(path, token string, params url.Values) *http.Request {
	params.Set("AccountSid", account)
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(params.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("X-Twilio-Signature", twilio.Signature(token, publicURL+path, params))
	return r
}

func (d *desk) twilioPosts(path string, params url.Values) *httptest.ResponseRecorder {
	return d.do(signed(path, authToken, params))
}

func (d *desk) text(from, body, sid string) *httptest.ResponseRecorder {
	return d.twilioPosts(twilio.SMSPath, url.Values{"From": {from}, "To": {"+4930123456"}, "Body": {body}, "MessageSid": {sid}, "NumMedia": {"0"}})
}

func (d *desk) press(digit string) *httptest.ResponseRecorder {
	return d.twilioPosts(twilio.KeyPath+nonce, url.Values{"CallSid": {callSID}, "Digits": {digit}, "From": {"+4930123456"}, "To": {annNumber}})
}

func wantText(t *testing.T, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	for _, part := range parts {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("%q is not in %s", part, w.Body)
		}
	}
}

func (d *desk) wantEffects(t *testing.T, want ...string) {
	t.Helper()
	if got := strings.Join(d.effects, ", "); got != strings.Join(want, ", ") {
		t.Errorf("effects: %s; want %v", got, want)
	}
}
