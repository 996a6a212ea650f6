package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// shownRows is how much of a list a terminal shows; --json has all of it.
const shownRows = 40

// showChanges writes what changes, and what comes of it.
func (c *cli) showChanges(p plan, r reader) error {
	for i, part := range []table{p.steps(), p.onCall(r), p.pages(r),
		holesTable("Holes that open, in which an alert finds nobody to page:", red, p.Effects.HolesOpened, true, r),
		holesTable("Holes that close:", green, p.Effects.HolesClosed, false, r)} {
		if len(part.lines) == 0 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		if err := c.print(part); err != nil {
			return err
		}
	}
	return nil
}

// steps are what is created, changed field by field, and deleted.
func (p plan) steps() (t table) {
	for _, s := range p.Changes {
		switch s.Action {
		case "create":
			t.add(green, "+ "+s.Kind, s.ID)
		case "delete":
			t.add(red, "- "+s.Kind, s.ID, afterwards[s.Kind])
		default:
			t.add(yellow, "~ "+s.Kind, s.ID)
			for _, f := range s.Fields {
				t.add("", "", strings.TrimPrefix(f.Pointer, "/"), f.text())
			}
			if s.More > 0 {
				t.add("", "", fmt.Sprintf("and %d more", s.More))
			}
		}
	}
	if p.More > 0 {
		t.add("", fmt.Sprintf("and %d more", p.More))
	}
	return t
}

// afterwards is what becomes of what is deleted.
var afterwards = map[string]string{
	"person": "can be restored for 30 days; keys bound to the person end", "team": "can be restored for 30 days", "roster": "can be restored for 30 days",
	"policy": "cannot be restored", "service": "with its keys; cannot be restored",
}

func (f fieldChange) text() string {
	switch {
	case f.Before == nil:
		return "new: " + brief(f.After)
	case f.After == nil:
		return "gone: " + brief(f.Before)
	}
	return brief(f.Before) + " → " + brief(f.After)
}

// brief is a value in one line.
func brief(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return string(raw)
	}
	return shortened(inWords(value))
}

func inWords(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, inWords(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, name := range (*shape)(nil).sorted(v) {
			parts = append(parts, name+" "+inWords(v[name]))
		}
		return strings.Join(parts, ", ")
	case string:
		if v == "" {
			return `""`
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

// onCall is who is on call otherwise, as far as the plan looks ahead for pages too.
func (p plan) onCall(r reader) (t table) {
	changes := slices.Clone(p.Effects.Changes)
	changes = slices.DeleteFunc(changes, func(m moved) bool { return !m.From.Before(p.PagesTo) })
	if len(changes) == 0 {
		return t
	}
	t.add(bold, "On call otherwise until "+r.show(p.PagesTo)+":")
	t.add("", "ROSTER", "FROM", "TO", "WAS", "WILL BE")
	for _, m := range changes[:min(len(changes), shownRows)] {
		t.add("", m.Roster, r.show(m.From), r.show(m.To), listed(m.Before), listed(m.After))
	}
	t.rest(len(changes), p.Effects.More)
	return t
}

// pages is who is paged otherwise.
func (p plan) pages(r reader) (t table) {
	if len(p.Pages) == 0 {
		t.add("", "Nobody is paged otherwise until "+r.show(p.PagesTo)+".")
		return t
	}
	t.add(bold, "Paged otherwise until "+r.show(p.PagesTo)+":")
	t.add("", "FROM", "TO", "WHERE", "WHO")
	for _, m := range p.Pages[:min(len(p.Pages), shownRows)] {
		t.add("", r.show(m.From), r.show(m.To), m.Where, m.What)
	}
	t.rest(len(p.Pages), p.MorePages)
	return t
}

// holesTable tells what to do about holes that open.
func holesTable(title string, paint colour, holes []hole, open bool, r reader) (t table) {
	if len(holes) == 0 {
		return t
	}
	row := func(paint colour, cells ...string) {
		if !open {
			cells = cells[:len(cells)-1]
		}
		t.add(paint, cells...)
	}
	t.add(bold, title)
	row("", "FROM", "TO", "WHAT", "WHY", "REMEDY")
	for _, h := range holes[:min(len(holes), shownRows)] {
		row(paint, r.show(h.From), r.show(h.To), h.Where, h.Problem, h.Remedy)
	}
	t.rest(len(holes), 0)
	return t
}

// rest says how much of a list is not shown, of which there is more beyond its end.
func (t *table) rest(listed, more int) {
	if n := max(0, listed-shownRows) + more; n > 0 {
		t.add("", fmt.Sprintf("and %d more", n))
	}
}
