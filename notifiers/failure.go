package notifiers

import (
	"errors"
	"fmt"
	"strings"
)

// Error says what happened in one line, fit for a log: who refused, in plain words, the provider's
// code and what it means for the next try. Anything that looks like a phone number is masked.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(f.Provider)
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	if f.Err != nil {
		b.WriteString(": " + f.Err.Error())
	}
	about := []string{string(f.Kind)}
	if f.Code != "" {
		about = append(about, "code "+f.Code)
	}
	if f.RetryAfter > 0 {
		about = append(about, fmt.Sprintf("retry after %s", f.RetryAfter))
	}
	b.WriteString(" (" + strings.Join(about, ", ") + ")")
	return MaskNumbers(b.String())
}

// Unwrap is the cause, nil if there is none.
func (f *Failure) Unwrap() error { return f.Err }

// KindOf is the kind of the Failure in err. Every error that is none counts as Unknown: what is not
// known to have failed may have been sent.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Kind
	}
	return Unknown
}
