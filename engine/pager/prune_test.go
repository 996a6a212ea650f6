package pager_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rouse/engine/pager"
)

const day = 24 * time.Hour

// Prune goes through batches, removes an incident with all that hangs on it, and gives no key twice.
func TestWhatIsNotToBeKeptIsPruned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.bobAcknowledges("HOT-1")
	if err := h.Resolve(t.Context(), "HOT-1", "bob", ""); err != nil {
		t.Fatal(err)
	}
	h.exec(`insert into seen (id, at) select n, now() from generate_series(1, 1001) n`)
	h.exec(`insert into alert (received_at, action, source, severity, summary, raw) values (now(), 'resolve', '', 1, 'x', '{}')`)
	keep := pager.Keep{Raw: 20 * day, Incidents: 32 * day}
	prune := func(want pager.Pruned) {
		t.Helper()
		if got, err := h.Prune(t.Context(), keep); err != nil || got != want {
			t.Errorf("pruned %+v, %v; want %+v", got, err, want)
		}
	}
	prune(pager.Pruned{})
	h.MoveClock(21 * day)
	prune(pager.Pruned{Originals: 2, Strays: 1})
	h.MoveClock(10 * day)
	prune(pager.Pruned{Seen: 1001, Notices: 1}) // the notice told Ann that Bob has it
	h.MoveClock(2 * day)
	prune(pager.Pruned{Incidents: 1})
	for _, table := range []string{"incident", "escalation", "page", "attempt", "alert", "timeline", "seen"} {
		if n := ask[int](h, `select count(*) from `+table); n != 0 {
			t.Errorf("%s still has %d rows", table, n)
		}
	}
	if r := h.alert("db-1"); r.Key != "HOT-2" {
		t.Errorf("the next incident is %s: a key was given again", r.Key)
	}
}

func TestNothingIsPrunedThatIsKeptForEver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.alert("db-1")
	if err := h.Resolve(t.Context(), "HOT-1", "bob", ""); err != nil {
		t.Fatal(err)
	}
	h.MoveClock(1000 * day)
	if got, err := h.Prune(t.Context(), pager.Keep{}); err != nil || got != (pager.Pruned{}) {
		t.Errorf("pruned %+v, %v", got, err)
	}
}

// An open incident keeps all it has, but for the originals of its alerts.
func TestAnOpenIncidentIsNotPruned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.pushed("db-1")
	h.MoveClock(100 * day)
	got, err := h.Prune(t.Context(), pager.Keep{Raw: day, Incidents: 30 * day})
	if err != nil || got != (pager.Pruned{Originals: 1}) {
		t.Errorf("pruned %+v, %v", got, err)
	}
}

func TestWhileOneNodePrunesAnotherDoesNot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`insert into seen (id, at) values ('x', now() - interval '1 year')`)
	unlock := h.lock(`select pg_advisory_xact_lock(x'7072756e65'::bigint)`)
	if got, err := h.Prune(t.Context(), pager.Keep{}); err != nil || got != (pager.Pruned{}) {
		t.Errorf("beside another node: pruned %+v, %v", got, err)
	}
	unlock()
	h.until("it prunes when the other has ended", func() bool {
		got, err := h.Prune(t.Context(), pager.Keep{})
		return err == nil && got.Seen == 1
	})
}

func TestPruningEndsWithTheNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.PruneHourly(ctx, pager.Keep{}); close(ended) }()
	cancel()
	await(h, "the end of pruning", ended)
	h.exec(`insert into seen (id, at) values ('x', now() - interval '1 year')`)
	if _, err := h.Prune(ctx, pager.Keep{}); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("a batch of a node that stops gave %v", err)
	}
}
