package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rouse/engine"
)

const (
	maxLabels = 200 // kept, and shown in the details; likewise annotations
	maxListed = 50  // alerts of a group that are listed in its details
)

// alert is the alert under its own identity.
func (n *notification) alert(a *amAlert) engine.Alert {
	out := engine.Alert{
		Action:   engine.Trigger,
		Service:  n.service(a.labels),
		Summary:  a.summary(),
		DedupKey: dedupKey(first(a.fingerprint, a.hash())),
		Details: cut(joinBlocks(first(a.values, a.valueString), describe(a.labels, ": ", maxLabels),
			describe(a.annotations, ": ", maxLabels)), maxDetails),
		Links:  a.links,
		Labels: atMost(a.labels, maxLabels),
		Source: n.from.source,
		At:     a.startsAt,
	}
	rate(&out, first(a.labels["severity"], n.commonLabels["severity"], n.groupLabels["severity"]))
	switch {
	case a.resolved:
		out.Action, out.At = engine.Resolve, a.endsAt
	case a.status != "" && !strings.EqualFold(a.status, "firing"):
		doubtAction(&out, "status", a.status)
	}
	return out
}

// watchdog is the name by which Prometheus' rules call the alert that always fires, so that its absence tells
// of trouble on its way to us. It is also the name of the heartbeat that it is a sign of.
const watchdog = "Watchdog"

// signsOfLife takes the Watchdogs out of the notification. One that fires is a sign of life, whatever its
// severity; its labels tell of which cluster. One that is over is none, and nothing else: the silence will
// be noticed.
func (n *notification) signsOfLife(raw []json.RawMessage) (pings []engine.Alert) {
	n.alerts = slices.DeleteFunc(n.alerts, func(a *amAlert) bool {
		if a.labels["alertname"] != watchdog {
			return false
		}
		n.signs++
		if !a.resolved {
			ping := n.alert(a)
			ping.Action, ping.DedupKey = engine.Ping, strings.ToLower(watchdog)
			ping.At = time.Time{} // when it began to fire says nothing of now
			if a.no < len(raw) {
				ping.Raw = cutRaw(raw[a.no])
			}
			pings = append(pings, ping)
		}
		return true
	})
	return pings
}

// onlyWatchdogs tells that nothing else can be in the group, also not among the alerts that were cut off.
func (n *notification) onlyWatchdogs() bool {
	return n.signs > 0 && len(n.alerts) == 0 && (n.truncated == 0 || n.groupLabels["alertname"] == watchdog)
}

// atMost is the first of the labels, in the order of their names.
func atMost(labels map[string]string, limit int) map[string]string {
	if len(labels) <= limit {
		return labels
	}
	some := make(map[string]string, limit)
	for _, name := range slices.Sorted(maps.Keys(labels))[:limit] {
		some[name] = labels[name]
	}
	return some
}

// hash stands in for a fingerprint that is missing: of the labels or, if there are none either, of the
// annotations.
func (a *amAlert) hash() string {
	if len(a.labels) > 0 {
		return hash([]byte(describe(a.labels, "\x01", len(a.labels))))
	}
	return hash([]byte(describe(a.annotations, "\x03", len(a.annotations))))
}

// group is the whole group under its identity.
func (n *notification) group(body []byte) engine.Alert {
	firing := n.firing()
	labels := n.commonLabels
	if len(labels) == 0 {
		labels = n.groupLabels
	}
	out := engine.Alert{
		Action:   engine.Trigger,
		Service:  n.service(n.anyLabels()),
		Summary:  n.summary(firing),
		DedupKey: n.groupID(),
		Details:  n.details(firing),
		Labels:   atMost(labels, maxLabels),
		Source:   n.from.source,
		Raw:      cutRaw(body),
	}
	rate(&out, n.severity(firing))
	if n.truncated > 0 {
		doubt(&out, engine.DoubtRequest, n.missing())
	}
	over := n.resolved() || n.signs > 0 // what else is in the group decides, where a Watchdog fires in it
	if over && n.truncated == 0 && len(firing) == 0 {
		out.Action = engine.Resolve
	}
	var l links
	for _, a := range n.alerts {
		for _, link := range a.links {
			l.add(link.Href, link.Text)
		}
	}
	n.remarkLinks(&l, n.commonRemark)
	out.Links = l
	return out
}

// cutOff stands for the alerts of the group that are not in the notification, or too many to be read.
func (n *notification) cutOff(body []byte) engine.Alert {
	out := n.group(body)
	out.Action = engine.Trigger
	out.Summary = oneLine(fmt.Sprintf("%d more alerts of %s were cut off by %s's %s", n.truncated, n.name(), n.from.name, n.from.limit))
	if len(n.alerts) == maxNotified {
		out.Summary = oneLine(fmt.Sprintf("%d more alerts of %s were cut off: %d at once are read", n.truncated, n.name(), maxNotified))
	}
	out.Details = cut(joinBlocks(fmt.Sprintf("Look in %s for them, and raise %s of this receiver, or make its groups smaller. "+
		"Nothing resolves this incident but a person.", n.from.name, n.from.limit), describe(n.groupLabels, ": ", maxLabels)), maxDetails)
	out.DedupKey = "cut-off:" + first(n.groupID(), hash([]byte(n.name())))
	return out
}

// missing says what of the group is not known.
func (n *notification) missing() string {
	by := n.from.limit
	if len(n.alerts) == maxNotified {
		by = fmt.Sprintf("the limit of %d at once", maxNotified)
	}
	return fmt.Sprintf("%d more alerts were cut off by %s: it is not known whether they fire.", n.truncated, by)
}

// groupID is the identity of the group, "" if the notification has none.
func (n *notification) groupID() string {
	if n.groupKey != "" {
		return hash([]byte(n.groupKey))
	}
	if len(n.groupLabels) > 0 {
		return hash([]byte(n.receiver + "\x02" + describe(n.groupLabels, "\x01", len(n.groupLabels))))
	}
	return ""
}

func (n *notification) firing() (list []*amAlert) {
	for _, a := range n.alerts {
		if !a.resolved {
			list = append(list, a)
		}
	}
	return list
}

// severity of a group is the word that its labels say, else the worst of what fires in it.
func (n *notification) severity(firing []*amAlert) (word string) {
	if word = first(n.commonLabels["severity"], n.groupLabels["severity"]); word != "" {
		return word
	}
	var worst engine.Severity
	for i, a := range firing {
		if s, _ := severityOf(a.labels["severity"]); i == 0 || s < worst {
			worst, word = s, a.labels["severity"]
		}
	}
	return word
}

// service is whose trouble it is: the key's, else what the labels say.
func (n *notification) service(labels map[string]string) engine.ServiceID {
	if n.sender.Service != "" {
		return n.sender.Service
	}
	return serviceOf(first(labels["service"], n.commonLabels["service"], n.groupLabels["service"]))
}

// anyLabels are the labels of the first alert: a group without common ones goes where that would go.
func (n *notification) anyLabels() map[string]string {
	if first(n.commonLabels["service"], n.groupLabels["service"]) != "" {
		return nil
	}
	for _, a := range slices.Concat(n.firing(), n.alerts) {
		if a.labels["service"] != "" {
			return a.labels
		}
	}
	return nil
}

// summary of a group is the common one, else Grafana's title of it, else that of the first alert that fires.
func (n *notification) summary(firing []*amAlert) string {
	common := remark(n.commonRemark)
	switch {
	case common != "" && len(firing) > 1:
		return oneLine(fmt.Sprintf("%s (%d firing)", common, len(firing)))
	case common != "":
		return common
	case n.title != "" && oneLine(n.title) != "":
		return oneLine(n.title)
	case len(firing) > 1:
		return oneLine(fmt.Sprintf("%s and %d more", firing[0].summary(), len(firing)-1))
	case len(firing) == 1:
		return firing[0].summary()
	}
	return oneLine(n.from.name + ": " + n.name())
}

// name is what the group is called: the labels it was made by.
func (n *notification) name() string {
	if len(n.groupLabels) > 0 {
		return strings.ReplaceAll(describe(n.groupLabels, "=", 10), "\n", " ")
	}
	return "group " + first(n.groupKey, n.receiver, "without a name")
}

func (n *notification) details(firing []*amAlert) string {
	var lines []string
	for i, a := range firing {
		if i == maxListed {
			lines = append(lines, fmt.Sprintf("… and %d more", len(firing)-i))
			break
		}
		lines = append(lines, "- "+a.summary())
	}
	var cutOff string
	if n.truncated > 0 {
		cutOff = n.missing()
	}
	return cut(joinBlocks(strings.Join(lines, "\n"), cutOff, cut(n.message, maxDetails/2), describe(n.groupLabels, ": ", maxLabels),
		describe(n.commonLabels, ": ", maxLabels), describe(n.commonRemark, ": ", maxLabels)), maxDetails)
}

// summary is never empty.
func (a *amAlert) summary() string {
	if s := remark(a.annotations); s != "" {
		return s
	}
	name := oneLine(a.labels["alertname"])
	switch instance := a.labels["instance"]; {
	case name != "" && instance != "":
		return oneLine(name + " on " + instance)
	case name != "":
		return name
	case len(a.labels) > 0:
		return oneLine("Alert " + strings.ReplaceAll(describe(a.labels, "=", 10), "\n", " "))
	}
	return "Alert without labels"
}

// remark is the summary among annotations.
func remark(annotations map[string]string) string {
	return oneLine(first(annotations["summary"], annotations["description"], annotations["message"]))
}
