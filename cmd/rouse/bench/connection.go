package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// answerWithin is how long a client waits for an answer.
const answerWithin = 30 * time.Second

// connection is one HTTP/1.1 connection that is kept. net/http's client hands each request to two
// goroutines and back: beside the server on the same processors, that would be a good part of what is
// measured.
type connection struct {
	net.Conn
	in  *bufio.Reader
	out []byte
}

func dial(ctx context.Context, to *url.URL) (*connection, error) {
	port := to.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[to.Scheme]
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(to.Hostname(), port))
	if err != nil {
		return nil, err
	}
	if to.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: to.Hostname()})
	}
	return &connection{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	last   bool // the connection is not to be used again
}

// ask makes one request. heard tells whether anything came back.
func (c *connection) ask(ctx context.Context, to *url.URL, key, method, path string, body []byte) (a answer, heard bool, err error) {
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return a, false, err
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	c.out = fmt.Appendf(c.out[:0], "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: rouse-bench\r\n", method, to.Path, path, to.Host)
	if key != "" {
		c.out = append(append(append(c.out, "Authorization: Bearer "...), key...), "\r\n"...)
	}
	if body != nil {
		c.out = append(c.out, "Content-Type: application/json\r\nContent-Length: "...)
		c.out = append(strconv.AppendInt(c.out, int64(len(body)), 10), "\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if _, err = c.Write(c.out); err != nil {
		return a, false, err
	}
	if _, err = c.in.Peek(1); err != nil {
		return a, false, err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return a, true, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	return answer{res.StatusCode, res.Header, text, res.Close}, true, err
}
