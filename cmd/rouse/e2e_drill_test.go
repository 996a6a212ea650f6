package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// commands runs a command as the house's admin, and gives all that it says.
func (h *house) commands(args ...string) (said string, status int) {
	h.t.Helper()
	out, errs, status := h.rouse(h.dir, "", args...)
	return out + errs, status
}

// drilled is a drill as the API tells.
func (h *house) drilled(key string) (d drill) {
	h.t.Helper()
	h.does("GET", "/v1/drills/"+key, nil, &d)
	return d
}

// Rule 19: what is shown to whoever waits, and what is left of it.
func TestE2EADrillIsAnsweredByATextsCode(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", byPush(0), bySMS(0))
	h.roster("bitbucket-im", ann)
	type shown struct {
		out    string
		status int
	}
	over := make(chan shown)
	go func() {
		out, status := h.commands("drill", "--roster", "bitbucket-im")
		over <- shown{out, status}
	}()
	ann.isPushed("TEST-1")
	code := ann.isTexted("TEST-1")
	if out, status := h.commands("drill", "--person", "ann"); status != 1 || !strings.Contains(out, "drill TEST-1 is under way until") {
		t.Errorf("a second drill: %s %d", out, status)
	}
	ann.Reply(code)
	ann.isTold("TEST-1: Thank you: the test reached you.")
	got := <-over
	if got.status != 0 {
		t.Errorf("the drill ends with %d", got.status)
	}
	for _, line := range []string{"TEST-1: ann is paged with a test, until ", "Paging The one called ann by push: first page.", "SMS to The one called ann sent", "TEST-1: ann: passed, answered after "} {
		if !strings.Contains(got.out, line) {
			t.Errorf("whoever waits is not shown %q: %s", line, got.out)
		}
	}
	if d := h.drilled("TEST-1"); d.Result != "passed" || d.Channel != "sms" || d.Roster != "bitbucket-im" {
		t.Errorf("it showed %+v", d)
	}
	if out, status := h.commands("drill", "--list"); status != 0 || !strings.Contains(out, "passed in ") || !strings.Contains(out, "never") {
		t.Errorf("the badges are %s, %d", out, status)
	}
	if out, status := h.commands("oncall", "--roster", "bitbucket-im"); status != 0 || !strings.Contains(out, "by sms, just now") {
		t.Errorf("on call are %s, %d", out, status)
	}
	if out, status := h.commands("incidents"); status != 0 || strings.Contains(out, "TEST-1") {
		t.Errorf("incidents are %s, %d", out, status)
	}
}

// Rule 19: it ends though the server that began it does not live on, and pages nobody else.
func TestE2EADrillThatNobodyAnswersFails(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	bob := h.resident("bob", bySMS(0))
	h.roster("bitbucket-im", bob)
	out, status := h.commands("drill", "--person", "bob", "--no-wait", "--json")
	var began started
	if status != 0 || json.Unmarshal([]byte(out), &began) != nil || len(began.Items) != 1 {
		t.Fatalf("the drill: %s %d", out, status)
	}
	bob.isTexted("TEST-1")
	n := h.nodes[0]
	n.Kill()
	n.Environ = append(n.Environ, "ROUSE_CLOCK_OFFSET=4m45s") // short of what counts as a stop (rule 18)
	h.start(n)
	over := func() bool { return h.drilled("TEST-1").Result != "" }
	for range 3 {
		if eventually(over) {
			break
		}
	}
	if d := h.drilled("TEST-1"); d.Result != "failed" || d.Why != "Drill failed. No answer within 5m." {
		t.Errorf("it showed %+v", d)
	}
	if len(h.ida.Inbox()) > 0 {
		t.Errorf("Ida, who is behind everybody else, got %v", h.ida.Inbox())
	}
	out, _ = h.commands("coverage")
	if want := "Make a contact of The one called bob work, then try again: `rouse drill --person bob`"; !strings.Contains(out, "Warning: the drill of") || !strings.Contains(out, want) {
		t.Errorf("coverage says %s", out)
	}
}

// Rule 19: once for each shift, by day, to whoever has not been reached lately.
func TestE2EADrillBeforeAShift(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.roster("bitbucket-im", ann)
	now := time.Now().UTC()
	noon := fmt.Sprintf("Etc/GMT%+d", now.Hour()-12) // west of Greenwich is positive
	var person map[string]any
	h.does("GET", "/v1/people/bob", nil, &person)
	person["zone"] = noon
	h.does("PUT", "/v1/people/bob", person, nil)
	h.does("POST", "/v1/rosters/bitbucket-im/overrides", object{"person": "bob", "from": now.Add(time.Hour).Format(time.RFC3339), "to": now.Add(2 * time.Hour).Format(time.RFC3339)}, nil)
	if out, status := h.commands("drill", "--roster", "bitbucket-im", "--before-shifts", "2h"); status != 0 || !strings.Contains(out, "is drilled 2h before the shift") {
		t.Fatalf("%s %d", out, status)
	}
	h.newNode() // looks at once, and so may the other
	bob.Reply(bob.isTexted("TEST-1"))
	bob.isTold("TEST-1: Thank you: the test reached you.")
	if d := h.drilled("TEST-1"); d.Result != "passed" || d.Roster != "bitbucket-im" || d.Person != "bob" {
		t.Errorf("it showed %+v", d)
	}
	if out, status := h.commands("drill", "--roster", "bitbucket-im", "--before-shifts", "off"); status != 0 || !strings.Contains(out, "Nobody is drilled") {
		t.Errorf("%s %d", out, status)
	}
	for _, text := range ann.Inbox() { // besides that she is taken off call
		if strings.Contains(text.Body, "TEST") {
			t.Errorf("Ann, whose shift it is now, got %v", text)
		}
	}
}
