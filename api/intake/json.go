package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// errTooDeep is brackets nested deeper than maxDepth.
var errTooDeep = fmt.Errorf("nested deeper than %d", maxDepth)

// flaw is where and why a text is not JSON.
type flaw struct {
	line, column int // from 1; columns are bytes
	what         string
}

func (f *flaw) Error() string { return fmt.Sprintf("line %d, column %d: %s", f.line, f.column, f.what) }

// decode reads one JSON value, numbers as json.Number. What scripts often get wrong it puts right
// (mend); proper is the text after that. The error is errTooDeep, or a *flaw with the place in body.
func decode(body []byte) (v any, proper []byte, err error) {
	if tooDeep(body) {
		return nil, nil, errTooDeep
	}
	if v, err = decodeStrictly(body); err == nil {
		return v, body, nil
	}
	proper = mend(body)
	if v, e := decodeStrictly(proper); e == nil {
		return v, proper, nil
	}
	return nil, nil, err
}

// parts are the elements of a JSON list as they were sent.
func parts(list []byte) []json.RawMessage {
	var raw []json.RawMessage
	if err := json.Unmarshal(list, &raw); err != nil {
		return nil
	}
	return raw
}

func decodeStrictly(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, flawAt(body, err)
	}
	rest := body[d.InputOffset():]
	if after := bytes.TrimLeft(rest, " \t\r\n"); len(after) > 0 {
		return nil, newFlaw(body, len(body)-len(after), "something stands behind the end of the JSON value")
	}
	return v, nil
}

func flawAt(body []byte, err error) *flaw {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return newFlaw(body, int(e.Offset)-1, e.Error())
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return newFlaw(body, len(body), "the text ends too early")
	}
	return newFlaw(body, 0, "not JSON")
}

func newFlaw(body []byte, offset int, what string) *flaw {
	before := body[:min(max(offset, 0), len(body))]
	return &flaw{
		line:   bytes.Count(before, []byte("\n")) + 1,
		column: len(before) - bytes.LastIndexByte(before, '\n'),
		what:   what,
	}
}

// tooDeep counts brackets, also of a text that is no JSON.
func tooDeep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString: // brackets are text here
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// mend puts right what scripts that glue JSON together get wrong, often only on the night when the
// text has two lines: a byte order mark, line breaks and tabs within strings, backslashes that escape
// nothing, a comma behind the last element. What is JSON it leaves as it is.
func mend(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	out := make([]byte, 0, len(body)+16)
	inString := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case !inString && c == ',' && closes(body[i+1:]):
			continue
		case inString && c < ' ':
			out = append(out, control(c)...)
			continue
		case inString && c == '\\' && !escapes(body[i+1:]):
			out = append(out, '\\', '\\')
			continue
		case inString && c == '\\':
			out = append(out, c)
			i++
			c = body[i]
		case c == '"':
			inString = !inString
		}
		out = append(out, c)
	}
	return out
}

// control is what stands for a control character within a string: those that texts have stay what they are,
// the others are blanks. JSON has six bytes for one of these, too many if there are half a million.
func control(c byte) string {
	switch c {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return " "
}

// closes tells whether nothing stands before the closing bracket.
func closes(rest []byte) bool {
	rest = bytes.TrimLeft(rest, " \t\r\n")
	return len(rest) > 0 && (rest[0] == ']' || rest[0] == '}')
}

// escapes tells whether what follows a backslash makes an escape sequence (RFC 8259 §7).
func escapes(rest []byte) bool {
	if len(rest) == 0 {
		return false
	}
	if rest[0] != 'u' {
		return strings.IndexByte(`"\/bfnrt`, rest[0]) >= 0
	}
	return len(rest) >= 5 && len(bytes.Trim(rest[1:5], "0123456789abcdefABCDEF")) == 0
}

// fields are the members of a JSON object under their folded names (foldName).
type fields map[string]any

// fieldsOf folds the names. Of two that fold to the same the one that is spelled with underscores, or
// in lower case, counts.
func fieldsOf(object map[string]any) fields {
	f := make(fields, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if v := object[name]; v != nil {
			f[foldName(name)] = v
		}
	}
	return f
}

// text is the first of the named members that is not empty.
func (f fields) text(names ...string) string {
	for _, name := range names {
		if s := strings.TrimSpace(textOf(f[name])); s != "" {
			return s
		}
	}
	return ""
}
