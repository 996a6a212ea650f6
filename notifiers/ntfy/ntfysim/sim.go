// Package ntfysim is an ntfy server on loopback, with phones that subscribe to topics: they show
// pushes, and their buttons make the requests that the pushes say. It is for the demo and the
// tests. Errors have the codes and the shape of ntfy's (server/errors.go); its faults are
// package fake's.
package ntfysim

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rouse/notifiers/fake"
)

// Config tells a Sim how to be. The zero value works.
type Config struct {
	Addr  string // "" is 127.0.0.1:0
	Token string // that publishers must show; "" lets everybody publish

	// OnEvent is called with every event, one at a time, in order. It must not call Close.
	OnEvent func(Event)
}

// EventKind is what happened.
type EventKind string

// The kinds.
const (
	Requested EventKind = "requested" // an attempt to publish: HTTP Status, and ID if it was taken
	Pushed    EventKind = "pushed"    // a push arrived at a phone: Text is title and message
	Pressed   EventKind = "pressed"   // a button: Text is its label, URL, HTTP Status (0: no connection)
)

// Event is one thing that happened.
type Event struct {
	At     time.Time
	Kind   EventKind
	Topic  string
	ID     string
	Text   string
	URL    string
	Status int
}

// Sim is a running ntfy server.
type Sim struct {
	cfg    Config
	server *fake.Server
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	state  fake.State // around all below
	phones map[string]*Phone
	events []Event
	closed bool
	made   int // pushes, for their ids
}

// Start listens and serves until Close.
func Start(cfg Config) (*Sim, error) {
	s := &Sim{
		cfg: cfg, phones: map[string]*Phone{},
		client: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	server, err := fake.Start(fake.Config{
		Addr: cfg.Addr, Handler: s,
		Sends:  func(r *http.Request) bool { return r.Method == http.MethodPost || r.Method == http.MethodPut },
		Refuse: refuse,
	})
	if err != nil {
		return nil, err
	}
	s.server = server
	if cfg.OnEvent != nil {
		s.spawn(s.report)
	}
	return s, nil
}

// Close stops everything.
func (s *Sim) Close() {
	s.cancel()
	s.server.Close()
	s.state.Update(func() { s.closed = true })
	s.work.Wait()
	s.client.CloseIdleConnections()
}

// URL is the server's base URL.
func (s *Sim) URL() string { return s.server.URL() }

// Fault makes the server misbehave until told otherwise; Fault(fake.Fault{}) heals it.
func (s *Sim) Fault(f fake.Fault) error { return s.server.Set(f) }

// Events is everything that happened so far, in order.
func (s *Sim) Events() []Event {
	s.state.Lock()
	defer s.state.Unlock()
	return slices.Clone(s.events)
}

// note adds an event; inside Update only.
func (s *Sim) note(e Event) {
	e.At = time.Now()
	s.events = append(s.events, e)
}

func (s *Sim) report() {
	next := 0
	for {
		var fresh []Event
		if !s.state.Await(s.ctx, func() bool {
			fresh = slices.Clone(s.events[next:])
			return len(fresh) > 0
		}) {
			return
		}
		next += len(fresh)
		for _, e := range fresh {
			s.cfg.OnEvent(e)
		}
	}
}

// spawn does work that Close waits for.
func (s *Sim) spawn(work func()) {
	s.state.Lock()
	defer s.state.Unlock()
	if !s.closed {
		s.work.Go(work)
	}
}

// problem is an error as ntfy words it.
type problem struct {
	Code   int    `json:"code"`
	Status int    `json:"http"`
	Text   string `json:"error"`
	Link   string `json:"link,omitempty"`
}

func refuse(w http.ResponseWriter, status int) {
	write(w, status, map[int]problem{
		http.StatusTooManyRequests:     {42901, status, "limit reached: too many requests", "https://ntfy.sh/docs/publish/#limitations"},
		http.StatusInternalServerError: {50001, status, "internal server error", ""},
		http.StatusServiceUnavailable:  {50301, status, "service unavailable", ""}, // a proxy's, in truth
	}[status])
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

var topicForm = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// ServeHTTP takes a publication as JSON: https://docs.ntfy.sh/publish/#publish-as-json.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/v1/health" {
		write(w, http.StatusOK, map[string]bool{"healthy": true})
		return
	}
	if r.Method == http.MethodGet {
		s.poll(w, r)
		return
	}
	push, refused := s.read(r)
	e := Event{Kind: Requested, Topic: push.Topic, Status: http.StatusOK}
	if refused != nil {
		e.Status = refused.Status
		s.state.Update(func() { s.note(e) })
		write(w, refused.Status, refused)
		return
	}
	now := time.Now()
	push.At = now
	var press string
	var after time.Duration
	s.state.Update(func() {
		s.made++
		push.ID = "sim" + strconv.Itoa(s.made)
		e.ID = push.ID
		s.note(e)
		p := s.phone(push.Topic)
		if p.lost {
			return
		}
		p.inbox = append(p.inbox, &shown{Push: push})
		press, after = p.press, p.after
		s.note(Event{Kind: Pushed, Topic: push.Topic, ID: push.ID, Text: push.Title + "\n" + push.Message})
	})
	if press != "" {
		s.spawn(func() {
			if fake.Sleep(s.ctx, after) {
				_ = s.Phone(push.Topic).Press(press) // an event tells how it went
			}
		})
	}
	write(w, http.StatusOK, map[string]any{
		"id": push.ID, "time": now.Unix(), "expires": now.Add(12 * time.Hour).Unix(), "event": "message",
		"topic": push.Topic, "title": push.Title, "message": push.Message, "priority": push.Priority,
		"tags": push.Tags, "click": push.Click, "actions": push.Actions,
	})
}

func (s *Sim) read(r *http.Request) (Push, *problem) {
	push := Push{Priority: 3}
	const link = "https://ntfy.sh/docs/publish/#publish-as-json"
	if r.Method != http.MethodPost && r.Method != http.MethodPut || r.URL.Path != "/" {
		return push, &problem{40401, http.StatusNotFound, "page not found", ""}
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 16<<10)).Decode(&push); err != nil {
		return push, &problem{40017, http.StatusBadRequest, "invalid request: request body must be message JSON", link}
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case s.cfg.Token != "" && token != "" && token != s.cfg.Token:
		return push, &problem{40101, http.StatusUnauthorized, "unauthorized", "https://ntfy.sh/docs/publish/#authentication"}
	case s.cfg.Token != "" && token == "" || s.refuses(push.Topic, 40301):
		return push, &problem{40301, http.StatusForbidden, "forbidden", "https://ntfy.sh/docs/publish/#authentication"}
	case !topicForm.MatchString(push.Topic):
		return push, &problem{40009, http.StatusBadRequest, "invalid request: topic invalid", ""}
	case s.refuses(push.Topic, 40010):
		return push, &problem{40010, http.StatusBadRequest, "invalid request: topic name is disallowed", ""}
	case push.Priority < 1 || push.Priority > 5:
		return push, &problem{40007, http.StatusBadRequest, "invalid priority parameter", "https://ntfy.sh/docs/publish/#message-priority"}
	case len(push.Message) > 4096:
		return push, &problem{40014, http.StatusBadRequest, "invalid request: attachments not allowed", "https://ntfy.sh/docs/config/#attachments"}
	case len(push.Actions) > 3 || slices.ContainsFunc(push.Actions, invalid):
		return push, &problem{40018, http.StatusBadRequest, "invalid request: actions invalid", "https://ntfy.sh/docs/publish/#action-buttons"}
	}
	return push, nil
}

func invalid(a Action) bool {
	return a.Action != "view" && a.Action != "http" && a.Action != "broadcast" || a.Label == "" || a.Action != "broadcast" && a.URL == ""
}

func (s *Sim) refuses(topic string, code int) bool {
	s.state.Lock()
	defer s.state.Unlock()
	p, ok := s.phones[topic]
	return ok && p.refused == code
}
