package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
	"rouse/notifiers/twilio"
	"rouse/rosters"
)

// key makes a key to seal with out of one byte.
func key(t *testing.T, b byte) seal.Key {
	t.Helper()
	k, err := seal.NewKey(bytes.Repeat([]byte{b}, seal.Size))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// node is a Rouse's registry on a database.
func node(t *testing.T, db *pgxpool.Pool, secrets *seal.Box, given ...providers.Given) *providers.Registry {
	t.Helper()
	client := notifiers.Guard{AllowPrivate: true}.Client()
	r := providers.New(providers.Config{DB: db, Secrets: secrets, Given: given, Log: slog.New(slog.DiscardHandler),
		Outside: providers.Outside{HTTP: client, ForUsers: client, PublicURL: "https://rouse.example.com"}})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func text(s string) *string { return &s }

// sms is a gateway that takes texts; sent are the names of the gateways that were asked, in order.
type sms struct {
	*httptest.Server
	mu   sync.Mutex
	sent []string
}

func newSMS(t *testing.T) *sms {
	s := &sms{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sent = append(s.sent, r.URL.Query().Get("name"))
	}))
	t.Cleanup(s.Close)
	return s
}

// gateway is one that asks s, and says its name.
func (s *sms) gateway(name string, numbers ...string) providers.Wish {
	settings, _ := json.Marshal(map[string]any{"method": "GET", "url": s.URL + "/?name=" + name + "&key={{query .Secret.key}}&text={{query .Text}}", "numbers": numbers})
	return providers.Wish{Name: name, Kind: providers.Gateway, Settings: settings, Secrets: map[string]*string{"key": text("hunter2-of-" + name)}}
}

// asked are the gateways that were asked for a text to a number.
func (s *sms) asked(t *testing.T, r *providers.Registry, to string) string {
	t.Helper()
	s.mu.Lock()
	s.sent = nil
	s.mu.Unlock()
	if n := r.Channels().On(notifiers.SMS); n != nil {
		_, _ = n.Notify(t.Context(), notifiers.Message{Nonce: "N", Channel: notifiers.SMS, Purpose: notifiers.Notice, To: to, Text: "x"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.sent, " ")
}

const ann = "+4917012345678"

func save(t *testing.T, r *providers.Registry, db *pgxpool.Pool, w providers.Wish) providers.View {
	t.Helper()
	v, err := r.Save(t.Context(), enginedb.New(db), w, providers.AnyVersion)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func read(t *testing.T, nodes ...*providers.Registry) {
	t.Helper()
	for _, r := range nodes {
		if err := r.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What is set up on one node is used by another, which looks every two seconds; by position, and by number.
func TestProvidersAreUsedByEveryNode(t *testing.T) {
	db, box, s := dbtest.New(t), seal.New(key(t, 1)), newSMS(t)
	one, two := node(t, db, box), node(t, db, box)
	if two.Usable()[rosters.SMS] {
		t.Fatal("there are texts before there is a provider")
	}
	save(t, one, db, s.gateway("second"))
	save(t, one, db, s.gateway("third"))
	first := s.gateway("first", "+1")
	first.Position = 1
	save(t, one, db, first)

	ctx, cancel := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() { two.Keep(ctx); close(kept) }()
	deadline := time.After(5 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !two.Usable()[rosters.SMS] {
		select {
		case <-deadline:
			t.Fatal("the other node does not notice within 5 s")
		case <-again.C:
		}
	}
	cancel()
	<-kept
	if got := s.asked(t, two, ann); got != "second" {
		t.Errorf("asked %q", got)
	}
	if got := s.asked(t, two, "+12025550123"); got != "first" {
		t.Errorf("the first, which is for America: asked %q", got)
	}
	second := s.gateway("second")
	second.Disabled = true
	save(t, one, db, second)
	read(t, two)
	if got := s.asked(t, two, ann); got != "third" {
		t.Errorf("the second is disabled: asked %q", got)
	}
	third, err := two.View(t.Context(), "third")
	if err != nil {
		t.Fatal(err)
	}
	if err := two.Delete(t.Context(), enginedb.New(db), "third", third.Version); err != nil {
		t.Fatal(err)
	}
	read(t, one)
	if got := s.asked(t, one, ann); got != "" {
		t.Errorf("nothing is left: asked %q", got)
	}
}

// Nothing secret is in the database as it is, and what is kept of a secret survives a change of everything else.
func TestSecretsAreSealed(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	old := key(t, 1)
	r := node(t, db, seal.New(old))
	v := save(t, r, db, s.gateway("vonage"))
	if fmt.Sprint(v.Secrets) != "[key]" || !strings.HasPrefix(v.CallbackURL, "https://rouse.example.com/callbacks/gateway/vonage/") {
		t.Errorf("%+v", v)
	}
	callback := v.CallbackURL[strings.LastIndex(v.CallbackURL, "/")+1:]
	dump := func() string {
		var rows string
		if err := db.QueryRow(t.Context(), `select string_agg(p::text || ' ' || encode(sealed, 'escape'), E'\n') from provider p`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if rows := dump(); strings.Contains(rows, "hunter2") || strings.Contains(rows, callback) || len(callback) != 26 {
		t.Errorf("the rows have a secret: %s", rows)
	}

	changed := s.gateway("vonage")
	changed.Secrets = nil
	if v := save(t, r, db, changed); fmt.Sprint(v.Secrets) != "[key]" || !strings.HasSuffix(v.CallbackURL, callback) || v.Version != 2 {
		t.Errorf("what is not named stays: %+v", v)
	}
	changed.Secrets = map[string]*string{"callback_key": nil}
	if v := save(t, r, db, changed); v.CallbackURL == "" || strings.HasSuffix(v.CallbackURL, callback) {
		t.Error("another address was wanted")
	}
	changed.Secrets = map[string]*string{"key": nil}
	if _, err := r.Save(t.Context(), enginedb.New(db), changed, providers.AnyVersion); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("a template's secret is gone, and that is %v", err)
	}

	// A new key seals what the old one did, and the old one may go.
	rotated := seal.New(key(t, 2), old)
	for _, want := range []int{3, 0} { // webpush and webhook too
		if n, err := providers.Reseal(t.Context(), enginedb.New(db), rotated); err != nil || n != want {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
	}
	after := node(t, db, seal.New(key(t, 2)))
	if got := s.asked(t, after, ann); got != "vonage" {
		t.Errorf("with the new key alone: asked %q", got)
	}
	all, older, closed, err := providers.Survey(t.Context(), enginedb.New(db), seal.New(old))
	if err != nil || all != 3 || older != 0 || len(closed) != 3 {
		t.Errorf("with the old key alone: %d %d %v %v", all, older, closed, err)
	}
}

// One that is broken is shown so, and stops nobody.
func TestABrokenProviderStopsNoOther(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	lost := node(t, db, seal.New(key(t, 9)))
	for _, name := range []string{"lost", "damaged", "strange", "well"} {
		save(t, lost, db, s.gateway(name))
	}
	r := node(t, db, seal.New(key(t, 1)))
	save(t, r, db, func() providers.Wish { w := s.gateway("damaged"); return w }())
	save(t, r, db, s.gateway("strange"))
	save(t, r, db, s.gateway("well"))
	for _, sql := range []string{
		`update provider set sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20)) where name = 'damaged'`,
		`update provider set settings = '{"colour": "red"}' where name = 'strange'`,
		`insert into provider (name, kind, position) values ('pigeon', 'pigeon', 1)`,
		`update providers set version = version + 1`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	read(t, r)
	if got := s.asked(t, r, ann); got != "well" {
		t.Errorf("asked %q", got)
	}
	all, err := r.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{"lost": "is not set", "damaged": "was changed", "strange": "colour", "pigeon": "is none of"}
	for _, v := range all {
		if want, broken := says[v.Name]; broken != (v.State == providers.Broken) && v.Name != "webpush" && v.Name != "webhook" || !strings.Contains(v.Why, want) {
			t.Errorf("%s is %s: %s", v.Name, v.State, v.Why)
		}
	}
	if _, err := r.Try(t.Context(), "lost", notifiers.SMS, ann); !errors.Is(err, providers.ErrBroken) {
		t.Errorf("tried: %v", err)
	}

	mended := s.gateway("lost")
	mended.Secrets = nil
	if _, err := r.Save(t.Context(), enginedb.New(db), mended, providers.AnyVersion); err == nil || !strings.Contains(err.Error(), "given anew") {
		t.Errorf("secrets that cannot be read were dropped: %v", err)
	}
	save(t, r, db, s.gateway("lost"))
	read(t, r)
	if v, err := r.View(t.Context(), "lost"); err != nil || v.State != providers.Well {
		t.Errorf("mended: %+v, %v", v, err)
	}
}

// Several nodes that start at once make one key each for Web Push and for webhooks.
func TestKeysAreMadeOnce(t *testing.T) {
	db, box := dbtest.New(t), seal.New(key(t, 1))
	nodes := make([]*providers.Registry, 6)
	var starting sync.WaitGroup
	for i := range nodes {
		starting.Go(func() { nodes[i] = node(t, db, box) })
	}
	starting.Wait()
	read(t, nodes...)
	public := nodes[0].PushKey()
	for _, r := range nodes {
		if r.PushKey() != public || public == "" || !r.Usable()[rosters.WebPush] || !r.Usable()[rosters.Webhook] {
			t.Errorf("%q, want %q; %v", r.PushKey(), public, r.Usable())
		}
	}
	var n int
	if err := db.QueryRow(t.Context(), `select count(*) from provider`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d providers, %v", n, err)
	}
	if none := node(t, dbtest.New(t), nil); none.PushKey() != "" || len(none.Usable()) != 0 {
		t.Error("without a key to seal with, keys are kept all the same")
	}
}

const accountSID = "AC0123456789abcdef0123456789abcdef"

// Nothing is sent with a provider that is disabled; what it calls back about is verified still.
func TestADisabledTwilioCallsBack(t *testing.T) {
	db := dbtest.New(t)
	r := node(t, db, seal.New(key(t, 1)))
	w := providers.Wish{Name: "twilio-us", Kind: providers.Twilio, Disabled: true, Settings: []byte(`{"account_sid": "` + accountSID + `", "from": "+15005550006"}`),
		Secrets: map[string]*string{"auth_token": text("token")}}
	save(t, r, db, w)
	read(t, r)
	if r.Usable()[rosters.SMS] || r.Usable()[rosters.Voice] {
		t.Error("it is used")
	}
	if all := r.Twilios(); len(all) != 1 || all[0].Name() != "twilio-us" {
		t.Errorf("callbacks of %v are verified", all)
	}
}

// The environment's come first, and nobody changes them here.
func TestThoseOfTheEnvironment(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	account, err := twilio.New(twilio.Config{AccountSID: accountSID, AuthTokens: []string{"token"}, From: "+15005550006", CallbackBase: "https://rouse.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	r := node(t, db, seal.New(key(t, 1)), providers.Given{Name: "twilio", Kind: providers.Twilio, Twilio: account,
		Channels: map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: account.SMS(), notifiers.Voice: account.Voice()}})
	save(t, r, db, s.gateway("vonage"))
	all, err := r.Views(t.Context())
	if err != nil || all[0].Name != "twilio" || !all[0].Given || len(all[0].Channels) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	store := enginedb.New(db)
	if _, err := r.Save(t.Context(), store, s.gateway("twilio"), providers.AnyVersion); !errors.Is(err, providers.ErrGiven) {
		t.Errorf("saving: %v", err)
	}
	if err := r.Delete(t.Context(), store, "twilio", providers.AnyVersion); !errors.Is(err, providers.ErrGiven) {
		t.Errorf("deleting: %v", err)
	}

	// One that was stored before the environment had one of the name.
	before := node(t, db, seal.New(key(t, 1)))
	save(t, before, db, s.gateway("twilio"))
	read(t, r)
	if all, _ = r.Views(t.Context()); all[len(all)-1].Name != "twilio" || all[len(all)-1].State != providers.Broken {
		t.Errorf("%+v", all[len(all)-1])
	}
	if err := r.Delete(t.Context(), store, "twilio", providers.AnyVersion); err != nil {
		t.Errorf("deleting the stored one: %v", err)
	}
}

// Who names no version is never told that somebody was faster: the last one wins.
func TestTheLastOneWins(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	r := node(t, db, seal.New(key(t, 1)))
	var saving sync.WaitGroup
	for range 3 {
		saving.Go(func() {
			if _, err := r.Save(t.Context(), enginedb.New(db), s.gateway("vonage"), providers.AnyVersion); err != nil {
				t.Error(err)
			}
		})
	}
	saving.Wait()
	read(t, r)
	if v, err := r.View(t.Context(), "vonage"); err != nil || v.Version != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Who was slower is told so.
func TestVersions(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	r := node(t, db, seal.New(key(t, 1)))
	store := enginedb.New(db)
	if _, err := r.Save(t.Context(), store, s.gateway("vonage"), 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("a version of nothing: %v", err)
	}
	save(t, r, db, s.gateway("vonage"))
	save(t, r, db, s.gateway("vonage"))
	if _, err := r.Save(t.Context(), store, s.gateway("vonage"), 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("an old version: %v", err)
	}
	if err := r.Delete(t.Context(), store, "vonage", 1); !errors.Is(err, enginedb.ErrVersion) {
		t.Errorf("deleting an old version: %v", err)
	}
	if err := r.Delete(t.Context(), store, "vonage", 2); err != nil {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), store, "vonage", 2); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
}

// What is wrong is said field by field, all of it.
func TestSaveSaysWhatIsWrong(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	r := node(t, db, seal.New(key(t, 1)))
	for _, test := range []struct {
		kind     providers.Kind
		settings string
		secrets  map[string]*string
		fields   string
	}{
		{"pigeon", `{}`, nil, "/kind"},
		{providers.Twilio, `{}`, nil, "/settings/account_sid /secrets/auth_token /settings/from"},
		{providers.Twilio, `{"account_sid": "` + accountSID + `", "from": "+15005550006", "api_key": "SK"}`, map[string]*string{"auth_token": text("t")}, "/settings/api_key"},
		{providers.Twilio, `{"colour": "red"}`, nil, "/settings"},
		{providers.Twilio, `{"account_sid": "` + accountSID + `", "from": "+15005550006", "senders": {"": "+15005550007"}}`, map[string]*string{"auth_token": text("t")}, "/settings/senders"},
		{providers.Slack, `{"channels": "#incidents"}`, nil, "/settings/channels"},
		{providers.Twilio, `{"numbers": ["49"]}`, nil, "/settings/numbers"},
		{providers.Ntfy, `{}`, map[string]*string{"token": text("a b")}, "/settings/url /secrets/token"},
		{providers.Ntfy, `{"url": "https://ntfy.example.com"}`, map[string]*string{"password": text("x")}, "/secrets/password"},
		{providers.Ntfy, `{"url": "https://ntfy.example.com"}`, map[string]*string{"token": text("")}, "/secrets/token"},
		{providers.Email, `{"port": 70000, "security": "maybe"}`, nil, "/settings/host /settings/port /settings/security /settings/from"},
		{providers.Webhook, `{}`, map[string]*string{"secret": text("short")}, "/secrets/secret"},
		{providers.WebPush, `{"subject": "me"}`, nil, "/settings/subject"},
		{providers.WebPush, `{}`, map[string]*string{"key": text("?")}, "/secrets/key"},
		{providers.Gateway, `{"preset": "pigeon"}`, nil, "/settings/preset"},
		{providers.Gateway, `{"preset": "kannel"}`, map[string]*string{"username": text("x")}, "/secrets/password /settings/set/url"},
		{providers.Gateway, `{"url": "{{.Nope}}", "answer": {"Taken": "?"}}`, nil, "/settings/answer/taken"},
		{providers.Gateway, `{"url": "{{.Nope}}"}`, nil, "/settings/url"},
		{providers.Gateway, `{"url": "` + s.URL + `"}`, map[string]*string{"callback_key": text("mine")}, "/secrets/callback_key"},
	} {
		_, err := r.Save(t.Context(), enginedb.New(db), providers.Wish{Name: "x", Kind: test.kind, Settings: json.RawMessage(test.settings), Secrets: test.secrets}, providers.AnyVersion)
		found, _ := errors.AsType[rosters.FieldErrors](err)
		var fields []string
		for _, f := range found {
			fields = append(fields, f.Field)
		}
		if strings.Join(fields, " ") != test.fields {
			t.Errorf("%s %s: %v, want %s", test.kind, test.settings, err, test.fields)
		}
	}
	keyless := node(t, db, nil)
	if _, err := keyless.Save(t.Context(), enginedb.New(db), s.gateway("x"), providers.AnyVersion); err == nil || !strings.Contains(err.Error(), "ROUSE_SECRET_KEY") {
		t.Errorf("without a key to seal with: %v", err)
	}
	if _, err := keyless.Save(t.Context(), enginedb.New(db), providers.Wish{Name: "open", Kind: providers.Ntfy, Settings: []byte(`{"url": "https://ntfy.example.com"}`)}, providers.AnyVersion); err != nil {
		t.Errorf("what has no secrets needs no key: %v", err)
	}
}

// A change of one provider forgets nothing of the others; a test tells what the provider said, also later, and
// what is final stays.
func TestHealthAndTests(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	r := node(t, db, seal.New(key(t, 1)))
	save(t, r, db, s.gateway("well"))
	bad := s.gateway("bad")
	bad.Settings = []byte(`{"url": "` + refusing.URL + `"}`)
	save(t, r, db, bad)
	for range 3 {
		if got, err := r.Try(t.Context(), "bad", notifiers.SMS, ann); err != nil || got.State != "failed" || !strings.Contains(got.Detail, "refused") {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	sent, err := r.Try(t.Context(), "well", notifiers.SMS, ann)
	if err != nil || sent.State != "sent" {
		t.Fatalf("%+v, %v", sent, err)
	}
	save(t, r, db, s.gateway("another"))
	for name, want := range map[string]providers.State{"well": providers.Well, "bad": providers.Failing, "another": providers.Well} {
		v, err := r.View(t.Context(), name)
		if err != nil || v.State != want || v.Channels[0].LastSuccess.IsZero() == (name == "well") || (v.Channels[0].Failure == "") == (name == "bad") {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	for _, told := range []struct{ say, is notifiers.State }{{notifiers.Sent, notifiers.Sent}, {notifiers.Delivered, notifiers.Delivered}, {notifiers.Failed, notifiers.Delivered}} {
		if err := r.Told(t.Context(), sent.Nonce, notifiers.Receipt{State: told.say}); err != nil {
			t.Fatal(err)
		}
		if got, err := enginedb.New(db).Test(t.Context(), "well", sent.Nonce); err != nil || string(got.State) != string(told.is) {
			t.Errorf("told %s: %+v, %v", told.say, got, err)
		}
	}
	if err := r.Told(t.Context(), "NOBODYS", notifiers.Receipt{State: notifiers.Sent}); !errors.Is(err, enginedb.ErrNotFound) {
		t.Errorf("news of nothing: %v", err)
	}
	if _, err := r.Try(t.Context(), "well", notifiers.Voice, ann); !errors.Is(err, providers.ErrNoChannel) {
		t.Errorf("a call: %v", err)
	}
}

// Only the address with the key is a gateway's.
func TestGatewayIsFoundByItsKey(t *testing.T) {
	db, s := dbtest.New(t), newSMS(t)
	r := node(t, db, seal.New(key(t, 1)))
	v := save(t, r, db, s.gateway("vonage"))
	read(t, r)
	parts := strings.Split(v.CallbackURL, "/")
	if g, ok := r.Gateway("vonage", parts[len(parts)-1]); !ok || g == nil {
		t.Error("not found by its key")
	}
	for _, wrong := range []string{"", "x", parts[len(parts)-1] + "x"} {
		if _, ok := r.Gateway("vonage", wrong); ok {
			t.Errorf("found by %q", wrong)
		}
	}
}
