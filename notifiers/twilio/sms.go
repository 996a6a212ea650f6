package twilio

import (
	"context"
	"slices"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"rouse/notifiers"
)

// validity is how long a text may wait at Twilio, in seconds. By default it is ten hours: then a
// page would arrive when nobody knows any more what it is about.
const validity = 300

// noticeValidity is that of ordinary words: four hours, in which most phones are switched on again.
const noticeValidity = 14400

// clockSlack is how much earlier than asked a message may have been made to be the one: Twilio
// tells whole seconds by its own clock.
const clockSlack = 5 * time.Second

type sms struct{ t *Twilio }

// From is the number, or the messaging service, that a text to an address comes from.
func (s sms) From(to string) string {
	if s.t.service != "" {
		return s.t.service
	}
	return notifiers.Sender(s.t.senders, to)
}

// Prefixes are the beginnings of numbers that have a sender of their own.
func (s sms) Prefixes() []string { return notifiers.SenderPrefixes(s.t.senders) }

// Notify sends one text. Twilio has no idempotency key for requests: on an Unknown failure ask Find.
func (s sms) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	params := &api.CreateMessageParams{}
	params.SetTo(m.To)
	params.SetBody(notifiers.SMSText(m))
	if m.Purpose == notifiers.Notice && !m.Tracked { // nobody waits for it, so its receipts are of no use
		params.SetValidityPeriod(noticeValidity)
	} else {
		params.SetStatusCallback(s.t.callback(StatusPath, m.Nonce))
		params.SetValidityPeriod(validity)
	}
	params.SetSmartEncoded(true) // for what the wording did not make GSM yet
	if s.t.service != "" {
		params.SetMessagingServiceSid(s.t.service)
	} else {
		params.SetFrom(notifiers.Sender(s.t.senders, m.To))
	}
	twilio, cancel := s.t.account.api(ctx)
	defer cancel()
	made, err := twilio.CreateMessage(params)
	if err == nil && made.Sid == nil {
		err = errNoSID
	}
	if err != nil {
		return notifiers.Receipt{}, asFailure(err)
	}
	return taken(*made.Sid, made.DateCreated), nil
}

// Find looks for a text to the same number with the same body, or with the same code behind the
// same key, made since m.Since. It asks for the newest texts to the number and compares the times
// itself: Twilio filters by the date of sending, which a text still in its queue has not got.
func (s sms) Find(ctx context.Context, m notifiers.Message) (notifiers.Receipt, bool, error) {
	params := &api.ListMessageParams{}
	params.SetTo(m.To)
	params.SetPageSize(50)
	twilio, cancel := s.t.account.api(ctx)
	defer cancel()
	page, err := twilio.PageMessage(params, "", "")
	if err != nil {
		return notifiers.Receipt{}, false, asFailure(err)
	}
	body := notifiers.SMSText(m)
	found := slices.IndexFunc(page.Messages, func(made api.ApiV2010Message) bool {
		return made.Sid != nil && made.Body != nil && sameText(*made.Body, body, m) && !before(made.DateCreated, m.Since)
	})
	if found < 0 {
		return notifiers.Receipt{}, false, nil
	}
	return taken(*page.Messages[found].Sid, page.Messages[found].DateCreated), true, nil
}

// sameText allows for what SmartEncoded may have replaced.
func sameText(made, body string, m notifiers.Message) bool {
	return made == body || m.Code != "" && strings.HasPrefix(made, m.Key+" ") && strings.Contains(made, m.Code)
}

func before(created *string, since time.Time) bool {
	return since.After(parseTime(created).Add(clockSlack))
}

func taken(sid string, created *string) notifiers.Receipt {
	return notifiers.Receipt{Provider: Provider, ProviderID: sid, State: notifiers.Sent, At: parseTime(created)}
}

// parseTime reads Twilio's dates (RFC 2822, always with four-digit zone); zero if there is none.
func parseTime(text *string) time.Time {
	if text == nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC1123Z, *text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
