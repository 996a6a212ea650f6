package demo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// alert is one alert of Prometheus, which Alertmanager tells Rouse of as often as it likes.
type alert struct {
	service, severity, summary string
	no                         int // of the alert, so that no two are alike
	began                      time.Time
}

// accepted is an alert that Rouse answered with a 2xx.
type accepted struct {
	alert   alert
	key     string
	outcome string
	at      time.Time // before the request was made
}

// alertmanager posts alerts as Prometheus Alertmanager does: webhook payload version 4, again and again
// until it is taken (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
type alertmanager struct {
	rest    *rest
	journal *journal
	keys    map[string]string // by service; "" is the one bound to none

	mu   sync.Mutex
	sent int
	took []accepted
}

const (
	alertAgain = time.Second
	alertFor   = 5 * time.Minute
)

// next makes an alert that was never posted before.
func (a *alertmanager) next(service, severity, summary string) alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent++
	return alert{service: service, severity: severity, summary: summary, no: a.sent, began: time.Now()}
}

// post posts an alert, and says so, until Rouse has taken it. Why it is posted is for the line: "",
// "again".
func (a *alertmanager) post(ctx context.Context, one alert, status, why string) (accepted, error) {
	ctx, cancel := context.WithTimeout(ctx, alertFor)
	defer cancel()
	for try := 0; ; try++ {
		took, code, err := a.postOnce(ctx, one, status)
		if err == nil {
			a.mu.Lock()
			a.took = append(a.took, took)
			a.mu.Unlock()
			a.tell(took.at, took.key, fmt.Sprintf("%s -> %d %s %s", one.words(status+why), code, took.outcome, took.key))
			return took, nil
		}
		if try == 0 {
			a.tell(time.Time{}, "", one.words(status+why)+" -> "+noAnswer(err)+" It is tried again.")
		}
		if code != 0 && code < 500 {
			return took, err
		}
		select {
		case <-ctx.Done():
			return took, err
		case <-time.After(alertAgain):
		}
	}
}

func (one alert) words(status string) string {
	return fmt.Sprintf("POST %s, %s %s: %q", status, one.service, one.severity, one.summary)
}

func noAnswer(err error) string {
	if errors.Is(err, errDown) {
		return "no answer, nobody listens."
	}
	return err.Error() + "."
}

func (a *alertmanager) tell(at time.Time, key, text string) {
	a.journal.add(event{at: at, kind: posted, key: key, who: "alertmanager", text: text})
}

func (a *alertmanager) postOnce(ctx context.Context, one alert, status string) (took accepted, code int, err error) {
	key, ok := a.keys[one.service]
	if !ok {
		key = a.keys[""]
	}
	var answer struct {
		Alerts []struct {
			Key     string `json:"key"`
			Outcome string `json:"outcome"`
		} `json:"alerts"`
	}
	took = accepted{alert: one, at: time.Now()}
	code, err = a.rest.do(ctx, http.MethodPost, "/v1/alertmanager", key, one.payload(status), &answer)
	if err != nil {
		return took, code, err
	}
	if len(answer.Alerts) != 1 {
		return took, code, fmt.Errorf("the answer names %d alerts instead of 1", len(answer.Alerts))
	}
	took.key, took.outcome = answer.Alerts[0].Key, answer.Alerts[0].Outcome
	return took, code, nil
}

// payload is what Alertmanager would post of the alert: one group with nothing else in it.
func (one alert) payload(status string) object {
	labels := map[string]string{
		"alertname": "demo", "service": one.service, "severity": one.severity, "instance": fmt.Sprintf("demo-%d", one.no),
	}
	remarks := map[string]string{"summary": one.summary}
	ends := time.Time{}
	if status == "resolved" {
		ends = time.Now().UTC()
	}
	return object{
		"version": "4", "status": status, "receiver": "rouse", "externalURL": "http://alertmanager.example:9093",
		"groupKey":          fmt.Sprintf("{}:{alertname=%q, instance=%q}", labels["alertname"], labels["instance"]),
		"truncatedAlerts":   0,
		"groupLabels":       map[string]string{"alertname": labels["alertname"], "instance": labels["instance"]},
		"commonLabels":      labels,
		"commonAnnotations": remarks,
		"alerts": []object{{
			"status": status, "labels": labels, "annotations": remarks, "startsAt": one.began.UTC(), "endsAt": ends,
			"generatorURL": "http://prometheus.example:9090/graph", "fingerprint": fingerprint(labels),
		}},
	}
}

// fingerprint is an alert's identity, as Prometheus works it out of its labels: FNV-1a
// (github.com/prometheus/common/model, Labels.Fingerprint).
func fingerprint(labels map[string]string) string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, "%s\xff%s\xff", name, labels[name]) // a hash takes everything
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// of is the alert that opened an incident.
func (a *alertmanager) of(key string) (alert, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := find(a.took, func(t accepted) bool { return t.key == key })
	return found.alert, ok
}

// history is every alert that Rouse accepted, in order.
func (a *alertmanager) history() []accepted {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.took)
}
