package main

import (
	"net/http"
	"testing"
	"time"

	"rouse/engine"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
)

// Rule 11, F16: the next contact comes now, not in an hour, and the timeline says why.
func TestE2EFailedContactDoesNotWait(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	for _, test := range []struct {
		name     string
		plan     []contact
		trouble  func(*resident)
		attempts string
		why      string
	}{
		{"undelivered", []contact{bySMS(0), byCall(later)}, func(r *resident) { r.OnSMS(twiliosim.SMSPlan{ErrorCode: 30003}) },
			"sms failed, voice sent", "the phone is off or out of reach"},
		{"busy", []contact{byCall(0), bySMS(later)}, func(r *resident) { r.OnCall(twiliosim.CallPlan{Do: twiliosim.Busy}) },
			"voice failed, sms delivered", "busy"},
		{"no-answer", []contact{byCall(0), bySMS(later)}, func(*resident) {},
			"voice failed, sms delivered", "nobody answered"},
		{"not-connected", []contact{byCall(0), bySMS(later)}, func(r *resident) { r.OnCall(twiliosim.CallPlan{Do: twiliosim.Fail}) },
			"voice failed, sms delivered", "the call could not be connected"},
		{"no-such-number", []contact{bySMS(0), byCall(later), byPush(2 * later)}, func(r *resident) { r.Refuse(21211) },
			"sms failed, voice failed, push sent", "not a valid phone number"},
		{"opted-out", []contact{bySMS(0), byPush(later)}, func(r *resident) { r.Refuse(21610) },
			"sms failed, push sent", "opted out"},
	} {
		ann := h.resident(test.name, test.plan...)
		test.trouble(ann)
		h.service(test.name, nil, level(later, ann))
		key := h.alert(test.name, 1, "Backup fails, and so does "+test.name)
		inc := h.becomes(key, "paged by the next contact", func(inc told) bool { return inc.attempts(ann) == test.attempts })
		if !inc.says(engine.ReasonFailed, ann, test.why) || len(inc.lines(engine.ReasonContactFailed)) == 0 {
			t.Errorf("%s: the timeline does not say %q: %+v", test.name, test.why, inc.Timeline)
		}
		switch test.plan[len(test.plan)-1].channel {
		case "sms":
			ann.isTexted(key)
		case "voice":
			ann.ExpectCall(t, soon)
		default:
			ann.isPushed(key)
		}
	}
}

// Nobody on the level can be reached: the next level is paged now.
func TestE2ELevelThatFailsDoesNotWait(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0), byCall(time.Minute)), h.resident("bob", bySMS(0))
	ann.Refuse(21211)
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	key := h.alert("bitbucket", 1, "Pushes fail")
	bob.isTexted(key)
	if inc := h.incident(key); len(inc.lines(engine.ReasonLevelFailed)) != 1 {
		t.Errorf("timeline: %+v", inc.Timeline)
	}
}

// Rule 11: a text of which nothing is heard counts as failed after half a minute.
func TestE2ESilentContactDoesNotWaitForEver(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0), byPush(later))
	ann.OnSMS(twiliosim.SMSPlan{Lost: true})
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.screen.ExpectPush(t, 40*time.Second, key)
	inc := h.incident(key)
	silent := inc.lines(engine.ReasonContactSilent)
	if len(silent) == 0 || silent[0].At.Sub(inc.Timeline[0].At) < 30*time.Second {
		t.Errorf("timeline: %+v", inc.Timeline)
	}
}

// F15: Twilio is out of order in every way it can be.
func TestE2ETwilioOutOfOrder(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	for _, test := range []struct {
		name     string
		fault    fake.Fault
		attempts string // of Ann's contacts: SMS, and an hour later push
		waits    time.Duration
	}{
		{"refuses connections", fake.Fault{Kind: fake.Refuse}, "sms failed, push sent", 0},
		{"is unavailable", fake.Fault{Kind: fake.Unavailable}, "sms failed, push sent", 0},
		{"is unavailable for a moment", fake.Fault{Kind: fake.Unavailable, Times: 1}, "sms delivered", 0},
		{"has too many requests for a second", fake.Fault{Kind: fake.TooMany, RetryAfter: time.Second, Times: 1}, "sms delivered", time.Second},
		{"has too many requests for a minute", fake.Fault{Kind: fake.TooMany, RetryAfter: time.Minute}, "sms failed, push sent", 0},
		{"answers garbage", fake.Fault{Kind: fake.Garbage}, "sms failed, push sent", 0},
		{"answers garbage once", fake.Fault{Kind: fake.Garbage, Times: 1}, "sms delivered", 0},
		{"fails after sending", fake.Fault{Kind: fake.Fail}, "sms delivered", 0},
		{"resets the connection after sending", fake.Fault{Kind: fake.Reset}, "sms delivered", 0},
	} {
		name := slugOf(test.name)
		ann := h.resident(name, bySMS(0), byPush(later))
		h.service(name, nil, level(later, ann))
		if err := h.twilio.Fault(test.fault); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		key := h.alert(name, 1, "Pushes fail, and Twilio "+test.name)
		inc := h.becomes(key, test.attempts, func(inc told) bool { return inc.attempts(ann) == test.attempts })
		if took := time.Since(began); took < test.waits {
			t.Errorf("%s: paged after %s, Twilio asked for %s", test.name, took, test.waits)
		}
		if ann.Inbox() == nil {
			ann.isPushed(key)
		}
		t.Logf("Twilio %s: %s, %s", test.name, inc.attempts(ann), time.Since(began).Round(time.Millisecond))
		if err := h.twilio.Fault(fake.Fault{}); err != nil {
			t.Fatal(err)
		}
	}
}

// F2, F15: Twilio takes the message and says nothing. The next contact does not wait for that, and
// nothing is sent twice, as Twilio can be asked.
func TestE2ETwilioTakesAndHangs(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second})
	ann, bob := h.resident("ann", bySMS(0), byPush(time.Second)), h.resident("bob", byCall(0))
	h.service("bitbucket", nil, level(later, ann))
	h.service("jira", nil, level(later, bob))
	ann.OnSMS(twiliosim.SMSPlan{NoReceipt: true})
	if err := h.twilio.Fault(fake.Fault{Kind: fake.Hang}); err != nil {
		t.Fatal(err)
	}
	anns, bobs := h.alert("bitbucket", 1, "Pushes fail"), h.alert("jira", 1, "Search fails")
	ann.isTexted(anns)
	bob.ExpectCall(t, soon)
	ann.isPushed(anns)
	bob.WillPress("1")
	if err := bob.Press("1"); err != nil { // as Twilio has called him, though it does not say so
		t.Fatal(err)
	}
	h.isManagedBy(bobs, bob)
	h.becomes(anns, "sent, as a lookup says", func(inc told) bool {
		return inc.attempts(ann) == "sms sent, push sent" && h.requests("GET Messages") > 0
	})
	if n := h.requests("POST Messages"); n != 1 {
		t.Errorf("Twilio was asked for %d texts", n)
	}
	if calls := bob.Calls(); len(calls) != 1 {
		t.Errorf("bob was called %d times: %+v", len(calls), calls)
	}
}

// F15: every request to Twilio, lookups too, disappears. The next contact comes within half a minute.
func TestE2ETwilioIsABlackHole(t *testing.T) {
	story(t)
	hole := newGate(t, http.NotFoundHandler(), func(int, string) holding { return onTheWay })
	hole.everything = true
	h := newHouse(t, wish{environ: []string{"ROUSE_TWILIO_BASE_URL=" + hole.URL}})
	ann := h.resident("ann", bySMS(0), byPush(later))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.screen.ExpectPush(t, 30*time.Second, key)
}

// requests counts what Twilio was asked, such as "POST Messages".
func (h *house) requests(what string) (n int) {
	for _, e := range h.twilio.Events() {
		if e.Kind == twiliosim.Requested && e.Text == what {
			n++
		}
	}
	return n
}

// F15: ntfy cannot be asked whether it has a push: rather twice than never.
func TestE2ENtfyOutOfOrder(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	for _, test := range []struct {
		name     string
		fault    fake.Fault
		attempts string
		again    int // pushes that come more than once
	}{
		{"refuses connections", fake.Fault{Kind: fake.Refuse}, "push failed, sms delivered", 0},
		{"is unavailable", fake.Fault{Kind: fake.Unavailable}, "push failed, sms delivered", 0},
		{"has too many requests for a second", fake.Fault{Kind: fake.TooMany, RetryAfter: time.Second, Times: 1}, "push sent", 0},
		{"answers garbage", fake.Fault{Kind: fake.Garbage}, "push failed, sms delivered", 0},
		{"fails after sending", fake.Fault{Kind: fake.Fail, Times: 1}, "push sent", 1},
		{"resets the connection after sending", fake.Fault{Kind: fake.Reset, Times: 1}, "push sent", 1},
	} {
		name := slugOf(test.name)
		h.again += test.again
		ann := h.resident(name, byPush(0), bySMS(later))
		h.service(name, nil, level(later, ann))
		if err := h.ntfy.Fault(test.fault); err != nil {
			t.Fatal(err)
		}
		key := h.alert(name, 1, "Pushes fail, and ntfy "+test.name)
		h.becomes(key, test.attempts, func(inc told) bool { return inc.attempts(ann) == test.attempts })
		if err := h.ntfy.Fault(fake.Fault{}); err != nil {
			t.Fatal(err)
		}
	}

	t.Log("it takes and hangs: the next contact does not wait")
	ann := h.resident("ann", byPush(0), bySMS(time.Second))
	h.service("hang", nil, level(later, ann))
	if err := h.ntfy.Fault(fake.Fault{Kind: fake.Hang}); err != nil {
		t.Fatal(err)
	}
	key := h.alert("hang", 1, "Pushes fail, and ntfy hangs")
	ann.isPushed(key)
	ann.Reply(ann.isTexted(key))
	h.isManagedBy(key, ann)
}
