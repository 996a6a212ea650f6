package intake

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// What Uptime Kuma 2 says of a monitor that is down, and of the same one when it is up.
const (
	kumaBeatDown = `{"monitorID":5,"status":0,"time":"2026-08-22 08:24:38.123","msg":"connect ECONNREFUSED 10.0.0.7:443","ping":null,"important":true,"duration":61,` +
		`"retries":0,"timezone":"Europe/Berlin","timezoneOffset":"+02:00","localDateTime":"2026-08-22 10:24:38"}`
	kumaBeatUp  = `{"monitorID":5,"status":1,"time":"2026-08-22 08:30:00","msg":"200 - OK","ping":12,"important":true,"duration":60}`
	kumaMonitor = `{"id":5,"name":"Web Shop","description":null,"type":"http","url":"https://shop.example/","hostname":null,"port":null,"interval":60,` +
		`"tags":[{"tag_id":1,"monitor_id":5,"value":"critical","name":"severity","color":"#f00"},{"tag_id":2,"value":"","name":"eu"},{"tag_id":3,"value":"Shop","name":"service"}]}`
	kumaDown = `{"heartbeat":` + kumaBeatDown + `,"monitor":` + kumaMonitor + `,"msg":"[Web Shop] [🔴 Down] connect ECONNREFUSED 10.0.0.7:443"}`
	kumaUp   = `{"heartbeat":` + kumaBeatUp + `,"monitor":` + kumaMonitor + `,"msg":"[Web Shop] [✅ Up] 200 - OK"}`
	kumaTest = `{"heartbeat":null,"monitor":null,"msg":"Rouse Testing"}`
)

func parseKumaJSON(body string) engine.Alert {
	return parseKuma("application/json", []byte(body), true, Sender{}, "")
}

func TestKumaDown(t *testing.T) {
	a := parseKumaJSON(kumaDown)
	wantWhole(t, a)
	want := engine.Alert{
		Action: engine.Trigger, Service: "shop", Severity: engine.Critical, Word: "critical", DedupKey: "kuma/5",
		Summary: "Web Shop is down: connect ECONNREFUSED 10.0.0.7:443",
		Details: "[Web Shop] [🔴 Down] connect ECONNREFUSED 10.0.0.7:443\n\nconnect ECONNREFUSED 10.0.0.7:443\n\n" +
			"id: 5\nname: Web Shop\ntag:eu: \ntag:service: Shop\ntag:severity: critical\ntype: http\nurl: https://shop.example/",
		Links:  []engine.Link{{Href: "https://shop.example/", Text: "Web Shop"}},
		Labels: map[string]string{"id": "5", "name": "Web Shop", "type": "http", "url": "https://shop.example/", "tag:eu": "", "tag:service": "Shop", "tag:severity": "critical"},
		At:     time.Date(2026, 8, 22, 8, 24, 38, 123e6, time.UTC),
	}
	if got := what(a); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if string(a.Raw) != kumaDown || a.Source != "uptime-kuma" {
		t.Errorf("from %q, raw %s", a.Source, a.Raw)
	}
}

func TestKumaStates(t *testing.T) {
	beat := func(members string) string {
		return `{"heartbeat":{` + members + `},"monitor":{"id":5,"name":"Web"},"msg":"m"}`
	}
	for _, tt := range []struct {
		name, body string
		action     engine.Action
		severity   engine.Severity
		dedup      string
		summary    string
	}{
		{"down", beat(`"status":0,"msg":"no"`), engine.Trigger, 2, "kuma/5", "Web is down: no"},
		{"up", kumaUp, engine.Resolve, 1, "kuma/5", "Web Shop is up: 200 - OK"},
		{"pending", beat(`"status":2,"msg":"no"`), engine.Record, 2, "kuma/5", "Web is pending: no"},
		{"under maintenance", beat(`"status":3,"msg":""`), engine.Record, 2, "kuma/5", "Web is under maintenance"},
		{"a status as a text", beat(`"status":"1","msg":"yes"`), engine.Resolve, 2, "kuma/5", "Web is up: yes"},
		{"a status that is not known", beat(`"status":9,"msg":"?"`), engine.Trigger, 2, "kuma/5", "Web is down: ?"},
		{"no status", beat(`"msg":"?"`), engine.Trigger, 2, "kuma/5", "Web is down: ?"},
		{"the button Test", kumaTest, engine.Trigger, 3, "kuma/notice/" + hash([]byte("Rouse Testing")), "Rouse Testing"},
		{"a certificate", `{"heartbeat":null,"monitor":null,"msg":"[Web][https://a/] server certificate a will expire in 14 days"}`, engine.Trigger, 3,
			"kuma/notice/" + hash([]byte("[Web][https://a/] server certificate a will expire in 14 days")), "[Web][https://a/] server certificate a will expire in 14 days"},
		{"a heartbeat that cannot be read", `{"heartbeat":"{stat","monitor":{"id":5,"name":"Web"},"msg":"m"}`, engine.Trigger, 2, "kuma/5", "Web is down"},
		{"a heartbeat that is none", `{"heartbeat":[0],"monitor":{"id":5,"name":"Web"},"msg":"m"}`, engine.Trigger, 2, "kuma/5", "Web is down"},
		{"no heartbeat in a form", "msg=m&heartbeat=null&monitor=null", engine.Trigger, 3, "kuma/notice/" + hash([]byte("m")), "m"},
		{"no monitor", `{"heartbeat":{"monitorID":7,"status":1},"msg":"up"}`, engine.Resolve, 2, "kuma/7", "up"},
		{"a monitor without a number", `{"heartbeat":{"status":0},"monitor":{"name":"Web"},"msg":"m"}`, engine.Trigger, 2, "kuma/name/Web", "Web is down"},
		{"a heartbeat alone", `{"heartbeat":{"status":0}}`, engine.Trigger, 2, "kuma/text/" + hash(nil), "Uptime Kuma: a monitor is down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := parseKumaJSON(tt.body)
			wantWhole(t, a)
			if a.Action != tt.action || a.Severity != tt.severity || a.DedupKey != tt.dedup || a.Summary != tt.summary {
				t.Errorf("got %+v", what(a))
			}
		})
	}
}

// Two Kumas count their monitors alike.
func TestKumaInstances(t *testing.T) {
	d := newDesk(nil)
	for _, target := range []string{"/v1/uptime-kuma?instance=a key=key-of-shop", "/v1/uptime-kuma?instance=b key=key-of-shop"} {
		ask(d.h.UptimeKuma, "POST", target, nil, strings.NewReader(kumaDown))
	}
	if d.got[0].DedupKey != "kuma/a/5" || d.got[1].DedupKey != "kuma/b/5" {
		t.Errorf("%q and %q", d.got[0].DedupKey, d.got[1].DedupKey)
	}
}

// In whatever form Kuma is set to send it, it is the same.
func TestKumaForms(t *testing.T) {
	var parts bytes.Buffer
	form := multipart.NewWriter(&parts)
	_ = form.WriteField("data", kumaDown)
	_ = form.Close()
	query := url.Values{"msg": {"[Web Shop] [🔴 Down] connect ECONNREFUSED 10.0.0.7:443"}, "heartbeat": {kumaBeatDown}, "monitor": {kumaMonitor}}.Encode()
	want := what(parseKumaJSON(kumaDown))
	for _, tt := range []struct{ name, method, query, kind, body string }{
		{"JSON", "POST", "", "application/json", kumaDown},
		{"JSON, put", "PUT", "", "", kumaDown},
		{"JSON as curl sends it", "POST", "", "application/x-www-form-urlencoded", kumaDown},
		{"a form of parts", "POST", "", form.FormDataContentType(), parts.String()},
		{"a form of parts that does not say so", "POST", "", "", parts.String()},
		{"a form", "POST", "", "application/x-www-form-urlencoded", url.Values{"data": {kumaDown}}.Encode()},
		{"parameters", "GET", query, "", ""},
		{"parameters, and the key", "GET", query + "&token=key-of-", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			header := http.Header{"Content-Type": {tt.kind}, "Authorization": {"Bearer key-of-"}}
			w := ask(d.h.UptimeKuma, tt.method, "/v1/uptime-kuma?"+tt.query, header, strings.NewReader(tt.body))
			if w.Code != 202 || len(d.got) != 1 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if got := what(d.got[0]); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if raw := string(d.got[0].Raw); raw == "" || strings.Contains(raw, "key-of-") {
				t.Errorf("raw is %q", raw)
			}
		})
	}
}

func TestOddFromKuma(t *testing.T) {
	for _, body := range []string{"", "{}", `{"text":"down"}`, "down", `{"heartbeat":"x","msg":""}`, `{"data":"{"}`, "data=", "[]", "\xff\x00", strings.Repeat("[", 1000)} {
		a := parseKumaJSON(body)
		wantWhole(t, a)
		if a.Summary != "Uptime Kuma sent something Rouse could not read" || a.Action != engine.Trigger || a.Source != "uptime-kuma" || string(a.Raw) != body {
			t.Errorf("%q: %+v", body, a)
		}
	}
}

func TestBeginningOfAKumaWebhook(t *testing.T) {
	long := strings.Replace(kumaDown, `"msg":"[Web`, `"msg":"`+strings.Repeat("m", maxBody)+`[Web`, 1)
	d := newDesk(nil)
	ask(d.h.UptimeKuma, "POST", "/ key=key-of-", nil, strings.NewReader(long))
	a := d.got[0]
	wantWhole(t, a)
	if a.DedupKey != "kuma/5" || a.Summary != "Web Shop is down: connect ECONNREFUSED 10.0.0.7:443" || !strings.Contains(a.Details, "longer than 512 KiB") {
		t.Errorf("got %q %q", a.DedupKey, a.Summary)
	}
}

func TestKumaAnswers(t *testing.T) {
	d := newDesk(nil)
	w := ask(d.h.UptimeKuma, "POST", "/ key=key-of-shop", nil, strings.NewReader(kumaDown))
	if got := strings.TrimSpace(w.Body.String()); w.Code != 202 || got != `{"alerts":[{"key":"HOT-1","outcome":"opened","dedup_key":"kuma/5"}]}` {
		t.Errorf("%d %s", w.Code, got)
	}
	wantRefusal(t, ask(d.h.UptimeKuma, "GET", "/?msg=x key=wrong", nil, nil), 401, "unauthorized", "not known")
	wantRefusal(t, ask(d.h.UptimeKuma, "POST", "/ key=key-of-shop", nil, brokenReader{}), 503, "not-stored", "broke off")
	d = newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantRefusal(t, ask(d.h.UptimeKuma, "POST", "/ key=key-of-shop", nil, strings.NewReader(kumaDown)), 503, "not-stored", "")
}

func FuzzKuma(f *testing.F) {
	for _, seed := range []string{kumaDown, kumaUp, kumaTest, "data=%7B%22msg%22%3A%22x%22%7D", "msg=x&heartbeat=%7B%22status%22%3A1%7D", `{"msg":"\u0001"}`,
		`{"heartbeat":{"status":[]},"monitor":{"tags":[{"name":{},"value":1}],"name":"\u0001","url":"javascript:x"}}`} {
		f.Add("", []byte(seed), true, "")
		f.Add("multipart/form-data; boundary=b", []byte(seed), false, "a")
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte, whole bool, instance string) {
		a := parseKuma(kind, body, whole, Sender{}, instance)
		wantWhole(t, a)
		wantLittle(t, []engine.Alert{a}, append(body, instance...))
		if a.DedupKey == "" {
			t.Errorf("%q opens an incident each time that it is sent", body)
		}
	})
}
