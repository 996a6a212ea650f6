package main

import (
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	problems "rouse/api/problem"
)

// entrance is what answers at the address from the first moment on: by itself as long as the node has no
// database, and by the handler of everything from then on. By itself it takes no alert: which keys are in
// force stands in the database alone, and whoever shows one is asked to come again.
type entrance struct {
	whole   atomic.Pointer[http.Handler] // nil until the node can do its work
	away    atomic.Pointer[string]       // why the database does not answer; nil: that is not known to be so
	decided chan struct{}                // closed when one of them is there
	once    sync.Once
	alone   http.Handler
}

// startHeld is how long a request is held while the node starts, so that one that is replaced refuses none.
const startHeld = 2 * time.Second

func newEntrance(log *slog.Logger) *entrance {
	e := &entrance{decided: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answerAlive)
	mux.Handle("GET /metrics", metricsHandler(nil, log))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		text := "not known yet: this node is starting"
		if why := e.away.Load(); why != nil {
			text = "does not answer: " + *why + ". This node takes no alerts and pages nobody until it does. Is Postgres up, and ROUSE_DATABASE_URL right?"
		}
		answerJSON(w, http.StatusServiceUnavailable, ready{Checks: []finding{{"database", fail, text}}})
	})
	mux.HandleFunc("/", e.refuse)
	e.alone = mux
	return e
}

// How much of a body is read though nobody wants it, twice what an alert may be, and how long its rest may take.
const (
	maxUnread    = 1 << 20
	unreadWithin = 2 * time.Second
)

// ServeHTTP reads what the answer had no need of, too. net/http does so only on connections that are kept;
// on the others, which is what nginx and many senders use, it closes while the body is still on its way, and
// who sent it sees a broken connection in place of the refusal. Who asks first (100-continue) sends nothing.
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	defer func() {
		if body != nil && r.ContentLength != 0 && r.Header.Get("Expect") == "" {
			// Where there is no deadline the server's holds. Who cannot be heard to the end cannot be answered either.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadWithin))
			_, _ = io.CopyN(io.Discard, body, maxUnread)
		}
	}()
	if whole := e.whole.Load(); whole != nil {
		(*whole).ServeHTTP(w, r)
		return
	}
	e.alone.ServeHTTP(w, r)
}

// refuse asks whoever comes to come again, unless the node is ready in a moment.
func (e *entrance) refuse(w http.ResponseWriter, r *http.Request) {
	select {
	case <-e.decided:
	case <-time.After(startHeld):
	case <-r.Context().Done():
	}
	if whole := e.whole.Load(); whole != nil {
		(*whole).ServeHTTP(w, r)
		return
	}
	text := "Rouse is starting. Try again."
	if e.away.Load() != nil {
		text = "The database is away. Try again."
	}
	problems.Write(w, problems.Unavailable.Because("%s", text))
}

// databaseIsAway notes that the database does not answer, and why: in words that anybody may read.
func (e *entrance) databaseIsAway(why string) {
	e.away.Store(&why)
	e.once.Do(func() { close(e.decided) })
}

// open lets everybody through to the handler of everything.
func (e *entrance) open(whole http.Handler) {
	e.whole.Store(&whole)
	e.once.Do(func() { close(e.decided) })
}
