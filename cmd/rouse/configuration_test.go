package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// configurationAnswer is what GET /v1/configuration may answer: each of these texts is something else to some
// reader of YAML.
const configurationAnswer = `{
	"people":[
		{"contacts":[{"address":"+4915112345617","after":"0s","channel":"sms"},{"address":"1e3","after":"1m30s","channel":"push","disabled":true}],"handle":"ann","language":"no","name":"अनीता देशपांडे","zone":"Europe/Berlin"},
		{"contacts":[],"handle":"404","language":"en","name":"Bob: the \"#1\" \\ {x}","zone":"UTC"},
		{"contacts":[],"handle":"true","language":"en","name":"𠮷田 👩‍💻","zone":"UTC"}],
	"policies":[{"ack_expiry":{"1":"0s","3":"20m"},"levels":[{"targets":[{"roster":"dba"},{"person":"ann"}],"wait":"5m"}],"name":"- db","slug":"db","team":"db"}],
	"rosters":[{"name":"=1+1","rotations":[{"hours":[{"days":["mon","fri"],"from":"22:00","to":"06:00"}],"id":"week","participants":["ann","","404"],"rank":-1,"everyone":false,"rule":"FREQ=WEEKLY;BYDAY=MO,FR","start":"2026-01-05T09:00:00",
		"times":["09:00","21:00"],"until":"2036-01-01T00:00:00Z","without":["2026-12-25"],"zone":"Europe/Berlin"}],"slug":"dba"}],
	"services":[{"hours":{"zone":"Asia/Tokyo"},"name":" x ","slug":"off"}],
	"teams":[]}`

func TestExport(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"GET /v1/configuration": configurationAnswer})
	out, err := api.call(t, "export")
	if err != nil {
		t.Fatal(err)
	}
	out = strings.Replace(out, api.url, "http://rouse.example.com", 1)
	golden(t, "export.yaml", out)

	// What is written is read as it was, by this program and by the library.
	var want map[string][]any
	if err := json.Unmarshal([]byte(configurationAnswer), &want); err != nil {
		t.Fatal(err)
	}
	file, err := readConfiguration([]string{"-"}, strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var theirs any
	if err := yaml.Unmarshal([]byte(out), &theirs); err != nil {
		t.Fatal(err)
	}
	for by, got := range map[string]any{"us": file.sections, "the library": theirs} {
		if got, want := thinned(t, got), thinned(t, want); !reflect.DeepEqual(got, want) {
			t.Errorf("by %s it is read as\n%v\nnot\n%v", by, got, want)
		}
	}
	out, err = api.call(t, "export", "--json")
	if err != nil || thinned(t, json.RawMessage(out)) == nil {
		t.Errorf("got %s (%v)", out, err)
	}
}

// thinned is a value as JSON has it, without fields that are empty.
func thinned(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return thin(value)
}

func thin(value any) any {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, field any) bool { return empty(field) || field == false })
		for name := range v {
			v[name] = thin(v[name])
		}
	case []any:
		for i := range v {
			v[i] = thin(v[i])
		}
	}
	return value
}

// Whatever a name has in it, it comes back as it was.
func TestAnyTextIsReadAsItWasWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{" :#-?!&*|>%@`\"'\\{}[],.=~<_", "yYnNoOeEsSfFtTrRuUlLaA", "0123456789.:-+eExX_", "äß語한अ́́𠮷\u200d👩\u00a0\ufeff\ufffe\u2028\u0085\u00ad"}
	for range 20_000 {
		var text []rune
		for range random.IntN(6) {
			from := []rune(alphabets[random.IntN(len(alphabets))])
			text = append(text, from[random.IntN(len(from))])
		}
		var ours, theirs map[string]any
		written := "people:\n  - name: " + yamlText(string(text)) + "\n"
		file, err := readConfiguration([]string{"-"}, strings.NewReader(written))
		if err == nil {
			ours = file.sections["people"][0].(map[string]any)
			err = yaml.Unmarshal([]byte(written), &theirs)
		}
		if err != nil {
			t.Fatalf("%q is written as %s: %v", string(text), written, err)
		}
		library := theirs["people"].([]any)[0].(map[string]any)
		if ours["name"] != string(text) || library["name"] != string(text) {
			t.Fatalf("%q is written as %s and read as %q, by the library as %v", string(text), written, ours["name"], library["name"])
		}
	}
}

func TestMistakesInAFileAreToldWithTheirLines(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "", "standard input:1: is empty; `rouse export` writes what there is"},
		{"nothing but a remark", "# later\n", "standard input:1: is empty; `rouse export` writes what there is"},
		{"a list", "- people\n", "standard input:1: must have sections: teams, people, rosters, policies, services, rules, severities"},
		{"no YAML", "people: [\n", "standard input:1: is not YAML: did not find expected node content"},
		{"tabs", "people:\n\t- handle: ann\n", "standard input:2: is not YAML: found character that cannot start any token"},
		{"a flow that never ends", "teams: []\npeople:\n  - handle: ann\n    contacts: [\n  - handle: bob\n    zone: UTC\n", "standard input:4: is not YAML: did not find expected node content"},
		{"a text that never ends", "teams: []\npeople:\n  - handle: ann\n    name: \"Ann\n  - handle: bob\n", "standard input:4: is not YAML: found unexpected end of stream"},
		{"a text that never ends, in the first line", "teams: \"\npeople: []\n\n", "standard input:1: is not YAML: found unexpected end of stream"},
		{"a field too far left", "people:\n  - handle: ann\n    zone: UTC\n name: Ann\n", "standard input:4: is not YAML: did not find expected key"},
		{"a field without its colon", "people:\n  - handle: ann\n    zone: UTC\n    name\n    language: en\n", "standard input:4: is not YAML: could not find expected ':'"},
		{"two colons", "people:\n  - handle: ann\n    zone: UTC\n    name: Ann: Bob\n", "standard input:4: is not YAML: mapping values are not allowed in this context"},
		{"a name for nothing", "people:\n  - handle: ann\n    zone: *utc\n    name: Ann\n", "standard input:3: is not YAML: unknown anchor 'utc' referenced"},
		{"a mistake in the second document", "people: []\n---\na: [\n", "standard input:3: is not YAML: did not find expected node content"},
		{"two documents", "people: []\n---\npeople: []\n", "standard input:2: begins a second document; put it into a file of its own, and name both with -f"},
		{"a section of nothing", "people:\n", "standard input:1: people has nothing in it; write [] to have none, or leave it out to leave it alone"},
		{"a section that is no list", "people: {}\n", "standard input:1: people must be a list"},
		{"all at once", `people:
  - handle: ann
    phone: 1
    handle: bob
    zone:
    version: 7
    contacts:
      - !ref x
      - [a]
  - <<: {name: x}
rosters:
  - slug: dba
    rotations:
      - {id: a, rank: high, everyone: yes, participants: {}}
      - {id: b, rank: 12345678901234567890, ? [x] : y}
colours: []
`, `standard input:3: people/0/phone is not a field here; there is handle, name, zone, language, contacts, call_again, call_again_for, quiet
  standard input:4: people/0/handle is there twice, first in line 2
  standard input:5: people/0/zone has nothing in it; write "" or leave it out
  standard input:8: people/0/contacts/0 has the tag !ref; tags are not read here
  standard input:9: people/0/contacts/1 must be fields with values
  standard input:10: people/1/<< is not a field here; there is handle, name, zone, language, contacts, call_again, call_again_for, quiet
  standard input:14: rosters/0/rotations/0/rank must be a whole number, not "high"
  standard input:14: rosters/0/rotations/0/everyone must be true or false, not "yes"
  standard input:14: rosters/0/rotations/0/participants must be a list
  standard input:15: rosters/0/rotations/1/rank must be a whole number, not "12345678901234567890"
  standard input:15: rosters/0/rotations/1 has a field whose name is no text
  standard input:16: colours is not a field here; there is teams, people, rosters, policies, services, rules, severities`},
	} {
		_, err := readConfiguration([]string{"-"}, strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got  %v\nwant %s", c.what, err, c.want)
		}
	}
	_, err := readConfiguration([]string{"-"}, strings.NewReader("people:\n"+strings.Repeat("  - {colour: red}\n", 30)))
	if err == nil || strings.Count(err.Error(), "\n") != 20 || !strings.HasSuffix(err.Error(), "and 10 more") {
		t.Errorf("thirty mistakes: %v", err)
	}
}

// A file of a kilobyte that stands for a billion values is not read to its end.
func TestAFileThatStandsForTooMuchIsRefused(t *testing.T) {
	text := "people:\n  - &p {handle: a, contacts: [" + strings.Repeat("{channel: sms, address: x}, ", 40) + "]}\n"
	text += strings.Repeat("  - *p\n", 100_000)
	_, err := readConfiguration([]string{"-"}, strings.NewReader(text))
	if err == nil || !strings.Contains(err.Error(), "is beyond the 2000000 values that are read") {
		t.Errorf("got %.200v", err)
	}
	// What an alias is meant for is read.
	file, err := readConfiguration([]string{"-"}, strings.NewReader("people:\n  - {handle: a, contacts: &c [{channel: sms, address: +4915112345617}]}\n  - {handle: b, contacts: *c}\n"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := file.sections["people"][0].(map[string]any), file.sections["people"][1].(map[string]any)
	if !reflect.DeepEqual(a["contacts"], b["contacts"]) || a["contacts"].([]any)[0].(map[string]any)["address"] != "+4915112345617" {
		t.Errorf("got %v", file.sections)
	}
}

func FuzzAConfigurationFile(f *testing.F) {
	for _, seed := range []string{"people: []", "a: &a [*a]\npeople: *a", "people:\n - {handle: &x ann, name: *x}", "{\"rosters\": [{\"rotations\": [{\"rank\": 1}]}]}", "? !!map {}\n: x", "people: &p\n- <<: *p"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := readConfiguration([]string{"-"}, strings.NewReader(text))
		if err == nil {
			if _, err := json.Marshal(file.sections); err != nil {
				t.Error(err)
			}
		}
	})
}

const planAnswer = `{"dry_run":true,"status":200,
	"result":{"based_on":"3f9c1e8a0b7d2c44","pages_from":"2026-11-20T12:00:00Z","pages_to":"2026-12-04T12:00:00Z","more_pages":3,
		"changes":[{"kind":"person","id":"zoe","action":"create"},
			{"kind":"roster","id":"dba","action":"change","more":2,"fields":[
				{"pointer":"/name","before":"dba","after":"Databases"},
				{"pointer":"/rotations/0/participants","before":["ann","bob"],"after":["ann","","zoe"]},
				{"pointer":"/rotations/0/rank","after":-1},
				{"pointer":"/rotations/1","before":{"id":"nights","participants":["bob"],"rule":"FREQ=DAILY","start":"2026-01-05T18:00:00","zone":"Europe/Berlin"}}]},
			{"kind":"service","id":"web","action":"delete"},{"kind":"policy","id":"web","action":"delete"},{"kind":"person","id":"bob","action":"delete"}],
		"pages":[{"service":"bitbucket","severities":[1,2],"level":1,"from":"2026-11-23T08:00:00Z","to":"2026-11-30T08:00:00Z","before":["bob"],"after":["zoe"],
			"text":"","where":"bitbucket, severity 1 and 2, level 1","what":"Zoë instead of Bob"}]},
	"effects":{"from":"2026-11-20T12:00:00Z","to":"2026-12-18T12:00:00Z","more":1,
		"changes":[{"roster":"dba","from":"2026-11-23T08:00:00Z","to":"2026-11-30T08:00:00Z","before":["bob"],"after":["zoe"]},
			{"roster":"dba","from":"2026-12-04T12:00:00Z","to":"2026-12-14T08:00:00Z","before":["bob"],"after":[]}],
		"holes_opened":[{"kind":"level","from":"2026-12-07T08:00:00Z","to":"2026-12-14T08:00:00Z","where":"bitbucket, severity 1 and 2, level 1","problem":"nobody is on call in roster dba","remedy":"Put somebody in"}],
		"holes_closed":[{"kind":"catch_all","from":"2026-11-20T12:00:00Z","to":"2026-12-18T12:00:00Z","where":"the catch-all, every severity","problem":"roster imoc does not exist","remedy":"Make it"}]}}`

// What a file leaves out would be deleted; if that cannot be, it says so and how to keep it.
func TestPlanTellsWhatIsStillNeeded(t *testing.T) {
	api := refusing(t, 409, `{"type":"/problems/in-use","title":"In use","detail":"roster imoc is named by policy x.","errors":[
		{"detail":"roster bitbucket-im is named by policy bitbucket"},{"detail":"roster imoc is the catch-all roster of this server's configuration"}]}`)
	_, err := api.call(t, "plan", "-f", fileWith(t, "rosters: []\n"))
	want := `nothing is changed: what the file leaves out of its sections would be deleted, and cannot be:
  roster bitbucket-im is named by policy bitbucket
  roster imoc is the catch-all roster of this server's configuration
Put it into the file, or leave no name of it in what stays, or keep all that the file leaves out, with --keep.`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	inside := refusing(t, 409, `{"type":"/problems/in-use","title":"In use","errors":[{"pointer":"/rosters/0/slug","value":"dba","detail":"would lose rotation day, which override 3 names"}]}`)
	file := fileWith(t, "rosters:\n  - slug: dba\n")
	if _, err := inside.call(t, "plan", "-f", file); err == nil || err.Error() != file+":2: rosters/0/slug \"dba\": would lose rotation day, which override 3 names" {
		t.Errorf("what the file has: %v", err)
	}
}

func TestPlan(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"PUT /v1/configuration": planAnswer})
	file := filepath.Join(t.TempDir(), "our house's.yaml")
	if err := os.WriteFile(file, []byte("people:\n  - handle: ann\n    contacts: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := api.call(t, "plan", "-f", file, "--zone", "Europe/Berlin", "--keep", "--from", "2026-11-23 09:00")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", strings.ReplaceAll(out, filepath.Dir(file), "/etc"))
	if want := `PUT /v1/configuration?dry_run=true&effective_from=2026-11-23T08%3A00%3A00Z&prune=false {"people":[{"contacts":[],"handle":"ann"}]}`; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
	if _, err := api.call(t, "plan", "-f", file, "--check"); exitStatus(err) != 1 || err.Error() != "5 changes to make" {
		t.Errorf("--check with changes: %v", err)
	}
	if out, err := api.call(t, "plan", "-f", file, "--json"); err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"dry_run": true`) {
		t.Errorf("got %s (%v)", out, err)
	}
	same := newFakeAPI(t, map[string]string{"PUT /v1/configuration": `{"dry_run":true,"status":200,"result":{"based_on":"3f9c1e8a0b7d2c44","changes":[]},"effects":{"changes":[]}}`})
	out, err = same.call(t, "plan", "-f", file, "--check")
	if err != nil || out != "Nothing to change: the configuration is what the file says.\n" {
		t.Errorf("got %q (%v)", out, err)
	}
}

func TestApplyIsAgreedTo(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"PUT /v1/configuration?dry_run=true": planAnswer,
		"PUT /v1/configuration": `{"based_on":"3f9c1e8a0b7d2c44","changes":[{"kind":"person","id":"zoe","action":"create"},{"kind":"policy","id":"web","action":"delete"}]}`})
	file := filepath.Join(t.TempDir(), "rouse.yaml")
	if err := os.WriteFile(file, []byte("people: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var planned struct{ Plan string }
	if out, err := api.call(t, "plan", "-f", file, "--json"); err != nil || json.Unmarshal([]byte(out), &planned) != nil || !strings.HasPrefix(planned.Plan, "3f9c1e8a0b7d2c44-") {
		t.Fatalf("the plan has no name: %s (%v)", out, err)
	}
	for _, c := range []struct {
		what   string
		args   []string
		status int
		says   string
		asked  int
	}{
		{"without a terminal", nil, 2, "say --plan with what `rouse plan` shows at its end, or --yes", 0},
		{"with JSON", []string{"--json"}, 2, "say --plan", 0},
		{"what opens a hole", []string{"--yes"}, 1, "nothing is changed: 1 hole would open, in which an alert finds nobody to page. Close them first, or say --force", 1},
		{"forced", []string{"--yes", "--force"}, 0, "Done: 1 created, 1 deleted.", 2},
		{"a plan with other flags", []string{"--plan", planned.Plan, "--keep"}, 1, "is not one of this file with these flags", 0},
		{"a plan of nothing", []string{"--plan", "3f9c1e8a0b7d2c44"}, 1, "is not one of this file with these flags", 0},
		{"looked at before", []string{"--plan", planned.Plan}, 0, "Done: 1 created, 1 deleted.", 1},
		{"in JSON", []string{"--plan", planned.Plan, "--json"}, 0, `"based_on": "3f9c1e8a0b7d2c44"`, 1},
	} {
		api.asked = nil
		out, err := api.call(t, append([]string{"apply", "-f", file}, c.args...)...)
		said := out
		if err != nil {
			said = err.Error()
		}
		if exitStatus(err) != c.status || !strings.Contains(said, c.says) || len(api.asked) != c.asked {
			t.Errorf("%s: %d, %s\nasked %q", c.what, exitStatus(err), said, api.asked)
		}
	}
	for answer, want := range map[string]bool{"y\n": true, "Yes\n": true, "yes": true, "n\n": false, "\n": false, "": false, "yesterday\n": false} {
		var out bytes.Buffer
		if got := confirmed(strings.NewReader(answer), &out, "Do it? "); got != want || out.String() != "Do it? " {
			t.Errorf("%q is taken for %v", answer, got)
		}
	}
	if _, err := api.call(t, "plan"); exitStatus(err) != 2 || !strings.Contains(err.Error(), "-f is missing") {
		t.Errorf("got %v", err)
	}
}

// A short file with aliases means a long one: it is read no farther than one that is written out.
func TestAliasesAreCountedEachTime(t *testing.T) {
	var file strings.Builder
	file.WriteString("people:\n  - &a {")
	for i := range 5000 {
		fmt.Fprintf(&file, "x%d: 1, ", i)
	}
	file.WriteString("handle: ann}\n")
	for range 2000 {
		file.WriteString("  - *a\n")
	}
	path := filepath.Join(t.TempDir(), "rouse.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	api := newFakeAPI(t, nil)
	if _, err := api.call(t, "plan", "-f", path); exitStatus(err) != 1 || !strings.HasSuffix(err.Error(), "and 980 more") || len(api.asked) != 0 {
		t.Errorf("got %v, asked %d times", err, len(api.asked))
	}
}
