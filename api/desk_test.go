package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rouse/api/calendar"
	"rouse/api/callbacks"
	"rouse/api/intake"
	"rouse/api/providers"
	"rouse/api/seal"
	"rouse/api/verify"
	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/migrations/dbtest"
	"rouse/notifiers"
	"rouse/rosters"
)

// desk is the API on a database of its own, with keys for everybody.
type desk struct {
	sent     chan notifiers.Message // codes
	refusal  error                  // what sending one fails with
	t        *testing.T
	db       *pgxpool.Pool
	api      http.Handler
	engine   *fakeEngine
	log      *bytes.Buffer
	secrets  *seal.Box           // that what senders sign with is sealed with
	carriers *providers.Registry // who carries messages; nil: push, sms and voice can be sent
	keys     map[string]string   // by scope; "ann" is ann's respond key, "bitbucket" that service's
}

// newDesk has the people ann, bob and carla, the roster dba in which ann and bob take weekly turns at
// all times, the catch-all roster imoc with carla, the policy bitbucket that pages dba, then bob, and
// the service bitbucket.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := newEmptyDesk(t)
	for _, handle := range []string{"ann", "bob", "carla"} {
		d.must(201, "POST", "/v1/people", `{"handle": "`+handle+`", "name": "Name of `+handle+`", "contacts": [{"channel": "sms", "address": "+4915112345617"}]}`)
	}
	d.must(201, "POST", "/v1/rosters", `{"slug": "dba", "rotations": [`+weekly+`]}`)
	d.must(201, "POST", "/v1/rosters", `{"slug": "imoc", "rotations": [{"id": "only", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": ["carla"]}]}`)
	d.must(201, "POST", "/v1/policies", `{"slug": "bitbucket", "levels": [{"targets": [{"roster": "dba"}]}, {"targets": [{"person": "bob"}], "wait": "90s"}]}`)
	d.must(201, "POST", "/v1/services", `{"slug": "bitbucket", "policy": "bitbucket"}`)
	d.keys["ann"] = d.newKey(enginedb.Key{Name: "ann's phone", Scopes: []enginedb.Scope{enginedb.ScopeRespond}, Person: "ann"})
	d.keys["bitbucket"] = d.newKey(enginedb.Key{Name: "alertmanager", Scopes: []enginedb.Scope{enginedb.ScopeIntake}, Service: "bitbucket"})
	return d
}

const weekly = `{"id": "primary", "zone": "Europe/Berlin", "start": "2026-01-05T09:00:00", "rule": "FREQ=WEEKLY", "participants": ["ann", "bob"]}`

func newEmptyDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, sent: make(chan notifiers.Message, 100), db: dbtest.New(t), engine: &fakeEngine{}, log: &bytes.Buffer{}, secrets: sealedBy(t, 1), keys: map[string]string{}}
	d.api = d.on(d.db)
	for _, scope := range []enginedb.Scope{enginedb.ScopeIntake, enginedb.ScopeRead, enginedb.ScopeRespond, enginedb.ScopeAdmin} {
		d.keys[string(scope)] = d.newKey(enginedb.Key{Name: "test " + string(scope), Scopes: []enginedb.Scope{scope}})
	}
	return d
}

// on builds the API.
func (d *desk) on(db *pgxpool.Pool) http.Handler {
	log := slog.New(slog.NewJSONHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	signs, err := pager.New(pager.Config{DB: db, Log: log, // not started
		Channels: notifiers.NewChannels(map[notifiers.Channel]notifiers.Notifier{notifiers.SMS: notifiers.NewChain(notifiers.Provider{Name: "none"})})})
	if err != nil {
		d.t.Fatal(err)
	}
	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return New(Config{Engine: d.engine, Drills: signs, DB: db, Health: health, Log: log, PublicURL: "https://rouse.example.com", Secrets: d.secrets,
		Providers: d.carriers,
		Codes: verify.New(verify.Config{DB: db, Send: func(_ context.Context, m notifiers.Message) error {
			refusal := d.refusal
			d.sent <- m
			return refusal
		}, Log: log}),
		Channels: func() map[rosters.Channel]bool {
			if d.carriers != nil {
				return d.carriers.Usable()
			}
			return map[rosters.Channel]bool{rosters.Push: true, rosters.SMS: true, rosters.Voice: true}
		},
		CatchAll:  engine.CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"carla"}},
		Intake:    intake.New(intake.Config{Engine: d.engine, Keys: NewKeyring(db, d.secrets, log), Book: enginedb.New(db), Signs: signs, Heartbeats: enginedb.New(db), Log: log}),
		Calendar:  calendar.New(calendar.Config{DB: db, Log: log}),
		Callbacks: callbacks.New(callbacks.Config{Engine: d.engine, Log: log})})
}

func (d *desk) newKey(k enginedb.Key) string {
	d.t.Helper()
	secret, _, err := enginedb.New(d.db).CreateKey(context.Background(), k)
	if err != nil {
		d.t.Fatal(err)
	}
	return secret
}

// answered is what came back.
type answered struct {
	status int
	header http.Header
	body   string
}

// send sends a request with a key, headers given as "Name: value".
func (d *desk) send(key, method, path, body string, headers ...string) answered {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	return answered{w.Code, w.Header(), w.Body.String()}
}

// as sends a request with the key of a scope or person.
func (d *desk) as(key, method, path, body string, headers ...string) answered {
	d.t.Helper()
	secret, ok := d.keys[key]
	if !ok {
		d.t.Fatalf("there is no key %s", key)
	}
	return d.send(secret, method, path, body, headers...)
}

// must sends a request as admin and demands a status.
func (d *desk) must(status int, method, path, body string, headers ...string) answered {
	d.t.Helper()
	got := d.as("admin", method, path, body, headers...)
	if got.status != status {
		d.t.Fatalf("%s %s: got %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// value reads the JSON of an answer.
func (a answered) value(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// said is an answer in one line, of a problem all that its reader sees:
// `422 /problems/validation "detail" [pointer (value) what is wrong]`.
func (a answered) said() string {
	var p struct {
		Type, Detail string
		Status       int
		Errors       []struct{ Pointer, Parameter, Value, Detail string }
	}
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil || p.Status != a.status {
		return fmt.Sprintf("%d %s", a.status, strings.TrimSpace(a.body))
	}
	s := fmt.Sprintf("%d %s %q", a.status, p.Type, p.Detail)
	for _, e := range p.Errors {
		if e.Value != "" {
			e.Value = "(" + e.Value + ")"
		}
		s += " [" + strings.Join(strings.Fields(e.Pointer+e.Parameter+" "+e.Value+" "+e.Detail), " ") + "]"
	}
	return s
}

// fakeEngine keeps what it is told and answers what it is set to.
type fakeEngine struct {
	pager.Engine
	told  []string
	reply pager.Reply
	err   error
}

func (e *fakeEngine) tell(format string, args ...any) {
	e.told = append(e.told, fmt.Sprintf(format, args...))
}

func (e *fakeEngine) View(context.Context, string) (pager.PageView, error) {
	return pager.PageView{}, pager.ErrNotFound
}

func (e *fakeEngine) Receive(_ context.Context, a engine.Alert) (pager.Received, error) {
	e.tell("alert %s %q", a.Service, a.Summary)
	return pager.Received{Key: "HOT-1", Outcome: pager.Opened}, e.err
}

func (e *fakeEngine) Acknowledge(_ context.Context, from pager.From, via string) (pager.Reply, error) {
	e.tell("acknowledge %s by %s escalation %d via %s", from.Key, from.Person, from.Escalation, via)
	return e.reply, e.err
}

func (e *fakeEngine) Decline(_ context.Context, from pager.From, via string) (pager.Reply, error) {
	e.tell("decline %s by %s escalation %d via %s", from.Key, from.Person, from.Escalation, via)
	return e.reply, e.err
}

func (e *fakeEngine) PageIn(_ context.Context, key engine.Key, in pager.PageIn) (int, error) {
	e.tell("page %s into %s as %q by %s after %v: %s", in.Target, key, in.Role, in.By, in.Wait, in.Why)
	return 2, e.err
}

func (e *fakeEngine) SetSeverity(_ context.Context, key engine.Key, to engine.Severity, by, why string) error {
	e.tell("severity of %s to %d by %s: %s", key, to, by, why)
	return e.err
}

func (e *fakeEngine) Describe(_ context.Context, key engine.Key, d engine.Described) error {
	was, is := engine.Incident{}, d.To(engine.Incident{})
	e.tell("of %s by %s: %q %q %+v %v", key, d.By, is.Summary, is.Service, is.Particulars, reflect.DeepEqual(was, is))
	return e.err
}

func (e *fakeEngine) Resolve(_ context.Context, key engine.Key, by, why string) error {
	e.tell("resolve %s by %s: %s", key, by, why)
	return e.err
}

func (e *fakeEngine) Active(_ context.Context, key engine.Key, by, what string) error {
	e.tell("note in %s by %s: %s", key, by, what)
	return e.err
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
