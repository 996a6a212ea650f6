package webpushsim

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"rouse/notifiers/fake"
)

// Browser is one that has subscribed.
type Browser struct {
	sim  *Sim
	id   string
	key  *ecdh.PrivateKey
	auth []byte
	from string // the public key it subscribed with; "" takes any

	// guarded by sim.state
	inbox    []*Push
	status   int // that pushes are refused with; 0 takes them
	receipts bool
}

// Push is what a browser shows.
type Push struct {
	ID      string        `json:"-"`
	At      time.Time     `json:"-"` // when the push service was called
	TTL     time.Duration `json:"-"`
	Urgency string        `json:"-"`
	Title   string        `json:"title"`
	Body    string        `json:"body"`
	Tag     string        `json:"tag"`
	Lang    string        `json:"lang"`
	Urgent  bool          `json:"urgent"`
	Ack     Button        `json:"ack"`
	Decline Button        `json:"decline"`
	Open    string        `json:"open"`
	Seen    string        `json:"seen"`

	expected bool
}

// Button is one button, and what a tap asks with POST.
type Button struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// Subscribe makes a browser that takes pushes signed with the key whose public half is given, in base64url;
// "" takes any.
func (s *Sim) Subscribe(publicKey string) *Browser {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	b := &Browser{sim: s, key: key, auth: make([]byte, 16), from: publicKey, receipts: true}
	_, _ = rand.Read(b.auth)
	s.state.Update(func() {
		b.id = strconv.Itoa(len(s.browsers)+1) + "-" + rand.Text()
		s.browsers[b.id] = b
	})
	return b
}

// Endpoint, P256dh and Auth are what PushSubscription.toJSON gives.
func (b *Browser) Endpoint() string { return b.sim.URL() + "/push/" + b.id }

// P256dh is the browser's public key.
func (b *Browser) P256dh() string { return b64.EncodeToString(b.key.PublicKey().Bytes()) }

// Auth is the secret that sender and browser share.
func (b *Browser) Auth() string { return b64.EncodeToString(b.auth) }

// Address is the subscription as Rouse keeps it.
func (b *Browser) Address() string { return b.Endpoint() + "#" + b.P256dh() + "." + b.Auth() }

// Refuse answers every push with the status; 410 is a subscription that has ended, 0 takes them again.
func (b *Browser) Refuse(status int) { b.sim.state.Update(func() { b.status = status }) }

// Sleeps keeps the browser from telling that a push is shown.
func (b *Browser) Sleeps() { b.sim.state.Update(func() { b.receipts = false }) }

// Inbox is every push that came, in order.
func (b *Browser) Inbox() []Push {
	b.sim.state.Lock()
	defer b.sim.state.Unlock()
	var all []Push
	for _, p := range b.inbox {
		all = append(all, *p)
	}
	return all
}

// Await waits until there are n pushes, and gives all.
func (b *Browser) Await(ctx context.Context, n int) ([]Push, error) {
	came := b.sim.state.Await(ctx, func() bool { return len(b.inbox) >= n })
	all := b.Inbox()
	if !came {
		return all, fmt.Errorf("%d of %d pushes came: %w", len(all), n, ctx.Err())
	}
	return all, nil
}

// Showing is what is on the screen: of each tag the last.
func (b *Browser) Showing() []Push {
	var all []Push
	for _, p := range b.Inbox() {
		all = slices.DeleteFunc(all, func(o Push) bool { return o.Tag == p.Tag })
		all = append(all, p)
	}
	return all
}

// Expect waits for a push whose title and body contain all of these. Each is returned once.
func (b *Browser) Expect(t fake.TB, within time.Duration, containing ...string) Push {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.sim.ctx, within)
	defer cancel()
	var found Push
	if !b.sim.state.Await(ctx, func() bool {
		for _, p := range b.inbox {
			if !p.expected && fake.ContainsAll(p.Title+"\n"+p.Body, containing) {
				p.expected, found = true, *p
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no push with %q within %s; there are %+v", containing, within, b.Inbox())
	}
	return found
}

// Press makes the request of a push's button, and gives the status of the answer.
func (b *Browser) Press(button Button) (status int, err error) {
	if button.URL == "" {
		return 0, fmt.Errorf("there is no such button")
	}
	return b.sim.post(button.URL)
}

// show adds a push; with the lock held.
func (b *Browser) show(p *Push) { b.inbox = append(b.inbox, p) }

// take checks and decrypts a push.
func (b *Browser) take(r *http.Request) (status int, p *Push) {
	b.sim.state.Lock()
	status = b.status
	b.sim.state.Unlock()
	if status != 0 {
		return status, nil
	}
	if status := signed(r, b.sim.URL(), b.from, time.Now()); status != 0 {
		return status, nil
	}
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	if err != nil || ttl < 0 || r.Header.Get("Content-Encoding") != "aes128gcm" {
		return http.StatusBadRequest, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4096))
	if err != nil {
		return http.StatusRequestEntityTooLarge, nil
	}
	text, err := decrypt(b.key, b.auth, body)
	if err != nil { // a real push service could not tell, and the browser would show nothing
		return http.StatusBadRequest, nil
	}
	p = &Push{TTL: time.Duration(ttl) * time.Second, Urgency: r.Header.Get("Urgency")}
	if err := json.Unmarshal(text, p); err != nil {
		return http.StatusBadRequest, nil
	}
	return http.StatusCreated, p
}

var b64 = base64.RawURLEncoding
