package main

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

var shiftCode = regexp.MustCompile(`\b(\d{7})\b`)

// isAskedFor waits for a text with these words, and returns the code in it.
func (r *resident) isAskedFor(words ...string) (code string) {
	r.t.Helper()
	text := r.ExpectSMS(r.t, soon, words...).Body
	if found := shiftCode.FindString(text); found != "" {
		return found
	}
	r.t.Fatalf("%s is asked without a code: %s", r.handle, text)
	return ""
}

func TestE2EShiftsBySMS(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob, eve := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0)), h.resident("eve", bySMS(0))
	h.does("POST", "/v1/rosters", object{"slug": "web", "rotations": []object{{"id": "daily", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY",
		"participants": []string{"ann", "bob"}}}}, nil)
	h.service("web", nil, level(later, team("web")))
	var on struct {
		OnCall []struct {
			Person string `json:"person"`
		} `json:"on_call"`
	}
	h.does("GET", "/v1/rosters/web/oncall", nil, &on)
	off, taker := ann, bob
	if on.OnCall[0].Person == "bob" {
		off, taker = bob, ann
	}

	t.Log("a text is answered with what it would do, and the code does it")
	taker.Reply("Take web for 2h")
	code := taker.isAskedFor("Take web, ", "from "+off.name)
	first := h.alert("web", 1, "Pushes fail")
	off.isTexted(first)

	t.Log("a bare word while a code is awaited answers no page")
	h.does("POST", "/v1/incidents/"+first+"/page", object{"person": taker.handle}, nil)
	taker.isTexted(first)
	taker.Reply("ok")
	taker.isTold("Which one?")
	h.isNobodys(first)

	taker.Reply(code)
	taker.isTold("You are on call in web until ")
	second := h.alert("web", 1, "Clones fail")
	taker.isTexted(second)

	t.Log("a stranger to the roster takes nothing, and nobody's code is guessed")
	eve.Reply("take web for 2h")
	eve.isTold("neither yours nor your team's")
	eve.Reply(code)
	eve.isTold("not understood")

	t.Log("a swap is offered by text, and accepted by text")
	zone := h.itIsNoonFor(ann, bob) // ordinary words wait for the day
	at := time.Now().UTC().AddDate(0, 0, 3)
	giver, partner := ann, bob
	if h.onCallAt("web", at) == "bob" {
		giver, partner = bob, ann
	}
	giver.Reply("swap web " + at.In(zone).Format("2006-01-02 15:04") + " with " + partner.handle)
	giver.Reply(giver.isAskedFor("Offer " + partner.name + " your shift "))
	giver.isTold("is asked, and you will be told")
	if got := h.onCallAt("web", at); got != giver.handle {
		t.Errorf("an offer alone puts %s on call", got)
	}
	code = partner.isAskedFor(giver.name+" offers you the shift ", "to accept")
	partner.Reply("ok") // which may be meant for the offer, or for a page
	partner.isTold("Which one?")
	partner.Reply(code)
	partner.isTold("Accepted.")
	if got := h.onCallAt("web", at); got != partner.handle {
		t.Errorf("after the swap %s is on call", got)
	}
	giver.isTold("was accepted")
}

// itIsNoonFor lets people be where it is about noon.
func (h *house) itIsNoonFor(people ...*resident) *time.Location {
	h.t.Helper()
	zone, err := time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)) // west of Greenwich is positive
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range people {
		var stored object
		h.does("GET", "/v1/people/"+r.handle, nil, &stored)
		h.does("PUT", "/v1/people/"+r.handle, object{"name": r.name, "zone": zone.String(), "contacts": stored["contacts"]}, nil)
	}
	return zone
}

// onCallAt is the one who is on call.
func (h *house) onCallAt(roster string, at time.Time) string {
	h.t.Helper()
	var on struct {
		OnCall []struct {
			Person string `json:"person"`
		} `json:"on_call"`
	}
	h.does("GET", "/v1/rosters/"+roster+"/oncall?at="+at.Format(time.RFC3339), nil, &on)
	if len(on.OnCall) != 1 {
		h.t.Fatalf("on call: %+v", on)
	}
	return on.OnCall[0].Person
}
