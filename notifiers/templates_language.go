package notifiers

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Language is a set of words: every sentence that Rouse says in messages and answers, by name, in a language
// that operators add, or in the place of a built-in one.
type Language struct {
	Tag string // BCP 47, also for the voice that reads it: "fr-FR"
	// Unicode says that the language is not written in the GSM alphabet, so that each SMS is in UCS-2 and a
	// segment holds 67 characters instead of 153.
	Unicode bool
	Words   map[string]string
}

// sentence is one of words, with its name.
type sentence struct {
	name string
	text *string
	sms  bool // it stands in SMS
}

// sentences lists all of them but the outcomes, which are named as they are called.
func (w *words) sentences() []sentence {
	return []sentence{
		{"no_summary", &w.noSummary, true}, {"service", &w.service, true}, {"paged_as", &w.pagedAs, true}, {"manager", &w.manager, true}, {"still_on", &w.stillOn, true},
		{"reply", &w.reply, true}, {"reply_page", &w.replyPage, true}, {"reply_keep", &w.replyKeep, true},
		{"more", &w.more, true}, {"all", &w.all, true}, {"reply_all", &w.replyAll, true}, {"reply_keep_all", &w.replyKeepAll, true},
		{"ack_button", &w.ackButton, false}, {"decline_button", &w.declineButton, false}, {"keep_button", &w.keepButton, false}, {"hand_back_button", &w.handBackButton, false},
		{"ack_all_button", &w.ackAllButton, false}, {"decline_all_button", &w.declineAllButton, false}, {"keep_all_button", &w.keepAllButton, false}, {"hand_all_back_button", &w.handAllBackButton, false},
		{"answer_please", &w.answerPlease, false}, {"severity", &w.severity, false},
		{"press", &w.press, false}, {"press_keep", &w.pressKeep, false}, {"press_all", &w.pressAll, false}, {"press_keep_all", &w.pressKeepAll, false},
		{"no_key", &w.noKey, false}, {"goodbye", &w.goodbye, false},
		{"acknowledged_manager", &w.acknowledgedManager, true}, {"acknowledged_as", &w.acknowledgedAs, true}, {"kept", &w.kept, true}, {"handed_back", &w.handedBack, true},
		{"already_acknowledged", &w.alreadyAcknowledged, true}, {"already_acknowledged_by_one", &w.alreadyAcknowledgedByOne, true},
		{"and_more", &w.andMore, true}, {"all_acknowledged", &w.allAcknowledged, true}, {"all_declined", &w.allDeclined, true}, {"all_kept", &w.allKept, true}, {"all_handed_back", &w.allHandedBack, true},
		{"some_taken", &w.someTaken, true}, {"some_over", &w.someOver, true}, {"some_failed", &w.someFailed, true},
		{"some_barred", &w.someBarred, true}, {"which_of", &w.whichOf, true}, {"open_now", &w.openNow, true}, {"has_it", &w.hasIt, true},
	}
}

// BuiltIn are the languages that come with Rouse, to translate from.
func BuiltIn() []Language { return []Language{english.language("en"), german.language("de")} }

func (w *words) language(tag string) Language {
	l := Language{Tag: tag, Words: map[string]string{}}
	for _, s := range w.sentences() {
		l.Words[s.name] = *s.text
	}
	for outcome, text := range w.outcomes {
		l.Words[string(outcome)] = text
	}
	return l
}

// Check says what is wrong with a language: sentences that are missing or unknown, placeholders that are not
// those of the English sentence, characters that would make each SMS UCS-2, and messages that would not be
// what every message is.
func (l Language) Check() []Fault {
	var faults []Fault
	if !languageTag.MatchString(l.Tag) {
		faults = append(faults, Fault{Field: "tag", Detail: fmt.Sprintf("%q is no language tag: use one such as fr, or fr-CH", l.Tag)})
	}
	made, wrong := l.words()
	if faults = append(faults, wrong...); len(faults) > 0 {
		return faults
	}
	for _, word := range []struct{ name, text string }{{"reply_page", made.replyPage}, {"reply_keep", made.replyKeep}, {"reply_all", made.replyAll}, {"reply_keep_all", made.replyKeepAll}} {
		if m := toldAnswer.FindStringSubmatch(word.text); m != nil && ParseReply("482913 "+m[1]).Answer != Decline {
			faults = append(faults, Fault{Field: word.name, Detail: fmt.Sprintf(`tells people to answer with %q, which Rouse does not understand: keep "no" behind the code`, m[1])})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	w := NewWording(nil)
	w.now.Store(&wordingNow{languages: map[string]*words{strings.ToLower(l.Tag): made}})
	for _, purpose := range []Purpose{Page, StillOn} {
		for _, s := range Hostile(l.Tag, SMS, purpose) {
			m := s.Message
			m.Wording = w
			if fault := said(m, s); fault != nil {
				return []Fault{*fault}
			}
		}
	}
	return nil
}

var toldAnswer = regexp.MustCompile(`%(?:\[\d\])?s (\pL+)`)

// said holds the built-in form of a message in these words against what every SMS and call is.
func said(m Message, s Sample) *Fault {
	texts := map[place]string{{channel: SMS, part: TextPart}: plainSMS(m), {channel: Voice, part: OptionsPart}: plainOptions(m)}
	if len(m.Also) > maxOthersTried {
		return nil // Fits parts it
	}
	for at, text := range texts {
		f := fieldsOf(m, at)
		if at.channel == SMS {
			over, err := pastFirst(text, m.Code)
			if err != nil {
				return &Fault{Field: "reply", Detail: err.Error()}
			}
			if over > 0 {
				return &Fault{Field: "reply", Detail: fmt.Sprintf("puts the code %d characters behind the first segment of an SMS (found with %s): say it, more and still_on in fewer words", over, s.Name)}
			}
			f.Summary, _ = alphabetOf(text).cut(f.Summary, leastShown) // more may be cut off
		}
		if err := hold(text, at, m, f); err != nil {
			field := "reply"
			if at.part == OptionsPart {
				field = "press"
			}
			return &Fault{Field: field, Detail: fmt.Sprintf("%v (found with %s)", err, s.Name)}
		}
	}
	return nil
}

const (
	maxOthersTried = 50
	leastShown     = 6 // units of a summary, in the built-in form
)

// words makes the words of a language. A sentence that is missing, or cannot be used, is the English one, and
// is told.
func (l Language) words() (*words, []Fault) {
	var faults []Fault
	made := english
	made.tag, made.outcomes = l.Tag, maps.Clone(english.outcomes)
	take := func(name, theirs string, sms bool) string {
		text, there := l.Words[name]
		detail := ""
		switch {
		case !there || strings.TrimSpace(text) == "":
			detail = fmt.Sprintf("is missing; in English it is %q", theirs)
		case strings.Join(placeholders(text), "") != strings.Join(placeholders(theirs), ""):
			detail = fmt.Sprintf("has the placeholders %q, and needs %q, as in %q; write %%[2]s for the second where the order is another", placeholders(text), placeholders(theirs), theirs)
		case strings.TrimSpace(text) != clean(text):
			detail = "has line breaks, control characters or blanks in a row: write one line"
		case len([]rune(text)) > maxSentence:
			detail = fmt.Sprintf("has %d characters, the limit is %d", len([]rune(text)), maxSentence)
		case strings.HasPrefix(theirs, " ") && !strings.HasPrefix(text, " "):
			detail = fmt.Sprintf("has to begin with a blank, as it follows another sentence: %q", theirs)
		case sms && !l.Unicode && !IsGSM(asGSM.Replace(text)):
			detail = fmt.Sprintf("has %s, which the GSM alphabet of SMS has not: a segment would hold 67 characters instead of 153. Write others, or say unicode: true of the language", strings.Join(Forcing(asGSM.Replace(text)), " "))
		}
		if detail != "" {
			faults = append(faults, Fault{Field: name, Detail: detail})
			return theirs
		}
		if sms {
			text = asGSM.Replace(text)
		}
		return text
	}
	known := map[string]bool{}
	for _, s := range made.sentences() {
		known[s.name] = true
		*s.text = take(s.name, *s.text, s.sms)
	}
	for _, outcome := range slices.Sorted(maps.Keys(english.outcomes)) {
		known[string(outcome)] = true
		made.outcomes[outcome] = take(string(outcome), english.outcomes[outcome], true)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Words)) {
		if !known[name] {
			faults = append(faults, Fault{Field: name, Detail: "is no sentence of Rouse: take it out, or look for its right name in `rouse template language show en`"})
		}
	}
	return &made, faults
}

const maxSentence = 200 // characters

var placeholder = regexp.MustCompile(`%(\[\d\])?[a-zA-Z%]?`)

// placeholders are what is filled in, as type and place: "s1", "d2"; what cannot be filled in is as it stands.
func placeholders(text string) []string {
	var all []string
	for i, found := range placeholder.FindAllStringSubmatch(text, -1) {
		kind, at := found[0][len(found[0])-1:], fmt.Sprint(i+1)
		if found[1] != "" {
			at = found[1][1:2]
		}
		all = append(all, kind+at)
	}
	slices.Sort(all)
	return all
}
