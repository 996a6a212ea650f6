package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tellOfSDKs runs PagerDuty's and Opsgenie's client libraries, which testdata/senders/sdk drives.
func tellOfSDKs(t *testing.T) {
	story(t)
	ctx := limit(t)
	h := newHouse(t, wish{})
	tellOfGoPagerDuty(ctx, h)
	tellOfOpsgenieSDK(ctx, h)
}

// The functions of the package, whose host is built in, and a client that is told another one.
func tellOfGoPagerDuty(ctx context.Context, h *house) {
	t := h.t
	const service = "pagerduty"
	who, w := h.watched(service), h.wire()
	h.registers(service, "pagerduty", pagerDutyKey)
	s := startSDK(ctx, t, service, w.URL, pagerDutyKey, who.handle)
	version := s.says("versions").text("result", "github.com/PagerDuty/go-pagerduty")

	const processed = "result.status=success"
	s.expects("trigger", processed, "result.dedup_key=db1/disk")
	s.pauses("paged")
	inc := h.opens(ctx, service, 1, 1, "Disk full on db1", who)
	s.goesOn()
	s.expects("trigger again", processed, "result.dedup_key=db1/disk")
	s.expects("acknowledge", processed)
	s.expects("resolve", processed)
	s.expects("resolve what is not open", processed)
	s.expects("trigger with an unknown key", "status=400", "~error=routing_key")
	s.expects("v1 trigger", processed, "result.incident_key=db3/v1")
	s.expects("v1 resolve", processed)
	if inc = h.incident(inc.Key); inc.Status != "resolved" || inc.Alerts != 2 || inc.Manager != "" {
		t.Errorf("go-pagerduty: after the end there is %+v", inc)
	}
	if all := h.of(service); len(all) < 2 || all[1].Summary != "Replication stopped on db3" || all[1].Status != "resolved" {
		t.Errorf("go-pagerduty: v1 made %+v", all)
	}

	s.expects("client: trigger without a key of its own", processed, "~result.dedup_key=")
	s.pauses("paged")
	h.opens(ctx, service, 3, 2, "Clones fail", who)
	s.goesOn()
	s.expects("client: acknowledge", processed)
	s.expects("client: resolve", processed)
	s.expects("client: change", "result.status=success", "result.message=Change event processed")
	h.ends(ctx, service, 3) // a change opens nothing

	s.pauses("unavailable")
	w.breaks(2, 1)
	s.goesOn()
	for range 3 {
		s.expects("trigger: temporary", "status=503")
	}
	s.expects("trigger: in the end", processed)
	h.opens(ctx, service, 4, 1, "Disk full on db2", who)
	s.ends()
	w.reports(h, "go-pagerduty "+version, service, 400)
}

// Opsgenie's, with everything that it can do with alerts and heartbeats.
func tellOfOpsgenieSDK(ctx context.Context, h *house) {
	t := h.t
	const service = "opsgenie"
	who, w := h.watched(service), h.wire()
	h.registers(service, "opsgenie", opsgenieKey)
	s := startSDK(ctx, t, service, w.URL, opsgenieKey, who.handle)
	version := s.says("versions").text("result", "github.com/opsgenie/opsgenie-go-sdk-v2")

	s.expects("create", "result.result=Request will be processed", "~result.requestId=")
	key := s.expects("create: status", "result.isSuccess=true", "result.action=Create", "result.alias=db1/disk ü", "~result.alertId=HOT-").text("result", "alertId")
	s.pauses("paged")
	if inc := h.opens(ctx, service, 1, 2, "Disk full on db1", who); inc.Key != key {
		t.Errorf("Opsgenie's SDK was told of %s, Rouse has %s", key, inc.Key)
	}
	s.goesOn()
	done := []string{"result.isSuccess=true", "result.alertId=" + key}
	s.expects("create again", done...)
	s.expects("get by alias", "result.id="+key, "result.alias=db1/disk ü", "result.message=Disk full on db1", "result.status=open", "result.count=2",
		"result.tags=[disk env:prod]", "result.priority=P2", "result.entity=db1", "result.source=opsgenie-go-sdk", "result.details.free=3GB",
		"~result.description=3 GB are left on /var.", "~result.description=Note: seen by the nightly check", "result.acknowledged=")
	for _, call := range []string{"note", "add tags", "remove tags", "add details", "remove details", "priority", "message", "description", "assign", "add responder", "escalate"} {
		s.expects(call, done...)
	}
	s.expects("get before the acknowledgement", "result.priority=P1", "result.tags=[disk env:prod urgent]",
		"result.details.rack=7", "result.details.shelf=", "~result.description=1 GB is left on /var.", "result.acknowledged=")
	s.expects("acknowledge", done...)
	s.expects("get after the acknowledgement", "result.acknowledged=true", "result.owner="+who.handle, "result.status=open")
	s.expects("unacknowledge", done...)
	s.expects("snooze", done...)
	s.expects("get while snoozed", "result.snoozed=true", "result.acknowledged=true")
	s.expects("list", "result.data.0.id="+key, "result.data.1=")
	s.expects("count", "result.count=1")
	s.expects("notes", "~result.data=looking")
	s.expects("logs", "~result.data.0.log=", "~result.data.0.createdAt=20")
	s.expects("recipients", "result.data.0.user.username="+who.handle)
	s.expects("close", "result.result=Request will be processed")
	s.expects("close: status", done...)
	s.expects("get after the end", "result.status=closed")
	s.expects("close what is not open", "result.isSuccess=", "~result.status=There is no open alert")
	s.expects("get what is not there", "status=404")
	s.expects("list after the end", "result.data=[]")
	h.ends(ctx, service, 1)
	h.remembers(key, "looking", "Disk quite full on db1", "on it", "made room")

	s.pauses("unavailable")
	w.breaks(2, 1)
	s.goesOn()
	s.expects("create while unavailable", "result.isSuccess=true", "result.action=Create")
	h.opens(ctx, service, 2, 1, "Disk full on db2", who)
	s.expects("create with an unknown key", "status=401")

	const heartbeat = "result.name=nightly backup"
	s.expects("heartbeat: add", heartbeat, "result.interval=10", "result.intervalUnit=minutes", "result.enabled=true", "result.expired=false",
		"result.alertMessage=The nightly backup is missing", "result.alertTags=[backup]", "result.alertPriority=P2")
	s.expects("heartbeat: ping", "result.result=PONG - Heartbeat received")
	s.expects("heartbeat: ping what is not there", "result.result=PONG - Heartbeat received")
	s.expects("heartbeat: get", heartbeat, "result.enabled=true")
	s.expects("heartbeat: update", heartbeat)
	s.expects("heartbeat: disable", heartbeat, "result.enabled=false")
	s.expects("heartbeat: enable", heartbeat, "result.enabled=true")
	s.expects("heartbeat: list", "result.heartbeats.0.name=nightly backup", "result.heartbeats.0.interval=2", "result.heartbeats.0.intervalUnit=hours", "result.heartbeats.1=")
	s.expects("heartbeat: delete", "result.result=Deleted")
	s.ends()

	polls := 0
	for _, x := range w.exchanges() {
		if strings.HasPrefix(x.path, "/v2/alerts/requests/") {
			polls++
			if x.status == 404 {
				t.Errorf("a request that was answered is not known yet: %s", x.path)
			}
		}
	}
	if polls == 0 {
		t.Error("Opsgenie's SDK asked for no status: the story is not told")
	}
	w.reports(h, "opsgenie-go-sdk-v2 "+version, service, 401, 404)
}

// sdk is the program of testdata/senders/sdk, as it runs.
type sdk struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// answer is a line of it: what the library made of the answer to a call.
type answer map[string]any

func startSDK(ctx context.Context, t *testing.T, args ...string) *sdk {
	t.Helper()
	s := &sdk{t: t, cmd: exec.CommandContext(ctx, "go", append([]string{"run", "."}, args...)...)}
	s.cmd.Dir, s.cmd.WaitDelay = filepath.Join("testdata", "senders", "sdk"), soon
	s.cmd.Env = append(os.Environ(), "GOWORK=off")
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.lines = bufio.NewScanner(out)
	s.lines.Buffer(nil, 1<<20)
	errors := &strings.Builder{}
	s.cmd.Stderr = errors
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.in.Close() // which ends it, if it still runs
		_ = s.cmd.Wait() // it was waited for if all went well
		if t.Failed() && errors.Len() > 0 {
			t.Logf("the program of testdata/senders/sdk wrote: %s", errors)
		}
	})
	return s
}

// says is the next line, which must be about this call.
func (s *sdk) says(call string) answer {
	s.t.Helper()
	if !s.lines.Scan() {
		s.t.Fatalf("it ended before %q: %v", call, s.lines.Err())
	}
	var a answer
	if err := json.Unmarshal(s.lines.Bytes(), &a); err != nil || a["call"] != call {
		s.t.Fatalf("instead of %q it says %s (%v)", call, s.lines.Bytes(), err)
	}
	return a
}

// expects checks what the library made of a call, by conditions such as "result.status=success", all of which have
// to hold. One that begins with ~ holds if the value is there and contains that.
func (s *sdk) expects(call string, conditions ...string) answer {
	s.t.Helper()
	a := s.says(call)
	for _, condition := range conditions {
		condition, within := strings.CutPrefix(condition, "~")
		path, want, _ := strings.Cut(condition, "=")
		got := a.text(strings.Split(path, ".")...)
		if within && (got == "" || !strings.Contains(got, want)) || !within && got != want {
			s.t.Errorf("%s: %s is %q, not %q: %v", call, path, got, want, a)
		}
	}
	return a
}

// text is what stands at a path, "" if nothing does.
func (a answer) text(path ...string) string {
	var v any = map[string]any(a)
	for _, name := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(at) {
				return ""
			}
			v = at[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// pauses waits until it waits for us; goesOn lets it.
func (s *sdk) pauses(what string) {
	s.t.Helper()
	if got := s.says("wait").text("result"); got != what {
		s.t.Fatalf("it waits for %q, not for %q", got, what)
	}
}

func (s *sdk) goesOn() {
	s.t.Helper()
	if _, err := io.WriteString(s.in, "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for its end.
func (s *sdk) ends() {
	s.t.Helper()
	if s.lines.Scan() {
		s.t.Errorf("it says more: %s", s.lines.Bytes())
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it ended badly: %v", err)
	}
}
