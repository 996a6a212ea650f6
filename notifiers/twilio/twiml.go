package twilio

import (
	"encoding/xml"
	"net/http"

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
		NumDigits           int      `xml:"numDigits,attr"`
		Timeout             int      `xml:"timeout,attr"` // s, after what is said in it
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
	return t.prompt(m, say{Language: notifiers.VoiceLanguage(m.Language), Text: first})
}

func (t *Twilio) prompt(m notifiers.Message, first any) []byte {
	language := notifiers.VoiceLanguage(m.Language)
	verbs := []any{first}
	for range 2 {
		verbs = append(verbs, say{Language: language, Text: notifiers.Spoken(m)}, gather{
			Input: "dtmf", NumDigits: 1, Timeout: keyTimeout,
			Action: t.callback(KeyPath, m.Nonce), Method: http.MethodPost,
			Say: say{Language: language, Text: notifiers.SpokenOptions(m)},
		})
	}
	return document(append(verbs, say{Language: language, Text: notifiers.SpokenSilence(m.Language)}, hangup{})...)
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
