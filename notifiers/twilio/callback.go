package twilio

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"rouse/notifiers"
)

// maxCallback is how many bytes of a callback are read.
const maxCallback = 64 << 10

// ErrSignature is returned for a callback that Twilio did not sign, or not with a token we have.
var ErrSignature = errors.New("twilio: not signed by Twilio")

// Verify reads a callback and returns its parameters if it is Twilio's and of our account:
// otherwise an error that wraps ErrSignature, to be answered with 403 and nothing else.
//
// What Twilio signed is computed from the configured public URL and the path and query that were
// asked for, never from Host or X-Forwarded-*. The signature has no date: a recorded callback can
// be sent again and passes, so handling one twice must do no harm. Names and values are signed
// without anything between them, so it matters which ones are read: none but those that Twilio
// always sends, and the account must be ours.
func (t *Twilio) Verify(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, fmt.Errorf("%w: method %s", ErrSignature, r.Method)
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("%w: not a form", ErrSignature)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		return nil, fmt.Errorf("%w: reading it: %w", ErrSignature, err)
	}
	params, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: not a form", ErrSignature)
	}
	signatures := r.Header.Values("X-Twilio-Signature")
	if len(signatures) != 1 || !signed(signatures[0], t.tokens, t.signedURLs(r), params) {
		return nil, ErrSignature
	}
	if params.Get("AccountSid") != t.account.sid {
		return nil, fmt.Errorf("%w: another account", ErrSignature)
	}
	return params, nil
}

// signedURLs are the forms in which Twilio may have signed the URL that r asked for: with and
// without port, with and without the fragment that we added.
func (t *Twilio) signedURLs(r *http.Request) []string {
	target := r.RequestURI // as it was sent, before any router or decoding
	if !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI()
	}
	var urls []string
	for _, base := range t.signedBases {
		urls = append(urls, base+target, base+target+overrides)
	}
	return urls
}

// ParseStatus is the news in a verified status callback about a text or a call. ok is false when
// there is none: the message is still on its way. A completed call counts as delivered: it was
// answered, whoever or whatever answered.
func ParseStatus(v url.Values) (r notifiers.Receipt, ok bool) {
	r = notifiers.Receipt{Provider: Provider, Code: v.Get("ErrorCode")}
	if r.Code == "0" {
		r.Code = ""
	}
	if sid := v.Get("CallSid"); sid != "" {
		r.Channel, r.ProviderID = notifiers.Voice, sid
		timestamp := v.Get("Timestamp")
		r.At = parseTime(&timestamp)
		r.State, r.Detail = callState(v.Get("CallStatus"))
		r.Elsewhere = v.Get("CallStatus") == "failed" // the others rang
		r.Over = r.State == notifiers.Failed || v.Get("CallStatus") == "completed"
		return r, r.State != ""
	}
	r.Channel, r.ProviderID = notifiers.SMS, v.Get("MessageSid")
	switch v.Get("MessageStatus") {
	case "sent":
		r.State = notifiers.Sent
	case "delivered", "read":
		r.State = notifiers.Delivered
	case "undelivered", "failed", "canceled":
		r.State, r.Detail = notifiers.Failed, undelivered[r.Code]
		r.Gone = dead[r.Code]
		r.Elsewhere = !r.Gone
		if r.Detail == "" {
			r.Detail = "not delivered"
		}
	default: // accepted, scheduled, queued, sending
		return notifiers.Receipt{}, false
	}
	return r, r.ProviderID != ""
}

func callState(status string) (notifiers.State, string) {
	switch status {
	case "initiated", "ringing":
		return notifiers.Sent, ""
	case "in-progress", "answered", "completed":
		return notifiers.Delivered, ""
	case "busy":
		return notifiers.Failed, "busy"
	case "no-answer":
		return notifiers.Failed, "nobody answered"
	case "canceled":
		return notifiers.Failed, "hung up before it was answered"
	case "failed":
		return notifiers.Failed, "the call could not be connected"
	}
	return "", "" // queued
}

// ParseReply is what a verified callback at SMSPath says: who texted (E.164), what, and Twilio's id of
// the text, the same when Twilio delivers the callback twice. The sender's number can be forged:
// only the code in the body says that it is them.
func ParseReply(v url.Values) (from, body, messageSID string) {
	return v.Get("From"), v.Get("Body"), v.Get("MessageSid")
}

// ParseKey is what a verified callback at KeyPath says: on which call, which key. digit is one of
// 0 to 9, *, #, or "" when it is none of these.
func ParseKey(v url.Values) (callSID, digit string) {
	digit = v.Get("Digits")
	if len(digit) != 1 || !strings.Contains("0123456789*#", digit) {
		digit = ""
	}
	return v.Get("CallSid"), digit
}

// ParseIncoming is what a verified callback of a call to our number says: who calls (E.164, which can be forged), on
// which call, and the digits that were pressed, "" for none.
func ParseIncoming(v url.Values) (from, callSID, digits string) {
	return v.Get("From"), v.Get("CallSid"), v.Get("Digits")
}
