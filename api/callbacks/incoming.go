package callbacks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// viaCallIn is the way to answer by calling Rouse.
const viaCallIn = "call-in"

// nothingKnown is what a number hears that nobody has, or several people have, or that nothing is open for: whoever
// forges one learns nothing of it. So it is always in English.
const nothingKnown = "This is Rouse. Nothing is open for this number. Goodbye."

// TwilioIncoming reads to somebody who calls what is open for them: POST /callbacks/twilio/incoming. They are known
// by their number, which can be forged: see pager.From for what it answers alone.
func (h *Handler) TwilioIncoming(w http.ResponseWriter, r *http.Request) {
	c, ok := h.incoming(w, r)
	if !ok {
		return
	}
	say := sentencesIn(c.Person.Language)
	intro := say.openOne
	if n := len(c.Open); n > 1 {
		intro = fmt.Sprintf(say.openMore, n)
	}
	if len(c.Open) == 0 {
		speak(w, "", nothingKnown)
		return
	}
	c.read(w, 0, intro)
}

// TwilioIncomingKey takes a key: POST /callbacks/twilio/incoming/{nonce}, which is that of the page that was read.
func (h *Handler) TwilioIncomingKey(w http.ResponseWriter, r *http.Request) {
	c, ok := h.incoming(w, r)
	if !ok {
		return
	}
	switch at := c.index(); c.digits {
	case "1", "2", "0":
		h.answerCallIn(w, r, c, c.digits, "")
	case "3":
		c.read(w, at+1, "")
	case "9", "":
		c.read(w, max(at, 0), "")
	default:
		c.read(w, max(at, 0), plain(c.Person.Language, notifiers.NotUnderstood))
	}
}

// TwilioIncomingCode takes the code for an answer that needs one: POST
// /callbacks/twilio/incoming/{nonce}/{answer}, which is the key that was pressed before.
func (h *Handler) TwilioIncomingCode(w http.ResponseWriter, r *http.Request) {
	c, ok := h.incoming(w, r)
	if !ok {
		return
	}
	key := r.PathValue("answer")
	if !codeForm.MatchString(c.digits) || !slices.Contains([]string{"0", "1", "2"}, key) {
		c.read(w, max(c.index(), 0), sentencesIn(c.Person.Language).badCode)
		return
	}
	h.answerCallIn(w, r, c, key, c.digits)
}

var codeForm = regexp.MustCompile(`^[0-9]{4,8}$`)

// callIn is a call to Rouse, with what is open for who calls as it was when the call began.
type callIn struct {
	pager.Caller
	call
	number, sid, digits string
}

// incoming gives a call to Rouse. Otherwise it has answered, and ok is false.
func (h *Handler) incoming(w http.ResponseWriter, r *http.Request) (c callIn, ok bool) {
	s, ok := h.verified(w, r, "incoming")
	if !ok {
		return c, false
	}
	c = callIn{call: s}
	c.number, c.sid, c.digits = twilio.ParseIncoming(s.Values)
	if !sidForm.MatchString(c.sid) {
		h.refuse(w, r, "incoming", errors.New("no whole CallSid"))
		return c, false
	}
	err := pager.ErrNotFound
	if notifiers.IsE164(c.number) && (c.nonce == "" || urlSafe.MatchString(c.nonce)) {
		c.Caller, err = once(r, func(ctx context.Context) (pager.Caller, error) { return h.engine.Caller(ctx, c.number, c.sid) })
	}
	switch {
	case errors.Is(err, pager.ErrNotFound):
		h.log.InfoContext(r.Context(), "a call from a number that is not one person's")
		speak(w, "", nothingKnown)
	case err != nil:
		h.log.ErrorContext(r.Context(), "call cannot be answered", "err", mask(err))
		h.oneMoment(w, r, url.PathEscape(path.Base(r.URL.Path)))
	}
	return c, err == nil
}

// index is the place of the page that was read, -1 if it is not open any more.
func (c callIn) index() int {
	return slices.IndexFunc(c.Open, func(o pager.OpenPage) bool { return o.Nonce == c.nonce })
}

// read reads one of the pages, behind a sentence, and asks for a key. After the last comes the first.
func (c callIn) read(w http.ResponseWriter, at int, first string) {
	language := c.Person.Language
	say := sentencesIn(language)
	if len(c.Open) == 0 {
		speak(w, language, strings.TrimSpace(first+" "+say.nothingMore))
		return
	}
	page := c.Open[at%len(c.Open)]
	menu := say.menu
	if n := len(c.Open); n > 1 {
		menu = fmt.Sprintf(say.menuAll, n)
	}
	answer(w, c.twilio.Ask(twilio.Question{Language: notifiers.VoiceLanguage(language), First: first, Read: notifiers.Spoken(page.Message), Ask: menu,
		Silence: notifiers.SpokenSilence(page.Message), Path: twilio.IncomingPath + "/" + url.PathEscape(page.Nonce)}))
}

// answerCallIn carries out the answer that a key stands for, with a code if one was asked for, and reads what is
// left.
func (h *Handler) answerCallIn(w http.ResponseWriter, r *http.Request, c callIn, key, code string) {
	say := sentencesIn(c.Person.Language)
	from := pager.From{Number: c.number, Call: c.sid, Code: code, Event: c.sid + ":" + key + ":" + c.nonce, Read: c.nonce}
	carryOut := h.engine.Acknowledge
	switch key {
	case "2":
		carryOut = h.engine.Decline
	case "0":
		from.Read, from.All = "", true
	}
	var err error
	if code != "" {
		guess, m := h.guesses.begin(r.Context(), c.number)
		if m != mayTry {
			h.log.WarnContext(r.Context(), "too many wrong codes by phone from one number")
			speak(w, c.Person.Language, say.tooMany)
			return
		}
		defer func() {
			h.guesses.end(r.Context(), c.number, guess, isGuess(err) || errors.Is(err, pager.ErrNeedsCode))
		}()
	}
	var reply pager.Reply
	reply, err = once(r, func(ctx context.Context) (pager.Reply, error) { return carryOut(ctx, from, viaCallIn) })
	h.answered(r, viaCallIn, reply, err)
	switch {
	case err == nil, someDone(reply), errors.Is(err, pager.ErrSeen) && reply.Outcome != "":
		h.readOn(w, r, c, inWords(reply).Spoken())
	case errors.Is(err, pager.ErrSeen):
		h.readOn(w, r, c, say.takenIn)
	case code != "" && settled(err):
		c.read(w, max(c.index(), 0), say.badCode)
	case errors.Is(err, pager.ErrNeedsCode):
		answer(w, c.twilio.Ask(twilio.Question{Language: notifiers.VoiceLanguage(c.Person.Language), Ask: say.typeCode, Code: true,
			Silence: notifiers.SpokenSilence(notifiers.Message{Language: c.Person.Language}), Path: twilio.IncomingPath + "/" + url.PathEscape(c.nonce) + "/" + key}))
	case settled(err):
		h.readOn(w, r, c, say.noAnswerNeeded)
	default:
		c.read(w, max(c.index(), 0), plain(c.Person.Language, notifiers.TryAgain))
	}
}

// readOn reads the worst of what is left, behind a sentence about what was answered.
func (h *Handler) readOn(w http.ResponseWriter, r *http.Request, c callIn, said string) {
	left, err := once(r, func(ctx context.Context) (pager.Caller, error) { return h.engine.Caller(ctx, c.number, c.sid) })
	if err != nil {
		speak(w, c.Person.Language, said)
		return
	}
	c.Caller = left
	c.read(w, 0, said)
}
