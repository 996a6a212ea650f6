package rosters_test

import (
	"testing"
	"time"

	"rouse/rosters"
)

func TestOrdinaryWordsWaitForTheDay(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct{ name, zone, at, latest, next, last string }{
		{"by day", "Europe/Berlin", "2026-11-21T11:00:00Z", "2026-11-23T11:00:00Z", "2026-11-21T11:00:00Z", "2026-11-21T11:00:00Z"},
		{"in the evening", "Europe/Berlin", "2026-11-21T19:00:00Z", "2026-11-23T11:00:00Z", "2026-11-22T07:00:00Z", "2026-11-21T19:00:00Z"},
		{"at night", "Europe/Berlin", "2026-11-21T22:30:00Z", "2026-11-23T11:00:00Z", "2026-11-22T07:00:00Z", "2026-11-21T19:00:00Z"},
		{"at night elsewhere", "Asia/Kathmandu", "2026-11-21T15:00:00Z", "2026-11-23T11:00:00Z", "2026-11-22T02:15:00Z", "2026-11-21T14:15:00Z"},
		{"at night, of use until three", "Europe/Berlin", "2026-11-21T22:30:00Z", "2026-11-22T02:00:00Z", "2026-11-22T02:00:00Z", "2026-11-21T19:00:00Z"},
		{"at night, of no use any more", "Europe/Berlin", "2026-11-21T22:30:00Z", "2026-11-21T22:00:00Z", "2026-11-21T22:30:00Z", "2026-11-21T19:00:00Z"},
		{"the morning after a short night", "Europe/Berlin", "2026-03-29T05:00:00Z", "2026-03-30T11:00:00Z", "2026-03-29T06:00:00Z", "2026-03-28T19:00:00Z"},
		{"a Friday that Samoa did not have", "Pacific/Apia", "2011-12-30T12:00:00Z", "2012-01-02T00:00:00Z", "2011-12-30T18:00:00Z", "2011-12-30T06:00:00Z"},
		{"in no zone", "Nowhere/Land", "2026-11-21T22:30:00Z", "2026-11-23T11:00:00Z", "2026-11-21T22:30:00Z", "2026-11-21T22:30:00Z"},
	} {
		if got := rosters.NextDaytime(test.zone, at(test.at), at(test.latest)); !got.Equal(at(test.next)) {
			t.Errorf("%s: told at %s, want %s", test.name, got.Format(time.RFC3339), test.next)
		}
		if got := rosters.LastDaytime(test.zone, at(test.at)); !got.Equal(at(test.last)) {
			t.Errorf("%s: told ahead at %s, want %s", test.name, got.Format(time.RFC3339), test.last)
		}
	}
}
