package notifiers

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func page() Message {
	return Message{Purpose: Page, Key: "HOT-1", Severity: 1, Summary: "Disk full on db1", Service: "bitbucket", Code: "482913"}
}

func changed(change func(*Message)) Message {
	m := page()
	change(&m)
	return m
}

// Rule 14.
func TestSMSText(t *testing.T) {
	for want, m := range map[string]Message{
		`HOT-1 SEV1 Disk full on db1. Service bitbucket. Reply 482913 to acknowledge, "482913 no" to decline.`: page(),

		`HOT-1 SEV1 Disk full on db1: still on it? Reply 482913 to keep it, 482913 no to hand it back.`: changed(func(m *Message) {
			m.Purpose = StillOn
		}),
		`HOT-1 SEV1 Disk full on db1. Dienst bitbucket. Antwort 482913 zum Übernehmen, "482913 nein" zum Ablehnen.`: changed(func(m *Message) {
			m.Language = "de-CH"
		}),
		`HOT-1 SEV1 Disk full on db1: noch dran? Antwort 482913 zum Behalten, 482913 nein zum Abgeben.`: changed(func(m *Message) {
			m.Language, m.Purpose = "de", StillOn
		}),
		`HOT-1 SEV3 Why me? Reply 482913 to acknowledge, "482913 no" to decline. You are paged as dba: restore needed.`: changed(func(m *Message) {
			m.Severity, m.Summary, m.Service, m.Role, m.Reason, m.Language = 3, "Why  me?", "", "dba", "restore\nneeded", "fr"
		}),
		`HOT-1 SEV1 no summary given.`: changed(func(m *Message) {
			m.Summary, m.Service, m.Code, m.Role = " \n\x00", "", "", "Incident Manager"
		}),
		`HOT-1 SEV1 "db1" - it's full... Service bitbucket. Reply 482913 to acknowledge, "482913 no" to decline.`: changed(func(m *Message) {
			m.Summary = "“db1” – it’s full…"
		}),
	} {
		if got := SMSText(m); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if n := Segments(want); n != 1 {
			t.Errorf("%d segments: %s", n, want)
		}
	}
}

// Rule 14: cut after the first segment, the code to reply with is still there, whatever the length
// and the script, in both languages and for both purposes.
func TestCodeIsInTheFirstSegment(t *testing.T) {
	for _, script := range []string{"a", "[", "word ", "ä", "я", "磁", "🔥", "é́", "👩‍🚒", "x“", "…"} {
		for n := 0; n < 200; n += 1 + n/5 {
			for i := range 8 {
				m := page()
				m.Key, m.Summary = "HOT-12345", strings.Repeat(script, n)
				if i&1 > 0 {
					m.Language = "de"
				}
				if i&2 > 0 {
					m.Purpose = StillOn
				}
				if i&4 > 0 {
					m.Service, m.Role, m.Reason = strings.Repeat("services ", 9), "dba", strings.Repeat("because ", 99)
				}
				text := SMSText(m)
				first := firstSegment(text)
				if !strings.HasPrefix(first, "HOT-12345 SEV1 ") || !strings.Contains(first, " 482913") {
					t.Fatalf("%d times %q: the first segment is %q", n, script, first)
				}
				if !utf8.ValidString(text) || Segments(text) > maxSegments {
					t.Fatalf("%d times %q: %d segments, %q", n, script, Segments(text), text)
				}
			}
		}
	}
}

// firstSegment cuts as a phone does, by its own reckoning.
func firstSegment(text string) string {
	units7 := 0
	for i, r := range text {
		switch {
		case strings.ContainsRune("^{}\\[~]|€", r):
			units7 += 2
		case strings.ContainsRune(gsmBasic, r):
			units7++
		default: // one such character, and everything is UCS-2
			units := utf16.Encode([]rune(text))
			if len(units) <= 70 {
				return text
			}
			return string(utf16.Decode(units[:67]))
		}
		if units7 > 153 && Segments(text) > 1 {
			return text[:i]
		}
	}
	return text
}

func TestLongSummaryGoesOnBehindTheCode(t *testing.T) {
	m := page()
	m.Summary = "Disk full on db1: " + strings.Repeat("the volume for the archive grows faster than planned, ", 3) + "look at the end"
	want := `HOT-1 SEV1 Disk full on db1: the volume for the archive grows faster than planned, the volume for... ` +
		`Reply 482913 to acknowledge, "482913 no" to decline. ...the archive grows faster than planned, ` +
		`the volume for the archive grows faster than planned, look at the end. Service bitbucket.`
	if got := SMSText(m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1},
		{strings.Repeat("a", 160), 1},
		{strings.Repeat("a", 161), 2},
		{strings.Repeat("a", 306), 2},
		{strings.Repeat("a", 307), 3},
		{strings.Repeat("€", 80), 1},
		{strings.Repeat("€", 81), 2},
		{strings.Repeat("ß", 160), 1},
		{strings.Repeat("ç", 70), 1}, // Ç is in the alphabet, ç is not
		{strings.Repeat("ç", 71), 2},
		{strings.Repeat("磁", 70), 1},
		{strings.Repeat("磁", 71), 2},
		{strings.Repeat("磁", 135), 3},
		{strings.Repeat("🔥", 35), 1},
		{strings.Repeat("🔥", 36), 2},
	} {
		if got := Segments(c.text); got != c.want {
			t.Errorf("%d of %.3q are %d segments, want %d", utf8.RuneCountInString(c.text), c.text, got, c.want)
		}
	}
}

func TestCutKeepsWhatBelongsTogether(t *testing.T) {
	for _, c := range []struct {
		text  string
		units int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"🔥🔥", 3, "🔥"},
		{"e\u0301x", 1, ""},
		{"xe\u0301y", 2, "x"},
		{"👩‍🚒!", 4, ""},
		{"a👍🏽", 4, "a"},
		{"क्षx", 3, "क्ष"},
	} {
		if got, rest := ucs2.cut(c.text, c.units); got != c.want || got+rest != c.text {
			t.Errorf("%q at %d is %q + %q, want %q", c.text, c.units, got, rest, c.want)
		}
	}
}

func TestPush(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		m           Message
		title, body string
		ack         string
	}{
		{page(), "HOT-1 SEV1 Disk full on db1", "Service bitbucket.", "Acknowledge"},
		{changed(func(m *Message) { m.Purpose, m.Service = StillOn, "" }), "HOT-1 SEV1 Disk full on db1: still on it?", "Please acknowledge or decline.", "Still on it"},
		{changed(func(m *Message) { m.Language, m.Role = "de", "dba" }), "HOT-1 SEV1 Disk full on db1", "Dienst bitbucket. Sie werden gerufen als dba.", "Übernehmen"},
		{changed(func(m *Message) { m.Summary = long }), "HOT-1 SEV1 " + long[:117] + "...", long + ". Service bitbucket.", "Acknowledge"},
	} {
		ack, _ := PushButtons(c.m)
		if title, body := PushTitle(c.m), PushBody(c.m); title != c.title || body != c.body || ack != c.ack {
			t.Errorf("got %q, %q, %q; want %q, %q, %q", title, body, ack, c.title, c.body, c.ack)
		}
	}
}

func TestSpoken(t *testing.T) {
	if got, want := Spoken(page()), "H, O, T, 1. Severity 1. Disk full on db1. Service bitbucket."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Spell("HOT-1234"); got != "H, O, T, 1, 2, 3, 4" {
		t.Errorf("got %q", got)
	}
	if got := VoiceLanguage("de_AT") + VoiceLanguage("DE") + VoiceLanguage("pt-BR") + VoiceLanguage(""); got != "de-DEde-DEen-USen-US" {
		t.Errorf("got %q", got)
	}
}

func TestAnswered(t *testing.T) {
	for want, a := range map[string]Answered{
		"HOT-1: Acknowledged. You are now the incident manager.":          {Outcome: Acknowledged, Key: "HOT-1", Role: "incident manager"},
		"Acknowledged. You are on it as dba.":                             {Outcome: Acknowledged, Role: "dba"},
		"Thank you. It stays with you.":                                   {Outcome: Acknowledged, Purpose: StillOn},
		"Declined. Somebody else is being paged.":                         {Outcome: Declined},
		"Understood. Somebody else is being paged.":                       {Outcome: Declined, Purpose: StillOn},
		"HOT-1: Already acknowledged by Bob. Nothing to do for you.":      {Outcome: AlreadyTaken, By: "Bob", Key: "HOT-1"},
		"Already acknowledged. Nothing to do for you.":                    {Outcome: AlreadyTaken},
		"That was not understood.":                                        {Outcome: NotUnderstood},
		"HOT-1: Übernommen. Sie sind jetzt Incident Manager.":             {Outcome: Acknowledged, Key: "HOT-1", Language: "de"},
		"Bereits übernommen von Bob. Für Sie ist nichts zu tun.":          {Outcome: AlreadyTaken, By: "Bob", Language: "de"},
		"Which one? Reply with the code of the page that you mean.":       {Outcome: WhichOne},
		"Das wurde nicht verstanden.":                                     {Outcome: "something new", Language: "de"},
		"HOT-1: This is over. Nothing to do for you.":                     {Outcome: Over, Key: "HOT-1"},
		"HOT-1: Das ist vorbei. Für Sie ist nichts zu tun.":               {Outcome: Over, Key: "HOT-1", Language: "de"},
		"Welche? Antworten Sie mit dem Code der Meldung, die Sie meinen.": {Outcome: WhichOne, Language: "de"},
	} {
		if got := a.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Every sentence of one language is there in the other, and what goes out by SMS is GSM.
func TestLanguagesAreComplete(t *testing.T) {
	for outcome := range english.outcomes {
		if german.outcomes[outcome] == "" {
			t.Errorf("no German for %s", outcome)
		}
	}
	for _, w := range []words{english, german} {
		for _, text := range append([]string{w.service, w.pagedAs, w.stillOn, w.reply, w.replyPage, w.replyKeep, w.noSummary,
			w.acknowledgedManager, w.kept, w.handedBack, w.alreadyAcknowledged}, fmt.Sprint(w.outcomes)) {
			if text == "" || !alphabetOf(text).gsm {
				t.Errorf("%s: %q is empty or not GSM", w.tag, text)
			}
		}
	}
}

func TestANoticeIsPlainWords(t *testing.T) {
	m := Message{Purpose: Notice, Text: "Ann offers you a shift – for nothing.\nAnswer her."}
	if got, want := SMSText(m), "Rouse: Ann offers you a shift - for nothing. Answer her."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if title, body := PushTitle(m), PushBody(m); title != "Rouse" || body != "Ann offers you a shift – for nothing. Answer her." {
		t.Errorf("got %q, %q", title, body)
	}
	m.Text = strings.Repeat("шифт ", 100)
	if n := len([]rune(SMSText(m))); n > 3*67 {
		t.Errorf("a long one has %d characters, more than three segments", n)
	}
}
