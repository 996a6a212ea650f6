package shifts

import (
	"strings"
	"time"

	"rouse/notifiers"
	"rouse/rosters"
)

// sentences are what people are told by text, in one language. Only characters of the GSM alphabet stand in
// them.
type sentences struct {
	days      [7]string // from Sunday
	to        string    // between two moments
	nothing   string
	nobody    string
	howTake   string
	howSwap   string
	several   string // people with one number
	noRoster  string
	mayNot    string
	backward  string // a take that ends before it begins
	already   string // on call
	tooLong   string // a take of less than a minute, or more than a year
	others    string // are on call by now than were asked about
	noContact string // who
	noShift   string // whose, when
	which     string // whose, when, an example
	noPerson  string

	wantTake  string // roster, span, from whom, code
	wantOffer string // partner, span, roster, for what, code
	replySwap string // code
	taken     string // roster, until
	offered   string // partner
	accepted  string
	declined  string
	dropped   string // a wish of one's own
	done      string // a code that was used already
	refused   string // why
}

var byTag = map[string]sentences{
	"en-US": {
		days: [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}, to: "to", nothing: "nothing", nobody: "nobody",
		howTake:   `To take a shift, text for example: take %s until 18:00, or: take %[1]s from fri 9:00 for 4h. A page is answered with its code.`,
		howSwap:   `To swap shifts, text for example: swap %s fri with bob sun, or: swap %[1]s fri with bob. A page is answered with its code.`,
		several:   "Several people have this number, so a text cannot do this.",
		noRoster:  "There is no roster %s.",
		mayNot:    "Roster %s is neither yours nor your team's.",
		backward:  "That ends before it begins, or is over: %s.",
		already:   "You are on call in %s then already.",
		tooLong:   "A shift that is taken lasts a minute at least, and ends within a year: %s does not.",
		others:    "Others are on call then by now than when you asked. Ask once more.",
		noContact: "%s has no contact on which Rouse can page, and would not be reached.",
		noShift:   "%s has no shift in %s on %s.",
		which:     "%s has several shifts in %s on %s. Say the time, too, such as: %s",
		noPerson:  "There is nobody of that name in %s.",

		wantTake:  "Take %s, %s, from %s? Reply %s",
		wantOffer: "Offer %s your shift %s in %s, for %s? Reply %s",
		replySwap: `Reply %s to accept, "%[1]s no" to decline.`,
		taken:     "Done. You are on call in %s until %s.",
		offered:   "Done. %s is asked, and you will be told.",
		accepted:  "Accepted. The shifts are swapped.",
		declined:  "Declined.",
		dropped:   "Nothing is changed.",
		done:      "That was done already.",
		refused:   "That cannot be done: %s",
	},
	"de-DE": {
		days: [7]string{"So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"}, to: "bis", nothing: "nichts", nobody: "niemandem",
		howTake:   `Um eine Schicht zu nehmen, schreiben Sie zum Beispiel: take %s bis 18:00, oder: take %[1]s ab fr 9:00 für 4h. Auf eine Meldung antworten Sie mit ihrem Code.`,
		howSwap:   `Um Schichten zu tauschen, schreiben Sie zum Beispiel: swap %s fr mit bob so, oder: swap %[1]s fr mit bob. Auf eine Meldung antworten Sie mit ihrem Code.`,
		several:   "Mehrere Personen haben diese Nummer, darum geht das nicht per SMS.",
		noRoster:  "Es gibt keinen Dienstplan %s.",
		mayNot:    "Der Dienstplan %s ist weder Ihrer noch der Ihres Teams.",
		backward:  "Das endet vor seinem Beginn oder ist vorbei: %s.",
		already:   "Sie haben in %s dann schon Bereitschaft.",
		tooLong:   "Eine genommene Schicht dauert mindestens eine Minute und endet binnen eines Jahres: %s nicht.",
		others:    "Inzwischen haben dann andere Bereitschaft als bei Ihrer Frage. Fragen Sie noch einmal.",
		noContact: "%s hat keinen Kontakt, den Rouse benachrichtigen kann, und wäre nicht zu erreichen.",
		noShift:   "%s hat in %s am %s keine Schicht.",
		which:     "%s hat in %s am %s mehrere Schichten. Nennen Sie auch die Uhrzeit, etwa: %s",
		noPerson:  "In %s gibt es niemanden dieses Namens.",

		wantTake:  "%s, %s, von %s übernehmen? Antworten Sie %s",
		wantOffer: "%s Ihre Schicht %s in %s anbieten, für %s? Antworten Sie %s",
		replySwap: `Antworten Sie %s, um anzunehmen, "%[1]s nein", um abzulehnen.`,
		taken:     "Erledigt. Sie haben in %s Bereitschaft bis %s.",
		offered:   "Erledigt. %s ist gefragt, und Sie bekommen Bescheid.",
		accepted:  "Angenommen. Die Schichten sind getauscht.",
		declined:  "Abgelehnt.",
		dropped:   "Nichts ist geändert.",
		done:      "Das ist schon geschehen.",
		refused:   "Das geht nicht: %s",
	},
}

func in(language string) sentences { return byTag[notifiers.VoiceLanguage(language)] }

// english is somebody as whoever reads English.
func english(who rosters.Person) rosters.Person {
	who.Language = "en"
	return who
}

// moment is an instant by the clock of somebody's zone.
func moment(who rosters.Person, at time.Time) string {
	return short(who, at) + " " + at.In(who.Location()).Format("MST")
}

func short(who rosters.Person, at time.Time) string {
	at = at.In(who.Location())
	return in(who.Language).days[at.Weekday()] + " " + at.Format("2006-01-02 15:04")
}

// spell is a span in words, by the clock of whoever reads it.
func spell(who rosters.Person, s rosters.Span) string {
	if s == (rosters.Span{}) {
		return in(who.Language).nothing
	}
	return short(who, s.From) + " " + in(who.Language).to + " " + moment(who, s.To)
}

// dayText is a day in words.
func dayText(who rosters.Person, at time.Time) string {
	return in(who.Language).days[at.Weekday()] + " " + at.Format(time.DateOnly)
}

// names lists people by name.
func names(people map[rosters.PersonID]rosters.Person, ids []rosters.PersonID) string {
	var all []string
	for _, id := range ids {
		all = append(all, people[id].Name)
	}
	return strings.Join(all, ", ")
}
