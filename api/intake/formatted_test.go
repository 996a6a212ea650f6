package intake

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rouse/engine"
)

func TestFormattedWebhook(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body string
		bound            engine.ServiceID
		want             engine.Alert
	}{
		{"as OnCall shows it", "application/json", `{"alert_uid":"08d6891a-835c","title":"The whole system is down","image_url":"https://img.example/cat.jpg",
			"state":"alerting","link_to_upstream_details":"https://up.example/","message":"Something happened\nOh no!"}`, "shop",
			engine.Alert{Action: engine.Trigger, Service: "shop", Severity: engine.Major, Summary: "The whole system is down", DedupKey: "08d6891a-835c",
				Details: "Something happened\nOh no!\n\nalert_uid: 08d6891a-835c\nimage_url: https://img.example/cat.jpg\nlink_to_upstream_details: https://up.example/\nstate: alerting",
				Links:   []engine.Link{{Href: "https://up.example/", Text: "Source"}, {Href: "https://img.example/cat.jpg", Text: "Image"}},
				Labels: map[string]string{"alert_uid": "08d6891a-835c", "image_url": "https://img.example/cat.jpg", "link_to_upstream_details": "https://up.example/",
					"state": "alerting"}}},
		{"over", "application/json", `{"alert_uid":"u","title":"T","state":"Ok"}`, "",
			engine.Alert{Action: engine.Resolve, Severity: engine.Major, Summary: "T", DedupKey: "u", Details: "alert_uid: u\nstate: Ok",
				Labels: map[string]string{"alert_uid": "u", "state": "Ok"}}},
		{"over, in Keep's word", "", `{"alert_uid":"u","title":"T","state":"resolved"}`, "",
			engine.Alert{Action: engine.Resolve, Severity: engine.Major, Summary: "T", DedupKey: "u", Details: "alert_uid: u\nstate: resolved",
				Labels: map[string]string{"alert_uid": "u", "state": "resolved"}}},
		{"acknowledged elsewhere, by nobody", "", `{"title":"T","state":"acknowledged"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "T", DedupKey: "title:T", Details: "state: acknowledged",
				Labels: map[string]string{"state": "acknowledged"}}},
		{"severity and service", "", `{"title":"T","severity":"P1","service":"Web Shop","n":{"a":1},"b":true}`, "",
			engine.Alert{Action: engine.Trigger, Service: "web-shop", Severity: engine.Critical, Word: "P1", Summary: "T", DedupKey: "title:T",
				Details: "b: true\nn: {\n  \"a\": 1\n}\nservice: Web Shop\nseverity: P1", Labels: map[string]string{"b": "true", "service": "Web Shop", "severity": "P1"}}},
		{"a plain webhook without a title", "", `{"message":"disk full\non db1","host":"db1"}`, "shop",
			engine.Alert{Action: engine.Trigger, Service: "shop", Severity: engine.Major, Summary: "disk full",
				DedupKey: bodyKey(sourceFormatted, Sender{}, []byte(`{"message":"disk full\non db1","host":"db1"}`)), Details: "disk full\non db1\n\nhost: db1", Labels: map[string]string{"host": "db1"}}},
		{"nothing that says anything", "", `{"x":1}`, "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Alert without summary", DedupKey: bodyKey(sourceFormatted, Sender{}, []byte(`{"x":1}`)), Details: "x: 1",
				Labels: map[string]string{"x": "1"}}},
		{"a form", "application/x-www-form-urlencoded", "title=Disk+full&state=ok&alert_uid=u%31", "",
			engine.Alert{Action: engine.Resolve, Severity: engine.Major, Summary: "Disk full", DedupKey: "u1", Details: "alert_uid: u1\nstate: ok",
				Labels: map[string]string{"alert_uid": "u1", "state": "ok"}}},
		{"a text", "", `"Disk full"`, "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Disk full", DedupKey: "title:Disk full", Labels: map[string]string{}}},
		{"glued together by a script", "", "{\"title\":\"T\",\"message\":\"a\nb\",}", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "T", DedupKey: "title:T", Details: "a\nb", Labels: map[string]string{}}},
		{"links that are none", "", `{"title":"T","image_url":null,"link_to_upstream_details":"None"}`, "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "T", DedupKey: "title:T",
				Details: "image_url: \nlink_to_upstream_details: None", Labels: map[string]string{"link_to_upstream_details": "None"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := parseFormatted(tt.kind, []byte(tt.body), true, Sender{Service: tt.bound})
			wantWhole(t, a)
			if string(a.Raw) != tt.body || a.Source != "formatted-webhook" {
				t.Errorf("from %q, raw %q", a.Source, a.Raw)
			}
			if a = what(a); len(a.Links) == 0 {
				a.Links = nil
			}
			if !reflect.DeepEqual(a, tt.want) {
				t.Errorf("got  %+v\nwant %+v", a, tt.want)
			}
		})
	}
}

// Uptime Kuma's OnCall provider sends no alert_uid: the monitor's name is all there is.
func TestKumaByWayOfOnCall(t *testing.T) {
	d := newDesk(nil)
	var outcomes []string
	for _, body := range []string{
		`{"title":"Web is down","message":"connect ECONNREFUSED","state":"alerting"}`,
		`{"title":"Database is down","message":"timeout","state":"alerting"}`,
		`{"title":"Web is down","message":"still","state":"alerting"}`,
		`{"title":"Web is up","message":"200 - OK","state":"ok"}`,
		`{"title":"Pressure is up","message":"!","state":"alerting"}`,
		`{"title":"General notification","message":"[Web] certificate expires in 14 days","state":"alerting"}`,
		`{"title":"General notification","message":"[Database] certificate expires in 14 days","state":"alerting"}`,
		`{"title":"General notification","message":"[Web] certificate expires in 14 days","state":"alerting"}`,
	} {
		w := ask(d.h.OnCallFormatted, "POST", "/integrations/v1/formatted_webhook/k/ key=key-of-shop", nil, strings.NewReader(body))
		if w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	for _, a := range d.got {
		outcomes = append(outcomes, a.DedupKey)
	}
	want := []string{"title:Web", "title:Database", "title:Web", "title:Web", "title:Pressure is up", "title:General notification\n[Web] certificate expires in 14 days",
		"title:General notification\n[Database] certificate expires in 14 days", "title:General notification\n[Web] certificate expires in 14 days"}
	if !reflect.DeepEqual(outcomes, want) {
		t.Errorf("got %q", outcomes)
	}
}

func TestOddFormattedWebhook(t *testing.T) {
	for _, tt := range []struct{ name, kind, body string }{
		{"nothing", "", ""},
		{"a number", "", "42"},
		{"an empty object", "", "{}"},
		{"a list", "", `[{"title":"T"}]`},
		{"no JSON", "", "<html>"},
		{"too deep", "", strings.Repeat("[", 1000)},
		{"a form without parts", "multipart/form-data; boundary=b", "--x\r\n\r\n"},
		{"not UTF-8", "", "\xff\x00"},
	} {
		a := parseFormatted(tt.kind, []byte(tt.body), true, Sender{Service: "shop"})
		wantWhole(t, a)
		if a.Summary != "A webhook sent something Rouse could not read" || a.Action != engine.Trigger || a.Service != "shop" || string(a.Raw) != tt.body || a.Source == "" {
			t.Errorf("%s: %+v", tt.name, a)
		}
	}
}

// What is cut off pages with what stood before.
func TestBeginningOfAFormattedWebhook(t *testing.T) {
	for _, body := range []string{
		`{"alert_uid":"u","title":"Disk full","message":"` + strings.Repeat("m", maxBody),
		"alert_uid=u&title=Disk+full&message=" + strings.Repeat("m", maxBody),
		"--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nDisk full\r\n--b\r\nContent-Disposition: form-data; name=\"alert_uid\"\r\n\r\nu\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n" + strings.Repeat("m", maxBody),
	} {
		d := newDesk(nil)
		w := ask(d.h.FormattedWebhook, "POST", "/v1/formatted-webhook key=key-of-", http.Header{}, strings.NewReader(body))
		if w.Code != 202 || len(d.got) != 1 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		a := d.got[0]
		wantWhole(t, a)
		if a.Summary != "Disk full" || a.DedupKey != "u" || !strings.Contains(a.Details, "longer than 512 KiB") || !strings.Contains(a.Details, "mmm") {
			t.Errorf("%.60s: %q %q, …%s", body, a.Summary, a.DedupKey, a.Details[len(a.Details)-200:])
		}
	}
}

func TestOnCallAnswers(t *testing.T) {
	d := newDesk(nil)
	d.h.keys = keyring{"k": {Service: "shop"}, "other": {Prefix: "rouse_ab", Dialect: "jira"}}
	for name, serve := range map[string]http.HandlerFunc{"formatted": d.h.OnCallFormatted, "alertmanager": d.h.OnCallAlertmanager, "grafana": d.h.OnCallGrafana} {
		body := captured(t, 1)
		w := ask(serve, "POST", "/integrations/v1/x/k/ key=k", nil, strings.NewReader(body))
		if w.Code != 200 || w.Body.String() != `"Ok."` || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		for key, want := range map[string]string{"wrong": "The key is not known, or it was revoked.\n", "other": "The key rouse_ab… is for the dialect jira alone.\n"} {
			w := ask(serve, "POST", "/integrations/v1/x/k/ key="+key, nil, strings.NewReader(body))
			if w.Code != 403 || w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("%s, key %s: %d %s", name, key, w.Code, w.Body)
			}
		}
		for key, want := range map[string]string{"key-of-shop": "could not store", "no database": "cannot do this just now"} {
			late := newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
			if key == "no database" {
				late.h.keys = fakeKeys{fail: errors.New(key)}
			}
			serve := map[string]http.HandlerFunc{"formatted": late.h.OnCallFormatted, "alertmanager": late.h.OnCallAlertmanager, "grafana": late.h.OnCallGrafana}[name]
			w := ask(serve, "POST", "/ key="+key, nil, strings.NewReader(body))
			if w.Code != 503 || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	}
	wantRefusal(t, ask(d.h.FormattedWebhook, "POST", "/v1/formatted-webhook key=wrong", nil, strings.NewReader("{}")), 401, "unauthorized", "not known")
}

func FuzzFormatted(f *testing.F) {
	for _, seed := range []string{`{"alert_uid":"u","title":"T","state":"ok","message":"m"}`, "title=T&state=ok", `"x"`, `{"title":"\u0001"}`, "a=%zz&&=&b", "--b\r\n\r\nx\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=title\r\n\r\nT\r\n--b--", `{"labels":{"a":[1,2]},"n":9e99}`} {
		f.Add("", []byte(seed), true)
		f.Add("multipart/form-data; boundary=b", []byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte, whole bool) {
		a := parseFormatted(kind, body, whole, Sender{})
		wantWhole(t, a)
		wantLittle(t, []engine.Alert{a}, body)
		if a.DedupKey == "" {
			t.Errorf("%q opens an incident each time that it is sent", body)
		}
	})
}
