package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// Rule 10: keys and "all" answer by text, and what is not understood is asked back with the keys.
func TestE2EKeysAndAllAnswerByText(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	first, second, third := h.alert("bitbucket", 1, "Pushes fail"), h.alert("bitbucket", 2, "Clones fail"), h.alert("bitbucket", 2, "Fetches fail")
	for _, key := range []string{first, second, third} {
		ann.isTexted(key)
	}

	ann.Reply("ack")
	ann.isTold("Which one? Open: "+first+"-"+third, `"ack `+first+`"`)
	ann.Reply("ack HOT-99")
	ann.isTold("Which one?")
	h.isNobodys(first)

	ann.Reply("Ack " + strings.ToLower(second) + "!")
	ann.isTold(second + ": Acknowledged. You are now the incident manager.")
	h.isManagedBy(second, ann)
	h.isNobodys(first)

	ann.Reply("decline " + strings.ReplaceAll(third, "-", " "))
	ann.isTold(third + ": Declined.")
	bob.isTexted(third)

	fourth := h.alert("bitbucket", 1, "Logins fail")
	ann.isTexted(fourth)
	ann.Reply("ack all")
	ann.isTold(first + " and 1 more: 2 acknowledged.")
	h.isManagedBy(first, ann)
	h.isManagedBy(fourth, ann)
	h.isNobodys(third)

	t.Log("a stranger, and a colleague who was not paged, name keys in vain")
	stranger := h.twilio.Phone("+4917604069999")
	h.secret("4917604069999", "a stranger's number")
	for _, text := range []string{"ack " + third, "ack all", "ack"} {
		stranger.Reply(text)
		stranger.ExpectSMS(t, soon, "not understood")
	}
	h.ida.Reply("ack " + third)
	h.ida.isTold("not understood")
	h.isNobodys(third)
}

// F19: five wrong codes lock replies of a number on every node, and after a restart.
func TestE2EGuessesAreCountedOnAllNodes(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	for i := range 5 {
		if i == 3 {
			h.newNode() // which texts come to from now on
		}
		guess := fmt.Sprintf("%06d", i)
		if guess == code {
			guess = "999999"
		}
		ann.Reply(guess)
		ann.isTold("not understood")
	}
	h.nodes[1].Stop()
	h.start(h.nodes[1])
	ann.Reply(code)
	ann.isTold("Too many wrong codes")
	h.isNobodys(key)
}

// ROUSE_REQUIRE_CODES: a number alone answers nothing.
func TestE2ECodesAreDemanded(t *testing.T) {
	story(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_REQUIRE_CODES=true"}})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	for _, text := range []string{"ack", "ack " + key, "ack all"} {
		ann.Reply(text)
		ann.isTold("This needs the code of the page.")
	}
	h.isNobodys(key)
	ann.Reply("ack " + key + " " + code)
	ann.isTold(key + ": Acknowledged.")
	h.isManagedBy(key, ann)
}

// Rule 10: who calls Rouse hears what is open for them, and answers with keys.
func TestE2ECallingRouse(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second, sayFor: 20 * time.Millisecond})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann), level(later, bob))
	h.service("jira", nil, level(later, ann), level(later, bob))
	first, second, third := h.alert("bitbucket", 1, "Pushes fail"), h.alert("jira", 2, "Search is slow"), h.alert("bitbucket", 2, "Clones fail")
	for _, key := range []string{first, second, third} {
		ann.isTexted(key)
	}

	ann.Call()
	ann.hears("3 incidents are open for you")
	ann.hears("Severity 1. Pushes fail.")
	ann.Tones("1") // before anybody listens
	ann.hears("3 for the next")
	ann.press("3")
	ann.hears("Severity 2. Search is slow.")
	ann.hears("3 for the next")
	ann.press("9")
	ann.hears("Severity 2. Search is slow.")
	ann.press("1")
	ann.hears("Acknowledged. You are now the incident manager.")
	h.isManagedBy(second, ann)
	h.isNobodys(first)
	ann.hears("Severity 1. Pushes fail.")
	ann.press("2")
	ann.hears("Declined.")
	bob.isTexted(first)
	ann.hears("Severity 2. Clones fail.")
	ann.press("1")
	ann.hears("You are now the incident manager.", "Nothing else is open for you.")
	ann.ExpectEnd(t, soon, "completed")
	h.isManagedBy(third, ann)
	h.isNobodys(first)

	t.Log("0 takes all that is left")
	fourth := h.alert("jira", 1, "Logins fail")
	ann.isTexted(fourth)
	fifth := h.alert("jira", 1, "Mails are late")
	ann.isTexted(fifth)
	ann.Call()
	ann.hears("0 to acknowledge all 2")
	ann.press("0")
	ann.hears("2 acknowledged.")
	h.isManagedBy(fourth, ann)
	h.isManagedBy(fifth, ann)

	t.Log("what was pushed needs the code on the keypad; a stranger hears nothing")
	cleo := h.resident("cleo", byPush(0), bySMS(later))
	h.service("payments", nil, level(later, cleo))
	sixth := h.alert("payments", 1, "Payments fail")
	cleo.isPushed(sixth)
	cleo.Call()
	cleo.hears("Payments fail")
	cleo.press("1")
	cleo.hears("type the code")
	cleo.press("000000#")
	cleo.hears("That is not the code.")
	h.isNobodys(sixth)
	if err := cleo.HangUp(); err != nil {
		t.Fatal(err)
	}
	stranger := h.twilio.Phone("+4917604069999")
	h.secret("4917604069999", "a stranger's number")
	stranger.Call()
	stranger.ExpectSaid(t, soon, "Nothing is open for this number.")
	stranger.ExpectEnd(t, soon, "completed")
}

// press presses keys in the call that is going on.
func (r *resident) press(keys string) {
	r.t.Helper()
	if err := r.Press(keys); err != nil {
		r.t.Fatal(err)
	}
}

// Rule 10: silence and hanging up answer nothing, whoever calls.
func TestE2ECallsThatSayNothing(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.isTexted(key)
	ann.Call()
	ann.hears("No key was pressed.")
	ann.ExpectEnd(t, soon, "completed")
	ann.Call()
	ann.hears("Pushes fail")
	if err := ann.HangUp(); err != nil {
		t.Fatal(err)
	}
	h.isNobodys(key)
	if calls := ann.Calls(); len(calls) != 2 || calls[0].Pressed+calls[1].Pressed != "" {
		t.Errorf("calls %+v", calls)
	}
}

// Rule 5: an acknowledgement ends what rings, withdraws what waits, and the others hear who has it: the figures.
func TestE2EAnAcknowledgementReachesTheOthers(t *testing.T) {
	story(t)
	h := newHouse(t, wish{second: time.Second})
	ann, bob, cleo := h.resident("ann", byCall(0), bySMS(later)), h.resident("bob", bySMS(0)), h.resident("cleo", bySMS(0))
	h.service("bitbucket", nil, level(later, ann, bob, cleo))
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.ExpectCall(t, soon)
	cleo.isTexted(key)
	cleo.Reply("decline " + key)
	cleo.isTold(key + ": Declined.")
	code := bob.isTexted(key)

	began := time.Now()
	bob.Reply(code)
	ann.ExpectEnd(t, 3*time.Second, "canceled")
	ended := time.Since(began)
	ann.isTold(key + ": " + bob.name + " has it.")
	t.Logf("after the acknowledgement the ringing call ended in %s, and the other heard who has it in %s", ended.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	inc := h.becomes(key, "bob's", func(inc told) bool { return inc.Manager == bob.handle })
	if n := len(inc.lines(engine.ReasonAcknowledged)); n != 1 {
		t.Errorf("%d acknowledgements", n)
	}
	for _, r := range []*resident{bob, cleo} {
		for _, sms := range r.Inbox() {
			if strings.Contains(sms.Body, "has it") {
				t.Errorf("%s is told %q", r.handle, sms.Body)
			}
		}
	}
	notices := 0
	for _, sms := range ann.Inbox() {
		if strings.Contains(sms.Body, "has it") {
			notices++
		}
	}
	if calls := ann.Calls(); len(calls) != 1 || notices != 1 {
		t.Errorf("ann was called %d times and told %d times", len(calls), notices)
	}
}
