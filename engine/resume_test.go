package engine

import (
	"slices"
	"testing"
	"time"

	"rouse/rosters"
)

// resume says that Rouse was stopped until now, for so long.
func (w *world) resume(stopped string) *world {
	w.t.Helper()
	return w.step(Resumed{Stopped: w.duration(stopped)})
}

func TestRule18_AStopEndsNoLevel(t *testing.T) {
	// Rule 18. Ann had four minutes left when Rouse was stopped for two hours.
	w := night(t).alert(Critical).at("1m").want("ann push: first page")
	w.at("121m").resume("2h").want("ann push: first page").wantReason(ReasonAfterStop, ReasonLevelBegins)
	w.wantState(1, "climbing level 1").wantDeadline("123m") // her plan begins with its first contact
	w.at("123m").tick().want("ann voice: next contact").wantDeadline("126m")
	w.at("126m").tick().want("bob push: first page").wantState(1, "climbing level 2")
}

func TestRule18_WhoIsOnCallIsAskedAnew(t *testing.T) {
	// Rules 15 and 18. The shift changed meanwhile.
	w := night(t).alert(Critical).want("ann push: first page").onCall("first", "dan").person("dan", "push@0s")
	w.at("3h").resume("2h59m").want("dan push: first page").wantState(1, "climbing level 1")

	w = night(t).alert(Critical).want("ann push: first page").onCall("first")
	w.at("3h").resume("3h").want("bob push: first page").wantReason(ReasonLevelEmpty).wantState(1, "climbing level 2")
}

func TestRule18_WhoDeclinedIsNotAskedAgain(t *testing.T) {
	// Rules 8 and 18.
	w := night(t).onCall("first", "ann", "dan").onCall("second", "dan").person("dan", "push@0s").alert(Critical)
	w.want("ann push: first page", "dan push: first page").decline("ann").want("dan push: first page")
	w.onCall("second", "ann", "dan").at("2h").resume("2h").want("dan push: first page").wantReason(ReasonDeclinedBefore)
}

func TestRule18_PlansOfEarlierLevelsArePutOff(t *testing.T) {
	// Rule 18. Ann's call would have come at 7m, a minute after the stop began; her text's receipt half a minute after it.
	w := night(t).person("ann", "push@0s sms@6m voice@7m push@9m").alert(Critical).at("5m").tick().at("6m").tick().hear("ann", rosters.SMS, Sent)
	w.unseen = nil
	w.at("66m").resume("1h").want("bob push: first page").wantDeadline("66m30s")
	w.at("66m30s").tick().want("ann voice: no receipt in time") // and so it did not wait for 67m
	w.at("68m59s").tick().want("bob voice: next contact")
	w.at("69m").tick().want("ann push: next contact") // two minutes after the call would have been due

	w = night(t).person("ann", "push@0s voice@7m push@9m").alert(Critical).at("5m").tick().at("6m").tick()
	w.unseen = nil
	w.at("66m").resume("1h").want("bob push: first page")
	w.at("67m").tick().want("ann voice: next contact")
}

func TestRule18_ARestIsOver(t *testing.T) {
	// Rule 18. The ladder rests for the rest of its minute when Rouse is stopped.
	w := night(t).person("ann", "push@0s").onCall("second").onCall("imoc").alert(Critical).at("10s").hear("ann", rosters.Push, Failed)
	w.wantState(1, "resting").want("ann push: first page")
	w.at("1h").resume("59m").want("ann push: first page").wantReason(ReasonLadderAgain)
}

func TestRule18_WorkingHoursAreNotPutOff(t *testing.T) {
	// Rules 9 and 18.
	w := night(t).startAt(saturday10).alert(Minor).want().wantDeadline("47h")
	w.at("40h").resume("39h").want().wantState(1, "waiting").wantDeadline("47h")
	w.at("49h").resume("8h").want("ann push: first page").wantReason(ReasonHoursOpen)

	w = night(t).alert(Minor).want("ann push: first page") // Monday ten o'clock; stopped until the evening
	w.at("8h").resume("8h").want().wantState(1, "waiting").wantReason(ReasonOutsideHours)
}

func TestRule18_AnAcknowledgementLastsLonger(t *testing.T) {
	// Rules 7 and 18. It had ten minutes to go.
	w := night(t).alert(Critical).ack("ann").want("ann push: first page").at("140m").resume("2h")
	w.want().wantState(1, "acknowledged by ann").wantDeadline("150m")

	night(t).alert(Minor).ack("ann").at("5h").resume("5h").wantDeadline("") // for ever stays for ever
}

func TestRule18_AHolderWhoIsBeingAskedIsAskedAnew(t *testing.T) {
	// Rules 7 and 18.
	asked := func() *world {
		w := night(t).alert(Critical).ack("ann").at("30m").tick().wantState(1, "asked about by ann")
		w.unseen = nil
		return w.at("3h")
	}
	w := asked().resume("2h29m").want("ann push: after a stop").wantState(1, "asked about by ann")
	if until := w.escalation(1).AskUntil; !until.Equal(w.now.Add(AskFor)) {
		t.Errorf("she is asked until %v, want the whole time", until)
	}
	w.at("3h2m").tick().want("ann voice: next contact")
	w.at("3h5m").tick().want("ann push: first page").wantReason(ReasonAskUnanswered)

	w = asked().person("ann", "").onCall("first", "bob")
	w.resume("2h29m").want("bob push: first page").wantReason(ReasonNoContact) // she is not waited for either
}

func TestRule18_NothingIsPagedForWhatIsOver(t *testing.T) {
	// Rule 18.
	w := night(t).alert(Critical).resolve().want("ann push: first page")
	before := w.inc
	w.at("2h").resume("2h").want().wantDeadline("")
	if !same(&before, &w.inc) || len(w.effects) > 0 {
		t.Errorf("a resolved incident: %v", w.effects)
	}
}

func TestRule18_EachEscalationGoesOnByItself(t *testing.T) {
	// Rules 5 and 18.
	w := night(t).person("dan", "push@0s").onCall("dba", "dan").alert(Critical).pageIn("dba", "bob").ack("ann")
	w.want("ann push: first page", "dan push: first page")
	w.at("2h").resume("2h").want("dan push: first page").wantState(1, "acknowledged by ann").wantState(2, "climbing level 1")
}

func TestRule18_TheTimelineSaysHowLong(t *testing.T) {
	// Rules 17 and 18.
	w := night(t).alert(Critical).at("3h").resume("2h5m10s").wantBasis(ReasonAfterStop, map[string]string{"stopped": "2h5m10s"})
	n := slices.IndexFunc(w.effects, func(ef Effect) bool { n, _ := ef.(Note); return n.Reason == ReasonAfterStop })
	if got, want := w.effects[n].(Note).Text, "Rouse was stopped for 2h5m, which counts for nobody."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for d, want := range map[time.Duration]string{2 * time.Hour: "2h", 10 * time.Minute: "10m", 40 * time.Second: "40s", 0: "0s"} {
		if got := inWords(d); got != want {
			t.Errorf("%s in words is %q, want %q", d, got, want)
		}
	}
}

func TestRule18_ATimeThatIsNoneIsNoTime(t *testing.T) {
	// Rule 18. Two nodes whose clocks were moved apart, as only tests do.
	night(t).alert(Critical).ack("ann").resume("-1h").wantDeadline("30m")
}
