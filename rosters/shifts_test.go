package rosters

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Shifts are told as "from to person turn", or override instead of turn; in Berlin's time.
func TestShifts(t *testing.T) {
	tests := []struct {
		name      string
		overrides []Override
		from, to  string
		want      string
	}{
		{"clipped to the span, by beginning and then rotation", nil, "Jan 9 00:00", "Jan 18 00:00", `
			Jan 9 00:00 – Jan 12 09:00 ann week 0
			Jan 10 09:00 – Jan 12 09:00 dan weekend 0
			Jan 12 09:00 – Jan 18 00:00 bob week 1
			Jan 17 09:00 – Jan 18 00:00 eve weekend 1`},
		{"an override splits a shift",
			[]Override{{ID: "party", Rotation: "week", Person: "zoe", From: berlin("Jan 7 18:00"), To: berlin("Jan 7 22:00")}},
			"Jan 7 00:00", "Jan 8 00:00", `
			Jan 7 00:00 – Jan 7 18:00 ann week 0
			Jan 7 18:00 – Jan 7 22:00 zoe party
			Jan 7 22:00 – Jan 8 00:00 ann week 0`},
		{"an override of all, over a hand-over, is one shift",
			[]Override{{ID: "party", Person: "zoe", From: berlin("Jan 11 00:00"), To: berlin("Jan 13 00:00")}},
			"Jan 10 12:00", "Jan 14 00:00", `
			Jan 10 12:00 – Jan 11 00:00 ann week 0
			Jan 10 12:00 – Jan 11 00:00 dan weekend 0
			Jan 11 00:00 – Jan 13 00:00 zoe party
			Jan 13 00:00 – Jan 14 00:00 bob week 1`},
		{"an override of one person has that person's shifts",
			[]Override{{ID: "leave", Replaces: "ann", Person: "zoe", From: berlin("Jan 10 00:00"), To: berlin("Jan 27 00:00")}},
			"Jan 11 00:00", "Jan 27 00:00", `
			Jan 11 00:00 – Jan 12 09:00 zoe leave
			Jan 11 00:00 – Jan 12 09:00 dan weekend 0
			Jan 12 09:00 – Jan 19 09:00 bob week 1
			Jan 17 09:00 – Jan 19 09:00 eve weekend 1
			Jan 19 09:00 – Jan 26 09:00 cat week 2
			Jan 24 09:00 – Jan 26 09:00 dan weekend 2
			Jan 26 09:00 – Jan 27 00:00 zoe leave`},
		{"one that somebody on call does not meet splits nothing",
			[]Override{{ID: "leave", Replaces: "bob", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 5 00:00", "Jan 8 00:00", `
			Jan 5 09:00 – Jan 8 00:00 ann week 0`},
		{"nothing of no time", nil, "Jan 9 00:00", "Jan 9 00:00", ""},
		{"nothing backwards", nil, "Jan 9 00:00", "Jan 8 00:00", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(bitbucket(tt.overrides...).Shifts(berlin(tt.from), berlin(tt.to))); got != lines(tt.want) {
				t.Errorf("got\n%s\nwant\n%s", got, lines(tt.want))
			}
		})
	}
}

// told are shifts in Berlin's winter time, "from – to person rotation turn", or the override instead of the last two.
func told(shifts []Shift) string {
	zone := time.FixedZone("", 3600)
	var all []string
	for _, s := range shifts {
		place := s.Override
		if s.Override == "" {
			place = fmt.Sprintf("%s %d", s.Rotation, s.Turn)
		}
		all = append(all, fmt.Sprintf("%s – %s %s %s", s.From.In(zone).Format("Jan 2 15:04"), s.To.In(zone).Format("Jan 2 15:04"), s.Person, place))
	}
	return strings.Join(all, "\n")
}

// lines is a text in a table of tests, without its indentation.
func lines(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\t", "") }

func TestGaps(t *testing.T) {
	weekends := bitbucket(Override{ID: "fair", Rotation: "weekend", Person: "zoe", From: berlin("Jan 14 08:00"), To: berlin("Jan 14 20:00")})
	weekends.Rotations = weekends.Rotations[1:]
	var got []string
	for _, g := range weekends.Gaps(berlin("Jan 9 00:00"), berlin("Jan 17 12:00")) {
		got = append(got, g.From.Format("Jan 2 15:04")+" – "+g.To.Format("Jan 2 15:04"))
	}
	if all, want := strings.Join(got, ", "), "Jan 8 23:00 – Jan 10 08:00, Jan 12 08:00 – Jan 14 07:00, Jan 14 19:00 – Jan 17 08:00"; all != want {
		t.Errorf("gaps, in UTC:\n got %s\nwant %s", all, want)
	}
	if gaps := bitbucket().Gaps(berlin("Jan 9 00:00"), berlin("Feb 9 00:00")); gaps != nil {
		t.Errorf("somebody is always on call, but for %v", gaps)
	}
}

func TestLengthOfShifts(t *testing.T) {
	tests := []struct {
		name, start, rule string
		length            time.Duration
		first             string // the first shift at or after the start
	}{
		{"a day is a day of the wall clock", "2026-03-28T12:00:00", "FREQ=WEEKLY", 24 * time.Hour, "2026-03-28T12:00:00+01:00 2026-03-29T12:00:00+02:00"},
		{"hours are hours", "2026-03-28T20:00:00", "FREQ=WEEKLY", 12 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-29T09:00:00+02:00"},
		{"days first, then hours", "2026-03-28T20:00:00", "FREQ=WEEKLY", 36 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-30T08:00:00+02:00"},
		{"never past the next hand-over", "2026-03-28T20:00:00", "FREQ=DAILY", 36 * time.Hour, "2026-03-28T20:00:00+01:00 2026-03-29T20:00:00+02:00"},
		{"the last shift ends when the next would have begun", "2026-03-28T20:00:00", "FREQ=WEEKLY;COUNT=1", 0, "2026-03-28T20:00:00+01:00 2026-04-04T20:00:00+02:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Roster{Rotations: []Rotation{{ID: "r", Zone: "Europe/Berlin", Start: tt.start, Rule: tt.rule, Length: tt.length, Participants: []PersonID{"ann"}}}}
			shift := r.Shifts(berlin("Mar 1 00:00"), berlin("May 1 00:00"))[0]
			loc, _ := loadZone("Europe/Berlin")
			if got := shift.From.In(loc).Format(time.RFC3339) + " " + shift.To.In(loc).Format(time.RFC3339); got != tt.first {
				t.Errorf("got %s, want %s", got, tt.first)
			}
		})
	}
}
