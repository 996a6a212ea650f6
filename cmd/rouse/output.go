package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"
)

// colour is what a line is painted in: an SGR parameter of ECMA-48, "" for none.
type colour string

const (
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	faint  colour = "2"
	bold   colour = "1"
)

// table is aligned lines, each of one colour.
type table struct {
	lines   []string
	colours []colour
}

func (t *table) add(paint colour, cells ...string) {
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	t.lines = append(t.lines, strings.Join(cells, "\t"))
	t.colours = append(t.colours, paint)
}

// print aligns first and paints then, as escape sequences have no width.
func (c *cli) print(t table) error {
	var aligned bytes.Buffer
	w := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	for _, line := range t.lines {
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	paint := c.paints()
	var out bytes.Buffer
	for i, line := range strings.Split(strings.TrimSuffix(aligned.String(), "\n"), "\n") {
		line = strings.TrimRight(line, " ")
		if paint && t.colours[i] != "" {
			line = "\x1b[" + string(t.colours[i]) + "m" + line + "\x1b[0m"
		}
		fmt.Fprintln(&out, line)
	}
	_, err := c.stdout.Write(out.Bytes())
	return err
}

// paints reports whether stdout is a terminal that wants colours (https://no-color.org).
func (c *cli) paints() bool {
	f, ok := c.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
}

// printJSON writes an answer of the REST API as it came, indented.
func (c *cli) printJSON(raw json.RawMessage) error {
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(raw), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := c.stdout.Write(out.Bytes())
	return err
}

// encodeJSON is printJSON for what did not come from the API.
func encodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// clean takes control characters out of text that others wrote: they could move the cursor, set the
// terminal's title or break the table.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			return '�'
		}
		return r
	}, text)
}

// oneLine is clean text without line ends.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

// reader is the zone that times are shown in.
type reader struct{ zone *time.Location }

// reader finds the zone: the one asked for, else TZ, else the machine's.
func (c *cli) reader(zone string) (reader, error) {
	if zone == "" {
		zone = c.getenv("TZ")
	}
	if zone == "" {
		return reader{time.Local}, nil
	}
	loc, err := time.LoadLocation(strings.TrimPrefix(zone, ":"))
	if err != nil {
		return reader{}, usagef("%q is not a time zone: use a name such as Europe/Berlin or UTC", zone)
	}
	return reader{loc}, nil
}

// show writes an instant, "" for none.
func (r reader) show(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(r.zone).Format("Mon 2006-01-02 15:04 MST")
}

// parse reads an instant as people write it, in the reader's zone if it has none.
func (r reader) parse(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, r.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%q is not a time: write 2026-12-24 18:00, or 2026-12-24T18:00:00Z", text)
}
