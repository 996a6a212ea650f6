package engine

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// officeHours are the working hours of rosters.Hours without windows.
var officeHours = []rosters.Window{{
	Days: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}, From: "09:00", To: "17:00",
}}

// house is a Coverage that is being put together, and the week it is asked about: that of monday10, in
// UTC. Ann is on call in roster dba, the only level of bitbucket's policy, and cat in roster imoc, each
// all the week; zed is the last resort. The server sends push and SMS.
type house struct {
	Coverage
	teams    map[rosters.RosterID]*rosters.Roster
	from, to time.Time
	zone     string
}

func newHouse() *house {
	h := &house{teams: map[rosters.RosterID]*rosters.Roster{}, zone: "UTC", Coverage: Coverage{
		Services: []Service{{ID: "bitbucket", Policy: "bitbucket"}},
		CatchAll: CatchAll{Roster: "imoc", LastResort: []rosters.PersonID{"zed"}},
		People:   map[rosters.PersonID]rosters.Person{},
		Channels: map[rosters.Channel]bool{rosters.Push: true, rosters.SMS: true, rosters.Voice: false},
	}}
	for _, name := range []string{"Ann", "Bob", "Cat", "Zed"} {
		h.person(name, "push", "sms")
	}
	h.levels("dba").week("dba", "ann").week("imoc", "cat")
	return h.between("2026-01-12", "2026-01-19")
}

func (h *house) between(from, to string) *house {
	zone := h.reader()
	h.from, _ = time.ParseInLocation(time.DateOnly, from, zone)
	h.to, _ = time.ParseInLocation(time.DateOnly, to, zone)
	return h
}

func (h *house) reader() *time.Location {
	zone, err := time.LoadLocation(h.zone)
	if err != nil {
		panic(err)
	}
	return zone
}

// person has contacts on channels; "-sms" is a disabled one.
func (h *house) person(name string, channels ...string) *house {
	p := rosters.Person{ID: rosters.PersonID(strings.ToLower(name)), Name: name}
	for _, c := range channels {
		channel, disabled := strings.CutPrefix(c, "-")
		p.Contacts = append(p.Contacts, rosters.Contact{Channel: rosters.Channel(channel), Address: name, Disabled: disabled})
	}
	h.People[p.ID] = p
	return h
}

// levels makes bitbucket's policy: "dba bob" is one level, of a roster and a person.
func (h *house) levels(levels ...string) *house {
	p := Policy{ID: "bitbucket"}
	for _, names := range levels {
		var l Level
		for _, name := range strings.Fields(names) {
			if _, ok := h.People[rosters.PersonID(name)]; ok || strings.HasPrefix(name, "mr-") {
				l.Targets = append(l.Targets, Target{Person: rosters.PersonID(name)})
			} else {
				l.Targets = append(l.Targets, Target{Roster: rosters.RosterID(name)})
			}
		}
		p.Levels = append(p.Levels, l)
	}
	h.Policies = []Policy{p}
	return h
}

// week is a roster of one weekly rotation, in which people take turns from Monday on, in the hours of
// the given windows if there are any.
func (h *house) week(id rosters.RosterID, person rosters.PersonID, hours ...rosters.Window) *house {
	h.teams[id] = &rosters.Roster{ID: id, Rotations: []rosters.Rotation{{ID: "week", Zone: h.zone, Start: "2026-01-05T00:00:00", Rule: "FREQ=WEEKLY",
		Participants: []rosters.PersonID{person}, Hours: hours}}}
	return h
}

// weekdays are Monday to Friday, all day.
var weekdays = rosters.Window{Days: officeHours[0].Days, From: "00:00", To: "24:00"}

func (h *house) override(id rosters.RosterID, kind rosters.OverrideKind, person rosters.PersonID, from, to string) *house {
	o := rosters.Override{ID: "o", Kind: kind, Person: person}
	o.From, _ = time.ParseInLocation("2006-01-02 15:04", from, h.reader())
	o.To, _ = time.ParseInLocation("2006-01-02 15:04", to, h.reader())
	h.teams[id].Overrides = append(h.teams[id].Overrides, o)
	return h
}

func (h *house) holes() []Hole {
	h.Calendars = map[rosters.RosterID]*rosters.Calendar{}
	for id, roster := range h.teams {
		h.Calendars[id], _ = roster.Compile()
	}
	return slices.Collect(h.Holes(h.from, h.to))
}

func (h *house) texts(holes []Hole) []string {
	var texts []string
	for _, hole := range holes {
		texts = append(texts, hole.Text(h.reader()))
	}
	return texts
}

func TestCoverage_HolesAreNamedWithSpanAndRemedy(t *testing.T) {
	const all, weekend = "Mon 2026-01-12 00:00 – Mon 2026-01-19 00:00 UTC", "Sat 2026-01-17 00:00 – Mon 2026-01-19 00:00 UTC"
	const mostly, every = "severity 1 and 2, and 3 in working hours", "every severity"
	const intoDBA, intoIMOC = "Put somebody into rotation week of roster dba, or override it.", "Put somebody into rotation week of roster imoc, or override it."
	for name, c := range map[string]struct {
		given func(*house)
		want  []string
	}{
		"everybody can be paged": {func(*house) {}, nil},
		"gap at the weekend": {func(h *house) { h.week("dba", "ann", weekdays) },
			[]string{weekend + ", bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA}},
		"person without contacts": {func(h *house) { h.person("Ann") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: Ann (roster dba) has no contact. Give Ann a contact."}},
		"disabled contacts": {func(h *house) { h.person("Ann", "-push", "-sms", "-email") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: Ann (roster dba) has push and SMS disabled. Enable push or SMS for Ann."}},
		"channels that the server has no provider for": {func(h *house) { h.person("Ann", "email", "-voice") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: Ann (roster dba) has only e-mail and calls, which this server cannot send. " +
				"Give Ann a contact that this server can send to, or set it up to send e-mail or calls."}},
		"one contact is enough": {func(h *house) { h.person("Ann", "voice", "-push", "sms") }, nil},
		"person who is named and cannot be reached": {func(h *house) { h.levels("dba", "bob").person("Bob", "email") },
			[]string{all + ", bitbucket, " + mostly + ", level 2: Bob has only e-mail, which this server cannot send. " +
				"Give Bob a contact that this server can send to, or set it up to send e-mail."}},
		"person who is named and is gone": {func(h *house) { h.levels("mr-x") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: mr-x does not exist. Make the person mr-x, or name somebody else."}},
		"person who is on call and is gone": {func(h *house) { delete(h.People, "ann") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: ann (roster dba) does not exist. Make the person ann, or name somebody else."}},
		"empty roster": {func(h *house) { h.teams["dba"].Rotations = nil },
			[]string{all + ", bitbucket, " + mostly + ", level 1: nobody is on call in roster dba. Put somebody on call in roster dba, by a rotation or an override."}},
		"roster that is missing": {func(h *house) { h.levels("nobodys") },
			[]string{all + ", bitbucket, " + mostly + ", level 1: roster nobodys does not exist. Make roster nobodys, or name another."}},
		"level that names nobody": {func(h *house) { h.levels("dba", "") },
			[]string{all + ", bitbucket, " + mostly + ", level 2: nobody is named. Name a person or a roster."}},
		"one of two targets is enough": {func(h *house) { h.levels("dba bob").week("dba", "ann", weekdays) }, nil},
		"neither of two targets": {func(h *house) { h.levels("dba bob").person("Bob").week("dba", "ann", weekdays) },
			[]string{weekend + ", bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba; Bob has no contact. " + intoDBA}},
		"two targets whose gaps overlap": {func(h *house) {
			h.levels("dba dbb").week("dba", "ann", weekdays).week("dbb", "bob")
			h.override("dbb", rosters.TakeOff, "", "2026-01-16 09:00", "2026-01-17 12:00")
		}, []string{"Sat 2026-01-17 00:00 – 12:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba; nobody is on call in roster dbb. " + intoDBA}},
		"service without policy": {func(h *house) { h.Services[0].Policy = "" }, nil},
		"service whose policy is gone": {func(h *house) {
			h.Policies, h.CatchAll.LastResort = nil, nil
			h.week("imoc", "cat", weekdays)
		}, []string{
			weekend + ", the catch-all, every severity: nobody is on call in roster imoc. " + intoIMOC,
			weekend + ", alerts of an unknown service, severity 1 and 2: " + nobody("no last resort is named"),
			weekend + ", bitbucket, severity 1 and 2: " + nobody("no last resort is named"),
		}},
		"severity 3 has no hole outside working hours": {func(h *house) {
			h.override("dba", rosters.TakeOff, "", "2026-01-13 17:00", "2026-01-14 09:00")
		}, []string{"Tue 2026-01-13 17:00 – Wed 2026-01-14 09:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA}},
		"severity 3 has one from the first working hour on": {func(h *house) {
			h.override("dba", rosters.TakeOff, "", "2026-01-13 17:00", "2026-01-14 09:01")
		}, []string{"Tue 2026-01-13 17:00 – Wed 2026-01-14 09:01 UTC, bitbucket, " + mostly + ", level 1: nobody is on call in roster dba. " + intoDBA}},
		"all within working hours": {func(h *house) {
			h.override("dba", rosters.TakeOff, "", "2026-01-13 09:00", "2026-01-13 17:00")
		}, []string{"Tue 2026-01-13 09:00 – 17:00 UTC, bitbucket, " + every + ", level 1: nobody is on call in roster dba. " + intoDBA}},
		"a service that always works": {func(h *house) {
			h.Services[0].Hours.Windows = []rosters.Window{{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, From: "00:00", To: "24:00"}}
			h.week("dba", "ann", weekdays)
		}, []string{weekend + ", bitbucket, " + every + ", level 1: nobody is on call in roster dba. " + intoDBA}},
		"hours that cannot be read are always": {func(h *house) {
			h.Services[0].Hours.Zone = "Nowhere/Land"
			h.week("dba", "ann", weekdays)
		}, []string{weekend + ", bitbucket, " + every + ", level 1: nobody is on call in roster dba. " + intoDBA}},
		"empty catch-all: once, and the last resort is left": {func(h *house) {
			h.Services = append(h.Services, Service{ID: "jira"})
			delete(h.teams, "imoc")
		}, []string{all + ", the catch-all, every severity: roster imoc does not exist. Make roster imoc, or name another."}},
		"no catch-all at all": {func(h *house) { h.CatchAll.Roster = "" },
			[]string{all + ", the catch-all, every severity: nobody is named. Name a person or a roster."}},
		"last resort only": {func(h *house) {
			h.week("dba", "ann", weekdays).week("imoc", "cat", weekdays)
		}, []string{
			weekend + ", the catch-all, every severity: nobody is on call in roster imoc. " + intoIMOC,
			weekend + ", bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
		}},
		"nobody at all": {func(h *house) {
			h.Services = append(h.Services, Service{ID: "admin", Policy: "bitbucket"})
			h.week("dba", "ann", weekdays).week("imoc", "cat", weekdays).person("Zed", "-sms")
			h.override("imoc", rosters.Replace, "bob", "2026-01-17 12:00", "2026-01-17 18:00").person("Bob")
		}, []string{
			"Sat 2026-01-17 00:00 – 12:00 UTC, the catch-all, every severity: nobody is on call in roster imoc. " + intoIMOC,
			"Sat 2026-01-17 12:00 – 18:00 UTC, the catch-all, every severity: Bob (roster imoc) has no contact. Give Bob a contact.",
			"Sat 2026-01-17 18:00 – Mon 2026-01-19 00:00 UTC, the catch-all, every severity: nobody is on call in roster imoc. " + intoIMOC,
			weekend + ", alerts of an unknown service, severity 1 and 2: " + nobody("last resort Zed has SMS disabled"),
			weekend + ", admin, severity 1 and 2: " + nobody("last resort Zed has SMS disabled"),
			weekend + ", admin, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
			weekend + ", bitbucket, severity 1 and 2: " + nobody("last resort Zed has SMS disabled"),
			weekend + ", bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
		}},
		"a level that is not empty saves the ladder": {func(h *house) {
			h.CatchAll.LastResort = nil
			h.levels("dba", "bob").week("dba", "ann", weekdays).week("imoc", "cat", weekdays)
		}, []string{
			weekend + ", the catch-all, every severity: nobody is on call in roster imoc. " + intoIMOC,
			weekend + ", alerts of an unknown service, severity 1 and 2: " + nobody("no last resort is named"),
			weekend + ", bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
		}},
		"override that opens a hole": {func(h *house) {
			h.override("dba", rosters.Replace, "bob", "2026-01-17 14:00", "2026-01-18 02:00").person("Bob", "email")
		}, []string{"Sat 2026-01-17 14:00 – Sun 2026-01-18 02:00 UTC, bitbucket, severity 1 and 2, level 1: Bob (roster dba) has only e-mail, which this server cannot send. " +
			"Give Bob a contact that this server can send to, or set it up to send e-mail."}},
		"override that closes a part of a hole": {func(h *house) {
			h.week("dba", "ann", weekdays).override("dba", rosters.Replace, "bob", "2026-01-17 12:00", "2026-01-19 00:00")
		}, []string{"Sat 2026-01-17 00:00 – 12:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA}},
		"the clocks go forward": {func(h *house) {
			h.zone = "Europe/Berlin"
			h.between("2026-03-23", "2026-03-30").week("imoc", "cat")
			h.week("dba", "ann", rosters.Window{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, From: "06:00", To: "01:30"})
			h.override("dba", rosters.Add, "ann", "2026-03-23 00:00", "2026-03-28 12:00")
		}, []string{"Sun 2026-03-29 01:30 +01:00 – 06:00 +02:00 Europe/Berlin, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA}},
		"an hour that the clocks show twice": {func(h *house) {
			h.zone = "Europe/Berlin"
			h.between("2026-10-19", "2026-10-26").week("dba", "ann").week("imoc", "cat")
			o := rosters.Override{ID: "o", Kind: rosters.TakeOff, From: time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), To: time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)}
			h.teams["dba"].Overrides = []rosters.Override{o}
		}, []string{"Sun 2026-10-25 02:30 +02:00 – 02:30 +01:00 Europe/Berlin, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA}},
		"a gap between two rotations": {func(h *house) {
			from := h.from.AddDate(0, 0, 2)
			h.teams["dba"].Rotations[0].Until = from
			next := h.teams["dba"].Rotations[0]
			next.ID, next.From, next.Until = "month", from.Add(time.Hour), time.Time{}
			h.teams["dba"].Rotations = append(h.teams["dba"].Rotations, next)
			h.override("dba", rosters.TakeOff, "", "2026-01-12 00:00", "2026-01-12 01:00")
			h.override("dba", rosters.TakeOff, "", "2026-01-17 00:00", "2026-01-17 01:00")
		}, []string{
			"Mon 2026-01-12 00:00 – 01:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
			"Wed 2026-01-14 00:00 – 01:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. " + intoDBA,
			"Sat 2026-01-17 00:00 – 01:00 UTC, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. Put somebody into rotation month of roster dba, or override it.",
		}},
		"many who cannot be reached": {func(h *house) {
			h.teams["dba"].Rotations[0].Everyone = true
			h.teams["dba"].Rotations[0].Participants = []rosters.PersonID{"ann", "bob", "cat", "zed", "mr-x"}
			h.week("imoc", "eve").person("Eve", "push").person("Ann").person("Bob").person("Cat").person("Zed")
		}, []string{all + ", bitbucket, " + mostly + ", level 1: Ann (roster dba) has no contact; Bob (roster dba) has no contact; Cat (roster dba) has no contact; and 2 more. Give Ann a contact."}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			c.given(h)
			wantLines(t, h.texts(h.holes()), c.want)
		})
	}
}

// nobody is what is said of a whole ladder.
func nobody(lastResort string) string {
	return "nobody at all would be paged: every level and the catch-all are empty, and " + lastResort +
		". Put somebody who can be reached on call in the catch-all roster, or name a last resort who can be."
}

func wantLines(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// A hole tells for severity 3 exactly when it pages nobody, also where working hours end within it.
func TestCoverage_AHoleTellsItsWorkingHours(t *testing.T) {
	h := newHouse()
	h.Services[0].Hours = rosters.Hours{Zone: "Europe/Berlin"}
	h.override("dba", rosters.TakeOff, "", "2026-01-15 12:00", "2026-01-19 00:00").between("2026-01-12", "2026-01-26")
	holes := h.holes()
	at := func(day, hour int) time.Time { return time.Date(2026, 1, day, hour, 0, 0, 0, time.UTC) }
	want := []rosters.Span{{From: at(15, 12), To: at(15, 16)}, {From: at(16, 8), To: at(16, 16)}}
	if len(holes) != 1 || !slices.Equal(holes[0].Minor, want) {
		t.Fatalf("got %+v, want one hole with %v", holes, want)
	}
	for _, c := range []struct {
		at   time.Time
		s    Severity
		want bool
	}{{at(15, 11), Critical, false}, {at(15, 12), Critical, true}, {at(15, 12), Minor, true}, {at(15, 16), Minor, false}, {at(15, 16), Major, true}, {at(19, 0), Critical, false}} {
		if got := holes[0].Covers(c.at, c.s); got != c.want {
			t.Errorf("severity %d at %v: %v", c.s, c.at, got)
		}
	}
}

// Whoever needs only to know whether there is a hole, or shows the first few, pays for no more.
func TestCoverage_WhoeverHasEnoughStops(t *testing.T) {
	h := newHouse()
	h.Services = append(h.Services, Service{ID: "jira", Policy: "bitbucket"})
	h.person("Ann").holes()
	var seen []Hole
	for hole := range h.Holes(h.from, h.to) {
		seen = append(seen, hole)
		break
	}
	if len(seen) != 1 || seen[0].Service != "bitbucket" {
		t.Errorf("got %v", h.texts(seen))
	}
	if got := slices.Collect(h.Holes(h.to, h.from)); len(got) != 0 {
		t.Errorf("a span that ends before it begins has %v", h.texts(got))
	}
}

// The order does not depend on that of services and policies, nor on that of maps.
func TestCoverage_HolesComeInOneOrder(t *testing.T) {
	h := newHouse()
	for _, id := range []ServiceID{"wiki", "admin", "jira"} {
		h.Services = append(h.Services, Service{ID: id, Policy: "bitbucket"})
	}
	h.levels("dba", "mr-x").week("dba", "ann", officeHours...)
	want := h.texts(h.holes())
	for range 20 {
		slices.Reverse(h.Services)
		wantLines(t, h.texts(h.holes()), want)
	}
}

func TestCoverage_AChangeOpensAndClosesHoles(t *testing.T) {
	const where = " UTC, bitbucket, severity 1 and 2, level "
	const intoDBA = ": nobody is on call in roster dba. Put somebody into rotation week of roster dba, or override it."
	for name, c := range map[string]struct {
		before, after  func(*house)
		opened, closed []string
	}{
		"nothing": {func(h *house) { h.person("Ann") }, func(h *house) {}, nil, nil},
		"a gap": {func(h *house) {}, func(h *house) { h.week("dba", "ann", weekdays) },
			[]string{"Sat 2026-01-17 00:00 – Mon 2026-01-19 00:00" + where + "1" + intoDBA}, nil},
		"a contact": {func(h *house) { h.person("Ann") }, func(h *house) { h.person("Ann", "push") },
			nil, []string{"Mon 2026-01-12 00:00 – Mon 2026-01-19 00:00 UTC, bitbucket, severity 1 and 2, and 3 in working hours, level 1: Ann (roster dba) has no contact. Give Ann a contact."}},
		"a gap that moves": {
			func(h *house) {
				h.override("dba", rosters.TakeOff, "", "2026-01-17 06:00", "2026-01-17 12:00")
			},
			func(h *house) {
				h.teams["dba"].Overrides = nil
				h.override("dba", rosters.TakeOff, "", "2026-01-17 10:00", "2026-01-17 20:00")
			},
			[]string{"Sat 2026-01-17 12:00 – 20:00" + where + "1" + intoDBA},
			[]string{"Sat 2026-01-17 06:00 – 10:00" + where + "1" + intoDBA}},
		"a gap that splits": {
			func(h *house) { h.week("dba", "ann", weekdays) },
			func(h *house) {
				h.override("dba", rosters.Replace, "bob", "2026-01-17 10:00", "2026-01-17 20:00")
			},
			nil, []string{"Sat 2026-01-17 10:00 – 20:00" + where + "1" + intoDBA}},
		"another reason":   {func(h *house) { h.person("Ann") }, func(h *house) { delete(h.teams, "dba") }, nil, nil},
		"a level in front": {func(h *house) { h.week("dba", "ann", weekdays) }, func(h *house) { h.levels("bob", "dba") }, nil, nil},
		"an empty level in front": {func(h *house) { h.week("dba", "ann", weekdays) }, func(h *house) { h.levels("mr-x", "dba") },
			[]string{"Mon 2026-01-12 00:00 – Sat 2026-01-17 00:00 UTC, bitbucket, severity 1 and 2, and 3 in working hours, level 1: mr-x does not exist. Make the person mr-x, or name somebody else."}, nil},
		"a service": {func(h *house) { h.week("dba", "ann", weekdays) }, func(h *house) { h.Services = nil },
			nil, []string{"Sat 2026-01-17 00:00 – Mon 2026-01-19 00:00" + where + "1" + intoDBA}},
		"longer working hours": {
			func(h *house) {
				h.override("dba", rosters.TakeOff, "", "2026-01-13 12:00", "2026-01-13 20:00")
			},
			func(h *house) {
				h.Services[0].Hours.Windows = []rosters.Window{{Days: officeHours[0].Days, From: "09:00", To: "19:00"}}
			},
			[]string{"Tue 2026-01-13 17:00 – 19:00 UTC, bitbucket, severity 3, level 1" + intoDBA}, nil},
		"the catch-all": {func(h *house) {}, func(h *house) { h.week("imoc", "cat", weekdays) },
			[]string{"Sat 2026-01-17 00:00 – Mon 2026-01-19 00:00 UTC, the catch-all, every severity: nobody is on call in roster imoc. Put somebody into rotation week of roster imoc, or override it."}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			c.before(h)
			before := h.holes()
			h.People = maps.Clone(h.People)
			c.after(h)
			after := h.holes()
			opened, closed := CompareHoles(before, after)
			wantLines(t, h.texts(opened), c.opened)
			wantLines(t, h.texts(closed), c.closed)
			back, forth := CompareHoles(after, before)
			wantLines(t, h.texts(back), c.closed)
			wantLines(t, h.texts(forth), c.opened)
			slices.Reverse(before)
			slices.Reverse(after)
			opened, closed = CompareHoles(before, after)
			wantLines(t, h.texts(opened), c.opened)
			wantLines(t, h.texts(closed), c.closed)
			again, _ := CompareHoles(nil, opened)
			wantLines(t, h.texts(again), c.opened)
		})
	}
}

// A time in a zone without a name is told with its abbreviation.
func TestCoverage_TheReadersZoneIsTold(t *testing.T) {
	hole := Hole{Span: rosters.Span{From: monday10, To: monday10.Add(time.Hour)}}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[*time.Location]string{
		time.UTC:                 "Mon 2026-01-12 10:00 – 11:00 UTC",
		berlin:                   "Mon 2026-01-12 11:00 – 12:00 Europe/Berlin",
		time.FixedZone("", 3600): "Mon 2026-01-12 11:00 – 12:00 +0100",
	} {
		if got := hole.When(zone); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestCoverage_SpansThatOverlapOrTouchAreOne(t *testing.T) {
	hours := func(from, to int) rosters.Span {
		return rosters.Span{From: monday10.Add(time.Duration(from) * time.Hour), To: monday10.Add(time.Duration(to) * time.Hour)}
	}
	got := joined([]rosters.Span{hours(8, 9), hours(0, 6), hours(1, 2), hours(6, 7)})
	if want := []rosters.Span{hours(0, 7), hours(8, 9)}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Every cause says what is wrong, and what to do.
func TestCoverage_EveryCauseHasWords(t *testing.T) {
	for _, c := range []Cause{CauseNoTarget, CauseNoRoster, CauseNobodyOnCall, CauseNoPerson, CauseNoContact, CauseDisabled, CauseNoChannel, CauseNoLastResort} {
		trouble := Trouble{Cause: c, Person: "bob", Channels: []rosters.Channel{rosters.Voice}}
		if trouble.String() == string(c) || trouble.Remedy() == (Trouble{}).Remedy() {
			t.Errorf("%s: %q, %q", c, trouble, trouble.Remedy())
		}
	}
}
