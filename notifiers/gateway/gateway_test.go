package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/gateway"
	"rouse/notifiers/notifiertest"
)

const callback = "https://rouse.example.com/callbacks/gateway/x/secret-of-the-address"

// provider is one on loopback that answers as its public documents say.
type provider struct {
	server *fake.Server
	state  fake.State
	texts  []string
	urls   []string // of receipts
	refuse bool     // the address
	moody  map[notifiertest.Mood]fake.Fault
}

func (p *provider) took(text, callback string) {
	p.state.Update(func() { p.texts, p.urls = append(p.texts, text), append(p.urls, callback) })
}

// speak are the providers' sides of the presets.
var speak = map[string]func(p *provider, w http.ResponseWriter, r *http.Request){
	"vonage": func(p *provider, w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.PostForm.Get("api_key") != "key" || r.PostForm.Get("api_secret") != "s&cret" {
			fmt.Fprint(w, `{"message-count":"1","messages":[{"status":"4","error-text":"Invalid Credentials"}]}`)
			return
		}
		if p.refuse {
			fmt.Fprint(w, `{"message-count":"1","messages":[{"status":"7","error-text":"Number barred"}]}`)
			return
		}
		unicode := r.PostForm.Get("type") == "unicode"
		text := r.PostForm.Get("text")
		if unicode == notifiers.IsGSM(text) || strings.HasPrefix(r.PostForm.Get("to"), "+") {
			fmt.Fprint(w, `{"message-count":"1","messages":[{"status":"6","error-text":"Invalid message"}]}`)
			return
		}
		p.took(text, r.PostForm.Get("callback"))
		fmt.Fprintf(w, `{"message-count":"1","messages":[{"to":"49","message-id":"V-%s","status":"0","remaining-balance":"3.1","client-ref":%q}]}`,
			r.PostForm.Get("client-ref"), r.PostForm.Get("client-ref"))
	},
	"telnyx": func(p *provider, w http.ResponseWriter, r *http.Request) {
		var asked struct {
			From, To, Text string
			Webhook        string `json:"webhook_url"`
		}
		switch err := json.NewDecoder(r.Body).Decode(&asked); {
		case r.Header.Get("Authorization") != "Bearer key":
			refuse(w, 401, `{"errors":[{"code":"10009","title":"Authentication failed"}]}`)
		case err != nil || asked.From == "" || r.URL.Path != "/v2/messages":
			refuse(w, 422, `{"errors":[{"code":"10015","title":"Bad request"}]}`)
		case p.refuse:
			refuse(w, 400, `{"errors":[{"code":"40310","title":"Invalid 'to' address"}]}`)
		default:
			p.took(asked.Text, asked.Webhook)
			fmt.Fprint(w, `{"data":{"record_type":"message","id":"4031-telnyx","to":[{"phone_number":"+49","status":"queued"}]}}`)
		}
	},
	"kannel": func(p *provider, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case r.URL.Path != "/cgi-bin/sendsms" || q.Get("username") != "rouse" || q.Get("password") != "s&cret":
			refuse(w, 403, "Authorization failed for sendsms")
		case p.refuse:
			refuse(w, 400, "Number is in the black-list")
		default:
			p.took(q.Get("text"), strings.ReplaceAll(q.Get("dlr-url"), "%d", "TYPE"))
			w.WriteHeader(202)
			fmt.Fprint(w, "0: Accepted for delivery")
		}
	},
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

var secrets = map[string]map[string]string{
	"vonage": {"api_key": "key", "api_secret": "s&cret"}, "telnyx": {"api_key": "key"}, "kannel": {"username": "rouse", "password": "s&cret"},
}

func start(t *testing.T, preset string, change func(*gateway.Config)) (*provider, *gateway.Gateway, *http.Client) {
	t.Helper()
	p := &provider{}
	server, err := fake.Start(fake.Config{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { speak[preset](p, w, r) }),
		Sends:   func(*http.Request) bool { return true },
		Refuse:  func(w http.ResponseWriter, status int) { http.Error(w, "no", status) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p.server = server
	cfg := gateway.Presets[preset].Config
	if u, err := url.Parse(cfg.URL); err == nil && u.Host != "" {
		cfg.URL = server.URL() + u.Path
	}
	cfg.Name, cfg.Secrets, cfg.Senders = preset, secrets[preset], map[string]string{"": "Rouse", "+49": "+4915550001", "+4917": "+4915550002"}
	cfg.Set = map[string]string{"url": server.URL() + "/cgi-bin/sendsms"}
	cfg.CallbackURL, cfg.HTTP = callback, notifiers.Guard{AllowPrivate: true}.Client()
	if change != nil {
		change(&cfg)
	}
	g, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, g, cfg.HTTP
}

func page() notifiers.Message {
	return notifiers.Message{
		Nonce: "NONCE1", Channel: notifiers.SMS, Purpose: notifiers.Page, To: "+4917012345678", Key: "HOT-1", Severity: 1,
		Summary: "disk full on db1", Service: "bitbucket", Code: "482913",
	}
}

func TestContract(t *testing.T) {
	for preset := range speak {
		t.Run(preset, func(t *testing.T) {
			notifiertest.Run(t, func(t *testing.T) notifiertest.Fixture {
				p, g, client := start(t, preset, nil)
				faults := map[notifiertest.Mood]fake.Fault{
					notifiertest.OutOfOrder: {Kind: fake.Unavailable},
					notifiertest.TooMany:    {Kind: fake.TooMany, RetryAfter: 7 * time.Second},
					notifiertest.Silent:     {Kind: fake.Hang},
					notifiertest.Away:       {Kind: fake.Refuse},
					notifiertest.Resets:     {Kind: fake.Reset},
					notifiertest.Garbage:    {Kind: fake.Garbage},
				}
				return notifiertest.Fixture{
					Notifier: g, Message: page(), Secrets: []string{"s&cret", url.QueryEscape("s&cret"), "secret-of-the-address"},
					ProvidersFault:    preset != "telnyx", // only it tells a dead number from other refusals
					GarbageIsNoAnswer: preset == "kannel",
					Head:              func(m notifiers.Message) string { return m.Key + " SEV1 " },
					Received: func(n int) []string {
						ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
						defer cancel()
						if !p.state.Await(ctx, func() bool { return len(p.texts) >= n }) {
							t.Fatalf("not %d texts came", n)
						}
						p.state.Lock()
						defer p.state.Unlock()
						return append([]string(nil), p.texts...)
					},
					Become: func(mood notifiertest.Mood) {
						if err := p.server.Set(faults[mood]); err != nil {
							t.Fatal(err)
						}
						client.CloseIdleConnections()
						p.refuse = mood == notifiertest.RefusesAddress
					},
				}
			})
		})
	}
}

// callbacks are what the providers send later, as their documents show it; CALLBACK is the address that they
// were given.
var callbacks = map[string]map[string]struct {
	method, query, kind, body string
	state                     notifiers.State
	gone                      bool
	from, text                string
}{
	"vonage": {
		"delivered, GET":  {method: "GET", query: "&msisdn=491701234567&to=AcmeInc&network-code=12345&messageId=V-1&price=0.03&status=delivered&scts=2001011400&err-code=0&client-ref=NONCE1", state: notifiers.Delivered},
		"delivered, JSON": {method: "POST", kind: "application/json", body: `{"msisdn":"491701234567","messageId":"V-1","status":"delivered","err-code":"0","client-ref":"NONCE1"}`, state: notifiers.Delivered},
		"failed":          {method: "GET", query: "&messageId=V-1&status=failed&err-code=1", state: notifiers.Failed},
		"barred":          {method: "POST", kind: "application/json", body: `{"messageId":"V-1","status":"rejected","err-code":"5"}`, state: notifiers.Failed, gone: true},
		"expired":         {method: "GET", query: "&messageId=V-1&status=expired&err-code=6", state: notifiers.Failed},
		"buffered":        {method: "GET", query: "&messageId=V-1&status=buffered&err-code=0", state: notifiers.Sent},
		"unknown":         {method: "GET", query: "&messageId=V-1&status=unknown&err-code=99"},
		"a text":          {method: "GET", query: "&msisdn=4917012345678&to=4915550002&messageId=0A&text=ack+482913&type=text&keyword=ACK", from: "+4917012345678", text: "ack 482913"},
		"a text, JSON":    {method: "POST", kind: "application/json", body: `{"msisdn":"4917012345678","to":"4915550002","messageId":"0A","text":"ack 482913","type":"text"}`, from: "+4917012345678", text: "ack 482913"},
	},
	"telnyx": {
		"delivered":   {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.finalized","id":"e1","payload":{"id":"4031","direction":"outbound","errors":[],"from":{"phone_number":"+1"},"to":[{"phone_number":"+49","status":"delivered"}]}}}`, state: notifiers.Delivered},
		"sent":        {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.sent","payload":{"id":"4031","errors":[],"to":[{"status":"sent"}]}}}`, state: notifiers.Sent},
		"failed":      {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.finalized","payload":{"id":"4031","errors":[{"code":"40008","title":"Undeliverable"}],"to":[{"status":"delivery_failed"}]}}}`, state: notifiers.Failed},
		"stopped":     {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.finalized","payload":{"id":"4031","errors":[{"code":"40300"}],"to":[{"status":"sending_failed"}]}}}`, state: notifiers.Failed, gone: true},
		"unconfirmed": {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.finalized","payload":{"id":"4031","errors":[],"to":[{"status":"delivery_unconfirmed"}]}}}`},
		"a text":      {method: "POST", kind: "application/json", body: `{"data":{"event_type":"message.received","payload":{"id":"r1","direction":"inbound","from":{"phone_number":"+4917012345678"},"text":"ack 482913","to":[{"phone_number":"+1"}]}}}`, from: "+4917012345678", text: "ack 482913"},
	},
	"kannel": {
		"delivered": {method: "GET", query: "&type=1", state: notifiers.Delivered},
		"failed":    {method: "GET", query: "&type=2", state: notifiers.Failed},
		"refused":   {method: "GET", query: "&type=16", state: notifiers.Failed},
		"queued":    {method: "GET", query: "&type=4"},
		"a text":    {method: "GET", query: "&from=%2B4917012345678&text=ack+482913&id=7", from: "+4917012345678", text: "ack 482913"},
	},
}

func TestCallbacks(t *testing.T) {
	for preset, cases := range callbacks {
		p, g, _ := start(t, preset, nil)
		if _, err := g.Notify(t.Context(), page()); err != nil {
			t.Fatal(err)
		}
		if given := p.urls[0]; !strings.HasPrefix(given, callback+"?nonce=NONCE1") {
			t.Errorf("%s was given the address %q", preset, given)
		}
		for name, c := range cases {
			query := "?nonce=NONCE1" + c.query
			if c.from != "" {
				query = "?" + c.query
			}
			r := httptest.NewRequest(c.method, callback+query, strings.NewReader(c.body))
			r.Header.Set("Content-Type", c.kind)
			n, err := g.Read(r)
			if err != nil {
				t.Errorf("%s, %s: %v", preset, name, err)
				continue
			}
			if n.Receipt.State != c.state || n.Receipt.Gone != c.gone || n.Receipt.Elsewhere != (c.state == notifiers.Failed && !c.gone) || n.From != c.from || n.Text != c.text || (c.state != "") != (n.Nonce == "NONCE1") {
				t.Errorf("%s, %s: %+v", preset, name, n)
			}
			if c.from != "" && n.ID == "" {
				t.Errorf("%s, %s: a text told twice would count twice", preset, name)
			}
		}
		for _, body := range []string{"", "null", "[]", "{}", "nonsense", `{"data":[]}`, strings.Repeat("[", 10_000)} {
			r := httptest.NewRequest("POST", callback, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			if n, _ := g.Read(r); n.Nonce != "" || n.From != "" {
				t.Errorf("%s: %q is understood as %+v", preset, body, n)
			}
		}
	}
}

// The number or name that a text is from depends on the country.
func TestSenderByCountry(t *testing.T) {
	var from []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		from = append(from, string(body))
	}))
	defer server.Close()
	g, err := gateway.New(gateway.Config{Name: "x", URL: server.URL, Body: "{{.From}}", Senders: map[string]string{"": "Rouse", "+49": "+491", "+4917": "+492"},
		HTTP: notifiers.Guard{AllowPrivate: true}.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"+4917012345678", "+4930123456", "+12025550123"} {
		m := page()
		m.To = to
		if _, err := g.Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(from, " "); got != "+492 +491 Rouse" {
		t.Errorf("texts are from %s", got)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	base := gateway.Config{Name: "x", URL: "https://sms.example.com", Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"text": {{json .Text}}}`}
	for _, c := range []struct {
		word   string
		change func(*gateway.Config)
	}{
		{"name", func(c *gateway.Config) { c.Name = "../x" }},
		{"method", func(c *gateway.Config) { c.Method = "DELETE" }},
		{"senders", func(c *gateway.Config) { c.Senders = map[string]string{"49": "Rouse"} }},
		{"url", func(c *gateway.Config) { c.URL = "{{.Nope}}" }},
		{"url", func(c *gateway.Config) { c.URL = "sms.example.com" }},
		{"url", func(c *gateway.Config) { c.URL = "https://user:password@sms.example.com" }},
		{"{{query .Text}}", func(c *gateway.Config) { c.URL = "https://sms.example.com/?text={{.Text}}" }},
		{"body", func(c *gateway.Config) { c.Body = "{{" }},
		{"body", func(c *gateway.Config) { c.Body = "{{.Secret.key}}" }},
		{"{{json .Text}}", func(c *gateway.Config) { c.Body = `{"text": "{{.Text}}"}` }},
		{"header X", func(c *gateway.Config) { c.Headers = map[string]string{"X": "{{.Text}}"} }},
		{"answer.taken", func(c *gateway.Config) { c.Answer.Taken = "statu == 200" }},
		{"answer.taken", func(c *gateway.Config) { c.Answer.Taken = "'yes'" }},
		{"receipt.state", func(c *gateway.Config) { c.Receipt.State = "query." }},
		{"reply", func(c *gateway.Config) { c.Reply.Text = "query.text" }},
	} {
		cfg := base
		c.change(&cfg)
		if _, err := gateway.New(cfg); err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%v, want it to name %s", err, c.word)
		}
	}
	if _, err := gateway.New(base); err != nil {
		t.Error(err)
	}
}

// What a provider's answer means.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status    int
		body      string
		kind      notifiers.Kind
		elsewhere bool
		code      string
	}{
		{200, `{"messages":[{"status":"1"}]}`, notifiers.Passing, false, "1"},
		{200, `{"messages":[{"status":"9"}]}`, notifiers.Final, true, "9"},
		{200, `{"messages":"?"}`, notifiers.Unknown, false, ""},
		{401, `no`, notifiers.Final, true, "401"},
		{500, `{}`, notifiers.Passing, false, "500"},
		{302, ``, notifiers.Passing, false, "302"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, c.status, c.body) }))
		_, g, _ := start(t, "vonage", func(cfg *gateway.Config) { cfg.URL = server.URL })
		_, err := g.Notify(t.Context(), page())
		server.Close()
		f, ok := errors.AsType[*notifiers.Failure](err)
		if !ok || f.Kind != c.kind || f.Elsewhere != c.elsewhere || f.Code != c.code || f.Doubtful != (c.status == 500) {
			t.Errorf("%d %s: %+v", c.status, c.body, err)
		}
	}
}
