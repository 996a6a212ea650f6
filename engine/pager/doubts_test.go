package pager_test

import (
	"strings"
	"testing"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// doubts are the lines of the timeline about what was not understood.
func (h *house) doubts(key engine.Key) (texts []string) {
	h.t.Helper()
	lines, err := enginedb.New(h.db).Timeline(h.t.Context(), h.incident(key).ID)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Note.Reason == engine.ReasonDoubt {
			texts = append(texts, l.Note.Text)
		}
	}
	return texts
}

func TestTheTimelineTellsWhatWasNotUnderstood(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	severity := engine.Doubt{Of: engine.DoubtSeverity, Text: `The severity "blah" is unknown: taken as 2.`}
	action := engine.Doubt{Of: engine.DoubtAction, Text: "The action \"so\x00lved\" is unknown: taken as trigger."}
	mapping := engine.Doubt{Of: engine.DoubtMapping, Text: "The mapping's each could not be used."}
	blah := func(doubts ...engine.Doubt) func(*engine.Alert) {
		return func(a *engine.Alert) { a.Word, a.Doubts = "blah", doubts }
	}
	first := h.told(blah(severity))
	h.want("the first", first, pager.Opened, "HOT-1")
	joins := h.told(blah(action))
	h.want("one that joins", joins, pager.Joined, "HOT-1")
	over := h.told(blah(severity, mapping), func(a *engine.Alert) { a.Action = engine.Resolve }) // whose severity says nothing
	for got, want := range map[string]string{first.Remark: severity.Text, joins.Remark: strings.ReplaceAll(action.Text, "\x00", ""), over.Remark: mapping.Text} {
		if got != want {
			t.Errorf("the sender hears %q, want %q", got, want)
		}
	}
	want := []string{severity.Text, strings.ReplaceAll(action.Text, "\x00", ""), mapping.Text}
	if got := h.doubts("HOT-1"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the timeline says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	if err := enginedb.New(h.db).ReplaceWords(t.Context(), engine.Words{"": {"blah": 3}}, enginedb.AnyVersion); err != nil {
		t.Fatal(err)
	}
	known := h.told(blah(severity))
	h.want("a word that the operator knows", known, pager.Opened, "HOT-2")
	if got := h.doubts("HOT-2"); len(got) > 0 || known.Remark != "" {
		t.Errorf("the timeline doubts %q, and the sender hears %q", got, known.Remark)
	}
}
