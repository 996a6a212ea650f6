package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"rouse/cmd/rouse/node"
	"rouse/engine"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

const callSID = "CA00112233445566778899aabbccddeeff"

// callback is a request of Twilio's that somebody makes.
type callback struct {
	path  string
	form  url.Values
	token string                // that signs it, "" for no signature
	as    string                // the path that is signed, "" the one asked for
	after func(form url.Values) // changes what is signed already
}

// posts makes a request as Twilio does. What the form does not say is as Twilio has it.
func (h *house) posts(c callback) (status int, body string) {
	h.t.Helper()
	form := url.Values{"AccountSid": {h.twilio.AccountSID()}, "To": {twiliosim.DefaultFrom}}
	maps.Copy(form, c.form)
	if c.as == "" {
		c.as = c.path
	}
	signature := twilio.Signature(c.token, h.door.URL+c.as, form)
	if c.after != nil {
		c.after(form)
	}
	req, err := http.NewRequest("POST", h.door.URL+c.path, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if c.token != "" {
		req.Header.Set("X-Twilio-Signature", signature)
	}
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	text := make([]byte, 4096)
	n, _ := res.Body.Read(text)
	return res.StatusCode, string(text[:n])
}

// nonces finds those of the latest text to somebody and the latest call: they stand in the URLs that
// Twilio was given.
func (h *house) nonces(r *resident) (text, call string) {
	h.t.Helper()
	if !eventually(func() bool {
		for _, e := range h.twilio.Events() {
			_, nonce, ok := strings.Cut(e.URL, twilio.StatusPath)
			switch {
			case !ok || e.Phone != r.Number():
			case strings.HasPrefix(e.SID, "CA"):
				call = nonce
			default:
				text = nonce
			}
		}
		return text != "" && call != ""
	}) {
		h.t.Fatalf("no callback of a text and a call of %s", r.handle)
	}
	return text, call
}

// S1.
func TestE2EForgedCallbacksChangeNothing(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second})
	ann := h.resident("ann", bySMS(0), byCall(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	ann.ExpectCall(t, soon)
	text, call := h.nonces(ann)
	before := h.becomes(key, "sent", func(inc told) bool { return inc.attempts(ann) == "sms delivered, voice sent" })

	ours := h.twilio.AuthToken()
	const other, otherAccount = "00000000000000000000000000000000", "ACffffffffffffffffffffffffffffffff"
	one := url.Values{"CallSid": {callSID}, "Digits": {"1"}}
	for name, forged := range map[string]callback{
		"a key without a signature":          {path: twilio.KeyPath + call, form: one},
		"a key signed by somebody else":      {path: twilio.KeyPath + call, form: one, token: other},
		"a key of another account":           {path: twilio.KeyPath + call, form: url.Values{"CallSid": {callSID}, "Digits": {"1"}, "AccountSid": {otherAccount}}, token: ours},
		"a key of another account, its own":  {path: twilio.KeyPath + call, form: url.Values{"CallSid": {callSID}, "Digits": {"1"}, "AccountSid": {otherAccount}}, token: other},
		"a key that was signed for a status": {path: twilio.KeyPath + call, as: twilio.StatusPath + call, form: one, token: ours},
		"a key that was another one": {path: twilio.KeyPath + call, form: url.Values{"CallSid": {callSID}, "Digits": {"9"}}, token: ours,
			after: func(form url.Values) { form.Set("Digits", "1") }},
		"a reply with the right code": {path: twilio.SMSPath, form: url.Values{"From": {ann.Number()}, "Body": {code}, "MessageSid": {"SM" + callSID[2:]}}, token: other},
		"a receipt":                   {path: twilio.StatusPath + text, form: url.Values{"MessageSid": {"SM" + callSID[2:]}, "MessageStatus": {"undelivered"}, "ErrorCode": {"30003"}}, token: other},
		"a receipt of a call":         {path: twilio.StatusPath + call, form: url.Values{"CallSid": {callSID}, "CallStatus": {"busy"}}},
		"a question what to say":      {path: twilio.VoicePath + call, form: url.Values{"CallSid": {callSID}}, token: other},
	} {
		if status, body := h.posts(forged); status != http.StatusForbidden || strings.Contains(body, "Pushes") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for _, path := range []string{twilio.KeyPath + call, twilio.SMSPath} {
		if status := h.asked("GET", path+"?Digits=1", "", nil); status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	if after := h.incident(key); !reflect.DeepEqual(before, after) {
		t.Errorf("was %+v, is %+v", before, after)
	}

	t.Log("the same, signed by Twilio, counts; sent again it does nothing more")
	for range 3 {
		if status, said := h.posts(callback{path: twilio.KeyPath + call, form: one, token: ours}); status != http.StatusOK || strings.Contains(said, "Press") {
			t.Errorf("the true key: %d %s", status, said)
		}
	}
	h.isManagedBy(key, ann)
	if inc := h.incident(key); len(inc.lines(engine.ReasonAcknowledged)) != 1 {
		t.Errorf("timeline: %+v", inc.Timeline)
	}

	t.Log("a decline that is sent again does not decline what came after it")
	bob := h.resident("bob", bySMS(0))
	h.service("jira", nil, level(later, ann), level(later, bob))
	key = h.alert("jira", 1, "Search fails")
	no := callback{path: twilio.SMSPath, form: url.Values{"From": {ann.Number()}, "Body": {ann.isTexted(key) + " no"}, "MessageSid": {"SM" + callSID[2:]}}, token: ours}
	for range 3 {
		if status, said := h.posts(no); status != http.StatusOK {
			t.Errorf("the decline: %d %s", status, said)
		}
	}
	bob.isTexted(key)
	if inc := h.incident(key); inc.Escalations[0].Level != 2 || len(ann.Inbox()) != 2 {
		t.Errorf("after a decline in triplicate: %+v", inc)
	}
}

// F28: while the auth token is being changed both are good, and afterwards the old one is not.
func TestE2EAuthTokenIsRotated(t *testing.T) {
	story(t)
	const apiKey, apiSecret, next = "SK0123456789abcdef0123456789abcdef", "secret-of-the-api-key-of-the-e2e", "a1a2a3a4a5a6a7a8a9a0b1b2b3b4b5b6"
	h := newHouse(t, wish{provider: twiliosim.Config{APIKeys: map[string]string{apiKey: apiSecret}},
		environ: []string{"ROUSE_TWILIO_API_KEY=" + apiKey, "ROUSE_TWILIO_API_SECRET=" + apiSecret}})
	h.secret(apiSecret, "the secret of Twilio's API key")
	h.secret(next, "Twilio's next auth token")
	old := h.twilio.AuthToken() // what the simulated Twilio signs with
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	reply := func(key, token string, n int) (status int) {
		status, _ = h.posts(callback{path: twilio.SMSPath, token: token,
			form: url.Values{"From": {ann.Number()}, "Body": {ann.isTexted(key)}, "MessageSid": {fmt.Sprintf("SM%032d", n)}}})
		return status
	}

	h.restart(h.nodes[0], "ROUSE_TWILIO_AUTH_TOKEN="+next+","+old)
	first, second := h.alert("bitbucket", 1, "Pushes fail"), h.alert("bitbucket", 1, "Clones fail")
	ann.Reply(ann.isTexted(first))
	ann.isTold(first + ": Acknowledged.")
	if status := reply(second, next, 1); status != http.StatusOK {
		t.Errorf("the next token: %d", status)
	}
	h.isManagedBy(second, ann)

	h.restart(h.nodes[0], "ROUSE_TWILIO_AUTH_TOKEN="+next)
	third, fourth := h.alert("bitbucket", 1, "Fetches fail"), h.alert("bitbucket", 1, "Webhooks fail")
	if status := reply(third, old, 2); status != http.StatusForbidden {
		t.Errorf("the old token: %d", status)
	}
	h.isNobodys(third)
	if status := reply(fourth, next, 3); status != http.StatusOK {
		t.Errorf("the next token: %d", status)
	}
	h.isManagedBy(fourth, ann)
}

// restart stops a node in an orderly way and starts it again with other settings.
func (h *house) restart(n *node.Process, settings ...string) {
	h.t.Helper()
	n.Stop()
	n.Environ = append(n.Environ, settings...)
	h.start(n)
}

// F21: receipts that come twice and in the wrong order lead to the same end.
func TestE2EReceiptsInAnyOrder(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0), byCall(200*time.Millisecond), byPush(later))
	bob := h.resident("bob", byCall(0))
	ann.OnCall(twiliosim.CallPlan{Do: twiliosim.Busy, After: 50 * time.Millisecond})
	bob.WillGoToVoicemail("")
	h.service("bitbucket", nil, level(later, ann, bob))
	ends := map[string]string{}
	for _, test := range []struct {
		name              string
		twice, disorderly bool
	}{{"in order", false, false}, {"twice", true, false}, {"in disorder", false, true}, {"twice and in disorder", true, true}} {
		h.twilio.DuplicateCallbacks(test.twice)
		h.twilio.DisorderCallbacks(test.disorderly)
		key := h.alert("bitbucket", 1, "Pushes fail while receipts come "+test.name)
		ann.isPushed(key) // after the call, which is busy
		if err := h.twilioIsIdle(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		h.becomes(key, "known to be pushed", func(i told) bool { return strings.Contains(i.attempts(ann), "push sent") })
		if err := ann.screen.Press("Acknowledge"); err != nil {
			t.Fatal(err)
		}
		h.isManagedBy(key, ann)
		inc := h.incident(key)
		end := fmt.Sprintf("%s %s: ann %s, bob %s, %d failed, %d delivered", inc.Status, inc.Escalations[0].State, inc.attempts(ann), inc.attempts(bob),
			len(inc.lines(engine.ReasonFailed)), len(inc.lines(engine.ReasonDelivered)))
		ends[end] += test.name + "; "
	}
	if len(ends) != 1 || ends["fixing acknowledged: ann sms delivered, voice failed, push sent, bob voice delivered, 1 failed, 2 delivered"] == "" {
		t.Errorf("the ends differ: %v", ends)
	}
}

// twilioIsIdle waits until all calls are over and all receipts have come.
func (h *house) twilioIsIdle() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	if !h.twilio.Idle(ctx) {
		return errors.New("receipts are missing")
	}
	return nil
}
