package pager_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"rouse/engine"
	"rouse/engine/enginedb"
	"rouse/engine/pager"
)

// A reader is stopped between its statements while a team is paged in. It must not see the page of an
// escalation that it has not seen.
func TestAnIncidentIsReadAsItWasAtOneMoment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	writer, err := h.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.WithoutCancel(t.Context()))
	write := func(sql string) {
		t.Helper()
		if _, err := writer.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	write(`lock table page in access exclusive mode`)
	var read engine.Incident
	var readErr error
	var reader sync.WaitGroup
	reader.Go(func() { read, readErr = enginedb.New(h.db).Incident(t.Context(), key) })
	h.untilWaiting(1) // it has read the incident and its escalations
	write(`insert into escalation (incident, no, role, ladder, state, level, round, round_at)
		select incident, 2, 'dba', ladder, state, level, round, round_at from escalation`)
	write(`insert into page (incident, no, escalation, person, level, round, state, started_at, contacts, next, code, live)
		select incident, 2, 2, 'carl', level, round, state, started_at, contacts, next, code, live from page`)
	write(`update incident set page_n = 2`)
	if err := writer.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader.Wait()
	if readErr != nil {
		t.Fatal(readErr)
	}
	if read.PageN != 1 || len(read.Escalations) != 1 || len(read.Escalations[0].Pages) != 1 {
		t.Errorf("read %d of %d pages and %d escalations, want what there was before", len(read.Escalations[0].Pages), read.PageN, len(read.Escalations))
	}
	if after := h.incident(key); after.PageN != 2 || len(after.Escalations) != 2 || len(after.Escalations[1].Pages) != 1 {
		t.Errorf("then read %+v", after)
	}
}

// The same without a director: readers and writers at once, and each incident that is read adds up.
func TestReadersOfABusyIncidentSeeItWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	key := h.pushed("db-1")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				inc, err := enginedb.New(h.db).Incident(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				pages, attempts := 0, 0
				for _, e := range inc.Escalations {
					pages += len(e.Pages)
					for _, p := range e.Pages {
						attempts += len(p.Attempts)
					}
				}
				if pages != inc.PageN || attempts != inc.AttemptN {
					t.Errorf("read %d of %d pages and %d of %d attempts", pages, inc.PageN, attempts, inc.AttemptN)
					return
				}
			}
		})
	}
	for i := range 60 {
		in := pager.PageIn{Target: engine.Target{Person: "carl"}, Role: fmt.Sprint("role ", i)}
		if _, err := h.PageIn(t.Context(), key, in); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
}

// Rows that contradict each other are an error of whoever reads them, and cost no connection: the pool has
// only one.
func TestAnIncidentThatCannotBeReadCostsNoConnection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good, bad := h.pushed("db-1"), h.pushed("db-2")
	h.exec(`update page set escalation = 7 where incident = (select id from incident where key = $1)`, string(bad))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	one := enginedb.New(h.pool(1, nil))
	for range 3 {
		if _, err := one.Incident(ctx, bad); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("read with %v, want an error about the page", err)
		}
	}
	since := time.Now()
	if _, err := one.Incident(ctx, good); err != nil {
		t.Errorf("the next reader: %v", err)
	}
	h.inTime("the next reader", since)
}
