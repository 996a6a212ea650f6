package twiliosim

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers/fake"
)

// call is a call that goes out, or one that a phone makes. Guarded by Sim.state but for what never changes.
type call struct {
	phone                        string // its number: to, or from if it makes the call
	sid, to, from, url, callback string
	twiml                        string   // instead of url
	events                       []string // that the caller wants to hear of
	ringFor, limit               int      // s
	created                      time.Time
	ctx                          context.Context // ends with the call
	cancel                       context.CancelFunc

	status    string
	started   time.Time
	ended     time.Time
	sequence  int
	outbox    outbox
	reaction  Reaction // what the phone does about the ringing; "" until it does something
	withdrawn bool     // through the API
	listening bool     // a <Gather> is
	keys      string   // pressed, and not collected yet
	said      []string
	pressed   string
	expected  int // what ExpectCall and ExpectSaid have used up: 0 nothing, else said entries + 1
}

func (c *call) direction() string {
	if c.phone == c.from {
		return "inbound"
	}
	return "outbound-api"
}

func (c *call) over() bool { return !c.ended.IsZero() }

func (s *Sim) createCall(r *http.Request) answer {
	form := r.PostForm
	c := &call{
		sid: newSID("CA"), to: form.Get("To"), from: form.Get("From"), url: form.Get("Url"), twiml: form.Get("Twiml"),
		callback: form.Get("StatusCallback"), events: form["StatusCallbackEvent"],
		ringFor: seconds(form, "Timeout", 60), limit: seconds(form, "TimeLimit", 14_400),
		created: time.Now(), status: "queued",
	}
	c.phone = c.to
	if len(c.events) == 0 {
		c.events = []string{"completed"}
	}
	if refused := s.checkCall(c); refused != nil {
		return *refused
	}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	p := s.Phone(c.to)
	var body map[string]any
	var plan CallPlan
	s.update(func() {
		s.calls = append(s.calls, c)
		p.calls = append(p.calls, c)
		plan = p.call
		body = s.callJSON(c)
	})
	return answer{
		status: http.StatusCreated, body: body, phone: c.to, sid: c.sid,
		then: func() { s.place(c, plan) },
	}
}

// callIn has a phone call the account's number: the voice webhook says what it hears.
func (s *Sim) callIn(p *Phone) {
	c := &call{sid: newSID("CA"), phone: p.number, from: p.number, to: DefaultFrom, limit: 14_400, created: time.Now(), started: time.Now(),
		status: "in-progress", reaction: Answer}
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	s.update(func() {
		c.url = s.voice
		s.calls, p.calls = append(s.calls, c), append(p.calls, c)
		s.note(Event{Kind: Called, Phone: p.number, SID: c.sid})
	})
	s.spawn(func() {
		defer c.cancel()
		s.play(c.ctx, c)
		s.end(c, "completed")
	})
}

func seconds(form url.Values, name string, otherwise int) int {
	if n, err := strconv.Atoi(form.Get(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func (s *Sim) checkCall(c *call) *answer {
	var a answer
	switch {
	case c.to == "":
		a = bad(21201, "No 'To' number is specified")
	case c.from == "":
		a = bad(21213, "Caller phone number is required")
	case !validNumber(c.to):
		a = bad(21211, "The phone number you are attempting to call, "+c.to+", is not valid.")
	case !validNumber(c.from):
		a = bad(21212, "The source phone number provided, "+c.from+", is not valid.")
	case c.twiml == "" && !validURL(c.url):
		a = bad(21205, "Url is not a valid URL: "+c.url)
	case c.callback != "" && !validURL(c.callback):
		a = bad(21205, "StatusCallback is not a valid URL: "+c.callback)
	default:
		code := 0
		s.update(func() { code = s.phone(c.to).refused })
		if code == 0 {
			return nil
		}
		a = bad(code, "The call to "+c.to+" was refused")
	}
	return &a
}

// place runs a call from dialling to hanging up.
func (s *Sim) place(c *call, plan CallPlan) {
	defer c.cancel()
	s.progress(c, "initiated", "initiated")
	s.update(func() {
		c.status, c.started = "ringing", time.Now()
		s.note(Event{Kind: Ringing, Phone: c.phone, SID: c.sid})
	})
	s.progress(c, "ringing", "ringing")
	reaction := s.ring(c, plan)
	if !reaction.picksUp() {
		s.end(c, reaction.status())
		return
	}
	s.talk(c, plan, reaction)
	s.end(c, "completed")
}

// ring waits for the phone to do something, for the caller to give up, or to be withdrawn.
func (s *Sim) ring(c *call, plan CallPlan) Reaction {
	ctx, cancel := context.WithTimeout(c.ctx, time.Duration(c.ringFor)*s.cfg.Second)
	defer cancel()
	if plan.Do != "" && fake.Sleep(ctx, plan.After) {
		s.update(func() {
			if c.reaction == "" {
				c.reaction = plan.Do
			}
		})
	}
	var reaction Reaction
	done := func() bool { // NoAnswer is to let it ring
		reaction = c.reaction
		return reaction != "" && reaction != NoAnswer
	}
	if !s.await(ctx, done) {
		reaction = NoAnswer
		s.state.Lock()
		if c.withdrawn {
			reaction = canceled
		}
		s.state.Unlock()
	}
	return reaction
}

// talk plays the answered call.
func (s *Sim) talk(c *call, plan CallPlan, reaction Reaction) {
	event := Event{Kind: Answered, Phone: c.phone, SID: c.sid}
	if reaction == Voicemail {
		event.Text = "voicemail"
	}
	s.update(func() {
		c.status = "in-progress"
		s.note(event)
	})
	s.progress(c, "answered", "in-progress")
	switch reaction {
	case HangUp:
		return
	case Voicemail:
		s.update(func() { s.hear(c, plan.Tones) }) // its greeting, before anybody listens
	case Answer:
		s.update(func() {
			if c.keys == "" {
				c.keys = strings.Join(plan.Keys, "")
			}
		})
	}
	ctx, cancel := context.WithTimeout(c.ctx, time.Duration(c.limit)*s.cfg.Second)
	defer cancel()
	s.play(ctx, c)
}

// hear takes keys as a machine sends them: whether anybody listens or not.
func (s *Sim) hear(c *call, keys string) {
	switch {
	case keys == "":
	case c.listening:
		c.keys += keys
	default:
		s.note(Event{Kind: Ignored, Phone: c.phone, SID: c.sid, Text: keys})
	}
}

func (s *Sim) end(c *call, status string) {
	s.update(func() {
		c.status, c.ended = status, time.Now()
		if c.keys != "" {
			s.note(Event{Kind: Ignored, Phone: c.phone, SID: c.sid, Text: c.keys})
		}
		s.note(Event{Kind: Ended, Phone: c.phone, SID: c.sid, Text: status})
	})
	s.progress(c, "completed", status)
}

// progress calls back about an event, if that was asked for. The final one is called "completed"
// whatever became of the call.
func (s *Sim) progress(c *call, event, status string) {
	if c.callback == "" || !slices.Contains(c.events, event) {
		return
	}
	var form url.Values
	s.update(func() {
		form = s.callForm(c)
		form.Set("CallStatus", status)
		form.Set("CallbackSource", "call-progress-events")
		form.Set("Timestamp", time.Now().UTC().Format(time.RFC1123Z))
		form.Set("SequenceNumber", strconv.Itoa(c.sequence))
		if event == "completed" {
			form.Set("CallDuration", strconv.Itoa(int(c.ended.Sub(c.started)/s.cfg.Second)))
			form.Set("Duration", "1") // min
		}
		c.sequence++
	})
	s.enqueue(&c.outbox, c.callback, form, "CallStatus="+status, c.phone, c.sid, event == "completed")
}

// callForm is what every request about a call carries: https://www.twilio.com/docs/voice/twiml#request-parameters.
func (s *Sim) callForm(c *call) url.Values {
	return url.Values{
		"AccountSid": {s.cfg.AccountSID}, "ApiVersion": {"2010-04-01"}, "CallSid": {c.sid}, "CallStatus": {c.status},
		"Direction": {c.direction()}, "From": {c.from}, "To": {c.to}, "Caller": {c.from}, "Called": {c.to},
		"FromCountry": {""}, "ToCountry": {""},
	}
}

func (s *Sim) callJSON(c *call) map[string]any {
	path := "/2010-04-01/Accounts/" + s.cfg.AccountSID + "/Calls/" + c.sid
	var duration any
	if c.over() {
		duration = strconv.Itoa(int(c.ended.Sub(c.started) / s.cfg.Second))
	}
	return map[string]any{
		"account_sid": s.cfg.AccountSID, "annotation": nil, "answered_by": nil, "api_version": "2010-04-01", "caller_name": "",
		"date_created": rfc2822(c.created), "date_updated": rfc2822(time.Now()), "direction": c.direction(), "duration": duration,
		"start_time": rfc2822(c.started), "end_time": rfc2822(c.ended), "forwarded_from": nil, "from": c.from, "from_formatted": c.from,
		"group_sid": nil, "parent_call_sid": nil, "phone_number_sid": newSID("PN"), "price": nil, "price_unit": "USD", "queue_time": "0",
		"sid": c.sid, "status": c.status, "subresource_uris": map[string]any{"events": path + "/Events.json"},
		"to": c.to, "to_formatted": c.to, "trunk_sid": nil, "uri": path + ".json",
	}
}

func (s *Sim) listCalls(r *http.Request) answer {
	s.state.Lock()
	defer s.state.Unlock()
	var found []any
	for _, c := range slices.Backward(s.calls) {
		if fits(r.Form, "To", c.to) && fits(r.Form, "From", c.from) && fits(r.Form, "Status", c.status) &&
			fitsDate(r.Form, "StartTime", c.started) {
			found = append(found, s.callJSON(c))
		}
	}
	return list(r, "calls", found)
}

func (s *Sim) findCall(r *http.Request) *call {
	sid := strings.TrimSuffix(r.PathValue("sid"), ".json")
	if i := slices.IndexFunc(s.calls, func(c *call) bool { return c.sid == sid }); i >= 0 {
		return s.calls[i]
	}
	return nil
}

func (s *Sim) getCall(r *http.Request) answer {
	s.state.Lock()
	defer s.state.Unlock()
	if c := s.findCall(r); c != nil {
		return answer{status: http.StatusOK, body: s.callJSON(c)}
	}
	return notFound(r)
}

// updateCall hangs up: "canceled" what is not answered yet, "completed" anything.
func (s *Sim) updateCall(r *http.Request) (a answer) {
	s.update(func() {
		c := s.findCall(r)
		status := r.PostForm.Get("Status")
		switch {
		case c == nil:
			a = notFound(r)
		case status != "canceled" && status != "completed":
			a = bad(20001, "Status must be canceled or completed")
		case c.over(), status == "canceled" && c.status == "in-progress":
			a = bad(21220, "Call is not in-progress. Cannot redirect.")
		default:
			c.withdrawn = true
			c.cancel()
			a = answer{status: http.StatusOK, body: s.callJSON(c), phone: c.phone, sid: c.sid}
		}
	})
	return a
}
