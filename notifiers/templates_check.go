package notifiers

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
	"unicode/utf8"
)

// Fault is what is wrong with a template, or with the words of a language.
type Fault struct {
	Field  string // "text", or "reply" of a language; "" of all of it
	Line   int    // from 1; 0 if it is in no one line
	Detail string // with what to write instead
}

func (f Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("line %d: %s", f.Line, f.Detail)
	}
	return f.Detail
}

const maxFaults = 10 // that are told of one text

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$`)

// Check says what is wrong with a template. It is held against hostile messages: each text has to be what every
// message is, whatever the incident.
func (t Template) Check() (faults []Fault) {
	if !languageTag.MatchString(t.Language) {
		faults = append(faults, Fault{Field: "language", Detail: fmt.Sprintf("%q is no language tag: use one such as de, or de-CH", t.Language)})
	}
	parts := partsOf[t.Channel]
	if parts == nil {
		faults = append(faults, Fault{Field: "channel", Detail: fmt.Sprintf("messages on %q have no templates: use sms, push, email or voice", t.Channel)})
	}
	if t.Purpose != Page && t.Purpose != StillOn {
		faults = append(faults, Fault{Field: "purpose", Detail: fmt.Sprintf("%q has no templates: use page or still_on", t.Purpose)})
	}
	if len(faults) > 0 {
		return faults
	}
	empty := true
	for _, part := range []Part{TitlePart, TextPart, OptionsPart} {
		source := t.Part(part)
		switch {
		case source == "":
			continue
		case !slices.Contains(parts, part):
			faults = append(faults, Fault{Field: string(part), Detail: fmt.Sprintf("a message on %s has no %s; it has %s", t.Channel, part, listed(parts))})
		default:
			for _, f := range t.checkPart(part, source) {
				f.Field = string(part)
				faults = append(faults, f)
			}
		}
		empty = false
	}
	if empty {
		faults = append(faults, Fault{Field: string(TextPart), Detail: fmt.Sprintf("the template is empty: write %s, or delete it to have the built-in words", listed(parts))})
	}
	return faults
}

func listed[T ~string](parts []T) string {
	var texts []string
	for _, p := range parts {
		texts = append(texts, string(p))
	}
	return strings.Join(texts, ", ")
}

func (t Template) checkPart(part Part, source string) []Fault {
	parsed, faults := parsePart(part, source)
	if len(faults) > 0 {
		return faults
	}
	at := place{strings.ToLower(t.Language), t.Channel, t.Purpose, part}
	told := map[string]bool{}
	for _, sample := range Hostile(t.Language, t.Channel, t.Purpose) {
		text, err := render(parsed, at, sample.Message)
		if errors.Is(err, errSeveral) {
			continue
		}
		if n := Segments(text); err == nil && sample.plain && t.Channel == SMS && n > maxSegments {
			err = fmt.Errorf("takes %d segments, the limit is %d: say less", n, maxSegments)
		}
		if err == nil {
			continue
		}
		f := Fault{Detail: err.Error()}
		if at, ok := errors.AsType[Fault](err); ok {
			f = at
		} else {
			f.Detail += fmt.Sprintf(" (found with %s)", sample.Name)
		}
		if !told[err.Error()] && len(faults) < 3 {
			told[err.Error()] = true
			faults = append(faults, f)
		}
	}
	return faults
}

// parsePart reads a template and says what is wrong with it before it makes anything.
func parsePart(part Part, source string) (*template.Template, []Fault) {
	if len(source) > maxTemplate {
		return nil, []Fault{{Detail: fmt.Sprintf("has %d bytes, the limit is %d", len(source), maxTemplate)}}
	}
	if !utf8.ValidString(source) {
		return nil, []Fault{{Detail: "is not UTF-8: save it as such"}}
	}
	source = strings.ReplaceAll(source, "\r\n", "\n")
	for i, r := range source {
		if r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Co) {
			return nil, []Fault{{Line: lineOf(source, i), Detail: fmt.Sprintf("has the control character %U: take it out", r)}}
		}
	}
	t, err := template.New(string(part)).Option("missingkey=error").Funcs(functions).Parse(source)
	if err != nil {
		return nil, []Fault{parsing(err)}
	}
	w := walk{source: source, variables: map[string]dot{"$": aMessage}}
	if len(t.Templates()) > 1 {
		w.fault(0, "{{define}} and {{block}} are not taken: write the text itself")
	}
	if t.Tree == nil || t.Root == nil {
		return nil, []Fault{{Detail: "is empty: write a text, or leave the field out to have the built-in words"}}
	}
	w.node(t.Root, aMessage)
	if len(w.faults) > 0 {
		return nil, w.faults
	}
	return t, nil
}

func lineOf(source string, at int) int { return 1 + strings.Count(source[:min(at, len(source))], "\n") }

var (
	parseError   = regexp.MustCompile(`(?s)^template: [a-z]+:(\d+):(?:\d+:)? ?(.*)$`)
	executeError = regexp.MustCompile(`(?s)^template: [a-z]+:(\d+):\d+: executing "[a-z]+" at (<.*>): (.*)$`)
	unknownCall  = regexp.MustCompile(`function "(.*)" not defined`)
)

// parsing makes a Fault of what package template says.
func parsing(err error) Fault {
	m := parseError.FindStringSubmatch(err.Error())
	if m == nil {
		return Fault{Detail: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	detail := m[2]
	if name := unknownCall.FindStringSubmatch(detail); name != nil {
		detail = noFunction(name[1])
	}
	return Fault{Line: line, Detail: detail}
}

// execution does so for what happens while a text is made.
func execution(err error) error {
	if errors.Is(err, errTooLong) {
		return errTooLong
	}
	m := executeError.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, _ := strconv.Atoi(m[1])
	return Fault{Line: line, Detail: m[2] + ": " + m[3]}
}

// The functions of package template that are harmless. Those that put texts together or ask for parts of
// values are not among them: see functions.
var builtin = []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len"}

func noFunction(name string) string {
	known := slices.Clone(builtin)
	for own := range functions {
		known = append(known, own)
	}
	slices.Sort(known)
	return fmt.Sprintf("there is no function %q; there are %s", name, listed(known))
}

// dot is what a dot stands for.
type dot int

const (
	aText dot = iota // or a number
	aMessage
	anIncident // one of .Also
)

var fieldNames = map[dot][]string{aMessage: namesOf(reflect.TypeFor[fields]()), anIncident: namesOf(reflect.TypeFor[namedFields]())}

func namesOf(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		names = append(names, f.Name)
	}
	return names
}

// walk looks through a template for what only shows when it is rendered, or never ends.
type walk struct {
	source    string
	variables map[string]dot
	ranges    int
	faults    []Fault
}

func (w *walk) fault(at parse.Pos, format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, Fault{Line: lineOf(w.source, int(at)), Detail: fmt.Sprintf(format, args...)})
	}
}

func (w *walk) node(n parse.Node, d dot) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, below := range n.Nodes {
				w.node(below, d)
			}
		}
	case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
	case *parse.ActionNode:
		w.pipe(n.Pipe, d)
	case *parse.IfNode:
		w.pipe(n.Pipe, d)
		w.node(n.List, d)
		w.node(n.ElseList, d)
	case *parse.WithNode:
		w.pipe(n.Pipe, d)
		w.node(n.List, aText)
		w.node(n.ElseList, d)
	case *parse.RangeNode:
		w.loop(n, d)
	default:
		w.fault(n.Position(), "%s is not taken here: use fields, functions, {{if}}, {{with}} and {{range .Also}}", n)
	}
}

// loop takes {{range .Also}}, and no loop in it: nothing else has an end that is near.
func (w *walk) loop(n *parse.RangeNode, d dot) {
	if source := w.ranged(n); source != ".Also" && source != "$.Also" {
		w.fault(n.Position(), "{{range %s}} is not taken: only {{range .Also}}, the other incidents, is", source)
		return
	}
	if w.ranges++; w.ranges > 1 {
		w.fault(n.Position(), "a {{range}} within another is not taken")
	}
	for i, v := range n.Pipe.Decl {
		kind := anIncident
		if len(n.Pipe.Decl) == 2 && i == 0 {
			kind = aText // the number of it
		}
		w.variables[v.Ident[0]] = kind
	}
	for _, c := range n.Pipe.Cmds {
		w.command(c, d)
	}
	w.node(n.List, anIncident)
	w.ranges--
	w.node(n.ElseList, d)
}

// ranged is what a loop goes over.
func (w *walk) ranged(n *parse.RangeNode) string {
	var over []string
	for _, c := range n.Pipe.Cmds {
		over = append(over, c.String())
	}
	return strings.Join(over, " | ")
}

func (w *walk) pipe(p *parse.PipeNode, d dot) {
	for _, v := range p.Decl {
		w.variables[v.Ident[0]] = aText
	}
	for _, c := range p.Cmds {
		w.command(c, d)
	}
}

func (w *walk) command(c *parse.CommandNode, d dot) {
	for _, arg := range c.Args {
		switch arg := arg.(type) {
		case *parse.FieldNode:
			w.field(arg.Position(), arg.Ident, d)
		case *parse.VariableNode:
			if len(arg.Ident) > 1 {
				w.field(arg.Position(), arg.Ident[1:], w.variables[arg.Ident[0]])
			}
		case *parse.IdentifierNode:
			if _, own := functions[arg.Ident]; !own && !slices.Contains(builtin, arg.Ident) {
				w.fault(arg.Position(), "%s", noFunction(arg.Ident))
			}
		case *parse.PipeNode:
			w.pipe(arg, d)
		case *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
		case *parse.DotNode:
			if d != aText {
				w.fault(arg.Position(), "{{.}} alone stands for all fields here: name one, such as {{.Key}}")
			}
		default:
			w.fault(arg.Position(), "%s is not taken here: use fields such as .Key, texts and numbers", arg)
		}
	}
}

func (w *walk) field(at parse.Pos, names []string, d dot) {
	path := "." + strings.Join(names, ".")
	switch known := fieldNames[d]; {
	case d == aText:
		w.fault(at, "%s has no meaning where the dot is a text, as within {{with}}: write $%s for the message's", path, path)
	case !slices.Contains(known, names[0]):
		w.fault(at, "there is no field .%s%s; there are .%s", names[0], similar(names[0], known), strings.Join(known, ", ."))
	case len(names) > 1:
		w.fault(at, "%s: .%s has no fields; of the other incidents write {{range .Also}}{{.Key}}{{end}}", path, names[0])
	}
}

// similar asks whether another name was meant.
func similar(name string, known []string) string {
	for _, k := range known {
		if strings.EqualFold(k, name) || len(name) > 3 && (strings.HasPrefix(k, name[:3]) || strings.HasSuffix(k, name[len(name)-3:])) {
			return fmt.Sprintf(": do you mean .%s?", k)
		}
	}
	return ""
}

// Sample is a message to try words with.
type Sample struct {
	Name    string
	Message Message
	plain   bool // as most incidents are
}

// Hostile are messages that words have to stand: every script, what is empty, what is long, many incidents.
func Hostile(language string, channel Channel, purpose Purpose) (all []Sample) {
	base := Message{Language: language, Channel: channel, Purpose: purpose, Key: "HOT-1234", Severity: 1, Summary: "Disk full on db1", Service: "bitbucket", Role: english.manager, Code: "482913"}
	add := func(name string, plain bool, change func(*Message)) {
		m := base
		change(&m)
		all = append(all, Sample{name, m, plain})
	}
	add("an ordinary incident", true, func(*Message) {})
	for _, s := range []struct{ name, text string }{
		{"German letters", "Platte voll auf db1: Größe überschritten "}, {"Cyrillic letters", "Диск заполнен на db1 "}, {"Greek letters", "Ο δίσκος γέμισε "},
		{"Arabic letters", "القرص ممتلئ على الخادم "}, {"Hebrew letters", "הדיסק מלא בשרת "}, {"Devanagari", "डिस्क भर गई है "}, {"Thai letters", "ดิสก์เต็มแล้ว "},
		{"Chinese characters", "数据库磁盘已满 "}, {"Korean letters", "디스크가 가득 찼습니다 "}, {"emoji", "🔥🔥 db1 👩‍🚒 "}, {"flags and skin tones", "🇩🇪👍🏽👍🏿 "}, {"combining marks", "e\u0301\u0323a\u0308 "},
		{"characters of GSM's extension", "[{~}] ^|\\ €uro "}, {"typographic quotes", "“db1” – it’s full… "}, {"digits", "1 2 3 of 4 replicas "}, {"templates", "{{.Key}} {{range 9}} %s %d "},
		{"control characters", "Disk\x00 full\x1b[31m\r\n\ton\u202e db1\u2028 "}, {"one character", "x"},
	} {
		add("a summary in "+s.name, false, func(m *Message) { m.Summary = s.text })
		add("a long summary in "+s.name, false, func(m *Message) { m.Summary, m.Severity = strings.Repeat(s.text, 2000/len(s.text)), 2 })
	}
	add("one long word", false, func(m *Message) { m.Summary = strings.Repeat("a", 3000) })
	add("nothing but key, severity and code", false, func(m *Message) { m.Summary, m.Service, m.Role = "", "", "" })
	add("a long key", false, func(m *Message) { m.Key, m.Severity = "INCIDENT-1234567", 3 })
	add("a team that is paged in", false, func(m *Message) { m.Role, m.Reason = "dba", "restore needed" })
	add("long service, role and reason", false, func(m *Message) {
		m.Service, m.Role, m.Reason = strings.Repeat("service-", 20), strings.Repeat("role ", 20), strings.Repeat("because ", 100)
	})
	for _, n := range []int{1, 4, 299} {
		for _, wild := range []bool{false, true} {
			add(fmt.Sprintf("%d incidents", n+1), false, func(m *Message) {
				for i := range n {
					other := Named{Key: fmt.Sprintf("HOT-%d", 1235+i), Severity: 1 + i%3, Summary: "Replica lag"}
					if wild { // the keys are in no row
						other = Named{Key: fmt.Sprintf("HOT-%d", 1300+7*i), Severity: 3, Summary: strings.Repeat("磁盘🔥 ", 30)}
					}
					m.Also = append(m.Also, other)
				}
			})
		}
	}
	return all
}

// CanonicalTag writes a language tag as BCP 47 recommends, "de-CH", so that no language is stored twice.
func CanonicalTag(tag string) string {
	parts := strings.Split(tag, "-")
	for i, p := range parts {
		switch {
		case i > 0 && len(p) == 2:
			parts[i] = strings.ToUpper(p)
		case i > 0 && len(p) == 4:
			parts[i] = strings.ToUpper(p[:1]) + strings.ToLower(p[1:])
		default:
			parts[i] = strings.ToLower(p)
		}
	}
	return strings.Join(parts, "-")
}
