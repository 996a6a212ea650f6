package shifts

import (
	"strconv"
	"strings"
	"time"
)

// when is a moment as people write it: a day, a time of day, or both. The zero value says nothing.
type when struct {
	day    func(today time.Time) time.Time // noon of the day; nil: it is not said
	weekly bool                            // the day comes again in a week
	clock  time.Duration                   // since midnight, by the clock on the wall
	timed  bool
}

var weekdays = map[string]time.Weekday{
	"sun": time.Sunday, "mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday,
	"so": time.Sunday, "mo": time.Monday, "di": time.Tuesday, "mi": time.Wednesday, "do": time.Thursday, "fr": time.Friday, "sa": time.Saturday,
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
	"sonntag": time.Sunday, "montag": time.Monday, "dienstag": time.Tuesday, "mittwoch": time.Wednesday, "donnerstag": time.Thursday, "freitag": time.Friday, "samstag": time.Saturday,
}

// parseWhen reads words: "fri 18:00", "tomorrow", "2026-12-24 9am", "27.11.", "18:00".
func parseWhen(words []string) (w when, ok bool) {
	for _, word := range words {
		if at, isClock := parseClock(word); isClock && !w.timed {
			w.clock, w.timed = at, true
		} else if day := parseDay(word); day != nil && w.day == nil {
			_, w.weekly = weekdays[word]
			w.day = day
		} else if word != "at" && word != "on" && word != "um" && word != "am" {
			return when{}, false
		}
	}
	return w, w.day != nil || w.timed
}

// parseClock reads "18:00", "6pm", "6:30pm", "18h". A full stop is for dates.
func parseClock(word string) (time.Duration, bool) {
	for _, layout := range []string{"15:04", "3pm", "3:04pm", "15h", "15:04h"} {
		if t, err := time.Parse(layout, word); err == nil {
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
		}
	}
	return 0, false
}

// Days are carried as their noon, which every zone's clocks show: some skip a midnight.
func noon(year int, month time.Month, day int, zone *time.Location) time.Time {
	return time.Date(year, month, day, 12, 0, 0, 0, zone)
}

// today is the day of an instant.
func today(at time.Time) time.Time { return noon(at.Year(), at.Month(), at.Day(), at.Location()) }

// begin is the first instant of a day.
func begin(day time.Time) time.Time {
	at := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
	if at.Day() != day.Day() { // the clocks skip it
		at = at.Add(time.Hour)
	}
	return at
}

func parseDay(word string) func(today time.Time) time.Time {
	if weekday, ok := weekdays[word]; ok {
		return func(today time.Time) time.Time { return today.AddDate(0, 0, (int(weekday-today.Weekday())+7)%7) }
	}
	switch word {
	case "today", "heute":
		return func(today time.Time) time.Time { return today }
	case "tomorrow", "morgen":
		return func(today time.Time) time.Time { return today.AddDate(0, 0, 1) }
	}
	if t, err := time.Parse(time.DateOnly, word); err == nil {
		return func(today time.Time) time.Time { return noon(t.Year(), t.Month(), t.Day(), today.Location()) }
	}
	if t, err := time.Parse("2.1", strings.TrimSuffix(word, ".")); err == nil {
		return func(today time.Time) time.Time { return next(t.Month(), t.Day(), today) }
	}
	return nil
}

// next is the next such day of a year, today included: a 29th of February may be eight years away.
func next(month time.Month, day int, today time.Time) (at time.Time) {
	for year := today.Year(); year <= today.Year()+8; year++ {
		if at = noon(year, month, day, today.Location()); at.Day() == day && !at.Before(today) {
			break
		}
	}
	return at
}

// after is the first such moment after an instant, by the clock of the instant's zone. A weekday on which the
// time is past is that of next week.
func (w when) after(at time.Time) time.Time {
	day := today(at)
	if w.day != nil {
		day = w.day(day)
	}
	moment := w.on(day)
	if moment.After(at) {
		return moment
	}
	switch {
	case w.day == nil:
		return w.on(day.AddDate(0, 0, 1))
	case w.weekly:
		return w.on(day.AddDate(0, 0, 7))
	default:
		return moment // it is past, and whoever asked is told so
	}
}

func (w when) on(day time.Time) time.Time {
	if w.clock == 0 {
		return begin(day)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), int(w.clock/time.Hour), int(w.clock%time.Hour/time.Minute), 0, 0, day.Location())
}

// length is how long: days by the clock on the wall, the rest as it passes.
type length struct {
	days int
	rest time.Duration
}

func (l length) after(at time.Time) time.Time { return at.AddDate(0, 0, l.days).Add(l.rest) }

// parseLength reads "4h", "90m", "2d", "1h30m".
func parseLength(word string) (l length, ok bool) {
	var err error
	if days, is := strings.CutSuffix(word, "d"); is {
		l.days, err = strconv.Atoi(days)
	} else {
		l.rest, err = time.ParseDuration(word)
	}
	return l, err == nil && l.days >= 0 && l.days < 1000 && l.rest >= 0 && l != length{}
}
