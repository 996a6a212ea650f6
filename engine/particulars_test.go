package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rouse/rosters"
)

func randomDescription(rt *rapid.T, by string) Described {
	d := Described{By: by}
	word := rapid.SampledFrom([]string{"", "a", "b", "c, d"})
	text := func(name string) *string {
		if !rapid.Bool().Draw(rt, name+" is said") {
			return nil
		}
		s := word.Draw(rt, name)
		return &s
	}
	d.Summary, d.Description, d.Reporter, d.Contact = text("summary"), text("description"), text("reporter"), text("contact")
	if s := text("service"); s != nil {
		d.Service = (*ServiceID)(s)
	}
	if s := text("stage"); s != nil {
		d.Stage = (*Stage)(s)
	}
	if s := text("products"); s != nil {
		d.Products = &[]string{*s}
	}
	if s := text("links"); s != nil {
		d.Links = &[]Link{{Href: "https://example.com/" + *s}}
	}
	if rapid.Bool().Draw(rt, "impact ended is said") {
		at := rapid.SampledFrom([]time.Time{{}, monday, monday.Add(time.Hour)}).Draw(rt, "impact ended")
		d.ImpactEnded = &at
	}
	return d
}

// monday is some moment.
var monday = time.Date(2026, 1, 12, 2, 0, 0, 0, time.UTC)

// TestRule20_TheRecordCanBeToldFromTheTimeline: whatever people write down, one after the other, the lines that it leaves
// say how things stand, and each what stood before; nobody is paged by it.
func TestRule20_TheRecordCanBeToldFromTheTimeline(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inc := Incident{Status: rapid.SampledFrom([]Status{New, Fixing, Resolved}).Draw(rt, "status"), Summary: "a", Service: "b"}
		told := map[string]string{"summary": "a", "service": "b"}
		for range rapid.IntRange(1, 5).Draw(rt, "times") {
			var effects []Effect
			inc, effects = Step(inc, randomDescription(rt, "ann"), Env{Now: monday})
			for _, ef := range effects {
				n, ok := ef.(Note)
				if !ok || n.Reason != ReasonDescribed || n.By != "ann" {
					rt.Fatalf("%+v follows", ef)
				}
				if told[n.Basis["field"]] != n.Basis["before"] || n.Basis["before"] == n.Basis["after"] {
					rt.Fatalf("%v, and before it stood %q", n.Basis, told[n.Basis["field"]])
				}
				told[n.Basis["field"]] = n.Basis["after"]
			}
		}
		for _, p := range inc.particulars() {
			if told[p.name] != p.text {
				rt.Fatalf("the %s is %q, and the timeline says %q", p.name, p.text, told[p.name])
			}
		}
	})
}

func TestParticularsSayWhatIsWrong(t *testing.T) {
	many := make([]string, maxListed+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for name, c := range map[string]struct {
		p    Particulars
		want string
	}{
		"nothing":           {},
		"all that can be":   {p: Particulars{Description: strings.Repeat("ä", maxDescription), Products: many[1:], Reporter: strings.Repeat("ä", maxParticular), Stage: Mitigated, ImpactBegan: monday, ImpactEnded: monday, Cases: many[1:], Links: []Link{{Href: "https://example.com", Text: "李"}}}},
		"too long":          {p: Particulars{Description: strings.Repeat("ä", maxDescription+1)}, want: "/description must be at most 10000 characters"},
		"a line end":        {p: Particulars{Reporter: "a\nb", Contact: "\x00"}, want: "/reporter must be 0 to 200 characters, without line ends or control characters; /reporter_contact must be 0 to 200 characters, without line ends or control characters"},
		"no such stage":     {p: Particulars{Stage: "fixed"}, want: "/stage must be investigating, identified, mitigated, or empty"},
		"too many":          {p: Particulars{Products: many, Cases: many, Links: make([]Link, maxListed+1)}, want: "/links may list 50; /products may list 50; /support_cases may list 50"},
		"an empty one":      {p: Particulars{Products: []string{"a", ""}}, want: "/products/1 must be 1 to 200 characters, without line ends or control characters"},
		"a script":          {p: Particulars{Links: []Link{{Href: "javascript:alert(1)"}}}, want: "/links/0/href must be an http or https address of at most 2000 characters"},
		"a year":            {p: Particulars{DetectedAt: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}, want: "/detected_at must be within the years 2000 to 2100"},
		"ends before it is": {p: Particulars{ImpactBegan: monday.Add(time.Second), ImpactEnded: monday}, want: "/impact_ended_at must not be before impact_began_at, 2026-01-12T02:00:01Z"},
	} {
		var said []string
		if err, ok := c.p.Validate().(rosters.FieldErrors); ok {
			for _, f := range err {
				said = append(said, f.Field+" "+f.Problem)
			}
		}
		if got := strings.Join(said, "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
