package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/notifiers/email/emailsim"
)

// What is said of a provider is what is sent; what is not said stays, and the version that was read is named.
func TestProviderSetSendsWhatChanges(t *testing.T) {
	var put, ifMatch string
	stored := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == "GET" && stored == "":
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"title": "Not found"}`))
		case r.Method == "GET":
			_, _ = w.Write([]byte(stored))
		default:
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			text, _ := json.Marshal(body)
			put, ifMatch = r.URL.RequestURI()+" "+string(text), r.Header.Get("If-Match")
			_, _ = w.Write([]byte(`{"name": "vonage", "callback_url": "https://rouse.example.com/callbacks/gateway/vonage/K"}`))
		}
	}))
	defer server.Close()
	env := settingsOf("ROUSE_URL="+server.URL, "ROUSE_TOKEN=x")

	out, _, err := call(t, env, "provider", "set", "vonage", "--kind", "gateway", "--preset", "vonage", "--sender", "Rouse", "--sender", "+49=+4915100000000", "--number", "+49,+43",
		"--setting", "method=PUT", "--setting", `answer={"Code": "text"}`, "--set", "a=b=c", "--secret", "api_key=@"+fileWith(t, "hunter2-hunter2\n"), "--secret", "api_secret=literal:x=y", "--position", "5")
	if err != nil || !strings.Contains(out, "/callbacks/gateway/vonage/K") {
		t.Fatal(out, err)
	}
	want := `/v1/providers/vonage {"disabled":false,"kind":"gateway","position":5,"secrets":{"api_key":"hunter2-hunter2","api_secret":"x=y"},` +
		`"settings":{"answer":{"Code":"text"},"method":"PUT","numbers":["+49","+43"],"preset":"vonage","senders":{"":"Rouse","+49":"+4915100000000"},"set":{"a":"b=c"}}}`
	if put != want || ifMatch != "" {
		t.Errorf("sent %s\nwant %s", put, want)
	}

	stored = `{"name": "vonage", "kind": "gateway", "version": 7, "disabled": true, "position": 20, "settings": {"preset": "vonage", "senders": {"": "Rouse"}, "numbers": ["+49"]}}`
	if _, _, err := call(t, env, "provider", "set", "vonage", "--sender", "+1=+12025550123", "--sender", "=", "--setting", "numbers=", "--canary", "sms=+4915112345678", "--remove-secret", "old", "--enable", "--force"); err != nil {
		t.Fatal(err)
	}
	want = `/v1/providers/vonage?force=true {"disabled":false,"kind":"gateway","secrets":{"old":null},"settings":{"canary":{"sms":"+4915112345678"},"preset":"vonage","senders":{"+1":"+12025550123"}}}`
	if put != want || ifMatch != `"7"` {
		t.Errorf("sent %s with %s\nwant %s", put, ifMatch, want)
	}

	stored, put = "", ""
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{}, "--kind"},
		{[]string{"--kind", "gateway", "--secret", "key=hunter2-hunter2"}, "neither @FILE nor -"},
		{[]string{"--kind", "gateway", "--secret", "key"}, "no terminal"},
		{[]string{"--kind", "gateway", "--secret", "=-"}, "has no name"},
		{[]string{"--kind", "gateway", "--secret", "key=@" + fileWith(t, "\n")}, "is empty"},
		{[]string{"--kind", "gateway", "--secret", "key=@/no/such/file"}, "cannot be read"},
		{[]string{"--kind", "gateway", "--secret", "a=-", "--settings", "-"}, "standard input"},
		{[]string{"--kind", "gateway", "--setting", "x"}, "NAME=VALUE"},
		{[]string{"--kind", "gateway", "--settings", fileWith(t, "[]")}, "no JSON object"},
		{[]string{"--disable", "--enable"}, "disable"},
	} {
		_, said, err := call(t, env, append([]string{"provider", "set", "vonage"}, test.args...)...)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error()+said, "hunter2") || put != "" {
			t.Errorf("%v: %v, want %q; sent %q", test.args, err, test.says, put)
		}
	}
}

// Who somebody is in a chat is answered by a body of its own.
func TestProviderUser(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"PUT /v1/providers/slack/users/U0123456789": `{"person":"ann"}`})
	out, err := api.call(t, "provider", "user", "slack", "U0123456789", "ann")
	if err != nil || out != "U0123456789 is ann in slack.\n" || api.asked[0] != `PUT /v1/providers/slack/users/U0123456789 {"person":"ann"}` {
		t.Errorf("got %q (%v), asked %q", out, err, api.asked)
	}
	stranger := newFakeAPI(t, map[string]string{"PUT /v1/providers/slack/users/U0123456789": "<html>"})
	if _, err := stranger.call(t, "provider", "user", "slack", "U0123456789", "ann"); err == nil || !strings.Contains(err.Error(), "not as Rouse does: check ROUSE_URL") {
		t.Errorf("of a stranger: %v", err)
	}
}

func TestProviderTables(t *testing.T) {
	answer := `{"items": [
		{"name": "twilio", "kind": "twilio", "given": true, "state": "failing", "channels": [
			{"channel": "sms", "failing_since": "2026-11-20T12:00:00Z", "last_failure": "2026-11-20T12:05:00Z", "failure": "twilio: no answer (unknown)", "delivered": 120, "p50_seconds": 2.04, "p95_seconds": 7.5,
			"last_hour": {"sent": 12, "delivered": 9, "failed": 3}, "canary": {"up": false, "misses": 3, "down_since": "2026-11-20T12:01:00Z", "detail": "filtered by the carrier"}},
			{"channel": "voice", "canary": {"up": true, "misses": 0, "last_back": "2026-11-20T12:00:00Z", "seconds": 7.26}, "last_success": "2026-11-20T12:00:00Z"}]},
		{"name": "modem", "kind": "gateway", "state": "disabled", "channels": [{"channel": "sms"}]},
		{"name": "work", "kind": "slack", "state": "failing", "channels": [{"channel": "chat", "failing_since": "2026-11-20T12:00:00Z", "last_failure": "2026-11-20T12:05:00Z", "failure": "work: could not connect (passing)"}]},
		{"name": "odd", "kind": "email", "state": "broken", "why": "its secrets cannot be read"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) }))
	defer server.Close()
	env := settingsOf("ROUSE_URL="+server.URL, "ROUSE_TOKEN=x", "TZ=UTC")
	out, _, err := call(t, env, "provider", "list")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "providers.txt", out)
	answer = `{"name": "vonage", "kind": "gateway", "state": "failing", "position": 30, "settings": {"preset": "vonage", "senders": {"": "Rouse"}}, "secret_names": ["api_key", "api_secret"],
		"callback_url": "https://rouse.example.com/callbacks/gateway/vonage/K", "channels": [{"channel": "sms", "failing_since": "2026-11-20T12:00:00Z",
		"last_success": "2026-11-19T12:00:00Z", "last_failure": "2026-11-20T12:05:00Z", "failure": "vonage: the provider refused the message (final, code 4)", "delivered": 12, "p50_seconds": 2.04, "p95_seconds": 7.5,
		"last_hour": {"sent": 12, "delivered": 9, "failed": 3}, "canary": {"up": false, "misses": 3, "down_since": "2026-11-20T12:01:00Z", "last_back": "2026-11-20T11:58:00Z", "seconds": 3.1, "detail": "filtered by the carrier"}}]}`
	if out, _, err = call(t, env, "provider", "show", "vonage"); err != nil {
		t.Fatal(err)
	}
	golden(t, "provider.txt", out)
	if out, _, err = call(t, env, "provider", "presets"); err != nil || !strings.Contains(out, "--set url=… --secret username --secret password") {
		t.Errorf("%s, %v", out, err)
	}
}

// The test of a provider waits for what the provider says later, and fails if that is bad or does not come.
func TestProviderTestWaits(t *testing.T) {
	var states []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := states[0]
		if len(states) > 1 {
			states = states[1:]
		}
		_, _ = w.Write([]byte(`{"id": "T", "channel": "sms", "detail": "the phone is off", ` + state + `}`))
	}))
	defer server.Close()
	env := settingsOf("ROUSE_URL="+server.URL, "ROUSE_TOKEN=x")
	for _, test := range []struct {
		states []string
		says   string
		fails  bool
	}{
		{[]string{`"state": "sent", "receipts": true`, `"state": "delivered", "receipts": true`}, "vonage delivered the message (sms).", false},
		{[]string{`"state": "sent"`}, "does not tell whether it arrives", false},
		{[]string{`"state": "sent", "receipts": true`, `"state": "failed", "receipts": true`}, "the phone is off", true},
		{[]string{`"state": "failed"`}, "the phone is off", true},
		{[]string{`"state": "sent", "receipts": true`}, "said nothing more in 1ms", true},
	} {
		states = test.states
		wait := time.Minute
		if strings.Contains(test.says, "1ms") {
			wait = time.Millisecond
		}
		out, _, err := call(t, env, "provider", "test", "vonage", "--to", "ann", "--wait", wait.String())
		if (err != nil) != test.fails || err == nil && !strings.Contains(out, test.says) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: %q, %v", test.states, out, err)
		}
	}
}

// Doctor looks at providers in the database as at those of the environment.
func TestDoctorSignsInWithStoredProviders(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/v1/health":
			_, _ = w.Write([]byte(`{"healthy":true}`))
		case r.URL.Path == "/auth.test":
			fmt.Fprintf(w, `{"ok": %t, "error": "invalid_auth"}`, r.Header.Get("Authorization") == "Bearer xoxb-1")
		case r.URL.Path == "/api/v4/users/me" && r.Header.Get("Authorization") == "Bearer tk_1":
			_, _ = w.Write([]byte(`{"id": "4xp9fdt77pncbef59f4k1qe83o"}`))
		case password != "token" && r.Header.Get("Authorization") != "Bearer tk_1":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = w.Write([]byte(`{}`))
		}
	}))
	defer server.Close()
	mail, err := emailsim.Start(emailsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer mail.Close()
	cfg := config{publicURL: "https://rouse.example.com", allowPrivate: true}
	asJSON := func(v object) []byte { text, _ := json.Marshal(v); return text }
	account := object{"account_sid": sid, "from": "+15005550006", "base_url": server.URL}
	smtp := object{"host": mail.Host(), "port": mail.Port(), "security": "none", "from": "rouse@example.com"}
	chat := object{"url": server.URL, "channels": object{"": "C1"}}
	nobody := object{"url": "http://127.0.0.1:1", "channels": object{"": "C1"}}
	gone := object{"host": mail.Host(), "port": 1, "security": "none", "from": "rouse@example.com"}
	for _, test := range []struct {
		kind     providers.Kind
		settings object
		secrets  map[string]string
		want     verdict
		says     string
	}{
		{providers.Twilio, account, map[string]string{"auth_token": "token"}, pass, "accepts"},
		{providers.Twilio, account, map[string]string{"auth_token": "other"}, fail, "rouse provider set x --secret"},
		{providers.Ntfy, object{"url": server.URL + "/"}, map[string]string{"token": "tk_1"}, pass, "accepts the token"},
		{providers.Ntfy, object{"url": server.URL}, map[string]string{"token": "tk_2"}, fail, "refuses the token: check its account and secrets"},
		{providers.Email, smtp, nil, pass, "answers"},
		{providers.Email, gone, nil, fail, "could not connect to the mail server"},
		{providers.Slack, chat, map[string]string{"token": "xoxb-1", "signing_secret": "s"}, pass, "Slack accepts the token"},
		{providers.Slack, chat, map[string]string{"token": "xoxb-2", "signing_secret": "s"}, fail, "(invalid_auth). Check its account and secrets"},
		{providers.Slack, nobody, map[string]string{"token": "xoxb-1", "signing_secret": "s"}, fail, "Check its settings"},
		{providers.Mattermost, chat, map[string]string{"token": "tk_1", "secret": "what-proves-a-button"}, pass, "accepts the token"},
		{providers.Mattermost, chat, map[string]string{"token": "tk_2", "secret": "what-proves-a-button"}, fail, "(401). Check its account and secrets"},
		{providers.Mattermost, nobody, map[string]string{"token": "tk_1", "secret": "what-proves-a-button"}, fail, "Check its settings"},
	} {
		f, ok := examineStored(t.Context(), cfg, providers.Opened{Provider: enginedb.Provider{Name: "x", Kind: string(test.kind), Settings: asJSON(test.settings)}, Secrets: test.secrets})
		if !ok || f.Status != test.want || !strings.Contains(f.Text, test.says) || f.Check != "provider x" {
			t.Errorf("%s: %+v, want %s %q", test.kind, f, test.want, test.says)
		}
	}
	if f, ok := examineStored(t.Context(), cfg, providers.Opened{Provider: enginedb.Provider{Name: "x", Kind: "ntfy"}, Err: &seal.OtherKeyError{}}); !ok || f.Status != fail || !strings.Contains(f.Text, "which is not set") {
		t.Errorf("a key that is gone: %+v", f)
	}
	if f, ok := examineStored(t.Context(), cfg, providers.Opened{Provider: enginedb.Provider{Name: "x", Kind: "ntfy", Disabled: true}, Err: &seal.OtherKeyError{}}); !ok || f.Status != pass {
		t.Errorf("a disabled one: %+v", f)
	}
	if _, ok := examineStored(t.Context(), cfg, providers.Opened{Provider: enginedb.Provider{Name: "x", Kind: "webhook"}}); ok {
		t.Error("there is nothing to say of one that cannot be asked")
	}
}
