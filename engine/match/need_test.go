package match

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/engine"
)

// TestMain has rapid keep no files of what failed: the seed that it prints is enough.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// bare is the condition without its needs: the expression is evaluated whatever they say.
func (c *Condition) bare() *Condition { return &Condition{program: c.program} }

func read(t testing.TB, expression string) *Condition {
	t.Helper()
	c, err := Read(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return c
}

func TestNeeds_AreTheEquationsThatMustHold(t *testing.T) {
	for when, want := range map[string]string{
		`service == "db"`:             `service=db`,
		`"db" == service`:             `service=db`,
		`team == "dba"`:               `team=dba`,
		`source == "zabbix"`:          `source=zabbix`,
		`labels.cluster == "prod"`:    `labels.cluster=prod`,
		`labels["a b"] == "prod"`:     `labels.a b=prod`,
		`"prod" == labels["cluster"]`: `labels.cluster=prod`,
		`labels.cluster == ""`:        `labels.cluster=`,
		`service == "db" && (team == "dba" && severity == 1) && labels.a == "x"`: `service=db team=dba labels.a=x`,
		`summary.contains("x") && service == "db"`:                               `service=db`,

		// What need not hold, or is no equation with a text.
		`service == "db" || team == "dba"`:    ``,
		`!(service == "db")`:                  ``,
		`service != "db"`:                     ``,
		`service == team`:                     ``,
		`service == "d" + "b"`:                ``,
		`"a" == "b"`:                          ``,
		`summary == "x"`:                      ``,
		`severity == 1`:                       ``,
		`true ? service == "db" : true`:       ``,
		`(service == "db") == false`:          ``,
		`labels.all(service, service == "x")`: ``,
		`labels[service] == "x"`:              ``,
		`labels["a"].contains("x")`:           ``,
		`labels.a.endsWith("x") && (severity == 1 || team == "x")`: ``,
		`"cluster" in labels`:                  ``,
		`{"service": "db"}["service"] == "db"`: ``,
		`{"cluster": "db"}.cluster == "db"`:    ``,
	} {
		var got []string
		for _, n := range read(t, when).needs {
			field := n.field
			if n.label != "" {
				field += "." + n.label
			}
			got = append(got, field+"="+n.value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s needs %q, want %q", when, got, want)
		}
	}
}

var (
	names = []string{"a", "b", "service"}
	texts = []string{"", "a", "db", "prod"}
)

// expressions draws conditions of all kinds, true, false and such that cannot be told.
func expressions() *rapid.Generator[string] {
	name, text := rapid.SampledFrom(names), rapid.SampledFrom(texts)
	field := rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 5).Draw(t, "field") {
		case 0:
			return "labels." + name.Draw(t, "label")
		case 1:
			return fmt.Sprintf("labels[%q]", name.Draw(t, "label"))
		case 2:
			return rapid.SampledFrom([]string{"summary", "word", "key", "details"}).Draw(t, "text")
		default:
			return rapid.SampledFrom([]string{"service", "team", "source"}).Draw(t, "name")
		}
	})
	atom := rapid.Custom(func(t *rapid.T) string {
		f, v := field.Draw(t, "of"), fmt.Sprintf("%q", text.Draw(t, "value"))
		return rapid.SampledFrom([]string{
			f + " == " + v, f + " == " + v, f + " == " + v, v + " == " + f, f + " != " + v, f + " == " + field.Draw(t, "other"),
			f + ".contains(" + v + ")", f + ".matches(\"^a\")", f + " < " + v, "(" + f + " == " + v + ") == true",
			"severity <= 2", "true", "false", v + " in labels", "now.weekday(\"UTC\") == \"mon\"",
			"int(" + f + ") > 0", "1 / (severity - 2) > 0", "now.clock(" + f + ") > \"1\"", f + ".matches(labels.a + \"(\")", // which fail
			"labels.exists(service, service == " + v + ")", "labels.all(team, labels[team] == " + v + ")", "labels.exists(labels, labels == " + v + ")",
			"[\"a\"].exists(source, source == " + v + ")", "labels == {\"a\": " + v + "}",
		}).Draw(t, "atom")
	})
	var whole func(depth int) *rapid.Generator[string]
	whole = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			kind := rapid.IntRange(0, 7).Draw(t, "kind")
			if depth == 0 || kind < 2 {
				return atom.Draw(t, "atom")
			}
			a, b := whole(depth-1).Draw(t, "left"), whole(depth-1).Draw(t, "right")
			switch kind {
			case 2:
				return "(" + a + ") || (" + b + ")"
			case 3:
				return "!(" + a + ")"
			case 4:
				return "(" + a + ") ? (" + b + ") : (" + whole(depth-1).Draw(t, "else") + ")"
			default:
				return "(" + a + ") && (" + b + ")"
			}
		})
	}
	return whole(3)
}

// facts draws alerts of which expressions tell something.
func facts() *rapid.Generator[*engine.Facts] {
	text := rapid.SampledFrom(texts)
	return rapid.Custom(func(t *rapid.T) *engine.Facts {
		return &engine.Facts{
			Alert: engine.Alert{Service: engine.ServiceID(text.Draw(t, "service")), Severity: engine.Severity(rapid.IntRange(1, 3).Draw(t, "severity")),
				Source: text.Draw(t, "source"), Summary: text.Draw(t, "summary"), Word: text.Draw(t, "word"), DedupKey: text.Draw(t, "key"),
				Labels: rapid.MapOfN(rapid.SampledFrom(names), text, 0, 3).Draw(t, "labels")},
			Team: "dba",
			Now:  time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC),
		}
	})
}

// What an expression needs never changes what it says: without a look at that, it says the same, and fails
// where it fails.
func TestNeeds_NeverChangeTheAnswer(t *testing.T) {
	seen := map[string]int{}
	expression, alert := expressions(), facts()
	rapid.Check(t, func(rt *rapid.T) {
		when := expression.Draw(rt, "when")
		c, err := Read(when)
		if err != nil {
			rt.Fatalf("%s: %v", when, err)
		}
		for range 8 {
			f := alert.Draw(rt, "facts")
			bare, again := *f, *f
			got, err := c.Holds(f)
			want, wantErr := c.bare().Holds(&bare)
			if got != want || (err == nil) != (wantErr == nil) {
				rt.Fatalf("%s of %+v: %v, %v; without a look at what it needs: %v, %v", when, again, got, err, want, wantErr)
			}
			if len(c.needs) > 0 && err == nil {
				seen[fmt.Sprint(got)]++
			}
		}
	})
	if seen["true"] == 0 || seen["false"] == 0 {
		t.Errorf("of those that need something: %v", seen)
	}
}

// Of one thing a need makes more: what comes to more steps than it may, and is false in any case, is false.
func TestNeeds_SpareWhatCostsTooMuch(t *testing.T) {
	c := read(t, `labels.all(a, labels.all(b, labels.all(c, labels.all(d, labels.all(e, size(a+b+c+d+e) > 0))))) && service == "other"`)
	f := disk()
	for n := 'a'; n <= 'z'; n++ {
		f.Labels[string(n)] = "x"
	}
	if got, err := c.Holds(f); got || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := c.bare().Holds(f); got || err == nil {
		t.Errorf("without: %v, %v", got, err)
	}
}

// One alert is asked by many rules, which share what was made of it.
func TestHolds_SharesTheFacts(t *testing.T) {
	f := disk()
	for _, c := range []struct {
		when string
		want bool
	}{{`summary.contains("Disk")`, true}, {`labels.cluster.startsWith("pr")`, true}, {`severity > 2`, false}, {`team < "dbb"`, true}} {
		if got, err := read(t, c.when).Holds(f); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", c.when, got, err)
		}
		if f.Prepared == nil {
			t.Errorf("%s keeps nothing", c.when)
		}
	}
}

// FuzzRead: whatever is written, it is read or refused, and what is read says the same twice, with and
// without a look at what it needs, or says that it cannot.
func FuzzRead(f *testing.F) {
	for _, when := range []string{`true`, `service == "database" && team == "dba"`, `labels["cluster"] == "prod" || labels.x.matches("^a")`, `!("a" in labels) ? severity < 2 : key != ""`,
		`labels.exists(n, n.startsWith("alert")) && now.weekday("Europe/Berlin") in ["sat"]`, `now.clock(labels.zone) >= "18:30"`, `int(summary) / (severity - 2) > size(details)`,
		`[1, 2].all(x, x > 0) && {"a": service}["a"] == "database"`, `now > timestamp("2026-11-21T00:00:00Z") + duration("1h")`, `labels == {"cluster": "prod"}`,
		`summary.contains(b"x")`, `"\u00e4\U0001F600" == word`, `((((service))))=="x"`, `labels.all(labels, labels == "")`} {
		f.Add(when, "db", "prod")
	}
	f.Fuzz(func(t *testing.T, when, service, label string) {
		c, err := Read(when)
		if err != nil {
			if err.Error() == "" {
				t.Error("refused without a word")
			}
			return
		}
		of := func() *engine.Facts {
			facts := disk()
			facts.Service, facts.Labels["cluster"], facts.Summary = engine.ServiceID(service), label, label+service
			return facts
		}
		facts := of()
		got, err := c.Holds(facts)
		if again, errAgain := c.Holds(facts); again != got || (err == nil) != (errAgain == nil) {
			t.Errorf("%v, %v, and then %v, %v", got, err, again, errAgain)
		}
		if err != nil && got {
			t.Error("it cannot be told, and is true")
		}
		bare, errBare := c.bare().Holds(of())
		spared := errBare != nil && strings.Contains(errBare.Error(), "limit")
		if bare != got || (err == nil) != (errBare == nil) && !spared {
			t.Errorf("%v, %v; without a look at what it needs: %v, %v", got, err, bare, errBare)
		}
	})
}

// manyRules are 500 of a large house, of which none matches: 400 begin with an equation, and of 100 the
// expression is asked in any case.
func manyRules(tb testing.TB) engine.Routing {
	var r engine.Routing
	for i := range 500 {
		when := [...]string{`labels.cluster == "cluster-%d" && severity <= 2`, `service == "service-%d"`, `source == "zabbix" && labels["team"] == "team-%d"`,
			`labels.env == "prod-%d" && summary.contains("disk")`, `summary.contains("disk of host-%d")`}[i%5]
		if i%10 == 9 {
			when = `summary.matches("(?i)^(disk|memory) of host-%d")`
		}
		r.Rules = append(r.Rules, engine.ReadyRule{Rule: engine.Rule{ID: "rule"}, Condition: read(tb, fmt.Sprintf(when, i))})
	}
	return r
}

func TestManyRules_AreWhatTheySay(t *testing.T) {
	r := manyRules(t)
	needy := 0
	for _, rule := range r.Rules {
		if len(rule.Condition.(*Condition).needs) > 0 {
			needy++
		}
	}
	if needy != 400 {
		t.Errorf("%d begin with an equation", needy)
	}
	none := func(engine.ServiceID) *engine.Service { return nil }
	if got := r.Route(disk().Alert, disk().Now, none); got.Decisions != nil {
		t.Errorf("got %+v", got.Decisions)
	}
	slices.Reverse(r.Rules)
	hit := disk().Alert
	hit.Summary = "Memory of host-499"
	if got := r.Route(hit, disk().Now, none); len(got.Decisions) != 1 {
		t.Errorf("got %+v", got.Decisions)
	}
}

// BenchmarkRoute is what 500 rules cost an alert of which none matches; the goal is 100 µs.
func BenchmarkRoute(b *testing.B) {
	r, a := manyRules(b), disk().Alert
	none := func(engine.ServiceID) *engine.Service { return nil }
	for b.Loop() {
		if r.Route(a, disk().Now, none).Failed != "" {
			b.Fatal("a rule failed")
		}
	}
}
