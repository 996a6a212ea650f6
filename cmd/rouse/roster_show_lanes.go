package main

import (
	"slices"
	"strings"
	"time"
)

// stint is a time for which one line of the calendar shows the same person; nobody if person is "".
type stint struct {
	from, to     time.Time
	person, name string
	override     int64  // that put them there
	insteadOf    string // whose handle it would have been
}

func (s stint) isGap() bool { return s.person == "" }

// who is the name for people.
func (s stint) who() string {
	if s.isGap() {
		return "nobody"
	}
	return s.name
}

// lane is one line of the calendar: stints after each other, of one rotation. A rotation that has several
// people on call at a time has several.
type lane struct {
	label  string
	stints []stint
}

// add takes a stint, unless another one is in its way. What the same person goes on with is one stint.
func (l *lane) add(s stint) bool {
	n := len(l.stints)
	if n == 0 || l.stints[n-1].to.Before(s.from) {
		l.stints = append(l.stints, s)
		return true
	}
	last := &l.stints[n-1]
	if !last.to.Equal(s.from) {
		return false
	}
	if last.person == s.person && last.override == s.override {
		last.to = s.to
		return true
	}
	l.stints = append(l.stints, s)
	return true
}

// overrideLane is for overrides that are no one rotation's.
const overrideLane = "override"

// lanes are the lines of the calendar: those of the highest rank first, then what is no rotation's any
// more, then overrides. Gaps stand in the first.
func (v rosterView) lanes() (lanes []lane) {
	byLabel := map[string][]*lane{}
	for _, s := range v.shifts {
		label := v.laneOf(s)
		st := stint{from: s.From, to: s.To, person: s.Person, name: oneLine(s.Name), override: s.Override, insteadOf: s.InsteadOf}
		if st.name == "" {
			st.name = s.Person
		}
		byLabel[label] = placed(byLabel[label], st)
	}
	for _, label := range v.labels() {
		for _, l := range byLabel[label] {
			l.label = label
			lanes = append(lanes, *l)
		}
	}
	gaps := v.gaps()
	if len(lanes) == 0 && len(gaps) > 0 {
		lanes = []lane{{label: v.labels()[0]}}
	}
	for _, g := range gaps { // nobody's line has anything then
		lanes[0].stints = append(lanes[0].stints, stint{from: g.From, to: g.To})
	}
	if len(gaps) > 0 {
		slices.SortFunc(lanes[0].stints, func(a, b stint) int { return a.from.Compare(b.from) })
	}
	return lanes
}

// placed puts a stint where the same person was last, else where there is room.
func placed(lanes []*lane, s stint) []*lane {
	for _, l := range lanes {
		if n := len(l.stints); l.stints[n-1].person == s.person && l.add(s) {
			return lanes
		}
	}
	for _, l := range lanes {
		if l.add(s) {
			return lanes
		}
	}
	fresh := &lane{}
	fresh.add(s)
	return append(lanes, fresh)
}

// labels are the lines there may be, in order.
func (v rosterView) labels() (labels []string) {
	rotations := slices.Clone(v.roster.Rotations)
	slices.SortStableFunc(rotations, func(a, b rotationAnswer) int { return b.Rank - a.Rank })
	for _, r := range rotations {
		labels = append(labels, r.ID)
	}
	for _, s := range v.shifts {
		if label := v.laneOf(s); label != overrideLane && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	return append(labels, overrideLane)
}

// laneOf is the line of a shift. One by an override stands in the line of the rotation that the override
// names; if it names none, in the one in which alone the person who was replaced has a place.
func (v rosterView) laneOf(s rosterShift) string {
	if s.Rotation != "" {
		return s.Rotation
	}
	for _, o := range v.overrides {
		if o.ID == s.Override && o.Rotation != "" {
			return o.Rotation
		}
	}
	if len(v.roster.Rotations) == 1 {
		return v.roster.Rotations[0].ID
	}
	var of []string
	for _, r := range v.roster.Rotations {
		if s.InsteadOf != "" && slices.Contains(r.Participants, s.InsteadOf) {
			of = append(of, r.ID)
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return overrideLane
}

// people are the names of everybody in the calendar, by handle.
func people(lanes []lane) map[string]string {
	names := map[string]string{}
	for _, l := range lanes {
		for _, s := range l.stints {
			if !s.isGap() {
				names[s.person] = s.name
			}
		}
	}
	return names
}

// shortNames finds for each person a text of at most so many columns that is nobody else's: the name, its
// first word, or the handle. complete tells that nothing had to be cut.
func shortNames(names map[string]string, width int) (short map[string]string, complete bool) {
	ways := []func(handle string) string{
		func(handle string) string { return names[handle] },
		func(handle string) string { return strings.Fields(names[handle] + " ")[0] },
		func(handle string) string { return handle },
	}
	short, complete = map[string]string{}, true
	for _, way := range ways {
		of := map[string]int{}
		for handle := range names {
			of[way(handle)]++
		}
		for handle := range names {
			if text := way(handle); short[handle] == "" && of[text] == 1 && columns.StringWidth(text) <= width {
				short[handle] = text
			}
		}
	}
	for handle := range names {
		if short[handle] == "" {
			short[handle], complete = columns.Truncate(handle, width, "…"), false
		}
	}
	return short, complete
}
