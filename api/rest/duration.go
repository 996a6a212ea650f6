package rest

import (
	"fmt"
	"strings"
	"time"
)

// goDuration is a duration as the API writes it: "5m", "1h30m", "0s".
type goDuration time.Duration

// String writes a duration as Go does, without the zeros at its end: "5m", not "5m0s".
func (d goDuration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d goDuration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *goDuration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed%time.Millisecond != 0 { // what is kept is not finer, and what is read back would differ
		err = fmt.Errorf("%q must be whole milliseconds", text)
	}
	*d = goDuration(parsed)
	return err
}
