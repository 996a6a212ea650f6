package notifiers

import "strings"

// words are the sentences of one language. %s and %[1]s are filled in by the functions that use
// them; in those for SMS only characters of the GSM alphabet stand.
type words struct {
	tag string // BCP 47, as a voice to read it with

	noSummary string
	service   string // the service
	pagedAs   string // the role
	manager   string // the role that every incident has, as people call it

	stillOn string

	// of an SMS: the first holds the code and must survive a cut, the second explains it
	reply, replyPage, replyKeep string

	// of a message about several: how many more, every key, and what goes with the code
	more, all, replyAll, replyKeepAll string

	ackButton, declineButton, keepButton, handBackButton             string
	ackAllButton, declineAllButton, keepAllButton, handAllBackButton string
	answerPlease                                                     string // a push that has nothing else to say

	severity                 string // spoken before the number
	press, pressKeep         string
	pressAll, pressKeepAll   string
	noKey, goodbye           string
	outcomes                 map[Outcome]string
	acknowledgedManager      string // acknowledged as manager
	acknowledgedAs           string // acknowledged as another role
	kept                     string // answer to "still on it?"
	handedBack               string // the other answer
	alreadyAcknowledged      string // somebody else was first; who
	alreadyAcknowledgedByOne string // ... and it is not known who

	// an answer about several: how many of them it did what to
	andMore                                              string // behind the first key
	allAcknowledged, allDeclined, allKept, allHandedBack string
	someTaken, someOver, someFailed, someBarred          string

	// to a word that may be about several: which are open, and the first of them; and behind advice, which are
	whichOf, openNow string
	hasIt            string // to others who were paged: the key, and who
}

var english = words{
	tag:       "en-US",
	noSummary: "no summary given",
	service:   "Service %s.",
	pagedAs:   "You are paged as %s",
	manager:   "incident manager",
	stillOn:   "still on it?",

	reply:     "Reply %s",
	replyPage: ` to acknowledge, "%s no" to decline.`,
	replyKeep: ` to keep it, %s no to hand it back.`,

	more: "And %d more.", all: "All: %s.",
	replyAll:     ` to acknowledge all %d, "%s no" to decline.`,
	replyKeepAll: ` to keep all %d, %s no to hand them back.`,

	ackButton: "Acknowledge", declineButton: "Decline", keepButton: "Still on it", handBackButton: "Hand it back",
	ackAllButton: "Acknowledge all %d", declineAllButton: "Decline all", keepAllButton: "Still on all %d", handAllBackButton: "Hand all back",
	answerPlease: "Please acknowledge or decline.",

	severity:  "Severity",
	press:     "Press 1 to acknowledge, 2 to decline, 9 to repeat.",
	pressKeep: "Are you still on it? Press 1 to keep it, 2 to hand it back, 9 to repeat.",

	pressAll:     "Press 1 to acknowledge all %d, 2 to decline them, 9 to repeat.",
	pressKeepAll: "Are you still on all %d? Press 1 to keep them, 2 to hand them back, 9 to repeat.",

	noKey:   "No key was pressed.",
	goodbye: "Goodbye.",

	acknowledgedManager:      "Acknowledged. You are now the incident manager.",
	acknowledgedAs:           "Acknowledged. You are on it as %s.",
	kept:                     "Thank you. It stays with you.",
	handedBack:               "Understood. Somebody else is being paged.",
	alreadyAcknowledged:      "Already acknowledged by %s. Nothing to do for you.",
	alreadyAcknowledgedByOne: "Already acknowledged. Nothing to do for you.",

	andMore:         "%s and %d more",
	allAcknowledged: "%d acknowledged",
	allDeclined:     "%d declined",
	allKept:         "%d stay with you",
	allHandedBack:   "%d handed back",
	someTaken:       "%d taken by others before",
	someOver:        "%d over",
	someFailed:      "%d could not be taken in: please answer again",
	someBarred:      "%d only with their codes",

	whichOf: `Which one? Open: %s. Reply with its code, or "ack %s".`,
	openNow: " Open: %s.",
	hasIt:   "%s: %s has it.",

	outcomes: map[Outcome]string{
		Drilled:       "Thank you: the test reached you. Nothing else to do.",
		Declined:      "Declined. Somebody else is being paged.",
		NotUnderstood: "That was not understood.",
		Over:          "This is over. Nothing to do for you.",
		WhichOne:      "Which one? Reply with the code of the page that you mean.",
		HelpWanted:    `Reply with the code of a page to acknowledge it, code and "no" to decline. Or: ack HOT-12, decline HOT-12, ack all.`,
		NeedsCode:     "This needs the code of the page. Reply with it, or answer by the link, the push or the call.",
		TryAgain:      "This could not be taken in right now. Please try again in a minute.",
	},
}

var german = words{
	tag:       "de-DE",
	noSummary: "ohne Beschreibung",
	service:   "Dienst %s.",
	pagedAs:   "Sie werden gerufen als %s",
	manager:   "Incident Manager",
	stillOn:   "noch dran?",

	reply:     "Antwort %s",
	replyPage: ` zum Übernehmen, "%s nein" zum Ablehnen.`,
	replyKeep: ` zum Behalten, %s nein zum Abgeben.`,

	more: "Und %d weitere.", all: "Alle: %s.",
	replyAll:     ` zum Übernehmen aller %d, "%s nein" zum Ablehnen.`,
	replyKeepAll: ` zum Behalten aller %d, %s nein zum Abgeben.`,

	ackButton: "Übernehmen", declineButton: "Ablehnen", keepButton: "Noch dran", handBackButton: "Abgeben",
	ackAllButton: "Alle %d übernehmen", declineAllButton: "Alle ablehnen", keepAllButton: "An allen %d dran", handAllBackButton: "Alle abgeben",
	answerPlease: "Bitte übernehmen oder ablehnen.",

	severity:  "Schweregrad",
	press:     "Drücken Sie 1 zum Übernehmen, 2 zum Ablehnen, 9 zum Wiederholen.",
	pressKeep: "Sind Sie noch dran? Drücken Sie 1 zum Behalten, 2 zum Abgeben, 9 zum Wiederholen.",

	pressAll:     "Drücken Sie 1, um alle %d zu übernehmen, 2, um sie abzulehnen, 9 zum Wiederholen.",
	pressKeepAll: "Sind Sie noch an allen %d dran? Drücken Sie 1, um sie zu behalten, 2, um sie abzugeben, 9 zum Wiederholen.",

	noKey:   "Es wurde keine Taste gedrückt.",
	goodbye: "Auf Wiederhören.",

	acknowledgedManager:      "Übernommen. Sie sind jetzt Incident Manager.",
	acknowledgedAs:           "Übernommen. Sie sind dabei als %s.",
	kept:                     "Danke. Es bleibt bei Ihnen.",
	handedBack:               "Verstanden. Jemand anderes wird gerufen.",
	alreadyAcknowledged:      "Bereits übernommen von %s. Für Sie ist nichts zu tun.",
	alreadyAcknowledgedByOne: "Bereits übernommen. Für Sie ist nichts zu tun.",

	andMore:         "%s und %d weitere",
	allAcknowledged: "%d übernommen",
	allDeclined:     "%d abgelehnt",
	allKept:         "%d bleiben bei Ihnen",
	allHandedBack:   "%d abgegeben",
	someTaken:       "%d schon von anderen übernommen",
	someOver:        "%d vorbei",
	someFailed:      "%d nicht angenommen: bitte antworten Sie noch einmal",
	someBarred:      "%d nur mit ihren Codes",

	whichOf: `Welche? Offen: %s. Antworten Sie mit dem Code, oder mit "ack %s".`,
	openNow: " Offen: %s.",
	hasIt:   "%s: %s hat es.",

	outcomes: map[Outcome]string{
		Drilled:       "Danke: Der Test hat Sie erreicht. Mehr ist nicht zu tun.",
		Declined:      "Abgelehnt. Jemand anderes wird gerufen.",
		NotUnderstood: "Das wurde nicht verstanden.",
		Over:          "Das ist vorbei. Für Sie ist nichts zu tun.",
		WhichOne:      "Welche? Antworten Sie mit dem Code der Meldung, die Sie meinen.",
		HelpWanted:    `Antwort mit Code: übernehmen; Code und "nein": ablehnen. Oder: ack HOT-12, decline HOT-12, ack all.`,
		NeedsCode:     "Dafür braucht es den Code der Meldung. Antworten Sie damit, oder über Link, Push oder Anruf.",
		TryAgain:      "Das konnte gerade nicht angenommen werden. Bitte versuchen Sie es in einer Minute noch einmal.",
	},
}

// wordsIn is the wording for a BCP 47 tag: German for every kind of German, else English.
func wordsIn(language string) *words {
	primary, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(language, "_", "-")), "-")
	if primary == "de" {
		return &german
	}
	return &english
}

// VoiceLanguage is the BCP 47 tag of the language that texts for language are really written in:
// the one to have them read in ("en-US", "de-DE").
func VoiceLanguage(language string) string { return wordsIn(language).tag }
