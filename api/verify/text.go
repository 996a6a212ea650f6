package verify

import (
	"fmt"
	"strings"

	"golang.org/x/text/language"

	"rouse/rosters"
)

// sentences are what a code is told with: its digits, and for how many minutes it is good.
type sentences struct {
	written, spoken string
}

var (
	known = []language.Tag{language.English, language.German} // the first for who speaks none of them
	says  = []sentences{
		{written: "%s is your code to verify this contact. It is good for %d minutes. If you did not ask for it, ignore it.",
			spoken: "This is Rouse. Your code is: %s. Once more: %[1]s."},
		{written: "%s ist Ihr Code zum Bestätigen dieses Kontakts. Er gilt %d Minuten. Haben Sie ihn nicht angefordert, tun Sie nichts.",
			spoken: "Hier ist Rouse. Ihr Code lautet: %s. Noch einmal: %[1]s."},
	}
	matcher = language.NewMatcher(known)
)

// text is what is sent. In a call the digits are read one by one.
func text(channel rosters.Channel, tongue, digits string) string {
	tag, _ := language.Parse(tongue)
	_, i, _ := matcher.Match(tag)
	if channel == rosters.Voice {
		return fmt.Sprintf(says[i].spoken, strings.Join(strings.Split(digits, ""), ", "))
	}
	return fmt.Sprintf(says[i].written, digits, int(GoodFor.Minutes()))
}
