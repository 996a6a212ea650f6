package ical

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"

	"rouse/rosters"
)

// ContentType is that of the document.
const ContentType = "text/calendar; charset=utf-8"

// Feed is a calendar to subscribe to: the shifts of a roster, or of a person in several.
type Feed struct {
	Name    string                      // as calendar programs show it
	Refresh time.Duration               // after how long to ask again, in whole minutes; 0: an hour
	Rosters []Roster                    // in the order in which they are written
	People  map[rosters.PersonID]string // names; who is missing is told by handle
}

// Roster is what a feed tells of one roster.
type Roster struct {
	ID     rosters.RosterID
	Link   string          // to a page about it; "" for none
	Shifts []rosters.Shift // whole ones, as Whole returns them

	// Changed is when the roster was changed last, the DTSTAMP of its shifts; zero: 1970. It comes from
	// where the roster is stored, never from a clock: the document would change with every request.
	Changed time.Time
}

// product is who wrote the document, a formal public identifier (ISO 9070).
const product = "-//Rouse//On-call rosters//EN"

// Document writes the feed. Lines end in CRLF and have at most 75 octets. One shift in two places of a
// rotation is one event.
func (f Feed) Document() []byte {
	calendar, _ := ics.NewCalendarWithOptions() // no option can fail
	calendar.SetVersion("2.0")
	calendar.SetProductId(product)
	calendar.SetMethod(ics.MethodPublish)
	calendar.SetName(oneLine(f.Name)) // NAME of RFC 7986, and the X-WR-CALNAME that came before
	refresh := durationOf(f.Refresh)
	calendar.SetRefreshInterval(refresh) // the library adds VALUE=DURATION
	calendar.SetXPublishedTTL(refresh)
	written := map[string]bool{}
	for _, r := range f.Rosters {
		for _, s := range r.Shifts {
			if uid := UID(r.ID, s); !written[uid] {
				written[uid] = true
				calendar.AddVEvent(f.event(uid, r, s))
			}
		}
	}
	if len(written) == 0 {
		addUTC(calendar)
	}
	var document bytes.Buffer
	_ = calendar.SerializeTo(&document, ics.WithNewLineWindows) // a buffer takes everything
	return document.Bytes()
}

func (f Feed) event(uid string, r Roster, s rosters.Shift) *ics.VEvent {
	e := ics.NewEvent(uid)
	changed := r.Changed
	if changed.IsZero() {
		changed = time.Unix(0, 0)
	}
	e.SetDtStampTime(changed)
	e.SetStartAt(s.From)
	e.SetEndAt(s.To)
	e.SetSummary(fmt.Sprintf("%s on call: %s", f.name(s.Person), r.ID))
	e.SetDescription(strings.Join(f.description(r, s), "\n"))
	if link := oneLine(r.Link); link != "" {
		e.SetURL(link)
	}
	e.AddCategory("On call")
	if s.Override != "" {
		e.AddCategory("Override")
	}
	e.SetTimeTransparency(ics.TransparencyTransparent) // who is on call is not busy
	return e
}

func (f Feed) description(r Roster, s rosters.Shift) (lines []string) {
	switch {
	case s.Override == "":
		lines = append(lines, "Rotation: "+oneLine(s.Rotation))
	case s.Instead != "" && s.Instead != s.Person:
		lines = append(lines, fmt.Sprintf("Override %s, instead of %s", oneLine(s.Override), f.name(s.Instead)))
	default:
		lines = append(lines, "Override "+oneLine(s.Override))
	}
	if link := oneLine(r.Link); link != "" {
		lines = append(lines, link)
	}
	return lines
}

func (f Feed) name(id rosters.PersonID) string {
	if name := oneLine(f.People[id]); name != "" {
		return name
	}
	return oneLine(string(id))
}

// UID names a shift for good: it is made of the roster, who is on call, from when until when, and by which
// rotation or override, so that any node makes the same. A shift that an override cuts or takes over is
// another. As RFC 7986 §5.3 wants it, it tells nobody any of that.
func UID(roster rosters.RosterID, s rosters.Shift) string {
	const layout = "2006-01-02T15:04:05.999999999Z"
	whole := strings.Join([]string{string(roster), string(s.Person), s.Rotation, s.Override, s.From.UTC().Format(layout), s.To.UTC().Format(layout)}, "\x00")
	sum := sha256.Sum256([]byte(whole))
	return hex.EncodeToString(sum[:16])
}

// ETag is the strong entity tag (RFC 9110 §8.8.3) of a document.
func ETag(document []byte) string {
	sum := sha256.Sum256(document)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// addUTC gives a calendar without events the one component that RFC 5545 §3.4 wants at least. Times with
// a Z need no such definition, but it harms nobody.
func addUTC(calendar *ics.Calendar) {
	standard := calendar.AddTimezone("Etc/UTC").AddStandard()
	standard.AddProperty(ics.ComponentPropertyDtStart, "19700101T000000")
	standard.AddProperty("TZOFFSETFROM", "+0000")
	standard.AddProperty("TZOFFSETTO", "+0000")
}

// durationOf writes a duration as RFC 5545 §3.3.6 does.
func durationOf(d time.Duration) string {
	if d < time.Minute {
		d = time.Hour
	}
	return fmt.Sprintf("PT%dM", d/time.Minute)
}

// oneLine is text without what RFC 5545 does not let stand in a value: line ends, other control
// characters, and what is not UTF-8.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}
