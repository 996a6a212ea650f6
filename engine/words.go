package engine

import (
	"strings"
	"unicode"
)

// Words is what the operator has the sources' words for severities mean, by source and word, both folded by
// FoldWord. The source "" is for all of them; what it says of a word, a source's own line overrides. Words
// that are not there mean what the intake makes of them.
type Words map[string]map[string]Meaning

// Meaning is what a word for a severity means.
type Meaning int

// Unpaged is the meaning of a word that pages nobody: the alert is kept on record, and no incident opened.
// All other meanings are severities.
const Unpaged Meaning = 0

// Of tells what a source means by a word; false if the operator says nothing of it.
func (w Words) Of(source, word string) (Meaning, bool) {
	folded := FoldWord(word)
	for _, of := range []string{FoldWord(source), ""} {
		if m, ok := w[of][folded]; ok {
			return m, true
		}
	}
	return 0, false
}

// FoldWord makes one of the ways in which a word may be written: "Sev 1", "sev-1" and "SEV1" are one word.
func FoldWord(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, word)
}
