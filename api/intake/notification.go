package intake

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/engine"
)

// notification is what Alertmanager's webhook says of one group, whatever the types that it came in.
type notification struct {
	status                                  string
	groupKey                                string
	groupLabels, commonLabels, commonRemark map[string]string
	receiver, externalURL, version          string
	truncated                               int // alerts that were cut off by max_alerts
	alerts                                  []*amAlert
	misfits                                 int  // elements of alerts that are no objects, nil in alerts
	listEmpty                               bool // alerts is there, or null, and empty
	bound                                   engine.ServiceID
}

// amAlert is one alert of a notification.
type amAlert struct {
	resolved            bool
	labels, annotations map[string]string
	fingerprint         string
	links               links
	startsAt, endsAt    time.Time
}

func newNotification(object map[string]any, bound engine.ServiceID) notification {
	f := fieldsOf(object)
	n := notification{
		status:       f.text("status"),
		groupKey:     f.text("groupkey"),
		groupLabels:  stringsOf(f["grouplabels"]),
		commonLabels: stringsOf(f["commonlabels"]),
		commonRemark: stringsOf(f["commonannotations"]),
		receiver:     f.text("receiver"),
		externalURL:  f.text("externalurl"),
		version:      f.text("version"),
		truncated:    countOf(f["truncatedalerts"]),
		bound:        bound,
	}
	list, isList := f["alerts"].([]any)
	n.listEmpty = len(list) == 0 && (isList || f["alerts"] == nil)
	for _, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			n.misfits++
			n.alerts = append(n.alerts, nil)
			continue
		}
		n.alerts = append(n.alerts, n.newAlert(fieldsOf(object)))
	}
	return n
}

func (n *notification) newAlert(f fields) *amAlert {
	status := f.text("status")
	if status == "" {
		status = n.status
	}
	a := &amAlert{
		resolved:    isResolved(status),
		labels:      stringsOf(f["labels"]),
		annotations: stringsOf(f["annotations"]),
		fingerprint: f.text("fingerprint"),
	}
	a.startsAt, _ = time.Parse(time.RFC3339, f.text("startsat")) // zero when it is not a time
	a.endsAt, _ = time.Parse(time.RFC3339, f.text("endsat"))
	a.links.add(f.text("generatorurl"), "Source")
	a.links.add(f.text("dashboardurl"), "Dashboard") // the next three are Grafana's
	a.links.add(f.text("panelurl"), "Panel")
	a.links.add(f.text("silenceurl"), "Silence")
	n.remarkLinks(&a.links, a.annotations)
	return a
}

// remarkLinks adds the links that annotations hold by convention, and the one to Alertmanager itself.
func (n *notification) remarkLinks(l *links, annotations map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		switch foldName(name) {
		case "runbookurl", "runbook":
			l.add(annotations[name], "Runbook")
		case "dashboardurl", "dashboard":
			l.add(annotations[name], "Dashboard")
		}
	}
	if n.version == "1" {
		l.add(n.externalURL, "Grafana")
	} else {
		l.add(n.externalURL, "Alertmanager")
	}
}

// resolved tells whether the group as a whole is over, as far as this notification knows.
func (n *notification) resolved() bool { return isResolved(n.status) }

func isResolved(status string) bool { return strings.EqualFold(status, "resolved") }

// stringsOf is a JSON object as texts, without its nulls; whatever else stands in its place is kept
// under the name "value".
func stringsOf(v any) map[string]string {
	object, ok := v.(map[string]any)
	if !ok {
		if v == nil {
			return nil
		}
		return map[string]string{"value": textOf(v)}
	}
	m := make(map[string]string, len(object))
	for name, v := range object {
		if v != nil {
			m[storable(name)] = textOf(v)
		}
	}
	return m
}

// countOf is a count; what is none, and not missing, counts as one.
func countOf(v any) int {
	if v == nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(textOf(v)))
	if err != nil || n < 0 {
		return 1
	}
	return n
}
