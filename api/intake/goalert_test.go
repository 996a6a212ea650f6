package intake

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"rouse/engine"
)

func goAlert(kind, body, query string, bound engine.ServiceID) engine.Alert {
	return readGoAlert(kind, []byte(body), true, readPairs(query)).alert(Sender{Service: bound})
}

func TestGoAlert(t *testing.T) {
	unnamed := func(summary, details string) string { return "goalert:" + hash([]byte(summary+"\x00"+details)) }
	for _, tt := range []struct {
		name, kind, body, query string
		bound                   engine.ServiceID
		want                    engine.Alert
	}{
		{"JSON", "application/json", `{"summary":"Disk full","details":"95 %","dedup":"d1","meta":{"host":"db1","severity":"critical","service":"Data Base"}}`, "", "",
			engine.Alert{Action: engine.Trigger, Service: "data-base", Severity: engine.Critical, Word: "critical", Summary: "Disk full", DedupKey: "d1",
				Details: "95 %\n\nhost: db1\nservice: Data Base\nseverity: critical", Labels: map[string]string{"host": "db1", "severity": "critical", "service": "Data Base"}}},
		{"closed", "application/json", `{"summary":"Disk full","action":"close","dedup":"d1"}`, "", "shop",
			engine.Alert{Action: engine.Resolve, Service: "shop", Severity: engine.Major, Summary: "Disk full", DedupKey: "d1"}},
		{"closed by a form without a summary", "application/x-www-form-urlencoded", "dedup=d1&action=close", "", "",
			engine.Alert{Action: engine.Resolve, Severity: engine.Major, Summary: "Alert without summary from d1", DedupKey: "d1"}},
		{"no dedup", "", "summary=Disk+full&details=95+%25", "", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Disk full", Details: "95 %", DedupKey: unnamed("Disk full", "95 %")}},
		{"parameters", "", "", "summary=Disk+full&dedup=d1&meta=host%3Ddb1&meta=zone%3Deu%3Dwest", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Disk full", DedupKey: "d1", Details: "host: db1\nzone: eu=west",
				Labels: map[string]string{"host": "db1", "zone": "eu=west"}}},
		{"parameters beside a body, which counts", "application/json", `{"summary":"Disk full"}`, "summary=other&dedup=d1", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Disk full", DedupKey: "d1"}},
		{"JSON that calls itself a form", "application/x-www-form-urlencoded", `{"summary":"Disk full","dedup":"d1"}`, "", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "Disk full", DedupKey: "d1"}},
		{"details alone", "", `{"details":"first\nsecond"}`, "", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "first", Details: "first\nsecond", DedupKey: unnamed("", "first\nsecond")}},
		{"wrong types", "", `{"summary":42,"dedup":7,"action":null,"meta":[1]}`, "", "",
			engine.Alert{Action: engine.Trigger, Severity: engine.Major, Summary: "42", DedupKey: "7", Details: "value: [\n  1\n]", Labels: map[string]string{"value": "[\n  1\n]"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := goAlert(tt.kind, tt.body, tt.query, tt.bound)
			wantWhole(t, a)
			if tt.body != "" && string(a.Raw) != tt.body || a.Source != "goalert" {
				t.Errorf("from %q, raw %q", a.Source, a.Raw)
			}
			if got := what(a); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// Uptime Kuma's GoAlert provider sends no dedup, and another text when the trouble is over.
func TestKumaByWayOfGoAlert(t *testing.T) {
	d := newDesk(nil)
	send := func(summary, action string) engine.Alert {
		var parts bytes.Buffer
		form := multipart.NewWriter(&parts)
		_ = form.WriteField("summary", summary)
		if action != "" {
			_ = form.WriteField("action", action)
		}
		_ = form.Close()
		w := ask(d.h.GoAlert, "POST", "/api/v2/generic/incoming?token=key-of-shop", http.Header{"Content-Type": {form.FormDataContentType()}}, &parts)
		if w.Code != 204 || w.Body.Len() != 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		return d.got[len(d.got)-1]
	}
	down, up := send("[Web [eu]] [🔴 Down] connect [✅ Up]", ""), send("[Web [eu]] [✅ Up] 200 - OK", "close")
	if down.Action != engine.Trigger || up.Action != engine.Resolve || down.DedupKey != up.DedupKey || down.DedupKey != "goalert:kuma:Web [eu]" {
		t.Errorf("%s %q, then %s %q", down.Action, down.DedupKey, up.Action, up.DedupKey)
	}
	if other := send("[Web] [🔴 Down] no", ""); other.DedupKey == down.DedupKey {
		t.Error("another monitor is the same trouble")
	}
	one, two := send("[Web][https://a/] certificate will expire in 14 days", ""), send("[Web][https://a/] certificate will expire in 7 days", "")
	if one.DedupKey == two.DedupKey || strings.HasPrefix(one.DedupKey, "goalert:kuma:") {
		t.Errorf("what has no state is its own trouble: %q, %q", one.DedupKey, two.DedupKey)
	}
}

// The key may stand wherever GoAlert looks for it, and nowhere in what is kept.
func TestGoAlertKeys(t *testing.T) {
	for _, tt := range []struct {
		name, target, body string
		header             http.Header
		want               int
	}{
		{"in the address", "/?token=key-of-shop", `{"summary":"x"}`, nil, 204},
		{"in the form", "/", "token=key-of-shop&summary=x", nil, 204},
		{"under its other name in the form", "/", "integrationKey=key-of-shop&summary=x", nil, 204},
		{"a bearer's", "/", "summary=x", http.Header{"Authorization": {"Bearer key-of-shop"}}, 204},
		{"a password", "/", "summary=x", http.Header{"Authorization": {"Basic OmtleS1vZi1zaG9w"}}, 204},
		{"all in the address", "/?token=key-of-shop&summary=x", "", nil, 204},
		{"a wrong one", "/?token=wrong", "summary=x", nil, 401},
		{"none", "/", "summary=x", nil, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			w := ask(d.h.GoAlert, "POST", tt.target, tt.header, strings.NewReader(tt.body))
			if w.Code != tt.want || (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			for _, a := range d.got {
				if a.Service != "shop" || a.Summary != "x" || strings.Contains(string(a.Raw)+a.Details, "key-of-shop") {
					t.Errorf("got %+v, raw %s", what(a), a.Raw)
				}
			}
		})
	}
}

func TestGoAlertAnswers(t *testing.T) {
	d := newDesk(nil)
	tell := http.Header{"Accept": {"application/json"}}
	const body = `{"summary":"x","dedup":"d"}`
	for _, want := range []string{`{"AlertID":1,"ServiceID":"shop","IsNew":true}`, `{"AlertID":1,"ServiceID":"shop","IsNew":false}`} {
		w := ask(d.h.GoAlert, "POST", "/?token=key-of-shop", tell, strings.NewReader(body))
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %s", w.Code, got, want)
		}
	}
	w := ask(d.h.GoAlert, "GET", "/?token=key-of-shop&dedup=nothing&action=close", tell, nil)
	if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != `{"AlertID":0,"ServiceID":"shop","IsNew":false}` {
		t.Errorf("%d %s", w.Code, got)
	}
	for name, serve := range map[string]http.HandlerFunc{"alertmanager": d.h.GoAlertAlertmanager, "grafana": d.h.GoAlertGrafana} {
		before := len(d.got)
		w := ask(serve, "POST", "/?token=key-of-shop", nil, strings.NewReader(captured(t, 1)))
		if w.Code != 204 || w.Body.Len() > 0 || len(d.got) != before+2 || d.got[before].Source != name {
			t.Errorf("%s: %d %s, %d alerts", name, w.Code, w.Body, len(d.got)-before)
		}
	}
	d.h.keys = keyring{"other": {Prefix: "rouse_ab", Dialect: "jira"}}
	for _, serve := range []http.HandlerFunc{d.h.GoAlert, d.h.GoAlertAlertmanager, d.h.GoAlertGrafana} {
		for target, want := range map[string]string{"/": "401 The request carries no key.\n", "/?token=wrong": "401 The key is not known, or it was revoked.\n",
			"/?token=other": "403 The key rouse_ab… is for the dialect jira alone.\n"} {
			w := ask(serve, "POST", target, nil, strings.NewReader(body))
			if got := w.Result().Status[:4] + w.Body.String(); got != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("%s: %q", target, got)
			}
		}
	}
	late := newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	for _, serve := range []http.HandlerFunc{late.h.GoAlert, late.h.GoAlertAlertmanager, late.h.GoAlertGrafana} {
		if w := ask(serve, "POST", "/?token=key-of-shop", nil, strings.NewReader(body)); w.Code != 503 || w.Header().Get("Retry-After") != "5" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := ask(serve, "POST", "/?token=key-of-shop", nil, brokenReader{}); w.Code != 503 || !strings.Contains(w.Body.String(), "broke off") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	late.h.keys = fakeKeys{fail: errors.New("no database")}
	if w := ask(late.h.GoAlert, "POST", "/?token=key-of-shop", nil, strings.NewReader(body)); w.Code != 503 || w.Header().Get("Retry-After") != "5" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOddFromGoAlertsSenders(t *testing.T) {
	for _, body := range []string{"", "{}", "[]", `"x"`, "action=close", "<html>", `{"alerts":[]}`, "\xff\x00", strings.Repeat("[", 1000)} {
		a := goAlert("", body, "", "shop")
		wantWhole(t, a)
		if a.Summary != "A sender of GoAlert's API sent something Rouse could not read" || a.Action != engine.Trigger || a.Service != "shop" || a.Source != "goalert" || string(a.Raw) != body {
			t.Errorf("%q: %+v", body, a)
		}
	}
}

func TestBeginningOfAGoAlertRequest(t *testing.T) {
	for _, body := range []string{
		`{"summary":"Disk full","dedup":"d1","details":"` + strings.Repeat("m", maxBody),
		"summary=Disk+full&dedup=d1&details=" + strings.Repeat("m", maxBody),
	} {
		d := newDesk(nil)
		w := ask(d.h.GoAlert, "POST", "/?token=key-of-", nil, strings.NewReader(body))
		if w.Code != 204 || d.got[0].Summary != "Disk full" || d.got[0].DedupKey != "d1" || !strings.Contains(d.got[0].Details, "longer than 512 KiB") {
			t.Errorf("%d %s, %+v", w.Code, w.Body, d.got)
		}
		wantWhole(t, d.got[0])
	}
}

func FuzzGoAlert(f *testing.F) {
	for _, seed := range []string{`{"summary":"x","details":"y","action":"close","dedup":"d","meta":{"a":"b"}}`, "summary=x&meta=a%3Db", `{"meta":"a=b"}`, "[Web] [🔴 Down] x",
		`{"summary":"[Web] [✅ Up] "}`, `{"summary":"\u0001","dedup":{}}`, "--b\r\nContent-Disposition: form-data; name=summary\r\n\r\nx\r\n--b--"} {
		f.Add("", []byte(seed), true, "")
		f.Add("multipart/form-data; boundary=b", []byte(seed), false, "token=x&summary=y")
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte, whole bool, query string) {
		sent := readGoAlert(kind, body, whole, readPairs(query))
		a := sent.alert(Sender{})
		wantWhole(t, a)
		wantLittle(t, []engine.Alert{a}, append(body, query...))
		if a.DedupKey == "" {
			t.Errorf("%q opens an incident each time that it is sent", body)
		}
	})
}
