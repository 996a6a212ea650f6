package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"rouse/migrations/dbtest"
	"rouse/migrations/localpg"
)

// Rule 1: a node that starts while its database is away answers all the same, refuses what it cannot keep,
// and goes to work by itself when the database comes.
func TestE2ENodeStartsBeforeItsDatabase(t *testing.T) {
	story(t)
	postgres := ownPostgres(t)
	h := newHouse(t, wish{database: postgres.URL(), environ: []string{"ROUSE_SPOOL_DIR=" + t.TempDir(), "ROUSE_SPOOL_LIMIT=100MB"}})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))
	n := h.nodes[0]
	n.Stop()
	postgres.Stop()

	if err := n.Launch(); err != nil {
		t.Fatal(err)
	}
	pid := n.PID()
	if !eventually(func() bool { return listens(n.Address) }) {
		t.Fatal("it does not listen")
	}
	alert := object{"service": "bitbucket", "severity": 1, "summary": "Pushes fail", "dedup_key": "pushes"}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		says         string
	}{
		{"GET", "/healthz", nil, http.StatusOK, `"service": "rouse"`},
		{"POST", "/v1/alerts", alert, http.StatusServiceUnavailable, "The database is away. Try again."},
		{"GET", "/readyz", nil, http.StatusServiceUnavailable, "does not answer: "},
		{"GET", "/metrics", nil, http.StatusOK, "go_goroutines"},
		{"GET", "/v1/incidents", nil, http.StatusServiceUnavailable, "The database is away. Try again."},
		{"POST", "/callbacks/twilio/sms", object{}, http.StatusServiceUnavailable, "The database is away. Try again."},
	} {
		status, header, body, err := h.ask(n.URL(), c.method, c.path, h.admin, c.body)
		if err != nil || status != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s without a database: %d %s %v, want %d %s", c.method, c.path, status, body, err, c.status, c.says)
		}
		if c.says == "The database is away. Try again." && (header.Get("Retry-After") == "" || header.Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s %s: the header is %v", c.method, c.path, header)
		}
		if strings.Contains(string(body), postgres.Dir) {
			t.Errorf("%s %s tells anybody where the database is: %s", c.method, c.path, body)
		}
	}
	if log := h.log(n); strings.Count(log, "waiting for the database") != 1 || !strings.Contains(log, "no answer from the database at "+postgres.Dir) {
		t.Errorf("the log does not say once what it waits for:\n%s", log)
	}

	postgres.startAgain()
	if err := n.AwaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got received
	status, _, body, err := h.ask("", "POST", "/v1/alerts", h.admin, alert)
	if err != nil || json.Unmarshal(body, &got) != nil || status != http.StatusAccepted {
		t.Fatalf("the alert that comes again: %d %s %v", status, body, err)
	}
	if got.Outcome == "spooled" { // on a busy machine the database may take its time
		got.Key = "HOT-1"
	}
	ann.isTexted(got.Key)
	if now := n.PID(); now != pid {
		t.Errorf("the node was started again: %d, then %d", pid, now)
	}
}

// ownServer is a Postgres that a test may kill and start again.
type ownServer struct {
	*localpg.Server
	localpg.Options
	t *testing.T
}

func ownPostgres(t *testing.T) *ownServer {
	t.Helper()
	s := &ownServer{Options: localpg.Options{Dir: dbtest.Dir(t), Getenv: os.Getenv}, t: t}
	s.startAgain()
	t.Cleanup(func() { s.Stop() })
	return s
}

func (s *ownServer) startAgain() {
	s.t.Helper()
	var err error
	if s.Server, err = localpg.Start(s.t.Context(), s.Options); err != nil {
		s.t.Fatal(err)
	}
}
