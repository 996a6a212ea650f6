// Package problem is how the API says no: RFC 9457 problems of a closed list of kinds. What a problem
// shows is written for whoever sent the request; nothing internal ever stands in one.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// MediaType is what a problem is sent as.
const MediaType = "application/problem+json"

// Kind is one kind of problem. Its name is stable: clients tell problems apart by it.
type Kind struct {
	Name    string // the type's last part
	Status  int
	Title   string
	Meaning string // what it means and what to do, for people who look the type up
}

// Type is the kind's URI, relative to the server, which says there what it means.
func (k Kind) Type() string { return "/problems/" + k.Name }

// Problem is one answer of a kind. It is an error, so that a handler can return it.
type Problem struct {
	Kind
	Detail string
	Errors []Field
}

// Field is one thing that is wrong with a request.
type Field struct {
	Pointer   string `json:"pointer,omitempty"`   // JSON pointer (RFC 6901) into the body
	Parameter string `json:"parameter,omitempty"` // or the parameter's name
	Value     string `json:"value,omitempty"`     // what was given, shortened
	Detail    string `json:"detail"`
}

// Because makes a problem of a kind. The detail is one or more sentences.
func (k Kind) Because(detail string, args ...any) *Problem {
	return &Problem{Kind: k, Detail: fmt.Sprintf(detail, args...)}
}

// With adds what is wrong with fields.
func (p *Problem) With(fields ...Field) *Problem {
	p.Errors = append(p.Errors, fields...)
	return p
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// RetryAfter is how many seconds whoever gets a 503 is asked to wait.
const RetryAfter = 5

// Write answers a request with a problem. It tells the request's id if the header X-Request-Id of the
// answer does.
func Write(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="rouse"`)
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(RetryAfter))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(struct { // the client is gone: nobody is left to tell
		Type      string  `json:"type"`
		Title     string  `json:"title"`
		Status    int     `json:"status"`
		Detail    string  `json:"detail,omitempty"`
		Errors    []Field `json:"errors,omitempty"`
		RequestID string  `json:"request_id,omitempty"`
	}{p.Type(), p.Title, p.Status, p.Detail, p.Errors, h.Get("X-Request-Id")})
}
