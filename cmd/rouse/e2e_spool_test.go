package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Rule 1, F13: the database dies, alerts are taken all the same, the node is killed as well, and when both are
// back everybody is paged, once.
func TestE2EAlertsAreKeptWhileTheDatabaseIsAway(t *testing.T) {
	story(t)
	postgres := ownPostgres(t)
	h := newHouse(t, wish{database: postgres.URL(), environ: []string{"ROUSE_SPOOL_DIR=" + t.TempDir(), "ROUSE_SPOOL_LIMIT=100MB"}})
	n := h.nodes[0]
	n.Stop()
	h.start(n) // it reads all keys as it starts, and so knows the house's
	const people = 5
	residents := make([]*resident, people)
	for i := range people {
		residents[i] = h.resident(fmt.Sprintf("ann-%d", i), bySMS(0))
		h.service(fmt.Sprintf("service-%d", i), nil, level(later, residents[i]))
	}
	h.alert("service-0", 1, "Something else fails")
	if text := h.spool(); !strings.HasPrefix(text, "empty, ") {
		t.Errorf("the spool is %s", text)
	}

	send(t, postgres.PID(), syscall.SIGQUIT) // immediate: no checkpoint, no good-bye
	<-postgres.Done()
	postgres.Stop()

	for i := range 2 * people { // each trouble is told of twice
		alert := object{"service": fmt.Sprintf("service-%d", i%people), "severity": 1, "summary": fmt.Sprintf("Shard %d is down", i%people), "dedup_key": fmt.Sprint("shard-", i%people)}
		began := time.Now()
		status, _, body, err := h.ask("", "POST", "/v1/alerts", h.admin, alert)
		took := time.Since(began)
		var got received
		if err != nil || status != http.StatusAccepted || json.Unmarshal(body, &got) != nil || got != (received{Outcome: "spooled"}) {
			t.Fatalf("an alert while the database is away: %d %v %s", status, err, body)
		}
		if took > 10*time.Second { // a machine with other tests on it: rouse prove spool knows the figure
			t.Errorf("sender %d waited %s", i, took)
		}
	}
	if text := h.spool(); !strings.HasPrefix(text, "10 alerts since ") {
		t.Errorf("the spool has %s", text)
	}
	n.Kill()
	postgres.startAgain()
	h.start(n)

	if !eventually(func() bool { return strings.HasPrefix(h.spool(), "empty, ") }) {
		t.Errorf("the spool has %s", h.spool())
	}
	for i, r := range residents {
		want := 1
		if i == 0 {
			want = 2
		}
		if !eventually(func() bool { return len(r.texted()) == want }) {
			t.Fatalf("%s was texted about %v", r.handle, r.texted())
		}
		for _, key := range r.texted() {
			if inc := h.incident(key); strings.HasPrefix(inc.Summary, "Shard ") && (inc.Summary != fmt.Sprintf("Shard %d is down", i) || inc.Alerts != 2) {
				t.Errorf("%s: %+v", r.handle, inc)
			}
		}
	}
	h.alert("service-1", 1, "Something fails later")
}

// spool is what /readyz says of the spool.
func (h *house) spool() string {
	h.t.Helper()
	_, _, body, err := h.ask("", "GET", "/readyz", "", nil)
	var answer ready
	if err != nil || json.Unmarshal(body, &answer) != nil {
		h.t.Fatalf("/readyz: %v %s", err, body)
	}
	for _, f := range answer.Checks {
		if f.Check == "spool" {
			return f.Text
		}
	}
	h.t.Fatalf("/readyz says nothing of the spool: %s", body)
	return ""
}
