// Package slack posts incidents into channels of Slack and reads the buttons that are pressed there
// (https://docs.slack.dev/reference/methods/chat.postMessage, .../chat.update). It decides nothing.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers"
)

// Provider is the name in failures.
const Provider = "slack"

const timeout = 10 * time.Second

// Config is an app in a workspace.
type Config struct {
	Token string // the bot's, xoxb-…, with the scope chat:write
	// SigningSecrets verify what Slack posts back. While one is rotated both stand here.
	SigningSecrets []string
	BaseURL        string       // "" is https://slack.com/api
	HTTP           *http.Client // nil is a strict notifiers.Guard's
}

// Slack is a notifiers.Poster, to be used by many goroutines.
type Slack struct {
	token   string
	secrets []string
	url     string
	http    *http.Client
}

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*Slack, error) {
	var wrong []error
	if c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n") {
		wrong = append(wrong, errors.New("slack: Token is missing, or has white space in it (xoxb-…)"))
	}
	if len(c.SigningSecrets) == 0 {
		wrong = append(wrong, errors.New("slack: SigningSecrets has none: without it a button cannot be told from a forged one"))
	}
	if c.BaseURL == "" {
		c.BaseURL = "https://slack.com/api"
	}
	if u, err := url.Parse(c.BaseURL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		wrong = append(wrong, errors.New("slack: BaseURL is not a URL"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	s := &Slack{token: c.Token, secrets: c.SigningSecrets, url: strings.TrimRight(c.BaseURL, "/"), http: c.HTTP}
	if s.http == nil {
		s.http = notifiers.Guard{}.Client()
	}
	return s, nil
}

// Post writes a new post. Its Ref is the channel's id and the post's time.
func (s *Slack) Post(ctx context.Context, channel string, p notifiers.Post) (ref string, err error) {
	if channel == "" || strings.ContainsAny(channel, " \t\r\n,") {
		return "", &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a channel: C0123456789, or #name"}
	}
	made, err := s.call(ctx, "chat.postMessage", payload(channel, "", p))
	if err != nil {
		return "", err
	}
	if made.Channel == "" || made.TS == "" {
		return "", notifiers.Lost(Provider, "the answer could not be understood", nil)
	}
	return made.Channel + "/" + made.TS, nil
}

// Update writes a post again.
func (s *Slack) Update(ctx context.Context, ref string, p notifiers.Post) error {
	channel, ts, ok := strings.Cut(ref, "/")
	if !ok {
		return &notifiers.Failure{Kind: notifiers.Final, Gone: true, Provider: Provider, Detail: "not a post"}
	}
	_, err := s.call(ctx, "chat.update", payload(channel, ts, p))
	return err
}

// SignIn shows that Slack accepts the token, and writes nothing
// (https://docs.slack.dev/reference/methods/auth.test). The error is a notifiers.Failure.
func (s *Slack) SignIn(ctx context.Context) error {
	_, err := s.call(ctx, "auth.test", object{})
	return err
}

type object map[string]any

// payload is a post as blocks (https://docs.slack.dev/reference/block-kit/blocks), with its first line as the
// text of notifications.
func payload(channel, ts string, p notifiers.Post) object {
	title := p.Title()
	blocks := []object{{"type": "header", "text": object{"type": "plain_text", "text": cut(mark(p)+" "+title, 150), "emoji": true}}}
	if about := p.About(); len(about) > 0 {
		blocks = append(blocks, object{"type": "section", "text": object{"type": "plain_text", "text": cut(strings.Join(about, "\n"), 3000)}})
	}
	var buttons []object
	for _, b := range []struct{ label, id, style string }{{p.Ack, "ack", "primary"}, {p.Decline, "decline", ""}} {
		if b.label == "" {
			continue
		}
		button := object{"type": "button", "action_id": b.id, "value": p.Key, "text": object{"type": "plain_text", "text": cut(b.label, 75)}}
		if b.style != "" {
			button["style"] = b.style
		}
		buttons = append(buttons, button)
	}
	if len(buttons) > 0 {
		blocks = append(blocks, object{"type": "actions", "elements": buttons})
	}
	body := object{"channel": channel, "text": escape(title), "blocks": blocks, "unfurl_links": false, "unfurl_media": false, "parse": "none", "link_names": false}
	if ts != "" {
		body["ts"] = ts
	}
	return body
}

func mark(p notifiers.Post) string {
	switch {
	case p.Over:
		return "✅"
	case p.Severity == 1:
		return "🚨"
	case p.Severity == 2:
		return "⚠️"
	default:
		return "ℹ️"
	}
}

// escape is what Slack asks for in a text with markup.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func cut(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes-3]) + "..."
	}
	return text
}

// answer is what the API says, https://docs.slack.dev/apis/web-api/#responses.
type answer struct {
	OK      bool   `json:"ok"`
	Error   string `json:"error"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

func (s *Slack) call(ctx context.Context, method string, body object) (a answer, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return a, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "the post could not be made", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/"+method, bytes.NewReader(text))
	if err != nil {
		return a, fmt.Errorf("slack: building a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := notifiers.Do(s.http, Provider, req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return a, refusedBy(res)
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return a, notifiers.Lost(Provider, "the answer could not be understood", nil)
	}
	if !a.OK {
		return a, refused(a.Error)
	}
	return a, nil
}

func refusedBy(res *http.Response) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider, Code: strconv.Itoa(res.StatusCode), Detail: "Slack is out of order",
		RetryAfter: notifiers.RetryAfter(res.Header, time.Now())}
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		f.Detail = "too many requests"
	case res.StatusCode < 500:
		f.Kind, f.Detail = notifiers.Final, "Slack refused the request"
	default:
		f.Doubtful = res.StatusCode != http.StatusServiceUnavailable
	}
	return f
}

// refused says what an error of the API means.
func refused(code string) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Code: code, Detail: "Slack refused the post"}
	switch code {
	case "channel_not_found", "is_archived":
		f.Gone, f.Detail = true, "there is no such channel, or it is archived"
	case "not_in_channel":
		f.Detail = "Rouse's app is not in the channel: invite it there"
	case "message_not_found", "cant_update_message", "edit_window_closed":
		f.Gone, f.Detail = true, "the post is not there any more, or may not be changed"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope":
		f.Kind, f.Detail = notifiers.Passing, "Slack does not accept the app's token, or it lacks the scope chat:write"
	case "ratelimited", "rate_limited":
		f.Kind, f.Detail = notifiers.Passing, "too many requests"
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout":
		f.Kind, f.Doubtful, f.Detail = notifiers.Passing, true, "Slack is out of order"
	}
	return f
}
