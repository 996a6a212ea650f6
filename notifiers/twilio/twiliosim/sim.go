// Package twiliosim is a Twilio on loopback, with phones: for the demo and the tests. It checks
// requests, answers, calls back and signs as Twilio does, fetches TwiML and plays it to phones that
// show texts, ring, press keys, reply, go to voicemail or stay silent as they are told. Providers
// that are down, slow or confused are played too (Fault).
//
// It shares no code with package twilio, so that each checks the other. Where it differs from
// Twilio, for the sake of tests that kill the server:
//
//   - Status callbacks and incoming texts that cannot be delivered are tried again for a minute
//     (Config.RetryFor); Twilio tries once more, or up to five times within 15 s where the URL's
//     fragment asks for it (#rc=5).
//   - A <Say> takes no time unless Config.SayFor says so.
package twiliosim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"

	"rouse/notifiers/fake"
)

// The account of a Sim whose Config names none.
const (
	DefaultAccountSID = "AC0123456789abcdef0123456789abcdef"
	DefaultAuthToken  = "fedcba9876543210fedcba9876543210"
	DefaultFrom       = "+15005550006" // Twilio's own number for tests: a good sender
)

// Config tells a Sim how to be. The zero value works.
type Config struct {
	AccountSID, AuthToken string // "" are the defaults above
	APIKeys               map[string]string
	Addr                  string // "" is 127.0.0.1:0

	// SMSWebhook is where incoming texts are posted ({public URL}/callbacks/twilio/sms). It can be
	// set later with SetSMSWebhook; without one texts go nowhere.
	SMSWebhook string
	// VoiceWebhook is where calls from phones are asked about ({public URL}/callbacks/twilio/incoming). Without
	// one nobody answers them.
	VoiceWebhook string

	Second       time.Duration // how long a second of ringing, pausing and waiting for keys lasts; 0 is 1 s
	CarrierDelay time.Duration // from queued to sent, and again to delivered
	SayFor       time.Duration // how long a <Say> takes

	RetryEvery time.Duration // between tries of a callback; 0 is 500 ms
	RetryFor   time.Duration // 0 is 60 s, negative is a single try

	// OnEvent is called with every event, one at a time, in order. It must not call the Sim's
	// Close.
	OnEvent func(Event)
}

// Sim is a running Twilio.
type Sim struct {
	cfg    Config
	api    http.Handler
	server *fake.Server
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	state     fake.State // around all below
	webhook   string
	voice     string // Config.VoiceWebhook
	phones    map[string]*Phone
	messages  []*message
	calls     []*call
	events    []Event
	duplicate bool
	disorder  bool
	closed    bool
}

// Start listens and serves until Close.
func Start(cfg Config) (*Sim, error) {
	orDefault(&cfg.AccountSID, DefaultAccountSID)
	orDefault(&cfg.AuthToken, DefaultAuthToken)
	orDefault(&cfg.Second, time.Second)
	orDefault(&cfg.RetryEvery, 500*time.Millisecond)
	orDefault(&cfg.RetryFor, time.Minute)
	s := &Sim{
		cfg:     cfg,
		webhook: cfg.SMSWebhook,
		voice:   cfg.VoiceWebhook,
		phones:  map[string]*Phone{},
		client: &http.Client{
			Timeout:       15 * time.Second, // Twilio's own
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.api = s.routes()
	server, err := fake.Start(fake.Config{
		Addr: cfg.Addr, Handler: s.api, Sends: sends, Refuse: refuse,
	})
	if err != nil {
		return nil, err
	}
	s.server = server
	if cfg.OnEvent != nil {
		s.spawn(s.report)
	}
	return s, nil
}

func orDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// Close stops everything: calls end, callbacks are no longer tried.
func (s *Sim) Close() {
	s.cancel()
	s.server.Close()
	s.update(func() { s.closed = true })
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// URL is the base URL of the API.
func (s *Sim) URL() string { return s.server.URL() }

// AccountSID is the account's, to configure the client with.
func (s *Sim) AccountSID() string { return s.cfg.AccountSID }

// AuthToken is the account's: what callbacks are signed with.
func (s *Sim) AuthToken() string { return s.cfg.AuthToken }

// ServeHTTP serves the API without its listener, and without fake.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

// SetSMSWebhook sets where incoming texts are posted from now on.
func (s *Sim) SetSMSWebhook(url string) { s.update(func() { s.webhook = url }) }

// Fault makes the API misbehave until told otherwise; Fault(fake.Fault{}) heals it.
func (s *Sim) Fault(f fake.Fault) error { return s.server.Set(f) }

// DuplicateCallbacks makes every callback about a text or call come twice.
func (s *Sim) DuplicateCallbacks(on bool) { s.update(func() { s.duplicate = on }) }

// DisorderCallbacks makes the status callbacks of a text or call come in reverse order, all of them
// when it is over.
func (s *Sim) DisorderCallbacks(on bool) { s.update(func() { s.disorder = on }) }

// spawn does work that Close waits for.
func (s *Sim) spawn(work func()) {
	s.state.Lock()
	defer s.state.Unlock()
	if !s.closed {
		s.work.Go(work)
	}
}

func (s *Sim) update(change func())                              { s.state.Update(change) }
func (s *Sim) await(ctx context.Context, ready func() bool) bool { return s.state.Await(ctx, ready) }

// newSID is a fresh id: two letters and 32 hexadecimal digits.
func newSID(prefix string) string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

func sends(r *http.Request) bool {
	return r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, "/Messages.json") || strings.HasSuffix(r.URL.Path, "/Calls.json"))
}
