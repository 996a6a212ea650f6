package main

import (
	"strings"
	"testing"
	"time"

	"rouse/notifiers/fake"
	"rouse/notifiers/twilio/twiliosim"
)

// story runs beside the others, and not at all if tests are to be short.
func story(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Parallel()
}

// Rule 5, F4.
func TestE2ECallIsHungUpWhenSomebodyElseAcknowledges(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second}) // a call rings for 25 s, and is listened to for 8
	bob := h.resident("bob", bySMS(0))
	byREST := func(key, _ string) { h.acknowledge(key, bob) }
	byReply := func(_, code string) { bob.Reply(code) }
	for _, test := range []struct {
		name        string
		talking     bool
		acknowledge func(key, code string)
		ends        string
	}{
		{"rings-rest", false, byREST, "canceled"},
		{"rings-sms", false, byReply, "canceled"},
		{"talks-rest", true, byREST, "completed"},
		{"talks-sms", true, byReply, "completed"},
	} {
		ann := h.resident("ann-"+test.name, byCall(0))
		h.service(test.name, nil, level(later, ann, bob))
		key := h.alert(test.name, 1, "Pushes fail while it "+test.name)
		ann.ExpectCall(t, soon)
		code := bob.isTexted(key)
		if test.talking {
			if err := ann.Answer(); err != nil {
				t.Fatal(err)
			}
			ann.hears("Press 1 to acknowledge")
		}

		test.acknowledge(key, code)

		ended := ann.ExpectEnd(t, 3*time.Second, test.ends)
		if said := strings.Join(ended.Said, " "); strings.Contains(said, "Goodbye") {
			t.Errorf("%s: the call ended by itself: %s", test.name, said)
		}
		h.isManagedBy(key, bob)
	}
}

// Rule 10, F20.
func TestE2EMachineNeverAcknowledges(t *testing.T) {
	story(t)
	h := newHouse(t, wish{sayFor: 50 * time.Millisecond})
	bob := h.resident("bob", bySMS(0))
	calls := map[string]*resident{}
	for name, plan := range map[string]twiliosim.CallPlan{
		"voicemail":       {Do: twiliosim.Voicemail},
		"greeting":        {Do: twiliosim.Voicemail, Tones: "1"}, // before anybody asks for a key
		"silence":         {Do: twiliosim.Answer},
		"hang-up":         {Do: twiliosim.HangUp},
		"before-it-rings": {Do: twiliosim.HangUp, After: time.Millisecond},
	} {
		ann := h.resident("ann-"+name, byCall(0))
		ann.OnCall(plan)
		h.service(name, nil, level(3*time.Second, ann), level(later, bob))
		calls[h.alert(name, 1, "Disk full, and there is "+name)] = ann
	}
	early := h.resident("ann-early", byCall(0))
	h.service("early", nil, level(3*time.Second, early), level(later, bob))
	key := h.alert("early", 1, "Disk full, and a tone comes early")
	early.ExpectCall(t, soon)
	if err := early.Answer(); err != nil {
		t.Fatal(err)
	}
	early.hears("H, O, T") // the message is being read: nobody listens yet
	early.Tones("1")
	calls[key] = early

	for key, ann := range calls {
		bob.isTexted(key) // the ladder goes on
		h.isNobodys(key)
		if all := ann.Calls(); len(all) != 1 || all[0].Pressed != "" {
			t.Errorf("%s: calls %+v", ann.handle, all)
		}
	}
}

// Rule 8, and what the keys say back.
func TestE2EKeysAnswerACall(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: 500 * time.Millisecond})
	bob := h.resident("bob", bySMS(0))
	called := func(name string, keys ...string) (*resident, string) {
		ann := h.resident("ann-"+name, byCall(0))
		ann.WillPress(keys...)
		h.service(name, nil, level(later, ann), level(later, bob))
		return ann, h.alert(name, 2, "Search is slow for "+name)
	}

	t.Log("1 acknowledges")
	ann, key := called("one", "1")
	ann.hears("H, O, T, ", "Severity 2. Search is slow for one.")
	ann.hears("Acknowledged. You are now the incident manager.")
	ann.ExpectEnd(t, soon, "completed")
	h.isManagedBy(key, ann)

	t.Log("2 declines, and the next level is paged at once")
	ann, key = called("two", "2")
	ann.hears("Declined. Somebody else is being paged.")
	bob.isTexted(key)
	h.isNobodys(key)

	t.Log("9 repeats")
	ann, key = called("nine", "9", "9", "1")
	for range 3 {
		ann.hears("Search is slow for nine")
		ann.hears("Press 1")
	}
	ann.hears("You are now the incident manager.")
	h.isManagedBy(key, ann)

	t.Log("every other key repeats too, and says why")
	ann, key = called("others", "7", "*", "#", "0", "1")
	for range 4 {
		ann.hears("That was not understood.")
		ann.hears("Press 1")
	}
	ann.hears("You are now the incident manager.")
	h.isManagedBy(key, ann)
}

// A call that cannot be hung up in time says what has become of it.
func TestE2ECallThatIsAnsweredTooLateSaysSo(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second})
	ann, bob := h.resident("ann", byCall(0)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann, bob))
	key := h.alert("bitbucket", 1, "Clones fail")
	ann.ExpectCall(t, soon)
	code := bob.isTexted(key)
	if err := h.twilio.Fault(fake.Fault{Kind: fake.Unavailable}); err != nil { // the call cannot be hung up
		t.Fatal(err)
	}
	bob.Reply(code)
	bob.isTold(key + ": Acknowledged. You are now the incident manager.")

	if err := ann.Press("1"); err != nil {
		t.Fatal(err)
	}
	ann.hears("Already acknowledged by " + bob.name)
	call := ann.ExpectEnd(t, 3*time.Second, "completed")
	if call.Pressed != "" {
		t.Error("a key was asked for")
	}
	h.isManagedBy(key, bob)
}
