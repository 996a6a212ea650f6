package main

import (
	"strings"
	"testing"
)

// Somebody sees what no monitoring tells: they raise it, the on-call is paged with key, severity and summary, and what is
// learned is written down by whoever learns it.
func TestE2EAPersonRaisesAnIncident(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann := h.resident("ann", bySMS(0))
	h.service("bitbucket", nil, level(later, ann))

	out, errs, status := h.rouse("", "", "raise", "bitbucket", "1", "Pushes fail for 李小龙", "--reporter", "Carla, support", "--case", "CS-17")
	if status != 0 || !strings.Contains(out, "HOT-1 is open") {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	code := ann.isTexted("HOT-1")
	ann.Reply(code)
	h.isManagedBy("HOT-1", ann)

	out, errs, status = h.rouse("", "", "describe", "HOT-1", "--stage", "identified", "--why", "a log was not rotated", "--link", "call=https://meet.example.com/?a=1")
	if status != 0 {
		t.Fatalf("%s%s", out, errs)
	}
	for _, want := range []string{"identified", "Carla, support", "CS-17", "call https://meet.example.com/?a=1", "the stage to identified: a log was not rotated", "critical, with very high impact"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not show %q: %s", want, out)
		}
	}
	if _, errs, status := h.rouse("", "", "raise", "bitbuket", "1", "x"); status != 1 || !strings.Contains(errs, "there is no such service") {
		t.Errorf("status %d: %s", status, errs)
	}
	if _, errs, status := h.rouse("", "", "raise", "bitbucket", "urgent", "x"); status != 2 || !strings.Contains(errs, "use 1, 2 or 3") {
		t.Errorf("status %d: %s", status, errs)
	}
	if _, errs, status := h.rouse("", "", "describe", "HOT-1"); status != 2 || !strings.Contains(errs, "nothing is said of HOT-1") {
		t.Errorf("status %d: %s", status, errs)
	}
}
