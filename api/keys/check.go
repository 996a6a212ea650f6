package keys

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What is wrong with a key or a secret is said without showing any of it.

// foreign says what is wrong with a key that another system made.
func foreign(key string) string {
	for _, r := range key {
		if r < '!' || r > '~' {
			return "must be printable ASCII characters without spaces; check that nothing was copied along with it"
		}
	}
	if len(key) < minForeign || len(key) > maxForeign {
		return fmt.Sprintf("has %d characters; it must have %d to %d, as a shorter one could be guessed", len(key), minForeign, maxForeign)
	}
	return ""
}

// secret says what is wrong with what a sender is to sign with.
func secret(text string) string {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "must be UTF-8 without NUL"
	case strings.TrimSpace(text) != text:
		return "begins or ends with white space, with which no signature would be right; leave that out"
	case len(text) < minSecret || len(text) > maxSecret:
		return fmt.Sprintf("has %d bytes; it must have %d to %d, as a shorter one could be guessed", len(text), minSecret, maxSecret)
	}
	return ""
}

// settings reads settings of any dialect, and says what is wrong with them; what they mean is package intake's to
// check. What comes back is nil for none, and JSON that jsonb takes.
func settings(text json.RawMessage) (read json.RawMessage, problem string) {
	if len(text) == 0 {
		return nil, ""
	}
	if len(text) > maxSettings {
		return nil, fmt.Sprintf("are %d bytes of JSON; the limit is %d", len(text), maxSettings)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil || fields == nil {
		return nil, `must be a JSON object such as {"name": "value"}`
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, "must be one JSON object; something stands behind its end"
	}
	if problem := unstorable(fields, 0); problem != "" || len(fields) == 0 {
		return nil, problem
	}
	read, err := json.Marshal(fields) // what was no UTF-8 is replaced
	if err != nil || len(read) > 2*maxSettings {
		return nil, "cannot be kept as JSON"
	}
	return read, ""
}

// What is far within what jsonb takes, and beyond what any setting means.
const (
	maxExponent = 300
	maxDepth    = 16
)

// unstorable says what of a JSON value jsonb does not take, or hardly
// (https://www.postgresql.org/docs/current/datatype-json.html).
func unstorable(v any, depth int) string {
	if depth > maxDepth {
		return fmt.Sprintf("are nested deeper than %d levels", maxDepth)
	}
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return "must not contain NUL (\\u0000)"
		}
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e")
		_, tooLarge := v.Float64()
		if e, err := strconv.Atoi(cmp.Or(exponent, "0")); tooLarge != nil || err != nil || e > maxExponent || e < -maxExponent {
			return "have a number that is too large or too small"
		}
	case []any:
		for _, element := range v {
			if problem := unstorable(element, depth+1); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for name, value := range v {
			if problem := cmp.Or(unstorable(name, depth), unstorable(value, depth+1)); problem != "" {
				return problem
			}
		}
	}
	return ""
}
