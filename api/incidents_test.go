package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

func TestAnswersGoToTheEngine(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct{ key, path, body, told string }{
		{"ann", "/acknowledge", ``, "acknowledge HOT-1 by ann escalation 0 via rest"},
		{"ann", "/acknowledge", `{}`, "acknowledge HOT-1 by ann escalation 0 via rest"},
		{"ann", "/acknowledge", `{"person": "ann", "escalation": 2}`, "acknowledge HOT-1 by ann escalation 2 via rest"},
		{"respond", "/acknowledge", `{"person": "bob"}`, "acknowledge HOT-1 by bob escalation 0 via rest"},
		{"ann", "/decline", ``, "decline HOT-1 by ann escalation 0 via rest"},
		{"admin", "/decline", `{"person": "bob"}`, "decline HOT-1 by bob escalation 0 via rest"},
		{"ann", "/resolve", ``, "resolve HOT-1 by ann: "},
		{"ann", "/resolve", `{"why": "disk swapped"}`, "resolve HOT-1 by ann: disk swapped"},
		{"respond", "/resolve", `{"why": "disk swapped"}`, "resolve HOT-1 by key test respond: disk swapped"},
		{"respond", "/resolve", `{"by": "carla"}`, "resolve HOT-1 by carla: "},
		{"ann", "/page", `{"roster": "dba", "role": "database", "why": "slow queries", "wait": "90s"}`, `page roster dba into HOT-1 as "database" by ann after 1m30s: slow queries`},
		{"respond", "/page", `{"person": "bob"}`, `page person bob into HOT-1 as "" by key test respond after 0s: `},
		{"ann", "/severity", `{"severity": 1, "why": "all users"}`, "severity of HOT-1 to 1 by ann: all users"},
		{"ann", "/notes", `{"text": "restarting db1"}`, "note in HOT-1 by ann: restarting db1"},
	} {
		d.engine.told, d.engine.reply = nil, pager.Reply{Outcome: engine.OutcomeManager, Key: "HOT-1", Severity: 1, Summary: "disk full", Role: engine.RoleManager}
		got := d.as(c.key, "POST", "/v1/incidents/HOT-1"+c.path, c.body)
		if got.status >= 300 || !reflect.DeepEqual(d.engine.told, []string{c.told}) {
			t.Errorf("%s %s as %s: %s, told %q", c.path, c.body, c.key, got.said(), d.engine.told)
		}
	}
	holds(t, d.as("ann", "POST", "/v1/incidents/HOT-1/acknowledge", "").body,
		`{"outcome": "incident_manager", "key": "HOT-1", "severity": 1, "summary": "disk full", "role": "incident manager", "person": "ann"}`)
	holds(t, d.as("ann", "POST", "/v1/incidents/HOT-1/page", `{"roster": "dba"}`).body, `{"escalation": 2}`)
}

func TestAKeyActsAsNobodyElse(t *testing.T) {
	d := newDesk(t)
	for path, body := range map[string]string{"/acknowledge": `{"person": "bob"}`, "/decline": `{"person": "bob"}`, "/resolve": `{"by": "bob"}`,
		"/page": `{"roster": "dba", "by": "bob"}`, "/severity": `{"severity": 1, "by": "bob"}`, "/notes": `{"text": "x", "by": "bob"}`} {
		got := d.as("ann", "POST", "/v1/incidents/HOT-1"+path, body)
		if want := `403 /problems/forbidden "The key is bound to ann and cannot act as bob."`; got.said() != want || d.engine.told != nil {
			t.Errorf("%s: %s, told %q", path, got.said(), d.engine.told)
		}
	}
}

func TestWhatTheEngineRefuses(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		reply pager.Reply
		err   error
		want  string
	}{
		{pager.Reply{Outcome: engine.OutcomeTaken, Holder: "Bob Example"}, nil, `409 /problems/taken "Bob Example has HOT-1."`},
		{pager.Reply{Outcome: engine.OutcomeResolved}, nil, `409 /problems/resolved "The incident HOT-1 is resolved."`},
		{pager.Reply{Outcome: engine.OutcomeNothing}, nil, `409 /problems/nothing-to-answer "There is nothing in HOT-1 that ann could answer."`},
		{pager.Reply{}, fmt.Errorf("finding it: %w", pager.ErrNotFound), `404 /problems/not-found "There is no incident HOT-1."`},
		{pager.Reply{}, fmt.Errorf("stepping: %w", pager.ErrResolved), `409 /problems/resolved "The incident HOT-1 is resolved."`},
		{pager.Reply{}, context.DeadlineExceeded, `503 /problems/unavailable "Rouse cannot do this just now. Try again."`},
		{pager.Reply{}, errors.New("secret inside"), `500 /problems/internal "Something went wrong. The log knows more."`},
	} {
		d.engine.reply, d.engine.err = c.reply, c.err
		got := d.as("ann", "POST", "/v1/incidents/HOT-1/acknowledge", "")
		if got.said() != c.want {
			t.Errorf("got %s\nwant %s", got.said(), c.want)
		}
		if (got.status == 503) != (got.header.Get("Retry-After") != "") {
			t.Errorf("%d with Retry-After %q", got.status, got.header.Get("Retry-After"))
		}
	}
	if !strings.Contains(d.log.String(), "secret inside") {
		t.Error("the cause of the 500 is not in the log")
	}
}

// TestAnIncidentFromAlertToResolution goes through the real engine, which sends nothing here.
func TestAnIncidentFromAlertToResolution(t *testing.T) {
	d := newDesk(t)
	p, err := pager.New(pager.Config{DB: d.db, CatchAll: engine.CatchAll{Roster: "imoc"}, Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: silent{}})})
	if err != nil {
		t.Fatal(err)
	}
	d.api = New(Config{Engine: p, DB: d.db, Health: http.NotFoundHandler(), CatchAll: engine.CatchAll{Roster: "imoc"},
		Intake: intake.New(intake.Config{Engine: p, Keys: NewKeyring(d.db, d.secrets, slog.New(slog.DiscardHandler))}), Callbacks: callbacks.New(callbacks.Config{Engine: p})})
	d.must(200, "PUT", "/v1/policies/bitbucket", `{"levels": [{"targets": [{"person": "ann"}]}]}`)

	if got := d.as("bitbucket", "POST", "/v1/alerts", `{"summary": "disk full", "severity": 1, "dedup_key": "disk"}`); got.status != 202 {
		t.Fatal(got.said())
	}
	list := d.as("read", "GET", "/v1/incidents?status=new&service=bitbucket", "").value(t)["items"].([]any)
	if len(list) != 1 {
		t.Fatalf("got %v", list)
	}
	key := list[0].(map[string]any)["key"].(string)
	place := "/v1/incidents/" + key
	read := d.as("read", "GET", place, "")
	holds(t, read.body, `{"service": "bitbucket", "severity": 1, "summary": "disk full", "status": "new", "alerts": 1, "dedup_key": "disk"}`)
	for _, want := range []string{`"address":"+49…17"`, `"ladder":"bitbucket"`, `"reason":"first page"`, `"catch_all":true`, `"next_at":`, `"level":1`} {
		if !strings.Contains(read.body, want) {
			t.Errorf("%s is not in %s", want, read.body)
		}
	}
	if strings.Contains(read.body, "12345617") {
		t.Errorf("a number is shown: %s", read.body)
	}

	got := d.as("ann", "POST", place+"/acknowledge", "")
	holds(t, got.body, `{"outcome": "incident_manager", "person": "ann", "role": "incident manager"}`)
	if got := d.as("respond", "POST", place+"/acknowledge", `{"person": "bob"}`).said(); got != `409 /problems/taken "Name of ann has `+key+`."` {
		t.Error(got)
	}
	if got := d.as("ann", "POST", place+"/page", `{"roster": "dba", "why": "slow queries"}`); got.status != 201 {
		t.Error(got.said())
	}
	for path, body := range map[string]string{"/severity": `{"severity": 2}`, "/notes": `{"text": "restarting db1"}`} {
		if got := d.as("ann", "POST", place+path, body); got.status != 204 {
			t.Errorf("%s: %s", path, got.said())
		}
	}
	holds(t, d.as("read", "GET", place, "").body, `{"status": "fixing", "manager": "ann", "severity": 2}`)
	if got := d.as("ann", "POST", place+"/resolve", `{"why": "disk swapped"}`); got.status != 204 {
		t.Error(got.said())
	}
	if got := d.as("ann", "POST", place+"/resolve", ``); got.status != 204 {
		t.Errorf("again: %s", got.said())
	}
	for path, body := range map[string]string{"/acknowledge": ``, "/decline": ``, "/page": `{"roster": "dba"}`, "/severity": `{"severity": 1}`, "/notes": `{"text": "late"}`} {
		if got := d.as("ann", "POST", place+path, body).said(); got != `409 /problems/resolved "The incident `+key+` is resolved."` {
			t.Errorf("%s: %s", path, got)
		}
	}
	read = d.as("read", "GET", place, "")
	holds(t, read.body, `{"status": "resolved"}`)
	for _, want := range []string{"restarting db1", "disk swapped", "slow queries", `"resolved_at":`} {
		if !strings.Contains(read.body, want) {
			t.Errorf("%s is not in %s", want, read.body)
		}
	}
	for path, n := range map[string]int{"?status=resolved": 1, "?status=new&status=fixing": 0, "?service=": 0, "?service=bitbucket": 1} {
		if list := d.as("read", "GET", "/v1/incidents"+path, "").value(t)["items"].([]any); len(list) != n {
			t.Errorf("%s: %v", path, list)
		}
	}
}

// What a sender said can be read by whoever may read the incident, and as it was sent.
func TestWhatAnAlertSaidIsRead(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	sent := `{"payload": {"summary": "disk full", "severity": "critical", "source": "db1", "custom_details": {"free": "0 B", "page": "<script>"}}, "dedup_key": "disk",
		"event_action": "trigger", "routing_key": "` + d.keys["bitbucket"] + `", "client": "Grafana", "client_url": "https://grafana.example/d/disk"}`
	for range 2 {
		if got := d.send("", "POST", "/v2/enqueue", sent); got.status != 202 {
			t.Fatal(got.said())
		}
	}
	read := d.as("read", "GET", "/v1/incidents/HOT-1", "").value(t)["reports"].([]any)
	if len(read) != 1 {
		t.Fatalf("got %v", read)
	}
	report := read[0].(map[string]any)
	labels, links := report["labels"].(map[string]any), report["links"].([]any)
	if report["summary"] != "disk full" || report["source"] != "pagerduty" || report["word"] != "critical" || report["firing"] != true || report["count"] != 2.0 ||
		labels["client"] != "Grafana" || labels["free"] != "0 B" || len(links) != 1 || !strings.Contains(report["details"].(string), "db1") {
		t.Errorf("got %v", report)
	}
	first, last := fmt.Sprint(report["first_id"]), fmt.Sprint(report["id"])
	if first == last {
		t.Errorf("one alert %s of two", first)
	}
	for _, id := range []string{first, last} {
		got := d.as("read", "GET", "/v1/incidents/HOT-1/alerts/"+id+"/original", "")
		if got.status != 200 || got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(got.body, `"page": "<script>"`) || strings.Contains(got.body, d.keys["bitbucket"]) {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	if got := d.as("intake", "GET", "/v1/incidents/HOT-1/alerts/"+first+"/original", ""); got.status != 403 {
		t.Errorf("a sender's key: %s", got.said())
	}
	for path, want := range map[string]string{
		"/v1/incidents/HOT-2/alerts/" + first + "/original": `404 /problems/not-found "There is no alert ` + first + ` of incident HOT-2."`,
		"/v1/incidents/HOT-1/alerts/4711/original":          `404 /problems/not-found "There is no alert 4711 of incident HOT-1."`,
	} {
		if got := d.as("read", "GET", path, "").said(); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	for text, kind := range map[string]string{"<html>": "text/plain; charset=utf-8", "\xff\x00": "application/octet-stream", "": ""} {
		if _, err := d.db.Exec(t.Context(), `update alert set raw = $1`, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got := d.as("read", "GET", "/v1/incidents/HOT-1/alerts/"+first+"/original", "")
		if gone := text == "" && got.status == 404 && strings.Contains(got.body, "is not kept any more"); !gone && (got.header.Get("Content-Type") != kind || got.body != text) {
			t.Errorf("%q: %s %v", text, got.body, got.header)
		}
	}
}

// silent takes every message and sends none.
type silent struct{ notifiers.Notifier }
