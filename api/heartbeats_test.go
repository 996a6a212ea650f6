package api

import (
	"net/http"
	"strings"
	"testing"

	"rouse/engine/enginedb"
)

// Not a heartbeat more than the others: made, read, listed, changed and deleted, as every resource is.
func TestAHeartbeatIsMadeReadListedChangedAndDeleted(t *testing.T) {
	d := newDesk(t)
	const list = "/v1/services/bitbucket/heartbeats"
	const sent = `{"name": "Nightly backup", "description": "of db1", "every": "24h", "grace": "1h", "severity": 1, "max_run": "1h30m", "by_label": "host", "disabled": true, "message": "No backup", "tags": ["db"]}`
	made := d.must(201, "POST", list, sent)
	holds(t, made.body, sent)
	place, address := made.header.Get("Location"), made.value(t)["url"].(string)
	if !strings.HasPrefix(place, list+"/") || !strings.HasPrefix(address, "https://rouse.example.com/beat/") || made.header.Get("ETag") != `"1"` {
		t.Errorf("Location is %q, ETag %q, the address %q", place, made.header.Get("ETag"), address)
	}
	holds(t, made.body, `{"state": "disabled", "version": 1}`)
	read := d.must(200, "GET", place, "")
	if holds(t, read.body, sent); strings.Contains(read.body, `"url"`) {
		t.Errorf("read it is %s", read.body)
	}
	if items := d.must(200, "GET", list, "").value(t)["items"].([]any); !listed(t, items, read) {
		t.Errorf("it is not in the list: %v", items)
	}
	changed := strings.Replace(read.body, `"disabled":true,`, "", 1)
	after := d.must(200, "PUT", place, changed, `If-Match: "1"`)
	holds(t, after.body, `{"state": "waiting", "version": 2, "name": "Nightly backup"}`)
	if got := d.as("admin", "PUT", place, changed, `If-Match: "1"`); got.status != 412 || !strings.Contains(got.body, "heartbeat 1 of service bitbucket") {
		t.Errorf("the old version again: %s", got.said())
	}
	rehearsed := d.must(200, "PUT", place+"?dry_run=true", `{"name": "x", "every": "30s"}`)
	if !strings.Contains(rehearsed.body, `"dry_run":true`) || d.must(200, "GET", place, "").value(t)["name"] != "Nightly backup" {
		t.Errorf("a dry run: %s", rehearsed.body)
	}
	least := d.must(201, "POST", list, `{"name": "least", "every": "30s"}`)
	holds(t, d.must(200, "GET", least.header.Get("Location"), "").body, `{"severity": 2, "state": "waiting"}`)
	if got := d.as("admin", "DELETE", place, "", `If-Match: "1"`); got.status != 412 {
		t.Errorf("deleting the old version: %s", got.said())
	}
	d.must(204, "DELETE", place, "", `If-Match: "2"`)
	d.must(404, "GET", place, "")
	d.must(404, "DELETE", place, "")
	d.must(404, "PUT", place, sent)
	if got := d.send("", "GET", strings.TrimPrefix(address, "https://rouse.example.com"), ""); got.status != 404 {
		t.Errorf("its address: %s", got.said())
	}
}

func TestHeartbeatsThatAreRefused(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/services/bitbucket/heartbeats", `{"name": "backup", "every": "5m"}`)
	for _, c := range []struct{ what, request, body, want string }{
		{"no interval", "POST /v1/services/bitbucket/heartbeats", `{"name": "x"}`,
			`422 /problems/validation "/every is missing." [/every is missing]`},
		{"too often", "POST /v1/services/bitbucket/heartbeats", `{"name": "x", "every": "29s"}`,
			`422 /problems/validation "/every must be 30s to 720h0m0s." [/every (29s) must be 30s to 720h0m0s]`},
		{"no name", "POST /v1/services/bitbucket/heartbeats", `{"name": "", "every": "5m"}`,
			`422 /problems/validation "/name must be 1 to 200 characters, without line ends or control characters." [/name must be 1 to 200 characters, without line ends or control characters]`},
		{"a slash in the name", "PUT /v1/services/bitbucket/heartbeats/1", `{"name": "a/b", "every": "5m"}`,
			`422 /problems/validation "/name must not have a /: the name stands in addresses." [/name (a/b) must not have a /: the name stands in addresses]`},
		{"a severity that is none", "POST /v1/services/bitbucket/heartbeats", `{"name": "x", "every": "5m", "severity": 4}`,
			`422 /problems/validation "/severity must be 1 to 3." [/severity (4) must be 1 to 3]`},
		{"the same name", "POST /v1/services/bitbucket/heartbeats", `{"name": "BACKUP", "every": "5m"}`,
			`409 /problems/conflict "Service bitbucket has a heartbeat called \"BACKUP\" already."`},
		{"of a service that is not there", "POST /v1/services/jira/heartbeats", `{"name": "x", "every": "5m"}`,
			`404 /problems/not-found "There is no service jira."`},
		{"the list of a service that is not there", "GET /v1/services/jira/heartbeats", ``,
			`404 /problems/not-found "There is no service jira."`},
		{"one that is not there", "GET /v1/services/bitbucket/heartbeats/4711", ``,
			`404 /problems/not-found "There is no heartbeat 4711 of service bitbucket."`},
		{"another address for one that is not there", "POST /v1/services/bitbucket/heartbeats/4711/url", ``,
			`404 /problems/not-found "There is no heartbeat 4711 of service bitbucket."`},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		if got := d.as("admin", method, path, c.body).said(); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.what, got, c.want)
		}
	}
	other := d.must(201, "POST", "/v1/services/bitbucket/heartbeats", `{"name": "other", "every": "5m"}`).header.Get("Location")
	if got, want := d.as("admin", "PUT", other, `{"name": "Backup", "every": "5m"}`).said(), `409 /problems/conflict`; !strings.HasPrefix(got, want) {
		t.Errorf("renamed to another's: %s", got)
	}
	if _, err := d.db.Exec(t.Context(), `insert into heartbeat (service, name, every, severity, hash) select 'bitbucket', n::text, '1 hour', 1, n::text::bytea from generate_series(1, 998) n`); err != nil {
		t.Fatal(err)
	}
	if got := d.as("admin", "POST", "/v1/services/bitbucket/heartbeats", `{"name": "x", "every": "5m"}`).said(); !strings.Contains(got, "has 1000 heartbeats already") {
		t.Errorf("one too many: %s", got)
	}
}

// The address is all that a sender needs: every method, any body, also after it was changed.
func TestTheAddressOfAHeartbeatTakesSigns(t *testing.T) {
	d := newDesk(t)
	made := d.must(201, "POST", "/v1/services/bitbucket/heartbeats", `{"name": "watchdog", "every": "5m", "by_label": "cluster"}`)
	path := func(a answered) string {
		return strings.TrimPrefix(a.value(t)["url"].(string), "https://rouse.example.com")
	}
	address, place := path(made), made.header.Get("Location")
	d.log.Reset()
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "HEAD"} {
		if got := d.send("", method, address, `{"alerts": [{"status": "firing", "labels": {"alertname": "Watchdog", "cluster": "eu-1"}}]}`, "Content-Type: text/plain"); got.status != 200 || got.body != "OK watchdog\n" {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
	}
	d.send("", "POST", address+"/start?cluster=us-1&run=a", "")
	d.send("", "POST", address+"/start?cluster=us-1&run=b", "")
	got := d.must(200, "GET", place, "").value(t)
	sources := got["sources"].([]any)
	if len(sources) != 2 || got["state"] != "alive" || got["last_at"] != sources[1].(map[string]any)["last_at"] {
		t.Fatalf("got %v", got)
	}
	eu, us := sources[0].(map[string]any), sources[1].(map[string]any)
	if eu["name"] != "eu-1" || eu["state"] != "alive" || eu["due_at"] == nil || eu["runs"] != nil {
		t.Errorf("got %v", eu)
	}
	if runs := us["runs"].([]any); len(runs) != 2 || runs[0].(map[string]any)["id"] != "a" || runs[1].(map[string]any)["id"] != "b" {
		t.Errorf("got %v", us)
	}
	if log := d.log.String(); strings.Contains(log, strings.TrimPrefix(address, "/beat/")) || !strings.Contains(log, `"route":"/beat/{token}"`) {
		t.Errorf("the log: %s", log)
	}
	again := d.must(200, "POST", place+"/url", "")
	if path(again) == address {
		t.Error("the address is the same")
	}
	if got := d.send("", "GET", address, ""); got.said() != `404 /problems/not-found "There is no heartbeat at this address, or it has another one now."` {
		t.Errorf("the address before: %s", got.said())
	}
	if got := d.send("", "GET", path(again), ""); got.status != 200 {
		t.Errorf("the new address: %s", got.said())
	}
	var kept int
	secret := strings.TrimPrefix(path(again), "/beat/")
	if err := d.db.QueryRow(t.Context(), `select count(*) from heartbeat where heartbeat::text like '%' || $1 || '%'`, secret).Scan(&kept); err != nil || kept > 0 {
		t.Errorf("the database has the secret, %v", err)
	}
	if got := d.send("", "DELETE", path(again), ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %s", got.said())
	}
}

// Opsgenie's clients change the host, and all goes on: what they make is a heartbeat like any other.
func TestOpsgeniesHeartbeats(t *testing.T) {
	d := newDesk(t)
	genie := func(status int, method, path, body string) map[string]any {
		t.Helper()
		got := d.send("", method, path, body, "Authorization: GenieKey "+d.keys["bitbucket"])
		if got.status != status {
			t.Fatalf("%s %s: %d %s, want %d", method, path, got.status, got.body, status)
		}
		return got.value(t)
	}
	genie(201, "POST", "/v2/heartbeats/", `{"name": "nightly", "interval": 1, "intervalUnit": "days", "enabled": true, "alertPriority": "P1"}`)
	genie(409, "POST", "/v2/heartbeats", `{"name": "nightly", "interval": 1, "intervalUnit": "days"}`)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH"} {
		if got := genie(202, method, "/jsm/ops/integration/v2/heartbeats/nightly/ping", ""); got["result"] != "PONG - Heartbeat received" {
			t.Errorf("%s: %v", method, got)
		}
	}
	if got := genie(200, "GET", "/v2/heartbeats/nightly", "")["data"].(map[string]any); got["lastPingTime"] == nil || got["expired"] != false || got["alertPriority"] != "P1" {
		t.Errorf("got %v", got)
	}
	genie(202, "GET", "/v2/heartbeats/nothing/ping", "")
	genie(200, "POST", "/v2/heartbeats/nightly/disable", "")
	items := d.must(200, "GET", "/v1/services/bitbucket/heartbeats", "").value(t)["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("got %v", items)
	}
	if hb := items[0].(map[string]any); hb["name"] != "nightly" || hb["every"] != "24h" || hb["severity"] != 1.0 || hb["state"] != "disabled" {
		t.Errorf("got %v", hb)
	}
	genie(200, "PATCH", "/v2/heartbeats/nightly", `{"interval": 2}`)
	if list := genie(200, "GET", "/v2/heartbeats", "")["data"].(map[string]any)["heartbeats"].([]any); len(list) != 1 || list[0].(map[string]any)["interval"] != 2.0 {
		t.Errorf("got %v", list)
	}
	genie(200, "DELETE", "/v2/heartbeats/nightly", "")
	genie(404, "GET", "/v2/heartbeats/nightly", "")
	genie(405, "DELETE", "/v2/heartbeats", "")
	if got := d.send("", "GET", "/v2/heartbeats/nightly/ping", "", "Authorization: GenieKey wrong"); got.status != 401 || strings.Contains(got.body, "problems") {
		t.Errorf("with a wrong key: %d %s", got.status, got.body)
	}
}

func TestASignWithAnIntegrationKey(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/services/bitbucket/heartbeats", `{"name": "nightly backup", "every": "24h"}`)
	if got := d.as("bitbucket", "POST", "/v1/heartbeat/nightly%20backup?state=started&run=a", ""); got.status != 202 {
		t.Errorf("got %s", got.said())
	}
	if got := d.as("intake", "POST", "/v1/heartbeat/nightly%20backup?service=bitbucket", ""); got.status != 202 || !strings.Contains(got.body, `"outcome":"noted"`) {
		t.Errorf("with a key of no service: %s", got.said())
	}
	if got := d.as("bitbucket", "POST", "/v1/heartbeat/nothing", "").said(); got != `404 /problems/not-found "Service bitbucket has no heartbeat called \"nothing\"."` {
		t.Errorf("got %s", got)
	}
	other := d.newKey(enginedb.Key{Name: "jira's", Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Dialect: "jira", Service: "bitbucket"})
	if got := d.send(other, "POST", "/v1/heartbeat/nightly%20backup", ""); got.status != 403 {
		t.Errorf("with a key of another dialect: %s", got.said())
	}
}
