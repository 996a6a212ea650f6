package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// errDown says that the server does not run.
var errDown = errors.New("the server is not running: type restart")

// rest talks to the server as any client does.
type rest struct {
	base  string
	token string
	http  *http.Client
}

func newREST(base string) *rest {
	return &rest{base: base, http: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}}
}

// get reads path into out.
func (r *rest) get(ctx context.Context, path string, out any) error {
	_, err := r.do(ctx, http.MethodGet, path, r.token, nil, out)
	return err
}

// post sends in as JSON; out may be nil.
func (r *rest) post(ctx context.Context, path string, in, out any) error {
	_, err := r.do(ctx, http.MethodPost, path, r.token, in, out)
	return err
}

// do makes a request with a key and returns the status of the answer, 0 if there was none.
func (r *rest) do(ctx context.Context, method, path, key string, in, out any) (status int, err error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return 0, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, &body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := r.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) {
		return 0, errDown
	}
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 {
		return res.StatusCode, refused(method+" "+path, res.Status, text)
	}
	if out == nil {
		return res.StatusCode, nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return res.StatusCode, fmt.Errorf("%s %s answers %s with something that is not JSON: %w", method, path, res.Status, err)
	}
	return res.StatusCode, nil
}

// refused is the answer that says no, in the words of its problem (RFC 9457).
func refused(what, status string, text []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Errors []struct {
			Pointer string `json:"pointer"`
			Detail  string `json:"detail"`
		} `json:"errors"`
	}
	_ = json.Unmarshal(text, &p) // whatever it is, the status stands
	said := p.Detail
	if said == "" {
		said = p.Title
	}
	for _, e := range p.Errors {
		said += "; " + e.Pointer + " " + e.Detail
	}
	if said == "" {
		return fmt.Errorf("%s: %s", what, status)
	}
	return errors.New(strings.TrimSuffix(said, "."))
}

// What the demo reads of an incident.
type incident struct {
	Key         string       `json:"key"`
	Service     string       `json:"service"`
	Severity    int          `json:"severity"`
	Summary     string       `json:"summary"`
	Status      string       `json:"status"`
	Manager     string       `json:"manager"`
	Alerts      int          `json:"alerts"`
	Escalations []escalation `json:"escalations"`
	Timeline    []line       `json:"timeline"`
}

type escalation struct {
	No     int    `json:"no"`
	Role   string `json:"role"`
	State  string `json:"state"`
	Holder string `json:"holder"`
}

type line struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// onCall is who is on call in one roster.
type onCall struct {
	Roster string `json:"roster"`
	OnCall []struct {
		Person string    `json:"person"`
		Until  time.Time `json:"until"`
	} `json:"on_call"`
}
