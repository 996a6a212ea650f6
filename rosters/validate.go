package rosters

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// What may be saved. The counts are far above what people use; they bound the work that one request
// and one page can cause.
const (
	maxName         = 200 // characters
	maxContacts     = 50
	maxWebAddress   = 1000 // bytes
	maxMail         = 254  // bytes, RFC 5321 §4.5.3.1.3
	maxBrowser      = 1200 // bytes
	maxContactAfter = 24 * time.Hour
	minCallAgain    = time.Minute
	maxCallAgain    = time.Hour
	maxRotations    = 100
	maxParticipants = 200
	maxOverrides    = 1000
	minLength       = time.Minute
	maxLength       = 366 * day
	maxOverride     = 366 * day
	maxWindows      = 50
	maxDates        = 500
	maxRank         = 1000
	maxEach         = 1000
	maxListed       = 100_000 // hand-overs of a rule by months: they are gone through one by one
)

var (
	slug  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	e164  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`) // ITU-T E.164: at most 15 digits
	topic = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	mail  = regexp.MustCompile(`^[^\s@"<>(),:;\\\[\]\x00-\x1f]+@[^\s@"<>(),:;\\\[\]\x00-\x1f]+$`)
	web   = regexp.MustCompile(`^https?://[^\s@/?#]+(/[^\s]*)?$`)
	// browser is an endpoint, "#", a point of P-256 and 16 bytes, both in base64url.
	browser = regexp.MustCompile(`^https?://[^\s#]+#[A-Za-z0-9_-]{87}\.[A-Za-z0-9_-]{22}$`)
)

// Validate reports all that keeps a person from being saved, as FieldErrors.
func (p Person) Validate() error {
	var errs FieldErrors
	errs.slug("/id", string(p.ID))
	errs.name("/name", p.Name)
	_, err := loadZone(p.Zone)
	errs.field("/zone", p.Zone, err)
	errs.language("/language", p.Language)
	if p.CallAgain != 0 && (p.CallAgain < minCallAgain || p.CallAgain > maxCallAgain) {
		errs.refuse("/call_again", p.CallAgain, "must be %v to %v, or 0s for never", minCallAgain, maxCallAgain)
	}
	errs.within("/call_again_for", p.CallAgainFor, 0, 2)
	errs.below("/quiet", p.Quiet.validate())
	errs.limit("/contacts", len(p.Contacts), maxContacts)
	for i, c := range p.Contacts {
		errs.below(fmt.Sprintf("/contacts/%d", i), c.Validate())
	}
	return errs.orNil()
}

func (q Quiet) validate() error {
	var errs FieldErrors
	if q == (Quiet{}) {
		return nil
	}
	for _, end := range []struct{ path, clock string }{{"/from", q.From}, {"/to", q.To}} {
		if at, err := parseClock(end.clock); err != nil || at == secondsADay {
			errs.refuse(end.path, end.clock, `must be a time of day from "00:00" to "23:59"`)
		}
	}
	if q.From == q.To && len(errs) == 0 {
		errs.refuse("/to", q.To, "is when they begin, so that notices would wait for ever; name another time, or leave quiet out")
	}
	return errs.orNil()
}

// Validate reports all that keeps a contact from being saved, as FieldErrors. They show no more of
// an address than a log may: whoever has a push topic can read what is sent to it.
func (c Contact) Validate() error {
	var errs FieldErrors
	switch c.Channel {
	case SMS, Voice:
		if !e164.MatchString(c.Address) {
			errs.refuse("/address", masked(c.Address), "must be + and 7 to 15 digits, the first not 0, without spaces (E.164), such as +4915112345678")
		}
	case Push:
		if !topic.MatchString(c.Address) {
			errs.refuse("/address", masked(c.Address), "must be a topic of 1 to 64 letters, digits, - and _")
		}
	case WebPush:
		if !browser.MatchString(c.Address) || len(c.Address) > maxBrowser {
			errs.refuse("/address", masked(c.Address), "must be a browser's subscription; open a page of Rouse in the browser and tap \"Send pages to this browser\"")
		}
	case Email:
		if !mail.MatchString(c.Address) || len(c.Address) > maxMail {
			errs.refuse("/address", masked(c.Address), "must be an e-mail address without a name, such as ann@example.com")
		}
	case Webhook:
		if !web.MatchString(c.Address) || len(c.Address) > maxWebAddress {
			errs.refuse("/address", masked(c.Address), "must be a web address of at most %d bytes without a password, such as https://example.com/hook", maxWebAddress)
		}
	default:
		errs.refuse("/channel", c.Channel, "must be push, web_push, sms, voice, email or webhook")
	}
	switch c.Plan {
	case Wake, Tell, Both:
	default:
		errs.refuse("/plan", c.Plan, "must be wake, tell or both")
	}
	if c.After < 0 || c.After > maxContactAfter {
		errs.refuse("/after", c.After, "must be 0s to %v after the page began", maxContactAfter)
	}
	return errs.orNil()
}

// Validate reports all that keeps a roster from being saved, as FieldErrors. Whether the persons
// exist is not for a roster to know.
func (r Roster) Validate() error {
	var errs FieldErrors
	errs.slug("/id", string(r.ID))
	errs.name("/name", r.Name)
	if len(r.Rotations)+len(r.Overrides) == 0 {
		errs.refuse("/rotations", "", "a roster needs a rotation or an override, or nobody would ever be on call")
	}
	errs.limit("/rotations", len(r.Rotations), maxRotations)
	rotations := map[string]bool{}
	for i, rotation := range r.Rotations {
		path := fmt.Sprintf("/rotations/%d", i)
		errs.below(path, rotation.Validate())
		errs.once(path+"/id", rotation.ID, rotations)
	}
	errs.below("/handoff", r.Handoff.validate())
	errs.limit("/overrides", len(r.Overrides), maxOverrides)
	overrides := map[string]bool{}
	for i, o := range r.Overrides {
		path := fmt.Sprintf("/overrides/%d", i)
		errs.below(path, o.Validate())
		errs.once(path+"/id", o.ID, overrides)
		if o.Rotation != "" && !rotations[o.Rotation] {
			errs.refuse(path+"/rotation", o.Rotation, "the roster has no such rotation; leave it empty to cover the whole roster")
		}
	}
	return errs.orNil()
}

// Validate reports all that keeps a rotation from being saved, as FieldErrors: a rule that is not
// understood, would take for ever or never occurs among them. That takes milliseconds at most; see
// the limits in rule.go.
func (r Rotation) Validate() error {
	var errs FieldErrors
	errs.slug("/id", r.ID)
	if r.Zone == "" {
		errs.field("/zone", "", errZoneName)
	}
	if err := r.listed(); err != nil {
		errs.field("/rule", r.Rule, err)
	} else if turns, err := r.compile(); err != nil {
		errs.below("", err)
	} else if !turns.meetHours() {
		errs.refuse("/hours", len(r.Hours), "never meet a shift; nobody would ever be on call")
	}
	if r.Length != 0 && (r.Length < minLength || r.Length > maxLength) {
		errs.refuse("/length", r.Length, "must be 0 (until the next hand-over) or %v to %v", minLength, maxLength)
	}
	errs.participants(r)
	errs.within("/rank", r.Rank, -maxRank, maxRank)
	errs.within("/each", r.Each, 0, maxEach)
	errs.within("/ahead", r.Ahead, 0, maxAhead)
	errs.limit("/hours", len(r.Hours), maxWindows)
	if !r.Until.IsZero() && !r.Until.After(r.From) {
		errs.refuse("/until", r.Until.Format(time.RFC3339), "must be later than from, which is %s", r.From.Format(time.RFC3339))
	}
	return errs.orNil()
}

// listed refuses a rule without a short cycle that would have to be gone through for too long, to its UNTIL or to
// the last date that is left out or put in. What cannot be read is for compile to tell.
func (r Rotation) listed() error {
	start, err := parseStart(r.Start)
	if err != nil {
		return nil
	}
	rule, err := parseRule(r.Rule)
	if err != nil {
		return nil
	}
	p, err := rule.daily(start)
	if err != nil || cyclePeriod(p) > 0 {
		return nil
	}
	last := start
	if rule.until != nil {
		last = wall(rule.until.at.Unix())
	}
	for _, date := range slices.Concat(r.Without, r.Besides) {
		for _, s := range []string{date, date + "T00:00:00"} {
			if w, err := parseStart(s); err == nil {
				last = max(last, w)
			}
		}
	}
	aDay := max(1, len(r.Times)) * max(1, len(p.Byhour)) * max(1, len(p.Byminute)) * max(1, len(p.Bysecond))
	if n := int((last-start)/secondsADay) * aDay; n > maxListed {
		return fmt.Errorf("may hand over %d times until the last date given, the limit of rules by months is %d; begin later, or end earlier", n, maxListed)
	}
	return nil
}

// meetHours looks at a year of daily shifts, and at as many of others.
func (t *turns) meetHours() bool {
	n := 0
	for s := range t.shifts(time.Time{}) {
		for range t.covered(s) {
			return true
		}
		if n++; n > 400 {
			break
		}
	}
	return false
}

// maxAhead is more than any order can be ahead of itself.
const maxAhead = maxParticipants * maxEach

func (es *FieldErrors) participants(r Rotation) {
	seen := map[PersonID]bool{}
	for i, person := range r.Participants {
		path := fmt.Sprintf("/participants/%d", i)
		switch {
		case person == "" && r.Everyone:
			es.refuse(path, "", "an empty seat means nothing where everyone is on call; leave it out")
		case person == "":
		case r.Everyone && seen[person]:
			es.refuse(path, person, "is named twice, and everyone is on call at the same time; name each once")
		default:
			es.slug(path, string(person))
		}
		seen[person] = true
	}
	delete(seen, "")
	if len(seen) == 0 {
		es.refuse("/participants", "", "a rotation needs at least one participant, or nobody would ever be on call")
	}
	es.limit("/participants", len(r.Participants), maxParticipants)
}

func (es *FieldErrors) within(path string, n, low, high int) {
	if n < low || n > high {
		es.refuse(path, n, "must be %d to %d", low, high)
	}
}

// Validate reports all that keeps an override from being saved, as FieldErrors.
func (o Override) Validate() error {
	var errs FieldErrors
	errs.slug("/id", o.ID)
	switch o.Kind {
	case Replace, Add:
		errs.slug("/person", string(o.Person))
	case TakeOff:
		if o.Person != "" {
			errs.refuse("/person", o.Person, "an override that takes somebody off puts nobody on; leave the person out, or replace")
		}
	default:
		errs.refuse("/kind", o.Kind, "must be replace, add or take_off")
	}
	switch {
	case o.Replaces == "":
	case o.Kind == Add:
		errs.refuse("/replaces", o.Replaces, "an extra shift replaces nobody; leave it out, or replace")
	case o.Replaces == o.Person:
		errs.refuse("/replaces", o.Replaces, "is the person who takes over, so the override would do nothing; name somebody else, or nobody to replace all")
	default:
		errs.slug("/replaces", string(o.Replaces))
	}
	errs.span(o.From, o.To)
	return errs.orNil()
}

func (es *FieldErrors) span(from, to time.Time) {
	switch {
	case from.IsZero():
		es.refuse("/from", "", "is missing; an override needs a beginning and an end")
	case to.IsZero():
		es.refuse("/to", "", "is missing; an override needs a beginning and an end")
	case !to.After(from):
		es.refuse("/to", to.Format(time.RFC3339), "must be later than from, which is %s", from.Format(time.RFC3339))
	case to.Sub(from) > maxOverride:
		es.refuse("/to", to.Format(time.RFC3339), "must be at most 366 days after from, which is %s; change the rotation instead", from.Format(time.RFC3339))
	}
}

func (es *FieldErrors) slug(path, value string) {
	if !slug.MatchString(value) {
		es.refuse(path, value, "must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen")
	}
}

// once refuses an id that was seen, which would make two things one.
func (es *FieldErrors) once(path, id string, seen map[string]bool) {
	if seen[id] {
		es.refuse(path, id, "is used twice in this roster; give each its own")
	}
	seen[id] = true
}

// name refuses what would garble a message that the name stands in.
func (es *FieldErrors) name(path, value string) {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > maxName || strings.ContainsFunc(value, unicode.IsControl) {
		es.refuse(path, value, "must be at most %d characters, without line ends or control characters", maxName)
	}
}

func (es *FieldErrors) limit(path string, n, limit int) {
	if n > limit {
		es.refuse(path, n, "are too many; the limit is %d", limit)
	}
}

func (es *FieldErrors) language(path, value string) {
	if value == "" {
		return
	}
	if _, err := language.Parse(value); err != nil || strings.Contains(value, "_") {
		es.refuse(path, value, `must be a BCP 47 language tag such as "en", "de" or "pt-BR"`)
	}
}

// masked shows where an address begins and ends: +49…17.
func masked(address string) string {
	if len(address) < 8 {
		return "…"
	}
	return strings.ToValidUTF8(address[:3]+"…"+address[len(address)-2:], "")
}
