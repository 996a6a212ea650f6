package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rouse/cmd/rouse/bench"
)

// The program measures itself: a tenth of three experiments, as figures mean nothing beside other tests.
func TestE2EBenchMeasures(t *testing.T) {
	story(t)
	rouse, err := program()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	cmd := exec.CommandContext(t.Context(), rouse, "bench", "--quick", "--only", "start,cost,delivery", "--json")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	t.Logf("it took %s", time.Since(began))
	var figures []bench.Figure
	if err := json.Unmarshal(out, &figures); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	found := map[string]float64{}
	for _, f := range figures {
		found[f.Name] = f.Value
	}
	for name, least := range map[string]float64{
		"start to ready, migrated database, median": 1, "start to ready, empty database, median": 1,
		"per incident: statements": 5, "per incident: commits": 2, "per incident: rows inserted": 5, "per incident: WAL": 1,
		"per incident: queue jobs": 0.1, "per repeated alert: statements": 1, "per repeated alert: rows inserted": 0.5,
	} {
		if found[name] < least {
			t.Errorf("%s: %g, want %g at least; all: %s", name, found[name], least, out)
		}
	}
	for _, channel := range []string{"push", "web_push", "sms", "voice", "email"} {
		name := "100 people by " + channel + ": decided to provider called"
		if lost, ok := found[name+", lost"]; !ok || lost != 0 || found[name+", p50"] <= 0 || found[name+", p99"] < found[name+", p50"] {
			t.Errorf("nobody may be lost on %s, and each waits: %s", channel, out)
		}
	}
}

func TestBenchAsksBeforeItPagesAnybody(t *testing.T) {
	for _, test := range []struct{ args, says string }{
		{"--only nap", `there is no experiment "nap"`},
		{"--service x", "name it with --url"},
		{"--url http://127.0.0.1:1", "name the service to open incidents of with --service"},
		{"--url http://127.0.0.1:1 --service x", "Whoever is on call for it is paged for each"},
		{"--url http://127.0.0.1:1 --service x --yes --full", "do not go with --url"},
		{"--url http://127.0.0.1:1 --service x --yes", "set ROUSE_TOKEN to a key with the scopes intake and read"},
	} {
		_, _, err := call(t, settingsOf(), append([]string{"bench"}, strings.Fields(test.args)...)...)
		if err == nil || exitStatus(err) != 2 || !strings.Contains(err.Error(), test.says) {
			t.Errorf("bench %s: %v", test.args, err)
		}
	}
}
