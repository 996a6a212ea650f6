package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rouse/api/providers"
	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// carried is a desk whose providers are used: texts go through a gateway that this starts.
func carried(t *testing.T) (d *desk, gateway string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2-hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	d = newDesk(t)
	client := notifiers.Guard{AllowPrivate: true}.Client()
	d.carriers = providers.New(providers.Config{DB: d.db, Secrets: d.secrets, Log: slog.New(slog.DiscardHandler), Outside: providers.Outside{HTTP: client, ForUsers: client, PublicURL: "https://rouse.example.com"}})
	d.api = d.on(d.db)
	return d, server.URL
}

const vonage = "/v1/providers/vonage"

// A provider is set up, seen, changed and deleted, and nobody ever sees its secrets.
func TestProviders(t *testing.T) {
	d, server := carried(t)
	whole := `{"kind": "gateway", "settings": {"url": "` + server + `", "headers": {"Authorization": "Bearer {{.Secret.key}}"}, "numbers": ["+49"]}, "secrets": {"key": "hunter2-hunter2"}}`
	for _, scope := range []string{"read", "respond", "ann"} {
		if got := d.as(scope, "PUT", vonage, whole); got.status != 403 {
			t.Errorf("%s: %s", scope, got.said())
		}
		if got := d.as(scope, "GET", "/v1/providers", ""); got.status != 403 {
			t.Errorf("%s: %s", scope, got.said())
		}
	}
	dry := d.must(200, "PUT", vonage+"?dry_run=true", whole)
	if strings.Contains(dry.body, "callback_url") || strings.Contains(dry.body, "hunter2") {
		t.Errorf("a rehearsal: %s", dry.body)
	}
	d.must(404, "GET", vonage, "")
	put := d.must(200, "PUT", vonage, whole)
	made := put.value(t)
	if made["state"] != "well" || made["version"] != 1.0 || !strings.HasPrefix(made["callback_url"].(string), "https://rouse.example.com/callbacks/gateway/vonage/") {
		t.Errorf("made: %s", put.body)
	}
	one, list := d.must(200, "GET", vonage, ""), d.must(200, "GET", "/v1/providers", "")
	for _, body := range []string{put.body, one.body, list.body} {
		if strings.Contains(body, "hunter2") || !strings.Contains(body, `"secret_names":["key"]`) {
			t.Errorf("secrets: %s", body)
		}
	}
	if one.value(t)["callback_url"] != made["callback_url"] || strings.Contains(list.body, "/callbacks/") {
		t.Errorf("the address of callbacks is a secret, and not in lists: %s %s", one.body, list.body)
	}

	// What was read may be sent back as it came.
	again := d.must(200, "PUT", vonage, one.body, "If-Match: "+one.header.Get("ETag"))
	if v := again.value(t); v["version"] != 2.0 || v["callback_url"] != made["callback_url"] || !strings.Contains(again.body, `"secret_names":["key"]`) {
		t.Errorf("sent back: %s", again.body)
	}
	if got := d.as("admin", "PUT", vonage, whole, `If-Match: "1"`); got.status != 412 {
		t.Errorf("an old version: %s", got.said())
	}
	if got := d.as("admin", "DELETE", vonage, "", `If-Match: "1"`); got.status != 412 {
		t.Errorf("an old version: %s", got.said())
	}
	for _, test := range []struct{ path, body, says string }{
		{vonage, `{"kind": "pigeon"}`, "422 /problems/validation"},
		{vonage, `{"kind": "gateway", "settings": {"url": "{{.Nope}}"}}`, "[/settings/url "},
		{vonage, `{"kind": "gateway", "settings": {"preset": "kannel"}}`, "[/secrets/password is missing"},
		{vonage, `{"kind": "gateway", "colour": "red"}`, "/colour"},
		{vonage, `{"kind": "gateway", "secrets": {"key": 7}}`, "422"},
		{"/v1/providers/Vonage", whole, "422"},
		{"/v1/providers/1", whole, "422"},
	} {
		if got := d.as("admin", "PUT", test.path, test.body).said(); !strings.Contains(got, test.says) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %s, want %s", test.body, got, test.says)
		}
	}
	if strings.Contains(d.log.String(), "hunter2") {
		t.Error("the log has a secret")
	}
}

// Without a key to encrypt with, no secret is kept.
func TestProvidersNeedAKeyForSecrets(t *testing.T) {
	d := newDesk(t)
	d.secrets = nil
	d.api = d.on(d.db)
	got := d.as("admin", "PUT", "/v1/providers/ntfy", `{"kind": "ntfy", "settings": {"url": "https://ntfy.example.com"}, "secrets": {"token": "tk_1"}}`)
	if !strings.Contains(got.said(), "422") || !strings.Contains(got.said(), "[/secrets ") || !strings.Contains(got.said(), "ROUSE_SECRET_KEY") {
		t.Error(got.said())
	}
}

// The last provider that whoever is on call can be reached by is neither deleted nor disabled by accident.
func TestTheLastProviderStays(t *testing.T) {
	d, server := carried(t)
	whole := func(more string) string {
		return `{"kind": "gateway", "settings": {"url": "` + server + `"}` + more + `}`
	}
	d.must(200, "PUT", vonage, whole(""))
	for _, got := range []answered{d.as("admin", "DELETE", vonage, ""), d.as("admin", "PUT", vonage, whole(`, "disabled": true`))} {
		if got.status != 409 || !strings.Contains(got.said(), "/problems/opens-hole") {
			t.Errorf("the last one: %s", got.said())
		}
	}
	d.must(200, "GET", vonage, "")
	d.must(200, "PUT", "/v1/providers/modem", whole(""))
	d.must(204, "DELETE", vonage, "")
	d.must(409, "DELETE", "/v1/providers/modem", "")
	d.must(204, "DELETE", "/v1/providers/modem?force=true", "")
	d.must(404, "DELETE", "/v1/providers/modem", "")
}

// What the environment sets up is shown, and not changed here.
func TestProvidersOfTheEnvironment(t *testing.T) {
	d, _ := carried(t)
	d.carriers = providers.New(providers.Config{DB: d.db, Secrets: d.secrets, Log: slog.New(slog.DiscardHandler), Given: []providers.Given{{Name: "vonage", Kind: providers.Gateway}}})
	d.api = d.on(d.db)
	if got := d.must(200, "GET", vonage, ""); got.value(t)["given"] != true {
		t.Error(got.body)
	}
	for _, got := range []answered{d.as("admin", "PUT", vonage, `{"kind": "webhook"}`), d.as("admin", "DELETE", vonage, "")} {
		if got.status != 409 || !strings.Contains(got.said(), "environment") {
			t.Error(got.said())
		}
	}
}

// A test goes to a contact of whoever asks, or of whom they name, and tells what the provider said.
func TestTryingAProvider(t *testing.T) {
	d, server := carried(t)
	d.keys["boss"] = d.newKey(enginedb.Key{Name: "boss", Scopes: []enginedb.Scope{enginedb.ScopeAdmin, enginedb.ScopeRespond}, Person: "ann"})
	d.must(200, "PUT", vonage, `{"kind": "gateway", "disabled": true, "settings": {"url": "`+server+`", "headers": {"Authorization": "Bearer {{.Secret.key}}"}}, "secrets": {"key": "hunter2-hunter2"}}`)
	got := d.as("boss", "POST", vonage+"/test", `{}`)
	if got.status != 200 || got.value(t)["state"] != "sent" || got.value(t)["channel"] != "sms" {
		t.Fatalf("to the caller's contact: %s", got.said())
	}
	id := got.value(t)["id"].(string)
	if err := d.carriers.Told(t.Context(), id, notifiers.Receipt{State: notifiers.Delivered}); err != nil {
		t.Fatal(err)
	}
	if got := d.must(200, "GET", vonage+"/test/"+id, ""); got.value(t)["state"] != "delivered" {
		t.Error(got.body)
	}
	d.must(404, "GET", "/v1/providers/other/test/"+id, "")
	d.must(200, "PUT", vonage+"?force=true", `{"kind": "gateway", "settings": {"url": "`+server+`"}, "secrets": {"key": null}}`)
	if got := d.must(200, "POST", vonage+"/test", `{"person": "bob"}`).value(t); got["state"] != "failed" || !strings.Contains(got["detail"].(string), "refused") {
		t.Errorf("%v", got)
	}
	d.must(201, "POST", "/v1/people", `{"handle": "dora", "contacts": [{"channel": "voice", "address": "+4915112345679"}]}`)
	for body, says := range map[string]string{
		`{}`:                               "[/person is missing",
		`{"person": "nobody"}`:             "[/person (nobody) there is no such person",
		`{"person": "dora"}`:               "has no contact that provider vonage can reach; it sends on sms",
		`{"person": "bob", "contact": 99}`: "[/contact (99) is no contact of bob",
	} {
		if got := d.as("admin", "POST", vonage+"/test", body).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s, want %s", body, got, says)
		}
	}
	d.must(404, "POST", "/v1/providers/other/test", `{"person": "bob"}`)

	d.must(200, "PUT", "/v1/providers/chat", `{"kind": "slack", "settings": {"channels": {"": "C0123456789"}}, "secrets": {"token": "xoxb-1", "signing_secret": "hunter2-hunter2"}}`)
	if got := d.as("admin", "POST", "/v1/providers/chat/test", `{"person": "bob"}`); got.status != 409 || !strings.Contains(got.said(), "of kind slack, posts incidents in a chat") {
		t.Errorf("a test of a chat: %s", got.said())
	}
}
