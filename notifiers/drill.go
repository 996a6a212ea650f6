package notifiers

import "strings"

// DrillSummary is what a drill says instead of what is wrong, in a person's language: it fits one SMS segment with
// everything beside it.
func DrillSummary(language string) string {
	if strings.HasPrefix(VoiceLanguage(language), "de") {
		return "TEST: nichts ist los. Antworten Sie, um zu zeigen, dass Meldungen Sie erreichen"
	}
	return "TEST: no trouble. Answer to show that pages reach you"
}
