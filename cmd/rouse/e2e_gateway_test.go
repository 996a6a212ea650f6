package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"rouse/notifiers/twilio/twiliosim"
)

// modem is a Kannel on loopback: it keeps texts, and tells of them at the address that each came with.
type modem struct {
	*httptest.Server
	mu    sync.Mutex
	texts []url.Values
}

func newModem(t *testing.T) *modem {
	m := &modem{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("username") != "rouse" || q.Get("password") != "a modem's password" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		m.mu.Lock()
		m.texts = append(m.texts, q)
		m.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(m.Close)
	return m
}

// text waits for one that begins so.
func (m *modem) text(t *testing.T, begins string) (text url.Values) {
	t.Helper()
	if !eventually(func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, q := range m.texts {
			if strings.HasPrefix(q.Get("text"), begins) {
				text = q
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no text %q came to the modem", begins)
	}
	return text
}

// tell calls an address of Rouse's back.
func (h *house) tell(address string) string {
	h.t.Helper()
	status, _, body, err := h.ask(address, "GET", "", "", nil)
	if err != nil || status >= 300 {
		h.t.Fatalf("calling back: %d %s %v", status, body, err)
	}
	return string(body)
}

// Rule 11: a GSM gateway of one's own stands behind Twilio. Twilio takes a text and says that it did not arrive;
// the gateway brings it, and a reply through the gateway acknowledges.
func TestE2ETheNextProviderBringsIt(t *testing.T) {
	story(t)
	m := newModem(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	h.secret("a modem's password", "a provider's password")
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("a modem's password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := settingsOf("ROUSE_URL="+h.door.URL, "ROUSE_TOKEN="+h.admin)
	out, said, err := call(t, env, "provider", "set", "modem", "--kind", "gateway", "--preset", "kannel", "--set", "url="+m.URL, "--sender", "+491700000000",
		"--secret", "username=literal:rouse", "--secret", "password=@"+secret, "--json")
	if err != nil {
		t.Fatal(err, said)
	}
	var made carrier
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatal(err)
	}
	callback := made.CallbackURL
	h.secret(callback[strings.LastIndex(callback, "/")+1:], "the key of a gateway's callbacks")
	if strings.Contains(out, "a modem's password") {
		t.Error("the answer has the password")
	}

	t.Log("it is tried before anybody relies on it, and its receipt waited for")
	ann := h.resident("ann", bySMS(0))
	tested := make(chan error, 1)
	go func() {
		_, _, err := call(t, env, "provider", "test", "modem", "--to", "ann")
		tested <- err
	}()
	test := m.text(t, "Rouse: TEST of provider modem")
	h.tell(strings.Replace(test.Get("dlr-url"), "%d", "1", 1))
	if err := <-tested; err != nil {
		t.Errorf("the test: %v", err)
	}

	t.Log("Twilio takes the page and does not deliver it")
	ann.OnSMS(twiliosim.SMSPlan{ErrorCode: 30003})
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	page := m.text(t, key+" SEV1")
	if page.Get("to") != ann.Number() || page.Get("from") != "+491700000000" {
		t.Errorf("to %q, from %q", page.Get("to"), page.Get("from"))
	}
	h.tell(strings.Replace(page.Get("dlr-url"), "%d", "1", 1))
	h.becomes(key, "delivered by the next provider", func(inc told) bool { return inc.attempts(ann) == "sms failed, sms delivered" })

	t.Log("the reply comes through the gateway, and is answered there")
	code := regexp.MustCompile(`Reply (\d{6})`).FindStringSubmatch(page.Get("text"))[1]
	h.secret(code, "a reply code")
	if answer := h.tell(callback + "?from=" + url.QueryEscape(ann.Number()) + "&id=1&text=" + code); !strings.Contains(answer, key) {
		t.Errorf("the reply is answered %q", answer)
	}
	h.isManagedBy(key, ann)

	t.Log("how it does is shown, and counted")
	out, _, err = call(t, env, "provider", "list")
	if err != nil || !regexp.MustCompile(`(?m)^modem +gateway +sms +well +1 +[0-9.]+s +[0-9.]+s`).MatchString(out) || !regexp.MustCompile(`(?m)^twilio +twilio, given +sms +well`).MatchString(out) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, _, metrics, err := h.ask(h.door.URL, "GET", "/metrics", "", nil); err != nil || !strings.Contains(string(metrics), `rouse_provider_up{kind="gateway",provider="modem"} 1`) {
		t.Errorf("metrics: %v", err)
	}
	if _, _, err := call(t, env, "provider", "delete", "modem"); err != nil {
		t.Error(err)
	}
	if _, said, err := call(t, env, "provider", "show", "modem"); err == nil || !strings.Contains(err.Error(), "there is no provider modem") {
		t.Errorf("%v %s", err, said)
	}
}
