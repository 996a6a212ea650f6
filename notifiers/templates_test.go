package notifiers

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// worded is m under templates that have to be good.
func worded(t *testing.T, m Message, templates ...Template) Message {
	t.Helper()
	for _, tpl := range templates {
		for _, f := range tpl.Check() {
			t.Fatalf("%s is refused: %s: %v", tpl.about(), f.Field, f)
		}
	}
	m.Wording = NewWording(func(f Failing) { t.Errorf("failed: %v", f) })
	for _, f := range m.Wording.Set(templates, nil) {
		t.Fatal(f)
	}
	return m
}

var germanSMS = Template{Language: "de", Channel: SMS, Purpose: Page,
	Text: `{{.Key}} SEV{{.Severity}} {{sentence .Summary}}{{if .More}} (+{{.More}} {{plural .More "weiterer" "weitere"}}){{end}} Code {{.Code}}, "{{.Code}} nein" lehnt ab. {{.Rest}}{{with .Service}} {{.}}{{end}}{{if .More}} Alle: {{.Keys}}{{end}}`}

func TestTemplatesWordMessages(t *testing.T) {
	m := worded(t, changed(func(m *Message) { m.Language, m.Channel = "de-CH", SMS }), germanSMS,
		Template{Language: "en", Channel: Push, Purpose: Page, Title: "{{.Key}} [SEV{{.Severity}}] {{.Summary}}", Text: "Affected: {{.Service}}\n\n\n{{.PagedAs}}{{if .More}}{{.Keys}}{{end}}"},
		Template{Language: "de", Channel: Voice, Purpose: StillOn, Text: "{{spell .Key}}: Stufe {{.Severity}}. {{.Summary}}", Options: "1 heißt ja, 2 heißt nein."},
		Template{Language: "de", Channel: Email, Purpose: Page, Title: "{{.Key}} ({{.Severity}}): {{.Summary}}"})
	with := func(change func(*Message)) Message { m := m; change(&m); return m }
	for _, c := range []struct{ got, want string }{
		{SMSText(m), `HOT-1 SEV1 Disk full on db1. Code 482913, "482913 nein" lehnt ab. bitbucket`},
		{SMSText(with(func(m *Message) { m.Also = []Named{{"HOT-2", 2, "x"}, {"HOT-3", 2, ""}} })),
			`HOT-1 SEV1 Disk full on db1. (+2 weitere) Code 482913, "482913 nein" lehnt ab. bitbucket Alle: HOT-1-HOT-3`},
		{SMSText(with(func(m *Message) { m.Purpose = StillOn })), `HOT-1 SEV1 Disk full on db1: noch dran? Antwort 482913 zum Behalten, 482913 nein zum Abgeben.`},
		{SMSText(with(func(m *Message) { m.Purpose, m.Text = Notice, "A swap" })), `Rouse: A swap`},
		{PushTitle(with(func(m *Message) { m.Language, m.Channel = "it", WebPush })), `HOT-1 [SEV1] Disk full on db1`}, // who has no words of their own has the English ones
		{PushBody(with(func(m *Message) { m.Language, m.Channel, m.Reason, m.Role = "", Push, "restore", "dba" })), "Affected: bitbucket\n\nYou are paged as dba: restore."},
		{PushTitle(with(func(m *Message) { m.Language, m.Channel = "en", Webhook })), `HOT-1 SEV1 Disk full on db1`},
		{PushTitle(with(func(m *Message) { m.Channel = Email })), `HOT-1 (1): Disk full on db1`},
		{Spoken(with(func(m *Message) { m.Purpose = StillOn })), `H, O, T, 1: Stufe 1. Disk full on db1`},
		{SpokenOptions(with(func(m *Message) { m.Purpose = StillOn })), `1 heißt ja, 2 heißt nein.`},
	} {
		if c.got != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
}

func TestLongSummaryLeavesTheCodeInTheFirstSegment(t *testing.T) {
	m := worded(t, changed(func(m *Message) {
		m.Language, m.Channel, m.Summary = "de", SMS, strings.Repeat("the volume grows ", 12)+"look at the end"
	}), germanSMS)
	text := SMSText(m)
	want := `HOT-1 SEV1 the volume grows the volume grows the volume grows the volume grows the volume grows the volume grows the volume grows the vol... Code 482913, "482913 nein" lehnt ab. ...ume grows`
	if !strings.HasPrefix(text, want) || !strings.HasSuffix(text, "look at the end bitbucket") {
		t.Errorf("got %s", text)
	}
	if first := Split(text)[0]; !strings.Contains(first, "Code 482913,") {
		t.Errorf("the first segment is %q", first)
	}
}

// What is wrong with a template is told with its line, and what to write instead.
func TestTemplatesThatAreRefused(t *testing.T) {
	head := "{{.Key}} SEV{{.Severity}} {{.Summary}} "
	for _, c := range []struct {
		channel Channel
		part    Part
		source  string
		line    int
		says    string
	}{
		{SMS, TextPart, head + "\n{{.Code}", 2, "bad character"},
		{SMS, TextPart, head + "\n{{.Sumary}} {{.Code}}", 2, "there is no field .Sumary: do you mean .Summary?"},
		{SMS, TextPart, head + "{{.AckURL}}", 1, "there is no field .AckURL; there are .Key, .Severity, .Summary"},
		{SMS, TextPart, head + "{{if .Service}}{{else}}{{.Nonce}}{{end}}", 1, "there is no field .Nonce"},
		{SMS, TextPart, head + "{{range .Also}}{{.Code}}{{end}}", 1, "there is no field .Code; there are .Key, .Severity, .Summary"},
		{SMS, TextPart, head + "{{with .Service}}{{.Key}}{{end}}", 1, "write $.Key"},
		{SMS, TextPart, head + "\n\n{{uper .Key}}", 3, `there is no function "uper"; there are and, eq`},
		{SMS, TextPart, head + `{{printf "%999999d" 1}}`, 1, `there is no function "printf"`},
		{SMS, TextPart, head + `{{index .Also 0}}`, 1, `there is no function "index"`},
		{SMS, TextPart, head + "{{range 1000000000}}{{end}}", 1, "{{range 1000000000}} is not taken: only {{range .Also}}"},
		{SMS, TextPart, head + "{{range .Also}}{{range $.Also}}{{.Key}}{{end}}{{end}}", 1, "within another is not taken"},
		{SMS, TextPart, head + `{{define "a"}}{{template "a"}}{{end}}`, 1, "{{define}} and {{block}} are not taken"},
		{SMS, TextPart, head + `{{template "text"}}`, 1, "is not taken here"},
		{SMS, TextPart, head + "{{shorten .Summary 40}} {{.Code}}", 1, "expected int"},
		{SMS, TextPart, head + "no code", 0, "the code to reply with is missing"},
		{SMS, TextPart, head + "Code{{.Code}}", 0, "stands against other letters or digits"},
		{SMS, TextPart, "Please! " + head + "{{.Code}}", 0, "does not begin with key, severity and summary (rule 14): begin with {{.Key}} SEV{{.Severity}} {{.Summary}}"},
		{SMS, TextPart, "{{.Key}} {{.Summary}} {{.Code}}", 0, "rule 14"},
		{SMS, TextPart, "{{.Key}} SEV1 {{.Summary}} {{.Code}}", 0, "rule 14"}, // only of severity 1 is that so
		{SMS, TextPart, "{{.Key}} SEV{{.Severity}} {{shorten 9 .Summary}} {{.Code}}", 0, "rule 14"},
		{SMS, TextPart, head + strings.Repeat("Please get up. ", 4) + "{{.Code}}", 0, "put {{.Code}} nearer to the beginning"},
		{SMS, TextPart, head + "{{.Code}} " + strings.Repeat("Please get up. ", 40), 0, "the limit is 3: say less"},
		{SMS, TextPart, head + "{{.Code}}", 0, "does not name every incident (rule 12): put {{.Keys}}"},
		{SMS, TextPart, head + "\n\x07{{.Code}}", 2, "has the control character U+0007"},
		{SMS, TextPart, head + strings.Repeat("{{/* */}}", 500), 0, "the limit is 4096"},
		{SMS, TextPart, "\xff", 0, "is not UTF-8"},
		{SMS, TextPart, "{{/* */}}", 0, "the code to reply with is missing"},
		{SMS, TitlePart, head, 0, "a message on sms has no title; it has text"},
		{Push, TitlePart, head + strings.Repeat("wake up ", 40), 0, "the limit is 250"},
		{Push, TextPart, "{{if .Service}}x{{end}}{{if .More}}{{.Keys}}{{end}}", 0, "makes an empty text"},
		{Voice, TextPart, "{{.Key}}. Severity {{.Severity}}. {{.Summary}}", 0, "the key is spelt: begin with {{spell .Key}}"},
		{Voice, TextPart, "{{spell .Key}}. {{.Severity}}. {{.Summary}}" + strings.Repeat("and so on ", 300), 0, "the limit is 1500"},
		{Voice, OptionsPart, "Press 1 for yes.", 0, "which keys to press"},
	} {
		tpl := Template{Language: "en", Channel: c.channel, Purpose: Page}
		switch c.part {
		case TitlePart:
			tpl.Title = c.source
		case TextPart:
			tpl.Text = c.source
		default:
			tpl.Options = c.source
		}
		faults := tpl.Check()
		if len(faults) == 0 || faults[0].Field != string(c.part) || faults[0].Line != c.line || !strings.Contains(faults[0].Error(), c.says) {
			t.Errorf("%s: %+v, want line %d, %q", c.source, faults, c.line, c.says)
		}
	}
	for _, c := range []struct {
		template Template
		says     string
	}{
		{Template{Language: "german", Channel: SMS, Purpose: Page}, "is no language tag"},
		{Template{Language: "de", Channel: Webhook, Purpose: Page}, "use sms, push, email or voice"},
		{Template{Language: "de", Channel: SMS, Purpose: Notice}, "use page or still_on"},
		{Template{Language: "de", Channel: Voice, Purpose: Page}, "the template is empty: write text, options"},
	} {
		if faults := c.template.Check(); len(faults) != 1 || !strings.Contains(faults[0].Detail, c.says) {
			t.Errorf("%+v: %+v", c.template, faults)
		}
	}
}

// A text that cannot be made is the built-in one, and that is told.
func TestTemplateThatFailsStillPages(t *testing.T) {
	var failed []string
	m := changed(func(m *Message) { m.Channel = SMS })
	m.Wording = NewWording(func(f Failing) { failed = append(failed, f.Error()) })
	plain := SMSText(page())
	for _, c := range []struct{ text, broken, failed string }{
		{"{{.Key", "en/sms/page, text: line 1: ", ""},
		{"{{range 9}}{{end}}", "en/sms/page, text: line 1: {{range 9}} is not taken", ""},
		{"nonsense {{.Code}}", "", "en/sms/page, text: does not begin with key, severity and summary"},
		{"{{.Key}} SEV{{.Severity}} {{.Summary}} {{.Code}} {{shorten .Key 1}}", "", "en/sms/page, text: line 1: <.Key>"},
	} {
		failed = nil
		broken := m.Wording.Set([]Template{{Language: "en", Channel: SMS, Purpose: Page, Text: c.text}}, nil)
		if got := fmt.Sprint(broken); c.broken != "" && !strings.Contains(got, c.broken) || c.broken == "" && len(broken) > 0 {
			t.Errorf("%s: broken %s", c.text, got)
		}
		if got := SMSText(m); got != plain {
			t.Errorf("%s: %s", c.text, got)
		}
		if got := strings.Join(failed, "\n"); !strings.HasPrefix(got, c.failed) || c.failed == "" && got != "" {
			t.Errorf("%s: failed %s", c.text, got)
		}
	}
}

// A template that loops over what it is given, as far as it may, is bounded.
func TestTemplatesAreBounded(t *testing.T) {
	long := "{{.Key}} SEV{{.Severity}} {{.Summary}}{{range .Also}}" + strings.Repeat("{{.Summary}}", 300) + "{{end}}"
	parsed, faults := parsePart(TextPart, long)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	m := several(300)
	if _, err := render(parsed, place{channel: Push, part: TextPart}, m); err == nil || !strings.Contains(err.Error(), "makes more than 16384 bytes") {
		t.Errorf("it makes %v", err)
	}
}

// Of templates put together at random, whatever passes the check words any message as rule 14 has it, whole
// or cut to one segment; and whatever does not pass pages all the same.
func TestRandomTemplatesKeepRule14(t *testing.T) {
	pieces := []string{"{{.Key}}", "SEV{{.Severity}}", "{{.Summary}}", "{{sentence .Summary}}", "{{.Code}}", "{{.Rest}}", "{{if .More}}{{.Keys}}{{end}}", "{{range .Also}}{{.Key}} {{end}}", "{{.PagedAs}}", "{{with .Service}}{{.}}{{end}}",
		"Ä“…”", "[{", "磁盘", "👩‍🚒", "\n", "1", "please answer", "{{shorten 30 .Reason}}", "{{plural .More `one` `many`}}", "{{.Count}}", "{{spell .Key}}", "{{.Oops}}", "{{", "{{end}}"}
	dice := rand.New(rand.NewPCG(14, 14))
	samples := append(Hostile("de", SMS, Page), Hostile("ja", SMS, StillOn)...)
	passed := 0
	for range 80 {
		var b strings.Builder
		if dice.IntN(4) > 0 {
			b.WriteString("{{.Key}} SEV{{.Severity}} {{.Summary}}")
		}
		if dice.IntN(4) > 0 {
			b.WriteString(" {{.Code}} {{if .More}}{{.Keys}}{{end}}")
		}
		for range dice.IntN(5) {
			b.WriteString(" " + pieces[dice.IntN(len(pieces))])
		}
		tpl := Template{Language: "de", Channel: SMS, Purpose: Page, Text: b.String()}
		good := len(tpl.Check()) == 0
		if good {
			passed++
		}
		w := NewWording(func(f Failing) {
			if good {
				t.Errorf("%s passed, and failed: %v", tpl.Text, f)
			}
		})
		w.Set([]Template{tpl}, nil)
		for range 20 {
			m := samples[dice.IntN(len(samples))].Message
			m.Wording, m.Severity = w, 1+dice.IntN(3)
			m.Key = fmt.Sprint("HOT-", 1+dice.IntN(99999))
			runes := []rune(m.Summary)
			m.Summary = string(runes[:dice.IntN(1+len(runes))])
			keepsRule14(t, m, SMSText(m))
		}
	}
	if passed < 15 {
		t.Errorf("only %d of 80 templates pass the check", passed)
	}
}

// keepsRule14 reads an SMS by its own reckoning.
func keepsRule14(t *testing.T, m Message, text string) {
	t.Helper()
	begin := firstSegment(text)
	if !strings.HasPrefix(begin, fmt.Sprintf("%s SEV%d ", m.Key, m.Severity)) || !strings.Contains(begin, m.Code) {
		t.Fatalf("the first segment of %q is %q", text, begin)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		t.Fatalf("%q has control characters", text)
	}
	if len(m.Also) == 0 && Segments(text) > maxSegments || utf8.RuneCountInString(text) > maxSMS && len(m.Also) < 50 {
		t.Fatalf("%d segments: %q", Segments(text), text)
	}
}

// french is a language as a team would add it: some sentences are still to be translated.
func french() Language {
	l := english.language("fr-FR")
	for name, text := range map[string]string{"no_summary": "sans description", "service": "Service %s.", "reply": "Répondez %s", "reply_page": ` pour accepter, "%s no" pour refuser.`,
		"severity": "Gravité", "press": "Tapez 1 pour accepter, 2 pour refuser, 9 pour répéter.", "ack_button": "Accepter", "acknowledged_manager": "Accepté. Vous voilà incident manager.",
		"goodbye": "Au revoir.", "no_key": "Aucune touche."} {
		l.Words[name] = text
	}
	return l
}

func TestLanguageByOneFile(t *testing.T) {
	l := french()
	if faults := l.Check(); len(faults) > 0 {
		t.Fatal(faults)
	}
	w := NewWording(nil)
	w.Set(nil, []Language{l})
	m := changed(func(m *Message) { m.Language, m.Wording = "fr-fr", w })
	ack, _ := PushButtons(m)
	for _, c := range []struct{ got, want string }{
		{SMSText(m), `HOT-1 SEV1 Disk full on db1. Service bitbucket. Répondez 482913 pour accepter, "482913 no" pour refuser.`},
		{Spoken(m), `H, O, T, 1. Gravité 1. Disk full on db1. Service bitbucket.`},
		{SpokenOptions(m), "Tapez 1 pour accepter, 2 pour refuser, 9 pour répéter."},
		{SpokenSilence(m), "Aucune touche. Au revoir."},
		{SpokenIn(m), "fr-FR"},
		{ack, "Accepter"},
		{Answered{Outcome: Acknowledged, Key: "HOT-1", Language: "fr-FR", Wording: w}.Text(), "HOT-1: Accepté. Vous voilà incident manager."},
	} {
		if c.got != c.want {
			t.Errorf("got  %q\nwant %q", c.got, c.want)
		}
	}
}

func TestBuiltInLanguagesPassTheirCheck(t *testing.T) {
	for _, l := range BuiltIn() {
		for _, f := range l.Check() {
			t.Errorf("%s: %s: %v", l.Tag, f.Field, f)
		}
	}
}

func TestLanguagesThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		change      func(*Language)
		field, says string
	}{
		{func(l *Language) { l.Tag = "french" }, "tag", "is no language tag"},
		{func(l *Language) { delete(l.Words, "press") }, "press", `is missing; in English it is "Press 1`},
		{func(l *Language) { l.Words["pres"] = "x" }, "pres", "is no sentence of Rouse"},
		{func(l *Language) { l.Words["reply"] = "Répondez" }, "reply", `needs ["s1"]`},
		{func(l *Language) { l.Words["reply_all"] = ` "%s no" refuse, %d acceptés.` }, "reply_all", "write %[2]s for the second"},
		{func(l *Language) { l.Words["service"] = "100 % %s" }, "service", "placeholders"},
		{func(l *Language) { l.Words["reply_page"] = `pour accepter, "%s no" pour refuser.` }, "reply_page", "has to begin with a blank"},
		{func(l *Language) { l.Words["reply_page"] = ` pour accepter, "%s jamais" pour refuser.` }, "reply_page", `"jamais", which Rouse does not understand`},
		{func(l *Language) { l.Words["more"] = "Et %d déjà reçus." }, "more", "has ç, which the GSM alphabet of SMS has not"},
		{func(l *Language) { l.Words["more"] = "Et\n%d." }, "more", "write one line"},
		{func(l *Language) { l.Words["more"] = "Et %d " + strings.Repeat("long ", 50) }, "more", "the limit is 200"},
		{func(l *Language) { l.Words["reply"] = strings.Repeat("Répondez ", 12) + "%s" }, "reply", "behind the first segment"},
		{func(l *Language) { l.Words["press"] = "Tapez." }, "press", "which keys to press"},
	} {
		l := french()
		c.change(&l)
		if faults := l.Check(); len(faults) == 0 || faults[0].Field != c.field || !strings.Contains(faults[0].Detail, c.says) {
			t.Errorf("%s: %+v", c.says, faults)
		}
	}
	l := french()
	l.Unicode, l.Words["more"] = true, "И ещё %d."
	if faults := l.Check(); len(faults) > 0 {
		t.Error(faults)
	}
}

// A language that was stored before Rouse had some sentence says that one in English.
func TestLanguageThatLacksASentence(t *testing.T) {
	l := french()
	delete(l.Words, "press")
	w := NewWording(nil)
	if broken := w.Set(nil, []Language{l}); len(broken) != 1 || !strings.Contains(broken[0].Error(), "language fr-FR: is missing") {
		t.Errorf("%v", broken)
	}
	m := changed(func(m *Message) { m.Language, m.Wording = "fr-FR", w })
	if got := SpokenOptions(m); got != english.press {
		t.Errorf("got %s", got)
	}
}

// Every sentence is in the list that languages are made by.
func TestEverySentenceCanBeTranslated(t *testing.T) {
	w, listed := english, 0
	for _, s := range w.sentences() {
		if *s.text != "" {
			listed++
		}
		*s.text = ""
	}
	fields := 0
	for name, f := range reflect.ValueOf(w).Fields() {
		if f.Kind() != reflect.String || name.Name == "tag" {
			continue
		}
		if fields++; f.String() != "" {
			t.Errorf("%s is not in words.sentences: add it there, so that it can be said in other languages", name.Name)
		}
	}
	if listed != fields {
		t.Errorf("%d sentences are listed, of %d", listed, fields)
	}
}
