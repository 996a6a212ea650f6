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

	// in a call to Rouse
	openOne, openMore string // how many incidents are open
	menu, menuAll     string // which keys there are for the only incident, or one of several
	typeCode, badCode string
	nothingMore       string

	// of the page
	app                              string // without an incident
	since                            string // when it began
	status                           map[engine.Status]string
	yours, holder, nobody            string // who has it
	managerIs                        string
	paged                            string // above who else was paged
	pageState                        map[engine.PageState]string
	pushOffer, pushDone, pushFailed  string
	full                             string // no room for another browser
	stopped, started, nothingStopped string // what STOP and START did
}

var byTag = map[string]sentences{
	"en-US": {
		noAnswerNeeded: "No answer is needed any more.",
		takenIn:        "Your answer was taken in already.",
		notValid:       "This button does not work any more.",
		tooMany:        "Too many wrong codes. Answer by the call or the push, or try again in 10 minutes.",
		oneMoment:      "This is Rouse, with a page for you. One moment, please.",
		giveUp:         "Rouse cannot read the page to you right now. Please look at your messages.",
		openOne:        "This is Rouse. One incident is open for you.",
		openMore:       "This is Rouse. %d incidents are open for you, the worst first.",
		menu:           "Press 1 to acknowledge, 2 to decline, 9 to repeat.",
		menuAll:        "Press 1 to acknowledge, 2 to decline, 3 for the next, 9 to repeat, 0 to acknowledge all %d.",
		typeCode:       "Please type the code of the page, then the hash key.",
		badCode:        "That is not the code.",
		nothingMore:    "Nothing else is open for you. Goodbye.",
		app:            "This is where pages open. There is nothing to do here now.",
		since:          "Since %s",
		status:         map[engine.Status]string{engine.New: "Nobody manages it yet", engine.Fixing: "It is being fixed", engine.Resolved: "It is over"},
		yours:          "You have it",
		holder:         "%s has it",
		nobody:         "Nobody has taken it yet",
		managerIs:      "Incident manager: %s",
		paged:          "Paged as well",
		pageState: map[engine.PageState]string{engine.PageOpen: "no answer yet", engine.PageAcknowledged: "acknowledged", engine.PageDeclined: "declined",
			engine.PageCovered: "somebody else took it", engine.PageSuperseded: "being paged again"},
		pushOffer: "Send pages to this browser", pushDone: "Pages come to this browser from now on", pushFailed: "That did not work: tap to try again",
		full:    "You have as many contacts as a person may have. Remove one that you do not use any more, then try again.",
		stopped: "No more texts of Rouse go to this number. Reply START to get them again.",
		started: "Texts of Rouse go to this number again.", nothingStopped: "No texts to this number had been stopped.",
	},
	"de-DE": {
		noAnswerNeeded: "Es ist keine Antwort mehr nötig.",
		takenIn:        "Ihre Antwort wurde schon angenommen.",
		notValid:       "Dieser Knopf gilt nicht mehr.",
		tooMany:        "Zu viele falsche Codes. Antworten Sie per Anruf oder Push, oder in 10 Minuten noch einmal.",
		oneMoment:      "Hier ist Rouse mit einer Meldung für Sie. Einen Moment bitte.",
		giveUp:         "Rouse kann die Meldung gerade nicht vorlesen. Bitte sehen Sie in Ihre Nachrichten.",
		openOne:        "Hier ist Rouse. Eine Störung ist für Sie offen.",
		openMore:       "Hier ist Rouse. %d Störungen sind für Sie offen, die schlimmste zuerst.",
		menu:           "Drücken Sie 1 zum Übernehmen, 2 zum Ablehnen, 9 zum Wiederholen.",
		menuAll:        "Drücken Sie 1 zum Übernehmen, 2 zum Ablehnen, 3 für die nächste, 9 zum Wiederholen, 0, um alle %d zu übernehmen.",
		typeCode:       "Bitte tippen Sie den Code der Meldung, danach die Raute-Taste.",
		badCode:        "Das ist nicht der Code.",
		nothingMore:    "Sonst ist nichts für Sie offen. Auf Wiederhören.",
		app:            "Hier öffnen sich Meldungen. Gerade ist nichts zu tun.",
		since:          "Seit %s",
		status:         map[engine.Status]string{engine.New: "Noch leitet es niemand", engine.Fixing: "Es wird behoben", engine.Resolved: "Es ist vorbei"},
		yours:          "Sie haben es übernommen",
		holder:         "%s hat es übernommen",
		nobody:         "Noch hat es niemand übernommen",
		managerIs:      "Incident Manager: %s",
		paged:          "Ebenfalls gerufen",
		pageState: map[engine.PageState]string{engine.PageOpen: "noch keine Antwort", engine.PageAcknowledged: "übernommen", engine.PageDeclined: "abgelehnt",
			engine.PageCovered: "jemand anderes hat es", engine.PageSuperseded: "wird noch einmal gerufen"},
		pushOffer: "Meldungen an diesen Browser senden", pushDone: "Meldungen kommen von nun an in diesen Browser", pushFailed: "Das ging nicht: noch einmal tippen",
		full:    "Sie haben so viele Kontakte, wie eine Person haben darf. Entfernen Sie einen, den Sie nicht mehr benutzen, und versuchen Sie es noch einmal.",
		stopped: "An diese Nummer gehen keine SMS von Rouse mehr. Mit START kommen sie wieder.",
		started: "An diese Nummer gehen wieder SMS von Rouse.", nothingStopped: "SMS an diese Nummer waren nicht abgestellt.",
	},
}

func sentencesIn(language string) sentences { return byTag[notifiers.VoiceLanguage(language)] }

// inWords is what an answer did, as package notifiers words it.
func inWords(r pager.Reply) notifiers.Answered {
	a := notifiers.Answered{Language: r.Person.Language, Wording: r.Wording, Key: string(r.Key), Tally: notifiers.Tally(r.Tally)}
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
	case engine.OutcomeDrilled:
		a.Outcome = notifiers.Drilled
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
