package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/rosters"
)

// asked is a request that would do, of each route that asks for a role: what is in braces is of one of the
// teams, or the person who asks.
var asked = map[string]string{
	"PUT /v1/people/{handle}":                  `{"name": "Another"}`,
	"POST /v1/people/{handle}/contacts":        `{"channel": "sms", "address": "+4915112345699"}`,
	"PUT /v1/people/{handle}/contacts/{id}":    `{"channel": "sms", "address": "+4915112345699"}`,
	"DELETE /v1/people/{handle}/contacts/{id}": ``,

	"POST /v1/people/{handle}/contacts/{id}/verification": ``,
	"PUT /v1/people/{handle}/contacts/{id}/verification":  `{"code": "000000"}`, // which is wrong

	"POST /v1/rosters":                         `{"slug": "new", "team": "{team}", "rotations": [` + weekly + `]}`,
	"PUT /v1/rosters/{slug}":                   `{"rotations": [` + weekly + `]}`,
	"DELETE /v1/rosters/{slug}":                ``,
	"POST /v1/rosters/{slug}/rotations":        strings.Replace(weekly, "primary", "second", 1),
	"PUT /v1/rosters/{slug}/rotations/{id}":    weekly,
	"DELETE /v1/rosters/{slug}/rotations/{id}": ``,
	"POST /v1/rosters/{slug}/overrides":        `{"person": "{caller}", "from": "2098-01-01T00:00:00Z", "to": "2098-01-02T00:00:00Z"}`,
	"PUT /v1/rosters/{slug}/overrides/{id}":    `{"person": "{caller}", "from": "2098-01-01T00:00:00Z", "to": "2098-01-02T00:00:00Z"}`,
	"DELETE /v1/rosters/{slug}/overrides/{id}": ``,

	"PUT /v1/rosters/{slug}/drill":    `{"before": "2h"}`,
	"DELETE /v1/rosters/{slug}/drill": ``,

	"GET /v1/rosters/{slug}/feeds":          ``,
	"POST /v1/rosters/{slug}/feeds":         ``,
	"DELETE /v1/rosters/{slug}/feeds/{id}":  ``,
	"GET /v1/people/{handle}/feeds":         ``,
	"POST /v1/people/{handle}/feeds":        ``,
	"DELETE /v1/people/{handle}/feeds/{id}": ``,

	"POST /v1/policies":          `{"slug": "new", "team": "{team}", "levels": [{"targets": [{"person": "ann"}]}]}`,
	"PUT /v1/policies/{slug}":    `{"levels": [{"targets": [{"person": "ann"}]}]}`,
	"DELETE /v1/policies/{slug}": ``,

	"POST /v1/services":                    `{"slug": "new", "team": "{team}"}`,
	"PUT /v1/services/{slug}":              `{"name": "Another"}`,
	"DELETE /v1/services/{slug}":           ``,
	"GET /v1/services/{slug}/keys":         ``,
	"POST /v1/services/{slug}/keys":        `{"name": "another", "key": "of-another-system", "dialect": "grafana", "secret": "what it signs with"}`,
	"GET /v1/services/{slug}/keys/{id}":    ``,
	"PUT /v1/services/{slug}/keys/{id}":    `{"name": "another", "dialect": "grafana", "secret": "what it signs with now"}`,
	"DELETE /v1/services/{slug}/keys/{id}": ``,

	"POST /v1/services/{slug}/maintenance":        `{"again": {"start": "2026-01-03T22:00:00", "rule": "FREQ=WEEKLY", "length": "1h"}}`,
	"PUT /v1/services/{slug}/maintenance/{id}":    `{"again": {"start": "2026-01-03T22:00:00", "rule": "FREQ=WEEKLY", "length": "1h"}}`,
	"DELETE /v1/services/{slug}/maintenance/{id}": ``,

	"PUT /v1/teams/{slug}/rules": `{"items": []}`,

	"POST /v1/services/{slug}/heartbeats":          `{"name": "another", "every": "5m"}`,
	"PUT /v1/services/{slug}/heartbeats/{id}":      `{"name": "another", "every": "5m"}`,
	"DELETE /v1/services/{slug}/heartbeats/{id}":   ``,
	"POST /v1/services/{slug}/heartbeats/{id}/url": ``,

	"PUT /v1/teams/{slug}": `{"members": [{"person": "ann", "role": "owner"}]}`,
}

// TestRoles is generated from the table of routes: each that asks for a role, by a person of each role, on
// what is of that person's team, and of another one, and of none.
func TestRoles(t *testing.T) {
	d := newDesk(t)
	roles := []string{"owner", "member", "viewer", "stranger"}
	for _, role := range roles {
		d.must(201, "POST", "/v1/people", `{"handle": "`+role+`", "contacts": [{"channel": "sms", "address": "+4915112345617"}]}`)
		d.keys[role] = d.newKey(enginedb.Key{Name: role, Scopes: []enginedb.Scope{enginedb.ScopeRespond}, Person: rosters.PersonID(role)})
	}
	d.must(201, "POST", "/v1/teams", `{"slug": "own", "members": [{"person": "owner", "role": "owner"}, {"person": "member", "role": "member"}, {"person": "viewer", "role": "viewer"}]}`)
	d.must(201, "POST", "/v1/teams", `{"slug": "other", "members": [{"person": "ann", "role": "owner"}]}`)
	for _, team := range []string{"own", "other", "none"} {
		of := ""
		if team != "none" {
			of = `"team": "` + team + `", `
		}
		d.must(201, "POST", "/v1/rosters", `{`+of+`"slug": "`+team+`", "rotations": [`+weekly+`, `+strings.Replace(weekly, "primary", "backup", 1)+`]}`)
		d.must(201, "POST", "/v1/policies", `{`+of+`"slug": "`+team+`", "levels": [{"targets": [{"person": "ann"}]}]}`)
		d.must(201, "POST", "/v1/services", `{`+of+`"slug": "`+team+`"}`)
		d.must(201, "POST", "/v1/services/"+team+"/keys", `{"name": "one"}`)
		d.must(201, "POST", "/v1/services/"+team+"/maintenance", asked["POST /v1/services/{slug}/maintenance"])
		d.must(201, "POST", "/v1/services/"+team+"/heartbeats", `{"name": "one", "every": "5m"}`)
	}
	id := func(list, of string) string {
		items := d.must(200, "GET", list, "").value(t)["items"].([]any)
		return fmt.Sprint(items[len(items)-1].(map[string]any)[of])
	}
	_, routes := bare()
	n := 0
	for _, rt := range routes {
		if needs[rt.who] == "" {
			continue
		}
		body, ok := asked[rt.method+" "+rt.path]
		if !ok {
			t.Errorf("%s %s asks for %q, and nothing here asks for it", rt.method, rt.path, rt.who)
			continue
		}
		for _, caller := range roles {
			for _, team := range []string{"own", "other", "none"} {
				handle := map[string]string{"own": caller, "other": "ann", "none": "bob"}[team]
				path := strings.NewReplacer("{handle}", handle, "{slug}", team).Replace(rt.path)
				switch list, _, _ := strings.Cut(path, "/{id}"); {
				case strings.HasSuffix(list, "/overrides"): // made by the one who asks, where that may be
					made := d.as(caller, "POST", list, strings.ReplaceAll(asked["POST /v1/rosters/{slug}/overrides"], "{caller}", caller))
					if made.status != 201 {
						made = d.must(201, "POST", list, strings.ReplaceAll(asked["POST /v1/rosters/{slug}/overrides"], "{caller}", caller))
					}
					path = strings.Replace(path, "{id}", fmt.Sprint(made.value(t)["id"]), 1)
				case strings.HasSuffix(list, "/feeds") && strings.Contains(path, "{id}"):
					path = strings.Replace(path, "{id}", fmt.Sprint(d.must(201, "POST", list, "").value(t)["id"]), 1)
				case strings.HasSuffix(list, "/rotations"):
					path = strings.Replace(path, "{id}", "primary", 1)
				case strings.Contains(path, "{id}"):
					path = strings.Replace(path, "{id}", id(list, "id"), 1)
				}
				if rt.method != "GET" && !strings.Contains(rt.path, "/keys") && !strings.Contains(rt.path, "/feeds") && !strings.Contains(rt.path, "/verification") {
					path += "?dry_run=true"
				}
				may := team == "own" && (rt.who == self || caller == "owner" || rt.who == member && caller == "member")
				if strings.HasPrefix(rt.path, "/v1/teams") && team == "none" {
					continue // there is no such team
				}
				got := d.as(caller, rt.method, path, strings.NewReplacer("{team}", strings.Replace(team, "none", "", 1), "{caller}", caller).Replace(body))
				n++
				if may && got.status/100 != 2 && !(strings.Contains(body, "000000") && got.status == 422) || !may && got.status != 403 {
					t.Errorf("%s of team own, %s %s: %s, want %v", caller, rt.method, path, got.said(), map[bool]string{true: "that it is done", false: "403"}[may])
				}
			}
		}
	}
	t.Logf("%d requests", n)
}

func TestAMemberPutsNobodyOnCallButOneself(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/teams", `{"slug": "dba", "members": [{"person": "ann", "role": "member"}]}`)
	roster := d.must(200, "GET", "/v1/rosters/dba", "").body
	d.must(200, "PUT", "/v1/rosters/dba", `{"team": "dba", `+roster[1:])
	if team := d.must(200, "PUT", "/v1/rosters/dba", roster).value(t)["team"]; team != "dba" {
		t.Errorf("sent back without its team the roster belongs to %v", team)
	}
	now := time.Now().UTC()
	override := func(person string) string {
		return fmt.Sprintf(`{"person": %q, "from": %q, "to": %q}`, person, now.Add(hours(1)).Format(time.RFC3339), now.Add(hours(2)).Format(time.RFC3339))
	}
	if got := d.as("ann", "POST", "/v1/rosters/dba/overrides", override("bob")); got.status != 403 {
		t.Errorf("bob put on call by ann: %s", got.said())
	}
	made := d.as("ann", "POST", "/v1/rosters/dba/overrides", override("ann"))
	if made.status != 201 {
		t.Errorf("ann put on call by herself: %s", made.said())
	}
	theirs := d.must(201, "POST", "/v1/rosters/dba/overrides", override("ann")).header.Get("Location")
	if got := d.as("ann", "DELETE", theirs, ""); got.status != 403 {
		t.Errorf("ann takes back what somebody else made: %s", got.said())
	}
	if got := d.as("ann", "DELETE", made.header.Get("Location"), ""); got.status != 200 {
		t.Errorf("ann takes back what she made: %s", got.said())
	}
	// A team that owns something stays.
	if got := d.as("admin", "DELETE", "/v1/teams/dba", ""); got.status != 409 || !strings.Contains(got.body, "owns roster dba") {
		t.Errorf("a team that owns a roster is deleted: %s", got.said())
	}
	d.must(200, "PUT", "/v1/rosters/dba", `{"team": "", `+roster[1:])
	d.must(204, "DELETE", "/v1/teams/dba", "")
	if got := d.as("admin", "PUT", "/v1/rosters/dba", `{"team": "dba", `+roster[1:]); got.status != 422 || !strings.Contains(got.body, "/team") {
		t.Errorf("given to a team that is not there: %s", got.said())
	}
}
