package rosters

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// What a rule may ask for. The limits keep every search short and every number a slice can hold;
// no hand-over that people would agree on comes near them.
const (
	maxRuleLength = 300
	maxInterval   = 366
	maxCount      = 10_000
	maxTimesADay  = 24
)

// rule is one RRULE value, understood but not yet applied to a start.
type rule struct {
	pattern rrule.ROption // without COUNT, UNTIL and DTSTART: those are ours to apply
	hourly  bool          // FREQ=HOURLY; pattern says DAILY, its interval is in hours (see daily)
	count   int           // 0: no end
	until   *until        // nil: no end
}

// until is the last moment at which a rule may hand over.
type until struct {
	at   time.Time
	wall bool // at is read off the clocks of the rotation's zone
}

func (u until) instant(loc *time.Location) time.Time {
	if u.wall {
		return resolve(wall(u.at.Unix()), loc)
	}
	return u.at
}

// parseRule reads one RRULE value (RFC 5545 §3.3.10). It is stricter than the library's reader,
// which takes INTERVAL=0, repeated parts and COUNT beside UNTIL without a word, hangs for ever on
// some sub-daily rules and panics on some ordinals. The errors name the part, its value and the limit.
func parseRule(text string) (rule, error) {
	var r rule
	switch {
	case text == "":
		return r, errors.New(`is missing; write one RRULE value such as "FREQ=WEEKLY", or say every how long it hands over`)
	case len(text) > maxRuleLength:
		return r, fmt.Errorf("is %d bytes long, the limit is %d", len(text), maxRuleLength)
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' || c == ':' }):
		return r, errors.New(`must be one RRULE value such as "FREQ=WEEKLY;BYDAY=MO": no name before it, no spaces, no line ends`)
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(strings.ToUpper(text), ";") {
		key, value, _ := strings.Cut(part, "=")
		if value == "" || strings.Contains(value, "=") {
			return r, fmt.Errorf("%q is not NAME=VALUE", part)
		}
		if seen[key] {
			return r, fmt.Errorf("%s is given twice; keep one", key)
		}
		seen[key] = true
		if err := r.set(key, value); err != nil {
			return r, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if !seen["FREQ"] {
		return r, errors.New("FREQ is missing; use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY")
	}
	return r, r.check()
}

func (r *rule) set(key, value string) (err error) {
	p := &r.pattern
	switch key {
	case "FREQ":
		return r.setFrequency(value)
	case "INTERVAL":
		p.Interval, err = number(value, 1, maxInterval)
	case "COUNT":
		r.count, err = number(value, 1, maxCount)
	case "UNTIL":
		r.until, err = parseUntil(value)
	case "WKST":
		p.Wkst, err = weekday(value)
	case "BYDAY":
		p.Byweekday, err = weekdays(value)
	case "BYMONTH":
		p.Bymonth, err = numbers(value, 1, 12)
	case "BYMONTHDAY":
		p.Bymonthday, err = signed(value, 31)
	case "BYSETPOS":
		p.Bysetpos, err = signed(value, 366)
	case "BYHOUR":
		p.Byhour, err = numbers(value, 0, 23)
	case "BYMINUTE":
		p.Byminute, err = numbers(value, 0, 59)
	case "BYSECOND":
		p.Bysecond, err = numbers(value, 0, 59)
	case "BYWEEKNO", "BYYEARDAY", "BYEASTER":
		return errors.New("is not supported; use FREQ=WEEKLY with INTERVAL, or BYMONTH with BYMONTHDAY")
	case "DTSTART":
		return errors.New("does not belong in the rule; the rotation's start says it")
	default:
		return errors.New("is not a part of a rule; use FREQ, INTERVAL, COUNT, UNTIL, WKST and the BY… parts of RFC 5545")
	}
	return err
}

func (r *rule) setFrequency(value string) error {
	switch value {
	case "HOURLY":
		r.hourly, r.pattern.Freq = true, rrule.DAILY
	case "DAILY":
		r.pattern.Freq = rrule.DAILY
	case "WEEKLY":
		r.pattern.Freq = rrule.WEEKLY
	case "MONTHLY":
		r.pattern.Freq = rrule.MONTHLY
	case "YEARLY":
		r.pattern.Freq = rrule.YEARLY
	default:
		return errors.New("use HOURLY, DAILY, WEEKLY, MONTHLY or YEARLY; nobody hands over more often than hourly")
	}
	return nil
}

// check looks at what the parts mean together.
func (r *rule) check() error {
	p := &r.pattern
	p.Interval = max(p.Interval, 1)
	selects := len(p.Byweekday) + len(p.Bymonth) + len(p.Bymonthday) + len(p.Byhour) + len(p.Byminute) + len(p.Bysecond)
	switch {
	case r.count > 0 && r.until != nil:
		return errors.New("COUNT and UNTIL exclude each other; keep one")
	case p.Freq == rrule.WEEKLY && len(p.Bymonthday) > 0:
		return errors.New("BYMONTHDAY does not go with FREQ=WEEKLY; use FREQ=MONTHLY")
	case len(p.Bysetpos) > 0 && (selects == 0 || r.hourly):
		return errors.New("BYSETPOS picks from what another BY… part lists, for FREQ=DAILY and longer")
	case r.hourly && 24%p.Interval != 0 && p.Interval%24 != 0:
		return fmt.Errorf("INTERVAL=%d: of an hourly rule it must divide 24 (1, 2, 3, 4, 6, 8, 12) or be whole days (24, 48, …), so that hand-overs stay at the same time of day", p.Interval)
	}
	return checkOrdinals(p)
}

// checkOrdinals keeps "the nth Monday" to what the library computes: in other periods it counts
// beyond its tables, and of days with and without a number it takes only those that are both.
func checkOrdinals(p *rrule.ROption) error {
	limit := 0
	switch {
	case p.Freq == rrule.MONTHLY, p.Freq == rrule.YEARLY && len(p.Bymonth) > 0:
		limit = 5
	case p.Freq == rrule.YEARLY:
		limit = 53
	}
	plain := 0
	for _, d := range p.Byweekday {
		if d.N() == 0 {
			plain++
		} else if limit == 0 {
			return fmt.Errorf("BYDAY=%v: a number before a day goes only with FREQ=MONTHLY or YEARLY", d)
		} else if d.N() > limit || d.N() < -limit {
			return fmt.Errorf("BYDAY=%v: the number must be %d to %d or %d to %d", d, 1, limit, -limit, -1)
		}
	}
	if plain > 0 && plain < len(p.Byweekday) {
		return errors.New("BYDAY mixes days with a number and days without; list them all with a number, or none")
	}
	return nil
}

// parseUntil takes wall-clock time in the rotation's zone unless a Z follows. A date alone includes
// that day to its end, as whoever writes one means.
func parseUntil(value string) (*until, error) {
	if t, err := time.Parse("20060102T150405Z", value); err == nil {
		return &until{at: t}, nil
	}
	if t, err := time.Parse("20060102T150405", value); err == nil {
		return &until{at: t, wall: true}, nil
	}
	if t, err := time.Parse("20060102", value); err == nil {
		return &until{at: t.Add(day - time.Second), wall: true}, nil
	}
	return nil, errors.New("must look like 20261231, 20261231T090000 (the rotation's zone) or 20261231T080000Z (UTC)")
}

func number(value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("must be a whole number, %d to %d", low, high)
	}
	return n, nil
}

// numbers reads a list; in order and without doubles, as the library would hand over twice on them.
func numbers(value string, low, high int) ([]int, error) {
	var list []int
	for item := range strings.SplitSeq(value, ",") {
		n, err := number(item, low, high)
		if err != nil {
			return nil, fmt.Errorf("%q %w", item, err)
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// signed reads a list of positions, from the front or, negative, from the back.
func signed(value string, limit int) ([]int, error) {
	list, err := numbers(value, -limit, limit)
	if err != nil || slices.Contains(list, 0) {
		return nil, fmt.Errorf("must be whole numbers, 1 to %d or -%d to -1", limit, limit)
	}
	return list, nil
}

var weekdayNames = map[string]rrule.Weekday{
	"MO": rrule.MO, "TU": rrule.TU, "WE": rrule.WE, "TH": rrule.TH, "FR": rrule.FR, "SA": rrule.SA, "SU": rrule.SU,
}

func weekday(value string) (rrule.Weekday, error) {
	d, ok := weekdayNames[value]
	if !ok {
		return d, fmt.Errorf("%q is not a day; use MO, TU, WE, TH, FR, SA or SU", value)
	}
	return d, nil
}

func weekdays(value string) ([]rrule.Weekday, error) {
	var list []rrule.Weekday
	for item := range strings.SplitSeq(value, ",") {
		name := item[max(0, len(item)-2):]
		d, err := weekday(name)
		if err != nil {
			return nil, err
		}
		if ordinal := strings.TrimSuffix(item, name); ordinal != "" {
			n, err := strconv.Atoi(ordinal)
			if err != nil || n == 0 || n < -53 || n > 53 {
				return nil, fmt.Errorf("%q: the number before a day must be 1 to 53 or -53 to -1", item)
			}
			d = d.Nth(n)
		}
		list = append(list, d)
	}
	return list, nil
}

// daily turns an hourly rule into the daily one that hands over at the same times of the wall clock.
// The library never gets to see an hourly rule: it adds hours until one of BYHOUR is met, for ever if
// none ever is.
func (r rule) daily(start wall) (rrule.ROption, error) {
	p := r.pattern
	if r.hourly {
		first, every := start.date().Hour(), min(p.Interval, 24)
		var hours []int
		for h := first % every; h < 24; h += every {
			if len(p.Byhour) == 0 || slices.Contains(p.Byhour, h) {
				hours = append(hours, h)
			}
		}
		if len(hours) == 0 {
			return p, fmt.Errorf("never occurs: every %d hours from %02d o'clock never meets BYHOUR", p.Interval, first)
		}
		p.Byhour, p.Interval = hours, max(1, p.Interval/24)
	}
	if n := max(1, len(p.Byhour)) * max(1, len(p.Byminute)) * max(1, len(p.Bysecond)); n > maxTimesADay {
		return p, fmt.Errorf("BYHOUR, BYMINUTE and BYSECOND make %d hand-overs a day, the limit is %d", n, maxTimesADay)
	}
	return p, nil
}
