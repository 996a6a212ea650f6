package intake

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// system is what sends notifications of groups of alerts, in the words that people know it by.
type system struct {
	source, name string
	limit        string // its setting that cuts groups off
}

var (
	fromAlertmanager = system{source: "alertmanager", name: "Alertmanager", limit: "max_alerts"}
	fromGrafana      = system{source: "grafana", name: "Grafana", limit: "Max Alerts"}
)

// notification is what a system's webhook says of one group, whatever the types that it came in.
type notification struct {
	from                                    system
	status                                  string
	groupKey                                string
	groupLabels, commonLabels, commonRemark map[string]string
	receiver, externalURL                   string
	title, message                          string // Grafana's, for people
	truncated                               int    // alerts that are in the group and not in the list
	alerts                                  []*amAlert
	misfits                                 int  // elements of alerts that are no objects
	listEmpty                               bool // alerts is there, or null, and empty
	signs                                   int  // Watchdogs that were taken out of alerts
	tooLong                                 bool // what is beyond maxNotification was not read
	sender                                  Sender
}

// amAlert is one alert of a notification.
type amAlert struct {
	no                  int    // its place in the list
	status              string // its own word, else that of the group
	resolved            bool
	labels, annotations map[string]string
	values, valueString string // Grafana's, what was measured
	fingerprint         string
	links               links
	startsAt, endsAt    time.Time
}

// maxNotified is how many alerts of a notification are read. Those behind them count as cut off.
const maxNotified = 10_000

func newNotification(from system, object map[string]any, sender Sender) notification {
	f := fieldsOf(object)
	n := notification{
		from:         from,
		status:       f.text("status"),
		groupKey:     f.text("groupkey"),
		groupLabels:  stringsOf(f["grouplabels"]),
		commonLabels: stringsOf(f["commonlabels"]),
		commonRemark: stringsOf(f["commonannotations"]),
		receiver:     f.text("receiver"),
		externalURL:  f.text("externalurl"),
		title:        f.text("title"),
		message:      f.text("message"),
		truncated:    min(countOf(f["truncatedalerts"]), math.MaxInt32),
		sender:       sender,
	}
	if f.text("version") == "1" {
		n.from.name, n.from.limit = fromGrafana.name, fromGrafana.limit // at Alertmanager's address, too
	}
	list, isList := f["alerts"].([]any)
	n.listEmpty = len(list) == 0 && (isList || f["alerts"] == nil)
	if len(list) > maxNotified {
		n.truncated += len(list) - maxNotified
		list = list[:maxNotified]
	}
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			n.misfits++
			continue
		}
		a := n.newAlert(fieldsOf(object))
		a.no = i
		n.alerts = append(n.alerts, a)
	}
	return n
}

func (n *notification) newAlert(f fields) *amAlert {
	status := f.text("status")
	if status == "" {
		status = n.status
	}
	a := &amAlert{
		status:      status,
		resolved:    isResolved(status),
		labels:      stringsOf(f["labels"]),
		annotations: stringsOf(f["annotations"]),
		values:      describe(stringsOf(f["values"]), " = ", maxLabels),
		valueString: f.text("valuestring"),
		fingerprint: f.text("fingerprint"),
	}
	a.startsAt, _ = time.Parse(time.RFC3339, f.text("startsat")) // zero when it is not a time
	a.endsAt, _ = time.Parse(time.RFC3339, f.text("endsat"))
	a.links.add(f.text("generatorurl"), "Source")
	a.links.add(f.text("dashboardurl"), "Dashboard") // this and the next three are Grafana's
	a.links.add(f.text("panelurl"), "Panel")
	a.links.add(f.text("imageurl"), "Image")
	a.links.add(f.text("silenceurl"), "Silence")
	n.remarkLinks(&a.links, a.annotations)
	if rule := f.text("ruleuid"); rule != "" && a.labels["ruleUID"] == "" && len(a.labels) < maxLabels {
		a.labels = with(a.labels, "ruleUID", rule)
	}
	return a
}

// with is labels and one more.
func with(labels map[string]string, name, value string) map[string]string {
	if labels == nil {
		labels = map[string]string{}
	}
	labels[name] = value
	return labels
}

// remarkLinks adds the links that annotations hold by convention, and the one to the system itself.
func (n *notification) remarkLinks(l *links, annotations map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		switch foldName(name) {
		case "runbookurl", "runbook":
			l.add(annotations[name], "Runbook")
		case "dashboardurl", "dashboard":
			l.add(annotations[name], "Dashboard")
		}
	}
	l.add(n.externalURL, n.from.name)
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
