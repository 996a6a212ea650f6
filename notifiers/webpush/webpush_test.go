package webpush_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/notifiertest"
	"rouse/notifiers/webpush"
	"rouse/notifiers/webpush/webpushsim"
)

const soon = 5 * time.Second

func start(t *testing.T) (*webpushsim.Sim, *webpushsim.Browser, *webpush.WebPush, *http.Client) {
	sim, err := webpushsim.Start(webpushsim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	der, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := webpush.ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	client := notifiers.Guard{AllowPrivate: true}.Client()
	w, err := webpush.New(webpush.Config{Key: key, Subject: "https://rouse.example.com", HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	return sim, sim.Subscribe(w.PublicKey()), w, client
}

func page(to *webpushsim.Browser) notifiers.Message {
	return notifiers.Message{
		Nonce: "n1", Channel: notifiers.WebPush, Purpose: notifiers.Page, To: to.Address(), Key: "HOT-1", Severity: 1,
		Summary: "disk full on db1", Service: "bitbucket", Code: "482913",
		AckURL: "https://rouse.example.com/a/secret/ack", DeclineURL: "https://rouse.example.com/a/secret/decline",
		PageURL: "https://rouse.example.com/p/secret",
	}
}

func TestContract(t *testing.T) {
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		sim, browser, w, client := start(t)
		seen := 0
		faults := map[notifiertest.Mood]fake.Fault{
			notifiertest.OutOfOrder: {Kind: fake.Unavailable},
			notifiertest.TooMany:    {Kind: fake.TooMany, RetryAfter: 7 * time.Second},
			notifiertest.Silent:     {Kind: fake.Hang},
			notifiertest.Away:       {Kind: fake.Refuse},
			notifiertest.Resets:     {Kind: fake.Reset},
			notifiertest.Garbage:    {Kind: fake.Garbage},
		}
		return notifiertest.Fixture{
			Notifier: w, Message: page(browser), Secrets: []string{browser.Auth(), browser.P256dh()},
			Head: func(m notifiers.Message) string { return m.Key + " SEV1 " },
			Received: func(want int) (texts []string) {
				for ; seen < want; seen++ {
					browser.Expect(t, soon)
				}
				for _, push := range browser.Inbox() {
					texts = append(texts, push.Title+"\n"+push.Body)
				}
				return texts
			},
			Become: func(mood notifiertest.Mood) {
				if err := sim.Fault(faults[mood]); err != nil {
					t.Fatal(err)
				}
				client.CloseIdleConnections() // a kept one that breaks is another mood
				browser.Refuse(map[notifiertest.Mood]int{notifiertest.RefusesAddress: http.StatusGone}[mood])
			},
		}
	})
}

func TestWhatABrowserShows(t *testing.T) {
	_, browser, w, _ := start(t)
	m := page(browser)
	if _, err := w.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	push := browser.Expect(t, soon, "HOT-1 SEV1 disk full on db1", "Service bitbucket.")
	if !push.Urgent || push.Urgency != "high" || push.TTL != 5*time.Minute || push.Open != m.PageURL || push.Tag != "HOT-1" {
		t.Errorf("it shows %+v", push)
	}
	if push.Ack != (webpushsim.Button{Label: "Acknowledge", URL: m.AckURL}) || push.Decline != (webpushsim.Button{Label: "Decline", URL: m.DeclineURL}) {
		t.Errorf("buttons %+v, %+v", push.Ack, push.Decline)
	}

	m.Nonce, m.Purpose, m.Text = "n2", notifiers.Notice, "Bob offers you a swap."
	if _, err := w.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	notice := browser.Expect(t, soon, "Rouse", "Bob offers you a swap.")
	if notice.Ack.URL != "" || notice.Decline.URL != "" || notice.Open != "" || notice.Urgency != "normal" || notice.TTL != 24*time.Hour || len(browser.Showing()) != 2 {
		t.Errorf("a notice shows %+v", notice)
	}
}

// Whatever is to be said, it fits into what every push service takes.
func TestFitsIntoARecord(t *testing.T) {
	_, browser, w, _ := start(t)
	for _, script := range []string{"a", "\"", "ü", "磁", "🔥", "<", "\u2028"} {
		for _, n := range []int{100, 1000, 3000, 9000} {
			m := page(browser)
			m.Summary, m.PageURL = strings.Repeat(script, n), "https://rouse.example.com/p/"+strings.Repeat("x", 100)
			if _, err := w.Notify(t.Context(), m); err != nil {
				t.Errorf("%d times %q: %v", n, script, err)
			}
			if push := browser.Expect(t, soon, "HOT-1 SEV1 "); push.Ack.URL == "" || push.Body == "" {
				t.Errorf("%d times %q: it shows %+v", n, script, push)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	sim, browser, w, _ := start(t)
	_, _, another, _ := start(t)
	strict := notifiers.Guard{}.Client()
	for _, c := range []struct {
		status int
		kind   notifiers.Kind
		gone   bool
		word   string
	}{
		{http.StatusGone, notifiers.Final, true, "subscribe there again"},
		{http.StatusNotFound, notifiers.Final, true, "subscribe there again"},
		{http.StatusForbidden, notifiers.Final, false, "Rouse's key"},
		{http.StatusRequestEntityTooLarge, notifiers.Final, false, "too large"},
		{http.StatusBadRequest, notifiers.Final, false, "refused"},
		{http.StatusBadGateway, notifiers.Passing, false, "out of order"},
	} {
		browser.Refuse(c.status)
		_, err := w.Notify(t.Context(), page(browser))
		wantFailure(t, err, c.kind, c.gone, c.word)
	}
	browser.Refuse(0)
	_, err := another.Notify(t.Context(), page(browser))
	wantFailure(t, err, notifiers.Final, false, "Rouse's key")

	m := page(browser)
	m.To = "ann-pager-x7"
	_, err = w.Notify(t.Context(), m)
	wantFailure(t, err, notifiers.Final, false, "not a browser's subscription")

	der, err := webpush.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := webpush.ParseKey(der)
	if err != nil {
		t.Fatal(err)
	}
	guarded, err := webpush.New(webpush.Config{Key: key, Subject: "mailto:ops@example.com", HTTP: strict})
	if err != nil {
		t.Fatal(err)
	}
	before := len(browser.Inbox())
	_, err = guarded.Notify(context.Background(), page(sim.Subscribe("")))
	wantFailure(t, err, notifiers.Passing, false, "allow private addresses")
	if len(browser.Inbox()) != before {
		t.Error("a push went to a private address")
	}
}

func wantFailure(t *testing.T, err error, kind notifiers.Kind, gone bool, word string) {
	t.Helper()
	f, ok := err.(*notifiers.Failure)
	if !ok || f.Kind != kind || f.Gone != gone || !strings.Contains(f.Error(), word) {
		t.Errorf("got %v, want %s, gone %t, with %q", err, kind, gone, word)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := webpush.New(webpush.Config{Subject: "rouse.example.com"})
	for _, field := range []string{"Key", "Subject"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	if _, err := webpush.ParseKey([]byte("nonsense")); err == nil {
		t.Error("nonsense is taken for a key")
	}
}
