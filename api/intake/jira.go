package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	"rouse/api/problem"
	"rouse/engine"
)

const sourceJira = "jira"

// Jira takes the webhooks of Jira Cloud and Data Center, and what an automation rule sends as issue data, at
// POST /v1/jira and /v1/jira/{key}. An issue is an incident under its own key; see parseJira for what becomes
// of its events, and jiraSettings for what a key may say of the fields of a site.
//
// A key that has a secret takes only requests that are signed with it: X-Hub-Signature is sha256= and the
// HMAC-SHA256 of the body in hex (WebSub, https://www.w3.org/TR/websub/#signing-content). Jira sends again
// after 408, 409, 425, 429 and 5xx, with the same X-Atlassian-Webhook-Identifier.
func (h *Handler) Jira(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, sourceJira, shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	mac := hmac.New(sha256.New, from.Secret)
	r.Body = tee{io.TeeReader(r.Body, mac), r.Body}
	body, whole, err := readBody(r)
	if err != nil {
		problem.Write(w, brokenOff)
		return
	}
	if len(from.Secret) > 0 {
		if wrong := wrongHubSignature(mac.Sum(nil), r.Header.Get("X-Hub-Signature")); wrong != "" {
			h.log.WarnContext(r.Context(), "request from jira refused", "key", from.Prefix, "why", wrong)
			problem.Write(w, problem.Unauthorized.Because("%s", wrong))
			return
		}
	}
	alerts := parseJira(jiraRequest{
		body: body, whole: whole, from: from,
		identifier: r.Header.Get("X-Atlassian-Webhook-Identifier"),
		retry:      r.Header.Get("X-Atlassian-Webhook-Retry"),
		flow:       r.Header.Get("X-Atlassian-Webhook-Flow"),
	})
	done, all := h.receive(r, from, alerts)
	if !all {
		problem.Write(w, notAllStored)
		return
	}
	accept(w, map[string]any{"alerts": done})
}

// tee is a body that something else reads along.
type tee struct {
	io.Reader
	io.Closer
}

// wrongHubSignature says what is wrong with a signature that should be of sum, "" if nothing is.
func wrongHubSignature(sum []byte, signature string) string {
	const remedy = " Give the webhook in Jira the secret that this key has."
	if signature == "" {
		return "The request is not signed: it has no X-Hub-Signature." + remedy
	}
	method, digits, _ := strings.Cut(strings.TrimSpace(signature), "=")
	given, err := hex.DecodeString(digits)
	if !strings.EqualFold(method, "sha256") || err != nil {
		return "X-Hub-Signature must be sha256= and the HMAC-SHA256 of the body in hex." + remedy
	}
	if !hmac.Equal(given, sum) {
		return "X-Hub-Signature does not fit the body." + remedy
	}
	return ""
}

// jiraRequest is a request as it came.
type jiraRequest struct {
	body  []byte
	whole bool // nothing of the body is missing
	from  Sender

	identifier string // the same when it is delivered again; "" if there is none
	retry      string // the number of the delivery, from 1; "" for the first
	flow       string // Primary, within 30 s; Secondary, within 15 min; or ""
}

// parseJira reads an event. Whatever comes gives at least one alert, in the order in which they are to be taken
// in, each with its own Once.
//
//	issue created     a trigger, and an acknowledgement by whoever it is assigned to
//	issue updated     see jiraIssue.updated: a trigger if it is worse, reopened, or another service's now, and what
//	                  was done to it by whom
//	issue deleted     it is resolved
//	comment           a note by whoever wrote it
//	no event at all   an automation rule sent the issue as it is: as created, or resolved if it is done
//	anything else     is kept, and pages nobody
//
// What cannot be read becomes an incident that says so.
func parseJira(q jiraRequest) []engine.Alert {
	v, _, odd := decodeOrBeginning(q.body, q.whole)
	object, _ := v.(map[string]any)
	settings, err := readJiraSettings(q.from.Settings)
	i := newJiraIssue(fieldsOf(object), settings, q)
	i.missing = odd.note()
	alerts := i.alerts(odd)
	doubtRequest(&alerts[0], odd)
	if err != nil { // they were checked when they were saved: this is a newer version's
		doubt(&alerts[0], engine.DoubtMapping, "The settings of the key cannot be used, save them again: "+cut(oneLine(err.Error()), maxSummary))
	}
	return alerts
}

// alerts are what the event becomes, one at least.
func (i *jiraIssue) alerts(odd *partial) (alerts []engine.Alert) {
	event := foldName(i.top.text("webhookevent"))
	if i.key == "" && (event == "" || strings.HasPrefix(event, "jira:issue")) {
		return []engine.Alert{i.unreadable(odd)}
	}
	switch event {
	case "jira:issuecreated":
		alerts = i.created()
	case "":
		alerts = i.state()
	case "jira:issueupdated":
		alerts = i.updated()
	case "jira:issuedeleted":
		alerts = []engine.Alert{i.noted(engine.Resolve, "The issue was deleted.")}
	case "commentcreated", "commentupdated":
		alerts = i.commented()
	}
	if len(alerts) == 0 {
		alerts = []engine.Alert{i.noted(engine.Record, "")}
	}
	return alerts
}

// unreadable is the incident for a request that no issue could be found in.
func (i *jiraIssue) unreadable(odd *partial) engine.Alert {
	a := oddAlert(sourceJira, i.request.from, i.request.body, odd, "Jira sent something Rouse could not read",
		"Look at the webhook, or the automation rule, in Jira: Rouse reads the events of issues, and issues as issue data.")
	a.Once, a.Raw = i.once("unreadable"), i.raw
	return a
}

// once is unique to one alert of this event.
func (i *jiraIssue) once(what string) string {
	if i.request.identifier == "" {
		return ""
	}
	return fmt.Sprintf("jira:%d:%s:%s", i.request.from.Key, dedupKey(i.request.identifier), what)
}
