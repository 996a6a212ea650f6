// Package ntfy sends pushes through an ntfy server (https://ntfy.sh, or one's own) to a topic that a
// phone subscribes to. A push has two buttons that answer it. It decides nothing.
package ntfy

import (
	"bytes"
	"context"
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

// Provider is the name in receipts and failures.
const Provider = "ntfy"

const (
	timeout  = 10 * time.Second
	maxBytes = 4000 // of a message; ntfy turns what is over 4,096 into an attachment
)

// Config is an ntfy server.
type Config struct {
	BaseURL string // "https://ntfy.example.com"; required: a topic at a public server is no secret
	Token   string // access token; "" on a server that lets everybody publish

	// IncidentURL is what a tap on the push opens, with the incident's key appended
	// ("https://rouse.example.com/incidents/"); "" opens nothing.
	IncidentURL string

	HTTP *http.Client // nil is a strict notifiers.Guard's
}

// Ntfy is a Notifier for pushes, to be used by many goroutines.
type Ntfy struct {
	url, token, incidentURL string
	http                    *http.Client
}

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*Ntfy, error) {
	var wrong []error
	if !isHTTP(c.BaseURL) {
		wrong = append(wrong, errors.New("ntfy: BaseURL is not a URL (https://ntfy.example.com)"))
	}
	if c.IncidentURL != "" && !isHTTP(c.IncidentURL) {
		wrong = append(wrong, errors.New("ntfy: IncidentURL is not a URL"))
	}
	if strings.ContainsAny(c.Token, " \t\r\n") {
		wrong = append(wrong, errors.New("ntfy: Token has white space in it"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	n := &Ntfy{url: strings.TrimRight(c.BaseURL, "/") + "/", token: c.Token, incidentURL: c.IncidentURL, http: c.HTTP}
	if n.http == nil {
		n.http = notifiers.Guard{}.Client()
	}
	return n, nil
}

func isHTTP(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.RawQuery == "" && u.Fragment == ""
}

// publication is a message in ntfy's JSON: https://docs.ntfy.sh/publish/#publish-as-json.
type publication struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Actions  []action `json:"actions,omitempty"`
}

// action is a button. ntfy's app makes the request when it is pressed, and clear takes the push away
// once that succeeded.
type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
	Method string `json:"method"`
	Clear  bool   `json:"clear"`
}

// topics are what ntfy accepts as a topic.
var topics = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// polled is how far back Arrived reads, by the server's own clock.
const polled = "3m"

// Arrived reads the topic's messages of the last three minutes, which takes the right to read it, and reports whether
// one of them has the message's nonce in its text (https://docs.ntfy.sh/subscribe/api/#poll-for-messages).
func (n *Ntfy) Arrived(ctx context.Context, m notifiers.Message) (bool, error) {
	if !topics.MatchString(m.To) || m.Nonce == "" {
		return false, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a topic: letters, digits, - and _ only"}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+m.To+"/json?poll=1&since="+polled, nil)
	if err != nil {
		return false, fmt.Errorf("ntfy: building a request: %w", err)
	}
	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}
	res, err := notifiers.Do(n.http, Provider, req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		f := refusal(res)
		if res.StatusCode == http.StatusForbidden {
			f.Detail = "the access token may not read this topic"
		}
		return false, f
	}
	for d := json.NewDecoder(res.Body); ; {
		var line struct {
			Message string `json:"message"`
		}
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, notifiers.Lost(Provider, "the answer could not be understood", err)
		}
		if strings.Contains(line.Message, m.Nonce) {
			return true, nil
		}
	}
}

// IsTopic reports whether text is what ntfy accepts as a topic.
func IsTopic(text string) bool { return topics.MatchString(text) }

// Notify publishes one push. A second one after an Unknown failure does no harm but to show twice:
// there is no lookup, which would take the right to read the topic.
func (n *Ntfy) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	if !topics.MatchString(m.To) {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a topic: letters, digits, - and _ only"}
	}
	body, err := json.Marshal(n.publication(m))
	if err != nil {
		return notifiers.Receipt{}, fmt.Errorf("ntfy: encoding a push: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return notifiers.Receipt{}, fmt.Errorf("ntfy: building a request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}
	res, err := notifiers.Do(n.http, Provider, req)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return notifiers.Receipt{}, refusal(res)
	}
	return receipt(res)
}

func (n *Ntfy) publication(m notifiers.Message) publication {
	ack, decline := notifiers.PushButtons(m)
	p := publication{
		Topic:    m.To,
		Title:    notifiers.PushTitle(m),
		Message:  cut(notifiers.PushBody(m), maxBytes),
		Priority: priority(m.Severity),
		Tags:     tags(m.Severity),
	}
	if m.Purpose == notifiers.Notice {
		p.Priority, p.Tags = 3, nil
		return p
	}
	if n.incidentURL != "" {
		p.Click = n.incidentURL + url.PathEscape(m.Key)
	}
	for _, button := range []struct{ label, url string }{{ack, m.AckURL}, {decline, m.DeclineURL}} {
		if button.url != "" {
			p.Actions = append(p.Actions, action{Action: "http", Label: button.label, URL: button.url, Method: http.MethodPost, Clear: true})
		}
	}
	return p
}

// priority is ntfy's for a severity: 5 goes through "do not disturb" where the phone allows it.
func priority(severity int) int {
	switch severity {
	case 1:
		return 5
	case 2:
		return 4
	}
	return 3
}

// tags are names of emoji, which ntfy puts in front of the title.
func tags(severity int) []string {
	switch severity {
	case 1:
		return []string{"rotating_light"}
	case 2:
		return []string{"warning"}
	}
	return nil
}

func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	return strings.ToValidUTF8(text[:bytes-3], "") + "..."
}

// receipt reads the message that ntfy made: https://docs.ntfy.sh/subscribe/api/#json-message-format.
func receipt(res *http.Response) (notifiers.Receipt, error) {
	var made struct {
		ID   string `json:"id"`
		Time int64  `json:"time"` // s
	}
	err := json.NewDecoder(res.Body).Decode(&made)
	if err == nil && made.ID == "" {
		err = errors.New("it has no id")
	}
	if err != nil {
		return notifiers.Receipt{}, notifiers.Lost(Provider, "the answer could not be understood", err)
	}
	r := notifiers.Receipt{Provider: Provider, ProviderID: made.ID, State: notifiers.Sent}
	if made.Time > 0 {
		r.At = time.Unix(made.Time, 0).UTC()
	}
	return r, nil
}

// refusal says what an error means: https://github.com/binwiederhier/ntfy/blob/main/server/errors.go.
// Its codes begin with the HTTP status.
func refusal(res *http.Response) *notifiers.Failure {
	var said struct {
		Code int `json:"code"`
	}
	_ = json.NewDecoder(res.Body).Decode(&said) // a proxy in between answers with anything: the status will do
	f := &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider, Code: strconv.Itoa(max(said.Code, res.StatusCode))}
	f.RetryAfter = notifiers.RetryAfter(res.Header, time.Now())
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized:
		f.Detail = "the server does not accept the access token"
	case status == http.StatusForbidden:
		f.Detail = "the access token may not publish to this topic"
	case status == http.StatusTooManyRequests:
		f.Detail = "too many requests"
	case status >= 500:
		f.Detail = "the server is out of order"
		f.Doubtful = status != http.StatusServiceUnavailable
	case said.Code == 40009 || said.Code == 40010:
		f.Kind, f.Detail = notifiers.Final, "the server does not accept the topic"
	case status == http.StatusRequestEntityTooLarge:
		f.Kind, f.Elsewhere, f.Detail = notifiers.Final, true, "the message is too large for the server"
	case status >= 200 && status < 400:
		f.Detail = "not an ntfy server, or it has moved; check the base URL"
	default:
		f.Kind, f.Elsewhere, f.Detail = notifiers.Final, true, "the server refused the message"
	}
	return f
}
