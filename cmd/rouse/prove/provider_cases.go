package prove

import (
	"fmt"
	"time"

	"rouse/engine"
	"rouse/notifiers/twilio/twiliosim"
	"rouse/rosters"
)

// providerCase is one thing that may happen to the first message of a page, and what has to come of it.
// Everybody has a second contact, on another channel, which works.
type providerCase struct {
	name string
	on   rosters.Channel // the first contact's
	what mishap
	text twiliosim.SMSPlan
	call twiliosim.CallPlan // of a machine; the zero value: a person's phone
	slow bool               // takes half a minute

	moves  bool                // the second contact has to be tried
	within time.Duration       // after the first was begun; 0: otherPath
	due    time.Duration       // when the second contact is due anyhow; 0: long after
	ends   engine.AttemptState // what is known of the first message in the end
	twice  int                 // how often the first message may have arrived; 0: once
	rests  time.Duration       // what has to be between its first try and its second
}

// How long a page may wait for its next contact, from when the first message of the one before was begun.
const (
	otherPath  = 30 * time.Second // when that failed
	silentPath = 75 * time.Second // when nothing was heard of it
)

// providerCases are all of them; each is played with people of its own.
func providerCases() (all []providerCase) {
	for _, on := range []rosters.Channel{rosters.Push, rosters.SMS, rosters.Voice} {
		took := engine.Delivered
		if on == rosters.Push {
			took = engine.Sent // it gives no receipts
		}
		all = append(all,
			providerCase{name: "refused", on: on, what: mishap{kind: refuses}, moves: true, ends: engine.Failed},
			providerCase{name: "503-twice", on: on, what: mishap{kind: outOfOrder, times: 2}, ends: took},
			providerCase{name: "503", on: on, what: mishap{kind: outOfOrder}, moves: true, ends: engine.Failed},
			providerCase{name: "429-once", on: on, what: mishap{kind: tooMany, times: 1, after: 2 * time.Second}, ends: took, rests: 2 * time.Second},
			providerCase{name: "429-long", on: on, what: mishap{kind: tooMany, after: 2 * time.Minute}, moves: true, ends: engine.Failed},
			providerCase{name: "garbage", on: on, what: mishap{kind: garbage}, moves: true, ends: engine.Failed},
			providerCase{name: "reset", on: on, what: mishap{kind: resets}, moves: true, ends: engine.Failed},
			providerCase{name: "no-answer", on: on, what: mishap{kind: silent}, slow: true, moves: true, ends: engine.Failed},
		)
		for _, kind := range []struct {
			name string
			mishapKind
		}{{"sent-no-answer", sentSilent}, {"sent-reset", sentResets}, {"sent-500", sentFails}} {
			c := providerCase{name: kind.name, on: on, what: mishap{kind: kind.mishapKind}, ends: took, slow: kind.mishapKind == sentSilent}
			if on == rosters.Push { // it cannot be asked whether it has a message
				c.moves, c.ends, c.twice = true, engine.Failed, 3
			}
			all = append(all, c)
		}
		all = append(all, providerCase{name: "sent-reset-once", on: on, what: mishap{kind: sentResets, times: 1}, ends: took, twice: 2})
	}
	return append(all, receiptCases()...)
}

// receiptCases are about what is heard of a message that was taken.
func receiptCases() []providerCase {
	const soon = 6 * time.Second
	return []providerCase{
		{name: "undelivered", on: rosters.SMS, text: twiliosim.SMSPlan{ErrorCode: 30003}, moves: true, ends: engine.Failed},
		{name: "lost", on: rosters.SMS, text: twiliosim.SMSPlan{Lost: true}, slow: true, moves: true, within: silentPath, ends: engine.Sent},
		{name: "no-receipt", on: rosters.SMS, text: twiliosim.SMSPlan{NoReceipt: true}, slow: true, moves: true, within: silentPath, ends: engine.Sent},
		{name: "late", on: rosters.SMS, text: twiliosim.SMSPlan{Delay: 33 * time.Second}, slow: true, moves: true, within: silentPath, ends: engine.Delivered},
		{name: "busy", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.Busy}, moves: true, ends: engine.Failed},
		{name: "rings-out", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.NoAnswer}, moves: true, ends: engine.Failed},
		{name: "unconnected", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.Fail}, moves: true, ends: engine.Failed},
		{name: "hung-up", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.HangUp}, moves: true, due: soon, ends: engine.Delivered},
		{name: "voicemail", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.Voicemail}, moves: true, due: soon, ends: engine.Delivered},
		{name: "voicemail-tones", on: rosters.Voice, call: twiliosim.CallPlan{Do: twiliosim.Voicemail, Tones: "1"}, moves: true, due: soon, ends: engine.Delivered},
		{name: "no-receipt", on: rosters.Voice, what: mishap{kind: noCallbacks}, slow: true, moves: true, within: silentPath, ends: engine.Sent},
	}
}

// second is the channel of the second contact.
func (c providerCase) second() rosters.Channel {
	if c.on == rosters.SMS {
		return rosters.Push
	}
	return rosters.SMS
}

// named is the case's name and, what is about it, its person's and its service's.
func (c providerCase) named(wave int) string { return fmt.Sprintf("%s-%s-%d", c.on, c.name, wave) }

// addTo puts the people of a wave, and their services, into a world. Nothing is due by itself for long.
func (c providerCase) addTo(w *world, m *mishaps, wave int) {
	const long = 10 * time.Minute
	id := rosters.PersonID(c.named(wave))
	due := c.due
	if due == 0 {
		due = long
	}
	w.addReached(id, habit{}, due, c.on, c.second())
	w.addService(engine.ServiceID(id), engine.Level{Targets: []engine.Target{{Person: id}}, Wait: long})
	first, second := w.people[id].Contacts[0], w.people[id].Contacts[1]
	m.at[place{first.Channel, first.Address}], m.at[place{second.Channel, second.Address}] = c.what, mishap{}
}

// addReached adds somebody who is reached on some channels, one after the other.
func (w *world) addReached(id rosters.PersonID, h habit, after time.Duration, channels ...rosters.Channel) {
	p := person{Person: rosters.Person{ID: id, Name: string(id), Zone: "UTC", Language: "en"}, habit: h}
	number := fmt.Sprintf("+4917%09d", 600_000_000+len(w.people))
	for i, channel := range channels {
		contact := rosters.Contact{Channel: channel, Address: number, After: time.Duration(i) * after}
		if channel == rosters.Push {
			contact.Address = "prove-" + string(id)
		}
		p.Contacts = append(p.Contacts, contact)
		w.owners[place{channel, contact.Address}] = id
	}
	w.people[id] = p
}
