package twilio

import (
	"net/http"
	"strconv"

	"rouse/notifiers"
)

// failureOf says what an error of the API means: https://www.twilio.com/docs/api/errors. Twilio
// keeps splitting its codes up, so one that is not known here goes by the HTTP status.
func failureOf(status, code int) *notifiers.Failure {
	f := notifiers.Failure{Provider: Provider}
	if code != 0 {
		f.Code = strconv.Itoa(code)
	}
	if known, ok := refusals[code]; ok {
		f.Kind, f.Elsewhere, f.Detail, f.Gone = known.kind, known.elsewhere, known.detail, gone(code)
		return &f
	}
	if f.Code == "" {
		f.Code = strconv.Itoa(status)
	}
	switch {
	case status == http.StatusTooManyRequests:
		f.Kind, f.Detail = notifiers.Passing, "too many requests"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Kind, f.Detail = notifiers.Passing, "Twilio does not accept the account SID with this auth token or API key"
	case status >= 500:
		f.Kind, f.Detail = notifiers.Passing, "Twilio is out of order"
		f.Doubtful = status != http.StatusServiceUnavailable
	case status >= 300 && status < 400:
		f.Kind, f.Detail = notifiers.Passing, "Twilio's address redirects elsewhere; check the base URL"
	default:
		f.Kind, f.Elsewhere, f.Detail = notifiers.Final, true, "Twilio refused the request"
	}
	return &f
}

type meaning struct {
	kind      notifiers.Kind
	elsewhere bool
	detail    string
}

var refusals = map[int]meaning{
	// the address: nothing will ever reach it, see gone
	21211: {notifiers.Final, false, "not a valid phone number"},
	21214: {notifiers.Final, false, "the phone number cannot be reached"},
	21217: {notifiers.Final, false, "not a valid phone number"},
	21265: {notifiers.Final, false, "a short code cannot be texted"},
	21610: {notifiers.Final, false, "the person has opted out of texts by replying STOP"},
	21614: {notifiers.Final, false, "not a mobile number"},
	21635: {notifiers.Final, false, "a landline cannot be texted"},
	13224: {notifiers.Final, false, "not a valid phone number"},

	// the address, as far as this account is concerned
	21215: {notifiers.Final, true, "the account may not call that country; enable it in Twilio's console"},
	21216: {notifiers.Final, true, "the account may not call that number"},
	21219: {notifiers.Final, true, "a trial account calls verified numbers only"},
	21408: {notifiers.Final, true, "the account may not text that country; enable it in Twilio's console"},
	21608: {notifiers.Final, true, "a trial account texts verified numbers only"},
	21612: {notifiers.Final, true, "there is no route from the sender to that number"},
	13227: {notifiers.Final, true, "the account may not call that country; enable it in Twilio's console"},

	// the configuration
	21205: {notifiers.Final, true, "Twilio does not accept the callback URL; check the public URL"},
	21210: {notifiers.Final, true, "the sender's number is not verified"},
	21212: {notifiers.Final, true, "the sender's number is not valid"},
	21213: {notifiers.Final, true, "the sender's number is missing"},
	21266: {notifiers.Final, true, "the sender's number and the person's are the same"},
	21603: {notifiers.Final, true, "the sender's number is missing"},
	21606: {notifiers.Final, true, "the sender's number cannot text that number"},
	21609: {notifiers.Final, true, "Twilio does not accept the callback URL; check the public URL"},
	21659: {notifiers.Final, true, "the sender's number is not one of the account's"},
	21660: {notifiers.Final, true, "the sender's number is not one of the account's"},

	// the account, for now
	20003: {notifiers.Passing, false, "Twilio does not accept the account SID with this auth token or API key"},
	20005: {notifiers.Passing, false, "the Twilio account is not active"},
	20008: {notifiers.Passing, false, "the credentials are Twilio's test credentials"},
	20429: {notifiers.Passing, false, "too many requests"},
	14107: {notifiers.Passing, false, "too many texts"},
	21611: {notifiers.Passing, false, "the sender's queue is full"},
	30002: {notifiers.Passing, false, "the Twilio account is suspended"},
}

// gone reports whether a code says that nothing will ever reach the address: those that are final with every
// provider.
func gone(code int) bool {
	m, ok := refusals[code]
	return ok && m.kind == notifiers.Final && !m.elsewhere
}

// dead are the codes of undelivered texts that say so.
var dead = map[string]bool{"30005": true, "30006": true}

// undelivered are the codes of a text that was taken and did not arrive.
var undelivered = map[string]string{
	"30001": "queue overflow at Twilio",
	"30002": "the Twilio account is suspended",
	"30003": "the phone is off or out of reach",
	"30004": "the person or the carrier blocks texts",
	"30005": "no such number",
	"30006": "a landline, or a carrier that cannot be reached",
	"30007": "filtered by the carrier",
	"30008": "the carrier does not say why",
	"30034": "the sender's number is not registered for texts to the United States",
	"30036": "not sent within five minutes, so not at all",
}
