package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rouse/notifiers/ntfy/ntfysim"
	"rouse/notifiers/twilio/twiliosim"
)

// patience is how long these stories wait for what must not be lost: on a busy machine everything is late.
const patience = time.Minute

// canary is what goes to the robot of a provider on a channel. The next is not due before the story says so.
type canary struct {
	h                 *house
	env               func(string) string // of who looks
	provider, channel string
}

// canaryWish has an hour between two canaries, longer than any story, and whatever else it names.
func canaryWish(environ ...string) wish {
	return wish{environ: append([]string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ROUSE_CANARY_EVERY=1h"}, environ...)}
}

func (h *house) canary(provider, channel string) canary {
	return canary{h, settingsOf("ROUSE_URL="+h.door.URL, "ROUSE_TOKEN="+h.admin), provider, channel}
}

// alsoHas gives the house a provider more, which is asked after the others.
func (k canary) alsoHas(provider string, flags ...string) {
	k.h.t.Helper()
	if _, said, err := call(k.h.t, k.env, append([]string{"provider", "set", provider}, flags...)...); err != nil {
		k.h.t.Fatal(err, said)
	}
}

// now is how it does, as `rouse provider list` tells it.
func (k canary) now() carrierCanary {
	k.h.t.Helper()
	out, _, err := call(k.h.t, k.env, "provider", "list", "--json")
	var answer struct{ Items []carrier }
	if err != nil || json.Unmarshal([]byte(out), &answer) != nil {
		k.h.t.Fatalf("%v\n%s", err, out)
	}
	for _, p := range answer.Items {
		for _, ch := range p.Channels {
			if p.Name == k.provider && ch.Channel == k.channel && ch.Canary != nil {
				return *ch.Canary
			}
		}
	}
	k.h.t.Fatalf("%s has no canary on %s:\n%s", k.provider, k.channel, out)
	return carrierCanary{}
}

func (k canary) until(what string, is func(carrierCanary) bool) {
	k.h.t.Helper()
	var last carrierCanary
	for over := time.Now().Add(patience); time.Now().Before(over); <-time.After(100 * time.Millisecond) {
		if last = k.now(); is(last) {
			return
		}
	}
	k.h.t.Fatalf("the canary is never %s: %+v", what, last)
}

// next is sent at once; one that is not back yet has missed.
func (k canary) next() {
	k.h.t.Helper()
	before := k.now().LastSent
	db, err := pgx.Connect(k.h.t.Context(), k.h.database)
	if err != nil {
		k.h.t.Fatal(err)
	}
	defer db.Close(k.h.t.Context())
	if _, err := db.Exec(k.h.t.Context(), `update canary set due_at = '-infinity'`); err != nil {
		k.h.t.Fatal(err)
	}
	k.until("sent", func(c carrierCanary) bool { return c.LastSent.After(before) })
}

// comesBack waits for the last one.
func (k canary) comesBack() {
	k.h.t.Helper()
	k.until("back", func(c carrierCanary) bool {
		return c.Up && c.Misses == 0 && c.Detail == "" && !c.LastSent.IsZero() && !c.LastBack.Before(c.LastSent)
	})
}

// fails waits until what the provider says of the last one is known.
func (k canary) fails(why string) {
	k.h.t.Helper()
	k.until(why, func(c carrierCanary) bool { return c.Detail == why })
}

// isDown waits until two have missed, and looks whether everybody who watches sees it.
func (k canary) isDown() {
	k.h.t.Helper()
	k.until("down", func(c carrierCanary) bool { return !c.Up && c.Misses == 2 && !c.DownSince.IsZero() })
	out, _, err := call(k.h.t, k.env, "provider", "list")
	if err != nil || !regexp.MustCompile(`(?m)^`+k.provider+` +`+k.provider+`, given +`+k.channel+` +failing .*down, 2 missed`).MatchString(out) {
		k.h.t.Errorf("%v\n%s", err, out)
	}
	gauge := fmt.Sprintf(`rouse_canary_up{channel=%q,provider=%q} 0`, k.channel, k.provider)
	if _, _, metrics, err := k.h.ask(k.h.door.URL, "GET", "/metrics", "", nil); err != nil || !strings.Contains(string(metrics), gauge) {
		k.h.t.Errorf("no metric %s: %v", gauge, err)
	}
}

// times is how many texts of somebody's have these words.
func (r *resident) times(words string) (n int) {
	for _, text := range r.Inbox() {
		if strings.Contains(text.Body, words) {
			n++
		}
	}
	return n
}

// A robot of Twilio's own account texts back what it gets. When nothing arrives any more, that is known within two
// canaries: the next provider brings the pages, and whoever is on call for all is told, once then and once when it is well.
func TestE2EAProviderThatDeliversNothingIsFoundOut(t *testing.T) {
	story(t)
	const robot = "+4915155500099"
	m := newModem(t)
	h := newHouse(t, canaryWish("ROUSE_TWILIO_CANARY_SMS="+robot, "ROUSE_BUDGET=sms 1/day"))
	h.secret(robot, "a robot's number")
	k := h.canary("twilio", "sms")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("a modem's password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.alsoHas("modem", "--kind", "gateway", "--preset", "kannel", "--set", "url="+m.URL, "--sender", "+491700000000",
		"--secret", "username=literal:rouse", "--secret", "password=@"+secret)
	phone := h.twilio.Phone(robot)

	t.Log("the robot's texts come in")
	phone.ExpectSMS(t, patience, "Rouse canary ")
	phone.OnSMS(twiliosim.SMSPlan{NoReceipt: true, Reply: func(sms string) string { return sms }})
	k.next()
	phone.ExpectSMS(t, patience, "Rouse canary ")
	k.comesBack()

	t.Log("Twilio takes all and delivers nothing")
	phone.OnSMS(twiliosim.SMSPlan{ErrorCode: 30007})
	for range 3 {
		k.next()
		k.fails("filtered by the carrier")
	}
	k.isDown()
	notice := m.text(t, "Rouse: Provider twilio does not deliver on sms: 2 test messages in a row did not come back (filtered by the carrier).")
	if notice.Get("to") != h.ida.Number() {
		t.Errorf("told was %q", notice.Get("to"))
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
	k.next()
	k.comesBack()
	h.ida.ExpectSMS(t, patience, "Provider twilio delivers on sms again.")
}

// A robot picks up the calls that Twilio places. When they reach it no more, that is known within two canaries: calls go
// by the other account first until one is picked up again.
func TestE2EAProviderWhoseCallsReachNobodyIsFoundOut(t *testing.T) {
	story(t)
	const robot = "+4915155500098"
	other, err := twiliosim.Start(twiliosim.Config{AccountSID: "AC" + strings.Repeat("2", 32), AuthToken: "token of the other account", Second: 100 * time.Millisecond, RetryEvery: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	h := newHouse(t, canaryWish("ROUSE_TWILIO_CANARY_VOICE="+robot))
	h.secret(robot, "a robot's number")
	h.secret(other.AuthToken(), "the other account's auth token")
	k := h.canary("twilio", "voice")
	k.alsoHas("other", "--kind", "twilio", "--setting", "account_sid="+other.AccountSID(), "--setting", "from=+15005550009", "--setting", "base_url="+other.URL(),
		"--secret", "auth_token=literal:"+other.AuthToken())
	phone := h.twilio.Phone(robot)

	t.Log("the robot picks up")
	phone.ExpectCall(t, patience) // it may have rung in vain
	phone.OnCall(twiliosim.CallPlan{Do: twiliosim.Answer})
	k.next()
	phone.ExpectSaid(t, patience, "Rouse canary ")
	k.comesBack()

	t.Log("it rings in vain, once; then it picks up: that is no failure of Twilio's yet")
	phone.OnCall(twiliosim.CallPlan{Do: twiliosim.NoAnswer})
	k.next()
	k.fails("nobody answered")
	phone.OnCall(twiliosim.CallPlan{Do: twiliosim.Answer})
	k.next()
	k.comesBack()

	t.Log("no call is put through any more")
	phone.OnCall(twiliosim.CallPlan{Do: twiliosim.Fail})
	for range 3 {
		k.next()
		k.fails("the call could not be connected")
	}
	k.isDown()
	const fell = "Provider twilio does not deliver on voice: 2 test messages in a row did not come back (the call could not be connected)."
	h.ida.ExpectSMS(t, patience, fell) // by Twilio: its texts are well

	t.Log("a page's call goes the other way, and a key answers it there")
	ann := h.resident("ann", byCall(0))
	hers := other.Phone(ann.Number())
	hers.WillPress("1")
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	hers.ExpectCall(t, patience)
	h.isManagedBy(key, ann)
	if calls := ann.Calls(); len(calls) > 0 {
		t.Errorf("Twilio, which is down, was asked first: %+v", calls)
	}

	t.Log("the robot picks up again, and calls go by Twilio again")
	phone.OnCall(twiliosim.CallPlan{Do: twiliosim.Answer})
	k.next()
	k.comesBack()
	h.ida.ExpectSMS(t, patience, "Provider twilio delivers on voice again.")
	ann.WillPress("1")
	key = h.alert("bitbucket", 1, "Clones fail")
	ann.ExpectCall(t, patience)
	h.isManagedBy(key, ann)
	if n := h.ida.times("does not deliver"); n != 1 {
		t.Errorf("it was told %d times that Twilio is down", n)
	}
}

// What is pushed to the robot's topic is read back from there. When a server takes pushes and brings them nowhere, that
// is known within two canaries: pushes go by the other server first until one is there again.
func TestE2EAServerThatLosesPushesIsFoundOut(t *testing.T) {
	story(t)
	const topic = "robots-topic-x7"
	other, err := ntfysim.Start(ntfysim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	h := newHouse(t, canaryWish("ROUSE_NTFY_CANARY="+topic))
	h.secret(topic, "a robot's topic")
	k := h.canary("ntfy", "push")
	k.alsoHas("other", "--kind", "ntfy", "--setting", "url="+other.URL())
	screen := h.ntfy.Phone(topic)

	t.Log("what is pushed can be read")
	for range 2 {
		screen.ExpectPush(t, patience, "Rouse canary ")
		k.comesBack()
		k.next()
	}
	k.comesBack()

	t.Log("the server loses what it takes")
	screen.Loses(true)
	for range 3 {
		k.next()
	}
	k.isDown()
	h.ida.ExpectSMS(t, patience, "Provider ntfy does not deliver on push: 2 test messages in a row did not come back (the provider took it, and it is not where it was sent to).")

	t.Log("a page goes by the other server")
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	other.Phone(ann.screen.Topic()).ExpectPush(t, patience, key+" SEV1")
	if all := ann.screen.Inbox(); len(all) > 0 {
		t.Errorf("the server that is down was asked first: %+v", all)
	}

	t.Log("it keeps them again, and pages go by it again")
	screen.Loses(false)
	k.next()
	k.comesBack()
	h.ida.ExpectSMS(t, patience, "Provider ntfy delivers on push again.")
	key = h.alert("bitbucket", 1, "Clones fail")
	ann.screen.ExpectPush(t, patience, key+" SEV1")
	if n := h.ida.times("does not deliver"); n != 1 {
		t.Errorf("it was told %d times that ntfy is down", n)
	}
}
