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
	Over          Outcome = "over"           // resolved, or the code is no longer valid
	NotUnderstood Outcome = "not_understood" // no such key or word
	WhichOne      Outcome = "which_one"      // an answer without a code, and several pages open
	HelpWanted    Outcome = "help"           // asked how to answer
	TryAgain      Outcome = "try_again"      // Rouse could not store the answer
)

// Answered is what became of an answer, with what is needed to say it.
type Answered struct {
	Outcome  Outcome
	Language string  // BCP 47; "" is English
	Purpose  Purpose // of the message that was answered; "" is Page
	Key      string  // "HOT-1"; "" when none is known
	Role     string  // what the person was paged as; "" is the incident manager
	By       string  // who was first, for AlreadyTaken; may be empty
	Tally    Tally   // of an answer about several incidents; zero if it was about one
}

// Tally counts what became of an answer about several incidents.
type Tally struct {
	Done   int // did what was meant
	Taken  int // somebody else had it
	Over   int // resolved, or not to be answered any more
	Failed int // could not be stored
}

// Total is how many incidents were answered.
func (t Tally) Total() int { return t.Done + t.Taken + t.Over + t.Failed }

// Text is the sentence to send back: "HOT-1: Acknowledged. You are now the incident manager."
func (a Answered) Text() string {
	switch key := clean(a.Key); {
	case key == "":
		return a.sentence()
	case a.Tally.Total() > 1:
		return fmt.Sprintf(wordsIn(a.Language).andMore, key, a.Tally.Total()-1) + ": " + a.sentence()
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
	}{{a.Tally.Done, done}, {a.Tally.Taken, w.someTaken}, {a.Tally.Over, w.someOver}, {a.Tally.Failed, w.someFailed}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf(part.text, part.n))
		}
	}
	return strings.Join(parts, ", ") + "."
}

func (a Answered) sentence() string {
	w := wordsIn(a.Language)
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
	}
	if sentence, ok := w.outcomes[a.Outcome]; ok {
		return sentence
	}
	return w.outcomes[NotUnderstood]
}
