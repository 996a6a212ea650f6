package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rouse/api/problem"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// Signs takes signs of life of heartbeats; *pager.Pager is the one that does.
type Signs interface {
	// Beat takes one in. pager.ErrNotFound if there is no such heartbeat; with any other error the sender is
	// to come again. See pager.Pager.Beat.
	Beat(ctx context.Context, b pager.Beat) (pager.Received, error)
}

// noSigns knows no heartbeat.
type noSigns struct{}

func (noSigns) Beat(context.Context, pager.Beat) (pager.Received, error) {
	return pager.Received{}, pager.ErrNotFound
}

// What is kept of a sign of life.
const (
	maxSignOutput = 4 << 10 // bytes, the last ones
	maxSignExit   = 100     // bytes
)

// Beat takes signs of life at the address of a heartbeat, /beat/{token}, by any method and with any body. What
// it is a sign of stands behind it (/beat/{token}/start, …/fail, …/3) or in the query; nothing is needed:
//
//	state  started, succeeded or failed, or another word for it; or the exit status of a run that ended.
//	       Missing: it is alive
//	exit   the exit status of a run that ended; instead of state, or beside it
//	run    tells runs apart that overlap
//
// Every other parameter is a label, by which a heartbeat may tell apart what it watches. So are the labels of
// the alerts that fire, if the body is a notification of Alertmanager: Prometheus' Watchdog is sent by a
// webhook to this address. The body of a sign that a run ended is the end of what the run wrote.
//
// Whoever knows the address may send, and is told whose it is: "OK", and behind it the heartbeat's name. It is
// answered 404 to whoever does not.
func (h *Handler) Beat(w http.ResponseWriter, r *http.Request) {
	state := r.PathValue("state")
	if state != "" && signKind(state) == "" {
		problem.Write(w, problem.NotFound.Because("There is no such address of a heartbeat: behind it may stand start, success, fail, or an exit status."))
		return
	}
	got, err := h.takeSign(r, state, enginedb.HeartbeatRef{Secret: r.PathValue("token")})
	switch {
	case errors.Is(err, pager.ErrNotFound):
		problem.Write(w, problem.NotFound.Because("There is no heartbeat at this address, or it has another one now."))
	case err != nil:
		problem.Write(w, notTakenIn)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintln(w, "OK", oneLine(got.DedupKey)) // if it fails, the sender is gone: nobody is left to tell
	}
}

var notTakenIn = notStored.Because("Rouse could not take the sign of life in. Send it again.")

// Heartbeat takes signs of life at POST /v1/heartbeat/{name}, with an integration key of the heartbeat's
// service; one that is bound to no service says which in the parameter service. For the rest it is as Beat. It
// answers as Alerts does, and 404 if the service has no heartbeat of that name.
func (h *Handler) Heartbeat(w http.ResponseWriter, r *http.Request) {
	from, err := h.sender(w, r, "heartbeat", shown(r)...)
	if err != nil {
		refuse(w, err)
		return
	}
	ref := enginedb.HeartbeatRef{Service: signService(from, r), Name: storable(r.PathValue("name"))}
	if ref.Service == "" {
		problem.Write(w, problem.Validation.Because("The key belongs to no service: say whose heartbeat it is with ?service=…").
			With(problem.Field{Parameter: "service", Detail: "is missing"}))
		return
	}
	got, err := h.takeSign(r, "", ref)
	switch {
	case errors.Is(err, pager.ErrNotFound):
		problem.Write(w, problem.NotFound.Because("Service %s has no heartbeat called %q.", ref.Service, cut(ref.Name, maxSignOutput)))
	case err != nil:
		problem.Write(w, notTakenIn)
	default:
		accept(w, received{Key: got.Key, Outcome: got.Outcome, DedupKey: got.DedupKey, Why: got.Why})
	}
}

// signService is whose heartbeat a sign is of: the key's, else as the request says.
func signService(from Sender, r *http.Request) engine.ServiceID {
	if from.Service != "" {
		return from.Service
	}
	return serviceOf(r.URL.Query().Get("service"))
}

// takeSign takes the sign in that a request is. state is what its path says.
func (h *Handler) takeSign(r *http.Request, state string, ref enginedb.HeartbeatRef) (pager.Received, error) {
	body, whole, refused := readBody(r)
	if refused != nil { // it was sent all the same, and needs no body
		body, whole = nil, true
	}
	sign, labels := signOf(state, r.URL.Query(), body, whole)
	ctx, cancel := h.within(r)
	defer cancel()
	got, err := h.signs.Beat(ctx, pager.Beat{HeartbeatRef: ref, Sign: sign, Labels: labels})
	if err != nil && !errors.Is(err, pager.ErrNotFound) {
		h.log.ErrorContext(ctx, "sign of life not taken in", "err", notifiers.MaskNumbers(err.Error()))
	}
	return got, err
}

// kinds are the words for what a sign says, folded by foldName: those of Rouse, and of services that people
// may have their jobs report to today.
var kinds = map[string]engine.SignKind{
	"": engine.SignAlive, "alive": engine.SignAlive, "ping": engine.SignAlive, "up": engine.SignAlive, "ok": engine.SignAlive,
	"start": engine.SignStarted, "started": engine.SignStarted, "starting": engine.SignStarted, "begin": engine.SignStarted, "run": engine.SignStarted,
	"running": engine.SignStarted, "inprogress": engine.SignStarted,
	"success": engine.SignSucceeded, "succeed": engine.SignSucceeded, "succeeded": engine.SignSucceeded, "complete": engine.SignSucceeded,
	"completed": engine.SignSucceeded, "finish": engine.SignSucceeded, "finished": engine.SignSucceeded, "done": engine.SignSucceeded, "end": engine.SignSucceeded,
	"fail": engine.SignFailed, "failed": engine.SignFailed, "failure": engine.SignFailed, "error": engine.SignFailed, "down": engine.SignFailed,
}

// signKind is what a word, or an exit status, says; "" if that is not known.
func signKind(word string) engine.SignKind {
	if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil {
		if n == 0 {
			return engine.SignSucceeded
		}
		return engine.SignFailed
	}
	return kinds[foldName(word)]
}

// signOf reads a sign of life. A word that is not known is taken for a failure: better one page too many.
func signOf(state string, query url.Values, body []byte, whole bool) (sign engine.Sign, labels []map[string]string) {
	word := first(state, query.Get("state"), query.Get("exit"))
	sign.Run = cut(oneLine(first(query.Get("run"), query.Get("rid"))), engine.MaxRunID) // as Healthchecks calls it
	if sign.Kind = signKind(word); sign.Kind == "" {
		sign.Kind, sign.Exit = engine.SignFailed, cut(fmt.Sprintf("it says %q, which is not known", oneLine(word)), maxSignExit)
	}
	if sign.Kind == engine.SignFailed || sign.Kind == engine.SignSucceeded {
		sign.Output = signEnd(storable(string(body)), maxSignOutput)
		for _, exit := range []string{query.Get("exit"), word} {
			if exit = strings.TrimSpace(exit); exit != "" && sign.Exit == "" {
				sign.Exit = signExit(exit)
			}
		}
	}
	return sign, signLabels(query, body, whole)
}

// signExit is an exit status in words; a mere word that says that it ended is none.
func signExit(exit string) string {
	if _, err := strconv.Atoi(exit); err == nil {
		return cut("exit status "+exit, maxSignExit)
	}
	if kinds[foldName(exit)] != "" {
		return ""
	}
	return cut(oneLine(exit), maxSignExit)
}

// noLabels are the parameters that are no labels: what a sign says, and where keys may stand.
var noLabels = []string{"state", "exit", "run", "rid", "service", "token", "key", "apiKey", "api_key", "integrationKey"}

// signLabels are the labels that a sign comes with: of each alert that fires in a notification, else of the
// query. nil if there are none.
func signLabels(query url.Values, body []byte, whole bool) (all []map[string]string) {
	if all = notifiedLabels(body, whole); all != nil {
		return all
	}
	labels := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(noLabels, name) && len(labels) < maxLabels {
			labels[storable(name)] = storable(query.Get(name))
		}
	}
	if len(labels) == 0 {
		return nil
	}
	return []map[string]string{labels}
}

// maxSignAlerts is how many alerts of a notification are looked at.
const maxSignAlerts = 2 * engine.MaxSources

func notifiedLabels(body []byte, whole bool) (all []map[string]string) {
	if !strings.Contains(string(body[:min(len(body), 1)]), "{") {
		return nil
	}
	v, _, _ := decodeOrBeginning(body, whole)
	object, _ := v.(map[string]any)
	f := fieldsOf(object)
	list, ok := f["alerts"].([]any)
	if !ok {
		return nil
	}
	for _, element := range list[:min(len(list), maxSignAlerts)] {
		a, _ := element.(map[string]any)
		alert := fieldsOf(a)
		if labels := stringsOf(alert["labels"]); labels != nil && !isResolved(first(alert.text("status"), f.text("status"))) {
			all = append(all, labels)
		}
	}
	return all
}

// signEnd is the end of a text, of at most so many bytes and of whole runes.
func signEnd(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const mark = "…"
	from := len(s) - limit + len(mark)
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return mark + s[from:]
}
