package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestNoColoursButOnATerminal(t *testing.T) {
	var out bytes.Buffer
	c := &cli{getenv: settingsOf(), stdout: &out}
	var lines table
	lines.add(bold, "A", "LONGER")
	lines.add(red, "wide cell", "x")
	if err := c.print(lines); err != nil {
		t.Fatal(err)
	}
	if want := "A          LONGER\nwide cell  x\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCleanTakesWhatATerminalWouldObey(t *testing.T) {
	for text, want := range map[string]string{
		"plain ünïcode ✓":     "plain ünïcode ✓",
		"\x1b[2Jgone":         "�[2Jgone",
		"\u009b31m":           "�31m",
		"a\tb":                "a�b",
		"\u202egnp.exe":       "�gnp.exe",
		"two\nlines":          "two\nlines",
		"bell\a":              "bell�",
		"line\u2028separator": "line�separator",
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestReaderParsesWhatItShows(t *testing.T) {
	c := &cli{getenv: settingsOf("TZ=America/New_York")}
	r, err := c.reader("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 12, 24, 17, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-12-24 18:00", "2026-12-24T18:00", "2026-12-24T17:00:00Z", "2026-12-24T12:00:00-05:00"} {
		if got, err := r.parse(text); err != nil || !got.Equal(want) {
			t.Errorf("parse(%q) = %v, %v", text, got, err)
		}
	}
	if got := r.show(want); got != "Thu 2026-12-24 18:00 CET" {
		t.Errorf("show = %q", got)
	}
	r, _ = c.reader("")
	if got := r.show(want); got != "Thu 2026-12-24 12:00 EST" {
		t.Errorf("show = %q", got)
	}
}

func TestPhoneNumbersAreMaskedInTheLog(t *testing.T) {
	for _, json := range []bool{false, true} {
		var out bytes.Buffer
		log := newLog(&out, config{logJSON: json})
		log.Info("calling +4917012345617", "to", "+15005550006", "err", errors.New("bad number +441632960961"), "took", 1234567890*time.Nanosecond, "pid", 12345678)
		log.With("url", "https://x/?To=%2B4917012345617").WithGroup("g").Warn("again", slog.Group("h", "n", "+4917012345617"))
		for _, number := range []string{"17012345617", "5005550006", "1632960961"} {
			if strings.Contains(out.String(), number) {
				t.Errorf("%s is in the log: %s", number, out.String())
			}
		}
		if !strings.Contains(out.String(), "12345678") {
			t.Errorf("the process id is masked: %s", out.String())
		}
	}
}
