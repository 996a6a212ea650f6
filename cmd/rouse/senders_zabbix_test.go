package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// tellOfZabbix follows Zabbix' media types PagerDuty and Opsgenie (templates/media of github.com/zabbix/zabbix),
// whose scripts run in Zabbix alone: what they send, what they want to be answered, and how often Zabbix runs one
// that fails.
func tellOfZabbix(t *testing.T) {
	story(t)
	ctx := limit(t)
	h := newHouse(t, wish{})
	z := &zabbix{ctx: ctx, t: t, client: http.Client{Timeout: soon}}
	z.viaPagerDuty(h)
	z.viaOpsgenie(h)
}

// zabbix is a server of it: what a media type throws, it tries again.
type zabbix struct {
	ctx    context.Context
	t      *testing.T
	client http.Client
}

// zabbixEvent is what a media type is given.
type zabbixEvent struct {
	id, subject, message string
	severity             int    // 0 to 5
	value                string // 1 problem, 0 recovery
	update               string // 1 if it is one
	action               string // of an update
	user                 string
}

const zabbixAttempts = 3 // what a media type has if nobody changes it; the pause between them is not waited for

// notifies runs a media type's script until it does not throw.
func (z *zabbix) notifies(script func(zabbixEvent) error, e zabbixEvent) {
	z.t.Helper()
	var err error
	for range zabbixAttempts {
		if err = script(e); err == nil {
			return
		}
	}
	z.t.Fatalf("Zabbix gave up %q after %d attempts: %v", e.subject, zabbixAttempts, err)
}

// request makes a request as Zabbix' HttpRequest does, and reads the answer as JSON if it is that.
func (z *zabbix) request(method, url, authorization string, body any) (status int, answer map[string]any) {
	z.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			z.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(z.ctx, method, url, sent)
	if err != nil {
		z.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "Zabbix")
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := z.client.Do(req)
	if err != nil {
		z.t.Fatal(err)
	}
	defer res.Body.Close()
	_ = json.NewDecoder(res.Body).Decode(&answer) // of what is no JSON nothing is known
	return res.StatusCode, answer
}

var (
	zabbixProblem  = zabbixEvent{id: "4711", subject: "Problem: Disk full on db1", message: "Problem started at 17:11:35\nHost: db1", severity: 5, value: "1", update: "0"}
	zabbixRecovery = zabbixEvent{id: "4711", subject: "Resolved in 5m: Disk full on db1", message: "Problem has been resolved", severity: 5, value: "0", update: "0"}
)

// viaPagerDuty: an update without an acknowledgement is not sent by the script at all.
func (z *zabbix) viaPagerDuty(h *house) {
	const service = "zabbix-pagerduty"
	who, w := h.watched(service), h.wire()
	h.registers(service, "pagerduty", pagerDutyKey)
	script := func(e zabbixEvent) error {
		fields := object{"routing_key": pagerDutyKey, "dedup_key": e.id}
		switch {
		case e.value == "1" && e.update == "0":
			fields["event_action"] = "trigger"
			fields["payload"] = object{"summary": e.subject, "source": "db1 : 192.0.2.7", "severity": []string{"info", "info", "warning", "warning", "error", "critical"}[e.severity],
				"custom_details": object{"Event date": "2026.11.20", "Event time": "17:11:35", "Trigger description": "", "Trigger opdata": "3 GB", "Event tags": "scope:capacity", "Event host": "db1", "Event host ip": "192.0.2.7"}}
			fields["links"] = []object{{"href": "{$ZABBIX.URL}/tr_events.php?triggerid=23&eventid=" + e.id, "text": "Event link"}} // a macro that nobody set
			fields["client"], fields["client_url"] = "Zabbix", "{$ZABBIX.URL}"
		case e.value == "1":
			fields["event_action"] = "acknowledge"
		default:
			fields["event_action"] = "resolve"
		}
		status, answer := z.request("POST", w.URL+"/v2/enqueue", "", fields)
		if status != http.StatusAccepted || answer["status"] != "success" {
			return fmt.Errorf("%d %v", status, answer)
		}
		return nil
	}
	z.notifies(script, zabbixProblem)
	inc := h.opens(z.ctx, service, 1, 1, zabbixProblem.subject, who)
	z.notifies(script, zabbixEvent{id: "4711", subject: "Updated problem", value: "1", update: "1"})
	h.isNobodys(inc.Key) // it does not say who
	w.breaks(1, 1)
	z.notifies(script, zabbixRecovery)
	h.ends(z.ctx, service, 1)
	w.reports(h, "Zabbix' media type PagerDuty", service)
}

// viaOpsgenie: the script posts below /v2/alerts/, wants 202, and then asks up to 25 times without a pause what
// became of it. People are called "Name Surname (alias)".
func (z *zabbix) viaOpsgenie(h *house) {
	const service = "zabbix-opsgenie"
	who, w := h.watched(service), h.wire()
	h.registers(service, "opsgenie", opsgenieKey)
	script := func(e zabbixEvent) error {
		path, fields := "", object{"user": "", "note": e.message}
		switch {
		case e.value == "1" && e.update == "0":
			fields = object{"message": e.subject, "alias": e.id, "description": e.message, "priority": []string{"P5", "P5", "P4", "P3", "P2", "P1"}[e.severity], "source": "Zabbix",
				"details":    object{"Zabbix server": "{$ZABBIX.URL}/", "Problem": "{$ZABBIX.URL}/tr_events.php?triggerid=23&eventid=" + e.id},
				"responders": []object{{"type": "team", "name": ""}}, // what becomes of a parameter that is left empty
				"tags":       []string{"scope:capacity", "component:storage", ""}}
		case e.value == "0" && e.update == "0":
			path = e.id + "/close?identifierType=alias"
		case e.value == "0":
			return nil
		case strings.Contains(e.action, "unacknowledged"):
			path, fields["user"] = e.id+"/unacknowledge?identifierType=alias", e.user
		case strings.Contains(e.action, "acknowledged"):
			path, fields["user"] = e.id+"/acknowledge?identifierType=alias", e.user
		default:
			path, fields["user"] = e.id+"/notes?identifierType=alias", e.user
		}
		const token = "GenieKey " + opsgenieKey
		status, answer := z.request("POST", w.URL+"/v2/alerts/"+path, token, fields)
		if status != http.StatusAccepted || answer["result"] == nil {
			return fmt.Errorf("%d %v", status, answer)
		}
		for range 25 {
			status, polled := z.request("GET", w.URL+"/v2/alerts/requests/"+fmt.Sprint(answer["requestId"]), token, nil)
			if (status < 200 || status > 299) && status != http.StatusNotFound {
				return fmt.Errorf("%d %v", status, polled)
			}
			data, ok := polled["data"].(map[string]any)
			if !ok {
				z.t.Errorf("what was accepted is not known at once: %d %v", status, polled)
				continue
			}
			if data["success"] == true {
				return nil
			}
			if text := fmt.Sprint(data["status"]); strings.Contains(text, "There is no open alert") || strings.Contains(text, "Alert is already") {
				return fmt.Errorf("operation status (%s)", text)
			}
		}
		return fmt.Errorf("it never succeeded")
	}
	w.breaks(1, 1)
	z.notifies(script, zabbixProblem)
	inc := h.opens(z.ctx, service, 1, 1, zabbixProblem.subject, who)
	h.isNobodys(inc.Key)
	z.notifies(script, zabbixEvent{id: "4711", subject: "Updated problem", message: "it is the backup", value: "1", update: "1", action: "commented on", user: "Zabbix Administrator (Admin)"})
	h.remembers(inc.Key, "it is the backup")
	h.isNobodys(inc.Key)
	z.notifies(script, zabbixEvent{id: "4711", subject: "Updated problem", message: "on it", value: "1", update: "1", action: "acknowledged", user: who.name + " (" + who.handle + ")"})
	h.isManagedBy(inc.Key, who)
	h.remembers(inc.Key, "on it")
	z.notifies(script, zabbixRecovery)
	h.ends(z.ctx, service, 1)
	if err := script(zabbixRecovery); err == nil || !strings.Contains(err.Error(), "There is no open alert") {
		z.t.Errorf("what is over ended again: %v", err)
	}
	w.reports(h, "Zabbix' media type Opsgenie", service)
}
