package ical

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	parser "github.com/emersion/go-ical"
	"pgregory.net/rapid"

	"rouse/rosters"
)

// parsed is what another library reads in a document.
func parsed(t testing.TB, document []byte) *parser.Calendar {
	t.Helper()
	c, err := parser.NewDecoder(bytes.NewReader(document)).Decode()
	if err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	if err := parser.NewEncoder(&bytes.Buffer{}).Encode(c); err != nil { // counts properties and components
		t.Fatalf("%v in\n%s", err, document)
	}
	return c
}

func text(t testing.TB, c *parser.Component, name string) string {
	t.Helper()
	text, err := c.Props.Text(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return text
}

func utc(text string) time.Time {
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return at
}

func oneShift() Feed {
	return Feed{
		Name:   "Bitbucket, incident managers",
		People: map[rosters.PersonID]string{"ann": "Ann Example", "bob": "Bob; the builder"},
		Rosters: []Roster{{ID: "bitbucket-im", Link: "https://rouse.example.com/rosters/bitbucket-im", Changed: utc("2026-11-01 12:00"), Shifts: []rosters.Shift{
			{Person: "ann", From: utc("2026-11-16 08:00"), To: utc("2026-11-18 12:00"), Rotation: "primary", Turn: 45},
			{Person: "bob", From: utc("2026-11-18 12:00"), To: utc("2026-11-19 12:00"), Override: "7", Instead: "ann"},
		}}},
	}
}

func TestADocument(t *testing.T) {
	want := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Rouse//On-call rosters//EN
METHOD:PUBLISH
NAME:Bitbucket\, incident managers
X-WR-CALNAME:Bitbucket\, incident managers
REFRESH-INTERVAL;VALUE=DURATION:PT60M
X-PUBLISHED-TTL:PT60M
BEGIN:VEVENT
UID:`+UID("bitbucket-im", oneShift().Rosters[0].Shifts[0])+`
DTSTAMP:20261101T120000Z
DTSTART:20261116T080000Z
DTEND:20261118T120000Z
SUMMARY:Ann Example on call: bitbucket-im
DESCRIPTION:Rotation:
  primary\nhttps://rouse.example.com/rosters/bitbucket-im
URL:https://rouse.example.com/rosters/bitbucket-im
CATEGORIES:On call
TRANSP:TRANSPARENT
END:VEVENT
BEGIN:VEVENT
UID:`+UID("bitbucket-im", oneShift().Rosters[0].Shifts[1])+`
DTSTAMP:20261101T120000Z
DTSTART:20261118T120000Z
DTEND:20261119T120000Z
SUMMARY:Bob\; the builder on call: bitbucket-im
DESCRIPTION:Override 7\, instead of Ann
  Example\nhttps://rouse.example.com/rosters/bitbucket-im
URL:https://rouse.example.com/rosters/bitbucket-im
CATEGORIES:On call
CATEGORIES:Override
TRANSP:TRANSPARENT
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	if got := string(oneShift().Document()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestACalendarWithoutShiftsIsValid(t *testing.T) {
	for _, f := range []Feed{{}, {Name: "Nobody", Rosters: []Roster{{ID: "dba"}}}} {
		c := parsed(t, f.Document())
		if len(c.Events()) != 0 || len(c.Children) == 0 {
			t.Errorf("%d events and %d components", len(c.Events()), len(c.Children))
		}
	}
}

func TestRefreshIsADuration(t *testing.T) {
	for refresh, want := range map[time.Duration]time.Duration{0: time.Hour, time.Second: time.Hour, 15 * time.Minute: 15 * time.Minute, 36 * time.Hour: 36 * time.Hour} {
		c := parsed(t, Feed{Refresh: refresh}.Document())
		if got, err := c.Props.Get("REFRESH-INTERVAL").Duration(); err != nil || got != want {
			t.Errorf("%s: got %s (%v)", refresh, got, err)
		}
	}
}

// The names are those that break calendars: what must be escaped, and signs of several bytes or code points.
var names = []string{
	"Ann Example", `back\slash`, `\n is not a line end`, "comma, semicolon; colon: \"quote\" 'single'", "山田 太郎", "अनीता देशपांडे", "Πηνελόπη", "محمد",
	"👩‍💻 Zoë", strings.Repeat("👩‍👩‍👧‍👦", 12), strings.Repeat("नमस्ते", 20), strings.Repeat("x", 200), strings.Repeat(`\,;`, 50), strings.Repeat("é ", 60), "BEGIN:VEVENT", "<b>", "-",
}

func drawName(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.SampledFrom(names), rapid.String()).Draw(t, label)
}

func drawFeed(t *rapid.T) Feed {
	f := Feed{Name: drawName(t, "name"), People: map[rosters.PersonID]string{}}
	ids := []rosters.PersonID{"ann", "bob", "cat"}
	for _, id := range ids {
		f.People[id] = drawName(t, string(id))
	}
	instant := rapid.Int64Range(0, 4102444800)
	for i := range rapid.IntRange(0, 3).Draw(t, "rosters") {
		r := Roster{ID: rosters.RosterID(fmt.Sprint("roster-", i)), Changed: time.Unix(instant.Draw(t, "changed"), 0)}
		if rapid.Bool().Draw(t, "linked") {
			r.Link = "https://rouse.example.com/rosters/" + string(r.ID)
		}
		for range rapid.IntRange(0, 5).Draw(t, "shifts") {
			from := time.Unix(instant.Draw(t, "from"), 0).UTC()
			s := rosters.Shift{Person: rapid.SampledFrom(ids).Draw(t, "person"), From: from, To: from.Add(time.Duration(rapid.IntRange(1, 1_000_000).Draw(t, "seconds")) * time.Second)}
			if rapid.Bool().Draw(t, "overridden") {
				s.Override, s.Instead = "7", rapid.SampledFrom(append(ids, "")).Draw(t, "instead")
			} else {
				s.Rotation = rapid.SampledFrom([]string{"primary", "backup"}).Draw(t, "rotation")
			}
			r.Shifts = append(r.Shifts, s)
		}
		f.Rosters = append(f.Rosters, r)
	}
	return f
}

func TestAnotherLibraryReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFeed(rt)
		document := f.Document()
		c := parsed(t, document)
		if got := text(t, c.Component, "X-WR-CALNAME"); got != oneLine(f.Name) {
			rt.Fatalf("the calendar is called %q, not %q", got, f.Name)
		}
		events := c.Events()
		uids := map[string]bool{}
		for _, r := range f.Rosters {
			for _, s := range r.Shifts {
				uid := UID(r.ID, s)
				if uids[uid] {
					continue
				}
				uids[uid] = true
				e := events[0]
				events = events[1:]
				for name, want := range map[string]string{
					"UID":         uid,
					"SUMMARY":     f.name(s.Person) + " on call: " + string(r.ID),
					"DESCRIPTION": strings.Join(f.description(r, s), "\n"),
				} {
					if got := text(t, e.Component, name); got != want {
						rt.Fatalf("%s is %q, want %q", name, got, want)
					}
				}
				for name, want := range map[string]time.Time{"DTSTART": s.From, "DTEND": s.To, "DTSTAMP": r.Changed} {
					if got, err := e.Props.DateTime(name, nil); err != nil || !got.Equal(want) {
						rt.Fatalf("%s is %v, want %v (%v)", name, got, want, err)
					}
				}
			}
		}
		if len(events) != 0 {
			rt.Fatalf("%d events too many", len(events))
		}
		if err := checkLines(document); err != nil {
			rt.Fatal(err)
		}
	})
}

// checkLines holds a document against RFC 5545 §3.1.
func checkLines(document []byte) error {
	lines := strings.Split(string(document), "\r\n")
	if last := len(lines) - 1; lines[last] != "" {
		return fmt.Errorf("the document does not end in CRLF, but in %q", lines[last])
	}
	for _, line := range lines {
		switch {
		case len(line) > 75:
			return fmt.Errorf("%d octets in %q", len(line), line)
		case !utf8.ValidString(line):
			return fmt.Errorf("a fold splits a character: %q", line)
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return fmt.Errorf("a control character in %q", line)
		}
	}
	return nil
}

func TestFoldsKeepCharactersWhole(t *testing.T) {
	for _, letter := range []string{"x", "é", "स्", "अ", "👩‍💻", "🇩🇪"} {
		for length := range 120 { // each offset of a character to the 75th octet
			f := oneShift()
			f.People["ann"] = strings.Repeat("a", length) + strings.Repeat(letter, 60)
			document := f.Document()
			if err := checkLines(document); err != nil {
				t.Fatal(err)
			}
			if got, want := text(t, parsed(t, document).Events()[0].Component, "SUMMARY"), f.People["ann"]+" on call: bitbucket-im"; got != want {
				t.Fatalf("read back as %q, want %q", got, want)
			}
		}
	}
}

func TestANameCannotAddAnEvent(t *testing.T) {
	f := oneShift()
	f.Name = "x\r\nEND:VCALENDAR"
	f.People["ann"] = "Ann\r\nBEGIN:VALARM\r\nACTION:AUDIO\nEND:VALARM\x00\u2029\xff"
	f.Rosters[0].Link = "https://rouse.example.com/\r\nATTACH:file:///etc/passwd"
	c := parsed(t, f.Document())
	e := c.Events()[0]
	if len(c.Events()) != 2 || len(e.Children) != 0 || e.Props.Get("ATTACH") != nil {
		t.Errorf("got\n%s", f.Document())
	}
	if got, want := text(t, e.Component, "SUMMARY"), "Ann BEGIN:VALARM ACTION:AUDIO END:VALARM \uFFFD on call: bitbucket-im"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPersonInTwoPlacesOfARotationIsOneEvent(t *testing.T) {
	f := oneShift()
	f.Rosters[0].Shifts = append(f.Rosters[0].Shifts, f.Rosters[0].Shifts[0])
	if got := len(parsed(t, f.Document()).Events()); got != 2 {
		t.Errorf("%d events", got)
	}
}

func TestTheETagHoldsUntilSomethingChanges(t *testing.T) {
	first := ETag(oneShift().Document())
	if again := ETag(oneShift().Document()); again != first {
		t.Errorf("%s and then %s", first, again)
	}
	if len(first) != 34 || strings.Trim(first, `"`) == first {
		t.Errorf("%s is no entity tag", first)
	}
	for what, change := range map[string]func(*Feed){
		"a person's name": func(f *Feed) { f.People["ann"] = "Ann Other" },
		"an end":          func(f *Feed) { f.Rosters[0].Shifts[0].To = utc("2026-11-18 13:00") },
		"the roster":      func(f *Feed) { f.Rosters[0].Changed = utc("2026-11-02 12:00") },
		"a shift gone":    func(f *Feed) { f.Rosters[0].Shifts = slices.Delete(f.Rosters[0].Shifts, 0, 1) },
	} {
		f := oneShift()
		change(&f)
		if ETag(f.Document()) == first {
			t.Errorf("%s: the tag is the same", what)
		}
	}
}

func TestUIDsOfDifferentShiftsDiffer(t *testing.T) {
	shift := rosters.Shift{Person: "ann", From: utc("2026-11-16 08:00"), To: utc("2026-11-23 08:00"), Rotation: "primary", Turn: 45, Revision: 3}
	seen := map[string]string{UID("web", shift): "the shift"}
	for what, change := range map[string]func(s *rosters.Shift) rosters.RosterID{
		"another roster":   func(*rosters.Shift) rosters.RosterID { return "dba" },
		"another person":   func(s *rosters.Shift) rosters.RosterID { s.Person = "bob"; return "web" },
		"another rotation": func(s *rosters.Shift) rosters.RosterID { s.Rotation = "backup"; return "web" },
		"by an override":   func(s *rosters.Shift) rosters.RosterID { s.Rotation, s.Override = "", "primary"; return "web" },
		"begins later":     func(s *rosters.Shift) rosters.RosterID { s.From = s.From.Add(time.Nanosecond); return "web" },
		"ends earlier":     func(s *rosters.Shift) rosters.RosterID { s.To = s.To.Add(-time.Hour); return "web" },
	} {
		s := shift
		uid := UID(change(&s), s)
		if before, double := seen[uid]; double {
			t.Errorf("%s has the UID of %s", what, before)
		}
		seen[uid] = what
	}
	same := shift
	same.From, same.Revision, same.Turn = shift.From.In(time.FixedZone("", 3600)), 4, 46
	if UID("web", same) != UID("web", shift) {
		t.Error("the same shift by the next revision has another UID")
	}
}
