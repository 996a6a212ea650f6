package clerk

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rouse/rosters"
)

// Dice are where all chance comes from; math/rand/v2 has some. The same throws draw the same roster.
type Dice interface {
	IntN(n int) int // from 0 to n-1
}

//go:embed zones.txt
var zoneList string

// Zones are the names of the IANA database's.
func Zones() []string { return strings.Fields(zoneList) }

// trying are the zones that try a roster: clocks that jump at midnight, by half an hour, by two hours, over a day,
// in the month of a fast, or that a government moves at short notice.
var trying = []string{
	"America/New_York", "Europe/Berlin", "America/Santiago", "America/Havana", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe",
	"Pacific/Apia", "Antarctica/Troll", "Africa/Casablanca", "Asia/Kathmandu", "Europe/Dublin", "Asia/Gaza", "America/Nuuk", "UTC",
}

// draw is a roster being drawn.
type draw struct {
	Dice
	zones []string
	year  time.Time // around which it is about

	overrides []rosters.Override // so far
}

func one[T any](d Dice, of ...T) T { return of[d.IntN(len(of))] }

// oneIn says yes once in n times.
func (d *draw) oneIn(n int) bool { return d.IntN(n) == 0 }

// The instants that rosters are drawn for.
const (
	FirstDrawn = 2008
	LastDrawn  = 2040
)

// Drawn is a roster drawn by lot, and the time from which on, and up to which, it is worth asking.
type Drawn struct {
	rosters.Roster
	From, To time.Time
}

// Work has a clerk work it out, and some weeks more.
func (d Drawn) Work() (*Clerk, error) { return New(d.Roster, d.To.AddDate(0, 0, 30)) }

// Draw draws a roster.
func Draw(dice Dice) Drawn {
	d := &draw{Dice: dice, zones: Zones(), year: date(FirstDrawn+1+dice.IntN(LastDrawn-FirstDrawn-2), 1, 1)}
	if d.oneIn(12) {
		d.year = date(2011, 7, 1) // Samoa is about to move to the other side of the date line
	}
	r := rosters.Roster{ID: "drawn", Name: "Drawn by lot", Revision: 1, Rotations: d.rotations()}
	if d.oneIn(4) {
		r.Since = d.instant(-200, 100)
	}
	since := r.Since
	if since.IsZero() {
		since = d.instant(-100, 200)
	}
	for range one(dice, 0, 0, 0, 1, 1, 2, 4) {
		r.Earlier = append(r.Earlier, rosters.Revision{Revision: r.Revision, Since: r.Since, Rotations: r.Rotations})
		since = since.Add(time.Duration(d.IntN(200*24*60)+1) * time.Minute)
		r.Revision, r.Since, r.Rotations = r.Revision+1, since, d.edited(r.Rotations)
	}
	for i := range one(dice, 0, 0, 1, 2, 4, 8, 16) {
		d.overrides = append(d.overrides, d.override(i))
	}
	r.Overrides = d.overrides
	return Drawn{r, d.year.AddDate(-1, 0, 0), d.year.AddDate(2, 0, 0)}
}

// instant is one so many days after the year's beginning.
func (d *draw) instant(from, to int) time.Time {
	return d.year.Add(time.Duration(from*24*60+d.IntN((to-from)*24*60)) * time.Minute)
}

func (d *draw) rotations() (all []rosters.Rotation) {
	for i := range one(d, 0, 1, 1, 1, 1, 2, 2, 2, 3, 4) {
		all = append(all, d.rotation(fmt.Sprint("r", i)))
	}
	return all
}

// Edited are rotations as somebody may change them: people come and go, rules change, rotations are made and dropped.
func Edited(dice Dice, year int, rotations []rosters.Rotation) []rosters.Rotation {
	d := &draw{Dice: dice, zones: Zones(), year: date(year, 1, 1)}
	return d.edited(rotations)
}

func (d *draw) edited(rotations []rosters.Rotation) []rosters.Rotation {
	rotations = slices.Clone(rotations)
	for range 1 + d.IntN(3) {
		if len(rotations) == 0 || d.oneIn(8) {
			id := fmt.Sprint("r", d.IntN(9))
			if !slices.ContainsFunc(rotations, func(r rosters.Rotation) bool { return r.ID == id }) {
				rotations = append(rotations, d.rotation(id))
			}
			continue
		}
		r := &rotations[d.IntN(len(rotations))]
		people := slices.Clone(r.Participants)
		switch d.IntN(8) {
		case 0, 1, 2:
			if at := d.IntN(len(people)); !onlyOne(people) {
				people = slices.Delete(people, at, at+1)
			}
		case 3:
			if !r.Everyone || !slices.Contains(people, "zoe") {
				people = slices.Insert(people, d.IntN(len(people)+1), "zoe")
			}
		case 4:
			people[0], people[len(people)-1] = people[len(people)-1], people[0]
		case 5:
			id, start, seats := r.ID, r.Start, people
			*r = d.rotation(id)
			if d.oneIn(2) {
				r.Start, r.Besides = start, nil
			}
			if people = r.Participants; d.oneIn(2) && !r.Everyone {
				people = seats
			}
		case 6:
			r.Each = d.IntN(4)
		case 7:
			rotations = slices.DeleteFunc(rotations, func(x rosters.Rotation) bool { return x.ID == r.ID })
			continue
		}
		r.Participants = people
	}
	return rotations
}

// onlyOne tells whether nobody may be taken out, lest nobody be left.
func onlyOne(people []rosters.PersonID) bool {
	n := 0
	for _, p := range people {
		if p != "" {
			n++
		}
	}
	return n <= 1
}

var people = []rosters.PersonID{"ann", "bob", "cat", "dan", "eve", "fay", "gil", "hal"}

func (d *draw) rotation(id string) rosters.Rotation {
	r := rosters.Rotation{ID: id, Zone: one(d, trying...), Rank: one(d, 0, 0, 0, 1, 2, -1)}
	if d.oneIn(2) {
		r.Zone = one(d, d.zones...)
	}
	start := d.start()
	r.Start = start.Format(localTime)
	if d.oneIn(10) {
		r.Every = one(d, time.Hour, 5*time.Hour, 7*time.Hour, 12*time.Hour, 3605*time.Second, 36*time.Hour, 168*time.Hour, 9*24*time.Hour+time.Minute)
		d.cover(&r)
		return r
	}
	for r.Rule = d.rule(start); inCenturies(r.Rule, start); {
		r.Rule = d.rule(start)
	}
	if !strings.Contains(r.Rule, "HOURLY") && !strings.Contains(r.Rule, "BYHOUR") && !strings.Contains(r.Rule, "BYMINUTE") && d.oneIn(4) {
		r.Times = d.times()
	}
	for range one(d, 0, 0, 0, 0, 1, 3, 8) {
		left := start.AddDate(0, 0, d.IntN(60)*one(d, 1, 7))
		if d.oneIn(2) {
			left = d.year.AddDate(0, 0, d.IntN(500)-100).Add(left.Sub(date(left.Date())))
		}
		if len(r.Times) > 0 {
			t, _ := clockTime(one(d, r.Times...))
			left = date(left.Date()).Add(time.Duration(t) * time.Second)
		}
		r.Without = append(r.Without, left.Format(one(d, localTime, localDate)))
	}
	for range one(d, 0, 0, 0, 0, 1, 2, 5) {
		further := d.instant(-100, 400)
		if d.oneIn(3) { // where the rule hands over as well, or was to
			further = date(further.Date()).Add(start.Sub(date(start.Date())))
		}
		if further.Before(start) {
			further = start.Add(time.Duration(d.IntN(500)) * time.Hour)
		}
		r.Besides = append(r.Besides, further.Format(localTime))
	}
	if r.Without != nil && d.oneIn(6) { // the last one that COUNT or UNTIL leaves
		r.Without = append(r.Without, d.lastOf(r)...)
	}
	d.cover(&r)
	return r
}

// cover draws who stands in it and when it covers.
func (d *draw) cover(r *rosters.Rotation) {
	if d.oneIn(4) {
		r.Length = one(d, time.Minute, time.Hour, 90*time.Minute, 8*time.Hour, 12*time.Hour, 24*time.Hour, 36*time.Hour, 48*time.Hour, 60*time.Hour, 168*time.Hour)
	}
	d.seat(r)
	if d.oneIn(4) {
		r.Hours = d.hours()
	}
	if d.oneIn(8) {
		r.From = d.instant(-300, 300)
	}
	if d.oneIn(8) {
		r.Until = d.instant(300, 600)
	}
}

// lastOf is the day of the last hand-over of a rule with an end, if that is near.
func (d *draw) lastOf(r rosters.Rotation) []string {
	if !strings.Contains(r.Rule, "COUNT") && !strings.Contains(r.Rule, "UNTIL") {
		return nil
	}
	worked, err := workOut(r, d.year.AddDate(2, 0, 0))
	if err != nil || len(worked.handovers) == 0 {
		return nil
	}
	last := worked.handovers[len(worked.handovers)-1]
	return []string{time.Unix(worked.zone.shown(last), 0).UTC().Format(one(d, localTime, localDate))}
}

// inCenturies tells of a rule that hands over once in centuries, and not in the next two: the calendar of the engine's
// library ends in the third or fourth, depending on the rule, and nobody asks what it would be then.
func inCenturies(rule string, start time.Time) bool {
	r, err := readRule(rule, start)
	if err != nil {
		return false
	}
	first := r.readings(nil, start.Unix()-1)
	return len(first) > 0 && first[0] > start.AddDate(200, 0, 0).Unix()
}

// start is mostly of the years before, and at a time of day at which clocks are moved.
func (d *draw) start() time.Time {
	days := d.IntN(one(d, 30, 400, 1200, 3600))
	first := max(0, int(d.year.Sub(date(2005, 1, 1))/(24*time.Hour))-days)
	at := date(2005, 1, 1).AddDate(0, 0, first).Add(time.Duration(one(d, 0, 0, 30, 60, 90, 120, 150, 180, 540, 540, 1020, 1380, 1410)) * time.Minute)
	if d.oneIn(6) {
		at = at.Add(time.Duration(d.IntN(600)) * time.Second)
	}
	return at
}

var weekdayNames = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// rule draws an RRULE value, a part at a time.
func (d *draw) rule(start time.Time) string {
	freq := one(d, "DAILY", "DAILY", "DAILY", "WEEKLY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY", "HOURLY")
	parts := []string{"FREQ=" + freq}
	part := func(name, value string) { parts = append(parts, name+"="+value) }
	switch {
	case freq == "HOURLY":
		part("INTERVAL", one(d, "2", "3", "4", "6", "8", "12", "12", "24", "48"))
	case d.oneIn(3):
		part("INTERVAL", one(d, "2", "2", "3", "4", "5", "7", "12", "53"))
	}
	if d.oneIn(5) {
		part("WKST", one(d, weekdayNames...))
	}
	picks := false
	if d.oneIn(3) {
		picks = true
		part("BYDAY", d.byDay(freq))
	}
	if d.oneIn(6) {
		picks = true
		part("BYMONTH", d.list(1, 12, 4))
	}
	if freq != "WEEKLY" && d.oneIn(5) {
		picks = true
		days := d.list(1, 31, 6)
		if d.oneIn(3) {
			days = one(d, "-1", "29", "1,15,-1", "31", "-1,-2,-3,-4,-5,-6,-7", "30,31")
		}
		part("BYMONTHDAY", days)
	}
	if freq != "HOURLY" && d.oneIn(5) {
		picks = true
		part("BYHOUR", one(d, "0", "2", "9,21", "1,2,3", "0,1,23", "6,14,22", "23"))
		if d.oneIn(2) {
			part("BYMINUTE", one(d, "0,30", "15", "0,59"))
		}
	}
	if picks && freq != "HOURLY" && d.oneIn(4) {
		part("BYSETPOS", one(d, "1", "-1", "2", "1,-1", "2,3", "1,2,5"))
	}
	switch d.IntN(8) {
	case 0:
		part("COUNT", strconv.Itoa(1+d.IntN(one(d, 5, 50, 500))))
	case 1:
		last := start.Add(time.Duration(d.IntN(1500*24*60)) * time.Minute)
		part("UNTIL", last.Format(one(d, "20060102", "20060102T150405", "20060102T150405Z")))
	}
	return strings.Join(parts, ";")
}

func (d *draw) byDay(freq string) string {
	n := 1 + d.IntN(3)
	numbered := (freq == "MONTHLY" || freq == "YEARLY") && d.oneIn(2)
	var days []string
	for range n {
		day := one(d, weekdayNames...)
		if numbered {
			day = one(d, "1", "2", "-1", "-2", "4", "5") + day
		}
		if !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	if d.oneIn(4) && !numbered {
		return "MO,TU,WE,TH,FR"
	}
	return strings.Join(days, ",")
}

// list draws some numbers, each once.
func (d *draw) list(from, to, most int) string {
	var items []string
	for range 1 + d.IntN(most) {
		if n := strconv.Itoa(from + d.IntN(to-from+1)); !slices.Contains(items, n) {
			items = append(items, n)
		}
	}
	return strings.Join(items, ",")
}

func (d *draw) times() []string {
	return one(d, []string{"06:30", "14:30", "22:15"}, []string{"00:00"}, []string{"02:30"}, []string{"22:00", "06:00", "14:00"},
		[]string{"00:00", "12:00"}, []string{"01:30", "02:00", "03:00"}, []string{"23:30", "00:15"}, []string{"08:00", "20:00"}, []string{"02:59:59", "14:00:01"})
}

func (d *draw) seat(r *rosters.Rotation) {
	if r.Everyone = d.oneIn(8); r.Everyone {
		r.Participants = slices.Clone(people[:1+d.IntN(4)])
		return
	}
	for range 1 + d.IntN(6) {
		r.Participants = append(r.Participants, one(d, people...))
	}
	if d.oneIn(4) {
		r.Participants = append(r.Participants, "")
	}
	if d.oneIn(4) {
		r.Participants = slices.Insert(r.Participants, d.IntN(len(r.Participants)), "")
	}
	r.Each = one(d, 0, 0, 0, 0, 1, 2, 3)
	r.Ahead = one(d, 0, 0, 0, 1, 2, 7, 100)
}

func (d *draw) hours() (windows []rosters.Window) {
	clock := func() string {
		return one(d, "00:00", "00:30", "01:00", "02:00", "02:30", "03:00", "06:00", "09:00", "12:00", "17:30", "20:00", "22:00", "23:30", "12:31:23")
	}
	for range 1 + d.IntN(3) {
		w := rosters.Window{From: clock(), To: clock()}
		if d.oneIn(4) {
			w.To = "24:00"
		}
		for day := range time.Weekday(7) {
			if !d.oneIn(3) {
				w.Days = append(w.Days, day)
			}
		}
		if len(w.Days) > 0 {
			windows = append(windows, w)
		}
	}
	return windows
}

func (d *draw) override(i int) rosters.Override {
	o := rosters.Override{
		ID: fmt.Sprint("o", i), Kind: one(d, rosters.Replace, rosters.Replace, rosters.Add, rosters.TakeOff),
		Rotation: one(d, "", "", "r0", "r0", "r1", "r2", "r9"),
		Replaces: one[rosters.PersonID](d, "", "", "ann", "bob", "cat", "xia", "yan"),
		Person:   one[rosters.PersonID](d, "xia", "yan", "zoe", "ann", "bob"),
		From:     d.instant(-100, 450),
	}
	if n := len(d.overrides); n > 0 && d.oneIn(3) { // of whom the last one put on call
		last := d.overrides[n-1]
		o.From, o.Rotation, o.Replaces = last.From.Add(time.Duration(d.IntN(7)-3)*time.Hour), one(d, last.Rotation, ""), last.Person
	}
	o.To = o.From.Add(time.Duration(1+d.IntN(one(d, 3, 24, 24*20, 24*200))) * time.Hour)
	switch {
	case o.Kind == rosters.Add:
		o.Replaces = ""
	case o.Kind == rosters.TakeOff:
		o.Person = ""
	case o.Replaces == o.Person:
		o.Replaces = ""
	}
	return o
}

// Moment draws an instant between from and to: at an edge of something, a moment before or after one, or anywhere.
func (c *Clerk) Moment(dice Dice, from, to time.Time) time.Time {
	edge := from.Add(time.Duration(dice.IntN(int(to.Sub(from)/time.Second))) * time.Second)
	var r *rotation
	if all := c.revisions[dice.IntN(len(c.revisions))].rotations; len(all) > 0 {
		r = one(dice, all...)
	}
	switch kind := dice.IntN(10); {
	case kind == 0:
		return edge
	case kind == 1 && len(c.roster.Overrides) > 0:
		o := one(dice, c.roster.Overrides...)
		edge = one(dice, o.From, o.To)
	case kind == 2:
		edge = one(dice, c.revisions...).since
	case r == nil:
	case kind == 3:
		edge = one(dice, r.plan.From, r.plan.Until)
	case kind <= 5:
		edge = r.jumpNear(edge)
	case kind == 6 && len(r.plan.Hours) > 0:
		edge = r.windowEdge(one(dice, edge, r.jumpNear(edge)), one(dice, r.plan.Hours...), dice)
	case len(r.handovers) > 0:
		at, _ := slices.BinarySearch(r.handovers, edge.Unix())
		at = min(at, len(r.handovers)-1)
		edge = time.Unix(r.handovers[at], 0)
		if kind == 9 {
			edge = r.shiftEnd(at)
		}
	}
	edge = edge.UTC().Add(one(dice, 0, 0, time.Second, -time.Second, -1, time.Duration(dice.IntN(7200)-3600)*time.Second))
	if edge.Before(from) || !edge.Before(to) { // it has no such edge in this time
		return from.Add(time.Duration(dice.IntN(int(to.Sub(from)/time.Second))) * time.Second)
	}
	return edge
}

// jumpNear is the jump of the zone's clock that is next to an instant, or the instant if there is none.
func (r *rotation) jumpNear(at time.Time) time.Time {
	i, _ := slices.BinarySearchFunc(r.zone.jumps, at.Unix(), func(j jump, at int64) int { return int(j.at - at) })
	if i == len(r.zone.jumps) {
		return at
	}
	return time.Unix(r.zone.jumps[i].at, 0)
}

func (r *rotation) windowEdge(near time.Time, w rosters.Window, dice Dice) time.Time {
	clock, err := clockTime(one(dice, w.From, w.To))
	if err != nil {
		panic(err)
	}
	midnight := date(near.In(r.zone.location).Date())
	return time.Unix(r.zone.instant(midnight.Unix()+clock), 0)
}
