package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/notifiertest"
	"rouse/notifiers/webhook"
)

var (
	secret  = "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 24))
	another = "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("n"), 64))
)

func page(to string) notifiers.Message {
	return notifiers.Message{
		Nonce: "n1", Channel: notifiers.Webhook, Purpose: notifiers.Page, To: to, Key: "HOT-1", Severity: 1, Summary: "disk full on db1",
		Service: "bitbucket", AckURL: "https://rouse.example.com/a/secret/ack", DeclineURL: "https://rouse.example.com/a/secret/decline",
	}
}

func sender(t *testing.T, secrets ...string) (*webhook.Webhook, *http.Client) {
	t.Helper()
	client := notifiers.Guard{AllowPrivate: true}.Client()
	w, err := webhook.New(webhook.Config{Secrets: secrets, HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	return w, client
}

func TestContract(t *testing.T) {
	notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
		var state fake.State
		var texts []string
		gone := false
		server, err := fake.Start(fake.Config{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if gone {
					w.WriteHeader(http.StatusGone)
					return
				}
				var body webhook.Body
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				state.Update(func() { texts = append(texts, body.Data.Text) })
			}),
			Sends:  func(*http.Request) bool { return true },
			Refuse: func(w http.ResponseWriter, status int) { w.WriteHeader(status) },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		w, client := sender(t, secret)
		faults := map[notifiertest.Mood]fake.Fault{
			notifiertest.OutOfOrder: {Kind: fake.Unavailable},
			notifiertest.TooMany:    {Kind: fake.TooMany, RetryAfter: 7 * time.Second},
			notifiertest.Silent:     {Kind: fake.Hang},
			notifiertest.Away:       {Kind: fake.Refuse},
			notifiertest.Resets:     {Kind: fake.Reset},
		}
		return notifiertest.Fixture{
			Notifier: w, Message: page(server.URL() + "/hook/secret-path"), Secrets: []string{secret, "secret-path"}, AnyAnswerWillDo: true,
			Head: func(m notifiers.Message) string { return m.Key + " SEV1 " },
			Received: func(n int) []string {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if !state.Await(ctx, func() bool { return len(texts) >= n }) {
					t.Fatalf("not %d came", n)
				}
				state.Lock()
				defer state.Unlock()
				return append([]string(nil), texts...)
			},
			Become: func(mood notifiertest.Mood) {
				if err := server.Set(faults[mood]); err != nil {
					t.Fatal(err)
				}
				client.CloseIdleConnections()
				gone = mood == notifiertest.RefusesAddress
			},
		}
	})
}

// Whoever gets one can tell who it is from, also while the secret is rotated.
func TestSigned(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	w, _ := sender(t, another, secret)
	if _, err := w.Notify(t.Context(), page(server.URL)); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, bytes.Repeat([]byte("k"), 24))
	mac.Write([]byte("n1." + got.Header.Get("webhook-timestamp") + "." + string(body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	signatures := strings.Fields(got.Header.Get("webhook-signature"))
	if len(signatures) != 2 || signatures[1] != want || got.Header.Get("webhook-id") != "n1" {
		t.Errorf("signed %q, want %s among them", signatures, want)
	}
	var b webhook.Body
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatal(err)
	}
	if b.Type != "page" || b.Data.Key != "HOT-1" || b.Data.Severity != 1 || b.Data.AckURL == "" || b.Data.Service != "bitbucket" {
		t.Errorf("it says %s", body)
	}
}

func TestRefusals(t *testing.T) {
	w, _ := sender(t, secret)
	for _, c := range []struct {
		status int
		kind   notifiers.Kind
		gone   bool
	}{
		{410, notifiers.Final, true}, {404, notifiers.Final, false}, {302, notifiers.Final, false},
		{500, notifiers.Passing, false}, {408, notifiers.Passing, false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(res http.ResponseWriter, _ *http.Request) {
			res.Header().Set("Location", "https://example.com/")
			res.WriteHeader(c.status)
		}))
		_, err := w.Notify(t.Context(), page(server.URL))
		server.Close()
		if f, ok := errors.AsType[*notifiers.Failure](err); !ok || f.Kind != c.kind || f.Gone != c.gone {
			t.Errorf("%d: %v", c.status, err)
		}
	}
	for _, to := range []string{"", "ann", "ftp://x/", "https://user:secret@x/", "https:///x", "https://x/" + strings.Repeat("x", 1000)} {
		_, err := w.Notify(t.Context(), page(to))
		if f, ok := errors.AsType[*notifiers.Failure](err); !ok || f.Kind != notifiers.Final {
			t.Errorf("%.30q: %v", to, err)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	for _, secrets := range [][]string{nil, {"whsec_"}, {"nonsense!"}, {secret, "whsec_c2hvcnQ="}} {
		if _, err := webhook.New(webhook.Config{Secrets: secrets}); err == nil {
			t.Errorf("%q are taken", secrets)
		}
	}
}
