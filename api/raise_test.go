package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// What people see and no monitoring tells is raised by them, pages as any other trouble, and stands in the record.
func TestAPersonRaisesAnIncidentAndWritesDownWhatIsKnown(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	raise := `{"service": "bitbucket", "severity": 1, "summary": "Pushes fail", "description": "Since the upgrade.\nAll regions.", "products": ["Bitbucket Cloud"],
		"reporter": "Carla of the support", "reporter_contact": "#support", "stage": "investigating", "impact_began_at": "2026-11-20T10:12:00+01:00", "support_cases": ["CS-17"],
		"links": [{"href": "https://meet.example.com/1", "text": "call"}]}`
	got := d.as("ann", "POST", "/v1/incidents", raise, "Idempotency-Key: k1")
	if got.status != 201 {
		t.Fatal(got.said())
	}
	holds(t, got.body, `{"key": "HOT-1", "outcome": "opened"}`)
	holds(t, d.as("ann", "POST", "/v1/incidents", raise, "Idempotency-Key: k1").body, `{"key": "HOT-1", "outcome": "repeated"}`)
	holds(t, d.must(200, "GET", "/v1/incidents/HOT-1", "").body, `{"key": "HOT-1", "service": "bitbucket", "severity": 1, "summary": "Pushes fail", "status": "new",
		"description": "Since the upgrade.\nAll regions.", "products": ["Bitbucket Cloud"], "reporter": "Carla of the support", "reporter_contact": "#support", "stage": "investigating",
		"impact_began_at": "2026-11-20T09:12:00Z", "support_cases": ["CS-17"], "links": [{"href": "https://meet.example.com/1", "text": "call"}]}`)
	has(t, d.must(200, "GET", "/v1/incidents/HOT-1", ""), `"reason":"first page"`, `Name of ann sets the stage to investigating.`, `"severity_means":"critical`)

	for _, change := range []string{`{"stage": "identified", "why": "a log was not rotated"}`, `{"service": "", "summary": "Disks are full", "support_cases": ["CS-17", "CS-18"]}`} {
		if got := d.as("ann", "PATCH", "/v1/incidents/HOT-1", change); got.status != 204 {
			t.Fatal(got.said())
		}
	}
	d.must(204, "POST", "/v1/incidents/HOT-1/resolve", "{}")
	d.must(204, "PATCH", "/v1/incidents/HOT-1", `{"impact_ended_at": "2026-11-20T11:00:00Z", "reporter": "", "stage": "mitigated", "by": "bob"}`)
	after := d.must(200, "GET", "/v1/incidents/HOT-1", "")
	holds(t, after.body, `{"summary": "Disks are full", "stage": "mitigated", "status": "resolved", "support_cases": ["CS-17", "CS-18"], "impact_ended_at": "2026-11-20T11:00:00Z", "products": ["Bitbucket Cloud"]}`)
	if v := after.value(t); v["reporter"] != nil || v["service"] != nil {
		t.Errorf("what was taken away is there: %v, %v", v["reporter"], v["service"])
	}
	has(t, after, "Name of ann sets the stage to identified: a log was not rotated", "Name of ann takes the faulty service away.", "Name of bob sets the end of impact to 2026-11-20T11:00:00Z.")

	// The trouble is still the one of the service that was named first.
	if n := strings.Count(after.body, `"reason":"described"`); n != 8+4+3 {
		t.Errorf("the timeline has %d lines of what was written down, want 15: %s", n, after.body)
	}
}

// A person who raises something is not held back by what keeps machines quiet.
func TestWhatIsRaisedIsNotHeldBack(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	d.must(200, "PUT", "/v1/services/bitbucket", `{"slug": "bitbucket", "policy": "bitbucket", "noise": {"delay": {"1": "10m"}, "grouping": {"within": "1h"}}}`)
	d.must(201, "POST", "/v1/services/bitbucket/maintenance", `{"to": "`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	for i := range 2 {
		got := d.as("ann", "POST", "/v1/incidents", `{"service": "bitbucket", "severity": 1, "summary": "Pushes fail"}`)
		if got.status != 201 {
			t.Fatal(got.said())
		}
		key := got.value(t)["key"].(string)
		if want := fmt.Sprintf("HOT-%d", i+1); key != want {
			t.Errorf("it joined %s", key)
		}
		has(t, d.must(200, "GET", "/v1/incidents/"+key, ""), `"reason":"first page"`)
	}
}

func TestWhatIsRaisedOrDescribedWronglyIsRefused(t *testing.T) {
	d := newDesk(t)
	d.withPager()
	if got := d.as("ann", "POST", "/v1/incidents", `{"severity": 2, "summary": "Pushes fail"}`); got.status != 201 {
		t.Fatal(got.said())
	}
	long := strings.Repeat("x", 501)
	for _, c := range []struct{ method, path, body, says string }{
		{"POST", "", `{"severity": 4, "summary": "x"}`, "/severity must be 1 to 3"},
		{"POST", "", `{"severity": 1}`, "summary"},
		{"POST", "", `{"severity": 1, "summary": " "}`, "/summary must say what is wrong"},
		{"POST", "", `{"severity": 1, "summary": "` + long + `"}`, "/summary"},
		{"POST", "", `{"severity": 1, "summary": "x", "service": "bitbuket"}`, "there is no such service"},
		{"POST", "", `{"severity": 1, "summary": "x", "by": "bob"}`, "cannot act as bob"},
		{"POST", "", `{"severity": 1, "summary": "x", "detected_at": "yesterday"}`, "/detected_at must be a time as"},
		{"PATCH", "/HOT-1", `{"stage": "fixed"}`, "/stage must be investigating"},
		{"PATCH", "/HOT-1", `{"service": "bitbuket"}`, "there is no such service; empty"},
		{"PATCH", "/HOT-1", `{"links": [{"href": "javascript:alert(1)"}]}`, "/links/0/href must be an http or https address"},
		{"PATCH", "/HOT-1", `{"impact_began_at": "2026-11-20T11:00:00Z", "impact_ended_at": "2026-11-20T10:00:00Z"}`, "/impact_ended_at must not be before"},
		{"PATCH", "/HOT-2", `{"stage": "mitigated"}`, "There is no incident HOT-2"},
	} {
		got := d.as("ann", c.method, "/v1/incidents"+c.path, c.body)
		if got.status < 400 || got.status >= 500 || !strings.Contains(got.said(), c.says) {
			t.Errorf("%s %s: %s, want %q", c.method, c.body, got.said(), c.says)
		}
	}
	if n := strings.Count(d.must(200, "GET", "/v1/incidents/HOT-1", "").body, `"reason":"described"`); n != 0 {
		t.Errorf("%d changes were made by what was refused", n)
	}
}
