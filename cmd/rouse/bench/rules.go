package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// measureRules routes alerts by 500 rules of which none matches but the last: of ten, eight begin with an
// equation, one searches the summary, and one matches a label against a pattern.
func measureRules(_ context.Context, r *rig) ([]Figure, error) {
	var stored enginedb.Routing
	for i := range engine.MaxRules {
		when := fmt.Sprintf(`labels.team == "team-%d" && severity <= 2`, i)
		switch {
		case i == engine.MaxRules-1:
			when = `labels.cluster == "prod"`
		case i%10 == 8:
			when = fmt.Sprintf(`summary.contains("trouble %d")`, i)
		case i%10 == 9:
			when = fmt.Sprintf(`labels.instance.matches("^db%d[.]")`, i)
		}
		stored.Rules = append(stored.Rules, engine.Rule{ID: engine.RuleID(fmt.Sprint("rule-", i)), When: when, Severity: engine.Critical})
	}
	routing := pager.ReadRouting(stored)
	alert := engine.Alert{Severity: engine.Major, Service: "database", Summary: "Disk full on db1", Source: "alertmanager",
		Labels: map[string]string{"team": "dba", "cluster": "prod", "instance": "db1.example.com", "alertname": "DiskFull"}}
	nobody := func(engine.ServiceID) *engine.Service { return nil }
	now := time.Now()
	var took []time.Duration
	for end := now.Add(r.span(3 * time.Second)); time.Now().Before(end); {
		began := time.Now()
		routed := routing.Route(alert, now, nobody)
		took = append(took, time.Since(began))
		if routed.Severity != engine.Critical {
			return nil, fmt.Errorf("the last rule does not match: %+v", routed.Decisions)
		}
	}
	slices.Sort(took)
	micro := func(q float64) float64 { return float64(quantile(took, q)) / float64(time.Microsecond) }
	return []Figure{{Name: "500 rules, one alert, p50", Value: micro(0.5), Unit: "µs", Goal: "≤ 100", N: len(took)},
		{Name: "500 rules, one alert, p99", Value: micro(0.99), Unit: "µs", N: len(took)}}, nil
}
