package ical

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

func weekly(rule string) rosters.Roster {
	return rosters.Roster{ID: "web", Rotations: []rosters.Rotation{{
		ID: "primary", Zone: "Europe/Berlin", Start: "2020-01-06T09:00:00", Rule: rule, Participants: []rosters.PersonID{"ann", "bob", "cat"},
	}}}
}

func compiled(t testing.TB, r rosters.Roster) *rosters.Calendar {
	t.Helper()
	c, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func uids(shifts []rosters.Shift) (all []string) {
	for _, s := range shifts {
		all = append(all, UID("web", s))
	}
	return all
}

func TestAShiftKeepsItsUIDWhileTheSpanMoves(t *testing.T) {
	for _, rule := range []string{"FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY"} {
		c := compiled(t, weekly(rule))
		from := utc("2026-03-27 10:00")
		known := map[time.Time]rosters.Shift{} // by beginning
		for range 200 {
			to := from.Add(60 * 24 * time.Hour)
			for _, s := range Whole(c, from, to) {
				if before, seen := known[s.From]; seen && before != s {
					t.Fatalf("%s: on %s %v became %v", rule, from, before, s)
				}
				known[s.From] = s
			}
			from = from.Add(17 * time.Hour)
		}
	}
}

func TestShiftsAtTheEdgesAreWhole(t *testing.T) {
	c := compiled(t, weekly("FREQ=WEEKLY"))
	got := Whole(c, utc("2026-11-18 00:00"), utc("2026-11-23 08:00"))
	if len(got) != 1 || !got[0].From.Equal(utc("2026-11-16 08:00")) || !got[0].To.Equal(utc("2026-11-23 08:00")) {
		t.Errorf("got %v", got)
	}
	if got = Whole(c, utc("2026-11-18 00:00"), utc("2026-11-23 08:01")); len(got) != 2 {
		t.Errorf("a shift that begins before the end is missing: %v", got)
	}
	if got = Whole(c, utc("2026-11-18 00:00"), utc("2026-11-18 00:00").Add(time.Second)); len(got) != 1 {
		t.Errorf("a shift around the span is missing: %v", got)
	}
}

func TestAShiftOfAYearIsWhole(t *testing.T) {
	c := compiled(t, weekly("FREQ=YEARLY"))
	got := Whole(c, utc("2026-11-18 00:00"), utc("2026-12-18 00:00"))
	if len(got) != 1 || !got[0].From.Equal(utc("2026-01-06 08:00")) || !got[0].To.Equal(utc("2027-01-06 08:00")) {
		t.Errorf("got %v", got)
	}
}

// Somebody who is on call for ever has one event, which changes once in 400 days and not each morning.
func TestAShiftWithoutEndSeldomChanges(t *testing.T) {
	c := compiled(t, weekly("FREQ=YEARLY;INTERVAL=80"))
	changes := 0
	var last string
	for day := range 1200 {
		from := utc("2026-01-10 00:00").AddDate(0, 0, day)
		got := Whole(c, from, from.AddDate(0, 0, 60))
		if len(got) != 1 {
			t.Fatalf("%s: got %v", from, got)
		}
		if uid := UID("web", got[0]); uid != last {
			last = uid
			changes++
		}
	}
	if changes > 2*4 { // each end, and the first one
		t.Errorf("%d UIDs in 1200 days", changes)
	}
}

func TestAnOverrideGivesNewUIDsToWhatItChangesOnly(t *testing.T) {
	from, to := utc("2026-11-10 00:00"), utc("2026-12-10 00:00")
	roster := weekly("FREQ=WEEKLY")
	before := uids(Whole(compiled(t, roster), from, to))
	roster.Overrides = []rosters.Override{{ID: "7", Person: "zoe", Replaces: "bob", From: utc("2026-11-18 00:00"), To: utc("2026-11-19 00:00")}}
	shifts := Whole(compiled(t, roster), from, to)
	var fresh []string
	for i, uid := range uids(shifts) {
		if !slices.Contains(before, uid) {
			fresh = append(fresh, fmt.Sprint(shifts[i].Person, " ", shifts[i].From.Format("01-02 15:04")))
		}
	}
	if want := []string{"bob 11-16 08:00", "zoe 11-18 00:00", "bob 11-19 00:00"}; !slices.Equal(fresh, want) {
		t.Errorf("new are %v, want %v", fresh, want)
	}
}

// An override that began before the span is whole as well, if the roster was read as Asked says.
func TestAskedReachesEveryOverrideOfTheSpan(t *testing.T) {
	from, to := utc("2026-11-10 00:00"), utc("2026-12-10 00:00")
	asked := Asked(from, to)
	if asked.From.After(from.Add(-Reach)) || asked.To.Before(to.Add(Reach)) {
		t.Errorf("asked is %v", asked)
	}
	roster := weekly("FREQ=WEEKLY")
	roster.Overrides = []rosters.Override{{ID: "7", Person: "zoe", From: utc("2026-02-01 00:00"), To: utc("2027-10-01 00:00")}}
	got := Whole(compiled(t, roster), from, to)
	if len(got) != 1 || !got[0].From.Equal(utc("2026-02-01 00:00")) || !got[0].To.Equal(utc("2027-10-01 00:00")) {
		t.Errorf("got %v", got)
	}
}

func BenchmarkAYearOfDailyShifts(b *testing.B) {
	c := compiled(b, weekly("FREQ=DAILY"))
	f := oneShift()
	f.People["cat"] = "अनीता देशपांडे"
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		f.Rosters[0].Shifts = Whole(c, utc("2026-01-01 00:00"), utc("2027-01-01 00:00"))
		document := f.Document()
		size = len(document)
		ETag(document)
	}
	b.ReportMetric(float64(size), "octets")
	b.ReportMetric(float64(len(f.Rosters[0].Shifts)), "shifts")
}

func drawRoster(t *rapid.T) rosters.Roster {
	people := []rosters.PersonID{"ann", "bob", "cat", "dan"}
	r := rosters.Roster{ID: "web"}
	for i := range rapid.IntRange(1, 3).Draw(t, "rotations") {
		rotation := rosters.Rotation{ID: fmt.Sprint("r", i), Rank: rapid.IntRange(0, 1).Draw(t, "rank"), Start: "2024-02-26T09:00:00",
			Zone:         rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Australia/Lord_Howe"}).Draw(t, "zone"),
			Rule:         rapid.SampledFrom([]string{"FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=9", "FREQ=DAILY;COUNT=700"}).Draw(t, "rule"),
			Participants: rapid.SliceOfN(rapid.SampledFrom(people), 1, 4).Draw(t, "participants"), Everyone: rapid.Bool().Draw(t, "everyone")}
		if rapid.Bool().Draw(t, "by day only") {
			rotation.Hours = []rosters.Window{{Days: []time.Weekday{1, 2, 3, 4, 5}, From: "09:00", To: "17:00"}}
		}
		r.Rotations = append(r.Rotations, rotation)
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "overrides") {
		from := utc("2025-06-01 00:00").Add(time.Duration(rapid.IntRange(0, 24*600).Draw(t, "from")) * time.Hour)
		o := rosters.Override{ID: fmt.Sprint(i), Kind: rapid.SampledFrom([]rosters.OverrideKind{rosters.Replace, rosters.Add, rosters.TakeOff}).Draw(t, "kind"),
			Person: "zoe", From: from, To: from.Add(time.Duration(rapid.IntRange(1, 24*90).Draw(t, "hours")) * time.Hour)}
		o.Replaces = rapid.SampledFrom(append(people, "")).Draw(t, "replaces")
		r.Overrides = append(r.Overrides, o)
	}
	return r
}

// Clipped to the span, whole shifts are those of the calendar; and what two spans have in common is the
// same in both.
func TestWholeShiftsOfAnyRoster(t *testing.T) {
	clipped := func(shifts []rosters.Shift, from, to time.Time) (all []string) {
		for _, s := range shifts {
			if s.From.Before(from) {
				s.From = from
			}
			if s.To.After(to) {
				s.To = to
			}
			all = append(all, fmt.Sprint(s.Person, s.Rotation, s.Turn, s.Override, s.From, s.To))
		}
		slices.Sort(all)
		return all
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := compiled(t, drawRoster(rt))
		from := utc("2026-01-01 00:00").Add(time.Duration(rapid.IntRange(0, 24*365).Draw(rt, "hour")) * time.Hour)
		to := from.AddDate(0, 0, rapid.IntRange(1, 90).Draw(rt, "days"))
		whole := Whole(c, from, to)
		if got, want := clipped(whole, from, to), clipped(c.Shifts(from, to), from, to); !slices.Equal(got, want) {
			rt.Fatalf("got %v, want %v", got, want)
		}
		later := from.Add(time.Duration(rapid.IntRange(1, 24*30).Draw(rt, "later")) * time.Hour)
		next := uids(Whole(c, later, to.AddDate(0, 0, 30)))
		for i, uid := range uids(whole) {
			s := whole[i]
			within := s.From.After(from.Add(-Reach)) && s.To.Before(to.Add(Reach)) // not cut
			if within && s.To.After(later) && !slices.Contains(next, uid) {
				rt.Fatalf("%v is gone when the span begins at %v", s, later)
			}
		}
	})
}
