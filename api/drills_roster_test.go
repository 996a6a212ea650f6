package api

import (
	"fmt"
	"strings"
	"testing"
)

func (d *desk) drillsBefore(t *testing.T, roster string) any {
	t.Helper()
	return d.must(200, "GET", "/v1/rosters/"+roster+"/drill", "").value(t)["before"]
}

// Rule 19. The wish for drills is part of the configuration: exported, planned and applied as all of a roster is.
func TestDrillsBeforeShiftsArePartOfTheConfiguration(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	without := written(t, document)
	one(t, document, "rosters", "dba")["drill"] = map[string]any{"before": "2h"}
	with := written(t, document)

	planned := d.must(200, "PUT", theConfiguration+"?dry_run=true", with).plan(t)
	planned.holds(t, "change roster dba /drill")
	if f := planned.Changes[0].Fields[0]; f.Before != nil || fmt.Sprint(f.After) != "map[before:2h]" {
		t.Errorf("planned are drills %v where %v stands", f.After, f.Before)
	}
	if got := d.drillsBefore(t, "dba"); got != "0s" {
		t.Errorf("after a dry run a drill comes %v before shifts", got)
	}
	if len(planned.Effects.Changes) > 0 {
		t.Errorf("others are on call: %v", planned.Effects.Changes)
	}

	d.must(200, "PUT", theConfiguration, with).plan(t).holds(t, "change roster dba /drill")
	if got := d.drillsBefore(t, "dba"); got != "2h" {
		t.Errorf("after the change a drill comes %v before shifts", got)
	}
	if exported := d.must(200, "GET", theConfiguration, "").body; strings.TrimSpace(exported) != strings.TrimSpace(with) {
		t.Errorf("exported is %s\nnot %s", exported, with)
	}
	d.must(200, "PUT", theConfiguration, with).plan(t).holds(t)
	d.must(200, "PUT", theConfiguration, strings.Replace(with, `{"before":"2h"}`, `{"before":"3h"}`, 1)).plan(t).holds(t, "change roster dba /drill/before")

	// What the document does not say of a roster is not wanted, as with its hand-over; what does not speak of rosters changes none.
	d.must(200, "PUT", theConfiguration, `{}`).plan(t).holds(t)
	if got := d.drillsBefore(t, "dba"); got != "3h" {
		t.Errorf("after a document of nothing a drill comes %v before shifts", got)
	}
	d.must(200, "PUT", theConfiguration, without).plan(t).holds(t, "change roster dba /drill")
	if got := d.drillsBefore(t, "dba"); got != "0s" {
		t.Errorf("after a document without drills one comes %v before shifts", got)
	}
	d.must(200, "PUT", theConfiguration, strings.Replace(with, `{"before":"2h"}`, `{"before":"0s"}`, 1)).plan(t).holds(t)
}

func TestAConfigurationTellsWhatIsWrongWithDrillsToo(t *testing.T) {
	d := newDesk(t)
	document, _ := d.read(t)
	dba := one(t, document, "rosters", "dba")
	dba["drill"] = map[string]any{"before": "1m"}
	dba["handoff"] = map[string]any{"ahead": "5m"}
	got := d.as("admin", "PUT", theConfiguration, written(t, document))
	if got.status != 422 {
		t.Fatal(got.said())
	}
	has(t, got, "/drill/before", "must be 10m to 168h", "/handoff/ahead")
}

// Of a plan that was made before somebody wanted drills nothing is done.
func TestWhoeverWantsDrillsMeanwhileIsNotOverruled(t *testing.T) {
	d := newDesk(t)
	document, match := d.read(t)
	one(t, document, "rosters", "dba")["name"] = "Databases"
	roster := d.must(200, "GET", "/v1/rosters/dba", "")
	d.must(200, "PUT", "/v1/rosters/dba/drill", `{"before": "2h"}`)
	if got := d.as("admin", "PUT", theConfiguration, written(t, document), match); got.status != 412 {
		t.Errorf("the configuration: %s", got.said())
	}
	got := d.as("admin", "PUT", "/v1/rosters/dba", strings.Replace(roster.body, `"slug"`, `"drill": {"before": "3h"}, "slug"`, 1), "If-Match: "+roster.header.Get("ETag"))
	if got.status != 412 {
		t.Errorf("the roster: %s", got.said())
	}
	has(t, got, `"/drill"`, "2h")
	// Who wants what stands changes nothing.
	before := d.must(200, "GET", "/v1/rosters/dba", "").header.Get("ETag")
	d.must(200, "PUT", "/v1/rosters/dba/drill", `{"before": "2h"}`)
	if after := d.must(200, "GET", "/v1/rosters/dba", "").header.Get("ETag"); after != before {
		t.Errorf("the same wish made of version %s %s", before, after)
	}
}

// Rule 19. Whoever looks at a roster sees whether its people are drilled, how long before, and who was reached.
func TestARosterTellsOfItsDrills(t *testing.T) {
	d := newDesk(t)
	members := func() (told []string) {
		for _, m := range d.must(200, "GET", "/v1/rosters/dba/drill", "").value(t)["members"].([]any) {
			m := m.(map[string]any)
			badge, _ := m["drill"].(map[string]any)
			told = append(told, fmt.Sprint(m["person"], ", ", m["name"], ": ", badge["result"], " ", badge["key"]))
		}
		return told
	}
	if got := d.must(200, "GET", "/v1/rosters/dba", "").value(t)["drill"]; got != nil {
		t.Errorf("nobody wants drills, and it has %v", got)
	}
	if got, want := fmt.Sprintf("%q", members()), `["ann, Name of ann: <nil> <nil>" "bob, Name of bob: <nil> <nil>"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d.showed("ann", "passed")
	d.showed("bob", "failed")
	d.must(200, "PUT", "/v1/rosters/dba/drill", `{"before": "2h"}`)
	if got, want := fmt.Sprintf("%q", members()), `["ann, Name of ann: passed TEST-1" "bob, Name of bob: failed TEST-2"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	has(t, d.must(200, "GET", "/v1/rosters/dba/drill", ""), `"before":"2h"`, `"answered_after":"14s"`)
	roster := has(t, d.must(200, "GET", "/v1/rosters/dba", ""), `"drill":{"before":"2h"}`)
	has(t, d.must(200, "GET", "/v1/rosters", ""), `"drill":{"before":"2h"}`)

	// What was read may be sent back; what does not speak of drills leaves them, and 0s ends them.
	d.must(200, "PUT", "/v1/rosters/dba", roster.body)
	d.must(200, "PUT", "/v1/rosters/dba", strings.Replace(roster.body, `"drill":{"before":"2h"},`, "", 1))
	if got := d.drillsBefore(t, "dba"); got != "2h" {
		t.Errorf("after a change that does not speak of it a drill comes %v before shifts", got)
	}
	if got := d.as("admin", "PUT", "/v1/rosters/dba", strings.Replace(roster.body, `"2h"`, `"200h"`, 1)); got.status != 422 || !strings.Contains(got.body, "/drill/before") {
		t.Errorf("200 h before: %s", got.said())
	}
	if got := d.must(200, "PUT", "/v1/rosters/dba", strings.Replace(roster.body, `"2h"`, `"0s"`, 1)).value(t)["drill"]; got != nil {
		t.Errorf("ended, and it has %v", got)
	}
	d.must(201, "POST", "/v1/rosters", `{"slug": "web", "drill": {"before": "48h"}, "rotations": [`+weekly+`]}`)
	if got := d.drillsBefore(t, "web"); got != "48h" {
		t.Errorf("a new roster has drills %v before shifts", got)
	}
}
