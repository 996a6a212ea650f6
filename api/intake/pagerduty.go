package intake

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"rouse/api/problem"
	"rouse/engine"
)

// PagerDuty takes an event of PagerDuty's Events API v2 at POST /v2/enqueue. The key is routing_key in the
// body, or the header X-Routing-Key; the Content-Type does not matter. A dedup_key names an incident of the
// key's service; a trigger without one gets one, which the answer tells.
//
// Senders drop an event that is answered with a 4xx other than 429. So there are two refusals only: of a
// request that shows no good key, and of an acknowledge or resolve that does not say of what. What cannot be
// read becomes an alert that says so and pages somebody.
func (h *Handler) PagerDuty(w http.ResponseWriter, r *http.Request) { h.pagerDuty(w, r, eventsV2) }

// PagerDutyV1 takes an event of the older Events API v1 at POST /generic/2010-04-15/create_event.json, as
// PagerDuty does those of v2.
func (h *Handler) PagerDutyV1(w http.ResponseWriter, r *http.Request) { h.pagerDuty(w, r, eventsV1) }

// PagerDutyChange takes a change event of v2 at POST /v2/change/enqueue: it is kept, and pages nobody.
func (h *Handler) PagerDutyChange(w http.ResponseWriter, r *http.Request) {
	h.pagerDuty(w, r, changeEvents)
}

const sourcePagerDuty = "pagerduty"

// eventForm is how one of PagerDuty's APIs calls things and answers. Events of all of them are read alike:
// what they have in common is called the same, and senders mix them up.
type eventForm struct {
	change     bool   // what it takes are changes
	status     int    // of a success
	done       string // the message of a success
	key, dedup string // names of fields; a change has no dedup key
}

var (
	eventsV2     = eventForm{status: http.StatusAccepted, done: "Event processed", key: "routing_key", dedup: "dedup_key"}
	eventsV1     = eventForm{status: http.StatusOK, done: "Event processed", key: "service_key", dedup: "incident_key"}
	changeEvents = eventForm{status: http.StatusAccepted, done: "Change event processed", key: "routing_key", change: true}
)

func (h *Handler) pagerDuty(w http.ResponseWriter, r *http.Request, form eventForm) {
	body, whole, err := readBody(r)
	if err != nil {
		eventLater(w, "The request broke off before its end. Send it again.")
		return
	}
	e := readEvent(body, whole)
	from, err := h.sender(w, r, sourcePagerDuty, e.key, r.Header.Get("X-Routing-Key"))
	if err != nil {
		form.refuse(w, e, err)
		return
	}
	a, ok := e.alert(from, form.change)
	if !ok {
		invalidEvent(w, fmt.Sprintf("'%s' is missing or blank. Say what to %s: the key that its trigger had, or was answered with.", form.dedup, a.Action))
		return
	}
	if a.DedupKey == "" && !form.change {
		a.DedupKey = madeUpKey()
	}
	if _, all := h.receive(r, from, []engine.Alert{a}); !all {
		eventLater(w, "Rouse could not store the event. Send it again.")
		return
	}
	form.accept(w, a.DedupKey)
}

// madeUpKey is for a trigger that has no dedup_key.
func madeUpKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// pagerDutyAnswer is PagerDuty's answer, of a success or a refusal.
type pagerDutyAnswer struct {
	Status      string   `json:"status"`
	Message     string   `json:"message"`
	DedupKey    string   `json:"dedup_key,omitempty"`
	IncidentKey string   `json:"incident_key,omitempty"` // what v1 calls it
	Errors      []string `json:"errors,omitempty"`
}

func (p pagerDutyAnswer) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(p) // the sender is gone: nobody is left to tell
}

func (form eventForm) accept(w http.ResponseWriter, dedup string) {
	said := pagerDutyAnswer{Status: "success", Message: form.done}
	switch form.dedup {
	case "dedup_key":
		said.DedupKey = dedup
	case "incident_key":
		said.IncidentKey = dedup
	}
	said.write(w, form.status)
}

// eventLater asks the sender to come again, as it does on a 5xx.
func eventLater(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(problem.RetryAfter))
	pagerDutyAnswer{Status: "unavailable", Message: "Event could not be processed now", Errors: []string{why}}.write(w, http.StatusServiceUnavailable)
}

func invalidEvent(w http.ResponseWriter, errs ...string) {
	pagerDutyAnswer{Status: "invalid event", Message: "Event object is invalid", Errors: errs}.write(w, http.StatusBadRequest)
}

// refuse answers a sender that shows no good key, or whose key cannot be looked up.
func (form eventForm) refuse(w http.ResponseWriter, e *event, err error) {
	_, forbidden := errors.AsType[*ForbiddenError](err)
	const instead = "Put in an integration key of Rouse that is in force and meant for PagerDuty's format, or for all."
	switch {
	case !unwelcome(err):
		eventLater(w, "Rouse cannot look the key up just now. Send the event again.")
	case errors.Is(err, errNoKey) && e.odd != nil:
		pagerDutyAnswer{Status: "Unrecognized object", Message: "Event object format is unrecognized",
			Errors: []string{e.odd.note(), fmt.Sprintf("'%s' could not be found. Put it at the beginning of a JSON object.", form.key)}}.write(w, http.StatusBadRequest)
	case errors.Is(err, errNoKey):
		invalidEvent(w, fmt.Sprintf("'%s' is missing or blank. %s", form.key, instead))
	case forbidden:
		invalidEvent(w, fmt.Sprintf("'%s' is not for this: %v. %s", form.key, err, instead))
	default:
		invalidEvent(w, fmt.Sprintf("'%s' is not known, or it was revoked. %s", form.key, instead))
	}
}
