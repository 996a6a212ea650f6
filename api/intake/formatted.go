package intake

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rouse/api/problem"
	"rouse/engine"
)

const sourceFormatted = "formatted-webhook"

// FormattedWebhook takes Grafana OnCall's formatted webhook, and its plain one, at POST /v1/formatted-webhook
// and /v1/formatted-webhook/{key}, as JSON or as a form. The fields, none of which is needed:
//
//	alert_uid                 alerts with the same one are the same trouble; the title stands in for it
//	title                     what is wrong, in one line
//	state                     ok, or another word for over, resolves; anything else triggers
//	message                   details
//	image_url                 a link
//	link_to_upstream_details  a link
//	severity, service         as in our own format; OnCall had none
//
// All other fields are shown in the details, and those that are no lists or objects are labels. Of a request
// at most 512 KiB are read.
func (h *Handler) FormattedWebhook(w http.ResponseWriter, r *http.Request) {
	h.formatted(w, r, ourManners)
}

// OnCallFormatted is FormattedWebhook at Grafana OnCall's own addresses, so that senders change only the host:
// POST /integrations/v1/formatted_webhook/{key}/ and /integrations/v1/webhook/{key}/.
func (h *Handler) OnCallFormatted(w http.ResponseWriter, r *http.Request) {
	h.formatted(w, r, onCallManners)
}

// OnCallAlertmanager is Alertmanager at OnCall's address, POST /integrations/v1/alertmanager/{key}/.
func (h *Handler) OnCallAlertmanager(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromAlertmanager, onCallManners)
}

// OnCallGrafana is Grafana at OnCall's addresses, POST /integrations/v1/grafana/{key}/ and
// /integrations/v1/grafana_alerting/{key}/.
func (h *Handler) OnCallGrafana(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromGrafana, onCallManners)
}

// onCallManners are OnCall's: whoever shows no good key gets a 403, and what is taken a JSON text.
// Source: engine/apps/integrations of github.com/grafana/oncall.
var onCallManners = manners{
	refuse: func(w http.ResponseWriter, err error) {
		if unwelcome(err) || isUnsigned(err) {
			sayPlainly(w, http.StatusForbidden, sentence(err))
			return
		}
		sayLater(w, nil)
	},
	later: sayLater,
	accept: func(w http.ResponseWriter, _ []received) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`"Ok."`)) // the sender is gone: nobody is left to tell
	},
}

// sayPlainly answers with a sentence, for dialects that have no other form.
func sayPlainly(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rouse"`)
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.TrimRight(text, ".") + ".\n")) // the sender is gone: nobody is left to tell
}

// sayLater asks a sender in plain words to come again. nil is a key that cannot be looked up.
func sayLater(w http.ResponseWriter, p *problem.Problem) {
	text := "Rouse cannot do this just now. Send it again."
	if p != nil {
		text = p.Detail
	}
	w.Header().Set("Retry-After", strconv.Itoa(problem.RetryAfter))
	sayPlainly(w, http.StatusServiceUnavailable, text)
}

func (h *Handler) formatted(w http.ResponseWriter, r *http.Request, m manners) {
	from, err := h.sender(w, r, sourceFormatted, shown(r)...)
	if err != nil {
		m.refuse(w, err)
		return
	}
	body, whole, err := readBody(r)
	if err != nil {
		m.later(w, brokenOff)
		return
	}
	done, all := h.receive(r, from, []engine.Alert{parseFormatted(r.Header.Get("Content-Type"), body, whole, from)})
	if !all {
		m.later(w, notAllStored)
		return
	}
	m.accept(w, done)
}

// parseFormatted reads a formatted or a plain webhook, whatever it is.
func parseFormatted(contentType string, body []byte, whole bool, from Sender) engine.Alert {
	v, filled, odd := payload(contentType, body, whole)
	object, ok := v.(map[string]any)
	if filled != nil {
		object, ok = filled.object(), true
	}
	if text, isText := v.(string); isText {
		object, ok = map[string]any{"title": text}, true
	}
	if !ok || len(object) == 0 {
		return oddAlert(sourceFormatted, from, body, odd, "A webhook sent something Rouse could not read",
			"Send a JSON object with a title, a message, and an alert_uid that stays the same.")
	}
	a := formattedAlert(object, from.Service)
	a.Raw = cutRaw(body)
	if a.DedupKey == "" {
		a.DedupKey = bodyKey(sourceFormatted, from, body)
	}
	doubtRequest(&a, odd)
	a.Details = detailsOf(a.Details, nonEmpty(odd.note()))
	return a
}

// firingStates are Grafana's words, folded, for what is not over, beside those in actions.
var firingStates = []string{"alerting", "nodata", "error", "pending", "paused"}

func formattedAlert(object map[string]any, bound engine.ServiceID) engine.Alert {
	f := fieldsOf(object)
	title, message := f.text("title"), f.text("message")
	a := engine.Alert{
		Action:  engine.Trigger,
		Service: bound,
		Summary: oneLine(title),
		Source:  sourceFormatted,
	}
	rate(&a, f.text("severity", "priority"))
	if a.Summary == "" {
		a.Summary = nameless(fields{"details": first(message, f.text("summary", "name")), "source": f.text("source", "host")}, bound)
	}
	if bound == "" {
		a.Service = serviceOf(f.text("service"))
	}
	state := f.text("state")
	switch action, known := actions[foldName(state)]; {
	case strings.EqualFold(state, "ok") || action == engine.Resolve:
		a.Action = engine.Resolve
	case !known && !slices.Contains(firingStates, foldName(state)):
		doubtAction(&a, "state", state)
	}
	if uid := f.text("alertuid"); uid != "" {
		a.DedupKey = dedupKey(uid)
	} else if title != "" {
		a.DedupKey = dedupKey("title:" + troubleOf(title, message, a.Action))
	}
	var l links
	l.add(f.text("linktoupstreamdetails", "url"), "Source")
	l.add(f.text("imageurl"), "Image")
	a.Links = l
	others, labels := otherFields(object)
	a.Labels = atMost(labels, maxLabels)
	a.Details = cut(joinBlocks(cut(message, maxDetails/2), describe(others, ": ", maxLabels)), maxDetails)
	return a
}

// otherFields are all but title and message, for the details, and those of them that can be labels.
func otherFields(object map[string]any) (others, labels map[string]string) {
	others, labels = map[string]string{}, map[string]string{}
	for name, v := range object {
		if folded := foldName(name); folded == "title" || folded == "message" {
			continue
		}
		text := cut(textOf(v), maxDetails)
		if others[storable(name)] = text; isScalar(v) {
			labels[storable(name)] = cut(text, maxLabel)
		}
	}
	return others, labels
}

// maxLabel is how many bytes of a value are kept as a label.
const maxLabel = 1 << 10

// isScalar tells whether a JSON value is no list, no object, and not null.
func isScalar(v any) bool {
	switch v.(type) {
	case nil, map[string]any, []any:
		return false
	}
	return true
}

// nonEmpty is a list of the text, an empty one if there is none.
func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// troubleOf is what a title is about. Uptime Kuma, whose OnCall provider sends no alert_uid, says "X is down"
// and "X is up" of the same monitor, and "General notification" of everything else, which only the message
// tells apart.
func troubleOf(title, message string, action engine.Action) string {
	if title == "General notification" {
		return title + "\n" + message
	}
	if about, ok := strings.CutSuffix(title, " is down"); ok {
		return about
	}
	if about, ok := strings.CutSuffix(title, " is up"); ok && action == engine.Resolve {
		return about
	}
	return title
}

// isUnsigned tells that a request lacks the signature that its sender's must have.
func isUnsigned(err error) bool {
	_, ok := errors.AsType[signatureError](err)
	return ok
}
