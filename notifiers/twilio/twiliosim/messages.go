package twiliosim

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rouse/notifiers"
	"rouse/notifiers/fake"
)

// message is a text that goes out. Guarded by Sim.state but for what never changes.
type message struct {
	sid, to, from, service, body, callback string
	created                                time.Time

	status    string
	sent      time.Time
	errorCode string
	outbox    outbox
}

func (s *Sim) createMessage(r *http.Request) answer {
	m := &message{
		sid: newSID("SM"), to: r.PostForm.Get("To"), from: r.PostForm.Get("From"), body: r.PostForm.Get("Body"),
		service: r.PostForm.Get("MessagingServiceSid"), callback: r.PostForm.Get("StatusCallback"),
		created: time.Now(), status: "queued",
	}
	if refused := s.checkMessage(m, r.PostForm); refused != nil {
		return *refused
	}
	if m.from == "" {
		m.from = DefaultFrom // the service's
	}
	p := s.Phone(m.to)
	var plan SMSPlan
	var body map[string]any
	s.update(func() {
		plan = p.sms
		s.messages = append(s.messages, m)
		body = s.messageJSON(m)
	})
	return answer{
		status: http.StatusCreated, body: body, phone: m.to, sid: m.sid,
		then: func() { s.deliver(p, m, plan) },
	}
}

// checkMessage refuses what Twilio refuses: https://www.twilio.com/docs/api/errors.
func (s *Sim) checkMessage(m *message, form url.Values) *answer {
	var a answer
	switch {
	case m.to == "":
		a = bad(21604, "A 'To' phone number is required.")
	case m.from == "" && m.service == "":
		a = bad(21603, "A 'From' phone number is required.")
	case m.body == "":
		a = bad(21602, "Message body is required.")
	case utf8.RuneCountInString(m.body) > 1600:
		a = bad(21617, "The concatenated message body exceeds the 1600 character limit")
	case !validNumber(m.to):
		a = bad(21211, "Invalid 'To' Phone Number: "+m.to)
	case m.from != "" && !validNumber(m.from):
		a = bad(21212, "Invalid From Number (caller ID): "+m.from)
	case m.from == m.to:
		a = bad(21266, "'To' and 'From' number cannot be the same: "+m.to)
	case m.callback != "" && !validURL(m.callback):
		a = bad(21609, "The StatusCallback URL is not a valid URL")
	case !validSeconds(form.Get("ValidityPeriod"), 36_000):
		a = bad(90007, "The validity period must be between 1 and 36000 seconds")
	default:
		code := 0
		s.update(func() { code = s.phone(m.to).refused })
		if code == 0 {
			return nil
		}
		a = bad(code, "The message to "+m.to+" was refused")
	}
	return &a
}

func validSeconds(text string, most int) bool {
	if text == "" {
		return true
	}
	n, err := strconv.Atoi(text)
	return err == nil && n >= 1 && n <= most
}

// deliver takes a text to the phone, as the phone's plan wants it.
func (s *Sim) deliver(p *Phone, m *message, plan SMSPlan) {
	callBack := func(final bool) {
		if m.callback == "" || plan.NoReceipt {
			return
		}
		s.state.Lock()
		form := s.messageForm(m)
		s.state.Unlock()
		s.enqueue(&m.outbox, m.callback, form, "MessageStatus="+form.Get("MessageStatus"), m.to, m.sid, final)
	}
	callBack(false) // queued
	if !fake.Sleep(s.ctx, s.cfg.CarrierDelay+plan.Delay) {
		return
	}
	s.update(func() { m.status, m.sent = "sent", time.Now() })
	callBack(plan.Lost)
	if plan.Lost || !fake.Sleep(s.ctx, s.cfg.CarrierDelay) {
		return
	}
	if plan.ErrorCode != 0 {
		s.update(func() {
			m.status, m.errorCode = "undelivered", strconv.Itoa(plan.ErrorCode)
			s.note(Event{Kind: Undelivered, Phone: p.number, SID: m.sid, Text: m.errorCode})
		})
		callBack(true)
		return
	}
	s.update(func() {
		m.status = "delivered"
		p.inbox = append(p.inbox, &inboxSMS{SMS: SMS{SID: m.sid, From: m.from, Body: m.body, At: time.Now()}})
		s.note(Event{Kind: Texted, Phone: p.number, SID: m.sid, Text: m.body})
	})
	callBack(true)
	if plan.Reply != nil && fake.Sleep(s.ctx, plan.ReplyAfter) {
		if text := plan.Reply(m.body); text != "" {
			p.Reply(text)
		}
	}
}

// incoming posts a text from a phone to the webhook, and sends the answer, if it has one, back.
func (s *Sim) incoming(p *Phone, text string) {
	sid := newSID("SM")
	var webhook, to string
	s.update(func() {
		s.note(Event{Kind: Replied, Phone: p.number, SID: sid, Text: text})
		webhook, to = s.webhook, DefaultFrom
		if n := len(p.inbox); n > 0 {
			to = p.inbox[n-1].From
		}
	})
	if webhook == "" {
		return
	}
	form := url.Values{
		"ToCountry": {""}, "SmsMessageSid": {sid}, "NumMedia": {"0"}, "SmsSid": {sid}, "SmsStatus": {"received"},
		"Body": {text}, "To": {to}, "NumSegments": {strconv.Itoa(notifiers.Segments(text))}, "MessageSid": {sid},
		"AccountSid": {s.cfg.AccountSID}, "From": {p.number}, "ApiVersion": {"2010-04-01"},
	}
	s.spawn(func() {
		answer, ok := s.post(webhook, form, "Body", p.number, sid, true)
		if !ok {
			return
		}
		doc, err := parseTwiML(answer)
		if err != nil {
			s.record(Event{Kind: Failed, Phone: p.number, SID: sid, Text: "12300: not TwiML"})
			return
		}
		for _, verb := range doc.Verbs {
			if verb.XMLName.Local == "Message" {
				s.update(func() {
					sms := SMS{SID: newSID("SM"), From: to, Body: verb.text(), At: time.Now()}
					p.inbox = append(p.inbox, &inboxSMS{SMS: sms})
					s.note(Event{Kind: Texted, Phone: p.number, SID: sms.SID, Text: sms.Body})
				})
			}
		}
	})
}

// messageForm is the form of a status callback: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
func (s *Sim) messageForm(m *message) url.Values {
	form := url.Values{
		"AccountSid": {s.cfg.AccountSID}, "ApiVersion": {"2010-04-01"}, "From": {m.from}, "To": {m.to},
		"MessageSid": {m.sid}, "SmsSid": {m.sid}, "MessageStatus": {m.status}, "SmsStatus": {m.status},
	}
	if m.service != "" {
		form.Set("MessagingServiceSid", m.service)
	}
	if m.errorCode != "" {
		form.Set("ErrorCode", m.errorCode)
	}
	if m.status == "delivered" || m.status == "undelivered" {
		form.Set("RawDlrDoneDate", time.Now().UTC().Format("0601021504"))
	}
	return form
}

func (s *Sim) messageJSON(m *message) map[string]any {
	path := "/2010-04-01/Accounts/" + s.cfg.AccountSID + "/Messages/" + m.sid
	var code any
	if n, err := strconv.Atoi(m.errorCode); err == nil {
		code = n
	}
	return map[string]any{
		"account_sid": s.cfg.AccountSID, "api_version": "2010-04-01", "body": m.body,
		"date_created": rfc2822(m.created), "date_sent": rfc2822(m.sent), "date_updated": rfc2822(time.Now()),
		"direction": "outbound-api", "error_code": code, "error_message": nil,
		"from": m.from, "to": m.to, "messaging_service_sid": orNull(m.service),
		"num_media": "0", "num_segments": strconv.Itoa(notifiers.Segments(m.body)), "price": nil, "price_unit": "USD",
		"sid": m.sid, "status": m.status, "uri": path + ".json",
		"subresource_uris": map[string]any{"media": path + "/Media.json"},
	}
}

func (s *Sim) listMessages(r *http.Request) answer {
	s.state.Lock()
	defer s.state.Unlock()
	var found []any
	for _, m := range slices.Backward(s.messages) {
		if fits(r.Form, "To", m.to) && fits(r.Form, "From", m.from) && fitsDate(r.Form, "DateSent", m.sent) {
			found = append(found, s.messageJSON(m))
		}
	}
	return list(r, "messages", found)
}

func (s *Sim) getMessage(r *http.Request) answer {
	s.state.Lock()
	defer s.state.Unlock()
	sid := strings.TrimSuffix(r.PathValue("sid"), ".json")
	for _, m := range s.messages {
		if m.sid == sid {
			return answer{status: http.StatusOK, body: s.messageJSON(m)}
		}
	}
	return notFound(r)
}

func fits(form url.Values, name, value string) bool {
	return form.Get(name) == "" || form.Get(name) == value
}

// fitsDate applies the filters "Name>", "Name<" and "Name" (a day), all of which leave out what has
// no such date yet.
func fitsDate(form url.Values, name string, at time.Time) bool {
	for _, filter := range []string{name + ">", name + "<", name} {
		text := form.Get(filter)
		if text == "" {
			continue
		}
		bound, err := time.Parse(time.RFC3339, text)
		if err != nil {
			if bound, err = time.Parse(time.DateOnly, text); err != nil {
				return false
			}
		}
		switch {
		case at.IsZero(),
			filter == name+">" && at.Before(bound),
			filter == name+"<" && at.After(bound),
			filter == name && at.UTC().Format(time.DateOnly) != bound.UTC().Format(time.DateOnly):
			return false
		}
	}
	return true
}

// Message is a text that was sent through the API.
type Message struct{ SID, To, From, Body, Status string }

// Messages is every text that was sent through the API, in order.
func (s *Sim) Messages() []Message {
	s.state.Lock()
	defer s.state.Unlock()
	var all []Message
	for _, m := range s.messages {
		all = append(all, Message{SID: m.sid, To: m.to, From: m.from, Body: m.body, Status: m.status})
	}
	return all
}
