package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"rouse/api/problem"
	"rouse/engine"
)

// The limits of a request from Alertmanager or Grafana, whose groups may be large.
const (
	maxNotification = 5 << 20
	maxDrained      = 64 << 20 // read beyond that and thrown away, so that the sender hears the answer
	oddBytes        = 2000     // of an unreadable request that are shown in its details
)

// Alertmanager takes Alertmanager's webhook (payload version 4, and Grafana's of version 1 alike) at
// POST /v1/alertmanager and /v1/alertmanager/{key}. With ?per=alert, or without it, each alert is an
// incident under its fingerprint; with ?per=group each group is one, under the SHA-256 of its groupKey.
//
// Alertmanager drops a notification that is answered with any 4xx, and retries a 5xx. So nothing is
// refused here: what cannot be read becomes an incident that says so and pages somebody. Of a request at
// most 5 MiB are read, and of a group 10,000 alerts; what is beyond becomes an incident that says so, too.
//
// An alert that is called Watchdog pages nobody: while it fires, it is a sign of life of the heartbeat
// "watchdog". See system.parse for what becomes of the rest.
func (h *Handler) Alertmanager(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromAlertmanager, ourManners)
}

// manners are how a dialect that is spoken at addresses of others answers there.
type manners struct {
	refuse func(http.ResponseWriter, error)            // the sender, see Handler.sender
	later  func(http.ResponseWriter, *problem.Problem) // not everything is stored: the request is to come again
	accept func(http.ResponseWriter, []received)       // everything is
}

// ourManners are those at our own addresses.
var ourManners = manners{
	refuse: refuseSigned,
	later:  problem.Write,
	accept: func(w http.ResponseWriter, done []received) { accept(w, map[string]any{"alerts": done}) },
}

// notification takes a notification of a system.
func (h *Handler) notification(w http.ResponseWriter, r *http.Request, from system, m manners) {
	sender, err := h.sender(w, r, from.source, shown(r)...)
	if err != nil {
		m.refuse(w, err)
		return
	}
	body, more, err := readSigned(r, from, sender)
	if refused, ok := errors.AsType[*problem.Problem](err); ok {
		m.later(w, refused)
		return
	} else if err != nil {
		m.refuse(w, err)
		return
	}
	alerts := from.parse(body, !more, sender, r.URL.Query().Get("per") == "group")
	done, all := h.receive(r, sender, alerts)
	if !all {
		m.later(w, notAllStored)
		return
	}
	m.accept(w, done)
}

// readNotification takes at most maxNotification of the body; more says that there was more.
func readNotification(r *http.Request) (body []byte, more bool, refused *problem.Problem) {
	body, more, refused = read(r, maxNotification)
	if more {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // an error here is the sender's, who will not hear us
	}
	return body, more, refused
}

// parse reads a notification. It gives at least one alert for whatever comes, but for the word that an empty
// group, or a Watchdog, is resolved.
//
// The service is the one the key is bound to, else what the label "service" says; labels stand in the
// details either way. A group whose notification was cut off (max_alerts) is never resolved by it: its
// status was worked out from what was left. In place of the alerts that were cut off there is one that
// says so.
func (from system) parse(body []byte, whole bool, sender Sender, perGroup bool) (alerts []engine.Alert) {
	v, proper, odd := decodeOrBeginning(body, whole)
	object, ok := v.(map[string]any)
	n := newNotification(from, object, sender)
	n.tooLong = !whole
	if odd != nil {
		return n.beginning(body, odd, perGroup)
	}
	if !ok {
		return []engine.Alert{n.unreadable(body, &partial{why: errNoObject})}
	}
	if n.resolved() && n.groupKey != "" && n.listEmpty {
		if perGroup || n.truncated > 0 {
			return []engine.Alert{n.group(body)}
		}
		return nil
	}
	if len(n.alerts) == 0 {
		return []engine.Alert{n.unreadable(body, &partial{why: errNoAlerts})}
	}
	if n.misfits > 0 {
		alerts = []engine.Alert{n.unreadable(body, &partial{why: errMisfits})}
	}
	raw := rawAlerts(proper)
	alerts = append(alerts, n.signsOfLife(raw)...)
	switch {
	case n.onlyWatchdogs():
		return alerts
	case perGroup && n.groupID() != "":
		return append(alerts, n.group(body))
	}
	alerts = append(alerts, n.each(raw, body)...)
	if n.truncated > 0 {
		alerts = append(alerts, n.cutOff(body))
	}
	return alerts
}

// What a notification can be instead of one.
var (
	errNoAlerts = errors.New("without alerts")
	errMisfits  = errors.New("no list of objects where its alerts are")
)

// each is every alert by itself, with its part of the request.
func (n *notification) each(raw []json.RawMessage, body []byte) (alerts []engine.Alert) {
	for _, a := range n.alerts {
		one := n.alert(a)
		switch {
		case len(n.alerts) == 1 && len(raw) <= 1 && body != nil:
			one.Raw = cutRaw(body)
		case a.no < len(raw):
			one.Raw = cutRaw(raw[a.no])
		}
		alerts = append(alerts, one)
	}
	return alerts
}

// beginning is what can be made of a request that was read in part only: an alert that says so, and by
// itself each alert that was read to its end, which is where the fingerprint stands. Of a group as a whole
// nothing can be said.
func (n *notification) beginning(body []byte, odd *partial, perGroup bool) []engine.Alert {
	alerts := []engine.Alert{n.unreadable(body, odd)}
	n.alerts = slices.DeleteFunc(n.alerts, func(a *amAlert) bool {
		return a.fingerprint == "" || strings.HasSuffix(a.fingerprint, "…")
	})
	raw := rawAlerts(mend(body))
	alerts = append(alerts, n.signsOfLife(raw)...)
	if !perGroup {
		alerts = append(alerts, n.each(raw, nil)...)
	}
	return alerts
}

// rawAlerts are the alerts of a notification as they were sent, as far as it can be read.
func rawAlerts(text []byte) (raw []json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return raw
		}
		if name, _ := name.(string); foldName(name) != "alerts" {
			if err := d.Decode(new(skipped)); err != nil {
				return raw
			}
			continue
		}
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			return nil
		}
		for raw = nil; d.More(); {
			var one json.RawMessage
			if err := d.Decode(&one); err != nil {
				return append(raw, bytes.TrimLeft(text[d.InputOffset():], ", \t\r\n"))
			}
			raw = append(raw, one)
		}
		if _, err := d.Token(); err != nil {
			return raw
		}
	}
	return raw
}

// skipped is a JSON value that is not looked at.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

// unreadable stands for a request that cannot be read, or not to its end.
func (n *notification) unreadable(body []byte, odd *partial) engine.Alert {
	summary := n.from.name + " sent something Rouse could not read"
	advice := "Look in " + n.from.name + " for what is wrong, and at the payload template of this receiver."
	if n.tooLong {
		summary = fmt.Sprintf("%s sent more than %d MiB at once", n.from.name, maxNotification>>20)
		advice = fmt.Sprintf("Look in %s for what is wrong, and set %s for this receiver.", n.from.name, n.from.limit)
	}
	a := oddAlert(n.from.source, n.sender, body, odd, summary, advice+" Nothing resolves this incident but a person.")
	if n.tooLong { // it changes with every alert in it
		a.DedupKey = dedupKey(fmt.Sprintf("too-long:%s:%d:%s", n.from.source, n.sender.Key, n.receiver))
	}
	return a
}
