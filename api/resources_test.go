package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEachResourceIsCreatedReadListedUpdatedAndDeleted goes once around each of them, as a client would:
// what was read is sent back changed.
func TestEachResourceIsCreatedReadListedUpdatedAndDeleted(t *testing.T) {
	for _, c := range []struct {
		list, body   string
		field, value string // what is changed, to JSON
		etag         bool
	}{
		{"/v1/people", `{"handle":"dan","name":"Dan","zone":"Europe/Berlin","language":"de","contacts":[{"channel":"push","address":"dan-phone","after":"0s"},{"channel":"voice","address":"+4915112345699","after":"1m30s","disabled":true}]}`, "language", `"fr"`, true},
		{"/v1/people/ann/contacts", `{"channel":"voice","address":"+4915112345699","after":"2m"}`, "disabled", `true`, true},
		{"/v1/rosters", `{"slug":"new","name":"New","rotations":[{"id":"nights","zone":"America/New_York","start":"2026-01-05T18:00:00","rule":"FREQ=DAILY","length":"12h","participants":["ann","bob","ann"]}]}`, "name", `"Newer"`, true},
		{"/v1/rosters/dba/rotations", `{"id":"nights","zone":"America/New_York","start":"2026-01-05T18:00:00","rule":"FREQ=DAILY","length":"12h","participants":["ann"]}`, "rule", `"FREQ=WEEKLY"`, true},
		{"/v1/rosters/dba/overrides", `{"rotation":"primary","replaces":"ann","person":"carla","from":"2098-01-01T00:00:00Z","to":"2098-02-01T00:00:00Z"}`, "to", `"2098-01-02T00:00:00Z"`, true},
		{"/v1/policies", `{"slug":"new","name":"New","levels":[{"targets":[{"person":"ann"},{"roster":"dba"}],"wait":"5m"},{"targets":[{"roster":"imoc"}],"wait":"1h30m"}],"ack_expiry":{"1":"20m","3":"0s"}}`, "name", `"Newer"`, true},
		{"/v1/services", `{"slug":"new","name":"New","policy":"bitbucket","hours":{"zone":"Europe/Berlin","windows":[{"days":["mon","sun"],"from":"08:00","to":"24:00"}]},"noise":{"delay":{"2":"3m"},"return":{"within":"10m","once":true},"grouping":{"by":["cluster"],"within":"1h"},"auto_close":"4h"}}`, "policy", `""`, true},
		{"/v1/services/bitbucket/maintenance", `{"from":"2098-01-01T00:00:00Z","to":"2098-01-01T06:00:00Z","when":"labels.host == \"db1\""}`, "to", `"2098-01-01T08:00:00Z"`, true},
		{"/v1/services/bitbucket/maintenance", `{"again":{"zone":"Europe/Berlin","start":"2026-01-03T22:00:00","rule":"FREQ=WEEKLY;BYDAY=SA","length":"4h"}}`, "reason", `"weekly updates"`, true},
	} {
		t.Run(c.list, func(t *testing.T) {
			d := newDesk(t)
			made := d.must(201, "POST", c.list, c.body)
			place := made.header.Get("Location")
			if !strings.HasPrefix(place, c.list+"/") {
				t.Fatalf("Location is %q", place)
			}
			read := d.must(200, "GET", place, "")
			if !reflect.DeepEqual(read.value(t), withoutEffects(made.value(t))) || read.header.Get("ETag") != made.header.Get("ETag") {
				t.Errorf("made %s %s, read %s %s", made.header.Get("ETag"), made.body, read.header.Get("ETag"), read.body)
			}
			holds(t, read.body, c.body)
			if list := d.must(200, "GET", c.list, "").value(t)["items"].([]any); !listed(t, list, read) {
				t.Errorf("it is not in the list: %v", list)
			}

			changed := read.value(t)
			var value any
			if err := json.Unmarshal([]byte(c.value), &value); err != nil {
				t.Fatal(err)
			}
			if changed[c.field] = value; value == "" {
				delete(changed, c.field)
			}
			body, _ := json.Marshal(changed)
			etag := read.header.Get("ETag")
			if (etag != "") != c.etag {
				t.Errorf("ETag is %q", etag)
			}
			var ifMatch []string
			if c.etag {
				ifMatch = []string{"If-Match: " + etag}
			}
			after := d.must(200, "PUT", place, string(body), ifMatch...)
			got := withoutEffects(after.value(t))
			for _, beside := range []string{"version", "updated_at"} {
				delete(changed, beside)
				delete(got, beside)
			}
			if !reflect.DeepEqual(got, changed) {
				t.Errorf("sent %v\ngot %v", changed, got)
			}
			if c.etag {
				if got := d.as("admin", "PUT", place, string(body), ifMatch...); got.status != 412 {
					t.Errorf("the old version again: %s", got.said())
				}
				if got := d.as("admin", "DELETE", place, "", ifMatch...); got.status != 412 {
					t.Errorf("deleting the old version: %s", got.said())
				}
				ifMatch = []string{"If-Match: " + after.header.Get("ETag")}
			}
			if got := d.as("admin", "DELETE", place, "", ifMatch...); got.status/100 != 2 {
				t.Errorf("deleting it: %s", got.said())
			}
			d.must(404, "GET", place, "")
			d.must(404, "DELETE", place, "")
			if !strings.HasSuffix(c.list, "/contacts") {
				d.must(404, "PUT", place, strings.Replace(c.body, `"policy":"bitbucket",`, "", 1))
			}
		})
	}
}

func withoutEffects(v map[string]any) map[string]any {
	delete(v, "effects")
	return v
}

// holds fails unless everything that was sent came back.
func holds(t *testing.T, body, sent string) {
	t.Helper()
	var got, want map[string]any
	if json.Unmarshal([]byte(body), &got) != nil || json.Unmarshal([]byte(sent), &want) != nil {
		t.Fatal(body)
	}
	if list, ok := got["contacts"].([]any); ok {
		for _, c := range list {
			delete(c.(map[string]any), "id")
		}
	}
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s was sent as %v and is %v", name, value, got[name])
		}
	}
}

func listed(t *testing.T, list []any, one answered) bool {
	want := one.value(t)
	for _, item := range list {
		if reflect.DeepEqual(item, want) {
			return true
		}
	}
	return false
}

func TestWhatIsLeftOutHasADefault(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	d.must(201, "POST", "/v1/policies", `{"slug": "new", "levels": [{"targets": [{"person": "dan"}]}]}`)
	holds(t, d.must(200, "GET", "/v1/people/dan", "").body, `{"name": "dan", "zone": "UTC", "language": "en", "contacts": [], "version": 1}`)
	holds(t, d.must(200, "GET", "/v1/policies/new", "").body, `{"name": "new", "levels": [{"targets": [{"person": "dan"}], "wait": "5m"}]}`)
	holds(t, d.must(200, "GET", "/v1/services/bitbucket", "").body, `{"name": "bitbucket", "policy": "bitbucket"}`)
}

func TestIfMatch(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		ifMatch string
		want    int
	}{{`"2"`, 412}, {`"1"`, 200}, {`W/"2"`, 200}, {`*`, 200}, {`4`, 200}, {`"4"`, 412}, {`"x"`, 412}, {`"0"`, 412}} {
		if got := d.as("admin", "PUT", "/v1/people/ann?force=true", `{}`, "If-Match: "+c.ifMatch); got.status != c.want {
			t.Errorf("%s: %s", c.ifMatch, got.said())
		}
	}
}

func TestLists(t *testing.T) {
	d := newEmptyDesk(t)
	var want []any
	for _, handle := range []string{"ann", "bob", "carla", "dan", "eve"} {
		d.must(201, "POST", "/v1/people", `{"handle": "`+handle+`"}`)
		want = append(want, handle)
	}
	var got []any
	parts := 0
	for path := "/v1/people?limit=2"; path != ""; parts++ {
		page := d.must(200, "GET", path, "").value(t)
		for _, p := range page["items"].([]any) {
			got = append(got, p.(map[string]any)["handle"])
		}
		path = ""
		if next, ok := page["next"].(string); ok {
			path = "/v1/people?limit=2&cursor=" + next
		}
	}
	if !reflect.DeepEqual(got, want) || parts != 3 {
		t.Errorf("got %v in %d parts", got, parts)
	}
	for _, path := range []string{"/v1/rosters", "/v1/policies", "/v1/services", "/v1/incidents", "/v1/oncall"} {
		if got := d.must(200, "GET", path, "").body; strings.TrimSpace(got) != `{"items":[]}` {
			t.Errorf("%s is %s", path, got)
		}
	}
}

func TestAddressesAreForAdminsAndTheirPerson(t *testing.T) {
	d := newDesk(t)
	shown := func(key, path string) bool {
		t.Helper()
		body := d.as(key, "GET", path, "").body
		if !strings.Contains(body, "+49…17") && !strings.Contains(body, "+4915112345617") {
			t.Errorf("%s with key %s: %s", path, key, body)
		}
		return strings.Contains(body, "12345617")
	}
	for _, path := range []string{"", "/contacts", "/contacts/1"} {
		for _, key := range []string{"read", "respond", "ann", "admin"} {
			if got, want := shown(key, "/v1/people/ann"+path), key == "ann" || key == "admin"; got != want {
				t.Errorf("Ann's number with key %s at %s: shown is %v, want %v", key, path, got, want)
			}
		}
	}
	if shown("ann", "/v1/people/bob") || shown("read", "/v1/people") || !shown("admin", "/v1/people") {
		t.Error("a number is shown to others, or not to admins")
	}
}

func TestKeysAreShownOnceAndWork(t *testing.T) {
	d := newDesk(t)
	made := d.must(201, "POST", "/v1/keys", `{"name": "console", "scopes": ["respond"], "person": "bob"}`)
	secret := made.value(t)["key"].(string)
	place := made.header.Get("Location")
	read := d.must(200, "GET", place, "")
	holds(t, read.body, `{"name": "console", "scopes": ["respond"], "person": "bob", "prefix": "`+secret[:12]+`"}`)
	if strings.Contains(read.body, secret) || strings.Contains(d.must(200, "GET", "/v1/keys", "").body, secret) {
		t.Error("the key is shown again")
	}
	if got := d.send(secret, "GET", "/v1/people", ""); got.status != 200 {
		t.Error(got.said())
	}
	if read = d.must(200, "GET", place, ""); read.value(t)["last_used_at"] == nil {
		t.Errorf("its use is not noted: %s", read.body)
	}
	holds(t, d.must(200, "PUT", place, `{"name": "bob's console"}`).body, `{"name": "bob's console"}`)
	d.must(204, "DELETE", place, "")
	if got := d.send(secret, "GET", "/v1/people", ""); got.said() != `401 /problems/unauthorized "The key is not known, or it was revoked."` {
		t.Error(got.said())
	}
	if read = d.must(200, "GET", place, ""); read.value(t)["revoked_at"] == nil {
		t.Errorf("got %s", read.body)
	}
}

func TestIntegrationKeysAreOfOneService(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/services", `{"slug": "jira"}`)
	made := d.must(201, "POST", "/v1/services/jira/keys", `{"name": "alertmanager eu-1"}`)
	secret, place := made.value(t)["key"].(string), made.header.Get("Location")
	holds(t, d.must(200, "GET", place, "").body, `{"name": "alertmanager eu-1", "scopes": ["intake"], "service": "jira"}`)
	if got := d.send(secret, "POST", "/v1/alerts", `{"summary": "disk full", "service": "bitbucket"}`); got.status != 202 || d.engine.told[0] != `alert jira "disk full"` {
		t.Errorf("%s, %v", got.said(), d.engine.told)
	}
	want := `403 /problems/forbidden "The key ` + secret[:12] + `… may not do this: it needs the scope read."`
	if got := d.send(secret, "GET", "/v1/services", ""); got.said() != want {
		t.Error(got.said())
	}
	id := place[strings.LastIndex(place, "/"):]
	d.must(404, "GET", "/v1/services/bitbucket/keys"+id, "")
	d.must(404, "DELETE", "/v1/keys"+id, "")
	holds(t, d.must(200, "PUT", place, `{"name": "eu-2"}`).body, `{"name": "eu-2"}`)
	if list := d.must(200, "GET", "/v1/services/jira/keys", "").value(t)["items"].([]any); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	d.must(204, "DELETE", place, "")
	if got := d.send(secret, "POST", "/v1/alerts", `{"summary": "disk full"}`); got.status != 401 {
		t.Error(got.said())
	}
	d.must(201, "POST", "/v1/services/jira/keys", `{"name": "the next"}`)
	d.must(204, "DELETE", "/v1/services/jira", "")
	d.must(404, "GET", "/v1/services/jira/keys", "")
}

// Whoever sends to a service would be refused without a word to anybody once it is deleted.
func TestAServiceInUseIsDeletedOnlyIfForced(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	if got := d.as("bitbucket", "POST", "/v1/alerts", `{"summary": "disk full"}`); got.status != 202 {
		t.Fatal(got.said())
	}
	if _, err := d.db.Exec(t.Context(), `update api_key set last_used_at = now() where service = 'bitbucket'`); err != nil { // seldom written
		t.Fatal(err)
	}
	said := d.must(409, "DELETE", "/v1/services/bitbucket", "").said()
	for _, want := range []string{"open incident HOT-1", "force=true"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	d.must(204, "POST", "/v1/incidents/HOT-1/resolve", "{}")
	if said := d.must(409, "DELETE", "/v1/services/bitbucket", "").said(); !strings.Contains(said, "has the key "+d.keys["bitbucket"][:12]) {
		t.Errorf("it does not name the key in use: %s", said)
	}
	d.must(204, "DELETE", "/v1/services/bitbucket?force=true", "")
	d.must(201, "POST", "/v1/services", `{"slug": "unused"}`)
	d.must(201, "POST", "/v1/services/unused/keys", `{"name": "never sent with"}`)
	d.must(204, "DELETE", "/v1/services/unused", "")
}

func TestWhoIsOnCall(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/rosters/dba/overrides", `{"person": "carla", "replaces": "ann", "from": "2098-01-15T00:00:00Z", "to": "2098-01-16T00:00:00Z"}`)
	for path, want := range map[string]string{
		"/v1/rosters/dba/oncall?at=2026-01-05T07:59:59Z":        `{"roster":"dba","name":"dba","at":"2026-01-05T07:59:59Z","on_call":[]}`,
		"/v1/rosters/dba/oncall?at=2026-01-05T08:00:00Z":        `{"roster":"dba","name":"dba","at":"2026-01-05T08:00:00Z","on_call":[{"person":"ann","name":"Name of ann","until":"2026-01-12T08:00:00Z","rotation":"primary","turn":0,"revision":1}]}`,
		"/v1/rosters/dba/oncall?at=2026-07-06T09:00:00%2B02:00": `{"roster":"dba","name":"dba","at":"2026-07-06T07:00:00Z","on_call":[{"person":"ann","name":"Name of ann","until":"2026-07-13T07:00:00Z","rotation":"primary","turn":26,"revision":1}]}`,
		"/v1/rosters/dba/oncall?at=2098-01-15T12:00:00Z":        `{"roster":"dba","name":"dba","at":"2098-01-15T12:00:00Z","on_call":[{"person":"carla","name":"Name of carla","until":"2098-01-16T00:00:00Z","override":1,"turn":0,"instead_of":"ann","revision":1}]}`,
		"/v1/oncall?at=2026-01-05T08:00:00Z&roster=imoc":        `{"items":[{"roster":"imoc","name":"imoc","at":"2026-01-05T08:00:00Z","on_call":[]}]}`,
		"/v1/oncall?at=2026-01-12T09:00:00Z": `{"items":[{"roster":"dba","name":"dba","at":"2026-01-12T09:00:00Z","on_call":[{"person":"bob","name":"Name of bob","until":"2026-01-19T08:00:00Z","rotation":"primary","turn":1,"revision":1}]},` +
			`{"roster":"imoc","name":"imoc","at":"2026-01-12T09:00:00Z","on_call":[{"person":"carla","name":"Name of carla","until":"2026-01-13T09:00:00Z","rotation":"only","turn":7,"revision":1}]}]}`,
		"/v1/oncall?at=2026-01-12T09:00:00Z&limit=1": `{"items":[{"roster":"dba","name":"dba","at":"2026-01-12T09:00:00Z","on_call":[{"person":"bob","name":"Name of bob","until":"2026-01-19T08:00:00Z","rotation":"primary","turn":1,"revision":1}]}],"next":"dba"}`,
		"/v1/rosters/dba/shifts?from=2098-01-14T00:00:00Z&to=2098-01-27T00:00:00Z": `{"from":"2098-01-14T00:00:00Z","items":[` +
			`{"from":"2098-01-14T00:00:00Z","name":"Name of ann","person":"ann","rotation":"primary","turn":3758,"revision":1,"to":"2098-01-15T00:00:00Z"},` +
			`{"from":"2098-01-15T00:00:00Z","name":"Name of carla","override":1,"turn":0,"instead_of":"ann","revision":1,"person":"carla","to":"2098-01-16T00:00:00Z"},` +
			`{"from":"2098-01-16T00:00:00Z","name":"Name of ann","person":"ann","rotation":"primary","turn":3758,"revision":1,"to":"2098-01-20T08:00:00Z"},` +
			`{"from":"2098-01-20T08:00:00Z","name":"Name of bob","person":"bob","rotation":"primary","turn":3759,"revision":1,"to":"2098-01-27T00:00:00Z"}],"to":"2098-01-27T00:00:00Z"}`,
	} {
		var got, wanted any
		answer := d.as("read", "GET", path, "")
		if json.Unmarshal([]byte(answer.body), &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s\n got %s\nwant %s", path, answer.said(), want)
		}
	}
}

func TestTheRostersOfAService(t *testing.T) {
	d := newDesk(t)
	rostersOf := func(path string) (slugs []string) {
		for _, item := range d.must(200, "GET", path, "").value(t)["items"].([]any) {
			slugs = append(slugs, item.(map[string]any)["roster"].(string))
		}
		return slugs
	}
	d.must(201, "POST", "/v1/rosters", `{"slug": "aaa", "rotations": [`+weekly+`]}`)
	d.must(200, "PUT", "/v1/policies/bitbucket", `{"levels": [{"targets": [{"roster": "dba"}, {"person": "ann"}]}, {"targets": [{"roster": "aaa"}, {"roster": "dba"}]}]}`)
	if got := rostersOf("/v1/oncall?service=bitbucket"); !reflect.DeepEqual(got, []string{"dba", "aaa", "imoc"}) {
		t.Errorf("got %v", got)
	}
	if got := rostersOf("/v1/oncall?service=bitbucket&roster=aaa"); !reflect.DeepEqual(got, []string{"aaa"}) {
		t.Errorf("got %v", got)
	}
	d.must(404, "GET", "/v1/oncall?service=nothing", "")
	d.must(404, "GET", "/v1/oncall?roster=nothing", "")
}

func TestNowIsTheDatabases(t *testing.T) {
	d := newDesk(t)
	var now time.Time
	if err := d.db.QueryRow(t.Context(), `select now()`).Scan(&now); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, d.must(200, "GET", "/v1/rosters/dba/oncall", "").value(t)["at"].(string))
	if err != nil || at.Before(now) || at.After(now.Add(time.Minute)) {
		t.Errorf("now is %v, the answer is of %v, %v", now, at, err)
	}
}

func TestASpanWithTooManyShifts(t *testing.T) {
	d := newDesk(t)
	var rotations []string
	for i := range 30 {
		rotations = append(rotations, fmt.Sprintf(`{"id": "r%d", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=HOURLY", "participants": ["ann", "bob"]}`, i))
	}
	d.must(201, "POST", "/v1/rosters", `{"slug": "busy", "rotations": [`+strings.Join(rotations, ",")+`]}`)
	got := d.as("read", "GET", "/v1/rosters/busy/shifts?from=2026-02-01T00:00:00Z&to=2026-03-08T00:00:00Z", "").said()
	if want := `422 /problems/validation "to makes about 25200 shifts, the limit is 20000; ask for a shorter span." [to (2026-03-08T00:00:00Z) makes about 25200 shifts, the limit is 20000; ask for a shorter span]`; got != want {
		t.Errorf("got %.300s", got)
	}
	d.must(200, "GET", "/v1/rosters/busy/shifts?from=2026-02-01T00:00:00Z&to=2026-02-07T00:00:00Z", "")
}

// TestNothingIsLostWhenManyWriteAtOnce: whoever names no version is not told of the others, and takes
// nothing from them.
func TestNothingIsLostWhenManyWriteAtOnce(t *testing.T) {
	d := newDesk(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if got := d.as("admin", "POST", "/v1/people/ann/contacts", fmt.Sprintf(`{"channel": "push", "address": "phone-%d"}`, i)); got.status != 201 {
				t.Error(got.said())
			}
			rotation := strings.Replace(weekly, "primary", fmt.Sprintf("turn-%d", i), 1)
			if got := d.as("admin", "POST", "/v1/rosters/dba/rotations", rotation); got.status != 201 {
				t.Error(got.said())
			}
		})
	}
	wg.Wait()
	if n := len(d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)); n != 7 {
		t.Errorf("%d contacts", n)
	}
	if n := len(d.must(200, "GET", "/v1/rosters/dba/rotations", "").value(t)["items"].([]any)); n != 7 {
		t.Errorf("%d rotations", n)
	}
}
