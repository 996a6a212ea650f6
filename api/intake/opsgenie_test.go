package intake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// genie sends a request in Opsgenie's API with the key of the service db.
func (d *desk) genie(method, target, body string) *httptest.ResponseRecorder {
	return d.genieAs("GenieKey key-of-db", method, target, strings.NewReader(body))
}

func (d *desk) genieAs(authorization, method, target string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	d.h.Opsgenie(w, r)
	return w
}

// genieAnswer is what every answer of Opsgenie's API has.
type genieAnswer struct {
	Result, Message, RequestID string
	Took                       float64
	Code                       int
	Errors                     map[string]string
	Data                       json.RawMessage
	Paging                     map[string]string
}

var anUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// wantGenie checks the status of an answer, and what each of them has in Opsgenie's API.
func wantGenie(t *testing.T, w *httptest.ResponseRecorder, status int) genieAnswer {
	t.Helper()
	got := decodeInto[genieAnswer](t, w)
	if w.Code != status {
		t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if !anUUID.MatchString(got.RequestID) || got.Took <= 0 || w.Header().Get("X-Response-Time") == "" || w.Header().Get("X-RateLimit-State") != "OK" {
		t.Errorf("got %s, headers %v", w.Body, w.Header())
	}
	if status == http.StatusAccepted && got.Result != "Request will be processed" || status >= 400 && got.Message == "" {
		t.Errorf("got %d %s", status, w.Body)
	}
	if retry := w.Header().Get("Retry-After"); (status == http.StatusServiceUnavailable) != (retry == "5") {
		t.Errorf("Retry-After is %q with %d", retry, status)
	}
	return got
}

// genieCaptures are what Alertmanager and Opsgenie's own client sent, in order.
func genieCaptures(t testing.TB, from string) (all []*http.Request) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + from + "-opsgenie-*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	slices.Sort(files)
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Method, Path string
			Headers      [][2]string
			Body         string `json:"body_text"`
		}
		if err := json.Unmarshal(file, &c); err != nil {
			t.Fatal(name, err)
		}
		if strings.HasPrefix(c.Path, "/v2/heartbeats") { // another of its APIs
			continue
		}
		r := httptest.NewRequest(c.Method, c.Path, strings.NewReader(c.Body))
		for _, h := range c.Headers {
			r.Header.Set(h[0], h[1])
		}
		all = append(all, r)
	}
	return all
}

// told is what matters of an alert, in a line.
func told(a engine.Alert) string {
	s := fmt.Sprintf("%s %s/%s sev %d %q %q", a.Action, a.Service, a.DedupKey, a.Severity, a.Word, a.Summary)
	for name, text := range map[string]string{"by": string(a.By), "note": a.Note, "incident": string(a.Incident)} {
		if text != "" {
			s += fmt.Sprintf(" %s=%q", name, text)
		}
	}
	if !a.Until.IsZero() {
		s += " until " + a.Until.Format(time.RFC3339)
	}
	for _, r := range a.Responders {
		s += fmt.Sprintf(" +%s:%s", r.Kind, r.Name)
	}
	return s
}

// replay sends captured requests to the service db and tells what they became.
func replay(t *testing.T, captures []*http.Request) (alerts []engine.Alert) {
	t.Helper()
	d := newDesk(nil)
	for _, r := range captures {
		r.Header.Set("Authorization", "GenieKey key-of-db")
		w := httptest.NewRecorder()
		d.h.Opsgenie(w, r)
		if r.Method == http.MethodGet {
			continue
		}
		if got := wantGenie(t, w, http.StatusAccepted); d.got[len(d.got)-1].Once != "opsgenie:"+got.RequestID {
			t.Errorf("%s %s: the request %s is kept as %q", r.Method, r.URL, got.RequestID, d.got[len(d.got)-1].Once)
		}
		wantWhole(t, d.got[len(d.got)-1])
	}
	return d.got
}

func TestWhatAlertmanagerSendsToOpsgenie(t *testing.T) {
	const alias = "e6443d6aad2baaea38fdac9ad2ac224de51416d232f2cd7803a6d9f537fc0b6f"
	got := replay(t, genieCaptures(t, "am"))
	var lines []string
	for _, a := range got {
		lines = append(lines, told(a))
	}
	want := []string{
		`trigger db/` + alias + ` sev 1 "P1" "[FIRING:2] DiskFull db (storage disk critical)" note="from am" +team:ops-team`,
		`amend db/` + alias + ` sev 2 "" "[FIRING:2] DiskFull db (storage disk critical)"`,
		`amend db/` + alias + ` sev 2 "" "Description: Alerts Firing: Labels: - alertname = DiskFull`,
		`trigger db/` + alias + ` sev 1 "P1" "[FIRING:1] DiskFull db (storage disk critical)" note="from am" +team:ops-team`,
		`amend db/` + alias + ` sev 2 "" "[FIRING:1] DiskFull db (storage disk critical)"`,
		`amend db/` + alias + ` sev 2 "" "Description: Alerts Firing: Labels: - alertname = DiskFull`,
		`resolve db/` + alias + ` sev 2 "" "` + alias + `"`,
	}
	if !slices.EqualFunc(lines, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	a := got[0]
	if want := map[string]string{"alertname": "DiskFull", "class": "storage", "cluster": "db", "component": "disk", "severity": "critical",
		"source": "http://vm:19793/#/alerts?receiver=all", "tag:a": "true", "tag:b": "true"}; !maps.Equal(a.Labels, want) {
		t.Errorf("labels %v", a.Labels)
	}
	if want := []engine.Link{{Href: "http://vm:19793/#/alerts?receiver=all", Text: "Source"}}; !slices.Equal(a.Links, want) {
		t.Errorf("links %v", a.Links)
	}
	for _, want := range []string{"Alerts Firing:\nLabels:\n - alertname = DiskFull", "line2 95% <b>x</b>", "ünïcode", "\ncluster: db\n", "\nTags: a, b\n", "\nResponders: team ops-team"} {
		if !strings.Contains(a.Details, want) {
			t.Errorf("no %q in the details:\n%s", want, a.Details)
		}
	}
	if !strings.HasPrefix(got[2].Details, "Alerts Firing:") || !strings.Contains(string(got[0].Raw), `"message":"[FIRING:2]`) {
		t.Errorf("details %q, raw %q", got[2].Details, got[0].Raw)
	}
}

func TestWhatOpsgeniesClientSends(t *testing.T) {
	const alias = `db/life is too short ü`
	var lines []string
	for _, a := range replay(t, genieCaptures(t, "sdk")) {
		lines = append(lines, told(a))
	}
	want := []string{
		`trigger ` + alias + ` sev 1 "P1" "An example" by="mon" note="n" +team:ops +user:u@example.test +schedule:night +escalation:esc`,
		`acknowledge ` + alias + ` sev 2 "" "life is too short ü" by="u" note="n"`,
		`unacknowledge ` + alias + ` sev 2 "" "life is too short ü"`,
		`comment ` + alias + ` sev 2 "" "life is too short ü" by="u" note="hello"`,
		`snooze ` + alias + ` sev 2 "" "life is too short ü" note="n" until 2026-11-20T18:12:16Z`,
		`amend ` + alias + ` sev 2 "P2" "Priority P2"`,
		`amend ` + alias + ` sev 2 "" "Tags added: t1, t2"`,
		`page ` + alias + ` sev 2 "" "life is too short ü" note="Assigned to u@example.test" +user:u@example.test`,
		`resolve ` + alias + ` sev 2 "" "life is too short ü" by="u" note="done"`,
	}
	for i := range lines { // a map's members come in any order
		if i < len(want) && !sameWords(lines[i], want[i]) {
			t.Errorf("got  %s\nwant %s", lines[i], want[i])
		}
	}
	if len(lines) != len(want) {
		t.Errorf("%d alerts, want %d", len(lines), len(want))
	}
}

func sameWords(a, b string) bool {
	words := func(s string) []string { return slices.Sorted(slices.Values(strings.Fields(s))) }
	return slices.Equal(words(a), words(b))
}

func TestAnAlertOfOpsgenie(t *testing.T) {
	const minimal = `"message": "Disk full", "alias": "disk"`
	for what, test := range map[string]struct{ body, want string }{
		"the least":                          {`{"message": "Disk full", "alias": "disk"}`, `trigger db/disk sev 3 "P3" "Disk full"`},
		"priority 1":                         {`{` + minimal + `, "priority": "P1"}`, `trigger db/disk sev 1 "P1" "Disk full"`},
		"priority 2":                         {`{` + minimal + `, "priority": "P2"}`, `trigger db/disk sev 2 "P2" "Disk full"`},
		"priority 4":                         {`{` + minimal + `, "priority": "P4"}`, `trigger db/disk sev 3 "P4" "Disk full"`},
		"priority 5":                         {`{` + minimal + `, "priority": "p5"}`, `trigger db/disk sev 3 "p5" "Disk full"`},
		"a number as priority":               {`{` + minimal + `, "priority": 1}`, `trigger db/disk sev 1 "1" "Disk full"`},
		"an unknown priority pages at once":  {`{` + minimal + `, "priority": "{{ .Labels.prio }}"}`, `trigger db/disk sev 2 "{{ .Labels.prio }}" "Disk full"`},
		"null wherever it may be":            {`{` + minimal + `, "priority": null, "tags": null, "details": null, "responders": null, "entity": null, "note": null}`, `trigger db/disk sev 3 "P3" "Disk full"`},
		"a message of several lines":         {`{"message": "Disk\nfull\t!", "alias": "disk"}`, `trigger db/disk sev 3 "P3" "Disk full !"`},
		"no message but a description":       {`{"alias": "disk", "description": "\n  Disk full\nsince noon"}`, `trigger db/disk sev 3 "P3" "Disk full"`},
		"no message":                         {`{"alias": "disk", "entity": "db1"}`, `trigger db/disk sev 3 "P3" "Alert without message from db1"`},
		"nothing but an alias":               {`{"alias": "disk"}`, `trigger db/disk sev 3 "P3" "Alert without message from disk"`},
		"a message that is an object":        {`{"message": {"a": 1}, "alias": "disk"}`, `trigger db/disk sev 3 "P3" "{ \"a\": 1 }"`},
		"an alias that is a number":          {`{"message": "Disk full", "alias": 4711}`, `trigger db/4711 sev 3 "P3" "Disk full"`},
		"who and what they say":              {`{` + minimal + `, "user": "Ann\nA", "note": "look\nhere"}`, `trigger db/disk sev 3 "P3" "Disk full" by="Ann A" note="look\nhere"`},
		"names in another form":              {`{"Message": "Disk full", "ALIAS": "disk"}`, `trigger db/disk sev 3 "P3" "Disk full"`},
		"JSON that scripts glue together":    {"{\"message\": \"Disk\nfull\", \"alias\": \"disk\",}", `trigger db/disk sev 3 "P3" "Disk full"`},
		"responders of all kinds":            {`{` + minimal + `, "responders": [{"type": "team", "name": "a"}, {"type": "USER", "username": "b"}, {"type": "schedule", "id": "c"}, {"type": "escalation", "name": "d"}]}`, `trigger db/disk sev 3 "P3" "Disk full" +team:a +user:b +schedule:c +escalation:d`},
		"a responder of an unknown kind":     {`{` + minimal + `, "responders": [{"type": "robot", "name": "a"}]}`, `trigger db/disk sev 3 "P3" "Disk full" +:a`},
		"responders that are nobody":         {`{` + minimal + `, "responders": [{"type": "team", "name": ""}, {"type": "none"}, null, ""]}`, `trigger db/disk sev 3 "P3" "Disk full"`},
		"one responder, not in a list":       {`{` + minimal + `, "responders": {"type": "team", "name": "a"}}`, `trigger db/disk sev 3 "P3" "Disk full" +team:a`},
		"teams, as of old":                   {`{` + minimal + `, "teams": ["a", {"name": "b"}]}`, `trigger db/disk sev 3 "P3" "Disk full" +team:a +team:b`},
		"a message much longer than allowed": {`{"message": "` + strings.Repeat("x", 300) + `", "alias": "disk"}`, `trigger db/disk sev 3 "P3" "` + strings.Repeat("x", 300) + `"`},
	} {
		d := newDesk(nil)
		wantGenie(t, d.genie("POST", "/v2/alerts", test.body), http.StatusAccepted)
		wantWhole(t, d.got[0])
		if got := told(d.got[0]); !sameWords(got, test.want) {
			t.Errorf("%s: got  %s\nwant %s", what, got, test.want)
		}
	}
}

func TestLabelsOfAnAlertOfOpsgenie(t *testing.T) {
	for what, test := range map[string]struct {
		body string
		want map[string]string
	}{
		"tags, and what they say": {`{"tags": ["prod", "env:prod", "team=db", "http://a.example/", "a b", ":x", "x:"]}`, map[string]string{
			"tag:prod": "true", "tag:env:prod": "true", "env": "prod", "tag:team=db": "true", "team": "db", "tag:http://a.example/": "true", "tag:a b": "true", "tag::x": "true", "tag:x:": "true"}},
		"tags in one text":          {`{"tags": "a, b,,c"}`, map[string]string{"tag:a": "true", "tag:b": "true", "tag:c": "true"}},
		"a tag that is a number":    {`{"tags": [7, null, ""]}`, map[string]string{"tag:7": "true"}},
		"fields":                    {`{"entity": "db1", "source": "zabbix", "user": "mon"}`, map[string]string{"entity": "db1", "source": "zabbix", "user": "mon"}},
		"details":                   {`{"details": {"a": "b", "n": 7, "o": {"p": true}, "none": null, "empty": ""}}`, map[string]string{"a": "b", "n": "7", "o": "{\n  \"p\": true\n}"}},
		"details that are none":     {`{"details": "text"}`, map[string]string{"value": "text"}},
		"details before their tags": {`{"details": {"env": "test", "source": "x"}, "tags": ["env:prod"], "source": "y"}`, map[string]string{"env": "test", "tag:env:prod": "true", "source": "y"}},
	} {
		d := newDesk(nil)
		wantGenie(t, d.genie("POST", "/v2/alerts", test.body), http.StatusAccepted)
		if got := d.got[0].Labels; !maps.Equal(got, test.want) {
			t.Errorf("%s: got  %q\nwant %q", what, got, test.want)
		}
	}
	d := newDesk(nil)
	var many []string
	for i := range 400 {
		many = append(many, fmt.Sprintf(`"k%03d": "v"`, i))
	}
	d.genie("POST", "/v2/alerts", `{"entity": "db1", "tags": ["a"], "details": {`+strings.Join(many, ",")+`}}`)
	if l := d.got[0].Labels; len(l) != maxLabels || l["entity"] != "db1" || l["tag:a"] != "true" || l["k000"] != "v" {
		t.Errorf("of too many: %d labels", len(l))
	}
	if details := d.got[0].Details; !strings.Contains(details, "k199: v\n") || strings.Contains(details, "k200") || !strings.Contains(details, "… and 200 more details") {
		t.Errorf("the details end in %q", details[len(details)-200:])
	}
}

func TestDetailsOfAnAlertOfOpsgenie(t *testing.T) {
	d := newDesk(nil)
	message := strings.Repeat("long ", 200)
	d.genie("POST", "/v2/alerts", `{"message": "`+message+`", "description": "What\nhappened", "details": {"Runbook": "https://wiki.example/disk", "free": "3GB"},
		"entity": "db1", "source": "zabbix", "tags": ["a", "b"], "actions": ["Restart", "Ping"], "visibleTo": [{"type": "team", "name": "net"}], "note": "seen\nbefore"}`)
	a := d.got[0]
	want := "What\nhappened\n\nRunbook: https://wiki.example/disk\nfree: 3GB\n\n" + strings.TrimSpace(message) +
		"\nEntity: db1\nSource: zabbix\nNote: seen before\nTags: a, b\nActions: Restart, Ping\nVisible to: team net"
	if a.Details != want {
		t.Errorf("got\n%s\nwant\n%s", a.Details, want)
	}
	if !slices.Equal(a.Links, []engine.Link{{Href: "https://wiki.example/disk", Text: "Runbook"}}) {
		t.Errorf("links %v", a.Links)
	}
}

// What an authentic sender wants to be an alert is one, whatever it looks like.
func TestAnAlertOfOpsgenieThatCannotBeRead(t *testing.T) {
	for what, body := range map[string]string{"nothing": "", "blanks": " \n", "null": "null", "a list": `[{"message": "x"}]`, "a text": `"x"`, "no JSON": `message=x`, "brackets": strings.Repeat("[", 100), "bytes": "\xff\x00"} {
		d := newDesk(nil)
		wantGenie(t, d.genie("POST", "/v2/alerts", body), http.StatusAccepted)
		a := d.got[0]
		wantWhole(t, a)
		if a.Action != engine.Trigger || a.Severity != engine.Major || a.Service != "db" || a.Source != "opsgenie" || a.Once == "" || a.DedupKey == "" ||
			a.Summary != "Opsgenie's API was sent an alert Rouse could not read" || string(a.Raw) != body {
			t.Errorf("%s: got %+v", what, a)
		}
	}
	for what, test := range map[string]struct{ body, want string }{
		"cut off behind the alias": {`{"alias": "disk", "message": "Disk full", "priority": "P1", "description": "it beg`, `trigger db/disk sev 1 "P1" "Disk full"`},
		"cut off in the alias":     {`{"message": "Disk full", "alias": "di`, `trigger db/` + bodyKey("opsgenie", Sender{Key: 1}, []byte(`{"message": "Disk full", "alias": "di`)) + ` sev 2 "" "Disk full"`},
		"odd from a place on":      {`{"message": "Disk full", "priority": "P2", alias: 7}`, `trigger db/` + bodyKey("opsgenie", Sender{Key: 1}, []byte(`{"message": "Disk full", "priority": "P2", alias: 7}`)) + ` sev 2 "P2" "Disk full"`},
	} {
		d := newDesk(nil)
		wantGenie(t, d.genie("POST", "/v2/alerts", test.body), http.StatusAccepted)
		wantWhole(t, d.got[0])
		if got := told(d.got[0]); got != test.want || !strings.Contains(d.got[0].Details, "Not all of the request was read.") {
			t.Errorf("%s: got %s, %q\nwant %s", what, got, d.got[0].Details, test.want)
		}
		if !strings.Contains(d.log.String(), "not all of a request could be read") || strings.Contains(d.log.String(), "Disk full") {
			t.Errorf("%s: the log says %s", what, d.log)
		}
	}
}

func TestALargeAlertOfOpsgenie(t *testing.T) {
	d := newDesk(nil)
	body := strings.NewReader(`{"message": "Disk full", "alias": "disk", "description": "` + strings.Repeat("x", 3<<20) + `"}`)
	w := d.genieAs("GenieKey key-of-db", "POST", "/v2/alerts", body)
	wantGenie(t, w, http.StatusAccepted)
	a := d.got[0]
	wantWhole(t, a)
	if a.Summary != "Disk full" || a.DedupKey != "disk" || a.Severity != engine.Major || body.Len() != 0 || !strings.Contains(a.Details, "longer than 512 KiB") {
		t.Errorf("got %s, %d bytes not read, details end in %q", told(a), body.Len(), a.Details[max(0, len(a.Details)-200):])
	}
}

// Without an alias each alert is another trouble, and the request is the alias, as its id is Opsgenie's.
func TestAnAlertOfOpsgenieWithoutAlias(t *testing.T) {
	d := newDesk(nil)
	for range 2 {
		if got := wantGenie(t, d.genie("POST", "/v2/alerts", `{"message": "Disk full"}`), http.StatusAccepted); d.got[len(d.got)-1].DedupKey != got.RequestID {
			t.Errorf("the alias is %q, the request %s", d.got[len(d.got)-1].DedupKey, got.RequestID)
		}
	}
	if d.got[0].DedupKey == d.got[1].DedupKey {
		t.Error("both have the same alias")
	}
}

func TestWhatIsDoneToAnAlertOfOpsgenie(t *testing.T) {
	const on = "/v2/alerts/disk/"
	for what, test := range map[string]struct {
		method, path, body string
		want               string
		labels             map[string]string
	}{
		"close":                        {"POST", "close", `{"user": "ann", "note": "done"}`, `resolve db/disk sev 2 "" "disk" by="ann" note="done"`, nil},
		"close without a body":         {"POST", "close", ``, `resolve db/disk sev 2 "" "disk"`, nil},
		"close with null":              {"POST", "close", `null`, `resolve db/disk sev 2 "" "disk"`, nil},
		"close with what is no JSON":   {"POST", "close", `note=x`, `resolve db/disk sev 2 "" "disk"`, nil},
		"close with a list":            {"POST", "close", `[1]`, `resolve db/disk sev 2 "" "disk"`, nil},
		"acknowledge":                  {"POST", "acknowledge", `{"user": "ann"}`, `acknowledge db/disk sev 2 "" "disk" by="ann"`, nil},
		"acknowledge, cut off":         {"POST", "acknowledge", `{"user": "ann", "note": "lo`, `acknowledge db/disk sev 2 "" "disk" by="ann" note="lo…"`, nil},
		"unacknowledge":                {"POST", "unacknowledge", `{}`, `unacknowledge db/disk sev 2 "" "disk"`, nil},
		"snooze":                       {"POST", "snooze", `{"endTime": "2027-01-31T09:00:00+01:00"}`, `snooze db/disk sev 2 "" "disk" until 2027-01-31T09:00:00+01:00`, nil},
		"snooze, in milliseconds":      {"POST", "snooze", `{"endTime": 1801386000000}`, `snooze db/disk sev 2 "" "disk" until 2027-01-31T09:00:00Z`, nil},
		"escalate":                     {"POST", "escalate", `{"escalation": {"name": "second", "id": "x"}}`, `escalate db/disk sev 2 "" "disk" +escalation:second`, nil},
		"escalate by id":               {"POST", "escalate", `{"escalation": {"id": "x"}}`, `escalate db/disk sev 2 "" "disk" +escalation:x`, nil},
		"escalate, to whatever":        {"POST", "escalate", ``, `escalate db/disk sev 2 "" "disk"`, nil},
		"assign":                       {"POST", "assign", `{"owner": {"username": "ann"}, "note": "yours"}`, `page db/disk sev 2 "" "disk" note="yours" +user:ann`, nil},
		"add a responder":              {"POST", "responders", `{"responder": {"type": "user", "username": "bob"}}`, `page db/disk sev 2 "" "disk" +user:bob`, nil},
		"add a team":                   {"POST", "teams", `{"team": {"name": "net"}}`, `page db/disk sev 2 "" "disk" +team:net`, nil},
		"add a note":                   {"POST", "notes", `{"note": "looking", "user": "ann"}`, `comment db/disk sev 2 "" "disk" by="ann" note="looking"`, nil},
		"add tags":                     {"POST", "tags", `{"tags": ["a", "env:prod"]}`, `amend db/disk sev 2 "" "Tags added: a, env:prod"`, map[string]string{"tag:a": "true", "tag:env:prod": "true", "env": "prod"}},
		"take tags away":               {"DELETE", "tags?tags=a,env:prod&note=why", ``, `amend db/disk sev 2 "" "Tags taken away: a, env:prod" note="why"`, map[string]string{"tag:a": "", "tag:env:prod": "", "env": ""}},
		"add details":                  {"POST", "details", `{"details": {"free": "1GB", "x": "y"}}`, `amend db/disk sev 2 "" "Details added: free: 1GB, x: y"`, map[string]string{"free": "1GB", "x": "y"}},
		"take details away":            {"DELETE", "details?keys=free,x&user=ann", ``, `amend db/disk sev 2 "" "Details taken away: free, x" by="ann"`, map[string]string{"free": "", "x": ""}},
		"another message":              {"PUT", "message", `{"message": "Fuller"}`, `amend db/disk sev 2 "" "Fuller"`, nil},
		"another message, by PATCH":    {"PATCH", "message", `{"message": "Fuller"}`, `amend db/disk sev 2 "" "Fuller"`, nil},
		"an empty message":             {"PUT", "message", `{"message": ""}`, `amend db/disk sev 2 "" "Message without text"`, nil},
		"another description":          {"PUT", "description", `{"description": "More\nof it"}`, `amend db/disk sev 2 "" "Description: More of it"`, nil},
		"an empty description":         {"PUT", "description", `{"description": ""}`, `amend db/disk sev 2 "" "Description: none"`, nil},
		"another priority":             {"PUT", "priority", `{"priority": "P1"}`, `amend db/disk sev 1 "P1" "Priority P1"`, nil},
		"a priority of another system": {"PATCH", "priority", `{"priority": "disaster"}`, `amend db/disk sev 1 "disaster" "Priority disaster"`, nil},
		"delete":                       {"DELETE", "?user=ann", ``, `resolve db/disk sev 2 "" "disk" by="ann"`, nil},
	} {
		d := newDesk(nil)
		target := on + test.path
		if path, query, ok := strings.Cut(target, "?"); ok {
			target = path + "?identifierType=alias&" + query
		} else {
			target += "?identifierType=alias"
		}
		w := d.genie(test.method, target, test.body)
		if w.Code != http.StatusAccepted || len(d.got) != 1 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
			continue
		}
		wantWhole(t, d.got[0])
		if got := told(d.got[0]); !sameWords(got, test.want) || !maps.Equal(d.got[0].Labels, test.labels) {
			t.Errorf("%s: got  %s %v\nwant %s %v", what, got, d.got[0].Labels, test.want, test.labels)
		}
	}
	d := newDesk(nil)
	d.genie("PUT", on+"description?identifierType=alias", `{"description": "More\nof it"}`)
	if d.got[0].Details != "More\nof it" {
		t.Errorf("details %q", d.got[0].Details)
	}
}

// What would be kept for nothing is refused, so that its sender hears of it. It is stored nowhere.
func TestWhatOpsgenieIsAskedForWithoutSayingWhat(t *testing.T) {
	for _, test := range []struct {
		method, what, body string
		status             int
		field              string
	}{
		{"POST", "snooze", `{}`, 422, "endTime"},
		{"POST", "snooze", `{"endTime": "tomorrow"}`, 422, "endTime"},
		{"POST", "snooze", `{"endTime": 1e99}`, 422, "endTime"},
		{"POST", "snooze", `endTime=2027-01-31`, 400, "endTime"},
		{"POST", "assign", `{"owner": {}}`, 422, "owner"},
		{"POST", "assign", ``, 422, "owner"},
		{"POST", "responders", `{"responder": {"type": "team"}}`, 422, "responder"},
		{"POST", "teams", `[]`, 400, "responder"},
		{"POST", "notes", `{"note": " "}`, 422, "note"},
		{"POST", "notes", `{"note"`, 400, "note"},
		{"POST", "tags", `{"tags": []}`, 422, "tags"},
		{"DELETE", "tags", ``, 422, "tags"},
		{"POST", "details", `{"details": {}}`, 422, "details"},
		{"DELETE", "details", ``, 422, "keys"},
		{"PUT", "message", `message`, 400, "message"},
		{"PUT", "description", `{`, 400, "description"},
		{"PUT", "priority", `{"priority": null}`, 422, "priority"},
		{"PUT", "priority", `P1`, 400, "priority"},
	} {
		d := newDesk(nil)
		got := wantGenie(t, d.genie(test.method, "/v2/alerts/disk/"+test.what+"?identifierType=alias", test.body), test.status)
		if got.Errors[test.field] == "" || !strings.Contains(got.Message, test.field) || len(d.got) != 0 {
			t.Errorf("%s %s: %+v, stored %v", test.what, test.body, got, d.got)
		}
	}
}

// The name of an alert is taken from the path as it was sent.
func TestHowOpsgeniesAlertsAreNamed(t *testing.T) {
	long := strings.Repeat("ä", 300)
	for path, want := range map[string]string{
		"/v2/alerts/disk/close?identifierType=alias":                                            "db/disk",
		"/v2/alerts/disk/close/?identifierType=alias":                                           "db/disk",
		"/jsm/ops/integration/v2/alerts/disk/close?identifierType=alias":                        "db/disk",
		"/v2/alerts/a%2Fb/close?identifierType=alias":                                           "db/a/b",
		"/v2/alerts/a%2Fclose/close?identifierType=alias":                                       "db/a/close",
		"/v2/alerts/a/b/close?identifierType=alias":                                             "db/a/b",
		"/v2/alerts/http:%2F%2Fa.example%2F/close?identifierType=alias":                         "db/http://a.example/",
		"/v2/alerts/a%20b%25c/close?identifierType=alias":                                       "db/a b%c",
		"/v2/alerts/a+b/close?identifierType=alias":                                             "db/a+b",
		"/v2/alerts/count/close?identifierType=alias":                                           "db/count",
		"/v2/alerts/requests/close?identifierType=alias":                                        "db/requests",
		"/v2/alerts/%00%FF/close?identifierType=alias":                                          "db/\uFFFD",
		"/v2/alerts/" + strings.ReplaceAll(long, "ä", "%C3%A4") + "/close?identifierType=alias": "db/" + hash([]byte(long)),
		"/v2/alerts/HOT-12/close":                                                               "db/HOT-12 is HOT-12",
		"/v2/alerts/hot-12/close?identifierType=id":                                             "db/hot-12 is HOT-12",
		"/v2/alerts/HOT-12/close?identifierType=tiny":                                           "db/HOT-12 is HOT-12",
		"/v2/alerts/HOT-12/close?identifierType=alias":                                          "db/HOT-12",
		"/v2/alerts/disk/close":                                                                 "db/disk", // it was forgotten to say that this is an alias
		"/v2/alerts//close?identifierType=alias":                                                "",
	} {
		d := newDesk(nil)
		w := d.genie("POST", path, "")
		if want == "" {
			wantGenie(t, w, http.StatusMethodNotAllowed)
			continue
		}
		wantGenie(t, w, http.StatusAccepted)
		a := d.got[0]
		got := string(a.Service) + "/" + a.DedupKey
		if a.Incident != "" {
			got += " is " + string(a.Incident)
		}
		if got != want || a.Action != engine.Resolve {
			t.Errorf("%s: got %s %q, want %q", path, a.Action, got, want)
		}
	}
	d := newDesk(nil)
	for _, path := range []string{"/v2/alerts", "/v2/alerts/", "/v2/alerts//", "/jsm/ops/integration/v2/alerts/"} { // Zabbix has the slash
		wantGenie(t, d.genie("POST", path, `{"alias": "`+long+`", "message": "x"}`), http.StatusAccepted)
	}
	if len(d.got) != 4 || d.got[0].DedupKey != hash([]byte(long)) {
		t.Errorf("got %+v", d.got)
	}
}

func TestPathsThatOpsgenieDoesNotHave(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PUT", "/v2/alerts", 405, "GET, POST"},
		{"DELETE", "/v2/alerts/", 405, "GET, POST"},
		{"POST", "/v2/alerts/disk", 405, "DELETE, GET"},
		{"POST", "/v2/alerts/count", 405, "GET"},
		{"GET", "/v2/alerts/disk/close", 405, "POST"},
		{"PUT", "/v2/alerts/disk/notes", 405, "GET, POST"},
		{"GET", "/v2/alerts/disk/message", 405, "PATCH, POST, PUT"},
		{"POST", "/v2/alerts/disk/attachments", 404, ""},
		{"POST", "/v2/alerts/disk/actions/restart", 404, ""},
		{"PUT", "/v2/alerts/a/b/c", 404, ""},
	} {
		d := newDesk(nil)
		w := d.genie(test.method, test.path, `{"message": "x"}`)
		got := wantGenie(t, w, test.status)
		if w.Header().Get("Allow") != test.allow || len(d.got) != 0 || test.status == 404 && !strings.Contains(got.Message, "/v2/alerts") {
			t.Errorf("%s %s: %s, Allow %q, stored %v", test.method, test.path, w.Body, w.Header().Get("Allow"), d.got)
		}
	}
}

func TestWhoMayUseOpsgeniesAPI(t *testing.T) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for what, test := range map[string]struct {
		authorization, query string
		status               int
		service              engine.ServiceID
	}{
		"a key":                    {"GenieKey key-of-db", "", 202, "db"},
		"in lower case":            {"geniekey  key-of-db", "", 202, "db"},
		"as a bearer":              {"Bearer key-of-db", "", 202, "db"},
		"as a password":            {basic("x:key-of-db"), "", 202, "db"},
		"as a user":                {basic("key-of-db:"), "", 202, "db"},
		"encoded alone":            {basic("key-of-db"), "", 202, "db"},
		"in the query":             {"", "?apiKey=key-of-db", 202, "db"},
		"bound to no service":      {"GenieKey key-of-", "", 202, ""},
		"none":                     {"", "", 401, ""},
		"a wrong one":              {"GenieKey 4711", "", 401, ""},
		"a wrong one in the query": {"", "?apiKey=4711", 401, ""},
	} {
		d := newDesk(nil)
		w := d.genieAs(test.authorization, "POST", "/v2/alerts"+test.query, strings.NewReader(`{"message": "x", "details": {"service": "other"}}`))
		wantGenie(t, w, test.status)
		if test.status == 202 && d.got[0].Service != test.service || test.status != 202 && (len(d.got) != 0 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer")) {
			t.Errorf("%s: %s, stored %v", what, w.Body, d.got)
		}
	}
}

func TestAKeyThatMayNotUseOpsgeniesAPI(t *testing.T) {
	for err, want := range map[error]struct {
		status, code int
		says         string
	}{
		&ForbiddenError{Prefix: "abc"}:                     {403, 40301, "it needs the scope intake"},
		&ForbiddenError{Prefix: "abc", Dialect: "grafana"}: {403, 40301, "grafana alone"},
		errors.New("the database is away"):                 {503, 0, "Try again"},
	} {
		d := newDesk(nil)
		d.h.keys = fakeKeys{fail: err}
		got := wantGenie(t, d.genie("POST", "/v2/alerts", `{"message": "x"}`), want.status)
		if got.Code != want.code || !strings.Contains(got.Message, want.says) || strings.Contains(got.Message, "database") || len(d.got) != 0 {
			t.Errorf("%v: got %+v, stored %v", err, got, d.got)
		}
	}
}

// Nothing that was not stored is accepted.
func TestOpsgenieNotStored(t *testing.T) {
	d := newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantGenie(t, d.genie("POST", "/v2/alerts", `{"message": "Disk full"}`), http.StatusServiceUnavailable)
	wantGenie(t, d.genie("POST", "/v2/alerts", `?`), http.StatusServiceUnavailable)
	wantGenie(t, d.genie("POST", "/v2/alerts/disk/close", ``), http.StatusServiceUnavailable)
	wantGenie(t, d.genieAs("GenieKey key-of-db", "POST", "/v2/alerts", io.MultiReader(strings.NewReader(`{"message": "Disk full`), broken{})), http.StatusServiceUnavailable)
	if strings.Contains(d.log.String(), "Disk full") {
		t.Errorf("the log has the alert: %s", d.log)
	}
}

// broken is the rest of a request whose sender is gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// An alert takes little memory beside its request, however that is made.
func TestAnAlertOfOpsgenieTakesLittleMemory(t *testing.T) {
	var members []string
	for i := range 40_000 {
		members = append(members, fmt.Sprintf(`"%d":1`, i))
	}
	for name, body := range map[string]string{
		"details":     `{"details": {` + strings.Join(members, ",") + `}}`,
		"members":     `{` + strings.Join(members, ",") + `}`,
		"tags":        `{"tags": [` + strings.Repeat(`"a", `, 100_000) + `"b"]}`,
		"one text":    `{"tags": "` + strings.Repeat(",", 400_000) + `", "actions": "` + strings.Repeat("a,", 20_000) + `"}`,
		"no names":    `{"responders": [` + strings.Repeat(`{},`, 5_000) + `{}]}`,
		"responders":  `{"responders": [` + strings.Repeat(`{"id":1},`, 50_000) + `{}]}`,
		"message":     `{"message": "` + strings.Repeat("ä", 200_000) + `"}`,
		"description": `{"description": "` + strings.Repeat(`x\n`, 150_000) + `"}`,
	} {
		text := []byte(body)
		var stats [3]runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats[0])
		v, _, _ := decodeOrBeginning(text, true)
		runtime.GC()
		runtime.ReadMemStats(&stats[1])
		q := opsgenieWrite{fields: opsgenieFields(v.(map[string]any)), body: text}
		q.create()
		runtime.ReadMemStats(&stats[2])
		kept, made := int64(stats[1].HeapAlloc)-int64(stats[0].HeapAlloc), int64(stats[2].TotalAlloc)-int64(stats[1].TotalAlloc)
		t.Logf("%s: reading keeps %.1f times its length, making the alert takes %.1f", name, float64(kept)/float64(len(text)), float64(made)/float64(len(text)))
		if most := 15 * int64(len(text)); kept+made > most {
			t.Errorf("%s: %d bytes took %d, at most %d beside itself are for them", name, len(text), kept+made, most)
		}
		runtime.KeepAlive(v)
		a := q.alert
		a.Source, a.Once = sourceOpsgenie, "x"
		wantWhole(t, a)
	}
}

// Whatever is authentic becomes one alert, or a refusal that its sender reports.
func FuzzOpsgenie(f *testing.F) {
	for _, from := range []string{"am", "sdk"} {
		for _, r := range genieCaptures(f, from) {
			body, _ := io.ReadAll(r.Body)
			f.Add(r.Method, strings.TrimPrefix(r.URL.RequestURI(), "/v2/alerts"), body)
		}
	}
	for _, seed := range []string{"", "{", `{"responders": [{"type": 7}, "x", null], "tags": {"a": 1}, "details": [1]}`, `{"message": "\u0000\ud800"}`, `{"endTime": 1e400}`, `{"alias": "`} {
		f.Add("POST", "", []byte(seed))
		f.Add("POST", "/a%2Fb/snooze?identifierType=alias", []byte(seed))
		f.Add("DELETE", "/HOT-1/tags?tags=a,b:c", []byte(seed))
		f.Add("GET", "?query=status%3Aopen%20AND%20createdAt%3E1&offset=9&sort=count", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, method) {
			return
		}
		r, err := http.NewRequest(method, "http://rouse.example/v2/alerts"+target, strings.NewReader(string(body)))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/v2/alerts") {
			return
		}
		r.Header.Set("Authorization", "GenieKey key-of-db")
		d := newDesk(nil)
		d.h.book = &fakeBook{}
		w := httptest.NewRecorder()
		d.h.Opsgenie(w, r)
		var answer genieAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || !anUUID.MatchString(answer.RequestID) {
			t.Fatalf("%s %s: %d %s: %v", method, target, w.Code, w.Body, err)
		}
		stored := len(d.got)
		switch {
		case w.Code == http.StatusAccepted && stored == 1:
			wantWhole(t, d.got[0])
		case w.Code == http.StatusAccepted || stored > 0 || w.Code >= 500:
			t.Errorf("%s %s: %d %s, %d stored", method, target, w.Code, w.Body, stored)
		case w.Code >= 400 && answer.Message == "":
			t.Errorf("%s %s: %d without a word", method, target, w.Code)
		case method == http.MethodPost && strings.Trim(r.URL.EscapedPath(), "/") == "v2/alerts":
			t.Errorf("nobody is paged for %q", body)
		}
	})
}
