package callbacks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/notifiers/mattermost"
	"rouse/notifiers/slack"
	"rouse/rosters"
)

const slackSecret = "signing-secret-of-the-app"

type fakeChats struct {
	slack      *slack.Slack
	mattermost *mattermost.Mattermost
}

func (c fakeChats) Slack(name string) (*slack.Slack, bool) { return c.slack, name == "slack" }
func (c fakeChats) Mattermost(name string) (*mattermost.Mattermost, bool) {
	return c.mattermost, name == "mattermost"
}

// Press answers for Ann, whom the chat knows as U1.
func (e *fakeEngine) Press(_ context.Context, chat string, p notifiers.Pressed) (pager.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.failing(); err != nil {
		return pager.Reply{}, err
	}
	if p.User != "U1" {
		return pager.Reply{}, pager.ErrStranger
	}
	outcome := engine.OutcomeManager
	if p.Decline {
		outcome = engine.OutcomeDeclined
	}
	e.effects = append(e.effects, fmt.Sprintf("%s in %s", outcome, chat))
	return pager.Reply{Outcome: outcome, Key: engine.Key(p.Key), Person: rosters.Person{ID: "ann", Name: "Ann"}}, nil
}

// A button of a post in Slack answers if Slack signed it, and who pressed is told what it did.
func TestSlackButtons(t *testing.T) {
	whispers := make(chan string, 10)
	reply := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		whispers <- r.Header.Get("Authorization") + string(body)
	}))
	defer reply.Close()
	chat, err := slack.New(slack.Config{Token: "xoxb-1", SigningSecrets: []string{slackSecret}, HTTP: notifiers.Guard{AllowPrivate: true}.Client()})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.h.chats = fakeChats{slack: chat}
	d.mux.HandleFunc("POST /callbacks/slack/{provider}", d.h.SlackButton)
	press := func(provider, user, action, with string) *httptest.ResponseRecorder {
		body := "payload=" + url.QueryEscape(fmt.Sprintf(`{"type":"block_actions","user":{"id":%q,"name":"ann"},"response_url":%q,"actions":[{"action_id":%q,"value":"HOT-1","action_ts":"1.2"}]}`, user, reply.URL, action))
		r := httptest.NewRequest("POST", "/callbacks/slack/"+provider, strings.NewReader(body))
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(with))
		fmt.Fprintf(mac, "v0:%s:%s", at, body)
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		return d.do(r)
	}
	wantText(t, press("slack", "U1", "ack", slackSecret), http.StatusOK)
	if told := <-whispers; !strings.Contains(told, "HOT-1: Acknowledged. You are now the incident manager.") || strings.Contains(told, "xoxb") {
		t.Errorf("told: %s", told)
	}
	wantText(t, press("slack", "U2", "ack", slackSecret), http.StatusOK)
	if told := <-whispers; !strings.Contains(told, "rouse provider user slack U2 HANDLE") {
		t.Errorf("a stranger was told: %s", told)
	}
	wantText(t, press("slack", "U1", "ack", "another"), http.StatusForbidden)
	wantText(t, press("teams", "U1", "ack", slackSecret), http.StatusNotFound)
	wantText(t, press("slack", "U1", "delete", slackSecret), http.StatusOK)
	d.wantEffects(t, string(engine.OutcomeManager)+" in slack")
	d.broken = 1000
	wantText(t, press("slack", "U1", "ack", slackSecret), http.StatusServiceUnavailable)
}

func TestMattermostButtons(t *testing.T) {
	chat, err := mattermost.New(mattermost.Config{BaseURL: "https://chat.example.com", Token: "t", CallbackURL: publicURL + "/callbacks/mattermost/mattermost", Secret: "what-proves-a-button"})
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.h.chats = fakeChats{mattermost: chat}
	d.mux.HandleFunc("POST /callbacks/mattermost/{provider}", d.h.MattermostButton)
	forged := `{"user_id":"U1","context":{"key":"HOT-1","answer":"ack","proof":"x"}}`
	wantText(t, d.do(httptest.NewRequest("POST", "/callbacks/mattermost/mattermost", strings.NewReader(forged))), http.StatusForbidden)
	wantText(t, d.do(httptest.NewRequest("POST", "/callbacks/mattermost/other", strings.NewReader(forged))), http.StatusNotFound)
	if said, ok := d.h.pressedIn(httptest.NewRequest("POST", "/", nil), "mattermost", notifiers.Pressed{Key: "HOT-1", User: "U1", Decline: true}); !ok || !strings.Contains(said, "Declined") {
		t.Errorf("%q, %t", said, ok)
	}
	d.wantEffects(t, string(engine.OutcomeDeclined)+" in mattermost")
}
