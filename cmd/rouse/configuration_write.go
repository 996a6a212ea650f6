package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// configurationHead stands above what is exported. There is no date in it: what did not change is the same file.
const configurationHead = `# The configuration of %s: teams, people, rosters, policies, services, rules and severities.
# Phone numbers and push topics stand in it: keep it where only those see it who may.
#
#   rouse plan -f rouse.yaml      what a change of this file would do; nothing is saved
#   rouse apply -f rouse.yaml     do it, as a whole
#
# Within a section the file is the whole: what is not in it is deleted. A section that is left out stays as it is.

`

// writeConfiguration writes as YAML what GET /v1/configuration answered: in block style, a line for each value,
// and without fields that are empty.
//
// It is not the library's writer because that writes every character beyond U+FFFF as \U00020BB7: there are
// people whose name has one.
func writeConfiguration(w io.Writer, of string, raw json.RawMessage) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value map[string]any
	if err := d.Decode(&value); err != nil {
		return err
	}
	var out yamlWriter
	fmt.Fprintf(&out, configurationHead, oneLine(of))
	all := configurationShape()
	for _, section := range all.sorted(value) {
		if empty(value[section]) { // there are none, which is not the same as saying nothing
			fmt.Fprintf(&out, "%s: []\n", section)
			continue
		}
		out.field(all.of(section), section, value[section], "", "")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// yamlWriter writes values one below the other.
type yamlWriter struct{ strings.Builder }

// field writes a field behind what its line begins with; what belongs to it is indented.
func (w *yamlWriter) field(s *shape, name string, value any, begins, indent string) {
	w.WriteString(begins + yamlText(name) + ":")
	w.value(s, value, indent+"  ")
}

// value writes what a field has: behind it, or on lines of its own.
func (w *yamlWriter) value(s *shape, value any, indent string) {
	switch v := value.(type) {
	case map[string]any:
		w.WriteString("\n")
		w.fields(s, v, indent, indent)
	case []any:
		w.WriteString("\n")
		for _, element := range v {
			w.element(s.element(), element, indent)
		}
	default:
		w.WriteString(" " + yamlScalar(v) + "\n")
	}
}

func (w *yamlWriter) element(s *shape, value any, indent string) {
	if object, ok := value.(map[string]any); ok && !empty(object) {
		w.fields(s, object, indent+"- ", indent+"  ")
		return
	}
	w.WriteString(indent + "- " + yamlScalar(value) + "\n")
}

// fields writes those of an object; the first line may begin otherwise than the rest.
func (w *yamlWriter) fields(s *shape, object map[string]any, begins, indent string) {
	for _, name := range s.sorted(object) {
		if !empty(object[name]) {
			w.field(s.of(name), name, object[name], begins, indent)
			begins = indent
		}
	}
}

func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, field := range v {
			if !empty(field) {
				return false
			}
		}
		return true
	}
	return false
}

func yamlScalar(value any) string {
	switch v := value.(type) {
	case string:
		return yamlText(v)
	case []any, map[string]any: // in a list, where this version knows none
		text, _ := json.Marshal(v) // it was JSON, and JSON is YAML
		return string(text)
	}
	return fmt.Sprint(value) // a number or a truth, which YAML writes as JSON does
}

// What stands without quotes: what begins with a letter and has nothing in it that means something to some
// reader of YAML, and durations. A word may be a truth to one, and a date or 09:00 a number.
var (
	unquoted = regexp.MustCompile(`^\p{L}([\p{L}\p{M}\p{N}_./+@=;,() -]*[\p{L}\p{M}\p{N}_./+@=;)-])?$`)
	duration = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(h|ms|m|s))+$`)
	truths   = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

func yamlText(text string) string {
	if unquoted.MatchString(text) && !truths.MatchString(text) || duration.MatchString(text) {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r > unicode.MaxLatin1 && r != '\ufeff' && r != '\u2028' && r != '\u2029' && r&0xfffe != 0xfffe, unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
