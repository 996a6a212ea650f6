package api

import (
	"fmt"
	"reflect"
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
