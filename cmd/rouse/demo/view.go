package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// screen is where the demo writes.
type screen struct {
	paint bool // with colours
	plain bool // ASCII only

	mu    sync.Mutex
	out   io.Writer
	width int        // in characters
	fit   func() int // asked how wide the terminal is now; nil: it stays
}

// colour is an SGR parameter of ECMA-48, "" for none.
type colour string

const (
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
	bold   colour = "1"
	faint  colour = "2"
	alarm  colour = "1;31"
)

var colours = map[kind]colour{
	posted: "1;35", receipt: faint, pushed: yellow, texted: yellow, rings: yellow, answered: green, voicemail: yellow,
	heard: "", callOver: faint, did: green, provider: red, server: alarm, passed: green, failed: alarm, decided: cyan,
}

func (s *screen) painted(c colour, text string) string {
	if !s.paint || c == "" || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// swap has everything from now on written elsewhere.
func (s *screen) swap(out io.Writer, fit func() int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.fit = out, fit
}

// print writes text as it is, all of it together.
func (s *screen) print(text string) {
	if s.plain {
		text = asASCII.Replace(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, text) // nobody is left to tell
}

var asASCII = strings.NewReplacer("✓", "ok", "✗", "FAILED", "…", "...", "–", "-", "’", "'")

// columns is the width.
func (s *screen) columns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fit != nil {
		s.width = s.fit()
	}
	return s.width
}

// The columns: seconds, key, who, and the rest.
const (
	whoWidth = 14
	indent   = 9 + 1 + 7 + 1 + whoWidth + 2
)

// line is one event, as aligned lines.
func (s *screen) line(e event, began time.Time) string {
	var b strings.Builder
	if s.plain { // before it is aligned
		e.who, e.text = asASCII.Replace(e.who), asASCII.Replace(e.text)
	}
	who := fmt.Sprintf("%-*s", whoWidth, e.who)
	for i, part := range wrap(e.text, max(s.columns()-indent, 20)) {
		switch i {
		case 0:
			seconds := fmt.Sprintf("%8.2fs", e.at.Sub(began).Seconds())
			fmt.Fprintf(&b, "%s %-7s %s  %s\n", s.painted(faint, seconds), e.key, s.painted(colours[e.kind], who), s.text(e, part))
		default:
			fmt.Fprintf(&b, "%*s%s\n", indent, "", s.text(e, part))
		}
	}
	return b.String()
}

// text paints the words themselves only where they are not news (receipts), or great news.
func (s *screen) text(e event, part string) string {
	switch e.kind {
	case receipt, callOver, server, passed, failed:
		return s.painted(colours[e.kind], part)
	}
	return part
}

// paragraph is running text, with an empty line after it.
func (s *screen) paragraph(text string) string {
	return strings.Join(wrap(text, min(s.columns(), plainWidth)-2), "\n") + "\n\n"
}

// wrap breaks text between words into lines of at most width characters; lines that are in it stay. A
// word that is longer than a line stands alone.
func wrap(text string, width int) (lines []string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for word := range strings.FieldsSeq(paragraph) {
			if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
				lines, line = append(lines, line), ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}

// inCall are what happens in a call.
var inCall = map[kind]bool{rings: true, answered: true, voicemail: true, heard: true, callOver: true, did: true}

// head names the columns.
func (s *screen) head() string {
	return "\n" + s.painted(bold, fmt.Sprintf("%9s %-7s %-*s  %s", "seconds", "key", whoWidth, "who", "what")) + "\n"
}

// holdBack is how long an event waits for others that happened before it and are heard of later: the
// timeline is only looked at now and then.
const holdBack = 200 * time.Millisecond

// show prints the journal as it grows until ctx ends, and then the rest.
func (d *demo) show(ctx context.Context) {
	var waiting []event
	told, calls := 0, map[string]string{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		fresh := d.journal.since(told)
		told += len(fresh)
		waiting = append(waiting, fresh...)
		slices.SortStableFunc(waiting, func(a, b event) int { return a.at.Compare(b.at) })
		ripe := len(waiting)
		if ctx.Err() == nil {
			now := time.Now()
			ripe, _ = slices.BinarySearchFunc(waiting, now.Add(-holdBack), func(e event, t time.Time) int { return e.at.Compare(t) })
		}
		d.printAll(waiting[:ripe], calls)
		waiting = waiting[ripe:]
		if ctx.Err() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// printAll prints events in order. calls says which incident somebody was last called for: what a phone
// does in a call does not tell.
func (d *demo) printAll(events []event, calls map[string]string) {
	var b strings.Builder
	for _, e := range events {
		switch {
		case e.call && e.kind == decided:
			calls[e.person] = e.key
		case e.key == "" && inCall[e.kind]:
			e.key = calls[e.person]
		}
		b.WriteString(d.screen.line(e, d.began))
	}
	if b.Len() > 0 {
		d.screen.print(b.String())
	}
}

// table is rows of cells, the first of them names; the last cell of a row may be long.
type table [][]string

// table aligns the cells; the last column is wrapped.
func (s *screen) table(t table) string {
	widths := map[int]int{}
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range t {
		var begin strings.Builder
		for i, cell := range row[:len(row)-1] {
			begin.WriteString("  " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
		}
		line := begin.String() + "  "
		margin := utf8.RuneCountInString(line)
		for _, part := range wrap(row[len(row)-1], max(s.columns()-margin, 20)) {
			line += part
			if n == 0 {
				line = s.painted(bold, line)
			}
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", margin)
		}
	}
	return b.String()
}
