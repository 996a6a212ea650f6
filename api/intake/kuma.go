package intake

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
)

// UptimeKuma takes Uptime Kuma's webhook at /v1/uptime-kuma and /v1/uptime-kuma/{key}, in all its forms: POST
// or PUT with JSON, or with a form whose field "data" is that JSON, or GET with parameters. It holds
//
//	heartbeat  what was found: status 0 (down) triggers, 1 (up) resolves, 2 (pending) and 3 (maintenance) are
//	           kept on record and page nobody
//	monitor    of what: its id names the trouble, its tags are labels; a tag called severity, or service, counts
//	           as those
//	msg        Kuma's own summary
//
// Without a heartbeat it is a notice: that a certificate or a domain expires, or Kuma's button "Test", which
// look alike. It is a trigger of severity 3: somebody has to see it, and nobody has to wake up for it.
//
// Two Kumas that report to the same service count their monitors alike: give each its own ?instance=NAME.
// Kuma does not send again what was not stored, but shows it in its log, and repeats it if the monitor is told
// to resend. Of a request at most 512 KiB are read.
func (h *Handler) UptimeKuma(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, sourceKuma, shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	body, whole, err := readBody(r)
	if err != nil {
		problem.Write(w, brokenOff)
		return
	}
	query := readPairs(r.URL.RawQuery)
	if len(body) == 0 {
		body = query.withoutKeys()
	}
	instance := first(query["instance"]...)
	done, all := h.receive(r, from, []engine.Alert{parseKuma(r.Header.Get("Content-Type"), body, whole, from, instance)})
	if !all {
		problem.Write(w, oneNotStored)
		return
	}
	accept(w, map[string]any{"alerts": done})
}

const sourceKuma = "uptime-kuma"

// parseKuma reads a webhook of Uptime Kuma. A template of the user's own can make anything of it: what is
// none becomes an alert that says so.
func parseKuma(contentType string, body []byte, whole bool, from Sender, instance string) engine.Alert {
	v, filled, odd := payload(contentType, body, whole)
	object, _ := v.(map[string]any)
	if filled != nil {
		object = filled.object()
	}
	f := fieldsOf(object)
	if data, ok := f["data"].(string); ok && f["msg"] == nil && f["heartbeat"] == nil {
		v, _, odd = decodeOrBeginning([]byte(data), whole)
		object, _ = v.(map[string]any)
		f = fieldsOf(object)
	}
	beat, monitor := kumaPart(f["heartbeat"]), kumaPart(f["monitor"])
	if beat == nil && f.text("msg") == "" {
		return oddAlert(sourceKuma, from, body, odd, "Uptime Kuma sent something Rouse could not read",
			"Set the request body of the notification to one of Kuma's presets.")
	}
	if told := f.text("heartbeat"); beat == nil && told != "" && told != "null" {
		beat = fields{} // it cannot be read, and so is no notice
	}
	a := kumaAlert(beat, monitor, f.text("msg"), from.Service, instance)
	doubtRequest(&a, odd)
	a.Details = detailsOf(a.Details, nonEmpty(odd.note()))
	a.Raw = cutRaw(body)
	return a
}

// kumaPart is the heartbeat or the monitor, an object, or JSON of one in a parameter; nil if there is none.
func kumaPart(v any) fields {
	if text, ok := v.(string); ok {
		v, _, _ = decodeOrBeginning([]byte(text), true)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return fieldsOf(object)
}

func kumaAlert(beat, monitor fields, msg string, bound engine.ServiceID, instance string) engine.Alert {
	name := oneLine(monitor.text("name"))
	labels := kumaLabels(monitor)
	word := first(labels["tag:severity"], labels["tag:priority"])
	a := engine.Alert{
		Service:  bound,
		DedupKey: kumaTrouble(beat, monitor, name, msg, instance),
		Labels:   atMost(labels, maxLabels),
		Source:   sourceKuma,
		At:       kumaTime(beat.text("time")),
	}
	if bound == "" {
		a.Service = serviceOf(labels["tag:service"])
	}
	rate(&a, word)
	status := beat.text("status")
	var state string
	a.Action, state = kumaState(status)
	if a.Action == engine.Trigger && status != "0" && beat != nil {
		doubtAction(&a, "status", status)
	}
	if beat == nil && word == "" {
		a.Severity = engine.Minor
	}
	a.Summary = oneLine(first(msg, "Uptime Kuma: a monitor "+state))
	if beat != nil && name != "" {
		a.Summary = oneLine(strings.TrimRight(fmt.Sprintf("%s %s: %s", name, state, beat.text("msg")), ": "))
	}
	if a.Summary == "" {
		a.Summary = "Uptime Kuma sent a notice without text"
	}
	var l links
	l.add(monitor.text("url"), first(name, "Monitor"))
	a.Links = l
	a.Details = cut(joinBlocks(cut(msg, maxDetails/2), cut(beat.text("msg"), maxSummary), cut(monitor.text("description"), maxDetails/4),
		describe(labels, ": ", maxLabels)), maxDetails)
	return a
}

// kumaState is what the status of a heartbeat asks for, and how it is called. One that is not known is down:
// better one page too many.
func kumaState(status string) (action engine.Action, called string) {
	switch status {
	case "1":
		return engine.Resolve, "is up"
	case "2":
		return engine.Record, "is pending"
	case "3":
		return engine.Record, "is under maintenance"
	}
	return engine.Trigger, "is down"
}

// kumaTrouble is what a webhook is about: the monitor, by its number, or else its name, or else the text.
func kumaTrouble(beat, monitor fields, name, msg, instance string) string {
	of := "kuma/"
	if instance != "" {
		of += instance + "/"
	}
	switch id := first(monitor.text("id"), beat.text("monitorid")); {
	case beat == nil:
		return dedupKey(of + "notice/" + hash([]byte(msg)))
	case id != "":
		return dedupKey(of + id)
	case name != "":
		return dedupKey(of + "name/" + name)
	}
	return dedupKey(of + "text/" + hash([]byte(msg)))
}

// kumaLabels are what a rule may look at: what the monitor watches, and its tags.
func kumaLabels(monitor fields) map[string]string {
	labels := map[string]string{}
	for _, name := range []string{"id", "name", "type", "url", "hostname", "port", "pathname"} {
		if value := monitor.text(name); value != "" && value != "https://" { // which Kuma puts in where none is needed
			labels[name] = cut(value, maxLabel)
		}
	}
	tags, _ := monitor["tags"].([]any)
	for _, tag := range tags {
		if object, ok := tag.(map[string]any); ok && len(labels) < maxLabels {
			f := fieldsOf(object)
			labels["tag:"+cut(f.text("name"), maxLabel)] = cut(f.text("value"), maxLabel)
		}
	}
	return labels
}

// kumaTime reads the time of a heartbeat, which is in UTC and does not say so; zero if it is none.
func kumaTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	return time.Time{}
}
