package demo

import (
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// The ledger is a proof only if it can fail.

var (
	noon    = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	oneTook = []accepted{{alert: alert{summary: "Pushes fail"}, key: "HOT-1", outcome: "opened", at: noon}}
)

// paged is HOT-1 with one attempt in a state.
func paged(state engine.AttemptState) map[string]engine.Incident {
	attempt := engine.Attempt{No: 1, Channel: rosters.Push, State: state}
	page := engine.Page{No: 1, Person: "ann", State: engine.PageOpen, Attempts: []engine.Attempt{attempt}}
	e := engine.Escalation{No: 1, State: engine.Climbing, LevelUntil: noon.Add(time.Minute), Pages: []engine.Page{page}}
	return map[string]engine.Incident{"HOT-1": {ID: 7, Key: "HOT-1", Status: engine.New, AlertN: 1, Escalations: []engine.Escalation{e}}}
}

func push(incident int64, attempt int, after time.Duration) message {
	return message{channel: rosters.Push, at: noon.Add(after), attempt: attemptRef{incident, attempt}}
}

func TestAnAlertThatPagedSomebodyOnceIsFine(t *testing.T) {
	l := tally(oneTook, []message{push(7, 1, 12*time.Millisecond)}, paged(engine.Sent))
	if l.duplicates != 0 || len(l.lost) != 0 || l.pending != 0 || len(l.rows) != 1 || l.rows[0].first != 12*time.Millisecond {
		t.Errorf("the ledger says %+v", l)
	}
	if text := l.text(&screen{}); !strings.Contains(text, "HOT-1     1       12.0 ms") || !strings.Contains(text, "duplicates 0, lost 0") {
		t.Errorf("the table says:\n%s", text)
	}
}

func TestAMessageSentTwiceIsADuplicate(t *testing.T) {
	l := tally(oneTook, []message{push(7, 1, time.Second), push(7, 1, time.Millisecond)}, paged(engine.Sent))
	if l.duplicates != 1 || len(l.lost) != 0 || l.rows[0].first != time.Millisecond {
		t.Errorf("the ledger says %+v, want 1 duplicate and the first of the two", l)
	}
}

func TestWhatNobodyGotIsLost(t *testing.T) {
	nobody := engine.Incident{ID: 7, Key: "HOT-1", Status: engine.New, Escalations: []engine.Escalation{{No: 1, State: engine.Climbing}}}
	for name, l := range map[string]ledger{
		"an attempt called sent that no provider saw":  tally(oneTook, nil, paged(engine.Sent)),
		"an attempt called read that no provider saw":  tally(oneTook, nil, paged(engine.Delivered)),
		"an accepted alert without an incident":        tally(oneTook, nil, nil),
		"an incident that pages nobody and never will": tally(oneTook, nil, map[string]engine.Incident{"HOT-1": nobody}),
		"a message for an attempt that nobody made":    tally(oneTook, []message{push(7, 1, 0), {channel: rosters.SMS}}, paged(engine.Sent)),
	} {
		if len(l.lost) != 1 {
			t.Errorf("%s: the ledger says %+v", name, l)
		}
	}
}

func TestWhatIsStillToBeSentIsNotLost(t *testing.T) {
	if l := tally(oneTook, nil, paged(engine.Queued)); l.pending != 1 || len(l.lost) != 0 {
		t.Errorf("the ledger says %+v, want one that is still to be sent", l)
	}
}
