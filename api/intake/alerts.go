package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/rosters"
)

// The limits of a request in our own format.
const (
	maxAlerts     = 1000 // in one request; behind them one more says that there were more
	maxResponders = 50   // of one alert
	maxOnce       = 100  // bytes of an Idempotency-Key: a longer one is hashed, as the engine keeps 200 of a Once
)

const sourceAlerts = "alerts"

// example is what a sender is shown whose request is not an alert.
const example = `Send {"summary": "Disk full on db1", "severity": 1, "service": "database", "dedup_key": "disk-db1"}.`

// Alerts takes our own format at POST /v1/alerts: an alert, or a list of alerts. A text alone is an
// alert with that summary. The fields, none of which is needed:
//
//	summary          what is wrong, in one line; title, message, description or text if it is missing
//	severity         1, 2, 3 or the word of another system, see severityOf
//	service          whose trouble it is; a key that is bound to a service overrides it
//	dedup_key        alerts with the same one are the same trouble; without it each opens an incident
//	action           trigger (or missing), acknowledge, resolve, unacknowledge, snooze, escalate, page, comment,
//	                 amend, record; see engine.Action
//	details          text or any JSON
//	labels           {"cluster": "eu-1"}, for rules to look at: at most 200, values of at most 1 KiB
//	links            [{"href": …, "text": …}] or ["https://…"]
//	responders       [{"kind": "user", "name": "ann"}] or ["ann"]: with trigger those who are paged instead of the
//	                 service's policy, with page beside it; user, team, schedule or escalation; at most 50
//	key              the sender's own key for the incident, "HOT-1234"
//	by               who acknowledged, snoozed, wrote: the handle of that person
//	note             what they said, at most 4 KiB
//	at               when it happened, RFC 3339
//	until            when a snooze ends, RFC 3339; without it a snooze is an acknowledgement
//	idempotency_key  unique to what happened: told twice, it counts once. The header Idempotency-Key says the
//	                 same of the whole request
//
// The Content-Type does not matter. The sender is a person's script and reads the answer: what is
// not JSON gets a 400 that says where. Of a request over 512 KiB the beginning is taken, and pages. Without a
// dedup_key or an idempotency_key a request that is repeated after a 503 may open another incident: rather
// twice than never.
func (h *Handler) Alerts(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, sourceAlerts, shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	body, whole, err := readBody(r)
	if err != nil {
		problem.Write(w, brokenOff)
		return
	}
	alerts, list, refused := parseAlerts(body, whole, from, r.Header.Get("Idempotency-Key"))
	if refused != nil {
		problem.Write(w, refused)
		return
	}
	done, all := h.receive(r, from, alerts)
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

// parseAlerts reads a request in our own format; list says that it was one. once is the idempotency key of
// the request, or "". What was cut off (whole is false), or is too much, gives the alerts that could be read,
// and of a list one more that says so.
func parseAlerts(body []byte, whole bool, from Sender, once string) (alerts []engine.Alert, list bool, refused *problem.Problem) {
	v, proper, odd := decodeOrBeginning(body, whole)
	if odd != nil && whole && !errors.Is(odd.why, errTooMany) {
		return nil, false, notReadable(odd.why)
	}
	elements, list := v.([]any)
	switch {
	case list && len(elements) == 0 && odd == nil:
		return nil, true, notAnAlert.Because("The list of alerts is empty. %s", example)
	case list:
		return parseList(body, elements, parts(proper), odd, from, once)
	}
	a, ok := readAlert(v, from)
	switch {
	case ok:
		doubtRequest(&a, odd)
		a.Details = detailsBelow(odd.note(), a.Details)
	case odd == nil:
		return nil, false, notAnAlert.Because("The request is neither an object, a list nor a text. %s", example)
	default:
		a = cutOffAlert(body, odd, from)
	}
	a.Raw, a.Once = cutRaw(body), onceOf(from, a.Once, once, "")
	return []engine.Alert{a}, false, nil
}

// notReadable refuses what is not JSON.
func notReadable(why error) *problem.Problem {
	if errors.Is(why, errTooDeep) {
		return problem.TooDeep.Because("The JSON is nested deeper than %d levels. Send details as text.", maxDepth)
	}
	return problem.NotJSON.Because("The request is not JSON: %v. %s", why, example)
}

// parseList reads a list of alerts; raw are its elements as they were sent, as far as that is known.
func parseList(body []byte, elements []any, raw []json.RawMessage, odd *partial, from Sender, once string) ([]engine.Alert, bool, *problem.Problem) {
	if n := len(elements); n > maxAlerts {
		odd = &partial{why: fmt.Errorf("a list of %d alerts, and %d are taken at once", n, maxAlerts)}
		elements = elements[:maxAlerts]
	}
	var alerts []engine.Alert
	for i, element := range elements {
		a, ok := readAlert(element, from)
		if !ok && odd == nil {
			return nil, true, notAnAlert.Because("Element %d of the list is neither an object nor a text: none was taken. %s", i+1, example)
		}
		if !ok {
			continue // it, too, is what the last one tells of
		}
		if i < len(raw) {
			a.Raw = cutRaw(raw[i])
		} else {
			a.Raw = cutRaw([]byte(textOf(element)))
		}
		if odd != nil && i == len(elements)-1 && strings.HasPrefix(odd.where, "[].") {
			a.Details = detailsBelow(odd.note(), a.Details)
			doubtRequest(&a, odd)
		}
		a.Once = onceOf(from, a.Once, once, fmt.Sprint(":", i))
		alerts = append(alerts, a)
	}
	if odd != nil {
		a := cutOffAlert(body, odd, from)
		a.Once = onceOf(from, "", once, ":cut-off")
		alerts = append(alerts, a)
	}
	return alerts, true, nil
}

// cutOffAlert stands for what of a request could not be read.
func cutOffAlert(body []byte, odd *partial, from Sender) engine.Alert {
	return oddAlert(sourceAlerts, from, body, odd, "Alerts are missing: Rouse could not read all of a request",
		"Look for what else is wrong where it came from, and send less at once.")
}

// onceOf is what an alert of a sender counts once by: its own idempotency key, else that of the request with
// its place in it.
func onceOf(from Sender, own, request, place string) string {
	key, behind := own, ""
	if key == "" {
		key, behind = strings.TrimSpace(storable(request)), place
	}
	if key == "" {
		return ""
	}
	if len(key) > maxOnce {
		key = hash([]byte(key))
	}
	return fmt.Sprintf("alerts:%d:%s%s", from.Key, key, behind)
}

// detailsBelow puts a note above the details.
func detailsBelow(note, details string) string { return cut(joinBlocks(note, details), maxDetails) }

// ownKey is the form of an incident's key.
var ownKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,19}-[0-9]{1,12}$`)

// ownAlert is an alert in our own format.
type ownAlert struct {
	fields
	kept []string // lines for people of what has no place elsewhere
}

func (f *ownAlert) keep(name string) {
	f.kept = append(f.kept, name+" as sent: "+cut(f.text(name), maxSummary))
}

// readAlert reads an alert, with its own idempotency key as Once; false says that v cannot be one.
func readAlert(v any, from Sender) (engine.Alert, bool) {
	found, ok := alertFields(v)
	if !ok {
		return engine.Alert{}, false
	}
	f := &ownAlert{fields: found}
	a := engine.Alert{
		Summary:    f.summary(from.Service),
		DedupKey:   dedupKey(f.text("dedupkey")),
		By:         rosters.PersonID(strings.ToLower(cut(f.text("by"), maxDedup))),
		Note:       cut(f.text("note"), maxNote),
		Labels:     ownLabels(f.fields["labels"]),
		Responders: ownResponders(f.fields["responders"]),
		Once:       f.text("idempotencykey"),
		Source:     sourceAlerts,
	}
	if !rate(&a, f.text("severity")) {
		f.keep("severity")
	}
	a.Service = f.service(from.Service)
	if key := strings.ToUpper(f.text("key")); ownKey.MatchString(key) {
		a.Key = engine.Key(key)
	} else if key != "" {
		f.keep("key")
	}
	a.At, a.Until = f.time("at"), f.time("until")
	f.settleAction(&a)
	if a.Labels == nil && f.fields["labels"] != nil {
		f.keep("labels")
	}
	links, odd := ownLinks(f.fields["links"])
	a.Links = links
	a.Details = detailsOf(f.text("details"), append(f.kept, odd...))
	return a, true
}

func (f *ownAlert) summary(bound engine.ServiceID) string {
	text := f.text("summary", "title", "message", "description", "text", "subject", "name")
	if utf8.RuneCountInString(text) > maxSummary {
		f.kept = append(f.kept, text)
	}
	if s := oneLine(text); s != "" {
		return s
	}
	return nameless(f.fields, bound)
}

func (f *ownAlert) service(bound engine.ServiceID) engine.ServiceID {
	named := serviceOf(f.text("service"))
	if bound == "" {
		return named
	}
	if named != "" && named != bound {
		f.keep("service")
	}
	return bound
}

// time is zero if there is none.
func (f *ownAlert) time(name string) time.Time {
	text := f.text(name)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil && text != "" {
		f.keep(name)
	}
	return at
}

// settleAction says what the alert asks for. Who asks for something that cannot be done as it stands gets
// what is nearest to it and pages rather too many.
func (f *ownAlert) settleAction(a *engine.Alert) {
	word := f.text("action")
	var known bool
	if a.Action, known = actionOf(word); !known {
		f.keep("action")
		doubtAction(a, "action", word)
	}
	switch {
	case a.Action == engine.PageMore && (len(a.Responders) == 0 || a.DedupKey == "" && a.Key == ""):
		f.instead(a, engine.Trigger) // to page nobody in particular, or for nothing that is open, is to open it
	case a.Action == engine.Snooze && a.Until.IsZero():
		f.instead(a, engine.Acknowledge) // it expires as others do
	case a.Action == engine.Comment && a.Note == "":
		a.Note = cut(first(f.text("details"), a.Summary), maxNote)
	}
}

// instead has an alert do what is nearest to an action that lacks what it needs.
func (f *ownAlert) instead(a *engine.Alert, action engine.Action) {
	f.keep("action")
	doubt(a, engine.DoubtAction, fmt.Sprintf("The action %q lacks what it needs: taken as %s.", a.Action, action))
	a.Action = action
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

// actions are the words for what an alert asks for, folded by foldName; none at all is a trigger. Words that
// may mean new trouble, such as update, are not here, as only a trigger pages.
var actions = map[string]engine.Action{
	"": engine.Trigger, "trigger": engine.Trigger, "triggered": engine.Trigger, "fire": engine.Trigger, "firing": engine.Trigger, "open": engine.Trigger,
	"acknowledge": engine.Acknowledge, "acknowledged": engine.Acknowledge, "ack": engine.Acknowledge,
	"resolve": engine.Resolve, "resolved": engine.Resolve, "close": engine.Resolve, "closed": engine.Resolve,
	"recovery": engine.Resolve, "recovered": engine.Resolve,
	"unacknowledge": engine.Unacknowledge, "unacknowledged": engine.Unacknowledge, "unack": engine.Unacknowledge,
	"snooze": engine.Snooze, "snoozed": engine.Snooze, "escalate": engine.Escalate, "page": engine.PageMore,
	"comment": engine.Comment, "amend": engine.Amend, "record": engine.Record,
}

// actionOf reads an action. One that is not known is a trigger: better one page too many.
func actionOf(word string) (a engine.Action, known bool) {
	if a, known = actions[foldName(word)]; known {
		return a, true
	}
	return engine.Trigger, false
}

// ownLabels reads an object of labels, at most maxLabels of them; nil if v is none.
func ownLabels(v any) map[string]string {
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	labels := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if value := object[name]; value != nil && len(labels) < maxLabels {
			labels[cut(storable(name), maxLabelName)] = cut(textOf(value), maxLabelValue)
		}
	}
	return labels
}

// responderKinds are the words for whom to page, folded by foldName, ours among them.
var responderKinds = map[string]string{
	"user": "user", "person": "user", "team": "team", "schedule": "schedule", "roster": "schedule",
	"escalation": "escalation", "escalationpolicy": "escalation", "policy": "escalation",
}

// ownResponders reads a list of responders, or one.
func ownResponders(v any) (found []engine.Responder) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, element := range list {
		name, kind := textOf(element), ""
		if object, ok := element.(map[string]any); ok {
			f := fieldsOf(object)
			name, kind = f.text("name", "handle", "username", "slug", "id"), responderKinds[foldName(f.text("kind", "type"))]
		}
		if name = oneLine(name); name != "" && len(found) < maxResponders {
			found = append(found, engine.Responder{Kind: kind, Name: name})
		}
	}
	return found
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
