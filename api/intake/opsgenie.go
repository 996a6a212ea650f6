package intake

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/api/problem"
	"rouse/engine"
)

const sourceOpsgenie = "opsgenie"

// Opsgenie takes Opsgenie's Alert API v2 at /v2/alerts and below, and at the same paths below
// /jsm/ops/integration, where Jira Service Management has it. What it takes stands in opsgenieCalls.
//
// An alert is an incident of Rouse. Its id and tinyId are the incident's key, its alias is the dedup key. In
// this dialect the service is the one that the key is bound to, whatever the request says: a request to close
// an alert names nothing but the alias, and has to find it again. A key sees the incidents of its service; a
// key that is bound to none sees those that are of no service.
//
// Senders drop a request that is answered with a 4xx other than 429. So what asks for an alert is never
// refused for its form, and closing or acknowledging what is not there is no error: the answer is 202, and
// what became of it is told under requests/{requestId} at once. Refused is what cannot be done as it does not
// say what to do: see opsgenieWrite.
func (h *Handler) Opsgenie(w http.ResponseWriter, r *http.Request) {
	c := &opsgenieCall{w: w, r: r, began: time.Now(), id: opsgenieID(w.Header().Get("X-Request-Id"))}
	var err error
	if c.from, err = h.sender(w, r, sourceOpsgenie, shown(r)...); err != nil {
		c.refuse(opsgenieStranger(err))
		return
	}
	what, about, known := opsgeniePath(r.URL.EscapedPath())
	c.about = opsgenieRef{name: about, alias: r.URL.Query().Get("identifierType") == "alias"}
	calls := opsgenieCalls[what]
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	serve, ok := calls[method]
	switch {
	case ok:
		serve(h, c)
	case !known:
		c.refuse(&opsgenieRefusal{status: http.StatusNotFound, message: "There is nothing at this path. " + opsgeniePaths})
	default:
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(calls)), ", "))
		c.refuse(&opsgenieRefusal{status: http.StatusMethodNotAllowed,
			message: "This path takes " + strings.Join(slices.Sorted(maps.Keys(calls)), ", ") + "."})
	}
}

const opsgeniePaths = "Below /v2/alerts there is count, requests/{requestId}, {alert}, and below {alert} " +
	"acknowledge, assign, close, description, details, escalate, logs, message, notes, priority, recipients, responders, snooze, " +
	"tags, teams and unacknowledge."

// opsgenieServe answers a call.
type opsgenieServe func(*Handler, *opsgenieCall)

// opsgenieCalls are the calls by what opsgeniePath says they are about, and by method.
var opsgenieCalls = func() map[string]map[string]opsgenieServe {
	post := func(build func(*opsgenieWrite) *opsgenieRefusal) map[string]opsgenieServe {
		return map[string]opsgenieServe{http.MethodPost: opsgenieWriter(build)}
	}
	put := func(build func(*opsgenieWrite) *opsgenieRefusal) map[string]opsgenieServe {
		return map[string]opsgenieServe{http.MethodPut: opsgenieWriter(build), http.MethodPatch: opsgenieWriter(build), http.MethodPost: opsgenieWriter(build)}
	}
	return map[string]map[string]opsgenieServe{
		opsgenieAll:      {http.MethodPost: opsgenieWriter((*opsgenieWrite).create), http.MethodGet: (*Handler).opsgenieList},
		opsgenieOne:      {http.MethodDelete: opsgenieWriter((*opsgenieWrite).close), http.MethodGet: (*Handler).opsgenieGet},
		opsgenieCount:    {http.MethodGet: (*Handler).opsgenieCount},
		opsgenieRequests: {http.MethodGet: (*Handler).opsgenieStatus},
		"close":          post((*opsgenieWrite).close),
		"acknowledge":    post((*opsgenieWrite).acknowledge),
		"unacknowledge":  post((*opsgenieWrite).unacknowledge),
		"snooze":         post((*opsgenieWrite).snooze),
		"escalate":       post((*opsgenieWrite).escalate),
		"assign":         post((*opsgenieWrite).assign),
		"responders":     post((*opsgenieWrite).respond),
		"teams":          post((*opsgenieWrite).respond),
		"message":        put((*opsgenieWrite).setMessage),
		"description":    put((*opsgenieWrite).setDescription),
		"priority":       put((*opsgenieWrite).setPriority),
		"tags":           {http.MethodPost: opsgenieWriter((*opsgenieWrite).addTags), http.MethodDelete: opsgenieWriter((*opsgenieWrite).removeTags)},
		"details":        {http.MethodPost: opsgenieWriter((*opsgenieWrite).addDetails), http.MethodDelete: opsgenieWriter((*opsgenieWrite).removeDetails)},
		"notes":          {http.MethodPost: opsgenieWriter((*opsgenieWrite).comment), http.MethodGet: opsgenieLines(true)},
		"logs":           {http.MethodGet: opsgenieLines(false)},
		"recipients":     {http.MethodGet: (*Handler).opsgenieRecipients},
	}
}()

// What a path is about, but for the words that stand behind the name of an alert.
const (
	opsgenieAll      = "/"
	opsgenieOne      = "/{alert}"
	opsgenieCount    = "/count"
	opsgenieRequests = "/requests"
)

// opsgeniePath reads a path as it was sent: what it is about, and the name of the alert, or request, in it.
// Slashes in an alias need not be escaped. known is false if it cannot be any of the paths.
func opsgeniePath(escaped string) (what, name string, known bool) {
	_, rest, _ := strings.Cut(escaped, "/v2/alerts")
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	last := len(parts) - 1
	unescape := func(parts []string) string {
		name, err := url.PathUnescape(strings.Join(parts, "/"))
		if err != nil { // it was unescaped once already, when the request was read
			name = strings.Join(parts, "/")
		}
		return opsgenieAlias(name)
	}
	switch {
	case rest == "" || parts[0] == "" && last == 0:
		return opsgenieAll, "", true
	case last == 0 && parts[0] == "count":
		return opsgenieCount, "", true
	case last == 1 && parts[0] == "requests" && opsgenieCalls[parts[1]] == nil:
		return opsgenieRequests, unescape(parts[1:]), true
	case last > 0 && opsgenieCalls[parts[last]] != nil:
		return parts[last], unescape(parts[:last]), true
	}
	return opsgenieOne, unescape(parts), last == 0
}

// opsgenieAlias is an alias as it is compared.
func opsgenieAlias(s string) string { return strings.TrimSpace(storable(s)) }

// opsgenieRef is what a request calls an alert.
type opsgenieRef struct {
	name  string
	alias bool // else its key; whoever forgets to say that it is an alias is understood if it does not look like a key
}

// key is the incident's key that the name may be, or "".
func (ref opsgenieRef) key() engine.Key {
	if key := strings.ToUpper(ref.name); !ref.alias && ownKey.MatchString(key) {
		return engine.Key(key)
	}
	return ""
}

// opsgenieID is the id of a request: a UUID (RFC 9562, version 8) that is made of the X-Request-Id which the
// log and the answer have, as one of Opsgenie's clients asks for what that header says; or a random one.
func opsgenieID(shown string) string {
	if shown == "" {
		shown = rand.Text()
	}
	id := sha256.Sum256([]byte("opsgenie " + shown))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// opsgenieOnce is what an alert of a request is known by, engine.Alert.Once.
func opsgenieOnce(id string) string { return sourceOpsgenie + ":" + id }

// opsgenieCall is a request and its answer.
type opsgenieCall struct {
	w     http.ResponseWriter
	r     *http.Request
	began time.Time
	id    string
	from  Sender
	about opsgenieRef
}

// opsgenieWriter makes the handler of a call that becomes an alert.
func opsgenieWriter(build func(*opsgenieWrite) *opsgenieRefusal) opsgenieServe {
	return func(h *Handler, c *opsgenieCall) {
		body, whole, err := readBody(c.r)
		if err != nil {
			c.refuse(opsgenieLater("The request broke off before its end. Nothing of it was stored: send it again."))
			return
		}
		a, refused := readOpsgenie(opsgenieRequest{id: c.id, from: c.from, about: c.about, query: c.r.URL.Query()}, body, whole, build)
		if refused != nil {
			c.refuse(refused)
			return
		}
		if _, all := h.receive(c.r, c.from, []engine.Alert{a}); !all {
			c.refuse(opsgenieLater("Rouse could not store this. Send it again."))
			return
		}
		c.answer(http.StatusAccepted, map[string]any{"result": "Request will be processed"})
	}
}

// answer answers with what each of Opsgenie's answers has beside.
func (c *opsgenieCall) answer(status int, body map[string]any) {
	took := max(time.Since(c.began).Round(time.Millisecond), time.Millisecond).Seconds() // a client warns of 0
	body["took"], body["requestId"] = took, c.id
	header := c.w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Response-Time", strconv.FormatFloat(took, 'f', 3, 64))
	header.Set("X-RateLimit-State", "OK") // a client warns where it is missing
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(body) // the sender is gone: nobody is left to tell
}

// opsgenieRefusal is an answer that says no, in Opsgenie's form.
type opsgenieRefusal struct {
	status  int
	code    int // Opsgenie's own for what HTTP's status does not tell, or 0
	kind    string
	message string
	errors  map[string]string // by field
}

func (c *opsgenieCall) refuse(no *opsgenieRefusal) {
	body := map[string]any{"message": no.message}
	if no.code != 0 {
		body["code"] = no.code
	}
	if len(no.errors) > 0 {
		body["errors"] = no.errors
	}
	header := c.w.Header()
	switch no.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="rouse"`)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(problem.RetryAfter))
	}
	if no.kind != "" {
		header.Set("X-Opsgenie-Errortype", no.kind)
	}
	c.answer(no.status, body)
}

// opsgenieLater asks a sender to come again.
func opsgenieLater(message string) *opsgenieRefusal {
	return &opsgenieRefusal{status: http.StatusServiceUnavailable, message: message}
}

// opsgenieField says what is wrong with a field. What comes with it is nothing without that field.
func opsgenieField(field, what string) *opsgenieRefusal {
	return &opsgenieRefusal{status: http.StatusUnprocessableEntity, message: "Not processable: " + field + " " + what + ".",
		errors: map[string]string{field: what}}
}

// opsgenieStranger refuses whoever shows no good key; or asks to come again, when it cannot be told.
func opsgenieStranger(err error) *opsgenieRefusal {
	_, forbidden := errors.AsType[*ForbiddenError](err)
	switch {
	case forbidden:
		return &opsgenieRefusal{status: http.StatusForbidden, code: 40301, message: sentence(err) + "."}
	case errors.Is(err, errNoKey):
		return &opsgenieRefusal{status: http.StatusUnauthorized,
			message: "The request carries no key. Send an integration key as Authorization: GenieKey …"}
	case errors.Is(err, ErrUnknownKey):
		return &opsgenieRefusal{status: http.StatusUnauthorized, message: "Could not authenticate: " + err.Error() + "."}
	}
	return opsgenieLater("Rouse cannot do this just now. Try again.")
}
