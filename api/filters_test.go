package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestListsAreFiltered(t *testing.T) {
	d, anns, bobs := newSwapDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan", "name": "Дан Смит"}`)
	d.must(201, "POST", "/v1/teams", `{"slug": "web", "name": "Web shop", "members": [{"person": "ann", "role": "owner"}, {"person": "dan", "role": "viewer"}]}`)
	d.must(201, "POST", "/v1/teams", `{"slug": "db", "name": "Database", "members": [{"person": "bob", "role": "owner"}]}`)
	d.must(200, "PUT", "/v1/rosters/web", strings.Replace(fmt.Sprintf(turnsOf, `"ann", "bob"`), "{", `{"team": "web", `, 1))
	offer := func(who, partner string, give [2]time.Time) string {
		made := d.as(who, "POST", "/v1/rosters/web/swaps", fmt.Sprintf(`{"partner": %q, "give": %s}`, partner, swapSpan(give)))
		if made.status != 201 {
			t.Fatal(made.said())
		}
		return fmt.Sprint("/v1/rosters/web/swaps/", made.value(t)["id"])
	}
	declined := offer("ann", "bob", anns)
	if got := d.as("bob", "POST", declined+"/decline", ""); got.status != 200 {
		t.Fatal(got.said())
	}
	offer("bob", "carla", bobs)
	d.must(201, "POST", "/v1/rosters/web/overrides", strings.Replace(swapSpan(anns), "{", `{"person": "carla", "replaces": "ann", `, 1))
	for path, want := range map[string]string{
		"/v1/people":                                        "ann bob carla dan",
		"/v1/people?q=AN":                                   "ann dan", // by handle; bob's name is "Name of bob"
		"/v1/people?q=%D0%A1%D0%BC%D0%B8%D1%82":             "dan",
		"/v1/people?q=%25":                                  "",
		"/v1/people?team=web":                               "ann dan",
		"/v1/people?team=web&q=da":                          "dan",
		"/v1/people?team=web&limit=1&cursor=ann":            "dan",
		"/v1/rosters":                                       "dba imoc web",
		"/v1/rosters?person=bob":                            "dba web",
		"/v1/rosters?person=bob&team=web":                   "web",
		"/v1/rosters?q=B":                                   "dba web",
		"/v1/teams?person=bob":                              "db",
		"/v1/teams?q=shop":                                  "web",
		"/v1/rosters/web/swaps?state=proposed":              "2",
		"/v1/rosters/web/swaps?person=ann":                  "1",
		"/v1/rosters/web/swaps?person=bob":                  "2 1",
		"/v1/rosters/web/swaps?person=bob&state=declined":   "1",
		"/v1/rosters/web/overrides?person=ann":              "1",
		"/v1/rosters/web/overrides?person=carla":            "1",
		"/v1/rosters/web/overrides?person=bob":              "",
		"/v1/rosters/web/swaps?person=carla&state=proposed": "2",
	} {
		var got []string
		for _, item := range d.must(200, "GET", path, "").value(t)["items"].([]any) {
			fields := item.(map[string]any)
			for _, name := range []string{"handle", "slug", "id"} {
				if v, ok := fields[name]; ok {
					got = append(got, fmt.Sprint(v))
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s lists %v, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/v1/rosters/web/swaps?state=lost", "/v1/people?q=", "/v1/people?team=a+b"} {
		if got := d.as("admin", "GET", path, ""); got.status != 422 {
			t.Errorf("%s is answered %s", path, got.said())
		}
	}
}
