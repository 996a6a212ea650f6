package pager_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rouse/engine"
)

func TestAttemptsAreCountedByWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	h.MoveClock(time.Minute)
	h.eventually(key, "texted", func(inc engine.Incident) bool {
		as := inc.Escalations[0].Pages[0].Attempts
		return len(as) == 2 && as[1].State == engine.Sent
	})
	h.MoveClock(31 * time.Second) // no receipt for the SMS: the call is made now
	h.eventually(key, "called", func(inc engine.Incident) bool {
		as := inc.Escalations[0].Pages[0].Attempts
		return len(as) == 3 && as[2].State == engine.Sent
	})
	want := map[string]float64{"push made": 1, "push sent": 1, "sms made": 1, "sms sent": 1, "sms silent": 1, "voice made": 1, "voice sent": 1}
	// What is counted is counted after the commit, which is what was waited for.
	h.until("counted", func() bool { return fmt.Sprint(attempts(t, h)) == fmt.Sprint(want) })
}

// attempts reads rouse_attempts_total, by channel and outcome.
func attempts(t *testing.T, h *house) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(h.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "rouse_attempts_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return got
}
