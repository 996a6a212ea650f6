package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/pager"
)

// fakeEngine keeps what it is given, and fails where fail says so.
type fakeEngine struct {
	pager.Engine
	fail func(ctx context.Context, a engine.Alert) error

	mu   sync.Mutex
	got  []engine.Alert
	open map[string]engine.Key
}

func (e *fakeEngine) Receive(ctx context.Context, a engine.Alert) (pager.Received, error) {
	if e.fail != nil {
		if err := e.fail(ctx, a); err != nil {
			return pager.Received{}, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.got = append(e.got, a)
	id := string(a.Service) + "/" + a.DedupKey
	key, joins := e.open[id]
	switch {
	case a.Action == engine.Resolve && !joins:
		return pager.Received{Outcome: pager.Noted, DedupKey: a.DedupKey, Why: "no incident is open for it"}, nil
	case a.Action == engine.Resolve:
		delete(e.open, id)
		return pager.Received{Key: key, Outcome: pager.Closed, DedupKey: a.DedupKey}, nil
	case joins && a.DedupKey != "":
		return pager.Received{Key: key, Outcome: pager.Joined, DedupKey: a.DedupKey}, nil
	}
	if e.open == nil {
		e.open = map[string]engine.Key{}
	}
	key = engine.Key(fmt.Sprintf("HOT-%d", len(e.got)))
	e.open[id] = key
	return pager.Received{Key: key, Outcome: pager.Opened, DedupKey: a.DedupKey}, nil
}

// fakeKeys knows a key for each service, "key-of-" and its name; "key-of-" alone is bound to none.
type fakeKeys struct {
	settings map[string]string // of keys
	fail     error             // instead of an answer
}

func (k fakeKeys) Sender(_ context.Context, key string) (Sender, error) {
	if k.fail != nil {
		return Sender{}, k.fail
	}
	service, ok := strings.CutPrefix(key, "key-of-")
	if !ok {
		return Sender{}, ErrUnknownKey
	}
	return Sender{Key: 1, Prefix: "key-of", Service: engine.ServiceID(service), Settings: json.RawMessage(k.settings[key])}, nil
}

// desk is a Handler with a fake behind it and a log that can be looked through.
type desk struct {
	*fakeEngine
	h   *Handler
	log *bytes.Buffer
}

func newDesk(fail func(context.Context, engine.Alert) error) *desk {
	d := &desk{fakeEngine: &fakeEngine{fail: fail}, log: &bytes.Buffer{}}
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	patience := 50 * time.Millisecond
	if fail == nil {
		patience = 10 * time.Second // nothing here waits for its end, and a busy machine is slow
	}
	d.h = New(Config{Engine: d.fakeEngine, Keys: fakeKeys{}, Log: log, Patience: patience})
	return d
}

// post posts a body to one of the two dialects and gives the answer.
func (d *desk) post(target string, service engine.ServiceID, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what curl -d says
	r.Header.Set("Authorization", "Bearer key-of-"+string(service))
	w := httptest.NewRecorder()
	if strings.HasPrefix(target, "/v1/alertmanager") {
		d.h.Alertmanager(w, r)
	} else {
		d.h.Alerts(w, r)
	}
	return w
}

func decodeInto[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("answer %q: %v", w.Body, err)
	}
	return v
}

// wantRefusal checks status, type and a part of the detail of a problem.
func wantRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, problem, detail string) {
	t.Helper()
	got := decodeInto[struct {
		Type   string
		Status int
		Detail string
	}](t, w)
	if w.Code != status || got.Status != status || got.Type != "/problems/"+problem || !strings.Contains(got.Detail, detail) {
		t.Errorf("got %d %+v\nwant %d %s with %q", w.Code, got, status, problem, detail)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type is %q", ct)
	}
	if retry := w.Header().Get("Retry-After"); (status == http.StatusServiceUnavailable) != (retry == "5") {
		t.Errorf("Retry-After is %q with %d", retry, status)
	}
}

// wantWhole checks what holds for every alert of every dialect.
func wantWhole(t *testing.T, a engine.Alert) {
	t.Helper()
	texts := []string{a.Summary, a.Details, a.DedupKey, string(a.Service), string(a.Key), string(a.By), a.Word, a.Note, a.Once}
	for _, l := range a.Links {
		texts = append(texts, l.Href, l.Text)
	}
	for name, value := range a.Labels {
		texts = append(texts, name, value)
	}
	for _, r := range a.Responders {
		texts = append(texts, r.Kind, r.Name)
	}
	for _, s := range texts {
		if s != storable(s) {
			t.Errorf("Postgres cannot store %q", s)
		}
	}
	switch {
	case a.Summary == "" || a.Summary != oneLine(a.Summary):
		t.Errorf("summary %q", a.Summary)
	case !a.Severity.Valid():
		t.Errorf("severity %d", a.Severity)
	case !a.Action.Known():
		t.Errorf("action %q", a.Action)
	case len(a.DedupKey) > maxDedup+80 || len(a.Details) > maxDetails || len(a.Raw) > maxRaw || len(a.Links) > maxLinks || len(a.Labels) > maxLabels:
		t.Errorf("too long: dedup key %d, details %d, raw %d, links %d, labels %d", len(a.DedupKey), len(a.Details), len(a.Raw), len(a.Links), len(a.Labels))
	case a.Source == "":
		t.Error("no source")
	}
}
