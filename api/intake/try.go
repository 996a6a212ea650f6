package intake

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"rouse/engine"
	"rouse/rosters"
)

// attempt makes alerts of a payload, and says where a mapping failed.
type attempt func(Payload, Sender) (alerts []engine.Alert, failed []failure, err error)

// attempts are the dialects that Try knows.
var attempts = map[string]attempt{
	sourceAlerts:            tryAlerts,
	sourceWebhook:           tryWebhook,
	fromAlertmanager.source: tryNotification(fromAlertmanager),
	fromGrafana.source:      tryNotification(fromGrafana),
	sourcePagerDuty:         tryPagerDuty,
	sourceGoAlert:           tryGoAlert,
	sourceFormatted:         tryFormatted,
	sourceKuma:              tryKuma,
	sourceJira:              tryJira,
}

// Tried are the dialects that Try knows, in the order of their names.
func Tried() []string { return slices.Sorted(maps.Keys(attempts)) }

// Try makes the alerts that a request of a dialect would make, and hands them to nobody. Settings are those of
// the sender's key, nil for none, and service is what that is bound to, "" for nothing. The warnings tell people
// what was not as it should be. The error is a rosters.FieldErrors if the dialect or the settings are wrong, and
// a *problem.Problem if the sender would be refused.
func Try(dialect string, settings json.RawMessage, service engine.ServiceID, p Payload) (alerts []engine.Alert, warnings []string, err error) {
	try, known := attempts[dialect]
	if !known {
		return nil, nil, rosters.FieldErrors{{Field: "/dialect", Value: dialect, Problem: "cannot be tried; use one of " + strings.Join(Tried(), ", ")}}
	}
	if err := CheckSettings(dialect, settings); err != nil {
		return nil, nil, err
	}
	p.Size = int64(len(p.Body))
	if limit := limitOf(dialect); len(p.Body) > limit {
		p.Body, p.CutOff = p.Body[:limit], true
	}
	alerts, failed, err := try(p, Sender{Service: service, Settings: settings})
	for _, f := range failed {
		warnings = append(warnings, f.String())
	}
	return alerts, append(warnings, doubtsOf(alerts)...), err
}

// limitOf is how many bytes of a request of a dialect are read.
func limitOf(dialect string) int {
	if dialect == fromAlertmanager.source || dialect == fromGrafana.source {
		return maxNotification
	}
	return maxBody
}

// doubtsOf are the doubts about alerts, each once. Those about a mapping are told by where it failed, and a word
// for a severity may be one that the operator has told the server of.
func doubtsOf(alerts []engine.Alert) (texts []string) {
	for _, a := range alerts {
		for _, d := range a.Doubts {
			if (d.Of == engine.DoubtRequest || d.Of == engine.DoubtAction) && !slices.Contains(texts, d.Text) {
				texts = append(texts, d.Text)
			}
		}
	}
	return texts
}

func tryAlerts(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	alerts, _, refused := parseAlerts(p.Body, !p.CutOff, from, p.Header.Get("Idempotency-Key"))
	if refused != nil {
		return nil, nil, refused
	}
	return alerts, nil, nil
}

func tryWebhook(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	m, err := readMapping(from.Settings)
	if err != nil {
		return nil, nil, err
	}
	alerts, _, failed := readWebhook(p, from, m)
	return alerts, failed, nil
}

func tryNotification(from system) attempt {
	return func(p Payload, sender Sender) ([]engine.Alert, []failure, error) {
		return from.parse(p.Body, !p.CutOff, sender, p.Query.Get("per") == "group"), nil, nil
	}
}

func tryPagerDuty(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	a, ok := readEvent(p.Body, !p.CutOff).alert(from, false)
	if !ok {
		return nil, nil, notAnAlert.Because("An event that does not trigger needs a dedup_key.")
	}
	return []engine.Alert{a}, nil, nil
}

func tryGoAlert(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	sent := readGoAlert(p.Header.Get("Content-Type"), p.Body, !p.CutOff, form(p.Query))
	return []engine.Alert{sent.alert(from)}, nil, nil
}

func tryFormatted(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	return []engine.Alert{parseFormatted(p.Header.Get("Content-Type"), p.Body, !p.CutOff, from)}, nil, nil
}

func tryKuma(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	if len(p.Body) == 0 {
		p.Body = form(p.Query).withoutKeys()
	}
	return []engine.Alert{parseKuma(p.Header.Get("Content-Type"), p.Body, !p.CutOff, from, p.Query.Get("instance"))}, nil, nil
}

func tryJira(p Payload, from Sender) ([]engine.Alert, []failure, error) {
	return parseJira(jiraRequest{body: p.Body, whole: !p.CutOff, from: from, identifier: p.Header.Get("X-Atlassian-Webhook-Identifier")}), nil, nil
}
