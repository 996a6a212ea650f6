package rosters

import (
	"errors"
	"fmt"
	"strings"
)

// FieldError says what is wrong with one field of something that is to be saved.
type FieldError struct {
	Field   string // JSON pointer (RFC 6901) from the value that was checked, "/rotations/0/rule"
	Value   string // as it was given, shortened; of an address only enough to recognise it
	Problem string // what is wrong, with the limit, and what to write instead
}

func (e FieldError) Error() string { return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Problem) }

// FieldErrors is what Validate and Compile return: all that is wrong, in the order of the fields,
// never empty. Get at them with errors.As.
type FieldErrors []FieldError

func (es FieldErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// orNil is es as an error that is nil if there are none.
func (es FieldErrors) orNil() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

const shownValue = 100 // bytes of a value in an error

// field notes what is wrong with a field, nothing if err is nil.
func (es *FieldErrors) field(path, value string, err error) {
	if err == nil {
		return
	}
	if len(value) > shownValue {
		value = strings.ToValidUTF8(value[:shownValue], "") + "…"
	}
	*es = append(*es, FieldError{path, value, err.Error()})
}

// refuse is field with the problem's wording.
func (es *FieldErrors) refuse(path string, value any, problem string, args ...any) {
	es.field(path, fmt.Sprint(value), fmt.Errorf(problem, args...))
}

// below takes over what is wrong with a part, whose paths begin at the part.
func (es *FieldErrors) below(path string, err error) {
	var part FieldErrors
	if !errors.As(err, &part) {
		es.field(path, "", err)
		return
	}
	for _, e := range part {
		e.Field = path + e.Field
		*es = append(*es, e)
	}
}
