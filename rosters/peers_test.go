package rosters_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// Whoever comes from PagerDuty, Opsgenie or Grafana OnCall keeps the schedule they have. These tests read
// schedules in those products' own JSON, translate them, and ask who is on call:
//
//   - as the fixture's timeline says, in the product's own words for it, worked out by hand from what the
//     product's public documentation says ("semantics" in each fixture names where, and what is assumed where
//     the documentation is silent);
//   - and all year as the product's arithmetic says, which is written down here a second time without rosters.

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// readPeer reads a fixture. Like answers of the products it says more than is read here.
func readPeer(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/peers/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// excerpt is the time that a fixture's timeline tells.
type excerpt struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// who is the name that a product's id or address stands for: an importer looks it up, here PANN, UANN and
// ann@example.org are all ann.
func who(id string) string {
	name, _, _ := strings.Cut(id, "@")
	return strings.ToLower(strings.TrimLeft(name, "PU"))
}

func person(id string) rosters.PersonID { return rosters.PersonID(who(id)) }

// entry is one line of a timeline.
type entry struct {
	from, to time.Time
	name     string
}

type timeline []entry

// at names who is on call, each once, by the alphabet.
func (l timeline) at(at time.Time) (names []string) {
	for _, e := range l {
		if !at.Before(e.from) && at.Before(e.to) && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	return names
}

// span is a time in which the same people are on call.
type span struct {
	from, to time.Time
	names    []string
}

// spans tells a timeline without a hole.
func (l timeline) spans(since, until time.Time) (all []span) {
	edges := []time.Time{since, until}
	for _, e := range l {
		edges = append(edges, e.from, e.to)
	}
	edges = slices.DeleteFunc(edges, func(at time.Time) bool { return at.Before(since) || at.After(until) })
	slices.SortFunc(edges, time.Time.Compare)
	for i, at := range edges[:len(edges)-1] {
		names := l.at(at)
		switch last := len(all) - 1; {
		case at.Equal(edges[i+1]):
		case last >= 0 && slices.Equal(all[last].names, names):
			all[last].to = edges[i+1]
		default:
			all = append(all, span{at, edges[i+1], names})
		}
	}
	return all
}

// asked is at for many questions about a year and more.
func (l timeline) asked(since, until time.Time) func(time.Time) []string {
	spans := l.spans(since, until)
	return func(at time.Time) []string {
		i := sort.Search(len(spans), func(i int) bool { return spans[i].to.After(at) })
		if i == len(spans) || at.Before(since) {
			return nil
		}
		return spans[i].names
	}
}

func calendarSpans(c *rosters.Calendar, since, until time.Time) (all []span) {
	for _, s := range c.Spans(since, until) {
		all = append(all, span{s.From, s.To, inOrder(s.Persons)})
	}
	return all
}

func inOrder(persons []rosters.PersonID) (names []string) {
	for _, p := range persons {
		names = append(names, string(p))
	}
	slices.Sort(names)
	return names
}

func told(spans []span, zone *time.Location) string {
	const layout = "Mon 2 Jan 2006 15:04:05 -0700"
	var lines []string
	for _, s := range spans {
		lines = append(lines, fmt.Sprintf("%s – %s  %s", s.from.In(zone).Format(layout), s.to.In(zone).Format(layout), strings.Join(s.names, " ")))
	}
	return strings.Join(lines, "\n")
}

// mustTake makes a calendar of a translated schedule, which must be one that could be saved.
func mustTake(t *testing.T, r rosters.Roster, err error) *rosters.Calendar {
	t.Helper()
	if err != nil {
		t.Fatalf("the schedule cannot be translated: %v", err)
	}
	if err := r.Validate(); err != nil {
		t.Fatalf("the roster is refused: %v", err)
	}
	c, err := r.Compile()
	if err != nil {
		t.Fatalf("the roster cannot be read: %v", err)
	}
	return c
}

// sameAsTold compares a calendar with a fixture's timeline.
func sameAsTold(t *testing.T, c *rosters.Calendar, e excerpt, want timeline, zone string) {
	t.Helper()
	loc := mustZone(t, zone)
	spans := want.spans(e.Since, e.Until)
	if got, want := told(calendarSpans(c, e.Since, e.Until), loc), told(spans, loc); got != want {
		t.Errorf("others are on call than by the timeline:\n%s\nby the timeline\n%s", got, want)
	}
	for _, s := range spans {
		for at := s.from.Add(-time.Second); !at.After(s.from.Add(time.Second)); at = at.Add(time.Second) {
			if got, want := inOrder(c.OnCall(at)), want.at(at); !at.Before(e.Since) && !slices.Equal(got, want) {
				t.Errorf("at %s on call are %v, by the timeline %v", at.In(loc).Format(time.RFC3339), got, want)
			}
		}
	}
}

// sameAllYear asks a calendar and a product's own arithmetic who is on call, for 13 months and so over both
// changes of the clocks: around each instant at which either has others on call than before, and at random.
func sameAllYear(t *testing.T, c *rosters.Calendar, from time.Time, peer func(time.Time) []string) {
	t.Helper()
	until, manned := from.AddDate(0, 13, 0), 0
	ask := func(at time.Time) {
		got, want := inOrder(c.OnCall(at)), peer(at)
		if !slices.Equal(got, want) {
			t.Fatalf("at %s on call are %v, by the product's arithmetic %v", at.Format(time.RFC3339), got, want)
		}
		manned += len(want)
	}
	around := func(at time.Time) {
		for _, d := range []time.Duration{-time.Second, 0, time.Second} {
			ask(at.Add(d))
		}
	}
	for _, s := range c.Spans(from, until)[1:] {
		around(s.From)
	}
	const step = 30 * time.Minute
	before := peer(from)
	for at := from.Add(step); at.Before(until); at = at.Add(step) {
		now := peer(at)
		if !slices.Equal(before, now) {
			around(edge(at.Add(-step), at, peer))
		}
		before = now
	}
	dice := rand.New(rand.NewPCG(5, 17))
	for range 2000 {
		ask(from.Add(time.Duration(dice.Int64N(int64(until.Sub(from))))).Truncate(time.Second))
	}
	if manned == 0 {
		t.Error("nobody was ever on call; that proves nothing")
	}
}

// edge finds the second between two instants from which on others are on call.
func edge(before, after time.Time, peer func(time.Time) []string) time.Time {
	for after.Sub(before) > time.Second {
		middle := before.Add(after.Sub(before) / 2).Truncate(time.Second)
		if slices.Equal(peer(before), peer(middle)) {
			before = middle
		} else {
			after = middle
		}
	}
	return after
}

// twoYears is as much of a timeline as sameAllYear asks about, and more.
func twoYears(from time.Time) time.Time { return from.AddDate(2, 0, 0) }

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// The arithmetic of the products: what clocks show, and whose turn it is.

// shown is what the clocks of a zone show, as if it were UTC.
func shown(at time.Time, loc *time.Location) time.Time {
	l := at.In(loc)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
}

// turnByTheWall counts turns by what clocks show: after a change of the clocks hand-overs are at the same time of day.
func turnByTheWall(at, start time.Time, length time.Duration, loc *time.Location) int {
	return floorDiv(shown(at, loc).Sub(shown(start, loc)), length)
}

// turnByTime counts turns by the time that has passed.
func turnByTime(at, start time.Time, length time.Duration) int {
	return floorDiv(at.Sub(start), length)
}

// lengthOf is what lies between two times in one zone: days as clocks show them, and the rest as it passes. Repeating
// events last as long each time (RFC 5545 §3.8.5.3, of DTEND), but a day is a day also when clocks change.
func lengthOf(from, to time.Time) time.Duration {
	days := int(shown(to, from.Location()).Sub(shown(from, from.Location())) / day)
	if from.AddDate(0, 0, days).After(to) {
		days--
	}
	return time.Duration(days)*day + to.Sub(from.AddDate(0, 0, days))
}

// later is an instant as much later.
func later(at time.Time, length time.Duration) time.Time {
	return at.AddDate(0, 0, int(length/day)).Add(length % day)
}

func floorDiv(a, b time.Duration) int {
	if a < 0 {
		return int((a - b + 1) / b)
	}
	return int(a / b)
}

// fitsTheClock tells whether turns of a length begin at the same times of day, or on the same days of the week, for ever.
// PagerDuty and Opsgenie document lengths and a zone, and not what becomes of them when the clocks change. It is taken
// that turns which fit the clock keep to it, and that others last as long as they say; so do those of an hour, of
// which the clock skips one and shows one twice.
func fitsTheClock(length time.Duration) bool {
	return length%day == 0 || day%length == 0 && length > time.Hour
}

// turnOf is the turn at an instant by that.
func turnOf(at, start time.Time, length time.Duration, loc *time.Location) int {
	if fitsTheClock(length) {
		return turnByTheWall(at, start, length, loc)
	}
	return turnByTime(at, start, length)
}

// The same as rotations.

// turns is a rotation whose turns all have one length.
func turns(start time.Time, length time.Duration, zone string) (rosters.Rotation, error) {
	if fitsTheClock(length) {
		return byTheWall(start, length, zone)
	}
	return byTime(start, length, zone)
}

// byTheWall hands over each time the clocks of a zone have gone on by a length.
func byTheWall(start time.Time, length time.Duration, zone string) (rosters.Rotation, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return rosters.Rotation{}, err
	}
	r := rosters.Rotation{Zone: zone, Start: reading(start, loc)}
	switch {
	case length%week == 0:
		r.Rule = fmt.Sprintf("FREQ=WEEKLY;INTERVAL=%d", length/week)
	case length%day == 0:
		r.Rule = fmt.Sprintf("FREQ=DAILY;INTERVAL=%d", length/day)
	case day%length == 0 && start.Second() == 0:
		r.Rule, r.Times = "FREQ=DAILY", timesOfDay(start.In(loc), length)
	default:
		err = inHours(&r, length)
	}
	return r, err
}

// byTime hands over each time that a length has passed, whatever the clocks show.
func byTime(start time.Time, length time.Duration, zone string) (rosters.Rotation, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return rosters.Rotation{}, err
	}
	return rosters.Rotation{Zone: zone, Start: reading(start, loc), Every: length}, nil
}

// inHours makes turns that do not fit the day of shorter ones that do: 7 hours are seven shifts of an hour on end,
// 36 hours three of 12.
func inHours(r *rosters.Rotation, length time.Duration) error {
	step := greatestCommon(length, day)
	if step%time.Hour != 0 {
		return fmt.Errorf("no rule hands over every %v", length)
	}
	r.Rule, r.Each = fmt.Sprintf("FREQ=HOURLY;INTERVAL=%d", step/time.Hour), int(length/step)
	return nil
}

func greatestCommon(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func timesOfDay(start time.Time, every time.Duration) (times []string) {
	for passed := time.Duration(0); passed < day; passed += every {
		times = append(times, clock((sinceMidnight(start)+passed)%day))
	}
	return times
}

func sinceMidnight(t time.Time) time.Duration {
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
}

// reading is an instant as a rotation's start says it.
func reading(at time.Time, loc *time.Location) string {
	return at.In(loc).Format("2006-01-02T15:04:05")
}

// clock is a time of day as rosters say it; with its seconds only if it has any, so that they are refused and not lost.
func clock(sinceMidnight time.Duration) string {
	t := time.Time{}.Add(sinceMidnight)
	if t.Second() != 0 {
		return t.Format("15:04:05")
	}
	if t.Second() > 0 {
		return t.Format(time.TimeOnly)
	}
	return t.Format("15:04")
}

var everyDay = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// windows are open for a length from a time of day on, on some days. Longer than a day, it is one window after the other.
func windows(days []time.Weekday, from, length time.Duration) (all []rosters.Window) {
	for ; length > 0; length -= day {
		all = append(all, rosters.Window{Days: days, From: clock(from), To: clock((from + min(length, day)) % day)})
		days = following(days)
	}
	return all
}

func following(days []time.Weekday) (next []time.Weekday) {
	for _, d := range days {
		next = append(next, (d+1)%7)
	}
	return next
}

// pieces are the parts of a span that overrides can have: of at most a year.
func pieces(from, to time.Time) (all []rosters.Span) {
	for ; from.Before(to); from = from.Add(365 * day) {
		end := from.Add(365 * day)
		if end.After(to) {
			end = to
		}
		all = append(all, rosters.Span{From: from, To: end})
	}
	return all
}

var crew = []string{"ann", "bob", "cat", "dan", "eve"}

// whoseTurn is the arithmetic of a plain rotation of the crew.
func whoseTurn(turn func(at time.Time) int) func(time.Time) []string {
	return func(at time.Time) []string {
		return []string{crew[((turn(at)%len(crew))+len(crew))%len(crew)]}
	}
}

// crewed makes a calendar of a rotation's hand-overs.
func crewed(t *testing.T, r rosters.Rotation, err error) *rosters.Calendar {
	t.Helper()
	r.ID = "crew"
	for _, name := range crew {
		r.Participants = append(r.Participants, rosters.PersonID(name))
	}
	return mustTake(t, rosters.Roster{ID: "crew", Rotations: []rosters.Rotation{r}}, err)
}

// Turns of any length can be taken as time passes, and by the wall clock those that clocks cannot move together when
// they change: whole days, and hours that have two or more in common with the day.
func TestPeersLengthsOfTurns(t *testing.T) {
	const zone = "Europe/Berlin"
	berlin := mustZone(t, zone)
	start := time.Date(2026, 1, 5, 8, 0, 0, 0, berlin) // no hand-over is at a time that clocks skip: what becomes of that is rosters' own to say
	for _, length := range []time.Duration{2 * time.Hour, 3 * time.Hour, 8 * time.Hour, 12 * time.Hour, 36 * time.Hour, 100 * time.Hour, day, 5 * day, week, 2 * week, 30 * day} {
		t.Run(fmt.Sprintf("%v by the wall clock", length), func(t *testing.T) {
			r, err := byTheWall(start, length, zone)
			sameAllYear(t, crewed(t, r, err), start, whoseTurn(func(at time.Time) int { return turnByTheWall(at, start, length, berlin) }))
		})
	}
	for _, length := range []time.Duration{time.Hour, 3605 * time.Second, 5 * time.Hour, 7 * time.Hour, 8 * time.Hour, 36 * time.Hour, 100 * time.Hour, day, 5 * day} {
		t.Run(fmt.Sprintf("%v as time passes", length), func(t *testing.T) {
			r, err := byTime(start, length, zone)
			sameAllYear(t, crewed(t, r, err), start, whoseTurn(func(at time.Time) int { return turnByTime(at, start, length) }))
		})
	}
	t.Run("12h from an odd second on", func(t *testing.T) {
		start := start.Add(11 * time.Second)
		r, err := byTheWall(start, 12*time.Hour, zone)
		sameAllYear(t, crewed(t, r, err), start, whoseTurn(func(at time.Time) int { return turnByTheWall(at, start, 12*time.Hour, berlin) }))
	})
}
