package slack_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/notifiers/fake"
	"rouse/notifiers/slack"
)

const (
	token  = "xoxb-secret-of-the-bot"
	secret = "8f742231b10e8888abcd99yyyzzz85a5"
)

// workspace is a Slack on loopback that keeps posts, by their time.
type workspace struct {
	*fake.Server
	posts map[string]map[string]any
	order []string
	err   string // that the API answers with
}

func start(t *testing.T) (*workspace, *slack.Slack, *http.Client) {
	t.Helper()
	w := &workspace{posts: map[string]map[string]any{}}
	server, err := fake.Start(fake.Config{Handler: http.HandlerFunc(w.serve), Sends: func(*http.Request) bool { return true },
		Refuse: func(w http.ResponseWriter, status int) { http.Error(w, "no", status) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w.Server = server
	client := notifiers.Guard{AllowPrivate: true}.Client()
	s, err := slack.New(slack.Config{Token: token, SigningSecrets: []string{"another", secret}, BaseURL: server.URL(), HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	return w, s, client
}

func (w *workspace) serve(res http.ResponseWriter, r *http.Request) {
	var body map[string]any
	say := func(v any) { _ = json.NewEncoder(res).Encode(v) }
	switch err := json.NewDecoder(r.Body).Decode(&body); {
	case r.Header.Get("Authorization") != "Bearer "+token:
		say(map[string]any{"ok": false, "error": "invalid_auth"})
	case err != nil:
		say(map[string]any{"ok": false, "error": "invalid_json"})
	case w.err != "":
		say(map[string]any{"ok": false, "error": w.err})
	case r.URL.Path == "/auth.test":
		say(map[string]any{"ok": true, "user_id": "W123456"})
	case r.URL.Path == "/chat.postMessage":
		ts := fmt.Sprintf("1700000000.%06d", len(w.order)+1)
		w.posts[ts], w.order = body, append(w.order, ts)
		say(map[string]any{"ok": true, "channel": "C0123456789", "ts": ts})
	case r.URL.Path == "/chat.update" && w.posts[fmt.Sprint(body["ts"])] != nil:
		w.posts[fmt.Sprint(body["ts"])] = body
		say(map[string]any{"ok": true, "channel": body["channel"], "ts": body["ts"]})
	default:
		say(map[string]any{"ok": false, "error": "message_not_found"})
	}
}

func post() notifiers.Post {
	return notifiers.Post{Key: "HOT-1", Severity: 1, Summary: "disk full on db1", Service: "bitbucket", Lines: []string{"Ann is being paged."}, Ack: "Acknowledge", Decline: "Decline"}
}

func TestAPostIsWrittenAgainInItsPlace(t *testing.T) {
	w, s, _ := start(t)
	ref, err := s.Post(t.Context(), "#ops", post())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(w.posts[w.order[0]])
	for _, want := range []string{`"channel":"#ops"`, `"text":"HOT-1 SEV1 disk full on db1"`, "Service bitbucket.", "Ann is being paged.", `"action_id":"ack"`, `"value":"HOT-1"`, `"action_id":"decline"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	p := post()
	p.Over, p.Ack, p.Decline, p.Lines = true, "", "", []string{"Over."}
	if err := s.Update(t.Context(), ref, p); err != nil {
		t.Fatal(err)
	}
	text, _ = json.Marshal(w.posts[w.order[0]])
	if len(w.order) != 1 || strings.Contains(string(text), "actions") || !strings.Contains(string(text), "✅") {
		t.Errorf("%d posts, now %s", len(w.order), text)
	}
}

// Nobody who writes a summary calls a channel, formats or links.
func TestMarkupIsShownAsItIs(t *testing.T) {
	w, s, _ := start(t)
	for _, hostile := range []string{"<!channel> <@U1> <https://evil.example.com|click>", "*b* _i_ `c` & > <", strings.Repeat("長", 4000), "", "\x00\u202e"} {
		p := post()
		p.Summary, p.Lines = hostile, []string{hostile}
		if _, err := s.Post(t.Context(), "C1", p); err != nil {
			t.Errorf("%.20q: %v", hostile, err)
			continue
		}
		last := w.posts[w.order[len(w.order)-1]]
		if text := fmt.Sprint(last["text"]); strings.ContainsAny(text, "<>") {
			t.Errorf("it would be markup: %.100s", text)
		}
		text, _ := json.Marshal(last["blocks"])
		if strings.Contains(string(text), "mrkdwn") {
			t.Errorf("a block with markup: %.200s", text)
		}
	}
}

func TestFailures(t *testing.T) {
	w, s, client := start(t)
	for _, c := range []struct {
		fault fake.Fault
		err   string
		kind  notifiers.Kind
		gone  bool
	}{
		{fault: fake.Fault{Kind: fake.Unavailable}, kind: notifiers.Passing},
		{fault: fake.Fault{Kind: fake.TooMany, RetryAfter: 7 * time.Second}, kind: notifiers.Passing},
		{fault: fake.Fault{Kind: fake.Reset}, kind: notifiers.Unknown},
		{fault: fake.Fault{Kind: fake.Refuse}, kind: notifiers.Passing},
		{fault: fake.Fault{Kind: fake.Garbage}, kind: notifiers.Unknown},
		{err: "channel_not_found", kind: notifiers.Final, gone: true},
		{err: "not_in_channel", kind: notifiers.Final},
		{err: "message_not_found", kind: notifiers.Final, gone: true},
		{err: "token_revoked", kind: notifiers.Passing},
		{err: "ratelimited", kind: notifiers.Passing},
		{err: "something_new", kind: notifiers.Final},
	} {
		if err := w.Set(c.fault); err != nil {
			t.Fatal(err)
		}
		client.CloseIdleConnections()
		w.err = c.err
		_, err := s.Post(t.Context(), "C1", post())
		f, ok := errors.AsType[*notifiers.Failure](err)
		if !ok || f.Kind != c.kind || f.Gone != c.gone || strings.Contains(f.Error(), token) {
			t.Errorf("%s%s: %v", c.fault.Kind, c.err, err)
		}
		if c.fault.RetryAfter > 0 && f.RetryAfter != c.fault.RetryAfter {
			t.Errorf("come again after %s", f.RetryAfter)
		}
	}
	if err := w.Set(fake.Fault{Kind: fake.Hang}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Post(ctx, "C1", post()); notifiers.KindOf(err) != notifiers.Unknown {
		t.Errorf("silence: %v", err)
	}
	if err := s.Update(t.Context(), "nonsense", post()); notifiers.KindOf(err) != notifiers.Final {
		t.Errorf("an unknown post: %v", err)
	}
}

func pressed(body, at, with string) *http.Request {
	r := httptest.NewRequest("POST", "/callbacks/slack", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", at)
	mac := hmac.New(sha256.New, []byte(with))
	fmt.Fprintf(mac, "v0:%s:%s", at, body)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func TestButtons(t *testing.T) {
	_, s, _ := start(t)
	now := time.Unix(1_800_000_000, 0)
	body := "payload=" + url.QueryEscape(`{"type":"block_actions","user":{"id":"U1","username":"ann","name":"ann.b"},"actions":[{"action_id":"ack","value":"HOT-1","action_ts":"1.2"}]}`)
	p, err := s.Read(pressed(body, "1800000000", secret), now)
	if err != nil || p.Key != "HOT-1" || p.Decline || p.User != "U1" || p.Name != "ann.b" || p.Event == "" {
		t.Errorf("%+v, %v", p, err)
	}
	for name, r := range map[string]*http.Request{
		"another secret":  pressed(body, "1800000000", "wrong"),
		"too old":         pressed(body, "1799999699", secret),
		"from the future": pressed(body, "1800000301", secret),
		"no time":         pressed(body, "", secret),
		"changed":         func() *http.Request { r := pressed(body, "1800000000", secret); r.Body = http.NoBody; return r }(),
		"unsigned":        httptest.NewRequest("POST", "/callbacks/slack", strings.NewReader(body)),
	} {
		if _, err := s.Read(r, now); !errors.Is(err, slack.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, other := range []string{"", "payload=", "payload={}", "payload=" + url.QueryEscape(`{"type":"view_submission"}`),
		"payload=" + url.QueryEscape(`{"type":"block_actions","user":{"id":"U1"},"actions":[{"action_id":"delete","value":"HOT-1"}]}`)} {
		if _, err := s.Read(pressed(other, "1800000000", secret), now); !errors.Is(err, slack.ErrOther) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// The example of https://docs.slack.dev/authentication/verifying-requests-from-slack: signed, and no button.
func TestSlacksOwnExample(t *testing.T) {
	_, s, _ := start(t)
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
		"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	r := httptest.NewRequest("POST", "/callbacks/slack", strings.NewReader(body))
	r.Header.Set("X-Slack-Request-Timestamp", "1531420618")
	r.Header.Set("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
	if _, err := s.Read(r, time.Unix(1531420618, 0)); !errors.Is(err, slack.ErrOther) {
		t.Errorf("%v, want it to be signed", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	_, err := slack.New(slack.Config{Token: "a b", BaseURL: "slack.com"})
	for _, field := range []string{"Token", "SigningSecrets", "BaseURL"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%v does not name %s", err, field)
		}
	}
}

// Signing in tells a token that is good from one that is not, and posts nothing.
func TestSigningInPostsNothing(t *testing.T) {
	w, s, client := start(t)
	if err := s.SignIn(t.Context()); err != nil || len(w.posts) != 0 {
		t.Errorf("signed in with %v, and %d posts", err, len(w.posts))
	}
	other, err := slack.New(slack.Config{Token: "xoxb-another", SigningSecrets: []string{secret}, BaseURL: w.URL(), HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	var f *notifiers.Failure
	if err := other.SignIn(t.Context()); !errors.As(err, &f) || f.Code != "invalid_auth" || strings.Contains(err.Error(), "xoxb") {
		t.Errorf("with another token: %v", err)
	}
	w.Close()
	if err := s.SignIn(t.Context()); !errors.As(err, &f) || f.Code != "" {
		t.Errorf("with nobody there: %v", err)
	}
}
