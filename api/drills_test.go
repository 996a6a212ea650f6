package api

import (
	"strings"
	"testing"

	"rouse/engine/enginedb"
)

func TestADrillIsStartedByAdminsAndByWhomItIsOf(t *testing.T) {
	d := newDesk(t)
	if got := d.as("ann", "POST", "/v1/drills", `{"person": "bob"}`); got.status != 403 || !strings.Contains(got.body, "A drill of bob is for bob and for admins") {
		t.Errorf("bob drilled by ann: %s", got.said())
	}
	if got := d.as("read", "POST", "/v1/drills", `{"person": "bob"}`); got.status != 403 {
		t.Errorf("by a key that only reads: %s", got.said())
	}
	if got := d.as("ann", "POST", "/v1/drills", `{"roster": "dba"}`); got.status != 403 {
		t.Errorf("a roster of nobody's drilled by ann: %s", got.said())
	}
	got := d.as("ann", "POST", "/v1/drills", `{"person": "ann"}`)
	if got.status != 201 {
		t.Fatalf("ann drilled by herself: %s", got.said())
	}
	has(t, got, "TEST-1", `"person":"ann"`, `"started_by":"ann"`)
	if got := d.as("admin", "POST", "/v1/drills", `{"person": "ann"}`); got.status != 409 || !strings.Contains(got.body, "drill TEST-1 is under way until") {
		t.Errorf("a second one: %s", got.said())
	}
	has(t, d.must(201, "POST", "/v1/drills", `{"roster": "imoc"}`), "TEST-2", `"person":"carla"`, `"roster":"imoc"`, `"started_by":"test admin"`)
	if got := has(t, d.must(200, "GET", "/v1/drills?person=ann", ""), "TEST-1"); strings.Contains(got.body, "carla") {
		t.Errorf("ann's drills are %s", got.body)
	}
	holds(t, d.must(200, "GET", "/v1/drills/TEST-2", "").body, `{"key": "TEST-2", "person": "carla"}`)
	d.must(404, "GET", "/v1/drills/TEST-3", "")
	d.must(404, "POST", "/v1/drills", `{"person": "zoe"}`)
	d.must(404, "POST", "/v1/drills", `{"roster": "nobodys"}`)
	d.must(422, "POST", "/v1/drills", `{}`)
	d.must(422, "POST", "/v1/drills", `{"person": "ann", "roster": "imoc"}`)
}

// has demands that an answer has some texts in it.
func has(t *testing.T, got answered, texts ...string) answered {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(got.body, text) {
			t.Errorf("nothing says %s: %s", text, got.body)
		}
	}
	return got
}

func TestAnOwnerDrillsTheTeamsRoster(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/teams", `{"slug": "dba", "members": [{"person": "ann", "role": "owner"}, {"person": "bob", "role": "member"}]}`)
	d.must(200, "PUT", "/v1/rosters/dba", `{"team": "dba", "rotations": [`+weekly+`]}`)
	d.keys["bob"] = d.newKey(enginedb.Key{Name: "bob's phone", Scopes: []enginedb.Scope{enginedb.ScopeRespond}, Person: "bob"})
	if got := d.as("bob", "POST", "/v1/drills", `{"roster": "dba"}`); got.status != 403 {
		t.Errorf("by a member: %s", got.said())
	}
	if got := d.as("ann", "POST", "/v1/drills", `{"roster": "dba"}`); got.status != 201 {
		t.Errorf("by an owner: %s", got.said())
	}
}

func TestDrillsAreNoIncidentsUnlessAskedFor(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/drills", `{"person": "ann"}`)
	if items := d.must(200, "GET", "/v1/incidents", "").value(t)["items"].([]any); len(items) != 0 {
		t.Errorf("incidents: %v", items)
	}
	has(t, d.must(200, "GET", "/v1/incidents?drills=true", ""), "TEST-1", `"severity":2`, `"status":"new"`)
}

// showed makes a drill of somebody who showed something.
func (d *desk) showed(person, result string) {
	d.t.Helper()
	d.must(201, "POST", "/v1/drills", `{"person": "`+person+`"}`)
	for _, sql := range []string{
		`update drill set ended_at = now(), result = $2, answered_after = case when $2 = 'passed' then interval '14 seconds' end, channel = case when $2 = 'passed' then 'sms' else '' end
			where person = $1 and ended_at is null`,
		`update incident set status = 'resolved' where drill and $1 <> $2`,
		`update page set state = 'covered' where person = $1 and $2 <> ''`} {
		if _, err := d.db.Exec(d.t.Context(), sql, person, result); err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestTheLastDrillIsAPersonsBadge(t *testing.T) {
	d := newDesk(t)
	badge := func() any { return d.must(200, "GET", "/v1/people/carla", "").value(t)["drill"] }
	if got := badge(); got != nil {
		t.Errorf("before the first drill: %v", got)
	}
	d.must(201, "POST", "/v1/drills", `{"person": "carla"}`)
	if got := badge(); got != nil {
		t.Errorf("while it is under way: %v", got)
	}
	if _, err := d.db.Exec(t.Context(), `update drill set ended_at = now(), result = 'stopped'`); err != nil {
		t.Fatal(err)
	}
	d.showed("carla", "passed")
	has(t, d.must(200, "GET", "/v1/people/carla", ""), `"key":"TEST-2"`, `"result":"passed"`, `"answered_after":"14s"`, `"channel":"sms"`)
	has(t, d.must(200, "GET", "/v1/oncall?roster=imoc", ""), `"result":"passed"`)
	carla := d.must(200, "GET", "/v1/people/carla", "").body
	d.must(200, "PUT", "/v1/people/carla", carla) // what was read may be sent back
}

func TestCoverageWarnsOfWhomTheLastDrillDidNotReach(t *testing.T) {
	d := newDesk(t)
	d.showed("carla", "failed")
	for _, query := range []string{"", "?service=bitbucket"} {
		has(t, d.must(200, "GET", "/v1/coverage"+query, ""), `"person":"carla"`, `"roster":"imoc"`, "the drill of Name of carla on ",
			"Make a contact of Name of carla work, then try again: `rouse drill --person carla`")
	}
	d.showed("carla", "passed")
	if warned := d.must(200, "GET", "/v1/coverage", "").value(t)["unreached"]; warned != nil {
		t.Errorf("after a drill that was passed: %v", warned)
	}
}

func TestARosterWantsDrillsBeforeShifts(t *testing.T) {
	d := newDesk(t)
	holds(t, d.must(200, "GET", "/v1/rosters/dba/drill", "").body, `{"before": "0s"}`)
	holds(t, d.must(200, "PUT", "/v1/rosters/dba/drill", `{"before": "2h"}`).body, `{"before": "2h"}`)
	d.must(200, "PUT", "/v1/rosters/dba/drill?dry_run=true", `{"before": "3h"}`)
	holds(t, d.must(200, "GET", "/v1/rosters/dba/drill", "").body, `{"before": "2h"}`)
	if got := d.as("admin", "PUT", "/v1/rosters/dba/drill", `{"before": "1m"}`); got.status != 422 || !strings.Contains(got.body, "must be 10m to 168h") {
		t.Errorf("a minute before: %s", got.said())
	}
	d.must(204, "DELETE", "/v1/rosters/dba/drill", "")
	holds(t, d.must(200, "GET", "/v1/rosters/dba/drill", "").body, `{"before": "0s"}`)
	d.must(404, "PUT", "/v1/rosters/nobodys/drill", `{"before": "2h"}`)
	d.must(404, "DELETE", "/v1/rosters/nobodys/drill", "")
}
