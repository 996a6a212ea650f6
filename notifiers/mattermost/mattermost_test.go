package mattermost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/mattermost"
)

const (
	token   = "secret-token-of-the-bot"
	secret  = "what-proves-a-button"
	channel = "4yx9wd1j3tbe8npqr5sfuhgkmc"
)

// server is a Mattermost on loopback that keeps posts, by their ids.
type server struct {
	*fake.Server
	posts  map[string]map[string]any
	status int // that requests are refused with
}

func start(t *testing.T) (*server, *mattermost.Mattermost, *http.Client) {
	t.Helper()
	s := &server{posts: map[string]map[string]any{}}
	running, err := fake.Start(fake.Config{Handler: http.HandlerFunc(s.serve), Sends: func(*http.Request) bool { return true },
		Refuse: func(w http.ResponseWriter, status int) { http.Error(w, "no", status) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.Close)
	s.Server = running
	client := notifiers.Guard{AllowPrivate: true}.Client()
	m, err := mattermost.New(mattermost.Config{BaseURL: running.URL(), Token: token, CallbackURL: "https://rouse.example.com/callbacks/mattermost/x", Secret: secret, HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	return s, m, client
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	err := json.NewDecoder(r.Body).Decode(&body)
	id := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/v4/posts/"), "/patch")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
	case s.status != 0:
		w.Header().Set("X-Ratelimit-Reset", "7")
		w.WriteHeader(s.status)
	case r.Method == http.MethodGet && r.URL.Path == "/api/v4/users/me":
		_ = json.NewEncoder(w).Encode(map[string]any{"id": fmt.Sprintf("%026d", 7)})
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case r.Method == http.MethodPost && r.URL.Path == "/api/v4/posts":
		id := fmt.Sprintf("%026d", len(s.posts)+1)
		s.posts[id] = body
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "channel_id": body["channel_id"]})
	case r.Method == http.MethodPut && s.posts[id] != nil:
		s.posts[id] = body
		_ = json.NewEncoder(w).Encode(map[string]any{"id": id})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func post() notifiers.Post {
	return notifiers.Post{Key: "HOT-1", Severity: 1, Summary: "disk full on db1", Service: "bitbucket", Lines: []string{"Ann is being paged."}, Ack: "Acknowledge", Decline: "Decline"}
}

// context is what a press of a button brings back.
func (s *server) context(t *testing.T, ref string, button int) map[string]any {
	t.Helper()
	attachment := s.posts[ref]["props"].(map[string]any)["attachments"].([]any)[0].(map[string]any)
	return attachment["actions"].([]any)[button].(map[string]any)["integration"].(map[string]any)["context"].(map[string]any)
}

func press(context map[string]any, user string) *http.Request {
	body, _ := json.Marshal(map[string]any{"user_id": user, "user_name": "ann", "post_id": "p", "trigger_id": "t1", "context": context})
	return httptest.NewRequest("POST", "/callbacks/mattermost/x", strings.NewReader(string(body)))
}

func TestAPostIsWrittenAgainInItsPlaceAndItsButtonsAnswer(t *testing.T) {
	s, m, _ := start(t)
	ref, err := m.Post(t.Context(), channel, post())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(s.posts[ref])
	for _, want := range []string{`"channel_id":"` + channel, `"fallback":"HOT-1 SEV1 disk full on db1"`, "Service bitbucket.", "Ann is being paged.", `"name":"Acknowledge"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if strings.Contains(string(text), secret) {
		t.Error("the secret is in the post")
	}
	ack := s.context(t, ref, 0)
	p, err := m.Read(press(ack, "u1"))
	if err != nil || p.Key != "HOT-1" || p.Decline || p.User != "u1" || p.Name != "ann" || p.Event == "" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := m.Read(press(s.context(t, ref, 1), "u1")); err != nil || !p.Decline {
		t.Errorf("%+v, %v", p, err)
	}
	for name, change := range map[string]func(map[string]any){
		"another incident": func(c map[string]any) { c["key"] = "HOT-2" },
		"another answer":   func(c map[string]any) { c["answer"] = "decline" },
		"no proof":         func(c map[string]any) { delete(c, "proof") },
	} {
		forged := map[string]any{}
		for k, v := range ack {
			forged[k] = v
		}
		change(forged)
		if _, err := m.Read(press(forged, "u1")); !errors.Is(err, mattermost.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Read(press(ack, "")); !errors.Is(err, mattermost.ErrForged) {
		t.Error("nobody pressed")
	}

	over := post()
	over.Over, over.Ack, over.Decline = true, "", ""
	if err := m.Update(t.Context(), ref, over); err != nil {
		t.Fatal(err)
	}
	if text, _ = json.Marshal(s.posts[ref]); strings.Contains(string(text), "actions") || len(s.posts) != 1 {
		t.Errorf("%d posts, now %s", len(s.posts), text)
	}
}

func TestMarkupIsShownAsItIs(t *testing.T) {
	s, m, _ := start(t)
	p := post()
	p.Summary = "@channel **b** [x](https://evil.example.com) <b>`c` #h ![i](y)"
	ref, err := m.Post(t.Context(), channel, p)
	if err != nil {
		t.Fatal(err)
	}
	if message := s.posts[ref]["message"]; message != "" {
		t.Errorf("a message that mentions: %v", message)
	}
	text, _ := json.Marshal(s.posts[ref])
	for _, markup := range []string{"**b**", "[x](", "<b>", "![i]"} {
		if strings.Contains(string(text), markup) {
			t.Errorf("%s would be markup in %s", markup, text)
		}
	}
}

func TestFailures(t *testing.T) {
	s, m, client := start(t)
	for _, c := range []struct {
		fault  fake.Fault
		status int
		kind   notifiers.Kind
		gone   bool
	}{
		{fault: fake.Fault{Kind: fake.Unavailable}, kind: notifiers.Passing},
		{fault: fake.Fault{Kind: fake.Reset}, kind: notifiers.Unknown},
		{fault: fake.Fault{Kind: fake.Refuse}, kind: notifiers.Passing},
		{fault: fake.Fault{Kind: fake.Garbage}, kind: notifiers.Unknown},
		{status: 429, kind: notifiers.Passing},
		{status: 401, kind: notifiers.Passing},
		{status: 403, kind: notifiers.Final},
		{status: 404, kind: notifiers.Final, gone: true},
		{status: 500, kind: notifiers.Passing},
		{status: 400, kind: notifiers.Final},
	} {
		if err := s.Set(c.fault); err != nil {
			t.Fatal(err)
		}
		client.CloseIdleConnections()
		s.status = c.status
		_, err := m.Post(t.Context(), channel, post())
		f, ok := errors.AsType[*notifiers.Failure](err)
		if !ok || f.Kind != c.kind || f.Gone != c.gone || strings.Contains(f.Error(), token) {
			t.Errorf("%s %d: %v", c.fault.Kind, c.status, err)
			continue
		}
		if c.status == 429 && f.RetryAfter != 7*time.Second {
			t.Errorf("come again after %s", f.RetryAfter)
		}
	}
	for _, to := range []string{"", "town-square", "../x"} {
		if _, err := m.Post(t.Context(), to, post()); notifiers.KindOf(err) != notifiers.Final {
			t.Errorf("%q: %v", to, err)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := mattermost.New(mattermost.Config{BaseURL: "chat.example.com", Secret: "short"})
	for _, field := range []string{"BaseURL", "CallbackURL", "Token", "Secret"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// Signing in tells a token that is good from one that is not, and posts nothing.
func TestSigningInPostsNothing(t *testing.T) {
	s, m, client := start(t)
	if err := m.SignIn(t.Context()); err != nil || len(s.posts) != 0 {
		t.Errorf("signed in with %v, and %d posts", err, len(s.posts))
	}
	other, err := mattermost.New(mattermost.Config{BaseURL: s.URL(), Token: "another", CallbackURL: "https://rouse.example.com/callbacks/mattermost/x", Secret: secret, HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	var f *notifiers.Failure
	if err := other.SignIn(t.Context()); !errors.As(err, &f) || f.Code != "401" {
		t.Errorf("with another token: %v", err)
	}
	s.Close()
	if err := m.SignIn(t.Context()); !errors.As(err, &f) || f.Code != "" {
		t.Errorf("with nobody there: %v", err)
	}
}
