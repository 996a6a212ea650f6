package twiliosim

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/notifiers/fake"
)

const (
	ann  = "+4917012345617"
	soon = 5 * time.Second
)

func start(t *testing.T, cfg Config) *Sim {
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Sim) ask(t *testing.T, method, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	target := s.URL() + "/2010-04-01/Accounts/" + s.AccountSID() + path
	var body io.Reader
	if method == http.MethodGet {
		target += "?" + form.Encode()
	} else {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(s.AccountSID(), s.AuthToken())
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatalf("answer is no JSON: %v", err)
	}
	return res.StatusCode, answer
}

func (s *Sim) text(t *testing.T, callback string) string {
	t.Helper()
	status, made := s.ask(t, http.MethodPost, "/Messages.json", url.Values{"To": {ann}, "From": {DefaultFrom}, "Body": {"hello"}, "StatusCallback": {callback}})
	if status != http.StatusCreated || made["status"] != "queued" || len(made["sid"].(string)) != 34 {
		t.Fatalf("%d %v", status, made)
	}
	return made["sid"].(string)
}

func TestRefusesWhatTwilioRefuses(t *testing.T) {
	s := start(t, Config{})
	s.Phone("+4917000000001").Refuse(21610)
	good := func() url.Values {
		return url.Values{"To": {ann}, "From": {DefaultFrom}, "Body": {"x"}, "Url": {"http://127.0.0.1:1/"}, "ValidityPeriod": {"300"}}
	}
	for _, c := range []struct {
		path, name, value string
		code              float64
	}{
		{"/Messages.json", "To", "", 21604},
		{"/Messages.json", "From", "", 21603},
		{"/Messages.json", "Body", "", 21602},
		{"/Messages.json", "Body", strings.Repeat("é", 1601), 21617},
		{"/Messages.json", "To", "0170", 21211},
		{"/Messages.json", "To", "+4917000000001", 21610},
		{"/Messages.json", "To", DefaultFrom, 21266},
		{"/Messages.json", "From", "Rouse!", 21212},
		{"/Messages.json", "StatusCallback", "rouse", 21609},
		{"/Messages.json", "ValidityPeriod", "36001", 90007},
		{"/Calls.json", "To", "", 21201},
		{"/Calls.json", "To", "12", 21211},
		{"/Calls.json", "From", "", 21213},
		{"/Calls.json", "From", "12", 21212},
		{"/Calls.json", "Url", "ftp://x", 21205},
		{"/Calls/CA1.json", "Status", "completed", 20404},
		{"/Nothing.json", "", "", 20404},
	} {
		form := good()
		form.Set(c.name, c.value)
		if status, body := s.ask(t, http.MethodPost, c.path, form); body["code"] != c.code || status < 400 || body["more_info"] == "" {
			t.Errorf("%s with %s=%.20q: %d %v, want code %v", c.path, c.name, c.value, status, body, c.code)
		}
	}
}

func TestListsTheNewestFirst(t *testing.T) {
	s := start(t, Config{})
	first, second := s.text(t, ""), s.text(t, "")
	s.Phone(ann).ExpectSMS(t, soon)
	s.Phone(ann).ExpectSMS(t, soon)
	_, got := s.ask(t, http.MethodGet, "/Messages.json", url.Values{"To": {ann}, "DateSent>": {time.Now().UTC().Format(time.DateOnly)}})
	var sids []string
	for _, m := range got["messages"].([]any) {
		sids = append(sids, m.(map[string]any)["sid"].(string))
	}
	if !slices.Equal(sids, []string{second, first}) {
		t.Errorf("got %v", got)
	}
	if _, got := s.ask(t, http.MethodGet, "/Messages.json", url.Values{"To": {"+491"}}); len(got["messages"].([]any)) != 0 {
		t.Errorf("got %v", got)
	}
	if _, got := s.ask(t, http.MethodGet, "/Messages/"+first+".json", nil); got["status"] != "delivered" || got["num_segments"] != "1" || got["error_code"] != nil {
		t.Errorf("got %v", got)
	}
}

// A server that was killed gets its callbacks when it is back, on the same address.
func TestCallbacksOutlastTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := start(t, Config{RetryEvery: 10 * time.Millisecond})
	s.text(t, "http://"+address+"/status#rc=1")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	tries := 0
	if !s.await(ctx, func() bool { tries = len(s.events); return tries > 4 }) {
		t.Fatalf("only %d events", tries)
	}

	var got fake.State
	var statuses []string
	server := &httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Update(func() {
			if statuses = append(statuses, r.PostFormValue("MessageStatus")); len(statuses) == 1 {
				w.WriteHeader(http.StatusBadGateway)
			}
		})
	})}}
	if server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server.Start()
	defer server.Close()
	if !got.Await(ctx, func() bool { return len(statuses) == 4 }) {
		t.Fatalf("got %q", statuses)
	}
	if want := []string{"queued", "queued", "sent", "delivered"}; !slices.Equal(statuses, want) {
		t.Errorf("got %q, want %q", statuses, want)
	}
}

func TestPhoneThatNobodyAnswers(t *testing.T) {
	s := start(t, Config{Second: time.Millisecond})
	s.ask(t, http.MethodPost, "/Calls.json", url.Values{"To": {ann}, "From": {DefaultFrom}, "Url": {"http://127.0.0.1:1/"}, "Timeout": {"5"}})
	p := s.Phone(ann)
	p.ExpectCall(t, soon)
	p.ExpectEnd(t, soon, "no-answer")
	if p.Answer() == nil || p.Press("1") == nil || p.HangUp() == nil {
		t.Error("did something with a call that is over")
	}
}

func TestCallWithoutServerSaysSorry(t *testing.T) {
	s := start(t, Config{RetryEvery: time.Millisecond})
	s.ask(t, http.MethodPost, "/Calls.json", url.Values{"To": {ann}, "From": {DefaultFrom}, "Url": {"http://127.0.0.1:1/"}})
	p := s.Phone(ann)
	p.ExpectCall(t, soon)
	if err := p.Press("1"); err != nil {
		t.Fatal(err)
	}
	p.ExpectSaid(t, soon, "application error")
	p.ExpectEnd(t, soon, "completed")
}

// Redirect, Pause, relative URLs, a Gather that ends with #, and Hangup in the middle.
func TestPlaysTwiML(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/start":
			_, _ = io.WriteString(w, `<Response><Pause length="1"/><Redirect>ask?x=1</Redirect><Say>not this</Say></Response>`)
		case "/ask":
			_, _ = io.WriteString(w, `<Response><Gather action="/done"><Say>enter  your
			code</Say></Gather><Say>nothing</Say></Response>`)
		case "/done":
			_, _ = io.WriteString(w, `<Response><Say>got `+r.PostFormValue("Digits")+`</Say><Hangup/><Say>not this</Say></Response>`)
		}
	}))
	defer server.Close()
	s := start(t, Config{Second: 10 * time.Millisecond})
	p := s.Phone(ann)
	p.WillPress("4829#7")
	s.ask(t, http.MethodPost, "/Calls.json", url.Values{"To": {ann}, "From": {DefaultFrom}, "Url": {server.URL + "/start"}})
	call := p.ExpectEnd(t, soon, "completed")
	if want := []string{"enter your code", "got 4829"}; !slices.Equal(call.Said, want) || call.Pressed != "4829" {
		t.Errorf("said %q, pressed %q", call.Said, call.Pressed)
	}
}

func TestEventsComeInOrder(t *testing.T) {
	var seen fake.State
	var kinds []EventKind
	s := start(t, Config{OnEvent: func(e Event) {
		seen.Update(func() { kinds = append(kinds, e.Kind) })
	}})
	s.Phone(ann).OnSMS(SMSPlan{Reply: func(string) string { return "ok" }})
	s.text(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	want := []EventKind{Requested, Texted, Replied}
	if !seen.Await(ctx, func() bool { return len(kinds) == len(want) }) || !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}
