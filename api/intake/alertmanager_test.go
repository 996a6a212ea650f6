package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// captured is the body of a request that Alertmanager 0.34.2 really made, byte for byte.
func captured(t testing.TB, no int) string {
	t.Helper()
	file, err := os.ReadFile(fmt.Sprintf("testdata/am-webhook-%03d.json", no))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Body string `json:"body_text"`
	}
	if err := json.Unmarshal(file, &c); err != nil || c.Body == "" {
		t.Fatal(err, "no body_text")
	}
	return c.Body
}

type answers struct{ Alerts []received }

// What Alertmanager sent in the three captures: two alerts fire, one is over, the other is over.
func TestAlertmanagerCaptures(t *testing.T) {
	const db1, db2 = "555f7fc92c40d4f5", "835fb14ce331dd82"
	group := hash([]byte(`{}:{alertname="DiskFull", cluster="db"}`))
	for _, tt := range []struct {
		target string
		want   [][]received
	}{
		{"/v1/alertmanager", [][]received{
			{{"HOT-1", pager.Opened, db1, ""}, {"HOT-2", pager.Opened, db2, ""}},
			{{"HOT-1", pager.Closed, db1, ""}, {"HOT-2", pager.Joined, db2, ""}},
			{{"HOT-2", pager.Closed, db2, ""}},
		}},
		{"/v1/alertmanager?per=group", [][]received{
			{{"HOT-1", pager.Opened, group, ""}},
			{{"HOT-1", pager.Joined, group, ""}},
			{{"HOT-1", pager.Closed, group, ""}},
		}},
	} {
		t.Run(tt.target, func(t *testing.T) {
			d := newDesk(nil)
			for i, want := range tt.want {
				w := d.post(tt.target, "database", strings.NewReader(captured(t, i+1)))
				if got := decodeInto[answers](t, w); w.Code != 202 || !reflect.DeepEqual(got.Alerts, want) {
					t.Errorf("capture %d: %d %s\nwant %v", i+1, w.Code, w.Body, want)
				}
			}
			for _, a := range d.got {
				wantWhole(t, a)
				if a.Service != "database" || a.Severity != engine.Critical {
					t.Errorf("service %q, severity %d", a.Service, a.Severity)
				}
			}
			if d.log.Len() > 0 {
				t.Errorf("the log says %s", d.log)
			}
		})
	}
}

func TestAlertmanagerAlert(t *testing.T) {
	alerts, odd := parseAlertmanager([]byte(captured(t, 1)), "", false)
	if odd != "" {
		t.Error(odd)
	}
	want := engine.Alert{
		Action: engine.Trigger, Severity: engine.Critical, Summary: "Disk full on db1 – ünïcode", DedupKey: "555f7fc92c40d4f5",
		Details: "alertname: DiskFull\nclass: storage\ncluster: db\ncomponent: disk\ninstance: db1\nseverity: critical\n\n" +
			"description: line1\nline2 95% <b>x</b>\nsummary: Disk full on db1 – ünïcode",
		Links: []engine.Link{{Href: "http://prom.test/graph", Text: "Source"}, {Href: "http://vm:19793", Text: "Alertmanager"}},
		At:    time.Date(2026, 11, 20, 17, 11, 34, 745046022, time.UTC),
	}
	if got := what(alerts[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if raw := string(alerts[0].Raw); !strings.HasPrefix(raw, `{"status":"firing"`) || !strings.Contains(captured(t, 1), raw) {
		t.Errorf("raw is %s", raw)
	}
	alone, _ := parseAlertmanager([]byte(captured(t, 3)), "", false)
	if string(alone[0].Raw) != captured(t, 3) {
		t.Error("the raw of a single alert is not the request")
	}
}

func TestAlertmanagerAlertFields(t *testing.T) {
	for _, tt := range []struct {
		name, alert, top string // JSON members of the alert, and of the notification
		bound            engine.ServiceID
		check            func(a engine.Alert) bool
	}{
		{"description for a summary", `"annotations":{"description":"d\nx"}`, "", "", func(a engine.Alert) bool { return a.Summary == "d x" }},
		{"message for a summary", `"annotations":{"summary":" ","message":"m"}`, "", "", func(a engine.Alert) bool { return a.Summary == "m" }},
		{"alertname and instance", `"labels":{"alertname":"Down","instance":"db1"}`, "", "", func(a engine.Alert) bool { return a.Summary == "Down on db1" }},
		{"alertname", `"labels":{"alertname":"Down"}`, "", "", func(a engine.Alert) bool { return a.Summary == "Down" }},
		{"other labels", `"labels":{"b":"2","a":"1"}`, "", "", func(a engine.Alert) bool { return a.Summary == "Alert a=1 b=2" }},
		{"service of the alert", `"labels":{"service":"Jira"}`, `,"commonLabels":{"service":"x"}`, "", func(a engine.Alert) bool { return a.Service == "jira" }},
		{"common service", `"labels":{}`, `,"commonLabels":{"service":"x"}`, "", func(a engine.Alert) bool { return a.Service == "x" }},
		{"group's service", `"labels":{}`, `,"groupLabels":{"service":"y"}`, "", func(a engine.Alert) bool { return a.Service == "y" }},
		{"bound key", `"labels":{"service":"jira"}`, "", "bitbucket",
			func(a engine.Alert) bool {
				return a.Service == "bitbucket" && strings.Contains(a.Details, "service: jira")
			}},
		{"common severity", `"labels":{}`, `,"commonLabels":{"severity":"info"}`, "", func(a engine.Alert) bool { return a.Severity == engine.Minor }},
		{"no severity", `"labels":{}`, "", "", func(a engine.Alert) bool { return a.Severity == engine.Major }},
		{"templated severity", `"labels":{"severity":"tier-9"}`, "", "",
			func(a engine.Alert) bool {
				return a.Severity == engine.Major && strings.Contains(a.Details, "severity: tier-9")
			}},
		{"no fingerprint", `"labels":{"b":"2","a":"1"}`, "", "", func(a engine.Alert) bool { return a.DedupKey == hash([]byte("a\x011\nb\x012")) }},
		{"status of the notification", `"labels":{}`, `,"status":"resolved"`, "", func(a engine.Alert) bool { return a.Action == engine.Resolve }},
		{"unknown status", `"status":"smouldering"`, `,"status":"resolved"`, "", func(a engine.Alert) bool { return a.Action == engine.Trigger }},
		{"runbook and dashboard", `"annotations":{"runbook_url":"https://r/","dashboard":"https://d/"},"generatorURL":"javascript:x"`, "", "",
			func(a engine.Alert) bool {
				return reflect.DeepEqual(a.Links, []engine.Link{{Href: "https://d/", Text: "Dashboard"}, {Href: "https://r/", Text: "Runbook"}})
			}},
		{"Grafana", `"dashboardURL":"https://g/d","panelURL":"https://g/p","silenceURL":"https://g/s","values":{"B":1.5}`,
			`,"version":"1","orgId":1,"externalURL":"https://g/"`, "",
			func(a engine.Alert) bool { return len(a.Links) == 4 && a.Links[3].Text == "Grafana" }},
		{"wrong types", `"labels":{"n":1,"b":true,"x":null,"o":{"k":[]}},"annotations":[1],"startsAt":5,"fingerprint":12`, "", "",
			func(a engine.Alert) bool {
				return a.DedupKey == "12" && a.At.IsZero() && strings.Contains(a.Details, "b: true\nn: 1\no: {")
			}},
		{"null annotations", `"labels":{"alertname":"Down"},"annotations":null`, `,"groupLabels":null,"commonLabels":null`, "",
			func(a engine.Alert) bool { return a.Summary == "Down" }},
		{"watchdog is an alert like others", `"labels":{"alertname":"Watchdog","severity":"none"}`, "", "",
			func(a engine.Alert) bool { return a.Action == engine.Trigger && a.Severity == engine.Minor }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, odd := parseAlertmanager([]byte(`{"alerts":[{`+tt.alert+`}]`+tt.top+`}`), tt.bound, false)
			if len(got) != 1 || odd != "" {
				t.Fatalf("%q: %+v", odd, got)
			}
			wantWhole(t, got[0])
			if !tt.check(got[0]) {
				t.Errorf("got %+v", what(got[0]))
			}
		})
	}
}

// Alertmanager drops what it gets a 4xx for: whatever it sends pages somebody.
func TestOddFromAlertmanager(t *testing.T) {
	for _, tt := range []struct{ name, body string }{
		{"nothing", ""},
		{"not JSON", "<html>"},
		{"a text", `"down"`},
		{"a list", `[{"labels":{}}]`},
		{"null", `null`},
		{"an object without alerts", `{}`},
		{"no alerts fire", `{"status":"firing","groupKey":"g","alerts":[]}`},
		{"unknown status without alerts", `{"status":"?","groupKey":"g","alerts":[]}`},
		{"resolved without a group", `{"status":"resolved","alerts":[]}`},
		{"alerts are an object", `{"status":"resolved","groupKey":"g","alerts":{"labels":{}}}`},
		{"alerts are texts", `{"alerts":["down"]}`},
		{"too deep", strings.Repeat("[", 10_000)},
		{"a template of one's own", `{"text":"db1 is down since 08:24"}`},
		{"not UTF-8, and NUL", "\xff\x00"},
	} {
		for _, per := range []string{"", "?per=group", "?per=moon"} {
			t.Run(tt.name+per, func(t *testing.T) {
				d := newDesk(nil)
				var keys []engine.Key
				for range 2 { // the second is Alertmanager's retry
					w := d.post("/v1/alertmanager"+per, "database", strings.NewReader(tt.body))
					got := decodeInto[answers](t, w)
					if w.Code != 202 || len(got.Alerts) != 1 {
						t.Fatalf("%d %s", w.Code, w.Body)
					}
					keys = append(keys, got.Alerts[0].Key)
				}
				a := d.got[0]
				wantWhole(t, a)
				if a.Summary != "Alertmanager sent something Rouse could not read" || a.Severity != engine.Major || a.Action != engine.Trigger ||
					a.Service != "database" || string(a.Raw) != tt.body {
					t.Errorf("got %+v", a)
				}
				if keys[0] != keys[1] {
					t.Errorf("a retry opens %s beside %s", keys[1], keys[0])
				}
			})
		}
	}
}

func TestOddAmongGoodAlerts(t *testing.T) {
	got, odd := parseAlertmanager([]byte(`{"alerts":[{"labels":{"alertname":"a"}}, 7, {"labels":{"alertname":"b"}}]}`), "", false)
	if odd == "" || len(got) != 3 || got[1].Summary != "a" || got[2].Summary != "b" || string(got[2].Raw) != `{"labels":{"alertname":"b"}}` {
		t.Errorf("%q %+v", odd, got)
	}
}

func TestNothingButAnnotations(t *testing.T) {
	got, odd := parseAlertmanager([]byte(`{"alerts":[{"annotations":{"summary":"a"}},{"annotations":{"summary":"b"}}]}`), "", false)
	if odd != "" || len(got) != 2 || got[0].DedupKey == got[1].DedupKey {
		t.Errorf("%q %+v", odd, got)
	}
}

func TestEmptyGroupIsResolved(t *testing.T) {
	d := newDesk(nil)
	const body = `{"status":"resolved","groupKey":"g","alerts":[],"truncatedAlerts":0}`
	if w := d.post("/v1/alertmanager", "", strings.NewReader(body)); w.Code != 202 || strings.TrimSpace(w.Body.String()) != `{"alerts":[]}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	d.post("/v1/alertmanager?per=group", "", strings.NewReader(body))
	if len(d.got) != 1 || d.got[0].Action != engine.Resolve || d.got[0].DedupKey != hash([]byte("g")) {
		t.Errorf("got %+v", d.got)
	}
}

// A notification that was cut off may say "resolved" while an alert that is not in it still fires.
func TestTruncatedGroup(t *testing.T) {
	const body = `{"status":"resolved","groupKey":"g","groupLabels":{"alertname":"Down"},"commonLabels":{"severity":"critical"},
		"truncatedAlerts":%s,"alerts":[{"status":"resolved","fingerprint":"f","labels":{"alertname":"Down"}}]}`
	for _, truncated := range []string{"3", `"3"`, `"some"`, "-1", "1.5"} {
		group, _ := parseAlertmanager(fmt.Appendf(nil, body, truncated), "", true)
		if len(group) != 1 || group[0].Action != engine.Trigger {
			t.Errorf("%s cut off: the group is resolved: %+v", truncated, group)
		}
	}
	each, _ := parseAlertmanager(fmt.Appendf(nil, body, "3"), "", false)
	if len(each) != 2 || each[0].Action != engine.Resolve || each[1].Action != engine.Trigger || each[1].Severity != engine.Critical ||
		each[1].Summary != "3 more alerts of alertname=Down were cut off by Alertmanager's max_alerts" || each[1].DedupKey == each[0].DedupKey {
		t.Errorf("got %+v", each)
	}
	for _, none := range []string{"0", "null", `"0"`} {
		if group, _ := parseAlertmanager(fmt.Appendf(nil, body, none), "", true); group[0].Action != engine.Resolve {
			t.Errorf("%s cut off: the group is not resolved", none)
		}
	}
}

func TestGroupOfSeveral(t *testing.T) {
	const body = `{"status":"firing","groupKey":"g","groupLabels":{"cluster":"db"},"commonAnnotations":%s,"alerts":[
		{"status":"resolved","labels":{"instance":"db0","severity":"critical"},"annotations":{"summary":"Zero"}},
		{"status":"firing","labels":{"instance":"db1","severity":"info"},"annotations":{"summary":"One"}},
		{"status":"firing","labels":{"instance":"db2","severity":"error","service":"database"},"annotations":{"summary":"Two"}}]}`
	for common, want := range map[string]string{`{}`: "One and 1 more", `{"summary":"All"}`: "All (2 firing)"} {
		got, odd := parseAlertmanager(fmt.Appendf(nil, body, common), "", true)
		if odd != "" || len(got) != 1 {
			t.Fatalf("%q %+v", odd, got)
		}
		a := got[0]
		wantWhole(t, a)
		if a.Summary != want || a.Severity != engine.Major || a.Service != "database" || !strings.HasPrefix(a.Details, "- One\n- Two\n\ncluster: db") {
			t.Errorf("got %+v", what(a))
		}
	}
}

// Only 5xx makes Alertmanager try again.
func TestAlertmanagerNotStored(t *testing.T) {
	d := newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantRefusal(t, d.post("/v1/alertmanager", "", strings.NewReader(captured(t, 1))), 503, "not-stored", "")
	wantRefusal(t, d.post("/v1/alertmanager", "", strings.NewReader("?")), 503, "not-stored", "")
	if strings.Contains(d.log.String(), "Disk full") {
		t.Errorf("the log has the alert: %s", d.log)
	}
}

func TestLargeFromAlertmanager(t *testing.T) {
	d := newDesk(nil)
	large := `{"groupKey":"g","alerts":[{"labels":{"alertname":"Down","x":"` + strings.Repeat("x", 4<<20) + `"}}]}`
	if w := d.post("/v1/alertmanager", "", strings.NewReader(large)); w.Code != 202 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	wantWhole(t, d.got[0])
	if d.got[0].Summary != "Down" || len(d.got[0].Raw) != maxRaw {
		t.Errorf("summary %q, raw %d", d.got[0].Summary, len(d.got[0].Raw))
	}

	body := bytes.NewReader(bytes.Repeat([]byte("x"), 6<<20))
	w := d.post("/v1/alertmanager", "", body)
	a := d.got[1]
	wantWhole(t, a)
	if w.Code != 202 || a.Summary != "Alertmanager sent more than 5 MiB at once" || len(a.Raw) != maxRaw || body.Len() != 0 {
		t.Errorf("%d %s: %q, raw %d, %d bytes not read", w.Code, w.Body, a.Summary, len(a.Raw), body.Len())
	}
}

func FuzzAlertmanager(f *testing.F) {
	for i := 1; i <= 3; i++ {
		f.Add([]byte(captured(f, i)), i == 1)
	}
	for _, seed := range []string{"", "[", `{"alerts":[null]}`, `{"status":"resolved","groupKey":"g","alerts":null}`,
		`{"alerts":[{"labels":{"\u0000":1}}],"truncatedAlerts":9e99}`} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, perGroup bool) {
		alerts, _ := parseAlertmanager(body, "", perGroup)
		for _, a := range alerts {
			wantWhole(t, a)
		}
		if len(alerts) > 0 {
			return
		}
		var v struct{ Status string }
		if proper := mend(body); json.Unmarshal(proper, &v) != nil || !isResolved(v.Status) {
			t.Errorf("nobody is paged for %q", body)
		}
	})
}
