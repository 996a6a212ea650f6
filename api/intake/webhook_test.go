package intake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rouse/engine"
)

// hook posts what a sender of a webhook sends; the key is in the path if target says {key}.
func (d *desk) hook(method, target, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.SetPathValue("key", "key-of-db")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.h.Webhook(w, r)
	return w
}

// multipartOf is a multipart form with these fields, and its content type.
func multipartOf(t *testing.T, fields ...string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

const urlencoded = "application/x-www-form-urlencoded"

// Without a mapping a webhook takes our own format in any dress.
func TestWebhookInEveryDress(t *testing.T) {
	multi, parts := multipartOf(t, "summary=Disk full", "severity=1", "host=db1")
	for _, tt := range []struct{ name, method, query, contentType, body string }{
		{"JSON", "POST", "", "application/json", `{"summary":"Disk full","severity":1,"host":"db1"}`},
		{"JSON that says it is a form", "POST", "", urlencoded, `{"summary":"Disk full","severity":"1","host":"db1",}`},
		{"JSON that says it is a text", "PUT", "", "text/plain; charset=utf-8", "\uFEFF{\"summary\":\"Disk full\",\"severity\":1,\"host\":\"db1\"}"},
		{"a form", "POST", "", urlencoded, "summary=Disk+full&severity=1&host=db1"},
		{"a form that says nothing", "POST", "", "", "summary=Disk%20full&severity=1&host=db1"},
		{"a multipart form", "POST", "", multi, parts},
		{"a multipart form that says nothing", "POST", "", "", parts},
		{"JSON in a form", "POST", "", urlencoded, "payload=%7B%22summary%22%3A%22Disk+full%22%2C%22severity%22%3A1%2C%22host%22%3A%22db1%22%7D"},
		{"parameters", "GET", "?summary=Disk+full&severity=1&host=db1&token=sesame", "", ""},
		{"parameters of a POST", "POST", "?summary=Disk+full&severity=1&host=db1", "application/json", " \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			w := d.hook(tt.method, "/v1/webhook/key-of-db"+tt.query, tt.contentType, tt.body)
			if w.Code != 202 || strings.TrimSpace(w.Body.String()) != `{"key":"HOT-1","outcome":"opened","dedup_key":""}` {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			a := d.got[0]
			wantWhole(t, a)
			if a.Summary != "Disk full" || a.Severity != engine.Critical || a.Word != "1" || a.Service != "db" || a.Source != "webhook" ||
				a.Labels["host"] != "db1" || a.Details != "" || len(a.Raw) == 0 || strings.Contains(string(a.Raw), "sesame") {
				t.Errorf("got %+v, raw %s", a, a.Raw)
			}
		})
	}
}

// Whatever an authentic sender sends becomes an alert that shows what came.
func TestWebhookOfAnything(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		summary, details        string
		joins                   bool // the same again is the same trouble
	}{
		{"a text", "text/plain", "Disk full on db1", "Disk full on db1", "", false},
		{"a text of curl -d", urlencoded, "disk full, load=5 on db1", "disk full, load=5 on db1", "", false},
		{"a text with equal signs", "text/plain", "load=5", "load=5", "", false},
		{"a text of lines", "", "\n  Disk full\n95 % of /var", "Disk full", "Disk full\n95 % of /var", false},
		{"a text in brackets", "", "[critical] db1 is down", "[critical] db1 is down", "", false},
		{"a text with a number in brackets", "", "[1] db1 is down", "[1] db1 is down", "", false},
		{"a text that begins with a quotation", "text/plain", `"db1" is down`, `"db1" is down`, "", false},
		{"a text in braces", "", "{db1} is down", "{db1} is down", "", false},
		{"a text in JSON", "application/json", `"Disk full"`, "Disk full", "", false},
		{"a long text", "", strings.Repeat("long ", 200), strings.TrimSpace(strings.Repeat("long ", 200))[:499] + "…", strings.TrimSpace(strings.Repeat("long ", 200)), false},
		{"an object of a stranger", "application/json", `{"a":{"b":1}}`, "Alert without summary from db", "The payload began with:\n\n{\"a\":{\"b\":1}}", true},
		{"a number", "application/json", `42`, "Alert without summary from db", "The payload began with:\n\n42", true},
		{"null", "application/json", `null`, "Alert without summary from db", "The payload began with:\n\nnull", true},
		{"an empty list", "application/json", `[]`, "Alert without summary from db", "The payload began with:\n\n[]", true},
		{"a form of a stranger", urlencoded, `a=1&b=2&b=3`, "Alert without summary from db", "The payload began with:\n\na=1&b=2&b=3", true},
		{"nothing", "", "", "Alert without summary from db", "", true},
		{"JSON that breaks off", "application/json", `{"summary":"Disk full","severity":"critical","x":{"y`, "Disk full",
			"Not all of the request was read. It is not JSON: line 1, column 53: the text ends too early. What is missing stood in or behind x.", false},
		{"too deep", "application/json", `{"summary":"Disk full","x":` + strings.Repeat("[", 5000), "Disk full",
			"Not all of the request was read. It is nested deeper than 32. What is missing stood in or behind x", false},
		{"bytes", "application/octet-stream", "\xff\x00\xfe", "\uFFFD\uFFFD", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			var keys [2]engine.Key
			for i := range keys {
				w := d.hook("POST", "/v1/webhook", tt.contentType, tt.body)
				if keys[i] = decodeInto[received](t, w).Key; w.Code != 202 {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			a := d.got[0]
			wantWhole(t, a)
			if a.Summary != tt.summary || !strings.HasPrefix(a.Details, tt.details) || tt.details == "" && a.Details != "" || a.Action != engine.Trigger || a.Service != "db" {
				t.Errorf("got %+v", a)
			}
			if joins := keys[0] == keys[1]; joins != tt.joins {
				t.Errorf("the same again joins: %v", joins)
			}
		})
	}
}

func TestWebhookOfAList(t *testing.T) {
	d := newDesk(nil)
	w := d.hook("POST", "/v1/webhook", "", `[ {"summary": "a"}, "b", 7]`, "Idempotency-Key: 4711")
	got := decodeInto[answers](t, w)
	if w.Code != 202 || len(got.Alerts) != 3 || got.Alerts[2].Key != "HOT-3" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if string(d.got[0].Raw) != `{"summary": "a"}` || string(d.got[1].Raw) != `"b"` || d.got[0].Once != "alerts:1:4711:0" || d.got[2].Once != "alerts:1:4711:2" {
		t.Errorf("raw %q, %q, once %q, %q", d.got[0].Raw, d.got[1].Raw, d.got[0].Once, d.got[2].Once)
	}
}

// A request that says who it is counts once, however often it is delivered.
func TestWebhookDeliveredAgain(t *testing.T) {
	for header, want := range map[string]string{
		"Idempotency-Key: abc":                            "alerts:1:abc",
		"Webhook-Id: msg_1":                               "alerts:1:msg_1",
		"Webhook-Id: " + strings.Repeat("x", maxOnce+1):   "alerts:1:" + hash([]byte(strings.Repeat("x", maxOnce+1))),
		"X-Request-Id: which-proxies-make-for-each-retry": "",
	} {
		d := newDesk(nil)
		d.hook("POST", "/v1/webhook", "", `{"summary":"x"}`, header)
		if d.got[0].Once != want {
			t.Errorf("%s: once %q, want %q", header, d.got[0].Once, want)
		}
	}
}

// The mapping is that of the key.
func TestWebhookByTheMappingOfItsKey(t *testing.T) {
	d := newDesk(nil)
	d.h.keys = fakeKeys{settings: map[string]string{"key-of-db": `{"mapping":{"each":"body.checks","summary":"item.name","dedup_key":"item.id","action":"item.ok ? 'resolve' : 'trigger'"}}`}}
	w := d.hook("POST", "/v1/webhook", "application/json", `{"checks":[{"name":"secret words","id":1,"ok":false},{"name":"lag","ok":false}]}`)
	got := decodeInto[answers](t, w)
	if w.Code != 202 || len(got.Alerts) != 2 || got.Alerts[0].DedupKey != "1" || d.got[1].Summary != "lag" || d.got[1].DedupKey == "" {
		t.Errorf("%d %s, %+v", w.Code, w.Body, d.got)
	}
	if log := d.log.String(); !strings.Contains(log, "fields=[dedup_key]") || strings.Contains(log, "secret words") {
		t.Errorf("the log says %s", log)
	}
}

// A request that is too long pages all the same, with what stood at its beginning.
func TestWebhookThatIsTooLong(t *testing.T) {
	for name, body := range map[string]string{
		"JSON":   `{"summary":"Disk full","dedup_key":"d","more":"` + strings.Repeat("x", maxBody) + `"}`,
		"a form": `summary=Disk+full&dedup_key=d&more=` + strings.Repeat("x", maxBody),
		"a text": "Disk full\n" + strings.Repeat("x ", maxBody/2),
	} {
		d := newDesk(nil)
		if w := d.hook("POST", "/v1/webhook", "", body); w.Code != 202 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
			continue
		}
		a := d.got[0]
		wantWhole(t, a)
		if a.Summary != "Disk full" || !strings.Contains(a.Details, "longer than 512 KiB") {
			t.Errorf("%s: %s, details %.200s", name, a.Summary, a.Details)
		}
	}
}

func TestWebhookRefused(t *testing.T) {
	d := newDesk(func(context.Context, engine.Alert) error { return errors.New("no") })
	wantRefusal(t, d.hook("POST", "/v1/webhook", "", `{"summary":"x"}`), 503, "not-stored", "Send it again")
	wantRefusal(t, d.hook("POST", "/v1/webhook", "", `["x","y"]`), 503, "not-stored", "could not store all")
	d.h.keys = fakeKeys{fail: ErrUnknownKey}
	wantRefusal(t, d.hook("POST", "/v1/webhook", "", `x`), 401, "unauthorized", "The key is not known")
	d.h.keys = fakeKeys{fail: errors.New("away")}
	wantRefusal(t, d.hook("POST", "/v1/webhook", "", `x`), 503, "unavailable", "Try again")
}

// secretKeys knows one sender, which signs.
type secretKeys struct{}

func (secretKeys) Sender(context.Context, string) (Sender, error) {
	return Sender{Service: "db", Secret: []byte("sesame")}, nil
}

func TestWebhookSigned(t *testing.T) {
	const body = `{"summary":"x"}`
	mac := hmac.New(sha256.New, []byte("sesame"))
	mac.Write([]byte(body))
	sum := hex.EncodeToString(mac.Sum(nil))
	for header, ok := range map[string]bool{
		"X-Hub-Signature-256: sha256=" + sum:                    true,
		"X-Hub-Signature: SHA256=" + strings.ToUpper(sum):       true,
		"X-Hub-Signature-256: sha256=" + sum[:62] + "00":        false,
		"X-Hub-Signature-256: sha1=" + sum:                      false,
		"X-Hub-Signature-256: " + sum:                           false,
		"X-Hub-Signature-256: sha256=":                          false,
		"X-Hub-Signature-256: sha256=zz":                        false,
		"X-Something-Else: sha256=" + sum:                       false,
		"X-Hub-Signature-256: sha256=" + strings.Repeat(sum, 2): false,
	} {
		d := newDesk(nil)
		d.h.keys = secretKeys{}
		w := d.hook("POST", "/v1/webhook", "", body, header)
		if ok != (w.Code == 202) || ok != (len(d.got) == 1) {
			t.Errorf("%s: %d %s", header, w.Code, w.Body)
		}
		if !ok {
			wantRefusal(t, w, 401, "unauthorized", "not signed with the secret of the key")
		}
	}
}

// FuzzWebhook: whatever is sent, by whatever mapping, becomes alerts that can be stored, at a bounded cost.
func FuzzWebhook(f *testing.F) {
	var ms []*mapping
	for _, settings := range []string{
		`{}`,
		`{"mapping":{"each":"body.a","summary":"item.b + string(item.c)","labels":"item","links":"item.l","details":"body","dedup_key":"item.c","severity":"item.s"}}`,
		`{"mapping":{"summary":"body","details":"[body, headers, query]","labels":"body","severity":"body.s","action":"body.a","at":"body.t","by":"body.b","key":"body.k","service":"body.v"}}`,
		`{"mapping":{"each":"[body, [body, body], body]","summary":"item.a.matches('^x+$') ? 'x' : regex.extract(item.a, 'y(z*)').orValue(item.?b.orValue('none'))"}}`,
	} {
		m, err := readMapping(json.RawMessage(settings))
		if err != nil {
			f.Fatal(err)
		}
		ms = append(ms, m)
	}
	f.Add("application/json", "", []byte(`{"a":[{"b":"x","c":1,"l":["https://a"],"s":"low"},{}],"s":2,"t":1787300000}`))
	f.Add(urlencoded, "a=1&token=x", []byte(`a=x%20y&b=2&b=3`))
	f.Add("multipart/form-data; boundary=a", "", []byte("--a\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--a--\r\n"))
	f.Add("text/plain", "", []byte("\xff\x00 down\nmore"))
	f.Add("", "summary=x", []byte(""))
	f.Add("application/json", "", []byte(`[1,"b",{"summary":"c"},[],null]`))
	f.Add("application/json", "", []byte(`{"a":{"b":1e400}}`))
	f.Fuzz(func(t *testing.T, contentType, query string, body []byte) {
		before := allocated()
		for i, m := range ms {
			p := Payload{Body: body, CutOff: len(body)%7 == 3, Header: http.Header{"Content-Type": {contentType}, "Idempotency-Key": {query}}, Query: map[string][]string(readPairs(query))}
			alerts, list, failed := readWebhook(p, Sender{Service: "db"}, m)
			if len(alerts) == 0 || !list && len(alerts) > 1 || m == nil && len(failed) > 0 {
				t.Fatalf("mapping %d: %d alerts, list %v, failed %v", i, len(alerts), list, failed)
			}
			for _, a := range alerts {
				wantWhole(t, a)
				if a.Source != "webhook" || a.Service != "db" {
					t.Fatalf("mapping %d: %+v", i, a)
				}
			}
		}
		if taken := allocated() - before; taken > uint64(len(ms))*(64*uint64(len(body)+len(query))+8<<20) {
			t.Errorf("%d KiB for %d bytes", taken>>10, len(body))
		}
	})
}
