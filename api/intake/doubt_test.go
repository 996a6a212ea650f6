package intake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"rouse/engine"
)

// rowsOf is a payload of so many checks that are bad, one in each 1 KiB, behind a text of so many bytes.
func rowsOf(before, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"text":"%s","rows":[`, strings.Repeat("x", before))
	for i := range rows {
		if i > 0 {
			b.WriteString(",")
		}
		row := fmt.Sprintf(`{"id":%d,"state":"bad","log":"`, i)
		fmt.Fprintf(&b, `%s%s"}`, row, strings.Repeat("y", 1024-len(row)-len(`"},`)))
	}
	return b.String() + "]}"
}

// What is cut out of a webhook pages, whatever the mapping makes of the beginning.
func TestAWebhookThatIsCutPagesForWhatIsMissing(t *testing.T) {
	const mapped, missing = "A webhook of %d bytes was cut at 512 KiB and could not be mapped", "A webhook of %d bytes was cut at 512 KiB: alerts are missing"
	ids := `,"summary":"'check ' + string(item.id)","dedup_key":"item.id"}}`
	for _, tt := range []struct {
		name, settings, body string
		whole                int // alerts of elements that are whole
		summary              string
	}{
		{"in the list", `{"mapping":{"each":"body.rows"` + ids, rowsOf(0, 600), 511, missing},
		{"in the list, of which some count", `{"mapping":{"each":"body.rows.filter(r, r.id < 5)"` + ids, rowsOf(0, 600), 5, missing},
		{"in the list, of which none counts", `{"mapping":{"each":"body.rows.filter(r, r.state == 'worse')"` + ids, rowsOf(0, 600), 0, mapped},
		{"before the list", `{"mapping":{"each":"body.rows"` + ids, rowsOf(maxBody, 3), 0, mapped},
		{"before a list that may be missing", `{"mapping":{"each":"body.?rows.orValue([])"` + ids, rowsOf(maxBody, 3), 0, mapped},
		{"in a text", `{"mapping":{"each":"body.rows"` + ids, "rows: " + strings.Repeat("x ", maxBody), 0, mapped},
		{"in a list without a mapping", ``, `["first","second","` + strings.Repeat("x", maxBody) + `"]`, 3, missing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(nil)
			d.h.keys = fakeKeys{settings: map[string]string{"key-of-db": tt.settings}}
			w := d.hook("POST", "/v1/webhook", "", tt.body, "Idempotency-Key: 4711")
			if got := decodeInto[answers](t, w); w.Code != 202 || len(got.Alerts) != tt.whole+1 || len(d.got) != tt.whole+1 {
				t.Fatalf("%d, %d alerts, want %d", w.Code, len(d.got), tt.whole+1)
			}
			want := fmt.Sprintf(tt.summary, len(tt.body))
			for _, a := range d.got {
				wantWhole(t, a)
				if rest := a.Summary == want; rest != (len(a.Doubts) > 0) || rest != (a.Once == "alerts:1:4711:cut-off") {
					t.Errorf("%s, once %s: %v", a.Summary, a.Once, a.Doubts)
				}
			}
			i := slices.IndexFunc(d.got, func(a engine.Alert) bool { return a.Summary == want })
			if i < 0 {
				t.Fatalf("none is called %q, but %q", want, d.got[0].Summary)
			}
			rest := d.got[i]
			if rest.Action != engine.Trigger || rest.Severity != engine.Major || rest.Service != "db" || rest.DedupKey == "" || string(rest.Raw) != tt.body[:maxBody] ||
				rest.Doubts[0].Of != engine.DoubtRequest || !strings.Contains(rest.Details, "longer than 512 KiB") {
				t.Errorf("it is %s %d of %s, %d bytes kept, %v, details %.300s", rest.Action, rest.Severity, rest.Service, len(rest.Raw), rest.Doubts, rest.Details)
			}
			if n := strings.Count(d.log.String(), "level=WARN"); n != 1 {
				t.Errorf("%d warnings: %s", n, d.log)
			}
		})
	}
}

// An each that fails leaves it open what the payload is about: it is no end of anything.
func TestAWebhookWhoseEachFailsPages(t *testing.T) {
	alerts, failed := mapped(t, `{"each":"body.rows"}`, `{"action":"resolved","dedup_key":"d","title":"Rows"}`)
	if len(alerts) != 1 || len(failed) != 1 || alerts[0].Action != engine.Trigger || alerts[0].Summary != "Rows" {
		t.Errorf("got %+v, %v", alerts, failed)
	}
}

// Two senders that send nothing have nothing in common, and a sender that does so twice has one trouble.
func TestRequestsThatSayNothingMeetTheirOwnKindAlone(t *testing.T) {
	for _, body := range []string{"", "null", `{"x":1}`, "\x00"} {
		seen := map[string]string{}
		for dialect, serve := range map[string]func(*Handler, http.ResponseWriter, *http.Request){"webhook": (*Handler).Webhook, "alertmanager": (*Handler).Alertmanager,
			"grafana": (*Handler).Grafana, "pagerduty": (*Handler).PagerDuty, "opsgenie": (*Handler).Opsgenie, "formatted-webhook": (*Handler).FormattedWebhook,
			"goalert": (*Handler).GoAlert, "uptime-kuma": (*Handler).UptimeKuma, "jira": (*Handler).Jira} {
			for _, key := range []string{"key-1", "key-2", "key-2"} {
				d := newDesk(nil)
				d.h.keys = keyRing{"key-1": {Key: 1, Service: "db"}, "key-2": {Key: 2, Service: "db"}}
				r := httptest.NewRequest(http.MethodPost, "/v2/alerts", strings.NewReader(body))
				r.Header.Set("X-Api-Key", key)
				r.Header.Set("X-Routing-Key", key)
				serve(d.h, httptest.NewRecorder(), r)
				if len(d.got) != 1 {
					t.Fatalf("%q: %s makes %d alerts", body, dialect, len(d.got))
				}
				a := d.got[0]
				from := dialect + " of " + key
				if before, met := seen[a.DedupKey]; met && before != from && a.DedupKey != "" {
					t.Errorf("%q: %s meets %s in %s", body, from, before, a.DedupKey)
				}
				seen[a.DedupKey] = from // "" meets nothing
				wantWhole(t, a)
			}
		}
	}
}

// A word that nobody knows is told of, whoever sends it.
func TestUnknownWordsAreDoubted(t *testing.T) {
	const severity, two = `severity: The severity "blah" is unknown: taken as 2.`, " / "
	for _, tt := range []struct{ dialect, settings, body, want string }{
		{"alerts", ``, `{"summary":"x","severity":"blah","action":"solved"}`, severity + two + `action: The action "solved" is unknown: taken as trigger.`},
		{"alerts", ``, `{"summary":"x","severity":"P1","action":"fire"}`, ""},
		{"alerts", ``, `{"summary":"x"}`, ""},
		{"alerts", ``, `{"summary":"x","action":"snooze","dedup_key":"d"}`, `action: The action "snooze" lacks what it needs: taken as acknowledge.`},
		{"webhook", `{"mapping":{"severity":"body.level","action":"body.state"}}`, `{"summary":"x","level":"blah","state":"over"}`,
			severity + two + `action: The action "over" is unknown: taken as trigger.`},
		{"webhook", `{"mapping":{"severity":"body.level"}}`, `{"summary":"x"}`, "mapping: The mapping's severity could not be used: no such key: level"},
		{"alertmanager", ``, `{"alerts":[{"status":"over","labels":{"alertname":"a","severity":"blah"}}]}`, severity + two + `action: The status "over" is unknown: taken as trigger.`},
		{"alertmanager", ``, `{"status":"firing","alerts":[{"labels":{"alertname":"a","severity":"page"}}]}`, ""},
		{"pagerduty", ``, `{"routing_key":"k","event_action":"solve","payload":{"summary":"x","severity":"blah"}}`,
			`action: The event_action "solve" is unknown: taken as trigger.` + two + severity},
		{"goalert", ``, `{"summary":"x","action":"shut","severity":"blah"}`, severity + two + `action: The action "shut" is unknown: taken as trigger.`},
		{"goalert", ``, `{"summary":"x","action":"close"}`, ""},
		{"formatted-webhook", ``, `{"title":"x","state":"fine","severity":"blah"}`, severity + two + `action: The state "fine" is unknown: taken as trigger.`},
		{"formatted-webhook", ``, `{"title":"x","state":"alerting"}`, ""},
		{"uptime-kuma", ``, `{"msg":"x","monitor":{"id":1,"tags":[{"name":"severity","value":"blah"}]},"heartbeat":{"status":9}}`,
			severity + two + `action: The status "9" is unknown: taken as trigger.`},
		{"uptime-kuma", ``, `{"msg":"x","monitor":{"id":1},"heartbeat":{"status":0}}`, ""},
		{"jira", `{"severity_field":"customfield_1"}`, `{"webhookEvent":"jira:issue_created","issue":{"key":"HOT-1","fields":{"summary":"x","customfield_1":"blah"}}}`, severity},
	} {
		alerts, _, err := Try(tt.dialect, json.RawMessage(tt.settings), "db", Payload{Body: []byte(tt.body)})
		if err != nil || len(alerts) == 0 {
			t.Errorf("%s: %v", tt.dialect, err)
			continue
		}
		var got []string
		for _, d := range alerts[0].Doubts {
			got = append(got, string(d.Of)+": "+d.Text)
		}
		if strings.Join(got, two) != tt.want || alerts[0].Severity == 0 {
			t.Errorf("%s of %s:\ngot  %q\nwant %q", tt.dialect, tt.body, strings.Join(got, two), tt.want)
		}
	}
}

// However much of a request is cut, the log says it once.
func TestTheLogSaysOnceThatARequestWasCut(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for path, body := range map[string]string{
		"/v1/alerts":       "[" + many(1500, `{"summary":"x","severity":"blah"}`) + "]",
		"/v1/alertmanager": `{"groupKey":"g","truncatedAlerts":7,"alerts":[` + many(1500, `{"labels":{"alertname":"a","severity":"blah"}}`) + `]}`,
	} {
		d := newDesk(nil)
		if w := d.post(path, "db", strings.NewReader(body)); w.Code != 202 {
			t.Errorf("%s: %d", path, w.Code)
		}
		if log := d.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "level=WARN") || !strings.Contains(log, "not all of a request could be read") {
			t.Errorf("%s: the log says %.500s", path, log)
		}
	}
}
