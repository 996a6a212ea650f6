package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// client calls the API, on connections that it keeps.
type client struct {
	base *url.URL
	key  string // "": none
	idle chan *connection
}

// newClient keeps at most so many connections while they are not used.
func newClient(base, key string, connections int) (*client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	return &client{base: u, key: key, idle: make(chan *connection, connections)}, nil
}

// refusal is an answer that says no.
type refusal struct {
	status int
	text   string
	after  time.Duration // Retry-After
}

func (r *refusal) Error() string { return fmt.Sprintf("answered %d: %s", r.status, r.text) }

// do makes a request and decodes the answer into out, unless that is nil.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	a, err := c.ask(ctx, method, path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if a.status >= 300 {
		seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
		return fmt.Errorf("%s %s was %w", method, path, &refusal{a.status, said(a.body), time.Duration(seconds) * time.Second})
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.body, out)
}

// said is the detail of an RFC 9457 problem, or the beginning of whatever it is instead.
func said(body []byte) string {
	var problem struct{ Detail string }
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		return problem.Detail
	}
	return string(body[:min(len(body), 200)])
}

// ask takes a connection that is idle, or a new one. A server that was restarted has closed the idle
// ones: on those, a request to which nothing came back is made again.
func (c *client) ask(ctx context.Context, method, path string, body []byte) (answer, error) {
	for {
		conn, kept, err := c.connection(ctx)
		if err != nil {
			return answer{}, err
		}
		a, heard, err := conn.ask(ctx, c.base, c.key, method, path, body)
		if err == nil && !a.last {
			select {
			case c.idle <- conn:
			default:
				_ = conn.Close()
			}
			return a, nil
		}
		_ = conn.Close()
		if err == nil || !kept || heard || ctx.Err() != nil {
			return a, err
		}
	}
}

func (c *client) connection(ctx context.Context) (conn *connection, kept bool, err error) {
	select {
	case conn = <-c.idle:
		return conn, true, nil
	default:
		conn, err = dial(ctx, c.base)
		return conn, false, err
	}
}

// alert is what a monitoring system sends.
type alert struct {
	Summary  string `json:"summary"`
	Severity int    `json:"severity"`
	Service  string `json:"service"`
	DedupKey string `json:"dedup_key"`
	Action   string `json:"action,omitempty"`
}

func newAlert(service, dedup string) alert {
	return alert{Summary: "benchmark " + dedup, Severity: 1, Service: service, DedupKey: dedup}
}

// send sends an alert once and returns the incident's key.
func (c *client) send(ctx context.Context, a alert) (key string, err error) {
	var got struct {
		Key string `json:"key"`
	}
	err = c.do(ctx, http.MethodPost, "/v1/alerts", a, &got)
	return got.Key, err
}

// sendSurely sends an alert as monitoring systems do: one that is refused for now is sent again when
// the server says. It returns how often it was refused.
func (c *client) sendSurely(ctx context.Context, a alert) (key string, refused int, err error) {
	for ; ; refused++ {
		key, err = c.send(ctx, a)
		no, ok := errors.AsType[*refusal](err)
		if !ok || no.status != http.StatusServiceUnavailable || refused == 60 {
			return key, refused, err
		}
		select {
		case <-time.After(max(no.after, 100*time.Millisecond)):
		case <-ctx.Done():
			return "", refused, ctx.Err()
		}
	}
}
