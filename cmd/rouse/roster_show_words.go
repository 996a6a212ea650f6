package main

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// How many lines the parts below the calendar have.
const (
	mostGaps      = 10
	mostHandOvers = 5
)

func (v rosterView) head() (d drawing) {
	title := v.roster.Slug
	if name := oneLine(v.roster.Name); name != "" && name != title {
		title += ": " + name
	}
	d.say(bold, "%s", title)
	for _, on := range v.onCall.OnCall {
		until := ""
		if !on.Until.IsZero() {
			until = " until " + v.reader.show(on.Until)
		}
		d.say("", "On call now: %s%s", cmp.Or(oneLine(on.Name), on.Person), until)
	}
	if len(v.onCall.OnCall) == 0 {
		d.say(red, "On call now: nobody")
	}
	if before := v.drills.Before; before != "0s" {
		d.say("", "Drills: %s before each shift", before)
	} else {
		d.say("", "Drills: none before shifts")
	}
	return d
}

// lastDrills are those of everybody who takes turns; nothing if nobody had one and none is wanted.
func (v rosterView) lastDrills() (d drawing) {
	known, width := v.drills.Before != "0s", 0
	for _, m := range v.drills.Members {
		known, width = known || m.Drill != nil, max(width, columns.StringWidth(m.called()))
	}
	if !known || len(v.drills.Members) == 0 {
		return nil
	}
	d.say(bold, "Last drills:")
	for _, m := range v.drills.Members {
		d.add(cell{text: "  " + m.called(), width: width + 2}, cell{text: " " + m.Drill.text(v.now), paint: m.Drill.paint()})
	}
	return d
}

func (m rosterMember) called() string { return cmp.Or(oneLine(m.Name), m.Person) }

// list is the calendar for narrow terminals: who is on call from when to when.
func (v rosterView) list(lanes []lane) (d drawing) {
	type item struct {
		lane string
		stint
	}
	var items []item
	for _, l := range lanes {
		for _, s := range l.stints {
			items = append(items, item{l.label, s})
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return a.from.Compare(b.from) })
	const layout = "Mon 2006-01-02 15:04"
	for _, i := range items {
		paint, what := colour(""), i.who()+", "+i.lane
		switch {
		case i.isGap():
			paint, what = red, i.who()
		case i.override != 0:
			paint, what = yellow, i.who()+"*, "+i.lane
			if i.insteadOf != "" && i.insteadOf != i.person {
				what += ", instead of " + i.insteadOf
			}
		}
		if !v.now.Before(i.to) {
			paint = faint
		}
		d.say(paint, "%s to %s", i.from.In(v.reader.zone).Format(layout), i.to.In(v.reader.zone).Format(layout))
		d.say(paint, "  %s", what)
	}
	return d
}

// notes explain the calendar.
func (v rosterView) notes() (d drawing) {
	d.say(faint, "Times are those of %s.", v.zoneName())
	for _, s := range v.shifts {
		if s.Override != 0 {
			d.say(faint, "* by an override")
			break
		}
	}
	if ranks := v.ranks(); len(ranks) > 1 {
		d.say(faint, "The first of these that has anybody covers: %s.", strings.Join(ranks, ", then "))
	}
	for day := v.from; day.Before(v.to); {
		next := v.reader.midnight(day, 1)
		if hours := next.Sub(day); hours != 24*time.Hour {
			before := day.Add(-time.Second) // a day may begin with the change
			d.say(faint, "%s has %v hours: the clocks go from %s to %s.", day.Format("Mon 2006-01-02"), hours.Hours(), before.Format("MST"), next.Format("MST"))
		}
		day = next
	}
	return d
}

// ranks are the rotations, those of one rank together, the highest first.
func (v rosterView) ranks() (ranks []string) {
	byRank := map[int][]string{}
	var order []int
	for _, r := range v.roster.Rotations {
		if byRank[r.Rank] == nil {
			order = append(order, r.Rank)
		}
		byRank[r.Rank] = append(byRank[r.Rank], r.ID)
	}
	slices.Sort(order)
	for _, rank := range slices.Backward(order) {
		ranks = append(ranks, strings.Join(byRank[rank], " and "))
	}
	return ranks
}

func (v rosterView) zoneName() string {
	if v.reader.zone == time.Local {
		return "this machine's zone (" + v.now.In(time.Local).Format("MST") + ")"
	}
	return v.reader.zone.String()
}

// gapsInWords leaves out those that are over, unless all of the calendar is.
func (v rosterView) gapsInWords() (d drawing) {
	gaps := v.gaps()
	if v.now.Before(v.to) {
		for len(gaps) > 0 && !v.now.Before(gaps[0].To) {
			gaps = gaps[1:]
		}
	}
	if len(gaps) == 0 {
		d.say(green, "Somebody is on call all the time.")
		return d
	}
	d.say(red, "Nobody is on call:")
	for i, g := range gaps {
		if i == mostGaps {
			d.say(red, "  and %s more (--json has all)", plural(len(gaps)-i, "time", "times"))
			break
		}
		text := v.reader.show(g.From) + " to " + v.reader.show(g.To)
		if g.To.Equal(v.to) {
			text += ", if not longer"
		}
		d.say(red, "  %s", text)
	}
	return d
}

// handOvers are the next ones.
func (v rosterView) handOvers(lanes []lane) (d drawing) {
	type handOver struct {
		at   time.Time
		lane string
		text string
	}
	var next []handOver
	for _, l := range lanes {
		for i, s := range l.stints {
			if !s.from.After(v.now) || !s.from.After(v.from) {
				continue
			}
			text := s.who()
			switch followed := i > 0 && l.stints[i-1].to.Equal(s.from); {
			case s.isGap() && followed:
				text += " after " + l.stints[i-1].who()
			case followed && !l.stints[i-1].isGap():
				text += " takes over from " + l.stints[i-1].who()
			case !s.isGap():
				text += " begins"
			}
			if s.override != 0 {
				text += " (override)"
			}
			next = append(next, handOver{s.from, l.label, text})
		}
	}
	slices.SortStableFunc(next, func(a, b handOver) int { return a.at.Compare(b.at) })
	next = next[:min(len(next), mostHandOvers)]
	if len(next) == 0 {
		return nil
	}
	d.say(bold, "Next hand-overs:")
	width := 0
	for _, h := range next {
		width = max(width, columns.StringWidth(h.lane))
	}
	for _, h := range next {
		d.add(cell{text: "  " + v.reader.show(h.at)}, cell{text: " " + h.lane, width: width + 1}, cell{text: " " + h.text})
	}
	return d
}
