package rosters

import (
	"strings"
	"testing"
	"time"
)

// Whose turn it is when a rotation says more than a rule: times of day, dates left out and put in, turns on end.
func TestTurns(t *testing.T) {
	tests := []struct {
		name     string
		rotation Rotation
		want     string
	}{
		{"three times a day",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Start, r.Times = "2026-01-05T00:00:00", []string{"06:30", "14:30", "22:15"} }),
			"Jan 5 06:29:59 | Jan 5 06:30 ann | Jan 5 14:29:59 ann | Jan 5 14:30 bob | Jan 5 22:15 cat | Jan 6 06:29:59 cat | Jan 6 06:30 ann"},
		{"the times before the start's are of the days after",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Times = []string{"22:15", "14:30", "06:30"} }),
			"Jan 5 09:00 | Jan 5 14:30 ann | Jan 5 22:15 bob | Jan 6 06:30 cat"},
		{"times on the days of the rule only",
			with(daily("r", "ann", "bob"), func(r *Rotation) { r.Rule, r.Times = "FREQ=WEEKLY;BYDAY=MO,WE", []string{"09:00", "17:30"} }),
			"Jan 5 09:00 ann | Jan 5 17:30 bob | Jan 6 17:30 bob | Jan 7 09:00 ann | Jan 7 17:30 bob | Jan 12 09:00 ann"},
		{"COUNT counts hand-overs, not days",
			with(daily("r", "ann", "bob"), func(r *Rotation) { r.Rule, r.Times = "FREQ=DAILY;COUNT=3", []string{"09:00", "17:00"} }),
			"Jan 5 17:00 bob | Jan 6 16:59:59 ann | Jan 6 17:00"},

		{"a hand-over left out: the shift goes on, and nobody loses a turn",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Without = []string{"2026-01-06T09:00:00"} }),
			"Jan 5 12:00 ann | Jan 6 12:00 ann | Jan 7 12:00 bob | Jan 8 12:00 cat"},
		{"all hand-overs of a day left out",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Times, r.Without = []string{"09:00", "17:00"}, []string{"2026-01-06"} }),
			"Jan 5 17:00 bob | Jan 6 12:00 bob | Jan 6 20:00 bob | Jan 7 09:00 cat"},
		{"the first hand-over left out",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Without = []string{"2026-01-05"} }),
			"Jan 5 12:00 | Jan 6 12:00 ann"},
		{"what is no hand-over cannot be left out",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Without = []string{"2026-01-06T10:00:00"} }),
			"Jan 6 12:00 bob"},
		{"one left out still counts for COUNT, and ends no shift",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Rule, r.Without = "FREQ=DAILY;COUNT=3", []string{"2026-01-07"} }),
			"Jan 6 12:00 bob | Jan 7 12:00 bob | Jan 8 08:59:59 bob | Jan 8 09:00"},
		{"a further hand-over is a turn",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Besides = []string{"2026-01-05T20:00:00"} }),
			"Jan 5 19:59:59 ann | Jan 5 20:00 bob | Jan 6 09:00 cat | Jan 7 09:00 ann"},
		{"one at a hand-over of the rule is that",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Besides = []string{"2026-01-06T09:00:00"} }),
			"Jan 6 12:00 bob | Jan 7 12:00 cat"},
		{"moved: left out at its time, put in at another",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) {
				r.Without, r.Besides = []string{"2026-01-06"}, []string{"2026-01-06T13:00:00"}
			}),
			"Jan 6 12:59:59 ann | Jan 6 13:00 bob | Jan 7 09:00 cat"},
		{"both left out and put in, it takes place",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) {
				r.Without, r.Besides = []string{"2026-01-06"}, []string{"2026-01-06T09:00:00"}
			}),
			"Jan 6 12:00 bob"},
		{"after the rule's end",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Rule, r.Besides = "FREQ=DAILY;COUNT=2", []string{"2026-01-20T09:30:00"} }),
			"Jan 19 12:00 bob | Jan 20 09:30 cat | Jan 21 08:59:59 cat | Jan 21 09:00"},

		{"two shifts on end each",
			with(daily("r", "ann", "bob"), func(r *Rotation) { r.Each = 2 }),
			"Jan 5 12:00 ann | Jan 6 12:00 ann | Jan 7 12:00 bob | Jan 8 12:00 bob | Jan 9 12:00 ann"},
		{"ahead by a turn",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Ahead = 1 }),
			"Jan 5 12:00 bob | Jan 6 12:00 cat | Jan 7 12:00 ann"},
		{"ahead by one of two shifts on end",
			with(daily("r", "ann", "bob"), func(r *Rotation) { r.Each, r.Ahead = 2, 3 }),
			"Jan 5 12:00 bob | Jan 6 12:00 ann | Jan 7 12:00 ann | Jan 8 12:00 bob"},
		{"a person may have more turns than others",
			daily("r", "ann", "bob", "ann", "cat"),
			"Jan 5 12:00 ann | Jan 6 12:00 bob | Jan 7 12:00 ann | Jan 8 12:00 cat"},

		{"nothing before From, and the turns are counted all the same",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.From = berlin("Jan 6 12:00") }),
			"Jan 5 12:00 | Jan 6 11:59:59 | Jan 6 12:00 bob | Jan 7 12:00 cat"},
		{"nothing from Until on",
			with(daily("r", "ann", "bob", "cat"), func(r *Rotation) { r.Until = berlin("Jan 6 12:00") }),
			"Jan 6 11:59:59 bob | Jan 6 12:00 | Jan 7 12:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rotation.ID = "r"
			if err := tt.rotation.Validate(); err != nil {
				t.Fatal(err)
			}
			tell(t, Roster{Rotations: []Rotation{tt.rotation}}, tt.want)
		})
	}
}

// A day belongs to its readings: what the clocks skip before midnight takes place after it, and is of the day before.
func TestADayLeftOutWhereMidnightIsSkipped(t *testing.T) {
	// Nuuk put its clocks from 23:00 to 24:00 on Saturday, 28 March 2026.
	r := Rotation{ID: "r", Zone: "America/Nuuk", Start: "2026-03-25T00:15:00", Rule: "FREQ=DAILY", Times: []string{"00:15", "23:30"}, Participants: []PersonID{"ann"}}
	handovers := func(without string) string {
		r := r
		r.Without = []string{without}
		var all []string
		for _, s := range (Roster{Rotations: []Rotation{r}}).Shifts(instant(t, "2026-03-28T00:00:00-02:00"), instant(t, "2026-03-30T00:00:00-01:00")) {
			all = append(all, s.From.In(time.FixedZone("", -3600)).Format("2 15:04"))
		}
		return strings.Join(all[1:], ", ")
	}
	for without, want := range map[string]string{
		"2026-01-01": "28 01:15, 29 00:15, 29 00:30, 29 23:30",
		"2026-03-28": "29 00:15, 29 23:30",
		"2026-03-29": "28 01:15, 29 00:30",
	} {
		if got := handovers(without); got != want {
			t.Errorf("without %s it hands over at %s, want %s", without, got, want)
		}
	}
}

// crews are a day's and a night's, each rotating weekly.
func crews(zone string) Roster {
	crew := func(id, from, to string, people ...PersonID) Rotation {
		return Rotation{ID: id, Zone: zone, Start: "2026-01-05T08:00:00", Rule: "FREQ=WEEKLY", Participants: people, Hours: []Window{{everyDay, from, to}}}
	}
	return Roster{Rotations: []Rotation{crew("day", "08:00", "20:00", "ann", "bob"), crew("night", "20:00", "08:00", "yan", "zoe")}}
}

func TestDayAndNightCrews(t *testing.T) {
	tell(t, crews("Europe/Berlin"),
		"Jan 5 08:00 ann | Jan 5 19:59:59 ann | Jan 5 20:00 yan | Jan 6 00:00 yan | Jan 6 07:59:59 yan | Jan 6 08:00 ann | Jan 11 23:00 yan | Jan 12 07:59:59 yan | Jan 12 08:00 bob | Jan 12 20:00 zoe")
	weekendNights := with(daily("r", "zoe"), func(r *Rotation) { r.Hours = []Window{{[]time.Weekday{5, 6}, "22:00", "06:00"}} })
	tell(t, Roster{Rotations: []Rotation{weekendNights}},
		"Jan 9 05:00 | Jan 9 22:00 zoe | Jan 10 05:59:59 zoe | Jan 10 06:00 | Jan 10 23:00 zoe | Jan 11 05:00 zoe | Jan 11 22:00")
}

// Never both crews, never none, and never a second between them, over both changes of the clocks.
func TestCrewsOverClockChanges(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Antarctica/Troll"} {
		from, to := instant(t, "2026-02-01T00:00:00Z"), instant(t, "2027-02-01T00:00:00Z")
		shifts := crews(zone).Shifts(from, to)
		reached := from
		for i, s := range shifts {
			if !s.From.Equal(reached) || i > 0 && s.Rotation == shifts[i-1].Rotation {
				t.Fatalf("%s: after %v comes %v", zone, shifts[max(0, i-1)], s)
			}
			if i > 0 && i < len(shifts)-1 && s.To.Sub(s.From) != 12*time.Hour && s.Rotation != "night" {
				t.Errorf("%s: a day shift of %v", zone, s.To.Sub(s.From))
			}
			reached = s.To
		}
		if !reached.Equal(to) {
			t.Errorf("%s: the last shift ends at %v", zone, reached)
		}
	}
}

// Years with something to trip over; times with their offset, as clocks show them there.
func TestCalendar(t *testing.T) {
	tests := []struct{ name, zone, start, rule, from, to, want string }{
		{"29 February comes every four years",
			"Europe/Berlin", "2024-02-29T09:00:00", "FREQ=YEARLY", "2024-01-01T00:00:00Z", "2041-01-01T00:00:00Z",
			"2024-02-29T09:00:00+01:00 2028-02-29T09:00:00+01:00 2032-02-29T09:00:00+01:00 2036-02-29T09:00:00+01:00 2040-02-29T09:00:00+01:00"},
		{"a month without a 31st is passed over",
			"Europe/Berlin", "2026-01-31T09:00:00", "FREQ=MONTHLY", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z",
			"2026-01-31T09:00:00+01:00 2026-03-31T09:00:00+02:00 2026-05-31T09:00:00+02:00"},
		{"the last day of February",
			"Europe/Berlin", "2027-01-31T09:00:00", "FREQ=MONTHLY;BYMONTHDAY=-1", "2027-02-01T00:00:00Z", "2028-03-02T00:00:00Z",
			"2027-02-28T09:00:00+01:00 2027-03-31T09:00:00+02:00 2027-04-30T09:00:00+02:00 2027-05-31T09:00:00+02:00 2027-06-30T09:00:00+02:00 2027-07-31T09:00:00+02:00 2027-08-31T09:00:00+02:00 2027-09-30T09:00:00+02:00 2027-10-31T09:00:00+01:00 2027-11-30T09:00:00+01:00 2027-12-31T09:00:00+01:00 2028-01-31T09:00:00+01:00 2028-02-29T09:00:00+01:00"},
		{"2026 has a week 53, and the weeks go on",
			"Europe/Berlin", "2026-12-07T09:00:00", "FREQ=WEEKLY", "2026-12-20T00:00:00Z", "2027-01-15T00:00:00Z",
			"2026-12-21T09:00:00+01:00 2026-12-28T09:00:00+01:00 2027-01-04T09:00:00+01:00 2027-01-11T09:00:00+01:00"},
		{"every other week across week 53",
			"Europe/Berlin", "2026-12-14T09:00:00", "FREQ=WEEKLY;INTERVAL=2", "2026-12-20T00:00:00Z", "2027-01-31T00:00:00Z",
			"2026-12-28T09:00:00+01:00 2027-01-11T09:00:00+01:00 2027-01-25T09:00:00+01:00"},
		{"every 53 weeks",
			"Europe/Berlin", "2026-01-05T09:00:00", "FREQ=WEEKLY;INTERVAL=53", "2026-01-01T00:00:00Z", "2029-12-31T00:00:00Z",
			"2026-01-05T09:00:00+01:00 2027-01-11T09:00:00+01:00 2028-01-17T09:00:00+01:00 2029-01-22T09:00:00+01:00"},
		{"positions in a week count from its Monday, also in the week of the start",
			"Europe/Berlin", "2026-01-07T09:00:00", "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=2", "2026-01-01T00:00:00Z", "2026-01-22T00:00:00Z",
			"2026-01-07T09:00:00+01:00 2026-01-14T09:00:00+01:00 2026-01-21T09:00:00+01:00"},
		{"or from the day on which weeks begin",
			"Europe/Berlin", "2026-01-07T09:00:00", "FREQ=WEEKLY;WKST=SU;BYDAY=SU,WE,FR;BYSETPOS=1", "2026-01-01T00:00:00Z", "2026-01-22T00:00:00Z",
			"2026-01-11T09:00:00+01:00 2026-01-18T09:00:00+01:00"},
		{"after the last second of 32 bits",
			"America/New_York", "2038-01-18T22:14:08", "FREQ=DAILY", "2038-01-18T00:00:00Z", "2038-01-21T00:00:00Z",
			"2038-01-18T22:14:08-05:00 2038-01-19T22:14:08-05:00"},
		{"the clocks still change in 2040",
			"America/New_York", "2040-03-01T02:30:00", "FREQ=DAILY", "2040-03-10T00:00:00-05:00", "2040-03-13T00:00:00-04:00",
			"2040-03-10T02:30:00-05:00 2040-03-11T03:30:00-04:00 2040-03-12T02:30:00-04:00"},
		{"Beirut skips midnight",
			"Asia/Beirut", "2026-03-20T00:00:00", "FREQ=DAILY", "2026-03-28T00:00:00+02:00", "2026-03-31T00:00:00+03:00",
			"2026-03-28T00:00:00+02:00 2026-03-29T01:00:00+03:00 2026-03-30T00:00:00+03:00"},
		{"Kathmandu is ahead by a quarter of an hour more",
			"Asia/Kathmandu", "2026-03-28T09:00:00", "FREQ=DAILY", "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z",
			"2026-03-28T09:00:00+05:45 2026-03-29T09:00:00+05:45"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, at := range handoverTimes(t, tt.zone, tt.start, tt.rule, instant(t, tt.from), instant(t, tt.to)) {
				got = append(got, at.Format(time.RFC3339))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), tt.want)
			}
		})
	}
}
