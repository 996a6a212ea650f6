package callbacks

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// TwilioVoice says what to read to whoever, or whatever, answered a call: POST
// /callbacks/twilio/voice/{nonce}. That a call was answered acknowledges nothing (rule 10).
//
// While the engine cannot be asked, the caller is asked for a moment and the call comes here again.
func (h *Handler) TwilioVoice(w http.ResponseWriter, r *http.Request) {
	s, ok := h.verified(w, r, "voice")
	if !ok {
		return
	}
	h.prompt(w, r, s, "")
}

// TwilioKey takes a key pressed in a call: POST /callbacks/twilio/key/{nonce}. 1 acknowledges, 2
// declines, any other has the prompt read again. How often is limited by the length of a call, which
// Twilio ends after three minutes.
func (h *Handler) TwilioKey(w http.ResponseWriter, r *http.Request) {
	s, ok := h.verified(w, r, "key")
	if !ok {
		return
	}
	call, digit := twilio.ParseKey(s.Values)
	if !sidForm.MatchString(call) {
		h.refuse(w, r, "key", errors.New("no whole CallSid"))
		return
	}
	if !urlSafe.MatchString(s.nonce) {
		speak(w, "", sentencesIn("").noAnswerNeeded)
		return
	}
	from := pager.From{CallNonce: s.nonce, Event: call + ":" + digit}
	answer := h.engine.Acknowledge
	switch digit {
	case "1":
	case "2":
		answer = h.engine.Decline
	case "9", "":
		h.prompt(w, r, s, "")
		return
	default:
		h.prompt(w, r, s, notifiers.NotUnderstood)
		return
	}
	reply, err := once(r, func(ctx context.Context) (pager.Reply, error) { return answer(ctx, from, viaVoice) })
	h.answered(r, viaVoice, reply, err)
	switch {
	case err == nil, errors.Is(err, pager.ErrSeen) && reply.Outcome != "":
		speak(w, reply.Person.Language, inWords(reply).Spoken())
	case errors.Is(err, pager.ErrSeen):
		h.sayAgain(w, r, s.nonce)
	case settled(err):
		speak(w, "", sentencesIn("").noAnswerNeeded)
	case someDone(reply):
		speak(w, reply.Person.Language, inWords(reply).Spoken())
	default:
		redirect(w, plain("", notifiers.TryAgain), voiceAgain(s.nonce), 1)
	}
}

// prompt reads the message, behind a word about the key that was pressed before ("" for none), or says
// that it is answered.
func (h *Handler) prompt(w http.ResponseWriter, r *http.Request, s call, before notifiers.Outcome) {
	view, err := h.view(r, s.nonce)
	switch m := view.Message; {
	case errors.Is(err, pager.ErrNotFound):
		h.log.InfoContext(r.Context(), "call for an unknown attempt")
		speak(w, "", sentencesIn("").noAnswerNeeded)
	case err != nil:
		h.log.ErrorContext(r.Context(), "call cannot be read out", "err", mask(err))
		h.oneMoment(w, r, voiceAgain(s.nonce))
	case view.Over:
		speak(w, m.Language, notifiers.Spell(m.Key)+". "+over(view))
	case before != "":
		answer(w, s.twilio.PromptAgain(plain(m.Language, before), m))
	default:
		answer(w, s.twilio.Prompt(m))
	}
}

// sayAgain tells the present state to somebody whose key was acted on already.
func (h *Handler) sayAgain(w http.ResponseWriter, r *http.Request, nonce string) {
	view, err := h.view(r, nonce)
	if err == nil && view.Over && view.Holder != "" {
		speak(w, view.Message.Language, over(view))
		return
	}
	speak(w, view.Message.Language, sentencesIn(view.Message.Language).takenIn)
}

func (h *Handler) view(r *http.Request, nonce string) (pager.CallView, error) {
	if !urlSafe.MatchString(nonce) {
		return pager.CallView{}, pager.ErrNotFound
	}
	view, err := once(r, func(ctx context.Context) (pager.CallView, error) { return h.engine.Call(ctx, nonce) })
	view.Message.Nonce = nonce
	return view, err
}

// over says why nothing is left to answer. Without a holder that may be because this very person has
// answered, by another channel.
func over(view pager.CallView) string {
	if view.Holder == "" {
		return sentencesIn(view.Message.Language).noAnswerNeeded
	}
	return notifiers.Answered{Outcome: notifiers.AlreadyTaken, By: view.Holder, Language: view.Message.Language}.Spoken()
}

// A call during which the engine cannot be asked comes back so often, each time after so many seconds.
const (
	maxMoments = 4
	moment     = 5
)

func (h *Handler) oneMoment(w http.ResponseWriter, r *http.Request, again string) {
	said := 0
	if n, err := strconv.Atoi(r.URL.Query().Get("try")); err == nil { // signed like the rest of the URL
		said = n
	}
	if said >= maxMoments {
		speak(w, "", sentencesIn("").giveUp)
		return
	}
	redirect(w, sentencesIn("").oneMoment, again, said+1)
}

// voiceAgain leads to TwilioVoice. Twilio resolves it against the URL of the document,
// .../callbacks/twilio/voice/{nonce} or key.
func voiceAgain(nonce string) string { return "../voice/" + url.PathEscape(nonce) }

// redirect says a sentence and has the call come to an address again. The language of the person is
// not known here.
func redirect(w http.ResponseWriter, sentence, again string, try int) {
	type say struct {
		Language string `xml:"language,attr"`
		Text     string `xml:",chardata"`
	}
	type pause struct {
		Length int `xml:"length,attr"`
	}
	type to struct {
		Method string `xml:"method,attr"`
		URL    string `xml:",chardata"`
	}
	next := again + "?try=" + strconv.Itoa(try)
	body, err := xml.Marshal(struct {
		XMLName  xml.Name `xml:"Response"`
		Say      say
		Pause    pause
		Redirect to
	}{Say: say{notifiers.VoiceLanguage(""), sentence}, Pause: pause{moment}, Redirect: to{http.MethodPost, next}})
	if err != nil {
		panic(err) // nothing in it can fail
	}
	answer(w, append([]byte(xml.Header), body...))
}

// speak says a sentence and hangs up.
func speak(w http.ResponseWriter, language, text string) { answer(w, twilio.Speak(language, text)) }

func answer(w http.ResponseWriter, twiml []byte) {
	w.Header().Set("Content-Type", twilio.ContentType)
	_, _ = w.Write(twiml) // Twilio is gone: it tries again
}
