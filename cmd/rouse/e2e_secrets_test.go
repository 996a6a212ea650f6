package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"rouse/notifiers/email/emailsim"
	"rouse/notifiers/webpush/webpushsim"
)

// other is a program that takes requests and keeps them: a gateway, or somebody's webhook.
type other struct {
	*httptest.Server
	mu   sync.Mutex
	came []string // address, headers that matter and body
}

func newOther(t *testing.T) *other {
	o := &other{}
	o.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what did not come is missed below
		o.mu.Lock()
		defer o.mu.Unlock()
		o.came = append(o.came, r.URL.String()+"\n"+string(body))
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *other) awaits(t *testing.T, words string) string {
	t.Helper()
	var found string
	if !eventually(func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, one := range o.came {
			if strings.Contains(one, words) {
				found = one
			}
		}
		return found != ""
	}) {
		t.Fatalf("nothing with %q came", words)
	}
	return found
}

// S13: a page on every channel there is, answered in several ways, and codes that verify contacts. No log, no measurement
// and no address that a provider keeps has a secret, a number, an address or a word of a message; the house looks.
func TestE2ENothingIsToldOnAnyChannel(t *testing.T) {
	story(t)
	mails, err := emailsim.Start(emailsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mails.Close)
	browsers, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(browsers.Close)
	gsm, hook := newOther(t), newOther(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"ROUSE_SMTP_HOST=" + mails.Host(), "ROUSE_SMTP_PORT=" + strconv.Itoa(mails.Port()), "ROUSE_SMTP_SECURITY=none", "ROUSE_SMTP_FROM=Rouse <rouse@example.com>"}})
	h.does("PUT", "/v1/providers/gsm", object{"kind": "gateway", "settings": object{"url": gsm.URL + "/send", "headers": object{"Authorization": "Bearer {{.Secret.gsmkey}}"},
		"body": `{"to":{{json .To}},"text":{{json .Text}},"nonce":{{json .Nonce}}}`, "receipt": object{"state": "query.state"}}, "secrets": object{"gsmkey": "hunter2-hunter2-hunter2"}}, nil)
	var made struct {
		CallbackURL string `json:"callback_url"`
	}
	h.does("GET", "/v1/providers/gsm", nil, &made)
	h.secret(made.CallbackURL[strings.LastIndex(made.CallbackURL, "/")+1:], "a gateway's key")
	h.does("PUT", "/v1/providers/hooks", object{"kind": "webhook", "secrets": object{"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}, nil)

	ann := h.resident("ann", byPush(0), bySMS(0), byCall(0))
	h.does("POST", "/v1/people/ann/contacts", object{"channel": "email", "address": "ann.lastname@example.org"}, nil)
	h.does("POST", "/v1/people/ann/contacts", object{"channel": "webhook", "address": hook.URL + "/hook/secret-of-the-hook?token=another-secret"}, nil)
	h.secret("secret-of-the-hook", "part of a webhook's address")
	h.secret("another-secret", "part of a webhook's address")
	h.service("bitbucket", nil, level(later, ann))

	key := h.alert("bitbucket", 1, "Pushes fail everywhere")
	link := linkOf(ann.isPushed(key).Actions[0].URL)
	code := ann.isTexted(key)
	ann.ExpectCall(t, soon)
	posted := hook.awaits(t, key+" SEV1")
	for _, token := range regexp.MustCompile(`/[ap]/[0-9a-z]+-[0-9]+-([A-Za-z0-9_-]+)`).FindAllStringSubmatch(posted, -1) {
		h.secret(token[1], "a webhook's link")
	}
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	came, err := mails.Await(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	h.secret(came[0].Subject, "a mail's subject")
	browser := browsers.Subscribe("")
	h.secret(browser.Auth(), "what a browser decrypts with")
	h.secret(browser.P256dh(), "a browser's key")
	h.secret(browser.Endpoint()[strings.LastIndex(browser.Endpoint(), "/")+1:], "a browser's endpoint")
	if status, _, body, err := h.ask(link, "POST", "/push", "", object{"endpoint": browser.Endpoint(), "keys": object{"p256dh": browser.P256dh(), "auth": browser.Auth()}}); err != nil || status != http.StatusNoContent {
		t.Fatalf("subscribing: %d %s %v", status, body, err)
	}
	ann.Reply(code + " no")
	ann.isTold(key + ": Declined.")

	t.Log("Twilio serves her no more: the text goes by the gateway, and what comes back is taken in")
	ann.Refuse(21408)
	second := h.alert("bitbucket", 1, "Clones fail everywhere")
	text := gsm.awaits(t, second+" SEV1")
	if found := replyCode.FindStringSubmatch(text); found != nil {
		h.secret(found[1], "a reply code")
	}
	nonce := regexp.MustCompile(`"nonce":"([^"]+)"`).FindStringSubmatch(text)[1]
	h.secret(nonce, "a nonce")
	browser.Expect(t, soon, second+" SEV1")
	if status, _, body, err := h.ask(made.CallbackURL, "GET", "?state=delivered&nonce="+url.QueryEscape(nonce), "", nil); err != nil || status >= 300 {
		t.Errorf("the gateway's receipt: %d %s %v", status, body, err)
	}
	if status, _, _, err := h.ask(link, "POST", "/ack", "", nil); err != nil || status != http.StatusOK {
		t.Errorf("the link: %d %v", status, err)
	}

	t.Log("a code that verifies a contact")
	var contacts struct {
		Items []struct {
			ID      any
			Channel string
		}
	}
	h.does("GET", "/v1/people/ann/contacts", nil, &contacts)
	for _, c := range contacts.Items {
		if c.Channel == "email" {
			id, _ := c.ID.(string)
			if n, ok := c.ID.(float64); ok {
				id = strconv.FormatFloat(n, 'f', 0, 64)
			}
			h.does("POST", "/v1/people/ann/contacts/"+id+"/verification", nil, nil)
		}
	}
	if !eventually(func() bool {
		came, _ = mails.Await(t.Context(), 0)
		for _, m := range came {
			if found := regexp.MustCompile(`\b\d{6,8}\b`).FindString(m.Text); found != "" && !strings.Contains(m.Subject, "HOT-") {
				h.secret(found, "a code that verifies")
				return true
			}
		}
		return false
	}) {
		t.Error("no code came")
	}
	if h.measured(); !strings.Contains(h.metrics[h.nodes[0].Address], "rouse_") {
		t.Errorf("there is nothing measured to look through: %v", h.metrics)
	}
	h.mu.Lock()
	t.Logf("%d secrets, addresses and texts are looked for", len(h.secrets))
	h.mu.Unlock()
}
