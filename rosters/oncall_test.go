package rosters

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bitbucket is a roster of two rotations: ann, bob and cat a week each from Monday nine o'clock in
// Berlin, and dan and eve on the weekends from Saturday, for 48 hours.
func bitbucket(overrides ...Override) Roster {
	return Roster{
		ID: "bitbucket-im",
		Rotations: []Rotation{
			{ID: "week", Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: []PersonID{"ann", "bob", "cat"}},
			{ID: "weekend", Zone: "Europe/Berlin", Start: "2026-01-10T09:00:00", Rule: "FREQ=WEEKLY;BYDAY=SA", Length: 48 * time.Hour, Participants: []PersonID{"dan", "eve"}},
		},
		Overrides: overrides,
	}
}

// berlin reads "Jan 5 09:00" of the winter of 2026, when Berlin is an hour ahead of UTC.
func berlin(s string) time.Time {
	for _, layout := range []string{"2006 Jan 2 15:04:05 -0700", "2006 Jan 2 15:04 -0700"} {
		if t, err := time.Parse(layout, "2026 "+s+" +0100"); err == nil {
			return t.UTC()
		}
	}
	panic("not a time: " + s)
}

func names(persons []PersonID) string {
	var s []string
	for _, p := range persons {
		s = append(s, string(p))
	}
	return strings.Join(s, " ")
}

func TestHandoverSecond(t *testing.T) {
	for at, want := range map[string]string{
		"Jan 5 08:59:59":  "",
		"Jan 5 09:00:00":  "ann",
		"Jan 12 08:59:59": "ann dan",
		"Jan 12 09:00:00": "bob",
		"Jan 12 09:00:01": "bob",
		"Jan 10 08:59:59": "ann",
		"Jan 10 09:00:00": "ann dan",
		"Jan 19 09:00:00": "cat",
		"Jan 26 09:00:00": "ann",
	} {
		if got := names(bitbucket().OnCall(berlin(at))); got != want {
			t.Errorf("at %s %q is on call, want %q", at, got, want)
		}
	}
	// One person is on call at every instant, to the nanosecond.
	before := berlin("Jan 12 09:00").Add(-1)
	if got := names(bitbucket().OnCall(before)); got != "ann dan" {
		t.Errorf("a nanosecond before the hand-over %q is on call", got)
	}
}

// Each story overrides the weeks of January 2026 and says who is on call when.
func TestOverrides(t *testing.T) {
	tests := []struct {
		name      string
		overrides []Override
		want      string
	}{
		{"none",
			nil,
			"Jan 7 12:00 ann | Jan 10 12:00 ann dan | Jan 14 12:00 bob"},
		{"the whole roster for an hour",
			[]Override{{Person: "zoe", From: berlin("Jan 10 12:00"), To: berlin("Jan 10 13:00")}},
			"Jan 10 11:59:59 ann dan | Jan 10 12:00 zoe | Jan 10 12:59:59 zoe | Jan 10 13:00 ann dan"},
		{"one rotation, whoever is in it",
			[]Override{{Rotation: "week", Person: "zoe", From: berlin("Jan 10 00:00"), To: berlin("Jan 13 00:00")}},
			"Jan 10 12:00 zoe dan | Jan 12 12:00 zoe | Jan 13 00:00 bob"},
		{"one person, only while on call",
			[]Override{{Replaces: "bob", Person: "zoe", From: berlin("Jan 10 00:00"), To: berlin("Jan 30 00:00")}},
			"Jan 10 12:00 ann dan | Jan 12 09:00 zoe | Jan 19 08:59:59 zoe eve | Jan 19 09:00 cat"},
		{"it fills a gap",
			[]Override{{Rotation: "weekend", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 5 23:59:59 ann | Jan 6 00:00 ann zoe | Jan 7 00:00 ann"},
		{"it fills a gap before the roster begins",
			[]Override{{Person: "zoe", From: berlin("Jan 1 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 2 00:00 zoe | Jan 6 00:00 zoe | Jan 7 00:00 ann"},
		{"replacing one person fills none",
			[]Override{{Rotation: "weekend", Replaces: "dan", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 6 00:00 ann"},
		{"a person in another rotation is not meant",
			[]Override{{Rotation: "weekend", Replaces: "ann", Person: "zoe", From: berlin("Jan 5 00:00"), To: berlin("Jan 19 00:00")}},
			"Jan 10 12:00 ann dan"},
		{"nobody is named twice",
			[]Override{{Replaces: "dan", Person: "ann", From: berlin("Jan 5 00:00"), To: berlin("Jan 19 00:00")}},
			"Jan 10 12:00 ann"},
		{"of two, the later in the list",
			[]Override{
				{Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 8 00:00")},
				{Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 9 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 zoe | Jan 9 12:00 ann"},
		{"of two for the same person, the later in the list",
			[]Override{
				{Replaces: "ann", Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 8 00:00")},
				{Replaces: "ann", Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 9 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 zoe | Jan 9 12:00 ann"},
		{"the stand-in is replaced in turn",
			[]Override{
				{Replaces: "ann", Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 9 00:00")},
				{Replaces: "yan", Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 8 00:00")},
			},
			"Jan 6 12:00 yan | Jan 7 12:00 zoe | Jan 8 12:00 yan"},
		{"one place given to somebody else after all were replaced",
			[]Override{
				{Person: "yan", From: berlin("Jan 10 09:00"), To: berlin("Jan 11 09:00")},
				{Replaces: "dan", Person: "zoe", From: berlin("Jan 10 12:00"), To: berlin("Jan 10 13:00")},
			},
			"Jan 10 11:00 yan | Jan 10 12:00 yan zoe | Jan 10 13:00 yan"},
		{"one that ends before it begins",
			[]Override{{Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 6 00:00")}},
			"Jan 6 12:00 ann"},
		{"one without a person takes nobody off",
			[]Override{{From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}},
			"Jan 6 12:00 ann"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.overrides {
				tt.overrides[i].ID = fmt.Sprintf("o%d", i)
			}
			tell(t, bitbucket(tt.overrides...), tt.want)
		})
	}
}

// tell checks a story: moments of 2026 in Berlin and who is on call then, "Jan 7 12:00 ann | Jan 10 12:00 ann dan".
func tell(t *testing.T, roster Roster, want string) {
	t.Helper()
	calendar, err := roster.Compile()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for moment := range strings.SplitSeq(want, " | ") {
		at := strings.Join(strings.Fields(moment)[:3], " ")
		got = append(got, strings.TrimSpace(at+" "+names(calendar.OnCall(berlin(at)))))
	}
	if all := strings.Join(got, " | "); all != want {
		t.Errorf("\n got %s\nwant %s", all, want)
	}
}

// The pager must not fail at night on what an older version saved.
func TestBrokenRotationLeavesItsPlaceEmpty(t *testing.T) {
	at := berlin("Jan 10 12:00")
	for name, breakIt := range map[string]func(*Rotation){
		"zone":  func(r *Rotation) { r.Zone = "Atlantis/Harbour" },
		"start": func(r *Rotation) { r.Start = "yesterday" },
		"rule":  func(r *Rotation) { r.Rule = "FREQ=MONTHLY;BYDAY=53MO" },
	} {
		r := bitbucket()
		breakIt(&r.Rotations[0])
		if got := names(r.OnCall(at)); got != "dan" {
			t.Errorf("with a broken %s %q is on call, want dan", name, got)
		}
		c, err := r.Compile()
		if err == nil || !strings.Contains(err.Error(), "/rotations/0/"+name) {
			t.Errorf("the error %v does not name the %s", err, name)
		}
		if len(c.Shifts(at, at.Add(time.Hour))) != 1 {
			t.Errorf("with a broken %s the other rotation has no shift", name)
		}
		r.Overrides = []Override{{Rotation: "week", Person: "zoe", From: at, To: at.Add(time.Hour)}}
		if got := names(r.OnCall(at)); got != "zoe dan" {
			t.Errorf("with a broken %s and an override %q is on call, want zoe and dan", name, got)
		}
	}
	broken := bitbucket()
	broken.Rotations[0].Participants = nil
	if got := names(broken.OnCall(at)); got != "dan" {
		t.Errorf("without participants %q is on call, want dan", got)
	}
	if got := (Roster{}).OnCall(at); got != nil {
		t.Errorf("in an empty roster %v is on call", got)
	}
	only := Roster{Overrides: []Override{{Person: "zoe", From: at, To: at.Add(time.Hour)}}}
	if got := names(only.OnCall(at)); got != "zoe" {
		t.Errorf("in a roster of one override %q is on call, want zoe", got)
	}
}
