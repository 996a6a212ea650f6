package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Rule 19. A roster's wish for drills stands in the file, and is read as it was written.
func TestExportWritesWhoIsDrilledBeforeShifts(t *testing.T) {
	const answer = `{"rosters":[{"slug":"dba","name":"Databases","drill":{"before":"2h30m"}},{"slug":"imoc","name":"IMOC"}]}`
	out, err := newFakeAPI(t, map[string]string{"GET /v1/configuration": answer}).call(t, "export")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out, "before: 2h30m"); n != 1 || strings.Count(out, "drill:") != 1 {
		t.Errorf("the file says it %d times:\n%s", n, out)
	}
	file, err := readConfiguration([]string{"-"}, strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]any
	if err := json.Unmarshal([]byte(answer), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(file.sections["rosters"], want["rosters"]) {
		t.Errorf("read is %v, written was %v", file.sections["rosters"], want["rosters"])
	}
}

func TestAPlanShowsWhoIsDrilledBeforeShifts(t *testing.T) {
	p := plan{Changes: []planStep{
		{Kind: "roster", ID: "dba", Action: "change", Fields: []fieldChange{{Pointer: "/drill", After: json.RawMessage(`{"before":"2h"}`)}}},
		{Kind: "roster", ID: "imoc", Action: "change", Fields: []fieldChange{{Pointer: "/drill/before", Before: json.RawMessage(`"2h"`), After: json.RawMessage(`"3h"`)}}},
		{Kind: "roster", ID: "web", Action: "change", Fields: []fieldChange{{Pointer: "/drill", Before: json.RawMessage(`{"before":"2h"}`)}}},
	}}
	said := strings.ReplaceAll(strings.Join(p.steps().lines, "\n"), "\t", " ")
	for _, want := range []string{"drill new: before 2h", "drill/before 2h → 3h", "drill gone: before 2h"} {
		if !strings.Contains(said, want) {
			t.Errorf("the plan does not say %q: %q", want, said)
		}
	}
}
