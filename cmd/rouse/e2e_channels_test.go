package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

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
