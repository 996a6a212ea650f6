package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rouse runs a command of the house's admin as the shell would, in a folder.
func (h *house) rouse(dir, stdin string, args ...string) (stdout, stderr string, status int) {
	h.t.Helper()
	file, err := program()
	if err != nil {
		h.t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.Command(file, args...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, strings.NewReader(stdin), &out, &errs
	cmd.Env = []string{"ROUSE_URL=" + h.door.URL, "ROUSE_TOKEN=" + h.admin, "TZ=Europe/Berlin", "PATH=" + os.Getenv("PATH")}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestE2EAHouseIsKeptInAFile goes the way of whoever keeps the configuration under version control.
func TestE2EAHouseIsKeptInAFile(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.roster("dba", ann)
	h.service("bitbucket", nil, level(later, ann))
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "rouse.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(status int, args ...string) (stdout, stderr string) {
		t.Helper()
		stdout, stderr, got := h.rouse(dir, "", args...)
		if got != status {
			t.Fatalf("rouse %s: exit status %d, not %d\n%s%s", strings.Join(args, " "), got, status, stdout, stderr)
		}
		return stdout, stderr
	}

	exported, _ := must(0, "export")
	write(exported)
	if out, _ := must(0, "plan", "-f", "rouse.yaml", "--check"); out != "Nothing to change: the configuration is what the file says.\n" {
		t.Errorf("unchanged: %s", out)
	}

	t.Log("bob takes over, by a file")
	changed := strings.Replace(exported, "- person: ann", "- person: bob", 1)
	changed = strings.Replace(changed, "people:\n", "people:\n  - handle: zoe\n    name: 𠮷田 Zoë\n    contacts:\n      - {channel: sms, address: +4917604069999}\n", 1)
	write(changed)
	h.secret("4917604069999", "zoe's number")
	out, errs := must(1, "plan", "-f", "rouse.yaml", "--check")
	for _, want := range []string{"+ person  zoe", "~ policy  bitbucket", "levels/0/targets  person ann → person bob", "bitbucket, severity 1 and 2, and 3 in working hours, level 1  The one called bob instead of The one called ann",
		"1 to create, 1 to change. Nothing is saved.\nNext: rouse apply -f rouse.yaml --plan "} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	if errs != "rouse: 2 changes to make\n" {
		t.Errorf("--check says %q", errs)
	}
	lines := strings.Fields(out[strings.LastIndex(out, "Next: rouse ")+len("Next: rouse "):])

	t.Log("nobody is there to be asked, and nothing is done")
	if _, errs := must(2, "apply", "-f", "rouse.yaml"); !strings.Contains(errs, "say --plan") {
		t.Errorf("got %s", errs)
	}
	out, _ = must(0, lines...)
	if !strings.Contains(out, "+ person  zoe") || !strings.HasSuffix(out, "\nDone: 1 created, 1 changed.\n") {
		t.Errorf("applied: %s", out)
	}
	key := h.alert("bitbucket", 1, "Clones fail")
	h.acknowledge(key, bob)

	t.Log("the same plan again is of another house")
	_, errs = must(1, lines...)
	basis, _, _ := strings.Cut(lines[len(lines)-1], "-")
	if want := "nothing is changed: the configuration is not that of plan " + basis + " any more.\n"; !strings.Contains(errs, want) ||
		!strings.HasSuffix(errs, "\nSee what the file would do now: `rouse plan -f rouse.yaml`\n") {
		t.Errorf("got %s", errs)
	}
	for _, touched := range []string{"person zoe was changed at ", "policy bitbucket was changed at "} {
		if !strings.Contains(errs, touched) {
			t.Errorf("it does not say %q: %s", touched, errs)
		}
	}

	t.Log("mistakes are told with their lines")
	now, _ := must(0, "export")
	write(strings.Replace(now, "zone: Europe/Berlin", "zone: Mars/Olympus", 1))
	line := 1 + strings.Count(now[:strings.Index(now, "zone: Europe/Berlin")], "\n")
	if _, errs := must(1, "plan", "-f", "rouse.yaml"); !strings.HasPrefix(errs, fmt.Sprintf("rouse: rouse.yaml:%d: rosters/0/rotations/0/zone \"Mars/Olympus\": is not the name of a zone", line)) {
		t.Errorf("got %s", errs)
	}

	t.Log("what leaves an alert with nobody is refused")
	hole := strings.Replace(now, `address: "+4917604069002"`, "address: \"+4917604069002\"\n        disabled: true", 1)
	out, errs, status := h.rouse(dir, hole, "apply", "-f", "-", "--yes")
	if status != 1 || !strings.Contains(out, "The one called bob has SMS disabled") || !strings.Contains(errs, "would open, in which an alert finds nobody to page") {
		t.Errorf("%d %s%s", status, out, errs)
	}
	out, _, _ = h.rouse(dir, hole, "plan", "-f", "-")
	if !strings.Contains(out, "\nAs it opens holes it is refused, unless --force is said, too.\nNext: ") {
		t.Errorf("the plan does not say that it is refused: %s", out)
	}
	if _, errs, status := h.rouse(dir, now, "apply", "-f", "-", "--plan", strings.Fields(out[strings.LastIndex(out, "--plan "):])[1]); status != 1 || !strings.Contains(errs, "is not one of this file with these flags") {
		t.Errorf("the plan of another file: %d %s", status, errs)
	}
	id := strings.Fields(out[strings.LastIndex(out, "--plan "):])[1]
	if _, errs, status := h.rouse(dir, hole, "apply", "-f", "-", "--plan", id); status != 1 ||
		!strings.HasPrefix(errs, "rouse: nothing is changed: an alert would then find nobody to page:\n  ") || !strings.HasSuffix(errs, "\nClose these holes first, or say --force.\n") {
		t.Errorf("%d %s", status, errs)
	}
	if again, _ := must(0, "export"); again != now {
		t.Errorf("was %s\nis %s", now, again)
	}
}

// TestE2ERostersByHand goes the way of whoever changes shifts in a terminal.
func TestE2ERostersByHand(t *testing.T) {
	story(t)
	h := newHouse(t, wish{})
	ann, bob := h.resident("ann", bySMS(0)), h.resident("bob", bySMS(0))
	h.roster("dba", ann)
	h.service("bitbucket", nil, level(later, team("dba")))
	_, key := h.key("/v1/keys", object{"name": "bob's laptop", "scopes": []string{"respond"}, "person": bob.handle})
	says := func(status int, want string, args ...string) string {
		t.Helper()
		out, errs, got := h.rouse(t.TempDir(), "", args...)
		if got != status || !strings.Contains(out+errs, want) {
			t.Errorf("rouse %s: exit status %d, want %d and %q\n%s%s", strings.Join(args, " "), got, status, want, out, errs)
		}
		return out
	}
	says(0, "There are no overrides in dba", "roster", "override", "dba")
	says(0, "bob is on call in dba, ", "roster", "override", "dba", "--person", "bob", "--to", "2031-12-24 18:00", "--from", "2031-12-24 09:00")
	says(0, "bob instead of ann", "roster", "override", "dba", "--person", "bob", "--to", "2031-12-25 18:00", "--from", "2031-12-25 09:00", "--dry-run")
	says(0, "ann is taken off call in dba", "roster", "override", "dba", "--off", "--replaces", "ann", "--from", "2031-12-26 09:00", "--to", "2031-12-26 10:00", "--force")
	says(1, "refused, as an alert would then find nobody to page:", "roster", "override", "dba", "--off", "--from", "2031-12-27 09:00", "--to", "2031-12-27 10:00")
	says(0, "bob is on call in dba", "roster", "override", "dba")
	says(0, "Override 1 of dba is taken back.", "roster", "override", "dba", "--cancel", "1")
	says(1, "override 4711 of roster dba", "roster", "override", "dba", "--cancel", "4711")
	says(1, "swap 99 of roster dba", "roster", "swap", "dba", "--accept", "99")
	says(1, "the key in ROUSE_TOKEN acts as nobody", "roster", "take", "dba", "--until", "23:59")
	says(1, "service bitbucket does not page roster nights", "oncall", "--service", "bitbucket", "--roster", "nights")
	h.admin = key
	says(1, "belongs to no team", "roster", "take", "dba", "--until", "23:59")
}
