package intake

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"rouse/api/problem"
	"rouse/rosters"
)

func TestTry(t *testing.T) {
	for _, tt := range []struct {
		dialect, settings, body string
		summary, warning        string
	}{
		{"webhook", ``, `{"summary":"Disk full"}`, "Disk full", ""},
		{"webhook", `{"mapping":{"summary":"body.title + headers['x-host']"}}`, `{"title":"Disk full on "}`, "Disk full on db1", ""},
		{"webhook", `{"mapping":{"summary":"body.name"}}`, `{"title":"Disk full"}`, "Disk full", "The mapping's summary could not be used: no such key: name"},
		{"webhook", ``, `{"summary":"Disk full","x":"` + strings.Repeat("x", maxBody) + `"}`, "Disk full", "longer than 512 KiB"},
		{"alerts", ``, `{"summary":"Disk full"}`, "Disk full", ""},
		{"alertmanager", ``, captured(t, 3), "Disk full on db2", ""},
		{"alertmanager", ``, `{"a":1}`, "Alertmanager sent something Rouse could not read", "It is without alerts."},
		{"grafana", ``, `{"version":"1","alerts":[{"labels":{"alertname":"Down"}}]}`, "Down", ""},
		{"pagerduty", ``, `{"routing_key":"k","event_action":"trigger","payload":{"summary":"Disk full","source":"db1","severity":"error"}}`, "Disk full", ""},
		{"pagerduty", ``, `{"routing_key":"k","event_action":"trigger","payload":{"summary":"Disk full"`, "Disk full", "Not all of the request was read"},
		{"goalert", ``, `summary=Disk+full&details=x`, "Disk full", ""},
		{"formatted-webhook", ``, `{"title":"Disk full","state":"alerting"}`, "Disk full", ""},
		{"uptime-kuma", ``, `{"msg":"down","monitor":{"id":1,"name":"Web"},"heartbeat":{"status":0,"msg":"timeout"}}`, "Web is down: timeout", ""},
		{"jira", ``, `{"webhookEvent":"jira:issue_created","issue":{"id":"1","key":"HOT-1","fields":{"summary":"Pushes fail"}}}`, "Pushes fail", ""},
	} {
		p := Payload{Body: []byte(tt.body), Header: http.Header{"X-Host": {"db1"}}}
		alerts, warnings, err := Try(tt.dialect, json.RawMessage(tt.settings), "db", p)
		if err != nil || len(alerts) != 1 || !strings.HasPrefix(alerts[0].Summary, tt.summary) || alerts[0].Service != "db" {
			t.Errorf("%s of %.50s: %+v, %v", tt.dialect, tt.body, alerts, err)
		}
		if (tt.warning == "") != (len(warnings) == 0) || !strings.Contains(strings.Join(warnings, "\n"), tt.warning) {
			t.Errorf("%s of %.50s: warnings %q", tt.dialect, tt.body, warnings)
		}
	}
}

func TestTryRefuses(t *testing.T) {
	for _, tt := range []struct{ dialect, settings, field string }{
		{"telex", ``, "/dialect"},
		{"webhook", `{"mapping":{"summary":"body."}}`, "/settings/mapping/summary"},
		{"alerts", `{"mapping":{}}`, "/settings"},
	} {
		_, _, err := Try(tt.dialect, json.RawMessage(tt.settings), "", Payload{})
		if wrong, ok := errors.AsType[rosters.FieldErrors](err); !ok || wrong[0].Field != tt.field {
			t.Errorf("%s: %v", tt.dialect, err)
		}
	}
	for dialect, body := range map[string]string{"alerts": "{", "pagerduty": `{"routing_key":"k","event_action":"resolve"}`} {
		_, _, err := Try(dialect, nil, "", Payload{Body: []byte(body)})
		if refused, ok := errors.AsType[*problem.Problem](err); !ok || refused.Status != 400 {
			t.Errorf("%s: got %v", dialect, err)
		}
	}
}
