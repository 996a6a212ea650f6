package rosters

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReliefs(t *testing.T) {
	r := Roster{Rotations: []Rotation{daily("r", "ann", "bob"), daily("s", "zoe")}, Overrides: []Override{
		{ID: "1", Kind: Add, Person: "yan", From: berlin("Jan 6 14:00"), To: berlin("Jan 6 18:00")},
		{ID: "2", Kind: TakeOff, Rotation: "r", From: berlin("Jan 8 09:00"), To: berlin("Jan 8 10:00")},
	}}
	c, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Reliefs(berlin("Jan 5 12:00"), berlin("Jan 8 11:00")) {
		got = append(got, fmt.Sprintf("%s +%v -%v: %v", r.At.In(zone).Format("Jan 2 15:04"), r.On, r.Off, c.OnCall(r.At)))
	}
	want := []string{
		"Jan 6 09:00 +[bob] -[ann]: [bob zoe]",
		"Jan 6 14:00 +[yan] -[]: [bob zoe yan]",
		"Jan 6 18:00 +[] -[yan]: [bob zoe]",
		"Jan 7 09:00 +[ann] -[bob]: [ann zoe]",
		"Jan 8 09:00 +[] -[ann]: [zoe]",
		"Jan 8 10:00 +[bob] -[]: [bob zoe]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for who, want := range map[PersonID]string{"ann": "Jan 6 09:00", "zoe": "Jan 8 12:00"} {
		if until := c.OnUntil(who, berlin("Jan 5 13:00"), berlin("Jan 8 12:00")); !until.Equal(berlin(want)) {
			t.Errorf("%s is on call until %s, want %s", who, until, want)
		}
	}
}

func TestHandoffIsToldAheadWithinReason(t *testing.T) {
	for ahead, ok := range map[time.Duration]bool{0: true, time.Hour: true, 336 * time.Hour: true, time.Minute: false, -time.Hour: false, 337 * time.Hour: false} {
		r := Roster{ID: "r", Name: "r", Rotations: []Rotation{daily("r", "ann")}, Handoff: Handoff{Ahead: ahead}}
		if err := r.Validate(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "/handoff/ahead") {
			t.Errorf("ahead %v: %v", ahead, err)
		}
	}
}
