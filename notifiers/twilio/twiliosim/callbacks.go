package twiliosim

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers/fake"
)

// outbox is the status callbacks of one text or call that wait to be sent, in order.
type outbox struct {
	waiting []delivery
	sending bool
}

func (o *outbox) busy() bool { return o.sending || len(o.waiting) > 0 }

type delivery struct {
	url, what, phone, sid string
	form                  url.Values
}

// enqueue has a status callback sent after those before it. final is the last of its text or call.
func (s *Sim) enqueue(o *outbox, address string, form url.Values, what, phone, sid string, final bool) {
	start := false
	s.update(func() {
		o.waiting = append(o.waiting, delivery{url: address, what: what, phone: phone, sid: sid, form: form})
		if s.disorder {
			if !final {
				return
			}
			slices.Reverse(o.waiting)
		}
		start = !o.sending
		o.sending = true
	})
	if start {
		s.spawn(func() { s.drain(o) })
	}
}

func (s *Sim) drain(o *outbox) {
	for {
		var d delivery
		times := 0
		s.update(func() {
			if len(o.waiting) == 0 {
				o.sending = false
				return
			}
			d, o.waiting = o.waiting[0], o.waiting[1:]
			times = 1
			if s.duplicate {
				times = 2
			}
		})
		if times == 0 {
			return
		}
		for range times {
			s.post(d.url, d.form, d.what, d.phone, d.sid, true)
		}
	}
}

// post sends a signed form and returns the body of the answer; ok if that has a good status. A
// connection that fails, and a 5xx, is tried again: a patient one for RetryFor, another, for which
// somebody waits on the phone, as often as the fragment of the URL asks, else once.
func (s *Sim) post(address string, form url.Values, what, phone, sid string, patient bool) (body []byte, ok bool) {
	address, fragment, _ := strings.Cut(address, "#")
	retries := 1
	if overrides, err := url.ParseQuery(fragment); err == nil && overrides.Has("rc") {
		retries, _ = strconv.Atoi(overrides.Get("rc"))
	}
	token := newSID("") // of the request, the same for each try
	until := time.Now().Add(s.cfg.RetryFor)
	for try := 0; ; try++ {
		status, body := s.postOnce(address, form, token)
		s.record(Event{Kind: CalledBack, Phone: phone, SID: sid, Text: what, URL: address, Status: status})
		if status >= 200 && status < 300 {
			return body, true
		}
		again := status == 0 || status >= 500
		switch {
		case !again, patient && time.Now().After(until), !patient && try >= retries:
			return nil, false
		}
		if !fake.Sleep(s.ctx, s.cfg.RetryEvery) {
			return nil, false
		}
	}
}

// postOnce returns status 0 when there was no answer.
func (s *Sim) postOnce(address string, form url.Values, token string) (status int, body []byte) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	req.Header.Set("I-Twilio-Idempotency-Token", token)
	req.Header.Set("X-Twilio-Signature", s.sign(address, form))
	res, err := s.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

// sign makes X-Twilio-Signature: https://www.twilio.com/docs/usage/security#validating-requests.
func (s *Sim) sign(address string, form url.Values) string {
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	text := address
	for _, name := range names {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(s.cfg.AuthToken))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Idle waits until no callback is being sent or waited with, or ctx ends, and tells which.
func (s *Sim) Idle(ctx context.Context) bool {
	return s.await(ctx, func() bool {
		for _, m := range s.messages {
			if m.outbox.busy() || m.status == "queued" {
				return false
			}
		}
		for _, c := range s.calls {
			if c.outbox.busy() || !c.over() {
				return false
			}
		}
		return true
	})
}
