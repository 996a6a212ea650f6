package rosters

import (
	"testing"
	"time"
)

func TestHours(t *testing.T) {
	newYork := func(windows ...Window) Hours { return Hours{Zone: "America/New_York", Windows: windows} }
	all := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	tests := []struct {
		name      string
		hours     Hours
		at, opens string
	}{
		{"the zero value: Monday morning", Hours{}, "2026-01-05T08:59:59Z", "2026-01-05T09:00:00Z"},
		{"open from the first second", Hours{}, "2026-01-05T09:00:00Z", "2026-01-05T09:00:00Z"},
		{"to the last", Hours{}, "2026-01-05T16:59:59.5Z", "2026-01-05T16:59:59.5Z"},
		{"and no longer", Hours{}, "2026-01-05T17:00:00Z", "2026-01-06T09:00:00Z"},
		{"Friday night waits for Monday", Hours{}, "2026-01-09T20:00:00Z", "2026-01-12T09:00:00Z"},
		{"a zone without windows has office hours there", Hours{Zone: "Asia/Tokyo"}, "2026-01-09T20:00:00Z", "2026-01-12T00:00:00Z"},
		{"24:00 joins the next day's 00:00", newYork(Window{all, "18:00", "24:00"}, Window{all, "00:00", "06:00"}), "2026-01-06T04:59:59Z", "2026-01-06T04:59:59Z"},
		{"and is not the next day", newYork(Window{all, "18:00", "24:00"}), "2026-01-06T05:00:00Z", "2026-01-06T23:00:00Z"},
		{"of several windows the next", newYork(Window{all, "14:00", "15:00"}, Window{all, "09:00", "10:00"}), "2026-01-06T15:30:00Z", "2026-01-06T19:00:00Z"},
		{"the same day next week", Hours{Windows: []Window{{[]time.Weekday{time.Monday}, "09:00", "10:00"}}}, "2026-01-05T10:00:00Z", "2026-01-12T09:00:00Z"},

		{"nine o'clock in winter", newYork(), "2026-03-06T10:00:00Z", "2026-03-06T14:00:00Z"},
		{"nine o'clock in summer", newYork(), "2026-03-09T10:00:00Z", "2026-03-09T13:00:00Z"},
		{"over the weekend on which the clock is put forward", newYork(), "2026-03-06T22:00:00Z", "2026-03-09T13:00:00Z"},
		{"and back", newYork(), "2026-10-30T21:00:00Z", "2026-11-02T14:00:00Z"},
		{"half past two does not come: open from three", newYork(Window{all, "02:30", "05:00"}), "2026-03-08T06:59:59Z", "2026-03-08T07:00:00Z"},
		{"a window that the clock skips does not open that day", newYork(Window{all, "02:00", "03:00"}), "2026-03-08T06:00:00Z", "2026-03-09T06:00:00Z"},
		{"half past one comes twice: once", newYork(Window{all, "01:30", "01:45"}), "2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z"},
		{"half past one comes twice: and again", newYork(Window{all, "01:30", "01:45"}), "2026-11-01T05:45:00Z", "2026-11-01T06:30:00Z"},
		{"Santiago's Sunday begins at one", Hours{Zone: "America/Santiago", Windows: []Window{{[]time.Weekday{time.Sunday}, "00:00", "24:00"}}}, "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"},
		{"Apia had no Friday", Hours{Zone: "Pacific/Apia", Windows: []Window{{[]time.Weekday{time.Friday}, "09:00", "10:00"}}}, "2011-12-28T12:00:00Z", "2012-01-05T19:00:00Z"},
		{"across midnight: before", newYork(Window{all, "22:00", "06:00"}), "2026-01-04T18:00:00Z", "2026-01-05T03:00:00Z"},
		{"across midnight: the next day", newYork(Window{all[:1], "22:00", "06:00"}), "2026-01-05T10:59:59Z", "2026-01-05T10:59:59Z"},
		{"across midnight: no longer", newYork(Window{all[:1], "22:00", "06:00"}), "2026-01-05T11:00:00Z", "2026-01-12T03:00:00Z"},
		{"across the week's end", newYork(Window{all[6:], "22:00", "06:00"}), "2026-01-11T10:59:59Z", "2026-01-11T10:59:59Z"},
		{"a day from noon to noon", newYork(Window{all[3:4], "12:00", "12:00"}), "2026-01-08T16:59:59Z", "2026-01-08T16:59:59Z"},
		{"the whole week", newYork(Window{all, "00:00", "24:00"}), "2026-01-11T04:59:59Z", "2026-01-11T04:59:59Z"},

		{"the last day of 2040", newYork(), "2040-12-31T03:00:00Z", "2040-12-31T14:00:00Z"},

		{"what cannot be read is open: the zone", Hours{Zone: "Atlantis/Harbour"}, "2026-01-04T03:00:00Z", "2026-01-04T03:00:00Z"},
		{"a time", newYork(Window{all, "9", "17:00"}), "2026-01-04T03:00:00Z", "2026-01-04T03:00:00Z"},
		{"a day", newYork(Window{[]time.Weekday{7}, "09:00", "17:00"}), "2026-01-04T03:00:00Z", "2026-01-04T03:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, opens := instant(t, tt.at), instant(t, tt.opens)
			if got := tt.hours.NextOpen(at); !got.Equal(opens) {
				t.Errorf("at %s: open from %v, want %v", tt.at, got.UTC(), tt.opens)
			}
			if got, want := tt.hours.Contains(at), at.Equal(opens); got != want {
				t.Errorf("at %s: open is %v, want %v", tt.at, got, want)
			}
			if !tt.hours.Contains(opens) {
				t.Errorf("%s is not within the hours", tt.opens)
			}
		})
	}
}

// Each quarter of an hour of a year with both changes of the clock: what is open is what the wall clock says,
// and the next opening is the next quarter that is open.
func TestHoursThroughAYear(t *testing.T) {
	for _, zone := range []string{"America/New_York", "America/Santiago", "Australia/Lord_Howe"} {
		loc, _ := loadZone(zone)
		hours := Hours{Zone: zone, Windows: []Window{
			{[]time.Weekday{time.Saturday, time.Sunday}, "00:15", "02:15"},
			{[]time.Weekday{time.Monday, time.Wednesday}, "09:00", "17:30"},
			{[]time.Weekday{time.Sunday}, "23:30", "24:00"},
		}}
		var next time.Time
		for at := instant(t, "2027-01-01T00:00:00Z"); at.Year() >= 2026; at = at.Add(-15 * time.Minute) {
			day, clock := at.In(loc).Weekday(), at.In(loc).Format("15:04")
			open := (day == time.Saturday || day == time.Sunday) && clock >= "00:15" && clock < "02:15" ||
				(day == time.Monday || day == time.Wednesday) && clock >= "09:00" && clock < "17:30" ||
				day == time.Sunday && clock >= "23:30"
			if open {
				next = at
			}
			if next.IsZero() {
				continue
			}
			if got := hours.NextOpen(at); !got.Equal(next) {
				t.Fatalf("%s at %v: open from %v, want %v", zone, at.In(loc), got, next.In(loc))
			}
		}
	}
}
