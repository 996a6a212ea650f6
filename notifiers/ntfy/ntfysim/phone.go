package ntfysim

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"rouse/notifiers/fake"
)

// Phone is a phone that subscribes to one topic.
type Phone struct {
	sim   *Sim
	topic string

	// guarded by sim.state
	inbox   []*shown
	press   string // the label of the button to press on every push
	after   time.Duration
	refused int  // an ntfy error code
	lost    bool // whatever is published to it
}

// Push is what a phone shows, with ntfy's names of the fields.
type Push struct {
	ID       string    `json:"-"`
	At       time.Time `json:"-"`
	Topic    string    `json:"topic"`
	Title    string    `json:"title"`
	Message  string    `json:"message"`
	Priority int       `json:"priority"`
	Tags     []string  `json:"tags"`
	Click    string    `json:"click"`
	Actions  []Action  `json:"actions"`
}

// Action is a button of a push.
type Action struct {
	Action  string            `json:"action"`
	Label   string            `json:"label"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Clear   bool              `json:"clear"`
}

type shown struct {
	Push
	cleared  bool // by a button that succeeded
	expected bool // by ExpectPush, already
}

// Phone is the phone that subscribes to the topic; it is there as soon as it is asked for.
func (s *Sim) Phone(topic string) *Phone {
	s.state.Lock()
	defer s.state.Unlock()
	return s.phone(topic)
}

func (s *Sim) phone(topic string) *Phone {
	p, ok := s.phones[topic]
	if !ok {
		p = &Phone{sim: s, topic: topic}
		s.phones[topic] = p
	}
	return p
}

// Topic is the topic that the phone subscribes to.
func (p *Phone) Topic() string { return p.topic }

// Inbox is every push that arrived, in order.
func (p *Phone) Inbox() []Push { return p.pushes(func(*shown) bool { return true }) }

// Showing is the pushes that no button has cleared yet.
func (p *Phone) Showing() []Push { return p.pushes(func(s *shown) bool { return !s.cleared }) }

func (p *Phone) pushes(which func(*shown) bool) []Push {
	p.sim.state.Lock()
	defer p.sim.state.Unlock()
	var all []Push
	for _, s := range p.inbox {
		if which(s) {
			all = append(all, s.Push)
		}
	}
	return all
}

// WillPress presses the button with that label on every push to come, so long after; "" no longer.
func (p *Phone) WillPress(label string, after time.Duration) {
	p.sim.state.Update(func() { p.press, p.after = label, after })
}

// Refuse makes the server refuse what is published to the topic: 40010 for a topic that is not
// allowed, 40301 for one that the token may not publish to; 0 no longer.
func (p *Phone) Refuse(code int) { p.sim.state.Update(func() { p.refused = code }) }

// Loses has the server take what is published to the topic and bring it nowhere, as one does that has lost its
// messages; false brings it again.
func (p *Phone) Loses(all bool) { p.sim.state.Update(func() { p.lost = all }) }

// ExpectPush waits for a push whose title and message contain all of these. Each is returned once.
func (p *Phone) ExpectPush(t fake.TB, within time.Duration, containing ...string) Push {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.sim.ctx, within)
	defer cancel()
	var found Push
	if !p.sim.state.Await(ctx, func() bool {
		for _, s := range p.inbox {
			if !s.expected && fake.ContainsAll(s.Title+"\n"+s.Message, containing) {
				s.expected, found = true, s.Push
				return true
			}
		}
		return false
	}) {
		t.Fatalf("%s: no push with %q within %s; it had %+v", p.topic, containing, within, p.Inbox())
	}
	return found
}

// Press presses the button with that label on the newest push that has one and is not cleared: it
// makes the request that the button says. The error says why that failed, as the app would show.
func (p *Phone) Press(label string) error {
	var target *shown
	var button Action
	p.sim.state.Lock()
	for _, s := range p.inbox {
		for _, a := range s.Actions {
			if !s.cleared && strings.EqualFold(a.Label, label) {
				target, button = s, a
			}
		}
	}
	p.sim.state.Unlock()
	if target == nil {
		return fmt.Errorf("no push shows a button %q", label)
	}
	status, err := p.sim.perform(button)
	p.sim.state.Update(func() {
		target.cleared = target.cleared || err == nil && button.Clear
		p.sim.note(Event{Kind: Pressed, Topic: p.topic, ID: target.ID, Text: button.Label, URL: button.URL, Status: status})
	})
	return err
}

// perform makes a button's request. Like the app it takes any 2xx for success.
func (s *Sim) perform(a Action) (status int, err error) {
	method := a.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(s.ctx, method, a.URL, strings.NewReader(a.Body))
	if err != nil {
		return 0, fmt.Errorf("pressing %s: %w", a.Label, err)
	}
	for name, value := range a.Headers {
		req.Header.Set(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("pressing %s: %w", a.Label, err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return res.StatusCode, fmt.Errorf("pressing %s: HTTP %d", a.Label, res.StatusCode)
	}
	return res.StatusCode, nil
}
