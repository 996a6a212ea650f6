package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// keyRing knows keys by heart.
type keyRing map[string]Sender

func (k keyRing) Sender(_ context.Context, key string) (Sender, error) {
	if s, known := k[key]; known {
		return s, nil
	}
	return Sender{}, ErrUnknownKey
}

// The keys of the captures, and one more.
const (
	amKey  = "0123456789abcdef0123456789abcdef"
	sdkKey = "R0123456789abcdef0123456789abcde"
	anyKey = "rouse_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// pagerDutyDesk knows those keys: the first two of the service database, the last of none.
func pagerDutyDesk(fail func(context.Context, engine.Alert) error) *desk {
	d := newDesk(fail)
	d.h.keys = keyRing{amKey: {Key: 1, Prefix: "01234567", Service: "database"}, sdkKey: {Key: 2, Prefix: "R0123456", Service: "database"},
		anyKey: {Key: 3, Prefix: "rouse_ABCDEF"}, "grafana-only-key": {Key: 4, Prefix: "graf", Dialect: "grafana"}}
	return d
}

// event posts to one of PagerDuty's paths.
func (d *desk) event(path string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // it does not matter
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	switch path {
	case "/v2/enqueue":
		d.h.PagerDuty(w, r)
	case "/v2/change/enqueue":
		d.h.PagerDutyChange(w, r)
	default:
		d.h.PagerDutyV1(w, r)
	}
	return w
}

const v1Path = "/generic/2010-04-15/create_event.json"

// sent is a request that a sender really made.
type sent struct {
	Path, Body string
}

func sentIn(t testing.TB, name string) sent {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Path string `json:"path"`
		Body string `json:"body_text"`
	}
	if err := json.Unmarshal(file, &c); err != nil || c.Body == "" {
		t.Fatal(err, "no body_text")
	}
	return sent{c.Path, c.Body}
}

var madeUp = regexp.MustCompile(`"dedup_key":"[0-9a-f]{32}"`)

// What Alertmanager 0.34.2 and go-pagerduty 1.8.0 sent in the captures, and what they are answered.
func TestPagerDutyCaptures(t *testing.T) {
	const group = "e6443d6aad2baaea38fdac9ad2ac224de51416d232f2cd7803a6d9f537fc0b6f"
	processed := func(key string) string {
		return `202 {"status":"success","message":"Event processed","dedup_key":"` + key + `"}`
	}
	links := []engine.Link{{Href: "http://example.test/runbook", Text: "runbook"}, {Href: "http://vm:19793/#/alerts?receiver=all", Text: "Alertmanager"},
		{Href: "http://example.test/i.png", Text: "graph"}}
	am := func(more map[string]string) map[string]string {
		l := map[string]string{"source": "Alertmanager", "component": "disk", "group": "db", "class": "storage", "client": "Alertmanager",
			"alertname": "DiskFull", "cluster": "db", "severity": "critical"}
		for name, value := range more {
			l[name] = value
		}
		return l
	}
	sdk := map[string]string{"source": "sdk"}
	for _, tt := range []struct {
		capture string
		answer  string // with X for a key that is made up
		want    engine.Alert
		details string
	}{
		{"am-pagerduty-001", processed(group), engine.Alert{Action: engine.Trigger, Severity: 1, Word: "critical", DedupKey: group,
			Summary: "[FIRING:2] DiskFull db (storage disk critical)", Links: append(links[:3:3], engine.Link{Href: "http://prom.test/graph", Text: "Source"}),
			Labels: am(map[string]string{"num_firing": "2", "num_resolved": "0"})},
			"alertname: DiskFull\nclass: storage\nclient: Alertmanager\ncluster: db\ncomponent: disk\ngroup: db\nnum_firing: 2\nnum_resolved: 0\n" +
				"severity: critical\nsource: Alertmanager\n\nfiring:\n- Disk full on db1 – ünïcode\ninstance: db1\ndescription: line1\nline2 95% <b>x</b>\n" +
				"summary: Disk full on db1 – ünïcode\n- Disk full on db2\ninstance: db2\nsummary: Disk full on db2"},
		{"am-pagerduty-002", processed(group), engine.Alert{Action: engine.Trigger, Severity: 1, Word: "critical", DedupKey: group,
			Summary: "[FIRING:1] DiskFull db (storage disk critical)", Links: links, Labels: am(map[string]string{"num_firing": "1", "num_resolved": "1"})},
			"alertname: DiskFull\nclass: storage\nclient: Alertmanager\ncluster: db\ncomponent: disk\ngroup: db\nnum_firing: 1\nnum_resolved: 1\n" +
				"severity: critical\nsource: Alertmanager\n\nfiring:\n- Disk full on db2\ninstance: db2\nsummary: Disk full on db2\n\n" +
				"resolved:\n- Disk full on db1 – ünïcode\ninstance: db1\nsummary: Disk full on db1 – ünïcode"},
		{"am-pagerduty-003", processed(group), engine.Alert{Action: engine.Resolve, Severity: 1, Word: "critical", DedupKey: group,
			Summary: "[RESOLVED] DiskFull db (storage disk db2 critical)", Links: links,
			Labels: am(map[string]string{"num_firing": "0", "num_resolved": "1", "instance": "db2"})},
			"alertname: DiskFull\nclass: storage\nclient: Alertmanager\ncluster: db\ncomponent: disk\ngroup: db\ninstance: db2\nnum_firing: 0\n" +
				"num_resolved: 1\nseverity: critical\nsource: Alertmanager\n\nresolved:\n- Disk full on db2\nsummary: Disk full on db2"},

		{"sdk-pagerduty-001", processed("X"), engine.Alert{Action: engine.Trigger, Severity: 1, Word: "critical", Summary: "min", Labels: sdk}, "source: sdk"},
		{"sdk-pagerduty-002", processed("capture-generated-key"), engine.Alert{Action: engine.Acknowledge, Severity: 2, DedupKey: "capture-generated-key",
			Summary: "acknowledge capture-generated-key"}, ""},
		{"sdk-pagerduty-003", processed("capture-generated-key"), engine.Alert{Action: engine.Resolve, Severity: 2, DedupKey: "capture-generated-key",
			Summary: "resolve capture-generated-key"}, ""},
		{"sdk-pagerduty-004", processed("srv01/HTTP ü"), engine.Alert{Action: engine.Trigger, Severity: 3, Word: "warning", DedupKey: "srv01/HTTP ü", Summary: "full",
			Links:  []engine.Link{{Href: "https://mon.test/", Text: "l"}, {Href: "https://mon.test/x", Text: "Mon"}, {Href: "https://mon.test/i.png", Text: "g"}},
			Labels: map[string]string{"source": "sdk", "component": "pg", "group": "prod", "class": "ping", "client": "Mon", "load": "0.75", "ping time": "1500ms"},
			At:     time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)},
			"class: ping\nclient: Mon\ncomponent: pg\ngroup: prod\nload: 0.75\nping time: 1500ms\nsource: sdk\n\nnested:\n{\n  \"a\": 1\n}"},
		{"sdk-pagerduty-005", processed("srv01/HTTP ü"), engine.Alert{Action: engine.Trigger, Severity: 2, Word: "error", DedupKey: "srv01/HTTP ü",
			Summary: "full again", Labels: sdk}, "source: sdk"},
		{"sdk-pagerduty-006", processed("x"), engine.Alert{Action: engine.Trigger, Severity: 2, DedupKey: "x", Summary: "Alert without summary from x"}, ""},
		{"sdk-pagerduty-007", processed("X"), engine.Alert{Action: engine.Trigger, Severity: 1, Word: "fatal", Summary: "s", Labels: sdk}, "source: sdk"},
		{"sdk-pagerduty-008", processed("X"), engine.Alert{Action: engine.Trigger, Severity: 3, Word: "info", Summary: "s", Labels: sdk,
			Doubts: []engine.Doubt{{Of: engine.DoubtAction, Text: `The event_action "explode" is unknown: taken as trigger.`}}},
			"event_action as sent: explode\n\nsource: sdk"},
		{"sdk-pagerduty-009", `400 {"status":"invalid event","message":"Event object is invalid","errors":["'dedup_key' is missing or blank. ` +
			`Say what to resolve: the key that its trigger had, or was answered with."]}`, engine.Alert{}, ""},
		{"sdk-pagerduty-010", processed("never-seen"), engine.Alert{Action: engine.Resolve, Severity: 2, DedupKey: "never-seen", Summary: "resolve never-seen"}, ""},
		{"sdk-pagerduty-011", `400 {"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is missing or blank. ` +
			`Put in an integration key of Rouse that is in force and meant for PagerDuty's format, or for all."]}`, engine.Alert{}, ""},
		{"sdk-pagerduty-012", `202 {"status":"success","message":"Change event processed"}`, engine.Alert{Action: engine.Record, Severity: 3, Summary: "deploy",
			Labels: map[string]string{"source": "ci"}, At: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)}, "source: ci"},
	} {
		t.Run(tt.capture, func(t *testing.T) {
			d, req := pagerDutyDesk(nil), sentIn(t, tt.capture)
			w := d.event(req.Path, strings.NewReader(req.Body))
			said := strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body))
			if got := madeUp.ReplaceAllString(said, `"dedup_key":"X"`); got != tt.answer {
				t.Errorf("answer\n%s\nwant\n%s", got, tt.answer)
			}
			if w.Code >= 400 {
				if len(d.got) != 0 {
					t.Errorf("stored: %+v", d.got)
				}
				return
			}
			a := theAlert(t, d)
			if a.Service != "database" || a.Source != "pagerduty" {
				t.Errorf("service %q, source %q", a.Service, a.Source)
			}
			if strings.Contains(tt.answer, `"X"`) {
				if !strings.Contains(said, `"`+a.DedupKey+`"`) {
					t.Errorf("the answer does not tell the dedup key %q", a.DedupKey)
				}
				a.DedupKey = ""
			}
			if a.Details != tt.details {
				t.Errorf("details\n%s\nwant\n%s", a.Details, tt.details)
			}
			if want := strings.NewReplacer(amKey, "01234567…", sdkKey, "R0123456…").Replace(req.Body); string(a.Raw) != want {
				t.Errorf("raw %s\nwant %s", a.Raw, want)
			}
			if a = bare(a); !reflect.DeepEqual(a, tt.want) {
				t.Errorf("got  %+v\nwant %+v", a, tt.want)
			}
		})
	}
}

// theAlert is the only one that was stored.
func theAlert(t *testing.T, d *desk) engine.Alert {
	t.Helper()
	if len(d.got) != 1 {
		t.Fatalf("stored: %+v", d.got)
	}
	wantWhole(t, d.got[0])
	return d.got[0]
}

// bare is an alert without what is the same in all of a table.
func bare(a engine.Alert) engine.Alert {
	a.Service, a.Source, a.Details, a.Raw = "", "", "", nil
	if len(a.Links) == 0 {
		a.Links = nil
	}
	if len(a.Labels) == 0 {
		a.Labels = nil
	}
	a.At = a.At.UTC()
	return a
}

// The captures in their order: one incident of Alertmanager's, that a part of it is over resolves nothing.
func TestPagerDutyIncidents(t *testing.T) {
	d := pagerDutyDesk(nil)
	for i, want := range []int{1, 1, 0} {
		req := sentIn(t, fmt.Sprintf("am-pagerduty-%03d", i+1))
		if w := d.event(req.Path, strings.NewReader(req.Body)); w.Code != 202 || len(d.open) != want {
			t.Errorf("capture %d: %d %s, %d open, want %d", i+1, w.Code, w.Body, len(d.open), want)
		}
	}
}

func TestPagerDutyFields(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		check      func(a engine.Alert) bool
	}{
		{"nothing but the key", ``, func(a engine.Alert) bool {
			return a.Action == engine.Trigger && a.Severity == engine.Major && a.Word == "" && a.Summary == "Alert without summary" && len(a.DedupKey) == 32
		}},
		{"what Uptime Kuma sends", `"event_action":"resolve","dedup_key":"Uptime Kuma/7","payload":{"summary":"[web] up","severity":"warning","source":null},"links":null`,
			func(a engine.Alert) bool {
				return a.Action == engine.Resolve && a.DedupKey == "Uptime Kuma/7" && a.Severity == engine.Minor && a.Labels["source"] == ""
			}},
		{"wrong types", `"dedup_key":7,"payload":{"summary":42,"severity":["critical"],"component":{"a":1},"timestamp":1719936000,"custom_details":[1,"x"]},"links":{"href":5},"images":"x"`,
			func(a engine.Alert) bool {
				return a.DedupKey == "7" && a.Summary == "42" && a.Severity == engine.Major && a.At.IsZero() && strings.Contains(a.Details, "timestamp as sent: 1719936000") &&
					strings.Contains(a.Details, "link as sent: 5") && strings.Contains(a.Details, "link as sent: x") && strings.Contains(a.Details, `"critical"`)
			}},
		{"payload is a text", `"payload":"down"`, func(a engine.Alert) bool { return a.Summary == "down" }},
		{"no payload", `"summary":"down","severity":"info","source":"db1","custom_details":{"a":true}`, func(a engine.Alert) bool {
			return a.Summary == "down" && a.Severity == engine.Minor && a.Labels["source"] == "db1" && a.Labels["a"] == "true"
		}},
		{"names in capitals", `"Event_Action":"RESOLVE","DedupKey":"x"`, func(a engine.Alert) bool { return a.Action == engine.Resolve && a.DedupKey == "x" }},
		{"a severity of one's own", `"payload":{"summary":"x","severity":"tier-9"}`, func(a engine.Alert) bool {
			return a.Severity == engine.Major && a.Word == "tier-9" && strings.Contains(a.Details, "severity as sent: tier-9")
		}},
		{"no severity", `"payload":{"summary":"x","custom_details":{"severity":"info"}}`, func(a engine.Alert) bool {
			return a.Severity == engine.Major && a.Word == "" && a.Labels["severity"] == "info"
		}},
		{"links that are none", `"client":"Mon","client_url":"/d/1","links":[{"href":"javascript:alert(1)","text":"t"},"https://a.example/"],"images":[{"src":"i.png"}]`,
			func(a engine.Alert) bool {
				return reflect.DeepEqual(a.Links, []engine.Link{{Href: "https://a.example/", Text: "Mon"}}) &&
					strings.Contains(a.Details, "link as sent: t javascript:alert(1)\nlink as sent: Mon /d/1\nlink as sent: Image i.png")
			}},
		{"custom details under names that are taken", `"payload":{"summary":"x","group":"prod","custom_details":{"group":"b","class":"c"}}`, func(a engine.Alert) bool {
			return a.Labels["group"] == "prod" && a.Labels["custom_details.group"] == "b" && a.Labels["class"] == "c"
		}},
		{"custom details that are a text", `"payload":{"summary":"x","custom_details":"see the log"}`, func(a engine.Alert) bool { return a.Details == "see the log" }},
		{"what older Alertmanagers send", `"payload":{"summary":"x","custom_details":{"firing":"Labels:\n - alertname = Down\n","num_firing":"1","resolved":""}}`,
			func(a engine.Alert) bool {
				return strings.Contains(a.Details, "Labels:\n - alertname = Down") && a.Labels["num_firing"] == "1"
			}},
		{"a list that is not Alertmanager's", `"payload":{"summary":"x","custom_details":{"firing":[{"labels":{"a":"b"}},"c"]}}`, func(a engine.Alert) bool {
			return strings.HasPrefix(a.Details, "firing:\n[") && a.Labels["a"] == ""
		}},
		{"a list of objects that are not alerts", `"payload":{"summary":"x","custom_details":{"hosts":[{"name":"db1"}]}}`, func(a engine.Alert) bool {
			return strings.HasPrefix(a.Details, "hosts:\n[\n  {\n    \"name\": \"db1\"")
		}},
		{"a long summary", `"payload":{"summary":"` + strings.Repeat("ä", 1024) + `"}`, func(a engine.Alert) bool {
			return strings.HasSuffix(a.Summary, "ä…") && a.Details == strings.Repeat("ä", 1024)
		}},
		{"a long dedup key", `"dedup_key":"` + strings.Repeat("k", 600) + `"`, func(a engine.Alert) bool { return a.DedupKey == hash([]byte(strings.Repeat("k", 600))) }},
		{"very many labels", `"payload":{"source":"db1","custom_details":{` + members(300) + `}}`, func(a engine.Alert) bool {
			return len(a.Labels) == maxLabels && a.Labels["source"] == "db1" && strings.Contains(a.Details, "… and 101 more")
		}},
		{"the service, by a key that is bound to none", `"payload":{"summary":"x","custom_details":{"service":"Bitbucket Cloud"}}`,
			func(a engine.Alert) bool { return a.Service == "bitbucket-cloud" }},
		{"NUL", `"payload":{"summary":"a\u0000b","custom_details":{"\u0000c":"\u0000d"}}`, func(a engine.Alert) bool { return a.Summary == "ab" && a.Labels["c"] == "d" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := pagerDutyDesk(nil)
			body := `{"routing_key":"` + anyKey + `"}`
			if tt.body != "" {
				body = `{"routing_key":"` + anyKey + `",` + tt.body + `}`
			}
			if w := d.event("/v2/enqueue", strings.NewReader(body)); w.Code != 202 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if a := theAlert(t, d); !tt.check(a) {
				t.Errorf("got %+v", bare(a))
			}
		})
	}
}

// members are so many members of an object.
func members(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"%03d":%d`, i, i))
	}
	return strings.Join(list, ",")
}

// Version 1 has other names for the same, and another answer.
func TestPagerDutyV1(t *testing.T) {
	d := pagerDutyDesk(nil)
	w := d.event(v1Path, strings.NewReader(`{"service_key":"`+sdkKey+`","event_type":"trigger","incident_key":"db1/disk","description":"disk full",
		"client":"Mon","client_url":"https://mon.test/","details":{"free":"3GB"},
		"contexts":[{"type":"link","href":"https://a.test/","text":"runbook"},{"type":"image","src":"https://a.test/i.png","href":"https://a.test/g","alt":"graph"}]}`))
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"status":"success","message":"Event processed","incident_key":"db1/disk"}` {
		t.Errorf("%d %s", w.Code, got)
	}
	want := engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "disk full", DedupKey: "db1/disk",
		Labels: map[string]string{"client": "Mon", "free": "3GB"},
		Links: []engine.Link{{Href: "https://mon.test/", Text: "Mon"}, {Href: "https://a.test/", Text: "runbook"}, {Href: "https://a.test/g", Text: "graph"},
			{Href: "https://a.test/i.png", Text: "graph"}}}
	if a := theAlert(t, d); !reflect.DeepEqual(bare(a), want) || a.Details != "client: Mon\nfree: 3GB" {
		t.Errorf("got  %+v\nwant %+v\ndetails %s", bare(a), want, a.Details)
	}
	for path, field := range map[string]string{v1Path: "incident_key", "/v2/enqueue": "dedup_key"} {
		w := pagerDutyDesk(nil).event(path, strings.NewReader(`{"service_key":"`+sdkKey+`","event_type":"acknowledge"}`))
		if w.Code != 400 || !strings.Contains(w.Body.String(), `'`+field+`' is missing or blank. Say what to acknowledge`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Whose key is wrong is told in PagerDuty's words what to change; what cannot be told now is to be sent again.
func TestPagerDutyRefuses(t *testing.T) {
	trigger := func(key string) string { return `{"routing_key":"` + key + `","payload":{"summary":"x"}}` }
	for _, tt := range []struct {
		name, path, body string
		fail             error // of looking the key up
		status           int
		word, text       string
	}{
		{"no key", "/v2/enqueue", `{"payload":{"summary":"x"}}`, nil, 400, "invalid event", "'routing_key' is missing or blank"},
		{"a key that is null", "/v2/enqueue", `{"routing_key":null}`, nil, 400, "invalid event", "'routing_key' is missing or blank"},
		{"no key, v1", v1Path, `{"description":"x"}`, nil, 400, "invalid event", "'service_key' is missing or blank"},
		{"no key, a change", "/v2/change/enqueue", `{"payload":{}}`, nil, 400, "invalid event", "'routing_key' is missing or blank"},
		{"an unknown key", "/v2/enqueue", trigger("unknown"), nil, 400, "invalid event", "'routing_key' is not known, or it was revoked. Put in an integration key of Rouse"},
		{"a key for something else", "/v2/enqueue", trigger("grafana-only-key"), nil, 400, "invalid event", "the key graf… is for the dialect grafana alone"},
		{"a key that may not send", "/v2/enqueue", trigger("k"), &ForbiddenError{Prefix: "rouse_AB"}, 400, "invalid event", "it needs the scope intake"},
		{"not JSON", "/v2/enqueue", `<html>`, nil, 400, "Unrecognized object", "line 1, column 1: invalid character '<'"},
		{"nothing", "/v2/enqueue", ``, nil, 400, "Unrecognized object", "the text ends too early"},
		{"a list", "/v2/enqueue", `[1]`, nil, 400, "Unrecognized object", "It is no JSON object"},
		{"a form", "/v2/enqueue", `routing_key=` + anyKey, nil, 400, "Unrecognized object", "'routing_key' could not be found"},
		{"the key behind half a megabyte", "/v2/enqueue", `{"payload":{"summary":"` + strings.Repeat("x", maxBody) + `"},"routing_key":"` + anyKey + `"}`, nil, 400,
			"Unrecognized object", "It is longer than 512 KiB"},
		{"keys cannot be looked up", "/v2/enqueue", trigger(anyKey), errors.New("no database"), 503, "unavailable", "Send the event again."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := pagerDutyDesk(nil)
			if tt.fail != nil {
				d.h.keys = fakeKeys{fail: tt.fail}
			}
			w := d.event(tt.path, strings.NewReader(tt.body))
			got := decodeInto[pagerDutyAnswer](t, w)
			if w.Code != tt.status || got.Status != tt.word || got.Message == "" || !strings.Contains(strings.Join(got.Errors, " "), tt.text) {
				t.Errorf("%d %+v", w.Code, got)
			}
			if w.Header().Get("Content-Type") != "application/json" || (w.Code == 503) != (w.Header().Get("Retry-After") == "5") {
				t.Errorf("header %v", w.Header())
			}
			if len(d.got) > 0 || strings.Contains(w.Body.String(), anyKey) {
				t.Errorf("stored %+v, said %s", d.got, w.Body)
			}
		})
	}
}

// Rule 1: what cannot be stored gets 503 with Retry-After.
func TestPagerDutyNotStored(t *testing.T) {
	d := pagerDutyDesk(func(context.Context, engine.Alert) error { return errors.New("no database") })
	for path, body := range map[string]io.Reader{
		"/v2/enqueue":        strings.NewReader(`{"routing_key":"` + anyKey + `"}`),
		v1Path:               strings.NewReader(`{"service_key":"` + anyKey + `"}`),
		"/v2/change/enqueue": brokenReader{},
	} {
		w := d.event(path, body)
		if got := decodeInto[pagerDutyAnswer](t, w); w.Code != 503 || got.Status != "unavailable" || w.Header().Get("Retry-After") != "5" {
			t.Errorf("%s: %d %+v", path, w.Code, got)
		}
	}
}

// The key opens more than one incident: it is not kept with what it came in, nor is one that stands there in vain.
func TestNoKeyIsKept(t *testing.T) {
	const other = "key-of-another-system"
	for _, tt := range []struct{ name, body, header string }{
		{"under another name", `{"Routing-Key": "` + anyKey + `", "summary": "` + anyKey + `"}`, ""},
		{"escaped", `{"routing_key": "\u0072` + anyKey[1:] + `"}`, ""},
		{"of another system", `{"routing_key": "` + other + `"}`, anyKey},
		{"where the request was cut off", `{"summary": "x", "service_key": "` + other, anyKey},
		{"where it is no JSON", `{"routing_key": "` + anyKey + `", x}`, ""},
		{"between quotes that are escaped", `{"routing_key": "\"` + other + `\""}`, anyKey},
	} {
		d := pagerDutyDesk(nil)
		w := d.event("/v2/enqueue", strings.NewReader(tt.body), "X-Routing-Key", tt.header)
		if w.Code != 202 {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			continue
		}
		if a := theAlert(t, d); strings.Contains(string(a.Raw), anyKey[1:]) || strings.Contains(string(a.Raw), other) || !strings.Contains(string(a.Raw), "rouse_ABCDEF…") {
			t.Errorf("%s: raw %s", tt.name, a.Raw)
		}
	}
}

func TestPagerDutyKeyInTheHeader(t *testing.T) {
	d := pagerDutyDesk(nil)
	if w := d.event("/v2/enqueue", strings.NewReader(`{"payload":{"summary":"x"}}`), "X-Routing-Key", sdkKey); w.Code != 202 || theAlert(t, d).Service != "database" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// PagerDuty's senders drop what they get a 4xx for: what shows a good key pages, whatever else it is.
func TestOddEvents(t *testing.T) {
	const key = `"routing_key":"` + anyKey + `"`
	long := `{` + key + `,"event_action":"trigger","dedup_key":"d","payload":{"severity":"critical","summary":"disk full","custom_details":{"a":"b","log":"`
	for _, tt := range []struct {
		name, body     string
		summary, dedup string // dedup "" is the hash of the body
		severity       engine.Severity
		details        string // a part
	}{
		{"a quote that is not escaped", `{` + key + `,"dedup_key":"d","payload":{"summary":"say "hi"","severity":"critical"}}`, "say", "d", 2,
			`Not all of the request was read. It is not JSON: line 1, column 94: invalid character 'h'`},
		{"the key behind that", `{"payload":{"summary":"say "hi"","severity":"critical"},` + key + `}`, "say", "", 2, "stood in or behind payload.summary."},
		{"nothing but the key can be read", `event: {` + key + `}`, "Rouse could not read an event in PagerDuty's format", "", 2,
			"It began with:\n\nevent: {\"routing_key\":\"rouse_ABCDEF…\"}"},
		{"a list of events", `[{` + key + `,"event_action":"resolve","dedup_key":"d"}]`, "Rouse could not read an event in PagerDuty's format", "", 2,
			"It is no JSON object.\n\nIt began with:\n\n[{"},
		{"a resolve that does not say of what", `{` + key + `,"event_action":"resolve","payload":{"summary":"x"},}}`, "x", "", 2, "event_action as sent: resolve"},
		{"too deep", `{` + key + `,"payload":{"summary":"x","custom_details":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"severity":"critical"}}`, "x", "", 1,
			"It is nested deeper than 32."},
		{"longer than is read", long + strings.Repeat("x", 2*maxBody) + `"}}}`, "disk full", "d", 1,
			"Not all of the request was read. It is longer than 512 KiB. What is missing stood in or behind payload.custom_details.log.\n\na: b\nlog: xxx"},
		{"longer than is read, without a dedup key", `{` + key + `,"payload":{"summary":"disk full","source":"` + strings.Repeat("x", maxBody), "disk full", "", 2, "longer than 512 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := pagerDutyDesk(nil)
			body := strings.NewReader(tt.body)
			w := d.event("/v2/enqueue", body)
			if w.Code != 202 || body.Len() != 0 {
				t.Fatalf("%d %s, %d bytes not read", w.Code, w.Body, body.Len())
			}
			a := theAlert(t, d)
			if tt.dedup == "" {
				tt.dedup = bodyKey("pagerduty", Sender{Key: 3}, []byte(tt.body[:min(len(tt.body), maxBody)]))
			}
			if a.Action != engine.Trigger || !strings.HasPrefix(a.Summary, tt.summary) || a.DedupKey != tt.dedup || a.Severity != tt.severity || !strings.Contains(a.Details, tt.details) {
				t.Errorf("got %.3000s", fmt.Sprintf("%+v\n%s", bare(a), a.Details))
			}
			if bytes.Contains(a.Raw, []byte(anyKey)) || strings.Contains(a.Details, anyKey) {
				t.Error("the key is kept")
			}
			if !strings.Contains(d.log.String(), "not all of a request could be read: its incident says why\" source=pagerduty") || strings.Contains(d.log.String(), anyKey) {
				t.Errorf("the log says %q", d.log)
			}
			if got := decodeInto[pagerDutyAnswer](t, w); got.DedupKey != a.DedupKey {
				t.Errorf("the answer tells %q", got.DedupKey)
			}
			if d.event("/v2/enqueue", strings.NewReader(tt.body)); len(d.open) != 1 {
				t.Error("sent again, it opens another incident")
			}
		})
	}
}

// S11: what is hostile and shows a good key is an alert like others, and costs little.
func TestHostileEvents(t *testing.T) {
	for name, body := range hostile() {
		d, began := pagerDutyDesk(nil), time.Now()
		if w := d.event("/v2/enqueue", strings.NewReader(body), "X-Routing-Key", anyKey); w.Code != 202 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		if a := theAlert(t, d); a.Action != engine.Trigger {
			t.Errorf("%s: %+v", name, bare(a))
		}
		if took := time.Since(began); took > 5*time.Second { // the bound is generous, other tests run on the same cores
			t.Errorf("%s: %s", name, took)
		}
	}
}

// A change that cannot be read pages nobody either.
func TestOddChange(t *testing.T) {
	d := pagerDutyDesk(nil)
	w := d.event("/v2/change/enqueue", strings.NewReader(`{"routing_key":"`+anyKey+`","payload":{"summary":"deploy "7""}}`))
	if a := theAlert(t, d); w.Code != 202 || a.Action != engine.Record || a.Summary != "deploy" || a.Severity != engine.Minor {
		t.Errorf("%d %+v", w.Code, a)
	}
}

func TestEventTimes(t *testing.T) {
	want := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	for _, s := range []string{"2026-03-29T01:30:00Z", "2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00.000+0000", "2026-03-29 03:30:00+0200", "2026-03-29 01:30:00Z"} {
		if got, ok := eventTime(s); !ok || !got.Equal(want) {
			t.Errorf("%s: %v", s, got)
		}
	}
	for _, s := range []string{"", "now", "2026-03-29T01:30:00", "1719936000"} { // without an offset it may be any hour
		if got, ok := eventTime(s); ok {
			t.Errorf("%s: %v", s, got)
		}
	}
}

// Whatever comes with a good key becomes one alert, or is refused for saying nothing of what it is about;
// the key itself is kept nowhere.
func FuzzPagerDuty(f *testing.F) {
	for i := 1; i <= 12; i++ {
		f.Add([]byte(sentIn(f, fmt.Sprintf("sdk-pagerduty-%03d", i)).Body), 0)
	}
	for i := 1; i <= 3; i++ {
		f.Add([]byte(sentIn(f, fmt.Sprintf("am-pagerduty-%03d", i)).Body), 1)
	}
	for _, seed := range []string{"", "[", `"x"`, `{"payload":[{"labels":1}]}`, `{"service_key":"` + sdkKey + `","event_type":"resolve","contexts":[[]]}`,
		`{"routing_key":"` + sdkKey, `{"payload":{"custom_details":{"firing":[{"labels":{"a":[]}}]}}}`} {
		f.Add([]byte(seed), 2)
	}
	paths := []string{"/v2/enqueue", v1Path, "/v2/change/enqueue"}
	f.Fuzz(func(t *testing.T, body []byte, which int) {
		path := paths[uint(which)%3]
		d := pagerDutyDesk(nil)
		w := d.event(path, bytes.NewReader(body), "X-Routing-Key", anyKey)
		if w.Code == http.StatusBadRequest && strings.Contains(w.Body.String(), "Say what to") && len(d.got) == 0 && path != "/v2/change/enqueue" {
			return
		}
		if w.Code/100 != 2 {
			t.Fatalf("%d %s to %q", w.Code, w.Body, body)
		}
		a := theAlert(t, d)
		if path == "/v2/change/enqueue" != (a.Action == engine.Record) {
			t.Errorf("%s for a request to %s", a.Action, path)
		}
		cut, ok := readEvent(body, false).alert(Sender{}, path == "/v2/change/enqueue")
		if wantWhole(t, cut); !ok {
			t.Errorf("nobody is paged for what begins with %q", body)
		}
		if key := readEvent(body, true).key; len(key) >= 16 && !strings.Contains(key, "…") && bytes.Contains(a.Raw, []byte(key)) {
			t.Errorf("the key is kept in %q", a.Raw)
		}
	})
}
