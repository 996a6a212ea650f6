package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rouse/cmd/rouse/node"
)

const alertmanagerModule = "github.com/prometheus/alertmanager/cmd/alertmanager@v0.31.1"

// alertmanager is a running Alertmanager whose receivers are all Rouse, in different dialects. What is reported
// to it goes to all of them.
type alertmanager struct {
	t         *testing.T
	version   string
	url       string
	client    http.Client
	receivers []*receiver
}

// receiver is one of them. Its name is also that of the service whose trouble it reports.
type receiver struct {
	name    string
	dialect string // of a key that another system made, "" for one of Rouse's own
	key     string
	every   bool   // each alert is an incident, else each group
	title   string // how its summaries begin; %s is that of the alert
	about   string // for people

	wire *wire
	who  *resident
}

// tellOfAlertmanager: alerts open incidents in every dialect, page, are joined by their like and end; whatever
// happens on the way, each trouble is one incident.
func tellOfAlertmanager(t *testing.T) {
	story(t)
	file := alertmanagerFile(t)
	ctx := limit(t)
	h := newHouse(t, wish{})
	receivers := []*receiver{
		{name: "webhook-bearer", about: "webhook with a bearer token", every: true, title: "%s"},
		{name: "webhook-basic", about: "webhook with basic authentication, per group", title: "%s"},
		{name: "pagerduty", about: "PagerDuty, registered key", dialect: "pagerduty", key: pagerDutyKey, title: "[FIRING:1] "},
		{name: "opsgenie", about: "Opsgenie with update_alerts, registered key", dialect: "opsgenie", key: opsgenieKey, title: "[FIRING:1] "},
	}
	for _, r := range receivers {
		r.wire, r.who = h.wire(), h.watched(r.name)
		if r.dialect == "" {
			_, r.key = h.key("/v1/services/"+r.name+"/keys", object{"name": r.name})
		} else {
			h.registers(r.name, r.dialect, r.key)
		}
	}
	am := startAlertmanager(ctx, t, file, receivers)
	groups := func(every int) func(*receiver) int { // how many incidents there are, where some have one for every alert
		return func(r *receiver) int {
			if r.every {
				return every
			}
			return 1
		}
	}

	am.reports(ctx, h, "firing", "DiskFull", "db1")
	for _, r := range receivers {
		h.opens(ctx, r.name, 1, 1, r.titled("DiskFull on db1"), r.who)
	}

	t.Log("a second alert of the group")
	am.reports(ctx, h, "firing", "DiskFull", "db2")
	for _, r := range receivers {
		if r.every {
			h.opens(ctx, r.name, 2, 1, r.titled("DiskFull on db2"), r.who)
		} else {
			h.comes(ctx, r.name, "the second alert in the first one's incident", func(all []told) bool { return len(all) == 1 && all[0].Alerts >= 2 })
		}
	}

	t.Log("a part of the group is over, then all of it")
	before := map[*receiver]int{}
	for _, r := range receivers {
		before[r] = len(r.wire.exchanges())
	}
	am.reports(ctx, h, "resolved", "DiskFull", "db1")
	for _, r := range receivers {
		if !r.wire.state.Await(ctx, func() bool { return len(r.wire.all) > before[r] }) {
			t.Fatalf("%s sends nothing", r.name)
		}
		h.comes(ctx, r.name, "the end of db1's alone", func(all []told) bool {
			open := 0
			for _, inc := range all {
				if inc.Status != "resolved" {
					open++
				}
			}
			return open == 1 && len(all) == groups(2)(r)
		})
	}
	am.reports(ctx, h, "resolved", "DiskFull", "db2")
	for _, r := range receivers {
		h.ends(ctx, r.name, groups(2)(r))
	}

	t.Log("503, also where the alert was stored already")
	for _, r := range receivers {
		r.wire.breaks(2, 1)
	}
	am.reports(ctx, h, "firing", "ClonesFail", "git1")
	for _, r := range receivers {
		r.wire.heals(ctx, t)
		h.opens(ctx, r.name, groups(2)(r)+1, 1, r.titled("ClonesFail on git1"), r.who)
	}

	t.Log("Rouse is stopped while it is over")
	h.nodes[0].Stop()
	failed := map[*receiver]int{}
	for _, r := range receivers {
		failed[r] = r.wire.failed()
	}
	am.reports(ctx, h, "resolved", "ClonesFail", "git1")
	for _, r := range receivers {
		if !eventually(func() bool { return r.wire.failed() > failed[r] }) {
			t.Fatalf("%s sends nothing", r.name)
		}
	}
	h.start(h.nodes[0])
	for _, r := range receivers {
		h.ends(ctx, r.name, groups(2)(r)+1)
		if texts := len(r.who.texted()); texts != groups(2)(r)+1 {
			t.Errorf("%s: %s was texted about %v", r.name, r.who.handle, r.who.texted())
		}
	}
	for _, r := range receivers {
		r.wire.reports(h, "Alertmanager "+am.version+", "+r.about, r.name)
	}
}

func (r *receiver) titled(summary string) string {
	if strings.Contains(r.title, "%s") {
		return fmt.Sprintf(r.title, summary)
	}
	name, _, _ := strings.Cut(summary, " ")
	return r.title + name
}

// reports tells Alertmanager that something fires, or is over, for every receiver.
func (a *alertmanager) reports(ctx context.Context, h *house, what, name, instance string) {
	a.t.Helper()
	summary := name + " on " + instance
	h.secret(summary, "a summary")
	var alerts []object
	for _, r := range a.receivers {
		alert := object{
			"labels":       object{"alertname": name, "cluster": "eu-1", "instance": instance, "severity": "critical", "to": r.name},
			"annotations":  object{"summary": summary, "runbook_url": "https://runbooks.example/" + name},
			"generatorURL": "http://prometheus.example/graph?g0.expr=up",
		}
		if what == "resolved" {
			alert["endsAt"] = time.Now().UTC().Format(time.RFC3339Nano)
		}
		alerts = append(alerts, alert)
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, "POST", a.url+"/api/v2/alerts", bytes.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		a.t.Fatalf("Alertmanager answers %d: %s", res.StatusCode, text)
	}
}

// alertmanagerFile is the program: the one that ROUSE_TEST_ALERTMANAGER names, or that is installed, or else it
// is built.
func alertmanagerFile(t *testing.T) string {
	if file := os.Getenv("ROUSE_TEST_ALERTMANAGER"); file != "" {
		return file
	}
	for _, name := range []string{"alertmanager", "prometheus-alertmanager"} {
		if file, err := exec.LookPath(name); err == nil {
			return file
		}
	}
	dir := t.TempDir()
	t.Logf("building %s, for there is none: ROUSE_TEST_ALERTMANAGER can name one", alertmanagerModule)
	build := exec.CommandContext(t.Context(), "go", "install", alertmanagerModule)
	build.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building Alertmanager: %v\n%s", err, out)
	}
	return filepath.Join(dir, "alertmanager")
}

func startAlertmanager(ctx context.Context, t *testing.T, file string, receivers []*receiver) *alertmanager {
	t.Helper()
	a := &alertmanager{t: t, version: "of an unknown version", receivers: receivers, client: http.Client{Timeout: soon}}
	if info, err := buildinfo.ReadFile(file); err == nil && info.Main.Version != "" {
		a.version = info.Main.Version
	}
	dir, values := t.TempDir(), map[string]string{}
	for _, r := range receivers {
		values[r.name+"-url"], values[r.name+"-key"] = r.wire.URL, r.key
	}
	address, err := node.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	a.url = "http://" + address
	runs(t, dir, exec.CommandContext(ctx, file, "--config.file="+fill(t, dir, "alertmanager.yml", values), "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=", "--log.level=debug"))
	if !eventually(func() bool {
		res, err := a.client.Get(a.url + "/-/ready")
		if err != nil {
			return ctx.Err() != nil
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}) {
		t.Fatal("Alertmanager does not come up")
	}
	return a
}

// runs starts a sender, ends it with the test, and shows the end of what it wrote if the test failed.
func runs(t *testing.T, dir string, cmd *exec.Cmd) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "sender.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = log, log, soon
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only if it is gone
		_ = cmd.Wait()         // how it ended does not matter
		_ = log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s wrote in the end:\n%s", filepath.Base(cmd.Path), text[max(0, len(text)-8000):])
		}
	})
}
