package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rouse/engine"
	"rouse/rosters"
)

// attempt makes alerts of a payload, and says what was not as it should be.
type attempt func(Payload, Sender) (alerts []engine.Alert, warnings []string, err error)

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
	if len(p.Body) > maxBody {
		p.Body, p.CutOff = p.Body[:maxBody], true
		warnings = append(warnings, fmt.Sprintf("the payload is longer than %d KiB: the rest is not read", maxBody>>10))
	}
	alerts, more, err := try(p, Sender{Service: service, Settings: settings})
	return alerts, append(warnings, more...), err
}

func tryAlerts(p Payload, from Sender) ([]engine.Alert, []string, error) {
	alerts, _, refused := parseAlerts(p.Body, !p.CutOff, from, p.Header.Get("Idempotency-Key"))
	if refused != nil {
		return nil, nil, refused
	}
	return alerts, nil, nil
}

func tryWebhook(p Payload, from Sender) (alerts []engine.Alert, warnings []string, err error) {
	m, err := readMapping(from.Settings)
	if err != nil {
		return nil, nil, err
	}
	alerts, _, failed := readWebhook(p, from, m)
	for _, f := range failed {
		warnings = append(warnings, f.String())
	}
	return alerts, warnings, nil
}

func tryNotification(from system) attempt {
	return func(p Payload, sender Sender) ([]engine.Alert, []string, error) {
		alerts, odd := from.parse(p.Body, !p.CutOff, sender.Service, p.Query.Get("per") == "group")
		return alerts, nonEmpty(odd), nil
	}
}

func tryPagerDuty(p Payload, from Sender) ([]engine.Alert, []string, error) {
	e := readEvent(p.Body, !p.CutOff)
	a, ok := e.alert(from, false)
	if !ok {
		return nil, nil, notAnAlert.Because("An event that does not trigger needs a dedup_key.")
	}
	return []engine.Alert{a}, nonEmpty(e.odd.note()), nil
}

func tryGoAlert(p Payload, from Sender) ([]engine.Alert, []string, error) {
	sent := readGoAlert(p.Header.Get("Content-Type"), p.Body, !p.CutOff, form(p.Query))
	return []engine.Alert{sent.alert(from.Service)}, nonEmpty(sent.odd.note()), nil
}

func tryFormatted(p Payload, from Sender) ([]engine.Alert, []string, error) {
	return []engine.Alert{parseFormatted(p.Header.Get("Content-Type"), p.Body, !p.CutOff, from.Service)}, nil, nil
}

func tryKuma(p Payload, from Sender) ([]engine.Alert, []string, error) {
	if len(p.Body) == 0 {
		p.Body = form(p.Query).withoutKeys()
	}
	return []engine.Alert{parseKuma(p.Header.Get("Content-Type"), p.Body, !p.CutOff, from.Service, p.Query.Get("instance"))}, nil, nil
}

func tryJira(p Payload, from Sender) ([]engine.Alert, []string, error) {
	alerts, odd := parseJira(jiraRequest{body: p.Body, whole: !p.CutOff, from: from, identifier: p.Header.Get("X-Atlassian-Webhook-Identifier")})
	return alerts, nonEmpty(odd), nil
}
