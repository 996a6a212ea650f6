package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rouse/engine"
	"rouse/rosters"
)

// fields lists the pointers and problems of an error, one a line.
func fields(err error) string {
	var es rosters.FieldErrors
	if !errors.As(err, &es) {
		return fmt.Sprint(err)
	}
	var lines []string
	for _, e := range es {
		lines = append(lines, e.Field+" "+e.Problem)
	}
	return strings.Join(lines, "\n")
}

func policy(change func(*engine.Policy)) engine.Policy {
	p := engine.Policy{ID: "bitbucket", Name: "Bitbucket", AckExpiry: map[engine.Severity]time.Duration{1: time.Minute, 3: 0},
		Levels: []engine.Level{
			{Targets: []engine.Target{{Roster: "bitbucket-im"}, {Person: "ann"}}, Wait: time.Second},
			{Targets: []engine.Target{{Person: "bob"}}, Wait: 24 * time.Hour},
		}}
	change(&p)
	return p
}

func TestPolicyValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*engine.Policy)
		want   string
	}{
		"as it should be": {func(*engine.Policy) {}, "<nil>"},
		"a slug in capitals": {func(p *engine.Policy) { p.ID = "Bitbucket" },
			"/id must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"},
		"a name with a line end": {func(p *engine.Policy) { p.Name = "a\nb" },
			"/name must be at most 200 characters, without line ends or control characters"},
		"no levels":       {func(p *engine.Policy) { p.Levels = nil }, "/levels a policy needs 1 to 20 levels"},
		"21 levels":       {func(p *engine.Policy) { p.Levels = levels(21) }, "/levels a policy needs 1 to 20 levels"},
		"20 levels":       {func(p *engine.Policy) { p.Levels = levels(20) }, "<nil>"},
		"no wait":         {func(p *engine.Policy) { p.Levels[1].Wait = 0 }, "/levels/1/wait must be 1s to 24h0m0s"},
		"a wait too long": {func(p *engine.Policy) { p.Levels[0].Wait += 24 * time.Hour }, "/levels/0/wait must be 1s to 24h0m0s"},
		"no target": {func(p *engine.Policy) { p.Levels[0].Targets = nil },
			"/levels/0/targets a level needs 1 to 20 targets, or nobody would be paged"},
		"a target that is nobody": {func(p *engine.Policy) { p.Levels[1].Targets[0] = engine.Target{} },
			"/levels/1/targets/0 must name exactly one of person and roster"},
		"a target that is two": {func(p *engine.Policy) { p.Levels[0].Targets[1].Roster = "dba" },
			"/levels/0/targets/1 must name exactly one of person and roster"},
		"a target that is no slug": {func(p *engine.Policy) { p.Levels[0].Targets[1].Person = "Ann" },
			"/levels/0/targets/1/person must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"},
		"an expiry too soon": {func(p *engine.Policy) { p.AckExpiry[1] = 59 * time.Second },
			"/ack_expiry/1 must be 0s (for ever) or 1m0s to 168h0m0s"},
		"an expiry too late": {func(p *engine.Policy) { p.AckExpiry[3] = 169 * time.Hour },
			"/ack_expiry/3 must be 0s (for ever) or 1m0s to 168h0m0s"},
		"an expiry of nothing": {func(p *engine.Policy) { p.AckExpiry[4] = time.Hour },
			"/ack_expiry/4 is not a severity; use 1, 2 or 3"},
		"several": {func(p *engine.Policy) { p.ID, p.Levels = "", nil },
			"/id must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen\n/levels a policy needs 1 to 20 levels"},
	} {
		if got := fields(policy(c.change).Validate()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func levels(n int) (ls []engine.Level) {
	for range n {
		ls = append(ls, engine.Level{Targets: []engine.Target{{Person: "ann"}}, Wait: time.Minute})
	}
	return ls
}

func TestServiceValidate(t *testing.T) {
	const slug = "must be 1 to 63 lower-case letters, digits and hyphens, and not begin with a hyphen"
	for name, c := range map[string]struct {
		svc  engine.Service
		want string
	}{
		"as it should be":     {engine.Service{ID: "bitbucket", Policy: "bitbucket"}, "<nil>"},
		"without policy":      {engine.Service{ID: "bitbucket"}, "<nil>"},
		"no slug":             {engine.Service{}, "/id " + slug},
		"a policy of no slug": {engine.Service{ID: "bitbucket", Policy: "a b"}, "/policy " + slug},
		"a name too long": {engine.Service{ID: "bitbucket", Name: strings.Repeat("ä", 201)},
			"/name must be at most 200 characters, without line ends or control characters"},
		"hours on no day": {engine.Service{ID: "bitbucket", Hours: rosters.Hours{Windows: []rosters.Window{{From: "09:00", To: "17:00"}}}},
			"/hours/windows/0/days must name 1 to 7 days"},
	} {
		if got := fields(c.svc.Validate()); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
