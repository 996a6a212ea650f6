package intake

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/rosters"
)

// The limits of a request in our own format.
const (
	maxAlertsBody = 256 << 10
	maxAlerts     = 1000 // in one request
)

// example is what a sender is shown whose request is not an alert.
const example = `Send {"summary": "Disk full on db1", "severity": 1, "service": "database", "dedup_key": "disk-db1"}.`

// Alerts takes our own format at POST /v1/alerts: an alert, or a list of alerts. A text alone is an
// alert with that summary. The fields, none of which is needed:
//
//	summary    what is wrong, in one line; title, message, description or text if it is missing
//	severity   1, 2, 3 or the word of another system, see severityOf
//	service    whose trouble it is; a key that is bound to a service overrides it
//	dedup_key  alerts with the same one are the same trouble; without it each opens an incident
//	action     trigger (or missing), acknowledge, resolve
//	details    text or any JSON
//	links      [{"href": …, "text": …}] or ["https://…"]
//	key        the sender's own key for the incident, "HOT-1234"
//	by         with acknowledge: the handle of the person who answered in the sender's own system
//	at         when it happened, RFC 3339
//
// The Content-Type does not matter. The sender is a person's script and reads the answer: what is
// not JSON gets a 400 that says where. Without a dedup_key a request that is repeated after a 503
// may open another incident: rather twice than never.
func (h *Handler) Alerts(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, "alerts", shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	body, more, refused := read(r, maxAlertsBody)
	if more {
		refused = problem.TooLarge.Because("The request is larger than %d bytes. Put less into details, or send fewer alerts.", maxAlertsBody)
	}
	if refused != nil {
		problem.Write(w, refused)
		return
	}
	alerts, list, refused := parseAlerts(body, from.Service)
	if refused != nil {
		problem.Write(w, refused)
		return
	}
	done, all := h.receive(r, alerts)
	switch {
	case !all && list:
		problem.Write(w, notAllStored)
	case !all:
		problem.Write(w, oneNotStored)
	case list:
		accept(w, map[string]any{"alerts": done})
	default:
		accept(w, done[0])
	}
}

// parseAlerts reads a request in our own format; list says that it was one.
func parseAlerts(body []byte, service engine.ServiceID) (alerts []engine.Alert, list bool, refused *problem.Problem) {
	v, proper, err := decode(body)
	switch {
	case errors.Is(err, errTooDeep):
		return nil, false, problem.TooDeep.Because("The JSON is nested deeper than %d levels. Send details as text.", maxDepth)
	case err != nil:
		return nil, false, problem.NotJSON.Because("The request is not JSON: %v. %s", err, example)
	}
	elements, list := v.([]any)
	if !list {
		elements = []any{v}
	}
	if len(elements) == 0 {
		return nil, true, notAnAlert.Because("The list of alerts is empty. %s", example)
	}
	if len(elements) > maxAlerts {
		return nil, true, problem.TooLarge.Because("A request may hold %d alerts, this one has %d.", maxAlerts, len(elements))
	}
	var raw []json.RawMessage
	if list {
		raw = parts(proper)
	}
	for i, element := range elements {
		a, ok := parseAlert(element, service)
		if !ok && list {
			return nil, true, notAnAlert.Because("Element %d of the list is neither an object nor a text: none was taken. %s", i+1, example)
		}
		if !ok {
			return nil, false, notAnAlert.Because("The request is neither an object, a list nor a text. %s", example)
		}
		a.Raw = cutRaw(body)
		if list {
			a.Raw = cutRaw(raw[i])
		}
		alerts = append(alerts, a)
	}
	return alerts, list, nil
}

// ownKey is the form of an incident's key.
var ownKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,19}-[0-9]{1,12}$`)

// parseAlert reads an alert; false says that v cannot be one.
func parseAlert(v any, bound engine.ServiceID) (engine.Alert, bool) {
	f, ok := alertFields(v)
	if !ok {
		return engine.Alert{}, false
	}
	a := engine.Alert{
		Service:  serviceOf(f.text("service")),
		DedupKey: dedupKey(f.text("dedupkey")),
		By:       rosters.PersonID(strings.ToLower(cut(f.text("by"), maxDedup))),
		Source:   "alerts",
	}
	var kept []string // what has no place elsewhere
	keep := func(name string) { kept = append(kept, name+" as sent: "+cut(f.text(name), maxSummary)) }

	summary := f.text("summary", "title", "message", "description", "text", "subject", "name")
	a.Summary = oneLine(summary)
	if utf8.RuneCountInString(summary) > maxSummary {
		kept = append(kept, summary)
	}
	if a.Summary == "" {
		a.Summary = nameless(f, bound)
	}
	var known bool
	if a.Severity, known = severityOf(f.text("severity")); !known && f.text("severity") != "" {
		keep("severity")
	}
	if a.Action, known = actionOf(f.text("action")); !known {
		keep("action")
	}
	if bound != "" {
		if a.Service != "" && a.Service != bound {
			keep("service")
		}
		a.Service = bound
	}
	if key := strings.ToUpper(f.text("key")); ownKey.MatchString(key) {
		a.Key = engine.Key(key)
	} else if key != "" {
		keep("key")
	}
	if at := f.text("at"); at != "" {
		var err error
		if a.At, err = time.Parse(time.RFC3339, at); err != nil {
			keep("at")
		}
	}
	found, odd := ownLinks(f["links"])
	a.Links = found
	kept = append(kept, odd...)
	a.Details = detailsOf(f.text("details"), kept)
	return a, true
}

// alertFields are the fields of what may be an alert: an object, or a text alone.
func alertFields(v any) (fields, bool) {
	switch v := v.(type) {
	case map[string]any:
		return fieldsOf(v), true
	case string:
		return fields{"summary": v}, strings.TrimSpace(v) != ""
	default:
		return nil, false
	}
}

// nameless is the summary of an alert that has none: the first line of its details, else where it is from.
func nameless(f fields, bound engine.ServiceID) string {
	if details, ok := f["details"].(string); ok {
		for line := range strings.Lines(details) {
			if line = oneLine(line); line != "" {
				return line
			}
		}
	}
	from := oneLine(f.text("source", "service", "host", "dedupkey"))
	if from == "" {
		from = string(bound)
	}
	if from == "" {
		return "Alert without summary"
	}
	return oneLine("Alert without summary from " + from)
}

// actions are the words for what an alert asks for, folded by foldName; none at all is a trigger.
var actions = map[string]engine.Action{
	"": engine.Trigger, "trigger": engine.Trigger, "triggered": engine.Trigger, "fire": engine.Trigger, "firing": engine.Trigger, "open": engine.Trigger,
	"acknowledge": engine.Acknowledge, "acknowledged": engine.Acknowledge, "ack": engine.Acknowledge,
	"resolve": engine.Resolve, "resolved": engine.Resolve, "close": engine.Resolve, "closed": engine.Resolve,
	"recovery": engine.Resolve, "recovered": engine.Resolve,
}

// actionOf reads an action. One that is not known is a trigger: better one page too many.
func actionOf(word string) (a engine.Action, known bool) {
	if a, known = actions[foldName(word)]; known {
		return a, true
	}
	return engine.Trigger, false
}

// ownLinks reads a list of links, or one; odd are those that are none.
func ownLinks(v any) (found links, odd []string) {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, element := range list {
		href, text := textOf(element), ""
		if object, ok := element.(map[string]any); ok {
			f := fieldsOf(object)
			href, text = f.text("href", "url", "link"), f.text("text", "title", "name")
		}
		if !found.add(href, text) && href != "" && len(odd) < maxLinks {
			odd = append(odd, "link as sent: "+cut(strings.TrimSpace(text+" "+href), maxHref))
		}
	}
	return found, odd
}

// detailsOf is the details with what was kept below.
func detailsOf(details string, kept []string) string {
	below := cut(strings.Join(kept, "\n"), maxDetails/2)
	if details == "" || below == "" {
		return cut(details+below, maxDetails)
	}
	return cut(details, maxDetails-len(below)-2) + "\n\n" + below
}
