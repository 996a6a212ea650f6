package notifiers

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Every message begins with key, severity, summary, in every channel (rule 14).

const (
	maxSegments  = 3   // of an SMS; what does not fit is cut
	worthShowing = 40  // units of a summary that are worth more than the explanation of the reply
	maxTitle     = 120 // runes of a push's title
	maxSpoken    = 300 // runes of a summary that are read out
	maxReason    = 300 // runes of a reason
)

// The texts of a message are those of Message.Wording where it has a template for them, and else the built-in
// ones, which never fail.

// SMSText is the message as an SMS. When it needs more than one segment, the code to reply with
// stands in the first: the summary is cut short there with "..." and goes on behind the code.
func SMSText(m Message) string { return m.worded(SMS, TextPart, plainSMS) }

func plainSMS(m Message) string {
	if m.Purpose == Notice {
		return first("Rouse: "+asGSM.Replace(clean(m.Text)), maxSegments)
	}
	if len(m.Also) > 0 {
		return bundleSMS(m)
	}
	w := m.words()
	var (
		head    = fmt.Sprintf("%s SEV%d ", oneLineGSM(m.Key), m.Severity)
		summary = asGSM.Replace(m.summary(w))
		middle  = endSentence(summary)
		service = asGSM.Replace(m.service(w))
		as      = asGSM.Replace(m.pagedAs(w))
		code    string // "Reply 482913"
		answers string // " to acknowledge, ..."
	)
	if m.Code != "" {
		code, answers = " "+fmt.Sprintf(w.reply, m.Code), fmt.Sprintf(w.replyPage, m.Code)
	}
	if m.Purpose == StillOn {
		middle, service, as = ": "+w.stillOn, "", ""
		if m.Code != "" {
			answers = fmt.Sprintf(w.replyKeep, m.Code)
		}
	}
	whole := head + summary + middle + service + code + answers + as
	a := alphabetOf(whole)
	inFirst := a.units(head + summary + middle + service + code)
	if a.units(whole) <= a.single || inFirst+a.units(answers) <= a.part {
		return first(whole, maxSegments)
	}

	const dots = "..."
	room := a.part - a.units(head+dots+strings.TrimPrefix(middle, ".")+code)
	if with := room - a.units(answers); with >= worthShowing {
		room = with
	}
	begin, rest := a.cut(summary, max(0, room))
	text := head + summary + middle + code + answers
	if rest != "" {
		text = head + strings.TrimRight(begin, " ") + dots + strings.TrimPrefix(middle, ".") + code + answers +
			" " + dots + strings.TrimLeft(rest, " ") + endSentence(rest)
	}
	return first(text+service+as, maxSegments)
}

// PushTitle is the title of a push, or the subject of a mail: key, severity, summary.
func PushTitle(m Message) string { return m.worded(m.titled(), TitlePart, plainTitle) }

func plainTitle(m Message) string {
	if m.Purpose == Notice {
		return "Rouse"
	}
	w := m.words()
	title := fmt.Sprintf("%s SEV%d %s", clean(m.Key), m.Severity, shorten(m.summary(w), maxTitle))
	if m.Purpose == StillOn {
		title += ": " + w.stillOn
	}
	if len(m.Also) > 0 {
		title += " (+" + strconv.Itoa(len(m.Also)) + ")"
	}
	return title
}

// PushBody is the rest of a push, or of a mail: the whole summary if the title had to cut it, the service, and
// what the person is paged as. It is never empty.
func PushBody(m Message) string { return m.worded(m.titled(), TextPart, plainBody) }

func plainBody(m Message) string {
	if m.Purpose == Notice {
		return clean(m.Text)
	}
	w := m.words()
	if len(m.Also) > 0 {
		return bundlePush(m, w)
	}
	var parts []string
	if summary := m.summary(w); utf8.RuneCountInString(summary) > maxTitle {
		parts = append(parts, summary+endSentence(summary))
	}
	for _, part := range []string{m.service(w), m.pagedAs(w)} {
		if part != "" {
			parts = append(parts, strings.TrimSpace(part))
		}
	}
	if len(parts) == 0 {
		return w.answerPlease
	}
	return strings.Join(parts, " ")
}

// PushButtons are the labels of the two buttons.
func PushButtons(m Message) (ack, decline string) {
	w := m.words()
	switch several := len(m.Also) > 0; {
	case several && m.Purpose == StillOn:
		return fmt.Sprintf(w.keepAllButton, m.count()), w.handAllBackButton
	case several:
		return fmt.Sprintf(w.ackAllButton, m.count()), w.declineAllButton
	case m.Purpose == StillOn:
		return w.keepButton, w.handBackButton
	default:
		return w.ackButton, w.declineButton
	}
}

// Spoken is what a call reads out before it asks: the key letter by letter, severity, summary; of several
// incidents how many there are, and the first three.
func Spoken(m Message) string { return m.worded(Voice, TextPart, plainSpoken) }

func plainSpoken(m Message) string {
	w := m.words()
	summary := shorten(m.summary(w), maxSpoken)
	text := fmt.Sprintf("%s. %s %d. %s%s", Spell(m.Key), w.severity, m.Severity, summary, endSentence(summary))
	if len(m.Also) > 0 {
		return text + bundleSpoken(m, w)
	}
	return text + m.service(w) + m.pagedAs(w)
}

// SpokenOptions asks for a key: 1 acknowledges, 2 declines, 9 repeats.
func SpokenOptions(m Message) string { return m.worded(Voice, OptionsPart, plainOptions) }

func plainOptions(m Message) string {
	w := m.words()
	switch several := len(m.Also) > 0; {
	case several && m.Purpose == StillOn:
		return fmt.Sprintf(w.pressKeepAll, m.count())
	case several:
		return fmt.Sprintf(w.pressAll, m.count())
	case m.Purpose == StillOn:
		return w.pressKeep
	default:
		return w.press
	}
}

// SpokenSilence ends a call in which no key was pressed.
func SpokenSilence(m Message) string {
	w := m.words()
	return w.noKey + " " + w.goodbye
}

// SpokenIn is the BCP 47 tag of the language that the texts of a message are really written in: the one to have
// them read in.
func SpokenIn(m Message) string { return m.words().tag }

// Spell makes a key that is read letter by letter: "HOT-1" becomes "H, O, T, 1".
func Spell(key string) string {
	var letters []string
	for _, r := range clean(key) {
		if r != '-' && r != '_' && r != ' ' {
			letters = append(letters, string(r))
		}
	}
	return strings.Join(letters, ", ")
}

// PageSummary is the summary as the responder page shows it, or that there is none.
func PageSummary(m Message) string { return m.summary(m.words()) }

// PageAbout is what the responder page says below it: the service, and what the person is paged as.
func PageAbout(m Message) string {
	w := m.words()
	return strings.TrimSpace(m.service(w) + m.pagedAs(w))
}

// RoleIn is a role as people of that language call it.
func RoleIn(language, role string) string {
	if strings.EqualFold(role, english.manager) {
		return wordsIn(language).manager
	}
	return clean(role)
}

func (m Message) summary(w *words) string { return summaryOr(m.Summary, w) }

// summaryOr is a summary as it is written, or that there is none.
func summaryOr(text string, w *words) string {
	if summary := clean(text); summary != "" {
		return summary
	}
	return w.noSummary
}

// service is " Service bitbucket.", or nothing.
func (m Message) service(w *words) string {
	if service := clean(m.Service); service != "" {
		return " " + fmt.Sprintf(w.service, shorten(service, 60))
	}
	return ""
}

// pagedAs is " You are paged as dba: restore needed.", or nothing when there is nothing special.
func (m Message) pagedAs(w *words) string {
	role, reason := clean(m.Role), shorten(clean(m.Reason), maxReason)
	if reason == "" && (role == "" || strings.EqualFold(role, w.manager) || strings.EqualFold(role, english.manager)) {
		return ""
	}
	if role == "" {
		return " " + reason + endSentence(reason)
	}
	text := fmt.Sprintf(w.pagedAs, shorten(role, 60))
	if reason != "" {
		text += ": " + reason
	}
	return " " + text + endSentence(text)
}

func oneLineGSM(text string) string { return asGSM.Replace(clean(text)) }

// endSentence is the full stop that text still needs.
func endSentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return ""
	}
	return "."
}

// shorten cuts text to so many runes, the last three of them dots.
func shorten(text string, runes int) string {
	if utf8.RuneCountInString(text) <= runes {
		return text
	}
	head, _ := alphabet{}.cut(text, runes-3) // counts runes, nearly: what is beyond U+FFFF counts twice
	return strings.TrimRight(head, " ") + "..."
}
