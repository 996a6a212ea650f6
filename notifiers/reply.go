package notifiers

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Answer is what a person's text says.
type Answer string

// The answers.
const (
	Acknowledge Answer = "acknowledge"
	Decline     Answer = "decline"
	Help        Answer = "help"
	// Unclear is everything else, and whatever can be read in two ways: it never acknowledges.
	Unclear Answer = "unclear"
)

// Reply is an answer that came back by SMS.
type Reply struct {
	Answer Answer
	Code   string   // the digits it quotes, as ASCII; "" for none
	Keys   []string // the incidents that it names, "HOT-12"; of one without its letters the number, "12"
	All    bool     // it is about everything that is open
}

// ParseReply understands what people text back: a code, alone or with one word for yes or no on
// either side; the bare word; the word and incident keys, "ack HOT-12 hot 13"; the word and "all". Case,
// blanks, surrounding punctuation and full-width digits do not matter. One word that it does not know, two
// codes, yes and no together, or a question mark make it Unclear: so does the phone's own `Liked "HOT-1 ..."`.
//
// A number of 4 to 8 digits is a code, unless letters stand before it: "ack 1234", "ack HOT-1234".
//
// Twilio answers STOP, START and, on North American numbers, HELP itself and does not pass them on.
func ParseReply(text string) Reply {
	var r Reply
	var saysYes, saysNo, asks bool
	words := tokens(text)
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case isCode(word):
			if r.Code != "" && r.Code != word {
				return Reply{Answer: Unclear}
			}
			r.Code = word
		case isNumber(word):
			r.names(word)
		case yesWords[word]:
			saysYes = true
		case noWords[word]:
			saysNo = true
		case helpWords[word]:
			asks = true
		case allWords[word] && (saysYes || saysNo): // "all ok" says something else
			r.All = true
		case isPrefix(word) && i+1 < len(words) && isNumber(words[i+1]):
			i++
			r.names(strings.ToUpper(word) + "-" + words[i])
		default:
			return Reply{Answer: Unclear}
		}
	}
	named := r.All || len(r.Keys) > 0
	switch {
	case asks && !saysYes && !saysNo && r.Code == "" && !named:
		return Reply{Answer: Help}
	case asks || saysYes && saysNo || !saysYes && !saysNo && (r.Code == "" || named) || r.All && len(r.Keys) > 0:
		return Reply{Answer: Unclear}
	case saysNo:
		r.Answer = Decline
	default:
		r.Answer = Acknowledge
	}
	return r
}

// names takes in a key, once.
func (r *Reply) names(key string) {
	if !slices.Contains(r.Keys, key) {
		r.Keys = append(r.Keys, key)
	}
}

var (
	yesWords  = set("ack", "acked", "acknowledge", "acknowledged", "ok", "okay", "yes", "ja", "übernehme", "übernommen", "👍", "✅", "👌")
	noWords   = set("no", "nope", "nack", "decline", "declined", "pass", "nein", "ablehnen", "abgelehnt", "👎", "❌")
	helpWords = set("help", "info", "hilfe", "?")
	allWords  = set("all", "alle")
	polite    = set("please", "thanks", "thx", "and", "bitte", "danke", "und")
	// turning are words that make something else of the number behind them, so that they are no letters of a key.
	turning = set("or", "not", "but", "except", "in", "at", "on", "until", "oder", "nicht", "aber", "ohne", "um", "bis")
)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, word := range words {
		m[word] = true
	}
	return m
}

// tokens are the words of a text in lower case: runs of letters and digits, question marks, and
// each symbol by itself. Other punctuation parts words, an apostrophe does not ("don't").
func tokens(text string) []string {
	var found []string
	var word strings.Builder
	end := func() {
		if w := strings.Trim(word.String(), "'"); w != "" && !polite[w] {
			found = append(found, w)
		}
		word.Reset()
	}
	for _, r := range text {
		r = unicode.ToLower(narrow(r))
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '\'':
			word.WriteRune(r)
		case unicode.IsSpace(r) || unicode.IsControl(r) || r == '<' || r == '>' || r == '`':
			end()
		case r == '?' || !unicode.IsPunct(r) && !unicode.In(r, unicode.Cf, unicode.Mn, unicode.Sk):
			end()
			found = append(found, string(r))
		case unicode.IsPunct(r):
			end()
		}
	}
	end()
	return found
}

// narrow turns full-width letters, digits and punctuation, the digits of a few more scripts, and
// the typographic apostrophe into ASCII.
func narrow(r rune) rune {
	switch {
	case r >= '！' && r <= '～': // U+FF01 to U+FF5E mirror ASCII
		return r - '！' + '!'
	case r == '’' || r == '‘':
		return '\''
	}
	for _, zero := range []rune{'٠', '۰', '०'} {
		if r >= zero && r <= zero+9 {
			return r - zero + '0'
		}
	}
	return r
}

// isCode tells whether a token is a code: 4 to 8 digits.
func isCode(token string) bool { return len(token) >= 4 && len(token) <= 8 && isNumber(token) }

func isNumber(token string) bool { return token != "" && strings.Trim(token, "0123456789") == "" }

// isPrefix tells whether a token may be what stands before the number of a key.
func isPrefix(token string) bool { return prefixForm.MatchString(token) && !turning[token] }

var prefixForm = regexp.MustCompile(`^[a-z][a-z0-9]{1,9}$`)
