package api

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/notifiers"
)

// codeFor has a code sent to one of Ann's contacts, by her, and reads it there.
func (d *desk) codeFor(t *testing.T, contact any) (digits string, m notifiers.Message) {
	t.Helper()
	got := d.as("ann", "POST", fmt.Sprintf("/v1/people/ann/contacts/%v/verification", contact), "")
	if got.status != 202 || !strings.Contains(got.body, "expires_at") {
		t.Fatalf("a code is asked for: %d %s", got.status, got.body)
	}
	select {
	case m = <-d.sent:
	case <-time.After(10 * time.Second):
		t.Fatal("no code was sent")
	}
	return regexp.MustCompile(`[0-9]{6}`).FindString(strings.ReplaceAll(m.Text, ", ", "")), m
}

func (d *desk) verifies(contact any, digits string) answered {
	return d.as("ann", "PUT", fmt.Sprintf("/v1/people/ann/contacts/%v/verification", contact), `{"code": "`+digits+`"}`)
}

func another(digits string) string {
	if digits == "123456" {
		return "654321"
	}
	return "123456"
}

func TestAContactIsVerifiedByACode(t *testing.T) {
	d := newDesk(t)
	text := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)[0].(map[string]any)
	if text["verified"] != nil || text["plan"] != nil {
		t.Fatalf("at first it is %v", text)
	}
	digits, m := d.codeFor(t, text["id"])
	if m.To != "+4915112345617" || m.Channel != notifiers.SMS || m.Purpose != notifiers.Notice || len(digits) != 6 {
		t.Fatalf("sent was %+v", m)
	}
	if got := d.verifies(text["id"], another(digits)); got.status != 422 || !strings.Contains(got.body, "/code") {
		t.Fatalf("a wrong code: %s", got.body)
	}
	if got := d.verifies(text["id"], digits); got.status != 200 || got.value(t)["verified"] != true || got.value(t)["verified_at"] == nil {
		t.Fatalf("the right one: %d %s", got.status, got.body)
	}
	if got := d.verifies(text["id"], digits); got.status != 422 {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}
	path := fmt.Sprintf("/v1/people/ann/contacts/%v", text["id"])
	later := d.must(200, "PUT", path, `{"channel": "sms", "address": "+4915112345617", "after": "1m", "plan": "both"}`).value(t)
	if later["verified"] != true || later["plan"] != "both" {
		t.Errorf("at the same address it is %v", later)
	}
	d.must(200, "PUT", "/v1/people/ann", `{"contacts": [{"channel": "sms", "address": "+4915112345617", "after": "2m"}]}`)
	kept := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)[0].(map[string]any)
	if kept["verified"] != true || kept["plan"] != nil {
		t.Errorf("replaced with the person it is %v", kept)
	}
	moved := d.must(200, "PUT", fmt.Sprintf("/v1/people/ann/contacts/%v", kept["id"]), `{"channel": "sms", "address": "+4915112345618"}`).value(t)
	if moved["verified"] != nil || moved["verified_at"] != nil {
		t.Errorf("at another address it is %v", moved)
	}
}

func TestACodeIsGoodForFiveTries(t *testing.T) {
	d := newDesk(t)
	id := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)[0].(map[string]any)["id"]
	digits, _ := d.codeFor(t, id)
	var said []string
	for range 5 {
		said = append(said, d.verifies(id, another(digits)).body)
	}
	said = append(said, d.verifies(id, digits).body)
	for _, body := range said[1:] {
		if strip(body) != strip(said[0]) {
			t.Errorf("answers differ: %s and %s", said[0], body)
		}
	}
	digits, _ = d.codeFor(t, id)
	if _, err := d.db.Exec(t.Context(), `update contact_code set expires_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	if got := d.verifies(id, digits); strip(got.body) != strip(said[0]) {
		t.Errorf("a code that is over: %s", got.body)
	}
}

// strip leaves out the request's id.
func strip(body string) string {
	return regexp.MustCompile(`"(request_id|instance)": ?"[^"]*",?`).ReplaceAllString(body, "")
}

func TestCodesAreLimited(t *testing.T) {
	d := newDesk(t)
	one := d.must(201, "POST", "/v1/people/ann/contacts", `{"channel": "voice", "address": "+4915112345617"}`).value(t)["id"]
	for range 3 {
		_, m := d.codeFor(t, one)
		if !regexp.MustCompile(`[0-9], [0-9], [0-9], [0-9], [0-9], [0-9]`).MatchString(m.Text) {
			t.Errorf("it is not read digit by digit: %s", m.Text)
		}
	}
	ask := func(id any) int {
		return d.as("ann", "POST", fmt.Sprintf("/v1/people/ann/contacts/%v/verification", id), "").status
	}
	if got := ask(one); got != 429 {
		t.Errorf("the fourth within an hour: %d", got)
	}
	d.must(204, "DELETE", fmt.Sprintf("/v1/people/ann/contacts/%v", one), "")
	if got := ask(d.must(201, "POST", "/v1/people/ann/contacts", `{"channel": "voice", "address": "+4915112345617"}`).value(t)["id"]); got != 429 {
		t.Errorf("made anew: %d", got)
	}
	sent := 3
	for i := range 8 {
		id := d.must(201, "POST", "/v1/people/ann/contacts", fmt.Sprintf(`{"channel": "sms", "address": "+491511234560%d"}`, i)).value(t)["id"]
		if ask(id) == 202 {
			sent++
		}
	}
	if sent != 10 {
		t.Errorf("one key had %d sent", sent)
	}
}

func TestWhoMayVerifyWhat(t *testing.T) {
	d := newDesk(t)
	bobs := d.must(200, "GET", "/v1/people/bob/contacts", "").value(t)["items"].([]any)[0].(map[string]any)["id"]
	if got := d.as("ann", "POST", fmt.Sprintf("/v1/people/bob/contacts/%v/verification", bobs), ""); got.status != 403 {
		t.Errorf("somebody else's: %d", got.status)
	}
	hook := d.must(201, "POST", "/v1/people/ann/contacts", `{"channel": "webhook", "address": "https://example.com/hook"}`).value(t)
	if hook["verified"] != true {
		t.Errorf("a webhook is %v", hook)
	}
	if got := d.as("ann", "POST", fmt.Sprintf("/v1/people/ann/contacts/%v/verification", hook["id"]), ""); got.status != 409 {
		t.Errorf("a webhook: %d %s", got.status, got.body)
	}
	mail := d.must(201, "POST", "/v1/people/ann/contacts", `{"channel": "email", "address": "ann@example.com"}`).value(t)
	if got := d.as("ann", "POST", fmt.Sprintf("/v1/people/ann/contacts/%v/verification", mail["id"]), ""); got.status != 409 {
		t.Errorf("without a provider: %d %s", got.status, got.body)
	}
	if me := d.as("ann", "GET", "/v1/me", "").value(t); me["person"] != "ann" {
		t.Errorf("the key is %v", me)
	}
	d.keys["reader"] = d.newKey(enginedb.Key{Name: "reader", Scopes: []enginedb.Scope{enginedb.ScopeRead}})
	if me := d.as("reader", "GET", "/v1/me", "").value(t); me["person"] != nil || me["key"] != "reader" {
		t.Errorf("a key of nobody is %v", me)
	}
}

func TestAPersonSaysHowToBePaged(t *testing.T) {
	d := newDesk(t)
	ann := d.must(200, "GET", "/v1/people/ann", "").value(t)
	if ann["call_again"] != "5m" || ann["call_again_for"] != 1.0 || ann["quiet"] != nil {
		t.Errorf("where nothing is said: %v", ann)
	}
	ann = d.must(200, "PUT", "/v1/people/ann", `{"call_again": "0s", "call_again_for": 2, "quiet": {"from": "22:00", "to": "07:00"}, "language": "de",
		"contacts": [{"channel": "sms", "address": "+4915112345617"}]}`).value(t)
	if ann["call_again"] != "0s" || ann["call_again_for"] != 2.0 || fmt.Sprint(ann["quiet"]) != "map[from:22:00 to:07:00]" {
		t.Errorf("as said: %v", ann)
	}
	for field, body := range map[string]string{
		"/language": `{"language": "german!"}`, "/call_again": `{"call_again": "10s"}`, "/call_again_for": `{"call_again_for": 3}`,
		"/quiet/from": `{"quiet": {"from": "late", "to": "07:00"}}`, "/contacts/0/plan": `{"contacts": [{"channel": "push", "address": "ann", "plan": "nap"}]}`,
	} {
		if got := d.must(422, "PUT", "/v1/people/ann", body); !strings.Contains(got.body, field) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
}

// That a code could not be sent changes no answer to who asks for it. An admin and the person see it with the contact.
func TestACodeThatCannotBeSentIsShownToAdminsAndThePerson(t *testing.T) {
	d := newDesk(t)
	id := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)[0].(map[string]any)["id"]
	one := fmt.Sprintf("/v1/people/ann/contacts/%v", id)
	asks := func(why error) (answer string) {
		t.Helper()
		d.refusal = why
		got := d.as("ann", "POST", one+"/verification", "")
		<-d.sent
		return fmt.Sprint(got.status, " ", regexp.MustCompile(`"expires_at": ?"[^"]*"`).ReplaceAllString(strip(got.body), ""))
	}
	failure := func(key, path string) any {
		t.Helper()
		got := d.as(key, "GET", path, "")
		if got.status != 200 {
			t.Fatalf("%s: %s", path, got.body)
		}
		v := got.value(t)
		if items, ok := v["items"].([]any); ok {
			v = items[0].(map[string]any)
		}
		return v["code_failure"]
	}
	bad := asks(errors.Join(&notifiers.Failure{Kind: notifiers.Passing, Provider: "modem", Detail: "no answer for +4915112345617"}, errors.New("twilio: out\x00 of order")))
	for deadline := time.Now().Add(20 * time.Second); failure("admin", one) == nil; { // it is sent aside
		if time.Now().After(deadline) {
			t.Fatal("the failure is never shown")
		}
	}
	for _, path := range []string{one, "/v1/people/ann/contacts"} {
		why, _ := failure("admin", path).(string)
		if !strings.Contains(why, "modem: no answer for +49") || !strings.Contains(why, "; twilio: out") || strings.Contains(why, "15112345617") {
			t.Errorf("an admin reads at %s %q", path, why)
		}
		if why := failure("ann", path); why != "It may not have been sent. An admin sees why." {
			t.Errorf("Ann reads at %s %q: what a provider says of any number is not hers to know", path, why)
		}
		if why := failure("read", path); why != nil {
			t.Errorf("who is neither reads at %s %q", path, why)
		}
	}
	if good := asks(nil); good != bad {
		t.Errorf("the answer tells of it: %s and %s", bad, good)
	}
	if why := failure("ann", one); why != nil {
		t.Errorf("with another code on its way it is %q", why)
	}
	if logged := d.log.String(); strings.Contains(logged, "15112345617") || !strings.Contains(logged, "a code could not be sent") {
		t.Errorf("logged is %s", logged)
	}
}
