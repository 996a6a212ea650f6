package demo

import (
	"strings"
	"testing"
	"time"
)

func TestALineIsAlignedAndWrapped(t *testing.T) {
	s := &screen{width: 60, plain: true}
	got := s.line(event{at: noon.Add(12340 * time.Millisecond), kind: texted, key: "HOT-1", who: "ann's phone",
		text: "SMS: HOT-1 SEV1 Pushes fail. Reply 482913 to acknowledge"}, noon)
	want := "" +
		"   12.34s HOT-1   ann's phone     SMS: HOT-1 SEV1 Pushes\n" +
		"                                  fail. Reply 482913 to\n" +
		"                                  acknowledge\n"
	if got != want {
		t.Errorf("the line is\n%s\nwant\n%s", got, want)
	}
}

func TestColoursAndSignsAreForTerminals(t *testing.T) {
	e := event{at: noon, kind: passed, who: "✓", text: "it came true"}
	if got := (&screen{width: 100, plain: true}).line(e, noon); strings.ContainsFunc(got, func(r rune) bool { return r > 126 || r == '\x1b' }) {
		t.Errorf("elsewhere the line is %q", got)
	}
	if got := (&screen{width: 100, paint: true}).line(e, noon); !strings.Contains(got, "\x1b[32m✓") {
		t.Errorf("on a terminal the line is %q", got)
	}
}

func TestACallIsShownWithItsIncident(t *testing.T) {
	var out strings.Builder
	d := &demo{journal: &journal{}, screen: &screen{out: &out, width: 100, plain: true}, began: noon}
	d.printAll([]event{
		{at: noon, kind: decided, key: "HOT-2", who: "decided", person: "ann", call: true, text: "Paging Ann by voice."},
		{at: noon, kind: rings, who: "ann's phone", person: "ann", text: "rings"},
	}, map[string]string{})
	if !strings.Contains(out.String(), "HOT-2   ann's phone     rings") {
		t.Errorf("it shows\n%s", &out)
	}
}
