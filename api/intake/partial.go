package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// partial says why a request was read in part only, and from where on something is missing.
type partial struct {
	why   error  // errTooDeep, errTooMany, a *flaw, or that the request was longer than is read
	where string // names of members from the top down, parted by dots; "" if that is not known
}

// errTooMany is a request whose values would take many times its own length in memory.
var errTooMany = errors.New("made of more values than are read")

// note tells people what is missing, for the details of an alert; "" for nil, as nothing is.
func (p *partial) note() string {
	if p == nil {
		return ""
	}
	what := p.why.Error()
	if _, ok := errors.AsType[*flaw](p.why); ok {
		what = "not JSON: " + what
	}
	text := "Not all of the request was read. It is " + what + "."
	if p.where != "" {
		text += " What is missing stood in or behind " + p.where + "."
	}
	return text
}

// decodeOrBeginning reads a request that is to become an alert, whatever is wrong with it. It is decode
// where that works: odd is nil then, and proper is the text after mending. What was cut off (whole is
// false), is not JSON, or would take too much memory is read as far as it goes: v is nil if nothing could
// be, proper is nil, and odd.note is for the details of the alert.
func decodeOrBeginning(body []byte, whole bool) (v any, proper []byte, odd *partial) {
	odd = &partial{}
	switch {
	case !whole:
		odd.why = fmt.Errorf("longer than %d KiB", len(body)>>10)
	case weigh(body) > allowance(len(body)):
		odd.why = errTooMany
	default:
		if v, proper, odd.why = decode(body); odd.why == nil {
			return v, proper, nil
		}
	}
	v, odd.where = readBeginning(body)
	return v, nil, odd
}

// What a decoded value takes in memory, beside its text, about and rather too much: an object has room for
// eight members from its first on. Measured in TestBeginningTakesLittleMemory.
const (
	objectWeight = 350 // bytes
	valueWeight  = 64  // bytes: of a member, an element, a list
)

// allowance is how many bytes the values of a request may take: eight times its length, and in a short one as
// much as two thousand small objects need.
func allowance(length int) int { return max(8*length, 1<<20) }

// weigh estimates the bytes that the values of a JSON text will take, also of a text that is no JSON.
func weigh(body []byte) (weight int) {
	inString := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString: // brackets are text here
		case c == '{':
			weight += objectWeight
		case c == ',' || c == '[':
			weight += valueWeight
		}
	}
	return weight
}

// beginning reads a JSON text as far as it goes.
type beginning struct {
	text   []byte
	tokens *json.Decoder
	left   int      // bytes that its values may still take
	path   []string // names of the members that are being read
	where  string   // the first place where something is missing
	whole  bool     // of a list, an element that the text ends in is left out
}

// readBeginning reads what it can of a JSON value that was cut off, or is none from some place on: what stands
// complete before that, and the beginning of the string that it ends in. Numbers are json.Number; v is nil if
// there is nothing. where is the first place where something is missing.
func readBeginning(body []byte) (v any, where string) { return newBeginning(body).read() }

// readElements is readBeginning, with those elements of lists alone that are whole.
func readElements(body []byte) any {
	b := newBeginning(body)
	b.whole = true
	v, _ := b.read()
	return v
}

func newBeginning(body []byte) *beginning {
	text := mend(body)
	b := &beginning{text: text, tokens: json.NewDecoder(bytes.NewReader(text)), left: allowance(len(body))}
	b.tokens.UseNumber()
	return b
}

func (b *beginning) read() (v any, where string) {
	v, whole := b.value()
	if !whole {
		b.missing()
	}
	if v == (nothing{}) {
		return nil, b.where
	}
	return v, b.where
}

// missing notes that something is missing from here on.
func (b *beginning) missing() {
	if b.where == "" {
		b.where = cut(oneLine(strings.ReplaceAll(strings.Join(b.path, "."), ".[]", "[]")), maxDedup)
	}
}

// nothing stands for a value that could not be read, or is left out. It is not null.
type nothing struct{}

// value reads a value. whole is false if the text ends in it, or makes no sense from somewhere in it on.
func (b *beginning) value() (v any, whole bool) {
	token, err := b.tokens.Token()
	if err != nil {
		return b.cutString(), false
	}
	switch token {
	case json.Delim('{'):
		if len(b.path) == maxDepth || !b.room(objectWeight+valueWeight) {
			return b.skip()
		}
		return b.object()
	case json.Delim('['):
		if len(b.path) == maxDepth || !b.room(valueWeight) {
			return b.skip()
		}
		return b.list()
	}
	if _, number := token.(json.Number); number && int(b.tokens.InputOffset()) == len(b.text) {
		return nothing{}, false // its last digits may be missing
	}
	if !b.room(valueWeight) {
		b.missing()
		return nothing{}, true
	}
	return token, true
}

// room tells whether there is room for a value here, and takes it. An eighth of the allowance is for what
// stands at the top, which says most and may come last.
func (b *beginning) room(weight int) bool {
	reserve := 0
	if len(b.path) > 2 || len(b.path) > 0 && b.path[0] == "[]" {
		reserve = allowance(len(b.text)) / 8
	}
	if b.left-weight < reserve {
		return false
	}
	b.left -= weight
	return true
}

func (b *beginning) object() (map[string]any, bool) {
	object := map[string]any{}
	b.path = append(b.path, "")
	for b.tokens.More() {
		name, err := b.tokens.Token()
		if err != nil {
			return object, false
		}
		b.path[len(b.path)-1] = name.(string) // between members nothing else is a token
		v, whole := b.value()
		if v != (nothing{}) {
			object[name.(string)] = v
		}
		if !whole {
			return object, false
		}
	}
	return object, b.end()
}

func (b *beginning) list() ([]any, bool) {
	list := []any{}
	b.path = append(b.path, "[]")
	for b.tokens.More() {
		v, whole := b.value()
		if v != (nothing{}) && (whole || !b.whole) {
			list = append(list, v)
		}
		if !whole {
			return list, false
		}
	}
	return list, b.end()
}

// end reads the closing bracket.
func (b *beginning) end() bool {
	if _, err := b.tokens.Token(); err != nil {
		return false
	}
	b.path = b.path[:len(b.path)-1]
	return true
}

// maxSkipped is how deep brackets may be nested in what is left out; what is deeper is not read on.
const maxSkipped = 1000

// skip leaves out the list or object that was opened last.
func (b *beginning) skip() (v any, whole bool) {
	b.missing()
	for open := 1; open > 0; {
		if open > maxSkipped {
			return nothing{}, false
		}
		token, err := b.tokens.Token()
		if err != nil {
			return nothing{}, false
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
	return nothing{}, true
}

// cutString is the beginning of the string that the text ends in, nothing if it does not end in one.
func (b *beginning) cutString() any {
	rest := bytes.TrimLeft(b.text[b.tokens.InputOffset():], " \t\r\n,:")
	if len(rest) < 2 || rest[0] != '"' {
		return nothing{}
	}
	var s string
	if err := json.Unmarshal(append(bytes.Clone(rest), '"'), &s); err != nil { // it has an end, and is odd elsewhere
		return nothing{}
	}
	return s + "…"
}
