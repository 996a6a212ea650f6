package intake

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
)

// maxFormFields is how many values of a form, or of a query, are read.
const maxFormFields = 200

// form holds the values of a form or a query by name.
type form map[string][]string

// payload is what a sender sent that may send JSON or a form, by whatever content type: v is the JSON value,
// and filled the form if the body looks like one instead. odd says what is missing, see decodeOrBeginning.
func payload(contentType string, body []byte, whole bool) (v any, filled form, odd *partial) {
	begin := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\uFEFF")), " \t\r\n")
	isJSON := len(begin) == 0 || strings.IndexByte(`{["`, begin[0]) >= 0
	boundary := boundaryOf(contentType, begin)
	if isJSON || boundary == "" && bytes.IndexByte(begin, '=') < 0 {
		v, _, odd = decodeOrBeginning(body, whole)
		return v, nil, odd
	}
	if boundary != "" {
		filled, odd = readParts(body, boundary)
	} else {
		filled = readPairs(string(body))
	}
	if !whole {
		odd = &partial{why: fmt.Errorf("longer than %d KiB", len(body)>>10)}
	}
	return nil, filled, odd
}

// boundaryOf is what parts a multipart form, "" if the body is none. A body may be one that does not say so.
func boundaryOf(contentType string, body []byte) string {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err == nil && strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "" {
		return parameters["boundary"]
	}
	line, _, _ := bytes.Cut(body[:min(len(body), 100)], []byte("\n"))
	boundary, ok := bytes.CutPrefix(bytes.TrimRight(line, "\r"), []byte("--"))
	if !ok || len(boundary) == 0 || len(boundary) > 70 { // RFC 2046 §5.1.1
		return ""
	}
	return string(boundary)
}

// readParts reads a multipart form; odd is not nil if it breaks off.
func readParts(body []byte, boundary string) (filled form, odd *partial) {
	filled = form{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxFormFields {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return filled, nil
		}
		if err != nil {
			return filled, &partial{why: errors.New("a form that breaks off")}
		}
		value, err := io.ReadAll(part)
		filled[part.FormName()] = append(filled[part.FormName()], string(value))
		if err != nil {
			return filled, &partial{why: errors.New("a form that breaks off"), where: oneLine(part.FormName())}
		}
	}
	return filled, nil
}

// readPairs reads a form as browsers and curl send it (application/x-www-form-urlencoded), or a query. What
// is escaped wrongly is taken as it stands.
func readPairs(text string) form {
	filled, n := form{}, 0
	for pair := range strings.SplitSeq(text, "&") {
		if n++; n > maxFormFields {
			break
		}
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		if name != "" {
			filled[name] = append(filled[name], value)
		}
	}
	return filled
}

// object is the form as if it had come as JSON: the first value of each name.
func (f form) object() map[string]any {
	object := make(map[string]any, len(f))
	for name, values := range f {
		object[name] = values[0]
	}
	return object
}

// keyNames are the parameters in which a sender may show its key, see shown.
var keyNames = []string{"token", "key", "apiKey", "api_key", "integrationKey"}

// keys are what the form shows as its sender's key, nil if nothing.
func (f form) keys() (shown []string) {
	for _, name := range keyNames {
		shown = append(shown, f[name]...)
	}
	return shown
}

// withoutKeys is the form as text, without the sender's key, which is not to be kept beside an incident.
func (f form) withoutKeys() []byte {
	values := url.Values{}
	for name, all := range f {
		if !slices.Contains(keyNames, name) {
			values[name] = all
		}
	}
	return []byte(values.Encode())
}
