package notifiers

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The GSM 7-bit default alphabet and its extension table, 3GPP TS 23.038 §6.2.1. A character of the
// extension takes two septets. A text with any other character goes out as UCS-2.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
)

// septets is how many each character takes; what is not in it is not in the alphabet.
var septets = func() map[rune]int {
	m := map[rune]int{}
	for _, r := range gsmBasic {
		m[r] = 1
	}
	for _, r := range gsmExtension {
		m[r] = 2
	}
	return m
}()

// alphabet is how a text goes over the air.
type alphabet struct {
	single int // units in a message of one segment
	part   int // units in each segment of a longer one, which gives some to a header
	gsm    bool
}

var (
	gsm7 = alphabet{single: 160, part: 153, gsm: true} // units are septets
	ucs2 = alphabet{single: 70, part: 67}              // units are UTF-16 code units
)

// IsGSM reports whether an SMS can carry text in the GSM 7-bit alphabet (3GPP TS 23.038), so that it needs no
// UCS-2.
func IsGSM(text string) bool { return alphabetOf(text).gsm }

func alphabetOf(text string) alphabet {
	for _, r := range text {
		if septets[r] == 0 {
			return ucs2
		}
	}
	return gsm7
}

func (a alphabet) width(r rune) int {
	switch {
	case a.gsm:
		return septets[r]
	case r > 0xFFFF:
		return 2
	}
	return 1
}

func (a alphabet) units(text string) (n int) {
	for _, r := range text {
		n += a.width(r)
	}
	return n
}

// Segments is how many SMS segments text takes on the air: what a provider bills, and what a phone
// that shows only the first cuts after. An empty text takes one.
func Segments(text string) int { return len(Split(text)) }

// Split is text in the segments that it goes over the air in, at least one. A character of two units, which
// is one of GSM's extension or a surrogate pair, is never parted: it begins the next segment, and the unit
// that was left in this one stays empty.
func Split(text string) []string {
	a := alphabetOf(text)
	if a.units(text) <= a.single {
		return []string{text}
	}
	var segments []string
	begin, used := 0, 0
	for i, r := range text {
		width := a.width(r)
		if used+width > a.part {
			segments = append(segments, text[begin:i])
			begin, used = i, 0
		}
		used += width
	}
	return append(segments, text[begin:])
}

// Units is how many septets (GSM) or UTF-16 code units (UCS-2) text takes, headers of segments not counted.
func Units(text string) int { return alphabetOf(text).units(text) }

// Forcing are the characters of text that no SMS can carry in the GSM alphabet, each once: one of them makes
// all of it UCS-2, of which a segment holds less than half.
func Forcing(text string) []string {
	var found []string
	for _, r := range text {
		if septets[r] == 0 && !slices.Contains(found, string(r)) {
			found = append(found, string(r))
		}
	}
	return found
}

// first is the longest beginning of text that takes at most so many segments. Like cut, it keeps together
// what belongs together.
func first(text string, segments int) string {
	all := Split(text)
	if len(all) <= segments {
		return text
	}
	a := alphabetOf(text)
	text, _ = a.cut(text, a.units(strings.Join(all[:segments], "")))
	return text
}

// cut is the longest beginning of text of at most units, and the rest. It never cuts a rune, nor
// before what belongs to the rune in front of it (combining marks, emoji joiners and skin tones).
func (a alphabet) cut(text string, units int) (head, rest string) {
	end, used, joined := 0, 0, false
	for i, r := range text {
		if !joined && !joins(r) {
			end = i
		}
		joined = r == zeroWidthJoiner
		if used += a.width(r); used > units {
			return text[:end], text[end:]
		}
	}
	return text, ""
}

const zeroWidthJoiner = '\u200d'

func joins(r rune) bool {
	return r == zeroWidthJoiner || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Me) || r >= 0x1F3FB && r <= 0x1F3FF
}

// asGSM replaces typographic characters by those of the GSM alphabet that say the same, so that one
// curly quote does not halve what fits.
var asGSM = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'", "‚", "'", "«", `"`, "»", `"`,
	"–", "-", "—", "-", "‐", "-", "‑", "-", "−", "-", "…", "...", "\u00a0", " ", "•", "-", "→", "->", "`", "'")

// clean makes one line of text: white space becomes single blanks, invalid bytes and invisible
// control characters are dropped (but for the joiners that scripts and emoji need).
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == zeroWidthJoiner || r == '\u200c':
			return r
		case r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
