package intake

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rouse/engine"
)

// event is an event of PagerDuty's, of whichever version.
type event struct {
	body   []byte
	fields fields // of payload, and of what stands around it where payload has not the same
	text   string // what stands in place of an object
	key    string // "" if there is none
	odd    *partial
	kept   []string // lines for people of what has no place elsewhere
}

// errNoObject is a request that is JSON, and no object.
var errNoObject = errors.New("no JSON object")

// readEvent reads a request as far as it goes.
func readEvent(body []byte, whole bool) *event {
	v, _, odd := decodeOrBeginning(body, whole)
	e := &event{body: body, odd: odd}
	switch v := v.(type) {
	case map[string]any:
		e.fields = fieldsOf(v)
	case string:
		e.text = v
	}
	if e.odd == nil && e.fields == nil {
		e.odd = &partial{why: errNoObject}
	}
	e.key = e.fields.text("routingkey", "servicekey")
	if e.key == "" && e.odd != nil {
		e.key = keyIn(body)
	}
	switch payload := e.fields["payload"].(type) {
	case map[string]any:
		maps.Copy(e.fields, fieldsOf(payload))
	case nil:
	default:
		e.text = textOf(payload)
	}
	return e
}

// keyMember finds the key where it cannot be read as JSON.
var keyMember = regexp.MustCompile(`(?i)("(?:routing|service)_?key"\s*:\s*)"((?:[^"\\]|\\.)*)("?)`)

func keyIn(body []byte) string {
	found := keyMember.FindSubmatch(body)
	if found == nil || len(found[3]) == 0 {
		return ""
	}
	return strings.TrimSpace(storable(string(found[2])))
}

// withoutKey is the request as it is kept beside the incident: the key opens more than that, and is not.
func (e *event) withoutKey(prefix string) []byte {
	body := e.body
	if e.key != "" {
		body = bytes.ReplaceAll(body, []byte(e.key), []byte(prefix+"…"))
	}
	return keyMember.ReplaceAll(body, []byte(`${1}"`+strings.ReplaceAll(prefix, "$", "$$")+`…${3}`))
}

func (e *event) keep(name, value string) {
	e.kept = append(e.kept, name+" as sent: "+cut(value, maxSummary))
}

// alert is what the event says; false if it does not say of what. These are the fields, with the names that
// v1 has for them; it does not matter whether they stand in payload or around it:
//
//	event_action, event_type    trigger (or missing), acknowledge, resolve; any other word is a trigger
//	dedup_key, incident_key
//	summary, description        what is wrong
//	severity                    critical, error, warning, info or any word, see severityOf; error if missing
//	timestamp                   ISO 8601 with an offset from UTC
//	source, component, group, class, client
//	custom_details, details     any JSON, see newCustom
//	links, images, contexts, client_url
//
// The service is the one that the key is bound to, else the one that a field, or a custom detail, service
// names.
func (e *event) alert(from Sender, change bool) (engine.Alert, bool) {
	custom := newCustom(e.fields["customdetails"], e.fields["details"])
	a := engine.Alert{
		Service:  from.Service,
		DedupKey: dedupKey(e.fields.text("dedupkey", "incidentkey")),
		Source:   sourcePagerDuty,
	}
	if a.Service == "" {
		a.Service = serviceOf(first(e.fields.text("service"), custom.scalars["service"], custom.common["service"]))
	}
	e.read(&a)
	doubtRequest(&a, e.odd)
	switch {
	case change:
		a.Action, a.Severity = engine.Record, engine.Minor
	case a.DedupKey != "":
	case e.odd != nil:
		if a.Action != engine.Trigger { // it may say of what where it could not be read: somebody has to look
			e.keep("event_action", string(a.Action))
		}
		a.Action, a.DedupKey = engine.Trigger, bodyKey(sourcePagerDuty, from, e.body)
	case a.Action != engine.Trigger:
		return a, false
	}
	a.Summary = e.summary(a)
	a.Links = e.links(custom)
	kept := e.withoutKey(from.Prefix)
	a.Raw = cutRaw(kept)
	facts := e.facts(custom)
	a.Labels = facts.labels()
	var began string
	if e.odd != nil && len(e.fields) == 0 {
		began = "It began with:\n\n" + cut(storable(string(kept[:min(len(kept), oddBytes)])), oddBytes)
	}
	a.Details = cut(joinBlocks(e.odd.note(), cut(strings.Join(e.kept, "\n"), maxDetails/2), facts.lines(), custom.text(), began), maxDetails)
	return a, true
}

// eventActions are the words for what an event asks for, folded by foldName.
var eventActions = map[string]engine.Action{
	"": engine.Trigger, "trigger": engine.Trigger, "triggered": engine.Trigger,
	"acknowledge": engine.Acknowledge, "acknowledged": engine.Acknowledge, "ack": engine.Acknowledge,
	"resolve": engine.Resolve, "resolved": engine.Resolve,
}

// read reads the fields that stand for one thing each.
func (e *event) read(a *engine.Alert) {
	a.Action = engine.Trigger
	word := e.fields.text("eventaction", "eventtype")
	if action, known := eventActions[foldName(word)]; known {
		a.Action = action
	} else {
		e.keep("event_action", word)
		doubtAction(a, "event_action", word)
	}
	if !rate(a, e.fields.text("severity")) {
		e.keep("severity", a.Word)
	}
	if at := e.fields.text("timestamp"); at != "" {
		var known bool
		if a.At, known = eventTime(at); !known {
			e.keep("timestamp", at)
		}
	}
}

// eventTime reads a time as senders write it, go-pagerduty's examples without a colon in the offset.
func eventTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// summary is never empty.
func (e *event) summary(a engine.Alert) string {
	text := first(e.fields.text("summary", "description", "title", "message"), e.text)
	if utf8.RuneCountInString(text) > maxSummary {
		e.kept = append(e.kept, text)
	}
	switch s := oneLine(text); {
	case s != "":
		return s
	case e.odd != nil:
		return "Rouse could not read an event in PagerDuty's format"
	case a.Action == engine.Acknowledge || a.Action == engine.Resolve: // says no more than that
		return oneLine(string(a.Action) + " " + a.DedupKey)
	}
	return nameless(e.fields, a.Service)
}

// links are those of the event, and behind them those of what Alertmanager lists.
func (e *event) links(custom custom) (found links) {
	odd := 0
	add := func(href, text string) {
		if href != "" && !found.add(href, text) && odd < maxLinks {
			e.kept = append(e.kept, "link as sent: "+cut(strings.TrimSpace(text+" "+href), maxHref))
			odd++
		}
	}
	for _, name := range []string{"links", "clienturl", "images", "contexts"} {
		list, isList := e.fields[name].([]any)
		if !isList {
			list = []any{e.fields[name]}
		}
		for _, v := range list {
			object, isObject := v.(map[string]any)
			if !isObject {
				add(strings.TrimSpace(textOf(v)), e.fields.text("client"))
				continue
			}
			f := fieldsOf(object)
			add(f.text("href", "url"), f.text("text", "alt", "title"))
			add(f.text("src"), first(f.text("alt", "text"), "Image"))
		}
	}
	for _, a := range custom.alerts {
		for _, l := range a.links {
			found.add(l.Href, l.Text)
		}
	}
	return found
}

// facts are what an event says of its trouble under names, those first that matter most.
type facts struct {
	names  []string
	values map[string]string
}

func (e *event) facts(custom custom) *facts {
	f := &facts{values: map[string]string{}}
	for _, name := range []string{"source", "component", "group", "class", "client"} {
		if text := e.fields.text(name); text != "" {
			f.add(name, text)
		}
	}
	for _, more := range []map[string]string{custom.common, custom.scalars} {
		for _, name := range slices.Sorted(maps.Keys(more)) {
			f.add(name, more[name])
		}
	}
	return f
}

// add adds a fact; under a longer name if there is another one of this name.
func (f *facts) add(name, value string) {
	if has, taken := f.values[name]; taken && has != value {
		name = "custom_details." + name
	}
	if _, taken := f.values[name]; !taken {
		f.names, f.values[name] = append(f.names, name), value
	}
}

// What rules may look at.
const (
	maxLabelName  = 200     // bytes
	maxLabelValue = 1 << 10 // bytes
)

func (f *facts) labels() map[string]string {
	labels := make(map[string]string, min(len(f.names), maxLabels))
	for _, name := range f.names[:min(len(f.names), maxLabels)] {
		labels[cut(name, maxLabelName)] = cut(f.values[name], maxLabelValue)
	}
	return labels
}

func (f *facts) lines() string { return describe(f.values, ": ", maxLabels) }

// custom is what stands in custom_details.
type custom struct {
	scalars map[string]string // texts, numbers and truths, under their own names
	blocks  []string          // everything else, as text for people
	alerts  []*amAlert        // what Alertmanager lists, from 0.28 on as objects
	common  map[string]string // labels that all of these have
	listed  map[string][]*amAlert
}

// newCustom sorts out the first of some values that is there. Of an object the members that are neither
// objects nor lists can be labels. What Alertmanager lists as firing and resolved is read as alerts if it is
// objects; where it is text, as older ones send it, it is that.
func newCustom(values ...any) (c custom) {
	i := slices.IndexFunc(values, func(v any) bool { return v != nil })
	if i < 0 {
		return c
	}
	object, isObject := values[i].(map[string]any)
	if !isObject {
		c.blocks = []string{textOf(values[i])}
		return c
	}
	c.scalars, c.listed = map[string]string{}, map[string][]*amAlert{}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		switch v := object[name].(type) {
		case nil:
		case map[string]any:
			c.block(name, v, len(v))
		case []any:
			if alerts := listedAlerts(v); len(alerts) > 0 {
				c.listed[storable(name)] = alerts
				c.alerts = append(c.alerts, alerts...)
			} else {
				c.block(name, v, len(v))
			}
		default:
			c.scalars[storable(name)] = textOf(v)
		}
	}
	c.common = commonLabels(c.alerts)
	return c
}

func (c *custom) block(name string, v any, members int) {
	if members > 0 {
		c.blocks = append(c.blocks, storable(name)+":\n"+textOf(v))
	}
}

// listedAlerts reads a list of alerts as Alertmanager has them; nil if it is another one.
func listedAlerts(list []any) (alerts []*amAlert) {
	for _, element := range list {
		object, ok := element.(map[string]any)
		f := fieldsOf(object)
		if !ok || f["labels"] == nil && f["annotations"] == nil {
			return nil
		}
		a := &amAlert{labels: stringsOf(f["labels"]), annotations: stringsOf(f["annotations"])}
		a.links.add(f.text("generatorurl"), "Source")
		alerts = append(alerts, a)
	}
	return alerts
}

func commonLabels(alerts []*amAlert) map[string]string {
	if len(alerts) == 0 {
		return nil
	}
	common := maps.Clone(alerts[0].labels)
	for _, a := range alerts[1:] {
		maps.DeleteFunc(common, func(name, value string) bool { return a.labels[name] != value })
	}
	return common
}

// text is for people what is not among the facts.
func (c *custom) text() string {
	var blocks []string
	for _, name := range slices.Sorted(maps.Keys(c.listed)) {
		lines := []string{name + ":"}
		for i, a := range c.listed[name] {
			if i == maxListed {
				lines = append(lines, fmt.Sprintf("… and %d more", len(c.listed[name])-i))
				break
			}
			own := maps.Clone(a.labels)
			maps.DeleteFunc(own, func(name, _ string) bool { _, all := c.common[name]; return all })
			lines = append(lines, "- "+a.summary())
			for _, more := range []map[string]string{own, a.annotations} {
				if len(more) > 0 {
					lines = append(lines, describe(more, ": ", maxLabels))
				}
			}
		}
		blocks = append(blocks, strings.Join(lines, "\n"))
	}
	return joinBlocks(append(blocks, c.blocks...)...)
}
