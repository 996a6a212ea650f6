package notifiers

import (
	"regexp"
	"strings"
)

// MaskNumber hides a phone number but for its country code and its last two digits, so that a log
// line can be told from another: "+4917012345617" becomes "+49…17". What is not E.164 becomes "…".
func MaskNumber(number string) string {
	if !IsE164(number) {
		return "…"
	}
	return "+" + countryCode(number[1:]) + "…" + number[len(number)-2:]
}

// IsE164 tells whether number is in the form of ITU-T E.164: a plus sign and 7 to 15 digits, the
// first not zero.
func IsE164(number string) bool { return e164.MatchString(number) }

var (
	e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	// numbers finds them in running text, also with the plus sign escaped as in a URL or missing.
	numbers = regexp.MustCompile(`(?:\+|%2[Bb])?\b[1-9][0-9]{6,14}\b|(?:\+|%2[Bb])[1-9][0-9]{6,14}`)
)

// MaskNumbers masks every phone number found in text.
func MaskNumbers(text string) string {
	return numbers.ReplaceAllStringFunc(text, func(found string) string {
		digits := strings.TrimPrefix(strings.TrimPrefix(strings.ToUpper(found), "%2B"), "+")
		return MaskNumber("+" + digits)
	})
}

// countryCode is the leading country code of a number without its plus sign, after the list of
// ITU-T E.164 assigned codes: one digit for 1 and 7, two for those below, else three.
func countryCode(digits string) string {
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return digits[:1]
	case strings.Contains(twoDigitCountryCodes, " "+digits[:2]+" "):
		return digits[:2]
	}
	return digits[:3]
}

const twoDigitCountryCodes = " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 " +
	"60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
