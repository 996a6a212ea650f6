package rosters_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// Opsgenie's schedules, API v2, with their overrides, and the forwarding rules of the whole account.

type opsgenie struct {
	excerpt
	Schedule struct {
		ID        string             `json:"id"`
		Name      string             `json:"name"`
		Timezone  string             `json:"timezone"`
		Rotations []opsgenieRotation `json:"rotations"`
	} `json:"schedule"`
	Overrides     []opsgenieOverride `json:"overrides"`
	Forwarding    []opsgenieForward  `json:"forwardingRules"`
	FinalTimeline struct {
		Rotations []struct {
			Periods []struct {
				Start     time.Time         `json:"startDate"`
				End       time.Time         `json:"endDate"`
				Recipient opsgenieRecipient `json:"recipient"`
			} `json:"periods"`
		} `json:"rotations"`
	} `json:"finalTimeline"`
}

type opsgenieRecipient struct {
	Type     string `json:"type"` // user, none; team, escalation
	Username string `json:"username"`
}

// name of the recipient; none has none.
func (r opsgenieRecipient) name() string {
	if r.Type == "none" {
		return ""
	}
	return who(r.Username)
}

type opsgenieRotation struct {
	ID           string               `json:"id"`
	Start        time.Time            `json:"startDate"`
	End          *time.Time           `json:"endDate"`
	Type         string               `json:"type"`
	Length       int                  `json:"length"`
	Participants []opsgenieRecipient  `json:"participants"`
	Restriction  *opsgenieRestriction `json:"timeRestriction"`
}

// turn is how long each participant is on call.
func (r opsgenieRotation) turn() time.Duration {
	unit := map[string]time.Duration{"hourly": time.Hour, "daily": day, "weekly": week}[r.Type]
	return unit * time.Duration(max(1, r.Length))
}

type opsgenieRestriction struct {
	Type         string            `json:"type"`
	Restriction  opsgenieInterval  `json:"restriction"`  // time-of-day
	Restrictions []opsgenieSection `json:"restrictions"` // weekday-and-time-of-day
}

type opsgenieInterval struct {
	StartHour int `json:"startHour"`
	StartMin  int `json:"startMin"`
	EndHour   int `json:"endHour"`
	EndMin    int `json:"endMin"`
}

func (i opsgenieInterval) start() time.Duration {
	return time.Duration(i.StartHour)*time.Hour + time.Duration(i.StartMin)*time.Minute
}

func (i opsgenieInterval) end() time.Duration {
	return time.Duration(i.EndHour)*time.Hour + time.Duration(i.EndMin)*time.Minute
}

type opsgenieSection struct {
	StartDay string `json:"startDay"`
	EndDay   string `json:"endDay"`
	opsgenieInterval
}

func weekday(name string) time.Weekday {
	return time.Weekday(slices.IndexFunc(everyDay, func(d time.Weekday) bool { return strings.EqualFold(d.String(), name) })+1) % 7
}

type opsgenieOverride struct {
	Alias     string             `json:"alias"`
	User      opsgenieRecipient  `json:"user"`
	Start     time.Time          `json:"startDate"`
	End       time.Time          `json:"endDate"`
	Rotations []opsgenieRotation `json:"rotations"` // none: all
}

func (o opsgenieOverride) covers(rotation string) bool {
	is := func(r opsgenieRotation) bool { return r.ID == rotation }
	return len(o.Rotations) == 0 || slices.ContainsFunc(o.Rotations, is)
}

type opsgenieForward struct {
	Alias string            `json:"alias"`
	From  opsgenieRecipient `json:"fromUser"`
	To    opsgenieRecipient `json:"toUser"`
	Start time.Time         `json:"startDate"`
	End   time.Time         `json:"endDate"`
}

// roster translates a schedule. All its rotations add up. What is forwarded comes before the overrides: a person who
// was replaced is not on call and forwards nothing. Who takes over by an override may forward too.
func (p opsgenie) roster() (rosters.Roster, error) {
	s := p.Schedule
	r := rosters.Roster{ID: rosters.RosterID(strings.ToLower(s.ID)), Name: s.Name}
	for _, rotation := range s.Rotations {
		translated, err := rotation.rotation(s.Timezone)
		if err != nil {
			return r, fmt.Errorf("rotation %s: %w", rotation.ID, err)
		}
		r.Rotations = append(r.Rotations, translated)
	}
	for _, f := range p.Forwarding {
		for i, piece := range pieces(f.Start, f.End) {
			r.Overrides = append(r.Overrides, rosters.Override{
				ID: fmt.Sprintf("%s-%d", f.Alias, i), Replaces: person(f.From.Username), Person: person(f.To.Username), From: piece.From, To: piece.To,
			})
		}
	}
	for _, o := range p.Overrides {
		r.Overrides = append(r.Overrides, p.overrides(o)...)
	}
	return r, nil
}

func (r opsgenieRotation) rotation(zone string) (rosters.Rotation, error) {
	t, err := turns(r.Start, r.turn(), zone)
	t.ID = strings.ToLower(r.ID)
	if r.End != nil {
		t.Until = *r.End
	}
	for _, p := range r.Participants {
		if p.Type != "user" && p.Type != "none" { // whose members an importer would have to look up
			return t, fmt.Errorf("a %s takes part", p.Type)
		}
		t.Participants = append(t.Participants, rosters.PersonID(p.name()))
	}
	if r.Restriction != nil {
		t.Hours = r.Restriction.windows()
	}
	return t, err
}

// windows are those of a restriction. What ends no later than it begins goes on over midnight, or over the week's end.
func (r opsgenieRestriction) windows() (all []rosters.Window) {
	if r.Type == "time-of-day" {
		return windows(everyDay, r.Restriction.start(), around(r.Restriction.end()-r.Restriction.start(), day))
	}
	for _, s := range r.Restrictions {
		from, to := weekday(s.StartDay), weekday(s.EndDay)
		length := time.Duration(to-from)*day + s.end() - s.start()
		all = append(all, windows([]time.Weekday{from}, s.start(), around(length, week))...)
	}
	return all
}

// around is a length within a period: more than nothing, and at most all of it.
func around(length, period time.Duration) time.Duration {
	if length = (length%period + period) % period; length == 0 {
		return period
	}
	return length
}

// overrides are what an override does: in each rotation that it names or in all of them, split where the person who
// takes over forwards to somebody else.
func (p opsgenie) overrides(o opsgenieOverride) (all []rosters.Override) {
	parts := timeline{{o.Start, o.End, o.User.name()}}
	for _, f := range p.Forwarding {
		parts = parts.forwarded(f)
	}
	for i, part := range parts {
		made := rosters.Override{ID: fmt.Sprintf("%s-%d", o.Alias, i), Person: rosters.PersonID(part.name), From: part.from, To: part.to}
		if len(o.Rotations) == 0 {
			all = append(all, made)
		}
		for _, rotation := range o.Rotations {
			made.ID, made.Rotation = fmt.Sprintf("%s-%d-%s", o.Alias, i, strings.ToLower(rotation.ID)), strings.ToLower(rotation.ID)
			all = append(all, made)
		}
	}
	return all
}

// forwarded is a timeline as a forwarding rule leaves it.
func (l timeline) forwarded(f opsgenieForward) (left timeline) {
	for _, e := range l {
		from, to := latest(e.from, f.Start), earliest(e.to, f.End)
		if e.name != f.From.name() || !from.Before(to) {
			left = append(left, e)
			continue
		}
		for _, part := range []entry{{e.from, from, e.name}, {from, to, f.To.name()}, {to, e.to, e.name}} {
			if part.from.Before(part.to) {
				left = append(left, part)
			}
		}
	}
	return left
}

// onCall is the product's arithmetic: in each rotation whose turn it is, or who overrides that, or to whom that person
// forwards.
func (p opsgenie) onCall(t *testing.T) func(time.Time) []string {
	loc := mustZone(t, p.Schedule.Timezone)
	return func(at time.Time) (names []string) {
		for _, r := range p.Schedule.Rotations {
			name := r.base(at, loc)
			for _, o := range p.Overrides {
				if o.covers(r.ID) && !at.Before(o.Start) && at.Before(o.End) {
					name = o.User.name()
				}
			}
			for _, f := range p.Forwarding {
				if name == f.From.name() && !at.Before(f.Start) && at.Before(f.End) {
					name = f.To.name()
				}
			}
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
}

func (r opsgenieRotation) base(at time.Time, loc *time.Location) string {
	if at.Before(r.Start) || r.End != nil && !at.Before(*r.End) || r.Restriction != nil && !r.Restriction.covers(shown(at, loc)) {
		return ""
	}
	return r.Participants[turnOf(at, r.Start, r.turn(), loc)%len(r.Participants)].name()
}

func (r opsgenieRestriction) covers(now time.Time) bool {
	if r.Type == "time-of-day" {
		return between(sinceMidnight(now), r.Restriction.start(), r.Restriction.end())
	}
	return slices.ContainsFunc(r.Restrictions, func(s opsgenieSection) bool {
		inWeek := func(d time.Weekday, at time.Duration) time.Duration { return time.Duration(d)*day + at }
		return between(inWeek(now.Weekday(), sinceMidnight(now)), inWeek(weekday(s.StartDay), s.start()), inWeek(weekday(s.EndDay), s.end()))
	})
}

// between tells whether a time lies from one on and before another, which may come round only after the period's end.
func between(at, from, to time.Duration) bool {
	if from < to {
		return from <= at && at < to
	}
	return from <= at || at < to
}

func TestPeersOpsgenie(t *testing.T) {
	for _, name := range []string{
		"opsgenie-hours-of-the-week", // restrictions over midnight and the week's end, empty seats, two weeks each, an end
		"opsgenie-hourly",            // eight hours each and five hours each, when summer time begins
		"opsgenie-overrides",         // for all rotations and for some, and people who forward
	} {
		t.Run(name, func(t *testing.T) {
			var p opsgenie
			readPeer(t, name, &p)
			r, err := p.roster()
			c := mustTake(t, r, err)
			var want timeline
			for _, rotation := range p.FinalTimeline.Rotations {
				for _, period := range rotation.Periods {
					if period.Recipient.name() != "" {
						want = append(want, entry{period.Start, period.End, period.Recipient.name()})
					}
				}
			}
			sameAsTold(t, c, p.excerpt, want, p.Schedule.Timezone)
			sameAllYear(t, c, p.Since, p.onCall(t))
		})
	}
}
