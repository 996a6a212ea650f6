package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rouse/engine"
)

// Rules 6, 8; F18, F19.
func TestE2ERepliesBySMS(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.service("bitbucket", nil, level(later, ann), level(later, bob))

	t.Log("the code acknowledges")
	first := h.alert("bitbucket", 1, "Pushes fail")
	old := ann.isTexted(first)
	ann.Reply(" " + old + " ")
	ann.isTold(first + ": Acknowledged. You are now the incident manager.")
	h.isManagedBy(first, ann)

	t.Log("the code and no declines: the next level is paged at once")
	second := h.alert("bitbucket", 1, "Clones fail")
	ann.Reply(ann.isTexted(second) + " no")
	ann.isTold(second + ": Declined.")
	code := bob.isTexted(second)
	h.isNobodys(second)

	t.Log("the right code from a stranger, or from the wrong one of us, does nothing")
	stranger := h.twilio.Phone("+4917604069999")
	h.secret("4917604069999", "a stranger's number")
	stranger.Reply(code)
	if said := stranger.ExpectSMS(t, soon).Body; !strings.Contains(said, "not understood") || strings.Contains(said, second) {
		t.Errorf("the stranger is told %q", said)
	}
	ann.Reply(code)
	ann.isTold("not understood")
	h.isNobodys(second)
	bob.Reply(code)
	bob.isTold(second + ": Acknowledged.")

	t.Log("an old code after the end says so, and touches nothing else")
	h.does("POST", "/v1/incidents/"+first+"/resolve", object{"why": "deployed back"}, nil)
	third := h.alert("bitbucket", 1, "Pushes fail") // the same trouble is a new incident now (rule 13)
	ann.isTexted(third)
	ann.Reply(old)
	ann.isTold(first + ": This is over.")
	h.isNobodys(third)

	t.Log("a bare word asks back while two are open, or were texted lately")
	fourth := h.alert("bitbucket", 1, "Fetches fail")
	code = ann.isTexted(fourth)
	ann.Reply("ack")
	ann.isTold("Which one?")
	h.isNobodys(third)
	h.isNobodys(fourth)
	ann.Reply("OK " + code)
	ann.isTold(fourth + ": Acknowledged.")
	ann.Reply("ack") // which may be meant for the one that she has
	ann.isTold("Which one?")
	h.isNobodys(third)

	t.Log("a bare word is enough for the only one")
	dana := h.resident("dana", bySMS(0))
	h.service("jira", nil, level(later, dana))
	only := h.alert("jira", 2, "Search is slow")
	dana.isTexted(only)
	dana.Reply("Ack!")
	dana.isTold(only + ": Acknowledged.")
	h.isManagedBy(only, dana)
}

// F19: somebody who forges Ann's number can guess five times; Ann still has her other ways.
func TestE2EGuessingIsCutShort(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0), byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	code := ann.isTexted(key)
	for i := range 5 {
		guess := fmt.Sprintf("%06d", i)
		if guess == code {
			guess = "999999"
		}
		ann.Reply(guess)
		ann.isTold("not understood")
	}
	ann.Reply(code)
	ann.isTold("Too many wrong codes")
	h.isNobodys(key)
	ann.isPushed(key)
	if err := ann.screen.Press("Acknowledge"); err != nil {
		t.Fatal(err)
	}
	h.isManagedBy(key, ann)
}

// Rule 10, S2.
func TestE2EPushButtons(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob, cleo := h.resident("ann", byPush(0)), h.resident("bob", byPush(0)), h.resident("cleo", byPush(0))
	h.service("bitbucket", nil, level(later, ann, bob))
	h.service("jira", nil, level(later, ann), level(later, bob), level(later, cleo))
	press := func(url string) (status int, said string) {
		status, _, body, err := h.ask(url, "POST", "", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return status, string(body)
	}

	t.Log("whatever looks at the links, short of pressing a button, does nothing")
	key := h.alert("bitbucket", 1, "Pushes fail")
	push := ann.isPushed(key)
	buttons := map[string]string{}
	for _, a := range push.Actions {
		buttons[a.Label] = a.URL
		page := a.URL[:strings.LastIndex(a.URL, "/")]
		for _, url := range []string{a.URL, page, strings.Replace(page, "/a/", "/p/", 1)} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
				if status, _, body, err := h.ask(url, method, "", "", nil); err != nil || status >= 500 || method == http.MethodGet && !strings.Contains(string(body), "Pushes fail") {
					t.Errorf("%s: %d %s %v", method, status, body, err)
				}
			}
		}
	}
	bobs := bob.isPushed(key)
	h.isNobodys(key)

	t.Log("the button acknowledges; again does no harm; somebody else is told that it is taken")
	if err := ann.screen.Press("Acknowledge"); err != nil {
		t.Fatal(err)
	}
	h.isManagedBy(key, ann)
	if status, said := press(buttons["Acknowledge"]); status != 200 {
		t.Errorf("the second press: %d %s", status, said)
	}
	if status, said := press(bobs.Actions[0].URL); status != 200 || !strings.Contains(said, "Already acknowledged by "+ann.name) {
		t.Errorf("bob's press: %d %s", status, said)
	}
	inc := h.incident(key)
	if len(inc.lines(engine.ReasonAcknowledged)) != 1 || inc.Manager != ann.handle {
		t.Errorf("after three presses: %+v", inc)
	}

	t.Log("a button that nobody was given")
	if status, said := press(buttons["Acknowledge"][:len(buttons["Acknowledge"])-6] + "x/ack"); status != 404 {
		t.Errorf("a made-up button: %d %s", status, said)
	}

	t.Log("declining twice moves on once")
	key = h.alert("jira", 1, "Search fails")
	push = ann.isPushed(key)
	if err := ann.screen.Press("Decline"); err != nil {
		t.Fatal(err)
	}
	bob.isPushed(key)
	if status, said := press(push.Actions[1].URL); status != 200 {
		t.Errorf("the second press: %d %s", status, said)
	}
	inc = h.incident(key)
	if len(inc.lines(engine.ReasonDeclined)) != 2 || inc.Escalations[0].Level != 2 || len(cleo.screen.Inbox()) != 0 { // declined, and so the level is over
		t.Errorf("after two declines: %+v", inc)
	}
}
