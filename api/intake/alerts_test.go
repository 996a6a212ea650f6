package intake

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
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
			engine.Alert{Action: engine.Trigger, Severity: 1, Summary: "Disk full", Service: "bitbucket", DedupKey: "d1", Details: "95 %", Key: "HOT-1234",
				Links: []engine.Link{{Href: "https://g.example/d", Text: "Dashboard"}, {Href: "http://h.example/"}},
				At:    time.Date(2026, 8, 22, 8, 24, 38, 0, time.UTC)}},
		{"acknowledged elsewhere", `{"action":"acknowledge","dedup_key":"d1","by":"Ann","summary":"x"}`, "",
			engine.Alert{Action: engine.Acknowledge, Severity: 2, Summary: "x", DedupKey: "d1", By: "ann"}},
		{"resolved", `{"action":"RESOLVED","dedup_key":"d1","summary":"x"}`, "",
			engine.Alert{Action: engine.Resolve, Severity: 2, Summary: "x", DedupKey: "d1"}},
		{"unknown action and severity", `{"action":"explode","severity":"purple","summary":"x"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: "x", Details: "severity as sent: purple\naction as sent: explode"}},
		{"numbers for texts, other spellings", `{"Summary":42,"severity":"3","dedupKey":7,"service":9}`, "",
			engine.Alert{Action: engine.Trigger, Severity: 3, Summary: "42", DedupKey: "7", Service: "9"}},
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
		{"glued together by a script", "\uFEFF{\"summary\":\"a\nb \\d+ C:\\\\x\",\"details\":[1,2,],\n}", "",
			engine.Alert{Action: engine.Trigger, Severity: 2, Summary: `a b \d+ C:\x`, Details: "[\n  1,\n  2\n]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, list, refused := parseAlerts([]byte(tt.body), tt.bound)
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
	got, list, refused := parseAlerts([]byte(`[ {"summary": "a"}, "b",]`), "")
	if refused != nil || !list || len(got) != 2 {
		t.Fatalf("got %v, list %v, %+v", got, list, refused)
	}
	if string(got[0].Raw) != `{"summary": "a"}` || string(got[1].Raw) != `"b"` {
		t.Errorf("raw %q, %q", got[0].Raw, got[1].Raw)
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	a, _, _ := parseAlerts([]byte(`{"summary":"`+long+`","dedup_key":"`+long+`","details":"`+strings.Repeat("x", 200<<10)+`"}`), "")
	wantWhole(t, a[0])
	if a[0].DedupKey != hash([]byte(long)) {
		t.Errorf("dedup key %q", a[0].DedupKey)
	}
	if !strings.HasSuffix(a[0].Summary, "ä…") || !strings.HasSuffix(a[0].Details, long) {
		t.Error("the whole summary is not in the details")
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
		{"too many", `[` + strings.Repeat(`"x",`, 1000) + `"x"]`, 413, "too-large", "may hold 1000 alerts, this one has 1001"},
		{"too large", `{"summary":"` + strings.Repeat("x", 256<<10) + `"}`, 413, "too-large", "larger than 262144 bytes"},
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
		return head + strings.Repeat(element, (maxAlertsBody-len(head)-len(tail))/len(element)) + tail
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
		begin := time.Now()
		newDesk(nil).post("/v1/alerts", "", strings.NewReader(body))
		newDesk(nil).post("/v1/alertmanager", "", strings.NewReader(body))
		newDesk(nil).post("/v1/alertmanager", "", strings.NewReader(`{"alerts":[{"labels":`+body+"}]}"))
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: %s", name, took)
		} else {
			t.Log(name, took)
		}
	}
}

func FuzzAlerts(f *testing.F) {
	for _, seed := range []string{`{"summary":"x"}`, `["a",{}]`, `{"details":{"a":[1,2,]},}`, "\"a\nb\"", `{"links":[{"url":"https://a"}]}`, `"\u0000\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, list, refused := parseAlerts(body, "")
		if (refused == nil) != (len(alerts) > 0) || !list && len(alerts) > 1 {
			t.Fatalf("%d alerts, list %v, refused %v", len(alerts), list, refused)
		}
		for _, a := range alerts {
			wantWhole(t, a)
		}
	})
}
