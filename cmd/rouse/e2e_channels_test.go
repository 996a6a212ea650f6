package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/notifiers/email/emailsim"
	"rouse/notifiers/webpush/webpushsim"
)

// A browser subscribes on the page of a link; from then on pages come to it, it tells that it shows them, and
// its buttons answer. A receipt is no answer (rule 10).
func TestE2EABrowserGetsPages(t *testing.T) {
	story(t)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	link := ann.isPushed(key).Actions[0].URL
	page := strings.Replace(link[:strings.LastIndex(link, "/")], "/a/", "/p/", 1)

	t.Log("the page offers pushes, and the browser takes the offer")
	_, _, body, err := h.ask(page, "GET", "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	publicKey, _, _ := strings.Cut(strings.SplitN(string(body)+` data-key="`, ` data-key="`, 2)[1], `"`)
	sim, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	browser := sim.Subscribe(publicKey)
	h.secret(browser.Auth(), "what a browser decrypts with")
	subscription := object{"endpoint": browser.Endpoint(), "keys": object{"p256dh": browser.P256dh(), "auth": browser.Auth()}}
	for range 2 { // again does no harm
		if status, _, body, err := h.ask(page, "POST", "/push", "", subscription); err != nil || status != http.StatusNoContent {
			t.Fatalf("subscribing: %d %s %v", status, body, err)
		}
	}
	h.acknowledge(key, ann)
	ann.screen.ExpectPush(t, soon, "Rouse", "A browser was added") // by another contact: the link may have been somebody else's

	t.Log("the next page comes to the browser, which tells that it shows it; that answers nothing")
	key = h.alert("bitbucket", 1, "Pulls fail, too")
	push := browser.Expect(t, soon, key+" SEV1 Pulls fail, too")
	h.becomes(key, "shown by the browser", func(i told) bool { return strings.Contains(i.attempts(ann), "web_push delivered") })
	h.isNobodys(key)
	if status, err := browser.Press(push.Ack); err != nil || status != http.StatusOK {
		t.Fatalf("the button: %d %v", status, err)
	}
	h.isManagedBy(key, ann)

	t.Log("a browser that has ended its subscription is used no longer, and the person told another way")
	browser.Refuse(http.StatusGone)
	key = h.alert("bitbucket", 1, "All fails")
	ann.isPushed(key)
	if !eventually(func() bool {
		var contacts struct {
			Items []struct{ Channel, Dead string }
		}
		h.does("GET", "/v1/people/ann/contacts", nil, &contacts)
		for _, c := range contacts.Items {
			if c.Channel == "web_push" && c.Dead != "" {
				return true
			}
		}
		return false
	}) {
		t.Error("the ended subscription is still in use")
	}
	ann.screen.ExpectPush(t, soon, "Rouse", "nothing reaches your web_push")
}

// A page by mail, through a server that wants TLS and a password; its link leads to the page that answers.
func TestE2EMail(t *testing.T) {
	story(t)
	server, err := emailsim.Start(emailsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	h := newHouse(t, wish{environ: []string{"ROUSE_SMTP_HOST=" + server.Host(), "ROUSE_SMTP_PORT=" + strconv.Itoa(server.Port()), "ROUSE_SMTP_SECURITY=none", "ROUSE_SMTP_FROM=Rouse <rouse@example.com>"}})
	ann := h.resident("ann")
	h.does("POST", "/v1/people/ann/contacts", object{"channel": "email", "address": "ann@example.org"}, nil)
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 2, "Pushes fail")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	mails, err := server.Await(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	mail := mails[0]
	if mail.Subject != key+" SEV2 Pushes fail" || mail.To != "ann@example.org" {
		t.Errorf("%q to %q", mail.Subject, mail.To)
	}
	at := strings.Index(mail.Text, h.door.URL+"/p/")
	if at < 0 {
		t.Fatalf("no link in %q", mail.Text)
	}
	link := strings.Fields(mail.Text[at:])[0]
	if status, _, body, err := h.ask(link, "POST", "/ack", "", nil); err != nil || status != http.StatusOK || !strings.Contains(string(body), "Acknowledged") {
		t.Errorf("the page's button: %d %v", status, err)
	}
	h.isManagedBy(key, ann)
}

// An incident is posted in Slack, a button there answers for who is known by it, and the post says so in its place.
func TestE2EAChatShowsIncidents(t *testing.T) {
	story(t)
	w := &workspace{posts: map[string]string{}, said: make(chan string, 10)}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	h := newHouse(t, wish{environ: []string{"ROUSE_SECRET_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}})
	const signing = "signing-secret-of-the-app"
	h.secret(signing, "what Slack signs with")
	h.secret("xoxb-token-of-the-bot", "the bot's token")
	h.does("PUT", "/v1/providers/slack", object{"kind": "slack", "settings": object{"url": w.URL, "channels": object{"": "#incidents"}},
		"secrets": object{"token": "xoxb-token-of-the-bot", "signing_secret": signing}}, nil)
	ann := h.resident("ann", byPush(0))
	h.service("bitbucket", nil, level(later, ann))
	key := h.alert("bitbucket", 1, "Pushes fail")
	ann.isPushed(key)
	if !eventually(func() bool { return w.shows(key, "paging The one called ann") }) {
		t.Fatalf("it is not posted: %v", w.posts)
	}
	press := func() (status int) {
		body := "payload=" + url.QueryEscape(fmt.Sprintf(`{"type":"block_actions","user":{"id":"U1","name":"ann"},"response_url":%q,"actions":[{"action_id":"ack","value":%q,"action_ts":"%d"}]}`,
			w.URL+"/reply", key, time.Now().UnixNano()))
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(signing))
		fmt.Fprintf(mac, "v0:%s:%s", at, body)
		req, err := http.NewRequest("POST", h.door.URL+"/callbacks/slack/slack", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Slack-Request-Timestamp", at)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		res, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if status := press(); status != http.StatusOK || !strings.Contains(<-w.said, "rouse provider user slack U1 HANDLE") {
		t.Errorf("a stranger: %d", status)
	}
	h.isNobodys(key)
	h.does("PUT", "/v1/providers/slack/users/U1", object{"person": "ann"}, nil)
	if status := press(); status != http.StatusOK || !strings.Contains(<-w.said, "You are now the incident manager") {
		t.Errorf("Ann: %d", status)
	}
	h.isManagedBy(key, ann)
	if !eventually(func() bool { return w.shows(key, "Incident manager: The one called ann.") }) {
		t.Errorf("the post does not say who has it: %v", w.posts)
	}
	h.does("POST", "/v1/incidents/"+key+"/resolve", object{}, nil)
	if !eventually(func() bool { return w.shows(key, "It is over.") }) || len(w.posts) != 1 {
		t.Errorf("the post does not say that it is over: %v", w.posts)
	}
}

// workspace is a Slack that keeps posts as they are.
type workspace struct {
	*httptest.Server
	mu    sync.Mutex
	posts map[string]string
	said  chan string // to who pressed
}

func (w *workspace) ServeHTTP(res http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	if r.URL.Path == "/reply" {
		w.said <- string(text)
		return
	}
	var body struct{ Channel, TS string }
	_ = json.Unmarshal(text, &body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if body.TS == "" {
		body.TS = fmt.Sprintf("1.%d", len(w.posts)+1)
	}
	w.posts[body.TS] = string(text)
	_ = json.NewEncoder(res).Encode(object{"ok": true, "channel": "C1", "ts": body.TS})
}

func (w *workspace) shows(key, line string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, post := range w.posts {
		if strings.Contains(post, key) && strings.Contains(post, line) {
			return true
		}
	}
	return false
}
