// Package gateway sends SMS through whatever takes an HTTP request: what to ask, and where the answer says
// what became of it, is the operator's to say, in templates and expressions. Presets has those of some
// providers. It decides nothing.
//
// The request is made of text/template templates over Request. Besides what templates have there are
//
//	json    a value as JSON, with its quotes:  {"text": {{json .Text}}}
//	query   a text in an address or a form:    text={{query .Text}}
//	base64  a text in base64:                  Basic {{base64 (print .Secret.user ":" .Secret.password)}}
//	gsm     whether a text is in the GSM alphabet, so that it needs no Unicode
//
// The answer is read by CEL expressions (https://cel.dev) over status (int), headers (map, names in lower
// case), text, and body (the text as JSON, null if it is none). Callbacks by expressions over query, form,
// headers, text and body.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"rouse/notifiers"
)

const (
	timeout   = 5 * time.Second
	maxAnswer = 64 << 10 // bytes that are read of it
)

// Config is a provider.
type Config struct {
	Name string // in receipts, logs and the addresses of its callbacks: "vonage"

	Method  string // "" is POST
	URL     string
	Headers map[string]string
	Body    string

	// Senders are the numbers or names to send from, by the beginning of the recipient's number; the
	// longest that fits is taken, "" fits every one.
	Senders map[string]string
	Secrets map[string]string // .Secret of the templates
	Set     map[string]string // .Set of the templates: what is not secret

	Answer  Answer
	Receipt Receipt
	Reply   Reply

	// CallbackURL is where the provider sends receipts and replies. It ends with a secret, as many providers
	// sign nothing.
	CallbackURL string

	HTTP *http.Client // nil is a strict notifiers.Guard's
}

// Answer says what the answer to a request means, in CEL. What is "" is as told.
type Answer struct {
	Taken string // bool: the provider took the message; "" is status 200 to 299
	ID    string // string: its id of the message; "" is the message's nonce
	Gone  string // bool: nothing will ever reach the number; "" is never
	Final string // bool: not with this provider; "" is status 400 to 499 but for 408, 425 and 429
	Code  string // string: its code for what went wrong; "" is the status
}

// Receipt says what a callback tells of a message, in CEL. With State "" there are no receipts.
type Receipt struct {
	Nonce string // string: the message's nonce; "" is query.nonce, which .Callback has
	State string // string: "sent", "delivered", "failed"; anything else is no news
	Gone  string // bool: of one that failed, nothing will ever reach the number; "" is never
	Code  string // string
}

// Reply says what a callback tells that is somebody's text, in CEL. With Text "" there are none.
type Reply struct {
	From string // string: the number, with or without "+"
	Text string // string
	ID   string // string: unique to the text, so that one told twice counts once; "" takes each
}

// Request is what the templates see.
type Request struct {
	To       string // "+4917012345678"
	Digits   string // the same without "+"
	From     string // of Senders
	Text     string
	Nonce    string // unique to the message, 26 letters and digits
	Severity int
	Callback string // where receipts of this message go
	Secret   map[string]string
	Set      map[string]string
}

// Gateway is a Notifier for SMS, to be used by many goroutines.
type Gateway struct {
	cfg      Config
	request  templates
	answer   answers
	callback callbacks
}

var names = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// New checks the configuration and says everything that is wrong with it, field by field: also by making a
// request of it, of a text that is meant to break it.
func New(c Config) (*Gateway, error) {
	c.Method = cmp.Or(c.Method, http.MethodPost)
	if c.HTTP == nil {
		c.HTTP = notifiers.Guard{}.ForUsers().Client()
	}
	g := &Gateway{cfg: c}
	var wrong []error
	if !names.MatchString(c.Name) {
		wrong = append(wrong, errors.New("name: not lower-case letters, digits and dashes, 31 at most, beginning with a letter"))
	}
	if c.Method != http.MethodPost && c.Method != http.MethodGet && c.Method != http.MethodPut {
		wrong = append(wrong, fmt.Errorf("method: %q is none of POST, GET, PUT", c.Method))
	}
	for prefix, from := range c.Senders {
		if prefix != "" && !prefixes.MatchString(prefix) || from == "" {
			wrong = append(wrong, fmt.Errorf("senders: %q is not the beginning of a number, such as +49, or its sender is empty", prefix))
		}
	}
	var err error
	if g.request, err = readTemplates(c); err != nil {
		wrong = append(wrong, err)
	}
	if g.answer, err = readAnswers(c.Answer); err != nil {
		wrong = append(wrong, err)
	}
	if g.callback, err = readCallbacks(c.Receipt, c.Reply); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) == 0 {
		wrong = append(wrong, g.rehearse()...)
	}
	return g, errors.Join(wrong...)
}

var prefixes = regexp.MustCompile(`^\+[1-9][0-9]{0,14}$`)

// Receipts reports whether the provider tells what became of a message.
func (g *Gateway) Receipts() bool { return g.cfg.Receipt.State != "" }

// Hears reports whether anything comes back of a message to a robot: a receipt, or the text itself, which came in.
func (g *Gateway) Hears() bool { return g.Receipts() || g.cfg.Reply.Text != "" }

// From is the sender of a text to an address.
func (g *Gateway) From(to string) string { return notifiers.Sender(g.cfg.Senders, to) }

// Prefixes are the beginnings of numbers that have a sender of their own.
func (g *Gateway) Prefixes() []string { return notifiers.SenderPrefixes(g.cfg.Senders) }

// Notify asks the provider once.
func (g *Gateway) Notify(ctx context.Context, m notifiers.Message) (notifiers.Receipt, error) {
	if !notifiers.IsE164(m.To) {
		return notifiers.Receipt{}, g.failure(notifiers.Final, "not a phone number: +, country code and number, 7 to 15 digits")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := g.ask(ctx, g.about(m))
	if err != nil {
		f := g.failure(notifiers.Final, "the request could not be made of its templates")
		f.Elsewhere, f.Err = true, err
		return notifiers.Receipt{}, f
	}
	res, err := notifiers.Do(g.cfg.HTTP, g.cfg.Name, req)
	if err != nil {
		return notifiers.Receipt{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return notifiers.Receipt{}, notifiers.Lost(g.cfg.Name, "the answer broke off", nil)
	}
	return g.receipt(res, text, m.Nonce)
}

func (g *Gateway) about(m notifiers.Message) Request {
	r := Request{To: m.To, Digits: strings.TrimPrefix(m.To, "+"), From: notifiers.Sender(g.cfg.Senders, m.To), Text: notifiers.SMSText(m), Nonce: m.Nonce,
		Severity: m.Severity, Secret: g.cfg.Secrets, Set: g.cfg.Set}
	if g.cfg.CallbackURL != "" {
		r.Callback = g.cfg.CallbackURL + "?nonce=" + url.QueryEscape(m.Nonce)
	}
	return r
}

// receipt reads the answer. One that cannot be understood may have taken the message.
func (g *Gateway) receipt(res *http.Response, text []byte, nonce string) (notifiers.Receipt, error) {
	a, err := g.answer.read(res, text, nonce)
	switch status := res.StatusCode; {
	case err != nil && status < 300:
		return notifiers.Receipt{}, notifiers.Lost(g.cfg.Name, "the answer could not be understood", nil)
	case err == nil && a.taken:
		return notifiers.Receipt{Provider: g.cfg.Name, ProviderID: a.id, State: notifiers.Sent}, nil
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusTooEarly:
		f := g.failure(notifiers.Passing, "the provider is out of order")
		if status == http.StatusTooManyRequests {
			f.Detail = "too many requests"
		}
		f.Code, f.RetryAfter = a.code, notifiers.RetryAfter(res.Header, time.Now())
		f.Doubtful = status >= 500 && status != http.StatusServiceUnavailable
		return notifiers.Receipt{}, f
	case a.gone:
		f := g.failure(notifiers.Final, "the provider says that nothing will reach this number")
		f.Code, f.Gone = a.code, true
		return notifiers.Receipt{}, f
	case a.final:
		f := g.failure(notifiers.Final, "the provider refused the message")
		f.Code, f.Elsewhere = a.code, true
		return notifiers.Receipt{}, f
	default:
		f := g.failure(notifiers.Passing, "the provider did not take the message")
		f.Code = a.code
		return notifiers.Receipt{}, f
	}
}

func (g *Gateway) failure(kind notifiers.Kind, detail string) *notifiers.Failure {
	return &notifiers.Failure{Kind: kind, Provider: g.cfg.Name, Detail: detail}
}
