package rosters

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each story revises a daily rotation of ann, bob and cat; on Jan 7 it is cat's turn, on Jan 8 ann's again.
func TestRevised(t *testing.T) {
	usual := daily("r", "ann", "bob", "cat")
	people := func(people ...PersonID) []Rotation { return []Rotation{daily("r", people...)} }
	tests := []struct {
		name      string
		rotations []Rotation
		at        string
		want      string
	}{
		{"one who is not on call is gone, and the one who is goes on",
			people("ann", "cat"), "Jan 7 12:00", "Jan 6 12:00 bob | Jan 7 12:00 cat | Jan 8 12:00 ann | Jan 9 12:00 cat"},
		{"the one on call is gone, and the next one takes over at once",
			people("ann", "bob"), "Jan 7 12:00", "Jan 7 11:59:59 cat | Jan 7 12:00 ann | Jan 8 12:00 bob | Jan 9 12:00 ann"},
		{"one more comes in, and the order goes on",
			people("ann", "bob", "cat", "dan"), "Jan 7 12:00", "Jan 7 12:00 cat | Jan 8 12:00 dan | Jan 9 12:00 ann"},
		{"the order is turned round",
			people("cat", "bob", "ann"), "Jan 7 12:00", "Jan 7 12:00 cat | Jan 8 12:00 bob | Jan 9 12:00 ann"},
		{"all are others",
			people("xia", "yan"), "Jan 7 12:00", "Jan 7 11:59:59 cat | Jan 7 12:00 xia | Jan 8 12:00 yan"},
		{"another rule: who is on call goes on",
			[]Rotation{with(usual, func(r *Rotation) { r.Rule = "FREQ=WEEKLY" })}, "Jan 7 12:00",
			"Jan 7 12:00 cat | Jan 11 12:00 cat | Jan 12 09:00 ann | Jan 19 09:00 bob"},
		{"another start: the order begins anew",
			[]Rotation{with(usual, func(r *Rotation) { r.Start = "2026-01-07T09:00:00" })}, "Jan 7 12:00",
			"Jan 7 11:59:59 cat | Jan 7 12:00 ann | Jan 8 12:00 bob"},
		{"two shifts on end each from now on: this was the first of cat's",
			[]Rotation{with(usual, func(r *Rotation) { r.Each = 2 })}, "Jan 7 12:00",
			"Jan 7 12:00 cat | Jan 8 12:00 cat | Jan 9 12:00 ann | Jan 10 12:00 ann | Jan 11 12:00 bob"},
		{"the rotation is dropped", nil, "Jan 7 12:00", "Jan 7 11:59:59 cat | Jan 7 12:00 | Jan 8 12:00"},
		{"before it began", people("bob", "cat"), "Jan 1 00:00", "Jan 5 12:00 bob | Jan 6 12:00 cat"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, Roster{Revision: 1, Rotations: []Rotation{usual}}.Revised(tt.rotations, berlin(tt.at)), tt.want)
		})
	}
}

func TestRevisedOfTwoShiftsOnEnd(t *testing.T) {
	pairs := with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Each = 2 })
	r := Roster{Rotations: []Rotation{pairs}}
	pairs.Participants = []PersonID{"ann", "cat"}
	// On Jan 8 it is the second of bob's two days.
	tell(t, r.Revised([]Rotation{pairs}, berlin("Jan 8 12:00")), "Jan 8 11:59:59 bob | Jan 8 12:00 cat | Jan 9 12:00 cat | Jan 10 12:00 ann")
	// On Jan 6 it is the second of ann's.
	tell(t, r.Revised([]Rotation{pairs}, berlin("Jan 6 12:00")), "Jan 6 12:00 ann | Jan 7 12:00 cat | Jan 8 12:00 cat | Jan 9 12:00 ann")
}

// A plan for later can be taken back: a revision from before it on drops it.
func TestRevisionInTheFuture(t *testing.T) {
	r := Roster{Revision: 1, Rotations: []Rotation{daily("r", "ann")}}
	planned := r.Revised([]Rotation{daily("r", "bob")}, berlin("Feb 1 00:00"))
	tell(t, planned, "Jan 31 23:59:59 ann | Feb 1 00:00 bob")
	dropped := planned.Revised([]Rotation{daily("r", "cat")}, berlin("Jan 20 00:00"))
	tell(t, dropped, "Jan 19 12:00 ann | Jan 20 00:00 cat | Feb 2 12:00 cat")
	if dropped.Revision != 3 || len(dropped.Earlier) != 1 || len(planned.Earlier) != 1 {
		t.Errorf("it is revision %d after %+v", dropped.Revision, dropped.Earlier)
	}
	// At the very instant of another, it takes its place.
	same := planned.Revised([]Rotation{daily("r", "dan")}, berlin("Feb 1 00:00"))
	tell(t, same, "Jan 31 23:59:59 ann | Feb 1 00:00 dan")
}

// What a revision leaves as it was stays one shift, and tells which revision it began in.
func TestShiftsAcrossARevision(t *testing.T) {
	r := Roster{Revision: 1, Rotations: []Rotation{daily("r", "ann", "bob"), daily("s", "xia")}, Overrides: []Override{
		{ID: "leave", Rotation: "s", Person: "zoe", From: berlin("Jan 5 20:00"), To: berlin("Jan 6 20:00")}}}
	r = r.Revised([]Rotation{daily("r", "ann", "cat"), daily("s", "xia")}, berlin("Jan 6 12:00"))
	want := `
		Jan 5 09:00 – Jan 6 09:00 ann r 0
		Jan 5 09:00 – Jan 5 20:00 xia s 0
		Jan 5 20:00 – Jan 6 20:00 zoe leave
		Jan 6 09:00 – Jan 6 12:00 bob r 1
		Jan 6 12:00 – Jan 7 09:00 ann r 1
		Jan 6 20:00 – Jan 7 09:00 xia s 1`
	shifts := r.Shifts(berlin("Jan 5 00:00"), berlin("Jan 7 09:00"))
	if got := told(shifts); got != lines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, lines(want))
	}
	var revisions []string
	for _, s := range shifts {
		revisions = append(revisions, fmt.Sprint(s.Revision))
	}
	if got := strings.Join(revisions, " "); got != "1 1 1 1 2 2" {
		t.Errorf("the shifts are of the revisions %s", got)
	}
}

// Before a roster's first revision only overrides put anybody on call, and shifts say so as well.
func TestOverrideBeforeTheFirstRevision(t *testing.T) {
	r := Roster{Revision: 1, Since: berlin("Jan 6 12:00"), Rotations: []Rotation{daily("r", "ann", "bob")}, Overrides: []Override{
		{ID: "early", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 6 06:00")}}}
	tell(t, r, "Jan 5 12:00 | Jan 6 00:00 zoe | Jan 6 06:00 | Jan 6 12:00 bob")
	want := `
		Jan 6 00:00 – Jan 6 06:00 zoe early
		Jan 6 12:00 – Jan 7 00:00 bob r 1`
	if got := told(r.Shifts(berlin("Jan 5 00:00"), berlin("Jan 7 00:00"))); got != lines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, lines(want))
	}
}

// The person whose place it was, before overrides.
func TestInstead(t *testing.T) {
	r := bitbucket(
		Override{ID: "o0", Replaces: "ann", Person: "yan", From: berlin("Jan 6 00:00"), To: berlin("Jan 8 00:00")},
		Override{ID: "o1", Replaces: "yan", Person: "zoe", From: berlin("Jan 7 00:00"), To: berlin("Jan 8 00:00")},
		Override{ID: "o2", Rotation: "weekend", Person: "xia", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")},
	)
	var got []string
	for _, s := range r.Shifts(berlin("Jan 6 00:00"), berlin("Jan 8 00:00")) {
		got = append(got, fmt.Sprintf("%s for %q", s.Person, s.Instead))
	}
	if all, want := strings.Join(got, ", "), `yan for "ann", xia for "", zoe for "ann"`; all != want {
		t.Errorf("got %s, want %s", all, want)
	}
}

func TestChanges(t *testing.T) {
	r := Roster{Rotations: []Rotation{daily("r", "ann", "bob", "cat")}}
	from, to := berlin("Jan 5 09:00"), berlin("Jan 9 09:00")
	changes := func(after Roster) string {
		old, _ := r.Compile()
		now, _ := after.Compile()
		zone := time.FixedZone("", 3600)
		var all []string
		for _, c := range Changes(old, now, from, to) {
			all = append(all, fmt.Sprintf("%s – %s %s → %s", c.From.In(zone).Format("Jan 2 15:04"), c.To.In(zone).Format("Jan 2 15:04"), names(c.Before), names(c.After)))
		}
		return strings.Join(all, "\n")
	}
	if got := changes(r); got != "" {
		t.Errorf("nothing was changed, and it tells\n%s", got)
	}
	overridden := r
	overridden.Overrides = []Override{{ID: "leave", Person: "zoe", From: berlin("Jan 5 18:00"), To: berlin("Jan 6 18:00")}}
	if got, want := changes(overridden), lines(`
		Jan 5 18:00 – Jan 6 09:00 ann → zoe
		Jan 6 09:00 – Jan 6 18:00 bob → zoe`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := changes(r.Revised([]Rotation{daily("r", "ann", "bob")}, berlin("Jan 7 12:00"))), lines(`
		Jan 7 12:00 – Jan 8 09:00 cat → ann
		Jan 8 09:00 – Jan 9 09:00 ann → bob`); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// The same people in another order are no change.
	two := Roster{Rotations: []Rotation{daily("r", "ann", "bob", "cat"), daily("s", "zoe")}}
	r, overridden = two, Roster{Rotations: []Rotation{two.Rotations[1], two.Rotations[0]}}
	if got := changes(overridden); got != "" {
		t.Errorf("the order was changed, and it tells\n%s", got)
	}
}

func TestSpans(t *testing.T) {
	r := bitbucket(Override{ID: "off", Kind: TakeOff, From: berlin("Jan 11 00:00"), To: berlin("Jan 11 12:00")})
	r.Rotations[0].Participants = []PersonID{"ann"}
	calendar, _ := r.Compile()
	var got []string
	for _, s := range calendar.Spans(berlin("Jan 9 00:00"), berlin("Jan 14 00:00")) {
		zone := time.FixedZone("", 3600)
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s – %s %s", s.From.In(zone).Format("Jan 2 15:04"), s.To.In(zone).Format("Jan 2 15:04"), names(s.Persons))))
	}
	want := lines(`
		Jan 9 00:00 – Jan 10 09:00 ann
		Jan 10 09:00 – Jan 11 00:00 ann dan
		Jan 11 00:00 – Jan 11 12:00
		Jan 11 12:00 – Jan 12 09:00 ann dan
		Jan 12 09:00 – Jan 14 00:00 ann`) // ann's two weeks are one span
	if all := strings.Join(got, "\n"); all != want {
		t.Errorf("got\n%s\nwant\n%s", all, want)
	}
	if spans := calendar.Spans(berlin("Jan 9 00:00"), berlin("Jan 9 00:00")); spans != nil {
		t.Errorf("of no time there are %v", spans)
	}
}

func TestNext(t *testing.T) {
	calendar, _ := bitbucket().Compile()
	end := berlin("Dec 1 00:00")
	for _, tt := range []struct {
		person   PersonID
		at, want string
	}{
		{"bob", "Jan 6 00:00", "Jan 12 09:00 – Jan 19 09:00 bob week 1"},
		{"ann", "Jan 6 00:00", "Jan 6 00:00 – Jan 12 09:00 ann week 0"},
		{"ann", "Jan 12 09:00", "Jan 26 09:00 – Feb 2 09:00 ann week 3"},
		{"cat", "Jan 6 00:00", "Jan 19 09:00 – Jan 26 09:00 cat week 2"}, // not cut off where the search first looked
		{"dan", "Nov 27 00:00", "Nov 28 09:00 – Nov 30 09:00 dan weekend 46"},
		{"zoe", "Jan 6 00:00", ""},
	} {
		s, found := calendar.Next(tt.person, berlin(tt.at), end)
		got := told([]Shift{s})
		if !found {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%s from %s on: %s, want %s", tt.person, tt.at, got, tt.want)
		}
	}
}
