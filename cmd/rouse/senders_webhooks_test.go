package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// captured is a body as a sender makes it, of testdata/senders.
func captured(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "senders", name))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// webhook makes a request; headers are pairs of names and values.
func webhook(ctx context.Context, t *testing.T, method, url string, body []byte, headers ...string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// sends makes a request that has to succeed, as the sender sees it: with any 2xx.
func sends(ctx context.Context, t *testing.T, method, url string, body []byte, headers ...string) {
	t.Helper()
	if status := webhook(ctx, t, method, url, body, headers...); status < 200 || status > 299 {
		t.Errorf("%s %s was answered %d", method, url, status)
	}
}

// tellOfUptimeKuma sends what Kuma's notifications Webhook and PagerDuty send (server/notification-providers of
// github.com/louislam/uptime-kuma). Kuma itself never sends again.
func tellOfUptimeKuma(t *testing.T) {
	story(t)
	ctx := limit(t)
	h := newHouse(t, wish{})
	down, up, test := captured(t, "kuma-down.json"), captured(t, "kuma-up.json"), captured(t, "kuma-test.json")
	const summary = "Shop is down: connect ECONNREFUSED 192.0.2.9:443"

	for _, form := range []struct {
		name string
		post func(base, key string, body []byte)
	}{
		{"json", func(base, key string, body []byte) {
			sends(ctx, t, "POST", base+"/v1/uptime-kuma", body, "Content-Type", "application/json", "Authorization", "Bearer "+key)
		}},
		{"form-data", func(base, key string, body []byte) {
			var form bytes.Buffer
			m := multipart.NewWriter(&form)
			if err := m.WriteField("data", string(body)); err != nil {
				t.Fatal(err)
			}
			_ = m.Close() // writes to memory
			sends(ctx, t, "POST", base+"/v1/uptime-kuma/"+key, form.Bytes(), "Content-Type", m.FormDataContentType())
		}},
		{"get", func(base, key string, body []byte) {
			var parts map[string]json.RawMessage
			if err := json.Unmarshal(body, &parts); err != nil {
				t.Fatal(err)
			}
			query := url.Values{}
			for name, part := range parts {
				if text := string(part); name == "msg" {
					text, _ = strconv.Unquote(text)
					query.Set(name, text)
				} else if text != "null" {
					query.Set(name, text)
				}
			}
			sends(ctx, t, "GET", base+"/v1/uptime-kuma/"+key+"?"+query.Encode(), nil)
		}},
	} {
		service := "kuma-" + form.name
		who, w := h.watched(service), h.wire()
		_, key := h.key("/v1/services/"+service+"/keys", object{"name": "uptime-kuma", "dialect": "uptime-kuma"})
		form.post(w.URL, key, down)
		h.opens(ctx, service, 1, 1, summary, who)
		form.post(w.URL, key, up)
		h.ends(ctx, service, 1)
		form.post(w.URL, key, test)
		if all := h.of(service); len(all) != 2 || all[1].Severity != 3 || all[1].Summary != "Rouse Testing" {
			t.Errorf("%s: Kuma's button made %+v", service, all)
		}
		w.reports(h, "Uptime Kuma's webhook, "+form.name, service)
	}

	const service = "kuma-pagerduty"
	who, w := h.watched(service), h.wire()
	h.registers(service, "pagerduty", pagerDutyKey)
	for _, event := range []struct{ action, said string }{{"trigger", "Uptime Kuma Monitor 🔴 Down"}, {"resolve", "Uptime Kuma Monitor ✅ Up"}} {
		body, err := json.Marshal(object{"payload": object{"summary": "[" + event.said + "] [Shop] connect ECONNREFUSED", "severity": "critical", "source": nil},
			"routing_key": pagerDutyKey, "event_action": event.action, "dedup_key": "Uptime Kuma/7"})
		if err != nil {
			t.Fatal(err)
		}
		sends(ctx, t, "POST", w.URL+"/v2/enqueue", body, "Content-Type", "application/json")
		if event.action == "trigger" {
			h.opens(ctx, service, 1, 1, "[Uptime Kuma Monitor 🔴 Down] [Shop]", who)
		}
	}
	h.ends(ctx, service, 1)
	w.reports(h, "Uptime Kuma's PagerDuty", service)
}

// tellOfGrafana sends what Grafana's contact point Webhook sends (receivers/webhook of github.com/grafana/alerting).
// What fails comes again when the group is flushed next.
func tellOfGrafana(t *testing.T) {
	story(t)
	ctx := limit(t)
	const secret = "grafana-signs-with-this"
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))}})
	h.secret(secret, "what Grafana signs with")
	firing, resolved := captured(t, "grafana-firing.json"), captured(t, "grafana-resolved.json")
	asJSON := []string{"Content-Type", "application/json", "User-Agent", "Grafana"}

	for _, point := range []struct {
		name, method string
		wanted       object // of the key
		headers      func(key string, body []byte) []string
	}{
		{"bearer", "POST", object{"name": "grafana"}, func(key string, _ []byte) []string { return []string{"Authorization", "Bearer " + key} }},
		{"signed", "PUT", object{"name": "grafana", "dialect": "grafana", "secret": secret}, func(key string, body []byte) []string {
			stamp := strconv.FormatInt(time.Now().Unix(), 10)
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(stamp + ":"))
			mac.Write(body)
			return []string{"Authorization", "Bearer " + key, "X-Grafana-Alerting-Signature", hex.EncodeToString(mac.Sum(nil)), "X-Grafana-Alerting-Timestamp", stamp}
		}},
	} {
		service := "grafana-" + point.name
		who, w := h.watched(service), h.wire()
		_, key := h.key("/v1/services/"+service+"/keys", point.wanted)
		address := w.URL + "/v1/grafana"
		flush := func(body []byte) {
			t.Helper()
			for webhook(ctx, t, point.method, address, body, append(asJSON, point.headers(key, body)...)...) >= 500 { // the next flush
			}
		}
		w.breaks(1, 1)
		flush(firing)
		all := h.comes(ctx, service, "two incidents", func(all []told) bool { return len(all) == 2 })
		for i, inc := range all {
			if want := "Memory above 95% on shop" + strconv.Itoa(i+1); inc.Summary != want || inc.Severity != 1 || inc.Status != "new" || inc.Alerts != 2 {
				t.Errorf("%s: %+v, where %q should be", service, inc, want)
			}
			who.isTexted(inc.Key)
		}

		cutOff := bytes.Replace(resolved, []byte(`"truncatedAlerts":0`), []byte(`"truncatedAlerts":1`), 1)
		flush(bytes.ReplaceAll(cutOff, []byte("c6eadffa33fcdf37"), []byte("a3b1c8f0d4e59b72"))) // with maxAlerts, shop2's alone
		h.comes(ctx, service, "shop1's to stay open", func(all []told) bool {
			return len(all) == 3 && all[0].Status == "new" && all[1].Status == "resolved" && strings.Contains(all[2].Summary, "cut off")
		})
		flush(resolved)
		h.becomes(all[0].Key, "resolved", func(inc told) bool { return inc.Status == "resolved" })
		w.reports(h, "Grafana's webhook, "+point.name, service)
	}

	const service = "grafana-unsigned"
	h.watched(service)
	_, key := h.key("/v1/services/"+service+"/keys", object{"name": "grafana", "dialect": "grafana", "secret": secret})
	if status := webhook(ctx, t, "POST", h.door.URL+"/v1/grafana", firing, append(asJSON, "Authorization", "Bearer "+key)...); status != http.StatusUnauthorized {
		t.Errorf("without a signature Grafana is answered %d", status)
	}
}
