package twilio_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/twilio"
)

// How long a phone rings is a setting; 25 s is before most voicemails pick up.
func TestHowLongAPhoneRings(t *testing.T) {
	for ring, want := range map[time.Duration]string{0: "25", 40 * time.Second: "40", 10 * time.Minute: "600"} {
		asked := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.PostFormValue("Timeout")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"sid": "CA0123456789abcdef0123456789abcdef"}`))
		}))
		defer server.Close()
		tw, err := twilio.New(twilio.Config{AccountSID: "AC0123456789abcdef0123456789abcdef", AuthTokens: []string{"x"}, From: "+4930123456", BaseURL: server.URL,
			CallbackBase: "https://rouse.example.com", RingFor: ring, HTTP: notifiers.Guard{AllowPrivate: true}.Client()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Voice().Notify(t.Context(), page("n1")); err != nil || asked != want {
			t.Errorf("with %s a phone rings for %q s, %v; want %s", ring, asked, err, want)
		}
	}
}

// Receipts of a notice are asked for only if somebody waits for them.
func TestReceiptsOfANotice(t *testing.T) {
	for _, tracked := range []bool{false, true} {
		r := start(t, quick)
		m := notifiers.Message{Nonce: "n1", Channel: notifiers.SMS, Purpose: notifiers.Notice, To: page("n1").To, Text: "Hello.", Tracked: tracked}
		if _, err := r.sms(m); err != nil {
			t.Fatal(err)
		}
		r.ann.ExpectSMS(t, soon, "Hello.")
		if tracked {
			r.await("a receipt", func() bool { return len(r.news) > 0 })
			continue
		}
		if news := r.settle(); len(news) != 0 {
			t.Errorf("told %+v", news)
		}
	}
}
