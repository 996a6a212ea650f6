package rosters

import (
	"testing"
	"time"
)

// daily is a rotation in Berlin that hands over daily at nine, from Monday, 5 January 2026.
func daily(id string, people ...PersonID) Rotation {
	return Rotation{ID: id, Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=DAILY", Participants: people}
}

// with is a rotation with something changed.
func with(r Rotation, change func(*Rotation)) Rotation {
	change(&r)
	return r
}

func ranked1(r Rotation) Rotation { return with(r, func(r *Rotation) { r.Rank = 1 }) }

var everyDay = []time.Weekday{0, 1, 2, 3, 4, 5, 6}

// Everybody's rotation has rank 0; a special one, of rank 1, has gus on Wednesdays and nobody on other days.
func TestRanks(t *testing.T) {
	special := ranked1(with(daily("special", "gus"), func(r *Rotation) {
		r.Start, r.Rule, r.Length = "2026-01-07T09:00:00", "FREQ=WEEKLY", 24*time.Hour
	}))
	usual := daily("usual", "ann", "bob", "cat")
	tests := []struct {
		name   string
		roster Roster
		want   string
	}{
		{"the higher rank covers while it has somebody",
			Roster{Rotations: []Rotation{usual, special}},
			"Jan 7 08:59:59 bob | Jan 7 09:00:00 gus | Jan 8 08:59:59 gus | Jan 8 09:00:00 ann"},
		{"rotations of one rank add up",
			Roster{Rotations: []Rotation{usual, special, ranked1(daily("second", "hal", ""))}},
			"Jan 6 12:00 bob | Jan 7 12:00 gus hal | Jan 8 12:00 ann"},
		{"an empty seat of the higher rank lets the lower through",
			Roster{Rotations: []Rotation{usual, ranked1(daily("second", "hal", ""))}},
			"Jan 5 12:00 hal | Jan 6 12:00 bob | Jan 7 12:00 hal"},
		{"an emptied higher rank lets the lower through",
			Roster{Rotations: []Rotation{usual, special}, Overrides: []Override{
				{ID: "ill", Kind: TakeOff, Replaces: "gus", From: berlin("Jan 7 12:00"), To: berlin("Jan 7 18:00")}}},
			"Jan 7 11:59:59 gus | Jan 7 12:00 cat | Jan 7 18:00 gus"},
		{"a stand-in takes over the rank",
			Roster{Rotations: []Rotation{usual, special}, Overrides: []Override{
				{ID: "ill", Replaces: "gus", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 9 00:00")}}},
			"Jan 6 12:00 bob | Jan 7 12:00 zoe | Jan 8 12:00 ann"},
		{"filling the gap of a higher rank covers the lower",
			Roster{Rotations: []Rotation{usual, special}, Overrides: []Override{
				{ID: "fair", Rotation: "special", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}}},
			"Jan 6 12:00 zoe | Jan 7 00:00 bob"},
		{"a negative rank is below all",
			Roster{Rotations: []Rotation{with(daily("last", "ivy"), func(r *Rotation) { r.Rank = -1 }), with(usual, func(r *Rotation) { r.Length = 12 * time.Hour })}},
			"Jan 5 20:59:59 ann | Jan 5 21:00:00 ivy | Jan 6 09:00:00 bob"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tell(t, tt.roster, tt.want) })
	}
}

// What the higher rank covers is no shift of the lower one.
func TestShiftsOfRanks(t *testing.T) {
	special := ranked1(with(daily("special", "gus"), func(r *Rotation) { r.Rule, r.Length = "FREQ=WEEKLY", 2*time.Hour }))
	r := Roster{Rotations: []Rotation{daily("usual", "ann", "bob"), special}}
	want := `
		Jan 5 09:00 – Jan 5 11:00 gus special 0
		Jan 5 11:00 – Jan 6 09:00 ann usual 0
		Jan 6 09:00 – Jan 7 00:00 bob usual 1`
	if got := told(r.Shifts(berlin("Jan 5 00:00"), berlin("Jan 7 00:00"))); got != lines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, lines(want))
	}
}

func TestEveryoneAndEmptySeats(t *testing.T) {
	everyone := with(daily("all", "ann", "bob"), func(r *Rotation) { r.Everyone = true })
	tests := []struct {
		name   string
		roster Roster
		want   string
	}{
		{"all participants in each shift", Roster{Rotations: []Rotation{everyone}},
			"Jan 5 08:59:59 | Jan 5 09:00:00 ann bob | Jan 6 09:00:00 ann bob"},
		{"one of them replaced", Roster{Rotations: []Rotation{everyone}, Overrides: []Override{
			{ID: "ill", Replaces: "ann", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}}},
			"Jan 6 12:00 zoe bob | Jan 7 12:00 ann bob"},
		{"all of them replaced by one", Roster{Rotations: []Rotation{everyone}, Overrides: []Override{
			{ID: "party", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}}},
			"Jan 6 12:00 zoe | Jan 7 12:00 ann bob"},
		{"an empty seat is a turn in which nobody is on call", Roster{Rotations: []Rotation{daily("r", "ann", "", "bob")}},
			"Jan 5 12:00 ann | Jan 6 12:00 | Jan 7 12:00 bob | Jan 8 12:00 ann"},
		{"an empty seat can be filled", Roster{Rotations: []Rotation{daily("r", "ann", "")}, Overrides: []Override{
			{ID: "fair", Person: "zoe", From: berlin("Jan 6 00:00"), To: berlin("Jan 7 00:00")}}},
			"Jan 6 12:00 zoe | Jan 7 00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tell(t, tt.roster, tt.want) })
	}
}

func TestExtraShiftsAndTakingOff(t *testing.T) {
	on := func(o Override, from, to string) Override {
		o.From, o.To = berlin(from), berlin(to)
		return o
	}
	tests := []struct {
		name      string
		overrides []Override
		want      string
	}{
		{"an extra shift is besides all others",
			[]Override{on(Override{Kind: Add, Person: "zoe"}, "Jan 6 00:00", "Jan 7 00:00")},
			"Jan 5 23:59:59 ann | Jan 6 00:00 ann zoe | Jan 7 00:00 ann"},
		{"also where nobody is on call",
			[]Override{on(Override{Kind: Add, Person: "zoe"}, "Jan 4 00:00", "Jan 5 12:00")},
			"Jan 4 12:00 zoe | Jan 5 11:00 ann zoe | Jan 5 12:00 ann"},
		{"who is on call already is named once",
			[]Override{on(Override{Kind: Add, Person: "ann"}, "Jan 6 00:00", "Jan 7 00:00")},
			"Jan 6 12:00 ann"},
		{"a later override replaces all, the extra shift too",
			[]Override{
				on(Override{Kind: Add, Person: "zoe"}, "Jan 6 00:00", "Jan 8 00:00"),
				on(Override{Person: "yan"}, "Jan 7 00:00", "Jan 8 00:00")},
			"Jan 6 12:00 ann zoe | Jan 7 12:00 yan"},
		{"an earlier one does not",
			[]Override{
				on(Override{Person: "yan"}, "Jan 7 00:00", "Jan 8 00:00"),
				on(Override{Kind: Add, Person: "zoe"}, "Jan 6 00:00", "Jan 8 00:00")},
			"Jan 6 12:00 ann zoe | Jan 7 12:00 yan zoe"},
		{"the extra shift is given to somebody else",
			[]Override{
				on(Override{Kind: Add, Person: "zoe"}, "Jan 6 00:00", "Jan 8 00:00"),
				on(Override{Replaces: "zoe", Person: "yan"}, "Jan 7 00:00", "Jan 9 00:00")},
			"Jan 6 12:00 ann zoe | Jan 7 12:00 ann yan | Jan 8 12:00 ann"},
		{"one person is taken off",
			[]Override{on(Override{Kind: TakeOff, Replaces: "ann"}, "Jan 10 00:00", "Jan 14 00:00")},
			"Jan 9 12:00 ann | Jan 10 12:00 dan | Jan 12 12:00 bob"},
		{"everybody is taken off",
			[]Override{on(Override{Kind: TakeOff}, "Jan 10 10:00", "Jan 10 12:00")},
			"Jan 10 09:59:59 ann dan | Jan 10 10:00 | Jan 10 12:00 ann dan"},
		{"everybody of one rotation",
			[]Override{on(Override{Kind: TakeOff, Rotation: "week"}, "Jan 10 00:00", "Jan 14 00:00")},
			"Jan 10 12:00 dan | Jan 12 12:00 | Jan 14 12:00 bob"},
		{"a later override fills what was emptied",
			[]Override{
				on(Override{Kind: TakeOff, Rotation: "week"}, "Jan 6 00:00", "Jan 9 00:00"),
				on(Override{Rotation: "week", Person: "zoe"}, "Jan 7 00:00", "Jan 8 00:00")},
			"Jan 6 12:00 | Jan 7 12:00 zoe | Jan 8 12:00 | Jan 9 12:00 ann"},
		{"also one of the person who was taken off",
			[]Override{
				on(Override{Kind: TakeOff, Replaces: "ann"}, "Jan 6 00:00", "Jan 9 00:00"),
				on(Override{Replaces: "ann", Person: "zoe"}, "Jan 7 00:00", "Jan 8 00:00")},
			"Jan 6 12:00 | Jan 7 12:00 zoe | Jan 8 12:00"},
		{"an earlier one does not",
			[]Override{
				on(Override{Rotation: "week", Person: "zoe"}, "Jan 6 00:00", "Jan 9 00:00"),
				on(Override{Kind: TakeOff, Rotation: "week"}, "Jan 7 00:00", "Jan 8 00:00")},
			"Jan 6 12:00 zoe | Jan 7 12:00 | Jan 8 12:00 zoe"},
		{"of no kind there is, nothing happens",
			[]Override{on(Override{Kind: "swap", Person: "zoe"}, "Jan 6 00:00", "Jan 9 00:00")},
			"Jan 7 12:00 ann"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tell(t, bitbucket(tt.overrides...), tt.want) })
	}
}

// An extra shift within a rotation has its rank; one of the whole roster is outside of the ranks.
func TestRankOfAnExtraShift(t *testing.T) {
	extra := func(rotation string) Roster {
		second := ranked1(with(daily("second", "gus"), func(r *Rotation) { r.Length = 3 * time.Hour }))
		return Roster{Rotations: []Rotation{daily("usual", "ann"), second}, Overrides: []Override{
			{ID: "fair", Kind: Add, Rotation: rotation, Person: "zoe", From: berlin("Jan 5 10:00"), To: berlin("Jan 5 14:00")}}}
	}
	tell(t, extra(""), "Jan 5 11:00 gus zoe | Jan 5 13:00 ann zoe | Jan 5 14:00 ann")
	tell(t, extra("usual"), "Jan 5 11:00 gus | Jan 5 13:00 ann zoe")
	tell(t, extra("second"), "Jan 5 11:00 gus zoe | Jan 5 13:00 zoe | Jan 5 14:00 ann")
	tell(t, extra("dropped"), "Jan 5 11:00 gus zoe | Jan 5 13:00 ann zoe")
}
