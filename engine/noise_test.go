package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/engine"
	"rouse/rosters"
)

func TestNoiseValidate(t *testing.T) {
	many := func(n int) (by []string) {
		for i := range n {
			by = append(by, fmt.Sprint("label", i))
		}
		return by
	}
	const label = " must be the name of a label, of 1 to 200 characters"
	for name, c := range map[string]struct {
		noise engine.Noise
		want  string
	}{
		"nothing": {engine.Noise{}, "<nil>"},
		"all of it": {engine.Noise{Delay: map[engine.Severity]time.Duration{1: 0, 2: time.Minute, 3: 4 * time.Hour}, Return: engine.Return{Within: 24 * time.Hour, Once: true},
			Grouping: engine.Grouping{By: many(10), Within: 24 * time.Hour}, AutoClose: 90 * 24 * time.Hour}, "<nil>"},
		"as little as can be": {engine.Noise{Delay: map[engine.Severity]time.Duration{1: time.Nanosecond}, Return: engine.Return{Within: time.Second},
			Grouping: engine.Grouping{Within: time.Second}, AutoClose: time.Minute}, "<nil>"},
		"a delay too long":        {engine.Noise{Delay: map[engine.Severity]time.Duration{1: 4*time.Hour + 1}}, "/delay/1 must be 0s to 4h0m0s"},
		"a delay before now":      {engine.Noise{Delay: map[engine.Severity]time.Duration{2: -1}}, "/delay/2 must be 0s to 4h0m0s"},
		"several, in order":       {engine.Noise{Delay: map[engine.Severity]time.Duration{3: -1, 2: -1, 4: 0}}, "/delay/2 must be 0s to 4h0m0s\n/delay/3 must be 0s to 4h0m0s\n/delay/4 is not a severity; use 1, 2 or 3"},
		"a delay of nothing":      {engine.Noise{Delay: map[engine.Severity]time.Duration{0: time.Minute}}, "/delay/0 is not a severity; use 1, 2 or 3"},
		"a return too late":       {engine.Noise{Return: engine.Return{Within: 24*time.Hour + 1}}, "/return/within must be 0s or 1s to 24h0m0s"},
		"a return too soon":       {engine.Noise{Return: engine.Return{Within: time.Second - 1}}, "/return/within must be 0s or 1s to 24h0m0s"},
		"a return before the end": {engine.Noise{Return: engine.Return{Within: -time.Hour}}, "/return/within must be 0s or 1s to 24h0m0s"},
		"once of never":           {engine.Noise{Return: engine.Return{Once: true}}, "/return/once needs within: how soon after its end a trouble has to come back, such as 10m"},
		"a group too long":        {engine.Noise{Grouping: engine.Grouping{Within: 24*time.Hour + 1}}, "/grouping/within must be 0s or 1s to 24h0m0s"},
		"a group too short":       {engine.Noise{Grouping: engine.Grouping{Within: 1}}, "/grouping/within must be 0s or 1s to 24h0m0s"},
		"eleven labels":           {engine.Noise{Grouping: engine.Grouping{By: many(11)}}, "/grouping/by may list 10 labels"},
		"a label without a name":  {engine.Noise{Grouping: engine.Grouping{By: []string{"a", ""}}}, "/grouping/by/1" + label},
		"a name too long":         {engine.Noise{Grouping: engine.Grouping{By: []string{strings.Repeat("ä", 201)}}}, "/grouping/by/0" + label},
		"as long as can be":       {engine.Noise{Grouping: engine.Grouping{By: []string{strings.Repeat("ä", 200)}}}, "<nil>"}, // characters, not bytes
		"closed too soon":         {engine.Noise{AutoClose: time.Minute - 1}, "/auto_close must be 0s (never) or 1m0s to 2160h0m0s"},
		"closed before":           {engine.Noise{AutoClose: -time.Hour}, "/auto_close must be 0s (never) or 1m0s to 2160h0m0s"},
		"closed too late":         {engine.Noise{AutoClose: 90*24*time.Hour + 1}, "/auto_close must be 0s (never) or 1m0s to 2160h0m0s"},
	} {
		if got := fields(c.noise.Validate()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
		svc := engine.Service{ID: "db", Noise: c.noise}
		want := c.want
		if want != "<nil>" {
			want = "/noise" + strings.ReplaceAll(want, "\n", "\n/noise")
		}
		if got := fields(svc.Validate()); got != want {
			t.Errorf("%s, in a service: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestMaintenanceValidate(t *testing.T) {
	at := time.Date(2026, 1, 12, 10, 0, 0, 0, time.UTC)
	span := func(d time.Duration, reason string) engine.Maintenance {
		return engine.Maintenance{Service: "db", Reason: reason, From: at, To: at.Add(d)}
	}
	again := func(length time.Duration, reason string) engine.Maintenance {
		return engine.Maintenance{Service: "db", Reason: reason, Again: &rosters.Recurring{Zone: "UTC", Start: "2026-01-05T22:00:00", Rule: "FREQ=WEEKLY", Length: length}}
	}
	each := func(rule string, length time.Duration, reason string) engine.Maintenance {
		return engine.Maintenance{Service: "db", Reason: reason, Again: &rosters.Recurring{Zone: "Europe/Berlin", Start: "2026-01-05T22:00:00", Rule: rule, Length: length}}
	}
	const endless = " comes again before it ends: together that is longer than 720h0m0s, the limit; give it a break, or an end"
	both, broken := again(time.Hour, ""), again(0, "")
	both.To = at
	broken.Again.Zone = "Nowhere"
	const neither, late, long = "/to needs from and to, or again: a rule by which it recurs", "/to must be later than from", " is longer than 720h0m0s, the limit"
	for name, c := range map[string]struct {
		m    engine.Maintenance
		want string
	}{
		"an hour":                      {span(time.Hour, ""), "<nil>"},
		"a day":                        {span(24*time.Hour, ""), "<nil>"},
		"more than a day":              {span(24*time.Hour+1, ""), "/reason is needed for more than 24h0m0s: nobody is paged for so long"},
		"explained":                    {span(24*time.Hour+1, "new disks"), "<nil>"},
		"thirty days":                  {span(720*time.Hour, "new disks"), "<nil>"},
		"more than thirty days":        {span(720*time.Hour+1, "new disks"), "/to" + long},
		"and not explained":            {span(720*time.Hour+1, ""), "/to" + long},
		"no time":                      {span(0, ""), late},
		"backwards":                    {span(-time.Hour, ""), late},
		"never":                        {engine.Maintenance{Service: "db"}, neither},
		"without beginning":            {engine.Maintenance{Service: "db", To: at}, neither},
		"without end":                  {engine.Maintenance{Service: "db", From: at}, neither},
		"every week":                   {again(time.Hour, ""), "<nil>"},
		"every week for long":          {again(25*time.Hour, ""), "/reason is needed for more than 24h0m0s: nobody is paged for so long"},
		"every day, all day":           {each("FREQ=DAILY", 24*time.Hour, "new disks"), "/again/length" + endless},
		"every hour, for nearly a day": {each("FREQ=HOURLY", 22*time.Hour, ""), "/again/length" + endless},
		"every day, nearly all day":    {each("FREQ=DAILY", 22*time.Hour, ""), "<nil>"},
		"every hour, for half of it":   {each("FREQ=HOURLY", 30*time.Minute, ""), "<nil>"},
		"a week of whole days":         {each("FREQ=DAILY;COUNT=7", 24*time.Hour, "new disks"), "<nil>"},
		"and nobody says why":          {each("FREQ=DAILY;COUNT=7", 24*time.Hour, ""), "/reason is needed for more than 24h0m0s without a break, as this one of 24h0m0s comes again before it ends: nobody is paged for so long"},
		"each day of some month":       {each("FREQ=YEARLY;BYMONTH=12;BYDAY=MO,TU,WE,TH,FR,SA,SU", 24*time.Hour, "new disks"), "/again/length" + endless},
		"each day of a leap month":     {each("FREQ=YEARLY;INTERVAL=4;BYMONTH=1,2;BYDAY=MO,TU,WE,TH,FR,SA,SU", 24*time.Hour, "new disks"), "/again/length" + endless},
		"two halves of a day":          {each("FREQ=DAILY;BYDAY=SA,SU", 12*time.Hour, ""), "<nil>"},
		"a day on which clocks change": {each("FREQ=WEEKLY;BYDAY=SA", 24*time.Hour, ""), "<nil>"},
		"every week for too long":      {again(721*time.Hour, "new disks"), "/again/length" + long},
		"both":                         {both, "/again stands instead of from and to; give one of the two"},
		"a reason too long":            {span(time.Hour, strings.Repeat("ä", 501)), "/reason must be at most 500 characters"},
		"as long as can be":            {span(time.Hour, strings.Repeat("ä", 500)), "<nil>"},
	} {
		if got := fields(c.m.Validate()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
	got := fields(broken.Validate())
	for _, want := range []string{"/again/length must be longer than nothing", "/again/zone "} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

func TestRuleValidate(t *testing.T) {
	const slug = " must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"
	many := func(n int) (ids []rosters.RosterID) {
		for range n {
			ids = append(ids, "dba")
		}
		return ids
	}
	for name, c := range map[string]struct {
		r    engine.Rule
		want string
	}{
		"one that changes nothing": {engine.Rule{ID: "none"}, "<nil>"},
		"all of it":                {engine.Rule{ID: "all", Name: "All of it", Service: "db", Policy: "night", Severity: 3, Page: many(20)}, "<nil>"},
		"no slug":                  {engine.Rule{ID: "All"}, "/id" + slug},
		"no name":                  {engine.Rule{ID: "x", Name: "a\nb"}, "/name must be at most 200 characters, without line ends or control characters"},
		"a service of no slug":     {engine.Rule{ID: "x", Service: "a b"}, "/service" + slug},
		"a policy of no slug":      {engine.Rule{ID: "x", Policy: "-a"}, "/policy" + slug},
		"a severity of nothing":    {engine.Rule{ID: "x", Severity: 4}, "/severity is not a severity; use 1, 2 or 3"},
		"a severity below":         {engine.Rule{ID: "x", Severity: -1}, "/severity is not a severity; use 1, 2 or 3"},
		"21 rosters":               {engine.Rule{ID: "x", Page: many(21)}, "/page may list 20 rosters"},
		"a roster of no slug":      {engine.Rule{ID: "x", Page: []rosters.RosterID{"dba", ""}}, "/page/1" + slug},
	} {
		if got := fields(c.r.Validate()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestGrouping_GoesByTheLabels(t *testing.T) {
	of := func(g engine.Grouping, labels ...string) string {
		a := engine.Alert{Service: "db", Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			a.Labels[labels[i]] = labels[i+1]
		}
		return g.Of(a)
	}
	by := engine.Grouping{By: []string{"cluster", "rack"}}
	prod := of(by, "cluster", "prod", "rack", "1", "host", "a")
	if prod == "" || prod != of(by, "cluster", "prod", "rack", "1", "host", "b") {
		t.Error("two alerts of one cluster and rack are of two groups")
	}
	for name, other := range map[string]string{
		"another rack":       of(by, "cluster", "prod", "rack", "2"),
		"no rack":            of(by, "cluster", "prod"),
		"the other way":      of(by, "cluster", "1", "rack", "prod"),
		"grouped by another": of(engine.Grouping{By: []string{"cluster", "row"}}, "cluster", "prod", "row", "1"),
	} {
		if other == prod {
			t.Errorf("%s is of the same group", name)
		}
	}
	if of(by, "cluster", "prod") != of(by, "cluster", "prod", "rack", "") {
		t.Error("a label that is missing is not an empty one")
	}
	all := engine.Grouping{Within: time.Minute}
	if of(all, "a", "b") != of(all, "c", "d") || of(all) == "" {
		t.Error("without labels, not all alerts are of one group")
	}
	for name, alone := range map[string]string{
		"no label of those":      of(by, "host", "a"),
		"no label at all":        of(by),
		"labels without a value": of(by, "cluster", "", "rack", ""),
		"a request nobody read":  all.Of(engine.Alert{Doubts: []engine.Doubt{{Of: engine.DoubtRequest, Text: "It is not JSON."}}}),
		"a mapping that failed":  all.Of(engine.Alert{Doubts: []engine.Doubt{{Of: engine.DoubtMapping}}}),
		"what a person raised":   by.Of(engine.Alert{Labels: map[string]string{"cluster": "prod"}, Raised: &engine.Described{}}),
	} {
		if alone != "" {
			t.Errorf("%s: it is of a group, and pages nobody while that is in somebody's hands", name)
		}
	}
	if all.Of(engine.Alert{Doubts: []engine.Doubt{{Of: engine.DoubtSeverity}}}) == "" {
		t.Error("whose severity alone is in doubt is of no group")
	}
	cut := engine.Alert{Labels: map[string]string{"cluster": "prod", "rack": "1"}, Doubts: []engine.Doubt{{Of: engine.DoubtRequest, Text: "It was cut."}}}
	if by.Of(cut) != prod || all.Of(cut) == "" {
		t.Error("of a cut request, what its labels say was read is of no group: in a storm each would page")
	}
	if g := (engine.Grouping{}); g.Groups() || of(g, "a", "b") != "" || !all.Groups() || !by.Groups() {
		t.Error("nothing is grouped, and what is, is not")
	}
}

// Whatever stands in labels: other values are another group.
func TestGrouping_TellsAllValuesApart(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00\x01\x02=\"\\,")), 0, 6, -1)
	rapid.Check(t, func(rt *rapid.T) {
		g := engine.Grouping{By: []string{"a", "b"}}
		one := map[string]string{"a": text.Draw(rt, "a"), "b": text.Draw(rt, "b")}
		other := map[string]string{"a": text.Draw(rt, "another a"), "b": text.Draw(rt, "another b")}
		same := one["a"] == other["a"] && one["b"] == other["b"]
		if (g.Of(engine.Alert{Labels: one}) == g.Of(engine.Alert{Labels: other})) != same {
			rt.Fatalf("%q and %q", one, other)
		}
	})
	a := engine.Alert{Labels: map[string]string{"a": "1\x01b\x002", "b": "3"}}
	b := engine.Alert{Labels: map[string]string{"a": "1", "b": "2\x01b\x003"}}
	if g := (engine.Grouping{By: []string{"a", "b"}}); g.Of(a) == g.Of(b) {
		t.Errorf("%q and %q are of one group", a.Labels, b.Labels)
	}
}
