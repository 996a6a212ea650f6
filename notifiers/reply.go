package notifiers

import (
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
	Code   string // the digits it quotes, as ASCII; "" for a bare word
}

// ParseReply understands what people text back: a code, alone or with one word for yes or no on
// either side, or the bare word. Case, blanks, surrounding punctuation and full-width digits do not
// matter. One word that it does not know, two codes, yes and no together, or a question mark make
// it Unclear: so does the phone's own `Liked "HOT-1 ..."`.
//
// Twilio answers STOP, START and, on North American numbers, HELP itself and does not pass them on.
func ParseReply(text string) Reply {
	var saysYes, saysNo, asks bool
	var code string
	for _, token := range tokens(text) {
		switch {
		case isCode(token):
			if code != "" && code != token {
				return Reply{Answer: Unclear}
			}
			code = token
		case yesWords[token]:
			saysYes = true
		case noWords[token]:
			saysNo = true
		case helpWords[token]:
			asks = true
		default:
			return Reply{Answer: Unclear}
		}
	}
	switch {
	case asks && !saysYes && !saysNo && code == "":
		return Reply{Answer: Help}
	case asks || saysYes && saysNo || !saysYes && !saysNo && code == "":
		return Reply{Answer: Unclear}
	case saysNo:
		return Reply{Answer: Decline, Code: code}
	}
	return Reply{Answer: Acknowledge, Code: code}
}

var (
	yesWords  = set("ack", "acked", "acknowledge", "acknowledged", "ok", "okay", "yes", "ja", "übernehme", "übernommen", "👍", "✅", "👌")
	noWords   = set("no", "nope", "nack", "decline", "declined", "pass", "nein", "ablehnen", "abgelehnt", "👎", "❌")
	helpWords = set("help", "info", "hilfe", "?")
	polite    = set("please", "thanks", "thx", "bitte", "danke")
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
func isCode(token string) bool {
	return len(token) >= 4 && len(token) <= 8 && strings.Trim(token, "0123456789") == ""
}
