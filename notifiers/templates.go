package notifiers

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"text/template"
	"unicode"
	"unicode/utf8"
)

// Part is one text of a message.
type Part string

// The parts. An SMS has a text; a push and a mail have a title, which is the mail's subject, and a text; a
// call has a text and the options that it asks to choose from.
const (
	TitlePart   Part = "title"
	TextPart    Part = "text"
	OptionsPart Part = "options"
)

// partsOf are the texts that templates may be written for. Pushes to browsers are worded as those to an app.
var partsOf = map[Channel][]Part{
	SMS:   {TextPart},
	Push:  {TitlePart, TextPart},
	Email: {TitlePart, TextPart},
	Voice: {TextPart, OptionsPart},
}

// Template is how operators want the messages of one channel and purpose to read in one language, in the form
// of package text/template. A part that is empty stays as it is built in.
type Template struct {
	Language             string // BCP 47: "de", or "de-CH" for those who have just that
	Channel              Channel
	Purpose              Purpose
	Title, Text, Options string
}

// Part is what the template has for a part.
func (t Template) Part(p Part) string {
	return map[Part]string{TitlePart: t.Title, TextPart: t.Text, OptionsPart: t.Options}[p]
}

// about names a template in a log.
func (t Template) about() string { return fmt.Sprintf("%s/%s/%s", t.Language, t.Channel, t.Purpose) }

// Wording is how messages are worded beside what is built in: templates, and languages. It may be changed while
// others render. nil is what is built in.
type Wording struct {
	now    atomic.Pointer[wordingNow]
	failed func(Failing)
}

type wordingNow struct {
	languages map[string]*words // by tag, in lower case
	templates map[place]*template.Template
}

// place is what a text is for.
type place struct {
	language string // in lower case
	channel  Channel
	purpose  Purpose
	part     Part
}

// Failing is a text that could not be used, for which the built-in one was taken.
type Failing struct {
	Template string // "de/sms/page", or "language fr"
	Part     Part   // of a template
	Err      error
}

func (f Failing) Error() string {
	if f.Part == "" {
		return fmt.Sprintf("%s: %v", f.Template, f.Err)
	}
	return fmt.Sprintf("%s, %s: %v", f.Template, f.Part, f.Err)
}

// NewWording makes a Wording that has nothing yet. failed, if not nil, is called with each failure while
// messages are rendered, by many goroutines at once.
func NewWording(failed func(Failing)) *Wording {
	w := &Wording{failed: failed}
	w.now.Store(&wordingNow{})
	return w
}

// Set changes what the Wording has. What cannot be used is left out, and told: its messages are worded as is
// built in.
func (w *Wording) Set(templates []Template, languages []Language) (broken []Failing) {
	now := &wordingNow{languages: map[string]*words{}, templates: map[place]*template.Template{}}
	for _, l := range languages {
		made, faults := l.words()
		if made != nil {
			now.languages[strings.ToLower(l.Tag)] = made
		}
		for _, f := range faults {
			broken = append(broken, Failing{Template: "language " + l.Tag, Err: f})
		}
	}
	for _, t := range templates {
		for _, part := range partsOf[t.Channel] {
			if t.Part(part) == "" {
				continue
			}
			parsed, faults := parsePart(part, t.Part(part))
			if len(faults) > 0 {
				broken = append(broken, Failing{t.about(), part, faults[0]})
				continue
			}
			now.templates[place{strings.ToLower(t.Language), t.Channel, t.Purpose, part}] = parsed
		}
	}
	w.now.Store(now)
	return broken
}

// in is the wording for a BCP 47 tag: one that operators gave, else one that is built in.
func (w *Wording) in(language string) *words {
	if w != nil {
		for _, tag := range tagsOf(language) {
			if found := w.now.Load().languages[tag]; found != nil {
				return found
			}
		}
	}
	return wordsIn(language)
}

// tagsOf are the tags to look a language up by: as it stands, and without its region and script.
func tagsOf(language string) []string {
	tag := strings.ToLower(strings.ReplaceAll(language, "_", "-"))
	primary, _, longer := strings.Cut(tag, "-")
	switch {
	case tag == "":
		return []string{"en"}
	case longer:
		return []string{tag, primary}
	}
	return []string{tag}
}

// template is the one for a text, nil if there is none. Who has a language that nobody wrote for gets what is
// written for the language that they get instead.
func (w *Wording) template(language string, at place) (*template.Template, string) {
	if w == nil {
		return nil, ""
	}
	primary, _, _ := strings.Cut(strings.ToLower(w.in(language).tag), "-")
	for _, tag := range append(tagsOf(language), primary) {
		at.language = tag
		if found := w.now.Load().templates[at]; found != nil {
			return found, tag
		}
	}
	return nil, ""
}

// words are those that a message is written in.
func (m Message) words() *words { return m.Wording.in(m.Language) }

// titled is whose templates a message with a title goes by; "" is nobody's.
func (m Message) titled() Channel {
	switch m.Channel {
	case Email:
		return Email
	case Push, WebPush:
		return Push
	default: // a program reads it
		return ""
	}
}

// worded is a text by its template. Without one, and when that cannot be used, it is the plain one: whatever
// operators wrote, the page goes out.
func (m Message) worded(channel Channel, part Part, plain func(Message) string) string {
	if m.Purpose == Notice || channel == "" {
		return plain(m)
	}
	at := place{channel: channel, purpose: m.purpose(), part: part}
	t, tag := m.Wording.template(m.Language, at)
	if t == nil {
		return plain(m)
	}
	text, err := render(t, at, m)
	if err != nil {
		if m.Wording.failed != nil && !errors.Is(err, errSeveral) {
			m.Wording.failed(Failing{fmt.Sprintf("%s/%s/%s", tag, channel, at.purpose), part, err})
		}
		return plain(m)
	}
	return cutSMS(text, channel, m)
}

// cutSMS cuts an SMS that is too long at its end; not one about several incidents, which names all.
func cutSMS(text string, channel Channel, m Message) string {
	if channel == SMS && len(m.Also) == 0 {
		return first(text, maxSegments)
	}
	return text
}

func (m Message) purpose() Purpose {
	if m.Purpose == "" {
		return Page
	}
	return m.Purpose
}

// What bounds a template, and what it makes.
const (
	maxTemplate  = 4 << 10  // bytes of its source
	maxRendered  = 16 << 10 // bytes
	maxMailTitle = 250      // runes of a title: no line of a mail may have 1,000 bytes
	maxSaid      = 1500     // runes that are read out: more than a minute and a half
	minShown     = 12       // units of a summary that have to be left of it, if it has as many
	maxBetween   = 30       // bytes between the key and the summary
)

// errSeveral is why a message about many incidents is left to the built-in words, which are shorter. It is no
// failure of the template.
var errSeveral = errors.New("too long for a message about so many incidents")

var errTooLong = fmt.Errorf("makes more than %d bytes", maxRendered)

// fields are what a template can name. What is secret of a message, and whom it goes to, is not among them.
type fields struct {
	Key      string
	Severity int
	Summary  string // of an SMS, as much of it as leaves the code in the first segment
	Rest     string // of an SMS: what that left
	Service  string
	Role     string // "dba"
	Reason   string
	PagedAs  string // the sentence about these, "" if it is the incident manager's page and nothing special
	Code     string
	Also     []namedFields // the other incidents
	More     int           // how many these are
	Count    int           // how many there are in all
	Keys     string        // all of them
}

type namedFields struct {
	Key      string
	Severity int
	Summary  string
}

// functions are those that a template can call. None of them makes a text longer than those it is given by
// more than a few characters each, and nothing else can put texts together: what a template makes, and how
// long it takes, is bounded by its length and by how many incidents there are.
var functions = template.FuncMap{
	"spell":    Spell,
	"shorten":  func(runes int, text string) string { return shorten(text, max(runes, 4)) },
	"sentence": func(text string) string { return text + endSentence(text) },
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return one
		}
		return many
	},
}

// render makes a text of a message and holds it against what every message has to be (rule 14).
func render(t *template.Template, at place, m Message) (text string, err error) {
	defer func() {
		if v := recover(); v != nil {
			text, err = "", fmt.Errorf("panic: %v", v)
		}
	}()
	f := fieldsOf(m, at)
	if at.channel == SMS {
		text, f.Summary, err = renderSMS(t, m, f)
	} else {
		text, err = execute(t, f)
	}
	if err != nil {
		return "", err
	}
	if at.channel != SMS && (at.part != TextPart || at.channel == Voice) {
		text = clean(text) // one line
	}
	return text, hold(text, at, m, f)
}

// fieldsOf are the fields as a channel takes them.
func fieldsOf(m Message, at place) fields {
	w := m.words()
	line := clean
	if at.channel == SMS {
		line = oneLineGSM
	}
	f := fields{Key: line(m.Key), Severity: m.Severity, Summary: line(m.summary(w)), Service: shorten(line(m.Service), 60), Role: shorten(line(m.Role), 60),
		Reason: shorten(line(m.Reason), maxReason), PagedAs: line(m.pagedAs(w)), Code: m.Code, More: len(m.Also), Count: m.count(), Keys: line(m.keys())}
	switch {
	case at.part == TitlePart:
		f.Summary = shorten(f.Summary, maxTitle)
	case at.channel == Voice:
		f.Summary = shorten(f.Summary, maxSpoken)
	}
	for _, other := range m.Also {
		f.Also = append(f.Also, namedFields{line(other.Key), other.Severity, shorten(line(summaryOr(other.Summary, w)), shownSummary)})
	}
	return f
}

// execute runs a template.
func execute(t *template.Template, f fields) (string, error) {
	var out bounded
	if err := t.Execute(&out, f); err != nil {
		return "", execution(err)
	}
	return tidy(out.String()), nil
}

// bounded takes in what a template makes, up to a limit.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxRendered {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

// tidy cleans each line, and leaves no more than one empty line between two.
func tidy(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	kept := lines[:0]
	for _, line := range lines {
		line = clean(line)
		if line == "" && len(kept) > 0 && kept[len(kept)-1] == "" {
			continue
		}
		kept = append(kept, line)
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// renderSMS renders with as much of the summary as leaves the code in the first segment; the rest of it is
// the template's .Rest. It returns what is shown of the summary, too.
func renderSMS(t *template.Template, m Message, f fields) (text, shown string, err error) {
	whole := f.Summary
	keep := -1 // units of the summary; negative: all
	for {
		text, err = execute(t, f)
		if err != nil {
			return "", "", err
		}
		text = asGSM.Replace(text)
		if len(m.Also) > 0 && (Units(text) > maxSMS || utf8.RuneCountInString(text) > maxSMS) {
			return "", "", errSeveral
		}
		over, err := pastFirst(text, m.Code)
		if err != nil {
			return "", "", err
		}
		if over <= 0 {
			break
		}
		a := alphabetOf(text)
		if keep < 0 {
			keep = a.units(whole) - len("...")
		}
		keep -= over // always less than before, so this ends
		begin, rest := a.cut(whole, max(0, keep))
		if keep <= 0 || a.units(begin) < min(minShown, a.units(whole)) {
			return "", "", fmt.Errorf("the code has to stand in the first segment of an SMS, and stands %d characters behind it when only %d of the summary are left: put {{.Code}} nearer to the beginning, or what is before it in fewer words", over, utf8.RuneCountInString(begin))
		}
		f.Summary, f.Rest = strings.TrimRight(begin, " ")+"...", "..."+strings.TrimLeft(rest, " ")
	}
	return text, f.Summary, nil
}

// pastFirst is by how many units the code ends behind the first segment of text; 0 if it is within.
func pastFirst(text, code string) (int, error) {
	if code == "" {
		return 0, nil
	}
	end := -1
	for from := 0; end < 0; {
		i := strings.Index(text[from:], code)
		if i < 0 {
			return 0, errors.New("the code to reply with is missing, or stands against other letters or digits: write {{.Code}} with a blank before it and behind it")
		}
		before, _ := utf8.DecodeLastRuneInString(text[:from+i])
		after, _ := utf8.DecodeRuneInString(text[from+i+len(code):])
		if !wordy(before) && !wordy(after) {
			end = from + i + len(code)
		}
		from += i + len(code)
	}
	if end <= len(Split(text)[0]) {
		return 0, nil
	}
	a := alphabetOf(text)
	return max(1, a.units(text[:end])-a.part), nil
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// hold reports what a text lacks.
func hold(text string, at place, m Message, f fields) error {
	if text == "" {
		return errors.New("makes an empty text")
	}
	switch {
	case at.part == OptionsPart:
		if !strings.Contains(text, "1") || !strings.Contains(text, "2") {
			return errors.New("does not say which keys to press: 1 acknowledges, 2 declines, 9 repeats")
		}
	case at.channel == Voice:
		if err := begins(text, Spell(m.Key), f); err != nil {
			return fmt.Errorf(`%w; in a call the key is spelt: begin with {{spell .Key}}, then the severity, then {{.Summary}}`, err)
		}
	case at.channel == SMS || at.part == TitlePart:
		if err := begins(text, f.Key, f); err != nil {
			return fmt.Errorf("%w: begin with {{.Key}} SEV{{.Severity}} {{.Summary}}", err)
		}
	}
	switch n := utf8.RuneCountInString(text); {
	case at.channel == Voice && n > maxSaid:
		return fmt.Errorf("makes %d characters to read out, the limit is %d: say less", n, maxSaid)
	case at.part == TitlePart && n > maxMailTitle:
		return fmt.Errorf("makes a title of %d characters, the limit is %d: leave something to the text", n, maxMailTitle)
	}
	if at.channel == Voice || at.part == TitlePart {
		return nil
	}
	if len(m.Also) > 0 && !strings.Contains(text, f.Keys) {
		return errors.New("does not name every incident (rule 12): put {{.Keys}} where .More is not 0, such as {{if .More}}All: {{.Keys}}.{{end}}")
	}
	if at.channel == Push && len(text) > maxPush {
		if len(m.Also) > 0 {
			return errSeveral
		}
		return fmt.Errorf("makes a text of %d bytes, the limit of a push is %d: use {{shorten 200 .Summary}}", len(text), maxPush)
	}
	return nil
}

var errBegins = errors.New("does not begin with key, severity and summary (rule 14)")

// begins reports whether a text begins with key, severity and summary, and has next to nothing between them.
func begins(text, key string, f fields) error {
	rest, ok := strings.CutPrefix(text, key)
	if !ok {
		return errBegins
	}
	summary := []rune(strings.TrimSuffix(f.Summary, "..."))
	begin := strings.TrimSpace(string(summary[:min(minShown, len(summary))]))
	severity := strconv.Itoa(f.Severity)
	for from := 0; ; {
		i := strings.Index(rest[from:], begin)
		if i < 0 || from+i > maxBetween {
			return errBegins
		}
		if strings.Join(digits.FindAllString(rest[:from+i], -1), "") == severity {
			return nil
		}
		_, size := utf8.DecodeRuneInString(rest[from+i:])
		if size == 0 {
			return errBegins
		}
		from += i + size
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// Text is one text of a message.
type Text struct {
	Part Part
	Text string
}

// Texts are those of a message that templates can be written for, as they would be sent.
func Texts(m Message) (all []Text) {
	say := map[Channel]map[Part]func(Message) string{
		SMS:   {TextPart: SMSText},
		Push:  {TitlePart: PushTitle, TextPart: PushBody},
		Email: {TitlePart: PushTitle, TextPart: PushBody},
		Voice: {TextPart: Spoken, OptionsPart: SpokenOptions},
	}
	for _, part := range partsOf[m.Channel] {
		all = append(all, Text{part, say[m.Channel][part](m)})
	}
	return all
}
