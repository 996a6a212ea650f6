package pager_test

import (
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// annIs changes Ann, who has a push, a text and perhaps a call.
func (h *house) annIs(change func(*rosters.Person)) {
	h.t.Helper()
	people := rosterdb.New(h.db)
	ann, err := people.Person(h.t.Context(), "ann")
	if err == nil {
		change(&ann)
		err = people.UpdatePerson(h.t.Context(), ann, rosterdb.AnyVersion)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// Severity 1 wakes; a person paged in, whatever the hour, for severity 3 is told by the other plan.
func TestSeverityThreeIsToldByTheOtherPlan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.annIs(func(ann *rosters.Person) {
		ann.Contacts = []rosters.Contact{{Channel: rosters.SMS, Address: annsNumber}, {Channel: rosters.Push, Address: "ann-by-day", Plan: rosters.Tell}}
		ann.CallAgain = 7 * time.Minute
	})
	h.exec(`update service set hours = '{"windows": [{"days": [0,1,2,3,4,5,6], "from": "00:00", "to": "24:00"}]}'`)
	got := h.told(func(a *engine.Alert) { a.Severity, a.DedupKey = engine.Minor, "minor" })
	m := h.phones.expect(t, "ann-by-day", 1)
	if m.Key != string(got.Key) || len(h.phones.sentTo(annsNumber)) != 0 {
		t.Errorf("severity 3 was told as %+v", m)
	}
	h.told(func(a *engine.Alert) { a.Severity, a.DedupKey = engine.Critical, "minor" }) // the same, and worse
	h.phones.expect(t, annsNumber, 1)
	inc := h.eventually(got.Key, "woken", func(inc engine.Incident) bool { return inc.PageN == 2 })
	if p := inc.Escalations[0].Pages[len(inc.Escalations[0].Pages)-1]; p.Again != 7*time.Minute || len(p.Contacts) != 1 || p.Contacts[0].Channel != rosters.SMS {
		t.Errorf("the page that wakes is %+v", p)
	}
}

func TestNoticesWaitForTheEndOfQuietHours(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := time.Now().UTC()
	h.annIs(func(ann *rosters.Person) {
		ann.Zone, ann.Quiet = "UTC", rosters.Quiet{From: now.Add(-2 * time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04")}
		ann.Contacts = append(ann.Contacts, rosters.Contact{Channel: rosters.Push, Address: "ann-by-day", Plan: rosters.Tell})
	})
	db := enginedb.New(h.db)
	add := func(about string, good time.Duration) {
		t.Helper()
		if err := db.AddNotices(t.Context(), []enginedb.Notice{{Person: "ann", Kind: "k", About: about, Text: about, Until: now.Add(good)}}); err != nil {
			t.Fatal(err)
		}
		if err := h.TellNow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	add("later", 24*time.Hour)
	if n := len(h.phones.sentTo("ann-by-day")); n != 0 {
		t.Fatalf("it was told in quiet hours, %d times", n)
	}
	if rests := ask[bool](h, `select tries = 0 and lease_until between clock_timestamp() + interval '110 minutes' and clock_timestamp() + interval '121 minutes' from notice`); !rests {
		t.Error("it does not wait for their end")
	}
	add("soon of no use", time.Hour)
	if m := h.phones.expect(t, "ann-by-day", 1); m.Text != "soon of no use" {
		t.Errorf("told was %+v", m)
	}
	h.alert("db-1") // pages never wait
	h.phones.expect(t, "ann", 1)
	h.annIs(func(ann *rosters.Person) { ann.Quiet = rosters.Quiet{} })
	h.exec(`update notice set lease_until = '-infinity' where about = 'later'`)
	if err := h.TellNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := h.phones.expect(t, "ann-by-day", 2); m.Text != "later" {
		t.Errorf("told then was %+v", m)
	}
}

func TestOnlyWhatIsVerifiedIsUsedIfThatIsWanted(t *testing.T) {
	t.Parallel()
	h := newHouseWithoutNode(t)
	h.exec(`update contact set verified_at = now() where channel = 'sms'`)
	h.Pager = h.node("node-a", func(c *pager.Config) { c.VerifiedOnly = true })
	h.alert("db-1")
	h.phones.expect(t, annsNumber, 1)
	if n := len(h.phones.sentTo("ann")); n != 0 {
		t.Errorf("what was not verified was used %d times", n)
	}
}

func TestStopEndsTextsAndStartBeginsThemAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if ended, err := h.OptOut(t.Context(), annsNumber); err != nil || !ended {
		t.Fatalf("STOP: %t, %v", ended, err)
	}
	if why := h.text(`select dead from contact where person = 'ann' and channel = 'sms'`); why != "the person replied STOP" {
		t.Errorf("it is dead because %q", why)
	}
	if n := h.count(`select count(*) from contact where person = 'ann' and channel <> 'sms' and disabled`); n != 0 {
		t.Errorf("%d others are dead", n)
	}
	if err := h.TellNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := h.phones.expect(t, "ann", 1); m.Purpose != notifiers.Notice {
		t.Errorf("she is told %+v", m)
	}
	if again, err := h.OptOut(t.Context(), annsNumber); err != nil || again {
		t.Errorf("STOP twice: %t, %v", again, err)
	}
	if revived, err := h.OptIn(t.Context(), annsNumber); err != nil || !revived {
		t.Errorf("START: %t, %v", revived, err)
	}
	if n := h.count(`select count(*) from contact where person = 'ann' and (disabled or dead <> '')`); n != 0 {
		t.Errorf("%d are still dead", n)
	}
	for _, number := range []string{annsNumber, "+4930000000"} {
		if revived, err := h.OptIn(t.Context(), number); err != nil || revived {
			t.Errorf("START of %s: %t, %v", number, revived, err)
		}
	}
}
