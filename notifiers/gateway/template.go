package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"rouse/notifiers"
)

const (
	maxTemplate = 8 << 10  // bytes of one
	maxRequest  = 32 << 10 // bytes of what one makes
)

// templates are those of a request, read.
type templates struct {
	url, body *template.Template
	headers   map[string]*template.Template
}

var functions = template.FuncMap{
	"json": func(v any) (string, error) {
		text, err := json.Marshal(v)
		return string(text), err
	},
	"query":  url.QueryEscape,
	"base64": func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
	"gsm":    notifiers.IsGSM,
}

func readTemplate(field, text string) (*template.Template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", field, len(text), maxTemplate)
	}
	t, err := template.New(field).Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return t, nil
}

func readTemplates(c Config) (t templates, err error) {
	var wrong []error
	read := func(field, text string) *template.Template {
		parsed, err := readTemplate(field, text)
		if err != nil {
			wrong = append(wrong, err)
		}
		return parsed
	}
	t.url, t.body, t.headers = read("url", c.URL), read("body", c.Body), map[string]*template.Template{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		t.headers[name] = read("header "+name, c.Headers[name])
	}
	return t, errors.Join(wrong...)
}

// limitedText is what a template makes, no more than maxRequest of it.
type limitedText struct{ strings.Builder }

func (l *limitedText) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxRequest {
		return 0, fmt.Errorf("more than %d bytes", maxRequest)
	}
	return l.Builder.Write(b)
}

func filled(t *template.Template, r Request) (string, error) {
	var text limitedText
	if err := t.Execute(&text, r); err != nil {
		return "", err
	}
	return text.String(), nil
}

// ask makes the request about r.
func (g *Gateway) ask(ctx context.Context, r Request) (*http.Request, error) {
	address, err := filled(g.request.url, r)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	body, err := filled(g.request.body, r)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, g.cfg.Method, strings.TrimSpace(address), strings.NewReader(body))
	if err != nil {
		return nil, errors.New("url: not an address") // the error would quote it
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Hostname() == "" || req.URL.User != nil {
		return nil, errors.New("url: not a web address; a password belongs into a header")
	}
	if g.cfg.Method == http.MethodGet {
		req.Body, req.ContentLength, req.GetBody = http.NoBody, 0, nil
	}
	for name, t := range g.request.headers {
		value, err := filled(t, r)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", name, err)
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("header %s: a line break", name)
		}
		req.Header.Set(name, value)
	}
	return req, nil
}

// hostile is a text that breaks whatever does not quote it.
const hostile = "HOT-1 SEV1 \"quoted\" \\ & = % + # <b>é磁🔥</b>\n{{.}} '"

// rehearse makes requests and looks whether they are what they seem to be.
func (g *Gateway) rehearse() []error {
	var wrong []error
	var hosts []string
	for _, text := range []string{"plain", hostile} {
		r := g.about(notifiers.Message{To: "+4917012345678", Nonce: "REHEARSAL", Severity: 1})
		r.Text = text
		req, err := g.ask(context.Background(), r)
		if err != nil {
			return append(wrong, err)
		}
		hosts = append(hosts, req.URL.Host)
		if kind := req.Header.Get("Content-Type"); g.cfg.Body != "" && strings.Contains(kind, "json") {
			if body, _ := filled(g.request.body, r); !json.Valid([]byte(body)) {
				wrong = append(wrong, errors.New(`body: no JSON once the text has quotes in it: write {{json .Text}} without quotes around it`))
			}
		}
		if _, err := url.ParseQuery(req.URL.RawQuery); err != nil || text == hostile && strings.Contains(req.URL.RawQuery, "<b>") {
			wrong = append(wrong, errors.New("url: it breaks once the text has special characters in it: write {{query .Text}}"))
		}
	}
	if hosts[0] != hosts[1] {
		wrong = append(wrong, errors.New("url: its host is taken from the text"))
	}
	return wrong
}
