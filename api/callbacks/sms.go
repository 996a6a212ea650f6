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
	if !notifiers.IsE164(number) { // a short code or a name: nobody who is on call
		answer(w, twilio.Text(""))
		return
	}
	answer(w, twilio.Text(h.text(r, number, body, id)))
}

// text carries out what a person wrote, and is the reply; "" is none.
func (h *Handler) text(r *http.Request, number, body, id string) string {
	said := notifiers.ParseReply(body)
	carryOut := h.engine.Acknowledge
	switch said.Answer {
	case notifiers.Acknowledge:
	case notifiers.Decline:
		carryOut = h.engine.Decline
	case notifiers.Help:
		return h.advise(number, plain("", notifiers.HelpWanted))
	default:
		return h.askForShift(r, number, body)
	}
	var reply pager.Reply
	var err error
	if said.Code != "" {
		switch h.mayGuess(number) {
		case mayNot:
			h.log.WarnContext(r.Context(), "too many wrong codes by text from one number")
			return h.advise(number, sentencesIn("").tooMany)
		case mayWait:
			return plain("", notifiers.TryAgain)
		case mayTry:
			defer func() { h.guesses.end(number, errors.Is(err, pager.ErrNotFound) || errors.Is(err, shifts.ErrUnknown)) }()
		}
	}
	if said.Code == "" && h.mayMeanShift(r, number) {
		return plain("", notifiers.WhichOne)
	}
	from := pager.From{Number: number, Code: said.Code, Event: id}
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
		return plain("", notifiers.WhichOne)
	case errors.Is(err, pager.ErrResolved):
		return plain("", notifiers.Over)
	case errors.Is(err, pager.ErrNotFound):
		return h.advise(number, howTo())
	case someDone(reply):
		return inWords(reply).Text()
	default:
		return plain("", notifiers.TryAgain)
	}
}

// askForShift answers a text that is no answer to a page: it may ask for a shift.
func (h *Handler) askForShift(r *http.Request, number, body string) string {
	if h.shifts == nil {
		return h.advise(number, howTo())
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
		return howTo()
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
func howTo() string {
	return plain("", notifiers.NotUnderstood) + " " + plain("", notifiers.HelpWanted)
}

// mayGuess begins a try of a code, as soon as enough of those under way from the number have ended.
func (h *Handler) mayGuess(number string) may {
	until := time.Now().Add(h.patience)
	for {
		if m := h.guesses.begin(number); m != mayWait || time.Now().After(until) {
			return m
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// advise gives advice so often and no more: the other end may be a machine that answers it.
func (h *Handler) advise(number, advice string) string {
	if h.replies.begin(number) != mayTry {
		return ""
	}
	h.replies.end(number, true)
	return advice
}
