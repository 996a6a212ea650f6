package pager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rouse/notifiers"
	"rouse/rosters"
	"rouse/rosters/rosterdb"
)

// shift makes dora go off call at imoc, and ann come on, in so long.
func (h *house) shift(in time.Duration, handoff rosters.Handoff) (at time.Time) {
	h.t.Helper()
	who := rosterdb.New(h.db)
	now, err := who.Now(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	at = now.Add(h.Offset() + in).Truncate(time.Second)
	r, err := who.RosterDuring(h.t.Context(), "imoc", at, at)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Handoff = handoff
	if err := who.UpdateRoster(h.t.Context(), r.Roster, r.Version, now, "test"); err != nil {
		h.t.Fatal(err)
	}
	if _, err := who.CreateOverride(h.t.Context(), "imoc", rosters.Override{Person: "ann", From: at, To: at.Add(48 * time.Hour)}, ""); err != nil {
		h.t.Fatal(err)
	}
	return at
}

// handOver tells what is due, by day or night: the zones of both are in the day's middle.
func (h *house) handOver() {
	h.t.Helper()
	for range 2 { // the second time nothing is told again
		if err := h.HandOffNow(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		if err := h.TellNow(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// noonIs lets it be noon in a person's zone, or less than an hour later.
func (h *house) noonIs(id rosters.PersonID, at time.Time) (zone *time.Location) {
	h.t.Helper()
	zone, err := time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", at.UTC().Hour()-12)) // west of Greenwich is positive
	if err != nil {
		h.t.Fatal(err)
	}
	h.exec(`update person set zone = $2 where id = $1`, id, zone.String())
	return zone
}

// clockShows moves the clock on until it shows a time of day in a zone.
func (h *house) clockShows(hour, minute int, zone *time.Location) {
	h.t.Helper()
	now := time.Now().Add(h.Offset()).In(zone)
	at := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, zone)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	h.MoveClock(at.Sub(now))
}

func TestThoseWhoChangeOverAreTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(3*time.Hour, rosters.Handoff{})
	h.noonIs("ann", at)
	h.noonIs("dora", at)
	h.handOver()
	if n := ask[int](h, `select count(*) from notice`); n != 0 {
		t.Fatalf("%d notices, three hours before", n)
	}
	key := h.pushed("db-1")
	before := len(h.phones.sentTo("ann"))
	h.MoveClock(3*time.Hour + time.Second)
	h.handOver()
	on, off := h.notice("ann"), h.notice("dora")
	for _, words := range []string{"You are on call in roster imoc until ", ", after Dora.", "Open: " + string(key) + " severity 1 "} {
		if !strings.Contains(on, words) {
			t.Errorf("Ann, who comes on call, is told %q; want %q", on, words)
		}
	}
	for _, words := range []string{"You are off call in roster imoc since ", "; Ann is on call. Open: " + string(key)} {
		if !strings.Contains(off, words) {
			t.Errorf("Dora, who goes off, is told %q; want %q", off, words)
		}
	}
	if told := len(h.phones.sentTo("ann")) - before; told < 1 {
		t.Error("Ann got no message")
	}
}

// notice is what somebody is told of a hand-off; each is told once.
func (h *house) notice(who string) string {
	h.t.Helper()
	if n := ask[int](h, `select count(*) from notice where person = $1`, who); n != 1 {
		h.t.Fatalf("%s is told %d times", who, n)
	}
	for _, m := range h.phones.sentTo(who) {
		if m.Purpose == notifiers.Notice {
			return m.Text
		}
	}
	h.t.Fatalf("%s is not told", who)
	return ""
}

func TestAHandoffIsToldADayAhead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(23*time.Hour, rosters.Handoff{Ahead: 24 * time.Hour})
	h.noonIs("ann", at)
	h.handOver()
	if text := h.notice("ann"); !strings.HasPrefix(text, "You will be on call in roster imoc from ") || !strings.Contains(text, " until ") {
		t.Errorf("Ann is told %q", text)
	}
	if n := ask[int](h, `select count(*) from notice where person = 'dora'`); n != 0 {
		t.Error("Dora is told a day ahead that she goes off")
	}
}

// Whoever comes on call at night is told in the evening before, and who goes off in the morning.
func TestNobodyIsWokenForAHandoff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(6*time.Hour, rosters.Handoff{})
	zone := h.noonIs("ann", at.Add(-10*time.Hour)) // it will be ten in the evening
	h.noonIs("dora", at.Add(-10*time.Hour))
	h.handOver()
	if n := ask[int](h, `select count(*) from notice`); n != 0 {
		t.Fatalf("%d notices, in the afternoon", n)
	}
	h.clockShows(19, 55, zone)
	h.handOver()
	if text := h.notice("ann"); !strings.HasPrefix(text, "You will be on call in roster imoc from ") {
		t.Errorf("Ann is told %q in the evening", text)
	}
	h.clockShows(7, 55, zone)
	h.handOver()
	if n := ask[int](h, `select count(*) from notice where person = 'dora'`); n != 0 {
		t.Fatal("Dora is told at night")
	}
	h.clockShows(8, 5, zone)
	h.handOver()
	h.notice("dora")
	h.notice("ann")
}

// Carl is on call by day, Ann by night: nobody who is on call is told in the morning that they went off in the
// evening before.
func TestWhoeverIsOnCallAgainIsNotToldOfGoingOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(time.Minute, rosters.Handoff{})
	h.noonIs("ann", at)
	h.noonIs("dora", at.Add(-10*time.Hour)) // it is ten in the evening
	back := at.Add(6 * time.Hour)
	if _, err := rosterdb.New(h.db).CreateOverride(t.Context(), "imoc", rosters.Override{Person: "dora", From: back, To: back.Add(24 * time.Hour)}, ""); err != nil {
		t.Fatal(err)
	}
	h.MoveClock(12 * time.Hour)
	h.handOver()
	if n := ask[int](h, `select count(*) from notice where person = 'dora' and kind = 'off call'`); n != 0 {
		t.Error("Dora, who is on call, is told that she is off")
	}
}

func TestASilentRosterTellsNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(time.Second, rosters.Handoff{Silent: true, Ahead: time.Hour})
	h.noonIs("ann", at)
	h.MoveClock(time.Minute)
	h.handOver()
	if n := ask[int](h, `select count(*) from notice`); n != 0 {
		t.Errorf("%d notices", n)
	}
}

// Two nodes look at the same moment.
func TestAHandoffIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.shift(time.Second, rosters.Handoff{})
	h.noonIs("ann", at)
	h.noonIs("dora", at)
	h.MoveClock(time.Minute)
	other := h.node("other")
	other.MoveClock(time.Minute)
	done := make(chan error, 2)
	go func() { done <- h.HandOffNow(t.Context()) }()
	go func() { done <- other.HandOffNow(t.Context()) }()
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	h.handOver()
	h.notice("ann")
	h.notice("dora")
}
