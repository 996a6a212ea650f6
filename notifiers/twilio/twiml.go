package twilio

import (
	"encoding/xml"
	"net/http"
	"net/url"

	"rouse/notifiers"
)

// The answers to Twilio's callbacks, in TwiML (https://www.twilio.com/docs/voice/twiml). They are
// plain structs: twilio-go's twiml package leaves out empty attributes, and finishOnKey must be
// there and empty, and puts the others in a random order.
type (
	response struct {
		XMLName xml.Name `xml:"Response"`
		Verbs   []any
	}
	say struct {
		XMLName  xml.Name `xml:"Say"`
		Language string   `xml:"language,attr"`
		Text     string   `xml:",chardata"`
	}
	pause struct {
		XMLName xml.Name `xml:"Pause"`
		Length  int      `xml:"length,attr"` // s
	}
	gather struct {
		XMLName             xml.Name `xml:"Gather"`
		Input               string   `xml:"input,attr"`
		NumDigits           int      `xml:"numDigits,attr,omitempty"` // 0: until FinishOnKey
		Timeout             int      `xml:"timeout,attr"`             // s, after what is said in it
		FinishOnKey         string   `xml:"finishOnKey,attr"`
		ActionOnEmptyResult bool     `xml:"actionOnEmptyResult,attr"`
		Action              string   `xml:"action,attr"`
		Method              string   `xml:"method,attr"`
		Say                 say
	}
	hangup struct {
		XMLName xml.Name `xml:"Hangup"`
	}
	message struct {
		XMLName xml.Name `xml:"Message"`
		Text    string   `xml:",chardata"`
	}
)

const keyTimeout = 8 // s

// Prompt is what is said to whoever answers the call for m: key, severity, summary, then a request
// for a key, both twice at most, then goodbye. The key goes to KeyPath.
//
// Only a key pressed after the prompt counts (rule 10). So the message is said outside <Gather>:
// keys and tones that arrive while it is being said, a voicemail's greeting among them, reach no
// verb that listens and are lost (Twilio: "users begin to press keys before the <Gather> has
// actually begun",
// https://support.twilio.com/hc/en-us/articles/223180068-Troubleshooting-issues-with-Gather). Only
// from the words "Press 1 to ..." on is a key taken, also in the middle of them.
//
// What TwiML cannot do: tell a key from a tone in a greeting that lasts longer than the message.
// Twilio takes key events (RFC 4733) and not tones in the audio, but a carrier on the way may turn
// one into the other. A beep is no such tone.
func (t *Twilio) Prompt(m notifiers.Message) []byte {
	return t.prompt(m, pause{Length: 1})
}

// PromptAgain is Prompt behind a sentence: after a key that was not understood.
func (t *Twilio) PromptAgain(first string, m notifiers.Message) []byte {
	return t.prompt(m, say{Language: notifiers.SpokenIn(m), Text: first})
}

func (t *Twilio) prompt(m notifiers.Message, first any) []byte {
	return t.ask(Question{Language: notifiers.SpokenIn(m), Read: notifiers.Spoken(m), Ask: notifiers.SpokenOptions(m),
		Silence: notifiers.SpokenSilence(m), Path: KeyPath + url.PathEscape(m.Nonce)}, first)
}

// Question is what a caller hears: First once, Read and Ask twice at most, then Silence and the end of the call.
// The key that is pressed from Ask on, or with Code the digits up to #, go to Path below the public URL.
type Question struct {
	Language                  string // of the voice
	First, Read, Ask, Silence string
	Path                      string
	Code                      bool
}

// Ask reads a question. Only what is pressed after Read counts, as with Prompt.
func (t *Twilio) Ask(q Question) []byte {
	var first any = pause{Length: 1}
	if q.First != "" {
		first = say{Language: q.Language, Text: q.First}
	}
	return t.ask(q, first)
}

func (t *Twilio) ask(q Question, first any) []byte {
	verbs := []any{first}
	listen := gather{Input: "dtmf", NumDigits: 1, Timeout: keyTimeout, Action: t.callbackBase + q.Path + overrides, Method: http.MethodPost,
		Say: say{Language: q.Language, Text: q.Ask}}
	if q.Code {
		listen.NumDigits, listen.FinishOnKey = 0, "#"
	}
	for range 2 {
		if q.Read != "" {
			verbs = append(verbs, say{Language: q.Language, Text: q.Read})
		}
		verbs = append(verbs, listen)
	}
	return document(append(verbs, say{Language: q.Language, Text: q.Silence}, hangup{})...)
}

// Speak says one sentence and hangs up: the answer to a key, or to a call that came too late.
func Speak(language, text string) []byte {
	return document(say{Language: notifiers.VoiceLanguage(language), Text: text}, hangup{})
}

// Text answers a text with another; "" with none.
func Text(text string) []byte {
	if text == "" {
		return document()
	}
	return document(message{Text: text})
}

// ContentType is that of the documents made here.
const ContentType = "text/xml; charset=utf-8"

func document(verbs ...any) []byte {
	body, err := xml.Marshal(response{Verbs: verbs})
	if err != nil {
		panic(err) // nothing in these structs can fail
	}
	return append([]byte(xml.Header), body...)
}
