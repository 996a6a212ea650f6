package rosters

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func weekly(rule string) Rotation {
	return Rotation{ID: "weekly", Zone: "Europe/Berlin", Start: "2016-01-04T04:00:00", Rule: rule, Participants: []PersonID{"ann", "bob"}}
}

// Each rule makes the library hang, panic, search for seconds or guess when it is given to it as it
// is, or means nothing. It is refused while it is saved, in the time of a request.
func TestHostileRules(t *testing.T) {
	tests := []struct{ rule, says string }{
		// The library never returns from these.
		{"FREQ=HOURLY;INTERVAL=24;BYHOUR=5", "never meets BYHOUR"},
		{"FREQ=HOURLY;INTERVAL=2;BYHOUR=1", "never meets BYHOUR"},
		{"FREQ=MINUTELY;INTERVAL=120;BYHOUR=1", "FREQ=MINUTELY"},
		{"FREQ=MINUTELY;INTERVAL=60;BYMINUTE=5", "FREQ=MINUTELY"},
		{"FREQ=SECONDLY;INTERVAL=60;BYSECOND=5", "FREQ=SECONDLY"},
		// It is slow on these.
		{"FREQ=SECONDLY", "FREQ=SECONDLY"},
		{"FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=SECONDLY"},
		{"FREQ=HOURLY;BYSETPOS=2", "BYSETPOS"},
		{"FREQ=HOURLY;BYHOUR=5;BYSETPOS=2", "BYSETPOS"},
		// It panics on these.
		{"FREQ=MONTHLY;BYDAY=53MO", "BYDAY=+53MO: the number must be 1 to 5"},
		{"FREQ=MONTHLY;BYDAY=-53MO", "BYDAY=-53MO: the number must be 1 to 5"},
		{"FREQ=YEARLY;BYMONTH=12;BYDAY=53MO", "BYDAY=+53MO"},
		{"FREQ=YEARLY;BYEASTER=400", "BYEASTER"},
		{"FREQ=YEARLY;BYEASTER=-400", "BYEASTER"},
		{"FREQ=MONTHLY;INTERVAL=9223372036854775807", "INTERVAL=9223372036854775807: must be a whole number, 1 to 366"},
		{"ɐɐɐɐ:", "one RRULE value"},
		// It takes these for something.
		{"FREQ=DAILY;INTERVAL=0", "INTERVAL=0"},
		{"FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1"},
		{"FREQ=DAILY;COUNT=-5", "COUNT=-5"},
		{"FREQ=DAILY;COUNT=0", "COUNT=0"},
		{"FREQ=DAILY;COUNT=5;UNTIL=20270101", "COUNT and UNTIL"},
		{"FREQ=DAILY;FREQ=WEEKLY", "FREQ is given twice"},
		{"FREQ=MONTHLY;BYDAY=MO,1TU", "BYDAY mixes"},
		{"FREQ=WEEKLY;BYDAY=1MO", "BYDAY=+1MO"},
		{"FREQ=DAILY;DTSTART=20260101T000000Z", "DTSTART"},
		{"DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY", "one RRULE value"},
		{"RRULE:FREQ=DAILY", "no name before it"},
		{"EXRULE:FREQ=DAILY", "no name before it"},
		{"FREQ=DAILY;X-RULE=1", "X-RULE"},
		{"FREQ=DAILY;TZID=Local", "TZID"},
		// They never occur.
		{"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never occurs"},
		{"FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=5MO", "never occurs"},
		{"FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=30", "never occurs"},
		{"FREQ=DAILY;INTERVAL=7;BYDAY=TU", "never occurs"},
		{"FREQ=MONTHLY;INTERVAL=12;BYMONTH=2", "never occurs"},
		{"FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2", "never occurs"},
		{"FREQ=DAILY;UNTIL=20160103", "UNTIL lies before"},
		{"FREQ=DAILY;UNTIL=00010101T000000Z", "UNTIL lies before"},
		// They are not rules.
		{"", "is missing"},
		{"WEEKLY", "NAME=VALUE"},
		{"FREQ=", "NAME=VALUE"},
		{"FREQ=DAILY;", "NAME=VALUE"},
		{"FREQ=FORTNIGHTLY", "FREQ=FORTNIGHTLY"},
		{"INTERVAL=2", "FREQ is missing"},
		{"FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW"},
		{"FREQ=DAILY;BYHOUR=24", "BYHOUR=24"},
		{"FREQ=DAILY;BYMONTH=13", "BYMONTH=13"},
		{"FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY=0"},
		{"FREQ=MONTHLY;BYDAY=0MO", "0MO"},
		{"FREQ=WEEKLY;BYDAY=MONDAY", "BYDAY=MONDAY"},
		{"FREQ=WEEKLY;WKST=1", "WKST=1"},
		{"FREQ=WEEKLY;BYMONTHDAY=13", "BYMONTHDAY"},
		{"FREQ=YEARLY;BYWEEKNO=53", "BYWEEKNO"},
		{"FREQ=HOURLY;INTERVAL=5", "INTERVAL=5"},
		{"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7;BYMINUTE=0,15,30,45", "32 hand-overs a day, the limit is 24"},
		{"FREQ=HOURLY;BYMINUTE=0,30", "48 hand-overs a day, the limit is 24"},
		{"FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS"},
		// It would go through half a million hand-overs for these.
		{"FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYHOUR=0,3,6,9,12,15,18,21;UNTIL=21991231", "the limit of rules by months is 100000"},
		{"FREQ=YEARLY;BYDAY=MO;BYHOUR=0,1,2,3,4,5,6,7;UNTIL=21991231T000000Z", "the limit of rules by months"},
		{"FREQ=DAILY;BYMONTH=" + strings.Repeat("1,", 200) + "1", "the limit is 300"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			refused := make(chan error, 1)
			go func() { refused <- weekly(tt.rule).Validate() }()
			var err error
			select {
			case err = <-refused:
			case <-time.After(2 * time.Second): // it takes milliseconds
				t.Fatal("still thinking after two seconds")
			}
			var fields FieldErrors
			if !errors.As(err, &fields) || len(fields) != 1 || fields[0].Field != "/rule" {
				t.Fatalf("got %v, want one error, of /rule", err)
			}
			if !strings.Contains(fields[0].Problem, tt.says) {
				t.Errorf("the problem is %q, it does not say %q", fields[0].Problem, tt.says)
			}
		})
	}
}

func TestRulesThatAreFine(t *testing.T) {
	for _, rule := range []string{
		"FREQ=WEEKLY", "freq=weekly;byday=mo", "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO", "FREQ=DAILY;BYHOUR=8,20",
		"FREQ=HOURLY;INTERVAL=12", "FREQ=HOURLY;INTERVAL=48", "FREQ=HOURLY;INTERVAL=2;BYHOUR=4,6", "FREQ=MONTHLY;BYDAY=-1SU",
		"FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=YEARLY;BYDAY=53MO",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU", "FREQ=DAILY;COUNT=10000",
		"FREQ=WEEKLY;UNTIL=20160104T030000Z", "FREQ=WEEKLY;BYMONTH=12", "FREQ=WEEKLY;BYDAY=MO,FR;BYSETPOS=-1",
	} {
		if err := weekly(rule).Validate(); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// Whatever a rule says: it is refused, or its turns count up without a hole while time goes on.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;BYSETPOS=2,3",
		"FREQ=HOURLY;INTERVAL=12;UNTIL=20270101T000000Z", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=3", "FREQ=MONTHLY;BYDAY=53MO",
	} {
		f.Add(rule, uint32(1_467_000_000), uint8(0))
	}
	f.Add("FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1", uint32(1_467_000_000), uint8(1)) // in 2041; see evenly
	places := []string{"UTC", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Antarctica/Troll"}
	f.Fuzz(func(t *testing.T, rule string, start uint32, zone uint8) {
		r := weekly(rule)
		r.Zone = places[int(zone)%len(places)]
		r.Start = time.Unix(int64(start), 0).UTC().Format(startLayout)
		began := time.Now()
		if err := r.Validate(); err != nil {
			checkTime(t, began)
			return
		}
		turns, err := r.compile()
		if err != nil {
			t.Fatalf("%v was valid before", err)
		}
		var last Shift
		n := 0
		for s := range turns.shifts(time.Time{}) {
			if s.Turn != n || s.empty() || n > 0 && s.From.Before(last.To) {
				t.Fatalf("shift %d, after %v, is %v", n, last, s)
			}
			if at := turns.at(s.From); at != s {
				t.Fatalf("at the beginning of %v the shift is %v", s, at)
			}
			if last = s; n == 40 {
				break
			}
			n++
		}
		checkTime(t, began)
	})
}

// FuzzRotation: whatever somebody writes into a rotation, it is refused, or it compiles and answers, its shifts agree
// with who is on call, and each piece of that takes no more than 50 ms of a quiet machine, which is measured only while
// it is being fuzzed:
//
//	go test ./rosters -run '^$' -fuzz FuzzRotation -fuzztime 1h
func FuzzRotation(f *testing.F) {
	f.Add("Europe/Berlin", "2016-01-04T04:00:00", "FREQ=WEEKLY", "06:30,14:30,22:15", "2026-12-25", "2026-12-26T09:00:00", "ann,bob,,cat", int64(36*time.Hour), 2, 7, "1-5 22:00-06:00", uint32(1_780_000_000), uint32(60))
	f.Add("Pacific/Apia", "2011-12-01T09:00:00", "FREQ=DAILY;COUNT=400", "", "2011-12-30,2011-12-31T09:00:00", "2040-01-01T00:00:00", "ann", int64(0), 0, 0, "0-6 00:00-24:00,1 02:00-02:00", uint32(1_325_200_000), uint32(24))
	f.Add("America/Nuuk", "2024-01-31T23:30:00", "FREQ=MONTHLY;BYMONTHDAY=-1;UNTIL=20991231", "00:15", "2026-02-28", "", "ann,ann", int64(time.Minute), 1000, 200000, "", uint32(1_780_000_000), uint32(700))
	f.Add("UTC", "1970-01-01T00:00:00", "FREQ=DAILY;BYMONTH=1;UNTIL=21991231;BYHOUR=1,2", "", "", "2199-12-31T00:00:00", "ann", int64(0), 0, 0, "", uint32(1_780_000_000), uint32(24))
	f.Add("Europe/Berlin", "2026-01-05T08:00:00", "EVERY=3605", "", "", "", "ann,,bob", int64(time.Hour), 2, 1, "1-5 12:31:23-06:00:01", uint32(1_780_000_000), uint32(700))
	f.Add("America/Santiago", "1970-01-01T00:00:00", "EVERY=0", "", "", "", "ann", int64(0), 0, 0, "", uint32(0), uint32(24))
	f.Fuzz(func(t *testing.T, zone, start, rule, times, without, besides, people string, length int64, each, ahead int, hours string, asked, span uint32) {
		list := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, ",")
		}
		r := Rotation{ID: "r", Zone: zone, Start: start, Rule: rule, Times: list(times), Without: list(without), Besides: list(besides),
			Length: time.Duration(length), Each: each, Ahead: ahead, Everyone: ahead%3 == 1, Rank: each}
		if seconds, ok := strings.CutPrefix(rule, "EVERY="); ok { // no rule, but so long
			n, _ := strconv.ParseInt(seconds, 10, 64) // whatever comes of it
			r.Rule, r.Every = "", time.Duration(n)*time.Second
			if n == 0 {
				r.Every = 1
			}
		}
		for _, p := range list(people) {
			r.Participants = append(r.Participants, PersonID(p))
		}
		for _, w := range list(hours) {
			var first, last int
			var clock string
			_, _ = fmt.Sscanf(w, "%d-%d %s", &first, &last, &clock) // whatever comes of it
			from, to, _ := strings.Cut(clock, "-")
			r.Hours = append(r.Hours, Window{[]time.Weekday{time.Weekday(first), time.Weekday(last)}, from, to})
		}
		var valid error
		quickly(t, "Validate", func() { valid = r.Validate() })
		roster := Roster{ID: "r", Rotations: []Rotation{r}}
		var calendar *Calendar
		if valid != nil { // it may have been saved by a version that was less strict
			calendar, _ = roster.Compile()
			_ = names(calendar.OnCall(time.Unix(int64(asked), 0)))
			return
		}
		quickly(t, "Compile", func() {
			var err error
			if calendar, err = roster.Compile(); err != nil {
				t.Fatalf("%v was valid before", err)
			}
		})
		at := time.Unix(int64(asked), 0).UTC()
		end := at.Add(time.Duration(1+span%(31*24)) * time.Hour)
		first, _ := calendar.eras[0].places[0].turns.handovers.rule.nth(0)
		if at.Sub(first) > 20*366*day { // who asks about a rule by months that began long ago has it gone through
			return
		}
		var shifts []Shift
		quickly(t, "Shifts", func() { shifts = calendar.Shifts(at, end) })
		if len(shifts) > maxParticipants*(2*31*24+maxDates) {
			t.Fatalf("%d shifts in a month", len(shifts))
		}
		quickly(t, "OnCall", func() { calendar.OnCall(at) })
		for i, s := range shifts[:min(len(shifts), 20)] {
			if s.empty() || s.From.Before(at) || s.To.After(end) || i > 0 && s.From.Before(shifts[i-1].From) {
				t.Fatalf("shift %d is %v", i, s)
			}
			for _, moment := range []time.Time{s.From, s.To.Add(-1)} {
				if on := calendar.OnCall(moment); !slices.Contains(on, s.Person) {
					t.Fatalf("at %v %v is on call, the shift is %v", moment, on, s)
				}
			}
		}
	})
}

// fuzzed tells whether new inputs are being looked for; only then the machine is known to have nothing else to do.
var fuzzed = sync.OnceValue(func() bool { return flag.Lookup("test.fuzz").Value.String() != "" })

// quickly does something, and while fuzzing fails if it takes more than 50 ms, however often it is tried.
func quickly(t *testing.T, what string, do func()) {
	t.Helper()
	for try := 0; ; try++ {
		began := time.Now()
		do()
		took := time.Since(began)
		if !fuzzed() || took < 50*time.Millisecond {
			return
		}
		if try == 20 {
			t.Fatalf("%s takes %v", what, took)
		}
	}
}

func checkTime(t *testing.T, began time.Time) {
	if took := time.Since(began); took > 2*time.Second {
		t.Fatal(fmt.Errorf("took %v", took))
	}
}
