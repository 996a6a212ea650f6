// Package webpush sends pushes to browsers, which show them with two buttons also while no page of Rouse
// is open (RFC 8030, 8291, 8292). There is no account with anybody: the push service is the browser's own,
// reads nothing of the message, and knows this Rouse by a key pair. It decides nothing.
package webpush

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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
const Provider = "webpush"

const (
	timeout = 5 * time.Second
	// pageTTL is how long a push service keeps a page for a phone that is off: by then the next ones
	// were paged.
	pageTTL   = 5 * time.Minute
	noticeTTL = 24 * time.Hour
)

// Config is who sends.
type Config struct {
	Key *ecdsa.PrivateKey // of P-256; ParseKey gives it

	// Subject is whom a push service may turn to: Rouse's own https address, or mailto:. Apple's
	// wants its host to exist.
	Subject string

	HTTP *http.Client // nil is a strict notifiers.Guard's: endpoints are given by browsers
}

// WebPush is a Notifier for pushes to browsers, to be used by many goroutines. A message's To is a
// Subscription's String.
type WebPush struct {
	identity *identity
	http     *http.Client
}

// New checks the configuration and says everything that is wrong with it, field by field.
func New(c Config) (*WebPush, error) {
	var wrong []error
	if c.Key == nil || c.Key.Curve != elliptic.P256() {
		wrong = append(wrong, errors.New("webpush: Key is not one of P-256"))
	}
	if u, err := url.Parse(c.Subject); err != nil || u.Scheme != "mailto" && u.Scheme != "https" && u.Scheme != "http" {
		wrong = append(wrong, errors.New("webpush: Subject is neither a web address nor mailto:"))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	who, err := newIdentity(c.Key, c.Subject)
	if err != nil {
		return nil, fmt.Errorf("webpush: %w", err)
	}
	w := &WebPush{identity: who, http: c.HTTP}
	if w.http == nil {
		w.http = notifiers.Guard{}.ForUsers().Client()
	}
	return w, nil
}

// PublicKey is what a browser subscribes with (applicationServerKey), in base64url.
func (w *WebPush) PublicKey() string { return w.identity.public }

// Shown is what the service worker gets, as JSON. It has no dead weight: all has to fit in 4 kB.
type Shown struct {
	Title    string  `json:"title"`
	Body     string  `json:"body"`
	Tag      string  `json:"tag"` // a later push of the same tag replaces it
	Language string  `json:"lang"`
	Urgent   bool    `json:"urgent,omitempty"` // it stays until it is dealt with
	Ack      *Button `json:"ack,omitempty"`
	Decline  *Button `json:"decline,omitempty"`
	Open     string  `json:"open,omitempty"` // the page that a tap opens
	Seen     string  `json:"seen,omitempty"` // asked with POST once it is shown: the receipt
}

// Button is one button, and what a tap asks with POST.
type Button struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// Notify sends one push. A second one after an Unknown failure replaces the first on the phone.
func (w *WebPush) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	to, err := ParseSubscription(m.To)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "not a browser's subscription: " + err.Error()}
	}
	req, cancel, err := w.request(ctx, to, m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Detail: "the push could not be made", Err: err}
	}
	defer cancel()
	res, err := notifiers.Do(w.http, Provider, req)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer res.Body.Close()
	if location := res.Header.Get("Location"); res.StatusCode == http.StatusCreated || location != "" && res.StatusCode < 300 {
		return notifiers.Receipt{Provider: Provider, ProviderID: idOf(location, m.Nonce), State: notifiers.Sent}, nil
	}
	return notifiers.Receipt{}, refusal(res)
}

func (w *WebPush) request(ctx context.Context, to Subscription, m notifiers.Message) (*http.Request, context.CancelFunc, error) {
	payload, err := payloadOf(m)
	if err != nil {
		return nil, nil, err
	}
	body, err := encrypt(to, payload)
	if err != nil {
		return nil, nil, err
	}
	who, err := w.identity.authorization(to.origin, time.Now())
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.endpoint, bytes.NewReader(body))
	if err != nil {
		cancel()
		return nil, nil, err
	}
	ttl, urgency := pageTTL, "high"
	if m.Purpose == notifiers.Notice {
		ttl, urgency = noticeTTL, "normal"
	}
	req.Header.Set("Authorization", who)
	req.Header.Set("Content-Encoding", "aes128gcm")
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("TTL", strconv.Itoa(int(ttl.Seconds())))
	req.Header.Set("Urgency", urgency)
	return req, cancel, nil
}

// payloadOf is the message for the service worker. A body that is too long is cut.
func payloadOf(m notifiers.Message) ([]byte, error) {
	s := Shown{Title: notifiers.PushTitle(m), Body: notifiers.PushBody(m), Tag: m.Key, Language: m.Language}
	if m.Purpose == notifiers.Notice {
		s.Tag = m.Nonce
	} else {
		s.Urgent, s.Open, s.Seen = m.Severity <= 2, m.PageURL, m.SeenURL
		ack, decline := notifiers.PushButtons(m)
		if m.AckURL != "" {
			s.Ack = &Button{ack, m.AckURL}
		}
		if m.DeclineURL != "" {
			s.Decline = &Button{decline, m.DeclineURL}
		}
	}
	for {
		payload, err := json.Marshal(s)
		if over := len(payload) - maxPayload; err != nil || over <= 0 || s.Body == "" {
			return payload, err
		}
		s.Body = shorter(s.Body)
	}
}

// shorter is text without its last tenth.
func shorter(text string) string {
	const dots = "..."
	text = strings.TrimSuffix(text, dots)
	keep := len(text) - len(text)/10 - len(dots) - 1
	if keep <= 0 {
		return ""
	}
	return strings.ToValidUTF8(text[:keep], "") + dots
}

// idOf is the push service's name of the push, without its address, which is as secret as the
// subscription's.
func idOf(location, nonce string) string {
	if u, err := url.Parse(location); err == nil {
		if id := u.Path[strings.LastIndexByte(u.Path, '/')+1:]; id != "" && len(id) <= 200 {
			return id
		}
	}
	return nonce
}

// refusal says what an error means, RFC 8030 §5 and §7.3, RFC 8292 §4.
func refusal(res *http.Response) *notifiers.Failure {
	f := &notifiers.Failure{Kind: notifiers.Final, Provider: Provider, Code: strconv.Itoa(res.StatusCode)}
	switch status := res.StatusCode; {
	case status == http.StatusNotFound || status == http.StatusGone:
		f.Gone, f.Detail = true, "the browser has ended its subscription: subscribe there again"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Detail = "the push service does not accept Rouse's key for this browser: subscribe there again"
	case status == http.StatusRequestEntityTooLarge:
		f.Detail = "the push is too large for the push service"
	case status == http.StatusTooManyRequests:
		f.Kind, f.Detail = notifiers.Passing, "too many requests"
		f.RetryAfter = notifiers.RetryAfter(res.Header, time.Now())
	case status >= 500:
		f.Kind, f.Detail = notifiers.Passing, "the push service is out of order"
		f.RetryAfter = notifiers.RetryAfter(res.Header, time.Now())
		f.Doubtful = status != http.StatusServiceUnavailable
	case status < 300:
		f.Kind, f.Detail = notifiers.Unknown, "the answer is not a push service's"
	default:
		f.Detail = "the push service refused the push"
	}
	return f
}
