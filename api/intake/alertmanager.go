package intake

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"rouse/api/problem"
	"rouse/engine"
)

// The limits of a request from Alertmanager.
const (
	maxAlertmanagerBody = 5 << 20
	maxDrained          = 64 << 20 // read beyond that and thrown away, so that the sender hears the answer
	oddBytes            = 2000     // of an unreadable request that are shown in its details
)

// Alertmanager takes Alertmanager's webhook (payload version 4, and Grafana's of version 1 alike) at
// POST /v1/alertmanager. With ?per=alert, or without it, each alert is an incident under its
// fingerprint; with ?per=group each group is one, under the SHA-256 of its groupKey.
//
// Alertmanager drops a notification that is answered with any 4xx, and retries a 5xx. So nothing is
// refused here: what cannot be read becomes an incident that says so and pages somebody. See
// parseAlertmanager for what becomes of the rest.
func (h *Handler) Alertmanager(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, "alertmanager", shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	service := from.Service
	body, more, refused := read(r, maxAlertmanagerBody)
	if refused != nil {
		problem.Write(w, refused)
		return
	}
	perGroup := r.URL.Query().Get("per") == "group"
	var alerts []engine.Alert
	if more {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // an error here is the sender's, who will not hear us
		alerts = []engine.Alert{oddAlert(body, service, fmt.Sprintf("Alertmanager sent more than %d MiB at once", maxAlertmanagerBody>>20),
			"Nothing of the request was read: look in Alertmanager for what is wrong, and set max_alerts for this receiver.")}
	} else {
		var why string
		if alerts, why = parseAlertmanager(body, service, perGroup); why != "" {
			h.log.WarnContext(r.Context(), "odd request from alertmanager", "why", why)
		}
	}
	done, all := h.receive(r, alerts)
	if !all {
		problem.Write(w, notAllStored)
		return
	}
	accept(w, map[string]any{"alerts": done})
}

// parseAlertmanager reads a notification. It gives at least one alert for whatever comes, but for the
// word that an empty group is resolved; odd says what was not as it should be, "" if all was.
//
// The service is the one the key is bound to, else what the label "service" says; labels stand in
// the details either way. A group whose notification was cut off (max_alerts) is never resolved by
// it: Alertmanager works out its status from what was left. In place of the alerts that were cut off
// there is one that says so.
func parseAlertmanager(body []byte, bound engine.ServiceID, perGroup bool) (alerts []engine.Alert, odd string) {
	v, proper, err := decode(body)
	object, ok := v.(map[string]any)
	if err != nil || !ok {
		return unreadable(body, bound), "not a JSON object"
	}
	n := newNotification(object, bound)
	if n.resolved() && n.groupKey != "" && n.listEmpty {
		if perGroup || n.truncated > 0 {
			return []engine.Alert{n.group(body)}, ""
		}
		return nil, ""
	}
	if len(n.alerts) == 0 {
		return unreadable(body, bound), "no alerts"
	}
	if n.misfits > 0 {
		alerts, odd = unreadable(body, bound), "elements of alerts are not objects"
	}
	if perGroup && n.groupID() != "" {
		return append(alerts, n.group(body)), odd
	}
	raw := rawAlerts(proper)
	for i, a := range n.alerts {
		if a == nil {
			continue
		}
		one := n.alert(a)
		switch {
		case len(n.alerts) == 1:
			one.Raw = cutRaw(body)
		case i < len(raw):
			one.Raw = cutRaw(raw[i])
		}
		alerts = append(alerts, one)
	}
	if n.truncated > 0 {
		alerts = append(alerts, n.cutOff(body))
	}
	return alerts, odd
}

// rawAlerts are the alerts of a notification as they were sent.
func rawAlerts(body []byte) []json.RawMessage {
	var top struct {
		Alerts json.RawMessage `json:"alerts"`
	}
	if err := json.Unmarshal(body, &top); err != nil {
		return nil
	}
	return parts(top.Alerts)
}

func unreadable(body []byte, bound engine.ServiceID) []engine.Alert {
	return []engine.Alert{oddAlert(body, bound, "Alertmanager sent something Rouse could not read",
		"Look in Alertmanager for what is wrong, and at the payload template of this receiver.")}
}

// oddAlert is the incident for a request that cannot be read. The same request again joins it.
func oddAlert(body []byte, bound engine.ServiceID, summary, advice string) engine.Alert {
	return engine.Alert{
		Action:   engine.Trigger,
		Service:  bound,
		Severity: engine.Major,
		Summary:  summary,
		DedupKey: hash(body),
		Details:  advice + " It began with:\n\n" + cut(storable(string(body[:min(len(body), oddBytes)])), oddBytes),
		Source:   sourceAlertmanager,
		Raw:      cutRaw(body),
	}
}
