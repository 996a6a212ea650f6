package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rouse/notifiers/twilio/twiliosim"
)

// canaryOf is that of a provider's texts, as `rouse provider list` tells it.
func (h *house) canaryOf(env func(string) string, provider string) carrierCanary {
	h.t.Helper()
	out, _, err := call(h.t, env, "provider", "list", "--json")
	var answer struct{ Items []carrier }
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	for _, p := range answer.Items {
		for _, ch := range p.Channels {
			if p.Name == provider && ch.Channel == "sms" && ch.Canary != nil {
				return *ch.Canary
			}
		}
	}
	h.t.Fatalf("%s has no canary:\n%s", provider, out)
	return carrierCanary{}
}

// A robot of Twilio's own account texts back what it gets. When nothing arrives any more, that is known within two
// canaries: the next provider brings the pages, and whoever is on call for all is told, once then and once when it is well.
func TestE2EAProviderThatDeliversNothingIsFoundOut(t *testing.T) {
	story(t)
	const robot = "+4915155500099"
	m := newModem(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ROUSE_TWILIO_CANARY_SMS=" + robot, "ROUSE_CANARY_EVERY=1h",
		"ROUSE_BUDGET=sms 1/day"}})
	h.secret(robot, "a robot's number")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("a modem's password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := settingsOf("ROUSE_URL="+h.door.URL, "ROUSE_TOKEN="+h.admin)
	if _, said, err := call(t, env, "provider", "set", "modem", "--kind", "gateway", "--preset", "kannel", "--set", "url="+m.URL, "--sender", "+491700000000",
		"--secret", "username=literal:rouse", "--secret", "password=@"+secret); err != nil {
		t.Fatal(err, said)
	}
	db, err := pgx.Connect(t.Context(), h.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	phone := h.twilio.Phone(robot)
	next := func() {
		t.Helper()
		if _, err := db.Exec(t.Context(), `update canary set due_at = '-infinity'`); err != nil {
			t.Fatal(err)
		}
		phone.ExpectSMS(t, soon, "Rouse canary ")
	}
	until := func(what string, is func(carrierCanary) bool) {
		t.Helper()
		if !eventually(func() bool { return is(h.canaryOf(env, "twilio")) }) {
			t.Fatalf("the canary is never %s: %+v", what, h.canaryOf(env, "twilio"))
		}
	}

	t.Log("the robot's texts come in")
	phone.ExpectSMS(t, soon, "Rouse canary ")
	phone.OnSMS(twiliosim.SMSPlan{NoReceipt: true, Reply: func(sms string) string { return sms }})
	next()
	until("back", func(k carrierCanary) bool { return k.Up && k.Misses == 0 && !k.LastBack.Before(k.LastSent) })

	t.Log("Twilio takes all and delivers nothing")
	phone.OnSMS(twiliosim.SMSPlan{ErrorCode: 30007})
	for range 3 {
		before := h.canaryOf(env, "twilio").LastSent
		if _, err := db.Exec(t.Context(), `update canary set due_at = '-infinity'`); err != nil {
			t.Fatal(err)
		}
		until("sent once more", func(k carrierCanary) bool { return k.LastSent.After(before) && k.Detail == "filtered by the carrier" })
	}
	until("down", func(k carrierCanary) bool { return !k.Up && k.Misses == 2 })
	notice := m.text(t, "Rouse: Provider twilio does not deliver on sms: 2 test messages in a row did not come back (filtered by the carrier).")
	if notice.Get("to") != h.ida.Number() {
		t.Errorf("told was %q", notice.Get("to"))
	}
	out, _, err := call(t, env, "provider", "list")
	if err != nil || !regexp.MustCompile(`(?m)^twilio +twilio, given +sms +failing .*down, 2 missed`).MatchString(out) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, metrics, err := h.ask(h.door.URL, "GET", "/metrics", "", nil); err != nil || !strings.Contains(string(metrics), `rouse_canary_up{channel="sms",provider="twilio"} 0`) {
		t.Errorf("metrics: %v", err)
	}

	t.Log("a page goes the other way, also beyond the budget")
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	for _, trouble := range []string{"Pushes fail", "Clones fail"} {
		key := h.alert("bitbucket", 1, trouble)
		page := m.text(t, key+" SEV1")
		if page.Get("to") != ann.Number() {
			t.Errorf("paged was %q", page.Get("to"))
		}
		h.tell(strings.Replace(page.Get("dlr-url"), "%d", "1", 1))
		h.becomes(key, "delivered by the modem", func(inc told) bool { return inc.attempts(ann) == "sms delivered" })
	}
	if out, _, _ := call(t, settingsOf("ROUSE_DATABASE_URL="+h.database, "ROUSE_BUDGET=sms 1/day"), "doctor"); !regexp.MustCompile(`WARN +budget sms/day +3 of 1 were sent since .*nothing is held back`).MatchString(out) {
		t.Errorf("doctor says\n%s", out)
	}

	t.Log("one comes back")
	phone.OnSMS(twiliosim.SMSPlan{})
	next()
	until("back again", func(k carrierCanary) bool { return k.Up && k.Misses == 0 && k.Detail == "" })
	h.ida.ExpectSMS(t, soon, "Provider twilio delivers on sms again.")
}
