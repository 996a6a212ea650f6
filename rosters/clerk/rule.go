package clerk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is an RRULE value as the clerk has it on a slip of paper.
type rule struct {
	freq      string
	interval  int
	count     int
	until     string
	weekStart time.Weekday
	days      []ordinal // BYDAY
	months    []int
	monthDays []int
	hours     []int
	minutes   []int
	seconds   []int
	positions []int // BYSETPOS

	start time.Time // as read off the clock, with UTC written beside it
}

// ordinal is "the nth Monday", from the end if negative; n is 0 for each Monday.
type ordinal struct {
	n   int
	day time.Weekday
}

func readRule(text string, start time.Time) (r rule, err error) {
	r = rule{interval: 1, weekStart: time.Monday, start: start}
	numbers := map[string]*[]int{"BYMONTH": &r.months, "BYMONTHDAY": &r.monthDays, "BYHOUR": &r.hours, "BYMINUTE": &r.minutes, "BYSECOND": &r.seconds, "BYSETPOS": &r.positions}
	for part := range strings.SplitSeq(strings.ToUpper(text), ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "FREQ":
			r.freq = value
		case "INTERVAL":
			r.interval, err = strconv.Atoi(value)
		case "COUNT":
			r.count, err = strconv.Atoi(value)
		case "UNTIL":
			r.until = value
		case "WKST":
			r.weekStart, err = weekday(value)
		case "BYDAY":
			r.days, err = ordinals(value)
		default:
			list, ok := numbers[name]
			if !ok {
				return r, fmt.Errorf("what is %s?", part)
			}
			for item := range strings.SplitSeq(value, ",") {
				n, wrong := strconv.Atoi(item)
				if wrong != nil {
					return r, wrong
				}
				*list = append(*list, n)
			}
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

func weekday(name string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.ToUpper(d.String())[:2] == name {
			return d, nil
		}
	}
	return 0, fmt.Errorf("what day is %s?", name)
}

func ordinals(list string) (all []ordinal, err error) {
	for item := range strings.SplitSeq(list, ",") {
		var o ordinal
		cut := max(0, len(item)-2)
		if o.day, err = weekday(item[cut:]); err != nil {
			return nil, err
		}
		if cut > 0 {
			if o.n, err = strconv.Atoi(item[:cut]); err != nil {
				return nil, err
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// period is the nth day, week, month or year in which the rule may hand over: its first day, and how many it has.
func (r *rule) period(n int) (first time.Time, days int) {
	year, month, day := r.start.Date()
	n *= r.interval
	switch r.freq {
	case "WEEKLY":
		since := (int(r.start.Weekday()-r.weekStart) + 7) % 7
		return date(year, month, day-since+7*n), 7
	case "MONTHLY":
		first = date(year, month+time.Month(n), 1)
		return first, lastOfMonth(first).Day()
	case "YEARLY":
		first = date(year+n, 1, 1)
		return first, lastOfYear(first).YearDay()
	case "HOURLY":
		if r.interval < 24 {
			n /= r.interval // every day has them
		} else {
			n /= 24
		}
	}
	return date(year, month, day+n), 1
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func lastOfMonth(d time.Time) time.Time { return date(d.Year(), d.Month()+1, 0) }
func lastOfYear(d time.Time) time.Time  { return date(d.Year(), 12, 31) }

// meets tells whether a day of a period is one of the rule's (RFC 5545 §3.3.10). What the rule leaves open is as it
// was on the day of the start.
func (r *rule) meets(d time.Time) bool {
	if len(r.months) > 0 && !slices.Contains(r.months, int(d.Month())) {
		return false
	}
	if len(r.monthDays) > 0 && !slices.Contains(r.monthDays, d.Day()) && !slices.Contains(r.monthDays, d.Day()-lastOfMonth(d).Day()-1) {
		return false
	}
	if len(r.days) > 0 && !slices.ContainsFunc(r.days, func(o ordinal) bool { return r.isNth(o, d) }) {
		return false
	}
	if len(r.days)+len(r.monthDays) > 0 {
		return true
	}
	switch r.freq {
	case "WEEKLY":
		return d.Weekday() == r.start.Weekday()
	case "MONTHLY":
		return d.Day() == r.start.Day()
	case "YEARLY":
		return d.Day() == r.start.Day() && (len(r.months) > 0 || d.Month() == r.start.Month())
	}
	return true
}

// isNth counts within the month, or within the year if the rule names no months in it.
func (r *rule) isNth(o ordinal, d time.Time) bool {
	if o.day != d.Weekday() || o.n == 0 {
		return o.day == d.Weekday()
	}
	before, left := d.Day()-1, lastOfMonth(d).Day()-d.Day()
	if r.freq == "YEARLY" && len(r.months) == 0 {
		before, left = d.YearDay()-1, lastOfYear(d).YearDay()-d.YearDay()
	}
	return o.n == before/7+1 || o.n == -(left/7+1)
}

// clock are the times of day at which it hands over, in seconds from midnight, in order.
func (r *rule) clock() (times []int64) {
	of := func(given []int, start int) []int {
		if len(given) == 0 {
			return []int{start}
		}
		return given
	}
	hours := of(r.hours, r.start.Hour())
	if r.freq == "HOURLY" {
		hours = nil
		for h := range 24 {
			if (h-r.start.Hour())%min(r.interval, 24) == 0 && (len(r.hours) == 0 || slices.Contains(r.hours, h)) {
				hours = append(hours, h)
			}
		}
	}
	for _, h := range hours {
		for _, m := range of(r.minutes, r.start.Minute()) {
			for _, s := range of(r.seconds, r.start.Second()) {
				times = append(times, int64(h*3600+m*60+s))
			}
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// readings lists what the clock reads at the hand-overs, in order, until one is past a last reading, or none has come
// for thirty years after it; or for four hundred if there is none at all, after which the calendar is the same
// again. Times of day, if they are given, are those of each of the rule's days.
func (r *rule) readings(times []int64, last int64) (all []int64) {
	ofDay := r.clock()
	if len(times) > 0 {
		ofDay = []int64{0}
	}
	begin := r.start.Unix()
	tired, never := time.Unix(last, 0).UTC().AddDate(30, 0, 0), r.start.AddDate(400, 0, 0)
	for n := 0; ; n++ {
		first, days := r.period(n)
		if first.After(never) || len(all) > 0 && (first.After(tired) || all[len(all)-1] > last) {
			return all
		}
		var set []int64
		for i := range days {
			d := first
			if i > 0 {
				d = first.AddDate(0, 0, i)
			}
			if r.meets(d) {
				for _, t := range ofDay {
					set = append(set, d.Unix()+t)
				}
			}
		}
		for _, reading := range r.positioned(set) {
			if len(times) == 0 && reading >= begin {
				all = append(all, reading)
			}
			for _, t := range times {
				if reading+t >= begin {
					all = append(all, reading+t)
				}
			}
		}
	}
}

// positioned picks the positions of a period's set that BYSETPOS names.
func (r *rule) positioned(set []int64) (picked []int64) {
	if len(r.positions) == 0 {
		return set
	}
	for i, reading := range set {
		if slices.Contains(r.positions, i+1) || slices.Contains(r.positions, i-len(set)) {
			picked = append(picked, reading)
		}
	}
	return picked
}
