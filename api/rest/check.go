package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rouse/api/problem"
)

// check holds a request against its operation: the parameters, and the body, which it reads. The body
// of what it returns gives handlers the value that was checked.
func (c *contract) check(op *operation, w http.ResponseWriter, r *http.Request, path map[string]string) (*http.Request, *problem.Problem) {
	found := faults{contract: c}
	found.params(op, r, path)
	if op.Body != nil {
		text, value, p := readBody(op.Body, w, r)
		if p != nil {
			return r, p
		}
		r = r.Clone(r.Context())
		r.Body = http.NoBody
		if text != nil {
			found.value(op.Body.Schema, value, "")
			r.Body = checkedBody{io.NopCloser(bytes.NewReader(text)), text, value}
		}
	}
	if len(found.fields) > 0 {
		return r, invalid(found.fields)
	}
	return r, nil
}

// invalid is the problem of fields that are wrong.
func invalid(fields []problem.Field) *problem.Problem {
	first := fields[0]
	between := " "
	if strings.HasPrefix(first.Detail, "there is") { // a sentence of its own
		between = ": "
	}
	detail := strings.TrimSpace(first.Pointer + first.Parameter + between + first.Detail)
	if more := len(fields) - 1; more > 0 {
		detail += fmt.Sprintf(", and %d more", more)
	}
	return problem.Validation.Because("%s.", strings.TrimSuffix(detail, ".")).With(fields...)
}

// faults collects what is wrong with a request.
type faults struct {
	contract *contract
	fields   []problem.Field
}

// maxFaults are listed at most: nobody reads more.
const maxFaults = 50

func (f *faults) add(field problem.Field) {
	if len(f.fields) < maxFaults {
		f.fields = append(f.fields, field)
	}
}

func (f *faults) params(op *operation, r *http.Request, path map[string]string) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		f.add(problem.Field{Parameter: "query", Detail: "is not well-formed: a % or a ; must be written as %25 or %3B"})
	}
	known := []string{}
	for _, p := range op.Params {
		var given []string
		switch p.In {
		case "path":
			given = []string{path[p.Name]}
		case "query":
			given = query[p.Name]
			known = append(known, p.Name)
		case "header":
			given = r.Header.Values(p.Name)
		}
		f.param(p, given)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			f.add(problem.Field{Parameter: shortened(name), Detail: "is not a parameter here" + listed("; there is ", known)})
		}
	}
}

func (f *faults) param(p param, given []string) {
	s := f.resolved(p.Schema)
	switch {
	case len(given) == 0 && p.Required:
		f.add(problem.Field{Parameter: p.Name, Detail: "is missing"})
	case len(given) > 1 && s.Type != "array":
		f.add(problem.Field{Parameter: p.Name, Detail: "is given more than once"})
	case s.Type == "array" && s.MaxItems != nil && len(given) > *s.MaxItems:
		f.add(problem.Field{Parameter: p.Name, Detail: fmt.Sprintf("is given %d times; the limit is %d", len(given), *s.MaxItems)})
	default:
		if s.Type == "array" {
			s = f.resolved(s.Items)
		}
		for _, text := range given {
			of := faults{contract: f.contract}
			var value any = text
			switch {
			case s.Type == "integer":
				value = json.Number(text)
			case s.Type == "boolean" && (text == "true" || text == "false"):
				value = text == "true"
			}
			of.value(s, value, "")
			for _, field := range of.fields {
				field.Parameter, field.Pointer = p.Name, ""
				f.add(field)
			}
		}
	}
}

func (f *faults) resolved(s *schema) *schema {
	for s.Ref != "" {
		s = f.contract.Schemas[s.Ref]
	}
	return s
}

// value checks a decoded JSON value, at a pointer into the body.
func (f *faults) value(s *schema, value any, at string) {
	s = f.resolved(s)
	for _, part := range s.AllOf {
		f.value(part, value, at)
	}
	if s.Type == "" {
		return
	}
	bad := func(shown, detail string, args ...any) {
		f.add(problem.Field{Pointer: at, Value: shortened(shown), Detail: fmt.Sprintf(detail, args...)})
	}
	switch v := value.(type) {
	case string:
		if s.Type == "string" {
			f.text(s, v, bad)
			return
		}
	case json.Number:
		if s.Type == "integer" {
			wholeNumber(s, v, bad)
			return
		}
	case bool:
		if s.Type == "boolean" {
			return
		}
	case []any:
		if s.Type == "array" {
			f.list(s, v, at, bad)
			return
		}
	case map[string]any:
		if s.Type == "object" {
			f.object(s, v, at)
			return
		}
	}
	bad("", "must be %s, not %s", kindOf[s.Type], kindOfValue(value))
}

var kindOf = map[string]string{"string": "a text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "an object"}

func kindOfValue(value any) string {
	switch value.(type) {
	case string:
		return kindOf["string"]
	case json.Number:
		return "a number"
	case bool:
		return kindOf["boolean"]
	case []any:
		return kindOf["array"]
	case map[string]any:
		return kindOf["object"]
	default:
		return "null"
	}
}

type refusal func(shown, detail string, args ...any)

func (f *faults) text(s *schema, v string, bad refusal) {
	length := utf8.RuneCountInString(v)
	switch {
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		bad("", "must be UTF-8 without NUL")
	case s.MaxLength != nil && length > *s.MaxLength:
		bad("", "is %d characters long; the limit is %d", length, *s.MaxLength)
	case length < s.MinLength && s.MinLength == 1:
		bad("", "must not be empty")
	case length < s.MinLength:
		bad(v, "must be at least %d characters long", s.MinLength)
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		bad(v, "must be one of %s", strings.Join(s.Enum, ", "))
	case s.matches != nil && !s.matches.MatchString(v):
		bad(v, "%s", s.mustMatch())
	case s.Format == "date-time":
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			bad(v, "must be a time such as 2026-01-05T09:00:00Z or 2026-01-05T09:00:00+01:00 (RFC 3339; in a query write + as %%2B)")
		}
	}
}

func (s *schema) mustMatch() string {
	if s.Must != "" {
		return s.Must
	}
	return "must match " + s.Pattern
}

func wholeNumber(s *schema, v json.Number, bad refusal) {
	n, err := strconv.ParseInt(v.String(), 10, 64)
	switch {
	case err != nil:
		bad(v.String(), "must be a whole number")
	case s.Minimum != nil && s.Maximum != nil && (n < *s.Minimum || n > *s.Maximum):
		bad(v.String(), "must be %d to %d", *s.Minimum, *s.Maximum)
	case s.Minimum != nil && n < *s.Minimum:
		bad(v.String(), "must be at least %d", *s.Minimum)
	case s.Maximum != nil && n > *s.Maximum:
		bad(v.String(), "must be at most %d", *s.Maximum)
	}
}

func (f *faults) list(s *schema, v []any, at string, bad refusal) {
	switch {
	case s.MaxItems != nil && len(v) > *s.MaxItems:
		bad("", "has %d elements; the limit is %d", len(v), *s.MaxItems)
		return
	case len(v) < s.MinItems:
		bad("", "must have at least %d elements", s.MinItems)
	}
	for i, element := range v {
		f.value(s.Items, element, at+"/"+strconv.Itoa(i))
	}
}

func (f *faults) object(s *schema, v map[string]any, at string) {
	for _, name := range slices.Sorted(maps.Keys(v)) {
		pointer := at + "/" + pointerEscape.Replace(name)
		switch property, known := s.Properties[name]; {
		case known && property.ReadOnly: // may be sent back as it was read, and nobody looks at it
			delete(v, name)
		case known:
			f.value(property, v[name], pointer)
		case !s.Open:
			f.add(problem.Field{Pointer: shortened(pointer), Detail: "is not a field here" + listed("; there is ", s.writable())})
		}
	}
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			f.add(problem.Field{Pointer: at + "/" + name, Detail: "is missing"})
		}
	}
}

func (s *schema) writable() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !s.Properties[name].ReadOnly {
			names = append(names, name)
		}
	}
	return names
}

// pointerEscape writes a name as part of a JSON pointer (RFC 6901 §3).
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func listed(before string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return before + strings.Join(names, ", ")
}

func shortened(value string) string {
	const shown = 100
	if len(value) <= shown {
		return value
	}
	return strings.ToValidUTF8(value[:shown], "") + "…"
}
