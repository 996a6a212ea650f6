// Package mattermost posts incidents into channels of a Mattermost server and reads the buttons that are
// pressed there (https://developers.mattermost.com/api-documentation/#/operations/CreatePost,
// https://developers.mattermost.com/integrate/plugins/interactive-messages/). It decides nothing.
package mattermost

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rouse/notifiers"
)

// Provider is the name in failures.
const Provider = "mattermost"

const (
	timeout     = 10 * time.Second
	maxCallback = 256 << 10
	minSecret   = 16
)

// Config is a bot on a server.
type Config struct {
	BaseURL string // "https://chat.example.com"; required
	Token   string // the bot's access token
	// CallbackURL is where Mattermost posts the buttons that are pressed. It signs nothing itself: what comes
	// back carries what Secret made of the button.
	CallbackURL string
	Secret      string       // at least 16 bytes
	HTTP        *http.Client // nil is a strict notifiers.Guard's
}

// Mattermost is a notifiers.Poster, to be used by many goroutines.
type Mattermost struct {
	cfg  Config
	http *http.Client
}

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*Mattermost, error) {
	var wrong []error
	for field, address := range map[string]string{"BaseURL": c.BaseURL, "CallbackURL": c.CallbackURL} {
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
			wrong = append(wrong, fmt.Errorf("mattermost: %s is not a URL", field))
		}
	}
	if c.Token == "" || strings.ContainsAny(c.Token, " \t\r\n") {
		wrong = append(wrong, errors.New("mattermost: Token is missing, or has white space in it"))
	}
	if len(c.Secret) < minSecret {
		wrong = append(wrong, fmt.Errorf("mattermost: Secret has %d bytes; it must have %d, or a button could be forged", len(c.Secret), minSecret))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	m := &Mattermost{cfg: c, http: c.HTTP}
	if m.http == nil {
		m.http = notifiers.Guard{}.Client()
	}
	return m, nil
}

// ids are those that Mattermost makes.
var ids = regexp.MustCompile(`^[a-z0-9]{26}$`)

// Post writes a new post.
func (m *Mattermost) Post(ctx context.Context, channel string, p notifiers.Post) (ref string, err error) {
	if !ids.MatchString(channel) {
		return "", &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a channel's id: 26 letters and digits, shown by \"View Info\" of the channel"}
	}
	body := m.payload(p)
	body["channel_id"] = channel
	return m.call(ctx, http.MethodPost, "/api/v4/posts", body, http.StatusCreated)
}

// Update writes a post again.
func (m *Mattermost) Update(ctx context.Context, ref string, p notifiers.Post) error {
	if !ids.MatchString(ref) {
		return &notifiers.Failure{Kind: notifiers.Final, Gone: true, Provider: Provider, Detail: "not a post"}
	}
	_, err := m.call(ctx, http.MethodPut, "/api/v4/posts/"+ref+"/patch", m.payload(p), http.StatusOK)
	return err
}

// SignIn shows that Mattermost accepts the token, and writes nothing
// (https://developers.mattermost.com/api-documentation/#/operations/GetUser, of "me"). The error is a notifiers.Failure.
func (m *Mattermost) SignIn(ctx context.Context) error {
	_, err := m.call(ctx, http.MethodGet, "/api/v4/users/me", nil, http.StatusOK)
	return err
}

type object map[string]any

func (m *Mattermost) payload(p notifiers.Post) object {
	title := escape(p.Title())
	attachment := object{"fallback": title, "title": title, "color": color(p), "text": escape(strings.Join(p.About(), "\n"))}
	var actions []object
	for _, b := range []struct{ label, id, style string }{{p.Ack, "ack", "success"}, {p.Decline, "decline", "default"}} {
		if b.label != "" {
			actions = append(actions, object{"id": b.id, "name": b.label, "type": "button", "style": b.style, "integration": object{
				"url": m.cfg.CallbackURL, "context": object{"key": p.Key, "answer": b.id, "proof": m.proof(p.Key, b.id)}}})
		}
	}
	if len(actions) > 0 {
		attachment["actions"] = actions
	}
	// A mention in a message calls people; one in an attachment does not.
	return object{"message": "", "props": object{"attachments": []object{attachment}}}
}

func color(p notifiers.Post) string {
	switch {
	case p.Over:
		return "#2e7d32"
	case p.Severity == 1:
		return "#c62828"
	case p.Severity == 2:
		return "#e65100"
	default:
		return "#455a64"
	}
}

// escape shows what would be markup as it is written.
func escape(text string) string { return markup.Replace(text) }

var markup = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "[", `\[`, "]", `\]`, "#", `\#`, "<", "&lt;", ">", "&gt;", "|", `\|`, "!", `\!`)

// proof is what shows that Rouse made a button.
func (m *Mattermost) proof(key, answer string) string {
	mac := hmac.New(sha256.New, []byte(m.cfg.Secret))
	fmt.Fprintf(mac, "%d:%s:%s", len(key), key, answer)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (m *Mattermost) call(ctx context.Context, method, path string, body object, want int) (id string, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return "", &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "the post could not be made", Err: err}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, m.cfg.BaseURL+path, bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("mattermost: building a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+m.cfg.Token)
	res, err := notifiers.Do(m.http, Provider, req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		return "", refusal(res)
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&made); err != nil || !ids.MatchString(made.ID) {
		return "", notifiers.Lost(Provider, "the answer could not be understood", nil)
	}
	return made.ID, nil
}

func refusal(res *http.Response) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Code: strconv.Itoa(res.StatusCode), Detail: "Mattermost refused the post"}
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized:
		f.Kind, f.Detail = notifiers.Passing, "Mattermost does not accept the bot's token"
	case status == http.StatusForbidden:
		f.Detail = "the bot may not write there: add it to the channel"
	case status == http.StatusNotFound:
		f.Gone, f.Detail = true, "the channel or the post is not there any more"
	case status == http.StatusTooManyRequests:
		f.Kind, f.Detail = notifiers.Passing, "too many requests"
		f.RetryAfter = retryAfter(res.Header)
	case status >= 500:
		f.Kind, f.Detail = notifiers.Passing, "Mattermost is out of order"
		f.Doubtful = status != http.StatusServiceUnavailable
		f.RetryAfter = notifiers.RetryAfter(res.Header, time.Now())
	case status < 300:
		f.Kind, f.Detail = notifiers.Unknown, "the answer is not Mattermost's"
	}
	return f
}

// retryAfter also reads X-Ratelimit-Reset, the seconds that Mattermost says instead.
func retryAfter(h http.Header) time.Duration {
	if d := notifiers.RetryAfter(h, time.Now()); d > 0 {
		return d
	}
	seconds, err := strconv.Atoi(h.Get("X-Ratelimit-Reset"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// ErrForged is returned for a callback that is about no button of ours.
var ErrForged = errors.New("mattermost: no button of a post of Rouse")

// Read checks a callback and reads which button was pressed. Any error is to be answered with 403.
func (m *Mattermost) Read(r *http.Request) (p notifiers.Pressed, err error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		return p, fmt.Errorf("%w: the body is too long, or broke off", ErrForged)
	}
	var pressed struct {
		User    string `json:"user_id"`
		Name    string `json:"user_name"`
		Trigger string `json:"trigger_id"`
		Context struct{ Key, Answer, Proof string }
	}
	if err := json.Unmarshal(body, &pressed); err != nil {
		return p, ErrForged
	}
	c := pressed.Context
	if !hmac.Equal([]byte(m.proof(c.Key, c.Answer)), []byte(c.Proof)) || c.Answer != "ack" && c.Answer != "decline" || pressed.User == "" {
		return p, ErrForged
	}
	event := pressed.Trigger
	if event == "" {
		event = c.Key + " " + c.Answer
	}
	return notifiers.Pressed{Key: c.Key, Decline: c.Answer == "decline", User: pressed.User, Name: pressed.Name, Event: pressed.User + " " + event}, nil
}
