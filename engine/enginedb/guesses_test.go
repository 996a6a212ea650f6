package enginedb_test

import (
	"sync"
	"testing"
	"time"

	"rouse/engine/enginedb"
	"rouse/migrations/dbtest"
)

// F19: however many nodes ask at the same moment, five codes of a number are looked up and no more.
func TestGuessesOfANumberAreCountedOnce(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	s := enginedb.New(pool)
	const limit, window = 5, 10 * time.Minute
	begin := func(number string) enginedb.Guess {
		t.Helper()
		g, err := s.BeginGuess(t.Context(), number, limit, window)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	var mu sync.Mutex
	var begun []int64
	var nodes sync.WaitGroup
	for range 12 {
		nodes.Go(func() {
			g, err := s.BeginGuess(t.Context(), "+491700000001", limit, window)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if g.ID != 0 {
				begun = append(begun, g.ID)
			}
		})
	}
	nodes.Wait()
	if len(begun) != limit {
		t.Fatalf("%d codes are looked up at the same time", len(begun))
	}
	if g := begin("+491700000001"); g.ID != 0 || g.Wrong != 0 {
		t.Errorf("while they are looked up: %+v, want to wait", g)
	}
	if g := begin("+491700000002"); g.ID == 0 {
		t.Error("another number waits as well")
	}
	for i, id := range begun {
		if err := s.EndGuess(t.Context(), id, i > 0); err != nil {
			t.Fatal(err)
		}
	}
	last := begin("+491700000001") // one of the five was right
	if last.ID == 0 || last.Wrong != 4 {
		t.Fatalf("after four wrong codes: %+v", last)
	}
	if err := s.EndGuess(t.Context(), last.ID, true); err != nil {
		t.Fatal(err)
	}
	if g := begin("+491700000001"); g.ID != 0 || g.Wrong != limit {
		t.Errorf("after five wrong codes: %+v", g)
	}
	if _, err := pool.Exec(t.Context(), `update guess set at = at - interval '10 minutes'`); err != nil {
		t.Fatal(err)
	}
	if g := begin("+491700000001"); g.ID == 0 || g.Wrong != 0 {
		t.Errorf("ten minutes later: %+v", g)
	}
	var left int
	if err := pool.QueryRow(t.Context(), `select count(*) from guess`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d are kept, %v; want the one", left, err)
	}
}
