package intake

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"rouse/engine"
	"rouse/engine/pager"
)

// GoAlert takes GoAlert's generic API at GET or POST /api/v2/generic/incoming, so that senders change only the
// host: JSON, a form of either kind, or parameters, with the key in ?token=, as the field token of a form, or
// in Authorization. The fields, none of which is needed:
//
//	summary           what is wrong, in one line
//	details           text
//	action            close resolves, anything else triggers
//	dedup             alerts with the same one are the same trouble; without it those with the same summary and
//	                  details are, and those that Uptime Kuma sends of the same monitor (see kumaName)
//	meta              an object, or repeated meta=name=value: labels
//	severity, service as in our own format, here or in meta; GoAlert had none
//
// It answers 204, or what became of the alert to a sender that accepts JSON. Of a request at most 512 KiB are
// read.
func (h *Handler) GoAlert(w http.ResponseWriter, r *http.Request) {
	body, whole, err := readBody(r)
	if err != nil {
		sayLater(w, brokenOff)
		return
	}
	sent := readGoAlert(r.Header.Get("Content-Type"), body, whole, readPairs(r.URL.RawQuery))
	from, err := h.sender(w, r, sourceGoAlert, append(shown(r), sent.keys...)...)
	if err != nil {
		goAlertManners.refuse(w, err)
		return
	}
	done, all := h.receive(r, from, []engine.Alert{sent.alert(from)})
	switch {
	case !all:
		sayLater(w, oneNotStored)
	case strings.Contains(r.Header.Get("Accept"), "application/json"):
		tellGoAlert(w, done[0], from.Service)
	default:
		goAlertManners.accept(w, done)
	}
}

// GoAlertAlertmanager is Alertmanager at GoAlert's address, POST /api/v2/prometheusalertmanager/incoming.
func (h *Handler) GoAlertAlertmanager(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromAlertmanager, goAlertManners)
}

// GoAlertGrafana is Grafana at GoAlert's address, POST /api/v2/grafana/incoming.
func (h *Handler) GoAlertGrafana(w http.ResponseWriter, r *http.Request) {
	h.notification(w, r, fromGrafana, goAlertManners)
}

// goAlertManners are GoAlert's: plain words, and nothing where all is well.
// Source: genericapi, auth and util/errutil of github.com/target/goalert.
var goAlertManners = manners{
	refuse: func(w http.ResponseWriter, err error) {
		_, forbidden := errors.AsType[*ForbiddenError](err)
		switch {
		case forbidden:
			sayPlainly(w, http.StatusForbidden, sentence(err))
		case unwelcome(err) || isUnsigned(err):
			sayPlainly(w, http.StatusUnauthorized, sentence(err))
		default:
			sayLater(w, nil)
		}
	},
	later: sayLater,
	accept: func(w http.ResponseWriter, _ []received) {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	},
}

// tellGoAlert answers a sender that wants to know: GoAlert's alerts have numbers, that of an incident is its
// key's; 0 is none.
func tellGoAlert(w http.ResponseWriter, got received, service engine.ServiceID) {
	key := string(got.Key)
	number, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '-')+1:], 10, 64)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(struct { // the sender is gone: nobody is left to tell
		AlertID   int64
		ServiceID string
		IsNew     bool
	}{number, string(service), got.Outcome == pager.Opened})
}

// goAlertRequest is what a request to GoAlert's generic API says.
type goAlertRequest struct {
	fields fields
	meta   map[string]string
	keys   []string // those of the sender that stand in the body
	odd    *partial
	raw    []byte // the body without keys
}

// readGoAlert reads a request. Parameters of the address count where the body says nothing.
func readGoAlert(contentType string, body []byte, whole bool, query form) *goAlertRequest {
	v, filled, odd := payload(contentType, body, whole)
	sent := &goAlertRequest{odd: odd, raw: body}
	object, isObject := v.(map[string]any)
	metas := query["meta"]
	if filled != nil {
		object, isObject = filled.object(), true
		metas = append(metas, filled["meta"]...)
		if sent.keys = filled.keys(); sent.keys != nil {
			sent.raw = filled.withoutKeys()
		}
	}
	if len(body) == 0 {
		sent.odd, sent.raw = nil, query.withoutKeys()
	}
	if !isObject && len(body) > 0 && sent.odd == nil {
		sent.odd = &partial{why: errors.New("no JSON object")}
	}
	sent.fields = fieldsOf(object)
	for name, v := range fieldsOf(query.object()) {
		if sent.fields[name] == nil {
			sent.fields[name] = v
		}
	}
	sent.meta = stringsOf(sent.fields["meta"])
	if _, isText := sent.fields["meta"].(string); isText {
		sent.meta = map[string]string{}
		for _, pair := range metas {
			name, value, _ := strings.Cut(pair, "=")
			sent.meta[storable(name)] = storable(value)
		}
	}
	return sent
}

// alert is what the request asks for. Where it says nothing at all, the alert says so.
func (sent *goAlertRequest) alert(from Sender) engine.Alert {
	f := sent.fields
	summary, details, action := f.text("summary"), f.text("details"), f.text("action")
	if summary == "" && f.text("dedup") == "" && details == "" {
		return oddAlert(sourceGoAlert, from, sent.raw, sent.odd, "A sender of GoAlert's API sent something Rouse could not read",
			"Send summary and dedup, and action=close when it is over.")
	}
	bound := from.Service
	a := engine.Alert{
		Action:   engine.Trigger,
		Service:  bound,
		Summary:  oneLine(summary),
		DedupKey: dedupKey(f.text("dedup")),
		Labels:   atMost(sent.meta, maxLabels),
		Source:   sourceGoAlert,
		Raw:      cutRaw(sent.raw),
	}
	rate(&a, first(f.text("severity"), sent.meta["severity"]))
	doubtRequest(&a, sent.odd)
	if a.Summary == "" {
		a.Summary = nameless(fields{"details": details, "dedupkey": f.text("dedup")}, bound)
	}
	if bound == "" {
		a.Service = serviceOf(first(f.text("service"), sent.meta["service"]))
	}
	if asked, known := actionOf(action); asked == engine.Resolve {
		a.Action = engine.Resolve
	} else if !known {
		doubtAction(&a, "action", action)
	}
	if a.DedupKey == "" {
		a.DedupKey = "goalert:" + hash([]byte(summary+"\x00"+details))
		if name, ok := kumaName(summary); ok {
			a.DedupKey = dedupKey("goalert:kuma:" + name)
		}
	}
	a.Details = detailsOf(cut(joinBlocks(details, describe(sent.meta, ": ", maxLabels)), maxDetails), nonEmpty(sent.odd.note()))
	return a
}

const sourceGoAlert = "goalert"

// kumaName finds the monitor in a summary of Uptime Kuma's GoAlert provider, which sends no dedup: those of the
// trouble and of its end differ, "[name] [🔴 Down] why" and "[name] [✅ Up] 200 - OK", and only the name is
// the same. What Kuma says of certificates has neither, and is a trouble of its own.
func kumaName(summary string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(summary, "[")
	if !ok {
		return "", false
	}
	down, _, isDown := strings.Cut(rest, "] [🔴 Down]")
	up, _, isUp := strings.Cut(rest, "] [✅ Up]")
	return down[:min(len(down), len(up))], isDown || isUp
}
