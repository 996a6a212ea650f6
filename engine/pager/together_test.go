package pager_test

import (
	"fmt"
	"sync"
	"testing"

	"rouse/engine"
	"rouse/engine/pager"
)

// atOnce brings alerts at the same time and returns what became of each.
func (h *house) atOnce(alerts ...engine.Alert) (outcomes []pager.Received, errs []error) {
	h.t.Helper()
	outcomes, errs = make([]pager.Received, len(alerts)), make([]error, len(alerts))
	var senders sync.WaitGroup
	for i, a := range alerts {
		senders.Go(func() { outcomes[i], errs[i] = h.Receive(h.t.Context(), a) })
	}
	senders.Wait()
	return outcomes, errs
}

func trouble(service engine.ServiceID, dedup string) engine.Alert {
	return engine.Alert{Service: service, Severity: engine.Critical, Summary: "Pushes fail", DedupKey: dedup}
}

// Rule 13: however many senders tell of a trouble at the same moment, it is one incident, and each is counted.
func TestAlertsThatComeTogetherOpenOneIncidentForEachTrouble(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const troubles, times = 5, 20
	var alerts []engine.Alert
	for i := range troubles * times {
		alerts = append(alerts, trouble("bitbucket", fmt.Sprint("db-", i%troubles)))
	}
	outcomes, errs := h.atOnce(alerts...)
	opened, keys := 0, map[engine.Key]bool{}
	for i, r := range outcomes {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		keys[r.Key] = true
		if r.Outcome == pager.Opened {
			opened++
		}
	}
	if opened != troubles || len(keys) != troubles {
		t.Errorf("%d were opened, with %d keys; want %d", opened, len(keys), troubles)
	}
	for key := range keys {
		if inc := h.incident(key); inc.AlertN != times {
			t.Errorf("%s counts %d alerts, want %d", key, inc.AlertN, times)
		}
	}
	if kept := ask[int](h, `select count(*) from alert`); kept != troubles*times {
		t.Errorf("%d alerts are kept, want %d", kept, troubles*times)
	}
}

// Rule 1: an alert that cannot be taken in is nobody else's trouble, though they came together.
func TestAnAlertThatCannotBeStoredHoldsUpNoneBesideIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into service (id, name, hours) values ('broken', 'Broken', '"no hours"')`) // as a hand in the table may leave it
	var alerts []engine.Alert
	for i := range 40 {
		service := engine.ServiceID("bitbucket")
		if i%8 == 0 {
			service = "broken"
		}
		alerts = append(alerts, trouble(service, fmt.Sprint("db-", i)))
	}
	outcomes, errs := h.atOnce(alerts...)
	for i, err := range errs {
		if broken := alerts[i].Service == "broken"; broken != (err != nil) {
			t.Errorf("alert %d for %s: %+v, %v", i, alerts[i].Service, outcomes[i], err)
		}
	}
}

// A trouble that ends and comes again while its alerts are taken in together is another incident each time,
// and the last word counts.
func TestATroubleThatEndsAmongOthersThatComeTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var alerts []engine.Alert
	for i := range 60 {
		a := trouble("bitbucket", fmt.Sprint("db-", i%3))
		if i%2 == 1 {
			a.Action = engine.Resolve
		}
		alerts = append(alerts, a)
	}
	outcomes, errs := h.atOnce(alerts...)
	opened := 0
	for i, r := range outcomes {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if r.Outcome == pager.Opened {
			opened++
		}
	}
	if n := ask[int](h, `select count(*) from incident`); n != opened {
		t.Errorf("%d incidents are there, and %d senders were told that theirs was opened", n, opened)
	}
	if n := ask[int](h, `select count(*) - count(distinct dedup_key) from incident where status <> 'resolved'`); n != 0 {
		t.Errorf("%d troubles have two open incidents", n)
	}
	if kept := ask[int](h, `select count(*) from alert`); kept != len(alerts) {
		t.Errorf("%d alerts are kept, want %d", kept, len(alerts))
	}
}
