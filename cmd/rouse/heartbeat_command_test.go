package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// listener is a Rouse that takes signs of life.
type listener struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string // "state run exit body", with the id of the run as a letter, in the order in which it came up
	sent  []byte   // the last body
	paths []string // with the key behind
	runs  []string
	fails []int         // statuses to fail with first
	hold  chan struct{} // if not nil, beginnings are answered when it is closed
	came  chan string   // the states of all that came
}

func newListener(t *testing.T, fails ...int) *listener {
	t.Helper()
	l := &listener{fails: fails, came: make(chan string, 100)}
	l.Server = httptest.NewServer(http.HandlerFunc(l.hear))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) hear(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	query := r.URL.Query()
	l.came <- query.Get("state")
	l.mu.Lock()
	hold := l.hold
	l.mu.Unlock()
	if hold != nil && query.Get("state") == "started" {
		<-hold
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	run := ""
	if id := query.Get("run"); id != "" {
		no := len(l.runs)
		for i, known := range l.runs {
			if known == id {
				no = i
			}
		}
		if no == len(l.runs) {
			l.runs = append(l.runs, id)
		}
		run = string(rune('a' + no))
	}
	if len(l.fails) > 0 {
		status := l.fails[0]
		l.fails = l.fails[1:]
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		io.WriteString(w, `{"type":"/problems/x","title":"X","detail":"Service db has no heartbeat called \"backup\"."}`)
		return
	}
	for _, beside := range []string{"service", "cluster"} {
		if v := query.Get(beside); v != "" {
			run += " " + beside + "=" + v
		}
	}
	l.heard = append(l.heard, strings.Join(strings.Fields(fmt.Sprint(query.Get("state"), " ", run, " ", query.Get("exit"), " ", string(body[max(0, len(body)-20):]))), " "))
	l.sent = body
	l.paths = append(l.paths, r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Authorization"))
	if strings.HasPrefix(r.URL.Path, "/beat/") {
		io.WriteString(w, "OK Nightly backup\n")
		return
	}
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"key":"","outcome":"noted","dedup_key":"backup"}`)
}

// wants compares what was heard, and forgets it.
func (l *listener) wants(t *testing.T, want ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := strings.Join(l.heard, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("Rouse heard\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	l.heard, l.runs = nil, nil
}

func (l *listener) heartbeat(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	out, errs, err := call(t, settingsOf("ROUSE_URL="+l.URL, "ROUSE_KEY=rouse_key"), append([]string{"heartbeat"}, args...)...)
	return out, errs, exitStatus(err)
}

func TestAJobIsRunAndToldOf(t *testing.T) {
	l := newListener(t)
	for _, test := range []struct {
		name, script string
		status       int
		heard        []string
	}{
		{"succeeds", "echo out; echo err >&2", 0, []string{"started a", "succeeded a 0 err"}},
		{"fails", "echo out; echo err >&2; exit 3", 3, []string{"started a", "failed a 3 err"}},
		{"is killed", "echo out; echo err >&2; kill -KILL $$", 137, []string{"started a", "failed a signal: killed err"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, errs, status := l.heartbeat(t, "backup", "--", "sh", "-c", test.script)
			if out != "out\n" || errs != "err\n" || status != test.status {
				t.Errorf("got %q, %q and %d, want %d", out, errs, status, test.status)
			}
			l.wants(t, test.heard...)
		})
	}
	if l.paths[0] != "POST /v1/heartbeat/backup Bearer rouse_key" {
		t.Errorf("it went to %s", l.paths[0])
	}
}

func TestAJobThatCannotBeRun(t *testing.T) {
	l := newListener(t)
	out, errs, status := l.heartbeat(t, "backup", "--", "/nonexistent/backup")
	if out != "" || status != 127 || !strings.Contains(errs, "rouse: the command cannot be run: ") {
		t.Errorf("got %q, %q and %d", out, errs, status)
	}
	l.wants(t, "failed a cannot be run: fork/exec /nonexistent/backup: no such file or directory")
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, status := l.heartbeat(t, "backup", "--", file); status != 126 {
		t.Errorf("a file that is no program: %d", status)
	}
	if _, _, status := l.heartbeat(t, "backup", "--", "no-such-program-anywhere"); status != 127 {
		t.Errorf("a program that is not there: %d", status)
	}
}

// Whether Rouse can be told makes no difference to the job.
func TestAJobDoesNotDependOnRouse(t *testing.T) {
	script := []string{"backup", "--retry-for", "0", "--", "sh", "-c", "echo out; exit $0"}
	for _, test := range []struct {
		name string
		env  []string
		says string
	}{
		{"Rouse is away", []string{"ROUSE_URL=http://127.0.0.1:1", "ROUSE_KEY=k"}, "Rouse was not told that heartbeat backup succeeded: no answer from http://127.0.0.1:1"},
		{"no key", nil, "Rouse will not be told how the job goes: it is not said where the sign goes: put the address that was shown when the heartbeat was made into ROUSE_BEAT_URL, or the integration key"},
		{"a key file that is gone", []string{"ROUSE_KEY_FILE=/nonexistent"}, "Rouse will not be told how the job goes: 1 setting is wrong"},
		{"an address that is none", []string{"ROUSE_BEAT_URL=rouse.example/beat/s3cret"}, "Rouse will not be told how the job goes: 1 setting is wrong"},
		{"an address at which nothing is", []string{"ROUSE_BEAT_URL=http://127.0.0.1:1/beat/s3cret"}, "Rouse was not told that heartbeat backup succeeded: no answer from http://127.0.0.1:1:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, errs, err := call(t, settingsOf(test.env...), append([]string{"heartbeat"}, append(script, "0")...)...)
			if out != "out\n" || exitStatus(err) != 0 || !strings.HasPrefix(errs, "rouse: warning: "+test.says) || strings.Contains(errs, "s3cret") {
				t.Errorf("got %q, %q and %v", out, errs, err)
			}
			if _, _, err = call(t, settingsOf(test.env...), append([]string{"heartbeat"}, append(script, "7")...)...); exitStatus(err) != 7 {
				t.Errorf("a job that fails ends with %v", err)
			}
		})
	}
}

func TestRouseIsTriedAgain(t *testing.T) {
	l := newListener(t, 503, 503)
	if _, errs, status := l.heartbeat(t, "backup", "--", "sh", "-c", "exit 3"); status != 3 || errs != "" {
		t.Errorf("got %q and %d", errs, status)
	}
	l.mu.Lock()
	last := l.heard[len(l.heard)-1]
	l.mu.Unlock()
	if last != "failed a 3" {
		t.Errorf("Rouse heard %q in the end", last)
	}

	t.Log("what will not work the next time either is not tried again")
	l = newListener(t, 404, 404)
	began := time.Now()
	_, errs, status := l.heartbeat(t, "backup", "--", "true")
	if want := "rouse: warning: Rouse was not told that heartbeat backup succeeded: Service db has no heartbeat called \"backup\".\n"; status != 0 || errs != want || time.Since(began) > soon {
		t.Errorf("got %q and %d", errs, status)
	}
	l = newListener(t, 401, 401)
	if _, errs, _ = l.heartbeat(t, "backup", "--", "true"); !strings.Contains(errs, "refuses the integration key") {
		t.Errorf("got %q", errs)
	}
}

// Rouse must not hear of the beginning after the end: the run would never end.
func TestTheEndIsToldAfterTheBeginning(t *testing.T) {
	l := newListener(t)
	l.hold = make(chan struct{})
	ended := make(chan int)
	go func() { _, _, status := l.heartbeat(t, "backup", "--", "true"); ended <- status }()
	if state := <-l.came; state != "started" {
		t.Fatalf("first came %s", state)
	}
	select {
	case state := <-l.came:
		t.Errorf("then came %s", state)
	case <-ended:
		t.Error("it ended")
	case <-time.After(300 * time.Millisecond): // for what must not happen
	}
	close(l.hold)
	if status := <-ended; status != 0 {
		t.Errorf("it ended with %d", status)
	}
	l.wants(t, "started a", "succeeded a 0")
}

func TestTheEndOfALongErrorOutputIsSent(t *testing.T) {
	l := newListener(t)
	_, errs, _ := l.heartbeat(t, "backup", "--", "sh", "-c", `i=0; while [ $i -lt 2000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1`)
	if !strings.HasPrefix(errs, "line 0\n") || !strings.HasSuffix(errs, "line 1999\n") || strings.Count(errs, "\n") != 2000 {
		t.Errorf("of its error output %d lines were shown", strings.Count(errs, "\n"))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) != 4<<10 || !bytes.HasSuffix(l.sent, []byte("line 1999\n")) {
		t.Errorf("%d bytes were sent: %q", len(l.sent), l.sent)
	}
}

func TestLastBytes(t *testing.T) {
	for _, writes := range [][]string{{"abcdefgh"}, {"abcd", "efgh"}, {"a", "b", "cdefg", "h"}, {"abcdefg", "", "h"}} {
		l := &lastBytes{limit: 5}
		for _, w := range writes {
			if n, err := l.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		if l.String() != "defgh" {
			t.Errorf("%q: kept %q", writes, l)
		}
	}
}

func TestASignIsGiven(t *testing.T) {
	l := newListener(t)
	out, _, status := l.heartbeat(t, "nightly backup", "--service", "db", "--label", "cluster=eu-1")
	if out != "Rouse has heard heartbeat nightly backup.\n" || status != 0 || l.paths[0] != "POST /v1/heartbeat/nightly%20backup Bearer rouse_key" {
		t.Errorf("got %q and %d, at %v", out, status, l.paths)
	}
	l.wants(t, "service=db cluster=eu-1")
	if out, _, _ = l.heartbeat(t, "backup", "--state", "started", "--run", "4711", "--json"); !strings.Contains(out, `"outcome": "noted"`) {
		t.Errorf("got %s", out)
	}
	l.wants(t, "started a")
	for name, args := range map[string][]string{"a flag": {"--url", l.URL + "/beat/s3cret"}, "a setting": nil} {
		env := settingsOf("ROUSE_BEAT_URL=" + l.URL + "/beat/s3cret")
		if args != nil {
			env = settingsOf()
		}
		l.paths = nil
		out, _, err := call(t, env, append([]string{"heartbeat", "--json"}, args...)...)
		if err != nil || !strings.Contains(out, `"outcome": "noted"`) || l.paths[0] != "POST /beat/s3cret " {
			t.Errorf("%s: %q, %v, at %v", name, out, err, l.paths)
		}
	}
	l = newListener(t, 404)
	if _, _, err := call(t, settingsOf(), "heartbeat", "--url", l.URL+"/beat/s3cret"); exitStatus(err) != 1 || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

// An address is easily copied from one job to the next.
func TestTheAddressOfAnotherHeartbeat(t *testing.T) {
	l := newListener(t)
	env := settingsOf("ROUSE_BEAT_URL=" + l.URL + "/beat/s3cret")
	for _, test := range []struct {
		args   []string
		status int
		warned bool
	}{
		{[]string{"nightly backup", "--", "true"}, 0, false},
		{[]string{"--", "true"}, 0, false},
		{[]string{"reports", "--", "true"}, 0, true},
		{[]string{"reports", "--", "sh", "-c", "exit 3"}, 3, true},
		{[]string{"reports"}, 0, true},
		{[]string{"reports", "--json"}, 0, true},
	} {
		out, errs, err := call(t, env, append([]string{"heartbeat"}, test.args...)...)
		want := ""
		if test.warned {
			want = "rouse: warning: the address is that of heartbeat \"Nightly backup\", which was told, and not of \"reports\": look at ROUSE_BEAT_URL\n"
		}
		if exitStatus(err) != test.status || errs != want {
			t.Errorf("%q: %q and %d", test.args, errs, exitStatus(err))
		}
		if len(test.args) == 1 && out != "Rouse has heard heartbeat Nightly backup.\n" {
			t.Errorf("%q: %q", test.args, out)
		}
	}
}

func TestAHeartbeatAskedForWrongly(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"", "NAME is missing"},
		{"-- true", "NAME is missing"},
		{"backup --", "the command is missing behind --"},
		{"backup sh", `"sh" is one argument too many: write -- before the command`},
		{"backup sh -- true", `"sh" is one argument too many`},
		{"backup --state gone", "use alive, started, succeeded, failed"},
		{"backup --state failed -- true", "for a sign without a command"},
		{"backup --retry-for -1s -- true", "less than nothing"},
		{"backup --label x", "is not name=value"},
		{"--url ftp://x -- true", "--url is not the address of a heartbeat"},
	} {
		if _, _, err := call(t, settingsOf("ROUSE_KEY=k"), append([]string{"heartbeat"}, strings.Fields(test.args)...)...); exitStatus(err) != 2 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("heartbeat %s: %v, want %q", test.args, err, test.says)
		}
	}
}

// The program itself: input and output are the job's, and so are signals.
func TestE2EAJobHasTheProgramsInputOutputAndSignals(t *testing.T) {
	story(t)
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(t)
	ended := func(job *exec.Cmd) error {
		t.Helper()
		done := make(chan error, 1)
		go func() { done <- job.Wait() }()
		select {
		case err := <-done:
			return err
		case <-time.After(soon):
			_ = job.Cancel()
			t.Error("the job did not end")
			return <-done
		}
	}
	start := func(script, stdin string) (*exec.Cmd, *bytes.Buffer) {
		t.Helper()
		job := exec.CommandContext(t.Context(), rouse, "heartbeat", "backup", "--", "sh", "-c", script)
		job.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		job.Cancel = func() error { return syscall.Kill(-job.Process.Pid, syscall.SIGKILL) } // with what it started
		var out bytes.Buffer
		job.Env, job.Stdin, job.Stdout, job.Stderr = []string{"PATH=" + os.Getenv("PATH"), "ROUSE_URL=" + l.URL, "ROUSE_KEY=rouse_key"}, strings.NewReader(stdin), &out, &out
		if err := job.Start(); err != nil {
			t.Fatal(err)
		}
		return job, &out
	}
	job, out := start(`read line; echo "got $line"; exit 5`, "a line\n")
	if err := ended(job); job.ProcessState.ExitCode() != 5 || out.String() != "got a line\n" {
		t.Errorf("%v, %q", err, out)
	}
	l.wants(t, "started a", "failed a 5")

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		ready := filepath.Join(t.TempDir(), "ready")
		job, out = start(`trap 'echo caught; exit 0' TERM INT HUP USR1; : > `+ready+`; while :; do sleep 0.05; done`, "")
		if !eventually(func() bool { _, err := os.Stat(ready); return err == nil }) {
			t.Fatal("the job never began")
		}
		if err := job.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := ended(job); err != nil || out.String() != "caught\n" {
			t.Errorf("%s: %v, %q", signal, err, out)
		}
		l.wants(t, "started a", "succeeded a 0")
	}

	t.Log("a job that a signal ends")
	ready := filepath.Join(t.TempDir(), "ready")
	job, out = start(`: > `+ready+`; exec sleep 60`, "")
	if !eventually(func() bool { _, err := os.Stat(ready); return err == nil }) {
		t.Fatal("the job never began")
	}
	_ = job.Process.Signal(syscall.SIGTERM)
	if err := ended(job); job.ProcessState.ExitCode() != 143 || out.String() != "" {
		t.Errorf("%v, %q", err, out)
	}
	l.wants(t, "started a", "failed a signal: terminated")
}

// A job and a real Rouse: what fails or takes too long pages, and what succeeds ends that.
func TestE2EAJobThatFailsPages(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("db", nil, level(later, ann))
	var made struct {
		URL string `json:"url"`
	}
	h.does("POST", "/v1/services/db/heartbeats", object{"name": "backup", "every": "1h", "severity": 1, "max_run": "1s"}, &made)
	h.secret(made.URL[strings.LastIndex(made.URL, "/")+1:], "the secret of a heartbeat's address")
	var key struct {
		Key string `json:"key"`
	}
	h.does("POST", "/v1/services/db/keys", object{"name": "cron"}, &key)
	h.secret(key.Key, "an integration key")
	job := func(script string, env ...string) int {
		t.Helper()
		_, _, err := call(t, settingsOf(env...), "heartbeat", "backup", "--", "sh", "-c", script)
		return exitStatus(err)
	}
	byKey, byAddress := []string{"ROUSE_URL=" + h.door.URL, "ROUSE_KEY=" + key.Key}, []string{"ROUSE_BEAT_URL=" + made.URL}
	if status := job("echo no space left >&2; exit 3", byKey...); status != 3 {
		t.Errorf("it ended with %d", status)
	}
	text := ann.ExpectSMS(t, soon, "Heartbeat backup failed: exit status 3")
	failed := strings.Fields(text.Body)[0]
	if status := job("exit 0", byAddress...); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if inc := h.incident(failed); inc.Status != "resolved" {
		t.Errorf("after the next run succeeded %s is %s", failed, inc.Status)
	}

	t.Log("one that takes too long")
	hanging := make(chan int)
	done := filepath.Join(t.TempDir(), "done")
	go func() { hanging <- job("while [ ! -e "+done+" ]; do sleep 0.05; done", byAddress...) }()
	text = ann.ExpectSMS(t, soon, "Heartbeat backup runs longer than 1 s")
	late := strings.Fields(text.Body)[0]
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := <-hanging; status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if inc := h.incident(late); inc.Status != "resolved" {
		t.Errorf("after it ended %s is %s", late, inc.Status)
	}
}
