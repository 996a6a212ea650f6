package callbacks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// TwilioSMS takes a text that somebody sent: POST /callbacks/twilio/sms. The reply says what it did. A
// number that nobody has and a code that nobody was given get the same reply, so that neither can be
// found out; a text that was acted on already gets none.
func (h *Handler) TwilioSMS(w http.ResponseWriter, r *http.Request) {
	params, _, ok := h.verified(w, r, "sms")
	if !ok {
		return
	}
	number, body, id := twilio.ParseReply(params)
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
		return h.advise(number, howTo())
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
			defer func() { h.guesses.end(number, errors.Is(err, pager.ErrNotFound)) }()
		}
	}
	from := pager.From{Number: number, Code: said.Code, Event: id}
	reply, err = h.patiently(r, func(ctx context.Context) (pager.Reply, error) { return carryOut(ctx, from, viaSMS) })
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
