package notifiers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Do sends req and tells a failure to connect (Passing: nothing left the house) from a connection
// that broke or fell silent once it stood (Unknown: the provider may have taken the message). An
// answer of whatever status is no failure. The Failure never quotes the URL, which may carry a
// number or a secret.
func Do(client *http.Client, provider string, req *http.Request) (*http.Response, error) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	res, err := client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err == nil {
		return res, nil
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // url.Error repeats the whole URL
	}
	f := &Failure{Kind: Passing, Provider: provider, Detail: "could not connect", Err: err}
	switch {
	case errors.Is(err, ErrPrivateAddress):
		f.Detail = "connection refused by Rouse itself: allow private addresses to use a provider in your own network"
	case connected.Load():
		f.Kind, f.Detail = Unknown, lostDetail(err)
	}
	return nil, f
}

// Lost is the Failure of an answer that began well and could not be read to its end, or could not
// be understood: the message may have been taken.
func Lost(provider, detail string, err error) *Failure {
	return &Failure{Kind: Unknown, Provider: provider, Detail: detail, Err: err}
}

func lostDetail(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "given up while waiting for the answer"
	case isTimeout(err):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset before the answer"
	}
	return "connection lost before the answer"
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && n.Timeout()
}

// RetryAfter reads the header of that name (RFC 9110 §10.2.3): seconds, or a date that now is
// subtracted from. It is 0 when the header is missing, past or malformed.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}
