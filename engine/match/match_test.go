package match

import (
	"strings"
	"testing"
	"time"

	"rouse/engine"
)

// disk is an alert of a Saturday evening in Berlin.
func disk() *engine.Facts {
	return &engine.Facts{
		Alert: engine.Alert{Service: "database", Severity: engine.Major, Word: "error", Summary: "Disk full on db1", Details: "95 %",
			Source: "alertmanager", DedupKey: "disk-db1", Labels: map[string]string{"cluster": "prod", "alertname": "DiskFull", "empty": ""}},
		Team: "dba",
		Now:  time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC),
	}
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		when string
		want bool
	}{
		{`true`, true},
		{`service == "database" && team == "dba"`, true},
		{`severity <= 2 && word == "error"`, true},
		{`summary.contains("Disk") && details.endsWith("%")`, true},
		{`summary.matches("(?i)^disk")`, true},
		{`source == "alertmanager" && key == "disk-db1"`, true},
		{`labels.cluster == "prod"`, true},
		{`labels["cluster"] == "prod"`, true},
		{`labels.nothing == "x"`, false},
		{`labels.nothing == ""`, true},
		{`"cluster" in labels && !("nothing" in labels) && "empty" in labels`, true},
		{`labels.exists(name, name.startsWith("alert"))`, true},
		{`now.weekday("Europe/Berlin") in ["sat", "sun"]`, true},
		{`now.clock("Europe/Berlin") >= "18:30" && now.clock("UTC") == "17:30"`, true},
		{`now.weekday("Pacific/Auckland") == "sun"`, true},
		{`now.getHours("Europe/Berlin") == 18`, true},
		{`now.getHours("+02:00") == 19 && now.getMinutes("-01:15") == 15`, true},
		{`now.clock(labels.cluster == "prod" ? "Europe/Berlin" : "UTC") == "18:30"`, true},
		{`now > timestamp("2026-11-21T00:00:00Z")`, true},
	} {
		condition, err := Read(c.when)
		if err != nil {
			t.Errorf("%s: %v", c.when, err)
			continue
		}
		if got, err := condition.Holds(disk()); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v", c.when, got, err)
		}
	}
}

func TestWhatIsNoConditionIsRefusedAndSaysWhere(t *testing.T) {
	for when, says := range map[string]string{
		``:                       "is empty",
		`  `:                     "is empty",
		`severity`:               "it has to give true or false",
		`serverity == 1`:         "line 1, column 1: undeclared reference to 'serverity'",
		`has(labels.cluster)`:    "undeclared reference to 'has'",
		`severity ==`:            "line 1, column 12",
		`severity == "1"`:        "line 1, column 10: found no matching overload",
		`labels.x == 1`:          "no matching overload",
		"true &&\n nosuch":       "line 2, column 2",
		`now.weekday() == "mon"`: "no matching overload",

		`severity == 1 && now.clock("Europe/Berlim") > "18:00"`:      `line 1, column 28: "Europe/Berlim" is no time zone; use an IANA name such as Europe/Berlin`,
		`now.weekday("Nowhere/Land") == "mon"`:                       `"Nowhere/Land" is no time zone`,
		`now.clock("") > "1"`:                                        `"" is no time zone`,
		`now.clock("+02:00") > "1"`:                                  `"+02:00" is no time zone`,
		`true ? severity == 1 : now.getHours("Europe/Berlim") == 1`:  `"Europe/Berlim" is no time zone`,
		`now.getDayOfWeek("+99:00") == 1`:                            `"+99:00" is no distance from UTC`,
		`summary.matches("(")`:                                       "",
		`size("` + strings.Repeat("x", maxLength) + `") > 1`:         "the limit is 4000",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200): "",
	} {
		if _, err := Read(when); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: got %v, want %q", when, err, says)
		}
	}
}

func TestTheConditionOfAMaintenanceLooksAtNoClock(t *testing.T) {
	if c, err := Timeless(`labels.cluster == "prod"`); err != nil || c == nil {
		t.Errorf("%v", err)
	}
	for _, when := range []string{`now.clock("UTC") > "18:00"`, `severity == 1 || now > timestamp("2026-11-21T00:00:00Z")`, `labels.exists(l, labels[l] == string(now))`} {
		if _, err := Timeless(when); err == nil || !strings.Contains(err.Error(), "is a recurring one: give again, with a rule") {
			t.Errorf("%s: %v", when, err)
		}
	}
	if _, err := Timeless(`nothing`); err == nil || !strings.Contains(err.Error(), "undeclared reference") {
		t.Errorf("%v", err)
	}
}

func TestAConditionThatCannotBeToldSaysSo(t *testing.T) {
	for _, when := range []string{`int(summary) > 1`, `now.clock(summary) > "1"`, `now.clock(labels.empty) > "1"`, `now.getHours(summary) > 1`, `1 / (severity - 2) > 0`,
		`labels.all(a, labels.all(b, labels.all(c, labels.all(d, labels.all(e, labels.all(f, labels.all(g, labels.all(h, size(a+b+c+d+e+f+g+h) > 0))))))))`} {
		condition, err := Read(when)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		facts := disk()
		for c := 'a'; c <= 'z'; c++ {
			facts.Labels[string(c)] = "x"
		}
		if got, err := condition.Holds(facts); got || err == nil {
			t.Errorf("%s: got %v, %v", when, got, err)
		}
	}
}

// BenchmarkHolds is what a rule costs.
func BenchmarkHolds(b *testing.B) {
	for _, when := range []string{`labels.cluster == "prod" && severity <= 2`, `service == "other"`, `summary.contains("memory")`,
		`labels.alertname.matches("^(Disk|Memory)")`, `now.clock("Europe/Berlin") < "08:00"`} {
		condition, err := Read(when)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(when, func(b *testing.B) {
			facts := disk()
			for b.Loop() {
				if _, err := condition.Holds(facts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
