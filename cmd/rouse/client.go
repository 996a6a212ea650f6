package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// client talks to a running Rouse. Its errors say what to do next.
type client struct {
	base, token string
	http        *http.Client
	most        int64 // bytes of an answer, if that is more than usual
}

// maxAnswer bounds what is read of an answer; no list comes near it.
const maxAnswer = 16 << 20

func (c *cli) client() (*client, error) {
	cfg, err := parseConfig(c.getenv, clients)
	if err != nil {
		return nil, err
	}
	return &client{base: cfg.url, token: cfg.token, http: &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a POST would become a GET
	}}, nil
}

// get asks for path and decodes the answer into out, unless that is nil. The answer as it came is returned as well.
func (c *client) get(ctx context.Context, path string, query url.Values, out any) (json.RawMessage, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.do(ctx, http.MethodGet, path, nil, out)
}

func (c *client) post(ctx context.Context, path string, in, out any) (json.RawMessage, error) {
	return c.do(ctx, http.MethodPost, path, in, out)
}

// do asks with headers beside the usual ones, "Name: value".
func (c *client) do(ctx context.Context, method, path string, in, out any, headers ...string) (json.RawMessage, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, max(maxAnswer, c.most)))
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	if res.StatusCode >= 300 {
		return nil, c.refused(res, raw)
	}
	if res.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if out == nil {
		out = new(json.RawMessage) // it is Rouse that answers, if this is JSON
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, c.stranger(res)
	}
	return raw, nil
}

func (c *client) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause, ok := errors.AsType[*url.Error](err); ok {
		err = cause.Err // url.Error repeats the whole URL
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return fmt.Errorf("no answer from %s in %s: `rouse doctor` finds out why", c.base, c.http.Timeout)
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("no answer from %s: there is no host %s. Set ROUSE_URL", c.base, unknown.Name)
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no answer from %s: is `rouse serve` running? Set ROUSE_URL if it runs elsewhere", c.base)
	}
	return fmt.Errorf("no answer from %s: %w. Is `rouse serve` running there? Set ROUSE_URL", c.base, err)
}

// problem is an RFC 9457 answer.
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Detail string         `json:"detail"`
	Errors []problemField `json:"errors"`
}

// problemField is one thing that is wrong with a request.
type problemField struct {
	Pointer   string `json:"pointer"`
	Parameter string `json:"parameter"`
	Value     string `json:"value"`
	Detail    string `json:"detail"`
}

// placed reports whether it is about a part of the body.
func (f problemField) placed() bool { return f.Pointer != "" }

// text says where it is, what was given there unless the detail says that itself, and what is wrong with it.
func (f problemField) text() string {
	where := strings.TrimPrefix(f.Pointer, "/") + f.Parameter
	if f.Value != "" && !strings.Contains(f.Detail, f.Value) {
		where = strings.TrimLeft(fmt.Sprintf("%s %q", where, shortened(f.Value)), " ")
	}
	if where == "" {
		return f.Detail
	}
	return where + ": " + f.Detail
}

// text is the problem for people. The list of errors says all that the detail does.
func (p problem) text() string {
	var lines []string
	for _, e := range p.Errors {
		lines = append(lines, e.text())
	}
	switch {
	case p.Type == "/problems/opens-hole":
		return "refused, as an alert would then find nobody to page:\n  " + strings.Join(lines, "\n  ") + "\nClose the hole first, or say --force."
	case len(lines) > 0:
		return strings.Join(lines, "\n  ")
	case p.Detail != "":
		return p.Detail
	}
	return p.Title
}

// refusal is an answer that says no.
type refusal struct {
	status  int
	text    string
	problem problem // none if it is not Rouse that answers
}

func (r *refusal) Error() string { return r.text }

// hasStatus tells whether err is an answer with a status.
func hasStatus(err error, status int) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.status == status
}

func (c *client) refused(res *http.Response, raw []byte) error {
	var p problem
	if to := res.Header.Get("Location"); res.StatusCode < 400 && to != "" {
		return &refusal{status: res.StatusCode, text: fmt.Sprintf("%s sends us on to %s: set ROUSE_URL to where Rouse is", c.base, clean(to))}
	}
	if json.Unmarshal(raw, &p) != nil || p.Title == "" && p.Detail == "" {
		return c.stranger(res)
	}
	text := p.text()
	switch {
	case res.StatusCode == http.StatusUnauthorized && c.token == "":
		text = c.base + " wants an API key: `rouse token create --scope respond --name me` makes one; put it into ROUSE_TOKEN"
	case res.StatusCode == http.StatusUnauthorized:
		text = c.base + " does not know the key in ROUSE_TOKEN: `rouse token list` shows the keys there are"
	case res.StatusCode == http.StatusForbidden:
		text += "\nThe key in ROUSE_TOKEN may not do this: `rouse token create --help` says which could."
	}
	return &refusal{res.StatusCode, clean(text), p}
}

// stranger is for whatever is not Rouse, or stands before it.
func (c *client) stranger(res *http.Response) error {
	return &refusal{status: res.StatusCode, text: fmt.Sprintf("%s answers %s, and not as Rouse does: check ROUSE_URL", c.base, clean(res.Status))}
}
