package intake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rouse/engine"
	"rouse/rosters"
)

// Limits of the settings of a key.
const (
	maxTable    = 500 // entries of a table or a list
	maxSetting  = 200 // bytes of a text or a name
	shownOfThem = 100 // bytes of a value in an error
)

// settingsForm reads the settings of a key field by field, and notes what is wrong with them. What is wrong reads as
// if it were not there.
type settingsForm struct {
	fields map[string]any
	wrong  rosters.FieldErrors
}

// newSettingsForm reads settings that may have the fields of these names and no others.
func newSettingsForm(settings json.RawMessage, names ...string) *settingsForm {
	f := &settingsForm{}
	if len(settings) == 0 {
		return f
	}
	v, err := decodeStrictly(settings)
	if tooDeep(settings) {
		v, err = nil, errTooDeep
	}
	var ok bool
	if f.fields, ok = v.(map[string]any); err != nil || !ok {
		f.refuse("", string(settings), `must be a JSON object, such as {"%s": …}`, names[0])
		return f
	}
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		if !slices.Contains(names, name) {
			f.refuse(settingsPointer(name), textOf(f.fields[name]), "is not known; use one of %s", strings.Join(names, ", "))
		}
	}
	return f
}

// settingsPointer is the pointer (RFC 6901) to a field of the settings, or to a part of one.
func settingsPointer(names ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, name := range names {
		b.WriteString("/" + escape.Replace(storable(name)))
	}
	return b.String()
}

func (f *settingsForm) refuse(pointer, value, problem string, args ...any) {
	f.wrong = append(f.wrong, rosters.FieldError{Field: "/settings" + pointer, Value: cut(storable(value), shownOfThem), Problem: fmt.Sprintf(problem, args...)})
}

// text reads a text that fits; must says what it has to be.
func (f *settingsForm) text(name, must string, fits func(string) bool) string {
	v := f.fields[name]
	if v == nil {
		return ""
	}
	s, ok := v.(string)
	if !ok || len(s) > maxSetting || !fits(s) {
		f.refuse(settingsPointer(name), textOf(v), "must be %s", must)
		return ""
	}
	return s
}

// truth reads true or false; it is otherwise where it is missing.
func (f *settingsForm) truth(name string, otherwise bool) bool {
	v := f.fields[name]
	if v == nil {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		f.refuse(settingsPointer(name), textOf(v), "must be true or false")
		return otherwise
	}
	return b
}

// list reads a list of texts.
func (f *settingsForm) list(name string) (texts []string) {
	v := f.fields[name]
	if v == nil {
		return nil
	}
	elements, ok := v.([]any)
	if !ok || len(elements) > maxTable {
		f.refuse(settingsPointer(name), textOf(v), "must be a list of at most %d texts", maxTable)
		return nil
	}
	for i, element := range elements {
		s, ok := element.(string)
		if !ok || strings.TrimSpace(s) == "" || len(s) > maxSetting {
			f.refuse(settingsPointer(name, fmt.Sprint(i)), textOf(element), "must be a text of 1 to %d bytes", maxSetting)
			continue
		}
		texts = append(texts, s)
	}
	return texts
}

// table reads an object whose names are what a sender calls things, and whose values are what Rouse calls
// them. fold makes one of the ways in which a sender may write a name; value says what is wrong with a value,
// "" if nothing is.
func (f *settingsForm) table(name, what string, fold func(string) string, value func(name string, v any) (wrong string)) {
	v := f.fields[name]
	if v == nil {
		return
	}
	object, ok := v.(map[string]any)
	if !ok || len(object) > maxTable {
		f.refuse(settingsPointer(name), textOf(v), "must be an object of at most %d entries, from %s", maxTable, what)
		return
	}
	seen := map[string]string{}
	for _, theirs := range slices.Sorted(maps.Keys(object)) {
		folded := fold(theirs)
		switch other, twice := seen[folded]; {
		case folded == "" || len(theirs) > maxSetting:
			f.refuse(settingsPointer(name, theirs), theirs, "the name must have 1 to %d bytes", maxSetting)
		case twice:
			f.refuse(settingsPointer(name, theirs), theirs, "means the same as %q; leave one of the two", other)
		default:
			seen[folded] = theirs
			if wrong := value(folded, object[theirs]); wrong != "" {
				f.refuse(settingsPointer(name, theirs), textOf(object[theirs]), "%s", wrong)
			}
		}
	}
}

// err is what is wrong, as CheckSettings reports it.
func (f *settingsForm) err() error {
	if len(f.wrong) == 0 {
		return nil
	}
	return f.wrong
}

// severityNumber reads 1, 2 or 3, as a number or a text.
func severityNumber(v any) (engine.Severity, bool) {
	switch textOf(v) {
	case "1":
		return engine.Critical, true
	case "2":
		return engine.Major, true
	case "3":
		return engine.Minor, true
	}
	return 0, false
}
