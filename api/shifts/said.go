package shifts

import (
	"strings"
)

// said is what a text asks for, as far as it can be read without knowing anything else.
type said struct {
	roster string

	take         bool // a take; else a swap
	from, until  when
	length       length // instead of until; zero: not said
	give, inTurn when   // of a swap: the proposer's shift, and the partner's; the latter may be zero
	partner      string
}

// parseSaid reads a text:
//
//	take ROSTER [from WHEN] until WHEN | for LENGTH
//	swap ROSTER WHEN with PERSON [WHEN]
//
// The second return value is false if the text is no such thing at all; problem says what is missing in one
// that is.
func parseSaid(text string) (s said, is bool, problem bool) {
	words := fields(text)
	if len(words) == 0 {
		return s, false, false
	}
	switch words[0] {
	case "take", "nehme", "übernehme":
		s.take = true
	case "swap", "tausche":
	default:
		return s, false, false
	}
	if len(words) < 2 {
		return s, true, true
	}
	s.roster = words[1]
	part := clauses(words[2:])
	if s.take {
		return s, true, !s.readTake(part)
	}
	return s, true, !s.readSwap(part)
}

func (s *said) readTake(part map[string][]string) (ok bool) {
	from, hasFrom := part["from"]
	if hasFrom {
		if s.from, ok = parseWhen(from); !ok {
			return false
		}
	}
	until, hasUntil := part["until"]
	length, hasLength := part["for"]
	switch {
	case hasUntil == hasLength || len(part[""]) > 0 || len(part["with"]) > 0:
		return false
	case hasLength:
		s.length, ok = parseLength(strings.Join(length, ""))
	default:
		if s.until, ok = parseWhen(until); ok && !s.until.timed { // until Friday: which hour of it?
			ok = false
		}
	}
	return ok
}

func (s *said) readSwap(part map[string][]string) (ok bool) {
	with := part["with"]
	if len(with) == 0 || len(part["from"])+len(part["until"])+len(part["for"]) > 0 {
		return false
	}
	if s.give, ok = parseWhen(part[""]); !ok {
		return false
	}
	s.partner = with[0]
	if len(with) == 1 {
		return true
	}
	s.inTurn, ok = parseWhen(with[1:])
	return ok
}

// clauses are the words behind each preposition, and those before the first. One that stands twice makes its
// clause unreadable.
func clauses(words []string) map[string][]string {
	part := map[string][]string{}
	at := ""
	for _, word := range words {
		if clause := prepositions[word]; clause != "" {
			if _, again := part[clause]; again {
				word = "twice"
			} else {
				at, part[clause] = clause, []string{}
				continue
			}
		}
		part[at] = append(part[at], word)
	}
	return part
}

var prepositions = map[string]string{
	"from": "from", "von": "from", "ab": "from", "until": "until", "till": "until", "to": "until", "bis": "until",
	"for": "for", "für": "for", "with": "with", "mit": "with",
}

// fields are the words of a text in lower case, without the punctuation around them.
func fields(text string) []string {
	var words []string
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if word = strings.Trim(word, `.,;!?"'()<>“”„`); word != "" && word != "please" && word != "bitte" {
			words = append(words, word)
		}
	}
	return words
}
