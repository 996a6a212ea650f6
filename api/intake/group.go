package intake

import (
	"fmt"
	"slices"
	"strings"

	"rouse/engine"
)

const (
	sourceAlertmanager = "alertmanager"
	maxLabels          = 200 // shown in the details, and likewise annotations
	maxListed          = 50  // alerts of a group that are listed in its details
)

// alert is the alert under its own identity.
func (n *notification) alert(a *amAlert) engine.Alert {
	severity, _ := severityOf(first(a.labels["severity"], n.commonLabels["severity"], n.groupLabels["severity"]))
	out := engine.Alert{
		Action:   engine.Trigger,
		Service:  n.service(a.labels),
		Severity: severity,
		Summary:  a.summary(),
		DedupKey: dedupKey(first(a.fingerprint, a.hash())),
		Details:  cut(joinBlocks(describe(a.labels, ": ", maxLabels), describe(a.annotations, ": ", maxLabels)), maxDetails),
		Links:    a.links,
		Source:   sourceAlertmanager,
		At:       a.startsAt,
	}
	if a.resolved {
		out.Action, out.At = engine.Resolve, a.endsAt
	}
	return out
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
	out := engine.Alert{
		Action:   engine.Trigger,
		Service:  n.service(n.anyLabels()),
		Severity: n.severity(firing),
		Summary:  n.summary(firing),
		DedupKey: n.groupID(),
		Details:  n.details(firing),
		Source:   sourceAlertmanager,
		Raw:      cutRaw(body),
	}
	if n.resolved() && n.truncated == 0 && len(firing) == 0 {
		out.Action = engine.Resolve
	}
	var l links
	for _, a := range n.alerts {
		if a != nil {
			for _, link := range a.links {
				l.add(link.Href, link.Text)
			}
		}
	}
	n.remarkLinks(&l, n.commonRemark)
	out.Links = l
	return out
}

// cutOff stands for the alerts of the group that Alertmanager did not send.
func (n *notification) cutOff(body []byte) engine.Alert {
	out := n.group(body)
	out.Action = engine.Trigger
	out.Summary = oneLine(fmt.Sprintf("%d more alerts of %s were cut off by Alertmanager's max_alerts", n.truncated, n.name()))
	out.Details = cut(joinBlocks("Look in Alertmanager for them, and raise max_alerts of this receiver. "+
		"Nothing resolves this incident but a person.", describe(n.groupLabels, ": ", maxLabels)), maxDetails)
	out.DedupKey = "cut-off:" + first(n.groupID(), hash([]byte(n.name())))
	return out
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
		if a != nil && !a.resolved {
			list = append(list, a)
		}
	}
	return list
}

// severity of a group is what its labels say, else the worst of what fires in it.
func (n *notification) severity(firing []*amAlert) engine.Severity {
	if word := first(n.commonLabels["severity"], n.groupLabels["severity"]); word != "" || len(firing) == 0 {
		s, _ := severityOf(word)
		return s
	}
	worst := engine.Minor
	for _, a := range firing {
		s, _ := severityOf(a.labels["severity"])
		worst = min(worst, s)
	}
	return worst
}

// service is whose trouble it is: the key's, else what the labels say.
func (n *notification) service(labels map[string]string) engine.ServiceID {
	if n.bound != "" {
		return n.bound
	}
	return serviceOf(first(labels["service"], n.commonLabels["service"], n.groupLabels["service"]))
}

// anyLabels are the labels of the first alert: a group without common ones goes where that would go.
func (n *notification) anyLabels() map[string]string {
	if first(n.commonLabels["service"], n.groupLabels["service"]) != "" {
		return nil
	}
	for _, a := range slices.Concat(n.firing(), n.alerts) {
		if a != nil && a.labels["service"] != "" {
			return a.labels
		}
	}
	return nil
}

// summary of a group is the common one, else that of the first alert that fires in it.
func (n *notification) summary(firing []*amAlert) string {
	common := remark(n.commonRemark)
	switch {
	case common != "" && len(firing) > 1:
		return oneLine(fmt.Sprintf("%s (%d firing)", common, len(firing)))
	case common != "":
		return common
	case len(firing) > 1:
		return oneLine(fmt.Sprintf("%s and %d more", firing[0].summary(), len(firing)-1))
	case len(firing) == 1:
		return firing[0].summary()
	}
	return oneLine("Alertmanager: " + n.name())
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
		cutOff = fmt.Sprintf("%d more alerts were cut off by max_alerts: it is not known whether they fire.", n.truncated)
	}
	return cut(joinBlocks(strings.Join(lines, "\n"), cutOff, describe(n.groupLabels, ": ", maxLabels),
		describe(n.commonLabels, ": ", maxLabels), describe(n.commonRemark, ": ", maxLabels)), maxDetails)
}

// summary is never empty.
func (a *amAlert) summary() string {
	if s := remark(a.annotations); s != "" {
		return s
	}
	name := a.labels["alertname"]
	switch instance := a.labels["instance"]; {
	case name != "" && instance != "":
		return oneLine(name + " on " + instance)
	case name != "":
		return oneLine(name)
	case len(a.labels) > 0:
		return oneLine("Alert " + strings.ReplaceAll(describe(a.labels, "=", 10), "\n", " "))
	}
	return "Alert without labels from Alertmanager"
}

// remark is the summary among annotations.
func remark(annotations map[string]string) string {
	return oneLine(first(annotations["summary"], annotations["description"], annotations["message"]))
}
