package ntfy_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/notifiertest"
	"rouse/notifiers/ntfy"
	"rouse/notifiers/ntfy/ntfysim"
)

const (
	token = "tk_secret_of_the_server"
	soon  = 5 * time.Second
)

func start(t *testing.T) (*ntfysim.Sim, *ntfy.Ntfy, *http.Client) {
	sim, err := ntfysim.Start(ntfysim.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	client := notifiers.Guard{AllowPrivate: true}.Client()
	n, err := ntfy.New(ntfy.Config{
		BaseURL: sim.URL(), Token: token, IncidentURL: "https://rouse.example.com/incidents/", HTTP: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sim, n, client
}

func page() notifiers.Message {
	return notifiers.Message{
		Nonce: "n1", Channel: notifiers.Push, Purpose: notifiers.Page, To: "ann-pager-x7", Key: "HOT-1", Severity: 1,
		Summary: "disk full on db1", Service: "bitbucket", Code: "482913",
		AckURL: "https://rouse.example.com/a/secret-ack", DeclineURL: "https://rouse.example.com/a/secret-decline",
	}
}

func TestContract(t *testing.T) {
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		sim, n, client := start(t)
		phone, seen := sim.Phone(page().To), 0
		faults := map[notifiertest.Mood]fake.Fault{
			notifiertest.OutOfOrder: {Kind: fake.Unavailable},
			notifiertest.TooMany:    {Kind: fake.TooMany, RetryAfter: 7 * time.Second},
			notifiertest.Silent:     {Kind: fake.Hang},
			notifiertest.Away:       {Kind: fake.Refuse},
			notifiertest.Resets:     {Kind: fake.Reset},
			notifiertest.Garbage:    {Kind: fake.Garbage},
		}
		return notifiertest.Fixture{
			Notifier: n, Message: page(), Secrets: []string{token},
			Head: func(m notifiers.Message) string { return m.Key + " SEV1 " },
			Received: func(want int) (texts []string) {
				for ; seen < want; seen++ {
					phone.ExpectPush(t, soon)
				}
				for _, push := range phone.Inbox() {
					texts = append(texts, push.Title+"\n"+push.Message)
				}
				return texts
			},
			Become: func(mood notifiertest.Mood) {
				if err := sim.Fault(faults[mood]); err != nil {
					t.Fatal(err)
				}
				client.CloseIdleConnections() // a kept one that breaks is another mood
				phone.Refuse(map[notifiertest.Mood]int{notifiertest.RefusesAddress: 40010}[mood])
			},
		}
	})
}

func TestPushShowsPriorityAndButtons(t *testing.T) {
	sim, n, _ := start(t)
	for severity, priority := range map[int]int{1: 5, 2: 4, 3: 3} {
		m := page()
		m.Severity = severity
		if _, err := n.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		push := sim.Phone(m.To).ExpectPush(t, soon, "disk full on db1", "Service bitbucket.")
		if push.Priority != priority || push.Click != "https://rouse.example.com/incidents/HOT-1" {
			t.Errorf("severity %d: priority %d, click %q", severity, push.Priority, push.Click)
		}
		want := []ntfysim.Action{
			{Action: "http", Label: "Acknowledge", URL: m.AckURL, Method: "POST", Clear: true},
			{Action: "http", Label: "Decline", URL: m.DeclineURL, Method: "POST", Clear: true},
		}
		if len(push.Actions) != 2 || push.Actions[0].URL != want[0].URL || push.Actions[0].Label != want[0].Label ||
			push.Actions[1].URL != want[1].URL || !push.Actions[1].Clear || push.Actions[1].Method != "POST" {
			t.Errorf("buttons %+v, want %+v", push.Actions, want)
		}
	}
}

// A button makes exactly the request that answers the page, and the push goes away.
func TestPressedButtonPosts(t *testing.T) {
	asked := make(chan string, 1)
	rouse := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.Path
	}))
	defer rouse.Close()
	sim, n, _ := start(t)
	m := page()
	m.AckURL, m.DeclineURL = rouse.URL+"/a/1", rouse.URL+"/a/2"
	if _, err := n.Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	phone := sim.Phone(m.To)
	phone.ExpectPush(t, soon)
	if err := phone.Press("Acknowledge"); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != "POST /a/1" {
		t.Errorf("the button asked for %q", got)
	}
	if left := phone.Showing(); len(left) != 0 {
		t.Errorf("still showing %+v", left)
	}
	if err := phone.Press("Acknowledge"); err == nil {
		t.Error("pressed a button that is gone")
	}
}

func TestRefusalsNameTheRemedy(t *testing.T) {
	sim, good, _ := start(t)
	wrong, err := ntfy.New(ntfy.Config{BaseURL: sim.URL(), Token: "tk_wrong", HTTP: notifiers.Guard{AllowPrivate: true}.Client()})
	if err != nil {
		t.Fatal(err)
	}
	strict, err := ntfy.New(ntfy.Config{BaseURL: sim.URL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	sim.Phone("denied").Refuse(40301)
	denied := page()
	denied.To = "denied"
	for _, c := range []struct {
		n    *ntfy.Ntfy
		m    notifiers.Message
		code string
		word string
	}{
		{wrong, page(), "40101", "access token"},
		{good, denied, "40301", "may not publish"},
		{strict, page(), "", "allow private addresses"},
	} {
		_, err := c.n.Notify(t.Context(), c.m)
		if err == nil || !strings.Contains(err.Error(), c.word) || !strings.Contains(err.Error(), c.code) || notifiers.KindOf(err) != notifiers.Passing {
			t.Errorf("got %v, want code %q and %q", err, c.code, c.word)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := ntfy.New(ntfy.Config{BaseURL: "ntfy.example.com", IncidentURL: "javascript:alert(1)", Token: "a b"})
	for _, field := range []string{"BaseURL", "IncidentURL", "Token"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}
