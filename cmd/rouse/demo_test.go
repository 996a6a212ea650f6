package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The whole product from end to end: real processes, a Postgres with fsync, phones, and a server that is
// killed in the middle. The story checks itself; see package demo.
func TestTheStoryOfTheDemoComesTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	rouse := filepath.Join(t.TempDir(), "rouse")
	if out, err := exec.Command("go", "build", "-o", rouse, ".").CombinedOutput(); err != nil {
		t.Fatalf("building rouse: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, rouse, "demo", "--script")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it says how far it came
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	story := string(out)
	if err != nil {
		t.Fatalf("the demo ended with %v:\n%s", err, story)
	}
	for _, want := range []string{"killed with SIGKILL", "alerts accepted 4, incidents 2", "duplicates 0, lost 0"} {
		if !strings.Contains(story, want) {
			t.Errorf("the demo does not say %q:\n%s", want, story)
		}
	}
	log := regexp.MustCompile(`/\S+/server\.log`).FindString(story)
	if _, err := os.Stat(filepath.Dir(log)); log == "" || !os.IsNotExist(err) {
		t.Errorf("the demo's folder %q was left behind (%v)", filepath.Dir(log), err)
	}
}

func TestTheDemosServerGetsNoSettingOfYours(t *testing.T) {
	got := withoutSettings([]string{"PATH=/bin", "ROUSE_DATABASE_URL=postgres://production", "HOME=/root", "ROUSE_TWILIO_AUTH_TOKEN=x"})
	if strings.Join(got, " ") != "PATH=/bin HOME=/root" {
		t.Errorf("the server would get %q", got)
	}
}
