package twilio_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

func TestPersonRepliesToText(t *testing.T) {
	r := start(t, twiliosim.Config{})
	code := regexp.MustCompile(`Reply (\d+)`)
	r.ann.WillReply(func(sms string) string { return " ACK " + code.FindStringSubmatch(sms)[1] + ".\n" })
	receipt, err := r.sms(page("n1"))
	if err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectSMS(t, soon, `HOT-1 SEV1 Disk full on db1. Service bitbucket. Reply 482913 to acknowledge, "482913 no" to decline.`)
	r.ann.ExpectSMS(t, soon, "HOT-1: Acknowledged. You are now the incident manager.")
	r.await("reply", func() bool { return slices.Equal(r.texts, []string{ann + ":  ACK 482913.\n"}) })
	news := r.settle()
	if len(news) != 2 || news[0].State != notifiers.Sent || news[1].State != notifiers.Delivered || news[1].ProviderID != receipt.ProviderID {
		t.Errorf("told %+v", news)
	}
}

// F16: undelivered is a failure, said in words.
func TestTextThatDoesNotArrive(t *testing.T) {
	r := start(t, twiliosim.Config{})
	r.ann.OnSMS(twiliosim.SMSPlan{ErrorCode: 30003})
	if _, err := r.sms(page("n1")); err != nil {
		t.Fatal(err)
	}
	r.await("failure", func() bool {
		return slices.ContainsFunc(r.news, func(n notifiers.Receipt) bool {
			return n.State == notifiers.Failed && n.Code == "30003" && n.Detail == "the phone is off or out of reach"
		})
	})
	if got := r.ann.Inbox(); len(got) != 0 {
		t.Errorf("arrived all the same: %+v", got)
	}
}

// F2: sent, but the answer was an error: found by its body, and a Chain does not send it twice.
func TestTextIsFoundAfterAnErrorThatWasNone(t *testing.T) {
	for _, kind := range []fake.Kind{fake.Fail, fake.Reset} {
		r := start(t, twiliosim.Config{})
		if err := r.sim.Fault(fake.Fault{Kind: kind, Times: 1}); err != nil {
			t.Fatal(err)
		}
		chain := notifiers.NewChain(notifiers.Provider{Name: "twilio", Notifier: r.twilio.SMS()})
		receipt, err := chain.Notify(t.Context(), page("n1"))
		if err != nil {
			t.Fatal(err)
		}
		r.settle()
		if sent := r.sim.Messages(); len(sent) != 1 || sent[0].SID != receipt.ProviderID {
			t.Errorf("%s: sent %+v, receipt %+v", kind, sent, receipt)
		}
	}
}

func TestFindTextOfThisCodeOnly(t *testing.T) {
	r := start(t, twiliosim.Config{})
	if _, err := r.sms(page("n1")); err != nil {
		t.Fatal(err)
	}
	finder := r.twilio.SMS().(notifiers.Finder)
	find := func(change func(*notifiers.Message)) bool {
		m := page("n1")
		m.Since = time.Now()
		change(&m)
		_, found, err := finder.Find(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if !find(func(*notifiers.Message) {}) {
		t.Error("did not find the text")
	}
	for what, change := range map[string]func(*notifiers.Message){
		"another code":   func(m *notifiers.Message) { m.Code = "111111" },
		"another key":    func(m *notifiers.Message) { m.Key = "HOT-2" },
		"another number": func(m *notifiers.Message) { m.To = "+491709999999" },
		"after it":       func(m *notifiers.Message) { m.Since = time.Now().Add(time.Minute) },
	} {
		if find(change) {
			t.Errorf("%s: found a text that is not it", what)
		}
	}
}

// F21: out of order and twice, the last word is the same.
func TestCallbacksInDisorder(t *testing.T) {
	r := start(t, twiliosim.Config{})
	r.sim.DisorderCallbacks(true)
	r.sim.DuplicateCallbacks(true)
	if _, err := r.sms(page("n1")); err != nil {
		t.Fatal(err)
	}
	r.ann.ExpectSMS(t, soon)
	var states []notifiers.State
	for _, n := range r.settle() {
		states = append(states, n.State)
	}
	want := []notifiers.State{notifiers.Delivered, notifiers.Delivered, notifiers.Sent, notifiers.Sent}
	if !slices.Equal(states, want) {
		t.Errorf("told %v, want %v: the receiver keeps the furthest", states, want)
	}
}

func TestMessagingServiceReplacesTheNumber(t *testing.T) {
	r := start(t, twiliosim.Config{})
	service, err := twilio.New(twilio.Config{
		AccountSID: r.sim.AccountSID(), AuthTokens: []string{r.sim.AuthToken()}, From: "+4930999999",
		MessagingServiceSID: "MG0123456789abcdef0123456789abcdef", BaseURL: r.sim.URL(), CallbackBase: r.server.URL, HTTP: r.client,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.SMS().Notify(t.Context(), page("n1")); err != nil {
		t.Fatal(err)
	}
	if got := r.ann.ExpectSMS(t, soon); got.From != twiliosim.DefaultFrom {
		t.Errorf("sent from %s", got.From)
	}
}
