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
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/gateway"
	"rouse/notifiers/twilio"
)

// Config is what a Handler needs.
type Config struct {
	Engine pager.Engine
	Twilio func() []*twilio.Twilio // the accounts that may call back; nil or none: its paths are not found
	// Gateway is the templated provider of a name whose callbacks come with a key; nil: there are none.
	Gateway func(name, key string) (*gateway.Gateway, bool)
	// Reply sends an answer to a text that came through such a provider; nil: it is only the callback's body.
	Reply func(context.Context, notifiers.Message)

	Shifts Shifts // nil: nobody can take and swap shifts by text

	OptOuts OptOuts // nil: STOP and START are words like any other

	Chats Chats // nil: there are none

	// Canary takes in that the canary of a nonce came back as a text; nil: none ever does. Errors are logged.
	Canary func(ctx context.Context, nonce string) error

	Guesses Guesses // counts wrong codes for all nodes; nil: each counts its own

	Devices Devices       // nil: browsers cannot subscribe to pushes
	PushKey func() string // that they subscribe with, "" without Web Push; nil: always without
	// Endpoints says what is wrong with the address of a browser's push service, as notifiers.Guard.CheckURL
	// does; nil: nothing ever is. Pushes are kept in by the guard that sends them, this says so at once.
	Endpoints func(address string) error

	// Base is the path that Rouse is below at its public address, without a slash at its end; usually "".
	Base string
	Log  *slog.Logger // nil discards

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
	twilio   func() []*twilio.Twilio
	gateway  func(name, key string) (*gateway.Gateway, bool)
	reply    func(context.Context, notifiers.Message)
	canary   func(ctx context.Context, nonce string) error
	chats    Chats
	shifts   Shifts
	optOuts  OptOuts
	devices  Devices
	pushKey  func() string
	endpoint func(address string) error
	base     string
	log      *slog.Logger
	patience time.Duration
	guesses  *guesses // wrong codes, by number
	replies  *tries   // texts that told nothing but how to answer, by number
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
	h := &Handler{engine: c.Engine, twilio: c.Twilio, gateway: c.Gateway, reply: c.Reply, canary: c.Canary, chats: c.Chats, shifts: c.Shifts, optOuts: c.OptOuts, devices: c.Devices, pushKey: c.PushKey, endpoint: c.Endpoints, base: c.Base, log: c.Log, patience: c.Patience,
		replies: newTries(maxReplies, tryFor)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.guesses = &guesses{newTries(maxGuesses, tryFor), c.Guesses, h.log}
	if h.twilio == nil {
		h.twilio = func() []*twilio.Twilio { return nil }
	}
	if h.gateway == nil {
		h.gateway = func(string, string) (*gateway.Gateway, bool) { return nil, false }
	}
	if h.pushKey == nil {
		h.pushKey = func() string { return "" }
	}
	if h.endpoint == nil {
		h.endpoint = func(string) error { return nil }
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

// maxCallback is how many bytes of a callback are read.
const maxCallback = 64 << 10

// call is a callback that Twilio signed.
type call struct {
	url.Values
	nonce  string         // in its path
	twilio *twilio.Twilio // whose it is
}

// verified gives a callback that Twilio signed. Otherwise it has answered, and ok is false.
func (h *Handler) verified(w http.ResponseWriter, r *http.Request, what string) (s call, ok bool) {
	w.Header().Set("Cache-Control", "no-store")
	accounts := h.twilio()
	if len(accounts) == 0 {
		http.Error(w, "Twilio is not configured.", http.StatusNotFound)
		return s, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	if err != nil {
		h.refuse(w, r, what, errors.New("the body is too long, or broke off"))
		return s, false
	}
	for _, account := range accounts {
		r.Body = io.NopCloser(bytes.NewReader(body))
		params, failed := account.Verify(r)
		if failed == nil {
			return call{params, r.PathValue("nonce"), account}, true
		}
		err = failed
	}
	h.refuse(w, r, what, err)
	return s, false
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, what string, err error) {
	h.log.WarnContext(r.Context(), "callback refused; if Twilio sent it, compare the public URL and the auth token with Twilio's console",
		"callback", what, "err", mask(err))
	http.Error(w, "The signature is not valid.", http.StatusForbidden)
}

// settled tells an answer of the engine from a failure that may pass.
func settled(err error) bool {
	return err == nil || errors.Is(err, pager.ErrNotFound) || errors.Is(err, pager.ErrResolved) ||
		errors.Is(err, pager.ErrAmbiguous) || errors.Is(err, pager.ErrNeedsCode) || errors.Is(err, pager.ErrSeen)
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
