package engine

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"rouse/rosters"
)

// frozen is the house as it is now, whatever is done to it later.
func (h *house) frozen() Coverage {
	c := h.Coverage
	c.Services, c.Policies, c.People, c.Channels = slices.Clone(c.Services), slices.Clone(c.Policies), maps.Clone(c.People), maps.Clone(c.Channels)
	for i := range c.Policies {
		c.Policies[i].Levels = slices.Clone(c.Policies[i].Levels)
	}
	c.Calendars = map[rosters.RosterID]*rosters.Calendar{}
	for id, roster := range h.teams {
		c.Calendars[id], _ = roster.Compile()
	}
	return c
}

// wait is how long the levels of bitbucket's policy wait, from the first on.
func (h *house) wait(waits ...time.Duration) *house {
	for i, wait := range waits {
		h.Policies[0].Levels[i].Wait = wait
	}
	return h
}

// service has bitbucket's policy.
func (h *house) service(id ServiceID) *house {
	h.Services = append(h.Services, Service{ID: id, Policy: "bitbucket"})
	return h
}

func (h *house) open(from, to string) *house {
	h.Services[0].Hours.Windows = []rosters.Window{{Days: officeHours[0].Days, From: from, To: to}}
	return h
}

// turns lets several people take turns in a roster, a day each.
func (h *house) turns(id rosters.RosterID, people ...rosters.PersonID) *house {
	h.week(id, "")
	h.teams[id].Rotations[0].Rule, h.teams[id].Rotations[0].Participants = "FREQ=DAILY", people
	return h
}

func (h *house) moves(before, after Coverage) []string {
	var texts []string
	for _, c := range PageChanges(before, after, h.from, h.to) {
		texts = append(texts, c.Text(h.reader()))
	}
	return texts
}

func TestPageChanges_TellWhoIsPagedInsteadOfWhom(t *testing.T) {
	const all, weekend = "Mon 2026-01-12 00:00 – Mon 2026-01-19 00:00 UTC, ", "Sat 2026-01-17 00:00 – Mon 2026-01-19 00:00 UTC, "
	const mostly = "severity 1 and 2, and 3 in working hours, "
	nothing := func(*house) {}
	for name, c := range map[string]struct {
		given, change func(*house)
		want          []string
	}{
		"nothing": {nothing, nothing, nil},
		"another name": {nothing, func(h *house) {
			h.People["ann"] = rosters.Person{ID: "ann", Name: "Anna", Contacts: h.People["ann"].Contacts}
		}, nil},
		"one contact of two":         {nothing, func(h *house) { h.person("Ann", "push", "-sms") }, nil},
		"somebody whom nobody pages": {nothing, func(h *house) { h.person("Bob") }, nil},
		"the last contact: the catch-all is left, at once": {nothing, func(h *house) { h.person("Ann", "-push") }, []string{
			all + "bitbucket, " + mostly + "level 1: nobody instead of Ann",
			all + "bitbucket, " + mostly + "the catch-all: Cat at once instead of after 5 min"}},
		"a contact comes back": {func(h *house) { h.person("Ann") }, func(h *house) { h.person("Ann", "sms") }, []string{
			all + "bitbucket, " + mostly + "level 1: Ann instead of nobody",
			all + "bitbucket, " + mostly + "the catch-all: Cat after 5 min instead of at once"}},
		"somebody goes": {func(h *house) { h.levels("dba bob") }, func(h *house) { delete(h.People, "bob") },
			[]string{all + "bitbucket, " + mostly + "level 1: Ann instead of Ann and Bob"}},
		"a channel": {func(h *house) { h.person("Ann", "push").levels("dba bob").person("Bob", "sms") },
			func(h *house) { h.Channels[rosters.Push] = false }, []string{all + "bitbucket, " + mostly + "level 1: Bob instead of Ann and Bob"}},
		"levels that change places": {func(h *house) { h.levels("dba", "bob") }, func(h *house) { h.levels("bob", "dba") }, []string{
			all + "bitbucket, " + mostly + "level 1: Bob instead of Ann",
			all + "bitbucket, " + mostly + "level 2 (after 5 min): Ann instead of Bob"}},
		"a level in another order":                           {func(h *house) { h.levels("dba bob") }, func(h *house) { h.levels("bob dba") }, nil},
		"somebody named twice":                               {func(h *house) { h.levels("dba bob") }, func(h *house) { h.levels("bob dba ann") }, nil},
		"a person instead of the roster they are on call in": {nothing, func(h *house) { h.levels("ann") }, nil},
		"a level at the end": {nothing, func(h *house) { h.levels("dba", "bob") }, []string{
			all + "bitbucket, " + mostly + "level 2 (after 5 min): Bob instead of nobody",
			all + "bitbucket, " + mostly + "the catch-all: Cat after 10 min instead of after 5 min"}},
		"a level less": {func(h *house) { h.levels("dba", "bob") }, func(h *house) { h.levels("dba") }, []string{
			all + "bitbucket, " + mostly + "level 2 (after 5 min): nobody instead of Bob",
			all + "bitbucket, " + mostly + "the catch-all: Cat after 5 min instead of after 10 min"}},
		"a level that has nobody": {nothing, func(h *house) { h.levels("dba", "mr-x", "") }, nil},
		"no policy": {nothing, func(h *house) { h.Policies = nil }, []string{
			all + "bitbucket, " + mostly + "level 1: nobody instead of Ann",
			all + "bitbucket, " + mostly + "the catch-all: Cat at once instead of after 5 min"}},
		"a wait": {func(h *house) { h.levels("dba", "bob").service("jira") }, func(h *house) { h.wait(90 * time.Second) }, []string{
			all + "bitbucket, " + mostly + "level 2: Bob after 1 min 30 s instead of after 5 min",
			all + "bitbucket, " + mostly + "the catch-all: Cat after 6 min 30 s instead of after 10 min",
			all + "jira, " + mostly + "level 2: Bob after 1 min 30 s instead of after 5 min",
			all + "jira, " + mostly + "the catch-all: Cat after 6 min 30 s instead of after 10 min"}},
		"a wait that is spelt out": {nothing, func(h *house) { h.wait(DefaultWait) }, nil},
		"a wait that nobody waits": {func(h *house) { h.levels("mr-x", "dba") }, func(h *house) { h.levels("mr-x", "dba").wait(time.Hour) }, nil},
		"a wait, and others": {func(h *house) { h.levels("dba", "bob") }, func(h *house) { h.levels("dba", "zed").wait(time.Hour) }, []string{
			all + "bitbucket, " + mostly + "level 2: Zed after 1 h instead of Bob after 5 min",
			all + "bitbucket, " + mostly + "the catch-all: Cat after 1 h 5 min instead of after 10 min"}},
		"a night that is swapped": {nothing, func(h *house) {
			h.override("dba", rosters.Replace, "bob", "2026-01-13 18:00", "2026-01-14 08:00")
		}, []string{"Tue 2026-01-13 18:00 – Wed 2026-01-14 08:00 UTC, bitbucket, severity 1 and 2, level 1: Bob instead of Ann"}},
		"a day that is swapped": {nothing, func(h *house) {
			h.override("dba", rosters.Replace, "bob", "2026-01-13 09:00", "2026-01-13 17:00")
		}, []string{"Tue 2026-01-13 09:00 – 17:00 UTC, bitbucket, every severity, level 1: Bob instead of Ann"}},
		"somebody who cannot be reached takes over": {nothing, func(h *house) {
			h.override("dba", rosters.Replace, "bob", "2026-01-17 12:00", "2026-01-17 18:00").person("Bob", "email")
		}, []string{
			"Sat 2026-01-17 12:00 – 18:00 UTC, bitbucket, severity 1 and 2, level 1: nobody instead of Ann",
			"Sat 2026-01-17 12:00 – 18:00 UTC, bitbucket, severity 1 and 2, the catch-all: Cat at once instead of after 5 min"}},
		"a roster that opens a gap": {func(h *house) { h.levels("dba", "bob") }, func(h *house) { h.week("dba", "ann", weekdays) }, []string{
			weekend + "bitbucket, severity 1 and 2, level 1: nobody instead of Ann",
			weekend + "bitbucket, severity 1 and 2, level 2: Bob at once instead of after 5 min",
			weekend + "bitbucket, severity 1 and 2, the catch-all: Cat after 5 min instead of after 10 min"}},
		"turns": {func(h *house) { h.turns("dba", "ann", "bob").between("2026-01-12", "2026-01-15") }, func(h *house) { h.turns("dba", "bob", "ann") }, []string{
			"Mon 2026-01-12 00:00 – Tue 2026-01-13 00:00 UTC, bitbucket, " + mostly + "level 1: Ann instead of Bob",
			"Tue 2026-01-13 00:00 – Wed 2026-01-14 00:00 UTC, bitbucket, " + mostly + "level 1: Bob instead of Ann",
			"Wed 2026-01-14 00:00 – Thu 2026-01-15 00:00 UTC, bitbucket, " + mostly + "level 1: Ann instead of Bob"}},
		"a roster goes": {nothing, func(h *house) { delete(h.teams, "dba") }, []string{
			all + "bitbucket, " + mostly + "level 1: nobody instead of Ann",
			all + "bitbucket, " + mostly + "the catch-all: Cat at once instead of after 5 min"}},
		"longer hours": {func(h *house) { h.between("2026-01-12", "2026-01-14") }, func(h *house) { h.open("09:00", "18:00") }, []string{
			"Mon 2026-01-12 17:00 – 18:00 UTC, bitbucket, severity 3, level 1: Ann instead of nobody",
			"Mon 2026-01-12 17:00 – 18:00 UTC, bitbucket, severity 3, the catch-all (after 5 min): Cat instead of nobody",
			"Tue 2026-01-13 17:00 – 18:00 UTC, bitbucket, severity 3, level 1: Ann instead of nobody",
			"Tue 2026-01-13 17:00 – 18:00 UTC, bitbucket, severity 3, the catch-all (after 5 min): Cat instead of nobody"}},
		"later hours": {func(h *house) { h.between("2026-01-13", "2026-01-14").service("jira") }, func(h *house) { h.open("10:00", "17:30") }, []string{
			"Tue 2026-01-13 09:00 – 10:00 UTC, bitbucket, severity 3, level 1: nobody instead of Ann",
			"Tue 2026-01-13 09:00 – 10:00 UTC, bitbucket, severity 3, the catch-all (after 5 min): nobody instead of Cat",
			"Tue 2026-01-13 17:00 – 17:30 UTC, bitbucket, severity 3, level 1: Ann instead of nobody",
			"Tue 2026-01-13 17:00 – 17:30 UTC, bitbucket, severity 3, the catch-all (after 5 min): Cat instead of nobody"}},
		"shorter hours, and no policy": {func(h *house) { h.between("2026-01-13", "2026-01-14") }, func(h *house) { h.open("09:00", "16:00").Policies = nil }, []string{
			"Tue 2026-01-13 00:00 – Wed 2026-01-14 00:00 UTC, bitbucket, " + mostly + "level 1: nobody instead of Ann",
			"Tue 2026-01-13 00:00 – Wed 2026-01-14 00:00 UTC, bitbucket, " + mostly + "the catch-all: Cat at once instead of after 5 min",
			"Tue 2026-01-13 16:00 – 17:00 UTC, bitbucket, severity 3, the catch-all (after 5 min): nobody instead of Cat"}},
		"hours that are spelt out": {nothing, func(h *house) { h.open("09:00", "17:00").Services[0].Hours.Zone = "UTC" }, nil},
		"longer hours, and others": {nothing, func(h *house) {
			h.between("2026-01-13", "2026-01-14").open("09:00", "18:00").override("dba", rosters.Replace, "bob", "2026-01-13 12:00", "2026-01-13 20:00")
		}, []string{
			"Tue 2026-01-13 12:00 – 20:00 UTC, bitbucket, " + mostly + "level 1: Bob instead of Ann",
			"Tue 2026-01-13 17:00 – 18:00 UTC, bitbucket, severity 3, level 1: Bob instead of nobody",
			"Tue 2026-01-13 17:00 – 18:00 UTC, bitbucket, severity 3, the catch-all (after 5 min): Cat instead of nobody"}},
		"a new service": {nothing, func(h *house) { h.service("admin") }, []string{
			all + "admin, " + mostly + "level 1: Ann instead of nobody",
			all + "admin, " + mostly + "the catch-all (after 5 min): Cat instead of nobody"}},
		"a new service without a policy": {nothing, func(h *house) { h.Services = append(h.Services, Service{ID: "admin"}) },
			[]string{all + "admin, " + mostly + "the catch-all: Cat instead of nobody"}},
		"a service goes": {func(h *house) { h.levels("dba", "bob") }, func(h *house) { h.Services = nil }, []string{
			all + "bitbucket, " + mostly + "level 1: nobody instead of Ann",
			all + "bitbucket, " + mostly + "level 2 (after 5 min): nobody instead of Bob",
			all + "bitbucket, " + mostly + "the catch-all (after 10 min): nobody instead of Cat"}},
		"the catch-all, once": {func(h *house) { h.service("admin").service("jira") }, func(h *house) {
			h.override("imoc", rosters.Replace, "bob", "2026-01-17 00:00", "2026-01-19 00:00")
		}, []string{weekend + "the catch-all, every severity: Bob instead of Cat"}},
		"the catch-all, once, and later for one service": {func(h *house) { h.service("jira") }, func(h *house) {
			h.Services[1].Policy = ""
			h.override("imoc", rosters.Replace, "bob", "2026-01-17 00:00", "2026-01-19 00:00")
		}, []string{
			weekend + "the catch-all, every severity: Bob instead of Cat",
			all + "jira, " + mostly + "level 1: nobody instead of Ann",
			"Mon 2026-01-12 00:00 – Sat 2026-01-17 00:00 UTC, jira, " + mostly + "the catch-all: Cat at once instead of after 5 min",
			weekend + "jira, severity 1 and 2, the catch-all: Bob at once instead of Cat after 5 min"}},
		"an empty catch-all is the last resort": {nothing, func(h *house) { h.week("imoc", "cat", weekdays) },
			[]string{weekend + "the catch-all, every severity: Zed instead of Cat"}},
		"another last resort": {func(h *house) { h.week("imoc", "cat", weekdays) }, func(h *house) { h.CatchAll.LastResort = []rosters.PersonID{"bob", "zed"} },
			[]string{weekend + "the catch-all, every severity: Bob and Zed instead of Zed"}},
		"a last resort that is not needed": {nothing, func(h *house) { h.CatchAll.LastResort = nil }, nil},
		"how long the catch-all waits":     {nothing, func(h *house) { h.CatchAll.Wait = time.Hour }, nil},
		"nobody at all": {nothing, func(h *house) { h.person("Ann").person("Cat").person("Zed") }, []string{
			all + "the catch-all, every severity: nobody instead of Cat",
			all + "bitbucket, " + mostly + "level 1: nobody instead of Ann"}},
		"two of one name": {func(h *house) {
			h.People["eve"] = rosters.Person{ID: "eve", Name: "Ann", Contacts: h.People["ann"].Contacts}
		}, func(h *house) { h.levels("eve") }, []string{all + "bitbucket, " + mostly + "level 1: eve instead of ann"}},
		"somebody without a name": {nothing, func(h *house) {
			h.People["eve"] = rosters.Person{ID: "eve", Contacts: h.People["ann"].Contacts}
			h.levels("dba zed eve")
		}, []string{all + "bitbucket, " + mostly + "level 1: Ann, eve and Zed instead of Ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			c.given(h)
			before := h.frozen()
			h.Coverage = h.frozen()
			c.change(h)
			wantLines(t, h.moves(before, h.frozen()), c.want)
		})
	}
}

// Programs read fields: handles in their order, and for severity 3 exactly the working hours.
func TestPageChanges_AreReadByPrograms(t *testing.T) {
	h := newHouse().levels("mr-x", "dba")
	h.Services[0].Hours = rosters.Hours{Zone: "Europe/Berlin"}
	before := h.frozen()
	h.Coverage = h.frozen()
	h.levels("zed", "dba bob").override("dba", rosters.TakeOff, "", "2026-01-15 12:00", "2026-01-19 00:00")
	found := PageChanges(before, h.frozen(), h.from, h.to)
	at := func(day, hour int) time.Time { return time.Date(2026, 1, day, hour, 0, 0, 0, time.UTC) }
	want := PageChange{Span: rosters.Span{From: at(15, 12), To: at(19, 0)}, Service: "bitbucket", Severities: []Severity{Critical, Major, Minor},
		Minor: []rosters.Span{{From: at(15, 12), To: at(15, 16)}, {From: at(16, 8), To: at(16, 16)}}, Level: 2,
		Before: Rung{People: []rosters.PersonID{"ann"}, Names: []string{"Ann"}},
		After:  Rung{People: []rosters.PersonID{"bob"}, Names: []string{"Bob"}, After: DefaultWait}}
	i := slices.IndexFunc(found, func(c PageChange) bool { return c.From.Equal(at(15, 12)) && c.Level == 2 })
	if i < 0 || !reflect.DeepEqual(found[i], want) {
		t.Fatalf("got %+v, want one of them to be %+v", found, want)
	}
	for _, c := range []struct {
		at   time.Time
		s    Severity
		want bool
	}{{at(15, 11), Critical, false}, {at(15, 12), Critical, true}, {at(15, 12), Minor, true}, {at(15, 16), Minor, false}, {at(15, 16), Major, true}, {at(19, 0), Critical, false}} {
		if got := found[i].Covers(c.at, c.s); got != c.want {
			t.Errorf("severity %d at %v: %v", c.s, c.at, got)
		}
	}
}

// Rule 9: hours alone concern severity 3 alone, and the other way round the other way.
func TestPageChanges_BackIsTheOtherWayRound(t *testing.T) {
	h := newHouse()
	before := h.frozen()
	h.Coverage = h.frozen()
	after := h.open("10:00", "18:00").service("wiki").week("imoc", "bob").levels("dba", "zed").wait(time.Minute).frozen()
	there, back := PageChanges(before, after, h.from, h.to), PageChanges(after, before, h.from, h.to)
	for i := range back {
		back[i].Before, back[i].After = back[i].After, back[i].Before
		if back[i].CatchAll && back[i].Service == "bitbucket" {
			back[i].Level++ // it has a level more the other way round
		}
	}
	if len(there) == 0 || !reflect.DeepEqual(there, back) {
		t.Errorf("there\n  %+v\nback\n  %+v", there, back)
	}
}

// The order does not depend on that of services and policies, nor on that of maps.
func TestPageChanges_ComeInOneOrder(t *testing.T) {
	h := newHouse().service("wiki").service("admin").service("jira")
	before := h.frozen()
	h.Coverage = h.frozen()
	after := h.service("new").turns("dba", "bob", "cat").week("imoc", "zed").frozen()
	want := h.moves(before, after)
	for range 20 {
		slices.Reverse(before.Services)
		slices.Reverse(after.Services)
		wantLines(t, h.moves(before, after), want)
	}
}

func TestPageChanges_OfNoTimeAreNone(t *testing.T) {
	h := newHouse()
	if got := PageChanges(h.frozen(), Coverage{}, h.to, h.from); got != nil {
		t.Errorf("a span that ends before it begins has %v", got)
	}
	if got := PageChanges(Coverage{}, Coverage{}, h.from, h.to); got != nil {
		t.Errorf("nothing at all has %v", got)
	}
	if got := PageChanges(h.frozen(), h.frozen(), h.from, h.to); got != nil {
		t.Errorf("no change has %v", got)
	}
}
