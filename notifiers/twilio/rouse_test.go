package twilio_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/twilio"
	"rouse/notifiers/twilio/twiliosim"
)

const (
	ann  = "+4917012345617"
	soon = 5 * time.Second
)

// rouse is the least that can page: an account with a twiliosim, and a server for its callbacks
// that keeps what comes.
type rouse struct {
	t       *testing.T
	sim     *twiliosim.Sim
	twilio  *twilio.Twilio
	client  *http.Client
	server  *httptest.Server
	ann     *twiliosim.Phone
	arrived fake.State // around all below
	pages   map[string]notifiers.Message
	by      string // who has acknowledged already
	news    []notifiers.Receipt
	keys    []string
	texts   []string
	refused int
}

func start(t *testing.T, cfg twiliosim.Config) *rouse {
	r := &rouse{t: t, pages: map[string]notifiers.Message{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	cfg.SMSWebhook = r.server.URL + twilio.SMSPath
	sim, err := twiliosim.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	r.sim, r.ann = sim, sim.Phone(ann)
	r.client = notifiers.Guard{AllowPrivate: true}.Client()
	r.twilio, err = twilio.New(twilio.Config{
		AccountSID: sim.AccountSID(), AuthTokens: []string{sim.AuthToken()}, From: twiliosim.DefaultFrom,
		BaseURL: sim.URL(), CallbackBase: r.server.URL, HTTP: r.client,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func page(nonce string) notifiers.Message {
	return notifiers.Message{
		Nonce: nonce, Purpose: notifiers.Page, To: ann, Key: "HOT-1", Severity: 1, Summary: "Disk full on db1",
		Service: "bitbucket", Role: "incident manager", Code: "482913",
	}
}

func (r *rouse) sms(m notifiers.Message) (notifiers.Receipt, error) {
	return r.twilio.SMS().Notify(r.t.Context(), m)
}

// call places a call and remembers what it is about.
func (r *rouse) call(m notifiers.Message) notifiers.Receipt {
	r.t.Helper()
	r.arrived.Update(func() { r.pages[m.Nonce] = m })
	receipt, err := r.twilio.Voice().Notify(r.t.Context(), m)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

// ServeHTTP is the shape of the real one in api/callbacks.
func (r *rouse) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	v, err := r.twilio.Verify(q)
	if err != nil {
		r.arrived.Update(func() { r.refused++ })
		http.Error(w, "", http.StatusForbidden)
		return
	}
	path, nonce := q.URL.Path, ""
	if i := strings.LastIndex(path, "/"); path != twilio.SMSPath {
		path, nonce = path[:i+1], path[i+1:]
	}
	w.Header().Set("Content-Type", twilio.ContentType)
	r.arrived.Update(func() {
		switch path {
		case twilio.StatusPath:
			if receipt, ok := twilio.ParseStatus(v); ok {
				r.news = append(r.news, receipt)
			}
		case twilio.VoicePath:
			_, _ = w.Write(r.answered(r.pages[nonce]))
		case twilio.KeyPath:
			_, _ = w.Write(r.pressed(r.pages[nonce], v))
		case twilio.SMSPath:
			from, body, _ := twilio.ParseReply(v)
			r.texts = append(r.texts, from+": "+body)
			_, _ = w.Write(twilio.Text(notifiers.Answered{Outcome: notifiers.Acknowledged, Key: "HOT-1"}.Text()))
		}
	})
}

func (r *rouse) answered(m notifiers.Message) []byte {
	if r.by != "" {
		return twilio.Speak(m.Language, notifiers.Answered{Outcome: notifiers.AlreadyTaken, By: r.by, Language: m.Language}.Spoken())
	}
	return r.twilio.Prompt(m)
}

func (r *rouse) pressed(m notifiers.Message, v url.Values) []byte {
	_, digit := twilio.ParseKey(v)
	r.keys = append(r.keys, digit)
	outcome := map[string]notifiers.Outcome{"1": notifiers.Acknowledged, "2": notifiers.Declined}[digit]
	said := notifiers.Answered{Outcome: outcome, Language: m.Language, Role: m.Role, Purpose: m.Purpose}
	switch {
	case digit == "9":
		return r.twilio.Prompt(m)
	case outcome == "":
		said.Outcome = notifiers.NotUnderstood
		return r.twilio.PromptAgain(said.Spoken(), m)
	}
	return twilio.Speak(m.Language, said.Spoken())
}

// await waits until something has arrived.
func (r *rouse) await(what string, ready func() bool) {
	r.t.Helper()
	ctx, cancel := contextFor(r.t, soon)
	defer cancel()
	if !r.arrived.Await(ctx, ready) {
		r.t.Fatalf("no %s: news %+v, keys %q, texts %q, refused %d", what, r.news, r.keys, r.texts, r.refused)
	}
}

// settle waits until every callback is through, and returns the receipts that came.
func (r *rouse) settle() []notifiers.Receipt {
	r.t.Helper()
	ctx, cancel := contextFor(r.t, soon)
	defer cancel()
	if !r.sim.Idle(ctx) {
		r.t.Fatal("callbacks do not come to an end")
	}
	r.arrived.Lock()
	defer r.arrived.Unlock()
	if r.refused > 0 {
		r.t.Errorf("%d callbacks were refused", r.refused)
	}
	return r.news
}
