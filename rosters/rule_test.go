package rosters

import (
	"errors"
	"fmt"
	"strings"
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

func checkTime(t *testing.T, began time.Time) {
	if took := time.Since(began); took > 2*time.Second {
		t.Fatal(fmt.Errorf("took %v", took))
	}
}
