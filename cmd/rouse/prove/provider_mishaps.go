package prove

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"rouse/rosters"
)

// mishap is what goes wrong with a message at its provider.
type mishap struct {
	kind  mishapKind
	times int           // the first so many tries to send it; 0: all
	after time.Duration // what the provider asks to wait, with tooMany; how slow it is, with slow
}

type mishapKind string

// The kinds. With those that begin with "sent" the message arrives, and only the answer does not.
const (
	noMishap    mishapKind = ""
	refuses     mishapKind = "refused for good" // 4xx: no such topic, opted out, no such number
	outOfOrder  mishapKind = "503"
	tooMany     mishapKind = "429"
	garbage     mishapKind = "a web page"
	silent      mishapKind = "no answer"
	resets      mishapKind = "reset"
	sentSilent  mishapKind = "sent, no answer"
	sentResets  mishapKind = "sent, reset"
	sentFails   mishapKind = "sent, 500"
	noCallbacks mishapKind = "sent, never heard of again" // calls; texts have a plan for it
	slow        mishapKind = "slow"
	lies        mishapKind = "said to be sent, and not" // Twilio's: there is a receipt that does not come
)

// ambiguous reports whether a node cannot know that the message was taken.
func (k mishapKind) ambiguous() bool { return k == sentSilent || k == sentResets || k == sentFails }

// mishaps say what goes wrong, by address and, for all others, by channel. Safe for many.
type mishaps struct {
	mu       sync.Mutex
	at       map[place]mishap
	channels map[rosters.Channel]mishap
	tries    map[place]int
}

func newMishaps() *mishaps {
	return &mishaps{at: map[place]mishap{}, channels: map[rosters.Channel]mishap{}, tries: map[place]int{}}
}

// set has a mishap befall everything on some channels that is not for an address with one of its own;
// mishap{} ends it.
func (m *mishaps) set(what mishap, channels ...rosters.Channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range channels {
		m.channels[c] = what
	}
}

// next is what befalls one more message.
func (m *mishaps) next(to place) mishap {
	m.mu.Lock()
	defer m.mu.Unlock()
	what, own := m.at[to]
	if !own {
		return m.channels[to.channel]
	}
	if m.tries[to]++; what.times > 0 && m.tries[to] > what.times {
		return mishap{}
	}
	return what
}

// mishandle puts the rig's mishaps, if there are any, before a provider. What does not get through to it is
// written into the ledger here.
func (r *rig) mishandle(o outlet, provider taking) http.HandlerFunc {
	if o.mishaps == nil {
		return func(w http.ResponseWriter, req *http.Request) { provider(w, req, 0) }
	}
	return func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		if err != nil {
			return // it did not come in whole
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		s, ok := o.read(req, body)
		if !ok {
			provider(w, req, 0)
			return
		}
		what := o.mishaps.next(s.to())
		s.node, s.began = o.node, time.Now()
		switch {
		case what.kind == noCallbacks:
			body = withoutCallbacks(body)
			req.Body = io.NopCloser(bytes.NewReader(body))
			provider(w, req, 0)
			return
		case what.kind == noMishap:
			provider(w, req, 0)
			return
		case what.kind == slow:
			provider(w, req, what.after)
			return
		case what.kind == lies:
			r.lie(w, s)
			return
		case what.kind.ambiguous():
			provider(&answer{header: http.Header{}}, req, 0) // which nobody hears
		default:
			no := r.ledger.begin(s)
			defer r.ledger.end(no, false, "")
		}
		r.befall(w, req, what, s)
	}
}

// befall answers a request as a mishap wants it.
func (r *rig) befall(w http.ResponseWriter, req *http.Request, what mishap, s sent) {
	switch what.kind {
	case refuses:
		code := map[rosters.Channel]int{rosters.Push: 40010, rosters.SMS: 21610, rosters.Voice: 21211}[s.channel]
		say(w, http.StatusBadRequest, code)
	case outOfOrder:
		refuse(w, http.StatusServiceUnavailable)
	case tooMany:
		w.Header().Set("Retry-After", strconv.Itoa(int(what.after/time.Second)))
		refuse(w, http.StatusTooManyRequests)
	case garbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Welcome</title><p>Please log in to use this network.")
	case sentFails:
		refuse(w, http.StatusInternalServerError)
	case resets, sentResets:
		reset(w)
	default:
		select {
		case <-req.Context().Done():
		case <-r.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	}
}

// lie says that a text or a call was taken, and does nothing.
func (r *rig) lie(w http.ResponseWriter, s sent) {
	id := "SM" + strings.ToLower(rand.Text()) + "234567"
	s.lied = true
	r.ledger.end(r.ledger.begin(s), true, id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"sid": %q, "status": "queued"}`, id)
}

// say refuses with a code that both providers have the places for.
func say(w http.ResponseWriter, status, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code": %d, "http": %d, "status": %d, "error": "refused", "message": "refused"}`, code, status, status)
}

// reset ends the connection with a RST.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// withoutCallbacks has a call be placed of which nothing is heard again.
func withoutCallbacks(form []byte) []byte {
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return form
	}
	values["StatusCallbackEvent"] = []string{"none"}
	return []byte(values.Encode())
}
