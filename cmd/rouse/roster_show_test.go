package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// office is a Rouse that has one roster.
type office struct {
	url    string
	roster rosters.Roster
	names  map[rosters.PersonID]string
	now    time.Time
	asked  []string

	before  string // as GET /v1/rosters/{slug}/drill has them; "" is "0s"
	members []object
}

func newOffice(t *testing.T, now string, roster rosters.Roster) *office {
	t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := roster.Compile(); err != nil {
		t.Fatal(err)
	}
	o := &office{roster: roster, now: at, names: map[rosters.PersonID]string{
		"ann": "Ann Example", "bob": "Bob", "carla": "Carla de la Vega", "taro": "山田太郎", "anita": "अनीता देशपांडे", "zoe": "Zoë 👩‍💻", "ann2": "Ann Other",
	}}
	server := httptest.NewServer(http.HandlerFunc(o.answer))
	t.Cleanup(server.Close)
	o.url = server.URL
	return o
}

func (o *office) answer(w http.ResponseWriter, r *http.Request) {
	o.asked = append(o.asked, r.URL.RequestURI())
	from, _ := time.Parse(time.RFC3339, r.URL.Query().Get("from"))
	to, _ := time.Parse(time.RFC3339, r.URL.Query().Get("to"))
	shift := func(s rosters.Shift) object {
		out := object{"person": s.Person, "name": o.names[s.Person], "from": s.From, "to": s.To, "until": s.To}
		if s.Override != "" {
			out["override"], _ = strconv.Atoi(s.Override)
			out["instead_of"] = s.Instead
		} else {
			out["rotation"] = s.Rotation
		}
		return out
	}
	shifts := func(from, to time.Time) []object {
		list := []object{}
		for _, s := range o.roster.Shifts(from, to) {
			list = append(list, shift(s))
		}
		return list
	}
	answer := object{}
	switch path := "/v1/rosters/" + string(o.roster.ID); r.URL.Path {
	case path:
		rotations := []object{}
		for _, t := range o.roster.Rotations {
			rotations = append(rotations, object{"id": t.ID, "rank": t.Rank, "participants": t.Participants})
		}
		answer = object{"slug": o.roster.ID, "name": o.roster.Name, "rotations": rotations}
	case path + "/drill":
		answer = object{"before": cmp.Or(o.before, "0s"), "members": append([]object{}, o.members...)}
	case path + "/oncall":
		now := shifts(o.now, o.now.Add(time.Second))
		for i := range now {
			for _, s := range o.roster.Shifts(o.now, o.now.AddDate(0, 2, 0)) {
				if s.From.Equal(o.now) && s.Person == now[i]["person"] {
					now[i]["until"] = s.To
				}
			}
		}
		answer = object{"roster": o.roster.ID, "name": o.roster.Name, "at": o.now, "on_call": now}
	case path + "/shifts":
		answer = object{"from": from, "to": to, "items": shifts(from, to)}
	case path + "/overrides":
		items := []object{}
		for _, v := range o.roster.Overrides {
			id, _ := strconv.Atoi(v.ID)
			items = append(items, object{"id": id, "rotation": v.Rotation, "from": v.From, "to": v.To, "person": v.Person})
		}
		answer = object{"items": items}
	default:
		answerProblem(w, 404, "There is nothing of this name.")
		return
	}
	json.NewEncoder(w).Encode(answer)
}

func (o *office) show(t *testing.T, width int, args ...string) string {
	t.Helper()
	out, _, err := call(t, settingsOf("ROUSE_URL="+o.url, "ROUSE_TOKEN=rouse_test", fmt.Sprint("COLUMNS=", width)), append([]string{"roster", "show", string(o.roster.ID)}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func bitbucket() rosters.Roster {
	return rosters.Roster{ID: "bitbucket-im", Name: "Bitbucket incident managers", Rotations: []rosters.Rotation{{
		ID: "primary", Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{"ann", "bob", "carla"},
	}}, Overrides: []rosters.Override{
		{ID: "7", Person: "zoe", Replaces: "bob", From: at("2026-11-25T17:00:00Z"), To: at("2026-11-26T08:00:00Z")},
		{ID: "8", Kind: rosters.TakeOff, From: at("2026-12-05T09:00:00Z"), To: at("2026-12-06T09:00:00Z")},
	}}
}

func TestRosterShow(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", bitbucket())
	for _, width := range []int{80, 120, 60} {
		for _, zone := range []string{"Europe/Berlin", "America/New_York"} {
			_, city, _ := strings.Cut(zone, "/")
			golden(t, fmt.Sprintf("roster/weekly-%s-%d.txt", strings.ToLower(city), width), o.show(t, width, "--zone", zone))
		}
	}
}

// Whoever looks at a roster sees whether its people are drilled, and who was not reached.
func TestRosterShowTellsOfDrills(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", bitbucket())
	o.members = []object{{"person": "ann", "name": "Ann Example", "drill": object{"key": "TEST-7", "at": o.now.AddDate(0, 0, -3), "result": "passed", "answered_after": "14s", "channel": "sms"}},
		{"person": "bob", "name": "Bob", "drill": object{"key": "TEST-8", "at": o.now.Add(-time.Hour), "result": "failed"}}, {"person": "carla", "name": "Carla de la Vega"}}
	const last = `
Last drills:
  Ann Example       passed in 14s by sms, 3 days ago
  Bob               failed, 1 h ago
  Carla de la Vega  never
`
	for before, want := range map[string]string{"": "\nDrills: none before shifts\n", "2h": "\nDrills: 2h before each shift\n"} {
		o.before = before
		out := o.show(t, 80, "--weeks", "1")
		if !strings.Contains(out, want) || !strings.HasSuffix(out, last) {
			t.Errorf("%q before each shift: %s", before, out)
		}
	}
	o.before, o.members = "", []object{{"person": "ann", "name": "Ann Example"}}
	if out := o.show(t, 80, "--weeks", "1"); strings.Contains(out, "Last drills") {
		t.Errorf("where nobody is drilled: %s", out)
	}
}

func TestRosterShowAtClockChanges(t *testing.T) {
	night := bitbucket()
	night.Rotations[0].Rule = "FREQ=DAILY"
	night.Rotations[0].Start = "2026-01-05T02:30:00"
	night.Overrides = nil
	o := newOffice(t, "2026-11-20T12:00:00Z", night)
	golden(t, "roster/spring.txt", o.show(t, 80, "--zone", "Europe/Berlin", "--from", "2026-03-29", "--weeks", "1"))
	golden(t, "roster/autumn.txt", o.show(t, 80, "--zone", "Europe/Berlin", "--from", "2026-10-25", "--weeks", "1"))
	golden(t, "roster/no-midnight.txt", o.show(t, 80, "--zone", "America/Santiago", "--from", "2026-09-06", "--weeks", "1"))
}

// Two ranks, everyone of the second one on call together, nobody on Sundays, and overrides for one
// rotation, for all and besides.
func TestRosterShowWithRanks(t *testing.T) {
	roster := rosters.Roster{ID: "dba", Name: "Databases", Rotations: []rosters.Rotation{
		{ID: "evenings", Rank: 0, Zone: "Europe/Berlin", Start: "2026-01-05T00:00:00", Rule: "FREQ=WEEKLY", Everyone: true, Participants: []rosters.PersonID{"carla", "anita"},
			Hours: []rosters.Window{{Days: []time.Weekday{1, 2, 3, 4, 5, 6}, From: "00:00", To: "24:00"}}},
		{ID: "office-hours-of-the-databases", Rank: 2, Zone: "Europe/Berlin", Start: "2026-01-05T09:00:00", Rule: "FREQ=WEEKLY", Participants: []rosters.PersonID{"ann", "taro", "ann2"},
			Hours: []rosters.Window{{Days: []time.Weekday{1, 2, 3, 4, 5}, From: "09:00", To: "17:00"}}},
	}, Overrides: []rosters.Override{
		{ID: "3", Person: "zoe", Rotation: "office-hours-of-the-databases", From: at("2026-11-18T08:00:00Z"), To: at("2026-11-18T16:00:00Z")},
		{ID: "4", Kind: rosters.Add, Person: "bob", From: at("2026-11-19T00:00:00Z"), To: at("2026-11-20T00:00:00Z")},
	}}
	o := newOffice(t, "2026-11-18T12:00:00Z", roster)
	for _, width := range []int{80, 130, 79} {
		golden(t, fmt.Sprintf("roster/ranks-%d.txt", width), o.show(t, width, "--zone", "Europe/Berlin", "--weeks", "2"))
	}
}

func TestRosterShowOfNobody(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", rosters.Roster{ID: "imoc"})
	golden(t, "roster/nobody.txt", o.show(t, 80, "--weeks", "1"))
}

func TestRosterShowOfManyHandOvers(t *testing.T) {
	hourly := bitbucket()
	hourly.Rotations[0].Rule, hourly.Overrides = "FREQ=HOURLY", nil
	o := newOffice(t, "2026-11-20T12:00:00Z", hourly)
	golden(t, "roster/hourly.txt", o.show(t, 100, "--weeks", "1"))
}

func TestRosterShowAsksForWholeWeeksOfTheReader(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", bitbucket())
	o.show(t, 80, "--zone", "Europe/Berlin", "--from", "2026-10-21", "--weeks", "1")
	if want := "/v1/rosters/bitbucket-im/shifts?from=2026-10-18T22%3A00%3A00Z&to=2026-10-25T23%3A00%3A00Z"; o.asked[3] != want {
		t.Errorf("asked %s, want %s", o.asked[3], want)
	}
	o.asked = nil
	o.show(t, 80, "--zone", "Pacific/Kiritimati", "--weeks", "52")
	if want := "/v1/rosters/bitbucket-im/shifts?from=2026-11-15T10%3A00%3A00Z&to=2027-11-14T10%3A00%3A00Z"; o.asked[3] != want {
		t.Errorf("asked %s, want %s", o.asked[3], want)
	}
}

func TestRosterShowAsJSON(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", bitbucket())
	var got struct {
		Roster struct{ Slug string }
		OnCall struct{ At time.Time } `json:"on_call"`
		Shifts []rosterShift
		Gaps   []struct{ From, To time.Time }
	}
	if err := json.Unmarshal([]byte(o.show(t, 80, "--json")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Roster.Slug != "bitbucket-im" || !got.OnCall.At.Equal(o.now) || len(got.Shifts) == 0 || len(got.Gaps) != 1 || !got.Gaps[0].From.Equal(at("2026-12-05T09:00:00Z")) {
		t.Errorf("got %+v", got)
	}
}

func TestRosterShowOfNoRoster(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", bitbucket())
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"dba"}, 1, "there is no roster dba: `rouse oncall` lists the rosters there are"},
		{nil, 2, "SLUG is missing"},
		{[]string{"dba", "--weeks", "0"}, 2, "use 1 to 52"},
		{[]string{"dba", "--weeks", "53"}, 2, "use 1 to 52"},
		{[]string{"dba", "--from", "monday"}, 2, "is not a time"},
	} {
		_, _, err := call(t, settingsOf("ROUSE_URL="+o.url), append([]string{"roster", "show"}, test.args...)...)
		if err == nil || exitStatus(err) != test.status || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v: got %v", test.args, err)
		}
	}
}

func TestTheCalendarIsPaintedOnATerminal(t *testing.T) {
	o := newOffice(t, "2026-11-26T07:00:00Z", bitbucket())
	api := &client{base: o.url, http: http.DefaultClient}
	v, err := readRosterView(t.Context(), api, "bitbucket-im", o.now, 2, reader{time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	grid := v.grid(v.lanes(), 120).text(true)
	for _, want := range []string{
		"\x1b[31m09:00 nobody\x1b[0m", // a gap
		"\x1b[33mZoë 👩‍💻*\x1b[0m",     // an override, still on
		"\x1b[2m08:00 Bob",            // a hand-over that is past
		"\x1b[1m[Thu 26]\x1b[0m",
	} {
		if !strings.Contains(grid, want) {
			t.Errorf("%q is missing in\n%s", want, grid)
		}
	}
	if plain := v.grid(v.lanes(), 120).text(false); strings.Contains(plain, "\x1b") {
		t.Errorf("painted: %q", plain)
	}
}

// Whatever the names are, each day stands below its title.
func TestColumnsAreAligned(t *testing.T) {
	o := newOffice(t, "2026-11-20T12:00:00Z", rosters.Roster{ID: "web", Rotations: []rosters.Rotation{{
		ID: "日本", Zone: "UTC", Start: "2026-01-05T00:00:00", Rule: "FREQ=DAILY", Participants: []rosters.PersonID{"taro", "anita", "zoe", "bob", "ann", "ann2", "carla"},
	}}})
	for width := leastWidth; width < 220; width += 7 {
		lines := strings.Split(o.show(t, width, "--weeks", "1"), "\n")
		i := 0
		for !strings.HasPrefix(lines[i], "Nov 2026") {
			i++
		}
		names := lines[i+1]
		if got := columns.StringWidth(names); got > width {
			t.Errorf("%d columns of %d: %s", got, width, names)
		}
		for title, name := range map[string]string{"Wed 18": "Zoë", "Thu 19": "Bob", "Sun 22": "Carla"} {
			above, _, _ := strings.Cut(lines[i], title)
			before, _, found := strings.Cut(names, name)
			if !found || columns.StringWidth(before) != columns.StringWidth(above) {
				t.Errorf("%s does not stand below %s:\n%s\n%s", name, title, lines[i], names)
			}
		}
	}
}

func TestShortNamesAreNobodyElses(t *testing.T) {
	names := map[string]string{"ann": "Ann Example", "ann2": "Ann Other", "bob": "Bob", "bo": "Bob Smith-Featherstone", "x": "Xerxes-the-Great", "lo-ng-handle": "Maximiliane-Josephine Y"}
	short, complete := shortNames(names, 8)
	want := map[string]string{"ann": "ann", "ann2": "ann2", "bob": "Bob", "bo": "bo", "x": "x", "lo-ng-handle": "lo-ng-h…"}
	for handle := range names {
		if short[handle] != want[handle] {
			t.Errorf("%s is %q, want %q", handle, short[handle], want[handle])
		}
	}
	if complete {
		t.Error("a handle was cut, and nobody says so")
	}
	if short, complete = shortNames(names, 30); !complete || short["ann"] != "Ann Example" {
		t.Errorf("got %v", short)
	}
}

func TestTakingAShift(t *testing.T) {
	answer := `{"id":7,"kind":"replace","person":"ann","from":"2026-11-20T12:00:00Z","to":"2026-11-20T17:00:00Z","effects":{"changes":[
		{"roster":"dba","from":"2026-11-20T12:00:00Z","to":"2026-11-20T17:00:00Z","before":["bob","carla"],"after":["ann"]}]}}`
	api := newFakeAPI(t, map[string]string{"POST /v1/rosters/dba/overrides": answer})
	out, err := api.call(t, "roster", "take", "dba", "--from", "2026-11-20 13:00", "--until", "18:00", "--zone", "Europe/Berlin")
	want := "ann is on call in dba, Fri 2026-11-20 13:00 CET – Fri 2026-11-20 18:00 CET (override 7; --cancel 7 takes it back).\n" +
		"  Fri 2026-11-20 13:00 CET – Fri 2026-11-20 18:00 CET: ann instead of bob and carla\n"
	if err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if want := `POST /v1/rosters/dba/overrides {"from":"2026-11-20T13:00:00+01:00","to":"2026-11-20T18:00:00+01:00"}`; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
}

func TestAnOverrideIsRehearsed(t *testing.T) {
	api := newFakeAPI(t, map[string]string{"POST /v1/rosters/dba/overrides": `{"dry_run":true,"status":201,
		"result":{"id":7,"kind":"take_off","replaces":"bob","from":"2026-11-20T22:30:00Z","to":"2026-11-21T05:00:00Z"},
		"effects":{"changes":[{"from":"2026-11-20T22:30:00Z","to":"2026-11-21T05:00:00Z","before":["bob"],"after":[]}],
			"holes_opened":[{"kind":"level","from":"2026-11-20T22:30:00Z","to":"2026-11-21T05:00:00Z","where":"bitbucket, severity 1 and 2, level 1",
				"problem":"nobody is on call in roster dba","remedy":"Override it"}]}}`})
	out, err := api.call(t, "roster", "override", "dba", "--off", "--replaces", "bob", "--from", "2026-11-20 23:30", "--to", "06:00", "--zone", "Europe/Berlin", "--dry-run")
	want := "Nothing is saved. It would be:\nbob is taken off call in dba, Fri 2026-11-20 23:30 CET – Sat 2026-11-21 06:00 CET.\n" +
		"  Fri 2026-11-20 23:30 CET – Sat 2026-11-21 06:00 CET: nobody instead of bob\n" +
		"  Hole: Fri 2026-11-20 23:30 CET – Sat 2026-11-21 06:00 CET, bitbucket, severity 1 and 2, level 1: nobody is on call in roster dba. Override it.\n"
	if err != nil || out != want {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
	if want := `POST /v1/rosters/dba/overrides?dry_run=true {"kind":"take_off","replaces":"bob","from":"2026-11-20T23:30:00+01:00","to":"2026-11-21T06:00:00+01:00"}`; api.asked[0] != want {
		t.Errorf("asked %s, want %s", api.asked[0], want)
	}
	for _, args := range [][]string{{"--to", "18:00"}, {"--person", "bob"}, {"--off", "--person", "bob", "--to", "18:00"}, {"--off", "--add", "--to", "18:00"}, {"--person", "bob", "--to", "tomorrow"}} {
		if _, err := api.call(t, append([]string{"roster", "override", "dba"}, args...)...); exitStatus(err) != 2 {
			t.Errorf("%v: %v, want that it is asked wrongly", args, err)
		}
	}
}

func TestSwappingShifts(t *testing.T) {
	const swap = `{"id":7,"proposer":"ann","partner":"bob","give":{"from":"2026-12-24T08:00:00Z","to":"2026-12-25T08:00:00Z"},"take":{"from":"2026-12-30T08:00:00Z","to":"2026-12-31T08:00:00Z"},"state":"proposed","proposed_at":"2026-11-20T12:00:00Z"}`
	const shifts = `{"items":[{"person":"ann","rotation":"week","from":"2026-12-24T08:00:00Z","to":"2026-12-25T08:00:00Z"},
		{"person":"bob","rotation":"week","from":"2026-12-30T08:00:00Z","to":"2026-12-31T08:00:00Z"}]}`
	api := newFakeAPI(t, map[string]string{"POST /v1/rosters/dba/swaps": swap, "GET /v1/rosters/dba/swaps": `{"items":[` + swap + `]}`,
		"POST /v1/rosters/dba/swaps/7/accept": strings.Replace(swap, "proposed", "accepted", 1), "GET /v1/rosters/dba/shifts": shifts})
	out, err := api.call(t, "roster", "swap", "dba", "--with", "bob", "--give", "2026-12-24 12:00", "--take", "2026-12-30 12:00", "--zone", "UTC")
	if err != nil || !strings.Contains(out, "7     proposed  ann   bob  Thu 2026-12-24 08:00 UTC – Fri 2026-12-25 08:00 UTC  Wed 2026-12-30 08:00 UTC – Thu 2026-12-31 08:00 UTC") {
		t.Errorf("got %q, %v", out, err)
	}
	want := `POST /v1/rosters/dba/swaps {"partner":"bob","give":{"from":"2026-12-24T08:00:00Z","to":"2026-12-25T08:00:00Z"},"take":{"from":"2026-12-30T08:00:00Z","to":"2026-12-31T08:00:00Z"}}`
	if got := api.asked[len(api.asked)-1]; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if out, err := api.call(t, "roster", "swap", "dba", "--accept", "7"); err != nil || !strings.Contains(out, "accepted") {
		t.Errorf("got %q, %v", out, err)
	}
	if out, err := api.call(t, "roster", "swap", "dba"); err != nil || !strings.Contains(out, "proposed") {
		t.Errorf("got %q, %v", out, err)
	}
	if _, err := api.call(t, "roster", "swap", "dba", "--with", "bob", "--give", "2026-12-28 12:00"); exitStatus(err) != 1 || !strings.Contains(err.Error(), "no shift of anybody but bob") {
		t.Errorf("a moment without a shift: %v", err)
	}
	for _, args := range [][]string{{"--with", "bob"}, {"--accept", "7", "--decline", "8"}, {"--accept", "7", "--with", "bob"}} {
		if _, err := api.call(t, append([]string{"roster", "swap", "dba"}, args...)...); exitStatus(err) != 2 {
			t.Errorf("%v: %v, want that it is asked wrongly", args, err)
		}
	}
}
