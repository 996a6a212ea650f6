package intake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// what is everything of an alert but its Raw.
func what(a engine.Alert) engine.Alert { a.Raw, a.Source = nil, ""; return a }

func TestAlertsDialect(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		bound      engine.ServiceID
		want       engine.Alert
	}{
		{"whole", `{"summary":"Disk full","severity":1,"service":"bitbucket","dedup_key":"d1","action":"trigger","details":"95 %",
			"links":[{"href":"https://g.example/d","text":"Dashboard"},"http://h.example/"],"key":"HOT-1234","at":"2026-08-22T08:24:38Z","extra":true}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 1, Word: "1", Summary: "Disk full", Service: "bitbucket", DedupKey: "d1", Details: "95 %", Key: "HOT-1234",
				Links: []engine.Link{{Href: "https://g.example/d", Text: "Dashboard"}, {Href: "http://h.example/"}},
				At:    time.Date(2026, 8, 22, 8, 24, 38, 0, time.UTC)}},
		{"acknowledged elsewhere", `{"action":"acknowledge","dedup_key":"d1","by":"Ann","summary":"x"}`, "",
			engine.Alert{Action: engine.Acknowledge, Severity: 2, Summary: "x", DedupKey: "d1", By: "ann"}},
		{"resolved", `{"action":"RESOLVED","dedup_key":"d1","summary":"x"}`, "",
			engine.Alert{Action: engine.Resolve, Severity: 2, Summary: "x", DedupKey: "d1"}},
		{"unknown action and severity", `{"action":"explode","severity":"purple","summary":"x"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Word: "purple", Summary: "x", Details: "severity as sent: purple\naction as sent: explode", Doubts: []engine.Doubt{
				{Of: engine.DoubtSeverity, Text: `The severity "purple" is unknown: taken as 2.`}, {Of: engine.DoubtAction, Text: `The action "explode" is unknown: taken as trigger.`}}}},
		{"numbers for texts, other spellings", `{"Summary":42,"severity":"3","dedupKey":7,"service":9}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 3, Word: "3", Summary: "42", DedupKey: "7", Service: "9"}},
		{"service as people write it", `{"summary":"x","service":" Bitbucket Cloud! "}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Service: "bitbucket-cloud"}},
		{"key bound to a service", `{"summary":"x","service":"jira"}`, "bitbucket",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Service: "bitbucket", Details: "service as sent: jira"}},
		{"a text alone", `"Disk full"`, "bitbucket",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "Disk full", Service: "bitbucket"}},
		{"nothing", `{}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "Alert without summary"}},
		{"no summary, bound", `{"severity":null}`, "bitbucket",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "Alert without summary from bitbucket", Service: "bitbucket"}},
		{"no summary, a source", `{"source":"cron on db1"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "Alert without summary from cron on db1"}},
		{"no summary, a message", `{"message":"down"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "down"}},
		{"no summary, details", `{"details":"\n  first line\nsecond"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "first line", Details: "first line\nsecond"}},
		{"details of any JSON", `{"summary":"x","details":{"b":[1,"<2>"],"a":null}}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Details: "{\n  \"a\": null,\n  \"b\": [\n    1,\n    \"<2>\"\n  ]\n}"}},
		{"lines and control characters", `{"summary":"a\nb\u0000\u001b c\td"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "a b c d"}},
		{"links that are none", `{"summary":"x","links":["javascript:alert(1)","grafana/d/1",{"href":""}],"key":"my key"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x",
				Details: "key as sent: my key\nlink as sent: javascript:alert(1)\nlink as sent: grafana/d/1"}},
		{"one link", `{"summary":"x","links":"https://a.example/"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Links: []engine.Link{{Href: "https://a.example/"}}}},
		{"labels", `{"summary":"x","labels":{"cluster":"eu-1","nodes":3,"prod":true,"none":null,"tags":["a"]}}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Labels: map[string]string{"cluster": "eu-1", "nodes": "3", "prod": "true", "tags": "[\n  \"a\"\n]"}}},
		{"labels that are none", `{"summary":"x","labels":["a","b"]}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Details: "labels as sent: [\n  \"a\",\n  \"b\"\n]"}},
		{"snoozed elsewhere", `{"action":"snooze","dedup_key":"d1","by":"ann","until":"2026-08-22T12:00:00Z","note":"waiting for the vendor","summary":"x"}`, "",
			engine.Alert{Action: engine.Snooze, Severity: 2, Summary: "x", DedupKey: "d1", By: "ann", Note: "waiting for the vendor",
				Until: time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)}},
		{"snoozed for no time", `{"action":"snooze","dedup_key":"d1","by":"ann","until":"tomorrow","summary":"x"}`, "",
			engine.Alert{Action: engine.Acknowledge, Severity: 2, Summary: "x", DedupKey: "d1", By: "ann", Details: "until as sent: tomorrow\naction as sent: snooze", Doubts: []engine.Doubt{{Of: engine.DoubtAction, Text: `The action "snooze" lacks what it needs: taken as acknowledge.`}}}},
		{"others are to be paged as well", `{"action":"page","dedup_key":"d1","summary":"x","responders":[{"kind":"team","name":"Storage"},{"type":"roster","name":"dba"},"ann",{"kind":"moon","id":7},{}]}`, "",
			engine.Alert{Action: engine.PageMore, Severity: 2, Summary: "x", DedupKey: "d1",
				Responders: []engine.Responder{{Kind: "team", Name: "Storage"}, {Kind: "schedule", Name: "dba"}, {Name: "ann"}, {Name: "7"}}}},
		{"somebody is to be paged", `{"action":"page","dedup_key":"d1","summary":"x"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", DedupKey: "d1", Details: "action as sent: page", Doubts: []engine.Doubt{{Of: engine.DoubtAction, Text: `The action "page" lacks what it needs: taken as trigger.`}}}},
		{"somebody is to be paged for something new", `{"action":"page","summary":"x","responders":"ann"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Details: "action as sent: page", Responders: []engine.Responder{{Name: "ann"}}, Doubts: []engine.Doubt{{Of: engine.DoubtAction, Text: `The action "page" lacks what it needs: taken as trigger.`}}}},
		{"a comment", `{"action":"comment","dedup_key":"d1","by":"ann","note":"rebooting"}`, "",
			engine.Alert{Action: engine.Comment, Severity: 2, Summary: "Alert without summary from d1", DedupKey: "d1", By: "ann", Note: "rebooting"}},
		{"a comment without a note", `{"action":"comment","dedup_key":"d1","summary":"rebooting"}`, "",
			engine.Alert{Action: engine.Comment, Severity: 2, Summary: "rebooting", DedupKey: "d1", Note: "rebooting"}},
		{"an idempotency key", `{"summary":"x","idempotency_key":"4711"}`, "", engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Once: "alerts:7:4711"}},
		{"glued together by a script", "\uFEFF{\"summary\":\"a\nb \\d+ C:\\\\x\",\"details\":[1,2,],\n}", "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: `a b \d+ C:\x`, Details: "[\n  1,\n  2\n]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, list, refused := parseAlerts([]byte(tt.body), true, Sender{Key: 7, Service: tt.bound}, "")
			if refused != nil || list || len(got) != 1 {
				t.Fatalf("got %v, list %v, %+v", got, list, refused)
			}
			wantWhole(t, got[0])
			if string(got[0].Raw) != tt.body {
				t.Errorf("raw is %q", got[0].Raw)
			}
			if len(got[0].Links) == 0 {
				got[0].Links = nil
			}
			if !reflect.DeepEqual(what(got[0]), tt.want) {
				t.Errorf("got  %+v\nwant %+v", what(got[0]), tt.want)
			}
		})
	}
}

func TestAlertsList(t *testing.T) {
	got, list, refused := parseAlerts([]byte(`[ {"summary": "a"}, "b",]`), true, Sender{}, "")
	if refused != nil || !list || len(got) != 2 {
		t.Fatalf("got %v, list %v, %+v", got, list, refused)
	}
	if string(got[0].Raw) != `{"summary": "a"}` || string(got[1].Raw) != `"b"` {
		t.Errorf("raw %q, %q", got[0].Raw, got[1].Raw)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	a, _, _ := parseAlerts([]byte(`{"summary":"`+long+`","dedup_key":"`+long+`","details":"`+strings.Repeat("x", 200<<10)+`"}`), true, Sender{}, "")
	wantWhole(t, a[0])
	if a[0].DedupKey != hash([]byte(long)) {
		t.Errorf("dedup key %q", a[0].DedupKey)
	}
	if !strings.HasSuffix(a[0].Summary, "ä…") || !strings.HasSuffix(a[0].Details, long) {
		t.Error("the whole summary is not in the details")
	}
}

func TestManyLabelsAndResponders(t *testing.T) {
	a, _, _ := parseAlerts([]byte(`{"labels":{`+members(300)+`,"z":"`+strings.Repeat("x", 2000)+`"},"responders":[`+strings.Repeat(`"ann",`, 100)+`"bob"]}`), true, Sender{}, "")
	wantWhole(t, a[0])
	if len(a[0].Labels) != maxLabels || len(a[0].Responders) != maxResponders {
		t.Errorf("%d labels, %d responders", len(a[0].Labels), len(a[0].Responders))
	}
	a, _, _ = parseAlerts([]byte(`{"labels":{"`+strings.Repeat("n", 300)+`":"`+strings.Repeat("v", 2000)+`"}}`), true, Sender{}, "")
	for name, value := range a[0].Labels {
		if len(name) != maxLabelName || len(value) != maxLabelValue {
			t.Errorf("a name of %d bytes, a value of %d", len(name), len(value))
		}
	}
}

func TestSeverities(t *testing.T) {
	for want, words := range map[engine.Severity]string{
		1: "critical|page|emergency|fatal|disaster|P1|SEV1|sev 1|Sev-1|1|1.0| CRITICAL |Severity 1",
		2: "error|high|major|urgent|p2|sev2|2|Severity 2",
		3: "warning|minor|medium|low|info|information|notice|none|debug|p3|p4|p5|3|3.0|4",
	} {
		for word := range strings.SplitSeq(words, "|") {
			if got, known := severityOf(word); got != want || !known {
				t.Errorf("%q: %d, known %v, want %d", word, got, known, want)
			}
		}
	}
	for word := range strings.SplitSeq("|purple|0|-1|1.5|NaN|1e400|{{ .Labels }}", "|") {
		if got, known := severityOf(word); got != engine.Major || known {
			t.Errorf("%q: %d, known %v", word, got, known)
		}
	}
}

func TestAlertsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, body      string
		status          int
		problem, detail string
	}{
		{"empty", "", 400, "not-json", "line 1, column 1: the text ends too early"},
		{"a form", "summary=x", 400, "not-json", "line 1, column 1: invalid character 's'"},
		{"cut off", "{\"summary\":\n \"x", 400, "not-json", "line 2, column 4: the text ends too early. Send {"},
		{"a quote inside", "{\n  \"summary\": \"say \"hi\"\"\n}", 400, "not-json", "line 2, column 20: invalid character 'h'"},
		{"two values", `{"summary":"x"} {"summary":"y"}`, 400, "not-json", "line 1, column 17: something stands behind"},
		{"a number", `42`, 400, "not-an-alert", "neither an object, a list nor a text"},
		{"null", `null`, 400, "not-an-alert", "neither an object"},
		{"blank text", `" "`, 400, "not-an-alert", "neither an object"},
		{"empty list", `[]`, 400, "not-an-alert", "list of alerts is empty"},
		{"a number in the list", `["x", 42]`, 400, "not-an-alert", "Element 2 of the list is neither an object nor a text: none was taken"},
		{"too deep", `{"details":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, 400, "too-deep", "deeper than 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(tt.body)), tt.status, tt.problem, tt.detail)
			if len(d.got) != 0 {
				t.Error("something was stored")
			}
		})
	}
}

// Who asks for something else than new trouble says so in one of these words; any other is a trigger.
func TestActions(t *testing.T) {
	for want, words := range map[engine.Action]string{
		engine.Trigger:       "|trigger|Firing|open|explode|update|ping|page me",
		engine.Acknowledge:   "acknowledge|ACK|acknowledged",
		engine.Resolve:       "resolve|closed|recovery",
		engine.Unacknowledge: "unacknowledge|un-ack",
		engine.Escalate:      "escalate",
		engine.Amend:         "amend",
		engine.Record:        "record",
	} {
		for word := range strings.SplitSeq(words, "|") {
			if got, _ := actionOf(word); got != want {
				t.Errorf("%q: %s, want %s", word, got, want)
			}
		}
	}
}

// What is told twice under one idempotency key counts once; two senders, and two alerts of a list, never meet.
func TestIdempotencyKeys(t *testing.T) {
	long := strings.Repeat("k", maxOnce+1)
	for _, tt := range []struct {
		name, body, header string
		want               string
	}{
		{"none", `"x"`, "", "[]"},
		{"of the request", `"x"`, " 4711 ", "[alerts:7:4711]"},
		{"of the alert", `{"idempotency_key":4711}`, "", "[alerts:7:4711]"},
		{"of the alert before that of the request", `{"idempotencyKey":"a"}`, "r", "[alerts:7:a]"},
		{"of a request with a list", `["x",{"idempotency_key":"a"},"z"]`, "r", "[alerts:7:r:0 alerts:7:a alerts:7:r:2]"},
		{"a long one", `"x"`, long, "[alerts:7:" + hash([]byte(long)) + "]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			d.h.keys = keyRing{"key-of-": {Key: 7}}
			r := httptest.NewRequest(http.MethodPost, "/v1/alerts", strings.NewReader(tt.body))
			r.Header.Set("Authorization", "Bearer key-of-")
			r.Header.Set("Idempotency-Key", tt.header)
			w := httptest.NewRecorder()
			d.h.Alerts(w, r)
			var got []string
			for _, a := range d.got {
				if a.Once != "" {
					got = append(got, a.Once)
				}
			}
			if w.Code != 202 || fmt.Sprint(got) != tt.want {
				t.Errorf("%d %s, got %v", w.Code, w.Body, got)
			}
		})
	}
}

// Of what is longer than is read, or more, what could be read pages, and that something is missing as well.
func TestTooLongForAlerts(t *testing.T) {
	const missing = "Alerts are missing: Rouse could not read all of a request"
	fill := strings.Repeat("x", maxBody)
	long := "Not all of the request was read. It is longer than 512 KiB."
	for _, tt := range []struct {
		name, body string
		want       []string // summaries
		details    string   // the beginning of the last one's
	}{
		{"an alert", `{"summary":"disk full","dedup_key":"d","details":"` + fill + `"}`, []string{"disk full"},
			long + " What is missing stood in or behind details.\n\nxxx"},
		{"a text", `"disk full ` + fill + `"`, []string{oneLine("disk full " + fill)}, long + "\n\ndisk full xxx"},
		{"a list, cut in an alert", `[{"summary":"a"},{"summary":"b","details":"` + fill + `"},{"summary":"c"}]`, []string{"a", "b", missing},
			long + " What is missing stood in or behind [].details.\n\nLook for what else is wrong"},
		{"a list, cut behind an alert", `[{"summary":"a"},` + strings.Repeat(" ", maxBody) + `{"summary":"b"}]`, []string{"a", missing}, long},
		{"no JSON", "summary=" + fill, []string{missing}, long + "\n\nLook for what else is wrong where it came from, and send less at once. It began with:\n\nsummary=xxx"},
		{"a number", strings.Repeat("1", 2*maxBody), []string{missing}, long},
		{"many alerts", `[` + strings.Repeat(`"x",`, maxAlerts) + `{"summary":"y"}]`, append(slices.Repeat([]string{"x"}, maxAlerts), missing),
			"Not all of the request was read. It is a list of 1001 alerts, and 1000 are taken at once."},
		{"very many values", `{"summary":"a","details":[` + strings.Repeat("[],", 100_000) + `1]}`, []string{"a"},
			"Not all of the request was read. It is made of more values than are read. What is missing stood in or behind details[]."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			body := strings.NewReader(tt.body)
			w := d.post("/v1/alerts", "", body)
			// Of many alerts several are taken in at once.
			slices.SortStableFunc(d.got, func(a, b engine.Alert) int {
				return slices.Index(tt.want, a.Summary) - slices.Index(tt.want, b.Summary)
			})
			var got []string
			for _, a := range d.got {
				wantWhole(t, a)
				got = append(got, a.Summary)
			}
			if w.Code != 202 || body.Len() != 0 || !slices.Equal(got, tt.want) {
				t.Fatalf("%d %.300s, %d bytes not read, got %.300q", w.Code, w.Body, body.Len(), got)
			}
			last := d.got[len(d.got)-1]
			if !strings.HasPrefix(last.Details, tt.details) || last.Action != engine.Trigger {
				t.Errorf("details %.300q", last.Details)
			}
			if tt.want[len(tt.want)-1] == missing {
				d.got = nil
				d.post("/v1/alerts", "", strings.NewReader(tt.body))
				again := d.got[slices.IndexFunc(d.got, func(a engine.Alert) bool { return a.Summary == missing })]
				if again.DedupKey != last.DedupKey || again.DedupKey == "" {
					t.Errorf("sent again, it would open another incident: %q, %q", last.DedupKey, again.DedupKey)
				}
			}
		})
	}
}

// Where one alert of a list was cut, it says so itself.
func TestTheAlertThatWasCut(t *testing.T) {
	body := []byte(`[{"summary":"a"},{"summary":"b","details":"c`)
	got, _, _ := parseAlerts(body, false, Sender{}, "")
	if len(got) != 3 || got[0].Details != "" || !strings.HasPrefix(got[1].Details, "Not all of the request was read.") || !strings.HasSuffix(got[1].Details, "c…") {
		t.Errorf("got %+v", got)
	}
	if raw := string(got[0].Raw); raw != "{\n  \"summary\": \"a\"\n}" {
		t.Errorf("raw %s", raw)
	}
}

func TestDepthUpToTheLimit(t *testing.T) {
	body := `{"summary":"[[[","details":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`
	if w := newDesk(nil).post("/v1/alerts", "", strings.NewReader(body)); w.Code != 202 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Rule 1: 202 when it is stored, with the incident's key.
func TestAlertsAnswer(t *testing.T) {
	d := newDesk(nil)
	w := d.post("/v1/alerts", "bitbucket", strings.NewReader(`{"summary":"x","dedup_key":"d"}`))
	if got := strings.TrimSpace(w.Body.String()); w.Code != 202 || got != `{"key":"HOT-1","outcome":"opened","dedup_key":"d"}` {
		t.Errorf("%d %s", w.Code, got)
	}
	w = d.post("/v1/alerts", "bitbucket", strings.NewReader(`[{"summary":"x","dedup_key":"d"},{"summary":"y","dedup_key":"e","action":"resolve"}]`))
	if got := strings.TrimSpace(w.Body.String()); w.Code != 202 || got != `{"alerts":[{"key":"HOT-1","outcome":"joined","dedup_key":"d"},`+
		`{"key":"","outcome":"noted","dedup_key":"e","why":"no incident is open for it"}]}` {
		t.Errorf("%d %s", w.Code, got)
	}
}

// Rule 1: what cannot be stored gets 503 with Retry-After.
func TestAlertsNotStored(t *testing.T) {
	d := newDesk(func(context.Context, engine.Alert) error { return errors.New("connection to +4917012345617 refused") })
	wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(`{"summary":"secret words"}`)), 503, "not-stored", "Send it again")
	for _, leak := range []string{"secret words", "4917012345617"} {
		if strings.Contains(d.log.String(), leak) {
			t.Errorf("the log has %q: %s", leak, d.log)
		}
	}
	if !strings.Contains(d.log.String(), "connection to +49…17 refused") {
		t.Errorf("the log does not say why: %s", d.log)
	}
}

// One alert that cannot be stored does not keep those behind it from paging.
func TestListNotAllStored(t *testing.T) {
	broken := true
	d := newDesk(func(_ context.Context, a engine.Alert) error {
		if broken && a.Summary == "b" {
			return errors.New("no")
		}
		return nil
	})
	const body = `[{"summary":"a","dedup_key":"a"},{"summary":"b","dedup_key":"b"},{"summary":"c","dedup_key":"c"}]`
	wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(body)), 503, "not-stored", "could not store all alerts")
	if len(d.got) != 2 || d.got[1].Summary != "c" {
		t.Errorf("stored %v", d.got)
	}
	broken = false
	w := d.post("/v1/alerts", "", strings.NewReader(body))
	got := decodeInto[struct{ Alerts []received }](t, w)
	for i, want := range []pager.ReceiveOutcome{pager.Joined, pager.Opened, pager.Joined} {
		if got.Alerts[i].Outcome != want {
			t.Errorf("alert %d of the repetition: %s, want %s", i, got.Alerts[i].Outcome, want)
		}
	}
}

// F13: a database that hangs costs a sender its patience once, not once for each alert.
func TestHangingEngine(t *testing.T) {
	calls := 0
	d := newDesk(func(ctx context.Context, _ engine.Alert) error { calls++; <-ctx.Done(); return errors.New("timeout") })
	wantRefusal(t, d.post("/v1/alerts", "", strings.NewReader(`["a","b","c"]`)), 503, "not-stored", "")
	if calls != 1 {
		t.Errorf("%d alerts were tried", calls)
	}
}

// A sender that hangs up after its request has handed the alert over.
func TestSenderHangsUp(t *testing.T) {
	d := newDesk(func(ctx context.Context, _ engine.Alert) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/alerts", strings.NewReader(`"x"`))
	r.Header.Set("Authorization", "Bearer key-of-")
	d.h.Alerts(httptest.NewRecorder(), r)
	if len(d.got) != 1 {
		t.Error("the alert is lost")
	}
}

func TestRequestBreaksOff(t *testing.T) {
	for _, target := range []string{"/v1/alerts", "/v1/alertmanager"} {
		wantRefusal(t, newDesk(nil).post(target, "", brokenReader{}), 503, "not-stored", "broke off")
	}
}

type brokenReader struct{}

func (brokenReader) Read(p []byte) (int, error) {
	return copy(p, `{"summary":`), errors.New("connection reset")
}

func TestServiceOf(t *testing.T) {
	for name, want := range map[string]engine.ServiceID{
		"bitbucket": "bitbucket", "Bitbucket Cloud": "bitbucket-cloud", "  a__b  ": "a-b", "---": "", "": "", "ünï": "n",
		strings.Repeat("a", 62) + " b": engine.ServiceID(strings.Repeat("a", 62)),
	} {
		if got := serviceOf(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// S11: what is hostile costs little: milliseconds, where something quadratic would take minutes. The
// bound is generous, other tests run on the same cores.
func TestHostileBodiesAreCheap(t *testing.T) {
	fill := func(head, element, tail string) string {
		return head + strings.Repeat(element, (maxBody-len(head)-len(tail))/len(element)) + tail
	}
	for name, body := range map[string]string{
		"deep list":     fill(`{"severity":`+strings.Repeat("[", 30), "1,", "1"+strings.Repeat("]", 30)+"}"),
		"commas":        fill("[", ",   ", "]"),
		"backslashes":   fill(`"`, `\d`, `"`),
		"open brackets": fill("", "[]", ""),
		"quotes":        fill("", `"`, ""),
		"digits":        fill(`{"severity":`, "9", "}"),
		"names":         fill("{", `"a":1,`, `"b":1}`),
		"links":         fill(`{"links":[`, `"http://a",`, `"b"]}`),
	} {
		begin := cpuTime(t)
		newDesk(nil).post("/v1/alerts", "", strings.NewReader(body))
		newDesk(nil).post("/v1/alertmanager", "", strings.NewReader(body))
		newDesk(nil).post("/v1/alertmanager", "", strings.NewReader(`{"alerts":[{"labels":`+body+"}]}"))
		took := cpuTime(t) - begin
		if took > 10*time.Second {
			t.Errorf("%s: %s", name, took)
		}
		t.Log(name, took)
	}
}

// cpuTime is what this process has used of its processors: however busy others keep them, it is the work done.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func FuzzAlerts(f *testing.F) {
	for _, seed := range []string{`{"summary":"x"}`, `["a",{}]`, `{"details":{"a":[1,2,]},}`, "\"a\nb\"", `{"links":[{"url":"https://a"}]}`, `"\u0000\ud800"`} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, whole bool) {
		alerts, list, refused := parseAlerts(body, whole, Sender{Key: 7}, "once")
		if (refused == nil) != (len(alerts) > 0) || !list && len(alerts) > 1 || refused != nil && !whole {
			t.Fatalf("%d alerts, list %v, refused %v", len(alerts), list, refused)
		}
		once := map[string]bool{}
		for _, a := range alerts {
			wantWhole(t, a)
			if once[a.Once] && !strings.Contains(foldName(string(body)), "idempotencykey") {
				t.Errorf("two alerts count once by %q", a.Once)
			}
			once[a.Once] = true
		}
	})
}
