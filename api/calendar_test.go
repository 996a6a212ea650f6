package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestACalendarIsSubscribedTo(t *testing.T) {
	d := newDesk(t)
	address := func(made answered) string {
		t.Helper()
		url, ok := made.value(t)["url"].(string)
		path, under := strings.CutPrefix(url, "https://rouse.example.com")
		if !ok || !under || !strings.HasPrefix(path, "/calendar/") || !strings.HasSuffix(path, ".ics") {
			t.Fatalf("got %s", made.body)
		}
		return path
	}
	fetch := func(path string, headers ...string) answered { return d.send("", "GET", path, "", headers...) }
	team := address(d.must(201, "POST", "/v1/rosters/dba/feeds", ""))
	anns := address(d.must(201, "POST", "/v1/people/ann/feeds", ""))

	first := fetch(team)
	if first.status != 200 || first.header.Get("Content-Type") != "text/calendar; charset=utf-8" {
		t.Fatalf("got %d %s %s", first.status, first.header.Get("Content-Type"), first.body)
	}
	for _, want := range []string{"BEGIN:VCALENDAR", "SUMMARY:Name of ann on call: dba", "SUMMARY:Name of bob on call: dba"} {
		if !strings.Contains(first.body, want) {
			t.Errorf("%q is not in the calendar of the roster:\n%s", want, first.body)
		}
	}
	if own := fetch(anns).body; !strings.Contains(own, "Name of ann on call") || strings.Contains(own, "Name of bob on call") {
		t.Errorf("ann's calendar shows not just ann's shifts:\n%s", own)
	}
	etag := first.header.Get("ETag")
	if again := fetch(team, "If-None-Match: "+etag); again.status != 304 || again.body != "" {
		t.Errorf("nothing changed, and a program that has it got %d", again.status)
	}

	now := time.Now().UTC()
	d.must(201, "POST", "/v1/rosters/dba/overrides", fmt.Sprintf(`{"person": "carla", "from": %q, "to": %q}`,
		now.Add(hours(24)).Format(time.RFC3339), now.Add(hours(25)).Format(time.RFC3339)))
	changed := fetch(team, "If-None-Match: "+etag)
	if changed.status != 200 || !strings.Contains(changed.body, "SUMMARY:Name of carla on call: dba") {
		t.Errorf("an override came, and a program that has the calendar of before got %d", changed.status)
	}

	feeds := d.must(200, "GET", "/v1/rosters/dba/feeds", "").value(t)["items"].([]any)
	if len(feeds) != 1 || feeds[0].(map[string]any)["used_at"] == nil || strings.Contains(fmt.Sprint(feeds), strings.TrimSuffix(team, ".ics")[10:]) {
		t.Errorf("got %v, want one that was used, and no secret", feeds)
	}
	d.must(204, "DELETE", fmt.Sprint("/v1/rosters/dba/feeds/", feeds[0].(map[string]any)["id"]), "")
	if gone := fetch(team); gone.status != 404 {
		t.Errorf("a calendar that was revoked answers %d", gone.status)
	}
	if other := fetch(anns); other.status != 200 {
		t.Errorf("the other one answers %d", other.status)
	}
	if wrong := fetch("/calendar/" + strings.Repeat("A", 52) + ".ics"); wrong.status != 404 {
		t.Errorf("a secret that is none answers %d", wrong.status)
	}
	if strings.Contains(d.log.String(), strings.TrimSuffix(team, ".ics")[10:]) {
		t.Error("the secret is in the log")
	}
}
