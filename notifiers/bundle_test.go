package notifiers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// several is a page about n incidents, HOT-12 and those after it.
func several(n int) Message {
	m := page()
	m.Channel, m.Key, m.Service, m.Role = SMS, "HOT-12", "bitbucket", "dba"
	for i := 1; i < n; i++ {
		m.Also = append(m.Also, Named{Key: fmt.Sprint("HOT-", 12+i), Severity: 1 + i/3, Summary: fmt.Sprint("Replica lag ", i)})
	}
	return m
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"HOT-1", "HOT-1"},
		{"HOT-2 HOT-1", "HOT-1, HOT-2"},
		{"HOT-12 HOT-13 HOT-14 HOT-15 HOT-16 HOT-17 HOT-18 HOT-19 HOT-31", "HOT-12–HOT-19, HOT-31"},
		{"HOT-9 HOT-10 HOT-11 OPS-12 OPS-13", "HOT-9–HOT-11, OPS-12, OPS-13"},
		{"HOT-3 HOT-3 HOT-4 HOT-5 HOT-5", "HOT-3–HOT-5"},
		{"HOT-1 OPS-2 HOT-3", "HOT-1, HOT-3, OPS-2"},
		{"HOT-07 HOT-08 HOT-09", "HOT-07, HOT-08, HOT-09"}, // who writes zeros means them
		{"A_B-1 A_B-2 A_B-3 nonsense 42", "42, nonsense, A_B-1–A_B-3"},
	} {
		if got := Keys(strings.Fields(c.keys)); got != c.want {
			t.Errorf("%s is %q, want %q", c.keys, got, c.want)
		}
	}
}

// Rule 14, rule 12.
func TestSMSAboutSeveral(t *testing.T) {
	for _, c := range []struct {
		change func(*Message)
		want   string
	}{
		{func(*Message) {}, `HOT-12 SEV1 Disk full on db1. And 4 more. Reply 482913 to acknowledge all 5, "482913 no" to decline. All: HOT-12-HOT-16.`},
		{func(m *Message) { m.Also[3].Key = "OPS-7" }, `HOT-12 SEV1 Disk full on db1. And 4 more. Reply 482913 to acknowledge all 5, "482913 no" to decline. All: HOT-12-HOT-15, OPS-7.`},
		{func(m *Message) { m.Purpose = StillOn }, `HOT-12 SEV1 Disk full on db1: still on it? And 4 more. Reply 482913 to keep all 5, 482913 no to hand them back. All: HOT-12-HOT-16.`},
		{func(m *Message) { m.Language = "de" }, `HOT-12 SEV1 Disk full on db1. Und 4 weitere. Antwort 482913 zum Übernehmen aller 5, "482913 nein" zum Ablehnen. Alle: HOT-12-HOT-16.`},
		{func(m *Message) { m.Language, m.Purpose = "de", StillOn }, `HOT-12 SEV1 Disk full on db1: noch dran? Und 4 weitere. Antwort 482913 zum Behalten aller 5, 482913 nein zum Abgeben. Alle: HOT-12-HOT-16.`},
		{func(m *Message) { m.Code = "" }, `HOT-12 SEV1 Disk full on db1. And 4 more. All: HOT-12-HOT-16.`},
	} {
		m := several(5)
		c.change(&m)
		if got := SMSText(m); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// Rule 14: also of a message about several, the first segment says which is the worst, that there are more,
// and the code.
func TestCodeOfSeveralIsInTheFirstSegment(t *testing.T) {
	for _, script := range []string{"a", "[", "word ", "ä", "я", "磁", "🔥", "👩‍🚒"} {
		for n := 0; n < 200; n += 1 + n/5 {
			for i := range 4 {
				m := several(300)
				m.Summary = strings.Repeat(script, n)
				if i&1 > 0 {
					m.Language = "de"
				}
				if i&2 > 0 {
					m.Purpose = StillOn
				}
				text := SMSText(m)
				first := firstSegment(text)
				if !strings.HasPrefix(first, "HOT-12 SEV1 ") || !strings.Contains(first, " 299 ") || !strings.Contains(first, " 482913") {
					t.Fatalf("%d times %q: the first segment is %q", n, script, first)
				}
				if !strings.HasSuffix(text, ": HOT-12-HOT-311.") {
					t.Fatalf("%d times %q: not every key is in %q", n, script, text)
				}
			}
		}
	}
}

// What does not fit is left for another message, and what fits is named.
func TestFits(t *testing.T) {
	scattered := func(channel Channel, n int) Message {
		m := page()
		m.Channel, m.Key, m.Summary = channel, "HOT-10000", strings.Repeat("long ", 60)
		for i := range n {
			m.Also = append(m.Also, Named{Key: fmt.Sprint("HOT-", 10_002+2*i), Severity: 1, Summary: strings.Repeat("ä", 100)})
		}
		return m
	}
	for _, channel := range []Channel{SMS, Push, Voice} {
		for _, n := range []int{0, 1, 50, 130, 500} {
			m := scattered(channel, n)
			fits := Fits(m)
			if few := n <= 100 && fits < n; few || fits > n || channel == Voice && fits != n {
				t.Errorf("%s: %d of %d fit", channel, fits, n)
			}
			more := m
			m.Also = m.Also[:fits]
			text := map[Channel]string{SMS: SMSText(m), Push: PushBody(m), Voice: Spoken(m)}[channel]
			if len([]rune(text)) > maxSMS && channel == SMS || len(text) > maxPush && channel == Push {
				t.Errorf("%s: a text of %d bytes about %d", channel, len(text), fits)
			}
			if channel != Voice && fits > 0 && !strings.Contains(text, m.Also[fits-1].Key) {
				t.Errorf("%s: the last one, %s, is not named: %s", channel, m.Also[fits-1].Key, text)
			}
			if more.Also = more.Also[:min(n, fits+1)]; channel == SMS && fits < n && len([]rune(bundleSMS(more))) <= maxSMS {
				t.Errorf("one more would fit")
			}
		}
	}
	if m := several(5000); Fits(m) != 4999 {
		t.Errorf("%d of a range fit", Fits(m))
	}
	if m := several(300); true {
		m.Summary = "🔥" // and so every character takes two bytes
		if text := SMSText(m); Fits(m) != 299 || alphabetOf(text).units(text) > maxSMS {
			t.Errorf("%d fit in %s", Fits(m), text)
		}
	}
}

func TestPushAboutSeveral(t *testing.T) {
	m := several(8)
	m.Also[1].Summary = ""
	want := "And 7 more.\nHOT-13 SEV1 Replica lag 1\nHOT-14 SEV1 no summary given\nHOT-15 SEV2 Replica lag 3\nHOT-16 SEV2 Replica lag 4\n" +
		"HOT-17 SEV2 Replica lag 5\nAll: HOT-12–HOT-19."
	if got := PushBody(m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct {
		language     string
		purpose      Purpose
		title        string
		ack, decline string
	}{
		{"en", Page, "HOT-12 SEV1 Disk full on db1 (+7)", "Acknowledge all 8", "Decline all"},
		{"en", StillOn, "HOT-12 SEV1 Disk full on db1: still on it? (+7)", "Still on all 8", "Hand all back"},
		{"de", Page, "HOT-12 SEV1 Disk full on db1 (+7)", "Alle 8 übernehmen", "Alle ablehnen"},
		{"de", StillOn, "HOT-12 SEV1 Disk full on db1: noch dran? (+7)", "An allen 8 dran", "Alle abgeben"},
	} {
		m.Language, m.Purpose = c.language, c.purpose
		if ack, decline := PushButtons(m); ack != c.ack || decline != c.decline || PushTitle(m) != c.title {
			t.Errorf("%s, %s: %q, %q, %q", c.language, c.purpose, PushTitle(m), ack, decline)
		}
	}
}

// A call reads the worst three and the number.
func TestSpokenAboutSeveral(t *testing.T) {
	want := "H, O, T, 1, 2. Severity 1. Disk full on db1. And 7 more. H, O, T, 1, 3. Severity 1. Replica lag 1. H, O, T, 1, 4. Severity 1. Replica lag 2."
	if got := Spoken(several(8)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []struct {
		language string
		purpose  Purpose
		want     string
	}{
		{"en", Page, "Press 1 to acknowledge all 8, 2 to decline them, 9 to repeat."},
		{"en", StillOn, "Are you still on all 8? Press 1 to keep them, 2 to hand them back, 9 to repeat."},
		{"de", Page, "Drücken Sie 1, um alle 8 zu übernehmen, 2, um sie abzulehnen, 9 zum Wiederholen."},
		{"de", StillOn, "Sind Sie noch an allen 8 dran? Drücken Sie 1, um sie zu behalten, 2, um sie abzugeben, 9 zum Wiederholen."},
	} {
		m := several(8)
		m.Language, m.Purpose = c.language, c.purpose
		if got := SpokenOptions(m); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestAnsweredForSeveral(t *testing.T) {
	all := Tally{Done: 34, Taken: 2, Over: 1}
	for want, a := range map[string]Answered{
		"HOT-12 and 36 more: 34 acknowledged, 2 taken by others before, 1 over.":           {Outcome: Acknowledged, Key: "HOT-12", Tally: all},
		"34 stay with you, 2 taken by others before, 1 over.":                              {Outcome: Acknowledged, Purpose: StillOn, Tally: all},
		"HOT-12 and 4 more: 5 declined.":                                                   {Outcome: Declined, Key: "HOT-12", Tally: Tally{Done: 5}},
		"3 handed back.":                                                                   {Outcome: Declined, Purpose: StillOn, Tally: Tally{Done: 3}},
		"HOT-12 and 2 more: 3 taken by others before.":                                     {Outcome: AlreadyTaken, By: "Bob", Key: "HOT-12", Tally: Tally{Taken: 3}},
		"HOT-12 and 1 more: 2 over.":                                                       {Outcome: Over, Key: "HOT-12", Tally: Tally{Over: 2}},
		"HOT-12 and 4 more: 4 acknowledged, 1 could not be taken in: please answer again.": {Outcome: Acknowledged, Key: "HOT-12", Tally: Tally{Done: 4, Failed: 1}},
		"HOT-12 und 36 weitere: 34 übernommen, 2 schon von anderen übernommen, 1 vorbei.":  {Outcome: Acknowledged, Key: "HOT-12", Language: "de", Tally: all},
		"2 abgegeben, 1 nicht angenommen: bitte antworten Sie noch einmal.":                {Outcome: Declined, Purpose: StillOn, Language: "de", Tally: Tally{Done: 2, Failed: 1}},
		"HOT-12: Acknowledged. You are now the incident manager.":                          {Outcome: Acknowledged, Key: "HOT-12", Tally: Tally{Done: 1}},
	} {
		if got := a.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What goes out by SMS is GSM in both languages, about several as about one.
func TestWordsAboutSeveralAreGSM(t *testing.T) {
	for _, w := range []words{english, german} {
		for _, text := range []string{w.more, w.all, w.replyAll, w.replyKeepAll, w.andMore, w.allAcknowledged, w.allDeclined, w.allKept,
			w.allHandedBack, w.someTaken, w.someOver, w.someFailed} {
			if text == "" || !alphabetOf(text).gsm {
				t.Errorf("%s: %q is empty or not GSM", w.tag, text)
			}
		}
		if slices.Contains([]string{w.ackAllButton, w.declineAllButton, w.keepAllButton, w.handAllBackButton, w.pressAll, w.pressKeepAll}, "") {
			t.Errorf("%s: something about several is not said", w.tag)
		}
	}
}
