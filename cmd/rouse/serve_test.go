package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rouse/migrations/dbtest"
)

// logBuffer takes a log and shows its lines while it grows.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	grew chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{grew: make(chan struct{}, 1)} }

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		select {
		case b.grew <- struct{}{}:
		default:
		}
	}()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns the first submatch of pattern once the log has it.
func (b *logBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(b.String()); m != nil {
			return m[1]
		}
		select {
		case <-b.grew:
		case <-limit:
			t.Fatalf("the log never had %s:\n%s", pattern, b)
		}
	}
}

// serving runs `rouse serve` until the test ends, or stop is called, and returns its base URL.
func serving(t *testing.T, env ...string) (url string, log *logBuffer, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	log = newLogBuffer()
	ended := make(chan error, 1)
	env = append([]string{"ROUSE_LISTEN=127.0.0.1:0", "ROUSE_SPOOL_LIMIT=0"}, env...)
	go func() { ended <- run(ctx, []string{"serve"}, settingsOf(env...), io.Discard, log) }()
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			return fmt.Errorf("it did not stop:\n%s", log)
		}
	})
	t.Cleanup(func() { _ = stop() })
	return "http://" + log.await(t, `msg=ready address=(\S+)`), log, stop
}

func getText(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServeIsWatchedAndStops(t *testing.T) {
	url, log, stop := serving(t, "ROUSE_DATABASE_URL="+dbtest.URL(t), "ROUSE_NTFY_URL=http://127.0.0.1:1", "ROUSE_ALLOW_PRIVATE_ADDRESSES=true")

	if status, body := getText(t, url+"/healthz"); status != 200 || !strings.Contains(body, `"service": "rouse"`) {
		t.Errorf("/healthz: %d %s", status, body)
	}
	deadline := time.Now().Add(5 * time.Second) // the sweeper's first round takes a moment
	status, body := getText(t, url+"/readyz")
	for status != 200 && time.Now().Before(deadline) {
		status, body = getText(t, url+"/readyz")
	}
	var answer ready
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || !answer.Ready {
		t.Errorf("/readyz: %d %s", status, body)
	}
	for _, name := range []string{"database", "sweeper"} {
		if !slices.ContainsFunc(answer.Checks, func(f finding) bool { return f.Check == name && f.Status == pass }) {
			t.Errorf("/readyz lacks %s: %s", name, body)
		}
	}
	_, body = getText(t, url+"/metrics")
	for _, name := range []string{`rouse_incidents{status="new"} 0`, "rouse_oldest_overdue_deadline_seconds", "rouse_accept_to_provider_seconds_count",
		"rouse_timer_lateness_seconds_count", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(body, name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}

	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if !strings.Contains(log.String(), "msg=stopped") || strings.Contains(log.String(), "cut off") {
		t.Errorf("the log says:\n%s", log)
	}
	if strings.Contains(log.String(), "TRIAL") {
		t.Error("a database that was given is called a trial one")
	}
}

func TestTheCommandsTalkToTheServer(t *testing.T) {
	address := "ROUSE_DATABASE_URL=" + dbtest.URL(t)
	url, log, _ := serving(t, address)
	if _, _, err := call(t, settingsOf("ROUSE_URL="+url), "oncall"); err == nil || !strings.Contains(err.Error(), "wants an API key") {
		t.Errorf("without a key: got %v", err)
	}
	secret, _, err := call(t, settingsOf(address), "token", "create", "--scope", "respond", "--name", "test")
	if err != nil {
		t.Fatal(err)
	}
	client := settingsOf("ROUSE_URL="+url, "ROUSE_TOKEN="+secret)
	for _, test := range []struct{ args, says string }{
		{"oncall", "There are no rosters."},
		{"oncall --roster web", "no roster web"},
		{"incidents", "No incidents."},
		{"incidents HOT-1", "HOT-1 is none of them"},
		{"ack HOT-1", "Say who answers"},
		{"ack HOT-1 --as ann", "no such person"},
		{"page HOT-1 web", "neither a person nor a roster web"},
	} {
		out, _, err := call(t, client, strings.Fields(test.args)...)
		if err != nil {
			out = err.Error()
		}
		if !strings.Contains(out, test.says) {
			t.Errorf("%s: got %s", test.args, out)
		}
	}
	if strings.Contains(log.String(), strings.TrimSpace(secret)) {
		t.Error("the key is in the log")
	}
}

func TestServeSaysWhatIsInItsWay(t *testing.T) {
	url, _, _ := serving(t, "ROUSE_DATABASE_URL="+dbtest.URL(t))
	taken := strings.TrimPrefix(url, "http://")
	_, _, err := call(t, settingsOf("ROUSE_LISTEN="+taken), "serve")
	if err == nil || !strings.Contains(err.Error(), "Is another Rouse running? Set ROUSE_LISTEN") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if exitStatus(err) != 1 {
		t.Errorf("exit status %d", exitStatus(err))
	}
}

func TestServeWaitsForItsDatabase(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log, ended := newLogBuffer(), make(chan error, 1)
	env := settingsOf("ROUSE_LISTEN=127.0.0.1:0", "ROUSE_DATABASE_URL=postgres://u:hunter2@127.0.0.1:1/rouse")
	go func() { ended <- run(ctx, []string{"serve"}, env, io.Discard, log) }()
	log.await(t, `(waiting for the database).*no answer from the database at 127.0.0.1:1`)
	cancel()
	if err := <-ended; err == nil || exitStatus(err) != 1 {
		t.Errorf("stopped while waiting it says %v", err)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Error("the password is in the log")
	}
}
