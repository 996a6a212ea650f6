// Package webpushsim is a push service on loopback, with browsers that subscribe to it: they decrypt what
// comes and show it, and their buttons make the requests that the push says. It is for the demo and the
// tests, and shares no code with the sender: it checks whose key signed (RFC 8292) and decrypts by itself
// (RFC 8188, 8291).
package webpushsim

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"rouse/notifiers/fake"
)

// Config tells a Sim how to be. The zero value works.
type Config struct {
	Addr string // "" is 127.0.0.1:0
}

// Sim is a running push service.
type Sim struct {
	server *fake.Server
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	state    fake.State // around all below
	browsers map[string]*Browser
	made     int // pushes, for their ids
}

// Start listens and serves until Close.
func Start(cfg Config) (*Sim, error) {
	s := &Sim{browsers: map[string]*Browser{}, client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	server, err := fake.Start(fake.Config{
		Addr: cfg.Addr, Handler: s,
		Sends:  func(r *http.Request) bool { return r.Method == http.MethodPost },
		Refuse: func(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) },
	})
	if err != nil {
		return nil, err
	}
	s.server = server
	return s, nil
}

// Close stops everything.
func (s *Sim) Close() {
	s.cancel()
	s.server.Close()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// URL is the push service's base URL.
func (s *Sim) URL() string { return s.server.URL() }

// Fault makes the service misbehave until told otherwise; Fault(fake.Fault{}) heals it.
func (s *Sim) Fault(f fake.Fault) error { return s.server.Set(f) }

// ServeHTTP takes a push: POST /push/{browser}, RFC 8030 §5.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	id, ok := strings.CutPrefix(r.URL.Path, "/push/")
	b := s.browser(id)
	if !ok || b == nil || r.Method != http.MethodPost {
		http.NotFound(w, r)
		return
	}
	status, shown := b.take(r)
	if status != http.StatusCreated {
		http.Error(w, http.StatusText(status), status)
		return
	}
	var receipt string
	s.state.Update(func() {
		s.made++
		shown.ID, shown.At = "push-"+strconv.Itoa(s.made), at
		b.show(shown)
		if b.receipts {
			receipt = shown.Seen
		}
	})
	if receipt != "" {
		s.work.Go(func() { _, _ = s.post(receipt) }) // as the service worker does: in vain if nobody listens
	}
	w.Header().Set("Location", s.URL()+"/message/"+shown.ID)
	w.WriteHeader(http.StatusCreated)
}

func (s *Sim) browser(id string) *Browser {
	s.state.Lock()
	defer s.state.Unlock()
	return s.browsers[id]
}

// post makes the request of a button or a receipt.
func (s *Sim) post(url string) (status int, err error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection can be used again
	return res.StatusCode, nil
}
