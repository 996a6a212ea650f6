package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rouse/rosters"
)

// Where alerts go before anybody looks at a policy: the operator's words, rules, maintenances.

// when is a condition in Go.
type when func(*Facts) bool

func (w when) Holds(f *Facts) (bool, error) { return w(f), nil }

// never is a condition that must not be asked.
func never(t *testing.T) Condition {
	return when(func(*Facts) bool {
		t.Helper()
		t.Error("a rule was asked that stands behind the one that decides")
		return true
	})
}

func rule(c Condition, r Rule) ReadyRule {
	if r.ID == "" {
		r.ID = "rule"
	}
	return ReadyRule{r, c}
}

// known are the services of two teams.
func known(id ServiceID) *Service {
	switch id {
	case "db":
		return &Service{ID: "db", Owner: "dba"}
	case "web":
		return &Service{ID: "web", Owner: "front"}
	case "mail":
		return &Service{ID: "mail"}
	}
	return nil
}

func (r Routing) of(a Alert) Routed { return r.Route(a, monday10, known) }

func (r Routed) reasons() (all []Reason) {
	for _, n := range r.Decisions {
		all = append(all, n.Reason)
	}
	return all
}

func TestRouting_WithoutARuleAnAlertGoesWhereItSays(t *testing.T) {
	a := Alert{Service: "db", Severity: Major, Word: "high", Source: "zabbix", Summary: "disk full", DedupKey: "db-1"}
	got := Routing{}.of(a)
	if got.Service != "db" || got.Severity != Major || got.Summary != "disk full" || got.DedupKey != "db-1" || got.Policy != "" || got.Page != nil ||
		got.Unpaged || got.Failed != "" || got.Decisions != nil {
		t.Errorf("got %+v", got)
	}
}

func TestRouting_TheFirstRuleThatMatchesWins(t *testing.T) {
	r := Routing{Rules: []ReadyRule{
		rule(certain(true), Rule{ID: "off", Severity: Critical, Off: true}),
		rule(certain(false), Rule{ID: "broken", Off: true}), // what is off is not even asked
		rule(when(func(f *Facts) bool { return f.Service == "web" }), Rule{ID: "web", Severity: Critical}),
		rule(certain(true), Rule{ID: "all", Severity: Minor}),
		rule(never(t), Rule{ID: "late"}),
	}}
	got := r.of(Alert{Service: "db", Severity: Major})
	if got.Severity != Minor || len(got.Decisions) != 1 || got.Decisions[0].Basis["rule"] != "all" {
		t.Errorf("got severity %d: %+v", got.Severity, got.Decisions)
	}
	r.Rules[4] = rule(certain(true), Rule{ID: "late", Severity: Major})
	if got := r.of(Alert{Service: "web", Severity: Major}); got.Severity != Critical || got.Decisions[0].Basis["rule"] != "web" {
		t.Errorf("got severity %d: %+v", got.Severity, got.Decisions)
	}
}

func TestRouting_ARuleSaysWhatBecomesOfTheAlert(t *testing.T) {
	all := Rule{ID: "all", Service: "web", Severity: Critical, Policy: "night", Page: []rosters.RosterID{"dba", "net"}}
	got := Routing{Rules: []ReadyRule{rule(certain(true), all)}}.of(Alert{Service: "db", Severity: Minor})
	if got.Service != "web" || got.Severity != Critical || got.Policy != "night" || !slices.Equal(got.Page, all.Page) {
		t.Errorf("got %+v", got)
	}
	n := got.Decisions[0]
	if want := "Rule all matches, service web, severity 1, policy night, pages dba, pages net."; n.Text != want || n.Reason != ReasonRule {
		t.Errorf("%s: %s\nwant %s", n.Reason, n.Text, want)
	}
	want := map[string]string{"rule": "all", "service": "web", "severity": "1", "policy": "night", "pages": "dba, net"}
	if !maps.Equal(n.Basis, want) {
		t.Errorf("decided from %v, want %v", n.Basis, want)
	}

	// What it says nothing of stays.
	got = Routing{Rules: []ReadyRule{rule(certain(true), Rule{ID: "none"})}}.of(Alert{Service: "db", Severity: Minor})
	if got.Service != "db" || got.Severity != Minor || got.Policy != "" || got.Page != nil || got.Decisions[0].Text != "Rule none matches." {
		t.Errorf("got %+v", got)
	}
}

func TestRouting_TheTeamsRulesComeAfterThoseForAll(t *testing.T) {
	r := Routing{
		Rules: []ReadyRule{rule(certain(true), Rule{ID: "all", Severity: Critical, Policy: "day", Page: []rosters.RosterID{"net"}})},
		Teams: map[rosters.TeamID][]ReadyRule{
			"dba": {
				rule(when(func(f *Facts) bool { return f.Severity != Critical || f.Team != "dba" }), Rule{ID: "before"}),
				rule(certain(true), Rule{ID: "team", Policy: "night", Page: []rosters.RosterID{"net", "dba"}}),
				rule(never(t), Rule{ID: "late"}),
			},
			"front": {rule(never(t), Rule{ID: "front"})},
			"":      {rule(never(t), Rule{ID: "nobody's"})},
		},
	}
	got := r.of(Alert{Service: "db", Severity: Minor})
	if got.Severity != Critical || got.Policy != "night" || !slices.Equal(got.Page, []rosters.RosterID{"net", "dba"}) {
		t.Errorf("got %+v", got) // a roster is paged once, whoever wants it
	}
	if len(got.Decisions) != 2 || got.Decisions[1].Text != "Rule team matches, policy night, pages dba." {
		t.Errorf("got %+v", got.Decisions)
	}
	for _, nobodys := range []ServiceID{"mail", "gone", ""} {
		if got := r.of(Alert{Service: nobodys, Severity: Minor}); len(got.Decisions) != 1 {
			t.Errorf("%q: got %+v", nobodys, got.Decisions)
		}
	}
}

func TestRouting_TheTeamIsThatOfTheServiceByThen(t *testing.T) {
	var asked []rosters.TeamID
	team := func(f *Facts) bool { asked = append(asked, f.Team); return true }
	r := Routing{
		Rules: []ReadyRule{rule(when(team), Rule{ID: "moves", Service: "web"})},
		Teams: map[rosters.TeamID][]ReadyRule{"dba": {rule(never(t), Rule{})}, "front": {rule(when(team), Rule{ID: "front", Service: "db"})}},
	}
	got := r.of(Alert{Service: "db", Severity: Major})
	if got.Service != "db" || !slices.Equal(asked, []rosters.TeamID{"dba", "front"}) {
		t.Errorf("it is of %s, and was asked for %s", got.Service, asked) // and nobody asks dba's rules then
	}
}

func TestRouting_ARuleThatFailsStopsThem(t *testing.T) {
	r := Routing{Rules: []ReadyRule{rule(certain(false), Rule{ID: "broken", Severity: Critical}), rule(never(t), Rule{})},
		Teams: map[rosters.TeamID][]ReadyRule{"dba": {rule(never(t), Rule{})}}}
	got := r.of(Alert{Service: "db", Severity: Major})
	if got.Failed != "broken" || got.Severity != Major || !slices.Equal(got.reasons(), []Reason{ReasonRuleFailed}) || got.Decisions[0].Basis["rule"] != "broken" ||
		got.Decisions[0].Text != "Rule broken failed (no such overload): the catch-all roster is paged, too." {
		t.Errorf("got %+v", got)
	}

	// A team's rule that fails takes nothing back of what was decided for all.
	r.Rules = []ReadyRule{rule(certain(true), Rule{ID: "all", Severity: Critical})}
	r.Teams["dba"] = []ReadyRule{rule(certain(false), Rule{ID: "theirs"}), rule(never(t), Rule{})}
	got = r.of(Alert{Service: "db", Severity: Major})
	if got.Failed != "theirs" || got.Severity != Critical || !slices.Equal(got.reasons(), []Reason{ReasonRule, ReasonRuleFailed}) {
		t.Errorf("got %+v", got)
	}
}

func TestRouting_RulesSeeTheAlertTheTeamAndTheTime(t *testing.T) {
	var seen Facts
	r := Routing{Words: Words{"": {"high": 1}}, Rules: []ReadyRule{rule(when(func(f *Facts) bool { seen = *f; return false }), Rule{})}}
	r.of(Alert{Service: "db", Severity: Major, Word: "high", Summary: "disk full", Labels: map[string]string{"cluster": "prod"}})
	if seen.Service != "db" || seen.Team != "dba" || !seen.Now.Equal(monday10) || seen.Summary != "disk full" || seen.Labels["cluster"] != "prod" || seen.Severity != Critical {
		t.Errorf("got %+v", seen) // the severity is what the word means
	}
}

func TestWords_OfASourceOverrideThoseForAll(t *testing.T) {
	words := Words{"": {"page": 2, "high": 2, "low": 3, "info": Unpaged}, "zabbix": {"page": 1, "disaster": 1}}
	for _, c := range []struct {
		source, word string
		want         Severity // 0: pages nobody
	}{
		{"zabbix", "page", 1},
		{"nagios", "page", 2},
		{"", "page", 2},
		{"zabbix", "high", 2},     // of which its own lines say nothing
		{"Zabbix", " PA-ge_", 1},  // however it is written
		{"nagios", "disaster", 3}, // another's word
		{"zabbix", "", 3},
		{"zabbix", "low", 3}, // as bad as the intake made it
		{"zabbix", "none of them", 3},
		{"zabbix", "info", 0},
	} {
		got := Routing{Words: words, Rules: []ReadyRule{}}.of(Alert{Service: "db", Source: c.source, Word: c.word, Severity: Minor})
		if got.Unpaged != (c.want == 0) || c.want != 0 && got.Severity != c.want {
			t.Errorf("%s of %s: severity %d, pages nobody: %t", c.word, c.source, got.Severity, got.Unpaged)
		}
		if changed := c.want != Minor && c.want != 0; changed != (len(got.Decisions) == 1) {
			t.Errorf("%s of %s: %+v", c.word, c.source, got.Decisions)
		}
	}
	got := Routing{Words: words}.of(Alert{Source: "zabbix", Word: "page", Severity: Minor}).Decisions[0]
	if want := `"page" of zabbix counts as severity 1.`; got.Text != want || got.Reason != ReasonWord ||
		!maps.Equal(got.Basis, map[string]string{"word": "page", "source": "zabbix", "severity": "1"}) {
		t.Errorf("got %+v", got)
	}
}

func TestWords_ThatPageNobodyAskNoRule(t *testing.T) {
	r := Routing{Words: Words{"": {"info": Unpaged}}, Rules: []ReadyRule{rule(never(t), Rule{})}, Teams: map[rosters.TeamID][]ReadyRule{"dba": {rule(never(t), Rule{})}}}
	if got := r.of(Alert{Service: "db", Word: "info", Severity: Critical}); !got.Unpaged || got.Decisions != nil {
		t.Errorf("got %+v", got)
	}
}

// What the intake did not understand is told, unless the operator knows the word, or nothing depends on it.
func TestDoubts_AreToldUnlessTheOperatorKnowsBetter(t *testing.T) {
	doubts := []Doubt{{Of: DoubtSeverity, Text: "severity"}, {Of: DoubtAction, Text: "action"}, {Of: DoubtRequest, Text: "request"}, {Of: DoubtMapping, Text: "mapping"}}
	for name, c := range map[string]struct {
		action Action
		word   string
		words  Words
		want   string
	}{
		"nobody knows the word": {Trigger, "blah", nil, "severity action request mapping"},
		"another source's word": {Amend, "blah", Words{"nagios": {"blah": 1}}, "severity action request mapping"},
		"the operator knows it": {Trigger, "Bl-ah", Words{"zabbix": {"blah": Meaning(Minor)}}, "action request mapping"},
		"it is over":            {Resolve, "blah", nil, "action request mapping"},
		"the word pages nobody": {Trigger, "blah", Words{"": {"blah": Unpaged}}, ""},
	} {
		var got []string
		for _, n := range (Routing{Words: c.words}).of(Alert{Action: c.action, Source: "zabbix", Word: c.word, Severity: Minor, Doubts: doubts}).Decisions {
			if n.Reason != ReasonDoubt || n.Basis["of"] != n.Text {
				t.Errorf("%s: %+v", name, n)
			}
			got = append(got, n.Text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: told of %q, want %q", name, got, c.want)
		}
	}
}

func TestFoldWord(t *testing.T) {
	for word, want := range map[string]string{"SEV-1": "sev1", "Sev 1": "sev1", "sev_1": "sev1", "\tsev\u00a01 ": "sev1", "ÄRGER": "ärger", "": "", "-": ""} {
		if got := FoldWord(word); got != want {
			t.Errorf("%q is %q, want %q", word, got, want)
		}
	}
}

// window is a maintenance of the database from and to so long after monday10.
func window(id int64, from, to string, c Condition) ReadyWindow {
	d := func(s string) time.Time {
		after, err := time.ParseDuration(s)
		if err != nil {
			panic(err)
		}
		return monday10.Add(after)
	}
	return ReadyWindow{Maintenance{ID: id, Service: "db", Reason: "window", From: d(from), To: d(to)}, c}
}

func (r Routing) heldAt(t *testing.T, after string) (Held, error) {
	t.Helper()
	d, err := time.ParseDuration(after)
	if err != nil {
		t.Fatal(err)
	}
	return r.Held("db", &Facts{Now: monday10.Add(d)})
}

func TestHeld_IsFromTheBeginningUntilTheEnd(t *testing.T) {
	r := Routing{Windows: map[ServiceID][]ReadyWindow{"db": {window(7, "1h", "2h", nil)}, "web": {window(8, "0s", "9h", nil)}}}
	for after, held := range map[string]bool{"0s": false, "59m59s": false, "59m59.5s": false, "1h": true, "119m59.9s": true, "2h": false} {
		got, err := r.heldAt(t, after)
		if held != (got == Held{7, monday10.Add(2 * time.Hour), "window"}) || !held && got != (Held{}) || err != nil {
			t.Errorf("at %s: %+v, %v", after, got, err)
		}
	}
	if got, _ := r.Held("mail", &Facts{Now: monday10.Add(90 * time.Minute)}); got != (Held{}) {
		t.Errorf("of another service: %+v", got)
	}
}

func TestHeld_OfSeveralTheOneThatLastsLongest(t *testing.T) {
	windows := []ReadyWindow{window(1, "0s", "2h", nil), window(2, "0s", "3h", nil), window(3, "0s", "1h", nil), window(4, "2h", "9h", nil)}
	for range 4 {
		windows = append(windows[1:], windows[0])
		r := Routing{Windows: map[ServiceID][]ReadyWindow{"db": windows}}
		if got, _ := r.heldAt(t, "30m"); got.Maintenance != 2 || !got.Until.Equal(monday10.Add(3*time.Hour)) {
			t.Errorf("got %+v", got)
		}
	}
}

func TestHeld_IsWhatTheConditionSays(t *testing.T) {
	no := when(func(f *Facts) bool { return f.Summary == "disk full" })
	r := Routing{Windows: map[ServiceID][]ReadyWindow{"db": {window(1, "0s", "9h", no), window(2, "0s", "1h", nil)}}}
	for summary, want := range map[string]int64{"disk full": 1, "too hot": 2} {
		if got, err := r.Held("db", &Facts{Alert: Alert{Summary: summary}, Now: monday10}); got.Maintenance != want || err != nil {
			t.Errorf("%s: %+v, %v", summary, got, err)
		}
	}
}

func TestHeld_AConditionThatFailsHoldsNothingBack(t *testing.T) {
	r := Routing{Windows: map[ServiceID][]ReadyWindow{"db": {window(1, "0s", "9h", certain(false))}}}
	if got, err := r.heldAt(t, "1m"); got != (Held{}) || err == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := r.heldAt(t, "9h"); err != nil { // it is over, and nobody asks
		t.Error(err)
	}
	r.Windows["db"] = append(r.Windows["db"], window(2, "0s", "1h", nil)) // the others count
	if got, err := r.heldAt(t, "1m"); got.Maintenance != 2 || err == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	saysYes := yesBut{errors.New("but")} // whatever it says besides
	r.Windows["db"] = []ReadyWindow{window(1, "0s", "9h", saysYes)}
	if got, _ := r.heldAt(t, "1m"); got != (Held{}) {
		t.Errorf("got %+v", got)
	}
}

type yesBut struct{ error }

func (y yesBut) Holds(*Facts) (bool, error) { return true, y.error }

// again is a maintenance that comes again and again.
func again(rule string, length time.Duration) Routing {
	m := Maintenance{ID: 1, Service: "db", Again: &rosters.Recurring{Zone: "Europe/Berlin", Start: "2026-01-05T22:00:00", Rule: rule, Length: length}}
	return Routing{Windows: map[ServiceID][]ReadyWindow{"db": {{m, nil}}}}
}

func TestHeld_AgainAndAgain(t *testing.T) {
	r := again("FREQ=WEEKLY;BYDAY=MO", 2*time.Hour) // ten in the evening in Berlin is nine in the evening in UTC
	for after, until := range map[string]string{"10h59m": "", "11h": "13h", "12h59m": "13h", "13h": "", "178h59m": "", "179h": "181h"} {
		got, err := r.heldAt(t, after)
		if err != nil {
			t.Fatal(err)
		}
		if until == "" {
			if got != (Held{}) {
				t.Errorf("at %s: %+v", after, got)
			}
			continue
		}
		if d, _ := time.ParseDuration(until); !got.Until.Equal(monday10.Add(d)) {
			t.Errorf("at %s: until %v, want %s", after, got.Until, until)
		}
	}
}

func TestHeld_WithoutAnEndDoesNotMoveWithTheClock(t *testing.T) {
	// Or every look at it would be another line in the timeline.
	r := again("FREQ=DAILY", 24*time.Hour)
	first, err := r.heldAt(t, "1h")
	if err != nil || first.Until.Before(monday10.Add(24*time.Hour)) {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, after := range []string{"1h1s", "2h", "13h"} {
		if got, _ := r.heldAt(t, after); got != first {
			t.Errorf("at %s: until %v, and before until %v", after, got.Until, first.Until)
		}
	}
}

func TestHeld_ARuleThatIsNoneHoldsNothingBack(t *testing.T) {
	if got, _ := again("FREQ=SOMETIMES", time.Hour).heldAt(t, "1h"); got != (Held{}) {
		t.Errorf("got %+v", got)
	}
}

func TestMaintenance_TakesPlaceBetween(t *testing.T) {
	once := window(1, "1h", "2h", nil)
	for _, c := range []struct {
		from, to string
		n        int
	}{{"0s", "1h", 0}, {"0s", "61m", 1}, {"119m", "9h", 1}, {"2h", "9h", 0}, {"90m", "91m", 1}} {
		from, to := window(0, c.from, c.to, nil).From, window(0, c.from, c.to, nil).To
		spans, err := once.Between(from, to)
		if err != nil || len(spans) != c.n || c.n == 1 && spans[0] != (rosters.Span{From: once.From, To: once.To}) {
			t.Errorf("%s to %s: %v, %v", c.from, c.to, spans, err)
		}
	}
	weekly := again("FREQ=WEEKLY;BYDAY=MO", 2*time.Hour).Windows["db"][0]
	if spans, err := weekly.Between(monday10, monday10.AddDate(0, 0, 14)); err != nil || len(spans) != 2 {
		t.Errorf("%v, %v", spans, err)
	}
	if _, err := again("FREQ=SOMETIMES", time.Hour).Windows["db"][0].Between(monday10, saturday10); err == nil {
		t.Error("a rule that is none says nothing")
	}
}

func TestCompare_TellsWhatWouldGoElsewhere(t *testing.T) {
	is := func(summary string) Condition { return when(func(f *Facts) bool { return f.Summary == summary }) }
	before := Routing{Words: Words{"": {"info": Unpaged}}, Rules: []ReadyRule{rule(is("rostered"), Rule{Page: []rosters.RosterID{"dba"}}), rule(is("broken"), Rule{})}}
	after := Routing{Words: Words{"": {"high": 1}}, Rules: []ReadyRule{
		rule(is("service"), Rule{Service: "web"}), rule(is("severity"), Rule{Severity: Critical}), rule(is("policy"), Rule{Policy: "night"}),
		rule(is("page"), Rule{Page: []rosters.RosterID{"dba"}}), rule(is("rostered"), Rule{Page: []rosters.RosterID{"net"}}), rule(is("as it was"), Rule{Service: "db"}),
		rule(when(func(f *Facts) bool { return f.Summary == "late" && f.Now.Equal(saturday10) }), Rule{Severity: Critical}),
	}}
	failing := after
	failing.Rules = append([]ReadyRule{{Rule{ID: "fails"}, failsOn("broken")}}, after.Rules...)
	var alerts []Alert
	var at []time.Time
	add := func(summary, word string, when time.Time) {
		alerts, at = append(alerts, Alert{Service: "db", Severity: Major, Summary: summary, Word: word}), append(at, when)
	}
	for _, summary := range []string{"service", "severity", "policy", "page", "rostered", "broken", "as it was", "nothing"} {
		add(summary, "", monday10)
	}
	add("late", "", monday10)
	add("late", "", saturday10)
	add("", "info", monday10)
	add("", "high", monday10)

	var got []string
	for _, e := range before.Compare(failing, alerts, at, known) {
		a := alerts[e.Alert]
		got = append(got, strings.TrimSpace(a.Summary+" "+a.Word))
		if was, now := before.Route(a, at[e.Alert], known), failing.Route(a, at[e.Alert], known); !sameWay(e.Was, was) || !sameWay(e.Now, now) {
			t.Errorf("%+v: was %+v, is %+v", a, e.Was, e.Now)
		}
	}
	if want := []string{"service", "severity", "policy", "page", "rostered", "broken", "late", "info", "high"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if same := failing.Compare(failing, alerts, at, known); len(same) > 0 {
		t.Errorf("to itself: %+v", same)
	}
}

func TestCompare_TheOrderOfRostersIsNoDifference(t *testing.T) {
	pages := func(ids ...rosters.RosterID) Routing {
		return Routing{Rules: []ReadyRule{rule(certain(true), Rule{Page: ids})}}
	}
	if got := pages("dba", "net").Compare(pages("net", "dba"), []Alert{{Service: "db"}}, []time.Time{monday10}, known); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
	if got := pages("dba", "net").Compare(pages("net", "web"), []Alert{{Service: "db"}}, []time.Time{monday10}, known); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// failsOn is a condition that fails for one summary, and matches no other.
type failsOn string

func (s failsOn) Holds(f *Facts) (bool, error) {
	if f.Summary == string(s) {
		return false, errors.New("cannot be told")
	}
	return false, nil
}
