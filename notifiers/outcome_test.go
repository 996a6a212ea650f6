package notifiers

import (
	"fmt"
	"strings"
	"testing"
)

// What a person hears back is one segment, as long as names are of the usual length, and says what is open.
func TestRepliesAreOneSegment(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("HOT-%d", 1000+2*i))
	}
	for _, language := range []string{"en", "de"} {
		for outcome := range wordsIn(language).outcomes {
			for _, open := range [][]string{nil, {"HOT-12"}, many} {
				text := Answered{Outcome: outcome, Language: language, Key: "HOT-1234", Open: open}.Text()
				if outcome == WhichOne || outcome == HelpWanted || outcome == NotUnderstood {
					text = Answered{Outcome: outcome, Language: language, Open: open}.Text()
				}
				if Segments(text) != 1 {
					t.Errorf("%s, %s: %d segments: %s", language, outcome, Segments(text), text)
				}
			}
		}
		both := Answered{Outcome: NotUnderstood, Language: language}.Text() + " " + Answered{Outcome: HelpWanted, Language: language}.Text()
		if Segments(both) != 1 {
			t.Errorf("%s: %d segments: %s", language, Segments(both), both)
		}
		several := Answered{Outcome: Acknowledged, Language: language, Key: "HOT-1234", Tally: Tally{Done: 40, Taken: 3, Over: 2, Barred: 1}}.Text()
		if Segments(several) != 1 {
			t.Errorf("%s: %s", language, several)
		}
	}
	for want, a := range map[string]Answered{
		`Which one? Open: HOT-12-HOT-14, OPS-7. Reply with its code, or "ack HOT-13".`:         {Outcome: WhichOne, Open: []string{"HOT-13", "HOT-12", "HOT-14", "OPS-7"}},
		`Welche? Offen: HOT-12. Antworten Sie mit dem Code, oder mit "ack HOT-12".`:            {Outcome: WhichOne, Open: []string{"HOT-12"}, Language: "de"},
		"HOT-1 and 5 more: 3 acknowledged, 1 taken by others before, 2 only with their codes.": {Outcome: Acknowledged, Key: "HOT-1", Tally: Tally{Done: 3, Taken: 1, Barred: 2}},
	} {
		if got := a.Text(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if text := (Answered{Outcome: WhichOne, Open: many}).Text(); !strings.Contains(text, " +") || !strings.Contains(text, `"ack HOT-1000"`) {
		t.Errorf("of many: %s", text)
	}
}

func TestWhoHasItIsToldByKey(t *testing.T) {
	for want, got := range map[string]string{
		"HOT-12: Bob has it.": HasIt("en", "HOT-12", "Bob"),
		"HOT-12: Bob hat es.": HasIt("de-CH", "HOT-12", " Bob\n"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
