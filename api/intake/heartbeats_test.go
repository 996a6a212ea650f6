package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// fakeHeartbeats keeps heartbeats in memory, and the signs of those that are there. The secret of the address
// of one is its name.
type fakeHeartbeats struct {
	list  []enginedb.Heartbeat
	beats []pager.Beat
	fail  error
	met   int // so many updates meet another one
}

func (f *fakeHeartbeats) find(service engine.ServiceID, name string) int {
	return slices.IndexFunc(f.list, func(h enginedb.Heartbeat) bool { return h.Service == service && strings.EqualFold(h.Name, name) })
}

func (f *fakeHeartbeats) Beat(_ context.Context, b pager.Beat) (pager.Received, error) {
	if f.fail != nil {
		return pager.Received{}, f.fail
	}
	if b.Secret != "" {
		b.Service, b.Name = "db", b.Secret
	}
	if f.find(b.Service, b.Name) < 0 {
		return pager.Received{}, fmt.Errorf("a sign of life: %w", pager.ErrNotFound)
	}
	f.beats = append(f.beats, b)
	if b.Sign.Kind == engine.SignFailed {
		return pager.Received{Key: "HOT-1", Outcome: pager.Opened, DedupKey: b.Name}, nil
	}
	return pager.Received{Outcome: pager.Noted, DedupKey: b.Name, Why: "a sign of life"}, nil
}

func (f *fakeHeartbeats) Heartbeats(_ context.Context, service engine.ServiceID, _ int64, _ int) (of []enginedb.Heartbeat, err error) {
	for _, h := range f.list {
		if h.Service == service {
			of = append(of, h)
		}
	}
	return of, f.fail
}

func (f *fakeHeartbeats) HeartbeatNamed(_ context.Context, service engine.ServiceID, name string) (enginedb.Heartbeat, error) {
	i := f.find(service, name)
	if i < 0 {
		return enginedb.Heartbeat{}, enginedb.ErrNotFound
	}
	return f.list[i], f.fail
}

func (f *fakeHeartbeats) CreateHeartbeat(_ context.Context, h engine.Heartbeat) (string, int64, error) {
	if f.find(h.Service, h.Name) >= 0 {
		return "", 0, enginedb.ErrExists
	}
	h.ID = int64(len(f.list) + 1)
	f.list = append(f.list, enginedb.Heartbeat{Heartbeat: h, Stamp: enginedb.Stamp{Version: 1}})
	return h.Name, h.ID, f.fail
}

func (f *fakeHeartbeats) UpdateHeartbeat(_ context.Context, h engine.Heartbeat, version int) error {
	i := slices.IndexFunc(f.list, func(is enginedb.Heartbeat) bool { return is.ID == h.ID })
	if f.met > 0 || f.list[i].Version != version {
		f.met--
		f.list[i].Version++
		return enginedb.ErrVersion
	}
	f.list[i].Heartbeat = h
	f.list[i].Version++
	return f.fail
}

func (f *fakeHeartbeats) DeleteHeartbeat(_ context.Context, service engine.ServiceID, id int64, _ int) error {
	f.list = slices.DeleteFunc(f.list, func(h enginedb.Heartbeat) bool { return h.ID == id && h.Service == service })
	return f.fail
}

// beating is a desk with the heartbeat backup of service db.
func beating() (*desk, *fakeHeartbeats) {
	d, f := newDesk(nil), &fakeHeartbeats{}
	if _, _, err := f.CreateHeartbeat(context.Background(), engine.Heartbeat{Service: "db", Name: "backup", Every: time.Hour, Severity: 2}); err != nil {
		panic(err)
	}
	d.h.signs, d.h.heartbeats = f, f
	return d, f
}

// routed answers as the router would, which fills in the parts of a path.
func (d *desk) routed(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	path := strings.Split(r.URL.Path, "/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/beat/"):
		r.SetPathValue("token", path[2])
		if len(path) > 3 {
			r.SetPathValue("state", path[3])
		}
		d.h.Beat(w, r)
	case strings.HasPrefix(r.URL.Path, "/v1/heartbeat/"):
		r.SetPathValue("name", path[3])
		d.h.Heartbeat(w, r)
	default:
		d.h.OpsgenieHeartbeats(w, r)
	}
	return w
}

func TestWhatASignSays(t *testing.T) {
	for _, tt := range []struct {
		name, state, query, body string
		want                     engine.Sign
		labels                   []map[string]string
	}{
		{"nothing", "", "", "", engine.Sign{Kind: "alive"}, nil},
		{"any body", "", "", "\x00\xff<xml/>", engine.Sign{Kind: "alive"}, nil},
		{"a beginning", "start", "run=a", "ignored", engine.Sign{Kind: "started", Run: "a"}, nil},
		{"a beginning in the query", "", "state=STARTED&rid=4711", "", engine.Sign{Kind: "started", Run: "4711"}, nil},
		{"a success", "success", "", "all done", engine.Sign{Kind: "succeeded", Output: "all done"}, nil},
		{"a failure", "fail", "run=a&exit=3", "disk full", engine.Sign{Kind: "failed", Run: "a", Exit: "exit status 3", Output: "disk full"}, nil},
		{"an exit status in the path", "137", "", "", engine.Sign{Kind: "failed", Exit: "exit status 137"}, nil},
		{"an exit status of 0", "0", "", "", engine.Sign{Kind: "succeeded", Exit: "exit status 0"}, nil},
		{"an exit status alone", "", "exit=1", "", engine.Sign{Kind: "failed", Exit: "exit status 1"}, nil},
		{"an exit status that is none", "", "state=failed&exit=signal%20killed", "", engine.Sign{Kind: "failed", Exit: "signal killed"}, nil},
		{"a word that is not known", "", "state=exploded", "", engine.Sign{Kind: "failed", Exit: `it says "exploded", which is not known`}, nil},
		{"labels in the query", "", "cluster=eu-1&token=secret&state=ok&a=1&a=2", "", engine.Sign{Kind: "alive"}, []map[string]string{{"cluster": "eu-1", "a": "1"}}},
		{"Alertmanager's notification", "", "cluster=no", `{"version":"4","status":"firing","alerts":[
			{"status":"firing","labels":{"alertname":"Watchdog","cluster":"eu-1"}},{"status":"resolved","labels":{"cluster":"us-1"}},{"labels":{"cluster":"ap-1"}},7]}`,
			engine.Sign{Kind: "alive"}, []map[string]string{{"alertname": "Watchdog", "cluster": "eu-1"}, {"cluster": "ap-1"}}},
		{"JSON that is none of Alertmanager's", "", "", `{"alerts":"many"}`, engine.Sign{Kind: "alive"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			query, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if sign, labels := signOf(tt.state, query, []byte(tt.body), true); !reflect.DeepEqual(sign, tt.want) || !reflect.DeepEqual(labels, tt.labels) {
				t.Errorf("got  %+v %v\nwant %+v %v", sign, labels, tt.want, tt.labels)
			}
		})
	}
}

func TestTheEndOfALongOutputIsKept(t *testing.T) {
	sign, _ := signOf("fail", nil, []byte(strings.Repeat("ä", 4000)+"the cause"), true)
	if !strings.HasSuffix(sign.Output, "äthe cause") || !strings.HasPrefix(sign.Output, "…ä") || len(sign.Output) > 4<<10 || len(sign.Output) < 4<<10-3 {
		t.Errorf("%d bytes are kept, from %.10q on", len(sign.Output), sign.Output)
	}
	sign, _ = signOf("start", url.Values{"run": {strings.Repeat("x", 1000)}}, nil, true)
	if len(sign.Run) != engine.MaxRunID {
		t.Errorf("%d bytes of the id of a run are kept", len(sign.Run))
	}
}

// WIRE: GET, POST, PUT, PATCH and HEAD with any body.
func TestTheAddressOfAHeartbeat(t *testing.T) {
	d, f := beating()
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "HEAD"} {
		if w := d.routed(method, "/beat/backup", "{not json"); w.Code != 200 || w.Body.String() != "OK backup\n" {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	for target, want := range map[string]engine.SignKind{"/beat/backup/start": "started", "/beat/backup/fail": "failed", "/beat/backup/0": "succeeded", "/beat/backup?state=failed": "failed"} {
		if w := d.routed("POST", target, ""); w.Code != 200 || f.beats[len(f.beats)-1].Sign.Kind != want {
			t.Errorf("%s: %d, %+v", target, w.Code, f.beats[len(f.beats)-1])
		}
	}
	n := len(f.beats)
	wantRefusal(t, d.routed("GET", "/beat/made-up", ""), 404, "not-found", "There is no heartbeat at this address")
	wantRefusal(t, d.routed("GET", "/beat/backup/log", ""), 404, "not-found", "behind it may stand start")
	f.fail = errors.New("no connection to +4917012345617")
	wantRefusal(t, d.routed("GET", "/beat/backup", ""), 503, "not-stored", "Send it again")
	if len(f.beats) != n {
		t.Error("a sign was taken in")
	}
	if log := d.log.String(); strings.Contains(log, "4917012345617") || strings.Contains(log, "backup") || !strings.Contains(log, "+49…17") {
		t.Errorf("the log: %s", log)
	}
}

// A sign whose body breaks off was given all the same.
func TestASignWhoseBodyBreaksOff(t *testing.T) {
	d, f := beating()
	r := httptest.NewRequest("POST", "/beat/backup", brokenReader{})
	r.SetPathValue("token", "backup")
	w := httptest.NewRecorder()
	if d.h.Beat(w, r); w.Code != 200 || len(f.beats) != 1 {
		t.Errorf("%d, %d signs", w.Code, len(f.beats))
	}
}

func TestASignWithAnIntegrationKey(t *testing.T) {
	d, f := beating()
	got := decodeInto[received](t, d.routed("POST", "/v1/heartbeat/Backup?state=failed&exit=3&run=a", "disk full", "Authorization: Bearer key-of-db"))
	if want := (received{Key: "HOT-1", Outcome: pager.Opened, DedupKey: "Backup"}); got != want {
		t.Errorf("answered %+v", got)
	}
	want := pager.Beat{HeartbeatRef: enginedb.HeartbeatRef{Service: "db", Name: "Backup"}, Sign: engine.Sign{Kind: "failed", Run: "a", Exit: "exit status 3", Output: "disk full"}}
	if !reflect.DeepEqual(f.beats[0], want) {
		t.Errorf("got %+v", f.beats[0])
	}
	if w := d.routed("POST", "/v1/heartbeat/backup?service=DB", "", "Authorization: Bearer key-of-"); w.Code != 202 {
		t.Errorf("with a key of no service: %d %s", w.Code, w.Body)
	}
	if w := d.routed("POST", "/v1/heartbeat/backup?service=jira", "", "Authorization: Bearer key-of-db"); w.Code != 202 {
		t.Errorf("with a key that is bound to the service: %d %s", w.Code, w.Body)
	}
	wantRefusal(t, d.routed("POST", "/v1/heartbeat/backup", "", "Authorization: Bearer key-of-"), 422, "validation", "say whose heartbeat it is")
	wantRefusal(t, d.routed("POST", "/v1/heartbeat/nightly", "", "Authorization: Bearer key-of-db"), 404, "not-found", `Service db has no heartbeat called "nightly"`)
	wantRefusal(t, d.routed("POST", "/v1/heartbeat/backup", "", "Authorization: Bearer wrong"), 401, "unauthorized", "not known")
	f.fail = errors.New("away")
	wantRefusal(t, d.routed("POST", "/v1/heartbeat/backup", "", "Authorization: Bearer key-of-db"), 503, "not-stored", "Send it again")
	d.h.signs = noSigns{}
	wantRefusal(t, d.routed("POST", "/v1/heartbeat/backup", "", "Authorization: Bearer key-of-db"), 404, "not-found", "no heartbeat")
}

// genie sends a request in Opsgenie's format and reads the answer.
func (d *desk) heartbeats(t *testing.T, status int, method, target, body string) map[string]any {
	t.Helper()
	w := d.routed(method, target, body, "Authorization: GenieKey key-of-db")
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != status || v["requestId"] == "" || v["took"] == nil {
		t.Fatalf("%s %s: %d %s, want %d", method, target, w.Code, w.Body, status)
	}
	return v
}

// What Opsgenie's own client sent.
func TestAPingOfOpsgeniesClient(t *testing.T) {
	d, f := beating()
	file, err := os.ReadFile("testdata/sdk-opsgenie-012.json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Method, Path string }
	if err := json.Unmarshal(file, &c); err != nil || c.Path != "/v2/heartbeats/nightly-backup/ping" {
		t.Fatal(err, c)
	}
	f.list[0].Name = "nightly-backup"
	if got := d.heartbeats(t, 202, c.Method, c.Path, ""); got["result"] != "PONG - Heartbeat received" || len(f.beats) != 1 || f.beats[0].Name != "nightly-backup" {
		t.Errorf("answered %v, %d signs", got, len(f.beats))
	}
}

// WIRE: a PONG does not mean that the heartbeat exists.
func TestAPingInOpsgeniesFormat(t *testing.T) {
	d, f := beating()
	for _, target := range []string{"/v2/heartbeats/backup/ping", "/v2/heartbeats/BACKUP/ping/", "/jsm/ops/integration/v2/heartbeats/backup/ping"} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "HEAD"} {
			n := len(f.beats)
			if got := d.heartbeats(t, 202, method, target, "{}"); got["result"] != "PONG - Heartbeat received" || len(f.beats) != n+1 {
				t.Errorf("%s %s: %v", method, target, got)
			}
		}
	}
	n := len(f.beats)
	if got := d.heartbeats(t, 202, "GET", "/v2/heartbeats/a%2Fb/ping", ""); got["result"] != "PONG - Heartbeat received" || len(f.beats) != n {
		t.Errorf("of one that is not there: %v", got)
	}
	if !strings.Contains(d.log.String(), "a sign of life of a heartbeat that is not there") || !strings.Contains(d.log.String(), "heartbeat=a/b") {
		t.Errorf("the log: %s", d.log)
	}
	// Prometheus' webhook with basic authentication, whichever half of it the key is.
	for _, userinfo := range []string{"key-of-db:", ":key-of-db", "x:key-of-db"} {
		r := httptest.NewRequest("POST", "/v2/heartbeats/backup/ping", strings.NewReader(`{"alerts":[{"status":"firing","labels":{"cluster":"eu-1"}}]}`))
		user, password, _ := strings.Cut(userinfo, ":")
		r.SetBasicAuth(user, password)
		w := httptest.NewRecorder()
		d.h.OpsgenieHeartbeats(w, r)
		if last := f.beats[len(f.beats)-1]; w.Code != 202 || !reflect.DeepEqual(last.Labels, []map[string]string{{"cluster": "eu-1"}}) {
			t.Errorf("%s: %d %s, %+v", userinfo, w.Code, w.Body, last)
		}
	}
	if w := d.routed("GET", "/v2/heartbeats/backup/ping?apiKey=key-of-&service=db", ""); w.Code != 202 || len(f.beats) != n+4 {
		t.Errorf("with a key of no service: %d %s", w.Code, w.Body)
	}
	if w := d.routed("GET", "/v2/heartbeats/backup/ping", "", "Authorization: GenieKey wrong"); w.Code != 401 || !strings.Contains(w.Body.String(), `"message":"Could not authenticate`) {
		t.Errorf("with a wrong key: %d %s", w.Code, w.Body)
	}
	f.fail = errors.New("away")
	if w := d.routed("GET", "/v2/heartbeats/backup/ping", "", "Authorization: GenieKey key-of-db"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("without a database: %d %s", w.Code, w.Body)
	}
}

func TestHeartbeatsInOpsgeniesFormat(t *testing.T) {
	d, f := beating()
	const sent = `{"name":"etl","description":"every night","interval":2,"intervalUnit":"hours","enabled":false,"ownerTeam":{"name":"data"},
		"alertMessage":"No data\nsince long","alertTags":["data","data",7],"alertPriority":"P4"}`
	made := d.heartbeats(t, 201, "POST", "/v2/heartbeats", sent)["data"]
	want := map[string]any{"name": "etl", "description": "every night", "interval": 2.0, "intervalUnit": "hours", "enabled": false, "expired": false,
		"alertMessage": "No data since long", "alertTags": []any{"data", "7"}, "alertPriority": "P4"}
	if !reflect.DeepEqual(made, any(want)) {
		t.Errorf("made %v", made)
	}
	if hb := f.list[1].Heartbeat; !reflect.DeepEqual(hb, engine.Heartbeat{ID: 2, Service: "db", Name: "etl", About: "every night", Every: 2 * time.Hour, Severity: 3,
		Word: "P4", Disabled: true, Message: "No data since long", Tags: []string{"data", "7"}}) {
		t.Errorf("kept %+v", hb)
	}
	f.list[1].Sources = []engine.HeartbeatSource{{LastAt: time.Date(2026, 11, 21, 10, 0, 0, 5e6, time.UTC), Silent: true}}

	enabled := d.heartbeats(t, 200, "POST", "/v2/heartbeats/ETL/enable", "")["data"].(map[string]any)
	if enabled["enabled"] != true || enabled["expired"] != true || enabled["lastPingTime"] != "2026-11-21T10:00:00.005Z" {
		t.Errorf("enabled %v", enabled)
	}
	f.list[1].Grace = time.Minute // which Opsgenie does not know
	f.met = 2
	changed := d.heartbeats(t, 200, "PATCH", "/v2/heartbeats/etl", `{"name":"etl 2","interval":90,"intervalUnit":"minutes","alertPriority":"P1","alertTags":[]}`)["data"].(map[string]any)
	if changed["interval"] != 90.0 || changed["description"] != "every night" || changed["alertPriority"] != "P1" || f.list[1].Grace != time.Minute || f.list[1].Severity != 1 {
		t.Errorf("changed to %v, kept %+v", changed, f.list[1])
	}
	if got := d.heartbeats(t, 200, "PUT", "/v2/heartbeats/etl%202", `{"intervalUnit":"hours"}`)["data"].(map[string]any); got["interval"] != 90.0 || got["intervalUnit"] != "hours" {
		t.Errorf("with another unit: %v", got)
	}
	if got := d.heartbeats(t, 200, "PATCH", "/v2/heartbeats/etl%202/disable", "")["data"].(map[string]any); got["enabled"] != false {
		t.Errorf("disabled %v", got)
	}
	list := d.heartbeats(t, 200, "GET", "/jsm/ops/integration/v2/heartbeats/", "")["data"].(map[string]any)["heartbeats"].([]any)
	if len(list) != 2 || list[0].(map[string]any)["alertMessage"] != "backup is expired" || list[0].(map[string]any)["alertPriority"] != "P2" || list[0].(map[string]any)["intervalUnit"] != "hours" {
		t.Errorf("listed %v", list)
	}
	if got := d.heartbeats(t, 200, "DELETE", "/v2/heartbeats/etl%202", ""); got["result"] != "Deleted" || len(f.list) != 1 {
		t.Errorf("deleted %v", got)
	}
	if got := d.heartbeats(t, 201, "POST", "/v2/heartbeats", `{"name":"plain","interval":"1","intervalUnit":"Days","enabled":null}`)["data"].(map[string]any); got["enabled"] != true || got["alertPriority"] != "P3" {
		t.Errorf("the least of one is %v", got)
	}
}

func TestHeartbeatsRefusedInOpsgeniesFormat(t *testing.T) {
	d, f := beating()
	for _, tt := range []struct {
		name, request, body string
		status              int
		says                string
	}{
		{"no JSON", "POST /v2/heartbeats", `name=x`, 400, `is no JSON object`},
		{"a list", "POST /v2/heartbeats", `[]`, 400, `is no JSON object`},
		{"nothing", "POST /v2/heartbeats", ``, 422, `"intervalUnit":"must be minutes, hours or days"`},
		{"no name", "POST /v2/heartbeats", `{"interval":1,"intervalUnit":"days"}`, 422, `"name":"must be 1 to 200 characters`},
		{"a long name", "POST /v2/heartbeats", `{"name":"` + strings.Repeat("x", 201) + `","interval":1,"intervalUnit":"days"}`, 422, `"name":"must be 1 to 200 characters`},
		{"a slash", "POST /v2/heartbeats", `{"name":"a/b","interval":1,"intervalUnit":"days"}`, 422, `"name":"must not have a /`},
		{"no interval", "POST /v2/heartbeats", `{"name":"x","intervalUnit":"minutes"}`, 422, `"interval":"must be 1 to 43200 minutes"`},
		{"an interval too long", "POST /v2/heartbeats", `{"name":"x","interval":31,"intervalUnit":"days"}`, 422, `"interval":"must be 1 to 30 days"`},
		{"an interval made too long", "PATCH /v2/heartbeats/month", `{"intervalUnit":"days"}`, 422, `makes 20161 days, the limit is 30`},
		{"a unit that is none", "POST /v2/heartbeats", `{"name":"x","interval":1,"intervalUnit":"weeks"}`, 422, `"intervalUnit":"must be minutes, hours or days"`},
		{"a priority that is none", "POST /v2/heartbeats", `{"name":"x","interval":1,"intervalUnit":"days","alertPriority":"P0.5"}`, 422, `"alertPriority":"must be P1`},
		{"one that is there", "POST /v2/heartbeats", `{"name":"Backup","interval":1,"intervalUnit":"days"}`, 409, "There is a heartbeat"},
		{"one that is not there", "GET /v2/heartbeats/x", ``, 404, "There is no heartbeat"},
		{"deleting what is not there", "DELETE /v2/heartbeats/x", ``, 404, "There is no heartbeat"},
		{"enabling what is not there", "POST /v2/heartbeats/x/enable", ``, 404, "There is no heartbeat"},
		{"another method", "POST /v2/heartbeats/backup", `{}`, 405, "This path takes DELETE, GET, PATCH, PUT."},
		{"deleting all", "DELETE /v2/heartbeats", ``, 405, "This path takes GET, POST."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f.list = append(f.list[:1], enginedb.Heartbeat{Heartbeat: engine.Heartbeat{ID: 9, Service: "db", Name: "month", Every: 20161 * time.Minute, Severity: 1}})
			method, path, _ := strings.Cut(tt.request, " ")
			w := d.routed(method, path, tt.body, "Authorization: GenieKey key-of-db")
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d with %s", w.Code, w.Body, tt.status, tt.says)
			}
		})
	}
	if w := d.routed("GET", "/v2/heartbeats", "", "Authorization: GenieKey key-of-"); w.Code != 422 || !strings.Contains(w.Body.String(), "Use an integration key of the service") {
		t.Errorf("with a key of no service: %d %s", w.Code, w.Body)
	}
	f.fail = errors.New("away")
	if w := d.routed("GET", "/v2/heartbeats", "", "Authorization: GenieKey key-of-db"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("without a database: %d %s", w.Code, w.Body)
	}
	d.h.signs, d.h.heartbeats = noSigns{}, nil
	if w := d.routed("GET", "/v2/heartbeats", "", "Authorization: GenieKey key-of-db"); w.Code != 503 {
		t.Errorf("without heartbeats: %d %s", w.Code, w.Body)
	}
}

// Whatever comes with it, a sign is one, of bounded size; whatever is made of a heartbeat may be saved.
func FuzzHeartbeats(f *testing.F) {
	f.Add("start", "run=a&exit=3", []byte("x"))
	f.Add("", "cluster=eu-1", []byte(`{"alerts":[{"labels":{"a":{"b":[1]}}},null],"status":"firing"}`))
	f.Add("fail", "", []byte(strings.Repeat("ä", 3000)))
	f.Add("", "state=%00", []byte(`{"name":"x","interval":1e3,"intervalUnit":"minutes","alertTags":["\u0000"],"alertMessage":"\u0007"}`))
	f.Fuzz(func(t *testing.T, state, raw string, body []byte) {
		query, _ := url.ParseQuery(raw)
		for _, whole := range []bool{true, false} {
			sign, labels := signOf(state, query, body, whole)
			if !slices.Contains([]engine.SignKind{engine.SignAlive, engine.SignStarted, engine.SignSucceeded, engine.SignFailed}, sign.Kind) {
				t.Errorf("the sign says %q", sign.Kind)
			}
			if len(sign.Run) > engine.MaxRunID || len(sign.Exit) > maxSignExit || len(sign.Output) > maxSignOutput || len(labels) > maxSignAlerts {
				t.Errorf("too much is kept: %+v, %d sets of labels", sign, len(labels))
			}
			for _, text := range []string{sign.Run, sign.Exit, sign.Output} {
				if text != storable(text) || !utf8.ValidString(text) {
					t.Errorf("Postgres cannot store %q", text)
				}
			}
			if nothing := state == "" && query.Get("state") == "" && query.Get("exit") == ""; nothing && sign.Kind != engine.SignAlive {
				t.Errorf("a mere ping is %s", sign.Kind)
			}
		}
		for _, hb := range []engine.Heartbeat{{}, {ID: 1, Name: "x", Every: engine.MaxEvery, Severity: 2}} {
			if made, refused := readOpsgenieHeartbeat(hb, body); refused == nil && made.Validate() != nil {
				t.Errorf("what cannot be saved is taken: %+v, %v", made, made.Validate())
			} else if refused != nil && (refused.status != http.StatusBadRequest && refused.status != http.StatusUnprocessableEntity || refused.message == "") {
				t.Errorf("refused by %+v", refused)
			}
		}
		if what, _ := opsgenieHeartbeatPath("/v2/heartbeats/" + state); opsgenieHeartbeatCalls[what] == nil {
			t.Errorf("a path is about %q", what)
		}
	})
}
