// Package webhook posts messages as JSON to a program of somebody's own, signed as Standard Webhooks
// (https://www.standardwebhooks.com) has it: whoever gets one can tell that it is from this Rouse, is new,
// and was not changed. It decides nothing.
//
// The request has the headers
//
//	webhook-id         unique to the message: the same again is a repetition
//	webhook-timestamp  seconds since 1970
//	webhook-signature  "v1," and the HMAC-SHA256 of "id.timestamp.body" in base64; while a secret is
//	                   rotated, those of both with a blank between
//
// and Body as its body. An answer of status 200 to 299 within 5 s is a receipt; 410 says that nothing shall
// come there any more.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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

// Provider is the name in receipts and failures.
const Provider = "webhook"

const (
	timeout   = 5 * time.Second
	minSecret = 24 // bytes, as Standard Webhooks has it
	maxSecret = 64
)

// Config is what signs.
type Config struct {
	// Secrets sign, each: one, or two while they are rotated. "whsec_" and 24 to 64 bytes in base64.
	Secrets []string

	HTTP *http.Client // nil is a strict notifiers.Guard's: addresses are given by users
}

// Webhook is a Notifier for programs, to be used by many goroutines. A message's To is an address.
type Webhook struct {
	secrets [][]byte
	http    *http.Client
}

// New checks the configuration.
func New(c Config) (*Webhook, error) {
	w := &Webhook{http: c.HTTP}
	if len(c.Secrets) == 0 {
		return nil, errors.New("webhook: Secrets has none")
	}
	for i, text := range c.Secrets {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil || len(secret) < minSecret || len(secret) > maxSecret {
			return nil, fmt.Errorf("webhook: secret %d is not %d to %d bytes in base64", i+1, minSecret, maxSecret)
		}
		w.secrets = append(w.secrets, secret)
	}
	if w.http == nil {
		w.http = notifiers.Guard{}.ForUsers().Client()
	}
	return w, nil
}

// IsAddress reports whether messages can be posted to an address: http or https, and no password in it.
func IsAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && len(address) <= 1000
}

// Body is what is posted.
type Body struct {
	Type      string `json:"type"`      // "page", "still_on", "notice"
	Timestamp string `json:"timestamp"` // RFC 3339
	Data      Posted `json:"data"`
}

// Posted is the message itself. A notice has nothing but Text.
type Posted struct {
	Text     string  `json:"text"` // the message in words: key, severity, summary first
	Key      string  `json:"key,omitempty"`
	Severity int     `json:"severity,omitempty"`
	Summary  string  `json:"summary,omitempty"`
	Service  string  `json:"service,omitempty"`
	Role     string  `json:"role,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Also     []Other `json:"also,omitempty"` // other incidents that it is about

	// To be asked with POST by whoever decides in a person's name.
	AckURL     string `json:"ack_url,omitempty"`
	DeclineURL string `json:"decline_url,omitempty"`
	PageURL    string `json:"page_url,omitempty"` // for a person
}

// Other is one more incident.
type Other struct {
	Key      string `json:"key"`
	Severity int    `json:"severity"`
	Summary  string `json:"summary"`
}

// Notify posts once. The same message again has the same webhook-id.
func (w *Webhook) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	if !IsAddress(m.To) {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a web address"}
	}
	now := time.Now()
	body, err := json.Marshal(bodyOf(m, now))
	if err != nil {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "the message could not be made", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.To, bytes.NewReader(body))
	if err != nil {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a web address"}
	}
	at := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Rouse")
	req.Header.Set("Webhook-Id", m.Nonce)
	req.Header.Set("Webhook-Timestamp", at)
	req.Header.Set("Webhook-Signature", w.signature(m.Nonce, at, body))
	res, err := notifiers.Do(w.http, Provider, req)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer res.Body.Close() // what it says is read by nobody
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return notifiers.Receipt{Provider: Provider, ProviderID: m.Nonce, State: notifiers.Delivered}, nil
	}
	return notifiers.Receipt{}, refusal(res)
}

func (w *Webhook) signature(id, at string, body []byte) string {
	var all []string
	for _, secret := range w.secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}

func bodyOf(m notifiers.Message, now time.Time) Body {
	b := Body{Type: string(m.Purpose), Timestamp: now.UTC().Format(time.RFC3339)}
	if m.Purpose == notifiers.Notice {
		b.Data.Text = notifiers.PushBody(m)
		return b
	}
	b.Data = Posted{Text: notifiers.PushTitle(m) + "\n" + notifiers.PushBody(m), Key: m.Key, Severity: m.Severity, Summary: m.Summary, Service: m.Service,
		Role: m.Role, Reason: m.Reason, AckURL: m.AckURL, DeclineURL: m.DeclineURL, PageURL: m.PageURL}
	for _, o := range m.Also {
		b.Data.Also = append(b.Data.Also, Other(o))
	}
	return b
}

func refusal(res *http.Response) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Passing, Provider: Provider, Code: strconv.Itoa(res.StatusCode), RetryAfter: notifiers.RetryAfter(res.Header, time.Now())}
	switch status := res.StatusCode; {
	case status == http.StatusGone:
		f.Kind, f.Gone, f.Detail = notifiers.Final, true, "the webhook wants nothing any more"
	case status == http.StatusTooManyRequests:
		f.Detail = "too many requests"
	case status >= 500:
		f.Doubtful, f.Detail = status != http.StatusServiceUnavailable, "the webhook is out of order"
	case status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		f.Detail = "the webhook wants it again"
	case status >= 300 && status < 400:
		f.Kind, f.Detail = notifiers.Final, "the webhook has moved, and redirects are not followed: set its new address"
	default:
		f.Kind, f.Detail = notifiers.Final, "the webhook refused the message"
	}
	return f
}
