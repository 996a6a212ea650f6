package api

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const turnsOf = `{"slug": "web", "rotations": [{"id": "week", "zone": "Europe/Berlin", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": [%s]}]}`

// Rule 16: whoever was on call was, whatever becomes of the roster.
func TestARosterIsRevisedFromAnInstantOn(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	d.must(201, "POST", "/v1/rosters", fmt.Sprintf(turnsOf, `"ann", "bob", "carla", "dan"`))
	now, err := time.Parse(time.RFC3339, d.must(200, "GET", "/v1/rosters/web/oncall", "").value(t)["at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	persons := func(from, to time.Time) (all []string) {
		t.Helper()
		for _, s := range d.must(200, "GET", fmt.Sprintf("/v1/rosters/web/shifts?from=%s&to=%s", from.Format(time.RFC3339), to.Format(time.RFC3339)), "").value(t)["items"].([]any) {
			shift := s.(map[string]any)
			all = append(all, fmt.Sprint(shift["person"], " ", shift["from"]))
		}
		return all
	}
	onCall := func(at time.Time) string {
		t.Helper()
		list := d.must(200, "GET", "/v1/rosters/web/oncall?at="+at.Format(time.RFC3339), "").value(t)["on_call"].([]any)
		if len(list) != 1 {
			t.Fatalf("at %v %v are on call, want one", at, list)
		}
		return list[0].(map[string]any)["person"].(string)
	}
	day := 24 * time.Hour
	past := persons(now.Add(-60*day), now)
	holder, next := onCall(now), onCall(now.Add(day))
	rest := ""
	for _, p := range []string{"ann", "bob", "carla", "dan"} {
		if p != next {
			rest += fmt.Sprintf(`, %q`, p)
		}
	}

	roster := d.must(200, "PUT", "/v1/rosters/web", fmt.Sprintf(turnsOf, rest[2:])).value(t)
	if roster["revision"] != 2.0 || roster["effective_from"] == nil {
		t.Errorf("got %v, want the second revision", roster)
	}
	if got := persons(now.Add(-60*day), now); !reflect.DeepEqual(got, past) {
		t.Errorf("the past was %v, is %v", past, got)
	}
	if got := onCall(now.Add(time.Minute)); got != holder {
		t.Errorf("%s is on call after %s was taken out, want %s to stay", got, next, holder)
	}
	if got := onCall(now.Add(day)); got == next || got == holder {
		t.Errorf("%s has the next shift, want whoever comes after %s", got, next)
	}

	// A change may be planned; one that is planned for before it takes its place.
	later, sooner := now.Add(20*day).Truncate(time.Second), now.Add(10*day).Truncate(time.Second)
	d.must(200, "PUT", "/v1/rosters/web?effective_from="+later.Format(time.RFC3339), fmt.Sprintf(turnsOf, `"carla"`))
	if got := onCall(later); got != "carla" {
		t.Errorf("from then on %s is on call, want carla", got)
	}
	d.must(200, "PUT", "/v1/rosters/web?effective_from="+sooner.Format(time.RFC3339), fmt.Sprintf(turnsOf, `"bob"`))
	if got := onCall(later); got != "bob" {
		t.Errorf("%s is on call by a plan that was given up, want bob", got)
	}
	var revisions []string
	for _, r := range d.must(200, "GET", "/v1/rosters/web/revisions", "").value(t)["items"].([]any) {
		v := r.(map[string]any)
		revisions = append(revisions, fmt.Sprint(v["revision"], " until ", v["effective_until"]))
	}
	want := []string{fmt.Sprint("1 until ", roster["effective_from"]), "2 until " + sooner.Format(time.RFC3339), "4 until <nil>"}
	if !reflect.DeepEqual(revisions, want) {
		t.Errorf("got %q, want %q", revisions, want)
	}

	// What changes nothing is no revision; a name is none of the rotations.
	rotations := fmt.Sprintf(turnsOf, `"bob"`)
	roster = d.must(200, "PUT", "/v1/rosters/web?effective_from="+sooner.Format(time.RFC3339), `{"name": "Web", `+rotations[1:]).value(t)
	if roster["name"] != "Web" || roster["revision"] != 4.0 {
		t.Errorf("got %v, want another name and the same revision", roster)
	}
	// Who says no instant means now.
	roster = d.must(200, "PUT", "/v1/rosters/web", rotations).value(t)
	if got := onCall(now.Add(time.Minute)); roster["revision"] != 5.0 || got != "bob" {
		t.Errorf("%s is on call by revision %v, want bob by the fifth", got, roster["revision"])
	}
}

func TestShiftsOfAPersonAndGapsOfARoster(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/rosters", strings.Replace(strings.Replace(fmt.Sprintf(turnsOf, `"ann", "bob"`), "FREQ=DAILY", "FREQ=DAILY;BYHOUR=9", 1), `"participants"`, `"length": "12h", "participants"`, 1))
	const span = "from=2027-01-04T00:00:00Z&to=2027-01-07T00:00:00Z"
	got := d.must(200, "GET", "/v1/people/ann/shifts?"+span, "").value(t)
	var shifts []string
	for _, s := range got["items"].([]any) {
		shift := s.(map[string]any)
		shifts = append(shifts, fmt.Sprint(shift["roster"], " ", shift["from"], " ", shift["to"]))
	}
	want := []string{"dba 2027-01-04T08:00:00Z 2027-01-07T00:00:00Z", "web 2027-01-04T08:00:00Z 2027-01-04T20:00:00Z", "web 2027-01-06T08:00:00Z 2027-01-06T20:00:00Z"}
	if !reflect.DeepEqual(shifts, want) {
		t.Errorf("got %q, want %q", shifts, want)
	}
	if next := got["next"].(map[string]any); next["from"] != "2027-01-04T08:00:00Z" {
		t.Errorf("the next shift is %v", next)
	}
	next := d.must(200, "GET", "/v1/people/ann/shifts?from=2027-01-04T12:00:00Z&to=2027-01-04T13:00:00Z", "").value(t)["next"].(map[string]any)
	if next["from"] != "2027-01-06T08:00:00Z" || next["roster"] != "web" {
		t.Errorf("during a shift the next one is %v", next)
	}
	var gaps []string
	for _, g := range d.must(200, "GET", "/v1/rosters/web/gaps?"+span, "").value(t)["items"].([]any) {
		gaps = append(gaps, fmt.Sprint(g.(map[string]any)["from"], " ", g.(map[string]any)["to"]))
	}
	want = []string{"2027-01-04T00:00:00Z 2027-01-04T08:00:00Z", "2027-01-04T20:00:00Z 2027-01-05T08:00:00Z", "2027-01-05T20:00:00Z 2027-01-06T08:00:00Z", "2027-01-06T20:00:00Z 2027-01-07T00:00:00Z"}
	if !reflect.DeepEqual(gaps, want) {
		t.Errorf("got %q, want %q", gaps, want)
	}
	if got := d.must(200, "GET", "/v1/people/carla/shifts?"+span, "").value(t); len(got["items"].([]any)) == 0 {
		t.Error("carla stands in imoc, and has no shifts")
	}
	d.must(404, "GET", "/v1/people/nobody/shifts", "")
	d.must(404, "GET", "/v1/rosters/nothing/gaps", "")
}

func TestWhoIsToldOfAHandoffIsTheRostersToSay(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	roster := strings.Replace(fmt.Sprintf(turnsOf, `"ann", "dan"`), "{", `{"handoff": {"ahead": "24h0m0s"}, `, 1)
	d.must(201, "POST", "/v1/rosters", roster)
	got := d.must(200, "GET", "/v1/rosters/web", "").value(t)
	if fmt.Sprint(got["handoff"]) != "map[ahead:24h]" || got["version"] != 1.0 {
		t.Errorf("got %v", got)
	}
	d.must(200, "PUT", "/v1/rosters/web", strings.Replace(roster, `"ahead": "24h0m0s"`, `"silent": true`, 1))
	if got := d.must(200, "GET", "/v1/rosters/web", "").value(t); fmt.Sprint(got["handoff"], got["revision"]) != "map[silent:true] 1" {
		t.Errorf("got %v, revision %v", got["handoff"], got["revision"])
	}
	if got := d.as("admin", "PUT", "/v1/rosters/web", strings.Replace(roster, "24h0m0s", "5m", 1)); got.status != 422 || !strings.Contains(got.body, "/handoff/ahead") {
		t.Error(got.said())
	}
}

// While another revision is planned a change from now on goes on where the present one is, not where the first was.
func TestAChangeBeforeAPlannedOneGoesOnWithWhoeverIsOnCall(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	put := func(query, people string) {
		t.Helper()
		d.must(200, "PUT", "/v1/rosters/web"+query, fmt.Sprintf(turnsOf, people))
	}
	onCall := func() string { return d.onCallAt("web", time.Now().UTC().Add(time.Second)) }
	d.must(201, "POST", "/v1/rosters", fmt.Sprintf(turnsOf, `"ann"`))
	put("", `"bob", "carla", "dan"`) // Ann is gone: the order begins
	was := onCall()
	put("?force=true&effective_from="+time.Now().UTC().AddDate(0, 0, 7).Format(time.RFC3339), `"ann"`)
	for _, people := range []string{`"bob", "carla", "dan", "ann"`, `"ann", "bob", "carla", "dan"`, `"dan", "carla", "ann", "bob"`} {
		put("?force=true", people)
		if got := onCall(); got != was {
			t.Errorf("with %s from now on, %s is on call, and %s was", people, got, was)
		}
		put("?force=true&effective_from="+time.Now().UTC().AddDate(0, 0, 7).Format(time.RFC3339), `"ann"`)
	}
}
