package api

import (
	"encoding/json"
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

// withPager puts the real engine behind the desk; it sends nothing.
func (d *desk) withPager() {
	d.t.Helper()
	p, err := pager.New(pager.Config{DB: d.db, CatchAll: engine.CatchAll{Roster: "imoc"}, Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: silent{}})})
	if err != nil {
		d.t.Fatal(err)
	}
	d.api = New(Config{Engine: p, DB: d.db, CatchAll: engine.CatchAll{Roster: "imoc"}, Health: http.NotFoundHandler(), Callbacks: callbacks.New(callbacks.Config{Engine: p}),
		Intake: intake.New(intake.Config{Engine: p, Keys: NewKeyring(d.db, d.secrets, slog.New(slog.DiscardHandler))}), Log: slog.New(slog.DiscardHandler)})
}

func TestRulesSayWhichOfTheLastAlertsWouldGoElsewhere(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	d.must(201, "POST", "/v1/services", `{"slug": "database"}`)
	for _, alert := range []string{`{"summary": "disk full", "labels": {"tier": "db"}}`, `{"summary": "slow", "labels": {"tier": "web"}}`} {
		if got := d.as("bitbucket", "POST", "/v1/alerts", alert); got.status != 202 {
			t.Fatal(got.said())
		}
	}
	rules := `{"items": [{"id": "databases", "when": "labels.tier == \"db\"", "service": "database", "severity": 1}]}`
	dry := d.must(200, "PUT", "/v1/rules?dry_run=true", rules)
	elsewhere := dry.value(t)["result"].(map[string]any)["elsewhere"].(map[string]any)
	first := elsewhere["items"].([]any)[0].(map[string]any)
	was, now := map[string]any{"service": "bitbucket", "severity": 2.0}, map[string]any{"service": "database", "severity": 1.0}
	if elsewhere["looked_at"] != 2.0 || elsewhere["count"] != 1.0 || first["summary"] != "disk full" || !reflect.DeepEqual(first["was"], was) || !reflect.DeepEqual(first["now"], now) {
		t.Errorf("the dry run says %v", elsewhere)
	}
	if got := d.must(200, "GET", "/v1/rules", ""); !strings.Contains(got.body, `"items":[]`) {
		t.Errorf("the dry run saved %s", got.body)
	}
	d.must(200, "PUT", "/v1/rules", rules)
	d.as("bitbucket", "POST", "/v1/alerts", `{"summary": "disk full again", "labels": {"tier": "db"}}`)
	list := d.must(200, "GET", "/v1/incidents?service=database", "").value(t)["items"].([]any)
	if len(list) != 1 {
		t.Errorf("%d incidents went to the database", len(list))
	}
}

func TestWhatIsWrongWithRulesIsSaidWhereItStands(t *testing.T) {
	d := newDesk(t)
	for body, says := range map[string]string{
		`{"items": [{"id": "a", "when": "serverity == 1"}]}`:                                 `[/items/0/when (serverity == 1) line 1, column 1: undeclared reference to 'serverity'`,
		`{"items": [{"id": "a", "when": "true"}, {"id": "a", "when": "true"}]}`:              `[/items/1/id (a) is the id of another rule of the list]`,
		`{"items": [{"id": "a", "when": "true", "service": "nowhere"}]}`:                     `[/items/0/service (nowhere) there is no such service]`,
		`{"items": [{"id": "a", "when": "true", "policy": "none", "page": ["dba", "dbx"]}]}`: `[/items/0/policy (none) there is no such policy] [/items/0/page/1 (dbx) there is no such roster]`,
		`{"items": [{"id": "A b", "when": "true"}]}`:                                         `/items/0/id`,
	} {
		if got := d.must(422, "PUT", "/v1/rules", body).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s", body, got)
		}
	}
	d.must(201, "POST", "/v1/teams", `{"slug": "dba", "members": [{"person": "ann", "role": "owner"}]}`)
	if got := d.must(422, "PUT", "/v1/teams/dba/rules", `{"items": [{"id": "a", "when": "true", "service": "bitbucket"}]}`).said(); !strings.Contains(got, "is not owned by team dba") {
		t.Error(got)
	}
	d.must(200, "PUT", "/v1/teams/dba/rules", `{"items": [{"id": "a", "when": "true", "severity": 1}]}`)
	if got := d.must(409, "PUT", "/v1/rules", `{"items": [{"id": "a", "when": "true"}]}`).said(); !strings.Contains(got, "a.") {
		t.Error(got)
	}
}

func TestTwoWhoReplaceTheRulesDoNotOverwriteEachOther(t *testing.T) {
	d := newDesk(t)
	etag := d.must(200, "GET", "/v1/rules", "").header.Get("ETag")
	d.must(200, "PUT", "/v1/rules", `{"items": [{"id": "a", "when": "true"}]}`, "If-Match: "+etag)
	if got := d.as("admin", "PUT", "/v1/rules", `{"items": []}`, "If-Match: "+etag); got.status != 412 || !strings.Contains(got.said(), "/items") {
		t.Error(got.said())
	}
	words := d.must(200, "GET", "/v1/severities", "").header.Get("ETag")
	d.must(200, "PUT", "/v1/severities", `{"items": [{"source": "Opsgenie", "word": "P-4", "severity": 0}]}`, "If-Match: "+words)
	if got := d.must(200, "GET", "/v1/severities", "").body; !strings.Contains(got, `{"severity":0,"source":"opsgenie","word":"p4"}`) {
		t.Error(got)
	}
	d.must(412, "PUT", "/v1/severities", `{"items": []}`, "If-Match: "+words)
	if got := d.must(422, "PUT", "/v1/severities", `{"items": [{"word": "P4", "severity": 1}, {"word": "p-4", "severity": 2}]}`).said(); !strings.Contains(got, "/items/1/word") {
		t.Error(got)
	}
}

func TestAMaintenanceNeedsWhatItTakes(t *testing.T) {
	d := newDesk(t)
	for body, says := range map[string]string{
		`{}`: "[/to needs from and to, or again: a rule by which it recurs]",
		`{"from": "2098-01-01T00:00:00Z", "to": "2098-01-03T00:00:00Z"}`:                                         "[/reason is needed for more than 24h0m0s: nobody is paged for so long]",
		`{"from": "2098-01-01T00:00:00Z", "to": "2098-03-03T00:00:00Z", "reason": "x"}`:                          "[/to (1464h0m0s) is longer than 720h0m0s, the limit]",
		`{"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}`:                                         "[/to (2026-01-01T01:00:00Z) has passed already]",
		`{"to": "2098-01-01T00:00:00Z", "again": {"start": "2026-01-03T22:00:00", "rule": "X", "length": "1h"}}`: "[/again (X) stands instead of from and to; give one of the two]",
		`{"again": {"start": "2026-01-03T22:00:00", "rule": "FREQ=SECONDLY", "length": "1h"}}`:                   "/again/rule",
		`{"again": {"start": "2026-01-03T22:00:00", "rule": "FREQ=DAILY", "length": "1h"}, "when": "x"}`:         "[/when (x) line 1, column 1: undeclared reference to 'x'",
	} {
		if got := d.must(422, "POST", "/v1/services/bitbucket/maintenance", body).said(); !strings.Contains(got, says) {
			t.Errorf("%s: %s", body, got)
		}
	}
	d.must(404, "POST", "/v1/services/nowhere/maintenance", `{"again": {"start": "2026-01-03T22:00:00", "rule": "FREQ=DAILY", "length": "1h"}}`)
}

func TestWhoWouldBePagedIsAsked(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	got := d.as("read", "POST", "/v1/simulate", `{"service": "bitbucket", "severity": 1, "at": "2026-12-25T03:00:00Z"}`)
	for _, part := range []string{`"at":"2026-12-25T03:00:00Z"`, `"policy":"bitbucket"`, `"person":"bob"`, `"address":"+49…17"`, `"channel":"sms"`, `"catch_all":true`, `"reason":"level begins"`} {
		if !strings.Contains(strings.ReplaceAll(got.body, `": `, `":`), part) {
			t.Errorf("it does not say %s: %s", part, got.body)
		}
	}
	if got := d.as("read", "POST", "/v1/simulate", `{}`); got.status != 200 || !strings.Contains(got.body, `"role":"incident manager"`) {
		t.Error(got.said())
	}
}

func TestAGroupedIncidentListsItsAlerts(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	d.must(200, "PUT", "/v1/services/bitbucket", `{"policy": "bitbucket", "noise": {"grouping": {"by": ["cluster"]}}}`)
	for _, body := range []string{`{"summary": "disk full on db1", "severity": 1, "dedup_key": "db1", "labels": {"cluster": "prod"}}`,
		`{"summary": "disk full on db2", "severity": 2, "dedup_key": "db2", "labels": {"cluster": "prod"}}`, `{"dedup_key": "db1", "action": "resolve"}`} {
		if got := d.as("bitbucket", "POST", "/v1/alerts", body); got.status != 202 {
			t.Fatal(got.said())
		}
	}
	list := d.must(200, "GET", "/v1/incidents/HOT-1", "").value(t)["reports"].([]any)
	if len(list) != 2 {
		t.Fatalf("got %v", list)
	}
	first, second := list[0].(map[string]any), list[1].(map[string]any)
	if first["dedup_key"] != "db2" || first["firing"] != true || second["summary"] != "disk full on db1" || second["firing"] != false || second["count"] != 1.0 {
		t.Errorf("got %v", list)
	}
}

func TestRulesAndWordsArePartOfTheConfiguration(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/teams", `{"slug": "dba", "members": [{"person": "ann", "role": "owner"}]}`)
	d.must(201, "POST", "/v1/services", `{"slug": "database", "team": "dba"}`)
	d.must(200, "PUT", "/v1/rules", `{"items": [{"id": "databases", "when": "labels.tier == \"db\"", "service": "database"}]}`)
	d.must(200, "PUT", "/v1/teams/dba/rules", `{"items": [{"id": "night", "when": "now.clock(\"UTC\") < \"06:00\"", "severity": 3}]}`)
	d.must(200, "PUT", "/v1/severities", `{"items": [{"source": "zabbix", "word": "Disaster", "severity": 1}, {"word": "P5", "severity": 0}]}`)
	before := d.must(200, "GET", "/v1/configuration", "").value(t)
	rules, words := before["rules"].([]any), before["severities"].([]any)
	if len(rules) != 2 || rules[1].(map[string]any)["team"] != "dba" || len(words) != 2 {
		t.Fatalf("the document has %v, %v", rules, words)
	}
	if changes := d.must(200, "PUT", "/v1/configuration?dry_run=true", d.text(before)).value(t)["result"].(map[string]any)["changes"].([]any); len(changes) != 0 {
		t.Errorf("what was read changes %v", changes)
	}
	before["rules"], before["severities"] = rules[:1], []any{map[string]any{"word": "P-5", "severity": 3}}
	changes := d.must(200, "PUT", "/v1/configuration", d.text(before)).value(t)["changes"].([]any)
	var got []string
	for _, c := range changes {
		c := c.(map[string]any)
		got = append(got, fmt.Sprint(c["action"], " ", c["kind"], " ", c["id"]))
	}
	if want := "[change word p5 delete word zabbix disaster delete rules dba]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	before["rules"] = []any{map[string]any{"items": []any{map[string]any{"id": "x", "when": "nonsense", "service": "nowhere"}}}}
	if got := d.must(422, "PUT", "/v1/configuration", d.text(before)).said(); !strings.Contains(got, "/rules/0/items/0/when") || !strings.Contains(got, "/rules/0/items/0/service") {
		t.Error(got)
	}
}

// text is a value as JSON.
func (d *desk) text(v any) string {
	d.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}
