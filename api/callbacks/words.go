package callbacks

import (
	"rouse/engine"
	"rouse/engine/pager"
	"rouse/notifiers"
)

// sentences are those that package notifiers has none for.
type sentences struct {
	noAnswerNeeded string // it was answered already, or is over: who asks knows which
	takenIn        string // the same answer came before
	notValid       string // a button's secret that is unknown or too old
	tooMany        string // wrong codes
	oneMoment      string // in a call, while the engine cannot be asked
	giveUp         string // at the end of that
}

var byTag = map[string]sentences{
	"en-US": {
		noAnswerNeeded: "No answer is needed any more.",
		takenIn:        "Your answer was taken in already.",
		notValid:       "This button does not work any more.",
		tooMany:        "Too many wrong codes. Answer by the call or the push, or try again in 10 minutes.",
		oneMoment:      "This is Rouse, with a page for you. One moment, please.",
		giveUp:         "Rouse cannot read the page to you right now. Please look at your messages.",
	},
	"de-DE": {
		noAnswerNeeded: "Es ist keine Antwort mehr nötig.",
		takenIn:        "Ihre Antwort wurde schon angenommen.",
		notValid:       "Dieser Knopf gilt nicht mehr.",
		tooMany:        "Zu viele falsche Codes. Antworten Sie per Anruf oder Push, oder in 10 Minuten noch einmal.",
		oneMoment:      "Hier ist Rouse mit einer Meldung für Sie. Einen Moment bitte.",
		giveUp:         "Rouse kann die Meldung gerade nicht vorlesen. Bitte sehen Sie in Ihre Nachrichten.",
	},
}

func sentencesIn(language string) sentences { return byTag[notifiers.VoiceLanguage(language)] }

// inWords is what an answer did, as package notifiers words it.
func inWords(r pager.Reply) notifiers.Answered {
	a := notifiers.Answered{Language: r.Person.Language, Key: string(r.Key), Tally: notifiers.Tally(r.Tally)}
	switch r.Outcome {
	case engine.OutcomeManager:
		a.Outcome = notifiers.Acknowledged
	case engine.OutcomeAcknowledged:
		a.Outcome, a.Role = notifiers.Acknowledged, r.Role
	case engine.OutcomeStillOn:
		a.Outcome, a.Purpose = notifiers.Acknowledged, notifiers.StillOn
	case engine.OutcomeTaken:
		a.Outcome, a.By = notifiers.AlreadyTaken, r.Holder
	case engine.OutcomeDeclined:
		a.Outcome = notifiers.Declined
	case engine.OutcomeHandedBack:
		a.Outcome, a.Purpose = notifiers.Declined, notifiers.StillOn
	case engine.OutcomeResolved, engine.OutcomeNothing:
		a.Outcome = notifiers.Over
	}
	return a
}

// someDone reports whether an answer about several pages did something to some of them, though it failed
// for others: the reply says so, and the person may answer again.
func someDone(r pager.Reply) bool {
	return r.Tally.Failed > 0 && r.Tally.Failed < notifiers.Tally(r.Tally).Total()
}

func plain(language string, o notifiers.Outcome) string {
	return notifiers.Answered{Outcome: o, Language: language}.Text()
}
