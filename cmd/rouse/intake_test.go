package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes files of these names and texts into a new folder, and gives its path.
func files(t *testing.T, namesAndTexts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(namesAndTexts); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, namesAndTexts[i]), []byte(namesAndTexts[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	payloadOfChecks = `{"region":"eu","checks":[
		{"id":1,"name":"Queue grows","host":"mq-1","state":"bad","level":"page","tags":["prod","mq"]},
		{"id":2,"name":"Lag","host":"db-1","state":"ok","tags":[]},
		{"id":3,"name":"Disk\u001b[2J","state":"bad"}]}`
	mappingOfChecks = `# what our checks send
each: body.checks
summary: item.name + " on " + item.?host.orValue("somewhere")
severity: item.?level.orValue("warning")
dedup_key: '"checks/" + string(item.id)'
action: 'item.state == "ok" ? "resolve" : "trigger"'
labels: item.?tags
service: body.region + headers["x-part"] + query.team
`
)

func TestIntakeTest(t *testing.T) {
	dir := files(t, "payload.json", payloadOfChecks, "mapping.yaml", mappingOfChecks)
	args := []string{"intake", "test", "--file", dir + "/payload.json", "--mapping", dir + "/mapping.yaml", "--header", "X-Part: -db", "--query", "team=1"}
	out, _, err := call(t, settingsOf(), args...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "intake.txt", out)

	out, _, err = call(t, settingsOf(), append(args, "--json")...)
	var got struct{ Alerts []shownAlert }
	if e := json.Unmarshal([]byte(out), &got); err != nil || e != nil || len(got.Alerts) != 3 || got.Alerts[0].DedupKey != "checks/1" ||
		got.Alerts[0].Word != "page" || got.Alerts[0].Labels["tag:mq"] != "" || len(got.Alerts[0].Labels) != 2 || got.Alerts[0].Source != "webhook" {
		t.Errorf("got %s, %v", out, err)
	}
}

// A mapping that fails shows what became of the alert, and fails.
func TestIntakeTestFailsWithTheMapping(t *testing.T) {
	dir := files(t, "payload.json", payloadOfChecks, "mapping.json", `{"mapping":{"each":"body.checks","summary":"item.name","severity":"item.level"}}`)
	for _, flag := range []string{"--mapping", "--settings"} {
		out, _, err := call(t, settingsOf(), "intake", "test", "--file", dir+"/payload.json", flag, dir+"/mapping.json", "--service", "mq")
		if exitStatus(err) != 1 || !strings.Contains(err.Error(), "2 warnings") {
			t.Errorf("got %v", err)
		}
		golden(t, "intake-fails.txt", out)
	}
	out, _, err := call(t, settingsOf(), "intake", "test", "--file", dir+"/payload.json", "--mapping", dir+"/mapping.json", "--json")
	if exitStatus(err) != 1 || !strings.Contains(out, `"The mapping's severity could not be used: no such key: level"`) {
		t.Errorf("got %s, %v", out, err)
	}
}

// A payload of which the server would not see the end shows what pages in its place, and fails.
func TestIntakeTestOfAPayloadThatIsCut(t *testing.T) {
	payload := `{"text":"` + strings.Repeat("x", 600_000) + `","checks":[{"name":"Queue grows"}]}`
	dir := files(t, "payload.json", payload, "mapping.yaml", "each: body.?checks.orValue([])\nsummary: item.name")
	out, _, err := call(t, settingsOf(), "intake", "test", "--file", dir+"/payload.json", "--mapping", dir+"/mapping.yaml")
	if exitStatus(err) != 1 || !strings.Contains(err.Error(), "1 warning") || !strings.Contains(out, "A webhook of 600045 bytes was cut at 512 KiB and could not be mapped") ||
		!strings.Contains(out, "warning: Not all of the request was read. It is longer than 512 KiB.") || !strings.Contains(out, "trigger") {
		t.Errorf("exit status %d, %v:\n%s", exitStatus(err), err, out)
	}
}

// A list of more alerts than are taken at once, and a word for an action that nobody knows, are warned of.
func TestIntakeTestWarnsOfWhatIsDoubted(t *testing.T) {
	dir := files(t, "many.json", "["+strings.Repeat(`"x",`, 1000)+`"x"]`, "over.json", `{"summary":"x","action":"over"}`)
	for name, warning := range map[string]string{
		"many.json": "It is a list of 1001 alerts, and 1000 are taken at once.",
		"over.json": `The action "over" is unknown: taken as trigger.`,
	} {
		for _, dialect := range []string{"alerts", "webhook"} {
			out, _, err := call(t, settingsOf(), "intake", "test", "--file", dir+"/"+name, "--dialect", dialect)
			if exitStatus(err) != 1 || !strings.Contains(err.Error(), "1 warning") || !strings.Contains(out, "warning: ") || !strings.Contains(out, warning) {
				t.Errorf("%s as %s: exit status %d, %v: %.300s", name, dialect, exitStatus(err), err, out[max(0, len(out)-300):])
			}
		}
	}
}

func TestIntakeTestOfOtherDialects(t *testing.T) {
	dir := files(t, "own.json", `[{"summary":"a"},{"summary":"b","action":"resolve","dedup_key":"d"}]`, "am.json", `{"alerts":[{"labels":{"alertname":"Down"}}]}`)
	for dialect, want := range map[string]string{"alerts": "resolve  2         db       d", "alertmanager": "Down"} {
		name := map[string]string{"alerts": "own.json", "alertmanager": "am.json"}[dialect]
		out, _, err := call(t, settingsOf(), "intake", "test", "-f", filepath.Join(dir, name), "--dialect", dialect, "--service", "db")
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %s, %v", dialect, out, err)
		}
	}
}

func TestIntakeTestAskedWrongly(t *testing.T) {
	dir := files(t, "p.json", `{}`, "broken.json", `{`, "m.json", `{"summary":"body.","sumary":"x"}`, "list.yaml", `[1]`, "not.yaml", "a: [", "names.yaml", "{1: {2: x}}")
	payload := []string{"--file", dir + "/p.json"}
	for _, tt := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 2, "--file is missing"},
		{[]string{"--file", dir + "/none.json"}, 1, "cannot be read: no such file"},
		{append(payload, "--dialect", "telex"), 2, "--dialect telex cannot be tried; use one of alertmanager, alerts,"},
		{append(payload, "--header", "X-Part"), 2, `write "Name: value"`},
		{append(payload, "--query", "team"), 2, "write name=value"},
		{append(payload, "--mapping", dir+"/m.json", "--settings", dir+"/m.json"), 2, "leave one of them out"},
		{append(payload, "--mapping", dir+"/m.json", "--dialect", "alerts"), 2, "--mapping is for the dialect webhook; alerts has none"},
		{append(payload, "--settings", dir+"/m.json", "--dialect", "alerts"), 1, "m.json cannot be used:\n  must be empty: this dialect has no settings"},
		{append(payload, "--mapping", dir+"/m.json"), 1, "\n  summary: line 1, column 6: Syntax error"},
		{append(payload, "--mapping", dir+"/m.json"), 1, "m.json cannot be used:\n  sumary: is not known; use each, summary,"},
		{append(payload, "--mapping", dir+"/list.yaml"), 1, "list.yaml cannot be used:\n  mapping: must be an object of expressions"},
		{append(payload, "--mapping", dir+"/not.yaml"), 1, "not.yaml is neither JSON nor YAML: line 1"},
		{append(payload, "--mapping", dir+"/names.yaml"), 1, "names.yaml has names that are no texts"},
		{[]string{"--file", "-", "--mapping", "-"}, 2, "standard input holds the payload"},
		{[]string{"--file", dir + "/broken.json", "--dialect", "alerts"}, 1, "the server would refuse it with 400: The request is not JSON"},
	} {
		_, _, err := call(t, settingsOf(), append([]string{"intake", "test"}, tt.args...)...)
		if exitStatus(err) != tt.status || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: exit status %d, %v", tt.args, exitStatus(err), err)
		}
	}
}
