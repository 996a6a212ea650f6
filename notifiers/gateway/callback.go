package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"rouse/notifiers"
)

const maxCallback = 64 << 10 // bytes

// News is what a callback tells: a receipt, a text that somebody sent, or nothing.
type News struct {
	Nonce   string // of the message that Receipt is about, "" without one
	Receipt notifiers.Receipt

	From, Text, ID string // of a text that somebody sent; From is "" without one
}

// ErrNotUnderstood is given for a callback that no expression can read.
var ErrNotUnderstood = errors.New("not understood")

// Read reads a callback, whose address has been checked. An error is ErrNotUnderstood, or that the body broke
// off.
func (g *Gateway) Read(r *http.Request) (n News, err error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxCallback))
	if err != nil {
		return n, errors.New("the body is too long, or broke off")
	}
	form := url.Values{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ = url.ParseQuery(string(text)) // what can be read of it
	}
	values := map[string]any{"status": 0, "headers": flat(r.Header), "query": exact(r.URL.Query()), "form": exact(form), "text": string(text), "body": parsed(text)}
	if reply, ok := g.callback.reply(values); ok {
		return reply, nil
	}
	return g.callback.receipt(values, g.cfg.Name)
}

// exact is the first value of each name, as it is written.
func exact(values url.Values) map[string]string {
	m := map[string]string{}
	for name := range values {
		m[name] = values.Get(name)
	}
	return m
}

// reply reads a callback as somebody's text, and reports whether it is one.
func (c callbacks) reply(values map[string]any) (n News, ok bool) {
	if c.text == nil {
		return n, false
	}
	from, err := c.from.text(values, "")
	text, bad := c.text.text(values, "")
	if err != nil || bad != nil {
		return n, false
	}
	if from = "+" + strings.TrimPrefix(strings.TrimSpace(from), "+"); !notifiers.IsE164(from) {
		return n, false
	}
	id, _ := c.id.text(values, "")
	return News{From: from, Text: text, ID: id}, true
}

func (c callbacks) receipt(values map[string]any, provider string) (n News, err error) {
	state, err := c.state.text(values, "")
	if err != nil {
		return n, ErrNotUnderstood
	}
	s := notifiers.State(state)
	if s != notifiers.Sent && s != notifiers.Delivered && s != notifiers.Failed {
		return n, nil
	}
	if n.Nonce, err = c.nonce.text(values, ""); err != nil || c.nonce == nil {
		n.Nonce = values["query"].(map[string]string)["nonce"]
	}
	if n.Nonce == "" {
		return n, ErrNotUnderstood
	}
	n.Receipt = notifiers.Receipt{Channel: notifiers.SMS, Provider: provider, State: s}
	n.Receipt.Code, _ = c.code.text(values, "")
	if s == notifiers.Failed {
		n.Receipt.Detail = "not delivered"
		n.Receipt.Gone, _ = c.gone.holds(values, false)
		n.Receipt.Elsewhere = !n.Receipt.Gone
	}
	return n, nil
}
