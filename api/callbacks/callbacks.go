// Package callbacks takes what comes back: receipts, key presses and texts from Twilio, and the
// buttons of pushes. It finds out what was meant, hands it to the engine and words the reply; it
// decides nothing.
//
// What Twilio posts is read only after its signature was verified. The signature has no date, so a
// callback may be recorded and sent again: every answer carries an Event that is unique to it, and
// the engine acts on an Event once. Receipts may come twice and in any order, the engine sees to it.
//
// Nobody's number, no secret of a button and no text reaches the log, nor any path: paths hold secrets.
package callbacks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// Config is what a Handler needs.
type Config struct {
	Engine pager.Engine
	Twilio *twilio.Twilio // nil: there is none, and its paths are not found
	Shifts Shifts         // nil: nobody can take and swap shifts by text
	Log    *slog.Logger   // nil discards

	// Patience is how long a text or a button is tried to be taken in while the database is away;
	// 0 is 8 s. Twilio waits 15 s for an answer.
	Patience time.Duration
}

// Shifts is what people do with their shifts by text; *shifts.Desk is it outside tests.
type Shifts interface {
	// Ask answers a text with what it would do and a code. shifts.ErrUnknown: it asks for no such thing.
	Ask(ctx context.Context, number, text string) (reply string, err error)
	// Answer carries out what a code is for, or gives it up. shifts.ErrUnknown: it is not known.
	Answer(ctx context.Context, number, code string, no bool) (reply string, err error)
	// Pending reports whether somebody with the number was asked for a code a moment ago.
	Pending(ctx context.Context, number string) (bool, error)
}

// Handler answers providers and phones. Its methods are routed at the paths that they name.
type Handler struct {
	engine   pager.Engine
	twilio   *twilio.Twilio
	shifts   Shifts
	log      *slog.Logger
	patience time.Duration
	guesses  *tries // wrong codes, by number
	replies  *tries // texts that told nothing but how to answer, by number
}

// The names of the ways to answer, for the timeline.
const (
	viaSMS    = "sms"
	viaVoice  = "voice"
	viaButton = "button"
)

// The limits by phone number: codes have 20 bits, so five guesses hit one with a chance of 1 in
// 200,000; and two machines that do not understand each other fall silent.
const (
	tryFor     = 10 * time.Minute
	maxGuesses = 5
	maxReplies = 10
)

// New makes a Handler.
func New(c Config) *Handler {
	h := &Handler{engine: c.Engine, twilio: c.Twilio, shifts: c.Shifts, log: c.Log, patience: c.Patience,
		guesses: newTries(maxGuesses, tryFor), replies: newTries(maxReplies, tryFor)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.patience <= 0 {
		h.patience = 8 * time.Second
	}
	return h
}

// urlSafe is the form of nonces and tokens.
var urlSafe = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// sidForm is that of Twilio's ids. What Twilio signed are names and values in one run, without
// anything between them, so that somebody who repeats a callback could part them elsewhere: an id is
// taken only if it is whole, or a repetition would pass for something new.
var sidForm = regexp.MustCompile(`^[A-Z]{2}[0-9a-zA-Z]{32}$`)

// verified gives the parameters of a callback that Twilio signed, and the nonce in its path. Otherwise
// it has answered, and ok is false.
func (h *Handler) verified(w http.ResponseWriter, r *http.Request, what string) (params url.Values, nonce string, ok bool) {
	w.Header().Set("Cache-Control", "no-store")
	if h.twilio == nil {
		http.Error(w, "Twilio is not configured.", http.StatusNotFound)
		return nil, "", false
	}
	params, err := h.twilio.Verify(r)
	if err != nil {
		h.refuse(w, r, what, err)
		return nil, "", false
	}
	return params, r.PathValue("nonce"), true
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, what string, err error) {
	h.log.WarnContext(r.Context(), "callback refused; if Twilio sent it, compare the public URL and the auth token with Twilio's console",
		"callback", what, "err", mask(err))
	http.Error(w, "The signature is not valid.", http.StatusForbidden)
}

// settled tells an answer of the engine from a failure that may pass.
func settled(err error) bool {
	return err == nil || errors.Is(err, pager.ErrNotFound) || errors.Is(err, pager.ErrResolved) ||
		errors.Is(err, pager.ErrAmbiguous) || errors.Is(err, pager.ErrSeen)
}

// oneTry is how long one call of the engine may take.
const oneTry = 3 * time.Second

// once asks the engine within oneTry. What a person answered is carried out even if the one who
// brought it hangs up.
func once[T any](r *http.Request, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), oneTry)
	defer cancel()
	return ask(ctx)
}

// errUnclear says that an answer was taken in, and that it is not known what it did: a try failed, and
// the next found that it had not.
var errUnclear = errors.New("taken in by a try that failed")

// patiently asks until the engine answers, or patience is at its end.
func (h *Handler) patiently(r *http.Request, ask func(context.Context) (pager.Reply, error)) (pager.Reply, error) {
	until, tried := time.Now().Add(h.patience), false
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		reply, err := once(r, ask)
		switch {
		case tried && errors.Is(err, pager.ErrSeen):
			return reply, errUnclear
		case settled(err), time.Now().Add(pause).After(until):
			return reply, err
		}
		tried = true
		time.Sleep(pause)
	}
}

// answered notes an answer, or why there is none, without saying by whose phone.
func (h *Handler) answered(r *http.Request, via string, reply pager.Reply, err error) {
	switch {
	case err == nil:
		h.log.InfoContext(r.Context(), "answer", "via", via, "incident", reply.Key, "outcome", reply.Outcome, "person", reply.Person.ID)
	case settled(err), errors.Is(err, errUnclear):
		h.log.InfoContext(r.Context(), "answer without effect", "via", via, "why", mask(err))
	default:
		h.log.ErrorContext(r.Context(), "answer not taken in", "via", via, "err", mask(err))
	}
}

func mask(err error) string { return notifiers.MaskNumbers(err.Error()) }
