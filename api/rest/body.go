package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"rouse/api/problem"
)

// The limits of a request's body.
const (
	maxBody  = 256 << 10
	maxDepth = 32
)

// checkedBody is a body that was read: runtime.BindJSONBody takes the value from it.
type checkedBody struct {
	io.ReadCloser
	text  []byte
	value any
}

// ValidatedValue is what the body held.
func (b checkedBody) ValidatedValue() any { return b.value }

// readBody reads the JSON of a request; text is nil if there is none and none is needed.
func readBody(b *body, w http.ResponseWriter, r *http.Request) (text []byte, value any, p *problem.Problem) {
	limit := maxBody
	if b.Max > 0 {
		limit = b.Max
		allowTime(w)
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, nil, problem.TooLarge.Because("The body is larger than %d bytes (%s).", limit, inUnits(limit))
	}
	if err != nil {
		return nil, nil, problem.NotJSON.Because("The body broke off before its end.")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		if b.Required {
			return nil, nil, problem.NotJSON.Because("The body is empty; a JSON object is needed.")
		}
		return nil, nil, nil
	}
	if kind := r.Header.Get("Content-Type"); kind != "" {
		if media, _, err := mime.ParseMediaType(kind); err != nil || media != "application/json" {
			return nil, nil, problem.MediaTypeUnsupported.Because("The body is sent as %.100q; send it with Content-Type: application/json.", kind)
		}
	}
	if tooDeep(text) {
		return nil, nil, problem.TooDeep.Because("The JSON is nested deeper than %d levels.", maxDepth)
	}
	if value, err = decode(text); err != nil {
		return nil, nil, problem.NotJSON.Because("The body is not JSON: %v.", err)
	}
	return text, value, nil
}

// Time for a body that may be larger than usual, and for what it asks for.
const (
	largeRead  = 2 * time.Minute
	largeWrite = 5 * time.Minute
)

// allowTime gives a request more than the server gives to all of them.
func allowTime(w http.ResponseWriter) {
	now, connection := time.Now(), http.NewResponseController(w)
	_ = connection.SetReadDeadline(now.Add(largeRead)) // where there is no connection there is no deadline
	_ = connection.SetWriteDeadline(now.Add(largeWrite))
}

func inUnits(bytes int) string {
	if bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// decode reads one JSON value, numbers as json.Number.
func decode(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&value); err == nil {
		rest := text[d.InputOffset():]
		if after := bytes.TrimLeft(rest, " \t\r\n"); len(after) > 0 {
			return nil, fmt.Errorf("%s something stands behind its end", place(text, len(text)-len(after)))
		}
		return value, nil
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, fmt.Errorf("%s %s", place(text, int(syntax.Offset)-1), strings.TrimPrefix(syntax.Error(), "json: "))
	}
	return nil, errors.New("it ends too early")
}

func place(text []byte, offset int) string {
	before := text[:min(max(offset, 0), len(text))]
	return fmt.Sprintf("line %d, column %d:", bytes.Count(before, []byte("\n"))+1, len(before)-bytes.LastIndexByte(before, '\n'))
}

// tooDeep counts brackets, leaving out those in texts, so that nothing deep is ever decoded.
func tooDeep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
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
