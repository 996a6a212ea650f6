// Package fake is the part that all fake providers share: an HTTP server on loopback that can be
// told to misbehave in the ways that real providers do, and a state whose changes can be waited
// for. It is for tests and the demo, and knows no provider: what an error looks like is told to it.
package fake

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Kind is a way to misbehave.
type Kind string

// The kinds. Refuse and Unavailable hit every request, the others only those that send something:
// a lookup afterwards works.
const (
	None        Kind = ""
	Refuse      Kind = "refuse"      // connection refused: nothing listens
	Unavailable Kind = "unavailable" // 503, nothing sent
	TooMany     Kind = "too_many"    // 429 with Retry-After, nothing sent
	Garbage     Kind = "garbage"     // 200 with a web page, nothing sent: a captive portal
	Hang        Kind = "hang"        // sends, never answers
	Reset       Kind = "reset"       // sends, resets the connection instead of answering
	Fail        Kind = "fail"        // sends, answers 500
)

// Fault is one kind with its details. The zero value is no fault.
type Fault struct {
	Kind       Kind
	RetryAfter time.Duration // of TooMany and Unavailable; rounded up to seconds, 0 sends no header
	Times      int           // so many requests, then none; 0 until told otherwise. Not for Refuse
}

// Server is an HTTP server on loopback whose faults can be switched while it runs.
type Server struct {
	address string
	handler http.Handler
	sends   func(*http.Request) bool
	refuse  func(w http.ResponseWriter, status int)

	mu      sync.Mutex
	fault   Fault
	server  *http.Server // nil while refusing or closed
	closed  bool
	active  int        // requests being served
	idle    *sync.Cond // active fell to 0
	serving sync.WaitGroup
	release chan struct{} // closed to let hanging requests go
}

// Config is what a Server needs to know of its provider.
type Config struct {
	Addr    string // "" is 127.0.0.1:0
	Handler http.Handler
	// Sends tells whether a request sends a message, so that the faults of sending apply.
	Sends func(*http.Request) bool
	// Refuse writes the provider's own error for a status: 429, 500 or 503.
	Refuse func(w http.ResponseWriter, status int)
}

// Start listens and serves.
func Start(c Config) (*Server, error) {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	s := &Server{address: c.Addr, handler: c.Handler, sends: c.Sends, refuse: c.Refuse, release: make(chan struct{})}
	s.idle = sync.NewCond(&s.mu)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.listen()
}

func (s *Server) listen() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("fake provider: %w", err)
	}
	s.address = l.Addr().String() // the same again after a Refuse
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	server := s.server
	s.serving.Go(func() { _ = server.Serve(l) }) // ends with ErrServerClosed
	return nil
}

// URL is where it listens, also while it refuses.
func (s *Server) URL() string { return "http://" + s.address }

// Set makes the server misbehave from now on; Set(Fault{}) heals it. Requests that hang are let go.
func (s *Server) Set(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return http.ErrServerClosed
	}
	s.fault = f
	close(s.release)
	s.release = make(chan struct{})
	switch {
	case f.Kind == Refuse && s.server != nil:
		_ = s.server.Close()
		s.server = nil
	case f.Kind != Refuse && s.server == nil:
		return s.listen()
	}
	return nil
}

// Close stops the server, breaks its connections and waits for its handlers.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.release)
		if s.server != nil {
			_ = s.server.Close()
		}
	}
	for s.active > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// enter counts a request in, unless the server is closed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.active++
	}
	return !s.closed
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active--; s.active == 0 {
		s.idle.Broadcast()
	}
}

// take is the fault for this request, counted down.
func (s *Server) take(r *http.Request) (Fault, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.fault
	if f.Kind != Refuse && f.Kind != Unavailable && !s.sends(r) {
		return Fault{}, s.release
	}
	if f.Times > 0 {
		if s.fault.Times--; s.fault.Times == 0 {
			s.fault = Fault{}
		}
	}
	return f, s.release
}

// ServeHTTP serves one request, with the fault that is set.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.leave()
	f, released := s.take(r)
	switch f.Kind {
	case Unavailable, TooMany:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
		}
		status := map[Kind]int{Unavailable: http.StatusServiceUnavailable, TooMany: http.StatusTooManyRequests}[f.Kind]
		s.refuse(w, status)
	case Garbage:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><title>Welcome</title><p>Please log in to use this network.")
	case Hang:
		s.handler.ServeHTTP(&unheard{}, r)
		select {
		case <-r.Context().Done():
		case <-released:
		}
		panic(http.ErrAbortHandler)
	case Reset:
		s.handler.ServeHTTP(&unheard{}, r)
		reset(w)
	case Fail:
		s.handler.ServeHTTP(&unheard{}, r)
		s.refuse(w, http.StatusInternalServerError)
	default:
		s.handler.ServeHTTP(w, r)
	}
}

// reset ends the connection with a TCP RST.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// unheard takes an answer that nobody will get.
type unheard struct {
	header http.Header
	body   bytes.Buffer
}

func (u *unheard) Header() http.Header {
	if u.header == nil {
		u.header = http.Header{}
	}
	return u.header
}
func (u *unheard) Write(b []byte) (int, error) { return u.body.Write(b) }
func (u *unheard) WriteHeader(int)             {}
