package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rouse/rosters"
)

// What may be saved. MaxLevels, MinWait and MaxWait stand beside the other times of the rules.
const (
	maxName      = 200 // characters
	maxTargets   = 20  // of one level
	minAckExpiry = time.Minute
	maxAckExpiry = 7 * 24 * time.Hour
)

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate reports all that keeps a policy from being saved, as rosters.FieldErrors. Whether its people
// and rosters exist is not for a policy to know.
func (p Policy) Validate() error {
	var f faults
	f.slug("/id", string(p.ID))
	f.name("/name", p.Name)
	if n := len(p.Levels); n == 0 || n > MaxLevels {
		f.add("/levels", n, "a policy needs 1 to %d levels", MaxLevels)
	}
	for i, l := range p.Levels {
		f.below(fmt.Sprintf("/levels/%d", i), l.validate())
	}
	for _, s := range []Severity{Critical, Major, Minor} { // in order; the others after them
		if d, ok := p.AckExpiry[s]; ok && d != 0 && (d < minAckExpiry || d > maxAckExpiry) {
			f.add(fmt.Sprintf("/ack_expiry/%d", s), d, "must be 0s (for ever) or %v to %v", minAckExpiry, maxAckExpiry)
		}
	}
	for s := range p.AckExpiry {
		if !s.Valid() {
			f.add(fmt.Sprintf("/ack_expiry/%d", s), int(s), "is not a severity; use 1, 2 or 3")
		}
	}
	return f.orNil()
}

func (l Level) validate() error {
	var f faults
	if l.Wait < MinWait || l.Wait > MaxWait {
		f.add("/wait", l.Wait, "must be %v to %v", MinWait, MaxWait)
	}
	if n := len(l.Targets); n == 0 || n > maxTargets {
		f.add("/targets", n, "a level needs 1 to %d targets, or nobody would be paged", maxTargets)
	}
	for i, t := range l.Targets {
		path := fmt.Sprintf("/targets/%d", i)
		switch {
		case (t.Person == "") == (t.Roster == ""):
			f.add(path, "", "must name exactly one of person and roster")
		case t.Person != "":
			f.slug(path+"/person", string(t.Person))
		default:
			f.slug(path+"/roster", string(t.Roster))
		}
	}
	return f.orNil()
}

// Validate reports all that keeps a service from being saved, as rosters.FieldErrors. Whether its policy
// exists is not for a service to know.
func (s Service) Validate() error {
	var f faults
	f.slug("/id", string(s.ID))
	f.name("/name", s.Name)
	if s.Policy != "" {
		f.slug("/policy", string(s.Policy))
	}
	f.below("/hours", s.Hours.Validate())
	f.below("/noise", s.Noise.Validate())
	return f.orNil()
}

// faults collects field errors.
type faults rosters.FieldErrors

func (f *faults) add(path string, value any, problem string, args ...any) {
	*f = append(*f, rosters.FieldError{Field: path, Value: fmt.Sprint(value), Problem: fmt.Sprintf(problem, args...)})
}

// below takes over what is wrong with a part, whose paths begin at the part.
func (f *faults) below(path string, err error) {
	var part rosters.FieldErrors
	if errors.As(err, &part) {
		for _, e := range part {
			e.Field = path + e.Field
			*f = append(*f, e)
		}
	}
}

func (f *faults) slug(path, value string) {
	if !slug.MatchString(value) {
		f.add(path, cut(value), "must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen")
	}
}

// name refuses what would garble a message that the name stands in.
func (f *faults) name(path, value string) {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxName || strings.ContainsFunc(value, unicode.IsControl) {
		f.add(path, cut(value), "must be at most %d characters, without line ends or control characters", maxName)
	}
}

func (f *faults) oneLine(path, value string, least, most int) {
	if n := utf8.RuneCountInString(value); !utf8.ValidString(value) || n < least || n > most || strings.ContainsFunc(value, unicode.IsControl) {
		f.add(path, cut(value), "must be %d to %d characters, without line ends or control characters", least, most)
	}
}

func (f *faults) longText(path, value string, most int) {
	if !utf8.ValidString(value) || strings.Contains(value, "\x00") || utf8.RuneCountInString(value) > most {
		f.add(path, cut(value), "must be at most %d characters", most)
	}
}

// cut keeps what shows which value was meant.
func cut(value string) string {
	const shown = 100
	if len(value) <= shown {
		return value
	}
	return strings.ToValidUTF8(value[:shown], "") + "…"
}

func (f faults) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return rosters.FieldErrors(f)
}
