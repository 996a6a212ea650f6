package callbacks

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"rouse/engine/pager"
	"rouse/notifiers"
)

// AnswerButton takes a button of a push: POST /a/{token}/ack and /a/{token}/decline, routed as
// /a/{token}/{answer}. Only POST does anything, so that a preview of the link does not (rule 10).
//
// The token is all that it goes by: no cookie is read, so a page that makes somebody's browser post
// here can do no more than whoever knows the token, and any origin may read the answer (ntfy's web app
// is one).
//
// The answer is a line of text, or a page for a browser. That somebody else was quicker, or that the
// incident is over, is a 200 as well: the phone shows that the answer arrived, and stops asking. 404 is
// a token that is unknown or too old; after a 503 the button should be pressed again.
func (h *Handler) AnswerButton(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if !allowed(w, r, http.MethodPost) {
		return
	}
	status, text := h.press(r)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if wantsPage(r) {
		h.writePage(w, r, status, page{Text: text})
		return
	}
	secret(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the phone is gone: what it asked for is done
}

// press carries out a button.
func (h *Handler) press(r *http.Request) (status int, text string) {
	language := languageOf(r)
	token := r.PathValue("token")
	carryOut := h.engine.Acknowledge
	switch r.PathValue("answer") {
	case "ack":
	case "decline":
		carryOut = h.engine.Decline
	default:
		token = ""
	}
	if !urlSafe.MatchString(token) {
		return http.StatusNotFound, sentencesIn(language).notValid
	}
	reply, err := h.patiently(r, func(ctx context.Context) (pager.Reply, error) {
		return carryOut(ctx, pager.From{Token: token}, viaButton)
	})
	h.answered(r, viaButton, reply, err)
	switch {
	case err == nil:
		return http.StatusOK, inWords(reply).Text()
	case errors.Is(err, pager.ErrNotFound):
		return http.StatusNotFound, sentencesIn(language).notValid
	case errors.Is(err, pager.ErrResolved):
		return http.StatusOK, plain(language, notifiers.Over)
	case errors.Is(err, pager.ErrSeen), errors.Is(err, errUnclear):
		return http.StatusOK, sentencesIn(language).takenIn
	case someDone(reply):
		return http.StatusServiceUnavailable, inWords(reply).Text()
	default:
		return http.StatusServiceUnavailable, plain(language, notifiers.TryAgain)
	}
}

// allowed answers every other method.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	for _, m := range methods {
		if r.Method == m {
			return true
		}
	}
	w.Header().Set("Allow", strings.Join(append(methods, http.MethodOptions), ", "))
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
	} else {
		http.Error(w, "Press a button to answer.", http.StatusMethodNotAllowed)
	}
	return false
}

func wantsPage(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), "text/html") }

// languageOf is the browser's first choice; whose link it is, is not known here.
func languageOf(r *http.Request) string {
	choice, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	choice, _, _ = strings.Cut(choice, ";")
	return strings.TrimSpace(choice)
}
