// Package dialects reports one trouble in the words of each sender that Rouse understands, as short as that
// sender would: for measurements, and for rehearsals of what becomes of each.
package dialects

import (
	"encoding/json"
	"fmt"
	"time"
)

// Dialect is one sender's way to report a trouble.
type Dialect struct {
	Name string // the same as the source of its alerts
	Path string

	// body is the request, which a sender makes with the key as bearer, or puts into it.
	body func(key, trouble, summary string) any

	// Taken reports whether the sender is content with an answer; every other one it tries again.
	Taken func(status int, answer []byte) bool
}

// Body is the request about a trouble, a slug; the summary stands in the incident.
func (d Dialect) Body(key, trouble, summary string) []byte {
	body, err := json.Marshal(d.body(key, trouble, summary))
	if err != nil { // maps of texts
		panic(err)
	}
	return body
}

type object = map[string]any

// All are the dialects whose requests need no signature, our own first.
func All() []Dialect {
	return []Dialect{
		{"alerts", "/v1/alerts", func(_, trouble, summary string) any {
			return object{"summary": summary, "severity": 1, "dedup_key": trouble}
		}, any2xx},
		{"alertmanager", "/v1/alertmanager", func(_, trouble, summary string) any { return group("4", trouble, summary) }, any2xx},
		{"pagerduty", "/v2/enqueue", func(key, trouble, summary string) any {
			return object{"routing_key": key, "event_action": "trigger", "dedup_key": trouble,
				"payload": object{"summary": summary, "source": "db1", "severity": "critical", "custom_details": object{"free": "3 GB"}}}
		}, func(status int, answer []byte) bool { // as Zabbix demands
			var said struct{ Status string }
			return status == 202 && json.Unmarshal(answer, &said) == nil && said.Status == "success"
		}},
		{"opsgenie", "/v2/alerts", func(_, trouble, summary string) any {
			return object{"message": summary, "alias": trouble, "priority": "P1", "tags": []string{"db"}, "details": object{"free": "3 GB"}}
		}, func(status int, answer []byte) bool {
			var said struct{ RequestID string }
			return status == 202 && json.Unmarshal(answer, &said) == nil && said.RequestID != ""
		}},
		{"grafana", "/v1/grafana", func(_, trouble, summary string) any {
			g := group("1", trouble, summary)
			g["orgId"], g["title"], g["state"], g["message"] = 1, "[FIRING:1] "+summary, "alerting", summary
			return g
		}, any2xx},
		{"formatted-webhook", "/v1/formatted-webhook", func(_, trouble, summary string) any {
			return object{"alert_uid": trouble, "title": summary, "state": "alerting", "message": "free: 3 GB"}
		}, any2xx},
		{"jira", "/v1/jira", func(_, trouble, summary string) any {
			return object{"timestamp": time.Now().UnixMilli(), "webhookEvent": "jira:issue_created", "issue_event_type_name": "issue_created",
				"issue": object{"id": "10007", "key": fmt.Sprintf("DIALECT-%d", number(trouble)), "self": "https://jira.example.com/rest/api/2/issue/10007",
					"fields": object{"summary": summary, "priority": object{"name": "Highest"}, "status": object{"name": "New"}}}}
		}, any2xx},
		{"goalert", "/api/v2/generic/incoming", func(_, trouble, summary string) any {
			return object{"summary": summary, "details": "free: 3 GB", "dedup": trouble}
		}, any2xx},
		{"uptime-kuma", "/v1/uptime-kuma", func(_, trouble, summary string) any {
			return object{"heartbeat": object{"monitorID": number(trouble), "status": 0, "msg": "connection refused"},
				"monitor": object{"id": number(trouble), "name": summary, "url": "https://db1.example.com"}, "msg": "[" + summary + "] [Down] connection refused"}
		}, any2xx},
		{"webhook", "/v1/webhook", func(_, trouble, summary string) any {
			return object{"title": summary, "severity": "critical", "dedup_key": trouble}
		}, any2xx},
	}
}

func any2xx(status int, _ []byte) bool { return status/100 == 2 }

// group is a webhook of Alertmanager, and with other versions of its kin.
func group(version, trouble, summary string) object {
	return object{"version": version, "groupKey": "{}:{alertname=\"" + trouble + "\"}", "status": "firing", "receiver": "rouse", "externalURL": "http://alertmanager.example.com",
		"groupLabels": object{"alertname": trouble}, "commonLabels": object{"alertname": trouble, "severity": "critical"}, "commonAnnotations": object{"summary": summary},
		"alerts": []any{object{"status": "firing", "labels": object{"alertname": trouble, "severity": "critical", "instance": "db1"},
			"annotations": object{"summary": summary}, "startsAt": "2026-08-22T08:24:38.326Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": trouble}}}
}

// number is a number for a trouble, for senders that count theirs: the digits that it ends in.
func number(trouble string) (n int) {
	for place, i := 1, len(trouble)-1; i >= 0 && trouble[i] >= '0' && trouble[i] <= '9' && place < 1e9; place, i = place*10, i-1 {
		n += int(trouble[i]-'0') * place
	}
	return n
}
