package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCoverageNamesEveryHole(t *testing.T) {
	d := newDesk(t)
	const january = "from=2027-01-01T00:00:00Z&to=2027-01-31T00:00:00Z"
	holesOf := func(query string) []string {
		t.Helper()
		var texts []string
		for _, h := range d.must(200, "GET", "/v1/coverage?"+query, "").value(t)["holes"].([]any) {
			texts = append(texts, h.(map[string]any)["text"].(string))
		}
		return texts
	}
	if got := holesOf(january); len(got) != 0 {
		t.Fatalf("everybody has a number, and there are holes: %v", got)
	}
	// Ann's weeks begin in Berlin; her number is the only one.
	contacts := d.must(200, "GET", "/v1/people/ann/contacts", "").value(t)["items"].([]any)
	contact := fmt.Sprint("/v1/people/ann/contacts/", contacts[0].(map[string]any)["id"])
	refused := d.as("admin", "DELETE", contact, "")
	if refused.status != 409 || !strings.Contains(refused.body, "/problems/opens-hole") || !strings.Contains(refused.body, "bitbucket, severity 1 and 2") {
		t.Errorf("without her number nobody would be paged in her weeks: %s", refused.said())
	}
	d.must(200, "GET", contact, "")
	rehearsed := d.must(200, "DELETE", contact+"?dry_run=true", "").value(t)
	if opened := rehearsed["effects"].(map[string]any)["holes_opened"].([]any); len(opened) == 0 {
		t.Error("the dry run tells of no hole")
	}
	d.must(204, "DELETE", contact+"?force=true", "")
	got := holesOf(january + "&zone=Europe/Berlin")
	want := "Mon 2027-01-04 09:00 – Mon 2027-01-11 09:00 Europe/Berlin, bitbucket, severity 1 and 2, and 3 in working hours, level 1: Name of ann (roster dba) has no contact. Give Name of ann a contact."
	if !slices.Contains(got, want) {
		t.Errorf("got %q, want among them %q", got, want)
	}
	// A change for the better closes them, and says so.
	made := d.must(201, "POST", "/v1/people/ann/contacts", `{"channel": "sms", "address": "+4915112345699"}`).value(t)
	if closed := made["effects"].(map[string]any)["holes_closed"].([]any); len(closed) == 0 {
		t.Error("the answer tells of no hole that is closed")
	}
	if got := holesOf(january + "&service=bitbucket"); len(got) != 0 {
		t.Errorf("there are holes still: %v", got)
	}
	d.must(404, "GET", "/v1/coverage?service=nothing", "")
	for _, query := range []string{"zone=Local", "zone=Atlantis", "from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:00Z", "from=2027-01-01T00:00:00Z&to=2027-04-04T00:00:00Z"} {
		d.must(422, "GET", "/v1/coverage?"+query, "")
	}
}
