package spool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rouse/engine"
	"rouse/engine/pager"
)

// spoolOf has alerts that were kept while the database was away; it is back, and nothing is replayed yet.
func spoolOf(t *testing.T, alerts ...engine.Alert) *node {
	t.Helper()
	n := newNode(t)
	n.db.goAway()
	for _, a := range alerts {
		n.want(a, pager.Spooled)
	}
	n.db.comeBack()
	return n
}

// judged lets the database refuse what has a word in its summary.
func (n *node) judged(word string, err error) {
	n.db.set(func(d *database) {
		d.judge = func(a engine.Alert) error {
			if strings.Contains(a.Summary, word) {
				return err
			}
			return nil
		}
	})
}

func poisoned() engine.Alert {
	a := trouble(0)
	a.Summary, a.DedupKey, a.Service, a.Severity, a.Raw = "Poison", "poison", "jira", engine.Minor, []byte("what the sender sent")
	return a
}

// Rule 1: an alert that was accepted pages somebody.
func TestAnAlertThatCannotBeStoredHoldsUpNoneAndIsToldOf(t *testing.T) {
	n := spoolOf(t, poisoned(), trouble(1), trouble(2))
	n.judged("Poison", errTaken)
	n.db.set(func(d *database) {
		refuse := d.judge
		d.judge = func(a engine.Alert) error {
			if strings.HasPrefix(a.Summary, "An alert cannot be stored") { // which has the word
				return nil
			}
			return refuse(a)
		}
	})
	n.start().becomes(direct)
	got := n.db.summaries()
	if !slices.Equal(sorted(got[:2]), summariesOf(1, 3)) || len(got) != 3 || got[2] != "An alert cannot be stored: Poison" {
		t.Fatalf("stored is %q", got)
	}
	told := n.db.stored[2]
	if told.Service != "jira" || told.Severity != engine.Minor || told.Action != engine.Trigger || told.DedupKey == "" || told.Once == "" || told.Source != "rouse" ||
		!strings.Contains(told.Details, errTaken.Message) || !strings.Contains(told.Details, asideName) {
		t.Errorf("told is %+v", told)
	}
	var aside struct {
		Error string
		Alert engine.Alert
	}
	text, err := os.ReadFile(filepath.Join(n.cfg.Dir, asideName))
	if err != nil || json.Unmarshal(text, &aside) != nil || string(aside.Alert.Raw) != "what the sender sent" || !strings.Contains(aside.Error, errTaken.Message) {
		t.Errorf("aside lies %s, %v", text, err)
	}
	if n.metric("rouse_spool_refused_total") != 1 || n.metric("rouse_spool_replayed_total") != 2 {
		t.Error("it is not counted")
	}
	if log := n.log.String(); !strings.Contains(log, "cannot be stored") || strings.Contains(log, "Poison") {
		t.Errorf("the log says %s", log)
	}
	if st := n.State(); st.Well() || st.Refused != 1 {
		t.Errorf("%+v", st)
	}
	n = n.again()
	if st := n.State(); st.Refused != 1 {
		t.Errorf("after a restart: %+v", st)
	}
	if err := os.Remove(filepath.Join(n.cfg.Dir, asideName)); err != nil {
		t.Fatal(err)
	}
	if st := n.State(); !st.Well() {
		t.Errorf("after somebody looked: %+v", st)
	}
}

// What is told of an alert may have in it what is refused.
func TestTheLastWordHasNothingOfTheAlert(t *testing.T) {
	n := spoolOf(t, poisoned(), trouble(1))
	n.judged("Poison", errTaken)
	n.start().becomes(direct)
	got := n.db.summaries()
	if !slices.Equal(got, []string{trouble(1).Summary, "An alert that was accepted cannot be stored"}) || n.db.stored[1].Service != "" || n.db.stored[1].Severity != engine.Critical {
		t.Errorf("stored is %q", got)
	}
}

func TestADecisionThatPanicsIsARefusal(t *testing.T) {
	n := spoolOf(t, poisoned(), trouble(1))
	n.db.set(func(d *database) {
		d.judge = func(a engine.Alert) error {
			if a.Summary == "Poison" {
				panic("impossible")
			}
			return nil
		}
	})
	n.start().becomes(direct)
	if got := n.db.summaries(); !slices.Equal(got, []string{trouble(1).Summary, "An alert cannot be stored: Poison"}) {
		t.Errorf("stored is %q", got)
	}
}

// An error that could be the database's is the alert's if others are stored all the while.
func TestAnAlertThatOthersOvertakeAgainAndAgainIsGivenUp(t *testing.T) {
	n := spoolOf(t, poisoned())
	n.judged("Poison", errors.New("deadlock, or whatever"))
	n.start()
	for i := 1; n.metric("rouse_spool_refused_total") == 0; i++ {
		if i > 5000 {
			t.Fatal("it is never given up")
		}
		if got, err := n.send(trouble(i)); err != nil || got.Outcome == "" {
			t.Fatal(err)
		}
	}
	n.judged("nothing", nil)
	n.becomes(direct)
	if got := n.db.summaries(); !slices.Contains(got, "An alert cannot be stored: Poison") {
		t.Error("nobody is told")
	}
}

// Nothing is given up for a database that is away, however often that is found out.
func TestNothingIsGivenUpWhileTheDatabaseIsAway(t *testing.T) {
	n := spoolOf(t, trouble(1), trouble(2))
	n.db.goAway()
	n.start()
	n.db.until(t, "it was asked a hundred times", func(d *database) bool { return d.asked > 100 })
	if st := n.State(); st.Alerts != 2 || st.Refused != 0 {
		t.Errorf("%+v", st)
	}
	n.db.comeBack()
	n.becomes(direct)
	if got := n.db.summaries(); !slices.Equal(sorted(got), summariesOf(1, 3)) {
		t.Errorf("stored is %q", got)
	}
}

// While nothing at all can be stored, nobody can be told, and it may be this version that is wrong.
func TestWhatNobodyCanBeToldOfIsKept(t *testing.T) {
	n := spoolOf(t, trouble(1))
	n.judged("", errTaken)
	n.start()
	n.db.until(t, "all ways were tried", func(d *database) bool { return d.asked > 12 })
	if st := n.State(); st.Alerts != 1 {
		t.Errorf("%+v", st)
	}
	n = n.again()
	n.db.set(func(d *database) { d.judge = nil })
	n.start().becomes(direct)
	n.stored(summariesOf(1, 2))
}

func TestWhatPagesNobodyIsSetAsideQuietly(t *testing.T) {
	quiet := []engine.Action{engine.Acknowledge, engine.Resolve, engine.Snooze, engine.Comment, engine.Record, engine.Ping}
	loud := []engine.Action{engine.Trigger, engine.Unacknowledge, engine.Escalate, engine.PageMore, engine.Amend, "", "what a later version knows"}
	for _, action := range append(slices.Clone(quiet), loud...) {
		a := poisoned()
		a.Action = action
		n := spoolOf(t, a)
		n.db.set(func(d *database) {
			d.judge = func(a engine.Alert) error {
				if a.Summary == "Poison" {
					return errTaken
				}
				return nil
			}
		})
		n.start().becomes(direct)
		want := 1
		if slices.Contains(quiet, action) {
			want = 0
		}
		if len(n.db.stored) != want || n.State().Refused != 1 {
			t.Errorf("%q: stored is %q, %+v", action, n.db.summaries(), n.State())
		}
	}
}

func TestWhatIsSetAsideIsBounded(t *testing.T) {
	dir := t.TempDir()
	line := append(bytes.Repeat([]byte("x"), 1<<20), '\n')
	for range 20 {
		if err := appendLine(dir, line); err != nil {
			t.Fatal(err)
		}
	}
	if size := sizeOf(t, dir); size > 2*maxAside || size < maxAside {
		t.Errorf("%d bytes lie there", size)
	}
	if n := countSetAside(dir); n != 13 {
		t.Errorf("%d alerts are counted", n)
	}
}

// What cannot be set aside, as the disk is full, stays in its segment.
func TestWhatCannotBeSetAsideIsKeptWhereItLies(t *testing.T) {
	n := spoolOf(t, poisoned())
	if err := os.Mkdir(filepath.Join(n.cfg.Dir, asideName), 0o700); err != nil {
		t.Fatal(err)
	}
	n.db.set(func(d *database) {
		d.judge = func(a engine.Alert) error {
			if a.Summary == "Poison" {
				return errTaken
			}
			return nil
		}
	})
	n.start().becomes(direct)
	n.stop()
	kept, _ := filepath.Glob(filepath.Join(n.cfg.Dir, "*"+damagedEnd))
	if len(kept) != 1 {
		t.Fatalf("the folder has %q", filesIn(t, n.cfg.Dir))
	}
	text, err := os.ReadFile(kept[0])
	if err != nil || !bytes.Contains(text, []byte("Poison")) {
		t.Errorf("it has %q, %v", text, err)
	}
}

// One alert waits for something that somebody else holds: the others do not wait for it.
func TestAnAlertThatHangsHoldsUpNone(t *testing.T) {
	alerts := []engine.Alert{poisoned()}
	for i := range 3 * windowItems / 2 {
		alerts = append(alerts, trouble(i))
	}
	n := spoolOf(t, alerts...)
	release := make(chan struct{})
	n.db.set(func(d *database) {
		d.gate = func(ctx context.Context, a engine.Alert) {
			if a.Summary == "Poison" {
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
		}
	})
	n.start()
	n.db.until(t, "the others of the window are stored", func(d *database) bool { return len(d.stored) >= windowItems-1 })
	close(release)
	n.becomes(direct)
	if len(n.db.stored) != len(alerts) {
		t.Errorf("%d are stored", len(n.db.stored))
	}
}
