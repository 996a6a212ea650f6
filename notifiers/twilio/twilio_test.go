package twilio_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/notifiertest"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

var faults = map[notifiertest.Mood]fake.Fault{
	notifiertest.OutOfOrder: {Kind: fake.Unavailable},
	notifiertest.TooMany:    {Kind: fake.TooMany, RetryAfter: 7 * time.Second},
	notifiertest.Silent:     {Kind: fake.Hang},
	notifiertest.Away:       {Kind: fake.Refuse},
	notifiertest.Resets:     {Kind: fake.Reset},
	notifiertest.Garbage:    {Kind: fake.Garbage},
}

func (r *rouse) become(mood notifiertest.Mood) {
	if err := r.sim.Fault(faults[mood]); err != nil {
		r.t.Fatal(err)
	}
	r.client.CloseIdleConnections() // a kept one that breaks is another mood
	r.ann.Refuse(map[notifiertest.Mood]int{notifiertest.RefusesAddress: 21614}[mood])
}

func TestSMSContract(t *testing.T) {
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		r, seen := start(t, twiliosim.Config{}), 0
		return notifiertest.Fixture{
			Notifier: r.twilio.SMS(), Message: page("n"), Become: r.become,
			Secrets: []string{r.sim.AuthToken()},
			Head:    func(m notifiers.Message) string { return m.Key + " SEV1 " },
			Received: func(want int) (texts []string) {
				for ; seen < want; seen++ {
					r.ann.ExpectSMS(t, soon)
				}
				for _, sms := range r.ann.Inbox() {
					texts = append(texts, sms.Body)
				}
				return texts
			},
		}
	})
}

func TestVoiceContract(t *testing.T) {
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		r, seen := start(t, twiliosim.Config{Second: 10 * time.Millisecond}), 0
		r.ann.WillPress("1")
		return notifiertest.Fixture{
			Notifier: remembering{r}, Message: page("n"), Become: r.become,
			Secrets: []string{r.sim.AuthToken()},
			Head:    func(notifiers.Message) string { return "H, O, T, 1. Severity 1. " },
			Received: func(want int) (texts []string) {
				for ; seen < want; seen++ {
					r.ann.ExpectSaid(t, soon, "You are now the incident manager")
				}
				for _, call := range r.ann.Calls() {
					texts = append(texts, strings.Join(call.Said, "\n"))
				}
				return texts
			},
		}
	})
}

// remembering is the voice channel, with the server told what each call is about.
type remembering struct{ r *rouse }

func (v remembering) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	v.r.arrived.Update(func() { v.r.pages[m.Nonce] = m })
	return v.r.twilio.Voice().Notify(ctx, m)
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := twilio.New(twilio.Config{
		AccountSID: "12345", From: "030 123456", MessagingServiceSID: "MG1", APIKey: "SK1",
		BaseURL: "https://api.twilio.com/2010-04-01", CallbackBase: "rouse.example.com",
	})
	for _, field := range []string{"AccountSID", "AuthTokens", "From", "MessagingServiceSID", "APIKey", "BaseURL", "CallbackBase"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
	if strings.Contains(err.Error(), "030 123456") {
		t.Errorf("%v shows the number", err)
	}
}

// An empty token would let everybody who knows it is empty sign callbacks.
func TestNewRefusesAnEmptyToken(t *testing.T) {
	_, err := twilio.New(twilio.Config{
		AccountSID: twiliosim.DefaultAccountSID, AuthTokens: []string{"good", ""}, From: twiliosim.DefaultFrom,
		CallbackBase: "https://rouse.example.com",
	})
	if err == nil || !strings.Contains(err.Error(), "AuthTokens") {
		t.Errorf("got %v", err)
	}
}

func TestAPIKeySignsIn(t *testing.T) {
	r := start(t, twiliosim.Config{APIKeys: map[string]string{"SK1": "the-secret"}})
	for secret, kind := range map[string]notifiers.Kind{"the-secret": "", "another": notifiers.Passing} {
		keyed, err := twilio.New(twilio.Config{
			AccountSID: r.sim.AccountSID(), AuthTokens: []string{r.sim.AuthToken()}, APIKey: "SK1", APISecret: secret,
			From: twiliosim.DefaultFrom, BaseURL: r.sim.URL(), CallbackBase: r.server.URL, HTTP: r.client,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = keyed.SMS().Notify(t.Context(), page("n1"))
		if kind == "" && err != nil || kind != "" && (notifiers.KindOf(err) != kind || !strings.Contains(err.Error(), "auth token or API key")) {
			t.Errorf("with %q: %v", secret, err)
		}
	}
}
