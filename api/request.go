package api

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"rouse/api/problem"
)

// response is the answer to a request and what the log wants to know of it. Paths hold secrets and
// queries may: only the route's template is kept.
type response struct {
	http.ResponseWriter
	status int // 0: not begun
	route  string
	who    access
	key    string // its prefix
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Known notes whose key it is.
func (w *response) Known(prefix string) { w.key = prefix }

// Unwrap lets http.ResponseController through.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// around is what every request goes through, those included that no route matches.
func (s *server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w := &response{ResponseWriter: rw}
		began := time.Now()
		id := rand.Text()[:16]
		w.Header().Set("X-Request-Id", id)
		s.headers(w.Header())
		defer s.wrote(w, r, id, began)
		defer s.recovered(w, r, id)
		next.ServeHTTP(w, r)
	})
}

// headers are for browsers that come by; handlers that serve pages set their own.
func (s *server) headers(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.https {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recovered turns a panic into a 500, and lets the other requests go on.
func (s *server) recovered(w *response, r *http.Request, id string) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause) // how a handler breaks off the connection
	}
	s.log.ErrorContext(r.Context(), "panic", "request", id, "method", r.Method, "route", w.route, "cause", cause, "stack", string(debug.Stack()))
	if w.status == 0 {
		problem.Write(w, problem.Internal.Because("Something went wrong. The log knows more."))
	}
}

// wrote puts a line about the request into the log.
func (s *server) wrote(w *response, r *http.Request, id string, began time.Time) {
	if w.status == 0 { // nothing was written: net/http says 200
		w.status = http.StatusOK
	}
	level := slog.LevelInfo
	if w.who == public && w.status < http.StatusBadRequest {
		level = slog.LevelDebug // probes come every few seconds
	}
	attrs := []slog.Attr{slog.String("request", id), slog.String("method", r.Method), slog.String("route", w.route),
		slog.Int("status", w.status), slog.Float64("ms", float64(time.Since(began).Microseconds())/1000)}
	if w.key != "" { // in the log, "key" is an incident's
		attrs = append(attrs, slog.String("api_key", w.key))
	}
	s.log.LogAttrs(r.Context(), level, "request", attrs...)
}
