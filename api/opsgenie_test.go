package api

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// TestAnAlertFromOpsgeniesSenders goes through the real engine: what was accepted is there to read at once, as
// Zabbix wants it, under the address that people are used to give.
func TestAnAlertFromOpsgeniesSenders(t *testing.T) {
	d := newDesk(t)
	p, err := pager.New(pager.Config{DB: d.db, CatchAll: engine.CatchAll{Roster: "imoc"}, Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: silent{}})})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d.api = New(Config{Engine: p, DB: d.db, Health: http.NotFoundHandler(), CatchAll: engine.CatchAll{Roster: "imoc"}, Callbacks: callbacks.New(callbacks.Config{Engine: p}),
		Intake: intake.New(intake.Config{Engine: p, Book: enginedb.New(d.db), Keys: NewKeyring(d.db, d.secrets, log)})})

	told := func(method, path, body string) (alert string) {
		t.Helper()
		got := d.as("bitbucket", method, path, body)
		if got.status != http.StatusAccepted {
			t.Fatalf("%s %s: %s", method, path, got.said())
		}
		id, _ := got.value(t)["requestId"].(string)
		for _, id := range []string{id, got.header.Get("X-Request-Id")} {
			status := d.as("bitbucket", "GET", "/v2/alerts/requests/"+id, "")
			if status.status != http.StatusOK {
				t.Fatalf("what became of %s %s: %s", method, path, status.said())
			}
			alert, _ = status.value(t)["data"].(map[string]any)["alertId"].(string)
		}
		return alert
	}
	key := told("POST", "/v2/alerts/", `{"message": "Disk full", "alias": "db/1", "priority": "P2", "tags": ["a"], "details": {"free": "3GB"}}`)
	if again := told("POST", "/jsm/ops/integration/v2/alerts", `{"message": "Disk full", "alias": "db/1"}`); key == "" || again != key {
		t.Errorf("the alert is %q, told again it is %q", key, again)
	}
	told("POST", "/v2/alerts/db%2F1/notes?identifierType=alias", `{"note": "looking"}`)
	told("DELETE", "/v2/alerts/db%2F1/tags?identifierType=alias&tags=a", "")
	told("POST", "/v2/alerts/db%2F1/acknowledge?identifierType=alias", `{"user": "ann"}`)
	got := d.as("bitbucket", "GET", "/v2/alerts/"+key, "")
	for _, want := range []string{`"alias":"db/1"`, `"count":2`, `"acknowledged":true`, `"owner":"ann"`, `"priority":"P2"`, `"tags":[]`, `"details":{"free":"3GB"}`, `"status":"open"`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in %s", want, got.body)
		}
	}
	if got := d.as("bitbucket", "GET", "/v2/alerts/"+key+"/notes", ""); !strings.Contains(got.body, `"note":"looking"`) {
		t.Errorf("notes: %s", got.body)
	}
	if got := d.as("intake", "GET", "/v2/alerts/"+key, ""); got.status != http.StatusNotFound {
		t.Errorf("with a key of another service: %s", got.body)
	}
	told("POST", "/v2/alerts/db%2F1/close/?identifierType=alias", "")
	if alert := told("POST", "/v2/alerts/db%2F1/close?identifierType=alias", ""); alert != "" {
		t.Errorf("what is closed was closed again: %s", alert)
	}
	if got := d.as("bitbucket", "GET", "/v2/alerts/count?query=status%3Aclosed", ""); !strings.Contains(got.body, `"count":1`) {
		t.Errorf("count: %s", got.body)
	}
	if got := d.as("bitbucket", "POST", "/v2/alerts/x/y/z", ""); got.status != http.StatusNotFound || strings.Contains(got.header.Get("Content-Type"), "problem") {
		t.Errorf("an unknown path: %s", got.said())
	}
}
