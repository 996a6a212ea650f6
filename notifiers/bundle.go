package notifiers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Named is one more incident that a message is about.
type Named struct {
	Key      string
	Severity int
	Summary  string
}

const (
	maxSMS       = 1600 // characters that Twilio takes, https://www.twilio.com/docs/glossary/what-sms-character-limit
	maxPush      = 3800 // bytes of a push's body: ntfy makes an attachment of what is over 4,096
	maxShown     = 5    // of the others that a push shows with their summaries
	maxAlsoSaid  = 2    // of the others that a call reads out; it reads three in all
	shownSummary = 80   // runes of each
)

// Fits is how many of m.Also one message on its channel can name, the first ones. The others need another
// message. A template that takes more room than the built-in words leaves such a message to them.
func Fits(m Message) int {
	for n := len(m.Also); n > 0; n-- {
		some := m
		some.Also = m.Also[:n]
		switch m.Channel {
		case SMS:
			if text := bundleSMS(some); utf8.RuneCountInString(text) <= maxSMS && alphabetOf(text).units(text) <= maxSMS {
				return n
			}
		case Push, WebPush, Email, Webhook:
			if len(plainBody(some)) <= maxPush {
				return n
			}
		default: // only so many are read out, and the rest is a number
			return n
		}
	}
	return 0
}

// Keys lists incident keys in order, "HOT-12–HOT-19, HOT-31": three or more whose numbers follow one
// another are written as a range of the first and the last.
func Keys(keys []string) string {
	numbered := make([]numberedKey, 0, len(keys))
	for _, k := range keys {
		numbered = append(numbered, parseKey(clean(k)))
	}
	slices.SortFunc(numbered, func(a, b numberedKey) int {
		return cmp.Or(cmp.Compare(a.prefix, b.prefix), cmp.Compare(a.no, b.no), cmp.Compare(a.text, b.text))
	})
	numbered = slices.Compact(numbered)
	var parts []string
	for i := 0; i < len(numbered); {
		last := i
		for last+1 < len(numbered) && numbered[last+1].follows(numbered[last]) {
			last++
		}
		if last >= i+2 {
			parts = append(parts, numbered[i].text+"–"+numbered[last].text)
			i = last + 1
			continue
		}
		parts = append(parts, numbered[i].text)
		i++
	}
	return strings.Join(parts, ", ")
}

// numberedKey is a key in its parts; one that does not end in a plain number has no prefix.
type numberedKey struct {
	prefix, text string
	no           int64
}

func parseKey(key string) numberedKey {
	if dash := strings.LastIndexByte(key, '-'); dash > 0 {
		if no, err := strconv.ParseInt(key[dash+1:], 10, 64); err == nil && strconv.FormatInt(no, 10) == key[dash+1:] {
			return numberedKey{key[:dash], key, no}
		}
	}
	return numberedKey{text: key}
}

func (k numberedKey) follows(before numberedKey) bool {
	return k.prefix != "" && k.prefix == before.prefix && k.no == before.no+1
}

// count is how many incidents a message is about.
func (m Message) count() int { return 1 + len(m.Also) }

// keys lists all of them.
func (m Message) keys() string {
	keys := []string{m.Key}
	for _, other := range m.Also {
		keys = append(keys, other.Key)
	}
	return Keys(keys)
}

// bundleSMS is the SMS about several incidents: the first as usual, how many more, and the code that
// answers for all, within the first segment; then every key.
func bundleSMS(m Message) string {
	w := m.words()
	head := fmt.Sprintf("%s SEV%d ", oneLineGSM(m.Key), m.Severity)
	summary := asGSM.Replace(m.summary(w))
	middle := endSentence(summary)
	if m.Purpose == StillOn {
		middle = ": " + w.stillOn
	}
	middle += " " + fmt.Sprintf(w.more, len(m.Also))
	var code, answers string
	if m.Code != "" {
		code, answers = " "+fmt.Sprintf(w.reply, m.Code), fmt.Sprintf(w.replyAll, m.count(), m.Code)
		if m.Purpose == StillOn {
			answers = fmt.Sprintf(w.replyKeepAll, m.count(), m.Code)
		}
	}
	all := " " + fmt.Sprintf(w.all, asGSM.Replace(m.keys()))
	a := alphabetOf(head + summary + middle + code + answers + all)
	const dots = "..."
	room := a.part - a.units(head+middle+code)
	if with := room - a.units(answers); with >= worthShowing {
		room = with
	}
	if a.units(summary) > room {
		begin, _ := a.cut(summary, max(0, room-len(dots)))
		summary, middle = strings.TrimRight(begin, " ")+dots, strings.TrimPrefix(middle, ".")
	}
	return head + summary + middle + code + answers + all
}

// bundlePush is the body of a push about several incidents: the worst of the others with their summaries,
// and every key.
func bundlePush(m Message, w *words) string {
	lines := []string{fmt.Sprintf(w.more, len(m.Also))}
	for _, other := range m.Also[:min(len(m.Also), maxShown)] {
		lines = append(lines, fmt.Sprintf("%s SEV%d %s", clean(other.Key), other.Severity, shorten(summaryOr(other.Summary, w), shownSummary)))
	}
	return strings.Join(append(lines, fmt.Sprintf(w.all, m.keys())), "\n")
}

// bundleSpoken is what a call reads out behind the first of several incidents.
func bundleSpoken(m Message, w *words) string {
	text := " " + fmt.Sprintf(w.more, len(m.Also))
	for _, other := range m.Also[:min(len(m.Also), maxAlsoSaid)] {
		summary := shorten(summaryOr(other.Summary, w), shownSummary)
		text += fmt.Sprintf(" %s. %s %d. %s%s", Spell(other.Key), w.severity, other.Severity, summary, endSentence(summary))
	}
	return text
}
