package engine

import (
	"testing"
	"time"

	"rouse/rosters"
)

func TestRule11_HowLongAReceiptIsWaitedForIsASetting(t *testing.T) {
	// Rule 11.
	for channel, within := range map[rosters.Channel]string{rosters.SMS: "12s", rosters.Voice: "50s", rosters.WebPush: "30s"} {
		w := night(t).person("ann", string(channel)+"@0s push@4m")
		w.receipts = map[rosters.Channel]time.Duration{rosters.SMS: 2 * time.Second, rosters.WebPush: 20 * time.Second}
		w.alert(Critical).at("10s").hear("ann", channel, Sent).wantDeadline(within)
		w.unseen = nil
		w.at(within).tick().want("ann push: no receipt in time").wantReason(ReasonContactSilent)
	}
	// A channel that gives no receipts is not waited for, whatever is set.
	w := night(t)
	w.receipts = map[rosters.Channel]time.Duration{rosters.Push: 2 * time.Second}
	w.alert(Critical).hear("ann", rosters.Push, Sent).wantDeadline("2m")
}
