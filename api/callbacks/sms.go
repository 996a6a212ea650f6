package callbacks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rouse/api/shifts"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// TwilioSMS takes a text that somebody sent: POST /callbacks/twilio/sms. The reply says what it did. A
// number that nobody has and a code that nobody was given get the same reply, so that neither can be
// found out; an answer that was acted on already gets none.
func (h *Handler) TwilioSMS(w http.ResponseWriter, r *http.Request) {
	s, ok := h.verified(w, r, "sms")
	if !ok {
		return
	}
	number, body, id := twilio.ParseReply(s.Values)
	if !sidForm.MatchString(id) {
		h.refuse(w, r, "sms", errors.New("no whole MessageSid"))
		return
	}
	if h.isCanary(r, body) {
		answer(w, twilio.Text(""))
		return
	}
	if !notifiers.IsE164(number) { // a short code or a name: nobody who is on call
		answer(w, twilio.Text(""))
		return
	}
	if word := s.Values.Get("OptOutType"); word != "" { // in whatever language it was said; Twilio has answered it
		h.text(r, number, word, id)
		answer(w, twilio.Text(""))
		return
	}
	answer(w, twilio.Text(h.text(r, number, body, id)))
}

// text carries out what a person wrote, and is the reply; "" is none.
func (h *Handler) text(r *http.Request, number, body, id string) string {
	if reply, ok := h.optOut(r, number, body); ok {
		return reply
	}
	said := notifiers.ParseReply(body)
	carryOut := h.engine.Acknowledge
	switch said.Answer {
	case notifiers.Acknowledge:
	case notifiers.Decline:
		carryOut = h.engine.Decline
	case notifiers.Help:
		return h.advise(number, func() string { return h.caller(r, number).say(notifiers.HelpWanted) })
	default:
		return h.askForShift(r, number, body)
	}
	var reply pager.Reply
	var err error
	if said.Code != "" {
		guess, m := h.mayGuess(r, number)
		switch m {
		case mayNot:
			h.log.WarnContext(r.Context(), "too many wrong codes by text from one number")
			return h.advise(number, func() string { return sentencesIn(h.caller(r, number).language).tooMany })
		case mayWait:
			return plain("", notifiers.TryAgain)
		case mayTry:
			defer func() { h.guesses.end(r.Context(), number, guess, isGuess(err)) }()
		}
	}
	alone := said.Code == "" && len(said.Keys) == 0 && !said.All
	if alone && h.mayMeanShift(r, number) {
		return h.caller(r, number).say(notifiers.WhichOne)
	}
	from := pager.From{Number: number, Code: said.Code, Keys: said.Keys, All: said.All, Event: id}
	reply, err = h.patiently(r, func(ctx context.Context) (pager.Reply, error) { return carryOut(ctx, from, viaSMS) })
	if errors.Is(err, pager.ErrNotFound) && said.Code != "" && h.shifts != nil { // it is no page's code
		var told string
		if told, err = h.answerForShift(r, number, said); !errors.Is(err, shifts.ErrUnknown) {
			return told
		}
		err = pager.ErrNotFound
	}
	h.answered(r, viaSMS, reply, err)
	switch {
	case err == nil:
		return inWords(reply).Text()
	case errors.Is(err, pager.ErrSeen):
		return ""
	case errors.Is(err, errUnclear):
		return sentencesIn(reply.Person.Language).takenIn
	case errors.Is(err, pager.ErrAmbiguous):
		return h.caller(r, number).say(notifiers.WhichOne)
	case errors.Is(err, pager.ErrNeedsCode):
		return h.caller(r, number).say(notifiers.NeedsCode)
	case errors.Is(err, pager.ErrResolved):
		return h.caller(r, number).say(notifiers.Over)
	case errors.Is(err, pager.ErrNotFound):
		return h.advise(number, func() string { return howTo(h.caller(r, number).language) })
	case someDone(reply):
		return inWords(reply).Text()
	default:
		return plain("", notifiers.TryAgain)
	}
}

// isGuess reports whether a code led nowhere.
func isGuess(err error) bool {
	return errors.Is(err, pager.ErrNotFound) || errors.Is(err, shifts.ErrUnknown)
}

// caller is whom a number is known to be of, for what is said to it. The zero value is nobody.
type caller struct {
	language string
	open     []string // keys
}

func (c caller) say(o notifiers.Outcome) string {
	return notifiers.Answered{Outcome: o, Language: c.language, Open: c.open}.Text()
}

// callerWithin is how long a reply waits at most to learn in which language it is to be.
const callerWithin = time.Second

func (h *Handler) caller(r *http.Request, number string) caller {
	ctx, cancel := context.WithTimeout(r.Context(), callerWithin)
	defer cancel()
	known, err := h.engine.Caller(ctx, number, "")
	if err != nil {
		return caller{} // a stranger, or the database is away
	}
	c := caller{language: known.Person.Language}
	for _, page := range known.Open {
		c.open = append(c.open, page.Message.Key)
	}
	return c
}

// askForShift answers a text that is no answer to a page: it may ask for a shift.
func (h *Handler) askForShift(r *http.Request, number, body string) string {
	if h.shifts == nil {
		return h.advise(number, func() string { return howTo(h.caller(r, number).language) })
	}
	if h.replies.begin(number) != mayTry { // what would not be answered is not asked
		return ""
	}
	defer h.replies.end(number, true)
	told, err := once(r, func(ctx context.Context) (string, error) { return h.shifts.Ask(ctx, number, body) })
	switch {
	case err == nil:
		return told
	case errors.Is(err, shifts.ErrUnknown):
		return howTo(h.caller(r, number).language)
	default:
		h.log.ErrorContext(r.Context(), "a text about shifts not taken in", "err", mask(err))
		return plain("", notifiers.TryAgain)
	}
}

// pendingWithin is how long the answer to a page waits at most to learn whether it may be meant for a shift; then
// it is taken for the page's.
const pendingWithin = 500 * time.Millisecond

// mayMeanShift reports whether a bare word may be meant for a shift that was asked about: it then answers no
// page.
func (h *Handler) mayMeanShift(r *http.Request, number string) bool {
	if h.shifts == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), pendingWithin)
	defer cancel()
	pending, err := h.shifts.Pending(ctx, number)
	return err == nil && pending
}

// answerForShift carries out, or gives up, what a code that is no page's is for. ErrUnknown: it is no
// shift's either.
func (h *Handler) answerForShift(r *http.Request, number string, said notifiers.Reply) (string, error) {
	told, err := once(r, func(ctx context.Context) (string, error) {
		return h.shifts.Answer(ctx, number, said.Code, said.Answer == notifiers.Decline)
	})
	if err != nil && !errors.Is(err, shifts.ErrUnknown) {
		h.log.ErrorContext(r.Context(), "an answer about shifts not taken in", "err", mask(err))
		return plain("", notifiers.TryAgain), err
	}
	return told, err
}

// howTo answers what could not be understood, or belongs to nothing.
func howTo(language string) string {
	return plain(language, notifiers.NotUnderstood) + " " + plain(language, notifiers.HelpWanted)
}

// mayGuess begins a try of a code, as soon as enough of those under way from the number have ended.
func (h *Handler) mayGuess(r *http.Request, number string) (id int64, m may) {
	until := time.Now().Add(h.patience)
	for {
		if id, m = h.guesses.begin(r.Context(), number); m != mayWait || time.Now().After(until) {
			return id, m
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// advise gives advice so often and no more: the other end may be a machine that answers it.
func (h *Handler) advise(number string, advice func() string) string {
	if h.replies.begin(number) != mayTry {
		return ""
	}
	h.replies.end(number, true)
	return advice()
}
