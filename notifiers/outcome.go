package notifiers

import (
	"fmt"
	"strings"
)

// Outcome is what became of somebody's answer, to be told back on the channel it came by.
type Outcome string

// The outcomes.
const (
	Acknowledged  Outcome = "acknowledged"   // it is theirs now, or stays theirs
	Declined      Outcome = "declined"       // the next is being paged
	AlreadyTaken  Outcome = "already_taken"  // somebody else was first
	Drilled       Outcome = "drilled"        // it was a drill, which the answer passed
	Over          Outcome = "over"           // resolved, or the code is no longer valid
	NotUnderstood Outcome = "not_understood" // no such key or word
	WhichOne      Outcome = "which_one"      // an answer without a code, and several pages open
	NeedsCode     Outcome = "needs_code"     // the phone number alone does not answer that
	HelpWanted    Outcome = "help"           // asked how to answer
	TryAgain      Outcome = "try_again"      // Rouse could not store the answer
)

// Answered is what became of an answer, with what is needed to say it.
type Answered struct {
	Outcome  Outcome
	Language string   // BCP 47; "" is English
	Wording  *Wording // nil: built in
	Purpose  Purpose  // of the message that was answered; "" is Page
	Key      string   // "HOT-1"; "" when none is known
	Role     string   // what the person was paged as; "" is the incident manager
	By       string   // who was first, for AlreadyTaken; may be empty
	Tally    Tally    // of an answer about several incidents; zero if it was about one
	Open     []string // keys of what is open for them, the worst first, for WhichOne and HelpWanted; may be empty
}

// Tally counts what became of an answer about several incidents.
type Tally struct {
	Done   int // did what was meant
	Taken  int // somebody else had it
	Over   int // resolved, or not to be answered any more
	Failed int // could not be stored
	Barred int // only with a code
}

// Total is how many incidents were answered.
func (t Tally) Total() int { return t.Done + t.Taken + t.Over + t.Failed + t.Barred }

// Text is the sentence to send back: "HOT-1: Acknowledged. You are now the incident manager."
func (a Answered) Text() string {
	switch key := clean(a.Key); {
	case key == "":
		return a.sentence()
	case a.Tally.Total() > 1:
		return fmt.Sprintf(a.Wording.in(a.Language).andMore, key, a.Tally.Total()-1) + ": " + a.sentence()
	default:
		return key + ": " + a.sentence()
	}
}

// Spoken is the sentence to read out, without the key, which the person has just heard.
func (a Answered) Spoken() string { return a.sentence() }

// several says how many incidents an answer did what to: "34 acknowledged, 2 taken by others before."
func (a Answered) several(w *words) string {
	done := map[Outcome]string{Declined: w.allDeclined}[a.Outcome]
	switch {
	case done == "" && a.Purpose == StillOn:
		done = w.allKept
	case done == "":
		done = w.allAcknowledged
	case a.Purpose == StillOn:
		done = w.allHandedBack
	}
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{{a.Tally.Done, done}, {a.Tally.Taken, w.someTaken}, {a.Tally.Over, w.someOver}, {a.Tally.Failed, w.someFailed}, {a.Tally.Barred, w.someBarred}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf(part.text, part.n))
		}
	}
	return strings.Join(parts, ", ") + "."
}

func (a Answered) sentence() string {
	w := a.Wording.in(a.Language)
	if a.Tally.Total() > 1 {
		return a.several(w)
	}
	switch a.Outcome {
	case Acknowledged:
		switch {
		case a.Purpose == StillOn:
			return w.kept
		case a.Role == "" || strings.EqualFold(a.Role, english.manager) || strings.EqualFold(a.Role, w.manager):
			return w.acknowledgedManager
		}
		return fmt.Sprintf(w.acknowledgedAs, clean(a.Role))
	case AlreadyTaken:
		if by := clean(a.By); by != "" {
			return fmt.Sprintf(w.alreadyAcknowledged, by)
		}
		return w.alreadyAcknowledgedByOne
	case Declined:
		if a.Purpose == StillOn {
			return w.handedBack
		}
	case WhichOne:
		if len(a.Open) > 0 {
			return fitting(a.Open, func(keys string) string { return fmt.Sprintf(w.whichOf, keys, oneLineGSM(a.Open[0])) })
		}
	case HelpWanted:
		if advice := w.outcomes[HelpWanted]; len(a.Open) > 0 {
			if text := fitting(a.Open, func(keys string) string { return advice + fmt.Sprintf(w.openNow, keys) }); Segments(text) == 1 {
				return text
			}
		}
	}
	if sentence, ok := w.outcomes[a.Outcome]; ok {
		return sentence
	}
	return w.outcomes[NotUnderstood]
}

// fitting words as many of some keys as one SMS segment holds, at least one, and how many more there are.
func fitting(keys []string, say func(keys string) string) (text string) {
	for n := len(keys); n > 0; n-- {
		list := asGSM.Replace(Keys(keys[:n]))
		if more := len(keys) - n; more > 0 {
			list += fmt.Sprintf(" +%d", more)
		}
		if text = say(list); Segments(text) == 1 {
			break
		}
	}
	return text
}

// HasIt tells somebody who was paged about an incident who has it now: "HOT-12: Bob has it."
func HasIt(language, key, by string) string {
	return fmt.Sprintf(wordsIn(language).hasIt, clean(key), clean(by))
}
