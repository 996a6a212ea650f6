package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

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
			{{"HOT-1", pager.Opened, db1, "", ""}, {"HOT-2", pager.Opened, db2, "", ""}},
			{{"HOT-1", pager.Closed, db1, "", ""}, {"HOT-2", pager.Joined, db2, "", ""}},
			{{"HOT-2", pager.Closed, db2, "", ""}},
		}},
		{"/v1/alertmanager?per=group", [][]received{
			{{"HOT-1", pager.Opened, group, "", ""}},
			{{"HOT-1", pager.Joined, group, "", ""}},
			{{"HOT-1", pager.Closed, group, "", ""}},
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

// parsed is what becomes of a notification, and what is in doubt of it.
func (from system) parsed(body []byte, whole bool, bound engine.ServiceID, perGroup bool) ([]engine.Alert, string) {
	alerts := from.parse(body, whole, Sender{Service: bound}, perGroup)
	return alerts, strings.Join(doubtsOf(alerts), " ")
}

func parseAlertmanager(body []byte, bound engine.ServiceID, perGroup bool) ([]engine.Alert, string) {
	return fromAlertmanager.parsed(body, true, bound, perGroup)
}

func TestAlertmanagerAlert(t *testing.T) {
	alerts, odd := parseAlertmanager([]byte(captured(t, 1)), "", false)
	if odd != "" {
		t.Error(odd)
	}
	want := engine.Alert{
		Action: engine.Trigger, Severity: engine.Critical, Word: "critical", Summary: "Disk full on db1 – ünïcode", DedupKey: "555f7fc92c40d4f5",
		Details: "alertname: DiskFull\nclass: storage\ncluster: db\ncomponent: disk\ninstance: db1\nseverity: critical\n\n" +
			"description: line1\nline2 95% <b>x</b>\nsummary: Disk full on db1 – ünïcode",
		Links:  []engine.Link{{Href: "http://prom.test/graph", Text: "Source"}, {Href: "http://vm:19793", Text: "Alertmanager"}},
		Labels: map[string]string{"alertname": "DiskFull", "class": "storage", "cluster": "db", "component": "disk", "instance": "db1", "severity": "critical"},
		At:     time.Date(2026, 11, 20, 17, 11, 34, 745046022, time.UTC),
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
	group, _ := parseAlertmanager([]byte(captured(t, 1)), "", true)
	if got := group[0]; got.Word != "critical" || got.Labels["class"] != "storage" || got.Labels["instance"] != "" {
		t.Errorf("a group has its common labels; got %q %v", got.Word, got.Labels)
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
		{"an inhibitor is an alert like others", `"labels":{"alertname":"InfoInhibitor","severity":"none"}`, "", "",
			func(a engine.Alert) bool {
				return a.Action == engine.Trigger && a.Severity == engine.Minor && a.Word == "none"
			}},
		{"the word as it was sent", `"labels":{"severity":" SEV-1 "}`, "", "",
			func(a engine.Alert) bool { return a.Severity == engine.Critical && a.Word == " SEV-1 " }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, odd := parseAlertmanager([]byte(`{"alerts":[{`+tt.alert+`}]`+tt.top+`}`), tt.bound, false)
			if doubted := strings.Contains(odd, `The status "smouldering" is unknown: taken as trigger.`); len(got) != 1 || doubted != (tt.name == "unknown status") {
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

// The Watchdog is a sign of life, and pages nobody, whatever it stands among.
func TestWatchdog(t *testing.T) {
	const dog = `{"status":"%s","fingerprint":"w%s","startsAt":"2026-08-22T08:24:38Z","labels":{"alertname":"Watchdog","severity":"none","cluster":"%[2]s"}}`
	const disk = `{"status":"%s","fingerprint":"d","labels":{"alertname":"DiskFull","severity":"critical"}}`
	fires, over := fmt.Sprintf(dog, "firing", "eu"), fmt.Sprintf(dog, "resolved", "us")
	full, free := fmt.Sprintf(disk, "firing"), fmt.Sprintf(disk, "resolved")
	for _, tt := range []struct {
		name, top, alerts string
		each, group       string // action, and key or cluster
	}{
		{"alone", `"status":"firing"`, fires, "ping eu", "ping eu"},
		{"of two clusters", `"status":"firing"`, fires + "," + fmt.Sprintf(dog, "firing", "us"), "ping eu, ping us", "ping eu, ping us"},
		{"over", `"status":"resolved"`, over, "", ""},
		{"over in one cluster", `"status":"firing"`, fires + "," + over, "ping eu", "ping eu"},
		{"among others", `"status":"firing"`, full + "," + fires, "ping eu, trigger d", "ping eu, trigger group"},
		{"among others that are over", `"status":"firing"`, free + "," + fires, "ping eu, resolve d", "ping eu, resolve group"},
		{"over among others that are over", `"status":"resolved"`, over + "," + free, "resolve d", "resolve group"},
		{"some of its kind cut off", `"status":"firing","truncatedAlerts":2,"groupLabels":{"alertname":"Watchdog"}`, fires, "ping eu", "ping eu"},
		{"something cut off", `"status":"resolved","truncatedAlerts":2`, fires, "ping eu, trigger cut-off", "ping eu, trigger group"},
		{"beside what cannot be read", `"status":"firing"`, "7," + fires, "trigger odd, ping eu", "trigger odd, ping eu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"version":"4","groupKey":"g",` + tt.top + `,"alerts":[` + tt.alerts + `]}`
			for per, want := range map[string]string{"alert": tt.each, "group": tt.group} {
				d := newDesk(nil)
				w := d.post("/v1/alertmanager?per="+per, "", strings.NewReader(body))
				var got []string
				for _, a := range d.got {
					wantWhole(t, a)
					key, _, _ := strings.Cut(strings.NewReplacer(hash([]byte("g")), "group", bodyKey("alertmanager", Sender{Key: 1}, []byte(body)), "odd").Replace(a.DedupKey), ":")
					if a.Action == engine.Ping {
						key = a.Labels["cluster"]
						if a.DedupKey != "watchdog" || !a.At.IsZero() || !strings.Contains(string(a.Raw), `"fingerprint":"weu"`) && key == "eu" {
							t.Errorf("the ping is %+v", a)
						}
					}
					got = append(got, string(a.Action)+" "+key)
				}
				if w.Code != 202 || strings.Join(got, ", ") != want {
					t.Errorf("per %s: %d, %q, want %q", per, w.Code, got, want)
				}
			}
		})
	}
}

// What was cut off, or ends in nonsense, is read as far as it goes: whatever fires before pages as itself,
// and something says that there is more.
func TestBeginningOfANotification(t *testing.T) {
	whole := captured(t, 2) // one over, one fires
	behind := strings.Index(whole, `"835fb14ce331dd82"`) + len(`"835fb14ce331dd82"`)
	watch := strings.Replace(whole, `"alerts":[`, `"alerts":[{"status":"firing","labels":{"alertname":"Watchdog"},"fingerprint":"w"},`, 1)
	for _, tt := range []struct {
		name, body string
		read       bool // all of the request
		want       string
		summary    string
	}{
		{"cut off behind the second", whole[:behind], false, "trigger long, resolve 555f7fc92c40d4f5, trigger 835fb14ce331dd82", "more than 5 MiB"},
		{"cut off in its fingerprint", whole[:behind-4], false, "trigger long, resolve 555f7fc92c40d4f5", "more than 5 MiB"},
		{"cut off before its fingerprint", whole[:behind-30], false, "trigger long, resolve 555f7fc92c40d4f5", "more than 5 MiB"},
		{"cut off in the first", whole[:100], false, "trigger long", "more than 5 MiB"},
		{"broken behind", whole[:len(whole)-9], true, "trigger odd, resolve 555f7fc92c40d4f5, trigger 835fb14ce331dd82", "could not read"},
		{"a sign of life before", watch[:len(watch)-9], true, "trigger odd, ping watchdog, resolve 555f7fc92c40d4f5, trigger 835fb14ce331dd82", "could not read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			alerts, why := fromAlertmanager.parsed([]byte(tt.body), tt.read, "", false)
			var got []string
			for i, a := range alerts {
				wantWhole(t, a)
				got = append(got, string(a.Action)+" "+strings.NewReplacer(bodyKey("alertmanager", Sender{}, []byte(tt.body)), "odd", "too-long:alertmanager:0:all", "long").Replace(a.DedupKey))
				if i > 0 && !strings.Contains(tt.body, string(a.Raw)) || len(a.Raw) == 0 {
					t.Errorf("raw is %q", a.Raw)
				}
			}
			if why == "" || strings.Join(got, ", ") != tt.want || !strings.Contains(alerts[0].Summary, tt.summary) {
				t.Errorf("%q: got %q, want %q; %s", why, strings.Join(got, ", "), tt.want, alerts[0].Summary)
			}
			group, _ := fromAlertmanager.parsed([]byte(tt.body), tt.read, "", true)
			if n := len(group); group[0].Action != engine.Trigger || group[n-1].Action == engine.Resolve || n > 2 {
				t.Errorf("per group: %+v", group)
			}
		})
	}
}

func TestMoreAlertsThanAreRead(t *testing.T) {
	one := `{"status":"resolved","labels":{"alertname":"Down","instance":"db1","x":"` + strings.Repeat("x", 100) + `"}}`
	body := `{"status":"resolved","groupKey":"g","alerts":[` + strings.Repeat(one+",", maxNotified+4) + one + `]}`
	each, _ := parseAlertmanager([]byte(body), "", false)
	if last := each[len(each)-1]; len(each) != maxNotified+1 || last.Action != engine.Trigger ||
		last.Summary != "5 more alerts of group g were cut off: 10000 at once are read" {
		t.Errorf("%d alerts, the last is %+v", len(each), last)
	}
	if group, _ := parseAlertmanager([]byte(body), "", true); group[0].Action != engine.Trigger {
		t.Error("a group is over of which not all alerts were read")
	}
}

func TestLabelsAreKeptUpToALimit(t *testing.T) {
	var labels []string
	for i := range 300 {
		labels = append(labels, fmt.Sprintf(`"l%03d":"v"`, i))
	}
	got, _ := parseAlertmanager([]byte(`{"alerts":[{"labels":{`+strings.Join(labels, ",")+`}}]}`), "", false)
	if _, beyond := got[0].Labels["l200"]; len(got[0].Labels) != 200 || got[0].Labels["l199"] != "v" || beyond {
		t.Errorf("%d labels", len(got[0].Labels))
	}
}

// held is about how many bytes alerts hold, each text once.
func held(alerts []engine.Alert) (n int) {
	seen := map[*byte]bool{}
	for _, a := range alerts {
		n += int(unsafe.Sizeof(a)) + len(a.Raw)
		texts := []string{a.Word, a.Summary, a.DedupKey, a.Details, a.Note, a.Once, string(a.Service)}
		for name, value := range a.Labels {
			texts = append(texts, name, value)
		}
		for _, l := range a.Links {
			texts = append(texts, l.Href, l.Text)
		}
		for _, s := range texts {
			if n += int(unsafe.Sizeof(s)); !seen[unsafe.StringData(s)] {
				seen[unsafe.StringData(s)] = true
				n += len(s)
			}
		}
	}
	return n
}

// wantLittle checks that alerts hold little more than their request.
func wantLittle(t *testing.T, alerts []engine.Alert, body []byte) {
	t.Helper()
	if n := held(alerts); n > 16*len(body)+4<<20 {
		t.Errorf("%d alerts of a request of %d bytes hold %d", len(alerts), len(body), n)
	}
}

// A request takes at most sixteen times its length in memory: what was decoded of it (see
// TestBeginningTakesLittleMemory) is dropped before the alerts are handed on.
func TestNotificationsTakeLittleMemory(t *testing.T) {
	fill := func(head, element, tail string) []byte {
		return []byte(head + strings.Repeat(element, (1<<20-len(head)-len(tail))/len(element)) + tail)
	}
	external := `{"externalURL":"http://` + strings.Repeat("a", 1900) + `","groupKey":"g","commonAnnotations":{"summary":"` + strings.Repeat("s", 5000) + `"},"alerts":[`
	for name, body := range map[string][]byte{
		"empty alerts":  fill(external, "{},", "{}]}"),
		"small alerts":  fill(external, `{"labels":{"a":"b"}},`, "{}]}"),
		"common alerts": fill(external, captured(t, 1)[strings.Index(captured(t, 1), `{"status"`):strings.Index(captured(t, 1), `,{"status"`)]+",", "{}]}"),
		"fingerprints":  fill(external, `{"fingerprint":"f"},`, "{}]}"),
		"fewer alerts":  fill(external, `{"fingerprint":"`+strings.Repeat("f", 40)+`"},`, "{}]}"),
		"labels":        fill(`{"alerts":[{"labels":{`, `"a":"b",`, `"c":"d"}}]}`),
		"values":        fill(`{"alerts":[{"values":[`, `1,`, `1]}]}`),
		"line breaks":   fill(`{"alerts":[{"labels":{"a":"`, `\n`, `"}}]}`),
	} {
		for _, perGroup := range []bool{false, true} {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			alerts, _ := fromAlertmanager.parsed(body, true, "", perGroup)
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(body))
			t.Logf("%s, per group %v: %d alerts keep %.1f times its length, %.1f in passing", name, perGroup, len(alerts), kept,
				float64(after.TotalAlloc-before.TotalAlloc)/float64(len(body)))
			if kept > 7 {
				t.Errorf("%s, per group %v: keeps %.1f times its length", name, perGroup, kept)
			}
			wantLittle(t, alerts, body)
			runtime.KeepAlive(body)
		}
	}
}

func FuzzAlertmanager(f *testing.F) {
	for i := 1; i <= 3; i++ {
		f.Add([]byte(captured(f, i)), i == 1, i != 2)
	}
	for _, seed := range []string{"", "[", `{"alerts":[null]}`, `{"status":"resolved","groupKey":"g","alerts":null}`,
		`{"alerts":[{"labels":{"\u0000":1}}],"truncatedAlerts":9e99}`, `{"alerts":[{"status":"resolved","labels":{"alertname":"Watchdog"}}]}`,
		`{"alerts":[{"labels":{"alertname":"Watchdog"}},{"values":{"B":1}}],"version":"1"`} {
		f.Add([]byte(seed), true, true)
	}
	f.Fuzz(func(t *testing.T, body []byte, perGroup, whole bool) {
		alerts, _ := fromAlertmanager.parsed(body, whole, "", perGroup)
		wantLittle(t, alerts, body)
		for _, a := range alerts {
			wantWhole(t, a)
		}
		if len(alerts) > 0 {
			return
		}
		v, _, err := decode(body)
		object, _ := v.(map[string]any)
		n := newNotification(fromAlertmanager, object, Sender{})
		dogs := len(n.alerts) > 0 && !slices.ContainsFunc(n.alerts, func(a *amAlert) bool { return !a.resolved || a.labels["alertname"] != "Watchdog" })
		if err != nil || !whole || !n.resolved() && !dogs {
			t.Errorf("nobody is paged for %q", body)
		}
	})
}
