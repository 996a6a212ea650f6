package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// columns measures text as a terminal shows it: an ideograph takes two columns, what is put on a letter
// none. Signs that are wide only in East Asian fonts count as narrow, whatever the locale.
var columns = &runewidth.Condition{StrictEmojiNeutral: true}

// leastWidth is how many columns the grid needs.
const leastWidth = 80

// cell is text in one colour.
type cell struct {
	text  string
	paint colour
	width int // filled up to it, if more follows
}

// drawing is lines of cells.
type drawing [][]cell

func (d *drawing) add(cells ...cell) { *d = append(*d, cells) }

func (d *drawing) say(paint colour, format string, args ...any) {
	d.add(cell{text: fmt.Sprintf(format, args...), paint: paint})
}

func (d drawing) text(paints bool) string {
	var out strings.Builder
	for _, line := range d {
		for len(line) > 0 && line[len(line)-1].text == "" {
			line = line[:len(line)-1]
		}
		for i, c := range line {
			if paints && c.paint != "" && c.text != "" {
				out.WriteString("\x1b[" + string(c.paint) + "m" + c.text + "\x1b[0m")
			} else {
				out.WriteString(c.text)
			}
			if i+1 < len(line) {
				out.WriteString(strings.Repeat(" ", max(0, c.width-columns.StringWidth(c.text))+1))
			}
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// grid is the calendar by weeks.
type grid struct {
	rosterView
	label, day int               // widths
	names      map[string]string // that fit
}

// timeWidth is that of "09:00 ".
const timeWidth = 6

func (v rosterView) grid(lanes []lane, width int) (d drawing) {
	g := grid{rosterView: v, label: len("Nov 2026")}
	for _, l := range lanes {
		g.label = max(g.label, columns.StringWidth(l.label))
	}
	g.label = min(g.label, max(10, width/8))
	g.day = min((width-g.label)/7-1, 24)
	everybody := people(lanes)
	const mark = 1 // of an override
	var complete bool
	if g.names, complete = shortNames(everybody, g.day-timeWidth-mark); !complete { // else a time and a name fit in one line
		g.names, _ = shortNames(everybody, g.day-1-mark)
	}
	for monday := v.from; monday.Before(v.to); monday = v.reader.midnight(monday, 7) {
		if len(d) > 0 {
			d.add()
		}
		g.week(&d, monday, lanes)
	}
	return append(d, g.legend(everybody)...)
}

// week draws one row of the calendar.
func (g grid) week(d *drawing, monday time.Time, lanes []lane) {
	days := make([]time.Time, 8)
	head := []cell{{monday.In(g.reader.zone).Format("Jan 2006"), bold, g.label}}
	for i := range days {
		days[i] = g.reader.midnight(monday, i)
	}
	for i, begins := range days[:7] {
		head = append(head, cell{g.title(begins, days[i+1]), bold, g.day})
	}
	d.add(head...)
	for _, l := range lanes {
		cells := make([][]cell, 7)
		tallest := 0
		for i := range cells {
			cells[i] = g.cell(l, days[i], days[i+1])
			tallest = max(tallest, len(cells[i]))
		}
		label := columns.Truncate(l.label, g.label, "…")
		for n := range tallest {
			line := []cell{{label, "", g.label}}
			for i := range cells {
				c := cell{width: g.day}
				if n < len(cells[i]) {
					c.text, c.paint = cells[i][n].text, cells[i][n].paint
				}
				line = append(line, c)
			}
			d.add(line...)
			label = ""
		}
	}
}

// title is what stands above a day.
func (g grid) title(begins, ends time.Time) string {
	at := begins.In(g.reader.zone)
	switch {
	case !g.now.Before(begins) && g.now.Before(ends):
		return at.Format("[Mon 2]")
	case at.Day() == 1:
		return at.Format("Mon 2 Jan")
	}
	return at.Format("Mon 2")
}

// mostEntries is how many people a day shows in one line; a day of hourly hand-overs has more.
const mostEntries = 9

// cell is what a line shows in a day: who has it when the day begins, and each hand-over within.
func (g grid) cell(l lane, begins, ends time.Time) (lines []cell) {
	entries, left := 0, 0
	entry := func(at time.Time, name string, paint colour) {
		if ends.Compare(g.now) <= 0 {
			paint = faint
		}
		if entries++; entries > mostEntries {
			left++
			return
		}
		clock := ""
		if at.After(begins) {
			clock = at.In(g.reader.zone).Format("15:04")
		}
		switch {
		case clock == "":
			lines = append(lines, cell{text: name, paint: paint})
		case columns.StringWidth(name) <= g.day-timeWidth:
			lines = append(lines, cell{text: clock + " " + name, paint: paint})
		default:
			lines = append(lines, cell{text: clock, paint: paint}, cell{text: " " + name, paint: paint})
		}
	}
	for i, s := range l.stints {
		if !s.from.Before(ends) || !begins.Before(s.to) {
			continue
		}
		name, paint := g.names[s.person], colour("")
		switch {
		case s.isGap():
			name, paint = s.who(), red
		case s.override != 0:
			name, paint = name+"*", yellow
		}
		entry(s.from, name, paint)
		followed := i+1 < len(l.stints) && l.stints[i+1].from.Equal(s.to)
		if s.to.Before(ends) && !followed {
			entry(s.to, "-", faint)
		}
	}
	if left > 0 {
		lines = append(lines, cell{text: fmt.Sprintf("%d more", left), paint: faint})
	}
	return lines
}

// legend says what names were made shorter.
func (g grid) legend(everybody map[string]string) (d drawing) {
	var handles []string
	width := 0
	for handle, short := range g.names {
		if short != everybody[handle] {
			handles = append(handles, handle)
			width = max(width, columns.StringWidth(short))
		}
	}
	slices.SortFunc(handles, func(a, b string) int { return cmp.Or(cmp.Compare(g.names[a], g.names[b]), cmp.Compare(a, b)) })
	for i, handle := range handles {
		if i == 0 {
			d.add()
		}
		d.add(cell{text: g.names[handle], width: width}, cell{text: " " + everybody[handle]})
	}
	return d
}
