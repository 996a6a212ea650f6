package intake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// fromContactPoint is what Grafana 12 sends of two alerts, one of them over.
const fromContactPoint = `{"receiver":"pager","status":"firing","alerts":[
{"status":"firing","labels":{"alertname":"High latency","grafana_folder":"Shop","severity":"critical","zone":"eu"},
 "annotations":{"summary":"Checkout takes 22 s","runbook_url":"https://wiki.example/latency"},"startsAt":"2026-08-22T08:24:30Z","endsAt":"0001-01-01T00:00:00Z",
 "generatorURL":"https://grafana.example/alerting/grafana/be9cnp/view?orgId=1","fingerprint":"fac0861a85de433a",
 "silenceURL":"https://grafana.example/alerting/silence/new?alertmanager=grafana&orgId=1","dashboardURL":"https://grafana.example/d/abcd?orgId=1",
 "panelURL":"https://grafana.example/d/abcd?orgId=1&viewPanel=2","imageURL":"https://grafana.example/i/1.png","ruleUID":"be9cnp",
 "values":{"B":22.5,"C":1},"valueString":"[ var='B' labels={zone=eu} value=22.5 ]","orgId":1,"enrichments":null},
{"status":"resolved","labels":{"alertname":"High latency","grafana_folder":"Shop","zone":"us"},"annotations":{},"startsAt":"2026-08-22T08:00:00Z",
 "endsAt":"2026-08-22T08:25:00Z","generatorURL":"","fingerprint":"fab6861a85d5eeb5","silenceURL":"","dashboardURL":"","panelURL":"","values":null,
 "valueString":"[ var='B' labels={zone=us} value=1.5 ]","orgId":1}],
"groupLabels":{"alertname":"High latency","grafana_folder":"Shop"},"commonLabels":{"alertname":"High latency","grafana_folder":"Shop"},"commonAnnotations":{},
"externalURL":"https://grafana.example/","appVersion":"12.1.0","version":"1","groupKey":"{}:{alertname=\"High latency\"}","truncatedAlerts":0,"orgId":1,
"title":"[FIRING:1, RESOLVED:1] High latency Shop","state":"alerting","message":"**Firing**\n\nValue: B=22.5"}`

func TestGrafanaAlerts(t *testing.T) {
	got, odd := fromGrafana.parsed([]byte(fromContactPoint), true, "shop", false)
	if odd != "" || len(got) != 2 {
		t.Fatalf("%q: %+v", odd, got)
	}
	want := engine.Alert{
		Action: engine.Trigger, Service: "shop", Severity: engine.Critical, Word: "critical", Summary: "Checkout takes 22 s", DedupKey: "fac0861a85de433a",
		Details: "B = 22.5\nC = 1\n\nalertname: High latency\ngrafana_folder: Shop\nruleUID: be9cnp\nseverity: critical\nzone: eu\n\n" +
			"runbook_url: https://wiki.example/latency\nsummary: Checkout takes 22 s",
		Links: []engine.Link{
			{Href: "https://grafana.example/alerting/grafana/be9cnp/view?orgId=1", Text: "Source"},
			{Href: "https://grafana.example/d/abcd?orgId=1", Text: "Dashboard"},
			{Href: "https://grafana.example/d/abcd?orgId=1&viewPanel=2", Text: "Panel"},
			{Href: "https://grafana.example/i/1.png", Text: "Image"},
			{Href: "https://grafana.example/alerting/silence/new?alertmanager=grafana&orgId=1", Text: "Silence"},
			{Href: "https://wiki.example/latency", Text: "Runbook"},
			{Href: "https://grafana.example/", Text: "Grafana"},
		},
		Labels: map[string]string{"alertname": "High latency", "grafana_folder": "Shop", "severity": "critical", "zone": "eu", "ruleUID": "be9cnp"},
		At:     time.Date(2026, 8, 22, 8, 24, 30, 0, time.UTC),
	}
	if one := what(got[0]); !reflect.DeepEqual(one, want) {
		t.Errorf("got  %+v\nwant %+v", one, want)
	}
	over := got[1]
	if over.Action != engine.Resolve || over.Severity != engine.Major || over.Word != "" || over.Summary != "High latency" ||
		!strings.HasPrefix(over.Details, "[ var='B' labels={zone=us} value=1.5 ]") || over.At.Minute() != 25 {
		t.Errorf("got %+v", over)
	}
	for _, a := range got {
		wantWhole(t, a)
		if a.Source != "grafana" || len(a.Raw) == 0 || !strings.Contains(fromContactPoint, string(a.Raw)) {
			t.Errorf("from %q, raw %s", a.Source, a.Raw)
		}
	}
}

func TestGrafanaGroup(t *testing.T) {
	got, odd := fromGrafana.parsed([]byte(fromContactPoint), true, "", true)
	if odd != "" || len(got) != 1 {
		t.Fatalf("%q: %+v", odd, got)
	}
	a := got[0]
	wantWhole(t, a)
	if a.Action != engine.Trigger || a.Summary != "[FIRING:1, RESOLVED:1] High latency Shop" || a.DedupKey != hash([]byte(`{}:{alertname="High latency"}`)) ||
		a.Severity != engine.Critical || a.Word != "critical" || a.Labels["grafana_folder"] != "Shop" ||
		!strings.HasPrefix(a.Details, "- Checkout takes 22 s\n\n**Firing**\n\nValue: B=22.5\n\nalertname: High latency") {
		t.Errorf("got %+v", what(a))
	}
	over := strings.NewReplacer(`"firing"`, `"resolved"`, `"alerting"`, `"ok"`).Replace(fromContactPoint)
	if got, _ := fromGrafana.parsed([]byte(over), true, "", true); got[0].Action != engine.Resolve {
		t.Errorf("the group is over: %+v", what(got[0]))
	}
	// Grafana works out the state from what "Max Alerts" left.
	some := strings.Replace(over, `"truncatedAlerts":0`, `"truncatedAlerts":4`, 1)
	if got, _ := fromGrafana.parsed([]byte(some), true, "", true); got[0].Action != engine.Trigger || !strings.Contains(got[0].Details, "4 more alerts were cut off by Max Alerts") {
		t.Errorf("a group is over of which alerts were cut off: %+v", what(got[0]))
	}
	each, _ := fromGrafana.parsed([]byte(some), true, "", false)
	if last := each[len(each)-1]; len(each) != 3 || last.Action != engine.Trigger || !strings.Contains(last.Summary, "were cut off by Grafana's Max Alerts") {
		t.Errorf("got %+v", each)
	}
}

// A contact point's own template may send anything; somebody is told.
func TestGrafanaTemplateOfOnesOwn(t *testing.T) {
	for _, body := range []string{"", "down", `{"text":"down"}`, `{"alerts":"down"}`, `{"state":"ok","title":"Checkout"}`, `[]`, "\x00\xff"} {
		got, odd := fromGrafana.parsed([]byte(body), true, "shop", false)
		if odd == "" || len(got) != 1 {
			t.Fatalf("%q: %q %+v", body, odd, got)
		}
		wantWhole(t, got[0])
		if a := got[0]; a.Summary != "Grafana sent something Rouse could not read" || a.Action != engine.Trigger || a.Service != "shop" ||
			a.Source != "grafana" || string(a.Raw) != body || !strings.Contains(a.Details, "payload template") {
			t.Errorf("%q: %+v", body, a)
		}
	}
}

// keyring knows senders by their keys.
type keyring map[string]Sender

func (k keyring) Sender(_ context.Context, key string) (Sender, error) {
	s, ok := k[key]
	if !ok {
		return Sender{}, ErrUnknownKey
	}
	return s, nil
}

// ask sends a request with the path's last part as its {key}, where the target has one behind "key=".
func ask(serve http.HandlerFunc, method, target string, header http.Header, body io.Reader) *httptest.ResponseRecorder {
	target, key, _ := strings.Cut(target, " key=")
	r := httptest.NewRequest(method, target, body)
	r.SetPathValue("key", key)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	serve(w, r)
	return w
}

func sign(secret, stamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	if stamp != "" {
		stamp += ":"
	}
	mac.Write([]byte(stamp + body))
	return hex.EncodeToString(mac.Sum(nil))
}

// What Grafana signs "test message" with under "secret", without a time and at 1700000000.
func TestGrafanaSignatureIsGrafanas(t *testing.T) {
	for _, tt := range []struct{ stamp, signature string }{
		{"", "3bcebf43c85d20bba6e3b6ba278af1d2ba3ab0d57de271b0ad30b833e851c5a6"},
		{"1700000000", "36fa366a807205a13fc507ea4413374566ad5808c7ca7653f94d121fe5e64c2d"},
	} {
		header := http.Header{}
		header.Set("X-Grafana-Alerting-Timestamp", tt.stamp)
		header.Set("X-Grafana-Alerting-Signature", tt.signature)
		s, err := newSignature(header, Sender{Secret: []byte("secret")}, time.Unix(1700000000, 0))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(s.of, "test message")
		if err := s.check(); err != nil {
			t.Errorf("at %q: %v", tt.stamp, err)
		}
	}
}

func TestGrafanaSignature(t *testing.T) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	ago := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(-d).Unix(), 10) }
	const signed, at = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"
	named := `{"signature_header":"X-Sealed","timestamp_header":"X-Sealed-At"}`
	body := fromContactPoint
	for _, tt := range []struct {
		name, settings string
		header         []string // names and values
		refused        string   // "" is not
	}{
		{"signed", "", []string{signed, sign("s3cret", "", body)}, ""},
		{"in capitals", "", []string{signed, strings.ToUpper(sign("s3cret", "", body))}, ""},
		{"by the first version that signs", "{}", []string{"X-Grafana-Alert-Signature", sign("s3cret", "", body)}, ""},
		{"with a time", "", []string{signed, sign("s3cret", now, body), at, now}, ""},
		{"4 minutes old", "", []string{signed, sign("s3cret", ago(4*time.Minute), body), at, ago(4 * time.Minute)}, ""},
		{"headers of one's own", named, []string{"X-Sealed", sign("s3cret", now, body), "X-Sealed-At", now}, ""},
		{"not signed", "", nil, "it has no X-Grafana-Alerting-Signature"},
		{"another secret", "", []string{signed, sign("s3cret2", "", body)}, "is not that of the body"},
		{"another body", "", []string{signed, sign("s3cret", "", body+" ")}, "is not that of the body"},
		{"half of it", "", []string{signed, sign("s3cret", "", body)[:32]}, "is not that of the body"},
		{"not hex", "", []string{signed, "sha256=" + sign("s3cret", "", body)}, "is not that of the body"},
		{"a time that is not signed", "", []string{signed, sign("s3cret", "", body), at, now}, "is not that of the body"},
		{"another time", "", []string{signed, sign("s3cret", ago(time.Minute), body), at, now}, "is not that of the body"},
		{"10 minutes old", "", []string{signed, sign("s3cret", ago(10*time.Minute), body), at, ago(10 * time.Minute)}, "is more than 5m0s off"},
		{"10 minutes ahead", "", []string{signed, sign("s3cret", ago(-10*time.Minute), body), at, ago(-10 * time.Minute)}, "is more than 5m0s off"},
		{"a time that is none", "", []string{signed, sign("s3cret", "now", body), at, "now"}, "is not a time"},
		{"a time beyond all times", "", []string{signed, sign("s3cret", "9223372036854775807", body), at, "9223372036854775807"}, "is more than 5m0s off"},
		{"a time is needed, and left out", named, []string{"X-Sealed", sign("s3cret", "", body)}, "has no X-Sealed-At"},
		{"a header of another name is needed", named, []string{signed, sign("s3cret", now, body), at, now}, "has no X-Sealed"},
		{"the older name does not count for it", named, []string{"X-Grafana-Alert-Signature", sign("s3cret", now, body), "X-Sealed-At", now}, "has no X-Sealed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			d.h.keys = keyring{"k": {Prefix: "k", Service: "shop", Secret: []byte("s3cret"), Settings: []byte(tt.settings)}}
			header := http.Header{}
			for i := 0; i < len(tt.header); i += 2 {
				header.Set(tt.header[i], tt.header[i+1])
			}
			for _, method := range []string{"POST", "PUT"} {
				w := ask(d.h.Grafana, method, "/v1/grafana/k key=k", header, strings.NewReader(body))
				if tt.refused == "" && (w.Code != 202 || len(d.got) == 0) {
					t.Errorf("%d %s", w.Code, w.Body)
				} else if tt.refused != "" {
					wantRefusal(t, w, 401, "unauthorized", tt.refused)
				}
			}
			if tt.refused != "" && len(d.got) != 0 {
				t.Error("something was stored")
			}
			for name, serve := range map[string]http.HandlerFunc{"OnCall": d.h.OnCallGrafana, "GoAlert": d.h.GoAlertGrafana} {
				if w := ask(serve, "POST", "/ key=k", header, strings.NewReader(body)); (w.Code < 300) != (tt.refused == "") || w.Code >= 500 {
					t.Errorf("at %s's address: %d %s", name, w.Code, w.Body)
				}
			}
		})
	}
}

// What is longer than is read is signed, too.
func TestGrafanaSignatureOfWhatIsTooLong(t *testing.T) {
	body := fromContactPoint + strings.Repeat(" ", maxNotification)
	for secret, want := range map[string]int{"s3cret": 202, "other": 401} {
		d := newDesk(nil)
		d.h.keys = keyring{"k": {Secret: []byte("s3cret")}}
		w := ask(d.h.Grafana, "POST", "/ key=k", http.Header{"X-Grafana-Alerting-Signature": {sign(secret, "", body)}}, strings.NewReader(body))
		if w.Code != want || (want == 202) != (len(d.got) == 3) {
			t.Errorf("%s: %d %s, %d alerts", secret, w.Code, w.Body, len(d.got))
		}
	}
}

func TestSettingsThatCannotBeReadAreNoSignature(t *testing.T) {
	d := newDesk(nil)
	d.h.keys = keyring{"k": {Secret: []byte("s3cret"), Settings: []byte(`{"timestamp_header":7}`)}}
	header := http.Header{"X-Grafana-Alerting-Signature": {sign("s3cret", "", fromContactPoint)}}
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=k", header, strings.NewReader(fromContactPoint)), 503, "unavailable", "")
}

func TestGrafanaSettings(t *testing.T) {
	for settings, want := range map[string][]string{
		``:   nil,
		`{}`: nil,
		`{"signature_header":"X-Sealed","timestamp_header":"X-Sealed-At"}`: nil,
		`{"signature_header":"X Sealed"}`:                                  {"/settings/signature_header"},
		`{"signature_header":"X\r\nY","timestamp_header":5}`:               {"/settings/signature_header", "/settings/timestamp_header"},
		`{"secret":"x"}`:        {"/settings/secret"},
		`["X-Sealed"]`:          {"/settings"},
		`{"signature_header":"`: {"/settings"},
	} {
		err := CheckSettings("grafana", []byte(settings))
		wrong, _ := errors.AsType[rosters.FieldErrors](err)
		var got []string
		for _, w := range wrong {
			got = append(got, w.Field)
		}
		if !reflect.DeepEqual(got, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", settings, err, want)
		}
	}
}

func TestGrafanaRefusals(t *testing.T) {
	d := newDesk(nil)
	d.h.keys = keyring{"k": {}, "other": {}}
	wantRefusal(t, ask(d.h.Grafana, "POST", "/v1/grafana", nil, strings.NewReader(fromContactPoint)), 401, "unauthorized", "carries no key")
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=wrong", nil, strings.NewReader(fromContactPoint)), 401, "unauthorized", "not known")
	d.h.keys = keyring{"k": {Prefix: "rouse_ab", Dialect: "jira"}}
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=k", nil, strings.NewReader(fromContactPoint)), 403, "forbidden", "for the dialect jira alone")
	d.h.keys = fakeKeys{fail: errors.New("no database")}
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=k", nil, strings.NewReader(fromContactPoint)), 503, "unavailable", "")
	d = newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=key-of-shop", nil, strings.NewReader(fromContactPoint)), 503, "not-stored", "")
	wantRefusal(t, ask(d.h.Grafana, "POST", "/ key=key-of-shop", nil, brokenReader{}), 503, "not-stored", "broke off")
}

func FuzzGrafana(f *testing.F) {
	f.Add([]byte(fromContactPoint), "secret", "", true)
	f.Add([]byte(fromContactPoint[:700]), "", "1700000000", false)
	f.Add([]byte(`{"version":"1","title":"\u0001","alerts":[{"values":5}],"truncatedAlerts":"9223372036854775807"}`), "x", "now", true)
	f.Fuzz(func(t *testing.T, body []byte, secret, stamp string, perGroup bool) {
		d := newDesk(nil)
		now := time.Now()
		if stamp != "" {
			stamp = fmt.Sprint(now.Unix())
		}
		d.h.keys = keyring{"k": {Secret: []byte(secret)}}
		header := http.Header{"X-Grafana-Alerting-Signature": {sign(secret, stamp, string(body))}}
		if stamp != "" {
			header.Set("X-Grafana-Alerting-Timestamp", stamp)
		}
		target := "/?per=alert key=k"
		if perGroup {
			target = "/?per=group key=k"
		}
		if w := ask(d.h.Grafana, "POST", target, header, bytes.NewReader(body)); w.Code != 202 {
			t.Errorf("authentic, and %d %s", w.Code, w.Body)
		}
		wantLittle(t, d.got, body)
		for _, a := range d.got {
			wantWhole(t, a)
		}
		header.Set("X-Grafana-Alerting-Signature", sign(secret+"x", stamp, string(body)))
		before := len(d.got)
		if w := ask(d.h.Grafana, "POST", target, header, bytes.NewReader(body)); w.Code != 401 || len(d.got) > before {
			t.Errorf("not authentic, and %d %s", w.Code, w.Body)
		}
	})
}
