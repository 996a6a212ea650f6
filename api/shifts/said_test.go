package shifts

import (
	"testing"
	"time"
)

// Saturday, 14:05 in Berlin.
var saturday = func() time.Time {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 21, 14, 5, 0, 0, zone)
}()

func TestMomentsAsPeopleWriteThem(t *testing.T) {
	for words, want := range map[string]string{
		"18:00":            "2026-11-21T18:00:00+01:00",
		"6pm":              "2026-11-21T18:00:00+01:00",
		"6:30pm":           "2026-11-21T18:30:00+01:00",
		"9:00":             "2026-11-22T09:00:00+01:00", // that of today is over
		"today 9:00":       "2026-11-21T09:00:00+01:00", // and whoever asks is told so
		"heute 20:15":      "2026-11-21T20:15:00+01:00",
		"tomorrow 9am":     "2026-11-22T09:00:00+01:00",
		"tomorrow":         "2026-11-22T00:00:00+01:00",
		"sat 13:00":        "2026-11-28T13:00:00+01:00",
		"sat 15:00":        "2026-11-21T15:00:00+01:00",
		"on friday at 7am": "2026-11-27T07:00:00+01:00",
		"am freitag 7:00":  "2026-11-27T07:00:00+01:00",
		"2026-12-24 18:00": "2026-12-24T18:00:00+01:00",
		"24.12. 18:00":     "2026-12-24T18:00:00+01:00",
		"1.12 18:00":       "2026-12-01T18:00:00+01:00",
		"18:00.":           "2026-11-21T18:00:00+01:00",
		"29.2. 8:00":       "2028-02-29T08:00:00+01:00",
		"1.2. 8:00":        "2027-02-01T08:00:00+01:00",
		"2027-03-28 2:30":  "2027-03-28T03:30:00+02:00", // an hour that the clock skips
	} {
		w, ok := parseWhen(fields(words))
		if !ok {
			t.Errorf("%q cannot be read", words)
			continue
		}
		if got := w.after(saturday).Format(time.RFC3339); got != want {
			t.Errorf("%q is %s, want %s", words, got, want)
		}
	}
	for _, words := range []string{"", "soon", "25:00", "friday friday", "9:00 10:00", "2026-13-01", "99.99.", "at", "18.00"} {
		if w, ok := parseWhen(fields(words)); ok {
			t.Errorf("%q is read as %s", words, w.after(saturday))
		}
	}
}

// In some zones the clocks skip a midnight every year.
func TestDaysWithoutAMidnight(t *testing.T) {
	for _, test := range []struct{ zone, now, words, want string }{
		{"America/Santiago", "2026-09-04T12:00:00-04:00", "2026-09-06 18:00", "2026-09-06T18:00:00-03:00"},
		{"America/Santiago", "2026-09-04T12:00:00-04:00", "sun 9:00", "2026-09-06T09:00:00-03:00"},
		{"America/Santiago", "2026-09-06T12:00:00-03:00", "tomorrow 9:00", "2026-09-07T09:00:00-03:00"},
		{"America/Santiago", "2026-09-04T12:00:00-04:00", "sun", "2026-09-06T01:00:00-03:00"},
		{"America/Havana", "2026-03-06T12:00:00-05:00", "sun 9:00", "2026-03-08T09:00:00-04:00"},
		{"Africa/Cairo", "2026-04-23T12:00:00+02:00", "fri 9:00", "2026-04-24T09:00:00+03:00"},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := parseWhen(fields(test.words))
		if got := w.after(now.In(zone)).Format(time.RFC3339); !ok || got != test.want {
			t.Errorf("%s, %q is %s, want %s", test.zone, test.words, got, test.want)
		}
	}
}

func TestLengthsInDaysGoByTheClock(t *testing.T) {
	at := saturday.AddDate(0, 4, 6) // 27 March, the day before clocks go forward
	l, ok := parseLength("1d")
	if got := l.after(at).Format(time.RFC3339); !ok || got != "2027-03-28T14:05:00+02:00" {
		t.Errorf("a day later it is %s", got)
	}
}

func TestTextsThatAskForShifts(t *testing.T) {
	for text, want := range map[string]string{
		"take bitbucket-im until 18:00":            "take bitbucket-im",
		"Take bitbucket-im from 20:00 for 4h!":     "take bitbucket-im",
		"please take web from fri 9:00 to sat 9pm": "take web",
		"take web for 2 d":                         "take web",
		"nehme web bis 18:00":                      "take web",
		"swap web fri with bob sun":                "swap web",
		"Swap web 27.11. with Bob":                 "swap web",
		"tausche web fr mit bob so":                "swap web",
		"take":                                     "unclear",
		"take web":                                 "unclear",
		"take web until fri":                       "unclear", // which hour of it?
		"take web until 18:00 for 4h":              "unclear",
		"take web tomorrow until 18:00":            "unclear", // from?
		"take web until 18:00 until 19:00":         "unclear",
		"take web for -4h":                         "unclear",
		"take web for 100000d":                     "unclear",
		"swap web with bob":                        "unclear",
		"swap web fri":                             "unclear",
		"swap web fri with bob whenever":           "unclear",
		"482913":                                   "nothing",
		"what does take mean":                      "nothing",
		"":                                         "nothing",
	} {
		s, is, unclear := parseSaid(text)
		got := "swap " + s.roster
		switch {
		case !is:
			got = "nothing"
		case unclear:
			got = "unclear"
		case s.take:
			got = "take " + s.roster
		}
		if got != want {
			t.Errorf("%q is read as: %s, want: %s", text, got, want)
		}
	}
}

func FuzzParseSaid(f *testing.F) {
	for _, text := range []string{"take web from fri 9:00 until 18:00", "swap web 27.11. with bob 2026-12-24", "take web for 9999h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, is, unclear := parseSaid(text)
		if !is || unclear {
			return
		}
		for _, w := range []when{s.from, s.until, s.give, s.inTurn} {
			if at := w.after(saturday); at.Year() < 0 || at.Year() > 9999 {
				t.Errorf("%q is about the year %d", text, at.Year())
			}
		}
		if s.roster == "" {
			t.Errorf("%q is about no roster", text)
		}
	})
}
