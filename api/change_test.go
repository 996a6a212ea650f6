package api

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestADryRunTellsWhatWouldComeOfAChangeAndSavesNothing(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	before := d.must(200, "GET", "/v1/rosters/dba", "").body
	now := time.Now().UTC().Truncate(time.Second)
	from, to := now.Add(hours(1)).Format(time.RFC3339), now.Add(hours(2)).Format(time.RFC3339)
	got := d.must(200, "POST", "/v1/rosters/dba/overrides?dry_run=true", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`, from, to)).value(t)
	if got["dry_run"] != true || got["status"] != 201.0 || got["result"].(map[string]any)["person"] != "carla" {
		t.Errorf("got %v", got)
	}
	changes := got["effects"].(map[string]any)["changes"].([]any)
	if len(changes) != 1 || !reflect.DeepEqual(changes[0].(map[string]any)["after"], []any{"carla"}) || changes[0].(map[string]any)["from"] != from {
		t.Errorf("got %v, want carla from %s to %s", changes, from, to)
	}
	if list := d.must(200, "GET", "/v1/rosters/dba/overrides", "").value(t)["items"].([]any); len(list) != 0 {
		t.Errorf("it was saved: %v", list)
	}

	got = d.must(200, "DELETE", "/v1/people/dan?dry_run=true", "").value(t)
	if got["status"] != 204.0 {
		t.Errorf("got %v", got)
	}
	d.must(200, "GET", "/v1/people/dan", "")

	// An empty seat opens a gap in each of its turns.
	got = d.must(200, "PUT", "/v1/rosters/dba?dry_run=true", strings.Replace(before, `"ann"`, `""`, 1)).value(t)
	if gaps := got["effects"].(map[string]any)["gaps_opened"].([]any); len(gaps) != 2 {
		t.Errorf("an empty seat opens %v, want two weeks of four", gaps)
	}
	if after := d.must(200, "GET", "/v1/rosters/dba", "").body; after != before {
		t.Errorf("was %s, is %s", before, after)
	}
	if got := d.as("admin", "PUT", "/v1/rosters/dba?dry_run=true", strings.Replace(before, "FREQ=", "FREK=", 1)); got.status != 422 {
		t.Errorf("what could not be done: %s", got.said())
	}
	if got := d.as("admin", "PUT", "/v1/rosters/dba?dry_run=yes", before); got.status != 422 {
		t.Errorf("neither true nor false: %s", got.said())
	}
}

func TestARequestThatIsSentAgainIsDoneOnce(t *testing.T) {
	d := newDesk(t)
	now := time.Now().UTC()
	body := fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`, now.Add(hours(1)).Format(time.RFC3339), now.Add(hours(2)).Format(time.RFC3339))
	var answers [8]answered
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = d.as("admin", "POST", "/v1/rosters/dba/overrides", body, "Idempotency-Key: a") })
	}
	all.Wait()
	for _, a := range answers {
		if a.status != 201 || a.body != answers[0].body || a.header.Get("Location") != answers[0].header.Get("Location") {
			t.Errorf("got %d %s, and %d %s", answers[0].status, answers[0].body, a.status, a.body)
		}
	}
	if list := d.must(200, "GET", "/v1/rosters/dba/overrides", "").value(t)["items"].([]any); len(list) != 1 {
		t.Errorf("sent eight times under one key, it was done %d times", len(list))
	}
	if got := d.as("admin", "POST", "/v1/rosters/dba/overrides", strings.Replace(body, "carla", "dan", 1), "Idempotency-Key: a"); got.status != 409 {
		t.Errorf("another request under the same key: %s", got.said())
	}
	d.must(201, "POST", "/v1/rosters/dba/overrides", body, "Idempotency-Key: b")

	// What was refused was not done, and may be sent better.
	if got := d.as("admin", "POST", "/v1/people", `{"handle": "Eve"}`, "Idempotency-Key: c"); got.status != 422 {
		t.Error(got.said())
	}
	d.must(201, "POST", "/v1/people", `{"handle": "eve"}`, "Idempotency-Key: c")
	// A dry run is not the thing itself.
	d.must(200, "POST", "/v1/people?dry_run=true", `{"handle": "fay"}`, "Idempotency-Key: d")
	d.must(201, "POST", "/v1/people", `{"handle": "fay"}`, "Idempotency-Key: d")
	// After a day it is forgotten.
	if _, err := d.db.Exec(t.Context(), `update done_request set done_at = now() - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	d.must(201, "POST", "/v1/rosters/dba/overrides", body, "Idempotency-Key: a")
}

func TestWhatIsDeletedCanBeRestored(t *testing.T) {
	d := newDesk(t)
	d.must(201, "POST", "/v1/people", `{"handle": "dan"}`)
	now := time.Now().UTC()
	override := d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`,
		now.Add(hours(1)).Format(time.RFC3339), now.Add(hours(2)).Format(time.RFC3339))).header.Get("Location")
	rotation := d.must(201, "POST", "/v1/rosters/dba/rotations",
		`{"id": "nights", "zone": "UTC", "start": "2026-01-05T18:00:00", "rule": "FREQ=DAILY", "length": "12h", "participants": ["ann"]}`).header.Get("Location")
	contact := d.must(201, "POST", "/v1/people/dan/contacts", `{"channel": "sms", "address": "+4915112345699", "after": "5m"}`).header.Get("Location")
	d.must(201, "POST", "/v1/rosters", `{"slug": "spare", "rotations": [{"id": "all", "zone": "UTC", "start": "2026-01-05T09:00:00", "rule": "FREQ=DAILY", "participants": ["carla"]}]}`)
	for _, place := range []string{override, rotation, contact, "/v1/rosters/spare", "/v1/people/dan"} {
		t.Run(place, func(t *testing.T) {
			was := withoutIDs(d.must(200, "GET", place, "").value(t))
			d.t = t
			if got := d.as("admin", "DELETE", place, ""); got.status/100 != 2 {
				t.Fatal(got.said())
			}
			d.must(404, "GET", place, "")
			list := d.must(200, "GET", "/v1/deleted?limit=1", "").value(t)["items"].([]any)
			id := fmt.Sprint(list[0].(map[string]any)["id"])
			restored := d.must(200, "POST", "/v1/deleted/"+id+"/restore", "")
			where := restored.header.Get("Location")
			if strings.Contains(place, "/contacts/") {
				contacts := d.must(200, "GET", where, "").value(t)["contacts"].([]any)
				if got := withoutIDs(contacts[len(contacts)-1].(map[string]any)); !reflect.DeepEqual(got, was) {
					t.Errorf("was %v, is %v", was, got)
				}
			} else if got := withoutIDs(d.must(200, "GET", where, "").value(t)); !reflect.DeepEqual(got, was) {
				t.Errorf("was %v, is %v", was, got)
			}
			if got := d.as("admin", "POST", "/v1/deleted/"+id+"/restore", ""); got.status != 404 {
				t.Errorf("restored twice: %s", got.said())
			}
		})
	}
	if got := d.as("admin", "GET", "/v1/deleted?kind=policy", ""); got.status != 422 {
		t.Error(got.said())
	}
}

// withoutIDs leaves out what a thing that is made again has anew.
func withoutIDs(v map[string]any) map[string]any {
	for _, name := range []string{"id", "version", "created_at", "updated_at", "ahead"} {
		if _, isText := v[name].(string); name != "id" || !isText {
			delete(v, name)
		}
	}
	if list, ok := v["contacts"].([]any); ok {
		for _, c := range list {
			withoutIDs(c.(map[string]any))
		}
	}
	return v
}

// Rule 16.
func TestAnOverrideIsChangedOnlyInWhatIsToCome(t *testing.T) {
	d := newDesk(t)
	now := time.Now().UTC().Truncate(time.Second)
	at := func(n int) string { return now.Add(hours(n)).Format(time.RFC3339) }
	made := d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`, at(-10), at(10)))
	place, from := made.header.Get("Location"), made.value(t)["from"].(string)
	if begins, err := time.Parse(time.RFC3339, from); err != nil || begins.Before(now) {
		t.Errorf("it begins at %s, before it was made at %s", from, at(0))
	}
	body := func(person string, to int) string {
		return fmt.Sprintf(`{"person": %q, "from": %q, "to": %q}`, person, from, at(to))
	}
	if got := d.as("admin", "PUT", place, body("dan", 10)); got.status != 409 || !strings.Contains(got.body, "/problems/past") {
		t.Errorf("another person while it is under way: %s", got.said())
	}
	d.must(200, "PUT", place, body("carla", 5))
	d.must(200, "DELETE", place, "")
	if to := d.must(200, "GET", place, "").value(t)["to"].(string); to < from || to > at(1) {
		t.Errorf("ended, it goes on until %s", to)
	}
	for _, method := range []string{"PUT", "DELETE"} {
		if got := d.as("admin", method, place, map[string]string{"PUT": body("carla", 7)}[method]); got.status != 409 || !strings.Contains(got.body, "/problems/past") {
			t.Errorf("%s of what is over: %s", method, got.said())
		}
	}
}

func TestWhoeverWasSlowerLearnsWhatChanged(t *testing.T) {
	d := newDesk(t)
	for place, c := range map[string]struct{ faster, slower, field string }{
		"/v1/rosters/dba":        {strings.Replace(`{"name": "Databases", "rotations": [`+weekly+`]}`, "WEEKLY", "DAILY", 1), `{"name": "dba", "rotations": [` + weekly + `]}`, "/name /rotations"},
		"/v1/people/bob":         {`{"name": "Bob", "zone": "Asia/Tokyo", "contacts": [{"channel": "sms", "address": "+4915112345617"}]}`, `{"name": "Bob", "zone": "UTC"}`, "/zone"},
		"/v1/services/bitbucket": {`{"name": "Bitbucket", "policy": "bitbucket"}`, `{"name": "Git"}`, "/name"},
		"/v1/policies/bitbucket": {`{"levels": [{"targets": [{"roster": "dba"}]}]}`, `{"levels": [{"targets": [{"person": "bob"}]}]}`, "/levels"},
	} {
		etag := d.must(200, "GET", place, "").header.Get("ETag")
		d.must(200, "PUT", place, c.faster, "If-Match: "+etag)
		slower := d.as("admin", "PUT", place, c.slower, "If-Match: "+etag)
		if slower.status != 412 {
			t.Fatalf("%s: %s", place, slower.said())
		}
		var fields []string
		for _, e := range slower.value(t)["errors"].([]any) {
			fields = append(fields, e.(map[string]any)["pointer"].(string))
		}
		if got := strings.Join(fields, " "); got != c.field {
			t.Errorf("%s: changed meanwhile: %s, want %s", place, got, c.field)
		}
	}
}
