package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine/pager"
	"rouse/migrations/dbtest"
)

const switchToken = "f3d1c0de-token"

// deadMansSwitch is one that tells of every heartbeat, and answers it as it is told to.
type deadMansSwitch struct {
	*httptest.Server
	beats  chan *http.Request
	answer atomic.Int32 // a status; 0 is 200
}

func newSwitch(t *testing.T) *deadMansSwitch {
	t.Helper()
	s := &deadMansSwitch{beats: make(chan *http.Request, 1000)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.beats <- r
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(max(int(s.answer.Load()), 200))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *deadMansSwitch) expect(t *testing.T) *http.Request {
	t.Helper()
	select {
	case r := <-s.beats:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("the switch never got a heartbeat")
		return nil
	}
}

// watched is a heartbeat to an address, in a hurry, for an audit that the test changes.
type watched struct {
	*heartbeat
	t       *testing.T
	log     *logBuffer
	failing atomic.Value // names of checks
}

func beating(t *testing.T, url string) *watched {
	t.Helper()
	w := &watched{t: t, log: newLogBuffer()}
	w.failing.Store([]string{})
	audit := func(context.Context) []pager.Check {
		checks := []pager.Check{{Name: "database", OK: true}}
		for _, name := range w.failing.Load().([]string) {
			checks = append(checks, pager.Check{Name: name, Text: "is down."})
		}
		return checks
	}
	cfg := config{allowPrivate: true, heartbeat: heartbeatSettings{url: url, every: minHeartbeat}}
	w.heartbeat = newHeartbeat(cfg, audit, slog.New(slog.NewTextHandler(w.log, nil)))
	w.every, w.again = time.Millisecond, time.Millisecond
	return w
}

// start gives heartbeats until the test ends; it must end as soon as it is told to.
func (w *watched) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { w.run(ctx); close(ended) }()
	w.t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			w.t.Error("the heartbeat did not stop")
		}
		if strings.Contains(w.log.String(), switchToken) {
			w.t.Errorf("the switch's address is in the log:\n%s", w.log)
		}
	})
}

// counted reads rouse_heartbeats_total.
func (w *watched) counted(o outcome) float64 {
	w.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(w.told)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == string(o) {
			return m.GetCounter().GetValue()
		}
	}
	w.t.Fatalf("nothing counts %s heartbeats", o)
	return 0
}

// until waits for the number of heartbeats of an outcome.
func (w *watched) until(o outcome, more float64) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); w.counted(o) < more; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("there never were %v heartbeats %s:\n%s", more, o, w.log)
		}
	}
}

// F31: while the audit fails nobody is told that all is well, and as soon as it passes the switch is.
func TestAHeartbeatIsGivenWhileTheWholeAuditPasses(t *testing.T) {
	s := newSwitch(t)
	w := beating(t, s.URL+"/"+switchToken+"?status=up")
	w.failing.Store([]string{"sweeper", "leases"})
	w.start()
	w.until(withheld, 3)
	if n := len(s.beats); n != 0 {
		t.Fatalf("%d heartbeats were given though the audit failed", n)
	}
	w.log.await(t, `level=ERROR msg="heartbeat (withheld).*failing="sweeper, leases"`)
	if f, _ := w.finding(); f.Status != fail || !strings.Contains(f.Text, "as the audit did not pass: sweeper, leases") {
		t.Errorf("the finding is %+v", f)
	}
	w.failing.Store([]string{})
	for range 3 {
		if r := s.expect(t); r.Method != http.MethodGet || r.RequestURI != "/"+switchToken+"?status=up" {
			t.Errorf("the switch got %s %s", r.Method, r.RequestURI)
		}
	}
	w.until(given, 3)
	if f, _ := w.finding(); f.Status != pass || !strings.HasPrefix(f.Text, "given 0s ago") {
		t.Errorf("the finding is %+v", f)
	}
	if n := w.counted(failed); n != 0 {
		t.Errorf("%v heartbeats are counted as failed", n)
	}
}

func TestASwitchThatDoesNotTakeItIsTriedAgainSoon(t *testing.T) {
	for status, says := range map[int32]string{
		301: "leads elsewhere: set ROUSE_HEARTBEAT_URL to where it leads", // and not followed
		404: "does it still exist",
		503: "the switch answers 503",
	} {
		s := newSwitch(t)
		s.answer.Store(status)
		w := beating(t, s.URL+"/"+switchToken)
		w.every = time.Hour
		w.start()
		w.until(failed, 2) // not an hour later
		for len(s.beats) > 0 {
			if r := s.expect(t); r.URL.Path != "/"+switchToken {
				t.Errorf("%d led to %s", status, r.URL)
			}
		}
		if f, _ := w.finding(); f.Status != fail || !strings.Contains(f.Text, says) {
			t.Errorf("%d: the finding is %+v, want %q", status, f, says)
		}
		s.answer.Store(202)
		w.until(given, 1)
	}
}

func TestASwitchThatIsNotThereIsSaidToBeSo(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0") // says back what it hears, address and all
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			line := make([]byte, 1000)
			n, _ := c.Read(line)
			_, _ = c.Write(line[:n])
			_ = c.Close()
		}
	}()
	private := newSwitch(t)
	for _, test := range []struct {
		url, says string
		public    bool
	}{
		{"http://" + echo.Addr().String(), "does not answer as a web server does", false},
		{"http://127.0.0.1:1", "cannot be connected to", false},
		{private.URL, "ROUSE_ALLOW_PRIVATE_ADDRESSES=true", true},
	} {
		w := beating(t, test.url+"/"+switchToken)
		if test.public {
			w.client = config{}.outside()
		}
		w.start()
		w.until(failed, 1)
		if f, _ := w.finding(); f.Status != fail || !strings.Contains(f.Text, test.says) {
			t.Errorf("%s: the finding is %+v, want %q", test.url, f, test.says)
		}
	}
	if len(private.beats) > 0 {
		t.Error("a switch in a private network was told")
	}
	if why := whyNoAnswer(fmt.Errorf("asking: %w", &net.DNSError{Name: switchToken, IsNotFound: true})); !strings.Contains(why, "is not found") || strings.Contains(why, switchToken) {
		t.Errorf("of a name that is not found it says %q", why)
	}
}

// A switch that takes its time holds up no answer, and not the end of the node.
func TestASlowSwitchHoldsNothingUp(t *testing.T) {
	reached := make(chan struct{}, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		<-r.Context().Done()
	}))
	defer s.Close()
	w := beating(t, s.URL+"/"+switchToken)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.run(ctx); close(ended) }()
	<-reached
	if answer := readiness(nil, w.heartbeat); !answer.Ready || answer.Checks[0].Text != "none was due yet" {
		t.Errorf("got %+v", answer)
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the node waits for the switch")
	}
	if n := w.counted(failed); n != 0 {
		t.Errorf("the end of the node is counted as %v failures of the switch", n)
	}
}

// A storm makes every node late. If that made them unready, no node would be left to take alerts.
func TestLatenessDoesNotMakeANodeUnready(t *testing.T) {
	none := newHeartbeat(config{}, nil, slog.New(slog.DiscardHandler))
	for name, want := range map[string]bool{"database": false, "sweeper": false, "queue": false, "deadlines": true, "leases": true} {
		answer := readiness([]pager.Check{{Name: "database", OK: true}, {Name: name, Text: "is late."}}, none)
		if answer.Ready != want {
			t.Errorf("with failing %s ready is %v", name, answer.Ready)
		}
		if got := answer.Checks[1]; len(answer.Checks) != 2 || got.Status != fail {
			t.Errorf("%s: got %+v", name, answer.Checks)
		}
	}
}

func TestServeGivesHeartbeats(t *testing.T) {
	s := newSwitch(t)
	address := dbtest.URL(t)
	url, log, _ := serving(t, "ROUSE_DATABASE_URL="+address, "ROUSE_HEARTBEAT_URL="+s.URL+"/"+switchToken, "ROUSE_ALLOW_PRIVATE_ADDRESSES=true")
	s.expect(t)
	log.await(t, `msg="heartbeat (given)" every=1m0s`)
	if _, body := getText(t, url+"/metrics"); !strings.Contains(body, `rouse_heartbeats_total{outcome="given"} 1`) {
		t.Errorf("/metrics says:\n%s", body)
	}
	out, _, _ := call(t, settingsOf("ROUSE_DATABASE_URL="+address, "ROUSE_PUBLIC_URL="+url), "doctor")
	for _, line := range []string{"database", "sweeper", "queue", "deadlines", "leases", "heartbeat"} {
		if !strings.Contains(out, fmt.Sprintf("OK    server: %s", line)) {
			t.Errorf("doctor lacks %s:\n%s", line, out)
		}
	}
	if strings.Contains(log.String()+out, switchToken) {
		t.Error("the switch's address is told")
	}
}

func TestTheHeartbeatsSettings(t *testing.T) {
	for _, test := range []struct{ env, says string }{
		{"ROUSE_HEARTBEAT_URL=hc-ping.com/" + switchToken, "ROUSE_HEARTBEAT_URL is not a web address: set it to"},
		{"ROUSE_HEARTBEAT_URL=ftp://hc-ping.com/" + switchToken, "ROUSE_HEARTBEAT_URL is not a web address"},
		{"ROUSE_HEARTBEAT_INTERVAL=9s", `set it to one from 10s to 1h, such as 1m`},
		{"ROUSE_HEARTBEAT_INTERVAL=61m", `set it to one from 10s to 1h`},
		{"ROUSE_KEEP_INCIDENTS=719h", `ROUSE_KEEP_INCIDENTS="719h" is no such time: set it to 0, or to one from 720h on`},
		{"ROUSE_KEEP_RAW=90d", `set it to 0, or to one from 24h on, such as 2160h for 90 days`},
	} {
		_, err := parseConfig(settingsOf(test.env), serverSections...)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), switchToken) {
			t.Errorf("%s: got %v", test.env, err)
		}
	}
	cfg, err := parseConfig(settingsOf("ROUSE_HEARTBEAT_URL=https://u:p@push.example.com/api/push/x?status=up&msg=OK", "ROUSE_KEEP_INCIDENTS=720h", "ROUSE_KEEP_RAW=0"), serverSections...)
	if err != nil || cfg.heartbeat.every != time.Minute || cfg.keep != (pager.Keep{Incidents: 720 * time.Hour}) {
		t.Errorf("got %+v, %v", cfg, err)
	}
}
